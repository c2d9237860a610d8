//! Does a style that is asked for come out, and does a blend lie between its styles?
//!
//! A classifier is fitted to real chunks of four bars of the train split and frozen; how often it is right on real chunks of the valid
//! split is the most that can be hoped for. Then the model plays each style, told nothing else but who plays and the metre, and is classified.

mod chunk;
mod learn;

use super::follow::Open;
use crate::corpus::{Corpus, Piece, Split};
use crate::engine::{Ask, Engine, Heard, HeardNote, History};
use crate::music::{Chance, ROLES, Role, StepNotes, StyleBlend};
use crate::time::{BarMap, Metre, StepIndex};
use chunk::{CHUNK_BARS, Family, Note, numbers};
use learn::Classifier;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

/// Real chunks that a style needs in train and in valid to take part.
const CHUNKS_MIN: [usize; 2] = [40, 6];
/// Chunks of one style that are used at most, so that large corpora do not take all the time.
const CHUNKS_MAX: usize = 400;
/// Guidance at which styles are played once more, beside 1.
const GUIDED: [f32; 2] = [2.0, 3.0];
/// Weights of the second style of a blend.
const WEIGHTS: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// Styles of one family.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StyleReport {
    /// What they are told by.
    pub by: &'static str,
    /// The styles.
    pub styles: Vec<String>,
    /// Balanced accuracy on real chunks of valid: the ceiling.
    pub real: f64,
    /// Balanced accuracy on what was played at weight 1.
    pub played: f64,
    /// The same with guidance: its strength, and the accuracy.
    pub guided: Vec<(f32, f64)>,
    /// 1 / number of styles.
    pub chance: f64,
    /// For each style: share of played chunks that are told as it.
    pub by_style: Vec<f64>,
    /// Blends of neighbours.
    pub blends: Vec<Blend>,
}

/// A blend of two styles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blend {
    /// The styles.
    pub styles: [String; 2],
    /// Mean probability of the second one, of both, at each of its weights.
    pub second: Vec<f64>,
    /// Kendall's tau of weight and probability: 1 when it rises throughout.
    pub tau: f64,
}

struct Style<'a> {
    name: &'a str,
    /// Who plays in most of its pieces.
    roles: [bool; 4],
    metre: Metre,
    chunks: [Vec<Vec<f64>>; 2],
}

/// Tries the styles of both families with so many takes a style.
///
/// # Errors
/// One sentence: too little music, or no engine.
pub fn run(corpus: &Corpus, takes: u64, open: Open, say: &mut dyn FnMut(&str)) -> Result<Vec<StyleReport>, String> {
    let mut reports = Vec::new();
    for (family, by) in [(Family::Kit, "drums"), (Family::Pitched, "bass, chords, lead")] {
        say(&format!("styles by {by}"));
        let styles = styles(corpus, family);
        if styles.len() < 2 {
            continue;
        }
        let rows = |split: usize| {
            styles
                .iter()
                .enumerate()
                .flat_map(move |(c, s)| s.chunks[split].iter().map(move |x| (x.clone(), c)))
                .collect::<Vec<_>>()
        };
        let told = Classifier::fit(&rows(0), styles.len());
        let mut all = |guidance: f32| -> Result<Vec<(Vec<f64>, usize)>, String> {
            let mut made = Vec::new();
            for (class, style) in styles.iter().enumerate() {
                let asked = Asked { blend: StyleBlend::new(&[(style.name, 1.0)]), guidance };
                made.extend(played(family, style, &asked, takes, open)?.into_iter().map(|x| (x, class)));
            }
            Ok(made)
        };
        let made = all(1.0)?;
        let mut guided = Vec::new();
        for guidance in GUIDED {
            guided.push((guidance, told.balanced_accuracy(&all(guidance)?)));
        }
        let of = |class: usize| made.iter().filter(|m| m.1 == class).cloned().collect::<Vec<_>>();
        reports.push(StyleReport {
            by,
            styles: styles.iter().map(|s| s.name.to_owned()).collect(),
            real: told.balanced_accuracy(&rows(1)),
            played: told.balanced_accuracy(&made),
            guided,
            chance: 1.0 / styles.len() as f64,
            by_style: (0..styles.len()).map(|c| told.balanced_accuracy(&of(c))).collect(),
            blends: blends(family, &styles, &told, takes, open)?,
        });
    }
    if reports.is_empty() {
        Err("there are no two styles with enough music in these folders".into())
    } else {
        Ok(reports)
    }
}

/// Neighbouring styles of the list are blended, those with the same band and metre.
fn blends(family: Family, styles: &[Style], told: &Classifier, takes: u64, open: Open) -> Result<Vec<Blend>, String> {
    let mut all = Vec::new();
    for (a, pair) in styles.windows(2).enumerate().filter(|(_, p)| p[0].roles == p[1].roles && p[0].metre == p[1].metre)
    {
        let mut means = Vec::new();
        for weight in WEIGHTS {
            let blend = StyleBlend::new(&[(pair[0].name, 1.0 - weight), (pair[1].name, weight)]);
            let chunks = played(family, &pair[0], &Asked { blend, guidance: 1.0 }, takes, open)?;
            let second = |x: &Vec<f64>| {
                let p = told.probabilities(x);
                p[a + 1] / (p[a] + p[a + 1]).max(1e-12)
            };
            means.push(chunks.iter().map(second).sum::<f64>() / chunks.len().max(1) as f64);
        }
        let tau = kendall(&means);
        all.push(Blend { styles: [&pair[0], &pair[1]].map(|s: &Style| s.name.to_owned()), second: means, tau });
    }
    Ok(all)
}

