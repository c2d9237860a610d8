//! Tests: every hand-written gradient of the GAN against differences, and all ways through a net against each other.

use super::data::{Bars, batch};
use super::ends::*;
use super::game::{Game, Rules};
use super::losses;
use super::net::GanNet;
use super::ops::*;
use crate::corpus::{Corpus, Split};
use crate::engine::gan::file::{self, Card};
use crate::engine::gan::shape::{FAMILIES, Family, Half, Shape};
use crate::engine::gan::{Live, Oracle, Packed, Weights, planes};
use crate::engine::lstm::kernel::Simd;
use crate::music::{Chance, Latent, Purpose, ROLES, Role};
use crate::train::gan_data::test::piece;
use candle_core::{Device, Result, Tensor, Var};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn numbers(seed: u64, dims: &[usize]) -> Var {
    let count: usize = dims.iter().product();
    let value = |i| Chance::new(seed).unit(Purpose::Train, i, 0) * 2.0 - 1.0;
    let values: Vec<f32> = (0..count as u64).map(value).collect();
    Var::from_vec(values, dims, &Device::Cpu).unwrap()
}

/// Compares the slopes of `f`'s weighted sum by every number of every variable with differences.
fn check(what: &str, vars: &[Var], f: &dyn Fn(&[Tensor]) -> Result<Tensor>) {
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let out = f(&tensors).unwrap();
    let weights = numbers(77, out.dims()).as_tensor().detach();
    let grads = out.mul(&weights).unwrap().sum_all().unwrap().backward().unwrap();
    let value = |tensors: &[Tensor]| {
        let out = f(tensors).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let weights = weights.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        out.iter().zip(weights).map(|(o, w)| f64::from(*o) * f64::from(w)).sum::<f64>()
    };
    for (place, var) in vars.iter().enumerate() {
        let got = grads.get(var.as_tensor()).unwrap_or_else(|| panic!("{what}: variable {place} has no gradient"));
        let got = got.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let here = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for i in (0..here.len()).step_by(1 + here.len() / 40) {
            let moved = |by: f32| {
                let mut values = here.clone();
                values[i] += by;
                let mut tensors = tensors.clone();
                tensors[place] = Tensor::from_vec(values, var.dims(), &Device::Cpu).unwrap();
                value(&tensors)
            };
            let (near, far) = ((moved(2e-3) - moved(-2e-3)) / 4e-3, (moved(4e-3) - moved(-4e-3)) / 8e-3);
            // At a kink of a rectifier the two differences disagree, and neither is the slope.
            if (near - far).abs() < 2e-3 {
                let error = (f64::from(got[i]) - near).abs();
                assert!(error < 4e-3 * near.abs().max(1.0), "{what}: variable {place} [{i}] {} against {near}", got[i]);
            }
        }
    }
}

#[test]
fn layers_have_the_slopes_of_their_differences() {
    for leaky in [false, true] {
        let vars = [numbers(1, &[6, 5]), numbers(2, &[4, 5]), numbers(3, &[4])];
        check("dense", &vars, &|t| t[0].apply_op3(&t[1], &t[2], Dense { leaky, frozen: false }));
        let vars = [numbers(4, &[6, 7]), numbers(5, &[4, 3]), numbers(6, &[4])];
        check("time", &vars, &|t| t[0].apply_op3(&t[1], &t[2], TimeMix { leaky, frozen: false }));
        let vars = [numbers(7, &[6, 5]), numbers(8, &[2, 10])];
        check("film", &vars, &|t| t[0].apply_op2(&t[1], Film { slots: 3, leaky }));
    }
}

#[test]
fn a_frozen_layer_passes_slopes_on_and_keeps_none() {
    let (x, w, b) = (numbers(1, &[6, 5]), numbers(2, &[4, 5]), numbers(3, &[4]));
    let slope = |frozen| {
        let y = x.apply_op3(&w, &b, Dense { leaky: true, frozen }).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        (grads.get(x.as_tensor()).unwrap().to_vec2::<f32>().unwrap(), grads.get(w.as_tensor()).is_some())
    };
    assert_eq!(slope(true).0, slope(false).0);
    assert!(slope(false).1 && !slope(true).1);
}

fn facts(family: Family, rows: usize) -> Arc<Facts> {
    let some = |i: usize| f32::from(i % 5 != 3);
    Arc::new(Facts {
        shifts: if family == Family::Pitched { (0..rows).map(|i| (i * 5 % 12) as u8).collect() } else { Vec::new() },
        open: (0..rows).map(some).collect(),
        sounds: (0..rows).map(|i| some(i + 1)).collect(),
        velocity: (0..rows).map(|i| some(i + 2)).collect(),
        offset: (0..rows).map(|i| some(i + 4)).collect(),
    })
}

