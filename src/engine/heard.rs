//! What engines hear: the notes of every role in the last steps, and in this one so far.

use crate::music::{Role, StepNote};
use crate::time::StepIndex;

/// A note that some role started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardNote {
    /// Who plays it.
    pub role: Role,
    /// The note.
    pub note: StepNote,
}

/// Steps that a history reaches back: two of the longest bars and some.
pub const HISTORY_STEPS: usize = 128;
/// Notes kept of one step; what is beyond is not heard.
pub const HEARD_PER_STEP: usize = 48;

#[derive(Clone, Copy)]
struct HeardStep {
    notes: [HeardNote; HEARD_PER_STEP],
    count: usize,
}

const SILENT: HeardStep = HeardStep {
    notes: [HeardNote {
        role: Role::Drums,
        note: StepNote { pitch: 0, velocity: 1, duration_steps: 1, offset_ticks: 0 },
    }; HEARD_PER_STEP],
    count: 0,
};

/// The last [`HISTORY_STEPS`] steps of the whole band. Pushing past the end forgets the oldest step.
#[derive(Clone)]
pub struct History {
    ring: Vec<HeardStep>,
    /// The step that would be pushed next.
    next: StepIndex,
    /// The first step that is still known.
    first: StepIndex,
}

impl History {
    /// An empty history whose first pushed step is `start`.
    pub fn new(start: StepIndex) -> History {
        History { ring: vec![SILENT; HISTORY_STEPS], next: start, first: start }
    }

    /// The step that is to be pushed next.
    pub fn next(&self) -> StepIndex {
        self.next
    }

    /// Adds the step [`History::next`].
    pub fn push(&mut self, notes: &[HeardNote]) {
        let slot = &mut self.ring[self.next.0 as usize % HISTORY_STEPS];
        slot.count = notes.len().min(HEARD_PER_STEP);
        slot.notes[..slot.count].copy_from_slice(&notes[..slot.count]);
        self.next = self.next.after(1);
        self.first = self.first.max(StepIndex(self.next.0.saturating_sub(HISTORY_STEPS as u64)));
    }

    /// Forgets `step` and everything later.
    pub fn truncate(&mut self, step: StepIndex) {
        self.next = self.next.min(step);
        self.first = self.first.min(self.next);
    }

    /// Replaces the notes of a step that is still known.
    pub fn replace(&mut self, step: StepIndex, notes: &[HeardNote]) {
        if (self.first..self.next).contains(&step) {
            let slot = &mut self.ring[step.0 as usize % HISTORY_STEPS];
            slot.count = notes.len().min(HEARD_PER_STEP);
            slot.notes[..slot.count].copy_from_slice(&notes[..slot.count]);
        }
    }

    /// The notes that started in `step`; empty when it is not known.
    pub fn step(&self, step: StepIndex) -> &[HeardNote] {
        if (self.first..self.next).contains(&step) {
            let slot = &self.ring[step.0 as usize % HISTORY_STEPS];
            &slot.notes[..slot.count]
        } else {
            &[]
        }
    }

    /// The notes `back` steps before the next one (1 = the last step pushed).
    pub fn back(&self, back: u64) -> &[HeardNote] {
        self.next.before(back).map_or(&[], |step| self.step(step))
    }
}

/// All that an engine hears when it makes a step.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The steps before this one.
    pub history: &'a History,
    /// Notes of this step that other parts have already chosen.
    pub now: &'a [HeardNote],
}
