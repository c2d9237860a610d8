//! The band LSTM as an [`Engine`]: one part's instance over shared weights.

use super::guided::Free;
use super::kernel::Simd;
use super::live::Live;
use super::packed::Packed;
use super::run::Run;
use crate::engine::lean::{self, Lean};
use crate::engine::sampling::{self, Draw};
use crate::engine::{Ask, Engine, EngineError, EngineState, Heard};
use crate::limits::{BLEND_MAX, NOTES_PER_STEP};
use crate::music::{Purpose, StepNote, StepNotes, StyleBlend};
use crate::token::{self, Bag, Conditions, Scene, classes};
use std::sync::Arc;

/// Styles that are remembered as reported; beyond it a new one is not reported.
const REPORTED_MAX: usize = 64;

/// One part played by the band LSTM, through the live step or another [`Run`].
pub struct LstmPart<R: Run = Live> {
    run: R,
    free: Free<R>,
    features: Bag,
    context: Bag,
    manner: Bag,
    /// The last blend asked for, and what the model makes of it: rows and weights.
    blend: StyleBlend,
    style: [(u32, f32); BLEND_MAX],
    styles: usize,
    reported: Vec<Arc<str>>,
    notice: Option<String>,
}

impl LstmPart<Live> {
    /// A part from silence, on this machine's widest path.
    pub fn new(packed: Arc<Packed>) -> LstmPart {
        LstmPart::with_simd(packed, Simd::best())
    }

    /// A part on a chosen path; the music is the same on all.
    pub fn with_simd(packed: Arc<Packed>, simd: Simd) -> LstmPart {
        LstmPart::over(Live::new(packed, simd))
    }
}

impl<R: Run> LstmPart<R> {
    /// A part over a run that is silent.
    pub fn over(run: R) -> LstmPart<R> {
        LstmPart {
            free: Free::new(run.sibling()),
            run,
            features: Bag::new(),
            context: Bag::new(),
            manner: Bag::new(),
            blend: StyleBlend::default(),
            style: [(0, 0.0); BLEND_MAX],
            styles: 0,
            reported: Vec::new(),
            notice: None,
        }
    }

    const NOT_FINITE: EngineError = EngineError::NotFinite { engine: R::NAME };

    /// Looks a new blend up: unknown names are left out, reported once, and the rest scaled to add up to 1.
    fn set_style(&mut self, blend: &StyleBlend) {
        if *blend == self.blend {
            return;
        }
        self.blend = blend.clone();
        self.styles = 0;
        let mut sum = 0.0;
        for (name, weight) in blend.0.iter().take(BLEND_MAX) {
            let names = self.run.styles();
            match names.iter().take(token::STYLE_ROWS as usize).position(|n| **n == **name) {
                Some(row) => {
                    self.style[self.styles] = (row as u32, *weight);
                    self.styles += 1;
                    sum += weight;
                }
                None if self.reported.len() < REPORTED_MAX && !self.reported.contains(name) => {
                    self.reported.push(name.clone());
                    let known = names.join(", ");
                    let known = if known.is_empty() { "none".to_owned() } else { known };
                    self.notice = Some(format!("the model does not know the style '{name}'; it knows: {known}"));
                }
                None => {}
            }
        }
        self.style[..self.styles].iter_mut().for_each(|s| s.1 /= sum);
    }

    /// Takes the step's input; afterwards the state is that of the step.
    fn advance(&mut self, ask: &Ask, heard: &Heard) -> Result<Scene, EngineError> {
        self.set_style(&ask.style);
        let scene = Scene::of(heard.history, &ask.place);
        let conditions = conditions(ask, &self.style[..self.styles]);
        let is_sound = self.free.step(&self.run, ask, &scene, &conditions)?;
        token::scene_features(&scene, &conditions, &mut self.features);
        if self.run.step(&self.features)? && is_sound { Ok(scene) } else { Err(Self::NOT_FINITE) }
    }

    /// Lists the role's notes of the step that was just taken.
    fn decode(&mut self, ask: &Ask, heard: &Heard, scene: &Scene, out: &mut StepNotes) -> Result<(), EngineError> {
        let conditions = conditions(ask, &self.style[..self.styles]);
        token::decision_base(scene, &conditions, ask.role, heard.now, &mut self.context);
        self.run.begin(&self.context)?;
        self.free.begin(ask, scene, &conditions, heard.now)?;
        let (sounding, lean) = (scene.sounding_of(ask.role), Lean::of(ask, heard, scene));
        let mut after = classes::END;
        for index in 0..NOTES_PER_STEP {
            let logits = self.run.decide(ask.role, token::count_row(index))?;
            self.free.guide(ask, token::count_row(index), logits)?;
            if !sampling::is_sound(logits) {
                return Err(Self::NOT_FINITE);
            }
            lean.on(logits, ask, index);
            sampling::steer(logits, ask, index, after, sounding);
            let unit = |n| ask.chance.unit(Purpose::Pitch, ask.place.step.0, 2 * index as u64 + n);
            let class = sampling::choose_note(logits, ask, (index == 0).then_some(lean.first), [unit(0), unit(1)]);
            let Some(pitch) = classes::pitch_of(ask.role, class) else { break };
            let now = out.iter().last().or(heard.now.last().map(|h| &h.note));
            token::detail_features(heard.history, &ask.place, ask.role, class, now, &mut self.manner);
            let note = self.detail(ask, pitch, index as u64)?;
            out.push(note);
            after = class;
            if let Some(row) = token::note_row(ask.role, pitch) {
                self.run.add_context(row);
                self.free.add_context(row);
            }
        }
        Ok(())
    }

