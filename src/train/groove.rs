//! How well a model knows what drummers do: how hard each stroke of held-out performances is, and how far off the grid.
//!
//! Every stroke is guessed from what came before it: the strokes of earlier steps, and in its own step those of sounds that are
//! listed before it. The offset's guess is the median of the net's distribution (the best one for absolute errors), the
//! velocity's its mean (for squared ones). Beside it stand counting baselines, fitted to the train split, on the same strokes.

use super::batch::{Prepared, choices};
use super::data::prepare;
use super::live::Scorer;
use super::report::TrainError;
use crate::corpus::{Corpus, Split};
use crate::engine::heard::HeardNote;
use crate::engine::lstm::kernel::Simd;
use crate::engine::lstm::{Live, Packed, Weights};
use crate::music::Role;
use crate::time::Bpm;
use crate::token::classes::{OFFSET_CLASSES, VELOCITY_CLASSES, velocity_class};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A stroke as it was played.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    /// Kit class.
    class: usize,
    /// Step in its bar.
    position: u32,
    /// Distance from the grid.
    offset_ticks: f64,
    ms_per_tick: f64,
    /// 0..=1 of MIDI's 127.
    velocity: f64,
}

/// What a net expects of a stroke, class by class.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guess {
    /// Probabilities of velocity classes.
    pub velocity: [f64; VELOCITY_CLASSES],
    /// Probabilities of offset classes, whatever the velocity is.
    pub offset: [f64; OFFSET_CLASSES],
}

/// Errors of one way to guess.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrooveRow {
    /// Which way.
    pub name: String,
    /// Mean absolute error of the offset, milliseconds.
    pub offset_mae_ms: f64,
    /// Mean squared error of the offset, in sixteenths squared.
    pub offset_mse: f64,
    /// Mean squared error of the velocity, in units of 127.
    pub velocity_mse: f64,
    /// Mean absolute error of the velocity, likewise.
    pub velocity_mae: f64,
}

/// Errors on one split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrooveReport {
    /// Which works.
    pub split: Split,
    /// Performances.
    pub pieces: usize,
    /// Strokes.
    pub strokes: usize,
    /// Baselines, then the model.
    pub rows: Vec<GrooveRow>,
}

/// Scores a model on the performed drums of a split.
///
/// # Errors
/// One sentence: nothing performed in train or in the split, layers that the live step cannot play, an interruption.
pub fn evaluate(
    weights: &Weights,
    corpus: &Corpus,
    split: Split,
    stop: &AtomicBool,
) -> Result<GrooveReport, TrainError> {
    let performed = |split| {
        let pieces = prepare(corpus, split, &weights.card.styles);
        let is_played = |p: &Prepared| p.piece.is_performed && p.piece.has_velocity && p.piece.roles[0];
        pieces.into_iter().filter(is_played).collect::<Vec<_>>()
    };
    let (train, held_out) = (performed(Split::Train), performed(split));
    let learned: Vec<Stroke> = train.iter().flat_map(strokes).collect();
    let played: Vec<Stroke> = held_out.iter().flat_map(strokes).collect();
    if learned.is_empty() || played.is_empty() {
        let why =
            "there are no performed drums (with human timing and velocities) in train or in the split that is scored";
        return Err(TrainError::Data(why.into()));
    }
    let mut rows: Vec<GrooveRow> = BASELINES.iter().map(|b| b.row(&learned, &played)).collect();
    let packed = Packed::new(weights).map_err(|e| TrainError::Setting(e.to_string()))?;
    let mut scorer = Scorer::new(Live::new(Arc::new(packed), Simd::best()));
    scorer.guesses = Some(Vec::new());
    for piece in &held_out {
        scorer.piece(piece);
        if stop.load(Ordering::Relaxed) {
            return Err(TrainError::Data("the evaluation was interrupted".into()));
        }
    }
    let guesses = scorer.guesses.unwrap_or_default();
    rows.push(of_model(&learned, &played, &guesses));
    Ok(GrooveReport { split, pieces: held_out.len(), strokes: played.len(), rows })
}

