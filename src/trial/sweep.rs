//! One control turned from one end to the other, everything else left alone.

use super::bars::{self, MEASURES, Measure, Played};
use super::{Options, Play};
use crate::music::{ROLES, Role};
use crate::train::gan_eval::control::spearman;
use serde::Serialize;

/// What is asked, and what is to follow it.
#[derive(Debug)]
pub struct Request {
    /// The control's word.
    pub name: &'static str,
    /// What should follow it.
    pub measure: Measure,
    /// Values, upwards.
    pub values: &'static [f32],
    /// Who is asked.
    pub roles: &'static [Role],
}

const NINE: &[f32] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const PITCHED: &[Role] = &[Role::Bass, Role::Chords, Role::Lead];

/// Everything that is asked.
#[rustfmt::skip]
pub const REQUESTS: &[Request] = &[
    Request { name: "density", measure: Measure::Density, values: NINE, roles: &ROLES },
    Request { name: "register", measure: Measure::Register, values: NINE, roles: PITCHED },
    Request { name: "polyphony", measure: Measure::Polyphony, values: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], roles: &[Role::Drums, Role::Chords, Role::Lead] },
    Request { name: "velocity", measure: Measure::Velocity, values: &[0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.1, 1.25, 1.4], roles: &ROLES },
    Request { name: "syncopation", measure: Measure::Syncopation, values: &[0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0], roles: &ROLES },
    Request { name: "repeat", measure: Measure::Repetition, values: &[-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0], roles: &ROLES },
    Request { name: "copy", measure: Measure::Repetition, values: &[0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0], roles: &ROLES },
];

/// How well one role followed one control.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    /// The control.
    pub control: &'static str,
    /// Who was asked.
    pub role: &'static str,
    /// Rank correlation of what was asked and what a bar had, over all bars.
    pub obeyed: Option<f64>,
    /// The same of what was asked and each other measure (in the order of `bars::MEASURES`): what leaks.
    pub leaks: Vec<Option<f64>>,
    /// What was asked, and the mean of what was played.
    pub levels: Vec<(f32, f64)>,
    /// Bars that were measured.
    pub bars: usize,
}

/// Sets that are turned: progression, key, and a style for each role. Held-out from nothing: they only give the model something to do.
const SCENES: [(&str, &str, [&str; 4]); 3] = [
    ("A minor", "Am . F . C . G .", ["rock", "rock", "rock", "game"]),
    ("F", "F Dm Gm C7", ["jazz", "jazz", "jazz", "jazz"]),
    ("D", "D . G . A . D .", ["funk", "song", "song", "song"]),
];

/// The text of a set in which `role`'s part has these lines; `$` in them is the part.
pub fn set(engine: &str, scene: usize, role: Role, lines: &str) -> String {
    let (key, chords, styles) = SCENES[scene % SCENES.len()];
    let part = |role: Role| {
        let (name, style) = (role.name(), styles[role.index()]);
        let part = format!("part(\"{name}\").role(\"{name}\").engine(\"{engine}\").style(\"{style}\")");
        format!("let the_{name} = {part}.out(\"synth:keys\");\n")
    };
    let band: String = ROLES.into_iter().map(part).collect();
    let lines = lines.replace('$', &format!("the_{}", role.name()));
    format!("tempo(120);\nkey(\"{key}\");\nchords(\"{chords}\");\n{band}{lines}")
}

/// Turns one control of one role.
///
/// # Errors
/// One sentence: a set that cannot be played.
pub fn run(request: &Request, role: Role, options: &Options, play: Play) -> Result<Sweep, String> {
    let mut pairs: Vec<Vec<(f64, f64)>> = vec![Vec::new(); MEASURES.len()];
    let mut levels = Vec::new();
    let own = MEASURES.iter().position(|m| m.0 == request.measure).unwrap_or(0);
    for value in request.values {
        let before = pairs[own].len();
        for seed in 0..options.seeds {
            let text = set(&options.engine, seed as usize, role, &format!("$.{} = {value:?};\n", request.name));
            let bars = played(&text, 1 + seed, role, options.bars + 1, play)?;
            for pair in bars.windows(2) {
                for (list, (measure, _)) in pairs.iter_mut().zip(MEASURES) {
                    list.extend(measure.of(role, &pair[1], &pair[0]).map(|x| (f64::from(*value), x)));
                }
            }
        }
        let new = &pairs[own][before..];
        levels.push((*value, new.iter().map(|p| p.1).sum::<f64>() / new.len().max(1) as f64));
    }
    let leak = |(m, pairs): (usize, &Vec<(f64, f64)>)| if m == own { None } else { spearman(pairs) };
    Ok(Sweep {
        control: request.name,
        role: role.name(),
        obeyed: spearman(&pairs[own]),
        leaks: pairs.iter().enumerate().map(leak).collect(),
        levels,
        bars: pairs[own].len(),
    })
}

fn played(text: &str, seed: u64, role: Role, bars: u64, play: Play) -> Result<Vec<Vec<Played>>, String> {
    let rendered = play(text, seed, bars)?;
    Ok(bars::of(&rendered, role.index() as u8, bars))
}

/// How soon a role follows when a control jumps from one end to the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reaction {
    /// The control.
    pub control: &'static str,
    /// Who was asked.
    pub role: &'static str,
    /// Means of the bars from two before the jump to three after it.
    pub bars: Vec<f64>,
    /// Share of the whole way (from the two bars before to the last two) that is gone in the first bar after the jump.
    pub first_bar: Option<f64>,
}

/// Bars before the jump, and after it.
const LEAD_IN: u64 = 3;

/// Controls jump upwards at a bar line; the means of many bars before and after it.
///
/// # Errors
/// One sentence: a set that cannot be played.
pub fn reactions(options: &Options, play: Play) -> Result<Vec<Reaction>, String> {
    let mut all = Vec::new();
    for request in REQUESTS.iter().filter(|r| r.values.len() > 6 && r.name != "copy" && r.name != "repeat") {
        let role = *request.roles.last().unwrap_or(&Role::Lead);
        let (low, high) = (request.values[0], request.values[request.values.len() - 1]);
        let lines = format!("$.{} = steps([{low:?}, {high:?}]).bars({LEAD_IN});\n", request.name);
        let mut sums = [(0.0, 0u32); 5];
        for seed in 0..3 * options.seeds {
            let text = set(&options.engine, seed as usize, role, &lines);
            let bars = played(&text, 11 + seed, role, 2 * LEAD_IN, play)?;
            for (sum, bar) in sums.iter_mut().zip(1..) {
                if let Some(x) = request.measure.of(role, &bars[bar], &bars[bar - 1]) {
                    *sum = (sum.0 + x, sum.1 + 1);
                }
            }
        }
        let bars: Vec<f64> = sums.iter().map(|(sum, n)| sum / f64::from((*n).max(1))).collect();
        let (before, after) = ((bars[0] + bars[1]) / 2.0, (bars[3] + bars[4]) / 2.0);
        let first_bar = (after != before).then(|| (bars[2] - before) / (after - before));
        all.push(Reaction { control: request.name, role: role.name(), bars, first_bar });
    }
    Ok(all)
}
