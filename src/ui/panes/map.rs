//! The map of the latent space: where the focused part is, where it was and goes, points by name, and the bar that sounds.

use super::super::app::Hit;
use super::super::map::{Field, MapPoint};
use super::super::{App, Pane, Theme, paint};
use super::roll;
use crate::message::LatentView;
use crate::steer::Half;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Columns beside the map, and the least that the map keeps.
const SIDE: std::ops::RangeInclusive<u16> = 26..=36;
const FIELD_LEAST: u16 = 24;
/// Steps of the trail that are drawn bright.
const FRESH: usize = 8;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let title = app.part_name().map_or("map".to_string(), |name| format!("map: {name}"));
    // Beside a map that has room the paths stand in words; else on its frame.
    let side = (area.width / 5 * 2).clamp(*SIDE.start(), *SIDE.end());
    let side = if area.width >= side + FIELD_LEAST { side } else { 0 };
    let note = app.path_of(Half::Global).filter(|_| side == 0).map_or(String::new(), |path| path.to_string());
    let inner = paint::frame(buf, area, &theme, &title, &note, app.focus == Pane::Map);
    let Some(view) = app.latent_view().cloned() else {
        paint::text(buf, inner, 1, 0, "no parts yet: write part(\"lead\").engine(\"gan\") in the editor", theme.dim());
        return;
    };
    let rect = Rect { width: inner.width.saturating_sub(side), ..inner };
    if rect.is_empty() {
        return;
    }
    let field = app.field(rect);
    let points = app.map_points();
    app.point = app.point.min(points.len().saturating_sub(1));
    ground(&theme, field, buf);
    trail(&theme, &view, field, buf);
    for (i, point) in points.iter().enumerate() {
        let style = if i == app.point { theme.accent().add_modifier(Modifier::BOLD) } else { theme.dim() };
        draw_point(point, style, field, buf);
    }
    places(app, &view, field, buf);
    app.hits.push((rect, Hit::Map));
    beside(app, &points, Rect { x: rect.right(), width: inner.width - rect.width, ..inner }, buf);
}

/// The middle of the space, as a cross.
fn ground(theme: &Theme, field: Field, buf: &mut Buffer) {
    let (x, y) = field.cell_of([0.0, 0.0], (1, 1));
    paint::text(buf, field.rect, 0, y, &"┈".repeat(usize::from(field.rect.width)), theme.grid());
    (0..field.rect.height).for_each(|row| _ = paint::text(buf, field.rect, x, row, "┊", theme.grid()));
}

/// Where the part was, eight dots to a cell; the last steps bright.
fn trail(theme: &Theme, view: &LatentView, field: Field, buf: &mut Buffer) {
    /// Bits of a braille cell, by row and column.
    const BITS: [[u8; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
    let mut cells: Vec<(u16, u16, u8, bool)> = Vec::with_capacity(view.trail.len());
    for (i, place) in view.trail.iter().enumerate() {
        let (x, y) = field.cell_of(*place, (2, 4));
        let bit = 1 << BITS[usize::from(y % 4)][usize::from(x % 2)];
        let is_fresh = i + FRESH >= view.trail.len();
        match cells.iter_mut().find(|c| (c.0, c.1) == (x / 2, y / 4)) {
            Some(cell) => (cell.2, cell.3) = (cell.2 | bit, cell.3 | is_fresh),
            None => cells.push((x / 2, y / 4, bit, is_fresh)),
        }
    }
    for (x, y, bits, is_fresh) in cells {
        let dots = char::from_u32(0x2800 + u32::from(bits)).unwrap_or('·');
        let style = if is_fresh { theme.moving() } else { theme.faint() };
        paint::text(buf, field.rect, x, y, dots.encode_utf8(&mut [0; 4]), style);
    }
}

fn draw_point((name, place): &MapPoint, style: Style, field: Field, buf: &mut Buffer) {
    let (x, y) = field.cell_of(*place, (1, 1));
    paint::text(buf, field.rect, x, y, "◆", style);
    let name: String = name.chars().take(8).collect();
    let width = name.chars().count() as u16;
    // Left of its mark where there is no room on the right.
    let at = if x + 2 + width <= field.rect.width { x + 1 } else { x.saturating_sub(width) };
    paint::text(buf, field.rect, at, y, &name, style);
}

/// Where it goes, where the bar is, where the part is: what lies on top comes last.
fn places(app: &App, view: &LatentView, field: Field, buf: &mut Buffer) {
    let theme = &app.theme;
    let picture = &app.sight.snapshot.projection;
    let role = app.sight.snapshot.parts.get(app.part).map(|p| Style::new().fg(theme.role(p.role)));
    let mut mark = |place: [f32; 2], sign: &str, style: Style| {
        let (x, y) = field.cell_of(place, (1, 1));
        paint::text(buf, field.rect, x, y, sign, style);
    };
    if let Some(target) = view.target {
        mark(target, "◎", theme.warn());
    }
    mark(picture.at(&view.now), "○", theme.dim());
    mark(picture.at_global(&view.now.global), "●", role.unwrap_or_default().add_modifier(Modifier::BOLD));
}

/// The paths in words, the points, the bar that sounds.
fn beside(app: &App, points: &[MapPoint], area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let area = Rect { x: area.x + 2.min(area.width), width: area.width.saturating_sub(2), ..area };
    for (y, half) in Half::BOTH.into_iter().enumerate() {
        let Some(path) = app.path_of(half) else { continue };
        let x = paint::text(buf, area, 0, y as u16, &format!("{:<7}", half.name()), theme.faint());
        let by_bar = if path.by_bar { ", by bar" } else { "" };
        paint::text(buf, area, x, y as u16, &format!("{path}{by_bar}"), theme.text());
    }
    let mut x = paint::text(buf, area, 0, 2, &format!("{:<7}", "points"), theme.faint());
    for (i, (name, _)) in points.iter().enumerate().skip(app.point.saturating_sub(3)) {
        let style = if i == app.point { theme.accent().add_modifier(Modifier::BOLD) } else { theme.dim() };
        x = paint::text(buf, area, x, 2, name, style) + 1;
    }
    if points.is_empty() {
        paint::text(buf, area, x, 2, "none: p makes one", theme.faint());
    }
    if area.height > 4
        && let Some(place) = app.place()
    {
        paint::text(buf, area, 0, 3, &format!("bar {}", place.bar + 1), theme.faint());
        roll::draw_bar(app, &place, Rect { y: area.y + 4, height: area.height - 4, ..area }, buf);
    }
}
