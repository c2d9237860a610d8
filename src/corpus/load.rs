//! Finding the files of a corpus, reading them on all cores, and keeping the result in the cache.

use super::cache::{self, Cache, Outcome, Record, Stamp};
use super::catalogue::{Catalogue, refusal};
use super::piece::{Corpus, Dropped, Piece, Split};
use super::quantise::{Sheet, understand};
use super::styles::style_of;
use crate::limits::{CORPUS_FILES, MIDI_FILE_BYTES};
use crate::midi;
use crate::music::{Chance, Purpose, ROLES};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// How far loading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done.
    pub done: usize,
    /// Files in all.
    pub total: usize,
}

/// Why nothing can be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A folder that cannot be read.
    #[error("the corpus folder {} cannot be read; give the path of a folder with MIDI files", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// More than `limits::CORPUS_FILES`.
    #[error("{} holds more than {CORPUS_FILES} MIDI files; give a smaller folder", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
}

/// A MIDI file that was found, with what its folders say.
struct Found {
    path: PathBuf,
    corpus: Arc<str>,
    folder_style: Arc<str>,
    split: Option<Split>,
    catalogue: Option<Arc<Catalogue>>,
}

/// Loads every MIDI file below the folders (or the single files given), in the order of the folders and then of names.
///
/// A folder with a `metadata.csv` is a corpus of its own. Sub-folders `train`, `valid` and `test` decide the split; without them the
/// metadata's `split` column does, else the work's name (90 / 5 / 5).
///
/// # Errors
/// When a folder cannot be read or holds too many files. Single files that cannot be read are listed in `left_out`.
pub fn load(dirs: &[PathBuf], progress: &mut dyn FnMut(Progress)) -> Result<Corpus, CorpusError> {
    load_with_cache(dirs, cache::folder().as_deref(), progress)
}

