//! A matrix of the live step in one of the forms that its weights can rest in.

use super::int8::{Int8, Quantised};
use super::kernel::{self, Block, LANES, PANEL, Simd};
use super::narrow::{self, Halves, Pairs};

/// In which numbers the live step multiplies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// Weights exactly as in the file, products and sums in f32.
    #[default]
    F32,
    /// Weights rounded to bf16, products and sums in f32.
    Bf16,
    /// Weights and inputs rounded to eight bits, sums in whole numbers, scaled in f32.
    Int8,
}

/// Every kind of arithmetic.
pub const ARITHMETICS: [Arithmetic; 3] = [Arithmetic::F32, Arithmetic::Bf16, Arithmetic::Int8];

impl Arithmetic {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::F32 => "f32",
            Arithmetic::Bf16 => "bf16",
            Arithmetic::Int8 => "int8",
        }
    }
}

enum Rest {
    F32(Vec<Block>),
    /// f32 weights that are all halves: the same bits from half the memory.
    Halves(Vec<Halves>),
    Bf16(Vec<Pairs>),
    /// Ranges of columns, each with a scale of its own for its inputs.
    Int8(Vec<Int8>),
}

/// A matrix with its bias, in panels of 64 output rows.
pub(super) struct Matrix {
    rest: Rest,
    bias: Vec<Block>,
    inputs: usize,
}

/// Memory for inputs in eight bits, one vector for each range of columns.
pub(super) struct Scratch([Quantised; 2]);

impl Scratch {
    /// Room for matrices of up to `inputs` columns.
    pub fn new(inputs: usize) -> Scratch {
        Scratch([0, 1].map(|_| Quantised::with_capacity(inputs)))
    }
}

