//! The trend of a training run: the main figures on a few windows.

use super::control::{self, Which};
use super::gap::Gap;
use super::judge::{Judge, Takes};
use super::players::{Watch, made};
use super::table::{Sums, line};
use crate::engine::gan::BarMaker;
use crate::music::ROLES;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// The main figures; roles that the corpus lacks are `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quick {
    /// Gaps in short.
    pub gap: Gap,
    /// Share of notes of two steps and more, relative to real: bass, chords and lead.
    pub long_notes: [Option<f64>; ROLES.len()],
    /// Share of chord tones, relative to real.
    pub chord_tones: [Option<f64>; ROLES.len()],
    /// Rank correlation of asked and played density.
    pub density: [Option<f64>; ROLES.len()],
    /// Rank correlation of asked and played register: bass, chords and lead.
    pub register: [Option<f64>; ROLES.len()],
    /// Share of empty bars made, and of real ones.
    pub empty_bars: [[Option<f64>; 2]; ROLES.len()],
}

/// Plays the windows that `judge` asks (64 of each role are enough for a trend) with latent vectors from `seed`.
pub fn quick(judge: &Judge, maker: &mut dyn BarMaker, seed: u64) -> Quick {
    let never = AtomicBool::new(false);
    quick_of(judge, &made(judge, maker, seed, judge.asked, &mut Watch { say: &mut |_, _, _| {}, stop: &never }))
}

/// The same of takes of all asked windows.
pub fn quick_of(judge: &Judge, takes: &Takes) -> Quick {
    let table = judge.measure(takes);
    let real = &judge.asked_real;
    let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?).filter(|r| r.is_finite());
    let (long, empty) = (line("two steps or more"), line("empty bars"));
    let chord_tones = |role: usize| {
        let made = Sums::of(judge.cases(role).iter().zip(&takes[role])).chord_rate();
        ratio(made, Sums::of(judge.cases(role).iter().map(|c| (c, &c.real))).chord_rate())
    };
    Quick {
        gap: Gap::of(&judge.gaps(&table, judge.asked)),
        long_notes: std::array::from_fn(|role| ratio(table[role][long], real[role][long])),
        chord_tones: std::array::from_fn(chord_tones),
        density: std::array::from_fn(|role| control::measured(judge, role, &takes[role], Which::Density)),
        register: std::array::from_fn(|role| control::measured(judge, role, &takes[role], Which::Register)),
        empty_bars: std::array::from_fn(|role| [table[role][empty], real[role][empty]]),
    }
}

impl std::fmt::Display for Quick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "gap {:.2}", self.gap.mean)?;
        for (role, gap) in ROLES.into_iter().zip(self.gap.roles) {
            if let Some(gap) = gap {
                write!(f, ", {} {gap:.2}", role.name())?;
            }
        }
        let figures = [
            ("long notes", &self.long_notes),
            ("chord tones", &self.chord_tones),
            ("density", &self.density),
            ("register", &self.register),
        ];
        for (name, values) in figures {
            write!(f, "; {name}")?;
            for value in values.iter().flatten() {
                write!(f, " {value:.2}")?;
            }
        }
        Ok(())
    }
}
