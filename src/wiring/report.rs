//! How a performance went: one compact block for its end.

use crate::message::{Playhead, TasteCounts};
use std::fmt::{Display, Formatter, Result};

/// What is told at the end of a set.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// The player's last word.
    pub head: Playhead,
    /// Time that planning one step of the whole band took: p50 and p99 in microseconds.
    pub plan_us: (u32, u32),
    /// Choices of the ear.
    pub taste: TasteCounts,
    /// Engine failures that were covered up.
    pub engine_faults: u64,
    /// Events that outputs lost.
    pub lost_events: u64,
}

impl Report {
    /// True when every step was played as planned.
    pub fn is_in_time(&self) -> bool {
        self.head.late_steps + self.head.silent_steps + self.lost_events == 0
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let head = &self.head;
        let ms = |us: u32| format!("{:.2}", f64::from(us) / 1000.0);
        let [p50, p99, max] = head.lateness_whole_us.map(ms);
        let priority = if head.is_real_time { "real-time priority" } else { "no real-time priority" };
        writeln!(f, "lateness  p50 {p50}, p99 {p99}, max {max} ms ({priority})")?;
        let (steps, late, silent) = (head.handed.0, head.late_steps, head.silent_steps);
        writeln!(f, "steps     {steps} handed over, late steps {late}, silent steps {silent}")?;
        let (p50, p99) = (ms(self.plan_us.0), ms(self.plan_us.1));
        writeln!(f, "planning  p50 {p50}, p99 {p99} ms a step; engine faults {}", self.engine_faults)?;
        if self.taste != TasteCounts::default() {
            let TasteCounts { ranked, unranked } = self.taste;
            writeln!(f, "taste     {ranked} bars ranked, {unranked} unranked")?;
        }
        write!(f, "notes     {} sent, {} events lost", head.notes_on, self.lost_events)
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::player::Core;
    use crate::time::{Nanos, StepIndex};

    #[test]
    fn a_report_is_one_compact_block() {
        let head = Playhead {
            handed: StepIndex(2048),
            late_steps: 1,
            notes_on: 4312,
            lateness_whole_us: [38, 121, 2400],
            ..Core::new().playhead(Nanos(0))
        };
        let taste = TasteCounts { ranked: 24, unranked: 3 };
        let report = Report { head, plan_us: (212, 640), taste, engine_faults: 2, lost_events: 0 };
        let expected = "lateness  p50 0.04, p99 0.12, max 2.40 ms (no real-time priority)
steps     2048 handed over, late steps 1, silent steps 0
planning  p50 0.21, p99 0.64 ms a step; engine faults 2
taste     24 bars ranked, 3 unranked
notes     4312 sent, 0 events lost";
        assert_eq!(report.to_string(), expected);
        assert!(!report.is_in_time());
        assert!(!Report { taste: TasteCounts::default(), ..report }.to_string().contains("taste"));
    }
}
