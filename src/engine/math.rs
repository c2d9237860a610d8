//! exp, ln, tanh, sigmoid and GELU for f32, made of + - * / and bit patterns only, in a fixed order.
//!
//! The system's libm differs between machines in the last bits, and a note that hangs on such a bit differs with it.
//! These are the same everywhere and vectorise: no branches, no calls. Relative errors are below 1e-6 (tested against
//! f64). A number that is none stays none.

/// Above this `exp` is held at `exp(EXP_HIGH)` = 1.65e38, a finite number.
const EXP_HIGH: f32 = 88.0;
/// Below this `exp` is held at `exp(EXP_LOW)` = 1.2e-38, the smallest normal number or so.
const EXP_LOW: f32 = -87.3;
/// Adding 1.5 x 2^23 rounds an f32 to a whole number, which then stands in its low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts: the first has so few bits that whole multiples of it are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `(n, e^r - 1)` with `x = n ln 2 + r`, |r| <= ln 2 / 2, and 2^n as a float.
#[inline(always)]
fn reduced(x: f32) -> (f32, f32) {
    let x = if x > EXP_HIGH { EXP_HIGH } else { x };
    let x = if x < EXP_LOW { EXP_LOW } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor's series to the 7th power: the next term is below 6e-9.
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let scale = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    (scale, p * r * r + r)
}

/// e^x for x in -87.3..=88, beyond which it stays where it is.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (scale, p) = reduced(x);
    scale * p + scale
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent: (e^2x - 1) / (e^2x + 1), with e^2x - 1 taken without cancellation.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x = if x > 10.0 { 10.0 } else { x };
    let x = if x < -10.0 { -10.0 } else { x };
    let (scale, p) = reduced(2.0 * x);
    let less_one = scale * p + (scale - 1.0);
    less_one / (less_one + 2.0)
}

/// GELU in its tanh form (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
}

/// Natural logarithm of a positive, normal number; anything smaller counts as the smallest normal one.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let x = if x < f32::MIN_POSITIVE { f32::MIN_POSITIVE } else { x };
    // x = 2^n m with m in 0.707..1.414.
    let bits = x.to_bits().wrapping_sub(0x3F35_04F3);
    let n = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x7F_FFFF).wrapping_add(0x3F35_04F3));
    // ln m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let p = 2.0 / 9.0;
    let p = p * q + 2.0 / 7.0;
    let p = p * q + 2.0 / 5.0;
    let p = p * q + 2.0 / 3.0;
    let series = p * q * s + 2.0 * s;
    n * LN_2_HIGH + (series + n * LN_2_LOW)
}

#[cfg(test)]
mod test {
    use super::*;

    /// Largest relative error over a sweep, against f64.
    fn worst(low: f32, high: f32, f: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let count = 40_001;
        let sweep = (0..count).map(|i| low + (high - low) * i as f32 / (count - 1) as f32);
        sweep
            .map(|x| ((f64::from(f(x)) - exact(f64::from(x))) / exact(f64::from(x)).abs().max(1e-37)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_within_a_millionth_of_the_truth() {
        for (name, error) in [
            ("exp", worst(-87.0, 87.9, exp, f64::exp)),
            ("exp near 0", worst(-1.0, 1.0, exp, f64::exp)),
            ("tanh", worst(-12.0, 12.0, tanh, f64::tanh)),
            ("tanh near 0", worst(1e-6, 0.8, tanh, f64::tanh)),
            ("sigmoid", worst(-80.0, 80.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp()))),
            ("ln", worst(1e-30, 3.0, ln, f64::ln)),
            ("ln of large", worst(3.0, 1e30, ln, f64::ln)),
        ] {
            assert!(error < 1e-6, "{name}: {error:e}");
        }
        for i in -400..400 {
            let x = i as f32 * 0.02;
            let inner = 0.7978845608 * (f64::from(x) + 0.044715 * f64::from(x).powi(3));
            assert!((f64::from(gelu(x)) - 0.5 * f64::from(x) * (1.0 + inner.tanh())).abs() < 2e-6, "{x}");
        }
    }

    #[test]
    fn ends_and_numbers_that_are_none() {
        assert_eq!((tanh(50.0), tanh(-50.0), tanh(0.0), exp(0.0)), (1.0, -1.0, 0.0, 1.0));
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0 && ln(0.0).is_finite());
        assert!(exp(f32::INFINITY).is_finite() && sigmoid(f32::NEG_INFINITY) >= 0.0);
        for f in [exp, tanh, sigmoid, gelu] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
