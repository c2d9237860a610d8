//! Control: is what was asked what was played?

use super::judge::Judge;
use super::players::{Watch, latent};
use super::windows::{Case, Take};
use crate::engine::gan::{BarMaker, BarNotes, BarScene};
use crate::music::ROLES;
use crate::train::gan_data;
use serde::Serialize;

/// Levels of a sweep, and windows that each level is asked in.
const LEVELS: usize = 9;
const WINDOWS: usize = 48;

/// How well one control of one role is obeyed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Control {
    /// Spearman's rank correlation of asked and played, over the asked windows with what was really played as the request.
    pub measured: Option<f64>,
    /// The same over a sweep of nine levels, everything else as it was.
    pub swept: Option<f64>,
    /// The levels of the sweep, and what was played at each in the mean.
    pub levels: Vec<(f64, f64)>,
}

/// Which control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Onsets or notes.
    Density,
    /// Mean pitch.
    Register,
}

impl Which {
    fn played(self, role: usize, bar: &BarNotes) -> Option<f64> {
        match self {
            Which::Density => Some(f64::from(gan_data::density(ROLES[role], bar))),
            Which::Register => gan_data::register(ROLES[role], bar).map(f64::from),
        }
    }

    fn ask(self, scene: &mut BarScene, level: f64) {
        match self {
            Which::Density => scene.density = Some(level as f32),
            Which::Register => scene.register = Some(level as f32),
        }
    }
}

/// Asked and played in takes, where the request was what was really played.
pub fn measured(judge: &Judge, role: usize, takes: &[Take], which: Which) -> Option<f64> {
    let bars = judge.cases(role).iter().zip(takes).flat_map(|(case, take)| case.real.bars.iter().zip(&take.bars));
    let pairs: Vec<_> =
        bars.filter_map(|(real, made)| Some((which.played(role, real)?, which.played(role, made)?))).collect();
    spearman(&pairs)
}

/// Asks nine levels, evenly over what nine tenths of the train bars have, of some windows whose first bar is not empty.
pub fn sweep(
    judge: &Judge,
    maker: &mut dyn BarMaker,
    role: usize,
    which: Which,
    watch: &mut Watch,
) -> (Option<f64>, Vec<(f64, f64)>) {
    let train = judge.train[role].iter().filter_map(|c| which.played(role, &c.real.bars[0]));
    let mut usual: Vec<f64> = train.filter(|v| *v > 0.0).collect();
    usual.sort_by(f64::total_cmp);
    let cases: Vec<&Case> =
        judge.cases(role).iter().filter(|c| !c.real.bars[0].notes.is_empty()).take(WINDOWS).collect();
    let (Some(low), Some(high)) = (usual.get(usual.len() / 20), usual.get(usual.len() * 19 / 20)) else {
        return (None, Vec::new());
    };
    let (mut pairs, mut levels) = (Vec::new(), Vec::new());
    for step in 0..LEVELS {
        let level = low + (high - low) * step as f64 / (LEVELS - 1) as f64;
        let before = pairs.len();
        for (number, case) in cases.iter().enumerate().take_while(|_| !watch.is_stopped()) {
            let mut scene = case.first(judge.corpus);
            which.ask(&mut scene, level);
            // The same latent vectors at each level, so that the control alone makes the difference.
            let bar = maker.make(&scene, &latent(1, case, number as u64, 0));
            pairs.extend(which.played(role, &bar).map(|played| (level, played)));
        }
        let played = super::gap::mean(pairs[before..].iter().map(|p: &(f64, f64)| p.1));
        levels.extend(played.map(|p| (level, p)));
        (watch.say)("sweeping controls", step + 1, LEVELS);
    }
    (spearman(&pairs), levels)
}

/// Spearman's rank correlation; ties share their mean rank. `None` when one side never changes.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let a = ranks(pairs.iter().map(|p| p.0).collect());
    let b = ranks(pairs.iter().map(|p| p.1).collect());
    let middle = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    let size = (product(&a, &a) * product(&b, &b)).sqrt();
    (size > 0.0).then(|| product(&a, &b) / size)
}

fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut below) = (vec![0.0; values.len()], 0.0);
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let count = equal.len() as f64;
        equal.iter().for_each(|i| ranks[*i] = below + (count - 1.0) / 2.0);
        below += count;
    }
    ranks
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ranks_correlate_whatever_the_scale() {
        let rho = |pairs: &[(f64, f64)]| spearman(pairs).map(|r| (r * 1000.0).round() / 1000.0);
        assert_eq!(rho(&[(1.0, 1.0), (2.0, 10.0), (3.0, 1000.0)]), Some(1.0));
        assert_eq!(rho(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        // Ranks 0.5 0.5 2 3 against 0 1 2 3.
        assert_eq!(rho(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]), Some(0.949));
        assert_eq!((rho(&[(1.0, 1.0), (1.0, 2.0)]), rho(&[])), (None, None));
    }
}
