//! Entering a step: launches, sections, closures and edits due there, in this order.

use super::plan::Running;
use super::session::{Act, Bookmark, Session};
use crate::message::{Notice, Severity};
use crate::steer::{Call, Edit, Every, Program, Steering, When, Where};
use crate::time::{Place, StepIndex};
use std::sync::Arc;

/// What entering a step brought about beside the new state.
pub(super) struct Entered {
    pub run: Running,
    pub place: Place,
    pub lines: Vec<u32>,
    pub says: Vec<String>,
    /// Engines to go on from, when the step goes back to a bar line.
    pub back: Option<Arc<Bookmark>>,
}

impl Session {
    /// The state in force at `step`, from the state before it. Runs closures that were not run for this step before.
    pub(super) fn enter(&mut self, before: &Running, step: StepIndex) -> Entered {
        let place = before.bars.place(step);
        let mut e = Entered { run: before.clone(), place, lines: Vec::new(), says: Vec::new(), back: None };
        let due: Vec<_> = self.events.iter().filter(|v| v.step == Some(step)).cloned().collect();
        for event in &due {
            match &event.act {
                Act::Launch(generation) => self.take_over(&mut e, *generation),
                Act::Back(mark) => go_back(&mut e, mark),
                Act::Edit(_) => {}
            }
        }
        let mut waiting = Vec::new();
        if self.begin_section(&mut e) {
            waiting = self.fire_waiting(&mut e);
            self.begin_section(&mut e);
        }
        self.run_jobs(&mut e);
        for event in due.iter().chain(&waiting) {
            if let Act::Edit(edit) = &event.act {
                self.apply(&mut e, edit);
            }
        }
        // A jump that was asked for on the bar line itself takes effect there.
        if e.run.form.jump.is_some() && e.place.is_bar_line() {
            self.begin_section(&mut e);
        }
        e.place = e.run.bars.place(step);
        e
    }

    /// Events that waited for a section and whose section begins here.
    fn fire_waiting(&mut self, e: &mut Entered) -> Vec<super::session::Event> {
        let step = e.place.step;
        let mut fired = Vec::new();
        for event in &mut self.events {
            if event.when == When::NextSection && event.step.is_none() && step > event.armed {
                event.step = Some(step);
                fired.push(event.clone());
            }
        }
        let launches: Vec<_> = fired.iter().map(|v| v.act.clone()).collect();
        for act in launches {
            match act {
                Act::Launch(generation) => self.take_over(e, generation),
                Act::Back(mark) => go_back(e, &mark),
                Act::Edit(_) => {}
            }
        }
        fired
    }

    /// A program takes over: the set is the defaults and what its top level asks for. Stored points stay, and so do
    /// latent paths that are asked for again.
    fn take_over(&mut self, e: &mut Entered, generation: u64) {
        let Some(program) = self.programs.get(&generation) else { return };
        let edits: Vec<Edit> = program.edits().to_vec();
        let old = self.programs.get(&e.run.generation);
        let is_same = old.is_some_and(|old| super::form::same_form(old.as_ref(), program.as_ref()));
        let kept = e.run.steering.clone();
        e.run.generation = generation;
        e.run.steering = Arc::new(Steering { seed: self.seed, points: kept.points.clone(), ..Steering::default() });
        for edit in &edits {
            self.apply(e, edit);
        }
        let from = e.run.bars.place(e.place.step).bar_start();
        let steering = Arc::make_mut(&mut e.run.steering);
        steering.chords_from = if steering.chords == kept.chords { kept.chords_from } else { from };
        e.place = e.run.bars.place(e.place.step);
        if is_same && e.run.form.playing.is_some() {
            // The place in the form stays; what the section asks for comes from the new text.
            self.set_section(e);
            let section = e.run.form.playing.map(|p| p.section);
            section.iter().for_each(|s| self.call(e, Call::Section(*s)));
        } else {
            e.run.form = Default::default();
        }
        let back = |_| from;
        let at = Where { place: e.place, back: &back, anew: &|id| self.anew(&e.place, id) };
        Arc::make_mut(&mut e.run.steering).go_on_from(&kept, &at);
    }

    /// Begins a section if one is due; true when it did.
    fn begin_section(&mut self, e: &mut Entered) -> bool {
        let Some(program) = self.programs.get(&e.run.generation) else { return false };
        let Some(due) = e.run.form.due(program.as_ref(), &e.place) else { return false };
        e.run.form.begin(program.as_ref(), due, &e.place, &e.run.bars);
        self.set_section(e);
        self.call(e, Call::Section(due.1));
        true
    }

    fn set_section(&mut self, e: &mut Entered) {
        let program = self.programs.get(&e.run.generation);
        let now = program.and_then(|p| e.run.form.section_now(p.as_ref(), &e.run.bars));
        if e.run.steering.section != now {
            Arc::make_mut(&mut e.run.steering).section = now;
        }
    }

