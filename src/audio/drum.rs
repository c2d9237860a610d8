//! The drum kit: every drum is a few falling sines, two filtered noises and a click; the rows below are all there is to it.

use super::filter::{Svf, svf_g};
use super::math::{Noise, decay_factor, exp2, sin_turns, soft_clip};
use super::sounds::KitStyle;
use crate::music::kit;

/// A sine whose pitch falls to `hz`.
#[derive(Clone, Copy, Debug)]
struct Tone {
    hz: f32,
    /// Octaves above `hz` at the stroke.
    sweep: f32,
    /// Time in which the sweep falls by 60 dB.
    sweep_s: f32,
    level: f32,
    decay_s: f32,
}

/// What a noise layer is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    White,
    /// Six square waves with no common measure, as in the analog drum machines.
    Metal,
}

/// A noise through a filter.
#[derive(Clone, Copy, Debug)]
struct Layer {
    source: Source,
    /// High pass, else band pass.
    is_high: bool,
    hz: f32,
    damping: f32,
    level: f32,
    decay_s: f32,
    /// Strokes 10 ms apart before the last one (a clap is several hands).
    flams: u8,
}

/// One drum.
#[derive(Clone, Copy, Debug)]
struct Drum {
    tones: [Tone; 2],
    layers: [Layer; 2],
    /// Saturation of the sum.
    drive: f32,
    /// Height of the one-millisecond click at the stroke.
    click: f32,
    pan: f32,
    gain: f32,
}

const fn tone(hz: f32, sweep: f32, sweep_s: f32, level: f32, decay_s: f32) -> Tone {
    Tone { hz, sweep, sweep_s, level, decay_s }
}
const NO_TONE: Tone = tone(100.0, 0.0, 0.1, 0.0, 0.1);
const fn high(source: Source, hz: f32, level: f32, decay_s: f32) -> Layer {
    Layer { source, is_high: true, hz, damping: 1.2, level, decay_s, flams: 0 }
}
const fn band(source: Source, hz: f32, damping: f32, level: f32, decay_s: f32) -> Layer {
    Layer { source, is_high: false, hz, damping, level, decay_s, flams: 0 }
}
const NO_LAYER: Layer = high(Source::White, 5000.0, 0.0, 0.1);
const fn drum(tones: [Tone; 2], layers: [Layer; 2], drive: f32, click: f32, pan: f32, gain: f32) -> Drum {
    Drum { tones, layers, drive, click, pan, gain }
}
const fn flams(layer: Layer, flams: u8) -> Layer {
    Layer { flams, ..layer }
}

use Source::{Metal, White};

