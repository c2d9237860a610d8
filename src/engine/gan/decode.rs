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
use serde::{Deserialize, Serialize};

/// Onsets less likely than this are not played, however dense the bar is asked to be.
const HARDLY: f32 = 1e-6;
/// Velocity of notes whose corpus has none.
const PLAIN_VELOCITY: f32 = 80.0 / 127.0;

/// How a role's planes are read; fitted to the train and valid splits and kept in the model's file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// A note lasts while it is likelier than this that it is still held, 0..1.
    pub hold: f32,
    /// How much chance has a say in lengths: 0 none, 1 each length as often as it is likely.
    pub loose: f32,
    /// How much chance has a say in which onsets are played: 0 the likeliest, 1 each by its likelihood.
    pub heat: f32,
    /// The same for whole steps: all onsets of a step rise or fall together.
    pub sway: f32,
    /// Logits that onsets between the beats are given, which a generator that is not sure leaves too few of.
    pub lift: f32,
    /// Logits that the tones of a step's chord are given.
    pub tone: f32,
    /// How strongly pitches are drawn to the register that is asked for, in logits for an octave by an octave.
    pub pull: f32,
}

impl Default for Manner {
    /// The likeliest onsets, the likeliest lengths.
    fn default() -> Self {
        Manner { hold: 0.5, loose: 0.0, heat: 0.0, sway: 0.0, lift: 0.0, tone: 0.0, pull: 0.0 }
    }
}

impl Manner {
    /// True for numbers with which planes can be read.
    pub fn is_sound(&self) -> bool {
        let others = [self.loose, self.heat, self.sway, self.tone, self.pull];
        let is_even = (-8.0..=8.0).contains(&self.lift);
        self.hold > 0.0 && self.hold < 1.0 && is_even && others.iter().all(|x| (0.0..=8.0).contains(x))
    }
}

/// How a bar's planes are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Most notes that a step starts.
    pub polyphony: u8,
    /// The role's way.
    pub manner: Manner,
    /// The bar's chance; each cell has its own number.
    pub chance: Chance,
}

impl Reading {
    /// The likeliest onsets and lengths: for tests and where no file says otherwise.
    pub fn plain(polyphony: u8) -> Reading {
        Reading { polyphony, manner: Manner::default(), chance: Chance::default() }
    }

    /// Logistic noise with an address: with it, what is likely by p happens as often as p (Gumbel's trick for two choices).
    fn luck(&self, purpose: Purpose, step: u8, row: u64) -> f32 {
        let unit = self.chance.unit(purpose, u64::from(step), row);
        logit(if unit > 0.0 { unit } else { HARDLY })
    }
}

/// Address of what all rows of a step have in common.
const WHOLE_STEP: u64 = 1 << 16;

fn logit(likely: f32) -> f32 {
    math::ln(likely.max(HARDLY) / (1.0 - likely).max(HARDLY))
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
    let mut manner = reading.manner;
    if family == Family::Drums {
        manner.tone = 0.0;
    }
    let tilt = Tilt::of(scene, planes, manner.pull);
    for step in (0..SEGMENT_STEPS).filter(|step| is_open(scene, *step)) {
        let slot = &planes[step * width..][..family.rows()];
        let in_bar = scene.segment.index * SEGMENT_STEPS as u32 + step as u32;
        let is_beat = in_bar.is_multiple_of(scene.segment.metre.beat_steps());
        let lift = if is_beat { 0.0 } else { manner.lift };
        let of_step = lift + manner.sway * reading.luck(Purpose::Pattern, step as u8, WHOLE_STEP);
        for (row, likely) in slot.iter().enumerate().filter(|(_, likely)| **likely > HARDLY) {
            let luck = of_step + manner.heat * reading.luck(Purpose::Pattern, step as u8, row as u64);
            let is_tone = manner.tone > 0.0 && scene.chords[step].is_some_and(|c| c.has(pitch_of(scene, row)));
            let score = logit(*likely) + luck + tilt.at(row) + if is_tone { manner.tone } else { 0.0 };
            out.push(Onset { step: step as u8, row: row as u8, score, note: StepNote::new(0, 1, 1) });
        }
    }
    // Stable and total, so that equal likelihoods keep their order on every machine.
    out.sort_by(|a, b| b.score.total_cmp(&a.score));
    keep(scene, reading.polyphony.max(1), out);
    out.sort_by_key(|o| (o.step, o.row));
    for at in 0..out.len() {
        let is_line = reading.polyphony <= 1;
        let later = out[at + 1..].iter().filter(|o| o.step > out[at].step);
        let next = later.clone().find(|o| is_line || o.row == out[at].row).map(|o| o.step);
        out[at].note = note_of(scene, planes, &out[at], &reading, next);
    }
}

