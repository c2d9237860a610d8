//! Training of the band LSTM: one run from corpora, or from a model and corpora, to a model file.
//!
//! Owns: [`Config`], [`Outcome`], [`run`] and [`train`]; the run itself is in `run`, what fine-tuning adds in [`tune`].
//! Called from: the command line's main thread.
//! Units: updates of the optimiser; bits a note on valid.
//!
//! Invariants
//! - A run that was stopped or killed and goes on gives the same curve and the same model as one that was not.
//! - `model.safetensors` in the run's folder holds the averaged weights that did best on valid so far; without a valid split
//!   the newest ones.
//! - Notes are in memory for the windows of one update, or for the valid pieces that are heard side by side.
//!
//! Not here: the net (`train::net`), which pieces are held out (`train::pick`), what is printed (`train::report`).

mod run;
#[cfg(test)]
mod test;
pub mod tune;

use super::metrics::Metrics;
use super::ops::Compute;
use super::pick::{no_files, pick};
use super::plain::STEPS_MAX;
use super::report::{Report, TrainError};
use super::shelf::Shelf;
use crate::corpus::{Corpus, Progress, load_each};
use run::{End, Run};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tune::Origin;

use super::optim::AdamW;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Units of a layer, a multiple of 16.
    pub hidden: usize,
    /// Layers, 1..=4.
    pub layers: usize,
    /// Width of a feature row.
    pub embed: usize,
    /// Width of the decisions' hidden layer.
    pub decide: usize,
    /// Width of the details' hidden layer.
    pub detail: usize,
    /// Share dropped between layers, on the output and in the heads.
    pub dropout: f32,
    /// Share dropped on the input.
    pub input_dropout: f32,
    /// Highest learning rate.
    pub rate: f32,
    /// Updates over which the rate rises.
    pub warm_up: u64,
    /// Windows of an update.
    pub batch: usize,
    /// Steps of a window.
    pub window: u32,
    /// End after this many updates,
    pub updates: Option<u64>,
    /// or after this many minutes, whichever comes first.
    pub minutes: Option<f64>,
    /// Move every window by a random number of semitones.
    pub transpose: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// What the net computes with.
    pub compute: Compute,
    /// Updates between reports.
    pub report_every: u64,
    /// Most minutes between checkpoints, and between checks on valid in a run that is counted in minutes.
    pub valid_minutes: f64,
    /// End when so many checks on valid in a row bring nothing better; 0 never does.
    pub patience: u64,
    /// Begin with this model in place of random weights: fine-tuning. Sizes are then the model's.
    pub from: Option<Arc<Origin>>,
    /// All pieces carry this style; `None` leaves them the styles of their folders, or when fine-tuning the folder's name.
    pub style: Option<String>,
    /// When fine-tuning: pieces keep the styles of their folders, as far as the model has rows for them.
    pub keep_styles: bool,
    /// When fine-tuning: first updates, which change only the style's row and the heads. All later ones change everything, at a
    /// tenth of the rate.
    pub heads: u64,
    /// Go on from the checkpoint in the folder of the run.
    pub resume: bool,
    /// Optimiser.
    pub adam: AdamW,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            hidden: 256,
            layers: 2,
            embed: 96,
            decide: 256,
            detail: 128,
            dropout: 0.15,
            input_dropout: 0.05,
            rate: 2e-3,
            warm_up: 150,
            batch: 32,
            window: 128,
            updates: None,
            minutes: Some(60.0),
            transpose: true,
            seed: 1,
            compute: Compute::Fused,
            threads: 1,
            report_every: 50,
            valid_minutes: 5.0,
            patience: 8,
            from: None,
            style: None,
            keep_styles: false,
            heads: 100,
            resume: false,
            adam: AdamW::default(),
        }
    }
}

/// What a finished (or stopped) run leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The model file with the averaged weights, f16.
    pub model: PathBuf,
    /// Updates done.
    pub updates: u64,
    /// Bits a note on valid by the weights in the model file, when there is a valid split.
    pub valid: Option<f64>,
    /// Updates that these weights had seen.
    pub kept: u64,
    /// True when the run was stopped before its end.
    pub stopped: bool,
    /// True when it ended because valid no longer improved.
    pub is_early: bool,
}

/// Loads corpora and trains; `out` is the run's folder (checkpoint, `model.safetensors`, `progress.jsonl`). The notes wait there too, on
/// a [`Shelf`]: about 11 bytes each while the run lasts.
///
/// # Errors
/// One sentence: nothing to learn from, files that cannot be written, a loss that is no number.
pub fn run(
    config: &Config,
    dirs: &[PathBuf],
    out: &Path,
    report: &mut dyn FnMut(Report),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let (config, _held) = begin(config, out)?;
    let mut shelf = Shelf::new(out)?;
    let mut seen = 0;
    let mut progress = |p: Progress| {
        if p.done == p.total || p.done >= seen + 100 {
            seen = p.done;
            report(Report::Loading { done: p.done, total: p.total });
        }
    };
    let rest = load_each(dirs, &mut progress, &mut |piece| shelf.put(&piece))?;
    match no_files(&shelf, &rest, dirs) {
        Some(why) => Err(TrainError::Data(why)),
        None => learn(&config, shelf, &rest, out, report, stop),
    }
}

