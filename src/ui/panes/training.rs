//! Training: how a run that is followed goes, and what it would play.

use super::super::{App, Pane, Theme, paint};
use crate::message::Training;
use crate::plot::{Curves, MARK, Plot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the sample bar, and the least that the plot keeps beside it.
const SAMPLE: u16 = 30;
const PLOT_LEAST: u16 = 24;
/// Columns of the numbers beside the plot.
const SCALE: u16 = 8;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let run = app.sight.training.clone();
    let title = run.as_ref().map_or("training".to_string(), |run| format!("training: {}", run.folder));
    let note = run.as_ref().and_then(|r| r.style.as_ref()).map_or(String::new(), |style| format!("style {style}"));
    let inner = paint::frame(buf, area, &theme, &title, &note, app.focus == Pane::Training);
    let Some(run) = run else {
        let words = "no run is followed: start with --learn MIDI_FOLDER, or with --follow RUN_FOLDER";
        for (y, line) in paint::wrap(words, usize::from(inner.width.saturating_sub(2))).iter().enumerate() {
            paint::text(buf, inner, 1, y as u16, line, theme.dim());
        }
        return;
    };
    let rows = facts(&run, &theme, inner, buf);
    let below = Rect { y: inner.y + rows.min(inner.height), height: inner.height.saturating_sub(rows), ..inner };
    let side = if below.width >= SAMPLE + PLOT_LEAST + SCALE && !run.sample.is_empty() { SAMPLE } else { 0 };
    plot(&run, &theme, Rect { width: below.width - side, ..below }, buf);
    let at = Rect { x: below.right() - side, width: side, ..below };
    for (y, line) in run.sample.lines().enumerate().take(usize::from(at.height)) {
        let style = if line.ends_with(':') { theme.faint() } else { theme.text() };
        paint::text(buf, at, 1, y as u16, line, style);
    }
}

/// Where the run stands; gives the rows used.
fn facts(run: &Training, theme: &Theme, area: Rect, buf: &mut Buffer) -> u16 {
    let of = run.of.map_or(String::new(), |of| format!("/{of}"));
    let mut words = vec![format!("update {}{of}", run.update)];
    words.extend(run.learning.last().map(|l| format!("learning {:.3} bits/note", l.1)));
    words.extend(run.valid.last().map(|v| format!("valid {:.3}", v.1)));
    words.extend(run.best.map(|(update, bits)| format!("best {bits:.3} at {update}")));
    match &run.end {
        Some(end) => words.push(end.clone()),
        None => {
            words.push(format!("{:.0} tokens/s", run.tokens_per_s));
            words.extend(run.seconds_left.map(|s| format!("{} left", clock(s))));
        }
    }
    let lines = paint::wrap(&words.join("  · "), usize::from(area.width.saturating_sub(2)));
    for (y, line) in lines.iter().enumerate() {
        paint::text(buf, area, 1, y as u16, line, theme.text());
    }
    lines.len() as u16
}

fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The curves, with their highest and lowest value.
fn plot(run: &Training, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (width, height) = (area.width.saturating_sub(SCALE + 1), area.height);
    let curves = Curves { line: &run.learning, marks: &run.valid };
    let Some(Plot { range, rows, .. }) = curves.plot(usize::from(width), usize::from(height)) else {
        paint::text(buf, area, 1, 0, "nothing was measured yet", theme.faint());
        return;
    };
    for (y, row) in rows.iter().enumerate() {
        let y = y as u16;
        if y == 0 || y + 1 == height {
            let value = if y == 0 { range.1 } else { range.0 };
            paint::text(buf, area, 0, y, &format!("{value:>7.3}"), theme.faint());
        }
        for (x, cell) in row.chars().enumerate() {
            let style = if cell == MARK { theme.accent() } else { theme.moving() };
            paint::text(buf, area, SCALE + x as u16, y, cell.encode_utf8(&mut [0; 4]), style);
        }
    }
}
