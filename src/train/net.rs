//! The band LSTM as candle variables: the fused forward pass to one loss, and the way to and from a model file.
//!
//! Tensors that are read together are one variable here (input and recurrent weights of a layer side by side, the
//! roles' output layers stacked); a file holds them apart under PyTorch's names.

use super::ops::*;
use super::plain;
use crate::engine::lstm::shape::{DURATIONS, OFFSETS, VELOCITIES};
use crate::engine::lstm::{Card, Shape, Weights};
use crate::music::{Chance, Purpose};
use candle_core::{Result, Tensor, Var};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A window of several pieces as the net reads it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Order of the rows of `steps`.
    pub rows: Option<Rows>,
    /// Input rows of every step.
    pub steps: Arc<Bags>,
    /// Hidden rows of every decision.
    pub decisions: Arc<MixPlan>,
    /// What was decided.
    pub classes: Arc<RoleTargets>,
    /// For every note the decision that chose it.
    pub note_decision: Arc<Vec<u32>>,
    /// Hidden rows of every note's details.
    pub notes: Arc<MixPlan>,
    /// What the details are.
    pub details: Arc<DetailTargets>,
}

/// Dropout for one update.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Source of the masks.
    pub chance: Chance,
    /// Address of the update.
    pub update: u64,
    /// Share dropped on the input.
    pub input: f32,
    /// Share dropped between layers, on the output and in the heads.
    pub hidden: f32,
    /// Share of the recurrent weights that is left out, the same ones at every step (Merity et al. 2017, arXiv 1708.02182).
    pub recurrent: f32,
}

/// What a pass gives.
pub struct Pass {
    /// Weighted sum of all cross-entropies, nats.
    pub loss: Tensor,
    /// Nats of every decision.
    pub decisions: Vec<f32>,
    /// Probabilities of all classes, where the batch asks for them.
    pub told: Vec<f32>,
    /// Nats of every note's duration, velocity, offset.
    pub details: Vec<[f32; 3]>,
    /// State of every layer after the last step.
    pub last: Vec<LstmState>,
}

/// The net's variables.
pub struct Net {
    /// Sizes.
    pub shape: Shape,
    pool: Pool,
    vars: Vec<(String, Var)>,
}

/// A variable's tensors in the file: name and dimensions; and how they lie in the variable.
enum Parts {
    /// The variable is the tensor.
    Whole,
    /// Columns side by side: input weights, then recurrent weights.
    Columns(usize),
    /// One after the other.
    Stacked,
    /// The variable is the first tensor; the second is all zeros in the file (PyTorch's second bias).
    WithZeros,
}

/// Name, dimensions, file tensors and layout of every variable, in the order in which they are kept.
fn plan(shape: &Shape) -> Vec<(String, Vec<usize>, Vec<String>, Parts)> {
    let (u, d, t) = (shape.hidden, shape.decide, shape.detail);
    let whole = |name: &str, dims: &[usize]| (name.to_owned(), dims.to_vec(), vec![name.to_owned()], Parts::Whole);
    let mut list = vec![whole("features.weight", &[shape.features, shape.embed])];
    for l in 0..shape.layers {
        let input = if l == 0 { shape.embed } else { u };
        let names = |kind: &str| vec![format!("lstm.{kind}_ih_l{l}"), format!("lstm.{kind}_hh_l{l}")];
        list.push((format!("lstm.weight_l{l}"), vec![4 * u, input + u], names("weight"), Parts::Columns(input)));
        list.push((format!("lstm.bias_l{l}"), vec![4 * u], names("bias"), Parts::WithZeros));
    }
    list.push(whole("decide.hidden.weight", &[d, u]));
    list.push(whole("decide.hidden.bias", &[d]));
    list.push(whole("decide.context.weight", &[shape.context, d]));
    let classes = shape.choosers.iter().map(|c| c.classes).sum::<usize>();
    let choosers = |kind: &str| shape.choosers.iter().map(|c| format!("decide.out.{}.{kind}", c.name)).collect();
    let mut weights: Vec<String> = choosers("weight");
    weights.extend((shape.relative > 0).then(|| "decide.relative.weight".to_owned()));
    list.push(("decide.out.weight".into(), vec![classes + shape.relative, d], weights, Parts::Stacked));
    list.push(("decide.out.bias".into(), vec![classes], choosers("bias"), Parts::Stacked));
    list.push(whole("detail.hidden.weight", &[t, d]));
    list.push(whole("detail.hidden.bias", &[t]));
    list.push(whole("detail.context.weight", &[shape.manner, t]));
    let heads = |kind: &str| ["duration", "velocity", "offset"].map(|h| format!("detail.{h}.{kind}")).to_vec();
    list.push(("detail.out.weight".into(), vec![DETAIL_CLASSES, t], heads("weight"), Parts::Stacked));
    let mut biases = heads("bias");
    biases.extend(["detail.velocity_given.weight".to_owned(), "detail.offset_given.weight".to_owned()]);
    list.push(("detail.out.bias".into(), vec![DETAIL_BIAS], biases, Parts::Stacked));
    list
}

