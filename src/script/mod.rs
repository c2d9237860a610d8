//! Script: rhai in, edits out.
//!
//! Owns: the rhai engine ([`ScriptHost`]), the functions that scripts may call ([`FAMILIES`], and one for each row of
//! `steer::CONTROLS`), error sentences, highlighting, completion, and the reference that is made from the tables.
//! Called from: the conductor (loads sets, calls closures); the screen (highlighting, completion, help).
//! Units: those of each row; time in steps, bars and beats of the metre.
//!
//! Invariants
//! - A script can do nothing but ask for edits: no file, network, clock, `eval`, import or sleep.
//! - Every run is bounded: time of this thread's CPU, operations, depth, sizes of texts, lists and maps, edits.
//! - The same text and seed give the same edits when the same calls are made in the same order.
//! - Whatever the text is, an error is one sentence with a place, and nothing panics.
//!
//! Not here: when edits take effect (`conductor`), what they mean (`steer`), the editor (`ui`).

pub mod api;
pub mod complete;
mod deadline;
mod desk;
pub mod docs;
mod fault;
pub mod highlight;
mod host;
#[cfg(test)]
mod hostile;
mod near;
mod set;
mod sets;

pub use api::{FAMILIES, Family, Function, functions};
pub use host::ScriptHost;
pub use set::Set;
pub use sets::{SETS, Shipped, set_named};
