//! The fused pass: a bar through the generator, or through the critic, on one core.
//!
//! It uses the LSTM's kernel: every sum in one fixed order, no fused multiply-add, so that all processors give the same
//! bits. All memory is taken at the start; a pass allocates nothing.

use super::decode::Manner;
use super::file::Weights;
use super::planes::{class_shifts_into, is_open, write_conditions, write_steps};
use super::scene::{BarScene, SEGMENT_STEPS};
use super::shape::{CONDITIONS, FAMILIES, Family, Half, PITCH_ROWS, POOLED, SCORE, Shape};
use crate::engine::lstm::kernel::{self, PANEL, Simd};
use crate::engine::lstm::packed::Affine;
use crate::engine::math;
use crate::music::kit::ROW_COUNT;
use crate::music::{LATENT, Latent, Projection, ROLES};
use std::sync::Arc;

/// Slope of the leaky rectifier below zero.
const LEAK: f32 = 0.2;

/// A mix along time: `outputs` x `slots` weights and a bias each.
struct Mix {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

struct Block {
    film: Affine,
    time: [Mix; 2],
    wide: [Affine; 2],
}

/// What both halves share, in the order in which it is read.
struct Body {
    first: Affine,
    film_first: Affine,
    blocks: Vec<Block>,
    film_last: Affine,
}

struct Pair {
    shape: Shape,
    generator: Body,
    out: Affine,
    critic: Body,
    pool: Mix,
    flat: Affine,
    score: Vec<f32>,
    score_bias: f32,
    project: Affine,
}

/// A model's weights in the order in which the fused pass reads them; made once, shared by all parts.
pub struct Packed {
    /// Style names; the place in the list is the row.
    pub styles: Vec<String>,
    /// The latent map.
    pub projection: Projection,
    /// How each role's planes are read.
    pub reading: [Manner; ROLES.len()],
    slope: f32,
    pairs: [Option<Pair>; 2],
}

impl Packed {
    /// Packs the weights of a model file.
    pub fn new(weights: &Weights) -> Packed {
        let card = &weights.card;
        let pair = |family: Family| {
            let has = card.families().contains(&family);
            has.then(|| Pair::new(weights, card.shape(family)))
        };
        Packed {
            styles: card.styles.clone(),
            projection: card.projection(),
            reading: ROLES.map(|role| card.reading(role)),
            slope: card.slope,
            pairs: FAMILIES.map(pair),
        }
    }

    /// True when the model plays this family.
    pub fn has(&self, family: Family) -> bool {
        self.pairs[family as usize].is_some()
    }
}

impl Pair {
    fn new(weights: &Weights, shape: Shape) -> Pair {
        let name = |letter: &str, layer: &str| format!("{}.{letter}.{layer}", shape.family.name());
        let affine = |letter: &str, layer: &str, inputs: usize| {
            let name = name(letter, layer);
            Affine::new(inputs, weights.get(&format!("{name}.weight")), weights.get(&format!("{name}.bias")))
        };
        let mix = |letter: &str, layer: &str| {
            let name = name(letter, layer);
            let get = |kind: &str| weights.get(&format!("{name}.{kind}")).to_vec();
            Mix { weights: get("weight"), bias: get("bias") }
        };
        let body = |half: Half| {
            let letter = half.letter();
            let (inputs, known) = match half {
                Half::Generator => (shape.family.step_inputs(), CONDITIONS + LATENT),
                _ => (shape.family.critic_inputs(), CONDITIONS),
            };
            let block = |b: usize| Block {
                film: affine(letter, &format!("film.{b}"), known),
                time: ["time1", "time2"].map(|t| mix(letter, &format!("{t}.{b}"))),
                wide: [
                    affine(letter, &format!("wide1.{b}"), shape.channels),
                    affine(letter, &format!("wide2.{b}"), shape.expand),
                ],
            };
            Body {
                first: affine(letter, "in", inputs),
                film_first: affine(letter, "film.in", known),
                blocks: (0..shape.blocks).map(block).collect(),
                film_last: affine(letter, "film.out", known),
            }
        };
        Pair {
            shape,
            generator: body(Half::Generator),
            out: affine("g", "out", shape.channels),
            critic: body(Half::Critic),
            pool: mix("d", "pool"),
            flat: affine("d", "flat", POOLED * shape.channels),
            score: weights.get(&format!("{}.weight", name("d", "score"))).to_vec(),
            score_bias: weights.get(&format!("{}.bias", name("d", "score"))).first().copied().unwrap_or(0.0),
            project: affine("d", "project", CONDITIONS),
        }
    }
}

/// Rows of numbers of one width, each row beginning at a multiple of `stride`.
#[derive(Default)]
struct Rows {
    values: Vec<f32>,
    stride: usize,
}

impl Rows {
    fn new(rows: usize, width: usize) -> Rows {
        let stride = width.next_multiple_of(PANEL);
        Rows { values: vec![0.0; rows * stride], stride }
    }
    fn row(&self, row: usize, width: usize) -> &[f32] {
        &self.values[row * self.stride..][..width]
    }
    fn row_mut(&mut self, row: usize, width: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..width]
    }
}

