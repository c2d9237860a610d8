//! Prints the trainer's speed as one line of JSON: `cargo run --release --example band_bench -- [UPDATES] [THREADS] [HIDDEN]`

use ricercar::train::bench::{Load, run};

fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let mut load = Load::default();
    load.updates = numbers.first().copied().unwrap_or(load.updates);
    load.threads = numbers.get(1).copied().unwrap_or(load.threads);
    load.hidden = numbers.get(2).copied().unwrap_or(load.hidden);
    println!("{}", serde_json::to_string(&run(&load)?)?);
    Ok(())
}