const _: () = assert!(DETAIL_CLASSES == DURATIONS + VELOCITIES + OFFSETS);

impl Net {
    /// A new net: rows and weights uniform in +-1/sqrt(fan-in), forget gates open (bias 1), tables small.
    ///
    /// # Errors
    /// Those of candle; and units that are no multiple of 16.
    pub fn new(shape: Shape, chance: Chance, pool: &Pool) -> Result<Net> {
        let mut draw = 0u64;
        let mut uniform = |bound: f32| {
            draw += 1;
            (chance.unit(Purpose::Train, 0, draw) * 2.0 - 1.0) * bound
        };
        let values = plan(&shape).into_iter().map(|(name, dims, ..)| {
            let count = dims.iter().product();
            let fan_in = match name.as_str() {
                "features.weight" | "decide.context.weight" | "detail.context.weight" => 100.0,
                _ => dims[dims.len() - 1] as f32,
            };
            let is_bias = dims.len() == 1;
            let mut values: Vec<f32> =
                (0..count).map(|_| if is_bias { 0.0 } else { uniform(1.0 / fan_in.sqrt()) }).collect();
            if name.starts_with("lstm.bias") {
                values[shape.hidden..2 * shape.hidden].fill(1.0);
            }
            values
        });
        Net::with_values(shape, values.collect(), pool)
    }

    /// A net whose variables hold these numbers, in the order of [`Net::vars`].
    ///
    /// # Errors
    /// Those of candle; and units that are no multiple of 16.
    pub fn with_values(shape: Shape, values: Vec<Vec<f32>>, pool: &Pool) -> Result<Net> {
        if !shape.hidden.is_multiple_of(super::kernel::LANES) {
            return Err(candle_core::Error::Msg(format!("{} hidden units are no multiple of 16", shape.hidden)));
        }
        let vars = plan(&shape)
            .into_iter()
            .zip(values)
            .map(|((name, dims, ..), v)| Ok((name, Var::from_vec(v, dims, pool.device())?)));
        Ok(Net { shape, pool: pool.clone(), vars: vars.collect::<Result<_>>()? })
    }

    /// The net in a model file, to go on training.
    ///
    /// # Errors
    /// Those of candle; and units that are no multiple of 16.
    pub fn from_weights(weights: &Weights, pool: &Pool) -> Result<Net> {
        let join = |(_, dims, names, parts): (String, Vec<usize>, Vec<String>, Parts)| match parts {
            Parts::Whole => weights.get(&names[0]).to_vec(),
            Parts::Stacked => names.iter().flat_map(|n| weights.get(n).iter().copied()).collect(),
            Parts::WithZeros => weights.get(&names[0]).iter().zip(weights.get(&names[1])).map(|(a, b)| a + b).collect(),
            Parts::Columns(left) => {
                let right = dims[1] - left;
                let rows = weights.get(&names[0]).chunks(left).zip(weights.get(&names[1]).chunks(right));
                rows.flat_map(|(a, b)| a.iter().chain(b).copied()).collect()
            }
        };
        Net::with_values(weights.shape, plan(&weights.shape).into_iter().map(join).collect(), pool)
    }

    /// Tensors of a model file from the values of all variables (the net's own, or their moving averages).
    ///
    /// # Errors
    /// A sentence when a number is none.
    pub fn to_weights(&self, values: &[Vec<f32>], card: Card) -> std::result::Result<Weights, String> {
        let mut tensors = BTreeMap::new();
        let dims: BTreeMap<_, _> = self.shape.tensors().into_iter().collect();
        for ((_, whole, names, parts), values) in plan(&self.shape).into_iter().zip(values) {
            match parts {
                Parts::Whole => drop(tensors.insert(names[0].clone(), values.clone())),
                Parts::WithZeros => {
                    tensors.insert(names[0].clone(), values.clone());
                    tensors.insert(names[1].clone(), vec![0.0; values.len()]);
                }
                Parts::Columns(left) => {
                    let side = |range: std::ops::Range<usize>| {
                        values.chunks(whole[1]).flat_map(|r| r[range.clone()].to_vec()).collect()
                    };
                    tensors.insert(names[0].clone(), side(0..left));
                    tensors.insert(names[1].clone(), side(left..whole[1]));
                }
                Parts::Stacked => {
                    let mut rest = values.as_slice();
                    for name in names {
                        let count = dims.get(&name).map_or(0, |d| d.iter().product());
                        let (own, later) = rest.split_at(count);
                        tensors.insert(name, own.to_vec());
                        rest = later;
                    }
                }
            }
        }
        Weights::new(card, self.shape, tensors)
    }

    /// Names and variables, in a fixed order.
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// The numbers of every variable, in the order of [`Net::vars`].
    ///
    /// # Errors
    /// Those of candle.
    pub fn values(&self) -> Result<Vec<Vec<f32>>> {
        self.vars.iter().map(|(_, v)| v.flatten_all()?.to_vec1()).collect()
    }

