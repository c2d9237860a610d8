//! The conductor's thread: hears the player, obeys commands, plans one step at a time, tells the player and the screen.

use super::band::{Opener, opener};
use super::journal::Journal;
use super::meter::Meter;
use super::obey::TRIAL;
use super::session::Session;
use crate::engine::Models;
use crate::message::{Command, FromPlayer, Latest, Notice, Playhead, Snapshot, ToPlayer};
use crate::music::Projection;
use crate::steer::ProgramLoader;
use crate::time::StepIndex;
use crossbeam_channel::{Receiver, Sender, TrySendError, never};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time between two snapshots while the plan is complete, and while it is being made again.
const SNAPSHOT: Duration = Duration::from_millis(15);
const SNAPSHOT_BUSY: Duration = Duration::from_millis(60);
/// How long the thread sleeps at most: engines may have something to say.
const IDLE: Duration = Duration::from_millis(250);
/// Reports of the player that may be missing before the playhead is believed instead.
const REPORTS_BEHIND: u64 = 32;
/// Commands obeyed before the next step is planned, so that a flood of them cannot keep the plan from growing.
const COMMANDS_A_TURN: usize = 64;

/// Everything that the conductor's thread is given.
pub struct Conductor {
    /// Opens engines; see [`opener`].
    pub open: Opener,
    /// Seed of the set.
    pub seed: u64,
    /// Compiles scripts.
    pub loader: Box<dyn ProgramLoader>,
    /// From the screen and the wiring.
    pub commands: Receiver<Command>,
    /// To the player; bounded by `limits::PLAYER_INBOX`.
    pub to_player: Sender<ToPlayer>,
    /// What the player reports.
    pub from_player: Receiver<FromPlayer>,
    /// The picture of the latent space that the generators' model brings.
    pub projection: Projection,
    /// Where the music is; `None` in tests without a player thread.
    pub playhead: Option<Latest<Playhead>>,
    /// What the screen sees.
    pub snapshot: Latest<Snapshot>,
    /// To the log; what does not fit is dropped and counted there.
    pub notices: Sender<Notice>,
}

impl Conductor {
    /// The engines of `engine::ENGINES` with these weights.
    pub fn engines(models: Models) -> Opener {
        opener(models)
    }

    /// Runs until [`Command::Quit`], or until nobody is left to command or to play; gives back the journal.
    pub fn run(self) -> Journal {
        let mut session = Session::with_opener(self.open.clone(), self.seed);
        session.show_in(self.projection.clone());
        session.keep_pace();
        let past = Instant::now();
        let mut turn = Turn {
            links: self,
            session,
            meter: Meter::default(),
            outbox: VecDeque::new(),
            published: past,
            is_stale: true,
        };
        while turn.take() {}
        turn.publish();
        turn.session.close();
        turn.session.journal().clone()
    }
}

/// What the screen shows before the conductor has said anything.
pub fn empty_snapshot(seed: u64) -> Snapshot {
    Session::new(Models::default(), seed).snapshot((0, 0))
}

struct Turn {
    links: Conductor,
    session: Session,
    meter: Meter,
    /// Messages that did not fit into the player's inbox yet, in order.
    outbox: VecDeque<ToPlayer>,
    published: Instant,
    is_stale: bool,
}

impl Turn {
    /// One turn; false when the thread must end.
    fn take(&mut self) -> bool {
        self.hear();
        for _ in 0..COMMANDS_A_TURN {
            let Ok(command) = self.links.commands.try_recv() else { break };
            if !self.obey(command) {
                return false;
            }
        }
        // What is void is void from now on: while an engine makes the next step, the player waits for it as long as it can.
        if !self.tell() {
            return false;
        }
        let began = Instant::now();
        // Before the first command there is no set: an empty plan would let the player start in silence.
        let has_planned = !self.session.journal_entries().is_empty() && self.session.plan_next();
        if has_planned {
            self.meter.add(began.elapsed());
        }
        let has_worked = has_planned || self.session.score_next();
        self.is_stale |= has_worked;
        if !self.tell() {
            return false;
        }
        self.say();
        let pause = if has_worked { SNAPSHOT_BUSY } else { SNAPSHOT };
        if self.is_stale && self.published.elapsed() >= pause {
            self.publish();
        }
        has_worked || self.wait()
    }

    fn obey(&mut self, command: Command) -> bool {
        self.is_stale = true;
        let began = Instant::now();
        self.session.obey(command, self.links.loader.as_mut(), &mut || began.elapsed() > TRIAL)
    }