#[test]
fn planes_and_views_have_the_slopes_of_their_differences() {
    for family in FAMILIES {
        let rows = family.slots();
        let facts = facts(family, rows);
        // Low logits, so that the sum of a slot's onsets crosses 1 in some slots and not in others.
        let logits = numbers(11, &[rows, family.outputs()]);
        let low =
            (logits.as_tensor() * 2.0).unwrap().broadcast_sub(&Tensor::new(4.2f32, &Device::Cpu).unwrap()).unwrap();
        let vars = [Var::from_tensor(&low).unwrap()];
        check("planes", &vars, &|t| t[0].apply_op1(Planes { family, facts: facts.clone(), slope: 1.5 }));
        let steps = Arc::new(vec![0.5; rows * family.step_inputs()]);
        let vars = [numbers(12, &[rows, family.planes()])];
        check("view", &vars, &|t| t[0].apply_op1(CriticView { family, facts: facts.clone(), steps: steps.clone() }));
    }
}

fn corpus() -> Corpus {
    let mut pieces = Vec::new();
    for p in 0..12u32 {
        let mut notes = Vec::new();
        for step in (0..128).step_by(2) {
            let pitch = |low: u32| (low + (step * 7 + p * 5) % 24) as u8;
            notes.push((step, Role::Drums, [36, 38, 42][(step as usize + p as usize) % 3], 1));
            notes.push((step, Role::Bass, pitch(30), 2));
            notes.push((step, Role::Chords, pitch(50), 4));
            notes.push((step, Role::Lead, pitch(60), 1 + (step % 5) as u16));
        }
        let mut piece = piece(&format!("p{p}"), "4/4", 8, &notes);
        piece.split = if p < 10 { Split::Train } else { Split::Valid };
        pieces.push(piece);
    }
    Corpus { pieces, ..Corpus::default() }
}

fn small() -> Rules {
    Rules { channels: 16, expand: 24, batch: 8, ..Rules::default() }
}

fn styles() -> Vec<String> {
    vec!["song".into(), "funk".into()]
}

