//! From logits to a choice: masks, biases, temperature, min-p, top-p, and a draw at an address.
//!
//! Order and reasons: masks first, so that nothing forbidden has weight; biases of the performer; temperature;
//! min-p (Nguyen et al., "Turning up the heat: min-p sampling", 2024), top-p (Holtzman et al., "The curious case of neural
//! text degeneration", 2019); one draw. Everything is computed with the room's own exp and ln: the same choice everywhere.

use super::{Ask, math};
use crate::music::Role;
use crate::token::classes::{self, END};

/// Most classes that a head has.
pub const CLASSES_MAX: usize = 128;
/// A class with this logit is never chosen.
pub const FORBIDDEN: f32 = f32::NEG_INFINITY;
/// Temperatures at or below this take the likeliest class.
const GREEDY: f32 = 1e-3;
/// What a pitch outside the key loses at strictness just below 1, in nats; outside the chord likewise.
const OUTSIDE: f32 = 6.0;
/// What density 0 or 1 takes from or gives to the odds of a note, in nats.
const DENSITY_PULL: f32 = 0.5;
/// The most that allowed pitches are raised by when others are taken away, in nats.
const MASS_MAX: f32 = 12.0;
/// Share of steps in which each role usually starts a note, when no density is asked.
const USUAL_ONSETS: [f32; 4] = [0.6, 0.3, 0.35, 0.25];
/// What a pitch a quarter of the range away from the asked register loses, in nats.
const REGISTER_PULL: f32 = 1.5;

/// How one head is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// 0 = the likeliest class, 1 = as the model says.
    pub temperature: f32,
    /// Smallest set of classes with this mass; 1 keeps all.
    pub top_p: f32,
    /// Share of the likeliest class below which a class is dropped; 0 keeps all.
    pub min_p: f32,
}

impl Draw {
    /// A head of `ask` with its own temperature.
    pub fn of(ask: &Ask, temperature: f32) -> Draw {
        Draw { temperature, top_p: ask.top_p, min_p: ask.min_p }
    }
}

/// A temperature that can be divided by; what is no number counts as 1.
fn sound_temperature(temperature: f32) -> f32 {
    if temperature.is_finite() { temperature } else { 1.0 }
}

/// True when no logit is NaN or plus infinity. (Minus infinity is how masks look.)
pub fn is_sound(logits: &[f32]) -> bool {
    logits.iter().all(|l| *l < f32::INFINITY)
}

/// The class with the largest logit, the first of equals; `None` when all are forbidden.
pub fn likeliest(logits: &[f32]) -> Option<usize> {
    let best = logits.iter().copied().fold(FORBIDDEN, |a, b| if b > a { b } else { a });
    if best == FORBIDDEN { None } else { logits.iter().position(|l| *l == best) }
}

/// Replaces logits by the probabilities that `draw` gives them; they add up to 1. False, and all zero, when every class
/// is forbidden.
pub fn probabilities(logits: &mut [f32], draw: Draw) -> bool {
    let Some(best) = likeliest(logits) else {
        logits.fill(0.0);
        return false;
    };
    if draw.temperature <= GREEDY {
        logits.fill(0.0);
        logits[best] = 1.0;
        return true;
    }
    let (top, temperature) = (logits[best], sound_temperature(draw.temperature));
    let min_p = draw.min_p.clamp(0.0, 1.0);
    for l in logits.iter_mut() {
        let p = if *l == FORBIDDEN { 0.0 } else { math::exp((*l - top) / temperature) };
        *l = if p < min_p { 0.0 } else { p };
    }
    if draw.top_p < 1.0 {
        keep_top(logits, draw.top_p.max(0.0));
    }
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|p| *p /= sum);
    true
}

/// Zeroes all but the largest weights that together reach `share` of the sum; the largest always stays.
fn keep_top(weights: &mut [f32], share: f32) {
    let mut order = [0u8; CLASSES_MAX];
    let count = weights.len().min(CLASSES_MAX);
    (0..count).for_each(|i| order[i] = i as u8);
    let order = &mut order[..count];
    order.sort_unstable_by(|a, b| {
        let (x, y) = (weights[usize::from(*a)], weights[usize::from(*b)]);
        y.total_cmp(&x).then(a.cmp(b))
    });
    let goal = share * weights.iter().sum::<f32>();
    let mut mass = 0.0;
    for i in order {
        let weight = &mut weights[usize::from(*i)];
        let was = *weight;
        if mass >= goal && mass > 0.0 {
            *weight = 0.0;
        }
        mass += was;
    }
}

