//! What the screen remembers between frames, and one frame of it.

use super::editor::Editor;
use super::log::Log;
use super::overlay::Overlay;
use super::{Catalogue, Meters, PANES, Pane, Plan, Theme, arrange, paint, panes};
use crate::limits;
use crate::message::{Command, Notice, Playhead, Severity, Snapshot, ToPlayer, Training};
use crate::steer::{CONTROLS, Control, PartSteering, Scope, When};
use crate::time::{Nanos, Place, StepIndex, Tick};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::PathBuf;
use std::sync::Arc;

/// What one frame shows: newest values, read once.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The plan and what is wanted.
    pub snapshot: Arc<Snapshot>,
    /// Where the music is.
    pub playhead: Playhead,
    /// The meters.
    pub meters: Meters,
    /// The training run that is followed.
    pub training: Option<Arc<Training>>,
    /// The moment of the frame, on the clock of `Playhead::at`.
    pub now: Nanos,
}

/// What the screen wants done; the loop does it.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Tell the conductor.
    Command(Command),
    /// Tell the player.
    Player(ToPlayer),
    /// Silence first, then tell the player.
    Panic,
    /// Write the text to the file.
    Save { path: PathBuf, text: String },
    /// Read the file anew into the editor.
    Reload(PathBuf),
    /// Open this file in the editor.
    Open(PathBuf),
    /// Ask for the outputs at hand.
    ListOutputs,
    /// Ask for the sets at hand.
    ListSets,
    /// Let these parts play the newest weights of the run that is followed.
    PlayWeights(Vec<Arc<str>>),
    /// Leave.
    Quit,
}

/// A knob that was turned here and has not come back in a snapshot yet.
#[derive(Clone, Debug)]
pub(super) struct Turned {
    pub part: Option<Arc<str>>,
    pub control: Control,
    pub value: Option<f32>,
    pub at: Nanos,
}

/// What can be clicked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Hit {
    Bar(u64),
    Part(usize),
    Knob { part: usize, row: usize },
    Text,
    Map,
    Choice(usize),
}

/// The screen's own state.
pub struct App {
    pub(super) theme: Theme,
    pub(super) sight: Sight,
    pub(super) catalogue: Catalogue,
    pub(super) focus: Pane,
    pub(super) zoom: bool,
    /// Index of the focused part.
    pub(super) part: usize,
    /// Chosen bar in the roll.
    pub(super) bar: Option<u64>,
    /// The focused part alone in the roll.
    pub(super) is_enlarged: bool,
    /// Row of [`knobs`].
    pub(super) knob: usize,
    pub(super) knob_top: usize,
    /// Chosen point of the map.
    pub(super) point: usize,
    /// A value that is being typed.
    pub(super) typing: Option<String>,
    pub(super) turned: Vec<Turned>,
    /// When knobs and saved text take effect.
    pub(super) launch: When,
    pub(super) editor: Editor,
    pub(super) script_path: Option<PathBuf>,
    /// The text that was launched last.
    pub(super) launched: Option<String>,
    pub(super) log: Log,
    pub(super) overlay: Option<Overlay>,
    pub(super) plan: Plan,
    /// Clickable places of the last frame; the last one wins.
    pub(super) hits: Vec<(Rect, Hit)>,
    /// Knob that the mouse holds: its hit, the column where it was taken, the value there.
    pub(super) drag: Option<(usize, usize, u16, f32)>,
    pub(super) effects: Vec<Effect>,
}

/// Rows of the knob table: controls of a part, then those of the set.
pub(super) fn knobs() -> impl Iterator<Item = Control> {
    let of = |scope: Scope| CONTROLS.iter().filter(move |c| c.scope == scope).map(|c| c.control);
    of(Scope::Part).chain(of(Scope::Set))
}

impl App {
    /// A screen on a set.
    pub fn new(theme: Theme, catalogue: Catalogue, sight: Sight, path: Option<PathBuf>, text: &str) -> App {
        App {
            theme,
            sight,
            editor: Editor::new(text, &catalogue),
            catalogue,
            focus: Pane::Editor,
            zoom: false,
            part: 0,
            bar: None,
            is_enlarged: false,
            knob: 0,
            knob_top: 0,
            point: 0,
            typing: None,
            turned: Vec::new(),
            launch: When::Now,
            script_path: path,
            launched: Some(text.to_string()),
            log: Log::default(),
            overlay: None,
            plan: Plan::default(),
            hits: Vec::new(),
            drag: None,
            effects: Vec::new(),
        }
    }

    /// Takes in what is newest.
    pub fn see(&mut self, sight: Sight) {
        self.sight = sight;
        let now = self.sight.now;
        // What was turned here is shown for a second, or until the snapshot says the same.
        self.turned.retain(|t| now.since(t.at) < 1_000_000_000);
        let parts = self.sight.snapshot.parts.len();
        self.part = self.part.min(parts.saturating_sub(1));
        self.editor.show_fault(self.sight.snapshot.script.error.as_ref());
    }

    /// A line for the log.
    pub fn notice(&mut self, notice: Notice) {
        self.log.push(notice, self.sight.now);
    }

