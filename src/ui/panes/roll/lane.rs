//! One part's lane: drums a row each, pitches two to a cell by half blocks.

use super::super::super::app::Hit;
use super::super::super::theme::Tense;
use super::super::super::{App, Theme, paint};
use super::{Axis, ruler, used_rows};
use crate::message::{PartView, RollNote};
use crate::music::kit;
use crate::time::{TICKS_PER_STEP, Tick};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Draws a lane: its gutter of `margin` cells and its field.
pub(super) fn draw(
    app: &mut App,
    index: usize,
    part: &PartView,
    axis: &Axis,
    area: Rect,
    margin: u16,
    buf: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let is_last = area.bottom() >= buf.area.bottom().saturating_sub(1);
    let wants_rule = !app.is_enlarged && area.height >= 5 && !is_last;
    let height = if wants_rule { area.height - 1 } else { area.height };
    let area = Rect { height, ..area };
    let field = Rect { x: area.x + margin, width: area.width - margin, ..area };
    background(app, axis, field, buf);
    if part.role.is_pitched() {
        let span = span(part, field.height);
        pitched(app, part, axis, field, span, buf);
        gutter(app, index, part, area, margin, buf);
        let label = Rect { width: margin.saturating_sub(1), ..area };
        if margin >= 12 && area.height >= 3 {
            paint::text_right(buf, label, 7, 0, &pitch_name(span.0.saturating_add(span.1 - 1)), app.theme.faint());
            paint::text_right(buf, label, 7, area.height - 1, &pitch_name(span.0), app.theme.faint());
        }
    } else {
        let rows = used_rows(part);
        drums(app, part, axis, field, &rows, buf);
        gutter(app, index, part, area, margin, buf);
        let label = Rect { width: margin.saturating_sub(1), ..area };
        for (i, row) in rows.iter().enumerate().filter(|_| margin >= 12 && usize::from(area.height) >= rows.len()) {
            let name: String = kit::ROWS[*row].name.chars().take(4).collect();
            paint::text_right(buf, label, 7, drum_row(i, rows.len(), area.height), &name, app.theme.faint());
        }
    }
    scores(app.theme, part, axis, field, buf);
    playhead(app.theme, axis, field, buf);
    if wants_rule {
        let rule = Rect { y: area.bottom(), height: 1, ..area };
        paint::text(buf, rule, 0, 0, &"┄".repeat(usize::from(rule.width)), app.theme.grid());
    }
    app.hits.push((Rect { width: margin, ..area }, Hit::Part(index)));
}

/// The planned future lies on a lighter ground, the chosen bar on a lighter one still; bar lines through all.
fn background(app: &App, axis: &Axis, field: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let clip = |c: i64| c.clamp(0, i64::from(axis.width)) as u16;
    let (now, end) = (clip(axis.head), clip(axis.step(axis.planned)));
    let planned = Rect { x: field.x + now, width: end.saturating_sub(now), ..field };
    buf.set_style(planned, Style::new().bg(theme.raised()));
    for place in ruler::bars(app, axis) {
        let (from, to) = (axis.step(place.step), axis.step(place.next_bar()));
        let ground = match app.bar == Some(place.bar) {
            true => Some(theme.lit()),
            false if app.sight.snapshot.frozen.contains(&place.bar) => Some(theme.frozen()),
            false => None,
        };
        if let Some(ground) = ground {
            let cells = Rect { x: field.x + clip(from), width: clip(to) - clip(from), ..field };
            buf.set_style(cells, Style::new().bg(ground));
        }
        let beat = u64::from(place.metre.beat_steps());
        let beats = (1..).map(|i| place.step.after(i * beat)).take_while(|s| *s < place.next_bar());
        for (column, sign, style) in std::iter::once((from, "│", theme.grid()))
            .chain(beats.map(|s| (axis.step(s), "╎", theme.grid())).filter(|_| axis.scale >= 2))
        {
            if let Some(x) = u16::try_from(column).ok().filter(|x| *x < field.width) {
                (0..field.height).for_each(|y| _ = paint::text(buf, field, x, y, sign, style));
            }
        }
    }
}

