//! `bench`: speed and memory on this machine, as distributions and ratios.

use super::play::FIRST;
use super::speed;
use crate::conductor::Fixed;
use crate::conductor::render::{journal_of, render};
use crate::conductor::{self, opener};
use crate::engine::{self, Models, engine_named};
use crate::message::Command;
use crate::script::ScriptHost;
use crate::steer::{Control, Edit, OutSpec, Signal, When};
use crate::time::TICKS_PER_QUARTER;
use crate::wiring::{self, Setup, Stage, models};
use crate::{train, ui};
use anyhow::{Result, bail};
use serde::Serialize;
use std::time::{Duration, Instant};

/// One figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Which bench.
    bench: &'static str,
    /// What was measured.
    name: String,
    /// The figure.
    value: f64,
    /// Its unit.
    unit: &'static str,
    /// What it should be, when something was promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<&'static str>,
}

/// One row of the table.
struct Bench {
    name: &'static str,
    run: fn(&mut Vec<Figure>) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "step", run: step },
    Bench { name: "net", run: speed::net },
    Bench { name: "parity", run: speed::parity },
    Bench { name: "load", run: speed::load },
    Bench { name: "gan", run: gan },
    Bench { name: "plan", run: plan },
    Bench { name: "taste", run: taste },
    Bench { name: "edit", run: edit },
    Bench { name: "render", run: render_speed },
    Bench { name: "audio", run: audio },
    Bench { name: "screen", run: screen },
    Bench { name: "train", run: training },
    Bench { name: "jack", run: jack },
    Bench { name: "memory", run: memory },
];

/// `ricercar bench`.
pub fn run(which: &[String], json: bool) -> Result<()> {
    if let Some(unknown) = which.iter().find(|w| !BENCHES.iter().any(|b| b.name == **w)) {
        let known: Vec<_> = BENCHES.iter().map(|b| b.name).collect();
        bail!("there is no bench '{unknown}'; there are {}", known.join(", "));
    }
    let mut figures = Vec::new();
    for bench in BENCHES.iter().filter(|b| which.is_empty() || which.iter().any(|w| w == b.name)) {
        let from = figures.len();
        (bench.run)(&mut figures)?;
        if !json {
            for f in &figures[from..] {
                let wanted = f.wanted.map(|w| format!("  (wanted {w})")).unwrap_or_default();
                println!("{:<8} {:<48} {:>10.2} {}{wanted}", f.bench, f.name, f.value, f.unit);
            }
        }
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(())
}

pub(super) fn figure(
    bench: &'static str,
    name: &str,
    value: f64,
    unit: &'static str,
    wanted: Option<&'static str>,
) -> Figure {
    Figure { bench, name: name.into(), value, unit, wanted }
}

fn loaded() -> Result<Models> {
    Ok(models::load(models::Choice::default())?)
}

/// The fused step against plain candle, in turns.
fn step(figures: &mut Vec<Figure>) -> Result<()> {
    let fused = loaded()?;
    let candle = models::load(models::Choice { candle: true, ..models::Choice::default() })?;
    let Some(kind) = engine_named("lstm") else { bail!("this build has no LSTM engine") };
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(engine::bench::step(&mut || (kind.open)(&fused), 1000)?);
        plain.push(engine::bench::step(&mut || (kind.open)(&candle), 64)?);
    }
    ours.sort_by(|a, b| a.band.p50_us.total_cmp(&b.band.p50_us));
    plain.sort_by(|a, b| a.band.p50_us.total_cmp(&b.band.p50_us));
    let (ours, plain) = (ours[1], plain[1]);
    figures.push(figure("step", "one part, p50", ours.part.p50_us, "us", None));
    figures.push(figure("step", "band of four parts, p50", ours.band.p50_us, "us", Some("<= 1000")));
    figures.push(figure("step", "band of four parts, p99", ours.band.p99_us, "us", None));
    figures.push(figure("step", "save and restore a part's state, p50", ours.snapshot.p50_us, "us", None));
    figures.push(figure("step", "the same band in plain candle, p50", plain.band.p50_us, "us", None));
    figures.push(figure("step", "plain candle / ours", plain.band.p50_us / ours.band.p50_us, "x", None));
    Ok(())
}

/// Bars of the GAN: made, scored, and the game that trains it.
fn gan(figures: &mut Vec<Figure>) -> Result<()> {
    let f = engine::gan::bench::run(models::GAN, 2000)?;
    figures.push(figure("gan", "a bar made anew, p50", f.bar.p50_us / 1000.0, "ms", Some("<= 2")));
    figures.push(figure("gan", "a bar made anew, p99", f.bar.p99_us / 1000.0, "ms", None));
    figures.push(figure("gan", "the same bar in plain candle, p50", f.plain.p50_us / 1000.0, "ms", None));
    figures.push(figure("gan", "plain candle / ours", f.plain.p50_us / f.bar.p50_us, "x", None));
    figures.push(figure("gan", "a bar scored by the critic, p50", f.score.p50_us / 1000.0, "ms", None));
    for family in engine::gan::shape::FAMILIES {
        let speed = train::gan::bench::run(family, 20)?;
        let name = format!("an update of {} ({} bars), one thread", family.name(), speed.bars);
        figures.push(figure("gan", &name, speed.update_ms, "ms", None));
        if let Some(cpu) = speed.update_cpu_ms {
            figures.push(figure("gan", &format!("{name}, processor time"), cpu, "ms", None));
        }
    }
    Ok(())
}

