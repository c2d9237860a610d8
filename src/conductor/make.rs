//! Making one step: every part in role order hears those before it, and what nobody can play is covered up.

use super::ask::{ask, band_asks, moment};
use super::plan::{How, PartStep, StepRecord};
use super::session::Session;
use crate::engine::{Ask, EngineError, Heard, HeardNote};
use crate::limits::HISTORY_BARS;
use crate::message::Severity;
use crate::music::{Purpose, ROLES, StepNote, StepNotes};
use crate::steer::{Anew, PartSteering, Steering};
use crate::time::{Place, StepIndex};
use std::sync::Arc;

/// Address of the euclidean engine that stands in for a part's own.
const STAND_IN: u64 = 0x5354_414E_4449_4E00;

impl Session {
    /// Plans the step `plan.next()`, whatever the horizon.
    pub(super) fn make_step(&mut self) {
        let step = self.plan.next();
        let before = self.now.clone();
        let engines = self.band.save();
        let e = self.enter(&before, step);
        if let Some(mark) = &e.back {
            self.band.restore(&mark.engines);
        }
        let steering = e.run.steering.clone();
        self.keep_seats(&steering);
        let (parts, latents) = self.play_parts(&steering, e.place);
        let heard = heard_of(&steering, &parts);
        self.history.push(&heard);
        self.now = e.run.clone();
        let after = self.plan.iter().next_back().map_or(0, |r| r.id);
        let id = self.new_record_id();
        self.plan.push(StepRecord {
            id,
            after,
            place: e.place,
            before,
            engines,
            entered: e.run,
            back: e.back,
            parts,
            latents,
            scores: Vec::new(),
            epoch: self.epoch,
            lines: e.lines,
            says: e.says,
            params_after: None,
            shaped_before: step,
        });
        if e.place.is_bar_line() {
            let is_wanted = self.plan.get(step).is_some_and(|record| self.can_choose(record));
            self.taste.open(step, is_wanted.then_some(self.handed));
        }
    }

    /// Engines of parts that are gone begin anew if they come back.
    pub(super) fn keep_seats(&mut self, steering: &Steering) {
        self.band.keep_only(|id, engine| {
            steering.parts.iter().any(|p| (p.id == id && *p.engine == *engine) || p.id ^ STAND_IN == id)
        });
    }

    /// What each part plays, and where in the picture of the latent space it was asked to.
    fn play_parts(&mut self, steering: &Arc<Steering>, place: Place) -> (Vec<PartStep>, Vec<[f32; 2]>) {
        let moment = moment(steering, place);
        let band = band_asks(steering, &moment);
        let nothing = PartStep { id: 0, notes: StepNotes::EMPTY, how: How::Silent };
        let mut parts = vec![nothing; steering.parts.len()];
        let mut latents = vec![[0.0; 2]; parts.len()];
        let mut now: Vec<HeardNote> = Vec::with_capacity(16);
        for role in ROLES {
            for (at, part) in steering.parts.iter().enumerate().filter(|(_, p)| p.role == role) {
                let chance = steering.chance(part, self.anew(&place, part.id));
                let ask = ask(steering, part, &moment, &band, chance);
                latents[at] = self.projection.at_global(&ask.latent.global);
                parts[at] = self.play_part(part, &ask, &now);
                now.extend(parts[at].notes.iter().map(|note| HeardNote { role, note: *note }));
            }
        }
        (parts, latents)
    }

    fn play_part(&mut self, part: &PartSteering, ask: &Ask, now: &[HeardNote]) -> PartStep {
        let id = part.id;
        if let Some((notes, how)) = self.decided(part, ask.place) {
            if how != How::Missed {
                let heard = Heard { history: &self.history, now };
                self.engine_steps += 1;
                if let Err(why) = self.band.follow(id, &part.engine, ask, &heard) {
                    self.cover(part, &why);
                }
            }
            return PartStep { id, notes, how };
        }
        let mut notes = StepNotes::EMPTY;
        self.engine_steps += 1;
        let heard = Heard { history: &self.history, now };
        match self.band.play(id, &part.engine, ask, &heard, &mut notes) {
            Ok(()) => PartStep { id, notes, how: How::Engine },
            Err(why) => {
                self.cover(part, &why);
                self.stand_in(part, ask, now)
            }
        }
    }

    /// Notes that somebody decided before: a missed step, a frozen bar, a held loop.
    fn decided(&self, part: &PartSteering, place: Place) -> Option<(StepNotes, How)> {
        if self.missed.contains(&place.step) {
            return Some((self.a_bar_ago(part.id, place).unwrap_or_default(), How::Missed));
        }
        if let Some(steps) = self.frozen.get(&place.bar) {
            let kept = steps.get(place.step_in_bar as usize)?.iter().find(|k| k.0 == part.id);
            if let Some((_, notes)) = kept {
                return Some((*notes, How::Frozen));
            }
        }
        self.held(part, place, place.step).map(|notes| (notes, How::Held))
    }

