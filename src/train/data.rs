//! Which windows a run learns from: drawn by address, styles balanced, transposed, with controls dropped at random.

use super::batch::{Cut, Prepared, Told, WARM_STEPS};
use crate::corpus::{Corpus, Split};
use crate::music::{Chance, Purpose, STYLES};
use crate::token::STYLE_ROWS;
use std::collections::BTreeMap;

/// Style totals are raised to this power: 1 leaves the corpora's sizes, 0 makes all styles equal.
const BALANCE: f64 = 0.65;

/// How much there is to learn from a piece: its notes, and a little for its silence.
fn content(p: &Prepared) -> f64 {
    p.piece.notes.len() as f64 + 0.25 * f64::from(p.piece.steps)
}

/// Names of the style rows: the shipped styles, then a corpus's own, as far as there are rows.
pub fn style_rows(corpus: &Corpus) -> Vec<String> {
    let mut rows: Vec<String> = STYLES.iter().map(|s| s.name.to_owned()).collect();
    let own: std::collections::BTreeSet<&str> = corpus.pieces.iter().map(|p| p.style.as_str()).collect();
    for style in own {
        if !rows.iter().any(|r| r == style) && rows.len() < STYLE_ROWS as usize {
            rows.push(style.to_owned());
        }
    }
    rows
}

/// The pieces of one split that have notes, made ready.
pub fn prepare<'a>(corpus: &'a Corpus, split: Split, styles: &[String]) -> Vec<Prepared<'a>> {
    corpus
        .split(split)
        .filter(|(_, p)| !p.notes.is_empty() && p.steps > 0)
        .map(|(_, p)| Prepared::new(p, styles))
        .collect()
}

/// Draws windows.
pub struct Sampler {
    chance: Chance,
    window: u32,
    /// Running sums of the pieces' weights.
    sums: Vec<f64>,
    /// For each piece the bar starts that a window may begin with.
    starts: Vec<Vec<u32>>,
    shifts: Vec<(i32, i32)>,
}

impl Sampler {
    /// A sampler over pieces for windows of `window` steps, with or without transposition.
    pub fn new(pieces: &[Prepared], window: u32, transpose: bool, chance: Chance) -> Sampler {
        let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
        for p in pieces {
            *totals.entry(&p.piece.style).or_default() += content(p);
        }
        let mut sum = 0.0;
        let weight = |p: &Prepared| content(p) * totals[p.piece.style.as_str()].powf(BALANCE - 1.0);
        let sums = pieces
            .iter()
            .map(|p| {
                sum += weight(p);
                sum
            })
            .collect();
        let begins = |p: &Prepared| p.bar_starts().filter(|s| *s == 0 || s + window / 2 <= p.piece.steps).collect();
        Sampler {
            chance,
            window,
            sums,
            starts: pieces.iter().map(begins).collect(),
            shifts: pieces.iter().map(|p| if transpose { p.transpositions() } else { (0, 0) }).collect(),
        }
    }

    /// Piece and window of place `slot` in update `update`.
    pub fn draw(&self, update: u64, slot: u64) -> (usize, Cut) {
        let unit = |k: u64| f64::from(self.chance.unit(Purpose::Train, update, slot * 64 + k));
        let total = self.sums.last().copied().unwrap_or(0.0);
        let piece = self.sums.partition_point(|s| *s <= unit(1) * total).min(self.sums.len().saturating_sub(1));
        let starts = &self.starts[piece];
        let start =
            if unit(2) < 0.1 { 0 } else { starts[((unit(3) * starts.len() as f64) as usize).min(starts.len() - 1)] };
        let (low, high) = self.shifts[piece];
        let shift = low + (unit(4) * f64::from(high - low + 1)) as i32;
        let unscored = if start > 0 { WARM_STEPS.min(self.window / 4) } else { 0 };
        (piece, Cut { start, unscored, shift: shift.min(high), told: told(&unit) })
    }
}

/// What a window is told: in three of ten only the style, in one nothing, else each control by itself.
fn told(unit: &dyn Fn(u64) -> f64) -> Told {
    match unit(10) {
        x if x < 0.3 => Told::STYLE,
        x if x < 0.4 => Told::default(),
        _ => Told {
            style: unit(11) < 0.9,
            key: unit(12) < 0.75,
            chord: unit(13) < 0.75,
            density: std::array::from_fn(|r| unit(14 + r as u64) < 0.6),
            register: std::array::from_fn(|r| unit(18 + r as u64) < 0.6),
            end: unit(22) < 0.5,
        },
    }
}