fn plan(figures: &mut Vec<Figure>) -> Result<()> {
    let f = conductor::bench::replan(opener(loaded()?), "lstm", 200).map_err(anyhow::Error::msg)?;
    figures.push(figure("plan", "2 bars of 4 parts after an edit, p50", f.plan_us[0] / 1000.0, "ms", Some("<= 15")));
    figures.push(figure("plan", "2 bars of 4 parts after an edit, p99", f.plan_us[1] / 1000.0, "ms", None));
    figures.push(figure("plan", "first step after an edit, p50", f.first_us[0] / 1000.0, "ms", None));
    figures.push(figure("plan", "edit of the shape alone, p50", f.reshape_us[0] / 1000.0, "ms", None));
    Ok(())
}

/// What choosing one part of four among candidates costs while the music runs.
fn taste(figures: &mut Vec<Figure>) -> Result<()> {
    let models = loaded()?;
    let who = if models.ear.is_some() { "" } else { ", without a critic" };
    let mut per_bar = |candidates| {
        let us =
            conductor::bench::taste(opener(models.clone()), "lstm", candidates, 100).map_err(anyhow::Error::msg)?;
        let name = format!("a bar of 4 parts, taste {candidates} on one{who}, p50");
        figures.push(figure("taste", &name, us[0] / 1000.0, "ms", None));
        Ok::<f64, anyhow::Error>(us[0])
    };
    let (plain, chosen) = (per_bar(1)?, per_bar(4)?);
    per_bar(8)?;
    figures.push(figure("taste", "taste 4 / none", chosen / plain, "x", None));
    Ok(())
}

/// A real performance without sound: from the moment an edit is sent to the first step that obeys it, by the player's clock.
fn edit(figures: &mut Vec<Figure>) -> Result<()> {
    const BPM: f64 = 120.0;
    let parts = ["drums", "bass", "chords", "lead"].map(|p| format!("part(\"{p}\");")).concat();
    let text = format!("tempo({BPM}); {parts}");
    let stage = Stage::start(Setup {
        models: loaded()?,
        fixed: Fixed { out: Some(OutSpec::Nowhere), seed: None, models: None },
        audio: Some("none".into()),
        connect: Vec::new(),
        clock: false,
        record: None,
        name: "bench".into(),
        text,
        path: None,
    })?;
    let ms_per_tick = 60_000.0 / BPM / TICKS_PER_QUARTER as f64;
    let mut sent = Vec::new();
    std::thread::sleep(Duration::from_millis(1500));
    for i in 0..60u64 {
        let value = Some(Signal::Constant(0.5 + (i % 8) as f32 / 10.0));
        let turn = Edit::Set { part: Some("lead".into()), control: Control::Temperature, value };
        // The playhead is up to a turn of the player old: its own time says how much has passed since.
        let (head, now) = (stage.playhead.get(), wiring::now());
        let since = now.since(head.at) as f64 / 1e6;
        sent.push(head.tick.0 as f64 * ms_per_tick + since);
        stage.commands.send(Command::Edit(turn, When::Now))?;
        std::thread::sleep(Duration::from_millis(70 + 13 * (i % 7)));
    }
    let Some(journal) = stage.end().journal else { bail!("the conductor's thread ended badly") };
    let edits = journal.entries().iter().filter(|e| matches!(e.what, conductor::What::Edit(..)));
    let mut waits: Vec<f64> =
        edits.zip(&sent).map(|(entry, sent)| entry.handed.tick().0 as f64 * ms_per_tick - sent).collect();
    waits.sort_by(f64::total_cmp);
    let (Some(p50), Some(max)) = (waits.get(waits.len() / 2), waits.last()) else { bail!("no edit was obeyed") };
    figures.push(figure("edit", "sent to first step that obeys, real run, p50", *p50, "ms", None));
    let bound = "<= 100 + 125, horizon and a step";
    figures.push(figure("edit", "sent to first step that obeys, real run, max", *max, "ms", Some(bound)));
    Ok(())
}

