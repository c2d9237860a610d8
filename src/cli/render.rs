//! `render`, `replay`: a set or a journal becomes a file.

use super::play::set_of;
use super::{ModelArgs, RenderArgs};
use crate::conductor::render::{Rendered, Until, journal_of, render_until};
use crate::conductor::{Fixed, Journal, opener};
use crate::engine::Models;
use crate::engine::lstm::file::write_whole;
use crate::limits::SCRIPT_BYTES;
use crate::midi;
use crate::script::ScriptHost;
use crate::steer::ProgramLoader;
use crate::time::StepIndex;
use crate::wiring::DEFAULT_SEED;
use crate::wiring::loader::Loader;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Sample rate of rendered sound.
const SAMPLE_RATE_HZ: u32 = 48_000;
/// Seconds after the last bar, for what rings on.
const TAIL_S: f64 = 3.0;
/// Longest journal that is read.
const JOURNAL_BYTES: u64 = 64 * SCRIPT_BYTES as u64;
/// Bars after the last edit of a journal that does not know its end, when none are asked for.
const REPLAY_TAIL_BARS: u64 = 8;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Midi,
    Wav,
}

fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("mid" | "midi") => Ok(Format::Midi),
        Some("wav") => Ok(Format::Wav),
        _ => bail!("{} is neither .mid nor .wav: give the file one of these endings", path.display()),
    }
}

/// A flag that Ctrl-C sets.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, stop.clone()).context("Ctrl-C cannot be caught")?;
    }
    Ok(stop)
}

/// `ricercar render`.
pub fn run(args: &RenderArgs) -> Result<()> {
    let format = format_of(&args.out)?;
    let (name, text) = set_of(Some(&args.script))?;
    let journal = journal_of(&name, &text, args.seed.unwrap_or(DEFAULT_SEED));
    let mut loader = Loader { inner: ScriptHost::new(), fixed: Fixed { seed: args.seed, ..Fixed::default() } };
    let began = Instant::now();
    let stop = stop_flag()?;
    let rendered = play(&journal, args.model.load()?, &mut loader, Until::Bars(args.bars), &stop)?;
    write(&rendered, &name, &args.out, format, &stop)?;
    tell(&rendered, &args.out, began);
    Ok(())
}

/// `ricercar replay`.
pub fn replay(journal: &Path, bars: Option<u64>, path: &Path, model: &ModelArgs) -> Result<()> {
    let format = format_of(path)?;
    let size = std::fs::metadata(journal).with_context(|| format!("{} cannot be read", journal.display()))?.len();
    if size > JOURNAL_BYTES {
        bail!("{} has {size} bytes: that is no journal", journal.display());
    }
    let text = std::fs::read_to_string(journal).with_context(|| format!("{} cannot be read", journal.display()))?;
    let entries = Journal::from_text(&text).map_err(|why| anyhow::anyhow!("{}: {why}", journal.display()))?;
    let models = model.load()?;
    // What the command line fixed then stands over the scripts now. But sound can only be made of what plays on the synth: a
    // WAV file is of the outputs that the scripts name.
    let Fixed { out, seed, models: played } = entries.fixed().clone();
    if let Some(played) = played.filter(|played| *played != models.said) {
        eprintln!(
            "this journal was played with other models ({played}); with these ({}) it is other music: give --model and --precision as then",
            models.said
        );
    }
    let fixed = Fixed { out: out.filter(|_| format == Format::Midi), seed, models: None };
    let mut loader = Loader { inner: ScriptHost::new(), fixed };
    let began = Instant::now();
    let stop = stop_flag()?;
    // A journal that was cut off does not know its end: some bars (of common time) after the last edit, then.
    let last = || entries.entries().last().map_or(0, |e| e.handed.0);
    let until = match (bars, entries.end()) {
        (Some(bars), _) => Until::Bars(bars),
        (None, Some(end)) => Until::Step(end),
        (None, None) => Until::Step(StepIndex(last() + 16 * REPLAY_TAIL_BARS)),
    };
    let rendered = play(&entries, models, &mut loader, until, &stop)?;
    write(&rendered, &journal.display().to_string(), path, format, &stop)?;
    tell(&rendered, path, began);
    Ok(())
}

fn play(
    journal: &Journal,
    models: Models,
    loader: &mut dyn ProgramLoader,
    until: Until,
    stop: &AtomicBool,
) -> Result<Rendered> {
    let rendered = render_until(journal, opener(models), loader, until, |_| !stop.load(Ordering::Relaxed));
    let rendered =
        rendered.map_err(|f| anyhow::anyhow!("the set, line {}, column {}: {}", f.line, f.column, f.text))?;
    rendered.notices.iter().for_each(|n| eprintln!("{}: {}", n.source, n.text));
    if stop.load(Ordering::Relaxed) {
        bail!("rendering was stopped; nothing was written");
    }
    Ok(rendered)
}

fn write(rendered: &Rendered, title: &str, out: &Path, format: Format, stop: &AtomicBool) -> Result<()> {
    match format {
        Format::Midi => {
            let written = write_whole(out, &midi::write(&rendered.midi(title)));
            written.with_context(|| format!("{} cannot be written; choose another place", out.display()))
        }
        Format::Wav => {
            let stats = rendered.wav(out, SAMPLE_RATE_HZ, TAIL_S, |_| !stop.load(Ordering::Relaxed))?;
            let db = |x: f32| 20.0 * x.max(1e-9).log10();
            println!("peak {:.1} dB, mean {:.1} dB", db(stats.peak), db(stats.rms));
            Ok(())
        }
    }
}

fn tell(rendered: &Rendered, out: &Path, began: Instant) {
    let seconds = rendered.seconds();
    let took = began.elapsed().as_secs_f64();
    println!(
        "{}: {} notes, {seconds:.1} s of music in {took:.2} s ({:.0} x real time)",
        out.display(),
        rendered.notes_on(),
        seconds / took.max(1e-9)
    );
}
