//! What the live step costs in bits a note in each kind of arithmetic: real pieces, step by step, through the kernels
//! that play, each told the style and given the notes that were really played.
//!
//! The time of a step stands beside it.
//!
//! The protocol is that of `eval`, on every n-th piece of the split, so that the steps stay within a bound.

use super::batch::{Cut, Prepared, Told, choices, conditions};
use super::data::prepare;
use super::groove::Guess;
use super::report::TrainError;
use super::score::{Bits, Tally};
use crate::corpus::{Corpus, Split};
use crate::engine::heard::{HeardNote, History};
use crate::engine::lstm::kernel::Simd;
use crate::engine::lstm::shape::DURATIONS;
use crate::engine::lstm::{ARITHMETICS, Live, LstmPart, Packed, Weights};
use crate::engine::{Engine, bench};
use crate::limits::NOTES_PER_STEP;
use crate::music::{ROLES, Role, StepNote};
use crate::time::StepIndex;
use crate::token::classes::OFFSET_CLASSES;
use crate::token::{self, Bag, Conditions, Scene, classes};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One kind of arithmetic and its bits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveRow {
    /// f32, bf16 or int8.
    pub precision: &'static str,
    /// Bits a note over all roles.
    pub bits_per_note: f64,
    /// Bits a note more than f32 needs.
    pub cost: f64,
    /// Bits, role by role (drums, bass, chords, lead).
    pub tally: Tally,
    /// Time of a step of the band, four parts with features, net and decisions, on this machine now: p50 and p99 in microseconds.
    pub step_us: [f64; 2],
}

/// Steps of the band that are timed.
const TIMED_STEPS: u64 = 500;

/// Figures of one model on a part of one split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveReport {
    /// Which works.
    pub split: Split,
    /// Pieces that were scored, of so many.
    pub pieces: (usize, usize),
    /// Grid steps.
    pub steps: u64,
    /// The path through the kernels; all give the same bits.
    pub path: &'static str,
    /// One row for each kind of arithmetic.
    pub rows: Vec<LiveRow>,
}

/// Scores a model on about `steps` steps of a split in every kind of arithmetic. `stop` ends it early with an error.
///
/// # Errors
/// One sentence: a split without notes, layers that the live step cannot play, an interruption.
pub fn evaluate(
    weights: &Weights,
    corpus: &Corpus,
    split: Split,
    steps: u64,
    stop: &AtomicBool,
) -> Result<LiveReport, TrainError> {
    let held_out = prepare(corpus, split, &weights.card.styles);
    let total: u64 = held_out.iter().map(|p| u64::from(p.piece.steps)).sum();
    if total == 0 {
        let name = format!("{split:?}").to_lowercase();
        return Err(TrainError::Data(format!("there is nothing to evaluate: no piece with notes in the {name} split")));
    }
    let pieces: Vec<&Prepared> = held_out.iter().step_by(total.div_ceil(steps.max(1)) as usize).collect();
    let simd = Simd::best();
    let mut rows: Vec<LiveRow> = Vec::new();
    for arithmetic in ARITHMETICS {
        let packed = Packed::with(weights, arithmetic).map_err(|e| TrainError::Setting(e.to_string()))?;
        let packed = Arc::new(packed);
        let mut open = || Ok(Box::new(LstmPart::new(packed.clone())) as Box<dyn Engine>);
        let timed = bench::step(&mut open, TIMED_STEPS).map_err(|e| TrainError::Setting(e.to_string()))?.band;
        let mut scorer = Scorer::new(Live::new(packed, simd));
        for piece in &pieces {
            scorer.piece(piece);
            if stop.load(Ordering::Relaxed) {
                return Err(TrainError::Data("the evaluation was interrupted".into()));
            }
        }
        let bits_per_note = scorer.tally.all().per_note();
        let cost = bits_per_note - rows.first().map_or(bits_per_note, |exact| exact.bits_per_note);
        let step_us = [timed.p50_us, timed.p99_us];
        rows.push(LiveRow { precision: arithmetic.name(), bits_per_note, cost, tally: scorer.tally, step_us });
    }
    let steps = pieces.iter().map(|p| u64::from(p.piece.steps)).sum();
    Ok(LiveReport { split, pieces: (pieces.len(), held_out.len()), steps, path: simd.name(), rows })
}

/// A live net that listens to real pieces.
pub(super) struct Scorer {
    live: Live,
    bag: Bag,
    now: Vec<HeardNote>,
    tally: Tally,
    /// What it expected of every drum stroke, where that is asked for.
    pub guesses: Option<Vec<Guess>>,
}

impl Scorer {
    pub fn new(live: Live) -> Scorer {
        Scorer { live, bag: Bag::new(), now: Vec::new(), tally: Tally::default(), guesses: None }
    }

    /// Bits of a whole piece from its first step on.
    pub fn piece(&mut self, prepared: &Prepared) {
        let piece = &*prepared.piece;
        let cut = Cut { start: 0, unscored: 0, shift: 0, told: Told::STYLE, blend: None };
        let style = prepared.style(&cut);
        let mut history = History::new(StepIndex(0));
        let mut notes = piece.notes.iter().peekable();
        self.live.reset();
        for step in 0..piece.steps {
            self.now.clear();
            while let Some(note) = notes.next_if(|n| n.step <= step) {
                self.now.push(HeardNote { role: note.role, note: note.note });
            }
            let place = prepared.place(step);
            let scene = Scene::of(&history, &place);
            let conditions = conditions(prepared, &cut, place, &style);
            token::scene_features(&scene, &conditions, &mut self.bag);
            self.live.step(&self.bag);
            for role in ROLES.into_iter().filter(|r| piece.roles[r.index()]) {
                let bits = self.role(role, &history, &scene, &conditions, (piece.has_velocity, piece.is_performed));
                self.tally.roles[role.index()].add(&bits);
            }
            history.push(&self.now);
        }
    }

