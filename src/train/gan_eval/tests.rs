//! The whole evaluation on a small made corpus, with makers whose figures are known.

use super::figures::Yardstick;
use super::table::line;
use super::*;
use crate::corpus::Piece;
use crate::engine::gan::{BarNotes, BarScene};
use crate::engine::lstm::{Packed, random};
use crate::music::{Chance, Latent, Purpose, Role, StepNote, kit};
use crate::train::gan_data::test::piece;
use std::sync::atomic::AtomicBool;

/// Sixty pieces of all roles in a simple manner: drums and bass on the beat, thin or thick, chords held, a tune in C.
fn corpus() -> Corpus {
    let of = |number: u64| -> Piece {
        let chance = Chance::new(number);
        let pick =
            |step: u32, role: Role, below: u64| chance.below(Purpose::Pattern, u64::from(step), role as u64, below);
        let every = [2, 4][(number % 2) as usize];
        let mut notes = Vec::new();
        for step in (0..128u32).step_by(every) {
            notes.push((step, Role::Drums, kit::ROWS[[0, 1, 4][pick(step, Role::Drums, 3) as usize]].pitch, 1));
            notes.push((step, Role::Bass, 36 + [0, 4, 7, 12][pick(step, Role::Bass, 4) as usize], every as u16));
            notes.push((step, Role::Lead, [60, 62, 64, 65, 67][pick(step, Role::Lead, 5) as usize], 2));
        }
        for step in (0..128).step_by(8) {
            notes.extend([48, 52, 55].map(|p| (step, Role::Chords, p + pick(step, Role::Chords, 2) as u8 * 12, 8)));
        }
        let split = [Split::Train, Split::Valid, Split::Test][(number % 3) as usize];
        Piece { split, ..piece(&format!("piece {number}"), "4/4", 8, &notes) }
    };
    Corpus { pieces: (0..60).map(of).collect(), ..Corpus::default() }
}

/// Plays as many notes as are asked, evenly, about the asked register; the latent vector turns the rhythm and picks the pitches.
struct Obedient;

impl BarMaker for Obedient {
    fn make(&mut self, scene: &BarScene, latent: &Latent) -> BarNotes {
        let full = [32.0, 16.0, 48.0, 16.0][scene.role.index()];
        let count = ((scene.density.unwrap_or(0.3) * full).round() as usize).min(16);
        let (low, high) = scene.role.range();
        let middle = f32::from(low) + scene.register.unwrap_or(0.5) * f32::from(high - low);
        let mut notes: Vec<(u8, StepNote)> = (0..count)
            .map(|i| {
                let step = (i * 16 / count) as u8;
                let pitch = match scene.role {
                    Role::Drums => kit::ROWS[usize::from(latent.bar[i] > 0.0)].pitch,
                    _ => (middle + latent.bar[i].clamp(-2.0, 2.0)) as u8,
                };
                (step, StepNote::new(pitch, 80, 2))
            })
            .collect();
        notes.sort_by_key(|n| (n.0, n.1.pitch));
        BarNotes { steps: scene.segment.steps, notes }
    }
}

/// Likes pitches of C major on the beat.
struct Schoolmaster;

impl Ear for Schoolmaster {
    fn score(&mut self, scene: &BarScene, notes: &BarNotes) -> Option<f32> {
        let good = |n: &(u8, StepNote)| n.0.is_multiple_of(2) && [0, 2, 4, 5, 7].contains(&(n.1.pitch % 12));
        let share = notes.notes.iter().filter(|n| good(n)).count() as f32 / notes.notes.len().max(1) as f32;
        (scene.role != Role::Drums).then_some(share - 0.9)
    }
}

fn run(stop: bool, lstm: bool) -> Result<GanReport, TrainError> {
    let stop = AtomicBool::new(stop);
    let packed = || Arc::new(Packed::new(&random::small(1).unwrap()).unwrap());
    let options = Options { windows: 40, lstm: lstm.then(packed), seeds: vec![1, 2], ..Options::default() };
    let mut watch = Watch { say: &mut |_, done, total| assert!(done <= total), stop: &stop };
    evaluate(&mut Obedient, Some(&mut Schoolmaster), &corpus(), &options, &mut watch)
}

#[test]
fn what_was_really_played_has_no_gap_and_coins_a_large_one() {
    let corpus = corpus();
    let judge = Judge::new(&corpus, Split::Valid, 60, 1);
    let yardstick = Yardstick::new(&judge);
    let row = |takes: &Takes| yardstick.row("", takes, &judge.gaps(&judge.measure(takes), judge.asked));
    let (real, shuffled) = (
        row(&std::array::from_fn(|role| judge.cases(role).iter().map(|c| c.real.clone()).collect())),
        row(&players::shuffled(&judge, 1)),
    );
    let never = AtomicBool::new(false);
    let mut watch = Watch { say: &mut |_, _, _| {}, stop: &never };
    let mut coin = coin::Coin::count(&judge.train);
    let coins = row(&players::made(&judge, &mut coin, 1, 60, &mut watch));
    assert_eq!((real.gap.mean, real.roles[1].told_apart, real.roles[3].density), (0.0, Some(0.5), Some(1.0)));
    assert!(real.roles[2].frechet.unwrap() < 1e-6 && real.roles[2].chord_tones == Some(1.0));
    assert!(shuffled.gap.mean > 0.0 && coins.gap.mean > 3.0 * shuffled.gap.mean, "{:?} {:?}", shuffled.gap, coins.gap);
    let lead = &coins.roles[3];
    assert!(lead.told_apart.unwrap() > 0.7 && lead.diversity.nearest > 1.0, "{lead:?}");
    assert!(judge.real_gaps().iter().flatten().flatten().count() > 30);
}

