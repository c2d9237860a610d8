//! The piano roll: past, playhead and planned future of every part, one time axis for all.

mod bar;
mod lane;
mod ruler;

pub use bar::draw_bar;

use super::super::{App, Pane, paint};
use crate::message::PartView;
use crate::music::kit;
use crate::time::{StepIndex, TICKS_PER_STEP, Tick};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Cells left of the time axis: name, then row labels where there is room.
fn gutter(width: u16) -> u16 {
    match width {
        0..=39 => width.min(5),
        40..=59 => 8,
        _ => 12,
    }
}

/// The time axis: which column a tick falls on. All notes move by the same whole column, so that nothing trembles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Cells a step.
    pub scale: u64,
    /// Column of the playhead.
    pub head: i64,
    /// Columns from tick 0 to now.
    pub now_columns: i64,
    /// Columns there are.
    pub width: u16,
    /// The moment.
    pub now: Tick,
    /// First step not handed over.
    pub handed: StepIndex,
    /// First step not planned.
    pub planned: StepIndex,
}

impl Axis {
    fn new(app: &App, width: u16) -> Axis {
        let snapshot = &app.sight.snapshot;
        let now = app.tick();
        // The whole plan is seen, whatever the place in the bar; the past takes what is left.
        let bar = app.place().map_or(16, |p| u64::from(p.metre.bar_steps()));
        let ahead = (u64::from(snapshot.steering.plan_bars) + 1) * bar + 4;
        let scale = (u64::from(width) * 4 / 5 / ahead).clamp(1, 4);
        let least = i64::from(width) / 5;
        let head = (i64::from(width) - (ahead * scale) as i64).clamp(least, (i64::from(width) / 2).max(least));
        Axis {
            scale,
            head,
            now_columns: (now.0 * scale / TICKS_PER_STEP) as i64,
            width,
            now,
            handed: app.sight.playhead.handed,
            planned: snapshot.planned,
        }
    }

    /// Column of a tick; may lie outside.
    pub(super) fn column(&self, tick: Tick) -> i64 {
        (tick.0.saturating_mul(self.scale) / TICKS_PER_STEP) as i64 - self.now_columns + self.head
    }

    /// Column of a step's grid place.
    pub(super) fn step(&self, step: StepIndex) -> i64 {
        self.column(Tick(step.0.saturating_mul(TICKS_PER_STEP)))
    }

    /// The step under a column, if it is after the start.
    pub(super) fn step_at(&self, column: u16) -> Option<StepIndex> {
        let columns = i64::from(column) - self.head + self.now_columns;
        u64::try_from(columns).ok().map(|c| StepIndex(c / self.scale))
    }
}

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let title = match app.part_name().filter(|_| app.is_enlarged) {
        Some(name) => format!("roll: {name}"),
        None => "roll".to_string(),
    };
    let inner = paint::frame(buf, area, &theme, &title, &note(app), app.focus == Pane::Roll);
    let margin = gutter(inner.width);
    let field = Rect { x: inner.x + margin, width: inner.width - margin, ..inner };
    if field.width == 0 || field.height == 0 {
        return;
    }
    let axis = Axis::new(app, field.width);
    let rows = if field.height >= 10 { 2 } else { 1 };
    let ruler = Rect { height: rows.min(field.height), ..field };
    let body = Rect { y: inner.y + ruler.height, height: inner.height - ruler.height, ..inner };
    ruler::draw(app, &axis, ruler, body, buf);
    let parts = app.sight.snapshot.parts.clone();
    if parts.is_empty() {
        paint::text(buf, body, 1, 0, "no parts yet: write part(\"lead\") in the editor and press F5", theme.dim());
        return;
    }
    for (index, rect) in lanes(app, &parts, body) {
        if let Some(part) = parts.get(index) {
            lane::draw(app, index, part, &axis, rect, margin, buf);
        }
    }
}

fn note(app: &App) -> String {
    match app.bar {
        Some(bar) => {
            let frozen = if app.sight.snapshot.frozen.contains(&bar) { ", frozen" } else { "" };
            format!("bar {}{frozen}", bar + 1)
        }
        None => String::new(),
    }
}

/// Kit rows that a part uses, low to high.
fn used_rows(part: &PartView) -> Vec<usize> {
    let mut seen = [false; kit::ROW_COUNT];
    for n in part.notes.iter() {
        if let Some(row) = kit::row_of(n.note.pitch) {
            seen[row] = true;
        }
    }
    (0..kit::ROW_COUNT).filter(|r| seen[*r]).collect()
}

/// Heights of the lanes: drums as many rows as they use, the others share the rest. When there is not a row for each,
/// those around the focused part are seen.
fn lanes(app: &App, parts: &[PartView], body: Rect) -> Vec<(usize, Rect)> {
    if app.is_enlarged {
        return vec![(app.part, body)];
    }
    let room = usize::from(body.height);
    let seen = parts.len().min(room.max(1));
    let first = app.part.saturating_sub(seen / 2).min(parts.len() - seen);
    let shown = &parts[first..first + seen];
    let kits = shown.iter().filter(|p| !p.role.is_pitched()).count();
    let fair = room / seen;
    // Drums may take from pitched parts down to three rows each, and give back what they do not use.
    let kit_room = if kits == seen { room / seen } else { (room.saturating_sub(3 * (seen - kits))) / kits.max(1) };
    let rows = |p: &PartView| (used_rows(p).len().clamp(2, 8) + 1).min(kit_room.max(fair)).max(1);
    let taken: usize = shown.iter().filter(|p| !p.role.is_pitched()).map(rows).sum();
    let left = room.saturating_sub(taken);
    let pitched = seen - kits;
    let (mut y, mut nth) = (body.y, 0);
    let mut found = Vec::new();
    for (i, part) in shown.iter().enumerate() {
        let rows = if part.role.is_pitched() {
            nth += 1;
            left / pitched + usize::from(nth <= left % pitched)
        } else if pitched == 0 {
            fair + usize::from(i < room % seen)
        } else {
            rows(part)
        };
        let rect = Rect { y, height: (rows as u16).min(body.bottom().saturating_sub(y)), ..body };
        y += rect.height;
        found.push((first + i, rect));
    }
    found
}
