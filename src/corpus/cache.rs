//! The cache: what was understood of each file, in one compact file per folder that was read.
//!
//! Layout: magic, version; then a record for each file in the order of paths: length and FNV-1a checksum of what follows, the file's
//! path, size and time of last change, and the sheets or the reason why there are none. All numbers little endian.
//!
//! A folder is walked in the same order, so records and files are merged like two sorted lists, and neither list of notes is ever in
//! memory as a whole. A record counts only when its checksum is right: from the first broken one on, the cache is as if it ended there.
//! It is written anew from the first difference on; what stands before it is copied.

use super::codec::{Reader, SHEET_BYTES, put_count, put_sheet, put_text, take_sheet};
use super::quantise::Sheet;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"RICERCA\0";
/// To be raised whenever reading, roles, quantising or harmony change.
const VERSION: u32 = 8;
/// Bytes of magic and version.
const HEAD_BYTES: usize = 12;
/// Bytes of a record's length and checksum.
const SEAL_BYTES: usize = 12;
/// Largest record: twice what the largest file that is read can come to.
const RECORD_BYTES: usize = 64 << 20;

/// What identifies one state of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A number for bytes (FNV-1a), to tell files and folders apart by.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// A cache file while its folder is read. Ask it for every file with [`Cache::take`] and tell it every file with [`Cache::put`], both
/// in the order of paths; then [`Cache::finish`].
pub struct Cache {
    path: PathBuf,
    old: Option<BufReader<File>>,
    /// Where the next record begins in the old file; `None` when there is none.
    at: Option<u64>,
    /// A record that is further on than the files are.
    ahead: Option<Record>,
    /// So many bytes at the start of the old file are those of the new one.
    kept: u64,
    new: Option<Half>,
    /// Writing failed: everything works without a cache, only slower, and a full or read-only disk must not stop a training.
    is_lost: bool,
}

/// One record of a cache file, its checksum right.
pub struct Record {
    stamp: Stamp,
    start: u64,
    /// With length and checksum.
    bytes: Vec<u8>,
    /// Where the outcome begins among the bytes.
    outcome: usize,
}