    /// Length, velocity and offset of a chosen note, whose rows are in `manner`.
    fn detail(&mut self, ask: &Ask, pitch: u8, index: u64) -> Result<StepNote, EngineError> {
        let step = ask.place.step.0;
        let temperature = &ask.temperature;
        self.run.begin_detail(&self.manner)?;
        let draw = |logits: &mut [f32], temperature: f32, purpose: Purpose| {
            if !sampling::is_sound(logits) {
                return Err(Self::NOT_FINITE);
            }
            let unit = ask.chance.unit(purpose, step, index);
            sampling::choose(logits, Draw::of(ask, temperature), unit).ok_or(Self::NOT_FINITE)
        };
        let duration = if ask.role.is_pitched() {
            draw(self.run.durations()?, temperature.rhythm, Purpose::Duration)?
        } else {
            classes::NO_DURATION
        };
        let velocity = draw(self.run.velocities(duration)?, temperature.velocity, Purpose::Velocity)?;
        let offset = draw(self.run.offsets(velocity)?, temperature.offset, Purpose::Offset)?;
        Ok(classes::note_of(pitch, duration, velocity, offset))
    }
}

fn conditions<'a>(ask: &Ask, style: &'a [(u32, f32)]) -> Conditions<'a> {
    Conditions {
        place: ask.place,
        chord: ask.chord,
        next_chord: ask.next_chord,
        steps_to_next_chord: ask.steps_to_next_chord,
        key: ask.key,
        style,
        roles: ask.band,
        bars_to_end: ask.bars_to_end,
    }
}

