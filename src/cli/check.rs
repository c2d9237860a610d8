//! `check`: everything that can be known before the show.

use super::play::set_of;
use super::quiet::quietly;
use crate::conductor::opener;
use crate::conductor::render::{journal_of, render};
use crate::output;
use crate::script::ScriptHost;
use crate::steer::OutSpec;
use crate::wiring::models;
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Instant;

/// Bars that are played in secret.
const BARS: u64 = 16;

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
    let rendered = render(&journal, opener(models), &mut ScriptHost::new(), BARS, |_| true);
    match rendered {
        Err(f) => say("set", Err(format!("{name}, line {}, column {}: {}", f.line, f.column, f.text))),
        Ok(r) => {
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
    let real_time = std::thread::spawn(|| output::clock::claim_real_time(50)).join().unwrap_or(false);
    let how = if real_time { "granted" } else { "not granted: timing is as good as the system is idle" };
    say("real-time priority", Ok(how.into()));
    if faults > 0 {
        bail!("{faults} of these must be looked after before the show");
    }
    Ok(())
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
