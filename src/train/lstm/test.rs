//! Fine-tuning, the early stop, what is said of thin folders, and files that survive.

use super::tune::{self, Origin};
use super::{Config, checkpoint_in};
use crate::corpus::{Corpus, Split};
use crate::engine::lstm::{Precision, Weights};
use crate::music::Role;
use crate::token::{STEP_STYLE, STYLE_ROWS};
use crate::train::metrics;
use crate::train::ops::Compute;
use crate::train::report::Report;
use crate::train::shelf::Shelf;
use crate::train::tests::{Folder, config, corpus, go, model, piece};
use std::sync::Arc;

fn origin(weights: &Weights) -> Origin {
    Origin::parse("first.safetensors", &weights.to_bytes(Precision::F16).unwrap()).unwrap()
}

/// A folder of another riff.
fn other() -> Corpus {
    let mut corpus =
        Corpus { pieces: vec![piece("x", Split::Train, 5), piece("y", Split::Valid, 5)], ..Corpus::default() };
    corpus.pieces.iter_mut().for_each(|p| (p.style, p.corpus) = ("whatever".into(), "mine".into()));
    corpus
}

fn valid_curve(reports: &[Report]) -> Vec<(u64, f64, bool)> {
    let of = |r: &Report| match r {
        Report::Valid { update, tally, is_best, .. } => Some((*update, tally.all().per_note(), *is_best)),
        _ => None,
    };
    reports.iter().filter_map(of).collect()
}

#[test]
fn fine_tuning_moves_heads_and_the_own_style_first_then_everything_gently() {
    let (folder, tuned) = (Folder::new("tune-from"), Folder::new("tuned"));
    go(&config(30), &corpus(), &folder).0.unwrap();
    let first = model(&folder);
    let from = Some(Arc::new(origin(&first)));
    let heads = Config { from: from.clone(), heads: 10, hidden: 48, ..config(8) };
    let (outcome, reports) = go(&heads, &other(), &tuned);
    outcome.unwrap();
    let after = model(&tuned);
    let row = first.card.styles.len();
    assert_eq!(after.card.styles[..row], first.card.styles[..]);
    assert_eq!(after.card.styles[row..], ["mine"], "the folder's name");
    assert_eq!((after.shape, after.card.corpora.clone()), (first.shape, vec!["fixture".to_string(), "mine".into()]));
    assert!(matches!(&reports[0], Report::Start { style: Some(s), from: Some(_), .. } if s == "mine"));
    for (name, _) in first.shape.tensors() {
        let (a, b) = (first.get(&name), after.get(&name));
        if name.starts_with("lstm.") {
            assert_eq!(a, b, "{name} stays while the heads move");
        } else if name == "features.weight" {
            let at = (STEP_STYLE as usize + row) * first.shape.embed;
            let own = at..at + first.shape.embed;
            assert_eq!((&a[..own.start], &a[own.end..]), (&b[..own.start], &b[own.end..]), "only the own row moves");
            assert_ne!(a[own.clone()], b[own]);
        } else if name == "decide.hidden.weight" {
            assert_ne!(a, b);
        }
    }
    // Later everything moves, and the folder is learned.
    let (outcome, reports) = go(&Config { updates: Some(60), resume: true, ..heads }, &other(), &tuned);
    outcome.unwrap();
    assert_ne!(model(&tuned).get("lstm.weight_hh_l0"), first.get("lstm.weight_hh_l0"));
    let curve = valid_curve(&reports);
    assert!(curve.last().unwrap().1 < 0.7 * curve[0].1, "{curve:?}");
    let rates: Vec<(u64, f32)> = reports.iter().filter_map(rate).collect();
    assert!(rates.iter().all(|(update, rate)| (*update <= 10) == (*rate > 2e-3)), "{rates:?}");
}

fn rate(r: &Report) -> Option<(u64, f32)> {
    match r {
        Report::Progress { update, rate, .. } => Some((*update, *rate)),
        _ => None,
    }
}

