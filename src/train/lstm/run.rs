//! The run: updates, checks, checkpoints, the model file.

use super::tune::{self, Styles};
use super::{Config, checkpoint_in};
use crate::corpus::Piece;
use crate::engine::lstm::{Card, Packed, Precision, Shape, Weights, file, file::Trained};
use crate::music::Chance;
use crate::token;
use crate::train::batch::{Builder, Cut, Owners, Prepared, Told};
use crate::train::checkpoint::{self, Best, RunState, Values};
use crate::train::data::Sampler;
use crate::train::net::{Batch, Net, Noise};
use crate::train::ops::{Pool, Rows};
use crate::train::optim::{Optimiser, Reach};
use crate::train::pick::Picked;
use crate::train::report::{Report, TrainError, licence, quality};
use crate::train::score::{Tally, score_shelved};
use crate::train::shelf::Shelf;
use crate::train::{memory, sample};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Steps of valid that are scored during a run.
const VALID_STEPS: usize = 40_000;
/// Checks on valid in a run, unless its minutes ask for more.
const CHECKS: u64 = 20;
/// Points of the learning curve that are kept.
const CURVE_POINTS: usize = 512;

/// How the updates came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As many as were asked for.
    Done,
    /// Valid no longer improved.
    Early,
    /// From outside.
    Stopped,
}

/// A run under way.
pub(super) struct Run<'a> {
    config: &'a Config,
    out: PathBuf,
    pool: Pool,
    net: Net,
    optimiser: Optimiser,
    state: RunState,
    /// The averaged weights that did best on valid.
    best: Option<Values>,
    shelf: Shelf,
    sampler: Sampler,
    /// Numbers of the pieces that are checked with.
    valid: Vec<u32>,
    began: Instant,
    /// What the first updates may change, when fine-tuning.
    first: Vec<Reach>,
    /// Row of the style that the sample bar is asked for.
    row: Option<u32>,
    roles: [bool; 4],
    corpora: Vec<(String, String)>,
}

/// Sums since the last report.
#[derive(Default)]
struct Since {
    steps: u64,
    decisions: u64,
    seconds: f64,
}

