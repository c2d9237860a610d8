//! A bar of one role, and all that is known when it is made: the same view for training, playing and scoring.

use crate::engine::{Ask, History};
use crate::music::{Chord, Key, ROLES, Role, StepNote, StyleBlend, kit};
use crate::time::{Metre, Place, StepIndex};

/// Longest stretch that is made at once, in steps. Longer bars are made of several.
pub const SEGMENT_STEPS: usize = 16;

/// A bar, or a part of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first step.
    pub first: StepIndex,
    /// Its length, 1..=16.
    pub steps: u32,
    /// Which part of the bar it is, from 0.
    pub index: u32,
    /// Metre of the bar.
    pub metre: Metre,
}

impl Segment {
    /// The segment in which a step stands.
    pub fn of(place: &Place) -> Segment {
        let (bar, longest) = (place.metre.bar_steps(), SEGMENT_STEPS as u32);
        let index = place.step_in_bar / longest;
        let steps = (bar - index * longest).min(longest);
        Segment { first: place.bar_start().after(u64::from(index * longest)), steps, index, metre: place.metre }
    }

    /// Step of the segment, 0..16; `None` outside.
    pub fn step_of(&self, step: StepIndex) -> Option<u32> {
        let into = step.0.checked_sub(self.first.0)?;
        (into < u64::from(self.steps)).then_some(into as u32)
    }
}

/// The notes of one role in one segment, sorted by step and pitch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarNotes {
    /// Length of the segment in steps.
    pub steps: u32,
    /// Step of the segment, and the note that starts there.
    pub notes: Vec<(u8, StepNote)>,
}

impl BarNotes {
    /// An empty bar.
    pub fn silent(steps: u32) -> BarNotes {
        BarNotes { steps, notes: Vec::new() }
    }
    /// Bits of the steps in which something starts.
    pub fn onsets(&self) -> u16 {
        self.notes.iter().fold(0, |bits, (step, _)| bits | 1 << step)
    }
}

/// Everything but the noise that a bar depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct BarScene {
    /// What is played.
    pub role: Role,
    /// Which bar.
    pub segment: Segment,
    /// Chord at each step; `None` leaves it to the model.
    pub chords: [Option<Chord>; SEGMENT_STEPS],
    /// Key; `None` leaves it to the model.
    pub key: Option<Key>,
    /// Styles and weights.
    pub style: StyleBlend,
    /// Density wanted, 0..=1, as `token::density` measures it.
    pub density: Option<f32>,
    /// Register wanted, 0..=1, as `token::register` measures it.
    pub register: Option<f32>,
    /// The role's own notes in the segment before, by their distance from its first step.
    pub before: BarNotes,
    /// Notes of the role that sound on into the segment: pitch and steps left, at least 1.
    pub sounding: Vec<(u8, u16)>,
    /// For each role the steps of the segment before (bit 0 = its first) in which it started something.
    pub around: [u16; ROLES.len()],
    /// For each pitched role the pitch classes that it started in the segment before.
    pub around_classes: [u16; ROLES.len()],
}

impl BarScene {
    /// A scene in which nothing was heard and nothing is asked for.
    pub fn silent(role: Role, segment: Segment) -> BarScene {
        BarScene {
            role,
            segment,
            chords: [None; SEGMENT_STEPS],
            key: None,
            style: StyleBlend::default(),
            density: None,
            register: None,
            before: BarNotes::silent(SEGMENT_STEPS as u32),
            sounding: Vec::new(),
            around: [0; ROLES.len()],
            around_classes: [0; ROLES.len()],
        }
    }

    /// The segment of a request as it is asked for, after what the history holds of the steps before it.
    pub fn of(ask: &Ask, history: &History) -> BarScene {
        // Knobs may stand anywhere; what is no number leaves it to the model.
        let share = |wish: Option<f32>| wish.filter(|x| x.is_finite()).map(|x| x.clamp(0.0, 1.0));
        let mut scene = BarScene {
            chords: ask.bar_chords,
            key: ask.key,
            style: ask.style.clone(),
            density: share(ask.density()),
            register: share(ask.register()),
            ..BarScene::silent(ask.role, Segment::of(&ask.place))
        };
        scene.hear(|step| history.step(step).iter().map(|n| (n.role, n.note)));
        scene
    }

    /// Fills in what was heard: `notes` gives the notes of every role that start in a step (empty when it is not known).
    /// What lies before is read as the 16 steps up to the segment, whatever the metre was there.
    pub fn hear<'a, I: Iterator<Item = (Role, StepNote)> + 'a>(&mut self, notes: impl Fn(StepIndex) -> I) {
        let back = SEGMENT_STEPS as u64;
        self.before = BarNotes::silent(back as u32);
        (self.sounding, self.around, self.around_classes) = Default::default();
        for step in 0..back {
            let Some(at) = (self.segment.first.0 + step).checked_sub(back) else { continue };
            for (role, note) in notes(StepIndex(at)) {
                self.around[role.index()] |= 1 << step;
                if role.is_pitched() {
                    self.around_classes[role.index()] |= 1 << (note.pitch % 12);
                }
                if role != self.role || (role == Role::Drums && kit::row_of(note.pitch).is_none()) {
                    continue;
                }
                self.before.notes.push((step as u8, note));
                let left = (step + u64::from(note.duration_steps)).saturating_sub(back);
                if role.is_pitched() && left > 0 {
                    self.sounding.push((note.pitch, left as u16));
                }
            }
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::BarMap;

    #[test]
    fn long_bars_are_made_of_segments() {
        let check = |beats: u8, unit: u8, step: u64, expected: (u64, u32, u32)| {
            let place = BarMap::new(Metre::new(beats, unit).unwrap()).place(StepIndex(step));
            let got = Segment::of(&place);
            assert_eq!((got.first.0, got.steps, got.index), expected, "{beats}/{unit} {step}");
            assert_eq!(got.step_of(StepIndex(step)), Some((step - expected.0) as u32));
        };
        check(4, 4, 21, (16, 16, 0));
        check(3, 4, 13, (12, 12, 0));
        check(5, 4, 37, (36, 4, 1));
        check(12, 4, 47, (32, 16, 2));
    }

    #[test]
    fn what_is_heard_before_a_bar_is_seen_from_its_first_step() {
        let place = BarMap::default().place(StepIndex(32));
        let mut scene = BarScene::silent(Role::Bass, Segment::of(&place));
        let heard = |step: StepIndex| {
            let bass = (step.0 == 30).then(|| (Role::Bass, StepNote::new(40, 80, 6)));
            let kick = (step.0 == 16).then(|| (Role::Drums, StepNote::new(36, 80, 1)));
            bass.into_iter().chain(kick)
        };
        scene.hear(heard);
        assert_eq!(scene.before.notes, [(14, StepNote::new(40, 80, 6))]);
        assert_eq!(scene.sounding, [(40, 4)]);
        assert_eq!((scene.around[0], scene.around[1], scene.around_classes[1]), (1, 1 << 14, 1 << 4));
    }
}
