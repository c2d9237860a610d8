//! A JACK server of our own, a recorder and a player, each in a process of its own, so that each can be ended in its own way.
//!
//! The recorder and the player are this test binary again, started with a role in the environment: the name of the server is
//! read from the environment by JACK's library, and a running test must not change its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Says which role a child has.
pub const ROLE: &str = "RICERCAR_TEST_ROLE";
/// Makes this binary run nothing but the child's test.
pub const CHILD_ARGS: [&str; 5] = ["jack::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"];
/// How long anything that must come may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One server at a time: two would disturb each other's timing.
static ALONE: Mutex<()> = Mutex::new(());

/// A dummy server; ends with its value.
pub struct Server {
    name: String,
    period: u32,
    process: Option<Child>,
    _alone: MutexGuard<'static, ()>,
}

impl Server {
    /// Starts one; `None`, said aloud, where jackd is not installed.
    pub fn start(period: u32) -> Option<Server> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("ricercar-test-{}", std::process::id());
        let mut server = Server { name, period, process: None, _alone: alone };
        if server.run() {
            return Some(server);
        }
        // Not through the test's captured output: whoever runs the tests must see this.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: jackd is not installed (package jackd2), so JACK is not tested");
        assert!(std::env::var_os("CI").is_none(), "CI must have jackd");
        None
    }

    fn run(&mut self) -> bool {
        let mut command = Command::new("jackd");
        command.args(["-n", &self.name, "-d", "dummy", "-r", "48000", "-p", &self.period.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        die_with_us(&mut command);
        self.process = command.spawn().ok();
        self.process.is_some()
    }

    /// Kills the server without a word.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it anew under the same name.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.run());
    }

    /// Starts this binary in a role.
    pub fn child(&self, role: &str) -> Part {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(CHILD_ARGS);
        command.env(ROLE, role).env("JACK_DEFAULT_SERVER", &self.name).env("JACK_NO_START_SERVER", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        die_with_us(&mut command);
        let mut process = command.spawn().unwrap();
        let lines = lines_of(process.stdout.take().unwrap());
        Part { process, lines }
    }

    /// Starts the instrument itself; the lines are those of its stderr.
    pub fn program(&self, args: &[&str]) -> Part {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ricercar"));
        command.args(args).env("JACK_DEFAULT_SERVER", &self.name).env("JACK_NO_START_SERVER", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        die_with_us(&mut command);
        let mut process = command.spawn().unwrap();
        let lines = lines_of(process.stderr.take().unwrap());
        Part { process, lines }
    }
}

fn lines_of(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    lines
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            signal(process, libc::SIGTERM);
            let until = Instant::now() + Duration::from_secs(3);
            while process.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        self.kill();
    }
}

/// A child in a role; ends with its value.
pub struct Part {
    /// The process.
    pub process: Child,
    lines: Receiver<String>,
}

impl Part {
    /// The next line that begins with `word`, without it; `None` when none comes within `patience`.
    pub fn line(&self, word: &str, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                // The test harness of the child may have begun the line.
                Ok(line) => match line.find(word) {
                    Some(at) => return Some(line[at + word.len()..].trim().to_string()),
                    None => continue,
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Waits for a line that must come.
    pub fn must_say(&self, word: &str) -> String {
        self.line(word, PATIENCE).unwrap_or_else(|| panic!("no line with '{word}' came"))
    }

    /// Ends it with this signal and waits.
    pub fn end(mut self, with: i32) {
        signal(&mut self.process, with);
        let until = Instant::now() + PATIENCE;
        while self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            assert!(Instant::now() < until, "signal {with} did not end it");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Part {
    /// Waits until it ends by itself; true when it says that all was well.
    pub fn ends_well(mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => assert!(Instant::now() < until, "it does not end"),
                Err(error) => panic!("{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal(process: &mut Child, number: i32) {
    if process.try_wait().is_ok_and(|ended| ended.is_none()) {
        // SAFETY: a plain system call; the process is ours and has not been waited for, so the number is still its own.
        unsafe { libc::kill(process.id() as i32, number) };
    }
}

/// The kernel ends the child when this test's thread ends, however it ends.
fn die_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        // SAFETY: between fork and exec only this one system call is made, which is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// A MIDI message as the recorder saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// JACK's frame.
    pub frame: u32,
    /// JACK's time in microseconds.
    pub usecs: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Heard {
    /// Reads the recorder's line: frame, microseconds, bytes in hexadecimal.
    pub fn parse(line: &str) -> Option<Heard> {
        let mut words = line.split_whitespace();
        let (frame, usecs) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Heard { frame, usecs, bytes: words.map_while(|w| u8::from_str_radix(w, 16).ok()).collect() })
    }

    /// True for a note-on.
    pub fn is_on(&self) -> bool {
        self.bytes.first().is_some_and(|s| s & 0xF0 == 0x90) && self.bytes.get(2).is_some_and(|v| *v > 0)
    }

    /// True for a note-off.
    pub fn is_off(&self) -> bool {
        self.bytes.first().is_some_and(|s| s & 0xF0 == 0x80)
    }
}
