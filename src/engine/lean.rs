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
/// What syncopation takes from or gives to the odds of a note while too few or too many are syncopated, in nats.
const SYNCOPATION_PULL: f32 = 5.0;
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
        let (density, syncopation) =
            (ask.density().filter(|d| d.is_finite()), ask.syncopation.filter(|s| s.is_finite()));
        if sound(ask.repeat) == 0.0 && density.is_none() && syncopation.is_none() {
            return Lean { first: 0.0, bar_ago };
        }
        let bar = Bar::of(heard.history, &ask.place, role);
        // A silent bar is no model for the next one: it would never end.
        let place = match (bar_ago != 0, bar.had_notes) {
            (true, _) => PLACE_PULL * sound(ask.repeat),
            (false, true) => -PLACE_PULL * sound(ask.repeat),
            (false, false) => 0.0,
        };
        let pace = density.map_or(0.0, |d| bar.pace(d, ask));
        let syncopation = syncopation.map_or(0.0, |s| {
            let missing = s.clamp(0.0, 1.0) * (bar.recent as f32 + 1.0) - bar.tied as f32 - 0.5;
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

/// What a role has played since the bar line, and in the bar before.
#[derive(Clone, Copy, Debug, Default)]
struct Bar {
    notes: u32,
    onsets: u32,
    /// True when it played in the bar before.
    had_notes: bool,
    /// Onsets since the beginning of the bar before, and how many of them lie off the beat and are held over the next one.
    recent: u32,
    tied: u32,
    /// True when an onset of the last beat would be held over this step.
    is_pending: bool,
}

impl Bar {
    fn of(history: &History, place: &Place, role: Role) -> Bar {
        let (mut bar, mut last) = (Bar::default(), None);
        let (bar_steps, beat) = (place.metre.bar_steps().max(1), place.metre.beat_steps().max(1));
        // From the beginning of the bar before, which is taken to be as long as this one.
        for at in 0..bar_steps + place.step_in_bar {
            let back = u64::from(bar_steps + place.step_in_bar - at);
            let own = own(place.step.before(back).map_or(&[], |s| history.step(s)), role).count() as u32;
            if own == 0 {
                continue;
            }
            // The next onset tells whether the last one was held over a beat.
            bar.tied += u32::from(last.is_some_and(|last| is_held(last, at, beat)));
            last = Some(at);
            bar.recent += 1;
            bar.had_notes |= at < bar_steps;
            if at >= bar_steps {
                bar.notes += own;
                bar.onsets += 1;
            }
        }
        let now = bar_steps + place.step_in_bar;
        bar.tied += u32::from(last.is_some_and(|last| is_held(last, u32::MAX, beat)));
        bar.is_pending = last.is_some_and(|last| !last.is_multiple_of(beat) && !is_held(last, now, beat));
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

    /// What an onset here would do for syncopation: 1 between the beats, less where the last one would be held over this step.
    fn off_beat(&self, place: &Place) -> f32 {
        let is_beat = place.step_in_bar.is_multiple_of(place.metre.beat_steps().max(1));
        match (is_beat, self.is_pending) {
            (true, true) => -1.6,
            (true, false) => -1.0,
            (false, true) => -0.5,
            (false, false) => 1.0,
        }
    }
}

/// True when an onset off the beat is held over the next beat, `next` being the onset after it.
fn is_held(onset: u32, next: u32, beat: u32) -> bool {
    !onset.is_multiple_of(beat) && next > (onset / beat + 1) * beat
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

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Chance, Chord};
    use crate::time::{BarMap, StepIndex};

    /// A history in which the lead starts `pitch` at these steps, up to step `until`.
    fn heard(onsets: &[u64], pitch: u8, until: u64) -> History {
        let mut history = History::new(StepIndex(0));
        for step in 0..until {
            let note = HeardNote { role: Role::Lead, note: StepNote::new(pitch, 80, 1) };
            history.push(if onsets.contains(&step) { std::slice::from_ref(&note) } else { &[] });
        }
        history
    }

    fn asked(step: u64) -> Ask {
        Ask::new(BarMap::default().place(StepIndex(step)), Role::Lead, Chance::new(1))
    }

    fn lean(ask: &Ask, history: &History) -> Lean {
        Lean::of(ask, &Heard { history, now: &[] }, &Scene::of(history, &ask.place))
    }

    #[test]
    fn nothing_asked_leans_on_nothing() {
        let history = heard(&[0, 3, 8], 60, 20);
        assert_eq!(lean(&asked(20), &history).first, 0.0);
    }

    #[test]
    fn a_bar_behind_its_density_is_pushed_and_one_ahead_held_back() {
        let first = |onsets: &[u64], density: f32| {
            let mut ask = asked(24);
            ask.band[Role::Lead.index()].density = Some(density);
            lean(&ask, &heard(onsets, 60, 24)).first
        };
        assert!(first(&[], 0.5) > 1.0 && first(&[16, 17, 18, 19, 20, 21, 22, 23], 0.5) < -2.0);
        assert!(first(&[16, 18, 20, 22], 0.5).abs() < 0.2, "on its way");
        assert!(first(&[0, 1, 2, 3], 0.5) > 1.0, "the bar before does not count");
    }

    #[test]
    fn syncopation_pulls_to_the_share_that_is_asked() {
        let first = |onsets: &[u64], step: u64, share: f32| {
            let ask = Ask { syncopation: Some(share), ..asked(step) };
            lean(&ask, &heard(onsets, 60, step)).first
        };
        assert!(first(&[], 16, 1.0) < 0.0 && first(&[], 18, 1.0) > 0.0, "between the beats");
        assert!(first(&[], 16, 0.0) > 0.0 && first(&[], 18, 0.0) < 0.0, "on the beats");
        // Two of three are held over a beat: enough for a half, so the next one may stand on a beat.
        assert!(first(&[0, 6, 14], 20, 0.5) > 0.0 && first(&[0, 4, 8], 20, 0.5) < 0.0);
        assert!(first(&[19], 20, 1.0) < first(&[16], 20, 1.0), "a beat after an onset that would be held over it");
    }

    #[test]
    fn repeating_leans_on_the_bar_before_unless_it_was_silent() {
        let first = |onsets: &[u64], repeat: f32| lean(&Ask { repeat, ..asked(19) }, &heard(onsets, 60, 19)).first;
        assert!(first(&[3], 1.0) > 0.0 && first(&[4], 1.0) < 0.0 && first(&[3], -1.0) < 0.0 && first(&[4], -1.0) > 0.0);
        assert_eq!(first(&[], 1.0), 0.0);
        let mut logits = [0.0f32; 89];
        let ask = Ask { repeat: 1.0, ..asked(19) };
        lean(&ask, &heard(&[3], 60, 19)).on(&mut logits, &ask, 0);
        assert_eq!((logits[60 - 20], logits[61 - 20]), (REPEAT_PULL, 0.0));
    }

    #[test]
    fn a_copy_is_the_bar_before_in_the_chord_of_now() {
        let history = heard(&[3], 62, 19);
        let mut out = StepNotes::EMPTY;
        let mut copy = |ask: &Ask| {
            copied(ask, &Heard { history: &history, now: &[] }, |p| p < 64, &mut out);
            out.iter().map(|n| n.pitch).collect::<Vec<_>>()
        };
        assert_eq!(copy(&asked(19)), [62]);
        assert_eq!(copy(&Ask { chord: Chord::parse("C"), ..asked(19) }), [60], "64 is not allowed");
        assert_eq!(copy(&Ask { copy_bars: 2, ..asked(19) }), [0u8; 0]);
        assert!(has_past(&asked(16)) && !has_past(&asked(15)));
    }
}
