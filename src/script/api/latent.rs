//! The latent space as an instrument: where a generator is asked to play.

use super::parts::{ask, one};
use super::{Function, Part, args};
use crate::script::desk::{Fallible, fail};
use crate::steer::{Edit, Half, LatentPath, Way};
use rhai::{Dynamic, Engine};
use std::sync::Arc;

/// Fastest walk, in points a bar, and longest morph or orbit, in bars.
const SPEED_MAX: f64 = 16.0;
const BARS_MAX: f64 = 4096.0;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "latent",
        signature: "part.latent = path",
        unit: "",
        range: "point, walk, morph, orbit, drawn, here",
        doc: "Where a generator (engine \"gan\") is asked to play. The place has a global half, which holds over bars, and a \
              half of the bar; this sets both. () gives them back to chance.",
        example: "lead.latent = walk(0.5); band().latent(point(\"a\"));",
        register: |engine| {
            engine.register_type_with_name::<LatentPath>("path");
            property(engine, "latent", None);
        },
    },
    Function {
        name: "latent_global",
        signature: "part.latent_global = path",
        unit: "",
        range: "as latent",
        doc: "The half that holds over bars, by itself; each bar goes on being drawn unless latent_bar says otherwise.",
        example: "lead.latent_global = morph(\"a\", \"b\", 8);",
        register: |engine| property(engine, "latent_global", Some(Half::Global)),
    },
    Function {
        name: "latent_bar",
        signature: "part.latent_bar = path",
        unit: "",
        range: "as latent",
        doc: "The half of the bar, by itself: here() keeps the riff of this bar while the rest moves on.",
        example: "lead.latent_bar = here();",
        register: |engine| property(engine, "latent_bar", Some(Half::Bar)),
    },
    Function {
        name: "point",
        signature: "point(name)",
        unit: "",
        range: "1 to 32 letters without spaces",
        doc: "A place by name: one that was stored, else the fixed place that every word has.",
        example: "bass.latent = point(\"a\");",
        register: |engine| {
            engine.register_fn("point", |name: Dynamic| path(Way::Point(word("point", &name)?)));
        },
    },
    Function {
        name: "morph",
        signature: "morph(a, b, bars) | morph(b, bars)",
        unit: "bars",
        range: "two points, or one from where the part is; above 0, up to 4096 bars",
        doc: "Turns from one point to the other, from the step where it takes effect, and stays there.",
        example: "lead.latent = morph(\"a\", \"b\", 8); keys.latent = morph(\"c\", 4).by_bar();",
        register: |engine| {
            engine.register_fn("morph", |from: Dynamic, to: Dynamic, bars: Dynamic| {
                let (from, to) = (Some(word("morph", &from)?), word("morph", &to)?);
                path(Way::Morph { from, to, bars: length("morph", &bars)? })
            });
            engine.register_fn("morph", |to: Dynamic, bars: Dynamic| {
                path(Way::Morph { from: None, to: word("morph", &to)?, bars: length("morph", &bars)? })
            });
        },
    },
    Function {
        name: "orbit",
        signature: "orbit(a, bars) | orbit(a, b, bars)",
        unit: "bars",
        range: "one point or two; above 0, up to 4096 bars",
        doc: "Goes round in so many bars: around one point, or through two that lie opposite each other.",
        example: "lead.latent_global = orbit(\"a\", 16); bass.latent = orbit(\"a\", \"b\", 8);",
        register: |engine| {
            engine.register_fn("orbit", |around: Dynamic, bars: Dynamic| {
                path(Way::Orbit { around: word("orbit", &around)?, through: None, bars: length("orbit", &bars)? })
            });
            engine.register_fn("orbit", |around: Dynamic, other: Dynamic, bars: Dynamic| {
                let (around, through) = (word("orbit", &around)?, Some(word("orbit", &other)?));
                path(Way::Orbit { around, through, bars: length("orbit", &bars)? })
            });
        },
    },
    Function {
        name: "drawn",
        signature: "drawn()",
        unit: "",
        range: "",
        doc: "As chance has it: the global half once for the part, that of the bar anew in each bar.",
        example: "lead.latent_bar = drawn();",
        register: |engine| {
            engine.register_fn("drawn", || path(Way::Drawn));
        },
    },
    Function {
        name: "here",
        signature: "here()",
        unit: "",
        range: "",
        doc: "Stays where the part is when it takes effect.",
        example: "every(8).bars(|| lead.latent_global = here());",
        register: |engine| {
            engine.register_fn("here", || path(Way::Here));
        },
    },
    Function {
        name: "by_bar",
        signature: "path.by_bar()",
        unit: "",
        range: "",
        doc: "A path that changes on bar lines only.",
        example: "lead.latent = morph(\"a\", \"b\", 8).by_bar();",
        register: |engine| {
            engine.register_fn("by_bar", |path: LatentPath| LatentPath { by_bar: true, ..path });
        },
    },
    Function {
        name: "by_step",
        signature: "path.by_step()",
        unit: "",
        range: "",
        doc: "A path that changes with every sixteenth, as all do unless told otherwise.",
        example: "lead.latent = morph(\"a\", \"b\", 8).by_step();",
        register: |engine| {
            engine.register_fn("by_step", |path: LatentPath| LatentPath { by_bar: false, ..path });
        },
    },
    Function {
        name: "store",
        signature: "part.store(name)",
        unit: "",
        range: "1 to 32 letters without spaces; at most 64 points",
        doc: "Keeps the place where the part is, both halves, as a point of this name.",
        example: "every(8).bars(|| lead.store(\"a\"));",
        register: |engine| {
            engine.register_fn("store", |part: Part, name: Dynamic| -> Fallible<Part> {
                let (point, of) = (word("store", &name)?, one("store", &part)?);
                ask(part, Edit::LatentStore { part: of, point })
            });
        },
    },
    Function {
        name: "reroll_latent",
        signature: "part.reroll_latent() | part.reroll_latent(half)",
        unit: "",
        range: "\"global\" or \"bar\", else both",
        doc: "Chance gives another place: a walk turns towards another point, any other path ends.",
        example: "every(16).bars(|| lead.reroll_latent(\"global\"));",
        register: |engine| {
            engine.register_fn("reroll_latent", |part: Part| reroll(part, None));
            engine.register_fn("reroll_latent", |part: Part, half: Dynamic| -> Fallible<Part> {
                let word = args::text("reroll_latent", &half)?;
                match Half::BOTH.into_iter().find(|h| h.name() == word) {
                    Some(half) => reroll(part, Some(half)),
                    None => Err(fail(format!("reroll_latent wants \"global\" or \"bar\", not \"{word:.40}\""))),
                }
            });
        },
    },
];

