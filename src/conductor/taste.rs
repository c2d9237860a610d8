//! Taste: of several candidates for a bar the ear chooses one.
//!
//! The rule. A bar is planned at once with its first candidate, so that nothing waits. When a bar's worth of steps is
//! planned beyond the hand-over, auditions begin, nearest bar first, one step of one candidate at a time between all other work;
//! when one ends with another candidate than the first, the plan is rewound to that bar line and made with it. A
//! choice counts from the moment at which the player has the plan made with it; a bar line that is handed over before that
//! is *unranked*: its first candidate plays, and the journal says so.
//!
//! What an audition chooses depends on the state on the bar line and on nothing else (`audition`), so only whether it came in
//! time is a matter of real time, and that is in the journal. A render has all the time: it ranks every bar but those
//! that its journal calls unranked, and gives what the stage gave.
//!
//! A choice is made once for a bar and a part. Edits in mid-bar change the steps after them; the candidate's number stays.

use super::audition::{Audition, Picks, pick_of, wishes};
use super::ear::Ears;
use super::journal::What;
use super::plan::StepRecord;
use super::session::Session;
use crate::engine::gan::EarOpener;
use crate::message::{Severity, TasteCounts};
use crate::time::{Place, StepIndex};
use std::collections::BTreeSet;

/// Which candidates play in a bar.
struct Choice {
    /// The bar line.
    line: StepIndex,
    /// First revision of the plan that was made with it, and the first that was not any more.
    since: u64,
    until: Option<u64>,
    picks: Picks,
}

/// Choices, and the work on them.
#[derive(Default)]
pub(super) struct Taste {
    pub ears: Ears,
    choices: Vec<Choice>,
    /// Bars that play their first candidates because no choice came in time.
    unranked: BTreeSet<u64>,
    audition: Option<Box<Audition>>,
    pub counts: TasteCounts,
}

impl Taste {
    pub(super) fn new(open: Option<EarOpener>) -> Taste {
        Taste { ears: Ears::new(open), ..Taste::default() }
    }

    fn in_force(&self, line: StepIndex) -> Option<&Choice> {
        self.choices.iter().find(|c| c.line == line && c.until.is_none())
    }

    /// The candidate that a part plays in this step.
    pub(super) fn pick(&self, place: &Place, id: u64) -> u32 {
        self.in_force(place.bar_start()).map_or(0, |c| pick_of(&c.picks, id))
    }

    /// The plan is made anew from `step` on, in revision `epoch`: choices from there on belong to the old plan.
    pub(super) fn rewind(&mut self, step: StepIndex, epoch: u64) {
        let open = self.choices.iter_mut().filter(|c| c.line >= step && c.until.is_none());
        open.for_each(|c| c.until = Some(epoch));
        self.audition.take_if(|a| a.line.step >= step);
    }

    /// The bar line `line` was handed over: what was not chosen by now, and what lies before it, is no longer needed.
    fn prune(&mut self, line: StepIndex) {
        self.choices.retain(|c| c.line > line || (c.line == line && c.until.is_none()));
    }

    /// Forgets marks of bars before `bar`.
    pub(super) fn prune_bars(&mut self, bar: u64) {
        self.unranked = self.unranked.split_off(&bar);
    }
}

impl Session {
    /// Works on the first choice that is still to be made: one step of an audition. False when there is none to be made.
    pub(super) fn taste_next(&mut self) -> bool {
        if !self.taste.ears.is_here() {
            return false;
        }
        let lines = self.plan.from(self.handed).filter(|r| r.place.is_bar_line());
        let Some(record) = lines.into_iter().find(|r| self.is_undecided(r)) else { return false };
        let line = record.place.step;
        let begun = self.taste.audition.take().filter(|a| a.line.step == line);
        let mut audition = begun
            .unwrap_or_else(|| Box::new(Audition::new(record, &self.history, |id| self.vetoes_of(&record.place, id))));
        match self.audition_step(&mut audition) {
            Some(picks) => {
                self.say_unheard(&audition);
                self.choose(line, picks);
            }
            None => self.taste.audition = Some(audition),
        }
        true
    }