impl<'a> Run<'a> {
    pub fn begin(
        config: &'a Config,
        shelf: Shelf,
        picked: Picked,
        out: &Path,
        styles: Styles,
    ) -> Result<Run<'a>, TrainError> {
        let pool = Pool::of(config.compute, config.threads)?;
        let chance = Chance::new(config.seed);
        let net = match &config.from {
            Some(origin) => tune::net(origin, &styles, &pool)?,
            None => Net::new(shape_of(config), chance.fold(1), &pool)?,
        };
        memory::keep();
        let row = styles.row;
        let fresh = RunState {
            features: token::fingerprint(),
            styles: styles.names,
            hidden: net.shape.hidden,
            layers: net.shape.layers,
            seed: config.seed,
            origin: config.from.as_ref().map(|o| o.hash.clone()),
            ..RunState::default()
        };
        let (optimiser, state, best) = if config.resume {
            resumed(&checkpoint_in(out), &net, &fresh)?
        } else {
            (Optimiser::new(net.vars())?, fresh, None)
        };
        let first = if config.from.is_some() { tune::heads_only(&net, row) } else { Vec::new() };
        let Picked { train, valid, roles, .. } = picked;
        let sampler = Sampler::new(&shelf, train, config.window, config.transpose, chance.fold(2));
        let sampler = sampler.blending(blended_with(&shelf, &state.styles, row));
        let began = Instant::now();
        let corpora = origins(config, &shelf);
        Ok(Run {
            config,
            out: out.to_owned(),
            pool,
            net,
            optimiser,
            state,
            best,
            shelf,
            sampler,
            valid,
            began,
            first,
            row,
            roles,
            corpora,
        })
    }

    /// The model file.
    pub fn model(&self) -> PathBuf {
        self.out.join("model.safetensors")
    }

    /// Updates so far, earlier runs included.
    pub fn updates_done(&self) -> u64 {
        self.optimiser.updates
    }

    /// Updates that the weights of the model file had seen.
    pub fn kept(&self) -> u64 {
        self.state.best.map_or(self.optimiser.updates, |b| b.update)
    }

    /// What there is to say at the start.
    pub fn start_report(&self) -> Report {
        Report::Start {
            train: self.sampler.pieces(),
            valid: self.valid.len(),
            parameters: self.net.shape.parameters(),
            updates: self.optimiser.updates,
            style: self.row.and_then(|row| self.state.styles.get(row as usize)).cloned(),
            from: self.config.from.as_ref().map(|o| o.name.clone()),
        }
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

    /// True while only the heads and the style's row move.
    fn is_first(&self) -> bool {
        self.config.from.is_some() && self.optimiser.updates < self.config.heads
    }

    fn rate(&self, progress: f64) -> f32 {
        let warm = ((self.optimiser.updates + 1) as f32 / self.config.warm_up.max(1) as f32).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()) as f32;
        let gentler = if self.config.from.is_some() && !self.is_first() { tune::GENTLER } else { 1.0 };
        self.config.rate * gentler * warm * (0.02 + 0.98 * cosine)
    }

    /// True when the last checks brought nothing better.
    fn is_stale(&self) -> bool {
        self.config.patience > 0 && self.state.best.is_some_and(|b| b.checks_since >= self.config.patience)
    }

    /// True when the averaged weights are to be checked after this update. A run that is counted in updates is checked at
    /// the same ones whenever it is resumed.
    fn is_check_due(&self, checked: Instant) -> bool {
        match (self.config.updates, self.config.minutes) {
            (Some(of), None) => {
                let every = (of / CHECKS).max(1);
                self.optimiser.updates.is_multiple_of(every) && self.optimiser.updates < of
            }
            (_, minutes) => {
                let every = minutes.map_or(f64::INFINITY, |m| m / CHECKS as f64).min(self.config.valid_minutes);
                checked.elapsed().as_secs_f64() > every * 60.0
            }
        }
    }

    /// Updates until the end, valid's word or `stop`.
    pub fn go(&mut self, say: &mut dyn FnMut(Report), stop: &AtomicBool) -> Result<End, TrainError> {
        let rows = Rows {
            shards: self.config.threads,
            steps: self.config.window as usize,
            batch: self.config.batch / self.config.threads,
        };
        let (mut builder, mut since) = (Builder::default(), Since::default());
        let (mut checked, mut kept) = (Instant::now(), Instant::now());
        loop {
            let progress = self.progress();
            if stop.load(Ordering::Relaxed) {
                return Ok(End::Stopped);
            }
            if progress >= 1.0 {
                return Ok(End::Done);
            }
            if self.is_stale() {
                return Ok(End::Early);
            }
            let begun = Instant::now();
            let update = self.optimiser.updates;
            let drawn = self.drawn(update)?;
            let cuts: Vec<_> = drawn.iter().map(|(piece, cut)| Some((piece, *cut))).collect();
            let (batch, owners) = builder.build(rows, &cuts);
            let rate = self.rate(progress);
            self.update(&batch, &owners, rate)?;
            since.decisions += owners.decisions.len() as u64;
            since.steps += rows.total() as u64;
            since.seconds += begun.elapsed().as_secs_f64();
            if self.optimiser.updates.is_multiple_of(self.config.report_every.max(1)) {
                say(self.progress_report(&std::mem::take(&mut since), rate, progress));
            }
            if self.is_check_due(checked) {
                self.check(say, stop)?;
                (checked, kept) = (Instant::now(), Instant::now());
            } else if kept.elapsed().as_secs_f64() > self.config.valid_minutes * 60.0 {
                self.save_checkpoint()?;
                kept = Instant::now();
            }
        }
    }

    /// The windows of an update, their pieces read for it.
    fn drawn(&mut self, update: u64) -> Result<Vec<(Prepared<'static>, Cut)>, TrainError> {
        let draw = |slot| {
            let piece = self.shelf.piece(self.sampler.piece(update, slot))?;
            let piece = ready(piece, &self.state.styles, self.row);
            let cut = self.sampler.cut(&piece, update, slot);
            Ok((piece, cut))
        };
        (0..self.config.batch as u64).map(draw).collect()
    }

    fn update(&mut self, batch: &Batch, owners: &Owners, rate: f32) -> Result<(), TrainError> {
        let noise = Noise {
            chance: Chance::new(self.config.seed).fold(3),
            update: self.optimiser.updates,
            input: self.config.input_dropout,
            hidden: self.config.dropout,
            recurrent: 0.0,
        };
        let pass = self.net.forward(batch, Some(&noise), &[])?;
        let grads = pass.loss.backward()?;
        let loss = pass.loss.to_scalar::<f32>()?;
        let reach: &[Reach] = if self.is_first() { &self.first } else { &[] };
        let norm = self.optimiser.step_within(self.net.vars(), &grads, &self.config.adam, rate, reach)?;
        if !loss.is_finite() || !norm.is_finite() {
            let update = self.optimiser.updates;
            return Err(TrainError::NotANumber { update, saved: checkpoint_in(&self.out).exists() });
        }
        let nats: f64 = pass.decisions.iter().map(|n| f64::from(*n)).sum::<f64>()
            + pass.details.iter().map(|d| f64::from(d[0])).sum::<f64>();
        self.state.since.0 += nats / std::f64::consts::LN_2;
        self.state.since.1 += owners.notes.len() as u64;
        Ok(())
    }

    fn progress_report(&mut self, since: &Since, rate: f32, progress: f64) -> Report {
        let seconds = since.seconds.max(1e-9);
        let done = self.seconds();
        let (bits, notes) = std::mem::take(&mut self.state.since);
        let bits_per_note = bits / notes.max(1) as f64;
        self.state.learning.push((self.optimiser.updates, bits_per_note));
        crate::plot::thin(&mut self.state.learning, CURVE_POINTS);
        Report::Progress {
            update: self.optimiser.updates,
            of: self.config.updates,
            bits_per_note,
            rate,
            steps_per_s: since.steps as f64 / seconds,
            decisions_per_s: since.decisions as f64 / seconds,
            seconds_left: if progress > 0.0 { done / progress - done } else { f64::INFINITY },
        }
    }

    fn averages(&self) -> Values {
        self.optimiser.moments.iter().map(|m| m.average.clone()).collect()
    }

    /// Bits a note of these weights on (some of) the valid pieces, told the style only, and how many pieces that were; `None`
    /// when there are none, and when stopped halfway, since part of the pieces says nothing.
    fn tally(&mut self, values: Values, steps: usize, stop: &AtomicBool) -> Result<Option<(Tally, usize)>, TrainError> {
        let some = subset(&self.shelf, &self.valid, steps);
        if some.is_empty() {
            return Ok(None);
        }
        let net = Net::with_values(self.net.shape, values, &self.pool)?;
        let pieces = some.len();
        let ready = |piece| ready(piece, &self.state.styles, self.row);
        let tally = score_shelved(&net, &mut self.shelf, some, &ready, Told::STYLE, stop)?;
        Ok(Some((tally, pieces)).filter(|_| !stop.load(Ordering::Relaxed)))
    }

    /// Checks the averaged weights, keeps the best ones, writes checkpoint and model, shows how it goes.
    fn check(&mut self, say: &mut dyn FnMut(Report), stop: &AtomicBool) -> Result<(), TrainError> {
        let (update, averages) = (self.optimiser.updates, self.averages());
        if let Some((tally, pieces)) = self.tally(averages.clone(), VALID_STEPS, stop)? {
            let bits_per_note = tally.all().per_note();
            let is_best = self.state.best.is_none_or(|b| bits_per_note < b.bits_per_note);
            if is_best {
                self.best = Some(averages);
                self.state.best = Some(Best { update, bits_per_note, checks_since: 0 });
            } else if let Some(best) = &mut self.state.best {
                best.checks_since += 1;
            }
            self.state.curve.push((update, bits_per_note));
            crate::plot::thin(&mut self.state.curve, CURVE_POINTS);
            say(Report::Valid { update, pieces, tally, is_best });
        }
        self.save_checkpoint()?;
        self.save_model(None)?;
        say(Report::Saved { path: self.model(), updates: self.kept() });
        let curves = crate::plot::Curves { line: &self.state.learning, marks: &self.state.curve };
        let plot = curves.plot(sample::PLOT.0, sample::PLOT.1).map(|p| p.to_string()).unwrap_or_default();
        say(Report::Picture { update, plot, sample: self.sample()? });
        Ok(())
    }

    /// A bar that the averaged weights play.
    fn sample(&self) -> Result<String, TrainError> {
        let weights = self.weights(&self.averages(), None)?;
        let packed = Packed::new(&weights).map_err(|e| TrainError::Write(e.to_string()))?;
        let style = self.row.and_then(|row| self.state.styles.get(row as usize));
        Ok(sample::band(Arc::new(packed), style.map(String::as_str), self.roles))
    }

    /// The last check, the figures of the weights that are kept, and the files; gives bits a note on all of valid.
    pub fn finish(
        &mut self,
        end: End,
        say: &mut dyn FnMut(Report),
        stop: &AtomicBool,
    ) -> Result<Option<f64>, TrainError> {
        let mut tally = None;
        if end != End::Stopped {
            if self.state.curve.last().is_none_or(|c| c.0 != self.optimiser.updates) {
                self.check(say, stop)?;
            }
            let values = self.best.clone().unwrap_or_else(|| self.averages());
            tally = self.tally(values, usize::MAX, stop)?.map(|t| t.0);
        }
        self.save_checkpoint()?;
        self.save_model(tally)?;
        say(Report::Saved { path: self.model(), updates: self.kept() });
        Ok(tally.map(|t| t.all().per_note()))
    }

    fn save_checkpoint(&self) -> Result<(), TrainError> {
        let state = RunState { updates: self.optimiser.updates, seconds: self.seconds(), ..self.state.clone() };
        let path = checkpoint_in(&self.out);
        checkpoint::save(&path, &self.net, &self.optimiser, &state, self.best.as_ref()).map_err(TrainError::Write)
    }

    fn save_model(&self, tally: Option<Tally>) -> Result<(), TrainError> {
        let weights = self.weights(self.best.as_ref().unwrap_or(&self.averages()), tally)?;
        weights.save(&self.model(), Precision::F16).map_err(|e| TrainError::Write(e.to_string()))
    }

    fn weights(&self, values: &Values, tally: Option<Tally>) -> Result<Weights, TrainError> {
        let shape = self.net.shape;
        let (corpora, licences) = self.corpora.iter().cloned().unzip();
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
            licences,
            corpora,
            trained: Trained { updates: self.kept(), seconds: self.seconds() },
            quality: tally.map(|t| quality(&t)).unwrap_or_default(),
        };
        self.net.to_weights(values, card).map_err(TrainError::Write)
    }
}

