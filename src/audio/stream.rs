//! The synth on a device: opening it, and noticing when it dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize};

use super::device::{DeviceInfo, HOSTS, candidates};
use super::feed::{Shared, SynthFeed, SynthSource, feed};

/// Block asked of systems that let us choose. Left to itself, PulseAudio takes two seconds.
const BLOCK: u32 = 512;
/// A device that has not asked for sound after this long does not run.
const FIRST_CALLBACK: Duration = Duration::from_millis(1500);

/// Why there is no sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// Nothing can play.
    #[error("no sound device answers: start JACK, PipeWire or PulseAudio, or connect a sound card")]
    NoDevice,
    /// No device has the wanted name.
    #[error("no sound device fits '{wanted}'; there are: [{known}]")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// Ids that exist.
        known: String,
    },
    /// The device is there but does not open.
    #[error("sound device {device} does not open ({cause}); choose another one or free it")]
    Open {
        /// Its id.
        device: String,
        /// What the system said.
        cause: String,
    },
    /// The device opened and is silent.
    #[error("sound device {device} opened but does not run; restart its sound server or choose another one")]
    Stalled {
        /// Its id.
        device: String,
    },
}

/// How a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It plays.
    Running,
    /// It is gone and must be opened anew: what the system said.
    Lost(&'static str),
}

/// A running device. Dropping it closes it.
pub struct AudioStream {
    // Kept for its drop.
    _stream: cpal::Stream,
    device: DeviceInfo,
    sample_rate_hz: u32,
    state: Arc<AtomicU8>,
}

impl std::fmt::Debug for AudioStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioStream").field("device", &self.device).finish_non_exhaustive()
    }
}

impl AudioStream {
    /// Opens the best device that fits `prefer` (an id of [`super::list`], a host's name, part of a device's name; `None`: the
    /// best there is) and starts it. `base` is the instant that the player's clock counts from. Blocks up to some seconds.
    ///
    /// # Errors
    /// The first device's error when none opens.
    pub fn open(prefer: Option<&str>, base: Instant) -> Result<(AudioStream, SynthFeed), AudioError> {
        let mut first = None;
        // Host by host: where JACK answers, the others are not even asked.
        for (device, info) in HOSTS.into_iter().flat_map(|host| candidates(host, prefer)) {
            match open_device(&device, info, base) {
                Ok(open) => return Ok(open),
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        let known = || super::device::list().into_iter().map(|d| d.id).collect::<Vec<_>>().join(", ");
        Err(first.unwrap_or_else(|| match prefer {
            Some(wanted) => AudioError::Unknown { wanted: wanted.to_string(), known: known() },
            None => AudioError::NoDevice,
        }))
    }

    /// The device.
    pub fn device(&self) -> &DeviceInfo {
        &self.device
    }

    /// Frames per second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// How it is. Costs one atomic read.
    pub fn health(&self) -> Health {
        match self.state.load(Ordering::Relaxed) {
            0 => Health::Running,
            1 => Health::Lost("the device is gone"),
            2 => Health::Lost("the sound server ended the stream"),
            _ => Health::Lost("the sound system failed"),
        }
    }
}

/// The number under which a fatal error is remembered; 0 for what the stream survives.
fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => 1,
        ErrorKind::StreamInvalidated => 2,
        ErrorKind::ResourceExhausted | ErrorKind::PermissionDenied => 3,
        // ALSA reports lost time as a backend error thousands of times: a dead stream shows by its callbacks standing still.
        _ => 0,
    }
}

