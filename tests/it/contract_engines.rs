//! The contract that every row of `engine::ENGINES` keeps.

use ricercar::engine::gan;
use ricercar::engine::lstm::{self, CandleModel, Packed, random};
use ricercar::engine::{Ask, ENGINES, Engine, EngineKind, EngineState, Heard, HeardNote, History, Models, RoleAsk};
use ricercar::limits::NOTES_PER_STEP;
use ricercar::music::{Chance, Chord, Key, ROLES, Role, StepNote, StepNotes, StyleBlend, kit};
use ricercar::time::{BarMap, Metre, StepIndex};
use std::sync::{Arc, OnceLock};

fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| {
        let weights = random::small(7).unwrap();
        let device = lstm::device(false).unwrap();
        Models {
            lstm: Some(Arc::new(Packed::new(&weights).unwrap())),
            candle: Some(Arc::new(CandleModel::new(&weights, &device).unwrap())),
            gan: Some(Arc::new(gan::Packed::new(&gan::file::random(32, 7)))),
            ..Models::default()
        }
    })
}

fn open(kind: &EngineKind) -> Box<dyn Engine> {
    (kind.open)(models()).unwrap_or_else(|e| panic!("{}: {e}", kind.name))
}

/// A band of one engine kind.
struct Band {
    parts: Vec<Box<dyn Engine>>,
    history: History,
    bars: BarMap,
}

impl Band {
    fn new(kind: &EngineKind, metre: Metre) -> Band {
        let parts = ROLES.iter().map(|_| open(kind)).collect();
        Band { parts, history: History::new(StepIndex(0)), bars: BarMap::new(metre) }
    }

    /// The next step of all four roles; `change` turns the knobs, `force` replaces what a role plays.
    fn step(&mut self, change: &dyn Fn(&mut Ask), force: &dyn Fn(Role, u64) -> Option<StepNotes>) -> Vec<HeardNote> {
        let step = self.history.next();
        let mut now = Vec::new();
        for (role, part) in ROLES.into_iter().zip(&mut self.parts) {
            let mut ask = Ask::new(self.bars.place(step), role, Chance::new(3).fold(role as u64));
            ask.band.iter_mut().for_each(|r| r.present = true);
            change(&mut ask);
            let heard = Heard { history: &self.history, now: &now };
            let notes = match force(role, step.0) {
                Some(notes) => part.follow(&ask, &heard).map(|()| notes).unwrap(),
                None => {
                    let mut out = StepNotes::from_iter([StepNote::new(1, 1, 1)]);
                    part.next_step(&ask, &heard, &mut out).unwrap();
                    check(&ask, &out);
                    out
                }
            };
            now.extend(notes.iter().map(|note| HeardNote { role, note: *note }));
        }
        self.history.push(&now);
        now
    }

    fn play(&mut self, steps: u64, change: &dyn Fn(&mut Ask)) -> Vec<Vec<HeardNote>> {
        (0..steps).map(|_| self.step(change, &|_, _| None)).collect()
    }
}