/// [`load`] with the folder of the cache given; `None` works without a cache.
///
/// # Errors
/// Those of [`load`].
pub fn load_with_cache(
    dirs: &[PathBuf],
    cache_folder: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Corpus, CorpusError> {
    let mut pieces = Vec::new();
    let rest = visit(dirs, cache_folder, progress, &mut |piece| {
        pieces.push(piece);
        Ok::<(), CorpusError>(())
    })?;
    Ok(Corpus { pieces, ..rest })
}

/// Hands over the pieces that [`load`] would give, one after the other and in the same order, with only some files' worth of them in
/// memory; gives what else is known of the corpus, its `pieces` left empty.
///
/// # Errors
/// Those of [`load`], and the first one of `each`, which ends it.
pub fn load_each<E: From<CorpusError>>(
    dirs: &[PathBuf],
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<Corpus, E> {
    visit(dirs, cache::folder().as_deref(), progress, each)
}

/// Files that are understood at once, on all cores.
const BATCH: usize = 64;

fn visit<E: From<CorpusError>>(
    dirs: &[PathBuf],
    cache_folder: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<Corpus, E> {
    let lists: Vec<Vec<Found>> = dirs.iter().map(|dir| find(dir)).collect::<Result<_, _>>()?;
    let total = lists.iter().map(Vec::len).sum();
    let mut done = 0;
    let mut rest = Corpus::default();
    for (dir, found) in dirs.iter().zip(lists) {
        let mut cache = cache_folder.map(|folder| Cache::open(&cache::file_for(folder, dir)));
        for batch in found.chunks(BATCH) {
            for (found, outcome) in batch.iter().zip(outcomes(dir, batch, &mut cache)) {
                match outcome.and_then(|sheets| Ok((of_file(&sheets), pieces(found, sheets)?))) {
                    Ok(((dropped, is_metre_assumed), pieces)) => {
                        rest.without_metre += u64::from(is_metre_assumed);
                        rest.dropped.effects += dropped.effects;
                        rest.dropped.outside_kit += dropped.outside_kit;
                        rest.dropped.doubled += dropped.doubled;
                        pieces.into_iter().try_for_each(&mut *each)?;
                    }
                    Err(reason) => rest.left_out.push((found.path.clone(), reason)),
                }
            }
            done += batch.len();
            progress(Progress { done, total });
        }
        cache.into_iter().for_each(Cache::finish);
    }
    Ok(rest)
}

/// What is understood of some files, from the cache where it knows them; what it does not know is put there.
fn outcomes(dir: &Path, batch: &[Found], cache: &mut Option<Cache>) -> Vec<Outcome> {
    let stamps: Vec<Stamp> = batch.iter().map(|f| stamp(dir, &f.path)).collect();
    let records: Vec<Option<Record>> =
        stamps.iter().map(|stamp| cache.as_mut().and_then(|cache| cache.take(stamp))).collect();
    let understood: Vec<(Option<Record>, Outcome)> = records
        .into_par_iter()
        .zip(&stamps)
        .zip(batch)
        .map(|((record, stamp), found)| match record.as_ref().and_then(Record::outcome) {
            Some(outcome) => (record, outcome),
            None => (None, read_file(&found.path, stamp.size)),
        })
        .collect();
    let put = |(stamp, (record, outcome)): (&Stamp, (Option<Record>, Outcome))| {
        cache.iter_mut().for_each(|cache| cache.put(stamp, record.as_ref(), &outcome));
        outcome
    };
    stamps.iter().zip(understood).map(put).collect()
}

fn stamp(dir: &Path, path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok();
    let changed = data.as_ref().and_then(|d| d.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Stamp {
        path: path.strip_prefix(dir).unwrap_or(path).to_path_buf(),
        size: data.map_or(0, |d| d.len()),
        changed: changed.map_or(0, |d| d.as_nanos() as u64),
    }
}

fn read_file(path: &Path, size: u64) -> Outcome {
    if size > MIDI_FILE_BYTES {
        return Err(midi::MidiError::TooLarge(size).to_string());
    }
    let bytes = std::fs::read(path).map_err(|e| format!("the file cannot be read: {e}"))?;
    midi::read(&bytes).map_err(|e| e.to_string()).and_then(|file| understand(&file))
}

/// Adds what folder and metadata say to what the file says. Sections of one file are numbered.
fn pieces(found: &Found, sheets: Vec<Sheet>) -> Result<Vec<Piece>, String> {
    let name = stem(&found.path);
    let row = found.catalogue.as_ref().and_then(|c| c.row(&name));
    let cell = |column: &str| row.and_then(|r| r.get(column)).filter(|v| !v.is_empty());
    let work = cell("work_group").cloned().unwrap_or_else(|| name.clone());
    let split =
        found.split.or_else(|| cell("split").and_then(|s| split_named(s))).unwrap_or_else(|| split_by_name(&work));
    if let Some(reason) = row.and_then(|r| refusal(&found.corpus, r, split)) {
        return Err(reason.into());
    }
    let style = style_of(&found.corpus, row, &found.folder_style);
    let is_single = sheets.len() == 1;
    let numbered = |at: usize| if is_single { name.clone() } else { format!("{name}#{}", at + 1) };
    let piece = |(at, sheet): (usize, Sheet)| Piece {
        name: numbered(at),
        corpus: found.corpus.to_string(),
        style: style.clone(),
        work: work.clone(),
        split,
        steps: sheet.steps,
        metres: sheet.metres,
        bpm: sheet.bpm,
        roles: ROLES.map(|role| sheet.notes.iter().any(|n| n.role == role)),
        has_velocity: sheet.has_velocity,
        is_performed: sheet.is_performed,
        key: sheet.key,
        chords: sheet.chords,
        notes: sheet.notes,
    };
    Ok(sheets.into_iter().enumerate().map(piece).collect())
}

/// What a file's sheets left out, and whether its metre was guessed; only the first carries both.
fn of_file(sheets: &[Sheet]) -> (Dropped, bool) {
    sheets.first().map(|s| (s.dropped, s.is_metre_assumed)).unwrap_or_default()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

fn split_named(word: &str) -> Option<Split> {
    match word.to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "valid" | "validation" | "val" | "dev" => Some(Split::Valid),
        "test" => Some(Split::Test),
        _ => None,
    }
}

/// 90 / 5 / 5 by the name of the work, without regard to case.
fn split_by_name(work: &str) -> Split {
    match Chance::new(Chance::name(&work.to_lowercase())).below(Purpose::Train, 0, 0, 100) {
        0..=89 => Split::Train,
        90..=94 => Split::Valid,
        _ => Split::Test,
    }
}

/// Deepest folder that is searched; also ends circles of links.
const DEPTH: usize = 12;

fn find(dir: &Path) -> Result<Vec<Found>, CorpusError> {
    let error = |source| CorpusError::Folder { path: dir.to_path_buf(), source };
    let whole = std::fs::canonicalize(dir).map_err(error)?;
    let is_file = whole.is_file();
    let root = if is_file { whole.parent().unwrap_or(Path::new("/")).to_path_buf() } else { whole };
    let name: Arc<str> = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default().into();
    let context =
        Found { path: dir.to_path_buf(), corpus: name.clone(), folder_style: name, split: None, catalogue: None };
    let mut found = Vec::new();
    if is_file {
        found.push(context);
    } else {
        std::fs::read_dir(dir).map_err(error)?;
        walk(&context, DEPTH, &mut found);
        if found.len() > CORPUS_FILES {
            return Err(CorpusError::TooManyFiles { path: dir.to_path_buf() });
        }
    }
    Ok(found)
}

/// Collects the MIDI files below `context.path`; folders that cannot be read are passed over.
fn walk(context: &Found, depth: usize, found: &mut Vec<Found>) {
    let Ok(entries) = std::fs::read_dir(&context.path) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).take(2 * CORPUS_FILES).collect();
    paths.sort();
    let own = Catalogue::read(&context.path).map(Arc::new);
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let corpus = if own.is_some() { name(&context.path).into() } else { context.corpus.clone() };
    let catalogue = own.or_else(|| context.catalogue.clone());
    for path in paths {
        let file = name(&path);
        if file.starts_with('.') || found.len() > CORPUS_FILES {
            continue;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let below = |folder_style, split| Found {
            path: path.clone(),
            corpus: corpus.clone(),
            folder_style,
            split,
            catalogue: catalogue.clone(),
        };
        if path.is_dir() {
            let split = split_named(&file);
            // Folders that only sort files say nothing about the style.
            let is_style = split.is_none() && !matches!(file.to_lowercase().as_str(), "midi" | "mid" | "files");
            let style = if is_style { file.into() } else { context.folder_style.clone() };
            if depth > 0 {
                walk(&below(style, split.or(context.split)), depth - 1, found);
            }
        } else if matches!(ending.as_str(), "mid" | "midi" | "smf" | "kar") {
            found.push(below(context.folder_style.clone(), context.split));
        }
    }
}
