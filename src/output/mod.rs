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

use crate::message::ParamChange;
use crate::time::Nanos;

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

/// A place where events go.
pub trait Output: Send {
    /// What it is called on screen.
    fn name(&self) -> String;

    /// Queues an event for its time. Never blocks.
    fn send(&mut self, at: Nanos, event: OutEvent);

    /// Drops what is queued and ends everything that sounds, now.
    fn silence(&mut self);

    /// Does what must be done now and then (reconnect, free); called every turn of the player, must be quick.
    fn tend(&mut self, _now: Nanos) {}

    /// Events lost because a ring was full or a port was gone.
    fn lost(&self) -> u64 {
        0
    }

    /// A sentence for the performer since the last call: lost, found again, fell back.
    fn notice(&mut self) -> Option<String> {
        None
    }
}