/// Onsets of pitches that are likelier than not, and those of them in whose cell it is not likely that anything sounds.
/// A generator with an onset plane and a sustain plane of their own has some.
pub fn orphans(scene: &BarScene, planes: &[f32]) -> [u64; 2] {
    let family = Family::of(scene.role);
    if family == Family::Drums {
        return [0, 0];
    }
    let slots = planes.chunks_exact(family.planes()).take(SEGMENT_STEPS);
    let cells = slots.flat_map(|slot| slot[..PITCH_ROWS].iter().zip(&slot[PITCH_ROWS..2 * PITCH_ROWS]));
    let likely = cells.filter(|(onset, _)| **onset > 0.5);
    likely.fold([0, 0], |[all, lost], (_, sounds)| [all + 1, lost + u64::from(*sounds <= 0.5)])
}

/// Draws pitches towards the register that is asked for: logits in proportion to the distance from the planes' own mean, so that
/// the mean moves and the spread stays.
struct Tilt {
    mean: f32,
    by_row: f32,
}

impl Tilt {
    fn of(scene: &BarScene, planes: &[f32], pull: f32) -> Tilt {
        let (family, none) = (Family::of(scene.role), Tilt { mean: 0.0, by_row: 0.0 });
        let Some(asked) = scene.register.filter(|_| family == Family::Pitched && pull > 0.0) else { return none };
        let slots = planes.chunks_exact(family.planes()).take(SEGMENT_STEPS);
        let cells = slots.flat_map(|slot| slot[..family.rows()].iter().enumerate());
        let (sum, weight) = cells.fold((0.0f32, 0.0f32), |(s, w), (row, p)| (s + p * row as f32, w + p));
        if weight <= HARDLY {
            return none;
        }
        let (low, high) = scene.role.range();
        let pitch = f32::from(low) + asked * f32::from(high - low);
        let wanted = pitch - (LOWEST[scene.role.index()] + tonic_shift(scene)) as f32;
        let mean = sum / weight;
        Tilt { mean, by_row: pull * (wanted - mean) / (OCTAVE * OCTAVE) }
    }

    fn at(&self, row: usize) -> f32 {
        self.by_row * (row as f32 - self.mean)
    }
}

const OCTAVE: f32 = 12.0;

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

fn note_of(scene: &BarScene, planes: &[f32], onset: &Onset, reading: &Reading, next: Option<u8>) -> StepNote {
    let family = Family::of(scene.role);
    let (step, row, width) = (usize::from(onset.step), usize::from(onset.row), family.planes());
    let slot = &planes[step * width..][..width];
    if family == Family::Drums {
        return drum(slot, row);
    }
    let pitch = pitch_of(scene, row);
    // The plane carries the velocity in proportion to the onsets.
    let onsets: f32 = slot[..PITCH_ROWS].iter().sum();
    let loud = slot[2 * PITCH_ROWS] / if onsets < 1.0 { onsets } else { 1.0 };
    let velocity = velocity_of(if loud > 0.05 { loud } else { PLAIN_VELOCITY });
    // Notes that begin together end by the same chance.
    let luck = reading.manner.loose * reading.luck(Purpose::Duration, onset.step, WHOLE_STEP);
    let enough = logit(reading.manner.hold) + luck;
    let length = length(planes, width, [step, row], enough, scene.segment.steps as usize);
    let until_next = next.map_or(u16::MAX, |next| u16::from(next - onset.step));
    StepNote::new(pitch, velocity, length.min(until_next))
}

