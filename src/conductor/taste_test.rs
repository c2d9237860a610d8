//! The rules of taste, each as a test, on probes and an ear that likes many notes.

use super::test_kit::{Scripted, band_of_four, likes_many, probes};
use super::*;
use crate::message::TasteCounts;
use crate::music::{Chance, StepNotes};
use crate::steer::{Control, Edit, Signal, When};
use crate::time::StepIndex;

fn tasting(part: &str, value: f32) -> Edit {
    Edit::Set { part: Some(part.into()), control: Control::Taste, value: Some(Signal::Constant(value)) }
}

fn warmer(value: f32) -> Edit {
    Edit::Set { part: None, control: Control::Temperature, value: Some(Signal::Constant(value)) }
}

fn launched(open: Opener, more: Vec<Edit>) -> Session {
    let mut session = Session::with_opener(open, 7);
    let edits = band_of_four().into_iter().chain(more).collect();
    session.launch(Box::new(Scripted::new(edits)), "", When::Now);
    session
}

/// A session with an ear, planned to its horizon.
fn session(more: Vec<Edit>) -> Session {
    let mut session = launched(probes().with_ear(Some(likes_many())), more);
    session.plan_all();
    session
}

fn hand_over(session: &mut Session) {
    let step = session.handed();
    let epoch = session.plan().get(step).map(|r| r.epoch);
    session.note_handed(step, epoch);
}

fn play_to(session: &mut Session, until: u64) {
    while session.handed().0 < until {
        session.plan_all();
        hand_over(session);
    }
    session.plan_all();
}

fn bar(session: &Session, part: &str, bar: u64) -> Vec<StepNotes> {
    let notes = |s| session.plan().get(StepIndex(s)).and_then(|r| r.notes_of(Chance::name(part)).copied());
    (bar * 16..bar * 16 + 16).map(|s| notes(s).unwrap_or_default()).collect()
}

/// What the ear thinks of a bar.
fn liking(bar: &[StepNotes]) -> f32 {
    let pitches = bar.iter().flat_map(|s| s.iter().map(|n| u32::from(n.pitch)));
    pitches.clone().count() as f32 + pitches.sum::<u32>() as f32 / 1e4
}

fn pick(session: &Session, part: &str, bar: u64) -> u32 {
    let place = session.now.bars.place(StepIndex(bar * 16));
    session.taste.pick(&place, Chance::name(part))
}

fn unranked(session: &Session) -> Vec<(u64, u64)> {
    let of = |e: &Entry| if let What::Unranked { bar } = e.what { Some((e.handed.0, bar)) } else { None };
    session.journal_entries().iter().filter_map(of).collect()
}

#[test]
fn the_best_or_the_worst_of_the_candidates_is_kept() {
    // Every candidate of the first bar, played by a session that is told which.
    let candidate = |k: u32| {
        let mut s = launched(probes(), Vec::new());
        s.plan_all();
        s.choose(StepIndex(0), vec![(Chance::name("lead"), k)]);
        s.plan_all();
        liking(&bar(&s, "lead", 0))
    };
    let all: Vec<f32> = (0..6).map(candidate).collect();
    let best = all.iter().copied().fold(f32::MIN, f32::max);
    let worst = all.iter().copied().fold(f32::MAX, f32::min);
    assert!(best > worst + 1.0, "{all:?}");
    for (taste, wanted) in [(6.0, best), (-6.0, worst)] {
        let s = session(vec![tasting("lead", taste)]);
        assert_eq!(liking(&bar(&s, "lead", 0)), wanted, "of {all:?}");
        assert_eq!(all[pick(&s, "lead", 0) as usize], wanted);
    }
}

#[test]
fn over_many_bars_more_candidates_are_liked_more() {
    let mean = |taste: f32| {
        let mut s = session(vec![tasting("lead", taste), tasting("bass", taste)]);
        let mut sum = 0.0;
        for b in 0..24 {
            play_to(&mut s, b * 16 + 8);
            sum += liking(&bar(&s, "lead", b)) + liking(&bar(&s, "bass", b));
        }
        assert!(taste.abs() < 2.0 || s.taste.counts == TasteCounts { ranked: 48, unranked: 0 }, "{:?}", s.taste.counts);
        sum / 48.0
    };
    let means = [-8.0, -2.0, 1.0, 3.0, 8.0].map(mean);
    assert!(means.windows(2).all(|w| w[0] < w[1]), "{means:?}");
}

#[test]
fn one_candidate_is_as_no_taste_and_a_deaf_ear_says_so_once() {
    let all = |s: &Session| ["drums", "bass", "chords", "lead"].map(|p| [bar(s, p, 0), bar(s, p, 1)]);
    let plain = all(&session(Vec::new()));
    for taste in [1.0, 0.0, -1.0] {
        assert_eq!(all(&session(vec![tasting("lead", taste)])), plain);
    }
    let mut drums = session(vec![tasting("drums", 8.0)]);
    assert_eq!(all(&drums), plain);
    play_to(&mut drums, 70);
    assert_eq!(drums.take_notices().iter().filter(|n| n.text.contains("knows nothing of what 'drums'")).count(), 1);
    let mut without = launched(probes(), vec![tasting("lead", 8.0)]);
    play_to(&mut without, 70);
    assert_eq!(without.take_notices().iter().filter(|n| n.text.contains("no critic is loaded")).count(), 1);
    assert!(unranked(&without).is_empty() && !without.score_next());
}

