//! Plans that were revised while the player held them: what it plays from when the new plan comes too late.
//!
//! A step that the player took from an older plan is already made. As long as it follows the same past, it is put back
//! with the engines' states behind it, and no engine is asked twice for what was played.

use super::make::heard_of;
use super::plan::StepRecord;
use super::session::Session;
use crate::limits;
use crate::steer::When;
use crate::time::StepIndex;

/// The most records kept: some revisions of the longest plan that is usual.
const RECORDS_MAX: usize = (4 * limits::PLAN_BARS * limits::BAR_STEPS_MAX) as usize;

/// Records of revised steps, the newest last.
#[derive(Default)]
pub(super) struct Older(Vec<StepRecord>);

impl Older {
    /// Keeps records that the player was told of.
    pub fn keep(&mut self, records: impl Iterator<Item = StepRecord>) {
        self.0.extend(records);
        let excess = self.0.len().saturating_sub(RECORDS_MAX);
        self.0.drain(..excess);
    }

    /// Forgets steps that have been handed over.
    pub fn forget_before(&mut self, step: StepIndex) {
        self.0.retain(|r| r.place.step >= step);
    }

    /// Forgets all: what these plans were made from has changed.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the record of a step that was made in `epoch` after the record `after`.
    fn take(&mut self, step: StepIndex, epoch: u64, after: u64) -> Option<StepRecord> {
        let at = self.0.iter().position(|r| r.place.step == step && r.epoch == epoch && r.after == after)?;
        Some(self.0.remove(at))
    }

    /// A record that was made right after the record `id`: it holds the engines' states behind that one.
    fn next_of(&self, id: u64) -> Option<&StepRecord> {
        self.0.iter().find(|r| r.after == id)
    }
}

impl Session {
    /// Puts the older plan of the step `plan.next()` back, if it is still what planning it now would give. False when the
    /// step has to be made.
    pub(super) fn put_back(&mut self, step: StepIndex, epoch: u64) -> bool {
        // An event that waits for a section may have fired in it: only making the step tells.
        let waits = self.events.iter().any(|e| e.when == When::NextSection);
        if self.plan.next() != step || waits {
            return false;
        }
        let after = self.plan.iter().next_back().map_or(0, |r| r.id);
        let Some(record) = self.older.take(step, epoch, after) else { return false };
        let Some(next) = self.older.next_of(record.id) else { return false };
        self.band.restore(&next.engines);
        self.history.push(&heard_of(&record.entered.steering, &record.parts));
        self.now = record.entered.clone();
        self.plan.push(record);
        true
    }
}
