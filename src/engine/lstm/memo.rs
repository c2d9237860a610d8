//! The last few steps of a net, shared by the parts that play it.
//!
//! Parts that are asked under the same conditions hear the same history and so take the very same LSTM step; only their
//! decisions differ. The first of them computes it, the others copy it. A step is recalled only when every bit of its
//! input rows and of the state before it is the same, so that the result is the one that computing would give.

use crate::token::Bag;
use std::sync::Mutex;

/// Steps remembered: one for each group of parts with conditions of its own.
const ENTRIES: usize = 4;

struct Entry {
    features: Bag,
    before: Vec<f32>,
    after: Vec<f32>,
}

/// What is shared; all memory is taken at the start.
pub(super) struct Memo(Mutex<(Vec<Entry>, usize)>);

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn copy(from: &[f32], to: &mut Vec<f32>) {
    to.clear();
    to.extend_from_slice(from);
}

impl Memo {
    /// An empty memo for states of `numbers` numbers.
    pub fn new(numbers: usize) -> Memo {
        let room = || Vec::with_capacity(numbers);
        let entry = |_| Entry { features: Bag::new(), before: room(), after: room() };
        Memo(Mutex::new(((0..ENTRIES).map(entry).collect(), 0)))
    }

    /// Copies the state after this step into `after` when the step is known. Another thread in the memo counts as unknown.
    pub fn recall(&self, features: &Bag, before: &[f32], after: &mut Vec<f32>) -> bool {
        let Ok(memo) = self.0.try_lock() else { return false };
        let is_it = |e: &&Entry| {
            e.features.ids == features.ids && same(&e.features.weights, &features.weights) && same(&e.before, before)
        };
        let found = memo.0.iter().find(is_it);
        if let Some(entry) = found {
            copy(&entry.after, after);
        }
        found.is_some()
    }

    /// Remembers a step in place of the oldest one.
    pub fn remember(&self, features: &Bag, before: &[f32], after: &[f32]) {
        let Ok(mut memo) = self.0.try_lock() else { return };
        let at = memo.1;
        memo.1 = (at + 1) % ENTRIES;
        let entry = &mut memo.0[at];
        entry.features.copy_from(features);
        copy(before, &mut entry.before);
        copy(after, &mut entry.after);
    }
}
