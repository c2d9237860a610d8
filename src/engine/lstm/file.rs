//! Model files: safetensors with a JSON card in the header, checked in full before anything uses them.
//!
//! A file is untrusted: wrong kind, wrong tables, missing or misshapen tensors, numbers that are none and cut-off files
//! each give one sentence, and no header can ask for more memory than the file has bytes.

use super::half;
use super::shape::{BAND, Shape};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Version of the layout that this build reads and writes.
pub const VERSION: u32 = 1;
/// Largest model file that is read: 2 x 1024 in f32 is below 70 MB.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
pub(in crate::engine) const KEY: &str = "ricercar";

/// What a model file says about itself; the JSON under the key `ricercar` of the header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Always `lstm`.
    pub kind: String,
    /// [`VERSION`].
    pub version: u32,
    /// Units of an LSTM layer.
    pub hidden: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Width of a feature row.
    pub embed: usize,
    /// Width of the decisions' hidden layer.
    pub decide: usize,
    /// Width of the details' hidden layer.
    pub detail: usize,
    /// Style names; the place in the list is the row.
    pub styles: Vec<String>,
    /// Fingerprint of the feature tables that the net was trained with.
    pub features: String,
    /// Corpora it was trained on.
    pub corpora: Vec<String>,
    /// Their licences and attributions, in the same order.
    pub licences: Vec<String>,
    /// How long it was trained.
    pub trained: Trained,
    /// Figures on held-out works, by name.
    pub quality: BTreeMap<String, f64>,
}

/// Amount of training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trained {
    /// Optimiser updates.
    pub updates: u64,
    /// Seconds of wall clock.
    pub seconds: f64,
}

/// What the running program's tables demand of a file.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Rows of the step features' table.
    pub features: usize,
    /// Rows of the decisions' context table.
    pub context: usize,
    /// Rows of the details' table.
    pub manner: usize,
    /// Fingerprint of all three.
    pub fingerprint: String,
}

/// A net's numbers, as read from a file or taken from training: f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The card.
    pub card: Card,
    /// Sizes.
    pub shape: Shape,
    tensors: BTreeMap<String, Vec<f32>>,
}

/// How numbers rest on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Two bytes a number: shipped weights.
    F16,
    /// Four bytes a number: checkpoints.
    F32,
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("the model file {0} cannot be used: {1}")]
    Io(String, std::io::Error),
    /// It is no sound model file of this kind.
    #[error("{0} is no model that this build can play: {1}")]
    Unfit(String, String),
}

impl Weights {
    /// Weights from tensors by name.
    ///
    /// # Errors
    /// A sentence when a tensor is missing, has another size or holds a number that is none.
    pub fn new(card: Card, shape: Shape, tensors: BTreeMap<String, Vec<f32>>) -> Result<Weights, String> {
        for (name, dims) in shape.tensors() {
            let values = tensors.get(&name).ok_or_else(|| format!("the tensor {name} is missing"))?;
            if values.len() != dims.iter().product::<usize>() {
                return Err(format!("the tensor {name} has {} numbers, not {dims:?}", values.len()));
            }
            if let Some(place) = values.iter().position(|x| !x.is_finite()) {
                return Err(format!("the tensor {name} holds {} at place {place}", values[place]));
            }
        }
        Ok(Weights { card, shape, tensors })
    }

    /// The numbers of a tensor of [`Shape::tensors`], row-major; empty for a name that is not in that list.
    pub fn get(&self, name: &str) -> &[f32] {
        self.tensors.get(name).map_or(&[], Vec::as_slice)
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`FileError`], whose sentence names the file and what is wrong with it.
    pub fn load(path: &Path, expected: &Expected) -> Result<Weights, FileError> {
        let bytes = read_bounded(path)?;
        Weights::parse(&bytes, expected).map_err(|why| FileError::Unfit(path.display().to_string(), why))
    }

