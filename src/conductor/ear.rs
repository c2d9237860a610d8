//! The ear at work: a bar as it is planned becomes the scene that the critic learned from, and a number.

use super::ask::{ask, band_asks, moment};
use super::plan::StepRecord;
use super::session::Session;
use crate::engine::gan::{BarNotes, BarScene, Ear, EarOpener};
use crate::engine::{Ask, History};
use crate::music::{Role, StepNotes, kit};
use crate::time::{BarMap, Place, StepIndex};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The ear, opened when it is first needed.
#[derive(Default)]
pub(super) struct Ears {
    open: Option<EarOpener>,
    ear: Option<Box<dyn Ear>>,
}

impl Ears {
    pub(super) fn new(open: Option<EarOpener>) -> Ears {
        Ears { open, ear: None }
    }

    /// True when somebody listens.
    pub(super) fn is_here(&self) -> bool {
        self.open.is_some()
    }

    /// How real a bar sounds: the mean over its segments; `None` when the ear knows nothing of the role. `ask_at` gives
    /// the request at a step of the bar, `notes` what the part starts there. An ear that breaks down is not asked again.
    pub(super) fn score(
        &mut self,
        bars: &BarMap,
        line: Place,
        ask_at: impl Fn(Place) -> Option<Ask>,
        notes: impl Fn(StepIndex) -> Option<StepNotes>,
        history: &History,
    ) -> Option<f32> {
        let open = self.open.as_ref()?;
        let ear = &mut self.ear;
        let listen = || {
            let ear = ear.get_or_insert_with(|| open());
            let (mut at, mut sum, mut count) = (line.step, 0.0, 0.0);
            while at < line.next_bar() {
                let scene = BarScene::of(&ask_at(bars.place(at))?, history);
                let played = bar_notes(&scene, &notes);
                at = scene.segment.first.after(u64::from(scene.segment.steps));
                if let Some(score) = ear.score(&scene, &played).filter(|s| s.is_finite()) {
                    (sum, count) = (sum + score, count + 1.0);
                }
            }
            (count > 0.0).then(|| sum / count)
        };
        catch_unwind(AssertUnwindSafe(listen)).unwrap_or_else(|_| {
            *self = Ears::default();
            None
        })
    }
}

fn bar_notes(scene: &BarScene, notes: &impl Fn(StepIndex) -> Option<StepNotes>) -> BarNotes {
    let mut bar = BarNotes::silent(scene.segment.steps);
    let is_known = |pitch: u8| scene.role != Role::Drums || kit::row_of(pitch).is_some();
    for step in 0..scene.segment.steps {
        let started = notes(scene.segment.first.after(u64::from(step))).unwrap_or_default();
        bar.notes.extend(started.iter().filter(|n| is_known(n.pitch)).map(|n| (step as u8, *n)));
    }
    bar.notes.sort_by_key(|(step, note)| (*step, note.pitch));
    bar
}

impl Session {
    /// Scores one part in the nearest bar that is wholly planned and has no score yet. False when there is none, or no ear.
    /// Scores are for the eye alone: the music does not depend on them, so nothing waits for them.
    pub fn score_next(&mut self) -> bool {
        if !self.taste.ears.is_here() {
            return false;
        }
        let (next, here) = (self.plan.next(), self.in_force().bars.place(self.handed).bar_start());
        let of_bar = |r: &StepRecord| {
            let is_new = |id: &u64| !r.scores.iter().any(|s| s.0 == *id);
            let is_whole = r.place.is_bar_line() && r.place.next_bar() <= next;
            let id = r.parts.iter().map(|p| p.id).find(is_new).filter(|_| is_whole)?;
            Some((r.place, r.entered.bars.clone(), id))
        };
        let due = self.plan.from(here).find_map(of_bar);
        let Some((line, bars, id)) = due else { return false };
        let plan = &self.plan;
        let ask_at = |place: Place| {
            let steering = &plan.get(place.step)?.entered.steering;
            let part = steering.parts.iter().find(|p| p.id == id)?;
            let moment = moment(steering, place);
            Some(ask(steering, part, &moment, &band_asks(steering, &moment), Default::default()))
        };
        let notes = |step: StepIndex| plan.get(step)?.notes_of(id).copied();
        let score = self.taste.ears.score(&bars, line, ask_at, notes, &self.history);
        if let Some(record) = self.plan.get_mut(line.step) {
            record.scores.push((id, score));
        }
        true
    }

    /// Scores of the bar in which `step` would be planned next no longer hold.
    pub(super) fn forget_scores(&mut self, step: StepIndex) {
        let last = step.before(1).and_then(|s| self.plan.get(s)).map(|r| r.place);
        let line = last.filter(|place| place.next_bar() > step).map(|place| place.bar_start());
        if let Some(record) = line.and_then(|line| self.plan.get_mut(line)) {
            record.scores.clear();
        }
    }
}
