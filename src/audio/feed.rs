//! The way into the callback: a ring of timed events, and the way out: meters and the clock. No lock anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use rtrb::{Consumer, Producer, RingBuffer};

use super::clock::{ClockLoop, FrameClock};
use super::event::{GlobalParam, SLOTS, SlotParam, SynthEvent, TimedSynthEvent};
use super::synth::Synth;
use crate::limits::OUTPUT_RING;
use crate::time::Nanos;

/// Places of the ring that only note-offs and the like may take.
const RESERVE: usize = OUTPUT_RING / 4;

/// The ring had no room: the event was dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the synth's queue is full: the event was dropped")]
pub struct FeedFull;

/// What the callback tells, one atomic each: latest wins.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Bit per slot: a note-off was lost, all its keys must go up.
    cut: AtomicU32,
    peaks: [AtomicU32; 2],
    slot_peaks: [AtomicU32; SLOTS],
    load: AtomicU32,
    load_peak: AtomicU32,
    voices: AtomicU32,
    late: AtomicU64,
    pub(super) callbacks: AtomicU64,
    pub(super) xruns: AtomicU64,
}

/// A picture of the meters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meters {
    /// Loudest samples left and right since the last picture, linear.
    pub peak: [f32; 2],
    /// Loudest sample of each slot since the last picture, linear.
    pub slot_peak: [f32; SLOTS],
    /// Time that the last callback took over the time it had, 0..=1 (and above: too slow).
    pub load: f32,
    /// Largest load since the last picture.
    pub load_peak: f32,
    /// Voices that play.
    pub voices: u32,
    /// Blocks that the device says it missed, since the stream began.
    pub xruns: u64,
    /// Notes that came after their frame, since the stream began.
    pub late_events: u64,
    /// Events dropped because the ring was full, since the stream began.
    pub dropped: u64,
}

/// The control side. One thread only: the ring has one writer.
#[derive(Debug)]
pub struct SynthFeed {
    ring: Producer<TimedSynthEvent>,
    clock: FrameClock,
    shared: Arc<Shared>,
    settings: Settings,
    dropped: u64,
    sample_rate_hz: u32,
}

/// The callback's side: the synth with its ring.
#[derive(Debug)]
pub struct SynthSource {
    synth: Synth,
    ring: Consumer<TimedSynthEvent>,
    clock: ClockLoop,
    shared: Arc<Shared>,
    base: Instant,
    begun: Nanos,
    frames: usize,
}

/// Both ends of a synth. `base` is the instant that the player's clock counts from: `Nanos` here are `base.elapsed()`.
pub fn feed(sample_rate_hz: u32, base: Instant) -> (SynthFeed, SynthSource) {
    let (producer, consumer) = RingBuffer::new(OUTPUT_RING);
    let shared = Arc::new(Shared::default());
    let clock = ClockLoop::new(sample_rate_hz, nanos_since(base));
    let feed = SynthFeed {
        ring: producer,
        clock: clock.reader(),
        shared: shared.clone(),
        settings: Settings::default(),
        dropped: 0,
        sample_rate_hz,
    };
    let begun = nanos_since(base);
    let source =
        SynthSource { synth: Synth::new(sample_rate_hz), ring: consumer, clock, shared, base, begun, frames: 0 };
    (feed, source)
}

pub(super) fn nanos_since(base: Instant) -> Nanos {
    Nanos(base.elapsed().as_nanos() as u64)
}

