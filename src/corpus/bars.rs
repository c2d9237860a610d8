//! From time signatures in ticks to bar lines on the step grid.

use crate::midi::TimeSignature;
use crate::time::{Metre, TICKS_PER_STEP, Tick};

/// How a file's ticks lie on the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bars {
    /// From a tick on, what is added to the file's ticks: rests in front of an upbeat, bars padded to whole steps. First at 0.
    pub shifts: Vec<(Tick, i64)>,
    /// Bar-line steps and metres, first at 0.
    pub metres: Vec<(u32, Metre)>,
    /// Length in steps up to the bar line at or after the last event.
    pub steps: u32,
}

/// A bar line may be this far from the grid and still be meant on it (rounding of odd divisions).
const TOLERANCE_TICKS: u64 = 8;

impl Bars {
    /// Where a tick of the file falls, in ticks from the first bar line.
    pub fn grid_tick(&self, tick: Tick) -> i64 {
        let at = self.shifts.partition_point(|s| s.0 <= tick).saturating_sub(1);
        tick.0 as i64 + self.shifts.get(at).map_or(0, |s| s.1)
    }

    /// The step nearest to a tick of the file.
    pub fn nearest_step(&self, tick: Tick) -> u32 {
        ((self.grid_tick(tick).max(0) as u64 + TICKS_PER_STEP / 2) / TICKS_PER_STEP) as u32
    }
}

/// Lays out the bars up to `end`.
///
/// A short first bar (an upbeat under a time signature of its own) becomes a full bar of the metre that follows, with
/// rests in front. A metre change inside a bar cuts that bar short; two short bars that make one full bar (around a repeat sign)
/// become one. A single bar that is no whole number of sixteenths is padded with rest; one that is too long becomes bars of 4/4.
///
/// # Errors
/// A sentence when a metre that is no whole number of sixteenths holds for several bars.
pub fn lay_out(signatures: &[(Tick, TimeSignature)], end: Tick) -> Result<Bars, String> {
    let mut changes: Vec<(Tick, TimeSignature)> =
        signatures.iter().filter(|s| s.1.bar_ticks().is_some()).copied().collect();
    if changes.first().is_none_or(|c| c.0.0 > 0) {
        changes.insert(0, (Tick(0), Metre::FOUR_FOUR.into()));
    }
    changes.dedup_by_key(|c| c.1);
    // A change after the last note says nothing about the music.
    changes.retain(|c| c.0 < end || c.0.0 == 0);
    let mut bars = Bars { shifts: Vec::new(), metres: Vec::new(), steps: 0 };
    let mut line = 0;
    if let Some((metre, rest_ticks)) = upbeat(&changes) {
        bars.shifts.push((Tick(0), rest_ticks));
        push(&mut bars.metres, 0, metre);
        line = metre.bar_steps();
        changes.remove(0);
    }
    for (i, (tick, signature)) in changes.iter().enumerate() {
        bars.shifts.push((*tick, i64::from(line) * TICKS_PER_STEP as i64 - tick.0 as i64));
        let length = changes.get(i + 1).map_or(end.0.max(tick.0 + 1), |next| next.0.0) - tick.0;
        let metre = metre_for(*signature, length)?;
        push(&mut bars.metres, line, metre);
        let steps = whole_steps(length);
        let rest = steps % metre.bar_steps();
        if i + 1 < changes.len() && rest > 0 {
            push(&mut bars.metres, line + steps - rest, short_bar(rest)?);
        }
        line += steps;
    }
    join_halves(&mut bars.metres);
    let (last, metre) = bars.metres.last().copied().unwrap_or((0, Metre::FOUR_FOUR));
    bars.steps = last + line.saturating_sub(last).div_ceil(metre.bar_steps()).max(1) * metre.bar_steps();
    Ok(bars)
}

fn push(metres: &mut Vec<(u32, Metre)>, line: u32, metre: Metre) {
    // A metre that held for less than a bar is replaced by the short bar.
    if metres.last().is_some_and(|m| m.0 == line) {
        metres.pop();
    }
    if metres.last().is_none_or(|m| m.1 != metre) {
        metres.push((line, metre));
    }
}

/// The metre of a short first bar made full, and the ticks of rest in front of it.
fn upbeat(changes: &[(Tick, TimeSignature)]) -> Option<(Metre, i64)> {
    let [first, second, ..] = changes else { return None };
    let (bar, next_bar) = (first.1.bar_ticks()?, second.1.bar_ticks()?);
    let metre = second.1.metre()?;
    (second.0.0 == bar && bar < next_bar).then(|| (metre, (next_bar - bar) as i64))
}

/// The metre that stands for a signature which holds for `length` ticks.
fn metre_for(signature: TimeSignature, length: u64) -> Result<Metre, String> {
    if let Some(metre) = signature.metre() {
        return Ok(metre);
    }
    let bar = signature.bar_ticks().unwrap_or(length);
    if bar.is_multiple_of(TICKS_PER_STEP) {
        // Unmeasured music, written as one long bar.
        Ok(Metre::FOUR_FOUR)
    } else if length <= bar {
        short_bar(whole_steps(length).max(1))
    } else {
        Err(format!("the metre {signature} is no whole number of sixteenths"))
    }
}

