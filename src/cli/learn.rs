//! `corpus`, `train`, `eval`: from folders of MIDI files to models and figures.

use super::{EvalArgs, GanArgs, TrainArgs};
use crate::corpus::{self, Corpus, Split};
use crate::engine::gan::shape::{FAMILIES, Family};
use crate::engine::lstm::{Weights, expected};
use crate::train::eval::{self, EvalOptions};
use crate::train::gan;
use crate::train::lstm::{self, Config};
use crate::train::report::Report;
use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

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
    let report = corpus::report(&loaded);
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?)
    } else {
        print!("{report}")
    }
    Ok(())
}

/// `ricercar train lstm`.
pub fn train_lstm(args: &TrainArgs) -> Result<()> {
    let config = Config {
        hidden: args.hidden,
        rate: args.rate as f32,
        batch: args.batch,
        window: args.window as u32,
        updates: args.updates,
        minutes: args.minutes.or(if args.updates.is_none() { Some(60.0) } else { None }),
        seed: args.seed,
        threads: args.threads,
        resume: args.resume,
        ..Config::default()
    };
    let stop = super::render::stop_flag()?;
    let mut say = |report: Report| match report {
        Report::Loading { done, total } => progress(&report.to_string(), done == total),
        other => println!("{other}"),
    };
    let outcome = lstm::run(&config, &args.data, &args.out, &mut say, &stop)?;
    let how = if outcome.stopped { "stopped" } else { "done" };
    println!("{how} after {} updates; play it with: ricercar --model {}", outcome.updates, outcome.model.display());
    if outcome.stopped {
        println!("go on with: ricercar train lstm --resume and the same options");
    }
    Ok(())
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

fn load(dirs: &[PathBuf]) -> Result<Corpus> {
    let mut say =
        |p: corpus::Progress| progress(&format!("reading {} of {} files", p.done, p.total), p.done == p.total);
    Ok(corpus::load(dirs, &mut say)?)
}

/// `ricercar eval`.
pub fn eval(args: &EvalArgs) -> Result<()> {
    let weights = Weights::load(&args.model, &expected())?;
    let loaded = load(&args.data)?;
    let split = match args.split.as_str() {
        "train" => Split::Train,
        "test" => Split::Test,
        _ => Split::Valid,
    };
    let stop = super::render::stop_flag()?;
    let report = eval::lstm(&weights, &loaded, &EvalOptions { split, ..EvalOptions::default() }, &stop)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?)
    } else {
        print!("{report}")
    }
    Ok(())
}
