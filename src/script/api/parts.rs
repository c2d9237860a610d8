//! The lines of the band.

use super::{Function, args};
use crate::audio::SOUNDS;
use crate::engine::{ENGINES, OF_FILE};
use crate::limits::{BLEND_MAX, HISTORY_BARS};
use crate::music::{ROLES, Role, STYLES};
use crate::script::desk::{self, Fallible, fail};
use crate::script::near::{did_you_mean, nearest};
use crate::steer::{Edit, OutSpec, Signal, StyleMix};
use rhai::{Dynamic, Engine, Map};
use std::sync::Arc;

/// A part by name, or the whole band. Cheap to clone; it holds nothing.
#[derive(Clone, Debug)]
pub struct Part(pub(in crate::script) Option<Arc<str>>);

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "part",
        signature: "part(name)",
        unit: "",
        range: "1 to 32 letters without spaces; at most 16 parts",
        doc: "A line of the band, made if it is new. Its role comes from its name when that is a role, else it is a lead.",
        example: "let solo = part(\"solo\").role(\"lead\");",
        register: |engine| {
            engine.register_type_with_name::<Part>("part");
            engine.register_fn("part", part);
        },
    },
    Function {
        name: "band",
        signature: "band()",
        unit: "",
        range: "",
        doc: "All parts at once.",
        example: "band().temperature(0.8);",
        register: |engine| {
            engine.register_fn("band", || Part(None));
        },
    },
    Function {
        name: "role",
        signature: "part.role(word)",
        unit: "",
        range: "drums, bass, chords, lead",
        doc: "What the model is asked to play there.",
        example: "part(\"piano\").role(\"chords\");",
        register: |engine| {
            engine.register_fn("role", |part: Part, word: Dynamic| -> Fallible<Part> {
                let word = args::text("role", &word)?;
                let role = Role::parse(&word).ok_or_else(|| {
                    let near = did_you_mean(&word, ROLES.iter().map(|r| r.name()));
                    fail(format!("\"{word:.40}\" is no role: use drums, bass, chords or lead{near}"))
                })?;
                let name = one("role", &part)?;
                desk::with(|desk| desk.declare(&name, role)).map(|()| part)
            });
        },
    },
    Function {
        name: "engine",
        signature: "part.engine(name)",
        unit: "",
        range: "a row of the engines, or \"lstm:FILE\"",
        doc: "What makes the notes: a model, or a pattern; \"lstm:mine/model.safetensors\" is the band LSTM of that file.",
        example: "drums.engine(\"euclid\");",
        register: |engine| {
            engine.register_fn("engine", |part: Part, word: Dynamic| -> Fallible<Part> {
                let word = args::text("engine", &word)?;
                let is_known = crate::engine::engine_named(&word).is_some() || word.starts_with(OF_FILE);
                if !is_known {
                    let near = did_you_mean(&word, ENGINES.iter().map(|e| e.name));
                    let all: Vec<_> = ENGINES.iter().map(|e| e.name).collect();
                    return Err(fail(format!("there is no engine \"{word:.40}\"; there are {}{near}", all.join(", "))));
                }
                let name = one("engine", &part)?;
                ask(part, Edit::Engine { part: name, engine: word.into() })
            });
        },
    },
    Function {
        name: "out",
        signature: "part.out(place)",
        unit: "",
        range: "\"synth:pluck\", \"midi:2\", \"midi:Port name:2\", \"jack:2\", \"none\"",
        doc: "Where the part goes: a sound of the internal synth, or a MIDI port and channel 1 to 16.",
        example: "lead.out(\"synth:pluck\");",
        register: |engine| {
            engine.register_fn("out", out);
        },
    },
    Function {
        name: "channel",
        signature: "part.channel(number)",
        unit: "",
        range: "1 to 16",
        doc: "The MIDI channel, on the port that the part has.",
        example: "bass.out(\"midi:2\").channel(3);",
        register: |engine| {
            engine.register_fn("channel", channel);
        },
    },
    Function {
        name: "style",
        signature: "part.style(name) | part.style(#{ name: weight }) | style(...)",
        unit: "",
        range: "up to eight styles; weights are numbers or signals",
        doc: "The style or blend of styles: of one part, or without a part of the whole set. Weights that are signals move \
              the blend with every sixteenth.",
        example: "lead.style(#{ ragtime: 0.7, chorale: 0.3 }); style(#{ funk: rise(1, 0).bars(8), latin: rise(0, 1).bars(8) });",
        register: |engine| {
            engine.register_fn("style", |part: Part, value: Dynamic| -> Fallible<Part> {
                let blend = blend(&value)?;
                let named = part.0.clone();
                ask(part, Edit::Style { part: named, blend })
            });
            engine.register_fn("style", |value: Dynamic| -> Fallible<Part> {
                let blend = blend(&value)?;
                ask(Part(None), Edit::Style { part: None, blend })
            });
        },
    },
    Function {
        name: "mute",
        signature: "part.mute()",
        unit: "",
        range: "",
        doc: "Silences the part; its model goes on listening and planning.",
        example: "drums.mute();",
        register: |engine| plain(engine, "mute", |part| Edit::Mute { part, on: true }),
    },
    Function {
        name: "unmute",
        signature: "part.unmute()",
        unit: "",
        range: "",
        doc: "Lets the part be heard again.",
        example: "drums.unmute();",
        register: |engine| plain(engine, "unmute", |part| Edit::Mute { part, on: false }),
    },
    Function {
        name: "solo",
        signature: "part.solo()",
        unit: "",
        range: "",
        doc: "Silences all parts that are not solo.",
        example: "bass.solo();",
        register: |engine| plain(engine, "solo", |part| Edit::Solo { part, on: true }),
    },
    Function {
        name: "unsolo",
        signature: "part.unsolo()",
        unit: "",
        range: "",
        doc: "Ends the solo.",
        example: "bass.unsolo();",
        register: |engine| plain(engine, "unsolo", |part| Edit::Solo { part, on: false }),
    },
    Function {
        name: "hold",
        signature: "part.hold() | part.hold(bars)",
        unit: "bars",
        range: "1 to 16",
        doc: "Loops the last bars that were played, one unless told otherwise, until release.",
        example: "every(8).bars(|| lead.hold(2));",
        register: |engine| {
            plain(engine, "hold", |part| Edit::Hold { part, bars: 1 });
            engine.register_fn("hold", |part: Part, bars: Dynamic| -> Fallible<Part> {
                let bars = args::whole("hold", &bars, 1..=i64::from(HISTORY_BARS))? as u32;
                let named = part.0.clone();
                ask(part, Edit::Hold { part: named, bars })
            });
        },
    },
    Function {
        name: "release",
        signature: "part.release()",
        unit: "",
        range: "",
        doc: "Ends a loop; the model goes on from it.",
        example: "lead.release();",
        register: |engine| plain(engine, "release", |part| Edit::Hold { part, bars: 0 }),
    },
    Function {
        name: "reroll",
        signature: "part.reroll()",
        unit: "",
        range: "",
        doc: "Draws other random numbers for what is planned.",
        example: "every(4).bars(|| lead.reroll());",
        register: |engine| plain(engine, "reroll", |part| Edit::Reroll { part }),
    },
    Function {
        name: "remove",
        signature: "part.remove()",
        unit: "",
        range: "",
        doc: "Takes the part out of the band.",
        example: "every(32).bars(|| if bar() > 0 { lead.remove(); });",
        register: |engine| {
            engine.register_fn("remove", |part: Part| -> Fallible<()> {
                let name = one("remove", &part)?;
                desk::with(|desk| {
                    desk.known.parts.remove(&name);
                    desk.ask(Edit::Remove { part: name })
                })
            });
        },
    },
];

