//! Scoring by nets: one or several, in the written key or in all keys that fit, step by step.
//!
//! Several nets and keys are averaged as probabilities, choice by choice. A key takes part as long as what came before fits it; a step
//! that does not fit has probability 0 there. So nothing follows from what is yet to be guessed, and the likelihood is a true one
//! (the mass of steps that do not fit is lost, never doubled).

use super::feed::{Feed, Owner, Window, batch, shape};
use super::learn::{Sizes, State};
use super::recipe::{ChordUse, Recipe};
use crate::engine::lstm::file::FILE_BYTES_MAX;
use crate::music::Chance;
use crate::train::checkpoint;
use crate::train::net::Net;
use crate::train::ops::{LstmState, Pool, Rows};
use crate::train::report::TrainError;
use std::path::Path;

/// A net and what it was given.
pub struct BenchNet {
    /// The net.
    pub net: Net,
    /// Its ingredients.
    pub recipe: Recipe,
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
    let net = if state.recipe.average {
        let averages = optimisers.into_iter().flat_map(|o| o.moments).map(|m| m.average).collect();
        Net::with_values(shape, averages, pool)?
    } else {
        net
    };
    Ok((BenchNet { net, recipe: state.recipe }, state))
}

/// Nats of every step by the average of these nets, in the written key or over all keys that fit.
///
/// # Errors
/// Those of candle.
pub fn by_step<S: Feed>(nets: &[BenchNet], pieces: &[Vec<S>], all_keys: bool) -> Result<Notes, TrainError> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|p| pieces[*p].len());
    let empty = || pieces.iter().map(|p| vec![0.0; p.len()]).collect::<Vec<_>>();
    let has_chord = nets.iter().all(|n| n.recipe.chord != ChordUse::None);
    let mut told = Notes { notes: empty(), apart: has_chord.then(empty) };
    let keys = if all_keys { KEYS } else { 0..=0 };
    for lot in order.chunks(STREAMS) {
        let keys: Vec<Key<S>> = keys.clone().map(|shift| Key::new(lot.iter().map(|p| &pieces[*p]), shift)).collect();
        let longest = lot.iter().map(|p| pieces[*p].len()).max().unwrap_or(0);
        let mut states: Vec<Vec<LstmState>> = vec![Vec::new(); nets.len() * keys.len()];
        for start in (0..longest).step_by(SEGMENT) {
            let mut sums: Vec<[f64; 2]> = Vec::new();
            let mut whose = Vec::new();
            for (key, states) in keys.iter().zip(states.chunks_mut(nets.len())) {
                for (net, state) in nets.iter().zip(states) {
                    let nats = key.pass(net, start, state, has_chord)?;
                    sums.resize(nats.len(), [0.0; 2]);
                    sums.iter_mut().zip(&nats).for_each(|(sum, (nats, owner))| key.add(sum, *nats, owner));
                    whose = nats.into_iter().map(|(_, owner)| owner).collect();
                }
            }
            for ([sum, makers], owner) in sums.iter().zip(&whose) {
                let list = if owner.is_note { Some(&mut told.notes) } else { told.apart.as_mut() };
                let nats = -(sum / makers).max(f64::MIN_POSITIVE).ln();
                list.into_iter().for_each(|l| l[lot[owner.window]][owner.step] += nats);
            }
        }
    }
    Ok(told)
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
        state: &mut Vec<LstmState>,
        has_chord: bool,
    ) -> Result<Vec<(f64, Owner)>, TrainError> {
        let window = |piece| Window { piece, start, unscored: 0 };
        let windows: Vec<_> = self.moved.iter().map(|p| (start < p.len()).then(|| window(p.as_slice()))).collect();
        let rows = Rows { shards: 1, steps: SEGMENT, batch: self.moved.len() };
        let (batch, owners) = batch(rows, &windows, &net.recipe, None);
        let pass = net.net.forward(&batch, None, state)?;
        *state = pass.last;
        let nats = pass.decisions.into_iter().map(f64::from).zip(owners);
        Ok(nats.filter(|(_, owner)| has_chord || owner.is_note).collect())
    }

    /// Adds a probability, and one to the number of those that take part.
    fn add(&self, [sum, makers]: &mut [f64; 2], nats: f64, owner: &Owner) {
        let fitting = self.fitting[owner.window];
        *makers += f64::from(u8::from(owner.step <= fitting));
        *sum += if owner.step < fitting { (-nats).exp() } else { 0.0 };
    }
}
