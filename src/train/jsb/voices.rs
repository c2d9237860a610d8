//! Four voices as the net sees them: what each sang, how long it has been held, what it did a beat and bars ago.

use super::adapt::Pace;
use super::chords;
use super::feed::{Choice, Feed, KNOWN};
use super::recipe::{ChordUse, Recipe};
use super::steps::{Step, VOICES, Voices};
use crate::engine::lstm::shape::Chooser;
use crate::token::{Bag, Group, group, start_of, total};

/// Orders of choosing. The usual one is first: the outer voices, then the inner ones; of those that follow, each begins with another voice.
const ORDERS: [[usize; VOICES]; 24] = [
    [0, 3, 1, 2],
    [3, 2, 1, 0],
    [1, 2, 0, 3],
    [2, 0, 3, 1],
    [3, 0, 2, 1],
    [0, 1, 2, 3],
    [2, 1, 3, 0],
    [1, 3, 0, 2],
    [0, 2, 3, 1],
    [3, 1, 0, 2],
    [1, 0, 2, 3],
    [2, 3, 1, 0],
    [0, 3, 2, 1],
    [3, 0, 1, 2],
    [2, 0, 1, 3],
    [1, 2, 3, 0],
    [0, 1, 3, 2],
    [3, 2, 0, 1],
    [1, 3, 2, 0],
    [2, 1, 0, 3],
    [0, 2, 1, 3],
    [3, 1, 2, 0],
    [2, 3, 0, 1],
    [1, 0, 3, 2],
];
/// Ranges that transposed pieces stay in, as classes: soprano 60..=81, alto 53..=77, tenor 45..=72, bass 36..=64.
const RANGES: [(i32, i32); VOICES] = [(25, 46), (18, 42), (10, 37), (1, 29)];
/// Steps that are looked back.
const LAGS: [usize; 4] = [4, 8, 16, 32];
/// A class and the sign before the first note.
const SIGNS: u32 = Voices::CLASSES as u32 + 1;
const NOTHING: usize = Voices::CLASSES;
/// Melodic intervals -12..=12, beyond them counted in, and one row more for "none".
const MOVES: u32 = 26;
/// Distances of two voices, -24..=24, likewise.
const SPREADS: u32 = 50;
const HELD: u32 = 32;
const HELD_SHORT: u32 = 16;

const STEP: &[Group] = &[
    group("bias", 1, "always"),
    group("place", 16, "step modulo 16"),
    group("last", 4 * SIGNS, "each voice's class a step before"),
    group("held", 4 * HELD, "how long each voice has held it"),
    group("move", 4 * MOVES, "each voice's last interval"),
    group("lags", 4 * 4 * SIGNS, "each voice 4, 8, 16, 32 steps before"),
    group("beat and held", 4 * 4 * HELD_SHORT, "place in the beat and how long each voice has been held"),
    group("above bass", 3 * 13, "pitch class of each upper voice above the bass"),
];

/// Rows of one voice's decisions.
const DECISION: &[Group] = &[
    group("voice", 1, "always"),
    group("place", 16, "step modulo 16"),
    group("last", 4 * SIGNS, "each voice's class a step before"),
    group("held", 4 * HELD_SHORT, "how long each voice has held it"),
    group("beat and held", 4 * HELD_SHORT, "place in the beat and how long this voice has been held"),
    group("move", MOVES, "this voice's last interval"),
    group("lags", 4 * SIGNS, "this voice 4, 8, 16, 32 steps before"),
    group("moves ago", 4 * MOVES, "this voice's interval into the step 4, 8, 16, 32 steps before"),
    group("chosen", 4 * SIGNS, "each voice's class in this step, where it is chosen"),
    group("chosen moves", 4 * 4 * MOVES, "its interval, by place in the beat"),
    group("chosen spread", 4 * SPREADS, "from this voice's last class to each chosen one"),
    group("chord", 51, "the chord, where it is chosen first"),
    group("chord root", 25, "from this voice's last class up to the root, by kind of third"),
];

const DECISION_ROWS: u32 = total(DECISION);
/// The chord's decisions: always, place, last classes.
const CHORD_ROWS: u32 = 1 + 16 + 4 * SIGNS;

