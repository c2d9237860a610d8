//! `ports`, `models`, `docs`: what is at hand.

use super::quiet::quietly;
use crate::audio::SOUNDS;
use crate::engine::lstm::file;
use crate::output;
use crate::wiring::models;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// `ricercar ports`.
pub fn ports() -> Result<()> {
    println!("MIDI ports (out(\"midi:NAME:CHANNEL\"), or \"midi:CHANNEL\" for the first)");
    lines(quietly(output::midi_ports));
    println!("JACK MIDI inputs (out(\"jack:CHANNEL\") and --connect NAME)");
    lines(quietly(output::jack_ports));
    println!("Audio devices for the synth inside (--audio NAME)");
    devices();
    println!("Sounds of the synth inside (out(\"synth:NAME\"))");
    for sound in SOUNDS {
        println!("  {:<8} {}", sound.name, sound.doc);
    }
    Ok(())
}

fn lines(found: Result<Vec<String>, String>) {
    match found {
        Ok(names) if names.is_empty() => println!("  none"),
        Ok(names) => names.iter().for_each(|n| println!("  {n}")),
        Err(why) => println!("  none: {why}"),
    }
}

#[cfg(feature = "audio")]
fn devices() {
    let found = quietly(crate::audio::list);
    if found.is_empty() {
        println!("  none");
    }
    for device in found {
        let mark = if device.is_default { " (default)" } else { "" };
        println!("  {:<28} {}{mark}", device.id, device.name);
    }
}

#[cfg(not(feature = "audio"))]
fn devices() {
    println!("  none: this build has no sound; build it with the feature `audio`");
}

/// `ricercar models`.
pub fn models(files: &[PathBuf]) -> Result<()> {
    for model in models::BUILT_IN {
        card(&format!("{} (built in): {}", model.name, model.doc), model.bytes)?;
    }
    let shipped = std::fs::read_dir("models").into_iter().flatten().flatten().map(|e| e.path());
    let shipped: Vec<PathBuf> = shipped.filter(|p| p.extension().is_some_and(|e| e == "safetensors")).collect();
    for path in files.iter().chain(shipped.iter().filter(|p| !is_built_in(p))) {
        let bytes = std::fs::read(path).with_context(|| format!("the model {} cannot be read", path.display()))?;
        card(&path.display().to_string(), &bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// True for the file that a built-in model was made of.
fn is_built_in(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| models::BUILT_IN.iter().any(|m| stem == m.name))
}

fn card(name: &str, bytes: &[u8]) -> Result<()> {
    let card: crate::engine::lstm::Card = file::read_card(bytes).map_err(anyhow::Error::msg)?;
    println!("{name}: {} LSTM layers of {}, {:.1} MB", card.layers, card.hidden, bytes.len() as f64 / 1e6);
    println!("  styles   {}", card.styles.join(", "));
    println!("  corpora  {}", card.corpora.join(", "));
    println!("  trained  {} updates in {:.0} minutes", card.trained.updates, card.trained.seconds / 60.0);
    for (figure, value) in &card.quality {
        println!("  {figure:<32} {value:.3}");
    }
    Ok(())
}
