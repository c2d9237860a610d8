//! The table: what is measured of two bars, and its mean over many.
//!
//! Definitions follow the papers' words, not their code, where the two differ: MuseGAN's empty bars, muspy's "more than two" pitches,
//! tonal distance only where both sound, polyphony counted once.

use super::roll::{Roll, classes};
use super::tonal;
use super::windows::{Case, Take};
use crate::music::{ROLES, kit};

/// One line of the table.
pub struct Metric {
    /// Its name in reports.
    pub name: &'static str,
    /// Which roles have it: drums, bass, chords, lead.
    pub roles: [bool; ROLES.len()],
    /// What it is.
    pub doc: &'static str,
    of: fn(&Sums) -> (f64, f64),
}

const ALL: [bool; 4] = [true; 4];
const DRUMS: [bool; 4] = [true, false, false, false];
const PITCHED: [bool; 4] = [false, true, true, true];
const CHORDS: [bool; 4] = [false, false, true, false];
const PARTNERS: [bool; 4] = [false, false, true, true];

const fn metric(name: &'static str, roles: [bool; 4], doc: &'static str, of: fn(&Sums) -> (f64, f64)) -> Metric {
    Metric { name, roles, doc, of }
}

/// Every line, each as a quotient of two sums.
pub const METRICS: &[Metric] = &[
    metric("empty bars", ALL, "EB: share of bars in which nothing sounds", |s| (s.empty_bars, s.bars)),
    metric("pitch classes", PITCHED, "UPC: distinct ones in a bar that is not empty", |s| {
        (s.classes, s.bars - s.empty_bars)
    }),
    metric("two steps or more", PITCHED, "QN2: share of notes of at least two steps", |s| (s.long_notes, s.notes)),
    metric("over two pitches", CHORDS, "PP: share of steps with more than two pitches", |s| (s.thick_steps, s.steps)),
    metric("polyphony", ALL, "pitches in a step in which anything sounds", |s| (s.cells, s.sounding_steps)),
    metric("notes a bar", ALL, "notes that start in a bar", |s| (s.notes, s.bars)),
    metric("mean length", PITCHED, "steps of a note, up to the window's end", |s| (s.length, s.notes)),
    metric("on the beat", ALL, "share of notes that start on a beat", |s| (s.on_beat, s.notes)),
    metric("in scale", PITCHED, "share of a window's notes in the major scale that has most of them", |s| {
        (s.in_scale, s.scale_windows)
    }),
    metric("tonal distance", PARTNERS, "TD: lead against chords, beat by beat, where both sound", |s| {
        (s.tonal_distance, s.tonal_beats)
    }),
    metric(
        "groove",
        ALL,
        "1 - share of steps in which one of the two bars starts something and the other does not",
        |s| (s.same_steps, s.compared_steps),
    ),
    metric("kit rows", DRUMS, "distinct rows in a bar that is not empty", |s| (s.rows, s.bars - s.empty_bars)),
    metric("velocity", DRUMS, "mean velocity", |s| (s.velocity, s.notes)),
];

/// The table of one role: a value for each of [`METRICS`]; `None` where there was nothing to measure, or for other roles.
pub type Table = [Option<f64>; METRICS.len()];

/// What the lines are made of, summed over windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    bars: f64,
    empty_bars: f64,
    classes: f64,
    rows: f64,
    notes: f64,
    long_notes: f64,
    length: f64,
    on_beat: f64,
    velocity: f64,
    steps: f64,
    thick_steps: f64,
    sounding_steps: f64,
    cells: f64,
    in_scale: f64,
    scale_windows: f64,
    tonal_distance: f64,
    tonal_beats: f64,
    same_steps: f64,
    compared_steps: f64,
    chord_cells: f64,
    chord_hits: f64,
}

const MAJOR: u16 = 0b1010_1011_0101;

