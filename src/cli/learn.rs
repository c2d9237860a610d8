//! `corpus`, `train`, `eval`: from folders of MIDI files to models and figures.

use super::{BenchmarkArgs, EvalArgs, GanArgs, TrainArgs};
use crate::corpus::{self, Corpus, Split};
use crate::engine::gan as gan_model;
use crate::engine::gan::shape::{FAMILIES, Family};
use crate::engine::lstm::kernel::Simd;
use crate::engine::lstm::{Weights, expected};
use crate::train::eval::{self, EvalOptions};
use crate::train::gan;
use crate::train::gan_eval;
use crate::train::groove;
use crate::train::jsb;
use crate::train::jsb::recipe::{ChordUse, Recipe};
use crate::train::live;
use crate::train::lstm::{self, Config, tune::Origin};
use crate::train::ops::Compute;
use crate::train::optim::AdamW;
use crate::train::report::Report;
use crate::wiring::models;
use anyhow::{Context, Result, anyhow, bail};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One line on stderr that is written over, when stderr is a terminal; nothing otherwise.
fn progress(text: &str, done: bool) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let end = if done { "\n" } else { "" };
        // A closed stderr must not stop the work.
        let _ = write!(err, "\r\x1b[K{text}{end}").and_then(|()| err.flush());
    }
}

/// `ricercar corpus`.
pub fn corpus(dirs: &[PathBuf], json: bool) -> Result<()> {
    let loaded = load(dirs)?;
    print_report(&corpus::report(&loaded), json)
}

/// What a device trains and scores with.
fn compute_with(device: super::DeviceArg) -> Compute {
    match device {
        super::DeviceArg::Cpu => Compute::Fused,
        super::DeviceArg::Cuda => Compute::Cuda,
    }
}

/// `ricercar train lstm`.
pub fn train_lstm(args: &TrainArgs) -> Result<()> {
    let from = args.from.as_deref().map(origin).transpose()?;
    if let (Some(origin), Some(hidden)) = (&from, args.hidden)
        && hidden != origin.weights.shape.hidden
    {
        let has = origin.weights.shape.hidden;
        bail!("{} has layers of {has} units: leave --hidden out, or begin anew without --from", origin.name);
    }
    let config = Config {
        hidden: args.hidden.unwrap_or(256),
        from: from.map(Arc::new),
        style: args.style.clone(),
        keep_styles: args.keep_styles,
        heads: args.heads,
        patience: args.patience,
        rate: args.rate as f32,
        dropout: args.dropout as f32,
        compute: compute_with(args.device),
        batch: args.batch,
        window: args.window as u32,
        updates: args.updates,
        minutes: args.minutes.or(if args.updates.is_none() { Some(60.0) } else { None }),
        seed: args.seed,
        threads: args.threads,
        resume: args.resume,
        // A short run says something too.
        report_every: args.updates.map_or(50, |u| (u / 20).clamp(1, 50)),
        ..Config::default()
    };
    let stop = super::render::stop_flag()?;
    let mut say = |report: Report| match report {
        Report::Loading { done, total } => progress(&report.to_string(), done == total),
        other => println!("{other}"),
    };
    let outcome = lstm::run(&config, &args.data, &args.out, &mut say, &stop)?;
    println!("play it with: ricercar --model {}", outcome.model.display());
    if outcome.stopped {
        println!("go on with: ricercar train lstm --resume and the same options");
    }
    Ok(())
}

/// The model that fine-tuning begins with: a file, or the built-in one by its name.
fn origin(model: &Path) -> Result<Origin> {
    let bytes = models::bytes(Some(model))?;
    Ok(Origin::parse(&model.display().to_string(), &bytes)?)
}

