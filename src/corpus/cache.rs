//! The cache: what was understood of each file, in one compact file per folder that was read.
//!
//! Layout: magic, version, FNV-1a checksum of the rest, number of entries; then per entry the file's path, size and time of last
//! change, and the sheets or the reason why there are none. All numbers little endian. A cache that is broken in any way is as if it
//! were not there.

use super::piece::{Dropped, GridNote};
use super::quantise::Sheet;
use crate::music::{Chord, Key, ROLES, SCALES, StepNote};
use crate::time::Metre;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"RICERCA\0";
/// To be raised whenever reading, roles, quantising or harmony change.
const VERSION: u32 = 7;
/// Largest cache file that is read.
const CACHE_BYTES: u64 = 1 << 30;

/// What identifies one state of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Path from the corpus folder on.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Time of last change in nanoseconds since 1970.
    pub changed: u64,
}

/// The sheets of a file, or why there are none.
pub type Outcome = Result<Vec<Sheet>, String>;

/// The folder of the cache: `RICERCAR_CACHE`, else `XDG_CACHE_HOME/ricercar`, else `~/.cache/ricercar`; `None` when no variable is set.
pub fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("RICERCAR_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("ricercar")))
        .or_else(|| variable("HOME").map(|d| d.join(".cache").join("ricercar")))
}

/// The cache file for a corpus folder.
pub fn file_for(cache: &Path, corpus: &Path) -> PathBuf {
    let whole = std::fs::canonicalize(corpus).unwrap_or_else(|_| corpus.to_path_buf());
    cache.join(format!("corpus-{:016x}.bin", fnv(whole.as_os_str().as_encoded_bytes())))
}

/// Reads a cache file; anything wrong with it gives an empty cache.
pub fn read(path: &Path) -> BTreeMap<Stamp, Outcome> {
    let is_sane = std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= CACHE_BYTES);
    let bytes = if is_sane { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
    decode(&bytes).unwrap_or_default()
}

/// Writes a cache file beside its place and moves it there, so that no reader sees half of it.
///
/// # Errors
/// Those of the file system; the caller can go on without a cache.
pub fn write(path: &Path, entries: &[(Stamp, Outcome)]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let half = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&half, encode(entries))?;
    std::fs::rename(&half, path).inspect_err(|_| {
        // The rename failed, so the temporary file is of no use; that it may stay is the lesser evil.
        let _ = std::fs::remove_file(&half);
    })
}

/// A number for bytes (FNV-1a), to tell files and folders apart by.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

