//! The same loss in plain candle operations over the oracle that plays: the reference for the fused ops.

use super::net::Batch;
use crate::engine::lstm::net::{Oracle, log_softmax};
use crate::music::ROLES;
use candle_core::{Device, Error, Result, Tensor};

/// Weighted sum of all cross-entropies of a batch in nats, without dropout, as a tensor with a graph.
///
/// # Errors
/// Those of candle, and batches that do not fit the net.
pub fn loss(oracle: &Oracle, batch: &Batch, device: &Device) -> Result<Tensor> {
    let rows = batch.rows.ok_or_else(|| Error::Msg("a batch without rows".into()))?;
    let x = oracle.bags("features", (0..batch.steps.len()).map(|i| batch.steps.get(i)))?;
    let mut outputs = Vec::new();
    for shard in 0..rows.shards {
        let mut state = oracle.zeros(rows.batch)?;
        for step in 0..rows.steps {
            let x = x.narrow(0, (shard * rows.steps + step) * rows.batch, rows.batch)?;
            outputs.push(oracle.step(&mut state, &x)?);
        }
    }
    let h = Tensor::cat(&outputs, 0)?;
    let plan = &batch.decisions;
    let steps: Vec<u32> = plan.group.iter().map(|g| plan.product_row[*g as usize]).collect();
    let lists: Vec<(Vec<u32>, Vec<f32>)> = (0..plan.group.len())
        .map(|i| {
            let ((ids, weights), shared) = (plan.own.get(i), plan.shared.get(plan.group[i] as usize));
            ([ids, shared.0].concat(), [weights, shared.1].concat())
        })
        .collect();
    let context = oracle.bags("decide.context", lists.iter().map(|l| (l.0.as_slice(), l.1.as_slice())))?;
    let a = oracle.decide(&h.index_select(&ids(&steps, device)?, 0)?, &context)?;
    let classes = &batch.classes;
    let mut terms = Vec::new();
    let mut first = 0;
    for (role, end) in ROLES.into_iter().zip(classes.ends.iter().copied()) {
        if end > first {
            let logits = oracle.decision_logits(&a.narrow(0, first, end - first)?, role)?;
            let width = logits.dim(1)?;
            let allowed = (first..end).flat_map(|i| {
                let last = usize::from(classes.last[i]);
                (0..width).map(move |c| if c > 0 && c <= last { -1e9f32 } else { 0.0 })
            });
            let allowed = Tensor::from_iter(allowed, device)?.reshape(((), width))?;
            let class: Vec<u32> = classes.class[first..end].iter().map(|c| u32::from(*c)).collect();
            terms.push(weighted(&(logits + allowed)?, &class, &classes.weight[first..end], device)?);
        }
        first = end;
    }
    if !batch.note_decision.is_empty() {
        let notes = &batch.notes.own;
        let manner = oracle.bags("detail.context", (0..notes.len()).map(|i| notes.get(i)))?;
        let b = oracle.detail(&a.index_select(&ids(&batch.note_decision, device)?, 0)?, &manner)?;
        terms.extend(detail_terms(oracle, batch, &b, device)?);
    }
    Tensor::stack(&terms, 0)?.sum_all()
}

fn detail_terms(oracle: &Oracle, batch: &Batch, b: &Tensor, device: &Device) -> Result<Vec<Tensor>> {
    let details = &batch.details;
    let wide = |list: &[u8]| list.iter().map(|x| u32::from(*x)).collect::<Vec<_>>();
    let (duration, velocity, offset) = (wide(&details.duration), wide(&details.velocity), wide(&details.offset));
    let none = crate::engine::lstm::shape::DURATIONS as u32;
    let weight = |k: usize| details.weight.iter().map(|w| w[k]).collect::<Vec<_>>();
    let timed: Vec<f32> = weight(0).iter().zip(&duration).map(|(w, d)| if *d == none { 0.0 } else { *w }).collect();
    let class: Vec<u32> = duration.iter().map(|d| if *d == none { 0 } else { *d }).collect();
    Ok(vec![
        weighted(&oracle.duration_logits(b)?, &class, &timed, device)?,
        weighted(&oracle.velocity_logits(b, &duration)?, &velocity, &weight(1), device)?,
        weighted(&oracle.offset_logits(b, &velocity)?, &offset, &weight(2), device)?,
    ])
}

fn ids(list: &[u32], device: &Device) -> Result<Tensor> {
    Tensor::from_slice(list, list.len(), device)
}

fn weighted(logits: &Tensor, class: &[u32], weight: &[f32], device: &Device) -> Result<Tensor> {
    let picked = log_softmax(logits)?.gather(&ids(class, device)?.unsqueeze(1)?, 1)?.squeeze(1)?;
    (picked * Tensor::from_slice(weight, weight.len(), device)?)?.sum_all()?.neg()
}
