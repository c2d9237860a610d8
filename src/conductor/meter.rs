//! The budget meter: how long planning one step of the whole band takes.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Samples after which the figures begin anew, so that they tell of the last minute or so.
const WINDOW: u64 = 2048;

/// Percentiles of the last window, kept until the next is half full.
#[derive(Debug)]
pub struct Meter {
    histogram: Option<Histogram<u64>>,
    last: (u32, u32),
}

impl Default for Meter {
    fn default() -> Meter {
        // Without memory for a histogram the meter stands at zero.
        Meter { histogram: Histogram::new_with_bounds(1, 60_000_000, 2).ok(), last: (0, 0) }
    }
}

impl Meter {
    /// Adds a sample.
    pub fn add(&mut self, took: Duration) {
        let Some(histogram) = &mut self.histogram else { return };
        histogram.saturating_record((took.as_micros() as u64).max(1));
        if histogram.len() >= WINDOW {
            self.last = figures(histogram);
            histogram.reset();
        }
    }

    /// p50 and p99 in microseconds.
    pub fn p50_p99_us(&self) -> (u32, u32) {
        match &self.histogram {
            Some(h) if self.last == (0, 0) || h.len() > WINDOW / 2 => figures(h),
            _ => self.last,
        }
    }
}

fn figures(h: &Histogram<u64>) -> (u32, u32) {
    let at = |q: f64| if h.is_empty() { 0 } else { h.value_at_quantile(q) as u32 };
    (at(0.5), at(0.99))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn figures_follow_the_last_window() {
        let mut meter = Meter::default();
        assert_eq!(meter.p50_p99_us(), (0, 0));
        (0..WINDOW).for_each(|_| meter.add(Duration::from_micros(1000)));
        assert!((990..1010).contains(&meter.p50_p99_us().0));
        (0..WINDOW).for_each(|_| meter.add(Duration::from_micros(10)));
        assert_eq!(meter.p50_p99_us(), (10, 10));
    }
}
