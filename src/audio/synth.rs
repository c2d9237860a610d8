//! The synth: slots, voices, effects, and the events that drive them, exact to the frame.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::denormal::FlushDenormals;
use super::effects::{Chorus, Delay, Limiter};
use super::event::{GlobalParam, SLOTS, SlotParam, SynthEvent, TimedSynthEvent};
use super::math::gain_of_db;
use super::reverb::Reverb;
use super::slot::{Ramp, Slot};
use super::voice::{Life, Strike, Voice};
use crate::limits::{OUTPUT_RING, SYNTH_VOICES};

/// Slow values (filters, knobs) get a new slope every so many frames, counted from frame 0 and not from a block's start.
pub const CONTROL_FRAMES: usize = 32;
/// Voices that fade after they were stolen, beside those that play.
const FADING_VOICES: usize = 8;
/// Events that may wait in the synth: the ring's worth twice, so that the ring can always be emptied.
pub const PENDING_EVENTS: usize = OUTPUT_RING * 2;
/// A stolen voice fades this long.
const STEAL_S: f32 = 0.005;
/// A voice whose key is struck again fades this long.
const AGAIN_S: f32 = 0.012;
/// Panic: tails fade this long, and are wiped then; the voices are gone a little before.
const PANIC_S: f32 = 0.1;
const PANIC_VOICE_S: f32 = 0.08;

/// An event that waits, with its place among events of the same frame.
#[derive(Clone, Copy, Debug)]
struct Pending {
    at_frame: u64,
    serial: u64,
    event: SynthEvent,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Pending) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pending {}
impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Pending) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pending {
    /// Reversed: the heap gives the earliest first.
    fn cmp(&self, other: &Pending) -> Ordering {
        (other.at_frame, other.serial).cmp(&(self.at_frame, self.serial))
    }
}

/// The instrument inside: events in, interleaved stereo out. Allocates only in `new`.
#[derive(Debug)]
pub struct Synth {
    sample_rate: f32,
    frame: u64,
    pending: BinaryHeap<Pending>,
    pending_serial: u64,
    note_serial: u32,
    late_events: u64,
    voices: Vec<Voice>,
    slots: Vec<Slot>,
    chorus: Chorus,
    delay: Delay,
    reverb: Reverb,
    limiter: Limiter,
    master: Ramp,
    delay_level: Ramp,
    reverb_level: Ramp,
    reverb_time_s: f32,
    reverb_damp: f32,
    /// Frames until the effects are wiped after a panic; 0 = no panic.
    panic_frames: u32,
    share: f32,
    peak: (f32, f32),
}

impl Synth {
    /// A silent synth; everything it will ever need is allocated here. The rate is kept within 8..=384 kHz.
    pub fn new(sample_rate_hz: u32) -> Synth {
        let rate = sample_rate_hz.clamp(8_000, 384_000) as f32;
        let of = |p: GlobalParam| p.row().default;
        Synth {
            sample_rate: rate,
            frame: 0,
            pending: BinaryHeap::with_capacity(PENDING_EVENTS),
            pending_serial: 0,
            note_serial: 0,
            late_events: 0,
            voices: (0..SYNTH_VOICES + FADING_VOICES).map(|_| Voice::new(rate)).collect(),
            slots: vec![Slot::new(); SLOTS],
            chorus: Chorus::new(rate),
            delay: Delay::new(rate, of(GlobalParam::DelayTime), of(GlobalParam::DelayFeedback)),
            reverb: Reverb::new(rate, of(GlobalParam::ReverbTime), of(GlobalParam::ReverbDamp)),
            limiter: Limiter::new(rate),
            master: Ramp::at(gain_of_db(of(GlobalParam::MasterDb))),
            delay_level: Ramp::at(of(GlobalParam::DelayLevel)),
            reverb_level: Ramp::at(of(GlobalParam::ReverbLevel)),
            reverb_time_s: of(GlobalParam::ReverbTime),
            reverb_damp: of(GlobalParam::ReverbDamp),
            panic_frames: 0,
            // Knobs cover 63 % of their way in 10 ms.
            share: 1.0 - super::math::exp2(-std::f32::consts::LOG2_E * CONTROL_FRAMES as f32 / (0.010 * rate)),
            peak: (0.0, 0.0),
        }
    }

