//! Every type that crosses a thread, on one page.
//!
//! | from -> to | type | kind | when full |
//! | --- | --- | --- | --- |
//! | ui, wiring -> conductor | [`Command`] | every one counts, `limits::COMMANDS` | the sender shows "busy" |
//! | conductor, ui -> player | [`ToPlayer`] | every one counts, `limits::PLAYER_INBOX` | the conductor waits a turn; panic also sets an atomic |
//! | player -> conductor | [`FromPlayer`] | every one counts, `limits::PLAYER_INBOX` | the oldest are dropped; the playhead tells the rest |
//! | player -> all | [`Playhead`] | latest wins | overwritten |
//! | conductor -> ui | [`Snapshot`] | latest wins | overwritten |
//! | wiring -> ui | [`Training`] | latest wins | overwritten |
//! | any -> ui | [`Notice`] | every one counts, `limits::NOTICES` | dropped and counted |

use crate::music::{Latent, Projection, Role, StepNote};
use crate::steer::{Edit, OutSpec, ScriptFault, Steering, When};
use crate::time::{Bpm, Nanos, Place, StepIndex, Tick};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// What the screen, the file watcher or the wiring ask of the conductor.
#[derive(Clone, Debug)]
pub enum Command {
    /// Change what the performer wants.
    Edit(Edit, When),
    /// Compile and dry-run this text as the set, and launch it if it is sound.
    LoadScript {
        /// Name for messages, as a file name.
        name: String,
        /// The whole text.
        text: String,
        /// When it takes over.
        when: When,
    },
    /// Keep a planned bar as it is whatever is edited; `on` false lets it go.
    Freeze {
        /// The bar.
        bar: u64,
        /// On or off.
        on: bool,
    },
    /// Draw a planned bar anew (all parts, or one).
    Veto {
        /// The bar.
        bar: u64,
        /// The part, or all.
        part: Option<Arc<str>>,
    },
    /// Forget armed edits that have not taken effect.
    CancelPending,
    /// Go back to a bar line: script, states, chance and mutes as they were.
    BackTo {
        /// The bar.
        bar: u64,
    },
    /// End the thread.
    Quit,
}

/// A note of the plan as the player needs it: shaped, on the tick axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedNote {
    /// When it begins; may lie before its step's grid place by up to 120 ticks.
    pub tick: Tick,
    /// How long it sounds, at least 1 tick.
    pub duration_ticks: u32,
    /// Which part: index into the routes in force.
    pub slot: u8,
    /// MIDI note number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
    /// True when it ends what its part still sounds: a mono part whose plan was made again may have handed over a note that
    /// is too long now.
    pub cuts: bool,
}

/// A parameter of an output that moves with the music.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamChange {
    /// Which part, or [`ParamChange::SET`] for the whole set.
    pub slot: u8,
    /// The control (level, pan, reverb, delay, cutoff, master, reverb_size, ...).
    pub control: crate::steer::Control,
    /// Its value, in the control's unit.
    pub value: f32,
}

impl ParamChange {
    /// The slot of parameters that belong to the whole set.
    pub const SET: u8 = u8::MAX;
}

/// One step of the plan, handed to the player. A later one for the same step replaces it until it is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// Which step.
    pub step: StepIndex,
    /// Where it stands.
    pub place: Place,
    /// Counts revisions of the plan: a higher one replaces a lower one.
    pub epoch: u64,
    /// Tempo from this step on.
    pub bpm: Bpm,
    /// Notes of all parts.
    pub notes: Vec<PlannedNote>,
    /// Parameters that change at this step.
    pub params: Vec<ParamChange>,
}

/// Where each slot goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the part.
    pub part: Arc<str>,
    /// Its output.
    pub out: OutSpec,
}