#[test]
fn every_planned_bar_gets_a_score_and_a_new_plan_a_new_one() {
    let mut s = session(Vec::new());
    let scores = |s: &mut Session| {
        while s.score_next() {}
        let view = s.snapshot((0, 0)).parts[3].clone();
        view.scores.iter().map(|b| (b.line.0, b.score)).collect::<Vec<_>>()
    };
    let first = scores(&mut s);
    assert_eq!(first, [(0, liking(&bar(&s, "lead", 0))), (16, liking(&bar(&s, "lead", 1)))]);
    assert!(s.snapshot((0, 0)).parts[0].scores.is_empty(), "nobody hears the drums");
    play_to(&mut s, 5);
    s.edit(warmer(3.5), When::Now);
    assert!(scores(&mut s).is_empty(), "what is not wholly planned has no score");
    s.plan_all();
    let second = scores(&mut s);
    assert_eq!(second, [(0, liking(&bar(&s, "lead", 0))), (16, liking(&bar(&s, "lead", 1)))]);
    assert_ne!(first, second);
    play_to(&mut s, 16);
    s.edit(warmer(0.5), When::Now);
    s.plan_all();
    assert_eq!(scores(&mut s)[0], second[0], "what was played keeps its score");
}

#[test]
fn an_edit_in_mid_bar_leaves_the_choice_and_the_bars_after_it_are_chosen_anew() {
    let mut s = session(vec![tasting("lead", 8.0)]);
    let mut moved = false;
    for b in 0..12 {
        play_to(&mut s, b * 16 + 5);
        let (here, next) = (pick(&s, "lead", b), bar(&s, "lead", b + 1));
        let begun = bar(&s, "lead", b)[..5].to_vec();
        s.edit(warmer(0.5 + b as f32 / 4.0), When::Now);
        s.plan_all();
        assert_eq!((pick(&s, "lead", b), &bar(&s, "lead", b)[..5]), (here, &begun[..]));
        moved |= bar(&s, "lead", b + 1) != next;
        // The choice is as if it had been made at once.
        let chosen = pick(&s, "lead", b + 1);
        s.rewind(StepIndex(b * 16 + 7));
        s.plan_all();
        assert_eq!(pick(&s, "lead", b + 1), chosen);
    }
    assert!(moved && unranked(&s).is_empty());
}

#[test]
fn the_nearest_bar_is_planned_before_anything_is_chosen() {
    let mut s = session(vec![tasting("lead", 8.0), tasting("bass", -8.0)]);
    play_to(&mut s, 3);
    s.edit(warmer(2.0), When::Now);
    let runs = s.engine_steps();
    for i in 1..=16 {
        assert!(s.plan_next());
        assert_eq!((s.planned().0, s.engine_steps()), (3 + i, runs + 4 * i));
    }
}

#[test]
fn a_bar_that_is_handed_over_without_a_choice_is_unranked_and_the_journal_says_so() {
    let mut s = launched(probes().with_ear(Some(likes_many())), vec![tasting("lead", 8.0)]);
    for step in 0..40 {
        if step == 20 {
            s.edit(warmer(2.0), When::Now);
        }
        // Time for a few steps only, until step 24: too little for an audition.
        let mut left = if step < 24 { 3 } else { u64::MAX };
        while left > 0 && s.plan_next() {
            left -= 1;
        }
        hand_over(&mut s);
    }
    s.plan_all();
    // From the step on at which the choice came up: when the bar line was planned.
    assert_eq!(unranked(&s), [(0, 0), (5, 1)]);
    assert_eq!(s.taste.counts, TasteCounts { ranked: 1, unranked: 2 });
    let text = s.journal().to_text();
    assert!(text.contains("[5,[\"unranked\",1]]"), "{text}");
}

#[test]
fn a_choice_that_the_player_did_not_get_in_time_is_taken_back() {
    let mut s = session(vec![tasting("lead", 8.0)]);
    play_to(&mut s, 16);
    let before = s.epoch();
    let bar_of = |s: &Session| bar(s, "lead", 1);
    // The same bar unranked.
    let mut plain = session(vec![tasting("lead", 8.0)]);
    play_to(&mut plain, 16);
    plain.leave_unranked(1);
    plain.plan_all();
    let ranked = bar_of(&s);
    assert_ne!(bar_of(&plain), ranked, "seed 7 should choose another than the first");
    // An edit on the bar line comes and its choice is made, but the player took the old plan: choice and edit as they were.
    s.edit(warmer(3.0), When::Now);
    s.plan_all();
    s.note_handed(StepIndex(16), Some(before));
    assert_eq!(bar_of(&s)[0], ranked[0]);
    assert!(unranked(&s).is_empty());
    // The player took the plan that was made before the choice.
    let mut late = session(vec![tasting("lead", 8.0)]);
    play_to(&mut late, 16);
    late.edit(warmer(1.0), When::Now);
    while late.planned().0 < 32 {
        late.plan_next();
    }
    let unchosen = late.epoch();
    late.plan_all();
    assert!(late.epoch() > unchosen, "a choice was made");
    late.note_handed(StepIndex(16), Some(unchosen));
    assert_eq!(unranked(&late), [(16, 1)]);
    assert_eq!(pick(&late, "lead", 1), 0);
}