/// `walk` with one number is a path; with two it is a signal, in whose row it stands.
pub(super) fn register_walk(engine: &mut Engine) {
    engine.register_fn("walk", |speed: Dynamic| {
        let speed = args::number("walk", &speed)?;
        if !(0.0..=SPEED_MAX).contains(&speed) {
            let text =
                format!("walk(points) wants 0 to {SPEED_MAX} points a bar, not {speed}; a signal is walk(low, high)");
            return Err(fail(text));
        }
        path(Way::Walk { points_per_bar: speed as f32 })
    });
}

/// A property and a method of parts that takes a path.
fn property(engine: &mut Engine, name: &'static str, half: Option<Half>) {
    let set = move |part: &Part, value: &Dynamic| -> Fallible<Part> {
        let path = match value.clone().try_cast::<LatentPath>() {
            Some(path) => path,
            None if value.is_unit() => Way::Drawn.into(),
            None => {
                let (wants, kind) =
                    ("a path, as in point(\"a\"), walk(0.5) or morph(\"a\", \"b\", 8)", args::kind(value));
                return Err(fail(format!("{name} wants {wants}, not {kind}")));
            }
        };
        ask(part.clone(), Edit::Latent { part: part.0.clone(), half, path })
    };
    engine.register_fn(name, move |part: Part, value: Dynamic| set(&part, &value));
    engine.register_set(name, move |part: &mut Part, value: Dynamic| set(part, &value).map(drop));
    engine.register_get(name, move |_: &mut Part| -> Fallible<LatentPath> {
        Err(fail(format!("{name} can only be set, as in lead.{name} = point(\"a\"); the map shows where the part is")))
    });
}

fn path(way: Way) -> Fallible<LatentPath> {
    Ok(way.into())
}

fn word(what: &str, value: &Dynamic) -> Fallible<Arc<str>> {
    args::name(what, value).map(Arc::from)
}

fn length(what: &str, value: &Dynamic) -> Fallible<f32> {
    let bars = args::number(what, value)?;
    if bars > 0.0 && bars <= BARS_MAX {
        Ok(bars as f32)
    } else {
        Err(fail(format!("{what} wants a length above 0 and up to {BARS_MAX} bars, not {bars}")))
    }
}

fn reroll(part: Part, half: Option<Half>) -> Fallible<Part> {
    let named = part.0.clone();
    ask(part, Edit::LatentReroll { part: named, half })
}
