//! Output: where events leave.
//!
//! Owns: the trait [`Output`] and the table of kinds; MIDI ports, JACK, the synth's feed, files, the paced null.
//! Called from: the player thread only (some outputs keep a sender thread or a callback of their own behind a ring).
//! Units: machine time in nanoseconds of the player's clock.
//!
//! Invariants
//! - Events of one output come with non-decreasing times, up to the hand-over horizon ahead.
//! - An output never blocks: when its ring is full, note-ons are dropped and counted, note-offs never.
//! - After `silence` nothing that was queued sounds, and everything that sounded has had its note-off.
//!
//! Not here: when to play what (`player`), which part goes where (`steer::OutSpec`).

pub mod clock;
mod encode;
mod guardian;
#[cfg(feature = "jack")]
mod jack_midi;
#[cfg(feature = "jack")]
mod jack_process;
mod midi_file;
#[cfg(feature = "midi")]
mod midi_port;
mod nowhere;
mod rack;
mod raw;
mod recording;
mod sender;
mod sink;
mod synth;
mod synth_words;

pub use encode::{CONTROLLERS, Encoder};
pub use guardian::{Guardian, watch};
pub use midi_file::MidiFileOut;
pub use rack::{OUTPUTS, Open, Options, OutputRow, Rack, jack_ports, midi_ports};
pub use recording::{Recording, Tape};
pub use sender::{Sender, Wire, Worker};
pub use sink::{Address, Recorder, Sink};
pub use synth::{SynthOut, SynthStatus};
pub use synth_words::SynthWords;

use crate::message::{ParamChange, Route};
use crate::steer::OutSpec;
use crate::time::{Bpm, Nanos, Place, Tick};

/// One event for an output. `channel` is the MIDI channel 0..=15, or the synth's slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutEvent {
    /// A note begins.
    NoteOn {
        /// Channel or slot.
        channel: u8,
        /// MIDI note number.
        pitch: u8,
        /// 1..=127.
        velocity: u8,
    },
    /// A note ends.
    NoteOff {
        /// Channel or slot.
        channel: u8,
        /// MIDI note number.
        pitch: u8,
    },
    /// A parameter moves; MIDI outputs turn level, pan, cutoff, reverb and delay into CC 7, 10, 74, 91 and 94.
    Param {
        /// Channel or slot.
        channel: u8,
        /// What moves (its own slot field is not used here).
        change: ParamChange,
    },
    /// MIDI clock, 24 a quarter.
    Clock,
    /// MIDI start.
    Start,
    /// MIDI continue.
    Continue,
    /// MIDI stop.
    Stop,
}

/// A moment on both axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When, by the player's clock. Never before the moment at which it was handed over.
    pub at: Nanos,
    /// Where in the music, as planned: late events keep their place, so a file of the set is the same on every machine.
    pub tick: Tick,
}

/// The device that an address names, and the channel there: MIDI channel, or the part's slot.
pub fn device_of(out: &OutSpec, slot: u8) -> (String, u8) {
    match out {
        OutSpec::Synth { .. } => ("synth".into(), slot),
        OutSpec::Midi { port: Some(port), channel } => (format!("midi:{port}"), *channel),
        OutSpec::Midi { port: None, channel } => ("midi".into(), *channel),
        OutSpec::Jack { channel } => ("jack".into(), *channel),
        OutSpec::Raw { path, channel } => (format!("raw:{path}"), *channel),
        OutSpec::Nowhere => ("none".into(), slot),
    }
}

/// A place where events go.
pub trait Output: Send {
    /// What it is called on screen.
    fn name(&self) -> String;

    /// Queues an event for its time. Never blocks.
    fn send(&mut self, due: Due, event: OutEvent);

    /// Drops what is queued for later than `due`, and ends everything that sounds; with `hard` tails and echoes too.
    fn silence(&mut self, due: Due, hard: bool);

    /// A step that begins at `due` was handed over; for outputs that write bars or follow the tempo.
    fn step(&mut self, _due: Due, _place: Place, _bpm: Bpm) {}

    /// A part plays here from now on, on this channel or slot.
    fn route(&mut self, _channel: u8, _route: &Route) {}

    /// The devices it plays on, as the guardian needs to know them: `jack NAME`, `midi NAME`, `raw PATH`.
    fn places(&self) -> Vec<String> {
        Vec::new()
    }

    /// False while the first attempt to open the device is under way; the music may wait a moment for it to start.
    fn is_ready(&self) -> bool {
        true
    }

    /// Does what must be done now and then (reconnect, free); called every turn of the player, must be quick.
    fn tend(&mut self, _now: Nanos) {}

    /// Events lost because a ring was full or a port was gone.
    fn lost(&self) -> u64 {
        0
    }

    /// The performance is over: what is kept for its end is done now.
    ///
    /// # Errors
    /// A sentence: what could not be kept.
    fn close(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// A sentence for the performer since the last call: lost, found again, fell back.
    fn notice(&mut self) -> Option<String> {
        None
    }
}
