//! What the pure core speaks to: outputs by number, and the conductor.

use super::{Due, OutEvent, Output, Recording, Tape, device_of};
use crate::message::{FromPlayer, Route};
use crate::time::{Bpm, Place};

/// Where a note goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Number of the output; a number is never given to another output later.
    pub out: u8,
    /// MIDI channel 0..=15, or the synth's slot.
    pub channel: u8,
    /// The part.
    pub slot: u8,
}

/// The receiving end of the player's core.
pub trait Sink {
    /// How many outputs have a number; broadcasts go to `0..outputs()`.
    fn outputs(&self) -> u8;

    /// Gives every route its output; the answer is as long as `routes`. Outputs once numbered keep their number.
    fn resolve(&mut self, routes: &[Route]) -> Vec<Address>;

    /// Queues an event. Times of one output never decrease.
    fn send(&mut self, to: Address, due: Due, event: OutEvent);

    /// A step was handed over that stands here, at this tempo.
    fn step(&mut self, _due: Due, _place: Place, _bpm: Bpm) {}

    /// Drops everything queued for later than `due` in all outputs, and ends all that sounds; with `hard` tails and echoes too.
    fn silence(&mut self, due: Due, hard: bool);

    /// Tells the conductor.
    fn report(&mut self, _message: FromPlayer) {}
}

/// A sink that records: one tape for every device that the routes name. For simulated runs and tests.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    devices: Vec<(String, Recording)>,
    /// What the conductor was told.
    pub reports: Vec<FromPlayer>,
    /// Steps handed over, with their tempo.
    pub steps: Vec<(Due, Place, Bpm)>,
}

impl Recorder {
    /// What device `name` ("synth", "midi", "midi:Port", "jack", "none") heard; an empty tape if there is none.
    pub fn tape(&self, name: &str) -> Tape {
        self.devices.iter().find(|d| d.0 == name).map(|d| d.1.tape()).unwrap_or_default()
    }

    /// All tapes with the names of their devices.
    pub fn tapes(&self) -> Vec<(String, Tape)> {
        self.devices.iter().map(|d| (d.0.clone(), d.1.tape())).collect()
    }
}

impl Sink for Recorder {
    fn outputs(&self) -> u8 {
        self.devices.len() as u8
    }

    fn resolve(&mut self, routes: &[Route]) -> Vec<Address> {
        let address = |(slot, route): (usize, &Route)| {
            let slot = slot as u8;
            let (name, channel) = device_of(&route.out, slot);
            let out = self.devices.iter().position(|d| d.0 == name).unwrap_or_else(|| {
                self.devices.push((name.clone(), Recording::new(name)));
                self.devices.len() - 1
            });
            Address { out: out as u8, channel, slot }
        };
        routes.iter().enumerate().map(address).collect()
    }

    fn send(&mut self, to: Address, due: Due, event: OutEvent) {
        if let Some(device) = self.devices.get_mut(usize::from(to.out)) {
            device.1.send(due, event);
        }
    }

    fn step(&mut self, due: Due, place: Place, bpm: Bpm) {
        self.steps.push((due, place, bpm));
    }

    fn silence(&mut self, due: Due, hard: bool) {
        self.devices.iter_mut().for_each(|d| d.1.silence(due, hard));
    }

    fn report(&mut self, message: FromPlayer) {
        self.reports.push(message);
    }
}
