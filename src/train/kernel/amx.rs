//! Matrix products on the tile unit (Intel AMX, bf16 in, f32 out), near f32's precision by split numbers (`split`).
//!
//! Left and right are cut along the inner side so that the right one's packed share stays in the second cache and is
//! used by all strips of the left. A block of 32 x 32 sums stays in four tiles while the inner side runs by.

use super::Mat;
use super::split::{Block, STRIP, Side, ZERO};
use std::arch::asm;
use std::cell::RefCell;
use std::sync::OnceLock;

/// Blocks along the inner side that are packed at a time, 256 numbers: a left strip then stays in the first cache.
const INNER_BLOCKS: usize = 8;
/// Strips of the right matrix that are packed at a time, 1024 columns: 1 MiB, half of the second cache.
const RIGHT_STRIPS: usize = 32;

/// True when this machine has the unit and the system lets this process use it.
pub fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        let has_vectors = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512bf16");
        has_vectors && has_tiles() && is_allowed()
    })
}

/// Bits 22 (bf16 on tiles) and 24 (tiles) of leaf 7, register EDX.
fn has_tiles() -> bool {
    const BITS: u32 = 1 << 22 | 1 << 24;
    let leaf = std::arch::x86_64::__cpuid_count(7, 0);
    leaf.edx & BITS == BITS
}

/// Linux gives the tiles' state only to processes that ask for it.
#[cfg(target_os = "linux")]
fn is_allowed() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_allowed() -> bool {
    false
}

thread_local! {
    static PACKED: RefCell<(Vec<Block>, Vec<Block>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// `out = a b`, or `out += a b` when `add`; `out` has rows `out_stride` apart and is as long as they need.
pub fn matmul(out: &mut [f32], out_stride: usize, a: Mat, b: Mat, add: bool) {
    assert!(is_there());
    let (left, right) = (side(a, true), side(b.t(), false));
    if left.inner == 0 && !add {
        out.chunks_mut(out_stride).for_each(|row| row[..right.lanes].fill(0.0));
    }
    PACKED.with_borrow_mut(|(strip, share)| {
        for inner in (0..left.inner).step_by(INNER_BLOCKS * STRIP) {
            let blocks = (left.inner - inner).div_ceil(STRIP).min(INNER_BLOCKS);
            strip.resize(blocks, ZERO);
            for first in (0..right.lanes).step_by(RIGHT_STRIPS * STRIP) {
                let strips = (right.lanes - first).div_ceil(STRIP).min(RIGHT_STRIPS);
                share.resize(strips * blocks, ZERO);
                for (s, strip) in share.chunks_exact_mut(blocks).enumerate() {
                    // SAFETY: the unit is there (asserted), and so are the vectors that it comes with.
                    unsafe { right.pack(first + s * STRIP, inner, strip) };
                }
                for row in (0..left.lanes).step_by(STRIP) {
                    // SAFETY: as above.
                    unsafe { left.pack(row, inner, strip) };
                    let rows = (left.lanes - row).min(STRIP);
                    let columns = (right.lanes - first).min(strips * STRIP);
                    let out = &mut out[row * out_stride + first..];
                    strip_product(strip, share, out, out_stride, (rows, columns), add || inner > 0);
                }
            }
        }
    });
}

/// A right matrix packed whole and multiplied many times.
pub struct Packed {
    inner: usize,
    columns: usize,
    blocks: Vec<Block>,
}

impl Packed {
    /// Packs a matrix.
    pub fn new(b: Mat) -> Packed {
        assert!(is_there());
        let right = side(b.t(), false);
        let inner_blocks = right.inner.div_ceil(STRIP);
        let mut blocks = vec![ZERO; right.lanes.div_ceil(STRIP) * inner_blocks];
        for (s, strip) in blocks.chunks_exact_mut(inner_blocks.max(1)).enumerate() {
            // SAFETY: the unit is there (asserted), and so are the vectors that it comes with.
            unsafe { right.pack(s * STRIP, 0, strip) };
        }
        Packed { inner: right.inner, columns: right.lanes, blocks }
    }

    /// `out[r] += a[r] * self` for `rows` rows, which lie `a_stride` and `out_stride` apart.
    pub fn multiply(&self, rows: usize, a: &[f32], a_stride: usize, out: &mut [f32], out_stride: usize) {
        let left = side(Mat::new(a, rows, self.inner, a_stride), true);
        PACKED.with_borrow_mut(|(strip, _)| {
            strip.resize(self.inner.div_ceil(STRIP), ZERO);
            for row in (0..rows).step_by(STRIP) {
                // SAFETY: a packed matrix is made only where the unit is.
                unsafe { left.pack(row, 0, strip) };
                let rows = (rows - row).min(STRIP);
                strip_product(
                    strip,
                    &self.blocks,
                    &mut out[row * out_stride..],
                    out_stride,
                    (rows, self.columns),
                    true,
                );
            }
        });
    }
}

fn side(m: Mat, is_left: bool) -> Side {
    let Mat { data, rows, cols, row_stride, col_stride } = m;
    Side { data, lanes: rows, inner: cols, lane_stride: row_stride, inner_stride: col_stride, is_left }
}

/// A strip of the left times strips of the right: `size` rows and columns of `out`.
fn strip_product(left: &[Block], right: &[Block], out: &mut [f32], stride: usize, size: (usize, usize), add: bool) {
    let (rows, columns) = size;
    assert!((rows - 1) * stride + columns <= out.len());
    let tiles = Tiles::new();
    for (s, right) in right.chunks_exact(left.len()).enumerate() {
        let (column, width) = (s * STRIP, (columns - s * STRIP).min(STRIP));
        if (rows, width) == (STRIP, STRIP) {
            // SAFETY: 32 rows of 32 columns lie inside `out` (asserted).
            unsafe { tiles.block(left, right, out.as_mut_ptr().add(column), stride, add) };
            continue;
        }
        let mut edge = [0.0f32; STRIP * STRIP];
        // SAFETY: `edge` has 32 rows of 32 numbers.
        unsafe { tiles.block(left, right, edge.as_mut_ptr(), STRIP, false) };
        for (r, from) in edge.as_chunks::<STRIP>().0.iter().enumerate().take(rows) {
            let to = &mut out[r * stride + column..][..width];
            if add {
                to.iter_mut().zip(from).for_each(|(o, x)| *o += x);
            } else {
                to.copy_from_slice(&from[..width]);
            }
        }
    }
}

/// The thread's tiles, configured as eight of 16 rows of 64 bytes until dropped.
struct Tiles;

/// What the unit is told: palette 1, then bytes of a row and rows of each tile (Intel SDM, `LDTILECFG`).
#[repr(C, align(64))]
struct Layout([u8; 64]);

const LAYOUT: Layout = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        (bytes[16 + 2 * tile], bytes[48 + tile]) = (64, 16);
        tile += 1;
    }
    Layout(bytes)
};

