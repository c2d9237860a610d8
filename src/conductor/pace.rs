//! Pace: how far the plan leaps when it cannot keep up.
//!
//! An engine that is slower than the music would make every step a little too late. So a step that was missed takes the
//! next ones with it: they are left to the player's memory, and the first step behind the leap can be in time.

/// Longest leap, in steps: a bar of four quarters.
const LEAP_MAX: u64 = 16;
/// After so many steps in a row that were in time the next leap is half as long.
const CALM_STEPS: u64 = 16;

/// How far to leap at the next missed step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// False in a replay, whose journal says which steps were missed.
    is_kept: bool,
    leap: u64,
    in_time: u64,
}

impl Pace {
    /// A pace that is kept.
    pub fn kept() -> Pace {
        Pace { is_kept: true, ..Pace::default() }
    }

    /// A step was played as planned.
    pub fn in_time(&mut self) {
        self.in_time += 1;
        if self.in_time >= CALM_STEPS {
            (self.in_time, self.leap) = (0, self.leap / 2);
        }
    }

    /// A step was missed: how many steps behind it are given up with it.
    pub fn missed(&mut self) -> u64 {
        self.in_time = 0;
        if self.is_kept {
            self.leap = (2 * self.leap).clamp(1, LEAP_MAX);
        }
        self.leap
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn leaps_grow_while_steps_are_missed_and_shrink_when_all_is_well() {
        let mut pace = Pace::kept();
        assert_eq!([0; 6].map(|_| pace.missed()), [1, 2, 4, 8, 16, 16]);
        (0..3 * CALM_STEPS).for_each(|_| pace.in_time());
        assert_eq!(pace.missed(), 4);
        (0..CALM_STEPS - 1).for_each(|_| pace.in_time());
        assert_eq!(pace.missed(), 8, "a bar is not calm before it is over");
        (0..CALM_STEPS * 9).for_each(|_| pace.in_time());
        assert_eq!(pace.missed(), 1);
    }

    #[test]
    fn a_replay_never_leaps_by_itself() {
        let mut pace = Pace::default();
        assert_eq!([0; 3].map(|_| pace.missed()), [0; 3]);
    }
}