/// A method without arguments, for one part or all.
fn plain(engine: &mut Engine, word: &str, edit: fn(Option<Arc<str>>) -> Edit) {
    engine.register_fn(word, move |part: Part| {
        let named = part.0.clone();
        ask(part, edit(named))
    });
}

pub(super) fn ask(part: Part, edit: Edit) -> Fallible<Part> {
    desk::with(|desk| desk.ask(edit)).map(|()| part)
}

/// The name of a single part.
pub(super) fn one(what: &str, part: &Part) -> Fallible<Arc<str>> {
    part.0.clone().ok_or_else(|| fail(format!("{what} is for one part, not for band()")))
}

fn part(name: Dynamic) -> Fallible<Part> {
    let name: Arc<str> = args::name("part", &name)?.into();
    desk::with(|desk| {
        if !desk.known.parts.contains_key(&name) {
            let limit = crate::limits::PARTS_MAX;
            if desk.known.parts.len() >= limit {
                return Err(format!("part \"{name}\" is one too many: a set has at most {limit}"));
            }
            desk.declare(&name, Role::parse(&name).unwrap_or(Role::Lead))?;
        }
        Ok(Part(Some(name)))
    })
}

fn out(part: Part, place: Dynamic) -> Fallible<Part> {
    let place = args::text("out", &place)?;
    let name = one("out", &part)?;
    desk::with(|desk| {
        let out = OutSpec::parse(&place)?;
        if let OutSpec::Synth { sound } = &out
            && !SOUNDS.iter().any(|s| s.name == &**sound)
        {
            let near = did_you_mean(sound, SOUNDS.iter().map(|s| s.name));
            let all: Vec<_> = SOUNDS.iter().map(|s| s.name).collect();
            return Err(format!("there is no sound \"{sound:.40}\"; there are {}{near}", all.join(", ")));
        }
        desk.part(&part).out = Some(out.clone());
        desk.ask(Edit::Out { part: name, out })
    })?;
    Ok(part)
}

