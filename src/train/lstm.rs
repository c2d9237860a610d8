//! Training of the band LSTM: one run from corpora to a model file.

use super::batch::{Builder, Owners, Prepared, Told};
use super::checkpoint::{self, RunState};
use super::data::{Sampler, prepare, style_rows};
use super::memory;
use super::net::{Batch, Net, Noise};
use super::ops::{Pool, Rows};
use super::optim::{AdamW, Optimiser};
use super::report::{Report, TrainError};
use super::score::{Tally, score};
use crate::corpus::{Corpus, Split, load};
use crate::engine::lstm::shape::BAND;
use crate::engine::lstm::{Card, Precision, Shape, file, file::Trained};
use crate::music::Chance;
use crate::token;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Updates between reports.
    pub report_every: u64,
    /// Minutes between figures on valid, each with a checkpoint.
    pub valid_minutes: f64,
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
            threads: 1,
            report_every: 50,
            valid_minutes: 5.0,
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
    /// Bits a note on valid by the averaged weights, when there is a valid split.
    pub valid: Option<f64>,
    /// True when the run was stopped before its end.
    pub stopped: bool,
}

/// Loads corpora and trains; `out` is the run's folder (checkpoint and `model.safetensors`).
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
    let mut seen = 0;
    let corpus = load(dirs, &mut |p| {
        if p.done == p.total || p.done >= seen + 100 {
            seen = p.done;
            report(Report::Loading { done: p.done, total: p.total });
        }
    })
    .map_err(|e| TrainError::Data(e.to_string()))?;
    train(config, &corpus, out, report, stop)
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
    let config = &checked(config)?;
    std::fs::create_dir_all(out)
        .map_err(|e| TrainError::Write(format!("the folder {} cannot be made: {e}", out.display())))?;
    let styles = style_rows(corpus);
    let pieces = prepare(corpus, Split::Train, &styles);
    let valid = prepare(corpus, Split::Valid, &styles);
    if pieces.is_empty() {
        let left_out = corpus.left_out.len();
        return Err(TrainError::Data(format!(
            "there is nothing to learn from: no piece with notes in the train split ({left_out} files were left out)"
        )));
    }
    let mut run = Run::begin(config, corpus, &pieces, out, styles)?;
    report(run.start_report(pieces.len(), valid.len()));
    let stopped = run.updates(&pieces, &valid, report, stop)?;
    let tally = if stopped { None } else { run.check(&valid, usize::MAX, report, stop)? };
    run.save(tally)?;
    report(Report::Saved { path: run.model(), updates: run.optimiser.updates });
    let valid = tally.map(|t| t.all().per_note());
    Ok(Outcome { model: run.model(), updates: run.optimiser.updates, valid, stopped })
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
    if !(0.0..0.9).contains(&config.dropout) || !(0.0..0.9).contains(&config.input_dropout) || !config.rate.is_finite()
    {
        return setting("dropout lies between 0 and 0.9, and the learning rate is a number");
    }
    let threads = config.threads.clamp(1, config.batch);
    // Every shard has the same number of windows.
    Ok(Config { threads, batch: config.batch.div_ceil(threads) * threads, ..config.clone() })
}

struct Run<'a> {
    config: &'a Config,
    out: PathBuf,
    pool: Pool,
    net: Net,
    optimiser: Optimiser,
    state: RunState,
    sampler: Sampler,
    began: Instant,
    corpora: Vec<String>,
}

/// Sums since the last report.
#[derive(Default)]
struct Since {
    bits: f64,
    notes: u64,
    steps: u64,
    decisions: u64,
    updates: u64,
    seconds: f64,
}