/// What the player is told.
#[derive(Clone, Debug)]
pub enum ToPlayer {
    /// Plan of a step.
    Step(Box<PlannedStep>),
    /// Steps from here on that were planned before this epoch are void (they play on only if nothing comes in time).
    Revise {
        /// First step that will be planned anew.
        from: StepIndex,
        /// Epoch of the new plan.
        epoch: u64,
    },
    /// The routes in force from now on; sounding notes end where they began.
    Routes(Arc<[Route]>),
    /// Begin at the first planned step, or go on after a stop.
    Start,
    /// Stop: every sounding note ends now; the position is kept.
    Stop,
    /// Every sounding note ends now, queued events are dropped, outputs are silenced hard; the music goes on.
    Panic,
    /// Send MIDI clock, start, stop and continue.
    Clock(bool),
    /// End the thread, silently.
    Quit,
}

/// What the player tells the conductor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromPlayer {
    /// A step was handed over to the outputs.
    Handed {
        /// Which.
        step: StepIndex,
        /// Epoch of the plan that was used; `None` when there was none and the player filled in.
        epoch: Option<u64>,
    },
}

/// Where the music is now, and how well it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playhead {
    /// Last tick that has begun.
    pub tick: Tick,
    /// First step that is not yet handed over: edits reach this one.
    pub handed: StepIndex,
    /// True while time runs.
    pub is_running: bool,
    /// Tempo now.
    pub bpm: Bpm,
    /// Steps played from an older plan or from memory because none came in time.
    pub late_steps: u64,
    /// Steps left silent on purpose because memory was used up.
    pub silent_steps: u64,
    /// Notes begun so far.
    pub notes_on: u64,
    /// Notes sounding now.
    pub sounding: u32,
    /// Latest wake-up of the thread after its deadline, p50 and p99 of the last minute or so, in microseconds.
    pub lateness_us: (u32, u32),
    /// The same of the whole performance: p50, p99 and the largest. Known when it is over, zero before.
    pub lateness_whole_us: [u32; 3],
    /// When this was written.
    pub at: Nanos,
    /// True when the thread has real-time priority.
    pub is_real_time: bool,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something did not go as asked; the music goes on.
    Warning,
    /// Something is broken until the performer acts; the music goes on.
    Error,
}

/// One line for the performer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How bad.
    pub severity: Severity,
    /// Which room speaks.
    pub source: &'static str,
    /// One sentence: what, where, what to do.
    pub text: String,
}

impl Notice {
    /// A notice.
    pub fn new(severity: Severity, source: &'static str, text: impl Into<String>) -> Notice {
        Notice { severity, source, text: text.into() }
    }
}

/// State of the script that is in force, or that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptStatus {
    /// Name of the set in force; empty before the first.
    pub name: String,
    /// Counts launches.
    pub generation: u64,
    /// What is wrong with the last text that was tried, if anything.
    pub error: Option<ScriptFault>,
    /// Lines (from 1) whose closures ran within the last beat.
    pub active_lines: Vec<u32>,
}

/// A note of the piano roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollNote {
    /// Step in which it starts.
    pub step: StepIndex,
    /// The note as planned (before shape) .
    pub note: StepNote,
}

/// Where a part is in the latent space, as the map shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatentView {
    /// The place at the first step not handed over.
    pub now: Latent,
    /// Where the global half was in the picture in the steps before, oldest first.
    pub trail: Arc<[[f32; 2]]>,
    /// Where the global half is going in the picture, if it goes to a place.
    pub target: Option<[f32; 2]>,
}

/// How real a bar of a part sounds to the critic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarScore {
    /// First step of the bar.
    pub line: StepIndex,
    /// Higher is more real, 0 undecided, about -8..=8.
    pub score: f32,
}

/// Bars of parts with a `taste`, counted when they are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TasteCounts {
    /// Chosen among candidates.
    pub ranked: u64,
    /// Handed over before a choice was made.
    pub unranked: u64,
}

