//! The loop on the main thread: take what came, draw once, wait for the next frame.

use super::app::{Effect, Sight};
use super::overlay::{Item, Purpose};
use super::terminal::{self, Screen};
use super::{App, Depth, Parting, Theme, UiEvent, UiLinks, files};
use crate::message::{Command, Latest, Notice, Severity, ToPlayer};
use crate::steer::Edit;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use crossterm::event::Event;
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between frames while the music runs, and while it stands still.
const FRAME: Duration = Duration::from_micros(16_667);
const FRAME_STILL: Duration = Duration::from_millis(100);
/// A frame that took longer halves the rate.
const FRAME_SLOW: Duration = Duration::from_millis(50);
/// Events taken before a frame is drawn; more wait for the next one.
const EVENTS_A_FRAME: usize = 1000;
/// Input events waiting for the loop; when full, the reader waits (and the terminal after it).
const INPUTS: usize = 1024;
/// Knobs kept back while the conductor is busy.
const DEFERRED: usize = 64;

/// What reaches the loop from its own threads.
enum Inbox {
    Input(Event),
    /// The terminal is gone.
    Ended,
    List(Purpose, Vec<Item>),
}

/// Shows the instrument until the performer quits, `stop` is set, or the terminal is gone. To be called on the main
/// thread; it takes the terminal and gives it back on every way out, a panic of this thread included.
///
/// # Errors
/// When there is no terminal to draw on, or it cannot be written any more.
pub fn run(links: UiLinks) -> anyhow::Result<Parting> {
    let theme = Theme::new(links.options.depth.unwrap_or_else(Depth::from_env));
    let path = links.script_path.clone();
    let mut app = App::new(theme, links.catalogue.clone(), look(&links), path, &links.script_text);
    if !super::editor::fits(&links.script_text) {
        app.say(Severity::Warning, "the set's lines are too many or too long for the editor: edit it outside");
    }
    let screen = terminal::enter(&links.options)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let result = catch_unwind(AssertUnwindSafe(|| Loop::new(&links, &mut app, screen, is_over.clone()).turn()));
    is_over.store(true, Ordering::SeqCst);
    terminal::leave();
    let (text, is_dirty) = app.text();
    let recovery = if is_dirty { files::recover(app.path().map(|p| p.as_path()), &text) } else { None };
    match result {
        Ok(result) => result.map(|()| Parting { recovery }),
        Err(panic) => resume_unwind(panic),
    }
}

/// Newest values; each lock is held for a pointer's copy.
fn look(links: &UiLinks) -> Sight {
    Sight {
        snapshot: links.snapshot.get(),
        playhead: *links.playhead.get(),
        meters: (links.meters)(),
        training: links.training.as_ref().map(Latest::get),
        now: (links.clock)(),
    }
}

struct Loop<'a> {
    links: &'a UiLinks,
    app: &'a mut App,
    screen: Screen,
    is_over: Arc<AtomicBool>,
    inbox: Receiver<Inbox>,
    to_inbox: Sender<Inbox>,
    /// Knobs that the conductor had no room for: the newest of each.
    deferred: Vec<Command>,
    /// Frames last this many times as long: the terminal is slow.
    slowness: u32,
    is_done: bool,
}