    fn is_undecided(&self, record: &StepRecord) -> bool {
        self.taste.in_force(record.place.step).is_none() && self.can_choose(record)
    }

    /// True when some part wants a choice in the bar that begins here, and one can be made.
    fn can_choose(&self, record: &StepRecord) -> bool {
        let bar = record.place.bar;
        !self.frozen.contains_key(&bar) && !self.taste.unranked.contains(&bar) && !wishes(record).is_empty()
    }

    pub(super) fn choose(&mut self, line: StepIndex, picks: Picks) {
        let mut since = self.plan.get(line).map_or(self.epoch, |r| r.epoch);
        let is_new = !picks.is_empty();
        if is_new {
            self.rewind(line);
            since = self.epoch;
        }
        self.taste.choices.push(Choice { line, since, until: None, picks });
        if is_new {
            // The player must not be left without the step that it may need next.
            self.make_step();
        }
    }

    fn say_unheard(&mut self, audition: &Audition) {
        for id in audition.unheard() {
            let part = self.now.steering.parts.iter().find(|p| p.id == id).map(|p| p.name.clone());
            let text =
                format!("the ear knows nothing of what '{}' plays: its taste does nothing", part.unwrap_or_default());
            self.say_once(Severity::Warning, "taste", text);
        }
    }

    /// Rewinds to a bar line whose choice stays in force.
    pub(super) fn rewind_within_choice(&mut self, line: StepIndex) {
        let kept = self.taste.choices.iter().position(|c| c.line == line && c.until.is_none());
        self.rewind(line);
        if let Some(choice) = kept.and_then(|at| self.taste.choices.get_mut(at)) {
            choice.until = None;
        }
    }

    /// The player took the plan of revision `epoch` for this step: the choice that was in force then is the one that plays.
    pub(super) fn take_back_choice(&mut self, step: StepIndex, epoch: u64) {
        let was = |c: &Choice| c.line == step && c.since <= epoch && c.until.is_none_or(|until| epoch < until);
        let used = self.taste.choices.iter().position(was);
        let now = self.taste.choices.iter().position(|c| c.line == step && c.until.is_none());
        if used != now {
            self.rewind(step);
            if let Some(choice) = used.and_then(|at| self.taste.choices.get_mut(at)) {
                choice.until = None;
            }
        }
    }

    /// A bar line is handed over: a choice that was not made by now is not made any more.
    pub(super) fn close_choice(&mut self, line: StepIndex) {
        let Some(record) = self.plan.get(line) else { return };
        let (bar, count) = (record.place.bar, wishes(record).len() as u64);
        if count > 0 && !self.taste.ears.is_here() {
            let text = "taste does nothing: no critic is loaded that could tell one bar from another";
            return self.say_once(Severity::Warning, "taste", text.into());
        }
        if self.can_choose(record) {
            match self.taste.in_force(line) {
                Some(_) => self.taste.counts.ranked += count,
                None => {
                    self.taste.counts.unranked += count;
                    self.taste.unranked.insert(bar);
                    self.journal.unranked(line, bar);
                }
            }
        }
        self.taste.prune(line);
    }

    /// What is about to be frozen is what was seen: choices up to this bar that are not made yet are not made any more.
    pub(super) fn close_choices_until(&mut self, bar: u64) {
        let lines = self.plan.from(self.handed).filter(|r| r.place.is_bar_line() && r.place.bar <= bar);
        let open: Vec<u64> = lines.filter(|r| self.is_undecided(r)).map(|r| r.place.bar).collect();
        for bar in open {
            self.journal.push(self.handed, What::Unranked { bar });
            self.taste.unranked.insert(bar);
        }
    }

    /// Plays a bar's first candidates, as a journal tells that they were played.
    pub fn leave_unranked(&mut self, bar: u64) {
        self.arrive();
        self.journal.push(self.handed, What::Unranked { bar });
        self.taste.unranked.insert(bar);
        let line = self.plan.from(self.handed).find(|r| r.place.bar == bar && r.place.is_bar_line());
        if let Some(line) = line.map(|r| r.place.step).filter(|line| self.taste.in_force(*line).is_some()) {
            self.rewind(line);
        }
    }
}
