//! The output layers with their losses: linear, masked softmax, cross-entropy and all gradients in one pass.
//!
//! A cross-entropy's slope is known as soon as the loss is, so the forward pass already makes the gradients (for an
//! upstream gradient of 1) and the backward pass hands them out, scaled.

use super::{Pool, floats, tensor};
use crate::engine::lstm::shape::{Chooser, DURATIONS, OFFSETS, VELOCITIES, VELOCITY_GIVEN};
use crate::train::kernel::{Mat, exp, matmul, vectorised};
use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// What was chosen: decisions of the first chooser, then of the next (drums, bass, chords, lead in a band).
#[derive(Clone, Debug, Default)]
pub struct RoleTargets {
    /// Where each chooser's decisions end.
    pub ends: Vec<usize>,
    /// The class that was chosen.
    pub class: Vec<u16>,
    /// Classes 1..=this are masked out: a set is listed upwards.
    pub last: Vec<u16>,
    /// Weight of the decision in the loss.
    pub weight: Vec<f32>,
    /// Pitches that others are scored by.
    pub known: Known,
    /// What a teacher thinks of the classes, a row for each decision as wide as its chooser's classes; then the loss is the
    /// cross-entropy to it (Hinton et al. 2015, arXiv 1503.02531). Empty without a teacher.
    pub soft: Vec<f32>,
    /// Whether the probabilities of all classes are kept, likewise in rows.
    pub is_told: bool,
}

impl RoleTargets {
    /// Classes of all decisions together.
    pub fn cells(&self, choosers: &[Chooser]) -> usize {
        let firsts = std::iter::once(0).chain(self.ends.iter().copied());
        choosers.iter().zip(self.ends.iter().zip(firsts)).map(|(c, (end, first))| c.classes * (end - first)).sum()
    }
}

/// Pitches that are known when a decision is made: every pitch gets a score for its distance to each of them, the same in all keys.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// How many stand beside each decision; 0 leaves the scores out.
    pub tables: usize,
    /// Distances of a table: `2 x farthest + 1` rows.
    pub farthest: usize,
    /// Class of each, `tables` for every decision; 0 where there is none.
    pub class: Vec<u16>,
}

impl Known {
    /// Rows of all tables.
    pub fn rows(&self) -> usize {
        self.tables * (2 * self.farthest + 1)
    }

    /// Calls `each(class, row)` for every pitch class that has a score from decision `i`'s known pitches.
    #[inline(always)]
    fn pairs(&self, i: usize, classes: usize, mut each: impl FnMut(usize, usize)) {
        let span = 2 * self.farthest + 1;
        for (table, known) in self.class[i * self.tables..][..self.tables].iter().map(|k| usize::from(*k)).enumerate() {
            let (low, high) = (known.saturating_sub(self.farthest).max(1), (known + self.farthest + 1).min(classes));
            if known > 0 {
                (low..high).for_each(|class| each(class, table * span + class + self.farthest - known));
            }
        }
    }
}

/// What the details of chosen notes are.
#[derive(Clone, Debug, Default)]
pub struct DetailTargets {
    /// Duration class; [`DURATIONS`] for drums, which have none.
    pub duration: Vec<u8>,
    /// Velocity bin.
    pub velocity: Vec<u8>,
    /// Offset bin.
    pub offset: Vec<u8>,
    /// Weights of the three in the loss.
    pub weight: Vec<[f32; 3]>,
}

/// Gradients made in the forward pass: of the input, the weight and the bias.
type Grads = Mutex<Option<[Vec<f32>; 3]>>;

/// Turns logits into `weight * (softmax - onehot)` and gives the cross-entropy in nats. Classes 1..=`last` are masked.
#[inline(always)]
fn cross_entropy(logits: &mut [f32], class: usize, last: usize, weight: f32) -> f32 {
    for x in &mut logits[1..=last] {
        *x = f32::NEG_INFINITY;
    }
    let top = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let at_class = logits[class] - top;
    let mut sum = 0.0;
    for x in logits.iter_mut() {
        *x = exp(*x - top);
    }
    for x in &mut logits[1..=last] {
        *x = 0.0;
    }
    for x in logits.iter() {
        sum += *x;
    }
    let scale = weight / sum;
    for x in logits.iter_mut() {
        *x *= scale;
    }
    logits[class] -= weight;
    sum.ln() - at_class
}