impl Sums {
    /// The sums over takes.
    pub fn of<'a>(takes: impl IntoIterator<Item = (&'a Case, &'a Take)>) -> Sums {
        let mut sums = Sums::default();
        for (case, take) in takes {
            sums.add(case, &Roll::new(case.window.role, take));
        }
        sums
    }

    /// Adds what one window shows.
    pub fn add(&mut self, case: &Case, roll: &Roll) {
        let role = case.window.role;
        for bar in [roll.bar(0), roll.bar(1)] {
            let all = bar.iter().fold(0, |all, cells| all | cells);
            self.bars += 1.0;
            self.empty_bars += f64::from(u8::from(all == 0));
            self.classes += f64::from(classes(all).count_ones());
            self.rows += kit::ROWS.iter().filter(|row| all >> row.pitch & 1 == 1).count() as f64;
        }
        for (step, cells) in roll.cells.iter().enumerate() {
            let count = cells.count_ones();
            self.steps += 1.0;
            self.cells += f64::from(count);
            self.sounding_steps += f64::from(u8::from(count > 0));
            self.thick_steps += f64::from(u8::from(count > 2));
            let chord = case.chords.get(step).copied().unwrap_or(0);
            if chord != 0 && role.is_pitched() {
                self.chord_cells += f64::from(count);
                let hits = (0..12).filter(|c| chord >> c & 1 == 1).map(|c| (cells & (OCTAVES << c)).count_ones());
                self.chord_hits += f64::from(hits.sum::<u32>());
            }
        }
        self.add_notes(case, roll);
        let (first, second) = roll.onsets.split_at(roll.bar_steps);
        self.compared_steps += roll.bar_steps as f64;
        self.same_steps += first.iter().zip(second).filter(|(a, b)| (**a == 0) == (**b == 0)).count() as f64;
        if !case.partner.is_empty() {
            let beat = case.window.bars[0].metre.beat_steps() as usize;
            let (sum, beats) = tonal::distance(&tonal::places(roll, beat), &case.partner);
            self.tonal_distance += sum;
            self.tonal_beats += f64::from(beats);
        }
    }

    fn add_notes(&mut self, case: &Case, roll: &Roll) {
        let beat = case.window.bars[0].metre.beat_steps() as usize;
        let mut by_class = [0u32; 12];
        for note in &roll.notes {
            self.notes += 1.0;
            self.long_notes += f64::from(u8::from(note.length >= 2));
            self.length += note.length as f64;
            self.on_beat += f64::from(u8::from((note.step % roll.bar_steps).is_multiple_of(beat)));
            self.velocity += f64::from(note.velocity);
            by_class[usize::from(note.pitch % 12)] += 1;
        }
        if !roll.notes.is_empty() {
            // Natural minor scales are the same twelve sets.
            let held = |tonic: usize| (0..12).filter(|c| MAJOR >> c & 1 == 1).map(|c| by_class[(c + tonic) % 12]).sum();
            let best: u32 = (0..12).map(held).max().unwrap_or(0);
            self.in_scale += f64::from(best) / roll.notes.len() as f64;
            self.scale_windows += 1.0;
        }
    }

    /// The lines of one role.
    pub fn table(&self, role: usize) -> Table {
        std::array::from_fn(|i| {
            let (sum, count) = (METRICS[i].of)(self);
            (METRICS[i].roles[role] && count > 0.0).then(|| sum / count)
        })
    }

    /// Share of sounding cells on tones of the chord, where a chord is known; `None` without any.
    pub fn chord_rate(&self) -> Option<f64> {
        (self.chord_cells > 0.0).then(|| self.chord_hits / self.chord_cells)
    }
}

/// Bits of pitch class 0 in all octaves.
const OCTAVES: u128 = {
    let (mut bits, mut pitch) = (0u128, 0);
    while pitch < 128 {
        bits |= 1 << pitch;
        pitch += 12;
    }
    bits
};

/// The line of a name; for looking values up.
pub fn line(name: &str) -> usize {
    METRICS.iter().position(|m| m.name == name).unwrap_or(0)
}

#[cfg(test)]
mod test {
    use super::super::roll::test::take;
    use super::super::windows::{Window, draw, mixture};
    use super::*;
    use crate::corpus::Corpus;
    use crate::engine::gan::Segment;
    use crate::music::{Chance, Role};
    use crate::train::{gan_data, gan_data::test::piece};

    /// A window of the first two bars of a piece in 4/4 (C for 20 steps, then G7).
    fn case(role: Role, notes: &[(u32, Role, u8, u16)]) -> (Corpus, Case) {
        let corpus = Corpus { pieces: vec![piece("a", "4/4", 2, notes)], ..Corpus::default() };
        let bars: [Segment; 2] = gan_data::bars(&corpus.pieces[0]).try_into().unwrap();
        let case = Case::new(&corpus, Window { piece: 0, role, bars });
        (corpus, case)
    }