impl SynthFeed {
    /// Queues an event. Note-ons and knobs are refused when the ring is three quarters full; note-offs, all-offs, silence and
    /// panic may use the rest, and when even that is full, the callback is told to lift all keys of the slot: so a note-off is
    /// never lost, at worst it comes early.
    ///
    /// # Errors
    /// [`FeedFull`] when the event was dropped.
    pub fn send(&mut self, event: TimedSynthEvent) -> Result<(), FeedFull> {
        // Kept even when the ring is full, so that a new stream begins with what the performer has set.
        self.settings.note(event.event);
        let is_off = match event.event {
            SynthEvent::NoteOff { .. } | SynthEvent::AllOff { .. } | SynthEvent::Silence | SynthEvent::Panic => true,
            SynthEvent::NoteOn { velocity, .. } => velocity == 0,
            _ => false,
        };
        let has_room = self.ring.slots() > if is_off { 0 } else { RESERVE };
        if has_room && self.ring.push(event).is_ok() {
            return Ok(());
        }
        let slots = match event.event {
            SynthEvent::NoteOff { slot, .. } | SynthEvent::NoteOn { slot, .. } | SynthEvent::AllOff { slot } => {
                1 << (slot % 32)
            }
            _ => u32::MAX,
        };
        if is_off {
            self.shared.cut.fetch_or(slots, Ordering::Release);
            return Ok(());
        }
        self.dropped += 1;
        Err(FeedFull)
    }

    /// Queues an event for an instant of the player's clock.
    ///
    /// # Errors
    /// [`FeedFull`] when the event was dropped.
    pub fn send_at(&mut self, at: Nanos, event: SynthEvent) -> Result<(), FeedFull> {
        let at_frame = self.clock.frame_at(at);
        self.send(TimedSynthEvent { at_frame, event })
    }

    /// The frame that is rendered at `at`; see [`FrameClock::frame_at`].
    pub fn frame_at(&mut self, at: Nanos) -> u64 {
        self.clock.frame_at(at)
    }

    /// Frames per second of the stream.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// A picture of the meters; peaks begin anew with each.
    pub fn meters(&self) -> Meters {
        let s = &self.shared;
        let take = |a: &AtomicU32| f32::from_bits(a.swap(0, Ordering::Relaxed));
        let mut slot_peak = [0.0; SLOTS];
        slot_peak.iter_mut().zip(&s.slot_peaks).for_each(|(to, from)| *to = take(from));
        Meters {
            peak: [take(&s.peaks[0]), take(&s.peaks[1])],
            slot_peak,
            load: f32::from_bits(s.load.load(Ordering::Relaxed)),
            load_peak: take(&s.load_peak),
            voices: s.voices.load(Ordering::Relaxed),
            xruns: s.xruns.load(Ordering::Relaxed),
            late_events: s.late.load(Ordering::Relaxed),
            dropped: self.dropped,
        }
    }

    /// Callbacks so far: a stream whose number stands still has died without a word.
    pub fn callbacks(&self) -> u64 {
        self.shared.callbacks.load(Ordering::Relaxed)
    }

    /// Makes the new stream behind `next` sound as this one was set.
    pub fn copy_settings_to(&self, next: &mut SynthFeed) {
        for event in self.settings.events() {
            // A fresh ring has room for all settings there are.
            let _ = next.send(TimedSynthEvent { at_frame: 0, event });
        }
    }
}

impl SynthSource {
    /// The device asks for `frames` frames: takes what is new. Call before [`SynthSource::fill`]. Allocates nothing.
    pub fn begin(&mut self, frames: usize) {
        self.begin_at(frames, nanos_since(self.base));
    }

    fn begin_at(&mut self, frames: usize, now: Nanos) {
        (self.begun, self.frames) = (now, frames);
        self.clock.tick(self.synth.frame(), frames, now);
        // The flag is read before the ring: whatever was queued before the loss is in the synth when the keys go up.
        let cut = self.shared.cut.swap(0, Ordering::Acquire);
        while self.synth.has_room() {
            let Ok(event) = self.ring.pop() else { break };
            self.synth.schedule(event);
        }
        for slot in (0..SLOTS as u8).filter(|slot| cut & (1 << slot) != 0) {
            self.synth.cut_slot(slot);
        }
    }

