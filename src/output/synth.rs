//! The synth inside as an output: events become frames of its stream, parts its slots.

use super::synth_words::SynthWords;
use super::{Due, OutEvent, Output};
use crate::audio::{AudioOut, Meters, SynthEvent};
use crate::message::Route;
use crate::time::{Bpm, Nanos, Place};
use std::sync::{Arc, Mutex, PoisonError};

/// The synth's meters as the screen may read them.
#[derive(Clone, Debug, Default)]
pub struct SynthStatus {
    /// Loads, peaks, xruns.
    pub meters: Meters,
    /// The device, in some words; `none` without one.
    pub device: String,
    /// True while a device plays.
    pub is_heard: bool,
}

/// A running synth.
pub struct SynthOut {
    audio: AudioOut,
    status: Arc<Mutex<SynthStatus>>,
    next_status: Nanos,
    words: SynthWords,
    notice: Option<String>,
    lost: u64,
}

/// Time between two pictures of the meters.
const STATUS_MS: u64 = 33;

impl SynthOut {
    /// Takes over a synth that runs on the clock of [`super::clock::base`].
    pub fn new(audio: AudioOut) -> SynthOut {
        let (words, status) = Default::default();
        SynthOut { audio, status, next_status: Nanos(0), words, notice: None, lost: 0 }
    }

    /// A synth whose device (host, or part of a device's name; `none` for no sound) opens while the music starts.
    pub fn open(prefer: Option<String>) -> SynthOut {
        SynthOut::new(AudioOut::begin(prefer.as_deref(), super::clock::base()))
    }

    /// Where the meters can be read; written about thirty times a second.
    pub fn status(&self) -> Arc<Mutex<SynthStatus>> {
        self.status.clone()
    }

    fn say(&mut self, at: Nanos, event: SynthEvent) {
        self.lost += u64::from(self.audio.send(at, event).is_err());
    }
}

impl Output for SynthOut {
    fn name(&self) -> String {
        "synth".into()
    }

    fn is_ready(&self) -> bool {
        !self.audio.is_opening()
    }

    fn route(&mut self, slot: u8, route: &Route) {
        match self.words.route(slot, route) {
            Ok(event) => event.into_iter().for_each(|e| self.say(super::clock::now(), e)),
            Err(text) => self.notice = Some(text),
        }
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        if let Some(event) = self.words.event(event) {
            self.say(due.at, event);
        }
    }

    fn step(&mut self, due: Due, _place: Place, bpm: Bpm) {
        if let Some(event) = self.words.tempo(bpm) {
            self.say(due.at, event);
        }
    }

    fn silence(&mut self, due: Due, hard: bool) {
        self.say(due.at, if hard { SynthEvent::Panic } else { SynthEvent::Silence });
    }

    fn tend(&mut self, now: Nanos) {
        if let Some(line) = self.audio.poll(now) {
            self.notice = Some(line);
        }
        if now >= self.next_status {
            self.next_status = now.after_ms(STATUS_MS);
            // The screen only copies it out; if it holds the lock right now, the next picture will do.
            let mut status = match self.status.try_lock() {
                Ok(status) => status,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
                Err(std::sync::TryLockError::WouldBlock) => return,
            };
            status.meters = self.audio.meters();
            status.is_heard = self.audio.is_heard();
            if status.device != self.audio.name() {
                status.device = self.audio.name();
            }
        }
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}
