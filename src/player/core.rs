//! The pure player: plans in, events out; the caller says what time it is.

use super::ledger::{Ledger, Sounding};
use super::memory::Memory;
use super::queue::{Queue, Waiting, What};
use super::store::Store;
use crate::limits::{HAND_OVER_MS, LAST_CALL_MS, STALL_MS, START_LEAD_MS};
use crate::message::{FromPlayer, ParamChange, PlannedStep, Playhead, ToPlayer};
use crate::output::{Address, Due, OutEvent, Sink};
use crate::time::{Bpm, Nanos, StepIndex, TICKS_PER_QUARTER, TempoMap, Tick};

/// Ticks between two MIDI clock pulses.
const CLOCK_TICKS: u64 = TICKS_PER_QUARTER / 24;

/// What the player is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    /// Never started, or started before the first step was planned (`armed`).
    Waiting { armed: bool },
    /// Time runs, and ran out of its last lead-in at this tick.
    Running { from: Tick },
    /// Stopped: the first tick that has not been heard.
    Stopped { resume: Tick },
}

/// Time, plan, ledger. See the room's page for the invariants.
#[derive(Debug)]
pub struct Core {
    transport: Transport,
    map: TempoMap,
    bpm: Bpm,
    store: Store,
    memory: Memory,
    /// First step not handed over; before the first start the first one planned.
    next: StepIndex,
    queue: Queue,
    ledger: Ledger,
    routes: Vec<Address>,
    /// Time of the last event of each output.
    last_at: Vec<Nanos>,
    clock_on: bool,
    next_pulse: Tick,
    /// Start or stop of the clock while the music runs, waiting for its tick.
    clock_word: Option<(Tick, OutEvent)>,
    late_steps: u64,
    silent_steps: u64,
    notes_on: u64,
}

impl Default for Core {
    fn default() -> Self {
        Core::new()
    }
}

impl Core {
    /// A player at rest, with no plan and no routes.
    pub fn new() -> Core {
        let bpm = Bpm::new(120.0);
        Core {
            transport: Transport::Waiting { armed: false },
            map: TempoMap::new(Nanos(0), bpm),
            bpm,
            store: Store::default(),
            memory: Memory::default(),
            next: StepIndex(0),
            queue: Queue::default(),
            ledger: Ledger::default(),
            routes: Vec::new(),
            last_at: Vec::new(),
            clock_on: false,
            next_pulse: Tick(0),
            clock_word: None,
            late_steps: 0,
            silent_steps: 0,
            notes_on: 0,
        }
    }

    /// Takes a message at `now`. [`ToPlayer::Quit`] ends what sounds; ending the thread is the caller's business.
    pub fn tell(&mut self, message: ToPlayer, now: Nanos, sink: &mut dyn Sink) {
        match message {
            ToPlayer::Step(step) => self.take_step(*step),
            ToPlayer::Revise { from, epoch } => self.store.revise(from, epoch),
            ToPlayer::Routes(routes) => self.routes = sink.resolve(&routes),
            ToPlayer::Start => self.start(now, sink),
            ToPlayer::Stop | ToPlayer::Quit => self.stop(now, sink),
            ToPlayer::Panic => self.panic(now, sink),
            ToPlayer::Clock(on) => self.set_clock(on, now),
        }
        if self.transport == (Transport::Waiting { armed: true }) && self.store.first().is_some() {
            self.begin(now, sink);
        }
    }

    /// Hands over every step and sends every event that is due within the hand-over horizon.
    pub fn advance(&mut self, now: Nanos, sink: &mut dyn Sink) {
        if !self.is_running() {
            return;
        }
        self.skip_stall(now);
        loop {
            let next = self.next_step();
            let event = self.next_event().and_then(|tick| Some((tick, self.due_at(tick, &next)?)));
            match event {
                Some((tick, due)) if due <= now => self.send_next(tick, now, sink),
                None if next.at <= now => self.hand_over(now, sink),
                _ => break,
            }
        }
        self.queue.forget_heard(now);
    }

