//! Generator and critic as candle variables, and their passes over a batch.

use super::ends::{CriticView, Facts, Planes};
use super::ops::{Dense, Film, TimeMix};
use crate::engine::gan::shape::{Half, POOLED, SCORE, Shape};
use crate::music::{Chance, LATENT, Purpose};
use candle_core::{Device, Error, Result, Tensor, Var};
use std::collections::HashMap;
use std::sync::Arc;

/// Bars as the nets read them, without the bars themselves.
#[derive(Clone)]
pub struct Known {
    /// Number of bars.
    pub bars: usize,
    /// What is known of every slot, (bars * slots, `step_inputs`).
    pub steps: Arc<Vec<f32>>,
    /// What holds for every bar, (bars, `CONDITIONS`).
    pub conditions: Tensor,
    /// What the ops need.
    pub facts: Arc<Facts>,
}

impl Known {
    /// The bars `order` names, in that order.
    ///
    /// # Errors
    /// Those of candle.
    pub fn pick(&self, order: &[usize], slots: usize) -> Result<Known> {
        let width = self.steps.len() / (self.bars * slots).max(1);
        let rows = |values: &[f32], width: usize| -> Vec<f32> {
            if values.is_empty() {
                return Vec::new();
            }
            order.iter().flat_map(|bar| values[bar * slots * width..][..slots * width].iter().copied()).collect()
        };
        let shifts = match self.facts.shifts.is_empty() {
            true => Vec::new(),
            false => order.iter().flat_map(|bar| self.facts.shifts[bar * slots..][..slots].iter().copied()).collect(),
        };
        let facts = Facts {
            shifts,
            open: rows(&self.facts.open, 1),
            sounds: rows(&self.facts.sounds, 1),
            velocity: rows(&self.facts.velocity, 1),
            offset: rows(&self.facts.offset, 1),
        };
        let index: Vec<u32> = order.iter().map(|bar| *bar as u32).collect();
        Ok(Known {
            bars: order.len(),
            steps: Arc::new(rows(&self.steps, width)),
            conditions: self.conditions.index_select(&Tensor::new(index, &Device::Cpu)?, 0)?,
            facts: Arc::new(facts),
        })
    }
}

/// One of a family's nets.
pub struct GanNet {
    /// Sizes.
    pub shape: Shape,
    /// Which one.
    pub half: Half,
    vars: Vec<(String, Var)>,
    places: HashMap<String, usize>,
}

/// How a layer of a pass is made.
#[derive(Clone, Copy)]
struct Pass<'a> {
    net: &'a GanNet,
    frozen: bool,
}

