//! `check`: everything that can be known before the show.

use super::play::set_of;
use super::quiet::quietly;
use crate::conductor::Fixed;
use crate::conductor::opener;
use crate::conductor::render::{journal_of, render};
use crate::engine::Models;
use crate::output;
use crate::script::ScriptHost;
use crate::steer::OutSpec;
use crate::wiring::{Report, Setup, Stage, models};
use anyhow::{Result, bail};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bars that are played in secret.
const BARS: u64 = 16;
/// How long the set is played in real time.
const REHEARSAL: Duration = Duration::from_secs(4);

/// `ricercar check`.
pub fn run(script: Option<&Path>) -> Result<()> {
    let mut faults = 0;
    let mut say = |what: &str, result: Result<String, String>| match result {
        Ok(fine) => println!("ok    {what}: {fine}"),
        Err(why) => {
            faults += 1;
            println!("FAIL  {what}: {why}");
        }
    };
    let (name, text) = set_of(script)?;
    let models = models::load(models::Choice::default())?;
    say("model", Ok("the built-in band model is sound".into()));
    let began = Instant::now();
    let journal = journal_of(&name, &text, 1);
    let mut is_sound = false;
    let rendered = render(&journal, opener(models.clone()), &mut ScriptHost::new(), BARS, |_| true);
    match rendered {
        Err(f) => say("set", Err(format!("{name}, line {}, column {}: {}", f.line, f.column, f.text))),
        Ok(r) => {
            is_sound = true;
            let took = began.elapsed().as_secs_f64();
            let fine = format!("{name}: {BARS} bars, {} notes, {:.0} x real time", r.notes_on(), r.seconds() / took);
            say(
                "set",
                if r.engine_faults == 0 { Ok(fine) } else { Err(format!("{} engine failures", r.engine_faults)) },
            );
            r.notices.iter().for_each(|n| say("set", Err(n.text.clone())));
            let routes: std::collections::BTreeSet<String> =
                r.score.routes.iter().map(|(_, _, route)| route.out.to_string()).collect();
            for out in routes {
                say(&format!("output {out}"), quietly(|| reach(&out)));
            }
        }
    }
    if is_sound {
        let timing = rehearse(models, &name, &text).map_err(|e| e.to_string());
        say("timing", timing.and_then(|report| in_time(&report)));
    }
    let real_time = std::thread::spawn(|| output::clock::claim_real_time(50)).join().unwrap_or(false);
    let how = if real_time { "granted" } else { "not granted: timing is as good as the system is idle" };
    say("real-time priority", Ok(how.into()));
    if faults > 0 {
        bail!("{faults} of these must be looked after before the show");
    }
    Ok(())
}

/// Plays for a while in silence, with every model that the set asks for.
fn rehearse(models: Models, name: &str, text: &str) -> Result<Report> {
    let stage = Stage::start(Setup {
        models,
        fixed: Fixed { out: Some(OutSpec::Nowhere), seed: None, models: None },
        audio: Some("none".into()),
        connect: Vec::new(),
        clock: false,
        record: None,
        name: name.into(),
        text: text.into(),
        path: None,
    })?;
    std::thread::sleep(REHEARSAL);
    Ok(stage.end().report)
}

fn in_time(report: &Report) -> Result<String, String> {
    let words = format!("{} s in silence\n{report}", REHEARSAL.as_secs()).replace('\n', "\n      ");
    if report.is_in_time() && report.engine_faults == 0 { Ok(words) } else { Err(words) }
}

/// Can this output be reached now?
fn reach(out: &str) -> Result<String, String> {
    match OutSpec::parse(out)? {
        OutSpec::Synth { sound } => match crate::audio::sound_named(&sound) {
            Some(_) => device(),
            None => Err(format!("the synth has no sound '{sound}'")),
        },
        OutSpec::Midi { port, .. } => {
            let ports = output::midi_ports()?;
            let wanted = port.as_deref().unwrap_or("");
            let found = ports.iter().find(|p| p.contains(wanted)).cloned();
            found.ok_or_else(|| format!("no MIDI port's name contains '{wanted}'; there are: [{}]", ports.join(", ")))
        }
        OutSpec::Jack { .. } => output::jack_ports().map(|ports| format!("{} MIDI inputs to connect to", ports.len())),
        OutSpec::Raw { path, .. } => match std::fs::metadata(&*path) {
            Ok(_) => Ok("it is there".into()),
            Err(e) => Err(e.to_string()),
        },
        OutSpec::Nowhere => Ok("silence".into()),
    }
}

#[cfg(feature = "audio")]
fn device() -> Result<String, String> {
    let found = crate::audio::list();
    let first = found.first().map(|d| d.id.clone());
    first.ok_or_else(|| "no sound device answers: start JACK, PipeWire or PulseAudio, or connect a sound card".into())
}

#[cfg(not(feature = "audio"))]
fn device() -> Result<String, String> {
    Err("this build has no sound; build it with the feature `audio`".into())
}
