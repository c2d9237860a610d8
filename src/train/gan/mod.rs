//! Training of the GAN: a generator and a critic for the kit, and a pair for pitches, against each other.
//!
//! Owns: the nets over candle variables ([`net`]), their ops, the losses, the game, runs with checkpoints.
//! Called from: the command line; each family may have a thread of its own.
//! Units: bars of at most 16 steps; nats.
//!
//! Invariants
//! - Every random draw has an address, so that a resumed run continues the same game.
//! - What is learned from goes through `engine::gan::planes`, as what is played does.
//!
//! Not here: playing (`engine::gan`), figures (`train::gan_eval`).

pub mod bench;
pub mod data;
pub mod ends;
pub mod game;
#[cfg(test)]
mod gradients;
pub mod hearing;
pub mod losses;
pub mod net;
pub mod news;
pub mod noise;
pub mod ops;
pub mod reading;
pub mod run;
pub mod trend;
