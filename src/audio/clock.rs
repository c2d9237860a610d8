//! Which frame sounds when: the callback's frames against the machine's clock, smoothed, and read without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::time::Nanos;

/// A callback that is late by this share of its block is taken for a hiccup of the scheduler, not of the device.
const HICCUP: f64 = 0.5;
/// So many callbacks in a row late or early by most of a block mean that frames were lost: begin anew.
const STRIKES: u32 = 4;
/// An error beyond this begins anew at once.
const LOST_NANOS: f64 = 200e6;

/// A straight line from machine time to frames, published by the callback and read by [`FrameClock`].
#[derive(Debug, Default)]
pub(super) struct Anchor {
    turn: AtomicU32,
    frame: AtomicU64,
    nanos: AtomicU64,
    nanos_per_frame: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    frame: u64,
    nanos: u64,
    nanos_per_frame: f64,
}

impl Anchor {
    /// Writes; one thread only. Wait-free.
    fn publish(&self, line: Line) {
        // An odd turn tells readers that the numbers are being changed (a sequence lock).
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::SeqCst);
        self.frame.store(line.frame, Ordering::SeqCst);
        self.nanos.store(line.nanos, Ordering::SeqCst);
        self.nanos_per_frame.store(line.nanos_per_frame.to_bits(), Ordering::SeqCst);
        self.turn.store(turn.wrapping_add(2), Ordering::SeqCst);
    }

    /// Reads; `None` when the writer was in the way again and again.
    fn read(&self) -> Option<Line> {
        for _ in 0..64 {
            let before = self.turn.load(Ordering::SeqCst);
            let line = Line {
                frame: self.frame.load(Ordering::SeqCst),
                nanos: self.nanos.load(Ordering::SeqCst),
                nanos_per_frame: f64::from_bits(self.nanos_per_frame.load(Ordering::SeqCst)),
            };
            if before.is_multiple_of(2) && self.turn.load(Ordering::SeqCst) == before {
                return Some(line);
            }
            std::hint::spin_loop();
        }
        None
    }
}

/// The callback's side: a second-order loop over the callback times (F. Adriaensen, "Using a DLL to filter time", 2005).
#[derive(Debug)]
pub(super) struct ClockLoop {
    anchor: Arc<Anchor>,
    nominal: f64,
    line: Line,
    begun: Option<u64>,
    strikes: u32,
}

impl ClockLoop {
    /// A loop that says, until the first callback, that frame 0 is now.
    pub(super) fn new(sample_rate_hz: u32, now: Nanos) -> ClockLoop {
        let nominal = 1e9 / f64::from(sample_rate_hz.max(1));
        let line = Line { frame: 0, nanos: now.0, nanos_per_frame: nominal };
        let anchor = Arc::new(Anchor::default());
        anchor.publish(line);
        ClockLoop { anchor, nominal, line, begun: None, strikes: 0 }
    }

    /// A reader of this clock.
    pub(super) fn reader(&self) -> FrameClock {
        FrameClock { anchor: self.anchor.clone(), last: self.line, asked: Nanos(0), answered: 0 }
    }

    /// A callback that will render `frames` frames from `frame` on begins at `now`.
    pub(super) fn tick(&mut self, frame: u64, frames: usize, now: Nanos) {
        let block = frames as f64 * self.nominal;
        let begun = *self.begun.get_or_insert(now.0);
        let expected =
            self.line.nanos as f64 + frame.saturating_sub(self.line.frame) as f64 * self.line.nanos_per_frame;
        let error = now.0 as f64 - expected;
        self.strikes = if error.abs() > 0.75 * block { self.strikes + 1 } else { 0 };
        if begun == now.0 || self.strikes >= STRIKES || error.abs() > LOST_NANOS {
            self.line = Line { frame, nanos: now.0, nanos_per_frame: self.nominal };
            self.strikes = 0;
        } else {
            // Wide for two seconds to find the line, then 0.1 Hz to keep it.
            let hz = if now.0.saturating_sub(begun) < 2_000_000_000 { 1.0 } else { 0.1 };
            let w = (std::f64::consts::TAU * hz * block * 1e-9).min(0.5);
            let error = error.clamp(-HICCUP * block, HICCUP * block);
            let slope = self.line.nanos_per_frame + w * w * error / frames.max(1) as f64;
            self.line = Line {
                frame,
                nanos: (expected + 1.414 * w * error).max(0.0) as u64,
                // No sound card is off by more than this.
                nanos_per_frame: slope.clamp(self.nominal * 0.998, self.nominal * 1.002),
            };
        }
        self.anchor.publish(self.line);
    }
}

/// Turns machine time into frames of one stream. Each clone keeps its own promise never to go back.
#[derive(Clone, Debug)]
pub struct FrameClock {
    anchor: Arc<Anchor>,
    last: Line,
    asked: Nanos,
    answered: u64,
}

impl FrameClock {
    /// The frame that is being rendered at `at` (heard one device latency later). For times that do not go back the answer does
    /// not go back either, even when the device lost frames in between.
    pub fn frame_at(&mut self, at: Nanos) -> u64 {
        self.last = self.anchor.read().unwrap_or(self.last);
        let frames = (at.0 as f64 - self.last.nanos as f64) / self.last.nanos_per_frame;
        let frame = (self.last.frame as f64 + frames).round().max(0.0) as u64;
        let frame = if at >= self.asked { frame.max(self.answered) } else { frame };
        if at >= self.asked {
            (self.asked, self.answered) = (at, frame);
        }
        frame
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Chance, Purpose};

    /// Callbacks of 512 frames at 48 kHz, each up to 3 ms late, on a card that is 80 ppm fast.
    #[test]
    fn frames_follow_a_jittery_card_within_a_millisecond_and_never_go_back() {
        let mut clock = ClockLoop::new(48_000, Nanos(0));
        let mut reader = clock.reader();
        let rate = 48_000.0 * 1.000_08;
        let chance = Chance::new(1);
        let mut last = 0;
        for block in 0..4000u64 {
            let exact = 5e9 + block as f64 * 512.0 / rate * 1e9;
            let jitter = chance.unit(Purpose::Script, block, 0) * 3e6;
            clock.tick(block * 512, 512, Nanos((exact + f64::from(jitter)) as u64));
            let ahead = Nanos(exact as u64 + 100_000_000);
            let frame = reader.frame_at(ahead);
            assert!(frame >= last);
            last = frame;
            if block > 400 {
                // The mean lateness of 1.5 ms is part of what such a card's clock says.
                let ideal = block as f64 * 512.0 + 0.1 * rate - 0.0015 * rate;
                assert!((frame as f64 - ideal).abs() < 0.0012 * rate, "block {block}: {frame} for {ideal}");
            }
        }
    }

    #[test]
    fn lost_frames_are_noticed_within_a_few_callbacks() {
        let mut clock = ClockLoop::new(48_000, Nanos(0));
        let mut reader = clock.reader();
        let block = 512.0 / 48_000.0 * 1e9;
        for i in 0..200u64 {
            // After callback 100 the device has skipped three periods.
            let late = if i >= 100 { 3.0 * block } else { 0.0 };
            clock.tick(i * 512, 512, Nanos((1e9 + i as f64 * block + late) as u64));
        }
        let now = Nanos((1e9 + 203.0 * block) as u64);
        assert!(reader.frame_at(now).abs_diff(200 * 512) < 48);
    }
}
