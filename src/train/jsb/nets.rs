//! Scoring by nets: one or several, in the written key or in all keys that fit, step by step.
//!
//! Several nets and keys are averaged as probabilities, choice by choice; orders of listing a step, as probabilities of the whole step. A key takes part as long as what came before fits it; a step
//! that does not fit has probability 0 there. So nothing follows from what is yet to be guessed, and the likelihood is a true one
//! (the mass of steps that do not fit is lost, never doubled).

use super::feed::{Feed, Listing, Owner, Window, batch, shape};
use super::learn::{Sizes, State};
use super::recipe::{ChordUse, Recipe};
use crate::engine::lstm::file::FILE_BYTES_MAX;
use crate::music::Chance;
use crate::train::checkpoint;
use crate::train::net::{Batch, Net};
use crate::train::ops::{LstmState, Pool, Rows};
use crate::train::report::TrainError;
use std::path::Path;
use std::sync::Arc;

/// A net and what it was given.
pub struct BenchNet {
    /// The net.
    pub net: Net,
    /// Its ingredients.
    pub recipe: Recipe,
    /// Mean squares of the gradients at the end of its training, a list for each variable.
    pub squares: Vec<Vec<f32>>,
}

impl BenchNet {
    /// Probabilities of all classes of a batch's decisions, in rows.
    ///
    /// # Errors
    /// Those of candle.
    pub fn told(&self, mut batch: Batch) -> Result<Vec<f32>, TrainError> {
        Arc::make_mut(&mut batch.classes).is_told = true;
        Ok(self.net.forward(&batch, None, &[])?.told)
    }
}

/// Nats of every step of every piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// Of the notes.
    pub notes: Vec<Vec<f64>>,
    /// Of what is counted apart (the chord); `None` where no net has it.
    pub apart: Option<Vec<Vec<f64>>>,
}

/// Steps of one pass; state is carried from pass to pass.
const SEGMENT: usize = 128;
/// Pieces side by side.
const STREAMS: usize = 16;
/// Semitones by which a piece is moved at most.
const KEYS: std::ops::RangeInclusive<i32> = -5..=6;

/// Reads a net that [`super::learn::train`] wrote: its averaged weights, or the plain ones where its recipe says so.
///
/// # Errors
/// One sentence: no such file, another benchmark's, or a broken one.
pub fn open<S: Feed>(path: &Path, benchmark: &str, pool: &Pool) -> Result<(BenchNet, State), TrainError> {
    let state: State = checkpoint::state(path, FILE_BYTES_MAX).map_err(TrainError::Checkpoint)?;
    if state.benchmark != benchmark {
        let why = format!("{} holds a net of the benchmark {}, not of {benchmark}", path.display(), state.benchmark);
        return Err(TrainError::Checkpoint(why));
    }
    let Sizes { hidden, layers, embed, decide } = state.sizes;
    let in_range = |x: usize| (1..=4096).contains(&x);
    if ![hidden, embed, decide].into_iter().all(in_range) || !(1..=4).contains(&layers) {
        return Err(TrainError::Checkpoint(format!("the sizes in {} are out of range", path.display())));
    }
    let shape = shape::<S>(&state.recipe, hidden, layers, embed, decide);
    let net = Net::new(shape, Chance::new(1), pool)?;
    let (optimisers, state) =
        checkpoint::read(path, &[net.vars()], |s: &State| Ok(s.updates)).map_err(TrainError::Checkpoint)?;
    let moments = optimisers.into_iter().flat_map(|o| o.moments);
    let (averages, squares) = moments.map(|m| (m.average, m.second)).unzip();
    let net = if state.recipe.average { Net::with_values(shape, averages, pool)? } else { net };
    Ok((BenchNet { net, recipe: state.recipe, squares }, state))
}

/// What is averaged beside the nets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// All keys that fit, not only the written one.
    pub all_keys: bool,
    /// The first orders of listing a step, as many as this, where all nets learned with any order.
    pub orders: usize,
}

impl Means {
    /// The written key and the usual order.
    pub const PLAIN: Means = Means { all_keys: false, orders: 1 };
}

/// Nats of every step by the average of these nets.
///
/// # Errors
/// Those of candle.
pub fn by_step<S: Feed>(nets: &[BenchNet], pieces: &[Vec<S>], means: &Means) -> Result<Notes, TrainError> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|p| pieces[*p].len());
    let has_chord = nets.iter().all(|n| n.recipe.chord != ChordUse::None);
    let mut told = Notes::empty(pieces, has_chord);
    let orders = if nets.iter().all(|n| n.recipe.orders) { means.orders.clamp(1, S::ORDERS) } else { 1 };
    let keys = if means.all_keys { KEYS } else { 0..=0 };
    for lot in order.chunks(STREAMS) {
        let keys: Vec<Key<S>> = keys.clone().map(|shift| Key::new(lot.iter().map(|p| &pieces[*p]), shift)).collect();
        let longest = lot.iter().map(|p| pieces[*p].len()).max().unwrap_or(0);
        let mut states: Vec<Vec<LstmState>> = vec![Vec::new(); nets.len() * keys.len()];
        for start in (0..longest).step_by(SEGMENT) {
            let mut tally = Tally::default();
            for (key, states) in keys.iter().zip(states.chunks_mut(nets.len())) {
                for (net, state) in nets.iter().zip(states) {
                    let nats = key.pass(net, start, orders, state, has_chord)?;
                    tally.add(nats.into_iter().map(|(nats, owner)| key.said(nats, owner)));
                }
            }
            tally.tell(orders, start, SEGMENT, lot, &mut told);
        }
    }
    Ok(told)
}

