//! The synth as an owner wants it: always there, on the best device, or paced without one, and on a device again when it appears.

use std::time::Instant;

use super::event::SynthEvent;
use super::feed::{FeedFull, Meters, SynthFeed, feed};
use super::null::NullStream;
#[cfg(feature = "audio")]
use super::stream::{AudioError, AudioStream, Health};
use crate::time::Nanos;

/// Rate of the synth when there is no device.
const NULL_RATE_HZ: u32 = 48_000;
/// Callbacks that stand still for this long mean that the device is dead.
#[cfg(feature = "audio")]
const STALL_NANOS: u64 = 2_000_000_000;
/// Pauses between attempts to open a device, doubled up to the last.
#[cfg(feature = "audio")]
const BACK_OFF_MS: [u64; 5] = [250, 1000, 2000, 4000, 8000];

#[cfg(feature = "audio")]
type Opening = std::sync::mpsc::Receiver<Result<(AudioStream, SynthFeed), AudioError>>;

#[derive(Debug)]
enum Place {
    #[cfg(feature = "audio")]
    Device(AudioStream),
    Nowhere(#[expect(dead_code, reason = "kept for its drop")] Option<NullStream>),
}

/// The synth and where it plays. One owner; `poll` it every now and then.
#[derive(Debug)]
pub struct AudioOut {
    base: Instant,
    place: Place,
    feed: SynthFeed,
    #[cfg(feature = "audio")]
    search: Option<Search>,
}

/// How a device is looked for while there is none.
#[cfg(feature = "audio")]
#[derive(Debug)]
struct Search {
    prefer: Option<String>,
    opening: Option<Opening>,
    attempts: usize,
    next: Nanos,
    seen: (u64, Nanos),
}

impl AudioOut {
    /// Opens the best device (see `AudioStream::open`), or plays to nobody when there is none or when `prefer` is `none`.
    /// Always comes back with a running synth, and a line for the performer. Blocks up to some seconds.
    pub fn start(prefer: Option<&str>, base: Instant) -> (AudioOut, String) {
        let is_wanted = prefer != Some("none");
        #[cfg(feature = "audio")]
        if is_wanted {
            let search = Some(Search::new(prefer));
            return match AudioStream::open(prefer, base) {
                Ok((stream, feed)) => {
                    let line = describe(&stream);
                    (AudioOut { base, place: Place::Device(stream), feed, search }, line)
                }
                Err(error) => {
                    let (place, feed) = nowhere(base);
                    (
                        AudioOut { base, place, feed, search },
                        format!("No sound: {error}. Playing on without; retrying."),
                    )
                }
            };
        }
        let (place, feed) = nowhere(base);
        let line = if is_wanted { "No sound: this build has none (feature `audio`)." } else { "Sound is off." };
        #[cfg(feature = "audio")]
        let out = AudioOut { base, place, feed, search: None };
        #[cfg(not(feature = "audio"))]
        let out = AudioOut { base, place, feed };
        (out, line.to_string())
    }

    /// The same without waiting: plays to nobody while the device opens on a thread of its own, and moves there when
    /// [`AudioOut::poll`] finds it open. Until the first answer [`AudioOut::is_opening`] is true.
    pub fn begin(prefer: Option<&str>, base: Instant) -> AudioOut {
        let (place, feed) = nowhere(base);
        #[cfg(feature = "audio")]
        {
            let mut search = (prefer != Some("none")).then(|| Search::new(prefer));
            if let Some(search) = &mut search
                && search.open(base).is_err()
            {
                search.pause(Nanos(0));
            }
            AudioOut { base, place, feed, search }
        }
        #[cfg(not(feature = "audio"))]
        {
            let _ = prefer;
            AudioOut { base, place, feed }
        }
    }

    /// True while the first attempt to open a device is under way.
    pub fn is_opening(&self) -> bool {
        #[cfg(feature = "audio")]
        return self.search.as_ref().is_some_and(|s| s.attempts == 0 && s.opening.is_some());
        #[cfg(not(feature = "audio"))]
        false
    }

    /// Queues an event for an instant of the player's clock; see [`SynthFeed::send`] for what happens when the queue is full.
    ///
    /// # Errors
    /// [`FeedFull`] when the event was dropped.
    pub fn send(&mut self, at: Nanos, event: SynthEvent) -> Result<(), FeedFull> {
        self.feed.send_at(at, event)
    }

