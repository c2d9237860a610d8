//! Train: makes models from corpora, and says how good they are.
//!
//! Owns: the fused training ops ([`ops`]) and the same pass in plain candle for GPUs ([`plain`]), the net over candle variables, the
//! optimiser, checkpoints, the pieces waiting on disk ([`shelf`]), `eval`.
//! Called from: the command line (its own threads, never the conductor's).
//! Units: nats inside, bits per note in reports; steps are sixteenths.
//!
//! Invariants
//! - Every random draw comes from `music::Chance` with an address, so a resumed run continues the same curve.
//! - A checkpoint on disk is always whole: a full disk or an interruption leaves the last good one.
//! - `lstm` needs memory for a batch, not for a corpus: notes wait on disk ([`shelf`]). `gan` and `eval` hold a corpus whole.
//!
//! Not here: the features' meaning (`token`), live playing (`engine::lstm`).

pub mod batch;
pub mod bench;
pub mod checkpoint;
pub mod data;
pub mod eval;
pub mod gan;
pub mod gan_data;
pub mod gan_eval;
#[cfg(test)]
mod gradients;
pub mod groove;
pub mod jsb;
pub mod kernel;
pub mod live;
pub mod lstm;
mod memory;
pub mod metrics;
pub mod net;
pub mod ngram;
pub mod ops;
pub mod optim;
pub mod pick;
mod plain;
pub mod report;
pub mod sample;
pub mod score;
pub mod shelf;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod tests;
