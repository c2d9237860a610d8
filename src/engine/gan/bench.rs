//! Measures the making and the scoring of bars on this machine: what `ricercar bench gan` prints.

use super::{BarMaker, BarScene, Critic, Ear, Live, Oracle, Packed, Segment, Weights};
use crate::engine::bench::{Percentiles, empty, percentiles};
use crate::engine::lstm::kernel::Simd;
use crate::engine::{EngineError, gan};
use crate::music::{Chance, Chord, Key, Latent, ROLES};
use crate::time::{BarMap, StepIndex};
use std::sync::Arc;
use std::time::Instant;

/// What [`run`] measured; all four roles in turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarFigures {
    /// One bar made anew by the fused pass.
    pub bar: Percentiles,
    /// The same bar in plain candle.
    pub plain: Percentiles,
    /// One bar scored by the critic.
    pub score: Percentiles,
}

/// Makes and scores `bars` bars, each at another place of the latent space; a tenth as many in plain candle.
///
/// # Errors
/// When the weights are no model that this build can play.
pub fn run(bytes: &[u8], bars: u64) -> Result<BarFigures, EngineError> {
    let unfit = |why: String| EngineError::Model(format!("the model cannot be played: {why}"));
    let weights = Weights::parse(bytes).map_err(unfit)?;
    let packed: Arc<Packed> = gan::open(bytes)?;
    let mut live = Live::new(packed.clone(), Simd::best());
    let mut critic = Critic::new(Live::new(packed, Simd::best()));
    let mut oracle = Oracle::new(&weights, &candle_core::Device::Cpu).map_err(|e| unfit(e.to_string()))?;
    let (mut bar_ns, mut plain_ns, mut score_ns) = (empty()?, empty()?, empty()?);
    for number in 0..bars {
        let mut scene =
            BarScene::silent(ROLES[number as usize % 4], Segment::of(&BarMap::default().place(StepIndex(16))));
        (scene.key, scene.chords, scene.density) = (Key::parse("A minor"), [Chord::parse("Am7"); 16], Some(0.4));
        let latent = Latent::drawn(Chance::new(number), number);
        let began = Instant::now();
        let made = live.make(&scene, &latent);
        bar_ns.saturating_record(began.elapsed().as_nanos() as u64);
        let began = Instant::now();
        let _ = critic.score(&scene, &made);
        score_ns.saturating_record(began.elapsed().as_nanos() as u64);
        if number % 10 < 4 {
            let began = Instant::now();
            let _ = oracle.planes(&scene, &latent);
            plain_ns.saturating_record(began.elapsed().as_nanos() as u64);
        }
    }
    Ok(BarFigures { bar: percentiles(&bar_ns), plain: percentiles(&plain_ns), score: percentiles(&score_ns) })
}
