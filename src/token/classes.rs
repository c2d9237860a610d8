//! What the net chooses between: pitches or kit rows, durations, velocities, offsets.

use crate::music::{Role, StepNote, kit};

/// Lowest pitch that pitched roles can choose: the lowest A of a piano.
pub const PITCH_LOW: u8 = 21;
/// Number of pitches, up to MIDI 108.
pub const PITCHES: usize = 88;
/// The class that ends a role's list of notes in a step.
pub const END: usize = 0;
/// Durations that can be chosen, in steps.
pub const DURATIONS: [u16; 11] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];
/// What drums have in place of a duration class.
pub const NO_DURATION: usize = DURATIONS.len();
/// Velocity classes of eight MIDI velocities each.
pub const VELOCITY_CLASSES: usize = 16;
/// Offset classes over -120..=120 ticks.
pub const OFFSET_CLASSES: usize = 15;
/// The offset class "on the grid".
pub const OFFSET_ON_GRID: usize = OFFSET_CLASSES / 2;
/// Rows of the table of (role, pitch) that the detail of a note is asked with.
pub const SOUND_ROWS: usize = kit::ROW_COUNT + 3 * PITCHES;

/// Number of classes of a decision: END and every pitch or kit row.
pub fn decision_classes(role: Role) -> usize {
    1 + if role.is_pitched() { PITCHES } else { kit::ROW_COUNT }
}

/// Place of a pitch among the 88, folded in by octaves.
pub fn pitch_index(pitch: u8) -> usize {
    let mut pitch = usize::from(pitch);
    let low = usize::from(PITCH_LOW);
    while pitch < low {
        pitch += 12;
    }
    while pitch >= low + PITCHES {
        pitch -= 12;
    }
    pitch - low
}

/// The class of a note's pitch; `None` for drums that no kit row has.
pub fn class_of(role: Role, pitch: u8) -> Option<usize> {
    if role.is_pitched() { Some(1 + pitch_index(pitch)) } else { kit::row_of(pitch).map(|row| 1 + row) }
}

/// The pitch of a decision class; `None` for END and classes that do not exist.
pub fn pitch_of(role: Role, class: usize) -> Option<u8> {
    let index = class.checked_sub(1)?;
    if role.is_pitched() {
        (index < PITCHES).then_some(PITCH_LOW + index as u8)
    } else {
        kit::ROWS.get(index).map(|row| row.pitch)
    }
}

/// Row of a chosen class in the table of (role, pitch); `class` is not END.
pub fn sound_row(role: Role, class: usize) -> usize {
    if role.is_pitched() { kit::ROW_COUNT + (role.index() - 1) * PITCHES + class - 1 } else { class - 1 }
}

/// The nearest duration class, the shorter one when two are equally near.
pub fn duration_class(steps: u16) -> usize {
    let distance = |class: &usize| DURATIONS[*class].abs_diff(steps);
    (0..DURATIONS.len()).min_by_key(distance).unwrap_or(0)
}

/// The velocity class of a MIDI velocity.
pub fn velocity_class(velocity: u8) -> usize {
    usize::from(velocity.min(127)) / 8
}

/// The MIDI velocity in the middle of a class, 4..=124.
pub fn velocity_of(class: usize) -> u8 {
    (class.min(VELOCITY_CLASSES - 1) * 8 + 4) as u8
}

/// The offset class of a distance in ticks; beyond the ends the last class.
pub fn offset_class(ticks: i16) -> usize {
    let from_low = i32::from(ticks.clamp(-120, 120)) + 120;
    ((from_low * OFFSET_CLASSES as i32) / 241) as usize
}

/// The ticks in the middle of an offset class, -112..=112; 0 for the middle one.
pub fn offset_of(class: usize) -> i16 {
    (class.min(OFFSET_CLASSES - 1) as i16 - OFFSET_ON_GRID as i16) * 16
}

/// A note from its classes; drums last one step.
pub fn note_of(pitch: u8, duration: usize, velocity: usize, offset: usize) -> StepNote {
    let steps = DURATIONS.get(duration).copied().unwrap_or(1);
    StepNote { offset_ticks: offset_of(offset), ..StepNote::new(pitch, velocity_of(velocity), steps) }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::ROLES;

    #[test]
    fn classes_go_there_and_back() {
        for role in ROLES {
            for class in 1..decision_classes(role) {
                assert_eq!(class_of(role, pitch_of(role, class).unwrap()), Some(class), "{role:?} {class}");
                assert!(sound_row(role, class) < SOUND_ROWS);
            }
            assert_eq!(pitch_of(role, END), None);
            assert_eq!(pitch_of(role, decision_classes(role)), None);
        }
        (0..DURATIONS.len()).for_each(|c| assert_eq!(duration_class(DURATIONS[c]), c));
        (0..VELOCITY_CLASSES).for_each(|c| assert_eq!(velocity_class(velocity_of(c)), c));
        (0..OFFSET_CLASSES).for_each(|c| assert_eq!(offset_class(offset_of(c)), c));
    }

    #[test]
    fn extremes_fall_into_the_last_classes() {
        assert_eq!((offset_class(-500), offset_class(0), offset_class(500)), (0, OFFSET_ON_GRID, 14));
        assert_eq!((velocity_class(0), velocity_class(127), velocity_class(255)), (0, 15, 15));
        assert_eq!((duration_class(0), duration_class(5), duration_class(60_000)), (0, 3, 10));
        assert_eq!((pitch_index(0), pitch_index(127)), (usize::from(24 - PITCH_LOW), usize::from(103 - PITCH_LOW)));
    }
}
