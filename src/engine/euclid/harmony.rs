//! Chords and scales where the performer has named none, and voicings.

use super::Moment;
use crate::engine::Ask;
use crate::music::{Chord, Key};

/// Degrees of the progression that is played in a key without chords: a bar each.
const DEGREES: [usize; 4] = [0, 5, 3, 4];
/// C major, when nothing at all is asked.
const PLAIN: u16 = 0b1010_1011_0101;
/// The most notes in a voicing.
pub const VOICES_MAX: usize = 4;

/// The chord that is asked, or a triad of the key that changes with the bar.
pub fn chord_of(ask: &Ask) -> Chord {
    if let Some(chord) = ask.chord {
        return chord;
    }
    let tonic = ask.key.map_or(0, |k| k.tonic);
    let mask = ask.key.map_or(PLAIN, |k| k.mask());
    let mut scale = [0u8; 12];
    let mut count = 0;
    for pc in (0..12).map(|i| (tonic + i) % 12).filter(|pc| mask >> pc & 1 == 1) {
        scale[count] = pc;
        count += 1;
    }
    let count = count.max(1);
    let degree = DEGREES[(ask.place.bar % 4) as usize] % count;
    let tone = |above: usize| scale[(degree + above) % count];
    let chord_mask = if count >= 5 { 1 << tone(0) | 1 << tone(2) | 1 << tone(4) } else { mask };
    Chord { root: tone(0), mask: chord_mask, bass: tone(0) }
}

/// Pitch classes of the melody: the key, or a scale that the chord suggests; the chord's own tones always.
pub fn scale_of(ask: &Ask, chord: &Chord) -> u16 {
    let tone = |above: u8| chord.has(chord.root + above);
    let name = match (tone(3) && !tone(4), tone(10)) {
        (true, _) => "dorian",
        (false, true) => "mixolydian",
        (false, false) => "major",
    };
    let suggested = || Key::parse(&format!("C {name}")).map_or(0xFFF, |k| Key { tonic: chord.root, ..k }.mask());
    let key = ask.key.map(|k| k.mask());
    chord.mask | key.unwrap_or_else(|| if ask.chord.is_some() { suggested() } else { PLAIN })
}

/// The next chord tone above `pitch`, at most an octave away.
fn next_above(chord: &Chord, pitch: u8) -> u8 {
    (1..=12).map(|i| pitch.saturating_add(i)).find(|p| chord.has(*p)).unwrap_or(pitch.saturating_add(12))
}

/// The voicing of the chord nearest to what the part played last, low to high, in place of `out`'s content; returns the count.
pub fn voicing(moment: &Moment, out: &mut [u8; VOICES_MAX]) -> usize {
    let ask = moment.ask;
    let tones = (moment.chord.mask.count_ones() as usize).clamp(1, VOICES_MAX);
    let voices = tones.min(usize::from(ask.polyphony.max(1)));
    let last = moment.scene.last_onset[1];
    let centre = moment.centre(0.45);
    // Where the middle of the chord was; half-way back to the centre, so that voicings do not wander off.
    let goal = if last == 0 { centre } else { 0.7 * mean_of(last) + 0.3 * centre };
    let mut best: Option<f32> = None;
    for start in (ask.range.0..=ask.range.1.min(127)).filter(|p| moment.chord.has(*p)) {
        let mut pitches = [start; VOICES_MAX];
        for i in 1..voices {
            pitches[i] = next_above(&moment.chord, pitches[i - 1]);
        }
        if pitches[voices - 1] > ask.range.1 {
            break;
        }
        let mean = pitches[..voices].iter().map(|p| f32::from(*p)).sum::<f32>() / voices as f32;
        let common =
            pitches[..voices].iter().filter(|p| last >> crate::token::classes::pitch_index(**p) & 1 == 1).count();
        let cost = (mean - goal).abs() - 0.8 * common as f32;
        if best.is_none_or(|b| cost < b) {
            best = Some(cost);
            *out = pitches;
        }
    }
    if best.is_some() { voices } else { 0 }
}

/// Mean pitch of bits of the 88.
fn mean_of(pitches: u128) -> f32 {
    let (mut sum, mut left) = (0, pitches);
    while left != 0 {
        sum += left.trailing_zeros() + u32::from(crate::token::classes::PITCH_LOW);
        left &= left - 1;
    }
    sum as f32 / pitches.count_ones().max(1) as f32
}
