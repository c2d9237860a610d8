//! Weights that rest in sixteen bits and are widened in registers: half the bytes to stream, the same sums in f32.
//!
//! A model file holds halves (f16), and a half widened to f32 is exact: a net from such a file gives the same bits as
//! from f32 weights, at half the memory traffic. bf16 has the range of f32 and 8 bits of precision; it costs some of
//! the model's quality and is the cheapest to widen, since it is the upper half of an f32.

use super::kernel::{LANES, Rows, places};
use super::simd::dispatch;

/// Halves of one input for the 64 outputs of a panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Halves(pub [[u16; LANES]; 4]);

/// bf16 weights of two inputs for the 64 outputs of a panel: the first input's in the lower half of a word.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Pairs(pub [[u32; LANES]; 4]);

/// 2^112: what the bits of a half, moved to the places of an f32, are short of.
const REBIAS: f32 = f32::from_bits((127 + 112) << 23);

/// The f32 of a half that is no infinity, without a branch.
#[inline(always)]
fn widened(half: u16) -> f32 {
    f32::from_bits(u32::from(half & 0x8000) << 16 | u32::from(half & 0x7FFF) << 13) * REBIAS
}

#[inline(always)]
fn halves_plain(panel: &[Halves], x: &[f32], sums: &mut Rows) {
    for (w, x) in panel.iter().zip(x) {
        for (sums, w) in sums.iter_mut().zip(&w.0) {
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum += widened(*w) * x;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn halves_avx2(panel: &[Halves], x: &[f32], sums: &mut Rows) {
    use std::arch::x86_64::*;
    // SAFETY: a panel's sums are 8 registers' worth of f32; loads and stores need no alignment.
    let mut acc: [__m256; 8] =
        std::array::from_fn(|r| unsafe { _mm256_loadu_ps(sums.as_flattened()[8 * r..].as_ptr()) });
    for (w, x) in panel.iter().zip(x) {
        let x = _mm256_set1_ps(*x);
        for (acc, w) in acc.iter_mut().zip(w.0.as_flattened().as_chunks::<8>().0) {
            // SAFETY: eight halves are the 128 bits that are read.
            let w = _mm256_cvtph_ps(unsafe { _mm_loadu_si128(w.as_ptr().cast()) });
            *acc = _mm256_add_ps(*acc, _mm256_mul_ps(w, x));
        }
    }
    for (to, acc) in sums.as_flattened_mut().as_chunks_mut::<8>().0.iter_mut().zip(acc) {
        // SAFETY: eight f32 are the 256 bits that are written.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), acc) };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn halves_avx512(panel: &[Halves], x: &[f32], sums: &mut Rows) {
    use std::arch::x86_64::*;
    // SAFETY: a row of lanes is one register's worth of f32; loads and stores need no alignment.
    let mut acc: [__m512; 4] = std::array::from_fn(|r| unsafe { _mm512_loadu_ps(sums[r].as_ptr()) });
    for (w, x) in panel.iter().zip(x) {
        let x = _mm512_set1_ps(*x);
        for (acc, w) in acc.iter_mut().zip(&w.0) {
            // SAFETY: sixteen halves are the 256 bits that are read.
            let w = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(w.as_ptr().cast()) });
            *acc = _mm512_add_ps(*acc, _mm512_mul_ps(w, x));
        }
    }
    for (to, acc) in sums.iter_mut().zip(acc) {
        // SAFETY: sixteen f32 are the 512 bits that are written.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), acc) };
    }
}

dispatch! {
    /// `sums += panel x`, in the order of the inputs.
    halves = [halves_plain, halves_avx2, halves_avx2, halves_avx512, halves_avx512]
        (panel: &[Halves], x: &[f32], sums: &mut Rows)
}

#[inline(always)]
fn pairs_body(panel: &[Pairs], x: &[f32], sums: &mut Rows) {
    let [mut a, mut b, mut c, mut d] = *sums;
    let add = |sums: &mut [f32; LANES], w: &[u32; LANES], x: [f32; 2]| {
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum += f32::from_bits(w << 16) * x[0];
        }
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum += f32::from_bits(w & 0xFFFF_0000) * x[1];
        }
    };
    for (w, x) in panel.iter().zip(x.chunks(2)) {
        let x = [x[0], x.get(1).copied().unwrap_or(0.0)];
        add(&mut a, &w.0[0], x);
        add(&mut b, &w.0[1], x);
        add(&mut c, &w.0[2], x);
        add(&mut d, &w.0[3], x);
    }
    *sums = [a, b, c, d];
}

dispatch! {
    /// `sums += panel x`, in the order of the inputs.
    pairs = pairs_body(panel: &[Pairs], x: &[f32], sums: &mut Rows)
}

/// True when a half says this number exactly.
pub fn is_half(x: f32) -> bool {
    let half = super::half::from_f32(x);
    half & 0x7C00 != 0x7C00 && super::half::to_f32(half).to_bits() == x.to_bits()
}

/// The nearest bf16 (ties to even), as bits; the number must be finite and not at the very end of f32's range.
pub fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// Panels of halves; see [`super::kernel::pack`].
pub fn pack_halves(
    panels: usize,
    inputs: usize,
    row_of: impl Fn(usize, usize) -> Option<usize>,
    at: impl Fn(usize, usize) -> f32,
) -> Vec<Halves> {
    let mut blocks = vec![Halves([[0; LANES]; 4]); panels * inputs];
    places(panels, row_of, |panel, place, row| {
        for k in 0..inputs {
            blocks[panel * inputs + k].0[place / LANES][place % LANES] = super::half::from_f32(at(row, k));
        }
    });
    blocks
}

/// Panels of bf16 weights; see [`super::kernel::pack`].
pub fn pack_pairs(
    panels: usize,
    inputs: usize,
    row_of: impl Fn(usize, usize) -> Option<usize>,
    at: impl Fn(usize, usize) -> f32,
) -> Vec<Pairs> {
    let mut blocks = vec![Pairs([[0; LANES]; 4]); panels * inputs.div_ceil(2)];
    places(panels, row_of, |panel, place, row| {
        for k in 0..inputs {
            let word = &mut blocks[panel * inputs.div_ceil(2) + k / 2].0[place / LANES][place % LANES];
            *word |= u32::from(to_bf16(at(row, k))) << (16 * (k % 2));
        }
    });
    blocks
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::half;

    #[test]
    fn every_finite_half_is_widened_exactly() {
        for bits in (0..=u16::MAX).filter(|h| h & 0x7C00 != 0x7C00) {
            assert_eq!(widened(bits).to_bits(), half::to_f32(bits).to_bits(), "{bits:#x}");
            assert!(is_half(half::to_f32(bits)));
        }
        assert!(!is_half(1.0 + 1e-5) && !is_half(65536.0) && !is_half(1e-9));
    }

    #[test]
    fn the_nearest_bf16_is_taken() {
        for (x, bits) in [(1.0, 0x3F80), (1.0 + 1.0 / 256.0, 0x3F80), (1.0 + 3.0 / 256.0, 0x3F82), (-0.1, 0xBDCD)] {
            assert_eq!(to_bf16(x), bits, "{x}");
        }
    }
}
