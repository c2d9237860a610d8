//! Does a melody follow a harmony that it hears, or that it is told, and does guidance change how closely?
//!
//! Chords are drawn at random (any major or minor triad, two bars each), so that only following them gives many chord tones. Chance is
//! what the same melody has over the chords of the other takes.

use super::bars::BAR_STEPS;
use crate::engine::{Ask, Engine, Heard, HeardNote, History};
use crate::music::{Chance, Chord, Purpose, Role, StepNote, StepNotes};
use crate::time::{BarMap, StepIndex};
use serde::Serialize;

/// Opens a part of the engine that is tried.
pub type Open<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Engine>, String>;

/// One way of letting a melody know the harmony.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Follow {
    /// What the melody knows.
    pub name: &'static str,
    /// Notes of all takes.
    pub notes: usize,
    /// Share that belongs to the chord at their place.
    pub chord_tones: f64,
    /// Share that belongs to the chord of another take at their place.
    pub chance: f64,
}

struct Way {
    name: &'static str,
    /// Bass and chords are played by force, and heard.
    is_heard: bool,
    /// The chord is told.
    is_told: bool,
    guidance: f32,
}

const WAYS: &[Way] = &[
    Way { name: "nothing", is_heard: false, is_told: false, guidance: 1.0 },
    Way { name: "forced chords, heard", is_heard: true, is_told: false, guidance: 1.0 },
    Way { name: "chord told, guidance 0", is_heard: false, is_told: true, guidance: 0.0 },
    Way { name: "chord told", is_heard: false, is_told: true, guidance: 1.0 },
    Way { name: "chord told, guidance 2", is_heard: false, is_told: true, guidance: 2.0 },
    Way { name: "chord told, guidance 4", is_heard: false, is_told: true, guidance: 4.0 },
    Way { name: "heard and told", is_heard: true, is_told: true, guidance: 1.0 },
];

/// Bars of a take; the first two only lead in.
const BARS: u64 = 18;
const LEAD_IN: u64 = 2;
/// Bars of a chord.
const CHORD_BARS: u64 = 2;

/// Tries every way with so many takes.
///
/// # Errors
/// One sentence: no engine.
pub fn run(takes: u64, open: Open) -> Result<Vec<Follow>, String> {
    let progressions: Vec<Vec<Chord>> = (0..takes).map(progression).collect();
    let mut told = Vec::new();
    for way in WAYS {
        let mut melodies = Vec::new();
        for (take, chords) in progressions.iter().enumerate() {
            melodies.push(melody(way, chords, take as u64, open()?)?);
        }
        let share = |shift: usize| {
            let pairs = melodies.iter().enumerate().map(|(i, m)| (m, &progressions[(i + shift) % progressions.len()]));
            let notes =
                pairs.flat_map(|(m, chords)| m.iter().map(move |(bar, pitch)| chord_at(chords, *bar).has(*pitch)));
            let (mut hits, mut all) = (0usize, 0usize);
            notes.for_each(|hit| (hits, all) = (hits + usize::from(hit), all + 1));
            (hits as f64 / all.max(1) as f64, all)
        };
        let others: Vec<f64> = (1..progressions.len()).map(|shift| share(shift).0).collect();
        let (chord_tones, notes) = share(0);
        let chance = others.iter().sum::<f64>() / others.len().max(1) as f64;
        told.push(Follow { name: way.name, notes, chord_tones, chance });
    }
    Ok(told)
}

fn progression(take: u64) -> Vec<Chord> {
    let chance = Chance::new(77).fold(take);
    let draw = |i: u64| {
        let (root, is_minor) = (chance.below(Purpose::Vary, i, 0, 12), chance.below(Purpose::Vary, i, 1, 2) == 1);
        Chord::new(root as u8, if is_minor { 0b1000_1001 } else { 0b1001_0001 })
    };
    (0..BARS / CHORD_BARS).map(draw).collect()
}

fn chord_at(chords: &[Chord], bar: u64) -> Chord {
    chords[(bar / CHORD_BARS) as usize % chords.len()]
}

/// The lead's notes: bar and pitch.
fn melody(way: &Way, chords: &[Chord], take: u64, mut lead: Box<dyn Engine>) -> Result<Vec<(u64, u8)>, String> {
    let (bars, mut history, mut notes) = (BarMap::default(), History::new(StepIndex(0)), Vec::new());
    for step in 0..BARS * u64::from(BAR_STEPS) {
        let place = bars.place(StepIndex(step));
        let chord = chord_at(chords, place.bar);
        let mut now = if way.is_heard { forced(chord, place.step_in_bar) } else { Vec::new() };
        let mut ask = Ask::new(place, Role::Lead, Chance::new(5).fold(take));
        ask.guidance = way.guidance;
        for role in [Role::Bass, Role::Chords] {
            ask.band[role.index()].present = way.is_heard;
        }
        if way.is_told {
            let left = CHORD_BARS * u64::from(BAR_STEPS) - step % (CHORD_BARS * u64::from(BAR_STEPS));
            ask.chord = Some(chord);
            ask.next_chord = Some(chord_at(chords, place.bar + CHORD_BARS));
            ask.steps_to_next_chord = left as u32;
        }
        let mut out = StepNotes::EMPTY;
        lead.next_step(&ask, &Heard { history: &history, now: &now }, &mut out).map_err(|e| e.to_string())?;
        if place.bar >= LEAD_IN {
            notes.extend(out.iter().map(|n| (place.bar, n.pitch)));
        }
        now.extend(out.iter().map(|note| HeardNote { role: Role::Lead, note: *note }));
        history.push(&now);
    }
    Ok(notes)
}

/// A root in the bass and a close chord above it, twice a bar.
fn forced(chord: Chord, step_in_bar: u32) -> Vec<HeardNote> {
    if !step_in_bar.is_multiple_of(8) {
        return Vec::new();
    }
    let bass = HeardNote { role: Role::Bass, note: StepNote::new(36 + chord.root % 12, 90, 8) };
    let tones = (55..67u8).filter(|p| chord.has(*p));
    std::iter::once(bass)
        .chain(tones.map(|p| HeardNote { role: Role::Chords, note: StepNote::new(p, 80, 8) }))
        .collect()
}
