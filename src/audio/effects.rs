//! Effects that all slots share: chorus, delay, and the limiter at the end. The reverb has its own file.

use super::math::{exp2, sin_turns, soft_clip};

/// A delay line whose length is a power of two; what was never written, or was cleared, reads as silence.
#[derive(Debug)]
pub struct Line {
    samples: Vec<f32>,
    at: usize,
    filled: usize,
}

impl Line {
    /// A line that remembers at least `frames` frames.
    pub fn new(frames: usize) -> Line {
        Line { samples: vec![0.0; (frames + 4).next_power_of_two()], at: 0, filled: 0 }
    }

    /// Writes the newest sample.
    #[inline]
    pub fn push(&mut self, x: f32) {
        let mask = self.samples.len() - 1;
        self.at = (self.at + 1) & mask;
        self.samples[self.at] = x;
        self.filled = (self.filled + 1).min(mask);
    }

    /// The sample written `frames` before the newest (0 = the newest).
    #[inline]
    pub fn tap(&self, frames: usize) -> f32 {
        // Clearing only resets `filled`: wiping seconds of memory would take too long for the audio thread.
        if frames >= self.filled {
            return 0.0;
        }
        self.samples[self.at.wrapping_sub(frames) & (self.samples.len() - 1)]
    }

    /// Between two samples, by a straight line.
    #[inline]
    pub fn tap_between(&self, frames: f32) -> f32 {
        let whole = frames as usize;
        let part = frames - whole as f32;
        let (a, b) = (self.tap(whole), self.tap(whole + 1));
        a + (b - a) * part
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.filled = 0;
    }
}

/// Stereo chorus: three slow taps per side.
#[derive(Debug)]
pub struct Chorus {
    lines: [Line; 2],
    turns: f32,
    step: f32,
    ms: f32,
}

impl Chorus {
    /// A silent chorus.
    pub fn new(sample_rate: f32) -> Chorus {
        let ms = sample_rate * 0.001;
        Chorus { lines: [0, 1].map(|_| Line::new((40.0 * ms) as usize)), turns: 0.0, step: 0.37 / sample_rate, ms }
    }

    /// One frame in, the wet frame out.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        self.lines[0].push(left);
        self.lines[1].push(right);
        self.turns += self.step;
        self.turns -= if self.turns >= 1.0 { 1.0 } else { 0.0 };
        let mut out = [0.0; 2];
        for (side, y) in out.iter_mut().enumerate() {
            for (tap, base) in [9.0, 14.5].into_iter().enumerate() {
                let place = self.turns + 0.25 * side as f32 + 0.5 * tap as f32;
                let depth = sin_turns(place) * 1.9;
                *y += self.lines[side].tap_between((base + depth) * self.ms);
            }
        }
        (out[0] * 0.7, out[1] * 0.7)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.lines.iter_mut().for_each(Line::clear);
    }
}

/// Ping-pong delay. A new time is faded to, so that turning it does not change the pitch.
#[derive(Debug)]
pub struct Delay {
    lines: [Line; 2],
    sample_rate: f32,
    frames: usize,
    next_frames: usize,
    wanted_frames: usize,
    fade: f32,
    /// Share of a repeat that is repeated.
    pub feedback: f32,
    low: [f32; 2],
    dark: f32,
}

impl Delay {
    /// Longest time, seconds.
    pub const MAX_S: f32 = 2.0;

    /// A silent delay.
    pub fn new(sample_rate: f32, seconds: f32, feedback: f32) -> Delay {
        let lines = [0, 1].map(|_| Line::new((Self::MAX_S * sample_rate) as usize));
        let frames = Self::frames_of(sample_rate, seconds);
        let dark = 1.0 - exp2(-5200.0 * 9.064_72 / sample_rate);
        Delay {
            lines,
            sample_rate,
            frames,
            next_frames: frames,
            wanted_frames: frames,
            fade: 0.0,
            feedback,
            low: [0.0; 2],
            dark,
        }
    }

    fn frames_of(sample_rate: f32, seconds: f32) -> usize {
        ((seconds.clamp(0.001, Self::MAX_S) * sample_rate + 0.5) as usize).max(1)
    }

    /// Sets the time between repeats.
    pub fn set_time(&mut self, seconds: f32) {
        self.wanted_frames = Self::frames_of(self.sample_rate, seconds);
    }

    /// One frame in, the wet frame out.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        if self.next_frames == self.frames && self.wanted_frames != self.frames {
            (self.next_frames, self.fade) = (self.wanted_frames, 0.0);
        }
        let mut wet = [0.0; 2];
        for (line, y) in self.lines.iter().zip(&mut wet) {
            *y = line.tap(self.frames - 1);
            if self.next_frames != self.frames {
                *y += (line.tap(self.next_frames - 1) - *y) * self.fade;
            }
        }
        if self.next_frames != self.frames {
            self.fade += 1.0 / (0.04 * self.sample_rate);
            if self.fade >= 1.0 {
                self.frames = self.next_frames;
            }
        }
        for (low, y) in self.low.iter_mut().zip(wet) {
            *low += (y - *low) * self.dark;
        }
        // The input enters on the left and crosses over with each repeat.
        self.lines[0].push(0.5 * (left + right) + self.low[1] * self.feedback);
        self.lines[1].push(self.low[0] * self.feedback.max(0.25));
        (wet[0], wet[1])
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.lines.iter_mut().for_each(Line::clear);
        self.low = [0.0; 2];
    }
}

/// Peak limiter without look-ahead (so that onsets stay exact) and a soft ceiling: the output never exceeds 0.98.
#[derive(Debug)]
pub struct Limiter {
    gain: f32,
    attack: f32,
    release: f32,
}

impl Limiter {
    /// Above this the limiter turns down.
    pub const THRESHOLD: f32 = 0.8;
    /// What is never exceeded.
    pub const CEILING: f32 = 0.98;

    /// A limiter at rest.
    pub fn new(sample_rate: f32) -> Limiter {
        let pole = |seconds: f32| 1.0 - exp2(-std::f32::consts::LOG2_E / (seconds * sample_rate));
        Limiter { gain: 1.0, attack: pole(0.0006), release: pole(0.12) }
    }

    /// One frame.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        let peak = left.abs().max(right.abs());
        let wanted = if peak > Self::THRESHOLD { Self::THRESHOLD / peak } else { 1.0 };
        let pole = if wanted < self.gain { self.attack } else { self.release };
        self.gain += (wanted - self.gain) * pole;
        (Self::ceiling(left * self.gain), Self::ceiling(right * self.gain))
    }

    /// Straight up to the threshold, then bends towards the ceiling with the same slope.
    #[inline]
    fn ceiling(x: f32) -> f32 {
        let size = x.abs();
        if size <= Self::THRESHOLD {
            return x;
        }
        let room = Self::CEILING - Self::THRESHOLD;
        (Self::THRESHOLD + room * soft_clip((size - Self::THRESHOLD) / room)).copysign(x)
    }
}
