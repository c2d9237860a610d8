//! Latent places in the plan: what an engine is asked, through vetoes, rewinds, launches and going back.

use super::journal::Journal;
use super::render::render;
use super::test_kit::{Scripted, SeedLoader, probes};
use super::tests::{notes, play_to};
use super::{Opener, Session};
use crate::engine::{Ask, Engine, EngineError, EngineState, Heard};
use crate::message::Command;
use crate::music::{Chance, LATENT, Latent, Projection, Role, StepNote, StepNotes};
use crate::steer::{Edit, Half, LatentPath, Way, When};
use crate::time::StepIndex;
use std::sync::Arc;

/// Plays two notes in each step: one shows the global half that it was asked, the other that of the bar.
struct Shows;

impl Engine for Shows {
    fn next_step(&mut self, ask: &Ask, _: &Heard, out: &mut StepNotes) -> Result<(), EngineError> {
        out.clear();
        for (low, half) in [(0, &ask.latent.global), (64, &ask.latent.bar)] {
            let bits = Chance::name(&format!("{half:?}"));
            out.push(StepNote::new(low + (bits % 64) as u8, 1 + (bits >> 32) as u8 % 127, 1));
        }
        Ok(())
    }
    fn follow(&mut self, _: &Ask, _: &Heard) -> Result<(), EngineError> {
        Ok(())
    }
    fn save(&self, _: &mut EngineState) {}
    fn restore(&mut self, _: &EngineState) {}
    fn reset(&mut self) {}
}

fn set(edits: Vec<Edit>) -> Scripted {
    let part = |name: &str| Edit::Part { name: name.into(), role: Role::Lead };
    Scripted::new([part("lead"), part("solo")].into_iter().chain(edits).collect())
}

fn session(edits: Vec<Edit>) -> Session {
    seen_in(Projection::default(), edits)
}

fn seen_in(picture: Projection, edits: Vec<Edit>) -> Session {
    let mut session = Session::with_opener(Opener::new(|_| Ok(Box::new(Shows))), 7);
    session.show_in(picture);
    session.launch(Box::new(set(edits)), "", When::Now);
    session.plan_all();
    session
}

/// What the lead showed of each half in some steps.
fn shown(session: &Session, steps: std::ops::Range<u64>) -> (Vec<StepNote>, Vec<StepNote>) {
    let of =
        |which: usize| notes(session, "lead", steps.clone()).iter().map(|n| n.get(which).copied().unwrap()).collect();
    (of(0), of(1))
}

fn latent(half: Option<Half>, path: impl Into<LatentPath>) -> Edit {
    Edit::Latent { part: Some("lead".into()), half, path: path.into() }
}

fn morph(to: &str) -> Edit {
    latent(None, Way::Morph { from: Some("a".into()), to: to.into(), bars: 2.0 })
}

fn store(point: &str) -> Edit {
    Edit::LatentStore { part: "lead".into(), point: point.into() }
}

#[test]
fn a_veto_and_a_reroll_draw_the_half_of_the_bar_anew_and_leave_the_global_one() {
    let mut s = session(Vec::new());
    let before = shown(&s, 16..32);
    s.veto(1, Some("lead"));
    s.plan_all();
    let vetoed = shown(&s, 16..32);
    assert!(vetoed.0 == before.0 && vetoed.1 != before.1);
    s.edit(Edit::Reroll { part: Some("lead".into()) }, When::Now);
    s.plan_all();
    let rerolled = shown(&s, 16..32);
    assert!(rerolled.0 == before.0 && rerolled.1 != vetoed.1);
    s.edit(Edit::LatentReroll { part: Some("lead".into()), half: Some(Half::Global) }, When::Now);
    s.plan_all();
    let other = shown(&s, 16..32);
    assert!(other.0 != before.0 && other.1 == rerolled.1);
}

#[test]
fn rewinding_and_planning_again_gives_the_same_places() {
    let edits = || {
        let walk = latent(Some(Half::Bar), Way::Walk { points_per_bar: 2.0 });
        let orbit = Way::Orbit { around: "a".into(), through: None, bars: 2.0 };
        vec![morph("b"), walk, store("mine"), latent(Some(Half::Global), orbit)]
    };
    let (straight, mut rewound) = (session(edits()), session(edits()));
    for step in [0, 5, 31] {
        rewound.rewind(StepIndex(step));
        rewound.plan_all();
    }
    assert_eq!(shown(&rewound, 0..32), shown(&straight, 0..32));
    // An edit that does not concern the lead leaves its places.
    rewound.edit(Edit::LatentReroll { part: Some("solo".into()), half: None }, When::Now);
    rewound.plan_all();
    assert_eq!(shown(&rewound, 0..32), shown(&straight, 0..32));
    play_to(&mut rewound, 9);
    rewound.edit(latent(None, Way::Here), When::Now);
    rewound.plan_all();
    assert_eq!(shown(&rewound, 9..32).0, vec![shown(&straight, 9..10).0[0]; 23]);
}

