//! Parts and their knobs: a column a part, a row a control.

use super::super::app::{Hit, knobs};
use super::super::{App, Pane, paint};
use crate::message::PartView;
use crate::steer::{Control, ControlInfo, Scope};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

const LABEL: u16 = 22;
/// Width of a part's column: as much as there is, within bounds.
const COLUMN: std::ops::RangeInclusive<u16> = 11..=16;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let is_focused = app.focus == Pane::Parts;
    let control = knobs().nth(app.knob);
    let note = control.map_or(String::new(), |c| c.info().doc.to_string());
    let note = if note.chars().count() + 14 > usize::from(area.width) { String::new() } else { note };
    let inner = paint::frame(buf, area, &theme, "parts", &note, is_focused);
    let label = if inner.width >= 64 { LABEL } else { 14.min(inner.width) };
    let parts = app.sight.snapshot.parts.clone();
    let room = inner.width.saturating_sub(label);
    let column = (room / (parts.len() as u16).max(1)).clamp(*COLUMN.start(), *COLUMN.end());
    let fit = usize::from(room / column).max(1);
    let first = app.part.saturating_sub(fit - 1).min(parts.len().saturating_sub(fit));
    let columns: Vec<usize> = (first..parts.len().min(first + fit)).collect();
    let head = if inner.height >= 6 { 2 } else { 1 };
    for (i, index) in columns.iter().enumerate() {
        let rect = Rect { x: inner.x + label + i as u16 * column, width: column, ..inner };
        header(app, *index, &parts[*index], rect.intersection(inner), head, buf);
    }
    let table = Rect { y: inner.y + head.min(inner.height), height: inner.height.saturating_sub(head), ..inner };
    scroll(app, usize::from(table.height));
    let grid = Grid { columns: &columns, parts: &parts, label, column };
    let rows = knobs().enumerate().skip(app.knob_top).take(usize::from(table.height));
    for (y, (row, control)) in rows.enumerate() {
        let line = Rect { y: table.y + y as u16, height: 1, ..table };
        row_of(app, &grid, row, control, line, buf);
    }
    if let Some(typed) = app.typing.clone().filter(|_| is_focused) {
        let name = control.map_or("", |c| c.info().name);
        let range =
            control.map_or(String::new(), |c| format!("   {} to {} {}", c.info().min, c.info().max, c.info().unit));
        let line = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        paint::clear(buf, line, theme.selected());
        let x = paint::text(buf, line, 1, 0, &format!("{name} = {typed}▏"), theme.strong());
        paint::text(buf, line, x, 0, &range, theme.dim());
    }
}

/// Keeps the chosen row in sight.
fn scroll(app: &mut App, height: usize) {
    app.knob_top = app.knob_top.min(app.knob);
    if height > 0 && app.knob >= app.knob_top + height {
        app.knob_top = app.knob + 1 - height;
    }
    app.knob_top = app.knob_top.min(knobs().count().saturating_sub(height));
}

/// Name, mute, solo, hold; below it where the part goes.
fn header(app: &mut App, index: usize, part: &PartView, rect: Rect, rows: u16, buf: &mut Buffer) {
    let theme = app.theme;
    let mut style = if part.is_heard { Style::new().fg(theme.role(part.role)) } else { theme.faint() };
    if index == app.part {
        style = style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    }
    let cell = Rect { width: rect.width.saturating_sub(1), ..rect };
    let name: String = part.name.chars().take(7).collect();
    let mut x = paint::text(buf, cell, 0, 0, &name, style) + 1;
    let Some(steering) = app.steering(index) else { return };
    for (is_on, letter, style) in [
        (steering.is_muted, "M", theme.bad()),
        (steering.is_solo, "S", theme.warn()),
        (steering.hold.is_some(), "H", theme.accent()),
    ] {
        if is_on {
            x = paint::text(buf, cell, x, 0, letter, style);
        }
    }
    if rows > 1 {
        paint::text(buf, cell, 0, 1, &steering.out.to_string(), theme.faint());
    }
    app.hits.push((Rect { height: rows.min(rect.height), ..rect }, Hit::Part(index)));
}

