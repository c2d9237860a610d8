//! Ops of the GAN's nets: candle custom ops with hand-written gradients, each one pass over a batch.
//!
//! Rows are bar by bar, slot by slot. All are first-order; each is compared with differences in `gradients`.

use crate::engine::gan::shape::{Family, PITCH_ROWS};
use crate::music::kit::ROW_COUNT;
use crate::train::kernel::{Mat, matmul, sigmoid, tanh, vectorised};
use crate::train::ops::{floats, tensor, with_values};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// Slope of the leaky rectifier below zero.
pub const LEAK: f32 = 0.2;

fn unfit<T>(what: &str) -> Result<T> {
    Err(Error::Msg(format!("the arguments of {what} do not fit")))
}

fn leak(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || values.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { *x * LEAK }),
    );
}

/// The slope before a leaky rectifier, from its output and the slope after it.
fn unleak(out: &[f32], slope: &[f32]) -> Vec<f32> {
    vectorised(
        #[inline(always)]
        || out.iter().zip(slope).map(|(y, d)| if *y > 0.0 { *d } else { *d * LEAK }).collect(),
    )
}

/// The op: `(x (rows, inputs), weight (outputs, inputs), bias (outputs)) -> x weight^T + bias`, rectified or not.
#[derive(Clone, Copy)]
pub struct Dense {
    /// With a leaky rectifier after it.
    pub leaky: bool,
    /// Weights get no gradient.
    pub frozen: bool,
}

impl CustomOp3 for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = xl.shape().dims2()?;
        let (outputs, width) = wl.shape().dims2()?;
        let (x, w, b) = (floats(x, xl)?, floats(w, wl)?, floats(b, bl)?);
        if inputs != width || b.len() != outputs {
            return unfit("a dense layer");
        }
        let mut out = Vec::with_capacity(rows * outputs);
        (0..rows).for_each(|_| out.extend_from_slice(b));
        let weights = Mat::new(w, outputs, inputs, inputs).t();
        matmul(&mut out, outputs, Mat::new(x, rows, inputs, inputs), weights, true, 1);
        if self.leaky {
            leak(&mut out);
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, outputs) = dy.dims2()?;
        let inputs = x.dim(1)?;
        let mut dx = vec![0.0; if x.track_op() || !self.frozen { rows * inputs } else { 0 }];
        let (mut dw, mut db) = (Vec::new(), Vec::new());
        with_values(dy, |dy| {
            let bent = if self.leaky { Some(with_values(y, |y| Ok(unleak(y, dy)))?) } else { None };
            let slope = bent.as_deref().unwrap_or(dy);
            let rows_of = Mat::new(slope, rows, outputs, outputs);
            if x.track_op() {
                with_values(w, |w| {
                    matmul(&mut dx, inputs, rows_of, Mat::new(w, outputs, inputs, inputs), false, 1);
                    Ok(())
                })?;
            }
            if !self.frozen {
                (dw, db) = (vec![0.0; outputs * inputs], vec![0.0; outputs]);
                with_values(x, |x| {
                    matmul(&mut dw, inputs, rows_of.t(), Mat::new(x, rows, inputs, inputs), false, 1);
                    Ok(())
                })?;
                vectorised(
                    #[inline(always)]
                    || slope.chunks_exact(outputs).for_each(|row| db.iter_mut().zip(row).for_each(|(b, d)| *b += d)),
                );
            }
            Ok(())
        })?;
        let dx = if x.track_op() { Some(tensor(dx, x.dims())?) } else { None };
        if self.frozen {
            return Ok((dx, None, None));
        }
        Ok((dx, Some(tensor(dw, w.dims())?), Some(tensor(db, b.dims())?)))
    }
}

/// The op: `(x (bars * slots, channels), weight (outputs, slots), bias (outputs)) -> (bars * outputs, channels)`: every
/// channel is mixed along time, all by the same weights.
#[derive(Clone, Copy)]
pub struct TimeMix {
    /// With a leaky rectifier after it.
    pub leaky: bool,
    /// Weights get no gradient.
    pub frozen: bool,
}

