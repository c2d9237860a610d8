//! Latent paths and style mixes in the journal's text.

use super::journal_text::{float_in, float_out, name, signal_in, signal_out};
use crate::music::StyleBlend;
use crate::steer::{Half, HalfNumbers, LatentPath, Signal, StyleMix, Way};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn half_out(half: Option<Half>) -> Value {
    half.map_or(Value::Null, |half| half.name().into())
}

pub(super) fn half_in(v: &Value) -> Option<Option<Half>> {
    match v.as_str() {
        None => v.is_null().then_some(None),
        Some(word) => Half::BOTH.into_iter().find(|h| h.name() == word).map(Some),
    }
}

pub(super) fn numbers_out(numbers: &HalfNumbers) -> Value {
    numbers.iter().map(|x| float_out(*x)).collect()
}

pub(super) fn numbers_in(v: &Value) -> Option<Arc<HalfNumbers>> {
    let numbers: Vec<f32> = v.as_array()?.iter().map(float_in).collect::<Option<_>>()?;
    numbers.try_into().ok().map(Arc::new)
}

/// A path: its way as a list, and after it whether it changes by bar.
pub(super) fn path_out(path: &LatentPath) -> Value {
    let word = |name: &Option<Arc<str>>| name.as_deref().map_or(Value::Null, Value::from);
    let way = match &path.way {
        Way::Drawn => json!(["drawn"]),
        Way::Here => json!(["here"]),
        Way::At(numbers) => json!(["at", numbers_out(numbers)]),
        Way::Point(name) => json!(["point", &**name]),
        Way::Walk { points_per_bar } => json!(["walk", float_out(*points_per_bar)]),
        Way::Morph { from, to, bars } => json!(["morph", word(from), &**to, float_out(*bars)]),
        Way::Orbit { around, through, bars } => json!(["orbit", &**around, word(through), float_out(*bars)]),
    };
    json!([way, path.by_bar])
}

pub(super) fn path_in(v: &Value) -> Option<LatentPath> {
    let way = &v[0];
    let word = |v: &Value| if v.is_null() { Some(None) } else { name(v).map(Some) };
    let way = match way[0].as_str()? {
        "drawn" => Way::Drawn,
        "here" => Way::Here,
        "at" => Way::At(numbers_in(&way[1])?),
        "point" => Way::Point(name(&way[1])?),
        "walk" => Way::Walk { points_per_bar: float_in(&way[1])? },
        "morph" => Way::Morph { from: word(&way[1])?, to: name(&way[2])?, bars: float_in(&way[3])? },
        "orbit" => Way::Orbit { around: name(&way[1])?, through: word(&way[2])?, bars: float_in(&way[3])? },
        _ => return None,
    };
    Some(LatentPath { way, by_bar: v[1].as_bool()? })
}

pub(super) fn mix_out(mix: &StyleMix) -> Value {
    match mix {
        StyleMix::Still(still) => still.0.iter().map(|(name, w)| json!([&**name, float_out(*w)])).collect(),
        StyleMix::Moving(moving) => moving.iter().map(|(name, w)| json!([&**name, signal_out(w)])).collect(),
    }
}

/// Weights that stand still are taken as they were written: they add up to 1 already.
pub(super) fn mix_in(v: &Value) -> Option<StyleMix> {
    let row = |r: &Value| Some((name(&r[0])?, signal_in(&r[1], 0)?));
    let rows: Vec<(Arc<str>, Signal)> = v.as_array()?.iter().map(row).collect::<Option<_>>()?;
    let still = |(name, weight): &(Arc<str>, Signal)| match weight {
        Signal::Constant(weight) => Some((name.clone(), *weight)),
        Signal::Moving(_) => None,
    };
    let mix = match rows.iter().map(still).collect::<Option<Arc<[_]>>>() {
        Some(rows) => StyleMix::Still(StyleBlend(rows)),
        None => StyleMix::Moving(rows.into()),
    };
    Some(mix)
}
