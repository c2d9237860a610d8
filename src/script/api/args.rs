//! Arguments: rhai converts nothing by itself, so every function takes what comes and says what it wanted.

use crate::script::desk::{Fallible, fail};
use crate::steer::{LatentPath, Signal};
use rhai::{Array, Dynamic, FnPtr};

/// What a value is, for humans.
pub(super) fn kind(value: &Dynamic) -> &'static str {
    match value {
        v if v.is_unit() => "nothing",
        v if v.is_bool() => "true or false",
        v if v.is_int() || v.is_float() => "a number",
        v if v.is_string() => "a text",
        v if v.is_char() => "a character",
        v if v.is_array() => "a list",
        v if v.is_map() => "a map",
        v if v.is_fnptr() => "a closure",
        v if v.is::<Signal>() => "a signal",
        v if v.is::<LatentPath>() => "a path of the latent space",
        v if v.is::<super::Part>() => "a part",
        _ => "something else",
    }
}

fn wanted(what: &str, wants: &str, value: &Dynamic) -> Box<rhai::EvalAltResult> {
    fail(format!("{what} wants {wants}, not {}", kind(value)))
}

/// A plain number, whole or not.
pub(super) fn number(what: &str, value: &Dynamic) -> Fallible<f64> {
    let number = value.as_float().or_else(|_| value.as_int().map(|i| i as f64));
    match number {
        Ok(n) if n.is_finite() => Ok(n),
        Ok(n) => Err(fail(format!("{what} wants a number, and {n} is none"))),
        Err(_) => Err(wanted(what, "a number", value)),
    }
}

/// A whole number inside a range.
pub(super) fn whole(what: &str, value: &Dynamic, range: std::ops::RangeInclusive<i64>) -> Fallible<i64> {
    let n = number(what, value)?;
    let (low, high) = (*range.start(), *range.end());
    if n.fract() != 0.0 || n < low as f64 || n > high as f64 {
        return Err(fail(format!("{what} wants a whole number from {low} to {high}, not {n}")));
    }
    Ok(n as i64)
}

/// A text.
pub(super) fn text(what: &str, value: &Dynamic) -> Fallible<String> {
    value.clone().into_string().map_err(|_| wanted(what, "a text in quotes", value))
}

/// A short name: a part, a section, a state.
pub(super) fn name(what: &str, value: &Dynamic) -> Fallible<String> {
    let name = text(what, value)?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 32 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(fail(format!("{what} wants a name of 1 to 32 letters without spaces, not \"{name:.40}\"")));
    }
    Ok(name.to_string())
}

/// A closure.
pub(super) fn closure(what: &str, value: &Dynamic) -> Fallible<FnPtr> {
    value.clone().try_cast::<FnPtr>().ok_or_else(|| wanted(what, "a closure, as in || lead.mute()", value))
}

/// A number or a signal.
pub(super) fn signal(what: &str, value: &Dynamic) -> Fallible<Signal> {
    match value.clone().try_cast::<Signal>() {
        Some(signal) => Ok(signal),
        None if value.is_int() || value.is_float() => Ok(Signal::Constant(number(what, value)? as f32)),
        None => Err(wanted(what, "a number or a signal", value)),
    }
}

/// A list of 1 to 256 values.
pub(super) fn list(what: &str, value: &Dynamic) -> Fallible<Array> {
    match value.clone().try_cast::<Array>() {
        Some(list) if (1..=256).contains(&list.len()) => Ok(list),
        Some(list) => Err(fail(format!("{what} wants a list of 1 to 256 values, not {}", list.len()))),
        None => Err(wanted(what, "a list, as in [1, 2, 3]", value)),
    }
}

/// A list of numbers.
pub(super) fn numbers(what: &str, value: &Dynamic) -> Fallible<Vec<f32>> {
    list(what, value)?.iter().map(|v| Ok(number(what, v)? as f32)).collect()
}
