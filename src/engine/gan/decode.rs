//! From planes to notes: which of the likely onsets are played, and how long they last.
//!
//! Without a density every onset that is likelier than not is played. A density is obeyed to the note: the likeliest onsets
//! are played until there are as many as were asked for. No step starts more notes than the part's polyphony; a part of
//! one voice ends each note where the next one starts.

use super::planes::{LOWEST, OFFSET_TICKS, is_open, tonic_shift};
use super::scene::{BarNotes, BarScene, SEGMENT_STEPS};
use super::shape::{Family, OVERHANG, OVERHANG_STEPS, PITCH_ROWS};
use crate::engine::math;
use crate::music::{Chance, Purpose, Role, StepNote, kit};
use crate::token;

/// Onsets less likely than this are not played, however dense the bar is asked to be.
const HARDLY: f32 = 1e-6;
/// Velocity of notes whose corpus has none.
const PLAIN_VELOCITY: f32 = 80.0 / 127.0;

/// How planes are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Most notes that a step starts.
    pub polyphony: u8,
    /// A note lasts while this share of its onset sounds on, 0..1; what a model's file says of the role.
    pub hold: f32,
    /// How much chance has a say in which onsets are played: 0 the likeliest, 1 each by its likelihood.
    pub heat: f32,
    /// The bar's chance; each cell has its own number.
    pub chance: Chance,
}

impl Reading {
    /// The likeliest onsets, notes of even length: for tests and where no file says otherwise.
    pub fn plain(polyphony: u8) -> Reading {
        Reading { polyphony, hold: 0.5, heat: 0.0, chance: Chance::default() }
    }
}

/// A note that a generator proposes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset {
    /// Step of the segment.
    pub step: u8,
    /// Row of the plane.
    row: u8,
    /// How much is for it, in logits: above 0 it is played when nobody asks for a density.
    score: f32,
    /// The note.
    pub note: StepNote,
}

/// The notes in planes that a generator wrote.
pub fn read_planes(scene: &BarScene, planes: &[f32], reading: Reading) -> BarNotes {
    let mut onsets = Vec::new();
    choose_onsets(scene, planes, reading, &mut onsets);
    let mut notes: Vec<_> = onsets.iter().map(|o| (o.step, o.note)).collect();
    notes.sort_by_key(|(step, note)| (*step, note.pitch));
    BarNotes { steps: scene.segment.steps, notes }
}

/// The onsets that are played, in order of steps, into `out`, which is cleared first.
pub fn choose_onsets(scene: &BarScene, planes: &[f32], reading: Reading, out: &mut Vec<Onset>) {
    out.clear();
    let family = Family::of(scene.role);
    let width = family.planes();
    for step in (0..SEGMENT_STEPS).filter(|step| is_open(scene, *step)) {
        let slot = &planes[step * width..][..family.rows()];
        for (row, likely) in slot.iter().enumerate().filter(|(_, likely)| **likely > HARDLY) {
            let (step, row) = (step as u8, row as u8);
            let score = math::ln(likely / (1.0 - likely).max(HARDLY)) + reading.heat * luck(&reading, step, row);
            out.push(Onset { step, row, score, note: StepNote::new(0, 1, 1) });
        }
    }
    // Stable and total, so that equal likelihoods keep their order on every machine.
    out.sort_by(|a, b| b.score.total_cmp(&a.score));
    keep(scene, reading.polyphony.max(1), out);
    out.sort_by_key(|o| (o.step, o.row));
    for at in 0..out.len() {
        let next = out[at + 1..].iter().find(|o| o.step > out[at].step).map(|o| o.step);
        out[at].note = note_of(scene, planes, &out[at], reading.hold, next.filter(|_| reading.polyphony <= 1));
    }
}

/// Logistic noise of a cell: with it, an onset is played as often as it is likely (Gumbel's trick for two choices).
fn luck(reading: &Reading, step: u8, row: u8) -> f32 {
    let unit = reading.chance.unit(Purpose::Pattern, u64::from(step), u64::from(row));
    let unit = if unit > 0.0 { unit } else { HARDLY };
    math::ln(unit / (1.0 - unit).max(HARDLY))
}

/// Keeps the likeliest onsets: as many as the density asks for, else those likelier than not.
fn keep(scene: &BarScene, polyphony: u8, onsets: &mut Vec<Onset>) {
    let wanted = scene.density.map(|d| {
        let count = (token::onsets(scene.role, d, scene.segment.steps) + 0.5) as usize;
        if d > 0.0 { count.max(1) } else { 0 }
    });
    let by_steps = matches!(scene.role, Role::Bass | Role::Lead);
    let (mut in_step, mut count) = ([0u8; SEGMENT_STEPS], 0);
    onsets.retain(|o| {
        let here = &mut in_step[usize::from(o.step)];
        // A second note in a step is none more for parts whose density counts steps.
        let is_more = *here == 0 || !by_steps;
        let is_wanted = match wanted {
            Some(wanted) if is_more => count < wanted,
            _ => o.score > 0.0 && wanted != Some(0),
        };
        let is_kept = is_wanted && *here < polyphony;
        *here += u8::from(is_kept);
        count += usize::from(is_kept && is_more);
        is_kept
    });
}

