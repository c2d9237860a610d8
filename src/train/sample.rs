//! A sample bar as text: what a model that is still learning would play.

use crate::engine::lstm::{LstmPart, Packed};
use crate::engine::{Ask, Engine, Heard, HeardNote, History};
use crate::music::{Chance, Chord, Key, ROLES, Role, StepNotes, StyleBlend, grid};
use crate::time::{BarMap, StepIndex};
use std::sync::Arc;

/// Width and height of the plot beside it, in cells.
pub const PLOT: (usize, usize) = (60, 6);
/// Steps that are played; the last bar of them is shown.
const STEPS: u64 = 32;
/// Steps that are shown: a bar of 4/4.
const BAR: u64 = 16;

/// Text grids of bars, each under the name of its role.
pub fn grids(bars: &[(Role, Vec<StepNotes>)]) -> String {
    let text = bars.iter().map(|(role, steps)| {
        let grid = if role.is_pitched() { grid::print_roll(steps) } else { grid::print_drums(steps) };
        format!("{}:\n{}\n", role.name(), grid.trim_end())
    });
    text.collect::<String>().trim_end().to_string()
}

/// The second bar that a band of these roles plays from silence: 4/4 in C major over C, always with the same chance.
pub fn band(packed: Arc<Packed>, style: Option<&str>, roles: [bool; 4]) -> String {
    let map = BarMap::default();
    let mut parts: Vec<_> = ROLES
        .into_iter()
        .filter(|r| roles[r.index()])
        .map(|role| (role, LstmPart::new(packed.clone()), Vec::new()))
        .collect();
    let mut history = History::new(StepIndex(0));
    let mut out = StepNotes::EMPTY;
    for step in 0..STEPS {
        let mut now: Vec<HeardNote> = Vec::new();
        for (role, part, bar) in &mut parts {
            let mut ask = Ask::new(map.place(StepIndex(step)), *role, Chance::new(1).fold(role.index() as u64));
            ROLES.iter().for_each(|r| ask.band[r.index()].present = roles[r.index()]);
            (ask.key, ask.chord) = (Key::parse("C major"), Chord::parse("C"));
            ask.style = style.map_or_else(StyleBlend::default, |name| StyleBlend::new(&[(name, 1.0)]));
            // A net whose numbers went wrong is silent here; the loss says so.
            if part.next_step(&ask, &Heard { history: &history, now: &now }, &mut out).is_err() {
                out.clear();
            }
            now.extend(out.iter().map(|note| HeardNote { role: *role, note: *note }));
            if step >= STEPS - BAR {
                bar.push(out);
            }
        }
        history.push(&now);
    }
    grids(&parts.into_iter().map(|(role, _, bar)| (role, bar)).collect::<Vec<_>>())
}