#[test]
fn pieces_keep_their_styles_where_that_is_asked() {
    let (folder, tuned) = (Folder::new("keep-from"), Folder::new("kept"));
    go(&config(10), &corpus(), &folder).0.unwrap();
    let first = model(&folder);
    let config = Config { from: Some(Arc::new(origin(&first))), keep_styles: true, heads: 4, ..config(8) };
    let styles = tune::styles(&config, &Shelf::of(&other(), &folder.0).unwrap()).unwrap();
    assert_eq!(styles, tune::Styles { names: first.card.styles.clone(), row: None, is_new: false });
    go(&config, &corpus(), &tuned).0.unwrap();
    assert_eq!(model(&tuned).card.styles, first.card.styles);
    assert_ne!(model(&tuned).get("features.weight"), first.get("features.weight"));
}

#[test]
fn a_new_style_begins_as_the_mean_of_those_known_and_a_known_one_as_it_is() {
    let folder = Folder::new("tune-mean");
    go(&config(3), &corpus(), &folder).0.unwrap();
    let from = origin(&model(&folder));
    let pool = crate::train::ops::Pool::new(1).unwrap();
    let table = |style: &str| {
        let config = Config { from: Some(Arc::new(from.clone())), style: Some(style.into()), ..config(1) };
        let styles = tune::styles(&config, &Shelf::of(&other(), &folder.0).unwrap()).unwrap();
        (styles.row.unwrap() as usize, tune::net(&from, &styles, &pool).unwrap().values().unwrap().swap_remove(0))
    };
    let width = from.weights.shape.embed;
    let at = |row: usize| (STEP_STYLE as usize + row) * width;
    let known = from.weights.card.styles.len();
    let ((row, new), (riff, old)) = (table("mine"), table("riff"));
    assert_eq!((row, riff), (known, known - 1));
    let mean: f32 = (0..known).map(|r| new[at(r)]).sum::<f32>() / known as f32;
    assert_eq!(new[at(row)], mean);
    assert_eq!(old, from.weights.get("features.weight"));
}

#[test]
fn models_that_cannot_be_trained_further_give_a_sentence() {
    let folder = Folder::new("tune-unfit");
    go(&config(2), &corpus(), &folder).0.unwrap();
    let good = model(&folder);
    let mut other_tables = good.clone();
    other_tables.card.features = "0123".into();
    let said =
        Origin::parse("old.safetensors", &other_tables.to_bytes(Precision::F32).unwrap()).unwrap_err().to_string();
    assert!(said.contains("old.safetensors") && said.contains("other feature tables"), "{said}");
    let said = Origin::parse("gan", crate::wiring::models::GAN).unwrap_err().to_string();
    assert!(said.contains("its kind is 'gan'"), "{said}");
    let mut full = good.clone();
    full.card.styles = (0..STYLE_ROWS).map(|i| format!("s{i}")).collect();
    let tuned = |weights: &Weights, style: Option<&str>| Config {
        from: Some(Arc::new(origin(weights))),
        style: style.map(str::to_string),
        ..config(1)
    };
    let said = go(&tuned(&full, None), &other(), &folder).0.unwrap_err().to_string();
    assert!(said.contains("all 32 style rows") && said.contains("--style"), "{said}");
    go(&tuned(&full, Some("s7")), &other(), &folder).0.unwrap();
    let said = go(&tuned(&good, Some(" ")), &other(), &folder).0.unwrap_err().to_string();
    assert!(said.contains("name of a style"), "{said}");
    // A checkpoint goes on from the model that it began with.
    let resumed = Config { resume: true, ..config(3) };
    let said = go(&resumed, &other(), &folder).0.unwrap_err().to_string();
    assert!(said.contains("--from"), "{said}");
}

/// A valid piece that contradicts what is learned: the longer it is learned, the worse it gets.
fn contrary() -> Corpus {
    let mut corpus = corpus();
    let valid = corpus.pieces.iter_mut().find(|p| p.split == Split::Valid).unwrap();
    for note in valid.notes.iter_mut().filter(|n| n.role == Role::Bass) {
        note.note.pitch = 95 - note.note.pitch;
    }
    corpus
}

