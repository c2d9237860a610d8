//! The rows that the detail of a chosen note sees: which sound it is, and how hard and how far off the grid the role has been playing.

use super::bag::{Bag, Group, group, start_of, total};
use super::classes::{self, OFFSET_CLASSES, SOUND_ROWS, VELOCITY_CLASSES};
use crate::engine::heard::{HeardNote, History};
use crate::music::{Role, StepNote};
use crate::time::Place;

/// Velocity classes, and one row more for "none".
const VELOCITIES: u32 = VELOCITY_CLASSES as u32 + 1;
/// Offset classes, likewise.
const OFFSETS: u32 = OFFSET_CLASSES as u32 + 1;
/// Steps that are looked back.
const REACH: u64 = 64;
/// Notes of the role that are averaged.
const MEAN_NOTES: u32 = 16;
/// Half a sixteenth, the largest offset, in ticks.
const HALF_STEP_TICKS: f32 = 120.0;

/// The groups of rows that the detail of a note can name, in order.
pub const DETAIL_GROUPS: &[Group] = &[
    group("detail sound", SOUND_ROWS as u32, "kit row, or pitch of bass, chords, lead"),
    group("detail now", VELOCITIES + OFFSETS, "velocity and offset of the note chosen last in this step, by whomever"),
    group("detail last", VELOCITIES + OFFSETS, "likewise where the sound (drums) or the role was played last"),
    group("detail beat ago", VELOCITIES + OFFSETS, "likewise a beat ago"),
    group("detail bar ago", VELOCITIES + OFFSETS, "likewise at this place one bar ago"),
    group("detail two bars ago", VELOCITIES + OFFSETS, "likewise two bars ago"),
    group("detail means", 8, "velocity and offset: means of the role's last 16 notes, and of the sound; known"),
];

/// Rows of the details' table.
pub const DETAIL_ROWS: u32 = total(DETAIL_GROUPS);

const NOW: u32 = start_of(DETAIL_GROUPS, "detail now");
const LAST: u32 = start_of(DETAIL_GROUPS, "detail last");
const BEAT_AGO: u32 = start_of(DETAIL_GROUPS, "detail beat ago");
const BAR_AGO: u32 = start_of(DETAIL_GROUPS, "detail bar ago");
const TWO_BARS_AGO: u32 = start_of(DETAIL_GROUPS, "detail two bars ago");
const MEANS: u32 = start_of(DETAIL_GROUPS, "detail means");

/// A mean over notes.
#[derive(Clone, Copy, Default)]
struct Mean {
    velocity: f32,
    offset: f32,
    notes: u32,
}

impl Mean {
    fn add(&mut self, note: &StepNote) {
        if self.notes < MEAN_NOTES {
            self.velocity += f32::from(note.velocity) / 127.0;
            self.offset += f32::from(note.offset_ticks) / HALF_STEP_TICKS;
            self.notes += 1;
        }
    }

    /// Velocity, offset and "known", the first two about the middle of their range.
    fn rows(&self, start: u32, out: &mut Bag) {
        if self.notes > 0 {
            let count = self.notes as f32;
            out.push(start, 2.0 * self.velocity / count - 1.0);
            out.push(start + 1, (2.0 * self.offset / count).clamp(-2.0, 2.0));
            out.one(start + 2);
        }
    }
}

/// The rows of the note of `class` that `role` chose at `place`, whose past is `history`. `now` is the note that was chosen
/// before it in the same step, by the role or else by another. `out` is cleared first.
///
/// Reads the last 64 steps; nothing of the note itself but its sound.
pub fn detail_features(
    history: &History,
    place: &Place,
    role: Role,
    class: usize,
    now: Option<&StepNote>,
    out: &mut Bag,
) {
    out.clear();
    out.one(classes::sound_row(role, class) as u32);
    pair(NOW, now, out);
    let is_sound = |h: &HeardNote| h.role == role && (role.is_pitched() || is_class(h, class));
    let at = |back: u64| place.step.before(back).map_or(&[][..], |step| history.step(step));
    let (mut last, mut of_role, mut of_sound) = (None, Mean::default(), Mean::default());
    for heard in (1..=REACH).flat_map(|back| at(back).iter().rev()).filter(|h| h.role == role) {
        of_role.add(&heard.note);
        if is_sound(heard) {
            last = last.or(Some(heard.note));
            of_sound.add(&heard.note);
            if of_role.notes >= MEAN_NOTES && (role.is_pitched() || of_sound.notes >= MEAN_NOTES / 2) {
                break;
            }
        }
    }
    pair(LAST, last.as_ref(), out);
    let bar_steps = u64::from(place.metre.bar_steps());
    for (start, back) in [(BEAT_AGO, 4), (BAR_AGO, bar_steps), (TWO_BARS_AGO, 2 * bar_steps)] {
        pair(start, at(back).iter().find(|h| is_sound(h)).map(|h| &h.note), out);
    }
    of_role.rows(MEANS, out);
    of_sound.rows(MEANS + 4, out);
}

