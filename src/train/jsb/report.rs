//! What a benchmark's report holds, and how it is printed.

use super::read::Splits;
use super::score::Score;
use super::steps::{Step, VOICES, Voices};
use crate::corpus::fnv;
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
