//! One LSTM layer over a whole window, with back-propagation through time by hand.
//!
//! Equations and gate order i, f, g, o as in PyTorch's `nn.LSTM`. The input's product is one matrix product over all
//! steps; only the recurrent product runs step by step, from panels packed once. Gates are interleaved in blocks of 16
//! units (i, f, g, o of the same units side by side), so that the cell update reads one stretch of memory.

use super::{Pool, Rows, floats, tensor, with_values};
use crate::train::kernel::{LANES, Mat, Panels, matmul, sigmoid, tanh, vectorised};
use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Hidden and cell values of one layer, (pieces, units) row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LstmState {
    /// Output values.
    pub h: Vec<f32>,
    /// Cell values.
    pub c: Vec<f32>,
}

struct Saved {
    gates: Vec<f32>,
    cells: Vec<f32>,
}

/// The op: `(x (rows, inputs), weight (4 units, inputs + units), bias (4 units)) -> h (rows, units)`.
/// Units are a multiple of 16. No gradient flows into the first state.
pub struct LstmLayer {
    rows: Rows,
    units: usize,
    pool: Pool,
    first: Option<LstmState>,
    last: Arc<Mutex<LstmState>>,
    saved: Mutex<Option<Saved>>,
}

/// Row of PyTorch's order that stands at place `place` of the interleaved order.
fn natural(place: usize, units: usize) -> usize {
    let (block, within) = (place / (4 * LANES), place % (4 * LANES));
    within / LANES * units + block * LANES + within % LANES
}

impl LstmLayer {
    /// A layer of `units` that starts from `first` (zeros when `None`).
    pub fn new(rows: Rows, units: usize, pool: &Pool, first: Option<LstmState>) -> LstmLayer {
        LstmLayer { rows, units, pool: pool.clone(), first, last: Arc::default(), saved: Mutex::new(None) }
    }

