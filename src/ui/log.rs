//! Lines of the log, bounded.

use crate::message::{Notice, Severity};
use crate::time::Nanos;
use std::collections::VecDeque;

/// Lines that are kept.
const KEPT: usize = 500;
/// How long the status line shows a notice.
const TOAST_NS: i64 = 6_000_000_000;

/// A line, with how often it came in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What.
    pub notice: Notice,
    /// How often in a row.
    pub count: u32,
    /// When it came last.
    pub at: Nanos,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: VecDeque<Line>,
    /// Lines scrolled up from the newest.
    pub scroll: usize,
}

impl Log {
    /// Adds a line; the same line again only counts.
    pub fn push(&mut self, mut notice: Notice, at: Nanos) {
        // A sentence of a library may be long: what does not fit a few lines is of no use on stage.
        if notice.text.len() > 2000 {
            notice.text = notice.text.chars().take(500).collect();
        }
        if let Some(last) = self.lines.back_mut().filter(|l| l.notice == notice) {
            last.count = last.count.saturating_add(1);
            last.at = at;
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { notice, count: 1, at });
        if self.scroll > 0 {
            self.scroll = (self.scroll + 1).min(self.lines.len());
        }
    }

    /// Scrolls towards newer (positive) or older lines.
    pub fn scroll_by(&mut self, lines: i32) {
        let last = self.lines.len().saturating_sub(1);
        self.scroll = self.scroll.saturating_add_signed(-(lines as isize)).min(last);
    }

    /// Newest first, from where it is scrolled to.
    pub fn newest_first(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().rev().skip(self.scroll)
    }

    /// The line that the status line shows now: the newest, errors longest.
    pub fn toast(&self, now: Nanos) -> Option<&Line> {
        let life = |l: &Line| if l.notice.severity == Severity::Error { TOAST_NS * 2 } else { TOAST_NS };
        self.lines.back().filter(|l| now.since(l.at) < life(l))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_counts_what_repeats() {
        let mut log = Log::default();
        for i in 0..2000 {
            log.push(Notice::new(Severity::Info, "test", format!("{}", i / 2)), Nanos(i));
        }
        assert_eq!(log.newest_first().count(), KEPT);
        assert_eq!(log.newest_first().next().map(|l| (l.notice.text.as_str(), l.count)), Some(("999", 2)));
        log.scroll_by(-1_000_000);
        assert_eq!(log.newest_first().count(), 1);
        log.scroll_by(i32::MAX);
        assert_eq!(log.scroll, 0);
    }

    #[test]
    fn a_toast_fades() {
        let mut log = Log::default();
        log.push(Notice::new(Severity::Info, "test", "hello"), Nanos(0));
        assert!(log.toast(Nanos(1)).is_some());
        assert!(log.toast(Nanos(7_000_000_000)).is_none());
    }
}