/// The class at `unit` (in 0..1) of the cumulative probabilities; never one of probability 0.
pub fn pick(probabilities: &[f32], unit: f32) -> usize {
    let (mut left, mut last) = (unit, 0);
    for (i, p) in probabilities.iter().enumerate().filter(|p| *p.1 > 0.0) {
        if left < *p {
            return i;
        }
        left -= p;
        last = i;
    }
    last
}

/// Draws a class; `logits` are used up. `None` when every class is forbidden.
pub fn choose(logits: &mut [f32], draw: Draw, unit: f32) -> Option<usize> {
    probabilities(logits, draw).then(|| pick(logits, unit))
}

/// Forbids the pitches of a decision that the ask rules out, and leans on the rest. `chosen` notes are in the list
/// already, the last of them of class `after` (0 when none); `sounding` has a bit for each of the 88 pitches that the
/// role already sounds. END is never forbidden.
///
/// What is taken from some pitches goes to the others: whether there is a note stays the model's choice, so that a high register or
/// a strict key moves a part and does not silence it.
pub fn steer(logits: &mut [f32], ask: &Ask, chosen: usize, after: usize, sounding: u128) {
    let own = mass(logits.get(after + 1..).unwrap_or(&[]));
    let full = chosen >= usize::from(ask.polyphony.max(1)).min(crate::limits::NOTES_PER_STEP);
    let silent = ask.density().is_some_and(|d| d <= 0.0);
    for (class, logit) in logits.iter_mut().enumerate().skip(END + 1) {
        let pitch = classes::pitch_of(ask.role, class);
        let lean = pitch.filter(|_| class > after && !full && !silent).and_then(|p| pitch_lean(ask, p, sounding));
        *logit = lean.map_or(FORBIDDEN, |lean| *logit + lean);
    }
    let left = mass(&logits[END + 1..]);
    let lost = (own - left).clamp(0.0, MASS_MAX);
    if lost.is_finite() {
        logits[END + 1..].iter_mut().for_each(|l| *l += lost);
    }
}

/// Log of the sum of all weights; minus infinity when all are forbidden.
fn mass(logits: &[f32]) -> f32 {
    let Some(best) = likeliest(logits) else { return FORBIDDEN };
    let top = logits[best];
    top + math::ln(logits.iter().filter(|l| **l != FORBIDDEN).map(|l| math::exp(*l - top)).sum())
}

/// True when the ask's masks let `pitch` through; `sounding` as in [`steer`].
pub fn is_allowed(ask: &Ask, pitch: u8, sounding: u128) -> bool {
    pitch_lean(ask, pitch, sounding).is_some()
}

/// What steering adds to a pitch's logit; `None` when it is ruled out.
fn pitch_lean(ask: &Ask, pitch: u8, sounding: u128) -> Option<f32> {
    if pitch < ask.range.0 || pitch > ask.range.1 {
        return None;
    }
    if ask.role == Role::Drums {
        return Some(0.0);
    }
    if sounding >> classes::pitch_index(pitch) & 1 == 1 {
        return None;
    }
    // A chord that the performer wrote outranks the key: its tones are never outside.
    let in_chord = ask.chord.is_none_or(|c| c.has(pitch));
    let in_key = ask.key.is_none_or(|k| k.has(pitch)) || (ask.chord.is_some() && in_chord);
    let mut lean = 0.0;
    for (inside, strictness) in [(in_key, ask.in_key), (in_chord, ask.in_chord)] {
        if !inside && strictness >= 1.0 {
            return None;
        }
        if !inside {
            lean -= OUTSIDE * strictness.max(0.0);
        }
    }
    if let Some(register) = ask.register().filter(|r| r.is_finite()) {
        let (low, high) = (f32::from(ask.range.0), f32::from(ask.range.1));
        let quarter = ((high - low) / 4.0).max(1.0);
        let away = (f32::from(pitch) - (low + register.clamp(0.0, 1.0) * (high - low))) / quarter;
        lean -= REGISTER_PULL * away * away;
    }
    Some(lean)
}

/// Log-odds of a note in any step of this part, which the rhythm's temperature leaves alone: so a cold part plays its
/// likeliest places and a hot one more even ones, neither falls silent nor floods.
fn usual_odds(ask: &Ask) -> f32 {
    let role = ask.role.index();
    // Density counts the kit's notes against 32 in 16 steps, and a good half of its onsets are single notes.
    let share = |density: f32| if ask.role == Role::Drums { 1.25 * density } else { density };
    let density = ask.density().filter(|d| d.is_finite());
    let rate = density.map_or(USUAL_ONSETS[role], share).clamp(0.03, 0.9);
    math::ln(rate / (1.0 - rate))
}

