//! Writing type 1 Standard MIDI Files: a conductor track, then one named track per part.

use super::file::{MidiFile, MidiPart};
use super::message::Message;
use crate::time::{TICKS_PER_QUARTER, Tick};
use std::collections::BTreeMap;

/// The bytes of a type 1 file with 960 ticks a quarter note. The same value always gives the same bytes.
///
/// At one tick note-offs come first, then controllers and programs, then note-ons. A note-on in `events` that is never
/// ended gets its note-off at the end of the part. `MidiPart::channel` applies to notes; messages carry their own.
pub fn write(file: &MidiFile) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
    // A file has at most 65535 tracks.
    let parts = &file.parts[..file.parts.len().min(0xFFFE)];
    bytes.extend_from_slice(&(parts.len() as u16 + 1).to_be_bytes());
    bytes.extend_from_slice(&(TICKS_PER_QUARTER as u16).to_be_bytes());
    write_track(&mut bytes, conductor(file), file.length);
    for part in parts {
        write_track(&mut bytes, part_events(part), file.length);
    }
    bytes
}

/// An event as bytes, with its tick and its rank within the tick.
type Event = (Tick, u8, Vec<u8>);

fn conductor(file: &MidiFile) -> Vec<Event> {
    let mut events = Vec::new();
    if !file.title.is_empty() {
        events.push((Tick(0), 0, meta(0x03, file.title.as_bytes())));
    }
    for (tick, metre) in &file.metres {
        events.push((*tick, 1, meta(0x58, &[metre.beats, metre.unit_power, 24, 8])));
    }
    for (tick, key) in &file.keys {
        events.push((*tick, 2, meta(0x59, &[key.fifths as u8, u8::from(key.is_minor)])));
    }
    for (tick, bpm) in &file.tempos {
        let micros = (60e6 / bpm.get()).round().clamp(1.0, f64::from(0xFF_FFFF)) as u32;
        events.push((*tick, 3, meta(0x51, &micros.to_be_bytes()[1..])));
    }
    for (tick, text) in &file.markers {
        events.push((*tick, 4, meta(0x06, text.as_bytes())));
    }
    events
}

fn part_events(part: &MidiPart) -> Vec<Event> {
    let mut events = Vec::with_capacity(part.notes.len() * 2 + part.events.len() + 1);
    if !part.name.is_empty() {
        events.push((Tick(0), 0, meta(0x03, part.name.as_bytes())));
    }
    let mut messages: Vec<(Tick, u8, Message)> = Vec::with_capacity(part.notes.len() * 2 + part.events.len());
    if let Some(program) = part.program
        && !part.events.iter().any(|e| matches!(e.1, Message::Program { .. }))
    {
        messages.push((Tick(0), 2, Message::Program { channel: part.channel, program }));
    }
    for note in &part.notes {
        let (channel, pitch) = (part.channel, note.pitch);
        messages.push((note.tick, 3, Message::NoteOn { channel, pitch, velocity: note.velocity.clamp(1, 127) }));
        let end = Tick(note.tick.0 + note.length_ticks.max(1));
        messages.push((end, 1, Message::NoteOff { channel, pitch, velocity: 0 }));
    }
    // Clock and transport have no place in a file.
    for (tick, message) in part.events.iter().filter(|e| e.1.channel().is_some()) {
        let rank = match message {
            Message::NoteOff { .. } => 1,
            Message::NoteOn { .. } => 3,
            _ => 2,
        };
        messages.push((*tick, rank, *message));
    }
    messages.sort_by_key(|m| (m.0, m.1));
    let hanging = hanging(&messages);
    let end = messages.last().map_or(Tick(0), |m| Tick(m.0.0 + 1));
    for (channel, pitch) in hanging {
        messages.push((end, 1, Message::NoteOff { channel, pitch, velocity: 0 }));
    }
    events.extend(messages.into_iter().map(|(tick, rank, message)| (tick, rank, message.bytes().to_vec())));
    events
}

/// Keys that still sound after the last message, lowest first.
fn hanging(messages: &[(Tick, u8, Message)]) -> Vec<(u8, u8)> {
    let mut sounding: BTreeMap<(u8, u8), u32> = BTreeMap::new();
    for (_, _, message) in messages {
        match *message {
            Message::NoteOn { channel, pitch, .. } => *sounding.entry((channel & 15, pitch & 127)).or_default() += 1,
            Message::NoteOff { channel, pitch, .. } => {
                let count = sounding.entry((channel & 15, pitch & 127)).or_default();
                *count = count.saturating_sub(1);
            }
            _ => {}
        }
    }
    sounding.into_iter().flat_map(|(key, count)| (0..count).map(move |_| key)).collect()
}

fn meta(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, kind];
    push_length(&mut bytes, data.len() as u64);
    bytes.extend_from_slice(data);
    bytes
}

