//! Wiring: the only room that makes channels, spawns the threads of a performance, and joins them.
//!
//! Owns: [`Stage`] (player, conductor, watcher), the models and sets at hand.
//! Called from: `cli`, on the main thread.
//!
//! Invariants
//! - However a performance ends, every note that sounds gets its note-off before the program ends.
//! - The terminal is the screen's from its start to its end; nothing else prints in between.
//!
//! Not here: what the threads do (`conductor`, `player`, `ui`), arguments (`cli`).

pub mod learning;
pub mod library;
pub mod loader;
pub mod models;
mod report;
pub mod sets;
mod watch;

pub use report::Report;

use crate::conductor::{Conductor, Fixed, Journal, empty_snapshot, opener};
use crate::engine::Models;
use crate::limits;
use crate::message::{Command, Latest, Notice, Playhead, Severity, Snapshot, ToPlayer};

use crate::music::Projection;
use crate::output::{Guardian, MidiFileOut, Options, Output, Rack, SynthOut, SynthStatus, clock};
use crate::player::Player;
use crate::player::guard::{on_signals, silence_on_panic};
use crate::script::ScriptHost;
use crate::steer::When;
use crate::ui::UiEvent;
use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use loader::Loader;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use watch::Watch;

/// The hidden command that starts the guardian.
pub const GUARDIAN_COMMAND: &str = "guardian";

/// Seed of all chance when neither the command line nor the script names one.
pub const DEFAULT_SEED: u64 = 1;

/// What a performance is made of.
pub struct Setup {
    /// Weights.
    pub models: Models,
    /// What the command line fixes.
    pub fixed: Fixed,
    /// Audio host or device; `none` for no sound.
    pub audio: Option<String>,
    /// JACK ports to connect to.
    pub connect: Vec<String>,
    /// Send MIDI clock.
    pub clock: bool,
    /// Where a MIDI file of the take goes.
    pub record: Option<PathBuf>,
    /// Name of the set.
    pub name: String,
    /// Text of the set.
    pub text: String,
    /// File of the set.
    pub path: Option<PathBuf>,
}

/// What a performance leaves.
pub struct Ended {
    /// What was done; `None` when the conductor's thread ended badly.
    pub journal: Option<Journal>,
    /// Lines that were still unsaid.
    pub unsaid: Vec<Notice>,
    /// How it went.
    pub report: Report,
}

/// A running performance.
pub struct Stage {
    /// To the conductor.
    pub commands: Sender<Command>,
    /// To the player.
    pub to_player: Sender<ToPlayer>,
    /// Newest picture of the plan.
    pub snapshot: Latest<Snapshot>,
    /// Newest place of the music.
    pub playhead: Latest<Playhead>,
    /// Lines for the performer.
    pub notices: Receiver<Notice>,
    /// Where such lines are put in.
    pub say: Sender<Notice>,
    /// Changes of the set's file.
    pub events: Receiver<UiEvent>,
    /// The synth's meters; `None` until something plays on it.
    pub synth: Arc<Mutex<SynthStatus>>,
    /// True when the process was told to end.
    pub stop: Arc<AtomicBool>,
    /// Which file is watched.
    watch: Option<Watch>,
    /// What the command line fixes, for the journal.
    fixed: Fixed,
    player: Player,
    conductor: Option<JoinHandle<Journal>>,
}

