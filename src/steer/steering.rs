//! The steering in force, and how an edit changes it.

use super::control::CONTROL_COUNT;
use super::{
    CONTROLS, Control, Edit, HalfNumbers, Moment, OutSpec, PartLatent, Points, Scope, Signal, StyleMix, Surroundings,
};
use crate::limits;
use crate::music::{Chance, Key, Latent, Progression, Role};
use crate::time::{Place, StepIndex};
use std::sync::Arc;

/// A loop of what was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// First step of the looped bars.
    pub from: StepIndex,
    /// First step at which the loop is heard (the loop's source ends here).
    pub since: StepIndex,
}

/// The section that plays.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionNow {
    /// Its name.
    pub name: Arc<str>,
    /// Place in the form.
    pub index: usize,
    /// First step.
    pub from: StepIndex,
    /// First step after it.
    pub until: StepIndex,
}

/// Where an edit takes effect.
pub struct Where<'a> {
    /// The step.
    pub place: Place,
    /// The first step of the bar that lies some bars before that of `place`.
    pub back: &'a dyn Fn(u32) -> StepIndex,
    /// How the bar came to be for the part with this id.
    pub anew: &'a dyn Fn(u64) -> Anew,
}

/// How a bar came to be another one than the first that was made for a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anew {
    /// How often it was vetoed.
    pub vetoes: u64,
    /// Which of its candidates plays, from 0.
    pub pick: u32,
}

/// What the performer wants of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct PartSteering {
    /// Its name in scripts.
    pub name: Arc<str>,
    /// Address of its chance: a hash of the name.
    pub id: u64,
    /// What the model is asked to play.
    pub role: Role,
    /// Name of its engine.
    pub engine: Arc<str>,
    /// Where it goes.
    pub out: OutSpec,
    /// Value or signal of every control of a part; `None` is the default.
    pub controls: Vec<Option<Signal>>,
    /// Style blend; empty follows the set's.
    pub style: StyleMix,
    /// Where it is in the latent space.
    pub latent: PartLatent,
    /// Silent on purpose.
    pub is_muted: bool,
    /// Among those that are heard alone.
    pub is_solo: bool,
    /// Looping, if it is.
    pub hold: Option<Hold>,
    /// Counts re-rolls: folded into the chance of the steps planned since.
    pub rerolls: u64,
}

/// What the performer wants, all of it. Cloned beside each planned step.
#[derive(Clone, Debug, PartialEq)]
pub struct Steering {
    /// Value or signal of every control of the set; `None` is the default.
    pub controls: Vec<Option<Signal>>,
    /// The band, in the order in which scripts declare it.
    pub parts: Vec<PartSteering>,
    /// Style blend of parts that have none of their own.
    pub style: StyleMix,
    /// Points of the latent space that were stored.
    pub points: Points,
    /// Key; `None` leaves it to the model.
    pub key: Option<Key>,
    /// Chords.
    pub chords: Arc<Progression>,
    /// Where the chords began.
    pub chords_from: StepIndex,
    /// Seed of all chance.
    pub seed: u64,
    /// Bars planned ahead.
    pub plan_bars: u32,
    /// The section that plays, when there is a form.
    pub section: Option<SectionNow>,
}

impl PartSteering {
    /// A part with everything at its default.
    pub fn new(name: &str, role: Role) -> PartSteering {
        let sound = ["kit", "bass", "keys", "lead"][role.index()];
        PartSteering {
            name: Arc::from(name),
            id: Chance::name(name),
            role,
            engine: Arc::from("lstm"),
            out: OutSpec::Synth { sound: Arc::from(sound) },
            controls: vec![None; CONTROL_COUNT],
            style: StyleMix::default(),
            latent: PartLatent::default(),
            is_muted: false,
            is_solo: false,
            hold: None,
            rerolls: 0,
        }
    }

    /// Value of a control now, clamped to its row; `None` when nobody set it and it has no default.
    pub fn value(&self, control: Control, moment: &Moment) -> Option<f32> {
        let info = control.info();
        self.controls[control as usize].as_ref().map(|s| info.clamp(s.at(moment))).or(info.default)
    }
}

impl Default for Steering {
    fn default() -> Self {
        Steering {
            controls: vec![None; CONTROL_COUNT],
            parts: Vec::new(),
            style: StyleMix::default(),
            points: Points::default(),
            key: None,
            chords: Arc::new(Progression::default()),
            chords_from: StepIndex(0),
            seed: 1,
            plan_bars: limits::PLAN_BARS,
            section: None,
        }
    }
}

