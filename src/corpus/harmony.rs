//! Chords of a piece: from the file's own labels when it has them, else estimated.
//!
//! The estimate compares the pitch classes that sound in each beat with chord templates and finds the cheapest
//! sequence by dynamic programming (Viterbi): changing costs least on a bar line, more on other beats.

use super::bars::Bars;
use super::piece::GridNote;
use crate::midi::MidiFile;
use crate::music::{Chord, Role};
use crate::time::Metre;

/// Suffixes of the templates, with the cost of choosing them: richer chords must earn it.
const TEMPLATES: [(&str, f32); 10] = [
    ("", 0.0),
    ("m", 0.0),
    ("7", 0.14),
    ("maj7", 0.20),
    ("m7", 0.18),
    ("dim", 0.10),
    ("m7b5", 0.22),
    ("dim7", 0.20),
    ("aug", 0.20),
    ("sus4", 0.20),
];
const STATES: usize = TEMPLATES.len() * 12 + 1;
/// The state without a chord.
const NONE: usize = STATES - 1;

/// Cost of a chord change on a bar line, in the middle of a bar, and on other beats.
const CHANGE: [f32; 3] = [0.45, 0.6, 0.8];

/// Reads chord labels that the file carries as markers, such as `Dm7`, `F:major` or `C:minor-seventh`. `None` when fewer than
/// half of its markers are chords.
pub fn labelled(file: &MidiFile, bars: &Bars) -> Option<Vec<(u32, Option<Chord>)>> {
    let chords: Vec<(u32, Option<Chord>)> = file
        .markers
        .iter()
        .filter_map(|(tick, text)| Some((bars.nearest_step(*tick), label(text)?)).filter(|c| c.0 < bars.steps))
        .collect();
    if chords.is_empty() || chords.len() * 2 < file.markers.len() {
        return None;
    }
    let mut spans = vec![(0, None)];
    for (step, chord) in chords {
        push(&mut spans, step, chord);
    }
    Some(spans)
}

/// One label: `Some(None)` says "no chord", `None` is no label.
fn label(text: &str) -> Option<Option<Chord>> {
    let text = text.trim();
    if matches!(text, "N.C." | "NC" | "N" | "none") {
        return Some(None);
    }
    let Some((root, kind)) = text.split_once(':') else { return Chord::parse(text).map(Some) };
    let suffix = match kind {
        "major" | "maj" => "",
        "minor" | "min" => "m",
        "dominant" | "dominant-seventh" => "7",
        "major-seventh" => "maj7",
        "minor-seventh" => "m7",
        "diminished" => "dim",
        "diminished-seventh" => "dim7",
        "half-diminished" => "m7b5",
        "augmented" => "aug",
        "augmented-seventh" => "7#5",
        "augmented-ninth" => "7#5",
        "major-sixth" => "6",
        "minor-sixth" => "m6",
        "dominant-ninth" => "9",
        "major-ninth" => "maj9",
        "minor-ninth" => "m9",
        "dominant-11th" => "11",
        "minor-11th" => "m11",
        "dominant-13th" => "13",
        "minor-13th" => "m11",
        "minor-major" => "mmaj7",
        "suspended-fourth" => "sus4",
        "suspended-second" => "sus2",
        "power" => "5",
        "maj69" => "69",
        other => other,
    };
    Chord::parse(&format!("{}{suffix}", root.replace('-', "b"))).map(Some)
}

fn push(spans: &mut Vec<(u32, Option<Chord>)>, step: u32, chord: Option<Chord>) {
    if spans.last().is_some_and(|s| s.0 == step) {
        spans.pop();
    }
    if spans.last().is_none_or(|s| s.1 != chord) {
        spans.push((step, chord));
    }
}

/// A beat: where it begins, what a change costs there, and what sounds in it.
struct Beat {
    step: u32,
    change: f32,
    /// Weight per pitch class, adding up to 1, or all 0.
    weights: [f32; 12],
    /// Share of the beat that each pitch class is the lowest.
    lowest: [f32; 12],
}

/// Estimates the chords of a piece from its pitched notes (sorted by step).
pub fn estimate(notes: &[GridNote], metres: &[(u32, Metre)], steps: u32) -> Vec<(u32, Option<Chord>)> {
    let mut beats = lay_beats(metres, steps);
    weigh(notes, &mut beats, steps);
    let masks: Vec<Chord> = (0..NONE).filter_map(state_chord).collect();
    let path = viterbi(&beats, &masks);
    let mut spans: Vec<(u32, Option<Chord>)> = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let end = (at..path.len()).find(|i| path[*i] != path[at]).unwrap_or(path.len());
        let chord = masks.get(path[at]).map(|c| with_bass(*c, &beats[at..end]));
        push(&mut spans, beats[at].step, chord);
        at = end;
    }
    spans
}

