//! The weights at hand: the ones inside the program, or a file.

use super::library::Library;
use crate::engine::gan::{self, EarOpener};
use crate::engine::lstm::{self, Arithmetic, kernel::Simd};
use crate::engine::{EngineError, Models};
use std::path::Path;
use std::sync::Arc;

/// A model that is part of the program.
pub struct BuiltIn {
    /// What it is called where a model file can be named; a file of that name goes first.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its file.
    pub bytes: &'static [u8],
}

/// The band LSTMs that are part of the program; the first one plays by default.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn { name: "band", doc: "the full band LSTM, 2 x 256", bytes: BAND },
    BuiltIn {
        name: "small",
        doc: "a small band LSTM, 2 x 128, for slow machines",
        bytes: include_bytes!("../../models/small.safetensors"),
    },
];

/// The band LSTM that plays by default.
pub const BAND: &[u8] = include_bytes!("../../models/band.safetensors");

/// The GAN that is part of the program.
pub const GAN: &[u8] = include_bytes!("../../models/gan.safetensors");

/// Which model, and how it is computed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// A model file in place of the built-in one.
    pub file: Option<&'a Path>,
    /// Plain candle in place of the fused kernel.
    pub candle: bool,
    /// On an NVIDIA GPU.
    pub cuda: bool,
    /// In which numbers the fused kernel multiplies the LSTM.
    pub arithmetic: Arithmetic,
}

/// The built-in model that a path names, unless there is such a file.
pub fn built_in(path: &Path) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|model| Path::new(model.name) == path && !path.exists())
}

/// Bytes of the model that a choice means: a file's, or those of a built-in one.
///
/// # Errors
/// One sentence when the file cannot be read.
pub fn bytes(file: Option<&Path>) -> Result<Vec<u8>, EngineError> {
    match file {
        None => Ok(BAND.to_vec()),
        Some(path) => match built_in(path) {
            Some(model) => Ok(model.bytes.to_vec()),
            None => lstm::file::read_bounded(path).map_err(|e| {
                let names: Vec<&str> = BUILT_IN.iter().map(|m| m.name).collect();
                EngineError::Model(format!("{e}; built in are: {}", names.join(", ")))
            }),
        },
    }
}

/// Loads the weights that engines share.
///
/// # Errors
/// One sentence: the file cannot be read or does not fit, the device is not there.
pub fn load(choice: Choice) -> Result<Models, EngineError> {
    if choice.cuda && !choice.candle {
        return Err(EngineError::Model("--device cuda computes with candle; add --engine candle".into()));
    }
    if choice.candle && choice.arithmetic != Arithmetic::F32 {
        return Err(EngineError::Model(format!(
            "--precision {} is for the fused kernel; leave --engine candle out, or --precision",
            choice.arithmetic.name()
        )));
    }
    let named = |error: EngineError| match choice.file {
        Some(path) => EngineError::Model(format!("{}: {error}", path.display())),
        None => error,
    };
    // A file stands in for the built-in model of its kind; the other kind plays as it is.
    let file = choice.file.map(|path| bytes(Some(path))).transpose()?;
    let is_gan = file.as_deref().is_some_and(gan::file::is_gan);
    let (band, gan_bytes) = match &file {
        Some(bytes) if is_gan => (BAND, &bytes[..]),
        Some(bytes) => (&bytes[..], GAN),
        None => (BAND, GAN),
    };
    let files = Some(Arc::new(Library::default()).opener());
    let mut models = Models { gan: Some(gan::open(gan_bytes).map_err(named)?), files, ..Models::default() };
    if choice.candle {
        let device = lstm::device(choice.cuda)?;
        models.candle = Some(lstm::open_candle(band, &device).map_err(named)?);
    } else {
        models.lstm = Some(lstm::open_with(band, choice.arithmetic).map_err(named)?);
    }
    models.ear = models.gan.as_ref().map(ear);
    models.said = said(choice, band, gan_bytes);
    Ok(models)
}

/// Both models by the hashes of their files, and the arithmetic: words of a journal, to be compared and read.
fn said(choice: Choice, band: &[u8], gan: &[u8]) -> String {
    let arithmetic = if choice.candle { "candle" } else { choice.arithmetic.name() };
    let name = |bytes: &[u8]| match BUILT_IN.iter().find(|model| model.bytes == bytes) {
        Some(model) => model.name.to_string(),
        None if bytes == GAN => "gan".into(),
        // Not its path: the same file elsewhere is the same music.
        None => "file".into(),
    };
    let hash = crate::corpus::fnv;
    format!("{} {:016x} in {arithmetic}, {} {:016x}", name(band), hash(band), name(gan), hash(gan))
}

/// The critic of a GAN as the band's ear.
pub fn ear(packed: &Arc<gan::Packed>) -> EarOpener {
    let packed = packed.clone();
    Arc::new(move || Box::new(gan::Critic::new(gan::Live::new(packed.clone(), Simd::best()))))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn built_in_models_are_sound_and_called_by_name() {
        for model in BUILT_IN {
            let named = bytes(Some(Path::new(model.name))).unwrap();
            assert!(named == model.bytes && lstm::open(&named).is_ok(), "{}", model.name);
            assert!(load(Choice { file: Some(Path::new(model.name)), ..Choice::default() }).unwrap().lstm.is_some());
        }
        let sizes: Vec<usize> = BUILT_IN.iter().map(|m| lstm::open(m.bytes).unwrap().shape.hidden).collect();
        assert_eq!(sizes, [256, 128], "the full one plays by default");
        let said = |file: &str| load(Choice { file: Some(Path::new(file)), ..Choice::default() }).unwrap().said;
        assert!(said("small").starts_with("small ") && said("small").contains(" in f32, gan "));
        assert!(built_in(Path::new("bandit")).is_none());
        assert!(bytes(Some(Path::new("bandit"))).unwrap_err().to_string().contains("bandit cannot be used"));
    }
}
