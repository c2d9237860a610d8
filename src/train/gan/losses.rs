//! The losses of the game.
//!
//! Critic and generator: the logistic loss (Goodfellow et al., "Generative adversarial nets", 2014, in its non-saturating
//! form). The critic's steepness at real and made bars is held down by differences between a bar and the same bar with a
//! little noise: to first order the R1 penalty (Mescheder et al., "Which training methods for GANs do actually
//! converge?", 2018), without a second backward pass. Beside the critic the generator answers for what can be counted:
//! the mean counts of real bars, the density and register that were asked for, and latents that
//! make no difference (Mao et al., "Mode seeking GANs", 2019). Pitches also learn to rebuild real bars from codes that an
//! encoder gives them (Larsen et al., "Autoencoding beyond pixels", 2016): a critic alone takes very long to teach them
//! which row goes with which chord.

use super::ends::CriticView;
use super::net::Known;
use crate::engine::gan::shape::{Family, PITCH_ROWS};
use candle_core::{D, Device, Result, Tensor};

/// Rows of a register band in the counts.
const BAND: usize = 8;

/// ln(1 + e^x), mean.
///
/// # Errors
/// Those of candle.
pub fn softplus_mean(x: &Tensor) -> Result<Tensor> {
    (x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?.mean_all()
}

/// Onsets and sustain above a half become 1, others 0; slopes pass as if nothing had happened (Bengio et al.,
/// "Estimating or propagating gradients through stochastic neurons", 2013). Other planes stay.
///
/// # Errors
/// Those of candle.
pub fn harden(family: Family, planes: &Tensor) -> Result<Tensor> {
    let binary = if family == Family::Drums { family.rows() } else { 2 * PITCH_ROWS };
    let values = planes.detach();
    let (rows, width) = values.dims2()?;
    let mut shift = values.flatten_all()?.to_vec1::<f32>()?;
    for row in shift.chunks_exact_mut(width) {
        for (i, x) in row.iter_mut().enumerate() {
            *x = if i >= binary { 0.0 } else { f32::from(*x > 0.5) - *x };
        }
    }
    planes + Tensor::from_vec(shift, (rows, width), &Device::Cpu)?
}

/// What can be counted of every slot of bars: (bars, slots * counts).
///
/// # Errors
/// Those of candle.
pub fn counts(family: Family, known: &Known, planes: &Tensor) -> Result<Tensor> {
    let (rows, width) = planes.dims2()?;
    let bars = (known.bars, rows / known.bars * counted(family));
    match family {
        // Every row of the kit is counted by itself, its velocities too.
        Family::Drums => planes.narrow(1, 0, 2 * family.rows())?.contiguous()?.reshape(bars),
        Family::Pitched => {
            let view = CriticView { family, facts: known.facts.clone(), steps: known.steps.clone() };
            let classes = planes.apply_op1(view)?.narrow(1, 2 * width, family.classes())?;
            Tensor::cat(&[&planes.matmul(&bands(width)?)?, &classes], 1)?.contiguous()?.reshape(bars)
        }
    }
}

/// Counts of a slot.
fn counted(family: Family) -> usize {
    match family {
        Family::Drums => 2 * family.rows(),
        Family::Pitched => 2 + 2 * PITCH_ROWS / BAND + 1 + family.classes(),
    }
}

/// Sums of a pitched slot's planes: onsets, sustain, both by bands of rows, velocity.
fn bands(width: usize) -> Result<Tensor> {
    let count = 2 + 2 * PITCH_ROWS / BAND + 1;
    let mut m = vec![0.0f32; width * count];
    for cell in 0..2 * PITCH_ROWS {
        m[cell * count + cell / PITCH_ROWS] = 1.0;
        m[cell * count + 2 + cell / BAND] = 1.0;
    }
    m[2 * PITCH_ROWS * count + count - 1] = 1.0;
    Tensor::from_vec(m, (width, count), &Device::Cpu)
}

/// How far the means of two sets of counts lie apart, in deviations of the real ones, squared; mean over the counts.
///
/// # Errors
/// Those of candle.
pub fn apart(made: &Tensor, real: &Tensor) -> Result<Tensor> {
    let mean = real.mean_keepdim(0)?;
    let variance = real.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
    let gap = (made.mean_keepdim(0)? - mean)?;
    (gap.sqr()? / (variance + 0.02)?)?.mean_all()
}

/// The same counts summed over the slots of each bar: (bars, counts).
///
/// # Errors
/// Those of candle.
pub fn totals(slots: usize, counts: &Tensor) -> Result<Tensor> {
    let (bars, all) = counts.dims2()?;
    counts.reshape((bars, slots, all / slots))?.sum(1)
}

/// Nats by which made planes miss real ones: cross-entropy of onsets and sustain, squares of velocities; mean over bars.
///
/// # Errors
/// Those of candle.
pub fn rebuilt(made: &Tensor, real: &Tensor, bars: usize) -> Result<Tensor> {
    let cells = |t: &Tensor| t.narrow(1, 0, 2 * PITCH_ROWS)?.contiguous();
    let (p, x) = (cells(made)?.clamp(CERTAIN, 1.0 - CERTAIN)?, cells(real)?);
    let right = (x.mul(&p.log()?)? + (1.0 - &x)?.mul(&(1.0 - &p)?.log()?)?)?;
    let loud = |t: &Tensor| t.narrow(1, 2 * PITCH_ROWS, 1);
    let velocity = (loud(made)? - loud(real)?)?.sqr()?.sum_all()?;
    ((velocity * 4.0)? - right.sum_all()?)? * (1.0 / bars as f64)
}

/// How far codes are from the standard normal that latents are drawn from: Kullback-Leibler, nats, mean over bars (Kingma and
/// Welling, "Auto-encoding variational Bayes", 2014).
///
/// # Errors
/// Those of candle.
pub fn strayed(mean: &Tensor, log_variance: &Tensor) -> Result<Tensor> {
    let each = ((mean.sqr()? + log_variance.exp()?)? - log_variance)? - 1.0;
    each?.sum(1)?.mean_all()? * 0.5
}

/// Likelihoods are kept this far from 0 and 1.
const CERTAIN: f32 = 1e-4;

/// Onsets of every bar (bars), and the mean row of its onsets (bars).
///
/// # Errors
/// Those of candle.
pub fn onsets_and_place(family: Family, bars: usize, planes: &Tensor) -> Result<(Tensor, Tensor)> {
    let slots = planes.dim(0)? / bars;
    let onsets = planes.narrow(1, 0, family.rows())?.contiguous()?;
    let rows: Vec<f32> = (0..family.rows()).map(|r| r as f32 / family.rows() as f32).collect();
    let rows = Tensor::from_vec(rows, (family.rows(), 1), &Device::Cpu)?;
    let place = onsets.matmul(&rows)?.reshape((bars, slots))?.sum(1)?;
    let count = onsets.sum(1)?.reshape((bars, slots))?.sum(1)?;
    let whole = count.detach().maximum(1.0)?;
    Ok((count, (place / whole)?))
}

/// Squared relative error of two counts, by bar, where `told` is 1; mean over all bars.
///
/// # Errors
/// Those of candle.
pub fn misses(made: &Tensor, real: &Tensor, told: &Tensor, scale: f64) -> Result<Tensor> {
    ((made - real.detach())? * (1.0 / scale))?.sqr()?.mul(told)?.mean_all()
}

/// How many cells two halves of a batch differ in, as a share of the cells that either has, by bar.
///
/// # Errors
/// Those of candle.
pub fn difference(family: Family, bars: usize, planes: &Tensor) -> Result<Tensor> {
    let binary = if family == Family::Drums { family.rows() } else { 2 * PITCH_ROWS };
    let rows = planes.dim(0)?;
    let cells = planes.narrow(1, 0, binary)?.contiguous()?.reshape((bars, rows / bars * binary))?;
    let (a, b) = (cells.narrow(0, 0, bars / 2)?, cells.narrow(0, bars / 2, bars / 2)?);
    let apart = (&a - &b)?.abs()?.sum(D::Minus1)?;
    let both = ((&a + &b)?.sum(D::Minus1)?.detach() + 1.0)?;
    apart / both
}
