//! Random choices of the script itself, addressed by seed, step and count: the same set draws the same.

use super::{Function, args};
use crate::script::desk::{self, Fallible};
use rhai::Dynamic;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "rnd",
        signature: "rnd() | rnd(low, high)",
        unit: "",
        range: "any two numbers",
        doc: "A random number, from 0 to 1 or between two values.",
        example: "every(2).bars(|| lead.density = rnd(0.2, 0.8));",
        register: |engine| {
            engine.register_fn("rnd", || draw(0.0, 1.0));
            engine.register_fn("rnd", |low: Dynamic, high: Dynamic| {
                draw(args::number("rnd", &low)?, args::number("rnd", &high)?)
            });
        },
    },
    Function {
        name: "dice",
        signature: "dice(sides)",
        unit: "",
        range: "1 to 1000000",
        doc: "A random whole number from 1 to the number of sides.",
        example: "every(1).bars(|| if dice(4) == 1 { drums.reroll() });",
        register: |engine| {
            engine.register_fn("dice", |sides: Dynamic| -> Fallible<i64> {
                let sides = args::whole("dice", &sides, 1..=1_000_000)?;
                Ok(((draw(0.0, 1.0)? * sides as f64) as i64).min(sides - 1) + 1)
            });
        },
    },
    Function {
        name: "chance",
        signature: "chance(probability)",
        unit: "",
        range: "0 to 1",
        doc: "True with this probability.",
        example: "every(4).bars(|| if chance(0.3) { lead.hold(1) } else { lead.release() });",
        register: |engine| {
            engine.register_fn("chance", |probability: Dynamic| -> Fallible<bool> {
                let probability = args::number("chance", &probability)?;
                Ok(draw(0.0, 1.0)? < probability)
            });
        },
    },
    Function {
        name: "pick",
        signature: "pick([a, b, ...])",
        unit: "",
        range: "1 to 256 values",
        doc: "A random one of the values.",
        example: "every(8).bars(|| chords(pick([\"Dm7 G7\", \"Am7 D7\"])));",
        register: |engine| {
            engine.register_fn("pick", |values: Dynamic| -> Fallible<Dynamic> {
                let mut values = args::list("pick", &values)?;
                let index = (draw(0.0, 1.0)? * values.len() as f64) as usize;
                Ok(values.swap_remove(index.min(values.len() - 1)))
            });
        },
    },
];

fn draw(low: f64, high: f64) -> Fallible<f64> {
    desk::with(|desk| Ok(low + (high - low) * f64::from(desk.draw())))
}