    /// When `advance` has something to do next; `None` while time stands still.
    pub fn wake_at(&self) -> Option<Nanos> {
        if !self.is_running() {
            return None;
        }
        let next = self.next_step();
        let event = self.next_event().and_then(|tick| self.due_at(tick, &next));
        Some(event.map_or(next.at, |due| due.min(next.at)))
    }

    /// Where the music is. The fields that only a thread knows (lateness, priority) are left at rest.
    pub fn playhead(&self, now: Nanos) -> Playhead {
        let tick = match self.transport {
            Transport::Waiting { .. } => self.store.first().unwrap_or(self.next).tick(),
            Transport::Running { from } => self.map.tick_at(now).max(from),
            Transport::Stopped { resume } => resume,
        };
        Playhead {
            tick,
            handed: self.next,
            is_running: self.is_running(),
            bpm: if self.is_running() { self.map.bpm_at(tick) } else { self.bpm },
            late_steps: self.late_steps,
            silent_steps: self.silent_steps,
            notes_on: self.notes_on,
            sounding: self.ledger.len() as u32,
            lateness_us: (0, 0),
            lateness_whole_us: [0; 3],
            at: now,
            is_real_time: false,
        }
    }

    fn take_step(&mut self, step: PlannedStep) {
        let has_begun = !matches!(self.transport, Transport::Waiting { .. });
        if !(has_begun && step.step < self.next) {
            self.store.insert(step);
        }
    }

    fn start(&mut self, now: Nanos, sink: &mut dyn Sink) {
        match self.transport {
            Transport::Waiting { .. } => self.transport = Transport::Waiting { armed: true },
            Transport::Running { .. } => {}
            Transport::Stopped { resume } => {
                let lead = now.after_ms(START_LEAD_MS);
                let was = self.map.nanos_at(resume);
                self.map.shift(lead.0.saturating_sub(was.0));
                self.transport = Transport::Running { from: resume };
                self.next_pulse = pulse_at_or_after(resume);
                if self.clock_on {
                    self.broadcast(resume, now, OutEvent::Continue, sink);
                }
            }
        }
    }

    fn begin(&mut self, now: Nanos, sink: &mut dyn Sink) {
        let Some(first) = self.store.first() else { return };
        self.next = first;
        self.bpm = self.store.good(first).map_or(self.bpm, |s| s.bpm);
        self.map = TempoMap::anchored(first.tick(), now.after_ms(START_LEAD_MS), self.bpm);
        self.transport = Transport::Running { from: first.tick() };
        self.next_pulse = pulse_at_or_after(first.tick());
        if self.clock_on {
            self.broadcast(first.tick(), now, OutEvent::Start, sink);
        }
    }

    fn stop(&mut self, now: Nanos, sink: &mut dyn Sink) {
        let due = Due { at: now, tick: self.playhead(now).tick };
        self.silence(due, false, sink);
        match self.transport {
            Transport::Waiting { .. } => self.transport = Transport::Waiting { armed: false },
            Transport::Running { from } => {
                let resume = self.unheard(now, from);
                self.queue.put_back(now);
                self.clock_word = None;
                self.transport = Transport::Stopped { resume };
                if self.clock_on {
                    self.broadcast(due.tick, now, OutEvent::Stop, sink);
                }
            }
            Transport::Stopped { .. } => {}
        }
    }

    fn panic(&mut self, now: Nanos, sink: &mut dyn Sink) {
        let due = Due { at: now, tick: self.playhead(now).tick };
        self.silence(due, true, sink);
        self.queue.put_back(now);
        self.queue.drop_notes();
        if let Transport::Running { from } = self.transport {
            // Pulses that were queued are gone: send them again, so that no follower loses count.
            self.next_pulse = pulse_at_or_after(self.unheard(now, from)).min(self.next_pulse);
        }
    }

