//! The time that a run of a script may take.
//!
//! A script answers for what it computes, not for what the machine does beside it: the wall clock is looked at first
//! because it is cheap, and only when it says that time is up is the CPU time of this thread asked for (where the
//! system can tell). So a busy machine does not fail a sound script.

use std::cell::Cell;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
struct Deadline {
    wall: Instant,
    cpu: Option<Duration>,
}

thread_local! {
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
}

/// Starts the countdown for this thread; it ends when the guard is dropped.
pub(super) fn start(budget_ms: u64) -> Guard {
    let budget = Duration::from_millis(budget_ms);
    DEADLINE.set(Some(Deadline { wall: Instant::now() + budget, cpu: cpu_time().map(|t| t + budget) }));
    Guard
}

/// True when the time of this thread's run is up.
pub(super) fn is_over() -> bool {
    DEADLINE
        .get()
        .is_some_and(|d| Instant::now() > d.wall && d.cpu.is_none_or(|end| cpu_time().is_none_or(|t| t > end)))
}

/// Ends the countdown when dropped.
pub(super) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DEADLINE.set(None);
    }
}

/// CPU time that this thread has used; `None` where the system does not tell.
#[cfg(target_os = "linux")]
fn cpu_time() -> Option<Duration> {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes to the struct it is given, which lives on this stack.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) } != 0;
    (!failed).then(|| Duration::new(t.tv_sec.max(0) as u64, t.tv_nsec.clamp(0, 999_999_999) as u32))
}

/// CPU time that this thread has used; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Option<Duration> {
    None
}
