//! How a role's planes are best read: fitted once the nets are trained, to the train and the valid split, half of the windows each: in
//! scenes that they learned from the nets are surer of what lasts than they are on stage, and the valid split is small and has a
//! mixture of its own. The test split has no say.

use crate::corpus::{Corpus, Split};
use crate::engine::gan::decode::Manner;
use crate::engine::gan::shape::Family;
use crate::engine::gan::{Live, Packed, Weights};
use crate::engine::lstm::kernel::Simd;
use crate::music::{ROLES, Role};
use crate::train::gan_eval::{Judge, Quick, Watch, players, quick_of};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Windows of each role that a way of reading is measured on, after a run of some length; a short one is not worth as many.
const WINDOWS: std::ops::RangeInclusive<usize> = 4..=512;
/// Updates for one window.
const UPDATES: u64 = 20;
/// Seed of the latent vectors.
const SEED: u64 = 1;

/// One number of a manner.
struct Knob {
    set: fn(&mut Manner, f32),
    values: &'static [f32],
}

/// What is tried, one number after the other with the others at their best.
const KNOBS: [Knob; 7] = [
    Knob { set: |m, x| m.heat = x, values: &[0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5] },
    Knob { set: |m, x| m.lift = x, values: &[-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0] },
    Knob { set: |m, x| m.tone = x, values: &[0.0, 0.3, 0.6, 1.0, 1.5, 2.5] },
    Knob { set: |m, x| m.hold = x, values: &[1e-5, 1e-4, 1e-3, 5e-3, 0.02, 0.06, 0.15, 0.3, 0.5, 0.7] },
    Knob { set: |m, x| m.loose = x, values: &[0.0, 0.5, 1.0, 2.0, 3.0] },
    Knob { set: |m, x| m.sway = x, values: &[0.0, 0.5, 1.0, 2.0, 3.0, 4.5] },
    Knob { set: |m, x| m.pull = x, values: &[0.0, 1.0, 2.0, 3.0, 5.0, 8.0] },
];
/// Rounds through all of them.
const ROUNDS: usize = 2;

/// For each role of a model of so many updates the manner by which what is played comes nearest to real music: by the table's gaps and by
/// what is wanted beside them.
pub fn fit(corpus: &Corpus, weights: &Weights, updates: u64, say: &mut dyn FnMut(&str)) -> BTreeMap<String, Manner> {
    let families = weights.card.families();
    let windows = ((updates / UPDATES) as usize).clamp(*WINDOWS.start(), *WINDOWS.end());
    let judges = [Split::Train, Split::Valid].map(|split| Judge::new(corpus, split, windows.div_ceil(2), 2));
    let mut manners = [Manner { heat: 1.0, loose: 1.0, ..Manner::default() }; ROLES.len()];
    let mut best = misses(&judges, weights, &manners);
    for (round, knob) in (0..ROUNDS).flat_map(|round| KNOBS.iter().map(move |knob| (round, knob))) {
        let from = manners;
        for value in knob.values {
            let mut tried = from;
            tried.iter_mut().for_each(|manner| (knob.set)(manner, *value));
            for (role, miss) in misses(&judges, weights, &tried).into_iter().enumerate() {
                if miss < best[role] {
                    (best[role], manners[role]) = (miss, tried[role]);
                }
            }
        }
        let off: Vec<String> =
            ROLES.iter().zip(best).map(|(role, miss)| format!("{} {miss:.2}", role.name())).collect();
        say(&format!("reading of planes, round {} of {ROUNDS}: off by {}", round + 1, off.join(", ")));
    }
    let has = |role: &Role| families.contains(&Family::of(*role));
    let found = ROLES.into_iter().zip(manners).zip(best).filter(|((role, _), miss)| miss.is_finite() && has(role));
    found.map(|((role, manner), _)| (role.name().to_string(), manner)).collect()
}

/// How far each role is off when it is read like this, the mean over the judges that have windows of it.
fn misses(judges: &[Judge], weights: &Weights, manners: &[Manner; ROLES.len()]) -> [f64; ROLES.len()] {
    let mut packed = Packed::new(weights);
    packed.reading = *manners;
    let mut live = Live::new(Arc::new(packed), Simd::best());
    let never = AtomicBool::new(false);
    let mut watch = Watch { say: &mut |_, _, _| {}, stop: &never };
    let mut sums = [(0.0, 0u32); ROLES.len()];
    for judge in judges {
        let figures = quick_of(judge, &players::made(judge, &mut live, SEED, judge.asked, &mut watch));
        for (role, sum) in sums.iter_mut().enumerate() {
            let off = miss(&figures, role);
            *sum = if off.is_finite() { (sum.0 + off, sum.1 + 1) } else { *sum };
        }
    }
    sums.map(|(sum, count)| if count > 0 { sum / f64::from(count) } else { f64::INFINITY })
}

/// The gap, and a price for what is outside of what is wanted: the share of long notes and of chord tones as in real music, registers
/// that are played as they are asked for.
fn miss(figures: &Quick, role: usize) -> f64 {
    let Some(gap) = figures.gap.roles[role].filter(|g| g.is_finite()) else { return f64::INFINITY };
    let over = |value: Option<f64>, off: fn(f64) -> f64| value.map_or(0.0, |v| off(v).max(0.0));
    let long = over(figures.long_notes[role], |r| (r - 1.0).abs());
    // Chord tones may be a little more than in real music, not a little fewer.
    let chord = over(figures.chord_tones[role], |r| (0.99 - r).max((r - 1.06) / 2.0));
    let register = over(figures.register[role], |rho| 0.85 - rho);
    gap + 60.0 * long + 60.0 * chord + 10.0 * register
}