fn state_chord(state: usize) -> Option<Chord> {
    let root = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"][state % 12];
    Chord::parse(&format!("{root}{}", TEMPLATES[state / 12].0))
}

fn lay_beats(metres: &[(u32, Metre)], steps: u32) -> Vec<Beat> {
    let mut beats = Vec::new();
    for (i, (start, metre)) in metres.iter().enumerate() {
        let end = metres.get(i + 1).map_or(steps, |m| m.0);
        let bar = metre.bar_steps();
        let beat = metre.beat_steps().clamp(4, bar.max(4));
        let mut line = *start;
        while line < end {
            let mut step = line;
            while step < (line + bar).min(end) {
                let place = step - line;
                let change = if place == 0 {
                    CHANGE[0]
                } else if place * 2 == bar {
                    CHANGE[1]
                } else {
                    CHANGE[2]
                };
                beats.push(Beat { step, change, weights: [0.0; 12], lowest: [0.0; 12] });
                step += beat;
            }
            line += bar;
        }
    }
    beats
}

/// Sums what sounds in each beat: the bass counts most, the melody least.
fn weigh(notes: &[GridNote], beats: &mut [Beat], steps: u32) {
    let mut lowest = vec![u8::MAX; steps as usize];
    for note in notes.iter().filter(|n| n.role.is_pitched()) {
        let end = (note.step + u32::from(note.note.duration_steps)).min(steps);
        let role = match note.role {
            Role::Bass => 1.4,
            Role::Chords => 1.0,
            Role::Drums | Role::Lead => 0.6,
        };
        for low in &mut lowest[note.step as usize..end as usize] {
            *low = (*low).min(note.note.pitch);
        }
        let mut at = beats.partition_point(|b| b.step <= note.step).saturating_sub(1);
        while at < beats.len() && beats[at].step < end {
            let beat_end = beats.get(at + 1).map_or(steps, |b| b.step);
            let from = note.step.max(beats[at].step);
            let on_beat = if note.step == beats[at].step { 1.0 } else { 0.0 };
            let weight = role * ((end.min(beat_end) - from) as f32 + on_beat);
            beats[at].weights[usize::from(note.note.pitch % 12)] += weight;
            at += 1;
        }
    }
    let ends: Vec<u32> = beats.iter().skip(1).map(|b| b.step).chain([steps]).collect();
    for (beat, end) in beats.iter_mut().zip(ends) {
        let sum: f32 = beat.weights.iter().sum();
        if sum > 0.0 {
            beat.weights.iter_mut().for_each(|w| *w /= sum);
        }
        let length = (end - beat.step).max(1) as f32;
        for low in lowest[beat.step as usize..end as usize].iter().filter(|l| **l < u8::MAX) {
            beat.lowest[usize::from(low % 12)] += 1.0 / length;
        }
    }
}

/// How well each state fits a beat.
fn scores(beat: &Beat, chords: &[Chord], out: &mut [f32; STATES]) {
    let is_silent = beat.weights.iter().all(|w| *w == 0.0);
    out[NONE] = if is_silent { 0.04 } else { -0.25 };
    for (state, chord) in chords.iter().enumerate() {
        out[state] = 0.0;
        if is_silent {
            continue;
        }
        let (mut inside, mut missing) = (0.0, 0.0);
        for pc in 0..12u8 {
            let weight = beat.weights[usize::from(pc)];
            if chord.has(pc) {
                inside += weight;
                missing += if weight < 0.02 { 0.08 } else { 0.0 };
            }
        }
        let root = beat.weights[usize::from(chord.root)];
        let rootless = if root < 0.02 { 0.12 } else { 0.0 };
        let bass = 0.25 * beat.lowest[usize::from(chord.root)];
        out[state] = 2.0 * inside - 1.0 - missing - rootless + bass - TEMPLATES[state / 12].1;
    }
}