impl GanNet {
    /// A new net: He's initialisation for leaky rectifiers, small residual branches and film, rare onsets.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(shape: Shape, half: Half, chance: Chance) -> Result<GanNet> {
        let mut draw = 0u64;
        let mut values = Vec::new();
        for (name, dims) in shape.tensors(half) {
            let count: usize = dims.iter().product();
            if dims.len() == 1 {
                let start = if name.ends_with("g.out.bias") { -2.0 } else { 0.0 };
                values.push(vec![start; count]);
                continue;
            }
            let part = |piece: &str| name.contains(&format!(".{piece}"));
            let gain = match () {
                () if part("film") || part("project") => 0.5,
                () if part("time2") || part("wide2") => 0.5,
                () if part("out") || part("score") => 1.0,
                () if part("code") => 0.5,
                () => 1.38,
            };
            let bound = gain * (3.0 / dims[1] as f32).sqrt();
            let mut uniform = || {
                draw += 1;
                (chance.unit(Purpose::Train, half as u64, draw) * 2.0 - 1.0) * bound
            };
            values.push((0..count).map(|_| uniform()).collect());
        }
        GanNet::with_values(shape, half, values)
    }

    /// A net whose variables hold these numbers, in the order of [`Shape::tensors`].
    ///
    /// # Errors
    /// Those of candle.
    pub fn with_values(shape: Shape, half: Half, values: Vec<Vec<f32>>) -> Result<GanNet> {
        let tensors = shape.tensors(half).into_iter().zip(values);
        let vars: Vec<(String, Var)> = tensors
            .map(|((name, dims), v)| Ok((name, Var::from_vec(v, dims, &Device::Cpu)?)))
            .collect::<Result<_>>()?;
        let places = vars.iter().enumerate().map(|(i, (name, _))| (name.clone(), i)).collect();
        Ok(GanNet { shape, half, vars, places })
    }

    /// Names and variables, in the order of [`Shape::tensors`].
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// Planes (bars * slots, `planes`) that the generator makes from latent vectors (bars, `LATENT`).
    ///
    /// # Errors
    /// Those of candle, and a batch of another family.
    pub fn generate(&self, known: &Known, latents: &Tensor, slope: f32) -> Result<Tensor> {
        let family = self.shape.family;
        let pass = Pass { net: self, frozen: false };
        let rows = known.bars * family.slots();
        let x = Tensor::from_slice(&known.steps[..], (rows, family.step_inputs()), &Device::Cpu)?;
        let asked = Tensor::cat(&[&known.conditions, latents], 1)?;
        let logits = pass.dense("out", &pass.body(&x, &asked)?, false)?;
        logits.apply_op1(Planes { family, facts: known.facts.clone(), slope })
    }

    /// Scores (bars) of planes. A frozen critic's own weights get no gradient.
    ///
    /// # Errors
    /// Those of candle, and a batch of another family.
    pub fn score(&self, known: &Known, planes: &Tensor, frozen: bool) -> Result<Tensor> {
        let pass = Pass { net: self, frozen };
        let view = CriticView { family: self.shape.family, facts: known.facts.clone(), steps: known.steps.clone() };
        let x = pass.body(&planes.apply_op1(view)?, &known.conditions)?;
        let pooled = pass.time("pool", &x, true)?.reshape((known.bars, POOLED * self.shape.channels))?;
        let last = pass.dense("flat", &pooled, true)?;
        let free = pass.dense("score", &last, false)?.squeeze(1)?;
        let asked = pass.dense("project", &known.conditions, false)?;
        let fits = (last.mul(&asked)?.sum(1)? * (1.0 / (SCORE as f64).sqrt()))?;
        free + fits
    }

    /// Where bars lie in the latent space, by an encoder: means and logarithms of variances, (bars, `LATENT`) each.
    ///
    /// # Errors
    /// Those of candle, and a batch of another family.
    pub fn encode(&self, known: &Known, planes: &Tensor) -> Result<[Tensor; 2]> {
        let pass = Pass { net: self, frozen: false };
        let code = pass.dense("code", &pass.hearing(known, planes)?, false)?;
        Ok([code.narrow(1, 0, LATENT)?, code.narrow(1, LATENT, LATENT)?.clamp(-8f32, 4f32)?])
    }
}

impl Pass<'_> {
    fn tensor(&self, name: &str) -> Result<&Tensor> {
        let name = format!("{}.{}.{name}", self.net.shape.family.name(), self.net.half.letter());
        let place = self.net.places.get(&name).ok_or_else(|| Error::Msg(format!("no variable {name}")))?;
        Ok(self.net.vars[*place].1.as_tensor())
    }

    fn dense(&self, name: &str, x: &Tensor, leaky: bool) -> Result<Tensor> {
        let (w, b) = (self.tensor(&format!("{name}.weight"))?, self.tensor(&format!("{name}.bias"))?);
        x.apply_op3(w, b, Dense { leaky, frozen: self.frozen })
    }

    fn time(&self, name: &str, x: &Tensor, leaky: bool) -> Result<Tensor> {
        let (w, b) = (self.tensor(&format!("{name}.weight"))?, self.tensor(&format!("{name}.bias"))?);
        x.apply_op3(w, b, TimeMix { leaky, frozen: self.frozen })
    }

    fn film(&self, name: &str, x: &Tensor, asked: &Tensor, leaky: bool) -> Result<Tensor> {
        let both = self.dense(&format!("film.{name}"), asked, false)?;
        x.apply_op2(&both, Film { slots: self.net.shape.family.slots(), leaky })
    }

    /// What critic and encoder share: a bar down to one row of numbers.
    fn hearing(&self, known: &Known, planes: &Tensor) -> Result<Tensor> {
        let shape = &self.net.shape;
        let view = CriticView { family: shape.family, facts: known.facts.clone(), steps: known.steps.clone() };
        let x = self.body(&planes.apply_op1(view)?, &known.conditions)?;
        let pooled = self.time("pool", &x, true)?.reshape((known.bars, POOLED * shape.channels))?;
        self.dense("flat", &pooled, true)
    }

    /// What all nets share: the slots through all blocks.
    fn body(&self, x: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let mut x = self.film("in", &self.dense("in", x, false)?, asked, true)?;
        for b in 0..self.net.shape.blocks {
            let y = self.film(&b.to_string(), &x, asked, false)?;
            let y = self.time(&format!("time1.{b}"), &y, true)?;
            x = (x + self.time(&format!("time2.{b}"), &y, false)?)?;
            let y = self.dense(&format!("wide1.{b}"), &x, true)?;
            x = (x + self.dense(&format!("wide2.{b}"), &y, false)?)?;
        }
        self.film("out", &x, asked, true)
    }
}