    /// First tick that has not begun; during a lead-in the tick it leads to.
    fn unheard(&self, now: Nanos, from: Tick) -> Tick {
        let tick = self.map.tick_at(now);
        let has_begun = self.map.nanos_at(tick) <= now;
        tick.offset(i64::from(has_begun)).max(from)
    }

    fn is_running(&self) -> bool {
        matches!(self.transport, Transport::Running { .. })
    }

    fn silence(&mut self, due: Due, hard: bool, sink: &mut dyn Sink) {
        sink.silence(due, hard);
        self.ledger.clear();
        self.last_at.fill(due.at);
    }

    fn set_clock(&mut self, on: bool, now: Nanos) {
        if on == self.clock_on {
            return;
        }
        self.clock_on = on;
        if self.is_running() {
            // Nothing may be sent behind what is already queued, so the clock joins in at the horizon.
            let joins = self.map.tick_at(now.after_ms(HAND_OVER_MS)).offset(1);
            self.next_pulse = pulse_at_or_after(joins);
            self.clock_word = Some((joins, if on { OutEvent::Continue } else { OutEvent::Stop }));
        }
    }

    /// A process that was stopped for long goes on where it was.
    fn skip_stall(&mut self, now: Nanos) {
        let Some(wake) = self.wake_at() else { return };
        let late = now.0.saturating_sub(wake.0);
        if late > STALL_MS * 1_000_000 {
            self.map.shift(late);
        }
    }

    /// How the next step is handed over. A planned step goes a hand-over horizon before its grid place, however early its first
    /// note lies, so that edits have the same time for every step; only a note so early that an output would miss it makes it
    /// go sooner. A step that is not there is waited for until its last call.
    fn next_step(&self) -> NextStep {
        let grid = self.map.nanos_at(self.next.tick());
        let may_be_cut = self.map.tick_at(grid.before_ms(HAND_OVER_MS - LAST_CALL_MS));
        match self.store.good(self.next) {
            Some(step) => {
                let first = first_tick(step);
                let last_call = self.map.nanos_at(first).before_ms(LAST_CALL_MS);
                let at = grid.before_ms(HAND_OVER_MS).min(last_call);
                NextStep { at, barrier: first.min(may_be_cut), may_be_cut }
            }
            None => NextStep { at: grid.before_ms(LAST_CALL_MS), barrier: self.next.tick(), may_be_cut },
        }
    }

    /// When an event may be sent; `None` when it waits with the next step. What the next step may still cut waits as long as it can.
    fn due_at(&self, tick: Tick, next: &NextStep) -> Option<Nanos> {
        let ahead_ms = if tick >= next.may_be_cut { LAST_CALL_MS } else { HAND_OVER_MS };
        (tick < next.barrier).then(|| self.map.nanos_at(tick).before_ms(ahead_ms))
    }

    /// Tick of the next event: note-off, pulse, parameter or note-on.
    fn next_event(&self) -> Option<Tick> {
        let pulse = self.clock_on.then_some(self.next_pulse);
        let word = self.clock_word.map(|w| w.0);
        [word, pulse, self.ledger.next_off(), self.queue.next_tick()].into_iter().flatten().min()
    }

    fn send_next(&mut self, tick: Tick, now: Nanos, sink: &mut dyn Sink) {
        if let Some((_, word)) = self.clock_word.take_if(|w| w.0 == tick) {
            self.broadcast(tick, now, word, sink);
        } else if self.clock_on && self.next_pulse == tick {
            self.next_pulse = self.next_pulse.offset(CLOCK_TICKS as i64);
            self.broadcast(tick, now, OutEvent::Clock, sink);
        } else if self.ledger.next_off() == Some(tick) {
            if let Some(ended) = self.ledger.end_next() {
                self.end_note(ended, tick, now, sink);
            }
        } else if let Some(waiting) = self.queue.pop() {
            let at = self.map.nanos_at(tick).max(now);
            self.play(waiting, now, sink);
            self.queue.sent(at, waiting);
        }
    }

