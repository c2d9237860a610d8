//! Weights and inputs in eight bits: a quarter of the bytes, and products that four or more at a time add up exactly.
//!
//! A weight is a whole number of -127..=127 times a scale of its output row; an input is one times a scale of its
//! vector, found anew for each vector. Whole numbers are summed without rounding or saturation, so their order does not
//! matter and every path gives the same sum; only then is it scaled, in f32, in a fixed order.

use super::kernel::{Block, LANES, PANEL, Rows, places};
use super::simd::dispatch;

/// Weights of four inputs for the 64 outputs of a panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Fours(pub [[i8; 4]; PANEL]);

/// Whole-number sums of a panel's 64 outputs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Whole(pub [i32; PANEL]);

/// A matrix (or the columns of one that share the inputs' scale) in panels.
pub struct Int8 {
    /// Groups of four inputs in a panel.
    groups: usize,
    inputs: usize,
    blocks: Vec<Fours>,
    /// Of every output row.
    scales: Vec<Block>,
    /// -128 x the sum of every row's weights: inputs are stored 128 too high.
    offsets: Vec<Whole>,
}

/// A vector in eight bits.
pub struct Quantised {
    /// Whole numbers plus 128, in fours.
    words: Vec<[u8; 4]>,
    /// What 1 stands for.
    scale: f32,
}

/// Adding 1.5 x 2^23 rounds an f32 to a whole number (ties to even), which then stands in its low bits.
const ROUND: f32 = 12_582_912.0;
/// Vectors whose largest number is below this count as zero: the reciprocal of their scale may be no number.
const FAINT: f32 = 1e-30;

#[inline(always)]
fn quantise_body(x: &[f32], bytes: &mut [u8], scale: &mut f32) {
    // The order of the bits of positive floats is that of their values, and whole numbers have a vector maximum.
    let largest = x.iter().fold(0, |most, x| most.max(x.to_bits() & 0x7FFF_FFFF));
    let largest = f32::from_bits(largest);
    let reciprocal = if largest < FAINT { 0.0 } else { 127.0 / largest };
    // A number that is none stays none: it makes the whole product none.
    *scale = if largest < FAINT { 0.0 } else { largest / 127.0 * if largest < f32::INFINITY { 1.0 } else { f32::NAN } };
    for (byte, x) in bytes.iter_mut().zip(x) {
        *byte = (x * reciprocal + ROUND).to_bits() as u8 ^ 0x80;
    }
}

dispatch! {
    /// `bytes = 128 + x / scale`, rounded, with the scale that brings the largest to 127.
    quantise = quantise_body(x: &[f32], bytes: &mut [u8], scale: &mut f32)
}

impl Quantised {
    /// Room for vectors of up to `inputs` numbers.
    pub fn with_capacity(inputs: usize) -> Quantised {
        Quantised { words: Vec::with_capacity(inputs.div_ceil(4)), scale: 0.0 }
    }

    /// Takes a vector; allocates nothing within the capacity.
    pub fn take(&mut self, simd: super::kernel::Simd, x: &[f32]) {
        self.words.clear();
        self.words.resize(x.len().div_ceil(4), [128; 4]);
        quantise(simd, x, self.words.as_flattened_mut(), &mut self.scale);
    }
}

/// `rows += sums x scale of the row x scale of the vector`.
#[inline(always)]
fn scaled(sums: &[i32; PANEL], scales: &Block, scale: f32, rows: &mut Rows) {
    let scales = scales.0.as_flattened();
    for ((row, sum), s) in rows.as_flattened_mut().iter_mut().zip(sums).zip(scales) {
        *row += *sum as f32 * (s * scale);
    }
}

/// One panel and what is multiplied with it.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    blocks: &'a [Fours],
    scales: &'a Block,
    offsets: &'a Whole,
    words: &'a [[u8; 4]],
    scale: f32,
}

