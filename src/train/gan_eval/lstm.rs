//! The band LSTM in the asked windows: the same asks, after what was really played.

use super::judge::{Judge, Takes};
use super::players::{Watch, play};
use super::windows::{Case, Take};
use crate::corpus::Piece;
use crate::engine::gan::{BarNotes, Segment};
use crate::engine::lstm::{LstmPart, Packed};
use crate::engine::{Ask, Engine, EngineError, Heard, HeardNote, History};
use crate::music::{Chance, ROLES, StepNotes};
use crate::time::{BarMap, StepIndex};
use crate::train::gan_data;
use crate::train::report::TrainError;
use std::sync::Arc;

/// Steps before a window that the net follows before it plays.
const WARM_STEPS: u32 = 64;
/// Steps before a window that can be heard.
const HEARD_STEPS: u32 = crate::engine::heard::LOOKBACK_STEPS as u32 + WARM_STEPS;

/// Takes of the net in the asked windows, at most `count` of each role.
///
/// # Errors
/// A sentence when the net fails.
pub fn takes(
    judge: &Judge,
    packed: &Arc<Packed>,
    seed: u64,
    count: usize,
    watch: &mut Watch,
) -> Result<Takes, TrainError> {
    let mut player = LstmPlayer::new(packed.clone(), seed);
    let mut failed = None;
    let takes = play(judge, &format!("playing the LSTM, seed {seed}"), count, watch, |case, number| {
        player.play(judge, case, number).unwrap_or_else(|e| {
            failed = Some(e);
            Take::default()
        })
    });
    failed.map_or(Ok(takes), |e| Err(TrainError::Data(e.to_string())))
}

/// A player over shared weights.
pub struct LstmPlayer {
    part: LstmPart,
    seed: u64,
}

/// One window being played.
struct Playing<'a> {
    piece: &'a Piece,
    map: BarMap,
    case: &'a Case,
    chance: Chance,
}

impl LstmPlayer {
    /// A player whose draws come from `seed`.
    pub fn new(packed: Arc<Packed>, seed: u64) -> LstmPlayer {
        LstmPlayer { part: LstmPart::new(packed), seed }
    }

    /// Plays a window: hears and follows the piece up to it, then plays its role while the others play what they really played.
    /// Temperature 1, nothing cut off, no masks.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn play(&mut self, judge: &Judge, case: &Case, number: u64) -> Result<Take, EngineError> {
        let piece = &judge.corpus.pieces[case.window.piece];
        let chance = Chance::new(self.seed).fold(case.window.role.index() as u64).fold(number);
        let playing = Playing { piece, map: piece.bar_map(), case, chance };
        let [first, second] = case.window.bars;
        let (start, end) = (first.first.0 as u32, (second.first.0 as u32) + second.steps);
        let from = start.saturating_sub(HEARD_STEPS);
        let mut history = History::new(StepIndex(u64::from(from)));
        let mut take = Take { bars: case.window.bars.map(|b| BarNotes::silent(b.steps)), ..Take::default() };
        take.sounding = case.real.sounding.clone();
        self.part.reset();
        let (mut now, mut out) = (Vec::new(), StepNotes::EMPTY);
        for step in from..end {
            now.clear();
            let real = piece.notes_between(step, step + 1);
            let heard = |n: &crate::corpus::GridNote| HeardNote { role: n.role, note: n.note };
            if step < start {
                if step + WARM_STEPS >= start {
                    self.part.follow(&playing.ask(step), &Heard { history: &history, now: &[] })?;
                }
                now.extend(real.iter().map(heard));
            } else {
                let role = case.window.role;
                now.extend(real.iter().filter(|n| n.role < role).map(heard));
                self.part.next_step(&playing.ask(step), &Heard { history: &history, now: &now }, &mut out)?;
                now.extend(out.iter().map(|note| HeardNote { role, note: *note }));
                now.extend(real.iter().filter(|n| n.role > role).map(heard));
                let bar = usize::from(step >= second.first.0 as u32);
                let at = (u64::from(step) - case.window.bars[bar].first.0) as u8;
                take.bars[bar].notes.extend(out.iter().map(|note| (at, *note)));
            }
            history.push(&now);
        }
        Ok(take)
    }
}

impl Playing<'_> {
    /// What is asked at a step: all that the scene of its bar holds.
    fn ask(&self, step: u32) -> Ask {
        let place = self.map.place(StepIndex(u64::from(step)));
        let role = self.case.window.role;
        let mut ask = Ask::new(place, role, self.chance);
        let segment = Segment::of(&place);
        let played = gan_data::notes(self.piece, role, &segment);
        for other in ROLES {
            ask.band[other.index()].present = self.piece.roles[other.index()];
        }
        let own = &mut ask.band[role.index()];
        (own.density, own.register) = (Some(gan_data::density(role, &played)), gan_data::register(role, &played));
        let next = self.piece.chords.partition_point(|c| c.0 <= step);
        ask.chord = self.piece.chord_at(step);
        if let Some((at, chord)) = self.piece.chords.get(next) {
            (ask.next_chord, ask.steps_to_next_chord) = (*chord, at - step);
        }
        ask.key = self.piece.key;
        ask.style = gan_data::style(self.piece);
        ask.range = (0, 127);
        ask
    }
}