    /// Where the state after the last step is found once the op has run.
    pub fn last(&self) -> Arc<Mutex<LstmState>> {
        self.last.clone()
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>> {
        let (n, u, width) = (self.rows.total(), self.units, weight.len() / bias.len().max(1));
        let inputs = width.saturating_sub(u);
        let fits = u % LANES == 0 && bias.len() == 4 * u && width > u && x.len() == n * inputs;
        let pieces = self.rows.shards * self.rows.batch;
        let state_fits = self.first.as_ref().is_none_or(|s| s.h.len() == pieces * u && s.c.len() == pieces * u);
        if !fits || !state_fits || weight.len() != width * 4 * u {
            return Err(Error::Msg("the arguments of an LSTM layer do not fit".into()));
        }
        let ordered: Vec<f32> =
            (0..4 * u).flat_map(|p| weight[natural(p, u) * width..][..width].iter().copied()).collect();
        let mut gates = Vec::with_capacity(n * 4 * u);
        let bias: Vec<f32> = (0..4 * u).map(|p| bias[natural(p, u)]).collect();
        for _ in 0..n {
            gates.extend_from_slice(&bias);
        }
        let input_weight = Mat::new(&ordered, 4 * u, inputs, width).t();
        let recurrent = Panels::pack(u, 4 * u, |k, p| ordered[p * width + inputs + k]);
        let (mut h, mut cells) = (vec![0.0; n * u], vec![0.0; n * u]);
        let zeros = vec![0.0; self.rows.batch * u];
        self.pool.run(|| {
            matmul(&mut gates, 4 * u, Mat::new(x, n, inputs, inputs), input_weight, true, self.pool.threads);
            let shard = self.rows.steps * self.rows.batch * u;
            let shards = gates.par_chunks_mut(4 * shard).zip(cells.par_chunks_mut(shard)).zip(h.par_chunks_mut(shard));
            shards.enumerate().for_each(|(s, ((gates, cells), h))| {
                let own = |all: &'_ [f32]| all[s * zeros.len()..][..zeros.len()].to_vec();
                let (h0, c0) = match &self.first {
                    Some(first) => (own(&first.h), own(&first.c)),
                    None => (zeros.clone(), zeros.clone()),
                };
                run_shard(&recurrent, self.rows.batch, u, gates, cells, h, (&h0, &c0));
            });
        });
        self.keep_last(&h, &cells);
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(Saved { gates, cells });
        Ok(h)
    }

    fn keep_last(&self, h: &[f32], cells: &[f32]) {
        let (step, shard) = (self.rows.batch * self.units, self.rows.steps * self.rows.batch * self.units);
        let ends = |all: &[f32]| all.chunks(shard.max(1)).flat_map(|c| c[c.len() - step..].iter().copied()).collect();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = LstmState { h: ends(h), c: ends(cells) };
    }

    /// Gradients of the input, the weight and the bias from that of the output.
    fn backward(&self, x: &[f32], weight: &[f32], h: &[f32], dh: &[f32]) -> Result<[Vec<f32>; 3]> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Saved { mut gates, cells } = saved.ok_or_else(|| Error::Msg("an LSTM layer went back twice".into()))?;
        let (n, u, batch, threads) = (self.rows.total(), self.units, self.rows.batch, self.pool.threads);
        let width = weight.len() / (4 * u);
        let inputs = width - u;
        let ordered: Vec<f32> =
            (0..4 * u).flat_map(|p| weight[natural(p, u) * width..][..width].iter().copied()).collect();
        let recurrent = Panels::pack(4 * u, u, |p, k| ordered[p * width + inputs + k]);
        let shard = self.rows.steps * batch * u;
        let zeros = vec![0.0; batch * u];
        let first = self.first.clone().unwrap_or_else(|| {
            let all = vec![0.0; self.rows.shards * batch * u];
            LstmState { h: all.clone(), c: all }
        });
        let (mut dx, mut ordered_dw) = (vec![0.0; n * inputs], vec![0.0; 4 * u * width]);
        self.pool.run(|| {
            let shards = gates.par_chunks_mut(4 * shard).zip(cells.par_chunks(shard)).zip(dh.par_chunks(shard));
            shards.enumerate().for_each(|(s, ((gates, cells), dh))| {
                back_shard(&recurrent, batch, u, gates, cells, dh, &first.c[s * zeros.len()..][..zeros.len()]);
            });
            let dg = Mat::new(&gates, n, 4 * u, 4 * u);
            matmul(&mut dx, inputs, dg, Mat::new(&ordered, 4 * u, inputs, width), false, threads);
            matmul(&mut ordered_dw, width, dg.t(), Mat::new(x, n, inputs, inputs), false, threads);
            for s in 0..self.rows.shards {
                let (later, step) = ((self.rows.steps - 1) * batch, batch * u);
                let dg = &gates[s * 4 * shard..][..4 * shard];
                let before = Mat::new(&h[s * shard..], later, u, u);
                let after = Mat::new(&dg[4 * step..], later, 4 * u, 4 * u).t();
                matmul(&mut ordered_dw[inputs..], width, after, before, s > 0, threads);
                if self.first.is_some() {
                    let at_first = Mat::new(dg, batch, 4 * u, 4 * u).t();
                    matmul(
                        &mut ordered_dw[inputs..],
                        width,
                        at_first,
                        Mat::new(&first.h[s * step..], batch, u, u),
                        true,
                        threads,
                    );
                }
            }
        });
        let mut bias_sums = vec![0.0; 4 * u];
        vectorised(
            #[inline(always)]
            || gates.chunks_exact(4 * u).for_each(|row| bias_sums.iter_mut().zip(row).for_each(|(b, g)| *b += g)),
        );
        let (mut dw, mut db) = (vec![0.0; 4 * u * width], vec![0.0; 4 * u]);
        for place in 0..4 * u {
            let row = natural(place, u);
            dw[row * width..][..width].copy_from_slice(&ordered_dw[place * width..][..width]);
            db[row] = bias_sums[place];
        }
        Ok([dx, dw, db])
    }
}

/// One shard forwards through time: pre-activations in `gates` become gate values.
fn run_shard(
    panels: &Panels,
    batch: usize,
    u: usize,
    gates: &mut [f32],
    cells: &mut [f32],
    h: &mut [f32],
    first: (&[f32], &[f32]),
) {
    let step = batch * u;
    for t in 0..cells.len() / step {
        let (h_before, h_now) = h.split_at_mut(t * step);
        let (c_before, c_now) = cells.split_at_mut(t * step);
        let (h_before, c_before) =
            if t == 0 { first } else { (&h_before[(t - 1) * step..], &c_before[(t - 1) * step..]) };
        let gates = &mut gates[t * 4 * step..][..4 * step];
        panels.multiply(batch, h_before, u, gates, 4 * u);
        vectorised(
            #[inline(always)]
            || cell_step(gates, c_before, &mut c_now[..step], &mut h_now[..step]),
        );
    }
}

