//! Chord symbols and progressions.

use super::key::{NOTE_NAMES, parse_note, rotate};

/// A chord as pitch classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// Pitch class of the root, 0 = C.
    pub root: u8,
    /// Pitch classes of the chord, bit 0 = C (absolute).
    pub mask: u16,
    /// Pitch class of the bass: the root unless a slash says otherwise.
    pub bass: u8,
}

const fn tones(degrees: &[u8]) -> u16 {
    let (mut mask, mut i) = (0, 0);
    while i < degrees.len() {
        mask |= 1 << (degrees[i] % 12);
        i += 1;
    }
    mask
}

/// Qualities by suffix, as masks of pitch classes relative to the root. The first spelling of a mask is the one that is printed.
pub const QUALITIES: &[(&str, u16)] = &[
    ("", tones(&[0, 4, 7])),
    ("m", tones(&[0, 3, 7])),
    ("dim", tones(&[0, 3, 6])),
    ("aug", tones(&[0, 4, 8])),
    ("sus4", tones(&[0, 5, 7])),
    ("sus2", tones(&[0, 2, 7])),
    ("5", tones(&[0, 7])),
    ("6", tones(&[0, 4, 7, 9])),
    ("m6", tones(&[0, 3, 7, 9])),
    ("7", tones(&[0, 4, 7, 10])),
    ("maj7", tones(&[0, 4, 7, 11])),
    ("m7", tones(&[0, 3, 7, 10])),
    ("mmaj7", tones(&[0, 3, 7, 11])),
    ("m7b5", tones(&[0, 3, 6, 10])),
    ("dim7", tones(&[0, 3, 6, 9])),
    ("7sus4", tones(&[0, 5, 7, 10])),
    ("7#5", tones(&[0, 4, 8, 10])),
    ("7b5", tones(&[0, 4, 6, 10])),
    ("9", tones(&[0, 4, 7, 10, 2])),
    ("maj9", tones(&[0, 4, 7, 11, 2])),
    ("m9", tones(&[0, 3, 7, 10, 2])),
    ("7b9", tones(&[0, 4, 7, 10, 1])),
    ("7#9", tones(&[0, 4, 7, 10, 3])),
    ("add9", tones(&[0, 4, 7, 2])),
    ("madd9", tones(&[0, 3, 7, 2])),
    ("69", tones(&[0, 4, 7, 9, 2])),
    ("11", tones(&[0, 4, 7, 10, 2, 5])),
    ("m11", tones(&[0, 3, 7, 10, 2, 5])),
    ("13", tones(&[0, 4, 7, 10, 2, 9])),
    // Other spellings.
    ("maj", tones(&[0, 4, 7])),
    ("M", tones(&[0, 4, 7])),
    ("min", tones(&[0, 3, 7])),
    ("-", tones(&[0, 3, 7])),
    ("°", tones(&[0, 3, 6])),
    ("o", tones(&[0, 3, 6])),
    ("+", tones(&[0, 4, 8])),
    ("sus", tones(&[0, 5, 7])),
    ("M7", tones(&[0, 4, 7, 11])),
    ("Δ", tones(&[0, 4, 7, 11])),
    ("Δ7", tones(&[0, 4, 7, 11])),
    ("min7", tones(&[0, 3, 7, 10])),
    ("-7", tones(&[0, 3, 7, 10])),
    ("mM7", tones(&[0, 3, 7, 11])),
    ("ø", tones(&[0, 3, 6, 10])),
    ("ø7", tones(&[0, 3, 6, 10])),
    ("°7", tones(&[0, 3, 6, 9])),
    ("o7", tones(&[0, 3, 6, 9])),
    ("7sus", tones(&[0, 5, 7, 10])),
    ("aug7", tones(&[0, 4, 8, 10])),
    ("+7", tones(&[0, 4, 8, 10])),
    ("min9", tones(&[0, 3, 7, 10, 2])),
    ("6/9", tones(&[0, 4, 7, 9, 2])),
];

