//! Envelopes: a four-stage one with exponential curves for tones, and a plain decay for drums.

use super::math::decay_factor;

/// Shape of an envelope as a sound's table row gives it.
#[derive(Clone, Copy, Debug)]
pub struct Adsr {
    /// Time to rise from 0 to 1, seconds.
    pub attack_s: f32,
    /// Time to fall by 60 dB towards the sustain level, seconds.
    pub decay_s: f32,
    /// Level held while the key is down, 0..=1.
    pub sustain: f32,
    /// Time to fall by 60 dB after the key is up, seconds.
    pub release_s: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Attack,
    Hold,
    Release,
    Done,
}

/// A running envelope: one `next` a sample.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    stage: Stage,
    level: f32,
    attack_step: f32,
    decay: f32,
    sustain: f32,
    release: f32,
}

/// Below this (-80 dB) a released envelope is over.
const FLOOR: f32 = 1e-4;

impl Envelope {
    /// An envelope that is over.
    pub fn idle() -> Envelope {
        Envelope { stage: Stage::Done, level: 0.0, attack_step: 1.0, decay: 0.0, sustain: 0.0, release: 0.0 }
    }

    /// A freshly struck envelope.
    pub fn start(shape: &Adsr, sample_rate: f32) -> Envelope {
        Envelope {
            stage: Stage::Attack,
            level: 0.0,
            attack_step: 1.0 / (shape.attack_s * sample_rate).max(1.0),
            decay: decay_factor(shape.decay_s, sample_rate),
            sustain: shape.sustain,
            release: decay_factor(shape.release_s, sample_rate),
        }
    }

    /// The key is up.
    pub fn release(&mut self) {
        if self.stage != Stage::Done {
            self.stage = Stage::Release;
        }
    }

    /// True once nothing more will come.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Current level, 0..=1.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// True while the level still rises.
    pub fn is_rising(&self) -> bool {
        self.stage == Stage::Attack
    }

    /// Level of the next sample.
    #[inline]
    pub fn next(&mut self) -> f32 {
        match self.stage {
            Stage::Attack => {
                self.level += self.attack_step;
                if self.level >= 1.0 {
                    self.level = 1.0;
                    self.stage = Stage::Hold;
                }
            }
            Stage::Hold => {
                self.level = self.sustain + (self.level - self.sustain) * self.decay;
                if self.level < FLOOR {
                    self.end();
                }
            }
            Stage::Release => {
                self.level *= self.release;
                if self.level < FLOOR {
                    self.end();
                }
            }
            Stage::Done => {}
        }
        self.level
    }

    fn end(&mut self) {
        self.level = 0.0;
        self.stage = Stage::Done;
    }
}
