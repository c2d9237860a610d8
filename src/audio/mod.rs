//! Audio: the synth inside, and the ways its sound gets out.
//!
//! Owns: [`Synth`] with its [`SOUNDS`] and knobs, rendering to WAV files, the sound card's stream.
//! Called from: `Synth::render` runs on the audio callback (or on any thread, offline); the rest is control side.
//! Units: frames counted from the stream's start, seconds, Hz, dB; samples are f32 within -0.98..=0.98, interleaved stereo.
//!
//! Invariants
//! - `render` allocates nothing, locks nothing, logs nothing and makes no system call.
//! - The same events give the same samples whatever the block sizes.
//! - An event happens exactly at its frame, or at the first frame of the next block when it comes late (and is counted).
//! - At most `limits::SYNTH_VOICES` voices play; a stolen voice fades, it does not click.
//! - No sample exceeds 0.98 and none is NaN.
//!
//! Which code is whose: the streams are cpal's; chorus and limiter are made of fundsp's nodes (`graph`), one frame at a time.
//! Voices, delay and reverb are own: exact to the frame, with knobs that turn while they sound.
//!
//! Not here: which note when (`player`), MIDI (`output`).

pub mod bench;
mod clock;
mod denormal;
#[cfg(feature = "audio")]
mod device;
mod drum;
mod effects;
mod envelope;
mod event;
mod feed;
mod filter;
mod graph;
mod math;
mod null;
pub mod offline;
mod out;
mod reverb;
mod slot;
mod sounds;
#[cfg(feature = "audio")]
mod stream;
mod synth;
#[cfg(test)]
mod test;
mod tonal;
mod voice;

pub use clock::FrameClock;
#[cfg(feature = "audio")]
pub use device::{DeviceInfo, list};
pub use event::{GLOBAL_PARAMS, GlobalParam, ParamRow, SLOT_PARAMS, SLOTS, SlotParam, SynthEvent, TimedSynthEvent};
pub use feed::{FeedFull, Meters, SynthFeed, SynthSource, feed};
pub use null::NullStream;
pub use out::AudioOut;
pub use sounds::{SOUNDS, Sound, default_sound, sound_named};
#[cfg(feature = "audio")]
pub use stream::{AudioError, AudioStream, Health};
pub use synth::Synth;
