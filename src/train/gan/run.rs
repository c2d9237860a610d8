//! A run: families train side by side or in turns, keep checkpoints, and leave one model file.

use super::data::Bars;
use super::game::{Game, Rules, Turn};
use super::news::{Collapse, News};
use super::{hearing, reading, trend};
use crate::corpus::{Corpus, Split};
use crate::engine::gan::file::{self, Card, Trained, Weights};
use crate::engine::gan::shape::{FAMILIES, Family};
use crate::engine::lstm::Precision;
use crate::train::data::style_rows;
use crate::train::gan_eval::Judge;
use crate::train::report::{TrainError, licence};
use crate::train::{checkpoint, memory};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The game.
    pub rules: Rules,
    /// Families to train; those without bars in the corpus are left out and said.
    pub families: Vec<Family>,
    /// End after this many updates of each family,
    pub updates: Option<u64>,
    /// or after this many minutes of each family's own time, whichever comes first.
    pub minutes: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads: two train both families at once.
    pub threads: usize,
    /// Updates between reports.
    pub report_every: u64,
    /// Minutes between checkpoints.
    pub keep_minutes: f64,
    /// Go on from the checkpoints in the folder of the run.
    pub resume: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            rules: Rules::default(),
            families: FAMILIES.to_vec(),
            updates: None,
            minutes: Some(60.0),
            seed: 1,
            threads: 2,
            report_every: 100,
            keep_minutes: 3.0,
            resume: false,
        }
    }
}

/// What a finished (or stopped) run leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The model file with the averaged generators and the critics, f16.
    pub model: PathBuf,
    /// Updates of each family.
    pub updates: Vec<(Family, u64)>,
    /// True when the run was stopped before its end.
    pub stopped: bool,
}

/// What a checkpoint says about a family's run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    planes: String,
    styles: Vec<String>,
    sizes: [usize; 3],
    seed: u64,
    updates: u64,
    seconds: f64,
}

/// One family's game under way.
struct Side<'a> {
    config: &'a Config,
    game: Game,
    bars: Bars<'a>,
    state: State,
    checkpoint: PathBuf,
    /// Seconds of this run.
    spent: f64,
    since: (u64, f64, Turn),
    collapse: Collapse,
    judge: Option<&'a Judge<'a>>,
}

/// Bars below which a family is left out: a critic would know them by heart at once.
const BARS_MIN: usize = 64;

/// Trains on a corpus; `out` is the run's folder.
///
/// # Errors
/// One sentence: nothing to learn from, files that cannot be written, losses that are no numbers.
pub fn train(
    config: &Config,
    corpus: &Corpus,
    out: &Path,
    say: &(dyn Fn(News) + Sync),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    check(config)?;
    std::fs::create_dir_all(out)
        .map_err(|e| TrainError::Write(format!("the folder {} cannot be made: {e}", out.display())))?;
    memory::keep();
    let styles = style_rows(corpus.pieces.iter().map(|p| p.style.as_str()));
    let judge = trend::judge(corpus, &config.families);
    let mut sides = Vec::new();
    for family in &config.families {
        let bars = Bars::new(corpus, Split::Train, *family);
        if bars.count() < BARS_MIN {
            say(News::LeftOut { family: *family, bars: bars.count() });
            continue;
        }
        sides.push(Side { judge: judge.as_ref(), ..Side::begin(config, *family, bars, &styles, out)? });
    }
    if sides.is_empty() {
        return Err(TrainError::Data(format!(
            "there is nothing to learn from: a GAN wants at least {BARS_MIN} bars of drums or of pitches in the train split"
        )));
    }
    sides.iter().for_each(|side| say(side.start()));
    if config.threads > 1 && sides.len() > 1 {
        side_by_side(&mut sides, say, stop)?;
    } else {
        in_turns(&mut sides, say, stop)?;
    }
    for side in &sides {
        side.keep()?;
    }
    let model = out.join("model.safetensors");
    write_model(&sides, corpus, styles, &model, (say, stop))?;
    say(News::Saved { path: model.clone() });
    let stopped = sides.iter().any(|side| side.progress() < 1.0);
    let updates = sides.iter().map(|side| (side.game.family(), side.game.updates())).collect();
    Ok(Outcome { model, updates, stopped })
}

