//! The engine of one part: at each step the rest of the bar is made anew with the present steering, and the step is taken
//! (receding horizon). A bar whose scene and latent vector have not changed is not made twice.

use super::decode::{Manner, Onset, Reading, choose_onsets, orphans, read_planes};
use super::live::Live;
use super::oracle::Oracle;
use super::planes::{Learnable, write_planes};
use super::scene::{BarNotes, BarScene, Segment};
use super::shape::Family;
use super::{BarMaker, Ear};
use crate::engine::{Ask, Engine, EngineError, EngineState, Heard};
use crate::music::{Chance, Latent, Purpose, Role, StepNote, StepNotes};

/// What turns a scene and a latent vector into planes.
pub trait Generator: Send {
    /// Planes of the bar, (slots, planes); `None` when the model does not play the role or its numbers went wrong.
    fn planes(&mut self, scene: &BarScene, latent: &Latent) -> Option<&[f32]>;
    /// Style names that the model knows.
    fn styles(&self) -> &[String];
    /// True when the model plays the role.
    fn plays(&self, role: Role) -> bool;
    /// How a role's planes are read.
    fn reading(&self, role: Role) -> Manner;
}

impl Generator for Live {
    fn planes(&mut self, scene: &BarScene, latent: &Latent) -> Option<&[f32]> {
        Live::planes(self, scene, latent)
    }
    fn styles(&self) -> &[String] {
        &self.packed().styles
    }
    fn plays(&self, role: Role) -> bool {
        self.packed().has(Family::of(role))
    }
    fn reading(&self, role: Role) -> Manner {
        self.packed().reading[role.index()]
    }
}

impl Generator for Oracle {
    fn planes(&mut self, scene: &BarScene, latent: &Latent) -> Option<&[f32]> {
        Oracle::planes(self, scene, latent)
    }
    fn styles(&self) -> &[String] {
        self.styles()
    }
    fn plays(&self, role: Role) -> bool {
        self.has(Family::of(role))
    }
    fn reading(&self, role: Role) -> Manner {
        Oracle::reading(self, role)
    }
}

/// A part played by a generator. It keeps no state from step to step: what goes on is in what is heard and in the latent
/// vector that is asked for.
pub struct GanPart<G> {
    generator: G,
    /// The bar that was made last: what it was made from, and its onsets.
    bar: Option<(BarScene, Latent, Reading)>,
    onsets: Vec<Onset>,
    said: Vec<String>,
    notice: Option<String>,
}

/// Temperatures above this are no places that a generator has learned from.
const HOTTEST: f32 = 2.0;

impl<G: Generator> GanPart<G> {
    /// A part over a generator.
    pub fn new(generator: G) -> GanPart<G> {
        GanPart { generator, bar: None, onsets: Vec::new(), said: Vec::new(), notice: None }
    }

    /// Makes the bar anew.
    fn make(&mut self, ask: &Ask, scene: BarScene, latent: Latent, reading: Reading) -> Result<(), EngineError> {
        self.onsets.clear();
        self.bar = None;
        if scene.density != Some(0.0) {
            if !self.generator.plays(ask.role) {
                let text = format!("the GAN's model has no {}; train one with: ricercar train gan", ask.role.name());
                return Err(EngineError::Model(text));
            }
            let planes = self.generator.planes(&scene, &latent).ok_or(EngineError::NotFinite { engine: "gan" })?;
            choose_onsets(&scene, planes, reading, &mut self.onsets);
        }
        self.say_unknown(&scene);
        self.bar = Some((scene, latent, reading));
        Ok(())
    }

    fn say_unknown(&mut self, scene: &BarScene) {
        for (name, _) in scene.style.0.iter() {
            let is_known = self.generator.styles().iter().any(|s| **s == **name);
            if !is_known && !self.said.iter().any(|s| **s == **name) {
                self.said.push(name.to_string());
                self.notice = Some(format!("the GAN's model does not know the style '{name}', so it is left out"));
            }
        }
    }
}

impl<G: Generator> Engine for GanPart<G> {
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        let scene = BarScene::of(ask, heard.history);
        let latent = heated(&ask.latent, ask.temperature.pitch);
        let mut manner = self.generator.reading(ask.role);
        let rhythm = if ask.temperature.rhythm.is_finite() { ask.temperature.rhythm.clamp(0.0, 4.0) } else { 1.0 };
        manner.heat *= rhythm;
        manner.sway *= rhythm;
        let reading =
            Reading { polyphony: ask.polyphony, manner, chance: ask.chance.fold(Segment::of(&ask.place).first.0) };
        if self.bar.as_ref().is_none_or(|(s, l, p)| *s != scene || *l != latent || *p != reading) {
            self.make(ask, scene, latent, reading)?;
        }
        let segment = Segment::of(&ask.place);
        let step = segment.step_of(ask.place.step).unwrap_or(0);
        fit(ask, self.onsets.iter().filter(|o| u32::from(o.step) == step), out);
        Ok(())
    }

    fn follow(&mut self, _ask: &Ask, _heard: &Heard) -> Result<(), EngineError> {
        Ok(())
    }
    fn save(&self, state: &mut EngineState) {
        state.0.clear();
    }
    fn restore(&mut self, _state: &EngineState) {}
    fn reset(&mut self) {
        self.bar = None;
    }
    fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}

