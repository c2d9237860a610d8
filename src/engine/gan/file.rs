//! GAN model files: generator and critic of one family or both, in one safetensors file with a JSON card in its header.
//!
//! A file is untrusted: what does not fit gives one sentence, as with the LSTM's files.

use super::decode::Manner;
use super::planes;
use super::shape::{CONDITIONS, FAMILIES, Family, Half, Shape};
use crate::engine::lstm::file::{
    FileError, KEY, Precision, View, read_bounded, read_card, to_bytes, to_f32, write_whole,
};
use crate::music::{Chance, LATENT, Projection, Purpose, Role, STYLES};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Version of the layout that this build reads and writes.
pub const VERSION: u32 = 1;

/// What a model file says about itself; the JSON under the key `ricercar` of the header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Always `gan`.
    pub kind: String,
    /// [`VERSION`].
    pub version: u32,
    /// Families that are in the file, by [`Family::name`].
    pub families: Vec<String>,
    /// Channels of a slot.
    pub channels: usize,
    /// Width inside a block's channel mixing.
    pub expand: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Style names; the place in the list is the row.
    pub styles: Vec<String>,
    /// Fingerprint of the planes and inputs that the nets were trained with.
    pub planes: String,
    /// Slope of the generators' sigmoids at the end of training.
    pub slope: f32,
    /// For each role how its planes are read, fitted to the train and valid splits.
    pub reading: BTreeMap<String, Manner>,
    /// Axes of the latent map: the directions in which bars change most.
    pub map: Vec<Vec<f32>>,
    /// Corpora it was trained on.
    pub corpora: Vec<String>,
    /// Their licences and attributions, in the same order.
    pub licences: Vec<String>,
    /// Updates and seconds of each family.
    pub trained: BTreeMap<String, Trained>,
    /// Figures on held-out works, by name.
    pub quality: BTreeMap<String, f64>,
}

/// Amount of training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trained {
    /// Updates of both nets.
    pub updates: u64,
    /// Seconds of wall clock.
    pub seconds: f64,
}

impl Card {
    /// The families in the file.
    pub fn families(&self) -> Vec<Family> {
        FAMILIES.into_iter().filter(|f| self.families.iter().any(|name| name == f.name())).collect()
    }
    /// Sizes of a family's nets.
    pub fn shape(&self, family: Family) -> Shape {
        Shape { family, channels: self.channels, expand: self.expand, blocks: self.blocks }
    }
    /// How a role's planes are read; the plain way where the file says nothing sensible.
    pub fn reading(&self, role: Role) -> Manner {
        self.reading.get(role.name()).copied().filter(Manner::is_sound).unwrap_or_default()
    }
    /// The latent map; the fixed one when the file has none that fits.
    pub fn projection(&self) -> Projection {
        let axis = |i: usize| <[f32; LATENT]>::try_from(self.map.get(i)?.as_slice()).ok();
        match (axis(0), axis(1)) {
            (Some(x), Some(y)) => Projection { x, y },
            _ => Projection::default(),
        }
    }
    /// Name and dimensions of every tensor.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let halves =
            |f: Family| [Half::Generator, Half::Critic].into_iter().flat_map(move |half| self.shape(f).tensors(half));
        self.families().into_iter().flat_map(halves).collect()
    }
}

/// The nets' numbers, as read from a file or taken from training: f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The card.
    pub card: Card,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl Weights {
    /// Weights from tensors by name.
    ///
    /// # Errors
    /// A sentence when a tensor is missing, has another size or holds a number that is none.
    pub fn new(card: Card, tensors: BTreeMap<String, Vec<f32>>) -> Result<Weights, String> {
        for (name, dims) in card.tensors() {
            let values = tensors.get(&name).ok_or_else(|| format!("the tensor {name} is missing"))?;
            if values.len() != dims.iter().product::<usize>() {
                return Err(format!("the tensor {name} has {} numbers, not {dims:?}", values.len()));
            }
            if let Some(place) = values.iter().position(|x| !x.is_finite()) {
                return Err(format!("the tensor {name} holds {} at place {place}", values[place]));
            }
        }
        Ok(Weights { card, tensors })
    }

    /// The same with other numbers in some tensors.
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn with(self, tensors: BTreeMap<String, Vec<f32>>) -> Result<Weights, String> {
        let mut all = self.tensors;
        all.extend(tensors);
        Weights::new(self.card, all)
    }

    /// The numbers of a tensor, row-major; empty for a name that is not there.
    pub fn get(&self, name: &str) -> &[f32] {
        self.tensors.get(name).map_or(&[], Vec::as_slice)
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`FileError`], whose sentence names the file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Weights, FileError> {
        let bytes = read_bounded(path)?;
        Weights::parse(&bytes).map_err(|why| FileError::Unfit(path.display().to_string(), why))
    }

    /// Reads and checks a model file in memory.
    ///
    /// # Errors
    /// A sentence without the file's name.
    pub fn parse(bytes: &[u8]) -> Result<Weights, String> {
        let card: Card = read_card(bytes)?;
        if card.kind != "gan" {
            return Err(format!("its kind is '{}', and a 'gan' is needed", card.kind));
        }
        if card.version != VERSION {
            return Err(format!("its version is {}, this build reads {VERSION}", card.version));
        }
        if card.planes != fingerprint() {
            return Err(format!(
                "it was trained with other planes ({}, here {}); train it again with this build",
                card.planes,
                fingerprint()
            ));
        }
        let sizes = [card.channels, card.expand].iter().all(|x| (1..=2048).contains(x));
        if !sizes || !(1..=8).contains(&card.blocks) || !(0.1..=100.0).contains(&card.slope) {
            return Err("the sizes in its card are out of range".into());
        }
        if card.families().is_empty() {
            return Err("it holds neither drums nor pitches".into());
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| format!("it is damaged ({e})"))?;
        let mut tensors = BTreeMap::new();
        for (name, dims) in card.tensors() {
            let view = file.tensor(&name).map_err(|_| format!("the tensor {name} is missing"))?;
            if view.shape() != dims {
                return Err(format!("the tensor {name} has shape {:?}, not {dims:?}", view.shape()));
            }
            tensors.insert(name, to_f32(view.dtype(), view.data())?);
        }
        Weights::new(card, tensors)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// A sentence when the numbers do not fit the precision or the header does not fit the format.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, String> {
        let card = serde_json::to_string(&self.card).map_err(|e| e.to_string())?;
        let view = |(name, dims): (String, Vec<usize>)| {
            let bytes = to_bytes(self.get(&name), precision);
            (name, View { dims, bytes, precision })
        };
        let views: Vec<_> = self.card.tensors().into_iter().map(view).collect();
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), card)]))).map_err(|e| e.to_string())
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`FileError`] with the file's name.
    pub fn save(&self, path: &Path, precision: Precision) -> Result<(), FileError> {
        let unfit = |why| FileError::Unfit(path.display().to_string(), why);
        let bytes = self.to_bytes(precision).map_err(unfit)?;
        write_whole(path, &bytes).map_err(|e| FileError::Io(path.display().to_string(), e))
    }
}

