//! MIDI as bytes: channel messages, and Standard MIDI Files read and written.
//!
//! Owns: [`Message`] (one raw MIDI message as a small value), [`MidiFile`] and its parts, [`read`], [`write`].
//! Called from: the conductor (rendering), the corpus reader, outputs (bytes to and from ports). Pure: no ports in here.
//! Units: ticks at 960 a quarter note, whatever the file's own division is; channels 0..=15 (9 = drums).
//!
//! Invariants
//! - Bytes from outside never panic, hang or take more memory than a small multiple of their length; limits are in `limits`.
//! - [`write`] gives the same bytes for the same value, and every note-on in them has its note-off.
//! - Notes of a read file have velocity 1..=127, last at least one tick, and never overlap on one pitch of one part.
//!
//! Not here: what the notes mean (`corpus` finds roles, metre and harmony), ports (`output`).

pub mod file;
mod message;
mod read;
mod write;

pub use file::{KeySignature, MidiFile, MidiNote, MidiPart, TimeSignature};
pub use message::{Message, MessageBytes};
pub use read::{MidiError, read};
pub use write::write;
