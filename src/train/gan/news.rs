//! What a run of the GAN says while it goes on, and how it notices that the game is over.

use super::game::Turn;
use crate::engine::gan::shape::Family;
use std::path::PathBuf;

/// One piece of news; its `Display` is one line.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A family has too little to learn from.
    LeftOut {
        /// Which.
        family: Family,
        /// Its bars.
        bars: usize,
    },
    /// A family begins.
    Start {
        /// Which.
        family: Family,
        /// Bars to learn from.
        bars: usize,
        /// Numbers in generator and critic.
        parameters: [usize; 2],
        /// Updates done by earlier runs.
        updates: u64,
    },
    /// Some updates were done.
    Progress {
        /// Which family.
        family: Family,
        /// Updates in all.
        update: u64,
        /// Updates wanted, when the run is counted in updates.
        of: Option<u64>,
        /// Means since the last report.
        mean: Turn,
        /// Updates a second.
        speed: f64,
        /// Seconds until the end, about.
        left: f64,
    },
    /// How good the generator is on held-out music, and a bar that it makes.
    Trend {
        /// Which family.
        family: Family,
        /// Updates in all.
        update: u64,
        /// The main figures of `eval` on a few windows; `None` when there is nothing held out.
        figures: Option<String>,
        /// Text grids.
        sample: String,
    },
    /// Something is going wrong.
    Warning {
        /// Which family.
        family: Family,
        /// What, and what to do.
        why: &'static str,
    },
    /// What is done after the game, and how far it is.
    Finish(String),
    /// A model file was written.
    Saved {
        /// Where.
        path: PathBuf,
    },
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            News::LeftOut { family, bars } => {
                write!(f, "{}: only {bars} bars to learn from, left out", family.name())
            }
            News::Start { family, bars, parameters: [g, d], updates } => write!(
                f,
                "{}: {bars} bars to learn from; generator {:.2} M, critic {:.2} M parameters; {updates} updates done",
                family.name(),
                *g as f64 / 1e6,
                *d as f64 / 1e6
            ),
            News::Progress { family, update, of, mean, speed, left } => {
                let of = of.map_or(String::new(), |u| format!("/{u}"));
                let rebuilt = match mean.rebuilt {
                    0.0 => String::new(),
                    nats => format!("  rebuilt {nats:.1}"),
                };
                write!(
                    f,
                    "{} {update}{of}  critic {:.3}  generator {:.3}  critic is right {:.0} %  counts {:.3}  controls {:.3}  \
                     difference {:.2}{rebuilt}  {speed:.1} updates/s  {} left",
                    family.name(),
                    mean.critic,
                    mean.generator,
                    mean.balance * 100.0,
                    mean.counts,
                    mean.controls,
                    mean.difference,
                    crate::train::report::clock(*left)
                )
            }
            News::Trend { family, update, figures, sample } => {
                let figures = figures.as_deref().unwrap_or("nothing is held out to measure with");
                write!(f, "{} at {update}: {figures}\n{sample}", family.name())
            }
            News::Warning { family, why } => write!(f, "{}: {why}", family.name()),
            News::Finish(what) => f.write_str(what),
            News::Saved { path } => write!(f, "saved {}", path.display()),
        }
    }
}

impl Turn {
    /// Sum of two turns, number by number.
    pub fn plus(&self, other: &Turn) -> Turn {
        Turn {
            critic: self.critic + other.critic,
            generator: self.generator + other.generator,
            balance: self.balance + other.balance,
            counts: self.counts + other.counts,
            controls: self.controls + other.controls,
            rebuilt: self.rebuilt + other.rebuilt,
            difference: self.difference + other.difference,
        }
    }
    /// All numbers times `by`.
    pub fn times(&self, by: f32) -> Turn {
        Turn {
            critic: self.critic * by,
            generator: self.generator * by,
            balance: self.balance * by,
            counts: self.counts * by,
            controls: self.controls * by,
            rebuilt: self.rebuilt * by,
            difference: self.difference * by,
        }
    }
}

/// Watches for the two ways in which a game ends: one bar for all latents, and a critic that cannot be fooled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collapse {
    same: u32,
    lost: u32,
}

impl Collapse {
    /// Looks at the means of a report; says what is wrong when it has been so for three reports, once each time.
    pub fn notice(&mut self, mean: &Turn) -> Option<&'static str> {
        let count = |so_far: u32, is_bad: bool| if is_bad { so_far + 1 } else { 0 };
        self.same = count(self.same, mean.difference < 0.05);
        self.lost = count(self.lost, mean.balance > 0.985 && mean.generator > 4.0);
        if self.same == 3 {
            return Some(
                "the generator has collapsed: other latents give the same bar; raise --modes, or start again with another seed",
            );
        }
        if self.lost == 3 {
            return Some(
                "the critic tells every bar and the generator learns little from it; raise --penalty, or lower --rate",
            );
        }
        None
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_collapse_is_said_once_when_it_lasts() {
        let bad = Turn { difference: 0.01, balance: 0.7, ..Turn::default() };
        let good = Turn { difference: 0.4, ..bad };
        let mut watch = Collapse::default();
        let said: Vec<bool> = [bad, bad, good, bad, bad, bad, bad].iter().map(|t| watch.notice(t).is_some()).collect();
        assert_eq!(said, [false, false, false, false, false, true, false]);
        let lost = Turn { difference: 0.4, balance: 1.0, generator: 9.0, ..Turn::default() };
        assert!((0..3).filter_map(|_| watch.notice(&lost)).next().unwrap().contains("critic"));
    }
}
