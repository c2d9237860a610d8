//! Scoring while learning: after each stretch of a piece has been guessed, a net takes a small step towards it, and forgets
//! everything with the piece (dynamic evaluation: Krause et al. 2018, arXiv 1709.07432).
//!
//! A stretch is scored before anything is learned from it, so what comes later is never seen and the likelihood is a true one.

use super::feed::{Feed, Listing, Owner, Window, batch};
use super::nets::{BenchNet, Notes, Tally};
use super::recipe::ChordUse;
use crate::music::Chance;
use crate::train::net::{Net, Noise};
use crate::train::ops::{Pool, Rows};
use crate::train::report::TrainError;
use candle_core::{Device, Tensor};

/// How a net learns as it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Step towards a stretch, in units of the gradient over its root mean square in training.
    pub rate: f32,
    /// Share of what was learned that is forgotten after each stretch.
    pub forgotten: f32,
    /// Steps of a stretch.
    pub stretch: usize,
}

const NO_NOISE: Noise = Noise { chance: Chance { seed: 0 }, update: 0, input: 0.0, hidden: 0.0, recurrent: 0.0 };

/// Nats of every step by the average of these nets, each of which learns as it goes; a step is listed in `orders` orders.
///
/// # Errors
/// Those of candle.
pub fn by_step<S: Feed>(
    nets: &[BenchNet],
    pieces: &[Vec<S>],
    orders: usize,
    pace: &Pace,
    pool: &Pool,
) -> Result<Notes, TrainError> {
    let has_chord = nets.iter().all(|n| n.recipe.chord != ChordUse::None);
    let orders = if nets.iter().all(|n| n.recipe.orders) { orders.clamp(1, S::ORDERS) } else { 1 };
    let mut told = Notes::empty(pieces, has_chord);
    let learners = nets.iter().map(|net| Learner::new(net, pool)).collect::<Result<Vec<_>, _>>()?;
    for (at, piece) in pieces.iter().enumerate() {
        let mut tally = Tally::default();
        for learner in &learners {
            tally.add(
                learner
                    .piece(piece, orders, pace, has_chord)?
                    .into_iter()
                    .map(|(nats, owner)| ((-nats).exp(), 1.0, owner)),
            );
        }
        tally.tell(orders, 0, piece.len(), &[at], &mut told);
    }
    Ok(told)
}

/// A copy of a net that learns.
struct Learner<'a> {
    from: &'a BenchNet,
    net: Net,
    first: Vec<Vec<f32>>,
    /// For every number what its gradient is divided by.
    scales: Vec<Vec<f32>>,
}

impl<'a> Learner<'a> {
    fn new(from: &'a BenchNet, pool: &Pool) -> Result<Learner<'a>, TrainError> {
        let first = from.net.values()?;
        let net = Net::with_values(from.net.shape, first.clone(), pool)?;
        let scale = |squares: &Vec<f32>| {
            let roots: Vec<f32> = squares.iter().map(|s| s.max(0.0).sqrt()).collect();
            // What was rarely met in training would leap: the variable's mean stands beside its own root.
            let mean = roots.iter().sum::<f32>() / roots.len().max(1) as f32;
            roots.into_iter().map(|root| root + mean + 1e-12).collect()
        };
        let scales = from.squares.iter().map(scale).collect();
        Ok(Learner { from, net, first, scales })
    }

    /// Forgets everything, then gives the nats of a piece's choices in the order of stretches, and whose they are.
    fn piece<S: Feed>(
        &self,
        piece: &[S],
        orders: usize,
        pace: &Pace,
        has_chord: bool,
    ) -> Result<Vec<(f64, Owner)>, TrainError> {
        for ((_, var), first) in self.net.vars().iter().zip(&self.first) {
            var.set(&Tensor::from_slice(first, var.dims(), &Device::Cpu)?)?;
        }
        let (mut all, mut state) = (Vec::new(), Vec::new());
        let rows = Rows { shards: 1, steps: pace.stretch, batch: 1 };
        for start in (0..piece.len()).step_by(pace.stretch) {
            let window = [Some(Window { piece, start, unscored: 0 })];
            let (batch, owners) = batch(rows, &window, &self.from.recipe, Listing::First(orders), None);
            let pass = self.net.forward(&batch, Some(&NO_NOISE), &state)?;
            all.extend(
                pass.decisions.iter().map(|n| f64::from(*n)).zip(owners).filter(|(_, o)| has_chord || o.is_note),
            );
            state = pass.last;
            let grads = pass.loss.backward()?;
            for (((_, var), first), scales) in self.net.vars().iter().zip(&self.first).zip(&self.scales) {
                let Some(grad) = grads.get(var.as_tensor()) else { continue };
                let (grad, mut values) = (grad.flatten_all()?.to_vec1::<f32>()?, var.flatten_all()?.to_vec1::<f32>()?);
                let rate = pace.rate / orders as f32;
                for (((value, grad), first), scale) in values.iter_mut().zip(&grad).zip(first).zip(scales) {
                    *value += pace.forgotten * (first - *value) - rate * grad / scale;
                }
                var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu)?)?;
            }
        }
        Ok(all)
    }
}
