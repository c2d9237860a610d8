//! What a Standard MIDI File says, with its times brought to 960 ticks a quarter note.

use super::Message;
use crate::music::Key;
use crate::time::{Bpm, Metre, Tick};

pub use super::read::read;
pub use super::write::write;

/// A whole file: conductor data and parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MidiFile {
    /// Name of the piece (track name of the first track); empty when there is none.
    pub title: String,
    /// Tempo changes, by tick. Empty means 120.
    pub tempos: Vec<(Tick, Bpm)>,
    /// Time signatures, by tick. Empty means 4/4.
    pub metres: Vec<(Tick, TimeSignature)>,
    /// Key signatures, by tick.
    pub keys: Vec<(Tick, KeySignature)>,
    /// Markers (rehearsal letters, chord labels), by tick.
    pub markers: Vec<(Tick, String)>,
    /// One part per track and channel that has messages.
    pub parts: Vec<MidiPart>,
    /// Where the last event of the file stands.
    pub length: Tick,
    /// True when the file counts seconds (SMPTE division) and not beats: ticks are then those of a tempo of 120.
    pub is_timecode: bool,
}

/// What one track plays on one channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MidiPart {
    /// Track name, else instrument name; may be empty, and several parts may share one.
    pub name: String,
    /// Channel 0..=15; 9 is drums.
    pub channel: u8,
    /// Number of the track in the file, from 0.
    pub track: usize,
    /// Program in force at the first note; `None` when the part sets none.
    pub program: Option<u8>,
    /// Notes, by (tick, pitch).
    pub notes: Vec<MidiNote>,
    /// Everything else, by tick. When writing, raw note-ons and note-offs are welcome here too.
    pub events: Vec<(Tick, Message)>,
}

/// A note with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MidiNote {
    /// Onset.
    pub tick: Tick,
    /// Length in ticks, at least 1.
    pub length_ticks: u64,
    /// MIDI note number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
}

impl MidiNote {
    /// Where the note ends.
    pub fn end(&self) -> Tick {
        Tick(self.tick.0 + self.length_ticks)
    }
}

/// A time signature as files write it, which may be one that no [`Metre`] can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeSignature {
    /// Beats in a bar.
    pub beats: u8,
    /// Note value of a beat as a power of two: 2 means a quarter.
    pub unit_power: u8,
}

impl TimeSignature {
    /// The metre, when its bar is a whole number of sixteenths.
    pub fn metre(self) -> Option<Metre> {
        Metre::new(self.beats, 1u8.checked_shl(u32::from(self.unit_power))?)
    }
    /// Length of a bar in ticks; `None` for signatures that make no sense (no beats, or beats shorter than a tick).
    pub fn bar_ticks(self) -> Option<u64> {
        let ticks = (u64::from(self.beats) * 3840).checked_shr(u32::from(self.unit_power))?;
        (ticks > 0 && self.unit_power <= 8).then_some(ticks)
    }
}

impl From<Metre> for TimeSignature {
    fn from(metre: Metre) -> Self {
        TimeSignature { beats: metre.beats, unit_power: metre.unit.trailing_zeros() as u8 }
    }
}

impl std::fmt::Display for TimeSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match 1u32.checked_shl(u32::from(self.unit_power)) {
            Some(unit) => write!(f, "{}/{unit}", self.beats),
            None => write!(f, "{}/2^{}", self.beats, self.unit_power),
        }
    }
}

/// A key signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeySignature {
    /// Sharps (flats when negative), -7..=7.
    pub fifths: i8,
    /// True for minor.
    pub is_minor: bool,
}

impl KeySignature {
    /// Pitch class of the tonic.
    pub fn tonic(self) -> u8 {
        (i32::from(self.fifths) * 7 + if self.is_minor { 9 } else { 0 }).rem_euclid(12) as u8
    }
    /// The nearest signature of a key: that of the major or minor scale on its tonic, whichever shares more notes.
    pub fn of(key: &Key) -> KeySignature {
        // The tonic's sharps as major, folded to -5..=6.
        let fifths = |tonic: u8| (i32::from(tonic) * 7 + 5).rem_euclid(12) as i8 - 5;
        let is_minor = key.has((key.tonic + 3) % 12) && !key.has((key.tonic + 4) % 12);
        KeySignature { fifths: fifths(if is_minor { (key.tonic + 3) % 12 } else { key.tonic }), is_minor }
    }
}
