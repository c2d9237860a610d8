//! One sounding note: a generator, a filter, an envelope. All storage is there from the start; nothing is allocated later.

use super::drum::{self, DrumState};
use super::envelope::{Adsr, Envelope};
use super::filter::{Svf, svf_g};
use super::math::{exp2, hz_of_pitch, sin_turns};
use super::sounds::{Kind, SOUNDS, Sound};
use super::synth::CONTROL_FRAMES;
use super::tonal::{AnalogState, Fill, FmState, OrganState, StringState};

/// What a voice is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Nothing; may be taken.
    Free,
    /// Sounds, key down or released.
    Playing,
    /// Has lost its place and fades within milliseconds.
    Fading,
}

/// What a new voice needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Strike {
    /// Slot it belongs to.
    pub slot: u8,
    /// Index into `SOUNDS`.
    pub sound: u16,
    /// MIDI note number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
    /// Number of the note since the start: age, and seed of its noise.
    pub serial: u32,
    /// The slot's tone knob, octaves.
    pub tone: f32,
    /// The slot's resonance knob.
    pub resonance: f32,
}

/// A sounding note.
#[derive(Debug)]
pub struct Voice {
    /// What it is doing.
    pub life: Life,
    /// Its slot.
    pub slot: u8,
    /// Its MIDI note number.
    pub pitch: u8,
    /// Key still down.
    pub is_held: bool,
    /// Number of the note since the start.
    pub serial: u32,
    sound: &'static Sound,
    sample_rate: f32,
    hz: f32,
    brightness: f32,
    gain: f32,
    place: (f32, f32),
    is_wide: bool,
    amp: Envelope,
    filter_env: Envelope,
    filters: [[Svf; 2]; 2],
    g: f32,
    g_step: f32,
    damping: f32,
    vibrato_turns: f32,
    vibrato_depth: f32,
    fade: f32,
    fade_step: f32,
    analog: AnalogState,
    fm: FmState,
    organ: OrganState,
    string: StringState,
    drum: DrumState,
}

const STRUCK: Adsr = Adsr { attack_s: 0.0005, decay_s: 60.0, sustain: 0.0, release_s: 0.2 };
const HELD: Adsr = Adsr { attack_s: 0.004, decay_s: 1.0, sustain: 1.0, release_s: 0.09 };
const DRUM: Adsr = Adsr { attack_s: 0.0003, decay_s: 60.0, sustain: 1.0, release_s: 0.2 };

impl Voice {
    /// A free voice with all its storage.
    pub fn new(sample_rate: f32) -> Voice {
        Voice {
            life: Life::Free,
            slot: 0,
            pitch: 0,
            is_held: false,
            serial: 0,
            sound: &SOUNDS[0],
            sample_rate,
            hz: 440.0,
            brightness: 1.0,
            gain: 0.0,
            place: (1.0, 1.0),
            is_wide: false,
            amp: Envelope::idle(),
            filter_env: Envelope::idle(),
            filters: [[Svf::default(); 2]; 2],
            g: 0.5,
            g_step: 0.0,
            damping: 1.4,
            vibrato_turns: 0.0,
            vibrato_depth: 0.0,
            fade: 1.0,
            fade_step: 0.0,
            analog: AnalogState::idle(),
            fm: FmState::default(),
            organ: OrganState::default(),
            string: StringState::new(sample_rate),
            drum: DrumState::idle(),
        }
    }

