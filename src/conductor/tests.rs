//! The rules of the plan, each as a test, on probes instead of models.

use super::test_kit::{Scripted, band_of_four, probes};
use super::*;
use crate::message::{PlannedStep, ToPlayer};
use crate::music::{Role, StepNotes};
use crate::steer::{Control, Edit, Every, Signal, When};
use crate::time::StepIndex;

pub(super) fn session_of(program: Scripted) -> Session {
    let mut session = Session::with_opener(probes(), 7);
    session.launch(Box::new(program), "", When::Now);
    session.plan_all();
    session
}

pub(super) fn session() -> Session {
    session_of(Scripted::new(band_of_four()))
}

fn set(part: &str, control: Control, value: f32) -> Edit {
    Edit::Set { part: Some(part.into()), control, value: Some(Signal::Constant(value)) }
}

/// Plays steps as planned until `until` is the first that is not handed over.
pub(super) fn play_to(session: &mut Session, until: u64) {
    while session.handed().0 < until {
        session.plan_all();
        let step = session.handed();
        let epoch = session.plan().get(step).map(|r| r.epoch);
        session.note_handed(step, epoch);
    }
    session.plan_all();
}

pub(super) fn notes(session: &Session, part: &str, steps: std::ops::Range<u64>) -> Vec<StepNotes> {
    let id = crate::music::Chance::name(part);
    let of = |s| session.plan().get(StepIndex(s)).and_then(|r| r.notes_of(id).copied()).unwrap_or_default();
    steps.map(of).collect()
}

fn drained(session: &mut Session) -> Vec<PlannedStep> {
    let mut out = Vec::new();
    session.drain(StepIndex(u64::MAX), &mut out);
    let steps = out.into_iter().filter_map(|m| if let ToPlayer::Step(s) = m { Some(*s) } else { None });
    steps.collect()
}

#[test]
fn two_bars_are_planned_and_every_step_is_sent_once() {
    let mut s = session();
    assert_eq!(s.planned(), StepIndex(32));
    let steps = drained(&mut s);
    let mut seen: Vec<_> = steps.iter().map(|s| s.step.0).collect();
    seen.dedup();
    assert!(seen.len() >= 32 && seen[..32].iter().copied().eq(0..32));
    assert!(steps.iter().any(|s| !s.notes.is_empty()));
    assert!(drained(&mut s).is_empty());
}

#[test]
fn rewinding_is_as_if_it_had_never_been_planned() {
    let mut rewound = session();
    let straight = session();
    for step in [0, 5, 31] {
        rewound.rewind(StepIndex(step));
        rewound.plan_all();
    }
    for part in ["drums", "bass", "chords", "lead"] {
        assert_eq!(notes(&rewound, part, 0..32), notes(&straight, part, 0..32), "{part}");
    }
}

#[test]
fn an_edit_reaches_the_first_step_not_handed_over_and_nobody_it_does_not_concern() {
    let mut s = session();
    play_to(&mut s, 10);
    let before: Vec<_> = ["drums", "bass", "chords", "lead"].map(|p| notes(&s, p, 0..42)).into();
    s.edit(set("lead", Control::Temperature, 3.0), When::Now);
    s.plan_all();
    let after: Vec<_> = ["drums", "bass", "chords", "lead"].map(|p| notes(&s, p, 0..42)).into();
    assert_eq!(before[0], after[0]);
    assert_eq!(before[3][..10], after[3][..10]);
    assert_ne!(before[3][10..], after[3][10..]);
    let first = s.plan().get(StepIndex(10)).map(|r| r.entered.steering.clone());
    assert_eq!(
        first.and_then(|t| t.parts[3].controls[Control::Temperature as usize].clone()),
        Some(Signal::Constant(3.0))
    );
}

#[test]
fn shape_edits_ask_no_engine() {
    let mut s = session();
    play_to(&mut s, 3);
    drained(&mut s);
    let runs = s.engine_steps();
    let before = notes(&s, "lead", 0..32);
    s.edit(Edit::Mute { part: Some("lead".into()), on: true }, When::Now);
    s.edit(set("bass", Control::Transpose, 12.0), When::NextBar);
    s.plan_all();
    assert_eq!(s.engine_steps(), runs);
    assert_eq!(notes(&s, "lead", 0..32), before);
    let steps = drained(&mut s);
    assert_eq!(steps[0].step, StepIndex(3));
    let lead = s.slots.slot(crate::music::Chance::name("lead"), &"lead".into(), &s.now.steering.parts[3].out, 0);
    assert!(steps.iter().all(|p| p.notes.iter().all(|n| n.slot != lead)));
}

