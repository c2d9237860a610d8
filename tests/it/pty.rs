//! The program itself on a pseudo-terminal: it draws, takes keys, and gives the terminal back.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    input: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Box<dyn portable_pty::MasterPty + Send>,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a size")
}

fn lock<T: ?Sized>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the program on a terminal of 100 x 30 that answers what terminals are asked.
fn start(set: &str) -> Terminal {
    start_with(&[set])
}

/// The same with more to say on the command line.
fn start_with(args: &[&str]) -> Terminal {
    let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ricercar"));
    command.args(["--audio", "none", "--out", "none"]);
    command.args(args);
    command.cwd(env!("CARGO_MANIFEST_DIR"));
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    let child = pair.slave.spawn_command(command).expect("the program starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("its output");
    let input = Arc::new(Mutex::new(pair.master.take_writer().expect("its input")));
    let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(30), cells(100), 0)));
    let (to, answer) = (screen.clone(), input.clone());
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            lock(&to).process(&bytes[..count]);
            if bytes[..count].windows(4).any(|w| w == b"\x1b[?u") {
                _ = lock(&answer).write_all(b"\x1b[?0u\x1b[?62;c");
            }
        }
    });
    Terminal { screen, input, child, master: pair.master }
}

impl Terminal {
    fn press(&self, keys: &[u8]) {
        lock(&self.input).write_all(keys).expect("keys arrive");
    }

    fn text(&self) -> String {
        lock(&self.screen).screen().contents()
    }

