//! Reading Standard MIDI Files (RP-001, types 0, 1 and 2) on top of midly's event parser.
//!
//! midly forgives broken bytes by silently ending the track; here that is an error, so that half a file is never taken
//! for a whole one.

use super::file::{KeySignature, MidiFile, MidiNote, MidiPart, TimeSignature};
use super::message::Message;
use crate::limits::{MIDI_FILE_BYTES, MIDI_FILE_NOTES, MIDI_FILE_STEPS};
use crate::time::{Bpm, TICKS_PER_QUARTER, TICKS_PER_STEP, Tick};
use midly::{Fps, MetaMessage, MidiMessage, Timing, TrackEventKind};
use std::collections::{BTreeMap, VecDeque};

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MidiError {
    /// The bytes are no MIDI file at all.
    #[error("this is no Standard MIDI File: it does not begin with a MIDI header")]
    NotMidi,
    /// The file ends before what it announces.
    #[error("the MIDI file is cut off: track {track} announces {announced} bytes and {left} are left")]
    CutOff { track: usize, announced: usize, left: usize },
    /// Bytes in a track that make no event.
    #[error("track {track} of the MIDI file is damaged: no event can be read at its byte {at}")]
    Damaged { track: usize, at: usize },
    /// No track at all.
    #[error("the MIDI file has no track")]
    NoTrack,
    /// A division of zero.
    #[error("the MIDI file's header gives a division of 0 ticks, so its times mean nothing")]
    NoDivision,
    /// Larger than `limits::MIDI_FILE_BYTES`.
    #[error("the file has {0} bytes; MIDI files are read up to {MIDI_FILE_BYTES}")]
    TooLarge(u64),
    /// More notes or other events than `limits::MIDI_FILE_NOTES`.
    #[error("the MIDI file has more than {MIDI_FILE_NOTES} notes or controller events")]
    TooMany,
    /// Longer than `limits::MIDI_FILE_STEPS`.
    #[error("the MIDI file is longer than {MIDI_FILE_STEPS} sixteenths")]
    TooLong,
}

/// Reads a Standard MIDI File. Tracks of type 2 files are read as if they began together.
///
/// Note-ons meet note-offs first in, first out. A note that is struck again while it sounds ends there; one that never
/// ends is cut at the next note of its pitch, at the end of its track or after four quarters, whichever comes first.
///
/// # Errors
/// [`MidiError`] for whatever is no MIDI file, is damaged or cut off, or exceeds the limits.
pub fn read(bytes: &[u8]) -> Result<MidiFile, MidiError> {
    if bytes.len() as u64 > MIDI_FILE_BYTES {
        return Err(MidiError::TooLarge(bytes.len() as u64));
    }
    let (header, tracks) = midly::parse(bytes).map_err(|_| MidiError::NotMidi)?;
    check_chunks(tracks.unread())?;
    let (scale, is_timecode) = scale(header.timing)?;
    let mut file = MidiFile { is_timecode, ..MidiFile::default() };
    let mut budget = MIDI_FILE_NOTES;
    let mut count = 0;
    for events in tracks {
        let events = events.map_err(|_| MidiError::Damaged { track: count, at: 0 })?;
        read_track(events, count, scale, &mut file, &mut budget)?;
        count += 1;
    }
    if count == 0 {
        return Err(MidiError::NoTrack);
    }
    // Conductor events may stand in any track; the last one at a tick holds.
    file.tempos.sort_by_key(|t| t.0);
    file.metres.sort_by_key(|t| t.0);
    file.keys.sort_by_key(|t| t.0);
    file.markers.sort_by_key(|t| t.0);
    if is_timecode {
        file.tempos.clear();
    }
    keep_last(&mut file.tempos);
    keep_last(&mut file.metres);
    keep_last(&mut file.keys);
    Ok(file)
}