#[test]
fn closures_run_once_for_a_step_however_often_it_is_planned() {
    let program = Scripted::new(band_of_four())
        .job(Every::Bars(1), |_, count| Ok(vec![Edit::Say(format!("call {count}"))]))
        .job(Every::Steps(3), |p, _| Ok(vec![set("lead", Control::Density, (p.step.0 % 7) as f32 / 7.0)]));
    let calls = program.calls.clone();
    let count = || calls.load(std::sync::atomic::Ordering::Relaxed);
    let mut s = session_of(program);
    let first = count();
    assert_eq!(first, 2 + 11);
    for i in 0..5 {
        s.edit(set("bass", Control::Temperature, i as f32), When::Now);
        s.edit(set("bass", Control::Gate, i as f32), When::Now);
        s.plan_all();
    }
    assert_eq!(count(), first);
}

#[test]
fn an_edit_that_came_too_late_changes_the_next_step_instead() {
    let mut s = session();
    play_to(&mut s, 8);
    let old = s.epoch();
    let before = notes(&s, "lead", 0..40);
    s.edit(set("lead", Control::Temperature, 4.0), When::Now);
    s.plan_all();
    s.note_handed(StepIndex(8), Some(old));
    s.plan_all();
    assert_eq!(notes(&s, "lead", 0..9), before[..9]);
    assert_eq!(s.journal_entries().last().map(|e| e.handed), Some(StepIndex(9)));
    let at = |step| {
        s.plan()
            .get(StepIndex(step))
            .and_then(|r| r.entered.steering.parts[3].controls[Control::Temperature as usize].clone())
    };
    assert_eq!((at(8), at(9)), (None, Some(Signal::Constant(4.0))));
}

#[test]
fn failing_engines_never_leave_a_part_silent() {
    for (engine, how) in
        [("err:20", How::Varied), ("panic:20", How::Varied), ("err:0", How::Euclid), ("panic:0", How::Euclid)]
    {
        let mut edits = band_of_four();
        edits.push(Edit::Engine { part: "lead".into(), engine: engine.into() });
        let mut s = session_of(Scripted::new(edits));
        play_to(&mut s, 64);
        assert!(s.engine_faults() > 0, "{engine}");
        let hows: Vec<_> = (32..64).filter_map(|i| s.plan().get(StepIndex(i)).map(|r| r.parts[3].how)).collect();
        assert!(hows.iter().all(|h| *h == how), "{engine}: {hows:?}");
        assert!(notes(&s, "lead", 32..64).iter().any(|n| !n.is_empty()), "{engine}");
        let said = s.take_notices().iter().filter(|n| n.text.contains("without its engine")).count();
        assert_eq!(said, 1, "{engine}");
    }
}

#[test]
fn sections_follow_the_form_and_jump_at_the_bar_line() {
    let program = Scripted::new(band_of_four()).form(&[("intro", 1), ("lift", 2)], &[0, 1], |section| {
        vec![Edit::Mute { part: Some("drums".into()), on: section == 0 }]
    });
    let mut s = session_of(program);
    play_to(&mut s, 80);
    let name = |s: &Session, step| {
        let section = s.plan().get(StepIndex(step)).and_then(|r| r.entered.steering.section.clone());
        section.map(|n| n.name.to_string()).unwrap_or_default()
    };
    let names: Vec<_> = (0..5).map(|bar| name(&s, bar * 16 + 3)).collect();
    assert_eq!(names, ["intro", "lift", "lift", "intro", "lift"]);
    play_to(&mut s, 83);
    s.edit(Edit::Section("intro".into()), When::Now);
    play_to(&mut s, 112);
    assert_eq!((name(&s, 95), name(&s, 96), name(&s, 112)), ("lift".into(), "intro".into(), "lift".into()));
}

#[test]
fn a_muted_part_changes_no_other_and_roles_hear_those_before_them() {
    let mut edits = band_of_four();
    edits.push(Edit::Mute { part: Some("bass".into()), on: true });
    let (muted, open) = (session_of(Scripted::new(edits)), session());
    for part in ["drums", "chords", "lead"] {
        assert_eq!(notes(&muted, part, 0..32), notes(&open, part, 0..32), "{part}");
    }
    let mut other = session();
    other.edit(Edit::Reroll { part: Some("bass".into()) }, When::Now);
    other.plan_all();
    assert_ne!(notes(&other, "lead", 0..32), notes(&open, "lead", 0..32));
    assert_eq!(notes(&other, "drums", 0..32), notes(&open, "drums", 0..32));
    assert_eq!(open.plan().get(StepIndex(0)).map(|r| r.entered.steering.parts[0].role), Some(Role::Drums));
}

