//! A linear layer, optionally of chosen rows only.

use super::{Pool, floats, tensor, with_values};
use crate::train::kernel::{Mat, matmul, vectorised};
use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// The op: `(x (rows, inputs), weight (outputs, inputs), bias (outputs)) -> x[chosen] weight^T + bias`.
pub struct Linear {
    /// Rows of `x` to take; all when `None`.
    pub chosen: Option<Arc<Vec<u32>>>,
    /// Threads.
    pub pool: Pool,
}

impl Linear {
    fn gather<'a>(&self, x: &'a [f32], inputs: usize) -> Result<std::borrow::Cow<'a, [f32]>> {
        let Some(chosen) = &self.chosen else { return Ok(x.into()) };
        if chosen.iter().any(|r| (*r as usize + 1) * inputs > x.len()) {
            return Err(Error::Msg("a chosen row is not there".into()));
        }
        Ok(chosen.iter().flat_map(|r| x[*r as usize * inputs..][..inputs].iter().copied()).collect())
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let (_, inputs) = xl.shape().dims2()?;
        let (outputs, width) = wl.shape().dims2()?;
        let (w, b) = (floats(w, wl)?, floats(b, bl)?);
        if inputs != width || b.len() != outputs {
            return Err(Error::Msg("the arguments of a linear layer do not fit".into()));
        }
        let x = self.gather(floats(x, xl)?, inputs)?;
        let rows = x.len() / inputs.max(1);
        let mut out = Vec::with_capacity(rows * outputs);
        (0..rows).for_each(|_| out.extend_from_slice(b));
        let product = Mat::new(w, outputs, inputs, inputs).t();
        self.pool
            .run(|| matmul(&mut out, outputs, Mat::new(&x, rows, inputs, inputs), product, true, self.pool.threads));
        Ok((CpuStorage::F32(out), Shape::from((rows, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, outputs) = dy.dims2()?;
        let (all, inputs) = x.dims2()?;
        let threads = self.pool.threads;
        let (mut dx, mut dw, mut db) = (vec![0.0; rows * inputs], vec![0.0; outputs * inputs], vec![0.0; outputs]);
        with_values(x, |x| {
            let x = self.gather(x, inputs)?;
            with_values(w, |w| {
                with_values(dy, |dy| {
                    let slope = Mat::new(dy, rows, outputs, outputs);
                    self.pool.run(|| {
                        matmul(&mut dx, inputs, slope, Mat::new(w, outputs, inputs, inputs), false, threads);
                        matmul(&mut dw, inputs, slope.t(), Mat::new(&x, rows, inputs, inputs), false, threads);
                    });
                    let add = |row: &[f32]| db.iter_mut().zip(row).for_each(|(b, d)| *b += d);
                    vectorised(
                        #[inline(always)]
                        || dy.chunks_exact(outputs).for_each(add),
                    );
                    Ok(())
                })
            })
        })?;
        if let Some(chosen) = &self.chosen {
            let mut whole = vec![0.0; all * inputs];
            for (r, d) in chosen.iter().zip(dx.chunks_exact(inputs)) {
                whole[*r as usize * inputs..][..inputs].iter_mut().zip(d).for_each(|(w, d)| *w += d);
            }
            dx = whole;
        }
        Ok((Some(tensor(dx, x.dims())?), Some(tensor(dw, w.dims())?), Some(tensor(db, b.dims())?)))
    }
}