    pub(super) fn var(&self, name: &str) -> Result<&Tensor> {
        let found = self.vars.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_tensor());
        found.ok_or_else(|| candle_core::Error::Msg(format!("no variable {name}")))
    }

    /// A layer's weights, without the recurrent ones that are left out in this update.
    fn thinned(&self, layer: usize, noise: Option<&Noise>) -> Result<Tensor> {
        let weight = self.var(&format!("lstm.weight_l{layer}"))?;
        match self.recurrent_mask(layer, noise)? {
            Some(mask) => weight.apply_op1(Dropout { mask }),
            None => Ok(weight.clone()),
        }
    }

    /// A factor for every weight of a layer, those of the input left as they are; `None` when nothing is left out.
    pub(super) fn recurrent_mask(&self, layer: usize, noise: Option<&Noise>) -> Result<Option<Vec<f32>>> {
        let Some(noise) = noise.filter(|n| n.recurrent > 0.0) else { return Ok(None) };
        let (rows, columns) = self.var(&format!("lstm.weight_l{layer}"))?.dims2()?;
        let mut mask = mask(noise.chance, noise.update, 16 + layer as u64, noise.recurrent, rows * columns);
        mask.chunks_mut(columns).for_each(|row| row[..columns - self.shape.hidden].fill(1.0));
        Ok(Some(mask).filter(|mask| !mask.is_empty()))
    }

    /// Runs a batch through the net. `noise` asks for dropout and gradients; without it this is an evaluation.
    /// `first` holds a state for every layer (zeros when empty).
    ///
    /// # Errors
    /// Those of candle, and batches that do not fit the net.
    pub fn forward(&self, batch: &Batch, noise: Option<&Noise>, first: &[LstmState]) -> Result<Pass> {
        if let Some(device) = self.pool.plain() {
            return plain::pass(self, device, batch, noise, first);
        }
        let rows = batch.rows.ok_or_else(|| candle_core::Error::Msg("a batch without rows".into()))?;
        let keep = |place: u64, p: f32, count: usize| {
            noise.map_or_else(Vec::new, |n| mask(n.chance, n.update, place, p, count))
        };
        let hidden_p = noise.map_or(0.0, |n| n.hidden);
        let drop = |x: Tensor, place: u64, p: f32| -> Result<Tensor> {
            let mask = keep(place, p, x.elem_count());
            if mask.is_empty() { Ok(x) } else { x.apply_op1(Dropout { mask }) }
        };
        let mut x =
            self.var("features.weight")?.apply_op1(Bag { bags: batch.steps.clone(), pool: self.pool.clone() })?;
        x = drop(x, 0, noise.map_or(0.0, |n| n.input))?;
        let mut lasts = Vec::new();
        for l in 0..self.shape.layers {
            let layer = LstmLayer::new(rows, self.shape.hidden, &self.pool, first.get(l).cloned());
            lasts.push(layer.last());
            let weight = self.thinned(l, noise)?;
            x = x.apply_op3(&weight, self.var(&format!("lstm.bias_l{l}"))?, layer)?;
            x = drop(x, 1 + l as u64, hidden_p)?;
        }
        let last = lasts.iter().map(|l| l.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect();
        let linear = |x: &Tensor, name: &str, chosen: Option<Arc<Vec<u32>>>| {
            let op = Linear { chosen, pool: self.pool.clone() };
            x.apply_op3(self.var(&format!("{name}.weight"))?, self.var(&format!("{name}.bias"))?, op)
        };
        let product = linear(&x, "decide.hidden", None)?;
        let mask = keep(8, hidden_p, batch.decisions.group.len() * self.shape.decide);
        let a = product
            .apply_op2(self.var("decide.context.weight")?, Mix::new(batch.decisions.clone(), mask, &self.pool))?;
        let heads = Heads::new(batch.classes.clone(), self.shape.choosers, noise.is_some(), &self.pool);
        let (decision_nats, told) = (heads.nats(), heads.told());
        let mut loss = a.apply_op3(self.var("decide.out.weight")?, self.var("decide.out.bias")?, heads)?;
        let mut details = Vec::new();
        if !batch.note_decision.is_empty() {
            let product = linear(&a, "detail.hidden", Some(batch.note_decision.clone()))?;
            let mask = keep(9, hidden_p, batch.note_decision.len() * self.shape.detail);
            let b = product
                .apply_op2(self.var("detail.context.weight")?, Mix::new(batch.notes.clone(), mask, &self.pool))?;
            let op = Details::new(batch.details.clone(), noise.is_some(), &self.pool);
            let nats = op.nats();
            loss = (loss + b.apply_op3(self.var("detail.out.weight")?, self.var("detail.out.bias")?, op)?)?;
            details = take(&nats);
        }
        Ok(Pass { loss, decisions: take(&decision_nats), told: take(&told), details, last })
    }
}

fn take<T>(nats: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *nats.lock().unwrap_or_else(PoisonError::into_inner))
}