fn viterbi(beats: &[Beat], chords: &[Chord]) -> Vec<usize> {
    let mut total = [0f32; STATES];
    let mut score = [0f32; STATES];
    // 255 = stayed; else the state that was left.
    let mut from: Vec<[u8; STATES]> = Vec::with_capacity(beats.len());
    for (i, beat) in beats.iter().enumerate() {
        scores(beat, chords, &mut score);
        let best = best_of(&total);
        let change = if i == 0 { 0.0 } else { beat.change };
        let mut back = [u8::MAX; STATES];
        let arrive = total[best] - change;
        for state in 0..STATES {
            if arrive > total[state] {
                total[state] = arrive;
                back[state] = best as u8;
            }
            total[state] += score[state];
        }
        from.push(back);
    }
    let mut path = vec![NONE; beats.len()];
    let mut state = best_of(&total);
    for (at, back) in from.iter().enumerate().rev() {
        path[at] = state;
        if back[state] != u8::MAX {
            state = usize::from(back[state]);
        }
    }
    path
}

/// Index of the largest value, the first of equals.
fn best_of(values: &[f32; STATES]) -> usize {
    (1..STATES).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// The chord over its real bass when another chord tone is lowest for most of the time.
fn with_bass(mut chord: Chord, beats: &[Beat]) -> Chord {
    let mut lowest = [0f32; 12];
    for beat in beats {
        lowest.iter_mut().zip(beat.lowest).for_each(|(sum, low)| *sum += low);
    }
    let sum: f32 = lowest.iter().sum();
    if let Some(bass) = (0..12u8).find(|pc| lowest[usize::from(*pc)] > 0.6 * sum && chord.has(*pc)) {
        chord.bass = bass;
    }
    chord
}

const _: () = assert!(STATES <= 255);

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Progression, StepNote};

    /// Chord names by change point for block chords with their roots in the bass, or for what `play` makes of them.
    fn check(symbols: &str, play: impl Fn(u32, &Chord) -> Vec<(u32, Role, u8, u16)>, expected: &str) {
        let progression = Progression::parse(symbols, 16).unwrap();
        let mut notes = Vec::new();
        let mut start = 0;
        for span in &progression.spans {
            for (step, role, pitch, duration) in play(start, &span.chord.unwrap()) {
                notes.push(GridNote { step, role, note: StepNote::new(pitch, 80, duration) });
            }
            start += span.steps;
        }
        notes.sort_by_key(|n| (n.step, n.role, n.note.pitch));
        let got = estimate(&notes, &[(0, Metre::FOUR_FOUR)], start);
        let got: Vec<String> = got.iter().map(|c| c.1.map_or("-".into(), |c| c.to_string())).collect();
        assert_eq!(got.join(" "), expected);
    }

    fn tones(chord: &Chord) -> Vec<u8> {
        (60..72).filter(|p| chord.has(*p)).collect()
    }

    #[test]
    fn block_chords_are_recognised() {
        let block = |start: u32, chord: &Chord| {
            let mut notes = vec![(start, Role::Bass, 36 + chord.root, 16)];
            notes.extend(tones(chord).into_iter().map(|p| (start, Role::Chords, p, 16)));
            notes
        };
        for symbols in ["C Am F G7", "Dm7 G7 Cmaj7 Am", "F#m Bdim7 E7 Aaug", "Bm7b5 E7 Am Dsus4"] {
            check(symbols, block, symbols);
        }
    }

    #[test]
    fn broken_chords_under_a_melody_are_recognised() {
        let broken = |start: u32, chord: &Chord| {
            let tones = tones(chord);
            let mut notes: Vec<_> =
                (0..16).map(|i| (start + i, Role::Chords, tones[i as usize % tones.len()], 1)).collect();
            notes.push((start, Role::Bass, 36 + chord.root, 8));
            // A melody with passing notes.
            notes.extend((0..8).map(|i| (start + 2 * i, Role::Lead, 72 + [0, 2, 4, 5, 7, 5, 4, 2][i as usize], 2)));
            notes
        };
        check("C G C F C", broken, "C G C F C");
    }

    #[test]
    fn an_inversion_is_named_by_its_bass() {
        let inverted = |start: u32, chord: &Chord| {
            let mut notes = vec![(start, Role::Bass, 36 + (chord.root + 4) % 12, 16)];
            notes.extend(tones(chord).into_iter().map(|p| (start, Role::Chords, p, 16)));
            notes
        };
        check("C G", inverted, "C/E G/B");
    }

    #[test]
    fn labels_of_files_are_read() {
        for (text, chord) in [
            ("C:dominant", "C7"),
            ("Bb:minor-seventh", "A#m7"),
            ("F#:half-diminished", "F#m7b5"),
            ("Dm7/G", "Dm7/G"),
            ("E:maj", "E"),
        ] {
            assert_eq!(label(text).flatten().map(|c| c.to_string()), Some(chord.into()), "{text}");
        }
        assert_eq!(label("N.C."), Some(None));
        assert_eq!(label("verse 1"), None);
        assert_eq!(label("C:?"), None);
    }
}
