//! What a run learns from and what it holds out, and what there is to say about a folder before anything is learned.

use super::report::TrainError;
use super::shelf::Shelf;
use crate::corpus::{Corpus, Split};
use crate::music::ROLES;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Works from which on some are held out where no split says which: below, each is worth more learned from than checked with.
const HOLD_OUT_FROM: usize = 8;
/// One work in so many is held out.
const HOLD_OUT_SHARE: usize = 20;

/// The pieces of a run, by their numbers on the shelf.
pub struct Picked {
    /// Learned from.
    pub train: Vec<u32>,
    /// Checked with; may be empty.
    pub valid: Vec<u32>,
    /// Roles that have notes to learn from, by `Role::index`.
    pub roles: [bool; 4],
    /// What the owner of the folder should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Sorts the pieces on the shelf into those learned from and those held out; `rest` is what else is known of their corpus.
///
/// # Errors
/// A sentence when there is nothing to learn from.
pub fn pick(shelf: &Shelf, rest: &Corpus, is_tuned: bool) -> Result<Picked, TrainError> {
    let mut warnings = Vec::new();
    let (mut train, mut valid) = (shelf.split(Split::Train), shelf.split(Split::Valid));
    if train.is_empty() {
        train = std::mem::take(&mut valid);
        train.extend(shelf.split(Split::Test));
        if train.is_empty() {
            return Err(TrainError::Data(nothing(shelf, rest)));
        }
        warnings.push(format!("no piece is in the train split: all {} are learned from", train.len()));
    }
    let slot = |number: &u32| &shelf.slots()[*number as usize];
    if valid.is_empty() {
        let works: BTreeSet<u64> = train.iter().map(|n| slot(n).work).collect();
        let held = held_out(&works);
        if held.is_empty() {
            let what = if works.len() == 1 {
                "there is one work only".to_string()
            } else {
                format!("there are {} works", works.len())
            };
            warnings.push(format!(
                "{what}, so none is held out: without a valid split there are no figures on unheard music and no early stop, \
                 and the newest weights are kept"
            ));
        } else {
            warnings.push(format!("no piece is in the valid split: {} of the works are held out instead", held.len()));
            (valid, train) = train.into_iter().partition(|n| held.contains(&slot(n).work));
        }
    }
    let roles = ROLES.map(|role| train.iter().any(|n| slot(n).roles[role.index()]));
    warnings.extend(missing(&roles, is_tuned));
    if rest.without_metre > 0 {
        warnings.push(format!("{} files name no metre: they are read as 4/4", rest.without_metre));
    }
    Ok(Picked { train, valid, roles, warnings })
}

/// Why there is nothing to learn from.
fn nothing(shelf: &Shelf, rest: &Corpus) -> String {
    let (used, left_out) = (shelf.seen(), rest.left_out.len());
    let why = match rest.left_out.first() {
        None if used == 0 => "no MIDI file (.mid, .midi, .smf, .kar) was found".to_string(),
        None => format!("none of the {used} pieces has a note"),
        Some((path, reason)) => {
            format!("{left_out} MIDI files were found and none can be used ({}: {reason})", path.display())
        }
    };
    format!("there is nothing to learn from: {why}; `ricercar corpus DIR` says what was understood of a folder")
}

/// The sentence for folders without a single MIDI file; `None` when there are some.
pub fn no_files(shelf: &Shelf, rest: &Corpus, dirs: &[PathBuf]) -> Option<String> {
    let is_bare = shelf.seen() == 0 && rest.left_out.is_empty();
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

/// Works to hold out where no split says which: drawn by their names, which their numbers are made of, so that a grown folder holds
/// out the same ones.
fn held_out(works: &BTreeSet<u64>) -> BTreeSet<u64> {
    let share = if works.len() < HOLD_OUT_FROM { 0 } else { works.len().div_ceil(HOLD_OUT_SHARE) };
    works.iter().take(share).copied().collect()
}