#[inline(always)]
fn cell_step(gates: &mut [f32], c_before: &[f32], c_now: &mut [f32], h_now: &mut [f32]) {
    let blocks = gates.as_chunks_mut::<{ 4 * LANES }>().0.iter_mut().zip(c_before.as_chunks::<LANES>().0);
    let outs = c_now.as_chunks_mut::<LANES>().0.iter_mut().zip(h_now.as_chunks_mut::<LANES>().0);
    for ((g, c_before), (c_now, h_now)) in blocks.zip(outs) {
        for l in 0..LANES {
            let (i, f) = (sigmoid(g[l]), sigmoid(g[LANES + l]));
            let (a, o) = (tanh(g[2 * LANES + l]), sigmoid(g[3 * LANES + l]));
            let c = f * c_before[l] + i * a;
            (g[l], g[LANES + l], g[2 * LANES + l], g[3 * LANES + l]) = (i, f, a, o);
            c_now[l] = c;
            h_now[l] = o * tanh(c);
        }
    }
}

/// One shard backwards through time: gate values in `gates` become gradients of pre-activations.
fn back_shard(panels: &Panels, batch: usize, u: usize, gates: &mut [f32], cells: &[f32], dh: &[f32], c_first: &[f32]) {
    let step = batch * u;
    let (mut dh_next, mut dc) = (vec![0.0; step], vec![0.0; step]);
    for t in (0..cells.len() / step).rev() {
        let c_before = if t == 0 { c_first } else { &cells[(t - 1) * step..][..step] };
        let gates = &mut gates[t * 4 * step..][..4 * step];
        vectorised(
            #[inline(always)]
            || cell_back(gates, &cells[t * step..][..step], c_before, &dh[t * step..][..step], &dh_next, &mut dc),
        );
        dh_next.fill(0.0);
        if t > 0 {
            panels.multiply(batch, gates, 4 * u, &mut dh_next, u);
        }
    }
}

#[inline(always)]
fn cell_back(gates: &mut [f32], c_now: &[f32], c_before: &[f32], dh: &[f32], dh_next: &[f32], dc: &mut [f32]) {
    let blocks = gates.as_chunks_mut::<{ 4 * LANES }>().0.iter_mut();
    let cells = c_now.as_chunks::<LANES>().0.iter().zip(c_before.as_chunks::<LANES>().0);
    let slopes = dh.as_chunks::<LANES>().0.iter().zip(dh_next.as_chunks::<LANES>().0);
    for (((g, (c_now, c_before)), (dh, dh_next)), dc) in
        blocks.zip(cells).zip(slopes).zip(dc.as_chunks_mut::<LANES>().0)
    {
        for l in 0..LANES {
            let (i, f, a, o) = (g[l], g[LANES + l], g[2 * LANES + l], g[3 * LANES + l]);
            let t = tanh(c_now[l]);
            let dh = dh[l] + dh_next[l];
            let d = dc[l] + dh * o * (1.0 - t * t);
            g[l] = d * a * i * (1.0 - i);
            g[LANES + l] = d * c_before[l] * f * (1.0 - f);
            g[2 * LANES + l] = d * i * (1.0 - a * a);
            g[3 * LANES + l] = dh * t * o * (1.0 - o);
            dc[l] = d * f;
        }
    }
}

impl CustomOp3 for LstmLayer {
    fn name(&self) -> &'static str {
        "lstm-layer"
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
        let h = self.forward(floats(x, xl)?, floats(w, wl)?, floats(b, bl)?)?;
        Ok((CpuStorage::F32(h), Shape::from((self.rows.total(), self.units))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        h: &Tensor,
        dh: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = with_values(x, |xs| {
            with_values(w, |ws| with_values(h, |hs| with_values(dh, |dhs| self.backward(xs, ws, hs, dhs))))
        })?;
        Ok((Some(tensor(dx, x.dims())?), Some(tensor(dw, w.dims())?), Some(tensor(db, b.dims())?)))
    }
}
