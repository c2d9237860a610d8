//! Counting baselines: each slot of a step by itself, from what it held a step before or from nothing.
//!
//! Every net must beat these, and whoever scores the same file must get the same figures: they are exact and need no chance.

use super::steps::{Keys, Step, Voices};

/// A baseline: which histories are told apart, and what every count begins with.
#[derive(Debug)]
pub struct Baseline {
    /// What it is called in the table.
    pub name: &'static str,
    /// Added to every count, so that nothing is impossible.
    pub add: f64,
    /// How many histories are told apart.
    pub contexts: usize,
    /// Which of them it is, from the step's number in the piece and the slot's class a step before.
    pub context: fn(usize, usize) -> usize,
}

/// Classes of a voice and the sign that stands before its first note.
const BEFORE: usize = Voices::CLASSES + 1;

/// Baselines of four voices. A quarter has four sixteenths, and the pieces begin on one: t mod 4 is the place in the beat.
pub const VOICES: &[Baseline] = &[
    Baseline { name: "unigram per voice, add 1", add: 1.0, contexts: 1, context: |_, _| 0 },
    Baseline { name: "bigram per voice, add 0.01", add: 0.01, contexts: BEFORE, context: |_, before| before },
    Baseline {
        name: "bigram by t mod 4, add 0.01",
        add: 0.01,
        contexts: 4 * BEFORE,
        context: |t, before| t % 4 * BEFORE + before,
    },
];

/// Baselines of 88 keys.
pub const KEYS: &[Baseline] = &[
    Baseline { name: "Bernoulli per key, add 1", add: 1.0, contexts: 1, context: |_, _| 0 },
    Baseline { name: "Bernoulli by own last, add 0.5", add: 0.5, contexts: Keys::CLASSES, context: |_, before| before },
];

impl Baseline {
    /// Counts over pieces.
    pub fn fit<S: Step>(&self, pieces: &[Vec<S>]) -> Table {
        let mut cells = vec![self.add; S::SLOTS * self.contexts * S::CLASSES];
        let mut table = Table { context: self.context, contexts: self.contexts, nats: Vec::new() };
        for piece in pieces {
            let mut before = None;
            for (t, step) in piece.iter().enumerate() {
                for slot in 0..S::SLOTS {
                    cells[table.cell(t, slot, before, step)] += 1.0;
                }
                before = Some(step);
            }
        }
        for row in cells.chunks_mut(S::CLASSES) {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|cell| *cell = -(*cell / total).ln());
        }
        table.nats = cells;
        table
    }
}

/// A baseline that was counted.
#[derive(Debug)]
pub struct Table {
    context: fn(usize, usize) -> usize,
    contexts: usize,
    /// \[slot\]\[context\]\[class\]
    nats: Vec<f64>,
}

impl Table {
    /// Nats of a step: number `t` of its piece, after `before`.
    pub fn nats<S: Step>(&self, t: usize, before: Option<&S>, now: &S) -> f64 {
        (0..S::SLOTS).map(|slot| self.nats[self.cell(t, slot, before, now)]).sum()
    }

    fn cell<S: Step>(&self, t: usize, slot: usize, before: Option<&S>, now: &S) -> usize {
        let before = before.map_or(S::BEFORE, |step| step.class(slot));
        (slot * self.contexts + (self.context)(t, before)) * S::CLASSES + now.class(slot)
    }
}
