//! Even rhythms and the weight of places in a bar.

use crate::time::Place;

/// True when `at` is one of `onsets` places spread evenly over `steps`, the first on `rotation`.
pub fn is_onset(onsets: u32, steps: u32, rotation: u32, at: u32) -> bool {
    let steps = steps.max(1);
    let onsets = onsets.min(steps);
    let at = (at + steps - rotation % steps) % steps;
    (at * onsets) % steps < onsets
}

/// Steps from `at` to the next onset after it, within one turn of the pattern; to the end of the bar at most.
pub fn steps_to_next(onsets: u32, steps: u32, rotation: u32, at: u32) -> u32 {
    (at + 1..steps).find(|next| is_onset(onsets, steps, rotation, *next)).unwrap_or(steps) - at
}

/// Metric weight: 1 on the bar line, less on the half bar, the beat, the half beat; 0.1 between.
pub fn strength(place: &Place) -> f32 {
    let (bar, beat, at) = (place.metre.bar_steps(), place.metre.beat_steps(), place.step_in_bar);
    let is_half_bar = (bar / beat).is_multiple_of(2) && at * 2 == bar;
    match at {
        0 => 1.0,
        _ if is_half_bar => 0.8,
        _ if at.is_multiple_of(beat) => 0.6,
        _ if (at % beat) * 2 == beat => 0.3,
        _ => 0.1,
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::{BarMap, Metre, StepIndex};

    #[test]
    fn onsets_are_spread_evenly() {
        let pattern = |k, n, r| (0..n).filter(|at| is_onset(k, n, r, *at)).collect::<Vec<_>>();
        assert_eq!(pattern(3, 8, 0), [0, 3, 6]);
        assert_eq!(pattern(4, 16, 0), [0, 4, 8, 12]);
        assert_eq!(pattern(4, 16, 2), [2, 6, 10, 14]);
        for n in 1..=48 {
            for k in 0..=n {
                assert_eq!(pattern(k, n, k % 3).len() as u32, k, "{k} of {n}");
            }
        }
        assert_eq!(pattern(99, 5, 0).len(), 5);
        assert_eq!((steps_to_next(3, 8, 0, 0), steps_to_next(3, 8, 0, 6)), (3, 2));
    }

    #[test]
    fn the_bar_line_is_the_strongest_place() {
        for (beats, unit) in [(4, 4), (3, 4), (6, 8), (7, 8), (5, 4), (12, 8), (1, 16)] {
            let map = BarMap::new(Metre::new(beats, unit).unwrap());
            let bar = map.place(StepIndex(0)).metre.bar_steps();
            for step in 1..bar {
                assert!(strength(&map.place(StepIndex(u64::from(step)))) < strength(&map.place(StepIndex(0))));
            }
        }
    }
}
