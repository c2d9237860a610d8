//! What a run says while it goes on, and how it fails.

use super::lstm::Outcome;
use super::score::Tally;
use crate::corpus::CorpusError;
use crate::music::ROLES;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One piece of news from a run; its `Display` is one line, except that of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Files read so far.
    Loading {
        /// Files that are done.
        done: usize,
        /// Files in all.
        total: usize,
    },
    /// The run begins.
    Start {
        /// Pieces to learn from.
        train: usize,
        /// Pieces to check with.
        valid: usize,
        /// Numbers in the net.
        parameters: usize,
        /// Updates done by earlier runs.
        updates: u64,
        /// Style of all pieces, when they share one.
        style: Option<String>,
        /// Model that the run begins with.
        from: Option<String>,
    },
    /// Something that the owner of the folder should know.
    Warning(String),
    /// Some updates were done.
    Progress {
        /// Updates in all.
        update: u64,
        /// Updates wanted, when the run is counted in updates.
        of: Option<u64>,
        /// Bits a note on the windows since the last report, with dropout.
        bits_per_note: f64,
        /// Learning rate.
        rate: f32,
        /// Grid steps a second.
        steps_per_s: f64,
        /// Decisions a second.
        decisions_per_s: f64,
        /// Seconds until the end, about.
        seconds_left: f64,
    },
    /// The averaged weights were checked on valid.
    Valid {
        /// Updates done.
        update: u64,
        /// Pieces checked.
        pieces: usize,
        /// Bits.
        tally: Tally,
        /// True when no weights before did better.
        is_best: bool,
    },
    /// How it goes, as pictures of text.
    Picture {
        /// Updates done.
        update: u64,
        /// Bits a note over the updates, learning and on valid.
        plot: String,
        /// A bar that the averaged weights play.
        sample: String,
    },
    /// A model file was written.
    Saved {
        /// Where.
        path: PathBuf,
        /// Updates that its weights had seen.
        updates: u64,
    },
    /// The run is over.
    End(Outcome),
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Report::Loading { done, total } => write!(f, "reading {done} of {total} files"),
            Report::Start { train, valid, parameters, updates, style, from } => {
                write!(
                    f,
                    "{train} pieces to learn from, {valid} to check with; {:.2} M parameters, {updates} updates done",
                    *parameters as f64 / 1e6
                )?;
                from.iter().try_for_each(|from| write!(f, "; from {from}"))?;
                style.iter().try_for_each(|style| write!(f, "; style '{style}'"))
            }
            Report::Warning(why) => write!(f, "note: {why}"),
            Report::Progress { update, of, bits_per_note, rate, steps_per_s, decisions_per_s, seconds_left } => {
                let of = of.map_or(String::new(), |u| format!("/{u}"));
                write!(
                    f,
                    "update {update}{of}  {bits_per_note:.3} bits/note  rate {rate:.5}  {steps_per_s:.0} steps/s  \
                     {decisions_per_s:.0} tokens/s  {} left",
                    clock(*seconds_left)
                )
            }
            Report::Valid { update, pieces, tally, is_best } => {
                write!(f, "valid at {update}: {:.3} bits/note over {pieces} pieces (", tally.all().per_note())?;
                for (i, role) in ROLES.into_iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{} {:.3}", role.name(), tally.roles[i].per_note())?;
                }
                write!(f, "){}", if *is_best { ", the best so far" } else { "" })
            }
            Report::Picture { plot, sample, .. } => write!(f, "{plot}\n{sample}"),
            Report::Saved { path, updates } => write!(f, "saved {}: weights of update {updates}", path.display()),
            Report::End(outcome) => {
                let how = match (outcome.stopped, outcome.is_early) {
                    (true, _) => "stopped",
                    (_, true) => "ended early, since valid no longer improved,",
                    _ => "done",
                };
                write!(f, "{how} after {} updates; the weights of update {} are kept", outcome.updates, outcome.kept)?;
                outcome.valid.iter().try_for_each(|bits| write!(f, " ({bits:.3} bits/note on valid)"))
            }
        }
    }
}

pub(super) fn clock(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown time".into();
    }
    let s = seconds as u64;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Why a run ended without a model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Nothing to learn from.
    #[error("{0}")]
    Data(String),
    /// A setting out of range.
    #[error("this training cannot be set up: {0}")]
    Setting(String),
    /// Disk full, no permission.
    #[error("{0}")]
    Write(String),
    /// A checkpoint that does not fit.
    #[error("{0}")]
    Checkpoint(String),
    /// The loss left the numbers.
    #[error("the loss is no number after {update} updates{}; try again with a lower learning rate", saved_hint(*.saved))]
    NotANumber {
        /// Updates done.
        update: u64,
        /// True when there is a checkpoint from before.
        saved: bool,
    },
    /// The arithmetic refused.
    #[error("training stopped in the tensor library: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl From<CorpusError> for TrainError {
    fn from(error: CorpusError) -> TrainError {
        TrainError::Data(error.to_string())
    }
}

fn saved_hint(saved: bool) -> &'static str {
    if saved { " (the last checkpoint is whole)" } else { "" }
}

/// Figures of a model's card.
pub fn quality(tally: &Tally) -> BTreeMap<String, f64> {
    let round = |x: f64| (x * 1000.0).round() / 1000.0;
    let mut figures = BTreeMap::from([("valid bits/note".to_owned(), round(tally.all().per_note()))]);
    for (role, bits) in ROLES.into_iter().zip(&tally.roles).filter(|(_, b)| b.notes > 0) {
        figures.insert(format!("valid bits/note {}", role.name()), round(bits.per_note()));
    }
    figures
}

/// Licence and attribution of a corpus whose weights may ship; others are the trainer's own.
pub fn licence(corpus: &str) -> &'static str {
    LICENCES.iter().find(|l| l.0 == corpus).map_or("not stated", |l| l.1)
}

const LICENCES: &[(&str, &str)] = &[
    ("openscore-lieder", "CC0 1.0; OpenScore Lieder Corpus"),
    ("openscore-quartets", "CC0 1.0; OpenScore String Quartets"),
    ("openhymnal", "public domain; Open Hymnal Project"),
    ("jsb-chorales", "public domain music; Boulanger-Lewandowski et al. (ICML 2012)"),
    ("mutopia-keyboard", "public domain; The Mutopia Project"),
    ("openewld-pd", "MIT; OpenEWLD, Federico Simonetta; works in the public domain in the USA"),
    ("groove", "CC BY 4.0; Groove MIDI Dataset by Google LLC (Magenta), modified; Gillick et al. (ICML 2019)"),
    ("freedoom-music", "BSD-3-Clause; Copyright (c) 2001-2024 Contributors to the Freedoom project"),
    ("helland-game-music", "CC BY 4.0; music by Tanner Helland, https://github.com/tannerhelland/free-music"),
    ("free-midi-chords", "MIT; Copyright (c) 2019 Ludovic Drolez"),
    ("rock-corpus-chords", "CC BY 4.0; Rock Corpus v2.1, T. de Clercq and D. Temperley; rendered to MIDI"),
];
