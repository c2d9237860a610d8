//! What is played when no plan came: the last bar, varied; after some bars silence on purpose.

use crate::limits::{BAR_STEPS_MAX, FALLBACK_BARS};
use crate::message::{PlannedNote, PlannedStep};
use crate::music::{Chance, Purpose};
use crate::time::{Bpm, Metre, Place, StepIndex, TICKS_PER_STEP};
use std::collections::VecDeque;

/// Share of remembered notes that are left out, so that a repeated bar breathes.
const THIN: f32 = 0.1;
/// Largest change of a remembered note's velocity.
const VARY_VELOCITY: u64 = 10;

/// The steps of about one bar that were handed over last, as they were planned.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    steps: VecDeque<PlannedStep>,
    filled_in_a_row: u64,
}

/// A step that the player made itself.
#[derive(Clone, Debug, PartialEq)]
pub struct FillIn {
    /// What to play.
    pub step: PlannedStep,
    /// True when memory is used up or empty and the step is silent on purpose.
    pub is_silent: bool,
}

impl Memory {
    /// Remembers a step that came from the conductor.
    pub fn remember(&mut self, step: &PlannedStep) {
        self.filled_in_a_row = 0;
        self.push(PlannedStep { params: Vec::new(), ..step.clone() });
    }

    /// Makes up step `step`, which was not planned.
    pub fn fill_in(&mut self, step: StepIndex, bpm: Bpm) -> FillIn {
        let place = self.place_of(step);
        let bar = u64::from(place.metre.bar_steps());
        self.filled_in_a_row += 1;
        let mut made = PlannedStep { step, place, epoch: 0, bpm, notes: Vec::new(), params: Vec::new() };
        let beat = u64::from(place.metre.beat_steps());
        // One bar back; at the very beginning there is less to repeat.
        let found = [bar, 2 * beat, beat].into_iter().find_map(|back| self.get(step.before(back)?).map(|s| (s, back)));
        let is_used_up = self.filled_in_a_row > u64::from(FALLBACK_BARS) * bar;
        let Some((source, back)) = found.filter(|_| !is_used_up) else {
            self.push(made.clone());
            return FillIn { step: made, is_silent: true };
        };
        let shift = (back * TICKS_PER_STEP) as i64;
        made.notes = source.notes.iter().map(|n| PlannedNote { tick: n.tick.offset(shift), ..*n }).collect();
        // The memory keeps the bar as it was planned: variations must not wear it away.
        self.push(made.clone());
        vary(&mut made);
        FillIn { step: made, is_silent: false }
    }

    fn get(&self, step: StepIndex) -> Option<&PlannedStep> {
        self.steps.iter().rev().find(|s| s.step == step)
    }

    fn push(&mut self, step: PlannedStep) {
        self.steps.push_back(step);
        if self.steps.len() > BAR_STEPS_MAX as usize {
            self.steps.pop_front();
        }
    }

    /// Where a step stands that nobody planned: the last metre goes on.
    fn place_of(&self, step: StepIndex) -> Place {
        let Some(last) = self.steps.back().map(|s| s.place) else {
            return Place { step, bar: 0, step_in_bar: 0, metre: Metre::FOUR_FOUR };
        };
        let bar = u64::from(last.metre.bar_steps());
        let since = step.0.saturating_sub(last.bar_start().0);
        Place { step, bar: last.bar + since / bar, step_in_bar: (since % bar) as u32, metre: last.metre }
    }
}

fn vary(step: &mut PlannedStep) {
    let chance = Chance::new(0).fold(Chance::name("player memory"));
    let mut index = 0;
    step.notes.retain_mut(|note| {
        index += 2;
        let up = chance.below(Purpose::Vary, step.step.0, index, 2 * VARY_VELOCITY + 1) as i16 - VARY_VELOCITY as i16;
        note.velocity = (i16::from(note.velocity) + up).clamp(1, 127) as u8;
        chance.unit(Purpose::Vary, step.step.0, index + 1) >= THIN
    });
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::BarMap;

    fn planned(step: u64) -> PlannedStep {
        let place = BarMap::default().place(StepIndex(step));
        let tick = place.step.tick().offset(-20);
        let notes = vec![PlannedNote {
            tick,
            duration_ticks: 200,
            slot: 1,
            pitch: 60 + step as u8 % 16,
            velocity: 90,
            cuts: false,
        }];
        PlannedStep { step: place.step, place, epoch: 7, bpm: Bpm::new(100.0), notes, params: vec![] }
    }

    #[test]
    fn missing_steps_repeat_the_last_bar_in_place_then_fall_silent() {
        let mut memory = Memory::default();
        (0..32).for_each(|s| memory.remember(&planned(s)));
        let mut played = 0;
        for s in 32..32 + 16 * u64::from(FALLBACK_BARS) {
            let made = memory.fill_in(StepIndex(s), Bpm::new(100.0));
            assert!(!made.is_silent);
            assert_eq!(made.step.place, BarMap::default().place(StepIndex(s)));
            for note in &made.step.notes {
                assert_eq!((note.tick, note.pitch), (StepIndex(s).tick().offset(-20), 60 + s as u8 % 16));
                played += 1;
            }
        }
        assert!((100..128).contains(&played), "thinned a little, not worn away: {played}");
        let after = StepIndex(32 + 16 * u64::from(FALLBACK_BARS));
        assert!(memory.fill_in(after, Bpm::new(100.0)).is_silent);
        memory.remember(&planned(after.0 + 1));
        assert!(!memory.fill_in(after.after(17), Bpm::new(100.0)).is_silent, "a planned step refreshes it");
    }

    #[test]
    fn an_empty_memory_is_silent() {
        assert!(Memory::default().fill_in(StepIndex(3), Bpm::new(120.0)).is_silent);
    }
}