/// `ricercar train gan`.
pub fn train_gan(args: &GanArgs) -> Result<()> {
    let is_asked = |f: &Family| args.family == "all" || args.family == f.name();
    let config = gan::run::Config {
        rules: gan::game::Rules {
            channels: args.channels,
            expand: 2 * args.channels,
            batch: args.batch,
            rate: args.rate as f32,
            penalty: args.penalty,
            counts: args.counts,
            modes: (args.modes, gan::game::Rules::default().modes.1),
            ..gan::game::Rules::default()
        },
        families: FAMILIES.into_iter().filter(is_asked).collect(),
        updates: args.updates,
        minutes: args.minutes.or(if args.updates.is_none() { Some(60.0) } else { None }),
        seed: args.seed,
        threads: args.threads,
        resume: args.resume,
        ..gan::run::Config::default()
    };
    let stop = super::render::stop_flag()?;
    let corpus = load(&args.data)?;
    let outcome = gan::run::train(&config, &corpus, &args.out, &|news| println!("{news}"), &stop)?;
    let how = if outcome.stopped { "stopped" } else { "done" };
    println!("{how}; play it with: ricercar --model {}", outcome.model.display());
    if outcome.stopped {
        println!("go on with: ricercar train gan --resume and the same options");
    }
    Ok(())
}

/// `ricercar train benchmark`.
pub fn train_benchmark(args: &BenchmarkArgs) -> Result<()> {
    let benchmark = jsb::named(&args.name).context("no benchmark has this name")?;
    let defaults = jsb::learn::Config::default();
    let chord = match args.chord.as_str() {
        "aside" => ChordUse::Aside,
        "first" => ChordUse::First,
        _ => ChordUse::None,
    };
    let config = jsb::learn::Config {
        recipe: Recipe { chord, ..Recipe::FULL.without(&args.without) },
        sizes: jsb::learn::Sizes { hidden: args.hidden, decide: args.decide, ..defaults.sizes },
        dropout: args.dropout as f32,
        thinning: args.thinning as f32,
        weight_drop: args.weight_drop as f32,
        teachers: args.teachers.clone(),
        rate: args.rate as f32,
        batch: args.batch,
        window: args.window,
        updates: args.updates,
        check_every: args.check_every,
        seed: args.seed,
        resume: args.resume,
        adam: AdamW { weight_decay: args.decay as f32, ..defaults.adam },
        ..defaults
    };
    let stop = super::render::stop_flag()?;
    let stopped = jsb::train(benchmark, &config, &args.data, &args.out, &mut |news| println!("{news}"), &stop)?;
    let best = jsb::learn::best_in(&args.out);
    println!(
        "{}; score it with: ricercar eval --benchmark {} --nets {} --data DIR",
        if stopped { "stopped" } else { "done" },
        args.name,
        best.display()
    );
    Ok(())
}

fn load(dirs: &[PathBuf]) -> Result<Corpus> {
    let mut say =
        |p: corpus::Progress| progress(&format!("reading {} of {} files", p.done, p.total), p.done == p.total);
    Ok(corpus::load(dirs, &mut say)?)
}

/// `ricercar eval`.
pub fn eval(args: &EvalArgs) -> Result<()> {
    if let Some(benchmark) = args.benchmark.as_deref().and_then(jsb::named) {
        let judged = jsb::Judged {
            nets: args.nets.clone(),
            all_keys: args.all_keys,
            adapt: args.adapt.map(|rate| rate as f32),
            orders: args.orders as usize,
            test: args.split == "test",
        };
        return print_report(&jsb::evaluate(benchmark, &args.data, &judged)?, args.json);
    }
    if args.controls {
        let stop = super::render::stop_flag()?;
        let report = super::trial::run(args, &stop, &mut |what| progress(what, false))?;
        progress("", true);
        return print_report(&report, args.json);
    }
    if args.styles {
        let loaded = load(&args.data)?;
        let reports = super::trial::styles(args, &loaded, &mut |what| progress(what, false))?;
        progress("", true);
        return print_reports(&reports, args.json);
    }
    let model = args.model.as_deref().context("eval needs a model file, or --benchmark")?;
    // Said before anything is read.
    crate::engine::lstm::device(args.device == super::DeviceArg::Cuda)?;
    let bytes = models::bytes(Some(model))?;
    if gan_model::file::is_gan(&bytes) {
        return eval_gan(args, model, &bytes);
    }
    if args.bars {
        return eval_bars(args, model, &bytes);
    }
    let weights = Weights::parse(&bytes, &expected())
        .map_err(|why| anyhow!("{} is no model that this build can play: {why}", model.display()))?;
    if args.live {
        let loaded = load(&args.data)?;
        let stop = super::render::stop_flag()?;
        return print_report(&live::evaluate(&weights, &loaded, split(&args.split), args.steps, &stop)?, args.json);
    }
    let loaded = load(&args.data)?;
    let stop = super::render::stop_flag()?;
    if args.drums {
        return print_report(&groove::evaluate(&weights, &loaded, split(&args.split), &stop)?, args.json);
    }
    let options =
        EvalOptions { split: split(&args.split), compute: compute_with(args.device), ..EvalOptions::default() };
    print_report(&eval::lstm(&weights, &loaded, &options, &stop)?, args.json)
}

