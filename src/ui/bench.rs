//! Bench: what a full frame of the screen costs.

use super::{App, Depth, demo};
use crate::time::{Nanos, Tick};
use hdrhistogram::Histogram;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

/// Times of frames, in microseconds, and the bytes they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameCost {
    /// Where the frames went: cells in memory, or escape sequences.
    pub backend: &'static str,
    /// Frames that were drawn.
    pub frames: u64,
    /// Half the frames took no longer.
    pub p50_us: u64,
    /// 99 of 100 frames took no longer.
    pub p99_us: u64,
    /// Mean bytes a frame; 0 for cells in memory.
    pub bytes: u64,
}

/// Draws the demo `frames` times at a size, the music moving 60 frames a second, into memory and as escape sequences.
pub fn frames(width: u16, height: u16, frames: u64) -> Vec<FrameCost> {
    let in_memory =
        Terminal::new(TestBackend::new(width, height)).ok().zip(times()).map(|(mut terminal, mut times)| {
            let mut app = demo::app(Depth::True);
            for i in 0..frames {
                move_on(&mut app, i);
                let begun = Instant::now();
                // Writing to memory does not fail.
                _ = terminal.draw(|frame| app.draw(frame.area(), frame.buffer_mut()));
                times.saturating_record(begun.elapsed().as_micros() as u64);
            }
            cost("cells", &times, 0)
        });
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let written = Rc::new(Cell::new(0));
    let backend = CrosstermBackend::new(Sink(written.clone()));
    let escaped = Terminal::with_options(backend, TerminalOptions { viewport }).ok().zip(times()).map(
        |(mut terminal, mut times)| {
            let mut app = demo::app(Depth::True);
            for i in 0..frames {
                move_on(&mut app, i);
                let begun = Instant::now();
                _ = terminal.draw(|frame| app.draw(frame.area(), frame.buffer_mut()));
                times.saturating_record(begun.elapsed().as_micros() as u64);
            }
            cost("escapes", &times, written.get() / frames.max(1))
        },
    );
    in_memory.into_iter().chain(escaped).collect()
}

/// Microseconds up to a second, three digits.
fn times() -> Option<Histogram<u64>> {
    Histogram::new_with_max(1_000_000, 3).ok()
}

fn cost(backend: &'static str, times: &Histogram<u64>, bytes: u64) -> FrameCost {
    FrameCost {
        backend,
        frames: times.len(),
        p50_us: times.value_at_quantile(0.5),
        p99_us: times.value_at_quantile(0.99),
        bytes,
    }
}

/// The next frame of the moving music.
fn move_on(app: &mut App, frame: u64) {
    let mut sight = app.sight.clone();
    sight.now = Nanos(1_000_000_000 + frame * 16_666_667);
    sight.playhead.at = sight.now;
    sight.playhead.tick = Tick(198 * 240 + frame * 30 % (240 * 32));
    app.see(sight);
}

/// Takes bytes and forgets them.
struct Sink(Rc<Cell<u64>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len() as u64);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