impl Matrix {
    /// A matrix of `panels` panels. Rows are taken in the order `row_of(panel, place)`, `None` for filling; `at(row, k)` is
    /// a weight, `bias(row)` a bias. The columns come in one or two ranges, whose inputs are of different sizes.
    pub fn new(
        arithmetic: Arithmetic,
        panels: usize,
        ranges: &[usize],
        row_of: impl Fn(usize, usize) -> Option<usize> + Copy,
        at: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Matrix {
        let inputs = ranges.iter().sum();
        let rest = match arithmetic {
            Arithmetic::F32 => {
                let blocks = kernel::pack(panels, inputs, row_of, &at);
                let are_halves = blocks.iter().flat_map(|b| b.0.as_flattened()).all(|x| narrow::is_half(*x));
                // Without an instruction for it, widening costs more than it spares.
                if are_halves && Simd::best() != Simd::PLAIN {
                    Rest::Halves(narrow::pack_halves(panels, inputs, row_of, &at))
                } else {
                    Rest::F32(blocks)
                }
            }
            Arithmetic::Bf16 => Rest::Bf16(narrow::pack_pairs(panels, inputs, row_of, &at)),
            Arithmetic::Int8 => {
                let mut first = 0;
                let pack = |columns: &usize| {
                    first += columns;
                    Int8::pack(panels, first - columns..first, row_of, &at)
                };
                Rest::Int8(ranges.iter().map(pack).collect())
            }
        };
        Matrix { rest, bias: kernel::pack(panels, 1, row_of, |row, _| bias(row)), inputs }
    }

    /// Columns.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs, filled up to a multiple of 64.
    pub fn outputs(&self) -> usize {
        self.bias.len() * PANEL
    }

    /// Bytes of all numbers.
    pub fn bytes(&self) -> usize {
        let weights = match &self.rest {
            Rest::F32(blocks) => size_of_val(&blocks[..]),
            Rest::Halves(blocks) => size_of_val(&blocks[..]),
            Rest::Bf16(blocks) => size_of_val(&blocks[..]),
            Rest::Int8(ranges) => ranges.iter().map(Int8::bytes).sum(),
        };
        weights + size_of_val(&self.bias[..])
    }

    /// Brings the inputs into the form that the products need.
    fn take(&self, simd: Simd, x: &[f32], scratch: &mut Scratch) {
        if let Rest::Int8(ranges) = &self.rest {
            let mut x = x;
            for (range, taken) in ranges.iter().zip(&mut scratch.0) {
                let (own, rest) = x.split_at(range.inputs());
                taken.take(simd, own);
                x = rest;
            }
        }
    }

    /// Bias and products of one panel.
    fn sums(&self, simd: Simd, panel: usize, x: &[f32], scratch: &Scratch) -> kernel::Rows {
        let mut sums = self.bias[panel].0;
        match &self.rest {
            Rest::F32(blocks) => kernel::panel(simd, &blocks[panel * x.len()..][..x.len()], x, &mut sums),
            Rest::Halves(blocks) => narrow::halves(simd, &blocks[panel * x.len()..][..x.len()], x, &mut sums),
            Rest::Bf16(blocks) => {
                let pairs = x.len().div_ceil(2);
                narrow::pairs(simd, &blocks[panel * pairs..][..pairs], x, &mut sums);
            }
            Rest::Int8(ranges) => {
                ranges.iter().zip(&scratch.0).for_each(|(range, taken)| range.add(simd, panel, taken, &mut sums));
            }
        }
        sums
    }

    /// `y = bias + matrix x`, `y` filled up to a multiple of 64.
    pub fn affine(&self, simd: Simd, x: &[f32], scratch: &mut Scratch, y: &mut [f32]) {
        self.take(simd, x, scratch);
        for (panel, y) in y.as_chunks_mut::<PANEL>().0.iter_mut().enumerate().take(self.bias.len()) {
            y.copy_from_slice(self.sums(simd, panel, x, scratch).as_flattened());
        }
    }

    /// One step of an LSTM layer of `c.len()` units (a multiple of 16): `x` is the input and then the layer's own last
    /// output; `c` goes on to its next value, `h` becomes the output. Panels do not depend on each other: `backward` takes
    /// them from the last to the first, with the same result.
    pub fn cell(&self, simd: Simd, x: &[f32], scratch: &mut Scratch, c: &mut [f32], h: &mut [f32], backward: bool) {
        self.take(simd, x, scratch);
        let (c, h) = (c.as_chunks_mut::<LANES>().0, h.as_chunks_mut::<LANES>().0);
        let last = c.len().min(h.len());
        for panel in 0..last {
            let panel = if backward { last - 1 - panel } else { panel };
            kernel::gates(simd, &self.sums(simd, panel, x, scratch), &mut c[panel], &mut h[panel]);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Chance, Purpose};

    /// Products of a matrix of 89 x 37 numbers, rounded to halves or not, on every path: the bits must be one.
    fn products(arithmetic: Arithmetic, are_halves: bool) -> Vec<f32> {
        let chance = Chance::new(4);
        let number = |i: usize| {
            let x = chance.unit(Purpose::Train, i as u64, 0) * 2.0 - 1.0;
            if are_halves { super::super::half::to_f32(super::super::half::from_f32(x)) } else { x }
        };
        let row_of = |panel: usize, place: usize| Some(panel * PANEL + place).filter(|row| *row < 89);
        let matrix =
            Matrix::new(arithmetic, 2, &[12, 25], row_of, |row, k| number(row * 37 + k), |row| row as f32 * 0.01);
        let x: Vec<f32> = (0..37).map(|k| chance.unit(Purpose::Pitch, k, 0) - 0.5).collect();
        let mut seen: Option<Vec<f32>> = None;
        for simd in Simd::all() {
            let mut y = vec![9.0; 2 * PANEL];
            matrix.affine(simd, &x, &mut Scratch::new(37), &mut y);
            assert!(y[89..].iter().all(|y| *y == 0.0));
            assert_eq!(*seen.get_or_insert_with(|| y.clone()), y, "{} {}", arithmetic.name(), simd.name());
            for (row, y) in y.iter().enumerate().take(89).filter(|_| arithmetic == Arithmetic::F32) {
                let exact = (0..37).fold(row as f32 * 0.01, |sum, k| sum + number(row * 37 + k) * x[k]);
                assert_eq!(y.to_bits(), exact.to_bits(), "{} row {row}", simd.name());
            }
        }
        seen.unwrap()
    }

    #[test]
    fn f32_is_exact_from_halves_and_from_f32_on_every_path() {
        products(Arithmetic::F32, true);
        products(Arithmetic::F32, false);
    }

    #[test]
    fn bf16_and_int8_are_near_f32_and_the_same_on_every_path() {
        let exact = products(Arithmetic::F32, false);
        for (arithmetic, bound) in [(Arithmetic::Bf16, 0.01), (Arithmetic::Int8, 0.02)] {
            let near = products(arithmetic, false);
            let worst = near.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst > 0.0 && worst < bound, "{}: {worst}", arithmetic.name());
        }
    }
}
