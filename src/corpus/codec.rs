//! Sheets and pieces as bytes: one codec for the cache and for pieces that wait on a disk.
//!
//! All numbers little endian, texts and lists with their count in front. Reading believes nothing: whatever is out of range or cut off
//! gives `None`. Whether bytes are those that were written is for a checksum beside them to say.

use super::piece::{Dropped, GridNote, Piece, Split};
use super::quantise::Sheet;
use crate::music::{Chord, Key, ROLES, SCALES, StepNote};
use crate::time::Metre;

/// Fewest bytes of a sheet.
pub(super) const SHEET_BYTES: usize = 35;
const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

impl Piece {
    /// Adds the piece to `out`: about 11 bytes a note.
    pub fn write(&self, out: &mut Vec<u8>) {
        [&self.name, &self.corpus, &self.style, &self.work].iter().for_each(|text| put_text(out, text.as_bytes()));
        let roles = (0..4).fold(0, |bits, r| bits | u8::from(self.roles[r]) << r);
        out.extend_from_slice(&[self.split as u8, roles, flags([self.has_velocity, self.is_performed, false])]);
        out.extend_from_slice(&self.steps.to_le_bytes());
        out.extend_from_slice(&self.bpm.to_le_bytes());
        put_music(out, self.key.as_ref(), &self.metres, &self.chords, &self.notes);
    }

    /// The piece that [`Piece::write`] made these bytes of; `None` when they are anything else.
    pub fn read(bytes: &[u8]) -> Option<Piece> {
        let mut r = Reader(bytes);
        let [name, corpus, style, work] = [r.text()?, r.text()?, r.text()?, r.text()?];
        let [split, roles, flags] = r.array()?;
        let (steps, bpm) = (r.u32()?, f32::from_le_bytes(r.array()?));
        let Music { key, metres, chords, notes } = take_music(&mut r, steps)?;
        let split = *SPLITS.get(usize::from(split))?;
        let roles = std::array::from_fn(|role| roles >> role & 1 == 1);
        let [has_velocity, is_performed, _] = bits(flags);
        let is_whole = r.0.is_empty();
        is_whole.then_some(Piece {
            name,
            corpus,
            style,
            work,
            split,
            steps,
            metres,
            bpm,
            roles,
            has_velocity,
            is_performed,
            key,
            chords,
            notes,
        })
    }
}

/// Adds a sheet.
pub(super) fn put_sheet(out: &mut Vec<u8>, sheet: &Sheet) {
    out.extend_from_slice(&sheet.steps.to_le_bytes());
    out.extend_from_slice(&sheet.bpm.to_le_bytes());
    for count in [sheet.dropped.effects, sheet.dropped.outside_kit, sheet.dropped.doubled] {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.push(flags([sheet.has_velocity, sheet.is_performed, sheet.is_metre_assumed]));
    put_music(out, sheet.key.as_ref(), &sheet.metres, &sheet.chords, &sheet.notes);
}

/// The sheet that stands in front.
pub(super) fn take_sheet(r: &mut Reader) -> Option<Sheet> {
    let (steps, bpm) = (r.u32()?, f32::from_le_bytes(r.array()?));
    let dropped = Dropped { effects: r.u32()?, outside_kit: r.u32()?, doubled: r.u32()? };
    let [has_velocity, is_performed, is_metre_assumed] = bits(r.array::<1>()?[0]);
    let Music { key, metres, chords, notes } = take_music(r, steps)?;
    Some(Sheet { steps, metres, bpm, has_velocity, is_performed, key, chords, notes, dropped, is_metre_assumed })
}

/// Adds a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_count(out, text.len());
    out.extend_from_slice(text);
}

/// Adds the count of what follows.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn flags(bits: [bool; 3]) -> u8 {
    u8::from(bits[0]) | u8::from(bits[1]) << 1 | u8::from(bits[2]) << 2
}

fn bits(flags: u8) -> [bool; 3] {
    [1, 2, 4].map(|bit| flags & bit > 0)
}

/// What sheets and pieces have in common.
struct Music {
    key: Option<Key>,
    metres: Vec<(u32, Metre)>,
    chords: Vec<(u32, Option<Chord>)>,
    notes: Vec<GridNote>,
}

