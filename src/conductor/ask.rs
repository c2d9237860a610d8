//! From steering to the request that an engine gets.

use crate::engine::gan::Segment;
use crate::engine::{Ask, RoleAsk, Temperatures};
use crate::limits::NOTES_PER_STEP;
use crate::music::{Chance, ROLES, Role};
use crate::steer::{Control, Moment, PartSteering, Steering};
use crate::time::Place;

/// The moment at which signals are read in this step.
pub fn moment(steering: &Steering, place: Place) -> Moment {
    let from = steering.section.as_ref().map_or(0, |s| s.from.0);
    Moment { place, steps_in_section: place.step.0.saturating_sub(from), chance: Chance::new(steering.seed) }
}

/// Most notes started together.
pub fn polyphony(part: &PartSteering, moment: &Moment) -> u8 {
    let of_role = part.role.polyphony();
    (part.value(Control::Polyphony, moment).unwrap_or(f32::from(of_role)) + 0.5).clamp(1.0, NOTES_PER_STEP as f32) as u8
}

/// What every role of the band is asked; the first part of a role speaks for it.
pub fn band_asks(steering: &Steering, moment: &Moment) -> [RoleAsk; ROLES.len()] {
    let mut band = [RoleAsk::default(); ROLES.len()];
    for part in &steering.parts {
        let role = &mut band[part.role.index()];
        if !role.present {
            *role = role_ask(part, moment);
        }
    }
    band
}

fn role_ask(part: &PartSteering, moment: &Moment) -> RoleAsk {
    let (density, register) = (part.value(Control::Density, moment), part.value(Control::Register, moment));
    RoleAsk { present: true, density, register }
}

/// The request for one part in one step.
pub fn ask(
    steering: &Steering,
    part: &PartSteering,
    moment: &Moment,
    band: &[RoleAsk; ROLES.len()],
    chance: Chance,
) -> Ask {
    let place = moment.place;
    let value = |control: Control| part.value(control, moment);
    let or = |control: Control, other: f32| value(control).unwrap_or(other);
    let temperature = or(Control::Temperature, 1.0);
    let (chord, next_chord, steps_to_next_chord) =
        steering.chords.at(place.step.0.saturating_sub(steering.chords_from.0));
    let segment = Segment::of(&place);
    let chord_at = |i: usize| {
        let step = segment.first.0 + (i as u64).min(u64::from(segment.steps) - 1);
        steering.chords.at(step.saturating_sub(steering.chords_from.0)).0
    };
    let mut band = *band;
    band[part.role.index()] = role_ask(part, moment);
    Ask {
        place,
        role: part.role,
        band,
        chord,
        next_chord,
        steps_to_next_chord,
        bar_chords: std::array::from_fn(chord_at),
        latent: steering.latent(part, &place, chance),
        key: steering.key,
        style: if part.style.is_empty() { &steering.style } else { &part.style }.at(moment),
        temperature: Temperatures {
            pitch: or(Control::PitchTemperature, temperature),
            rhythm: or(Control::RhythmTemperature, temperature),
            velocity: or(Control::VelocityTemperature, temperature),
            offset: or(Control::OffsetTemperature, temperature),
        },
        top_p: or(Control::TopP, 1.0),
        min_p: or(Control::MinP, 0.0),
        in_key: or(Control::InKey, 0.0),
        in_chord: or(Control::InChord, 0.0),
        range: range(part.role, value(Control::Low), value(Control::High)),
        polyphony: polyphony(part, moment),
        is_polyphony_wanted: value(Control::Polyphony).is_some(),
        syncopation: value(Control::Syncopation),
        repeat: or(Control::Repeat, 0.0),
        copy: or(Control::Copy, 0.0),
        copy_bars: (or(Control::CopyBars, 1.0) + 0.5).clamp(1.0, 4.0) as u8,
        guidance: or(Control::Guidance, 1.0),
        bars_to_end: steering.section.as_ref().map(|s| bars_between(&place, s.until.0)),
        chance,
    }
}

fn range(role: Role, low: Option<f32>, high: Option<f32>) -> (u8, u8) {
    let (of_role_low, of_role_high) = role.range();
    let low = low.map_or(of_role_low, |v| (v + 0.5) as u8);
    let high = high.map_or(of_role_high, |v| (v + 0.5) as u8);
    // A bound that crosses the role's other bound takes it along: `low = 90` for a lead means at least 90.
    (low.min(127), high.max(low).min(127))
}

/// Whole bars after this one before `until`: 0 in the last bar.
fn bars_between(place: &Place, until: u64) -> u32 {
    let left = until.saturating_sub(place.step.0);
    (left.saturating_sub(1) / u64::from(place.metre.bar_steps())) as u32
}
