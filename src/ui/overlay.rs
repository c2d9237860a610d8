//! Lists over the screen: help, outputs, sets; with a search line.

use super::app::Hit;
use super::{App, KEYS, KeyScope, OutputChoice, PANES, SetChoice, Theme, paint};
use crate::script::FAMILIES;
use crate::steer::{CONTROLS, Scope};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use std::path::PathBuf;

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading.
    Help,
    /// Choosing the output of the focused part.
    Outputs,
    /// Choosing a set.
    Sets,
}

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Heading.
    pub group: String,
    /// The word.
    pub title: String,
    /// What it is.
    pub doc: String,
    /// An example.
    pub example: String,
    /// The file, for sets.
    pub path: Option<PathBuf>,
}

impl From<OutputChoice> for Item {
    fn from(choice: OutputChoice) -> Item {
        let group = choice.spec.split(':').next().unwrap_or("").to_string();
        Item { group, title: choice.spec, doc: choice.doc, ..Item::default() }
    }
}

impl From<SetChoice> for Item {
    fn from(choice: SetChoice) -> Item {
        let name = choice.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let group = choice.path.parent().and_then(|p| p.file_name()).unwrap_or_default().to_string_lossy().into_owned();
        Item { group, title: name, doc: choice.doc, example: String::new(), path: Some(choice.path) }
    }
}

/// An open list.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// What it is for.
    pub purpose: Purpose,
    /// Everything it holds.
    pub items: Vec<Item>,
    /// Words that an entry must have.
    pub filter: String,
    /// Chosen among those that match.
    pub index: usize,
    /// True until a list that is asked for has come.
    pub is_waiting: bool,
    top: usize,
}

impl Overlay {
    /// A list; without items it waits for them.
    pub fn new(purpose: Purpose, items: Vec<Item>) -> Overlay {
        let is_waiting = items.is_empty();
        Overlay { purpose, items, filter: String::new(), index: 0, is_waiting, top: 0 }
    }

    /// Entries that match, in order.
    pub fn matching(&self) -> Vec<&Item> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let text = |i: &Item| format!("{} {} {} {}", i.group, i.title, i.doc, i.example).to_lowercase();
        let mut found: Vec<&Item> = self.items.iter().filter(|i| words.iter().all(|w| text(i).contains(w))).collect();
        // Those whose own word matches come first.
        if let Some(first) = words.first() {
            found.sort_by_key(|i| !i.title.to_lowercase().contains(first));
        }
        found
    }

    /// The chosen entry.
    pub fn chosen(&self) -> Option<&Item> {
        self.matching().get(self.index).copied()
    }

    /// Moves the choice.
    pub fn step(&mut self, by: i32) {
        let last = self.matching().len().saturating_sub(1);
        self.index = self.index.saturating_add_signed(by as isize).min(last);
    }

    /// Changes the search line.
    pub fn filter(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.filter);
        self.filter.truncate(self.filter.char_indices().nth(64).map_or(self.filter.len(), |(i, _)| i));
        (self.index, self.top) = (0, 0);
    }

    /// Draws it over `area`.
    pub fn draw(&mut self, app: &mut App, area: Rect, buf: &mut Buffer) {
        let theme = app.theme;
        let width = area.width.saturating_sub(4).clamp(1, 112).min(area.width);
        let height = area.height.saturating_sub(4).clamp(1, 44).min(area.height);
        let rect = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
        app.hits.clear();
        paint::clear(buf, rect, theme.text().bg(theme.raised()));
        let title = match self.purpose {
            Purpose::Help => "help".to_string(),
            Purpose::Outputs => format!("output of {}", app.part_name().as_deref().unwrap_or("the part")),
            Purpose::Sets => "sets".to_string(),
        };
        let matching: Vec<Item> = self.matching().into_iter().cloned().collect();
        let note = format!("{} of {}", matching.len(), self.items.len());
        let inner = paint::frame(buf, rect, &theme, &title, &note, true);
        let x = paint::text(buf, inner, 1, 0, &format!("search: {}▏", self.filter), theme.strong().bg(theme.raised()));
        paint::text_right(buf, inner, x + 2, 0, "↑ ↓ Enter Esc ", theme.faint());
        let foot = (inner.height / 4).min(6);
        let list = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(foot + 2), ..inner };
        self.draw_list(app, &matching, list, buf);
        let foot = Rect { y: inner.bottom() - foot, height: foot, ..inner };
        if let Some(item) = matching.get(self.index) {
            detail(item, &theme, foot, buf);
        }
    }

    fn draw_list(&mut self, app: &mut App, matching: &[Item], list: Rect, buf: &mut Buffer) {
        let theme = app.theme;
        let height = usize::from(list.height);
        if matching.is_empty() {
            let words = if self.is_waiting { "looking ..." } else { "nothing has these words" };
            paint::text(buf, list, 2, 0, words, theme.dim());
            return;
        }
        self.top = self.top.min(self.index);
        if height > 0 && self.index >= self.top + height {
            self.top = self.index + 1 - height;
        }
        for (y, (i, item)) in matching.iter().enumerate().skip(self.top).take(height).enumerate() {
            let row = Rect { y: list.y + y as u16, height: 1, ..list };
            if i == self.index {
                buf.set_style(row, theme.selected());
            }
            let is_first = i == 0 || matching[i - 1].group != item.group || y == 0;
            paint::text(
                buf,
                Rect { width: 13.min(row.width), ..row },
                1,
                0,
                if is_first { &item.group } else { "" },
                theme.faint(),
            );
            let wide = if self.purpose == Purpose::Help { 22 } else { 36 };
            let cut = Rect { width: (14 + wide).min(row.width), ..row };
            let style = if i == self.index { theme.accent().add_modifier(Modifier::BOLD) } else { theme.accent() };
            paint::text(buf, cut, 14, 0, &item.title, style);
            paint::text(buf, row, 15 + wide, 0, &item.doc, theme.dim());
            app.hits.push((row, Hit::Choice(i)));
        }
    }
}

