//! Training of a benchmark net: the band's net, optimiser and checkpoints on a benchmark's pieces.

use super::feed::{Feed, Listing, Thinning, Window, batch, shape, shifts};
use super::nets::{self, BenchNet, Means, Notes, by_step};
use super::read::Splits;
use super::recipe::Recipe;
use super::score::Score;
use crate::engine::lstm::Shape;
use crate::music::{Chance, Purpose};
use crate::train::checkpoint;
use crate::train::net::{Batch, Net, Noise};
use crate::train::ops::{Pool, Rows};
use crate::train::optim::{AdamW, Optimiser};
use crate::train::report::TrainError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Ingredients.
    pub recipe: Recipe,
    /// Sizes.
    pub sizes: Sizes,
    /// Share dropped between layers, on the output and in the heads.
    pub dropout: f32,
    /// Share dropped on the input.
    pub input_dropout: f32,
    /// Share of the recurrent weights that is left out.
    pub weight_drop: f32,
    /// Share of rows that are left out of what the net is told.
    pub thinning: f32,
    /// Highest learning rate.
    pub rate: f32,
    /// Updates over which the rate rises.
    pub warm_up: u64,
    /// Windows of an update.
    pub batch: usize,
    /// Steps of a window.
    pub window: usize,
    /// The run ends after this many updates.
    pub updates: u64,
    /// Updates between figures on valid, each with a checkpoint.
    pub check_every: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Files of nets of this benchmark whose average is learned from, beside the pieces: they are distilled into one.
    pub teachers: Vec<PathBuf>,
    /// Go on from the checkpoint in the folder of the run.
    pub resume: bool,
    /// Optimiser.
    pub adam: AdamW,
}

/// Share of a class's target that comes from the teachers; the rest is what was really sung.
const TAUGHT: f32 = 0.7;
/// Orders of a step that are averaged for the figures of a run.
const ORDERS_CHECKED: usize = 4;

/// Sizes of a net, as they are kept in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Units of a layer, a multiple of 16.
    pub hidden: usize,
    /// Layers, 1..=4.
    pub layers: usize,
    /// Width of a feature row.
    pub embed: usize,
    /// Width of the decisions' hidden layer.
    pub decide: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            recipe: Recipe::FULL,
            sizes: Sizes { hidden: 256, layers: 2, embed: 192, decide: 256 },
            dropout: 0.5,
            thinning: 0.2,
            input_dropout: 0.1,
            weight_drop: 0.0,
            rate: 2e-3,
            warm_up: 200,
            batch: 16,
            window: 160,
            updates: 8000,
            check_every: 500,
            seed: 1,
            teachers: Vec::new(),
            resume: false,
            adam: AdamW { weight_decay: 0.2, ..AdamW::default() },
        }
    }
}

/// What a checkpoint says about its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Ingredients.
    pub recipe: Recipe,
    /// Sizes.
    pub sizes: Sizes,
    /// Seed of the run.
    pub seed: u64,
    /// Updates done.
    pub updates: u64,
    /// Seconds of processor time and earlier runs.
    pub seconds: f64,
    /// Updates, and nats a unit on valid.
    pub curve: Vec<(u64, f64)>,
}

/// News of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Updates done.
    pub updates: u64,
    /// Of how many.
    pub of: u64,
    /// Nats a unit in training since the last news.
    pub train: f64,
    /// Scores of valid.
    pub valid: Score,
    /// Nats of the chord a step, where it is guessed.
    pub chord: Option<f64>,
    /// Steps a second.
    pub steps_per_s: f64,
    /// True when it is the best so far, which is what the model file then holds.
    pub is_best: bool,
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let News { updates, of, train, valid, chord, steps_per_s, is_best } = self;
        write!(
            f,
            "update {updates} of {of}: train {train:.4}, valid {:.4} (by piece {:.4}, without the first step {:.4})",
            valid.nats, valid.by_piece, valid.without_first
        )?;
        if let Some(chord) = chord {
            write!(f, ", a chord {chord:.4}")?;
        }
        write!(f, ", {steps_per_s:.0} steps/s{}", if *is_best { ", best so far" } else { "" })
    }
}