    /// Waits until the screen is as it must be.
    fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(&self.text()) {
            assert!(Instant::now() < until, "{what}:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&self, words: &str) {
        self.wait(words, |text| text.contains(words));
    }

    fn resize(&self, rows: u16, cols: u16) {
        lock(&self.screen).screen_mut().set_size(cells(rows), cells(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("another size");
    }

    fn signal(&self, number: i32) {
        let pid = self.child.process_id().and_then(|p| i32::try_from(p).ok()).expect("its number");
        // SAFETY: a signal to the process that this test started and has not waited for.
        assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    }

    /// Waits for the end, asserts that the terminal is as it was, and gives back what was said after.
    fn ends_restored(mut self) -> String {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("the program's state").is_none() {
            assert!(Instant::now() < until, "the program did not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
        let restored = || {
            let screen = lock(&self.screen);
            let screen = screen.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        };
        // What the program wrote last may still be on its way here.
        while !restored() {
            assert!(Instant::now() < until, "the terminal was not restored");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(50));
        self.text()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves no program behind.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

#[test]
fn the_program_draws_takes_keys_and_gives_the_terminal_back() {
    let terminal = start("scripts/first.rhai");
    terminal.wait_for("first.rhai");
    assert!(lock(&terminal.screen).screen().alternate_screen());
    // F1: help, with its search line.
    terminal.press(b"\x1bOP");
    terminal.wait_for("search:");
    terminal.press(b"panic");
    terminal.wait_for("every note off");
    // Escape alone is told from the beginning of a longer sequence by the pause after it.
    terminal.press(b"\x1b");
    terminal.wait("help closes", |text| !text.contains("every note off"));
    terminal.press(b"\x11");
    let after = terminal.ends_restored();
    assert!(after.contains("late steps"), "it says how it went:\n{after}");
}

#[test]
fn the_map_of_the_latent_space_is_played() {
    let terminal = start("scripts/first.rhai");
    terminal.wait_for("first.rhai");
    terminal.press(b"\x05");
    terminal.wait_for("map: ");
    terminal.wait_for("global drawn");
    terminal.press(b"p");
    terminal.wait("the place is a point", |text| text.contains("points p1"));
    // Right: the part is moved by hand; Enter: back to the point, and then away from it.
    terminal.press(b"\x1b[C");
    terminal.wait_for("global by hand");
    terminal.press(b"\r");
    terminal.wait_for("global at p1");
    terminal.press(b"w");
    terminal.wait_for("global walk 0.5");
    terminal.press(b"\x11");
    terminal.ends_restored();
}

/// A run's folder: weights of chance, and some lines of its metrics file.
fn a_run(name: &str) -> PathBuf {
    let run = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&run).expect("a folder");
    weights(&run, 3);
    let line = |update: u64, kind: &str, bits: f64| {
        format!(
            "{{\"kind\":\"{kind}\",\"update\":{update},\"bits\":{bits},\"is_best\":true,\"tokens_per_s\":4321.0}}\n"
        )
    };
    let lines: String = (1..20).map(|i| line(i * 10, "progress", 9.0 / i as f64)).collect();
    std::fs::write(run.join("progress.jsonl"), lines + line(190, "valid", 1.25).as_str()).expect("a file");
    run
}

fn weights(run: &std::path::Path, seed: u64) {
    let weights = ricercar::engine::lstm::random::random(16, 1, seed).expect("a net");
    weights.save(&run.join("model.safetensors"), ricercar::engine::lstm::Precision::F16).expect("a file");
}

/// As the log names the weights of a run.
fn hash(run: &std::path::Path) -> String {
    let bytes = std::fs::read(run.join("model.safetensors")).expect("a file");
    format!("{:016x}", ricercar::corpus::fnv(&bytes))
}

#[test]
fn weights_of_a_run_come_into_the_band_and_into_the_journal() {
    let run = a_run("band");
    let [set, journal, again] = ["set.rhai", "night.journal", "again.mid"].map(|f| run.join(f));
    std::fs::write(&set, "tempo(240);\nlet lead = part(\"lead\").role(\"lead\").engine(\"euclid\");\n")
        .expect("a file");
    let text = |path: &std::path::Path| path.to_str().expect("a path").to_string();
    let terminal = start_with(&["--follow", &text(&run), "--journal", &text(&journal), &text(&set)]);
    terminal.wait_for("set.rhai");
    terminal.press(b"\x04");
    terminal.wait_for("best 1.250 at 190");
    terminal.wait_for("4321 tokens/s");
    // On a slow machine the screen is there before the part is.
    terminal.wait_for("▌lead");
    terminal.press(b"\r");
    terminal.wait_for(&hash(&run));
    // The run goes on and writes over its model; what was played is kept.
    weights(&run, 4);
    std::thread::sleep(Duration::from_millis(1500));
    terminal.press(b"\r");
    terminal.wait_for(&hash(&run));
    std::thread::sleep(Duration::from_millis(2500));
    terminal.press(b"\x11");
    terminal.ends_restored();
    let told = std::fs::read_to_string(&journal).expect("the journal");
    let engines: Vec<&str> = told.lines().filter(|l| l.contains("[\"engine\",\"lead\",\"lstm:")).collect();
    assert_eq!(engines.len(), 2, "{told}");
    assert!(engines[0] != engines[1] && engines.iter().all(|e| e.contains("played-")), "{told}");
    let replay = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ricercar"));
        let output = command.arg("replay").arg(&journal).arg("-o").arg(&again).output().expect("the program");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_well, said) = replay();
    assert!(is_well && !said.contains("keeps its engine"), "{said}");
    let first = std::fs::read(&again).expect("a file");
    replay();
    assert!(first == std::fs::read(&again).expect("a file"), "two replays are the same bytes");
    // Weights that are gone are said, and the part keeps its engine.
    for entry in std::fs::read_dir(&run)
        .expect("a folder")
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with("played-"))
    {
        std::fs::remove_file(entry.path()).expect("a file");
    }
    assert!(replay().1.contains("keeps its engine"));
    _ = std::fs::remove_dir_all(run);
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        let terminal = start("scripts/first.rhai");
        terminal.wait_for("first.rhai");
        terminal.signal(signal);
        terminal.ends_restored();
    }
}

#[test]
fn every_size_is_drawn_and_none_ends_the_program() {
    let terminal = start("scripts/first.rhai");
    terminal.wait_for("first.rhai");
    for (rows, cols) in [(2, 7), (1, 1), (5, 20), (60, 220), (24, 80)] {
        terminal.resize(rows, cols);
        std::thread::sleep(Duration::from_millis(150));
    }
    terminal.wait_for("first.rhai");
    terminal.press(b"\x11");
    terminal.ends_restored();
}

#[test]
fn a_set_with_an_error_shows_where_and_what() {
    let set = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}.rhai", std::process::id()));
    std::fs::write(&set, "tempo(120);\nlet lead = part(\"lead\");\nlead.densty = 0.5;\n").expect("a file");
    let terminal = start(set.to_str().expect("a path"));
    // The sentence names what was meant.
    terminal.wait_for("density");
    terminal.press(b"\x11");
    terminal.ends_restored();
    _ = std::fs::remove_file(set);
}