impl Chord {
    /// A chord from its root and a mask relative to the root.
    pub fn new(root: u8, relative: u16) -> Chord {
        Chord { root: root % 12, mask: rotate(relative | 1, root), bass: root % 12 }
    }

    /// Reads a chord symbol such as `C`, `Dm7`, `F#m7b5`, `Bbmaj7/D`.
    pub fn parse(symbol: &str) -> Option<Chord> {
        let (root, rest) = parse_note(symbol.trim())?;
        if !symbol.trim().starts_with(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        let quality = |suffix: &str| QUALITIES.iter().find(|q| q.0 == suffix).map(|q| q.1);
        if let Some(mask) = quality(rest) {
            return Some(Chord::new(root, mask));
        }
        let (suffix, over) = rest.rsplit_once('/')?;
        let (bass, end) = parse_note(over)?;
        let mut chord = Chord::new(root, quality(suffix)?);
        (end.is_empty()).then(|| {
            chord.bass = bass;
            chord.mask |= 1 << bass;
            chord
        })
    }

    /// True when the pitch is a chord tone.
    pub fn has(&self, pitch: u8) -> bool {
        self.mask >> (pitch % 12) & 1 == 1
    }
}

impl std::fmt::Display for Chord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relative = |mask: u16| rotate(mask, (12 - self.root) % 12);
        let known = |mask: u16| QUALITIES.iter().find(|q| q.1 == relative(mask)).map(|q| q.0);
        let suffix = known(self.mask).or_else(|| known(self.mask & !(1 << self.bass))).unwrap_or("?");
        write!(f, "{}{}", NOTE_NAMES[usize::from(self.root)], suffix)?;
        if self.bass != self.root {
            write!(f, "/{}", NOTE_NAMES[usize::from(self.bass)])?;
        }
        Ok(())
    }
}

/// A chord and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChordSpan {
    /// The chord; `None` leaves the harmony to the model.
    pub chord: Option<Chord>,
    /// Length in steps of a 4/4 bar's sixteenths.
    pub steps: u32,
}

/// Chords in a row, repeated for ever.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progression {
    /// The chords; empty means none are asked for.
    pub spans: Vec<ChordSpan>,
}

impl Progression {
    /// Reads `"Dm7 G7 Cmaj7 Am7"`: one chord a bar of `bar_steps` steps; `"Dm7 . G7 ."` holds with dots,
    /// `"(Dm7 G7) C"` shares a bar, `"_"` leaves a bar to the model.
    ///
    /// # Errors
    /// A sentence that names the symbol which is no chord.
    pub fn parse(text: &str, bar_steps: u32) -> Result<Progression, String> {
        let mut spans: Vec<ChordSpan> = Vec::new();
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('|', " ");
        let mut group: Option<Vec<&str>> = None;
        for word in spaced.split_whitespace() {
            match (word, &mut group) {
                ("(", None) => group = Some(Vec::new()),
                (")", Some(words)) => {
                    let words = std::mem::take(words);
                    group = None;
                    let count = words.len() as u32;
                    if count == 0 || count > bar_steps {
                        return Err(format!("a bar holds 1 to {bar_steps} chords, not {count}"));
                    }
                    for (i, w) in words.into_iter().enumerate() {
                        let i = i as u32;
                        push_span(&mut spans, w, (i + 1) * bar_steps / count - i * bar_steps / count)?;
                    }
                }
                ("(" | ")", _) => return Err("brackets in the chords do not match".into()),
                (w, Some(words)) => words.push(w),
                (w, None) => push_span(&mut spans, w, bar_steps)?,
            }
        }
        if group.is_some() {
            return Err("brackets in the chords do not match".into());
        }
        if spans.len() > 1024 {
            return Err("more than 1024 chords in one progression".into());
        }
        Ok(Progression { spans })
    }

    /// Steps until the progression repeats; 0 when it is empty.
    pub fn length_steps(&self) -> u64 {
        self.spans.iter().map(|s| u64::from(s.steps)).sum()
    }

