//! Ui: the screen, the keys and the mouse.
//!
//! Owns: the terminal while it runs, the editor's text, what is focused and chosen; tables [`PANES`] and [`KEYS`].
//! Called from: the main thread, by [`run`]; it starts one thread that reads the terminal's input.
//! Units: cells; steps and ticks on the roll's time axis; controls in the units of their rows.
//!
//! Invariants
//! - Nothing musical waits for the screen: it only reads newest values and sends with `try_send`; no lock is held while drawing.
//! - Every pane draws at any size, down to one cell, without a panic.
//! - The terminal is restored on every way out: quit, a signal (by the `stop` flag), an error, a panic on this thread.
//!   A panic on another thread leaves the screen alone.
//! - Keys, panes, help and hints come from the tables alone.
//! - Text that was not saved is never lost: it is written to a recovery file on the way out.
//!
//! Not here: what an edit does (`steer`, `conductor`), watching files, signal handlers, ports (the wiring).

mod act;
mod app;
pub mod bench;
pub mod demo;
mod editor;
mod files;
mod input;
mod keys;
mod layout;
mod links;
mod log;
mod map;
mod overlay;
mod paint;
mod panes;
mod run;
pub mod svg;
mod terminal;
mod theme;

pub use app::{App, Effect, Sight};
pub use keys::{Action, KEYS, KeyRow, KeyScope, find as find_key};
pub use layout::{Plan, arrange};
pub use links::{Catalogue, HelpTopic, Meters, OutputChoice, Parting, SetChoice, UiEvent, UiLinks, UiOptions};
pub use panes::{PANES, Pane, PaneInfo};
pub use run::{leave_terminal, run};
pub use theme::{Depth, Theme};
