//! What is forbidden stays forbidden: notes outside of key, chord and range, counted under hot temperatures.

use super::bars;
use super::sweep::set;
use super::{Options, Play};
use crate::music::{Chord, Key, Role};
use serde::Serialize;

/// One mask: how many notes were played under it, and how many broke it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mask {
    /// What was asked.
    pub name: &'static str,
    /// Notes under it.
    pub notes: usize,
    /// Notes that broke it.
    pub broken: usize,
}

type Breaks = fn(u8, u64, u32) -> bool;

/// What is asked and what would break it; arguments: pitch, bar, sixteenth. The set is the trial's first: A minor, Am F C G, two bars each.
const MASKS: &[(&str, &str, Breaks)] = &[
    ("in_key = 1", "$.in_key = 1.0;\n$.temperature = 2.5;\n$.in_chord = 0.0;\n", |pitch, bar, _| {
        // A chord's own tones are never outside.
        let in_key = Key::parse("A minor").is_some_and(|k| k.has(pitch));
        !in_key && !chord(bar).is_some_and(|c| c.has(pitch))
    }),
    ("in_chord = 1", "$.in_chord = 1.0;\n$.temperature = 2.5;\n", |pitch, bar, _| {
        !chord(bar).is_some_and(|c| c.has(pitch))
    }),
    ("low, high", "$.low = 52.0;\n$.high = 61.0;\n$.temperature = 2.5;\n", |pitch, _, _| !(52..=61).contains(&pitch)),
];

fn chord(bar: u64) -> Option<Chord> {
    Chord::parse(["Am", "F", "C", "G"][(bar / 2 % 4) as usize])
}

/// Plays under every mask.
///
/// # Errors
/// One sentence: a set that cannot be played.
pub fn run(options: &Options, play: Play) -> Result<Vec<Mask>, String> {
    let mut told = Vec::new();
    let bars = 4 * options.bars;
    for (name, lines, breaks) in MASKS {
        let mut mask = Mask { name, notes: 0, broken: 0 };
        for role in [Role::Bass, Role::Chords, Role::Lead] {
            for seed in 0..options.seeds {
                let rendered = play(&set(&options.engine, 0, role, lines), 31 + seed, bars)?;
                for (index, bar) in bars::of(&rendered, role.index() as u8, bars).iter().enumerate() {
                    mask.notes += bar.len();
                    // A note just before the bar line may sound in the next bar's chord: it is judged by its sixteenth.
                    mask.broken += bar.iter().filter(|n| breaks(n.pitch, index as u64, n.step)).count();
                }
            }
        }
        told.push(mask);
    }
    Ok(told)
}