fn encode(entries: &[(Stamp, Outcome)]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for (stamp, outcome) in entries {
        put_text(&mut body, stamp.path.as_os_str().as_encoded_bytes());
        body.extend_from_slice(&stamp.size.to_le_bytes());
        body.extend_from_slice(&stamp.changed.to_le_bytes());
        match outcome {
            Ok(sheets) => {
                body.push(1);
                body.extend_from_slice(&(sheets.len() as u32).to_le_bytes());
                sheets.iter().for_each(|sheet| put_sheet(&mut body, sheet));
            }
            Err(reason) => {
                body.push(0);
                put_text(&mut body, reason.as_bytes());
            }
        }
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&fnv(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

fn put_sheet(out: &mut Vec<u8>, sheet: &Sheet) {
    out.extend_from_slice(&sheet.steps.to_le_bytes());
    out.extend_from_slice(&sheet.bpm.to_le_bytes());
    for count in [sheet.dropped.effects, sheet.dropped.outside_kit, sheet.dropped.doubled] {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.push(u8::from(sheet.has_velocity) | u8::from(sheet.is_performed) << 1 | u8::from(sheet.is_metre_assumed) << 2);
    let scale = |key: &Key| SCALES.iter().position(|s| s == &key.scale).unwrap_or(0) as u8;
    out.extend_from_slice(&sheet.key.as_ref().map_or([255, 0], |k| [k.tonic, scale(k)]));
    out.extend_from_slice(&(sheet.metres.len() as u32).to_le_bytes());
    for (step, metre) in &sheet.metres {
        out.extend_from_slice(&step.to_le_bytes());
        out.extend_from_slice(&[metre.beats, metre.unit]);
    }
    out.extend_from_slice(&(sheet.chords.len() as u32).to_le_bytes());
    for (step, chord) in &sheet.chords {
        out.extend_from_slice(&step.to_le_bytes());
        let chord = chord.map_or([255, 0, 0, 0], |c| [c.root, c.bass, c.mask as u8, (c.mask >> 8) as u8]);
        out.extend_from_slice(&chord);
    }
    out.extend_from_slice(&(sheet.notes.len() as u32).to_le_bytes());
    for GridNote { step, role, note } in &sheet.notes {
        out.extend_from_slice(&step.to_le_bytes());
        out.extend_from_slice(&[role.index() as u8, note.pitch, note.velocity]);
        out.extend_from_slice(&note.duration_steps.to_le_bytes());
        out.extend_from_slice(&note.offset_ticks.to_le_bytes());
    }
}

/// Bytes that are taken from the front; every read may fail.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
    /// A list of items of at least `size` bytes: a count that the rest cannot hold is refused before memory is taken.
    fn list<T>(&mut self, size: usize, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        (count.checked_mul(size)? <= self.0.len()).then_some(())?;
        (0..count).map(|_| item(self)).collect()
    }
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<Stamp, Outcome>> {
    let mut reader = Reader(bytes);
    (reader.take(8)? == MAGIC && reader.u32()? == VERSION && reader.u64()? == fnv(reader.0)).then_some(())?;
    let entries = reader.list(25, |r| {
        let path = PathBuf::from(r.text()?);
        let stamp = Stamp { path, size: r.u64()?, changed: r.u64()? };
        let outcome = match r.array::<1>()?[0] {
            1 => Ok(r.list(35, take_sheet)?),
            _ => Err(r.text()?),
        };
        Some((stamp, outcome))
    })?;
    reader.0.is_empty().then(|| entries.into_iter().collect())
}

fn take_sheet(r: &mut Reader) -> Option<Sheet> {
    let steps = r.u32()?;
    let bpm = f32::from_le_bytes(r.array()?);
    let dropped = Dropped { effects: r.u32()?, outside_kit: r.u32()?, doubled: r.u32()? };
    let [flags, tonic, scale] = r.array()?;
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
    let [has_velocity, is_performed, is_metre_assumed] = [1, 2, 4].map(|bit| flags & bit > 0);
    Some(Sheet { steps, metres, bpm, has_velocity, is_performed, key, chords, notes, dropped, is_metre_assumed })
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::Role;
    use proptest::prelude::*;

    fn entries() -> Vec<(Stamp, Outcome)> {
        let note = StepNote { offset_ticks: -7, ..StepNote::new(60, 99, 5) };
        let sheet = Sheet {
            steps: 32,
            bpm: 93.5,
            metres: vec![(0, Metre::FOUR_FOUR), (16, Metre::new(7, 16).unwrap())],
            has_velocity: true,
            is_performed: false,
            key: Key::parse("Bb minor"),
            chords: vec![(0, None), (16, Chord::parse("Dm7/G"))],
            notes: vec![GridNote { step: 3, role: Role::Chords, note }],
            dropped: Dropped { effects: 1, outside_kit: 2, doubled: 3 },
            is_metre_assumed: true,
        };
        let stamp = |name: &str| Stamp { path: name.into(), size: 12, changed: u64::MAX };
        vec![(stamp("a.mid"), Ok(vec![sheet.clone(), Sheet::default()])), (stamp("b.mid"), Err("no notes".into()))]
    }

    #[test]
    fn what_is_stored_comes_back() {
        let back = decode(&encode(&entries())).unwrap();
        assert_eq!(back.into_iter().collect::<Vec<_>>(), entries());
    }

    #[test]
    fn a_broken_cache_is_no_cache() {
        let good = encode(&entries());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(decode(&bad), None, "byte {at}");
            assert_eq!(decode(&good[..at]), None, "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn a_body_with_a_right_checksum_and_wrong_content_never_panics(
            at in 20usize..200, with in any::<u8>(), length in 0usize..200
        ) {
            let mut bytes = encode(&entries());
            let end = bytes.len();
            bytes[at.min(end - 1)] = with;
            bytes.truncate(length.max(20));
            let sum = fnv(&bytes[20..]).to_le_bytes();
            bytes[12..20].copy_from_slice(&sum);
            let _ = decode(&bytes);
        }
    }
}
