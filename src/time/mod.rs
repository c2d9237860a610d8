//! Time: what a moment is and how moments convert.
//!
//! Owns: [`Tick`], [`StepIndex`], [`Nanos`], [`Metre`], [`BarMap`], [`TempoMap`].
//! Called from: every thread; everything here is a plain value.
//! Units: 960 ticks a quarter note, 240 ticks a step (a sixteenth), nanoseconds of a monotonic clock.
//!
//! Invariants
//! - A step is always 240 ticks; swing and micro-offset are added later and never move the grid.
//! - `TempoMap` is monotone; `tick_at(nanos_at(t)) == t` for every tick.
//! - Bars tile the step axis without gap; a metre change stands on a bar line.
//!
//! Not here: reading a clock (the thread loops in `player` and `conductor` do that).

mod bars;
mod tempo;
mod units;

pub use bars::{BarMap, Metre, Place};
pub use tempo::{Bpm, TempoMap};
pub use units::{Nanos, StepIndex, TICKS_PER_QUARTER, TICKS_PER_STEP, Tick};
