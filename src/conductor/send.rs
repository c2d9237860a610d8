//! From the plan to the player: shaped steps, revisions and routes, in the order in which they must arrive.

use super::ask::moment;
use super::plan::StepRecord;
use super::session::Session;
use super::shape::{Shape, bpm, is_mono, params};
use crate::message::{PlannedStep, ToPlayer};
use crate::time::{StepIndex, Tick};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Session {
    /// Adds to `out` what the player has not been told yet of the steps before `until`, oldest first.
    pub fn drain(&mut self, until: StepIndex, out: &mut Vec<ToPlayer>) {
        let revised = std::mem::take(&mut self.revised);
        out.extend(revised.iter().map(|(from, epoch)| ToPlayer::Revise { from: *from, epoch: *epoch }));
        let first = out.len();
        let until = until.min(self.plan.next());
        let handed = self.handed;
        // Mono notes that were sent before, and that a step planned since cuts.
        let mut again = BTreeSet::new();
        revised.iter().for_each(|(from, _)| self.uncut(*from, &mut again));
        while self.unsent < until {
            let step = self.unsent.max(handed);
            self.unsent = step.after(1);
            // The player fills these in, and counts them.
            if self.missed.contains(&step) {
                continue;
            }
            self.cut_earlier(step, &mut again);
            out.extend(self.shaped(step).map(|s| ToPlayer::Step(Box::new(s))));
        }
        // Steps that are planned and not yet to be sent cut as well.
        for step in self.unsent.0..self.plan.next().0 {
            self.cut_earlier(StepIndex(step), &mut again);
        }
        again.retain(|s| (handed..self.unsent).contains(s) && !self.missed.contains(s));
        for step in again {
            out.extend(self.shaped(step).map(|s| ToPlayer::Step(Box::new(s))));
        }
        if let Some(routes) = self.slots.changed() {
            // Routes first: a step must not name a slot that the player does not know.
            out.insert(first, ToPlayer::Routes(routes));
        }
    }

    /// A step as it is played. `None` when it is not planned.
    pub fn shaped(&mut self, step: StepIndex) -> Option<PlannedStep> {
        let memory = step.before(1).and_then(|s| self.plan.get(s)).and_then(|r| r.params_after.clone());
        let mut memory = memory.map_or_else(Default::default, |m| (*m).clone());
        let record = self.plan.get(step)?;
        let (steering, place, epoch) = (record.entered.steering.clone(), record.place, record.epoch);
        let params = params(&steering, place, &mut self.slots, &mut memory);
        let (moment, bpm) = (moment(&steering, place), bpm(&steering, place));
        let mut notes = Vec::new();
        for part in &steering.parts {
            let slot = self.slots.slot(part.id, &part.name, &part.out, step.0);
            let shape = Shape { steering: &steering, part, moment, slot, bpm };
            let Some(written) = self.plan.get(step).and_then(|r| r.notes_of(part.id)) else { continue };
            let longest = written.iter().map(|n| n.duration_steps).max().unwrap_or(0);
            let next = if is_mono(part, &moment) { self.next_onset(step, part.id, longest) } else { None };
            shape.notes(written, next, &mut notes);
        }
        notes.sort_by_key(|n| (n.tick, n.slot, n.pitch));
        let next = self.plan.next();
        if let Some(record) = self.plan.get_mut(step) {
            record.shaped_before = next;
            record.params_after = Some(Arc::new(memory));
        }
        Some(PlannedStep { step, place, epoch, bpm, notes, params })
    }

    /// Where the part's next played note begins, looking at most a little further than the longest note reaches.
    fn next_onset(&self, step: StepIndex, id: u64, duration_steps: u16) -> Option<Tick> {
        let reach = u64::from(duration_steps).saturating_mul(4).clamp(2, 192) + 2;
        let ahead = (1..reach).map_while(|i| self.plan.get(step.after(i)));
        ahead.into_iter().find_map(|record| onset(record, id))
    }

    /// Mono notes that may have been cut by what an older plan had from `from` on: they are sent again.
    fn uncut(&self, from: StepIndex, again: &mut BTreeSet<StepIndex>) {
        let earlier = self.plan.from(self.handed).take_while(|r| r.place.step < from.min(self.unsent));
        let mut open = Vec::new();
        for record in earlier {
            for part in record.parts.iter().filter(|p| onset(record, p.id).is_some()) {
                open.retain(|o: &(u64, StepIndex)| o.0 != part.id);
                let longest = part.notes.iter().map(|n| u64::from(n.duration_steps)).max().unwrap_or(0);
                let of = record.entered.steering.parts.iter().find(|p| p.id == part.id);
                let is_line = of.is_some_and(|p| is_mono(p, &moment(&record.entered.steering, record.place)));
                // Gates up to 4 can make a note longer than written.
                if is_line && record.place.step.0 + longest * 4 + 1 > from.0 {
                    open.push((part.id, record.place.step));
                }
            }
        }
        again.extend(open.iter().map(|o| o.1));
    }

    /// A mono note that was sent before this step was known may have to end here: it is sent again.
    fn cut_earlier(&self, step: StepIndex, again: &mut BTreeSet<StepIndex>) {
        let Some(record) = self.plan.get(step) else { return };
        for part in record.parts.iter().filter(|p| onset(record, p.id).is_some()) {
            let earlier = (1..64).map_while(|i| step.before(i).filter(|s| *s >= self.handed));
            let last = earlier.into_iter().find_map(|s| {
                let record = self.plan.get(s)?;
                onset(record, part.id)?;
                let notes = record.notes_of(part.id)?;
                let longest = notes.iter().map(|n| u64::from(n.duration_steps)).max()?;
                Some((s, longest))
            });
            // Gates up to 4 can make a note longer than written.
            let Some((s, _)) = last.filter(|(s, longest)| s.0 + longest * 4 + 1 > step.0) else { continue };
            let is_open = self.plan.get(s).is_some_and(|r| {
                let of = r.entered.steering.parts.iter().find(|p| p.id == part.id);
                r.shaped_before <= step && of.is_some_and(|p| is_mono(p, &moment(&r.entered.steering, r.place)))
            });
            if is_open {
                again.insert(s);
            }
        }
    }
}

/// Where a part's first played note of a step begins; `None` when none is played, whatever is written.
pub(super) fn onset(record: &StepRecord, id: u64) -> Option<Tick> {
    let steering = &record.entered.steering;
    let part = steering.parts.iter().find(|p| p.id == id)?;
    let written = record.notes_of(id).filter(|n| !n.is_empty())?;
    let (moment, bpm) = (moment(steering, record.place), bpm(steering, record.place));
    Shape { steering, part, moment, slot: 0, bpm }.onset(written)
}
