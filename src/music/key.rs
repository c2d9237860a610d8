//! Scales and keys as masks of pitch classes.

/// A scale: pitch classes relative to the tonic, bit 0 = tonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The word used in scripts.
    pub name: &'static str,
    /// Bit n set: n semitones above the tonic belong to the scale.
    pub mask: u16,
    /// What it is good for.
    pub doc: &'static str,
}

const fn scale(name: &'static str, degrees: &[u8], doc: &'static str) -> Scale {
    let (mut mask, mut i) = (0, 0);
    while i < degrees.len() {
        mask |= 1 << degrees[i];
        i += 1;
    }
    Scale { name, mask, doc }
}

/// Every scale known by name.
pub const SCALES: &[Scale] = &[
    scale("major", &[0, 2, 4, 5, 7, 9, 11], "ionian"),
    scale("minor", &[0, 2, 3, 5, 7, 8, 10], "natural minor, aeolian"),
    scale("dorian", &[0, 2, 3, 5, 7, 9, 10], "minor with a bright sixth"),
    scale("phrygian", &[0, 1, 3, 5, 7, 8, 10], "minor with a dark second"),
    scale("lydian", &[0, 2, 4, 6, 7, 9, 11], "major with a sharp fourth"),
    scale("mixolydian", &[0, 2, 4, 5, 7, 9, 10], "major with a flat seventh"),
    scale("locrian", &[0, 1, 3, 5, 6, 8, 10], "the diminished mode"),
    scale("harmonic", &[0, 2, 3, 5, 7, 8, 11], "harmonic minor"),
    scale("melodic", &[0, 2, 3, 5, 7, 9, 11], "melodic minor, upwards"),
    scale("pentatonic", &[0, 2, 4, 7, 9], "major pentatonic"),
    scale("minorpentatonic", &[0, 3, 5, 7, 10], "minor pentatonic"),
    scale("blues", &[0, 3, 5, 6, 7, 10], "minor pentatonic with the blue note"),
    scale("wholetone", &[0, 2, 4, 6, 8, 10], "six whole tones"),
    scale("octatonic", &[0, 2, 3, 5, 6, 8, 9, 11], "whole tone, semitone"),
    scale("chromatic", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "all twelve"),
];

/// A tonic and a scale on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Pitch class of the tonic, 0 = C.
    pub tonic: u8,
    /// The scale.
    pub scale: Scale,
}

/// Reads a note name at the start of `text`: its pitch class and what follows it.
pub(super) fn parse_note(text: &str) -> Option<(u8, &str)> {
    let mut chars = text.chars();
    let base = match chars.next()?.to_ascii_uppercase() {
        'C' => 0,
        'D' => 2,
        'E' => 4,
        'F' => 5,
        'G' => 7,
        'A' => 9,
        'B' | 'H' => 11,
        _ => return None,
    };
    let mut rest = chars.as_str();
    let mut shift = 0i32;
    while let Some(c) = rest.chars().next() {
        shift += match c {
            '#' | '♯' => 1,
            'b' | '♭' => -1,
            _ => break,
        };
        rest = &rest[c.len_utf8()..];
    }
    Some(((base + shift).rem_euclid(12) as u8, rest))
}

/// Names of the pitch classes, with sharps.
pub(super) const NOTE_NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

impl Key {
    /// Reads `"D dorian"`, `"F# minor"`, `"Eb"` (major) or `"am"` (minor).
    pub fn parse(text: &str) -> Option<Key> {
        let (tonic, rest) = parse_note(text.trim())?;
        let word = rest.trim().to_lowercase();
        let name = match word.as_str() {
            "" | "maj" => "major",
            "m" | "min" | "aeolian" => "minor",
            "ionian" => "major",
            other => other,
        };
        SCALES.iter().find(|s| s.name == name).map(|s| Key { tonic, scale: *s })
    }
    /// Pitch classes of the key, bit 0 = C.
    pub fn mask(&self) -> u16 {
        rotate(self.scale.mask, self.tonic)
    }
    /// True when the pitch belongs to the key.
    pub fn has(&self, pitch: u8) -> bool {
        self.mask() >> (pitch % 12) & 1 == 1
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", NOTE_NAMES[usize::from(self.tonic)], self.scale.name)
    }
}

/// A mask of pitch classes moved up by `semitones`.
pub(super) fn rotate(mask: u16, semitones: u8) -> u16 {
    let by = u32::from(semitones % 12);
    ((mask << by) | (mask >> ((12 - by) % 12))) & 0xFFF
}