/// Scales the stored gradients by the upstream one and hands them out.
fn hand_out(
    grads: &Grads,
    args: [&Tensor; 3],
    upstream: &Tensor,
) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
    let upstream = upstream.to_scalar::<f32>()?;
    let made = grads.lock().unwrap_or_else(PoisonError::into_inner).take();
    let [a, w, b] = made.ok_or_else(|| Error::Msg("a head without gradients went back".into()))?;
    let give = |mut grad: Vec<f32>, like: &Tensor| {
        if upstream != 1.0 {
            grad.iter_mut().for_each(|g| *g *= upstream);
        }
        tensor(grad, like.dims()).map(Some)
    };
    Ok((give(a, args[0])?, give(w, args[1])?, give(b, args[2])?))
}

/// The op: `(a (decisions, width), weight (classes of all choosers, then rows of distances; width), bias (classes)) ->
/// sum of weighted cross-entropies`.
pub struct Heads {
    targets: Arc<RoleTargets>,
    choosers: &'static [Chooser],
    with_grads: bool,
    pool: Pool,
    nats: Arc<Mutex<Vec<f32>>>,
    told: Arc<Mutex<Vec<f32>>>,
    grads: Grads,
}

impl Heads {
    /// Heads for these decisions; gradients are made only when asked for.
    pub fn new(targets: Arc<RoleTargets>, choosers: &'static [Chooser], with_grads: bool, pool: &Pool) -> Heads {
        let pool = pool.clone();
        Heads {
            targets,
            choosers,
            with_grads,
            pool,
            nats: Arc::default(),
            told: Arc::default(),
            grads: Mutex::default(),
        }
    }
    /// Where the probabilities of all classes are found, when they are asked for.
    pub fn told(&self) -> Arc<Mutex<Vec<f32>>> {
        self.told.clone()
    }
    /// Where every decision's cross-entropy in nats is found once the op has run.
    pub fn nats(&self) -> Arc<Mutex<Vec<f32>>> {
        self.nats.clone()
    }

    fn forward(&self, a: &[f32], width: usize, weight: &[f32], bias: &[f32]) -> Result<f32> {
        let t = &self.targets;
        let count = t.class.len();
        let classes: usize = self.choosers.iter().map(|c| c.classes).sum();
        let rows = classes + t.known.rows();
        let fits = a.len() == count * width && weight.len() == rows * width && bias.len() == classes;
        let fits = fits && t.ends.len() == self.choosers.len() && t.ends.last() == Some(&count);
        if !fits
            || t.last.len() != count
            || t.weight.len() != count
            || (!t.soft.is_empty() && t.soft.len() != t.cells(self.choosers))
            || (t.known.tables > 0 && t.known.class.len() != count * t.known.tables)
        {
            return Err(Error::Msg("the arguments of the heads do not fit".into()));
        }
        let mut sums = Sums {
            nats: vec![0.0; count],
            loss: 0.0,
            told: Vec::new(),
            cell: 0,
            grads: [a.len(), weight.len(), bias.len()].map(|n| vec![0.0; n]),
        };
        let (mut first, mut first_class) = (0, 0);
        for (chooser, end) in self.choosers.iter().zip(&t.ends) {
            let place = Place { first, end: *end, first_class, classes: chooser.classes, distances: classes };
            self.chooser(&place, a, width, weight, bias, &mut sums)?;
            (first, first_class) = (*end, first_class + chooser.classes);
        }
        *self.nats.lock().unwrap_or_else(PoisonError::into_inner) = sums.nats;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = sums.told;
        *self.grads.lock().unwrap_or_else(PoisonError::into_inner) = self.with_grads.then_some(sums.grads);
        Ok(sums.loss as f32)
    }

