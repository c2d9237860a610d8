//! GAN: a generator that turns noise into bars, and a critic that tells them from real ones.
//!
//! Owns: the bar as both nets see it ([`Segment`], [`BarScene`], [`BarNotes`]), and what can be done with it
//! ([`BarMaker`], [`Ear`]).
//! Called from: the conductor thread (generator and ear), the trainer and `eval`.
//! Units: steps are sixteenths; a segment is at most 16 of them; pitches MIDI.
//!
//! Invariants
//! - The same scene and latent vector give the same bar, on every machine.
//! - What is trained on is what is asked live: both go through [`BarScene`].
//!
//! Not here: training (`train`), where the latent vector is (`steer`, `music::Latent`).

pub mod bench;
pub mod decode;
pub mod file;
pub mod live;
pub mod oracle;
pub mod part;
pub mod planes;
pub mod scene;
pub mod shape;

pub use file::Weights;
pub use live::{Live, Packed};
pub use oracle::Oracle;
pub use part::{Critic, GanPart};
pub use scene::{BarNotes, BarScene, Segment};

use super::EngineError;
use crate::music::Latent;
use std::sync::Arc;

/// Something that makes whole bars from a latent vector.
pub trait BarMaker {
    /// The notes of the segment that `scene` describes.
    fn make(&mut self, scene: &BarScene, latent: &Latent) -> BarNotes;

    /// Of all notes that it wanted to start so far, the share that no sounding cell followed and that were dropped, 0..=1; `None` when
    /// it does not tell.
    fn orphans(&self) -> Option<f64> {
        None
    }
}

/// Something that hears whether a bar could be real.
pub trait Ear: Send {
    /// How real the bar sounds: higher is more so, 0 is undecided, about -8..=8. `None` when the ear knows nothing of the role.
    fn score(&mut self, scene: &BarScene, notes: &BarNotes) -> Option<f32>;
}

/// Opens an ear; cheap, since weights are shared.
pub type EarOpener = Arc<dyn Fn() -> Box<dyn Ear> + Send + Sync>;

/// Weights ready to play, from the bytes of a model file; instances of [`GanPart`] share them.
///
/// # Errors
/// A sentence that says why the bytes are no model that this build can play.
pub fn open(bytes: &[u8]) -> Result<Arc<Packed>, EngineError> {
    let unfit = |why| EngineError::Model(format!("the model cannot be played: {why}"));
    Ok(Arc::new(Packed::new(&Weights::parse(bytes).map_err(unfit)?)))
}
