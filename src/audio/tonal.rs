//! Generators of pitched sounds: band-limited oscillators, phase modulation, drawbars, plucked string. One state per voice.

use super::math::{Noise, decay_factor, exp2, hz_of_pitch, sin_turns, soft_clip};
use super::sounds::{Analog, Fm, Pluck, Wave};

/// What a generator fills: at most [`super::synth::CONTROL_FRAMES`] frames, left and right.
#[derive(Debug)]
pub struct Fill<'a> {
    /// Left samples.
    pub left: &'a mut [f32],
    /// Right samples; untouched by generators that make one channel.
    pub right: &'a mut [f32],
}

/// State of an analog generator.
#[derive(Clone, Copy, Debug)]
pub struct AnalogState {
    phase: [f32; 4],
    step: [f32; 4],
    gain: [(f32, f32); 4],
    noise: Noise,
}

/// Correction of a step at the wrap of `phase` (polynomial band-limited step, V. Välimäki, A. Huovilainen 2007).
#[inline]
fn blep(phase: f32, step: f32) -> f32 {
    if phase < step {
        let t = phase / step;
        t + t - t * t - 1.0
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        t * t + t + t + 1.0
    } else {
        0.0
    }
}

#[inline]
fn wave(shape: Wave, phase: f32, step: f32) -> f32 {
    match shape {
        Wave::Saw => 2.0 * phase - 1.0 - blep(phase, step),
        Wave::Pulse(width) => {
            let mut fall = phase + 1.0 - width;
            fall -= if fall >= 1.0 { 1.0 } else { 0.0 };
            let naive = if phase < width { 1.0 } else { -1.0 };
            // The mean of a pulse is not zero; without it the filter envelope would move the zero line.
            naive + blep(phase, step) - blep(fall, step) - (2.0 * width - 1.0)
        }
        // Harmonics fall with the square, so the naive corner aliases 40 dB below the tone.
        Wave::Triangle => 1.0 - 4.0 * ((phase + 0.75) % 1.0 - 0.5).abs(),
        Wave::Sine => sin_turns(phase),
    }
}

impl AnalogState {
    /// Oscillators at rest.
    pub fn idle() -> AnalogState {
        AnalogState { phase: [0.0; 4], step: [0.0; 4], gain: [(0.0, 0.0); 4], noise: Noise::new(1) }
    }

    /// Sets phases for a new note. The first oscillator begins at its zero, the others where `seed` says.
    pub fn start(&mut self, sound: &Analog, seed: u32) {
        self.noise = Noise::new(seed);
        for (i, osc) in sound.oscs.iter().enumerate() {
            let free = osc.wave == Wave::Saw || matches!(osc.wave, Wave::Pulse(_));
            let start = if osc.wave == Wave::Saw { 0.5 } else { 0.0 };
            self.phase[i] = if i > 0 && free { 0.5 + 0.5 * self.noise.next() } else { start };
            self.phase[i] = self.phase[i].clamp(0.0, 0.999);
            let (l, r) = ((1.0 - osc.pan).min(1.0), (1.0 + osc.pan).min(1.0));
            self.gain[i] = (osc.level * l, osc.level * r);
        }
    }

    /// Sets the frequencies: `hz` of the note, vibrato included.
    pub fn tune(&mut self, sound: &Analog, hz: f32, sample_rate: f32) {
        for (i, osc) in sound.oscs.iter().enumerate() {
            self.step[i] = (hz * exp2(osc.semitones * (1.0 / 12.0)) / sample_rate).min(0.45);
        }
    }

    /// Fills the block; both channels when `is_wide`.
    pub fn fill(&mut self, sound: &Analog, is_wide: bool, out: &mut Fill) {
        out.left.fill(0.0);
        out.right.fill(0.0);
        for (i, osc) in sound.oscs.iter().enumerate() {
            if osc.level == 0.0 {
                continue;
            }
            let (mut phase, step, (gl, gr)) = (self.phase[i], self.step[i], self.gain[i]);
            for (l, r) in out.left.iter_mut().zip(out.right.iter_mut()) {
                let x = wave(osc.wave, phase, step);
                *l += gl * x;
                *r += gr * x;
                phase += step;
                phase -= if phase >= 1.0 { 1.0 } else { 0.0 };
            }
            self.phase[i] = phase;
        }
        if sound.noise > 0.0 {
            for (l, r) in out.left.iter_mut().zip(out.right.iter_mut()) {
                *l += sound.noise * self.noise.next();
                *r += sound.noise * self.noise.next();
            }
        }
        if sound.drive > 0.0 {
            let pre = 1.0 + sound.drive;
            out.left.iter_mut().for_each(|l| *l = soft_clip(*l * pre) * 0.8);
            if is_wide {
                out.right.iter_mut().for_each(|r| *r = soft_clip(*r * pre) * 0.8);
            }
        }
    }
}

