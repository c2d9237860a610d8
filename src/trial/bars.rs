//! What was played, bar by bar and part by part, and what is measured of it.

use crate::conductor::render::Rendered;
use crate::music::Role;
use crate::output::OutEvent;
use crate::time::TICKS_PER_STEP;
use crate::token;

/// Steps of a bar of the trial's sets, which are all in 4/4.
pub const BAR_STEPS: u32 = 16;
/// Steps of a beat.
const BEAT_STEPS: u32 = 4;

/// A note of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Sixteenth of the bar, the nearest one.
    pub step: u32,
    /// MIDI note number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
}

/// The notes of a part, bar by bar; `slot` is the part's place in the set.
pub fn of(rendered: &Rendered, slot: u8, bars: u64) -> Vec<Vec<Played>> {
    let mut all = vec![Vec::new(); bars as usize];
    for (due, event) in &rendered.score.events {
        let OutEvent::NoteOn { channel: of, pitch, velocity } = event else { continue };
        let step = (due.tick.0 + TICKS_PER_STEP / 2) / TICKS_PER_STEP;
        let bar = step / u64::from(BAR_STEPS);
        if *of == slot && bar < bars {
            let step = (step % u64::from(BAR_STEPS)) as u32;
            all[bar as usize].push(Played { step, pitch: *pitch, velocity: *velocity });
        }
    }
    all
}

/// What is measured of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// As `token::density`.
    Density,
    /// Mean pitch, semitones.
    Register,
    /// Notes for each onset.
    Polyphony,
    /// Mean velocity, 1..=127.
    Velocity,
    /// Share of onsets that lie off the beat and are not followed by one up to the next beat (as a syncopation in Longuet-Higgins and
    /// Lee, "The rhythmic interpretation of monophonic music", 1984, without weights), 0..=1.
    Syncopation,
    /// Places with an onset in this bar and in the one before, as a share of those with one in either, 0..=1.
    Repetition,
}

/// All measures with their names.
pub const MEASURES: [(Measure, &str); 6] = [
    (Measure::Density, "density"),
    (Measure::Register, "register"),
    (Measure::Polyphony, "polyphony"),
    (Measure::Velocity, "velocity"),
    (Measure::Syncopation, "syncopation"),
    (Measure::Repetition, "repetition"),
];

impl Measure {
    /// Of a bar after the bar before it; `None` where it says nothing (silence has no pitch).
    pub fn of(self, role: Role, bar: &[Played], before: &[Played]) -> Option<f64> {
        let steps = onsets(bar);
        let mean = |value: fn(&Played) -> u8| {
            let sum: u32 = bar.iter().map(|n| u32::from(value(n))).sum();
            (!bar.is_empty()).then(|| f64::from(sum) / bar.len() as f64)
        };
        match self {
            Measure::Density => {
                let counts_onsets = matches!(role, Role::Bass | Role::Lead);
                let count = if counts_onsets { steps.count_ones() } else { bar.len() as u32 };
                Some(f64::from(token::density(role, count, BAR_STEPS)))
            }
            Measure::Register => mean(|n| n.pitch),
            Measure::Velocity => mean(|n| n.velocity),
            Measure::Polyphony => (steps != 0).then(|| bar.len() as f64 / f64::from(steps.count_ones())),
            Measure::Syncopation => (steps != 0).then(|| syncopated(steps)),
            Measure::Repetition => {
                let (both, either) = (steps & onsets(before), steps | onsets(before));
                (either != 0).then(|| f64::from(both.count_ones()) / f64::from(either.count_ones()))
            }
        }
    }
}

fn onsets(bar: &[Played]) -> u32 {
    bar.iter().fold(0, |steps, n| steps | 1 << n.step)
}

fn syncopated(steps: u32) -> f64 {
    let is_tied = |step: u32| {
        let next_beat = (step / BEAT_STEPS + 1) * BEAT_STEPS;
        // A bar's last notes are judged up to the bar line: the next bar belongs to another sample.
        !step.is_multiple_of(BEAT_STEPS) && (step + 1..=next_beat.min(BAR_STEPS - 1)).all(|s| steps >> s & 1 == 0)
    };
    let tied = (0..BAR_STEPS).filter(|s| steps >> s & 1 == 1 && is_tied(*s)).count();
    tied as f64 / f64::from(steps.count_ones())
}

#[cfg(test)]
mod test {
    use super::*;

    fn bar(notes: &[(u32, u8)]) -> Vec<Played> {
        notes.iter().map(|(step, pitch)| Played { step: *step, pitch: *pitch, velocity: 80 }).collect()
    }

    #[test]
    fn bars_are_measured_as_on_paper() {
        let lead = bar(&[(0, 60), (3, 62), (4, 64), (6, 65)]);
        let check = |measure: Measure, expected: f64| {
            assert_eq!(measure.of(Role::Lead, &lead, &bar(&[(0, 60), (3, 63)])), Some(expected), "{measure:?}");
        };
        check(Measure::Density, 0.25);
        check(Measure::Register, 62.75);
        check(Measure::Velocity, 80.0);
        check(Measure::Polyphony, 1.0);
        // Step 3 is followed by the beat's own onset; step 6 is held over beat 8.
        check(Measure::Syncopation, 0.25);
        check(Measure::Repetition, 0.5);
        let chords = bar(&[(0, 60), (0, 64), (0, 67), (8, 60)]);
        assert_eq!(Measure::Polyphony.of(Role::Chords, &chords, &[]), Some(2.0));
        assert_eq!(Measure::Density.of(Role::Chords, &[], &[]), Some(0.0));
        assert_eq!(Measure::Register.of(Role::Chords, &[], &[]), None);
    }
}