/// Steps that hold so many ticks: rounded up, but for rounding errors.
fn whole_steps(ticks: u64) -> u32 {
    (ticks.saturating_sub(TOLERANCE_TICKS)).div_ceil(TICKS_PER_STEP) as u32
}

/// The metre of a bar of `steps` steps, with the largest unit that fits.
fn short_bar(steps: u32) -> Result<Metre, String> {
    [4u8, 8, 16]
        .into_iter()
        .find(|unit| steps.is_multiple_of(16 / u32::from(*unit)))
        .and_then(|unit| Metre::new(u8::try_from(steps * u32::from(unit) / 16).ok()?, unit))
        .ok_or_else(|| format!("a bar of {steps} sixteenths is longer than a bar can be"))
}

/// Two short bars in a row that add up to a bar of the metre around them are one bar of it.
fn join_halves(metres: &mut Vec<(u32, Metre)>) {
    let mut at = 0;
    while at + 3 < metres.len() {
        let [around, a, b, again] = [metres[at], metres[at + 1], metres[at + 2], metres[at + 3]];
        let single = b.0 - a.0 == a.1.bar_steps() && again.0 - b.0 == b.1.bar_steps();
        let whole = a.1.bar_steps() + b.1.bar_steps() == around.1.bar_steps();
        if around.1 == again.1 && single && whole {
            metres.drain(at + 1..at + 4);
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn signature(text: &str) -> TimeSignature {
        let (beats, unit) = text.split_once('/').unwrap();
        TimeSignature { beats: beats.parse().unwrap(), unit_power: unit.parse::<u32>().unwrap().trailing_zeros() as u8 }
    }

    /// Shift of the first tick, metres by bar line, steps; or the error.
    type Laid<'a> = Result<(i64, &'a [(u32, &'a str)], u32), &'a str>;

    fn check(changes: &[(u64, &str)], end: u64, expected: Laid) {
        let changes: Vec<_> = changes.iter().map(|(t, s)| (Tick(*t), signature(s))).collect();
        let got = lay_out(&changes, Tick(end)).map(|b| {
            let metres: Vec<_> = b.metres.iter().map(|m| (m.0, m.1.to_string())).collect();
            (b.grid_tick(Tick(0)), metres, b.steps)
        });
        let expected = expected
            .map(|(shift, metres, steps)| {
                (shift, metres.iter().map(|m| (m.0, m.1.to_string())).collect::<Vec<_>>(), steps)
            })
            .map_err(str::to_string);
        assert_eq!(got, expected);
    }

    #[test]
    fn bar_lines_follow_the_time_signatures() {
        check(&[], 3900, Ok((0, &[(0, "4/4")], 32)));
        check(&[(0, "3/4"), (2880 * 2, "4/4")], 2880 * 2 + 10, Ok((0, &[(0, "3/4"), (24, "4/4")], 40)));
        // The same metre again is no change; one after the end does not count.
        check(&[(0, "4/4"), (3840, "4/4"), (9000, "3/4")], 7680, Ok((0, &[(0, "4/4")], 32)));
    }

    #[test]
    fn an_upbeat_becomes_a_full_bar_with_rests_in_front() {
        check(&[(0, "1/4"), (960, "4/4")], 4800, Ok((2880, &[(0, "4/4")], 32)));
        // Even one that is no whole number of sixteenths.
        check(&[(0, "3/32"), (360, "2/4")], 2280, Ok((1560, &[(0, "2/4")], 16)));
    }

    #[test]
    fn a_change_inside_a_bar_cuts_it_short() {
        check(&[(0, "4/4"), (5760, "3/4")], 8640, Ok((0, &[(0, "4/4"), (16, "2/4"), (24, "3/4")], 36)));
        // A sixteenth and a bit is padded to an eighth.
        check(&[(0, "4/4"), (4140, "3/4")], 7020, Ok((0, &[(0, "4/4"), (16, "1/8"), (18, "3/4")], 30)));
    }

    #[test]
    fn halves_of_a_bar_around_a_repeat_sign_are_one_bar() {
        let changes = [(0, "4/4"), (3840, "3/4"), (6720, "1/4"), (7680, "4/4")];
        check(&changes, 11520, Ok((0, &[(0, "4/4")], 48)));
        let changes = [(0, "4/4"), (3840, "3/4"), (6720, "2/4"), (8640, "4/4")];
        check(&changes, 12480, Ok((0, &[(0, "4/4"), (16, "3/4"), (28, "2/4"), (36, "4/4")], 52)));
    }

    #[test]
    fn strange_metres_are_padded_or_refused() {
        check(&[(0, "28/4")], 26880, Ok((0, &[(0, "4/4")], 112)));
        check(
            &[(0, "4/4"), (3840, "5/32"), (4440, "4/4")],
            8280,
            Ok((0, &[(0, "4/4"), (16, "3/16"), (19, "4/4")], 35)),
        );
        check(&[(0, "5/32")], 8640, Err("the metre 5/32 is no whole number of sixteenths"));
    }
}
