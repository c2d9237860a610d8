//! Transport: what plays, where, in what harmony, and what waits.

use super::super::app::when_word;
use super::super::{App, paint};
use crate::steer::Scope;
use crate::time::{Place, StepIndex};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Draws it: two lines.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    paint::clear(buf, area, Style::new().bg(app.theme.raised()));
    let place = app.place();
    let right = script_state(app, area, buf);
    let left = Rect { width: area.width.saturating_sub(right), ..area };
    time_line(app, place, left, buf);
    harmony_line(app, place, area, buf);
}

/// State of the script at the right edge of the first line; gives the columns it took.
fn script_state(app: &App, area: Rect, buf: &mut Buffer) -> u16 {
    let theme = &app.theme;
    let script = &app.sight.snapshot.script;
    let (words, style) = match &script.error {
        Some(fault) if fault.line > 0 => (format!("✗ line {}", fault.line), theme.bad()),
        Some(_) => ("✗ not launched".to_string(), theme.bad()),
        None if app.editor.text_is(app.launched.as_deref()) => (format!("✓ {}", script.generation), theme.good()),
        None => ("edited, F5 launches".to_string(), theme.warn()),
    };
    let name = if area.width >= 110 { format!("{}  ", app.set_name()) } else { String::new() };
    let width = (name.chars().count() + words.chars().count() + 2) as u16;
    if area.width < width + 34 {
        return 0;
    }
    let x = paint::text(buf, area, area.width - width, 0, &name, theme.dim());
    paint::text(buf, area, x, 0, &words, style);
    width
}

fn time_line(app: &App, place: Option<Place>, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let snapshot = &app.sight.snapshot;
    let (word, style) = if app.is_moving() { ("▶", theme.good()) } else { ("■", theme.warn()) };
    let mut x = paint::text(buf, area, 1, 0, word, style);
    x = paint::text(
        buf,
        area,
        x + 1,
        0,
        &format!("{:>5.1}", app.sight.playhead.bpm.get()),
        theme.strong().bg(theme.raised()),
    );
    x = paint::text(buf, area, x, 0, " bpm", theme.dim());
    if let Some(p) = place {
        let beat = p.step_in_bar / p.metre.beat_steps() + 1;
        let sixteenth = p.step_in_bar % p.metre.beat_steps() + 1;
        let words = format!("{:>4}:{beat}.{sixteenth}", p.bar + 1);
        x = paint::text(buf, area, x + 1, 0, &words, theme.strong().bg(theme.raised()));
        x = lamps(app, p, area, x + 2, buf);
        x = paint::text(buf, area, x + 2, 0, &p.metre.to_string(), theme.dim());
        x = section(app, p, area, x + 3, buf);
    }
    if area.width >= 120 && snapshot.form.len() > 1 {
        form(app, area, x + 3, buf);
    }
}

/// One lamp a beat, lit for the first half of its beat.
fn lamps(app: &App, place: Place, area: Rect, x: u16, buf: &mut Buffer) -> u16 {
    let theme = &app.theme;
    let beat_steps = place.metre.beat_steps();
    let beats = place.metre.bar_steps().div_ceil(beat_steps).min(12);
    let now = place.step_in_bar / beat_steps;
    (0..beats).fold(x, |x, beat| {
        let is_lit = app.is_moving() && beat == now;
        let style = match (is_lit, beat) {
            (true, 0) => theme.warn(),
            (true, _) => theme.good(),
            (false, _) => theme.faint(),
        };
        paint::text(buf, area, x, 0, if is_lit { "●" } else { "○" }, style)
    })
}

