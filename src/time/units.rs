//! The units of musical and machine time.

use serde::{Deserialize, Serialize};

/// Ticks in a quarter note.
pub const TICKS_PER_QUARTER: u64 = 960;
/// Ticks in a step (a sixteenth note).
pub const TICKS_PER_STEP: u64 = TICKS_PER_QUARTER / 4;

// A MIDI clock pulse (24 a quarter) and a triplet eighth must be whole ticks.
const _: () = assert!(TICKS_PER_QUARTER.is_multiple_of(24) && TICKS_PER_QUARTER.is_multiple_of(3));

/// An instant of musical time, in ticks from the start of the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u64);

/// A sixteenth, counted from the start of the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepIndex(pub u64);

/// An instant of machine time: nanoseconds of a monotonic clock (or of a simulated one).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl StepIndex {
    /// Where the step begins on the grid.
    pub fn tick(self) -> Tick {
        Tick(self.0 * TICKS_PER_STEP)
    }
    /// The step `count` later.
    pub fn after(self, count: u64) -> StepIndex {
        StepIndex(self.0 + count)
    }
    /// The step `count` earlier, `None` before the start.
    pub fn before(self, count: u64) -> Option<StepIndex> {
        self.0.checked_sub(count).map(StepIndex)
    }
}

impl Tick {
    /// The step that contains this tick.
    pub fn step(self) -> StepIndex {
        StepIndex(self.0 / TICKS_PER_STEP)
    }
    /// The instant moved by a signed distance, never before the start.
    pub fn offset(self, ticks: i64) -> Tick {
        Tick(self.0.saturating_add_signed(ticks))
    }
}

impl Nanos {
    /// The instant `ms` milliseconds later.
    pub fn after_ms(self, ms: u64) -> Nanos {
        Nanos(self.0.saturating_add(ms * 1_000_000))
    }
    /// The instant `ms` milliseconds earlier, never below zero.
    pub fn before_ms(self, ms: u64) -> Nanos {
        Nanos(self.0.saturating_sub(ms * 1_000_000))
    }
    /// Signed distance `self - other` in nanoseconds.
    pub fn since(self, other: Nanos) -> i64 {
        self.0 as i64 - other.0 as i64
    }
}
