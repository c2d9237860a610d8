//! A slot: one part's sound with its knobs, smoothed so that turning them does not click.

use super::event::SlotParam;
use super::sounds::SOUNDS;
use super::synth::CONTROL_FRAMES;

/// A value that glides to its target: a new slope at each control boundary, a straight line between.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ramp {
    now: f32,
    step: f32,
    target: f32,
}

impl Ramp {
    /// Standing still at `value`.
    pub fn at(value: f32) -> Ramp {
        Ramp { now: value, step: 0.0, target: value }
    }
    /// Where it shall go.
    pub fn aim(&mut self, target: f32) {
        self.target = target;
    }
    /// Goes there at once.
    pub fn snap(&mut self) {
        *self = Ramp::at(self.target);
    }
    /// New slope; `share` of the distance is covered by the next boundary.
    pub fn control(&mut self, share: f32) {
        let rest = self.target - self.now;
        if rest.abs() < 1e-5 {
            self.snap();
        } else {
            self.step = rest * share / CONTROL_FRAMES as f32;
        }
    }
    /// Value of the next frame.
    #[inline]
    pub fn next(&mut self) -> f32 {
        self.now += self.step;
        self.now
    }
    /// Value now.
    pub fn get(&self) -> f32 {
        self.now
    }
}

/// One part's sound and knobs.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Index into `SOUNDS`.
    pub sound: u16,
    /// Something sounds here since the last control boundary.
    pub is_active: bool,
    /// Loudest sample since the meter was read.
    pub peak: f32,
    /// Left, right, reverb, delay, chorus, in this order.
    pub gains: [Ramp; 5],
    /// Octaves.
    pub tone: Ramp,
    /// 0..=1.
    pub resonance: Ramp,
    level_db: f32,
    pan: f32,
    /// Sends that the performer has set; else the sound's own.
    sends: [Option<f32>; 3],
    /// Bus of the running block.
    pub left: [f32; CONTROL_FRAMES],
    /// Bus of the running block.
    pub right: [f32; CONTROL_FRAMES],
}

impl Slot {
    /// A slot with the first sound and all knobs at their defaults.
    pub fn new() -> Slot {
        let mut slot = Slot {
            sound: 0,
            is_active: false,
            peak: 0.0,
            gains: [Ramp::at(0.0); 5],
            tone: Ramp::at(SlotParam::Tone.row().default),
            resonance: Ramp::at(SlotParam::Resonance.row().default),
            level_db: SlotParam::LevelDb.row().default,
            pan: SlotParam::Pan.row().default,
            sends: [None; 3],
            left: [0.0; CONTROL_FRAMES],
            right: [0.0; CONTROL_FRAMES],
        };
        slot.aim();
        slot.snap();
        slot
    }

    /// Chooses the sound of the notes to come.
    pub fn set_sound(&mut self, sound: u16) {
        if usize::from(sound) < SOUNDS.len() {
            self.sound = sound;
            self.aim();
        }
    }

    /// Turns a knob.
    pub fn set(&mut self, param: SlotParam, value: f32) {
        let value = param.row().clamp(value);
        match param {
            SlotParam::LevelDb => self.level_db = value,
            SlotParam::Pan => self.pan = value,
            SlotParam::ReverbSend => self.sends[0] = Some(value),
            SlotParam::DelaySend => self.sends[1] = Some(value),
            SlotParam::ChorusSend => self.sends[2] = Some(value),
            SlotParam::Tone => self.tone.aim(value),
            SlotParam::Resonance => self.resonance.aim(value),
        }
        self.aim();
    }

    fn aim(&mut self) {
        let sound = &SOUNDS[usize::from(self.sound)];
        let silent = self.level_db <= SlotParam::LevelDb.row().min;
        let level = if silent { 0.0 } else { super::math::gain_of_db(self.level_db) };
        // Balance, not constant power: the voices place themselves, the middle must stay as loud as it is.
        self.gains[0].aim(level * (1.0 - self.pan).min(1.0));
        self.gains[1].aim(level * (1.0 + self.pan).min(1.0));
        let own = [sound.reverb, SlotParam::DelaySend.row().default, sound.chorus];
        for (i, own) in own.into_iter().enumerate() {
            self.gains[2 + i].aim(self.sends[i].unwrap_or(own));
        }
    }

    /// All knobs reach their targets at once: right for a slot where nothing sounds.
    pub fn snap(&mut self) {
        self.gains.iter_mut().for_each(Ramp::snap);
        self.tone.snap();
        self.resonance.snap();
    }

    /// New slopes.
    pub fn control(&mut self, share: f32) {
        self.gains.iter_mut().for_each(|g| g.control(share));
        self.tone.control(share);
        self.resonance.control(share);
        self.tone.now += self.tone.step * CONTROL_FRAMES as f32;
        self.resonance.now += self.resonance.step * CONTROL_FRAMES as f32;
    }
}

impl Default for Slot {
    fn default() -> Slot {
        Slot::new()
    }
}