/// Of several values at one tick the last one holds.
fn keep_last<T>(changes: &mut Vec<(Tick, T)>) {
    let ticks: Vec<Tick> = changes.iter().map(|c| c.0).collect();
    let mut at = 0;
    changes.retain(|_| {
        at += 1;
        ticks.get(at).is_none_or(|next| *next != ticks[at - 1])
    });
}

/// Ticks of 960 a quarter as a fraction of the file's ticks.
fn scale(timing: Timing) -> Result<((u64, u64), bool), MidiError> {
    match timing {
        Timing::Metrical(per_quarter) => match u64::from(per_quarter.as_int()) {
            0 => Err(MidiError::NoDivision),
            per_quarter => Ok(((TICKS_PER_QUARTER, per_quarter), false)),
        },
        Timing::Timecode(fps, subframe) => {
            let frames = match fps {
                Fps::Fps24 => 24_000,
                Fps::Fps25 => 25_000,
                Fps::Fps29 => 29_970,
                Fps::Fps30 => 30_000,
            };
            match u64::from(subframe) {
                0 => Err(MidiError::NoDivision),
                // Two quarters a second: the tempo of 120 that a file without tempo has.
                subframe => Ok(((2 * TICKS_PER_QUARTER * 1000, frames * subframe), true)),
            }
        }
    }
}

/// Every track must be as long as it announces; junk after the last whole chunk is tolerated.
fn check_chunks(mut rest: &[u8]) -> Result<(), MidiError> {
    let mut track = 0;
    while rest.len() >= 8 {
        let announced = u32::from_be_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let (id, left) = (&rest[..4], rest.len() - 8);
        if announced > left {
            return if id == b"MTrk" { Err(MidiError::CutOff { track, announced, left }) } else { Ok(()) };
        }
        track += usize::from(id == b"MTrk");
        rest = &rest[8 + announced..];
    }
    Ok(())
}

/// What one channel of one track collects.
#[derive(Default)]
struct Collector {
    program: Option<u8>,
    first_program: Option<Option<u8>>,
    /// Notes that sound, by pitch, oldest first: indices into `notes`.
    open: BTreeMap<u8, VecDeque<usize>>,
    notes: Vec<(MidiNote, bool)>,
    events: Vec<(Tick, Message)>,
}

fn read_track(
    mut events: midly::EventIter,
    track: usize,
    scale: (u64, u64),
    file: &mut MidiFile,
    budget: &mut usize,
) -> Result<(), MidiError> {
    let mut channels: BTreeMap<u8, Collector> = BTreeMap::new();
    let (mut name, mut instrument) = (None, None);
    let whole = events.unread().len();
    let mut raw_tick: u64 = 0;
    let mut tick = Tick(0);
    loop {
        let left = events.unread().len();
        let Some(event) = events.next() else {
            if left > 0 {
                return Err(MidiError::Damaged { track, at: whole - left });
            }
            break;
        };
        let event = event.map_err(|_| MidiError::Damaged { track, at: whole - left })?;
        raw_tick += u64::from(event.delta.as_int());
        tick = Tick((u128::from(raw_tick) * u128::from(scale.0) / u128::from(scale.1)) as u64);
        if tick.0 / TICKS_PER_STEP > u64::from(MIDI_FILE_STEPS) {
            return Err(MidiError::TooLong);
        }
        match event.kind {
            TrackEventKind::Midi { channel, message } => {
                let channel = channel.as_int();
                channels.entry(channel).or_default().take(tick, channel, message, budget)?;
            }
            TrackEventKind::Meta(MetaMessage::TrackName(text)) if name.is_none() => name = Some(words(text)),
            TrackEventKind::Meta(MetaMessage::InstrumentName(text)) => instrument = Some(words(text)),
            TrackEventKind::Meta(MetaMessage::EndOfTrack) => break,
            TrackEventKind::Meta(meta) => read_meta(meta, tick, file, budget)?,
            TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => {}
        }
    }
    file.length = file.length.max(tick);
    let label = name.clone().filter(|n| !n.is_empty()).or(instrument).unwrap_or_default();
    if track == 0 {
        file.title = name.unwrap_or_default();
    }
    for (channel, collector) in channels {
        if let Some(part) =
            collector.finish(tick, MidiPart { name: label.clone(), channel, track, ..Default::default() })
        {
            file.parts.push(part);
        }
    }
    Ok(())
}