impl Tiles {
    fn new() -> Tiles {
        // SAFETY: only called where `is_there`; no other code of this program uses tiles.
        unsafe { asm!("ldtilecfg [{0}]", in(reg) LAYOUT.0.as_ptr(), options(nostack, preserves_flags)) };
        Tiles
    }

    /// 32 x 32 sums over all blocks: those of `out` go on when `add`.
    ///
    /// # Safety
    /// `out` has 32 rows of 32 numbers, `stride` apart.
    unsafe fn block(&self, left: &[Block], right: &[Block], out: *mut f32, stride: usize, add: bool) {
        assert!(left.len() == right.len() && !left.is_empty());
        // SAFETY: tiles 0-3 are the sums; both lists have as many blocks of four tiles of 1024 bytes.
        unsafe {
            if add {
                asm!(
                    "tileloadd tmm0, [{o} + {s}*1]",
                    "tileloadd tmm1, [{o} + {s}*1 + 64]",
                    "tileloadd tmm2, [{p} + {s}*1]",
                    "tileloadd tmm3, [{p} + {s}*1 + 64]",
                    o = in(reg) out,
                    p = in(reg) out.add(16 * stride),
                    s = in(reg) 4 * stride,
                    options(nostack, preserves_flags)
                );
            } else {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    options(nostack, preserves_flags)
                );
            }
            asm!(
                "2:",
                // The right's high parts times the left's low ones, then its high ones; then the right's low parts.
                "tileloadd tmm6, [{b} + {s}*1]",
                "tileloadd tmm4, [{a} + {s}*1 + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {s}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {s}*1 + 3072]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{a} + {s}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {s}*1 + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{b} + {s}*1 + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm7, [{b} + {s}*1 + 3072]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 4096",
                "add {b}, 4096",
                "dec {n}",
                "jnz 2b",
                a = inout(reg) left.as_ptr() => _,
                b = inout(reg) right.as_ptr() => _,
                n = inout(reg) left.len() => _,
                s = in(reg) 64usize,
                options(nostack)
            );
            asm!(
                "tilestored [{o} + {s}*1], tmm0",
                "tilestored [{o} + {s}*1 + 64], tmm1",
                "tilestored [{p} + {s}*1], tmm2",
                "tilestored [{p} + {s}*1 + 64], tmm3",
                o = in(reg) out,
                p = in(reg) out.add(16 * stride),
                s = in(reg) 4 * stride,
                options(nostack, preserves_flags)
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
    }
}
