//! Frames of 88 keys as the net sees them: a frame is listed upwards, key by key, until END, so that its likelihood is exact.

use super::adapt::Pace;
use super::feed::{Choice, Feed, KNOWN};
use super::recipe::Recipe;
use super::steps::Keys;
use crate::engine::lstm::shape::Chooser;
use crate::token::{Bag, Group, group, start_of, total};

/// END and 88 keys.
const CLASSES: usize = 89;
/// Frames that are looked back.
const LAGS: [usize; 4] = [2, 4, 8, 16];
/// Distances of two keys, -24..=24, and one row more for "none".
const SPREADS: u32 = 50;
/// Keys of a frame that are counted apart.
const COUNTS: u32 = 10;

const STEP: &[Group] = &[
    group("bias", 1, "always"),
    group("place", 20, "frame modulo 4 and modulo 16"),
    group("last", 88, "keys of the last frame"),
    group("lags", 4 * 88, "keys 2, 4, 8, 16 frames before"),
    group("classes", 12, "pitch classes of the last frame"),
    group("outer", 2 * 89, "lowest and highest key of the last frame"),
    group("held", 88, "keys of the last two frames"),
    group("above bass", 12, "pitch classes of the last frame above its lowest key"),
    group("outer moves", 2 * SPREADS, "how lowest and highest key moved last"),
];

const DECISION: &[Group] = &[
    group("always", 1, "always"),
    group("place", 4, "frame modulo 4"),
    group("count", COUNTS, "keys chosen so far"),
    group("chosen", 88, "keys chosen so far"),
    group("newest", 89, "the key that was chosen last"),
    group("last", 88, "keys of the last frame"),
    group("lag", 88, "keys 4 frames before"),
    group("classes above lowest", 12, "pitch classes chosen, above the lowest key chosen"),
    group("newest to last", SPREADS, "from the key chosen last to each key of the last frame"),
    group("line", COUNTS * SPREADS, "how the key chosen last moved from the last frame's key of its number"),
    group("next of last", COUNTS * 89, "the last frame's key of the number that is to be chosen"),
    group("gaps", 2 * SPREADS, "from the key chosen last down to the two before it"),
    group("left", COUNTS, "keys of the last frame above the key chosen last"),
];

impl Feed for Keys {
    const CHOOSERS: &'static [Chooser] = &[Chooser { name: "frame", classes: CLASSES }];
    const NOTES: usize = 1;
    const STEP_ROWS: u32 = total(STEP);
    const CONTEXT_ROWS: u32 = total(DECISION);
    const FARTHEST: usize = 40;
    const ORDERS: usize = 1;
    const PACE: Pace = Pace { rate: 1.2e-4, forgotten: 0.02, stretch: 8 };

    fn moved(&self, shift: i32) -> Keys {
        Keys(if shift >= 0 { self.0 << shift & ((1 << 88) - 1) } else { self.0 >> -shift })
    }

    fn fits(&self, shift: i32) -> bool {
        shift.abs() <= 6 && self.moved(shift).moved(-shift) == *self
    }

    fn inputs(past: &[Keys], recipe: &Recipe, out: &mut Bag) {
        let (t, last) = (past.len() as u32, ago(past, 1));
        out.clear();
        out.one(0);
        if recipe.metre {
            out.one(const { start_of(STEP, "place") } + t % 4);
            out.one(const { start_of(STEP, "place") } + 4 + t % 16);
        }
        out.bits(const { start_of(STEP, "last") }, last);
        if recipe.lookback {
            for (l, lag) in (0u32..).zip(LAGS) {
                out.bits(const { start_of(STEP, "lags") } + l * 88, ago(past, lag));
            }
        }
        out.bits(const { start_of(STEP, "classes") }, folded(last, 0));
        if recipe.held {
            out.bits(const { start_of(STEP, "held") }, last & ago(past, 2));
        }
        let outer = [lowest(last), highest(last)];
        let before = [lowest(ago(past, 2)), highest(ago(past, 2))];
        for (k, (key, before)) in (0u32..).zip(outer.into_iter().zip(before)) {
            out.one(const { start_of(STEP, "outer") } + k * 89 + key as u32);
            if recipe.distance {
                out.one(const { start_of(STEP, "outer moves") } + k * SPREADS + spread(before, key));
            }
        }
        if recipe.distance && last != 0 {
            out.bits(const { start_of(STEP, "above bass") }, folded(last, lowest(last) - 1));
        }
    }

