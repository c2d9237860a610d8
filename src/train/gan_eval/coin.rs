//! The floor of all makers: every cell is an independent coin with its frequency in the train split.

use super::roll::Roll;
use super::windows::Case;
use crate::engine::gan::{BarMaker, BarNotes, BarScene, scene::SEGMENT_STEPS};
use crate::music::{Chance, LATENT, Latent, Purpose, ROLES, Role, StepNote};

/// Pitches of the cells.
const PITCHES: usize = 128;

/// A maker without any idea of music.
pub struct Coin {
    /// How often each cell sounds and how often something starts in it: role, step, pitch.
    often: Vec<[f32; 2]>,
    orphans: u64,
    onsets: u64,
}

fn cell(role: Role, step: usize, pitch: usize) -> usize {
    (role.index() * SEGMENT_STEPS + step) * PITCHES + pitch
}

impl Coin {
    /// Counts the cells of real bars.
    pub fn count(train: &[Vec<Case>; ROLES.len()]) -> Coin {
        let mut often = vec![[0.0f32; 2]; ROLES.len() * SEGMENT_STEPS * PITCHES];
        for (role, cases) in ROLES.into_iter().zip(train) {
            let mut bars = [0u32; SEGMENT_STEPS];
            for case in cases {
                let roll = Roll::new(role, &case.real);
                for (at, (cells, onsets)) in roll.cells.iter().zip(&roll.onsets).enumerate() {
                    let step = at % roll.bar_steps;
                    bars[step] += 1;
                    for pitch in (0..PITCHES).filter(|p| (cells | onsets) >> p & 1 == 1) {
                        often[cell(role, step, pitch)][0] += (cells >> pitch & 1) as f32;
                        often[cell(role, step, pitch)][1] += (onsets >> pitch & 1) as f32;
                    }
                }
            }
            for (step, count) in bars.into_iter().enumerate() {
                let cells = cell(role, step, 0)..cell(role, step, 0) + PITCHES;
                often[cells].iter_mut().flatten().for_each(|x| *x /= count.max(1) as f32);
            }
        }
        Coin { often, orphans: 0, onsets: 0 }
    }
}

/// A seed from all bits of a latent vector: another vector, other coins.
fn seed(latent: &Latent) -> Chance {
    let all: [f32; LATENT] = latent.all();
    all.iter().fold(Chance::new(1), |chance, x| chance.fold(u64::from(x.to_bits())))
}

impl BarMaker for Coin {
    fn make(&mut self, scene: &BarScene, latent: &Latent) -> BarNotes {
        let (role, chance) = (scene.role, seed(latent));
        let mut bar = BarNotes::silent(scene.segment.steps);
        for pitch in 0..PITCHES {
            let mut note: Option<(u8, u16)> = None;
            for step in 0..scene.segment.steps as usize {
                let often = self.often[cell(role, step, pitch)];
                let unit = |k: u64| chance.unit(Purpose::Pattern, (step * PITCHES + pitch) as u64, k);
                let starts = unit(1) < often[1];
                let sounds = if role.is_pitched() { unit(0) < often[0] } else { starts };
                self.onsets += u64::from(starts);
                self.orphans += u64::from(starts && !sounds);
                match &mut note {
                    Some((_, length)) if sounds && !starts && role.is_pitched() => *length += 1,
                    open => {
                        let ended = if sounds { open.replace((step as u8, 1)) } else { open.take() };
                        bar.notes.extend(ended.map(|(at, length)| (at, StepNote::new(pitch as u8, 80, length))));
                    }
                }
            }
            bar.notes.extend(note.map(|(at, length)| (at, StepNote::new(pitch as u8, 80, length))));
        }
        bar.notes.sort_by_key(|(step, note)| (*step, note.pitch));
        bar
    }

    fn orphans(&self) -> Option<f64> {
        (self.onsets > 0).then(|| self.orphans as f64 / self.onsets as f64)
    }
}
