//! Bass, chords and lead.

use super::harmony::{self, VOICES_MAX};
use super::{Moment, rhythm};
use crate::engine::sampling;
use crate::music::{Role, StepNotes, kit};

/// Steps that a sparse chord lasts at least.
const CHORD_STEPS: u32 = 3;

/// Onsets of a bar for a density that means `full` onsets in sixteen steps.
fn onsets(moment: &Moment, density: f32, full: f32) -> u32 {
    let steps = moment.ask.place.metre.bar_steps();
    ((density * full * steps as f32 / 16.0 + 0.5) as u32).clamp(1, steps)
}

/// Steps that a note may last: to the next onset, and not into the next chord.
fn length(moment: &Moment, onsets: u32, rotation: u32) -> u32 {
    let place = &moment.ask.place;
    let steps = rhythm::steps_to_next(onsets, place.metre.bar_steps(), rotation, place.step_in_bar);
    match moment.ask.steps_to_next_chord {
        0 => steps,
        change => steps.min(change),
    }
}

/// True when the pattern has an onset here, with drops and additions as far as the freedom goes.
fn is_hit(moment: &Moment, onsets: u32, rotation: u32) -> bool {
    let place = &moment.ask.place;
    let plain = rhythm::is_onset(onsets, place.metre.bar_steps(), rotation, place.step_in_bar);
    let strength = rhythm::strength(place);
    let chance = if plain { 0.2 * (1.0 - strength) } else { 0.12 * strength };
    plain != (moment.unit(1) < chance * moment.freedom())
}

/// Rotation of the pattern for this pair of bars: none at temperature 0.
fn rotation(moment: &Moment, most: u32) -> u32 {
    if moment.freedom() > 0.0 { (moment.pair_unit(2) * (most as f32 * moment.freedom() + 1.0)) as u32 } else { 0 }
}

/// Roots on strong places, fifths and chord tones between, a step towards the next chord before it changes.
pub fn bass(moment: &Moment, out: &mut StepNotes) {
    let (ask, chord) = (moment.ask, &moment.chord);
    let count = onsets(moment, moment.density_or(0.3), 16.0);
    let is_kick = |h: &&crate::engine::HeardNote| h.role == Role::Drums && kit::row_of(h.note.pitch) == Some(0);
    let strength = rhythm::strength(&ask.place);
    let with_kick = strength >= 0.3 && moment.heard.now.iter().any(|h| is_kick(&h));
    if !(moment.is_new_chord || with_kick || is_hit(moment, count, 0)) {
        return;
    }
    let centre = moment.centre(0.3);
    let target = moment.last_pitch().map_or(centre, |p| 0.5 * f32::from(p) + 0.5 * centre);
    let (root, fifth) = (1u16 << chord.bass, 1u16 << ((chord.root + 7) % 12) & chord.mask);
    let pull = ask.next_chord.filter(|_| (1..=2).contains(&ask.steps_to_next_chord) && strength < 0.6);
    let wander = moment.unit(3) * (0.4 + moment.freedom());
    let near = |mask: u16| moment.nearest(target, mask);
    let pitch = if let Some(next) = pull {
        // One scale step below or above the bass that comes.
        let goal = moment.nearest(target, 1 << next.bass).unwrap_or(target as u8);
        let mask = harmony::scale_of(ask, chord) & !(1 << next.bass);
        moment.nearest(f32::from(goal) - 0.6, mask)
    } else if moment.is_new_chord || strength >= 0.8 || wander < 0.35 {
        near(root)
    } else if wander < 0.75 && fifth != 0 {
        near(fifth)
    } else {
        near(chord.mask)
    };
    if let Some(pitch) = pitch.or_else(|| near(root)).or_else(|| near(chord.mask)) {
        out.push(moment.note(pitch, 78.0, length(moment, count, 0), 0));
    }
}

/// The nearest voicing at each change of chord and on an even rhythm between.
pub fn chords(moment: &Moment, out: &mut StepNotes) {
    let mut pitches = [0; VOICES_MAX];
    let voices = harmony::voicing(moment, &mut pitches);
    // Density counts notes, a chord has several.
    let count = onsets(moment, moment.density_or(0.12), 48.0 / voices.max(1) as f32);
    let turn = rotation(moment, 3);
    // Sparse chords are not struck again before they have been heard.
    let held = moment.scene.held_steps[1];
    let is_too_soon = (1..CHORD_STEPS).contains(&held) && count * CHORD_STEPS < moment.ask.place.metre.bar_steps();
    if !moment.is_new_chord && (is_too_soon || !is_hit(moment, count, turn)) {
        return;
    }
    let sounding = moment.scene.sounding_of(Role::Chords);
    let left = moment.ask.place.metre.bar_steps() - moment.ask.place.step_in_bar;
    let change = if moment.ask.steps_to_next_chord == 0 { left } else { moment.ask.steps_to_next_chord };
    let steps = length(moment, count, turn).max(CHORD_STEPS.min(left).min(change));
    for (i, pitch) in (0..).zip(&pitches[..voices]) {
        if sampling::is_allowed(moment.ask, *pitch, sounding) {
            out.push(moment.note(*pitch, 62.0, steps, i));
        }
    }
}

/// A walk over the scale: chord tones on strong places, steps between, drawn back to the middle of its range; every
/// fourth bar breathes.
pub fn lead(moment: &Moment, out: &mut StepNotes) {
    let (ask, place) = (moment.ask, &moment.ask.place);
    let count = onsets(moment, moment.density_or(0.35), 16.0);
    let turn = rotation(moment, 3);
    let strength = rhythm::strength(place);
    let is_breath = place.bar % 4 == 3 && place.step_in_bar * 2 > place.metre.bar_steps();
    if !is_hit(moment, count, turn) || (is_breath && ask.density().is_none_or(|d| d < 0.8)) {
        return;
    }
    let centre = moment.centre(0.5);
    let last = moment.last_pitch().map_or(centre, f32::from);
    // Without freedom the line rises in even bars and falls in odd ones.
    let plain = if place.bar.is_multiple_of(2) { 2.0 } else { -2.0 };
    let freedom = (ask.temperature.pitch * 0.5).clamp(0.0, 1.0);
    let walk = plain * (1.0 - freedom) + (moment.unit(4) + moment.unit(5) - 1.0) * 14.0 * freedom;
    let target = last + walk + 0.25 * (centre - last);
    let scale = harmony::scale_of(ask, &moment.chord);
    let mask = if strength >= 0.6 { moment.chord.mask } else { scale };
    // A repeated pitch on a weak place is a step not taken.
    let fresh = if strength < 0.6 { mask & !(1 << (last as u16 % 12)) } else { mask };
    let pitch = moment.nearest(target, fresh).or_else(|| moment.nearest(target, scale));
    if let Some(pitch) = pitch.or_else(|| moment.nearest(target, 0xFFF)) {
        out.push(moment.note(pitch, 76.0, length(moment, count, turn), 0));
    }
}