impl Feed for Voices {
    const CHOOSERS: &'static [Chooser] = &[
        Chooser { name: "soprano", classes: Voices::CLASSES },
        Chooser { name: "alto", classes: Voices::CLASSES },
        Chooser { name: "tenor", classes: Voices::CLASSES },
        Chooser { name: "bass", classes: Voices::CLASSES },
        Chooser { name: "chord", classes: chords::CLASSES },
    ];
    const NOTES: usize = VOICES;
    const STEP_ROWS: u32 = total(STEP);
    const CONTEXT_ROWS: u32 = VOICES as u32 * DECISION_ROWS + CHORD_ROWS;
    const FARTHEST: usize = Voices::CLASSES - 2;
    const ORDERS: usize = ORDERS.len();
    const PACE: Pace = Pace { rate: 1.2e-4, forgotten: 0.02, stretch: 16 };

    fn moved(&self, shift: i32) -> Voices {
        Voices(self.0.map(|c| if c == 0 { 0 } else { (i32::from(c) + shift).clamp(1, 46) as u8 }))
    }

    fn fits(&self, shift: i32) -> bool {
        let sung = self.0.iter().zip(RANGES).filter(|(c, _)| **c > 0);
        sung.map(|(c, range)| (i32::from(*c) + shift, range)).all(|(c, (low, high))| (low..=high).contains(&c))
    }

    fn inputs(past: &[Voices], recipe: &Recipe, out: &mut Bag) {
        const AT: [u32; 7] = [
            start_of(STEP, "place"),
            start_of(STEP, "last"),
            start_of(STEP, "held"),
            start_of(STEP, "move"),
            start_of(STEP, "lags"),
            start_of(STEP, "beat and held"),
            start_of(STEP, "above bass"),
        ];
        let [place, last, held, moves, lags, beat_held, above] = AT;
        out.clear();
        out.one(0);
        let (t, before) = (past.len() as u32, past.last());
        if recipe.metre {
            out.one(place + t % 16);
        }
        for (v, voice) in (0u32..).zip(0..VOICES) {
            out.one(last + v * SIGNS + class_ago(past, 1, voice) as u32);
            if recipe.held {
                let age = age(past, voice);
                out.one(held + v * HELD + age.min(HELD - 1));
                out.one(moves + v * MOVES + last_move(past, voice));
                if recipe.metre {
                    out.one(beat_held + (v * 4 + t % 4) * HELD_SHORT + age.min(HELD_SHORT - 1));
                }
            }
            if recipe.lookback {
                for (l, lag) in (0u32..).zip(LAGS) {
                    out.one(lags + (v * 4 + l) * SIGNS + class_ago(past, lag, voice) as u32);
                }
            }
        }
        for (v, voice) in (0u32..).zip(0..VOICES - 1) {
            let pair = before.map(|b| (i32::from(b.0[voice]), i32::from(b.0[VOICES - 1])));
            let class = pair.filter(|(a, b)| *a > 0 && *b > 0).map_or(12, |(a, b)| (a - b).rem_euclid(12) as u32);
            out.one(above + v * 13 + class);
        }
    }

    fn choices(
        past: &[Voices],
        now: &Voices,
        order: usize,
        recipe: &Recipe,
        bag: &mut Bag,
        each: &mut dyn FnMut(Choice, &mut Bag),
    ) {
        if recipe.chord != ChordUse::None {
            chord_rows(past, recipe, bag);
            let weight = if recipe.chord == ChordUse::Aside { 0.3 } else { 1.0 };
            each(Choice { chooser: VOICES, class: chords::class(now), weight, ..Choice::default() }, bag);
        }
        let order = &ORDERS[order];
        for (turn, voice) in order.iter().copied().enumerate() {
            let chosen = if recipe.in_step { &order[..turn] } else { &[] };
            decision_rows(past, now, voice, chosen, recipe, bag);
            let mut known = [0; KNOWN];
            known[0] = class_ago(past, 1, voice) % NOTHING;
            // Every other voice has its own place, whenever it was chosen.
            let others = ORDERS[0].iter().filter(|other| **other != voice);
            for (place, other) in known[1..].iter_mut().zip(others).filter(|(_, other)| chosen.contains(other)) {
                *place = usize::from(now.0[*other]);
            }
            let class = now.class(voice);
            each(Choice { chooser: voice, class, last: 0, known, weight: 1.0 }, bag);
        }
    }
}

fn chord_rows(past: &[Voices], recipe: &Recipe, out: &mut Bag) {
    let start = VOICES as u32 * DECISION_ROWS;
    out.clear();
    out.one(start);
    if recipe.metre {
        out.one(start + 1 + past.len() as u32 % 16);
    }
    for (v, voice) in (0u32..).zip(0..VOICES) {
        out.one(start + 17 + v * SIGNS + class_ago(past, 1, voice) as u32);
    }
}

