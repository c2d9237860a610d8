//! What was understood of a corpus, for people and for programs.

use super::piece::{Corpus, Dropped, Piece, Split};
use crate::music::ROLES;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Figures of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Everything together.
    pub total: Figures,
    /// By corpus folder.
    pub corpora: BTreeMap<String, Figures>,
    /// By style word.
    pub styles: BTreeMap<String, Figures>,
    /// By split.
    pub splits: BTreeMap<Split, Figures>,
    /// Bars of each metre, most first.
    pub metres: Vec<(String, u64)>,
    /// Notes of used files that are in no piece.
    pub dropped: Dropped,
    /// Files that name no metre and were read as 4/4.
    pub without_metre: u64,
    /// Files that are not used, by reason, most first.
    pub left_out: Vec<LeftOut>,
}

/// Sums over pieces.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Different works.
    pub works: u64,
    /// Pieces; a file with several sections has several.
    pub pieces: u64,
    /// Bars.
    pub bars: u64,
    /// Steps (sixteenths).
    pub steps: u64,
    /// Notes of drums, bass, chords and lead.
    pub notes: [u64; 4],
    /// Share of the notes that stand exactly on their sixteenth, 0..=1; 0 without notes.
    pub on_grid: f64,
    /// Pieces with human timing.
    pub performed: u64,
    /// Pieces with dynamics.
    pub with_velocity: u64,
    /// Pieces in a minor key.
    pub minor: u64,
    /// Chord changes a bar, over pieces with chords.
    pub chords_per_bar: f64,
}

/// Files left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The reason, in the words of the example.
    pub reason: String,
    /// How many files.
    pub files: u64,
    /// One of them.
    pub example: String,
}

/// Sums a corpus up.
pub fn report(corpus: &Corpus) -> Report {
    let mut metres: BTreeMap<String, u64> = BTreeMap::new();
    for piece in &corpus.pieces {
        for (i, (start, metre)) in piece.metres.iter().enumerate() {
            let end = piece.metres.get(i + 1).map_or(piece.steps, |m| m.0);
            *metres.entry(metre.to_string()).or_default() += u64::from(end.saturating_sub(*start) / metre.bar_steps());
        }
    }
    let mut metres: Vec<(String, u64)> = metres.into_iter().collect();
    metres.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let total = figures(corpus.pieces.iter().map(|p| ((), p))).remove(&()).unwrap_or_default();
    Report {
        total,
        corpora: figures(corpus.pieces.iter().map(|p| (p.corpus.clone(), p))),
        styles: figures(corpus.pieces.iter().map(|p| (p.style.clone(), p))),
        splits: figures(corpus.pieces.iter().map(|p| (p.split, p))),
        metres,
        dropped: corpus.dropped,
        without_metre: corpus.without_metre,
        left_out: left_out(corpus),
    }
}

fn figures<'a, K: Ord>(pieces: impl Iterator<Item = (K, &'a Piece)>) -> BTreeMap<K, Figures> {
    let mut groups: BTreeMap<K, Vec<&Piece>> = BTreeMap::new();
    for (key, piece) in pieces {
        groups.entry(key).or_default().push(piece);
    }
    groups.into_iter().map(|(key, pieces)| (key, sum(&pieces))).collect()
}

fn sum(pieces: &[&Piece]) -> Figures {
    let mut figures = Figures { pieces: pieces.len() as u64, ..Figures::default() };
    let (mut on_grid, mut chords, mut chord_bars) = (0u64, 0u64, 0u64);
    let works: BTreeSet<(&str, &str)> = pieces.iter().map(|p| (p.corpus.as_str(), p.work.as_str())).collect();
    figures.works = works.len() as u64;
    for piece in pieces {
        let bars = u64::from(piece.bars());
        figures.bars += bars;
        figures.steps += u64::from(piece.steps);
        for note in &piece.notes {
            figures.notes[note.role.index()] += 1;
            on_grid += u64::from(note.note.offset_ticks == 0);
        }
        figures.performed += u64::from(piece.is_performed);
        figures.with_velocity += u64::from(piece.has_velocity);
        figures.minor += u64::from(piece.key.is_some_and(|k| k.scale.name == "minor"));
        if !piece.chords.is_empty() {
            chords += piece.chords.len() as u64;
            chord_bars += bars;
        }
    }
    figures.on_grid = on_grid as f64 / figures.notes.iter().sum::<u64>().max(1) as f64;
    figures.chords_per_bar = chords as f64 / chord_bars.max(1) as f64;
    figures
}

/// Groups reasons that differ only in their numbers.
fn left_out(corpus: &Corpus) -> Vec<LeftOut> {
    let mut groups: BTreeMap<String, LeftOut> = BTreeMap::new();
    for (path, reason) in &corpus.left_out {
        let key: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        let example = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let group = groups.entry(key).or_insert(LeftOut { reason: reason.clone(), files: 0, example });
        group.files += 1;
    }
    let mut groups: Vec<LeftOut> = groups.into_values().collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.files));
    groups
}

/// A map as lines to print.
fn rows<K>(map: &BTreeMap<K, Figures>, name: impl Fn(&K) -> String) -> Vec<(String, &Figures)> {
    map.iter().map(|(key, figures)| (name(key), figures)).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |f: &mut fmt::Formatter<'_>, title: &str, rows: Vec<(String, &Figures)>| {
            write!(f, "{title:<22}{:>7}{:>8}{:>8}{:>9}", "works", "pieces", "bars", "steps")?;
            ROLES.iter().try_for_each(|role| write!(f, "{:>9}", role.name()))?;
            writeln!(f, "{:>9}", "on grid")?;
            for (name, row) in rows {
                write!(f, "  {name:<20}{:>7}{:>8}{:>8}{:>9}", row.works, row.pieces, row.bars, row.steps)?;
                row.notes.iter().try_for_each(|n| write!(f, "{n:>9}"))?;
                writeln!(f, "{:>8.1}%", row.on_grid * 100.0)?;
            }
            writeln!(f)
        };
        let mut corpora = rows(&self.corpora, String::clone);
        corpora.push(("all".into(), &self.total));
        group(f, "corpus", corpora)?;
        group(f, "style", rows(&self.styles, String::clone))?;
        group(f, "split", rows(&self.splits, |split| format!("{split:?}").to_lowercase()))?;
        let total = &self.total;
        let metres: Vec<String> = self.metres.iter().take(8).map(|(m, bars)| format!("{m} {bars}")).collect();
        writeln!(f, "bars by metre: {}", metres.join(", "))?;
        writeln!(
            f,
            "pieces with human timing {}, with dynamics {}, in minor {}; {:.2} chords a bar",
            total.performed, total.with_velocity, total.minor, total.chords_per_bar
        )?;
        let Dropped { effects, outside_kit, doubled } = self.dropped;
        writeln!(
            f,
            "notes not used: {effects} of effects, {outside_kit} outside the kit, {doubled} doubled in a step"
        )?;
        if self.without_metre > 0 {
            writeln!(f, "files that name no metre, read as 4/4: {}", self.without_metre)?;
        }
        let files: u64 = self.left_out.iter().map(|l| l.files).sum();
        writeln!(f, "files left out: {files}")?;
        for group in &self.left_out {
            writeln!(f, "{:>6}  {} (such as {})", group.files, group.reason, group.example)?;
        }
        Ok(())
    }
}
