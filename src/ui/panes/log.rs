//! The log: notices, newest at the bottom.

use super::super::{App, Pane, paint};
use crate::message::Severity;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let note = if app.log.scroll > 0 { format!("{} newer below", app.log.scroll) } else { String::new() };
    let inner = paint::frame(buf, area, &theme, "log", &note, app.focus == Pane::Log);
    let mut bottom = inner.height;
    for line in app.log.newest_first() {
        let (sign, style) = match line.notice.severity {
            Severity::Info => ("·", theme.dim()),
            Severity::Warning => ("!", theme.warn()),
            Severity::Error => ("✗", theme.bad()),
        };
        let times = if line.count > 1 { format!(" (x{})", line.count) } else { String::new() };
        let words = format!("{}: {}{times}", line.notice.source, line.notice.text);
        let rows = paint::wrap(&words, usize::from(inner.width.saturating_sub(3)));
        for (i, row) in rows.iter().enumerate().rev() {
            let Some(y) = bottom.checked_sub(1) else { return };
            bottom = y;
            if i == 0 {
                paint::text(buf, inner, 0, y, sign, style);
            }
            let style = if line.notice.severity == Severity::Info { theme.text() } else { style };
            paint::text(buf, inner, 2, y, row, style);
        }
    }
}