    /// Begins a note at the next frame that is rendered.
    pub fn start(&mut self, strike: &Strike) {
        let sound = &SOUNDS[usize::from(strike.sound).min(SOUNDS.len() - 1)];
        let velocity = f32::from(strike.velocity.clamp(1, 127)) / 127.0;
        self.life = Life::Playing;
        (self.slot, self.pitch, self.serial) = (strike.slot, strike.pitch, strike.serial);
        self.is_held = true;
        self.sound = sound;
        self.hz = hz_of_pitch(f32::from(strike.pitch)).min(0.42 * self.sample_rate);
        // About 26 dB between the softest and the hardest note, near the "curve 2" of hardware keyboards.
        self.gain = super::math::gain_of_db(sound.gain_db) * (0.05 + velocity * (0.35 + 0.6 * velocity));
        self.place = (std::f32::consts::FRAC_1_SQRT_2, std::f32::consts::FRAC_1_SQRT_2);
        (self.fade, self.fade_step) = (1.0, 0.0);
        (self.vibrato_turns, self.vibrato_depth) = (0.0, 0.0);
        self.filters = [[Svf::default(); 2]; 2];
        self.is_wide = false;
        self.brightness = 1.0;
        let (mut amp, mut filter) = (STRUCK, HELD);
        let (hz, rate, seed) = (self.hz, self.sample_rate, strike.serial);
        match sound.kind {
            Kind::Analog(a) => {
                (amp, filter) = (a.amp, a.filter);
                self.is_wide = a.oscs.iter().any(|o| o.level > 0.0 && o.pan != 0.0);
                self.brightness = exp2(a.velocity_octaves * (velocity - 0.75))
                    * exp2(a.track * (f32::from(strike.pitch) - 60.0) / 12.0);
                self.analog.start(a, seed);
                self.analog.tune(a, hz, rate);
            }
            Kind::Fm(f) => {
                amp = f.amp;
                self.fm.start(f, hz, velocity, rate);
            }
            Kind::Organ(bars) => {
                amp = HELD;
                self.organ.start(bars, hz, velocity, seed, rate);
            }
            Kind::String(s) => {
                amp.release_s = s.release_s;
                self.brightness = 0.5 + 0.7 * velocity;
                self.string.start(s, hz, velocity, seed, rate);
            }
            Kind::Kit(k) => {
                amp = DRUM;
                let pan = self.drum.start(k, strike.pitch, velocity, seed, rate);
                self.place = ((0.5 * (1.0 - pan)).sqrt(), (0.5 * (1.0 + pan)).sqrt());
            }
        }
        self.amp = Envelope::start(&amp, rate);
        self.filter_env = Envelope::start(&filter, rate);
        self.set_damping(strike.resonance);
        self.g = svf_g(self.cutoff_hz(strike.tone), rate);
        self.g_step = 0.0;
    }

    fn set_damping(&mut self, extra: f32) {
        let resonance = match self.sound.kind {
            Kind::Analog(a) => a.resonance,
            _ => 0.0,
        };
        self.damping = (1.42 * (1.0 - resonance) * (1.0 - 0.92 * extra)).max(0.06);
    }

    fn cutoff_hz(&self, tone: f32) -> f32 {
        let shift = exp2(tone) * self.brightness;
        match self.sound.kind {
            Kind::Analog(a) => a.cutoff_hz * shift * exp2(a.env_octaves * self.filter_env.level()),
            Kind::String(s) => s.body_hz * shift,
            Kind::Fm(_) | Kind::Organ(_) | Kind::Kit(_) => 20_000.0 * shift,
        }
    }

    /// Sets a new target for everything that moves slowly, and frees the voice when it is over; called at each control
    /// boundary. Nothing here may depend on where blocks end: that is why `render` decides nothing.
    pub fn control(&mut self, tone: f32, resonance: f32) {
        let is_drum = matches!(self.sound.kind, Kind::Kit(_));
        if self.amp.is_done() || self.fade == 0.0 || (is_drum && self.drum.is_done()) {
            (self.life, self.is_held) = (Life::Free, false);
            return;
        }
        self.fm.control();
        self.set_damping(resonance);
        let target = svf_g(self.cutoff_hz(tone), self.sample_rate);
        self.g_step = (target - self.g) / CONTROL_FRAMES as f32;
        if let Kind::Analog(a) = self.sound.kind
            && a.vibrato_cents > 0.0
        {
            // Players add vibrato after the attack: it comes in over about a second.
            let seconds = CONTROL_FRAMES as f32 / self.sample_rate;
            self.vibrato_turns += 5.3 * seconds;
            self.vibrato_turns -= if self.vibrato_turns >= 1.0 { 1.0 } else { 0.0 };
            self.vibrato_depth += (a.vibrato_cents - self.vibrato_depth) * (2.2 * seconds);
            let cents = self.vibrato_depth * sin_turns(self.vibrato_turns);
            self.analog.tune(a, self.hz * exp2(cents / 1200.0), self.sample_rate);
        }
    }