/// Trains on a corpus that is loaded already.
///
/// # Errors
/// As [`run`].
pub fn train(
    config: &Config,
    corpus: &Corpus,
    out: &Path,
    report: &mut dyn FnMut(Report),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let (config, _held) = begin(config, out)?;
    learn(&config, Shelf::of(corpus, out)?, corpus, out, report, stop)
}

/// The settings as they will be used, and the run's folder, held.
fn begin(config: &Config, out: &Path) -> Result<(Config, File), TrainError> {
    let config = checked(config)?;
    std::fs::create_dir_all(out)
        .map_err(|e| TrainError::Write(format!("the folder {} cannot be made: {e}", out.display())))?;
    Ok((config, hold(out)?))
}

/// Trains on what is on a shelf; `rest` is what else is known of its corpus.
fn learn(
    config: &Config,
    shelf: Shelf,
    rest: &Corpus,
    out: &Path,
    report: &mut dyn FnMut(Report),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let styles = tune::styles(config, &shelf)?;
    let mut picked = pick(&shelf, rest, config.from.is_some())?;
    let warnings = std::mem::take(&mut picked.warnings);
    let mut run = Run::begin(config, shelf, picked, out, styles)?;
    let mut metrics = Metrics::open(out, run.updates_done());
    let mut say = |news: Report| {
        let lost = metrics.add(&news);
        report(news);
        if let Some(why) = lost {
            report(Report::Warning(why));
        }
    };
    say(run.start_report());
    warnings.into_iter().for_each(|w| say(Report::Warning(w)));
    let end = run.go(&mut say, stop)?;
    let valid = run.finish(end, &mut say, stop)?;
    let outcome = Outcome {
        model: run.model(),
        updates: run.updates_done(),
        valid,
        kept: run.kept(),
        stopped: end == End::Stopped,
        is_early: end == End::Early,
    };
    say(Report::End(outcome.clone()));
    Ok(outcome)
}

/// Keeps other trainings out of the folder for as long as the file lives; the system lets go of it however the process ends.
fn hold(out: &Path) -> Result<File, TrainError> {
    let path = out.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(|e| TrainError::Write(format!("{} cannot be written: {e}", path.display())))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(TrainError::Write(format!(
            "another training is writing into {}: wait for it, follow it with `ricercar --follow`, or give another folder",
            out.display()
        ))),
        // Some file systems know no locks; the training does without.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn checked(config: &Config) -> Result<Config, TrainError> {
    let setting = |why: &str| Err(TrainError::Setting(why.to_owned()));
    if !config.hidden.is_multiple_of(16) || !(16..=2048).contains(&config.hidden) || !(1..=4).contains(&config.layers) {
        return setting("hidden units are 16, 32, ... 2048 and layers 1 to 4");
    }
    if [config.embed, config.decide, config.detail].iter().any(|w| !(1..=2048).contains(w)) {
        return setting("widths are 1 to 2048");
    }
    if !(1..=1024).contains(&config.batch) || !(8..=2048).contains(&config.window) {
        return setting("a batch has 1 to 1024 windows of 8 to 2048 steps");
    }
    if config.updates.is_none() && config.minutes.is_none() {
        return setting("a run ends after a number of updates or of minutes; give one");
    }
    if config.compute != Compute::Fused && config.window as usize > STEPS_MAX {
        return Err(TrainError::Setting(format!("on this device a window has at most {STEPS_MAX} steps")));
    }
    config.compute.device()?;
    if !(0.0..0.9).contains(&config.dropout) || !(0.0..0.9).contains(&config.input_dropout) || !config.rate.is_finite()
    {
        return setting("dropout lies between 0 and 0.9, and the learning rate is a number");
    }
    let name = config.style.as_deref().map(str::trim);
    if name.is_some_and(|n| n.is_empty() || n.len() > STYLE_BYTES || n.chars().any(char::is_control)) {
        return setting("the name of a style is a word or two: not empty, at most 64 bytes");
    }
    let threads = config.threads.clamp(1, config.batch);
    // Every shard has the same number of windows.
    Ok(Config { threads, batch: config.batch.div_ceil(threads) * threads, ..config.clone() })
}

/// Longest name of a style.
const STYLE_BYTES: usize = 64;

/// The run's checkpoint.
pub fn checkpoint_in(out: &Path) -> PathBuf {
    out.join("checkpoint.safetensors")
}