fn is_class(heard: &HeardNote, class: usize) -> bool {
    classes::class_of(heard.role, heard.note.pitch) == Some(class)
}

/// The rows of a note's velocity and offset, or of "none".
fn pair(start: u32, note: Option<&StepNote>, out: &mut Bag) {
    let (velocity, offset) = match note {
        Some(note) => (classes::velocity_class(note.velocity), classes::offset_class(note.offset_ticks)),
        None => (VELOCITY_CLASSES, OFFSET_CLASSES),
    };
    out.one(start + velocity as u32);
    out.one(start + VELOCITIES + offset as u32);
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::{BarMap, StepIndex};

    fn heard(role: Role, pitch: u8, velocity: u8, offset_ticks: i16) -> HeardNote {
        HeardNote { role, note: StepNote { offset_ticks, ..StepNote::new(pitch, velocity, 1) } }
    }

    fn rows(history: &History, step: u64, role: Role, pitch: u8, now: Option<&StepNote>) -> Bag {
        let mut bag = Bag::new();
        let class = classes::class_of(role, pitch).unwrap();
        detail_features(history, &BarMap::default().place(StepIndex(step)), role, class, now, &mut bag);
        assert!(bag.ids.iter().all(|id| *id < DETAIL_ROWS));
        bag
    }

    #[test]
    fn silence_names_the_sound_and_nothing_else_that_is_known() {
        let bag = rows(&History::new(StepIndex(0)), 3, Role::Lead, 60, None);
        let none = |start| [start + VELOCITY_CLASSES as u32, start + VELOCITIES + OFFSET_CLASSES as u32];
        let mut expected = vec![classes::sound_row(Role::Lead, 1 + 60 - 21) as u32];
        [NOW, LAST, BEAT_AGO, BAR_AGO, TWO_BARS_AGO].iter().for_each(|start| expected.extend(none(*start)));
        assert_eq!(bag.ids, expected);
    }

    #[test]
    fn a_drum_sees_its_own_strikes_and_a_line_its_last_note() {
        let mut history = History::new(StepIndex(0));
        for step in 0..32u64 {
            match step {
                16 => history.push(&[heard(Role::Drums, 36, 127, -40), heard(Role::Lead, 72, 20, 0)]),
                30 => history.push(&[heard(Role::Drums, 38, 15, 120)]),
                31 => history.push(&[heard(Role::Lead, 60, 64, 24)]),
                _ => history.push(&[]),
            }
        }
        let now = StepNote { offset_ticks: -120, ..StepNote::new(42, 8, 1) };
        let kick = rows(&history, 32, Role::Drums, 36, Some(&now));
        for id in [NOW + 1, NOW + VELOCITIES, LAST + 15, LAST + VELOCITIES + 4, BAR_AGO + 15, BEAT_AGO + 16] {
            assert!(kick.ids.contains(&id), "{id}");
        }
        let weight = |bag: &Bag, id: u32| bag.iter().find(|b| b.0 == id).map(|b| b.1).unwrap();
        let mean = 2.0 * (127.0 + 15.0) / 2.0 / 127.0 - 1.0;
        assert!((weight(&kick, MEANS) - mean).abs() < 1e-6 && (weight(&kick, MEANS + 4) - 1.0).abs() < 1e-6);
        assert!((weight(&kick, MEANS + 1) - 2.0 * 40.0 / 120.0).abs() < 1e-6);
        let lead = rows(&history, 32, Role::Lead, 67, None);
        assert!(lead.ids.contains(&(LAST + 8)), "a line is one sound");
        assert!(rows(&history, 32, Role::Bass, 40, None).ids.contains(&(LAST + 16)), "the bass has played nothing");
    }
}
