//! Bars of a piece as a generator is asked for them: the scene, and what was really played.
//!
//! The same [`BarScene`] is built here for training and `eval` and by the conductor in playing; what is heard goes through
//! [`BarScene::hear`] in both.

use crate::corpus::Piece;
use crate::engine::gan::{BarNotes, BarScene, Segment, scene::SEGMENT_STEPS};
use crate::music::{Role, StyleBlend};
use crate::time::StepIndex;
use crate::token;

/// The segments of a piece in order. A bar of at most 16 steps is one; a longer one is several.
pub fn bars(piece: &Piece) -> Vec<Segment> {
    let map = piece.bar_map();
    let mut segments = Vec::with_capacity(piece.steps as usize / SEGMENT_STEPS + 1);
    let mut step = 0;
    while step < u64::from(piece.steps) {
        let segment = Segment::of(&map.place(StepIndex(step)));
        step = segment.first.0 + u64::from(segment.steps);
        segments.push(segment);
    }
    segments
}

/// The style of a piece by itself.
pub fn style(piece: &Piece) -> StyleBlend {
    StyleBlend::new(&[(&piece.style, 1.0)])
}

/// What a role plays in a segment. Durations may reach beyond it.
pub fn notes(piece: &Piece, role: Role, segment: &Segment) -> BarNotes {
    let first = segment.first.0 as u32;
    let own = piece.notes_between(first, first + segment.steps).iter().filter(|n| n.role == role);
    BarNotes { steps: segment.steps, notes: own.map(|n| ((n.step - first) as u8, n.note)).collect() }
}

/// The scene of a segment with all that is known of it: chords, key, the density and register that were really played, and
/// what was heard before from every role. Whoever wants to leave something open sets it to `None` afterwards.
pub fn scene(piece: &Piece, role: Role, segment: &Segment, style: &StyleBlend) -> BarScene {
    let first = segment.first.0 as u32;
    let mut scene = BarScene::silent(role, *segment);
    for (step, chord) in (first..first + segment.steps).zip(&mut scene.chords) {
        *chord = piece.chord_at(step);
    }
    scene.key = piece.key;
    scene.style = style.clone();
    let played = notes(piece, role, segment);
    (scene.density, scene.register) = (Some(density(role, &played)), register(role, &played));
    hear(&mut scene, piece);
    scene
}

/// Fills in what was really heard before the scene's segment.
pub fn hear(scene: &mut BarScene, piece: &Piece) {
    let first = scene.segment.first.0 as u32;
    let past = piece.notes_between(first.saturating_sub(SEGMENT_STEPS as u32), first);
    scene.hear(|step| {
        let from = past.partition_point(|n| u64::from(n.step) < step.0);
        past[from..].iter().take_while(move |n| u64::from(n.step) == step.0).map(|n| (n.role, n.note))
    });
}

/// Density of a bar, 0..=1, as `token::density` measures it: notes of drums and chords, onsets of bass and lead.
pub fn density(role: Role, bar: &BarNotes) -> f32 {
    let count = match role {
        Role::Drums | Role::Chords => bar.notes.len() as u32,
        Role::Bass | Role::Lead => bar.onsets().count_ones(),
    };
    token::density(role, count, bar.steps)
}

/// Register of a bar, 0..=1, as `token::register` measures it; `None` for drums and for silence.
pub fn register(role: Role, bar: &BarNotes) -> Option<f32> {
    let sum = bar.notes.iter().map(|(_, n)| u32::from(n.pitch)).sum();
    token::register(role, sum, bar.notes.len() as u32)
}

#[cfg(test)]
pub(super) mod test {
    use super::*;
    use crate::corpus::{GridNote, Split};
    use crate::music::{Chord, Key, ROLES, StepNote};
    use crate::time::Metre;

    /// A piece in C from (step, role, pitch, duration).
    pub fn piece(name: &str, metre: &str, bars: u32, notes: &[(u32, Role, u8, u16)]) -> Piece {
        let metre = Metre::parse(metre).unwrap();
        let grid = |n: &(u32, Role, u8, u16)| GridNote { step: n.0, role: n.1, note: StepNote::new(n.2, 80, n.3) };
        let mut notes: Vec<GridNote> = notes.iter().map(grid).collect();
        notes.sort_by_key(|n| (n.step, n.role, n.note.pitch));
        Piece {
            name: name.into(),
            corpus: "made".into(),
            style: "song".into(),
            work: name.into(),
            split: Split::Valid,
            steps: bars * metre.bar_steps(),
            metres: vec![(0, metre)],
            bpm: 120.0,
            roles: ROLES.map(|role| notes.iter().any(|n| n.role == role)),
            has_velocity: true,
            is_performed: false,
            key: Key::parse("C"),
            chords: vec![(0, Chord::parse("C")), (20, Chord::parse("G7"))],
            notes,
        }
    }

    #[test]
    fn a_scene_holds_what_was_played_and_what_was_heard_before() {
        let notes =
            [(0, Role::Bass, 40, 20), (14, Role::Drums, 36, 1), (16, Role::Bass, 43, 4), (24, Role::Bass, 47, 4)];
        let piece = piece("a", "4/4", 3, &notes);
        let bars = bars(&piece);
        let scene = scene(&piece, Role::Bass, &bars[1], &style(&piece));
        assert_eq!((bars.len(), scene.segment.first.0, scene.density), (3, 16, Some(2.0 / 16.0)));
        assert_eq!(scene.register, token::register(Role::Bass, 90, 2));
        assert_eq!(scene.chords[3], Chord::parse("C"));
        assert_eq!(scene.chords[4], Chord::parse("G7"));
        assert_eq!((scene.sounding, scene.around), (vec![(40, 4)], [1 << 14, 1, 0, 0]));
        assert_eq!(
            super::notes(&piece, Role::Bass, &bars[1]).notes,
            [(0, StepNote::new(43, 80, 4)), (8, StepNote::new(47, 80, 4))]
        );
    }

    #[test]
    fn long_bars_are_several_segments_and_short_ones_end_with_the_piece() {
        let long = piece("a", "5/4", 2, &[]);
        let lengths: Vec<_> = bars(&long).iter().map(|s| (s.first.0, s.steps, s.index)).collect();
        assert_eq!(lengths, [(0, 16, 0), (16, 4, 1), (20, 16, 0), (36, 4, 1)]);
        let waltz = piece("b", "3/4", 2, &[(12, Role::Lead, 60, 1)]);
        let scene = scene(&waltz, Role::Lead, &bars(&waltz)[1], &style(&waltz));
        assert_eq!((scene.density, scene.chords[11], scene.chords[12]), (Some(1.0 / 12.0), Chord::parse("G7"), None));
    }
}
