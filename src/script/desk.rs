//! The desk: what the functions of a script write on while it runs.
//!
//! rhai's functions belong to an engine, not to a run; so each run lays its desk out in this thread and takes it back
//! at its end. One engine serves every set, on any thread, without a lock.

use super::api::Part;
use crate::music::{Chance, Purpose, Role};
use crate::steer::{Control, Edit, Every, Job, OutSpec, Section, Signal};
use crate::time::{Metre, Place};
use rhai::{Dynamic, EvalAltResult, FnPtr, Position};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Edits that one run may ask for, jobs and sections and states that a set may have.
const EDITS_MAX: usize = 2048;
const JOBS_MAX: usize = 256;
const SECTIONS_MAX: usize = 64;
const STATES_MAX: usize = 128;

/// What a function of ours gives back to rhai.
pub(super) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// An error as rhai carries it; rhai adds the place of the call.
pub(super) fn fail(text: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into().into(), Position::NONE).into()
}

/// Values that outlive a set, by name.
pub(super) type States = Arc<Mutex<BTreeMap<String, Dynamic>>>;

/// What a script has said about a part so far.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownPart {
    pub(super) out: Option<OutSpec>,
    pub(super) controls: BTreeMap<usize, Signal>,
}

/// What a script has said so far; goes on from the top level into the closures.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) parts: BTreeMap<Arc<str>, KnownPart>,
    pub(super) band: KnownPart,
    pub(super) metre: Metre,
    pub(super) seed: u64,
    pub(super) sections: Arc<[Arc<str>]>,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            parts: BTreeMap::new(),
            band: KnownPart::default(),
            metre: Metre::FOUR_FOUR,
            seed: 1,
            sections: Arc::from([]),
        }
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// The top level of the file.
    Top,
    /// A closure at a step; `address` tells closures apart.
    Call { place: Place, address: u64 },
}

/// What the top level declares beside edits.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) jobs: Vec<(Job, FnPtr)>,
    pub(super) sections: Vec<(Section, Option<FnPtr>)>,
    pub(super) form: Option<(Vec<String>, Position)>,
    pub(super) jumps: Vec<(String, Position)>,
    pub(super) chords: Option<String>,
}

/// One run's desk.
pub(super) struct Desk {
    pub(super) at: At,
    pub(super) edits: Vec<Edit>,
    pub(super) draft: Draft,
    pub(super) known: Known,
    pub(super) states: States,
    draws: u64,
    signals: u64,
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// Runs `run` with `desk` laid out and gives the desk back.
pub(super) fn lay_out<R>(desk: Desk, run: impl FnOnce() -> R) -> (R, Option<Desk>) {
    DESK.with_borrow_mut(|slot| *slot = Some(desk));
    let result = run();
    (result, DESK.with_borrow_mut(Option::take))
}

/// Writes on the desk of this run. `write` must not call into the script.
pub(super) fn with<R>(write: impl FnOnce(&mut Desk) -> Result<R, String>) -> Fallible<R> {
    DESK.with(|slot| match slot.try_borrow_mut() {
        Ok(mut desk) => match desk.as_mut() {
            Some(desk) => write(desk).map_err(fail),
            None => Err(fail("no set is running")),
        },
        Err(_) => Err(fail("the set is already running")),
    })
}

impl Desk {
    pub(super) fn new(at: At, known: Known, states: States) -> Desk {
        Desk { at, edits: Vec::new(), draft: Draft::default(), known, states, draws: 0, signals: 0 }
    }

    /// Asks for an edit.
    pub(super) fn ask(&mut self, edit: Edit) -> Result<(), String> {
        if self.edits.len() >= EDITS_MAX {
            return Err(format!("more than {EDITS_MAX} changes at once: is this in a loop?"));
        }
        self.edits.push(edit);
        Ok(())
    }

    /// Says a sentence, shortened to a line.
    pub(super) fn say(&mut self, text: &str) -> Result<(), String> {
        let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        if text.chars().nth(200).is_some() {
            line.push('…');
        }
        self.ask(Edit::Say(line))
    }

    /// The top level of the file, or a sentence that `what` belongs there.
    pub(super) fn top(&mut self, what: &str) -> Result<&mut Draft, String> {
        match self.at {
            At::Top => Ok(&mut self.draft),
            At::Call { .. } => Err(format!("{what} belongs at the top level of the set, not inside a closure")),
        }
    }

