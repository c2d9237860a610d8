//! How good a generator is while it learns: the main figures of `eval` on a few held-out windows, a sample bar as text, and the
//! directions in the latent space in which its bars change most.

use super::game::Game;
use crate::corpus::{Corpus, Split};
use crate::engine::gan::file::{self, Card};
use crate::engine::gan::shape::Family;
use crate::engine::gan::{BarMaker, BarScene, Live, Packed, Segment, Weights};
use crate::engine::lstm::kernel::Simd;
use crate::music::{Chance, Chord, Key, LATENT, Latent, StepNotes, StyleBlend};
use crate::time::{BarMap, StepIndex};
use crate::train::gan_eval::{Judge, quick};
use crate::train::sample::grids;
use std::sync::Arc;

/// Windows of each role that a trend is measured on.
const WINDOWS: usize = 64;
/// Latent vectors that the map is made from, twice as many as they have numbers, and some.
const SPREAD: u64 = 192;

/// What held-out music a run is measured against; `None` when the corpus has no such windows.
pub fn judge<'a>(corpus: &'a Corpus, families: &[Family]) -> Option<Judge<'a>> {
    let judge = Judge::new(corpus, Split::Valid, WINDOWS, 1);
    let asked = |f: &Family| f.roles().iter().any(|r| !judge.cases(r.index()).is_empty());
    families.iter().any(asked).then_some(judge)
}

/// A family's generator as it would play now: averaged weights, the slope of the end.
///
/// # Errors
/// A sentence when a number is none.
pub fn playable(game: &Game, styles: &[String]) -> Result<Live, String> {
    let shape = game.generator.shape;
    let card = Card {
        kind: "gan".into(),
        version: file::VERSION,
        families: vec![shape.family.name().into()],
        channels: shape.channels,
        expand: shape.expand,
        blocks: shape.blocks,
        styles: styles.to_vec(),
        planes: file::fingerprint(),
        slope: game.rules.slope.1,
        ..Card::default()
    };
    let weights = Weights::new(card, game.tensors().map_err(|e| e.to_string())?)?;
    Ok(Live::new(Arc::new(Packed::new(&weights)), Simd::best()))
}

/// The main figures, as one line.
pub fn figures(judge: &Judge, live: &mut Live) -> String {
    quick(judge, live, 1).to_string()
}

/// A bar of each of the family's roles as text: the middle of the latent space, a common chord.
pub fn sample(family: Family, live: &mut Live) -> String {
    let mut bars = Vec::new();
    for role in family.roles() {
        let mut scene = common(*role);
        scene.density = Some(0.4);
        let bar = live.make(&scene, &Latent::named("sample"));
        let mut steps = vec![StepNotes::EMPTY; bar.steps as usize];
        for (step, note) in &bar.notes {
            steps[usize::from(*step)].push(*note);
        }
        bars.push((*role, steps));
    }
    grids(&bars)
}

/// A bar of 4/4 in C over C major, nothing heard before.
fn common(role: crate::music::Role) -> BarScene {
    let mut scene = BarScene::silent(role, Segment::of(&BarMap::default().place(StepIndex(0))));
    scene.key = Key::parse("C major");
    scene.chords = [Chord::parse("C"); 16];
    scene.style = StyleBlend::default();
    scene
}

/// Two axes of length 1 at right angles: the directions in which the planes of all roles change most with the latent vector,
/// by the best straight line through made bars (the leading singular vectors of the regression of planes on latents).
pub fn map(lives: &mut [(Family, Live)]) -> Vec<Vec<f32>> {
    let mut sums = vec![[0.0f64; LATENT]; LATENT];
    for (family, live) in lives {
        for role in family.roles() {
            add_role(live, &common(*role), &mut sums);
        }
    }
    let first = leading(&sums, &[]);
    let second = leading(&sums, &[first]);
    [first, second].iter().map(|axis| axis.iter().map(|x| *x as f32).collect()).collect()
}

/// Adds M M^T / trace, where M (latent x cells) is how cells go along with each number of the latent vector.
fn add_role(live: &mut Live, scene: &BarScene, sums: &mut [[f64; LATENT]]) {
    let mut along: Vec<[f64; LATENT]> = Vec::new();
    for draw in 0..SPREAD {
        let latent = Latent::drawn(Chance::new(draw).fold(0x4D41), draw);
        let Some(planes) = live.planes(scene, &latent) else { return };
        along.resize(planes.len(), [0.0; LATENT]);
        for (cell, sums) in planes.iter().zip(&mut along).filter(|(cell, _)| **cell > 0.01) {
            for (sum, z) in sums.iter_mut().zip(latent.all()) {
                *sum += f64::from(*cell) * f64::from(z);
            }
        }
    }
    let total: f64 = along.iter().flatten().map(|x| x * x).sum();
    if total > 0.0 {
        for cell in &along {
            for (row, a) in sums.iter_mut().zip(cell) {
                row.iter_mut().zip(cell).for_each(|(sum, b)| *sum += a * b / total);
            }
        }
    }
}

/// The leading eigenvector of a symmetric matrix at right angles to `others`, by power iteration.
fn leading(matrix: &[[f64; LATENT]], others: &[[f64; LATENT]]) -> [f64; LATENT] {
    let mut v: [f64; LATENT] = std::array::from_fn(|i| 1.0 + (i % 7) as f64 * 0.1 * others.len() as f64);
    for _ in 0..300 {
        let mut next: [f64; LATENT] =
            std::array::from_fn(|row| matrix[row].iter().zip(&v).map(|(m, x)| m * x).sum::<f64>());
        for other in others {
            let dot: f64 = next.iter().zip(other).map(|(a, b)| a * b).sum();
            next.iter_mut().zip(other).for_each(|(x, o)| *x -= dot * o);
        }
        let size = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        if size < 1e-12 {
            break;
        }
        v = next.map(|x| x / size);
    }
    v
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_axes_of_the_map_are_of_length_one_and_at_right_angles() {
        let live = || Live::new(Arc::new(Packed::new(&file::random(16, 3))), Simd::best());
        let axes = map(&mut [(Family::Drums, live()), (Family::Pitched, live())]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        assert!((dot(&axes[0], &axes[0]) - 1.0).abs() < 1e-4 && (dot(&axes[1], &axes[1]) - 1.0).abs() < 1e-4);
        assert!(dot(&axes[0], &axes[1]).abs() < 1e-3);
    }

    #[test]
    fn a_sample_shows_every_role() {
        let mut live = Live::new(Arc::new(Packed::new(&file::random(16, 3))), Simd::best());
        let text = sample(Family::Pitched, &mut live);
        assert!(["bass:", "chords:", "lead:"].iter().all(|role| text.contains(role)), "{text}");
    }
}
