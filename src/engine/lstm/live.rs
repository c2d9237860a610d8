//! The live step: one sixteenth through the LSTM, then the decisions inside it. No allocation, one thread.
//!
//! What is heard enters by [`Live::step`]; [`Live::begin`] opens a role's list of notes; each [`Live::decide`] gives the
//! logits of the next note or END, and [`Live::detail`] those of a chosen note's length, velocity and offset.

use super::kernel::{self, Simd};
use super::matrix::{Matrix, Scratch};
use super::packed::Packed;
use super::shape::{DURATIONS, OFFSETS, VELOCITIES, classes_of};
use crate::engine::EngineState;
use crate::music::Role;
use crate::token::Bag;
use std::sync::Arc;

/// One part's run through a net: the shared weights, its own state and scratch memory.
pub struct Live {
    packed: Arc<Packed>,
    simd: Simd,
    /// Cell values, layer by layer.
    cells: Vec<Vec<f32>>,
    /// Each layer's input followed by its own last output.
    inputs: Vec<Vec<f32>>,
    output: Vec<f32>,
    scratch: Scratch,
    before: EngineState,
    after: EngineState,
    /// The decisions' hidden layer: what all decisions of this step share, then with the decision's own rows.
    shared: Vec<f32>,
    hidden: Vec<f32>,
    active: Vec<f32>,
    logits: Vec<f32>,
    detail_hidden: Vec<f32>,
    detail_active: Vec<f32>,
    details: Vec<f32>,
}

impl Live {
    /// A run from silence.
    pub fn new(packed: Arc<Packed>, simd: Simd) -> Live {
        let hidden = packed.shape.hidden;
        let decide = packed.decide.outputs();
        let classes = packed.outs.iter().map(Matrix::outputs).max().unwrap_or(0);
        let detail = packed.detail.outputs();
        let widest = packed.layers.iter().map(Matrix::inputs).max().unwrap_or(0).max(decide).max(detail);
        Live {
            simd,
            cells: packed.layers.iter().map(|_| vec![0.0; hidden]).collect(),
            inputs: packed.layers.iter().map(|layer| vec![0.0; layer.inputs()]).collect(),
            output: vec![0.0; hidden],
            scratch: Scratch::new(widest),
            before: EngineState(Vec::with_capacity(2 * hidden * packed.layers.len())),
            after: EngineState(Vec::with_capacity(2 * hidden * packed.layers.len())),
            shared: vec![0.0; decide],
            hidden: vec![0.0; decide],
            active: vec![0.0; decide],
            logits: vec![0.0; classes],
            detail_hidden: vec![0.0; detail],
            detail_active: vec![0.0; detail],
            details: vec![0.0; packed.details.outputs()],
            packed,
        }
    }

    /// The shared weights.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Takes one sixteenth's input rows (below `Shape::features`; others are passed over). False when the state is no
    /// longer made of numbers; it is then silence again. A step that another part has just taken is copied from it.
    pub fn step(&mut self, features: &Bag) -> bool {
        let (mut before, mut after) = (std::mem::take(&mut self.before), std::mem::take(&mut self.after));
        self.save(&mut before);
        let is_known = self.packed.memo.recall(features, &before.0, &mut after.0);
        let sound = if is_known {
            self.restore(&after);
            true
        } else {
            self.compute(features)
        };
        if sound && !is_known {
            self.save(&mut after);
            self.packed.memo.remember(features, &before.0, &after.0);
        }
        (self.before, self.after) = (before, after);
        sound
    }

    /// [`Live::step`] without looking what others did.
    pub(super) fn compute(&mut self, features: &Bag) -> bool {
        let Live { packed, simd, cells, inputs, output, scratch, .. } = self;
        let (embed, hidden) = (packed.shape.embed, packed.shape.hidden);
        let x = &mut inputs[0][..embed];
        x.fill(0.0);
        let rows = packed.features.chunks_exact(embed);
        for (id, weight) in features.iter() {
            if let Some(row) = rows.clone().nth(id as usize) {
                kernel::add_row(*simd, x, row, weight);
            }
        }
        let backward = packed.turn();
        for (at, layer) in packed.layers.iter().enumerate() {
            layer.cell(*simd, &inputs[at], scratch, &mut cells[at], output, backward);
            let own = layer.inputs() - hidden;
            inputs[at][own..].copy_from_slice(output);
            if let Some(next) = inputs.get_mut(at + 1) {
                next[..hidden].copy_from_slice(output);
            }
        }
        let sound = output.iter().all(|h| h.is_finite());
        if !sound {
            self.reset();
        }
        sound
    }

    /// Opens a role's decisions in the step that was taken last; `context` holds the rows that all of them share.
    pub fn begin(&mut self, context: &Bag) {
        let Live { packed, simd, output, shared, scratch, .. } = self;
        packed.decide.affine(*simd, output, scratch, shared);
        for (id, weight) in context.iter() {
            self.add_context(id, weight);
        }
    }

