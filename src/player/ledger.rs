//! The ledger of sounding notes: whatever was switched on stands here until it is switched off.

use crate::output::Address;
use crate::time::Tick;

/// One sounding note and the one note-off that is owed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sounding {
    /// Where it was switched on; it ends there, whatever the routes say by then.
    pub to: Address,
    /// MIDI note number.
    pub pitch: u8,
    /// When it ends. On the tick axis, so that a change of tempo moves it.
    pub off: Tick,
}

/// All sounding notes. At most one entry for an output, channel and pitch.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    notes: Vec<Sounding>,
}

impl Ledger {
    /// Notes a note-on. Returns the note that sounded on the same output, channel and pitch: its note-off goes out first.
    pub fn begin(&mut self, note: Sounding) -> Option<Sounding> {
        let same = |n: &Sounding| n.to.out == note.to.out && n.to.channel == note.to.channel && n.pitch == note.pitch;
        match self.notes.iter_mut().find(|n| same(n)) {
            Some(place) => Some(std::mem::replace(place, note)),
            None => {
                self.notes.push(note);
                None
            }
        }
    }

    /// When the next note ends.
    pub fn next_off(&self) -> Option<Tick> {
        self.notes.iter().map(|n| n.off).min()
    }

    /// Takes the note that ends next; of several the one that began first.
    pub fn end_next(&mut self) -> Option<Sounding> {
        let at = (0..self.notes.len()).min_by_key(|&i| self.notes[i].off)?;
        Some(self.notes.remove(at))
    }

    /// Takes a note of this part; of several the one that began first.
    pub fn end_of(&mut self, slot: u8) -> Option<Sounding> {
        let at = self.notes.iter().position(|n| n.to.slot == slot)?;
        Some(self.notes.remove(at))
    }

    /// Forgets all notes: the outputs were silenced.
    pub fn clear(&mut self) {
        self.notes.clear();
    }

    /// Notes that sound.
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// True when nothing sounds.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn note(pitch: u8, off: u64) -> Sounding {
        Sounding { to: Address { out: 0, channel: 0, slot: 0 }, pitch, off: Tick(off) }
    }

    #[test]
    fn a_restruck_pitch_owes_one_off_only() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.begin(note(60, 100)), None);
        assert_eq!(ledger.begin(note(60, 50)), Some(note(60, 100)));
        assert_eq!((ledger.len(), ledger.next_off()), (1, Some(Tick(50))));
    }

    #[test]
    fn notes_end_in_order_of_time_then_of_beginning() {
        let mut ledger = Ledger::default();
        for (pitch, off) in [(60, 9), (61, 3), (62, 9), (63, 3)] {
            ledger.begin(note(pitch, off));
        }
        let order: Vec<u8> = std::iter::from_fn(|| ledger.end_next()).map(|n| n.pitch).collect();
        assert_eq!(order, [61, 63, 60, 62]);
    }
}
