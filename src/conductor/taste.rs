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
//! that its journal calls unranked, and gives what the stage gave. The journal calls a bar unranked from the step on at
//! which its choice came up: what was handed over since then knew the first candidate only. For the same reason a choice comes
//! too late when a line that was handed over meanwhile ends where the bar's first note stood.
//!
//! A choice is made once for a bar and a part. Edits in mid-bar change the steps after them; the candidate's number stays.

use super::ask::moment;
use super::audition::{Audition, Picks, pick_of, wishes};
use super::ear::Ears;
use super::journal::What;
use super::plan::StepRecord;
use super::send::onset;
use super::session::Session;
use super::shape::is_mono;
use crate::engine::gan::EarOpener;
use crate::message::{Severity, TasteCounts};
use crate::music::StepNotes;
use crate::time::{Place, StepIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Which candidates play in a bar.
struct Choice {
    /// The bar line.
    line: StepIndex,
    /// First revision of the plan that was made with it, and the first that was not any more.
    since: u64,
    until: Option<u64>,
    picks: Picks,
    /// First step not handed over when it came up.
    opened: StepIndex,
}

/// Choices, and the work on them.
#[derive(Default)]
pub(super) struct Taste {
    pub ears: Ears,
    choices: Vec<Choice>,
    /// Bar lines without a choice in force, and the first step not handed over when that began.
    opened: BTreeMap<StepIndex, StepIndex>,
    /// Bars that play their first candidates because no choice came in time.
    unranked: BTreeSet<u64>,
    audition: Option<Box<Audition>>,
    /// No choice is too late but those that the journal says: for what is played again.
    pub has_time: bool,
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

    /// A bar line is planned; `handed` is the first step not handed over if the bar wants a choice.
    pub(super) fn open(&mut self, line: StepIndex, handed: Option<StepIndex>) {
        match handed.filter(|_| self.in_force(line).is_none()) {
            Some(handed) => _ = self.opened.entry(line).or_insert(handed),
            None => _ = self.opened.remove(&line),
        }
    }

    /// The plan is made anew from `step` on, in revision `epoch`: choices from there on belong to the old plan.
    pub(super) fn rewind(&mut self, step: StepIndex, epoch: u64, handed: StepIndex) {
        for choice in self.choices.iter_mut().filter(|c| c.line >= step && c.until.is_none()) {
            choice.until = Some(epoch);
            self.opened.insert(choice.line, handed);
        }
        self.audition.take_if(|a| a.line.step >= step);
    }

    /// What came up at `step` came up after it: the plan had no part in what was played there.
    pub(super) fn open_after(&mut self, step: StepIndex) {
        self.opened.values_mut().filter(|opened| **opened == step).for_each(|opened| *opened = step.after(1));
    }

    /// The choice at this place counts again.
    fn reopen(&mut self, at: Option<usize>) {
        if let Some(choice) = at.and_then(|at| self.choices.get_mut(at)) {
            choice.until = None;
            self.opened.remove(&choice.line);
        }
    }

    /// The bar line `line` was handed over: what was not chosen by now, and what lies before it, is no longer needed.
    fn prune(&mut self, line: StepIndex) {
        self.choices.retain(|c| c.line > line || (c.line == line && c.until.is_none()));
        self.opened.retain(|at, _| *at > line);
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
    pub(super) fn can_choose(&self, record: &StepRecord) -> bool {
        let bar = record.place.bar;
        !self.frozen.contains_key(&bar) && !self.taste.unranked.contains(&bar) && !wishes(record).is_empty()
    }

    pub(super) fn choose(&mut self, line: StepIndex, picks: Picks) {
        let opened = self.opened(line);
        if !picks.is_empty() && !self.taste.has_time && self.is_cut_since(opened, line) {
            return self.give_up(line, opened);
        }
        let mut since = self.plan.get(line).map_or(self.epoch, |r| r.epoch);
        let is_new = !picks.is_empty();
        if is_new {
            self.rewind(line);
            since = self.epoch;
        }
        self.taste.choices.push(Choice { line, since, until: None, picks, opened });
        self.taste.opened.remove(&line);
        if is_new {
            // The player must not be left without the step that it may need next.
            self.make_step();
        }
    }

    /// The plan from `step` on is about to be made anew. Where a line that was handed over ended by a first candidate, while the
    /// choice was open, the bar keeps its first candidates: what is played again would have ended it by the choice.
    pub(super) fn settle_choices(&mut self, step: StepIndex) {
        // Those that are planned again begin anew, and the others are no bar lines any more.
        for (line, opened) in self.taste.opened.split_off(&step) {
            if opened < self.handed && !self.taste.has_time && self.is_cut_since(opened, line) {
                self.give_up(line, opened);
            }
        }
    }

    /// True when a line's note that was handed over since `opened` may end where its next one after `line` was planned.
    fn is_cut_since(&self, opened: StepIndex, line: StepIndex) -> bool {
        let handed = (opened.0..self.handed.0).filter_map(|step| self.plan.get(StepIndex(step)));
        let mut notes = handed.flat_map(|r| r.parts.iter().map(move |p| (r, p.id, &p.notes)));
        notes.any(|(record, id, notes)| self.reaches(record, id, notes, line))
    }

    /// True when the notes of a line may sound on over `until`.
    fn reaches(&self, record: &StepRecord, id: u64, notes: &StepNotes, until: StepIndex) -> bool {
        let (step, steering) = (record.place.step, &record.entered.steering);
        let longest = notes.iter().map(|n| u64::from(n.duration_steps)).max().unwrap_or(0);
        // Gates up to 4 can make a note longer than written.
        if longest == 0 || step.0 + longest * 4 < until.0 {
            return false;
        }
        let moment = moment(steering, record.place);
        let is_line = steering.parts.iter().any(|p| p.id == id && is_mono(p, &moment));
        let starts = |s: u64| self.plan.get(StepIndex(s)).is_some_and(|r| onset(r, id).is_some());
        is_line && !(step.0 + 1..until.0).any(starts)
    }

    /// First step that was not handed over when the choice for this bar line came up.
    fn opened(&self, line: StepIndex) -> StepIndex {
        self.taste.opened.get(&line).copied().unwrap_or(self.handed)
    }

    /// No choice is made any more for the bar that begins here, nor was one from `opened` on.
    fn give_up(&mut self, line: StepIndex, opened: StepIndex) {
        let Some(record) = self.plan.get(line) else { return };
        let (bar, count) = (record.place.bar, wishes(record).len() as u64);
        self.taste.opened.remove(&line);
        self.taste.counts.unranked += count;
        self.taste.unranked.insert(bar);
        self.journal.unranked(opened.min(line), bar);
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
        self.taste.reopen(kept);
    }

    /// The player took the plan of revision `epoch` for this step: the choice that was in force then is the one that plays.
    pub(super) fn take_back_choice(&mut self, step: StepIndex, epoch: u64) {
        let was = |c: &Choice| c.line == step && c.since <= epoch && c.until.is_none_or(|until| epoch < until);
        let used = self.taste.choices.iter().position(was);
        let now = self.taste.choices.iter().position(|c| c.line == step && c.until.is_none());
        if used != now {
            let opened = now.and_then(|at| self.taste.choices.get(at)).map(|c| c.opened);
            self.rewind(step);
            self.taste.opened.extend(opened.map(|opened| (step, opened)));
            self.taste.reopen(used);
        }
    }

    /// A bar line is handed over: a choice that was not made by now is not made any more.
    pub(super) fn close_choice(&mut self, line: StepIndex) {
        let Some(record) = self.plan.get(line) else { return };
        let count = wishes(record).len() as u64;
        if count > 0 && !self.taste.ears.is_here() {
            let text = "taste does nothing: no critic is loaded that could tell one bar from another";
            return self.say_once(Severity::Warning, "taste", text.into());
        }
        if self.can_choose(record) {
            match self.taste.in_force(line) {
                Some(_) => self.taste.counts.ranked += count,
                None => self.give_up(line, self.opened(line)),
            }
        }
        self.taste.prune(line);
    }

    /// What is about to be frozen is what was seen: choices up to this bar that are not made yet are not made any more.
    pub(super) fn close_choices_until(&mut self, bar: u64) {
        let lines = self.plan.from(self.handed).filter(|r| r.place.is_bar_line() && r.place.bar <= bar);
        let open: Vec<StepIndex> = lines.filter(|r| self.is_undecided(r)).map(|r| r.place.step).collect();
        open.into_iter().for_each(|line| self.give_up(line, self.opened(line)));
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
