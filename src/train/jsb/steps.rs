//! What one step of a benchmark is: four voices, or the set of keys that sound.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// Voices of a chorale, in the file's order: soprano, alto, tenor, bass.
pub const VOICES: usize = 4;
/// Pitches of the chorales at sixteenths, as MIDI note numbers.
pub const PITCHES: std::ops::RangeInclusive<i64> = 36..=81;
/// Keys of the piano, as MIDI note numbers.
pub const KEYS: std::ops::RangeInclusive<i64> = 21..=108;

/// A step as slots that each hold one class.
pub trait Step: Copy + for<'de> Deserialize<'de> {
    /// Slots in a step.
    const SLOTS: usize;
    /// Classes of a slot.
    const CLASSES: usize;
    /// Where counting begins: the class that stands before the first step (`CLASSES` is one of its own).
    const BEFORE: usize;
    /// Units in a step; scores are divided by them.
    const UNITS: u64;
    /// What a unit is called.
    const UNIT: &'static str;
    /// What the uniform guess chooses from.
    const ALPHABET: &'static str;

    /// The class of a slot, below `CLASSES`.
    fn class(&self, slot: usize) -> usize;
    /// Notes that sound.
    fn notes(&self) -> u64;
}

/// Classes of soprano, alto, tenor and bass: 0 is a rest, 1..=46 the pitches 36..=81.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voices(pub [u8; VOICES]);

impl Step for Voices {
    const SLOTS: usize = VOICES;
    const CLASSES: usize = 47;
    const BEFORE: usize = Self::CLASSES;
    const UNITS: u64 = VOICES as u64;
    const UNIT: &'static str = "note";
    const ALPHABET: &'static str = "47";

    fn class(&self, slot: usize) -> usize {
        usize::from(self.0[slot])
    }
    fn notes(&self) -> u64 {
        self.0.iter().filter(|c| **c > 0).count() as u64
    }
}

impl<'de> Deserialize<'de> for Voices {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut classes = [0; VOICES];
        for (class, pitch) in classes.iter_mut().zip(<[i64; VOICES]>::deserialize(from)?) {
            if pitch != -1 && !PITCHES.contains(&pitch) {
                return Err(D::Error::custom(format!("pitch {pitch} is neither a rest (-1) nor within 36..=81")));
            }
            *class = if pitch == -1 { 0 } else { (pitch - PITCHES.start() + 1) as u8 };
        }
        Ok(Voices(classes))
    }
}

/// The keys that sound: bit 0 is MIDI note 21, bit 87 is 108.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys(pub u128);

impl Step for Keys {
    const SLOTS: usize = 88;
    const CLASSES: usize = 2;
    // Silence stands before the first frame.
    const BEFORE: usize = 0;
    const UNITS: u64 = 1;
    const UNIT: &'static str = "frame";
    const ALPHABET: &'static str = "2 to the power of 88";

    fn class(&self, slot: usize) -> usize {
        (self.0 >> slot & 1) as usize
    }
    fn notes(&self) -> u64 {
        u64::from(self.0.count_ones())
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(KeySet)
    }
}

/// Reads the numbers of a frame one by one: however many there are, the set stays small.
struct KeySet;

impl<'de> Visitor<'de> for KeySet {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of MIDI note numbers")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Keys, A::Error> {
        let mut keys = 0u128;
        while let Some(key) = from.next_element::<i64>()? {
            if !KEYS.contains(&key) {
                return Err(A::Error::custom(format!("key {key} is not within 21..=108")));
            }
            keys |= 1 << (key - KEYS.start());
        }
        Ok(Keys(keys))
    }
}
