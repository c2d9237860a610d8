//! Tempo: quarter notes per minute, and the map between ticks and nanoseconds.

use super::{Nanos, TICKS_PER_QUARTER, Tick};

/// Quarter notes per minute, kept within 20..=400.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Bpm(f64);

impl Bpm {
    /// Slowest tempo.
    pub const MIN: f64 = 20.0;
    /// Fastest tempo.
    pub const MAX: f64 = 400.0;

    /// A tempo, clamped to 20..=400; a number that is none becomes 120.
    pub fn new(bpm: f64) -> Bpm {
        Bpm(if bpm.is_finite() { bpm.clamp(Self::MIN, Self::MAX) } else { 120.0 })
    }
    /// Quarter notes per minute.
    pub fn get(self) -> f64 {
        self.0
    }
    /// Nanoseconds in one tick.
    pub fn nanos_per_tick(self) -> f64 {
        60e9 / (self.0 * TICKS_PER_QUARTER as f64)
    }
}

/// A piece of constant tempo that begins at a tick and an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    tick: Tick,
    nanos: Nanos,
    bpm: Bpm,
}

/// Piecewise constant tempo: the one place where ticks become nanoseconds and back.
#[derive(Clone, Debug, PartialEq)]
pub struct TempoMap {
    segments: Vec<Segment>,
}

impl TempoMap {
    /// A map whose tick 0 stands at `start`.
    pub fn new(start: Nanos, bpm: Bpm) -> TempoMap {
        TempoMap { segments: vec![Segment { tick: Tick(0), nanos: start, bpm }] }
    }

    /// A map in which `tick` stands at `at`; what lies before it stands earlier at the same tempo.
    pub fn anchored(tick: Tick, at: Nanos, bpm: Bpm) -> TempoMap {
        TempoMap { segments: vec![Segment { tick, nanos: at, bpm }] }
    }

    /// From `tick` on the tempo is `bpm`; what was set for later ticks is dropped.
    pub fn set(&mut self, tick: Tick, bpm: Bpm) {
        if self.bpm_at(tick) == bpm && self.segments.last().is_some_and(|s| s.tick <= tick) {
            return;
        }
        let nanos = self.nanos_at(tick);
        self.segments.retain(|s| s.tick < tick);
        self.segments.push(Segment { tick, nanos, bpm });
        // A long set with a moving tempo must not grow without bound: old segments are never asked for again.
        if self.segments.len() > 4096 {
            self.segments.drain(..2048);
        }
    }

    /// Tempo in force at `tick`.
    pub fn bpm_at(&self, tick: Tick) -> Bpm {
        self.segment_by(|s| s.tick <= tick).bpm
    }

    /// Instant at which `tick` falls.
    pub fn nanos_at(&self, tick: Tick) -> Nanos {
        let s = self.segment_by(|s| s.tick <= tick);
        let ticks = tick.0 as f64 - s.tick.0 as f64;
        Nanos((s.nanos.0 as f64 + (ticks * s.bpm.nanos_per_tick()).round()).max(0.0) as u64)
    }

    /// Last tick that has begun at `nanos`.
    pub fn tick_at(&self, nanos: Nanos) -> Tick {
        let s = self.segment_by(|s| s.nanos <= nanos);
        let past = (nanos.0 as f64 - s.nanos.0 as f64).max(0.0);
        // Half a nanosecond of slack undoes the rounding of `nanos_at`.
        Tick(s.tick.0 + ((past + 0.5) / s.bpm.nanos_per_tick()) as u64)
    }

    /// Moves the whole map later, as after a pause.
    pub fn shift(&mut self, by_nanos: u64) {
        for s in &mut self.segments {
            s.nanos.0 += by_nanos;
        }
    }

    fn segment_by(&self, begun: impl Fn(&Segment) -> bool) -> Segment {
        let at = self.segments.partition_point(begun);
        self.segments[at.saturating_sub(1)]
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ticks_survive_the_way_to_nanoseconds_and_back() {
        let mut map = TempoMap::new(Nanos(5_000), Bpm::new(120.0));
        map.set(Tick(960), Bpm::new(97.3));
        map.set(Tick(5000), Bpm::new(311.0));
        for t in 0..20_000 {
            assert_eq!(map.tick_at(map.nanos_at(Tick(t))), Tick(t));
        }
        assert_eq!(map.nanos_at(Tick(960)), Nanos(500_005_000));
    }

    #[test]
    fn setting_a_tempo_drops_what_was_set_for_later() {
        let mut map = TempoMap::new(Nanos(0), Bpm::new(60.0));
        map.set(Tick(9600), Bpm::new(200.0));
        map.set(Tick(960), Bpm::new(120.0));
        assert_eq!(map.bpm_at(Tick(9600)), Bpm::new(120.0));
        assert_eq!(map.nanos_at(Tick(1920)), Nanos(1_500_000_000));
    }
}
