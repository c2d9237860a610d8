//! The one clock of the program: nanoseconds since a moment shortly before its start, monotonic.

use crate::time::Nanos;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The clock starts here and not at zero, so that "a little before the start" is a time too.
const START_NS: u64 = 1_000_000_000;

fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

/// What time it is.
pub fn now() -> Nanos {
    nanos_of(Instant::now())
}

/// A moment of the system's monotonic clock, as ours.
pub fn nanos_of(instant: Instant) -> Nanos {
    Nanos(START_NS + instant.saturating_duration_since(base()).as_nanos() as u64)
}

/// A moment of ours, as the system's: for absolute waits.
pub fn instant_of(at: Nanos) -> Instant {
    base() + Duration::from_nanos(at.0.saturating_sub(START_NS))
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