/// Pitch of a row of a pitched role.
fn pitch_of(scene: &BarScene, row: usize) -> u8 {
    (row as i32 + LOWEST[scene.role.index()] + tonic_shift(scene)).clamp(0, 127) as u8
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

/// A note lasts while it is likely enough (in logits) that its row sounds on: that it is held, or that it would be struck again
/// where no onset was chosen.
fn length(planes: &[f32], width: usize, [step, row]: [usize; 2], enough: f32, steps: usize) -> u16 {
    let mut alive = 1.0;
    let mut before = planes[step * width + PITCH_ROWS + row];
    let mut is_held = |slot: usize| {
        let (onset, sounds) = (planes[slot * width + row], planes[slot * width + PITCH_ROWS + row]);
        // What sounds is what starts, or what sounded before and is held (`train::gan::ends`).
        alive *= if before > HARDLY { (onset + (sounds - onset) / before).clamp(0.0, 1.0) } else { 0.0 };
        before = sounds;
        logit(alive) > enough
    };
    let mut end = step + 1;
    while end < steps && is_held(end) {
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
    use crate::music::{Chord, Key};
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

    /// Planes of a lead bar with onsets (step, row, likely), each held by `held` from step to step.
    fn planes(onsets: &[(usize, usize, f32)], held: f32) -> Vec<f32> {
        let width = Family::Pitched.planes();
        let mut planes = vec![0.0; Family::Pitched.slots() * width];
        for (step, row, likely) in onsets {
            planes[step * width + row] = *likely;
            (*step..SEGMENT_STEPS).fold(*likely, |sounds, slot| {
                planes[slot * width + PITCH_ROWS + row] = sounds;
                sounds * held
            });
        }
        planes
    }

    fn scene(density: f32, register: Option<f32>) -> BarScene {
        let scene = BarScene::silent(Role::Lead, Segment::of(&BarMap::default().place(StepIndex(0))));
        BarScene { density: Some(density), register, ..scene }
    }

    #[test]
    fn lengths_are_as_often_as_they_are_likely_when_chance_has_its_say() {
        let (scene, planes) = (scene(1.0 / 16.0, None), planes(&[(0, 5, 0.9)], 0.7));
        let manner = Manner { loose: 1.0, ..Manner::default() };
        let length = |seed| {
            let reading = Reading { manner, chance: Chance::new(seed), ..Reading::plain(1) };
            read_planes(&scene, &planes, reading).notes[0].1.duration_steps
        };
        let lengths: Vec<u16> = (0..4000).map(length).collect();
        for steps in 1..6u16 {
            let share = lengths.iter().filter(|l| **l > steps).count() as f32 / lengths.len() as f32;
            assert!((share - 0.7f32.powi(i32::from(steps))).abs() < 0.03, "{share} last longer than {steps}");
        }
        assert_eq!(read_planes(&scene, &planes, Reading::plain(1)).notes[0].1.duration_steps, 2, "0.7, then 0.49");
    }

    #[test]
    fn a_register_draws_pitches_to_it() {
        let planes = planes(&[(0, 5, 0.6), (0, 29, 0.5)], 0.0);
        let row = |register: Option<f32>, pull: f32| {
            let reading = Reading { manner: Manner { pull, ..Manner::default() }, ..Reading::plain(1) };
            let notes = read_planes(&scene(1.0 / 16.0, register), &planes, reading).notes;
            notes[0].1.pitch - LOWEST[Role::Lead.index()] as u8
        };
        assert_eq!([row(None, 4.0), row(Some(0.9), 0.0), row(Some(0.9), 4.0), row(Some(0.1), 4.0)], [5, 5, 29, 5]);
    }

    #[test]
    fn tones_of_the_chord_can_be_preferred() {
        let planes = planes(&[(0, 1, 0.6), (0, 3, 0.5)], 0.0);
        let row = |tone: f32| {
            let reading = Reading { manner: Manner { tone, ..Manner::default() }, ..Reading::plain(1) };
            let mut scene = scene(1.0 / 16.0, None);
            scene.key = Key::parse("C major");
            scene.chords = [Chord::parse("C"); SEGMENT_STEPS];
            read_planes(&scene, &planes, reading).notes[0].1.pitch % 12
        };
        let low = LOWEST[Role::Lead.index()] as u8 % 12;
        assert_eq!([row(0.0), row(1.0)], [(low + 1) % 12, (low + 3) % 12]);
    }

    #[test]
    fn what_lies_between_the_beats_can_be_lifted() {
        let planes = planes(&[(4, 5, 0.6), (6, 7, 0.5)], 0.0);
        let step = |lift: f32| {
            let reading = Reading { manner: Manner { lift, ..Manner::default() }, ..Reading::plain(1) };
            read_planes(&scene(1.0 / 16.0, None), &planes, reading).notes[0].0
        };
        assert_eq!([step(0.0), step(1.0)], [4, 6]);
    }
}
