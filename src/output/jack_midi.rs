//! Direct JACK MIDI: events reach the process callback through a ring and leave it with their frame offset.
//!
//! A keeper thread opens the client, joins its port to the wanted inputs, and opens it again when the server has gone. The
//! callback owns the encoder, so it knows what truly sounds on the wire, whatever was lost on the way.

use super::encode::Encoder;
use super::jack_process::{Process, Queued, Shared};
use super::{Due, OutEvent, Output};
use crate::limits::OUTPUT_RING;
use crate::time::Nanos;
use crossbeam_channel::{Receiver, Sender, bounded};
use jack::{AsyncClient, Client, ClientOptions, ClientStatus, Control, MidiOut, NotificationHandler, PortFlags};
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Name of our client; the server adds a number when it is taken.
const CLIENT: &str = "ricercar";
/// Name of our port.
const PORT: &str = "midi_out";
/// JACK's word for the kind of port.
const MIDI: &str = "8 bit raw midi";
/// Time between two looks at the server and at the ports to join.
const LOOK: Duration = Duration::from_millis(250);
/// Pauses between attempts to reach a server, doubled up to the last.
const BACK_OFF_MS: [u64; 4] = [1000, 2000, 4000, 8000];

/// The player's end.
pub struct JackMidi {
    ring: Producer<Queued>,
    /// Rings of new connections.
    rings: Receiver<Producer<Queued>>,
    /// Note-offs that found the ring full; nothing may overtake them.
    kept: VecDeque<Queued>,
    shared: Arc<Shared>,
    quit: Option<Sender<()>>,
    done: Receiver<()>,
}

impl JackMidi {
    /// Opens in the background. `connect`: parts of the names of MIDI inputs to join.
    pub fn new(connect: Vec<String>) -> JackMidi {
        JackMidi::with_encoder(connect, Encoder::default())
    }

    /// Opens with an encoder that knows of notes already: the first silence ends them.
    pub fn with_encoder(connect: Vec<String>, encoder: Encoder) -> JackMidi {
        let (ring, consumer) = RingBuffer::new(OUTPUT_RING);
        let (new_rings, rings) = bounded(1);
        let (quit, asked_to_quit) = bounded(1);
        let (finished, done) = bounded(1);
        let shared = Arc::new(Shared::default());
        let keeper = Keeper {
            connect,
            shared: shared.clone(),
            new_rings,
            quit: asked_to_quit,
            last_words: String::new(),
            encoder,
        };
        let spawned = std::thread::Builder::new().name("jack keeper".into()).spawn(move || {
            keeper.run(consumer);
            let _ = finished.send(());
        });
        if let Err(error) = spawned {
            shared.say(format!("no thread could be started ({error}); nothing will be sent to JACK"));
            shared.is_ready.store(true, Ordering::Release);
        }
        JackMidi { ring, rings, kept: VecDeque::new(), shared, quit: Some(quit), done }
    }

    fn push(&mut self, item: Queued) {
        self.flush();
        if self.kept.len() >= OUTPUT_RING {
            // The server has stood still for long: end everything instead of remembering every end.
            self.silence(Due::default(), false);
        }
        let is_off = matches!(item.event, OutEvent::NoteOff { .. });
        if self.kept.is_empty() {
            match self.ring.push(item) {
                Ok(()) => return,
                Err(PushError::Full(_)) => {}
            }
        }
        if is_off && !self.ring.is_abandoned() {
            self.kept.push_back(item);
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&mut self) {
        if let Ok(ring) = self.rings.try_recv() {
            // A new server knows nothing of what sounded on the old one.
            self.ring = ring;
            self.kept.clear();
        }
        while let Some(item) = self.kept.pop_front() {
            if let Err(PushError::Full(item)) = self.ring.push(item) {
                self.kept.push_front(item);
                break;
            }
        }
    }
}

impl Output for JackMidi {
    fn name(&self) -> String {
        "jack".into()
    }

    fn send(&mut self, due: Due, event: OutEvent) {
        let generation = self.shared.generation.load(Ordering::Relaxed);
        self.push(Queued { generation, at: due.at, event });
    }

    fn silence(&mut self, _due: Due, hard: bool) {
        self.kept.clear();
        self.shared.is_hard.store(hard, Ordering::Relaxed);
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn tend(&mut self, _now: Nanos) {
        self.flush();
    }

    fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Acquire)
    }

    fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn places(&self) -> Vec<String> {
        self.shared.joined().into_iter().map(|name| format!("jack {name}")).collect()
    }

    fn notice(&mut self) -> Option<String> {
        self.shared.take_words()
    }
}

impl Drop for JackMidi {
    fn drop(&mut self) {
        self.silence(Due::default(), false);
        drop(self.quit.take());
        // The keeper waits for the callback to end what sounds; a server that hangs must not hold the program.
        let _ = self.done.recv_timeout(Duration::from_millis(1000));
    }
}

/// What a server tells us besides the process call.
struct Notes(Arc<Shared>);

impl NotificationHandler for Notes {
    unsafe fn shutdown(&mut self, _status: ClientStatus, _reason: &str) {
        self.0.is_dead.store(true, Ordering::Release);
    }
    fn xrun(&mut self, _: &Client) -> Control {
        self.0.xruns.fetch_add(1, Ordering::Relaxed);
        Control::Continue
    }
}

type Running = AsyncClient<Notes, Process>;

