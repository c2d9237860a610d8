//! Signals: numbers that are a pure function of musical time.

use crate::music::{Chance, Purpose};
use crate::time::Place;
use std::sync::Arc;

/// When a signal is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Where the step stands.
    pub place: Place,
    /// Steps since the section (or the set) began.
    pub steps_in_section: u64,
    /// Chance of the set; signals fold their own address in.
    pub chance: Chance,
}

/// An expression over musical time. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// The same for ever.
    Constant(f32),
    /// Anything that moves.
    Moving(Arc<Moving>),
}

/// The moving kinds. Periods are in steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Moving {
    /// A sine between two values; begins in the middle, rising.
    Sine { low: f32, high: f32, period_steps: f32 },
    /// A straight line that starts again each period.
    Ramp { from: f32, to: f32, period_steps: f32 },
    /// A straight line from the start of the section, once; then it stays.
    Rise { from: f32, to: f32, period_steps: f32 },
    /// Random values met smoothly, one each period.
    Walk { low: f32, high: f32, period_steps: f32, id: u64 },
    /// One value after another, each for some steps.
    Steps { values: Vec<f32>, each_steps: f32 },
    /// A random one of the values, drawn anew each period.
    Choose { values: Vec<f32>, each_steps: f32, id: u64 },
    /// `high` on the onsets of a euclidean rhythm, `low` elsewhere; each place of the rhythm lasts `each_steps`.
    Euclid { onsets: u32, of: u32, rotate: u32, low: f32, high: f32, each_steps: f32 },
    /// Sum.
    Add(Signal, Signal),
    /// Difference.
    Sub(Signal, Signal),
    /// Product.
    Mul(Signal, Signal),
    /// Quotient; by zero it is zero.
    Div(Signal, Signal),
    /// Kept between two bounds.
    Clamp { of: Signal, low: f32, high: f32 },
}

/// Most pieces in one expression: what a hand would type, and a bound on the work that one knob can cause.
pub const SIGNAL_PIECES_MAX: usize = 64;
/// Shortest period, in steps.
const PERIOD_MIN: f32 = 0.25;

impl Signal {
    /// The same signal with another period: the length of a cycle, or of one value for those that step.
    /// In an expression every moving piece takes it. `steps` below a quarter step count as a quarter step.
    pub fn with_period(&self, steps: f32) -> Signal {
        match self {
            Signal::Constant(_) => self.clone(),
            Signal::Moving(moving) => moving.with_period(steps.max(PERIOD_MIN)).into(),
        }
    }
    /// Pieces in the expression, counted up to one past [`SIGNAL_PIECES_MAX`].
    pub fn pieces(&self) -> usize {
        fn count(signal: &Signal, budget: usize) -> usize {
            let Signal::Moving(moving) = signal else { return 1 };
            match &**moving {
                _ if budget == 0 => 1,
                Moving::Add(a, b) | Moving::Sub(a, b) | Moving::Mul(a, b) | Moving::Div(a, b) => {
                    let left = 1 + count(a, budget - 1);
                    left + count(b, budget.saturating_sub(left))
                }
                Moving::Clamp { of, .. } => 1 + count(of, budget - 1),
                _ => 1,
            }
        }
        count(self, SIGNAL_PIECES_MAX + 1).min(SIGNAL_PIECES_MAX + 1)
    }
    /// The value at a moment. Never fails; numbers that are none come out as they are and are clamped by the reader.
    pub fn at(&self, moment: &Moment) -> f32 {
        match self {
            Signal::Constant(value) => *value,
            Signal::Moving(moving) => moving.at(moment),
        }
    }
    /// True when the value can change with time.
    pub fn is_moving(&self) -> bool {
        matches!(self, Signal::Moving(_))
    }
}

impl From<Moving> for Signal {
    fn from(moving: Moving) -> Signal {
        Signal::Moving(Arc::new(moving))
    }
}

impl Moving {
    fn with_period(&self, steps: f32) -> Moving {
        let mut moving = self.clone();
        match &mut moving {
            Moving::Sine { period_steps, .. }
            | Moving::Ramp { period_steps, .. }
            | Moving::Rise { period_steps, .. }
            | Moving::Walk { period_steps, .. } => {
                *period_steps = steps;
            }
            Moving::Steps { each_steps, .. }
            | Moving::Choose { each_steps, .. }
            | Moving::Euclid { each_steps, .. } => {
                *each_steps = steps;
            }
            Moving::Add(a, b) | Moving::Sub(a, b) | Moving::Mul(a, b) | Moving::Div(a, b) => {
                *a = a.with_period(steps);
                *b = b.with_period(steps);
            }
            Moving::Clamp { of, .. } => *of = of.with_period(steps),
        }
        moving
    }

