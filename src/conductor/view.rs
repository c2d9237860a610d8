//! What the screen may know of the session: one immutable value.

use super::session::{Act, Session};
use crate::message::{BarScore, LatentView, PartView, PendingView, RollNote, ScriptStatus, Snapshot};
use crate::steer::{CONTROLS, PartSteering, Scope};
use crate::time::{Place, StepIndex};
use std::sync::Arc;

/// Bars of the past on the piano roll.
const PAST_BARS: u64 = 4;
/// Steps of the trail on the map of the latent space.
const TRAIL_STEPS: u64 = 48;

impl Session {
    /// The session as the screen shows it; `plan_us` are the budget meter's p50 and p99.
    pub fn snapshot(&self, plan_us: (u32, u32)) -> Snapshot {
        let run = self.in_force();
        let place = run.bars.place(self.handed);
        let first = run.bars.bar_start(place.bar.saturating_sub(PAST_BARS)).max(self.plan.first());
        let moment = super::ask::moment(&run.steering, place);
        let parts = run.steering.parts.iter().map(|part| {
            let value = |c: &crate::steer::ControlInfo| match c.scope {
                Scope::Part => part.value(c.control, &moment),
                Scope::Set => Some(run.steering.value(c.control, &moment)),
            };
            let notes = self.plan.from(first).flat_map(|record| {
                let step = record.place.step;
                record
                    .notes_of(part.id)
                    .into_iter()
                    .flat_map(move |n| n.iter().map(move |n| RollNote { step, note: *n }))
            });
            let scores = self.plan.from(first).filter_map(|record| {
                let score = record.scores.iter().find(|s| s.0 == part.id)?.1?;
                Some(BarScore { line: record.place.step, score })
            });
            PartView {
                name: part.name.clone(),
                role: part.role,
                values: CONTROLS.iter().map(value).collect(),
                is_heard: run.steering.is_heard(part),
                notes: notes.collect(),
                latent: self.latent_view(part, &place),
                scores: scores.collect(),
            }
        });
        Snapshot {
            parts: parts.collect(),
            steering: run.steering.clone(),
            bars: self.bar_lines(first),
            planned: self.plan.next(),
            frozen: self.frozen_bars().collect(),
            pending: self.pending().map(|e| self.pending_view(e)).collect(),
            script: self.script_status(),
            form: self.form_rows(run.generation),
            plan_us,
            engine_faults: self.faults,
            projection: self.projection.clone(),
            taste: self.taste.counts,
        }
    }

    fn latent_view(&self, part: &PartSteering, place: &Place) -> LatentView {
        let steering = &self.in_force().steering;
        let now = steering.latent(part, place, steering.chance(part, self.anew(place, part.id)));
        let since = StepIndex(self.handed.0.saturating_sub(TRAIL_STEPS));
        let past = self.plan.from(since).take_while(|r| r.place.step < self.handed);
        let trail = past.filter_map(|r| Some(r.latents[r.parts.iter().position(|p| p.id == part.id)?]));
        let target = steering.latent_target(part, place).map(|global| self.projection.at_global(&global));
        LatentView { now, trail: trail.collect(), target }
    }

    fn bar_lines(&self, first: StepIndex) -> Vec<Place> {
        self.plan.from(first).map(|r| r.place).filter(Place::is_bar_line).collect()
    }

    fn pending_view(&self, event: &super::session::Event) -> PendingView {
        let text = match &event.act {
            Act::Edit(edit) => edit.to_string(),
            Act::Launch(generation) => {
                format!("launch {}", self.programs.get(generation).map_or("a script", |p| p.name()))
            }
            Act::Back(mark) => format!("back to bar {}", mark.bar + 1),
        };
        PendingView { text, when: event.when, step: event.step }
    }

    fn script_status(&self) -> ScriptStatus {
        let run = self.in_force();
        let name = self.programs.get(&run.generation).map_or("", |p| p.name()).to_string();
        let beat = u64::from(run.bars.place(self.handed).metre.beat_steps());
        let since = StepIndex(self.handed.0.saturating_sub(beat));
        let near = self.plan.from(since).take_while(|r| r.place.step < self.handed);
        let mut active_lines: Vec<u32> = near.flat_map(|r| r.lines.iter().copied()).collect();
        active_lines.sort_unstable();
        active_lines.dedup();
        ScriptStatus { name, generation: run.generation, error: self.script.error.clone(), active_lines }
    }

    fn form_rows(&self, generation: u64) -> Vec<(Arc<str>, u32)> {
        let Some(program) = self.programs.get(&generation) else { return Vec::new() };
        let row = |i: &usize| program.sections().get(*i).map(|s| (s.name.clone(), s.bars));
        program.form().iter().filter_map(row).collect()
    }

    /// What is wrong with the last text that was tried.
    pub fn set_script_error(&mut self, error: Option<crate::steer::ScriptFault>) {
        self.script.error = error;
    }
}