/// The bar line takes the colour of the bar's score; the number stands beside it where no note does.
fn scores(theme: Theme, part: &PartView, axis: &Axis, field: Rect, buf: &mut Buffer) {
    for bar in part.scores.iter() {
        let Some(x) = u16::try_from(axis.step(bar.line)).ok().filter(|x| *x < field.width) else { continue };
        let style = theme.score(bar.score);
        for y in field.top()..field.bottom() {
            let cell = &mut buf[(field.x + x, y)];
            if cell.symbol() == "│" {
                cell.set_style(style);
            }
        }
        let words = format!("{:+.1}", bar.score);
        let cells = x + 1..x + 1 + words.len() as u16;
        let is_free = |x: u16| x < field.width && [" ", "╎"].contains(&buf[(field.x + x, field.y)].symbol());
        if field.height >= 3 && cells.clone().all(is_free) {
            paint::text(buf, field, cells.start, 0, &words, style);
        }
    }
}

fn playhead(theme: Theme, axis: &Axis, field: Rect, buf: &mut Buffer) {
    let Some(x) = u16::try_from(axis.head).ok().filter(|x| *x < field.width) else { return };
    for y in field.top()..field.bottom() {
        let cell = &mut buf[(field.x + x, y)];
        if [" ", "│", "╎"].contains(&cell.symbol()) {
            cell.set_symbol("│").set_style(theme.strong());
        }
    }
}

/// Name, what is special about the part.
fn gutter(app: &App, index: usize, part: &PartView, area: Rect, margin: u16, buf: &mut Buffer) {
    let theme = &app.theme;
    let area = Rect { width: margin.saturating_sub(1), ..area };
    let mut style = Style::new().fg(if part.is_heard { theme.role(part.role) } else { Color::Reset });
    if !part.is_heard {
        style = theme.faint();
    }
    let is_focused = app.part == index;
    let name: String = part.name.chars().take(6).collect();
    paint::text(buf, area, 0, 0, if is_focused { "▌" } else { " " }, style);
    let weight = if is_focused { Modifier::BOLD } else { Modifier::empty() };
    paint::text(buf, area, 1, 0, &name, style.add_modifier(weight));
    let Some(steering) = app.steering(index) else { return };
    let mut x = 1;
    for (is_on, letter, style) in [
        (steering.is_muted, "M", theme.bad()),
        (steering.is_solo, "S", theme.warn()),
        (steering.hold.is_some(), "H", theme.accent()),
    ] {
        if is_on {
            x = paint::text(buf, area, x, 1, letter, style) + 1;
        }
    }
}

fn tense(axis: &Axis, from: Tick, until: Tick) -> Tense {
    if until <= axis.now {
        Tense::Past
    } else if from <= axis.now {
        Tense::Now
    } else {
        Tense::Future
    }
}

fn ticks(n: &RollNote) -> (Tick, Tick) {
    let from = n.step.tick().offset(i64::from(n.note.offset_ticks));
    (from, Tick(from.0 + u64::from(n.note.duration_steps) * TICKS_PER_STEP))
}

fn color(app: &App, part: &PartView, axis: &Axis, n: &RollNote, is_onset: bool) -> Color {
    let (from, until) = ticks(n);
    let mut tense = tense(axis, from, until);
    if !part.is_heard {
        return app.theme.faint().fg.unwrap_or(Color::Reset);
    }
    if tense == Tense::Now && !app.is_moving() {
        tense = Tense::Future;
    }
    app.theme.note(part.role, tense, n.note.velocity, is_onset)
}

/// Row of the `i`th of `count` kit rows, the lowest at the bottom; several share one where there is not room.
fn drum_row(i: usize, count: usize, height: u16) -> u16 {
    let height = usize::from(height.max(1));
    let up = if count <= height { i } else { i * height / count };
    (height - 1 - up.min(height - 1)) as u16
}

