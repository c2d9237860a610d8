//! From a MIDI file to the step grid: nearest sixteenths, bars, roles, harmony.

use super::bars::{Bars, lay_out};
use super::harmony;
use super::keys;
use super::piece::{Dropped, GridNote};
use super::roles::{RawNote, RawPart, assign};
use crate::limits::NOTES_PER_STEP;
use crate::midi::{KeySignature, MidiFile, MidiNote, MidiPart};
use crate::music::{Chord, Key, Role, StepNote};
use crate::time::{BarMap, Metre, StepIndex, TICKS_PER_STEP, Tick};

/// What a file says by itself, without the folder that it lies in. Fields as in `Piece`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Length in steps.
    pub steps: u32,
    /// Metres by bar line.
    pub metres: Vec<(u32, Metre)>,
    /// Tempo at the start, quarter notes a minute.
    pub bpm: f32,
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
    /// Notes of the file that are not among them; the first sheet of a file counts for all.
    pub dropped: Dropped,
    /// True when the file names no metre and 4/4 was taken; the first sheet of a file says it.
    pub is_metre_assumed: bool,
}

/// Longest note that is kept, in steps: four of the longest bars.
const LONGEST_STEPS: u32 = 192;

/// Reads the music out of a file: one sheet, or several where a new key signature begins a new section (as the movements of a
/// quartet do).
///
/// # Errors
/// A sentence that says why the file is of no use: no notes, no beat, a metre off the grid.
pub fn understand(file: &MidiFile) -> Result<Vec<Sheet>, String> {
    if file.is_timecode {
        return Err("the file counts seconds and has no beats".into());
    }
    let end = file.parts.iter().flat_map(|p| p.notes.iter().map(MidiNote::end)).max().unwrap_or(Tick(0));
    if end.0 == 0 {
        return Err("the file has no notes".into());
    }
    let bars = lay_out(&file.metres, end)?;
    let shift = steady_shift(file, &bars);
    let parts: Vec<RawPart> =
        file.parts.iter().filter(|p| !p.notes.is_empty()).map(|p| raw_part(p, &bars, shift)).collect();
    let beat_steps = bars.metres.first().map_or(4, |m| m.1.beat_steps());
    let mut dropped = Dropped::default();
    let assigned = assign(&parts, beat_steps, &mut dropped);
    let count = assigned.len();
    let notes = tidy(assigned, bars.steps);
    dropped.doubled = (count - notes.len()) as u32;
    if notes.is_empty() {
        return Err("no note of the file belongs to a role".into());
    }
    let whole = Sheet {
        steps: bars.steps,
        metres: bars.metres.clone(),
        bpm: file.tempos.first().map_or(120.0, |t| t.1.get() as f32),
        has_velocity: parts.iter().any(|p| velocities(&p.notes) >= 4),
        is_performed: is_performed(file, &bars, shift),
        notes,
        ..Sheet::default()
    };
    let labels = harmony::labelled(file, &bars);
    let mut is_metre_assumed = file.metres.is_empty();
    let mut sheets = Vec::new();
    for (from, to, signature) in sections(file, &bars) {
        let mut sheet = whole.cut(from, to);
        if sheet.notes.iter().any(|n| n.role.is_pitched()) {
            sheet.key = keys::estimate(&sheet.notes, signature);
            sheet.chords = match &labels {
                Some(labels) => cut_changes(labels, from, to),
                None => harmony::estimate(&sheet.notes, &sheet.metres, sheet.steps),
            };
        }
        if !sheet.notes.is_empty() {
            // Counted once for the file.
            sheet.dropped = std::mem::take(&mut dropped);
            sheet.is_metre_assumed = std::mem::take(&mut is_metre_assumed);
            sheets.push(sheet);
        }
    }
    Ok(sheets)
}

/// Shortest section that is a piece of its own, in steps: sixteen bars of 4/4.
const SECTION_STEPS: u32 = 256;

