//! Gaps: how far a table is from the real one, in units of what real music differs by.

use super::table::{METRICS, Table};
use crate::music::ROLES;
use serde::Serialize;

/// Tables of all roles.
pub type Tables = [Table; ROLES.len()];

/// No table yet.
pub const EMPTY: Tables = [[None; METRICS.len()]; ROLES.len()];

/// The least share of a real value that counts as a difference.
const SMALLEST: f64 = 0.01;

/// What real music differs by: the distance of two disjoint splits, at least 1 % of the value.
pub fn floors(train: &Tables, reference: &Tables) -> Tables {
    each(|role, line| {
        let (train, reference) = (train[role][line]?, reference[role][line]?);
        let floor = (train - reference).abs().max(SMALLEST * reference.abs());
        (floor > 0.0).then_some(floor)
    })
}

/// |made - asked| / floor.
pub fn gaps(made: &Tables, asked: &Tables, floors: &Tables) -> Tables {
    each(|role, line| Some((made[role][line]? - asked[role][line]?).abs() / floors[role][line]?))
}

fn each(value: impl Fn(usize, usize) -> Option<f64>) -> Tables {
    std::array::from_fn(|role| std::array::from_fn(|line| value(role, line)))
}

/// The gaps of one row in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gap {
    /// Mean over all lines and roles that could be measured.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Means of drums, bass, chords and lead; `None` where nothing could be measured.
    pub roles: [Option<f64>; ROLES.len()],
}

impl Gap {
    /// In short.
    pub fn of(gaps: &Tables) -> Gap {
        let mut all: Vec<f64> = gaps.iter().flatten().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let roles = std::array::from_fn(|role| mean(gaps[role].iter().flatten().copied()));
        Gap { mean: mean(all.iter().copied()).unwrap_or(f64::NAN), median: median(&all), roles }
    }
}

/// The mean of what there is.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn median(sorted: &[f64]) -> f64 {
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    (at(sorted.len() / 2) + at((sorted.len().max(1) - 1) / 2)) / 2.0
}

/// Means and standard deviations over seeds, cell by cell.
pub fn over_seeds(tables: &[Tables]) -> (Tables, Tables) {
    let values = |role: usize, line: usize| tables.iter().filter_map(move |t| t[role][line]);
    let means = each(|role, line| mean(values(role, line)));
    let deviations = each(|role, line| {
        let middle = means[role][line]?;
        let count = values(role, line).count().max(2) as f64;
        let squares: f64 = values(role, line).map(|v| (v - middle) * (v - middle)).sum();
        Some((squares / (count - 1.0)).sqrt())
    });
    (means, deviations)
}

#[cfg(test)]
mod test {
    use super::*;

    fn tables(values: [f64; 3]) -> Tables {
        let mut tables = EMPTY;
        (tables[0][0], tables[0][4], tables[3][1]) = (Some(values[0]), Some(values[1]), Some(values[2]));
        tables
    }

    #[test]
    fn a_gap_is_counted_in_differences_of_real_music() {
        let (train, reference) = (tables([0.1, 2.0, 4.0]), tables([0.2, 2.0, 4.1]));
        let floors = floors(&train, &reference);
        let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
        near(floors[0][0], 0.1);
        near(floors[0][4], 0.02);
        let gaps = gaps(&tables([0.5, 2.1, 4.1]), &reference, &floors);
        near(gaps[0][0], 3.0);
        near(gaps[0][4], 5.0);
        let gap = Gap::of(&gaps);
        near(Some(gap.mean), 8.0 / 3.0);
        near(Some(gap.median), 3.0);
        assert_eq!((gap.roles[0].map(|g| g.round()), gap.roles[1], gap.roles[3]), (Some(4.0), None, Some(0.0)));
    }

    #[test]
    fn seeds_have_a_mean_and_a_deviation() {
        let (mean, deviation) = over_seeds(&[tables([1.0, 2.0, 3.0]), tables([3.0, 2.0, 3.0])]);
        assert_eq!((mean[0][0], mean[0][4], mean[1][0]), (Some(2.0), Some(2.0), None));
        assert_eq!((deviation[0][0], deviation[0][4]), (Some(2f64.sqrt()), Some(0.0)));
    }
}
