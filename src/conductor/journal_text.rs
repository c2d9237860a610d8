//! The journal as text: one JSON value a line, the first with the seed. Written by hand so that the plain values of
//! other rooms need not know of it; numbers come back bit for bit.

use super::journal::{Fixed, Journal, What};
use super::journal_latent::{half_in, half_out, mix_in, mix_out, numbers_in, numbers_out, path_in, path_out};
use crate::music::{Chord, ChordSpan, Key, Progression, Role};
use crate::steer::{Edit, Moving, OutSpec, Signal, When, control_named};
use crate::time::{Metre, StepIndex};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most entries read from a file.
const ENTRIES_MAX: usize = 1_000_000;
/// Deepest expression read.
const DEPTH_MAX: usize = 64;

impl Journal {
    /// The journal as lines of JSON.
    pub fn to_text(&self) -> String {
        let Fixed { out, seed, models } = self.fixed();
        let fixed = json!({ "out": out.as_ref().map(OutSpec::to_string), "seed": seed, "models": models });
        let mut text = json!({ "journal": 1, "seed": self.seed(), "fixed": fixed }).to_string();
        for entry in self.entries() {
            text.push('\n');
            text.push_str(&json!([entry.handed.0, what_out(&entry.what)]).to_string());
        }
        text.push('\n');
        text
    }

    /// Reads what [`Journal::to_text`] wrote.
    ///
    /// # Errors
    /// A sentence with the line that is no entry.
    pub fn from_text(text: &str) -> Result<Journal, String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let parse = |(at, line): (usize, &str)| {
            serde_json::from_str::<Value>(line).map_err(|e| format!("journal line {}: {e}", at + 1))
        };
        let head = lines.next().ok_or("the journal is empty").map_err(str::to_string).and_then(parse)?;
        let (Some(1), Some(seed)) = (head["journal"].as_u64(), head["seed"].as_u64()) else {
            return Err("journal line 1: not a journal of this version".into());
        };
        let mut journal = Journal::new(seed).with_fixed(fixed_in(&head["fixed"], seed)?);
        for (at, line) in lines {
            let value = parse((at, line))?;
            let entry = value[0].as_u64().zip(what_in(&value[1]));
            let (handed, what) = entry.ok_or_else(|| format!("journal line {}: no entry", at + 1))?;
            if journal.entries().len() >= ENTRIES_MAX {
                return Err(format!("the journal has more than {ENTRIES_MAX} lines"));
            }
            journal.push(StepIndex(handed), what);
        }
        Ok(journal)
    }
}

/// What the command line fixed. Journals of before did not say: a seed of their own was given there.
fn fixed_in(v: &Value, seed: u64) -> Result<Fixed, String> {
    if v.is_null() {
        return Ok(Fixed { seed: Some(seed).filter(|seed| *seed != 1), ..Fixed::default() });
    }
    let out = v["out"].as_str().map(OutSpec::parse).transpose();
    let out = out.map_err(|why| format!("journal line 1: {why}"))?;
    Ok(Fixed { out, seed: v["seed"].as_u64(), models: text(&v["models"]) })
}

fn what_out(what: &What) -> Value {
    match what {
        What::Edit(edit, when) => json!(["edit", when_out(*when), edit_out(edit)]),
        What::Launch { name, text, when } => json!(["launch", when_out(*when), name, text]),
        What::Freeze { bar, on } => json!(["freeze", bar, on]),
        What::Veto { bar, part } => json!(["veto", bar, part]),
        What::Cancel => json!(["cancel"]),
        What::Back { bar } => json!(["back", bar]),
        What::Unranked { bar } => json!(["unranked", bar]),
        What::Missed => json!(["missed"]),
        What::End => json!(["end"]),
    }
}

fn what_in(v: &Value) -> Option<What> {
    Some(match v[0].as_str()? {
        "edit" => What::Edit(edit_in(&v[2])?, when_in(&v[1])?),
        "launch" => What::Launch { when: when_in(&v[1])?, name: text(&v[2])?, text: text(&v[3])? },
        "freeze" => What::Freeze { bar: v[1].as_u64()?, on: v[2].as_bool()? },
        "veto" => What::Veto { bar: v[1].as_u64()?, part: v[2].as_str().map(str::to_string) },
        "cancel" => What::Cancel,
        "back" => What::Back { bar: v[1].as_u64()? },
        "unranked" => What::Unranked { bar: v[1].as_u64()? },
        "missed" => What::Missed,
        "end" => What::End,
        _ => return None,
    })
}

