//! A frozen classifier: can two heaps of windows be told apart by their features?
//!
//! Logistic regression (ridge, by Newton's method), trained on the windows of one half of the works and tested on the other half.
//! 0.5 means that it cannot tell.

use super::features::{FEATURES, Features};
use super::matrix;

/// Strength of the ridge, in windows.
const RIDGE: f64 = 10.0;
const ROUNDS: usize = 12;
const WIDTH: usize = FEATURES + 1;

/// Weights of a trained classifier, the constant last.
pub struct Classifier([f64; WIDTH]);

fn extended(f: &Features) -> [f64; WIDTH] {
    std::array::from_fn(|i| if i < FEATURES { f[i] } else { 1.0 })
}

impl Classifier {
    /// Learns to tell `yes` from `no`; both count alike, however many they are.
    pub fn train(yes: &[Features], no: &[Features]) -> Classifier {
        let mut weights = [0.0; WIDTH];
        let total = (yes.len() + no.len()) as f64;
        let weight = |count: usize| total / (2.0 * count.max(1) as f64);
        let rows: Vec<([f64; WIDTH], f64, f64)> = (yes.iter().map(|f| (extended(f), 1.0, weight(yes.len()))))
            .chain(no.iter().map(|f| (extended(f), 0.0, weight(no.len()))))
            .collect();
        for _ in 0..ROUNDS {
            let mut gradient = vec![0.0; WIDTH];
            let mut hessian = vec![0.0; WIDTH * WIDTH];
            for (x, wanted, weight) in &rows {
                let p = sigmoid(dot(&weights, x));
                let curve = (weight * p * (1.0 - p)).max(1e-9);
                for i in 0..WIDTH {
                    gradient[i] += weight * (wanted - p) * x[i];
                    let step = curve * x[i];
                    for j in 0..=i {
                        hessian[i * WIDTH + j] += step * x[j];
                    }
                }
            }
            for i in 0..WIDTH {
                gradient[i] -= RIDGE * weights[i];
                hessian[i * WIDTH + i] += RIDGE;
            }
            let Some(step) = matrix::solve(hessian, gradient) else { break };
            weights.iter_mut().zip(&step).for_each(|(w, s)| *w += s);
        }
        Classifier(weights)
    }

    /// Accuracy on other windows: the mean of both classes'.
    pub fn accuracy(&self, yes: &[Features], no: &[Features]) -> Option<f64> {
        let rate = |all: &[Features], sign: f64| {
            let right = all.iter().filter(|f| sign * dot(&self.0, &extended(f)) > 0.0).count();
            (!all.is_empty()).then(|| right as f64 / all.len() as f64)
        };
        Some((rate(yes, 1.0)? + rate(no, -1.0)?) / 2.0)
    }
}

fn dot(a: &[f64; WIDTH], b: &[f64; WIDTH]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Chance, normals};

    fn heap(seed: u64, count: u64, shift: f64) -> Vec<Features> {
        let noise = |n| normals::<FEATURES>(Chance::new(seed), n).map(f64::from);
        (0..count).map(|n| std::array::from_fn(|i| noise(n)[i] + if i == 3 { shift } else { 0.0 })).collect()
    }

    #[test]
    fn equal_heaps_cannot_be_told_apart_and_others_can() {
        let (a, b, far) = (heap(1, 400, 0.0), heap(2, 400, 0.0), heap(3, 400, 3.0));
        let accuracy = |yes: &[Features], no: &[Features]| {
            Classifier::train(&yes[..200], &no[..200]).accuracy(&yes[200..], &no[200..]).unwrap()
        };
        assert!((accuracy(&a, &b) - 0.5).abs() < 0.08, "{}", accuracy(&a, &b));
        // Three deviations apart: the best line is right in 93 of 100, one learned from so few a little less often.
        assert!(accuracy(&a, &far) > 0.82, "{}", accuracy(&a, &far));
        assert_eq!(Classifier::train(&a, &[]).accuracy(&a, &[]), None);
    }
}
