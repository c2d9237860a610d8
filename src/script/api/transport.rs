//! Time, and what holds for the whole set. Tempo and swing are controls.

use super::{Function, args};
use crate::limits::PLAN_BARS_MAX;
use crate::music::Progression;
use crate::script::desk::{self, At, Fallible};
use crate::steer::Edit;
use crate::time::Metre;
use rhai::Dynamic;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "metre",
        signature: "metre(text)",
        unit: "",
        range: "1/16 to 48 sixteenths in a bar",
        doc: "The time signature, from the next bar line. Write it first: bars and beats of signals are counted in it.",
        example: "metre(\"3/4\");",
        register: |engine| {
            engine.register_fn("metre", metre);
        },
    },
    Function {
        name: "seed",
        signature: "seed(number)",
        unit: "",
        range: "whole, 0 or more",
        doc: "Where all chance of the set starts: the same seed gives the same music.",
        example: "seed(7);",
        register: |engine| {
            engine.register_fn("seed", |value: Dynamic| -> Fallible<()> {
                let seed = args::whole("seed", &value, 0..=i64::MAX)? as u64;
                desk::with(|desk| {
                    desk.known.seed = seed;
                    desk.ask(Edit::Seed(seed))
                })
            });
        },
    },
    Function {
        name: "plan",
        signature: "plan(bars)",
        unit: "bars",
        range: "1 to 8",
        doc: "How far ahead the models plan, and the screen shows.",
        example: "plan(4);",
        register: |engine| {
            engine.register_fn("plan", |bars: Dynamic| -> Fallible<()> {
                let bars = args::whole("plan", &bars, 1..=i64::from(PLAN_BARS_MAX))? as u32;
                desk::with(|desk| desk.ask(Edit::PlanBars(bars)))
            });
        },
    },
    Function {
        name: "say",
        signature: "say(value)",
        unit: "",
        range: "",
        doc: "Writes a line to the log. print does the same.",
        example: "say(\"here we go\");",
        register: |engine| {
            engine.register_fn("say", |value: Dynamic| -> Fallible<()> {
                desk::with(|desk| desk.say(&value.to_string()))
            });
        },
    },
];

fn metre(value: Dynamic) -> Fallible<()> {
    let text = args::text("metre", &value)?;
    desk::with(|desk| {
        let metre = Metre::parse(&text)
            .ok_or_else(|| format!("\"{text:.20}\" is no metre: write it as \"4/4\", \"3/4\", \"6/8\" or \"7/8\""))?;
        desk.known.metre = metre;
        desk.ask(Edit::Metre(metre))?;
        // Chords that were written before the metre fill bars of this metre all the same.
        if let (At::Top, Some(text)) = (desk.at, &desk.draft.chords) {
            let chords = Arc::new(Progression::parse(text, metre.bar_steps())?);
            for edit in &mut desk.edits {
                if let Edit::Chords(earlier) = edit {
                    *earlier = chords.clone();
                }
            }
        }
        Ok(())
    })
}
