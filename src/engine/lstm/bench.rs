//! Measures the net alone: what `ricercar bench net` prints and other engines are compared with.

use super::kernel::Simd;
use super::{Arithmetic, Live, Packed, Weights};
use crate::engine::EngineError;
use crate::engine::bench::{Percentiles, empty, percentiles};
use crate::music::Role;
use crate::token::Bag;
use std::sync::Arc;
use std::time::Instant;

/// One kind of arithmetic on one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetFigures {
    /// Time of a step.
    pub step: Percentiles,
    /// What the weights take.
    pub bytes: usize,
}

/// Takes `steps` steps of the net without any music around it: all LSTM layers from an input of zeros, the decisions'
/// hidden layer, and the lead's head.
///
/// # Errors
/// When the weights fit no live step.
pub fn net(weights: &Weights, arithmetic: Arithmetic, simd: Simd, steps: u64) -> Result<NetFigures, EngineError> {
    let packed = Arc::new(Packed::with(weights, arithmetic)?);
    let bytes = packed.matrix_bytes();
    let mut live = Live::new(packed, simd);
    let (nothing, no_row, mut times) = (Bag::new(), u32::MAX, empty()?);
    for _ in 0..steps {
        let begun = Instant::now();
        // Not `step`: it would recall what it has computed.
        live.compute(&nothing);
        live.begin(&nothing);
        std::hint::black_box(live.decide(Role::Lead, no_row));
        times.saturating_record(begun.elapsed().as_nanos() as u64);
    }
    Ok(NetFigures { step: percentiles(&times), bytes })
}