/// State of a phase modulation generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct FmState {
    carrier: [f32; 3],
    modulator: [f32; 3],
    carrier_step: [f32; 3],
    modulator_step: [f32; 3],
    index: [f32; 3],
    index_floor: [f32; 3],
    index_decay: [f32; 3],
    level: [f32; 3],
    level_decay: [f32; 3],
}

impl FmState {
    /// Sets everything for a new note. `velocity` 0..=1.
    pub fn start(&mut self, sound: &Fm, hz: f32, velocity: f32, sample_rate: f32) {
        *self = FmState::default();
        let bright = 1.0 - sound.velocity + sound.velocity * velocity * 1.3;
        let shorter = exp2(-sound.decay_track * log2_of_ratio(hz));
        for (i, p) in sound.pairs.iter().enumerate() {
            let (c, m) = (hz * p.carrier, hz * p.modulator);
            self.carrier_step[i] = (c / sample_rate).min(0.45);
            self.modulator_step[i] = (m / sample_rate).min(0.45);
            // Sidebands above the Nyquist frequency would fold back: fade the index and, at last, the pair.
            let room = (0.45 * sample_rate - c) / m.max(1.0);
            self.index[i] = p.index * bright * room.clamp(0.0, 2.0) * 0.5;
            self.index_floor[i] = self.index[i] * 0.1;
            self.level[i] = if c < 0.42 * sample_rate { p.level } else { 0.0 };
            self.index_decay[i] = decay_factor(p.index_decay_s * shorter, sample_rate);
            self.level_decay[i] = decay_factor(p.decay_s * shorter, sample_rate);
        }
    }

    /// Silences pairs that have died away; called at control boundaries.
    pub fn control(&mut self) {
        self.level.iter_mut().for_each(|level| *level = if *level < 1e-5 { 0.0 } else { *level });
    }

    /// Fills the left channel.
    pub fn fill(&mut self, out: &mut Fill) {
        out.left.fill(0.0);
        for i in 0..3 {
            if self.level[i] == 0.0 {
                continue;
            }
            for l in out.left.iter_mut() {
                let bend = (self.index[i] + self.index_floor[i]) * sin_turns(self.modulator[i]);
                *l += self.level[i] * sin_turns(self.carrier[i] + bend);
                self.index[i] *= self.index_decay[i];
                self.level[i] *= self.level_decay[i];
                self.carrier[i] = wrap(self.carrier[i] + self.carrier_step[i]);
                self.modulator[i] = wrap(self.modulator[i] + self.modulator_step[i]);
            }
        }
    }
}

#[inline]
fn wrap(phase: f32) -> f32 {
    if phase >= 1.0 { phase - 1.0 } else { phase }
}

/// Octaves above middle C, clamped to -4..=4, by the float's own exponent and a chord between octaves: exact enough for decays.
fn log2_of_ratio(hz: f32) -> f32 {
    let ratio = (hz / 261.626).clamp(0.0625, 16.0);
    let exponent = ((ratio.to_bits() >> 23) as i32 - 127) as f32;
    exponent + (ratio / exp2(exponent) - 1.0)
}

/// State of a drawbar generator: one phase at half the note's frequency carries all nine tones.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrganState {
    phase: f32,
    step: f32,
    level: [f32; 9],
    click: f32,
    click_decay: f32,
    noise: Option<Noise>,
}

/// Drawbars 16', 5 1/3', 8', 4', 2 2/3', 2', 1 3/5', 1 1/3', 1' as multiples of half the note's frequency.
const DRAWBARS: [f32; 9] = [1.0, 3.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0];

impl OrganState {
    /// Sets everything for a new note.
    pub fn start(&mut self, bars: &[f32; 9], hz: f32, velocity: f32, seed: u32, sample_rate: f32) {
        self.phase = 0.0;
        self.step = 0.5 * hz / sample_rate;
        for (i, bar) in bars.iter().enumerate() {
            let high = if i > 3 { 0.4 + 0.8 * velocity } else { 1.0 };
            self.level[i] = if self.step * DRAWBARS[i] < 0.42 { bar * high } else { 0.0 };
        }
        self.click = 0.3 * velocity;
        self.click_decay = decay_factor(0.02, sample_rate);
        self.noise = Some(Noise::new(seed));
    }

