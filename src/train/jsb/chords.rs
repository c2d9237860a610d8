//! The chord of a frame of four voices, as a class: a function of its notes alone, so that it tells nothing that they do not.
//!
//! The alphabet is that of Peracha, "Improving polyphonic music models with feature-rich encoding" (2019): twelve roots, each major,
//! minor, diminished or augmented, and one class each for other chords and for silence. Which label a frame gets is our own rule: the triad that holds most of
//! its pitch classes; among equals the one whose root is lower in the frame.

use super::steps::{VOICES, Voices};

/// Triads of all roots, "other", "none".
pub const CLASSES: usize = 50;
const OTHER: usize = 48;
const NONE: usize = 49;
/// Major, minor, diminished, augmented.
const TRIADS: [[u32; 3]; 4] = [[0, 4, 7], [0, 3, 7], [0, 3, 6], [0, 4, 8]];

/// The chord's class of a frame.
pub fn class(frame: &Voices) -> usize {
    let pitches: Vec<u32> =
        (0..VOICES).rev().map(|v| u32::from(frame.0[v])).filter(|c| *c > 0).map(|c| c % 12).collect();
    if pitches.is_empty() {
        return NONE;
    }
    let mask = pitches.iter().fold(0u32, |m, p| m | 1 << p);
    let mut best = (2, OTHER);
    for root in pitches.iter().copied() {
        for (quality, triad) in TRIADS.iter().enumerate() {
            let tones = triad.iter().fold(0u32, |m, up| m | 1 << ((root + up) % 12));
            let held = (mask & tones).count_ones();
            // A root and one more tone name a triad; a frame of one pitch class names none.
            let rated = 2 * held - u32::from(mask & !tones != 0);
            if held >= 2 && rated > best.0 {
                best = (rated, quality * 12 + root as usize);
            }
        }
    }
    best.1
}

/// Root, as a class modulo 12, and third (0 major, 1 minor) of a chord's class; `None` for other and none.
pub fn root(class: usize) -> Option<(u32, u32)> {
    (class < OTHER).then(|| ((class % 12) as u32, u32::from(matches!(class / 12, 1 | 2))))
}
