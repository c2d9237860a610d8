//! Player: keeps time, and sends what is due.
//!
//! Owns: the tempo map in force, the position, the ledger of sounding notes, and through a [`Sink`] the outputs.
//! Called from: [`Core`] is pure and is driven by the player thread, or by tests and the renderer with a simulated clock.
//! Units: ticks for music, nanoseconds of one monotonic clock for machine time.
//!
//! Invariants
//! - Every note-on has exactly one note-off, at the output where it began.
//! - Events of one output never go back in time, and none is scheduled before the moment at which it is sent.
//! - A step is handed over once; what is missing by then is filled in, counted and reported, and time never waits.
//!
//! Not here: what is played (`conductor`), how an output sends it (`output`).

#[cfg(feature = "jack")]
pub mod bench;
mod core;
#[cfg(test)]
mod core_test;
pub mod guard;
mod lateness;
mod ledger;
mod memory;
mod queue;
mod store;
mod thread;

pub use crate::output::{Address, Recorder, Sink};
pub use core::Core;
pub use ledger::{Ledger, Sounding};
pub use thread::{Player, Silencer};
