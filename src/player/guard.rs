//! Ends that nobody planned: signals and panics. What sounds is ended first.

use super::Silencer;
use std::sync::Once;
use std::time::Duration;

/// How long an orderly end may take after a signal; then it is forced.
const GRACE: Duration = Duration::from_secs(5);
/// How long the outputs get to fall silent when the end is forced.
const SILENCE: Duration = Duration::from_millis(1500);

/// Calls `quit` once, on a thread of its own, when the process is told to end (SIGTERM, SIGHUP, SIGINT, SIGQUIT on Unix; Ctrl-C and
/// the console's end are left to the system elsewhere). Everything that sounds is silenced before. When the process is still
/// there five seconds later, or on a second signal, the player is ended, `restore` (the terminal, say) is called and the process
/// exits with 128 + the signal's number.
///
/// # Errors
/// When the system refuses the handlers or the thread.
#[cfg(unix)]
pub fn on_signals(
    silencer: Silencer,
    quit: impl FnOnce(i32) + Send + 'static,
    restore: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        silencer.silence();
        quit(signal);
        let until = std::time::Instant::now() + GRACE;
        while std::time::Instant::now() < until && signals.pending().next().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        silencer.end(SILENCE);
        restore();
        signal_hook::low_level::exit(128 + signal);
    })?;
    Ok(())
}

/// See the Unix form: here the system's own end of the process has to do.
///
/// # Errors
/// None on this system.
#[cfg(not(unix))]
pub fn on_signals(
    _silencer: Silencer,
    _quit: impl FnOnce(i32) + Send + 'static,
    _restore: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    Ok(())
}

/// A panic of any thread silences everything before its message is printed. A thread that can go on without is none of the
/// player's business: the music goes on too. Of several calls the first one counts.
pub fn silence_on_panic(silencer: Silencer) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            silencer.silence();
            before(info);
        }));
    });
}
