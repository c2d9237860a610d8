//! What a corpus is made of: pieces on the step grid.

use crate::music::{Chord, Key, Role, StepNote};
use crate::time::{BarMap, Metre, StepIndex};
use std::path::PathBuf;

/// A note of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridNote {
    /// Step in which it starts, from the beginning of the piece.
    pub step: u32,
    /// Who plays it.
    pub role: Role,
    /// The note.
    pub note: StepNote,
}

/// What a piece may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Models learn from it.
    Train,
    /// Choices are made by it.
    Valid,
    /// Reported figures come from it.
    Test,
}

/// One piece of music.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// File name without its ending; sections of one file have `#1`, `#2` behind it.
    pub name: String,
    /// Name of the corpus folder.
    pub corpus: String,
    /// Style word: one of `music::STYLES`, or a folder's name.
    pub style: String,
    /// Pieces of one work always share a split.
    pub work: String,
    /// What it may be used for.
    pub split: Split,
    /// Length in steps, a whole number of bars.
    pub steps: u32,
    /// Bar-line steps and the metres that hold from there, first at 0.
    pub metres: Vec<(u32, Metre)>,
    /// Tempo at the start, quarter notes a minute.
    pub bpm: f32,
    /// Which roles have notes.
    pub roles: [bool; 4],
    /// True when velocities differ, so that they can be learned from.
    pub has_velocity: bool,
    /// True when offsets are human timing and not notation.
    pub is_performed: bool,
    /// Key of the whole piece: an estimate, helped by the key signature. `None` for drums alone.
    pub key: Option<Key>,
    /// Change points: from the step on the chord holds; `None` = no chord. Empty for drums alone.
    pub chords: Vec<(u32, Option<Chord>)>,
    /// Sorted by (step, role, pitch), no duplicates.
    pub notes: Vec<GridNote>,
}

impl Piece {
    /// The bars of the piece.
    pub fn bar_map(&self) -> BarMap {
        let mut map = BarMap::new(self.metres.first().map_or(Metre::FOUR_FOUR, |m| m.1));
        for (step, metre) in self.metres.iter().skip(1) {
            map.set(StepIndex(u64::from(*step)), *metre);
        }
        map
    }

    /// Number of bars.
    pub fn bars(&self) -> u32 {
        match self.steps {
            0 => 0,
            steps => self.bar_map().place(StepIndex(u64::from(steps) - 1)).bar as u32 + 1,
        }
    }

    /// The chord at a step, as far as it is known.
    pub fn chord_at(&self, step: u32) -> Option<Chord> {
        let at = self.chords.partition_point(|c| c.0 <= step);
        at.checked_sub(1).and_then(|i| self.chords[i].1)
    }

    /// Notes that start in `from..to`.
    pub fn notes_between(&self, from: u32, to: u32) -> &[GridNote] {
        let start = self.notes.partition_point(|n| n.step < from);
        let end = self.notes.partition_point(|n| n.step < to);
        &self.notes[start..end.max(start)]
    }
}

/// Notes of used files that are in no piece, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Dropped {
    /// Notes of parts that are effects, timpani or other tuned percussion.
    pub effects: u32,
    /// Drum notes that belong to no row of the kit.
    pub outside_kit: u32,
    /// Notes that fell together with another of their role, pitch and step, or were too many for the step.
    pub doubled: u32,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// The pieces, by folder and file name.
    pub pieces: Vec<Piece>,
    /// Files that are not used, and why.
    pub left_out: Vec<(PathBuf, String)>,
    /// Notes of the pieces' files that are in no piece.
    pub dropped: Dropped,
    /// Used files that name no metre and were read as 4/4.
    pub without_metre: u64,
}

impl Corpus {
    /// Pieces of one split, with their indices.
    pub fn split(&self, split: Split) -> impl Iterator<Item = (usize, &Piece)> {
        self.pieces.iter().enumerate().filter(move |(_, p)| p.split == split)
    }
}

/// A stretch of a piece that begins on a bar line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Index into the pieces that were given.
    pub piece: usize,
    /// First step.
    pub start: u32,
    /// Number of steps, at least 1.
    pub steps: u32,
}

/// Cuts pieces into windows of at most `steps` steps that begin on bar lines: each begins at the last bar line within the one
/// before, so every step is in one window and no window is longer than asked for. Stretches without a note are skipped.
pub fn windows(pieces: &[Piece], steps: u32) -> Vec<Window> {
    let mut windows = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let map = piece.bar_map();
        let mut start = 0;
        while start < piece.steps {
            let reach = start.saturating_add(steps.max(1)).min(piece.steps);
            // The bar that `reach` falls into begins the next window, unless one bar is longer than a window.
            let line = map.place(StepIndex(u64::from(reach))).bar_start().0 as u32;
            let end = if reach < piece.steps && line > start { line } else { reach };
            if !piece.notes_between(start, end).is_empty() {
                windows.push(Window { piece: index, start, steps: end - start });
            }
            start = end;
        }
    }
    windows
}