impl Notes {
    /// Zeros for every step.
    pub(super) fn empty<S>(pieces: &[Vec<S>], has_chord: bool) -> Notes {
        let zeros = || pieces.iter().map(|p| vec![0.0; p.len()]).collect::<Vec<_>>();
        Notes { notes: zeros(), apart: has_chord.then(zeros) }
    }
}

/// What several nets say of the same choices.
#[derive(Default)]
pub(super) struct Tally {
    /// Sum of probabilities, and how many said one.
    sums: Vec<[f64; 2]>,
    whose: Vec<Owner>,
}

impl Tally {
    /// Adds what one says: a probability and its weight for every choice, always in the same order.
    pub fn add(&mut self, said: impl Iterator<Item = (f64, f64, Owner)>) {
        self.whose.clear();
        for (at, (probability, weight, owner)) in said.enumerate() {
            if at == self.sums.len() {
                self.sums.push([0.0; 2]);
            }
            self.sums[at][0] += probability;
            self.sums[at][1] += weight;
            self.whose.push(owner);
        }
    }

    /// Nats of the steps `start..start + span` of the pieces in `lot`: choice by choice the mean of all, then the mean of the orders.
    pub fn tell(&self, orders: usize, start: usize, span: usize, lot: &[usize], told: &mut Notes) {
        let mut listed = vec![[0.0; 2]; lot.len() * span * orders];
        for ([sum, makers], owner) in self.sums.iter().zip(&self.whose) {
            let at = ((owner.window * span) + owner.step - start) * orders + owner.order;
            listed[at][usize::from(!owner.is_note)] -= (sum / makers).max(f64::MIN_POSITIVE).ln();
        }
        for (at, listed) in listed.chunks(orders).enumerate() {
            let (piece, step) = (lot[at / span], start + at % span);
            if step < told.notes[piece].len() {
                told.notes[piece][step] = mean_of(listed.iter().map(|l| l[0]));
                // A chord comes before the notes, in whatever order they are.
                told.apart.iter_mut().for_each(|apart| apart[piece][step] = listed[0][1]);
            }
        }
    }
}

/// Nats of the mean of probabilities that are given in nats.
fn mean_of(nats: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let (least, count) = (nats.clone().fold(f64::INFINITY, f64::min), nats.len() as f64);
    least - (nats.map(|n| (least - n).exp()).sum::<f64>() / count).ln()
}

/// Some pieces in another key.
struct Key<S> {
    moved: Vec<Vec<S>>,
    /// For each piece how many steps from its beginning fit.
    fitting: Vec<usize>,
}

impl<S: Feed> Key<S> {
    fn new<'a>(pieces: impl Iterator<Item = &'a Vec<S>> + Clone, shift: i32) -> Key<S>
    where
        S: 'a,
    {
        let fitting = |piece: &Vec<S>| piece.iter().take_while(|s| shift == 0 || s.fits(shift)).count();
        let moved = |piece: &Vec<S>| piece.iter().map(|s| s.moved(shift)).collect();
        Key { moved: pieces.clone().map(moved).collect(), fitting: pieces.map(fitting).collect() }
    }

    /// Nats of the choices of one segment, and whose they are.
    fn pass(
        &self,
        net: &BenchNet,
        start: usize,
        orders: usize,
        state: &mut Vec<LstmState>,
        has_chord: bool,
    ) -> Result<Vec<(f64, Owner)>, TrainError> {
        let window = |piece| Window { piece, start, unscored: 0 };
        let windows: Vec<_> = self.moved.iter().map(|p| (start < p.len()).then(|| window(p.as_slice()))).collect();
        let rows = Rows { shards: 1, steps: SEGMENT, batch: self.moved.len() };
        let (batch, owners) = batch(rows, &windows, &net.recipe, Listing::First(orders), None);
        let pass = net.net.forward(&batch, None, state)?;
        *state = pass.last;
        let nats = pass.decisions.into_iter().map(f64::from).zip(owners);
        Ok(nats.filter(|(_, owner)| has_chord || owner.is_note).collect())
    }

    /// A choice's probability, and 1 where this key takes part.
    fn said(&self, nats: f64, owner: Owner) -> (f64, f64, Owner) {
        let fitting = self.fitting[owner.window];
        let probability = if owner.step < fitting { (-nats).exp() } else { 0.0 };
        (probability, f64::from(u8::from(owner.step <= fitting)), owner)
    }
}
