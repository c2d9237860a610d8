//! Which windows a run learns from: drawn by address, styles balanced, transposed, with controls dropped at random.

use super::batch::{Blend, Cut, Prepared, Told, WARM_STEPS};
use super::shelf::{Shelf, Slot};
use crate::corpus::{Corpus, Split};
use crate::music::{Chance, Purpose, STYLES};
use crate::token::STYLE_ROWS;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Style totals are raised to this power: 1 leaves the corpora's sizes, 0 makes all styles equal.
const BALANCE: f64 = 0.65;

/// Share of the windows that are told a second style beside their own, so that blends are learned and not only hoped for.
const BLENDED: f64 = 0.15;

/// How much there is to learn from a piece: its notes, and a little for its silence.
fn content(slot: &Slot) -> f64 {
    f64::from(slot.notes) + 0.25 * f64::from(slot.steps)
}

/// Names of the style rows: the shipped styles, then those of a corpus's pieces, as far as there are rows.
pub fn style_rows<'s>(styles: impl Iterator<Item = &'s str>) -> Vec<String> {
    let mut rows: Vec<String> = STYLES.iter().map(|s| s.name.to_owned()).collect();
    for style in styles.collect::<BTreeSet<&str>>() {
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
        .map(|(_, p)| Prepared::new(Cow::Borrowed(p), styles))
        .collect()
}

/// Draws windows: first a piece, by what is known of it without reading it, then a cut from it.
pub struct Sampler {
    chance: Chance,
    window: u32,
    is_transposed: bool,
    /// Numbers of the pieces.
    pieces: Vec<u32>,
    /// Running sums of their weights.
    sums: Vec<f64>,
    /// Rows of the styles that windows are blended with.
    blended_with: Vec<u32>,
}

impl Sampler {
    /// A sampler over some `pieces` of a shelf for windows of `window` steps, with or without transposition.
    pub fn new(shelf: &Shelf, pieces: Vec<u32>, window: u32, is_transposed: bool, chance: Chance) -> Sampler {
        let slot = |number: &u32| &shelf.slots()[*number as usize];
        let mut totals: BTreeMap<u32, f64> = BTreeMap::new();
        for slot in pieces.iter().map(slot) {
            *totals.entry(slot.style).or_default() += content(slot);
        }
        let weight = |slot: &Slot| content(slot) * totals[&slot.style].powf(BALANCE - 1.0);
        let mut sum = 0.0;
        let sums = pieces.iter().map(slot).map(|slot| {
            sum += weight(slot);
            sum
        });
        let sums = sums.collect();
        Sampler { chance, window, is_transposed, pieces, sums, blended_with: Vec::new() }
    }

    /// The same, with some windows told one of these styles beside their own.
    pub fn blending(self, rows: Vec<u32>) -> Sampler {
        Sampler { blended_with: rows, ..self }
    }

    /// How many pieces there are to draw from.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Number of the piece of place `slot` in update `update`; there must be one to draw from.
    pub fn piece(&self, update: u64, slot: u64) -> u32 {
        let total = self.sums.last().copied().unwrap_or(0.0);
        let drawn = self.unit(update, slot, 1) * total;
        self.pieces[self.sums.partition_point(|s| *s <= drawn).min(self.pieces.len() - 1)]
    }

    /// The window of that piece.
    pub fn cut(&self, piece: &Prepared, update: u64, slot: u64) -> Cut {
        let unit = |k: u64| self.unit(update, slot, k);
        let can_begin = |start: &u32| *start == 0 || start + self.window / 2 <= piece.piece.steps;
        let starts = || piece.bar_starts().filter(can_begin);
        let start = if unit(2) < 0.1 {
            0
        } else {
            let count = starts().count();
            starts().nth(((unit(3) * count as f64) as usize).min(count.saturating_sub(1))).unwrap_or(0)
        };
        let (low, high) = if self.is_transposed { piece.transpositions() } else { (0, 0) };
        let shift = low + (unit(4) * f64::from(high - low + 1)) as i32;
        let unscored = if start > 0 { WARM_STEPS.min(self.window / 4) } else { 0 };
        Cut { start, unscored, shift: shift.min(high), told: told(&unit), blend: self.blend(&unit) }
    }

    /// The share is drawn with a density in proportion to it; see [`Blend`].
    fn blend(&self, unit: &dyn Fn(u64) -> f64) -> Option<Blend> {
        let at = (unit(24) * self.blended_with.len() as f64) as usize;
        let row = self.blended_with.get(at).filter(|_| unit(23) < BLENDED)?;
        Some(Blend { row: *row, own_share: unit(25).sqrt() as f32 })
    }

    fn unit(&self, update: u64, slot: u64, purpose: u64) -> f64 {
        f64::from(self.chance.unit(Purpose::Train, update, slot * 64 + purpose))
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
