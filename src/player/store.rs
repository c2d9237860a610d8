//! The plan as the player knows it: steps by index, and which of them are void.

use crate::message::PlannedStep;
use crate::time::StepIndex;
use std::collections::BTreeMap;

/// Steps not yet handed over. Bounded: a step beyond the longest plan is refused.
#[derive(Clone, Debug, Default)]
pub struct Store {
    steps: BTreeMap<StepIndex, PlannedStep>,
    /// From this step on (until the next entry) only this epoch or a later one counts; epochs rise with the steps.
    needed: Vec<(StepIndex, u64)>,
}

/// The most steps kept: the longest plan in the longest bars, and one bar of slack.
const STEPS_MAX: usize = ((crate::limits::PLAN_BARS_MAX + 1) * crate::limits::BAR_STEPS_MAX) as usize;

impl Store {
    /// Keeps a step, unless a newer plan of it is here. False when there is no room.
    pub fn insert(&mut self, step: PlannedStep) -> bool {
        if self.steps.len() >= STEPS_MAX && !self.steps.contains_key(&step.step) {
            return false;
        }
        if self.steps.get(&step.step).is_none_or(|old| old.epoch <= step.epoch) {
            self.steps.insert(step.step, step);
        }
        true
    }

    /// From `from` on, steps older than `epoch` are void.
    pub fn revise(&mut self, from: StepIndex, epoch: u64) {
        if self.epoch_needed(from) > epoch {
            return;
        }
        self.needed.retain(|n| n.0 < from || n.1 > epoch);
        let at = self.needed.partition_point(|n| n.0 < from);
        self.needed.insert(at, (from, epoch));
    }

    /// The lowest epoch that is good for `step`.
    pub fn epoch_needed(&self, step: StepIndex) -> u64 {
        self.needed.iter().take_while(|n| n.0 <= step).map(|n| n.1).max().unwrap_or(0)
    }

    /// The plan of a step if it is not void.
    pub fn good(&self, step: StepIndex) -> Option<&PlannedStep> {
        self.steps.get(&step).filter(|s| s.epoch >= self.epoch_needed(step))
    }

    /// Takes the plan of a step, void or not, and forgets all before it.
    pub fn take(&mut self, step: StepIndex) -> Option<PlannedStep> {
        let found = self.steps.remove(&step);
        self.steps = self.steps.split_off(&step);
        // Of the rules that hold from here or before, only the last can matter from now on.
        while self.needed.len() > 1 && self.needed[1].0 <= step && self.needed[1].1 >= self.needed[0].1 {
            self.needed.remove(0);
        }
        found
    }

    /// The first step that is planned.
    pub fn first(&self) -> Option<StepIndex> {
        self.steps.keys().next().copied()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::{BarMap, Bpm};

    fn step(step: u64, epoch: u64) -> PlannedStep {
        let place = BarMap::default().place(StepIndex(step));
        PlannedStep { step: place.step, place, epoch, bpm: Bpm::new(120.0), notes: vec![], params: vec![] }
    }

    #[test]
    fn a_revised_step_is_void_until_the_new_plan_comes_but_not_lost() {
        let mut store = Store::default();
        store.insert(step(4, 0));
        store.revise(StepIndex(3), 2);
        assert!(store.good(StepIndex(4)).is_none());
        store.insert(step(4, 1));
        assert!(store.good(StepIndex(4)).is_none(), "an epoch in between is void too");
        store.insert(step(4, 2));
        store.insert(step(4, 1));
        assert_eq!(store.good(StepIndex(4)).map(|s| s.epoch), Some(2));
        assert_eq!(store.take(StepIndex(4)).map(|s| s.epoch), Some(2));
    }

    #[test]
    fn rules_of_several_revisions_hold_each_for_its_steps() {
        let mut store = Store::default();
        store.revise(StepIndex(10), 1);
        store.revise(StepIndex(20), 2);
        store.revise(StepIndex(5), 3);
        store.revise(StepIndex(30), 2);
        let needed: Vec<u64> = [4, 5, 12, 25, 31].iter().map(|&s| store.epoch_needed(StepIndex(s))).collect();
        assert_eq!(needed, [0, 3, 3, 3, 3]);
        store.take(StepIndex(8));
        assert_eq!(store.epoch_needed(StepIndex(9)), 3);
    }

    #[test]
    fn a_flood_of_steps_is_refused() {
        let mut store = Store::default();
        let kept = (0..10_000).filter(|&i| store.insert(step(i, 0))).count();
        assert_eq!((kept, store.steps.len()), (STEPS_MAX, STEPS_MAX));
    }
}
