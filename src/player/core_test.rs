//! The pure player under a simulated clock: examples and properties.

use super::{Core, Recorder};
use crate::limits::{FALLBACK_BARS, HAND_OVER_MS, LAST_CALL_MS, START_LEAD_MS};
use crate::message::{FromPlayer, PlannedNote, PlannedStep, Route, ToPlayer};
use crate::output::OutEvent;
use crate::steer::OutSpec;
use crate::time::{BarMap, Bpm, Nanos, StepIndex, Tick};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

struct Stage {
    core: Core,
    sink: Recorder,
    now: Nanos,
}

impl Stage {
    fn new(outs: &[&str]) -> Stage {
        let mut stage = Stage { core: Core::new(), sink: Recorder::default(), now: Nanos(7 * MS) };
        stage.routes(outs);
        stage
    }

    fn routes(&mut self, outs: &[&str]) {
        let route = |o: &&str| Route { part: (*o).into(), out: OutSpec::parse(o).unwrap() };
        self.tell(ToPlayer::Routes(outs.iter().map(route).collect()));
    }

    fn tell(&mut self, message: ToPlayer) {
        self.core.tell(message, self.now, &mut self.sink);
        self.core.advance(self.now, &mut self.sink);
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now = self.now.after_ms(1);
            self.core.advance(self.now, &mut self.sink);
        }
    }

    fn plan(&mut self, steps: std::ops::Range<u64>, epoch: u64, bpm: f64, notes: impl Fn(u64) -> Vec<PlannedNote>) {
        for s in steps {
            self.tell(ToPlayer::Step(Box::new(step(s, epoch, bpm, notes(s)))));
        }
    }

    /// What device `name` heard: milliseconds (rounded down), on or off, pitch.
    fn heard(&self, name: &str) -> Vec<(u64, bool, u8)> {
        let note = |(due, event): &(crate::output::Due, OutEvent)| match *event {
            OutEvent::NoteOn { pitch, .. } => Some((due.at.0 / MS, true, pitch)),
            OutEvent::NoteOff { pitch, .. } => Some((due.at.0 / MS, false, pitch)),
            _ => None,
        };
        self.sink.tape(name).events.iter().filter_map(note).collect()
    }
}

fn step(step: u64, epoch: u64, bpm: f64, notes: Vec<PlannedNote>) -> PlannedStep {
    let place = BarMap::default().place(StepIndex(step));
    PlannedStep { step: place.step, place, epoch, bpm: Bpm::new(bpm), notes, params: vec![] }
}

fn note(step: u64, offset: i64, duration_ticks: u32, pitch: u8) -> PlannedNote {
    PlannedNote {
        tick: StepIndex(step).tick().offset(offset),
        duration_ticks,
        slot: 0,
        pitch,
        velocity: 100,
        cuts: false,
    }
}

const FIRST_MS: u64 = 7 + START_LEAD_MS;

#[test]
fn start_waits_for_the_first_step_and_notes_fall_on_their_ticks() {
    let mut stage = Stage::new(&["none"]);
    stage.tell(ToPlayer::Start);
    stage.plan(4..8, 0, 120.0, |s| vec![note(s, 0, 120, 60 + s as u8)]);
    stage.run_ms(600);
    let begin = |i: u64| FIRST_MS + i * 125;
    let expected: Vec<_> =
        (0..4).flat_map(|i| [(begin(i), true, 64 + i as u8), (begin(i) + 62, false, 64 + i as u8)]).collect();
    assert_eq!(stage.heard("none")[..8], expected);
    assert_eq!(stage.sink.reports[0], FromPlayer::Handed { step: StepIndex(4), epoch: Some(0) });
}

#[test]
fn early_and_late_notes_of_neighbouring_steps_come_in_order() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..8, 0, 60.0, |s| vec![note(s, if s % 2 == 1 { -120 } else { 130 }, 60, 60 + s as u8)]);
    stage.tell(ToPlayer::Start);
    stage.run_ms(2000);
    let heard = stage.heard("none");
    let place = |p: u8| heard.iter().find(|h| h.1 && h.2 == p).map(|h| h.0);
    // At 60 bpm a tick is 1.0416 ms: the early note of step 1 stands at tick 120, before the late one of step 0.
    assert_eq!((place(61), place(60)), (Some(FIRST_MS + 125), Some(FIRST_MS + 135)));
    assert!(stage.sink.tape("none").faults.is_empty());
}