/// Kendall's tau of a list against its order: 1 when it rises throughout.
fn kendall(values: &[f64]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            sum += if b > a {
                1.0
            } else if b < a {
                -1.0
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

/// Styles with enough real chunks.
fn styles(corpus: &Corpus, family: Family) -> Vec<Style<'_>> {
    let mut by_name: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for piece in corpus.pieces.iter().filter(|p| ROLES.iter().any(|r| family.has(*r) && p.roles[r.index()])) {
        by_name.entry(&piece.style).or_default().push(piece);
    }
    by_name.into_iter().filter_map(|(name, pieces)| style(name, &pieces, family)).collect()
}

/// A style by its pieces; `None` when there is too little of it.
fn style<'a>(name: &'a str, pieces: &[&Piece], family: Family) -> Option<Style<'a>> {
    let of = |split: Split| {
        let all: Vec<_> = pieces.iter().filter(|p| p.split == split).flat_map(|p| real(family, p)).collect();
        let every = all.len().div_ceil(CHUNKS_MAX).max(1);
        all.into_iter().step_by(every).collect::<Vec<_>>()
    };
    let chunks = [of(Split::Train), of(Split::Valid)];
    let share = |r: usize| pieces.iter().filter(|p| p.roles[r]).count() * 2 > pieces.len();
    let mut metres: BTreeMap<(u8, u8), (usize, Metre)> = BTreeMap::new();
    for metre in pieces.iter().filter_map(|p| p.metres.first()).map(|m| m.1) {
        metres.entry((metre.beats, metre.unit)).or_insert((0, metre)).0 += 1;
    }
    let metre = metres.into_values().max_by_key(|m| m.0).map_or(Metre::FOUR_FOUR, |m| m.1);
    let roles = std::array::from_fn(|r| family.has(ROLES[r]) && share(r));
    let is_enough = chunks[0].len() >= CHUNKS_MIN[0] && chunks[1].len() >= CHUNKS_MIN[1] && roles != [false; 4];
    is_enough.then_some(Style { name, roles, metre, chunks })
}

/// Numbers of a piece's chunks, bar after bar; only those in one metre.
fn real(family: Family, piece: &Piece) -> Vec<Vec<f64>> {
    let (map, mut start, mut all) = (piece.bar_map(), 0u32, Vec::new());
    while start < piece.steps {
        let place = map.place(StepIndex(u64::from(start)));
        let bar_steps = place.metre.bar_steps();
        let end = start + CHUNK_BARS * bar_steps;
        let last = map.place(StepIndex(u64::from(end.saturating_sub(1))));
        if end <= piece.steps && last.metre == place.metre {
            let notes: Vec<Note> =
                piece.notes_between(start, end).iter().map(|n| (n.step - start, n.role, n.note)).collect();
            let own = notes.iter().filter(|n| family.has(n.1)).count();
            if own >= 8 {
                all.push(numbers(family, bar_steps, &notes));
            }
        }
        start = end;
    }
    all
}

/// What a model is asked for.
struct Asked {
    blend: StyleBlend,
    guidance: f32,
}

/// Numbers of what the model plays, `takes` chunks that each begin after a chunk of its own.
fn played(family: Family, style: &Style, asked: &Asked, takes: u64, open: Open) -> Result<Vec<Vec<f64>>, String> {
    let bar_steps = style.metre.bar_steps();
    let length = u64::from(CHUNK_BARS * bar_steps);
    let bars = BarMap::new(style.metre);
    let mut all = Vec::new();
    for take in 0..takes {
        let mut band: Vec<(Role, Box<dyn Engine>)> = Vec::new();
        for role in ROLES.into_iter().filter(|r| style.roles[r.index()]) {
            band.push((role, open()?));
        }
        let (mut history, mut notes) = (History::new(StepIndex(0)), Vec::new());
        for step in 0..2 * length {
            let mut now: Vec<HeardNote> = Vec::new();
            for (role, part) in &mut band {
                let mut ask =
                    Ask::new(bars.place(StepIndex(step)), *role, Chance::new(9).fold(take).fold(*role as u64));
                ask.style = asked.blend.clone();
                ask.guidance = asked.guidance;
                ROLES.iter().for_each(|r| ask.band[r.index()].present = style.roles[r.index()]);
                let mut out = StepNotes::EMPTY;
                part.next_step(&ask, &Heard { history: &history, now: &now }, &mut out).map_err(|e| e.to_string())?;
                now.extend(out.iter().map(|note| HeardNote { role: *role, note: *note }));
            }
            if step >= length {
                notes.extend(now.iter().map(|n| ((step - length) as u32, n.role, n.note)));
            }
            history.push(&now);
        }
        all.push(numbers(family, bar_steps, &notes));
    }
    Ok(all)
}

impl Display for StyleReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "\n{} styles told by {}: balanced accuracy real valid {:.3}, played {:.3}, chance {:.3}",
            self.styles.len(),
            self.by,
            self.real,
            self.played,
            self.chance
        )?;
        for (guidance, accuracy) in &self.guided {
            writeln!(f, "played with guidance {guidance}: {accuracy:.3}")?;
        }
        let each: Vec<String> = self.styles.iter().zip(&self.by_style).map(|(s, a)| format!("{s} {a:.2}")).collect();
        writeln!(f, "{}", each.join(", "))?;
        for Blend { styles: [a, b], second, tau } in &self.blends {
            let means: Vec<String> = second.iter().map(|m| format!("{m:.2}")).collect();
            writeln!(f, "{:<28}{}   tau {tau:.2}", format!("{a} to {b}"), means.join("  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn order_is_measured_from_minus_1_to_1() {
        assert_eq!((kendall(&[1.0, 2.0, 3.0]), kendall(&[3.0, 2.0, 1.0]), kendall(&[1.0, 1.0])), (1.0, -1.0, 0.0));
    }
}
