//! The report: figures by name, and as text.

use super::control::Control;
use super::ear::{Hearing, Taste};
use super::figures::{Figures, Row};
use super::gap::{Gap, Tables};
use super::judge::Judge;
use super::table::METRICS;
use super::walk::Smoothness;
use crate::corpus::Split;
use crate::music::{ROLES, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

/// What was evaluated, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Head {
    /// The reference split.
    pub split: Split,
    /// The other held-out split.
    pub other: Split,
    /// Name and hash of the model.
    pub model: String,
    /// Seeds of the latent vectors.
    pub seeds: Vec<u64>,
    /// Windows asked of each role.
    pub windows: [usize; ROLES.len()],
    /// A number for the list of windows.
    pub windows_hash: String,
    /// Which list it is, 1 the first.
    pub list: usize,
    /// Windows of each role that stand in earlier lists too.
    pub repeated: [usize; ROLES.len()],
    /// Corpora and how many of the windows are theirs.
    pub corpora: Vec<(String, usize)>,
    /// How long it took.
    pub seconds: f64,
}

/// One line of the table of one role.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Who.
    pub role: Role,
    /// What; one of `table::METRICS`.
    pub metric: &'static str,
    /// Real: train, the reference split, the other held-out split, each over all its windows.
    pub real: [Option<f64>; 3],
    /// Real, in the windows that were asked.
    pub asked: Option<f64>,
    /// Made, the mean of the seeds.
    pub made: Option<f64>,
    /// Deviation over the seeds.
    pub deviation: Option<f64>,
    /// What real music differs by.
    pub floor: Option<f64>,
    /// |made - asked| / floor.
    pub gap: Option<f64>,
    /// |other split - reference| / floor.
    pub real_gap: Option<f64>,
}

/// What is told of the maker alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoleReport {
    /// Who.
    pub role: Role,
    /// Density asked and played.
    pub density: Control,
    /// Register asked and played.
    pub register: Control,
    /// Walks through the latent space.
    pub walk: Option<Smoothness>,
    /// Share of half-way windows within what 98 of 100 real ones have.
    pub middles_usual: Option<f64>,
    /// The ear on real bars against made ones.
    pub ear: Option<Hearing>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GanReport {
    /// What was evaluated.
    pub head: Head,
    /// The table.
    pub lines: Vec<Line>,
    /// Players: real, made, and those beside.
    pub rows: Vec<Row>,
    /// Mean gap of each seed by itself.
    pub seed_gaps: Vec<f64>,
    /// Share of the notes that the maker wanted to start and dropped; `None` when it does not tell.
    pub orphans: Option<f64>,
    /// Controls, walks, the ear.
    pub roles: Vec<RoleReport>,
    /// Gaps of the usual bars and of half-way ones, in the same windows.
    pub middle_gaps: Option<[Gap; 2]>,
    /// What choosing by the ear does.
    pub taste: Option<Taste>,
}

/// The lines of all roles that could be measured.
pub fn lines(judge: &Judge, made: &Tables, deviations: &Tables, gaps: &Tables) -> Vec<Line> {
    let real_gaps = judge.real_gaps();
    let mut lines = Vec::new();
    for (r, role) in ROLES.into_iter().enumerate() {
        for (i, metric) in METRICS.iter().enumerate().filter(|(_, m)| m.roles[r]) {
            let real = judge.real.each_ref().map(|t| t[r][i]);
            if real.iter().any(Option::is_some) {
                lines.push(Line {
                    role,
                    metric: metric.name,
                    real,
                    asked: judge.asked_real[r][i],
                    made: made[r][i],
                    deviation: deviations[r][i],
                    floor: judge.floors[r][i],
                    gap: gaps[r][i],
                    real_gap: real_gaps[r][i],
                });
            }
        }
    }
    lines
}

/// Corpora of the asked windows.
pub fn corpora(judge: &Judge) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for case in (0..ROLES.len()).flat_map(|role| judge.cases(role)) {
        *counts.entry(judge.corpus.pieces[case.window.piece].corpus.clone()).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// A number in a column of eight, or a dash.
fn cell(value: Option<f64>, digits: usize) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| format!("{:>8}", "-"), |v| format!("{v:>8.digits$}"))
}

fn name(split: Split) -> String {
    format!("{split:?}").to_lowercase()
}

impl Display for GanReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let head = &self.head;
        let seeds: Vec<String> = head.seeds.iter().map(u64::to_string).collect();
        let counts: Vec<String> =
            ROLES.iter().zip(head.windows).map(|(role, count)| format!("{} {count}", role.name())).collect();
        let corpora: Vec<String> = head.corpora.iter().map(|c| format!("{} {}", c.0, c.1)).collect();
        writeln!(
            f,
            "{} split, windows of two bars: {} (list {})",
            name(head.split),
            counts.join(", "),
            head.windows_hash
        )?;
        if head.list > 1 {
            let counts: Vec<String> =
                ROLES.iter().zip(head.repeated).map(|(role, count)| format!("{} {count}", role.name())).collect();
            writeln!(f, "list number {}; windows that earlier lists asked too: {}", head.list, counts.join(", "))?;
        }
        writeln!(f, "{}", corpora.join(", "))?;
        writeln!(f, "model {}, seeds {}, {:.0} s", head.model, seeds.join(" "), head.seconds)?;
        self.write_table(f)?;
        self.write_gaps(f)?;
        self.write_figures(f)?;
        self.write_maker(f)
    }
}