    /// Frames per second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate as u32
    }

    /// The frame that the next `render` begins with.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// Puts an event in its place; events of one frame happen in the order in which they came. False when
    /// [`PENDING_EVENTS`] wait already: the event was not taken.
    pub fn schedule(&mut self, event: TimedSynthEvent) -> bool {
        if self.pending.len() >= PENDING_EVENTS {
            return false;
        }
        self.pending_serial += 1;
        let (at_frame, event) = (event.at_frame, event.event);
        self.pending.push(Pending { at_frame, serial: self.pending_serial, event });
        true
    }

    /// True while `schedule` would take an event.
    pub fn has_room(&self) -> bool {
        self.pending.len() < PENDING_EVENTS
    }

    /// Notes that came after their frame so far; they began at the next frame rendered.
    pub fn late_events(&self) -> u64 {
        self.late_events
    }

    /// Voices that play, at most `SYNTH_VOICES` (voices fading out after losing their place are not counted).
    pub fn voices_playing(&self) -> usize {
        self.voices.iter().filter(|v| v.life == Life::Playing).count()
    }

    /// Loudest samples left and right since the last call.
    pub fn take_peak(&mut self) -> (f32, f32) {
        std::mem::take(&mut self.peak)
    }

    /// Loudest sample of a slot, before the master level, since the last call.
    pub fn take_slot_peak(&mut self, slot: usize) -> f32 {
        self.slots.get_mut(slot).map_or(0.0, |s| std::mem::take(&mut s.peak))
    }

    /// Renders interleaved stereo; an odd last sample is left alone. Any length gives the same samples.
    pub fn render(&mut self, out: &mut [f32]) {
        let _flush = FlushDenormals::begin();
        let frames = out.len() / 2;
        let mut done = 0;
        while done < frames {
            if self.frame.is_multiple_of(CONTROL_FRAMES as u64) {
                self.control();
            }
            self.happen();
            let to_control = CONTROL_FRAMES as u64 - self.frame % CONTROL_FRAMES as u64;
            let to_event = self.pending.peek().map_or(u64::MAX, |e| e.at_frame - self.frame);
            let n = (frames - done).min(to_control.min(to_event) as usize);
            self.render_chunk(&mut out[2 * done..2 * (done + n)], n);
            self.frame += n as u64;
            done += n;
        }
    }

    /// Every key of the slot goes up, and notes of the slot that wait are forgotten: what a lost note-off asks for.
    pub fn cut_slot(&mut self, slot: u8) {
        self.pending.retain(|p| !matches!(p.event, SynthEvent::NoteOn { slot: s, .. } if s == slot));
        self.all_off(slot);
    }

    /// New slopes for everything slow.
    fn control(&mut self) {
        for slot in &mut self.slots {
            if slot.is_active {
                slot.control(self.share);
            } else {
                slot.snap();
            }
            slot.is_active = false;
        }
        for voice in &mut self.voices {
            if voice.life != Life::Free {
                let slot = &mut self.slots[usize::from(voice.slot)];
                voice.control(slot.tone.get(), slot.resonance.get());
                slot.is_active |= voice.life != Life::Free;
            }
        }
        for ramp in [&mut self.master, &mut self.delay_level, &mut self.reverb_level] {
            ramp.control(self.share);
        }
    }

    /// Lets everything happen that is due at this frame.
    fn happen(&mut self) {
        while self.pending.peek().is_some_and(|e| e.at_frame <= self.frame) {
            let Some(due) = self.pending.pop() else { return };
            // Only a late note is heard as late.
            let is_note = matches!(due.event, SynthEvent::NoteOn { .. });
            self.late_events += u64::from(is_note && due.at_frame < self.frame);
            self.apply(due);
        }
    }

    fn apply(&mut self, due: Pending) {
        match due.event {
            SynthEvent::NoteOn { slot, pitch, velocity } if usize::from(slot) < SLOTS => {
                let pitch = pitch.min(127);
                if velocity == 0 { self.note_off(slot, pitch) } else { self.note_on(slot, pitch, velocity) }
            }
            SynthEvent::NoteOff { slot, pitch } => self.note_off(slot, pitch.min(127)),
            SynthEvent::Sound { slot, sound } => {
                if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
                    slot.set_sound(sound);
                }
            }
            SynthEvent::Param { slot, param, value } => self.set_slot(slot, param, value),
            SynthEvent::Global { param, value } => self.set_global(param, value),
            SynthEvent::AllOff { slot } => self.all_off(slot),
            SynthEvent::Silence => self.silence(due.serial),
            SynthEvent::Panic => self.panic(due.serial),
            SynthEvent::NoteOn { .. } => {}
        }
    }

    fn set_slot(&mut self, slot: u8, param: SlotParam, value: f32) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.set(param, value);
        }
    }

    fn set_global(&mut self, param: GlobalParam, value: f32) {
        let value = param.row().clamp(value);
        match param {
            GlobalParam::MasterDb => self.master.aim(if value <= param.row().min { 0.0 } else { gain_of_db(value) }),
            GlobalParam::DelayTime => self.delay.set_time(value),
            GlobalParam::DelayFeedback => self.delay.feedback = value,
            GlobalParam::DelayLevel => self.delay_level.aim(value),
            GlobalParam::ReverbLevel => self.reverb_level.aim(value),
            GlobalParam::ReverbTime => {
                self.reverb_time_s = value;
                self.reverb.set(value, self.reverb_damp);
            }
            GlobalParam::ReverbDamp => {
                self.reverb_damp = value;
                self.reverb.set(self.reverb_time_s, value);
            }
        }
    }

    fn note_on(&mut self, slot: u8, pitch: u8, velocity: u8) {
        self.note_serial = self.note_serial.wrapping_add(1);
        let state = &mut self.slots[usize::from(slot)];
        if !state.is_active {
            // Nothing sounded here: knobs turned in the meantime count at once.
            state.snap();
            state.is_active = true;
        }
        let strike = Strike {
            slot,
            sound: state.sound,
            pitch,
            velocity,
            serial: self.note_serial,
            tone: state.tone.get(),
            resonance: state.resonance.get(),
        };
        let plays_kit = matches!(super::sounds::SOUNDS[usize::from(strike.sound)].kind, super::sounds::Kind::Kit(_));
        let is_hat = plays_kit && super::drum::is_hat(pitch);
        for voice in self.voices.iter_mut().filter(|v| v.life == Life::Playing && v.slot == slot) {
            if voice.pitch == pitch || (is_hat && voice.is_hat()) {
                voice.fade_out(AGAIN_S);
            }
        }
        if let Some(index) = self.free_voice() {
            self.voices[index].start(&strike);
        }
    }

    /// A voice to play with; the least missed one loses its place when all play.
    fn free_voice(&mut self) -> Option<usize> {
        let least = |voices: &[Voice], life: Life| {
            let of = voices.iter().enumerate().filter(|(_, v)| v.life == life);
            of.min_by(|(_, a), (_, b)| a.worth().total_cmp(&b.worth()).then(a.serial.cmp(&b.serial))).map(|(i, _)| i)
        };
        if self.voices_playing() >= SYNTH_VOICES
            && let Some(index) = least(&self.voices, Life::Playing)
        {
            self.voices[index].fade_out(STEAL_S);
        }
        let free = self.voices.iter().position(|v| v.life == Life::Free);
        // With every place taken by fading voices the faintest of them ends a few ms early.
        free.or_else(|| least(&self.voices, Life::Fading))
    }

    fn note_off(&mut self, slot: u8, pitch: u8) {
        let of_key = |v: &&mut Voice| v.is_held && v.slot == slot && v.pitch == pitch;
        self.voices.iter_mut().filter(of_key).for_each(Voice::release);
    }

    fn all_off(&mut self, slot: u8) {
        self.voices.iter_mut().filter(|v| v.is_held && v.slot == slot).for_each(Voice::release);
    }

    fn silence(&mut self, serial: u64) {
        // Notes that were handed over before must not start after it.
        self.pending.retain(|p| p.serial > serial || !matches!(p.event, SynthEvent::NoteOn { .. }));
        self.voices.iter_mut().filter(|v| v.is_held).for_each(Voice::release);
    }

    fn panic(&mut self, serial: u64) {
        self.silence(serial);
        self.voices.iter_mut().for_each(|v| v.fade_out(PANIC_VOICE_S));
        self.panic_frames = self.panic_length();
    }

    fn panic_length(&self) -> u32 {
        (PANIC_S * self.sample_rate) as u32
    }

    /// Renders up to the next event, control boundary or end of the block: at most [`CONTROL_FRAMES`] frames.
    fn render_chunk(&mut self, out: &mut [f32], n: usize) {
        let active = |slots: &[Slot]| slots.iter().any(|s| s.is_active);
        for slot in self.slots.iter_mut().filter(|s| s.is_active) {
            slot.left[..n].fill(0.0);
            slot.right[..n].fill(0.0);
        }
        for voice in self.voices.iter_mut().filter(|v| v.life != Life::Free) {
            let slot = &mut self.slots[usize::from(voice.slot)];
            voice.render(&mut slot.left[..n], &mut slot.right[..n]);
        }
        // Dry, then sends to reverb, delay, chorus; left and right each.
        let mut mix = [[0.0f32; 8]; CONTROL_FRAMES];
        if active(&self.slots) {
            for slot in self.slots.iter_mut().filter(|s| s.is_active) {
                mix_slot(slot, &mut mix[..n]);
            }
        }
        let panic_length = self.panic_length() as f32;
        for (frame, mix) in out.chunks_exact_mut(2).zip(&mix[..n]) {
            let reverb = self.reverb.tick(mix[2], mix[3]);
            let delay = self.delay.tick(mix[4], mix[5]);
            let chorus = self.chorus.tick(mix[6], mix[7]);
            let (mut reverb_level, mut delay_level) = (self.reverb_level.next(), self.delay_level.next());
            let mut chorus_level = 1.0;
            if self.panic_frames > 0 {
                self.panic_frames -= 1;
                let fade = self.panic_frames as f32 / panic_length;
                (reverb_level, delay_level, chorus_level) = (reverb_level * fade, delay_level * fade, fade);
                if self.panic_frames == 0 {
                    self.reverb.clear();
                    self.delay.clear();
                    self.chorus.clear();
                }
            }
            let master = self.master.next();
            let left = mix[0] + chorus.0 * chorus_level + reverb.0 * reverb_level + delay.0 * delay_level;
            let right = mix[1] + chorus.1 * chorus_level + reverb.1 * reverb_level + delay.1 * delay_level;
            let (left, right) = self.limiter.tick(left * master, right * master);
            (frame[0], frame[1]) = (left, right);
            self.peak = (self.peak.0.max(left.abs()), self.peak.1.max(right.abs()));
        }
    }
}

/// Adds a slot's bus to the mix, through its knobs.
fn mix_slot(slot: &mut Slot, mix: &mut [[f32; 8]]) {
    for ((mix, l), r) in mix.iter_mut().zip(&slot.left).zip(&slot.right) {
        let l = l * slot.gains[0].next();
        let r = r * slot.gains[1].next();
        slot.peak = slot.peak.max(l.abs()).max(r.abs());
        mix[0] += l;
        mix[1] += r;
        for send in 0..3 {
            let gain = slot.gains[2 + send].next();
            mix[2 + 2 * send] += l * gain;
            mix[3 + 2 * send] += r * gain;
        }
    }
}
