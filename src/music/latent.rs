//! Latent vectors: where a GAN's generator is asked to play, as plain numbers.

use super::{Chance, Purpose};

/// Numbers that hold for a whole phrase.
pub const LATENT_GLOBAL: usize = 32;
/// Numbers of one bar.
pub const LATENT_BAR: usize = 32;
/// All numbers of a latent vector.
pub const LATENT: usize = LATENT_GLOBAL + LATENT_BAR;
/// Halvings in [`slerp`]: a millionth of the way is finer than any ear.
const HALVINGS: u32 = 20;

/// A place in the latent space: every number is drawn from a standard normal in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latent {
    /// Held over bars.
    pub global: [f32; LATENT_GLOBAL],
    /// Drawn anew for each bar.
    pub bar: [f32; LATENT_BAR],
}

impl Default for Latent {
    /// The middle of the space.
    fn default() -> Latent {
        Latent { global: [0.0; LATENT_GLOBAL], bar: [0.0; LATENT_BAR] }
    }
}

impl Latent {
    /// The place that chance gives a part: one global half for the part, one bar half for each bar.
    pub fn drawn(chance: Chance, bar: u64) -> Latent {
        Latent { global: normals(chance, u64::MAX), bar: normals(chance, bar) }
    }

    /// The place that a name stands for, the same in every set.
    pub fn named(name: &str) -> Latent {
        Latent::drawn(Chance::new(Chance::name(name)), 0)
    }

    /// All numbers, the global ones first.
    pub fn all(&self) -> [f32; LATENT] {
        std::array::from_fn(|i| if i < LATENT_GLOBAL { self.global[i] } else { self.bar[i - LATENT_GLOBAL] })
    }

    /// The way from here to `to`, 0..=1: both halves turn on their own.
    pub fn towards(&self, to: &Latent, way: f32) -> Latent {
        Latent { global: slerp(&self.global, &to.global, way), bar: slerp(&self.bar, &to.bar, way) }
    }
}

/// Standard normal numbers at an address: sums of twelve uniform ones (four of 16 bits in each draw), which needs no
/// function of the system's libm.
pub fn normals<const N: usize>(chance: Chance, address: u64) -> [f32; N] {
    std::array::from_fn(|i| {
        let draws = (0..3).map(|k| chance.bits(Purpose::Latent, address, i as u64 * 3 + k));
        let quarters = |bits: u64| (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
        // The middle of each of the 65536 places, so that the mean is none; exact in 24 bits.
        (draws.map(quarters).sum::<u64>() + 6) as f32 / 65536.0 - 6.0
    })
}

/// Spherical interpolation (Shoemake, "Animating rotation with quaternion curves", 1985): directions turn evenly, lengths
/// go evenly. Made of halvings of the angle, so that sums and roots suffice and every machine agrees.
pub fn slerp<const N: usize>(from: &[f32; N], to: &[f32; N], way: f32) -> [f32; N] {
    let way = if way.is_finite() { way.clamp(0.0, 1.0) } else { 0.0 };
    let (a, b) = (length(from), length(to));
    if way == 0.0 || way == 1.0 || a < 1e-6 || b < 1e-6 {
        let straight = |i: usize| if way == 1.0 { to[i] } else { from[i] + (to[i] - from[i]) * way };
        return std::array::from_fn(straight);
    }
    let (mut low, mut high) = (from.map(|x| x / a), to.map(|x| x / b));
    let mut rest = way;
    for _ in 0..HALVINGS {
        let middle: [f32; N] = std::array::from_fn(|i| low[i] + high[i]);
        let size = length(&middle);
        if size < 1e-6 {
            // Opposite places: every way round is as good, the first one has a sign in it.
            break;
        }
        let middle = middle.map(|x| x / size);
        rest *= 2.0;
        if rest >= 1.0 {
            (low, rest) = (middle, rest - 1.0);
        } else {
            high = middle;
        }
    }
    let size = a + (b - a) * way;
    low.map(|x| x * size)
}

fn length(v: &[f32]) -> f32 {
    v.iter().map(|x| x * x).sum::<f32>().sqrt()
}

/// A picture of the latent space: two rows of weights, fixed by a model's file.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Weights of the first axis.
    pub x: [f32; LATENT],
    /// Weights of the second axis.
    pub y: [f32; LATENT],
}

