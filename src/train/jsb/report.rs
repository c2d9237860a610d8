//! What a benchmark's report holds, and how it is printed.

use super::learn::State;
use super::nets::Notes;
use super::read::Splits;
use super::score::Score;
use super::steps::{Step, VOICES, Voices};
use crate::corpus::fnv;
use crate::train::net::Net;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Figures of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchmarkReport {
    /// Its name on the command line.
    pub benchmark: String,
    /// What it scores.
    pub what: String,
    /// What nats are counted by: `note` or `frame`.
    pub unit: String,
    /// What was read.
    pub file: FileFacts,
    /// Sizes of train, valid and test.
    pub splits: Vec<SplitFacts>,
    /// Predictors, the weakest first.
    pub rows: Vec<Row>,
    /// Nets, each by itself and averaged.
    pub nets: Vec<NetRow>,
    /// Repeated notes in train, valid and test; empty at quarters.
    pub repeats: Vec<Repeats>,
}

/// Which file it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileFacts {
    /// Its name, without the folder.
    pub name: String,
    /// Of its bytes, hexadecimal: whoever gets another number reads another file.
    pub fnv1a: String,
}

impl FileFacts {
    /// Of a file with these bytes.
    pub fn of(path: &Path, bytes: &[u8]) -> FileFacts {
        let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        FileFacts { name, fnv1a: format!("{:016x}", fnv(bytes)) }
    }
}

/// Size of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitFacts {
    /// `train`, `valid` or `test`.
    pub split: String,
    /// Pieces.
    pub pieces: usize,
    /// Steps: sixteenths or quarters.
    pub steps: u64,
    /// Notes that sound in them, held ones again at every step.
    pub notes: u64,
}

impl SplitFacts {
    /// Of some pieces.
    pub fn of<S: Step>(split: &str, pieces: &[Vec<S>]) -> SplitFacts {
        let steps = pieces.iter().map(|p| p.len() as u64).sum();
        let notes = pieces.iter().flatten().map(S::notes).sum();
        SplitFacts { split: split.to_owned(), pieces: pieces.len(), steps, notes }
    }
}

/// One predictor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// On the valid split.
    pub valid: Score,
    /// On the test split.
    pub test: Score,
}

/// Nets that were asked to be scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetRow {
    /// Which.
    pub name: String,
    /// On the valid split.
    pub valid: NetScore,
    /// On the test split, when it was asked for.
    pub test: Option<NetScore>,
}

impl NetRow {
    /// The name of a net: its file, parameters and how long it was trained.
    pub fn name(path: &Path, state: &State, net: &Net) -> String {
        let parameters: usize = net.vars().iter().map(|(_, v)| v.elem_count()).sum();
        let kinds = path.parent().and_then(Path::file_name).map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let minutes = state.seconds / 60.0;
        format!("{kinds}: {:.2} M, {} updates, {minutes:.0} min", parameters as f64 / 1e6, state.updates)
    }
}

/// What nets reach on a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetScore {
    /// All that is to be guessed, for each note or frame: with the chord's nats, where a chord is chosen before the notes.
    pub joint: Score,
    /// The notes, given the chord of their own step.
    pub given_chord: Option<Score>,
    /// The chord, for each step.
    pub chord: Option<Score>,
}

impl NetScore {
    /// From nats of every step. A chord that was only guessed aside is no part of the joint; its caller leaves it out.
    pub fn of<S: Step>(told: &Notes, chord_first: bool) -> NetScore {
        let notes = Score::of_steps(&told.notes, S::UNITS);
        let Some(apart) = &told.apart else { return NetScore { joint: notes, given_chord: None, chord: None } };
        let chord = Some(Score::of_steps(apart, 1));
        if !chord_first {
            return NetScore { joint: notes, given_chord: None, chord };
        }
        let both = told.notes.iter().zip(apart).map(|(n, c)| n.iter().zip(c).map(|(n, c)| n + c).collect());
        NetScore { joint: Score::of_steps(&both.collect::<Vec<Vec<f64>>>(), S::UNITS), given_chord: Some(notes), chord }
    }
}

