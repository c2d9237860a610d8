//! Sixty-four numbers of a window: what the frozen classifier and the Fréchet distance see of it.

use super::roll::Roll;
use super::windows::{Case, Take};
use crate::music::{Role, kit};

/// How many.
pub const FEATURES: usize = 64;
/// The numbers of one window.
pub type Features = [f64; FEATURES];

/// Where each group begins: pitch classes above the root (12; drums: kit rows, 13 of them), then as named.
const ONSETS: usize = 12;
const LENGTHS: usize = 28;
const VELOCITIES: usize = 36;
const INTERVALS: usize = 44;
const POLYPHONY: usize = 56;
const REGISTER: usize = 60;
const DENSITY: usize = 62;

/// The numbers of a take: histograms of pitch classes relative to the chord's root (12), of onsets in the bar (16), lengths (8),
/// velocities (8, drums only: much notated music has none of its own), intervals of the top line modulo an octave (12), polyphony (4);
/// mean and deviation of pitch, notes in each bar.
pub fn features(case: &Case, take: &Take) -> Features {
    let role = case.window.role;
    let roll = Roll::new(role, take);
    let mut f = [0.0; FEATURES];
    let share = 1.0 / roll.notes.len().max(1) as f64;
    for note in &roll.notes {
        let root = case.roots.get(note.step).copied().unwrap_or(0);
        let class = if role.is_pitched() {
            usize::from((note.pitch + 12 - root) % 12)
        } else {
            // The last row takes the first place of the intervals, which drums have not.
            kit::row_of(note.pitch).map_or(0, |row| if row < 12 { row } else { INTERVALS })
        };
        f[class] += share;
        f[ONSETS + (note.step % roll.bar_steps).min(15)] += share;
        f[LENGTHS + length_class(note.length)] += share;
        if role == Role::Drums {
            f[VELOCITIES + usize::from(note.velocity.min(127) / 16)] += share;
        }
        f[DENSITY + note.step / roll.bar_steps] += 1.0;
    }
    if role.is_pitched() {
        intervals(&roll, &mut f);
        let pitch = |n: &super::roll::RollNote| f64::from(n.pitch);
        let mean = roll.notes.iter().map(pitch).sum::<f64>() * share;
        let squares: f64 = roll.notes.iter().map(|n| (pitch(n) - mean).powi(2)).sum();
        (f[REGISTER], f[REGISTER + 1]) = (mean, (squares * share).sqrt());
    }
    for cells in &roll.cells {
        let count = cells.count_ones() as usize;
        if count > 0 {
            f[POLYPHONY + (count - 1).min(3)] += 1.0 / roll.cells.len() as f64;
        }
    }
    f
}

fn length_class(length: usize) -> usize {
    match length {
        0..=4 => length.max(1) - 1,
        5..=6 => 4,
        7..=8 => 5,
        9..=16 => 6,
        _ => 7,
    }
}

fn intervals(roll: &Roll, f: &mut Features) {
    let tops: Vec<u32> = roll.onsets.iter().filter(|o| **o != 0).map(|o| 127 - o.leading_zeros()).collect();
    for pair in tops.windows(2) {
        f[INTERVALS + ((pair[1] + 120 - pair[0]) % 12) as usize] += 1.0 / (tops.len() - 1) as f64;
    }
}

/// Means and deviations that bring features to one scale; a feature that never changes counts nothing.
pub struct Scale {
    mean: Features,
    weight: Features,
}

impl Scale {
    /// The scale of some windows.
    pub fn of(all: &[Features]) -> Scale {
        let count = all.len().max(1) as f64;
        let mean: Features = std::array::from_fn(|i| all.iter().map(|f| f[i]).sum::<f64>() / count);
        let weight = std::array::from_fn(|i| {
            let variance = all.iter().map(|f| (f[i] - mean[i]).powi(2)).sum::<f64>() / count;
            if variance > 1e-9 { 1.0 / variance.sqrt() } else { 0.0 }
        });
        Scale { mean, weight }
    }

    /// Features on this scale, at most ten deviations from the mean.
    pub fn apply(&self, f: &Features) -> Features {
        std::array::from_fn(|i| ((f[i] - self.mean[i]) * self.weight[i]).clamp(-10.0, 10.0))
    }
}

#[cfg(test)]
mod test {
    use super::super::roll::test::take;
    use super::super::windows::Window;
    use super::*;
    use crate::corpus::Corpus;
    use crate::train::{gan_data, gan_data::test::piece};

    #[test]
    fn histograms_add_up_and_follow_the_chord() {
        let corpus = Corpus { pieces: vec![piece("a", "4/4", 2, &[(0, Role::Lead, 60, 1)])], ..Corpus::default() };
        let bars = gan_data::bars(&corpus.pieces[0]).try_into().unwrap();
        let case = Case::new(&corpus, Window { piece: 0, role: Role::Lead, bars });
        // C over C, then G and an octave over G7.
        let f = features(&case, &take(16, &[(0, 60, 4), (20, 67, 1), (21, 79, 11)]));
        assert!((f[0] - 1.0).abs() < 1e-9 && (f[..12].iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((f[ONSETS..LENGTHS].iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!((f[INTERVALS + 7], f[INTERVALS], f[DENSITY], f[DENSITY + 1]), (0.5, 0.5, 1.0, 2.0));
        assert_eq!(f[POLYPHONY], 16.0 / 32.0);
        assert_eq!(f[VELOCITIES..INTERVALS], [0.0; 8]);
        let scale = Scale::of(&[f, f]);
        assert_eq!(scale.apply(&f), [0.0; FEATURES]);
    }
}
