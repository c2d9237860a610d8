//! Numbers that move: pure functions of musical time, evaluated every step without running the script.

use super::{Function, args};
use crate::script::desk::{self, Fallible, fail};
use crate::steer::{Moving, SIGNAL_PIECES_MAX, Signal};
use rhai::{Dynamic, Engine};

/// Longest period, in bars: hours.
const BARS_MAX: f64 = 4096.0;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "sine",
        signature: "sine(low, high)",
        unit: "",
        range: "any two numbers",
        doc: "Swings between two values, one cycle a bar unless bars, beats or steps say otherwise.",
        example: "lead.temperature = sine(0.7, 1.2).bars(8);",
        register: |engine| {
            engine.register_fn("sine", |low: Dynamic, high: Dynamic| {
                let (low, high) = (args::number("sine", &low)? as f32, args::number("sine", &high)? as f32);
                moving(|period_steps, _| Moving::Sine { low, high, period_steps })
            });
        },
    },
    Function {
        name: "ramp",
        signature: "ramp(from, to)",
        unit: "",
        range: "any two numbers",
        doc: "Moves in a straight line and starts again, once a bar unless told otherwise.",
        example: "drums.density = ramp(0.2, 0.9).bars(8);",
        register: |engine| {
            engine.register_fn("ramp", |from: Dynamic, to: Dynamic| {
                let (from, to) = (args::number("ramp", &from)? as f32, args::number("ramp", &to)? as f32);
                moving(|period_steps, _| Moving::Ramp { from, to, period_steps })
            });
        },
    },
    Function {
        name: "rise",
        signature: "rise(from, to)",
        unit: "",
        range: "any two numbers",
        doc: "Moves in a straight line once, from the start of the section (or of the set), and stays there; in one bar \
              unless told otherwise.",
        example: "section(\"build\", 8, || { lead.density = rise(0.1, 0.9).bars(8); });",
        register: |engine| {
            engine.register_fn("rise", |from: Dynamic, to: Dynamic| {
                let (from, to) = (args::number("rise", &from)? as f32, args::number("rise", &to)? as f32);
                moving(|period_steps, _| Moving::Rise { from, to, period_steps })
            });
        },
    },
    Function {
        name: "walk",
        signature: "walk(low, high) | walk(points)",
        unit: "",
        range: "any two numbers",
        doc: "Wanders smoothly between random values, a new one each bar unless told otherwise. With one number it is a path \
              of the latent space, through so many drawn points a bar.",
        example: "lead.register = walk(0.3, 0.8).bars(2);",
        register: |engine| {
            engine.register_fn("walk", |low: Dynamic, high: Dynamic| {
                let (low, high) = (args::number("walk", &low)? as f32, args::number("walk", &high)? as f32);
                moving(|period_steps, id| Moving::Walk { low, high, period_steps, id })
            });
            super::latent::register_walk(engine);
        },
    },
    Function {
        name: "steps",
        signature: "steps([a, b, ...]) | signal.steps(n)",
        unit: "",
        range: "1 to 256 numbers",
        doc: "One value after another, each for a bar unless told otherwise. After a signal: its period in sixteenths.",
        example: "bass.cutoff = steps([0.2, 0.4, 0.9]).beats(1);",
        register: |engine| {
            engine.register_fn("steps", |values: Dynamic| {
                let values = args::numbers("steps", &values)?;
                moving(|each_steps, _| Moving::Steps { values, each_steps })
            });
            engine.register_fn("steps", |of: Signal, n: Dynamic| period("steps", &of, &n, |_| 1));
        },
    },
    Function {
        name: "choose",
        signature: "choose([a, b, ...])",
        unit: "",
        range: "1 to 256 numbers",
        doc: "A random one of the values, drawn anew each bar unless told otherwise.",
        example: "lead.transpose = choose([0, 0, 12]).bars(4);",
        register: |engine| {
            engine.register_fn("choose", |values: Dynamic| {
                let values = args::numbers("choose", &values)?;
                moving(|each_steps, id| Moving::Choose { values, each_steps, id })
            });
        },
    },
    Function {
        name: "euclid",
        signature: "euclid(onsets, of) | euclid(onsets, of, rotate)",
        unit: "sixteenths",
        range: "0 to 64 onsets of 1 to 64",
        doc: "1 on the onsets of a euclidean rhythm and 0 elsewhere; multiply and add to move it.",
        example: "drums.accent = euclid(3, 8) * 0.5;",
        register: |engine| {
            engine.register_fn("euclid", |onsets: Dynamic, of: Dynamic| euclid(&onsets, &of, &Dynamic::ZERO));
            engine.register_fn("euclid", |onsets: Dynamic, of: Dynamic, rotate: Dynamic| euclid(&onsets, &of, &rotate));
        },
    },
    Function {
        name: "bars",
        signature: "signal.bars(n) | every(n).bars(closure)",
        unit: "bars",
        range: "up to 4096",
        doc: "After a signal: its period in bars of the metre.",
        example: "lead.pan = sine(-0.5, 0.5).bars(4);",
        register: |engine| {
            engine.register_fn("bars", |of: Signal, n: Dynamic| period("bars", &of, &n, |metre| metre.bar_steps()));
        },
    },
    Function {
        name: "beats",
        signature: "signal.beats(n) | every(n).beats(closure)",
        unit: "beats",
        range: "up to 4096 bars",
        doc: "After a signal: its period in beats of the metre.",
        example: "bass.gate = steps([0.3, 0.9]).beats(2);",
        register: |engine| {
            engine.register_fn("beats", |of: Signal, n: Dynamic| period("beats", &of, &n, |metre| metre.beat_steps()));
        },
    },
    Function {
        name: "clamp",
        signature: "signal.clamp(low, high)",
        unit: "",
        range: "any two numbers",
        doc: "Keeps a signal between two values.",
        example: "lead.density = (sine(0, 1).bars(4) + walk(-0.2, 0.2)).clamp(0.1, 0.8);",
        register: |engine| {
            engine.register_fn("clamp", |of: Signal, low: Dynamic, high: Dynamic| {
                let (low, high) = (args::number("clamp", &low)? as f32, args::number("clamp", &high)? as f32);
                bounded(Moving::Clamp { of, low: low.min(high), high: low.max(high) }.into())
            });
        },
    },
    Function {
        name: "+",
        signature: "signal + signal (also - * /)",
        unit: "",
        range: "signals and numbers, on both sides",
        doc: "Arithmetic on signals makes signals; a quotient by zero is zero.",
        example: "lead.velocity = 0.8 + sine(-0.1, 0.1).bars(2) * 2;",
        register: |engine| {
            arithmetic(engine, "+", Moving::Add);
            arithmetic(engine, "-", Moving::Sub);
            arithmetic(engine, "*", Moving::Mul);
            arithmetic(engine, "/", Moving::Div);
            for word in ["<", "<=", ">", ">=", "==", "!="] {
                no_comparison(engine, word);
            }
            engine.register_fn("-", |of: Signal| bounded(Moving::Sub(Signal::Constant(0.0), of).into()));
        },
    },
];

