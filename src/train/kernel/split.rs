//! f32 numbers as sums of two bf16 numbers, laid out as tiles: what the tile unit multiplies.
//!
//! `x = high + low + error` with both rounded to nearest: 16 to 17 bits of the 24 stay. A product takes three of the four
//! partial products (high high, high low, low high); the fourth is below what is lost already.
//! Tiles are 16 x 16 pairs of neighbours along the inner side: by row for the left matrix, by column for the right one.

use std::arch::x86_64::*;

/// Rows or columns of a strip, and numbers of the inner side that a block takes.
pub const STRIP: usize = 32;

/// A tile of 16 x 16 pairs of bf16.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Tile([u32; 256]);

impl Tile {
    const ZERO: Tile = Tile([0; 256]);
}

/// A strip's share of 32 numbers of the inner side: high parts of its two halves, then the low ones.
pub type Block = [Tile; 4];

/// A block of zeros.
pub const ZERO: Block = [Tile::ZERO; 4];

/// One side of a product: `lanes` rows (left) or columns (right), each with `inner` numbers.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// Rows of the left matrix or columns of the right one.
    pub lanes: usize,
    /// Numbers that are multiplied and summed.
    pub inner: usize,
    /// From one lane to the next.
    pub lane_stride: usize,
    /// From one number of a lane to the next. One of the two strides is 1.
    pub inner_stride: usize,
    /// True for the left matrix.
    pub is_left: bool,
}

impl Side<'_> {
    /// Packs the strip of lanes from `lane` on, `blocks.len()` x 32 inner numbers from `inner` on; beyond the edges are zeros.
    ///
    /// # Safety
    /// AVX-512 F, BW and BF16 must be there.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub unsafe fn pack(&self, lane: usize, inner: usize, blocks: &mut [Block]) {
        for (b, block) in blocks.iter_mut().enumerate() {
            let [high, more_high, low, more_low] = block;
            for (half, (high, low)) in [(high, low), (more_high, more_low)].into_iter().enumerate() {
                // SAFETY: the caller vouches for the instructions.
                unsafe { self.tile(lane + half * 16, inner + b * STRIP, high, low) };
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn tile(&self, lane: usize, inner: usize, high: &mut Tile, low: &mut Tile) {
        let (lanes, numbers) = (self.lanes.saturating_sub(lane).min(16), self.inner.saturating_sub(inner).min(STRIP));
        if lanes == 0 || numbers == 0 {
            (*high, *low) = (Tile::ZERO, Tile::ZERO);
            return;
        }
        let first = lane * self.lane_stride + inner * self.inner_stride;
        let last = first + (lanes - 1) * self.lane_stride + (numbers - 1) * self.inner_stride;
        assert!(last < self.data.len());
        let from = &self.data[first..];
        // SAFETY: the last number lies inside (asserted), and no other than these are read.
        unsafe {
            if self.inner_stride == 1 {
                by_lane(from, self.lane_stride, (lanes, numbers), self.is_left, high, low);
            } else {
                assert_eq!(self.lane_stride, 1);
                by_inner(from, self.inner_stride, (lanes, numbers), self.is_left, high, low);
            }
        }
    }
}

/// The first `count` of 16 lanes of a register.
fn first(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

/// A tile from up to 16 lanes of up to 32 neighbours each (`size`); the rest are zeros.
///
/// # Safety
/// The instructions must be there, and the numbers behind `from`, lanes `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn by_lane(from: &[f32], stride: usize, size: (usize, usize), is_left: bool, high: &mut Tile, low: &mut Tile) {
    let (is_first, is_second) = (first(size.1), first(size.1.saturating_sub(16)));
    let (mut highs, mut lows) = ([_mm512_setzero_si512(); 16], [_mm512_setzero_si512(); 16]);
    for lane in 0..size.0 {
        // SAFETY: the caller vouches for the numbers, masked ones are not read; both types are 64 plain bytes.
        unsafe {
            let row = from.as_ptr().wrapping_add(lane * stride);
            let (a, b) = (_mm512_maskz_loadu_ps(is_first, row), _mm512_maskz_loadu_ps(is_second, row.wrapping_add(16)));
            let rest = |x: __m512, high: __m256i| _mm512_sub_ps(x, widened(_mm512_cvtepu16_epi32(high)));
            let both: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(b, a));
            let a_low = rest(a, _mm512_castsi512_si256(both));
            let b_low = rest(b, _mm512_extracti64x4_epi64::<1>(both));
            highs[lane] = both;
            lows[lane] = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b_low, a_low));
        }
    }
    store(&highs, !is_left, high);
    store(&lows, !is_left, low);
}

