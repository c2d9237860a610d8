//! What happens when: closures that come again, sections, the form, values that outlive a set.

use super::{Function, args};
use crate::script::desk::{self, Fallible, fail};
use crate::steer::Every;
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

/// `every(4)`, before it is said four of what.
#[derive(Clone, Copy)]
struct Times(u32);

/// Makes an [`Every`] of a number.
type Kind = fn(u32) -> Every;

/// A value that outlives the set.
#[derive(Clone)]
struct State(String);

/// Calls of one closure lie at most this far apart, in steps, beats or bars.
const EVERY_MAX: i64 = 4096;
/// Bars in a section.
const SECTION_BARS_MAX: i64 = 1024;
/// Sections in a form.
const FORM_MAX: usize = 256;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "every",
        signature: "every(n).bars(closure) | .beats(closure) | .steps(closure)",
        unit: "bars, beats or steps",
        range: "1 to 4096",
        doc: "Calls a closure again and again, the first time at the start. What it asks for takes effect at that place.",
        example: "every(4).bars(|| lead.hold(2));",
        register: |engine| {
            engine.register_type_with_name::<Times>("every");
            engine.register_fn("every", |n: Dynamic| -> Fallible<Times> {
                Ok(Times(args::whole("every", &n, 1..=EVERY_MAX)? as u32))
            });
            let kinds = [("bars", Every::Bars as Kind), ("beats", Every::Beats), ("steps", Every::Steps)];
            for (word, kind) in kinds {
                engine.register_fn(word, move |context: NativeCallContext, times: Times, run: Dynamic| {
                    let (run, at) = (args::closure(word, &run)?, context.call_position());
                    desk::with(|desk| desk.job(kind(times.0), run, at))
                });
            }
        },
    },
    Function {
        name: "section",
        signature: "section(name, bars) | section(name, bars, closure)",
        unit: "bars",
        range: "1 to 1024",
        doc: "A stretch of the form. Its closure runs when it begins.",
        example: "section(\"lift\", 16, || { drums.unmute(); lead.temperature = 1.1; });",
        register: |engine| {
            engine.register_fn("section", |context: NativeCallContext, name: Dynamic, bars: Dynamic| {
                section(&context, &name, &bars, None)
            });
            engine.register_fn("section", |context: NativeCallContext, name: Dynamic, bars: Dynamic, run: Dynamic| {
                section(&context, &name, &bars, Some(args::closure("section", &run)?))
            });
        },
    },
    Function {
        name: "form",
        signature: "form(text)",
        unit: "",
        range: "1 to 256 names of sections",
        doc: "The order of the sections, repeated for ever. Without it they play as they are written.",
        example: "section(\"a\", 8); section(\"b\", 8); form(\"a a b a\");",
        register: |engine| {
            engine.register_fn("form", form);
        },
    },
    Function {
        name: "jump",
        signature: "jump(section)",
        unit: "",
        range: "the name of a section",
        doc: "Goes to a section at the next bar line; the form goes on from there.",
        example: "section(\"drop\", 8); every(16).bars(|| jump(\"drop\"));",
        register: |engine| {
            engine.register_fn("jump", jump);
        },
    },
    Function {
        name: "state",
        signature: "state(name, default).value",
        unit: "",
        range: "numbers, texts, true or false, lists and maps",
        doc: "A value that stays when the set is changed and launched again. Read and write its .value.",
        example: "let count = state(\"count\", 0); every(1).bars(|| { count.value += 1; lead.low = 60 + count.value % 5; });",
        register: |engine| {
            engine.register_type_with_name::<State>("state");
            engine.register_fn("state", |name: Dynamic, default: Dynamic| -> Fallible<State> {
                let (name, default) = (args::name("state", &name)?, keepable(default)?);
                desk::with(|desk| desk.state(&name, default)).map(|()| State(name))
            });
            engine.register_get("value", |state: &mut State| {
                desk::with(|desk| Ok(lock(&desk.states).get(&state.0).cloned().unwrap_or_default()))
            });
            engine.register_set("value", |state: &mut State, value: Dynamic| -> Fallible<()> {
                let value = keepable(value)?;
                desk::with(|desk| {
                    lock(&desk.states).insert(state.0.clone(), value);
                    Ok(())
                })
            });
        },
    },
    Function {
        name: "bar",
        signature: "bar()",
        unit: "bars",
        range: "from 0",
        doc: "The bar in which the closure runs.",
        example: "every(1).bars(|| drums.density = if bar() % 4 == 3 { 0.9 } else { 0.5 });",
        register: |engine| {
            engine.register_fn("bar", || desk::with(|desk| Ok(desk.here().1 as i64)));
        },
    },
    Function {
        name: "step",
        signature: "step()",
        unit: "sixteenths",
        range: "from 0",
        doc: "The step at which the closure runs, counted from the start of the set.",
        example: "every(1).beats(|| lead.velocity = if step() % 8 == 0 { 1.1 } else { 0.9 });",
        register: |engine| {
            engine.register_fn("step", || desk::with(|desk| Ok(desk.here().0 as i64)));
        },
    },
];

fn lock(states: &desk::States) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<String, Dynamic>> {
    states.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A value that means something without the set that made it.
fn keepable(value: Dynamic) -> Fallible<Dynamic> {
    let value = value.flatten();
    let is_plain = value.is_unit()
        || value.is_bool()
        || value.is_int()
        || value.is_float()
        || value.is::<char>()
        || value.is::<ImmutableString>()
        || value.is::<Array>()
        || value.is::<Map>();
    if !is_plain {
        let kind = args::kind(&value);
        return Err(fail(format!("state keeps numbers, texts, true or false, lists and maps, not {kind}")));
    }
    Ok(value)
}

fn section(context: &NativeCallContext, name: &Dynamic, bars: &Dynamic, run: Option<FnPtr>) -> Fallible<()> {
    let name = args::name("section", name)?;
    let bars = args::whole("section", bars, 1..=SECTION_BARS_MAX)? as u32;
    let at = context.call_position();
    desk::with(|desk| desk.section(&name, bars, run, at))
}

fn form(context: NativeCallContext, text: Dynamic) -> Fallible<()> {
    let text = args::text("form", &text)?;
    let names: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    if names.is_empty() || names.len() > FORM_MAX {
        return Err(fail(format!("form wants 1 to {FORM_MAX} names of sections, as in form(\"a a b a\")")));
    }
    let at = context.call_position();
    desk::with(|desk| {
        // Sections may stand below the form, so names are looked up when the whole file has run.
        desk.top("form")?.form = Some((names, at));
        Ok(())
    })
}

fn jump(context: NativeCallContext, name: Dynamic) -> Fallible<()> {
    let name = args::name("jump", &name)?;
    let at = context.call_position();
    desk::with(|desk| {
        if let desk::At::Top = desk.at {
            desk.draft.jumps.push((name.clone(), at));
        } else if !desk.known.sections.iter().any(|s| **s == *name) {
            return Err(crate::script::set::no_section(&name, desk.known.sections.iter().map(|s| &**s)));
        }
        desk.ask(crate::steer::Edit::Section(name.into()))
    })
}
