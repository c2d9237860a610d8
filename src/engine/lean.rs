//! How steering leans on a recurrent net's choices: what a part has played of this bar, what is still wanted, and where it falls.
//!
//! A net that is told a density follows it loosely. Here the loop is closed: the odds of a note follow what is still wanted of the bar,
//! so that the net chooses the places and the performer the number.

use super::heard::{HeardNote, History};
use super::{Ask, Heard, math};
use crate::music::{ROLES, Role, StepNote, StepNotes};
use crate::time::Place;
use crate::token::{self, Scene, classes};

/// What insisting (1) or avoiding (-1) adds to or takes from the logit of a class that was played a bar ago, in nats.
const REPEAT_PULL: f32 = 4.0;
/// What insisting gives to the odds of a note where there was one a bar ago, and takes where there was none, in nats.
const PLACE_PULL: f32 = 3.0;
/// What syncopation takes from or gives to the odds of a note while too few or too many lie between the beats, in nats.
const SYNCOPATION_PULL: f32 = 3.5;
/// What each note that is missing to the wanted number adds to the odds of one more, in nats.
const POLYPHONY_PULL: f32 = 2.5;
/// Notes that each role usually starts together, to turn notes into onsets.
const TOGETHER: [f32; ROLES.len()] = [1.6, 1.0, 2.5, 1.0];
/// How strongly the odds follow what is still wanted of the bar.
const PACE_GAIN: f32 = 1.0;

/// What leans on the choices of one step; made once for the step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lean {
    /// Added to the odds of a first note, in nats.
    pub first: f32,
    /// Classes that were played at this place a bar ago (bit n: class n + 1).
    pub bar_ago: u128,
}

impl Lean {
    /// For a step of a part.
    pub fn of(ask: &Ask, heard: &Heard, scene: &Scene) -> Lean {
        let role = ask.role;
        let bar_ago = match role.index().checked_sub(1) {
            Some(r) => scene.lags[1].pitched[r],
            None => scene.lags[1].drums,
        };
        let bar = Bar::of(heard.history, &ask.place, role);
        // A silent bar is no model for the next one: it would never end.
        let place = match (bar_ago != 0, bar.had_notes) {
            (true, _) => PLACE_PULL * sound(ask.repeat),
            (false, true) => -PLACE_PULL * sound(ask.repeat),
            (false, false) => 0.0,
        };
        let pace = ask.density().filter(|d| d.is_finite()).map_or(0.0, |d| bar.pace(d, ask));
        let syncopation = ask.syncopation.filter(|s| s.is_finite()).map_or(0.0, |s| {
            let missing = s.clamp(0.0, 1.0) * (bar.recent as f32 + 1.0) - bar.off_beats as f32 - 0.5;
            SYNCOPATION_PULL * (2.0 * missing).clamp(-1.0, 1.0) * bar.off_beat(&ask.place)
        });
        Lean { first: place + pace + syncopation, bar_ago }
    }

    /// Leans on the logits of a decision; `chosen` notes are in the step already. END has class 0.
    pub fn on(&self, logits: &mut [f32], ask: &Ask, chosen: usize) {
        let repeat = REPEAT_PULL * sound(ask.repeat);
        if repeat != 0.0 {
            for (class, logit) in logits.iter_mut().enumerate().skip(classes::END + 1) {
                if self.bar_ago >> (class - 1) & 1 == 1 {
                    *logit += repeat;
                }
            }
        }
        if chosen > 0 && ask.is_polyphony_wanted {
            let missing = f32::from(ask.polyphony) - chosen as f32 - 0.5;
            logits[classes::END] -= POLYPHONY_PULL * missing.max(0.0);
        }
    }
}

fn sound(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
}

/// What a role has played since the bar line.
#[derive(Clone, Copy, Debug, Default)]
struct Bar {
    notes: u32,
    onsets: u32,
    /// True when it played in the bar before.
    had_notes: bool,
    /// Onsets since the beginning of the bar before, and how many of them lie off the beats.
    recent: u32,
    off_beats: u32,
    /// True when the last step between this one and the beat before held an onset off the beat.
    is_tied: bool,
}