/// The rows of `music::kit`, in its order.
#[rustfmt::skip]
const DRUMS: [Drum; kit::ROW_COUNT] = [
    // kick: a slow fall under a fast one, which is the beater
    drum([tone(49.0, 1.9, 0.16, 1.0, 0.62), tone(98.0, 2.6, 0.05, 0.6, 0.11)], [band(White, 3200.0, 1.0, 0.5, 0.03), NO_LAYER], 1.5, 0.4, 0.0, 0.95),
    // snare: two modes of the skin, the wires bright and a little longer
    drum([tone(186.0, 0.7, 0.06, 0.75, 0.22), tone(332.0, 0.5, 0.05, 0.4, 0.15)], [high(White, 3600.0, 0.62, 0.3), band(White, 1500.0, 0.9, 0.5, 0.17)], 1.1, 0.3, 0.0, 0.88),
    // rim
    drum([tone(1720.0, 0.0, 0.1, 0.6, 0.05), tone(512.0, 0.1, 0.02, 0.7, 0.07)], [band(White, 3800.0, 0.5, 0.3, 0.02), NO_LAYER], 1.2, 0.4, -0.1, 0.75),
    // clap
    drum([NO_TONE, NO_TONE], [flams(band(White, 1150.0, 0.55, 2.2, 0.34), 3), flams(high(White, 4200.0, 0.3, 0.22), 3)], 0.8, 0.0, 0.08, 1.1),
    // hat, closed
    drum([NO_TONE, NO_TONE], [high(Metal, 7600.0, 0.75, 0.11), high(White, 9000.0, 0.5, 0.075)], 0.3, 0.0, 0.22, 0.7),
    // pedal
    drum([NO_TONE, NO_TONE], [high(Metal, 5200.0, 0.7, 0.13), band(White, 6000.0, 0.9, 0.5, 0.09)], 0.3, 0.0, 0.22, 0.66),
    // open
    drum([NO_TONE, NO_TONE], [high(Metal, 7000.0, 0.7, 0.95), high(White, 8500.0, 0.42, 0.7)], 0.3, 0.0, 0.22, 0.62),
    // toms
    drum([tone(84.0, 0.75, 0.28, 1.0, 0.7), tone(141.0, 0.5, 0.12, 0.3, 0.25)], [band(White, 900.0, 0.8, 0.25, 0.06), NO_LAYER], 1.0, 0.2, 0.4, 0.8),
    drum([tone(122.0, 0.75, 0.24, 1.0, 0.58), tone(205.0, 0.5, 0.1, 0.3, 0.2)], [band(White, 1200.0, 0.8, 0.25, 0.06), NO_LAYER], 1.0, 0.2, 0.05, 0.78),
    drum([tone(168.0, 0.75, 0.2, 1.0, 0.48), tone(284.0, 0.5, 0.1, 0.3, 0.18)], [band(White, 1500.0, 0.8, 0.25, 0.06), NO_LAYER], 1.0, 0.2, -0.3, 0.76),
    // crash: a wash with a harder start
    drum([NO_TONE, NO_TONE], [high(Metal, 4300.0, 0.5, 2.6), high(White, 5200.0, 0.6, 1.7)], 0.6, 0.1, -0.35, 0.62),
    // ride: ping of the stick over a thin wash
    drum([tone(3980.0, 0.0, 0.1, 0.16, 0.5), tone(5630.0, 0.0, 0.1, 0.1, 0.8)], [high(Metal, 6800.0, 0.42, 1.9), band(White, 7200.0, 0.6, 0.4, 0.05)], 0.2, 0.15, 0.35, 0.8),
    // perc: a cowbell; the aliases below replace it
    drum([tone(562.0, 0.0, 0.1, 0.55, 0.32), tone(845.0, 0.0, 0.1, 0.5, 0.32)], [band(Metal, 2600.0, 0.5, 0.2, 0.12), NO_LAYER], 1.8, 0.1, -0.2, 0.5),
];

/// Percussion that shares the row `perc`: shaken noise, a hand drum, a piece of wood.
#[rustfmt::skip]
const SHAKER: Drum = drum([NO_TONE, NO_TONE], [high(White, 6200.0, 0.75, 0.09), band(White, 8800.0, 0.5, 0.4, 0.05)], 0.2, 0.0, 0.3, 0.6);
#[rustfmt::skip]
const TAMBOURINE: Drum = drum([NO_TONE, NO_TONE], [flams(high(Metal, 8200.0, 0.8, 0.26), 1), high(White, 7600.0, 0.35, 0.14)], 0.2, 0.0, 0.3, 0.6);
#[rustfmt::skip]
const HAND_DRUM: Drum = drum([tone(260.0, 0.35, 0.06, 1.0, 0.3), tone(610.0, 0.2, 0.04, 0.3, 0.08)], [band(White, 2400.0, 0.8, 0.2, 0.03), NO_LAYER], 0.6, 0.2, -0.25, 0.75);
#[rustfmt::skip]
const WOOD: Drum = drum([tone(2480.0, 0.0, 0.1, 0.8, 0.09), tone(3720.0, 0.0, 0.1, 0.15, 0.04)], [NO_LAYER, NO_LAYER], 0.6, 0.3, 0.25, 0.7);

