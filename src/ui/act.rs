//! What each action of the key table does.

use super::app::{Turned, knobs};
use super::editor::Pair;
use super::overlay::{self, Overlay, Purpose};
use super::{Action, App, Effect, PANES, Pane};
use crate::message::{Command, Severity, ToPlayer};
use crate::steer::{Control, Edit, OutSpec, Scope, Signal, When};
use crate::time::StepIndex;
use std::sync::Arc;

/// Bars that the hold key loops.
const HOLD_BARS: u32 = 2;

impl App {
    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Help => self.toggle(Purpose::Help),
            Action::Outputs => self.toggle(Purpose::Outputs),
            Action::OpenSet => self.toggle(Purpose::Sets),
            Action::Focus(pane) => self.focus_on(pane),
            Action::NextPane => self.turn_focus(1),
            Action::PrevPane => self.turn_focus(-1),
            Action::Zoom => self.zoom = !self.zoom,
            Action::Back => self.back(),
            Action::Launch(when) => self.launch(when),
            Action::LaunchDefault => self.launch(self.launch),
            Action::LaunchTime => self.launch = next_time(self.launch),
            Action::Save => self.save(),
            Action::Reload => match self.script_path.clone() {
                Some(path) => self.effects.push(Effect::Reload(path)),
                None => self.say(Severity::Warning, "the text has no file yet"),
            },
            Action::StartStop => {
                let is_running = self.sight.playhead.is_running;
                self.effects.push(Effect::Player(if is_running { ToPlayer::Stop } else { ToPlayer::Start }));
            }
            Action::Panic => self.effects.push(Effect::Panic),
            Action::CancelPending => self.send(Command::CancelPending),
            Action::Quit => self.effects.push(Effect::Quit),
            Action::Undo | Action::Redo | Action::Cut | Action::Copy | Action::Paste | Action::SelectAll => {
                self.edit_text(action)
            }
            Action::Find | Action::FindNext | Action::FindPrev | Action::Comment | Action::Complete => {
                self.edit_text(action)
            }
            Action::ScrollLog(by) => self.log.scroll_by(i32::from(by)),
            Action::LogEnd => self.log.scroll = 0,
            _ => self.act_on_band(action),
        }
    }

    fn act_on_band(&mut self, action: Action) {
        let count = self.sight.snapshot.parts.len();
        match action {
            Action::PickPart(i) if usize::from(i) < count => self.part = usize::from(i),
            Action::PartStep(by) => {
                self.part = self.part.saturating_add_signed(isize::from(by)).min(count.saturating_sub(1));
            }
            Action::Mute => self.toggle_part(|p| p.is_muted, |part, on| Edit::Mute { part, on }),
            Action::Solo => self.toggle_part(|p| p.is_solo, |part, on| Edit::Solo { part, on }),
            Action::Hold => self.toggle_part(
                |p| p.hold.is_some(),
                |part, on| Edit::Hold { part, bars: if on { HOLD_BARS } else { 0 } },
            ),
            Action::Reroll => {
                let part = self.part_name();
                if part.is_some() {
                    self.edit(Edit::Reroll { part });
                }
            }
            Action::RerollAll => self.edit(Edit::Reroll { part: None }),
            Action::Level(by) => self.nudge(self.part, Control::LevelDb, f32::from(by)),
            Action::ControlStep(by) => {
                self.knob = self.knob.saturating_add_signed(isize::from(by)).min(knobs().count() - 1);
            }
            Action::Nudge(by) => {
                if let Some(control) = knobs().nth(self.knob) {
                    self.nudge(self.part, control, f32::from(by));
                }
            }
            Action::Reset => {
                if let Some(control) = knobs().nth(self.knob) {
                    self.turn(self.part, control, None);
                }
            }
            Action::TypeValue => self.typing = Some(String::new()),
            Action::BarStep(by) => self.step_bar(by),
            Action::Enlarge => self.is_enlarged = !self.is_enlarged,
            Action::Freeze => {
                let bar = self.chosen_bar();
                let on = !self.sight.snapshot.frozen.contains(&bar);
                self.send(Command::Freeze { bar, on });
            }
            Action::Veto => {
                let (bar, part) = (self.chosen_bar(), self.part_name());
                self.send(Command::Veto { bar, part });
            }
            Action::VetoAll => {
                let bar = self.chosen_bar();
                self.send(Command::Veto { bar, part: None });
            }
            Action::BackToBar => self.back_to_bar(),
            Action::PlayWeights | Action::PlayWeightsAll => self.play_weights(action == Action::PlayWeightsAll),
            _ => self.act_on_map(action),
        }
    }

    /// Asks for the weights of the run that is followed, in the focused part or in all that an LSTM plays.
    fn play_weights(&mut self, all: bool) {
        if self.sight.training.is_none() {
            return self.say(Severity::Info, "no training run is followed: start with --learn or --follow");
        }
        let parts: Vec<Arc<str>> = match all {
            true => {
                let parts = self.sight.snapshot.steering.parts.iter();
                parts.filter(|p| p.engine.starts_with("lstm")).map(|p| p.name.clone()).collect()
            }
            false => self.part_name().into_iter().collect(),
        };
        match parts.is_empty() {
            true => self.say(Severity::Info, "there is no part that could play them"),
            false => self.effects.push(Effect::PlayWeights(parts)),
        }
    }

    /// Sends an edit for the chosen moment.
    pub(super) fn edit(&mut self, edit: Edit) {
        self.send(Command::Edit(edit, self.launch));
    }

    fn toggle_part(
        &mut self,
        is_on: impl Fn(&crate::steer::PartSteering) -> bool,
        edit: impl Fn(Option<Arc<str>>, bool) -> Edit,
    ) {
        let Some(part) = self.part_name() else { return self.say(Severity::Info, "there is no part yet") };
        let on = !self.steering(self.part).is_some_and(is_on);
        self.edit(edit(Some(part), on));
    }

    /// Turns a knob by key presses.
    pub(super) fn nudge(&mut self, part: usize, control: Control, presses: f32) {
        let info = control.info();
        // A knob that was left to the model starts in the middle.
        let now = self.knob_value(part, control).0.unwrap_or((info.min + info.max) / 2.0);
        // Whole nudges keep the figures round.
        let value = ((now / info.nudge).round() + presses) * info.nudge;
        self.turn(part, control, Some(value));
    }

    /// Sets a knob; `None` gives it back.
    pub(super) fn turn(&mut self, part: usize, control: Control, value: Option<f32>) {
        let info = control.info();
        let name = self.sight.snapshot.parts.get(part).filter(|_| info.scope == Scope::Part).map(|p| p.name.clone());
        if info.scope == Scope::Part && name.is_none() {
            return self.say(Severity::Info, "there is no part yet");
        }
        let value = value.map(|v| info.clamp(v));
        self.turned.retain(|t| t.part != name || t.control != control);
        self.turned.push(Turned { part: name.clone(), control, value, at: self.sight.now });
        self.edit(Edit::Set { part: name, control, value: value.map(Signal::Constant) });
    }

    /// The chosen bar, or the next one to come.
    fn chosen_bar(&self) -> u64 {
        self.bar.unwrap_or_else(|| self.place().map_or(0, |p| p.bar + 1))
    }

    fn step_bar(&mut self, by: i8) {
        let snapshot = &self.sight.snapshot;
        let first = snapshot.bars.first().map_or(0, |b| b.bar);
        let last = self.place_of(StepIndex(snapshot.planned.0.saturating_sub(1))).map_or(first, |p| p.bar);
        let bar = match self.bar {
            Some(bar) => bar.saturating_add_signed(i64::from(by)),
            None => self.chosen_bar(),
        };
        self.bar = Some(bar.clamp(first, last.max(first)));
    }

    fn back_to_bar(&mut self) {
        let now = self.place().map_or(0, |p| p.bar);
        match self.bar.filter(|b| *b <= now) {
            Some(bar) => self.send(Command::BackTo { bar }),
            None => {
                self.say(Severity::Info, "choose a bar that was played (left arrow in the roll), then go back to it")
            }
        }
    }

    pub(super) fn focus_on(&mut self, pane: Pane) {
        self.overlay = None;
        self.typing = None;
        self.focus = pane;
    }

    fn turn_focus(&mut self, by: isize) {
        let panes: Vec<Pane> = PANES.iter().filter(|p| !p.key.is_empty()).map(|p| p.pane).collect();
        let at = panes.iter().position(|p| *p == self.focus).unwrap_or(0) as isize;
        self.focus_on(panes[(at + by).rem_euclid(panes.len() as isize) as usize]);
    }

    /// Closes what is open, innermost first.
    fn back(&mut self) {
        if self.overlay.take().is_some() || self.typing.take().is_some() {
        } else if self.editor.finding.take().is_some() {
            self.editor.search();
        } else if self.editor.area.is_selecting() && self.focus == Pane::Editor {
            self.editor.area.cancel_selection();
        } else if self.zoom {
            self.zoom = false;
        } else if self.focus == Pane::Editor {
            self.focus = Pane::Roll;
        } else if self.bar.take().is_none() {
            self.is_enlarged = false;
        }
    }

    fn save(&mut self) {
        let Some(path) = self.script_path.clone() else {
            self.say(
                Severity::Warning,
                "the text has no file: start with `ricercar FILE` to give it one; it was launched",
            );
            return self.launch(self.launch);
        };
        self.effects.push(Effect::Save { path, text: self.editor.text() });
        self.launch(self.launch);
    }

    fn edit_text(&mut self, action: Action) {
        let editor = &mut self.editor;
        let snapshot = self.sight.snapshot.clone();
        match action {
            Action::Undo => _ = editor.area.undo(),
            Action::Redo => _ = editor.area.redo(),
            Action::Cut => _ = editor.area.cut(),
            Action::Copy if editor.area.is_selecting() => editor.area.copy(),
            Action::Copy => {
                return self.say(Severity::Info, "nothing is chosen (Shift and arrows choose); Ctrl-Q quits");
            }
            Action::Paste => {
                let text = editor.area.yank_text();
                editor.insert(&text);
            }
            Action::SelectAll => editor.area.select_all(),
            Action::Find => editor.finding = Some(String::new()),
            Action::FindNext => _ = editor.area.search_forward(false),
            Action::FindPrev => _ = editor.area.search_back(false),
            Action::Comment => return editor.toggle_comment(),
            Action::Complete => {
                let names: Vec<&str> = snapshot.parts.iter().map(|p| &*p.name).collect();
                return editor.complete(&names);
            }
            _ => return,
        }
        editor.changed();
    }

    fn toggle(&mut self, purpose: Purpose) {
        if self.overlay.take().is_some_and(|o| o.purpose == purpose) {
            return;
        }
        let items = match purpose {
            Purpose::Help => overlay::help(self),
            Purpose::Outputs => {
                if self.part_name().is_none() {
                    return self.say(Severity::Info, "there is no part yet whose output could be chosen");
                }
                self.effects.push(Effect::ListOutputs);
                Vec::new()
            }
            Purpose::Sets => {
                self.effects.push(Effect::ListSets);
                Vec::new()
            }
        };
        self.overlay = Some(Overlay::new(purpose, items));
    }

    /// The outputs at hand, as they were asked for by [`Effect::ListOutputs`].
    pub fn offer_outputs(&mut self, outputs: Vec<super::OutputChoice>) {
        self.offer(Purpose::Outputs, outputs.into_iter().map(overlay::Item::from).collect());
    }

    /// Fills the open list, if it is still the one that was asked for.
    pub(super) fn offer(&mut self, purpose: Purpose, items: Vec<overlay::Item>) {
        if let Some(overlay) = self.overlay.as_mut().filter(|o| o.purpose == purpose) {
            overlay.items = items;
            overlay.is_waiting = false;
        }
    }

    /// Takes the chosen entry of the open list.
    pub(super) fn choose(&mut self) {
        let Some(overlay) = self.overlay.take() else { return };
        let Some(item) = overlay.chosen() else { return };
        match overlay.purpose {
            Purpose::Help => {}
            Purpose::Outputs => match (self.part_name(), OutSpec::parse(&item.title)) {
                (Some(part), Ok(out)) => self.edit(Edit::Out { part, out }),
                (_, Err(why)) => self.say(Severity::Error, why),
                _ => {}
            },
            Purpose::Sets => match &item.path {
                Some(_) if self.editor.is_dirty() => {
                    self.say(
                        Severity::Warning,
                        "the text here is not saved: Ctrl-S saves it, Ctrl-R drops what was typed",
                    );
                }
                Some(path) => self.effects.push(Effect::Open(path.clone())),
                None => {}
            },
        }
    }

    /// Takes the typed value.
    pub(super) fn take_typed(&mut self) {
        let Some(typed) = self.typing.take() else { return };
        let Some(control) = knobs().nth(self.knob) else { return };
        match typed.trim().parse::<f32>() {
            Ok(value) => self.turn(self.part, control, Some(value)),
            Err(_) if typed.trim().is_empty() => {}
            Err(_) => self
                .say(Severity::Warning, format!("'{typed}' is no number: {} was left as it is", control.info().name)),
        }
    }

    /// Text from outside: the file changed, was opened, or was read anew.
    pub fn file_changed(&mut self, text: &str) {
        if self.editor.text_is(Some(text)) {
            return self.editor.mark_saved(text);
        }
        if self.editor.is_dirty() {
            return self.say(
                Severity::Warning,
                "the file changed outside while the text here is not saved: Ctrl-R takes the file's, Ctrl-S overwrites it",
            );
        }
        self.take_text(text);
        if self.launched.as_deref() != Some(text) {
            self.launch(self.launch);
        }
    }

    /// The file was read anew because the performer asked for it.
    pub(super) fn reloaded(&mut self, text: &str) {
        self.take_text(text);
        if !self.editor.text_is(self.launched.as_deref()) {
            self.launch(self.launch);
        }
    }

    /// Another set was opened; false when the editor cannot hold it.
    pub(super) fn opened(&mut self, path: std::path::PathBuf, text: &str) -> bool {
        if !super::editor::fits(text) {
            self.say(Severity::Error, "the set's lines are too many or too long for the editor: it was not opened");
            return false;
        }
        self.script_path = Some(path);
        self.editor.load(text);
        self.focus = Pane::Editor;
        self.launch(self.launch);
        true
    }

    /// Puts a file's text into the editor.
    pub(super) fn take_text(&mut self, text: &str) {
        if !super::editor::fits(text) {
            return self
                .say(Severity::Error, "the file has too many or too long lines for the editor: it was not opened");
        }
        let at = self.editor.area.cursor().into_pair();
        self.editor.load(text);
        self.editor.area.move_cursor(ratatui_textarea::CursorMove::Jump(at.0 as u16, at.1 as u16));
    }
}

fn next_time(when: When) -> When {
    match when {
        When::Now => When::NextBeat,
        When::NextBeat => When::NextBar,
        When::NextBar => When::NextSection,
        When::NextSection => When::Now,
    }
}