    /// All decisions of one chooser.
    fn chooser(
        &self,
        place: &Place,
        a: &[f32],
        width: usize,
        weight: &[f32],
        bias: &[f32],
        sums: &mut Sums,
    ) -> Result<()> {
        let (t, threads) = (&self.targets, self.pool.threads);
        let Place { first, end, first_class, classes: m, distances } = *place;
        let (n, rows) = (end - first, t.known.rows());
        let w = Mat::new(&weight[first_class * width..], m, width, width);
        let near = Mat::new(&weight[distances * width..], rows, width, width);
        let x = Mat::new(&a[first * width..], n, width, width);
        let (mut logits, mut scores) = (Vec::with_capacity(n * m), vec![0.0; n * rows]);
        (0..n).for_each(|_| logits.extend_from_slice(&bias[first_class..][..m]));
        self.pool.run(|| {
            matmul(&mut logits, m, x, w.t(), true, threads);
            matmul(&mut scores, rows, x, near.t(), false, threads);
        });
        for (i, row) in logits.chunks_exact_mut(m).enumerate() {
            let (class, last) = (usize::from(t.class[first + i]), usize::from(t.last[first + i]));
            if class >= m || last >= m || (class > 0 && class <= last) {
                return Err(Error::Msg(format!("class {class} after {last} of {m}")));
            }
            let scores = &mut scores[i * rows..][..rows];
            if rows > 0 {
                t.known.pairs(first + i, m, |class, at| row[class] += scores[at]);
            }
            let weight = t.weight[first + i];
            let one = vectorised(
                #[inline(always)]
                || cross_entropy(row, class, last, weight),
            );
            if t.is_told {
                sums.told.extend(row.iter().enumerate().map(|(c, x)| x / weight + f32::from(u8::from(c == class))));
            }
            sums.nats[first + i] = one;
            sums.loss += f64::from(weight)
                * t.soft.get(sums.cell..sums.cell + m).map_or(f64::from(one), |soft| taught(row, class, weight, soft));
            sums.cell += m;
            if rows > 0 {
                scores.fill(0.0);
                t.known.pairs(first + i, m, |class, at| scores[at] += row[class]);
            }
            sums.grads[2][first_class..][..m].iter_mut().zip(row).for_each(|(b, d)| *b += *d);
        }
        if self.with_grads {
            let (slope, slopes) = (Mat::new(&logits, n, m, m), Mat::new(&scores, n, rows, rows));
            let [da, dw, _] = &mut sums.grads;
            self.pool.run(|| {
                matmul(&mut da[first * width..], width, slope, w, false, threads);
                matmul(&mut dw[first_class * width..], width, slope.t(), x, false, threads);
                if rows > 0 {
                    matmul(&mut da[first * width..], width, slopes, near, true, threads);
                    matmul(&mut dw[distances * width..], width, slopes.t(), x, true, threads);
                }
            });
        }
        Ok(())
    }
}

/// Turns `weight * (p - onehot)` into `weight * (p - soft)`, and gives the cross-entropy to `soft` in nats.
fn taught(row: &mut [f32], class: usize, weight: f32, soft: &[f32]) -> f64 {
    row[class] += weight;
    let mut nats = 0.0;
    for (x, soft) in row.iter_mut().zip(soft) {
        nats -= f64::from(*soft) * f64::from((*x / weight).max(f32::MIN_POSITIVE)).ln();
        *x -= weight * soft;
    }
    nats
}

/// Where one chooser's decisions and rows lie.
struct Place {
    first: usize,
    end: usize,
    first_class: usize,
    classes: usize,
    /// First row of the distances.
    distances: usize,
}

/// What the choosers add to.
struct Sums {
    nats: Vec<f32>,
    loss: f64,
    told: Vec<f32>,
    /// Where the next row of a teacher begins.
    cell: usize,
    grads: [Vec<f32>; 3],
}

/// The op: `(b (notes, width), weight (42, width), bias (42 + 12 x 16 + 16 x 15)) -> sum of weighted cross-entropies`.
///
/// Rows of the weight: durations, velocities, offsets; behind the three biases the bias holds the rows of
/// `velocity_given` and `offset_given`.
pub struct Details {
    targets: Arc<DetailTargets>,
    with_grads: bool,
    pool: Pool,
    nats: Arc<Mutex<Vec<[f32; 3]>>>,
    grads: Grads,
}

/// Classes of the three details together.
pub const DETAIL_CLASSES: usize = DURATIONS + VELOCITIES + OFFSETS;
/// Numbers of the details' bias with both given-tables behind it.
pub const DETAIL_BIAS: usize = DETAIL_CLASSES + VELOCITY_GIVEN * VELOCITIES + VELOCITIES * OFFSETS;

impl Details {
    /// Details of these notes; gradients are made only when asked for.
    pub fn new(targets: Arc<DetailTargets>, with_grads: bool, pool: &Pool) -> Details {
        Details { targets, with_grads, pool: pool.clone(), nats: Arc::default(), grads: Mutex::default() }
    }
    /// Where every note's cross-entropies (duration, velocity, offset) in nats are found once the op has run.
    pub fn nats(&self) -> Arc<Mutex<Vec<[f32; 3]>>> {
        self.nats.clone()
    }