    /// Fills the left channel.
    pub fn fill(&mut self, out: &mut Fill) {
        for l in out.left.iter_mut() {
            let mut x = 0.0;
            for (level, times) in self.level.iter().zip(DRAWBARS) {
                x += level * sin_turns(self.phase * times);
            }
            if let (Some(noise), true) = (&mut self.noise, self.click > 1e-4) {
                x += self.click * noise.next();
                self.click *= self.click_decay;
            }
            *l = x;
            self.phase = wrap(self.phase + self.step);
        }
    }
}

/// State of a plucked string: a delay line as long as one period.
#[derive(Clone, Debug)]
pub struct StringState {
    line: Vec<f32>,
    at: usize,
    length: usize,
    allpass: f32,
    last_in: f32,
    last_out: f32,
    last_low: f32,
    damping: f32,
    loss: f32,
}

impl StringState {
    /// A string long enough for the lowest MIDI note.
    pub fn new(sample_rate: f32) -> StringState {
        let longest = (sample_rate / hz_of_pitch(0.0)) as usize + 8;
        StringState {
            line: vec![0.0; longest],
            at: 0,
            length: 4,
            allpass: 0.0,
            last_in: 0.0,
            last_out: 0.0,
            last_low: 0.0,
            damping: 0.2,
            loss: 0.99,
        }
    }

    /// Plucks it: fills one period with shaped noise.
    pub fn start(&mut self, sound: &Pluck, hz: f32, velocity: f32, seed: u32, sample_rate: f32) {
        let period = sample_rate / hz;
        // Short strings would be muffled at once by the same loss a sample, so the loss filter opens with pitch.
        self.damping = (sound.damping * (period / 180.0).clamp(0.25, 1.0)).min(0.5);
        let octaves = log2_of_ratio(hz);
        let decay_s = sound.decay_s * exp2(-0.35 * octaves);
        self.loss = exp2(-9.965_784 * period / (decay_s * sample_rate));
        // Period = line + loss filter + allpass (Jaffe, Smith 1983); the allpass takes 0.3..1.3 samples.
        let rest = (period - self.filter_delay(period)).max(3.0);
        let whole = ((rest - 0.3) as usize).clamp(2, self.line.len());
        let fraction = rest - whole as f32;
        self.length = whole;
        self.allpass = (1.0 - fraction) / (1.0 + fraction);
        (self.at, self.last_in, self.last_out, self.last_low) = (0, 0.0, 0.0, 0.0);
        self.excite(sound.position, velocity, seed);
    }

    /// Phase delay in samples of the loss filter at the note's frequency.
    fn filter_delay(&self, period: f32) -> f32 {
        let s = self.damping;
        let w = std::f32::consts::TAU / period;
        let (sine, cosine) = (sin_turns(1.0 / period), sin_turns(1.0 / period + 0.25));
        // atan by two terms: the argument is small for every string.
        let t = s * sine / ((1.0 - s) + s * cosine);
        (t - t * t * t * (1.0 / 3.0)) / w
    }

    fn excite(&mut self, position: f32, velocity: f32, seed: u32) {
        let mut noise = Noise::new(seed);
        let n = self.length;
        // A pulse gives every note the same colour, some noise its life. Hard notes have a hard plectrum: less smoothing.
        let open = 0.25 + 0.6 * velocity;
        let (mut low, mut lower, mut sum) = (0.0f32, 0.0f32, 0.0f32);
        for (i, x) in self.line[..n].iter_mut().enumerate() {
            let pulse = if i == 0 { 0.5 * n as f32 } else { 0.0 };
            low += (pulse + 0.9 * noise.next() - low) * open;
            lower += (low - lower) * open;
            *x = lower;
            sum += lower;
        }
        let mean = sum / n as f32;
        // Plucking at a point removes the partials that have a node there: a comb over the period.
        let lag = ((n as f32 * position) as usize).clamp(1, n - 1);
        let mut energy = 0.0;
        for i in (0..n).rev() {
            let behind = if i >= lag { self.line[i - lag] } else { mean };
            self.line[i] = (self.line[i] - mean) - 0.8 * (behind - mean);
            energy += self.line[i] * self.line[i];
        }
        // Equal energy whatever the seed and length, so that repeated notes are equally loud.
        let scale = 0.3 / (energy / n as f32).sqrt().max(1e-3);
        self.line[..n].iter_mut().for_each(|x| *x *= scale);
    }

    /// Fills the left channel.
    pub fn fill(&mut self, out: &mut Fill) {
        for l in out.left.iter_mut() {
            let x = self.line[self.at];
            let low = ((1.0 - self.damping) * x + self.damping * self.last_low) * self.loss;
            self.last_low = x;
            let y = self.allpass * (low - self.last_out) + self.last_in;
            (self.last_in, self.last_out) = (low, y);
            self.line[self.at] = y;
            self.at = if self.at + 1 >= self.length { 0 } else { self.at + 1 };
            *l = x;
        }
    }
}
