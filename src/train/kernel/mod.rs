//! The loops under the training ops: matrix products, packed panels for the recurrence, and fast exp and tanh.
//!
//! Training needs speed, not equal bits on every machine, so rounding may differ between processors here (playing has
//! its own kernel with a fixed order). What the machine has is found at run time: the tile unit of newer servers
//! ([`amx`]), else fused multiply-adds on vectors, else plain loops.

#[cfg(target_arch = "x86_64")]
mod amx;
mod fma;
mod math;
#[cfg(target_arch = "x86_64")]
mod split;

pub use math::{add_scaled, exp, gelu, sigmoid, tanh, vectorised};

use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Units that lie side by side: a panel of two AVX registers.
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
    /// Up to `count` rows from `first` on.
    fn rows(self, first: usize, count: usize) -> Mat<'a> {
        Mat { data: &self.data[first * self.row_stride..], rows: count.min(self.rows - first), ..self }
    }
}

/// Multiply-adds below which a product does not gain from tiles.
#[cfg(target_arch = "x86_64")]
const TILES_FROM: usize = 1 << 17;

static TILES_ARE_OFF: AtomicBool = AtomicBool::new(false);

/// Takes the tile unit out of use, or back into it: for measuring beside it.
pub fn use_tiles(yes: bool) {
    TILES_ARE_OFF.store(!yes, Ordering::Relaxed);
}

/// True when products run on the tile unit.
pub fn has_tiles() -> bool {
    #[cfg(target_arch = "x86_64")]
    return !TILES_ARE_OFF.load(Ordering::Relaxed) && amx::is_there();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// `out = a b`, or `out += a b` when `add`; `out` is row-major with rows `out_stride` apart.
pub fn matmul(out: &mut [f32], out_stride: usize, a: Mat, b: Mat, add: bool, threads: usize) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(a.cols, b.rows, "inner sides differ");
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * out_stride + n <= out.len() && n <= out_stride.max(n), "a product beyond its place");
    let out = &mut out[..(m - 1) * out_stride + n];
    #[cfg(target_arch = "x86_64")]
    if m * n * k >= TILES_FROM && has_tiles() {
        let rows = m.div_ceil(threads.max(1)).next_multiple_of(LANES);
        let part = |(i, out): (usize, &mut [f32])| amx::matmul(out, out_stride, a.rows(i * rows, rows), b, add);
        if rows < m {
            out.par_chunks_mut(rows * out_stride).enumerate().for_each(part);
        } else {
            part((0, out));
        }
        return;
    }
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

/// A `k` x `n` matrix packed once and multiplied many times.
pub struct Panels(Packing);

enum Packing {
    Lines(fma::Lines),
    #[cfg(target_arch = "x86_64")]
    Tiles(amx::Packed),
}

impl Panels {
    /// Packs the matrix whose number in row `k`, column `n` is `at(k, n)`; `n` is a multiple of 16.
    pub fn pack(k: usize, n: usize, at: impl Fn(usize, usize) -> f32) -> Panels {
        #[cfg(target_arch = "x86_64")]
        if k * n >= TILES_FROM / 32 && has_tiles() {
            let all: Vec<f32> = (0..k * n).map(|i| at(i / n, i % n)).collect();
            return Panels(Packing::Tiles(amx::Packed::new(Mat::new(&all, k, n, n))));
        }
        Panels(Packing::Lines(fma::Lines::pack(k, n, at)))
    }

    /// `out[r] += a[r] * self` for `rows` rows, which lie `a_stride` and `out_stride` apart.
    pub fn multiply(&self, rows: usize, a: &[f32], a_stride: usize, out: &mut [f32], out_stride: usize) {
        match &self.0 {
            Packing::Lines(lines) => lines.multiply(rows, a, a_stride, out, out_stride),
            #[cfg(target_arch = "x86_64")]
            Packing::Tiles(packed) => packed.multiply(rows, a, a_stride, out, out_stride),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step + i / 7) % 1009) as f32 * 0.003_7 - 1.7).collect()
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

    /// Sums of products in f64, whatever the strides.
    fn exact(a: Mat, b: Mat) -> Vec<f64> {
        let of = |m: &Mat, r: usize, c: usize| f64::from(m.data[r * m.row_stride + c * m.col_stride]);
        let at = |i: usize| (0..a.cols).map(|k| of(&a, i / b.cols, k) * of(&b, k, i % b.cols)).sum();
        (0..a.rows * b.cols).map(at).collect()
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn tiles_multiply_like_the_exact_product() {
        if !amx::is_there() {
            return;
        }
        for (m, n, k) in [(1, 1, 1), (32, 32, 32), (33, 65, 31), (70, 16, 1100), (16, 600, 40), (64, 96, 512)] {
            let (a, b) = (numbers(m * k, 37), numbers(k * n, 61));
            let (plain_a, turned_a) = (Mat::new(&a, m, k, k), Mat::new(&a, k, m, m).t());
            let (plain_b, turned_b) = (Mat::new(&b, k, n, n), Mat::new(&b, n, k, k).t());
            for (a, b) in [(plain_a, plain_b), (plain_a, turned_b), (turned_a, plain_b), (turned_a, turned_b)] {
                for add in [false, true] {
                    let mut out = vec![0.5; m * (n + 3)];
                    amx::matmul(&mut out, n + 3, a, b, add);
                    for (i, x) in exact(a, b).into_iter().enumerate() {
                        let (got, x) = (f64::from(out[i / n * (n + 3) + i % n]), x + if add { 0.5 } else { 0.0 });
                        let size = (k as f64).sqrt() * 2.0;
                        assert!((got - x).abs() < 2e-5 * size, "{m} {n} {k} {add} {i}: {got} {x}");
                    }
                    assert!(out.chunks(n + 3).all(|row| row[n..] == [0.5; 3]), "{m} {n} {k} wrote beyond a row");
                }
            }
            let mut out = vec![0.0; m * n];
            amx::Packed::new(plain_b).multiply(m, &a, k, &mut out, n);
            let mut once = vec![0.0; m * n];
            amx::matmul(&mut once, n, plain_a, plain_b, false);
            out.iter().zip(&once).for_each(|(x, y)| assert!((x - y).abs() < 1e-3, "{m} {n} {k} {x} {y}"));
        }
    }
}
