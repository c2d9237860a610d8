//! From events to what the synth understands: the same words on stage and in a rendered file.

use super::OutEvent;
use crate::audio::{GlobalParam, SlotParam, SynthEvent, sound_named};
use crate::message::{ParamChange, Route};
use crate::steer::{Control, OutSpec};
use crate::time::Bpm;

/// The translator and what it has to remember: sounds of the slots, tempo and echo.
#[derive(Clone, Debug)]
pub struct SynthWords {
    sounds: [Option<u16>; crate::limits::PARTS_MAX],
    bpm: Option<Bpm>,
    /// Echo time in steps, which takes its seconds from the tempo.
    delay_steps: f32,
}

impl Default for SynthWords {
    fn default() -> SynthWords {
        let delay_steps = Control::DelayTime.info().default.unwrap_or(3.0);
        SynthWords { sounds: [None; crate::limits::PARTS_MAX], bpm: None, delay_steps }
    }
}

impl SynthWords {
    /// A slot gets its sound, when that changes.
    ///
    /// # Errors
    /// A sentence when there is no such sound; the slot keeps the one it had.
    pub fn route(&mut self, slot: u8, route: &Route) -> Result<Option<SynthEvent>, String> {
        let OutSpec::Synth { sound } = &route.out else { return Ok(None) };
        let Some(place) = self.sounds.get_mut(usize::from(slot)) else { return Ok(None) };
        let Some(sound) = sound_named(sound) else {
            return Err(format!(
                "the synth has no sound '{sound}' for {}; it keeps the one it had (help lists the sounds)",
                route.part
            ));
        };
        Ok((place.replace(sound) != Some(sound)).then_some(SynthEvent::Sound { slot, sound }))
    }

    /// The tempo, on which the echo depends.
    pub fn tempo(&mut self, bpm: Bpm) -> Option<SynthEvent> {
        if self.bpm.replace(bpm) == Some(bpm) { None } else { self.delay() }
    }

    /// An event; `None` for what the synth has no use for.
    pub fn event(&mut self, event: OutEvent) -> Option<SynthEvent> {
        match event {
            OutEvent::NoteOn { channel: slot, pitch, velocity } => Some(SynthEvent::NoteOn { slot, pitch, velocity }),
            OutEvent::NoteOff { channel: slot, pitch } => Some(SynthEvent::NoteOff { slot, pitch }),
            OutEvent::Param { channel, change } => self.param(channel, change),
            OutEvent::Clock | OutEvent::Start | OutEvent::Continue | OutEvent::Stop => None,
        }
    }

    fn delay(&self) -> Option<SynthEvent> {
        let value = self.delay_steps * (15.0 / self.bpm?.get()) as f32;
        Some(SynthEvent::Global { param: GlobalParam::DelayTime, value })
    }

    fn param(&mut self, slot: u8, change: ParamChange) -> Option<SynthEvent> {
        let value = change.control.info().clamp(change.value);
        let knob = |param, value| Some(SynthEvent::Param { slot, param, value });
        let global = |param, value| Some(SynthEvent::Global { param, value });
        match change.control {
            Control::LevelDb => knob(SlotParam::LevelDb, value),
            Control::Pan => knob(SlotParam::Pan, value),
            Control::Reverb => knob(SlotParam::ReverbSend, value),
            Control::Delay => knob(SlotParam::DelaySend, value),
            // Half way is the sound as it was made; the ends are four octaves away.
            Control::Cutoff => knob(SlotParam::Tone, 8.0 * (value - 0.5)),
            Control::MasterDb => global(GlobalParam::MasterDb, value),
            // From a small room (0.3 s) to a cathedral (6 s), finer at the small end.
            Control::ReverbSize => global(GlobalParam::ReverbTime, 0.3 + 5.7 * value * value),
            Control::DelayFeedback => global(GlobalParam::DelayFeedback, value),
            Control::DelayTime => {
                self.delay_steps = value;
                self.delay()
            }
            _ => None,
        }
    }
}
