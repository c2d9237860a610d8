//! The key and the chords.

use super::{Function, args};
use crate::music::{Key, Progression, SCALES};
use crate::script::desk::{self, At, Fallible};
use crate::script::near::did_you_mean;
use crate::steer::Edit;
use rhai::Dynamic;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "key",
        signature: "key(text)",
        unit: "",
        range: "a note and a scale",
        doc: "The key. Parts keep to it as strictly as their in_key says. key() leaves it to the model.",
        example: "key(\"D dorian\");",
        register: |engine| {
            engine.register_fn("key", key).register_fn("key", || desk::with(|desk| desk.ask(Edit::Key(None))));
        },
    },
    Function {
        name: "chords",
        signature: "chords(text)",
        unit: "",
        range: "one chord a bar; . holds, (Dm7 G7) share a bar, _ leaves a bar to the model",
        doc: "The chord progression, repeated for ever; every part hears it. chords() leaves the harmony to the model.",
        example: "chords(\"Dm7 . (G7 C) _\");",
        register: |engine| {
            engine.register_fn("chords", chords).register_fn("chords", || chords(Dynamic::from("")));
        },
    },
];

fn key(value: Dynamic) -> Fallible<()> {
    let text = args::text("key", &value)?;
    desk::with(|desk| {
        let key = Key::parse(&text).ok_or_else(|| {
            let word = text.split_whitespace().nth(1).unwrap_or("").to_lowercase();
            let near = did_you_mean(&word, SCALES.iter().map(|s| s.name));
            format!("\"{text:.40}\" is no key: write a note and a scale, as in \"D dorian\" or \"F# minor\"{near}")
        })?;
        desk.ask(Edit::Key(Some(key)))
    })
}

fn chords(value: Dynamic) -> Fallible<()> {
    let text = args::text("chords", &value)?;
    desk::with(|desk| {
        let chords = Progression::parse(&text, desk.metre().bar_steps())?;
        if let At::Top = desk.at {
            desk.draft.chords = Some(text);
        }
        desk.ask(Edit::Chords(Arc::new(chords)))
    })
}
