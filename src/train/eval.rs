//! Eval: bits a note on held-out works, beside baselines that only count.
//!
//! Protocol: splits by work; whole pieces from their first step; bits of all choices (pitch or kit row, and END) and
//! durations, divided by the notes. Velocities and offsets are printed apart, where a corpus has them.

use super::batch::{Prepared, Told};
use super::data::prepare;
use super::net::Net;
use super::ngram::{self, NGram, ORDER, View};
use super::ops::{Compute, Pool};
use super::report::TrainError;
use super::score::{Bits, Tally, score};
use crate::corpus::{Corpus, Split};
use crate::engine::lstm::Weights;
use crate::music::ROLES;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// One predictor and its bits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Who predicts.
    pub name: String,
    /// Bits a note over all roles.
    pub bits_per_note: f64,
    /// Bits, role by role (drums, bass, chords, lead).
    pub tally: Tally,
}

/// Figures of one model on one split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// Which works.
    pub split: Split,
    /// Corpora and how many pieces of each were scored.
    pub corpora: Vec<(String, usize)>,
    /// Grid steps.
    pub steps: u64,
    /// Predictors, the model's last.
    pub rows: Vec<Row>,
    /// The model's bits a note, told the style only, as a share of the better n-gram's; `None` without baselines.
    pub ratio: Option<f64>,
    /// The same for each role that has notes.
    pub ratio_by_role: Vec<(String, f64)>,
}

/// What to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct EvalOptions {
    /// Which works.
    pub split: Split,
    /// Count the baselines on the train split too.
    pub baselines: bool,
    /// Threads.
    pub threads: usize,
    /// What the net computes with.
    pub compute: Compute,
}

impl Default for EvalOptions {
    fn default() -> Self {
        EvalOptions { split: Split::Valid, baselines: true, threads: 1, compute: Compute::Fused }
    }
}

/// Evaluates a model on a corpus. `stop` ends it early with an error.
///
/// # Errors
/// One sentence: a split without notes, or an interruption.
pub fn lstm(
    weights: &Weights,
    corpus: &Corpus,
    options: &EvalOptions,
    stop: &AtomicBool,
) -> Result<EvalReport, TrainError> {
    let styles = &weights.card.styles;
    let held_out = prepare(corpus, options.split, styles);
    let pieces: Vec<&Prepared> = held_out.iter().collect();
    if pieces.is_empty() {
        let name = format!("{:?}", options.split).to_lowercase();
        return Err(TrainError::Data(format!("there is nothing to evaluate: no piece with notes in the {name} split")));
    }
    let mut rows = Vec::new();
    if options.baselines {
        rows.extend(baselines(corpus, &pieces, styles)?);
    }
    let pool = Pool::of(options.compute, options.threads)?;
    let net = Net::from_weights(weights, &pool)?;
    for (name, told) in [("lstm, told the style", Told::STYLE), ("lstm, told all controls", Told::ALL)] {
        rows.push(row(name, score(&net, &pieces, told, stop)?));
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(TrainError::Data("the evaluation was interrupted".into()));
        }
    }
    Ok(report(options.split, &pieces, rows))
}

/// The counting baselines, fitted on the train split.
fn baselines(corpus: &Corpus, pieces: &[&Prepared], styles: &[String]) -> Result<Vec<Row>, TrainError> {
    let train = prepare(corpus, Split::Train, styles);
    let train: Vec<&Prepared> = train.iter().collect();
    if train.is_empty() {
        return Err(TrainError::Data(
            "the baselines have nothing to count: no piece with notes in the train split".into(),
        ));
    }
    let own = NGram::fit(&train, View::Own);
    let mut rows = vec![
        row("uniform", ngram::uniform(pieces)),
        row("unigram", own.score(pieces, 1)),
        row(&format!("{ORDER}-gram of the role"), own.score(pieces, ORDER)),
    ];
    drop(own);
    rows.push(row(&format!("{ORDER}-gram of the band"), NGram::fit(&train, View::Band).score(pieces, ORDER)));
    Ok(rows)
}

fn row(name: &str, tally: Tally) -> Row {
    Row { name: name.to_owned(), bits_per_note: tally.all().per_note(), tally }
}

fn report(split: Split, pieces: &[&Prepared], rows: Vec<Row>) -> EvalReport {
    let mut corpora: Vec<(String, usize)> = Vec::new();
    for p in pieces {
        match corpora.iter_mut().find(|c| c.0 == p.piece.corpus) {
            Some(entry) => entry.1 += 1,
            None => corpora.push((p.piece.corpus.clone(), 1)),
        }
    }
    let best = |of: &dyn Fn(&Tally) -> Bits| {
        let grams = rows.iter().filter(|r| r.name.contains("-gram"));
        grams.map(|r| of(&r.tally).per_note()).min_by(f64::total_cmp)
    };
    let model = rows.iter().find(|r| r.name.starts_with("lstm")).map(|r| r.tally).unwrap_or_default();
    let ratio = best(&|t| t.all()).map(|b| model.all().per_note() / b);
    let by_role = ROLES.into_iter().filter(|r| model.roles[r.index()].notes > 0).filter_map(|r| {
        let b = best(&|t| t.roles[r.index()])?;
        Some((r.name().to_owned(), model.roles[r.index()].per_note() / b))
    });
    let ratio_by_role = by_role.collect();
    let steps = pieces.iter().map(|p| u64::from(p.piece.steps)).sum();
    EvalReport { split, corpora, steps, ratio, ratio_by_role, rows }
}

impl std::fmt::Display for EvalReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pieces: usize = self.corpora.iter().map(|c| c.1).sum();
        let notes = self.rows.last().map_or(0, |r| r.tally.all().notes);
        writeln!(f, "{:?} split: {pieces} pieces, {} steps, {notes} notes", self.split, self.steps)?;
        let names: Vec<String> = self.corpora.iter().map(|c| format!("{} {}", c.0, c.1)).collect();
        writeln!(f, "{}\n", names.join(", "))?;
        writeln!(f, "{:<26}{:>8}{:>8}{:>8}{:>8}{:>8}", "bits/note", "all", "drums", "bass", "chords", "lead")?;
        for row in &self.rows {
            write!(f, "{:<26}{:>8.3}", row.name, row.bits_per_note)?;
            for bits in &row.tally.roles {
                if bits.notes > 0 { write!(f, "{:>8.3}", bits.per_note())? } else { write!(f, "{:>8}", "-")? }
            }
            writeln!(f)?;
        }
        for row in self.rows.iter().filter(|r| r.name.starts_with("lstm")) {
            let all = row.tally.all();
            let share =
                |bits: f64, notes: u64| if notes > 0 { format!("{:.3}", bits / notes as f64) } else { "-".into() };
            let (velocity, offset) = (share(all.velocity, all.velocity_notes), share(all.offset, all.offset_notes));
            let uniform = "(uniform 4.000 and 3.907)";
            writeln!(f, "{}: velocity {velocity}, offset {offset} bits/note where there are any {uniform}", row.name)?;
        }
        if let Some(ratio) = self.ratio {
            write!(f, "\nlstm / better n-gram: {ratio:.3} ({:+.1} %)", (ratio - 1.0) * 100.0)?;
            for (name, ratio) in &self.ratio_by_role {
                write!(f, ", {name} {ratio:.3}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
