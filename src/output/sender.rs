//! A thread that sends each message at its time, for wires that know no time themselves: MIDI ports and byte streams.

use super::clock::{claim_real_time, instant_of, now};
use super::encode::Encoder;
use super::{Due, OutEvent, Output};
use crate::limits::OUTPUT_RING;
use crate::time::Nanos;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender as Channel, TrySendError, bounded};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Something that takes bytes at once.
pub trait Wire: Send {
    /// Opens it, or opens it again.
    ///
    /// # Errors
    /// A sentence: what is missing and what to do.
    fn connect(&mut self) -> Result<String, String>;

    /// How the guardian finds it: `midi NAME` or `raw PATH`; `None` while it is not open.
    fn place(&self) -> Option<String>;

    /// False when the device has gone; asked about once a second while connected.
    fn is_there(&mut self) -> bool {
        true
    }

    /// Sends one message. False when the device has gone.
    fn send(&mut self, bytes: &[u8]) -> bool;
}

/// Time between two looks for a device.
const POLL_MS: u64 = 1000;
/// Real-time priority of a sender: below JACK's clients, above everything else of ours.
const PRIORITY: u8 = 60;
/// Busy wait before each event, with real-time priority only: without it, spinning makes it worse (measured).
const SPIN_NS: u64 = 200_000;
/// Later than this a note-on is not played any more: it would only smear.
const TOO_LATE_NS: u64 = 150_000_000;

#[derive(Debug, Default)]
struct Shared {
    /// Counts silences: what was queued under an older number is dropped.
    generation: AtomicU32,
    /// The last silence is to cut tails too.
    is_hard: AtomicBool,
    quit: AtomicBool,
    lost: AtomicU64,
    notice: Mutex<Option<String>>,
    /// Where it leads; see [`Wire::place`].
    place: Mutex<Option<String>>,
    is_ready: AtomicBool,
}

impl Shared {
    fn say(&self, text: String) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

struct Item {
    generation: u32,
    at: Nanos,
    /// `None` only wakes the thread.
    event: Option<OutEvent>,
}

/// The player's end.
pub struct Sender {
    name: String,
    queue: Channel<Item>,
    /// Note-offs that found the queue full; nothing may overtake them.
    kept: VecDeque<Item>,
    shared: Arc<Shared>,
    done: Receiver<()>,
}

impl Sender {
    /// Starts the thread, which connects by itself.
    pub fn new(name: impl Into<String>, wire: impl Wire + 'static) -> Sender {
        Sender::with_encoder(name, wire, Encoder::default())
    }

    /// Starts the thread with an encoder that knows of notes already: they are ended when the device is there.
    pub fn with_encoder(name: impl Into<String>, wire: impl Wire + 'static, encoder: Encoder) -> Sender {
        let (finished, done) = bounded(1);
        let (mut sender, worker) = Sender::without_thread(name, wire);
        let worker = Worker { encoder, ..worker };
        sender.done = done;
        let Sender { name, shared, .. } = &sender;
        let spawned = std::thread::Builder::new().name(format!("send {name}")).spawn(move || {
            worker.run();
            let _ = finished.send(());
        });
        if let Err(error) = spawned {
            shared.say(format!("{name}: no thread could be started ({error}); nothing will be sent there"));
            shared.is_ready.store(true, Ordering::Release);
        }
        sender
    }

    /// The two ends without a thread between them: for simulated time, whose keeper calls [`Worker::turn`].
    pub fn without_thread<W: Wire>(name: impl Into<String>, wire: W) -> (Sender, Worker<W>) {
        let (queue, items) = bounded(OUTPUT_RING);
        let shared = Arc::new(Shared::default());
        let worker = Worker::new(wire, items, shared.clone());
        // Nobody holds the other end of this channel, so nobody is waited for.
        let done = bounded(0).1;
        (Sender { name: name.into(), queue, kept: VecDeque::new(), shared, done }, worker)
    }

    fn push(&mut self, item: Item) {
        self.flush();
        if self.kept.len() >= OUTPUT_RING {
            // The wire has stood still for long: end everything instead of remembering every end.
            self.silence(Due { at: now(), ..Due::default() }, false);
        }
        let is_off = matches!(item.event, Some(OutEvent::NoteOff { .. }));
        if !self.kept.is_empty() {
            if is_off {
                self.kept.push_back(item);
            } else {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        match self.queue.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Full(item)) if is_off => self.kept.push_back(item),
            Err(_) => _ = self.shared.lost.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn flush(&mut self) {
        while let Some(item) = self.kept.pop_front() {
            if let Err(TrySendError::Full(item)) = self.queue.try_send(item) {
                self.kept.push_front(item);
                break;
            }
        }
    }
}

impl Output for Sender {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        let generation = self.shared.generation.load(Ordering::Relaxed);
        self.push(Item { generation, at: due.at, event: Some(event) });
    }

    fn silence(&mut self, due: Due, hard: bool) {
        self.shared.is_hard.store(hard, Ordering::Relaxed);
        let generation = self.shared.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.kept.clear();
        // A full queue wakes the thread anyway.
        let _ = self.queue.try_send(Item { generation, at: due.at, event: None });
    }

    fn tend(&mut self, _now: Nanos) {
        self.flush();
    }

    fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Acquire)
    }

    fn places(&self) -> Vec<String> {
        self.shared.place.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter().collect()
    }

