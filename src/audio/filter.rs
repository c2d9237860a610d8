//! State-variable filter in its trapezoidal form (A. Simper, "Linear trapezoidal integrated SVF", 2013), stable while modulated.

use super::math::tan_half_turns;

/// Coefficient for a corner frequency, kept below 0.47 of the sample rate.
#[inline]
pub fn svf_g(cutoff_hz: f32, sample_rate: f32) -> f32 {
    tan_half_turns((cutoff_hz / sample_rate).clamp(0.0002, 0.47))
}

/// Two integrators; low, band and high output at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Svf {
    ic1: f32,
    ic2: f32,
}

/// The three outputs for one input sample.
#[derive(Clone, Copy, Debug)]
pub struct Bands {
    /// Low pass.
    pub low: f32,
    /// Band pass (peak gain 1/k).
    pub band: f32,
    /// High pass.
    pub high: f32,
}

impl Svf {
    /// Filters one sample; `g` from [`svf_g`], damping `k` = 1/Q (2 = none, 0.1 = sharp).
    #[inline]
    pub fn tick(&mut self, x: f32, g: f32, k: f32) -> Bands {
        let a1 = 1.0 / (1.0 + g * (g + k));
        let a2 = g * a1;
        let a3 = g * a2;
        let v3 = x - self.ic2;
        let v1 = a1 * self.ic1 + a2 * v3;
        let v2 = self.ic2 + a2 * self.ic1 + a3 * v3;
        self.ic1 = 2.0 * v1 - self.ic1;
        self.ic2 = 2.0 * v2 - self.ic2;
        Bands { low: v2, band: v1, high: x - k * v1 - v2 }
    }
}
