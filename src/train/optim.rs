//! AdamW with gradient clipping, one pass over every variable, and a moving average of the weights.
//!
//! Kingma and Ba, "Adam" (2015); Loshchilov and Hutter, "Decoupled weight decay" (2019). Moments and averages are plain
//! vectors, so that a checkpoint can hold them.

use super::kernel::vectorised;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Tensor, Var};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Settings of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Share of a matrix that is taken off at a learning rate of 1; biases keep all.
    pub weight_decay: f32,
    /// Gradients are scaled down to this norm; 0 leaves them.
    pub clip: f32,
    /// Decay of the moving average of the weights.
    pub average: f32,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weight_decay: 0.03, clip: 1.0, average: 0.999 }
    }
}

/// What is kept of one variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Mean of the gradients.
    pub first: Vec<f32>,
    /// Mean of their squares.
    pub second: Vec<f32>,
    /// Moving average of the weights.
    pub average: Vec<f32>,
}

/// The optimiser's memory: one entry a variable, in the net's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Optimiser {
    /// Per variable.
    pub moments: Vec<Moments>,
    /// Updates done.
    pub updates: u64,
}

/// Which numbers of a variable an update may change; the others keep their value to the bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    All,
    /// None.
    Nothing,
    /// These rows.
    Rows(Range<usize>),
}

impl Reach {
    /// The same in numbers of a variable of these dimensions.
    fn numbers(&self, dims: &[usize]) -> Range<usize> {
        let count: usize = dims.iter().product();
        match self {
            Reach::All => 0..count,
            Reach::Nothing => 0..0,
            Reach::Rows(rows) => {
                let width = count / dims.first().copied().unwrap_or(1).max(1);
                (rows.start * width).min(count)..(rows.end * width).min(count)
            }
        }
    }
}

struct Update<'a> {
    reach: Range<usize>,
    settings: AdamW,
    rate: f32,
    scale: f32,
    corrections: [f32; 2],
    decay: f32,
    average: f32,
    grad: &'a [f32],
    moments: Mutex<&'a mut Moments>,
}

impl Optimiser {
    /// Zero moments, averages at the present weights.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(vars: &[(String, Var)]) -> Result<Optimiser> {
        let start = |w: Vec<f32>| Moments { first: vec![0.0; w.len()], second: vec![0.0; w.len()], average: w };
        let values = vars.iter().map(|(_, v)| Ok(start(v.flatten_all()?.to_vec1()?)));
        Ok(Optimiser { moments: values.collect::<Result<_>>()?, updates: 0 })
    }

    /// One update at learning rate `rate`. Gives the norm of the gradient before clipping; nothing is changed when that is
    /// not finite.
    ///
    /// # Errors
    /// Those of candle, and variables without a gradient.
    pub fn step(&mut self, vars: &[(String, Var)], grads: &GradStore, settings: &AdamW, rate: f32) -> Result<f32> {
        self.step_within(vars, grads, settings, rate, &[])
    }

    /// [`Optimiser::step`] of what `reach` says, an entry a variable; of everything when it is empty.
    ///
    /// # Errors
    /// As for [`Optimiser::step`].
    pub fn step_within(
        &mut self,
        vars: &[(String, Var)],
        grads: &GradStore,
        settings: &AdamW,
        rate: f32,
        reach: &[Reach],
    ) -> Result<f32> {
        let mut all = Vec::with_capacity(vars.len());
        let mut square = 0.0f64;
        let spans: Vec<Range<usize>> = vars
            .iter()
            .enumerate()
            .map(|(at, (_, var))| reach.get(at).unwrap_or(&Reach::All).numbers(var.dims()))
            .collect();
        for ((name, var), span) in vars.iter().zip(&spans) {
            let Some(grad) = grads.get(var.as_tensor()) else {
                // A batch without notes leaves the details alone.
                all.push(vec![0.0; var.elem_count()]);
                continue;
            };
            let grad = grad.flatten_all()?.to_vec1::<f32>()?;
            if grad.len() != var.elem_count() {
                return Err(Error::Msg(format!("the gradient of {name} has another size")));
            }
            square += sum_of_squares(&grad[span.clone()]);
            all.push(grad);
        }
        let norm = square.sqrt() as f32;
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.updates += 1;
        let t = self.updates.min(1 << 20) as i32;
        let scale = if settings.clip > 0.0 && norm > settings.clip { settings.clip / norm } else { 1.0 };
        // Early on the average follows quickly, so that it never drags the first random weights along.
        let average = settings.average.min((1.0 + self.updates as f32) / (10.0 + self.updates as f32));
        let variables = vars.iter().zip(&all).zip(&mut self.moments).zip(spans);
        for ((((_, var), grad), moments), reach) in variables.filter(|v| !v.1.is_empty()) {
            let update = Update {
                reach,
                settings: *settings,
                rate,
                scale,
                corrections: [1.0 - settings.beta1.powi(t), 1.0 - settings.beta2.powi(t)],
                decay: if var.rank() > 1 { settings.weight_decay * rate } else { 0.0 },
                average,
                grad,
                moments: Mutex::new(moments),
            };
            if var.device().is_cpu() {
                var.inplace_op1(&update)?;
            } else {
                update.run_elsewhere(var)?;
            }
        }
        Ok(norm)
    }
}

