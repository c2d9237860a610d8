//! The editor's pane: the text, its colours, the line that is wrong and the sentence that says why.

use super::super::app::Hit;
use super::super::editor::Editor;
use super::super::{App, Pane, Theme, paint};
use crate::message::PartView;
use crate::script::highlight::Kind;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use ratatui::widgets::Widget;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let is_focused = app.focus == Pane::Editor;
    let title = format!("{}{}", app.set_name(), if app.editor.is_dirty() { " *" } else { "" });
    let note = if app.editor.is_dirty() { "Ctrl-S saves" } else { "" };
    let inner = paint::frame(buf, area, &theme, &title, note, is_focused);
    let foot = foot(app, inner);
    let text = Rect { height: inner.height - foot.height, ..inner };
    app.editor.rect = text;
    if text.width == 0 || text.height == 0 {
        return;
    }
    let cursor = if is_focused { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let line = if is_focused { Style::new().bg(theme.raised()) } else { Style::new() };
    let editor = &mut app.editor;
    editor.area.set_style(theme.text());
    editor.area.set_cursor_style(cursor);
    editor.area.set_cursor_line_style(line);
    editor.area.set_selection_style(theme.selected());
    editor.area.set_search_style(theme.warn().add_modifier(Modifier::UNDERLINED));
    match text.width >= 24 {
        true => editor.area.set_line_number_style(theme.faint()),
        false => editor.area.remove_line_number(),
    }
    (&editor.area).render(text, buf);
    colours(editor, &app.sight.snapshot.parts, &theme, text, buf);
    marks(app, text, buf);
    draw_foot(app, foot, buf);
    app.hits.push((text, Hit::Text));
}

/// Rows at the bottom for the search line, or for the sentence of a fault.
fn foot(app: &App, inner: Rect) -> Rect {
    let rows = match (&app.editor.finding, &app.editor.fault) {
        (Some(_), _) => 1,
        (None, Some(fault)) => paint::wrap(&fault.text, usize::from(inner.width.saturating_sub(3))).len().min(4) as u16,
        _ => 0,
    };
    let rows = rows.min(inner.height / 2);
    Rect { y: inner.bottom() - rows, height: rows, ..inner }
}

fn draw_foot(app: &App, foot: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    if let Some(words) = &app.editor.finding {
        paint::clear(buf, foot, theme.selected());
        let x = paint::text(buf, foot, 1, 0, &format!("find: {words}▏"), theme.strong().bg(theme.chosen()));
        paint::text_right(buf, foot, x + 1, 0, "Enter next  Esc closes ", theme.dim());
    } else if let Some(fault) = &app.editor.fault {
        paint::clear(buf, foot, Style::new().bg(theme.bad_back()));
        let rows = paint::wrap(&fault.text, usize::from(foot.width.saturating_sub(3)));
        paint::text(buf, foot, 1, 0, "✗", theme.on_bad());
        for (y, row) in rows.iter().enumerate().take(usize::from(foot.height)) {
            paint::text(buf, foot, 3, y as u16, row, theme.on_bad());
        }
    }
}

/// Columns from the text's left edge to each character of a line, tabs and wide characters counted.
fn columns(line: &str, tab: usize) -> Vec<usize> {
    let mut column = 0;
    let mut at = Vec::with_capacity(line.len() + 1);
    for c in line.chars() {
        at.push(column);
        column += match c {
            '\t' => tab - column % tab,
            c if c.is_ascii() => 1,
            c => Span::raw(c.to_string()).width(),
        };
    }
    at.push(column);
    at
}

/// Width of the line numbers' column.
fn numbers(editor: &Editor) -> usize {
    if editor.area.line_number_style().is_some() { usize::from(editor.area.line_number_width()) } else { 0 }
}

/// Paints the colours over what the library drew: only foregrounds, so that cursor and selection stay as they are.
fn colours(editor: &Editor, parts: &[PartView], theme: &Theme, text: Rect, buf: &mut Buffer) {
    let (top, left) = editor.area.scroll_offset();
    let (numbers, left) = (numbers(editor), usize::from(left));
    let tab = usize::from(editor.area.tab_length().max(1));
    for y in 0..text.height {
        let row = usize::from(top) + usize::from(y);
        let (Some(line), Some(spans)) = (editor.area.lines().get(row), editor.spans.get(row)) else { return };
        if spans.is_empty() {
            continue;
        }
        let at = columns(line, tab);
        for span in spans {
            let name = || line.chars().skip(span.start).take(span.end - span.start).collect::<String>();
            let part = (span.kind == Kind::Name).then(name).and_then(|n| parts.iter().find(|p| *p.name == *n));
            // A part's name has its part's colour.
            let style = part.map_or(style(span.kind, theme), |p| Style::new().fg(theme.role(p.role)));
            let (from, to) = (at.get(span.start).copied(), at.get(span.end).copied().or(at.last().copied()));
            let (Some(from), Some(to)) = (from, to) else { continue };
            for column in (from + numbers).max(left)..(to + numbers).max(left) {
                let x = column - left;
                if x >= usize::from(text.width) || column < numbers {
                    break;
                }
                let cell = &mut buf[(text.x + x as u16, text.y + y)];
                cell.fg = style.fg.unwrap_or(cell.fg);
                cell.modifier |= style.add_modifier;
            }
        }
    }
}

fn style(kind: Kind, theme: &Theme) -> Style {
    match kind {
        Kind::Keyword => theme.moving(),
        Kind::Function => theme.accent(),
        Kind::Control => theme.accent().add_modifier(Modifier::BOLD),
        Kind::Name => theme.text(),
        Kind::Number => theme.warn(),
        Kind::Text => theme.good(),
        Kind::Comment => theme.faint().add_modifier(Modifier::ITALIC),
        Kind::Symbol => theme.dim(),
        Kind::Error => theme.bad().add_modifier(Modifier::UNDERLINED),
    }
}

/// The line that is wrong, and the lines that ran within the last beat.
fn marks(app: &App, text: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let editor = &app.editor;
    let (top, left) = editor.area.scroll_offset();
    let row_of = |line: u32| {
        let y = (line as usize).checked_sub(1)?.checked_sub(usize::from(top))?;
        u16::try_from(y).ok().filter(|y| *y < text.height)
    };
    let width = (numbers(editor) as u16).min(text.width);
    for line in app.sight.snapshot.script.active_lines.iter().filter(|_| left == 0) {
        if let Some(y) = row_of(*line) {
            let cells = Rect { y: text.y + y, height: 1, width: width.max(1), ..text };
            buf.set_style(cells, theme.good().add_modifier(Modifier::BOLD));
            paint::text(buf, cells, 0, 0, "▶", theme.good());
        }
    }
    if let Some(y) = editor.fault.as_ref().and_then(|f| row_of(f.line)) {
        let cells = Rect { y: text.y + y, height: 1, ..text };
        buf.set_style(cells, Style::new().bg(theme.bad_back()));
        buf.set_style(Rect { width: width.max(1), ..cells }, theme.on_bad().add_modifier(Modifier::BOLD));
    }
}

#[cfg(test)]
mod test {
    use super::columns;

    #[test]
    fn tabs_and_wide_characters_take_their_columns() {
        assert_eq!(columns("a\tb", 4), [0, 1, 4, 5]);
        assert_eq!(columns("音a", 4), [0, 2, 3]);
    }
}