impl Steering {
    /// The part with this name.
    pub fn part(&self, name: &str) -> Option<&PartSteering> {
        self.parts.iter().find(|p| &*p.name == name)
    }

    /// Value of a control of the set now, clamped to its row.
    pub fn value(&self, control: Control, moment: &Moment) -> f32 {
        let info = control.info();
        let set = self.controls[control as usize].as_ref().map(|s| info.clamp(s.at(moment)));
        set.or(info.default).unwrap_or(info.min)
    }

    /// True when the part is heard: not muted, and solo if any part is.
    pub fn is_heard(&self, part: &PartSteering) -> bool {
        !part.is_muted && (part.is_solo || !self.parts.iter().any(|p| p.is_solo))
    }

    /// Chance of a part in a bar: seed, part and re-rolls, and how the bar came to be.
    pub fn chance(&self, part: &PartSteering, anew: Anew) -> Chance {
        let own = Chance::new(self.seed).fold(part.id).fold(part.rerolls);
        let own = if anew.vetoes > 0 { own.fold(anew.vetoes ^ 0x7665_746F) } else { own };
        if anew.pick > 0 { own.fold(u64::from(anew.pick) ^ 0x7461_7374) } else { own }
    }

    /// Where a part is in the latent space; `chance` is its chance in this bar. When that is another than the part
    /// has by itself, the bar is to be another one: its half of the numbers is drawn from it.
    pub fn latent(&self, part: &PartSteering, place: &Place, chance: Chance) -> Latent {
        part.latent.at(&self.surroundings(part, place, chance))
    }

    /// The global half of the place to which a part is going, if it is going to one.
    pub fn latent_target(&self, part: &PartSteering, place: &Place) -> Option<HalfNumbers> {
        part.latent.target(&self.surroundings(part, place, self.chance(part, Anew::default())))
    }

    fn surroundings<'a>(&'a self, part: &PartSteering, place: &'a Place, of_bar: Chance) -> Surroundings<'a> {
        let own = Chance::new(self.seed).fold(part.id);
        Surroundings {
            place,
            points: &self.points,
            own,
            of_bar,
            is_other: of_bar != self.chance(part, Anew::default()),
        }
    }

    /// Another script took over at `at` from what was `old`: the latent places of parts that stay go on.
    pub fn go_on_from(&mut self, old: &Steering, at: &Where) {
        for part in &mut self.parts {
            if let Some(before) = old.part(&part.name) {
                let now = old.latent(before, &at.place, old.chance(before, (at.anew)(before.id)));
                part.latent.go_on_from(&before.latent, &now);
            }
        }
    }

    /// Applies an edit that takes effect at `at`. Returns a sentence when the edit did nothing.
    pub fn apply(&mut self, edit: &Edit, at: &Where) -> Option<String> {
        match edit {
            Edit::Set { part, control, value } => return self.set(part.as_deref(), *control, value),
            Edit::Part { name, role } => return self.declare(name, *role),
            Edit::Remove { part } => self.parts.retain(|p| p.name != *part),
            Edit::Engine { part, engine } => return self.each(Some(part), |p| p.engine = engine.clone()),
            Edit::Out { part, out } => return self.each(Some(part), |p| p.out = out.clone()),
            Edit::Style { part: None, blend } => self.style = blend.clone(),
            Edit::Style { part, blend } => return self.each(part.as_deref(), |p| p.style = blend.clone()),
            Edit::Mute { part, on } => return self.each(part.as_deref(), |p| p.is_muted = *on),
            Edit::Solo { part, on } => return self.each(part.as_deref(), |p| p.is_solo = *on),
            Edit::Hold { part, bars } => {
                let bars = (*bars).min(limits::HISTORY_BARS);
                let hold = (bars > 0).then(|| Hold { from: (at.back)(bars), since: (at.back)(0) });
                return self.each(part.as_deref(), |p| p.hold = hold);
            }
            Edit::Reroll { part } => return self.each(part.as_deref(), |p| p.rerolls += 1),
            Edit::Latent { part, half, path } => {
                let begin = |p: &mut PartSteering, now: &Latent| p.latent.begin(*half, path, now, &at.place);
                return self.each_latent(part.as_deref(), at, begin);
            }
            Edit::LatentMove { part, by } => {
                return self.each_latent(Some(part), at, |p, now| p.latent.push(by, now, &at.place));
            }
            Edit::LatentReroll { part, half } => {
                return self.each_latent(part.as_deref(), at, |p, now| p.latent.reroll(*half, now, &at.place));
            }
            Edit::LatentStore { part, point } => {
                let mut place = None;
                let unknown = self.each_latent(Some(part), at, |_, now| place = Some(*now));
                return unknown.or_else(|| self.store(point, place?));
            }
            Edit::Key(key) => self.key = *key,
            Edit::Chords(chords) => {
                if self.chords != *chords {
                    self.chords = chords.clone();
                    self.chords_from = at.place.step;
                }
            }
            Edit::Seed(seed) => self.seed = *seed,
            Edit::PlanBars(bars) => self.plan_bars = (*bars).clamp(1, limits::PLAN_BARS_MAX),
            // The conductor acts on these: they change the bars, the form and the log, not the steering.
            Edit::Metre(_) | Edit::Section(_) | Edit::Say(_) => {}
        }
        None
    }