/// A signal whose period is one bar, or for stepping ones one bar a value.
fn moving(make: impl FnOnce(f32, u64) -> Moving) -> Fallible<Signal> {
    desk::with(|desk| {
        let id = desk.signal_id();
        Ok(make(desk.metre().bar_steps() as f32, id).into())
    })
}

fn period(
    what: &str,
    of: &Signal,
    count: &Dynamic,
    unit_steps: impl FnOnce(crate::time::Metre) -> u32,
) -> Fallible<Signal> {
    let n = args::number(what, count)?;
    let steps = desk::with(|desk| Ok(n * f64::from(unit_steps(desk.metre()))))?;
    if !(0.25..=BARS_MAX * 48.0).contains(&steps) {
        return Err(fail(format!("{what} wants a period from a quarter of a sixteenth to {BARS_MAX} bars, not {n}")));
    }
    Ok(of.with_period(steps as f32))
}

fn euclid(onsets: &Dynamic, of: &Dynamic, rotate: &Dynamic) -> Fallible<Signal> {
    let of = args::whole("euclid", of, 1..=64)? as u32;
    let onsets = args::whole("euclid", onsets, 0..=64)? as u32;
    let rotate = args::whole("euclid", rotate, -64..=64)?.rem_euclid(i64::from(of)) as u32;
    Ok(Moving::Euclid { onsets: onsets.min(of), of, rotate, low: 0.0, high: 1.0, each_steps: 1.0 }.into())
}

/// Registers an operator between signals and numbers of both kinds, on both sides.
fn arithmetic(engine: &mut Engine, word: &str, make: fn(Signal, Signal) -> Moving) {
    let number = |n: f64| Signal::Constant(n as f32);
    engine.register_fn(word, move |a: Signal, b: Signal| bounded(make(a, b).into()));
    engine.register_fn(word, move |a: Signal, b: f64| bounded(make(a, number(b)).into()));
    engine.register_fn(word, move |a: Signal, b: i64| bounded(make(a, number(b as f64)).into()));
    engine.register_fn(word, move |a: f64, b: Signal| bounded(make(number(a), b).into()));
    engine.register_fn(word, move |a: i64, b: Signal| bounded(make(number(a as f64), b).into()));
}

/// rhai would say false; but a signal has no value before it is played.
fn no_comparison(engine: &mut Engine, word: &'static str) {
    let refuse = move || -> Fallible<bool> {
        Err(fail(format!("a signal has no value before it is played, so it cannot be compared with {word}")))
    };
    engine.register_fn(word, move |_: Signal, _: Signal| refuse());
    engine.register_fn(word, move |_: Signal, _: f64| refuse());
    engine.register_fn(word, move |_: Signal, _: i64| refuse());
    engine.register_fn(word, move |_: f64, _: Signal| refuse());
    engine.register_fn(word, move |_: i64, _: Signal| refuse());
}

/// The signal, unless it has grown beyond what is evaluated at every step.
fn bounded(signal: Signal) -> Fallible<Signal> {
    if signal.pieces() > SIGNAL_PIECES_MAX {
        return Err(fail(format!("this signal has more than {SIGNAL_PIECES_MAX} pieces: is it built in a loop?")));
    }
    Ok(signal)
}
