//! What engines hear: the notes of every role in the last steps, and in this one so far.

use crate::music::{Role, StepNote};
use crate::time::StepIndex;

/// A note that some role started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardNote {
    /// Who plays it.
    pub role: Role,
    /// The note.
    pub note: StepNote,
}

/// Steps before the present one that engines look at: two of the longest bars and some.
pub const LOOKBACK_STEPS: usize = 128;
/// Steps that a history keeps: what engines look at, and the longest plan (8 bars of 48 steps), so that a rewind over
/// the whole plan leaves nothing missing.
pub const HISTORY_STEPS: usize =
    LOOKBACK_STEPS + (crate::limits::PLAN_BARS_MAX * crate::limits::BAR_STEPS_MAX) as usize;
/// Notes kept of one step; what is beyond is not heard.
pub const HEARD_PER_STEP: usize = 48;

#[derive(Clone, Copy)]
struct HeardStep {
    notes: [HeardNote; HEARD_PER_STEP],
    count: usize,
}

const SILENT: HeardStep = HeardStep {
    notes: [HeardNote {
        role: Role::Drums,
        note: StepNote { pitch: 0, velocity: 1, duration_steps: 1, offset_ticks: 0 },
    }; HEARD_PER_STEP],
    count: 0,
};

/// The last [`HISTORY_STEPS`] steps of the whole band. Pushing past the end forgets the oldest step.
#[derive(Clone)]
pub struct History {
    ring: Vec<HeardStep>,
    /// The step that would be pushed next.
    next: StepIndex,
    /// The first step that is still known.
    first: StepIndex,
}

impl History {
    /// An empty history whose first pushed step is `start`.
    pub fn new(start: StepIndex) -> History {
        History { ring: vec![SILENT; HISTORY_STEPS], next: start, first: start }
    }

    /// The step that is to be pushed next.
    pub fn next(&self) -> StepIndex {
        self.next
    }

    /// Adds the step [`History::next`].
    pub fn push(&mut self, notes: &[HeardNote]) {
        let slot = &mut self.ring[self.next.0 as usize % HISTORY_STEPS];
        slot.count = notes.len().min(HEARD_PER_STEP);
        slot.notes[..slot.count].copy_from_slice(&notes[..slot.count]);
        self.next = self.next.after(1);
        self.first = self.first.max(StepIndex(self.next.0.saturating_sub(HISTORY_STEPS as u64)));
    }

    /// Forgets `step` and everything later.
    pub fn truncate(&mut self, step: StepIndex) {
        self.next = self.next.min(step);
        self.first = self.first.min(self.next);
    }

    /// Replaces the notes of a step that is still known.
    pub fn replace(&mut self, step: StepIndex, notes: &[HeardNote]) {
        if (self.first..self.next).contains(&step) {
            let slot = &mut self.ring[step.0 as usize % HISTORY_STEPS];
            slot.count = notes.len().min(HEARD_PER_STEP);
            slot.notes[..slot.count].copy_from_slice(&notes[..slot.count]);
        }
    }

    /// The notes that started in `step`; empty when it is not known.
    pub fn step(&self, step: StepIndex) -> &[HeardNote] {
        if (self.first..self.next).contains(&step) {
            let slot = &self.ring[step.0 as usize % HISTORY_STEPS];
            &slot.notes[..slot.count]
        } else {
            &[]
        }
    }

    /// The notes `back` steps before the next one (1 = the last step pushed).
    pub fn back(&self, back: u64) -> &[HeardNote] {
        self.next.before(back).map_or(&[], |step| self.step(step))
    }
}

/// All that an engine hears when it makes a step.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The steps before this one.
    pub history: &'a History,
    /// Notes of this step that other parts have already chosen.
    pub now: &'a [HeardNote],
}

#[cfg(test)]
mod test {
    use super::*;

    fn at(step: u64) -> [HeardNote; 1] {
        [HeardNote { role: Role::Bass, note: StepNote::new(30 + (step % 40) as u8, 80, 3) }]
    }

    #[test]
    fn truncating_is_as_if_it_had_never_been_there() {
        let plan = (HISTORY_STEPS - LOOKBACK_STEPS) as u64;
        let (mut straight, mut rewound) = (History::new(StepIndex(7)), History::new(StepIndex(7)));
        (7..1000).for_each(|s| straight.push(&at(s)));
        (7..1000).for_each(|s| rewound.push(&at(s)));
        (0..plan).for_each(|_| rewound.push(&at(3)));
        rewound.truncate(StepIndex(1000));
        assert_eq!(rewound.next(), straight.next());
        for back in 1..=LOOKBACK_STEPS as u64 {
            assert_eq!(rewound.back(back), straight.back(back), "{back}");
            assert_eq!(rewound.back(back), at(1000 - back));
        }
        rewound.push(&at(1000));
        assert_eq!(rewound.back(1), at(1000));
    }

    #[test]
    fn unknown_steps_are_silent() {
        let mut history = History::new(StepIndex(10));
        history.push(&at(10));
        assert!(history.step(StepIndex(9)).is_empty() && history.step(StepIndex(11)).is_empty());
        assert!(history.back(0).is_empty() && history.back(2).is_empty() && history.back(99).is_empty());
        history.truncate(StepIndex(3));
        assert_eq!(history.next(), StepIndex(3));
        assert!(history.step(StepIndex(10)).is_empty());
    }
}
