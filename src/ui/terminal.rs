//! Terminal: taking it, and giving it back on every way out.
//!
//! One terminal per process, hence statics: the panic hook must find what was entered without any lock.

use super::UiOptions;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, KeyboardEnhancementFlags,
    PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
    supports_keyboard_enhancement,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{BufWriter, Stdout, Write, stdout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};

/// The terminal, written once a frame.
pub(super) type Screen = Terminal<CrosstermBackend<BufWriter<Gate>>>;

static IS_ENTERED: AtomicBool = AtomicBool::new(false);
static HAS_FLAGS: AtomicBool = AtomicBool::new(false);
/// The real stderr while it is turned away; -1 when it is not.
static STDERR: AtomicI32 = AtomicI32::new(-1);
/// Counts threads that own the terminal, so that the hook knows its own.
static OWNER: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static MINE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Standard output while the screen is up; afterwards a hole, so that half a frame left in a buffer is not seen.
pub(super) struct Gate(Stdout);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if IS_ENTERED.load(SeqCst) { self.0.write(bytes) } else { Ok(bytes.len()) }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        if IS_ENTERED.load(SeqCst) { self.0.flush() } else { Ok(()) }
    }
}

/// Takes the terminal.
///
/// # Errors
/// When standard output is no terminal, or cannot be written.
pub(super) fn enter(options: &UiOptions) -> anyhow::Result<Screen> {
    install_hook();
    let owner = OWNER.fetch_add(1, SeqCst) + 1;
    MINE.with(|m| m.set(owner));
    enable_raw_mode()
        .map_err(|e| anyhow::anyhow!("this is no terminal to draw on ({e}): use --no-tui to play without"))?;
    turn_stderr_away(options.stderr_log.as_deref());
    IS_ENTERED.store(true, SeqCst);
    let result = (|| {
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, SetTitle("ricercar"))?;
        if options.mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, Gate(stdout()))))
    })();
    result.map_err(|e| {
        leave();
        anyhow::anyhow!("the terminal cannot be drawn on: {e}")
    })
}

/// Turns on the kitty keyboard protocol where it is known. Waits for the terminal's answer (at most two seconds), so it
/// is called after the first frame and before anything else reads the input.
pub(super) fn ask_for_keys() {
    if supports_keyboard_enhancement().unwrap_or(false) {
        let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
        if execute!(stdout(), PushKeyboardEnhancementFlags(flags)).is_ok() {
            HAS_FLAGS.store(true, SeqCst);
        }
    }
}

/// Gives the terminal back. May be called at any time, on any thread, from the panic hook too, and does its work once.
pub(super) fn leave() {
    if !IS_ENTERED.swap(false, SeqCst) {
        return;
    }
    if MINE.try_with(std::cell::Cell::get).unwrap_or(0) == OWNER.load(SeqCst) {
        return restore();
    }
    // The owner may be stuck in a write to a terminal that does not read, with standard output locked: who ends the
    // process from another thread must not wait for that for ever.
    _ = disable_raw_mode();
    let (tell, done) = crossbeam_channel::bounded(1);
    let work = move || {
        restore();
        _ = tell.send(());
    };
    if std::thread::Builder::new().name("restore".into()).spawn(work).is_ok() {
        _ = done.recv_timeout(std::time::Duration::from_millis(300));
    }
    turn_stderr_back();
}

fn restore() {
    // Errors are of no use here: the terminal may be gone.
    let mut out = stdout();
    if HAS_FLAGS.swap(false, SeqCst) {
        _ = execute!(out, PopKeyboardEnhancementFlags);
    }
    _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    _ = disable_raw_mode();
    turn_stderr_back();
}

/// A panic on the thread that owns the screen restores the terminal before it is printed. Any other thread's panic may
/// be caught and played over: it goes to the log file of stderr and leaves the screen alone.
fn install_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if MINE.try_with(std::cell::Cell::get).unwrap_or(0) == OWNER.load(SeqCst) {
                leave();
            }
            before(info);
        }));
    });
}

/// C libraries (ALSA, JACK) write to stderr, right across the screen: sends it to a file meanwhile.
#[cfg(unix)]
fn turn_stderr_away(log: Option<&Path>) {
    use std::os::fd::AsRawFd;
    let open = |path: &Path| std::fs::OpenOptions::new().create(true).append(true).open(path);
    let file = log.and_then(|p| open(p).ok()).or_else(|| open(Path::new("/dev/null")).ok());
    let Some(file) = file else { return };
    // SAFETY: plain calls on descriptors that are open; failures are looked at.
    unsafe {
        let saved = libc::dup(libc::STDERR_FILENO);
        if saved >= 0 {
            if libc::dup2(file.as_raw_fd(), libc::STDERR_FILENO) >= 0 {
                STDERR.store(saved, SeqCst);
            } else {
                libc::close(saved);
            }
        }
    }
}

#[cfg(unix)]
fn turn_stderr_back() {
    let saved = STDERR.swap(-1, SeqCst);
    if saved >= 0 {
        // SAFETY: `saved` was made by `dup` and is closed here alone.
        unsafe {
            libc::dup2(saved, libc::STDERR_FILENO);
            libc::close(saved);
        }
    }
}

#[cfg(not(unix))]
fn turn_stderr_away(_: Option<&Path>) {}

#[cfg(not(unix))]
fn turn_stderr_back() {}
