//! Paths through the latent space: where they begin, where they end, and that they are the same every time.

use super::*;
use crate::music::Role;
use crate::steer::{Anew, Edit, Steering, Where};
use crate::time::{BarMap, Metre, StepIndex};

/// A set with one part.
fn set() -> Steering {
    let mut set = Steering::default();
    ask(&mut set, 0, Edit::Part { name: "lead".into(), role: Role::Lead });
    set
}

fn ask(set: &mut Steering, step: u64, edit: Edit) -> Option<String> {
    let place = BarMap::default().place(StepIndex(step));
    set.apply(&edit, &Where { place, back: &|_| StepIndex(0), anew: &|_| Anew::default() })
}

fn path(set: &mut Steering, step: u64, half: Option<Half>, path: impl Into<LatentPath>) {
    assert_eq!(ask(set, step, Edit::Latent { part: Some("lead".into()), half, path: path.into() }), None);
}

fn at(set: &Steering, step: u64) -> Latent {
    let part = &set.parts[0];
    set.latent(part, &BarMap::default().place(StepIndex(step)), set.chance(part, Anew::default()))
}

fn distance(a: &Latent, b: &Latent) -> f32 {
    a.all().iter().zip(b.all()).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

/// The largest step from one sixteenth to the next.
fn largest_step(set: &Steering, steps: std::ops::Range<u64>) -> f32 {
    steps.map(|s| distance(&at(set, s), &at(set, s + 1))).fold(0.0, f32::max)
}

fn point(name: &str) -> Way {
    Way::Point(name.into())
}

fn morph(from: Option<&str>, to: &str, bars: f32) -> Way {
    Way::Morph { from: from.map(Arc::from), to: to.into(), bars }
}

#[test]
fn drawn_halves_hold_the_global_one_and_change_the_other_in_each_bar() {
    let set = set();
    assert_eq!(at(&set, 0), at(&set, 15));
    assert_eq!(at(&set, 0).global, at(&set, 99).global);
    assert_ne!(at(&set, 0).bar, at(&set, 16).bar);
    let part = &set.parts[0];
    let place = BarMap::default().place(StepIndex(5));
    for anew in [Anew { vetoes: 1, pick: 0 }, Anew { vetoes: 0, pick: 1 }, Anew { vetoes: 0, pick: 2 }] {
        let other = set.latent(part, &place, set.chance(part, anew));
        assert_eq!(other.global, at(&set, 5).global);
        assert_ne!(other.bar, at(&set, 5).bar, "{anew:?}");
    }
}

#[test]
fn a_plan_that_is_rerolled_keeps_the_global_half() {
    let (mut set, before) = (set(), set());
    ask(&mut set, 0, Edit::Reroll { part: None });
    assert_eq!(at(&set, 3).global, at(&before, 3).global);
    assert_ne!(at(&set, 3).bar, at(&before, 3).bar);
    for half in Half::BOTH {
        let before = at(&set, 3);
        ask(&mut set, 3, Edit::LatentReroll { part: Some("lead".into()), half: Some(half) });
        let after = at(&set, 3);
        assert_eq!((before.global == after.global, before.bar == after.bar), (half == Half::Bar, half == Half::Global));
    }
}

#[test]
fn a_vetoed_or_chosen_bar_is_another_one_even_where_its_half_stands_still() {
    let mut set = set();
    path(&mut set, 0, None, point("a"));
    assert_eq!(at(&set, 40), Latent::named("a"));
    let part = &set.parts[0];
    let place = BarMap::default().place(StepIndex(40));
    for anew in [Anew { vetoes: 1, pick: 0 }, Anew { vetoes: 0, pick: 1 }] {
        let other = set.latent(part, &place, set.chance(part, anew));
        assert!(other.global == Latent::named("a").global && other.bar != Latent::named("a").bar);
    }
}

#[test]
fn halves_go_their_own_ways() {
    let mut set = set();
    path(&mut set, 0, Some(Half::Global), point("a"));
    assert_eq!(at(&set, 20).global, Latent::named("a").global);
    assert_ne!(at(&set, 0).bar, at(&set, 16).bar);
    path(&mut set, 20, Some(Half::Bar), Way::Here);
    path(&mut set, 20, Some(Half::Global), Way::Walk { points_per_bar: 1.0 });
    assert_eq!(at(&set, 20).bar, at(&set, 400).bar);
    assert_ne!(at(&set, 20).global, at(&set, 36).global);
}

#[test]
fn a_morph_begins_where_it_was_asked_for_ends_at_its_point_and_stays() {
    let mut set = set();
    path(&mut set, 24, None, morph(Some("a"), "b", 2.0));
    assert_eq!(at(&set, 24), Latent::named("a"));
    assert_eq!(at(&set, 40), Latent::named("a").towards(&Latent::named("b"), 0.5));
    assert_eq!((at(&set, 56), at(&set, 9999)), (Latent::named("b"), Latent::named("b")));
    assert!(largest_step(&set, 24..80) < 0.6, "{}", largest_step(&set, 24..80));
    let was = at(&set, 70);
    path(&mut set, 70, None, morph(None, "c", 1.0));
    assert_eq!((at(&set, 70), at(&set, 86)), (was, Latent::named("c")));
}

#[test]
fn a_morph_by_bar_changes_on_bar_lines_only() {
    let mut set = set();
    path(&mut set, 16, None, LatentPath { way: morph(Some("a"), "b", 4.0), by_bar: true });
    for bar in 1..6u64 {
        let expected = Latent::named("a").towards(&Latent::named("b"), (bar - 1) as f32 / 4.0);
        assert!((0..16).all(|s| at(&set, bar * 16 + s) == expected), "bar {bar}");
    }
}

#[test]
fn a_walk_is_smooth_begins_here_and_is_the_same_whoever_asks_again() {
    let mut set = set();
    path(&mut set, 0, None, point("a"));
    path(&mut set, 5, None, Way::Walk { points_per_bar: 0.5 });
    assert_eq!(at(&set, 5), Latent::named("a"));
    assert!(largest_step(&set, 5..320) < 0.7, "{}", largest_step(&set, 5..320));
    assert!(distance(&at(&set, 5), &at(&set, 69)) > 3.0, "it goes somewhere");
    let mut again = set.clone();
    path(&mut again, 44, None, Way::Walk { points_per_bar: 0.5 });
    for step in 44..200 {
        assert!(distance(&at(&set, step), &at(&again, step)) < 0.01, "{step}");
    }
    path(&mut again, 50, None, Way::Walk { points_per_bar: 0.0 });
    assert_eq!(at(&again, 50), at(&again, 5000));
}

#[test]
fn a_rerolled_walk_turns_without_a_jump() {
    let mut set = set();
    path(&mut set, 0, None, Way::Walk { points_per_bar: 0.5 });
    let (was, would) = (at(&set, 40), at(&set, 64));
    ask(&mut set, 40, Edit::LatentReroll { part: None, half: None });
    assert!(distance(&was, &at(&set, 40)) < 1e-3);
    assert!(distance(&would, &at(&set, 64)) > 1.0);
}

#[test]
fn orbits_close_and_go_through_their_points() {
    let orbit = |through: Option<&str>| Way::Orbit { around: "a".into(), through: through.map(Arc::from), bars: 4.0 };
    let mut set = set();
    path(&mut set, 8, None, orbit(Some("b")));
    assert!(distance(&at(&set, 8), &Latent::named("a")) < 1e-4);
    assert!(distance(&at(&set, 40), &Latent::named("b")) < 1e-4);
    assert_eq!(at(&set, 8), at(&set, 72));
    assert!(largest_step(&set, 8..80) < 0.7);
    path(&mut set, 8, None, orbit(None));
    let a = Latent::named("a");
    let apart: Vec<f32> = (8..72).map(|s| distance(&at(&set, s), &a)).collect();
    // The same distance from the point all the way round: the chord of the two shares.
    let length = (a.all().iter().map(|x| x * x).sum::<f32>()).sqrt();
    let chord = ((1.0 - CENTRE).powi(2) + RADIUS.powi(2)).sqrt() * length;
    assert!(apart.iter().all(|d| (d - chord).abs() < 0.01), "{apart:?} {chord}");
    let same = Way::Orbit { around: "a".into(), through: Some("a".into()), bars: 4.0 };
    path(&mut set, 8, None, same);
    assert!(distance(&at(&set, 30), &a) < 1e-4);
}

#[test]
fn places_are_stored_moved_and_kept_in_bounds() {
    let mut set = set();
    path(&mut set, 0, None, Way::Walk { points_per_bar: 1.0 });
    let was = at(&set, 21);
    ask(&mut set, 21, Edit::LatentStore { part: "lead".into(), point: "mine".into() });
    path(&mut set, 50, None, point("mine"));
    assert_eq!(at(&set, 60), was);
    let by: HalfNumbers = std::array::from_fn(|i| if i == 3 { f32::NAN } else { 0.25 });
    ask(&mut set, 60, Edit::LatentMove { part: "lead".into(), by: Arc::new(by) });
    let now = at(&set, 61);
    assert_eq!((now.bar, now.global[3], now.global[0]), (was.bar, 0.0, was.global[0] + 0.25));
    ask(&mut set, 61, Edit::LatentMove { part: "lead".into(), by: Arc::new([1e9; LATENT_GLOBAL]) });
    assert_eq!(at(&set, 61).global, [NUMBER_MAX; LATENT_GLOBAL]);
    let said = ask(&mut set, 61, Edit::LatentStore { part: "nobody".into(), point: "x".into() });
    assert!(said.is_some_and(|s| s.contains("no part 'nobody'")) && set.points.iter().count() == 1);
}

#[test]
fn another_script_goes_on_with_the_paths_that_it_asks_for_again() {
    let (mut old, mut new) = (set(), set());
    path(&mut old, 16, None, morph(Some("a"), "b", 8.0));
    path(&mut new, 48, None, morph(Some("a"), "b", 8.0));
    let place = BarMap::default().place(StepIndex(48));
    let launch = Where { place, back: &|_| StepIndex(0), anew: &|_| Anew::default() };
    new.go_on_from(&old, &launch);
    assert_eq!(at(&new, 100), at(&old, 100));
    let mut other = set();
    path(&mut other, 48, None, morph(None, "c", 1.0));
    other.go_on_from(&old, &launch);
    assert_eq!((at(&other, 48), at(&other, 64)), (at(&old, 48), Latent::named("c")));
}

#[test]
fn metres_change_how_long_a_bar_of_a_path_is() {
    let mut set = set();
    path(&mut set, 0, None, morph(Some("a"), "b", 2.0));
    let mut bars = BarMap::default();
    bars.set(StepIndex(16), Metre::new(3, 4).unwrap_or(Metre::FOUR_FOUR));
    let at = |step| {
        let part = &set.parts[0];
        set.latent(part, &bars.place(StepIndex(step)), set.chance(part, Anew::default()))
    };
    assert_eq!(at(22), Latent::named("a").towards(&Latent::named("b"), 0.75));
    assert_eq!(at(28), Latent::named("b"));
}
