//! Prints bits per note of a model file: `cargo run --release --example band_eval -- MODEL valid|test DIR...`

use ricercar::corpus::{Split, load};
use ricercar::engine::lstm::{Expected, Weights};
use ricercar::train::eval::{EvalOptions, lstm};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    anyhow::ensure!(args.len() > 2, "band_eval MODEL valid|test DIR...");
    let expected = Expected {
        features: ricercar::token::STEP_ROWS as usize,
        context: ricercar::token::DECISION_ROWS as usize,
        fingerprint: ricercar::token::fingerprint(),
    };
    let weights = Weights::load(args[0].as_ref(), &expected)?;
    let split = if args[1] == "test" { Split::Test } else { Split::Valid };
    let dirs: Vec<PathBuf> = args[2..].iter().map(PathBuf::from).collect();
    let corpus = load(&dirs, &mut |_| {})?;
    let options = EvalOptions { split, ..EvalOptions::default() };
    print!("{}", lstm(&weights, &corpus, &options, &AtomicBool::new(false))?);
    Ok(())
}
