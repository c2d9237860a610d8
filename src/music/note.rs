//! Notes as the plan holds them: relative to the step in which they start.

use crate::limits::NOTES_PER_STEP;
use serde::{Deserialize, Serialize};

/// A note that starts in some step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepNote {
    /// MIDI note number, 0..=127; for drums the General MIDI number of the kit row.
    pub pitch: u8,
    /// How hard, 1..=127.
    pub velocity: u8,
    /// Length in steps, at least 1.
    pub duration_steps: u16,
    /// Distance from the step's grid place, -120..=120 ticks.
    pub offset_ticks: i16,
}

impl StepNote {
    /// A note on the grid, with every field brought into range.
    pub fn new(pitch: u8, velocity: u8, duration_steps: u16) -> StepNote {
        StepNote {
            pitch: pitch.min(127),
            velocity: velocity.clamp(1, 127),
            duration_steps: duration_steps.max(1),
            offset_ticks: 0,
        }
    }
}

/// The notes that one part starts in one step: a small list without allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StepNotes {
    notes: [StepNote; NOTES_PER_STEP],
    count: u8,
}

const NO_NOTE: StepNote = StepNote { pitch: 0, velocity: 1, duration_steps: 1, offset_ticks: 0 };

impl StepNotes {
    /// No notes.
    pub const EMPTY: StepNotes = StepNotes { notes: [NO_NOTE; NOTES_PER_STEP], count: 0 };

    /// Adds a note; false when the list is full.
    pub fn push(&mut self, note: StepNote) -> bool {
        let fits = usize::from(self.count) < NOTES_PER_STEP;
        if fits {
            self.notes[usize::from(self.count)] = note;
            self.count += 1;
        }
        fits
    }
    /// Removes every note.
    pub fn clear(&mut self) {
        *self = StepNotes::EMPTY;
    }
    /// Keeps the notes for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&StepNote) -> bool) {
        let mut kept = StepNotes::EMPTY;
        for note in self.iter().filter(|n| keep(n)) {
            kept.push(*note);
        }
        *self = kept;
    }
    /// The notes as a slice to change in place.
    pub fn as_mut_slice(&mut self) -> &mut [StepNote] {
        &mut self.notes[..usize::from(self.count)]
    }
}

impl Default for StepNotes {
    fn default() -> Self {
        StepNotes::EMPTY
    }
}

impl std::ops::Deref for StepNotes {
    type Target = [StepNote];
    fn deref(&self) -> &[StepNote] {
        &self.notes[..usize::from(self.count)]
    }
}

impl std::fmt::Debug for StepNotes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<StepNote> for StepNotes {
    fn from_iter<I: IntoIterator<Item = StepNote>>(notes: I) -> Self {
        let mut list = StepNotes::EMPTY;
        for note in notes {
            list.push(note);
        }
        list
    }
}
