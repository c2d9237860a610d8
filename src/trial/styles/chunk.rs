//! Four bars as a row of numbers, in which a classifier looks for a style.

use crate::music::{ROLES, Role, StepNote};

/// Bars of a chunk.
pub const CHUNK_BARS: u32 = 4;
/// Places that a bar is divided into, whatever its metre.
const PLACES: usize = 16;
const INTERVALS: usize = 15;
/// Numbers of a pitched role: onsets by place, melodic intervals, and seven means.
const PITCHED: usize = PLACES + INTERVALS + 7;
/// Numbers of the kit: each of six kinds of rows by place, and two means.
const KIT: usize = 6 * PLACES + 2;

/// Which styles are told apart: those of the kit by the drums, the others by bass, chords and lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// By the drums.
    Kit,
    /// By bass, chords and lead.
    Pitched,
}

impl Family {
    /// Who plays.
    pub fn has(self, role: Role) -> bool {
        role.is_pitched() == (self == Family::Pitched)
    }

    /// Numbers of a chunk.
    pub fn width(self) -> usize {
        match self {
            Family::Kit => KIT,
            Family::Pitched => 3 * PITCHED,
        }
    }
}

/// A note of a chunk: sixteenths since its beginning, who, what.
pub type Note = (u32, Role, StepNote);

/// The numbers of a chunk whose bars have `bar_steps` sixteenths. A role that is silent has zeros.
pub fn numbers(family: Family, bar_steps: u32, notes: &[Note]) -> Vec<f64> {
    let place = |step: u32| (step % bar_steps * PLACES as u32 / bar_steps) as usize;
    let mut all = Vec::with_capacity(family.width());
    for role in ROLES.into_iter().filter(|r| family.has(*r)) {
        let own: Vec<&Note> = notes.iter().filter(|n| n.1 == role).collect();
        match family {
            Family::Kit => kit(&own, place, &mut all),
            Family::Pitched => pitched(&own, place, &mut all),
        }
    }
    all
}

/// Bass drum, snares, hats and the like: six kinds of the kit's sounds.
fn kind(pitch: u8) -> usize {
    match pitch {
        35 | 36 => 0,
        37..=40 => 1,
        42 | 44 => 2,
        46 | 49 | 52 | 55 | 57 => 3,
        51 | 53 | 59 => 4,
        _ => 5,
    }
}

fn kit(own: &[&Note], place: impl Fn(u32) -> usize, all: &mut Vec<f64>) {
    let mut places = vec![0.0; 6 * PLACES];
    own.iter().for_each(|n| places[kind(n.2.pitch) * PLACES + place(n.0)] += 1.0 / f64::from(CHUNK_BARS));
    all.extend(places);
    let mean = |value: fn(&StepNote) -> f64| own.iter().map(|n| value(&n.2)).sum::<f64>() / own.len().max(1) as f64;
    all.extend([mean(|n| f64::from(n.velocity)), mean(|n| f64::from(n.offset_ticks))]);
}

fn pitched(own: &[&Note], place: impl Fn(u32) -> usize, all: &mut Vec<f64>) {
    let count = own.len().max(1) as f64;
    let (mut places, mut intervals) = ([0.0; PLACES], [0.0; INTERVALS]);
    own.iter().for_each(|n| places[place(n.0)] += 1.0 / f64::from(CHUNK_BARS));
    // The highest note of each onset is the line.
    let mut line: Vec<(u32, u8)> = Vec::new();
    for note in own {
        match line.last_mut().filter(|last| last.0 == note.0) {
            Some(last) => last.1 = last.1.max(note.2.pitch),
            None => line.push((note.0, note.2.pitch)),
        }
    }
    for pair in line.windows(2) {
        let step = (i32::from(pair[1].1) - i32::from(pair[0].1)).clamp(-7, 7) + 7;
        intervals[step as usize] += 1.0 / (line.len() - 1) as f64;
    }
    all.extend(places);
    all.extend(intervals);
    let mean = |value: &dyn Fn(&StepNote) -> f64| own.iter().map(|n| value(&n.2)).sum::<f64>() / count;
    let pitch = mean(&|n| f64::from(n.pitch));
    all.extend([
        own.len() as f64 / f64::from(CHUNK_BARS),
        own.len() as f64 / line.len().max(1) as f64,
        pitch,
        mean(&|n| (f64::from(n.pitch) - pitch).abs()),
        mean(&|n| f64::from(n.duration_steps.min(32))),
        mean(&|n| f64::from(u8::from(n.duration_steps == 1))),
        line.len() as f64 / f64::from(CHUNK_BARS),
    ]);
}
