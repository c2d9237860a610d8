//! Trial: does the instrument do what it is asked?
//!
//! Owns: sets that turn one control at a time ([`sweep`]), what is measured of what they play ([`bars`]), what stays forbidden under
//! hostile sets ([`masks`]), whether a melody follows a harmony ([`follow`]), the report,
//! styles by a classifier ([`styles`]).
//! Called from: `eval --controls` and `eval --styles` on the command line, tests. Everything is rendered through the same session and player as on stage.
//! Units: requests in the units of `steer::CONTROLS`; measures per bar, see [`bars::Measure`].
//!
//! Invariants
//! - The same models and options give the same report.
//! - A request is never measured in the bar in which it begins.
//!
//! Not here: likelihoods and likeness to real music (`train`).

pub mod bars;
pub mod follow;
pub mod masks;
pub mod report;
pub mod styles;
pub mod sweep;

pub use follow::Open;
pub use report::TrialReport;

use crate::conductor::render::Rendered;

/// Plays so many bars of a set's text with a seed.
pub type Play<'a> = &'a mut dyn FnMut(&str, u64, u64) -> Result<Rendered, String>;

/// How much is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// Engine of all parts.
    pub engine: String,
    /// Seeds of each request.
    pub seeds: u64,
    /// Bars that are measured of each.
    pub bars: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { engine: "lstm".into(), seeds: 3, bars: 6 }
    }
}

/// Runs the whole trial: `play` renders sets, `open` makes single parts. `say` is told what is being done.
///
/// # Errors
/// One sentence: a set that cannot be played.
pub fn run(options: &Options, play: Play, open: Open, say: &mut dyn FnMut(&str)) -> Result<TrialReport, String> {
    let mut sweeps = Vec::new();
    for asked in sweep::REQUESTS {
        for role in asked.roles.iter().copied() {
            say(&format!("{} of {}", asked.name, role.name()));
            sweeps.push(sweep::run(asked, role, options, play)?);
        }
    }
    say("masks");
    let masks = masks::run(options, play)?;
    say("reactions");
    let reactions = sweep::reactions(options, play)?;
    say("harmony");
    let follows = follow::run(4 * options.seeds, open)?;
    Ok(TrialReport {
        engine: options.engine.clone(),
        seeds: options.seeds,
        bars: options.bars,
        sweeps,
        reactions,
        masks,
        follows,
    })
}
