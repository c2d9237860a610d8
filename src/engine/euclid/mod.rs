//! The euclidean engine: a band without weights, for tests, for the first second, and for when a model fails.
//!
//! Rhythms spread their onsets as evenly as the grid lets them (Toussaint, "The Euclidean algorithm generates
//! traditional musical rhythms", 2005); bass on roots and fifths, locked to the kick; chords in the nearest voicing; lead
//! as a walk over the scale that meets the chord on strong places; kick, backbeat and hats from the metre. All pitches pass
//! the same masks as a model's. Its only state is the last chord; what was played before it reads from the history.

mod drums;
mod harmony;
mod pitched;
mod rhythm;

use super::{Ask, Engine, EngineError, EngineState, Heard, sampling};
use crate::music::{Chord, Purpose, Role, StepNote, StepNotes};
use crate::token::{Scene, classes};

/// Draws that have nothing to do with one step (a bar's rotation) are addressed from here on.
const BAR_ADDRESS: u64 = 1 << 40;

/// One part of the band without weights.
#[derive(Default)]
pub struct Euclid {
    last_chord: Option<Chord>,
}

/// A step as the players of the roles see it.
pub(super) struct Moment<'a> {
    pub ask: &'a Ask,
    pub heard: &'a Heard<'a>,
    pub scene: Scene,
    /// The asked chord, or one made from the key.
    pub chord: Chord,
    /// True when `chord` was not the chord of the step before.
    pub is_new_chord: bool,
}

impl Moment<'_> {
    /// A number in 0..1 for this step.
    pub fn unit(&self, index: u64) -> f32 {
        self.ask.chance.unit(Purpose::Pattern, self.ask.place.step.0, index)
    }
    /// A number in 0..1 that holds for a pair of bars, so that rhythms come back.
    pub fn pair_unit(&self, index: u64) -> f32 {
        self.ask.chance.unit(Purpose::Pattern, BAR_ADDRESS + self.ask.place.bar / 2, index)
    }
    /// How far from the plain pattern to go, 0..=1, from the rhythm's temperature.
    pub fn freedom(&self) -> f32 {
        (self.ask.temperature.rhythm * 0.5).clamp(0.0, 1.0)
    }
    /// Density asked, or this.
    pub fn density_or(&self, otherwise: f32) -> f32 {
        self.ask.density().unwrap_or(otherwise).clamp(0.0, 1.0)
    }
    /// The pitch of the asked register, or of this share of the range.
    pub fn centre(&self, otherwise: f32) -> f32 {
        let (low, high) = (f32::from(self.ask.range.0), f32::from(self.ask.range.1));
        low + self.ask.register().unwrap_or(otherwise).clamp(0.0, 1.0) * (high - low)
    }
    /// The allowed pitch nearest to `target` whose class is in `mask`; of two the lower. Sounding pitches are not allowed.
    pub fn nearest(&self, target: f32, mask: u16) -> Option<u8> {
        let sounding = self.scene.sounding_of(self.ask.role);
        (self.ask.range.0..=self.ask.range.1.min(127))
            .filter(|p| mask >> (p % 12) & 1 == 1 && sampling::is_allowed(self.ask, *p, sounding))
            .min_by(|a, b| (f32::from(*a) - target).abs().total_cmp(&(f32::from(*b) - target).abs()))
    }
    /// Highest pitch where this role last started any.
    pub fn last_pitch(&self) -> Option<u8> {
        let last = self.scene.last_onset[self.ask.role.index().checked_sub(1)?];
        (last != 0).then(|| classes::PITCH_LOW + (127 - last.leading_zeros()) as u8)
    }
    /// A note with accent and humanity: `base` velocity, more on strong places, scattered by the temperatures.
    pub fn note(&self, pitch: u8, base: f32, steps: u32, index: u64) -> StepNote {
        let scatter = |purpose| self.ask.chance.unit(purpose, self.ask.place.step.0, index) - 0.5;
        let strength = rhythm::strength(&self.ask.place);
        let velocity = base + 26.0 * strength + 12.0 * self.ask.temperature.velocity * scatter(Purpose::Velocity);
        let ticks = 8.0 * self.ask.temperature.offset * scatter(Purpose::Offset);
        let mut note = StepNote::new(pitch, velocity.clamp(1.0, 127.0) as u8, steps.min(192) as u16);
        note.offset_ticks = ticks.clamp(-60.0, 60.0) as i16;
        note
    }
}

impl Engine for Euclid {
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        let moment = self.moment(ask, heard);
        if ask.density().is_some_and(|d| d <= 0.0) {
            return Ok(());
        }
        match ask.role {
            Role::Drums => drums::play(&moment, out),
            Role::Bass => pitched::bass(&moment, out),
            Role::Chords => pitched::chords(&moment, out),
            Role::Lead => pitched::lead(&moment, out),
        }
        out.retain(|n| ask.range.0 <= n.pitch && n.pitch <= ask.range.1);
        let mut count = 0;
        out.retain(|_| {
            count += 1;
            count <= ask.polyphony.max(1)
        });
        Ok(())
    }

    fn follow(&mut self, ask: &Ask, heard: &Heard) -> Result<(), EngineError> {
        self.moment(ask, heard);
        Ok(())
    }

    fn save(&self, state: &mut EngineState) {
        state.0.clear();
        if let Some(chord) = self.last_chord {
            // Whole numbers below 4096: exact in f32.
            state.0.extend([f32::from(chord.root), f32::from(chord.mask), f32::from(chord.bass)]);
        }
    }

    fn restore(&mut self, state: &EngineState) {
        self.last_chord = match state.0[..] {
            [root, mask, bass] => {
                Some(Chord { root: root as u8 % 12, mask: mask as u16 & 0xFFF, bass: bass as u8 % 12 })
            }
            _ => None,
        };
    }

    fn reset(&mut self) {
        self.last_chord = None;
    }
}

impl Euclid {
    fn moment<'a>(&mut self, ask: &'a Ask, heard: &'a Heard<'a>) -> Moment<'a> {
        let chord = harmony::chord_of(ask);
        let is_new_chord = self.last_chord != Some(chord);
        self.last_chord = Some(chord);
        Moment { ask, heard, scene: Scene::of(heard.history, &ask.place), chord, is_new_chord }
    }
}

#[cfg(test)]
mod test;
