//! A loader that puts the command line over the script: one output for every part, one seed.

use crate::conductor::Fixed;
use crate::steer::{Call, Edit, Job, Program, ProgramLoader, ScriptFault, Section};
use crate::time::Place;

/// One edit of the script, as the command line leaves it.
fn put_over(fixed: &Fixed, edit: Edit, into: &mut Vec<Edit>) {
    match edit {
        Edit::Out { .. } if fixed.out.is_some() => {}
        Edit::Seed(_) if fixed.seed.is_some() => {}
        Edit::Part { name, role } => {
            let part = name.clone();
            into.push(Edit::Part { name, role });
            into.extend(fixed.out.clone().map(|out| Edit::Out { part, out }));
        }
        other => into.push(other),
    }
}

fn all_over(fixed: &Fixed, edits: impl IntoIterator<Item = Edit>) -> Vec<Edit> {
    let mut kept: Vec<Edit> = fixed.seed.map(Edit::Seed).into_iter().collect();
    edits.into_iter().for_each(|edit| put_over(fixed, edit, &mut kept));
    kept
}

/// A loader of sets with something fixed.
pub struct Loader<L> {
    /// The real loader.
    pub inner: L,
    /// What is fixed.
    pub fixed: Fixed,
}

struct FixedProgram {
    inner: Box<dyn Program>,
    fixed: Fixed,
    edits: Vec<Edit>,
}

impl<L: ProgramLoader> Loader<L> {
    fn over(&self, inner: Box<dyn Program>) -> Box<dyn Program> {
        let edits = all_over(&self.fixed, inner.edits().iter().cloned());
        Box::new(FixedProgram { inner, fixed: self.fixed.clone(), edits })
    }
}

impl<L: ProgramLoader> ProgramLoader for Loader<L> {
    fn load(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault> {
        self.inner.load(name, text).map(|p| self.over(p))
    }
    fn try_out(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault> {
        self.inner.try_out(name, text).map(|p| self.over(p))
    }
}

impl Program for FixedProgram {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn edits(&self) -> &[Edit] {
        &self.edits
    }
    fn jobs(&self) -> &[Job] {
        self.inner.jobs()
    }
    fn sections(&self) -> &[Section] {
        self.inner.sections()
    }
    fn form(&self) -> &[usize] {
        self.inner.form()
    }
    fn call(&mut self, call: Call, place: &Place) -> Result<Vec<Edit>, ScriptFault> {
        let edits = self.inner.call(call, place)?;
        let mut kept = Vec::with_capacity(edits.len());
        edits.into_iter().for_each(|edit| put_over(&self.fixed, edit, &mut kept));
        Ok(kept)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::Role;
    use crate::steer::OutSpec;

    #[test]
    fn the_command_line_stands_over_the_script() {
        let fixed = Fixed { out: Some(OutSpec::Nowhere), seed: Some(9), models: None };
        let script = [
            Edit::Seed(1),
            Edit::Part { name: "lead".into(), role: Role::Lead },
            Edit::Out { part: "lead".into(), out: OutSpec::Jack { channel: 3 } },
        ];
        let expected = vec![
            Edit::Seed(9),
            Edit::Part { name: "lead".into(), role: Role::Lead },
            Edit::Out { part: "lead".into(), out: OutSpec::Nowhere },
        ];
        assert_eq!(all_over(&fixed, script), expected);
    }
}
