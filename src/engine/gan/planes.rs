//! A bar as planes of numbers, and back: what the nets read and write.
//!
//! Pitched rows count semitones from the bottom of the role's window in the key of C, so that all keys look alike; beside
//! them stand the twelve classes above the root of each slot's chord. A segment of fewer than 16 steps leaves the rest
//! of its slots empty; the slots after 16 tell how long the last notes sound on.

use super::scene::{BarNotes, BarScene, SEGMENT_STEPS};
use super::shape::{CONDITIONS, Family, OVERHANG, PITCH_ROWS, STYLES};
use crate::music::{Chord, ROLES, Role, kit};

/// Bottom of a pitched role's window, in the key of C.
pub(super) const LOWEST: [i32; ROLES.len()] = [0, 24, 40, 52];
/// Largest offset from the grid, in ticks: an offset plane of 1.
pub(super) const OFFSET_TICKS: f32 = 120.0;
/// Changes whenever the meaning of a number in planes, inputs or conditions does.
pub const LAYOUT: u32 = 2;
/// Semitones from C to the key's tonic, -5..=6: what a pitch is moved down by to stand in C. Without a key the first
/// chord's root stands in for the tonic.
pub fn tonic_shift(scene: &BarScene) -> i32 {
    let root = || scene.chords.iter().flatten().next().map(|c| c.root);
    let tonic = i32::from(scene.key.map(|k| k.tonic).or_else(root).unwrap_or(0));
    if tonic > 6 { tonic - 12 } else { tonic }
}

/// Row of a pitch, folded by octaves into the window.
fn row_of(scene: &BarScene, shift: i32, pitch: u8) -> usize {
    let row = i32::from(pitch) - shift - LOWEST[scene.role.index()];
    let rows = PITCH_ROWS as i32;
    (if row < 0 {
        row.rem_euclid(12)
    } else if row >= rows {
        rows - 12 + row.rem_euclid(12)
    } else {
        row
    }) as usize
}

/// Bits of pitch classes, turned so that `by` becomes 0.
fn turned(mask: u16, by: i32) -> impl Iterator<Item = usize> {
    (0..12).filter(move |i| mask >> i & 1 == 1).map(move |i| (i - by).rem_euclid(12) as usize)
}

fn chord_at(scene: &BarScene, slot: usize) -> Option<Chord> {
    scene.chords[slot.min(scene.segment.steps as usize - 1).min(SEGMENT_STEPS - 1)]
}

/// For each slot what is added to a row to get its class above the chord's root (modulo 12). Empty for drums.
pub fn class_shifts(scene: &BarScene) -> Vec<u8> {
    let mut shifts = Vec::new();
    class_shifts_into(scene, &mut shifts);
    shifts
}

/// [`class_shifts`] into memory that is there already.
pub fn class_shifts_into(scene: &BarScene, out: &mut Vec<u8>) {
    out.clear();
    if scene.role == Role::Drums {
        return;
    }
    let shift = tonic_shift(scene);
    let of = |slot| {
        let root = chord_at(scene, slot).map_or(shift, |c| i32::from(c.root));
        (LOWEST[scene.role.index()] + shift - root).rem_euclid(12) as u8
    };
    out.extend((0..Family::Pitched.slots()).map(of));
}

/// True for slots in which a note may start.
pub fn is_open(scene: &BarScene, slot: usize) -> bool {
    slot < scene.segment.steps as usize
}

/// Sets the sustain of a row from `first` for `length` steps; `at(slot)` gives the place to write.
fn sustain(scene: &BarScene, first: u32, length: u32, mut set: impl FnMut(usize)) {
    let (steps, end) = (scene.segment.steps, first + length);
    (first..end.min(steps)).for_each(|slot| set(slot as usize));
    for (i, past) in OVERHANG.iter().enumerate() {
        if end > steps + past {
            set(SEGMENT_STEPS + i);
        }
    }
}

/// What a corpus can teach of velocities and timing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learnable {
    /// Velocities differ.
    pub velocity: bool,
    /// Offsets are human timing.
    pub offset: bool,
}