    /// Bits of what a role plays in a step.
    fn role(
        &mut self,
        role: Role,
        history: &History,
        scene: &Scene,
        conditions: &Conditions,
        scored: (bool, bool),
    ) -> Bits {
        let mut bits = Bits { steps: 1, ..Bits::default() };
        let others = &self.now[..self.now.partition_point(|h| h.role < role)];
        token::decision_base(scene, conditions, role, others, &mut self.bag);
        self.live.begin(&self.bag);
        let before = others.last().map(|h| h.note);
        let chosen = choices(&self.now, role);
        let mut last = 0;
        for i in 0..=chosen.len().min(NOTES_PER_STEP - 1) {
            let class = chosen.get(i).map_or(classes::END, |c| c.0);
            let logits = self.live.decide(role, token::count_row(i));
            // Notes are listed upwards: what lies below the last one is out of the question.
            bits.choice += of_class(logits, class, |c| c == classes::END || c > last);
            if let Some((class, note)) = chosen.get(i) {
                let now = i.checked_sub(1).map(|i| &chosen[i].1).or(before.as_ref());
                token::detail_features(history, &conditions.place, role, *class, now, &mut self.bag);
                self.note(role, note, scored, &mut bits);
                last = *class;
                if let Some(row) = token::note_row(role, note.pitch) {
                    self.live.add_context(row, 1.0);
                }
            }
        }
        bits
    }

    fn note(&mut self, role: Role, note: &StepNote, scored: (bool, bool), bits: &mut Bits) {
        bits.notes += 1;
        if role == Role::Drums && self.guesses.is_some() {
            let guess = self.guess();
            self.guesses.iter_mut().for_each(|all| all.push(guess));
        }
        self.live.begin_detail(&self.bag);
        let mut duration = DURATIONS;
        if role.is_pitched() {
            duration = classes::duration_class(note.duration_steps);
            bits.duration += of_class(self.live.durations(), duration, |_| true);
        }
        let velocity = classes::velocity_class(note.velocity);
        let velocity_bits = of_class(self.live.velocities(duration), velocity, |_| true);
        let offset = classes::offset_class(note.offset_ticks);
        let offset_bits = of_class(self.live.offsets(velocity), offset, |_| true);
        if scored.0 {
            (bits.velocity, bits.velocity_notes) = (bits.velocity + velocity_bits, bits.velocity_notes + 1);
        }
        if scored.1 {
            (bits.offset, bits.offset_notes) = (bits.offset + offset_bits, bits.offset_notes + 1);
        }
    }
}

impl Scorer {
    /// What is expected of the drum whose rows are in the bag.
    fn guess(&mut self) -> Guess {
        let mut guess = Guess::default();
        self.live.begin_detail(&self.bag);
        shares(self.live.velocities(DURATIONS), &mut guess.velocity);
        for (velocity, weight) in guess.velocity.into_iter().enumerate() {
            let mut offset = [0.0; OFFSET_CLASSES];
            self.live.begin_detail(&self.bag);
            shares(self.live.offsets(velocity), &mut offset);
            guess.offset.iter_mut().zip(offset).for_each(|(sum, p)| *sum += weight * p);
        }
        guess
    }
}

/// Probabilities of classes.
fn shares(logits: &[f32], out: &mut [f64]) {
    let most = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    out.iter_mut().zip(logits).for_each(|(p, x)| *p = f64::from(x - most).exp());
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|p| *p /= sum);
}

/// Bits of a class among those that are possible.
fn of_class(logits: &[f32], class: usize, possible: impl Fn(usize) -> bool) -> f64 {
    let possible = || logits.iter().enumerate().filter(|(c, _)| possible(*c)).map(|(_, x)| f64::from(*x));
    let most = possible().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = possible().map(|x| (x - most).exp()).sum();
    (most + sum.ln() - logits.get(class).map_or(f64::NEG_INFINITY, |x| f64::from(*x))) / std::f64::consts::LN_2
}

impl std::fmt::Display for LiveReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let notes = self.rows.first().map_or(0, |r| r.tally.all().notes);
        let LiveReport { split, pieces, steps, path, .. } = self;
        writeln!(
            f,
            "{split:?} split, live step ({path}): {} of {} pieces, {steps} steps, {notes} notes\n",
            pieces.0, pieces.1
        )?;
        writeln!(
            f,
            "{:<12}{:>8}{:>10}{:>8}{:>8}{:>8}{:>8}",
            "bits/note", "all", "cost", "drums", "bass", "chords", "lead"
        )?;
        for row in &self.rows {
            write!(f, "{:<12}{:>8.4}{:>+10.4}", row.precision, row.bits_per_note, row.cost)?;
            for bits in &row.tally.roles {
                if bits.notes > 0 { write!(f, "{:>8.3}", bits.per_note())? } else { write!(f, "{:>8}", "-")? }
            }
            writeln!(f)?;
        }
        writeln!(f, "\na step of the band, ms{:>6}{:>10}", "p50", "p99")?;
        for row in &self.rows {
            writeln!(f, "{:<20}{:>8.3}{:>10.3}", row.precision, row.step_us[0] / 1000.0, row.step_us[1] / 1000.0)?;
        }
        Ok(())
    }
}
