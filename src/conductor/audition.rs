//! An audition: the candidates of one bar, played ahead on copies of the engines and heard by the ear, a step at a time.
//!
//! Every candidate is the whole band playing the whole bar, so what won is what will be played. All of it goes by what is in
//! force on the bar line: edits, closures and missed steps later in the bar change its steps, not the choice. The
//! choice is therefore a function of the state before the bar line and of the events due there, as a step is.

use super::ask::{ask, band_asks, moment};
use super::ear::Ears;
use super::plan::{EngineSlot, Running, StepRecord};
use super::session::Session;
use crate::engine::{Heard, HeardNote, History};
use crate::music::{ROLES, StepNotes};
use crate::steer::{Anew, Control};
use crate::time::{Place, StepIndex};

/// What a part wants of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wish {
    /// Address of the part.
    pub id: u64,
    /// How many candidates, at least 2.
    pub candidates: u32,
    /// True when the one that sounds least real is wanted.
    pub is_worst: bool,
}

/// The wishes at a bar line, in the order in which the band plays; a held part has none, since nothing is chosen for it.
pub(super) fn wishes(record: &StepRecord) -> Vec<Wish> {
    let steering = &record.entered.steering;
    let moment = moment(steering, record.place);
    let mut found = Vec::new();
    for role in ROLES {
        for part in steering.parts.iter().filter(|p| p.role == role && p.hold.is_none()) {
            let taste = part.value(Control::Taste, &moment).unwrap_or(1.0).round();
            if taste.abs() >= 2.0 {
                found.push(Wish { id: part.id, candidates: taste.abs() as u32, is_worst: taste < 0.0 });
            }
        }
    }
    found
}

/// Which candidate of each part is played: address of the part, number from 0. Parts that are not listed play the first.
pub(super) type Picks = Vec<(u64, u32)>;

/// The candidate that a part plays.
pub(super) fn pick_of(picks: &Picks, id: u64) -> u32 {
    picks.iter().find(|p| p.0 == id).map_or(0, |p| p.1)
}

/// Work in progress on one bar.
pub(super) struct Audition {
    /// The bar line.
    pub line: Place,
    wishes: Vec<Wish>,
    /// In force on the bar line.
    run: Running,
    /// Vetoes of each part on the bar line.
    vetoes: Vec<(u64, u64)>,
    /// Engines on the bar line.
    engines: Vec<EngineSlot>,
    /// What is heard; steps from the bar line on are those of the candidate that plays.
    history: History,
    /// The wish that is being met, and its candidate that plays.
    wish: usize,
    candidate: u32,
    /// What was chosen so far, and the scores of all wishes under it.
    best: (Picks, Vec<Option<f32>>),
    take: Take,
}

/// One run through the bar.
struct Take {
    picks: Picks,
    engines: Vec<EngineSlot>,
    /// Notes by step, then by part.
    steps: Vec<Vec<StepNotes>>,
}

impl Audition {
    /// Nothing has been played yet. `vetoes` counts those of a part.
    pub(super) fn new(record: &StepRecord, history: &History, vetoes: impl Fn(u64) -> u64) -> Audition {
        let steering = &record.entered.steering;
        let engines = record.back.as_ref().map_or(&record.engines, |mark| &mark.engines).clone();
        Audition {
            line: record.place,
            wishes: wishes(record),
            run: record.entered.clone(),
            vetoes: steering.parts.iter().map(|p| (p.id, vetoes(p.id))).collect(),
            take: Take { picks: Vec::new(), engines: engines.clone(), steps: Vec::new() },
            engines,
            history: history.clone(),
            wish: 0,
            candidate: 0,
            best: Default::default(),
        }
    }

    /// Parts whose role the ear knows nothing of.
    pub(super) fn unheard(&self) -> impl Iterator<Item = u64> {
        self.wishes.iter().zip(&self.best.1).filter(|w| w.1.is_none()).map(|w| w.0.id)
    }

    fn is_whole(&self) -> bool {
        self.take.steps.len() >= self.line.metre.bar_steps() as usize
    }