/// A variable-length quantity: seven bits a byte, high bits first, at most 28 bits.
fn push_length(bytes: &mut Vec<u8>, value: u64) {
    let value = value.min(0x0FFF_FFFF);
    for shift in [21, 14, 7] {
        if value >> shift > 0 {
            bytes.push((value >> shift) as u8 | 0x80);
        }
    }
    bytes.push(value as u8 & 0x7F);
}

fn write_track(bytes: &mut Vec<u8>, mut events: Vec<Event>, length: Tick) {
    events.sort_by_key(|e| (e.0, e.1));
    let mut track = Vec::with_capacity(events.len() * 5);
    let mut now = Tick(0);
    for (tick, _, event) in &events {
        push_length(&mut track, tick.0 - now.0);
        track.extend_from_slice(event);
        now = *tick;
    }
    push_length(&mut track, length.0.saturating_sub(now.0));
    track.extend_from_slice(&[0xFF, 0x2F, 0]);
    bytes.extend_from_slice(b"MTrk");
    bytes.extend_from_slice(&(track.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&track);
}

#[cfg(test)]
mod test {
    use super::super::file::{KeySignature, MidiNote};
    use super::super::read::read;
    use super::*;
    use crate::time::{Bpm, Metre};
    use proptest::prelude::*;

    fn note(tick: u64, length_ticks: u64, pitch: u8, velocity: u8) -> MidiNote {
        MidiNote { tick: Tick(tick), length_ticks, pitch, velocity }
    }

    fn small_file() -> MidiFile {
        let lead = MidiPart {
            name: "lead".into(),
            channel: 3,
            program: Some(80),
            track: 1,
            notes: vec![note(0, 240, 60, 100), note(240, 240, 60, 90), note(240, 960, 64, 1)],
            events: vec![
                (Tick(0), Message::Program { channel: 3, program: 80 }),
                (Tick(100), Message::Control { channel: 3, controller: 74, value: 5 }),
                (Tick(480), Message::Bend { channel: 3, value: -300 }),
            ],
        };
        MidiFile {
            title: "a set".into(),
            tempos: vec![(Tick(0), Bpm::new(125.0)), (Tick(960), Bpm::new(60.0))],
            metres: vec![(Tick(0), Metre::FOUR_FOUR.into()), (Tick(3840), Metre::new(7, 8).unwrap().into())],
            keys: vec![(Tick(0), KeySignature { fifths: -3, is_minor: true })],
            markers: vec![(Tick(0), "intro".into())],
            parts: vec![lead],
            length: Tick(5000),
            is_timecode: false,
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let file = small_file();
        assert_eq!(read(&write(&file)), Ok(file));
    }

    #[test]
    fn a_small_file_has_the_bytes_of_the_standard() {
        let part = MidiPart { channel: 9, notes: vec![note(960, 1, 36, 127)], ..MidiPart::default() };
        let file = MidiFile { parts: vec![part], length: Tick(960), ..MidiFile::default() };
        let expected: &[u8] = &[
            b'M', b'T', b'h', b'd', 0, 0, 0, 6, 0, 1, 0, 2, 3, 0xC0, //
            b'M', b'T', b'r', b'k', 0, 0, 0, 5, 0x87, 0x40, 0xFF, 0x2F, 0, //
            b'M', b'T', b'r', b'k', 0, 0, 0, 13, 0x87, 0x40, 0x99, 36, 127, 1, 0x89, 36, 0, 0, 0xFF, 0x2F, 0,
        ];
        assert_eq!(write(&file), expected);
    }

    #[test]
    fn a_note_that_never_ends_is_ended_with_the_part() {
        let events = vec![(Tick(10), Message::NoteOn { channel: 0, pitch: 50, velocity: 7 })];
        let file = MidiFile { parts: vec![MidiPart { events, ..MidiPart::default() }], ..MidiFile::default() };
        assert_eq!(read(&write(&file)).unwrap().parts[0].notes, [note(10, 1, 50, 7)]);
    }

    proptest! {
        #[test]
        fn notes_survive_the_way_through_a_file(
            raw in proptest::collection::vec((0u64..4000, 1u64..2000, 0u8..128, 1u8..128), 0..60)
        ) {
            let mut notes: Vec<MidiNote> = raw.iter().map(|r| note(r.0, r.1, r.2, r.3)).collect();
            notes.sort_by_key(|n| (n.pitch, n.tick));
            notes.dedup_by_key(|n| (n.pitch, n.tick));
            // Notes of one pitch do not overlap in a part.
            for i in 1..notes.len() {
                if notes[i].pitch == notes[i - 1].pitch {
                    notes[i - 1].length_ticks = notes[i - 1].length_ticks.min(notes[i].tick.0 - notes[i - 1].tick.0);
                }
            }
            notes.sort_by_key(|n| (n.tick, n.pitch));
            let part = MidiPart { notes: notes.clone(), track: 1, ..MidiPart::default() };
            let bytes = write(&MidiFile { parts: vec![part], ..MidiFile::default() });
            let back = read(&bytes).unwrap();
            prop_assert_eq!(back.parts.into_iter().flat_map(|p| p.notes).collect::<Vec<_>>(), notes);
        }
    }
}
