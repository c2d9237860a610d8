//! The one clock of the program: nanoseconds since shortly before its start, monotonic.

use crate::time::Nanos;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The instant that the clock counts from: a second before it was first read, so that "a little earlier" is a time too.
pub fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
    })
}

/// What time it is.
pub fn now() -> Nanos {
    nanos_of(Instant::now())
}

/// A moment of the system's monotonic clock, as ours.
pub fn nanos_of(instant: Instant) -> Nanos {
    Nanos(instant.saturating_duration_since(base()).as_nanos() as u64)
}

/// A moment of ours, as the system's: for absolute waits.
pub fn instant_of(at: Nanos) -> Instant {
    base() + Duration::from_nanos(at.0)
}

/// Asks for real-time scheduling (SCHED_FIFO at `priority` of 1..=99) for the calling thread; true when it was granted.
/// JACK's clients run at 65 by default, so stay below that.
pub fn claim_real_time(priority: u8) -> bool {
    #[cfg(unix)]
    {
        use thread_priority::unix::{
            RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        };
        let Ok(value) = thread_priority::ThreadPriorityValue::try_from(priority.min(99)) else { return false };
        set_thread_priority_and_policy(
            thread_native_id(),
            thread_priority::ThreadPriority::Crossplatform(value),
            ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
        )
        .is_ok()
    }
    #[cfg(not(unix))]
    {
        let _ = priority;
        thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Max).is_ok()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let at = Nanos(now().0 + 12_345);
        assert_eq!(nanos_of(instant_of(at)), at);
    }
}