impl CustomOp3 for TimeMix {
    fn name(&self) -> &'static str {
        "time-mix"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, channels) = xl.shape().dims2()?;
        let (outputs, slots) = wl.shape().dims2()?;
        let (x, w, b) = (floats(x, xl)?, floats(w, wl)?, floats(b, bl)?);
        if !rows.is_multiple_of(slots) || b.len() != outputs {
            return unfit("a mix along time");
        }
        let mut out = Vec::with_capacity(rows / slots * outputs * channels);
        for _ in 0..rows / slots {
            b.iter().for_each(|b| out.resize(out.len() + channels, *b));
        }
        let weights = Mat::new(w, outputs, slots, slots);
        for (y, x) in out.chunks_exact_mut(outputs * channels).zip(x.chunks_exact(slots * channels)) {
            matmul(y, channels, weights, Mat::new(x, slots, channels, channels), true, 1);
        }
        if self.leaky {
            leak(&mut out);
        }
        Ok((CpuStorage::F32(out), Shape::from((rows / slots * outputs, channels))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (outputs, slots) = w.dims2()?;
        let channels = x.dim(1)?;
        let mut dx = vec![0.0; x.elem_count()];
        let (mut dw, mut db) = (vec![0.0; outputs * slots], vec![0.0; outputs]);
        with_values(dy, |dy| {
            let bent = if self.leaky { Some(with_values(y, |y| Ok(unleak(y, dy)))?) } else { None };
            let slope = bent.as_deref().unwrap_or(dy);
            with_values(w, |w| {
                with_values(x, |x| {
                    let weights = Mat::new(w, outputs, slots, slots).t();
                    let bars = slope.chunks_exact(outputs * channels).zip(x.chunks_exact(slots * channels));
                    for ((d, x), dx) in bars.zip(dx.chunks_exact_mut(slots * channels)) {
                        let d_rows = Mat::new(d, outputs, channels, channels);
                        matmul(dx, channels, weights, d_rows, false, 1);
                        if self.frozen {
                            continue;
                        }
                        matmul(&mut dw, slots, d_rows, Mat::new(x, slots, channels, channels).t(), true, 1);
                        db.iter_mut().zip(d.chunks_exact(channels)).for_each(|(b, row)| *b += sum(row));
                    }
                    Ok(())
                })
            })
        })?;
        let dx = Some(tensor(dx, x.dims())?);
        if self.frozen {
            return Ok((dx, None, None));
        }
        Ok((dx, Some(tensor(dw, w.dims())?), Some(tensor(db, b.dims())?)))
    }
}

fn sum(row: &[f32]) -> f32 {
    vectorised(
        #[inline(always)]
        || {
            let (chunks, rest) = row.as_chunks::<8>();
            let mut lanes = [0.0f32; 8];
            chunks.iter().for_each(|c| lanes.iter_mut().zip(c).for_each(|(l, x)| *l += x));
            lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
        },
    )
}

/// The op: `(x (bars * slots, channels), both (bars, 2 channels)) -> x (1 + scale) + shift`, with `both` = scale, shift of
/// each bar; rectified or not.
#[derive(Clone, Copy)]
pub struct Film {
    /// Slots of a bar.
    pub slots: usize,
    /// With a leaky rectifier after it.
    pub leaky: bool,
}

impl CustomOp2 for Film {
    fn name(&self) -> &'static str {
        "film"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout, f: &CpuStorage, fl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, channels) = xl.shape().dims2()?;
        let (x, f) = (floats(x, xl)?, floats(f, fl)?);
        if rows / self.slots * 2 * channels != f.len() {
            return unfit("a scale and shift");
        }
        let mut out = vec![0.0; x.len()];
        let bars = x.chunks_exact(self.slots * channels).zip(out.chunks_exact_mut(self.slots * channels));
        for ((x, out), f) in bars.zip(f.chunks_exact(2 * channels)) {
            let (scale, shift) = f.split_at(channels);
            for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                vectorised(
                    #[inline(always)]
                    || {
                        for (((o, x), g), b) in out.iter_mut().zip(x).zip(scale).zip(shift) {
                            *o = x * (1.0 + g) + b;
                        }
                    },
                );
            }
        }
        if self.leaky {
            leak(&mut out);
        }
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, f: &Tensor, y: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let channels = x.dim(1)?;
        let (mut dx, mut df) = (vec![0.0; x.elem_count()], vec![0.0; f.elem_count()]);
        with_values(dy, |dy| {
            let bent = if self.leaky { Some(with_values(y, |y| Ok(unleak(y, dy)))?) } else { None };
            let slope = bent.as_deref().unwrap_or(dy);
            with_values(x, |x| {
                with_values(f, |f| {
                    let size = self.slots * channels;
                    let bars = x.chunks_exact(size).zip(slope.chunks_exact(size)).zip(dx.chunks_exact_mut(size));
                    for (((x, d), dx), (f, df)) in
                        bars.zip(f.chunks_exact(2 * channels).zip(df.chunks_exact_mut(2 * channels)))
                    {
                        let scale = &f[..channels];
                        let (d_scale, d_shift) = df.split_at_mut(channels);
                        let rows = x.chunks_exact(channels).zip(d.chunks_exact(channels));
                        for ((x, d), dx) in rows.zip(dx.chunks_exact_mut(channels)) {
                            vectorised(
                                #[inline(always)]
                                || {
                                    for i in 0..channels {
                                        dx[i] = d[i] * (1.0 + scale[i]);
                                        d_scale[i] += d[i] * x[i];
                                        d_shift[i] += d[i];
                                    }
                                },
                            );
                        }
                    }
                    Ok(())
                })
            })
        })?;
        Ok((Some(tensor(dx, x.dims())?), Some(tensor(df, f.dims())?)))
    }
}

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