    /// The chord `steps` after the progression began, the one that follows it, and the steps until then.
    pub fn at(&self, steps: u64) -> (Option<Chord>, Option<Chord>, u32) {
        let length = self.length_steps();
        if length == 0 {
            return (None, None, 0);
        }
        let mut left = steps % length;
        for (i, span) in self.spans.iter().enumerate() {
            if left < u64::from(span.steps) {
                let next = self.spans[(i + 1) % self.spans.len()].chord;
                return (span.chord, next, span.steps - left as u32);
            }
            left -= u64::from(span.steps);
        }
        (None, None, 0)
    }
}

fn push_span(spans: &mut Vec<ChordSpan>, word: &str, steps: u32) -> Result<(), String> {
    match word {
        "." | "%" => match spans.last_mut() {
            Some(last) => last.steps += steps,
            None => return Err(format!("'{word}' holds the chord before it, and there is none")),
        },
        "_" => spans.push(ChordSpan { chord: None, steps }),
        _ => {
            let chord = Chord::parse(word).ok_or_else(|| {
                format!("'{word}' is no chord I know: write a root and a quality, as in C, Dm7, F#m7b5, Bbmaj7/D")
            })?;
            spans.push(ChordSpan { chord: Some(chord), steps });
        }
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    fn pitch_classes(symbol: &str) -> Vec<u8> {
        let chord = Chord::parse(symbol).unwrap_or_else(|| panic!("{symbol}"));
        (0..12).filter(|pc| chord.mask >> pc & 1 == 1).collect()
    }

    #[test]
    fn symbols_become_pitch_classes() {
        for (symbol, expected) in [
            ("C", vec![0, 4, 7]),
            ("Am", vec![0, 4, 9]),
            ("F#dim", vec![0, 6, 9]),
            ("Eaug", vec![0, 4, 8]),
            ("Gsus4", vec![0, 2, 7]),
            ("G7", vec![2, 5, 7, 11]),
            ("Cmaj7", vec![0, 4, 7, 11]),
            ("Dm7", vec![0, 2, 5, 9]),
            ("Bm7b5", vec![2, 5, 9, 11]),
            ("Cdim7", vec![0, 3, 6, 9]),
            ("C6", vec![0, 4, 7, 9]),
            ("C9", vec![0, 2, 4, 7, 10]),
            ("Cadd9", vec![0, 2, 4, 7]),
            ("C/D", vec![0, 2, 4, 7]),
            ("C6/9", vec![0, 2, 4, 7, 9]),
            ("Bb", vec![2, 5, 10]),
        ] {
            assert_eq!(pitch_classes(symbol), expected, "{symbol}");
        }
        for bad in ["", "c", "X", "Cfoo", "C/", "C/X", "Dm7/", "7", "m"] {
            assert_eq!(Chord::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn symbols_print_and_parse_back() {
        for (suffix, mask) in QUALITIES {
            let chord = Chord::new(3, *mask);
            let printed = chord.to_string();
            assert_eq!(Chord::parse(&printed).map(|c| c.mask), Some(chord.mask), "{suffix} {printed}");
        }
        assert_eq!(Chord::parse("Dm7/G").unwrap().to_string(), "Dm7/G");
    }

    #[test]
    fn progressions_hold_share_and_rest() {
        let p = Progression::parse("Dm7 . (G7 C) _", 16).unwrap();
        let steps: Vec<_> = p.spans.iter().map(|s| s.steps).collect();
        assert_eq!(steps, [32, 8, 8, 16]);
        let (now, next, left) = p.at(64 + 33);
        assert_eq!((now.unwrap().to_string(), next.unwrap().to_string(), left), ("G7".into(), "C".into(), 7));
        assert!(Progression::parse(". C", 16).is_err());
        assert!(Progression::parse("(C", 16).is_err());
        assert!(Progression::parse("Hx", 16).is_err());
    }
}
