//! Walks through the latent space: even steps should be even changes, and what lies between two good places should be good.

use super::gap::Gap;
use super::judge::{Judge, Takes};
use super::players::{Watch, latent, phrase, play};
use super::roll::{Roll, distance};
use super::windows::Take;
use crate::engine::gan::{BarMaker, BarNotes};
use crate::music::{Latent, ROLES};
use serde::Serialize;

/// Steps of a walk, and walks of each role.
const STEPS: usize = 16;
const WALKS: usize = 32;
/// Seeds of the two ends.
const ENDS: [u64; 2] = [101, 102];

/// How a walk of one role sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Smoothness {
    /// Mean cells that change in a step, as a share of those that differ between the ends; 1/16 is a straight line.
    pub step: f64,
    /// The largest step, as the same share, in the mean of the walks.
    pub largest: f64,
    /// Mean cells that differ between the ends.
    pub ends: f64,
}

/// Walks of a role, each in the first bar of an asked window.
pub fn smoothness(judge: &Judge, maker: &mut dyn BarMaker, role: usize, watch: &mut Watch) -> Option<Smoothness> {
    let (mut walks, mut sums) = (0.0, Smoothness::default());
    let cases = judge.cases(role).iter().filter(|c| !c.real.bars[0].notes.is_empty());
    for (number, case) in cases.take(WALKS).enumerate() {
        if watch.is_stopped() {
            break;
        }
        let scene = case.first(judge.corpus);
        let [from, to] = ENDS.map(|seed| latent(seed, case, number as u64, 0));
        let rolls: Vec<Roll> = (0..=STEPS)
            .map(|step| {
                let bar = maker.make(&scene, &from.towards(&to, step as f32 / STEPS as f32));
                let silent = BarNotes::silent(bar.steps);
                Roll::new(ROLES[role], &Take { bars: [bar, silent], sounding: Vec::new() })
            })
            .collect();
        let ends = f64::from(distance(&rolls[0], &rolls[STEPS]));
        if ends > 0.0 {
            let steps: Vec<f64> = rolls.windows(2).map(|pair| f64::from(distance(&pair[0], &pair[1])) / ends).collect();
            walks += 1.0;
            sums.step += steps.iter().sum::<f64>() / STEPS as f64;
            sums.largest += steps.iter().copied().fold(0.0, f64::max);
            sums.ends += ends;
        }
        (watch.say)("walking", number + 1, WALKS);
    }
    (walks > 0.0).then(|| Smoothness {
        step: sums.step / walks,
        largest: sums.largest / walks,
        ends: sums.ends / walks,
    })
}

/// Takes from half-way between two places, for the first `count` windows.
pub fn middles(judge: &Judge, maker: &mut dyn BarMaker, count: usize, watch: &mut Watch) -> Takes {
    play(judge, "half-way bars", count, watch, |case, number| {
        phrase(judge, case, |scene, bar| {
            let [from, to]: [Latent; 2] = ENDS.map(|seed| latent(seed, case, number, bar));
            maker.make(scene, &from.towards(&to, 0.5))
        })
    })
}

/// What of a window has to stay within the usual: notes, distinct pitches, mean length, cells that sound.
fn outline(roll: &Roll) -> [f64; 4] {
    let notes = roll.notes.len() as f64;
    let pitches = roll.cells.iter().fold(0, |all, cells| all | cells).count_ones();
    let length: usize = roll.notes.iter().map(|n| n.length).sum();
    let cells: u32 = roll.cells.iter().map(|c| c.count_ones()).sum();
    [notes, f64::from(pitches), length as f64 / notes.max(1.0), f64::from(cells)]
}

/// Share of takes of a role that lie within what 98 of 100 real windows have, in each of notes, pitches, length and cells.
pub fn within_real(judge: &Judge, role: usize, takes: &[Take]) -> Option<f64> {
    let of = |take: &Take| outline(&Roll::new(ROLES[role], take));
    let real: Vec<[f64; 4]> = judge.reference[role].iter().map(|c| of(&c.real)).collect();
    if real.is_empty() || takes.is_empty() {
        return None;
    }
    let range: [(f64, f64); 4] = std::array::from_fn(|i| {
        let mut values: Vec<f64> = real.iter().map(|r| r[i]).collect();
        values.sort_by(f64::total_cmp);
        (values[values.len() / 100], values[values.len() - 1 - values.len() / 100])
    });
    let is_usual = |take: &Take| of(take).iter().zip(range).all(|(v, (low, high))| (low..=high).contains(v));
    Some(takes.iter().filter(|t| is_usual(t)).count() as f64 / takes.len() as f64)
}

/// The gap of half-way bars beside that of the same windows' usual bars.
pub fn middle_gaps(judge: &Judge, usual: &Takes, middles: &Takes) -> [Gap; 2] {
    let count = middles.iter().map(Vec::len).max().unwrap_or(0);
    let first: Takes = std::array::from_fn(|role| usual[role].iter().take(count).cloned().collect());
    [judge.gap(&first, count), judge.gap(middles, count)]
}
