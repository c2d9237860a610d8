//! Effects that all slots share: chorus, delay, and the limiter at the end. The reverb has its own file.
//! Chorus and limiter run on fundsp graphs; the delay is own, since fundsp has none whose time can be turned without a glide.

use fundsp::prelude::{U2, afollow, multitap, pass, sine_hz};

use super::graph::Graph;
use super::math::{exp2, soft_clip};

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

/// Stereo chorus: two slow taps per side, a fundsp graph.
///
/// fundsp's own `chorus` counts its time in an f32 of seconds, which stands still after some minutes; these sines wrap.
#[derive(Debug)]
pub struct Chorus {
    graph: Graph<2, 2>,
}

impl Chorus {
    /// A silent chorus.
    pub fn new(sample_rate: f32) -> Chorus {
        // Seconds; `turns` is where in its circle a tap begins.
        let sway = |base: f32, turns: f32| sine_hz::<f32>(0.37).phase(turns) * 0.0019 + base;
        let side =
            |turns: f32| (pass() | sway(0.009, turns) | sway(0.0145, turns + 0.5)) >> multitap::<U2>(0.007, 0.0165);
        Chorus { graph: Graph::new(side(0.0) | side(0.25), sample_rate) }
    }

    /// One frame in, the wet frame out.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        let [left, right] = self.graph.tick([left, right]);
        (left * 0.7, right * 0.7)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.graph.clear();
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

/// Peak limiter on fundsp's follower, with a soft ceiling: the output never exceeds 0.98.
///
/// Not fundsp's own limiter: that one looks ahead, which would delay every onset, and may still pass its ceiling.
#[derive(Debug)]
pub struct Limiter {
    /// How many times the threshold the sound has been lately, at least 1.
    follow: Graph<1, 1>,
}

impl Limiter {
    /// Above this the limiter turns down.
    pub const THRESHOLD: f32 = 0.8;
    /// What is never exceeded.
    pub const CEILING: f32 = 0.98;
    /// Half the way down and half the way up again, seconds.
    const ATTACK_S: f32 = 0.0004;
    const RELEASE_S: f32 = 0.1;

    /// A limiter at rest.
    pub fn new(sample_rate: f32) -> Limiter {
        Limiter { follow: Graph::new(afollow(Self::ATTACK_S, Self::RELEASE_S), sample_rate) }
    }

    /// One frame.
    #[inline]
    pub fn tick(&mut self, left: f32, right: f32) -> (f32, f32) {
        let peak = left.abs().max(right.abs());
        let [over] = self.follow.tick([(peak / Self::THRESHOLD).clamp(1.0, 1e6)]);
        (Self::ceiling(left / over), Self::ceiling(right / over))
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