    fn choices(
        past: &[Keys],
        now: &Keys,
        _: usize,
        recipe: &Recipe,
        bag: &mut Bag,
        each: &mut dyn FnMut(Choice, &mut Bag),
    ) {
        let keys: Vec<usize> = (0..88).filter(|k| now.0 >> k & 1 == 1).map(|k| k + 1).collect();
        for count in 0..=keys.len() {
            let chosen = if recipe.in_step { &keys[..count] } else { &[] };
            decision_rows(past, chosen, recipe, bag);
            let last = ago(past, 1);
            let newest = chosen.last().copied().unwrap_or(0);
            let known = [newest, nth(last, count), chosen.first().copied().unwrap_or(0), above(last, newest)];
            let class = keys.get(count).copied().unwrap_or(0);
            // Listing upwards needs the key chosen last, whatever else is left out.
            let floor = count.checked_sub(1).map_or(0, |c| keys[c]);
            each(Choice { chooser: 0, class, last: floor, known, weight: 1.0 }, bag);
        }
    }
}

const _: () = assert!(KNOWN == 4);

fn decision_rows(past: &[Keys], chosen: &[usize], recipe: &Recipe, out: &mut Bag) {
    let (last, newest) = (ago(past, 1), chosen.last().copied().unwrap_or(0));
    let count = (chosen.len() as u32).min(COUNTS - 1);
    out.clear();
    out.one(0);
    if recipe.metre {
        out.one(const { start_of(DECISION, "place") } + past.len() as u32 % 4);
    }
    out.one(const { start_of(DECISION, "count") } + count);
    chosen.iter().for_each(|k| out.one(const { start_of(DECISION, "chosen") } + *k as u32 - 1));
    out.one(const { start_of(DECISION, "newest") } + newest as u32);
    out.bits(const { start_of(DECISION, "last") }, last);
    if recipe.lookback {
        out.bits(const { start_of(DECISION, "lag") }, ago(past, 4));
    }
    out.one(const { start_of(DECISION, "next of last") } + count * 89 + nth(last, chosen.len()) as u32);
    let left = if newest == 0 { last } else { last >> newest };
    out.one(const { start_of(DECISION, "left") } + left.count_ones().min(COUNTS - 1));
    if !recipe.distance || chosen.is_empty() {
        return;
    }
    let mask = chosen.iter().fold(0u128, |m, k| m | 1 << (k - 1));
    out.bits(const { start_of(DECISION, "classes above lowest") }, folded(mask, chosen[0] - 1));
    (0..88).filter(|k| last >> k & 1 == 1).for_each(|k| {
        let row = spread(newest, k + 1);
        if row > 0 && row < 48 {
            out.one(const { start_of(DECISION, "newest to last") } + row);
        }
    });
    let line = spread(nth(last, chosen.len() - 1), newest);
    out.one(const { start_of(DECISION, "line") } + (count - 1) * SPREADS + line);
    for (k, below) in (0u32..2).zip(chosen.iter().rev().skip(1)) {
        out.one(const { start_of(DECISION, "gaps") } + k * SPREADS + spread(newest, *below));
    }
}

fn ago(past: &[Keys], frames: usize) -> u128 {
    past.len().checked_sub(frames).map_or(0, |t| past[t].0)
}

/// Class of the lowest key; 0 for none.
fn lowest(keys: u128) -> usize {
    if keys == 0 { 0 } else { keys.trailing_zeros() as usize + 1 }
}

fn highest(keys: u128) -> usize {
    128 - keys.leading_zeros() as usize
}

/// Class of the key of this number, counted upwards from 0; 0 when there are fewer.
fn nth(keys: u128, number: usize) -> usize {
    lowest((0..number).fold(keys, |k, _| k & k.saturating_sub(1)))
}

/// Class of the lowest key above a class; 0 for none.
fn above(keys: u128, class: usize) -> usize {
    lowest(keys >> class << class)
}

/// Pitch classes, counted from a key.
fn folded(keys: u128, from: usize) -> u128 {
    (0..88).filter(|k| keys >> k & 1 == 1).fold(0, |m, k: usize| m | 1 << ((k + 120 - from) % 12))
}

/// Row of the distance of two keys' classes; the last one where one is none.
fn spread(from: usize, to: usize) -> u32 {
    if from == 0 || to == 0 { SPREADS - 1 } else { ((to as i32 - from as i32).clamp(-24, 24) + 24) as u32 }
}
