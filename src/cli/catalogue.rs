//! The lists that the screen shows, gathered from the tables of all rooms.

use crate::audio::SOUNDS;
use crate::engine::ENGINES;
use crate::music::{SCALES, STYLES};
use crate::output::{self, OUTPUTS};
use crate::script::FAMILIES;
use crate::steer::CONTROLS;
use crate::ui::{Catalogue, HelpTopic, OutputChoice, SetChoice};
use crate::wiring::{models, sets};
use std::sync::Arc;

/// Everything the screen may list.
pub fn catalogue() -> Catalogue {
    Catalogue {
        help: help(),
        outputs: Arc::new(outputs),
        sets: Arc::new(|| sets::list().into_iter().map(|(path, doc)| SetChoice { path, doc }).collect()),
        models: models::BUILT_IN.iter().map(|m| format!("{} (built in)", m.name)).collect(),
    }
}

/// One topic for each word that a script may say.
fn help() -> Vec<HelpTopic> {
    let topic = |group: &str, name: &str, signature: &str, doc: &str, example: &str| HelpTopic {
        group: group.into(),
        name: name.into(),
        signature: signature.into(),
        doc: doc.into(),
        example: example.into(),
    };
    let mut topics: Vec<HelpTopic> = FAMILIES
        .iter()
        .flat_map(|family| family.functions.iter().map(|f| topic(family.name, f.name, f.signature, f.doc, f.example)))
        .collect();
    topics.extend(CONTROLS.iter().map(|c| {
        let range = format!("{} {}..{} {}", c.name, c.min, c.max, c.unit);
        topic("controls", c.name, range.trim(), c.doc, c.example)
    }));
    topics.extend(ENGINES.iter().map(|e| topic("engines", e.name, e.name, e.doc, e.example)));
    topics.extend(
        OUTPUTS.iter().map(|o| topic("outputs", o.name, o.address, o.doc, &format!("lead.out(\"{}\");", o.address))),
    );
    topics.extend(
        SOUNDS.iter().map(|s| topic("sounds", s.name, s.name, s.doc, &format!("lead.out(\"synth:{}\");", s.name))),
    );
    topics
        .extend(STYLES.iter().map(|s| topic("styles", s.name, s.name, s.doc, &format!("lead.style(\"{}\");", s.name))));
    topics.extend(SCALES.iter().map(|s| topic("scales", s.name, s.name, s.doc, &format!("key(\"C {}\");", s.name))));
    topics
}

/// Outputs that answer now.
fn outputs() -> Vec<OutputChoice> {
    let choice = |spec: String, doc: &str| OutputChoice { spec, doc: doc.into() };
    let mut found: Vec<_> = SOUNDS.iter().map(|s| choice(format!("synth:{}", s.name), s.doc)).collect();
    for port in output::midi_ports().unwrap_or_default() {
        found.extend((1..=16).map(|ch| choice(format!("midi:{port}:{ch}"), "MIDI port")));
    }
    if output::jack_ports().is_ok() {
        found.extend((1..=16).map(|ch| choice(format!("jack:{ch}"), "the program's own JACK MIDI port")));
    }
    found.push(choice("none".into(), "nowhere, in time"));
    found
}