/// Draws a decision: first whether there is a note at all (rhythm temperature, density), then which (pitch temperature,
/// min-p, top-p). With both temperatures 1 and no trimming this is one softmax. `logits` are used up; `first` is there while
/// the role has no note in this step, and holds what leans on its odds in nats; `units` are two numbers in 0..1.
pub fn choose_note(logits: &mut [f32], ask: &Ask, first: Option<f32>, units: [f32; 2]) -> usize {
    if likeliest(&logits[END + 1..]).is_none() {
        return END;
    }
    let mut odds = mass(&logits[END + 1..]) - logits[END];
    let usual = if first.is_some() { usual_odds(ask) } else { 0.0 };
    if first.is_some() {
        odds += DENSITY_PULL * (2.0 * ask.density().filter(|d| d.is_finite()).map_or(0.5, |d| d.clamp(0.0, 1.0)) - 1.0);
    }
    let lean = first.unwrap_or(0.0);
    let temperature = sound_temperature(ask.temperature.rhythm);
    let is_note = if temperature <= GREEDY {
        odds + lean > usual
    } else {
        // What the performer leans on is not cooled: a cold part is as busy as it is asked to be.
        units[0] < math::sigmoid((odds - usual) / temperature + usual + lean)
    };
    if !is_note {
        return END;
    }
    choose(&mut logits[END + 1..], Draw::of(ask, ask.temperature.pitch), units[1]).map_or(END, |c| c + END + 1)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::RoleAsk;
    use crate::music::{Chance, Chord, Key, Purpose, ROLES};
    use crate::time::{BarMap, StepIndex};

    const PLAIN: Draw = Draw { temperature: 1.0, top_p: 1.0, min_p: 0.0 };

    fn ask(role: Role) -> Ask {
        Ask::new(BarMap::default().place(StepIndex(0)), role, Chance::new(1))
    }

    fn logits(count: usize, seed: u64) -> Vec<f32> {
        let chance = Chance::new(seed);
        (0..count as u64).map(|i| chance.unit(Purpose::Vary, i, 0) * 8.0 - 4.0).collect()
    }

    #[test]
    fn temperature_0_takes_the_likeliest() {
        for seed in 0..200 {
            let l = logits(89, seed);
            let draw = Draw { temperature: 0.0, ..PLAIN };
            assert_eq!(choose(&mut l.clone(), draw, 0.999), likeliest(&l));
        }
        assert_eq!(likeliest(&[FORBIDDEN; 3]), None);
        assert_eq!(choose(&mut [FORBIDDEN; 3], PLAIN, 0.5), None);
    }

    #[test]
    fn probabilities_add_up_to_1_and_trimming_keeps_the_best() {
        for seed in 0..100 {
            for (temperature, top_p, min_p) in
                [(1.0, 1.0, 0.0), (0.2, 0.9, 0.05), (4.0, 0.5, 0.0), (1.0, 0.0, 1.0), (0.0, 0.5, 0.5)]
            {
                let mut p = logits(89, seed);
                let best = likeliest(&p).unwrap();
                assert!(probabilities(&mut p, Draw { temperature, top_p, min_p }));
                assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5 && p[best] > 0.0);
                let kept = p.iter().filter(|p| **p > 0.0).count();
                assert!(if top_p >= 1.0 && min_p == 0.0 { kept == 89 } else { kept < 89 });
            }
        }
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let chance = Chance::new(3);
        let mut counts = [0u32; 3];
        for i in 0..20_000 {
            let mut l = [0.0, math::ln(2.0), math::ln(5.0)];
            counts[choose(&mut l, PLAIN, chance.unit(Purpose::Pitch, i, 0)).unwrap()] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.125, 0.25, 0.625]) {
            assert!((count as f32 / 20_000.0 - share).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn two_stages_at_temperature_1_are_one_softmax() {
        let chance = Chance::new(4);
        let start = [0.3, 1.0, -0.5, 0.8];
        let mut exact = start;
        probabilities(&mut exact, PLAIN);
        let mut counts = [0.0f32; 4];
        for i in 0..20_000u64 {
            let mut l = start;
            let units = [0, 1].map(|n| chance.unit(Purpose::Pitch, i, n));
            counts[choose_note(&mut l, &ask(Role::Drums), Some(0.0), units)] += 1.0 / 20_000.0;
        }
        assert!(counts.iter().zip(exact).all(|(c, e)| (c - e).abs() < 0.015), "{counts:?} {exact:?}");
    }

    #[test]
    fn a_cold_part_plays_on_at_its_likeliest_places() {
        let mut asked = ask(Role::Lead);
        asked.temperature.rhythm = 0.0;
        let play = |odds: f32| choose_note(&mut [0.0, odds, odds - 1.0], &asked, Some(0.0), [0.99, 0.5]);
        assert_eq!(play(-4.0), END, "far below the usual share of onsets");
        assert_eq!(play(-0.9), 1, "below one half, above the usual share");
        asked.band[3].density = Some(1.0);
        assert_eq!(choose_note(&mut [0.0, 0.5, -0.5], &asked, Some(0.0), [0.99, 0.5]), END);
    }

    #[test]
    fn masks_are_never_violated() {
        let chance = Chance::new(5);
        for i in 0..10_000u64 {
            let mut asked = ask(ROLES[i as usize % 4]);
            asked.range = (40 + (i % 30) as u8, 60 + (i % 40) as u8);
            asked.key = Key::parse(["C", "F# minor", "Bb blues"][i as usize % 3]);
            asked.chord = (i % 5 != 0).then(|| Chord::parse("Ebmaj7")).flatten();
            asked.in_key = 1.0;
            asked.in_chord = (i % 2) as f32;
            asked.polyphony = 1 + (i % 3) as u8;
            let sounding = u128::from(chance.bits(Purpose::Pitch, i, 7)) << 20;
            let (chosen, after) = ((i % 4) as usize, (i % 20) as usize);
            let mut l = logits(classes::decision_classes(asked.role), i);
            steer(&mut l, &asked, chosen, after, sounding);
            let units = [0, 1].map(|n| chance.unit(Purpose::Pitch, i, n));
            let class = choose_note(&mut l, &asked, Some(0.0), units);
            let Some(pitch) = classes::pitch_of(asked.role, class) else { continue };
            assert!(class > after && chosen < usize::from(asked.polyphony));
            assert!((asked.range.0..=asked.range.1).contains(&pitch));
            if asked.role.is_pitched() {
                assert_eq!(sounding >> classes::pitch_index(pitch) & 1, 0);
                let (key, chord) = (asked.key.unwrap(), asked.chord);
                assert!(key.has(pitch) || chord.is_some_and(|c| c.has(pitch)));
                assert!(asked.in_chord < 1.0 || chord.is_none_or(|c| c.has(pitch)));
            }
        }
    }

    #[test]
    fn softer_strictness_lets_more_outside_notes_through() {
        let outside = |strictness: f32| {
            let chance = Chance::new(6);
            (0..2000u64)
                .filter(|i| {
                    let mut asked = ask(Role::Lead);
                    asked.key = Key::parse("C");
                    asked.in_key = strictness;
                    let mut l = logits(89, *i);
                    steer(&mut l, &asked, 0, 0, 0);
                    let class = choose_note(&mut l, &asked, Some(0.0), [0.0, chance.unit(Purpose::Pitch, *i, 0)]);
                    classes::pitch_of(Role::Lead, class).is_some_and(|p| !asked.key.unwrap().has(p))
                })
                .count()
        };
        let counts = [0.0, 0.3, 0.7, 1.0].map(outside);
        assert!(counts.windows(2).all(|w| w[0] > w[1]) && counts[3] == 0, "{counts:?}");
    }

    #[test]
    fn density_and_register_pull_their_way() {
        let play = |density: Option<f32>, register: Option<f32>| {
            let chance = Chance::new(7);
            let (mut notes, mut sum) = (0u32, 0u32);
            for i in 0..2000u64 {
                let mut asked = ask(Role::Lead);
                asked.band[3] = RoleAsk { present: true, density, register };
                let mut l = logits(89, i);
                l[END] = 6.0;
                steer(&mut l, &asked, 0, 0, 0);
                let units = [0, 1].map(|n| chance.unit(Purpose::Pitch, i, n));
                if let Some(pitch) = classes::pitch_of(Role::Lead, choose_note(&mut l, &asked, Some(0.0), units)) {
                    notes += 1;
                    sum += u32::from(pitch);
                }
            }
            (notes, sum as f32 / notes.max(1) as f32)
        };
        let (none, few, free, many) =
            (play(Some(0.0), None), play(Some(0.1), None), play(None, None), play(Some(1.0), None));
        assert!(none.0 == 0 && few.0 < free.0 && free.0 < many.0);
        let (low, high) = (play(None, Some(0.0)), play(None, Some(1.0)));
        assert!(low.1 + 10.0 < free.1 && free.1 + 10.0 < high.1, "{low:?} {free:?} {high:?}");
    }
}
