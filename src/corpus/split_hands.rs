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