/// What must hold for every step of every engine.
fn check(ask: &Ask, out: &StepNotes) {
    assert!(out.len() <= NOTES_PER_STEP.min(usize::from(ask.polyphony.max(1))), "{ask:?}");
    for note in out.iter() {
        assert!((1..=127).contains(&note.velocity) && note.duration_steps >= 1 && note.offset_ticks.abs() <= 120);
        assert!(ask.range.0 <= note.pitch && note.pitch <= ask.range.1, "{} outside {:?}", note.pitch, ask.range);
        if ask.role == Role::Drums {
            assert!(kit::ROWS.iter().any(|row| row.pitch == note.pitch), "{} is no drum", note.pitch);
            continue;
        }
        let in_chord = ask.chord.is_some_and(|c| c.has(note.pitch));
        assert!(ask.in_chord < 1.0 || ask.chord.is_none() || in_chord, "{note:?} outside the chord");
        let in_key = ask.key.is_none_or(|k| k.has(note.pitch));
        assert!(ask.in_key < 1.0 || in_key || in_chord, "{note:?} outside the key");
    }
    let mut pitches: Vec<_> = out.iter().map(|n| n.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    assert_eq!(pitches.len(), out.len(), "a pitch twice in one step");
}

#[test]
fn rows_are_complete_and_names_unique() {
    for kind in ENGINES {
        assert!(!kind.doc.is_empty() && kind.example.contains(&format!("\"{}\"", kind.name)));
        assert_eq!(ENGINES.iter().filter(|k| k.name == kind.name).count(), 1);
        let nothing = (kind.open)(&Models::default());
        assert!(nothing.is_ok() || nothing.is_err_and(|e| e.to_string().contains("euclid")), "{}", kind.name);
    }
}

#[test]
fn the_same_questions_get_the_same_notes() {
    for kind in ENGINES {
        let change = |ask: &mut Ask| ask.key = Key::parse("E minor");
        let first = Band::new(kind, Metre::FOUR_FOUR).play(48, &change);
        assert!(first.iter().flatten().count() > 20, "{} hardly plays", kind.name);
        assert_eq!(first, Band::new(kind, Metre::FOUR_FOUR).play(48, &change), "{}", kind.name);
    }
}

#[test]
fn going_back_to_a_saved_state_plays_the_same_again() {
    for kind in ENGINES {
        let mut band = Band::new(kind, Metre::FOUR_FOUR);
        band.play(20, &|_| {});
        let mut states = vec![EngineState::default(); ROLES.len()];
        band.parts.iter().zip(&mut states).for_each(|(part, state)| part.save(state));
        let once = band.play(24, &|_| {});
        band.history.truncate(StepIndex(20));
        // Into fresh instances, as after musical undo.
        band.parts = ROLES.iter().map(|_| open(kind)).collect();
        band.parts.iter_mut().zip(&states).for_each(|(part, state)| part.restore(state));
        let mut again = EngineState::default();
        band.parts[2].save(&mut again);
        assert_eq!(again, states[2], "{}: restore then save", kind.name);
        assert!(again.0.len() * 4 <= 16 << 10, "{}: a state is small", kind.name);
        assert_eq!(band.play(24, &|_| {}), once, "{}", kind.name);
    }
}

#[test]
fn knobs_at_their_ends_and_beyond_never_break_the_contract() {
    for kind in ENGINES {
        for end in [0.0, 2.0, 4.0, f32::NAN, f32::INFINITY, -1.0] {
            let change = |ask: &mut Ask| {
                let t = &mut ask.temperature;
                (t.pitch, t.rhythm, t.velocity, t.offset) = (end, end, end, end);
                (ask.top_p, ask.min_p) = (end, end);
                ask.band[1] = RoleAsk { present: true, density: Some(end), register: Some(end) };
                ask.steps_to_next_chord = ask.place.step.0 as u32 % 3;
                ask.next_chord = Chord::parse("F#m7b5");
                ask.bars_to_end = Some(ask.place.step.0 as u32 % 5);
            };
            Band::new(kind, Metre::FOUR_FOUR).play(12, &change);
        }
    }
}

#[test]
fn masks_hold() {
    for kind in ENGINES {
        for (range, polyphony) in
            [((50, 61), 2), ((60, 60), 1), ((90, 40), 3), ((0, 127), 16), ((110, 127), 4), ((0, 20), 0)]
        {
            let change = |ask: &mut Ask| {
                (ask.range, ask.polyphony) = (range, polyphony);
                ask.key = Key::parse("Ab lydian");
                ask.chord = [Chord::parse("Eb7"), Chord::parse("A"), None][ask.place.step.0 as usize / 4 % 3];
                ask.in_key = 1.0;
                ask.in_chord = (ask.place.step.0 % 2) as f32;
            };
            Band::new(kind, Metre::FOUR_FOUR).play(16, &change);
        }
    }
}

#[test]
fn every_metre_and_an_empty_history_are_playable() {
    for kind in ENGINES {
        for unit in [1u8, 2, 4, 8, 16] {
            for metre in (1..=24).filter_map(|beats| Metre::new(beats, unit)) {
                let bar = u64::from(metre.bar_steps());
                let mut engine = open(kind);
                for step in [0, 1, bar - 1, bar, 7 * bar + bar / 2] {
                    let history = History::new(StepIndex(step));
                    let place = BarMap::new(metre).place(StepIndex(step));
                    let ask = Ask::new(place, ROLES[(step % 4) as usize], Chance::new(step));
                    let mut out = StepNotes::EMPTY;
                    engine.next_step(&ask, &Heard { history: &history, now: &[] }, &mut out).unwrap();
                    check(&ask, &out);
                }
            }
        }
    }
}

#[test]
fn what_one_role_is_made_to_play_changes_what_the_others_play() {
    for kind in ENGINES {
        let forced = |pitches: &'static [u8]| {
            let mut band = Band::new(kind, Metre::FOUR_FOUR);
            let force = |role: Role, _: u64| {
                (role == Role::Drums).then(|| pitches.iter().map(|p| StepNote::new(*p, 100, 1)).collect::<StepNotes>())
            };
            (0..32)
                .flat_map(|_| band.step(&|_| {}, &force))
                .filter(|heard| heard.role != Role::Drums)
                .collect::<Vec<_>>()
        };
        assert_ne!(forced(&[]), forced(&[36, 42]), "{} does not listen", kind.name);
    }
}

#[test]
fn styles_that_nobody_knows_are_reported_and_ignored() {
    for kind in ENGINES {
        let mut engine = open(kind);
        let history = History::new(StepIndex(0));
        for _ in 0..2 {
            let mut ask = Ask::new(BarMap::default().place(StepIndex(0)), Role::Lead, Chance::new(1));
            ask.style = StyleBlend::new(&[("no such style", 1.0)]);
            engine.next_step(&ask, &Heard { history: &history, now: &[] }, &mut StepNotes::EMPTY.clone()).unwrap();
        }
        if let Some(sentence) = engine.notice() {
            assert!(sentence.contains("no such style"));
        }
        assert_eq!(engine.notice(), None, "{} says a thing once", kind.name);
    }
}