impl GanReport {
    /// The table, role by role.
    fn write_table(&self, f: &mut Formatter<'_>) -> Result {
        let (split, other) = (name(self.head.split), name(self.head.other));
        let mut role = None;
        for line in &self.lines {
            if role.replace(line.role) != Some(line.role) {
                write!(f, "\n{:<18}{:>8}{split:>8}{other:>8}{:>8}", line.role.name(), "train", "asked")?;
                writeln!(f, "{:>8}{:>8}{:>8}{:>8}{:>10}", "made", "sd", "floor", "gap", "real gap")?;
            }
            write!(f, "{:<18}", line.metric)?;
            for value in line.real.iter().chain([&line.asked, &line.made, &line.deviation, &line.floor]) {
                write!(f, "{}", cell(*value, 3))?;
            }
            writeln!(f, "{}{:>10}", cell(line.gap, 1), cell(line.real_gap, 1))?;
        }
        let orphans = self.orphans.map_or("not told by the maker".into(), |o| format!("{o:.3}"));
        writeln!(f, "\norphan onsets (none among the notes): {orphans}")
    }

    fn write_gaps(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "\n{:<26}{:>8}{:>8}", "normalised gap", "mean", "median")?;
        ROLES.iter().try_for_each(|role| write!(f, "{:>8}", role.name()))?;
        writeln!(f)?;
        let mut line = |name: &str, gap: &Gap| {
            write!(f, "{name:<26}{}{}", cell(Some(gap.mean), 2), cell(Some(gap.median), 2))?;
            gap.roles.iter().try_for_each(|g| write!(f, "{}", cell(*g, 2)))?;
            writeln!(f)
        };
        self.rows.iter().try_for_each(|row| line(&row.name, &row.gap))?;
        if let Some([usual, middles]) = &self.middle_gaps {
            line("made, fewer windows", usual)?;
            line("made, half-way places", middles)?;
        }
        if let Some(taste) = &self.taste {
            line(&format!("made, {} windows a role", taste.windows), &taste.gaps[0])?;
            line(&format!("made, best of {}", taste.candidates), &taste.gaps[1])?;
            line(&format!("made, worst of {}", taste.candidates), &taste.gaps[2])?;
        }
        let seeds: Vec<String> = self.seed_gaps.iter().map(|g| format!("{g:.2}")).collect();
        writeln!(f, "made, seed by seed: {}", seeds.join(" "))?;
        if let Some(Taste { candidates, bar_ms: [one, all], .. }) = self.taste {
            writeln!(f, "a bar takes {one:.2} ms of processor time, the best of {candidates} {all:.2} ms")?;
        }
        Ok(())
    }

    /// What is told of every player.
    fn write_figures(&self, f: &mut Formatter<'_>) -> Result {
        for (title, digits, value) in FIGURES {
            if self.rows.iter().flat_map(|r| &r.roles).all(|x| value(x).is_none()) {
                continue;
            }
            write!(f, "\n{title:<42}")?;
            ROLES.iter().try_for_each(|role| write!(f, "{:>8}", role.name()))?;
            writeln!(f)?;
            for row in self.rows.iter().filter(|r| r.roles.iter().any(|x| value(x).is_some())) {
                write!(f, "{:<42}", row.name)?;
                row.roles.iter().try_for_each(|figures| write!(f, "{}", cell(value(figures), *digits)))?;
                writeln!(f)?;
            }
        }
        Ok(())
    }

    /// What is told of the maker alone.
    fn write_maker(&self, f: &mut Formatter<'_>) -> Result {
        if self.roles.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:<42}", "made")?;
        ROLES.iter().try_for_each(|role| write!(f, "{:>8}", role.name()))?;
        writeln!(f)?;
        for (title, digits, value) in MAKER {
            let values: Vec<Option<f64>> = self.roles.iter().map(value).collect();
            if values.iter().any(Option::is_some) {
                write!(f, "{title:<42}")?;
                values.into_iter().try_for_each(|v| write!(f, "{}", cell(v, *digits)))?;
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

type Column<T> = (&'static str, usize, fn(&T) -> Option<f64>);

/// Figures of every player: title, digits, value.
const FIGURES: &[Column<Figures>] = &[
    ("notes of two steps or more, to real", 3, |x| x.long_notes),
    ("chord tones, to real", 3, |x| x.chord_tones),
    ("density asked and played (Spearman)", 3, |x| x.density),
    ("register asked and played (Spearman)", 3, |x| x.register),
    ("distinct bars", 3, |x| Some(x.diversity.distinct)),
    ("onset cells to the nearest train bar", 2, |x| Some(x.diversity.nearest)),
    ("bars that are in train", 3, |x| Some(x.diversity.copies)),
    ("windows of 8 notes or more in train", 3, |x| x.diversity.memorised),
    ("windows within 98 % of real ones", 3, |x| x.usual),
    ("told from real by a classifier (0.5: not)", 3, |x| x.told_apart),
    ("Fréchet distance of features", 2, |x| x.frechet),
];

/// Figures of the maker.
const MAKER: &[Column<RoleReport>] = &[
    ("density over nine levels (Spearman)", 3, |x| x.density.swept),
    ("register over nine levels (Spearman)", 3, |x| x.register.swept),
    ("walk: a 16th of the way changes", 3, |x| x.walk.map(|w| w.step)),
    ("walk: the largest step changes", 3, |x| x.walk.map(|w| w.largest)),
    ("walk: cells between the ends", 1, |x| x.walk.map(|w| w.ends)),
    ("half-way windows within 98 % of real ones", 3, |x| x.middles_usual),
    ("ear: right about real and made", 3, |x| x.ear.map(|e| e.accuracy)),
    ("ear: real scored higher", 3, |x| x.ear.map(|e| e.order)),
    ("ear: mean score of real bars", 2, |x| x.ear.map(|e| e.scores[0])),
    ("ear: mean score of made bars", 2, |x| x.ear.map(|e| e.scores[1])),
];
