//! What a screen too small for panes shows: that it plays, and that it is small.

use super::super::{App, paint};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let place = app.place().map_or(String::new(), |p| format!(" {}:{}", p.bar + 1, p.step_in_bar + 1));
    let (sign, style) = if app.is_moving() { ("▶", theme.good()) } else { ("■", theme.dim()) };
    let x = paint::text(buf, area, 0, 0, sign, style);
    let x = paint::text(buf, area, x, 0, &place, theme.text());
    paint::text(buf, area, x, 0, &format!(" {:.0}", app.sight.playhead.bpm.get()), theme.dim());
    let lines = ["the terminal is too", "small for the panes", "80x24 shows them all", "F12 panic  F10 quit"];
    for (i, line) in lines.iter().enumerate() {
        paint::text(buf, area, 0, i as u16 + 1, line, if i < 3 { theme.warn() } else { theme.dim() });
    }
}
