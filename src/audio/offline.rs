//! Rendering to a WAV file without a sound card, as fast as the machine can.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::event::TimedSynthEvent;
use super::synth::Synth;

/// Frames rendered between two looks at the events.
const BLOCK: usize = 512;

/// What was rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RenderStats {
    /// Frames written.
    pub frames: u64,
    /// Frames per second.
    pub sample_rate_hz: u32,
    /// Loudest sample, linear, 0..=1.
    pub peak: f32,
    /// Root mean square of both channels, linear.
    pub rms: f32,
    /// Events that lay behind the frame already rendered: the iterator was not in order.
    pub late_events: u64,
    /// Events after the last frame, which were not played.
    pub events_after_end: u64,
}

/// Why no file was made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The file could not be written.
    #[error("cannot write {}: {cause}; choose another folder or free some space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// More events fall on nearly the same frame than the synth can hold.
    #[error("more than {} events wait at once at frame {frame}: the input is not music", super::synth::PENDING_EVENTS)]
    TooManyEvents {
        /// Where.
        frame: u64,
    },
    /// The caller's progress function asked for the end.
    #[error("rendering was stopped")]
    Stopped,
}

/// Renders `frames` frames of `events` (in order of their frames) into a 24-bit stereo WAV file. The file appears under its name
/// only when it is complete. `progress` is told the frames done, about every second of sound; it returns false to stop.
pub fn render_wav(
    events: impl Iterator<Item = TimedSynthEvent>,
    frames: u64,
    sample_rate_hz: u32,
    path: &Path,
    mut progress: impl FnMut(u64) -> bool,
) -> Result<RenderStats, RenderError> {
    let cause = |e: &dyn std::fmt::Display| RenderError::Write { path: path.to_path_buf(), cause: e.to_string() };
    let mut part_name = path.file_name().unwrap_or_default().to_os_string();
    part_name.push(format!(".{}.part", std::process::id()));
    let part = PartFile(path.with_file_name(part_name));
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: sample_rate_hz,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    // The lengths in a WAV header have 32 bits.
    if frames > (u64::from(u32::MAX) - 1024) / 6 {
        return Err(cause(&"a WAV file holds at most 4 GiB"));
    }
    let file = fs::File::create(&part.0).map_err(|e| cause(&e))?;
    let mut wav = hound::WavWriter::new(BufWriter::with_capacity(1 << 18, file), spec).map_err(|e| cause(&e))?;
    let mut sum = 0.0f64;
    let mut stats = render_blocks(events, frames, sample_rate_hz, |block, done| {
        for &x in block {
            sum += f64::from(x) * f64::from(x);
            wav.write_sample((x * 8_388_607.0) as i32).map_err(|e| cause(&e))?;
        }
        let is_second = done / u64::from(sample_rate_hz) != (done - block.len() as u64 / 2) / u64::from(sample_rate_hz);
        if is_second && !progress(done) { Err(RenderError::Stopped) } else { Ok(()) }
    })?;
    stats.rms = if frames == 0 { 0.0 } else { (sum / (2 * frames) as f64).sqrt() as f32 };
    wav.finalize().map_err(|e| cause(&e))?;
    fs::rename(&part.0, path).map_err(|e| cause(&e))?;
    Ok(stats)
}

/// Renders `frames` frames of `events` (in order of their frames) block by block into `sink`, which gets the interleaved block
/// and the frames done so far.
pub fn render_blocks<E>(
    events: impl Iterator<Item = TimedSynthEvent>,
    frames: u64,
    sample_rate_hz: u32,
    mut sink: impl FnMut(&[f32], u64) -> Result<(), E>,
) -> Result<RenderStats, E>
where
    E: From<RenderError>,
{
    let mut synth = Synth::new(sample_rate_hz);
    let mut events = events.peekable();
    let mut block = [0.0f32; 2 * BLOCK];
    let mut peak = 0.0f32;
    while synth.frame() < frames {
        let n = (frames - synth.frame()).min(BLOCK as u64);
        let end = synth.frame() + n;
        while let Some(event) = events.next_if(|e| e.at_frame < end) {
            if !synth.schedule(event) {
                return Err(RenderError::TooManyEvents { frame: event.at_frame }.into());
            }
        }
        let out = &mut block[..2 * n as usize];
        synth.render(out);
        peak = out.iter().fold(peak, |p, x| p.max(x.abs()));
        sink(out, end)?;
    }
    Ok(RenderStats {
        frames,
        sample_rate_hz: synth.sample_rate_hz(),
        peak,
        rms: 0.0,
        late_events: synth.late_events(),
        events_after_end: events.count() as u64,
    })
}

/// Removes the unfinished file unless it was renamed.
struct PartFile(PathBuf);

impl Drop for PartFile {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and on failure nobody is left to tell.
        let _ = fs::remove_file(&self.0);
    }
}
