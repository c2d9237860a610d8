//! Corpora: folders of MIDI files become pieces on the step grid, with roles, metre, key and harmony.
//!
//! Owns: [`Piece`] and [`Corpus`], [`load`] and [`load_each`] (with their cache), the bytes of a piece, role finding, quantising, chord and key estimates, [`report`], [`windows`].
//! Called from: the trainer, `eval` and the command line, on any thread. Reads files; the rest is pure.
//! Units: steps (sixteenths), offsets in ticks (960 a quarter), pitches as MIDI note numbers.
//!
//! Invariants
//! - Notes of a piece are sorted by (step, role, pitch) without duplicates; a role starts at most `NOTES_PER_STEP` notes in a step.
//! - Drum notes carry the number of their kit row and last one step; pitched notes lie within 21..=108 (octaves are folded in).
//! - Metre changes stand on bar lines, the first at step 0; an upbeat is a full bar with rests in front.
//! - The split is by work, never by window. What is left out is listed with its reason.
//! - The same folder gives the same pieces in the same order, with or without the cache.
//! - [`load_each`] holds the notes of some dozen files at a time; only [`load`] gathers those of all.
//!
//! Not here: tokens and features (`token`), MIDI bytes (`midi`).

mod bars;
mod cache;
mod catalogue;
mod codec;
mod harmony;
mod keys;
mod load;
mod names;
mod piece;
mod quantise;
mod report;
mod roles;
mod split_hands;
mod styles;

pub use cache::fnv;
pub use load::{CorpusError, Progress, load, load_each, load_with_cache};
pub use piece::{Corpus, Dropped, GridNote, Piece, Split, Window, windows};
pub use quantise::{Sheet, understand};
pub use report::{Report, report};