    /// Reads and checks a model file in memory.
    ///
    /// # Errors
    /// A sentence without the file's name.
    pub fn parse(bytes: &[u8], expected: &Expected) -> Result<Weights, String> {
        let card: Card = read_card(bytes)?;
        if card.kind != "lstm" {
            return Err(format!("its kind is '{}', and an 'lstm' is needed", card.kind));
        }
        if card.version != VERSION {
            return Err(format!("its version is {}, this build reads {VERSION}", card.version));
        }
        if card.features != expected.fingerprint {
            return Err(format!(
                "it was trained with other feature tables ({}, here {}); train it again with this build",
                card.features, expected.fingerprint
            ));
        }
        let in_range = |x: usize, low: usize, high: usize| (low..=high).contains(&x);
        if !in_range(card.hidden, 1, 4096) || !in_range(card.layers, 1, 4) {
            return Err(format!("{} layers of {} units are out of range", card.layers, card.hidden));
        }
        if ![card.embed, card.decide, card.detail].iter().all(|&x| in_range(x, 1, 4096)) {
            return Err("the widths in its card are out of range".into());
        }
        let shape = Shape {
            features: expected.features,
            context: expected.context,
            manner: expected.manner,
            embed: card.embed,
            hidden: card.hidden,
            layers: card.layers,
            decide: card.decide,
            detail: card.detail,
            choosers: BAND,
            relative: 0,
        };
        let file = SafeTensors::deserialize(bytes).map_err(|e| format!("it is damaged ({e})"))?;
        let mut tensors = BTreeMap::new();
        for (name, dims) in shape.tensors() {
            let view = file.tensor(&name).map_err(|_| format!("the tensor {name} is missing"))?;
            if view.shape() != dims {
                return Err(format!("the tensor {name} has shape {:?}, not {dims:?}", view.shape()));
            }
            tensors.insert(name, to_f32(view.dtype(), view.data())?);
        }
        Weights::new(card, shape, tensors)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// A sentence when the numbers do not fit the precision or the header does not fit the format.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, String> {
        let card = serde_json::to_string(&self.card).map_err(|e| e.to_string())?;
        let mut views = Vec::new();
        for (name, dims) in self.shape.tensors() {
            let values = self.get(&name);
            if precision == Precision::F16 && values.iter().any(|x| x.abs() > 65504.0) {
                return Err(format!("the tensor {name} is too large for 16 bits: train again with more weight decay"));
            }
            views.push((name, View { dims, bytes: to_bytes(values, precision), precision }));
        }
        let info = HashMap::from([(KEY.to_owned(), card)]);
        safetensors::serialize(views, Some(info)).map_err(|e| e.to_string())
    }

    /// Writes the file beside its place and moves it there, so that a full disk leaves the old file whole.
    ///
    /// # Errors
    /// [`FileError`] with the file's name.
    pub fn save(&self, path: &Path, precision: Precision) -> Result<(), FileError> {
        let unfit = |why| FileError::Unfit(path.display().to_string(), why);
        let bytes = self.to_bytes(precision).map_err(unfit)?;
        write_whole(path, &bytes).map_err(|e| FileError::Io(path.display().to_string(), e))
    }
}

/// The bytes of a model file, unless it is too large to be one.
///
/// # Errors
/// [`FileError`] with the file's name.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>, FileError> {
    let io = |e| FileError::Io(path.display().to_string(), e);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > FILE_BYTES_MAX {
        let why = format!("it has {size} bytes, more than the {FILE_BYTES_MAX} that are read");
        return Err(FileError::Unfit(path.display().to_string(), why));
    }
    std::fs::read(path).map_err(io)
}

/// Writes `bytes` to a neighbour of `path`, flushes it to the disk, and renames it: the place holds the old file or the new one.
///
/// # Errors
/// Those of the file system; the neighbour is then removed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written =
        std::fs::File::create(&part).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| std::fs::rename(&part, path)).inspect_err(|_| {
        // Best effort: the error that is reported is the first one.
        let _ = std::fs::remove_file(&part);
    })
}

