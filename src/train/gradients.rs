//! Tests: every gradient of the fused net against plain candle, against finite differences, and across shards.

use super::net::{Batch, Net, Noise};
use super::ops::*;
use super::stock;
use crate::engine::lstm::shape::{BAND, DURATIONS, classes_of};
use crate::engine::lstm::{Card, Oracle, Shape};
use crate::music::{Chance, Purpose, ROLES};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

const SHAPE: Shape = Shape {
    features: 23,
    context: 19,
    manner: 17,
    embed: 7,
    hidden: 32,
    layers: 2,
    decide: 12,
    detail: 10,
    choosers: BAND,
    relative: 0,
};

/// A batch of nonsense: every step has a few features, some decisions and notes.
fn nonsense(rows: Rows, chance: Chance) -> Batch {
    let mut n = 0u64;
    let mut below = |limit: usize| {
        n += 1;
        chance.below(Purpose::Train, 7, n, limit as u64) as usize
    };
    let list = |bags: &mut Bags, count: usize, rows: usize, below: &mut dyn FnMut(usize) -> usize| {
        let ids: Vec<u32> = (0..count).map(|_| below(rows) as u32).collect();
        let weights: Vec<f32> = (0..count).map(|_| below(5) as f32 * 0.3 - 0.4).collect();
        bags.push(&ids, &weights);
    };
    let mut steps = Bags::default();
    for _ in 0..rows.total() {
        let count = 1 + below(4);
        list(&mut steps, count, SHAPE.features, &mut below);
    }
    let (mut plan, mut classes, mut notes, mut details) =
        (MixPlan::default(), RoleTargets::default(), MixPlan::default(), DetailTargets::default());
    let mut note_decision = Vec::new();
    for (r, role) in ROLES.into_iter().enumerate() {
        for _ in 0..5 {
            plan.product_row.push(below(rows.total()) as u32);
            list(&mut plan.shared, 3, SHAPE.context, &mut below);
            let mut last = 0;
            for own in 0..2 {
                plan.group.push(plan.product_row.len() as u32 - 1);
                list(&mut plan.own, 1 + own, SHAPE.context, &mut below);
                let class = if own == 0 { 1 + below(classes_of(role) - 1) } else { 0 };
                classes.class.push(class as u16);
                classes.last.push(last as u16);
                classes.weight.push(0.1 + 0.02 * below(9) as f32);
                last = class;
                if class > 0 {
                    note_decision.push(classes.class.len() as u32 - 1);
                    notes.product_row.push(notes.group.len() as u32);
                    notes.group.push(notes.group.len() as u32);
                    notes.shared.push(&[], &[]);
                    list(&mut notes.own, 3, SHAPE.manner, &mut below);
                    details.duration.push(if r == 0 { DURATIONS as u8 } else { below(DURATIONS) as u8 });
                    details.velocity.push(below(16) as u8);
                    details.offset.push(below(15) as u8);
                    details.weight.push([0.1, 0.05, 0.02]);
                }
            }
        }
        classes.ends.push(classes.class.len());
    }
    Batch {
        rows: Some(rows),
        steps: Arc::new(steps),
        decisions: Arc::new(plan),
        classes: Arc::new(classes),
        note_decision: Arc::new(note_decision),
        notes: Arc::new(notes),
        details: Arc::new(details),
    }
}

const SILENT: Noise = Noise { chance: Chance { seed: 1 }, update: 3, input: 0.0, hidden: 0.0, recurrent: 0.0 };

fn net(threads: usize) -> Net {
    Net::new(SHAPE, Chance::new(5), &Pool::new(threads).unwrap()).unwrap()
}

fn fused(net: &Net, batch: &Batch, noise: &Noise) -> (f32, Vec<Vec<f32>>) {
    let pass = net.forward(batch, Some(noise), &[]).unwrap();
    let grads = pass.loss.backward().unwrap();
    let of = |var: &Tensor| grads.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    (pass.loss.to_scalar().unwrap(), net.vars().iter().map(|(_, v)| of(v.as_tensor())).collect())
}

/// Largest difference relative to the largest number.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let top = b.iter().fold(1e-9f32, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0f32, |m, (x, y)| m.max((x - y).abs())) / top
}

#[test]
fn all_gradients_agree_with_plain_candle() {
    check_gradients(SHAPE, Rows { shards: 1, steps: 9, batch: 5 });
    // Products of this size run on the tile unit where there is one.
    let wide = Shape { embed: 48, hidden: 96, decide: 64, detail: 32, ..SHAPE };
    check_gradients(wide, Rows { shards: 1, steps: 24, batch: 8 });
}