    fn at(&self, m: &Moment) -> f32 {
        let step = m.place.step.0;
        // Whole periods so far and the fraction of this one; in f64, so that it holds after hours.
        let phase = |period: f32| {
            let at = step as f64 / f64::from(period.max(PERIOD_MIN));
            (at as u64, at.fract() as f32)
        };
        let draw = |id: u64, index: u64| m.chance.fold(id).unit(Purpose::Signal, index, 0);
        match self {
            Moving::Sine { low, high, period_steps } => {
                low + (high - low) * (0.5 + 0.5 * sine_of_turn(phase(*period_steps).1))
            }
            Moving::Ramp { from, to, period_steps } => from + (to - from) * phase(*period_steps).1,
            Moving::Rise { from, to, period_steps } => {
                let way = m.steps_in_section as f64 / f64::from(period_steps.max(PERIOD_MIN));
                from + (to - from) * way.min(1.0) as f32
            }
            Moving::Walk { low, high, period_steps, id } => {
                let (index, t) = phase(*period_steps);
                let smooth = t * t * (3.0 - 2.0 * t);
                let (a, b) = (draw(*id, index), draw(*id, index + 1));
                low + (high - low) * (a + (b - a) * smooth)
            }
            Moving::Steps { values, each_steps } => {
                let index = phase(*each_steps).0 % values.len().max(1) as u64;
                values.get(index as usize).copied().unwrap_or(0.0)
            }
            Moving::Choose { values, each_steps, id } => {
                let index = phase(*each_steps).0;
                let pick = m.chance.fold(*id).below(Purpose::Signal, index, 1, values.len() as u64);
                values.get(pick as usize).copied().unwrap_or(0.0)
            }
            Moving::Euclid { onsets, of, rotate, low, high, each_steps } => {
                let of = u64::from((*of).max(1));
                let at = (phase(*each_steps).0 + u64::from(*rotate)) % of;
                let is_onset = at * u64::from(*onsets) % of < u64::from(*onsets);
                if is_onset { *high } else { *low }
            }
            Moving::Add(a, b) => a.at(m) + b.at(m),
            Moving::Sub(a, b) => a.at(m) - b.at(m),
            Moving::Mul(a, b) => a.at(m) * b.at(m),
            Moving::Div(a, b) => {
                let by = b.at(m);
                if by == 0.0 { 0.0 } else { a.at(m) / by }
            }
            Moving::Clamp { of, low, high } => of.at(m).max(*low).min(*high),
        }
    }
}

/// Sine of a fraction of a turn, by a polynomial (the system's `sin` differs between machines).
/// Error below 1e-4, plenty for a knob. The polynomial is Taylor's of degree 9 on a quarter turn.
pub(super) fn sine_of_turn(turn: f32) -> f32 {
    let t = turn - turn.floor();
    let (sign, t) = if t >= 0.5 { (-1.0, t - 0.5) } else { (1.0, t) };
    let t = if t > 0.25 { 0.5 - t } else { t };
    let x = t * std::f32::consts::TAU;
    let x2 = x * x;
    let sine = x * (1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0))));
    // The polynomial ends a hair above 1: a knob's bounds are bounds.
    sign * sine.min(1.0)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::{BarMap, StepIndex};

    fn at(signal: &Signal, step: u64) -> f32 {
        let place = BarMap::default().place(StepIndex(step));
        signal.at(&Moment { place, steps_in_section: step, chance: Chance::new(1) })
    }

    #[test]
    fn a_sine_is_a_sine() {
        let s: Signal = Moving::Sine { low: -1.0, high: 1.0, period_steps: 64.0 }.into();
        for step in 0..200 {
            let expected = (step as f64 / 64.0 * std::f64::consts::TAU).sin() as f32;
            assert!((at(&s, step) - expected).abs() < 1e-4, "{step}");
        }
    }

    #[test]
    fn random_signals_stay_in_range_and_come_again() {
        let walk: Signal = Moving::Walk { low: 2.0, high: 3.0, period_steps: 5.0, id: 7 }.into();
        let choose: Signal = Moving::Choose { values: vec![1.0, 2.0], each_steps: 4.0, id: 7 }.into();
        for step in 0..500 {
            assert!((2.0..=3.0).contains(&at(&walk, step)));
            assert!([1.0, 2.0].contains(&at(&choose, step)));
            assert_eq!(at(&walk, step), at(&walk.clone(), step));
        }
        assert!((0..100).any(|s| at(&choose, s * 4) == 1.0) && (0..100).any(|s| at(&choose, s * 4) == 2.0));
    }

    #[test]
    fn a_rise_goes_once_and_stays() {
        let s: Signal = Moving::Rise { from: 1.0, to: 3.0, period_steps: 16.0 }.into();
        assert_eq!([0, 8, 16, 900].map(|step| at(&s, step)), [1.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn a_euclidean_signal_has_its_onsets() {
        let s: Signal = Moving::Euclid { onsets: 3, of: 8, rotate: 0, low: 0.0, high: 1.0, each_steps: 1.0 }.into();
        let got: String = (0..8).map(|i| if at(&s, i) > 0.5 { 'x' } else { '.' }).collect();
        assert_eq!(got.matches('x').count(), 3);
        assert!(got.starts_with('x'));
    }
    #[test]
    fn an_expression_takes_a_period_and_is_counted_within_bounds() {
        let sine: Signal = Moving::Sine { low: 0.0, high: 1.0, period_steps: 16.0 }.into();
        let sum: Signal = Moving::Add(sine.clone(), Signal::Constant(1.0)).into();
        let slow = sum.with_period(64.0);
        assert_eq!(at(&slow, 16), 2.0);
        assert_eq!((sine.pieces(), sum.pieces()), (1, 3));
        // Doubling an expression doubles its size, not the work of counting it.
        let mut doubled = sine;
        for _ in 0..60 {
            doubled = Moving::Add(doubled.clone(), doubled).into();
        }
        assert!(doubled.pieces() > SIGNAL_PIECES_MAX);
    }
}
