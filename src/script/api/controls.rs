//! Every row of `steer::CONTROLS` as a function of scripts: adding a control is adding a row.
//!
//! A control of a part is a property and a method (`lead.temperature = 0.9`, `lead.temperature(0.9)`); a control of the
//! set is a function (`tempo(112)`). `()` gives a control back to its default.

use super::{Part, args};
use crate::script::desk::{self, Fallible, fail};
use crate::steer::{CONTROLS, ControlInfo, Scope, Signal};
use rhai::{Dynamic, Engine};

pub(super) fn register(engine: &mut Engine) {
    for row in CONTROLS {
        match row.scope {
            Scope::Set => {
                engine.register_fn(row.name, move |value: Dynamic| turn(None, row, &value));
            }
            Scope::Part => {
                engine.register_fn(row.name, move |part: Part, value: Dynamic| {
                    turn(Some(&part), row, &value).map(|()| part)
                });
                engine.register_set(row.name, move |part: &mut Part, value: Dynamic| turn(Some(part), row, &value));
                engine.register_get(row.name, move |part: &mut Part| read(part, row));
            }
        }
    }
}

fn turn(part: Option<&Part>, row: &'static ControlInfo, value: &Dynamic) -> Fallible<()> {
    let signal = if value.is_unit() { None } else { Some(args::signal(row.name, value)?) };
    desk::with(|desk| desk.set(part, row.control, signal))
}

/// What this script has set, or the default.
fn read(part: &Part, row: &'static ControlInfo) -> Fallible<Dynamic> {
    let band = Part(None);
    let set = desk::with(|desk| {
        let index = row.control as usize;
        Ok(desk.part(part).controls.get(&index).cloned().or_else(|| desk.part(&band).controls.get(&index).cloned()))
    })?;
    match set.or(row.default.map(Signal::Constant)) {
        Some(Signal::Constant(value)) => Ok(Dynamic::from_float(f64::from(value))),
        Some(moving) => Ok(Dynamic::from(moving)),
        None => Err(fail(format!("{} is left to the model: set it before you read it", row.name))),
    }
}