/// The strokes of a performance, in the order in which a net lists them.
fn strokes(prepared: &Prepared) -> Vec<Stroke> {
    let piece = &*prepared.piece;
    let ms_per_tick = Bpm::new(f64::from(piece.bpm)).nanos_per_tick() / 1e6;
    let steps = piece.notes.chunk_by(|a, b| a.step == b.step);
    let of_step = |notes: &[crate::corpus::GridNote]| {
        let now: Vec<HeardNote> = notes.iter().map(|n| HeardNote { role: n.role, note: n.note }).collect();
        let position = prepared.place(notes[0].step).step_in_bar;
        let stroke = move |(class, note): (usize, crate::music::StepNote)| Stroke {
            class,
            position,
            offset_ticks: f64::from(note.offset_ticks),
            ms_per_tick,
            velocity: f64::from(note.velocity) / 127.0,
        };
        choices(&now, Role::Drums).into_iter().map(stroke)
    };
    steps.flat_map(of_step).collect()
}

/// A way to guess from counts.
struct Baseline {
    name: &'static str,
    /// What strokes are sorted by; `None` guesses "on the grid" and the mean velocity.
    key: Option<fn(&Stroke) -> u64>,
}

const BASELINES: &[Baseline] = &[
    Baseline { name: "on the grid, mean velocity", key: None },
    Baseline { name: "median, mean velocity", key: Some(|_| 0) },
    Baseline { name: "of the drum", key: Some(|s| s.class as u64) },
    Baseline { name: "of drum and place in the bar", key: Some(|s| s.class as u64 * 256 + u64::from(s.position)) },
];

impl Baseline {
    fn row(&self, learned: &[Stroke], played: &[Stroke]) -> GrooveRow {
        let key = self.key.unwrap_or(|_| 0);
        let mut groups: BTreeMap<u64, Vec<&Stroke>> = BTreeMap::new();
        learned.iter().for_each(|s| groups.entry(key(s)).or_default().push(s));
        let all = fitted(learned.iter());
        let groups: BTreeMap<u64, (f64, f64)> =
            groups.into_iter().map(|(key, strokes)| (key, fitted(strokes.into_iter()))).collect();
        let errors = played.iter().map(|s| {
            let (offset_ms, velocity) = groups.get(&key(s)).copied().unwrap_or(all);
            let offset_ms = if self.key.is_some() { offset_ms } else { 0.0 };
            (s, offset_ms / s.ms_per_tick, velocity)
        });
        row(self.name, errors)
    }
}

/// Median of the offsets in milliseconds and mean of the velocities.
fn fitted<'a>(strokes: impl Iterator<Item = &'a Stroke> + Clone) -> (f64, f64) {
    let mut offsets: Vec<f64> = strokes.clone().map(|s| s.offset_ticks * s.ms_per_tick).collect();
    offsets.sort_by(f64::total_cmp);
    let count = offsets.len().max(1) as f64;
    (offsets.get(offsets.len() / 2).copied().unwrap_or(0.0), strokes.map(|s| s.velocity).sum::<f64>() / count)
}

fn of_model(learned: &[Stroke], played: &[Stroke], guesses: &[Guess]) -> GrooveRow {
    let mut velocities = [(0.0, 0.0); VELOCITY_CLASSES];
    for stroke in learned {
        let (sum, count) = &mut velocities[velocity_class((stroke.velocity * 127.0).round() as u8)];
        (*sum, *count) = (*sum + stroke.velocity, *count + 1.0);
    }
    let middle = |class: usize| (class * 8 + 4) as f64 / 127.0;
    let mean_of = |class: usize| match velocities[class] {
        (sum, count) if count > 0.0 => sum / count,
        _ => middle(class),
    };
    let errors = played.iter().zip(guesses).map(|(stroke, guess)| {
        let velocity = guess.velocity.iter().enumerate().map(|(class, p)| p * mean_of(class)).sum();
        (stroke, median_ticks(&guess.offset), velocity)
    });
    row("model", errors)
}

