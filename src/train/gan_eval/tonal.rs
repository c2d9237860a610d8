//! Tonal space: pitch classes as places whose distances tell how well they go together.
//!
//! Harte, Sandler and Gasser, "Detecting harmonic change in musical audio", 2006; used as in MuseGAN (2018), but only where both sound.

use super::roll::Roll;

/// A place in the six-dimensional tonal space.
pub type Place = [f64; 6];

/// Steps of the circles of fifths, minor thirds and major thirds, in sixths of a half turn, and their radii.
const CIRCLES: [(f64, f64); 3] = [(7.0, 1.0), (9.0, 1.0), (4.0, 0.5)];

/// Where each beat's sounding cells are in the mean; `None` for silent beats. The last beat may be shorter.
pub fn places(roll: &Roll, beat_steps: usize) -> Vec<Option<Place>> {
    let bars = [roll.bar(0), roll.bar(1)];
    bars.iter().flat_map(|bar| bar.chunks(beat_steps.max(1))).map(place).collect()
}

fn place(beat: &[u128]) -> Option<Place> {
    let mut sum = [0.0; 6];
    let mut count = 0;
    for mut cells in beat.iter().copied() {
        while cells != 0 {
            let class = f64::from(cells.trailing_zeros() % 12);
            cells &= cells - 1;
            count += 1;
            for (i, (turn, radius)) in CIRCLES.into_iter().enumerate() {
                let angle = class * turn / 6.0 * std::f64::consts::PI;
                sum[2 * i] += radius * angle.sin();
                sum[2 * i + 1] += radius * angle.cos();
            }
        }
    }
    (count > 0).then(|| sum.map(|x| x / f64::from(count)))
}

/// Distances of the beats in which both sound: their sum and how many they are.
pub fn distance(a: &[Option<Place>], b: &[Option<Place>]) -> (f64, u32) {
    let both = a.iter().zip(b).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
    both.fold((0.0, 0), |(sum, count), (a, b)| {
        (sum + a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt(), count + 1)
    })
}

#[cfg(test)]
mod test {
    use super::super::roll::test::take;
    use super::*;
    use crate::music::Role;

    #[test]
    fn a_fifth_is_nearer_than_a_tritone_and_silence_is_left_out() {
        let of = |notes: &[(u32, u8, u16)]| places(&Roll::new(Role::Lead, &take(16, notes)), 4);
        let (c, g, f_sharp) = (of(&[(0, 60, 4)]), of(&[(0, 67, 8)]), of(&[(0, 66, 4)]));
        assert_eq!(distance(&c, &c), (0.0, 1));
        let (fifth, beats) = distance(&c, &g);
        assert_eq!(beats, 1);
        // Fifths: a twelfth of a turn; minor thirds: a quarter; major thirds: a third of a circle of half the size.
        let expected = (4.0 * (15f64.to_radians().sin()).powi(2) + 2.0 + 0.75).sqrt();
        assert!((fifth - expected).abs() < 1e-9, "{fifth} {expected}");
        assert!(distance(&c, &f_sharp).0 > fifth);
        assert_eq!(distance(&c, &of(&[])), (0.0, 0));
    }
}
