//! Music: what is played, as plain values.
//!
//! Owns: [`Role`], [`StepNote`], [`StepNotes`], the drum [`kit`], [`Key`], [`Chord`], [`Progression`], [`Chance`], [`Latent`] vectors, styles, text grids.
//! Called from: every thread; everything here is a plain value.
//! Units: pitch = MIDI note number (60 = middle C), velocity 1..=127, durations in steps, offsets in ticks.
//!
//! Invariants
//! - A `StepNote` always has velocity 1..=127 and a duration of at least one step.
//! - Drum notes carry the General MIDI number of their kit row; `kit::row_of` and `kit::ROWS` map both ways.
//! - The same `Chance` address gives the same number on every machine.
//!
//! Not here: MIDI bytes (`midi`), what a performer wants (`steer`).

mod chance;
mod chord;
pub mod grid;
mod key;
pub mod kit;
mod latent;
mod note;
mod role;
mod style;

pub use chance::{Chance, Purpose};
pub use chord::{Chord, ChordSpan, Progression, QUALITIES};
pub use key::{Key, SCALES, Scale};
pub use latent::{LATENT, LATENT_BAR, LATENT_GLOBAL, Latent, Projection, normals, slerp};
pub use note::{StepNote, StepNotes};
pub use role::{ROLES, Role};
pub use style::{STYLES, Style, StyleBlend};