    fn hear(&mut self) {
        while let Ok(FromPlayer::Handed { step, epoch }) = self.links.from_player.try_recv() {
            self.session.note_handed(step, epoch);
            self.is_stale = true;
        }
        // Reports that were lost because nobody read them in time: the playhead knows.
        let handed = self.links.playhead.as_ref().map_or(StepIndex(0), |p| p.get().handed);
        if handed.0 > self.session.handed().0 + REPORTS_BEHIND {
            let last = StepIndex(handed.0 - 1);
            self.session.note_handed(last, Some(self.session.epoch()));
        }
    }

    /// Sends what the player does not know yet; false when it is gone.
    fn tell(&mut self) -> bool {
        if self.outbox.is_empty() {
            let mut fresh = Vec::new();
            self.session.drain(StepIndex(u64::MAX), &mut fresh);
            self.outbox.extend(fresh);
        }
        while let Some(message) = self.outbox.pop_front() {
            match self.links.to_player.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.outbox.push_front(message);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }

    fn say(&mut self) {
        for notice in self.session.take_notices() {
            // A log that is full counts what it misses; the music does not wait for it.
            let _ = self.links.notices.try_send(notice);
        }
    }

    fn publish(&mut self) {
        self.links.snapshot.put(self.session.snapshot(self.meter.p50_p99_us()));
        self.published = Instant::now();
        self.is_stale = false;
    }

    /// Sleeps until there is something to do; false when nobody can command any more.
    fn wait(&mut self) -> bool {
        let pause = if !self.outbox.is_empty() {
            Duration::from_millis(2)
        } else if self.is_stale {
            SNAPSHOT.saturating_sub(self.published.elapsed())
        } else {
            IDLE
        };
        let mut heard = None;
        let mut command = None;
        crossbeam_channel::select! {
            recv(self.links.commands) -> c => match c {
                Ok(c) => command = Some(c),
                Err(_) => return false,
            },
            recv(self.links.from_player) -> h => match h {
                Ok(h) => heard = Some(h),
                // Without a player the set can still be planned; do not spin on its closed queue.
                Err(_) => self.links.from_player = never(),
            },
            default(pause) => {}
        }
        if let Some(FromPlayer::Handed { step, epoch }) = heard {
            self.session.note_handed(step, epoch);
            self.is_stale = true;
        }
        command.is_none_or(|c| self.obey(c))
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::conductor::test_kit::{SeedLoader, probes};
    use crate::steer::When;
    use crossbeam_channel::bounded;

    #[test]
    fn the_thread_plans_sends_shows_and_ends() {
        let (commands, for_conductor) = bounded(16);
        let (to_player, player) = bounded(8);
        let (reports, from_player) = bounded(64);
        let (notices, _log) = bounded(64);
        let snapshot = Latest::new(empty_snapshot(1));
        let conductor = Conductor {
            open: probes(),
            seed: 1,
            loader: Box::new(SeedLoader),
            commands: for_conductor,
            to_player,
            from_player,
            projection: Projection::default(),
            playhead: None,
            snapshot: snapshot.clone(),
            notices,
        };
        let thread = std::thread::spawn(move || conductor.run());
        let load = Command::LoadScript { name: "set".into(), text: "3".into(), when: When::Now };
        commands.send(load).unwrap();
        commands.send(Command::LoadScript { name: "bad".into(), text: "broken".into(), when: When::Now }).unwrap();
        // A player that hands over everything at once.
        let mut last = None;
        while let Ok(message) = player.recv() {
            let ToPlayer::Step(step) = message else { continue };
            if last.is_none_or(|l| step.step > l) {
                last = Some(step.step);
                reports.send(FromPlayer::Handed { step: step.step, epoch: Some(step.epoch) }).unwrap();
            }
            if step.step.0 >= 64 {
                commands.send(Command::Quit).unwrap();
                break;
            }
        }
        let drained = std::thread::spawn(move || player.iter().count());
        let journal = thread.join().unwrap();
        drained.join().unwrap();
        assert_eq!(journal.entries().len(), 2, "the launch and the end; the broken one is not in it");
        assert!(journal.end().is_some_and(|end| end.0 > 32));
        let shown = snapshot.get();
        assert!(!shown.parts.is_empty() && shown.planned.0 > 32);
        assert_eq!(shown.script.name, "seed 3");
        assert!(shown.script.error.is_some());
    }
}