    /// A line of the screen's own.
    pub(super) fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.notice(Notice::new(severity, "screen", text));
    }

    /// What is to be done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// True while the picture moves by itself.
    pub fn is_moving(&self) -> bool {
        self.sight.playhead.is_running
    }

    /// The text of the editor and whether it is unsaved.
    pub fn text(&self) -> (String, bool) {
        (self.editor.text(), self.editor.is_dirty())
    }

    /// The set's file.
    pub fn path(&self) -> Option<&PathBuf> {
        self.script_path.as_ref()
    }

    /// The tick that sounds at the moment of the frame.
    pub(super) fn tick(&self) -> Tick {
        let head = &self.sight.playhead;
        if !head.is_running {
            return head.tick;
        }
        // A player that says nothing for a second has stopped moving: so does the picture.
        let ns = self.sight.now.since(head.at).clamp(0, 1_000_000_000) as f64;
        Tick(head.tick.0 + (ns / head.bpm.nanos_per_tick()) as u64)
    }

    /// Where the music stands, from the bars of the snapshot.
    pub(super) fn place(&self) -> Option<Place> {
        self.place_of(self.tick().step())
    }

    /// Where a step stands; beyond the known bars the last metre goes on.
    pub(super) fn place_of(&self, step: StepIndex) -> Option<Place> {
        let bars = &self.sight.snapshot.bars;
        let at = bars.partition_point(|b| b.step <= step).checked_sub(1)?;
        let bar = bars[at];
        let steps = step.0 - bar.step.0;
        let length = u64::from(bar.metre.bar_steps().max(1));
        Some(Place { step, bar: bar.bar + steps / length, step_in_bar: (steps % length) as u32, metre: bar.metre })
    }

    /// Name of the focused part.
    pub(super) fn part_name(&self) -> Option<Arc<str>> {
        self.sight.snapshot.parts.get(self.part).map(|p| p.name.clone())
    }

    /// Steering of a part by its place on screen.
    pub(super) fn steering(&self, part: usize) -> Option<&PartSteering> {
        self.sight.snapshot.parts.get(part).and_then(|p| self.sight.snapshot.steering.part(&p.name))
    }

    /// Value of a knob as it will be once what was turned here has come back; true when it waits.
    pub(super) fn knob_value(&self, part: usize, control: Control) -> (Option<f32>, bool) {
        let snapshot = &self.sight.snapshot;
        let scope = control.info().scope;
        let name = snapshot.parts.get(part).filter(|_| scope == Scope::Part).map(|p| p.name.clone());
        if let Some(t) = self.turned.iter().find(|t| t.control == control && t.part == name) {
            return (t.value.or(control.info().default), true);
        }
        let value = match scope {
            Scope::Part => snapshot.parts.get(part).and_then(|p| p.values.get(control as usize).copied().flatten()),
            Scope::Set => set_value(snapshot, control, self.place()),
        };
        (value, false)
    }

    /// Draws everything into a buffer.
    pub fn draw(&mut self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        self.hits.clear();
        paint::clear(buf, area, self.theme.text());
        self.plan = arrange(area, self.focus, self.zoom);
        if self.plan.panes.is_empty() {
            return panes::small::draw(self, area, buf);
        }
        for (pane, rect) in self.plan.panes.clone() {
            if let Some(info) = PANES.iter().find(|i| i.pane == pane) {
                (info.draw)(self, rect, buf);
            }
        }
        self.draw_gaps(area, buf);
        if let Some(status) = self.plan.status {
            panes::status::draw(self, status, buf);
        }
        if let Some(mut overlay) = self.overlay.take() {
            overlay.draw(self, area, buf);
            self.overlay = Some(overlay);
        }
    }

    /// Lines between columns.
    fn draw_gaps(&self, area: Rect, buf: &mut Buffer) {
        for (_, rect) in &self.plan.panes {
            if rect.right() + 1 < area.right() {
                for y in rect.top()..rect.bottom() {
                    let is_top = |r: &Rect| r.top() == y && r.left() == rect.right() + 1;
                    let symbol = match (y == rect.top(), self.plan.panes.iter().any(|p| is_top(&p.1))) {
                        (true, true) => "┬",
                        (true, false) => "┤",
                        _ => "│",
                    };
                    buf[(rect.right(), y)].set_symbol(symbol).set_style(self.theme.grid());
                }
            }
        }
    }

    pub(super) fn send(&mut self, command: Command) {
        self.effects.push(Effect::Command(command));
    }

    /// Launches the editor's text.
    pub(super) fn launch(&mut self, when: When) {
        let text = self.editor.text();
        if text.len() > limits::SCRIPT_BYTES {
            return self.say(
                Severity::Error,
                format!("the text is longer than {} bytes: it was not launched", limits::SCRIPT_BYTES),
            );
        }
        self.launched = Some(text.clone());
        let name = self.set_name();
        self.send(Command::LoadScript { name, text, when });
    }

    /// Name of the set for messages.
    pub(super) fn set_name(&self) -> String {
        let name = self.script_path.as_ref().and_then(|p| p.file_name());
        name.map_or_else(|| "untitled".to_string(), |n| n.to_string_lossy().into_owned())
    }
}

fn set_value(snapshot: &Snapshot, control: Control, place: Option<Place>) -> Option<f32> {
    let steering = &snapshot.steering;
    let place = place?;
    let from = steering.section.as_ref().map_or(0, |s| s.from.0);
    let chance = crate::music::Chance::new(steering.seed);
    let moment = crate::steer::Moment { place, steps_in_section: place.step.0.saturating_sub(from), chance };
    Some(steering.value(control, &moment))
}

/// A moment in a word.
pub(super) fn when_word(when: When) -> &'static str {
    match when {
        When::Now => "now",
        When::NextBeat => "next beat",
        When::NextBar => "next bar",
        When::NextSection => "next section",
    }
}