/// One part as the screen shows it.
#[derive(Clone, Debug)]
pub struct PartView {
    /// Its name.
    pub name: Arc<str>,
    /// Its role.
    pub role: Role,
    /// Values of all controls now, by `Control as usize`; `None` = left to the model.
    pub values: Vec<Option<f32>>,
    /// True when it is heard.
    pub is_heard: bool,
    /// Notes from the past bars to the end of the plan, by step.
    pub notes: Arc<[RollNote]>,
    /// Where it is in the latent space.
    pub latent: LatentView,
    /// Scores of its bars, as far as they are known.
    pub scores: Arc<[BarScore]>,
}

/// An edit that waits for its moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingView {
    /// What, in short.
    pub text: String,
    /// When.
    pub when: When,
    /// The step, when it is known.
    pub step: Option<StepIndex>,
}

/// All that the screen may know; immutable, newest wins.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The steering in force at the playhead.
    pub steering: Arc<Steering>,
    /// The parts.
    pub parts: Vec<PartView>,
    /// Bar lines from the past bars to the end of the plan: first step and metre of each bar.
    pub bars: Vec<Place>,
    /// First step that is not planned yet.
    pub planned: StepIndex,
    /// Bars that are frozen.
    pub frozen: Vec<u64>,
    /// Edits that wait.
    pub pending: Vec<PendingView>,
    /// The script.
    pub script: ScriptStatus,
    /// Names of the form's sections, in order.
    pub form: Vec<(Arc<str>, u32)>,
    /// Time that planning one step of the whole band took: p50 and p99 in microseconds.
    pub plan_us: (u32, u32),
    /// Engine failures that were covered up so far.
    pub engine_faults: u64,
    /// The picture of the latent space in which places are shown.
    pub projection: Arc<Projection>,
    /// Choices of the ear.
    pub taste: TasteCounts,
}

/// A training run as the screen shows it, read from its folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// The run's folder.
    pub folder: String,
    /// Style of the pieces it learns from, when they share one.
    pub style: Option<String>,
    /// Updates and bits a note while learning.
    pub learning: Vec<(u64, f64)>,
    /// Updates and bits a note on valid.
    pub valid: Vec<(u64, f64)>,
    /// Updates so far.
    pub update: u64,
    /// Updates wanted, when the run is counted in updates.
    pub of: Option<u64>,
    /// Decisions learned from a second.
    pub tokens_per_s: f64,
    /// Seconds until the end, about.
    pub seconds_left: Option<f64>,
    /// Updates and bits a note of the best weights so far.
    pub best: Option<(u64, f64)>,
    /// How often weights were written.
    pub saved: u64,
    /// A bar that it would play, as text grids.
    pub sample: String,
    /// How it ended; `None` while it goes on.
    pub end: Option<String>,
}

/// A cell of which only the newest value counts. Clones share it.
///
/// The lock inside is held for a pointer's copy only; values are built before and dropped after it.
#[derive(Debug)]
pub struct Latest<T>(Arc<Mutex<Arc<T>>>);

impl<T> Latest<T> {
    /// A cell that holds `first`.
    pub fn new(first: T) -> Latest<T> {
        Latest(Arc::new(Mutex::new(Arc::new(first))))
    }

    /// The newest value.
    pub fn get(&self) -> Arc<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a new value in; for threads that may wait.
    pub fn put(&self, value: T) {
        let mut value = Arc::new(value);
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), &mut value);
    }

    /// Puts a new value in unless somebody else holds the cell at this very moment; for the thread that keeps time.
    /// False when the value was dropped.
    pub fn try_put(&self, value: T) -> bool {
        let mut value = Arc::new(value);
        match self.0.try_lock() {
            Ok(mut cell) => std::mem::swap(&mut *cell, &mut value),
            Err(TryLockError::Poisoned(cell)) => std::mem::swap(&mut *cell.into_inner(), &mut value),
            Err(TryLockError::WouldBlock) => return false,
        }
        true
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Latest(self.0.clone())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_newest_value_wins_and_clones_share_it() {
        let cell = Latest::new(1);
        let other = cell.clone();
        other.put(2);
        assert!(cell.try_put(3));
        assert_eq!(*other.get(), 3);
    }
}