fn channel(part: Part, number: Dynamic) -> Fallible<Part> {
    let channel = args::whole("channel", &number, 1..=16)? as u8 - 1;
    let name = one("channel", &part)?;
    desk::with(|desk| {
        let out = match &desk.part(&part).out {
            Some(OutSpec::Midi { port, .. }) => OutSpec::Midi { port: port.clone(), channel },
            Some(OutSpec::Jack { .. }) => OutSpec::Jack { channel },
            None => OutSpec::Midi { port: None, channel },
            Some(other) => {
                return Err(format!("channel is for MIDI, and {name} goes to {other}: write out(\"midi:2\")"));
            }
        };
        desk.part(&part).out = Some(out.clone());
        desk.ask(Edit::Out { part: name, out })
    })?;
    Ok(part)
}

/// A style by name, or a map of styles and weights. Unknown ones are kept, since a model may know them, and said.
fn blend(value: &Dynamic) -> Fallible<StyleMix> {
    let mut parts: Vec<(Arc<str>, Signal)> = Vec::new();
    if let Some(map) = value.clone().try_cast::<Map>() {
        for (name, weight) in &map {
            parts.push((Arc::from(name.as_str()), args::signal(&format!("style {name}"), weight)?));
        }
    } else if !value.is_unit() {
        parts.push((args::text("style", value)?.into(), Signal::Constant(1.0)));
    }
    if parts.len() > BLEND_MAX {
        return Err(fail(format!("style wants at most {BLEND_MAX} styles in a blend, not {}", parts.len())));
    }
    let is_still =
        |below: fn(f32) -> bool| move |p: &(Arc<str>, Signal)| matches!(p.1, Signal::Constant(w) if below(w));
    if parts.iter().any(is_still(|w| w < 0.0)) || (!parts.is_empty() && parts.iter().all(is_still(|w| w == 0.0))) {
        return Err(fail("style wants weights above zero, as in style(#{ ragtime: 0.7, chorale: 0.3 })"));
    }
    desk::with(|desk| {
        for (name, _) in &parts {
            if !STYLES.iter().any(|s| *s.name == **name)
                && let Some(near) = nearest(name, STYLES.iter().map(|s| s.name))
            {
                desk.say(&format!("no shipped style is called \"{name}\"; did you mean \"{near}\"?"))?;
            }
        }
        Ok(StyleMix::new(&parts))
    })
}
