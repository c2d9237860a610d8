//! The trial's report: figures by name, and as text.

use super::bars::MEASURES;
use super::follow::Follow;
use super::masks::Mask;
use super::sweep::{Reaction, Sweep};
use serde::Serialize;
use std::fmt::{Display, Formatter, Result};

/// Everything that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialReport {
    /// Engine of all parts.
    pub engine: String,
    /// Seeds of each request.
    pub seeds: u64,
    /// Bars that were measured of each.
    pub bars: u64,
    /// Every control and role.
    pub sweeps: Vec<Sweep>,
    /// How soon requests are followed.
    pub reactions: Vec<Reaction>,
    /// What is forbidden.
    pub masks: Vec<Mask>,
    /// Whether a melody follows a harmony.
    pub follows: Vec<Follow>,
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>8}", "-"), |v| format!("{v:>8.2}"))
}

impl Display for TrialReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "engine {}, {} seeds x {} bars a value, one role turned, the others free",
            self.engine, self.seeds, self.bars
        )?;
        let names: String = MEASURES.iter().map(|m| format!("{:>12}", m.1)).collect();
        writeln!(f, "\nasked and played, rank correlation over bars; and with what else moves (leaks)")?;
        writeln!(f, "{:<14}{:<8}{:>8}   {names}", "", "", "obeyed")?;
        for s in &self.sweeps {
            let leaks: String = s.leaks.iter().map(|l| format!("    {}", cell(*l))).collect();
            writeln!(f, "{:<14}{:<8}{}   {leaks}", s.control, s.role, cell(s.obeyed))?;
        }
        writeln!(f, "\nasked: played (mean)")?;
        for s in &self.sweeps {
            let levels: Vec<String> = s.levels.iter().map(|(asked, got)| format!("{asked}: {got:.2}")).collect();
            writeln!(f, "{:<14}{:<8}{}", s.control, s.role, levels.join("  "))?;
        }
        writeln!(
            f,
            "\na jump from the lowest to the highest value: means of two bars before, three after; way gone in the first bar"
        )?;
        for r in &self.reactions {
            let bars: String = r.bars.iter().map(|b| format!("{b:>8.2}")).collect();
            writeln!(f, "{:<14}{:<8}{bars}   {}", r.control, r.role, cell(r.first_bar))?;
        }
        writeln!(f, "\nforbidden, at temperature 2.5")?;
        for m in &self.masks {
            writeln!(f, "{:<22}{:>8} notes, {} outside", m.name, m.notes, m.broken)?;
        }
        writeln!(
            f,
            "\nchord tones of a lead over random triads, by what it knows of them; chance: over other takes' triads"
        )?;
        for w in &self.follows {
            writeln!(f, "{:<26}{:>6} notes {:>7.3} chance {:>7.3}", w.name, w.notes, w.chord_tones, w.chance)?;
        }
        Ok(())
    }
}
