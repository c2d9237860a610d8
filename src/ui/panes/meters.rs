//! Meters: how much of the time there is gets used, and what went wrong so far.

use super::super::{App, Theme, paint};
use crate::time::TICKS_PER_STEP;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws it.
pub fn draw(app: &mut App, area: Rect, buf: &mut Buffer) {
    let theme = app.theme;
    let head = app.sight.playhead;
    let note = if head.is_real_time { "real-time" } else { "no real-time priority" };
    let inner = paint::frame(buf, area, &theme, "meters", note, false);
    let snapshot = &app.sight.snapshot;
    let meters = app.sight.meters;
    let step_us = (head.bpm.nanos_per_tick() * TICKS_PER_STEP as f64 / 1000.0) as f32;
    let share = snapshot.plan_us.1 as f32 / step_us.max(1.0);
    let mut rows = Rows { theme, inner, buf, y: 0 };
    let (p50, p99) = snapshot.plan_us;
    let ms = |us: u32| f64::from(us) / 1000.0;
    let words = match inner.width >= 44 {
        true => format!("{:.1}, p99 {:.1} of {:.0} ms", ms(p50), ms(p99), step_us / 1000.0),
        false => format!("{:.1} of {:.0} ms", ms(p99), step_us / 1000.0),
    };
    let level = |share: f32| {
        if share >= 0.9 {
            theme.bad()
        } else if share >= 0.6 {
            theme.warn()
        } else {
            theme.good()
        }
    };
    rows.bar("step used", share, level(share), &words);
    match meters.dsp_load {
        Some(load) => rows.bar("sound", load, level(load), &format!("{:.0} %", load * 100.0)),
        None => rows.line("sound", &[("no sound device", theme.faint())]),
    }
    if let Some((left, right)) = meters.peak_db {
        let share = |db: f32| ((db + 60.0) / 60.0).clamp(0.0, 1.0);
        let loud = |db: f32| {
            if db > -1.0 {
                theme.bad()
            } else if db > -4.0 {
                theme.warn()
            } else {
                theme.good()
            }
        };
        rows.bar("peak L", share(left), loud(left), &format!("{left:.0} dB"));
        rows.bar("peak R", share(right), loud(right), &format!("{right:.0} dB"));
    }
    let (late50, late99) = head.lateness_us;
    let sounding = meters.voices.map_or(head.sounding.to_string(), |v| format!("{} notes, {v} voices", head.sounding));
    rows.line("lateness", &[(&format!("{late50} us, p99 {late99} us"), theme.text())]);
    rows.line("sounding", &[(&sounding, theme.text())]);
    let taste = snapshot.taste;
    // The faults below come first where there is no room for both.
    if taste != Default::default() && inner.height > rows.y + 1 {
        let late = format!(", {} too late", taste.unranked);
        let style = if taste.unranked > 0 { theme.warn() } else { theme.faint() };
        rows.line("taste", &[(&format!("{} bars chosen", taste.ranked), theme.text()), (&late, style)]);
    }
    let faults = [
        ("late steps", head.late_steps),
        ("silent", head.silent_steps),
        ("late events", meters.late_events),
        ("xruns", meters.xruns),
        ("engine faults", snapshot.engine_faults),
        ("unranked", taste.unranked),
        ("notices lost", meters.dropped_notices),
    ];
    rows.faults(&faults);
}

struct Rows<'a> {
    theme: Theme,
    inner: Rect,
    buf: &'a mut Buffer,
    y: u16,
}

const LABEL: u16 = 10;

impl Rows<'_> {
    fn line(&mut self, label: &str, pieces: &[(&str, Style)]) {
        let x = paint::text(self.buf, self.inner, 1, self.y, label, self.theme.dim());
        paint::spans(self.buf, self.inner, x.max(LABEL) + 1, self.y, pieces.iter().copied());
        self.y += 1;
    }

    /// A gauge in eighths of a cell, then words.
    fn bar(&mut self, label: &str, share: f32, style: Style, words: &str) {
        let theme = self.theme;
        let width = self.inner.width.saturating_sub(LABEL + 2 + words.chars().count() as u16 + 2).min(24);
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let eighths = (share * f32::from(width) * 8.0).round() as usize;
        const PARTIAL: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let full = format!("{}{}", "█".repeat(eighths / 8), PARTIAL[eighths % 8]);
        let empty = "·".repeat(usize::from(width).saturating_sub(eighths.div_ceil(8)));
        self.line(label, &[(&full, style), (&empty, theme.grid()), (" ", style), (words, theme.text())]);
    }

    /// Counters; those at zero stay quiet.
    fn faults(&mut self, faults: &[(&str, u64)]) {
        let theme = self.theme;
        let mut x = 1;
        for (name, count) in faults {
            let words = format!("{name} {count}");
            let width = words.len() as u16 + 2;
            if x > 1 && x + width > self.inner.width {
                x = 1;
                self.y += 1;
            }
            let style = if *count > 0 { theme.warn() } else { theme.faint() };
            x = paint::text(self.buf, self.inner, x, self.y, &words, style) + 2;
        }
    }
}
