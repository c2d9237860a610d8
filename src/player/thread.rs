//! The player's thread: absolute deadlines, one inbox, and silence whatever happens.

use super::Core;
use super::lateness::Lateness;
use crate::limits::PLAYER_INBOX;
use crate::message::{Latest, Playhead, Severity, ToPlayer};
use crate::output::{Rack, clock};
use crate::time::Nanos;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Real-time priority of the player: below its senders, which wait on it less than it on them.
const PRIORITY: u8 = 50;
/// The thread wakes at least this often: to look after the outputs and to tell where the music is.
const TURN_MS: u64 = 10;
/// The first notes wait this long for an output that is still opening its device.
const READY_MS: u64 = 400;
/// So many panics of the thread within a minute end it.
const PANICS_MAX: usize = 5;
/// How long `Player`'s end waits for the thread.
const JOIN_MS: u64 = 2500;

#[derive(Debug)]
struct Shared {
    playhead: Latest<Playhead>,
    /// Asked for silence at once, also when the inbox is full.
    panic: AtomicBool,
    /// Counts silences carried out.
    silences: AtomicU64,
    lost: AtomicU64,
}

/// The player's owner: ends it, in silence, when dropped.
pub struct Player {
    inbox: Sender<ToPlayer>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    done: Receiver<()>,
}

/// A way to silence everything from any thread, also when the inbox is full.
#[derive(Clone, Debug)]
pub struct Silencer {
    inbox: Sender<ToPlayer>,
    shared: Arc<Shared>,
}

