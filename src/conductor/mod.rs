//! Conductor: the plan, its revisions, and what is handed to the player.
//!
//! Owns: [`Session`] (the pure core: plan, steering, engines, programs, pending edits, journal), [`shape`] (from what a
//! model wrote to what is played), the thread that drives the core, `render` that drives it without one.
//! Called from: the conductor thread; `render`, tests and benches call the core directly.
//! Units: steps; played notes in ticks.
//!
//! Invariants
//! - A step of the plan is a function of the state before it and of the events due at it: rewinding and planning again
//!   with the same events gives the same notes.
//! - A step that was handed over never changes; edits reach the first step that was not.
//! - No closure runs twice for one step of one program.
//! - A part never falls silent because its engine fails.
//!
//! Not here: when things sound and what is sent (`player`, `output`), what scripts may say (`script`).

mod ask;
mod audition;
mod band;
pub mod bench;
mod ear;
mod enter;
mod form;
mod journal;
mod journal_latent;
mod journal_text;
#[cfg(test)]
mod latent_test;
mod make;
mod marks;
mod meter;
mod obey;
mod older;
mod pace;
mod plan;
pub mod render;
mod send;
mod session;
pub mod shape;
mod slots;
pub mod stage;
mod taste;
#[cfg(test)]
mod taste_test;
pub mod test_kit;
#[cfg(test)]
mod tests;
mod thread;
mod view;

pub use band::{Opener, opener};
pub use journal::{Entry, Fixed, Journal, What};
pub use obey::TRIAL;
pub use plan::{How, PartStep, Plan, Running, StepRecord};
pub use session::Session;
pub use thread::{Conductor, empty_snapshot};
