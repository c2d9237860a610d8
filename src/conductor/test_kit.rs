//! For tests and benches: an engine whose notes show everything that it was asked and heard, and a scripted program.

use crate::engine::gan::{BarNotes, BarScene, Ear, EarOpener};
use crate::engine::{Ask, Engine, EngineError, EngineState, Heard};
use crate::music::{Chance, Purpose, Role, StepNote, StepNotes};
use crate::steer::{Call, Control, Edit, Every, Job, Moving, Program, ProgramLoader, ScriptFault, Section, Signal};
use crate::time::{Metre, Place};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Work that takes simulated time: every step of an engine costs so much, and whoever keeps the clock collects it.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Toil(Arc<ToilCells>);

#[derive(Debug, Default)]
struct ToilCells {
    cost_ns: AtomicU64,
    spent_ns: AtomicU64,
}

impl Toil {
    /// What a step of one engine costs from now on.
    pub fn set_cost(&self, cost_ns: u64) {
        self.0.cost_ns.store(cost_ns, Ordering::Relaxed);
    }

    /// What has been spent since it was last collected, in nanoseconds.
    pub fn spent_ns(&self) -> u64 {
        self.0.spent_ns.load(Ordering::Relaxed)
    }

    /// Collects what was spent.
    pub fn take_ns(&self) -> u64 {
        self.0.spent_ns.swap(0, Ordering::Relaxed)
    }