/// True for the bytes of a GAN's model file, sound or not.
pub fn is_gan(bytes: &[u8]) -> bool {
    read_card::<Card>(bytes).is_ok_and(|card| card.kind == "gan")
}

/// A number that changes whenever planes, inputs or conditions change: 16 hexadecimal digits.
pub fn fingerprint() -> String {
    let mut text = format!("{CONDITIONS} {LATENT} {} ", planes::LAYOUT);
    for family in FAMILIES {
        text.push_str(&format!("{} {} {} ", family.slots(), family.planes(), family.step_inputs()));
    }
    format!("{:016x}", Chance::name(&text))
}

/// Nets of both families with weights at random, the same for the same seed: for tests and measurements while, or where,
/// no trained model is at hand.
pub fn random(channels: usize, seed: u64) -> Weights {
    let card = Card {
        kind: "gan".into(),
        version: VERSION,
        families: FAMILIES.iter().map(|f| f.name().to_string()).collect(),
        channels,
        expand: 2 * channels,
        blocks: 2,
        styles: STYLES.iter().map(|s| s.name.to_owned()).collect(),
        planes: fingerprint(),
        slope: 4.0,
        ..Card::default()
    };
    let tensors = card.tensors().into_iter().zip(0u64..).map(|((name, dims), at)| {
        let bound = 1.0 / (*dims.last().unwrap_or(&1) as f32).sqrt();
        let chance = Chance::new(seed).fold(at);
        let value = |i| (chance.unit(Purpose::Train, i, 0) * 2.0 - 1.0) * bound;
        (name, (0..dims.iter().product::<usize>() as u64).map(value).collect())
    });
    Weights { tensors: tensors.collect(), card }
}

#[cfg(test)]
mod test {
    use super::*;

    /// Small nets whose numbers are drawn.
    pub(crate) fn tiny(families: &[Family]) -> Weights {
        let card = Card {
            kind: "gan".into(),
            version: VERSION,
            families: families.iter().map(|f| f.name().to_string()).collect(),
            channels: 8,
            expand: 12,
            blocks: 2,
            styles: vec!["funk".into()],
            planes: fingerprint(),
            slope: 4.0,
            ..Card::default()
        };
        let mut x = 0.0f32;
        let mut next = |_| {
            x = (x + 0.37) % 1.9;
            (x - 0.95) * 0.4
        };
        let fill = |(name, dims): (String, Vec<usize>)| (name, (0..dims.iter().product()).map(&mut next).collect());
        let tensors = card.tensors().into_iter().map(fill).collect();
        Weights::new(card, tensors).unwrap()
    }

    #[test]
    fn what_is_saved_is_loaded() {
        for families in [&[Family::Drums][..], &FAMILIES] {
            let weights = tiny(families);
            assert_eq!(Weights::parse(&weights.to_bytes(Precision::F32).unwrap()).unwrap(), weights);
        }
        assert_eq!(tiny(&FAMILIES).card.projection(), Projection::default());
    }

    #[test]
    fn unfit_files_give_a_sentence() {
        let good = tiny(&[Family::Drums]);
        let fails = |weights: &Weights, word: &str| {
            let said = Weights::parse(&weights.to_bytes(Precision::F16).unwrap()).unwrap_err();
            assert!(said.contains(word), "{said}");
        };
        let with = |change: &dyn Fn(&mut Card)| {
            let mut weights = good.clone();
            change(&mut weights.card);
            weights
        };
        fails(&with(&|c| c.kind = "lstm".into()), "'gan' is needed");
        fails(&with(&|c| c.version = 7), "version is 7");
        fails(&with(&|c| c.planes = "x".into()), "other planes");
        fails(&with(&|c| c.slope = f32::MAX), "out of range");
        fails(&with(&|c| c.families = vec!["brass".into()]), "neither drums nor pitches");
        let bytes = good.to_bytes(Precision::F32).unwrap();
        for cut in (0..bytes.len()).step_by(97) {
            assert!(Weights::parse(&bytes[..cut]).is_err());
        }
    }
}
