//! Generator and critic in plain candle, on any device that candle has: what the fused pass is tested against, and the
//! path to a GPU.

use super::decode::Manner;
use super::file::Weights;
use super::planes::{class_shifts, is_open, write_conditions, write_steps};
use super::scene::{BarScene, SEGMENT_STEPS};
use super::shape::{CONDITIONS, Family, Half, PITCH_ROWS, POOLED, SCORE, Shape};
use crate::music::kit::ROW_COUNT;
use crate::music::{LATENT, Latent, ROLES, Role};
use candle_core::{Device, Result, Tensor};
use std::collections::HashMap;

/// A model in plain candle.
#[derive(Clone)]
pub struct Oracle {
    shapes: Vec<Shape>,
    styles: Vec<String>,
    reading: [Manner; ROLES.len()],
    slope: f64,
    tensors: HashMap<String, Tensor>,
    device: Device,
    planes: Vec<f32>,
}

impl Oracle {
    /// A model on a device.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(weights: &Weights, device: &Device) -> Result<Oracle> {
        let card = &weights.card;
        let tensor = |(name, dims): (String, Vec<usize>)| {
            let values = Tensor::from_slice(weights.get(&name), dims, device)?;
            Ok((name, values))
        };
        Ok(Oracle {
            shapes: card.families().into_iter().map(|f| card.shape(f)).collect(),
            styles: card.styles.clone(),
            reading: ROLES.map(|role| card.reading(role)),
            slope: f64::from(card.slope),
            tensors: card.tensors().into_iter().map(tensor).collect::<Result<_>>()?,
            device: device.clone(),
            planes: Vec::new(),
        })
    }

    /// Style names that the model knows.
    pub fn styles(&self) -> &[String] {
        &self.styles
    }

    /// How a role's planes are read.
    pub fn reading(&self, role: Role) -> Manner {
        self.reading[role.index()]
    }

    /// True when the model plays the family.
    pub fn has(&self, family: Family) -> bool {
        self.shapes.iter().any(|s| s.family == family)
    }

    /// As `Live::planes`.
    pub fn planes(&mut self, scene: &BarScene, latent: &Latent) -> Option<&[f32]> {
        self.planes = self.generate(scene, latent).ok()??;
        self.planes.iter().all(|x| x.is_finite()).then_some(&self.planes)
    }

    /// As `Live::score`.
    pub fn score(&self, scene: &BarScene, planes: &[f32]) -> Option<f32> {
        self.judge(scene, planes).ok().flatten().filter(|s| s.is_finite())
    }

    fn shape(&self, family: Family) -> Option<&Shape> {
        self.shapes.iter().find(|s| s.family == family)
    }

    fn dense(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.tensors[&format!("{name}.weight")].t()?)?.broadcast_add(&self.tensors[&format!("{name}.bias")])
    }

    fn time(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let bias = self.tensors[&format!("{name}.bias")].unsqueeze(1)?;
        self.tensors[&format!("{name}.weight")].matmul(x)?.broadcast_add(&bias)
    }

    fn film(&self, name: &str, x: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let both = self.dense(name, asked)?;
        let c = x.dim(1)?;
        let scale = (both.narrow(1, 0, c)? + 1.0)?;
        x.broadcast_mul(&scale)?.broadcast_add(&both.narrow(1, c, c)?)
    }

    fn body(&self, shape: &Shape, half: Half, x: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let name = |layer: &str| format!("{}.{}.{layer}", shape.family.name(), half.letter());
        let mut x = leaky(&self.film(&name("film.in"), &self.dense(&name("in"), x)?, asked)?)?;
        for b in 0..shape.blocks {
            let y = self.film(&name(&format!("film.{b}")), &x, asked)?;
            let y = leaky(&self.time(&name(&format!("time1.{b}")), &y)?)?;
            x = (x + self.time(&name(&format!("time2.{b}")), &y)?)?;
            let y = leaky(&self.dense(&name(&format!("wide1.{b}")), &x)?)?;
            x = (x + self.dense(&name(&format!("wide2.{b}")), &y)?)?;
        }
        leaky(&self.film(&name("film.out"), &x, asked)?)
    }

    fn steps(&self, scene: &BarScene) -> Result<Tensor> {
        let family = Family::of(scene.role);
        let mut steps = vec![0.0; family.slots() * family.step_inputs()];
        write_steps(scene, &mut steps);
        Tensor::from_vec(steps, (family.slots(), family.step_inputs()), &self.device)
    }

    fn conditions(&self, scene: &BarScene) -> Vec<f32> {
        let mut asked = vec![0.0; CONDITIONS];
        write_conditions(scene, &self.styles, &mut asked);
        asked
    }

    fn generate(&self, scene: &BarScene, latent: &Latent) -> Result<Option<Vec<f32>>> {
        let family = Family::of(scene.role);
        let Some(shape) = self.shape(family) else { return Ok(None) };
        let mut asked = self.conditions(scene);
        asked.extend(latent.all());
        let asked = Tensor::from_vec(asked, (1, CONDITIONS + LATENT), &self.device)?;
        let x = self.body(shape, Half::Generator, &self.steps(scene)?, &asked)?;
        let logits = self.dense(&format!("{}.g.out", family.name()), &x)?;
        let open: Vec<f32> = (0..family.slots()).map(|s| f32::from(is_open(scene, s))).collect();
        let open = Tensor::from_vec(open, (family.slots(), 1), &self.device)?;
        let part = |from: usize, count: usize| logits.narrow(1, from, count);
        let planes = match family {
            Family::Drums => {
                let k = ROW_COUNT;
                let onset = sigmoid(&(part(0, k)? * self.slope)?)?.broadcast_mul(&open)?;
                let loud = (&onset * sigmoid(&part(k, k)?)?)?;
                let late = (&onset * part(2 * k, k)?.tanh()?)?;
                Tensor::cat(&[onset, loud, late], 1)?
            }
            Family::Pitched => {
                let p = PITCH_ROWS;
                let classes = class_rows(scene, &self.device)?;
                let by_class = |plane: usize| part(2 * p + 1 + 12 * plane, 12)?.contiguous()?.gather(&classes, 1);
                let plane = |at: usize| sigmoid(&((part(at * p, p)? + by_class(at)?)? * self.slope)?);
                let onset = plane(0)?.broadcast_mul(&open)?;
                let sustain = sounding(scene, &onset, &plane(1)?)?;
                let any = onset.sum_keepdim(1)?.minimum(1.0)?;
                let loud = (sigmoid(&part(2 * p, 1)?)? * any)?;
                Tensor::cat(&[onset, sustain, loud], 1)?
            }
        };
        Ok(Some(planes.flatten_all()?.to_vec1()?))
    }

    fn judge(&self, scene: &BarScene, planes: &[f32]) -> Result<Option<f32>> {
        let family = Family::of(scene.role);
        let Some(shape) = self.shape(family) else { return Ok(None) };
        let (slots, width) = (family.slots(), family.planes());
        let planes = Tensor::from_slice(planes, (slots, width), &self.device)?;
        let nothing = Tensor::zeros((1, width), candle_core::DType::F32, &self.device)?;
        let before = Tensor::cat(&[nothing, planes.narrow(0, 0, slots - 1)?], 0)?;
        let mut view = vec![planes.clone(), before];
        if family == Family::Pitched {
            let rows = class_rows(scene, &self.device)?;
            let zeros = Tensor::zeros((slots, 12), candle_core::DType::F32, &self.device)?;
            for at in 0..2 {
                let plane = planes.narrow(1, at * PITCH_ROWS, PITCH_ROWS)?.contiguous()?;
                view.push(zeros.scatter_add(&rows, &plane, 1)?);
            }
        }
        view.push(self.steps(scene)?);
        let asked = Tensor::from_vec(self.conditions(scene), (1, CONDITIONS), &self.device)?;
        let x = self.body(shape, Half::Critic, &Tensor::cat(&view, 1)?, &asked)?;
        let name = |layer: &str| format!("{}.d.{layer}", family.name());
        let pooled = leaky(&self.time(&name("pool"), &x)?)?.reshape((1, POOLED * shape.channels))?;
        let last = leaky(&self.dense(&name("flat"), &pooled)?)?;
        let fits = (last.mul(&self.dense(&name("project"), &asked)?)?.sum_all()? / (SCORE as f64).sqrt())?;
        Ok(Some((self.dense(&name("score"), &last)?.sum_all()? + fits)?.to_scalar()?))
    }
}

