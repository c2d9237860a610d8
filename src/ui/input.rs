//! Keys, mouse and paste from the terminal.

use super::app::{Hit, knobs};
use super::{App, Pane, keys};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use ratatui_textarea::CursorMove;

/// Longest paste that is taken, in bytes; a set is far below.
const PASTE_MAX: usize = 1 << 20;

impl App {
    /// Takes one event of the terminal.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            // With the kitty protocol, and on Windows, keys are also reported when they are let go.
            Event::Key(key) if key.kind != KeyEventKind::Release => self.on_key(key),
            Event::Mouse(mouse) => self.on_mouse(mouse),
            Event::Paste(text) if text.len() <= PASTE_MAX => self.on_paste(text),
            _ => {}
        }
    }

    fn on_key(&mut self, key: &KeyEvent) {
        let is_modal = self.overlay.is_some()
            || self.typing.is_some()
            || self.editor.finding.is_some() && self.focus == Pane::Editor;
        if is_modal && self.on_line_key(key) {
            return;
        }
        let in_text = is_modal || self.focus == Pane::Editor;
        // While a line is typed over a pane, only what works everywhere reaches the table.
        let focus = if is_modal { Pane::Transport } else { self.focus };
        match keys::find(key, focus, in_text) {
            Some(action) => self.act(action),
            None if !is_modal && self.focus == Pane::Editor => self.on_text_key(key),
            None => {}
        }
    }

    /// Keys of a line that is typed: a list's search, a value, the editor's search. True when the key was taken.
    fn on_line_key(&mut self, key: &KeyEvent) -> bool {
        let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(c) if plain => self.change_line(|line| line.push(c)),
            KeyCode::Backspace => self.change_line(|line| _ = line.pop()),
            KeyCode::Enter if plain => {
                if self.overlay.is_some() {
                    self.choose();
                } else if self.typing.is_some() {
                    self.take_typed();
                } else {
                    self.editor.area.search_forward(false);
                }
            }
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                let by = match key.code {
                    KeyCode::Up => -1,
                    KeyCode::Down => 1,
                    KeyCode::PageUp => -12,
                    _ => 12,
                };
                if let Some(overlay) = &mut self.overlay {
                    overlay.step(by);
                }
            }
            _ => return false,
        }
        true
    }

    fn change_line(&mut self, change: impl FnOnce(&mut String)) {
        if let Some(overlay) = &mut self.overlay {
            overlay.filter(change);
        } else if let Some(typed) = &mut self.typing {
            change(typed);
            typed.truncate(typed.char_indices().nth(12).map_or(typed.len(), |(i, _)| i));
        } else if let Some(words) = &mut self.editor.finding {
            change(words);
            words.truncate(words.char_indices().nth(64).map_or(words.len(), |(i, _)| i));
            self.editor.search();
        }
    }

    /// Keys that type and move in the editor; everything with a name of its own is in the table.
    fn on_text_key(&mut self, key: &KeyEvent) {
        let (ctrl, alt) = (key.modifiers.contains(KeyModifiers::CONTROL), key.modifiers.contains(KeyModifiers::ALT));
        let area = &mut self.editor.area;
        match key.code {
            KeyCode::Char(c) if !ctrl && !alt => return self.editor.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Enter => return self.editor.newline(),
            KeyCode::Backspace if ctrl || alt => _ = area.delete_word(),
            KeyCode::Backspace => _ = area.delete_char(),
            KeyCode::Delete if ctrl || alt => _ = area.delete_next_word(),
            KeyCode::Delete => _ = area.delete_next_char(),
            code => {
                if let Some(moves) = movement(code, ctrl, usize::from(self.editor.rect.height)) {
                    match (key.modifiers.contains(KeyModifiers::SHIFT), area.is_selecting()) {
                        (true, false) => area.start_selection(),
                        (false, true) => area.cancel_selection(),
                        _ => {}
                    }
                    moves.0.iter().cycle().take(moves.1).for_each(|m| area.move_cursor(*m));
                }
                return;
            }
        }
        self.editor.changed();
    }

    fn on_paste(&mut self, text: &str) {
        if self.overlay.is_some() || self.typing.is_some() || self.editor.finding.is_some() {
            let line: String = text.lines().next().unwrap_or("").chars().filter(|c| !c.is_control()).take(64).collect();
            self.change_line(|l| l.push_str(&line));
        } else if self.focus == Pane::Editor {
            self.editor.insert(text);
        }
    }

    fn on_mouse(&mut self, mouse: &MouseEvent) {
        let at = Position { x: mouse.column, y: mouse.row };
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => self.on_click(at),
            MouseEventKind::Drag(MouseButton::Left) => self.on_drag(at),
            MouseEventKind::Up(_) => self.drag = None,
            MouseEventKind::ScrollUp => self.on_wheel(at, -1),
            MouseEventKind::ScrollDown => self.on_wheel(at, 1),
            _ => {}
        }
    }

    fn pane_at(&self, at: Position) -> Option<Pane> {
        self.plan.panes.iter().find(|p| p.1.contains(at)).map(|p| p.0)
    }

    fn on_click(&mut self, at: Position) {
        let hit = self.hits.iter().rev().find(|h| h.0.contains(at)).map(|h| h.1.clone());
        if let Some(overlay) = &mut self.overlay {
            match hit {
                Some(Hit::Choice(i)) if overlay.index == i => self.choose(),
                Some(Hit::Choice(i)) => overlay.index = i,
                _ => {}
            }
            return;
        }
        if let Some(pane) = self.pane_at(at).filter(|p| !matches!(p, Pane::Transport | Pane::Meters)) {
            self.focus_on(pane);
        }
        match hit {
            Some(Hit::Bar(bar)) => self.bar = if self.bar == Some(bar) { None } else { Some(bar) },
            Some(Hit::Part(part)) => self.part = part,
            Some(Hit::Knob { part, row }) => {
                (self.part, self.knob) = (part, row);
                if let Some(control) = knobs().nth(row) {
                    let info = control.info();
                    let value = self.knob_value(part, control).0.unwrap_or((info.min + info.max) / 2.0);
                    self.drag = Some((part, row, at.x, value));
                }
            }
            Some(Hit::Text) => self.editor_click(at, false),
            Some(Hit::Map) => self.place_by_mouse(at),
            _ => {}
        }
    }

    /// A cell of drag is a nudge; on the map it takes the part along; in the text it chooses.
    fn on_drag(&mut self, at: Position) {
        if let Some((part, row, from, value)) = self.drag {
            if let Some(control) = knobs().nth(row) {
                let info = control.info();
                let target = info.clamp(value + (f32::from(at.x) - f32::from(from)) * info.nudge);
                if self.knob_value(part, control).0 != Some(target) {
                    self.turn(part, control, Some(target));
                }
            }
        } else if self.overlay.is_none() && self.focus == Pane::Map {
            self.place_by_mouse(at);
        } else if self.overlay.is_none() && self.focus == Pane::Editor && self.editor.rect.contains(at) {
            self.editor_click(at, true);
        }
    }

    fn editor_click(&mut self, at: Position, is_drag: bool) {
        let area = &mut self.editor.area;
        let (top, left) = area.scroll_offset();
        let numbers = if area.line_number_style().is_some() { area.line_number_width() } else { 0 };
        let row = usize::from(at.y - self.editor.rect.y) + usize::from(top);
        let column = (usize::from(at.x - self.editor.rect.x) + usize::from(left)).saturating_sub(usize::from(numbers));
        match (is_drag, area.is_selecting()) {
            (true, false) => area.start_selection(),
            (false, true) => area.cancel_selection(),
            _ => {}
        }
        let to = area.screen_to_data(row, column);
        area.move_cursor(CursorMove::Jump(to.0 as u16, to.1 as u16));
    }

    fn on_wheel(&mut self, at: Position, by: i8) {
        if let Some(overlay) = &mut self.overlay {
            return overlay.step(i32::from(by) * 3);
        }
        match self.pane_at(at) {
            Some(Pane::Log) => self.log.scroll_by(i32::from(by) * 3),
            Some(Pane::Editor) => self.editor.area.scroll((i16::from(by) * 3, 0)),
            Some(Pane::Parts) => {
                self.knob = self.knob.saturating_add_signed(isize::from(by)).min(knobs().count() - 1);
            }
            Some(Pane::Roll) => self.act(super::Action::PartStep(by)),
            Some(Pane::Map) => self.act(super::Action::PointStep(by)),
            _ => {}
        }
    }
}

/// How the cursor moves for a key: the moves, and how often.
fn movement(code: KeyCode, ctrl: bool, page: usize) -> Option<(&'static [CursorMove], usize)> {
    Some(match (code, ctrl) {
        (KeyCode::Left, false) => (&[CursorMove::Back], 1),
        (KeyCode::Right, false) => (&[CursorMove::Forward], 1),
        (KeyCode::Left, true) => (&[CursorMove::WordBack], 1),
        (KeyCode::Right, true) => (&[CursorMove::WordForward], 1),
        (KeyCode::Up, _) => (&[CursorMove::Up], 1),
        (KeyCode::Down, _) => (&[CursorMove::Down], 1),
        (KeyCode::Home, false) => (&[CursorMove::Head], 1),
        (KeyCode::End, false) => (&[CursorMove::End], 1),
        (KeyCode::Home, true) => (&[CursorMove::Top], 1),
        (KeyCode::End, true) => (&[CursorMove::Bottom], 1),
        (KeyCode::PageUp, _) => (&[CursorMove::Up], page.max(1)),
        (KeyCode::PageDown, _) => (&[CursorMove::Down], page.max(1)),
        _ => return None,
    })
}
