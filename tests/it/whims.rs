//! What a performer who stops at nothing might do next: random commands, good and broken.

use ricercar::message::Command;
use ricercar::music::{Chance, Key, Progression, Purpose};
use ricercar::steer::{CONTROLS, Edit, Half, LatentPath, Moving, OutSpec, Scope, Signal, StyleMix, Way, When};
use ricercar::time::Metre;
use std::sync::Arc;

/// Draws that depend on a seed and on their number only.
pub struct Whims {
    chance: Chance,
    draws: u64,
}

impl Whims {
    pub fn new(seed: u64) -> Whims {
        Whims { chance: Chance::new(seed).fold(1), draws: 0 }
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.draws += 1;
        self.chance.below(Purpose::Script, self.draws, 0, n)
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn part(&mut self) -> Arc<str> {
        self.pick(&["drums", "bass", "chords", "lead", "lead", "nobody"]).into()
    }

    fn maybe_part(&mut self) -> Option<Arc<str>> {
        let part = self.part();
        (self.below(3) > 0).then_some(part)
    }

    fn control(&mut self) -> Edit {
        let info = self.pick(CONTROLS);
        let unit = self.below(1000) as f32 / 999.0;
        let low = info.min + (info.max - info.min) * unit;
        let value = match self.below(6) {
            0 => None,
            1 => Some(Moving::Sine { low, high: info.max, period_steps: 19.0 }.into()),
            2 => Some(Signal::Constant(f32::NAN)),
            _ => Some(Signal::Constant(low)),
        };
        let part = if info.scope == Scope::Part { self.maybe_part() } else { None };
        Edit::Set { part, control: info.control, value }
    }

    /// Something with the latent space.
    fn latent(&mut self) -> Edit {
        let half = self.pick(&[None, Some(Half::Global), Some(Half::Bar)]);
        let (point, other): (Arc<str>, Arc<str>) = (self.pick(&["a", "b"]).into(), self.pick(&["b", "c"]).into());
        let bars = self.pick(&[0.25, 1.0, 3.5]);
        let numbers = Arc::new(std::array::from_fn(|i| self.draws as f32 * 0.001 + i as f32 * 0.1 - 1.6));
        let way = match self.below(8) {
            0 => Way::Drawn,
            1 => Way::Here,
            2 => Way::At(numbers.clone()),
            3 => Way::Point(point.clone()),
            4 => Way::Walk { points_per_bar: bars },
            5 => Way::Morph { from: None, to: point.clone(), bars },
            6 => Way::Morph { from: Some(other), to: point.clone(), bars },
            _ => Way::Orbit { around: other, through: (bars > 1.0).then(|| point.clone()), bars },
        };
        match self.below(8) {
            0 => Edit::LatentMove { part: self.part(), by: numbers },
            1 => Edit::LatentStore { part: self.part(), point },
            2 => Edit::LatentReroll { part: self.maybe_part(), half },
            3 => {
                let rise: Signal = Moving::Sine { low: -0.2, high: 1.0, period_steps: 23.0 }.into();
                let blend = StyleMix::new(&[("funk".into(), rise), ("rock".into(), Signal::Constant(0.4))]);
                Edit::Style { part: self.maybe_part(), blend }
            }
            _ => {
                let by_bar = self.below(3) == 0;
                Edit::Latent { part: self.maybe_part(), half, path: LatentPath { way, by_bar } }
            }
        }
    }

    fn edit(&mut self) -> Edit {
        let on = self.below(2) == 0;
        match self.below(32) {
            0 => Edit::Mute { part: self.maybe_part(), on },
            1 => Edit::Solo { part: self.maybe_part(), on },
            2 => Edit::Hold { part: self.maybe_part(), bars: self.below(4) as u32 },
            3 => Edit::Reroll { part: self.maybe_part() },
            4 => Edit::Key(Key::parse(self.pick(&["C", "D dorian", "?"]))),
            5 => Edit::Chords(Arc::new(Progression::parse("Dm7 G7 (C Am)", 16).unwrap())),
            6 => Edit::Metre(self.pick(&[Metre::FOUR_FOUR, Metre::new(3, 4).unwrap(), Metre::new(7, 8).unwrap()])),
            7 => Edit::Seed(self.below(9)),
            8 => Edit::PlanBars(self.below(10) as u32),
            9 => Edit::Section(self.pick(&["intro", "lift", "nowhere"]).into()),
            10 => Edit::Engine {
                part: self.part(),
                engine: self.pick(&["probe", "err:0", "panic:0", "euclid", "nothing"]).into(),
            },
            11 => {
                let out = OutSpec::parse(self.pick(&["synth:pluck", "midi:3", "midi:Port:4", "jack:1", "none"]));
                Edit::Out { part: self.part(), out: out.unwrap() }
            }
            12 => Edit::Remove { part: self.part() },
            13 => Edit::Part { name: self.part(), role: self.pick(&ricercar::music::ROLES) },
            14 => Edit::Say("la".into()),
            15..=22 => self.latent(),
            _ => self.control(),
        }
    }

    /// A command, given in bar `here`.
    pub fn command(&mut self, here: u64) -> Command {
        let when = self.pick(&[When::Now, When::Now, When::NextBeat, When::NextBar, When::NextSection]);
        let bar = (here + self.below(4)).saturating_sub(1);
        match self.below(40) {
            0 | 1 => {
                let text = match self.below(5) {
                    0 => "broken".to_string(),
                    1 => self.pick(&["trap", "late"]).to_string(),
                    _ => self.below(50).to_string(),
                };
                Command::LoadScript { name: "set".into(), text, when }
            }
            2 => Command::Freeze { bar, on: self.below(3) > 0 },
            3 | 4 => Command::Veto { bar, part: self.maybe_part() },
            5 => Command::CancelPending,
            6 => Command::BackTo { bar: here.saturating_sub(self.below(20)) },
            _ => Command::Edit(self.edit(), when),
        }
    }
}
