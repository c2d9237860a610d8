//! The synth inside as an output: events become frames of its stream, parts its slots.

use super::{Due, OutEvent, Output};
use crate::audio::{AudioOut, GlobalParam, Meters, SlotParam, SynthEvent, sound_named};
use crate::message::{ParamChange, Route};
use crate::steer::{Control, OutSpec};
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
    sounds: [Option<u16>; crate::limits::PARTS_MAX],
    bpm: Option<Bpm>,
    /// Echo time in steps, which takes its seconds from the tempo.
    delay_steps: f32,
    notice: Option<String>,
    lost: u64,
}

/// Time between two pictures of the meters.
const STATUS_MS: u64 = 33;

impl SynthOut {
    /// Takes over a synth that runs on the clock of [`super::clock::base`].
    pub fn new(audio: AudioOut) -> SynthOut {
        let delay_steps = Control::DelayTime.info().default.unwrap_or(3.0);
        let sounds = [None; crate::limits::PARTS_MAX];
        let status = Arc::default();
        SynthOut { audio, status, next_status: Nanos(0), sounds, bpm: None, delay_steps, notice: None, lost: 0 }
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

    fn set_delay(&mut self, at: Nanos) {
        let Some(bpm) = self.bpm else { return };
        let value = self.delay_steps * (15.0 / bpm.get()) as f32;
        self.say(at, SynthEvent::Global { param: GlobalParam::DelayTime, value });
    }

    fn set_param(&mut self, at: Nanos, slot: u8, change: ParamChange) {
        let value = change.control.info().clamp(change.value);
        let slot_knob = |param, value| Some(SynthEvent::Param { slot, param, value });
        let global = |param, value| Some(SynthEvent::Global { param, value });
        let event = match change.control {
            Control::LevelDb => slot_knob(SlotParam::LevelDb, value),
            Control::Pan => slot_knob(SlotParam::Pan, value),
            Control::Reverb => slot_knob(SlotParam::ReverbSend, value),
            Control::Delay => slot_knob(SlotParam::DelaySend, value),
            // Half way is the sound as it was made; the ends are four octaves away.
            Control::Cutoff => slot_knob(SlotParam::Tone, 8.0 * (value - 0.5)),
            Control::MasterDb => global(GlobalParam::MasterDb, value),
            // From a small room (0.3 s) to a cathedral (6 s), finer at the small end.
            Control::ReverbSize => global(GlobalParam::ReverbTime, 0.3 + 5.7 * value * value),
            Control::DelayFeedback => global(GlobalParam::DelayFeedback, value),
            Control::DelayTime => {
                self.delay_steps = value;
                return self.set_delay(at);
            }
            _ => None,
        };
        if let Some(event) = event {
            self.say(at, event);
        }
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
        let OutSpec::Synth { sound } = &route.out else { return };
        let Some(place) = self.sounds.get_mut(usize::from(slot)) else { return };
        match sound_named(sound) {
            Some(sound) if *place != Some(sound) => {
                *place = Some(sound);
                self.say(super::clock::now(), SynthEvent::Sound { slot, sound });
            }
            Some(_) => {}
            None => {
                self.notice = Some(format!(
                    "the synth has no sound '{sound}' for {}; it keeps the one it had (help lists the sounds)",
                    route.part
                ));
            }
        }
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        match event {
            OutEvent::NoteOn { channel: slot, pitch, velocity } => {
                self.say(due.at, SynthEvent::NoteOn { slot, pitch, velocity })
            }
            OutEvent::NoteOff { channel: slot, pitch } => self.say(due.at, SynthEvent::NoteOff { slot, pitch }),
            OutEvent::Param { channel, change } => self.set_param(due.at, channel, change),
            OutEvent::Clock | OutEvent::Start | OutEvent::Continue | OutEvent::Stop => {}
        }
    }

    fn step(&mut self, due: Due, _place: Place, bpm: Bpm) {
        if self.bpm.replace(bpm) != Some(bpm) {
            self.set_delay(due.at);
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
