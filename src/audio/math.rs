//! Small numerics of the synth: sine, powers, clipping, noise. Only + - * / and rounding, so that every machine gets the same bits.

/// Sine of `turns` (1 = a full circle), any finite argument below 2^20 turns; error below 1e-5.
#[inline]
pub fn sin_turns(turns: f32) -> f32 {
    let x = turns - round(turns);
    // Fold into a quarter turn on both sides, where a short odd polynomial is exact enough.
    let x = if x > 0.25 {
        0.5 - x
    } else if x < -0.25 {
        -0.5 - x
    } else {
        x
    };
    let s = x * x;
    x * (6.283_185_5 + s * (-41.341_7 + s * (81.605_25 + s * (-76.705_86 + s * 42.058_69))))
}

/// Nearest integer as a float, for |x| < 2^22.
#[inline]
fn round(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves no room for a fraction in an f32.
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC) - MAGIC
}

/// 2 to the power `x`, for -120..=120; relative error below 1e-6.
#[inline]
pub fn exp2(x: f32) -> f32 {
    let x = x.clamp(-120.0, 120.0);
    let whole = round(x);
    let f = x - whole;
    let p = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5 + f * (0.055_504_11 + f * (0.009_618_129 + f * (0.001_333_56 + f * 0.000_154)))));
    p * f32::from_bits((((whole as i32) + 127) as u32) << 23)
}

/// Amplitude factor of a level in decibels; -100 dB and below is silence.
#[inline]
pub fn gain_of_db(db: f32) -> f32 {
    if db <= -100.0 { 0.0 } else { exp2(db * 0.166_096_4) }
}

/// Frequency in Hz of a MIDI pitch that may have a fraction (69 = 440 Hz, equal temperament).
#[inline]
pub fn hz_of_pitch(pitch: f32) -> f32 {
    440.0 * exp2((pitch - 69.0) * (1.0 / 12.0))
}

/// Soft saturation: odd, slope 1 at zero, reaches exactly +-1 at +-3 (rational approximation of the hyperbolic tangent).
#[inline]
pub fn soft_clip(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    let s = x * x;
    x * (27.0 + s) / (27.0 + 9.0 * s)
}

/// tan(pi * x) for 0..=0.47 (x = frequency / sample rate).
#[inline]
pub fn tan_half_turns(x: f32) -> f32 {
    let half = 0.5 * x;
    sin_turns(half) / sin_turns(half + 0.25)
}

/// Per-sample factor of an exponential decay that falls by 60 dB in `seconds`.
#[inline]
pub fn decay_factor(seconds: f32, sample_rate: f32) -> f32 {
    exp2(-9.965_784 / (seconds.max(1e-4) * sample_rate))
}

/// White noise from a 32-bit xorshift generator (Marsaglia 2003).
#[derive(Clone, Copy, Debug)]
pub struct Noise(u32);

impl Noise {
    /// A generator; equal seeds give equal noise.
    pub fn new(seed: u32) -> Noise {
        // A multiplicative scramble spreads small seeds over all bits; zero would stay zero for ever.
        Noise(seed.wrapping_mul(0x9E37_79B1) | 1)
    }

    /// Next sample in -1.0..1.0.
    #[inline]
    pub fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn approximations_stay_close_to_the_real_functions() {
        for i in -4000..4000 {
            let x = i as f32 / 1000.0;
            let exact = (f64::from(x) * std::f64::consts::TAU).sin();
            assert!((f64::from(sin_turns(x)) - exact).abs() < 1e-5, "sin {x}: {} {exact}", sin_turns(x));
            let exact = (f64::from(x) * 3.0).exp2();
            assert!((f64::from(exp2(x * 3.0)) / exact - 1.0).abs() < 1e-5, "exp2 {x}");
        }
        for i in 1..47 {
            let x = i as f32 / 100.0;
            let exact = (f64::from(x) * std::f64::consts::PI).tan();
            assert!((f64::from(tan_half_turns(x)) / exact - 1.0).abs() < 1e-4, "tan {x}");
        }
        assert!((hz_of_pitch(69.0) - 440.0).abs() < 1e-3 && (gain_of_db(-6.0206) - 0.5).abs() < 1e-5);
    }
}
