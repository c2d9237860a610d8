//! Shape: from what a model wrote to what is played.
//!
//! Pure: notes of a step and the steering at that step give notes on the tick axis. What is heard by the other parts
//! is what the model wrote; shape is for the outputs alone, so a change of it never asks a model again.
//! Neutral steering (swing 0.5, accent 0, gate 1) keeps every note where and as it was written.

use super::ask::{moment, polyphony};
use super::slots::{SLOTS, Slots};
use crate::message::{ParamChange, PlannedNote};
use crate::music::{Chance, Purpose, Role, StepNote, StepNotes};
use crate::steer::{Control, Moment, PartSteering, Steering};
use crate::time::{Bpm, Place, TICKS_PER_STEP, Tick};

/// Controls of a part that outputs are told about.
const PART_PARAMS: [Control; 5] = [Control::LevelDb, Control::Pan, Control::Reverb, Control::Delay, Control::Cutoff];
/// Controls of the set that outputs are told about.
const SET_PARAMS: [Control; 4] = [Control::MasterDb, Control::ReverbSize, Control::DelayTime, Control::DelayFeedback];

/// What outputs were told last; numbers that are none were never told.
#[derive(Clone, Debug)]
pub struct ParamMemory {
    parts: [[f32; PART_PARAMS.len()]; SLOTS],
    /// Which part the slot belonged to then.
    owners: [u64; SLOTS],
    set: [f32; SET_PARAMS.len()],
}

impl Default for ParamMemory {
    fn default() -> Self {
        ParamMemory {
            parts: [[f32::NAN; PART_PARAMS.len()]; SLOTS],
            owners: [0; SLOTS],
            set: [f32::NAN; SET_PARAMS.len()],
        }
    }
}

/// Parameters that change at this step; `memory` is brought up to date.
pub fn params(steering: &Steering, place: Place, slots: &mut Slots, memory: &mut ParamMemory) -> Vec<ParamChange> {
    let moment = moment(steering, place);
    let mut changes = Vec::new();
    for (i, control) in SET_PARAMS.into_iter().enumerate() {
        let value = steering.value(control, &moment);
        if memory.set[i] != value {
            memory.set[i] = value;
            changes.push(ParamChange { slot: ParamChange::SET, control, value });
        }
    }
    for part in &steering.parts {
        let slot = slots.slot(part.id, &part.name, &part.out, place.step.0);
        let at = usize::from(slot);
        if memory.owners[at] != part.id {
            memory.owners[at] = part.id;
            memory.parts[at] = [f32::NAN; PART_PARAMS.len()];
        }
        for (i, control) in PART_PARAMS.into_iter().enumerate() {
            let Some(value) = part.value(control, &moment) else { continue };
            if memory.parts[at][i] != value {
                memory.parts[at][i] = value;
                changes.push(ParamChange { slot, control, value });
            }
        }
    }
    changes
}

/// Tempo at a step.
pub fn bpm(steering: &Steering, place: Place) -> Bpm {
    Bpm::new(f64::from(steering.value(Control::Tempo, &moment(steering, place))))
}

/// What shapes the notes of one part in one step.
pub struct Shape<'a> {
    /// The steering in force.
    pub steering: &'a Steering,
    /// The part.
    pub part: &'a PartSteering,
    /// When.
    pub moment: Moment,
    /// Slot of the part.
    pub slot: u8,
    /// Tempo at the step.
    pub bpm: Bpm,
}

/// True when a note of the part ends where the next begins.
pub fn is_mono(part: &PartSteering, moment: &Moment) -> bool {
    matches!(part.role, Role::Bass | Role::Lead) && polyphony(part, moment) == 1
}

