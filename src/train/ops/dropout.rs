//! Dropout whose masks come from addressed chance, so that a resumed run draws what the whole run would have drawn.

use super::{floats, tensor, values};
use crate::music::{Chance, Purpose};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// A mask of `count` factors: 0 with probability `p` (in 256ths), else 1 / (1 - p). Empty when `p` is 0.
pub fn mask(chance: Chance, update: u64, place: u64, p: f32, count: usize) -> Vec<f32> {
    let below = (p.clamp(0.0, 0.9) * 256.0) as u8;
    if below == 0 {
        return Vec::new();
    }
    let kept = 256.0 / (256.0 - f32::from(below));
    let mut mask = Vec::with_capacity(count + 8);
    let source = chance.fold(place);
    for draw in 0..count.div_ceil(8) as u64 {
        let bytes = source.bits(Purpose::Dropout, update, draw).to_le_bytes();
        mask.extend(bytes.map(|b| if b < below { 0.0 } else { kept }));
    }
    mask.truncate(count);
    mask
}

/// The op: `x -> x * mask`.
pub struct Dropout {
    /// A factor for every number of `x`.
    pub mask: Vec<f32>,
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = floats(x, layout)?.iter().zip(&self.mask).map(|(x, m)| x * m).collect();
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let mut slope = values(slope)?;
        slope.iter_mut().zip(&self.mask).for_each(|(s, m)| *s *= m);
        Ok(Some(tensor(slope, x.dims())?))
    }
}