#[test]
fn coins_fall_as_often_as_the_cells_of_real_bars() {
    let corpus = corpus();
    let judge = Judge::new(&corpus, Split::Valid, 60, 1);
    let never = AtomicBool::new(false);
    let mut watch = Watch { say: &mut |_, _, _| {}, stop: &never };
    let mut coin = coin::Coin::count(&judge.train);
    let takes = players::made(&judge, &mut coin, 1, 60, &mut watch);
    let (made, real) = (judge.measure(&takes), judge.asked_real);
    // Pitched cells that sound by themselves make many short notes of few long ones; drums have no such cells.
    let notes = line("notes a bar");
    let (drums, expected) = (made[0][notes].unwrap(), real[0][notes].unwrap());
    assert!((drums / expected - 1.0).abs() < 0.2, "{drums} {expected}");
    assert!(made[1][notes].unwrap() > real[1][notes].unwrap());
    assert!(coin.orphans().unwrap() > 0.2);
}

#[test]
fn the_report_is_the_same_each_time_and_tells_what_is_known() {
    let same = |mut report: GanReport| {
        report.head.seconds = 0.0;
        report.taste.as_mut().unwrap().bar_ms = [0.0; 2];
        report
    };
    let report = same(run(false, true).unwrap());
    assert_eq!(report, same(run(false, true).unwrap()));
    let lead = &report.roles[3];
    assert!(lead.density.swept.unwrap() > 0.95 && lead.register.swept.unwrap() > 0.9, "{lead:?}");
    assert_eq!(lead.density.levels.len(), 9);
    assert!(report.roles[0].ear.is_none() && report.roles[0].register.swept.is_none());
    let walk = lead.walk.unwrap();
    assert!(walk.step < 0.2 && walk.largest < 1.0 && walk.ends > 1.0, "{walk:?}");
    let taste = report.taste.as_ref().unwrap();
    let in_scale = report.lines.iter().find(|l| l.role == Role::Lead && l.metric == "in scale").unwrap();
    assert!(in_scale.gap.is_some() && taste.gaps[1] != taste.gaps[2]);
    let names: Vec<&str> = report.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["real, test split", "made", "lstm", "shuffled real", "coins"]);
    assert_eq!(report.rows[1].roles[0].density.map(|d| d > 0.9), Some(true));
    let text = report.to_string();
    for word in ["orphan onsets", "half-way", "best of 4", "told from real", "ear: real scored higher", "coins"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
    assert!(serde_json::to_string(&report).unwrap().contains("\"windows_hash\""));
}

#[test]
fn the_trend_is_the_first_seed_of_the_report() {
    let corpus = corpus();
    let judge = Judge::new(&corpus, Split::Valid, 40, 1);
    let trend = quick(&judge, &mut Obedient, 1);
    assert_eq!(trend.gap.mean, run(false, false).unwrap().seed_gaps[0]);
    assert!(trend.to_string().starts_with("gap "), "{trend}");
    assert!(trend.density[1].unwrap() > 0.9 && trend.empty_bars[1] == [Some(0.0), Some(0.0)]);
}

#[test]
fn an_interruption_and_an_empty_corpus_are_sentences() {
    assert!(run(true, false).unwrap_err().to_string().contains("interrupted"));
    let never = AtomicBool::new(false);
    let mut watch = Watch { say: &mut |_, _, _| {}, stop: &never };
    let none = evaluate(&mut Obedient, None, &Corpus::default(), &Options::default(), &mut watch);
    assert!(none.unwrap_err().to_string().contains("no two bars of at most 16 steps in the valid split"));
}

#[test]
fn a_later_list_asks_other_windows_while_there_are_any() {
    let corpus = corpus();
    let list = |number: usize, asked: usize| Judge::with_list(&corpus, Split::Valid, asked, 1, number);
    let all = windows::count(&corpus, Split::Valid, Role::Lead);
    let (first, second, third) = (list(1, all / 2), list(2, all / 2), list(3, all / 2));
    let asked = |judge: &Judge| judge.cases(3).iter().map(|c| c.window).collect::<Vec<_>>();
    assert!(asked(&second).iter().all(|w| !asked(&first).contains(w)), "{all}");
    assert_eq!((first.repeated[3], second.repeated[3], asked(&second).len()), (0, 0, all / 2));
    assert!(third.repeated[3] > 0 && asked(&third).len() == all / 2, "{:?}", third.repeated);
    assert_eq!(first.real, second.real, "what is measured against stays");
}