impl<R: Run> Engine for LstmPart<R> {
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        let scene = self.advance(ask, heard)?;
        let unit = ask.chance.unit(Purpose::Copy, ask.place.step.0, 0);
        if unit < ask.copy && lean::has_past(ask) {
            let sounding = scene.sounding_of(ask.role);
            lean::copied(ask, heard, |pitch| sampling::is_allowed(ask, pitch, sounding), out);
            return Ok(());
        }
        self.decode(ask, heard, &scene, out).inspect_err(|_| out.clear())
    }

    fn follow(&mut self, ask: &Ask, heard: &Heard) -> Result<(), EngineError> {
        self.advance(ask, heard).map(|_| ())
    }

    fn save(&self, state: &mut EngineState) {
        self.run.save(state);
        self.free.save(state);
    }

    fn restore(&mut self, state: &EngineState) {
        let told = self.free.restore(&self.run, state);
        self.run.restore(told);
    }

    fn reset(&mut self) {
        self.run.reset();
        self.free.reset();
    }

    fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::{ARITHMETICS, Arithmetic, random};
    use crate::engine::{HeardNote, History};
    use crate::music::{Chance, Chord, Key, ROLES, Role};
    use crate::time::{BarMap, StepIndex};

    fn packed(seed: u64) -> Arc<Packed> {
        packed_with(seed, Arithmetic::F32)
    }

    fn packed_with(seed: u64, arithmetic: Arithmetic) -> Arc<Packed> {
        Arc::new(Packed::with(&random::small(seed).unwrap(), arithmetic).unwrap())
    }

    /// Plays `steps` sixteenths with a part for each role that hears the others, and returns all notes.
    fn play(parts: &mut [LstmPart; 4], steps: u64, change: impl Fn(&mut Ask)) -> Vec<Vec<HeardNote>> {
        let mut history = History::new(StepIndex(0));
        let mut all = Vec::new();
        for step in 0..steps {
            let mut now = Vec::new();
            for (role, part) in ROLES.into_iter().zip(parts.iter_mut()) {
                let mut ask =
                    Ask::new(BarMap::default().place(StepIndex(step)), role, Chance::new(9).fold(role as u64));
                change(&mut ask);
                let mut out = StepNotes::EMPTY;
                part.next_step(&ask, &Heard { history: &history, now: &now }, &mut out).unwrap();
                now.extend(out.iter().map(|note| HeardNote { role, note: *note }));
            }
            history.push(&now);
            all.push(now);
        }
        all
    }

    #[test]
    fn every_path_plays_the_same_200_steps() {
        for arithmetic in ARITHMETICS {
            let mut seen = None;
            for simd in Simd::all() {
                // Weights of its own, so that no step is copied from another path's.
                let packed = packed_with(1, arithmetic);
                let mut parts = [0; 4].map(|_| LstmPart::with_simd(packed.clone(), simd));
                let played = play(&mut parts, 200, |ask| ask.key = Key::parse("G"));
                assert!(played.iter().flatten().count() > 100);
                let mut state = EngineState::default();
                parts[3].save(&mut state);
                let bits: Vec<u32> = state.0.iter().map(|v| v.to_bits()).collect();
                let first = seen.get_or_insert_with(|| (played.clone(), bits.clone()));
                assert_eq!(*first, (played, bits), "{} {}", arithmetic.name(), simd.name());
            }
        }
    }

    #[test]
    fn a_step_copied_from_another_part_is_the_step_computed() {
        let change = |ask: &mut Ask| ask.band = [crate::engine::RoleAsk { present: true, ..Default::default() }; 4];
        let shared = packed(6);
        let together = play(&mut [0; 4].map(|_| LstmPart::new(shared.clone())), 64, change);
        let apart = play(&mut [0; 4].map(|_| LstmPart::new(packed(6))), 64, change);
        assert_eq!(together, apart);
    }

    #[test]
    fn unknown_styles_are_reported_once_and_the_rest_scaled() {
        let mut part = LstmPart::new(packed(2));
        part.set_style(&StyleBlend::new(&[("funk", 1.0), ("polka", 1.0), ("rock", 2.0)]));
        assert_eq!(part.styles, 2);
        assert!((part.style[0].1 - 1.0 / 3.0).abs() < 1e-6 && (part.style[1].1 - 2.0 / 3.0).abs() < 1e-6);
        assert!(part.notice().unwrap().contains("'polka'"));
        part.set_style(&StyleBlend::new(&[("polka", 1.0)]));
        assert_eq!((part.notice(), part.styles), (None, 0));
    }

    #[test]
    fn numbers_that_are_none_are_an_error_and_the_next_step_is_sound_again() {
        ARITHMETICS.into_iter().for_each(none_is_an_error);
    }

    fn none_is_an_error(arithmetic: Arithmetic) {
        let mut part = LstmPart::new(packed_with(3, arithmetic));
        let history = History::new(StepIndex(0));
        let heard = Heard { history: &history, now: &[] };
        let ask = Ask::new(BarMap::default().place(StepIndex(0)), Role::Lead, Chance::new(1));
        let mut state = EngineState::default();
        part.save(&mut state);
        state.0[3] = f32::NAN;
        part.restore(&state);
        let mut out = StepNotes::EMPTY;
        assert_eq!(part.next_step(&ask, &heard, &mut out), Err(LstmPart::<Live>::NOT_FINITE));
        assert!(out.is_empty());
        assert_eq!(part.next_step(&ask, &heard, &mut out), Ok(()));
        part.restore(&EngineState(vec![1.0; 3]));
        assert_eq!(part.next_step(&ask, &heard, &mut out), Ok(()), "a state of another engine is silence");
    }

    #[test]
    fn following_leaves_the_same_state_as_playing() {
        let packed = packed(4);
        let history = History::new(StepIndex(0));
        let heard = Heard { history: &history, now: &[] };
        let ask = Ask::new(BarMap::default().place(StepIndex(0)), Role::Chords, Chance::new(1));
        let (mut a, mut b) = (LstmPart::new(packed.clone()), LstmPart::new(packed));
        a.next_step(&ask, &heard, &mut StepNotes::EMPTY.clone()).unwrap();
        b.follow(&ask, &heard).unwrap();
        let (mut s, mut t) = (EngineState::default(), EngineState::default());
        a.save(&mut s);
        b.save(&mut t);
        assert_eq!(s, t);
    }

    #[test]
    fn a_step_allocates_nothing_once_warm() {
        for (arithmetic, simd) in ARITHMETICS.into_iter().flat_map(|a| Simd::all().into_iter().map(move |s| (a, s))) {
            allocates_nothing(LstmPart::with_simd(packed_with(5, arithmetic), simd));
        }
    }

    fn allocates_nothing(mut part: LstmPart) {
        let mut history = History::new(StepIndex(0));
        let mut state = EngineState::default();
        part.save(&mut state);
        let style = StyleBlend::new(&[("funk", 1.0), ("rock", 2.0)]);
        for step in 0..64u64 {
            let mut ask = Ask::new(BarMap::default().place(StepIndex(step)), Role::Chords, Chance::new(1));
            ask.style = style.clone();
            (ask.key, ask.chord) = (Key::parse("C"), Chord::parse("Am7"));
            ask.top_p = 0.9;
            let mut out = StepNotes::EMPTY;
            let heard = Heard { history: &history, now: &[] };
            let run = || {
                part.save(&mut state);
                part.restore(&state);
                part.next_step(&ask, &heard, &mut out)
            };
            assert_no_alloc::assert_no_alloc(run).unwrap();
            let notes: Vec<_> = out.iter().map(|note| HeardNote { role: Role::Chords, note: *note }).collect();
            history.push(&notes);
        }
    }
}
