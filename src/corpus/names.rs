//! What one part is likely to be, from its channel, the words of its name and its General MIDI program.

use super::roles::{RawPart, monophony};
use super::split_hands::Hand;
use crate::music::kit;

/// What a part is taken for, before parts are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The kit.
    Drums,
    /// The low line.
    Bass,
    /// The low line if nothing is more of a bass (cello, tuba).
    LowLine,
    /// Accompaniment for certain.
    Chords,
    /// A melody.
    Lead,
    /// Accompaniment, or the melody when there is no other (violins, winds, guitars, strings).
    Any,
    /// A keyboard's hand.
    Keys(Hand),
    /// Effects: not music for a role.
    Effects,
    /// Nothing is known.
    Unknown,
}

/// Words that make a part something for certain, in the order in which they are looked for.
const DRUMS: &[&str] =
    &["drum", "drums", "drumkit", "kit", "percussion", "kick", "snare", "hihat", "schlagzeug", "batterie"];
const EFFECTS: &[&str] = &["fx", "sfx", "percussive", "effects"];
const TIMPANI: &[&str] = &["timpani", "pauken"];
const LEAD: &[&str] =
    &["melody", "voice", "vocal", "vocals", "vox", "singer", "lead", "soprano", "melodie", "tune", "bridge"];
const BASS: &[&str] = &["bass", "basses", "basso", "bassline", "contrabass", "kontrabass"];
const NO_BASS: &[&str] = &["drum", "clarinet"];
const LOW_LINE: &[&str] = &["cello", "violoncello", "tuba", "bassoon", "fagott"];
const INNER: &[&str] =
    &["alto", "tenor", "viola", "chords", "chord", "comp", "pad", "harmony", "accompaniment", "rhythm"];
const VIOLIN: &[&str] = &["violin", "violino", "violine"];
const KEYBOARD: &[&str] =
    &["piano", "pianoforte", "klavier", "organ", "harpsichord", "clavichord", "keyboard", "keys", "cembalo", "staff"];
const RIGHT: &[&str] = &["rh", "right", "upper", "manual", "treble"];
const LEFT: &[&str] = &["lh", "left", "lower", "pedal"];
const ANY: &[&str] = &["guitar", "guitars", "strings", "ensemble", "brass", "choir", "harp", "lute", "vihuela"];

/// First guess for one part: channel, then words of the name, then the program.
pub fn task(part: &RawPart) -> Task {
    by_name(part).or_else(|| part.program.map(by_program)).unwrap_or(Task::Unknown)
}

/// What channel and words say; `None` when they say nothing.
pub fn by_name(part: &RawPart) -> Option<Task> {
    let name = part.name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
    let has = |list: &[&str]| words.iter().any(|w| list.contains(w));
    let hand = match () {
        () if has(RIGHT) => Some(Hand::Right),
        () if has(LEFT) => Some(Hand::Left),
        () => None,
    };
    match () {
        () if part.channel == 9 || (has(DRUMS) && mostly_kit(part)) => Some(Task::Drums),
        () if has(EFFECTS) => Some(if has(&["synth"]) { Task::Any } else { Task::Effects }),
        // Timpani stand among the strings of General MIDI.
        () if part.program == Some(47) || has(TIMPANI) => Some(Task::Effects),
        () if has(&["lead"]) && monophony(part) < 0.4 => Some(Task::Any),
        () if has(LEAD) || (has(VIOLIN) && number(&name, &words) == Some(1)) => Some(Task::Lead),
        () if has(BASS) && !has(NO_BASS) => Some(Task::Bass),
        () if has(LOW_LINE) => Some(Task::LowLine),
        () if has(INNER) || (has(VIOLIN) && number(&name, &words).is_some()) => Some(Task::Chords),
        () if has(KEYBOARD) || hand.is_some() => Some(Task::Keys(hand.unwrap_or(Hand::Both))),
        () if has(ANY) => Some(Task::Any),
        () => None,
    }
}

/// The desk of a player: the first number of the name, or a small Roman numeral.
fn number(name: &str, words: &[&str]) -> Option<u32> {
    let digits = name.split(|c: char| !c.is_ascii_digit()).find(|d| !d.is_empty());
    let roman = |w: &&str| ["i", "ii", "iii"].iter().position(|r| r == w).map(|at| at as u32 + 1);
    digits.and_then(|d| d.parse().ok()).or_else(|| words.iter().find_map(roman))
}

/// What a General MIDI program is usually for.
fn by_program(program: u8) -> Task {
    match program {
        0..=7 | 16..=23 => Task::Keys(Hand::Both),
        32..=39 => Task::Bass,
        42 | 43 | 58 => Task::LowLine,
        80..=87 => Task::Lead,
        88..=95 => Task::Chords,
        112..=127 => Task::Effects,
        _ => Task::Any,
    }
}

/// Do the pitches look like a kit's?
fn mostly_kit(part: &RawPart) -> bool {
    part.notes.iter().filter(|n| kit::row_of(n.pitch).is_some()).count() * 10 >= part.notes.len() * 8
}

#[cfg(test)]
mod test {
    use super::super::roles::RawNote;
    use super::*;

    fn check(name: &str, channel: u8, program: Option<u8>, expected: Task) {
        let notes = vec![RawNote { step: 0, end: 1, pitch: 38, velocity: 80, offset_ticks: 0 }];
        let part = RawPart { name: name.into(), channel, program, notes };
        assert_eq!(task(&part), expected, "{name} {channel} {program:?}");
    }

    #[test]
    fn names_programs_and_channels_say_what_a_part_is() {
        for (name, program, expected) in [
            ("soprano", Some(52), Task::Lead),
            ("Violin 1", None, Task::Lead),
            ("Violino II", None, Task::Chords),
            ("viola", Some(41), Task::Chords),
            ("Cello", Some(42), Task::LowLine),
            ("bass 2", Some(38), Task::Bass),
            ("Bass Drum", None, Task::Drums),
            ("piano RH", Some(0), Task::Keys(Hand::Right)),
            ("Pianoforte (left)", Some(0), Task::Keys(Hand::Left)),
            ("organ staff 2", None, Task::Keys(Hand::Both)),
            ("synth lead 3", Some(80), Task::Lead),
            ("synth fx 1", Some(99), Task::Any),
            ("sound fx 1", Some(122), Task::Effects),
            ("strings 1", Some(47), Task::Effects),
            ("guitar 1", Some(30), Task::Any),
            ("tr. 7", Some(33), Task::Bass),
            ("", Some(88), Task::Chords),
            ("MIDI Out", None, Task::Unknown),
            ("Ünïcödé ♯", None, Task::Unknown),
        ] {
            check(name, 0, program, expected);
        }
        check("whatever", 9, Some(0), Task::Drums);
    }
}