fn check_gradients(shape: Shape, rows: Rows) {
    let net = Net::new(shape, Chance::new(5), &Pool::new(1).unwrap()).unwrap();
    let batch = nonsense(rows, Chance::new(11));
    let (loss, grads) = fused(&net, &batch, &SILENT);
    let weights = net.to_weights(&net.values().unwrap(), Card::default()).unwrap();
    let vars: BTreeMap<String, candle_core::Var> = shape
        .tensors()
        .into_iter()
        .map(|(name, dims)| {
            let var = candle_core::Var::from_slice(weights.get(&name), dims, &Device::Cpu).unwrap();
            (name, var)
        })
        .collect();
    let tensors = vars.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone())).collect();
    let stock = stock::loss(&Oracle::from_tensors(shape, &Device::Cpu, tensors), &batch, &Device::Cpu).unwrap();
    let expected: f32 = stock.to_scalar().unwrap();
    assert!((loss - expected).abs() < 1e-5 * expected, "{loss} {expected}");
    let stock_grads = stock.backward().unwrap();
    let grad_weights = net.to_weights(&grads, Card::default()).unwrap();
    for (name, var) in &vars {
        if name.starts_with("lstm.bias_hh") {
            continue;
        }
        let expected = stock_grads.get(var.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(expected.iter().any(|x| *x != 0.0), "{name} has no gradient");
        let off = distance(grad_weights.get(name), &expected);
        assert!(off < 2e-5, "{name} {off}");
    }
}

#[test]
fn gradients_agree_with_finite_differences_under_dropout() {
    let rows = Rows { shards: 1, steps: 6, batch: 3 };
    let batch = nonsense(rows, Chance::new(12));
    let noise = Noise { input: 0.1, hidden: 0.3, recurrent: 0.2, ..SILENT };
    let net = net(1);
    let (_, grads) = fused(&net, &batch, &noise);
    for (v, ((name, var), grad)) in net.vars().iter().zip(&grads).enumerate() {
        let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // Along a direction of its own signs, and so far that the loss changes by 0.02, rounding stays small.
        let direction: Vec<f32> = grad.iter().map(|g| g.signum()).collect();
        let slope: f64 = grad.iter().map(|g| f64::from(g.abs())).sum();
        let epsilon = (0.02 / slope as f32).min(0.02);
        let at = |side: f32| {
            let moved = values.iter().zip(&direction).map(|(x, d)| x + side * epsilon * d).collect::<Vec<_>>();
            var.set(&Tensor::from_vec(moved, var.dims(), &Device::Cpu).unwrap()).unwrap();
            f64::from(net.forward(&batch, Some(&noise), &[]).unwrap().loss.to_scalar::<f32>().unwrap())
        };
        let measured = (at(1.0) - at(-1.0)) / (2.0 * f64::from(epsilon));
        var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu).unwrap()).unwrap();
        assert!((measured - slope).abs() < 0.02 * slope + 5e-4, "{v} {name}: {measured} {slope}");
    }
}

#[test]
fn shards_and_threads_change_nothing_but_rounding() {
    let (whole, split) = (Rows { shards: 1, steps: 7, batch: 4 }, Rows { shards: 2, steps: 7, batch: 2 });
    let batch = nonsense(whole, Chance::new(13));
    let mut place = vec![0; whole.total()];
    for (piece, step) in (0..4).flat_map(|p| (0..7).map(move |s| (p, s))) {
        place[split.row(piece, step)] = whole.row(piece, step);
    }
    let mut steps = Bags::default();
    place.iter().for_each(|old| steps.push(batch.steps.get(*old).0, batch.steps.get(*old).1));
    let mut plan = (*batch.decisions).clone();
    for row in &mut plan.product_row {
        *row = place.iter().position(|old| *old == *row as usize).unwrap() as u32;
    }
    let moved = Batch { rows: Some(split), steps: Arc::new(steps), decisions: Arc::new(plan), ..batch.clone() };
    let (a, b) = (fused(&net(1), &batch, &SILENT), fused(&net(2), &moved, &SILENT));
    assert!((a.0 - b.0).abs() < 1e-5 * a.0);
    a.1.iter().zip(&b.1).for_each(|(x, y)| assert!(distance(x, y) < 5e-6));
}