/// A tile from up to 32 rows along the inner side with up to 16 lanes each (`size`: lanes, rows); the rest are zeros.
///
/// # Safety
/// The instructions must be there, and the numbers behind `from`, rows `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn by_inner(from: &[f32], stride: usize, size: (usize, usize), is_left: bool, high: &mut Tile, low: &mut Tile) {
    let is_lane = first(size.0);
    let (mut highs, mut lows) = ([_mm512_setzero_si512(); 16], [_mm512_setzero_si512(); 16]);
    for pair in 0..size.1.div_ceil(2) {
        // SAFETY: the caller vouches for the numbers, masked ones are not read; both types are 32 plain bytes.
        unsafe {
            let of = |row: usize| {
                let is_lane = if row < size.1 { is_lane } else { 0 };
                let x = _mm512_maskz_loadu_ps(is_lane, from.as_ptr().wrapping_add(row * stride));
                let high = _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x)));
                let low = _mm512_cvtneps_pbh(_mm512_sub_ps(x, widened(high)));
                (high, _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(low)))
            };
            let (even, odd) = (of(2 * pair), of(2 * pair + 1));
            highs[pair] = _mm512_or_si512(even.0, _mm512_slli_epi32::<16>(odd.0));
            lows[pair] = _mm512_or_si512(even.1, _mm512_slli_epi32::<16>(odd.1));
        }
    }
    store(&highs, is_left, high);
    store(&lows, is_left, low);
}

/// bf16 numbers in the low halves as f32.
#[inline]
#[target_feature(enable = "avx512f")]
fn widened(low_halves: __m512i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(low_halves))
}

/// Writes 16 rows of 16 pairs, or their transpose.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(rows: &[__m512i; 16], transposed: bool, tile: &mut Tile) {
    let rows = if transposed { &transpose(rows) } else { rows };
    for (place, row) in tile.0.as_chunks_mut::<16>().0.iter_mut().zip(rows) {
        // SAFETY: a place is 16 numbers of 32 bits, 64 bytes.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), *row) };
    }
}

/// 16 x 16 numbers of 32 bits with rows and columns swapped.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(r: &[__m512i; 16]) -> [__m512i; 16] {
    let mut s = *r;
    for i in (0..16).step_by(2) {
        s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    // Within each quarter of a register: columns 0..4 of four rows.
    let mut t = s;
    for i in (0..16).step_by(4) {
        t[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
        t[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
        t[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
        t[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
    }
    // Quarter q of `t[4 g + c]` holds column 4 q + c of rows 4 g..4 g + 4.
    let mut out = t;
    for c in 0..4 {
        let low = |a, b| _mm512_shuffle_i32x4::<0x88>(a, b);
        let high = |a, b| _mm512_shuffle_i32x4::<0xDD>(a, b);
        let (even, odd) = (low(t[c], t[4 + c]), high(t[c], t[4 + c]));
        let (more_even, more_odd) = (low(t[8 + c], t[12 + c]), high(t[8 + c], t[12 + c]));
        out[c] = low(even, more_even);
        out[4 + c] = low(odd, more_odd);
        out[8 + c] = high(even, more_even);
        out[12 + c] = high(odd, more_odd);
    }
    out
}