#[test]
fn a_restruck_pitch_ends_first_and_offs_move_with_the_tempo() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..1, 0, 120.0, |_| vec![note(0, 0, 960, 60), note(0, 0, 960, 61)]);
    stage.plan(1..20, 0, 240.0, |s| if s == 1 { vec![note(1, 0, 240, 60)] } else { vec![] });
    stage.tell(ToPlayer::Start);
    stage.run_ms(900);
    // Step 0 lasts 125 ms; from there a quarter lasts 250 ms: 720 ticks are 187.5 ms, 240 ticks 62.5 ms.
    let t = FIRST_MS;
    let expected = [
        (t, true, 60),
        (t, true, 61),
        (t + 125, false, 60),
        (t + 125, true, 60),
        (t + 187, false, 60),
        (t + 312, false, 61),
    ];
    assert_eq!(stage.heard("none"), expected);
}

#[test]
fn a_note_that_cuts_ends_what_its_part_sounds_and_no_other() {
    let mut stage = Stage::new(&["none", "none"]);
    let of = |slot: u8, cuts: bool, n: PlannedNote| PlannedNote { slot, cuts, ..n };
    // Handed over as a whole note before the plan was made again with a note on the next step.
    stage.plan(0..1, 0, 120.0, |_| vec![of(0, true, note(0, 0, 3840, 60)), of(1, false, note(0, 0, 480, 61))]);
    stage.plan(1..20, 1, 120.0, |s| if s == 1 { vec![of(0, true, note(1, 0, 240, 62))] } else { vec![] });
    stage.tell(ToPlayer::Start);
    stage.run_ms(900);
    let t = FIRST_MS;
    let expected = [
        (t, true, 60),
        (t, true, 61),
        (t + 125, false, 60),
        (t + 125, true, 62),
        (t + 250, false, 61),
        (t + 250, false, 62),
    ];
    assert_eq!(stage.heard("none"), expected);
}

#[test]
fn an_end_waits_for_the_step_that_may_still_cut_it() {
    let mut stage = Stage::new(&["none"]);
    let cutting = |n: PlannedNote| PlannedNote { cuts: true, ..n };
    stage.plan(0..16, 0, 120.0, |s| if s == 0 { vec![cutting(note(0, 0, 231, 60))] } else { vec![] });
    stage.tell(ToPlayer::Start);
    // The note's end is within the horizon; step 1 goes two milliseconds later, and is planned anew before that.
    stage.run_ms(START_LEAD_MS + 23);
    stage.tell(ToPlayer::Revise { from: StepIndex(1), epoch: 1 });
    stage.plan(1..16, 1, 120.0, |s| if s == 1 { vec![cutting(note(1, -20, 240, 62))] } else { vec![] });
    stage.run_ms(400);
    let t = FIRST_MS;
    let (cut, end) = (t + 114, t + 239);
    assert_eq!(stage.heard("none"), [(t, true, 60), (cut, false, 60), (cut, true, 62), (end, false, 62)]);
}

#[test]
fn a_revised_step_is_waited_for_then_the_older_plan_plays() {
    for (delay_ms, epoch) in [(40, 1), (HAND_OVER_MS - LAST_CALL_MS + 10, 0)] {
        let mut stage = Stage::new(&["none"]);
        stage.plan(0..16, 0, 120.0, |s| vec![note(s, 0, 100, 60)]);
        stage.tell(ToPlayer::Start);
        stage.run_ms(START_LEAD_MS + 125 * 3);
        let next = stage.core.playhead(stage.now).handed;
        stage.tell(ToPlayer::Revise { from: next, epoch: 1 });
        // To the moment at which it would have been handed over, and then some.
        while stage.core.playhead(stage.now).tick < next.tick().offset(-((HAND_OVER_MS * 48 / 25) as i64)) {
            stage.run_ms(1);
        }
        stage.run_ms(delay_ms);
        stage.plan(next.0..16, 1, 120.0, |s| vec![note(s, 0, 100, 72)]);
        stage.run_ms(200);
        let handed = stage.sink.reports.iter().find(|r| matches!(r, FromPlayer::Handed { step, .. } if *step == next));
        assert_eq!(handed, Some(&FromPlayer::Handed { step: next, epoch: Some(epoch) }));
        assert_eq!(stage.core.playhead(stage.now).late_steps, u64::from(epoch == 0));
    }
}

#[test]
fn late_engine_repeats_the_last_bar_in_time_then_is_silent_on_purpose() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..32, 0, 120.0, |s| vec![note(s, 0, 100, 40 + (s % 16) as u8)]);
    stage.tell(ToPlayer::Start);
    stage.run_ms(START_LEAD_MS + 125 * (32 + 16 * u64::from(FALLBACK_BARS) + 16));
    let playhead = stage.core.playhead(stage.now);
    assert_eq!(playhead.late_steps, u64::from(FALLBACK_BARS) * 16);
    assert!((15..=17).contains(&playhead.silent_steps), "{playhead:?}");
    for (ms, on, pitch) in stage.heard("none") {
        assert!(!on || (ms - FIRST_MS) / 125 % 16 == u64::from(pitch) - 40, "{ms} {pitch}");
    }
}

