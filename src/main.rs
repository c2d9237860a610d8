//! Starts the chosen run mode; nothing else.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match ricercar::cli::run(ricercar::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ricercar: {error:#}");
            ExitCode::FAILURE
        }
    }
}