    /// Renders the next frames, interleaved stereo; may be called several times for one block.
    pub fn fill(&mut self, out: &mut [f32]) {
        self.synth.render(out);
    }

    /// The block is complete: tells the meters.
    pub fn end(&mut self) {
        let took = nanos_since(self.base).since(self.begun) as f32;
        let had = self.frames.max(1) as f32 * 1e9 / self.synth.sample_rate_hz() as f32;
        let s = &self.shared;
        // Positive floats order like their bits, so the largest can be kept with an integer maximum.
        let keep = |a: &AtomicU32, x: f32| a.fetch_max(x.max(0.0).to_bits(), Ordering::Relaxed);
        let (left, right) = self.synth.take_peak();
        keep(&s.peaks[0], left);
        keep(&s.peaks[1], right);
        for (slot, peak) in s.slot_peaks.iter().enumerate() {
            keep(peak, self.synth.take_slot_peak(slot));
        }
        s.load.store((took / had).to_bits(), Ordering::Relaxed);
        keep(&s.load_peak, took / had);
        s.voices.store(self.synth.voices_playing() as u32, Ordering::Relaxed);
        s.late.store(self.synth.late_events(), Ordering::Relaxed);
        s.callbacks.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "audio")]
    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Frames per second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.synth.sample_rate_hz()
    }
}

/// The last value of every knob and sound that was set.
#[derive(Clone, Debug, Default)]
struct Settings {
    sounds: [Option<u16>; SLOTS],
    slots: [[Option<f32>; SlotParam::ALL.len()]; SLOTS],
    globals: [Option<f32>; GlobalParam::ALL.len()],
}

impl Settings {
    fn note(&mut self, event: SynthEvent) {
        match event {
            SynthEvent::Sound { slot, sound } if usize::from(slot) < SLOTS => {
                self.sounds[usize::from(slot)] = Some(sound)
            }
            SynthEvent::Param { slot, param, value } if usize::from(slot) < SLOTS => {
                self.slots[usize::from(slot)][param as usize] = Some(value);
            }
            SynthEvent::Global { param, value } => self.globals[param as usize] = Some(value),
            _ => {}
        }
    }

    fn events(&self) -> impl Iterator<Item = SynthEvent> + '_ {
        let sounds = (0u8..).zip(self.sounds).filter_map(|(slot, s)| Some(SynthEvent::Sound { slot, sound: s? }));
        let slots = (0u8..).zip(&self.slots).flat_map(|(slot, values)| {
            let knob = move |(param, value): (SlotParam, &Option<f32>)| {
                Some(SynthEvent::Param { slot, param, value: (*value)? })
            };
            SlotParam::ALL.into_iter().zip(values).filter_map(knob)
        });
        let knob = |(param, value): (GlobalParam, Option<f32>)| Some(SynthEvent::Global { param, value: value? });
        let globals = GlobalParam::ALL.into_iter().zip(self.globals).filter_map(knob);
        sounds.chain(slots).chain(globals)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn on(pitch: u8) -> TimedSynthEvent {
        TimedSynthEvent { at_frame: 0, event: SynthEvent::NoteOn { slot: 3, pitch, velocity: 90 } }
    }
    fn off(pitch: u8) -> TimedSynthEvent {
        TimedSynthEvent { at_frame: 0, event: SynthEvent::NoteOff { slot: 3, pitch } }
    }
    fn block(source: &mut SynthSource, out: &mut [f32]) {
        source.begin(out.len() / 2);
        source.fill(out);
        source.end();
    }

