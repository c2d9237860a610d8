//! The loops under the training ops: matrix products, packed panels for the recurrence, and fast exp and tanh.
//!
//! Training needs speed, not equal bits on every machine, so rounding may differ between processors here (playing has
//! its own kernel with a fixed order). AVX2 is chosen at run time; the plain path is the same arithmetic.

use gemm::Parallelism;

/// Lanes of a panel: two AVX registers.
pub const LANES: usize = 16;

/// A matrix seen through strides (in elements).
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// `rows` x `cols`, row-major, `row_stride` apart.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Mat<'a> {
        assert!(rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= data.len(), "a matrix beyond its numbers");
        Mat { data, rows, cols, row_stride, col_stride: 1 }
    }
    /// The same numbers with rows and columns swapped.
    pub fn t(self) -> Mat<'a> {
        let Mat { data, rows, cols, row_stride, col_stride } = self;
        Mat { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }
}

/// `out = a b`, or `out += a b` when `add`; `out` is row-major with rows `out_stride` apart.
pub fn matmul(out: &mut [f32], out_stride: usize, a: Mat, b: Mat, add: bool, threads: usize) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(a.cols, b.rows, "inner sides differ");
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * out_stride + n <= out.len() && n <= out_stride.max(n), "a product beyond its place");
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    // SAFETY: the assertions here and in `Mat::new` keep every index inside the three slices, `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// A `k` x `n` matrix packed once and multiplied many times: `[n / 16][k][16]`.
pub struct Panels {
    k: usize,
    n: usize,
    lines: Vec<Line>,
}

impl Panels {
    /// Packs the matrix whose number in row `k`, column `n` is `at(k, n)`; `n` is a multiple of 16.
    pub fn pack(k: usize, n: usize, at: impl Fn(usize, usize) -> f32) -> Panels {
        assert_eq!(n % LANES, 0);
        let mut lines = Vec::with_capacity(k * n / LANES);
        for panel in 0..n / LANES {
            for row in 0..k {
                lines.push(Line(std::array::from_fn(|lane| at(row, panel * LANES + lane))));
            }
        }
        Panels { k, n, lines }
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
    if has_avx512() {
        // SAFETY: AVX-512F is there (checked), and the assertion keeps every row inside both slices.
        unsafe {
            match count {
                1 => avx512::block::<1>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                2 => avx512::block::<2>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                3 => avx512::block::<3>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                4 => avx512::block::<4>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                5 => avx512::block::<5>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                6 => avx512::block::<6>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                7 => avx512::block::<7>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                _ => avx512::block::<8>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
            }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: AVX2 and FMA are there (checked), and the assertion keeps every row inside both slices.
        unsafe {
            match count {
                1 => avx2::block::<1>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                2 => avx2::block::<2>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                3 => avx2::block::<3>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                4 => avx2::block::<4>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                5 => avx2::block::<5>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
                _ => avx2::block::<6>(a.as_ptr(), a_stride, panel, out.as_mut_ptr(), out_stride),
            }
        }
        return;
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
fn has_avx2() -> bool {
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

    /// Runs `work` compiled for AVX2.
    ///
    /// # Safety
    /// AVX2 and FMA must be there.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}

/// Runs a loop over plain floats compiled for the best registers that this machine has.
/// `work` and what it calls must be `#[inline(always)]` to gain from it.
#[inline]
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: AVX2 and FMA are there.
        return unsafe { avx2::run(work) };
    }
    work()
}

/// e^x to about 2e-7 relative, for -87..88 (clamped), without branches.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = p * r + c;
    }
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (p * r * r + r + 1.0) * scale
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent, absolute error about 1e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

const GELU_A: f32 = 0.797_884_6;
const GELU_B: f32 = 0.044_715;

/// GELU in its tanh form, and its slope.
#[inline(always)]
pub fn gelu(x: f32) -> (f32, f32) {
    let t = tanh(GELU_A * (x + GELU_B * x * x * x));
    let slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_A * (1.0 + 3.0 * GELU_B * x * x);
    (0.5 * x * (1.0 + t), slope)
}

/// `out += x * weight`, over rows of equal length.
#[inline(always)]
pub fn add_scaled(out: &mut [f32], x: &[f32], weight: f32) {
    for (o, x) in out.iter_mut().zip(x) {
        *o += x * weight;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn fast_functions_agree_with_the_library() {
        for i in -4000..4000 {
            let x = i as f32 * 0.02;
            let near = |a: f32, b: f64, tolerance: f64| (f64::from(a) - b).abs() <= tolerance * b.abs().max(1.0);
            let y = f64::from(x);
            assert!((f64::from(exp(x)) / y.exp() - 1.0).abs() < 4e-7, "exp {x}");
            assert!(near(tanh(x), y.tanh(), 3e-7), "tanh {x}");
            assert!(near(sigmoid(x), 1.0 / (1.0 + (-y).exp()), 3e-7), "sigmoid {x}");
        }
    }

    #[test]
    fn panels_multiply_like_the_plain_product() {
        for rows in [1, 5, 6, 7, 13, 32] {
            let (k, n) = (19, 48);
            let a: Vec<f32> = (0..rows * k).map(|i| (i % 17) as f32 * 0.1 - 0.7).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i % 23) as f32 * 0.1 - 1.0).collect();
            let mut expected = vec![0.5; rows * n];
            matmul(&mut expected, n, Mat::new(&a, rows, k, k), Mat::new(&b, k, n, n), true, 1);
            let mut got = vec![0.5; rows * n];
            Panels::pack(k, n, |row, col| b[row * n + col]).multiply(rows, &a, k, &mut got, n);
            for (x, y) in expected.iter().zip(&got) {
                assert!((x - y).abs() < 1e-4, "{rows} {x} {y}");
            }
        }
    }
}