/// File of a run's last state.
pub fn checkpoint_in(out: &Path) -> PathBuf {
    out.join("checkpoint.safetensors")
}

/// File of the best net of a run by valid.
pub fn best_in(out: &Path) -> PathBuf {
    out.join("best.safetensors")
}

/// Trains on a benchmark's train split; the best net by valid is in [`best_in`] of `out`. True when it was stopped.
///
/// # Errors
/// One sentence: settings that make no sense, files that cannot be written, a loss that is no number.
pub fn train<S: Feed>(
    name: &str,
    config: &Config,
    splits: &Splits<S>,
    out: &Path,
    say: &mut dyn FnMut(News),
    stop: &AtomicBool,
) -> Result<bool, TrainError> {
    let Sizes { hidden, layers, embed, decide } = config.sizes;
    if !hidden.is_multiple_of(16) || hidden == 0 || layers == 0 || layers > 4 || config.batch == 0 || config.window < 16
    {
        let why = "hidden units are 16, 32, ... , layers 1 to 4, windows 16 steps or more, batches 1 or more";
        return Err(TrainError::Setting(why.into()));
    }
    std::fs::create_dir_all(out)
        .map_err(|e| TrainError::Write(format!("the folder {} cannot be made: {e}", out.display())))?;
    let pool = Pool::new(1).map_err(|e| TrainError::Setting(format!("no threads for training: {e}")))?;
    let chance = Chance::new(config.seed);
    let net = Net::new(shape::<S>(&config.recipe, hidden, layers, embed, decide), chance.fold(1), &pool)?;
    crate::train::memory::keep();
    let mut state = State {
        benchmark: name.to_owned(),
        recipe: config.recipe,
        sizes: config.sizes,
        seed: config.seed,
        updates: 0,
        seconds: 0.0,
        curve: Vec::new(),
    };
    let mut optimiser = Optimiser::new(net.vars())?;
    if config.resume {
        (optimiser, state) = resume(out, &net, &state)?;
    }
    let pieces = Pieces::new(&splits.train, config);
    let teachers = teachers::<S>(name, config, &pool)?;
    let mut run = Run {
        config,
        pool,
        net,
        optimiser,
        state,
        out,
        pieces,
        teachers,
        shape: shape::<S>(&config.recipe, hidden, layers, embed, decide),
    };
    run.go(&splits.valid, say, stop)
}

/// Opens the teachers; they must list steps and chords as their pupil does.
fn teachers<S: Feed>(name: &str, config: &Config, pool: &Pool) -> Result<Vec<BenchNet>, TrainError> {
    let open = |path: &PathBuf| {
        let (net, _) = nets::open::<S>(path, name, pool)?;
        let (a, b) = (&net.recipe, &config.recipe);
        if (a.orders, a.chord) == (b.orders, b.chord) {
            Ok(net)
        } else {
            let why =
                format!("{} cannot teach: it was made with other orders or another use of chords", path.display());
            Err(TrainError::Setting(why))
        }
    };
    config.teachers.iter().map(open).collect()
}

fn resume(out: &Path, net: &Net, fresh: &State) -> Result<(Optimiser, State), TrainError> {
    let fits = |state: &State| {
        let same = (&state.benchmark, &state.recipe, &state.sizes, state.seed)
            == (&fresh.benchmark, &fresh.recipe, &fresh.sizes, fresh.seed);
        if same { Ok(state.updates) } else { Err("it was made with other settings".to_owned()) }
    };
    let (mut optimisers, state) =
        checkpoint::read(&checkpoint_in(out), &[net.vars()], fits).map_err(TrainError::Checkpoint)?;
    Ok((optimisers.remove(0), state))
}

/// The pieces of train in every key that they are learned in.
struct Pieces<S> {
    moved: Vec<Vec<Vec<S>>>,
    sums: Vec<f64>,
    chance: Chance,
    window: usize,
}