/// Scratch memory of one family's passes.
struct Scratch {
    inputs: Vec<f32>,
    steps: Vec<f32>,
    asked: Vec<f32>,
    film: Vec<f32>,
    x: Rows,
    y: Rows,
    mixed: Rows,
    wide: Rows,
    logits: Rows,
    planes: Vec<f32>,
    shifts: Vec<u8>,
    last: Vec<f32>,
    project: Vec<f32>,
}

impl Scratch {
    fn new(shape: &Shape) -> Scratch {
        let (family, c) = (shape.family, shape.channels);
        let slots = family.slots();
        let padded = |n: usize| vec![0.0; n.next_multiple_of(PANEL)];
        Scratch {
            inputs: vec![0.0; family.critic_inputs()],
            steps: vec![0.0; slots * family.step_inputs()],
            asked: vec![0.0; CONDITIONS + LATENT],
            film: padded(2 * c),
            x: Rows::new(slots, c),
            y: Rows::new(slots, c),
            mixed: Rows::new(2 * slots, c),
            wide: Rows::new(slots, shape.expand),
            logits: Rows::new(slots, family.outputs()),
            planes: vec![0.0; slots * family.planes()],
            shifts: Vec::with_capacity(slots),
            last: padded(SCORE),
            project: padded(SCORE),
        }
    }
}

/// One caller's passes through a model: the shared weights and memory of its own.
pub struct Live {
    packed: Arc<Packed>,
    simd: Simd,
    scratch: [Option<Scratch>; 2],
    /// Onsets that bars wanted so far, and those of them that nothing sounds at.
    pub(super) orphans: [u64; 2],
}

fn leak(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { *x * LEAK });
}

impl Live {
    /// Passes through `packed` by the given instructions.
    pub fn new(packed: Arc<Packed>, simd: Simd) -> Live {
        let scratch = [0, 1].map(|i: usize| packed.pairs[i].as_ref().map(|pair: &Pair| Scratch::new(&pair.shape)));
        Live { packed, simd, scratch, orphans: [0; 2] }
    }

    /// The shared weights.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The planes (`slots` x `planes`) of the bar that the generator makes; `None` when the model does not play the role or
    /// its numbers went wrong.
    pub fn planes(&mut self, scene: &BarScene, latent: &Latent) -> Option<&[f32]> {
        let family = Family::of(scene.role);
        let pair = self.packed.pairs[family as usize].as_ref()?;
        let s = self.scratch[family as usize].as_mut()?;
        write_conditions(scene, &self.packed.styles, &mut s.asked);
        s.asked[CONDITIONS..].copy_from_slice(&latent.all());
        write_steps(scene, &mut s.steps);
        let width = family.step_inputs();
        for (slot, steps) in s.steps.chunks_exact(width).enumerate() {
            affine(self.simd, &pair.generator.first, steps, &mut s.x, slot);
        }
        body(self.simd, &pair.generator, &pair.shape, s, CONDITIONS + LATENT);
        let c = pair.shape.channels;
        for slot in 0..family.slots() {
            affine(self.simd, &pair.out, s.x.row(slot, c), &mut s.logits, slot);
        }
        class_shifts_into(scene, &mut s.shifts);
        let mut held = [0.0; PITCH_ROWS];
        for slot in 0..family.slots() {
            let logits = s.logits.row(slot, family.outputs());
            let out = &mut s.planes[slot * family.planes()..][..family.planes()];
            let is_open = is_open(scene, slot);
            match family {
                Family::Drums => drums(self.packed.slope, is_open, logits, out),
                Family::Pitched => {
                    let sounds = is_open || slot >= SEGMENT_STEPS;
                    pitched(self.packed.slope, [is_open, sounds], s.shifts[slot], logits, &mut held, out);
                }
            }
        }
        s.planes.iter().all(|x| x.is_finite()).then_some(&s.planes)
    }

