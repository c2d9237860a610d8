//! The process callback of the JACK output. Allocates nothing, locks nothing, waits for nothing.

use super::OutEvent;
use super::clock::now;
use super::encode::Encoder;
use crate::midi::Message;
use crate::time::Nanos;
use jack::{Client, Control, MidiOut, MidiWriter, Port, ProcessHandler, ProcessScope, RawMidi};
use rtrb::Consumer;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A note-on that comes later than this is not played any more: it would only smear.
const TOO_LATE_US: f64 = 150_000.0;
/// Note-offs of this long ago are said again when the server has missed a period.
const REPEAT_FRAMES: u32 = 24_000;
/// Most such note-offs.
const REPEATS: usize = 64;

/// An event on its way to the callback.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    /// Number of the last silence before it.
    pub generation: u32,
    /// By the player's clock.
    pub at: Nanos,
    /// What.
    pub event: OutEvent,
}

/// What the callback, the keeper and the player share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Counts silences; what was queued under an older number is dropped.
    pub generation: AtomicU32,
    /// The last silence that the callback has carried out.
    pub silenced: AtomicU32,
    /// The last silence is to cut tails too.
    pub is_hard: AtomicBool,
    /// Events lost.
    pub lost: AtomicU64,
    /// Periods that the server says it missed.
    pub xruns: AtomicU32,
    /// The server has gone.
    pub is_dead: AtomicBool,
    /// The first attempt is over.
    pub is_ready: AtomicBool,
    words: Mutex<Option<String>>,
    joined: Mutex<Vec<String>>,
}

impl Shared {
    /// Leaves a line for the performer; not from the callback.
    pub fn say(&self, text: String) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
    /// Notes which inputs our port is joined to; not from the callback.
    pub fn set_joined(&self, names: Vec<String>) {
        *self.joined.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
    /// The inputs that our port is joined to.
    pub fn joined(&self) -> Vec<String> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Takes the line.
    pub fn take_words(&self) -> Option<String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How far JACK's clock is ahead of ours, in nanoseconds. They are different clocks of the system and drift.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    nanos: Option<f64>,
}

impl Ahead {
    /// Reads both clocks. A reading that took long was interrupted and does not count, unless it is the first.
    fn look(&mut self, client: &Client) {
        let before = now().0;
        // JACK counts whole microseconds: half of one is missing on average.
        let jack = client.time() as f64 * 1000.0 + 500.0;
        let after = now().0;
        let middle = (before + after) as f64 / 2.0;
        let read = jack - middle;
        self.nanos = Some(match self.nanos {
            None => read,
            // A jump: one of the clocks was set, or the machine slept.
            Some(old) if (read - old).abs() > 5e6 => read,
            Some(old) if after - before > 5_000 => old,
            Some(old) => old + (read - old) / 32.0,
        });
    }

    /// A moment of ours in JACK's microseconds.
    fn usecs(&self, at: Nanos) -> f64 {
        (at.0 as f64 + self.nanos.unwrap_or(0.0)) / 1000.0
    }
}

/// The callback's state.
pub struct Process {
    port: Port<MidiOut>,
    ring: Consumer<Queued>,
    shared: Arc<Shared>,
    encoder: Encoder,
    generation: u32,
    ahead: Ahead,
    /// Frame, channel and pitch of the last note-offs.
    recent: [(u32, u8, u8); REPEATS],
    next_recent: usize,
    xruns: u32,
    expected_frame: Option<u32>,
}

impl Process {
    /// A callback for this port and ring.
    pub fn new(port: Port<MidiOut>, ring: Consumer<Queued>, shared: Arc<Shared>, encoder: Encoder) -> Process {
        let generation = shared.generation.load(Ordering::Acquire);
        let xruns = shared.xruns.load(Ordering::Relaxed);
        Process {
            port,
            ring,
            shared,
            encoder,
            generation,
            ahead: Ahead::default(),
            recent: [(0, 255, 255); REPEATS],
            next_recent: 0,
            xruns,
            expected_frame: None,
        }
    }
}

/// Writes a message at a frame of this period; false when the port's buffer is full.
fn put(writer: &mut MidiWriter<'_>, frame: u32, message: Message) -> bool {
    writer.write(&RawMidi { time: frame, bytes: &message.bytes() }).is_ok()
}

impl ProcessHandler for Process {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        let Process { port, ring, shared, encoder, generation, ahead, recent, next_recent, xruns, expected_frame } =
            self;
        let mut writer = port.writer(scope);
        let Ok(times) = scope.cycle_times() else { return Control::Continue };
        let frames = scope.n_frames();
        ahead.look(client);

        // A missed period takes its events with it, and with them perhaps a note-off: say those again.
        let missed = shared.xruns.load(Ordering::Relaxed);
        let is_torn = expected_frame.replace(times.current_frames.wrapping_add(frames)) != Some(times.current_frames);
        if *xruns != missed || is_torn {
            *xruns = missed;
            for &(at, channel, pitch) in recent.iter().filter(|r| r.1 < 16) {
                if times.current_frames.wrapping_sub(at) < REPEAT_FRAMES && !encoder.sounds(channel, pitch) {
                    put(&mut writer, 0, Message::NoteOff { channel, pitch, velocity: 64 });
                }
            }
        }

        let wanted = shared.generation.load(Ordering::Acquire);
        let mut is_full = false;
        if *generation != wanted {
            let hard = shared.is_hard.load(Ordering::Relaxed);
            is_full = !encoder.silence(hard, |message| put(&mut writer, 0, message));
            if !is_full {
                *generation = wanted;
                shared.silenced.store(wanted, Ordering::Release);
            }
        }

        let (begin, end) = (times.current_usecs as f64, times.next_usecs as f64);
        let mut last = 0;
        while let Ok(&queued) = ring.peek() {
            if queued.generation != wanted && (wanted.wrapping_sub(queued.generation) as i32) > 0 {
                let _ = ring.pop();
                continue;
            }
            let usecs = ahead.usecs(queued.at);
            // Room is asked for before the encoder is told: what it believes to sound must be on the wire.
            is_full |= writer.max_event_size() < 3;
            if usecs >= end || is_full {
                break;
            }
            let _ = ring.pop();
            if matches!(queued.event, OutEvent::NoteOn { .. }) && begin - usecs > TOO_LATE_US {
                shared.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let Some(message) = encoder.encode(queued.event) else { continue };
            let offset = (usecs - begin) * f64::from(frames) / (end - begin).max(1.0);
            let frame = (offset.round().max(0.0) as u32).min(frames.saturating_sub(1)).max(last);
            last = frame;
            if !put(&mut writer, frame, message) {
                shared.lost.fetch_add(1, Ordering::Relaxed);
            }
            if let Message::NoteOff { channel, pitch, .. } = message {
                recent[*next_recent % REPEATS] = (times.current_frames.wrapping_add(frame), channel, pitch);
                *next_recent = next_recent.wrapping_add(1);
            }
        }
        Control::Continue
    }
}
