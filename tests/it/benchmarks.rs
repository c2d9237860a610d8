//! The figures that anybody who scores the public files must get: four digits, on valid and test.
//!
//! They were first computed by another program (NumPy) from the same definitions. The repository holds no corpus files: the variable
//! `RICERCAR_CORPORA` names the folder where they lie.

use ricercar::train::jsb::{BenchmarkReport, Judged, evaluate, find, named};
use std::path::PathBuf;

/// Row by row: nats on valid, on test.
type Figures = &'static [[f64; 2]];

/// Benchmark, rows after the uniform one, the same as means over pieces (where they are known).
const FIGURES: &[(&str, Figures, Figures)] = &[
    (
        "jsb16",
        &[[2.6111, 2.6388], [0.9370, 0.9858], [0.7079, 0.7413]],
        &[[2.5831, 2.6410], [0.9566, 0.9869], [0.7186, 0.7376]],
    ),
    ("jsbq", &[[10.9521, 11.0614], [10.1347, 10.4770]], &[]),
    ("nott", &[[10.0032, 10.2519], [5.2455, 5.1679]], &[]),
    ("muse", &[[11.8467, 11.5097], [8.6614, 8.5614]], &[]),
    ("piano", &[[11.4907, 11.0455], [9.2372, 8.2615]], &[]),
];

/// Pieces and steps of train, valid and test.
const SIZES: &[(&str, [(usize, u64); 3])] = &[
    ("jsb16", [(229, 55_228), (76, 18_408), (77, 18_900)]),
    ("jsbq", [(229, 13_807), (76, 4_602), (77, 4_725)]),
    ("nott", [(694, 176_561), (173, 45_513), (170, 44_463)]),
    ("muse", [(524, 245_202), (135, 82_755), (124, 64_339)]),
    ("piano", [(87, 75_911), (12, 8_540), (25, 19_036)]),
];

/// Rests of the four voices in train, valid and test.
const RESTS: [u64; 3] = [411, 589, 284];
/// Shares of repeated notes in train, at t mod 4 = 0, 1, 2, 3, in thousandths.
const REPEATS: [f64; 4] = [318.0, 999.0, 805.0, 989.0];

fn rounds_to(is: f64, should: f64, digits: i32) -> bool {
    (is - should).abs() <= 0.5 * 0.1f64.powi(digits) + 1e-9
}

#[test]
fn the_public_files_give_the_known_figures() {
    let Some(corpora) = std::env::var_os("RICERCAR_CORPORA").map(PathBuf::from) else {
        eprintln!("skipped: RICERCAR_CORPORA names no folder with the benchmarks' files");
        return;
    };
    for (name, figures, by_piece) in FIGURES {
        let bench = named(name).unwrap();
        if find(bench, std::slice::from_ref(&corpora)).is_err() {
            eprintln!("skipped: {name}, there is no {} in {}", bench.files[0], corpora.display());
            continue;
        }
        let report = evaluate(bench, std::slice::from_ref(&corpora), &Judged::default()).unwrap();
        eprintln!("{report}");
        let uniform = if *name == "jsb16" { 3.8501 } else { 60.9970 };
        assert!(rounds_to(report.rows[0].valid.nats, uniform, 4) && rounds_to(report.rows[0].test.nats, uniform, 4));
        assert_eq!(report.rows.len(), 1 + figures.len());
        for (row, [valid, test]) in report.rows[1..].iter().zip(*figures) {
            assert!(rounds_to(row.valid.nats, *valid, 4) && rounds_to(row.test.nats, *test, 4), "{name}: {row:?}");
        }
        for (row, [valid, test]) in report.rows[1..].iter().zip(*by_piece) {
            assert!(rounds_to(row.valid.by_piece, *valid, 4), "{name}: {row:?}");
            assert!(rounds_to(row.test.by_piece, *test, 4), "{name}: {row:?}");
        }
        let sizes = report.splits.iter().map(|s| (s.pieces, s.steps));
        let expected = SIZES.iter().find(|s| s.0 == *name).unwrap().1;
        assert!(sizes.eq(expected), "{name}: {:?}", report.splits);
        if *name == "jsb16" {
            four_voices(&report);
        }
    }
}

fn four_voices(report: &BenchmarkReport) {
    for (split, rests) in report.splits.iter().zip(RESTS) {
        assert_eq!(4 * split.steps - split.notes, rests, "{}", split.split);
    }
    assert_eq!((report.rows[0].valid.units, report.rows[0].test.units), (73_632, 75_600));
    for (is, should) in report.repeats[0].by_place.into_iter().zip(REPEATS) {
        assert!(rounds_to(is * 1e3, should, 0), "{is} in place of {should}");
    }
}
