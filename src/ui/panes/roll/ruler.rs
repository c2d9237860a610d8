//! The ruler above the roll: bar numbers, frozen and chosen bars, chords, where edits reach, where the plan ends.

use super::super::super::app::Hit;
use super::super::super::{App, paint};
use super::Axis;
use crate::time::{Place, StepIndex};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// Bars that a stretch of the axis touches; beyond those of the snapshot the last metre goes on.
pub(super) fn bars(app: &App, axis: &Axis) -> Vec<Place> {
    let end = axis.step_at(axis.width).unwrap_or(StepIndex(0));
    let mut step = axis.step_at(0).unwrap_or(StepIndex(0));
    let mut found = Vec::new();
    // A column is at most a step and a bar at least one: more bars than columns there are not.
    while step <= end && found.len() <= usize::from(axis.width) {
        let place = match app.place_of(step) {
            Some(p) => p,
            // Before the first known bar: go to it.
            None => match app.sight.snapshot.bars.first() {
                Some(first) if first.step > step => *first,
                _ => break,
            },
        };
        let start = place.bar_start();
        found.push(Place { step: start, step_in_bar: 0, ..place });
        step = place.next_bar();
    }
    found
}

/// Draws the ruler into `area` and leaves a place to click for every bar, over ruler and `body`.
pub(super) fn draw(app: &mut App, axis: &Axis, area: Rect, body: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let field = Rect { x: area.x, width: area.width, ..body };
    for place in bars(app, axis) {
        let (from, to) = (axis.step(place.step), axis.step(place.next_bar()));
        let clip = |c: i64| c.clamp(0, i64::from(axis.width)) as u16;
        let (left, right) = (clip(from), clip(to));
        let is_frozen = app.sight.snapshot.frozen.contains(&place.bar);
        let is_chosen = app.bar == Some(place.bar);
        let mut style = if place.step < axis.now.step() { theme.faint() } else { theme.dim() };
        if is_frozen {
            style = theme.accent();
        }
        if is_chosen {
            style = style.patch(theme.selected()).add_modifier(Modifier::BOLD);
            let cells = Rect { x: area.x + left, width: right - left, height: 1, ..area };
            buf.set_style(cells, style);
        }
        let mark = if is_frozen && to - from >= 12 {
            " frozen"
        } else if is_frozen {
            "*"
        } else {
            ""
        };
        if from >= 0 {
            let room = Rect { width: right, ..area };
            let x = paint::text(buf, room, left, 0, &format!("│{}{mark}", place.bar + 1), style);
            // What the ear thinks of the focused part.
            let part = app.sight.snapshot.parts.get(app.part);
            if let Some(bar) = part.and_then(|p| p.scores.iter().find(|s| s.line == place.step)) {
                let words = format!("{:+.1}", bar.score);
                if x + 1 + words.len() as u16 <= right {
                    paint::text(buf, room, x + 1, 0, &words, theme.score(bar.score));
                }
            }
        } else if is_frozen {
            paint::text(buf, Rect { width: right, ..area }, 0, 0, mark.trim(), style);
        }
        let cells = Rect { x: area.x + left, width: right - left, ..area };
        app.hits.push((cells, Hit::Bar(place.bar)));
        app.hits.push((Rect { x: field.x + left, width: right - left, ..field }, Hit::Bar(place.bar)));
    }
    mark(buf, area, axis.step(axis.planned), "┊", theme.faint());
    if app.is_moving() {
        mark(buf, area, axis.step(axis.handed), "▸", theme.warn());
    }
    mark(buf, area, axis.head, "▼", theme.strong());
    if area.height > 1 {
        chords(app, axis, Rect { y: area.y + 1, height: 1, ..area }, buf);
    }
}

fn mark(buf: &mut Buffer, area: Rect, column: i64, sign: &str, style: ratatui::style::Style) {
    if let Ok(x) = u16::try_from(column) {
        paint::text(buf, area, x, 0, sign, style);
    }
}

/// Names of the chords where they begin.
fn chords(app: &App, axis: &Axis, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let steering = &app.sight.snapshot.steering;
    let (Some(mut step), Some(end)) = (axis.step_at(0).or(Some(StepIndex(0))), axis.step_at(axis.width)) else {
        return;
    };
    step = step.max(steering.chords_from);
    let mut free_from = 0;
    while step <= end {
        let since = step.0 - steering.chords_from.0;
        let (now, _, left) = steering.chords.at(since);
        if left == 0 {
            return;
        }
        let next = step.after(u64::from(left));
        let is_now = step <= axis.now.step() && axis.now.step() < next;
        let style = if is_now { theme.moving().add_modifier(Modifier::BOLD) } else { theme.faint() };
        let column = axis.step(step).max(0) as u16;
        let words = now.map_or("·".to_string(), |c| c.to_string());
        if column >= free_from {
            free_from = paint::text(buf, area, column, 0, &words, style) + 1;
        }
        step = next;
    }
}
