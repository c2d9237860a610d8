//! The recurrent product by fused multiply-adds: AVX-512 or AVX2 as found at run time; the plain path is the same arithmetic.

use super::LANES;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line([f32; LANES]);

/// A `k` x `n` matrix packed once: `[n / 16][k][16]`.
pub struct Lines {
    k: usize,
    n: usize,
    lines: Vec<Line>,
}

impl Lines {
    /// Packs the matrix whose number in row `k`, column `n` is `at(k, n)`; `n` is a multiple of 16.
    pub fn pack(k: usize, n: usize, at: impl Fn(usize, usize) -> f32) -> Lines {
        assert_eq!(n % LANES, 0);
        let mut lines = Vec::with_capacity(k * n / LANES);
        for panel in 0..n / LANES {
            for row in 0..k {
                lines.push(Line(std::array::from_fn(|lane| at(row, panel * LANES + lane))));
            }
        }
        Lines { k, n, lines }
    }

    /// `out[r] += a[r] * self` for `rows` rows, which lie `a_stride` and `out_stride` apart.
    pub fn multiply(&self, rows: usize, a: &[f32], a_stride: usize, out: &mut [f32], out_stride: usize) {
        if rows == 0 {
            return;
        }
        assert!((rows - 1) * a_stride + self.k <= a.len() && (rows - 1) * out_stride + self.n <= out.len());
        let blocks = rows.div_ceil(if has_avx512() { 8 } else { 6 });
        for (p, panel) in self.lines.chunks_exact(self.k).enumerate() {
            let mut row = 0;
            for block in 0..blocks {
                let count = (rows - row) / (blocks - block);
                let count = if (rows - row).is_multiple_of(blocks - block) { count } else { count + 1 };
                let place = row * out_stride + p * LANES;
                block_product(count, &a[row * a_stride..], a_stride, panel, &mut out[place..], out_stride);
                row += count;
            }
        }
    }
}

/// Up to six rows times one panel, up to eight with AVX-512.
fn block_product(count: usize, a: &[f32], a_stride: usize, panel: &[Line], out: &mut [f32], out_stride: usize) {
    let last = count - 1;
    assert!(last * a_stride + panel.len() <= a.len() && last * out_stride + LANES <= out.len());
    #[cfg(target_arch = "x86_64")]
    {
        /// The block for as many rows as there are, each compiled for its number.
        macro_rules! block {
            ($of:ident, $($rows:literal)+) => {
                // SAFETY: the instructions are there (checked), and the assertion keeps every row inside both slices.
                unsafe {
                    match count {
                        $($rows => $of::block::<$rows>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),)+
                        _ => unreachable!("a block of {count} rows"),
                    }
                }
            };
        }
        if has_avx512() {
            block!(avx512, 1 2 3 4 5 6 7 8);
            return;
        }
        if has_avx2() {
            block!(avx2, 1 2 3 4 5 6);
            return;
        }
    }
    for r in 0..count {
        let mut sum = [0.0f32; LANES];
        for (x, line) in a[r * a_stride..].iter().zip(panel) {
            for (s, w) in sum.iter_mut().zip(line.0) {
                *s += x * w;
            }
        }
        for (o, s) in out[r * out_stride..].iter_mut().zip(sum) {
            *o += s;
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::Line;
    use std::arch::x86_64::*;

    /// `R` rows of `out` plus the product, a register a row. The sums are those of the AVX2 path, bit by bit.
    ///
    /// # Safety
    /// AVX-512F must be there; `a` has `R` rows of `panel.len()` numbers, `out` `R` rows of 16.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn block<const R: usize>(
        a: *const f32,
        a_stride: usize,
        panel: &[Line],
        out: *mut f32,
        out_stride: usize,
    ) {
        let mut sums = [_mm512_setzero_ps(); R];
        for (k, line) in panel.iter().enumerate() {
            // SAFETY: a line has 16 numbers; the caller vouches for the rows of `a`.
            unsafe {
                let weights = _mm512_load_ps(line.0.as_ptr());
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_fmadd_ps(_mm512_set1_ps(*a.add(r * a_stride + k)), weights, *sum);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            // SAFETY: the caller vouches for the rows of `out`.
            unsafe {
                let place = out.add(r * out_stride);
                _mm512_storeu_ps(place, _mm512_add_ps(_mm512_loadu_ps(place), *sum));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Line;
    use std::arch::x86_64::*;

    /// `R` rows of `out` plus the product, two registers a row.
    ///
    /// # Safety
    /// AVX2 and FMA must be there; `a` has `R` rows of `panel.len()` numbers, `out` `R` rows of 16.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn block<const R: usize>(
        a: *const f32,
        a_stride: usize,
        panel: &[Line],
        out: *mut f32,
        out_stride: usize,
    ) {
        let mut sums = [[_mm256_setzero_ps(); 2]; R];
        for (k, line) in panel.iter().enumerate() {
            // SAFETY: a line has 16 numbers; the caller vouches for the rows of `a`.
            unsafe {
                let low = _mm256_load_ps(line.0.as_ptr());
                let high = _mm256_load_ps(line.0.as_ptr().add(8));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm256_broadcast_ss(&*a.add(r * a_stride + k));
                    sum[0] = _mm256_fmadd_ps(x, low, sum[0]);
                    sum[1] = _mm256_fmadd_ps(x, high, sum[1]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            // SAFETY: the caller vouches for the rows of `out`.
            unsafe {
                let place = out.add(r * out_stride);
                _mm256_storeu_ps(place, _mm256_add_ps(_mm256_loadu_ps(place), sum[0]));
                _mm256_storeu_ps(place.add(8), _mm256_add_ps(_mm256_loadu_ps(place.add(8)), sum[1]));
            }
        }
    }
}
