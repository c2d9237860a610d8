//! `probe`: a model's answers to made-up steps, for comparison with the same net in another framework.

use crate::engine::lstm::kernel::Simd;
use crate::engine::lstm::shape::{DURATIONS, VELOCITIES};
use crate::engine::lstm::{Live, open};
use crate::music::{Chance, Purpose, ROLES};
use crate::token::{Bag, DECISION_ROWS, DETAIL_ROWS, STEP_ROWS};
use crate::wiring::models;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

/// Rows that a made-up step, a decision and a detail name.
const ROWS: [usize; 3] = [40, 24, 17];

/// Prints JSON: for every step the rows that it names with their weights, and for each role a decision's rows and the
/// probabilities of all its classes and of the details of one note.
pub fn run(model: &Path, steps: u64) -> Result<()> {
    let bytes = models::bytes(Some(model))?;
    let mut live = Live::new(open(&bytes).with_context(|| model.display().to_string())?, Simd::best());
    let chance = Chance::new(1);
    let below = |step: u64, place: u64, count: u32| chance.below(Purpose::Train, step, place, u64::from(count)) as u32;
    let mut asked = Vec::new();
    for step in 0..steps {
        let features = bag(|i| below(step, i, STEP_ROWS), ROWS[0]);
        anyhow::ensure!(live.step(&features), "the model's numbers went wrong at step {step}");
        let mut decisions = Vec::new();
        for role in ROLES {
            let at = 1000 * (1 + role.index() as u64);
            let context = bag(|i| below(step, at + i, DECISION_ROWS), ROWS[1]);
            live.begin(&context);
            let row = below(step, at + 900, DECISION_ROWS);
            let choice = probabilities(live.decide(role, row));
            let manner = bag(|i| below(step, at + 910 + i, DETAIL_ROWS), ROWS[2]);
            let duration = below(step, at + 902, DURATIONS as u32) as usize;
            let velocity = below(step, at + 903, VELOCITIES as u32) as usize;
            live.begin_detail(&manner);
            decisions.push(json!({
                "role": role.name(), "context": rows(&context), "row": row, "choice": choice, "manner": rows(&manner),
                "duration": duration, "velocity": velocity, "durations": probabilities(live.durations()),
                "velocities": probabilities(live.velocities(duration)), "offsets": probabilities(live.offsets(velocity)),
            }));
        }
        asked.push(json!({ "features": rows(&features), "decisions": decisions }));
    }
    println!("{}", json!({ "model": format!("{:016x}", crate::corpus::fnv(&bytes)), "steps": asked }));
    Ok(())
}

/// Rows in rising order, each once, with weights of 1, 1/2 and 1/4.
fn bag(row: impl Fn(u64) -> u32, count: usize) -> Bag {
    let mut ids: Vec<u32> = (0..count as u64).map(row).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut bag = Bag::new();
    ids.into_iter().enumerate().for_each(|(i, id)| bag.push(id, [1.0, 0.5, 0.25][i % 3]));
    bag
}

fn rows(bag: &Bag) -> Value {
    json!({ "ids": bag.ids, "weights": bag.weights })
}

fn probabilities(logits: &[f32]) -> Vec<f64> {
    let high = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f64> = logits.iter().map(|l| f64::from(l - high).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|s| s / sum).collect()
}
