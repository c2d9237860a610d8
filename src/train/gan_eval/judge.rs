//! The judge: the real tables of a corpus, and the windows that makers are asked for.

use super::gap::{self, Gap, Tables};
use super::table::Sums;
use super::windows::{self, Case, Take};
use crate::corpus::{Corpus, Split};
use crate::music::{Chance, ROLES};

/// Cases of every role.
pub type Cases = [Vec<Case>; ROLES.len()];
/// Takes of every role, one for each of the asked cases or the first of them.
pub type Takes = [Vec<Take>; ROLES.len()];

/// Most windows of a role that the real tables are measured on.
const POOL: usize = 6000;

/// What everybody is measured against.
pub struct Judge<'a> {
    /// The music.
    pub corpus: &'a Corpus,
    /// The split that is asked for and measured against.
    pub split: Split,
    /// The other held-out split: real music against real music.
    pub other: Split,
    /// Real windows to learn from.
    pub train: Cases,
    /// Real windows of the reference split.
    pub reference: Cases,
    /// Real windows of the other split, as many as are asked.
    pub others: Cases,
    /// The windows that are asked: the first of the reference.
    pub asked: usize,
    /// How many asked windows of each role stand in earlier lists too: all are, once a corpus has no more.
    pub repeated: [usize; ROLES.len()],
    /// Tables of train, reference and the other split.
    pub real: [Tables; 3],
    /// Table of what was really played in the asked windows.
    pub asked_real: Tables,
    /// What real music differs by.
    pub floors: Tables,
}

impl<'a> Judge<'a> {
    /// Measures real music. `asked` windows of each role are asked of makers, drawn with `seed`.
    pub fn new(corpus: &'a Corpus, split: Split, asked: usize, seed: u64) -> Judge<'a> {
        Judge::with_list(corpus, split, asked, seed, 1)
    }

    /// As [`Judge::new`], with the `list`th list, 1 the first. Lists follow each other in one order of all windows, so that a
    /// later one asks what no earlier one did while a corpus has such windows.
    pub fn with_list(corpus: &'a Corpus, split: Split, asked: usize, seed: u64, list: usize) -> Judge<'a> {
        let other = if split == Split::Test { Split::Valid } else { Split::Test };
        let (chance, before) = (Chance::new(seed), list.saturating_sub(1) * asked);
        let pools = [Split::Train, split, other].map(|split| {
            ROLES.map(|role| {
                let kinds = windows::mixture(corpus, role);
                let count = windows::count(corpus, split, role).min(POOL).max(before + asked);
                let drawn = windows::draw(corpus, split, role, &kinds, count, chance);
                drawn.into_iter().map(|w| Case::new(corpus, w)).collect::<Vec<_>>()
            })
        });
        let real = pools.each_ref().map(|cases| tables(cases, cases_real));
        let [train, mut reference, mut others] = pools;
        let mut repeated = [0; ROLES.len()];
        for (cases, repeated) in reference.iter_mut().zip(&mut repeated) {
            let before = before.min(cases.len());
            cases.rotate_left(before);
            let earlier = &cases[cases.len() - before..];
            let asked = cases.iter().take(asked);
            *repeated = asked.filter(|case| earlier.iter().any(|e| e.window == case.window)).count();
        }
        others.iter_mut().for_each(|cases| cases.truncate(asked));
        let asked_real = tables(&reference, |cases| cases_real(&cases[..asked.min(cases.len())]));
        let floors = gap::floors(&real[0], &real[1]);
        Judge { corpus, split, other, train, reference, others, asked, repeated, real, asked_real, floors }
    }

    /// The asked windows of a role.
    pub fn cases(&self, role: usize) -> &[Case] {
        let cases = &self.reference[role];
        &cases[..self.asked.min(cases.len())]
    }

    /// The table of takes of the asked windows, from the first on.
    pub fn measure(&self, takes: &Takes) -> Tables {
        std::array::from_fn(|role| Sums::of(self.cases(role).iter().zip(&takes[role])).table(role))
    }

    /// The gaps of a table to what was really played in the first `count` asked windows.
    pub fn gaps(&self, made: &Tables, count: usize) -> Tables {
        if count >= self.asked {
            return gap::gaps(made, &self.asked_real, &self.floors);
        }
        let real =
            std::array::from_fn(|role| cases_real(&self.cases(role)[..count.min(self.cases(role).len())]).table(role));
        gap::gaps(made, &real, &self.floors)
    }

    /// The gaps of takes, in short; all roles have as many takes as there are, at most `count`.
    pub fn gap(&self, takes: &Takes, count: usize) -> Gap {
        Gap::of(&self.gaps(&self.measure(takes), count))
    }

    /// The gaps of the other held-out split to the reference, both in full.
    pub fn real_gaps(&self) -> Tables {
        gap::gaps(&self.real[2], &self.real[1], &self.floors)
    }

    /// A number for the list of asked windows.
    pub fn fingerprint(&self) -> String {
        windows::fingerprint(self.corpus, (0..ROLES.len()).flat_map(|role| self.cases(role)).map(|c| &c.window))
    }
}

fn cases_real(cases: &[Case]) -> Sums {
    Sums::of(cases.iter().map(|c| (c, &c.real)))
}

fn tables(cases: &Cases, sums: impl Fn(&[Case]) -> Sums) -> Tables {
    std::array::from_fn(|role| sums(&cases[role]).table(role))
}