fn check(config: &Config) -> Result<(), TrainError> {
    let setting = |why: &str| Err(TrainError::Setting(why.to_owned()));
    let rules = &config.rules;
    if [rules.channels, rules.expand].iter().any(|x| !(8..=1024).contains(x)) || !(1..=8).contains(&rules.blocks) {
        return setting("channels are 8 to 1024 and blocks 1 to 8");
    }
    if !(4..=1024).contains(&rules.batch) || !rules.batch.is_multiple_of(2) {
        return setting("a batch has 4 to 1024 bars, an even number");
    }
    if config.updates.is_none() && config.minutes.is_none() {
        return setting("a run ends after a number of updates or of minutes; give one");
    }
    Ok(())
}

fn side_by_side(sides: &mut [Side], say: &(dyn Fn(News) + Sync), stop: &AtomicBool) -> Result<(), TrainError> {
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for side in sides.iter_mut() {
            let failed = &failed;
            scope.spawn(move || {
                while side.progress() < 1.0 && !stop.load(Ordering::Relaxed) {
                    if let Err(why) = side.turn(say) {
                        failed.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(why);
                        return;
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(|e| e.into_inner()).map_or(Ok(()), Err)
}

fn in_turns(sides: &mut [Side], say: &(dyn Fn(News) + Sync), stop: &AtomicBool) -> Result<(), TrainError> {
    loop {
        let mut is_over = true;
        for side in sides.iter_mut().filter(|s| s.progress() < 1.0) {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            side.turn(say)?;
            is_over = false;
        }
        if is_over {
            return Ok(());
        }
    }
}

impl<'a> Side<'a> {
    fn begin(
        config: &'a Config,
        family: Family,
        bars: Bars<'a>,
        styles: &[String],
        out: &Path,
    ) -> Result<Side<'a>, TrainError> {
        let rules = config.rules.clone();
        let mut game = Game::new(rules.clone(), family, config.seed)?;
        let checkpoint = out.join(format!("checkpoint.{}.safetensors", family.name()));
        let fresh = State {
            planes: file::fingerprint(),
            styles: styles.to_vec(),
            sizes: [rules.channels, rules.expand, rules.blocks],
            seed: config.seed,
            ..State::default()
        };
        let mut state = fresh.clone();
        if config.resume {
            let fits = |kept: &State| {
                let same = State { updates: kept.updates, seconds: kept.seconds, ..fresh.clone() } == *kept;
                let why = "it was made with other corpora, styles, sizes, planes or another seed";
                if same { Ok(kept.updates) } else { Err(why.to_string()) }
            };
            let makers = game.makers();
            let lists = [&makers[..], game.critic.vars()];
            let (optimisers, kept) = checkpoint::read(&checkpoint, &lists, fits).map_err(TrainError::Checkpoint)?;
            let optimisers: [_; 2] =
                optimisers.try_into().map_err(|_| TrainError::Checkpoint("it lacks an optimiser".into()))?;
            (game.optimisers, state) = (optimisers, kept);
        }
        let since = (game.updates(), 0.0, Turn::default());
        Ok(Side {
            config,
            game,
            bars,
            state,
            checkpoint,
            spent: 0.0,
            since,
            collapse: Collapse::default(),
            judge: None,
        })
    }

    fn start(&self) -> News {
        use crate::engine::gan::shape::Half;
        let shape = self.game.generator.shape;
        News::Start {
            family: shape.family,
            bars: self.bars.count(),
            parameters: [shape.parameters(Half::Generator), shape.parameters(Half::Critic)],
            updates: self.game.updates(),
        }
    }

    /// How much of the run is done, 0..=1.
    fn progress(&self) -> f64 {
        let by_updates = self.config.updates.map_or(0.0, |u| self.game.updates() as f64 / u.max(1) as f64);
        let seconds = self.state.seconds + self.spent;
        let by_time = self.config.minutes.map_or(0.0, |m| seconds / (m * 60.0).max(1e-3));
        by_updates.max(by_time).min(1.0)
    }

    /// One update, and what there is to say and to keep after it.
    fn turn(&mut self, say: &(dyn Fn(News) + Sync)) -> Result<(), TrainError> {
        let (begun, kept_at) = (Instant::now(), self.spent);
        let progress = self.progress();
        let turn = self.game.update(&self.bars, &self.state.styles, progress)?;
        if ![turn.critic, turn.generator, turn.counts, turn.controls].iter().all(|x| x.is_finite()) {
            let update = self.game.updates();
            return Err(TrainError::NotANumber { update, saved: self.checkpoint.exists() });
        }
        self.spent += begun.elapsed().as_secs_f64();
        self.since.2 = self.since.2.plus(&turn);
        let (first, from, sum) = self.since;
        let updates = self.game.updates();
        if updates.is_multiple_of(self.config.report_every.max(1)) {
            let count = (updates - first).max(1);
            let mean = sum.times(1.0 / count as f32);
            let speed = count as f64 / (self.spent - from).max(1e-9);
            let left = self.left();
            let family = self.game.family();
            say(News::Progress { family, update: updates, of: self.config.updates, mean, speed, left });
            if let Some(why) = self.collapse.notice(&mean) {
                say(News::Warning { family, why });
            }
            self.since = (updates, self.spent, Turn::default());
        }
        let every = (self.config.keep_minutes * 60.0).max(1.0);
        if (self.spent / every) as u64 != (kept_at / every) as u64 {
            self.keep()?;
            self.hear(say)?;
        }
        Ok(())
    }

    /// Says how good the generator is by now, and shows a bar of it.
    fn hear(&self, say: &(dyn Fn(News) + Sync)) -> Result<(), TrainError> {
        let family = self.game.family();
        let mut live = trend::playable(&self.game, &self.state.styles).map_err(TrainError::Write)?;
        let figures = self.judge.map(|judge| trend::figures(judge, &mut live));
        say(News::Trend { family, update: self.game.updates(), figures, sample: trend::sample(family, &mut live) });
        Ok(())
    }

    /// Seconds until the end, about.
    fn left(&self) -> f64 {
        let (progress, done) = (self.progress(), self.state.seconds + self.spent);
        if progress > 0.0 { done / progress - done } else { f64::INFINITY }
    }

    fn keep(&self) -> Result<(), TrainError> {
        let state =
            State { updates: self.game.updates(), seconds: self.state.seconds + self.spent, ..self.state.clone() };
        let game = &self.game;
        let makers = game.makers();
        let kept = [(&makers[..], &game.optimisers[0]), (game.critic.vars(), &game.optimisers[1])];
        checkpoint::write(&self.checkpoint, &kept, &[], &state).map_err(TrainError::Write)
    }
}

/// Averaged generators and critics of all sides in one file.
fn write_model(
    sides: &[Side],
    corpus: &Corpus,
    styles: Vec<String>,
    path: &Path,
    (say, stop): (&(dyn Fn(News) + Sync), &AtomicBool),
) -> Result<(), TrainError> {
    let corpora: BTreeSet<&str> = corpus.pieces.iter().map(|p| p.corpus.as_str()).collect();
    let first = &sides[0];
    let rules = &first.config.rules;
    let mut tensors = BTreeMap::new();
    let mut lives = Vec::new();
    for side in sides {
        tensors.extend(side.game.tensors()?);
        lives.push((side.game.family(), trend::playable(&side.game, &styles).map_err(TrainError::Write)?));
    }
    let trained = |side: &Side| {
        let seconds = side.state.seconds + side.spent;
        (side.game.family().name().to_string(), Trained { updates: side.game.updates(), seconds })
    };
    let card = Card {
        kind: "gan".into(),
        version: file::VERSION,
        families: sides.iter().map(|s| s.game.family().name().to_string()).collect(),
        channels: rules.channels,
        expand: rules.expand,
        blocks: rules.blocks,
        styles,
        planes: file::fingerprint(),
        // All sides of a finished run stand at the same slope.
        slope: first.game.slope(first.progress()),
        map: trend::map(&mut lives),
        licences: corpora.iter().map(|c| licence(c).to_owned()).collect(),
        corpora: corpora.into_iter().map(str::to_owned).collect(),
        trained: sides.iter().map(trained).collect(),
        ..Card::default()
    };
    let mut weights = Weights::new(card, tensors).map_err(TrainError::Write)?;
    let least = sides.iter().map(|side| side.game.updates()).min().unwrap_or(0);
    weights.card.reading = reading::fit(corpus, &weights, least, &mut |text| say(News::Finish(text.to_string())));
    for side in sides {
        let ear = hearing::teach(&side.game, &side.bars, &weights, side.config.seed, stop)?;
        let (family, right) = (side.game.family().name(), ear.balance * 100.0);
        say(News::Finish(format!("{family}: the ear is right about {right:.0} % after {} updates", ear.updates)));
        weights = weights.with(ear.tensors).map_err(TrainError::Write)?;
    }
    weights.save(path, Precision::F16).map_err(|e| TrainError::Write(e.to_string()))
}