fn sum_of_squares(grad: &[f32]) -> f64 {
    let part = |chunk: &[f32]| f64::from(chunk.iter().map(|g| g * g).sum::<f32>());
    grad.chunks(256).map(part).sum()
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(all) = storage else { return Err(Error::Msg("variables are f32".into())) };
        let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("variables are contiguous".into()))?;
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let weights = &mut all[start..end][self.reach.clone()];
        vectorised(
            #[inline(always)]
            || self.run(weights, &mut moments),
        );
        Ok(())
    }
}

impl Update<'_> {
    /// The update of a variable on another device: moments and averages stay here, so that a checkpoint holds them all the same.
    fn run_elsewhere(&self, var: &Var) -> Result<()> {
        let mut all = var.flatten_all()?.to_vec1::<f32>()?;
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let weights = &mut all[self.reach.clone()];
        vectorised(
            #[inline(always)]
            || self.run(weights, &mut moments),
        );
        drop(moments);
        var.set(&Tensor::from_vec(all, var.dims(), var.device())?)
    }

    #[inline(always)]
    fn run(&self, weights: &mut [f32], moments: &mut Moments) {
        let AdamW { beta1, beta2, epsilon, .. } = self.settings;
        let ([c1, c2], n) = (self.corrections, weights.len());
        let span = || self.reach.clone();
        let Moments { first, second, average } = moments;
        let (first, second, average) = (&mut first[span()][..n], &mut second[span()][..n], &mut average[span()][..n]);
        let grad = &self.grad[span()][..n];
        for i in 0..n {
            let g = grad[i] * self.scale;
            first[i] = beta1 * first[i] + (1.0 - beta1) * g;
            second[i] = beta2 * second[i] + (1.0 - beta2) * g * g;
            let step = first[i] / c1 / ((second[i] / c2).sqrt() + epsilon);
            weights[i] -= self.rate * step + self.decay * weights[i];
            average[i] += (1.0 - self.average) * (weights[i] - average[i]);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_variable_elsewhere_is_updated_as_one_in_place() {
        let start: Vec<f32> = (0..12).map(|i| i as f32 * 0.1 - 0.5).collect();
        let grad: Vec<f32> = (0..12).map(|i| 0.3 - i as f32 * 0.05).collect();
        let updated = |is_near: bool| {
            let var = Var::from_slice(&start, (4, 3), &Device::Cpu).unwrap();
            let mut moments = Moments { first: vec![0.01; 12], second: vec![0.02; 12], average: start.clone() };
            let update = Update {
                reach: 3..9,
                settings: AdamW::default(),
                rate: 0.01,
                scale: 0.5,
                corrections: [0.1, 0.02],
                decay: 0.001,
                average: 0.9,
                grad: &grad,
                moments: Mutex::new(&mut moments),
            };
            if is_near { var.inplace_op1(&update) } else { update.run_elsewhere(&var) }.unwrap();
            (var.flatten_all().unwrap().to_vec1::<f32>().unwrap(), moments)
        };
        let (near, far) = (updated(true), updated(false));
        assert_eq!(near, far);
        assert!(near.0[..3] == start[..3] && near.0[3..9] != start[3..9] && near.0[9..] == start[9..]);
    }
}