    /// The key is up. Drums ring on.
    pub fn release(&mut self) {
        self.is_held = false;
        if !matches!(self.sound.kind, Kind::Kit(_)) {
            self.amp.release();
            self.filter_env.release();
        }
    }

    /// Takes the voice's place away: it fades to nothing within `seconds`.
    pub fn fade_out(&mut self, seconds: f32) {
        let step = 1.0 / (seconds * self.sample_rate).max(1.0);
        if self.life != Life::Free {
            self.life = Life::Fading;
            self.is_held = false;
            self.fade_step = self.fade_step.max(step);
        }
    }

    /// How much would be missed if this voice ended now: larger is more.
    pub fn worth(&self) -> f32 {
        let level = match self.sound.kind {
            Kind::Kit(_) => self.drum.level() * 0.5,
            _ if self.amp.is_rising() => 1.0,
            _ => self.amp.level(),
        };
        level * self.gain * self.fade * if self.is_held { 1.0 } else { 0.25 }
    }

    /// True for a drum whose stroke other hats silence.
    pub fn is_hat(&self) -> bool {
        matches!(self.sound.kind, Kind::Kit(_)) && drum::is_hat(self.pitch)
    }

    /// Adds the next frames to the slot's bus: at most [`CONTROL_FRAMES`], left and right equally long.
    pub fn render(&mut self, left: &mut [f32], right: &mut [f32]) {
        let (mut l, mut r) = ([0.0f32; CONTROL_FRAMES], [0.0f32; CONTROL_FRAMES]);
        let n = left.len().min(CONTROL_FRAMES);
        let mut out = Fill { left: &mut l[..n], right: &mut r[..n] };
        let mut is_steep = false;
        match self.sound.kind {
            Kind::Analog(a) => {
                is_steep = a.is_steep;
                self.analog.fill(a, self.is_wide, &mut out);
            }
            Kind::Fm(_) => self.fm.fill(&mut out),
            Kind::Organ(_) => self.organ.fill(&mut out),
            Kind::String(_) => self.string.fill(&mut out),
            Kind::Kit(_) => self.drum.fill(out.left),
        }
        if self.is_wide {
            self.filter(&mut r[..n], 1, is_steep);
        }
        self.g = self.filter(&mut l[..n], 0, is_steep);
        if !self.is_wide {
            r = l;
        }
        for i in 0..n {
            // The filter's envelope is read at control boundaries but runs with the samples.
            self.filter_env.next();
            let gain = self.amp.next() * self.gain * self.fade;
            left[i] += l[i] * gain * self.place.0;
            right[i] += r[i] * gain * self.place.1;
            self.fade = (self.fade - self.fade_step).max(0.0);
        }
    }

    /// Filters one channel and returns where the coefficient has got to.
    fn filter(&mut self, block: &mut [f32], channel: usize, is_steep: bool) -> f32 {
        let mut g = self.g;
        let [first, second] = &mut self.filters[channel];
        if is_steep {
            for x in block {
                let once = first.tick(*x, g, 1.2).low;
                *x = second.tick(once, g, self.damping).low;
                g += self.g_step;
            }
        } else {
            for x in block {
                *x = first.tick(*x, g, self.damping).low;
                g += self.g_step;
            }
        }
        g
    }
}
