//! The game between a family's generator and critic: one update is a step of each.

use super::data::{Bars, Example, batch};
use super::losses::*;
use super::net::{GanNet, Known};
use super::noise::noise;
use crate::engine::gan::shape::{Family, Half, STYLES, Shape};
use crate::music::{Chance, LATENT};
use crate::train::optim::{AdamW, Optimiser};
use candle_core::{Device, Result, Tensor, Var};
use std::collections::BTreeMap;

/// Settings of the game.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Channels of a slot.
    pub channels: usize,
    /// Width inside a block's channel mixing.
    pub expand: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Bars of an update.
    pub batch: usize,
    /// Highest learning rate of both nets.
    pub rate: f32,
    /// Weight of the penalty on the critic's steepness.
    pub penalty: f64,
    /// Updates between two penalties.
    pub penalty_every: u64,
    /// Noise on all bars that the critic sees: at the start and at the end.
    pub noise: (f32, f32),
    /// Slope of the generator's sigmoids: at the start and at the end.
    pub slope: (f32, f32),
    /// Weight of the counts.
    pub counts: f64,
    /// Weight of density and register.
    pub controls: f64,
    /// Weight of latents that make no difference, and the difference that is enough.
    pub modes: (f64, f64),
    /// Weight of rebuilding real bars of pitches: at the start and at the end.
    pub rebuild: (f32, f32),
    /// Weight of the codes' distance from the latents' distribution, within rebuilding.
    pub stray: f64,
    /// Decay of the generator's moving average.
    pub average: f32,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            channels: 160,
            expand: 320,
            blocks: 2,
            batch: 32,
            rate: 4e-4,
            penalty: 0.4,
            penalty_every: 4,
            noise: (0.3, 0.08),
            slope: (1.0, 6.0),
            counts: 4.0,
            controls: 1.0,
            modes: (1.0, 0.5),
            rebuild: (0.1, 0.02),
            stray: 0.7,
            average: 0.998,
        }
    }
}

/// What one update gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Turn {
    /// Critic's loss, nats.
    pub critic: f32,
    /// Generator's loss against the critic, nats.
    pub generator: f32,
    /// Share of bars that the critic told right: 0.5 when it is lost, 1 when the generator is.
    pub balance: f32,
    /// Distance of the counts from the real ones.
    pub counts: f32,
    /// Error of density and register.
    pub controls: f32,
    /// Nats by which rebuilt bars miss the real ones; 0 for drums, which are not rebuilt.
    pub rebuilt: f32,
    /// Share of cells that differ between two latents under the same conditions.
    pub difference: f32,
}

/// A family's nets and their optimisers.
pub struct Game {
    /// Settings.
    pub rules: Rules,
    /// The generator.
    pub generator: GanNet,
    /// The critic.
    pub critic: GanNet,
    /// Gives real bars of pitches a place in the latent space; none for drums.
    pub encoder: Option<GanNet>,
    /// Optimisers of the generator (with the encoder) and of the critic; the first keeps moving averages.
    pub optimisers: [Optimiser; 2],
    chance: Chance,
}

/// Momentum hurts a game: no first moment (Radford et al. 2016 lower it to 0.5, Karras et al. 2018 to 0).
pub(super) fn adam(average: f32) -> AdamW {
    AdamW { beta1: 0.0, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.0, clip: 0.0, average }
}

