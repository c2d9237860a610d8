//! The band LSTM: its shape, its file, and the two ways to run it.
//!
//! Owns: [`Shape`] (the list of tensors), [`Weights`] and [`Card`] (a checked model file), [`Packed`] (weights as the live
//! step reads them), [`Live`] (the live step), [`CandleModel`] (the same net in plain candle), [`LstmPart`] (the engine of one part).
//! Called from: the conductor (loading, live steps), the trainer (saving), tests.
//! Units: tensors are f32, row-major, named and ordered as in PyTorch.
//!
//! Invariants
//! - [`Weights`] always hold every tensor of their [`Shape`] in full, all finite.
//! - A live step gives the same bits on every machine and path, and allocates nothing.
//!
//! Not here: what the rows of the tables mean (`token`), gradients (`train`).

pub mod bench;
pub mod candle;
pub mod file;
mod guided;
pub mod half;
mod int8;
pub mod kernel;
pub mod live;
mod matrix;
mod memo;
mod narrow;
pub mod net;
pub(in crate::engine) mod packed;
pub mod parity;
mod part;
pub mod random;
mod run;
pub mod shape;
mod simd;

pub use candle::{CandleModel, CandleRun, device, open_candle};
pub use file::{Card, Expected, FileError, Precision, Weights};
pub use live::Live;
pub use matrix::{ARITHMETICS, Arithmetic};
pub use net::{Oracle, OracleState};
pub use packed::Packed;
pub use part::LstmPart;
pub use random::expected;
pub use run::Run;
pub use shape::Shape;

use super::EngineError;
use std::sync::Arc;

/// Weights ready to play, from the bytes of a model file; instances of [`LstmPart`] share them.
///
/// # Errors
/// A sentence that says why the bytes are no model that this build can play.
pub fn open(bytes: &[u8]) -> Result<Arc<Packed>, EngineError> {
    open_with(bytes, Arithmetic::F32)
}

/// [`open`] for a kind of arithmetic.
///
/// # Errors
/// As for [`open`].
pub fn open_with(bytes: &[u8], arithmetic: Arithmetic) -> Result<Arc<Packed>, EngineError> {
    let weights = Weights::parse(bytes, &expected())
        .map_err(|why| EngineError::Model(format!("the model cannot be played: {why}")))?;
    Ok(Arc::new(Packed::with(&weights, arithmetic)?))
}
