//! `eval --controls`: a model is played through the whole instrument, and what it does is held against what it was asked.

use super::EvalArgs;
use crate::conductor::opener;
use crate::conductor::render::{journal_of, render};
use crate::corpus::Corpus;
use crate::engine::{engine_named, gan as gan_model};
use crate::script::ScriptHost;
use crate::trial::styles::StyleReport;
use crate::trial::{self, TrialReport};
use crate::wiring::models;
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// Chunks that are played of each style.
const TAKES: u64 = 24;

/// Runs the trial with a model file.
pub fn run(args: &EvalArgs, stop: &AtomicBool, say: &mut dyn FnMut(&str)) -> Result<TrialReport> {
    let file = args.model.as_deref();
    let is_gan = gan_model::file::is_gan(&models::bytes(file)?);
    let loaded = models::load(models::Choice { file, ..models::Choice::default() })?;
    let options = trial::Options { engine: if is_gan { "gan" } else { "lstm" }.into(), ..trial::Options::default() };
    let mut play = |text: &str, seed: u64, bars: u64| {
        let mut loader = ScriptHost::new();
        let journal = journal_of("trial", text, seed);
        let go_on = |_: u64| !stop.load(Ordering::Relaxed);
        let rendered = render(&journal, opener(loaded.clone()), &mut loader, bars, go_on);
        let rendered = rendered.map_err(|f| format!("the trial's set, line {}: {}", f.line, f.text))?;
        if stop.load(Ordering::Relaxed) { Err("the trial was stopped".to_owned()) } else { Ok(rendered) }
    };
    let kind = engine_named(&options.engine).context("no such engine")?;
    let mut open = || (kind.open)(&loaded).map_err(|e| e.to_string());
    trial::run(&options, &mut play, &mut open, say).map_err(anyhow::Error::msg)
}

/// Tries the styles of a corpus with a model file.
pub fn styles(args: &EvalArgs, corpus: &Corpus, say: &mut dyn FnMut(&str)) -> Result<Vec<StyleReport>> {
    let file = args.model.as_deref();
    let is_gan = gan_model::file::is_gan(&models::bytes(file)?);
    let loaded = models::load(models::Choice { file, ..models::Choice::default() })?;
    let kind = engine_named(if is_gan { "gan" } else { "lstm" }).context("no such engine")?;
    let mut open = || (kind.open)(&loaded).map_err(|e| e.to_string());
    trial::styles::run(corpus, TAKES, &mut open, say).map_err(anyhow::Error::msg)
}