    /// Notes of a held loop, as the plan before `before` (at most this step) has them.
    pub(super) fn held(&self, part: &PartSteering, place: Place, before: StepIndex) -> Option<StepNotes> {
        let hold = part.hold?;
        let length = hold.since.0.checked_sub(hold.from.0).filter(|l| *l > 0)?;
        let into = place.step.0.checked_sub(hold.since.0)?;
        // The source, or (when it is too old to be kept) the last repetition of it.
        let source = StepIndex(hold.from.0 + into % length);
        let rounds = (place.step.0 - before.0) / length + 1;
        let last = place.step.before(rounds * length)?;
        let record = self.plan.get(source).or_else(|| self.plan.get(last))?;
        record.notes_of(part.id).copied()
    }

    fn a_bar_ago(&self, id: u64, place: Place) -> Option<StepNotes> {
        let ago = place.step.before(u64::from(place.metre.bar_steps()))?;
        self.plan.get(ago)?.notes_of(id).copied()
    }

    /// Counts a failure and says it once.
    fn cover(&mut self, part: &PartSteering, why: &EngineError) {
        self.faults += 1;
        let text = format!("part '{}' plays on without its engine '{}': {why}", part.name, part.engine);
        self.say_once(Severity::Warning, "engine", text);
    }

    /// What plays when the engine does not: the bar before, varied; else the euclidean engine; else silence on purpose.
    fn stand_in(&mut self, part: &PartSteering, ask: &Ask, now: &[HeardNote]) -> PartStep {
        let id = part.id;
        if let Some(notes) = self.bar_before_varied(part, ask) {
            return PartStep { id, notes, how: How::Varied };
        }
        let mut notes = StepNotes::EMPTY;
        let heard = Heard { history: &self.history, now };
        let euclid: Arc<str> = Arc::from("euclid");
        let how = match self.band.play(id ^ STAND_IN, &euclid, ask, &heard, &mut notes) {
            Ok(()) => How::Euclid,
            Err(_) => How::Silent,
        };
        PartStep { id, notes, how }
    }

    /// The same place in the last bar that the engine itself played, varied: a note in eight off the beat is left out,
    /// velocities move. `None` when no kept bar has notes of its own.
    fn bar_before_varied(&self, part: &PartSteering, ask: &Ask) -> Option<StepNotes> {
        let place = ask.place;
        let length = u64::from(place.metre.bar_steps());
        let good = |step: StepIndex| {
            let found = self.plan.get(step)?.parts.iter().find(|p| p.id == part.id)?;
            matches!(found.how, How::Engine | How::Held | How::Frozen).then_some(found.notes)
        };
        let is_good = |first: StepIndex| {
            let steps = (0..length).map(|i| good(first.after(i)));
            steps.clone().all(|s| s.is_some()) && steps.flatten().any(|notes| !notes.is_empty())
        };
        let bars = (1..=u64::from(HISTORY_BARS)).map_while(|k| ask.place.bar_start().before(k * length));
        let source = good(bars.into_iter().find(|first| is_good(*first))?.after(u64::from(place.step_in_bar)))?;
        let draw =
            |note: &StepNote, i: u64| ask.chance.unit(Purpose::Vary, place.step.0, u64::from(note.pitch) * 2 + i);
        let mut varied = StepNotes::EMPTY;
        for note in source.iter().filter(|n| place.is_beat() || draw(n, 0) >= 0.125) {
            let louder = (draw(note, 1) * 17.0) as i32 - 8;
            let velocity = (i32::from(note.velocity) + louder).clamp(1, 127) as u8;
            varied.push(StepNote { velocity, ..*note });
        }
        Some(varied)
    }

    /// How the bar of this step came to be for a part, as far as the step is concerned.
    pub(super) fn anew(&self, place: &Place, id: u64) -> Anew {
        Anew { vetoes: self.vetoes_of(place, id), pick: self.taste.pick(place, id) }
    }

    /// How often the bar of this step was vetoed for a part, as far as the step is concerned.
    pub(super) fn vetoes_of(&self, place: &Place, id: u64) -> u64 {
        let marks = self.vetoes.get(&place.bar).map_or(&[][..], Vec::as_slice);
        let counts = |v: &&super::session::Veto| v.from <= place.step && v.part.is_none_or(|part| part == id);
        marks.iter().filter(counts).count() as u64
    }
}

/// All notes of a step as the others hear them, in role order.
pub(super) fn heard_of(steering: &Steering, parts: &[PartStep]) -> Vec<HeardNote> {
    let mut heard = Vec::with_capacity(16);
    for role in ROLES {
        for (part, step) in steering.parts.iter().zip(parts).filter(|(p, _)| p.role == role) {
            debug_assert_eq!(part.id, step.id);
            heard.extend(step.notes.iter().map(|note| HeardNote { role, note: *note }));
        }
    }
    heard
}
