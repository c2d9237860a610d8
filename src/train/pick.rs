//! What a run learns from and what it holds out, and what there is to say about a folder before anything is learned.

use super::batch::Prepared;
use super::data::prepare;
use super::report::TrainError;
use crate::corpus::{Corpus, Piece, Split};
use crate::music::{Chance, ROLES};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Works from which on some are held out where no split says which: below, each is worth more learned from than checked with.
const HOLD_OUT_FROM: usize = 8;
/// One work in so many is held out.
const HOLD_OUT_SHARE: usize = 20;

/// The pieces of a run.
pub struct Picked<'a> {
    /// Learned from.
    pub train: Vec<Prepared<'a>>,
    /// Checked with; may be empty.
    pub valid: Vec<Prepared<'a>>,
    /// Roles that have notes to learn from, by `Role::index`.
    pub roles: [bool; 4],
    /// What the owner of the folder should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Sorts the corpus's pieces that have notes into those learned from and those held out.
///
/// # Errors
/// A sentence when there is nothing to learn from.
pub fn pick<'a>(corpus: &'a Corpus, styles: &[String], is_tuned: bool) -> Result<Picked<'a>, TrainError> {
    let mut warnings = Vec::new();
    let mut train = prepare(corpus, Split::Train, styles);
    let mut valid = prepare(corpus, Split::Valid, styles);
    if train.is_empty() {
        train = std::mem::take(&mut valid);
        train.extend(prepare(corpus, Split::Test, styles));
        if train.is_empty() {
            return Err(TrainError::Data(nothing(corpus)));
        }
        warnings.push(format!("no piece is in the train split: all {} are learned from", train.len()));
    }
    if valid.is_empty() {
        let held: BTreeSet<String> = held_out(&train);
        if held.is_empty() {
            let works = works(&train).len();
            let what =
                if works == 1 { "there is one work only".to_string() } else { format!("there are {works} works") };
            warnings.push(format!(
                "{what}, so none is held out: without a valid split there are no figures on unheard music and no early stop, \
                 and the newest weights are kept"
            ));
        } else {
            warnings.push(format!("no piece is in the valid split: {} of the works are held out instead", held.len()));
            (valid, train) = train.into_iter().partition(|p| held.contains(&p.piece.work));
        }
    }
    let roles = ROLES.map(|role| train.iter().any(|p| p.piece.roles[role.index()]));
    warnings.extend(missing(&roles, is_tuned));
    if corpus.without_metre > 0 {
        warnings.push(format!("{} files name no metre: they are read as 4/4", corpus.without_metre));
    }
    Ok(Picked { train, valid, roles, warnings })
}

/// Why there is nothing to learn from.
fn nothing(corpus: &Corpus) -> String {
    let (used, left_out) = (corpus.pieces.len(), corpus.left_out.len());
    let why = match corpus.left_out.first() {
        None if used == 0 => "no MIDI file (.mid, .midi, .smf, .kar) was found".to_string(),
        None => format!("none of the {used} pieces has a note"),
        Some((path, reason)) => {
            format!("{left_out} MIDI files were found and none can be used ({}: {reason})", path.display())
        }
    };
    format!("there is nothing to learn from: {why}; `ricercar corpus DIR` says what was understood of a folder")
}

/// The sentence for folders without a single MIDI file; `None` when there are some.
pub fn no_files(corpus: &Corpus, dirs: &[PathBuf]) -> Option<String> {
    let is_bare = corpus.pieces.is_empty() && corpus.left_out.is_empty();
    let names: Vec<String> = dirs.iter().map(|d| d.display().to_string()).collect();
    is_bare.then(|| {
        format!(
            "there is nothing to learn from: no MIDI file (.mid, .midi, .smf, .kar) lies in {} or below",
            names.join(", ")
        )
    })
}

fn missing(roles: &[bool; 4], is_tuned: bool) -> Option<String> {
    let named = |want: bool| {
        let some = ROLES.into_iter().filter(|r| roles[r.index()] == want);
        some.map(|r| r.name()).collect::<Vec<_>>().join(", ")
    };
    if roles.iter().all(|r| *r) {
        return None;
    }
    let rest = if is_tuned {
        "they play as the model did before"
    } else {
        "they stay untrained and play at random: leave them to another engine, or begin with --from band"
    };
    Some(format!("only {} has notes to learn from; {} learn nothing here: {rest}", named(true), named(false)))
}

fn works<'p>(pieces: &'p [Prepared]) -> BTreeSet<&'p str> {
    pieces.iter().map(|p| p.piece.work.as_str()).collect()
}

/// Works to hold out where no split says which: drawn by their names, so that a grown folder holds out the same ones.
fn held_out(pieces: &[Prepared]) -> BTreeSet<String> {
    let mut works: Vec<&str> = works(pieces).into_iter().collect();
    if works.len() < HOLD_OUT_FROM {
        return BTreeSet::new();
    }
    works.sort_by_key(|work| Chance::name(&work.to_lowercase()));
    works.iter().take(works.len().div_ceil(HOLD_OUT_SHARE)).map(|w| (*w).to_string()).collect()
}

/// Corpora of the pieces, in order.
pub fn corpora(pieces: &[Piece]) -> Vec<String> {
    let names: BTreeSet<&str> = pieces.iter().map(|p| p.corpus.as_str()).collect();
    names.into_iter().map(str::to_string).collect()
}
