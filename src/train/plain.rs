//! The net's pass in plain candle operations, for devices that have no fused ops: what `--device cuda` trains and scores with.
//!
//! Variables lie as in [`super::net`], masks of dropout are those of the fused pass, and so are loss, nats, states and
//! gradients, up to rounding (a test holds them together on the CPU). Benchmark nets (distances, teachers) are refused.

use super::net::{Batch, Net, Noise, Pass};
use super::ops::{Bags, DETAIL_CLASSES, LstmState, MixPlan, Rows, mask};
use crate::engine::lstm::net::log_softmax;
use crate::engine::lstm::shape::{DURATIONS, OFFSETS, VELOCITIES, VELOCITY_GIVEN};
use candle_core::{D, Device, Error, Result, Tensor};
use candle_nn::ops::sigmoid;

/// [`Net::forward`] on a device.
///
/// # Errors
/// Those of candle, batches that do not fit the net, and what only the fused pass can do.
pub fn pass(net: &Net, device: &Device, batch: &Batch, noise: Option<&Noise>, first: &[LstmState]) -> Result<Pass> {
    let rows = batch.rows.ok_or_else(|| Error::Msg("a batch without rows".into()))?;
    if rows.steps > STEPS_MAX {
        return Err(Error::Msg(format!(
            "a window of {} steps; without the fused ops {STEPS_MAX} is the most",
            rows.steps
        )));
    }
    let targets = &batch.classes;
    if net.shape.relative > 0 || targets.known.tables > 0 || !targets.soft.is_empty() || targets.is_told {
        return Err(Error::Msg("distances and teachers of benchmark nets are computed on the CPU only".into()));
    }
    let plain = Plain { net, device, noise };
    let mut x = plain.bags("features.weight", &batch.steps)?;
    x = plain.drop(x, 0, noise.map_or(0.0, |n| n.input))?;
    let hidden_p = noise.map_or(0.0, |n| n.hidden);
    let mut last = Vec::new();
    for layer in 0..net.shape.layers {
        let (h, state) = plain.lstm(layer, rows, &x, first.get(layer))?;
        last.push(state);
        x = plain.drop(h, 1 + layer as u64, hidden_p)?;
    }
    let product = plain.linear("decide.hidden", &x)?;
    let a = plain.drop(plain.mix("decide.context.weight", &product, &batch.decisions)?, 8, hidden_p)?;
    let (mut loss, decisions) = plain.decisions(batch, &a)?;
    let mut details = Vec::new();
    if !batch.note_decision.is_empty() {
        let product = plain.linear("detail.hidden", &a.index_select(&plain.ids(&batch.note_decision)?, 0)?)?;
        let b = plain.drop(plain.mix("detail.context.weight", &product, &batch.notes)?, 9, hidden_p)?;
        let (more, nats) = plain.details(batch, &b)?;
        loss = (loss + more)?;
        details = nats;
    }
    Ok(Pass { loss, decisions, told: Vec::new(), details, last })
}

/// Longest window, in steps, that is computed this way: candle walks the graph of a window by recursion, some calls a step, and
/// a thread's stack has an end.
pub const STEPS_MAX: usize = 512;

struct Plain<'a> {
    net: &'a Net,
    device: &'a Device,
    noise: Option<&'a Noise>,
}

