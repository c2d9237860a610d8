//! The live step against its oracle, the plain candle net: probabilities agree to 1e-5 over 200 steps.

use super::kernel::Simd;
use super::{Live, Oracle, Packed, Weights, expected, random};
use crate::engine::{HeardNote, History, sampling};
use crate::music::{Chance, Chord, Key, Purpose, ROLES, Role, StepNote};
use crate::time::{BarMap, StepIndex};
use crate::token::{self, Bag, Conditions, Scene, classes};
use candle_core::{Device, Tensor};
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

/// Largest difference of any probability that two lists of logits give.
fn difference(live: &[f32], oracle: &[f32]) -> f32 {
    assert_eq!(live.len(), oracle.len());
    let probabilities = |logits: &[f32]| {
        let mut p = logits.to_vec();
        sampling::probabilities(&mut p, sampling::Draw { temperature: 1.0, top_p: 1.0, min_p: 0.0 });
        p
    };
    probabilities(live).iter().zip(probabilities(oracle)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn logits(tensor: candle_core::Result<Tensor>) -> Vec<f32> {
    tensor.unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Plays random notes to both nets and returns the largest difference of all heads over all steps.
fn worst(weights: &Weights) -> f32 {
    let mut live = Live::new(Arc::new(Packed::new(weights).unwrap()), Simd::best());
    let oracle = Oracle::new(weights, &Device::Cpu).unwrap();
    let mut state = oracle.zeros(1).unwrap();
    let (mut features, mut context, mut worst) = (Bag::new(), Bag::new(), 0.0f32);
    let (chance, mut history) = (Chance::new(11), History::new(StepIndex(0)));
    let one = |bag: &Bag, table: &str| oracle.bags(table, [(&bag.ids[..], &bag.weights[..])].into_iter()).unwrap();
    for step in 0..STEPS {
        let conditions = conditions(step);
        let scene = Scene::of(&history, &conditions.place);
        token::scene_features(&scene, &conditions, &mut features);
        assert!(live.step(&features));
        let h = oracle.step(&mut state, &one(&features, "features")).unwrap();
        let mut now: Vec<HeardNote> = Vec::new();
        // Two roles a step in turn: a plain net is slow.
        for role in ROLES.into_iter().skip((step % 2) as usize).step_by(2) {
            let role_chance = chance.fold(role as u64);
            let mut own: Vec<u8> = Vec::new();
            token::decision_base(&scene, &conditions, role, &now, &mut context);
            live.begin(&context);
            for index in 0..2u64 {
                let all: &[HeardNote] = &now;
                token::decision_features(&scene, &conditions, role, all, &own, &mut context);
                let a = oracle.decide(&h, &one(&context, "decide.context")).unwrap();
                let mine = live.decide(role, token::count_row(own.len()));
                worst = worst.max(difference(mine, &logits(oracle.decision_logits(&a, role))));
                let class =
                    1 + role_chance.below(Purpose::Pitch, step, index, classes::decision_classes(role) as u64 - 1);
                let Some(pitch) = classes::pitch_of(role, class as usize).filter(|p| !own.contains(p)) else {
                    continue;
                };
                let sound = classes::sound_row(role, class as usize);
                let duration = if role == Role::Drums { 11 } else { (step % 11) as u32 };
                let velocity = (step % 16) as u32;
                live.begin_detail(sound);
                let b = oracle.detail(&a, &[sound as u32]).unwrap();
                worst = worst.max(difference(live.durations(), &logits(oracle.duration_logits(&b))));
                let (mine, theirs) = (live.velocities(duration as usize), oracle.velocity_logits(&b, &[duration]));
                worst = worst.max(difference(mine, &logits(theirs)));
                let (mine, theirs) = (live.offsets(velocity as usize), oracle.offset_logits(&b, &[velocity]));
                worst = worst.max(difference(mine, &logits(theirs)));
                live.add_context(token::note_row(role, pitch).unwrap(), 1.0);
                own.push(pitch);
            }
            now.extend(own.iter().map(|p| HeardNote { role, note: StepNote::new(*p, 90, 1 + (step % 20) as u16) }));
            if role_chance.unit(Purpose::Vary, step, 0) < 0.5 {
                now.clear();
            }
        }
        history.push(&now);
    }
    worst
}

#[test]
fn random_weights_agree_with_the_oracle() {
    for (name, weights) in [("narrow", random::small(5)), ("one layer, full width", random::random(48, 1, 6))] {
        let error = worst(&weights.unwrap());
        assert!(error < 1e-5, "{name}: {error:e}");
    }
}

#[test]
fn shipped_weights_agree_with_the_oracle() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in files.filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
        let bytes = std::fs::read(&path).unwrap();
        if super::file::read_card(&bytes).is_ok_and(|card: super::Card| card.kind == "lstm") {
            let error = worst(&Weights::parse(&bytes, &expected()).unwrap());
            assert!(error < 1e-5, "{}: {error:e}", path.display());
        }
    }
}
