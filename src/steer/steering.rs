//! The steering in force, and how an edit changes it.

use super::control::CONTROL_COUNT;
use super::{CONTROLS, Control, Edit, Moment, OutSpec, Scope, Signal};
use crate::limits;
use crate::music::{Chance, Key, Progression, Role, StyleBlend};
use crate::time::StepIndex;
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
    pub style: StyleBlend,
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
    pub style: StyleBlend,
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
            style: StyleBlend::default(),
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
            style: StyleBlend::default(),
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

    /// Applies an edit that takes effect at `step`, whose bar begins at `bar_start`; `back` gives the first step of
    /// the bar that lies some bars before `bar_start`. Returns a sentence when the edit did nothing.
    pub fn apply(&mut self, edit: &Edit, step: StepIndex, back: impl Fn(u32) -> StepIndex) -> Option<String> {
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
                let hold = (bars > 0).then(|| Hold { from: back(bars), since: back(0) });
                return self.each(part.as_deref(), |p| p.hold = hold);
            }
            Edit::Reroll { part } => return self.each(part.as_deref(), |p| p.rerolls += 1),
            Edit::Key(key) => self.key = *key,
            Edit::Chords(chords) => {
                if self.chords != *chords {
                    self.chords = chords.clone();
                    self.chords_from = step;
                }
            }
            Edit::Seed(seed) => self.seed = *seed,
            Edit::PlanBars(bars) => self.plan_bars = (*bars).clamp(1, limits::PLAN_BARS_MAX),
            // The conductor acts on these: they change the bars, the form and the log, not the steering.
            Edit::Metre(_) | Edit::Section(_) | Edit::Say(_) => {}
        }
        None
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
        let apply = |s: &mut Steering, e: Edit| s.apply(&e, StepIndex(0), |_| StepIndex(0));
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