impl<S: Feed> Pieces<S> {
    fn new(train: &[Vec<S>], config: &Config) -> Pieces<S> {
        let keys = |piece: &Vec<S>| {
            let (low, high) = if config.recipe.transpose { shifts(piece) } else { (0, 0) };
            (low..=high).map(|shift| piece.iter().map(|s| s.moved(shift)).collect()).collect()
        };
        let mut sum = 0.0;
        let sums = train.iter().map(|p| {
            sum += p.len() as f64;
            sum
        });
        Pieces {
            sums: sums.collect(),
            moved: train.iter().map(keys).collect(),
            chance: Chance::new(config.seed).fold(2),
            window: config.window,
        }
    }

    /// Window of place `slot` in update `update`. Windows begin on a beat, so that the place in the beat stays what it is.
    fn draw(&self, update: u64, slot: u64) -> Window<'_, S> {
        let unit = |k: u64| f64::from(self.chance.unit(Purpose::Train, update, slot * 8 + k));
        let total = self.sums.last().copied().unwrap_or(0.0);
        let index = self.sums.partition_point(|s| *s <= unit(1) * total).min(self.sums.len() - 1);
        let keys = &self.moved[index];
        let piece = &keys[((unit(2) * keys.len() as f64) as usize).min(keys.len() - 1)];
        // Windows that would reach over an end of the piece begin or end there: ends are met as often as other places.
        let beats = piece.len() / 4;
        let place = 4 * (unit(3) * beats as f64) as usize;
        let latest = piece.len().saturating_sub(self.window).next_multiple_of(4);
        let start = place.saturating_sub(self.window / 2).min(latest) / 4 * 4;
        Window { piece, start, unscored: if start > 0 { 8 } else { 0 } }
    }
}

struct Run<'a, S> {
    config: &'a Config,
    pool: Pool,
    net: Net,
    optimiser: Optimiser,
    state: State,
    out: &'a Path,
    pieces: Pieces<S>,
    teachers: Vec<BenchNet>,
    shape: Shape,
}

