//! `corpus`, `train`, `eval`: from folders of MIDI files to models and figures.

use super::TrainArgs;
use crate::corpus;
use crate::train::lstm::{self, Config};
use crate::train::report::Report;
use anyhow::{Context, Result};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    let loaded =
        corpus::load(dirs, &mut |p| progress(&format!("reading {} of {} files", p.done, p.total), p.done == p.total))?;
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
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, stop.clone()).context("Ctrl-C cannot be caught")?;
    }
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
