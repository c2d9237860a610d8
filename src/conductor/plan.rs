//! The plan: what every part will play, step by step, and beside each step all that is needed to go back before it.

use super::form::FormState;
use super::session::Bookmark;
use super::shape::ParamMemory;
use crate::engine::EngineState;
use crate::music::StepNotes;
use crate::steer::Steering;
use crate::time::{BarMap, Place, StepIndex};
use std::collections::VecDeque;
use std::sync::Arc;

/// Everything that runs along the step axis except the engines: cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// The steering.
    pub steering: Arc<Steering>,
    /// Bars up to here and, if nothing changes, from here on.
    pub bars: Arc<BarMap>,
    /// Where the form stands.
    pub form: FormState,
    /// Which program is in force; 0 before the first.
    pub generation: u64,
}

/// State of one part's engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSlot {
    /// Address of the part.
    pub id: u64,
    /// Name of the engine.
    pub engine: Arc<str>,
    /// Its state.
    pub state: EngineState,
}

/// How the notes of a step came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The engine chose them.
    Engine,
    /// Copied from a held loop.
    Held,
    /// Kept because the bar is frozen.
    Frozen,
    /// The engine failed: the bar before, varied.
    Varied,
    /// The engine failed and there was no bar before: the euclidean engine.
    Euclid,
    /// The engine failed and nothing else could play.
    Silent,
    /// The step was played by the player from memory, since no plan came in time.
    Missed,
}

/// What one part plays in one step, before shape.
#[derive(Clone, Debug, PartialEq)]
pub struct PartStep {
    /// Address of the part.
    pub id: u64,
    /// The notes, as the engine made them.
    pub notes: StepNotes,
    /// How they came about.
    pub how: How,
}

/// One step of the plan.
#[derive(Clone, Debug)]
pub struct StepRecord {
    /// Tells it from every other record, also of the same step.
    pub id: u64,
    /// The record that it was made after; 0 for the first.
    pub after: u64,
    /// Where it stands.
    pub place: Place,
    /// As it was before this step's calls and edits.
    pub before: Running,
    /// Engines before the step; emptied once the step has been handed over, except on bar lines.
    pub engines: Vec<EngineSlot>,
    /// In force at this step, after its calls and edits.
    pub entered: Running,
    /// Engines that the step began with in place of `engines`, when it went back to a bar line.
    pub(super) back: Option<Arc<Bookmark>>,
    /// What each part plays, in the order of `entered.steering.parts`.
    pub parts: Vec<PartStep>,
    /// Where the global half of each part's latent place lies in the picture, in the same order.
    pub latents: Vec<[f32; 2]>,
    /// On a bar line: how real the bar of each part sounds, as far as that is known.
    pub scores: Vec<(u64, Option<f32>)>,
    /// Revision of the plan that made it.
    pub epoch: u64,
    /// Lines of script whose closures ran at this step.
    pub lines: Vec<u32>,
    /// Sentences for the log, said when the step is handed over.
    pub says: Vec<String>,
    /// What the outputs have been told after this step; known once it was shaped.
    pub params_after: Option<Arc<ParamMemory>>,
    /// First step that was not planned yet when this one was shaped.
    pub shaped_before: StepIndex,
}

impl StepRecord {
    /// Notes of a part; `None` when it did not play in this step.
    pub fn notes_of(&self, id: u64) -> Option<&StepNotes> {
        self.parts.iter().find(|p| p.id == id).map(|p| &p.notes)
    }
}

/// Consecutive steps: some bars of the past and the planned future.
#[derive(Debug, Default)]
pub struct Plan {
    records: VecDeque<StepRecord>,
    first: StepIndex,
}

impl Plan {
    /// An empty plan that begins at `first`.
    pub fn starting_at(first: StepIndex) -> Plan {
        Plan { records: VecDeque::new(), first }
    }
    /// First step that is kept.
    pub fn first(&self) -> StepIndex {
        self.first
    }
    /// First step that is not planned yet.
    pub fn next(&self) -> StepIndex {
        self.first.after(self.records.len() as u64)
    }
    /// The record of a step.
    pub fn get(&self, step: StepIndex) -> Option<&StepRecord> {
        self.records.get(step.0.checked_sub(self.first.0)? as usize)
    }
    /// The record of a step, to change.
    pub fn get_mut(&mut self, step: StepIndex) -> Option<&mut StepRecord> {
        self.records.get_mut(step.0.checked_sub(self.first.0)? as usize)
    }
    /// Appends the step [`Plan::next`].
    pub fn push(&mut self, record: StepRecord) {
        debug_assert_eq!(record.place.step, self.next());
        self.records.push_back(record);
    }
    /// Takes `step` and everything later out, oldest first.
    pub fn split_off(&mut self, step: StepIndex) -> VecDeque<StepRecord> {
        let at = step.0.saturating_sub(self.first.0) as usize;
        self.records.split_off(at.min(self.records.len()))
    }
    /// Forgets what lies before `step`.
    pub fn prune(&mut self, step: StepIndex) {
        while self.first < step && self.records.pop_front().is_some() {
            self.first = self.first.after(1);
        }
    }
    /// All records, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &StepRecord> {
        self.records.iter()
    }
    /// The records from `step` on, oldest first.
    pub fn from(&self, step: StepIndex) -> impl Iterator<Item = &StepRecord> {
        let at = step.0.saturating_sub(self.first.0) as usize;
        self.records.range(at.min(self.records.len())..)
    }
}