impl Plain<'_> {
    fn ids(&self, list: &[u32]) -> Result<Tensor> {
        Tensor::from_slice(list, list.len(), self.device)
    }

    fn numbers(&self, list: &[f32]) -> Result<Tensor> {
        Tensor::from_slice(list, list.len(), self.device)
    }

    /// `x` times the mask of this place, (any shape).
    fn drop(&self, x: Tensor, place: u64, p: f32) -> Result<Tensor> {
        let mask = self.noise.map_or_else(Vec::new, |n| mask(n.chance, n.update, place, p, x.elem_count()));
        if mask.is_empty() { Ok(x) } else { x.mul(&Tensor::from_vec(mask, x.shape(), self.device)?) }
    }

    /// Weighted sums of a table's rows, (lists, width).
    fn bags(&self, table: &str, bags: &Bags) -> Result<Tensor> {
        let table = self.net.var(table)?;
        // On a GPU a row that is not there ends more than this batch.
        bags.check(table.dim(0)?)?;
        let sums = Tensor::zeros((bags.len(), table.dim(1)?), table.dtype(), self.device)?;
        if bags.ids.is_empty() {
            return Ok(sums);
        }
        let lists = (0..bags.len()).flat_map(|list| std::iter::repeat_n(list as u32, bags.get(list).0.len()));
        let lists: Vec<u32> = lists.collect();
        let rows = table.index_select(&self.ids(&bags.ids)?, 0)?;
        let rows = rows.broadcast_mul(&self.numbers(&bags.weights)?.unsqueeze(1)?)?;
        sums.index_add(&self.ids(&lists)?, &rows, 0)
    }

    /// (rows, inputs) -> (rows, outputs).
    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.net.var(&format!("{name}.weight"))?, self.net.var(&format!("{name}.bias"))?);
        x.matmul(&weight.t()?)?.broadcast_add(bias)
    }

    /// GELU of product rows and table rows, (members, width).
    fn mix(&self, table: &str, product: &Tensor, plan: &MixPlan) -> Result<Tensor> {
        plan.check(product.dim(0)?, self.net.var(table)?.dim(0)?)?;
        let groups = product.index_select(&self.ids(&plan.product_row)?, 0)?.add(&self.bags(table, &plan.shared)?)?;
        groups.index_select(&self.ids(&plan.group)?, 0)?.add(&self.bags(table, &plan.own)?)?.gelu()
    }

    /// A layer over all rows, (rows, inputs) -> (rows, units), and its state after the last step.
    fn lstm(&self, layer: usize, rows: Rows, x: &Tensor, first: Option<&LstmState>) -> Result<(Tensor, LstmState)> {
        let (u, pieces) = (self.net.shape.hidden, rows.shards * rows.batch);
        let weight = self.thinned(layer)?;
        let inputs = weight.dim(1)? - u;
        let recurrent = weight.narrow(1, inputs, u)?.t()?.contiguous()?;
        let bias = self.net.var(&format!("lstm.bias_l{layer}"))?;
        let gates = x.matmul(&weight.narrow(1, 0, inputs)?.t()?.contiguous()?)?.broadcast_add(bias)?;
        let begun = |of: fn(&LstmState) -> &Vec<f32>| match first {
            Some(state) => Tensor::from_slice(of(state), (pieces, u), self.device),
            None => Tensor::zeros((pieces, u), candle_core::DType::F32, self.device),
        };
        let (h0, c0) = (begun(|s| &s.h)?, begun(|s| &s.c)?);
        let (mut outputs, mut last) = (Vec::new(), LstmState::default());
        for shard in 0..rows.shards {
            let own = |all: &Tensor| all.narrow(0, shard * rows.batch, rows.batch);
            let (mut h, mut c) = (own(&h0)?, own(&c0)?);
            for step in 0..rows.steps {
                let at = (shard * rows.steps + step) * rows.batch;
                let g = gates.narrow(0, at, rows.batch)?.add(&h.matmul(&recurrent)?)?;
                let part = |i: usize| g.narrow(1, i * u, u);
                let kept = sigmoid(&part(1)?)?.mul(&c)?;
                c = sigmoid(&part(0)?)?.mul(&part(2)?.tanh()?)?.add(&kept)?;
                h = sigmoid(&part(3)?)?.mul(&c.tanh()?)?;
                outputs.push(h.clone());
            }
            last.h.extend(h.flatten_all()?.to_vec1::<f32>()?);
            last.c.extend(c.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok((Tensor::cat(&outputs, 0)?, last))
    }

    /// A layer's weights, without the recurrent ones that are left out in this update.
    fn thinned(&self, layer: usize) -> Result<Tensor> {
        let weight = self.net.var(&format!("lstm.weight_l{layer}"))?;
        match self.net.recurrent_mask(layer, self.noise)? {
            Some(mask) => weight.mul(&Tensor::from_vec(mask, weight.shape(), self.device)?),
            None => Ok(weight.clone()),
        }
    }

    /// Loss and nats of all decisions, `a` (decisions, width).
    fn decisions(&self, batch: &Batch, a: &Tensor) -> Result<(Tensor, Vec<f32>)> {
        let targets = &batch.classes;
        let (weight, bias) = (self.net.var("decide.out.weight")?, self.net.var("decide.out.bias")?);
        let (mut first, mut row, mut nats) = (0, 0, Vec::new());
        for (chooser, end) in self.net.shape.choosers.iter().zip(targets.ends.iter().copied()) {
            let classes = chooser.classes;
            if end > first {
                let own = weight.narrow(0, row, classes)?.t()?;
                let logits = a.narrow(0, first, end - first)?.matmul(&own)?;
                let logits = logits.broadcast_add(&bias.narrow(0, row, classes)?)?;
                // A set is listed upwards: what lies below the last one is out of the question.
                let below = |last: u16| (0..classes).map(move |c| (1..=usize::from(last)).contains(&c));
                let below = targets.last[first..end].iter().copied().flat_map(below);
                let masked = below.map(|is| if is { -1e9f32 } else { 0.0 });
                let masked = Tensor::from_iter(masked, self.device)?.reshape((end - first, classes))?;
                let class: Vec<u32> = targets.class[first..end].iter().map(|c| u32::from(*c)).collect();
                nats.push(self.nats(&logits.add(&masked)?, &class)?);
            }
            (first, row) = (end, row + classes);
        }
        let nats = Tensor::cat(&nats, 0)?;
        Ok((nats.mul(&self.numbers(&targets.weight)?)?.sum_all()?, nats.to_vec1()?))
    }

    /// Loss and nats of all details, `b` (notes, width).
    fn details(&self, batch: &Batch, b: &Tensor) -> Result<(Tensor, Vec<[f32; 3]>)> {
        let targets = &batch.details;
        let (weight, bias) = (self.net.var("detail.out.weight")?, self.net.var("detail.out.bias")?);
        let logits = b.matmul(&weight.t()?)?.broadcast_add(&bias.narrow(0, 0, DETAIL_CLASSES)?)?;
        let wide = |list: &[u8]| list.iter().map(|x| u32::from(*x)).collect::<Vec<_>>();
        let [duration, velocity, offset] = [&targets.duration, &targets.velocity, &targets.offset].map(|l| wide(l));
        let given = |from: usize, rows: usize, width: usize, by: &[u32]| {
            bias.narrow(0, from, rows * width)?.reshape((rows, width))?.index_select(&self.ids(by)?, 0)
        };
        let of_duration = given(DETAIL_CLASSES, VELOCITY_GIVEN, VELOCITIES, &duration)?;
        let of_velocity = given(DETAIL_CLASSES + VELOCITY_GIVEN * VELOCITIES, VELOCITIES, OFFSETS, &velocity)?;
        // Drums have no duration: whatever is picked there weighs nothing.
        let is_timed: Vec<f32> = duration.iter().map(|d| f32::from((*d as usize) < DURATIONS)).collect();
        let picked: Vec<u32> = duration.iter().map(|d| d % DURATIONS as u32).collect();
        let nats = [
            self.nats(&logits.narrow(1, 0, DURATIONS)?, &picked)?.mul(&self.numbers(&is_timed)?)?,
            self.nats(&logits.narrow(1, DURATIONS, VELOCITIES)?.add(&of_duration)?, &velocity)?,
            self.nats(&logits.narrow(1, DURATIONS + VELOCITIES, OFFSETS)?.add(&of_velocity)?, &offset)?,
        ];
        let nats = Tensor::stack(&nats, 1)?;
        let weight = Tensor::from_slice(targets.weight.as_flattened(), nats.shape(), self.device)?;
        let all = nats.to_vec2::<f32>()?.into_iter().map(|n| [n[0], n[1], n[2]]).collect();
        Ok((nats.mul(&weight)?.sum_all()?, all))
    }

    /// Cross-entropy of each row, (rows, classes) -> (rows).
    fn nats(&self, logits: &Tensor, class: &[u32]) -> Result<Tensor> {
        log_softmax(logits)?.gather(&self.ids(class)?.unsqueeze(1)?, D::Minus1)?.squeeze(1)?.neg()
    }
}
