//! Metre and bars: how the step axis is cut.

use super::{StepIndex, units::TICKS_PER_STEP};
use serde::{Deserialize, Serialize};

/// A time signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metre {
    /// Beats in a bar, 1..=24.
    pub beats: u8,
    /// What a beat is: 2, 4, 8 or 16.
    pub unit: u8,
}

impl Metre {
    /// Common time.
    pub const FOUR_FOUR: Metre = Metre { beats: 4, unit: 4 };

    /// A metre whose bar is a whole number of steps, 1..=48 of them; `None` otherwise.
    pub fn new(beats: u8, unit: u8) -> Option<Metre> {
        let fits = matches!(unit, 1 | 2 | 4 | 8 | 16) && beats > 0;
        let steps = u32::from(beats) * 16 / u32::from(unit.max(1));
        (fits && (1..=crate::limits::BAR_STEPS_MAX).contains(&steps)).then_some(Metre { beats, unit })
    }

    /// Reads `"3/4"`.
    pub fn parse(text: &str) -> Option<Metre> {
        let (beats, unit) = text.trim().split_once('/')?;
        Metre::new(beats.trim().parse().ok()?, unit.trim().parse().ok()?)
    }

    /// Steps (sixteenths) in a bar.
    pub fn bar_steps(self) -> u32 {
        u32::from(self.beats) * 16 / u32::from(self.unit)
    }

    /// Steps in a felt beat: a dotted quarter in 6/8, 9/8 and 12/8, else one unit (a quarter at least a step long).
    pub fn beat_steps(self) -> u32 {
        if self.unit == 8 && self.beats.is_multiple_of(3) && self.beats > 3 {
            6
        } else {
            (16 / u32::from(self.unit)).max(1)
        }
    }
}

impl std::fmt::Display for Metre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.beats, self.unit)
    }
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The step itself.
    pub step: StepIndex,
    /// Bar number from 0.
    pub bar: u64,
    /// Step within the bar, from 0.
    pub step_in_bar: u32,
    /// Metre of the bar.
    pub metre: Metre,
}

impl Place {
    /// True on the first step of a bar.
    pub fn is_bar_line(&self) -> bool {
        self.step_in_bar == 0
    }
    /// True on the first step of a beat.
    pub fn is_beat(&self) -> bool {
        self.step_in_bar.is_multiple_of(self.metre.beat_steps())
    }
    /// First step of this bar.
    pub fn bar_start(&self) -> StepIndex {
        StepIndex(self.step.0 - u64::from(self.step_in_bar))
    }
    /// First step of the next bar.
    pub fn next_bar(&self) -> StepIndex {
        self.bar_start().after(u64::from(self.metre.bar_steps()))
    }
    /// First step of the next beat.
    pub fn next_beat(&self) -> StepIndex {
        let beat = self.metre.beat_steps();
        let next = (self.step_in_bar / beat + 1) * beat;
        self.bar_start().after(u64::from(next.min(self.metre.bar_steps())))
    }
}

/// The bars of a set: metres and the bar lines from which they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarMap {
    changes: Vec<(StepIndex, u64, Metre)>,
}

impl BarMap {
    /// One metre from the start.
    pub fn new(metre: Metre) -> BarMap {
        BarMap { changes: vec![(StepIndex(0), 0, metre)] }
    }

    /// Where `step` stands.
    pub fn place(&self, step: StepIndex) -> Place {
        let at = self.changes.partition_point(|c| c.0 <= step).saturating_sub(1);
        let (start, bar, metre) = self.changes[at];
        let steps = step.0 - start.0;
        let bar_steps = u64::from(metre.bar_steps());
        Place { step, bar: bar + steps / bar_steps, step_in_bar: (steps % bar_steps) as u32, metre }
    }

    /// First step of a bar.
    pub fn bar_start(&self, bar: u64) -> StepIndex {
        let at = self.changes.partition_point(|c| c.1 <= bar).saturating_sub(1);
        let (start, first, metre) = self.changes[at];
        start.after((bar - first) * u64::from(metre.bar_steps()))
    }

    /// From the first bar line at or after `step` on the metre is `metre`; later changes are dropped.
    pub fn set(&mut self, step: StepIndex, metre: Metre) {
        let place = self.place(step);
        let line = if place.is_bar_line() { step } else { place.next_bar() };
        let bar = self.place(line).bar;
        self.changes.retain(|c| c.0 < line);
        if self.changes.last().is_none_or(|c| c.2 != metre) {
            self.changes.push((line, bar, metre));
        }
    }
}

impl Default for BarMap {
    fn default() -> Self {
        BarMap::new(Metre::FOUR_FOUR)
    }
}

// The metre arithmetic above takes a step as a sixteenth.
const _: () = assert!(TICKS_PER_STEP == 240);

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_metre_change_waits_for_the_bar_line() {
        let mut map = BarMap::default();
        map.set(StepIndex(17), Metre::new(3, 4).unwrap());
        assert_eq!(map.place(StepIndex(31)).bar, 1);
        let place = map.place(StepIndex(32 + 12 + 5));
        assert_eq!((place.bar, place.step_in_bar), (3, 5));
        assert_eq!(map.bar_start(3), StepIndex(44));
        assert_eq!(place.next_bar(), StepIndex(56));
    }

    #[test]
    fn compound_metres_beat_in_dotted_quarters() {
        assert_eq!(Metre::parse("6/8").unwrap().beat_steps(), 6);
        assert_eq!(Metre::parse("3/8").unwrap().beat_steps(), 2);
        assert_eq!(Metre::parse("5/4").unwrap().bar_steps(), 20);
        assert_eq!(Metre::parse("4/3"), None);
        assert_eq!(Metre::parse("0/4"), None);
    }
}
