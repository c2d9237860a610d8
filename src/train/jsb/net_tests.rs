//! The nets of the benchmarks: their gradients, that they never see what they have to guess, and a run from start to score.

use super::adapt::{Pace, by_step as by_step_learning};
use super::feed::{Feed, Listing, Thinning, Window, batch, shape};
use super::learn::{Config, News, Sizes, best_in, train};
use super::nets::{BenchNet, Means, by_step, open};
use super::read::Splits;
use super::recipe::{ChordUse, INGREDIENTS, Recipe};
use super::steps::{Keys, Voices};
use crate::music::{Chance, Purpose};
use crate::token::Bag;
use crate::train::net::{Net, Noise};
use crate::train::ops::{Pool, Rows};
use candle_core::{Device, Tensor};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SIZES: Sizes = Sizes { hidden: 16, layers: 2, embed: 12, decide: 16 };
const CHORDS: Recipe = Recipe { chord: ChordUse::First, ..Recipe::FULL };

fn pool() -> Pool {
    Pool::new(1).unwrap()
}

/// Four voices that move now and then; with a rest here and there.
fn chorale(steps: usize, seed: u64) -> Vec<Voices> {
    let chance = Chance::new(seed);
    let mut now = [30u8, 24, 16, 8];
    (0..steps as u64)
        .map(|t| {
            for (v, class) in (0u64..).zip(&mut now) {
                let draw = chance.below(Purpose::Train, t, v, 8);
                *class = match draw {
                    0 => (*class + 2).min(40),
                    1 => class.saturating_sub(1).max(4),
                    2 if t % 16 == 3 => 0,
                    _ => *class,
                };
            }
            Voices(now)
        })
        .collect()
}

fn frames(steps: usize, seed: u64) -> Vec<Keys> {
    let key = |class: u8| if class == 0 { 0 } else { 1u128 << (class + 14) };
    chorale(steps, seed).iter().map(|s| Keys(s.0.iter().fold(0, |m, c| m | key(*c)))).collect()
}

fn net<S: Feed>(recipe: Recipe) -> BenchNet {
    let Sizes { hidden, layers, embed, decide } = SIZES;
    let net = Net::new(shape::<S>(&recipe, hidden, layers, embed, decide), Chance::new(3), &pool()).unwrap();
    BenchNet { net, recipe, squares: Vec::new() }
}

fn slopes_agree<S: Feed>(piece: &[S], recipe: Recipe, is_taught: bool) {
    let BenchNet { net, .. } = net::<S>(recipe);
    let rows = Rows { shards: 1, steps: 12, batch: 2 };
    let windows = [Some(Window { piece, start: 0, unscored: 0 }), Some(Window { piece, start: 8, unscored: 2 })];
    let thinning = Thinning { chance: Chance::new(8), update: 1, share: 0.2 };
    let (mut batch, _) = batch(rows, &windows, &recipe, Listing::Drawn(Chance::new(2), 1), Some(&thinning));
    if is_taught {
        let teacher =
            BenchNet { net: Net::new(net.shape, Chance::new(4), &pool()).unwrap(), recipe, squares: Vec::new() };
        let told = teacher.told(batch.clone()).unwrap();
        let classes = Arc::make_mut(&mut batch.classes);
        assert_eq!(told.len(), classes.cells(S::CHOOSERS));
        assert!((told.iter().sum::<f32>() - classes.class.len() as f32).abs() < 1e-2, "every row adds up to 1");
        classes.soft = told;
    }
    let noise = Noise { chance: Chance::new(1), update: 3, input: 0.1, hidden: 0.3, recurrent: 0.2 };
    let loss = |net: &Net| net.forward(&batch, Some(&noise), &[]).unwrap().loss;
    let grads = loss(&net).backward().unwrap();
    for (name, var) in net.vars().iter().filter(|(name, _)| !name.starts_with("detail")) {
        let grad = grads.get(var.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let slope: f64 = grad.iter().map(|g| f64::from(g.abs())).sum();
        // Near a teacher the slopes are small and the loss is curved.
        let epsilon = (0.02 / slope as f32).min(if is_taught { 0.003 } else { 0.02 });
        let at = |side: f32| {
            let moved: Vec<f32> = values.iter().zip(&grad).map(|(x, g)| x + side * epsilon * g.signum()).collect();
            var.set(&Tensor::from_vec(moved, var.dims(), &Device::Cpu).unwrap()).unwrap();
            f64::from(loss(&net).to_scalar::<f32>().unwrap())
        };
        let measured = (at(1.0) - at(-1.0)) / (2.0 * f64::from(epsilon));
        var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu).unwrap()).unwrap();
        assert!((measured - slope).abs() < 0.02 * slope + 5e-4, "{name}: {measured} {slope}");
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    slopes_agree(&chorale(24, 1), Recipe::FULL, false);
    slopes_agree(&chorale(24, 2), CHORDS, true);
    slopes_agree(&frames(24, 3), Recipe::FULL, false);
    slopes_agree(&frames(24, 4), Recipe::FULL, true);
}

