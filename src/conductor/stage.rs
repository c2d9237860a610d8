//! A session and the player's core under simulated time, without a thread: for files, replays, simulations and benches.

use super::session::Session;
use crate::message::{FromPlayer, Route, ToPlayer};
use crate::output::{Due, OutEvent};
use crate::player::{Address, Core, Sink};
use crate::time::{Bpm, Nanos, Place, StepIndex};

/// Everything that the player sent, in order. Channels of events are slots; those of the set have
/// `ParamChange::SET`.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Events.
    pub events: Vec<(Due, OutEvent)>,
    /// Routes: number of events before it, slot, route.
    pub routes: Vec<(usize, u8, Route)>,
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
        for (slot, route) in (0u8..).zip(routes) {
            let known = self.routes.iter().rev().find(|r| r.1 == slot);
            if known.is_none_or(|r| r.2 != *route) {
                self.routes.push((self.events.len(), slot, route.clone()));
            }
            addresses.push(Address { out: 0, channel: slot, slot });
        }
        addresses
    }
    fn send(&mut self, _to: Address, due: Due, event: OutEvent) {
        self.events.push((due, event));
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