impl Shape<'_> {
    /// Adds the played notes of a step to `out`. `next_onset` is where the part's next note begins, as far as known:
    /// a mono part ends there.
    pub fn notes(&self, written: &StepNotes, next_onset: Option<Tick>, out: &mut Vec<PlannedNote>) {
        if !self.steering.is_heard(self.part) {
            return;
        }
        let first = out.len();
        for note in self.thinned(written).iter().filter(|n| self.is_played(n)) {
            out.push(self.note(note));
        }
        if !is_mono(self.part, &self.moment) {
            return;
        }
        for note in &mut out[first..] {
            // A note so late that the next step's comes before it leaves that one alone.
            note.cuts = next_onset.is_none_or(|next| next > note.tick);
            let room = next_onset.map_or(u64::MAX, |next| next.0.saturating_sub(note.tick.0).max(1));
            note.duration_ticks = u64::from(note.duration_ticks).min(room) as u32;
        }
    }

    /// Where the first played note of a step begins, if one is played.
    pub fn onset(&self, written: &StepNotes) -> Option<Tick> {
        let heard = self.steering.is_heard(self.part);
        let notes = self.thinned(written);
        notes.iter().filter(|n| heard && self.is_played(n)).map(|n| self.note(n).tick).min()
    }

    /// At most as many notes as the part may play at once: the lowest of a bass, the highest of anything else pitched.
    fn thinned(&self, written: &StepNotes) -> StepNotes {
        let most = usize::from(polyphony(self.part, &self.moment));
        if written.len() <= most {
            return *written;
        }
        let skip = match self.part.role {
            Role::Chords | Role::Lead => written.len() - most,
            Role::Bass | Role::Drums => 0,
        };
        written.iter().skip(skip).take(most).copied().collect()
    }

    fn value(&self, control: Control) -> f32 {
        self.part.value(control, &self.moment).unwrap_or(0.0)
    }

    fn chance(&self) -> Chance {
        Chance::new(self.steering.seed).fold(self.part.id)
    }

    fn is_played(&self, note: &StepNote) -> bool {
        let p = self.value(Control::Probability);
        p >= 1.0 || self.chance().unit(Purpose::Humanize, self.moment.place.step.0, 1024 + u64::from(note.pitch)) < p
    }

    fn note(&self, note: &StepNote) -> PlannedNote {
        let place = self.moment.place;
        let start = self.swung(u64::from(place.step_in_bar)) - i64::from(place.step_in_bar) * STEP;
        let end = u64::from(place.step_in_bar) + u64::from(note.duration_steps);
        let end = self.swung(end) - i64::from(place.step_in_bar) * STEP;
        let written = (end - start).max(1) as f32;
        let gated = (written * self.value(Control::Gate) + 0.5) as u32;
        let loose = (i64::from(note.offset_ticks) + self.humanized(note.pitch)).clamp(-MOST_LOOSE, MOST_LOOSE);
        PlannedNote {
            tick: place.step.tick().offset(start + loose),
            duration_ticks: gated.max(1),
            slot: self.slot,
            pitch: self.transposed(note.pitch),
            velocity: self.struck(note.velocity),
            cuts: false,
        }
    }

    /// Ticks from the bar line to the place where a step of the bar is felt.
    fn swung(&self, step_in_bar: u64) -> i64 {
        let swing = self.steering.value(Control::Swing, &self.moment);
        let late = (swing * (2 * TICKS_PER_STEP) as f32 + 0.5) as i64 - STEP;
        step_in_bar as i64 * STEP + if step_in_bar % 2 == 1 { late } else { 0 }
    }

    /// Triangular chance within the asked milliseconds, in ticks.
    fn humanized(&self, pitch: u8) -> i64 {
        let ms = self.value(Control::Humanize);
        if ms <= 0.0 {
            return 0;
        }
        let draw = |i: u64| self.chance().unit(Purpose::Humanize, self.moment.place.step.0, u64::from(pitch) * 2 + i);
        let ticks = f64::from(ms) * 1e6 / self.bpm.nanos_per_tick();
        (f64::from(draw(0) + draw(1) - 1.0) * ticks) as i64
    }

    /// Moved by whole semitones; a pitch that would leave MIDI's range comes back by octaves.
    fn transposed(&self, pitch: u8) -> u8 {
        if !self.part.role.is_pitched() {
            return pitch;
        }
        let by = self.value(Control::Transpose);
        let mut moved = i32::from(pitch) + (by + if by < 0.0 { -0.5 } else { 0.5 }) as i32;
        while moved > 127 {
            moved -= 12;
        }
        while moved < 0 {
            moved += 12;
        }
        moved as u8
    }

    fn struck(&self, velocity: u8) -> u8 {
        let place = self.moment.place;
        // Bar line, beat, half of a beat, the rest: what stands out is louder, what lies between softer.
        let weight = if place.is_bar_line() {
            0.5
        } else if place.is_beat() {
            0.3
        } else if (place.step_in_bar * 2).is_multiple_of(place.metre.beat_steps()) {
            0.0
        } else {
            -0.25
        };
        let scaled = f32::from(velocity) * self.value(Control::Velocity) * (1.0 + self.value(Control::Accent) * weight);
        (scaled + 0.5).clamp(1.0, 127.0) as u8
    }
}

const STEP: i64 = TICKS_PER_STEP as i64;
/// Micro-timing and humanising together: half a step at most, so that the order of steps stays.
const MOST_LOOSE: i64 = 120;

#[cfg(test)]
mod test {
    use super::*;
    use crate::steer::{Edit, Signal};
    use crate::time::{BarMap, StepIndex};

    fn steering(role: Role, set: &[(Control, f32)]) -> Steering {
        let mut steering = Steering::default();
        let part: std::sync::Arc<str> = "x".into();
        let mut edits = vec![Edit::Part { name: part.clone(), role }];
        let value = |(control, v): &(Control, f32)| {
            let part = (control.info().scope == crate::steer::Scope::Part).then(|| part.clone());
            Edit::Set { part, control: *control, value: Some(Signal::Constant(*v)) }
        };
        edits.extend(set.iter().map(value));
        for edit in edits {
            let place = BarMap::default().place(StepIndex(0));
            let at = crate::steer::Where { place, back: &|_| StepIndex(0), anew: &|_| Default::default() };
            steering.apply(&edit, &at);
        }
        steering
    }