impl Stage {
    /// Starts every thread, loads the set and begins to play it.
    ///
    /// # Errors
    /// When the system gives no thread or no signal handler.
    pub fn start(setup: Setup) -> Result<Stage> {
        let (commands, for_conductor) = bounded(limits::COMMANDS);
        let (say, notices) = bounded(limits::NOTICES);
        let (reports, from_player) = bounded(limits::PLAYER_INBOX);
        let (tell, events) = bounded(16);
        let synth = SynthOut::open(setup.audio.clone());
        let status = synth.status();
        let tap = setup
            .record
            .clone()
            .map(|path| Box::new(MidiFileOut::new(setup.name.clone(), Some(path))) as Box<dyn Output>);
        let options =
            Options { synth: Some(Box::new(synth)), jack_connect: setup.connect, guardian: guardian(&say), tap };
        let rack = Rack::new(options, (reports, from_player.clone()), say.clone());
        let player = Player::start(rack).context("the player's thread does not start")?;
        silence_on_panic(player.silencer());
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        on_signals(player.silencer(), move |_| told.store(true, Ordering::Release), crate::ui::leave_terminal)
            .context("signals cannot be handled")?;

        let snapshot = Latest::new(empty_snapshot(setup.fixed.seed.unwrap_or(DEFAULT_SEED)));
        let projection = setup.models.gan.as_ref().map_or_else(Projection::default, |gan| gan.projection.clone());
        let conductor = Conductor {
            open: opener(setup.models),
            seed: setup.fixed.seed.unwrap_or(DEFAULT_SEED),
            loader: Box::new(Loader { inner: ScriptHost::new(), fixed: setup.fixed.clone() }),
            commands: for_conductor,
            to_player: player.inbox(),
            from_player,
            projection,
            playhead: Some(player.playhead()),
            snapshot: snapshot.clone(),
            notices: say.clone(),
        };
        let conductor = std::thread::Builder::new()
            .name("conductor".into())
            .spawn(move || conductor.run())
            .context("the conductor's thread does not start")?;

        let watch = watched(tell, &say);
        if let (Some(watch), Some(path)) = (&watch, &setup.path) {
            watch.set(path);
        }
        let (to_player, playhead) = (player.inbox(), player.playhead());
        commands.send(Command::LoadScript { name: setup.name, text: setup.text, when: When::Now })?;
        to_player.send(ToPlayer::Clock(setup.clock))?;
        to_player.send(ToPlayer::Start)?;
        Ok(Stage {
            commands,
            to_player,
            snapshot,
            playhead,
            notices,
            say,
            events,
            synth: status,
            stop,
            watch,
            fixed: setup.fixed,
            player,
            conductor: Some(conductor),
        })
    }

    /// Something that sets the watched file.
    pub fn watcher(&self) -> Option<Watch> {
        self.watch.clone()
    }

    /// A way to silence everything at once.
    pub fn silencer(&self) -> crate::player::Silencer {
        self.player.silencer()
    }

    /// Ends every thread, in silence, and says what was done and how it went.
    pub fn end(mut self) -> Ended {
        // The player first: it must be silent whatever the conductor is doing.
        self.silencer().end(std::time::Duration::from_secs(2));
        let _ = self.commands.send_timeout(Command::Quit, std::time::Duration::from_millis(500));
        let journal = self.conductor.take().and_then(|thread| thread.join().ok());
        let journal = journal.map(|j| j.with_fixed(self.fixed));
        let (head, snapshot) = (*self.playhead.get(), self.snapshot.get());
        let report = Report {
            head,
            plan_us: snapshot.plan_us,
            taste: snapshot.taste,
            engine_faults: snapshot.engine_faults,
            lost_events: self.player.lost(),
        };
        Ended { journal, unsaid: self.notices.try_iter().collect(), report }
    }
}

/// A watcher of the set's file; without one, sets are still launched from the screen.
fn watched(tell: Sender<UiEvent>, say: &Sender<Notice>) -> Option<Watch> {
    let failed = |e: &std::io::Error| {
        let text = format!("the set's file is not watched: {e}");
        let _ = say.try_send(Notice::new(Severity::Warning, "wiring", text));
    };
    Watch::start(tell).inspect_err(failed).ok()
}

/// A process that outlives this one if it is killed, and then silences its devices.
fn guardian(say: &Sender<Notice>) -> Option<Guardian> {
    let started = std::env::current_exe().and_then(|exe| {
        let mut command = std::process::Command::new(exe);
        command.arg(GUARDIAN_COMMAND);
        Guardian::start(command)
    });
    match started {
        Ok(guardian) => Some(guardian),
        Err(e) => {
            let text = format!("without a guardian process, notes may hang when the program is killed: {e}");
            let _ = say.try_send(Notice::new(Severity::Warning, "wiring", text));
            None
        }
    }
}

/// The clock that everything on stage is timed by.
pub fn now() -> crate::time::Nanos {
    clock::now()
}