fn read_meta(meta: MetaMessage, tick: Tick, file: &mut MidiFile, budget: &mut usize) -> Result<(), MidiError> {
    match meta {
        MetaMessage::Tempo(micros) if micros.as_int() > 0 => {
            spend(budget)?;
            file.tempos.push((tick, Bpm::new(60e6 / f64::from(micros.as_int()))));
        }
        MetaMessage::TimeSignature(beats, unit_power, _, _) => {
            spend(budget)?;
            file.metres.push((tick, TimeSignature { beats, unit_power }));
        }
        MetaMessage::KeySignature(fifths, is_minor) if (-7..=7).contains(&fifths) => {
            spend(budget)?;
            file.keys.push((tick, KeySignature { fifths, is_minor }));
        }
        MetaMessage::Marker(text) => {
            spend(budget)?;
            file.markers.push((tick, words(text)));
        }
        _ => {}
    }
    Ok(())
}

fn spend(budget: &mut usize) -> Result<(), MidiError> {
    *budget = budget.checked_sub(1).ok_or(MidiError::TooMany)?;
    Ok(())
}

/// Text of a file as one clean line of at most 120 characters.
fn words(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(480)]).into_owned();
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
    clean.trim().to_string()
}

impl Collector {
    fn take(&mut self, tick: Tick, channel: u8, message: MidiMessage, budget: &mut usize) -> Result<(), MidiError> {
        let event = match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                spend(budget)?;
                self.first_program.get_or_insert(self.program);
                let pitch = key.as_int();
                self.open.entry(pitch).or_default().push_back(self.notes.len());
                self.notes.push((MidiNote { tick, length_ticks: 0, pitch, velocity: vel.as_int() }, false));
                return Ok(());
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                if let Some(oldest) = self.open.get_mut(&key.as_int()).and_then(VecDeque::pop_front) {
                    let (note, is_closed) = &mut self.notes[oldest];
                    note.length_ticks = tick.0 - note.tick.0;
                    *is_closed = true;
                }
                return Ok(());
            }
            MidiMessage::Aftertouch { key, vel } => {
                Message::KeyPressure { channel, pitch: key.as_int(), value: vel.as_int() }
            }
            MidiMessage::Controller { controller, value } => {
                Message::Control { channel, controller: controller.as_int(), value: value.as_int() }
            }
            MidiMessage::ProgramChange { program } => {
                self.program = Some(program.as_int());
                Message::Program { channel, program: program.as_int() }
            }
            MidiMessage::ChannelAftertouch { vel } => Message::Pressure { channel, value: vel.as_int() },
            MidiMessage::PitchBend { bend } => Message::Bend { channel, value: bend.as_int() },
        };
        spend(budget)?;
        self.events.push((tick, event));
        Ok(())
    }

    /// Closes what still sounds at the end of the track and cuts overlaps.
    fn finish(mut self, end: Tick, mut part: MidiPart) -> Option<MidiPart> {
        const HANGING_TICKS: u64 = 4 * TICKS_PER_QUARTER;
        let mut next: BTreeMap<u8, Tick> = BTreeMap::new();
        for (note, is_closed) in self.notes.iter_mut().rev() {
            if !*is_closed {
                note.length_ticks = (end.0 - note.tick.0).min(HANGING_TICKS);
            }
            if let Some(again) = next.get(&note.pitch) {
                note.length_ticks = note.length_ticks.min(again.0 - note.tick.0);
            }
            note.length_ticks = note.length_ticks.max(1);
            next.insert(note.pitch, note.tick);
        }
        let mut notes: Vec<MidiNote> = self.notes.into_iter().map(|n| n.0).collect();
        notes.sort_by_key(|n| (n.tick, n.pitch, std::cmp::Reverse((n.length_ticks, n.velocity))));
        // Two onsets of one pitch at one tick are one note.
        notes.dedup_by_key(|n| (n.tick, n.pitch));
        part.program = self.first_program.unwrap_or(self.program);
        part.notes = notes;
        part.events = self.events;
        (!part.notes.is_empty() || !part.events.is_empty()).then_some(part)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    /// A file of one type, division and tracks of raw event bytes; an end of track is added to each.
    fn bytes(kind: u8, division: [u8; 2], tracks: &[&[u8]]) -> Vec<u8> {
        let mut file = b"MThd\0\0\0\x06\0".to_vec();
        file.extend_from_slice(&[kind, 0, tracks.len() as u8, division[0], division[1]]);
        for track in tracks {
            file.extend_from_slice(b"MTrk");
            file.extend_from_slice(&(track.len() as u32 + 4).to_be_bytes());
            file.extend_from_slice(track);
            file.extend_from_slice(&[0, 0xFF, 0x2F, 0]);
        }
        file
    }

    /// Onset, length, pitch and velocity of every note.
    fn notes(bytes: &[u8]) -> Vec<(u64, u64, u8, u8)> {
        let file = read(bytes).unwrap();
        let all = file.parts.iter().flat_map(|p| &p.notes);
        all.map(|n| (n.tick.0, n.length_ticks, n.pitch, n.velocity)).collect()
    }

    #[test]
    fn notes_are_read_however_they_are_written() {
        let ppq = [0, 96];
        for (what, track, expected) in [
            ("plain", &[0, 0x90, 60, 80, 96, 0x80, 60, 0][..], &[(0, 960, 60, 80)][..]),
            ("running status, off by velocity 0", &[0, 0x90, 60, 80, 96, 60, 0], &[(0, 960, 60, 80)]),
            ("hanging to the end of the track", &[0, 0x90, 60, 80, 96, 0xB0, 7, 0], &[(0, 960, 60, 80)]),
            ("zero length", &[0, 0x90, 60, 80, 0, 60, 0], &[(0, 1, 60, 80)]),
            (
                "struck again",
                &[0, 0x90, 60, 80, 48, 60, 70, 48, 60, 0, 0, 60, 0],
                &[(0, 480, 60, 80), (480, 480, 60, 70)],
            ),
            (
                "legato at one tick",
                &[0, 0x90, 60, 80, 48, 60, 70, 0, 60, 0, 48, 60, 0],
                &[(0, 480, 60, 80), (480, 480, 60, 70)],
            ),
            ("an off without an on", &[0, 0x80, 60, 0, 0, 0x90, 61, 1, 96, 61, 0], &[(0, 960, 61, 1)]),
            ("twice at one tick", &[0, 0x90, 60, 80, 0, 60, 90, 96, 60, 0, 0, 60, 0], &[(0, 960, 60, 90)]),
        ] {
            assert_eq!(notes(&bytes(0, ppq, &[track])), expected, "{what}");
        }
    }

    #[test]
    fn one_track_with_several_channels_is_several_parts() {
        let track = [
            0, 0xFF, 3, 4, b'b', b'a', b'n', b'd', 0, 0xC1, 33, 0, 0x91, 40, 80, 0, 0x99, 36, 90, 96, 0x81, 40, 0, 0,
            0x89, 36, 0,
        ];
        let file = read(&bytes(0, [0, 96], &[&track])).unwrap();
        let parts: Vec<_> = file.parts.iter().map(|p| (p.name.as_str(), p.channel, p.program, p.notes.len())).collect();
        assert_eq!(parts, [("band", 1, Some(33), 1), ("band", 9, None, 1)]);
        assert_eq!(file.title, "band");
    }

    #[test]
    fn the_conductor_may_stand_in_any_track() {
        let first = [0, 0xFF, 0x58, 4, 3, 2, 24, 8, 0, 0xFF, 0x51, 3, 0x07, 0xA1, 0x20];
        let second = [96, 0xFF, 0x59, 2, 0xFD, 1, 96, 0xFF, 0x58, 4, 6, 3, 24, 8, 0, 0xFF, 6, 2, b'A', 0xFF];
        let file = read(&bytes(1, [0, 96], &[&first, &second])).unwrap();
        let metres: Vec<_> = file.metres.iter().map(|m| (m.0.0, m.1.to_string())).collect();
        assert_eq!(metres, [(0, "3/4".into()), (1920, "6/8".into())]);
        assert_eq!(file.tempos, [(Tick(0), Bpm::new(120.0))]);
        assert_eq!(file.keys, [(Tick(960), KeySignature { fifths: -3, is_minor: true })]);
        assert_eq!(file.keys[0].1.tonic(), 0);
        assert_eq!(file.markers, [(Tick(1920), "A\u{fffd}".into())]);
    }

    #[test]
    fn seconds_become_beats_of_120() {
        // 25 frames of 40 ticks: a millisecond a tick, so 500 ticks a quarter.
        let file = read(&bytes(1, [0xE7, 40], &[&[0x83, 0x74, 0x90, 60, 1, 0x83, 0x74, 60, 0]])).unwrap();
        assert!(file.is_timecode);
        assert_eq!(file.parts[0].notes[0].tick, Tick(960));
    }

    #[test]
    fn broken_files_are_errors_with_a_sentence() {
        let good = bytes(1, [0, 96], &[&[0, 0x90, 60, 80, 96, 60, 0]]);
        let mut cut = good.clone();
        cut.truncate(good.len() - 3);
        let long = [0x8F, 0xFF, 0xFF, 0x7F, 0x90, 1, 1];
        for (bytes, error) in [
            (b"RIFF".to_vec(), MidiError::NotMidi),
            (b"".to_vec(), MidiError::NotMidi),
            (b"#!/bin/sh".to_vec(), MidiError::NotMidi),
            (cut, MidiError::CutOff { track: 0, announced: 11, left: 8 }),
            (bytes(1, [0, 96], &[&[0, 60, 80]]), MidiError::Damaged { track: 0, at: 0 }),
            (bytes(1, [0, 96], &[]), MidiError::NoTrack),
            (bytes(1, [0, 0], &[&[]]), MidiError::NoDivision),
            (bytes(1, [0xE7, 0], &[&[]]), MidiError::NoDivision),
            (bytes(1, [0, 1], &[&long]), MidiError::TooLong),
        ] {
            let got = read(&bytes);
            assert_eq!(got, Err(error));
        }
        assert_eq!(
            MidiError::CutOff { track: 0, announced: 11, left: 8 }.to_string(),
            "the MIDI file is cut off: track 0 announces 11 bytes and 8 are left"
        );
        // Junk behind the last whole track is common and harmless.
        assert!(read(&[&good[..], b"junk"].concat()).is_ok());
    }

    #[test]
    fn a_flood_of_notes_is_refused() {
        let mut track = vec![0, 0x90, 60, 1];
        for _ in 0..MIDI_FILE_NOTES {
            track.extend_from_slice(&[0, 60, 1]);
        }
        assert_eq!(read(&bytes(1, [0, 96], &[&track])), Err(MidiError::TooMany));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&raw);
            let _ = read(&bytes(1, [0, 96], &[&raw]));
        }

        #[test]
        fn damaged_files_never_panic(at in 0usize..60, with in any::<u8>(), length in 0usize..80) {
            let track = [0, 0xFF, 3, 1, b'a', 0, 0xC0, 5, 0, 0x90, 60, 80, 96, 60, 0, 0, 0xF0, 1, 0xF7, 0, 0xE0, 1, 2];
            let mut file = bytes(1, [1, 0xE0], &[&track, &track]);
            if let Some(byte) = file.get_mut(at) {
                *byte = with;
            }
            file.truncate(length.max(14));
            let _ = read(&file);
        }
    }
}
