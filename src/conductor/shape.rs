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
        if is_mono(self.part, &self.moment) {
            if let Some(next) = next_onset {
                for note in &mut out[first..] {
                    let room = next.0.saturating_sub(note.tick.0).max(1);
                    note.duration_ticks = note.duration_ticks.min(room as u32);
                }
            }
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