/// The planes of a bar, `slots` x `planes`, into `out`, which is cleared first.
pub fn write_planes(scene: &BarScene, notes: &BarNotes, learnable: Learnable, out: &mut [f32]) {
    out.fill(0.0);
    let family = Family::of(scene.role);
    let width = family.planes();
    for (step, note) in notes.notes.iter().filter(|(step, _)| is_open(scene, usize::from(*step))) {
        let slot = &mut out[usize::from(*step) * width..][..width];
        let velocity = f32::from(note.velocity) / 127.0;
        if family == Family::Drums {
            let Some(row) = kit::row_of(note.pitch) else { continue };
            slot[row] = 1.0;
            if learnable.velocity {
                slot[kit::ROW_COUNT + row] = velocity;
            }
            if learnable.offset {
                slot[2 * kit::ROW_COUNT + row] = (f32::from(note.offset_ticks) / OFFSET_TICKS).clamp(-1.0, 1.0);
            }
        } else {
            let row = row_of(scene, tonic_shift(scene), note.pitch);
            slot[row] = 1.0;
            if learnable.velocity {
                let loudest = &mut slot[2 * PITCH_ROWS];
                *loudest = loudest.max(velocity);
            }
            sustain(scene, u32::from(*step), u32::from(note.duration_steps), |slot| {
                out[slot * width + PITCH_ROWS + row] = 1.0;
            });
        }
    }
}

/// What is known of each slot, `slots` x `step_inputs`, into `out`, which is cleared first.
pub fn write_steps(scene: &BarScene, out: &mut [f32]) {
    out.fill(0.0);
    let family = Family::of(scene.role);
    let (width, slots) = (family.step_inputs(), family.slots());
    // The step before the segment that stands where a slot does.
    let back = SEGMENT_STEPS - scene.segment.steps as usize;
    let shift = tonic_shift(scene);
    for (step, note) in scene.before.notes.iter().filter(|(step, _)| usize::from(*step) >= back) {
        let slot = usize::from(*step) - back;
        match family {
            Family::Drums => {
                let Some(row) = kit::row_of(note.pitch) else { continue };
                out[slot * width + row] = 1.0;
                out[slot * width + kit::ROW_COUNT + row] = f32::from(note.velocity) / 127.0;
            }
            Family::Pitched => {
                let row = row_of(scene, shift, note.pitch);
                out[slot * width + row] = 1.0;
                let end = (slot + usize::from(note.duration_steps)).min(scene.segment.steps as usize);
                (slot..end).for_each(|s| out[s * width + PITCH_ROWS + row] = 1.0);
            }
        }
    }
    let mut at = 2 * family.rows();
    if family == Family::Pitched {
        for (pitch, left) in &scene.sounding {
            let row = row_of(scene, shift, *pitch);
            sustain(scene, 0, u32::from(*left), |slot| out[slot * width + at + row] = 1.0);
        }
        at += PITCH_ROWS;
    }
    for slot in 0..slots {
        write_slot(scene, family, shift, slot, &mut out[slot * width + at..(slot + 1) * width]);
    }
}

/// Place and harmony of one slot.
fn write_slot(scene: &BarScene, family: Family, shift: i32, slot: usize, out: &mut [f32]) {
    let back = SEGMENT_STEPS - scene.segment.steps as usize;
    if is_open(scene, slot) {
        for (role, onsets) in scene.around.iter().enumerate() {
            out[role] = f32::from(onsets >> (slot + back) & 1);
        }
        let in_beat = (scene.segment.index as usize * SEGMENT_STEPS + slot) % scene.segment.metre.beat_steps() as usize;
        out[4 + family.slots() + in_beat.min(5)] = 1.0;
        out[4 + family.slots() + 6] = 1.0;
    }
    out[4 + slot] = 1.0;
    if family == Family::Drums {
        return;
    }
    let harmony = &mut out[4 + family.slots() + 7..];
    if let Some(chord) = chord_at(scene, slot) {
        let root = i32::from(chord.root);
        harmony[(root - shift).rem_euclid(12) as usize] = 1.0;
        harmony[12] = 1.0;
        turned(chord.mask, root).for_each(|class| harmony[13 + class] = 1.0);
    }
    if let Some(key) = scene.key {
        turned(key.scale.mask, 0).for_each(|class| harmony[25 + class] = 1.0);
        harmony[37] = 1.0;
    }
}

/// What holds for the whole segment, [`CONDITIONS`] numbers, into `out`, which is cleared first. `styles` names the rows;
/// styles that are not among them are left out.
pub fn write_conditions(scene: &BarScene, styles: &[String], out: &mut [f32]) {
    out[..CONDITIONS].fill(0.0);
    for (name, weight) in scene.style.0.iter() {
        if let Some(row) = styles.iter().position(|s| **s == **name) {
            out[row] = *weight;
            out[STYLES] = 1.0;
        }
    }
    let mut at = STYLES + 1;
    for asked in [scene.density, scene.register] {
        if let Some(value) = asked {
            (out[at], out[at + 1]) = (value, 1.0);
        }
        at += 2;
    }
    if scene.role.is_pitched() {
        out[at + scene.role.index() - 1] = 1.0;
    }
    at += 3;
    let segment = &scene.segment;
    out[at] = segment.steps as f32 / SEGMENT_STEPS as f32;
    let beat = match segment.metre.beat_steps() {
        4 => 0,
        6 => 1,
        _ => 2,
    };
    out[at + 1 + beat] = 1.0;
    out[at + 4 + (segment.index as usize).min(2)] = 1.0;
    at += 7;
    let shift = tonic_shift(scene);
    for (i, classes) in scene.around_classes[1..].iter().enumerate() {
        turned(*classes, shift).for_each(|class| out[at + i * 12 + class] = 1.0);
    }
}

