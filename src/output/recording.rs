//! An output that writes down what would have been heard: for tests, simulated runs and files.

use super::{Due, OutEvent, Output};
use crate::time::Nanos;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What was heard, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tape {
    /// Events with their moments; times never decrease.
    pub events: Vec<(Due, OutEvent)>,
    /// Channel and pitch of all notes that sound at the end of `events`.
    pub sounding: BTreeSet<(u8, u8)>,
    /// What was wrong with the events that came: an off without an on, an on for a sounding note, a step back in time.
    pub faults: Vec<String>,
}

impl Tape {
    fn push(&mut self, due: Due, event: OutEvent) {
        if self.events.last().is_some_and(|last| last.0.at > due.at) {
            self.faults.push(format!("{event:?} at {due:?} is earlier than the event before it"));
        }
        match event {
            OutEvent::NoteOn { channel, pitch, .. } if !self.sounding.insert((channel, pitch)) => {
                self.faults.push(format!("{event:?} at {due:?}, but this note sounds"));
            }
            OutEvent::NoteOff { channel, pitch } if !self.sounding.remove(&(channel, pitch)) => {
                self.faults.push(format!("{event:?} at {due:?}, but this note does not sound"));
            }
            _ => {}
        }
        self.events.push((due, event));
    }

    /// Number of note-ons.
    pub fn ons(&self) -> usize {
        self.events.iter().filter(|e| matches!(e.1, OutEvent::NoteOn { .. })).count()
    }

    /// Number of note-offs.
    pub fn offs(&self) -> usize {
        self.events.iter().filter(|e| matches!(e.1, OutEvent::NoteOff { .. })).count()
    }
}

/// An output that keeps what it was sent. Events sent are on the tape at once; `silence` takes the later ones off again.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    name: String,
    tape: Arc<Mutex<Tape>>,
}

impl Recording {
    /// An empty one. Clones share the tape.
    pub fn new(name: impl Into<String>) -> Recording {
        Recording { name: name.into(), tape: Arc::default() }
    }

    /// What was heard so far (and what is queued).
    pub fn tape(&self) -> Tape {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Output for Recording {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).push(due, event);
    }

    fn silence(&mut self, due: Due, _hard: bool) {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = tape.events.partition_point(|e| e.0.at <= due.at);
        let dropped = tape.events.split_off(heard);
        // Undo what the dropped events did to the set of sounding notes, the last first.
        for (_, event) in dropped.into_iter().rev() {
            match event {
                OutEvent::NoteOn { channel, pitch, .. } => _ = tape.sounding.remove(&(channel, pitch)),
                OutEvent::NoteOff { channel, pitch } => _ = tape.sounding.insert((channel, pitch)),
                _ => {}
            }
        }
        for (channel, pitch) in tape.sounding.clone() {
            tape.push(due, OutEvent::NoteOff { channel, pitch });
        }
    }

    fn tend(&mut self, _now: Nanos) {}
}
