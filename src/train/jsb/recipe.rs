//! What goes into a benchmark net, so that each ingredient can be left out and its worth be shown.

use serde::{Deserialize, Serialize};

/// One thing that can be left out.
#[derive(Debug)]
pub struct Ingredient {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    set: fn(&mut Recipe, bool),
}

/// Everything that can be left out.
pub const INGREDIENTS: &[Ingredient] = &[
    Ingredient { name: "metre", doc: "the place in the beat and in sixteen steps", set: |r, on| r.metre = on },
    Ingredient { name: "in-step", doc: "a choice sees those before it in its own step", set: |r, on| r.in_step = on },
    Ingredient { name: "lookback", doc: "what was played 4, 8, 16 and 32 steps ago", set: |r, on| r.lookback = on },
    Ingredient { name: "held", doc: "how long each voice has been held", set: |r, on| r.held = on },
    Ingredient {
        name: "distance",
        doc: "pitches scored by their distance to known ones",
        set: |r, on| r.distance = on,
    },
    Ingredient {
        name: "orders",
        doc: "voices are chosen in any order, and orders averaged",
        set: |r, on| r.orders = on,
    },
    Ingredient { name: "transposition", doc: "all keys that the voices' ranges allow", set: |r, on| r.transpose = on },
    Ingredient { name: "average", doc: "the moving average of the weights", set: |r, on| r.average = on },
    Ingredient { name: "dropout", doc: "dropout on the input and between layers", set: |r, on| r.dropout = on },
];

/// What is done with the frame's chord.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChordUse {
    /// Nothing.
    #[default]
    None,
    /// It is guessed beside the notes, which do not see it: a second task.
    Aside,
    /// It is chosen before the notes, which see it.
    First,
}

/// The ingredients of one net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The place in the metre is an input.
    pub metre: bool,
    /// A choice sees those before it in its own step.
    pub in_step: bool,
    /// Earlier places are inputs.
    pub lookback: bool,
    /// How long voices have been held is an input.
    pub held: bool,
    /// Pitches have scores for their distance to known ones.
    pub distance: bool,
    /// A step is learned in any order of its voices, and scored as the mean of several.
    #[serde(default)]
    pub orders: bool,
    /// Pieces are learned in all keys that fit.
    pub transpose: bool,
    /// The averaged weights are scored.
    pub average: bool,
    /// Dropout.
    pub dropout: bool,
    /// The chord.
    pub chord: ChordUse,
}

impl Recipe {
    /// All ingredients, no chord.
    pub const FULL: Recipe = Recipe {
        metre: true,
        in_step: true,
        lookback: true,
        held: true,
        distance: true,
        orders: true,
        transpose: true,
        average: true,
        dropout: true,
        chord: ChordUse::None,
    };

    /// The recipe without the ingredients of these names; unknown names are ignored.
    pub fn without(self, names: &[String]) -> Recipe {
        let mut recipe = self;
        for ingredient in INGREDIENTS.iter().filter(|i| names.iter().any(|n| n == i.name)) {
            (ingredient.set)(&mut recipe, false);
        }
        recipe
    }
}
