//! Roles: what a model can be asked to play.

use serde::{Deserialize, Serialize};

/// What a part is asked to play. The order is the order within a step: each role hears the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The kit.
    Drums,
    /// The low line.
    Bass,
    /// Accompaniment: several notes at once.
    Chords,
    /// The melody.
    Lead,
}

/// Every role, in playing order.
pub const ROLES: [Role; 4] = [Role::Drums, Role::Bass, Role::Chords, Role::Lead];

impl Role {
    /// Place in [`ROLES`].
    pub fn index(self) -> usize {
        self as usize
    }
    /// The word used in scripts, on screen and in model files.
    pub fn name(self) -> &'static str {
        ["drums", "bass", "chords", "lead"][self.index()]
    }
    /// Reads a role's word.
    pub fn parse(word: &str) -> Option<Role> {
        ROLES.into_iter().find(|r| r.name() == word)
    }
    /// True for roles whose notes have pitches (all but drums).
    pub fn is_pitched(self) -> bool {
        self != Role::Drums
    }
    /// Most notes started together by default: a line for bass and lead, hands for chords, limbs for drums.
    pub fn polyphony(self) -> u8 {
        [8, 1, 6, 1][self.index()]
    }
    /// Lowest and highest pitch by default.
    pub fn range(self) -> (u8, u8) {
        [(0, 127), (28, 60), (43, 84), (52, 96)][self.index()]
    }
}
