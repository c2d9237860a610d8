//! What the conductor needs of a script that has been compiled and run: plain data, and closures to call later.

use super::Edit;
use crate::time::Place;
use std::sync::Arc;

/// How often a closure is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Every so many steps, counted from the start of the set.
    Steps(u32),
    /// Every so many beats of the metre, counted within the bar line's grid.
    Beats(u32),
    /// Every so many bars.
    Bars(u32),
}

/// A closure that is called again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// How often.
    pub every: Every,
    /// Line of the script, from 1.
    pub line: u32,
}

/// A named section: its closure runs when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: Arc<str>,
    /// Its length in bars, at least 1.
    pub bars: u32,
    /// Line of the script, from 1.
    pub line: u32,
}

/// Which closure to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// A row of [`Program::jobs`].
    Job(usize),
    /// A row of [`Program::sections`].
    Section(usize),
}

/// A set: a script that has been compiled and whose top level has run. Dropping it drops its closures.
pub trait Program: Send {
    /// Name for messages.
    fn name(&self) -> &str;
    /// What the top level asks for, in order. The set is the defaults plus these.
    fn edits(&self) -> &[Edit];
    /// Closures to call again and again.
    fn jobs(&self) -> &[Job];
    /// The sections.
    fn sections(&self) -> &[Section];
    /// The form: rows of `sections` in playing order, repeated for ever; empty when there is none.
    fn form(&self) -> &[usize];
    /// Calls a closure under the script deadline; what it asks for takes effect at this place.
    ///
    /// # Errors
    /// What went wrong and where; the edits made before the error are dropped.
    fn call(&mut self, call: Call, place: &Place) -> Result<Vec<Edit>, ScriptFault>;
}

/// An error in a script, fit for humans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptFault {
    /// Line from 1; 0 when it has none.
    pub line: u32,
    /// Column from 1; 0 when it has none.
    pub column: u32,
    /// One sentence.
    pub text: String,
}

/// Turns the text of a script into a program: compiles it and runs its top level, under the script deadline.
pub trait ProgramLoader: Send {
    /// Loads a text; `name` is for messages. The same text gives the same program.
    ///
    /// # Errors
    /// What is wrong with it and where.
    fn load(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault>;

    /// The same for a trial: whatever the program does changes nothing that a program loaded later sees.
    ///
    /// # Errors
    /// As for [`ProgramLoader::load`].
    fn try_out(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault> {
        self.load(name, text)
    }
}
