//! The bottom line: the newest notice for some seconds, else the keys that matter here.

use super::super::{App, KEYS, KeyRow, KeyScope, Pane, paint};
use crate::message::Severity;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    if let Some(line) =
        app.log.toast(app.sight.now).filter(|l| l.notice.severity > Severity::Info || l.notice.source == "screen")
    {
        let style = match line.notice.severity {
            Severity::Info => theme.accent(),
            Severity::Warning => theme.warn(),
            Severity::Error => theme.bad(),
        };
        paint::text(buf, area, 1, 0, &line.notice.text, style);
        return;
    }
    if let Some(hint) = app.editor.hint().filter(|_| app.focus == Pane::Editor) {
        paint::text(buf, area, 1, 0, &hint, theme.moving());
        return;
    }
    let focus = app.focus;
    let own = |scope: KeyScope| match scope {
        KeyScope::In(pane) => pane == focus,
        KeyScope::Band => matches!(focus, Pane::Roll | Pane::Parts | Pane::Map | Pane::Training),
        _ => false,
    };
    let rows = KEYS.iter().filter(|r| !r.hint.is_empty());
    let (mine, all): (Vec<&KeyRow>, Vec<&KeyRow>) = rows.partition(|r| own(r.scope));
    let mut x = 1;
    for row in mine.into_iter().chain(all.into_iter().filter(|r| r.scope == KeyScope::Everywhere)) {
        let width = (row.keys[0].len() + row.hint.len() + 3) as u16;
        if x + width > area.width {
            continue;
        }
        x = paint::text(buf, area, x, 0, row.keys[0], theme.dim().add_modifier(Modifier::BOLD));
        x = paint::text(buf, area, x + 1, 0, row.hint, theme.faint()) + 2;
    }
}
