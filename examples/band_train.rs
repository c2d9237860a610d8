//! Trains a band LSTM from the command line of an example: `cargo run --release --example band_train -- OUT MINUTES DIR...`
//!
//! `RESUME=1` goes on from the checkpoint in OUT. Ctrl-C saves and ends.

use ricercar::train::lstm::{Config, run};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = "band_train OUT MINUTES DIR...";
    let out = PathBuf::from(args.next().ok_or_else(|| anyhow::anyhow!(usage))?);
    let minutes: f64 = args.next().ok_or_else(|| anyhow::anyhow!(usage))?.parse()?;
    let dirs: Vec<PathBuf> = args.map(PathBuf::from).collect();
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<f64>().ok());
    let mut config =
        Config { minutes: Some(minutes), resume: std::env::var_os("RESUME").is_some(), ..Config::default() };
    config.threads = number("THREADS").map_or(config.threads, |n| n as usize);
    config.hidden = number("HIDDEN").map_or(config.hidden, |n| n as usize);
    config.dropout = number("DROPOUT").map_or(config.dropout, |n| n as f32);
    config.valid_minutes = number("VALID_MINUTES").unwrap_or(config.valid_minutes);
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let outcome = run(&config, &dirs, &out, &mut |report| println!("{report}"), &stop)?;
    println!("{outcome:?}");
    Ok(())
}
