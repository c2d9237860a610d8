//! From time signatures in ticks to bar lines on the step grid.

use crate::midi::TimeSignature;
use crate::time::{Metre, TICKS_PER_STEP, Tick};

/// How a file's ticks lie on the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bars {
    /// Added to every tick of the file before it is divided into steps: the rests in front of an upbeat.
    pub shift_ticks: u64,
    /// Bar-line steps and metres, first at 0.
    pub metres: Vec<(u32, Metre)>,
    /// Length in steps up to the bar line at or after the last event.
    pub steps: u32,
}

/// A bar line may be this far from the grid and still be meant on it (rounding of odd divisions).
const TOLERANCE_TICKS: u64 = 8;

/// Lays out the bars up to `end`.
///
/// A short first bar (an upbeat under a time signature of its own) becomes a full bar of the metre that follows, with
/// rests in front. A metre change inside a bar cuts that bar short.
///
/// # Errors
/// A sentence when a metre or a cut bar is no whole number of sixteenths, or longer than a bar can be.
pub fn lay_out(signatures: &[(Tick, TimeSignature)], end: Tick) -> Result<Bars, String> {
    let mut changes: Vec<(Tick, TimeSignature)> =
        signatures.iter().filter(|s| s.1.bar_ticks().is_some()).copied().collect();
    if changes.first().is_none_or(|c| c.0.0 > 0) {
        changes.insert(0, (Tick(0), Metre::FOUR_FOUR.into()));
    }
    changes.dedup_by_key(|c| c.1);
    // A change after the last note says nothing about the music.
    changes.retain(|c| c.0 < end || c.0.0 == 0);
    let shift_ticks = upbeat(&mut changes)?;
    let mut metres: Vec<(u32, Metre)> = Vec::new();
    let mut line = 0;
    for (i, (tick, signature)) in changes.iter().enumerate() {
        let metre =
            signature.metre().ok_or_else(|| format!("the metre {signature} is no whole number of sixteenths"))?;
        push(&mut metres, line, metre);
        let Some(next) = changes.get(i + 1) else { break };
        let steps = whole_steps(next.0.0 - tick.0)?;
        let rest = steps % metre.bar_steps();
        if rest > 0 {
            push(&mut metres, line + steps - rest, short_bar(rest)?);
        }
        line += steps;
    }
    let (last, metre) = metres.last().copied().unwrap_or((0, Metre::FOUR_FOUR));
    let to_end = ((end.0 + shift_ticks).div_ceil(TICKS_PER_STEP) as u32).saturating_sub(last);
    Ok(Bars { shift_ticks, metres, steps: last + to_end.div_ceil(metre.bar_steps()).max(1) * metre.bar_steps() })
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

/// Turns a short first bar into a full one; gives the length of the rests that go in front.
fn upbeat(changes: &mut Vec<(Tick, TimeSignature)>) -> Result<u64, String> {
    let [first, second, ..] = changes.as_slice() else { return Ok(0) };
    let (first, second) = (*first, *second);
    let (Some(bar), Some(next_bar)) = (first.1.bar_ticks(), second.1.bar_ticks()) else { return Ok(0) };
    if second.0.0 != bar || bar >= next_bar {
        return Ok(0);
    }
    changes.remove(0);
    // Later changes move with the music.
    let shift = next_bar - bar;
    for change in changes.iter_mut() {
        change.0.0 += shift;
    }
    changes[0].0 = Tick(0);
    Ok(shift)
}

fn whole_steps(ticks: u64) -> Result<u32, String> {
    let steps = (ticks + TICKS_PER_STEP / 2) / TICKS_PER_STEP;
    if ticks.abs_diff(steps * TICKS_PER_STEP) > TOLERANCE_TICKS {
        return Err("a metre change stands off the sixteenth grid".into());
    }
    Ok(steps as u32)
}

/// The metre of a bar of `steps` steps, with the largest unit that fits.
fn short_bar(steps: u32) -> Result<Metre, String> {
    [4u8, 8, 16]
        .into_iter()
        .find(|unit| steps.is_multiple_of(16 / u32::from(*unit)))
        .and_then(|unit| Metre::new(u8::try_from(steps * u32::from(unit) / 16).ok()?, unit))
        .ok_or_else(|| format!("a bar of {steps} sixteenths is longer than a bar can be"))
}

#[cfg(test)]
mod test {
    use super::*;

    fn signature(text: &str) -> TimeSignature {
        let (beats, unit) = text.split_once('/').unwrap();
        TimeSignature { beats: beats.parse().unwrap(), unit_power: unit.parse::<u32>().unwrap().trailing_zeros() as u8 }
    }

    fn check(changes: &[(u64, &str)], end: u64, expected: Result<(u64, &[(u32, &str)], u32), &str>) {
        let changes: Vec<_> = changes.iter().map(|(t, s)| (Tick(*t), signature(s))).collect();
        let got = lay_out(&changes, Tick(end)).map(|b| {
            let metres: Vec<_> = b.metres.iter().map(|m| (m.0, m.1.to_string())).collect();
            (b.shift_ticks, metres, b.steps)
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
        check(&[], 3841, Ok((0, &[(0, "4/4")], 32)));
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
        check(&[(0, "4/4"), (3900, "3/4")], 8640, Err("a metre change stands off the sixteenth grid"));
        check(&[(0, "5/32")], 8640, Err("the metre 5/32 is no whole number of sixteenths"));
    }
}