/// Nats of all steps, by an untrained net.
fn nats<S: Feed>(net: &BenchNet, piece: &[S], all_keys: bool) -> Vec<f64> {
    by_step(std::slice::from_ref(net), &[piece.to_vec()], &Means { all_keys, orders: 3 }).unwrap().notes.remove(0)
}

/// Nats of all steps, by a net that learns as it goes.
fn nats_learning<S: Feed>(net: &BenchNet, piece: &[S], rate: f32) -> Vec<f64> {
    let pace = Pace { rate, ..S::PACE };
    by_step_learning(std::slice::from_ref(net), &[piece.to_vec()], 2, &pace, &pool()).unwrap().notes.remove(0)
}

#[test]
fn a_net_that_learns_as_it_goes_scores_first_and_learns_then() {
    let (piece, other) = (chorale(96, 1), chorale(96, 2));
    let mut net = net::<Voices>(Recipe::FULL);
    net.squares = net.net.values().unwrap().iter().map(|v| vec![1e-6; v.len()]).collect();
    let changed: Vec<Voices> = piece[..70].iter().chain(&other[70..]).copied().collect();
    let (a, b) = (nats_learning(&net, &piece, 1e-3), nats_learning(&net, &changed, 1e-3));
    assert_eq!(a[..70], b[..70], "what comes later must not be seen");
    let still =
        by_step(std::slice::from_ref(&net), std::slice::from_ref(&piece), &Means { all_keys: false, orders: 2 });
    let (still, unmoved) = (still.unwrap().notes.remove(0), nats_learning(&net, &piece, 0.0));
    assert!(still.iter().zip(&unmoved).all(|(a, b)| (a - b).abs() < 1e-4), "at rate 0 nothing is learned");
    let pace = Pace { rate: 1e-3, ..Voices::PACE };
    let both = by_step_learning(std::slice::from_ref(&net), &[other, piece], 2, &pace, &pool()).unwrap();
    assert_eq!(both.notes[1], a, "what a piece taught is forgotten with it");
    assert_eq!(a[..16], unmoved[..16], "the first stretch is guessed by the net as it was");
    assert!(
        a[32..].iter().sum::<f64>() < 0.97 * unmoved[32..].iter().sum::<f64>(),
        "an untrained net has much to learn"
    );
}

fn future_is_unseen<S: Feed>(piece: &[S], other: &[S], all_keys: bool) {
    let net = net::<S>(Recipe::FULL);
    let changed: Vec<S> = piece[..150].iter().chain(&other[150..]).copied().collect();
    let (a, b) = (nats(&net, piece, all_keys), nats(&net, &changed, all_keys));
    assert_eq!(a[..150], b[..150], "what comes later must not be seen");
    assert_ne!(a[150..], b[150..]);
}

#[test]
fn a_step_is_guessed_from_what_came_before_it() {
    future_is_unseen(&chorale(160, 1), &chorale(160, 2), false);
    future_is_unseen(&frames(160, 1), &frames(160, 2), false);
    // In which keys it fits must not be seen either: the later bass fits fewer.
    future_is_unseen(&chorale(160, 1), &[Voices([30, 24, 16, 3]); 160], true);
}

#[test]
fn a_choice_sees_only_the_choices_before_it() {
    let past = chorale(40, 4);
    let told = |now: Voices, recipe: &Recipe| {
        let mut all = Vec::new();
        Voices::choices(&past, &now, 0, recipe, &mut Bag::new(), &mut |c, bag| all.push((c, bag.clone())));
        all
    };
    let (a, b) = (told(Voices([30, 20, 15, 8]), &Recipe::FULL), told(Voices([30, 25, 13, 8]), &Recipe::FULL));
    let names: Vec<usize> = a.iter().map(|(c, _)| c.chooser).collect();
    assert_eq!(names, [0, 3, 1, 2], "soprano, bass, alto, tenor");
    for turn in 0..3 {
        assert_eq!((&a[turn].1, a[turn].0.known), (&b[turn].1, b[turn].0.known), "alto and tenor are not seen before");
    }
    assert_ne!(a[3].1, b[3].1, "the tenor sees the alto");
    let alone = Recipe::FULL.without(&["in-step".to_owned()]);
    assert_eq!(told(Voices([30, 20, 15, 8]), &alone)[3].1, told(Voices([31, 25, 15, 9]), &alone)[3].1);
    let chord = told(Voices([30, 20, 15, 8]), &CHORDS);
    assert_eq!((chord.len(), chord[0].0.chooser), (5, 4));
    assert_eq!(chord[0].1, told(Voices([1, 2, 3, 4]), &CHORDS)[0].1, "a chord is guessed without the notes");
}