impl Bar {
    fn of(history: &History, place: &Place, role: Role) -> Bar {
        let mut bar = Bar::default();
        let (bar_steps, beat) = (place.metre.bar_steps(), place.metre.beat_steps().max(1));
        for back in 1..=place.step_in_bar + bar_steps {
            let own = own(place.step.before(u64::from(back)).map_or(&[], |s| history.step(s)), role).count() as u32;
            // Bars before are taken to be as long as this one.
            let step = (place.step_in_bar + bar_steps - back) % bar_steps.max(1);
            let (is_onset, is_off) = (own > 0, !step.is_multiple_of(beat));
            bar.recent += u32::from(is_onset);
            bar.off_beats += u32::from(is_onset && is_off);
            if back > place.step_in_bar {
                bar.had_notes |= is_onset;
                continue;
            }
            bar.notes += own;
            bar.onsets += u32::from(is_onset);
            bar.is_tied |= is_onset && back < beat && is_off;
        }
        bar
    }

    /// Odds of a note against those at an even pace, in nats: above 0 when the bar is behind what is asked.
    fn pace(&self, density: f32, ask: &Ask) -> f32 {
        let (role, place) = (ask.role, &ask.place);
        let bar_steps = place.metre.bar_steps().max(1);
        let counts_onsets = matches!(role, Role::Bass | Role::Lead);
        let together = match counts_onsets {
            true => 1.0,
            false if ask.is_polyphony_wanted => f32::from(ask.polyphony),
            false => TOGETHER[role.index()],
        };
        let wanted = token::onsets(role, density, bar_steps) / together;
        let played = if counts_onsets { self.onsets as f32 } else { self.notes as f32 / together };
        let left = (bar_steps - place.step_in_bar.min(bar_steps - 1)) as f32;
        let odds = |rate: f32| {
            let rate = rate.clamp(0.02, 0.95);
            math::ln(rate / (1.0 - rate))
        };
        PACE_GAIN * (odds((wanted - played) / left) - odds(wanted / bar_steps as f32))
    }

    /// How far a place lies from the beats, as syncopation sees it: -1 on a beat, more after an onset that is tied over it; 1 between.
    fn off_beat(&self, place: &Place) -> f32 {
        let beat = place.metre.beat_steps().max(1);
        match place.step_in_bar.is_multiple_of(beat) {
            true if self.is_tied => -1.6,
            true => -1.0,
            false => 1.0,
        }
    }
}

fn own(notes: &[HeardNote], role: Role) -> impl Iterator<Item = &StepNote> {
    notes.iter().filter(move |n| n.role == role).map(|n| &n.note)
}

/// The role's own step some bars ago, its pitches moved to what is allowed now: the chord's tones where there is a chord.
/// `allowed` says which pitches are. Nothing of it when the past is not known that far.
pub fn copied(ask: &Ask, heard: &Heard, allowed: impl Fn(u8) -> bool, out: &mut StepNotes) {
    out.clear();
    let back = u64::from(ask.copy_bars.max(1)) * u64::from(ask.place.metre.bar_steps());
    let Some(step) = ask.place.step.before(back) else { return };
    let most = usize::from(ask.polyphony.max(1));
    let fits = |pitch: u8| allowed(pitch) && ask.chord.is_none_or(|c| c.has(pitch) || ask.role == Role::Drums);
    for note in own(heard.history.step(step), ask.role).take(most) {
        let near = (0..12u8).flat_map(|d| [note.pitch.checked_sub(d), note.pitch.checked_add(d).filter(|p| *p < 128)]);
        let pitch = if ask.role == Role::Drums { Some(note.pitch) } else { near.flatten().find(|p| fits(*p)) };
        if let Some(pitch) = pitch.filter(|p| out.iter().all(|n| n.pitch != *p)) {
            out.push(StepNote { pitch, ..*note });
        }
    }
}

/// True when the past is known as far back as is copied.
pub fn has_past(ask: &Ask) -> bool {
    let back = u64::from(ask.copy_bars.max(1)) * u64::from(ask.place.metre.bar_steps());
    ask.place.step.0 >= back
}
