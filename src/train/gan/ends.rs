//! The ops at the two ends of the GAN's nets: logits to planes, and planes to what the critic reads.
//!
//! First-order, with hand-written gradients; each is compared with differences in `gradients`.

use super::ops::unfit;
use crate::engine::gan::shape::{Family, PITCH_ROWS};
use crate::music::kit::ROW_COUNT;
use crate::train::kernel::{sigmoid, tanh, vectorised};
use crate::train::ops::{floats, tensor, with_values};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// What the ops below know of every bar of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// For each row what is added to a pitch row to get its class (modulo 12); empty for drums.
    pub shifts: Vec<u8>,
    /// For each row 1 where notes may start.
    pub open: Vec<f32>,
    /// For each row 1 where notes may sound: the open slots and the overhang.
    pub sounds: Vec<f32>,
    /// For each row 1 where velocities are learned.
    pub velocity: Vec<f32>,
    /// For each row 1 where offsets are learned.
    pub offset: Vec<f32>,
}

/// The op: logits (rows, `outputs`) to planes (rows, `planes`): onsets by sigmoids of slope `slope`, pitches with the logits
/// of their class added; what sounds grows from onsets, slot by slot, as long as it is held, so that no sustain is without
/// its onset; velocities and offsets in proportion to the onsets.
#[derive(Clone)]
pub struct Planes {
    /// Which family.
    pub family: Family,
    /// The batch.
    pub facts: Arc<Facts>,
    /// Steepness of the sigmoids: soft while training is young, nearly a step at its end.
    pub slope: f32,
}

impl Planes {
    /// One bar, from its first row on: what sounds is what starts, or what sounded in the slot before and is held.
    fn pitched(&self, first: usize, logits: &[f32], out: &mut [f32]) {
        let (facts, p, s) = (&self.facts, PITCH_ROWS, self.slope);
        let mut held = [0.0f32; PITCH_ROWS];
        let slots = logits.chunks_exact(self.family.outputs()).zip(out.chunks_exact_mut(self.family.planes()));
        for (row, (logits, out)) in (first..).zip(slots) {
            let classes = &logits[2 * p + 1..];
            let mut class = usize::from(facts.shifts[row]) % 12;
            let (mut onsets, sounds) = (0.0, facts.sounds[row]);
            for r in 0..p {
                let onset = sigmoid(s * (logits[r] + classes[class])) * facts.open[row];
                let hold = sigmoid(s * (logits[p + r] + classes[12 + class]));
                if sounds > 0.0 {
                    held[r] = onset + (1.0 - onset) * held[r] * hold;
                }
                (out[r], out[p + r]) = (onset, held[r] * sounds);
                onsets += onset;
                class = if class == 11 { 0 } else { class + 1 };
            }
            out[2 * p] = sigmoid(logits[2 * p]) * onsets.min(1.0) * facts.velocity[row];
        }
    }

    /// Slopes of one bar's logits; `d` are those of its planes `out`.
    fn pitched_slope(&self, first: usize, logits: &[f32], out: &[f32], d: &[f32], grad: &mut [f32]) {
        let (facts, p, s) = (&self.facts, PITCH_ROWS, self.slope);
        let (outputs, width) = (self.family.outputs(), self.family.planes());
        let mut later = [0.0f32; PITCH_ROWS];
        for slot in (0..self.family.slots()).rev() {
            let row = first + slot;
            let (logits, grad) = (&logits[slot * outputs..][..outputs], &mut grad[slot * outputs..][..outputs]);
            let (now, d) = (&out[slot * width..][..width], &d[slot * width..][..width]);
            // The last slot before this one that sounds; its sustain is what could be held.
            let before = (0..slot).rev().find(|b| facts.sounds[first + b] > 0.0);
            let onsets: f32 = now[..p].iter().sum();
            let loud = sigmoid(logits[2 * p]);
            grad[2 * p] = d[2 * p] * loud * (1.0 - loud) * onsets.min(1.0) * facts.velocity[row];
            let by_onset = if onsets < 1.0 { d[2 * p] * loud * facts.velocity[row] } else { 0.0 };
            let (cells, classes) = grad.split_at_mut(2 * p + 1);
            classes.fill(0.0);
            let mut class = usize::from(facts.shifts[row]) % 12;
            for r in 0..p {
                let onset = now[r];
                let mut d_onset = d[r] + by_onset;
                let mut d_hold = 0.0;
                if facts.sounds[row] > 0.0 {
                    let hold = sigmoid(s * (logits[p + r] + logits[2 * p + 13 + class]));
                    let held = before.map_or(0.0, |b| out[b * width + p + r]);
                    let d_sounds = d[p + r] + later[r];
                    d_onset += d_sounds * (1.0 - held * hold);
                    d_hold = d_sounds * (1.0 - onset) * held * s * hold * (1.0 - hold);
                    later[r] = d_sounds * (1.0 - onset) * hold;
                }
                // An onset is its sigmoid or, where it is closed, zero: both have this slope.
                let d_onset = d_onset * s * onset * (1.0 - onset);
                (cells[r], cells[p + r]) = (d_onset, d_hold);
                classes[class] += d_onset;
                classes[12 + class] += d_hold;
                class = if class == 11 { 0 } else { class + 1 };
            }
        }
    }

    fn drums(&self, first: usize, logits: &[f32], out: &mut [f32]) {
        let (facts, k) = (&self.facts, ROW_COUNT);
        for (row, (logits, out)) in (first..).zip(logits.chunks_exact(3 * k).zip(out.chunks_exact_mut(3 * k))) {
            for r in 0..k {
                let onset = sigmoid(self.slope * logits[r]) * facts.open[row];
                out[r] = onset;
                out[k + r] = onset * sigmoid(logits[k + r]) * facts.velocity[row];
                out[2 * k + r] = onset * tanh(logits[2 * k + r]) * facts.offset[row];
            }
        }
    }