    fn step(&self) {
        self.0.spent_ns.fetch_add(self.0.cost_ns.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// How a test engine misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Not at all.
    None,
    /// Fails from this step on.
    ErrFrom(u64),
    /// Panics from this step on.
    PanicFrom(u64),
}

/// Notes depend on chance, temperature, density, the latent place, the engine's own state and all that is heard.
pub struct Probe {
    state: [f32; 2],
    fault: Fault,
    toil: Toil,
}

impl Probe {
    /// A fresh one, whose steps cost `toil`.
    pub fn new(fault: Fault, toil: Toil) -> Probe {
        Probe { state: [0.0; 2], fault, toil }
    }

    /// Drums listen to nobody, so that tests can tell who hears whom.
    fn listen(&mut self, role: Role, heard: &Heard) {
        self.state[1] += 1.0;
        if role == Role::Drums {
            return;
        }
        let all = heard.history.back(1).iter().chain(heard.history.back(16)).chain(heard.now);
        let sum: f32 = all.map(|n| f32::from(n.note.pitch) + f32::from(n.note.velocity) / 128.0).sum();
        self.state[0] = (self.state[0] * 0.5 + sum) % 1024.0;
    }
}

impl Engine for Probe {
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        self.toil.step();
        let step = ask.place.step.0;
        match self.fault {
            Fault::ErrFrom(from) if step >= from => return Err(EngineError::NotFinite { engine: "probe" }),
            Fault::PanicFrom(from) if step >= from => {
                self.state = [f32::NAN; 2];
                std::panic::resume_unwind(Box::new("as asked by the test"));
            }
            _ => {}
        }
        self.listen(ask.role, heard);
        let draw = |i: u64| ask.chance.unit(Purpose::Pattern, step, i);
        if draw(0) < ask.density().unwrap_or(0.5) {
            let (low, high) = ask.range;
            // Any bit of the place shows.
            let place = ask.latent.all().iter().fold(0u32, |h, x| h.rotate_left(5) ^ x.to_bits()) % 12;
            let moved = (self.state[0] + ask.temperature.pitch * 7.0 + draw(1) * 12.0) as u32 + place;
            let pitch = low + (moved % u32::from(high - low + 1)) as u8;
            let mut note = StepNote::new(pitch, 40 + (draw(2) * 60.0) as u8, 1 + (draw(3) * 6.0) as u16);
            note.offset_ticks = (draw(4) * 20.0) as i16 - 10;
            out.push(note);
        }
        Ok(())
    }
    fn follow(&mut self, ask: &Ask, heard: &Heard) -> Result<(), EngineError> {
        self.toil.step();
        self.listen(ask.role, heard);
        Ok(())
    }
    fn save(&self, state: &mut EngineState) {
        state.0.clear();
        state.0.extend(self.state);
    }
    fn restore(&mut self, state: &EngineState) {
        self.state.copy_from_slice(&state.0);
    }
    fn reset(&mut self) {
        self.state = [0.0; 2];
    }
}

/// Opens probes: "probe", "err:N" and "panic:N" (misbehaving from step N on).
pub fn probes() -> super::Opener {
    toiling_probes(Toil::default())
}

/// As [`probes`], each step at a cost.
pub fn toiling_probes(toil: Toil) -> super::Opener {
    super::Opener::new(move |name| {
        let from = |text: &str| text.parse::<u64>().unwrap_or(0);
        let fault = match name.split_once(':') {
            _ if matches!(name, "probe" | "lstm" | "euclid") => Fault::None,
            Some(("err", n)) => Fault::ErrFrom(from(n)),
            Some(("panic", n)) => Fault::PanicFrom(from(n)),
            _ => return Err(EngineError::Other(format!("no engine '{name}'"))),
        };
        Ok(Box::new(Probe::new(fault, toil.clone())))
    })
}

/// What a closure of [`Scripted`] does: it gets the place and the number of the call.
pub type Closure = fn(&Place, u64) -> Result<Vec<Edit>, ScriptFault>;

/// A program made of plain data; closures count how often they ran.
pub struct Scripted {
    /// Its name.
    pub name: String,
    /// What the top level asks for.
    pub edits: Vec<Edit>,
    /// Closures.
    pub jobs: Vec<(Job, Closure)>,
    /// Rows of the trait.
    pub job_rows: Vec<Job>,
    /// Sections.
    pub sections: Vec<Section>,
    /// What a section asks for when it begins.
    pub on_section: fn(usize) -> Vec<Edit>,
    /// The form.
    pub form: Vec<usize>,
    /// Calls so far.
    pub calls: Arc<AtomicU64>,
}

impl Scripted {
    /// A program that only asks for these edits.
    pub fn new(edits: Vec<Edit>) -> Scripted {
        Scripted {
            name: "test".into(),
            edits,
            jobs: Vec::new(),
            job_rows: Vec::new(),
            sections: Vec::new(),
            on_section: |_| Vec::new(),
            form: Vec::new(),
            calls: Default::default(),
        }
    }
    /// Adds a closure.
    pub fn job(mut self, every: crate::steer::Every, run: Closure) -> Self {
        let job = Job { every, line: 1 + self.jobs.len() as u32 };
        self.job_rows.push(job.clone());
        self.jobs.push((job, run));
        self
    }
    /// Adds sections (name, bars) and the form.
    pub fn form(mut self, sections: &[(&str, u32)], form: &[usize], on: fn(usize) -> Vec<Edit>) -> Self {
        let row = |(name, bars): &(&str, u32)| Section { name: (*name).into(), bars: *bars, line: 9 };
        self.sections = sections.iter().map(row).collect();
        self.form = form.to_vec();
        self.on_section = on;
        self
    }
}

impl Program for Scripted {
    fn name(&self) -> &str {
        &self.name
    }
    fn edits(&self) -> &[Edit] {
        &self.edits
    }
    fn jobs(&self) -> &[Job] {
        &self.job_rows
    }
    fn sections(&self) -> &[Section] {
        &self.sections
    }
    fn form(&self) -> &[usize] {
        &self.form
    }
    fn call(&mut self, call: Call, place: &Place) -> Result<Vec<Edit>, ScriptFault> {
        let count = self.calls.fetch_add(1, Ordering::Relaxed);
        match call {
            Call::Job(i) => self.jobs[i].1(place, count),
            Call::Section(i) => Ok((self.on_section)(i)),
        }
    }
}

/// Drums, bass, chords and lead, played by probes.
pub fn band_of_four() -> Vec<Edit> {
    use crate::music::ROLES;
    ROLES.iter().map(|r| Edit::Part { name: r.name().into(), role: *r }).collect()
}

/// Makes programs from numbers: the same text gives the same program. `"broken"` does not load; `"trap"` fails in a
/// closure of its first bar, `"late"` in one of its third.
pub struct SeedLoader;

impl ProgramLoader for SeedLoader {
    fn load(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault> {
        let fault = |text: &str| ScriptFault { line: 3, column: 1, text: text.into() };
        let set = |part: &str, control, value| Edit::Set { part: Some(part.into()), control, value: Some(value) };
        let mut edits = band_of_four();
        let program = match text {
            "broken" => return Err(fault("this is no program")),
            "trap" => {
                Scripted::new(edits).job(Every::Bars(1), |_, _| Err(ScriptFault { line: 7, ..Default::default() }))
            }
            "late" => Scripted::new(edits).job(Every::Bars(1), |p, _| match p.bar % 3 {
                2 => Err(ScriptFault { line: 8, ..Default::default() }),
                _ => Ok(Vec::new()),
            }),
            text => {
                let seed = text.parse::<u64>().map_err(|_| fault("no number"))?;
                let chance = Chance::new(seed);
                let draw = |i: u64| chance.unit(Purpose::Script, 0, i);
                let sine = Moving::Sine { low: 0.2, high: 0.8, period_steps: 8.0 + draw(0) * 100.0 };
                let walk = Moving::Walk { low: 0.0, high: 2.0, period_steps: 7.0, id: seed };
                edits.push(set("lead", Control::Density, sine.into()));
                edits.push(set("bass", Control::Temperature, walk.into()));
                if draw(4) < 0.5 {
                    edits.push(set("lead", Control::Taste, Signal::Constant(draw(5) * 16.0 - 8.0)));
                }
                if draw(1) < 0.3 {
                    edits.truncate(3);
                }
                if let (true, Some(metre)) = (draw(2) < 0.3, Metre::new(3 + (draw(3) * 5.0) as u8, 8)) {
                    edits.push(Edit::Metre(metre));
                }
                let on = |section: usize| vec![Edit::Mute { part: Some("drums".into()), on: section == 0 }];
                Scripted::new(edits)
                    .job(Every::Beats(2), |place, _| {
                        let value = (place.step.0 % 13) as f32 / 13.0;
                        let part = Some("chords".into());
                        Ok(vec![Edit::Set { part, control: Control::Density, value: Some(Signal::Constant(value)) }])
                    })
                    .job(Every::Bars(3), |_, _| Ok(vec![Edit::Hold { part: Some("bass".into()), bars: 1 }]))
                    .job(Every::Bars(4), |_, _| Ok(vec![Edit::Hold { part: Some("bass".into()), bars: 0 }]))
                    .form(&[("intro", 2), ("lift", 3)], &[0, 1, 1], on)
            }
        };
        let name = if text.parse::<u64>().is_ok() { format!("seed {text}") } else { name.to_string() };
        Ok(Box::new(Scripted { name, ..program }))
    }
}

/// An ear that goes by a rule.
#[derive(Clone, Copy)]
pub struct RuleEar(pub fn(&BarScene, &BarNotes) -> Option<f32>);

impl Ear for RuleEar {
    fn score(&mut self, scene: &BarScene, notes: &BarNotes) -> Option<f32> {
        (self.0)(scene, notes)
    }
}

/// Opens an ear that likes many notes, and of as many the higher ones; it knows nothing of drums.
pub fn likes_many() -> EarOpener {
    let rule = RuleEar(|scene, bar| {
        let pitches: u32 = bar.notes.iter().map(|n| u32::from(n.1.pitch)).sum();
        (scene.role != Role::Drums).then_some(bar.notes.len() as f32 + pitches as f32 / 1e4)
    });
    std::sync::Arc::new(move || Box::new(rule))
}
