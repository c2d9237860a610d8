//! Normal noise by the million: a stream that begins at an address.

use crate::music::{Chance, Purpose};

/// `count` numbers with mean 0 and deviation `size`: each the sum of four uniform ones, near enough to a normal for noise.
/// The address is the update and the place within it.
pub fn noise(chance: Chance, update: u64, place: u64, size: f32, count: usize) -> Vec<f32> {
    let mut state = chance.bits(Purpose::Latent, update, place) | 1;
    let scale = size * 3f32.sqrt() / 65536.0;
    let next = |_| {
        // Marsaglia's xorshift64* ("Xorshift RNGs", 2003; Vigna 2016).
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
        (sum as f32 - 131_070.0) * scale
    };
    (0..count).map(next).collect()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn noise_has_its_size_and_its_address() {
        let all = noise(Chance::new(1), 5, 2, 0.5, 40_000);
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        let deviation = (all.iter().map(|x| x * x).sum::<f32>() / all.len() as f32).sqrt();
        assert!(mean.abs() < 0.01 && (deviation - 0.5).abs() < 0.01, "{mean} {deviation}");
        assert_eq!(all, noise(Chance::new(1), 5, 2, 0.5, 40_000));
        assert_ne!(all[..9], noise(Chance::new(1), 6, 2, 0.5, 9));
    }
}