    fn drums_slope(&self, first: usize, logits: &[f32], out: &[f32], d: &[f32], grad: &mut [f32]) {
        let (facts, k) = (&self.facts, ROW_COUNT);
        for slot in 0..self.family.slots() {
            let (row, at) = (first + slot, slot * 3 * k);
            for r in at..at + k {
                let (loud, late) = (sigmoid(logits[k + r]), tanh(logits[2 * k + r]));
                let onset = out[r];
                let (is_loud, is_late) = (facts.velocity[row], facts.offset[row]);
                let d_onset = d[r] + d[k + r] * loud * is_loud + d[2 * k + r] * late * is_late;
                grad[r] = d_onset * self.slope * onset * (1.0 - onset);
                grad[k + r] = d[k + r] * onset * loud * (1.0 - loud) * is_loud;
                grad[2 * k + r] = d[2 * k + r] * onset * (1.0 - late * late) * is_late;
            }
        }
    }
}

impl CustomOp1 for Planes {
    fn name(&self) -> &'static str {
        "planes"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, outputs) = layout.shape().dims2()?;
        let x = floats(x, layout)?;
        let width = self.family.planes();
        if outputs != self.family.outputs() || self.facts.open.len() != rows {
            return unfit("the planes");
        }
        let mut out = vec![0.0; rows * width];
        vectorised(
            #[inline(always)]
            || {
                let slots = self.family.slots();
                let bars = x.chunks_exact(slots * outputs).zip(out.chunks_exact_mut(slots * width));
                for (bar, (x, out)) in bars.enumerate() {
                    match self.family {
                        Family::Drums => self.drums(bar * slots, x, out),
                        Family::Pitched => self.pitched(bar * slots, x, out),
                    }
                }
            },
        );
        Ok((CpuStorage::F32(out), Shape::from((rows, width))))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (outputs, width) = (self.family.outputs(), self.family.planes());
        let mut dx = vec![0.0; x.elem_count()];
        with_values(x, |x| {
            with_values(y, |y| {
                with_values(dy, |dy| {
                    let slots = self.family.slots();
                    let bars = x.chunks_exact(slots * outputs).zip(y.chunks_exact(slots * width));
                    let bars = bars.zip(dy.chunks_exact(slots * width)).zip(dx.chunks_exact_mut(slots * outputs));
                    for (bar, (((x, y), d), dx)) in bars.enumerate() {
                        match self.family {
                            Family::Drums => self.drums_slope(bar * slots, x, y, d, dx),
                            Family::Pitched => self.pitched_slope(bar * slots, x, y, d, dx),
                        }
                    }
                    Ok(())
                })
            })
        })?;
        Ok(Some(tensor(dx, x.dims())?))
    }
}

/// The op: planes (rows, `planes`) to what the critic reads of every slot (rows, `critic_inputs`): the slot, the slot before
/// (zeros before the first), onsets and sustain by class above the chord's root, and what is known beforehand.
#[derive(Clone)]
pub struct CriticView {
    /// Which family.
    pub family: Family,
    /// The batch.
    pub facts: Arc<Facts>,
    /// What is known, (rows, `step_inputs`).
    pub steps: Arc<Vec<f32>>,
}

impl CustomOp1 for CriticView {
    fn name(&self) -> &'static str {
        "critic-view"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let x = floats(x, layout)?;
        let (slots, known, classes) = (self.family.slots(), self.family.step_inputs(), self.family.classes());
        let total = self.family.critic_inputs();
        if width != self.family.planes() || self.steps.len() != rows * known {
            return unfit("the critic's view");
        }
        let mut out = vec![0.0; rows * total];
        for (row, out) in out.chunks_exact_mut(total).enumerate() {
            let now = &x[row * width..][..width];
            out[..width].copy_from_slice(now);
            if row % slots > 0 {
                out[width..2 * width].copy_from_slice(&x[(row - 1) * width..][..width]);
            }
            if classes > 0 {
                let mut class = usize::from(self.facts.shifts[row]) % 12;
                let sums = &mut out[2 * width..2 * width + classes];
                for r in 0..PITCH_ROWS {
                    sums[class] += now[r];
                    sums[12 + class] += now[PITCH_ROWS + r];
                    class = if class == 11 { 0 } else { class + 1 };
                }
            }
            out[2 * width + classes..].copy_from_slice(&self.steps[row * known..][..known]);
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, total))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        if !x.track_op() {
            return Ok(None);
        }
        let (slots, classes, width) = (self.family.slots(), self.family.classes(), self.family.planes());
        let total = self.family.critic_inputs();
        let mut dx = vec![0.0; x.elem_count()];
        with_values(dy, |dy| {
            for (row, d) in dy.chunks_exact(total).enumerate() {
                let add = |to: &mut [f32], d: &[f32]| to.iter_mut().zip(d).for_each(|(t, d)| *t += d);
                add(&mut dx[row * width..][..width], &d[..width]);
                if row % slots > 0 {
                    add(&mut dx[(row - 1) * width..][..width], &d[width..2 * width]);
                }
                if classes > 0 {
                    let mut class = usize::from(self.facts.shifts[row]) % 12;
                    let sums = &d[2 * width..2 * width + classes];
                    for r in 0..PITCH_ROWS {
                        dx[row * width + r] += sums[class];
                        dx[row * width + PITCH_ROWS + r] += sums[12 + class];
                        class = if class == 11 { 0 } else { class + 1 };
                    }
                }
            }
            Ok(())
        })?;
        Ok(Some(tensor(dx, x.dims())?))
    }
}
