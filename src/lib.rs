//! ricercar: a terminal live-coding instrument whose voices are neural networks.
//!
//! Rooms, in the order in which data flows (a room imports only rooms above it, see ARCHITECTURE.md):
//! `time` and `music` are plain values; `midi` and `corpus` read files; `token` turns steps into numbers;
//! `engine` makes the next step; `steer` holds what the performer wants; `script` turns rhai into edits;
//! `conductor` keeps the plan; `player` keeps time; `output` and `audio` make it heard; `train` makes models;
//! `trial` plays them through the whole instrument and measures; `ui` shows it all; `cli` and `wiring` put it together.

pub mod audio;
pub mod cli;
pub mod conductor;
pub mod corpus;
pub mod engine;
pub mod limits;
pub mod message;
pub mod midi;
pub mod music;
pub mod output;
pub mod player;
pub mod plot;
pub mod script;
pub mod steer;
pub mod time;
pub mod token;
pub mod train;
pub mod trial;
pub mod ui;
pub mod wiring;

/// Lets tests forbid allocation: `assert_no_alloc::assert_no_alloc(|| ...)`.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
