//! Who plays the asked windows: a maker of bars, the band LSTM, another window's real bars.

use super::judge::{Judge, Takes};
use super::windows::{Case, Take};
use crate::engine::gan::{BarMaker, BarNotes, BarScene};
use crate::music::{Chance, Latent, Purpose};

/// What may end the work early, and who is told how far it is.
pub struct Watch<'a> {
    /// Told what is done, how much of it, and of how much.
    pub say: &'a mut dyn FnMut(&str, usize, usize),
    /// True ends the work.
    pub stop: &'a std::sync::atomic::AtomicBool,
}

impl Watch<'_> {
    /// True when the work should end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Plays the asked windows of all roles, at most `count` of each. Ends early, with fewer takes, when it is told to.
pub fn play(
    judge: &Judge,
    what: &str,
    count: usize,
    watch: &mut Watch,
    mut one: impl FnMut(&Case, u64) -> Take,
) -> Takes {
    let total: usize = (0..4).map(|role| judge.cases(role).len().min(count)).sum();
    let mut done = 0;
    std::array::from_fn(|role| {
        let mut takes = Vec::new();
        for (number, case) in judge.cases(role).iter().take(count).enumerate() {
            if watch.is_stopped() {
                break;
            }
            takes.push(one(case, number as u64));
            done += 1;
            if done % 100 == 0 || done == total {
                (watch.say)(what, done, total);
            }
        }
        takes
    })
}

/// A take from a way to make bars: the first after what was really played, the second after the first. The way is given the scene
/// and which bar it is; what it puts outside the bar is dropped.
pub fn phrase(judge: &Judge, case: &Case, mut make: impl FnMut(&BarScene, usize) -> BarNotes) -> Take {
    let mut whole = |scene: &BarScene, bar: usize| {
        let mut notes = make(scene, bar);
        notes.steps = scene.segment.steps;
        notes.notes.retain(|n| u32::from(n.0) < scene.segment.steps);
        notes
    };
    let first = whole(&case.first(judge.corpus), 0);
    let second = whole(&case.second(judge.corpus, &first), 1);
    Take { bars: [first, second], sounding: case.real.sounding.clone() }
}

/// The latent vector of a bar of a window: the global half belongs to the window.
pub fn latent(seed: u64, case: &Case, number: u64, bar: usize) -> Latent {
    let chance = Chance::new(seed).fold(case.window.role.index() as u64).fold(number);
    Latent::drawn(chance, bar as u64)
}

/// Takes of a maker, with latent vectors drawn from a seed.
pub fn made(judge: &Judge, maker: &mut dyn BarMaker, seed: u64, count: usize, watch: &mut Watch) -> Takes {
    play(judge, &format!("making bars, seed {seed}"), count, watch, |case, number| {
        phrase(judge, case, |scene, bar| maker.make(scene, &latent(seed, case, number, bar)))
    })
}

/// Real bars from other windows of the same role, style and metre (the same role and metre where a style is alone).
pub fn shuffled(judge: &Judge, seed: u64) -> Takes {
    let chance = Chance::new(seed);
    std::array::from_fn(|role| {
        let pool = &judge.reference[role];
        let style = |case: &Case| judge.corpus.pieces[case.window.piece].style.as_str();
        let other = |number: usize, case: &Case, wants_style: bool| {
            let start = chance.below(Purpose::Pattern, number as u64, role as u64, pool.len() as u64) as usize;
            let turned = pool[start..].iter().chain(&pool[..start]);
            turned.into_iter().find(|o| {
                o.window.piece != case.window.piece
                    && o.window.bars[0].metre == case.window.bars[0].metre
                    && (!wants_style || style(o) == style(case))
            })
        };
        let take = |(number, case): (usize, &Case)| {
            let found = other(number, case, true).or_else(|| other(number, case, false));
            found.map_or_else(|| case.real.clone(), |o| o.real.clone())
        };
        judge.cases(role).iter().enumerate().map(take).collect()
    })
}
