//! Fast exp, sigmoid, tanh and GELU, and loops compiled for the best registers that there are.

#[cfg(target_arch = "x86_64")]
use super::fma::has_avx2;

/// Runs a loop over plain floats compiled for the best registers that this machine has.
/// `work` and what it calls must be `#[inline(always)]` to gain from it.
#[inline]
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    {
        if has_wide() {
            // SAFETY: all of these instructions are there.
            return unsafe { wide(work) };
        }
        if has_avx2() {
            // SAFETY: AVX2 and FMA are there.
            return unsafe { narrow(work) };
        }
    }
    work()
}

#[cfg(target_arch = "x86_64")]
fn has_wide() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has_avx2() && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
}

/// Runs `work` compiled for AVX-512.
///
/// # Safety
/// AVX-512 F, BW, DQ and VL must be there, AVX2 and FMA too.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn wide<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Runs `work` compiled for AVX2.
///
/// # Safety
/// AVX2 and FMA must be there.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn narrow<T>(work: impl FnOnce() -> T) -> T {
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
}