impl<S: Feed> Run<'_, S> {
    fn go(&mut self, valid: &[Vec<S>], say: &mut dyn FnMut(News), stop: &AtomicBool) -> Result<bool, TrainError> {
        let rows = Rows { shards: 1, steps: self.config.window, batch: self.config.batch };
        let mut best = self.state.curve.iter().map(|c| c.1).fold(f64::INFINITY, f64::min);
        let (mut nats, mut units, mut steps, mut begun) = (0.0, 0usize, 0usize, Instant::now());
        while self.optimiser.updates < self.config.updates {
            if stop.load(Ordering::Relaxed) {
                self.save(&checkpoint_in(self.out))?;
                return Ok(true);
            }
            let (loss, scored) = self.update(rows)?;
            (nats, units, steps) = (nats + loss, units + scored, steps + rows.total());
            let done = self.optimiser.updates;
            if done.is_multiple_of(self.config.check_every.max(1)) || done == self.config.updates {
                let steps_per_s = steps as f64 / begun.elapsed().as_secs_f64();
                self.state.seconds += begun.elapsed().as_secs_f64();
                let (valid, chord) = self.check(valid)?;
                let is_best = valid.nats < best;
                best = best.min(valid.nats);
                self.state.curve.push((done, valid.nats));
                self.save(&checkpoint_in(self.out))?;
                if is_best {
                    self.save(&best_in(self.out))?;
                }
                let train = nats / (units.max(1) as f64 * S::UNITS as f64);
                say(News { updates: done, of: self.config.updates, train, valid, chord, steps_per_s, is_best });
                (nats, units, steps, begun) = (0.0, 0, 0, Instant::now());
            }
        }
        Ok(false)
    }

    /// One update: nats of the notes, and steps that were scored.
    fn update(&mut self, rows: Rows) -> Result<(f64, usize), TrainError> {
        let (config, update) = (self.config, self.optimiser.updates);
        let windows: Vec<_> = (0..rows.batch as u64).map(|slot| Some(self.pieces.draw(update, slot))).collect();
        let share = |p: f32| if config.recipe.dropout { p } else { 0.0 };
        let thinning = Thinning { chance: Chance::new(config.seed).fold(4), update, share: share(config.thinning) };
        let drawn = Listing::Drawn(Chance::new(config.seed).fold(5), update);
        let listing = if config.recipe.orders { drawn } else { Listing::First(1) };
        let (batch, owners) = batch(rows, &windows, &config.recipe, listing, Some(&thinning));
        let batch = self.taught(batch, rows, &windows, listing)?;
        let noise = Noise {
            chance: Chance::new(config.seed).fold(3),
            update,
            input: share(config.input_dropout),
            hidden: share(config.dropout),
            recurrent: share(config.weight_drop),
        };
        let pass = self.net.forward(&batch, Some(&noise), &[])?;
        let grads = pass.loss.backward()?;
        let progress = update as f32 / config.updates as f32;
        let warm = ((update + 1) as f32 / config.warm_up.max(1) as f32).min(1.0);
        let rate = config.rate * warm * (0.02 + 0.98 * 0.5 * (1.0 + (std::f32::consts::PI * progress).cos()));
        let norm = self.optimiser.step(self.net.vars(), &grads, &config.adam, rate)?;
        if !norm.is_finite() || !pass.loss.to_scalar::<f32>()?.is_finite() {
            return Err(TrainError::NotANumber { update, saved: checkpoint_in(self.out).exists() });
        }
        let notes = pass.decisions.iter().zip(&owners).filter(|(_, o)| o.is_note);
        let scored = owners.iter().map(|o| (o.window, o.step)).collect::<std::collections::BTreeSet<_>>().len();
        Ok((notes.map(|(n, _)| f64::from(*n)).sum(), scored))
    }

    /// The batch with what the teachers think of it, told everything and without dropout.
    fn taught(
        &self,
        mut to: Batch,
        rows: Rows,
        windows: &[Option<Window<S>>],
        listing: Listing,
    ) -> Result<Batch, TrainError> {
        if self.teachers.is_empty() {
            return Ok(to);
        }
        let classes = Arc::make_mut(&mut to.classes);
        classes.soft = vec![0.0; classes.cells(S::CHOOSERS)];
        let share = TAUGHT / self.teachers.len() as f32;
        for teacher in &self.teachers {
            let told = teacher.told(batch(rows, windows, &teacher.recipe, listing, None).0)?;
            classes.soft.iter_mut().zip(told).for_each(|(sum, p)| *sum += share * p);
        }
        let mut cell = 0;
        let firsts = std::iter::once(0).chain(classes.ends.iter().copied());
        for (chooser, (first, end)) in S::CHOOSERS.iter().zip(firsts.zip(&classes.ends)) {
            for class in &classes.class[first..*end] {
                classes.soft[cell + usize::from(*class)] += 1.0 - TAUGHT;
                cell += chooser.classes;
            }
        }
        Ok(to)
    }

    fn check(&self, valid: &[Vec<S>]) -> Result<(Score, Option<f64>), TrainError> {
        let values = if self.config.recipe.average {
            self.optimiser.moments.iter().map(|m| m.average.clone()).collect()
        } else {
            self.net.values()?
        };
        let net = Net::with_values(self.shape, values, &self.pool)?;
        let nets = [BenchNet { net, recipe: self.config.recipe, squares: Vec::new() }];
        let Notes { notes, apart } = by_step(&nets, valid, &Means { all_keys: false, orders: ORDERS_CHECKED })?;
        let chord = apart.map(|a| Score::of_steps(&a, 1).nats);
        Ok((Score::of_steps(&notes, S::UNITS), chord))
    }

    fn save(&mut self, path: &Path) -> Result<(), TrainError> {
        self.state.updates = self.optimiser.updates;
        checkpoint::write(path, &[(self.net.vars(), &self.optimiser)], &[], &self.state).map_err(TrainError::Write)
    }
}
