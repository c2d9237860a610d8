//! The context of a decision inside a step: which role chooses, what was chosen already, what its line did before.

use super::bag::{Bag, Group, group, start_of, total};
use super::classes;
use super::features::{Conditions, STYLE_ROWS, chord_rows, control_rows, style_rows};
use super::scene::{Onsets, Scene};
use crate::engine::heard::HeardNote;
use crate::music::Role;

/// The groups of rows that a decision can name, in order.
pub const DECISION_GROUPS: &[Group] = &[
    group("decide role", 4, "who chooses"),
    group("decide drums now", 13, "kit rows chosen in this step so far"),
    group("decide pitches now", 264, "bass, chords, lead: pitches chosen in this step so far"),
    group("decide last onset", 264, "the role's pitches where it last started any"),
    group("decide sounding", 264, "the role's pitches that sound on into this step"),
    group("decide chord", 37, "root, pitch classes, bass, known"),
    group("decide key", 12, "pitch classes"),
    group("decide step in bar", 48, "sixteenths since the bar line"),
    group("decide density", 2, "the role's density, known"),
    group("decide register", 2, "the role's register, known"),
    group("decide count", 9, "notes of the role chosen in this step so far, 0..=8"),
    group("decide drums bar ago", 13, "kit rows at this place one bar ago, for drums"),
    group("decide pitches bar ago", 264, "the role's pitches at this place one bar ago"),
    group("decide style", STYLE_ROWS, "weights of the blend"),
];

/// Rows of the decisions' table.
pub const DECISION_ROWS: u32 = total(DECISION_GROUPS);

const ROLE: u32 = start_of(DECISION_GROUPS, "decide role");
const DRUMS_NOW: u32 = start_of(DECISION_GROUPS, "decide drums now");
const PITCHES_NOW: u32 = start_of(DECISION_GROUPS, "decide pitches now");
const LAST_ONSET: u32 = start_of(DECISION_GROUPS, "decide last onset");
const SOUNDING: u32 = start_of(DECISION_GROUPS, "decide sounding");
const CHORD: u32 = start_of(DECISION_GROUPS, "decide chord");
const KEY: u32 = start_of(DECISION_GROUPS, "decide key");
const STEP_IN_BAR: u32 = start_of(DECISION_GROUPS, "decide step in bar");
const DENSITY: u32 = start_of(DECISION_GROUPS, "decide density");
const REGISTER: u32 = start_of(DECISION_GROUPS, "decide register");
const COUNT: u32 = start_of(DECISION_GROUPS, "decide count");
const DRUMS_BAR_AGO: u32 = start_of(DECISION_GROUPS, "decide drums bar ago");
const PITCHES_BAR_AGO: u32 = start_of(DECISION_GROUPS, "decide pitches bar ago");
/// First row of the style group in the decisions' table.
pub const STYLE: u32 = start_of(DECISION_GROUPS, "decide style");

/// The most own notes that are told apart by [`count_row`].
pub const fn own_notes_max() -> u32 {
    8
}

/// Row of "the role has chosen `count` notes so far".
pub fn count_row(count: usize) -> u32 {
    COUNT + (count as u32).min(own_notes_max())
}

/// Row of "this note was chosen in this step"; `None` for drums that no kit row has.
pub fn note_row(role: Role, pitch: u8) -> Option<u32> {
    let class = classes::class_of(role, pitch)? as u32 - 1;
    Some(if role.is_pitched() { PITCHES_NOW + (role.index() as u32 - 1) * 88 + class } else { DRUMS_NOW + class })
}

