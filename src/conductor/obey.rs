//! Commands: what the screen and the wiring ask of the session, and the trial of a script before it is launched.

use super::journal::Journal;
use super::session::Session;
use crate::limits::SCRIPT_DEADLINE_MS;
use crate::message::{Command, Notice, Severity};
use crate::steer::{Program, ProgramLoader, ScriptFault};
use std::time::Duration;

/// Time that the trial of a script may take, the engines of its coming bar included. What was not tried by then is taken
/// on trust: closures have a limit of their own (`script`), and slow engines are no fault of the script.
pub const TRIAL: Duration = Duration::from_millis(4 * SCRIPT_DEADLINE_MS);

impl Session {
    /// Obeys a command; false for [`Command::Quit`]. `is_over` tells when the trial of a script has taken long enough.
    pub fn obey(
        &mut self,
        command: Command,
        loader: &mut dyn ProgramLoader,
        is_over: &mut dyn FnMut() -> bool,
    ) -> bool {
        match command {
            Command::Edit(edit, when) => self.edit(edit, when),
            Command::LoadScript { name, text, when } => match self.tried(&name, &text, loader, is_over) {
                Ok(program) => {
                    self.set_script_error(None);
                    self.launch(program, &text, when);
                }
                Err(fault) => self.refuse(&name, fault),
            },
            Command::Freeze { bar, on } => self.freeze(bar, on),
            Command::Veto { bar, part } => self.veto(bar, part.as_deref()),
            Command::CancelPending => self.cancel_pending(),
            Command::BackTo { bar } => self.back_to(bar),
            Command::Quit => return false,
        }
        true
    }

    fn refuse(&mut self, name: &str, fault: ScriptFault) {
        let place = if fault.line > 0 { format!(", line {}", fault.line) } else { String::new() };
        let rest = if self.generations > 0 { " (the last good set plays on)" } else { "" };
        let text = format!("{name}{place}: {}{rest}", fault.text);
        self.notices.push(Notice::new(Severity::Error, "script", text));
        self.set_script_error(Some(fault));
    }

    /// Loads a text and tries it: the coming bar is planned with one copy, and another comes back unused.
    fn tried(
        &mut self,
        name: &str,
        text: &str,
        loader: &mut dyn ProgramLoader,
        is_over: &mut dyn FnMut() -> bool,
    ) -> Result<Box<dyn Program>, ScriptFault> {
        let candidate = loader.try_out(name, text)?;
        let mut trial = self.copy_for_trial();
        let steps = u64::from(trial.now.bars.place(trial.handed).metre.bar_steps());
        trial.launch(candidate, "", crate::steer::When::Now);
        for _ in 0..steps {
            trial.make_step();
            if let Some(fault) = trial.script.error.take() {
                return Err(fault);
            }
            if is_over() {
                break;
            }
        }
        // Values that sets hand on come from the newest set that lives: the one that was tried must not be it.
        drop(trial);
        loader.load(name, text)
    }

    /// A session of its own that stands where this one stands; engines begin anew in it.
    fn copy_for_trial(&self) -> Session {
        let mut copy = Session::with_opener(self.band.opener(), self.seed);
        copy.begin_at(self.handed);
        copy.now = super::plan::Running { generation: 0, ..self.in_force().clone() };
        copy.now.form = Default::default();
        copy.journal = Journal::new(self.seed);
        copy
    }
}