    fn store(&mut self, point: &Arc<str>, place: Latent) -> Option<String> {
        let max = limits::POINTS_MAX;
        (!self.points.store(point, place))
            .then(|| format!("point '{point}' is one too many: a set stores at most {max}"))
    }

    /// Changes parts, given where each of them is in the latent space.
    fn each_latent(
        &mut self,
        part: Option<&str>,
        at: &Where,
        mut change: impl FnMut(&mut PartSteering, &Latent),
    ) -> Option<String> {
        let concerned = self.parts.iter().filter(|p| part.is_none_or(|name| &*p.name == name));
        let place = |p: &PartSteering| self.latent(p, &at.place, self.chance(p, (at.anew)(p.id)));
        let mut now = concerned.map(place).collect::<Vec<_>>().into_iter();
        // The same parts in the same order.
        self.each(part, |p| now.next().iter().for_each(|now| change(p, now)))
    }

    fn set(&mut self, part: Option<&str>, control: Control, value: &Option<Signal>) -> Option<String> {
        match control.info().scope {
            Scope::Set => {
                self.controls[control as usize] = value.clone();
                None
            }
            Scope::Part => self.each(part, |p| p.controls[control as usize] = value.clone()),
        }
    }

    fn declare(&mut self, name: &str, role: Role) -> Option<String> {
        if let Some(part) = self.parts.iter_mut().find(|p| &*p.name == name) {
            part.role = role;
        } else if self.parts.len() >= limits::PARTS_MAX {
            return Some(format!("part '{name}' is one too many: a set has at most {} parts", limits::PARTS_MAX));
        } else {
            self.parts.push(PartSteering::new(name, role));
        }
        None
    }

    fn each(&mut self, part: Option<&str>, mut change: impl FnMut(&mut PartSteering)) -> Option<String> {
        let mut found = false;
        for p in self.parts.iter_mut().filter(|p| part.is_none_or(|name| &*p.name == name)) {
            change(p);
            found = true;
        }
        let name = part?;
        (!found).then(|| {
            let known: Vec<_> = self.parts.iter().map(|p| &*p.name).collect();
            format!("there is no part '{name}'; the parts are {}", known.join(", "))
        })
    }
}

// Every control of a part has a slot; controls of the set leave theirs unused.
const _: () = assert!(CONTROLS.len() == CONTROL_COUNT);

#[cfg(test)]
mod test {
    use super::*;
    use crate::time::BarMap;

    fn moment() -> Moment {
        Moment { place: BarMap::default().place(StepIndex(0)), steps_in_section: 0, chance: Chance::new(1) }
    }

    #[test]
    fn edits_change_the_named_part_and_unknown_names_are_said() {
        let mut s = Steering::default();
        let at = Where { place: moment().place, back: &|_| StepIndex(0), anew: &|_| Anew::default() };
        let apply = |s: &mut Steering, e: Edit| s.apply(&e, &at);
        apply(&mut s, Edit::Part { name: "lead".into(), role: Role::Lead });
        let set = |part: &str, value: f32| Edit::Set {
            part: Some(part.into()),
            control: Control::Temperature,
            value: Some(Signal::Constant(value)),
        };
        assert_eq!(apply(&mut s, set("lead", 9.0)), None);
        assert_eq!(s.parts[0].value(Control::Temperature, &moment()), Some(4.0));
        assert!(apply(&mut s, set("leed", 1.0)).unwrap().contains("leed"));
        apply(&mut s, Edit::Solo { part: Some("lead".into()), on: true });
        apply(&mut s, Edit::Part { name: "bass".into(), role: Role::Bass });
        assert!(s.is_heard(&s.parts[0]) && !s.is_heard(&s.parts[1]));
    }
}