    /// The critic's score of planes as `planes::write_planes` makes them; `None` as for [`Live::planes`].
    pub fn score(&mut self, scene: &BarScene, planes: &[f32]) -> Option<f32> {
        let family = Family::of(scene.role);
        let pair = self.packed.pairs[family as usize].as_ref()?;
        let s = self.scratch[family as usize].as_mut()?;
        write_conditions(scene, &self.packed.styles, &mut s.asked);
        write_steps(scene, &mut s.steps);
        class_shifts_into(scene, &mut s.shifts);
        let (width, known, classes) = (family.planes(), family.step_inputs(), family.classes());
        for slot in 0..family.slots() {
            let now = &planes[slot * width..][..width];
            let view = &mut s.inputs;
            view[..2 * width + classes].fill(0.0);
            view[..width].copy_from_slice(now);
            if slot > 0 {
                view[width..2 * width].copy_from_slice(&planes[(slot - 1) * width..][..width]);
            }
            if classes > 0 {
                let sums = &mut view[2 * width..2 * width + classes];
                for row in 0..PITCH_ROWS {
                    let class = (row + usize::from(s.shifts[slot])) % 12;
                    sums[class] += now[row];
                    sums[12 + class] += now[PITCH_ROWS + row];
                }
            }
            view[2 * width + classes..].copy_from_slice(&s.steps[slot * known..][..known]);
            affine(self.simd, &pair.critic.first, &s.inputs, &mut s.x, slot);
        }
        body(self.simd, &pair.critic, &pair.shape, s, CONDITIONS);
        let score = self.simd_score(family);
        score.is_finite().then_some(score)
    }

    /// The critic's last layers, on what [`body`] left.
    fn simd_score(&mut self, family: Family) -> f32 {
        let (Some(pair), Some(s)) = (&self.packed.pairs[family as usize], &mut self.scratch[family as usize]) else {
            return 0.0;
        };
        let c = pair.shape.channels;
        mix(self.simd, &pair.pool, &s.x, &mut s.mixed, c, true);
        // The pooled rows one after the other.
        let flat = &mut s.y.values[..POOLED * c];
        for row in 0..POOLED {
            flat[row * c..(row + 1) * c].copy_from_slice(s.mixed.row(row, c));
        }
        kernel::affine(self.simd, &pair.flat.panels, &pair.flat.bias, flat, &mut s.last);
        leak(&mut s.last[..SCORE]);
        kernel::affine(self.simd, &pair.project.panels, &pair.project.bias, &s.asked[..CONDITIONS], &mut s.project);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0f32, |sum, (a, b)| sum + a * b);
        pair.score_bias + dot(&pair.score, &s.last) + dot(&s.last[..SCORE], &s.project) / (SCORE as f32).sqrt()
    }
}

fn affine(simd: Simd, layer: &Affine, x: &[f32], out: &mut Rows, row: usize) {
    let outputs = layer.outputs();
    kernel::affine(simd, &layer.panels, &layer.bias, x, out.row_mut(row, outputs));
}

/// `out = weights x + bias` along time, for all channels.
fn mix(simd: Simd, mix: &Mix, x: &Rows, out: &mut Rows, channels: usize, leaky: bool) {
    let slots = mix.weights.len() / mix.bias.len();
    for (row, (weights, bias)) in mix.weights.chunks_exact(slots).zip(&mix.bias).enumerate() {
        let y = out.row_mut(row, channels);
        y.fill(*bias);
        for (slot, weight) in weights.iter().enumerate() {
            kernel::add_row(simd, y, x.row(slot, channels), *weight);
        }
        if leaky {
            leak(y);
        }
    }
}