#[test]
fn stop_keeps_the_position_and_start_goes_on_there() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..16, 0, 120.0, |s| vec![note(s, 0, 400, 60 + s as u8)]);
    stage.tell(ToPlayer::Start);
    stage.run_ms(START_LEAD_MS + 300);
    stage.tell(ToPlayer::Stop);
    let stopped = stage.now;
    assert!(stage.sink.tape("none").sounding.is_empty());
    let count = stage.sink.tape("none").events.len();
    stage.run_ms(5000);
    assert_eq!(stage.sink.tape("none").events.len(), count, "nothing comes while stopped");
    stage.tell(ToPlayer::Start);
    let gap = stage.now.after_ms(START_LEAD_MS).0 - stopped.0;
    stage.run_ms(1600);
    let ons: Vec<_> = stage.heard("none").into_iter().filter(|h| h.1).collect();
    assert_eq!(ons.len(), 16, "each note once");
    // Notes after the stop are later by the pause, less the part of a tick that had begun.
    let late = ons[5].0 - (FIRST_MS + 5 * 125);
    assert!((gap / MS - 1..=gap / MS).contains(&late), "{late} {}", gap / MS);
    assert!(stage.sink.tape("none").faults.is_empty());
}

#[test]
fn panic_ends_all_notes_and_the_music_goes_on() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..16, 0, 120.0, |s| vec![note(s, 0, 5000, 60 + s as u8)]);
    stage.tell(ToPlayer::Clock(true));
    stage.tell(ToPlayer::Start);
    stage.run_ms(START_LEAD_MS + 500);
    stage.tell(ToPlayer::Panic);
    stage.run_ms(1);
    let end = stage.now;
    assert!(stage.heard("none").iter().filter(|h| h.0 <= end.0 / MS).fold(0, |n, h| n + if h.1 { 1 } else { -1 }) == 0);
    stage.run_ms(400);
    assert!(stage.heard("none").iter().any(|h| h.1 && h.0 > end.0 / MS));
    assert_eq!(pulses(&stage), (0..=pulses(&stage).len() as u64 - 1).map(|i| Tick(i * 40)).collect::<Vec<_>>());
}

fn pulses(stage: &Stage) -> Vec<Tick> {
    let tape = stage.sink.tape("none");
    tape.events.iter().filter(|e| e.1 == OutEvent::Clock).map(|e| e.0.tick).collect()
}

#[test]
fn clock_has_24_pulses_a_quarter_in_phase_over_stops_and_tempo_changes() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..64, 0, 120.0, |_| vec![]);
    stage.plan(8..64, 1, 171.3, |_| vec![]);
    stage.tell(ToPlayer::Clock(true));
    stage.tell(ToPlayer::Start);
    stage.run_ms(777);
    stage.tell(ToPlayer::Stop);
    stage.run_ms(333);
    stage.tell(ToPlayer::Start);
    stage.run_ms(1500);
    let pulses = pulses(&stage);
    assert!(pulses.len() > 100);
    assert!(pulses.iter().enumerate().all(|(i, t)| t.0 == 40 * i as u64), "{pulses:?}");
    let words: Vec<_> = stage.sink.tape("none").events.iter().map(|e| e.1).filter(|e| *e != OutEvent::Clock).collect();
    assert_eq!(words, [OutEvent::Start, OutEvent::Stop, OutEvent::Continue]);
}

#[test]
fn a_note_ends_where_it_began_when_the_routes_change() {
    let mut stage = Stage::new(&["midi:1"]);
    stage.plan(0..16, 0, 120.0, |s| vec![note(s, 0, 1000, 60 + s as u8)]);
    stage.tell(ToPlayer::Start);
    stage.run_ms(300);
    stage.routes(&["jack:5"]);
    stage.run_ms(300);
    assert!(stage.sink.tape("jack").ons() > 0);
    stage.run_ms(20_000);
    for (name, tape) in stage.sink.tapes() {
        assert!(tape.sounding.is_empty() && tape.faults.is_empty() && tape.ons() == tape.offs(), "{name}");
    }
}

