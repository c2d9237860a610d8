//! Small dense symmetric matrices: solving, eigenvalues, the Fréchet distance of two heaps.

use super::features::{FEATURES, Features};

/// Solves `matrix * x = right` for a positive matrix of which the lower half is given (Cholesky); `None` when it is none.
pub fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - sum;
            if i == j {
                matrix[i * n + i] = (rest > 0.0).then(|| rest.sqrt())?;
            } else {
                matrix[i * n + j] = rest / matrix[j * n + j];
            }
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| matrix[i * n + k] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| matrix[k * n + i] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[i * n + i];
    }
    Some(right)
}

/// Eigenvalues of a symmetric matrix and its eigenvectors as columns (Jacobi's rotations).
pub fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let size: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..60 {
        let rest: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j].powi(2)).sum();
        if rest <= 1e-18 * size.max(1e-300) {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// Makes `a[p][q]` zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    if a[p * n + q].abs() < 1e-300 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (vectors[k * n + p], vectors[k * n + q]);
        (vectors[k * n + p], vectors[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
}

/// Share of the covariance that is replaced by its mean variance, so that few windows still give a matrix.
const SHRINKAGE: f64 = 0.05;

/// Fréchet distance (squared) of two heaps of features, taken as normal: |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)). `None` for an empty heap.
pub fn frechet(a: &[Features], b: &[Features]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let n = FEATURES;
    let ((mean_a, a), (mean_b, b)) = (moments(a), moments(b));
    let (values, vectors) = eigen(a.clone(), n);
    let root = |i: usize, j: usize| -> f64 {
        (0..n).map(|k| vectors[i * n + k] * values[k].max(0.0).sqrt() * vectors[j * n + k]).sum()
    };
    let root: Vec<f64> = (0..n * n).map(|at| root(at / n, at % n)).collect();
    // The eigenvalues of C C' are those of root(C) C' root(C), which is symmetric.
    let product = multiply(&multiply(&root, &b, n), &root, n);
    let shared: f64 = eigen(product, n).0.iter().map(|v| v.max(0.0).sqrt()).sum();
    let trace = |m: &[f64]| (0..n).map(|i| m[i * n + i]).sum::<f64>();
    let apart: f64 = mean_a.iter().zip(&mean_b).map(|(x, y)| (x - y).powi(2)).sum();
    Some((apart + trace(&a) + trace(&b) - 2.0 * shared).max(0.0))
}

fn multiply(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut product = vec![0.0; n * n];
    for i in 0..n {
        for k in 0..n {
            let x = a[i * n + k];
            (0..n).for_each(|j| product[i * n + j] += x * b[k * n + j]);
        }
    }
    product
}

/// Mean and shrunk covariance.
fn moments(all: &[Features]) -> (Features, Vec<f64>) {
    let (n, count) = (FEATURES, all.len() as f64);
    let mean: Features = std::array::from_fn(|i| all.iter().map(|f| f[i]).sum::<f64>() / count);
    let mut covariance = vec![0.0; n * n];
    for f in all {
        for i in 0..n {
            let x = (f[i] - mean[i]) / count;
            (0..n).for_each(|j| covariance[i * n + j] += x * (f[j] - mean[j]));
        }
    }
    let variance = (0..n).map(|i| covariance[i * n + i]).sum::<f64>() / n as f64;
    covariance.iter_mut().for_each(|x| *x *= 1.0 - SHRINKAGE);
    (0..n).for_each(|i| covariance[i * n + i] += SHRINKAGE * variance);
    (mean, covariance)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_small_system_is_solved() {
        // The upper half is not looked at.
        let x = solve(vec![4.0, 9.9, 2.0, 3.0], vec![2.0, 5.0]).unwrap();
        assert!((x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 1.0], vec![1.0, 1.0]), None);
    }

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        let (mut values, _) = eigen(vec![2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0], 3);
        values.sort_by(f64::total_cmp);
        for (got, expected) in values.iter().zip([1.0, 3.0, 5.0]) {
            assert!((got - expected).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn the_frechet_distance_of_shifted_and_scaled_heaps() {
        use crate::music::{Chance, normals};
        let heap = |scale: f64, shift: f64| -> Vec<Features> {
            let noise = |n| normals::<FEATURES>(Chance::new(5), n).map(f64::from);
            (0..300).map(|n| noise(n).map(|x| x * scale + shift)).collect()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 0.01 * b.max(0.01), "{a} {b}");
        near(frechet(&heap(1.0, 0.0), &heap(1.0, 0.0)).unwrap(), 0.0);
        near(frechet(&heap(1.0, 0.0), &heap(1.0, 0.5)).unwrap(), 64.0 * 0.25);
        // Twice as wide: the trace of the covariance, which is about 64.
        let (_, covariance) = moments(&heap(1.0, 0.0));
        let trace: f64 = (0..FEATURES).map(|i| covariance[i * FEATURES + i]).sum();
        near(frechet(&heap(1.0, 0.0), &heap(2.0, 0.0)).unwrap(), trace + apart(&heap(1.0, 0.0), &heap(2.0, 0.0)));
        assert_eq!(frechet(&[], &heap(1.0, 0.0)), None);
    }

    fn apart(a: &[Features], b: &[Features]) -> f64 {
        let (a, b) = (moments(a).0, moments(b).0);
        a.iter().zip(&b).map(|(x, y)| (x - y).powi(2)).sum()
    }
}