#[test]
fn a_morph_begins_on_the_step_at_which_it_takes_effect() {
    let mut s = session(vec![latent(None, Way::Point("a".into()))]);
    play_to(&mut s, 5);
    let still = shown(&s, 0..1);
    s.edit(morph("b"), When::NextBar);
    play_to(&mut s, 64);
    let point_b = shown(&session(vec![latent(None, Way::Point("b".into()))]), 0..1);
    assert_eq!(shown(&s, 0..17), (vec![still.0[0]; 17], vec![still.1[0]; 17]));
    assert_ne!(shown(&s, 17..18), still);
    assert_ne!(shown(&s, 47..48), point_b);
    assert_eq!(shown(&s, 48..64), (vec![point_b.0[0]; 16], vec![point_b.1[0]; 16]));
}

#[test]
fn the_same_set_again_goes_on_with_its_paths_and_its_points() {
    let mut s = session(vec![morph("b")]);
    play_to(&mut s, 8);
    s.edit(store("mine"), When::Now);
    s.plan_all();
    let (before, here) = (shown(&s, 8..32), shown(&s, 8..9));
    s.launch(Box::new(set(vec![morph("b")])), "", When::Now);
    s.plan_all();
    assert_eq!(shown(&s, 8..32), before);
    s.launch(Box::new(set(vec![latent(None, Way::Point("mine".into()))])), "", When::NextBar);
    s.plan_all();
    assert_eq!(shown(&s, 20..21), here, "a point that was stored by a key outlives the script");
}

#[test]
fn going_back_brings_points_and_paths_as_they_were() {
    let mut s = session(vec![latent(None, Way::Point("mine".into()))]);
    play_to(&mut s, 16);
    s.edit(morph("b"), When::Now);
    play_to(&mut s, 40);
    s.edit(store("mine"), When::Now);
    s.edit(latent(None, Way::Point("mine".into())), When::Now);
    play_to(&mut s, 50);
    s.back_to(2);
    play_to(&mut s, 96);
    assert_eq!(shown(&s, 64..72), shown(&s, 32..40), "the morph goes on from where it was at bar 3");
    assert_eq!(s.in_force().steering.points.iter().count(), 0);
}

#[test]
fn a_journal_with_latent_edits_gives_the_same_bytes_through_its_text() {
    let mut s = Session::with_opener(probes(), 5);
    let load = Command::LoadScript { name: "set".into(), text: "3".into(), when: When::Now };
    s.obey(load, &mut SeedLoader, &mut || false);
    let edits = [
        latent(None, Way::Walk { points_per_bar: 0.7 }),
        store("mine"),
        Edit::LatentMove { part: "lead".into(), by: Arc::new([0.3; 32]) },
        morph("mine"),
        Edit::LatentReroll { part: None, half: Some(Half::Bar) },
        latent(Some(Half::Bar), Way::Orbit { around: "mine".into(), through: Some("c".into()), bars: 1.5 }),
    ];
    for (i, edit) in edits.into_iter().enumerate() {
        play_to(&mut s, 11 + 13 * i as u64);
        s.edit(edit, [When::Now, When::NextBeat][i % 2]);
    }
    play_to(&mut s, 160);
    let journal = Journal::from_text(&s.journal().to_text()).unwrap();
    let bytes = |journal| {
        let rendered = render(journal, probes(), &mut SeedLoader, 9, |_| true).unwrap();
        crate::midi::write(&rendered.midi("set"))
    };
    assert_eq!(bytes(&journal), bytes(s.journal()));
    let mut without = Journal::new(5);
    without.push(StepIndex(0), s.journal_entries()[0].what.clone());
    assert_ne!(bytes(&journal), bytes(&without));
}

#[test]
fn the_screen_sees_where_parts_are_were_and_go() {
    let picture = Projection { x: [0.5; LATENT], y: std::array::from_fn(|i| if i % 2 == 0 { 0.5 } else { -0.5 }) };
    let mut s = seen_in(picture.clone(), vec![morph("b")]);
    play_to(&mut s, 24);
    let shown = s.snapshot((0, 0));
    let lead = &shown.parts[0].latent;
    let (a, b) = (Latent::named("a"), Latent::named("b"));
    assert_eq!(lead.now, a.towards(&b, 0.75));
    assert_eq!(lead.target, Some(picture.at_global(&b.global)));
    assert_eq!((lead.trail.len(), lead.trail[23]), (24, picture.at_global(&a.towards(&b, 23.0 / 32.0).global)));
    play_to(&mut s, 200);
    let lead = &s.snapshot((0, 0)).parts[0].latent;
    assert_eq!((lead.now, lead.target, lead.trail.len()), (b, None, 48));
}