#[test]
fn what_is_frozen_is_what_was_seen() {
    let mut s = launched(probes().with_ear(Some(likes_many())), vec![tasting("lead", 8.0)]);
    while s.planned().0 < 20 {
        s.plan_next();
    }
    s.plan_all();
    play_to(&mut s, 4);
    s.edit(warmer(2.0), When::Now);
    (0..20).for_each(|_| _ = s.plan_next());
    let seen = bar(&s, "lead", 1);
    let is_open = pick(&s, "lead", 1) == 0;
    s.freeze(1, true);
    s.plan_all();
    assert!(is_open);
    assert_eq!(bar(&s, "lead", 1)[..4], seen[..4]);
    let frozen = bar(&s, "lead", 1);
    assert_eq!(unranked(&s), [(4, 1)]);
    play_to(&mut s, 40);
    assert_eq!(bar(&s, "lead", 1), frozen);
}

#[test]
fn a_held_part_wants_no_choice() {
    let mut s = session(vec![tasting("lead", 4.0)]);
    play_to(&mut s, 16);
    s.edit(Edit::Hold { part: Some("lead".into()), bars: 1 }, When::Now);
    play_to(&mut s, 64);
    assert_eq!(s.taste.counts, TasteCounts { ranked: 1, unranked: 0 });
    assert_eq!(bar(&s, "lead", 2), bar(&s, "lead", 0));
}

#[test]
fn an_ear_that_breaks_down_is_not_asked_again() {
    use super::test_kit::RuleEar;
    let ear = RuleEar(|_, _| std::panic::resume_unwind(Box::new("as asked by the test")));
    let mut s =
        launched(probes().with_ear(Some(std::sync::Arc::new(move || Box::new(ear)))), vec![tasting("lead", 4.0)]);
    play_to(&mut s, 40);
    assert!(!s.score_next() && s.planned().0 == 72);
}

#[test]
fn a_choice_leaves_the_steps_before_its_bar_in_force() {
    use crate::message::ToPlayer;
    let mut s = session(vec![tasting("lead", 8.0)]);
    play_to(&mut s, 8);
    let mut sent = Vec::new();
    s.drain(StepIndex(u64::MAX), &mut sent);
    sent.clear();
    // Edit, plan and choice, all before the player hears anything.
    s.edit(warmer(1.7), When::Now);
    s.plan_all();
    s.drain(StepIndex(u64::MAX), &mut sent);
    let needed = |step: StepIndex| {
        let of = |m: &ToPlayer| if let ToPlayer::Revise { from, epoch } = m { Some((*from, *epoch)) } else { None };
        sent.iter().filter_map(of).filter(|r| r.0 <= step).map(|r| r.1).max()
    };
    let steps: Vec<_> = sent.iter().filter_map(|m| if let ToPlayer::Step(s) = m { Some(s) } else { None }).collect();
    assert!(steps.len() >= 32 && s.epoch() > s.plan().get(StepIndex(8)).map_or(0, |r| r.epoch));
    assert!(steps.iter().all(|step| Some(step.epoch) >= needed(step.step)));
}

#[test]
fn a_line_that_is_cut_by_an_older_plan_is_sent_again() {
    use crate::message::ToPlayer;
    let mut s = session(Vec::new());
    play_to(&mut s, 3);
    let mut sent = Vec::new();
    s.drain(StepIndex(u64::MAX), &mut sent);
    let id = Chance::name("lead");
    let starts =
        |s: &Session, step: u64| s.plan().get(StepIndex(step)).is_some_and(|r| !r.notes_of(id).unwrap().is_empty());
    // The last note of the lead before a beat that it may reach, and an edit on that beat.
    let beat = (4..28).step_by(4).find(|b| starts(&s, b - 1) && starts(&s, *b)).unwrap();
    play_to(&mut s, beat - 3);
    sent.clear();
    s.drain(StepIndex(u64::MAX), &mut sent);
    sent.clear();
    let silent = Edit::Set { part: Some("lead".into()), control: Control::Density, value: Some(Signal::Constant(0.0)) };
    s.edit(silent, When::NextBeat);
    s.plan_all();
    s.drain(StepIndex(u64::MAX), &mut sent);
    let again = sent.iter().any(|m| matches!(m, ToPlayer::Step(step) if step.step.0 == beat - 1));
    assert!(again, "the note on step {} ends where nothing begins any more", beat - 1);
}
