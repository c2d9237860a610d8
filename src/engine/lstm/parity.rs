//! The live step against its oracle, the plain candle net, over the same random notes: in f32 probabilities agree to
//! 1e-5 over 200 steps; in bf16 and int8 the difference is what the rounding does.

use super::kernel::Simd;
use super::run::Run;
use super::{ARITHMETICS, CandleModel, CandleRun, Live, Packed, Weights};
use crate::engine::{EngineError, HeardNote, History, sampling};
use crate::music::{Chance, Chord, Key, Purpose, ROLES, Role, StepNote};
use crate::time::{BarMap, Place, StepIndex};
use crate::token::{self, Bag, Conditions, Scene, classes};
use candle_core::Device;
use std::sync::Arc;

const STEPS: u64 = 200;

fn conditions(step: u64) -> Conditions<'static> {
    let mut roles = [crate::engine::RoleAsk { present: true, density: None, register: None }; 4];
    roles[(step / 16 % 4) as usize].density = Some((step % 10) as f32 / 10.0);
    Conditions {
        place: BarMap::default().place(StepIndex(step)),
        chord: [Chord::parse("Dm7"), Chord::parse("G7/B"), None][(step / 8 % 3) as usize],
        next_chord: Chord::parse("C"),
        steps_to_next_chord: 8 - step as u32 % 8,
        key: (step < 150).then(|| Key::parse("C")).flatten(),
        style: &[(0, 0.3), (5, 0.7)],
        roles,
        bars_to_end: Some(3),
    }
}

/// The largest differences from the oracle over all heads and steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parity {
    /// f32, bf16 or int8.
    pub precision: &'static str,
    /// The path through the kernels.
    pub path: &'static str,
    /// Of any probability.
    pub probability: f32,
    /// Of any logit.
    pub logit: f32,
}

/// Compares every kind of arithmetic on every path of this machine with the oracle.
///
/// # Errors
/// When the weights fit no live step, or candle fails.
pub fn measure(weights: &Weights) -> Result<Vec<Parity>, EngineError> {
    let oracle = walk(&mut CandleRun::new(Arc::new(CandleModel::new(weights, &Device::Cpu)?)))?;
    let mut all = Vec::new();
    for arithmetic in ARITHMETICS {
        for simd in Simd::all() {
            let live = walk(&mut Live::new(Arc::new(Packed::with(weights, arithmetic)?), simd))?;
            let worst =
                |f: fn(&[f32]) -> Vec<f32>| live.iter().zip(&oracle).map(move |(a, b)| difference(&f(a), &f(b)));
            all.push(Parity {
                precision: arithmetic.name(),
                path: simd.name(),
                probability: worst(probabilities).fold(0.0, f32::max),
                logit: worst(<[f32]>::to_vec).fold(0.0, f32::max),
            });
        }
    }
    Ok(all)
}

fn probabilities(logits: &[f32]) -> Vec<f32> {
    let mut p = logits.to_vec();
    sampling::probabilities(&mut p, sampling::Draw { temperature: 1.0, top_p: 1.0, min_p: 0.0 });
    p
}

/// Infinite when the lists are of different lengths or hold numbers that are none.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    let far = |d: f32| if d.is_finite() { d } else { f32::INFINITY };
    let differences = a.iter().zip(b).map(|(a, b)| far((a - b).abs()));
    if a.len() == b.len() { differences.fold(0.0, f32::max) } else { f32::INFINITY }
}

/// Plays random notes to a net, the same to every one, and returns the logits of all its heads.
fn walk<R: Run>(net: &mut R) -> Result<Vec<Vec<f32>>, EngineError> {
    let (mut features, mut context, mut seen) = (Bag::new(), Bag::new(), Vec::new());
    let (chance, mut history) = (Chance::new(11), History::new(StepIndex(0)));
    for step in 0..STEPS {
        let conditions = conditions(step);
        let scene = Scene::of(&history, &conditions.place);
        token::scene_features(&scene, &conditions, &mut features);
        net.step(&features)?;
        let mut now: Vec<HeardNote> = Vec::new();
        // Two roles a step in turn: a plain net is slow.
        for role in ROLES.into_iter().skip((step % 2) as usize).step_by(2) {
            let role_chance = chance.fold(role as u64);
            token::decision_base(&scene, &conditions, role, &now, &mut context);
            net.begin(&context)?;
            let own = role_notes(net, role, &history, &conditions.place, role_chance, &mut seen)?;
            now.extend(own.iter().map(|p| HeardNote { role, note: StepNote::new(*p, 90, 1 + (step % 20) as u16) }));
            if role_chance.unit(Purpose::Vary, step, 0) < 0.5 {
                now.clear();
            }
        }
        history.push(&now);
    }
    Ok(seen)
}

/// Two decisions of a role with the details of what chance chose.
fn role_notes<R: Run>(
    net: &mut R,
    role: Role,
    history: &History,
    place: &Place,
    chance: Chance,
    seen: &mut Vec<Vec<f32>>,
) -> Result<Vec<u8>, EngineError> {
    let step = place.step.0;
    let (mut own, mut manner): (Vec<u8>, Bag) = (Vec::new(), Bag::new());
    for index in 0..2u64 {
        seen.push(net.decide(role, token::count_row(own.len()))?.to_vec());
        let class = 1 + chance.below(Purpose::Pitch, step, index, classes::decision_classes(role) as u64 - 1);
        let Some(pitch) = classes::pitch_of(role, class as usize).filter(|p| !own.contains(p)) else { continue };
        let duration = if role == Role::Drums { classes::NO_DURATION } else { (step % 11) as usize };
        let now = own.last().map(|pitch| StepNote::new(*pitch, 40, 1));
        token::detail_features(history, place, role, class as usize, now.as_ref(), &mut manner);
        net.begin_detail(&manner)?;
        seen.push(net.durations()?.to_vec());
        seen.push(net.velocities(duration)?.to_vec());
        seen.push(net.offsets((step % 16) as usize)?.to_vec());
        if let Some(row) = token::note_row(role, pitch) {
            net.add_context(row);
        }
        own.push(pitch);
    }
    Ok(own)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::{expected, file, random};

    /// What probabilities may be off by, precision by precision; and within one the paths must agree.
    fn check(name: &str, weights: &Weights) {
        let all = measure(weights).unwrap();
        for p in &all {
            let bound = match p.precision {
                "f32" => 1e-5,
                "bf16" => 0.05,
                // The worst of some 100,000 probabilities on random notes: a bound on mistakes; `eval --live` tells the cost.
                _ => 0.15,
            };
            assert!(p.probability < bound, "{name}: {p:?}");
            let first = all.iter().find(|q| q.precision == p.precision).unwrap();
            assert_eq!((first.probability, first.logit), (p.probability, p.logit), "{name}: {p:?}");
        }
    }

    #[test]
    fn random_weights_agree_with_the_oracle() {
        check("narrow", &random::small(5).unwrap());
        check("one layer, full width", &random::random(48, 1, 6).unwrap());
    }

    #[test]
    fn shipped_weights_agree_with_the_oracle() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in files.filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
            let bytes = std::fs::read(&path).unwrap();
            if file::read_card(&bytes).is_ok_and(|card: file::Card| card.kind == "lstm") {
                check(&path.display().to_string(), &Weights::parse(&bytes, &expected()).unwrap());
            }
        }
    }
}
