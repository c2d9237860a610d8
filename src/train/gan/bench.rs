//! How fast the game goes: updates of one family's nets on made-up bars.
//!
//! `benches/torch_gan.py` plays the same game with the same nets in PyTorch, in turns with this.

use super::data::{Example, batch};
use super::game::{Game, Rules};
use crate::engine::gan::planes::Learnable;
use crate::engine::gan::shape::Family;
use crate::engine::gan::{BarNotes, BarScene, Segment};
use crate::music::{Chance, Chord, Key, Purpose, Role, StepNote};
use crate::time::{BarMap, StepIndex};
use crate::train::bench::{cpu_seconds, median};
use crate::train::report::TrainError;
use serde::Serialize;
use std::time::Instant;

/// Speed of a game: medians over the timed updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Milliseconds of wall clock an update.
    pub update_ms: f64,
    /// Milliseconds of processor time an update; `None` where the system does not tell.
    pub update_cpu_ms: Option<f64>,
    /// Bars in an update.
    pub bars: usize,
}

/// Plays `updates` updates after one that is not timed, each with the penalty as often as in training.
///
/// # Errors
/// Those of candle.
pub fn run(family: Family, updates: u64) -> Result<Speed, TrainError> {
    crate::train::memory::keep();
    let rules = Rules::default();
    let bars = rules.batch;
    let mut game = Game::new(rules, family, 1)?;
    let examples: Vec<Example> = (0..bars as u64).map(|i| made_up(family, i)).collect();
    let (known, real) = batch(family, &examples, &["song".to_string()])?;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for i in 0..=updates.max(1) {
        let (began, cpu_began) = (Instant::now(), cpu_seconds());
        game.update_on(&known, &real, 0.5)?;
        if i > 0 {
            wall.push(began.elapsed().as_secs_f64() * 1e3);
            cpu.extend(cpu_seconds().zip(cpu_began).map(|(now, then)| (now - then) * 1e3));
        }
    }
    // A penalty falls on one update in four: the mean, not the median, is what a run takes.
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let trimmed = |v: &mut Vec<f64>| {
        let middle = median(v);
        v.retain(|x| *x < 3.0 * middle);
        mean(v)
    };
    let update_cpu_ms = (!cpu.is_empty()).then(|| trimmed(&mut cpu));
    Ok(Speed { update_ms: trimmed(&mut wall), update_cpu_ms, bars })
}

fn made_up(family: Family, number: u64) -> Example {
    let below = |i: u64, n: u64| Chance::new(number).below(Purpose::Train, i, 0, n);
    let role = if family == Family::Drums { Role::Drums } else { Role::Chords };
    let mut scene = BarScene::silent(role, Segment::of(&BarMap::default().place(StepIndex(0))));
    scene.key = Key::parse("C");
    scene.chords = [Chord::parse("Am7"); 16];
    scene.density = Some(0.25);
    let mut notes = BarNotes::silent(16);
    for i in 0..10 {
        let pitch =
            if family == Family::Drums { [36, 38, 42, 46][below(i, 4) as usize] } else { 48 + below(i, 30) as u8 };
        notes.notes.push((below(i + 50, 16) as u8, StepNote::new(pitch, 80, 1 + below(i + 90, 6) as u16)));
    }
    Example { scene, notes, learnable: Learnable { velocity: true, offset: true } }
}
