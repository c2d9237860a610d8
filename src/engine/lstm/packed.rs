//! A net's weights in the order in which the live step reads them; made once, shared by every part.

use super::file::Weights;
use super::kernel::{Block, LANES, PANEL, pack};
use super::matrix::{Arithmetic, Matrix};
use super::memo::Memo;
use super::shape::{DURATIONS, OFFSETS, Shape, VELOCITIES};
use crate::engine::EngineError;
use crate::music::ROLES;
use std::sync::atomic::{AtomicBool, Ordering};

/// A matrix with its bias in f32, in panels of 64 output rows.
pub(in crate::engine) struct Affine {
    pub panels: Vec<Block>,
    pub bias: Vec<Block>,
}

impl Affine {
    /// From a row-major matrix of `inputs` columns and its bias.
    pub fn new(inputs: usize, matrix: &[f32], bias: &[f32]) -> Affine {
        let rows = bias.len();
        let panels = rows.div_ceil(PANEL);
        let row_of = |panel: usize, place: usize| Some(panel * PANEL + place).filter(|row| *row < rows);
        Affine {
            panels: pack(panels, inputs, row_of, |row, k| matrix[row * inputs + k]),
            bias: pack(panels, 1, row_of, |row, _| bias[row]),
        }
    }

    /// Outputs, filled up to a multiple of 64.
    pub fn outputs(&self) -> usize {
        self.bias.len() * PANEL
    }
}

/// From row-major matrices stacked on each other; each is (name of the matrix and its bias, rows).
fn stacked(weights: &Weights, arithmetic: Arithmetic, inputs: usize, parts: &[(String, usize)]) -> Matrix {
    let matrix: Vec<f32> = parts.iter().flat_map(|p| weights.get(&format!("{}.weight", p.0))).copied().collect();
    let bias: Vec<f32> = parts.iter().flat_map(|p| weights.get(&format!("{}.bias", p.0))).copied().collect();
    let rows = bias.len();
    let row_of = |panel: usize, place: usize| Some(panel * PANEL + place).filter(|row| *row < rows);
    Matrix::new(arithmetic, rows.div_ceil(PANEL), &[inputs], row_of, |row, k| matrix[row * inputs + k], |row| bias[row])
}

/// One LSTM layer; its inputs are the layer's input followed by its own last output.
fn layer(weights: &Weights, arithmetic: Arithmetic, layer: usize) -> Matrix {
    let hidden = weights.shape.hidden;
    let own = if layer == 0 { weights.shape.embed } else { hidden };
    let get = |name: &str| weights.get(&format!("lstm.{name}_l{layer}"));
    let (ih, hh, b_ih, b_hh) = (get("weight_ih"), get("weight_hh"), get("bias_ih"), get("bias_hh"));
    // Lanes 0..16 of a panel are gate i of 16 units, then f, g, o: rows of PyTorch's four stacked matrices.
    let row_of = |panel: usize, place: usize| Some((place / LANES) * hidden + panel * LANES + place % LANES);
    let at = |row: usize, k: usize| if k < own { ih[row * own + k] } else { hh[row * hidden + k - own] };
    Matrix::new(arithmetic, hidden / LANES, &[own, hidden], row_of, at, |row| b_ih[row] + b_hh[row])
}

/// Everything that the live step reads.
pub struct Packed {
    /// Sizes.
    pub shape: Shape,
    /// Style names; the place in the list is the row.
    pub styles: Vec<String>,
    /// In which numbers the step multiplies.
    pub arithmetic: Arithmetic,
    pub(super) features: Vec<f32>,
    pub(super) layers: Vec<Matrix>,
    pub(super) decide: Matrix,
    pub(super) context: Vec<f32>,
    pub(super) outs: [Matrix; ROLES.len()],
    pub(super) detail: Matrix,
    pub(super) manner: Vec<f32>,
    pub(super) details: Matrix,
    pub(super) velocity_given: Vec<f32>,
    pub(super) offset_given: Vec<f32>,
    pub(super) memo: Memo,
    turn: AtomicBool,
}

impl Packed {
    /// Every other step goes through the layers' panels backwards: the weights are a little larger than a core's cache, and what
    /// was read last is still there. Where a step goes changes no bit of it.
    pub(super) fn turn(&self) -> bool {
        self.turn.fetch_xor(true, Ordering::Relaxed)
    }

    /// Packs weights to be multiplied in f32.
    ///
    /// # Errors
    /// When the layers are no multiple of 16 units wide.
    pub fn new(weights: &Weights) -> Result<Packed, EngineError> {
        Packed::with(weights, Arithmetic::F32)
    }

    /// Packs weights for a kind of arithmetic.
    ///
    /// # Errors
    /// When the layers are no multiple of 16 units wide.
    pub fn with(weights: &Weights, arithmetic: Arithmetic) -> Result<Packed, EngineError> {
        let shape = weights.shape;
        if !shape.hidden.is_multiple_of(LANES) {
            return Err(EngineError::Model(format!(
                "the model has layers of {} units, and the live step needs a multiple of {LANES}: train it with another width",
                shape.hidden
            )));
        }
        let one =
            |name: &str, rows: usize, inputs: usize| stacked(weights, arithmetic, inputs, &[(name.to_owned(), rows)]);
        let heads = [("duration", DURATIONS), ("velocity", VELOCITIES), ("offset", OFFSETS)];
        Ok(Packed {
            shape,
            styles: weights.card.styles.clone(),
            arithmetic,
            memo: Memo::new(2 * shape.hidden * shape.layers),
            turn: AtomicBool::new(false),
            features: weights.get("features.weight").to_vec(),
            layers: (0..shape.layers).map(|at| layer(weights, arithmetic, at)).collect(),
            decide: one("decide.hidden", shape.decide, shape.hidden),
            context: weights.get("decide.context.weight").to_vec(),
            outs: ROLES
                .map(|role| one(&format!("decide.out.{}", role.name()), super::shape::classes_of(role), shape.decide)),
            detail: one("detail.hidden", shape.detail, shape.decide),
            manner: weights.get("detail.context.weight").to_vec(),
            details: stacked(weights, arithmetic, shape.detail, &heads.map(|h| (format!("detail.{}", h.0), h.1))),
            velocity_given: weights.get("detail.velocity_given.weight").to_vec(),
            offset_given: weights.get("detail.offset_given.weight").to_vec(),
        })
    }

    /// Bytes of the matrices that a step streams.
    pub fn matrix_bytes(&self) -> usize {
        let heads = self.outs.iter().chain([&self.decide, &self.detail, &self.details]);
        self.layers.iter().chain(heads).map(Matrix::bytes).sum()
    }

    /// Bytes of all numbers.
    pub fn bytes(&self) -> usize {
        let tables = self.features.len() + self.context.len() + self.manner.len();
        let given = self.velocity_given.len() + self.offset_given.len();
        self.matrix_bytes() + (tables + given) * size_of::<f32>()
    }
}