#[test]
fn a_run_ends_early_and_keeps_the_best_weights_also_when_it_was_interrupted() {
    let (whole, halves, corpus) = (Folder::new("early-whole"), Folder::new("early-halves"), contrary());
    let wanted = Config { patience: 4, ..config(200) };
    let (outcome, reports) = go(&wanted, &corpus, &whole);
    let outcome = outcome.unwrap();
    let curve = valid_curve(&reports);
    let best = curve.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!(outcome.is_early && outcome.updates == outcome.kept + 40, "{outcome:?} {curve:?}");
    assert_eq!((outcome.kept, true), (best.0, best.2));
    assert!((outcome.valid.unwrap() - best.1).abs() < 1e-9, "the figures are those of the weights in the file");
    assert!(reports.last().unwrap().to_string().contains("ended early"), "{:?}", reports.last());
    // The same with a break after the best check: the memory of it is in the checkpoint.
    let stop = std::sync::atomic::AtomicBool::new(false);
    let cut = outcome.kept + 20;
    let mut before = Vec::new();
    let mut say = |r: Report| {
        stop.fetch_or(matches!(r, Report::Valid { update, .. } if update == cut), std::sync::atomic::Ordering::Relaxed);
        before.push(r);
    };
    assert!(super::train(&wanted, &corpus, &halves.0, &mut say, &stop).unwrap().stopped);
    let (again, after) = go(&Config { resume: true, ..wanted.clone() }, &corpus, &halves);
    let again = again.unwrap();
    assert_eq!((again.updates, again.kept, again.is_early), (outcome.updates, outcome.kept, true));
    let joined: Vec<_> = valid_curve(&before).into_iter().chain(valid_curve(&after)).collect();
    assert_eq!(joined, curve);
    for (name, _) in model(&whole).shape.tensors() {
        assert_eq!(model(&whole).get(&name), model(&halves).get(&name), "{name}");
    }
    let (a, b) = (metrics::read(&whole.0), metrics::read(&halves.0));
    assert_eq!((a.valid, a.learning.len(), a.best, a.end), (b.valid, b.learning.len(), b.best, b.end));
    // Patience 0 goes on to the end and keeps the best all the same.
    let (patient, reports) = go(&Config { patience: 0, ..wanted }, &corpus, &Folder::new("early-patient"));
    let (patient, curve) = (patient.unwrap(), valid_curve(&reports));
    let best = curve.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!((patient.updates, patient.is_early, patient.kept), (200, false, best.0));
}

