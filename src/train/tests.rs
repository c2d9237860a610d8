//! Tests of whole runs: they learn, resume, survive broken files, and evaluation is steady.

use super::checkpoint;
use super::eval::{self, EvalOptions};
use super::lstm::{Config, checkpoint_in, train};
use super::ngram::{NGram, ORDER, View, uniform};
use super::report::{Report, TrainError};
use super::{data, ops, optim};
use crate::corpus::{Corpus, GridNote, Piece, Split};
use crate::engine::lstm::{Precision, Weights, expected};
use crate::music::{Chord, Key, Role, StepNote};
use crate::time::Metre;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// A folder that is removed with its test.
pub(in crate::train) struct Folder(pub PathBuf);

impl Folder {
    pub(in crate::train) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ricercar-train-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Eight bars of a four-note riff over kick and hat; `up` moves the riff.
pub(in crate::train) fn piece(name: &str, split: Split, up: u8) -> Piece {
    let mut notes = Vec::new();
    let mut add = |step: u32, role, pitch, velocity, steps| {
        let note = StepNote { offset_ticks: 10, ..StepNote::new(pitch, velocity, steps) };
        notes.push(GridNote { step, role, note });
    };
    for step in 0..128u32 {
        if step % 8 == 0 {
            add(step, Role::Drums, 36, 100, 1);
        }
        if step % 4 == 2 {
            add(step, Role::Drums, 42, 60, 1);
        }
        if step % 4 == 0 {
            add(step, Role::Bass, 40 + up + [0, 7, 5, 3][step as usize / 4 % 4], 90, 4);
        }
    }
    Piece {
        name: name.into(),
        corpus: "fixture".into(),
        style: "riff".into(),
        work: name.into(),
        split,
        steps: 128,
        metres: vec![(0, Metre::FOUR_FOUR)],
        bpm: 120.0,
        roles: [true, true, false, false],
        has_velocity: true,
        is_performed: true,
        key: Key::parse("E minor"),
        chords: vec![(0, Chord::parse("Em")), (64, Chord::parse("Am"))],
        notes,
    }
}

pub(in crate::train) fn corpus() -> Corpus {
    let pieces = vec![piece("a", Split::Train, 0), piece("b", Split::Train, 2), piece("c", Split::Valid, 0)];
    Corpus { pieces, ..Corpus::default() }
}

/// A narrow net on two short windows.
pub(in crate::train) fn config(updates: u64) -> Config {
    Config {
        hidden: 32,
        layers: 1,
        embed: 16,
        decide: 32,
        detail: 16,
        dropout: 0.0,
        input_dropout: 0.0,
        rate: 2e-2,
        transpose: false,
        warm_up: 5,
        batch: 2,
        window: 32,
        updates: Some(updates),
        minutes: None,
        report_every: 10,
        ..Config::default()
    }
}

pub(in crate::train) fn go(
    config: &Config,
    corpus: &Corpus,
    folder: &Folder,
) -> (Result<super::lstm::Outcome, TrainError>, Vec<Report>) {
    let mut reports = Vec::new();
    let outcome = train(config, corpus, &folder.0, &mut |r| reports.push(r), &AtomicBool::new(false));
    (outcome, reports)
}

pub(in crate::train) fn model(folder: &Folder) -> Weights {
    Weights::load(&folder.0.join("model.safetensors"), &expected()).unwrap()
}

#[test]
fn a_tiny_corpus_is_learned_by_heart_and_evaluation_is_steady() {
    let (folder, corpus) = (Folder::new("heart"), corpus());
    let (outcome, reports) = go(&config(120), &corpus, &folder);
    let outcome = outcome.unwrap();
    assert!(!outcome.stopped && outcome.updates == 120);
    let last = reports.iter().rev().find_map(|r| match r {
        Report::Progress { bits_per_note, .. } => Some(*bits_per_note),
        _ => None,
    });
    assert!(last.unwrap() < 0.2, "{last:?} bits a note after 120 updates");
    assert!(
        reports.iter().all(
            |r| !r.to_string().is_empty() && (!r.to_string().contains('\n') || matches!(r, Report::Picture { .. }))
        )
    );
    let weights = model(&folder);
    assert_eq!(weights.card.styles.last().map(String::as_str), Some("riff"));
    let evaluate = || {
        let stop = AtomicBool::new(false);
        eval::lstm(&weights, &corpus, &EvalOptions::default(), &stop).unwrap()
    };
    let report = evaluate();
    assert_eq!(report, evaluate());
    let (measured, read) = (outcome.valid.unwrap(), report.rows[4].bits_per_note);
    assert!((read - measured).abs() < 0.01 * measured, "the file is what was measured: {read} {measured}");
    assert!(report.rows[0].bits_per_note > report.rows[1].bits_per_note, "unigram beats uniform");
    assert!(report.rows[1].bits_per_note > report.rows[2].bits_per_note, "five-gram beats unigram");
    assert!(report.to_string().contains("lstm / better n-gram") && serde_json::to_string(&report).is_ok());
    let exact = Weights::parse(&weights.to_bytes(Precision::F32).unwrap(), &expected()).unwrap();
    let half = Weights::parse(&exact.to_bytes(Precision::F16).unwrap(), &expected()).unwrap();
    assert_eq!(exact, half, "weights that were f16 stay what they are");
}

#[test]
fn a_resumed_run_continues_the_same_curve() {
    let (whole, halves, corpus) = (Folder::new("whole"), Folder::new("halves"), corpus());
    // A schedule in updates: both runs aim at the same end.
    let noisy = Config { dropout: 0.2, input_dropout: 0.1, ..config(12) };
    go(&noisy, &corpus, &whole).0.unwrap();
    let stop = AtomicBool::new(false);
    let stop_early = |r: Report| {
        if matches!(r, Report::Progress { update: 5, .. }) {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let first =
        train(&Config { report_every: 5, ..noisy.clone() }, &corpus, &halves.0, &mut { stop_early }, &stop).unwrap();
    assert!(first.stopped && first.updates == 5);
    go(&Config { resume: true, ..noisy.clone() }, &corpus, &halves).0.unwrap();
    let (a, b) = (model(&whole), model(&halves));
    for (name, _) in a.shape.tensors() {
        assert_eq!(a.get(&name), b.get(&name), "{name}");
    }
}

#[test]
fn broken_checkpoints_and_bad_data_give_a_sentence() {
    let (folder, corpus) = (Folder::new("broken"), corpus());
    go(&config(2), &corpus, &folder).0.unwrap();
    let path = checkpoint_in(&folder.0);
    let good = std::fs::read(&path).unwrap();
    let resumed = Config { resume: true, ..config(3) };
    for bytes in [&good[..good.len() / 2], &good[..4], &[]] {
        std::fs::write(&path, bytes).unwrap();
        let said = go(&resumed, &corpus, &folder).0.unwrap_err().to_string();
        assert!(said.contains("cannot be used") && said.contains("checkpoint.safetensors"), "{said}");
    }
    let mut poisoned = good.clone();
    let end = poisoned.len();
    poisoned[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &poisoned).unwrap();
    assert!(go(&resumed, &corpus, &folder).0.unwrap_err().to_string().contains("numbers that are none"));
    std::fs::write(&path, &good).unwrap();
    let wider = Config { hidden: 48, ..resumed.clone() };
    assert!(go(&wider, &corpus, &folder).0.unwrap_err().to_string().contains("asked for are 1 x 48"));
    go(&resumed, &corpus, &folder).0.unwrap();
    let none = Corpus::default();
    assert!(go(&config(1), &none, &folder).0.unwrap_err().to_string().contains("nothing to learn from"));
    let odd = Config { hidden: 17, ..config(1) };
    assert!(go(&odd, &corpus, &folder).0.unwrap_err().to_string().contains("hidden units"));
    let wild = Config { rate: 1e30, warm_up: 1, ..config(40) };
    assert!(go(&wild, &corpus, &folder).0.unwrap_err().to_string().contains("is no number"));
    let file = Folder(folder.0.join("file"));
    std::fs::write(&file.0, b"x").unwrap();
    assert!(go(&config(1), &corpus, &file).0.unwrap_err().to_string().contains("cannot be made"));
    let options = EvalOptions { split: Split::Test, ..EvalOptions::default() };
    let said = eval::lstm(&model(&folder), &corpus, &options, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(said.contains("test split"), "{said}");
}

#[test]
fn a_checkpoint_holds_everything() {
    let (folder, corpus) = (Folder::new("all"), corpus());
    go(&config(3), &corpus, &folder).0.unwrap();
    let shape = model(&folder).shape;
    let net = super::net::Net::new(shape, crate::music::Chance::new(9), &ops::Pool::new(1).unwrap()).unwrap();
    let (optimiser, state) = checkpoint::load(&checkpoint_in(&folder.0), &net).unwrap();
    assert_eq!((state.updates, optimiser.updates, state.hidden), (3, 3, 32));
    assert_ne!(optimiser, optim::Optimiser::new(net.vars()).unwrap());
    let again = folder.0.join("again");
    let best = checkpoint::load_best(&checkpoint_in(&folder.0), &net).unwrap();
    checkpoint::save(&again, &net, &optimiser, &state, Some(&best)).unwrap();
    assert_eq!(std::fs::read(again).unwrap(), std::fs::read(checkpoint_in(&folder.0)).unwrap());
}

#[test]
fn baselines_count_what_the_net_decides() {
    let corpus = corpus();
    let pieces = data::prepare(&corpus, Split::Train, &[]);
    let some: Vec<_> = pieces.iter().collect();
    let fitted = NGram::fit(&some, View::Own).score(&some, ORDER).all();
    let flat = uniform(&some).all();
    assert_eq!((fitted.notes, fitted.steps, flat.notes), (2 * 80, 2 * 256, 2 * 80));
    assert!(fitted.per_note() < 0.25 * flat.per_note());
}

#[test]
fn the_live_step_needs_the_bits_that_the_training_net_needs() {
    let (corpus, stop) = (corpus(), AtomicBool::new(false));
    let weights = crate::engine::lstm::random::random(32, 2, 3).unwrap();
    let options = EvalOptions { split: Split::Valid, baselines: false, ..EvalOptions::default() };
    let trained = eval::lstm(&weights, &corpus, &options, &stop).unwrap();
    let live = super::live::evaluate(&weights, &corpus, Split::Valid, 1_000_000, &stop).unwrap();
    assert_eq!((live.steps, live.pieces.0), (trained.steps, live.pieces.1));
    let exact = trained.rows[0].tally.all();
    for (row, bound) in live.rows.iter().zip([1e-4, 0.05, 0.05]) {
        let bits = row.tally.all();
        let counted = |b: &super::score::Bits| (b.notes, b.steps, b.velocity_notes, b.offset_notes);
        assert_eq!(counted(&bits), counted(&exact), "{}", row.precision);
        for (a, b) in [
            (bits.choice, exact.choice),
            (bits.duration, exact.duration),
            (bits.velocity, exact.velocity),
            (bits.offset, exact.offset),
        ] {
            assert!((a - b).abs() / exact.notes as f64 <= bound, "{}: {a} {b}", row.precision);
        }
    }
    assert!(live.to_string().contains("int8"));
}
