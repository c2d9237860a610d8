//! Signals: numbers that are a pure function of musical time.

use crate::music::{Chance, Purpose};
use crate::time::Place;
use std::sync::Arc;

/// When a signal is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Where the step stands.
    pub place: Place,
    /// Steps since the section (or the set) began.
    pub steps_in_section: u64,
    /// Chance of the set; signals fold their own address in.
    pub chance: Chance,
}

/// An expression over musical time. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// The same for ever.
    Constant(f32),
    /// Anything that moves.
    Moving(Arc<Moving>),
}

/// The moving kinds. Periods are in steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Moving {
    /// A sine between two values; begins in the middle, rising.
    Sine { low: f32, high: f32, period_steps: f32 },
    /// A straight line that starts again each period.
    Ramp { from: f32, to: f32, period_steps: f32 },
    /// Random values met smoothly, one each period.
    Walk { low: f32, high: f32, period_steps: f32, id: u64 },
    /// One value after another, each for some steps.
    Steps { values: Vec<f32>, each_steps: f32 },
    /// A random one of the values, drawn anew each period.
    Choose { values: Vec<f32>, each_steps: f32, id: u64 },
    /// `high` on the onsets of a euclidean rhythm, `low` elsewhere.
    Euclid { onsets: u32, of: u32, rotate: u32, low: f32, high: f32 },
    /// Sum.
    Add(Signal, Signal),
    /// Difference.
    Sub(Signal, Signal),
    /// Product.
    Mul(Signal, Signal),
    /// Quotient; by zero it is zero.
    Div(Signal, Signal),
    /// Kept between two bounds.
    Clamp { of: Signal, low: f32, high: f32 },
}

impl Signal {
    /// The value at a moment. Never fails; numbers that are none come out as they are and are clamped by the reader.
    pub fn at(&self, moment: &Moment) -> f32 {
        match self {
            Signal::Constant(value) => *value,
            Signal::Moving(moving) => moving.at(moment),
        }
    }
    /// True when the value can change with time.
    pub fn is_moving(&self) -> bool {
        matches!(self, Signal::Moving(_))
    }
}

impl From<Moving> for Signal {
    fn from(moving: Moving) -> Signal {
        Signal::Moving(Arc::new(moving))
    }
}

impl Moving {
    fn at(&self, m: &Moment) -> f32 {
        let step = m.place.step.0;
        let phase = |period: f32| (step as f64 / f64::from(period.max(0.25))) as f32;
        let draw = |id: u64, index: u64| m.chance.fold(id).unit(Purpose::Signal, index, 0);
        match self {
            Moving::Sine { low, high, period_steps } => {
                let turn = (step as f64 / f64::from(period_steps.max(0.25))).fract() as f32;
                low + (high - low) * (0.5 + 0.5 * sine_of_turn(turn))
            }
            Moving::Ramp { from, to, period_steps } => {
                from + (to - from) * (step as f64 / f64::from(period_steps.max(0.25))).fract() as f32
            }
            Moving::Walk { low, high, period_steps, id } => {
                let at = phase(*period_steps);
                let (index, t) = (at.floor(), at - at.floor());
                let smooth = t * t * (3.0 - 2.0 * t);
                let (a, b) = (draw(*id, index as u64), draw(*id, index as u64 + 1));
                low + (high - low) * (a + (b - a) * smooth)
            }
            Moving::Steps { values, each_steps } => {
                values.get(phase(*each_steps) as usize % values.len().max(1)).copied().unwrap_or(0.0)
            }
            Moving::Choose { values, each_steps, id } => {
                let index = phase(*each_steps) as u64;
                let pick = m.chance.fold(*id).below(Purpose::Signal, index, 1, values.len() as u64);
                values.get(pick as usize).copied().unwrap_or(0.0)
            }
            Moving::Euclid { onsets, of, rotate, low, high } => {
                let of = u64::from((*of).max(1));
                let at = (step + u64::from(*rotate)) % of;
                let is_onset = at * u64::from(*onsets) % of < u64::from(*onsets);
                if is_onset { *high } else { *low }
            }
            Moving::Add(a, b) => a.at(m) + b.at(m),
            Moving::Sub(a, b) => a.at(m) - b.at(m),
            Moving::Mul(a, b) => a.at(m) * b.at(m),
            Moving::Div(a, b) => {
                let by = b.at(m);
                if by == 0.0 { 0.0 } else { a.at(m) / by }
            }
            Moving::Clamp { of, low, high } => of.at(m).max(*low).min(*high),
        }
    }
}

/// Sine of a fraction of a turn, by a polynomial (the system's `sin` differs between machines).
/// Error below 1e-4, plenty for a knob. The polynomial is Taylor's of degree 9 on a quarter turn.
fn sine_of_turn(turn: f32) -> f32 {
    let t = turn - turn.floor();
    let (sign, t) = if t >= 0.5 { (-1.0, t - 0.5) } else { (1.0, t) };
    let t = if t > 0.25 { 0.5 - t } else { t };
    let x = t * std::f32::consts::TAU;
    let x2 = x * x;
    sign * x * (1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0))))
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::{BarMap, StepIndex};

    fn at(signal: &Signal, step: u64) -> f32 {
        let place = BarMap::default().place(StepIndex(step));
        signal.at(&Moment { place, steps_in_section: step, chance: Chance::new(1) })
    }

    #[test]
    fn a_sine_is_a_sine() {
        let s: Signal = Moving::Sine { low: -1.0, high: 1.0, period_steps: 64.0 }.into();
        for step in 0..200 {
            let expected = (step as f64 / 64.0 * std::f64::consts::TAU).sin() as f32;
            assert!((at(&s, step) - expected).abs() < 1e-4, "{step}");
        }
    }

    #[test]
    fn random_signals_stay_in_range_and_come_again() {
        let walk: Signal = Moving::Walk { low: 2.0, high: 3.0, period_steps: 5.0, id: 7 }.into();
        let choose: Signal = Moving::Choose { values: vec![1.0, 2.0], each_steps: 4.0, id: 7 }.into();
        for step in 0..500 {
            assert!((2.0..=3.0).contains(&at(&walk, step)));
            assert!([1.0, 2.0].contains(&at(&choose, step)));
            assert_eq!(at(&walk, step), at(&walk.clone(), step));
        }
        assert!((0..100).any(|s| at(&choose, s * 4) == 1.0) && (0..100).any(|s| at(&choose, s * 4) == 2.0));
    }

    #[test]
    fn a_euclidean_signal_has_its_onsets() {
        let s: Signal = Moving::Euclid { onsets: 3, of: 8, rotate: 0, low: 0.0, high: 1.0 }.into();
        let got: String = (0..8).map(|i| if at(&s, i) > 0.5 { 'x' } else { '.' }).collect();
        assert_eq!(got.matches('x').count(), 3);
        assert!(got.starts_with('x'));
    }
}