impl<'a> Loop<'a> {
    fn new(links: &'a UiLinks, app: &'a mut App, screen: Screen, is_over: Arc<AtomicBool>) -> Loop<'a> {
        let (to_inbox, inbox) = bounded(INPUTS);
        Loop { links, app, screen, is_over, inbox, to_inbox, deferred: Vec::new(), slowness: 1, is_done: false }
    }

    fn turn(mut self) -> anyhow::Result<()> {
        self.draw()?;
        terminal::ask_for_keys();
        self.read_input();
        let mut last = Instant::now();
        let mut is_dirty = false;
        while !self.is_done && !self.links.stop.load(Ordering::SeqCst) {
            let frame = if self.app.is_moving() || is_dirty { FRAME } else { FRAME_STILL };
            let due = last + (frame * self.slowness).min(Duration::from_millis(500));
            let wait = due.saturating_duration_since(Instant::now()).min(FRAME_STILL);
            match self.inbox.recv_timeout(wait) {
                Ok(first) => {
                    is_dirty = true;
                    self.take(first);
                    for _ in 0..EVENTS_A_FRAME {
                        let Ok(next) = self.inbox.try_recv() else { break };
                        self.take(next);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.do_effects();
            if Instant::now() < due {
                continue;
            }
            self.gather();
            self.do_effects();
            self.draw()?;
            (last, is_dirty) = (Instant::now(), false);
        }
        Ok(())
    }

    /// What other threads left for the screen.
    fn gather(&mut self) {
        while let Ok(notice) = self.links.notices.try_recv() {
            self.app.notice(notice);
        }
        while let Ok(UiEvent::FileChanged(text)) = self.links.events.try_recv() {
            self.app.file_changed(&text);
        }
        for command in std::mem::take(&mut self.deferred) {
            self.send(command);
        }
        self.app.see(look(self.links));
    }

    /// One frame. May block for as long as the terminal does; nothing else waits for it.
    fn draw(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let app = &mut *self.app;
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|frame| app.draw(frame.area(), frame.buffer_mut()))?;
        queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        std::io::Write::flush(self.screen.backend_mut())?;
        let took = begun.elapsed();
        if took > FRAME_SLOW {
            self.slowness = (self.slowness * 2).min(16);
        } else if took < FRAME_SLOW / 4 && self.slowness > 1 {
            self.slowness -= 1;
        }
        Ok(())
    }

    /// Reads the terminal on a thread of its own, which ends within a tenth of a second after the loop.
    fn read_input(&self) {
        let (to, is_over) = (self.to_inbox.clone(), self.is_over.clone());
        let read = move || {
            while !is_over.load(Ordering::SeqCst) {
                let event = match crossterm::event::poll(Duration::from_millis(100)) {
                    Ok(false) => continue,
                    Ok(true) => crossterm::event::read().map_or(Inbox::Ended, Inbox::Input),
                    Err(_) => Inbox::Ended,
                };
                let is_end = matches!(event, Inbox::Ended);
                if to.send(event).is_err() || is_end {
                    return;
                }
            }
        };
        if std::thread::Builder::new().name("input".into()).spawn(read).is_err() {
            _ = self.to_inbox.try_send(Inbox::Ended);
        }
    }

    fn take(&mut self, what: Inbox) {
        match what {
            Inbox::Input(event) => self.app.on_event(&event),
            Inbox::Ended => self.is_done = true,
            Inbox::List(purpose, items) => self.app.offer(purpose, items),
        }
    }

    fn do_effects(&mut self) {
        // Effects may ask for more (a reload launches): a few rounds, never endless.
        for _ in 0..4 {
            let effects = self.app.take_effects();
            if effects.is_empty() {
                return;
            }
            effects.into_iter().for_each(|e| self.do_effect(e));
        }
    }

    fn do_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Command(command) => self.send(command),
            Effect::Player(message) => self.tell_player(message),
            Effect::Panic => {
                (self.links.silence)();
                self.tell_player(ToPlayer::Panic);
                self.app.say(Severity::Info, "panic: every note was ended");
            }
            Effect::Save { path, text } => match files::save(&path, &text) {
                Ok(()) => self.app.editor.mark_saved(&text),
                Err(why) => self.app.say(Severity::Error, why),
            },
            Effect::Reload(path) => match files::read(&path) {
                Ok(text) => self.app.reloaded(&text),
                Err(why) => self.app.say(Severity::Error, why),
            },
            Effect::Open(path) => match files::read(&path) {
                Ok(text) => {
                    if self.app.opened(path.clone(), &text) {
                        (self.links.opened)(&path);
                    }
                }
                Err(why) => self.app.say(Severity::Error, why),
            },
            Effect::ListOutputs => {
                let list = self.links.catalogue.outputs.clone();
                self.ask(Purpose::Outputs, move || list().into_iter().map(Item::from).collect());
            }
            Effect::ListSets => {
                let list = self.links.catalogue.sets.clone();
                self.ask(Purpose::Sets, move || list().into_iter().map(Item::from).collect());
            }
            Effect::PlayWeights(parts) => (self.links.play_weights)(parts),
            Effect::Quit => self.is_done = true,
        }
    }

    /// Lists may take their time (a sound server that does not answer): on a thread of their own.
    fn ask(&mut self, purpose: Purpose, list: impl FnOnce() -> Vec<Item> + Send + 'static) {
        let to = self.to_inbox.clone();
        let work = move || _ = to.send(Inbox::List(purpose, list()));
        if std::thread::Builder::new().name("list".into()).spawn(work).is_err() {
            self.app.say(Severity::Error, "no thread could be started for the list: close other programs");
        }
    }

    fn send(&mut self, command: Command) {
        match self.links.commands.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(command)) => self.defer(command),
            Err(TrySendError::Disconnected(_)) => {
                self.app.say(Severity::Error, "the conductor has ended: save the text and start again");
            }
        }
    }

    /// The conductor is busy: knobs wait, the newest of each; anything else must be asked again.
    fn defer(&mut self, command: Command) {
        let Command::Edit(Edit::Set { part, control, .. }, _) = &command else {
            return self.app.say(Severity::Warning, "busy: the conductor could not take this now, try again");
        };
        let is_same = |c: &Command| matches!(c, Command::Edit(Edit::Set { part: p, control: k, .. }, _) if p == part && k == control);
        self.deferred.retain(|c| !is_same(c));
        if self.deferred.len() < DEFERRED {
            self.deferred.push(command);
            self.app.say(Severity::Info, "busy: the knob follows");
        } else {
            self.app.say(Severity::Warning, "busy: too many knobs at once, this one was not turned");
        }
    }

    fn tell_player(&mut self, message: ToPlayer) {
        match self.links.to_player.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.app.notice(Notice::new(
                Severity::Warning,
                "screen",
                "busy: the player could not take this now, try again",
            )),
            Err(TrySendError::Disconnected(_)) => {
                self.app.say(Severity::Error, "the player has ended: save the text and start again")
            }
        }
    }
}

/// Gives the terminal back, if the screen holds it: for those who must end the process from another thread.
pub fn leave_terminal() {
    terminal::leave();
}
