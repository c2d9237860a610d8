//! One MIDI message as a small value, to and from the bytes of the wire (MIDI 1.0 specification).

/// A MIDI message. Channels are 0..=15, data bytes 0..=127; what is larger is cut to its low bits when encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A note ends.
    NoteOff { channel: u8, pitch: u8, velocity: u8 },
    /// A note begins; velocity is 1..=127 (0 is read as a note-off).
    NoteOn { channel: u8, pitch: u8, velocity: u8 },
    /// Pressure on one key.
    KeyPressure { channel: u8, pitch: u8, value: u8 },
    /// A controller moves.
    Control { channel: u8, controller: u8, value: u8 },
    /// Another sound.
    Program { channel: u8, program: u8 },
    /// Pressure on all keys of the channel.
    Pressure { channel: u8, value: u8 },
    /// The pitch wheel, -8192..=8191, 0 in the middle.
    Bend { channel: u8, value: i16 },
    /// Where playing goes on, in sixteenths from the start of the song, 0..=16383.
    SongPosition(u16),
    /// One of 24 pulses a quarter note.
    Clock,
    /// Play from the beginning.
    Start,
    /// Play on.
    Continue,
    /// Stop playing.
    Stop,
}

/// The one to three bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageBytes {
    bytes: [u8; 3],
    length: u8,
}

impl std::ops::Deref for MessageBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Message {
    /// Controller number that silences every note of a channel.
    pub const ALL_NOTES_OFF: u8 = 123;
    /// Controller number that cuts every sound of a channel, tails included.
    pub const ALL_SOUND_OFF: u8 = 120;

    /// The bytes of the message, status byte included.
    pub fn bytes(self) -> MessageBytes {
        let three = |kind: u8, channel: u8, a: u8, b: u8| MessageBytes {
            bytes: [kind | (channel & 15), a & 127, b & 127],
            length: 3,
        };
        let two = |kind: u8, channel: u8, a: u8| MessageBytes { bytes: [kind | (channel & 15), a & 127, 0], length: 2 };
        let one = |status: u8| MessageBytes { bytes: [status, 0, 0], length: 1 };
        match self {
            Message::NoteOff { channel, pitch, velocity } => three(0x80, channel, pitch, velocity),
            Message::NoteOn { channel, pitch, velocity } => three(0x90, channel, pitch, velocity),
            Message::KeyPressure { channel, pitch, value } => three(0xA0, channel, pitch, value),
            Message::Control { channel, controller, value } => three(0xB0, channel, controller, value),
            Message::Program { channel, program } => two(0xC0, channel, program),
            Message::Pressure { channel, value } => two(0xD0, channel, value),
            Message::Bend { channel, value } => {
                let wheel = (value.clamp(-8192, 8191) + 8192) as u16;
                three(0xE0, channel, wheel as u8, (wheel >> 7) as u8)
            }
            Message::SongPosition(at) => {
                let at = at.min(0x3FFF);
                MessageBytes { bytes: [0xF2, (at & 127) as u8, (at >> 7) as u8], length: 3 }
            }
            Message::Clock => one(0xF8),
            Message::Start => one(0xFA),
            Message::Continue => one(0xFB),
            Message::Stop => one(0xFC),
        }
    }

    /// Reads one message that starts with its status byte; bytes after it are ignored.
    /// `None` for messages that this instrument has no use for (SysEx, time code) and for cut or illegal bytes.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let status = *bytes.first()?;
        let channel = status & 15;
        let data = |at: usize| bytes.get(at).copied().filter(|b| *b < 128);
        Some(match status & 0xF0 {
            0x80 => Message::NoteOff { channel, pitch: data(1)?, velocity: data(2)? },
            0x90 => match (data(1)?, data(2)?) {
                (pitch, 0) => Message::NoteOff { channel, pitch, velocity: 64 },
                (pitch, velocity) => Message::NoteOn { channel, pitch, velocity },
            },
            0xA0 => Message::KeyPressure { channel, pitch: data(1)?, value: data(2)? },
            0xB0 => Message::Control { channel, controller: data(1)?, value: data(2)? },
            0xC0 => Message::Program { channel, program: data(1)? },
            0xD0 => Message::Pressure { channel, value: data(1)? },
            0xE0 => Message::Bend { channel, value: wide(data(1)?, data(2)?) as i16 - 8192 },
            _ => match status {
                0xF2 => Message::SongPosition(wide(data(1)?, data(2)?)),
                0xF8 => Message::Clock,
                0xFA => Message::Start,
                0xFB => Message::Continue,
                0xFC => Message::Stop,
                _ => return None,
            },
        })
    }

    /// Channel of a channel message, `None` for the system messages.
    pub fn channel(self) -> Option<u8> {
        match self {
            Message::NoteOff { channel, .. }
            | Message::NoteOn { channel, .. }
            | Message::KeyPressure { channel, .. }
            | Message::Control { channel, .. }
            | Message::Program { channel, .. }
            | Message::Pressure { channel, .. }
            | Message::Bend { channel, .. } => Some(channel),
            Message::SongPosition(_) | Message::Clock | Message::Start | Message::Continue | Message::Stop => None,
        }
    }
}

/// Two data bytes as one 14-bit number, low byte first.
fn wide(low: u8, high: u8) -> u16 {
    u16::from(high) << 7 | u16::from(low)
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_the_bytes_of_the_specification() {
        for (message, bytes) in [
            (Message::NoteOn { channel: 2, pitch: 60, velocity: 100 }, &[0x92u8, 60, 100][..]),
            (Message::NoteOff { channel: 15, pitch: 127, velocity: 0 }, &[0x8F, 127, 0]),
            (Message::Control { channel: 0, controller: 74, value: 3 }, &[0xB0, 74, 3]),
            (Message::Program { channel: 9, program: 5 }, &[0xC9, 5]),
            (Message::Bend { channel: 1, value: 0 }, &[0xE1, 0, 64]),
            (Message::Bend { channel: 1, value: -8192 }, &[0xE1, 0, 0]),
            (Message::Bend { channel: 1, value: 8191 }, &[0xE1, 127, 127]),
            (Message::SongPosition(300), &[0xF2, 44, 2]),
            (Message::Clock, &[0xF8]),
            (Message::Start, &[0xFA]),
            (Message::Continue, &[0xFB]),
            (Message::Stop, &[0xFC]),
        ] {
            assert_eq!(&*message.bytes(), bytes, "{message:?}");
            assert_eq!(Message::parse(bytes), Some(message));
        }
    }

    #[test]
    fn a_note_on_without_velocity_is_a_note_off() {
        let off = Message::NoteOff { channel: 0, pitch: 60, velocity: 64 };
        assert_eq!(Message::parse(&[0x90, 60, 0]), Some(off));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_message_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..6)) {
            if let Some(message) = Message::parse(&bytes) {
                prop_assert_eq!(Message::parse(&message.bytes()), Some(message));
            }
        }
    }
}
