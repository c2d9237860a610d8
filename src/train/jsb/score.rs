//! Means: published tables use two, over units and over pieces, and some leave out the first step. All are printed.

use super::steps::Step;
use serde::Serialize;

/// Nats a unit of some pieces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Mean over all units (notes or frames).
    pub nats: f64,
    /// Mean over pieces of the piece's mean.
    pub by_piece: f64,
    /// Mean over all units but those of first steps; no number when pieces have one step only.
    pub without_first: f64,
    /// `nats` in bits.
    pub bits: f64,
    /// Units in all.
    pub units: u64,
}

impl Score {
    /// Scores pieces by the nats of each step: of its number in the piece, the step before, itself.
    pub fn of<S: Step>(pieces: &[Vec<S>], nats: &dyn Fn(usize, Option<&S>, &S) -> f64) -> Score {
        let piece = |steps: &Vec<S>| {
            let before = std::iter::once(None).chain(steps.iter().map(Some));
            before.zip(steps).enumerate().map(|(t, (before, step))| nats(t, before, step)).collect::<Vec<_>>()
        };
        Score::of_steps(&pieces.iter().map(piece).collect::<Vec<_>>(), S::UNITS)
    }

    /// Scores pieces whose steps have these nats, and `units_a_step` units each.
    pub fn of_steps(pieces: &[Vec<f64>], units_a_step: u64) -> Score {
        let (mut all, mut first, mut piece_means, mut steps) = (0.0, 0.0, 0.0, 0);
        for piece in pieces {
            let sum: f64 = piece.iter().sum();
            all += sum;
            first += piece.first().copied().unwrap_or(0.0);
            steps += piece.len() as u64;
            piece_means += sum / (piece.len() as u64 * units_a_step) as f64;
        }
        let units = steps * units_a_step;
        let nats = all / units as f64;
        let later = (steps - pieces.len() as u64) * units_a_step;
        Score {
            nats,
            by_piece: piece_means / pieces.len() as f64,
            without_first: (all - first) / later as f64,
            bits: nats / std::f64::consts::LN_2,
            units,
        }
    }
}
