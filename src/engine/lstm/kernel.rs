//! The inner loops of the live step: written once, compiled for AVX-512, AVX2 and the plain machine, with the same bits.
//!
//! A matrix rests as panels of 64 output rows: for every input k one [`Block`] of 64 weights, streamed once, front to
//! back. For an LSTM layer the 64 rows are the gates i, f, g, o of 16 units, so that a unit's gates meet in registers.
//! Every output adds its products in the order of k, by multiply and add without fusing: the width of a register
//! changes how many outputs are computed at once, never a bit of any of them.

use super::super::math;
pub use super::simd::Simd;
use super::simd::dispatch;

/// Units in a block's row of lanes.
pub const LANES: usize = 16;
/// Output rows in a panel.
pub const PANEL: usize = 4 * LANES;

/// The weights of one input for the 64 outputs of a panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Block(pub Rows);

/// Sums of the 64 outputs of a panel.
pub type Rows = [[f32; LANES]; 4];

#[inline(always)]
fn add_lanes(sums: &mut [f32; LANES], weights: &[f32; LANES], x: f32) {
    for (sum, w) in sums.iter_mut().zip(weights) {
        *sum += w * x;
    }
}

/// One panel: `sums + panel x`, in the order of the inputs.
#[inline(always)]
fn panel_sums(panel: &[Block], x: &[f32], sums: Rows) -> Rows {
    let [mut a, mut b, mut c, mut d] = sums;
    for (w, x) in panel.iter().zip(x) {
        add_lanes(&mut a, &w.0[0], *x);
        add_lanes(&mut b, &w.0[1], *x);
        add_lanes(&mut c, &w.0[2], *x);
        add_lanes(&mut d, &w.0[3], *x);
    }
    [a, b, c, d]
}

#[inline(always)]
fn panel_body(panel: &[Block], x: &[f32], sums: &mut Rows) {
    *sums = panel_sums(panel, x, *sums);
}

#[inline(always)]
fn gates_body(sums: &Rows, c: &mut [f32; LANES], h: &mut [f32; LANES]) {
    let [i, f, g, o] = sums;
    for l in 0..LANES {
        let kept = math::sigmoid(f[l]) * c[l];
        c[l] = kept + math::sigmoid(i[l]) * math::tanh(g[l]);
    }
    for l in 0..LANES {
        h[l] = math::sigmoid(o[l]) * math::tanh(c[l]);
    }
}

#[inline(always)]
fn affine_body(panels: &[Block], bias: &[Block], x: &[f32], y: &mut [f32]) {
    for ((panel, bias), y) in panels.chunks_exact(x.len()).zip(bias).zip(y.as_chunks_mut::<PANEL>().0) {
        let sums = panel_sums(panel, x, bias.0);
        for (y, sums) in y.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
            *y = sums;
        }
    }
}

#[inline(always)]
fn add_row_body(y: &mut [f32], row: &[f32], weight: f32) {
    for (y, r) in y.iter_mut().zip(row) {
        *y += r * weight;
    }
}

#[inline(always)]
fn gelu_body(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = math::gelu(*x);
    }
}

dispatch! {
    /// `sums += panel x`.
    panel = panel_body(panel: &[Block], x: &[f32], sums: &mut Rows)
}
dispatch! {
    /// 16 units of an LSTM layer from the sums of their gates: `c` goes on to its next value, `h` becomes the output.
    gates = gates_body(sums: &Rows, c: &mut [f32; LANES], h: &mut [f32; LANES])
}
dispatch! {
    /// `y = bias + matrix x`, `y` filled up to a multiple of 64.
    affine = affine_body(panels: &[Block], bias: &[Block], x: &[f32], y: &mut [f32])
}
dispatch! {
    /// `y += weight x row`.
    add_row = add_row_body(y: &mut [f32], row: &[f32], weight: f32)
}
dispatch! {
    /// `y = gelu(x)`.
    gelu = gelu_body(x: &[f32], y: &mut [f32])
}

/// Calls `put(panel, place, row)` for every row of the panels, in the order `row_of(panel, place)`, `None` for filling.
pub(super) fn places(
    panels: usize,
    row_of: impl Fn(usize, usize) -> Option<usize>,
    mut put: impl FnMut(usize, usize, usize),
) {
    for panel in 0..panels {
        for place in 0..PANEL {
            if let Some(row) = row_of(panel, place) {
                put(panel, place, row);
            }
        }
    }
}

/// Panels of a row-major matrix whose rows are taken in the order `row_of(panel, place)`, `None` for filling;
/// `at(row, k)` is a weight.
pub fn pack(
    panels: usize,
    inputs: usize,
    row_of: impl Fn(usize, usize) -> Option<usize>,
    at: impl Fn(usize, usize) -> f32,
) -> Vec<Block> {
    let mut blocks = vec![Block([[0.0; LANES]; 4]); panels * inputs];
    places(panels, row_of, |panel, place, row| {
        for k in 0..inputs {
            blocks[panel * inputs + k].0[place / LANES][place % LANES] = at(row, k);
        }
    });
    blocks
}

#[cfg(test)]
mod test {
    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let chance = crate::music::Chance::new(seed);
        (0..count as u64).map(|i| chance.unit(crate::music::Purpose::Train, i, 0) * 2.0 - 1.0).collect()
    }

    #[test]
    fn affine_is_the_matrix_product_in_order() {
        let (rows, inputs) = (89, 37);
        let (w, x, b) = (numbers(rows * inputs, 1), numbers(inputs, 2), numbers(rows, 3));
        let row_of = |p: usize, i: usize| (p * PANEL + i < rows).then_some(p * PANEL + i);
        let panels = pack(2, inputs, row_of, |r, k| w[r * inputs + k]);
        let bias = pack(2, 1, row_of, |r, _| b[r]);
        for simd in Simd::all() {
            let mut y = vec![9.0; 2 * PANEL];
            affine(simd, &panels, &bias, &x, &mut y);
            for row in 0..rows {
                let expected = (0..inputs).fold(b[row], |sum, k| sum + w[row * inputs + k] * x[k]);
                assert_eq!(y[row].to_bits(), expected.to_bits(), "{} row {row}", simd.name());
            }
            assert!(y[rows..].iter().all(|y| *y == 0.0));
        }
    }

    #[test]
    fn all_paths_give_the_same_bits() {
        let units = 48;
        let x = numbers(units + 7, 5);
        let panels: Vec<Block> =
            pack(3, x.len(), |p, i| Some(p * PANEL + i), |r, k| numbers(1, (r * 999 + k) as u64)[0]);
        let bias = pack(3, 1, |p, i| Some(p * PANEL + i), |r, _| r as f32 * 0.01 - 0.7);
        let mut seen: Option<Vec<u32>> = None;
        for simd in Simd::all() {
            let (mut c, mut h, mut y) = (numbers(units, 8), vec![0.0; units], vec![0.0; units]);
            for p in 0..3 {
                let mut sums = bias[p].0;
                panel(simd, &panels[p * x.len()..][..x.len()], &x, &mut sums);
                gates(simd, &sums, &mut c.as_chunks_mut().0[p], &mut h.as_chunks_mut().0[p]);
            }
            gelu(simd, &h, &mut y);
            add_row(simd, &mut y, &c, 0.3);
            let bits: Vec<u32> = c.iter().chain(&h).chain(&y).map(|v| v.to_bits()).collect();
            assert_eq!(*seen.get_or_insert_with(|| bits.clone()), bits, "{}", simd.name());
        }
        assert_eq!(Simd::named("mmx"), None);
        assert!(Simd::all().contains(&Simd::best()));
    }
}
