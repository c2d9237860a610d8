//! Sizes of the generator and the critic, and the one list of their tensors that loading, saving, training and playing read.
//!
//! Both nets work on a table of slots (time) by channels, all in matrix products: residual blocks that mix first along time,
//! then along channels (after Tolstikhin et al., "MLP-Mixer", 2021), scaled and shifted by what is asked for
//! (Perez et al., "FiLM", 2018). The critic projects on the conditions (Miyato and Koyama, "cGANs with projection
//! discriminator", 2018).

use crate::music::{LATENT, Role, kit};

/// Rows of a pitched role's window: four octaves.
pub const PITCH_ROWS: usize = 48;
/// Slots after a pitched segment that say how long its last notes sound on: past 0, 2, 4 and 8 steps after its end.
pub const OVERHANG: [u32; 4] = [0, 2, 4, 8];
/// Steps that a note is given whose last overhang slot is the first, second, ... of [`OVERHANG`].
pub const OVERHANG_STEPS: [u16; 4] = [2, 4, 8, 16];
/// Width of the critic's last layer.
pub const SCORE: usize = 128;
/// Slots that the critic's last layer sees.
pub const POOLED: usize = 4;
/// Rows for styles.
pub const STYLES: usize = crate::token::STYLE_ROWS as usize;
/// Numbers of the conditions that hold for a whole segment.
pub const CONDITIONS: usize = STYLES + 1 + 2 + 2 + 3 + 7 + 36;
/// Harmony at each slot: root and known, chord tones above the root, scale above the tonic and known.
const HARMONY: usize = 13 + 12 + 13;

/// The two pairs of nets: the kit is another world than pitches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// The kit.
    Drums,
    /// Bass, chords and lead.
    Pitched,
}

/// Both families.
pub const FAMILIES: [Family; 2] = [Family::Drums, Family::Pitched];

impl Family {
    /// The family that plays a role.
    pub fn of(role: Role) -> Family {
        if role.is_pitched() { Family::Pitched } else { Family::Drums }
    }
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Family::Drums => "drums",
            Family::Pitched => "pitched",
        }
    }
    /// The roles that it plays.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Family::Drums => &[Role::Drums],
            Family::Pitched => &[Role::Bass, Role::Chords, Role::Lead],
        }
    }
    /// Slots of a segment.
    pub fn slots(self) -> usize {
        match self {
            Family::Drums => 16,
            Family::Pitched => 16 + OVERHANG.len(),
        }
    }
    /// Rows of the onset plane.
    pub fn rows(self) -> usize {
        match self {
            Family::Drums => kit::ROW_COUNT,
            Family::Pitched => PITCH_ROWS,
        }
    }
    /// Numbers of a slot in a bar: onsets, velocities and offsets of the kit; onsets, sustain and one velocity of pitches.
    pub fn planes(self) -> usize {
        match self {
            Family::Drums => 3 * kit::ROW_COUNT,
            Family::Pitched => 2 * PITCH_ROWS + 1,
        }
    }
    /// Numbers that the generator gives a slot: pitches have two planes more, by their class above the chord's root.
    pub fn outputs(self) -> usize {
        self.planes() + self.classes()
    }
    /// Onsets and sustain by class above the chord's root.
    pub fn classes(self) -> usize {
        match self {
            Family::Drums => 0,
            Family::Pitched => 24,
        }
    }
    /// Numbers that are known of a slot beforehand: the bar before, what sounds on, the place, the harmony.
    pub fn step_inputs(self) -> usize {
        let place = 4 + self.slots() + 6 + 1;
        match self {
            Family::Drums => 2 * kit::ROW_COUNT + place,
            Family::Pitched => 3 * PITCH_ROWS + place + HARMONY,
        }
    }
    /// What the critic reads of a slot: the bar, the slot before, the classes, and what is known.
    pub fn critic_inputs(self) -> usize {
        2 * self.planes() + self.classes() + self.step_inputs()
    }
}

/// Sizes of one family's nets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which family.
    pub family: Family,
    /// Channels of a slot.
    pub channels: usize,
    /// Width inside a block's channel mixing.
    pub expand: usize,
    /// Residual blocks.
    pub blocks: usize,
}

/// One of a family's nets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Noise to bars.
    Generator,
    /// Bars to scores.
    Critic,
    /// Bars to places in the latent space: there in training only.
    Encoder,
}

impl Half {
    /// The letter in the names of its tensors.
    pub fn letter(self) -> &'static str {
        match self {
            Half::Generator => "g",
            Half::Critic => "d",
            Half::Encoder => "e",
        }
    }
}

impl Shape {
    /// Name and dimensions of the tensors of one half, in file order.
    pub fn tensors(&self, half: Half) -> Vec<(String, Vec<usize>)> {
        let (family, c, slots) = (self.family, self.channels, self.family.slots());
        let letter = half.letter();
        let (inputs, known) = match half {
            Half::Generator => (family.step_inputs(), CONDITIONS + LATENT),
            Half::Critic | Half::Encoder => (family.critic_inputs(), CONDITIONS),
        };
        let mut list = Vec::new();
        let mut layer = |name: String, outputs: usize, inputs: usize| {
            let name = format!("{}.{letter}.{name}", family.name());
            list.push((format!("{name}.weight"), vec![outputs, inputs]));
            list.push((format!("{name}.bias"), vec![outputs]));
        };
        layer("in".into(), c, inputs);
        layer("film.in".into(), 2 * c, known);
        for b in 0..self.blocks {
            layer(format!("film.{b}"), 2 * c, known);
            layer(format!("time1.{b}"), 2 * slots, slots);
            layer(format!("time2.{b}"), slots, 2 * slots);
            layer(format!("wide1.{b}"), self.expand, c);
            layer(format!("wide2.{b}"), c, self.expand);
        }
        layer("film.out".into(), 2 * c, known);
        match half {
            Half::Generator => layer("out".into(), family.outputs(), c),
            Half::Critic => {
                layer("pool".into(), POOLED, slots);
                layer("flat".into(), SCORE, POOLED * c);
                layer("score".into(), 1, SCORE);
                layer("project".into(), SCORE, CONDITIONS);
            }
            Half::Encoder => {
                layer("pool".into(), POOLED, slots);
                layer("flat".into(), SCORE, POOLED * c);
                // Mean and logarithm of the variance.
                layer("code".into(), 2 * LATENT, SCORE);
            }
        }
        list
    }

    /// Numbers in all tensors of one half.
    pub fn parameters(&self, half: Half) -> usize {
        self.tensors(half).iter().map(|(_, dims)| dims.iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_shipped_sizes_stay_below_six_megabytes_in_f16() {
        let all = FAMILIES.map(|family| {
            let shape = Shape { family, channels: 160, expand: 320, blocks: 2 };
            shape.parameters(Half::Generator) + shape.parameters(Half::Critic)
        });
        assert!(2 * all.iter().sum::<usize>() < 6 << 20, "{all:?}");
    }
}