/// Reads only the card of a model file in memory.
///
/// # Errors
/// A sentence without the file's name.
pub fn read_card<C: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<C, String> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|e| format!("it is cut off or no safetensors file ({e})"))?;
    let text = header.metadata().as_ref().and_then(|m| m.get(KEY));
    let text = text.ok_or("its header has no card of ours")?;
    serde_json::from_str(text).map_err(|e| format!("its card cannot be read ({e})"))
}

pub(in crate::engine) fn to_f32(dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, String> {
    match dtype {
        Dtype::F32 => Ok(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Ok(data.as_chunks::<2>().0.iter().map(|b| half::to_f32(u16::from_le_bytes(*b))).collect()),
        other => Err(format!("its numbers are {other:?}, and only F16 and F32 are read")),
    }
}

pub(in crate::engine) fn to_bytes(values: &[f32], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Precision::F16 => values.iter().flat_map(|x| half::from_f32(*x).to_le_bytes()).collect(),
    }
}

pub(in crate::engine) struct View {
    pub(in crate::engine) dims: Vec<usize>,
    pub(in crate::engine) bytes: Vec<u8>,
    pub(in crate::engine) precision: Precision,
}

impl safetensors::View for View {
    fn dtype(&self) -> Dtype {
        if self.precision == Precision::F16 { Dtype::F16 } else { Dtype::F32 }
    }
    fn shape(&self) -> &[usize] {
        &self.dims
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    pub(crate) fn tiny() -> Weights {
        let shape = Shape { features: 5, context: 4, manner: 6, embed: 2, decide: 4, detail: 2, ..Shape::band(3, 2) };
        let mut x = 0.0f32;
        let mut next = || {
            x = (x + 0.37) % 1.9;
            x - 0.9
        };
        let fill = |(name, dims): (String, Vec<usize>)| (name, (0..dims.iter().product()).map(|_| next()).collect());
        let tensors = shape.tensors().into_iter().map(fill).collect();
        let card = Card {
            kind: "lstm".into(),
            version: VERSION,
            hidden: 3,
            layers: 2,
            embed: 2,
            decide: 4,
            detail: 2,
            styles: vec!["funk".into()],
            features: "abc".into(),
            ..Card::default()
        };
        Weights::new(card, shape, tensors).unwrap()
    }

    fn expected() -> Expected {
        Expected { features: 5, context: 4, manner: 6, fingerprint: "abc".into() }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let weights = tiny();
        let exact = Weights::parse(&weights.to_bytes(Precision::F32).unwrap(), &expected()).unwrap();
        assert_eq!(exact, weights);
        let half = Weights::parse(&weights.to_bytes(Precision::F16).unwrap(), &expected()).unwrap();
        for (name, _) in weights.shape.tensors() {
            for (a, b) in weights.get(&name).iter().zip(half.get(&name)) {
                assert!((a - b).abs() <= a.abs() * 0.0005, "{name} {a} {b}");
            }
        }
    }

    #[test]
    fn unfit_files_give_a_sentence() {
        let good = tiny().to_bytes(Precision::F32).unwrap();
        let fails = |bytes: &[u8], expected: &Expected, word: &str| {
            let said = Weights::parse(bytes, expected).unwrap_err();
            assert!(said.contains(word), "{said}");
        };
        fails(&good[..good.len() - 1], &expected(), "cut off");
        fails(&[], &expected(), "cut off");
        fails(b"MThd, not a model at all", &expected(), "cut off");
        fails(&good, &Expected { fingerprint: "xyz".into(), ..expected() }, "other feature tables");
        fails(&good, &Expected { features: 6, ..expected() }, "features.weight has shape");
        let mut wrong = tiny();
        wrong.card.version = 9;
        fails(&wrong.to_bytes(Precision::F32).unwrap(), &expected(), "version is 9");
        wrong.card = Card { hidden: usize::MAX, ..tiny().card };
        fails(&wrong.to_bytes(Precision::F32).unwrap(), &expected(), "out of range");
        let mut broken = good.clone();
        let end = broken.len();
        broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        fails(&broken, &expected(), "NaN");
        for cut in 0..good.len().min(600) {
            assert!(Weights::parse(&good[..cut], &expected()).is_err());
        }
    }
}