    /// The bar has been played once: it is heard, compared, and the next candidate gets ready. Gives the picks when
    /// nothing is left to be played.
    fn judge(&mut self, ears: &mut Ears) -> Option<Picks> {
        let heard: Vec<_> = self.wishes.iter().map(|wish| self.score(wish.id, ears)).collect();
        let is_first = self.best.1.is_empty();
        let wish = &self.wishes[self.wish];
        // Only what is better wins: of equals the first stays.
        let is_better = match (heard[self.wish], self.best.1.get(self.wish).copied().flatten()) {
            (Some(new), Some(old)) => {
                if wish.is_worst {
                    new < old
                } else {
                    new > old
                }
            }
            _ => false,
        };
        if is_first || is_better {
            self.best = (self.take.picks.clone(), heard);
        }
        self.candidate += 1;
        // Where the ear knows nothing of the role there is nothing to compare.
        while self.candidate >= self.wishes[self.wish].candidates || self.best.1[self.wish].is_none() {
            (self.wish, self.candidate) = (self.wish + 1, 1);
            if self.wish >= self.wishes.len() {
                return Some(std::mem::take(&mut self.best.0));
            }
        }
        let id = self.wishes[self.wish].id;
        let mut picks = self.best.0.clone();
        picks.retain(|p| p.0 != id);
        picks.push((id, self.candidate));
        self.take = Take { picks, engines: self.engines.clone(), steps: Vec::new() };
        self.history.truncate(self.line.step);
        None
    }

    fn score(&self, id: u64, ears: &mut Ears) -> Option<f32> {
        let steering = &self.run.steering;
        let at = steering.parts.iter().position(|p| p.id == id)?;
        let ask_at = |place: Place| {
            let moment = moment(steering, place);
            Some(ask(steering, &steering.parts[at], &moment, &band_asks(steering, &moment), Default::default()))
        };
        let notes = |step: StepIndex| {
            let into = step.0.checked_sub(self.line.step.0)? as usize;
            self.take.steps.get(into)?.get(at).copied()
        };
        ears.score(&self.run.bars, self.line, ask_at, notes, &self.history)
    }
}

impl Session {
    /// Plays one step of the audition. Gives the picks when it has come to its end.
    pub(super) fn audition_step(&mut self, audition: &mut Audition) -> Option<Picks> {
        let own = self.band.save();
        self.band.restore(&audition.take.engines);
        self.audition_play(audition);
        let after = self.band.save();
        self.band.recycle(std::mem::replace(&mut audition.take.engines, after));
        self.band.restore(&own);
        self.band.recycle(own);
        if audition.is_whole() { audition.judge(&mut self.taste.ears) } else { None }
    }

    fn audition_play(&mut self, a: &mut Audition) {
        let steering = a.run.steering.clone();
        if a.take.steps.is_empty() {
            a.history.truncate(a.line.step);
            self.keep_seats(&steering);
        }
        let place = a.run.bars.place(a.history.next());
        let moment = moment(&steering, place);
        let band = band_asks(&steering, &moment);
        let mut parts = vec![StepNotes::EMPTY; steering.parts.len()];
        let mut now: Vec<HeardNote> = Vec::with_capacity(16);
        for role in ROLES {
            for (at, part) in steering.parts.iter().enumerate().filter(|(_, p)| p.role == role) {
                let vetoes = a.vetoes.iter().find(|v| v.0 == part.id).map_or(0, |v| v.1);
                let anew = Anew { vetoes, pick: pick_of(&a.take.picks, part.id) };
                let chance = steering.chance(part, anew);
                let ask = ask(&steering, part, &moment, &band, chance);
                let heard = Heard { history: &a.history, now: &now };
                self.engine_steps += 1;
                // An engine that fails is silent here: what covers it up on stage is no candidate.
                match self.held(part, place, a.line.step) {
                    Some(notes) => {
                        parts[at] = notes;
                        let _ = self.band.follow(part.id, &part.engine, &ask, &heard);
                    }
                    None => _ = self.band.play(part.id, &part.engine, &ask, &heard, &mut parts[at]),
                }
                now.extend(parts[at].iter().map(|note| HeardNote { role, note: *note }));
            }
        }
        a.history.push(&now);
        a.take.steps.push(parts);
    }
}
