//! How late the thread wakes up: histograms over about the last minute, and over the whole performance.

use crate::time::Nanos;
use hdrhistogram::Histogram;

/// Two halves of a minute: the older one falls away when the younger is full.
const HALF_NS: u64 = 30_000_000_000;

/// Latenesses of wake-ups.
pub struct Lateness {
    young: Option<Histogram<u32>>,
    old: Option<Histogram<u32>>,
    all: Option<Histogram<u64>>,
    since: Nanos,
    shown: (u32, u32),
    notes: u32,
}

impl Default for Lateness {
    fn default() -> Self {
        // One microsecond to ten seconds with two digits; the bounds are constants, so this cannot fail, and without it
        // the figures stay zero.
        let histogram = || Histogram::new_with_bounds(1, 10_000_000, 2).ok();
        let all = Histogram::new_with_bounds(1, 10_000_000, 2).ok();
        Lateness { young: histogram(), old: histogram(), all, since: Nanos(0), shown: (0, 0), notes: 0 }
    }
}

impl Lateness {
    /// Notes one wake-up that came `late_ns` after its deadline.
    pub fn note(&mut self, now: Nanos, late_ns: u64) {
        if now.0.saturating_sub(self.since.0) > HALF_NS {
            self.since = now;
            std::mem::swap(&mut self.young, &mut self.old);
            if let Some(young) = &mut self.young {
                young.clear();
            }
        }
        if let Some(young) = &mut self.young {
            young.saturating_record((late_ns / 1000).max(1));
        }
        if let Some(all) = &mut self.all {
            all.saturating_record((late_ns / 1000).max(1));
        }
        self.notes += 1;
    }

    /// p50, p99 and the largest since the start, in microseconds.
    pub fn whole_us(&self) -> [u32; 3] {
        let all = self.all.as_ref().filter(|all| !all.is_empty());
        all.map_or([0; 3], |h| [h.value_at_quantile(0.5), h.value_at_quantile(0.99), h.max()].map(|us| us as u32))
    }

    /// p50 and p99 in microseconds; computed anew after every sixteen notes.
    pub fn percentiles_us(&mut self) -> (u32, u32) {
        if self.notes >= 16
            && let (Some(young), Some(old)) = (&self.young, &self.old)
        {
            self.notes = 0;
            let mut both = young.clone();
            if both.add(old).is_ok() {
                self.shown = (both.value_at_quantile(0.5) as u32, both.value_at_quantile(0.99) as u32);
            }
        }
        self.shown
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn percentiles_cover_about_the_last_minute() {
        let mut lateness = Lateness::default();
        (0..1000).for_each(|i| lateness.note(Nanos(i), if i % 50 == 0 { 9_000_000 } else { 50_000 }));
        let (p50, p99) = lateness.percentiles_us();
        assert!((45..=55).contains(&p50) && (8_900..=9_200).contains(&p99), "{p50} {p99}");
        for minute in 1..3 {
            (0..100).for_each(|_| lateness.note(Nanos(minute * 31_000_000_000), 20_000));
        }
        assert!(lateness.percentiles_us().1 <= 21);
        let [p50, p99, max] = lateness.whole_us();
        assert!((45..=55).contains(&p50) && p99 <= max && (8_900..=9_200).contains(&max), "{p50} {p99} {max}");
    }
}