    #[test]
    fn a_full_ring_refuses_notes_but_loses_no_note_off() {
        let (mut feed, mut source) = feed(48_000, Instant::now());
        feed.send(TimedSynthEvent { at_frame: 0, event: SynthEvent::Sound { slot: 3, sound: 2 } }).unwrap();
        let mut taken = 0;
        while feed.send(on(60 + (taken % 20) as u8)).is_ok() {
            taken += 1;
        }
        assert_eq!(taken + 1, OUTPUT_RING - RESERVE);
        // More note-offs than the ring has places: the last ones turn into "all keys up".
        for i in 0..OUTPUT_RING {
            assert_eq!(feed.send(off((i % 128) as u8)), Ok(()));
        }
        let mut out = [0.0; 2 * 512];
        for _ in 0..60 {
            block(&mut source, &mut out);
        }
        assert_eq!((feed.meters().voices, feed.meters().dropped), (0, 1));
    }

    #[test]
    fn a_new_stream_takes_the_settings_over() {
        let (mut old, _) = feed(48_000, Instant::now());
        for event in [
            SynthEvent::Sound { slot: 1, sound: 4 },
            SynthEvent::Param { slot: 1, param: SlotParam::Pan, value: -0.5 },
            SynthEvent::Param { slot: 1, param: SlotParam::Pan, value: 0.25 },
            SynthEvent::Global { param: GlobalParam::MasterDb, value: -6.0 },
        ] {
            old.send(TimedSynthEvent { at_frame: 9, event }).unwrap();
        }
        let (mut new, _) = feed(44_100, Instant::now());
        old.copy_settings_to(&mut new);
        let settings: Vec<_> = new.settings.events().collect();
        assert_eq!(
            settings,
            [
                SynthEvent::Sound { slot: 1, sound: 4 },
                SynthEvent::Param { slot: 1, param: SlotParam::Pan, value: 0.25 },
                SynthEvent::Global { param: GlobalParam::MasterDb, value: -6.0 },
            ]
        );
    }

    #[test]
    fn late_events_play_at_once_and_are_counted() {
        let (mut feed, mut source) = feed(48_000, Instant::now());
        let mut out = [0.0; 2 * 64];
        block(&mut source, &mut out);
        feed.send(TimedSynthEvent { at_frame: 5, event: SynthEvent::NoteOn { slot: 0, pitch: 36, velocity: 100 } })
            .unwrap();
        block(&mut source, &mut out);
        assert!(out[0] != 0.0);
        assert_eq!((feed.meters().late_events, feed.meters().voices), (1, 1));
        assert!(feed.meters().peak[0] >= 0.0 && feed.callbacks() == 2);
    }

    #[test]
    fn the_callback_allocates_nothing() {
        let (mut feed, mut source) = feed(48_000, Instant::now());
        for slot in 0..16 {
            let sound = u16::from(slot) % super::super::SOUNDS.len() as u16;
            feed.send(TimedSynthEvent { at_frame: 0, event: SynthEvent::Sound { slot, sound } }).unwrap();
        }
        let mut out = [0.0; 2 * 128];
        for turn in 0..12u64 {
            for k in 0..20 {
                let (slot, pitch) = ((k % 16) as u8, 36 + ((turn as u8 * 7 + k as u8 * 5) % 60));
                let at_frame = turn * 128 + 3 * k;
                feed.send(TimedSynthEvent { at_frame, event: SynthEvent::NoteOn { slot, pitch, velocity: 100 } })
                    .unwrap();
                feed.send(TimedSynthEvent { at_frame: at_frame + 90, event: SynthEvent::NoteOff { slot, pitch } })
                    .unwrap();
            }
            if turn == 6 {
                let event = SynthEvent::Global { param: GlobalParam::ReverbTime, value: 3.0 };
                feed.send(TimedSynthEvent { at_frame: 0, event }).unwrap();
            }
            if turn == 8 {
                feed.send(TimedSynthEvent { at_frame: 0, event: SynthEvent::Panic }).unwrap();
            }
            assert_no_alloc::assert_no_alloc(|| block(&mut source, &mut out));
        }
        // On until the panic has wiped the effects.
        assert_no_alloc::assert_no_alloc(|| (0..50).for_each(|_| block(&mut source, &mut out)));
    }
}