fn note_of(scene: &BarScene, planes: &[f32], onset: &Onset, hold: f32, next: Option<u8>) -> StepNote {
    let family = Family::of(scene.role);
    let (step, row, width) = (usize::from(onset.step), usize::from(onset.row), family.planes());
    let slot = &planes[step * width..][..width];
    if family == Family::Drums {
        return drum(slot, row);
    }
    let pitch = (row as i32 + LOWEST[scene.role.index()] + tonic_shift(scene)).clamp(0, 127) as u8;
    // The plane carries the velocity in proportion to the onsets.
    let onsets: f32 = slot[..PITCH_ROWS].iter().sum();
    let loud = slot[2 * PITCH_ROWS] / if onsets < 1.0 { onsets } else { 1.0 };
    let velocity = velocity_of(if loud > 0.05 { loud } else { PLAIN_VELOCITY });
    let length = length(planes, width, [step, row], hold, scene.segment.steps as usize);
    let until_next = next.map_or(u16::MAX, |next| u16::from(next - onset.step));
    StepNote::new(pitch, velocity, length.min(until_next))
}

fn velocity_of(share: f32) -> u8 {
    (share * 127.0 + 0.5).clamp(1.0, 127.0) as u8
}

fn drum(slot: &[f32], row: usize) -> StepNote {
    let share = |plane: usize| slot[plane * kit::ROW_COUNT + row] / slot[row];
    let loud = share(1);
    let velocity = velocity_of(if loud > 0.02 { loud } else { PLAIN_VELOCITY });
    let offset = (share(2) * OFFSET_TICKS).clamp(-OFFSET_TICKS, OFFSET_TICKS);
    let offset_ticks = (offset + if offset < 0.0 { -0.5 } else { 0.5 }) as i16;
    StepNote { offset_ticks, ..StepNote::new(kit::ROWS[row].pitch, velocity, 1) }
}

/// A note lasts while enough of its onset sounds on and nothing starts in its row again.
fn length(planes: &[f32], width: usize, [step, row]: [usize; 2], hold: f32, steps: usize) -> u16 {
    let enough = planes[step * width + row] * hold;
    let is_held = |slot: usize| planes[slot * width + PITCH_ROWS + row] > enough;
    let mut end = step + 1;
    while end < steps && is_held(end) && planes[end * width + row] <= 0.5 {
        end += 1;
    }
    let mut length = (end - step) as u16;
    if end == steps {
        let overhang = (0..OVERHANG.len()).take_while(|i| is_held(SEGMENT_STEPS + i)).last();
        length += overhang.map_or(0, |i| OVERHANG_STEPS[i]);
    }
    length
}

#[cfg(test)]
mod test {
    use super::super::scene::Segment;
    use super::*;
    use crate::time::{BarMap, StepIndex};

    /// A lead bar over nothing, with onsets (step, row, likely) that are held for two steps.
    fn bar(role: Role, density: Option<f32>, onsets: &[(usize, usize, f32)], polyphony: u8) -> Vec<(u8, u8, u16)> {
        let mut scene = BarScene::silent(role, Segment::of(&BarMap::default().place(StepIndex(0))));
        scene.density = density;
        let width = Family::Pitched.planes();
        let mut planes = vec![0.0; Family::Pitched.slots() * width];
        for (step, row, likely) in onsets {
            planes[step * width + row] = *likely;
            (*step..step + 3).for_each(|s| planes[s * width + PITCH_ROWS + row] = *likely * 0.9);
        }
        let low = LOWEST[role.index()] as u8;
        let notes = read_planes(&scene, &planes, Reading::plain(polyphony)).notes;
        notes.into_iter().map(|(step, n)| (step, n.pitch - low, n.duration_steps)).collect()
    }

    #[test]
    fn a_density_is_obeyed_to_the_note_by_the_likeliest_onsets() {
        let onsets = [(0, 5, 0.9), (2, 7, 0.4), (4, 9, 0.8), (8, 1, 0.2)];
        assert_eq!(bar(Role::Lead, None, &onsets, 1), [(0, 5, 3), (4, 9, 3)]);
        assert_eq!(bar(Role::Lead, Some(3.0 / 16.0), &onsets, 1), [(0, 5, 2), (2, 7, 2), (4, 9, 3)]);
        assert_eq!(bar(Role::Lead, Some(1.0 / 16.0), &onsets, 1), [(0, 5, 3)]);
        assert_eq!(bar(Role::Lead, Some(0.001), &onsets, 1).len(), 1);
        assert_eq!(bar(Role::Lead, Some(0.0), &onsets, 1), []);
    }

    #[test]
    fn a_step_starts_no_more_notes_than_the_polyphony() {
        let onsets = [(0, 5, 0.9), (0, 9, 0.95), (0, 12, 0.6)];
        assert_eq!(bar(Role::Chords, None, &onsets, 2), [(0, 5, 3), (0, 9, 3)]);
        assert_eq!(bar(Role::Lead, Some(1.0 / 16.0), &onsets, 1), [(0, 9, 3)]);
        assert_eq!(bar(Role::Lead, Some(1.0 / 16.0), &onsets, 3).len(), 3);
    }
}
