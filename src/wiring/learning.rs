//! Learning while playing: follows the folder of a training run, starts one in a process of its own, and brings its newest
//! weights into the band.
//!
//! One thread reads the run's metrics file and loads weights; the conductor only hears of an engine that is there already.

use super::library::Library;
use crate::message::{Command, Latest, Notice, Severity, Training};
use crate::steer::{Edit, When};
use crate::train::metrics;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Time between looks at the run's folder.
const LOOK: Duration = Duration::from_millis(500);
/// How long the end of the program waits for the trainer's last checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_secs(10);

/// What is followed, and what is started.
#[derive(Clone, Debug)]
pub struct Course {
    /// Folder of the run.
    pub run: PathBuf,
    /// A folder of MIDI files to learn from now.
    pub learn: Option<PathBuf>,
    /// The model that the run begins with; the built-in one when there is none.
    pub from: Option<PathBuf>,
}

/// A run that is followed. Dropping it ends the thread, and the trainer that it started.
pub struct Learning {
    wishes: Option<Sender<Vec<Arc<str>>>>,
    training: Latest<Training>,
    thread: Option<JoinHandle<()>>,
}

struct Follower {
    course: Course,
    training: Latest<Training>,
    library: Arc<Library>,
    commands: Sender<Command>,
    notices: Sender<Notice>,
    trainer: Option<Child>,
    seen: Option<(u64, Option<SystemTime>)>,
}

impl Learning {
    /// Starts to follow, and to learn if that is wanted.
    ///
    /// # Errors
    /// When the system gives no thread or no process.
    pub fn start(
        course: Course,
        library: Arc<Library>,
        commands: Sender<Command>,
        notices: Sender<Notice>,
    ) -> std::io::Result<Learning> {
        let training = Latest::new(Training { folder: course.run.display().to_string(), ..Training::default() });
        let trainer = course.learn.as_deref().map(|data| spawn(&course, data)).transpose()?;
        let (wish, wishes) = bounded(8);
        let mut follower =
            Follower { course, training: training.clone(), library, commands, notices, trainer, seen: None };
        let thread = std::thread::Builder::new().name("learning".into()).spawn(move || follower.run(&wishes))?;
        Ok(Learning { wishes: Some(wish), training, thread: Some(thread) })
    }

    /// Newest picture of the run.
    pub fn training(&self) -> Latest<Training> {
        self.training.clone()
    }

    /// A way to ask for the newest weights in some parts; does not block.
    pub fn player(&self) -> impl Fn(Vec<Arc<str>>) + use<> {
        let wishes = self.wishes.clone();
        move |parts| {
            // A full queue means that the last presses are still being answered.
            let _ = wishes.as_ref().map(|w| w.try_send(parts));
        }
    }
}

impl Drop for Learning {
    fn drop(&mut self) {
        drop(self.wishes.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Follower {
    fn run(&mut self, wishes: &Receiver<Vec<Arc<str>>>) {
        loop {
            self.look();
            match wishes.recv_timeout(LOOK) {
                Ok(parts) => self.bring(&parts),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(trainer) = self.trainer.take() {
            end(trainer);
        }
    }

    fn say(&self, severity: Severity, text: String) {
        // A log that is full counts what it misses.
        let _ = self.notices.try_send(Notice::new(severity, "training", text));
    }

    /// Reads the metrics file if it changed, and hears how the trainer ended.
    fn look(&mut self) {
        let stamp = std::fs::metadata(metrics::file_in(&self.course.run)).ok().map(|m| (m.len(), m.modified().ok()));
        if stamp.is_some() && stamp != self.seen {
            self.seen = stamp;
            self.training.put(metrics::read(&self.course.run));
        }
        let Some(Ok(Some(status))) = self.trainer.as_mut().map(Child::try_wait) else { return };
        let mut why = String::new();
        if let Some(mut pipe) = self.trainer.take().and_then(|t| t.stderr) {
            // What cannot be read is not said; that it failed is.
            let _ = pipe.read_to_string(&mut why);
        }
        if status.success() {
            self.say(Severity::Info, "training is done: its weights can be played".into());
        } else {
            let why = why.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it was ended").to_string();
            self.say(Severity::Error, format!("training ended: {why}"));
        }
    }

    /// Loads the newest weights here, then lets the parts play them from the next bar line on.
    fn bring(&self, parts: &[Arc<str>]) {
        let engine: Arc<str> = match self.library.take_in(&self.course.run) {
            Ok(engine) => engine.into(),
            Err(why) => return self.say(Severity::Warning, why),
        };
        for part in parts {
            let edit = Edit::Engine { part: part.clone(), engine: engine.clone() };
            if self.commands.try_send(Command::Edit(edit, When::NextBar)).is_err() {
                return self.say(Severity::Warning, "busy: the conductor could not take this now, try again".into());
            }
        }
        let update = self.training.get().best.map_or(self.training.get().update, |b| b.0);
        let names: Vec<&str> = parts.iter().map(|p| &**p).collect();
        let hash = engine.rsplit_once('#').map_or("", |name| name.1);
        self.say(
            Severity::Info,
            format!("{} plays update {update} from the next bar line on: weights {hash}", names.join(", ")),
        );
    }
}

/// The trainer: this program in a process of its own, at the lowest priority, going on where the folder has a checkpoint.
fn spawn(course: &Course, data: &Path) -> std::io::Result<Child> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["train", "lstm", "--data"]).arg(data).arg("-o").arg(&course.run);
    command.arg("--from").arg(course.from.as_deref().unwrap_or(Path::new("band")));
    if crate::train::lstm::checkpoint_in(&course.run).exists() {
        command.arg("--resume");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    #[cfg(unix)]
    // SAFETY: sets the niceness of a process that was just started and not waited for; a refusal changes nothing.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, child.id(), 19);
    }
    Ok(child)
}

/// Asks the trainer to write its last checkpoint and end; one that does not is left to itself.
fn end(mut trainer: Child) {
    #[cfg(unix)]
    // SAFETY: a signal to a child that was not waited for: its number is still its own.
    unsafe {
        libc::kill(trainer.id() as libc::pid_t, libc::SIGTERM);
    }
    #[cfg(not(unix))]
    let _ = trainer.kill();
    let until = Instant::now() + LAST_CHECKPOINT;
    while Instant::now() < until && matches!(trainer.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(20));
    }
}
