//! Measures steps of engines on this machine: what `ricercar bench` prints.

use super::{Ask, Engine, EngineError, EngineState, Heard, HeardNote, History};
use crate::music::{Chance, Key, ROLES, StepNotes};
use crate::time::{BarMap, StepIndex};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half are below.
    pub p50_us: f64,
    /// 99 of 100 are below.
    pub p99_us: f64,
    /// 999 of 1000 are below.
    pub p999_us: f64,
    /// None is above.
    pub max_us: f64,
}

/// What [`step`] measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepFigures {
    /// One part's step: input, net, decisions.
    pub part: Percentiles,
    /// A step of the band: four parts after each other, each hearing the ones before.
    pub band: Percentiles,
    /// One save and one restore of a part's state.
    pub snapshot: Percentiles,
    /// Notes that were made.
    pub notes: u64,
}

pub(in crate::engine) fn empty() -> Result<Histogram<u64>, EngineError> {
    Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)
        .map_err(|e| EngineError::Other(format!("no histogram: {e}")))
}

pub(in crate::engine) fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    let us = |nanos: u64| nanos as f64 / 1000.0;
    Percentiles {
        p50_us: us(histogram.value_at_quantile(0.5)),
        p99_us: us(histogram.value_at_quantile(0.99)),
        p999_us: us(histogram.value_at_quantile(0.999)),
        max_us: us(histogram.max()),
    }
}

/// Plays `steps` sixteenths with a part for each role made by `open`, and measures.
///
/// # Errors
/// Those of the engine.
pub fn step(
    open: &mut dyn FnMut() -> Result<Box<dyn Engine>, EngineError>,
    steps: u64,
) -> Result<StepFigures, EngineError> {
    paced(open, steps, Duration::ZERO)
}

/// [`step`] with a pause before each step of the band: a thread that sleeps now and then, as the conductor's does, is not
/// scheduled like one that never does.
///
/// # Errors
/// Those of the engine.
pub fn paced(
    open: &mut dyn FnMut() -> Result<Box<dyn Engine>, EngineError>,
    steps: u64,
    pause: Duration,
) -> Result<StepFigures, EngineError> {
    let (mut part_ns, mut band_ns, mut snapshot_ns) = (empty()?, empty()?, empty()?);
    let mut parts = ROLES.iter().map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    let (bars, mut history, mut state) = (BarMap::default(), History::new(StepIndex(0)), EngineState::default());
    let (mut notes, mut now) = (0, Vec::with_capacity(64));
    for index in 0..steps {
        now.clear();
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        let mut band = 0;
        for (role, part) in ROLES.into_iter().zip(&mut parts) {
            let mut ask = Ask::new(bars.place(StepIndex(index)), role, Chance::new(1).fold(role as u64));
            ask.key = Key::parse("C");
            ask.in_key = 1.0;
            ask.band.iter_mut().for_each(|role| role.present = true);
            let mut out = StepNotes::EMPTY;
            let begun = Instant::now();
            part.next_step(&ask, &Heard { history: &history, now: &now }, &mut out)?;
            let spent = begun.elapsed().as_nanos() as u64;
            part_ns.saturating_record(spent);
            band += spent;
            now.extend(out.iter().map(|note| HeardNote { role, note: *note }));
            let begun = Instant::now();
            part.save(&mut state);
            part.restore(&state);
            snapshot_ns.saturating_record(begun.elapsed().as_nanos() as u64);
        }
        band_ns.saturating_record(band);
        history.push(&now);
        notes += now.len() as u64;
    }
    Ok(StepFigures {
        part: percentiles(&part_ns),
        band: percentiles(&band_ns),
        snapshot: percentiles(&snapshot_ns),
        notes,
    })
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::{LstmPart, Packed, kernel::Simd, random};
    use std::sync::Arc;

    #[test]
    #[ignore = "a measurement: cargo test --release --features jack --lib engine::bench -- --ignored --nocapture"]
    fn figures_of_a_step() {
        for hidden in [256, 512] {
            let packed = Arc::new(Packed::new(&random::random(hidden, 2, 1).unwrap()).unwrap());
            for simd in Simd::all() {
                let mut open = || Ok(Box::new(LstmPart::with_simd(packed.clone(), simd)) as Box<dyn Engine>);
                let figures = step(&mut open, 1000).unwrap();
                eprintln!("2x{hidden} {} {} KiB: {figures:?}", simd.name(), packed.bytes() / 1024);
            }
        }
    }
}