    fn forward(&self, b: &[f32], width: usize, weight: &[f32], bias: &[f32]) -> Result<f32> {
        let t = &self.targets;
        let n = t.duration.len();
        let fits = b.len() == n * width && weight.len() == DETAIL_CLASSES * width && bias.len() == DETAIL_BIAS;
        if !fits || t.velocity.len() != n || t.offset.len() != n || t.weight.len() != n {
            return Err(Error::Msg("the arguments of the details do not fit".into()));
        }
        let mut logits = Vec::with_capacity(n * DETAIL_CLASSES);
        (0..n).for_each(|_| logits.extend_from_slice(&bias[..DETAIL_CLASSES]));
        let w = Mat::new(weight, DETAIL_CLASSES, width, width);
        let x = Mat::new(b, n, width, width);
        self.pool.run(|| matmul(&mut logits, DETAIL_CLASSES, x, w.t(), true, self.pool.threads));
        let (mut nats, mut loss) = (vec![[0.0f32; 3]; n], 0.0f64);
        let [mut da, mut dw, mut db] = [vec![0.0; b.len()], vec![0.0; weight.len()], vec![0.0; DETAIL_BIAS]];
        for (i, row) in logits.chunks_exact_mut(DETAIL_CLASSES).enumerate() {
            let (duration, velocity, offset) =
                (usize::from(t.duration[i]), usize::from(t.velocity[i]), usize::from(t.offset[i]));
            if duration > DURATIONS || velocity >= VELOCITIES || offset >= OFFSETS {
                return Err(Error::Msg("a detail is out of range".into()));
            }
            nats[i] = vectorised(
                #[inline(always)]
                || detail_row(row, bias, &mut db, [duration, velocity, offset], t.weight[i]),
            );
            loss += nats[i].iter().zip(t.weight[i]).map(|(x, w)| f64::from(x * w)).sum::<f64>();
        }
        if self.with_grads {
            let slope = Mat::new(&logits, n, DETAIL_CLASSES, DETAIL_CLASSES);
            self.pool.run(|| {
                matmul(&mut da, width, slope, w, false, self.pool.threads);
                matmul(&mut dw, width, slope.t(), x, false, self.pool.threads);
            });
        }
        *self.nats.lock().unwrap_or_else(PoisonError::into_inner) = nats;
        *self.grads.lock().unwrap_or_else(PoisonError::into_inner) = self.with_grads.then_some([da, dw, db]);
        Ok(loss as f32)
    }
}

/// One note: its logits become slopes, which are added to the biases and the given-rows too.
#[inline(always)]
fn detail_row(row: &mut [f32], bias: &[f32], db: &mut [f32], chosen: [usize; 3], weight: [f32; 3]) -> [f32; 3] {
    let [duration, velocity, offset] = chosen;
    let velocity_row = DETAIL_CLASSES + duration * VELOCITIES;
    let offset_row = DETAIL_CLASSES + VELOCITY_GIVEN * VELOCITIES + velocity * OFFSETS;
    let (durations, rest) = row.split_at_mut(DURATIONS);
    let (velocities, offsets) = rest.split_at_mut(VELOCITIES);
    velocities.iter_mut().zip(&bias[velocity_row..]).for_each(|(x, b)| *x += b);
    offsets.iter_mut().zip(&bias[offset_row..]).for_each(|(x, b)| *x += b);
    let mut nats = [0.0; 3];
    if duration < DURATIONS {
        nats[0] = cross_entropy(durations, duration, 0, weight[0]);
    } else {
        durations.fill(0.0);
    }
    nats[1] = cross_entropy(velocities, velocity, 0, weight[1]);
    nats[2] = cross_entropy(offsets, offset, 0, weight[2]);
    db[velocity_row..].iter_mut().zip(&*velocities).for_each(|(b, d)| *b += d);
    db[offset_row..].iter_mut().zip(&*offsets).for_each(|(b, d)| *b += d);
    db.iter_mut().zip(&*row).for_each(|(b, d)| *b += d);
    nats
}

macro_rules! loss_op {
    ($op:ty, $name:literal) => {
        impl CustomOp3 for $op {
            fn name(&self) -> &'static str {
                $name
            }

            fn cpu_fwd(
                &self,
                a: &CpuStorage,
                al: &Layout,
                w: &CpuStorage,
                wl: &Layout,
                b: &CpuStorage,
                bl: &Layout,
            ) -> Result<(CpuStorage, Shape)> {
                let (_, width) = al.shape().dims2()?;
                let loss = self.forward(floats(a, al)?, width, floats(w, wl)?, floats(b, bl)?)?;
                Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
            }

            fn bwd(
                &self,
                a: &Tensor,
                w: &Tensor,
                b: &Tensor,
                _: &Tensor,
                up: &Tensor,
            ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
                hand_out(&self.grads, [a, w, b], up)
            }
        }
    };
}

loss_op!(Heads, "heads");
loss_op!(Details, "details");