fn open_device(device: &cpal::Device, info: DeviceInfo, base: Instant) -> Result<(AudioStream, SynthFeed), AudioError> {
    let cause = |e: cpal::Error| AudioError::Open { device: info.id.clone(), cause: e.to_string() };
    let default = device.default_output_config().map_err(cause)?;
    let size = match (info.host, default.buffer_size()) {
        // JACK's server decides.
        ("JACK", _) => BufferSize::Default,
        (_, &SupportedBufferSize::Range { min, max }) if min <= max => BufferSize::Fixed(BLOCK.clamp(min, max)),
        _ => BufferSize::Fixed(BLOCK),
    };
    let mut tries = vec![
        (2, size),
        (default.channels(), size),
        (2, BufferSize::Default),
        (default.channels(), BufferSize::Default),
    ];
    tries.dedup();
    let mut error = AudioError::NoDevice;
    for (channels, buffer_size) in tries {
        let config = StreamConfig { channels, sample_rate: default.sample_rate(), buffer_size };
        let (feed, source) = feed(config.sample_rate, base);
        let state = Arc::new(AtomicU8::new(0));
        match start(device, config, default.sample_format(), source, state.clone()) {
            Ok(stream) => {
                wait_for_callback(&feed, &info, &state)?;
                let sample_rate_hz = config.sample_rate;
                return Ok((AudioStream { _stream: stream, device: info, sample_rate_hz, state }, feed));
            }
            Err(e) => error = cause(e),
        }
    }
    Err(error)
}

fn wait_for_callback(feed: &SynthFeed, info: &DeviceInfo, state: &AtomicU8) -> Result<(), AudioError> {
    let begun = Instant::now();
    while feed.callbacks() == 0 {
        if begun.elapsed() > FIRST_CALLBACK || state.load(Ordering::Relaxed) != 0 {
            return Err(AudioError::Stalled { device: info.id.clone() });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn start(
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    source: SynthSource,
    state: Arc<AtomicU8>,
) -> Result<cpal::Stream, cpal::Error> {
    let stream = match format {
        SampleFormat::F32 => build::<f32>(device, config, source, state),
        SampleFormat::I32 => build::<i32>(device, config, source, state),
        SampleFormat::I24 => build::<cpal::I24>(device, config, source, state),
        SampleFormat::I16 => build::<i16>(device, config, source, state),
        SampleFormat::U16 => build::<u16>(device, config, source, state),
        SampleFormat::U8 => build::<u8>(device, config, source, state),
        _ => Err(cpal::Error::new(ErrorKind::UnsupportedConfig)),
    }?;
    stream.play()?;
    Ok(stream)
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    mut source: SynthSource,
    state: Arc<AtomicU8>,
) -> Result<cpal::Stream, cpal::Error> {
    let shared: Arc<Shared> = source.shared();
    let channels = usize::from(config.channels).max(1);
    let render = move |out: &mut [T], _: &cpal::OutputCallbackInfo| render(&mut source, out, channels);
    // Some systems call this thousands of times a second: only atomics here.
    let on_error = move |error: cpal::Error| {
        if error.kind() == ErrorKind::Xrun {
            shared.xruns.fetch_add(1, Ordering::Relaxed);
        }
        state.fetch_max(code(error.kind()), Ordering::Relaxed);
    };
    device.build_output_stream::<T, _, _>(config, render, on_error, Some(Duration::from_secs(3)))
}

/// The callback: stereo into however many channels and whatever numbers the device takes.
fn render<T: SizedSample + FromSample<f32>>(source: &mut SynthSource, out: &mut [T], channels: usize) {
    const CHUNK: usize = 256;
    let mut stereo = [0.0f32; 2 * CHUNK];
    source.begin(out.len() / channels);
    for chunk in out.chunks_mut(CHUNK * channels) {
        let frames = chunk.len() / channels;
        source.fill(&mut stereo[..2 * frames]);
        for (to, from) in chunk.chunks_exact_mut(channels).zip(stereo.chunks_exact(2)) {
            match to {
                [mono] => *mono = T::from_sample(0.5 * (from[0] + from[1])),
                [left, right, rest @ ..] => {
                    (*left, *right) = (T::from_sample(from[0]), T::from_sample(from[1]));
                    rest.fill(T::EQUILIBRIUM);
                }
                [] => {}
            }
        }
    }
    source.end();
}