fn film(simd: Simd, layer: &Affine, asked: &[f32], both: &mut [f32]) {
    kernel::affine(simd, &layer.panels, &layer.bias, asked, &mut both[..layer.outputs()]);
}

/// `x (1 + scale) + shift` of every slot, from `x` into `y`.
fn scale(both: &[f32], x: &Rows, y: &mut Rows, slots: usize, channels: usize) {
    let (scale, shift) = both[..2 * channels].split_at(channels);
    for slot in 0..slots {
        let rows = y.row_mut(slot, channels).iter_mut().zip(x.row(slot, channels));
        for (((y, x), scale), shift) in rows.zip(scale).zip(shift) {
            *y = x * (1.0 + scale) + shift;
        }
    }
}

/// The slots in `s.x`, just through the first layer, go through scaling and all blocks; they end in `s.x`.
fn body(simd: Simd, body: &Body, shape: &Shape, s: &mut Scratch, known: usize) {
    let (slots, c) = (shape.family.slots(), shape.channels);
    film(simd, &body.film_first, &s.asked[..known], &mut s.film);
    scale(&s.film, &s.x, &mut s.y, slots, c);
    std::mem::swap(&mut s.x, &mut s.y);
    (0..slots).for_each(|slot| leak(s.x.row_mut(slot, c)));
    for block in &body.blocks {
        film(simd, &block.film, &s.asked[..known], &mut s.film);
        scale(&s.film, &s.x, &mut s.y, slots, c);
        mix(simd, &block.time[0], &s.y, &mut s.mixed, c, true);
        mix(simd, &block.time[1], &s.mixed, &mut s.y, c, false);
        (0..slots).for_each(|slot| kernel::add_row(simd, s.x.row_mut(slot, c), s.y.row(slot, c), 1.0));
        for slot in 0..slots {
            affine(simd, &block.wide[0], s.x.row(slot, c), &mut s.wide, slot);
            leak(s.wide.row_mut(slot, shape.expand));
            affine(simd, &block.wide[1], s.wide.row(slot, shape.expand), &mut s.y, slot);
            kernel::add_row(simd, s.x.row_mut(slot, c), s.y.row(slot, c), 1.0);
        }
    }
    film(simd, &body.film_last, &s.asked[..known], &mut s.film);
    scale(&s.film, &s.x, &mut s.y, slots, c);
    std::mem::swap(&mut s.x, &mut s.y);
    (0..slots).for_each(|slot| leak(s.x.row_mut(slot, c)));
}

/// One slot; `held` is what sounds on from the slot before. What sounds is what starts, or what sounded and is held.
fn pitched(
    slope: f32,
    [is_open, sounds]: [bool; 2],
    shift: u8,
    logits: &[f32],
    held: &mut [f32; PITCH_ROWS],
    out: &mut [f32],
) {
    let p = PITCH_ROWS;
    let classes = &logits[2 * p + 1..];
    let mut onsets = 0.0;
    for row in 0..p {
        let class = (row + usize::from(shift)) % 12;
        let onset = if is_open { math::sigmoid(slope * (logits[row] + classes[class])) } else { 0.0 };
        let hold = math::sigmoid(slope * (logits[p + row] + classes[12 + class]));
        if sounds {
            held[row] = onset + (1.0 - onset) * held[row] * hold;
        }
        out[row] = onset;
        out[p + row] = if sounds { held[row] } else { 0.0 };
        onsets += onset;
    }
    let any: f32 = if onsets < 1.0 { onsets } else { 1.0 };
    out[2 * p] = if is_open { math::sigmoid(logits[2 * p]) * any } else { 0.0 };
}

fn drums(slope: f32, is_open: bool, logits: &[f32], out: &mut [f32]) {
    let k = ROW_COUNT;
    for row in 0..k {
        let onset = if is_open { math::sigmoid(slope * logits[row]) } else { 0.0 };
        out[row] = onset;
        out[k + row] = onset * math::sigmoid(logits[k + row]);
        out[2 * k + row] = onset * math::tanh(logits[2 * k + row]);
    }
}