/// How the table is cut.
struct Grid<'a> {
    /// Parts that are seen.
    columns: &'a [usize],
    parts: &'a [PartView],
    /// Width of the labels, and of a part.
    label: u16,
    column: u16,
}

fn row_of(app: &mut App, grid: &Grid, row: usize, control: Control, line: Rect, buf: &mut Buffer) {
    let (label, columns, parts) = (grid.label, grid.columns, grid.parts);
    let theme = app.theme;
    let info = control.info();
    let is_chosen = row == app.knob && app.focus == Pane::Parts;
    let style = if is_chosen { theme.accent() } else { theme.dim() };
    let name = if info.scope == Scope::Set { format!("set {}", info.name) } else { info.name.to_string() };
    let name = if label < LABEL { name.replace("temperature", "temp") } else { name };
    let x = paint::text(buf, Rect { width: label.saturating_sub(1), ..line }, 1, 0, &name, style);
    if label >= LABEL && !info.unit.is_empty() {
        paint::text(buf, Rect { width: label.saturating_sub(1), ..line }, x + 1, 0, info.unit, theme.faint());
    }
    let shown: &[usize] = if info.scope == Scope::Set { columns.get(..1).unwrap_or(&[]) } else { columns };
    for (i, index) in shown.iter().enumerate() {
        let rect =
            Rect { x: line.x + grid.label + i as u16 * grid.column, width: grid.column, ..line }.intersection(line);
        let is_here = is_chosen && (*index == app.part || info.scope == Scope::Set);
        knob(app, *index, &parts[*index], info, rect, is_here, buf);
        app.hits.push((rect, Hit::Knob { part: *index, row }));
    }
}

fn knob(app: &App, index: usize, part: &PartView, info: &ControlInfo, rect: Rect, is_chosen: bool, buf: &mut Buffer) {
    let theme = app.theme;
    let cell = Rect { width: rect.width.saturating_sub(1), ..rect };
    let (value, is_waiting) = app.knob_value(index, info.control);
    let steering = &app.sight.snapshot.steering;
    let slots =
        if info.scope == Scope::Set { Some(&steering.controls) } else { app.steering(index).map(|p| &p.controls) };
    let signal = slots.and_then(|s| s.get(info.control as usize)).and_then(|s| s.as_ref());
    let is_moving = signal.is_some_and(|s| s.is_moving());
    if let Some(value) = value {
        // The filled share of the cell is the place of the value in its range.
        let share = ((value - info.min) / (info.max - info.min)).clamp(0.0, 1.0);
        let filled = (share * f32::from(cell.width)).round() as u16;
        let role = (info.scope == Scope::Part).then_some(part.role);
        buf.set_style(Rect { width: filled.min(cell.width), ..cell }, Style::new().bg(theme.fill(role)));
    }
    let mut style = match (is_waiting, is_moving, signal.is_some()) {
        (true, _, _) => theme.warn(),
        (_, true, _) => theme.moving(),
        (_, _, true) => Style::new().fg(theme.text().fg.unwrap_or_default()),
        _ => theme.dim(),
    };
    if is_chosen {
        buf.set_style(cell, theme.selected());
        style = style.add_modifier(Modifier::BOLD);
    }
    let words = value.map_or("·".to_string(), |v| figure(v, info));
    let mark = match (is_waiting, is_moving) {
        (true, _) => "◷",
        (_, true) => "~",
        _ => " ",
    };
    paint::text(buf, cell, 0, 0, &format!("{mark}{words:>7}"), style);
}

/// A value with as many digits as its steps need.
fn figure(value: f32, info: &ControlInfo) -> String {
    if info.nudge >= 1.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
