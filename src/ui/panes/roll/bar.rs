//! One bar of one part, small: for the map.

use super::super::super::App;
use super::{Axis, lane, used_rows};
use crate::time::Place;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Steps that are seen at once; of a longer bar the stretch in which `place` stands.
const STEPS: u64 = 16;

/// Draws the bar of the focused part in which `place` stands, its step lit.
pub fn draw_bar(app: &App, place: &Place, area: Rect, buf: &mut Buffer) {
    let Some(part) = app.sight.snapshot.parts.get(app.part) else { return };
    let into = u64::from(place.step_in_bar);
    let first = place.bar_start().after(into / STEPS * STEPS);
    let steps = (place.next_bar().0 - first.0).min(STEPS);
    let scale = (u64::from(area.width) / steps).min(2);
    let area = Rect { width: (steps * scale) as u16, ..area };
    if area.is_empty() {
        return;
    }
    let axis = Axis {
        scale,
        head: 0,
        now_columns: (first.0 * scale) as i64,
        width: area.width,
        now: app.tick(),
        handed: app.sight.playhead.handed,
        planned: app.sight.snapshot.planned,
    };
    buf.set_style(area, Style::new().bg(app.theme.raised()));
    let now = Rect { x: area.x + ((into % STEPS) * scale) as u16, width: scale as u16, ..area };
    buf.set_style(now, Style::new().bg(app.theme.chosen()));
    if part.role.is_pitched() {
        lane::pitched(app, part, &axis, area, lane::span(part, area.height), buf);
    } else {
        lane::drums(app, part, &axis, area, &used_rows(part), buf);
    }
}