/// Rows of a voice's decision; `chosen` are the voices whose class in this step is known.
fn decision_rows(past: &[Voices], now: &Voices, voice: usize, chosen: &[usize], recipe: &Recipe, out: &mut Bag) {
    let base = voice as u32 * DECISION_ROWS;
    let at = |start: u32| base + start;
    let t = past.len() as u32;
    let age_here = age(past, voice);
    out.clear();
    out.one(base);
    if recipe.metre {
        out.one(at(const { start_of(DECISION, "place") }) + t % 16);
    }
    for (o, other) in (0u32..).zip(0..VOICES) {
        out.one(at(const { start_of(DECISION, "last") }) + o * SIGNS + class_ago(past, 1, other) as u32);
        if recipe.held {
            let age = if other == voice { age_here } else { age(past, other) };
            out.one(at(const { start_of(DECISION, "held") }) + o * HELD_SHORT + age.min(HELD_SHORT - 1));
        }
    }
    if recipe.held {
        out.one(at(const { start_of(DECISION, "move") }) + last_move(past, voice));
        if recipe.metre {
            let row = t % 4 * HELD_SHORT + age_here.min(HELD_SHORT - 1);
            out.one(at(const { start_of(DECISION, "beat and held") }) + row);
        }
    }
    if recipe.lookback {
        for (l, lag) in (0u32..).zip(LAGS) {
            let (then, before) = (class_ago(past, lag, voice), class_ago(past, lag + 1, voice));
            out.one(at(const { start_of(DECISION, "lags") }) + l * SIGNS + then as u32);
            out.one(at(const { start_of(DECISION, "moves ago") }) + l * MOVES + interval(before, then));
        }
    }
    chosen_rows(past, now, voice, chosen, recipe, base, out);
    if recipe.chord == ChordUse::First {
        let class = chords::class(now);
        out.one(at(const { start_of(DECISION, "chord") }) + class as u32);
        let last = class_ago(past, 1, voice);
        let (root, third) = chords::root(class).unwrap_or((0, 2));
        let row = if third == 2 || last == 0 || last == NOTHING {
            24
        } else {
            third * 12 + (root as i32 - last as i32).rem_euclid(12) as u32
        };
        out.one(at(const { start_of(DECISION, "chord root") }) + row);
    }
}

fn chosen_rows(
    past: &[Voices],
    now: &Voices,
    voice: usize,
    chosen: &[usize],
    recipe: &Recipe,
    base: u32,
    out: &mut Bag,
) {
    let own = class_ago(past, 1, voice);
    let beat = if recipe.metre { past.len() as u32 % 4 } else { 0 };
    for other in chosen {
        let (o, class) = (*other as u32, usize::from(now.0[*other]));
        out.one(base + const { start_of(DECISION, "chosen") } + o * SIGNS + class as u32);
        let moved = interval(class_ago(past, 1, *other), class);
        out.one(base + const { start_of(DECISION, "chosen moves") } + (o * 4 + beat) * MOVES + moved);
        let known = own > 0 && own != NOTHING && class > 0;
        let spread = if known { (class as i32 - own as i32).clamp(-24, 24) + 24 } else { 49 };
        out.one(base + const { start_of(DECISION, "chosen spread") } + o * SPREADS + spread as u32);
    }
}

/// A voice's class some steps ago; [`NOTHING`] before the piece.
fn class_ago(past: &[Voices], ago: usize, voice: usize) -> usize {
    past.len().checked_sub(ago).map_or(NOTHING, |t| usize::from(past[t].0[voice]))
}

/// Steps for which a voice has had its present class, without the first of them; 0 before the piece.
fn age(past: &[Voices], voice: usize) -> u32 {
    let Some(last) = past.last() else { return 0 };
    let same = past.iter().rev().take(HELD as usize).take_while(|s| s.0[voice] == last.0[voice]).count();
    same as u32 - 1
}

/// Interval by which a voice came to its present class, where that was within some bars.
fn last_move(past: &[Voices], voice: usize) -> u32 {
    let Some(last) = past.last() else { return MOVES - 1 };
    let other = past.iter().rev().take(64).find(|s| s.0[voice] != last.0[voice]);
    other.map_or(MOVES - 1, |s| interval(usize::from(s.0[voice]), usize::from(last.0[voice])))
}

/// Row of an interval, `MOVES - 1` when one of the classes is no pitch.
fn interval(from: usize, to: usize) -> u32 {
    let is_pitch = |c: usize| c > 0 && c != NOTHING;
    if is_pitch(from) && is_pitch(to) { ((to as i32 - from as i32).clamp(-12, 12) + 12) as u32 } else { MOVES - 1 }
}