    /// The feed itself, for those who count in frames.
    pub fn feed(&mut self) -> &mut SynthFeed {
        &mut self.feed
    }

    /// A picture of the meters.
    pub fn meters(&self) -> Meters {
        self.feed.meters()
    }

    /// True while a device plays.
    pub fn is_heard(&self) -> bool {
        !matches!(self.place, Place::Nowhere(_))
    }

    /// Where it plays, in some words.
    pub fn name(&self) -> String {
        match &self.place {
            #[cfg(feature = "audio")]
            Place::Device(stream) => stream.device().id.clone(),
            Place::Nowhere(_) => "none".to_string(),
        }
    }

    /// The instant that the clock counts from.
    pub fn base(&self) -> Instant {
        self.base
    }

    /// Looks after the device: a lost one is replaced by the paced synth at once, and opened again with growing pauses on a
    /// thread of its own. Quick; call it some times a second. A line comes back when something has changed.
    pub fn poll(&mut self, now: Nanos) -> Option<String> {
        #[cfg(feature = "audio")]
        return self.poll_device(now);
        #[cfg(not(feature = "audio"))]
        {
            let _ = now;
            None
        }
    }
}

/// A synth that plays to nobody. Without a thread for it the events are counted and dropped.
fn nowhere(base: Instant) -> (Place, SynthFeed) {
    let (feed, source) = feed(NULL_RATE_HZ, base);
    (Place::Nowhere(NullStream::start(source).ok()), feed)
}

#[cfg(feature = "audio")]
fn describe(stream: &AudioStream) -> String {
    let device = stream.device();
    format!("Sound: {} ({}), {} Hz.", device.name, device.host, stream.sample_rate_hz())
}

#[cfg(feature = "audio")]
impl Search {
    fn new(prefer: Option<&str>) -> Search {
        Search { prefer: prefer.map(str::to_string), opening: None, attempts: 0, next: Nanos(0), seen: (0, Nanos(0)) }
    }

    fn pause(&mut self, now: Nanos) {
        self.next = now.after_ms(BACK_OFF_MS[self.attempts.min(BACK_OFF_MS.len() - 1)]);
        self.attempts += 1;
    }

    /// Opens on a thread of its own: some systems take seconds to say no.
    fn open(&mut self, base: Instant) -> std::io::Result<()> {
        let (tell, told) = std::sync::mpsc::channel();
        let prefer = self.prefer.clone();
        std::thread::Builder::new().name("audio-open".into()).spawn(move || {
            // The owner may be gone by now; then the stream is simply closed again.
            let _ = tell.send(AudioStream::open(prefer.as_deref(), base));
        })?;
        self.opening = Some(told);
        Ok(())
    }
}

#[cfg(feature = "audio")]
impl AudioOut {
    fn poll_device(&mut self, now: Nanos) -> Option<String> {
        let search = self.search.as_mut()?;
        if let Place::Device(stream) = &self.place {
            let callbacks = self.feed.callbacks();
            if callbacks != search.seen.0 || search.seen.1 == Nanos(0) {
                search.seen = (callbacks, now);
            }
            let why = match stream.health() {
                Health::Lost(why) => why,
                Health::Running if now.since(search.seen.1) > STALL_NANOS as i64 => "it stands still",
                Health::Running => return None,
            };
            let line = format!("Sound lost: {} ({why}). Playing on without; retrying.", stream.device().name);
            search.attempts = 0;
            search.pause(now);
            let (place, feed) = nowhere(self.base);
            self.move_to(place, feed);
            return Some(line);
        }
        if let Some(opening) = &search.opening {
            match opening.try_recv() {
                Ok(Ok((stream, feed))) => {
                    *search = Search::new(search.prefer.clone().as_deref());
                    let line = describe(&stream);
                    self.move_to(Place::Device(stream), feed);
                    return Some(line);
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => return None,
                Ok(Err(error)) => {
                    search.opening = None;
                    let is_first = search.attempts == 0;
                    search.pause(now);
                    return is_first.then(|| format!("No sound: {error}. Playing on without; retrying."));
                }
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    search.opening = None;
                    search.pause(now);
                }
            }
        } else if now >= search.next && search.open(self.base).is_err() {
            search.pause(now);
        }
        None
    }

    fn move_to(&mut self, place: Place, mut feed: SynthFeed) {
        self.feed.copy_settings_to(&mut feed);
        // The old stream is closed by this; what it still sounded ends with it.
        self.place = place;
        self.feed = feed;
    }
}
