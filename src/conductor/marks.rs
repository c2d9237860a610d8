//! Marks on the plan: frozen and vetoed bars, going back, cancelling, and edits that only re-shape.

use super::journal::What;
use super::session::{Act, Bookmark, Event, Session, Veto};
use crate::message::{Notice, Severity};
use crate::music::Chance;
use crate::steer::When;
use crate::time::StepIndex;
use std::sync::Arc;

impl Session {
    /// Keeps a planned bar as it is whatever is edited, or lets it go (it stays until something else re-plans it).
    pub fn freeze(&mut self, bar: u64, on: bool) {
        self.journal.push(self.handed, What::Freeze { bar, on });
        if !on {
            self.frozen.remove(&bar);
            return;
        }
        let bars = self.now.bars.clone();
        let (first, next) = (bars.bar_start(bar), bars.bar_start(bar + 1));
        if next <= self.handed || first >= self.horizon() {
            let text = format!("bar {} is not in the plan, so it cannot be frozen", bar + 1);
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        }
        while self.plan.next() < next {
            self.make_step();
        }
        let steps = (first.0..next.0).map(|s| {
            let record = self.plan.get(StepIndex(s));
            record.map_or(Vec::new(), |r| r.parts.iter().map(|p| (p.id, p.notes)).collect())
        });
        self.frozen.insert(bar, steps.collect());
    }

    /// Bars that are frozen.
    pub fn frozen_bars(&self) -> impl Iterator<Item = u64> {
        self.frozen.keys().copied()
    }

    /// Draws what is left of a planned bar anew, for all parts or one.
    pub fn veto(&mut self, bar: u64, part: Option<&str>) {
        self.journal.push(self.handed, What::Veto { bar, part: part.map(str::to_string) });
        let bars = self.in_force().bars.clone();
        if self.frozen.contains_key(&bar) || bars.bar_start(bar + 1) <= self.handed {
            let why = if self.frozen.contains_key(&bar) { "frozen: let it go first" } else { "played already" };
            let text = format!("bar {} is {why}", bar + 1);
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        }
        let from = bars.bar_start(bar).max(self.handed);
        let id = self.next_id;
        self.next_id += 1;
        self.journal.name_last(id);
        let veto = Veto { id, part: part.map(Chance::name), from, epoch: self.epoch + 1 };
        self.vetoes.entry(bar).or_default().push(veto);
        self.rewind(from);
    }

    /// Forgets edits that have not taken effect and were not meant for now.
    pub fn cancel_pending(&mut self) {
        self.journal.push(self.handed, What::Cancel);
        let handed = self.handed;
        let is_pending = |e: &Event| e.when != When::Now && e.step.is_none_or(|s| s > handed);
        let first = self.events.iter().filter(|e| is_pending(e)).map(|e| e.step.unwrap_or(handed)).min();
        self.events.retain(|e| !is_pending(e));
        if let Some(first) = first {
            self.rewind(first);
        }
    }

    /// Back to what was in force at a bar line, from the next bar line on.
    pub fn back_to(&mut self, bar: u64) {
        let step = self.now.bars.bar_start(bar);
        let kept = self.plan.get(step).filter(|r| r.place.step < self.handed && r.place.is_bar_line());
        let Some(record) = kept else {
            let text = format!(
                "bar {} is not kept: only the last {} can be gone back to",
                bar + 1,
                crate::limits::HISTORY_BARS
            );
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        };
        let mark = Bookmark { bar, step, entered: record.entered.clone(), engines: record.engines.clone() };
        self.journal.push(self.handed, What::Back { bar });
        self.arm(Act::Back(Arc::new(mark)), When::NextBar, false);
    }

    /// Edits that wait, oldest first: those that are not yet in force at the first step not handed over.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Event> {
        let handed = self.handed;
        self.events.iter().filter(move |e| e.step.is_none_or(|s| s > handed))
    }

    /// Brings the steering of planned steps up to date without asking an engine: the notes stay.
    pub(super) fn reshape(&mut self, from: StepIndex) {
        self.epoch += 1;
        self.revised = Some(self.revised.map_or(from, |r| r.min(from)));
        self.release_sections(from);
        let Some(first) = self.plan.get(from) else { return };
        let mut before = first.before.clone();
        for step in (from.0..self.plan.next().0).map(StepIndex) {
            let e = self.enter(&before, step);
            let epoch = self.epoch;
            let Some(record) = self.plan.get_mut(step) else { break };
            record.before = std::mem::replace(&mut before, e.run.clone());
            (record.entered, record.lines, record.says, record.epoch) = (e.run, e.lines, e.says, epoch);
        }
        self.now = before;
        self.unsent = self.unsent.min(from);
    }
}