#[test]
fn every_row_is_in_its_table() {
    for recipe in
        [Recipe::FULL, CHORDS, Recipe::FULL.without(&INGREDIENTS.iter().map(|i| i.name.to_owned()).collect::<Vec<_>>())]
    {
        rows_fit(&chorale(70, 5), &recipe);
        rows_fit(&frames(70, 6), &recipe);
    }
}

fn rows_fit<S: Feed>(piece: &[S], recipe: &Recipe) {
    let mut bag = Bag::new();
    for (t, now) in piece.iter().enumerate() {
        S::inputs(&piece[..t], recipe, &mut bag);
        assert!(bag.ids.iter().all(|id| *id < S::STEP_ROWS));
        S::choices(&piece[..t], now, t % S::ORDERS, recipe, &mut bag, &mut |choice, bag| {
            assert!(bag.ids.iter().all(|id| *id < S::CONTEXT_ROWS));
            assert!(
                choice.class < S::CHOOSERS[choice.chooser].classes && (choice.class == 0 || choice.class > choice.last)
            );
        });
    }
}

#[test]
fn a_run_learns_resumes_and_is_scored_again() {
    let folder = std::env::temp_dir().join(format!("ricercar-bench-net-{}", std::process::id()));
    let (whole, parts) = (folder.join("whole"), folder.join("parts"));
    let pieces = |seed: u64| vec![chorale(64, seed), chorale(48, seed + 1)];
    let splits = Splits { train: pieces(1), valid: pieces(1), test: pieces(7) };
    let config = |check_every| Config {
        sizes: SIZES,
        batch: 4,
        window: 32,
        updates: 60,
        warm_up: 5,
        rate: 1e-2,
        check_every,
        ..Config::default()
    };
    let never = AtomicBool::new(false);
    let run = |config: &Config, out: &std::path::Path, until: u64| {
        let (mut curve, stop) = (Vec::new(), AtomicBool::new(false));
        let mut say = |news: News| {
            curve.push((news.updates, news.valid.nats));
            stop.store(news.updates >= until, std::sync::atomic::Ordering::Relaxed);
        };
        train("jsb16", config, &splits, out, &mut say, &stop).unwrap();
        curve
    };
    let curve = run(&config(20), &whole, 100);
    assert!(curve.len() == 3 && curve[2].1 < curve[0].1 && curve[2].1 < 3.0, "{curve:?}");
    let mut pieced = run(&config(20), &parts, 20);
    pieced.extend(run(&Config { resume: true, ..config(20) }, &parts, 100));
    assert_eq!(curve, pieced);
    let (net, state) = open::<Voices>(&best_in(&whole), "jsb16", &pool()).unwrap();
    let again = by_step(&[net], &splits.valid, &Means { all_keys: false, orders: 4 }).unwrap();
    assert_eq!(super::score::Score::of_steps(&again.notes, 4).nats, curve[2].1);
    assert!(state.curve.iter().zip(&curve).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9), "{:?}", state.curve);
    let pupil = Config { teachers: vec![best_in(&whole)], updates: 20, ..config(20) };
    let taught = run(&pupil, &folder.join("pupil"), 100);
    assert!(taught.len() == 1 && taught[0].1 != curve[0].1, "{taught:?}");
    let pupil = Config { recipe: Recipe::FULL.without(&["orders".to_owned()]), ..pupil };
    let refused = train("jsb16", &pupil, &splits, &parts, &mut |_| {}, &never).unwrap_err().to_string();
    assert!(refused.contains("cannot teach"), "{refused}");
    let other = open::<Voices>(&best_in(&whole), "jsbq", &pool()).err().unwrap().to_string();
    assert!(other.contains("holds a net of the benchmark jsb16"), "{other}");
    let bad = train("jsb16", &Config { resume: true, seed: 2, ..config(20) }, &splits, &whole, &mut |_| {}, &never);
    assert!(bad.unwrap_err().to_string().contains("other settings"));
    std::fs::write(best_in(&whole), b"{}").unwrap();
    assert!(open::<Voices>(&best_in(&whole), "jsb16", &pool()).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}