/// The latent vector drawn towards the middle (below 1) or away from it: the truncation of Brock et al. ("Large scale GAN
/// training", 2019), which trades variety for what is most usual.
fn heated(latent: &Latent, temperature: f32) -> Latent {
    let by = if temperature.is_finite() { temperature.clamp(0.0, HOTTEST) } else { 1.0 };
    Latent { global: latent.global.map(|x| x * by), bar: latent.bar.map(|x| x * by) }
}

/// The onsets of a step, moved to where range, key and chord allow them.
fn fit<'a>(ask: &Ask, onsets: impl Iterator<Item = &'a Onset>, out: &mut StepNotes) {
    for Onset { note, .. } in onsets.take(usize::from(ask.polyphony.max(1))) {
        let pitch = if ask.role == Role::Drums { in_kit(ask, note.pitch) } else { fitting(ask, note.pitch) };
        let Some(pitch) = pitch.filter(|p| !out.iter().any(|n| n.pitch == *p)) else { continue };
        // The model's own feel at 1 and above, on the grid at 0.
        let feel = ask.temperature.offset.clamp(0.0, 1.0);
        let offset_ticks = (f32::from(note.offset_ticks) * feel) as i16;
        out.push(StepNote { pitch, offset_ticks, ..*note });
    }
    out.as_mut_slice().sort_by_key(|n| n.pitch);
}

fn in_kit(ask: &Ask, pitch: u8) -> Option<u8> {
    (ask.range.0..=ask.range.1).contains(&pitch).then_some(pitch)
}

/// The nearest pitch that range, key and chord allow; below before above.
fn fitting(ask: &Ask, pitch: u8) -> Option<u8> {
    let draw = |index: u64| ask.chance.unit(Purpose::Pitch, ask.place.step.0, u64::from(pitch) * 2 + index);
    let (by_chord, by_key) = (draw(0) < ask.in_chord, draw(1) < ask.in_key);
    let is_allowed = |p: u8| {
        let in_chord = ask.chord.is_some_and(|c| c.has(p));
        (!by_chord || ask.chord.is_none() || in_chord) && (!by_key || in_chord || ask.key.is_none_or(|k| k.has(p)))
    };
    let (low, high) = ask.range;
    if low > high {
        return None;
    }
    // Into the range by octaves first, so that the pitch class stays where it can.
    let mut near = i32::from(pitch);
    while near < i32::from(low) {
        near += 12;
    }
    while near > i32::from(high) {
        near -= 12;
    }
    let near = near.clamp(i32::from(low), i32::from(high));
    let tries = (0..=127).flat_map(|d| [near - d, near + d]);
    tries.filter(|p| (i32::from(low)..=i32::from(high)).contains(p)).map(|p| p as u8).find(|p| is_allowed(*p))
}

impl BarMaker for Live {
    fn make(&mut self, scene: &BarScene, latent: &Latent) -> BarNotes {
        let silent = BarNotes::silent(scene.segment.steps);
        if scene.density == Some(0.0) {
            return silent;
        }
        let manner = self.packed().reading[scene.role.index()];
        // The same chance for all latent vectors, so that what differs between two bars is the latent's doing.
        let chance = Chance::new(scene.segment.first.0).fold(scene.role as u64);
        let reading = Reading { polyphony: scene.role.polyphony(), manner, chance };
        let Some(planes) = Live::planes(self, scene, latent) else { return silent };
        let (bar, [onsets, orphans]) = (read_planes(scene, planes, reading), orphans(scene, planes));
        self.orphans = [self.orphans[0] + onsets, self.orphans[1] + orphans];
        bar
    }

    fn orphans(&self) -> Option<f64> {
        let [onsets, orphans] = self.orphans;
        (onsets > 0).then(|| orphans as f64 / onsets as f64)
    }
}

/// The critic of a model as an ear.
pub struct Critic {
    live: Live,
    planes: Vec<f32>,
}

impl Critic {
    /// An ear over a model.
    pub fn new(live: Live) -> Critic {
        Critic { live, planes: Vec::new() }
    }
}

impl Ear for Critic {
    fn score(&mut self, scene: &BarScene, notes: &BarNotes) -> Option<f32> {
        let family = Family::of(scene.role);
        if !self.live.packed().has(family) || notes.notes.is_empty() {
            return None;
        }
        self.planes.resize(family.slots() * family.planes(), 0.0);
        let learnable = Learnable { velocity: true, offset: family == Family::Drums };
        write_planes(scene, notes, learnable, &mut self.planes);
        self.live.score(scene, &self.planes)
    }
}