#[test]
fn a_long_sleep_of_the_machine_is_not_caught_up_in_a_burst() {
    let mut stage = Stage::new(&["none"]);
    stage.plan(0..64, 0, 120.0, |s| vec![note(s, 0, 100, 60)]);
    stage.tell(ToPlayer::Start);
    stage.run_ms(500);
    let before = stage.core.playhead(stage.now).handed;
    stage.now = stage.now.after_ms(60_000);
    stage.core.advance(stage.now, &mut stage.sink);
    assert!(stage.core.playhead(stage.now).handed.0 <= before.0 + 2);
    assert_eq!(stage.core.playhead(stage.now).late_steps, 0);
}

#[derive(Clone, Debug)]
enum Act {
    Run(u64),
    Plan { count: u64, bpm: f64, notes: Vec<(u8, i64, u32, u8)> },
    Revise(u64),
    Stop,
    Start,
    Panic,
    Clock(bool),
    Routes(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let notes = prop::collection::vec((0u8..3, -120i64..240, 1u32..2000, 58u8..63), 0..6);
    let act = prop_oneof![
        6 => (1u64..400).prop_map(Act::Run),
        5 => (1u64..24, 20.0f64..400.0, notes).prop_map(|(count, bpm, notes)| Act::Plan { count, bpm, notes }),
        2 => (0u64..8).prop_map(Act::Revise),
        1 => Just(Act::Stop),
        2 => Just(Act::Start),
        1 => Just(Act::Panic),
        1 => any::<bool>().prop_map(Act::Clock),
        1 => any::<bool>().prop_map(Act::Routes),
    ];
    prop::collection::vec(act, 1..60)
}

fn act(stage: &mut Stage, act: &Act, epoch: &mut u64, planned: &mut u64) {
    match act {
        Act::Run(ms) => {
            // Wake-ups where the player asks for them, so that nothing depends on a fixed step.
            let end = stage.now.after_ms(*ms);
            while let Some(wake) = stage.core.wake_at().filter(|w| *w < end) {
                assert!(wake > stage.now, "a wake-up must make progress");
                stage.now = wake;
                stage.core.advance(wake, &mut stage.sink);
            }
            stage.now = end;
            stage.core.advance(end, &mut stage.sink);
        }
        Act::Plan { count, bpm, notes } => {
            let from = (*planned).max(stage.core.playhead(stage.now).handed.0);
            let note = |s: u64, &(slot, offset, duration_ticks, pitch): &(u8, i64, u32, u8)| PlannedNote {
                slot,
                ..note(s, offset, duration_ticks, pitch)
            };
            stage.plan(from..from + count, *epoch, *bpm, |s| notes.iter().map(|n| note(s, n)).collect());
            *planned = from + count;
        }
        Act::Revise(after) => {
            let from = stage.core.playhead(stage.now).handed.after(*after);
            *epoch += 1;
            stage.tell(ToPlayer::Revise { from, epoch: *epoch });
            *planned = (*planned).min(from.0);
        }
        Act::Stop => {
            stage.tell(ToPlayer::Stop);
            assert!(stage.sink.tapes().iter().all(|t| t.1.sounding.is_empty()), "silent after stop");
        }
        Act::Panic => {
            stage.core.tell(ToPlayer::Panic, stage.now, &mut stage.sink);
            assert!(stage.sink.tapes().iter().all(|t| t.1.sounding.is_empty()), "silent after panic");
            stage.core.advance(stage.now, &mut stage.sink);
        }
        Act::Start => stage.tell(ToPlayer::Start),
        Act::Clock(on) => stage.tell(ToPlayer::Clock(*on)),
        Act::Routes(a) => stage.routes(if *a { &["midi:1", "midi:1", "jack:3"] } else { &["jack:3", "synth:pluck"] }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_offs_match_ons_and_time_never_goes_back(acts in acts()) {
        let mut stage = Stage::new(&["midi:1", "midi:2", "synth:pad"]);
        let (mut epoch, mut planned) = (0, 0);
        for a in &acts {
            act(&mut stage, a, &mut epoch, &mut planned);
        }
        stage.tell(ToPlayer::Quit);
        for (name, tape) in stage.sink.tapes() {
            prop_assert!(tape.faults.is_empty(), "{name}: {:?}", tape.faults);
            prop_assert_eq!(tape.ons(), tape.offs(), "{}", name);
            prop_assert!(tape.sounding.is_empty());
            let pulses: Vec<u64> =
                tape.events.iter().filter(|e| e.1 == OutEvent::Clock).map(|e| e.0.tick.0).collect();
            prop_assert!(pulses.is_sorted() && pulses.iter().all(|t| t % 40 == 0));
        }
        let steps: Vec<u64> = stage.sink.reports.iter().map(|FromPlayer::Handed { step, .. }| step.0).collect();
        prop_assert!(steps.windows(2).all(|w| w[1] == w[0] + 1), "each step once, in order");
    }
}