    fn shaped(steering: &Steering, step: u64, notes: &[StepNote], next: Option<u64>) -> Vec<PlannedNote> {
        let moment = moment(steering, BarMap::default().place(StepIndex(step)));
        let shape = Shape { steering, part: &steering.parts[0], moment, slot: 3, bpm: Bpm::new(120.0) };
        let mut out = Vec::new();
        shape.notes(&notes.iter().copied().collect(), next.map(Tick), &mut out);
        out
    }

    const NEUTRAL: [(Control, f32); 2] = [(Control::Accent, 0.0), (Control::Gate, 1.0)];

    #[test]
    fn neutral_steering_keeps_notes_as_they_were_written() {
        let neutral = steering(Role::Chords, &NEUTRAL);
        for step in 0..40 {
            let written =
                StepNote { offset_ticks: step as i16 * 5 - 100, ..StepNote::new(60, 77, 1 + step as u16 % 9) };
            let got = shaped(&neutral, step, &[written], None);
            let tick = StepIndex(step).tick().offset(i64::from(written.offset_ticks));
            let duration_ticks = u32::from(written.duration_steps) * 240;
            assert_eq!(got, [PlannedNote { tick, duration_ticks, slot: 3, pitch: 60, velocity: 77, cuts: false }]);
        }
    }

    #[test]
    fn swing_moves_every_second_step_and_ends_with_it() {
        let swung = steering(Role::Chords, &[NEUTRAL[0], NEUTRAL[1], (Control::Swing, 0.625)]);
        let at = |step, steps| {
            let note = shaped(&swung, step, &[StepNote::new(60, 77, steps)], None)[0];
            (note.tick.0, note.duration_ticks)
        };
        assert_eq!(at(4, 1), (960, 300));
        assert_eq!(at(5, 1), (1260, 180));
        assert_eq!(at(5, 2), (1260, 480));
    }

    #[test]
    fn a_line_ends_where_its_next_note_begins() {
        for (role, cut) in [(Role::Lead, true), (Role::Bass, true), (Role::Chords, false), (Role::Drums, false)] {
            let s = steering(role, &NEUTRAL);
            let got = shaped(&s, 4, &[StepNote::new(60, 77, 8)], Some(1200))[0];
            assert_eq!(got.duration_ticks, if cut { 240 } else { 8 * 240 }, "{role:?}");
        }
    }

    #[test]
    fn whatever_is_asked_notes_stay_in_range() {
        for (i, end) in [0.0, 1.0].into_iter().enumerate() {
            let all = crate::steer::CONTROLS.iter().map(|c| (c.control, c.min + (c.max - c.min) * end));
            let wild: Vec<_> = all.filter(|c| c.0 != Control::Probability).collect();
            for role in crate::music::ROLES {
                let s = steering(role, &wild);
                for step in 0..50 {
                    let written = [StepNote::new(0, 1, 1), StepNote::new(127, 127, 999)];
                    for note in shaped(&s, step, &written, Some(1)) {
                        assert!(note.pitch <= 127 && (1..=127).contains(&note.velocity), "{i}");
                        assert!(note.duration_ticks >= 1 && note.tick.0 + 120 >= StepIndex(step).tick().0);
                    }
                }
            }
        }
    }

    #[test]
    fn thinning_keeps_the_line_and_probability_is_addressed() {
        let notes = [StepNote::new(50, 80, 1), StepNote::new(60, 80, 1), StepNote::new(70, 80, 1)];
        let pitches =
            |role| shaped(&steering(role, &NEUTRAL), 0, &notes, None).iter().map(|n| n.pitch).collect::<Vec<_>>();
        assert_eq!(pitches(Role::Bass), [50]);
        assert_eq!(pitches(Role::Lead), [70]);
        assert_eq!(pitches(Role::Chords), [50, 60, 70]);
        let half = steering(Role::Chords, &[(Control::Probability, 0.5)]);
        let played: Vec<_> = (0..400).map(|s| shaped(&half, s, &notes[..1], None).len()).collect();
        assert!((150..250).contains(&played.iter().sum::<usize>()));
        assert_eq!(played, (0..400).map(|s| shaped(&half, s, &notes[..1], None).len()).collect::<Vec<_>>());
    }

    #[test]
    fn outputs_hear_of_a_knob_only_when_it_moved() {
        let s = steering(Role::Lead, &[(Control::Pan, 0.5)]);
        let (mut slots, mut memory) = (Slots::default(), ParamMemory::default());
        let place = |step| BarMap::default().place(StepIndex(step));
        assert_eq!(params(&s, place(0), &mut slots, &mut memory).len(), 9);
        assert_eq!(params(&s, place(1), &mut slots, &mut memory), []);
        let moved = steering(Role::Lead, &[(Control::Pan, -0.5)]);
        let change = ParamChange { slot: 0, control: Control::Pan, value: -0.5 };
        assert_eq!(params(&moved, place(2), &mut slots, &mut memory), [change]);
    }
}