pub(super) fn drums(app: &App, part: &PartView, axis: &Axis, field: Rect, rows: &[usize], buf: &mut Buffer) {
    for n in part.notes.iter() {
        let Some(i) = kit::row_of(n.note.pitch).and_then(|r| rows.iter().position(|x| *x == r)) else { continue };
        let Some(x) = u16::try_from(axis.step(n.step)).ok().filter(|x| *x < field.width) else { continue };
        // Height of the block tells how hard.
        let sign = ["▃", "▅", "▇"][usize::from(n.note.velocity.min(127) / 43).min(2)];
        let mut hit = *n;
        hit.note.duration_steps = 1;
        let style = Style::new().fg(color(app, part, axis, &hit, true));
        let width = if axis.scale >= 3 { 2 } else { 1 };
        for dx in 0..width {
            paint::text(buf, field, x + dx, drum_row(i, rows.len(), field.height), sign, style);
        }
    }
}

/// Lowest pitch and number of pitches of a lane: what its notes need, in half octaves, so that it seldom jumps.
pub(super) fn span(part: &PartView, height: u16) -> (u8, u8) {
    let pitches = part.notes.iter().map(|n| n.note.pitch.min(127));
    let (low, high) = match (pitches.clone().min(), pitches.max()) {
        (Some(low), Some(high)) => (low, high),
        _ => part.role.range(),
    };
    let pixels = u8::try_from(u32::from(height) * 2).unwrap_or(128).min(128);
    let low = low / 6 * 6;
    let count = ((high / 6 + 1) * 6).min(128) - low;
    if count >= pixels {
        return (low, count);
    }
    // Where there is room enough, a pitch takes two half rows.
    let pixels = if count.saturating_mul(2) <= pixels { pixels / 2 } else { pixels };
    // Room to spare: centre the notes.
    let low = low.saturating_sub((pixels - count) / 2).min(128 - pixels);
    (low, pixels)
}

pub(super) fn pitched(app: &App, part: &PartView, axis: &Axis, field: Rect, (low, count): (u8, u8), buf: &mut Buffer) {
    let (columns, pixels) = (usize::from(field.width), usize::from(field.height) * 2);
    let mut grid: Vec<Option<Color>> = vec![None; columns * pixels];
    for n in part.notes.iter() {
        let (from, until) = ticks(n);
        // The last quarter step stays free, so that repeated notes are seen as such.
        let (first, last) = (axis.column(from), axis.column(Tick(until.0.saturating_sub(TICKS_PER_STEP / 4))));
        if last < 0 || first >= columns as i64 {
            continue;
        }
        let up = usize::from(n.note.pitch.saturating_sub(low));
        let (up, thick) = match usize::from(count.max(1)) {
            c if c * 2 <= pixels => (up * 2, 2),
            c => (up * pixels / c.max(pixels), 1),
        };
        for y in (0..thick).filter_map(|i| pixels.checked_sub(1 + up + i)) {
            for x in first.max(0)..=last.min(columns as i64 - 1) {
                grid[y * columns + x as usize] = Some(color(app, part, axis, n, x == first));
            }
        }
    }
    for y in 0..usize::from(field.height) {
        for x in 0..columns {
            let (top, bottom) = (grid[2 * y * columns + x], grid[(2 * y + 1) * columns + x]);
            let cell = &mut buf[(field.x + x as u16, field.y + y as u16)];
            match (top, bottom) {
                (Some(a), Some(b)) if a == b => _ = cell.set_symbol("█").set_fg(a),
                (Some(a), Some(b)) => _ = cell.set_symbol("▀").set_fg(a).set_bg(b),
                (Some(a), None) => _ = cell.set_symbol("▀").set_fg(a),
                (None, Some(b)) => _ = cell.set_symbol("▄").set_fg(b),
                (None, None) => {}
            }
        }
    }
}

fn pitch_name(pitch: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[usize::from(pitch % 12)], i32::from(pitch / 12) - 1)
}
