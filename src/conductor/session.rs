//! The session: the whole state of the conductor, without clock or thread.
//!
//! The plan is a pure function: state before a step and the events due at it give the step and the state after it.
//! An edit is an event put at a step that is not handed over; the plan is rewound to it and made again.

use super::band::{Band, Opener, opener};
use super::form::FormState;
use super::journal::{Entry, Journal, What};
use super::older::Older;
use super::pace::Pace;
use super::plan::{Plan, Running};
use super::slots::Slots;
use super::taste::Taste;
use crate::engine::{History, Models};
use crate::limits;
use crate::message::{Notice, ScriptStatus, Severity};
use crate::music::{Projection, StepNotes};
use crate::steer::{Call, Edit, Program, ScriptFault, Steering, When};
use crate::time::{BarMap, StepIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happens at a step.
#[derive(Clone)]
pub(super) enum Act {
    /// An edit of the performer.
    Edit(Edit),
    /// A program takes over.
    Launch(u64),
    /// Back to what was in force at a bar line.
    Back(Arc<Bookmark>),
}

/// What was in force on a bar line.
#[derive(Debug)]
pub(super) struct Bookmark {
    pub bar: u64,
    pub step: StepIndex,
    pub entered: Running,
    pub engines: Vec<super::plan::EngineSlot>,
}

/// An event and the step at which it is due; `None` when it waits for a section.
#[derive(Clone)]
pub(super) struct Event {
    pub id: u64,
    pub step: Option<StepIndex>,
    /// First step at which a section change counts, for events that wait for one.
    pub armed: StepIndex,
    pub when: When,
    /// Revision of the plan that first contained it.
    pub epoch: u64,
    pub act: Act,
}

/// A bar, or what is left of it, that is drawn anew.
#[derive(Clone, Copy)]
pub(super) struct Veto {
    pub id: u64,
    /// Address of the part, or all.
    pub part: Option<u64>,
    /// First step that it reaches.
    pub from: StepIndex,
    pub epoch: u64,
}

/// Notes that a frozen bar keeps: by step, then by part.
pub(super) type Frozen = Vec<Vec<(u64, StepNotes)>>;

/// What a closure asked for.
pub(super) type Answer = Result<Arc<[Edit]>, ScriptFault>;

/// The conductor's state. See the module's documentation.
pub struct Session {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    /// What was planned before the last revisions and not handed over yet.
    pub(super) older: Older,
    pub(super) records: u64,
    pub(super) pace: Pace,
    pub(super) history: History,
    pub(super) band: Band,
    /// State before the next step to be planned.
    pub(super) now: Running,
    /// First step that is not handed over.
    pub(super) handed: StepIndex,
    pub(super) epoch: u64,
    /// In order of arrival.
    pub(super) events: Vec<Event>,
    pub(super) next_id: u64,
    pub(super) programs: BTreeMap<u64, Box<dyn Program>>,
    pub(super) generations: u64,
    /// What closures asked for, so that a rewind does not run them twice.
    pub(super) answers: BTreeMap<(StepIndex, u64, Call), Answer>,
    pub(super) frozen: BTreeMap<u64, Frozen>,
    /// Vetoes by bar.
    pub(super) vetoes: BTreeMap<u64, Vec<Veto>>,
    /// Steps that the player fills in from memory: it said so, or the plan leaps over them.
    pub(super) missed: BTreeSet<StepIndex>,
    pub(super) taste: Taste,
    pub(super) slots: Slots,
    /// First step whose present plan has not been sent to the player.
    pub(super) unsent: StepIndex,
    /// Revisions of which the player must hear: first step and epoch, both rising.
    pub(super) revised: Vec<(StepIndex, u64)>,
    pub(super) notices: Vec<Notice>,
    /// Sentences that have been said once.
    pub(super) said: BTreeSet<String>,
    pub(super) script: ScriptStatus,
    pub(super) faults: u64,
    pub(super) journal: Journal,
    /// Engine runs so far, for tests and meters.
    pub(super) engine_steps: u64,
    /// The picture of the latent space for the screen.
    pub(super) projection: Arc<Projection>,
}

impl Session {
    /// An empty set: no parts, no program.
    pub fn new(models: Models, seed: u64) -> Session {
        Session::with_opener(opener(models), seed)
    }

    /// A set whose engines come from elsewhere (tests, benches).
    pub fn with_opener(open: Opener, seed: u64) -> Session {
        let steering = Arc::new(Steering { seed, ..Steering::default() });
        let start = StepIndex(0);
        let taste = Taste::new(open.ear());
        Session {
            seed,
            plan: Plan::default(),
            older: Older::default(),
            records: 0,
            pace: Pace::default(),
            history: History::new(start),
            band: Band::new(open),
            now: Running { steering, bars: Arc::new(BarMap::default()), form: FormState::default(), generation: 0 },
            handed: start,
            epoch: 0,
            events: Vec::new(),
            next_id: 0,
            programs: BTreeMap::new(),
            generations: 0,
            answers: BTreeMap::new(),
            frozen: BTreeMap::new(),
            vetoes: BTreeMap::new(),
            missed: BTreeSet::new(),
            taste,
            slots: Slots::default(),
            unsent: start,
            revised: Vec::new(),
            notices: Vec::new(),
            said: BTreeSet::new(),
            script: ScriptStatus::default(),
            faults: 0,
            journal: Journal::new(seed),
            engine_steps: 0,
            projection: Arc::new(Projection::default()),
        }
    }

    /// Shows places of the latent space in this picture, which a model's file brings.
    pub fn show_in(&mut self, projection: Projection) {
        self.projection = Arc::new(projection);
    }

    /// From now on the plan leaps over steps that cannot be in time any more. For a performance; a replay takes from its
    /// journal which steps were missed.
    pub fn keep_pace(&mut self) {
        self.pace = Pace::kept();
    }

    /// Moves the start of a session in which nothing has happened.
    pub(super) fn begin_at(&mut self, start: StepIndex) {
        (self.handed, self.unsent) = (start, start);
        self.plan = Plan::starting_at(start);
        self.history = History::new(start);
    }

    /// First step that edits can still reach.
    pub fn handed(&self) -> StepIndex {
        self.handed
    }
    /// First step that is not planned yet.
    pub fn planned(&self) -> StepIndex {
        self.plan.next()
    }
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
    /// Revision of the plan.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// Every edit so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
    /// Engine failures that were covered up.
    pub fn engine_faults(&self) -> u64 {
        self.faults
    }
    /// Engine runs so far.
    pub fn engine_steps(&self) -> u64 {
        self.engine_steps
    }
    /// Takes what is to be said to the performer.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let said = self.band.notices();
        self.notices.extend(said.into_iter().map(|text| Notice::new(Severity::Info, "engine", text)));
        std::mem::take(&mut self.notices)
    }

    /// What is in force at the first step not handed over (or the state before it, when it is not planned yet).
    pub fn in_force(&self) -> &Running {
        self.plan.get(self.handed).map_or(&self.now, |r| &r.entered)
    }

    /// First step beyond the plan: so many bars ahead of the first step not handed over.
    pub fn horizon(&self) -> StepIndex {
        let run = self.in_force();
        let place = run.bars.place(self.handed);
        let ahead = u64::from(run.steering.plan_bars.clamp(1, limits::PLAN_BARS_MAX));
        let until = run.bars.bar_start(place.bar + ahead).after(u64::from(place.step_in_bar));
        until.min(self.handed.after(PLAN_STEPS_MAX)).max(self.handed.after(1))
    }

    /// Plans the next step within the horizon, or works on a choice among candidates (`taste`). False when nothing is left
    /// to be done. The bar that comes next is planned before anything is chosen.
    pub fn plan_next(&mut self) -> bool {
        let bar = u64::from(self.in_force().bars.place(self.handed).metre.bar_steps());
        let (next, horizon) = (self.plan.next(), self.horizon());
        if next >= horizon.min(self.handed.after(bar)) && self.taste_next() {
            return true;
        }
        if next < horizon {
            self.make_step();
        }
        next < horizon
    }

    /// Plans up to the horizon.
    pub fn plan_all(&mut self) {
        while self.plan_next() {}
    }

    /// An edit of the performer.
    pub fn edit(&mut self, edit: Edit, when: When) {
        self.arrive();
        self.journal.push(self.handed, What::Edit(edit.clone(), when));
        let only_shape = edit.is_shape_only();
        self.arm(Act::Edit(edit), when, only_shape);
    }

    /// A program takes over; `text` is kept in the journal.
    pub fn launch(&mut self, program: Box<dyn Program>, text: &str, when: When) {
        self.arrive();
        let name = program.name().to_string();
        self.journal.push(self.handed, What::Launch { name, text: text.to_string(), when });
        self.generations += 1;
        self.programs.insert(self.generations, program);
        self.arm(Act::Launch(self.generations), when, false);
    }

    /// A command reads what is in force at the first step not handed over: that step must be planned, so that the
    /// command means the same however far the plan is.
    pub(super) fn arrive(&mut self) {
        self.ensure_planned(self.handed);
    }

    /// The performance is over: the journal says where.
    pub fn close(&mut self) {
        self.journal.push(self.handed, What::End);
    }

    /// Puts an event where it belongs and rewinds the plan to it.
    pub(super) fn arm(&mut self, act: Act, when: When, only_shape: bool) {
        let step = self.resolve(when);
        let id = self.next_id;
        self.next_id += 1;
        self.journal.name_last(id);
        // Without a form there is no section to wait for.
        let when = if when == When::NextSection && step.is_some() { When::NextBar } else { when };
        let event = Event { id, step, armed: self.handed, when, epoch: self.epoch + 1, act };
        self.events.push(event);
        // An event that waits for a section can concern every planned step.
        let from = step.unwrap_or(self.handed);
        if only_shape && step.is_some() { self.reshape(from) } else { self.rewind(from) }
    }

    /// The step at which an edit made now takes effect; `None` when it waits for a section.
    fn resolve(&self, when: When) -> Option<StepIndex> {
        let run = self.in_force();
        let place = run.bars.place(self.handed);
        let next_bar = if place.is_bar_line() { self.handed } else { place.next_bar() };
        match when {
            When::Now => Some(self.handed),
            When::NextBeat => Some(if place.is_beat() { self.handed } else { place.next_beat() }),
            When::NextBar => Some(next_bar),
            When::NextSection if run.form.playing.is_none() => Some(next_bar),
            When::NextSection => None,
        }
    }

    /// Forgets the plan from `step` on; the next call of `plan_next` makes that step anew.
    pub(super) fn rewind(&mut self, step: StepIndex) {
        let step = step.max(self.handed);
        self.settle_choices(step);
        self.revise(step);
        self.release_sections(step);
        self.taste.rewind(step, self.epoch, self.handed);
        self.forget_scores(step);
        let revised = self.plan.split_off(step);
        let Some(record) = revised.front() else { return };
        self.history.truncate(step);
        self.band.restore(&record.engines);
        self.now = record.before.clone();
        let unsent = self.unsent;
        self.older.keep(revised.into_iter().take_while(|r| r.place.step < unsent));
        self.unsent = unsent.min(step);
    }

    pub(super) fn new_record_id(&mut self) -> u64 {
        self.records += 1;
        self.records
    }

    /// From `step` on the plan is another one.
    pub(super) fn revise(&mut self, step: StepIndex) {
        self.epoch += 1;
        self.revised.retain(|r| r.0 < step);
        self.revised.push((step, self.epoch));
    }

    /// Events that fired with a section at or after `step` wait again.
    pub(super) fn release_sections(&mut self, step: StepIndex) {
        for event in self.events.iter_mut().filter(|e| e.when == When::NextSection) {
            if event.step.is_some_and(|s| s >= step && s > event.armed) {
                event.step = None;
            }
        }
    }

    /// The player handed a step over, using the plan of `epoch` (`None`: it had none and filled in from memory).
    pub fn note_handed(&mut self, step: StepIndex, epoch: Option<u64>) {
        if step < self.handed {
            return;
        }
        // Steps whose message was lost count as played as planned.
        while self.handed < step {
            self.note_given_up(self.handed);
            self.ensure_planned(self.handed);
            self.pass(self.handed);
        }
        if !self.note_given_up(step) {
            match epoch {
                None => self.leap(),
                Some(epoch) if epoch < self.epoch => {
                    self.postpone(step, epoch);
                    self.take_back_choice(step, epoch);
                    self.put_back(step, epoch);
                }
                Some(_) => self.pace.in_time(),
            }
        }
        self.ensure_planned(step);
        self.pass(step);
    }

    /// True for a step that the plan leapt over: the journal learns of it when it has been played.
    fn note_given_up(&mut self, step: StepIndex) -> bool {
        let is_given_up = self.missed.contains(&step);
        if is_given_up {
            self.journal.push(step, What::Missed);
        }
        is_given_up
    }

    /// The first step not handed over was missed, and the next ones are given up with it.
    fn leap(&mut self) {
        self.mark_missed();
        let behind = 1..=self.pace.missed();
        self.missed.extend(behind.map(|i| self.handed.after(i)));
    }

    /// The first step not handed over is played from memory: it repeats what was played a bar before, and no engine
    /// is asked.
    pub fn mark_missed(&mut self) {
        self.missed.insert(self.handed);
        self.journal.push(self.handed, What::Missed);
        self.rewind_within_choice(self.handed);
        self.taste.open_after(self.handed);
    }

    /// The player took an older plan of this step: what was to change it changes the next one.
    fn postpone(&mut self, step: StepIndex, epoch: u64) {
        let (next, mut moved, mut only_shape) = (step.after(1), Vec::new(), true);
        for event in self.events.iter_mut().filter(|e| e.step == Some(step) && e.epoch > epoch) {
            (event.step, event.epoch) = (Some(next), self.epoch + 1);
            only_shape &= matches!(&event.act, Act::Edit(edit) if edit.is_shape_only());
            moved.push(event.id);
        }
        // A veto of a later bar is not late.
        let bar = self.in_force().bars.place(step).bar;
        let of_bar = self.vetoes.get_mut(&bar).into_iter().flatten();
        for veto in of_bar.filter(|v| v.from == step && v.epoch > epoch) {
            (veto.from, veto.epoch) = (next, self.epoch + 1);
            only_shape = false;
            moved.push(veto.id);
        }
        moved.iter().for_each(|id| self.journal.postpone(*id, next));
        if moved.is_empty() {
            self.pace.in_time();
        } else if only_shape {
            self.reshape(step);
        } else {
            self.rewind(step);
            self.taste.open_after(step);
        }
    }

    fn ensure_planned(&mut self, step: StepIndex) {
        while self.plan.next() <= step {
            self.make_step();
        }
    }

    /// Moves the hand-over behind a planned step and forgets what can no longer be needed.
    fn pass(&mut self, step: StepIndex) {
        self.handed = step.after(1);
        self.unsent = self.unsent.max(self.handed);
        self.older.forget_before(self.handed);
        let Some(record) = self.plan.get_mut(step) else { return };
        let says = std::mem::take(&mut record.says);
        let is_line = record.place.is_bar_line();
        let bar = record.place.bar;
        let engines = if is_line { Vec::new() } else { std::mem::take(&mut record.engines) };
        self.band.recycle(engines);
        self.notices.extend(says.into_iter().map(|text| Notice::new(Severity::Info, "script", text)));
        if is_line {
            self.close_choice(step);
            self.prune(bar);
        }
    }

    fn prune(&mut self, bar: u64) {
        let keep = bar.saturating_sub(u64::from(limits::HISTORY_BARS) + 1);
        let first = self.in_force().bars.bar_start(keep);
        self.plan.prune(first);
        let handed = self.handed;
        self.events.retain(|e| e.step.is_none_or(|s| s >= handed));
        self.answers = self.answers.split_off(&(handed, 0, Call::Job(0)));
        self.missed = self.missed.split_off(&handed);
        self.frozen = self.frozen.split_off(&bar);
        self.vetoes = self.vetoes.split_off(&bar);
        self.taste.prune_bars(bar);
        self.prune_programs();
    }

    fn prune_programs(&mut self) {
        let mut used: BTreeSet<u64> = self.plan.iter().map(|r| r.entered.generation).collect();
        used.insert(self.now.generation);
        for event in &self.events {
            match &event.act {
                Act::Launch(generation) => used.insert(*generation),
                Act::Back(mark) => used.insert(mark.entered.generation),
                Act::Edit(_) => false,
            };
        }
        self.programs.retain(|generation, _| used.contains(generation));
    }

    /// Says something, unless the same was said before.
    pub(super) fn say_once(&mut self, severity: Severity, source: &'static str, text: String) {
        if self.said.len() < 512 && self.said.insert(text.clone()) {
            self.notices.push(Notice::new(severity, source, text));
        }
    }

    /// Entries of the journal, for the file.
    pub fn journal_entries(&self) -> &[Entry] {
        self.journal.entries()
    }
}

/// Steps of the longest plan; the history of what was heard reaches as far back beyond it as engines look.
pub(super) const PLAN_STEPS_MAX: u64 = (limits::PLAN_BARS_MAX * limits::BAR_STEPS_MAX) as u64;
