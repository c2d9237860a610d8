//! What the synth costs: time per block of 512 frames at 48 kHz, as a distribution.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::event::{SynthEvent, TimedSynthEvent};
use super::feed::{SynthFeed, feed};
use super::null::NullStream;
use super::sounds::{SOUNDS, sound_named};
use super::synth::Synth;

/// Frames per block.
pub const BLOCK: usize = 512;
/// Frames per second.
pub const RATE_HZ: u32 = 48_000;

/// Cost of one load: microseconds per block, and the median as a share of the block's time.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchRow {
    /// Voices that sounded; 0 = the effects alone.
    pub voices: usize,
    /// Median.
    pub p50_us: f64,
    /// 95 of 100 blocks were faster.
    pub p95_us: f64,
    /// 99 of 100 blocks were faster.
    pub p99_us: f64,
    /// Slowest.
    pub max_us: f64,
    /// Median over the block's 10,667 us, percent.
    pub percent: f64,
}

/// The synth's costs.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchResult {
    /// Loads of 0, 1, 8, 16 and 24 voices, effects always included.
    pub rows: Vec<BenchRow>,
    /// Seconds of a full band (kit, bass, keys, lead, pad) rendered in one second.
    pub times_real_time: f64,
}

/// Measures for about two seconds on the calling thread.
pub fn run() -> BenchResult {
    let rows = [0, 1, 8, 16, 24].map(|voices| measure(voices, 300)).to_vec();
    let begun = Instant::now();
    let seconds = 8;
    let mut synth = band(seconds);
    let mut out = [0.0f32; 2 * BLOCK];
    for _ in 0..seconds * u64::from(RATE_HZ) / BLOCK as u64 {
        synth.render(&mut out);
    }
    BenchResult { rows, times_real_time: seconds as f64 / begun.elapsed().as_secs_f64() }
}

/// Sounds that hold, taken in turn: the mixture costs what a band costs.
fn held(voices: usize) -> impl Iterator<Item = TimedSynthEvent> {
    const HELD: [&str; 8] = ["bass", "pad", "keys", "organ", "lead", "strings", "brass", "acid"];
    let sounds = (0u8..).zip(HELD);
    let sounds = sounds.map(|(slot, name)| SynthEvent::Sound { slot, sound: sound_named(name).unwrap_or(0) });
    let note = |i: usize| SynthEvent::NoteOn { slot: (i % HELD.len()) as u8, pitch: 40 + i as u8, velocity: 100 };
    sounds.chain((0..voices).map(note)).map(|event| TimedSynthEvent { at_frame: 0, event })
}

/// A synth that plays so many voices to nobody in real time, on its own thread, until the stream is dropped.
///
/// # Errors
/// The system's, when it gives no more threads.
pub fn playing(voices: usize) -> std::io::Result<(NullStream, SynthFeed)> {
    let (mut feed, source) = feed(RATE_HZ, Instant::now());
    for event in held(voices) {
        // A fresh ring has room for all of them.
        let _ = feed.send(event);
    }
    Ok((NullStream::start(source)?, feed))
}

fn measure(voices: usize, blocks: usize) -> BenchRow {
    let mut synth = Synth::new(RATE_HZ);
    for event in held(voices) {
        // A refused event would only lower the load.
        synth.schedule(event);
    }
    let mut out = [0.0f32; 2 * BLOCK];
    (0..20).for_each(|_| synth.render(&mut out));
    let mut times = Histogram::<u64>::new_with_max(1_000_000_000, 3).ok();
    for _ in 0..blocks {
        let begun = Instant::now();
        synth.render(std::hint::black_box(&mut out));
        let nanos = begun.elapsed().as_nanos() as u64;
        times.iter_mut().for_each(|h| h.saturating_record(nanos));
    }
    let us = |q: f64| times.as_ref().map_or(0.0, |h| h.value_at_quantile(q) as f64 / 1000.0);
    let percent = 100.0 * us(0.5) / (BLOCK as f64 * 1e6 / f64::from(RATE_HZ));
    BenchRow { voices, p50_us: us(0.5), p95_us: us(0.95), p99_us: us(0.99), max_us: us(1.0), percent }
}

/// Sixteenths at 120 bpm for so many seconds: kit on every step, bass, keys in chords, lead, pad.
fn band(seconds: u64) -> Synth {
    let mut synth = Synth::new(RATE_HZ);
    let step = u64::from(RATE_HZ) / 8;
    let mut say = |at_frame, event| {
        synth.schedule(TimedSynthEvent { at_frame, event });
    };
    for (slot, name) in (0u8..).zip(["kit", "bass", "keys", "lead", "pad"]) {
        say(0, SynthEvent::Sound { slot, sound: sound_named(name).unwrap_or(0) });
    }
    let mut play = |at: u64, steps: u64, slot: u8, pitch: u8| {
        say(at * step, SynthEvent::NoteOn { slot, pitch, velocity: 100 });
        say((at + steps) * step - 200, SynthEvent::NoteOff { slot, pitch });
    };
    for i in 0..seconds * 8 {
        play(i, 1, 0, 42);
        match i % 8 {
            0 => {
                play(i, 1, 0, 36);
                [60, 64, 67, 71].into_iter().for_each(|pitch| play(i, 8, 4, pitch - 12));
            }
            4 => {
                play(i, 1, 0, 38);
                [60, 64, 67].into_iter().for_each(|pitch| play(i, 3, 2, pitch));
            }
            _ => play(i, 1, 3, 72 + (i % 7) as u8),
        }
        if i % 2 == 0 {
            play(i, 2, 1, 36 + (i % 5) as u8);
        }
    }
    synth
}

impl std::fmt::Display for BenchResult {
    /// One line per load.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "synth, block of {BLOCK} frames at {RATE_HZ} Hz (effects included), {} sounds:", SOUNDS.len())?;
        for r in &self.rows {
            let BenchRow { voices, p50_us, p95_us, p99_us, max_us, percent } = r;
            let costs = format!("p50 {p50_us:7.1}  p95 {p95_us:7.1}  p99 {p99_us:7.1}  max {max_us:7.1} us");
            writeln!(f, "  {voices:2} voices  {costs}  {percent:5.2} % of the block")?;
        }
        writeln!(f, "  a band of five parts renders at {:.0} times real time", self.times_real_time)
    }
}

#[cfg(test)]
mod test {
    #[test]
    fn more_voices_are_measured_as_such() {
        let row = super::measure(1, 2);
        assert!(row.voices == 1 && row.p50_us > 0.0 && row.max_us >= row.p50_us && row.percent > 0.0);
    }
}
