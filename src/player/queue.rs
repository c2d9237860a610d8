//! Notes and parameters of handed-over steps that wait for their tick, and those sent but not heard yet.

use crate::message::{ParamChange, PlannedStep};
use crate::time::{Nanos, Tick};
use std::collections::VecDeque;

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// A parameter; before the notes of the same tick.
    Param(ParamChange),
    /// A note.
    Note {
        /// The part.
        slot: u8,
        /// MIDI note number.
        pitch: u8,
        /// 1..=127.
        velocity: u8,
        /// At least 1.
        duration_ticks: u32,
        /// It ends what its part still sounds.
        cuts: bool,
    },
}

/// Something with its tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// When.
    pub tick: Tick,
    /// What.
    pub what: What,
}

/// Ordered by tick, then parameters before notes, then as planned.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    sent: VecDeque<(Nanos, Waiting)>,
}

impl Queue {
    /// Adds what a step holds.
    pub fn add(&mut self, step: &PlannedStep) {
        for &change in &step.params {
            self.insert(Waiting { tick: step.step.tick(), what: What::Param(change) });
        }
        for n in &step.notes {
            let what = What::Note {
                slot: n.slot,
                pitch: n.pitch.min(127),
                velocity: n.velocity.clamp(1, 127),
                duration_ticks: n.duration_ticks,
                cuts: n.cuts,
            };
            self.insert(Waiting { tick: n.tick, what });
        }
    }

    fn insert(&mut self, new: Waiting) {
        let key = |w: &Waiting| (w.tick, matches!(w.what, What::Note { .. }));
        let at = self.waiting.partition_point(|w| key(w) <= key(&new));
        self.waiting.insert(at, new);
    }

    /// Tick of the first in line.
    pub fn next_tick(&self) -> Option<Tick> {
        self.waiting.front().map(|w| w.tick)
    }

    /// Takes the first in line.
    pub fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Keeps in mind what was sent for `at`.
    pub fn sent(&mut self, at: Nanos, waiting: Waiting) {
        self.sent.push_back((at, waiting));
    }

    /// Forgets what has been heard by `now`.
    pub fn forget_heard(&mut self, now: Nanos) {
        while self.sent.front().is_some_and(|s| s.0 <= now) {
            self.sent.pop_front();
        }
    }

    /// What was sent for later than `now` was dropped by the outputs: it waits again.
    pub fn put_back(&mut self, now: Nanos) {
        self.forget_heard(now);
        while let Some((_, waiting)) = self.sent.pop_back() {
            self.waiting.push_front(waiting);
        }
    }

    /// Drops notes; parameters stay.
    pub fn drop_notes(&mut self) {
        self.waiting.retain(|w| matches!(w.what, What::Param(_)));
    }
}