impl<'a> Run<'a> {
    fn begin(
        config: &'a Config,
        corpus: &Corpus,
        pieces: &[Prepared],
        out: &Path,
        styles: Vec<String>,
    ) -> Result<Run<'a>, TrainError> {
        let pool =
            Pool::new(config.threads).map_err(|e| TrainError::Setting(format!("no threads for training: {e}")))?;
        let shape = Shape {
            features: token::STEP_ROWS as usize,
            context: token::DECISION_ROWS as usize,
            embed: config.embed,
            hidden: config.hidden,
            layers: config.layers,
            decide: config.decide,
            detail: config.detail,
            choosers: BAND,
            relative: 0,
        };
        let chance = Chance::new(config.seed);
        let net = Net::new(shape, chance.fold(1), &pool)?;
        memory::keep();
        let fresh = RunState {
            features: token::fingerprint(),
            styles,
            hidden: config.hidden,
            layers: config.layers,
            seed: config.seed,
            ..RunState::default()
        };
        let (optimiser, state) = if config.resume {
            let (optimiser, state) = checkpoint::load(&checkpoint_in(out), &net).map_err(TrainError::Checkpoint)?;
            if state.styles != fresh.styles || state.seed != fresh.seed {
                let why = "the checkpoint was made with other styles or another seed; use the same corpora and seed to resume";
                return Err(TrainError::Checkpoint(why.into()));
            }
            (optimiser, state)
        } else {
            (Optimiser::new(net.vars())?, fresh)
        };
        let sampler = Sampler::new(pieces, config.window, config.transpose, chance.fold(2));
        let corpora: std::collections::BTreeSet<String> = corpus.pieces.iter().map(|p| p.corpus.clone()).collect();
        let began = Instant::now();
        let corpora = corpora.into_iter().collect();
        Ok(Run { config, out: out.to_owned(), pool, net, optimiser, state, sampler, began, corpora })
    }

    fn model(&self) -> PathBuf {
        self.out.join("model.safetensors")
    }

    fn start_report(&self, train: usize, valid: usize) -> Report {
        Report::Start { train, valid, parameters: self.net.shape.parameters(), updates: self.optimiser.updates }
    }

    /// Seconds of wall clock with earlier runs.
    fn seconds(&self) -> f64 {
        self.state.seconds + self.began.elapsed().as_secs_f64()
    }

    /// How much of the run is done, 0..=1.
    fn progress(&self) -> f64 {
        let by_updates = self.config.updates.map_or(0.0, |u| self.optimiser.updates as f64 / u.max(1) as f64);
        let by_time = self.config.minutes.map_or(0.0, |m| self.seconds() / (m * 60.0).max(1e-3));
        by_updates.max(by_time).min(1.0)
    }

    fn rate(&self, progress: f64) -> f32 {
        let warm = ((self.optimiser.updates + 1) as f32 / self.config.warm_up.max(1) as f32).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()) as f32;
        self.config.rate * warm * (0.02 + 0.98 * cosine)
    }

    /// Updates until the end or `stop`; true when stopped.
    fn updates(
        &mut self,
        pieces: &[Prepared],
        valid: &[Prepared],
        report: &mut dyn FnMut(Report),
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let rows = Rows {
            shards: self.config.threads,
            steps: self.config.window as usize,
            batch: self.config.batch / self.config.threads,
        };
        let (mut builder, mut since) = (Builder::default(), Since::default());
        let mut checked = Instant::now();
        loop {
            let progress = self.progress();
            if progress >= 1.0 {
                return Ok(false);
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(true);
            }
            let begun = Instant::now();
            let update = self.optimiser.updates;
            let cuts: Vec<_> = (0..self.config.batch as u64)
                .map(|slot| {
                    let (piece, cut) = self.sampler.draw(update, slot);
                    Some((&pieces[piece], cut))
                })
                .collect();
            let (batch, owners) = builder.build(rows, &cuts);
            let rate = self.rate(progress);
            self.update(&batch, &owners, rate, &mut since)?;
            since.steps += rows.total() as u64;
            since.seconds += begun.elapsed().as_secs_f64();
            if self.optimiser.updates.is_multiple_of(self.config.report_every.max(1)) {
                report(self.progress_report(&since, rate, progress));
                since = Since::default();
            }
            if checked.elapsed().as_secs_f64() > self.config.valid_minutes * 60.0 {
                let tally = self.check(valid, VALID_STEPS, report, stop)?;
                let update = self.optimiser.updates;
                self.state.curve.extend(tally.map(|t| (update, t.all().per_note())));
                self.save_checkpoint()?;
                self.save_model(None)?;
                report(Report::Saved { path: self.model(), updates: update });
                checked = Instant::now();
            }
        }
    }

    fn update(&mut self, batch: &Batch, owners: &Owners, rate: f32, since: &mut Since) -> Result<(), TrainError> {
        let noise = Noise {
            chance: Chance::new(self.config.seed).fold(3),
            update: self.optimiser.updates,
            input: self.config.input_dropout,
            hidden: self.config.dropout,
        };
        let pass = self.net.forward(batch, Some(&noise), &[])?;
        let grads = pass.loss.backward()?;
        let loss = pass.loss.to_scalar::<f32>()?;
        let norm = self.optimiser.step(self.net.vars(), &grads, &self.config.adam, rate)?;
        if !loss.is_finite() || !norm.is_finite() {
            let update = self.optimiser.updates;
            return Err(TrainError::NotANumber { update, saved: checkpoint_in(&self.out).exists() });
        }
        let nats: f64 = pass.decisions.iter().map(|n| f64::from(*n)).sum::<f64>()
            + pass.details.iter().map(|d| f64::from(d[0])).sum::<f64>();
        since.bits += nats / std::f64::consts::LN_2;
        since.notes += owners.notes.len() as u64;
        since.decisions += owners.decisions.len() as u64;
        since.updates += 1;
        Ok(())
    }

    fn progress_report(&self, since: &Since, rate: f32, progress: f64) -> Report {
        let seconds = since.seconds.max(1e-9);
        let done = self.seconds();
        Report::Progress {
            update: self.optimiser.updates,
            of: self.config.updates,
            bits_per_note: since.bits / since.notes.max(1) as f64,
            rate,
            steps_per_s: since.steps as f64 / seconds,
            decisions_per_s: since.decisions as f64 / seconds,
            seconds_left: if progress > 0.0 { done / progress - done } else { f64::INFINITY },
        }
    }

    /// Bits a note of the averaged weights on (some of) the valid pieces, told the style only; `None` when stopped
    /// halfway, since part of the pieces says nothing.
    fn check(
        &self,
        valid: &[Prepared],
        steps: usize,
        report: &mut dyn FnMut(Report),
        stop: &AtomicBool,
    ) -> Result<Option<Tally>, TrainError> {
        let some = subset(valid, steps);
        if some.is_empty() {
            return Ok(None);
        }
        let averages = self.optimiser.moments.iter().map(|m| m.average.clone()).collect();
        let net = Net::with_values(self.net.shape, averages, &self.pool)?;
        let tally = score(&net, &some, Told::STYLE, stop)?;
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        report(Report::Valid { update: self.optimiser.updates, pieces: some.len(), tally });
        Ok(Some(tally))
    }

    fn save(&self, tally: Option<Tally>) -> Result<(), TrainError> {
        self.save_checkpoint()?;
        self.save_model(tally)
    }

    fn save_checkpoint(&self) -> Result<(), TrainError> {
        let state = RunState { updates: self.optimiser.updates, seconds: self.seconds(), ..self.state.clone() };
        checkpoint::save(&checkpoint_in(&self.out), &self.net, &self.optimiser, &state).map_err(TrainError::Write)
    }

    fn save_model(&self, tally: Option<Tally>) -> Result<(), TrainError> {
        let shape = self.net.shape;
        let quality = tally.map(|t| super::report::quality(&t)).unwrap_or_default();
        let card = Card {
            kind: "lstm".into(),
            version: file::VERSION,
            hidden: shape.hidden,
            layers: shape.layers,
            embed: shape.embed,
            decide: shape.decide,
            detail: shape.detail,
            styles: self.state.styles.clone(),
            features: self.state.features.clone(),
            licences: self.corpora.iter().map(|c| super::report::licence(c).to_owned()).collect(),
            corpora: self.corpora.clone(),
            trained: Trained { updates: self.optimiser.updates, seconds: self.seconds() },
            quality,
        };
        let averages: Vec<Vec<f32>> = self.optimiser.moments.iter().map(|m| m.average.clone()).collect();
        let weights = self.net.to_weights(&averages, card).map_err(TrainError::Write)?;
        weights.save(&self.model(), Precision::F16).map_err(|e| TrainError::Write(e.to_string()))
    }
}

/// Steps of valid that are scored during a run.
const VALID_STEPS: usize = 40_000;

/// The run's checkpoint.
pub fn checkpoint_in(out: &Path) -> PathBuf {
    out.join("checkpoint.safetensors")
}

/// Every n-th piece, so that at most about `steps` steps are taken.
fn subset<'p, 'a>(pieces: &'p [Prepared<'a>], steps: usize) -> Vec<&'p Prepared<'a>> {
    let total: usize = pieces.iter().map(|p| p.piece.steps as usize).sum();
    let every = total.div_ceil(steps.max(1)).max(1);
    pieces.iter().step_by(every).collect()
}
