//! Figures of one row of the report: what is told of every player alike, role by role.

use super::classify::Classifier;
use super::control::{self, Which};
use super::diversity::{Diversity, Memory};
use super::features::{Features, Scale, features};
use super::gap::{Gap, Tables};
use super::judge::{Judge, Takes};
use super::matrix::frechet;
use super::table::{Sums, line};
use super::walk;
use super::windows::{Case, Take};
use crate::music::{Chance, Purpose, ROLES};
use serde::Serialize;
use std::collections::BTreeSet;

/// What one player did in one role.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Share of notes of two steps and more, relative to what was really played in the same windows.
    pub long_notes: Option<f64>,
    /// Share of chord tones, likewise.
    pub chord_tones: Option<f64>,
    /// Rank correlation of asked and played density.
    pub density: Option<f64>,
    /// Of asked and played register.
    pub register: Option<f64>,
    /// Distinct bars, distance to the train split; a window that was asked several times counts once.
    pub diversity: Diversity,
    /// Share of windows within what 98 of 100 real ones have in notes, pitches, length and cells.
    pub usual: Option<f64>,
    /// Accuracy of a frozen classifier between these windows and the real ones that were asked: 0.5 cannot tell. Less is no better:
    /// bars shuffled from other works are told the wrong way round, since those works are more often in the other half.
    pub told_apart: Option<f64>,
    /// Fréchet distance of their features, in units of the train split's deviations.
    pub frechet: Option<f64>,
}

/// One player.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Who.
    pub name: String,
    /// The gaps in short.
    pub gap: Gap,
    /// Role by role.
    pub roles: [Figures; ROLES.len()],
}

/// What figures are measured with, made once.
pub struct Yardstick<'a> {
    judge: &'a Judge<'a>,
    memories: Vec<Memory>,
    scales: Vec<Scale>,
    real: Vec<Vec<Features>>,
}

impl<'a> Yardstick<'a> {
    /// Remembers the train split.
    pub fn new(judge: &'a Judge<'a>) -> Yardstick<'a> {
        let of = |cases: &[Case]| -> Vec<Features> { cases.iter().map(|c| features(c, &c.real)).collect() };
        let memory = |role: usize| Memory::new(ROLES[role], &judge.train[role], judge.corpus);
        Yardstick {
            judge,
            memories: (0..ROLES.len()).map(memory).collect(),
            scales: judge.train.iter().map(|cases| Scale::of(&of(cases))).collect(),
            real: (0..ROLES.len()).map(|role| of(judge.cases(role))).collect(),
        }
    }

    /// The row of takes of the asked windows.
    pub fn row(&self, name: &str, takes: &Takes, gaps: &Tables) -> Row {
        let roles = std::array::from_fn(|role| self.figures(role, self.judge.cases(role), &takes[role], true));
        Row { name: name.to_owned(), gap: Gap::of(gaps), roles }
    }

    /// The row of the other held-out split.
    pub fn real_row(&self) -> Row {
        let judge = self.judge;
        let roles = std::array::from_fn(|role| {
            let cases = &judge.others[role];
            let takes: Vec<Take> = cases.iter().map(|c| c.real.clone()).collect();
            self.figures(role, cases, &takes, false)
        });
        let name = format!("real, {} split", format!("{:?}", judge.other).to_lowercase());
        Row { name, gap: Gap::of(&judge.real_gaps()), roles }
    }

    /// `cases` are the windows that the takes were played in; `is_answer` tells whether they were asked for.
    fn figures(&self, role: usize, cases: &[Case], takes: &[Take], is_answer: bool) -> Figures {
        let judge = self.judge;
        let made = Sums::of(cases.iter().zip(takes));
        let real = Sums::of(cases.iter().take(takes.len()).map(|c| (c, &c.real)));
        let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?).filter(|r| r.is_finite());
        let long = |sums: &Sums| sums.table(role)[line("two steps or more")];
        let asked = |which| control::measured(judge, role, takes, which).filter(|_| is_answer);
        let scaled = |all: &[Features]| -> Vec<Features> { all.iter().map(|f| self.scales[role].apply(f)).collect() };
        let made_features: Vec<Features> = cases.iter().zip(takes).map(|(c, t)| features(c, t)).collect();
        let (made_features, real_features) = (scaled(&made_features), scaled(&self.real[role]));
        Figures {
            long_notes: ratio(long(&made), long(&real)),
            chord_tones: ratio(made.chord_rate(), real.chord_rate()),
            density: asked(Which::Density),
            register: asked(Which::Register),
            diversity: self.memories[role].of(ROLES[role], &once(cases, takes)),
            usual: walk::within_real(judge, role, takes),
            told_apart: self.told_apart(role, cases, &made_features, &real_features),
            frechet: frechet(&made_features, &real_features),
        }
    }

    /// Halves are by work: what is tested was never seen.
    fn told_apart(&self, role: usize, cases: &[Case], made: &[Features], real: &[Features]) -> Option<f64> {
        let half = |cases: &[Case], all: &[Features], half: u64| -> Vec<Features> {
            let is_in = |case: &Case| {
                let piece = &self.judge.corpus.pieces[case.window.piece];
                Chance::new(Chance::name(&piece.work)).below(Purpose::Train, 1, 0, 2) == half
            };
            cases.iter().zip(all).filter(|(c, _)| is_in(c)).map(|(_, f)| *f).collect()
        };
        let asked = self.judge.cases(role);
        let classifier = Classifier::train(&half(asked, real, 0), &half(cases, made, 0));
        classifier.accuracy(&half(asked, real, 1), &half(cases, made, 1))
    }
}

/// The takes of each window's first appearance: small corpora are asked for some windows several times, and what was really played in
/// them would count as repetition.
fn once<'t>(cases: &[Case], takes: &'t [Take]) -> Vec<&'t Take> {
    let mut seen = BTreeSet::new();
    let mut is_first = |case: &Case| seen.insert((case.window.piece, case.window.bars[0].first.0));
    cases.iter().zip(takes).filter(|(case, _)| is_first(case)).map(|(_, take)| take).collect()
}
