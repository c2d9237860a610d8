//! `ricercar [SCRIPT]`: the performance, with or without the screen.

use super::{EnginePath, ModelArgs, PlayArgs, PrecisionArg};
use crate::conductor::Fixed;
use crate::engine::Models;
use crate::engine::lstm::Arithmetic;
use crate::message::{Command, Notice, Severity};
use crate::script::{SETS, Shipped};
use crate::steer::{OutSpec, When};
use crate::ui::{self, UiEvent, UiLinks, UiOptions};
use crate::wiring::learning::{Course, Learning};
use crate::wiring::library::Library;
use crate::wiring::{Ended, Setup, Stage, models, now, sets};
use anyhow::{Context, Result, bail};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl ModelArgs {
    /// The weights that the arguments mean.
    pub fn load(&self) -> Result<crate::engine::Models> {
        let candle = self.engine == EnginePath::Candle;
        let cuda = self.device == super::DeviceArg::Cuda;
        let arithmetic = match self.precision {
            PrecisionArg::F32 => Arithmetic::F32,
            PrecisionArg::Bf16 => Arithmetic::Bf16,
            PrecisionArg::Int8 => Arithmetic::Int8,
        };
        Ok(models::load(models::Choice { file: self.model.as_deref(), candle, cuda, arithmetic })?)
    }
}

/// The set that plays when none is named.
pub(super) const FIRST: Shipped = SETS[0];

/// Name and text of a set: the file's, or the first set's.
pub(super) fn set_of(script: Option<&Path>) -> Result<(String, String)> {
    match script {
        Some(path) => {
            let text = sets::read(path).map_err(anyhow::Error::msg)?;
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            Ok((name, text))
        }
        None => Ok((format!("{}.rhai", FIRST.name), FIRST.text.into())),
    }
}

/// Plays.
pub fn play(args: &PlayArgs) -> Result<()> {
    if !args.no_tui && !std::io::stdout().is_terminal() {
        bail!("there is no terminal to draw on; play without a screen: ricercar --no-tui");
    }
    for (what, path) in [("take", &args.record), ("journal", &args.journal)] {
        path.as_deref().map_or(Ok(()), |path| can_be_written(what, path))?;
    }
    let (name, text) = set_of(args.script.as_deref())?;
    let out = args.out.as_deref().map(OutSpec::parse).transpose().map_err(anyhow::Error::msg)?;
    if let Some(data) = args.learn.as_deref().filter(|data| !data.exists()) {
        bail!("there is no folder {} to learn from", data.display());
    }
    let library = Arc::new(Library::default());
    let models = Models { files: Some(library.opener()), ..args.model.load()? };
    let said = models.said.clone();
    let stage = Stage::start(Setup {
        models,
        fixed: Fixed { out, seed: args.seed, models: Some(said) },
        audio: args.audio.clone(),
        connect: args.connect.clone().into_iter().collect(),
        clock: args.clock,
        record: args.record.clone(),
        name,
        text: text.clone(),
        path: args.script.clone(),
    })?;
    let learning = learning(args, &stage, library);
    let shown =
        if args.no_tui { watch_without_screen(&stage, args.bars) } else { show(&stage, args, text, learning.as_ref()) };
    let Ended { journal, unsaid, report } = stage.end();
    // Silence first: the trainer may take a moment for its last checkpoint.
    drop(learning);
    unsaid.iter().for_each(print);
    if shown.is_ok() {
        println!("{report}");
    }
    if let Some(path) = &args.journal {
        let journal = journal.context("the conductor's thread ended badly; there is no journal")?;
        std::fs::write(path, journal.to_text())
            .with_context(|| format!("the journal cannot be written to {}", path.display()))?;
    }
    shown
}

/// The training run to follow or to start, if one is asked for; a performance does without it rather than not begin.
fn learning(args: &PlayArgs, stage: &Stage, library: Arc<Library>) -> Option<Learning> {
    if args.learn.is_none() && args.follow.is_none() {
        return None;
    }
    let run = args.follow.clone().unwrap_or_else(|| PathBuf::from(super::train_args::RUN_FOLDER));
    let course = Course { run, learn: args.learn.clone(), from: args.model.model.clone() };
    let started = Learning::start(course, library, stage.commands.clone(), stage.say.clone());
    started
        .inspect_err(|e| {
            let text = format!("training does not start: {e}");
            let _ = stage.say.try_send(Notice::new(Severity::Error, "training", text));
        })
        .ok()
}

