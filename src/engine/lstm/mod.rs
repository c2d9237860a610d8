//! The band LSTM: its shape, its file, and the two ways to run it.
//!
//! Owns: [`Shape`] (the list of tensors), [`Weights`] and [`Card`] (a checked model file).
//! Called from: the conductor (loading, live steps), the trainer (saving), tests.
//! Units: tensors are f32, row-major, named and ordered as in PyTorch.
//!
//! Invariants
//! - [`Weights`] always hold every tensor of their [`Shape`] in full, all finite.
//!
//! Not here: what the rows of the tables mean (`token`), gradients (`train`).

pub mod file;
pub mod half;
pub mod net;
pub mod kernel;
pub mod shape;

pub use file::{Card, Expected, FileError, Precision, Weights};
pub use net::{Oracle, OracleState};
pub use shape::Shape;