const WHENS: [(When, &str); 4] =
    [(When::Now, "now"), (When::NextBeat, "beat"), (When::NextBar, "bar"), (When::NextSection, "section")];

fn when_out(when: When) -> &'static str {
    WHENS.iter().find(|w| w.0 == when).map_or("now", |w| w.1)
}
fn when_in(v: &Value) -> Option<When> {
    WHENS.iter().find(|w| Some(w.1) == v.as_str()).map(|w| w.0)
}
fn text(v: &Value) -> Option<String> {
    v.as_str().map(str::to_string)
}
pub(super) fn name(v: &Value) -> Option<Arc<str>> {
    v.as_str().map(Arc::from)
}
/// A part's name, or all parts.
fn part(v: &Value) -> Option<Option<Arc<str>>> {
    if v.is_null() { Some(None) } else { name(v).map(Some) }
}
fn small(v: &Value) -> Option<u32> {
    v.as_u64().and_then(|n| u32::try_from(n).ok())
}

fn edit_out(edit: &Edit) -> Value {
    match edit {
        Edit::Set { part, control, value } => {
            json!(["set", part.as_deref(), control.info().name, value.as_ref().map(signal_out)])
        }
        Edit::Part { name, role } => json!(["part", &**name, role.name()]),
        Edit::Remove { part } => json!(["remove", &**part]),
        Edit::Engine { part, engine } => json!(["engine", &**part, &**engine]),
        Edit::Out { part, out } => json!(["out", &**part, out.to_string()]),
        Edit::Style { part, blend } => json!(["style", part.as_deref(), mix_out(blend)]),
        Edit::Mute { part, on } => json!(["mute", part.as_deref(), on]),
        Edit::Solo { part, on } => json!(["solo", part.as_deref(), on]),
        Edit::Hold { part, bars } => json!(["hold", part.as_deref(), bars]),
        Edit::Reroll { part } => json!(["reroll", part.as_deref()]),
        Edit::Latent { part, half, path } => json!(["latent", part.as_deref(), half_out(*half), path_out(path)]),
        Edit::LatentMove { part, by } => json!(["latent move", &**part, numbers_out(by)]),
        Edit::LatentStore { part, point } => json!(["latent store", &**part, &**point]),
        Edit::LatentReroll { part, half } => json!(["latent reroll", part.as_deref(), half_out(*half)]),
        Edit::Key(key) => json!(["key", key.map(|k| k.to_string())]),
        Edit::Chords(chords) => {
            let span =
                |s: &ChordSpan| json!([s.steps, s.chord.map(|c| [u16::from(c.root), c.mask, u16::from(c.bass)])]);
            json!(["chords", chords.spans.iter().map(span).collect::<Vec<_>>()])
        }
        Edit::Metre(metre) => json!(["metre", metre.beats, metre.unit]),
        Edit::Seed(seed) => json!(["seed", seed]),
        Edit::PlanBars(bars) => json!(["plan", bars]),
        Edit::Section(name) => json!(["section", &**name]),
        Edit::Say(text) => json!(["say", text]),
    }
}