struct Keeper {
    connect: Vec<String>,
    shared: Arc<Shared>,
    new_rings: Sender<Producer<Queued>>,
    quit: Receiver<()>,
    last_words: String,
    /// What the first connection begins with.
    encoder: Encoder,
}

impl Keeper {
    fn run(mut self, first: Consumer<Queued>) {
        let mut ring = Some(first);
        let mut attempts = 0;
        loop {
            let consumer = ring.take().unwrap_or_else(|| {
                let (producer, consumer) = RingBuffer::new(OUTPUT_RING);
                let _ = self.new_rings.try_send(producer);
                consumer
            });
            let opened = self.open(consumer);
            let pause = match opened {
                Ok((client, port)) => {
                    attempts = 0;
                    self.say(format!("JACK plays '{port}'"));
                    self.shared.is_ready.store(true, Ordering::Release);
                    if self.watch(&client, &port) {
                        self.end(client);
                        return;
                    }
                    self.say("the JACK server has gone; playing on without it, and looking for it".into());
                    drop(client);
                    BACK_OFF_MS[0]
                }
                Err(text) => {
                    self.say(text);
                    self.shared.is_ready.store(true, Ordering::Release);
                    attempts += 1;
                    BACK_OFF_MS[(attempts - 1).min(BACK_OFF_MS.len() - 1)]
                }
            };
            // Only the end of the other side wakes this: nothing is ever sent.
            if !matches!(
                self.quit.recv_timeout(Duration::from_millis(pause)),
                Err(crossbeam_channel::RecvTimeoutError::Timeout)
            ) {
                return;
            }
        }
    }

    fn open(&mut self, ring: Consumer<Queued>) -> Result<(Running, String), String> {
        let client = client(CLIENT)?;
        let port = client
            .register_port(PORT, MidiOut::default())
            .map_err(|error| format!("JACK gives us no port ({error}); playing on without it"))?;
        let name = port.name().unwrap_or_else(|_| format!("{CLIENT}:{PORT}"));
        self.shared.is_dead.store(false, Ordering::Release);
        let encoder = std::mem::take(&mut self.encoder);
        let process = Process::new(port, ring, self.shared.clone(), encoder);
        let running = client
            .activate_async(Notes(self.shared.clone()), process)
            .map_err(|error| format!("JACK does not start our client ({error}); playing on without it"))?;
        Ok((running, name))
    }

    /// Stays while the server is there. True when it is time to quit.
    fn watch(&self, client: &Running, port: &str) -> bool {
        loop {
            self.join(client.as_client(), port);
            let joined = client.as_client().port_by_name(port).map(|ours| ours.get_connections()).unwrap_or_default();
            self.shared.set_joined(joined);
            match self.quit.recv_timeout(LOOK) {
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                _ => return true,
            }
            if self.shared.is_dead.load(Ordering::Acquire) {
                return false;
            }
        }
    }

    /// Joins our port to every input that is wanted and not joined yet.
    fn join(&self, client: &Client, port: &str) {
        if self.connect.is_empty() {
            return;
        }
        let Some(ours) = client.port_by_name(port) else { return };
        for name in client.ports(None, Some(MIDI), PortFlags::IS_INPUT) {
            let is_wanted = self.connect.iter().any(|part| name.to_lowercase().contains(&part.to_lowercase()));
            if is_wanted && !ours.is_connected_to(&name).unwrap_or(true) {
                let _ = client.connect_ports_by_name(port, &name);
            }
        }
    }

    /// Lets the callback end what sounds and its last period be heard, then closes.
    fn end(&self, client: Running) {
        let until = Instant::now() + Duration::from_millis(300);
        let wanted = self.shared.generation.load(Ordering::Acquire);
        while self.shared.silenced.load(Ordering::Acquire) != wanted && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        let period_ms =
            client.as_client().buffer_size() as u64 * 1000 / u64::from(client.as_client().sample_rate().max(1));
        std::thread::sleep(Duration::from_millis((2 * period_ms + 2).min(200)));
        let _ = client.deactivate();
    }

    /// Says something once.
    fn say(&mut self, text: String) {
        if self.last_words != text {
            self.shared.say(text.clone());
            self.last_words = text;
        }
    }
}

fn client(name: &str) -> Result<Client, String> {
    probe()?;
    let opened = Client::new(name, ClientOptions::NO_START_SERVER);
    let (client, _) = opened
        .map_err(|_| "no JACK server answers; start one (jackd, or PipeWire's), and it will be found".to_string())?;
    Ok(client)
}

/// Names of all MIDI inputs of the server.
pub fn input_names() -> Result<Vec<String>, String> {
    Ok(client("ricercar-ports")?.ports(None, Some(MIDI), PortFlags::IS_INPUT))
}

/// Looks for JACK's library before the first call into it, and keeps it quiet: it would print over the screen.
fn probe() -> Result<(), String> {
    #[cfg(unix)]
    {
        let name = if cfg!(target_os = "macos") { c"libjack.0.dylib" } else { c"libjack.so.0" };
        // SAFETY: a constant C string; loading the library runs no code of ours.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY) };
        if library.is_null() {
            return Err(
                "JACK is not installed (libjack is missing); install jackd2 or pipewire-jack, or use out(\"midi:1\")"
                    .into(),
            );
        }
        jack::set_logger(jack::LoggerType::None);
    }
    Ok(())
}
