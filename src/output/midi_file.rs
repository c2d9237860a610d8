//! An output that collects what is played and writes it as a Standard MIDI File, type 1, one track a part.

use super::encode::Encoder;
use super::{Due, OutEvent, Output};
use crate::message::Route;
use crate::midi::{Message, MidiFile, MidiPart, write};
use crate::steer::OutSpec;
use crate::time::{Bpm, Metre, Place, Tick};
use std::path::PathBuf;

/// Collects by planned ticks, not by machine time: a late machine writes the same file. The channel of its events is the part's
/// slot (the rack's tap hands it over so); each part is written on the MIDI channel that its route names.
#[derive(Debug)]
pub struct MidiFileOut {
    path: Option<PathBuf>,
    title: String,
    parts: Vec<MidiPart>,
    tempos: Vec<(Tick, Bpm)>,
    metres: Vec<(Tick, Metre)>,
    encoder: Encoder,
    length: Tick,
}

impl MidiFileOut {
    /// Collects in memory; with a path the file is written when the output is dropped.
    pub fn new(title: impl Into<String>, path: Option<PathBuf>) -> MidiFileOut {
        MidiFileOut {
            path,
            title: title.into(),
            parts: Vec::new(),
            tempos: Vec::new(),
            metres: Vec::new(),
            encoder: Encoder::default(),
            length: Tick(0),
        }
    }

    /// What was collected.
    pub fn file(&self) -> MidiFile {
        MidiFile {
            title: self.title.clone(),
            tempos: self.tempos.clone(),
            metres: self.metres.iter().map(|m| (m.0, m.1.into())).collect(),
            parts: self.parts.clone(),
            length: self.length,
            ..MidiFile::default()
        }
    }

    /// Writes the file to its path, if it has one.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn save(&mut self) -> Result<(), String> {
        let Some(path) = self.path.take() else { return Ok(()) };
        std::fs::write(&path, write(&self.file()))
            .map_err(|error| format!("{} cannot be written ({error}); choose another place", path.display()))
    }

    fn push(&mut self, slot: u8, tick: Tick, message: Message) {
        self.part(slot).events.push((tick, message));
        self.length = self.length.max(tick);
    }

    fn part(&mut self, slot: u8) -> &mut MidiPart {
        let slot = usize::from(slot);
        while self.parts.len() <= slot {
            let track = self.parts.len();
            self.parts.push(MidiPart { channel: track as u8 & 15, track, ..MidiPart::default() });
        }
        &mut self.parts[slot]
    }
}

impl Output for MidiFileOut {
    fn name(&self) -> String {
        "MIDI file".into()
    }

    fn route(&mut self, slot: u8, route: &Route) {
        let part = self.part(slot);
        part.name = route.part.to_string();
        part.channel = match &route.out {
            OutSpec::Midi { channel, .. } | OutSpec::Jack { channel } | OutSpec::Raw { channel, .. } => *channel,
            OutSpec::Synth { sound } if is_kit(sound) => DRUMS,
            // The drum channel is for drums alone.
            OutSpec::Synth { .. } | OutSpec::Nowhere if slot >= DRUMS => (slot + 1).min(15),
            OutSpec::Synth { .. } | OutSpec::Nowhere => slot,
        };
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        let slot = match event {
            OutEvent::NoteOn { channel, .. } | OutEvent::NoteOff { channel, .. } => channel,
            OutEvent::Param { channel, .. } if channel < 16 => channel,
            // A file has its own clock.
            _ => return,
        };
        let channel = self.part(slot).channel;
        if let Some(message) = self.encoder.encode(event) {
            self.push(slot, due.tick, on_channel(message, channel));
        }
    }

    fn silence(&mut self, due: Due, _hard: bool) {
        for (slot, part) in self.parts.iter_mut().enumerate() {
            part.events.retain(|e| e.0 <= due.tick);
            let mut sounding: Vec<(u8, u8)> = Vec::new();
            for &(_, message) in &part.events {
                match message {
                    Message::NoteOn { channel, pitch, .. } => sounding.push((channel, pitch)),
                    Message::NoteOff { channel, pitch, .. } => sounding.retain(|s| *s != (channel, pitch)),
                    _ => {}
                }
            }
            for (channel, pitch) in sounding {
                part.events.push((due.tick, Message::NoteOff { channel, pitch, velocity: 64 }));
            }
            for pitch in 0..128 {
                let _ = self.encoder.encode(OutEvent::NoteOff { channel: slot as u8, pitch });
            }
        }
        self.length = self.length.min(due.tick);
    }

    fn close(&mut self) -> Result<(), String> {
        self.save()
    }

    fn step(&mut self, due: Due, place: Place, bpm: Bpm) {
        if self.tempos.last().is_none_or(|t| t.1 != bpm) {
            self.tempos.push((due.tick, bpm));
        }
        if place.is_bar_line() && self.metres.last().is_none_or(|m| m.1 != place.metre) {
            self.metres.push((due.tick, place.metre));
        }
    }
}

impl Drop for MidiFileOut {
    fn drop(&mut self) {
        // Who wants to know whether it worked closes it.
        let _ = self.save();
    }
}

/// General MIDI's channel for drums.
const DRUMS: u8 = 9;

fn is_kit(sound: &str) -> bool {
    let row = crate::audio::sound_named(sound).and_then(|i| crate::audio::SOUNDS.get(usize::from(i)));
    row.is_some_and(|s| s.is_kit())
}

fn on_channel(message: Message, channel: u8) -> Message {
    match message {
        Message::NoteOn { pitch, velocity, .. } => Message::NoteOn { channel, pitch, velocity },
        Message::NoteOff { pitch, velocity, .. } => Message::NoteOff { channel, pitch, velocity },
        Message::Control { controller, value, .. } => Message::Control { channel, controller, value },
        other => other,
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::midi::read;

    #[test]
    fn what_was_played_comes_back_from_the_file() {
        let mut out = MidiFileOut::new("set", None);
        out.route(0, &Route { part: "lead".into(), out: OutSpec::parse("synth:keys").unwrap() });
        out.route(1, &Route { part: "drums".into(), out: OutSpec::parse("midi:10").unwrap() });
        let due = |tick| Due { tick: Tick(tick), ..Due::default() };
        for (tick, event) in [
            (0, OutEvent::NoteOn { channel: 0, pitch: 60, velocity: 90 }),
            (0, OutEvent::NoteOn { channel: 1, pitch: 36, velocity: 100 }),
            (120, OutEvent::NoteOff { channel: 1, pitch: 36 }),
            (240, OutEvent::NoteOff { channel: 0, pitch: 60 }),
            (480, OutEvent::NoteOn { channel: 0, pitch: 62, velocity: 90 }),
            (900, OutEvent::NoteOff { channel: 0, pitch: 62 }),
        ] {
            out.send(due(tick), event);
        }
        out.silence(due(700), false);
        let file = read(&write(&out.file())).unwrap();
        let notes: Vec<_> =
            file.parts.iter().flat_map(|p| p.notes.iter().map(|n| (p.channel, n.tick.0, n.length_ticks))).collect();
        assert_eq!(notes, [(0, 0, 240), (0, 480, 220), (9, 0, 120)]);
    }
}