/// The chosen entry in full.
fn detail(item: &Item, theme: &Theme, foot: Rect, buf: &mut Buffer) {
    paint::text(buf, foot, 0, 0, &"─".repeat(usize::from(foot.width)), theme.grid());
    let lines = paint::wrap(&item.doc, usize::from(foot.width.saturating_sub(4)));
    let mut y = 1;
    for line in &lines {
        paint::text(buf, foot, 2, y, line, theme.text().bg(theme.raised()));
        y += 1;
    }
    paint::text(buf, foot, 2, y, &item.example, theme.good());
}

/// The help, from the tables.
pub(super) fn help(app: &App) -> Vec<Item> {
    let keys = KEYS.iter().map(|row| Item {
        group: match row.scope {
            KeyScope::Everywhere | KeyScope::Screen => "keys".to_string(),
            KeyScope::Band => "keys: band".to_string(),
            KeyScope::In(pane) => {
                format!("keys: {}", PANES.iter().find(|p| p.pane == pane).map_or("", |p| p.name))
            }
        },
        title: row.keys.join(", "),
        doc: row.doc.to_string(),
        ..Item::default()
    });
    let panes = PANES.iter().map(|p| Item {
        group: "panes".to_string(),
        title: if p.key.is_empty() { p.name.to_string() } else { format!("{} ({})", p.name, p.key) },
        doc: p.doc.to_string(),
        ..Item::default()
    });
    let controls = CONTROLS.iter().map(|c| {
        let range = format!("{} to {}{}{}", c.min, c.max, if c.unit.is_empty() { "" } else { " " }, c.unit);
        let default = c.default.map_or("left to the model".to_string(), |d| format!("default {d}"));
        Item {
            group: if c.scope == Scope::Set { "set controls" } else { "controls" }.to_string(),
            title: c.name.to_string(),
            doc: format!("{} {range}, {default}.", c.doc),
            example: c.example.to_string(),
            path: None,
        }
    });
    let functions = FAMILIES.iter().flat_map(|family| {
        family.functions.iter().map(|f| Item {
            group: family.name.to_string(),
            title: f.signature.to_string(),
            doc: [f.doc, f.range, f.unit].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join("  "),
            example: f.example.to_string(),
            path: None,
        })
    });
    let topics = app.catalogue.help.iter().map(|t| Item {
        group: t.group.clone(),
        title: if t.signature.is_empty() { t.name.clone() } else { t.signature.clone() },
        doc: t.doc.clone(),
        example: t.example.clone(),
        path: None,
    });
    let models =
        app.catalogue.models.iter().map(|m| Item { group: "models".to_string(), title: m.clone(), ..Item::default() });
    keys.chain(panes).chain(controls).chain(functions).chain(topics).chain(models).collect()
}