fn edit_in(v: &Value) -> Option<Edit> {
    Some(match v[0].as_str()? {
        "set" => {
            let value = if v[3].is_null() { None } else { Some(signal_in(&v[3], 0)?) };
            Edit::Set { part: part(&v[1])?, control: control_named(v[2].as_str()?)?.control, value }
        }
        "part" => Edit::Part { name: name(&v[1])?, role: Role::parse(v[2].as_str()?)? },
        "remove" => Edit::Remove { part: name(&v[1])? },
        "engine" => Edit::Engine { part: name(&v[1])?, engine: name(&v[2])? },
        "out" => Edit::Out { part: name(&v[1])?, out: OutSpec::parse(v[2].as_str()?).ok()? },
        "style" => Edit::Style { part: part(&v[1])?, blend: mix_in(&v[2])? },
        "mute" => Edit::Mute { part: part(&v[1])?, on: v[2].as_bool()? },
        "solo" => Edit::Solo { part: part(&v[1])?, on: v[2].as_bool()? },
        "hold" => Edit::Hold { part: part(&v[1])?, bars: small(&v[2])? },
        "reroll" => Edit::Reroll { part: part(&v[1])? },
        "latent" => Edit::Latent { part: part(&v[1])?, half: half_in(&v[2])?, path: path_in(&v[3])? },
        "latent move" => Edit::LatentMove { part: name(&v[1])?, by: numbers_in(&v[2])? },
        "latent store" => Edit::LatentStore { part: name(&v[1])?, point: name(&v[2])? },
        "latent reroll" => Edit::LatentReroll { part: part(&v[1])?, half: half_in(&v[2])? },
        "key" if v[1].is_null() => Edit::Key(None),
        "key" => Edit::Key(Some(Key::parse(v[1].as_str()?)?)),
        "chords" => {
            let spans: Option<Vec<_>> = v[1].as_array()?.iter().map(span_in).collect();
            Edit::Chords(Arc::new(Progression { spans: spans? }))
        }
        "metre" => Edit::Metre(Metre::new(v[1].as_u64()?.try_into().ok()?, v[2].as_u64()?.try_into().ok()?)?),
        "seed" => Edit::Seed(v[1].as_u64()?),
        "plan" => Edit::PlanBars(small(&v[1])?),
        "section" => Edit::Section(name(&v[1])?),
        "say" => Edit::Say(text(&v[1])?),
        _ => return None,
    })
}

fn span_in(v: &Value) -> Option<ChordSpan> {
    let number = |i: usize| v[1][i].as_u64();
    let chord = if v[1].is_null() {
        None
    } else {
        let (root, mask, bass) = (number(0)?, number(1)?, number(2)?);
        Some(Chord { root: (root % 12) as u8, mask: (mask & 0xFFF) as u16, bass: (bass % 12) as u8 })
    };
    Some(ChordSpan { chord, steps: small(&v[0])? })
}

/// JSON has no numbers that are none; they are spelled out.
pub(super) fn float_out(x: f32) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}
pub(super) fn float_in(v: &Value) -> Option<f32> {
    v.as_f64().map(|x| x as f32).or_else(|| v.as_str()?.parse().ok())
}

pub(super) fn signal_out(signal: &Signal) -> Value {
    let f = |x: &f32| float_out(*x);
    let all = |xs: &[f32]| xs.iter().map(f).collect::<Vec<_>>();
    let Signal::Moving(moving) = signal else {
        let Signal::Constant(value) = signal else { return Value::Null };
        return f(value);
    };
    match &**moving {
        Moving::Sine { low, high, period_steps } => json!(["sine", f(low), f(high), f(period_steps)]),
        Moving::Ramp { from, to, period_steps } => json!(["ramp", f(from), f(to), f(period_steps)]),
        Moving::Rise { from, to, period_steps } => json!(["rise", f(from), f(to), f(period_steps)]),
        Moving::Walk { low, high, period_steps, id } => json!(["walk", f(low), f(high), f(period_steps), id]),
        Moving::Steps { values, each_steps } => json!(["steps", all(values), f(each_steps)]),
        Moving::Choose { values, each_steps, id } => json!(["choose", all(values), f(each_steps), id]),
        Moving::Euclid { onsets, of, rotate, low, high, each_steps } => {
            json!(["euclid", onsets, of, rotate, f(low), f(high), f(each_steps)])
        }
        Moving::Add(a, b) => json!(["+", signal_out(a), signal_out(b)]),
        Moving::Sub(a, b) => json!(["-", signal_out(a), signal_out(b)]),
        Moving::Mul(a, b) => json!(["*", signal_out(a), signal_out(b)]),
        Moving::Div(a, b) => json!(["/", signal_out(a), signal_out(b)]),
        Moving::Clamp { of, low, high } => json!(["clamp", signal_out(of), f(low), f(high)]),
    }
}