    fn play(&mut self, waiting: Waiting, now: Nanos, sink: &mut dyn Sink) {
        match waiting.what {
            What::Note { slot, pitch, velocity, duration_ticks, cuts } => {
                // A part whose route is gone plays nothing.
                let Some(&to) = self.routes.get(usize::from(slot)) else { return };
                while cuts && let Some(cut) = self.ledger.end_of(slot) {
                    self.end_note(cut, waiting.tick, now, sink);
                }
                let off = waiting.tick.offset(i64::from(duration_ticks.max(1)));
                if let Some(struck) = self.ledger.begin(Sounding { to, pitch, off }) {
                    self.end_note(struck, waiting.tick, now, sink);
                }
                self.notes_on += 1;
                self.emit(to, waiting.tick, now, OutEvent::NoteOn { channel: to.channel, pitch, velocity }, sink);
            }
            What::Param(change) if change.slot == ParamChange::SET => {
                self.broadcast(waiting.tick, now, OutEvent::Param { channel: ParamChange::SET, change }, sink);
            }
            What::Param(change) => {
                let Some(&to) = self.routes.get(usize::from(change.slot)) else { return };
                self.emit(to, waiting.tick, now, OutEvent::Param { channel: to.channel, change }, sink);
            }
        }
    }

    fn end_note(&mut self, note: Sounding, tick: Tick, now: Nanos, sink: &mut dyn Sink) {
        let event = OutEvent::NoteOff { channel: note.to.channel, pitch: note.pitch };
        self.emit(note.to, tick, now, event, sink);
    }

    fn broadcast(&mut self, tick: Tick, now: Nanos, event: OutEvent, sink: &mut dyn Sink) {
        for out in 0..sink.outputs() {
            self.emit(Address { out, channel: ParamChange::SET, slot: ParamChange::SET }, tick, now, event, sink);
        }
    }

    fn emit(&mut self, to: Address, tick: Tick, now: Nanos, event: OutEvent, sink: &mut dyn Sink) {
        let out = usize::from(to.out);
        if self.last_at.len() <= out {
            self.last_at.resize(out + 1, Nanos(0));
        }
        let at = self.map.nanos_at(tick).max(now).max(self.last_at[out]);
        self.last_at[out] = at;
        sink.send(to, Due { at, tick }, event);
    }

    /// Hands the next step over: the good plan, else the void one, else one from memory.
    fn hand_over(&mut self, now: Nanos, sink: &mut dyn Sink) {
        let index = self.next;
        let is_good = self.store.good(index).is_some();
        let planned = self.store.take(index);
        let epoch = planned.as_ref().map(|s| s.epoch);
        self.late_steps += u64::from(!is_good && planned.is_some());
        let step = planned.unwrap_or_else(|| {
            let made = self.memory.fill_in(index, self.bpm);
            *(if made.is_silent { &mut self.silent_steps } else { &mut self.late_steps }) += 1;
            made.step
        });
        if epoch.is_some() {
            self.memory.remember(&step);
        }
        self.bpm = step.bpm;
        self.map.set(index.tick(), step.bpm);
        let due = Due { at: self.map.nanos_at(index.tick()).max(now), tick: index.tick() };
        sink.step(due, step.place, step.bpm);
        self.queue.add(&step);
        self.next = index.after(1);
        sink.report(FromPlayer::Handed { step: index, epoch });
    }
}

/// How the next step is handed over.
struct NextStep {
    /// When.
    at: Nanos,
    /// No event at this tick or behind it is sent before.
    barrier: Tick,
    /// Ends of notes from here on may still be moved by a note of the step.
    may_be_cut: Tick,
}

/// Where a step's first event lies: its grid place, or earlier when a note anticipates it.
fn first_tick(step: &PlannedStep) -> Tick {
    step.notes.iter().map(|n| n.tick).min().map_or(step.step.tick(), |t| t.min(step.step.tick()))
}

fn pulse_at_or_after(tick: Tick) -> Tick {
    Tick(tick.0.div_ceil(CLOCK_TICKS) * CLOCK_TICKS)
}