    /// Adds a context row to all decisions to come in this step: a note that was chosen.
    pub fn add_context(&mut self, row: u32, weight: f32) {
        let width = self.packed.shape.decide;
        if let Some(row) = self.packed.context.chunks_exact(width).nth(row as usize) {
            kernel::add_row(self.simd, &mut self.shared[..width], row, weight);
        }
    }

    /// Logits of `role`'s next note (class 0 = END), given one more context row for this decision alone.
    pub fn decide(&mut self, role: Role, row: u32) -> &mut [f32] {
        let Live { packed, simd, shared, hidden, active, logits, scratch, .. } = self;
        hidden.copy_from_slice(shared);
        let width = packed.shape.decide;
        if let Some(row) = packed.context.chunks_exact(width).nth(row as usize) {
            kernel::add_row(*simd, &mut hidden[..width], row, 1.0);
        }
        kernel::gelu(*simd, hidden, active);
        let out = &packed.outs[role.index()];
        out.affine(*simd, &active[..width], scratch, &mut logits[..out.outputs()]);
        &mut logits[..classes_of(role)]
    }

    /// Opens the detail of a note chosen by the last [`Live::decide`]; `manner` holds the rows that it sees.
    pub fn begin_detail(&mut self, manner: &Bag) {
        let Live { packed, simd, active, detail_hidden, detail_active, details, scratch, .. } = self;
        let (decide, width) = (packed.shape.decide, packed.shape.detail);
        packed.detail.affine(*simd, &active[..decide], scratch, detail_hidden);
        for (id, weight) in manner.iter() {
            if let Some(row) = packed.manner.chunks_exact(width).nth(id as usize) {
                kernel::add_row(*simd, &mut detail_hidden[..width], row, weight);
            }
        }
        kernel::gelu(*simd, detail_hidden, detail_active);
        packed.details.affine(*simd, &detail_active[..width], scratch, details);
    }

    /// Logits of the note's duration class.
    pub fn durations(&mut self) -> &mut [f32] {
        &mut self.details[..DURATIONS]
    }

    /// Logits of its velocity class, given the duration class (`DURATIONS` for drums).
    pub fn velocities(&mut self, duration: usize) -> &mut [f32] {
        let logits = &mut self.details[DURATIONS..][..VELOCITIES];
        if let Some(row) = self.packed.velocity_given.chunks_exact(VELOCITIES).nth(duration) {
            kernel::add_row(self.simd, logits, row, 1.0);
        }
        logits
    }

    /// Logits of its offset class, given the velocity class.
    pub fn offsets(&mut self, velocity: usize) -> &mut [f32] {
        let logits = &mut self.details[DURATIONS + VELOCITIES..][..OFFSETS];
        if let Some(row) = self.packed.offset_given.chunks_exact(OFFSETS).nth(velocity) {
            kernel::add_row(self.simd, logits, row, 1.0);
        }
        logits
    }

    /// The top layer's output after the last step.
    pub fn output(&self) -> &[f32] {
        let last = self.inputs.len() - 1;
        &self.inputs[last][self.packed.layers[last].inputs() - self.packed.shape.hidden..]
    }

    /// Copies the state: each layer's output and cells.
    pub fn save(&self, state: &mut EngineState) {
        state.0.clear();
        self.save_behind(state);
    }

    /// Copies the state behind what `state` holds already.
    pub fn save_behind(&self, state: &mut EngineState) {
        for (at, layer) in self.packed.layers.iter().enumerate() {
            state.0.extend_from_slice(&self.inputs[at][layer.inputs() - self.packed.shape.hidden..]);
            state.0.extend_from_slice(&self.cells[at]);
        }
    }

    /// Another run through the same net on the same path, from silence.
    pub fn sibling(&self) -> Live {
        Live::new(self.packed.clone(), self.simd)
    }

    /// Goes on from a saved state; one of another net's size is silence.
    pub fn restore(&mut self, state: &EngineState) {
        let hidden = self.packed.shape.hidden;
        if state.0.len() != 2 * hidden * self.packed.layers.len() {
            return self.reset();
        }
        for (at, values) in state.0.chunks_exact(2 * hidden).enumerate() {
            self.output.copy_from_slice(&values[..hidden]);
            let own = self.packed.layers[at].inputs() - hidden;
            self.inputs[at][own..].copy_from_slice(&values[..hidden]);
            self.cells[at].copy_from_slice(&values[hidden..]);
        }
    }

    /// Silence.
    pub fn reset(&mut self) {
        self.inputs.iter_mut().chain(&mut self.cells).for_each(|values| values.fill(0.0));
        self.output.fill(0.0);
    }
}