    fn run_jobs(&mut self, e: &mut Entered) {
        let Some(program) = self.programs.get(&e.run.generation) else { return };
        let due = |every: Every| match every {
            Every::Steps(n) => e.place.step.0.is_multiple_of(u64::from(n.max(1))),
            Every::Beats(n) => e.place.is_beat() && beats_before(&e.place).is_multiple_of(u64::from(n.max(1))),
            Every::Bars(n) => e.place.is_bar_line() && e.place.bar.is_multiple_of(u64::from(n.max(1))),
        };
        let calls: Vec<_> = program.jobs().iter().enumerate().filter(|(_, j)| due(j.every)).map(|j| j.0).collect();
        for job in calls {
            self.call(e, Call::Job(job));
        }
    }

    /// Calls a closure, or takes the answer it gave when this step was planned before.
    fn call(&mut self, e: &mut Entered, call: Call) {
        let key = (e.place.step, e.run.generation, call);
        let Some(program) = self.programs.get_mut(&e.run.generation) else { return };
        let line = line_of(program.as_ref(), call);
        e.lines.extend(line);
        let answer = match self.answers.get(&key) {
            Some(answer) => answer.clone(),
            None => {
                let fresh = program.call(call, &e.place).map(Arc::from);
                if let Err(fault) = &fresh {
                    let text = format!("{}, line {}: {}", program.name(), fault.line, fault.text);
                    self.notices.push(Notice::new(Severity::Error, "script", text));
                    self.script.error = Some(fault.clone());
                }
                self.answers.insert(key, fresh.clone());
                fresh
            }
        };
        for edit in answer.iter().flat_map(|edits| edits.iter()) {
            self.apply(e, edit);
        }
    }

    fn apply(&mut self, e: &mut Entered, edit: &Edit) {
        let step = e.place.step;
        match edit {
            Edit::Metre(metre) => {
                Arc::make_mut(&mut e.run.bars).set(step, *metre);
                e.place = e.run.bars.place(step);
                return;
            }
            Edit::Section(name) => return self.jump(e, name),
            Edit::Say(text) => return e.says.push(text.clone()),
            Edit::Engine { part, engine } => {
                if let Err(why) = self.band.can_open(engine) {
                    let text = format!("part '{part}' keeps its engine: {why}");
                    return self.say_once(Severity::Warning, "engine", text);
                }
            }
            _ => {}
        }
        let bars = e.run.bars.clone();
        let place = bars.place(step);
        let back = |n: u32| bars.bar_start(place.bar.saturating_sub(u64::from(n)));
        let at = Where { place, back: &back, anew: &|id| self.anew(&place, id) };
        if let Some(text) = Arc::make_mut(&mut e.run.steering).apply(edit, &at) {
            self.say_once(Severity::Warning, "steer", text);
        }
    }

    fn jump(&mut self, e: &mut Entered, name: &str) {
        let program = self.programs.get(&e.run.generation);
        let section = program.and_then(|p| p.sections().iter().position(|s| &*s.name == name));
        match section {
            Some(section) => e.run.form.jump = Some(section),
            None => {
                let text = format!("there is no section '{name}'; sections are declared with section(name, bars, ...)");
                self.say_once(Severity::Warning, "steer", text);
            }
        }
    }
}

/// Goes back to what was in force at a bar line; the step axis goes on.
fn go_back(e: &mut Entered, mark: &Arc<Bookmark>) {
    let here = e.place;
    let (bars, steps) = (here.bar.saturating_sub(mark.bar), here.step.0.saturating_sub(mark.step.0));
    e.run.steering = mark.entered.steering.clone();
    e.run.generation = mark.entered.generation;
    e.run.form = mark.entered.form.shifted(bars, steps);
    let metre = mark.entered.bars.place(mark.step).metre;
    if metre != here.metre {
        Arc::make_mut(&mut e.run.bars).set(here.step, metre);
        e.place = e.run.bars.place(here.step);
    }
    let steering = Arc::make_mut(&mut e.run.steering);
    steering.chords_from = steering.chords_from.after(steps);
    steering.parts.iter_mut().for_each(|p| p.latent.shift(bars));
    if let Some(section) = &mut steering.section {
        section.from = section.from.after(steps);
        section.until = section.until.after(steps);
    }
    e.back = Some(mark.clone());
}

/// Beats since the start, as if the bars before had all had this metre.
fn beats_before(place: &Place) -> u64 {
    let beat = u64::from(place.metre.beat_steps());
    let in_bar = u64::from(place.metre.bar_steps()).div_ceil(beat);
    place.bar * in_bar + u64::from(place.step_in_bar) / beat
}

fn line_of(program: &dyn Program, call: Call) -> Option<u32> {
    match call {
        Call::Job(i) => program.jobs().get(i).map(|j| j.line),
        Call::Section(i) => program.sections().get(i).map(|s| s.line),
    }
}
