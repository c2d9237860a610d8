//! The critic as an ear: can it tell real bars from made ones, and does choosing by its taste make bars more real?

use super::gap::Gap;
use super::judge::{Judge, Takes};
use super::players::{Watch, latent, phrase, play};
use crate::engine::gan::{BarMaker, Ear};
use crate::music::ROLES;
use crate::train::bench::cpu_seconds;
use serde::Serialize;
use std::time::Instant;

/// Windows of each role that are chosen by taste.
const TASTED: usize = 250;

/// How well the ear tells held-out real bars from made ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Hearing {
    /// Share of bars that are told right when a score above 0 says "real", the mean of both kinds; 0.5 is guessing.
    pub accuracy: f64,
    /// Chance that a real bar scores higher than a made one.
    pub order: f64,
    /// Mean score of real bars, and of made ones.
    pub scores: [f64; 2],
}

/// Hears the real and the made bars of one role, each in its own scene.
pub fn hearing(judge: &Judge, ear: &mut dyn Ear, role: usize, takes: &[super::windows::Take]) -> Option<Hearing> {
    let mut scores = [Vec::new(), Vec::new()];
    for (case, made) in judge.cases(role).iter().zip(takes) {
        for (kind, take) in [&case.real, made].into_iter().enumerate() {
            let scenes = [case.first(judge.corpus), case.second(judge.corpus, &take.bars[0])];
            let heard = scenes.iter().zip(&take.bars).filter_map(|(scene, bar)| ear.score(scene, bar));
            scores[kind].extend(heard.map(f64::from));
        }
    }
    let [real, made] = &scores;
    let mean = |s: &[f64]| super::gap::mean(s.iter().copied());
    let means = [mean(real)?, mean(made)?];
    let share = |s: &[f64], is: fn(f64) -> bool| s.iter().filter(|x| is(**x)).count() as f64 / s.len() as f64;
    let accuracy = (share(real, |x| x > 0.0) + share(made, |x| x <= 0.0)) / 2.0;
    Some(Hearing { accuracy, order: order(real, made), scores: means })
}

/// Share of pairs in which the first kind is higher; equal ones count half.
fn order(high: &[f64], low: &[f64]) -> f64 {
    let mut sorted = low.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = |x: f64| {
        let (less, not_more) = (sorted.partition_point(|y| *y < x), sorted.partition_point(|y| *y <= x));
        (less + not_more) as f64 / 2.0
    };
    high.iter().map(|x| below(*x)).sum::<f64>() / (high.len() * low.len()).max(1) as f64
}

/// What choosing by taste does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taste {
    /// Candidates for each bar.
    pub candidates: usize,
    /// Windows of each role.
    pub windows: usize,
    /// Gaps without a choice, of the best scores, and of the worst.
    pub gaps: [Gap; 3],
    /// Milliseconds of processor time for a bar without a choice, and with one (all candidates made and scored).
    pub bar_ms: [f64; 2],
}

/// Plays the first windows three times: as it comes, always the best of `candidates` by the ear, always the worst. `None` when the ear
/// knows none of the roles.
pub fn taste(
    judge: &Judge,
    maker: &mut dyn BarMaker,
    ear: &mut dyn Ear,
    candidates: usize,
    watch: &mut Watch,
) -> Option<Taste> {
    let mut knows = false;
    let mut run = |name: &str, sign: f32, candidates: usize, watch: &mut Watch| {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let takes: Takes = play(judge, name, TASTED, watch, |case, number| {
            phrase(judge, case, |scene, bar| {
                // The first candidate is the bar as it comes.
                let place = |i: usize| latent(1, case, number + ((i as u64) << 32), bar);
                let mut best = (f32::NEG_INFINITY, maker.make(scene, &place(0)));
                if sign != 0.0 {
                    best.0 = ear.score(scene, &best.1).map_or(f32::NEG_INFINITY, |s| s * sign);
                    knows |= best.0 > f32::NEG_INFINITY;
                }
                for i in 1..candidates {
                    let made = maker.make(scene, &place(i));
                    let score = ear.score(scene, &made).map_or(f32::NEG_INFINITY, |s| s * sign);
                    if score > best.0 {
                        best = (score, made);
                    }
                }
                best.1
            })
        });
        let bars: usize = 2 * takes.iter().map(Vec::len).sum::<usize>();
        // Where the system does not tell processor time, the clock on the wall has to do.
        let spent = cpu_seconds().zip(cpu).map_or(start.elapsed().as_secs_f64(), |(now, then)| now - then);
        (judge.gap(&takes, TASTED), spent * 1e3 / bars.max(1) as f64)
    };
    let (plain, plain_ms) = run("bars as they come", 0.0, 1, watch);
    let (best, best_ms) = run("choosing the best", 1.0, candidates, watch);
    let (worst, _) = run("choosing the worst", -1.0, candidates, watch);
    let windows = TASTED.min((0..ROLES.len()).map(|role| judge.cases(role).len()).max().unwrap_or(0));
    knows.then_some(Taste { candidates, windows, gaps: [plain, best, worst], bar_ms: [plain_ms, best_ms] })
}

#[cfg(test)]
mod test {
    use super::order;

    #[test]
    fn the_order_of_scores_is_counted_in_pairs() {
        assert_eq!(order(&[1.0, 2.0], &[0.0, -1.0]), 1.0);
        assert_eq!(order(&[0.0, 0.0], &[0.0]), 0.5);
        assert_eq!(order(&[0.0, 3.0], &[1.0, 2.0]), 0.5);
    }
}