impl Default for Projection {
    /// Two fixed directions of length 1, for engines whose model brings none.
    fn default() -> Projection {
        let axis = |address| {
            let v: [f32; LATENT] = normals(Chance::new(0x004D_4150), address);
            let size = length(&v);
            v.map(|x| x / size)
        };
        Projection { x: axis(0), y: axis(1) }
    }
}

impl Projection {
    /// Where a latent vector lies in the picture; about -3..=3 on both axes.
    pub fn at(&self, latent: &Latent) -> [f32; 2] {
        let all = latent.all();
        let along = |axis: &[f32; LATENT]| axis.iter().zip(&all).map(|(a, b)| a * b).sum();
        [along(&self.x), along(&self.y)]
    }

    /// Where the global half lies by itself.
    pub fn at_global(&self, global: &[f32; LATENT_GLOBAL]) -> [f32; 2] {
        self.at(&Latent { global: *global, bar: [0.0; LATENT_BAR] })
    }

    /// How far drawn places scatter along the two axes, as standard deviations of the global half; never 0.
    pub fn spread(&self) -> [f32; 2] {
        [&self.x, &self.y].map(|axis| length(&axis[..LATENT_GLOBAL]).max(1e-3))
    }

    /// The smallest change of the global half that moves its place in the picture by `by`; none when the picture does
    /// not show the global half.
    pub fn global_by(&self, by: [f32; 2]) -> [f32; LATENT_GLOBAL] {
        let (x, y) = (&self.x[..LATENT_GLOBAL], &self.y[..LATENT_GLOBAL]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        // Multiples of the two axes that solve the 2 x 2 system of their inner products.
        let (xx, xy, yy) = (dot(x, x), dot(x, y), dot(y, y));
        let area = xx * yy - xy * xy;
        if area <= 1e-6 * xx * yy {
            return [0.0; LATENT_GLOBAL];
        }
        let (p, q) = ((by[0] * yy - by[1] * xy) / area, (by[1] * xx - by[0] * xy) / area);
        std::array::from_fn(|i| p * x[i] + q * y[i])
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn drawn_numbers_are_standard_normal_and_addressed() {
        let all: Vec<f32> = (0..200).flat_map(|bar| Latent::drawn(Chance::new(3), bar).bar).collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        let variance = all.iter().map(|x| x * x).sum::<f32>() / all.len() as f32;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert_eq!(Latent::drawn(Chance::new(3), 5), Latent::drawn(Chance::new(3), 5));
        assert_eq!(Latent::drawn(Chance::new(3), 5).global, Latent::drawn(Chance::new(3), 6).global);
        assert_ne!(Latent::drawn(Chance::new(3), 5).bar, Latent::drawn(Chance::new(3), 6).bar);
    }

    #[test]
    fn a_spherical_way_keeps_its_length_and_turns_evenly() {
        let (a, b) = (Latent::named("a").global, Latent::named("b").global);
        assert_eq!((slerp(&a, &b, 0.0), slerp(&a, &b, 1.0)), (a, b));
        let cosine = |u: &[f32], v: &[f32]| {
            let dot: f32 = u.iter().zip(v).map(|(x, y)| x * y).sum();
            (dot / length(u) / length(v)).clamp(-1.0, 1.0)
        };
        let whole = cosine(&a, &b).acos();
        for tenth in 1..10 {
            let way = tenth as f32 / 10.0;
            let at = slerp(&a, &b, way);
            assert!((length(&at) - (length(&a) + (length(&b) - length(&a)) * way)).abs() < 1e-3);
            assert!((cosine(&a, &at).acos() - whole * way).abs() < 2e-3, "{way}");
        }
        assert_eq!(slerp(&a, &b, f32::NAN), a);
        assert!(slerp(&a, &a.map(|x| -x), 0.5).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn a_place_is_moved_in_the_picture_by_what_was_asked() {
        let picture = Projection::default();
        let a = Latent::named("a").global;
        let by = picture.global_by([0.5, -1.25]);
        let moved: [f32; LATENT_GLOBAL] = std::array::from_fn(|i| a[i] + by[i]);
        let (from, to) = (picture.at_global(&a), picture.at_global(&moved));
        assert!((to[0] - from[0] - 0.5).abs() < 1e-4 && (to[1] - from[1] + 1.25).abs() < 1e-4, "{from:?} {to:?}");
        let blind = Projection { x: [0.0; LATENT], y: [0.0; LATENT] };
        assert_eq!(blind.global_by([1.0, 1.0]), [0.0; LATENT_GLOBAL]);
    }
}