/// The median of offset classes, as if each were spread evenly over its ticks.
fn median_ticks(classes: &[f64; OFFSET_CLASSES]) -> f64 {
    let half = classes.iter().sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (class, p) in classes.iter().enumerate() {
        if below + p >= half && *p > 0.0 {
            let width = 240.0 / OFFSET_CLASSES as f64;
            return (class as f64 + (half - below) / p) * width - 120.0;
        }
        below += p;
    }
    0.0
}

fn row<'a>(name: &str, guessed: impl Iterator<Item = (&'a Stroke, f64, f64)>) -> GrooveRow {
    let (mut sums, mut count) = ([0.0; 4], 0.0f64);
    for (stroke, offset_ticks, velocity) in guessed {
        let (late, louder) = (offset_ticks - stroke.offset_ticks, velocity - stroke.velocity);
        let errors = [late.abs() * stroke.ms_per_tick, (late / 240.0).powi(2), louder.powi(2), louder.abs()];
        sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
        count += 1.0;
    }
    let [offset_mae_ms, offset_mse, velocity_mse, velocity_mae] = sums.map(|sum| sum / count.max(1.0));
    GrooveRow { name: name.into(), offset_mae_ms, offset_mse, velocity_mse, velocity_mae }
}

impl std::fmt::Display for GrooveReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let GrooveReport { split, pieces, strokes, rows } = self;
        writeln!(f, "{split:?} split: {pieces} performances, {strokes} strokes\n")?;
        writeln!(f, "{:<32}{:>12}{:>12}{:>12}{:>12}", "guess", "offset ms", "offset^2", "velocity^2", "velocity")?;
        for row in rows {
            write!(f, "{:<32}{:>12.2}{:>12.4}", row.name, row.offset_mae_ms, row.offset_mse)?;
            writeln!(f, "{:>12.4}{:>12.3}", row.velocity_mse, row.velocity_mae)?;
        }
        writeln!(f, "\noffset: mean absolute error, and squared in sixteenths; velocity: squared and absolute, of 127")
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::token::classes::{offset_class, offset_of};

    fn stroke(class: usize, offset_ticks: f64, velocity: f64) -> Stroke {
        Stroke { class, position: 0, offset_ticks, ms_per_tick: 0.5, velocity }
    }

    #[test]
    fn counts_guess_what_they_were_fitted_to() {
        let learned = [stroke(1, 20.0, 0.2), stroke(1, 40.0, 0.4), stroke(1, 60.0, 0.6), stroke(2, -30.0, 0.9)];
        let rows: Vec<GrooveRow> = BASELINES.iter().map(|b| b.row(&learned, &learned[3..])).collect();
        assert_eq!(rows.iter().map(|r| r.offset_mae_ms).collect::<Vec<_>>(), [15.0, 35.0, 0.0, 0.0]);
        assert!((rows[0].offset_mse - 0.015625).abs() < 1e-9 && (rows[1].velocity_mae - 0.375).abs() < 1e-9);
        assert!(rows[2].velocity_mse < 1e-12);
        assert_eq!(BASELINES[2].row(&learned[..3], &learned[3..]).offset_mae_ms, 35.0, "an unknown drum is any drum");
    }

    #[test]
    fn a_sure_net_is_right_to_the_width_of_a_class() {
        for ticks in [-119.0, -33.0, 0.0, 7.0, 100.0] {
            let mut guess = Guess::default();
            guess.offset[offset_class(ticks as i16)] = 1.0;
            assert!((median_ticks(&guess.offset) - ticks).abs() <= 8.1, "{ticks}");
        }
        let mut guess = Guess::default();
        (guess.offset[3], guess.offset[4]) = (0.5, 0.5);
        assert!((median_ticks(&guess.offset) - f64::from(offset_of(3) + 8)).abs() < 0.1);
        let played = [stroke(1, 0.0, 0.5)];
        (guess.velocity[7], guess.velocity[8]) = (0.5, 0.5);
        let row = of_model(&[stroke(1, 0.0, 0.49), stroke(1, 0.0, 0.53)], &played, &[guess]);
        assert!((row.velocity_mae - 0.01).abs() < 1e-9, "{row:?}");
    }
}
