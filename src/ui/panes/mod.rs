//! The panes, and their table.

mod editor;
mod log;
mod map;
mod meters;
mod parts;
mod roll;
pub(super) mod small;
pub(super) mod status;
mod training;
mod transport;

use super::App;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each variant is documented by its row
pub enum Pane {
    Transport,
    Roll,
    Editor,
    Parts,
    Map,
    Training,
    Log,
    Meters,
}

/// One row of [`PANES`].
#[derive(Clone, Copy)]
pub struct PaneInfo {
    /// Which.
    pub pane: Pane,
    /// Its title.
    pub name: &'static str,
    /// The key that leads to it; empty when it cannot be focused.
    pub key: &'static str,
    /// What it shows.
    pub doc: &'static str,
    /// Width and height from which it is of use; below, it draws what fits.
    pub least: (u16, u16),
    /// Draws it; at any size.
    pub draw: fn(&mut App, Rect, &mut Buffer),
}

/// Every pane, in the order in which Tab goes through them.
#[rustfmt::skip]
pub const PANES: &[PaneInfo] = &[
    PaneInfo { pane: Pane::Transport, name: "transport", key: "", doc: "Tempo, place, section, key and chord, what waits for its moment.", least: (32, 2), draw: transport::draw },
    PaneInfo { pane: Pane::Roll, name: "roll", key: "F2", doc: "What was played, what sounds, and the bars that the models plan: choose one to freeze, veto or re-roll it.", least: (32, 4), draw: roll::draw },
    PaneInfo { pane: Pane::Editor, name: "editor", key: "F3", doc: "The set's text: F5 launches it now, F6 at the next bar line, F7 with the next section.", least: (24, 3), draw: editor::draw },
    PaneInfo { pane: Pane::Parts, name: "parts", key: "F4", doc: "Every knob of every part: + and - turn it, 0 gives it back, Enter types a value. ~ marks a signal, a dot what is left to the model.", least: (32, 4), draw: parts::draw },
    PaneInfo { pane: Pane::Map, name: "map", key: "Ctrl-E", doc: "The latent space of the part's generator: ● where it is, ○ its bar, ◎ where it goes, ◆ points; arrows and mouse move it, p makes a point, Enter goes to the chosen one.", least: (32, 6), draw: map::draw },
    PaneInfo { pane: Pane::Training, name: "training", key: "Ctrl-D", doc: "A training run: its curve while learning and on valid (◆), how fast, how long, a bar that it would play; Enter lets the part play its newest weights from the next bar line on.", least: (32, 6), draw: training::draw },
    PaneInfo { pane: Pane::Log, name: "log", key: "Ctrl-L", doc: "What the rooms have to say, newest last.", least: (20, 2), draw: log::draw },
    PaneInfo { pane: Pane::Meters, name: "meters", key: "", doc: "Time used of the step, lateness, load of the sound thread, voices, peaks.", least: (20, 2), draw: meters::draw },
];
