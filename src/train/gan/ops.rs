//! Layers of the GAN's nets: candle custom ops with hand-written gradients, each one pass over a batch.
//!
//! Rows are bar by bar, slot by slot. All are first-order; each is compared with differences in `gradients`.

use crate::train::kernel::{Mat, matmul, vectorised};
use crate::train::ops::{floats, tensor, with_values};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor};

/// Slope of the leaky rectifier below zero.
pub const LEAK: f32 = 0.2;

pub(super) fn unfit<T>(what: &str) -> Result<T> {
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
