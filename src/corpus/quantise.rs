//! From a MIDI file to the step grid: nearest sixteenths, bars, roles, harmony.

use super::bars::{Bars, lay_out};
use super::harmony;
use super::keys;
use super::piece::GridNote;
use super::roles::{RawNote, RawPart, assign};
use crate::limits::NOTES_PER_STEP;
use crate::midi::{MidiFile, MidiNote};
use crate::music::{Chord, Key, Role, StepNote};
use crate::time::{Metre, TICKS_PER_STEP, Tick};

/// What a file says by itself, without the folder that it lies in. Fields as in `Piece`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Length in steps.
    pub steps: u32,
    /// Metres by bar line.
    pub metres: Vec<(u32, Metre)>,
    /// Velocities differ.
    pub has_velocity: bool,
    /// Offsets are human.
    pub is_performed: bool,
    /// Key of the whole.
    pub key: Option<Key>,
    /// Chord changes.
    pub chords: Vec<(u32, Option<Chord>)>,
    /// The notes.
    pub notes: Vec<GridNote>,
}

/// Longest note that is kept, in steps: four of the longest bars.
const LONGEST_STEPS: u32 = 192;

/// Reads the music out of a file.
///
/// # Errors
/// A sentence that says why the file is of no use: no notes, no beat, a metre off the grid.
pub fn understand(file: &MidiFile) -> Result<Sheet, String> {
    if file.is_timecode {
        return Err("the file counts seconds and has no beats".into());
    }
    let end = file.parts.iter().flat_map(|p| p.notes.iter().map(MidiNote::end)).max().unwrap_or(Tick(0));
    if end.0 == 0 {
        return Err("the file has no notes".into());
    }
    let bars = lay_out(&file.metres, end)?;
    let parts: Vec<RawPart> = file
        .parts
        .iter()
        .filter(|p| !p.notes.is_empty())
        .map(|p| RawPart {
            name: p.name.clone(),
            channel: p.channel,
            program: p.program,
            notes: p.notes.iter().map(|n| on_grid(n, &bars)).collect(),
        })
        .map(|mut p| {
            p.notes.sort_by_key(|n| (n.step, n.pitch));
            p
        })
        .collect();
    let has_velocity = parts.iter().any(|p| velocities(&p.notes) >= 4);
    let beat_steps = bars.metres.first().map_or(4, |m| m.1.beat_steps());
    let notes = tidy(assign(&parts, beat_steps), bars.steps);
    if notes.is_empty() {
        return Err("no note of the file belongs to a role".into());
    }
    let mut sheet = Sheet {
        steps: bars.steps,
        metres: bars.metres.clone(),
        has_velocity,
        is_performed: is_performed(file),
        notes,
        ..Sheet::default()
    };
    if sheet.notes.iter().any(|n| n.role.is_pitched()) {
        sheet.key = keys::estimate(&sheet.notes, file.keys.first().map(|k| k.1));
        sheet.chords = harmony::labelled(file, &bars)
            .unwrap_or_else(|| harmony::estimate(&sheet.notes, &sheet.metres, sheet.steps));
    }
    Ok(sheet)
}

/// Nearest step, and the distance from it.
fn on_grid(note: &MidiNote, bars: &Bars) -> RawNote {
    let nearest = |tick: Tick| ((tick.0 + bars.shift_ticks + TICKS_PER_STEP / 2) / TICKS_PER_STEP) as u32;
    let step = nearest(note.tick);
    let offset = (note.tick.0 + bars.shift_ticks) as i64 - i64::from(step) * TICKS_PER_STEP as i64;
    RawNote {
        step: step.min(bars.steps.saturating_sub(1)),
        end: nearest(note.end()).clamp(step + 1, step + LONGEST_STEPS),
        pitch: note.pitch,
        velocity: note.velocity.clamp(1, 127),
        offset_ticks: offset.clamp(-120, 120) as i16,
    }
}

/// Number of different velocities, counted up to 4.
fn velocities(notes: &[RawNote]) -> usize {
    let mut seen = Vec::new();
    for note in notes {
        if seen.len() < 4 && !seen.contains(&note.velocity) {
            seen.push(note.velocity);
        }
    }
    seen.len()
}

/// True when more than a quarter of the onsets lie off every notated place (multiples of a 24th of a quarter).
fn is_performed(file: &MidiFile) -> bool {
    let (mut off, mut all) = (0usize, 0usize);
    for note in file.parts.iter().flat_map(|p| &p.notes) {
        let rest = note.tick.0 % 40;
        // Divisions that 960 is no multiple of round by a tick.
        off += usize::from((2..=38).contains(&rest));
        all += 1;
    }
    off * 4 > all
}

/// Sorted, without duplicates or overlaps, within range, and no more than a step can hold.
fn tidy(mut raw: Vec<(Role, RawNote)>, steps: u32) -> Vec<GridNote> {
    for (role, note) in &mut raw {
        if role.is_pitched() {
            // The keyboard that models know; an octave is the least that can be changed.
            while note.pitch < 21 {
                note.pitch += 12;
            }
            while note.pitch > 108 {
                note.pitch -= 12;
            }
        }
        note.end = note.end.min(steps).max(note.step + 1);
    }
    raw.sort_by_key(|(role, n)| (n.step, *role, n.pitch, u32::MAX - n.end, 127 - n.velocity));
    raw.dedup_by_key(|(role, n)| (n.step, *role, n.pitch));
    cut_overlaps(&mut raw);
    let mut notes: Vec<GridNote> = Vec::with_capacity(raw.len());
    for group in raw.chunk_by(|a, b| (a.0, a.1.step) == (b.0, b.1.step)) {
        notes.extend(group.iter().take(NOTES_PER_STEP).map(|(role, n)| GridNote {
            step: n.step,
            role: *role,
            note: StepNote {
                offset_ticks: n.offset_ticks,
                ..StepNote::new(n.pitch, n.velocity, (n.end - n.step) as u16)
            },
        }));
    }
    notes
}

/// A note ends where its pitch is struck again in the same role.
fn cut_overlaps(raw: &mut [(Role, RawNote)]) {
    let mut next = [[u32::MAX; 128]; 4];
    for (role, note) in raw.iter_mut().rev() {
        let again = &mut next[role.index()][usize::from(note.pitch & 127)];
        note.end = note.end.min(*again).max(note.step + 1);
        *again = note.step;
    }
}
