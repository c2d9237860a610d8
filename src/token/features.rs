//! The input of a step: one table of groups, and the function that names the rows.

use super::bag::{Bag, Group, group, start_of, total};
use super::scene::{Scene, pitch_classes};
use crate::engine::RoleAsk;
use crate::engine::heard::History;
use crate::music::{Chord, Key, ROLES};
use crate::time::{Metre, Place};

/// Rows for styles; a model's file says which name has which row.
pub const STYLE_ROWS: u32 = 32;

/// The groups of rows that a step can name, in order.
pub const STEP_GROUPS: &[Group] = &[
    group("bias", 1, "always"),
    group("step in bar", 48, "sixteenths since the bar line"),
    group("step in beat", 6, "sixteenths since the beat"),
    group("metre", 12, "2/4 3/4 4/4 5/4 6/4 2/2 3/2 3/8 6/8 9/8 12/8, others"),
    group("bar in four", 4, "bar number modulo 4"),
    group("last drums", 13, "kit rows struck in the last step"),
    group("last pitches", 264, "bass, chords, lead: pitches started in the last step"),
    group("sounding", 264, "bass, chords, lead: pitches that sound on into this step"),
    group("held", 24, "bass, chords, lead: log2 of the age of the highest sounding note"),
    group("beat ago", 52, "4 steps ago: kit rows; bass, chords, lead: pitch classes, any onset"),
    group("bar ago", 52, "one bar ago, likewise"),
    group("two bars ago", 52, "two bars ago, likewise"),
    group("chord", 37, "root, pitch classes, bass, known"),
    group("next chord", 37, "root, pitch classes, bass, known"),
    group("chord change", 8, "log2 of the steps until the next chord"),
    group("key", 25, "pitch classes, tonic, known"),
    group("style", STYLE_ROWS, "weights of the blend"),
    group("band", 20, "each role: present, density, density known, register, register known"),
    group("section end", 10, "bars to the end of the section, 0..=8, unknown"),
];

/// Rows of the step's table.
pub const STEP_ROWS: u32 = total(STEP_GROUPS);

const BIAS: u32 = start_of(STEP_GROUPS, "bias");
const STEP_IN_BAR: u32 = start_of(STEP_GROUPS, "step in bar");
const STEP_IN_BEAT: u32 = start_of(STEP_GROUPS, "step in beat");
const METRE: u32 = start_of(STEP_GROUPS, "metre");
const BAR_IN_FOUR: u32 = start_of(STEP_GROUPS, "bar in four");
const LAST_DRUMS: u32 = start_of(STEP_GROUPS, "last drums");
const LAST_PITCHES: u32 = start_of(STEP_GROUPS, "last pitches");
const SOUNDING: u32 = start_of(STEP_GROUPS, "sounding");
const HELD: u32 = start_of(STEP_GROUPS, "held");
const LAGS: [u32; 3] =
    [start_of(STEP_GROUPS, "beat ago"), start_of(STEP_GROUPS, "bar ago"), start_of(STEP_GROUPS, "two bars ago")];
const CHORD: u32 = start_of(STEP_GROUPS, "chord");
const NEXT_CHORD: u32 = start_of(STEP_GROUPS, "next chord");
const CHORD_CHANGE: u32 = start_of(STEP_GROUPS, "chord change");
const KEY: u32 = start_of(STEP_GROUPS, "key");
/// First row of the style group in the step's table; the row of a style is counted from here.
pub const STYLE: u32 = start_of(STEP_GROUPS, "style");
const BAND: u32 = start_of(STEP_GROUPS, "band");
const SECTION_END: u32 = start_of(STEP_GROUPS, "section end");

/// What a step is asked for, apart from what is heard.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The step and where it stands.
    pub place: Place,
    /// Chord now; `None` when unknown.
    pub chord: Option<Chord>,
    /// The chord after it.
    pub next_chord: Option<Chord>,
    /// Steps until then; 0 when unknown.
    pub steps_to_next_chord: u32,
    /// Key; `None` when unknown.
    pub key: Option<Key>,
    /// Rows of the style group (0..[`STYLE_ROWS`]) and their weights; empty when unknown.
    pub style: &'a [(u32, f32)],
    /// What every role is asked.
    pub roles: [RoleAsk; ROLES.len()],
    /// Bars until the section ends; `None` when unknown.
    pub bars_to_end: Option<u32>,
}

