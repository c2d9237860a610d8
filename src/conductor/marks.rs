//! Marks on the plan: frozen and vetoed bars, going back, cancelling, and edits that only re-shape.

use super::journal::What;
use super::session::{Act, Bookmark, Event, Session, Veto};
use crate::message::{Notice, Severity};
use crate::music::Chance;
use crate::steer::When;
use crate::time::StepIndex;
use std::sync::Arc;

impl Session {
    /// Keeps a planned bar as it is whatever is edited, or lets it go, so that it follows what was edited since.
    pub fn freeze(&mut self, bar: u64, on: bool) {
        self.arrive();
        self.older.clear();
        let run = self.in_force();
        let (here, ahead) = (run.bars.place(self.handed).bar, u64::from(run.steering.plan_bars));
        let is_planned = (here..=here + ahead).contains(&bar);
        if on && is_planned {
            // The whole bar, even where it reaches beyond the horizon.
            while self.plan.iter().next_back().is_none_or(|r| r.place.bar <= bar) {
                self.make_step();
            }
            self.close_choices_until(bar);
        }
        self.journal.push(self.handed, What::Freeze { bar, on });
        if !on {
            if self.frozen.remove(&bar).is_some() {
                self.rewind(self.first_planned_of(bar));
            }
            return;
        }
        if !is_planned {
            let text = format!("bar {} is not in the plan, so it cannot be frozen", bar + 1);
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        }
        let of_bar = self.plan.iter().filter(|r| r.place.bar == bar);
        let steps = of_bar.map(|r| r.parts.iter().map(|p| (p.id, p.notes)).collect());
        self.frozen.insert(bar, steps.collect());
        // A mark on the plan, however far the plan is and whenever it is made again.
        self.rewind(self.first_planned_of(bar));
    }

    /// The first step of a bar that can still be planned anew.
    fn first_planned_of(&self, bar: u64) -> StepIndex {
        let first = self.plan.from(self.handed).find(|r| r.place.bar >= bar).map(|r| r.place.step);
        first.unwrap_or(self.plan.next()).max(self.handed)
    }

    /// Bars that are frozen.
    pub fn frozen_bars(&self) -> impl Iterator<Item = u64> {
        self.frozen.keys().copied()
    }

    /// Draws what is left of a planned bar anew, for all parts or one.
    pub fn veto(&mut self, bar: u64, part: Option<&str>) {
        self.arrive();
        self.journal.push(self.handed, What::Veto { bar, part: part.map(str::to_string) });
        let is_past = bar < self.in_force().bars.place(self.handed).bar;
        if is_past || self.frozen.contains_key(&bar) {
            let why = if is_past { "played already" } else { "frozen: let it go first" };
            let text = format!("bar {} is {why}", bar + 1);
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.journal.name_last(id);
        let veto = Veto { id, part: part.map(Chance::name), from: self.handed, epoch: self.epoch + 1 };
        self.vetoes.entry(bar).or_default().push(veto);
        self.rewind(self.first_planned_of(bar));
    }

    /// Forgets edits that have not taken effect and were not meant for now.
    pub fn cancel_pending(&mut self) {
        self.arrive();
        self.journal.push(self.handed, What::Cancel);
        let handed = self.handed;
        let is_pending = |e: &Event| e.when != When::Now && e.step.is_none_or(|s| s > handed);
        let first = self.events.iter().filter(|e| is_pending(e)).map(|e| e.step.unwrap_or(handed)).min();
        self.events.retain(|e| !is_pending(e));
        self.older.clear();
        if let Some(first) = first {
            self.rewind(first);
        }
    }

    /// Back to what was in force at a bar line, from the next bar line on.
    pub fn back_to(&mut self, bar: u64) {
        self.arrive();
        let lines = self.plan.iter().take_while(|r| r.place.step < self.handed);
        let kept = lines.filter(|r| r.place.is_bar_line()).find(|r| r.place.bar == bar);
        let Some(record) = kept else {
            let text = format!(
                "bar {} is not kept: only the last {} can be gone back to",
                bar + 1,
                crate::limits::HISTORY_BARS
            );
            self.notices.push(Notice::new(Severity::Warning, "plan", text));
            return;
        };
        let mark =
            Bookmark { bar, step: record.place.step, entered: record.entered.clone(), engines: record.engines.clone() };
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
        self.revise(from);
        self.release_sections(from);
        let Some(first) = self.plan.get(from) else { return };
        let (mut before, mut after) = (first.before.clone(), first.after);
        for step in (from.0..self.plan.next().0).map(StepIndex) {
            let e = self.enter(&before, step);
            let (epoch, id) = (self.epoch, self.new_record_id());
            let Some(record) = self.plan.get_mut(step) else { break };
            record.before = std::mem::replace(&mut before, e.run.clone());
            (record.entered, record.lines, record.says, record.epoch) = (e.run, e.lines, e.says, epoch);
            (record.after, record.id) = (after, id);
            after = id;
        }
        self.now = before;
        self.unsent = self.unsent.min(from);
    }
}
