//! What the euclidean engine promises, apart from the contract of all engines.

use super::*;
use crate::engine::{HeardNote, History};
use crate::music::{Chance, Key, Progression, ROLES, kit};
use crate::time::{BarMap, Metre, StepIndex};

/// A band of four over `bars` bars; `change` turns the knobs.
fn play(metre: Metre, bars: u64, change: impl Fn(&mut Ask)) -> Vec<Vec<HeardNote>> {
    let map = BarMap::new(metre);
    let mut parts = ROLES.map(|_| Euclid::default());
    let mut history = History::new(StepIndex(0));
    let mut all = Vec::new();
    for step in 0..bars * u64::from(metre.bar_steps()) {
        let mut now = Vec::new();
        for (role, part) in ROLES.into_iter().zip(&mut parts) {
            let mut ask = Ask::new(map.place(StepIndex(step)), role, Chance::new(5).fold(role as u64));
            change(&mut ask);
            let mut out = StepNotes::EMPTY;
            part.next_step(&ask, &Heard { history: &history, now: &now }, &mut out).unwrap();
            now.extend(out.iter().map(|note| HeardNote { role, note: *note }));
        }
        history.push(&now);
        all.push(now);
    }
    all
}

fn count(played: &[Vec<HeardNote>], role: Role) -> usize {
    played.iter().flatten().filter(|h| h.role == role).count()
}

#[test]
fn every_role_plays_in_every_metre() {
    for (beats, unit) in
        [(4, 4), (3, 4), (2, 4), (5, 4), (6, 8), (7, 8), (9, 8), (12, 8), (2, 2), (1, 4), (12, 4), (5, 16)]
    {
        let played = play(Metre::new(beats, unit).unwrap(), 8, |_| {});
        for role in ROLES {
            assert!(count(&played, role) >= 8, "{role:?} in {beats}/{unit}: {}", count(&played, role));
        }
        assert!(played[0].iter().any(|h| h.role == Role::Bass) && played[0].iter().any(|h| h.note.pitch == 36));
    }
}

#[test]
fn the_harmony_that_is_asked_is_played() {
    let progression = Progression::parse("Dm7 G7 Cmaj7 (Am7 E7)", 16).unwrap();
    let played = play(Metre::FOUR_FOUR, 16, |ask| {
        (ask.chord, ask.next_chord, ask.steps_to_next_chord) = progression.at(ask.place.step.0);
        ask.key = Key::parse("C");
        ask.in_key = 1.0;
    });
    for (step, now) in (0u64..).zip(&played) {
        let (chord, _, left) = progression.at(step);
        let chord = chord.unwrap();
        for heard in now.iter().filter(|h| h.role == Role::Chords) {
            assert!(chord.has(heard.note.pitch) && u32::from(heard.note.duration_steps) <= left);
        }
        if step % 16 == 0 {
            let bass = now.iter().find(|h| h.role == Role::Bass).unwrap();
            assert_eq!(bass.note.pitch % 12, chord.root, "step {step}");
        }
        let melody = now.iter().filter(|h| h.role == Role::Lead && step % 4 == 0);
        assert!(melody.into_iter().all(|h| chord.has(h.note.pitch)), "step {step}");
    }
}

#[test]
fn voicings_move_by_small_steps() {
    let progression = Progression::parse("C F G Am Dm7 G7 C C", 16).unwrap();
    let played = play(Metre::FOUR_FOUR, 16, |ask| ask.chord = progression.at(ask.place.step.0).0);
    let means: Vec<f32> = played
        .iter()
        .map(|now| now.iter().filter(|h| h.role == Role::Chords).map(|h| f32::from(h.note.pitch)).collect::<Vec<_>>())
        .filter(|pitches| pitches.len() >= 3)
        .map(|pitches| pitches.iter().sum::<f32>() / pitches.len() as f32)
        .collect();
    assert!(means.len() > 16);
    assert!(means.windows(2).all(|w| (w[0] - w[1]).abs() <= 5.0), "{means:?}");
}

#[test]
fn density_and_register_are_obeyed() {
    let at = |density: f32, register: f32| {
        let played = play(Metre::FOUR_FOUR, 16, |ask| {
            ask.band[ask.role.index()].density = Some(density);
            ask.band[ask.role.index()].register = Some(register);
        });
        let pitches: Vec<_> =
            played.iter().flatten().filter(|h| h.role == Role::Lead).map(|h| f32::from(h.note.pitch)).collect();
        (ROLES.map(|role| count(&played, role)), pitches.iter().sum::<f32>() / pitches.len().max(1) as f32)
    };
    let (silent, sparse, busy) = (at(0.0, 0.5), at(0.15, 0.2), at(0.9, 0.8));
    assert_eq!(silent.0, [0; 4]);
    assert!(sparse.0.iter().zip(busy.0).all(|(s, b)| s * 2 <= b), "{sparse:?} {busy:?}");
    assert!(sparse.1 + 8.0 < busy.1);
}

#[test]
fn temperature_0_repeats_and_warmth_varies() {
    let drums = |temperature: f32| {
        let played = play(Metre::FOUR_FOUR, 4, |ask| ask.temperature.rhythm = temperature);
        let bar = |n: usize| {
            let rows = |now: &Vec<HeardNote>| {
                let drums = now.iter().filter(|h| h.role == Role::Drums);
                drums.map(|h| kit::row_of(h.note.pitch)).collect::<Vec<_>>()
            };
            played[n * 16..(n + 1) * 16].iter().map(rows).collect::<Vec<_>>()
        };
        (1..4).filter(|n| bar(*n) != bar(0)).count()
    };
    assert_eq!(drums(0.0), 0);
    assert!(drums(2.0) > 0);
}

#[test]
fn a_chord_is_not_struck_twice_within_three_steps() {
    let progression = Progression::parse("Dm7 G7 Cmaj7 Am7", 16).unwrap();
    let played = play(Metre::FOUR_FOUR, 16, |ask| {
        (ask.chord, ask.next_chord, ask.steps_to_next_chord) = progression.at(ask.place.step.0);
    });
    let strikes: Vec<usize> =
        (0..played.len()).filter(|step| played[*step].iter().any(|h| h.role == Role::Chords)).collect();
    assert!(strikes.len() >= 16 && strikes.windows(2).all(|w| w[1] - w[0] >= 3), "{strikes:?}");
}