/// Class of a metre, 0..12.
fn metre_class(metre: Metre) -> u32 {
    const KNOWN: [(u8, u8); 11] =
        [(2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (2, 2), (3, 2), (3, 8), (6, 8), (9, 8), (12, 8)];
    KNOWN.iter().position(|k| *k == (metre.beats, metre.unit)).unwrap_or(KNOWN.len()) as u32
}

pub(super) fn chord_rows(out: &mut Bag, start: u32, chord: Option<Chord>) {
    if let Some(chord) = chord {
        out.one(start + u32::from(chord.root % 12));
        out.bits(start + 12, u128::from(chord.mask & 0xFFF));
        out.one(start + 24 + u32::from(chord.bass % 12));
        out.one(start + 36);
    }
}

pub(super) fn style_rows(out: &mut Bag, start: u32, style: &[(u32, f32)]) {
    for (row, weight) in style.iter().filter(|s| s.0 < STYLE_ROWS) {
        out.push(start + row, *weight);
    }
}

/// A control and whether it is known, as two rows; what is no number is not known.
pub(super) fn control_rows(out: &mut Bag, start: u32, value: Option<f32>) {
    if let Some(value) = value.filter(|v| v.is_finite()) {
        out.push(start, value.clamp(0.0, 1.0));
        out.one(start + 1);
    }
}

/// The input rows of the step `conditions.place`, whose past is `history`; `out` is cleared first.
pub fn step_features(history: &History, conditions: &Conditions, out: &mut Bag) {
    scene_features(&Scene::of(history, &conditions.place), conditions, out);
}

/// As [`step_features`], for a scene that is already gathered.
pub fn scene_features(scene: &Scene, conditions: &Conditions, out: &mut Bag) {
    out.clear();
    place_rows(&conditions.place, out);
    heard_rows(scene, out);
    chord_rows(out, CHORD, conditions.chord);
    chord_rows(out, NEXT_CHORD, conditions.next_chord);
    if conditions.steps_to_next_chord > 0 {
        out.one(CHORD_CHANGE + conditions.steps_to_next_chord.ilog2().min(7));
    }
    if let Some(key) = conditions.key {
        out.bits(KEY, u128::from(key.mask()));
        out.one(KEY + 12 + u32::from(key.tonic % 12));
        out.one(KEY + 24);
    }
    style_rows(out, STYLE, conditions.style);
    for (role, asked) in (0u32..).zip(&conditions.roles) {
        if asked.present {
            out.one(BAND + role * 5);
        }
        control_rows(out, BAND + role * 5 + 1, asked.density);
        control_rows(out, BAND + role * 5 + 3, asked.register);
    }
    out.one(SECTION_END + conditions.bars_to_end.map_or(9, |bars| bars.min(8)));
}

fn place_rows(place: &Place, out: &mut Bag) {
    let beat = place.metre.beat_steps();
    let beat = if beat > 6 { 4 } else { beat };
    out.one(BIAS);
    out.one(STEP_IN_BAR + place.step_in_bar.min(47));
    out.one(STEP_IN_BEAT + place.step_in_bar % beat);
    out.one(METRE + metre_class(place.metre));
    out.one(BAR_IN_FOUR + (place.bar % 4) as u32);
}

fn heard_rows(scene: &Scene, out: &mut Bag) {
    out.bits(LAST_DRUMS, scene.last.drums);
    for role in 0..3u32 {
        let r = role as usize;
        out.bits(LAST_PITCHES + role * 88, scene.last.pitched[r]);
        out.bits(SOUNDING + role * 88, scene.sounding[r]);
        if scene.held_steps[r] > 0 {
            out.one(HELD + role * 8 + scene.held_steps[r].ilog2().min(7));
        }
    }
    for (start, onsets) in LAGS.into_iter().zip(&scene.lags) {
        out.bits(start, onsets.drums);
        for (role, pitches) in (0u32..).zip(onsets.pitched) {
            let classes = pitch_classes(pitches);
            out.bits(start + 13 + role * 13, classes | u128::from(classes != 0) << 12);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::heard::HeardNote;
    use crate::music::{Role, StepNote};
    use crate::time::{BarMap, StepIndex};

    fn heard(role: Role, pitch: u8, steps: u16) -> HeardNote {
        HeardNote { role, note: StepNote::new(pitch, 90, steps) }
    }

    fn conditions(step: u64) -> Conditions<'static> {
        Conditions {
            place: BarMap::default().place(StepIndex(step)),
            chord: None,
            next_chord: None,
            steps_to_next_chord: 0,
            key: None,
            style: &[],
            roles: [RoleAsk::default(); 4],
            bars_to_end: None,
        }
    }

    #[test]
    fn the_table_has_961_rows() {
        assert_eq!(STEP_ROWS, 961);
    }

    #[test]
    fn an_empty_history_names_only_the_place() {
        let mut bag = Bag::new();
        step_features(&History::new(StepIndex(0)), &conditions(21), &mut bag);
        let expected = [BIAS, STEP_IN_BAR + 5, STEP_IN_BEAT + 1, METRE + 2, BAR_IN_FOUR + 1, SECTION_END + 9];
        assert_eq!(bag.ids, expected);
    }

    #[test]
    fn what_was_heard_is_named_where_it_belongs() {
        let mut history = History::new(StepIndex(0));
        for step in 0..16 {
            match step {
                0 => history.push(&[heard(Role::Drums, 36, 1), heard(Role::Bass, 36, 20), heard(Role::Lead, 72, 2)]),
                12 => history.push(&[heard(Role::Chords, 60, 8), heard(Role::Chords, 64, 8)]),
                15 => history.push(&[heard(Role::Drums, 42, 1), heard(Role::Lead, 74, 1)]),
                _ => history.push(&[]),
            }
        }
        let mut bag = Bag::new();
        step_features(&history, &conditions(16), &mut bag);
        let named = |id: u32| bag.ids.contains(&id);
        assert!(named(LAST_DRUMS + 4) && named(LAST_PITCHES + 176 + 74 - 21));
        assert!(named(SOUNDING + 36 - 21) && named(SOUNDING + 88 + 60 - 21) && named(SOUNDING + 88 + 64 - 21));
        assert!(!named(SOUNDING + 176 + 74 - 21), "a note of one step has ended");
        assert!(named(HELD + 4) && named(HELD + 8 + 2), "held 16 and 4 steps");
        assert!(named(LAGS[0] + 26) && named(LAGS[0] + 26 + 4) && named(LAGS[0] + 26 + 12));
        assert!(named(LAGS[1]) && named(LAGS[1] + 13) && named(LAGS[1] + 39) && named(LAGS[1] + 39 + 12));
        assert!(!bag.ids.iter().any(|id| (LAGS[2]..CHORD).contains(id)));
        let mut unique = bag.ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), bag.ids.len());
    }

    #[test]
    fn controls_and_harmony_are_named_with_their_weights() {
        let mut asked = conditions(0);
        asked.chord = Chord::parse("Dm7/C");
        asked.next_chord = Chord::parse("G");
        asked.steps_to_next_chord = 9;
        asked.key = Key::parse("D dorian");
        asked.style = &[(3, 0.25), (99, 1.0)];
        asked.roles[1] = RoleAsk { present: true, density: Some(0.5), register: Some(7.0) };
        asked.bars_to_end = Some(40);
        let mut bag = Bag::new();
        step_features(&History::new(StepIndex(0)), &asked, &mut bag);
        let weight = |id: u32| bag.iter().find(|b| b.0 == id).map(|b| b.1);
        for id in [CHORD + 2, CHORD + 12 + 5, CHORD + 24, CHORD + 36, NEXT_CHORD + 7, CHORD_CHANGE + 3, KEY + 14] {
            assert_eq!(weight(id), Some(1.0), "{id}");
        }
        assert_eq!(weight(STYLE + 3), Some(0.25));
        assert_eq!((weight(BAND + 5), weight(BAND + 6), weight(BAND + 8)), (Some(1.0), Some(0.5), Some(1.0)));
        assert_eq!(weight(SECTION_END + 8), Some(1.0));
        assert!(bag.ids.iter().all(|id| *id < STEP_ROWS));
    }

    #[test]
    fn long_metres_stay_inside_their_groups() {
        for (beats, unit) in [(24, 8), (12, 4), (3, 1), (6, 2), (24, 16), (7, 8)] {
            let metre = Metre::new(beats, unit).unwrap();
            let mut asked = conditions(0);
            for step in 0..100 {
                asked.place = BarMap::new(metre).place(StepIndex(step));
                let mut bag = Bag::new();
                step_features(&History::new(StepIndex(0)), &asked, &mut bag);
                assert!((STEP_IN_BEAT..METRE).contains(&bag.ids[2]) && (METRE..BAR_IN_FOUR).contains(&bag.ids[3]));
            }
        }
    }
}