/// The drum of a pitch, and how many octaves higher than its row it is struck.
fn drum_of(pitch: u8) -> (&'static Drum, f32) {
    match pitch {
        54 => (&TAMBOURINE, 0.0),
        58 | 69 | 70 | 82 => (&SHAKER, 0.0),
        60 | 62 => (&HAND_DRUM, 0.35),
        61 | 63 => (&HAND_DRUM, 0.0),
        64 | 66 => (&HAND_DRUM, -0.4),
        65 | 68 => (&HAND_DRUM, 0.6),
        75 => (&WOOD, 0.0),
        76 => (&WOOD, -1.1),
        77 => (&WOOD, -1.5),
        _ => match kit::row_of(pitch) {
            // Second kicks and toms of the General MIDI map are the same drum, struck a little lower or higher.
            Some(row) => (&DRUMS[row], (f32::from(pitch) - f32::from(kit::ROWS[row].pitch)).clamp(-2.0, 2.0) * 0.06),
            None => (&HAND_DRUM, ((f32::from(pitch) - 60.0) / 24.0).clamp(-1.5, 1.5)),
        },
    }
}

/// Drums that silence each other: the hats of one pair of cymbals.
pub fn is_hat(pitch: u8) -> bool {
    matches!(kit::row_of(pitch), Some(4..=6))
}

/// State of one drum stroke.
#[derive(Clone, Copy, Debug)]
pub struct DrumState {
    drum: &'static Drum,
    drive: f32,
    phase: [f32; 2],
    step: [f32; 2],
    sweep: [f32; 2],
    sweep_decay: [f32; 2],
    tone: [f32; 2],
    tone_decay: [f32; 2],
    layer: [f32; 2],
    layer_peak: [f32; 2],
    layer_decay: [f32; 2],
    layer_g: [f32; 2],
    filter: [Svf; 2],
    flam_left: u8,
    flam_in: u32,
    flam_frames: u32,
    flam_decay: f32,
    click: f32,
    click_decay: f32,
    metal: [f32; 6],
    metal_step: [f32; 6],
    noise: Noise,
}

/// Frequencies of the six squares of the metal, Hz.
const METAL_HZ: [f32; 6] = [212.7, 307.1, 372.9, 529.3, 548.6, 811.9];

impl DrumState {
    /// No drum.
    pub fn idle() -> DrumState {
        DrumState {
            drum: &DRUMS[0],
            drive: 0.0,
            phase: [0.0; 2],
            step: [0.0; 2],
            sweep: [0.0; 2],
            sweep_decay: [0.0; 2],
            tone: [0.0; 2],
            tone_decay: [0.0; 2],
            layer: [0.0; 2],
            layer_peak: [0.0; 2],
            layer_decay: [0.0; 2],
            layer_g: [0.5; 2],
            filter: [Svf::default(); 2],
            flam_left: 0,
            flam_in: 0,
            flam_frames: 1,
            flam_decay: 0.0,
            click: 0.0,
            click_decay: 0.0,
            metal: [0.0; 6],
            metal_step: [0.0; 6],
            noise: Noise::new(1),
        }
    }

    /// Strikes the drum of `pitch`; `velocity` 0..=1. Returns its place, -1..=1.
    pub fn start(&mut self, style: &KitStyle, pitch: u8, velocity: f32, seed: u32, sample_rate: f32) -> f32 {
        let (drum, octaves) = drum_of(pitch);
        *self = DrumState { drum, noise: Noise::new(seed), ..DrumState::idle() };
        let is_kick = std::ptr::eq(drum, &DRUMS[0]);
        let tune = style.tune * exp2(octaves);
        let decay = style.decay * if is_kick { style.boom } else { 1.0 };
        self.drive = drum.drive * style.drive * (0.5 + 0.5 * velocity);
        // A soft stroke moves the skin less: it bends the pitch less and has fewer high tones.
        let hard = 0.55 + 0.45 * velocity;
        for (i, t) in drum.tones.iter().enumerate() {
            self.step[i] = t.hz * tune / sample_rate;
            self.sweep[i] = t.sweep * (0.6 + 0.4 * velocity);
            self.sweep_decay[i] = decay_factor(t.sweep_s, sample_rate);
            self.tone[i] = t.level;
            self.tone_decay[i] = decay_factor(t.decay_s * decay, sample_rate);
        }
        for (i, l) in drum.layers.iter().enumerate() {
            self.layer_peak[i] = l.level * hard;
            self.layer[i] = self.layer_peak[i];
            self.layer_decay[i] = decay_factor(l.decay_s * decay * (0.8 + 0.2 * velocity), sample_rate);
            self.layer_g[i] = svf_g(l.hz * (0.8 + 0.2 * velocity), sample_rate);
            self.flam_left = self.flam_left.max(l.flams);
        }
        self.flam_frames = (0.0105 * sample_rate) as u32;
        self.flam_in = self.flam_frames;
        self.flam_decay = decay_factor(0.016, sample_rate);
        self.click = drum.click * hard;
        self.click_decay = decay_factor(0.003, sample_rate);
        for (step, hz) in self.metal_step.iter_mut().zip(METAL_HZ) {
            *step = hz * tune / sample_rate;
        }
        for phase in &mut self.metal {
            *phase = 0.5 + 0.499 * self.noise.next();
        }
        drum.pan
    }

