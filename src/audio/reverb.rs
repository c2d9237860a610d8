//! Stereo reverb: eight delay lines that feed each other through a Hadamard matrix (J.-M. Jot 1991), behind short allpasses.
//!
//! Own code beside fundsp, whose ready-made reverbs fix time and damping when they are built: both are knobs here. The same
//! room as a fundsp graph of sixteen lines that read the knobs costs no more in a release build, but a build without
//! optimization, in which the tests render, then needed four times as long for this room's tests (93 s instead of 23 s).

use super::effects::Line;
use super::math::{decay_factor, sin_turns};

/// Lengths at 48 kHz, mutually prime, 31 to 79 ms.
const LENGTHS: [usize; 8] = [1499, 1777, 2081, 2399, 2711, 3049, 3407, 3803];
/// Input allpasses at 48 kHz: they spread a click over some ms before it enters the lines.
const SPREADS: [usize; 4] = [149, 211, 347, 523];

/// The reverb.
#[derive(Debug)]
pub struct Reverb {
    lines: [Line; 8],
    lengths: [f32; 8],
    keep: [f32; 8],
    low: [f32; 8],
    damp: f32,
    spreads: [Line; 4],
    spread_lengths: [usize; 4],
    before: Line,
    before_frames: usize,
    turns: f32,
    turns_step: f32,
    sample_rate: f32,
}

impl Reverb {
    /// A silent room. `time_s`: decay by 60 dB; `damp`: 0..=1.
    pub fn new(sample_rate: f32, time_s: f32, damp: f32) -> Reverb {
        let scale = sample_rate / 48_000.0;
        let scaled = |n: usize| (n as f32 * scale) as usize;
        let mut reverb = Reverb {
            lines: LENGTHS.map(|n| Line::new(scaled(n) + 64)),
            lengths: LENGTHS.map(|n| n as f32 * scale),
            keep: [0.0; 8],
            low: [0.0; 8],
            damp: 0.0,
            spreads: SPREADS.map(|n| Line::new(scaled(n) + 4)),
            spread_lengths: SPREADS.map(scaled),
            before: Line::new(scaled(1200)),
            before_frames: scaled(700),
            turns: 0.0,
            turns_step: 0.61 / sample_rate,
            sample_rate,
        };
        reverb.set(time_s, damp);
        reverb
    }

    /// Sets decay and damping.
    pub fn set(&mut self, time_s: f32, damp: f32) {
        for (keep, length) in self.keep.iter_mut().zip(self.lengths) {
            // Each pass through a line loses what the line's length is of the decay.
            let per_frame = decay_factor(time_s, self.sample_rate);
            *keep = power(per_frame, length as u32);
        }
        self.damp = 0.05 + 0.75 * damp.clamp(0.0, 1.0);
    }

    /// One frame in, the wet frame out.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        let mut x = self.before.tap(self.before_frames);
        self.before.push(0.5 * (left + right));
        for (line, length) in self.spreads.iter_mut().zip(self.spread_lengths) {
            let delayed = line.tap(length - 1);
            let fed = x + 0.6 * delayed;
            x = delayed - 0.6 * fed;
            line.push(fed);
        }
        self.turns += self.turns_step;
        self.turns -= if self.turns >= 1.0 { 1.0 } else { 0.0 };
        // Two lines breathe by a few samples: without it, tails of held chords ring at fixed tones.
        let sway = 6.0 * sin_turns(self.turns);
        let mut y = [0.0f32; 8];
        for (i, y) in y.iter_mut().enumerate() {
            let (line, length) = (&self.lines[i], self.lengths[i]);
            let out = match i {
                0 => line.tap_between(length + sway),
                5 => line.tap_between(length - sway),
                _ => line.tap(length as usize),
            };
            self.low[i] += (out - self.low[i]) * (1.0 - self.damp);
            *y = self.low[i] * self.keep[i];
        }
        let wet_left = y[0] - y[2] + y[4] - y[6];
        let wet_right = y[1] - y[3] + y[5] - y[7];
        hadamard(&mut y);
        for (i, (line, y)) in self.lines.iter_mut().zip(y).enumerate() {
            let sign = if i % 2 == 0 { 0.35 } else { -0.35 };
            line.push(y + x * sign);
        }
        (wet_left, wet_right)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.lines.iter_mut().chain(&mut self.spreads).for_each(Line::clear);
        self.before.clear();
        self.low = [0.0; 8];
    }
}

/// The 8 x 8 Hadamard matrix, scaled to keep the energy.
#[inline]
fn hadamard(y: &mut [f32; 8]) {
    for span in [1, 2, 4] {
        for start in (0..8).step_by(span * 2) {
            for i in start..start + span {
                (y[i], y[i + span]) = (y[i] + y[i + span], y[i] - y[i + span]);
            }
        }
    }
    y.iter_mut().for_each(|v| *v *= 0.353_553_4);
}

/// `x` to a whole power, by squaring.
fn power(x: f32, mut n: u32) -> f32 {
    let (mut base, mut result) = (x, 1.0);
    while n > 0 {
        if n & 1 == 1 {
            result *= base;
        }
        base *= base;
        n >>= 1;
    }
    result
}