#[test]
fn thin_folders_train_and_say_what_they_lack() {
    let folder = Folder::new("thin");
    let warnings = |corpus: &Corpus| {
        let (outcome, reports) = go(&config(2), corpus, &folder);
        let said = reports.iter().filter_map(|r| match r {
            Report::Warning(why) => Some(why.clone()),
            _ => None,
        });
        (outcome.unwrap(), said.collect::<Vec<_>>().join("; "))
    };
    let mut one = piece("only", Split::Test, 0);
    one.notes.retain(|n| n.role == Role::Drums);
    one.roles = [true, false, false, false];
    let single = Corpus { pieces: vec![one], without_metre: 1, ..Corpus::default() };
    let (outcome, said) = warnings(&single);
    assert_eq!((outcome.valid, outcome.kept), (None, 2));
    for words in
        ["all 1 are learned from", "there is one work only", "only drums has notes", "at random", "read as 4/4"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let many = |count: usize| Corpus {
        pieces: (0..count).map(|i| piece(&format!("p{i}"), Split::Train, i as u8)).collect(),
        ..Corpus::default()
    };
    let (outcome, said) = warnings(&many(9));
    assert!(outcome.valid.is_some() && said.contains("1 of the works are held out"), "{said}");
    let (outcome, said) = warnings(&many(3));
    assert!(outcome.valid.is_none() && said.contains("there are 3 works"), "{said}");
    let broken = Corpus { left_out: vec![("a.mid".into(), "it is cut off".into())], ..Corpus::default() };
    let said = go(&config(1), &broken, &folder).0.unwrap_err().to_string();
    assert!(said.contains("1 MIDI files were found and none can be used (a.mid: it is cut off)"), "{said}");
}

#[test]
fn a_loss_that_is_none_and_a_folder_that_takes_nothing_leave_the_last_checkpoint() {
    let (folder, corpus) = (Folder::new("intact"), corpus());
    go(&config(4), &corpus, &folder).0.unwrap();
    let files = || [checkpoint_in(&folder.0), folder.0.join("model.safetensors")].map(|p| std::fs::read(p).unwrap());
    let before = files();
    // Checks at every update would save in between: the wild run must not come to one.
    let wild = Config { resume: true, rate: f32::MAX, updates: Some(4000), ..config(4) };
    let said = go(&wild, &corpus, &folder).0.unwrap_err().to_string();
    assert!(said.contains("is no number") && said.contains("whole"), "{said}");
    assert!(files() == before);
    // A folder where the file's neighbour should be written is as good as a full disk.
    let other = std::fs::File::open(folder.0.join("lock")).unwrap();
    other.try_lock().unwrap();
    assert!(go(&config(6), &corpus, &folder).0.unwrap_err().to_string().contains("another training"));
    drop(other);
    let blocked = folder.0.join("checkpoint.safetensors.part");
    std::fs::create_dir(&blocked).unwrap();
    let said = go(&Config { resume: true, ..config(6) }, &corpus, &folder).0.unwrap_err().to_string();
    assert!(said.contains("cannot be written") && said.contains("checkpoint.safetensors"), "{said}");
    assert!(files() == before);
    std::fs::remove_dir(&blocked).unwrap();
    go(&Config { resume: true, ..config(6) }, &corpus, &folder).0.unwrap();
}

#[test]
fn every_check_shows_a_plot_and_a_bar_and_the_file_of_metrics_tells_the_same() {
    let (folder, corpus) = (Folder::new("shows"), corpus());
    let (_, reports) = go(&config(40), &corpus, &folder);
    let pictures: Vec<String> =
        reports.iter().filter(|r| matches!(r, Report::Picture { .. })).map(|r| r.to_string()).collect();
    assert_eq!(pictures.len(), 20);
    let last = pictures.last().unwrap();
    for words in ["┤", "◆", "updates 2 to 40", "drums:", "kick", "bass:"] {
        assert!(last.contains(words), "{words}\n{last}");
    }
    assert!(!last.contains("lead:"), "roles without notes are not shown");
    let read = metrics::read(&folder.0);
    let curve: Vec<_> = valid_curve(&reports).iter().map(|v| (v.0, v.1)).collect();
    assert_eq!((read.valid.len(), read.update, read.end.as_deref()), (curve.len(), 40, Some("done")));
    assert!(read.valid.iter().zip(&curve).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9));
    assert!(read.tokens_per_s > 0.0 && last.ends_with(&read.sample) && read.saved == 21);
    assert!(read.best.is_some_and(|b| curve.iter().all(|c| c.1 > b.1 - 1e-9)));
}

#[test]
fn plain_operations_train_the_same_curve_and_go_on_where_fused_ones_were() {
    let corpus = corpus();
    let curve = |name: &str, parts: &[(u64, Compute)]| {
        let folder = Folder::new(name);
        let mut curve = Vec::new();
        for (at, (updates, compute)) in parts.iter().enumerate() {
            let part = Config { resume: at > 0, compute: *compute, ..config(*updates) };
            let (outcome, reports) = go(&part, &corpus, &folder);
            outcome.unwrap();
            curve = valid_curve(&reports);
        }
        curve
    };
    for (name, halves) in [("whole", &[12][..]), ("resumed", &[6, 12])] {
        let by = |second: Compute| {
            let of = |at: usize| if at == 0 { Compute::Plain } else { second };
            halves.iter().enumerate().map(|(at, updates)| (*updates, of(at))).collect::<Vec<_>>()
        };
        let fused: Vec<_> = halves.iter().map(|updates| (*updates, Compute::Fused)).collect();
        let expected = curve(&format!("fused-{name}"), &fused);
        for second in [Compute::Plain, Compute::Fused] {
            let got = curve(&format!("plain-{name}-{second:?}"), &by(second));
            let (a, b) = (expected.last().unwrap(), got.last().unwrap());
            assert!(a.0 == b.0 && (a.1 - b.1).abs() < 1e-3 * a.1, "{name} {second:?}: {a:?} {b:?}");
        }
    }
}
