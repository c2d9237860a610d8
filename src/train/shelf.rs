//! The shelf: the pieces of a training on disk, with a small index in memory.
//!
//! Invariants
//! - Memory is a few dozen bytes a piece, whatever its length: notes are in memory only for the pieces that a batch is made of.
//! - Pieces keep the order in which they were put up, and their numbers; a piece comes back as it was.
//! - The file has no name from the moment on at which it is open: it is gone when the process is, however that ends.

use super::report::TrainError;
use crate::corpus::{Corpus, Piece, Split};
use crate::music::Chance;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What is known of a piece without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where its bytes begin; they end where the next one's begin.
    start: u64,
    /// Which work it is of: two pieces of one work have the same number, whatever the case of its name's letters.
    pub work: u64,
    /// How many notes it has.
    pub notes: u32,
    /// How many steps.
    pub steps: u32,
    /// Which of [`Shelf::styles`], by order of appearance.
    pub style: u32,
    /// What it may be used for.
    pub split: Split,
    /// Which roles have notes, by `Role::index`.
    pub roles: [bool; 4],
}

/// Pieces that have notes, by number from 0 on.
pub struct Shelf {
    path: PathBuf,
    file: File,
    end: u64,
    slots: Vec<Slot>,
    /// Style words with their numbers.
    styles: BTreeMap<String, u32>,
    corpora: BTreeSet<String>,
    first_corpus: String,
    seen: usize,
    bytes: Vec<u8>,
}

impl Shelf {
    /// An empty shelf in a folder: one on a disk, not in a memory that looks like one.
    ///
    /// # Errors
    /// A sentence when nothing can be written there.
    pub fn new(folder: &Path) -> Result<Shelf, TrainError> {
        let path = folder.join("pieces.part");
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        let file = file.map_err(|e| TrainError::Write(format!("{} cannot be written: {e}", path.display())))?;
        // Where an open file keeps its name all the same, the next run in the folder writes over it.
        let _ = std::fs::remove_file(&path);
        Ok(Shelf {
            path,
            file,
            end: 0,
            slots: Vec::new(),
            styles: BTreeMap::new(),
            corpora: BTreeSet::new(),
            first_corpus: String::new(),
            seen: 0,
            bytes: Vec::new(),
        })
    }

    /// A shelf with the pieces of a corpus.
    ///
    /// # Errors
    /// Those of [`Shelf::new`] and [`Shelf::put`].
    pub fn of(corpus: &Corpus, folder: &Path) -> Result<Shelf, TrainError> {
        let mut shelf = Shelf::new(folder)?;
        corpus.pieces.iter().try_for_each(|piece| shelf.put(piece))?;
        Ok(shelf)
    }

    /// Puts a piece up. One without notes leaves its style and corpus only.
    ///
    /// # Errors
    /// A sentence when the disk is full.
    pub fn put(&mut self, piece: &Piece) -> Result<(), TrainError> {
        if self.seen == 0 {
            self.first_corpus.clone_from(&piece.corpus);
        }
        self.seen += 1;
        if !self.corpora.contains(&piece.corpus) {
            self.corpora.insert(piece.corpus.clone());
        }
        let style = self.style_number(&piece.style);
        if piece.notes.is_empty() || piece.steps == 0 {
            return Ok(());
        }
        self.bytes.clear();
        piece.write(&mut self.bytes);
        self.file.write_all(&self.bytes).map_err(|e| {
            let path = self.path.display();
            TrainError::Write(format!(
                "pieces cannot be put aside in {path}: {e}; make room on the disk or give another --out"
            ))
        })?;
        self.slots.push(Slot {
            start: self.end,
            work: Chance::name(&piece.work.to_lowercase()),
            notes: piece.notes.len() as u32,
            steps: piece.steps,
            style,
            split: piece.split,
            roles: piece.roles,
        });
        self.end += self.bytes.len() as u64;
        Ok(())
    }

    /// Reads a piece back.
    ///
    /// # Errors
    /// A sentence when the disk does not give back what was written, and for a number that no piece has.
    pub fn piece(&mut self, number: u32) -> Result<Piece, TrainError> {
        let lost = |why: String| TrainError::Data(format!("the pieces that were put aside cannot be read back: {why}"));
        let at = number as usize;
        let start = self.slots.get(at).ok_or_else(|| lost(format!("there is no piece {number}")))?.start;
        let end = self.slots.get(at + 1).map_or(self.end, |next| next.start);
        self.bytes.resize((end - start) as usize, 0);
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(&mut self.bytes));
        read.map_err(|e| lost(e.to_string()))?;
        Piece::read(&self.bytes).ok_or_else(|| lost("they are damaged".into()))
    }

    /// What is known of the pieces, by number.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Numbers of the pieces of one split.
    pub fn split(&self, split: Split) -> Vec<u32> {
        let of = |(number, slot): (usize, &Slot)| (slot.split == split).then_some(number as u32);
        self.slots.iter().enumerate().filter_map(of).collect()
    }

    /// Pieces that came by, those without notes included.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Style words of all pieces that came by, in order.
    pub fn styles(&self) -> impl Iterator<Item = &str> {
        self.styles.keys().map(String::as_str)
    }

    /// Corpora of all pieces that came by, in order.
    pub fn corpora(&self) -> impl Iterator<Item = &str> {
        self.corpora.iter().map(String::as_str)
    }

    /// Corpus of the first piece; empty when none came by.
    pub fn first_corpus(&self) -> &str {
        &self.first_corpus
    }

    /// Bytes of memory that grow with the number of pieces.
    pub fn resident_bytes(&self) -> usize {
        let words = self.styles.keys().chain(&self.corpora).map(|word| word.len() + size_of::<(String, u32)>());
        self.slots.capacity() * size_of::<Slot>() + words.sum::<usize>()
    }

    fn style_number(&mut self, style: &str) -> u32 {
        if let Some(number) = self.styles.get(style) {
            return *number;
        }
        let number = self.styles.len() as u32;
        self.styles.insert(style.into(), number);
        number
    }
}

#[cfg(test)]
mod test;
