//! Sixteen-bit floats (IEEE 754 binary16), read and written by hand: weights rest in them on disk.

/// The nearest f16 to `x` (ties to even), as bits; beyond its range infinity.
pub fn from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7FFF_FFFF;
    if magnitude > 0x7F80_0000 {
        return sign | 0x7E00;
    }
    if magnitude >= 0x4780_0000 {
        return sign | 0x7C00;
    }
    if magnitude < 0x3880_0000 {
        // Below the smallest normal number: whole multiples of 2^-24. Adding 2^-1 in f32 aligns and rounds them.
        let aligned = f32::from_bits(magnitude) + 0.5;
        return sign | (aligned.to_bits() - 0.5f32.to_bits()) as u16;
    }
    let odd = magnitude >> 13 & 1;
    let rounded = magnitude - 0x3800_0000 + 0xFFF + odd;
    sign | (rounded >> 13) as u16
}

/// The value of an f16 given as bits.
pub fn to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(half >> 10 & 0x1F), u32::from(half & 0x3FF));
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        31 => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn every_half_survives_the_round_trip() {
        for half in 0..=u16::MAX {
            let x = to_f32(half);
            if x.is_nan() {
                assert!(to_f32(from_f32(x)).is_nan());
            } else {
                assert_eq!(from_f32(x), half, "{half:#x} {x}");
            }
        }
    }

    #[test]
    fn the_nearest_half_is_taken() {
        for (x, half) in
            [(1.0 + 1.0 / 2048.0, 0x3C00), (1.0 + 3.0 / 2048.0, 0x3C02), (65520.0, 0x7C00), (65519.0, 0x7BFF)]
        {
            assert_eq!(from_f32(x), half, "{x}");
        }
        assert_eq!(from_f32(1e-9), 0);
        assert_eq!(from_f32(3e-8), 1);
    }
}