#[inline(always)]
fn product_plain(p: Product, rows: &mut Rows) {
    let mut sums = p.offsets.0;
    for (block, word) in p.blocks.iter().zip(p.words) {
        let x = word.map(i32::from);
        for (sum, w) in sums.iter_mut().zip(&block.0) {
            let w = w.map(i32::from);
            *sum += w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + w[3] * x[3];
        }
    }
    scaled(&sums, p.scales, p.scale, rows);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Fours, PANEL, Product, Rows, scaled};
    use std::arch::x86_64::*;

    /// The 32 weights of eight outputs.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn eight(block: &Fours, at: usize) -> __m256i {
        // SAFETY: eight fours are the 256 bits that are read.
        unsafe { _mm256_loadu_si256(block.0[8 * at..8 * at + 8].as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn stored(acc: [__m256i; 8]) -> [i32; PANEL] {
        let mut sums = [0; PANEL];
        for (to, acc) in sums.as_chunks_mut::<8>().0.iter_mut().zip(acc) {
            // SAFETY: eight i32 are the 256 bits that are written.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), acc) };
        }
        sums
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn offsets(p: &Product) -> [__m256i; 8] {
        // SAFETY: eight i32 are the 256 bits that are read.
        std::array::from_fn(|r| unsafe { _mm256_loadu_si256(p.offsets.0[8 * r..8 * r + 8].as_ptr().cast()) })
    }

    /// Signed times signed through the unsigned multiplication: |w| x (x with w's sign). No factor is above 127 in
    /// magnitude, so that a sum of two stays below 2^15 and nothing saturates. The offset is not needed.
    #[target_feature(enable = "avx2")]
    pub fn product_avx2(p: Product, rows: &mut Rows) {
        let (ones, high) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
        let mut acc = [_mm256_setzero_si256(); 8];
        for (block, word) in p.blocks.iter().zip(p.words) {
            let x = _mm256_xor_si256(_mm256_set1_epi32(i32::from_le_bytes(*word)), high);
            for (at, acc) in acc.iter_mut().enumerate() {
                let w = eight(block, at);
                let twos = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
                *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(twos, ones));
            }
        }
        scaled(&stored(acc), p.scales, p.scale, rows);
    }

    #[target_feature(enable = "avx2,avxvnni")]
    pub fn product_avx2_vnni(p: Product, rows: &mut Rows) {
        let mut acc = offsets(&p);
        for (block, word) in p.blocks.iter().zip(p.words) {
            let x = _mm256_set1_epi32(i32::from_le_bytes(*word));
            for (at, acc) in acc.iter_mut().enumerate() {
                *acc = _mm256_dpbusd_avx_epi32(*acc, x, eight(block, at));
            }
        }
        scaled(&stored(acc), p.scales, p.scale, rows);
    }

    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    pub fn product_avx512_vnni(p: Product, rows: &mut Rows) {
        // SAFETY: sixteen fours, and sixteen i32, are the 512 bits that are read or written.
        let load = |from: *const i8| unsafe { _mm512_loadu_si512(from.cast()) };
        let mut acc: [__m512i; 4] = std::array::from_fn(|r| load(p.offsets.0[16 * r..16 * r + 16].as_ptr().cast()));
        // Two chains of sums, since one waits for itself.
        let mut second = [_mm512_setzero_si512(); 4];
        let add = |acc: &mut [__m512i; 4], block: &Fours, word: [u8; 4]| {
            let x = _mm512_set1_epi32(i32::from_le_bytes(word));
            for (at, acc) in acc.iter_mut().enumerate() {
                *acc = _mm512_dpbusd_epi32(*acc, x, load(block.0[16 * at..16 * at + 16].as_ptr().cast()));
            }
        };
        let (blocks, rest) = p.blocks.as_chunks::<2>();
        let (words, last) = p.words.as_chunks::<2>();
        for (block, word) in blocks.iter().zip(words) {
            add(&mut acc, &block[0], word[0]);
            add(&mut second, &block[1], word[1]);
        }
        for (block, word) in rest.iter().zip(last) {
            add(&mut acc, block, *word);
        }
        let mut sums = [0; PANEL];
        for ((to, a), b) in sums.as_chunks_mut::<16>().0.iter_mut().zip(acc).zip(second) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_add_epi32(a, b)) };
        }
        scaled(&sums, p.scales, p.scale, rows);
    }
}
#[cfg(target_arch = "x86_64")]
use x86::{product_avx2, product_avx2_vnni, product_avx512_vnni};

dispatch! {
    /// `rows += panel x`.
    product = [product_plain, product_avx2, product_avx2_vnni, product_avx2, product_avx512_vnni]
        (p: Product, rows: &mut Rows)
}