    /// The metre in force here.
    pub(super) fn metre(&self) -> Metre {
        match self.at {
            At::Top => self.known.metre,
            At::Call { place, .. } => place.metre,
        }
    }

    /// Step and bar from 0; the start of the set at the top level.
    pub(super) fn here(&self) -> (u64, u64) {
        match self.at {
            At::Top => (0, 0),
            At::Call { place, .. } => (place.step.0, place.bar),
        }
    }

    /// Adds a job.
    pub(super) fn job(&mut self, every: Every, closure: FnPtr, at: Position) -> Result<(), String> {
        let draft = self.top("every")?;
        if draft.jobs.len() >= JOBS_MAX {
            return Err(format!("a set has at most {JOBS_MAX} closures that repeat"));
        }
        draft.jobs.push((Job { every, line: line(at) }, closure));
        Ok(())
    }

    /// Adds a section.
    pub(super) fn section(&mut self, name: &str, bars: u32, run: Option<FnPtr>, at: Position) -> Result<(), String> {
        let draft = self.top("section")?;
        if draft.sections.iter().any(|(s, _)| &*s.name == name) {
            return Err(format!("there are two sections '{name}': give one of them another name"));
        }
        if draft.sections.len() >= SECTIONS_MAX {
            return Err(format!("a set has at most {SECTIONS_MAX} sections"));
        }
        draft.sections.push((Section { name: Arc::from(name), bars, line: line(at) }, run));
        Ok(())
    }

    /// What is known of a part, or of the whole band.
    pub(super) fn part(&mut self, part: &Part) -> &mut KnownPart {
        match &part.0 {
            Some(name) => self.known.parts.entry(name.clone()).or_default(),
            None => &mut self.known.band,
        }
    }

    /// Declares a part; a second declaration in the same run replaces the first.
    pub(super) fn declare(&mut self, name: &Arc<str>, role: Role) -> Result<(), String> {
        let earlier = self.edits.iter_mut().rev().find_map(|e| match e {
            Edit::Part { name: n, role } if n == name => Some(role),
            _ => None,
        });
        match earlier {
            Some(earlier) => *earlier = role,
            None => self.ask(Edit::Part { name: name.clone(), role })?,
        }
        self.known.parts.entry(name.clone()).or_default();
        Ok(())
    }

    /// Turns a control; says so when a plain number had to be brought into range.
    pub(super) fn set(&mut self, part: Option<&Part>, control: Control, value: Option<Signal>) -> Result<(), String> {
        let info = control.info();
        if let Some(Signal::Constant(number)) = value
            && info.clamp(number) != number
        {
            let (min, max, used) = (info.min, info.max, info.clamp(number));
            self.say(&format!("{} goes from {min} to {max}: {number} became {used}", info.name))?;
        }
        let known = match part {
            Some(part) => self.part(part),
            None => &mut self.known.band,
        };
        match &value {
            Some(signal) => known.controls.insert(control as usize, signal.clone()),
            None => known.controls.remove(&(control as usize)),
        };
        let part = part.and_then(|p| p.0.clone());
        self.ask(Edit::Set { part, control, value })
    }

    /// The value of a state, made with `default` when it is new.
    pub(super) fn state(&mut self, name: &str, default: Dynamic) -> Result<(), String> {
        let mut states = self.states.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !states.contains_key(name) {
            if states.len() >= STATES_MAX {
                return Err(format!("a set keeps at most {STATES_MAX} states"));
            }
            states.insert(name.to_string(), default);
        }
        Ok(())
    }

    /// A random number in [0, 1), by the address of this run and the count of draws in it.
    pub(super) fn draw(&mut self) -> f32 {
        self.draws += 1;
        let (step, address) = match self.at {
            At::Top => (0, 0),
            At::Call { place, address } => (place.step.0, address),
        };
        Chance::new(self.known.seed).fold(address).unit(Purpose::Script, step, self.draws)
    }

    /// The address of a new random signal: the how-manieth of this run it is.
    pub(super) fn signal_id(&mut self) -> u64 {
        self.signals += 1;
        let address = match self.at {
            At::Top => 0,
            At::Call { address, .. } => address,
        };
        address << 16 | self.signals & 0xFFFF
    }
}

/// The line of a position, 0 when it has none.
pub(super) fn line(at: Position) -> u32 {
    at.line().unwrap_or(0) as u32
}
