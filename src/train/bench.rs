//! How fast the trainer is: the whole band net on a made-up batch, one update after the other.
//!
//! `benches/torch_train.py` trains the same net on the same kind of batch in PyTorch, in turns with this.

use super::net::{Batch, Net, Noise};
use super::ops::{Bags, Compute, DetailTargets, MixPlan, Pool, RoleTargets, Rows};
use super::optim::{AdamW, Optimiser};
use super::report::TrainError;
use crate::engine::lstm::Shape;
use crate::music::{Chance, Purpose};
use crate::token::{DECISION_ROWS, DETAIL_ROWS, STEP_ROWS, classes};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// Size of the measurement.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Units of each of the two layers.
    pub hidden: usize,
    /// Windows.
    pub batch: usize,
    /// Steps of a window.
    pub window: usize,
    /// Updates that are timed, after one that is not.
    pub updates: usize,
    /// Threads.
    pub threads: usize,
    /// What the net computes with.
    pub compute: Compute,
}

impl Default for Load {
    fn default() -> Self {
        Load { hidden: 256, batch: 32, window: 128, updates: 5, threads: 1, compute: Compute::Fused }
    }
}

/// Training speed: medians over the timed updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Grid steps a second of wall clock.
    pub steps_per_s: f64,
    /// Grid steps a second of processor time; `None` where the system does not tell.
    pub steps_per_cpu_s: Option<f64>,
    /// Decisions for each grid step.
    pub decisions_per_step: f64,
    /// Loss of the last update, nats a decision: a sign that something is learned.
    pub loss: f32,
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "training: {:.0} steps/s", self.steps_per_s)?;
        if let Some(cpu) = self.steps_per_cpu_s {
            write!(f, ", {cpu:.0} steps per processor second")?;
        }
        write!(f, " ({:.1} decisions a step)", self.decisions_per_step)
    }
}

/// Rows that a made-up step names.
const STEP_IDS: usize = 40;
/// Rows that a role's decisions share.
const SHARED_IDS: usize = 24;
/// Rows of a note's detail.
const DETAIL_IDS: usize = 17;

/// Measures updates of the band net.
///
/// # Errors
/// Those of candle, and sizes that fit no net.
pub fn run(load: &Load) -> Result<Speed, TrainError> {
    super::memory::keep();
    let threads = load.threads.clamp(1, load.batch.max(1));
    let pool = Pool::of(load.compute, threads)?;
    let shape = Shape::band(load.hidden, 2);
    let net = Net::new(shape, Chance::new(1), &pool)?;
    let rows = Rows { shards: threads, steps: load.window, batch: (load.batch / threads).max(1) };
    let batch = made_up(rows);
    let mut optimiser = Optimiser::new(net.vars())?;
    let noise = Noise { chance: Chance::new(2), update: 0, input: 0.0, hidden: 0.0, recurrent: 0.0 };
    let (mut wall, mut cpu, mut loss) = (Vec::new(), Vec::new(), 0.0);
    for i in 0..=load.updates.max(1) {
        let (began, cpu_began) = (Instant::now(), cpu_seconds());
        let pass = net.forward(&batch, Some(&noise), &[])?;
        optimiser.step(net.vars(), &pass.loss.backward()?, &AdamW::default(), 1e-3)?;
        loss = pass.loss.to_scalar()?;
        if i > 0 {
            wall.push(began.elapsed().as_secs_f64());
            cpu.extend(cpu_seconds().zip(cpu_began).map(|(now, then)| now - then));
        }
    }
    let steps = rows.total() as f64;
    Ok(Speed {
        steps_per_s: steps / median(&mut wall).max(1e-9),
        steps_per_cpu_s: (!cpu.is_empty()).then(|| steps / median(&mut cpu).max(1e-9)),
        decisions_per_step: batch.classes.class.len() as f64 / steps,
        loss,
    })
}

pub(super) fn median(list: &mut [f64]) -> f64 {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied().unwrap_or(0.0)
}

/// Processor time of this process in seconds.
#[cfg(unix)]
pub(super) fn cpu_seconds() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the struct that is handed to it.
    let said = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    (said == 0).then_some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(unix))]
pub(super) fn cpu_seconds() -> Option<f64> {
    None
}

/// Every step: bass and lead play nothing, chords start one note.
fn made_up(rows: Rows) -> Batch {
    let chance = Chance::new(7);
    let mut n = 0u64;
    let mut below = |limit: usize| {
        n += 1;
        chance.below(Purpose::Train, 0, n, limit as u64) as u32
    };
    let ones = [1.0f32; STEP_IDS];
    let mut steps = Bags::default();
    for _ in 0..rows.total() {
        let ids: Vec<u32> = (0..STEP_IDS).map(|_| below(STEP_ROWS as usize)).collect();
        steps.push(&ids, &ones);
    }
    let (mut plan, mut targets, mut notes, mut details) =
        (MixPlan::default(), RoleTargets::default(), MixPlan::default(), DetailTargets::default());
    let mut note_decision = Vec::new();
    // The drums choose nothing here; of bass, chords and lead, the chords start a note in each step.
    targets.ends.push(0);
    for with_note in [false, true, false] {
        for row in 0..rows.total() {
            let group = plan.product_row.len() as u32;
            plan.product_row.push(row as u32);
            let ids: Vec<u32> = (0..SHARED_IDS).map(|_| below(DECISION_ROWS as usize)).collect();
            plan.shared.push(&ids, &ones);
            let class = if with_note { 1 + below(classes::PITCHES) as u16 } else { 0 };
            for (class, last) in [(class, 0), (0, class)].into_iter().take(1 + usize::from(with_note)) {
                plan.group.push(group);
                plan.own.push(&[below(DECISION_ROWS as usize), below(DECISION_ROWS as usize)], &ones);
                targets.class.push(class);
                targets.last.push(last);
                if class > 0 {
                    note_decision.push(targets.class.len() as u32 - 1);
                    let ids: Vec<u32> = (0..DETAIL_IDS).map(|_| below(DETAIL_ROWS as usize)).collect();
                    notes.own.push(&ids, &[1.0; DETAIL_IDS]);
                    details.duration.push(below(classes::DURATIONS.len()) as u8);
                    details.velocity.push(below(classes::VELOCITY_CLASSES) as u8);
                    details.offset.push(below(classes::OFFSET_CLASSES) as u8);
                }
            }
        }
        targets.ends.push(targets.class.len());
    }
    let scale = 1.0 / targets.class.len() as f32;
    targets.weight = vec![scale; targets.class.len()];
    details.weight = vec![[scale; 3]; note_decision.len()];
    notes.product_row = (0..note_decision.len() as u32).collect();
    notes.group = notes.product_row.clone();
    (0..note_decision.len()).for_each(|_| notes.shared.push(&[], &[]));
    Batch {
        rows: Some(rows),
        steps: Arc::new(steps),
        decisions: Arc::new(plan),
        classes: Arc::new(targets),
        note_decision: Arc::new(note_decision),
        notes: Arc::new(notes),
        details: Arc::new(details),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_small_load_is_trained_and_measured() {
        for compute in [Compute::Fused, Compute::Plain] {
            let load = Load { hidden: 32, batch: 2, window: 16, updates: 2, threads: 1, compute };
            let speed = run(&load).unwrap();
            assert!(speed.steps_per_s > 0.0 && speed.decisions_per_step > 1.0 && speed.loss.is_finite(), "{speed:?}");
        }
    }
}