fn render_speed(figures: &mut Vec<Figure>) -> Result<()> {
    let models = loaded()?;
    let journal = journal_of(FIRST.name, FIRST.text, 1);
    let began = Instant::now();
    let rendered = render(&journal, opener(models), &mut ScriptHost::new(), 64, |_| true)
        .map_err(|f| anyhow::anyhow!("the first set, line {}: {}", f.line, f.text))?;
    let midi = began.elapsed().as_secs_f64();
    let path = std::env::temp_dir().join(format!("ricercar-bench-{}.wav", std::process::id()));
    let began = Instant::now();
    let written = rendered.wav(&path, 48_000, 0.0, |_| true);
    let wav = midi + began.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(&path);
    written?;
    figures.push(figure(
        "render",
        "the first set, 64 bars, to MIDI",
        rendered.seconds() / midi,
        "x real time",
        Some(">= 50"),
    ));
    figures.push(figure(
        "render",
        "the first set, 64 bars, to WAV",
        rendered.seconds() / wav,
        "x real time",
        Some(">= 5"),
    ));
    Ok(())
}

fn audio(figures: &mut Vec<Figure>) -> Result<()> {
    let cost = crate::audio::bench::run();
    for row in &cost.rows {
        let name = match row.voices {
            0 => "effects alone, p50 of a 512 block".to_string(),
            n => format!("{n} voices and effects, p50 of a 512 block"),
        };
        let wanted = (row.voices == 16).then_some("<= 12");
        figures.push(figure("audio", &name, row.percent, "%", wanted));
    }
    figures.push(figure("audio", "full band", cost.times_real_time, "x real time", None));
    Ok(())
}

fn screen(figures: &mut Vec<Figure>) -> Result<()> {
    for cost in ui::bench::frames(200, 60, 600) {
        let name = format!("full frame 200x60 as {}, p50", cost.backend);
        figures.push(figure("screen", &name, cost.p50_us as f64 / 1000.0, "ms", Some("<= 3")));
        let name = format!("full frame 200x60 as {}, p99", cost.backend);
        figures.push(figure("screen", &name, cost.p99_us as f64 / 1000.0, "ms", None));
    }
    Ok(())
}

/// With the tile unit where there is one, without it, and on a GPU where this build finds one.
fn training(figures: &mut Vec<Figure>) -> Result<()> {
    use train::bench::{Load, Speed, run};
    use train::kernel::{has_tiles, use_tiles};
    use train::ops::Compute;
    let mut add = |name: &str, speed: Speed| {
        figures.push(figure("train", name, speed.steps_per_s, "steps/s", None));
        if let Some(cpu) = speed.steps_per_cpu_s {
            figures.push(figure("train", "the same, by processor time", cpu, "steps/s", None));
        }
    };
    let ways: &[bool] = if has_tiles() { &[true, false] } else { &[false] };
    for (hidden, tiles) in [256, 512].into_iter().flat_map(|hidden| ways.iter().map(move |way| (hidden, *way))) {
        use_tiles(tiles);
        let speed = run(&Load { hidden, ..Load::default() });
        use_tiles(true);
        let with = if tiles { "with tiles" } else { "without tiles" };
        add(&format!("2 x {hidden}, batch 32 x 128, one thread, {with}"), speed?);
    }
    if Compute::Cuda.device().is_ok() {
        add("2 x 256, batch 32 x 128, cuda", run(&Load { compute: Compute::Cuda, ..Load::default() })?);
    }
    Ok(())
}

/// Timing over JACK with the models running beside it; left out, aloud, where no server answers.
#[cfg(feature = "jack")]
fn jack(figures: &mut Vec<Figure>) -> Result<()> {
    let models = loaded()?;
    let work = move || {
        if let Some(kind) = engine_named("lstm") {
            // A model that fails shows in the other benches; here it is only a load.
            let _ = engine::bench::step(&mut || (kind.open)(&models), 16);
        }
    };
    match crate::player::bench::jack(600, 0, Some(Box::new(work))) {
        Ok(f) => {
            let period = format!("arrival off the plan, period {}, models running", f.period);
            figures.push(figure("jack", &format!("{period}, p50"), f.jitter_us[0], "us", None));
            figures.push(figure("jack", &format!("{period}, p99"), f.jitter_us[2], "us", Some("<= 50")));
            figures.push(figure("jack", &format!("{period}, max"), f.jitter_us[3], "us", None));
            figures.push(figure("jack", "notes heard of 600", f.notes.1 as f64, "", None));
        }
        Err(why) => eprintln!("jack: left out: {why}"),
    }
    Ok(())
}

#[cfg(not(feature = "jack"))]
fn jack(_figures: &mut Vec<Figure>) -> Result<()> {
    eprintln!("jack: left out: this build has no JACK");
    Ok(())
}

/// Memory of this process with the model loaded and a set planned: what playing takes without screen and sound.
fn memory(figures: &mut Vec<Figure>) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    if let Some(kib) = kib {
        figures.push(figure("memory", "resident after the benches that ran", kib / 1024.0, "MB", None));
    }
    Ok(())
}