fn shape_of(config: &Config) -> Shape {
    let Config { embed, decide, detail, .. } = *config;
    Shape { embed, decide, detail, ..Shape::band(config.hidden, config.layers) }
}

/// Goes on from a checkpoint that was made with the same things.
fn resumed(path: &Path, net: &Net, fresh: &RunState) -> Result<(Optimiser, RunState, Option<Values>), TrainError> {
    let (optimiser, state) = checkpoint::load(path, net).map_err(TrainError::Checkpoint)?;
    let refuse = |why: &str| Err(TrainError::Checkpoint(why.into()));
    if state.origin != fresh.origin {
        return refuse(
            "the checkpoint was begun from another model; give the same --from to resume, or use another folder",
        );
    }
    if state.styles != fresh.styles || state.seed != fresh.seed {
        return refuse(
            "the checkpoint was made with other styles or another seed; use the same corpora, --style and seed to resume",
        );
    }
    let best = state.best.map(|_| checkpoint::load_best(path, net)).transpose().map_err(TrainError::Checkpoint)?;
    Ok((optimiser, state, best))
}

/// Corpora with their licences: the model's that the run began with, and its own.
fn origins(config: &Config, shelf: &Shelf) -> Vec<(String, String)> {
    let card = config.from.as_ref().map(|o| o.weights.card.clone()).unwrap_or_default();
    let mut all: Vec<(String, String)> = card.corpora.into_iter().zip(card.licences).collect();
    for name in shelf.corpora() {
        if all.iter().all(|c| c.0 != name) {
            all.push((name.to_owned(), licence(name).to_owned()));
        }
    }
    all
}

/// Rows of the styles that occur, for blends; none where all pieces share a row.
fn blended_with(shelf: &Shelf, styles: &[String], row: Option<u32>) -> Vec<u32> {
    if row.is_some() {
        return Vec::new();
    }
    shelf.styles().filter_map(|style| styles.iter().position(|s| s == style)).map(|row| row as u32).collect()
}

/// Every n-th piece, so that at most about `steps` steps are taken.
fn subset(shelf: &Shelf, pieces: &[u32], steps: usize) -> Vec<u32> {
    let total: usize = pieces.iter().map(|number| shelf.slots()[*number as usize].steps as usize).sum();
    let every = total.div_ceil(steps.max(1)).max(1);
    pieces.iter().copied().step_by(every).collect()
}

/// A piece made ready under the style row of its own style, or of all pieces.
fn ready(piece: Piece, styles: &[String], row: Option<u32>) -> Prepared<'static> {
    let piece = Prepared::new(Cow::Owned(piece), styles);
    match row {
        Some(row) => piece.styled(row),
        None => piece,
    }
}
