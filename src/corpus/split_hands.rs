//! Keyboard and solo music: bass, chords and melody out of what two hands play.

use super::roles::RawNote;
use crate::music::Role;

/// Which notes of a keyboard a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The upper staff.
    Right,
    /// The lower staff.
    Left,
    /// Everything in one part (also guitars and other solo instruments).
    Both,
    /// Block chords with their bass note at the bottom.
    Block,
}

/// Roles that no other part plays, and the length of a felt beat.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The melody is looked for here.
    pub lead: bool,
    /// The bass is looked for here.
    pub bass: bool,
    /// Steps in a felt beat.
    pub beat_steps: u32,
}

impl Hand {
    /// Lowest pitch that can be melody here.
    fn lead_from(self) -> Option<u8> {
        match self {
            Hand::Right => Some(48),
            Hand::Both => Some(55),
            Hand::Left | Hand::Block => None,
        }
    }
    /// Highest pitch that can be bass here.
    fn bass_to(self) -> Option<u8> {
        match self {
            Hand::Left => Some(64),
            Hand::Both => Some(57),
            Hand::Block => Some(50),
            Hand::Right => None,
        }
    }
}

/// Gives the notes of a part (by step and pitch) their roles.
///
/// Melody is the highest onset with nothing of the part sounding above it. Bass is the lowest onset of its beat with nothing of the
/// part sounding below it, so that the upper notes of an Alberti figure are chords; where the part is one line that moves
/// by small steps (a walking bass), the whole line is bass.
pub fn split(notes: &[RawNote], hand: Hand, wanted: Wanted, out: &mut Vec<(Role, RawNote)>) {
    let lead_from = hand.lead_from().filter(|_| wanted.lead);
    let bass_to = hand.bass_to().filter(|_| wanted.bass);
    let beat = wanted.beat_steps.max(1);
    let mut sounding: Vec<RawNote> = Vec::new();
    for (bar, in_beat) in beats(notes, beat) {
        let is_line = bass_to.is_some() && hand == Hand::Left && is_walking(bar);
        let floor = in_beat.iter().map(|n| n.pitch).min().unwrap_or(0);
        for onset in in_beat.chunk_by(|a, b| a.step == b.step) {
            let step = onset[0].step;
            sounding.retain(|n| n.end > step);
            let top = onset.iter().chain(&sounding).map(|n| n.pitch).max().unwrap_or(0);
            let bottom = onset.iter().chain(&sounding).map(|n| n.pitch).min().unwrap_or(0);
            for note in onset {
                let is_lowest = note.pitch == bottom && (note.pitch == floor || is_line || hand == Hand::Block);
                let enough = hand != Hand::Block || onset.len() >= 3;
                let role = if lead_from.is_some_and(|from| note.pitch >= from && note.pitch == top) {
                    Role::Lead
                } else if enough && bass_to.is_some_and(|to| note.pitch <= to && is_lowest) {
                    Role::Bass
                } else {
                    Role::Chords
                };
                out.push((role, *note));
            }
            sounding.extend_from_slice(onset);
        }
    }
}

/// The notes beat by beat, each beat with the notes around it that show the texture (four beats from its own on).
fn beats(notes: &[RawNote], beat: u32) -> impl Iterator<Item = (&[RawNote], &[RawNote])> {
    let mut rest = notes;
    std::iter::from_fn(move || {
        let first = rest.first()?.step / beat;
        let end = |beats: u32| rest.partition_point(|n| n.step / beat < first + beats);
        let item = (&rest[..end(4)], &rest[..end(1)]);
        rest = &rest[end(1)..];
        Some(item)
    })
}

/// One line in small steps: never two onsets at once, and neighbours mostly within a major third.
fn is_walking(notes: &[RawNote]) -> bool {
    let small = notes.windows(2).filter(|w| w[0].pitch.abs_diff(w[1].pitch) <= 4).count();
    notes.windows(2).all(|w| w[0].step < w[1].step && w[0].end <= w[1].end)
        && small * 3 >= notes.len().saturating_sub(1) * 2
}

#[cfg(test)]
mod test {
    use super::*;

    /// Roles as letters, in the order of the notes `(step, length, pitch)`.
    fn check(hand: Hand, lead: bool, notes: &[(u32, u32, u8)], expected: &str) {
        let note =
            |n: &(u32, u32, u8)| RawNote { step: n.0, end: n.0 + n.1, pitch: n.2, velocity: 80, offset_ticks: 0 };
        let notes: Vec<RawNote> = notes.iter().map(note).collect();
        let mut out = Vec::new();
        split(&notes, hand, Wanted { lead, bass: true, beat_steps: 4 }, &mut out);
        let letters: String = out.iter().map(|(role, _)| &role.name()[..1]).collect();
        assert_eq!(letters, expected);
    }

    #[test]
    fn the_upper_notes_of_an_alberti_bass_are_chords() {
        check(Hand::Left, true, &[(0, 1, 48), (1, 1, 55), (2, 1, 52), (3, 1, 55), (4, 1, 47), (5, 1, 55)], "bcccbc");
    }

    #[test]
    fn a_walking_left_hand_is_bass_throughout() {
        check(Hand::Left, true, &[(0, 2, 48), (2, 2, 50), (4, 2, 52), (6, 2, 53), (8, 2, 55), (10, 2, 53)], "bbbbbb");
    }

    #[test]
    fn the_top_of_the_right_hand_is_melody_unless_somebody_sings() {
        let notes = [(0, 8, 60), (0, 8, 64), (0, 8, 72), (4, 2, 65), (8, 4, 71)];
        check(Hand::Right, true, &notes, "cclcl");
        check(Hand::Right, false, &notes, "ccccc");
    }

    #[test]
    fn block_chords_stand_on_their_bass() {
        check(Hand::Block, false, &[(0, 8, 41), (0, 8, 48), (0, 8, 53), (0, 8, 57), (8, 8, 48), (8, 8, 52)], "bccccc");
    }

    #[test]
    fn a_solo_instrument_has_bass_chords_and_melody() {
        check(Hand::Both, true, &[(0, 8, 40), (0, 4, 64), (4, 4, 52), (4, 2, 67)], "blcl");
    }
}