/// The rows that all decisions of `role` in this step share; `others` are the notes of this step that other roles
/// have chosen before. `out` is cleared first. [`decision_features`] = these + own [`note_row`]s + [`count_row`].
pub fn decision_base(scene: &Scene, conditions: &Conditions, role: Role, others: &[HeardNote], out: &mut Bag) {
    out.clear();
    out.one(ROLE + role.index() as u32);
    let mut now = Onsets::of(others);
    match role.index().checked_sub(1) {
        Some(r) => now.pitched[r] = 0,
        None => now.drums = 0,
    }
    out.bits(DRUMS_NOW, now.drums);
    for (r, pitches) in (0u32..).zip(now.pitched) {
        out.bits(PITCHES_NOW + r * 88, pitches);
    }
    let bar_ago = &scene.lags[1];
    match role.index().checked_sub(1) {
        Some(r) => {
            let at = r as u32 * 88;
            out.bits(LAST_ONSET + at, scene.last_onset[r]);
            out.bits(SOUNDING + at, scene.sounding[r]);
            out.bits(PITCHES_BAR_AGO + at, bar_ago.pitched[r]);
        }
        None => out.bits(DRUMS_BAR_AGO, bar_ago.drums),
    }
    chord_rows(out, CHORD, conditions.chord);
    if let Some(key) = conditions.key {
        out.bits(KEY, u128::from(key.mask()));
    }
    out.one(STEP_IN_BAR + conditions.place.step_in_bar.min(47));
    let asked = &conditions.roles[role.index()];
    control_rows(out, DENSITY, asked.density);
    control_rows(out, REGISTER, asked.register);
    style_rows(out, STYLE, conditions.style);
}

/// All rows of a decision of `role`: `others` as in [`decision_base`], `own` are the pitches that the role has chosen in
/// this step so far. `out` is cleared first.
pub fn decision_features(
    scene: &Scene,
    conditions: &Conditions,
    role: Role,
    others: &[HeardNote],
    own: &[u8],
    out: &mut Bag,
) {
    decision_base(scene, conditions, role, others, out);
    for row in own.iter().filter_map(|pitch| note_row(role, *pitch)) {
        out.one(row);
    }
    out.one(count_row(own.len()));
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::{RoleAsk, heard::History};
    use crate::music::{Chord, Key, ROLES, StepNote};
    use crate::time::{BarMap, StepIndex};

    #[test]
    fn the_table_has_1228_rows() {
        assert_eq!(DECISION_ROWS, 1228);
    }

    #[test]
    fn a_decision_sees_its_own_line_and_what_others_chose() {
        let mut history = History::new(StepIndex(0));
        let heard = |role, pitch, steps| HeardNote { role, note: StepNote::new(pitch, 80, steps) };
        history.push(&[heard(Role::Bass, 40, 17), heard(Role::Drums, 38, 1)]);
        (1..16).for_each(|_| history.push(&[]));
        let mut conditions = Conditions {
            place: BarMap::default().place(StepIndex(16)),
            chord: Chord::parse("C"),
            next_chord: None,
            steps_to_next_chord: 0,
            key: Key::parse("C"),
            style: &[(31, 1.0)],
            roles: [RoleAsk::default(); 4],
            bars_to_end: None,
        };
        conditions.roles[1].density = Some(0.5);
        let scene = Scene::of(&history, &conditions.place);
        let mut bag = Bag::new();
        let others = [heard(Role::Drums, 36, 1), heard(Role::Bass, 60, 1)];
        decision_features(&scene, &conditions, Role::Bass, &others, &[45, 47], &mut bag);
        let named = |id: u32| bag.ids.contains(&id);
        assert!(named(ROLE + 1) && named(DRUMS_NOW) && named(PITCHES_NOW + 45 - 21) && named(COUNT + 2));
        assert!(!named(PITCHES_NOW + 60 - 21), "notes of another part in the same role are not this part's own");
        assert!(named(LAST_ONSET + 40 - 21) && named(SOUNDING + 40 - 21) && named(PITCHES_BAR_AGO + 40 - 21));
        assert!(!named(DRUMS_BAR_AGO + 1) && named(STYLE + 31) && named(DENSITY) && named(DENSITY + 1));
        decision_features(&scene, &conditions, Role::Drums, &[], &[], &mut bag);
        assert!(bag.ids.contains(&(DRUMS_BAR_AGO + 1)) && bag.ids.contains(&COUNT));
        for role in ROLES {
            decision_features(&scene, &conditions, role, &others, &[40; 12], &mut bag);
            assert!(bag.ids.iter().all(|id| *id < DECISION_ROWS));
        }
    }
}
