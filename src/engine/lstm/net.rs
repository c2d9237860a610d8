//! The plain candle form of the net: ordinary tensor operations on any device.
//!
//! It is what the fast kernels are compared with (probabilities in playing, gradients in training), and the path to
//! other devices. Slow on purpose nowhere, clever nowhere.

use super::file::Weights;
use super::shape::Shape;
use crate::music::Role;
use candle_core::{D, Device, Error, Result, Tensor};
use std::collections::BTreeMap;

/// The net as tensors by name.
#[derive(Clone)]
pub struct Oracle {
    /// Sizes.
    pub shape: Shape,
    device: Device,
    tensors: BTreeMap<String, Tensor>,
}

/// Hidden and cell values of every layer, each (pieces, units).
#[derive(Clone, Debug)]
pub struct OracleState {
    layers: Vec<(Tensor, Tensor)>,
}

impl Oracle {
    /// The net of a model file on a device.
    ///
    /// # Errors
    /// Those of candle, such as memory that the device does not have.
    pub fn new(weights: &Weights, device: &Device) -> Result<Oracle> {
        let load = |(name, dims): (String, Vec<usize>)| {
            let tensor = Tensor::from_slice(weights.get(&name), dims, device)?;
            Ok((name, tensor))
        };
        let tensors = weights.shape.tensors().into_iter().map(load).collect::<Result<_>>()?;
        Ok(Oracle { shape: weights.shape, device: device.clone(), tensors })
    }

    /// The net over given tensors, which may be parts of variables (gradients then flow into them).
    pub fn from_tensors(shape: Shape, device: &Device, tensors: BTreeMap<String, Tensor>) -> Oracle {
        Oracle { shape, device: device.clone(), tensors }
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::Msg(format!("no tensor {name}")))
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        x.matmul(&self.tensor(&format!("{name}.weight"))?.t()?)?.broadcast_add(self.tensor(&format!("{name}.bias"))?)
    }

    /// Sums of weighted rows of a table: one row of the result for each list of (row, weight).
    ///
    /// # Errors
    /// Those of candle; and rows that the table does not have.
    pub fn bags<'a>(&self, table: &str, lists: impl Iterator<Item = (&'a [u32], &'a [f32])>) -> Result<Tensor> {
        let table = self.tensor(&format!("{table}.weight"))?;
        let (rows, _) = table.dims2()?;
        let mut dense = Vec::new();
        let mut count = 0;
        for (ids, weights) in lists {
            dense.resize((count + 1) * rows, 0.0f32);
            for (id, weight) in ids.iter().zip(weights) {
                if *id as usize >= rows {
                    return Err(Error::Msg(format!("row {id} of a table of {rows}")));
                }
                dense[count * rows + *id as usize] += weight;
            }
            count += 1;
        }
        Tensor::from_vec(dense, (count, rows), &self.device)?.matmul(table)
    }

    /// A state of zeros for `pieces` pieces side by side.
    ///
    /// # Errors
    /// Those of candle.
    pub fn zeros(&self, pieces: usize) -> Result<OracleState> {
        let zero = Tensor::zeros((pieces, self.shape.hidden), candle_core::DType::F32, &self.device)?;
        Ok(OracleState { layers: vec![(zero.clone(), zero); self.shape.layers] })
    }

    /// The state whose numbers [`OracleState::to_numbers`] gave.
    ///
    /// # Errors
    /// When the count fits no state of this net; those of candle.
    pub fn state_of(&self, numbers: &[f32]) -> Result<OracleState> {
        let hidden = self.shape.hidden;
        if numbers.len() != 2 * hidden * self.shape.layers {
            return Err(Error::Msg(format!("{} numbers are no state of this net", numbers.len())));
        }
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, hidden), &self.device);
        let layer = |values: &[f32]| Ok((tensor(&values[..hidden])?, tensor(&values[hidden..])?));
        Ok(OracleState { layers: numbers.chunks_exact(2 * hidden).map(layer).collect::<Result<_>>()? })
    }

    /// One step of all layers: the input (pieces, embed) and the state give the output (pieces, hidden).
    ///
    /// # Errors
    /// Those of candle.
    pub fn step(&self, state: &mut OracleState, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (layer, (h, c)) in state.layers.iter_mut().enumerate() {
            let product = |x: &Tensor, side: &str| {
                let weight = self.tensor(&format!("lstm.weight_{side}_l{layer}"))?;
                x.matmul(&weight.t()?)?.broadcast_add(self.tensor(&format!("lstm.bias_{side}_l{layer}"))?)
            };
            let gates = (product(&x, "ih")? + product(h, "hh")?)?.chunk(4, 1)?;
            let sigmoid = |x: &Tensor| (x.neg()?.exp()? + 1.0)?.recip();
            let kept = (sigmoid(&gates[1])? * &*c)?;
            *c = (kept + (sigmoid(&gates[0])? * gates[2].tanh()?)?)?;
            *h = (sigmoid(&gates[3])? * c.tanh()?)?;
            x = h.clone();
        }
        Ok(x)
    }

    /// The decisions' hidden layer from outputs (decisions, hidden) and sums of context rows (decisions, decide).
    ///
    /// # Errors
    /// Those of candle.
    pub fn decide(&self, h: &Tensor, context: &Tensor) -> Result<Tensor> {
        (self.linear(h, "decide.hidden")? + context)?.gelu()
    }

    /// Logits of a role's classes, END first, without any mask.
    ///
    /// # Errors
    /// Those of candle.
    pub fn decision_logits(&self, a: &Tensor, role: Role) -> Result<Tensor> {
        self.linear(a, &format!("decide.out.{}", role.name()))
    }

    /// The details' hidden layer of notes from their decisions' hidden layer and sums of the details' rows (notes, detail).
    ///
    /// # Errors
    /// Those of candle.
    pub fn detail(&self, a: &Tensor, manner: &Tensor) -> Result<Tensor> {
        (self.linear(a, "detail.hidden")? + manner)?.gelu()
    }

    /// Logits of the duration classes.
    ///
    /// # Errors
    /// Those of candle.
    pub fn duration_logits(&self, b: &Tensor) -> Result<Tensor> {
        self.linear(b, "detail.duration")
    }

    /// Logits of the velocity bins, given duration classes (11 = drums).
    ///
    /// # Errors
    /// Those of candle.
    pub fn velocity_logits(&self, b: &Tensor, durations: &[u32]) -> Result<Tensor> {
        self.given(b, "velocity", durations)
    }

    /// Logits of the offset bins, given velocity bins.
    ///
    /// # Errors
    /// Those of candle.
    pub fn offset_logits(&self, b: &Tensor, velocities: &[u32]) -> Result<Tensor> {
        self.given(b, "offset", velocities)
    }

    fn given(&self, b: &Tensor, name: &str, rows: &[u32]) -> Result<Tensor> {
        let rows = Tensor::from_slice(rows, rows.len(), &self.device)?;
        self.linear(b, &format!("detail.{name}"))?
            + self.tensor(&format!("detail.{name}_given.weight"))?.index_select(&rows, 0)?
    }
}

impl OracleState {
    /// All numbers: each layer's output, then its cells.
    ///
    /// # Errors
    /// Those of candle.
    pub fn to_numbers(&self) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        for (h, c) in &self.layers {
            numbers.extend(h.flatten_all()?.to_vec1::<f32>()?);
            numbers.extend(c.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(numbers)
    }
}

/// Natural logarithms of the probabilities of each row of logits.
///
/// # Errors
/// Those of candle.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    candle_nn::ops::log_softmax(logits, D::Minus1)
}
