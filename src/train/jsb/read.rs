//! Reading a benchmark's file: JSON with the lists `train`, `valid` and `test`; each holds pieces, each piece steps.

use super::steps::Step;
use crate::limits::{BENCHMARK_BYTES, BENCHMARK_PIECES, BENCHMARK_STEPS};
use crate::train::report::TrainError;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;
use std::path::Path;

/// The pieces of one file, split as its makers did. No split and no piece is empty.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "S: Step")]
pub struct Splits<S> {
    /// What is counted or learned from.
    #[serde(deserialize_with = "pieces")]
    pub train: Vec<Vec<S>>,
    /// What choices are made by.
    #[serde(deserialize_with = "pieces")]
    pub valid: Vec<Vec<S>>,
    /// What is reported.
    #[serde(deserialize_with = "pieces")]
    pub test: Vec<Vec<S>>,
}

impl<S> Splits<S> {
    /// The splits with their names.
    pub fn named(&self) -> [(&'static str, &[Vec<S>]); 3] {
        [("train", &self.train), ("valid", &self.valid), ("test", &self.test)]
    }
}

/// The bytes of a file, up to `limits::BENCHMARK_BYTES`.
///
/// # Errors
/// One sentence: it cannot be read, or is too large.
pub fn bytes(path: &Path) -> Result<Vec<u8>, TrainError> {
    let failed = |e: std::io::Error| TrainError::Data(format!("{} cannot be read: {e}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    // One byte more than is allowed tells a file that is too large, whatever size it claims to have.
    file.take(BENCHMARK_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BENCHMARK_BYTES {
        return Err(TrainError::Data(format!(
            "{} is larger than {} MiB, which no benchmark's file is",
            path.display(),
            BENCHMARK_BYTES >> 20
        )));
    }
    Ok(bytes)
}

/// The pieces in a file's bytes; `path` is for the error only.
///
/// # Errors
/// One sentence that names the place.
pub fn splits<S: Step>(path: &Path, bytes: &[u8]) -> Result<Splits<S>, TrainError> {
    serde_json::from_slice(bytes)
        .map_err(|e| TrainError::Data(format!("{} is not a benchmark's file, or is broken: {e}", path.display())))
}

fn pieces<'de, S: Step, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<S>>, D::Error> {
    let steps = List { of: "steps", most: BENCHMARK_STEPS, item: PhantomData::<S> };
    List { of: "pieces", most: BENCHMARK_PIECES, item: steps }.deserialize(from)
}

/// A list of at least one and at most so many items.
#[derive(Clone, Copy)]
struct List<T> {
    of: &'static str,
    most: usize,
    item: T,
}

impl<'de, T: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for List<T> {
    type Value = Vec<T::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeSeed<'de> + Copy> Visitor<'de> for List<T> {
    type Value = Vec<T::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.of)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(self.item)? {
            if items.len() == self.most {
                return Err(A::Error::custom(format!("a list of more than {} {}", self.most, self.of)));
            }
            items.push(item);
        }
        if items.is_empty() {
            return Err(A::Error::custom(format!("a list without {}", self.of)));
        }
        Ok(items)
    }
}
