//! The rules of the plan, each as a test, on probes instead of models.

use super::test_kit::{Scripted, band_of_four, probes};
use super::*;
use crate::message::{PlannedStep, ToPlayer};
use crate::music::{Role, StepNotes};
use crate::steer::{Control, Edit, Every, Signal, When};
use crate::time::StepIndex;

fn session_of(program: Scripted) -> Session {
    let mut session = Session::with_opener(probes(), 7);
    session.launch(Box::new(program), "", When::Now);
    session.plan_all();
    session
}

fn session() -> Session {
    session_of(Scripted::new(band_of_four()))
}

fn set(part: &str, control: Control, value: f32) -> Edit {
    Edit::Set { part: Some(part.into()), control, value: Some(Signal::Constant(value)) }
}

/// Plays steps as planned until `until` is the first that is not handed over.
fn play_to(session: &mut Session, until: u64) {
    while session.handed().0 < until {
        session.plan_all();
        let step = session.handed();
        let epoch = session.plan().get(step).map(|r| r.epoch);
        session.note_handed(step, epoch);
    }
    session.plan_all();
}

fn notes(session: &Session, part: &str, steps: std::ops::Range<u64>) -> Vec<StepNotes> {
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
