//! Test support: an engine that goes wrong on purpose, for tests of everything that must survive one.
//!
//! Not in the table of engines; a performer cannot ask for it.

use super::{Ask, Engine, EngineError, EngineState, Heard};
use crate::music::{StepNote, StepNotes};
use std::time::Duration;

/// How the engine goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Returns an error in words.
    Fail,
    /// Returns the error of a model whose numbers went wrong.
    NotFinite,
    /// Panics.
    Panic,
    /// Sleeps this long, then plays as the engine inside.
    Slow(Duration),
    /// Breaks its contract: the most notes, outside any range, of extreme lengths and offsets.
    Garbage,
}

/// An engine that plays as the one inside, except where `when` says so.
pub struct Faulty {
    inner: Box<dyn Engine>,
    fault: Fault,
    when: Box<dyn FnMut(&Ask) -> bool + Send>,
}

impl Faulty {
    /// Wraps `inner`; `when` is asked at every step.
    pub fn new(inner: Box<dyn Engine>, fault: Fault, when: impl FnMut(&Ask) -> bool + Send + 'static) -> Faulty {
        Faulty { inner, fault, when: Box::new(when) }
    }

    fn strike(&mut self, ask: &Ask, out: &mut StepNotes) -> Result<bool, EngineError> {
        if !(self.when)(ask) {
            return Ok(false);
        }
        match self.fault {
            Fault::Fail => Err(EngineError::Other("this engine fails on purpose".into())),
            Fault::NotFinite => Err(EngineError::NotFinite { engine: "fault" }),
            Fault::Panic => panic!("this engine panics on purpose"),
            Fault::Slow(time) => {
                std::thread::sleep(time);
                Ok(false)
            }
            Fault::Garbage => {
                while out.push(StepNote { pitch: 127, velocity: 127, duration_steps: u16::MAX, offset_ticks: i16::MIN })
                {
                }
                Ok(true)
            }
        }
    }
}

impl Engine for Faulty {
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        if self.strike(ask, out)? { Ok(()) } else { self.inner.next_step(ask, heard, out) }
    }

    fn follow(&mut self, ask: &Ask, heard: &Heard) -> Result<(), EngineError> {
        let mut ignored = StepNotes::EMPTY;
        if self.strike(ask, &mut ignored)? { Ok(()) } else { self.inner.follow(ask, heard) }
    }

    fn save(&self, state: &mut EngineState) {
        self.inner.save(state);
    }

    fn restore(&mut self, state: &EngineState) {
        self.inner.restore(state);
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    fn notice(&mut self) -> Option<String> {
        self.inner.notice()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::{History, euclid::Euclid};
    use crate::music::{Chance, Role};
    use crate::time::{BarMap, StepIndex};

    #[test]
    fn it_goes_wrong_where_it_is_told_to_and_only_there() {
        let history = History::new(StepIndex(0));
        let heard = Heard { history: &history, now: &[] };
        let ask = |step| Ask::new(BarMap::default().place(StepIndex(step)), Role::Drums, Chance::new(1));
        for fault in [Fault::Fail, Fault::NotFinite, Fault::Panic, Fault::Slow(Duration::ZERO), Fault::Garbage] {
            let mut engine = Faulty::new(Box::new(Euclid::default()), fault, |ask| ask.place.step.0 == 4);
            let mut plain = Euclid::default();
            for step in [0, 4] {
                let (mut out, mut expected) = (StepNotes::EMPTY, StepNotes::EMPTY);
                plain.next_step(&ask(step), &heard, &mut expected).unwrap();
                let run = std::panic::AssertUnwindSafe(|| engine.next_step(&ask(step), &heard, &mut out));
                let result = std::panic::catch_unwind(run);
                let is_same = matches!(result, Ok(Ok(()))) && out == expected;
                assert_eq!(is_same, step == 0 || matches!(fault, Fault::Slow(_)), "{fault:?} {step}");
            }
        }
    }
}
