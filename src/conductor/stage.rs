//! A session and the player's core under simulated time, without a thread: for files, replays, simulations and benches.

use super::session::Session;
use crate::message::{FromPlayer, Route, ToPlayer};
use crate::output::{Due, OutEvent};
use crate::player::{Address, Core, Sink};
use crate::steer::OutSpec;
use crate::time::{Bpm, Nanos, Place, StepIndex};
use std::sync::Arc;

/// A part as a file lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// Name of the part.
    pub part: Arc<str>,
    /// Where it goes.
    pub out: OutSpec,
}

/// One event of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreEvent {
    /// When.
    pub due: Due,
    /// Index into [`Score::voices`]; `None` for what concerns the whole set.
    pub voice: Option<usize>,
    /// The synth's slot.
    pub slot: u8,
    /// What.
    pub event: OutEvent,
}

/// Everything that the player sent, in order.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Parts on their outputs, in the order of their first appearance.
    pub voices: Vec<Voice>,
    /// Voice of every slot.
    slots: Vec<usize>,
    /// Events.
    pub events: Vec<ScoreEvent>,
    /// Steps handed over.
    pub steps: Vec<(Due, Place, Bpm)>,
    reports: Vec<FromPlayer>,
}

impl Score {
    /// Takes what the player reported.
    pub fn take_reports(&mut self) -> Vec<FromPlayer> {
        std::mem::take(&mut self.reports)
    }
}

impl Sink for Score {
    fn outputs(&self) -> u8 {
        1
    }
    fn resolve(&mut self, routes: &[Route]) -> Vec<Address> {
        let mut addresses = Vec::new();
        self.slots.clear();
        for (slot, route) in routes.iter().enumerate() {
            let voice = Voice { part: route.part.clone(), out: route.out.clone() };
            let at = self.voices.iter().position(|v| *v == voice).unwrap_or_else(|| {
                self.voices.push(voice);
                self.voices.len() - 1
            });
            self.slots.push(at);
            addresses.push(Address { out: 0, channel: slot as u8, slot: slot as u8 });
        }
        addresses
    }
    fn send(&mut self, to: Address, due: Due, event: OutEvent) {
        let voice = self.slots.get(usize::from(to.slot)).copied();
        self.events.push(ScoreEvent { due, voice, slot: to.slot, event });
    }
    fn step(&mut self, due: Due, place: Place, bpm: Bpm) {
        self.steps.push((due, place, bpm));
    }
    fn silence(&mut self, _due: Due, _hard: bool) {}
    fn report(&mut self, message: FromPlayer) {
        self.reports.push(message);
    }
}

/// Session, player and a simulated clock.
pub struct Stage<S: Sink> {
    /// The conductor's core.
    pub session: Session,
    /// The player's core.
    pub core: Core,
    /// What the player speaks to.
    pub sink: S,
    /// The simulated time.
    pub now: Nanos,
    /// Messages on their way to the player.
    pub inbox: Vec<ToPlayer>,
}

impl<S: Sink> Stage<S> {
    /// A stage on which nothing has happened.
    pub fn new(session: Session, sink: S) -> Stage<S> {
        Stage { session, core: Core::new(), sink, now: Nanos(0), inbox: Vec::new() }
    }

    /// Tells the player everything planned before `until`.
    pub fn feed(&mut self, until: StepIndex) {
        self.session.drain(until, &mut self.inbox);
        for message in self.inbox.drain(..) {
            self.core.tell(message, self.now, &mut self.sink);
        }
    }

    /// Starts the player.
    pub fn start(&mut self) {
        self.core.tell(ToPlayer::Start, self.now, &mut self.sink);
    }

    /// Lets time run to the player's next deadline.
    pub fn wake(&mut self) {
        if let Some(at) = self.core.wake_at() {
            self.now = self.now.max(at);
        }
        self.core.advance(self.now, &mut self.sink);
    }
}

impl Stage<Score> {
    /// The conductor hears what the player reported.
    pub fn hear(&mut self) {
        for FromPlayer::Handed { step, epoch } in self.sink.take_reports() {
            self.session.note_handed(step, epoch);
        }
    }
}