/// Where sections begin and end, and their key signatures.
fn sections(file: &MidiFile, bars: &Bars) -> Vec<(u32, u32, Option<KeySignature>)> {
    let mut map = BarMap::new(bars.metres.first().map_or(Metre::FOUR_FOUR, |m| m.1));
    bars.metres.iter().skip(1).for_each(|(step, metre)| map.set(StepIndex(u64::from(*step)), *metre));
    let mut sections: Vec<(u32, u32, Option<KeySignature>)> =
        vec![(0, bars.steps, file.keys.first().filter(|k| k.0.0 == 0).map(|k| k.1))];
    for (tick, signature) in &file.keys {
        let step = bars.nearest_step(*tick);
        let is_line = map.place(StepIndex(u64::from(step))).is_bar_line();
        let Some(last) = sections.last_mut() else { break };
        let is_new = last.2.is_some_and(|s| s.fifths != signature.fifths);
        if is_new && is_line && step >= last.0 + SECTION_STEPS && step + SECTION_STEPS <= bars.steps {
            last.1 = step;
            sections.push((step, bars.steps, Some(*signature)));
        }
    }
    sections
}

impl Sheet {
    /// The steps `from..to` as a sheet of their own, without key and chords.
    fn cut(&self, from: u32, to: u32) -> Sheet {
        let inside = self.notes.iter().filter(|n| (from..to).contains(&n.step));
        let notes = inside.map(|n| {
            let longest = (to - n.step).min(u32::from(u16::MAX)) as u16;
            let note = StepNote { duration_steps: n.note.duration_steps.min(longest), ..n.note };
            GridNote { step: n.step - from, note, ..*n }
        });
        Sheet {
            steps: to - from,
            metres: cut_changes(&self.metres, from, to),
            bpm: self.bpm,
            has_velocity: self.has_velocity,
            is_performed: self.is_performed,
            notes: notes.collect(),
            ..Sheet::default()
        }
    }
}

/// Changes within `from..to`, from 0 on, with what held before at 0.
fn cut_changes<T: Copy>(changes: &[(u32, T)], from: u32, to: u32) -> Vec<(u32, T)> {
    let first = changes.partition_point(|c| c.0 <= from).saturating_sub(1);
    changes[first..].iter().filter(|c| c.0 < to).map(|c| (c.0.saturating_sub(from), c.1)).collect()
}

/// The part on the grid, in order.
fn raw_part(part: &MidiPart, bars: &Bars, shift: i64) -> RawPart {
    let mut notes: Vec<RawNote> = part.notes.iter().map(|n| on_grid(n, bars, shift)).collect();
    notes.sort_by_key(|n| (n.step, n.pitch));
    RawPart { name: part.name.clone(), channel: part.channel, program: part.program, notes }
}

/// Nearest step, and the distance from it.
fn on_grid(note: &MidiNote, bars: &Bars, shift: i64) -> RawNote {
    let moved = |tick: Tick| Tick(tick.0.saturating_add_signed(-shift));
    let step = bars.nearest_step(moved(note.tick)).min(bars.steps.saturating_sub(1));
    let offset = bars.grid_tick(moved(note.tick)) - i64::from(step) * TICKS_PER_STEP as i64;
    RawNote {
        step,
        end: bars.nearest_step(moved(note.end())).clamp(step + 1, step + LONGEST_STEPS),
        pitch: note.pitch,
        velocity: note.velocity.clamp(1, 127),
        offset_ticks: offset.clamp(-120, 120) as i16,
    }
}

/// Largest shift of a whole file that is taken for a mistake of its export.
const SHIFT_TICKS: i64 = 40;

/// The distance from the grid that most onsets share: some files are a few ticks early throughout.
fn steady_shift(file: &MidiFile, bars: &Bars) -> i64 {
    let step = TICKS_PER_STEP as i64;
    let mut counts = [0usize; TICKS_PER_STEP as usize];
    for note in file.parts.iter().flat_map(|p| &p.notes) {
        counts[bars.grid_tick(note.tick).rem_euclid(step) as usize] += 1;
    }
    let all: usize = counts.iter().sum();
    let (most, count) = counts.iter().enumerate().fold((0, 0), |m, (i, c)| if *c > m.1 { (i, *c) } else { m });
    let shift = (most as i64 + step / 2) % step - step / 2;
    if shift.abs() <= SHIFT_TICKS && count * 2 > all { shift } else { 0 }
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
fn is_performed(file: &MidiFile, bars: &Bars, shift: i64) -> bool {
    let (mut off, mut all) = (0usize, 0usize);
    for note in file.parts.iter().flat_map(|p| &p.notes) {
        // Divisions that 960 is no multiple of round by a tick.
        off += usize::from((2..=38).contains(&(bars.grid_tick(note.tick) - shift).rem_euclid(40)));
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