impl Game {
    /// New nets.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(rules: Rules, family: Family, seed: u64) -> Result<Game> {
        let shape = Shape { family, channels: rules.channels, expand: rules.expand, blocks: rules.blocks };
        let chance = Chance::new(seed).fold(family as u64 + 100);
        let generator = GanNet::new(shape, Half::Generator, chance)?;
        let critic = GanNet::new(shape, Half::Critic, chance)?;
        let encoder = match family {
            Family::Drums => None,
            Family::Pitched => Some(GanNet::new(shape, Half::Encoder, chance)?),
        };
        let none = Optimiser::default;
        let mut game = Game { rules, generator, critic, encoder, optimisers: [none(), none()], chance };
        game.optimisers = [Optimiser::new(&game.makers())?, Optimiser::new(game.critic.vars())?];
        Ok(game)
    }

    /// Variables of the generator, then of the encoder.
    pub fn makers(&self) -> Vec<(String, Var)> {
        let encoder = self.encoder.as_ref().map_or(&[][..], GanNet::vars);
        self.generator.vars().iter().chain(encoder).cloned().collect()
    }

    /// The averaged generator and the critic, by name, as a model file holds them.
    ///
    /// # Errors
    /// Those of candle.
    pub fn tensors(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let averages = self.generator.vars().iter().zip(&self.optimisers[0].moments);
        let mut tensors: BTreeMap<_, _> = averages.map(|((name, _), m)| (name.clone(), m.average.clone())).collect();
        for (name, var) in self.critic.vars() {
            tensors.insert(name.clone(), var.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(tensors)
    }

    /// Which family plays.
    pub fn family(&self) -> Family {
        self.generator.shape.family
    }

    /// Updates done.
    pub fn updates(&self) -> u64 {
        self.optimisers[0].updates
    }

    /// Steepness of the sigmoids at this progress, 0..=1.
    pub fn slope(&self, progress: f64) -> f32 {
        let (from, to) = self.rules.slope;
        from + (to - from) * (progress as f32 / 0.6).min(1.0)
    }

    /// One step of the critic and one of the generator on bars drawn for it; `progress` (0..=1) sets rates and noise.
    ///
    /// # Errors
    /// Those of candle.
    pub fn update(&mut self, bars: &Bars, styles: &[String], progress: f64) -> Result<Turn> {
        let (family, update) = (self.family(), self.updates());
        let draw = |slot: u64| bars.draw(self.chance, update, slot);
        let examples: Vec<Example> = (0..self.rules.batch as u64).map(draw).collect();
        let (known, real) = batch(family, &examples, styles)?;
        self.update_on(&known, &real, progress)
    }

    /// [`Game::update`] on bars that are numbers already.
    ///
    /// # Errors
    /// Those of candle.
    pub fn update_on(&mut self, known: &Known, real: &Tensor, progress: f64) -> Result<Turn> {
        let rate = self.rate(progress);
        let slope = self.slope(progress);
        let mut turn = Turn::default();
        self.critic_step(known, real, slope, progress, rate, &mut turn)?;
        self.generator_step(known, real, slope, progress, rate, &mut turn)?;
        Ok(turn)
    }

    fn rate(&self, progress: f64) -> f32 {
        let warm = ((self.updates() + 1) as f32 / 100.0).min(1.0);
        // Steady for most of the run, then down to a twentieth.
        let late = ((progress as f32 - 0.6) / 0.4).clamp(0.0, 1.0);
        self.rules.rate * warm * (1.0 - 0.95 * late)
    }

    fn size_of_noise(&self, progress: f64) -> f32 {
        let (from, to) = self.rules.noise;
        from + (to - from) * (progress as f32 / 0.6).min(1.0)
    }

    fn latents(&self, place: u64, count: usize) -> Result<Tensor> {
        let values = noise(self.chance, self.updates(), place, 1.0, count * LATENT);
        Tensor::from_vec(values, (count, LATENT), &Device::Cpu)
    }

    fn with_noise(&self, planes: &Tensor, place: u64, size: f32) -> Result<Tensor> {
        let values = noise(self.chance, self.updates(), place, size, planes.elem_count());
        planes + Tensor::from_vec(values, planes.dims(), &Device::Cpu)?
    }

    fn critic_step(
        &mut self,
        known: &Known,
        real: &Tensor,
        slope: f32,
        progress: f64,
        rate: f32,
        turn: &mut Turn,
    ) -> Result<()> {
        let bars = known.bars;
        let made = self.generator.generate(known, &self.latents(1, bars)?, slope)?.detach();
        let seen = self.with_noise(&Tensor::cat(&[real, &made], 0)?, 2, self.size_of_noise(progress))?;
        let is_penalty = self.updates().is_multiple_of(self.rules.penalty_every.max(1));
        let moved = if is_penalty { Some(self.with_noise(&seen, 3, NEAR)?) } else { None };
        let judged = judge(&self.critic, &self.rules, known, &seen, moved.as_ref())?;
        (turn.critic, turn.balance) = (judged.told, judged.balance);
        let loss = judged.loss;
        let grads = loss.backward()?;
        self.optimisers[1].step(self.critic.vars(), &grads, &adam(0.0), rate)?;
        Ok(())
    }

    fn generator_step(
        &mut self,
        known: &Known,
        real: &Tensor,
        slope: f32,
        progress: f64,
        rate: f32,
        turn: &mut Turn,
    ) -> Result<()> {
        let (family, slots, half) = (self.family(), self.family().slots(), known.bars / 2);
        // Each condition twice, with different latents, so that a latent that changes nothing is seen.
        let pairs: Vec<usize> = (0..2 * half).map(|i| i % half).collect();
        let whole = (known, real);
        let known = &known.pick(&pairs, slots)?;
        let real = real.narrow(0, 0, half * slots)?;
        let made = self.generator.generate(known, &self.latents(4, 2 * half)?, slope)?;
        let scores = self.critic.score(known, &self.with_noise(&made, 5, self.size_of_noise(progress))?, true)?;
        let against = softplus_mean(&scores.neg()?)?;
        turn.generator = against.to_scalar()?;
        let hard = harden(family, &made)?;
        let first: Vec<usize> = (0..half).collect();
        let real_counts = counts(family, &known.pick(&first, slots)?, &real)?;
        let made_counts = counts(family, known, &hard)?;
        let bars_apart = apart(&totals(slots, &made_counts)?, &totals(slots, &real_counts)?)?;
        let counted = (apart(&made_counts, &real_counts)? + bars_apart)?;
        turn.counts = counted.to_scalar()?;
        let controls = self.controls(family, known, &hard, &Tensor::cat(&[&real, &real], 0)?)?;
        turn.controls = controls.to_scalar()?;
        let apart = difference(family, 2 * half, &made)?;
        turn.difference = apart.mean_all()?.to_scalar()?;
        let (weight, enough) = self.rules.modes;
        let modes = (apart.neg()? + enough)?.relu()?.mean_all()?;
        let mut loss = (against + (counted * self.rules.counts)?)?;
        loss = ((loss + (controls * self.rules.controls)?)? + (modes * weight)?)?;
        if let Some(rebuilt) = self.rebuild(whole.0, whole.1, slope, progress, turn)? {
            loss = (loss + rebuilt)?;
        }
        let grads = loss.backward()?;
        let makers = self.makers();
        self.optimisers[0].step(&makers, &grads, &adam(self.rules.average), rate)?;
        Ok(())
    }

    /// The loss of real bars that go through the encoder and come back from the generator.
    fn rebuild(
        &self,
        known: &Known,
        real: &Tensor,
        slope: f32,
        progress: f64,
        turn: &mut Turn,
    ) -> Result<Option<Tensor>> {
        let Some(encoder) = &self.encoder else { return Ok(None) };
        let [mean, log_variance] = encoder.encode(known, real)?;
        let spread = (&log_variance * 0.5)?.exp()?;
        let latents = (&mean + spread.mul(&self.latents(6, known.bars)?)?)?;
        let made = self.generator.generate(known, &latents, slope)?;
        let missed = rebuilt(&made, real, known.bars)?;
        turn.rebuilt = missed.to_scalar()?;
        let (from, to) = self.rules.rebuild;
        let weight = f64::from(from + (to - from) * (progress as f32 / 0.6).min(1.0));
        Ok(Some(((missed + (strayed(&mean, &log_variance)? * self.rules.stray)?)? * weight)?))
    }

    /// Error of the density and the register where they were told.
    fn controls(&self, family: Family, known: &Known, made: &Tensor, real: &Tensor) -> Result<Tensor> {
        let told = |at: usize| known.conditions.narrow(1, at, 1)?.squeeze(1);
        let (count, place) = onsets_and_place(family, known.bars, made)?;
        let (real_count, real_place) = onsets_and_place(family, known.bars, real)?;
        let scale = if family == Family::Drums { 5.0 } else { 3.0 };
        let density = misses(&count, &real_count, &told(STYLES + 2)?, scale)?;
        if family == Family::Drums {
            return Ok(density);
        }
        density + misses(&place, &real_place, &told(STYLES + 4)?, 0.1)?
    }
}

/// Size of the noise by which the critic's steepness is measured.
pub(super) const NEAR: f32 = 0.1;

/// What a critic makes of a batch.
pub(super) struct Judged {
    /// What it is to learn from.
    pub loss: Tensor,
    /// The loss without the penalty, nats.
    pub told: f32,
    /// Share of bars told right.
    pub balance: f32,
}

/// Lets a critic judge the real bars and then the made ones of `seen`, in the same scenes; with `moved`, the same bars and a
/// little noise, its steepness is penalised.
pub(super) fn judge(
    critic: &GanNet,
    rules: &Rules,
    known: &Known,
    seen: &Tensor,
    moved: Option<&Tensor>,
) -> Result<Judged> {
    let (bars, slots) = (known.bars, critic.shape.family.slots());
    let times = |n: usize| (0..n * bars).map(|i| i % bars).collect::<Vec<_>>();
    let scores = match moved {
        Some(moved) => critic.score(&known.pick(&times(4), slots)?, &Tensor::cat(&[seen, moved], 0)?, false)?,
        None => critic.score(&known.pick(&times(2), slots)?, seen, false)?,
    };
    let (of_real, of_made) = (scores.narrow(0, 0, bars)?, scores.narrow(0, bars, bars)?);
    let mut loss = (softplus_mean(&of_real.neg()?)? + softplus_mean(&of_made)?)?;
    let told = loss.to_scalar()?;
    if moved.is_some() {
        let apart = (scores.narrow(0, 2 * bars, 2 * bars)? - scores.narrow(0, 0, 2 * bars)?)?;
        let weight = rules.penalty / 2.0 * rules.penalty_every as f64 / f64::from(NEAR * NEAR);
        // Both kinds of bars are penalised, each by its mean.
        loss = (loss + (apart.sqr()?.mean_all()? * (2.0 * weight))?)?;
    }
    let right = |scores: &Tensor, sign: f32| -> Result<usize> {
        Ok(scores.to_vec1::<f32>()?.into_iter().filter(|s| s * sign > 0.0).count())
    };
    let balance = (right(&of_real, 1.0)? + right(&of_made, -1.0)?) as f32 / (2 * bars) as f32;
    Ok(Judged { loss, told, balance })
}
