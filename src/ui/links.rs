//! What the screen is given: channels, newest values, lists to choose from.

use crate::message::{Command, Latest, Notice, Playhead, Snapshot, ToPlayer, Training};
use crate::time::Nanos;
use crossbeam_channel::{Receiver, Sender};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Figures that are plain atomics elsewhere, read once a frame. `None`: not measured (no sound card, no synth).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meters {
    /// Share of the audio block that computing took, 0..=1 and above.
    pub dsp_load: Option<f32>,
    /// Peak of the last moments, left and right, in dB of full scale.
    pub peak_db: Option<(f32, f32)>,
    /// Voices of the synth that sound.
    pub voices: Option<u32>,
    /// Blocks that came too late so far.
    pub xruns: u64,
    /// Events that were handed over after their moment so far.
    pub late_events: u64,
    /// Notices that were dropped because the queue was full.
    pub dropped_notices: u64,
}

/// One entry of the help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelpTopic {
    /// Heading it stands under.
    pub group: String,
    /// The word.
    pub name: String,
    /// How it is written.
    pub signature: String,
    /// What it does.
    pub doc: String,
    /// A line of script.
    pub example: String,
}

/// An output that a part can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChoice {
    /// As scripts write it: `synth:pluck`, `midi:Port:2`.
    pub spec: String,
    /// What it is.
    pub doc: String,
}

/// A set that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetChoice {
    /// The file.
    pub path: PathBuf,
    /// Its first comment line.
    pub doc: String,
}

/// Lists for help, completion and pickers. Closures may take their time: they run on a thread of their own.
#[derive(Clone)]
pub struct Catalogue {
    /// More topics for the help (sounds, styles, scales); keys, panes, controls and functions come from their tables.
    pub help: Vec<HelpTopic>,
    /// Outputs at hand now.
    pub outputs: Arc<dyn Fn() -> Vec<OutputChoice> + Send + Sync>,
    /// Sets in the scripts folder.
    pub sets: Arc<dyn Fn() -> Vec<SetChoice> + Send + Sync>,
    /// One line for each model at hand.
    pub models: Vec<String>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Catalogue { help: Vec::new(), outputs: Arc::new(Vec::new), sets: Arc::new(Vec::new), models: Vec::new() }
    }
}

/// What the wiring tells the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiEvent {
    /// The set's file holds this text now. The screen reloads it into the editor when nothing there is unsaved, and
    /// launches it unless it is what was launched last; otherwise it says so.
    FileChanged(String),
}

/// Choices of the performer about the screen.
#[derive(Clone, Debug)]
pub struct UiOptions {
    /// Catch the mouse (the terminal's own selection then needs Shift).
    pub mouse: bool,
    /// Where stderr of C libraries goes while the screen is up; `None` drops it.
    pub stderr_log: Option<PathBuf>,
    /// Colours; `None` asks the environment.
    pub depth: Option<super::Depth>,
}

impl Default for UiOptions {
    fn default() -> Self {
        UiOptions { mouse: true, stderr_log: None, depth: None }
    }
}

/// Everything the screen is given.
pub struct UiLinks {
    /// To the conductor.
    pub commands: Sender<Command>,
    /// To the player: start, stop, panic.
    pub to_player: Sender<ToPlayer>,
    /// Called first on panic, before the message is tried: sets the player's atomic. Must not block.
    pub silence: Box<dyn Fn()>,
    /// Newest picture of the plan.
    pub snapshot: Latest<Snapshot>,
    /// Newest place of the music.
    pub playhead: Latest<Playhead>,
    /// Lines for the log.
    pub notices: Receiver<Notice>,
    /// Called when the performer opened another set, so that its file is watched from then on. Must not block.
    pub opened: Box<dyn Fn(&Path)>,
    /// From the wiring.
    pub events: Receiver<UiEvent>,
    /// The training run that is followed, if any.
    pub training: Option<Latest<Training>>,
    /// Asks for the run's newest weights in these parts, from the next bar line on. Must not block.
    pub play_weights: Box<dyn Fn(Vec<Arc<str>>)>,
    /// Reads the meters.
    pub meters: Box<dyn Fn() -> Meters>,
    /// The clock of `Playhead::at`.
    pub clock: Box<dyn Fn() -> Nanos>,
    /// Lists.
    pub catalogue: Catalogue,
    /// The set's file; `None` when the text has none yet.
    pub script_path: Option<PathBuf>,
    /// The set's text.
    pub script_text: String,
    /// Set by signal handlers: the screen leaves within a tenth of a second.
    pub stop: Arc<AtomicBool>,
    /// Settings.
    pub options: UiOptions,
}

/// What is left to say after the terminal has been restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    /// Where unsaved text was written.
    pub recovery: Option<PathBuf>,
}
