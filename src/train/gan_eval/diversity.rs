//! Diversity and memory: how many bars are distinct, and how near the nearest bar of the train split is.

use super::roll::Roll;
use super::windows::{Case, Take};
use crate::music::Role;
use serde::Serialize;
use std::collections::BTreeSet;

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
}

/// The onset cells of the bars of the train split.
pub struct Memory {
    bars: Vec<Vec<u128>>,
}

impl Memory {
    /// Remembers the distinct bars of real windows.
    pub fn new(role: Role, train: &[Case]) -> Memory {
        let distinct: BTreeSet<Vec<u128>> =
            train.iter().take(TRAIN).flat_map(|case| onsets(&Roll::new(role, &case.real))).collect();
        Memory { bars: distinct.into_iter().collect() }
    }

    fn nearest(&self, bar: &[u128]) -> Option<u32> {
        let same_length = self.bars.iter().filter(|b| b.len() == bar.len());
        same_length.map(|b| b.iter().zip(bar).map(|(x, y)| (x ^ y).count_ones()).sum()).min()
    }

    /// Figures of takes of one role.
    pub fn of(&self, role: Role, takes: &[&Take]) -> Diversity {
        let mut seen = BTreeSet::new();
        let (mut bars, mut compared, mut apart, mut copies) = (0u32, 0u32, 0u64, 0u32);
        for (number, take) in takes.iter().enumerate() {
            let roll = Roll::new(role, take);
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
        }
    }
}

fn onsets(roll: &Roll) -> [Vec<u128>; 2] {
    let (first, second) = roll.onsets.split_at(roll.bar_steps);
    [first.to_vec(), second.to_vec()]
}

#[cfg(test)]
mod test {
    use super::super::roll::test::take;
    use super::*;

    #[test]
    fn bars_are_counted_once_and_compared_with_the_nearest() {
        let memory = Memory { bars: onsets(&Roll::new(Role::Lead, &take(16, &[(0, 60, 4), (16, 62, 4)]))).into() };
        let takes = [take(16, &[(0, 60, 4), (16, 60, 4)]), take(16, &[(0, 62, 2), (4, 65, 2)])];
        let figures = memory.of(Role::Lead, &[&takes[0], &takes[1]]);
        // Two equal bars, one with an added note; the last bar is empty.
        assert_eq!(figures, Diversity { distinct: 2.0 / 3.0, nearest: 1.0 / 3.0, copies: 2.0 / 3.0 });
    }
}
