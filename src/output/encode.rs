//! From events to MIDI messages, with the memory that a MIDI wire needs: what sounds, and how the knobs stand.

use super::OutEvent;
use crate::midi::Message;
use crate::steer::Control;

/// Controls that MIDI has a number for.
pub const CONTROLLERS: [(Control, u8); 5] =
    [(Control::LevelDb, 7), (Control::Pan, 10), (Control::Cutoff, 74), (Control::Reverb, 91), (Control::Delay, 94)];

/// Turns events into messages. Holds arrays only: it may live in a real-time callback.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    /// One bit for every sounding pitch of every channel.
    sounding: [u128; 16],
    /// Last value of every controller of [`CONTROLLERS`].
    values: [[Option<u8>; CONTROLLERS.len()]; 16],
    /// One bit for every channel that was played on.
    used: u16,
}

impl Encoder {
    /// One that believes that every note of every channel sounds: to silence a device whose player died.
    pub fn all_sounding() -> Encoder {
        Encoder { sounding: [u128::MAX; 16], used: u16::MAX, ..Encoder::default() }
    }

    /// The message for an event. `None` for what MIDI cannot say, for an off that ends nothing and for a knob that did not move.
    pub fn encode(&mut self, event: OutEvent) -> Option<Message> {
        match event {
            OutEvent::NoteOn { channel, pitch, velocity } => {
                let (channel, pitch) = (channel & 15, pitch & 127);
                self.sounding[usize::from(channel)] |= 1 << pitch;
                self.used |= 1 << channel;
                Some(Message::NoteOn { channel, pitch, velocity: velocity.clamp(1, 127) })
            }
            OutEvent::NoteOff { channel, pitch } => {
                let (channel, pitch) = (channel & 15, pitch & 127);
                let bits = &mut self.sounding[usize::from(channel)];
                let was = *bits & (1 << pitch) != 0;
                *bits &= !(1 << pitch);
                was.then_some(Message::NoteOff { channel, pitch, velocity: 64 })
            }
            OutEvent::Param { channel, change } => {
                let row = CONTROLLERS.iter().position(|c| c.0 == change.control)?;
                let value = controller_value(change.control, change.value);
                let last = self.values.get_mut(usize::from(channel))?.get_mut(row)?;
                let moved = last.replace(value) != Some(value);
                moved.then_some(Message::Control { channel, controller: CONTROLLERS[row].1, value })
            }
            OutEvent::Clock => Some(Message::Clock),
            OutEvent::Start => Some(Message::Start),
            OutEvent::Continue => Some(Message::Continue),
            OutEvent::Stop => Some(Message::Stop),
        }
    }

    /// True when the note sounds on this wire.
    pub fn sounds(&self, channel: u8, pitch: u8) -> bool {
        self.sounding[usize::from(channel & 15)] & (1 << (pitch & 127)) != 0
    }

    /// Notes that sound.
    pub fn sounding(&self) -> u32 {
        self.sounding.iter().map(|bits| bits.count_ones()).sum()
    }

    /// Ends every sounding note, one by one, then with "all notes off" on every channel used, and when `hard` "all
    /// sound off". Stops early, and can be called
    /// again, when `send` says that there is no room (`false`).
    pub fn silence(&mut self, hard: bool, mut send: impl FnMut(Message) -> bool) -> bool {
        for channel in 0..16u8 {
            while self.sounding[usize::from(channel)] != 0 {
                let pitch = self.sounding[usize::from(channel)].trailing_zeros() as u8;
                if !send(Message::NoteOff { channel, pitch, velocity: 64 }) {
                    return false;
                }
                self.sounding[usize::from(channel)] &= !(1 << pitch);
            }
        }
        let mut cut = |channel, controller| send(Message::Control { channel, controller, value: 0 });
        (0..16u8)
            .filter(|channel| self.used & (1 << channel) != 0)
            .all(|channel| cut(channel, Message::ALL_NOTES_OFF) && (!hard || cut(channel, Message::ALL_SOUND_OFF)))
    }

    /// Says again how the knobs stand, for a device that came back.
    pub fn restore(&self, mut send: impl FnMut(Message)) {
        for (channel, values) in (0u8..).zip(&self.values) {
            for (value, row) in values.iter().zip(CONTROLLERS) {
                if let Some(value) = *value {
                    send(Message::Control { channel, controller: row.1, value });
                }
            }
        }
    }
}

/// A control's value as a controller's 0..=127.
fn controller_value(control: Control, value: f32) -> u8 {
    let value = control.info().clamp(value);
    let scaled = match control {
        Control::LevelDb => 100.0 * volume(value),
        Control::Pan => 64.0 + 63.0 * value,
        _ => 127.0 * value,
    };
    scaled.round().clamp(0.0, 127.0) as u8
}

/// Volume controllers are read as 40 log10 (General MIDI 2): one dB is a factor of 10^(1/40). In steps of a whole dB and straight
/// between them, so that every machine gets the same value.
fn volume(db: f32) -> f32 {
    const DB: f32 = 1.059_253_7;
    let whole = db.floor();
    let power = |n: i32| (0..n.abs()).fold(1.0f32, |x, _| if n > 0 { x * DB } else { x / DB });
    let (low, high) = (power(whole as i32), power(whole as i32 + 1));
    low + (high - low) * (db - whole)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::message::ParamChange;

    fn param(control: Control, value: f32) -> OutEvent {
        OutEvent::Param { channel: 3, change: ParamChange { slot: 0, control, value } }
    }

    #[test]
    fn knobs_become_controllers_and_say_nothing_twice() {
        let mut encoder = Encoder::default();
        for (control, value, controller, sent) in [
            (Control::LevelDb, 0.0, 7, 100),
            (Control::LevelDb, -60.0, 7, 3),
            (Control::LevelDb, 12.0, 7, 127),
            (Control::LevelDb, -6.0, 7, 71),
            (Control::Pan, -1.0, 10, 1),
            (Control::Pan, 0.0, 10, 64),
            (Control::Cutoff, 1.0, 74, 127),
            (Control::Reverb, 0.5, 91, 64),
            (Control::Delay, 0.0, 94, 0),
        ] {
            let message = Message::Control { channel: 3, controller, value: sent };
            assert_eq!(encoder.encode(param(control, value)), Some(message), "{control:?} {value}");
            assert_eq!(encoder.encode(param(control, value)), None);
        }
        assert_eq!(encoder.encode(param(Control::Swing, 0.6)), None);
        let mut restored = 0;
        encoder.restore(|_| restored += 1);
        assert_eq!(restored, CONTROLLERS.len());
    }

    #[test]
    fn silence_ends_each_sounding_note_once_even_when_room_runs_out() {
        let mut encoder = Encoder::default();
        for pitch in [60, 64, 67] {
            encoder.encode(OutEvent::NoteOn { channel: 2, pitch, velocity: 80 });
        }
        encoder.encode(OutEvent::NoteOff { channel: 2, pitch: 64 });
        assert_eq!(encoder.encode(OutEvent::NoteOff { channel: 2, pitch: 64 }), None);
        let mut sent = Vec::new();
        assert!(!encoder.silence(false, |m| {
            sent.push(m);
            sent.len() < 2
        }));
        sent.pop();
        assert!(encoder.silence(false, |m| {
            sent.push(m);
            true
        }));
        let off = |pitch| Message::NoteOff { channel: 2, pitch, velocity: 64 };
        assert_eq!(sent[..2], [off(60), off(67)]);
        assert_eq!((sent.len(), encoder.sounding()), (3, 0));
    }
}