impl Player {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(rack: Rack) -> std::io::Result<Player> {
        let (inbox, messages) = bounded(PLAYER_INBOX);
        let (finished, done) = bounded(1);
        let playhead = Latest::new(Core::new().playhead(clock::now()));
        let shared = Arc::new(Shared {
            playhead,
            panic: AtomicBool::new(false),
            silences: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let turn = Turn::new(rack, messages, shared.clone());
        let thread = std::thread::Builder::new().name("player".into()).spawn(move || {
            run(turn);
            let _ = finished.send(());
        })?;
        Ok(Player { inbox, shared, thread: Some(thread), done })
    }

    /// Where messages go. Bounded: [`PLAYER_INBOX`].
    pub fn inbox(&self) -> Sender<ToPlayer> {
        self.inbox.clone()
    }

    /// Where the music is: at most a turn (10 ms) old while the thread lives.
    pub fn playhead(&self) -> Latest<Playhead> {
        self.shared.playhead.clone()
    }

    /// Events that outputs have lost so far.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// For panic keys, signal handlers and panic hooks.
    pub fn silencer(&self) -> Silencer {
        Silencer { inbox: self.inbox.clone(), shared: self.shared.clone() }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // A full inbox is drained within a turn; wait for room, but not for ever.
        let _ = self.inbox.send_timeout(ToPlayer::Quit, Duration::from_millis(100));
        if self.done.recv_timeout(Duration::from_millis(JOIN_MS)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

impl Silencer {
    /// Everything that sounds ends; the music goes on. Returns at once.
    pub fn silence(&self) {
        self.shared.panic.store(true, Ordering::Release);
        // Only to wake the thread: the flag is what counts.
        let _ = self.inbox.try_send(ToPlayer::Panic);
    }

    /// Ends the player and waits until all outputs are silent, at most `timeout`. True when they are.
    pub fn end(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let before = self.shared.silences.load(Ordering::Acquire);
        self.shared.panic.store(true, Ordering::Release);
        let _ = self.inbox.send_timeout(ToPlayer::Quit, timeout);
        while self.shared.silences.load(Ordering::Acquire) & ENDED == 0 {
            if Instant::now() >= until {
                return self.shared.silences.load(Ordering::Acquire) != before;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// Bit of `Shared::silences`: the outputs are closed.
const ENDED: u64 = 1 << 63;

/// All that the thread works with; it survives a panic inside a turn.
struct Turn {
    core: Core,
    rack: Option<Rack>,
    messages: Receiver<ToPlayer>,
    shared: Arc<Shared>,
    lateness: Lateness,
    is_real_time: bool,
    /// A start that waits for the outputs, and until when at most.
    held_start: Option<Nanos>,
}

enum Next {
    GoOn,
    Quit,
}

fn run(mut turn: Turn) {
    turn.is_real_time = clock::claim_real_time(PRIORITY);
    let mut panics: Vec<Instant> = Vec::new();
    loop {
        match catch_unwind(AssertUnwindSafe(|| turn.once())) {
            Ok(Next::GoOn) => {}
            Ok(Next::Quit) => break,
            Err(_) => {
                panics.retain(|p| p.elapsed() < Duration::from_secs(60));
                panics.push(Instant::now());
                if !turn.recover() || panics.len() >= PANICS_MAX {
                    break;
                }
            }
        }
    }
    turn.end();
}

impl Turn {
    fn new(rack: Rack, messages: Receiver<ToPlayer>, shared: Arc<Shared>) -> Turn {
        Turn {
            core: Core::new(),
            rack: Some(rack),
            messages,
            shared,
            lateness: Lateness::default(),
            is_real_time: false,
            held_start: None,
        }
    }

    /// Waits for the next deadline or message, and does what is due.
    fn once(&mut self) -> Next {
        let Some(rack) = self.rack.as_mut() else { return Next::Quit };
        let before = clock::now();
        let turn_end = before.after_ms(TURN_MS);
        let deadline = self.core.wake_at().filter(|wake| *wake < turn_end);
        let wake = deadline.unwrap_or(turn_end);
        let first = match self.messages.recv_deadline(clock::instant_of(wake)) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody can reach us any more.
            Err(RecvTimeoutError::Disconnected) => return Next::Quit,
        };
        let now = clock::now();
        if first.is_none()
            && let Some(deadline) = deadline
        {
            self.lateness.note(now, now.0.saturating_sub(deadline.0.max(before.0)));
        }
        if self.shared.panic.swap(false, Ordering::AcqRel) {
            self.core.tell(ToPlayer::Panic, now, rack);
            self.shared.silences.fetch_add(1, Ordering::AcqRel);
        }
        // At most an inbox in one turn, so that a flood cannot keep the music from its deadlines.
        for message in first.into_iter().chain(self.messages.try_iter().take(PLAYER_INBOX)) {
            match message {
                ToPlayer::Quit => return Next::Quit,
                ToPlayer::Start if !rack.is_ready() => self.held_start = Some(now.after_ms(READY_MS)),
                message => {
                    if matches!(message, ToPlayer::Stop) {
                        self.held_start = None;
                    }
                    self.core.tell(message, now, rack);
                }
            }
        }
        if self.held_start.is_some_and(|until| rack.is_ready() || now >= until) {
            self.held_start = None;
            self.core.tell(ToPlayer::Start, now, rack);
        }
        self.core.advance(now, rack);
        rack.tend(now);
        self.publish(now);
        Next::GoOn
    }

    fn publish(&mut self, now: Nanos) {
        let mut playhead = self.core.playhead(now);
        playhead.lateness_us = self.lateness.percentiles_us();
        playhead.is_real_time = self.is_real_time;
        // Whoever reads copies an `Arc` out: when that meets this very moment, the next turn tells.
        self.shared.playhead.try_put(playhead);
        if let Some(rack) = &self.rack {
            self.shared.lost.store(rack.lost(), Ordering::Relaxed);
        }
    }

    /// After a panic of a turn: silence first, then go on. False when even that fails.
    fn recover(&mut self) -> bool {
        catch_unwind(AssertUnwindSafe(|| {
            let Some(rack) = self.rack.as_mut() else { return };
            self.core.tell(ToPlayer::Panic, clock::now(), rack);
            rack.say(Severity::Error, "the player failed inside and went on; please report this".into());
        }))
        .is_ok()
    }

    /// Silence and the end. Closing the outputs waits until what sounds has ended.
    fn end(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            if let Some(rack) = self.rack.as_mut() {
                self.core.tell(ToPlayer::Quit, clock::now(), rack);
            }
        }));
        let rack = self.rack.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(rack)));
        let mut playhead = *self.shared.playhead.get();
        (playhead.is_running, playhead.sounding) = (false, 0);
        playhead.lateness_whole_us = self.lateness.whole_us();
        self.shared.playhead.put(playhead);
        self.shared.silences.fetch_or(ENDED, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[path = "thread_test.rs"]
mod test;