impl Int8 {
    /// Packs `inputs` columns from `first` on; see [`super::kernel::pack`].
    pub fn pack(
        panels: usize,
        columns: std::ops::Range<usize>,
        row_of: impl Fn(usize, usize) -> Option<usize>,
        at: impl Fn(usize, usize) -> f32,
    ) -> Int8 {
        let (inputs, groups) = (columns.len(), columns.len().div_ceil(4));
        let mut blocks = vec![Fours([[0; 4]; PANEL]); panels * groups];
        let mut scales = vec![Block([[0.0; LANES]; 4]); panels];
        let mut offsets = vec![Whole([0; PANEL]); panels];
        places(panels, row_of, |panel, place, row| {
            let largest = columns.clone().fold(0.0f32, |most, k| most.max(at(row, k).abs()));
            if largest < FAINT {
                return;
            }
            scales[panel].0[place / LANES][place % LANES] = largest / 127.0;
            for k in 0..inputs {
                let whole = (at(row, columns.start + k) / largest * 127.0).round() as i8;
                blocks[panel * groups + k / 4].0[place][k % 4] = whole;
                offsets[panel].0[place] -= 128 * i32::from(whole);
            }
        });
        Int8 { groups, inputs, blocks, scales, offsets }
    }

    /// Inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes of all numbers.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.blocks[..]) + size_of_val(&self.scales[..]) + size_of_val(&self.offsets[..])
    }

    /// `rows += panel x`; the vector must have been taken from `inputs` numbers.
    pub fn add(&self, simd: super::kernel::Simd, panel: usize, x: &Quantised, rows: &mut Rows) {
        let p = Product {
            blocks: &self.blocks[panel * self.groups..][..self.groups],
            scales: &self.scales[panel],
            offsets: &self.offsets[panel],
            words: &x.words,
            scale: x.scale,
        };
        product(simd, p, rows);
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::kernel::Simd;
    use crate::music::{Chance, Purpose};

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let chance = Chance::new(seed);
        (0..count as u64).map(|i| chance.unit(Purpose::Train, i, 0) * 2.0 - 1.0).collect()
    }

    /// What a matrix of one panel gives on every path, which must be the same bits.
    fn panel(inputs: usize, at: impl Fn(usize, usize) -> f32 + Copy, x: &[f32]) -> Vec<f32> {
        let matrix = Int8::pack(1, 0..inputs, |_, place| Some(place), at);
        let mut seen: Option<Vec<f32>> = None;
        for simd in Simd::all() {
            let mut taken = Quantised::with_capacity(inputs);
            taken.take(simd, x);
            let mut rows = [[0.25; LANES]; 4];
            matrix.add(simd, 0, &taken, &mut rows);
            let rows = rows.as_flattened().to_vec();
            assert_eq!(*seen.get_or_insert_with(|| rows.clone()), rows, "{}", simd.name());
        }
        seen.unwrap()
    }

    #[test]
    fn all_paths_give_the_same_product_and_it_is_near_the_exact_one() {
        for inputs in [1, 6, 96, 256, 257] {
            let (w, x) = (numbers(PANEL * inputs, 1), numbers(inputs, 2));
            let rows = panel(inputs, |row, k| w[row * inputs + k], &x);
            for (row, seen) in rows.iter().enumerate() {
                let exact: f32 = (0..inputs).map(|k| w[row * inputs + k] * x[k]).sum::<f32>() + 0.25;
                // Each factor is off by at most 1/254, and the errors of many products cancel for the most part.
                let bound = 0.01 * (inputs as f32).sqrt();
                assert!((seen - exact).abs() < bound, "{inputs} row {row}: {seen} {exact}");
            }
        }
    }

    #[test]
    fn the_largest_factors_do_not_saturate() {
        let sign = |odd: bool| if odd { -1.0f32 } else { 1.0 };
        let x: Vec<f32> = (0..512).map(|k| sign(k % 8 < 4)).collect();
        let rows = panel(512, |row, k| sign(k % 8 < 4) * sign(row % 2 == 1), &x);
        for (row, seen) in rows.iter().enumerate() {
            let exact = 512.0 * sign(row % 2 == 1) + 0.25;
            assert!((seen - exact).abs() < 1e-3, "row {row}: {seen} {exact}");
        }
    }

    #[test]
    fn nothing_stays_nothing_and_no_number_stays_none() {
        let w = numbers(PANEL * 8, 3);
        let product = |x: &[f32]| panel(8, |row, k| w[row * 8 + k], x);
        assert_eq!(product(&[0.0; 8]), [0.25; PANEL]);
        assert_eq!(product(&[1e-38; 8]), [0.25; PANEL]);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for simd in Simd::all() {
                let mut taken = Quantised::with_capacity(8);
                taken.take(simd, &[1.0, bad, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
                assert!(taken.scale.is_nan(), "{bad} {}", simd.name());
            }
        }
    }
}