#[test]
fn a_window_goes_on_where_the_last_one_ended() {
    let rows = Rows { shards: 1, steps: 8, batch: 3 };
    let (net, batch) = (net(1), nonsense(rows, Chance::new(14)));
    let whole = net.forward(&batch, None, &[]).unwrap();
    let half = |range: std::ops::Range<usize>, first: &[LstmState]| {
        let mut steps = Bags::default();
        range.clone().for_each(|i| steps.push(batch.steps.get(i).0, batch.steps.get(i).1));
        let rows = Rows { shards: 1, steps: range.len() / 3, batch: 3 };
        let mut plan = (*batch.decisions).clone();
        plan.product_row.fill(0);
        let part = Batch { rows: Some(rows), steps: Arc::new(steps), decisions: Arc::new(plan), ..batch.clone() };
        net.forward(&part, None, first).unwrap().last
    };
    let last = half(12..24, &half(0..12, &[]));
    for (a, b) in last.iter().zip(&whole.last) {
        assert!(distance(&a.h, &b.h) < 1e-6 && distance(&a.c, &b.c) < 1e-6);
    }
}

/// Everything that a pass gives, from both ways of computing.
#[test]
fn plain_operations_give_what_the_fused_ones_give() {
    let rows = Rows { shards: 2, steps: 7, batch: 2 };
    let mut batch = nonsense(rows, Chance::new(15));
    Arc::make_mut(&mut batch.details).weight[0] = [0.0, 0.3, 0.1];
    let noise = Noise { input: 0.1, hidden: 0.3, recurrent: 0.2, ..SILENT };
    let state = |from: usize| LstmState {
        h: (0..4 * SHAPE.hidden).map(|i| ((i + from) % 7) as f32 * 0.1 - 0.3).collect(),
        c: (0..4 * SHAPE.hidden).map(|i| ((i + from) % 5) as f32 * 0.2 - 0.4).collect(),
    };
    let first = [state(0), state(3)];
    let of = |compute| {
        let net = Net::new(SHAPE, Chance::new(5), &Pool::of(compute, 1).unwrap()).unwrap();
        let pass = net.forward(&batch, Some(&noise), &first).unwrap();
        let grads = pass.loss.backward().unwrap();
        let of = |var: &Tensor| grads.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let names = net.vars().iter().map(|(name, var)| (name.clone(), of(var.as_tensor())));
        (names.collect::<Vec<_>>(), pass)
    };
    let ((fused_grads, fused), (plain_grads, plain)) = (of(Compute::Fused), of(Compute::Plain));
    let loss = |pass: &super::net::Pass| pass.loss.to_scalar::<f32>().unwrap();
    assert!((loss(&fused) - loss(&plain)).abs() < 1e-5 * loss(&fused));
    assert!(distance(&plain.decisions, &fused.decisions) < 1e-5);
    assert!(distance(plain.details.as_flattened(), fused.details.as_flattened()) < 1e-5);
    for (a, b) in plain.last.iter().zip(&fused.last) {
        assert!(distance(&a.h, &b.h) < 1e-5 && distance(&a.c, &b.c) < 1e-5);
    }
    assert_eq!(plain.last.len(), fused.last.len());
    for ((name, a), (_, b)) in plain_grads.iter().zip(&fused_grads) {
        assert!(b.iter().any(|x| *x != 0.0), "{name} has no gradient");
        assert!(distance(a, b) < 3e-5, "{name} {}", distance(a, b));
    }
}

/// On the small stack of a test's thread; a row that is not there is an error and no crash.
#[test]
fn the_longest_plain_window_is_computed_and_a_longer_one_refused() {
    let net = Net::new(SHAPE, Chance::new(5), &Pool::of(Compute::Plain, 1).unwrap()).unwrap();
    let at = |steps: usize| nonsense(Rows { shards: 1, steps, batch: 1 }, Chance::new(16));
    let pass = net.forward(&at(super::plain::STEPS_MAX), Some(&SILENT), &[]).unwrap();
    assert!(pass.loss.backward().is_ok());
    let said = |batch: &Batch| net.forward(batch, Some(&SILENT), &[]).err().unwrap().to_string();
    assert!(said(&at(super::plain::STEPS_MAX + 1)).contains("512 is the most"));
    let mut stray = at(4);
    Arc::make_mut(&mut stray.steps).ids[0] = SHAPE.features as u32;
    assert!(said(&stray).contains("feature 23 of a table of 23"));
}
