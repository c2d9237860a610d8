//! The guardian: a second process that silences the devices when the first is killed (`kill -9`, out of memory).
//!
//! The player's process tells it on a pipe which devices it plays on. When the pipe closes without a good-bye, the guardian
//! opens these devices and ends every note of every channel. It holds no device while all is well.

use super::encode::Encoder;
use super::raw::RawWire;
use super::{Due, Output, Sender, clock};
use std::io::{BufRead, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// What is said when there is nothing to do.
const BYE: &str = "bye";
/// The word before a device.
const USE: &str = "use ";
/// The most devices remembered.
const PLACES_MAX: usize = 64;
/// How long a device may take to open, and JACK to join our port, on a machine that is out of breath.
const PATIENCE: Duration = Duration::from_secs(8);
const JOIN: Duration = Duration::from_secs(3);
/// How long a port that was just joined is left alone.
const SETTLE: Duration = Duration::from_millis(100);

/// The player's end of the pipe. Dropped in good order it says good-bye.
#[derive(Debug)]
pub struct Guardian {
    pipe: ChildStdin,
    process: Child,
    told: Vec<String>,
}

impl Guardian {
    /// Starts `command`, which must call [`watch`] on its standard input and nothing else.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(mut command: Command) -> std::io::Result<Guardian> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Keys and hang-ups of the terminal are not for the guardian.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn()?;
        match process.stdin.take() {
            Some(pipe) => Ok(Guardian { pipe, process, told: Vec::new() }),
            None => Err(std::io::Error::other("the guardian has no input")),
        }
    }

    /// Tells it of a device (`jack NAME`, `midi NAME`, `raw PATH`), once.
    pub fn tell(&mut self, place: &str) {
        if self.told.len() < PLACES_MAX && !place.contains('\n') && !self.told.iter().any(|t| t == place) {
            self.told.push(place.to_string());
            // Without a guardian the music goes on; a line is far smaller than the pipe, so this does not block.
            let _ = writeln!(self.pipe, "{USE}{place}");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = writeln!(self.pipe, "{BYE}");
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The guardian's whole life: listens until good-bye, or until the pipe breaks; then silences every device it was told of.
pub fn watch(input: impl BufRead) {
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP, signal_hook::consts::SIGTERM] {
        // Whoever ends the instrument's whole session still needs us for a moment; the broken pipe ends us.
        let _ = signal_hook::flag::register(signal, Default::default());
    }
    let mut places: Vec<String> = Vec::new();
    for line in input.lines().map_while(Result::ok) {
        if line == BYE {
            return;
        }
        if let Some(place) = line.strip_prefix(USE)
            && places.len() < PLACES_MAX
        {
            places.push(place.to_string());
        }
    }
    hush(&places);
}

/// Ends every note of every channel on these devices.
fn hush(places: &[String]) {
    let mut outputs: Vec<Box<dyn Output>> = Vec::new();
    #[cfg(feature = "jack")]
    {
        let names: Vec<String> = places.iter().filter_map(|p| p.strip_prefix("jack ")).map(str::to_string).collect();
        if !names.is_empty() {
            outputs.push(Box::new(super::jack_midi::JackMidi::with_encoder(names, Encoder::all_sounding())));
        }
    }
    for place in places {
        if let Some(path) = place.strip_prefix("raw ") {
            outputs.push(Box::new(Sender::with_encoder("raw", RawWire::new(path), Encoder::all_sounding())));
        }
        #[cfg(feature = "midi")]
        if let Some(name) = place.strip_prefix("midi ") {
            let wire = super::midi_port::PortWire::new(Some(name.into()));
            outputs.push(Box::new(Sender::with_encoder("midi", wire, Encoder::all_sounding())));
        }
    }
    wait(PATIENCE, || outputs.iter().all(|o| o.is_ready()));
    // A port that leads nowhere silences nobody.
    wait(JOIN, || outputs.iter().all(|o| !o.places().is_empty()));
    std::thread::sleep(SETTLE);
    let due = Due { at: clock::now(), ..Due::default() };
    outputs.iter_mut().for_each(|o| o.silence(due, false));
    // Closing them waits until the last note-off is out.
}

fn wait(most: Duration, is_so: impl Fn() -> bool) {
    let until = Instant::now() + most;
    while !is_so() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(all(test, unix))]
mod test {
    use super::*;
    use crate::midi::Message;

    #[test]
    fn a_broken_pipe_silences_the_devices_and_a_good_bye_does_not() {
        let path = std::env::temp_dir().join(format!("ricercar-guardian-{}", std::process::id()));
        std::fs::write(&path, []).unwrap();
        let told = format!("{USE}raw {}\n", path.display());
        watch(std::io::Cursor::new(format!("{told}{BYE}\n")));
        assert!(std::fs::read(&path).unwrap().is_empty());
        watch(std::io::Cursor::new(told));
        let bytes = std::fs::read(&path).unwrap();
        let _ = std::fs::remove_file(&path);
        let off = Message::NoteOff { channel: 15, pitch: 127, velocity: 64 }.bytes();
        let quiet = Message::Control { channel: 0, controller: Message::ALL_NOTES_OFF, value: 0 }.bytes();
        for wanted in [off, quiet] {
            assert!(bytes.windows(3).any(|w| w == &*wanted));
        }
    }

    #[test]
    fn the_process_is_told_each_device_once_and_ends_with_us() {
        let path = std::env::temp_dir().join(format!("ricercar-guardian-told-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "cat > \"$0\""]).arg(&path);
        let mut guardian = Guardian::start(command).unwrap();
        guardian.tell("jack a:b");
        guardian.tell("jack a:b");
        drop(guardian);
        let told = std::fs::read_to_string(&path);
        let _ = std::fs::remove_file(&path);
        // `cat` ends with the pipe; it may have been ended before it wrote.
        assert!(told.is_ok_and(|t| t == format!("{USE}jack a:b\n{BYE}\n")));
    }
}