fn put_music(
    out: &mut Vec<u8>,
    key: Option<&Key>,
    metres: &[(u32, Metre)],
    chords: &[(u32, Option<Chord>)],
    notes: &[GridNote],
) {
    let scale = |key: &Key| SCALES.iter().position(|s| s == &key.scale).unwrap_or(0) as u8;
    out.extend_from_slice(&key.map_or([255, 0], |k| [k.tonic, scale(k)]));
    put_count(out, metres.len());
    for (step, metre) in metres {
        out.extend_from_slice(&step.to_le_bytes());
        out.extend_from_slice(&[metre.beats, metre.unit]);
    }
    put_count(out, chords.len());
    for (step, chord) in chords {
        out.extend_from_slice(&step.to_le_bytes());
        let chord = chord.map_or([255, 0, 0, 0], |c| [c.root, c.bass, c.mask as u8, (c.mask >> 8) as u8]);
        out.extend_from_slice(&chord);
    }
    put_count(out, notes.len());
    for GridNote { step, role, note } in notes {
        out.extend_from_slice(&step.to_le_bytes());
        out.extend_from_slice(&[role.index() as u8, note.pitch, note.velocity]);
        out.extend_from_slice(&note.duration_steps.to_le_bytes());
        out.extend_from_slice(&note.offset_ticks.to_le_bytes());
    }
}

fn take_music(r: &mut Reader, steps: u32) -> Option<Music> {
    let [tonic, scale] = r.array()?;
    let key = match tonic {
        0..=11 => Some(Key { tonic, scale: *SCALES.get(usize::from(scale))? }),
        _ => None,
    };
    let metres = r.list(6, |r| {
        let step = r.u32()?;
        let [beats, unit] = r.array()?;
        Some((step, Metre::new(beats, unit)?))
    })?;
    let chords = r.list(8, |r| {
        let step = r.u32()?;
        let [root, bass, low, high] = r.array()?;
        let chord =
            (root < 12 && bass < 12).then(|| Chord { root, bass, mask: u16::from_le_bytes([low, high]) & 0xFFF });
        Some((step, chord))
    })?;
    let notes = r.list(11, |r| {
        let step = r.u32()?;
        let [role, pitch, velocity] = r.array()?;
        let duration_steps = u16::from_le_bytes(r.array()?);
        let offset_ticks = i16::from_le_bytes(r.array()?).clamp(-120, 120);
        let note = StepNote { offset_ticks, ..StepNote::new(pitch, velocity, duration_steps) };
        (step < steps).then_some(())?;
        Some(GridNote { step, role: *ROLES.get(usize::from(role))?, note })
    })?;
    Some(Music { key, metres, chords, notes })
}

/// Bytes that are taken from the front; every read may fail.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    pub fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
    /// A list of items of at least `size` bytes: a count that the rest cannot hold is refused before memory is taken.
    pub fn list<T>(&mut self, size: usize, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        (count.checked_mul(size)? <= self.0.len()).then_some(())?;
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::Role;
    use proptest::prelude::*;

    fn piece() -> Piece {
        let note = StepNote { offset_ticks: -7, ..StepNote::new(60, 99, 5) };
        Piece {
            name: "suite#2".into(),
            corpus: "mine".into(),
            style: "größer".into(),
            work: "suite".into(),
            split: Split::Valid,
            steps: 32,
            metres: vec![(0, Metre::FOUR_FOUR), (16, Metre::new(7, 16).unwrap())],
            bpm: 93.5,
            roles: [false, false, true, false],
            has_velocity: false,
            is_performed: true,
            key: Key::parse("Bb minor"),
            chords: vec![(0, None), (16, Chord::parse("Dm7/G"))],
            notes: vec![GridNote { step: 3, role: Role::Chords, note }],
        }
    }

    fn bytes(piece: &Piece) -> Vec<u8> {
        let mut bytes = Vec::new();
        piece.write(&mut bytes);
        bytes
    }

    #[test]
    fn a_piece_comes_back_as_it_was() {
        for split in SPLITS {
            let piece = Piece { split, ..piece() };
            assert_eq!(Piece::read(&bytes(&piece)), Some(piece));
        }
        let bare = Piece { key: None, metres: Vec::new(), chords: Vec::new(), notes: Vec::new(), ..piece() };
        assert_eq!(Piece::read(&bytes(&bare)), Some(bare));
    }

    #[test]
    fn a_piece_that_is_cut_or_goes_on_is_none() {
        let good = bytes(&piece());
        assert!((0..good.len()).all(|at| Piece::read(&good[..at]).is_none()));
        assert_eq!(Piece::read(&[&good[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn wrong_bytes_never_panic(at in 0usize..200, with in any::<u8>()) {
            let mut bytes = bytes(&piece());
            let end = bytes.len();
            bytes[at.min(end - 1)] = with;
            let _ = Piece::read(&bytes);
        }
    }
}
