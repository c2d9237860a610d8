//! MIDI bytes into a path: a FIFO, a serial device, `/dev/snd/midiC*D*`, a plain file.

use super::sender::Wire;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

/// An open path. Never waits for a reader.
pub struct RawWire {
    path: PathBuf,
    file: Option<File>,
}

impl RawWire {
    /// A wire to `path`, not opened yet.
    pub fn new(path: impl Into<PathBuf>) -> RawWire {
        RawWire { path: path.into(), file: None }
    }
}

impl Wire for RawWire {
    fn connect(&mut self) -> Result<String, String> {
        let path = self.path.display();
        let mut options = OpenOptions::new();
        options.append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        match options.open(&self.path) {
            Ok(file) => {
                self.file = Some(file);
                Ok(format!("MIDI bytes go to {path}"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(format!("{path} does not exist; plug the device in, or make the file or FIFO first"))
            }
            // A FIFO that nobody reads.
            #[cfg(unix)]
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                Err(format!("nobody reads from {path}; start the program that does"))
            }
            Err(error) => Err(format!("{path} cannot be opened for writing ({error}); playing on without it")),
        }
    }

    fn place(&self) -> Option<String> {
        self.file.as_ref().map(|_| format!("raw {}", self.path.display()))
    }

    fn is_there(&mut self) -> bool {
        self.path.exists()
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(file) = &mut self.file else { return false };
        // One message in one write: a pipe takes up to PIPE_BUF bytes whole or not at all. A reader that is behind gets a
        // few milliseconds; then it counts as gone, and its notes are ended when it reads again.
        for _ in 0..5 {
            match file.write(bytes) {
                Ok(n) => return n == bytes.len(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                Err(_) => return false,
            }
        }
        false
    }
}
