//! Diversity and memory: how many bars are distinct, and how near the nearest bar of the train split is.

use super::roll::{Roll, heard_pitch};
use super::windows::{Case, Take};
use crate::corpus::{Corpus, Piece, Split, fnv};
use crate::music::Role;
use crate::time::StepIndex;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// Train windows and asked windows that are compared, per role.
const TRAIN: usize = 4000;
const ASKED: usize = 500;

/// Figures of some bars. Empty bars are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Diversity {
    /// Share of bars that are the first of their kind (same starts, pitches and lengths), 0..=1.
    pub distinct: f64,
    /// Mean number of onset cells in which a bar differs from the nearest bar of the train split.
    pub nearest: f64,
    /// Share of bars whose onset cells are those of some bar of the train split, 0..=1.
    pub copies: f64,
    /// Share of windows of eight notes and more whose onsets and intervals stand somewhere in the train split, in any key;
    /// `None` where there is no such window.
    pub memorised: Option<f64>,
}

/// Notes that a window must have to count as memorised: fewer are everybody's.
const PHRASE_NOTES: usize = 8;

/// The onset cells of the bars of the train split, and the phrases of all its windows.
pub struct Memory {
    bars: Vec<Vec<u128>>,
    phrases: HashSet<u64>,
}

impl Memory {
    /// Remembers the distinct bars of real windows, and what any two bars of the train split hold.
    pub fn new(role: Role, train: &[Case], corpus: &Corpus) -> Memory {
        let distinct: BTreeSet<Vec<u128>> =
            train.iter().take(TRAIN).flat_map(|case| onsets(&Roll::new(role, &case.real))).collect();
        let phrases = corpus.split(Split::Train).flat_map(|(_, piece)| phrases(role, piece)).collect();
        Memory { bars: distinct.into_iter().collect(), phrases }
    }

    fn nearest(&self, bar: &[u128]) -> Option<u32> {
        let same_length = self.bars.iter().filter(|b| b.len() == bar.len());
        same_length.map(|b| b.iter().zip(bar).map(|(x, y)| (x ^ y).count_ones()).sum()).min()
    }

    /// Figures of takes of one role.
    pub fn of(&self, role: Role, takes: &[&Take]) -> Diversity {
        let mut seen = BTreeSet::new();
        let (mut bars, mut compared, mut apart, mut copies) = (0u32, 0u32, 0u64, 0u32);
        let (mut long, mut memorised) = (0u32, 0u32);
        for (number, take) in takes.iter().enumerate() {
            let roll = Roll::new(role, take);
            if let Some(phrase) = phrase(role, roll.notes.iter().map(|n| (n.step as u32, n.pitch))) {
                long += 1;
                memorised += u32::from(self.phrases.contains(&phrase));
            }
            for (bar, cells) in onsets(&roll).into_iter().enumerate() {
                let first = bar * roll.bar_steps;
                let inside = roll.notes.iter().filter(|n| n.step / roll.bar_steps == bar);
                let notes: Vec<_> = inside.map(|n| (n.step - first, n.pitch, n.length)).collect();
                if notes.is_empty() {
                    continue;
                }
                bars += 1;
                seen.insert(notes);
                if let Some(nearest) = self.nearest(&cells).filter(|_| number < ASKED) {
                    compared += 1;
                    apart += u64::from(nearest);
                    copies += u32::from(nearest == 0);
                }
            }
        }
        let (bars, compared) = (f64::from(bars.max(1)), f64::from(compared.max(1)));
        Diversity {
            distinct: seen.len() as f64 / bars,
            nearest: apart as f64 / compared,
            copies: f64::from(copies) / compared,
            memorised: (long > 0).then(|| f64::from(memorised) / f64::from(long)),
        }
    }
}

/// A number for the onsets and intervals of a window's notes, which are given by step and pitch; `None` for few notes.
fn phrase(role: Role, notes: impl Iterator<Item = (u32, u8)> + Clone) -> Option<u64> {
    let (first, count) = (notes.clone().next()?, notes.clone().count());
    // Drums are no intervals.
    let from = if role.is_pitched() { first.1 } else { 0 };
    let bytes: Vec<u8> = notes.flat_map(|(step, pitch)| [step as u8, pitch.wrapping_sub(from)]).collect();
    (count >= PHRASE_NOTES).then(|| fnv(&bytes))
}

/// The phrases of any two bars of a piece.
fn phrases(role: Role, piece: &Piece) -> Vec<u64> {
    let map = piece.bar_map();
    let next = |step: u32| map.place(StepIndex(u64::from(step))).next_bar().0 as u32;
    let starts = std::iter::successors(Some(0), |start| Some(next(*start)).filter(|s| *s < piece.steps));
    let of_window = |start: u32| {
        let inside = piece.notes_between(start, next(next(start))).iter().filter(|n| n.role == role);
        let heard = inside.filter_map(|n| Some((n.step - start, heard_pitch(role, n.note.pitch)?)));
        let notes: BTreeSet<(u32, u8)> = heard.collect();
        phrase(role, notes.iter().copied())
    };
    starts.filter_map(of_window).collect()
}

fn onsets(roll: &Roll) -> [Vec<u128>; 2] {
    let (first, second) = roll.onsets.split_at(roll.bar_steps);
    [first.to_vec(), second.to_vec()]
}

#[cfg(test)]
mod test {
    use super::super::roll::test::take;
    use super::*;
    use crate::train::gan_data::test::piece;

    #[test]
    fn bars_are_counted_once_and_compared_with_the_nearest() {
        let bars = onsets(&Roll::new(Role::Lead, &take(16, &[(0, 60, 4), (16, 62, 4)]))).into();
        let memory = Memory { bars, phrases: HashSet::new() };
        let takes = [take(16, &[(0, 60, 4), (16, 60, 4)]), take(16, &[(0, 62, 2), (4, 65, 2)])];
        let figures = memory.of(Role::Lead, &[&takes[0], &takes[1]]);
        // Two equal bars, one with an added note; the last bar is empty.
        let expected = Diversity { distinct: 2.0 / 3.0, nearest: 1.0 / 3.0, copies: 2.0 / 3.0, memorised: None };
        assert_eq!(figures, expected);
    }

    #[test]
    fn a_phrase_is_known_again_in_another_key_and_a_short_one_never() {
        let line = |up: u8| (0..8u32).map(|n| (2 * n, Role::Lead, 60 + up + (n * n % 5) as u8, 2)).collect::<Vec<_>>();
        let piece = Piece { split: Split::Train, ..piece("a", "4/4", 3, &line(0)) };
        let memory = Memory::new(Role::Lead, &[], &Corpus { pieces: vec![piece], ..Corpus::default() });
        let taken = |up: u8, count: usize| {
            let notes: Vec<_> = line(up).iter().take(count).map(|n| (n.0, n.2, 2)).collect();
            memory.of(Role::Lead, &[&take(16, &notes)]).memorised
        };
        assert_eq!((taken(0, 8), taken(5, 8), taken(0, 7)), (Some(1.0), Some(1.0), None));
        let other: Vec<_> = (0..8u8).map(|n| (2 * u32::from(n), 60 + n, 2)).collect();
        assert_eq!(memory.of(Role::Lead, &[&take(16, &other)]).memorised, Some(0.0));
    }
}
