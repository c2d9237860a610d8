//! The weights at hand: the ones inside the program, or a file.

use super::library::Library;
use crate::engine::gan::{self, EarOpener};
use crate::engine::lstm::{self, Arithmetic, kernel::Simd};
use crate::engine::{EngineError, Models};
use std::path::Path;
use std::sync::Arc;

/// The band LSTM that is part of the program.
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

/// Bytes of the model that a choice means.
///
/// # Errors
/// One sentence when the file cannot be read.
pub fn bytes(file: Option<&Path>) -> Result<Vec<u8>, EngineError> {
    match file {
        None => Ok(BAND.to_vec()),
        Some(path) => std::fs::read(path)
            .map_err(|e| EngineError::Model(format!("the model {} cannot be read: {e}", path.display()))),
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
    Ok(models)
}

/// The critic of a GAN as the band's ear.
pub fn ear(packed: &Arc<gan::Packed>) -> EarOpener {
    let packed = packed.clone();
    Arc::new(move || Box::new(gan::Critic::new(gan::Live::new(packed.clone(), Simd::best()))))
}
