//! The shape of the band LSTM: how big it is, and the one list of its tensors that loading, saving, training and
//! playing read. Names and gate order are PyTorch's (`nn.EmbeddingBag`, `nn.LSTM`: i, f, g, o).

use crate::music::Role;
use crate::token;

/// Classes of a pitched role's decision: END and the pitches 21..=108.
pub const PITCHED_CLASSES: usize = 89;
/// Classes of the drums' decision: END and the kit's rows.
pub const DRUM_CLASSES: usize = 14;
/// Duration classes.
pub const DURATIONS: usize = 11;
/// Velocity bins.
pub const VELOCITIES: usize = 16;
/// Offset bins.
pub const OFFSETS: usize = 15;
/// Rows of `detail.velocity_given`: a duration class each, and one for drums, which have none.
pub const VELOCITY_GIVEN: usize = DURATIONS + 1;

/// Who chooses in a step, and from how many classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chooser {
    /// What its output layer is called in the file.
    pub name: &'static str,
    /// Classes of its decision; class 0 is END or a rest.
    pub classes: usize,
}

/// The band's choosers, in the order of `music::ROLES`.
pub const BAND: &[Chooser] = &[
    Chooser { name: "drums", classes: DRUM_CLASSES },
    Chooser { name: "bass", classes: PITCHED_CLASSES },
    Chooser { name: "chords", classes: PITCHED_CLASSES },
    Chooser { name: "lead", classes: PITCHED_CLASSES },
];

/// Sizes of one net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the step features' table.
    pub features: usize,
    /// Rows of the decisions' context table.
    pub context: usize,
    /// Width of a feature row.
    pub embed: usize,
    /// Units of an LSTM layer.
    pub hidden: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Width of the decisions' hidden layer.
    pub decide: usize,
    /// Width of the details' hidden layer.
    pub detail: usize,
    /// Rows of the details' table.
    pub manner: usize,
    /// Who chooses; the band has [`BAND`].
    pub choosers: &'static [Chooser],
    /// Rows of the table that scores pitches by their distance to pitches that are known; the band has none.
    pub relative: usize,
}

/// Classes of this role's decision, END included.
pub fn classes_of(role: Role) -> usize {
    if role.is_pitched() { PITCHED_CLASSES } else { DRUM_CLASSES }
}

impl Shape {
    /// The band's shape of sizes 96, 256, 128 around an LSTM of `layers` x `hidden`; its tables are those of `token`.
    pub fn band(hidden: usize, layers: usize) -> Shape {
        Shape {
            features: token::STEP_ROWS as usize,
            context: token::DECISION_ROWS as usize,
            manner: token::DETAIL_ROWS as usize,
            embed: 96,
            hidden,
            layers,
            decide: 256,
            detail: 128,
            choosers: BAND,
            relative: 0,
        }
    }

    /// Name and dimensions of every tensor, in file order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (h4, d, t) = (4 * self.hidden, self.decide, self.detail);
        let mut list = vec![("features.weight".to_owned(), vec![self.features, self.embed])];
        for layer in 0..self.layers {
            let input = if layer == 0 { self.embed } else { self.hidden };
            list.push((format!("lstm.weight_ih_l{layer}"), vec![h4, input]));
            list.push((format!("lstm.weight_hh_l{layer}"), vec![h4, self.hidden]));
            list.push((format!("lstm.bias_ih_l{layer}"), vec![h4]));
            list.push((format!("lstm.bias_hh_l{layer}"), vec![h4]));
        }
        let mut add = |name: &str, dims: &[usize]| list.push((name.to_owned(), dims.to_vec()));
        add("decide.hidden.weight", &[d, self.hidden]);
        add("decide.hidden.bias", &[d]);
        add("decide.context.weight", &[self.context, d]);
        for Chooser { name, classes } in self.choosers {
            add(&format!("decide.out.{name}.weight"), &[*classes, d]);
            add(&format!("decide.out.{name}.bias"), &[*classes]);
        }
        if self.relative > 0 {
            add("decide.relative.weight", &[self.relative, d]);
        }
        add("detail.hidden.weight", &[t, d]);
        add("detail.hidden.bias", &[t]);
        add("detail.context.weight", &[self.manner, t]);
        for (name, classes) in [("duration", DURATIONS), ("velocity", VELOCITIES), ("offset", OFFSETS)] {
            add(&format!("detail.{name}.weight"), &[classes, t]);
            add(&format!("detail.{name}.bias"), &[classes]);
        }
        add("detail.velocity_given.weight", &[VELOCITY_GIVEN, VELOCITIES]);
        add("detail.offset_given.weight", &[VELOCITIES, OFFSETS]);
        list
    }

    /// Numbers in all tensors together.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, dims)| dims.iter().product::<usize>()).sum()
    }
}