/// The bars that a model makes, beside real ones.
fn eval_bars(args: &EvalArgs, model: &Path, bytes: &[u8]) -> Result<()> {
    let packed = crate::engine::lstm::open(bytes)?;
    let loaded = load(&args.data)?;
    let options = bar_options(args, model, bytes);
    let stop = super::render::stop_flag()?;
    let mut say = |what: &str, done: usize, total: usize| {
        progress(&format!("{what}: {done} of {total}"), false);
    };
    let mut watch = gan_eval::Watch { say: &mut say, stop: &stop };
    let report = gan_eval::evaluate_lstm(&packed, &loaded, &options, &mut watch)?;
    progress("", true);
    print_report(&report, args.json)
}

/// The bars that a GAN makes, beside real ones, the band LSTM's and others, and what its critic hears.
fn eval_gan(args: &EvalArgs, model: &Path, bytes: &[u8]) -> Result<()> {
    let packed = gan_model::open(bytes).with_context(|| model.display().to_string())?;
    let live = || gan_model::Live::new(packed.clone(), Simd::best());
    let (mut maker, mut ear) = (live(), gan_model::Critic::new(live()));
    let loaded = load(&args.data)?;
    let band = crate::engine::lstm::open(models::BAND)?;
    let options = gan_eval::Options { lstm: Some(band), ..bar_options(args, model, bytes) };
    let stop = super::render::stop_flag()?;
    let mut say = |what: &str, done: usize, total: usize| {
        progress(&format!("{what}: {done} of {total}"), false);
    };
    let mut watch = gan_eval::Watch { say: &mut say, stop: &stop };
    let report = gan_eval::evaluate(&mut maker, Some(&mut ear), &loaded, &options, &mut watch)?;
    progress("", true);
    print_report(&report, args.json)
}

fn bar_options(args: &EvalArgs, model: &Path, bytes: &[u8]) -> gan_eval::Options {
    gan_eval::Options {
        split: split(&args.split),
        windows: args.windows,
        list: args.list as usize,
        model: format!("{} ({:016x})", model.display(), corpus::fnv(bytes)),
        ..gan_eval::Options::default()
    }
}

fn split(name: &str) -> Split {
    match name {
        "train" => Split::Train,
        "test" => Split::Test,
        _ => Split::Valid,
    }
}

fn print_reports<R: serde::Serialize + std::fmt::Display>(reports: &[R], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(reports)?);
    } else {
        reports.iter().for_each(|report| print!("{report}"));
    }
    Ok(())
}

fn print_report<R: serde::Serialize + std::fmt::Display>(report: &R, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?)
    } else {
        print!("{report}")
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use crate::cli::Cli;
    use crate::train::jsb::BENCHMARKS;
    use clap::Parser;

    #[test]
    fn eval_takes_a_model_or_a_benchmark() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("ricercar eval a.safetensors --data d --split test --bars"));
        for benchmark in BENCHMARKS {
            assert!(parses(&format!("ricercar eval --benchmark {} --data d --json", benchmark.name)));
        }
        for bad in ["", " --benchmark jsb17", " --benchmark jsb16 --bars"] {
            assert!(!parses(&format!("ricercar eval --data d{bad}")), "{bad}");
        }
        assert!(parses("ricercar eval a --data d --live --steps 1000"));
        assert!(!parses("ricercar eval a --data d --live --bars"));
        assert!(!parses("ricercar eval a --benchmark jsb16 --data d"));
        assert!(parses("ricercar eval --benchmark jsb16 --data d --nets a b --all-keys --split test"));
        assert!(
            !parses("ricercar eval a --data d --nets b")
                && !parses("ricercar eval --benchmark jsb16 --data d --all-keys")
        );
        assert!(parses("ricercar train benchmark jsbq --data d --without metre in-step --chord aside"));
        assert!(!parses("ricercar train benchmark jsbq --data d --without pitch"));
    }
}