#[test]
fn three_ways_through_a_net_agree() {
    let corpus = corpus();
    for family in FAMILIES {
        let shape = Shape { family, channels: 16, expand: 24, blocks: 2 };
        let nets = [Half::Generator, Half::Critic].map(|half| GanNet::new(shape, half, Chance::new(3)).unwrap());
        let card = Card {
            kind: "gan".into(),
            version: file::VERSION,
            families: vec![family.name().into()],
            channels: 16,
            expand: 24,
            blocks: 2,
            styles: styles(),
            planes: file::fingerprint(),
            slope: 3.0,
            ..Card::default()
        };
        let values = |net: &GanNet| -> Vec<_> {
            net.vars().iter().map(|(n, v)| (n.clone(), v.flatten_all().unwrap().to_vec1().unwrap())).collect()
        };
        let weights = Weights::new(card, nets.iter().flat_map(values).collect()).unwrap();
        let mut lives: Vec<Live> =
            Simd::all().into_iter().map(|simd| Live::new(Arc::new(Packed::new(&weights)), simd)).collect();
        let mut oracle = Oracle::new(&weights, &Device::Cpu).unwrap();
        let bars = Bars::new(&corpus, Split::Train, family);
        for slot in 0..12 {
            let mut example = bars.draw(Chance::new(9), 1, slot);
            example.learnable = planes::Learnable { velocity: true, offset: true };
            let latent = Latent::drawn(Chance::new(slot), 0);
            let (known, real) = batch(family, &[example], &styles()).unwrap();
            let example = bars.draw(Chance::new(9), 1, slot);
            let z = Tensor::from_slice(&latent.all(), (1, 64), &Device::Cpu).unwrap();
            let trained = nets[0].generate(&known, &z, 3.0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let fused = lives[0].planes(&example.scene, &latent).unwrap().to_vec();
            for live in &mut lives {
                assert_eq!(live.planes(&example.scene, &latent).unwrap(), fused, "the same bits everywhere");
            }
            let plain = oracle.planes(&example.scene, &latent).unwrap();
            for ((t, f), o) in trained.iter().zip(&fused).zip(plain) {
                assert!((t - f).abs() < 1e-5 && (o - f).abs() < 1e-5, "{t} {f} {o}");
            }
            let real_planes = real.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let trained = nets[1].score(&known, &real, false).unwrap().to_vec1::<f32>().unwrap()[0];
            let fused = lives[0].score(&example.scene, &real_planes).unwrap();
            let plain = oracle.score(&example.scene, &real_planes).unwrap();
            assert!((trained - fused).abs() < 1e-4 && (plain - fused).abs() < 1e-4, "{trained} {fused} {plain}");
        }
    }
}

#[test]
fn losses_have_the_slopes_of_their_differences() {
    let family = Family::Pitched;
    let corpus = corpus();
    let bars = Bars::new(&corpus, Split::Train, family);
    let examples: Vec<_> = (0..4).map(|slot| bars.draw(Chance::new(9), 1, slot)).collect();
    let (known, real) = batch(family, &examples, &styles()).unwrap();
    let soft = numbers(5, &[4 * family.slots(), family.planes()]);
    let soft = Var::from_tensor(&((soft.as_tensor() + 1.0).unwrap() * 0.45).unwrap()).unwrap();
    let real_counts = losses::counts(family, &known, &real).unwrap();
    let vars = [soft];
    check("counts", &vars, &|t| losses::apart(&losses::counts(family, &known, &t[0])?, &real_counts)?.reshape(1));
    let slots = family.slots();
    check("totals", &vars, &|t| losses::totals(slots, &losses::counts(family, &known, &t[0])?));
    check("rebuilt", &vars, &|t| losses::rebuilt(&t[0], &real, 4)?.reshape(1));
    let codes = [numbers(6, &[4, 9]), numbers(7, &[4, 9])];
    check("strayed", &codes, &|t| losses::strayed(&t[0], &t[1])?.reshape(1));
    check("softplus", &vars, &|t| losses::softplus_mean(&t[0])?.reshape(1));
    let hard = losses::harden(family, vars[0].as_tensor()).unwrap();
    let first = hard.narrow(1, 0, 96).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(first.iter().all(|x| x.abs() < 1e-6 || (x - 1.0).abs() < 1e-6));
    let grads = hard.sum_all().unwrap().backward().unwrap();
    let slopes = grads.get(vars[0].as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(slopes.iter().all(|s| *s == 1.0));
}

#[test]
fn a_game_is_played_again_number_by_number() {
    let corpus = corpus();
    for family in FAMILIES {
        let bars = Bars::new(&corpus, Split::Train, family);
        let play = || {
            let mut game = Game::new(small(), family, 4).unwrap();
            (0..5).map(|i| game.update(&bars, &styles(), f64::from(i) / 5.0).unwrap()).collect::<Vec<_>>()
        };
        let once = play();
        assert_eq!(once, play());
        assert!(once.iter().all(|t| t.critic.is_finite() && t.generator.is_finite() && t.counts.is_finite()));
        assert!(once[0] != once[4]);
    }
}

#[test]
fn a_run_stops_resumes_and_leaves_a_model_that_plays() {
    use super::run::{Config, train};
    let folder = std::env::temp_dir().join(format!("ricercar-gan-{}", std::process::id()));
    let config =
        Config { rules: small(), updates: Some(6), minutes: None, threads: 1, report_every: 2, ..Config::default() };
    let stop = AtomicBool::new(false);
    let whole = train(&config, &corpus(), &folder.join("whole"), &|_| (), &stop).unwrap();
    let half = Config { updates: Some(3), ..config.clone() };
    train(&half, &corpus(), &folder.join("halves"), &|_| (), &stop).unwrap();
    let rest = Config { resume: true, threads: 2, ..config.clone() };
    let resumed = train(&rest, &corpus(), &folder.join("halves"), &|_| (), &stop).unwrap();
    assert_eq!(resumed.updates, whole.updates);
    let weights = Weights::load(&resumed.model).unwrap();
    assert_eq!(weights.card.families(), FAMILIES);
    let mut live = Live::new(Arc::new(Packed::new(&weights)), Simd::best());
    for role in ROLES {
        let place = crate::time::BarMap::default().place(crate::time::StepIndex(0));
        let scene = crate::engine::gan::BarScene::silent(role, crate::engine::gan::Segment::of(&place));
        assert!(live.planes(&scene, &Latent::default()).is_some(), "{role:?}");
    }
    let other = Config { seed: 9, resume: true, ..config };
    let said = train(&other, &corpus(), &folder.join("halves"), &|_| (), &stop).unwrap_err().to_string();
    assert!(said.contains("another seed"), "{said}");
    let nothing = train(&half, &Corpus::default(), &folder.join("no"), &|_| (), &stop).unwrap_err().to_string();
    assert!(nothing.contains("nothing to learn from"), "{nothing}");
    std::fs::remove_dir_all(folder).unwrap();
}
