//! Small data, with figures worked out by hand; files that are broken; the figures of the public files, where they are at hand.

use super::*;
use crate::limits::{BENCHMARK_BYTES, BENCHMARK_PIECES, BENCHMARK_STEPS};

fn splits<S: Step>(text: &str) -> Result<Splits<S>, String> {
    read::splits(Path::new("small.json"), text.as_bytes()).map_err(|e| e.to_string())
}

/// The same piece thrice, or another one for valid and test.
fn text(train: &str, other: &str) -> String {
    format!(r#"{{"train": [{train}], "valid": [{other}], "test": [{other}]}}"#)
}

fn report<S: Step>(splits: &Splits<S>, baselines: &[Baseline]) -> BenchmarkReport {
    let file = FileFacts::of(Path::new("small.json"), b"");
    measure(&BENCHMARKS[0], file, splits, baselines)
}

fn near(is: f64, should: f64) {
    assert!((is - should).abs() < 1e-12, "{is} in place of {should}");
}

/// Soprano 60 60 60 62 62, the others silent; scored: 60 61.
const SUNG: &str = "[[60,-1,-1,-1],[60,-1,-1,-1],[60,-1,-1,-1],[62,-1,-1,-1],[62,-1,-1,-1]]";
const SCORED: &str = "[[60,-1,-1,-1],[61,-1,-1,-1]]";

#[test]
fn voices_are_counted_as_on_paper() {
    let splits: Splits<Voices> = splits(&text(SUNG, SCORED)).unwrap();
    assert_eq!(splits.valid[0], [Voices([25, 0, 0, 0]), Voices([26, 0, 0, 0])]);
    let rows = report(&splits, VOICES).rows;
    let names: Vec<&str> = rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names[0], "uniform over 47");
    near(rows[0].valid.nats, 47f64.ln());
    near(rows[0].test.bits, 47f64.log2());
    // 3 of 5 sopranos are 60, none is 61; 5 of 5 of the others are rests.
    let unigram = -(4.0f64 / 52.0).ln() - (1.0f64 / 52.0).ln() - 6.0 * (6.0f64 / 52.0).ln();
    near(rows[1].valid.nats, unigram / 8.0);
    near(rows[1].valid.without_first, (-(1.0f64 / 52.0).ln() - 3.0 * (6.0f64 / 52.0).ln()) / 4.0);
    // One beginning; after 60 came 60 60 62; after a rest came four.
    let begin = -(1.01f64 / 1.47).ln();
    let bigram = 4.0 * begin - (0.01f64 / 3.47).ln() - 3.0 * (4.01f64 / 4.47).ln();
    near(rows[2].valid.nats, bigram / 8.0);
    // Step 1 was there once only.
    let placed = 4.0 * begin - (0.01f64 / 1.47).ln() - 3.0 * (1.01f64 / 1.47).ln();
    near(rows[3].valid.nats, placed / 8.0);
    assert_eq!(rows[3].valid, rows[3].test);
    assert_eq!(rows[3].valid.units, 8);
}

#[test]
fn keys_are_counted_as_on_paper() {
    let splits: Splits<Keys> = splits(&text("[[21],[21],[]]", "[[21,108],[108]]")).unwrap();
    assert_eq!(splits.valid[0], [Keys(1 | 1 << 87), Keys(1 << 87)]);
    let rows = report(&splits, KEYS).rows;
    near(rows[0].valid.nats, 88.0 * 2f64.ln());
    // Key 21 sounds in 2 of 3 frames, others in none.
    let (low, other, silent) = (-(3.0f64 / 5.0).ln(), -(1.0f64 / 5.0).ln(), -(4.0f64 / 5.0).ln());
    let second = -(2.0f64 / 5.0).ln() + other + 86.0 * silent;
    near(rows[1].valid.nats, (low + other + 86.0 * silent + second) / 2.0);
    near(rows[1].valid.without_first, second);
    // Key 21 began once, stayed once, left once; others were silent after silence thrice and never sounded before.
    let begun = -(1.5f64 / 2.0).ln() - (0.5f64 / 4.0).ln() - 86.0 * (3.5f64 / 4.0).ln();
    let then = 2.0 * 2f64.ln() - 86.0 * (3.5f64 / 4.0).ln();
    near(rows[2].valid.nats, (begun + then) / 2.0);
}

#[test]
fn the_two_means_differ_where_pieces_are_of_unequal_length() {
    let splits: Splits<Keys> = splits(&text("[[21]]", "[[21]],[[22],[23],[24]]")).unwrap();
    let by_step = |t: usize, before: Option<&Keys>, now: &Keys| {
        assert_eq!(before.is_none(), t == 0);
        f64::from(now.0.trailing_zeros())
    };
    let score = Score::of(&splits.valid, &by_step);
    near(score.nats, 6.0 / 4.0);
    near(score.by_piece, (0.0 + 2.0) / 2.0);
    near(score.without_first, 5.0 / 2.0);
    near(score.bits, 1.5 / 2f64.ln());
    assert_eq!(score.units, 4);
}