    /// True once the stroke has died away (-80 dB).
    pub fn is_done(&self) -> bool {
        self.flam_left == 0 && self.tone.iter().chain(&self.layer).all(|&level| level < 1e-4)
    }

    /// Loudest part's level, for choosing which voice to steal.
    pub fn level(&self) -> f32 {
        self.tone.iter().chain(&self.layer).fold(0.0, |a, &b| if b > a { b } else { a })
    }

    /// Fills the left channel.
    pub fn fill(&mut self, left: &mut [f32]) {
        let pre = 1.0 + self.drive;
        // Saturation makes loud: take part of it back so that drive changes the sound more than the level.
        let post = self.drum.gain / (1.0 + 0.45 * self.drive);
        let has_metal = self.drum.layers.iter().any(|l| l.source == Metal && l.level > 0.0);
        for out in left.iter_mut() {
            let mut x = 0.0;
            for i in 0..2 {
                x += self.tone[i] * sin_turns(self.phase[i]);
                let bend = if self.sweep[i] > 5e-4 { exp2(self.sweep[i]) } else { 1.0 };
                self.phase[i] += self.step[i] * bend;
                self.phase[i] -= if self.phase[i] >= 1.0 { 1.0 } else { 0.0 };
                self.tone[i] *= self.tone_decay[i];
                self.sweep[i] *= self.sweep_decay[i];
            }
            let white = self.noise.next();
            let metal = if has_metal { self.ring() } else { 0.0 };
            for i in 0..2 {
                if self.layer_peak[i] == 0.0 {
                    continue;
                }
                let l = &self.drum.layers[i];
                let raw = if l.source == Metal { metal } else { white };
                let bands = self.filter[i].tick(raw, self.layer_g[i], l.damping);
                x += self.layer[i] * if l.is_high { bands.high } else { bands.band * l.damping };
            }
            self.fall();
            x += self.click * white;
            self.click *= self.click_decay;
            *out = soft_clip(x * pre) * post;
        }
    }

    /// Sum of the six squares.
    #[inline]
    fn ring(&mut self) -> f32 {
        let mut sum = 0.0;
        for (phase, step) in self.metal.iter_mut().zip(&self.metal_step) {
            sum += if *phase < 0.5 { 0.3 } else { -0.3 };
            *phase += step;
            *phase -= if *phase >= 1.0 { 1.0 } else { 0.0 };
        }
        sum
    }

    /// Noise levels fall; while flams are left they are struck again.
    #[inline]
    fn fall(&mut self) {
        if self.flam_left > 0 {
            self.flam_in -= 1;
            if self.flam_in == 0 {
                self.flam_left -= 1;
                self.flam_in = self.flam_frames;
                self.layer = self.layer_peak;
            } else {
                self.layer.iter_mut().for_each(|l| *l *= self.flam_decay);
            }
        } else {
            for i in 0..2 {
                self.layer[i] *= self.layer_decay[i];
            }
        }
    }
}