pub(super) fn signal_in(v: &Value, depth: usize) -> Option<Signal> {
    if let Some(value) = float_in(v) {
        return Some(Signal::Constant(value));
    }
    let f = |i: usize| float_in(&v[i]);
    let all = |i: usize| v[i].as_array()?.iter().map(float_in).collect::<Option<Vec<_>>>();
    let of = |i: usize| if depth < DEPTH_MAX { signal_in(&v[i], depth + 1) } else { None };
    let moving = match v[0].as_str()? {
        "sine" => Moving::Sine { low: f(1)?, high: f(2)?, period_steps: f(3)? },
        "ramp" => Moving::Ramp { from: f(1)?, to: f(2)?, period_steps: f(3)? },
        "rise" => Moving::Rise { from: f(1)?, to: f(2)?, period_steps: f(3)? },
        "walk" => Moving::Walk { low: f(1)?, high: f(2)?, period_steps: f(3)?, id: v[4].as_u64()? },
        "steps" => Moving::Steps { values: all(1)?, each_steps: f(2)? },
        "choose" => Moving::Choose { values: all(1)?, each_steps: f(2)?, id: v[3].as_u64()? },
        "euclid" => Moving::Euclid {
            onsets: small(&v[1])?,
            of: small(&v[2])?,
            rotate: small(&v[3])?,
            low: f(4)?,
            high: f(5)?,
            each_steps: f(6)?,
        },
        "+" => Moving::Add(of(1)?, of(2)?),
        "-" => Moving::Sub(of(1)?, of(2)?),
        "*" => Moving::Mul(of(1)?, of(2)?),
        "/" => Moving::Div(of(1)?, of(2)?),
        "clamp" => Moving::Clamp { of: of(1)?, low: f(2)?, high: f(3)? },
        _ => return None,
    };
    Some(moving.into())
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::StyleBlend;
    use crate::steer::{Control, Half, HalfNumbers, LatentPath, StyleMix, Way};

    fn latent_edits() -> Vec<Edit> {
        let numbers: HalfNumbers = std::array::from_fn(|i| 0.1 * i as f32 - 1.7);
        let moving: Signal = Moving::Ramp { from: 0.1, to: 0.7, period_steps: 33.3 }.into();
        let mix = StyleMix::new(&[("rock".into(), moving), ("funk".into(), Signal::Constant(0.3))]);
        let ways = [
            Way::Drawn,
            Way::Here,
            Way::At(Arc::new(numbers)),
            Way::Point("a".into()),
            Way::Walk { points_per_bar: 0.3 },
            Way::Morph { from: None, to: "b".into(), bars: 0.7 },
            Way::Morph { from: Some("a".into()), to: "b".into(), bars: 8.0 },
            Way::Orbit { around: "a".into(), through: None, bars: 4.0 },
            Way::Orbit { around: "a".into(), through: Some("b".into()), bars: 4.0 },
        ];
        let halves = [None, Some(Half::Global), Some(Half::Bar)];
        let path = |(i, way)| {
            let path = LatentPath { way, by_bar: i % 2 == 1 };
            Edit::Latent { part: Some("x".into()), half: halves[i % 3], path }
        };
        let mut edits: Vec<Edit> = ways.into_iter().enumerate().map(path).collect();
        edits.extend([
            Edit::LatentMove { part: "x".into(), by: Arc::new(numbers) },
            Edit::LatentStore { part: "x".into(), point: "a \"b\"".into() },
            Edit::LatentReroll { part: None, half: Some(Half::Bar) },
            Edit::Style { part: None, blend: mix },
        ]);
        edits
    }

    fn journal() -> Journal {
        let set = |value: Option<Signal>| Edit::Set { part: Some("lead".into()), control: Control::Density, value };
        let f = Signal::Constant;
        let sine: Signal = Moving::Sine { low: 0.1, high: 0.7, period_steps: 33.3 }.into();
        let signals: Vec<Signal> = vec![
            f(0.1),
            f(f32::NAN),
            Moving::Ramp { from: 1.0, to: -1.0, period_steps: 16.0 }.into(),
            Moving::Rise { from: 0.1, to: 0.9, period_steps: 128.0 }.into(),
            Moving::Walk { low: 0.0, high: 1e-30, period_steps: 16.0, id: u64::MAX }.into(),
            Moving::Steps { values: vec![1.0, 0.3], each_steps: 4.0 }.into(),
            Moving::Choose { values: vec![], each_steps: 4.0, id: 3 }.into(),
            Moving::Euclid { onsets: 3, of: 8, rotate: 1, low: 0.0, high: 1.0, each_steps: 1.0 }.into(),
            Moving::Add(sine.clone(), f(f32::INFINITY)).into(),
            Moving::Sub(sine.clone(), f(1.0)).into(),
            Moving::Mul(sine.clone(), sine.clone()).into(),
            Moving::Div(f(2.0), sine.clone()).into(),
            Moving::Clamp { of: sine, low: 0.2, high: 0.3 }.into(),
        ];
        let mut edits: Vec<Edit> = signals.into_iter().map(|s| set(Some(s))).collect();
        edits.extend([
            set(None),
            Edit::Part { name: "a \"b\"\n".into(), role: Role::Chords },
            Edit::Remove { part: "x".into() },
            Edit::Engine { part: "x".into(), engine: "euclid".into() },
            Edit::Out { part: "x".into(), out: OutSpec::Midi { port: Some("Port: 1".into()), channel: 3 } },
            Edit::Style { part: None, blend: StyleBlend::new(&[("rock", 0.7), ("funk", 0.2)]).into() },
            Edit::Mute { part: None, on: true },
            Edit::Solo { part: Some("x".into()), on: false },
            Edit::Hold { part: None, bars: 2 },
            Edit::Reroll { part: None },
            Edit::Key(Key::parse("F# dorian")),
            Edit::Key(None),
            Edit::Chords(Arc::new(Progression::parse("Dm7/G _ (C F#m7b5)", 16).unwrap_or_default())),
            Edit::Metre(Metre { beats: 7, unit: 8 }),
            Edit::Seed(u64::MAX),
            Edit::PlanBars(4),
            Edit::Section("lift".into()),
            Edit::Say("hello".into()),
        ]);
        edits.extend(latent_edits());
        let out = OutSpec::parse("midi:A \"port\":3").ok();
        let mut journal =
            Journal::new(u64::MAX).with_fixed(Fixed { out, seed: Some(1), models: Some("band in int8".into()) });
        let text = "tempo(112);\nlet a = 1;".to_string();
        journal.push(StepIndex(0), What::Launch { name: "a.rhai".into(), text, when: When::NextBar });
        for (i, edit) in edits.into_iter().enumerate() {
            journal.push(StepIndex(i as u64), What::Edit(edit, WHENS[i % 4].0));
        }
        journal.push(StepIndex(99), What::Freeze { bar: 3, on: true });
        journal.push(StepIndex(99), What::Veto { bar: 3, part: None });
        journal.push(StepIndex(99), What::Veto { bar: 3, part: Some("x".into()) });
        journal.push(StepIndex(99), What::Back { bar: 1 });
        journal.push(StepIndex(100), What::Cancel);
        journal.push(StepIndex(100), What::Missed);
        journal.unranked(StepIndex(100), 7);
        journal.push(StepIndex(101), What::End);
        journal
    }

    #[test]
    fn a_journal_survives_the_way_through_text() {
        let text = journal().to_text();
        let back = Journal::from_text(&text).unwrap();
        assert_eq!((back.to_text(), back.end()), (text, Some(StepIndex(101))));
        assert_eq!(back.fixed(), journal().fixed());
        let without_nan = |j: &Journal| {
            let of = |e: &super::super::journal::Entry| format!("{:?}", e.what);
            j.entries().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(without_nan(&back), without_nan(&journal()));
    }

    #[test]
    fn broken_journals_give_a_sentence() {
        let deep = format!(
            "{{\"journal\":1,\"seed\":1}}\n[0,[\"edit\",\"now\",[\"set\",null,\"density\",{}1{}]]]",
            "[\"+\",1,".repeat(100),
            "]".repeat(100)
        );
        for bad in
            ["", "x", "{}", "{\"journal\":1,\"seed\":1}\n[]", "{\"journal\":1,\"seed\":1}\n[1,[\"edit\"]]", &deep]
        {
            assert!(Journal::from_text(bad).is_err(), "{bad}");
        }
    }
}
