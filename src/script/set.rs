//! A set: a text that has been compiled and run, and its closures.

use super::desk::{self, At, Desk, Known, States};
use super::near::did_you_mean;
use super::{deadline, fault};
use crate::limits::SCRIPT_DEADLINE_MS;
use crate::steer::{Call, Edit, Job, Program, ScriptFault, Section};
use crate::time::Place;
use rhai::{AST, Dynamic, Engine, FnPtr, Position};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A compiled set. It keeps its own tree: a closure called with another set's tree does not find itself.
///
/// Closures may count, so a caller that makes a step anew keeps the answer of the first call.
pub struct Set {
    name: String,
    text: Arc<str>,
    engine: Arc<Engine>,
    ast: Arc<AST>,
    edits: Vec<Edit>,
    jobs: Vec<Job>,
    job_closures: Vec<FnPtr>,
    sections: Vec<Section>,
    section_closures: Vec<Option<FnPtr>>,
    form: Vec<usize>,
    known: Known,
    states: States,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("name", &self.name).field("edits", &self.edits).finish_non_exhaustive()
    }
}

/// A sentence for a section that there is none of.
pub(super) fn no_section<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = did_you_mean(name, known.clone());
    let all: Vec<_> = known.collect();
    if all.is_empty() {
        return format!("there is no section \"{name:.40}\": write section(\"{name:.40}\", 8, || ...) first");
    }
    format!("there is no section \"{name:.40}\"; the sections are {}{near}", all.join(", "))
}

impl Set {
    /// A set from the desk that its top level has written on.
    pub(super) fn new(
        name: &str,
        text: Arc<str>,
        engine: Arc<Engine>,
        ast: Arc<AST>,
        desk: Desk,
    ) -> Result<Set, ScriptFault> {
        let draft = desk.draft;
        let (sections, section_closures): (Vec<Section>, Vec<_>) = draft.sections.into_iter().unzip();
        let (jobs, job_closures) = draft.jobs.into_iter().unzip();
        let find = |name: &str, at: Position| {
            sections
                .iter()
                .position(|s| &*s.name == name)
                .ok_or_else(|| fault::at(at, no_section(name, sections.iter().map(|s| &*s.name))))
        };
        let form = match &draft.form {
            Some((names, at)) => names.iter().map(|name| find(name, *at)).collect::<Result<_, _>>()?,
            None => (0..sections.len()).collect(),
        };
        for (name, at) in &draft.jumps {
            find(name, *at)?;
        }
        let mut known = desk.known;
        known.sections = sections.iter().map(|s| s.name.clone()).collect();
        Ok(Set {
            name: name.to_string(),
            text,
            engine,
            ast,
            edits: desk.edits,
            jobs,
            job_closures,
            sections,
            section_closures,
            form,
            known,
            states: desk.states,
        })
    }

    fn run(&mut self, closure: &FnPtr, call: Call, place: &Place) -> Result<Vec<Edit>, ScriptFault> {
        let address = match call {
            Call::Job(index) => 1 + index as u64,
            Call::Section(index) => 1 << 20 | index as u64,
        };
        let at = At::Call { place: *place, address };
        let desk = Desk::new(at, self.known.clone(), self.states.clone());
        let (result, desk) = desk::lay_out(desk, || {
            let _guard = deadline::start(SCRIPT_DEADLINE_MS);
            catch_unwind(AssertUnwindSafe(|| closure.call::<Dynamic>(&self.engine, &self.ast, ()).map(drop)))
        });
        match (result, desk) {
            (Ok(Ok(())), Some(desk)) => {
                self.known = desk.known;
                Ok(desk.edits)
            }
            (Ok(Err(error)), _) => Err(fault::of_run(&error, &self.text)),
            _ => Err(fault::panicked("calling a closure of the set")),
        }
    }
}

impl Program for Set {
    fn name(&self) -> &str {
        &self.name
    }

    fn edits(&self) -> &[Edit] {
        &self.edits
    }

    fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn form(&self) -> &[usize] {
        &self.form
    }

    fn call(&mut self, call: Call, place: &Place) -> Result<Vec<Edit>, ScriptFault> {
        let (closure, line) = match call {
            Call::Job(index) => (self.job_closures.get(index).cloned(), self.jobs.get(index).map(|j| j.line)),
            Call::Section(index) => {
                (self.section_closures.get(index).cloned().flatten(), self.sections.get(index).map(|s| s.line))
            }
        };
        let Some(closure) = closure else { return Ok(Vec::new()) };
        let mut made = self.run(&closure, call, place);
        if let (Err(fault), Some(line)) = (&mut made, line)
            && fault.line == 0
        {
            fault.line = line;
        }
        made
    }
}