fn bar(session: &Session, part: &str, bar: u64) -> Vec<StepNotes> {
    notes(session, part, bar * 16..bar * 16 + 16)
}

#[test]
fn a_frozen_bar_stays_whatever_is_edited_until_it_is_let_go() {
    let mut s = session();
    play_to(&mut s, 4);
    let kept = bar(&s, "lead", 1);
    s.freeze(1, true);
    s.edit(Edit::Reroll { part: None }, When::Now);
    s.edit(set("lead", Control::Temperature, 4.0), When::Now);
    s.plan_all();
    assert_eq!(bar(&s, "lead", 1), kept);
    assert_ne!(bar(&s, "lead", 2), bar(&session(), "lead", 2));
    assert_eq!(s.plan().get(StepIndex(20)).map(|r| r.parts[3].how), Some(How::Frozen));
    s.veto(1, None);
    assert!(s.take_notices().iter().any(|n| n.text.contains("frozen")));
    s.freeze(1, false);
    s.plan_all();
    assert_ne!(bar(&s, "lead", 1), kept, "let go, it follows the edits");
    s.freeze(40, true);
    assert!(s.take_notices().iter().any(|n| n.text.contains("not in the plan")));
}

#[test]
fn a_veto_draws_one_bar_of_one_part_anew() {
    let (mut s, before) = (session(), session());
    play_to(&mut s, 3);
    s.veto(1, Some("drums"));
    s.plan_all();
    assert_eq!(bar(&s, "drums", 0), bar(&before, "drums", 0));
    assert_ne!(bar(&s, "drums", 1), bar(&before, "drums", 1));
    let again = bar(&s, "drums", 1);
    s.veto(1, Some("drums"));
    s.plan_all();
    assert_ne!(bar(&s, "drums", 1), again);
    assert_eq!(notes(&s, "drums", 32..35), notes(&session_at(3), "drums", 32..35));
}

fn session_at(step: u64) -> Session {
    let mut s = session();
    play_to(&mut s, step);
    s
}

#[test]
fn held_bars_come_again_and_go_on_when_let_go() {
    let mut s = session();
    play_to(&mut s, 35);
    s.edit(Edit::Hold { part: Some("lead".into()), bars: 2 }, When::NextBar);
    play_to(&mut s, 48 + 16 * 40);
    let source = [bar(&s, "lead", 41), bar(&s, "lead", 42)];
    for later in 43..45 {
        assert_eq!(bar(&s, "lead", later), source[(later as usize + 1) % 2], "bar {later}");
    }
    let fresh = session_at(48);
    assert_eq!([bar(&s, "lead", 41), bar(&s, "lead", 42)], [bar(&fresh, "lead", 1), bar(&fresh, "lead", 2)]);
    s.edit(Edit::Hold { part: None, bars: 0 }, When::NextBar);
    play_to(&mut s, 48 + 16 * 43);
    assert_eq!(s.plan().get(s.handed()).map(|r| r.parts[3].how), Some(How::Engine));
}

#[test]
fn going_back_brings_steering_states_and_script_of_a_bar_line() {
    let mut s = session();
    play_to(&mut s, 20);
    s.edit(Edit::Mute { part: Some("bass".into()), on: true }, When::Now);
    s.edit(set("lead", Control::Temperature, 3.0), When::Now);
    play_to(&mut s, 40);
    s.launch(Box::new(Scripted::new(band_of_four()[..2].to_vec())), "", When::Now);
    play_to(&mut s, 50);
    assert_eq!(s.in_force().steering.parts.len(), 2);
    let then = s.plan().get(StepIndex(16)).map(|r| (r.entered.steering.clone(), r.engines.clone()));
    s.back_to(1);
    assert_eq!(s.snapshot((0, 0)).pending.len(), 1);
    play_to(&mut s, 64);
    assert_eq!(s.in_force().steering.parts.len(), 4);
    assert_eq!(s.in_force().generation, 1);
    let (steering, engines) = then.unwrap();
    assert_eq!(s.in_force().steering.parts, steering.parts);
    s.plan_all();
    assert!(!engines.is_empty() && s.plan().get(StepIndex(64)).is_some());
    s.back_to(900);
    assert!(s.take_notices().iter().any(|n| n.text.contains("not kept")));
}

