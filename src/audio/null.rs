//! A stream without a device: the same synth at the same pace, heard by nobody, so that meters, clock and events go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::feed::SynthSource;

/// Frames per block.
const BLOCK: usize = 512;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct NullStream {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NullStream {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it gives no more threads.
    pub fn start(source: SynthSource) -> std::io::Result<NullStream> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = Builder::new().name("audio-null".into()).spawn(move || run(source, &seen))?;
        Ok(NullStream { stop, thread: Some(thread) })
    }
}

impl Drop for NullStream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn run(mut source: SynthSource, stop: &AtomicBool) {
    let nanos_per_frame = 1e9 / f64::from(source.sample_rate_hz());
    let mut begun = Instant::now();
    let mut frames = 0u64;
    let mut out = [0.0f32; 2 * BLOCK];
    while !stop.load(Ordering::Acquire) {
        // Absolute targets: a sum of sleeps would drift.
        let due = begun + Duration::from_nanos((frames as f64 * nanos_per_frame) as u64);
        let now = Instant::now();
        if due > now {
            std::thread::park_timeout(due - now);
            if Instant::now() < due {
                continue;
            }
        } else if now - due > Duration::from_millis(500) {
            // The machine slept: like a sound card, lose the time instead of running after it.
            (begun, frames) = (now, 0);
        }
        source.begin(BLOCK);
        source.fill(&mut out);
        source.end();
        frames += BLOCK as u64;
    }
}
