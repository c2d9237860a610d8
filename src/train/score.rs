//! How many bits a net needs for whole pieces, role by role.

use super::batch::{Builder, Cut, Prepared, Told};
use super::net::Net;
use super::ops::{LstmState, Rows};
use super::report::TrainError;
use super::shelf::Shelf;
use crate::corpus::Piece;
use crate::music::{ROLES, Role};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bits of one role over some pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bits {
    /// Notes.
    pub notes: u64,
    /// Steps in which the role had to decide.
    pub steps: u64,
    /// Bits of all choices of a pitch (or kit row) and of END.
    pub choice: f64,
    /// Bits of all durations.
    pub duration: f64,
    /// Bits of velocities, where the corpus has any.
    pub velocity: f64,
    /// Notes with a velocity.
    pub velocity_notes: u64,
    /// Bits of offsets, where the corpus was performed.
    pub offset: f64,
    /// Notes with an offset.
    pub offset_notes: u64,
}

impl Bits {
    /// Bits a note for what is played and when: choices, END and durations.
    pub fn per_note(&self) -> f64 {
        (self.choice + self.duration) / self.notes.max(1) as f64
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Bits) {
        self.notes += other.notes;
        self.steps += other.steps;
        self.choice += other.choice;
        self.duration += other.duration;
        self.velocity += other.velocity;
        self.velocity_notes += other.velocity_notes;
        self.offset += other.offset;
        self.offset_notes += other.offset_notes;
    }
}

/// Bits of all roles; index = `Role::index`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// One count a role.
    pub roles: [Bits; 4],
}

impl Tally {
    /// All roles together.
    pub fn all(&self) -> Bits {
        let mut all = Bits::default();
        self.roles.iter().for_each(|r| all.add(r));
        all
    }

    fn of_mut(&mut self, role: Role) -> &mut Bits {
        &mut self.roles[role.index()]
    }
}

/// Steps of one pass; state is carried from pass to pass.
const SEGMENT: usize = 128;
/// Pieces side by side.
const STREAMS: usize = 16;

/// Bits of whole pieces from their first step on, every piece with its own state. `stop` ends it early with what was
/// counted so far.
///
/// # Errors
/// Those of candle.
pub fn score(net: &Net, pieces: &[&Prepared], told: Told, stop: &AtomicBool) -> candle_core::Result<Tally> {
    let mut order: Vec<&Prepared> = pieces.to_vec();
    order.sort_by_key(|p| p.piece.steps);
    let mut scorer = Scorer::new(net, told, stop);
    order.chunks(STREAMS).try_for_each(|lot| scorer.lot(lot))?;
    Ok(scorer.tally)
}

/// [`score`] for pieces on a shelf by their numbers, made ready by `ready`; only those side by side are in memory.
///
/// # Errors
/// Those of candle and of the shelf.
pub fn score_shelved(
    net: &Net,
    shelf: &mut Shelf,
    mut pieces: Vec<u32>,
    ready: &dyn Fn(Piece) -> Prepared<'static>,
    told: Told,
    stop: &AtomicBool,
) -> Result<Tally, TrainError> {
    pieces.sort_by_key(|number| shelf.slots()[*number as usize].steps);
    let mut scorer = Scorer::new(net, told, stop);
    for lot in pieces.chunks(STREAMS) {
        let lot: Vec<Prepared> = lot.iter().map(|n| shelf.piece(*n).map(ready)).collect::<Result<_, _>>()?;
        scorer.lot(&lot.iter().collect::<Vec<_>>())?;
    }
    Ok(scorer.tally)
}

/// A net that hears pieces, some side by side, and what they came to.
struct Scorer<'a> {
    net: &'a Net,
    told: Told,
    stop: &'a AtomicBool,
    builder: Builder,
    tally: Tally,
}

impl<'a> Scorer<'a> {
    fn new(net: &'a Net, told: Told, stop: &'a AtomicBool) -> Scorer<'a> {
        Scorer { net, told, stop, builder: Builder::default(), tally: Tally::default() }
    }

    /// Pieces of about the same length.
    fn lot(&mut self, lot: &[&Prepared]) -> candle_core::Result<()> {
        let rows = Rows { shards: 1, steps: SEGMENT, batch: lot.len() };
        let longest = lot.iter().map(|p| p.piece.steps).max().unwrap_or(0);
        let mut state: Vec<LstmState> = Vec::new();
        for start in (0..longest).step_by(SEGMENT) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let cut = |p: &&&Prepared| p.piece.steps > start;
            let told = self.told;
            let cuts: Vec<_> = lot
                .iter()
                .map(|p| Some(p).filter(cut).map(|p| (*p, Cut { start, unscored: 0, shift: 0, told, blend: None })))
                .collect();
            let (batch, owners) = self.builder.build(rows, &cuts);
            let pass = self.net.forward(&batch, None, &state)?;
            state = pass.last;
            for (nats, (_, role)) in pass.decisions.iter().zip(&owners.decisions) {
                self.tally.of_mut(*role).choice += bits(*nats);
            }
            for (nats, (window, role)) in pass.details.iter().zip(&owners.notes) {
                let piece = &lot[*window as usize].piece;
                let role = self.tally.of_mut(*role);
                role.notes += 1;
                role.duration += bits(nats[0]);
                role.velocity += if piece.has_velocity { bits(nats[1]) } else { 0.0 };
                role.velocity_notes += u64::from(piece.has_velocity);
                role.offset += if piece.is_performed { bits(nats[2]) } else { 0.0 };
                role.offset_notes += u64::from(piece.is_performed);
            }
        }
        for piece in lot.iter().map(|p| &p.piece) {
            for role in ROLES.into_iter().filter(|role| piece.roles[role.index()]) {
                self.tally.of_mut(role).steps += u64::from(piece.steps);
            }
        }
        Ok(())
    }
}

fn bits(nats: f32) -> f64 {
    f64::from(nats) / std::f64::consts::LN_2
}