/// A performance must not be lost at its end: what can be seen at its beginning is said there.
fn can_be_written(what: &str, path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("the {what} cannot be written to {}: there is no folder {}", path.display(), folder.display());
    }
    if path.is_dir() {
        bail!("the {what} cannot be written to {}: that is a folder; give the name of a file", path.display());
    }
    Ok(())
}

fn print(notice: &Notice) {
    let how = match notice.severity {
        Severity::Info => "",
        Severity::Warning => "warning: ",
        Severity::Error => "error: ",
    };
    eprintln!("{}: {how}{}", notice.source, notice.text);
}

/// The performance without a screen: notices on stderr, the file watched, until a signal or the last bar.
fn watch_without_screen(stage: &Stage, bars: Option<u64>) -> Result<()> {
    loop {
        if let Ok(notice) = stage.notices.recv_timeout(Duration::from_millis(20)) {
            print(&notice);
        }
        for UiEvent::FileChanged(text) in stage.events.try_iter() {
            let name = stage.snapshot.get().script.name.clone();
            stage.commands.send(Command::LoadScript { name, text, when: When::NextBar })?;
        }
        let snapshot = stage.snapshot.get();
        // What is wrong with it is among the notices.
        if snapshot.script.error.is_some() && snapshot.planned.0 == 0 {
            bail!("the set has an error, and nothing played before it");
        }
        let is_over = bars.is_some_and(|bars| {
            let tick = stage.playhead.get().tick;
            snapshot.bars.iter().any(|p| p.bar == bars && p.step.tick() <= tick)
        });
        if is_over || stage.stop.load(Ordering::Acquire) {
            return Ok(());
        }
    }
}

/// The performance on the screen.
fn show(stage: &Stage, args: &PlayArgs, text: String, learning: Option<&Learning>) -> Result<()> {
    let synth = stage.synth.clone();
    let silencer = stage.silencer();
    let watcher = stage.watcher();
    let links = UiLinks {
        commands: stage.commands.clone(),
        to_player: stage.to_player.clone(),
        silence: Box::new(move || silencer.silence()),
        snapshot: stage.snapshot.clone(),
        playhead: stage.playhead.clone(),
        notices: stage.notices.clone(),
        opened: Box::new(move |path| {
            if let Some(watcher) = &watcher {
                watcher.set(path);
            }
        }),
        events: stage.events.clone(),
        meters: Box::new(move || {
            let status = synth.lock().unwrap_or_else(PoisonError::into_inner);
            let m = &status.meters;
            let db = |x: f32| 20.0 * x.max(1e-6).log10();
            ui::Meters {
                dsp_load: Some(m.load_peak),
                peak_db: Some((db(m.peak[0]), db(m.peak[1]))),
                voices: Some(m.voices),
                xruns: m.xruns,
                late_events: m.late_events,
                dropped_notices: 0,
            }
        }),
        training: learning.map(Learning::training),
        play_weights: match learning.map(Learning::player) {
            Some(play) => Box::new(play),
            None => Box::new(|_| {}),
        },
        clock: Box::new(now),
        catalogue: super::catalogue::catalogue(),
        script_path: args.script.clone(),
        script_text: text,
        stop: stage.stop.clone(),
        options: UiOptions { stderr_log: Some(std::env::temp_dir().join("ricercar.log")), ..UiOptions::default() },
    };
    let parting = ui::run(links)?;
    if let Some(path) = parting.recovery {
        println!("Unsaved text was kept in {}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::super::Cli;
    use clap::Parser;

    fn loads(line: &str) -> Result<(), String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|e| e.to_string())?;
        cli.play.model.load().map(drop).map_err(|e| e.to_string())
    }

    #[test]
    fn a_precision_is_chosen_for_the_fused_kernel_alone() {
        for good in ["", " --precision f32", " --precision bf16", " --precision int8"] {
            assert_eq!(loads(&format!("ricercar set.rhai{good}")), Ok(()));
        }
        let candle = loads("ricercar set.rhai --engine candle --precision int8").unwrap_err();
        assert_eq!(candle, "--precision int8 is for the fused kernel; leave --engine candle out, or --precision");
        let unknown = loads("ricercar set.rhai --precision int4").unwrap_err();
        assert!(unknown.contains("'int4'") && unknown.contains("f32, bf16, int8"), "{unknown}");
    }
}
