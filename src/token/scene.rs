//! What stands out in the history at a step, gathered once and read by the step and by each decision in it.

use super::classes::pitch_index;
use crate::engine::heard::{HeardNote, History, LOOKBACK_STEPS};
use crate::music::{Role, kit};
use crate::time::Place;

/// The onsets of one step: kit rows, and pitches of the three pitched roles as bits of the 88.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Onsets {
    /// Bit n: kit row n is struck.
    pub drums: u128,
    /// Bit n: pitch 21 + n starts; bass, chords, lead.
    pub pitched: [u128; 3],
}

impl Onsets {
    /// The onsets among `notes`.
    pub fn of(notes: &[HeardNote]) -> Onsets {
        let mut onsets = Onsets::default();
        for heard in notes {
            if heard.role.is_pitched() {
                onsets.pitched[heard.role.index() - 1] |= 1 << pitch_index(heard.note.pitch);
            } else if let Some(row) = kit::row_of(heard.note.pitch) {
                onsets.drums |= 1 << row;
            }
        }
        onsets
    }
}

/// Pitch classes (bit 0 = C) of pitches given as bits of the 88.
pub(super) fn pitch_classes(mut pitches: u128) -> u128 {
    let mut classes = 0;
    while pitches != 0 {
        classes |= 1 << ((pitches.trailing_zeros() + u32::from(super::classes::PITCH_LOW)) % 12);
        pitches &= pitches - 1;
    }
    classes
}

/// The history as seen from a step; a plain value of about 500 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// Onsets of the step before.
    pub last: Onsets,
    /// Pitches that sound on into this step; bass, chords, lead.
    pub sounding: [u128; 3],
    /// Steps since the highest sounding note of each pitched role began; 0 when none sounds.
    pub held_steps: [u32; 3],
    /// Onsets at the same place 4 steps, one bar and two bars ago.
    pub lags: [Onsets; 3],
    /// Pitches of each pitched role's last step with onsets.
    pub last_onset: [u128; 3],
}

impl Scene {
    /// What `history` shows at `place`; only the [`LOOKBACK_STEPS`] steps before it are looked at.
    pub fn of(history: &History, place: &Place) -> Scene {
        let bar_steps = u64::from(place.metre.bar_steps());
        let at = |back: u64| place.step.before(back).map_or(&[][..], |step| history.step(step));
        let mut scene = Scene {
            last: Onsets::of(at(1)),
            lags: [4, bar_steps, 2 * bar_steps].map(|back| Onsets::of(at(back))),
            ..Scene::default()
        };
        let mut highest = [0u8; 3];
        for back in 1..=LOOKBACK_STEPS as u64 {
            let mut onsets = [0u128; 3];
            for heard in at(back).iter().filter(|h| h.role.is_pitched()) {
                let role = heard.role.index() - 1;
                let bit = 1u128 << pitch_index(heard.note.pitch);
                onsets[role] |= bit;
                if u64::from(heard.note.duration_steps) > back {
                    scene.sounding[role] |= bit;
                    if heard.note.pitch > highest[role] || scene.held_steps[role] == 0 {
                        highest[role] = heard.note.pitch;
                        scene.held_steps[role] = back as u32;
                    }
                }
            }
            for (last, now) in scene.last_onset.iter_mut().zip(onsets) {
                if *last == 0 {
                    *last = now;
                }
            }
        }
        scene
    }

    /// Pitches of a role that sound on into this step, as bits of the 88; 0 for drums.
    pub fn sounding_of(&self, role: Role) -> u128 {
        role.index().checked_sub(1).map_or(0, |r| self.sounding[r])
    }
}