    fn notice(&mut self) -> Option<String> {
        self.shared.notice.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::Release);
        self.silence(Due { at: now(), ..Due::default() }, false);
        // The thread ends what sounds before it goes; a wire that blocks must not hold the program.
        let _ = self.done.recv_timeout(Duration::from_millis(500));
    }
}

/// The wire's end: a heap of timed messages, and the memory of what sounds.
pub struct Worker<W> {
    wire: W,
    items: Receiver<Item>,
    shared: Arc<Shared>,
    waiting: VecDeque<Item>,
    encoder: Encoder,
    generation: u32,
    is_connected: bool,
    next_look: Nanos,
    spin_ns: u64,
    last_words: Option<String>,
}

impl<W: Wire> Worker<W> {
    fn new(wire: W, items: Receiver<Item>, shared: Arc<Shared>) -> Worker<W> {
        Worker {
            wire,
            items,
            shared,
            waiting: VecDeque::new(),
            encoder: Encoder::default(),
            generation: 0,
            is_connected: false,
            next_look: Nanos(0),
            spin_ns: 0,
            last_words: None,
        }
    }

    fn run(mut self) {
        self.spin_ns = if claim_real_time(PRIORITY) { SPIN_NS } else { 0 };
        loop {
            self.obey_silence();
            if self.shared.quit.load(Ordering::Acquire) {
                return;
            }
            self.look(now());
            self.send_due(now());
            if !self.wait() {
                self.silence_wire();
                return;
            }
        }
    }

    /// One turn at `now` without waiting for anything.
    pub fn turn(&mut self, now: Nanos) {
        self.take_all();
        self.obey_silence();
        self.look(now);
        self.send_due(now);
    }

    /// Sleeps to the next event, the next look or the next item. False when the player's end is gone.
    fn wait(&mut self) -> bool {
        let next = self
            .waiting
            .front()
            .map_or(self.next_look, |f| Nanos(f.at.0.saturating_sub(self.spin_ns)).min(self.next_look));
        // A full line of waiting events takes no more: the queue before it fills, and the player's end decides what is lost.
        if self.waiting.len() < OUTPUT_RING {
            match self.items.recv_deadline(instant_of(next)) {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            self.take_all();
        } else {
            // Nothing can wake this sleep, so it is short: a silence must be heard.
            let left = instant_of(next).saturating_duration_since(std::time::Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
        if let Some(&Item { at, .. }) = self.waiting.front()
            && self.spin_ns > 0
        {
            while (1..=self.spin_ns as i64).contains(&at.since(now())) {
                std::hint::spin_loop();
            }
        }
        true
    }

    fn take_all(&mut self) {
        while self.waiting.len() < OUTPUT_RING
            && let Ok(item) = self.items.try_recv()
        {
            self.take(item);
        }
    }

    fn take(&mut self, item: Item) {
        if item.event.is_some() && item.generation >= self.generation {
            self.waiting.push_back(item);
        }
    }

    fn obey_silence(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.waiting.retain(|item| item.generation >= generation);
            self.silence_wire();
        }
    }

    fn silence_wire(&mut self) {
        let hard = self.shared.is_hard.swap(false, Ordering::Relaxed);
        let Worker { wire, encoder, is_connected, .. } = self;
        encoder.silence(hard, |message| {
            *is_connected = *is_connected && wire.send(&message.bytes());
            true
        });
    }

    fn send_due(&mut self, now: Nanos) {
        while self.waiting.front().is_some_and(|w| w.at <= now)
            && let Some(Item { at, event: Some(event), .. }) = self.waiting.pop_front()
        {
            let is_on = matches!(event, OutEvent::NoteOn { .. });
            let is_dropped = is_on && (!self.is_connected || now.0 - at.0 > TOO_LATE_NS);
            if is_dropped {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            // A note that ends while the device is away stays in the encoder: it is ended when the device is back.
            if !self.is_connected && matches!(event, OutEvent::NoteOff { .. }) {
                continue;
            }
            if let Some(message) = self.encoder.encode(event)
                && self.is_connected
                && !self.wire.send(&message.bytes())
            {
                self.lose(now);
            }
        }
    }

    fn lose(&mut self, now: Nanos) {
        self.is_connected = false;
        self.next_look = now.after_ms(POLL_MS);
        self.say("the device has gone; playing on without it, and looking for it".into());
    }

    /// Connects, or looks whether the device is still there.
    fn look(&mut self, now: Nanos) {
        if now < self.next_look {
            return;
        }
        if self.is_connected && !self.wire.is_there() {
            self.lose(now);
        } else if !self.is_connected {
            match self.wire.connect() {
                Ok(text) => {
                    self.is_connected = true;
                    *self.shared.place.lock().unwrap_or_else(PoisonError::into_inner) = self.wire.place();
                    self.silence_wire();
                    let Worker { wire, encoder, .. } = self;
                    encoder.restore(|message| _ = wire.send(&message.bytes()));
                    self.say(text);
                }
                Err(text) => self.say(text),
            }
            self.shared.is_ready.store(true, Ordering::Release);
        }
        self.next_look = now.after_ms(POLL_MS);
    }

    /// Says something once, not once a second.
    fn say(&mut self, text: String) {
        if self.last_words.as_ref() != Some(&text) {
            self.shared.say(text.clone());
            self.last_words = Some(text);
        }
    }
}

#[cfg(test)]
#[path = "sender_test.rs"]
mod test;