impl Record {
    /// What was understood of the file; `None` when this program cannot have written it.
    pub fn outcome(&self) -> Option<Outcome> {
        let mut r = Reader(&self.bytes[self.outcome..]);
        let outcome = match r.array::<1>()?[0] {
            1 => Ok(r.list(SHEET_BYTES, take_sheet)?),
            _ => Err(r.text()?),
        };
        r.0.is_empty().then_some(outcome)
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Cache {
    /// Opens a cache file; one that is missing or of another version is empty.
    pub fn open(path: &Path) -> Cache {
        let old = std::fs::metadata(path).is_ok_and(|m| m.is_file()).then(|| File::open(path).ok()).flatten();
        let mut old = old.map(BufReader::new);
        let mut found = [0; HEAD_BYTES];
        let is_known = old.as_mut().is_some_and(|old| old.read_exact(&mut found).is_ok()) && found == head();
        let at = is_known.then_some(HEAD_BYTES as u64);
        Cache { path: path.into(), old, at, ahead: None, kept: at.unwrap_or(0), new: None, is_lost: false }
    }

    /// The record of a file in this very state.
    pub fn take(&mut self, stamp: &Stamp) -> Option<Record> {
        loop {
            let record = self.ahead.take().or_else(|| self.next())?;
            match record.stamp.path.cmp(&stamp.path) {
                // A file that is gone.
                Ordering::Less => {}
                Ordering::Equal => return (record.stamp == *stamp).then_some(record),
                Ordering::Greater => {
                    self.ahead = Some(record);
                    return None;
                }
            }
        }
    }

    /// Keeps what is known of a file: its record where there is one, else the outcome.
    pub fn put(&mut self, stamp: &Stamp, record: Option<&Record>, outcome: &Outcome) {
        if let Some(record) = record.filter(|r| self.new.is_none() && r.start == self.kept) {
            self.kept = record.end();
        } else if !self.is_lost {
            let fresh = record.is_none().then(|| encode(stamp, outcome)).flatten();
            let bytes = record.map(|r| &r.bytes).or(fresh.as_ref());
            self.is_lost = bytes.is_some_and(|bytes| self.begun().and_then(|new| new.write_all(bytes)).is_err());
        }
    }

    /// Puts the new file in the old one's place if it differs.
    pub fn finish(mut self) {
        let length = std::fs::metadata(&self.path).map_or(0, |m| m.len());
        if !self.is_lost && (self.new.is_some() || self.kept != length) && self.begun().is_ok() {
            // What cannot be put in place is of no use, and goes with its `Half`.
            let _ = self.new.take().map(|new| new.put_at(&self.path));
        }
    }

    /// The next record; none any more after one that is broken.
    fn next(&mut self) -> Option<Record> {
        let start = self.at.take()?;
        let record = take_record(self.old.as_mut()?, start)?;
        self.at = Some(record.end());
        Some(record)
    }

    /// The new file, begun with what is kept of the old one.
    fn begun(&mut self) -> std::io::Result<&mut BufWriter<File>> {
        if self.new.is_none() {
            let mut new = Half::create(&self.path)?;
            match self.old.as_mut().filter(|_| self.kept > 0) {
                Some(old) => {
                    old.seek(SeekFrom::Start(0))?;
                    std::io::copy(&mut old.take(self.kept), &mut new.file)?;
                    old.seek(SeekFrom::Start(self.at.unwrap_or(0)))?;
                }
                None => new.file.write_all(&head())?,
            }
            self.new = Some(new);
        }
        self.new.as_mut().map(|new| &mut new.file).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

/// A cache file that is not in its place yet, so that no reader sees half of it; gone when it never gets there.
struct Half {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Half {
    fn create(whole: &Path) -> std::io::Result<Half> {
        if let Some(folder) = whole.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Two may be at it in one process.
        let thread = format!("{:?}", std::thread::current().id());
        let path = whole.with_extension(format!("{}-{:x}.tmp", std::process::id(), fnv(thread.as_bytes()) as u32));
        Ok(Half { file: BufWriter::new(File::create(&path)?), path })
    }

    fn put_at(mut self, whole: &Path) -> std::io::Result<()> {
        self.file.flush()?;
        std::fs::rename(&self.path, whole)
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // It is not there any more when it came to its place; that it may stay otherwise is the lesser evil.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn head() -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&VERSION.to_le_bytes());
    head
}

/// A file's record; `None` for what could not be read back: a path that is no text, more than [`RECORD_BYTES`].
fn encode(stamp: &Stamp, outcome: &Outcome) -> Option<Vec<u8>> {
    let mut bytes = vec![0; SEAL_BYTES];
    put_text(&mut bytes, stamp.path.to_str()?.as_bytes());
    bytes.extend_from_slice(&stamp.size.to_le_bytes());
    bytes.extend_from_slice(&stamp.changed.to_le_bytes());
    match outcome {
        Ok(sheets) => {
            bytes.push(1);
            put_count(&mut bytes, sheets.len());
            sheets.iter().for_each(|sheet| put_sheet(&mut bytes, sheet));
        }
        Err(reason) => {
            bytes.push(0);
            put_text(&mut bytes, reason.as_bytes());
        }
    }
    let length = bytes.len() - SEAL_BYTES;
    let sum = fnv(&bytes[SEAL_BYTES..]);
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[4..SEAL_BYTES].copy_from_slice(&sum.to_le_bytes());
    (length <= RECORD_BYTES).then_some(bytes)
}

/// Reads the record that begins at `start`, where the file stands.
fn take_record(file: &mut impl Read, start: u64) -> Option<Record> {
    let mut bytes = vec![0; SEAL_BYTES];
    file.read_exact(&mut bytes).ok()?;
    let mut seal = Reader(&bytes);
    let (length, sum) = (seal.u32()? as usize, seal.u64()?);
    (length <= RECORD_BYTES).then_some(())?;
    // Memory is taken as bytes come, not as the length says.
    file.take(length as u64).read_to_end(&mut bytes).ok()?;
    (bytes.len() == SEAL_BYTES + length && fnv(&bytes[SEAL_BYTES..]) == sum).then_some(())?;
    let mut r = Reader(&bytes[SEAL_BYTES..]);
    let path = PathBuf::from(r.text()?);
    let stamp = Stamp { path, size: r.u64()?, changed: r.u64()? };
    let outcome = bytes.len() - r.0.len();
    Some(Record { stamp, start, bytes, outcome })
}

#[cfg(test)]
mod test;