/// What sounds: what starts, or what sounded in the slot before and is held.
fn sounding(scene: &BarScene, onset: &Tensor, hold: &Tensor) -> Result<Tensor> {
    let slots = onset.dim(0)?;
    let mut held = onset.narrow(0, 0, 1)?;
    let nothing = held.zeros_like()?;
    let mut all = vec![held.clone()];
    for slot in 1..slots {
        if !is_open(scene, slot) && slot < SEGMENT_STEPS {
            all.push(nothing.clone());
            continue;
        }
        let (starts, keeps) = (onset.narrow(0, slot, 1)?, hold.narrow(0, slot, 1)?);
        held = (&starts + ((1.0 - &starts)? * (held * keeps)?)?)?;
        all.push(held.clone());
    }
    Tensor::cat(&all, 0)
}

fn leaky(x: &Tensor) -> Result<Tensor> {
    x.maximum(&(x * 0.2)?)
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    ((x.neg()?.exp()? + 1.0)?).recip()
}

/// For each slot and row the class above the chord's root: (slots, 48).
fn class_rows(scene: &BarScene, device: &Device) -> Result<Tensor> {
    let shifts = class_shifts(scene);
    let rows: Vec<u32> =
        shifts.iter().flat_map(|s| (0..PITCH_ROWS).map(move |r| ((r + usize::from(*s)) % 12) as u32)).collect();
    Tensor::from_vec(rows, (shifts.len(), PITCH_ROWS), device)
}