#[cfg(test)]
mod test {
    use super::super::decode::{Reading, read_planes};
    use super::super::scene::Segment;
    use super::*;
    use crate::music::{Key, StepNote};
    use crate::time::{BarMap, Metre, StepIndex};

    fn scene(role: Role, metre: (u8, u8)) -> BarScene {
        let map = BarMap::new(Metre::new(metre.0, metre.1).unwrap());
        let mut scene = BarScene::silent(role, Segment::of(&map.place(StepIndex(0))));
        scene.key = Key::parse("D dorian");
        scene.chords = [Chord::parse("G7"); SEGMENT_STEPS];
        scene
    }

    fn round_trip(scene: &BarScene, notes: Vec<(u8, StepNote)>) -> BarNotes {
        let family = Family::of(scene.role);
        let mut planes = vec![9.0; family.slots() * family.planes()];
        let bar = BarNotes { steps: scene.segment.steps, notes };
        write_planes(scene, &bar, Learnable { velocity: true, offset: true }, &mut planes);
        read_planes(scene, &planes, Reading::plain(8))
    }

    #[test]
    fn bars_come_back_from_their_planes() {
        let lead = vec![
            (0, StepNote::new(62, 90, 4)),
            (4, StepNote::new(62, 90, 2)),
            (4, StepNote::new(65, 90, 8)),
            (12, StepNote::new(74, 70, 8)),
        ];
        let scene_44 = scene(Role::Lead, (4, 4));
        assert_eq!(round_trip(&scene_44, lead.clone()).notes, lead);
        let short = scene(Role::Lead, (3, 4));
        let cut: Vec<_> = lead[..3].to_vec();
        assert_eq!(round_trip(&short, cut.clone()).notes, cut);
        let drums = vec![
            (0, StepNote { offset_ticks: -30, ..StepNote::new(36, 100, 1) }),
            (3, StepNote { offset_ticks: 12, ..StepNote::new(42, 40, 1) }),
        ];
        assert_eq!(round_trip(&scene(Role::Drums, (4, 4)), drums.clone()).notes, drums);
    }

    #[test]
    fn what_is_beyond_the_window_is_folded_by_octaves() {
        let got =
            round_trip(&scene(Role::Bass, (4, 4)), vec![(0, StepNote::new(100, 80, 2)), (2, StepNote::new(5, 80, 2))]);
        assert!(got.notes.iter().zip([100, 5]).all(|((_, n), p)| n.pitch % 12 == p % 12), "{got:?}");
    }

    #[test]
    fn classes_stand_above_the_root_of_the_chord() {
        let scene = scene(Role::Lead, (4, 4));
        let class =
            |pitch: u8| (row_of(&scene, tonic_shift(&scene), pitch) + usize::from(class_shifts(&scene)[3])) % 12;
        assert_eq!([67, 71, 74, 77].map(class), [0, 4, 7, 10]);
    }

    #[test]
    fn inputs_have_their_places() {
        let mut scene = scene(Role::Chords, (3, 4));
        scene.before.notes = vec![(3, StepNote::new(60, 80, 1)), (4, StepNote::new(64, 80, 3))];
        scene.sounding = vec![(64, 3)];
        let width = Family::Pitched.step_inputs();
        let mut steps = vec![0.0; Family::Pitched.slots() * width];
        write_steps(&scene, &mut steps);
        // Step 4 of the 16 before is slot 0 of a bar of 12; step 3 belongs to the bar before that.
        let row = row_of(&scene, tonic_shift(&scene), 64);
        assert_eq!(steps[..PITCH_ROWS].iter().sum::<f32>(), 1.0);
        assert_eq!(steps[row], 1.0);
        assert_eq!((0..20).filter(|s| steps[s * width + 2 * PITCH_ROWS + row] > 0.0).count(), 3);
        let mut conditions = vec![0.0; CONDITIONS];
        scene.style = crate::music::StyleBlend::new(&[("b", 1.0), ("a", 3.0)]);
        (scene.density, scene.register) = (Some(0.25), None);
        write_conditions(&scene, &["a".into(), "b".into()], &mut conditions);
        assert_eq!(conditions[..2], [0.75, 0.25]);
        assert_eq!(conditions[STYLES..STYLES + 5], [1.0, 0.25, 1.0, 0.0, 0.0]);
    }
}
