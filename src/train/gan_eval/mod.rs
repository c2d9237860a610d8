//! Eval of makers of bars: is what they make like real music, is it what was asked, and is it their own?
//!
//! Owns: the windows that are asked ([`windows`]), the table and its gaps ([`table`], [`gap`]), the players beside the maker
//! ([`players`], [`lstm`], [`coin`]), all other figures, [`evaluate`] and [`quick`].
//! Called from: `eval` on the command line, the trainer (for its trend), tests.
//! Units: shares and ratios 0..=1, lengths in steps, gaps in differences of real music.
//!
//! Protocol: splits by work; windows of two bars of one role, drawn from the reference split in the mixture of the train split; the scene
//! holds the real chords, key, style, density and register and what was really heard before; the second bar follows the made first one,
//! beside partners who play what they really played. Gap of a line = |made - really played in these windows| / what two disjoint real
//! splits differ by (at least 1 %). The mean is over all lines and roles.
//!
//! Invariants
//! - The same corpus, options and maker give the same report, but for its seconds and milliseconds.
//! - Nothing is chosen by the split that is reported; the reference is the valid split unless the test split is asked for.
//!
//! Not here: bits a note (`eval`), the nets (`engine::gan`).

pub mod classify;
pub mod coin;
pub mod control;
pub mod diversity;
pub mod ear;
pub mod features;
pub mod figures;
pub mod gap;
pub mod judge;
pub mod lstm;
pub mod matrix;
pub mod players;
pub mod quick;
pub mod report;
pub mod roll;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tonal;
pub mod walk;
pub mod windows;

pub use judge::Judge;
pub use players::Watch;
pub use quick::{Quick, quick, quick_of};
pub use report::GanReport;

use super::report::TrainError;
use crate::corpus::{Corpus, Split};
use crate::engine::gan::{BarMaker, Ear};
use crate::engine::lstm::Packed;
use crate::music::ROLES;
use control::{Control, Which};
use figures::{Row, Yardstick};
use judge::Takes;
use report::RoleReport;
use std::sync::Arc;
use std::time::Instant;

/// What to evaluate with.
#[derive(Clone)]
pub struct Options {
    /// The reference: what is asked and measured against.
    pub split: Split,
    /// Windows of each role.
    pub windows: usize,
    /// Seeds of the maker's latent vectors.
    pub seeds: Vec<u64>,
    /// Seed of the order of windows.
    pub list_seed: u64,
    /// Which list in that order, 1 the first.
    pub list: usize,
    /// The band LSTM, for a row beside.
    pub lstm: Option<Arc<Packed>>,
    /// Name and hash of the model, for the report.
    pub model: String,
    /// Candidates for each bar when the ear chooses.
    pub candidates: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            split: Split::Valid,
            windows: 1000,
            seeds: vec![1, 2, 3],
            list_seed: 1,
            list: 1,
            lstm: None,
            model: String::new(),
            candidates: 4,
        }
    }
}

/// Evaluates a maker of bars, and the ear that was trained with it.
///
/// # Errors
/// One sentence: splits without windows, or an interruption.
pub fn evaluate(
    maker: &mut dyn BarMaker,
    mut ear: Option<&mut dyn Ear>,
    corpus: &Corpus,
    options: &Options,
    watch: &mut Watch,
) -> Result<GanReport, TrainError> {
    let start = Instant::now();
    (watch.say)("measuring real music", 0, 1);
    let judge = Judge::with_list(corpus, options.split, options.windows, options.list_seed, options.list);
    check(&judge, options)?;
    let yardstick = Yardstick::new(&judge);
    let each = |seed: &u64| players::made(&judge, maker, *seed, options.windows, watch);
    let made: Vec<Takes> = options.seeds.iter().map(each).collect();
    let orphans = maker.orphans();
    let mut report = compare(&judge, &yardstick, "made", &made, options, watch)?;
    report.orphans = orphans;
    let middles = walk::middles(&judge, maker, options.windows.min(250), watch);
    report.middle_gaps = Some(walk::middle_gaps(&judge, &made[0], &middles));
    for role in 0..ROLES.len() {
        let takes = [&made[0], &middles];
        let told = role_report(&judge, maker, &mut ear, role, takes, &report.rows[1], watch);
        report.roles.push(told);
    }
    report.taste = ear.and_then(|ear| ear::taste(&judge, maker, ear, options.candidates, watch));
    report.head.seconds = start.elapsed().as_secs_f64();
    if watch.is_stopped() { Err(interrupted()) } else { Ok(report) }
}

