//! Chance with an address: the same seed, part, step and purpose always give the same number.
//!
//! The mixer is SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014),
//! chained over the parts of the address; integers only, so every machine agrees.

/// What a random number is for. Two purposes never share a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Which note, or none.
    Pitch = 1,
    /// How long.
    Duration,
    /// How hard.
    Velocity,
    /// How far off the grid.
    Offset,
    /// Humanising after the model.
    Humanize,
    /// Random signals in scripts.
    Signal,
    /// Choices of an engine without weights.
    Pattern,
    /// Variation of repeated bars.
    Vary,
    /// Initial weights and data order in training.
    Train,
    /// Dropout masks in training.
    Dropout,
    /// Random functions called by scripts.
    Script,
    /// Latent vectors.
    Latent,
    /// Whether a step is copied from an earlier bar.
    Copy,
}

/// A source of addressed random numbers: a seed and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Chance {
    /// Seed of the set, with whatever else was folded in by [`Chance::fold`].
    pub seed: u64,
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Chance {
    /// A source from a seed.
    pub fn new(seed: u64) -> Chance {
        Chance { seed }
    }
    /// A source of its own for something (a part's id, a re-roll count).
    pub fn fold(self, with: u64) -> Chance {
        Chance { seed: mix(self.seed ^ mix(with)) }
    }
    /// 64 random bits at an address; `index` tells draws of one step apart.
    pub fn bits(self, purpose: Purpose, step: u64, index: u64) -> u64 {
        mix(mix(mix(self.seed ^ mix(purpose as u64)) ^ step) ^ index)
    }
    /// A number in [0, 1) at an address.
    pub fn unit(self, purpose: Purpose, step: u64, index: u64) -> f32 {
        (self.bits(purpose, step, index) >> 40) as f32 / (1u64 << 24) as f32
    }
    /// A whole number in 0..`below` at an address; 0 when `below` is 0.
    pub fn below(self, purpose: Purpose, step: u64, index: u64, below: u64) -> u64 {
        ((u128::from(self.bits(purpose, step, index)) * u128::from(below)) >> 64) as u64
    }
    /// A stable 64-bit address for a name (FNV-1a).
    pub fn name(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    }
}
