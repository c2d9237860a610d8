//! The ear: after the game the critic goes on learning, from bars as they are played.
//!
//! In the game the critic sees planes with soft edges and noise. As an ear it is asked about notes, and every reading of
//! planes makes notes that look more real than the planes did. So a copy of it goes on, against bars that the finished
//! generator has made and that were read as on stage. A critic that has learned to tell two distributions apart ranks
//! candidates so that choosing among them moves the one towards the other (Azadi et al., "Discriminator rejection
//! sampling", 2019). The game's own critic stays as it is in the checkpoint.

use super::data::{Bars, Example, batch};
use super::game::{Game, NEAR, adam, judge};
use super::net::GanNet;
use super::noise::noise;
use crate::engine::gan::planes::write_planes;
use crate::engine::gan::shape::Half;
use crate::engine::gan::{BarMaker, Live, Packed, Weights};
use crate::engine::lstm::kernel::Simd;
use crate::music::{Chance, Latent};
use crate::train::optim::Optimiser;
use candle_core::{Device, Result, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most updates of an ear.
const UPDATES_MAX: u64 = 1600;
/// Updates of the game for one of the ear.
const SHARE: u64 = 4;
/// Highest learning rate, part of the game's.
const RATE: f32 = 0.5;

/// What the ear has learned.
pub struct Heard {
    /// The critic's tensors by name.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// Updates, and how often it was right in the last quarter of them.
    pub updates: u64,
    /// Share of bars told right.
    pub balance: f32,
}

/// Teaches a copy of the game's critic; `weights` are those of the finished model with its readings.
///
/// # Errors
/// Those of candle.
pub fn teach(game: &Game, bars: &Bars, weights: &Weights, seed: u64, stop: &AtomicBool) -> Result<Heard> {
    let (family, rules) = (game.family(), &game.rules);
    let values: Result<Vec<_>> = game.critic.vars().iter().map(|(_, v)| v.flatten_all()?.to_vec1::<f32>()).collect();
    let critic = GanNet::with_values(game.critic.shape, Half::Critic, values?)?;
    let mut optimiser = Optimiser::new(critic.vars())?;
    let mut live = Live::new(Arc::new(Packed::new(weights)), Simd::best());
    let chance = Chance::new(seed).fold(family as u64 + 200);
    let updates = (game.updates() / SHARE).min(UPDATES_MAX);
    let (mut right, mut counted) = (0.0, 0u64);
    for update in 0..updates {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let examples: Vec<Example> = (0..rules.batch as u64).map(|slot| bars.draw(chance, update, slot)).collect();
        let (known, real) = batch(family, &examples, &weights.card.styles)?;
        let made = played(&mut live, &examples, chance.fold(update))?;
        let seen = Tensor::cat(&[&real, &made], 0)?;
        let noisy = |seen: &Tensor, place: u64, size: f32| {
            let values = noise(chance, update, place, size, seen.elem_count());
            seen + Tensor::from_vec(values, seen.dims(), &Device::Cpu)?
        };
        let seen = noisy(&seen, 2, rules.noise.1)?;
        let is_penalty = update.is_multiple_of(rules.penalty_every.max(1));
        let moved = if is_penalty { Some(noisy(&seen, 3, NEAR)?) } else { None };
        let judged = judge(&critic, rules, &known, &seen, moved.as_ref())?;
        let grads = judged.loss.backward()?;
        let left = 1.0 - update as f32 / updates as f32;
        optimiser.step(critic.vars(), &grads, &adam(0.0), rules.rate * RATE * (0.05 + 0.95 * left))?;
        if update * 4 >= updates * 3 {
            (right, counted) = (right + judged.balance, counted + 1);
        }
    }
    let of = |(name, var): &(String, candle_core::Var)| Ok((name.clone(), var.flatten_all()?.to_vec1::<f32>()?));
    let tensors: Result<BTreeMap<_, _>> = critic.vars().iter().map(of).collect();
    Ok(Heard { tensors: tensors?, updates, balance: right / counted.max(1) as f32 })
}

/// Bars that the generator plays in the same scenes, as planes: (bars * slots, `planes`).
fn played(live: &mut Live, examples: &[Example], chance: Chance) -> Result<Tensor> {
    let Some(first) = examples.first() else { return Tensor::zeros((0, 0), candle_core::DType::F32, &Device::Cpu) };
    let family = crate::engine::gan::shape::Family::of(first.scene.role);
    let width = family.slots() * family.planes();
    let mut planes = vec![0.0; examples.len() * width];
    for (i, (e, out)) in examples.iter().zip(planes.chunks_exact_mut(width)).enumerate() {
        let bar = live.make(&e.scene, &Latent::drawn(chance.fold(i as u64), 0));
        write_planes(&e.scene, &bar, e.learnable, out);
    }
    Tensor::from_vec(planes, (examples.len() * family.slots(), family.planes()), &Device::Cpu)
}