#[test]
fn armed_edits_wait_launch_together_and_can_be_cancelled() {
    let mut s = session();
    play_to(&mut s, 5);
    s.edit(set("lead", Control::Gate, 0.5), When::NextBar);
    s.edit(set("bass", Control::Density, 0.1), When::NextBar);
    s.edit(set("bass", Control::Density, 0.9), When::NextBeat);
    let pending = s.snapshot((0, 0)).pending;
    let steps: Vec<_> = pending.iter().map(|p| p.step.map(|s| s.0)).collect();
    assert_eq!(steps, [Some(16), Some(16), Some(8)]);
    let value = |s: &Session, step, part: usize, c: Control| {
        s.plan().get(StepIndex(step)).and_then(|r| r.entered.steering.parts[part].controls[c as usize].clone())
    };
    s.plan_all();
    assert_eq!(value(&s, 15, 1, Control::Density), Some(Signal::Constant(0.9)));
    assert_eq!(value(&s, 16, 1, Control::Density), Some(Signal::Constant(0.1)));
    assert_eq!(value(&s, 16, 3, Control::Gate), Some(Signal::Constant(0.5)));
    play_to(&mut s, 9);
    s.cancel_pending();
    s.plan_all();
    assert_eq!(value(&s, 16, 3, Control::Gate), None);
    assert_eq!(value(&s, 16, 1, Control::Density), Some(Signal::Constant(0.9)));
    assert!(s.snapshot((0, 0)).pending.is_empty());
}

#[test]
fn a_launch_keeps_engines_by_name_and_the_place_in_the_form() {
    let form = |bars| Scripted::new(band_of_four()).form(&[("a", bars), ("b", 2)], &[0, 1], |_| Vec::new());
    let mut s = session_of(form(2));
    play_to(&mut s, 37);
    let name = |s: &Session| s.in_force().steering.section.clone().map(|n| (n.name.to_string(), n.from.0));
    assert_eq!(name(&s), Some(("b".into(), 32)));
    let before: Vec<_> = ["drums", "lead"].map(|p| notes(&s, p, 37..60)).into();
    s.launch(Box::new(form(2)), "", When::Now);
    s.plan_all();
    assert_eq!(name(&s), Some(("b".into(), 32)), "same form, same place");
    let after: Vec<_> = ["drums", "lead"].map(|p| notes(&s, p, 37..60)).into();
    assert_eq!(before, after, "the same set again changes nothing");
    s.launch(Box::new(form(3)), "", When::NextBar);
    play_to(&mut s, 48);
    assert_eq!(name(&s), Some(("a".into(), 48)), "another form begins anew");
}

#[test]
fn edits_for_the_next_section_wait_for_it_through_rewinds() {
    let form = Scripted::new(band_of_four()).form(&[("a", 2), ("b", 2)], &[0, 1], |_| Vec::new());
    let mut s = session_of(form);
    play_to(&mut s, 3);
    s.edit(Edit::Key(crate::music::Key::parse("D dorian")), When::NextSection);
    s.plan_all();
    for step in [10, 20, 31] {
        play_to(&mut s, step);
        s.edit(set("lead", Control::Density, step as f32 / 40.0), When::Now);
        s.plan_all();
    }
    play_to(&mut s, 40);
    let key = |step| s.plan().get(StepIndex(step)).and_then(|r| r.entered.steering.key.map(|k| k.to_string()));
    assert_eq!((key(31), key(32)), (None, Some("D dorian".into())));
}

#[test]
fn a_bad_script_changes_nothing_and_its_line_is_known() {
    use super::test_kit::SeedLoader;
    use crate::message::Command;
    let mut s = session();
    let before = notes(&s, "lead", 0..32);
    for (text, line) in [("broken", 3), ("trap", 7)] {
        let load = Command::LoadScript { name: "x.rhai".into(), text: text.into(), when: When::Now };
        s.obey(load, &mut SeedLoader, &mut || false);
        s.plan_all();
        let status = s.snapshot((0, 0)).script;
        assert_eq!(status.error.map(|e| e.line), Some(line), "{text}");
        assert_eq!(status.generation, 1);
        assert_eq!(notes(&s, "lead", 0..32), before);
        assert!(s.take_notices().iter().any(|n| n.text.contains("x.rhai") && n.text.contains("last good set")));
    }
    // On a slow machine the trial is cut short; that is no fault of the set.
    let slow = Command::LoadScript { name: "slow".into(), text: "4".into(), when: When::Now };
    s.obey(slow, &mut SeedLoader, &mut || true);
    s.plan_all();
    let status = s.snapshot((0, 0)).script;
    assert_eq!((status.generation, status.error), (2, None));
}

#[test]
fn missed_steps_repeat_the_bar_before_and_the_plan_goes_on() {
    let mut s = session();
    play_to(&mut s, 20);
    for step in 20..23 {
        s.note_handed(StepIndex(step), None);
    }
    s.plan_all();
    assert_eq!(notes(&s, "lead", 20..23), notes(&s, "lead", 4..7));
    assert_eq!(s.handed(), StepIndex(23));
    assert!(s.planned() > StepIndex(50));
}