fn section(app: &App, place: Place, area: Rect, x: u16, buf: &mut Buffer) -> u16 {
    let theme = &app.theme;
    let Some(section) = &app.sight.snapshot.steering.section else { return x };
    let bar_steps = u64::from(place.metre.bar_steps().max(1));
    let total = (section.until.0.saturating_sub(section.from.0)).div_ceil(bar_steps);
    let left = (section.until.0.saturating_sub(place.step.0)).div_ceil(bar_steps);
    let mut x = paint::text(buf, area, x, 0, &section.name, theme.accent().add_modifier(Modifier::BOLD));
    if (1..=16).contains(&total) && area.width >= 100 {
        let gone = total.saturating_sub(left) as usize;
        x = paint::text(buf, area, x + 1, 0, &"▮".repeat(gone), theme.accent());
        x = paint::text(buf, area, x, 0, &"▯".repeat(left.min(16) as usize), theme.faint());
    }
    let style = if left <= 1 { theme.warn() } else { theme.dim() };
    paint::text(buf, area, x + 1, 0, &format!("{left} bar{} left", if left == 1 { "" } else { "s" }), style)
}

fn form(app: &App, area: Rect, x: u16, buf: &mut Buffer) {
    let theme = &app.theme;
    let index = app.sight.snapshot.steering.section.as_ref().map(|s| s.index);
    let mut x = x;
    for (i, (name, bars)) in app.sight.snapshot.form.iter().enumerate() {
        let style = if index == Some(i) { theme.accent() } else { theme.faint() };
        let words = format!("{name} {bars}");
        if x + words.len() as u16 + 3 > area.width {
            paint::text(buf, area, x, 0, "…", theme.faint());
            return;
        }
        x = paint::text(buf, area, x, 0, &words, style) + 2;
    }
}

fn harmony_line(app: &App, place: Option<Place>, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let steering = &app.sight.snapshot.steering;
    let key = steering.key.map_or("key free".to_string(), |k| k.to_string());
    let mut x = paint::text(buf, area, 1, 1, &key, theme.moving());
    let step = place.map_or(StepIndex(0), |p| p.step);
    let (now, next, left) = steering.chords.at(step.0.saturating_sub(steering.chords_from.0));
    if left > 0 {
        let name = |c: Option<crate::music::Chord>| c.map_or("free".to_string(), |c| c.to_string());
        x = paint::text(buf, area, x + 2, 1, &name(now), theme.strong().bg(theme.raised()));
        x = paint::text(buf, area, x, 1, " → ", theme.faint());
        x = paint::text(buf, area, x, 1, &name(next), theme.dim());
        x = paint::text(buf, area, x, 1, &format!(" in {left}"), theme.faint());
    }
    x = paint::text(buf, area, x + 2, 1, "launch: ", theme.faint());
    x = paint::text(buf, area, x, 1, when_word(app.launch), theme.dim());
    pending(app, step, area, x + 3, buf);
}

/// Edits that wait, with the steps until their moment, and knobs just turned.
fn pending(app: &App, step: StepIndex, area: Rect, x: u16, buf: &mut Buffer) {
    let theme = &app.theme;
    let waiting = &app.sight.snapshot.pending;
    let mut x = x;
    for (i, p) in waiting.iter().enumerate() {
        let moment = match p.step {
            Some(at) if at >= step => format!("in {}", at.0 - step.0),
            _ => when_word(p.when).to_string(),
        };
        let words = format!("◷ {} {moment}", p.text);
        let more = format!("+{} more", waiting.len() - i);
        if x + words.chars().count() as u16 + if i + 1 < waiting.len() { 9 } else { 1 } > area.width {
            paint::text(buf, area, x, 1, &more, theme.warn());
            return;
        }
        x = paint::text(buf, area, x, 1, &words, theme.warn()) + 2;
    }
    if waiting.is_empty()
        && let Some(t) = app.turned.last()
    {
        let info = t.control.info();
        let who = t.part.as_deref().filter(|_| info.scope == Scope::Part).unwrap_or("set");
        let value = t.value.map_or("default".to_string(), |v| format!("{v:.2}"));
        paint::text(buf, area, x, 1, &format!("{who}.{} = {value}", info.name), theme.accent());
    }
}
