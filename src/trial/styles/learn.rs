//! A classifier of many classes: softmax over scaled numbers, with weight decay, by plain gradient descent. It is fitted to real music
//! once and then frozen.

/// Steps of gradient descent.
const STEPS: usize = 400;
const RATE: f64 = 0.5;
const DECAY: f64 = 2e-3;

/// A fitted classifier.
#[derive(Clone, Debug)]
pub struct Classifier {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// For each class a weight a number, and a bias.
    weights: Vec<Vec<f64>>,
}

impl Classifier {
    /// Fits classes 0..`classes` to rows of equal length; every class counts the same, however many rows it has.
    pub fn fit(rows: &[(Vec<f64>, usize)], classes: usize) -> Classifier {
        let width = rows.first().map_or(0, |r| r.0.len());
        let count = rows.len().max(1) as f64;
        let mut mean = vec![0.0; width];
        rows.iter().for_each(|(x, _)| mean.iter_mut().zip(x).for_each(|(m, x)| *m += x / count));
        let mut scale = vec![0.0; width];
        rows.iter().for_each(|(x, _)| {
            scale.iter_mut().zip(x.iter().zip(&mean)).for_each(|(s, (x, m))| *s += (x - m).powi(2) / count)
        });
        scale.iter_mut().for_each(|s| *s = 1.0 / s.sqrt().max(1e-6));
        let mut told = Classifier { mean, scale, weights: vec![vec![0.0; width + 1]; classes] };
        let scaled: Vec<(Vec<f64>, usize)> = rows.iter().map(|(x, class)| (told.scaled(x), *class)).collect();
        let mut sizes = vec![0.0f64; classes];
        rows.iter().for_each(|r| sizes[r.1] += 1.0);
        for _ in 0..STEPS {
            told.descend(&scaled, &sizes);
        }
        told
    }

    fn scaled(&self, x: &[f64]) -> Vec<f64> {
        // Far outliers say no more than near ones.
        x.iter().zip(&self.mean).zip(&self.scale).map(|((x, m), s)| ((x - m) * s).clamp(-4.0, 4.0)).collect()
    }

    fn descend(&mut self, rows: &[(Vec<f64>, usize)], sizes: &[f64]) {
        let width = self.mean.len();
        let mut slopes = vec![vec![0.0; width + 1]; self.weights.len()];
        for (x, class) in rows {
            let share = 1.0 / (sizes[*class] * sizes.len() as f64);
            for (c, (slope, p)) in slopes.iter_mut().zip(self.softmax(x)).enumerate() {
                let error = (p - f64::from(u8::from(c == *class))) * share;
                slope.iter_mut().zip(x).for_each(|(s, x)| *s += error * x);
                slope[width] += error;
            }
        }
        for (weights, slope) in self.weights.iter_mut().zip(&slopes) {
            weights.iter_mut().zip(slope).for_each(|(w, s)| *w -= RATE * (s + DECAY * *w));
        }
    }

    fn softmax(&self, x: &[f64]) -> Vec<f64> {
        let score = |w: &Vec<f64>| w[x.len()] + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        let scores: Vec<f64> = self.weights.iter().map(score).collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let sum: f64 = odds.iter().sum();
        odds.iter().map(|o| o / sum).collect()
    }

    /// Probabilities of the classes for a row.
    pub fn probabilities(&self, x: &[f64]) -> Vec<f64> {
        self.softmax(&self.scaled(x))
    }

    /// Mean over classes of the share of their rows that is told right; classes without rows are left out.
    pub fn balanced_accuracy(&self, rows: &[(Vec<f64>, usize)]) -> f64 {
        let (mut right, mut all) = (vec![0.0; self.weights.len()], vec![0.0; self.weights.len()]);
        for (x, class) in rows {
            let p = self.probabilities(x);
            let best = (0..p.len()).fold(0, |a, b| if p[b] > p[a] { b } else { a });
            right[*class] += f64::from(u8::from(best == *class));
            all[*class] += 1.0;
        }
        let shares: Vec<f64> = right.iter().zip(&all).filter(|(_, n)| **n > 0.0).map(|(r, n)| r / n).collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Chance, Purpose};

    fn heaps(seed: u64, apart: f64) -> Vec<(Vec<f64>, usize)> {
        let chance = Chance::new(seed);
        let unit = |i: u64, k: u64| f64::from(chance.unit(Purpose::Vary, i, k));
        (0..300u64)
            .map(|i| ((0..3).map(|k| unit(i, k) + if i % 3 == k { apart } else { 0.0 }).collect(), (i % 3) as usize))
            .collect()
    }

    #[test]
    fn heaps_apart_are_told_and_equal_ones_are_not() {
        let told = Classifier::fit(&heaps(1, 1.0), 3);
        assert!(told.balanced_accuracy(&heaps(2, 1.0)) > 0.9);
        let p = told.probabilities(&[2.0, 0.5, 0.5]);
        assert!(p[0] > 0.8 && (p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{p:?}");
        let blind = Classifier::fit(&heaps(1, 0.0), 3).balanced_accuracy(&heaps(2, 0.0));
        assert!((blind - 1.0 / 3.0).abs() < 0.12, "{blind}");
    }
}
