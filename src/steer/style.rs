//! Blends of styles whose weights may move.

use super::{Moment, Signal};
use crate::limits::BLEND_MAX;
use crate::music::StyleBlend;
use std::sync::Arc;

/// Styles and their weights, each a number or a signal.
#[derive(Clone, Debug, PartialEq)]
pub enum StyleMix {
    /// All weights stand still. An empty blend asks for no style.
    Still(StyleBlend),
    /// Some move: the blend is made anew in each step.
    Moving(Arc<[(Arc<str>, Signal)]>),
}

impl Default for StyleMix {
    fn default() -> StyleMix {
        StyleMix::Still(StyleBlend::default())
    }
}

impl From<StyleBlend> for StyleMix {
    fn from(blend: StyleBlend) -> StyleMix {
        StyleMix::Still(blend)
    }
}

impl StyleMix {
    /// A mix of at most eight styles.
    pub fn new(parts: &[(Arc<str>, Signal)]) -> StyleMix {
        let parts = &parts[..parts.len().min(BLEND_MAX)];
        if parts.iter().any(|p| p.1.is_moving()) {
            return StyleMix::Moving(parts.into());
        }
        let still = |(name, weight): &(Arc<str>, Signal)| match weight {
            Signal::Constant(weight) => Some((name.clone(), *weight)),
            Signal::Moving(_) => None,
        };
        StyleMix::Still(blend(parts.iter().filter_map(still)))
    }

    /// True when no style is asked for, at any time.
    pub fn is_empty(&self) -> bool {
        matches!(self, StyleMix::Still(blend) if blend.0.is_empty())
    }

    /// Names of the styles.
    pub fn names(&self) -> Vec<&str> {
        match self {
            StyleMix::Still(blend) => blend.0.iter().map(|(name, _)| &**name).collect(),
            StyleMix::Moving(parts) => parts.iter().map(|(name, _)| &**name).collect(),
        }
    }

    /// The blend at a moment: weights below zero count as zero, the rest add up to 1; when none is above zero no style
    /// is asked for.
    pub fn at(&self, moment: &Moment) -> StyleBlend {
        match self {
            StyleMix::Still(blend) => blend.clone(),
            StyleMix::Moving(parts) => blend(parts.iter().map(|(name, weight)| (name.clone(), weight.at(moment)))),
        }
    }
}

fn blend(parts: impl Iterator<Item = (Arc<str>, f32)>) -> StyleBlend {
    let kept: Vec<_> = parts.filter(|p| p.1 > 0.0 && p.1.is_finite()).collect();
    let sum: f32 = kept.iter().map(|p| p.1).sum();
    StyleBlend(kept.into_iter().map(|(name, weight)| (name, weight / sum)).collect())
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::Chance;
    use crate::steer::Moving;
    use crate::time::{BarMap, StepIndex};

    #[test]
    fn a_mix_moves_by_step_and_adds_up_to_one() {
        let ramp = |from, to| Signal::from(Moving::Ramp { from, to, period_steps: 16.0 });
        let mix = StyleMix::new(&[("funk".into(), ramp(1.0, 0.0)), ("rock".into(), ramp(0.0, 1.0))]);
        let at = |step| {
            let place = BarMap::default().place(StepIndex(step));
            mix.at(&Moment { place, steps_in_section: 0, chance: Chance::new(1) })
        };
        assert_eq!(at(0), StyleBlend::new(&[("funk", 1.0)]));
        assert_eq!(at(4), StyleBlend::new(&[("funk", 0.75), ("rock", 0.25)]));
        assert_eq!(mix.names(), ["funk", "rock"]);
        let still = StyleMix::new(&[("funk".into(), Signal::Constant(2.0)), ("rock".into(), Signal::Constant(-1.0))]);
        assert_eq!(still, StyleBlend::new(&[("funk", 1.0)]).into());
        let silent = StyleMix::new(&[("funk".into(), ramp(-1.0, -2.0))]);
        let place = BarMap::default().place(StepIndex(3));
        let none = silent.at(&Moment { place, steps_in_section: 0, chance: Chance::new(1) });
        assert!(none.0.is_empty() && !silent.is_empty() && StyleMix::default().is_empty());
    }
}