    fn check(role: Role, case: &Case, take: &Take, expected: &[(&str, f64)]) {
        let table = Sums::of([(case, take)]).table(role.index());
        for (name, value) in expected {
            let got = table[line(name)].unwrap_or(f64::NAN);
            assert!((got - value).abs() < 1e-9, "{name}: {got}, not {value}");
        }
    }

    #[test]
    fn a_line_of_melody_by_hand() {
        // C, E and F sharp in the first bar, the last held into the second by two steps; nothing starts there.
        let (_, case) = case(Role::Lead, &[(0, Role::Chords, 48, 4), (0, Role::Lead, 60, 1)]);
        let played = take(16, &[(0, 60, 4), (4, 64, 1), (14, 66, 4)]);
        check(
            Role::Lead,
            &case,
            &played,
            &[
                ("empty bars", 0.0),
                ("pitch classes", (3.0 + 1.0) / 2.0),
                ("two steps or more", 2.0 / 3.0),
                ("polyphony", 1.0),
                ("notes a bar", 1.5),
                ("mean length", 3.0),
                ("on the beat", 2.0 / 3.0),
                // G major has E and F sharp and C.
                ("in scale", 1.0),
                // Only the first beat has chords, and there both are C.
                ("tonal distance", 0.0),
                ("groove", 13.0 / 16.0),
            ],
        );
        let sums = Sums::of([(&case, &played)]);
        assert_eq!(sums.table(3)[line("over two pitches")], None);
        // C for four steps and E are in C; F sharp is not.
        assert_eq!(sums.chord_rate(), Some(5.0 / 9.0));
    }

    #[test]
    fn chords_and_silence_by_hand() {
        let (_, case) = case(Role::Chords, &[(0, Role::Chords, 48, 1), (0, Role::Lead, 60, 1)]);
        let played = take(16, &[(2, 60, 2), (2, 64, 2), (2, 67, 1), (2, 71, 1)]);
        check(
            Role::Chords,
            &case,
            &played,
            &[
                ("empty bars", 0.5),
                ("pitch classes", 4.0),
                ("over two pitches", 1.0 / 32.0),
                ("polyphony", 3.0),
                ("notes a bar", 2.0),
                ("mean length", 1.5),
                ("on the beat", 0.0),
                ("groove", 15.0 / 16.0),
            ],
        );
        let chromatic: Vec<_> = (0..12).map(|i| (i, 60 + i as u8, 1)).collect();
        check(Role::Chords, &case, &take(16, &chromatic), &[("in scale", 7.0 / 12.0)]);
        let silence = Sums::of([(&case, &take(16, &[]))]);
        assert_eq!(silence.table(2)[line("empty bars")], Some(1.0));
        assert_eq!((silence.table(2)[line("pitch classes")], silence.chord_rate()), (None, None));
    }

    #[test]
    fn drums_by_hand() {
        let (_, case) = case(Role::Drums, &[(0, Role::Drums, 36, 1)]);
        let played = take(16, &[(0, 36, 1), (0, 42, 1), (2, 42, 1), (16, 36, 1), (18, 38, 1)]);
        check(
            Role::Drums,
            &case,
            &played,
            &[
                ("kit rows", (2.0 + 2.0) / 2.0),
                ("velocity", 80.0),
                ("polyphony", 5.0 / 4.0),
                ("groove", 1.0),
                ("on the beat", 3.0 / 5.0),
            ],
        );
        assert_eq!(Sums::of([(&case, &played)]).table(0)[line("pitch classes")], None);
    }

    #[test]
    fn drawn_windows_can_be_measured() {
        let notes: Vec<_> = (0..20).map(|i| (i * 3, Role::Bass, 40 + (i % 5) as u8, 2)).collect();
        let corpus = Corpus { pieces: vec![piece("a", "6/8", 5, &notes)], ..Corpus::default() };
        let kinds = mixture(&corpus, Role::Bass);
        let windows = draw(&corpus, crate::corpus::Split::Valid, Role::Bass, &kinds, 4, Chance::new(1));
        let cases: Vec<Case> = windows.into_iter().map(|w| Case::new(&corpus, w)).collect();
        let table = Sums::of(cases.iter().map(|c| (c, &c.real))).table(1);
        assert_eq!((cases.len(), table[line("notes a bar")]), (4, Some(4.0)));
        // Every second note is on a dotted quarter.
        assert_eq!(table[line("on the beat")], Some(0.5));
    }
}