#[test]
fn repeats_are_counted_by_place_and_first_steps_left_out() {
    let splits: Splits<Voices> = splits(&text(SUNG, SCORED)).unwrap();
    let repeats = report::repeats(&splits);
    assert_eq!(repeats[0].split, "train");
    assert_eq!(repeats[0].by_place, [1.0, 1.0, 1.0, 0.75]);
    assert_eq!(repeats[1].by_place[1], 0.75);
    assert!(repeats[1].by_place[0].is_nan(), "a share of nothing is no number");
}

#[test]
fn probabilities_add_up_to_one() {
    let splits: Splits<Voices> = splits(&text(SUNG, SCORED)).unwrap();
    for baseline in VOICES {
        let table = baseline.fit(&splits.train);
        for (t, before) in [(0, None), (3, Some(Voices([25, 0, 9, 46]))), (4, Some(Voices([27, 0, 0, 0])))] {
            let of = |classes| (-table.nats(t, before.as_ref(), &Voices(classes))).exp();
            // Voices are independent: the sum over one, with rests in the others, is its own sum times their rests.
            let sums = (0..4).map(|voice| {
                let one = |class| std::array::from_fn(|v| if v == voice { class } else { 0 });
                (0..47).map(|class| of(one(class))).sum::<f64>()
            });
            near(sums.product::<f64>() / of([0; 4]).powi(3), 1.0);
        }
    }
}

#[test]
fn broken_files_are_one_sentence_each() {
    let (voices, keys) = (|t: &str| splits::<Voices>(t).unwrap_err(), |t: &str| splits::<Keys>(t).unwrap_err());
    let many = |item: &str, count: usize| vec![item; count].join(",");
    for (says, error) in [
        ("EOF", voices("")),
        ("expected", voices("\u{1}\u{2}")),
        ("invalid type", voices("[1]")),
        ("missing field `test`", voices(r#"{"train": [[[60,60,60,60]]], "valid": [[[60,60,60,60]]]}"#)),
        ("a list without steps", voices(&text("[]", SCORED))),
        ("a list without pieces", keys(&text("[[21]]", ""))),
        ("pitch 35 is neither", voices(&text("[[35,60,60,60]]", SCORED))),
        ("pitch 9007199254740993", voices(&text("[[9007199254740993,60,60,60]]", SCORED))),
        ("invalid length 3", voices(&text("[[60,60,60]]", SCORED))),
        ("trailing", voices(&text("[[60,60,60,60,60]]", SCORED))),
        ("floating point", voices(&text("[[60.5,60,60,60]]", SCORED))),
        ("key 20 is not", keys(&text("[[20]]", "[[21]]"))),
        ("key 109 is not", keys(&text("[[109]]", "[[21]]"))),
        ("more than 4096 pieces", keys(&text(&many("[[]]", BENCHMARK_PIECES + 1), "[[21]]"))),
        ("more than 65536 steps", keys(&text(&format!("[{}]", many("[]", BENCHMARK_STEPS + 1)), "[[21]]"))),
        ("EOF", keys(&format!(r#"{{"other": {}"#, "[".repeat(100_000)))),
    ] {
        assert!(error.starts_with("small.json is not a benchmark's file") && error.contains(says), "{says}: {error}");
        assert!(!error.contains('\n') && error.len() < 200, "{error}");
    }
}

#[test]
fn half_a_file_is_an_error_wherever_it_is_cut() {
    let whole = text(SUNG, SCORED);
    assert!(splits::<Voices>(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(splits::<Voices>(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn files_are_found_below_the_folder_and_refused_when_huge() {
    let folder = std::env::temp_dir().join(format!("ricercar-benchmark-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("json")).unwrap();
    let (bench, folders) = (named("nott").unwrap(), [folder.clone()]);
    let missing = evaluate(bench, &folders, &Judged::default()).unwrap_err().to_string();
    assert!(missing.contains("there is no Nottingham.json in"), "{missing}");
    let path = folder.join("json/Nottingham.json");
    std::fs::write(&path, text("[[60],[60]]", "[[60],[62]]")).unwrap();
    let report = evaluate(bench, &folders, &Judged::default()).unwrap();
    assert_eq!((report.rows.len(), report.splits[2].steps, report.repeats.len()), (3, 2, 0));
    let printed = report.to_string();
    assert!(printed.contains("Nottingham.json") && printed.contains("60.9970"), "{printed}");
    std::fs::File::create(&path).unwrap().set_len(BENCHMARK_BYTES + 1).unwrap();
    let huge = evaluate(bench, &folders, &Judged::default()).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(huge.contains("larger than 16 MiB"), "{huge}");
}