/// How often a voice stays where it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repeats {
    /// `train`, `valid` or `test`.
    pub split: String,
    /// Shares (0..=1) of notes, rests included, that equal their voice's last, at t mod 4 = 0, 1, 2, 3; first steps are left out.
    pub by_place: [f64; 4],
}

/// Shares of repeated notes of all splits.
pub fn repeats(splits: &Splits<Voices>) -> Vec<Repeats> {
    let of = |(split, pieces): (&str, &[Vec<Voices>])| {
        let (mut same, mut all) = ([0u64; 4], [0u64; 4]);
        for piece in pieces {
            for (t, pair) in piece.windows(2).enumerate() {
                let place = (t + 1) % 4;
                same[place] += (0..VOICES).filter(|v| pair[0].class(*v) == pair[1].class(*v)).count() as u64;
                all[place] += VOICES as u64;
            }
        }
        Repeats { split: split.to_owned(), by_place: std::array::from_fn(|i| same[i] as f64 / all[i] as f64) }
    };
    splits.named().map(of).to_vec()
}

impl fmt::Display for BenchmarkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.benchmark, self.what)?;
        writeln!(f, "file {}, FNV-1a {}", self.file.name, self.file.fnv1a)?;
        for s in &self.splits {
            writeln!(f, "{:<6}{:>4} pieces, {:>7} steps, {:>8} notes", s.split, s.pieces, s.steps, s.notes)?;
        }
        let unit = &self.unit;
        writeln!(
            f,
            "\nnats: a {unit}, over all; pieces: mean over pieces of their means; later: without first steps;"
        )?;
        writeln!(f, "bits: the first column in bits; all counted on train")?;
        for (split, score) in [("valid", (|r| &r.valid) as fn(&Row) -> &Score), ("test", |r| &r.test)] {
            writeln!(f, "\n{split:<34}{:>9}{:>9}{:>9}{:>9}", "nats", "pieces", "later", "bits")?;
            for row in &self.rows {
                let s = score(row);
                write!(f, "{:<34}{:>9.4}{:>9.4}", row.name, s.nats, s.by_piece)?;
                writeln!(f, "{:>9.4}{:>9.4}", s.without_first, s.bits)?;
            }
        }
        self.write_nets(f)?;
        if !self.repeats.is_empty() {
            writeln!(f, "\n{:<34}{:>9}{:>9}{:>9}{:>9}", "same as a step before, t mod 4 =", 0, 1, 2, 3)?;
        }
        for r in &self.repeats {
            write!(f, "{:<34}", r.split)?;
            r.by_place.iter().try_for_each(|share| write!(f, "{share:>9.4}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl BenchmarkReport {
    fn write_nets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for split in ["valid", "test"] {
            let of = |row: &'_ NetRow| if split == "valid" { Some(row.valid.clone()) } else { row.test.clone() };
            let rows: Vec<_> = self.nets.iter().filter_map(|row| Some((&row.name, of(row)?))).collect();
            if !rows.is_empty() {
                writeln!(
                    f,
                    "\n{:<46}{:>9}{:>9}{:>9}{:>9}",
                    format!("{split}, nets"),
                    "nats",
                    "pieces",
                    "later",
                    "bits"
                )?;
            }
            for (name, score) in rows {
                write_score(f, name, &score.joint)?;
                score.given_chord.iter().try_for_each(|s| write_score(f, "  given the chord of the step", s))?;
                score.chord.iter().try_for_each(|s| write_score(f, "  the chord, a step", s))?;
            }
        }
        Ok(())
    }
}

fn write_score(f: &mut fmt::Formatter<'_>, name: &str, s: &Score) -> fmt::Result {
    writeln!(f, "{name:<46}{:>9.4}{:>9.4}{:>9.4}{:>9.4}", s.nats, s.by_piece, s.without_first, s.bits)
}
