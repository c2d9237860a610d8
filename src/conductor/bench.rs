//! Measures planning on this machine: what `ricercar bench` prints.

use super::band::Opener;
use super::session::Session;
use super::test_kit::{Scripted, band_of_four, likes_many};
use crate::message::ToPlayer;
use crate::steer::{Control, Edit, Signal, When};
use crate::time::StepIndex;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::Instant;

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplanFigures {
    /// Whole plan (2 bars, 4 parts) made again after an edit, shaped and ready for the player.
    pub plan_us: [f64; 3],
    /// First step of it.
    pub first_us: [f64; 3],
    /// After an edit that only changes the shape.
    pub reshape_us: [f64; 3],
    /// Notes in the last plan.
    pub notes: usize,
}

fn percentiles(h: &Histogram<u64>) -> [f64; 3] {
    [h.value_at_quantile(0.5), h.value_at_quantile(0.99), h.max()].map(|ns| ns as f64 / 1000.0)
}

/// A session of four parts, all played by this engine.
fn session(open: Opener, engine: &str, more: Vec<Edit>) -> Session {
    let engine: Arc<str> = Arc::from(engine);
    let mut edits = band_of_four();
    let names = ["drums", "bass", "chords", "lead"];
    edits.extend(names.map(|part| Edit::Engine { part: part.into(), engine: engine.clone() }));
    edits.extend(more);
    let mut session = Session::with_opener(open, 1);
    session.launch(Box::new(Scripted::new(edits)), "", When::Now);
    session
}

/// Time that planning a bar of four parts takes while the music runs, p50, p99 and the largest in microseconds, when one of them
/// is chosen among so many candidates. Without an ear in `open` a stand-in listens, which costs nothing.
///
/// # Errors
/// A sentence, when nothing can be measured.
pub fn taste(open: Opener, engine: &str, candidates: u8, bars: u32) -> Result<[f64; 3], String> {
    let mut times =
        Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).map_err(|e| format!("no histogram: {e}"))?;
    let ear = open.ear().unwrap_or_else(likes_many);
    let value = Some(Signal::Constant(f32::from(candidates)));
    let wish = Edit::Set { part: Some("lead".into()), control: Control::Taste, value };
    let mut session = session(open.with_ear(Some(ear)), engine, vec![wish]);
    session.plan_all();
    for _ in 0..bars {
        let began = Instant::now();
        for _ in 0..16 {
            let step = session.handed();
            session.note_handed(step, Some(session.epoch()));
            session.plan_all();
        }
        times.saturating_record(began.elapsed().as_nanos() as u64);
    }
    if session.engine_faults() > 0 {
        return Err(format!("engine '{engine}' failed: {:?}", session.take_notices()));
    }
    Ok(percentiles(&times))
}

/// Edits a running set `times` times and plans its 2 bars of 4 parts again. `engine` names the engine of all parts.
///
/// # Errors
/// A sentence, when nothing can be measured.
pub fn replan(open: Opener, engine: &str, times: u32) -> Result<ReplanFigures, String> {
    let empty = || Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).map_err(|e| format!("no histogram: {e}"));
    let (mut plan, mut first, mut reshape) = (empty()?, empty()?, empty()?);
    let mut session = session(open, engine, Vec::new());
    let mut sent = Vec::new();
    for i in 0..times {
        session.plan_all();
        session.drain(StepIndex(u64::MAX), &mut sent);
        sent.clear();
        let step = session.handed();
        session.note_handed(step, Some(session.epoch()));
        session.plan_all();
        let value = Some(Signal::Constant(0.5 + (i % 10) as f32 / 10.0));
        let turn = |control, value| Edit::Set { part: None, control, value };
        let began = Instant::now();
        session.edit(turn(Control::Temperature, value.clone()), When::Now);
        session.plan_next();
        session.drain(StepIndex(u64::MAX), &mut sent);
        first.saturating_record(began.elapsed().as_nanos() as u64);
        session.plan_all();
        session.drain(StepIndex(u64::MAX), &mut sent);
        plan.saturating_record(began.elapsed().as_nanos() as u64);
        let began = Instant::now();
        session.edit(turn(Control::Gate, value), When::Now);
        session.drain(StepIndex(u64::MAX), &mut sent);
        reshape.saturating_record(began.elapsed().as_nanos() as u64);
    }
    if session.engine_faults() > 0 {
        return Err(format!("engine '{engine}' failed: {:?}", session.take_notices()));
    }
    let steps = sent.iter().filter_map(|m| if let ToPlayer::Step(s) = m { Some(s.notes.len()) } else { None });
    let notes = steps.sum();
    Ok(ReplanFigures {
        plan_us: percentiles(&plan),
        first_us: percentiles(&first),
        reshape_us: percentiles(&reshape),
        notes,
    })
}
