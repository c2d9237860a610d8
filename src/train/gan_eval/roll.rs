//! A take as cells: what sounds and what starts in each step of its two bars.

use super::windows::Take;
use crate::music::{Role, kit};

/// A note as it is heard within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollNote {
    /// Step of the window.
    pub step: usize,
    /// MIDI number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
    /// Steps until it ends, is struck again, or the window ends.
    pub length: usize,
}

/// Two bars as cells. A cell is a bit of its step: bit n = MIDI pitch n.
#[derive(Clone, Debug, PartialEq)]
pub struct Roll {
    /// Steps of one bar.
    pub bar_steps: usize,
    /// What sounds, for drums what is struck.
    pub cells: Vec<u128>,
    /// What starts.
    pub onsets: Vec<u128>,
    /// The notes that start in the window, by step and pitch.
    pub notes: Vec<RollNote>,
}

impl Roll {
    /// The cells of a take. Bars after the first begin where the first ends; notes struck again end where they are.
    pub fn new(role: Role, take: &Take) -> Roll {
        let bar_steps = take.bars[0].steps as usize;
        let steps = 2 * bar_steps;
        let mut roll = Roll { bar_steps, cells: vec![0; steps], onsets: vec![0; steps], notes: Vec::new() };
        for (bar, notes) in take.bars.iter().enumerate() {
            for (step, note) in &notes.notes {
                let step = bar * bar_steps + usize::from(*step);
                let pitch = heard_pitch(role, note.pitch);
                let Some(pitch) = pitch.filter(|_| step < steps) else { continue };
                if roll.onsets[step] >> pitch & 1 == 0 {
                    roll.onsets[step] |= 1 << pitch;
                    let length = if role.is_pitched() { usize::from(note.duration_steps.max(1)) } else { 1 };
                    roll.notes.push(RollNote { step, pitch, velocity: note.velocity, length });
                }
            }
        }
        roll.notes.sort_by_key(|n| (n.step, n.pitch));
        for note in &mut roll.notes {
            let end = (note.step + note.length).min(steps);
            let again = (note.step + 1..end).find(|s| roll.onsets[*s] >> note.pitch & 1 == 1);
            note.length = again.unwrap_or(end) - note.step;
            roll.cells[note.step..note.step + note.length].iter_mut().for_each(|c| *c |= 1 << note.pitch);
        }
        for (pitch, left) in take.sounding.iter().filter(|_| role.is_pitched()) {
            let held = (0..steps.min(usize::from(*left))).take_while(|s| roll.onsets[*s] >> (pitch & 127) & 1 == 0);
            for step in held.collect::<Vec<_>>() {
                roll.cells[step] |= 1 << (pitch & 127);
            }
        }
        roll
    }

    /// The cells of one of the two bars.
    pub fn bar(&self, bar: usize) -> &[u128] {
        &self.cells[bar * self.bar_steps..(bar + 1) * self.bar_steps]
    }
}

/// The pitch of a note as cells tell it: drums by the kit's rows; `None` for drums that no row has.
pub fn heard_pitch(role: Role, pitch: u8) -> Option<u8> {
    if role.is_pitched() { Some(pitch.min(127)) } else { kit::row_of(pitch).map(|row| kit::ROWS[row].pitch) }
}

/// Pitch classes among cells, bit 0 = C.
pub fn classes(cells: u128) -> u16 {
    // Ten and a bit octaves, folded onto the first.
    let mut rest = cells;
    let mut classes = 0u16;
    while rest != 0 {
        classes |= (rest & 0xFFF) as u16;
        rest >>= 12;
    }
    classes
}

/// Cells that differ: what sounds and what starts, in the first bar.
pub fn distance(a: &Roll, b: &Roll) -> u32 {
    let steps = a.bar_steps.min(b.bar_steps);
    let differ = |a: &[u128], b: &[u128]| a[..steps].iter().zip(&b[..steps]).map(|(x, y)| (x ^ y).count_ones()).sum();
    let (cells, onsets): (u32, u32) = (differ(&a.cells, &b.cells), differ(&a.onsets, &b.onsets));
    cells + onsets
}

#[cfg(test)]
pub(super) mod test {
    use super::*;
    use crate::engine::gan::BarNotes;
    use crate::music::StepNote;

    /// A take of 4/4 bars from (step of the window, pitch, duration).
    pub fn take(bar_steps: u32, notes: &[(u32, u8, u16)]) -> Take {
        let bar = |bar: u32| {
            let own = notes.iter().filter(|n| n.0 / bar_steps == bar);
            let mut notes: Vec<_> = own.map(|n| ((n.0 % bar_steps) as u8, StepNote::new(n.1, 80, n.2))).collect();
            notes.sort_by_key(|n| (n.0, n.1.pitch));
            BarNotes { steps: bar_steps, notes }
        };
        Take { bars: [bar(0), bar(1)], sounding: Vec::new() }
    }

    #[test]
    fn notes_end_where_they_are_struck_again_and_with_the_window() {
        let mut played = take(16, &[(0, 60, 8), (4, 60, 2), (30, 64, 9), (14, 67, 4)]);
        played.sounding = vec![(60, 3), (50, 2)];
        let roll = Roll::new(Role::Lead, &played);
        let lengths: Vec<_> = roll.notes.iter().map(|n| (n.step, n.length)).collect();
        assert_eq!(lengths, [(0, 4), (4, 2), (14, 4), (30, 2)]);
        assert_eq!(roll.cells[0], 1 << 60 | 1 << 50);
        assert_eq!((roll.cells[1] >> 50 & 1, roll.cells[2] >> 50 & 1), (1, 0));
        assert_eq!((roll.cells[5], roll.cells[6], roll.cells[17]), (1 << 60, 0, 1 << 67));
        assert_eq!(classes(roll.cells[0]), 1 | 1 << 2);
    }

    #[test]
    fn drums_are_struck_for_one_step_and_by_rows() {
        let roll = Roll::new(Role::Drums, &take(16, &[(0, 36, 8), (0, 35, 1), (3, 99, 1)]));
        assert_eq!((roll.notes.len(), roll.cells[0], roll.cells[1], roll.cells[3]), (1, 1 << 36, 0, 0));
    }
}