/// The same table for a band LSTM by itself: what can be told of a player that hears the whole band.
///
/// # Errors
/// As [`evaluate`], and those of the net.
pub fn evaluate_lstm(
    packed: &Arc<Packed>,
    corpus: &Corpus,
    options: &Options,
    watch: &mut Watch,
) -> Result<GanReport, TrainError> {
    let start = Instant::now();
    (watch.say)("measuring real music", 0, 1);
    let judge = Judge::with_list(corpus, options.split, options.windows, options.list_seed, options.list);
    check(&judge, options)?;
    let each = |seed: &u64| lstm::takes(&judge, packed, *seed, options.windows, watch);
    let made: Vec<Takes> = options.seeds.iter().map(each).collect::<Result<_, _>>()?;
    let options = Options { lstm: None, ..options.clone() };
    let mut report = compare(&judge, &Yardstick::new(&judge), "lstm", &made, &options, watch)?;
    report.head.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// The table and the rows: what somebody made with each seed, beside real music and the other players.
fn compare(
    judge: &Judge,
    yardstick: &Yardstick,
    name: &str,
    made: &[Takes],
    options: &Options,
    watch: &mut Watch,
) -> Result<GanReport, TrainError> {
    let tables: Vec<_> = made.iter().map(|takes| judge.measure(takes)).collect();
    let (means, deviations) = gap::over_seeds(&tables);
    let gaps = judge.gaps(&means, options.windows);
    let mut rows = vec![yardstick.real_row(), yardstick.row(name, &made[0], &gaps)];
    rows.extend(beside(judge, yardstick, options, watch)?);
    if watch.is_stopped() {
        return Err(interrupted());
    }
    let head = report::Head {
        split: judge.split,
        other: judge.other,
        model: options.model.clone(),
        seeds: options.seeds.clone(),
        windows: std::array::from_fn(|role| judge.cases(role).len()),
        windows_hash: judge.fingerprint(),
        list: options.list,
        repeated: judge.repeated,
        corpora: report::corpora(judge),
        seconds: 0.0,
    };
    let seed_gaps = tables.iter().map(|t| gap::Gap::of(&judge.gaps(t, options.windows)).mean).collect();
    let lines = report::lines(judge, &means, &deviations, &gaps);
    Ok(GanReport { head, lines, rows, seed_gaps, orphans: None, roles: Vec::new(), middle_gaps: None, taste: None })
}

fn interrupted() -> TrainError {
    TrainError::Data("the evaluation was interrupted".into())
}

fn check(judge: &Judge, options: &Options) -> Result<(), TrainError> {
    let name = |split: Split| format!("{split:?}").to_lowercase();
    let empty = |cases: &judge::Cases| cases.iter().all(Vec::is_empty);
    let none = |split: Split| {
        let name = name(split);
        TrainError::Data(format!("there is nothing to evaluate: no two bars of at most 16 steps in the {name} split"))
    };
    match () {
        () if options.seeds.is_empty() => Err(TrainError::Setting("no seed is given".into())),
        () if empty(&judge.reference) => Err(none(judge.split)),
        () if empty(&judge.train) => Err(none(Split::Train)),
        () => Ok(()),
    }
}

/// The players beside the maker: the LSTM, other windows' bars, coins.
fn beside(judge: &Judge, yardstick: &Yardstick, options: &Options, watch: &mut Watch) -> Result<Vec<Row>, TrainError> {
    let mut rows = Vec::new();
    let seed = options.seeds.first().copied().unwrap_or(1);
    let mut add = |name: &str, takes: Takes| {
        let gaps = judge.gaps(&judge.measure(&takes), options.windows);
        rows.push(yardstick.row(name, &takes, &gaps));
    };
    if let Some(packed) = &options.lstm {
        add("lstm", lstm::takes(judge, packed, seed, options.windows, watch)?);
    }
    add("shuffled real", players::shuffled(judge, seed));
    let mut coin = coin::Coin::count(&judge.train);
    add("coins", players::made(judge, &mut coin, seed, options.windows, watch));
    Ok(rows)
}

/// What is told of the maker alone: controls, walks, the ear.
fn role_report(
    judge: &Judge,
    maker: &mut dyn BarMaker,
    ear: &mut Option<&mut dyn Ear>,
    role: usize,
    takes: [&Takes; 2],
    made: &Row,
    watch: &mut Watch,
) -> RoleReport {
    let mut control = |which: Which, measured: Option<f64>| {
        let (swept, levels) = control::sweep(judge, maker, role, which, watch);
        Control { measured, swept, levels }
    };
    let density = control(Which::Density, made.roles[role].density);
    let register =
        if ROLES[role].is_pitched() { control(Which::Register, made.roles[role].register) } else { Control::default() };
    RoleReport {
        role: ROLES[role],
        density,
        register,
        walk: walk::smoothness(judge, maker, role, watch),
        middles_usual: walk::within_real(judge, role, &takes[1][role]),
        ear: ear.as_mut().and_then(|ear| ear::hearing(judge, *ear, role, &takes[0][role])),
    }
}
