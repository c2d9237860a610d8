//! Jsb: likelihood benchmarks on the public splits of the Bach chorales and their kin, and what counting alone reaches there.
//!
//! Owns: the table of [`BENCHMARKS`], reading their files ([`read`]), what a step of them is ([`steps`]), the counting baselines
//! ([`count`]), [`evaluate`].
//! Called from: `eval --benchmark` on the command line, tests. Reads one file; the rest is pure.
//! Units: nats, over every step with the first; bits stand beside them. A unit is a note of the four voices (a rest counts as one) at
//! sixteenths, a frame of 88 keys at quarters.
//!
//! Sources: the splits and nats a frame are those of Boulanger-Lewandowski, Bengio and Vincent, "Modeling temporal dependencies in
//! high-dimensional sequences" (ICML 2012); four voices at sixteenths are those of Huang et al., "Counterpoint by convolution" (ISMIR
//! 2017). Both lie as JSON in <https://github.com/czhuang/JSB-Chorales-dataset>.
//!
//! Invariants
//! - The same file gives the same report, to the last digit.
//! - Baselines are counted on the train split only and scored on valid and test.
//! - A file that is broken, empty or huge is an error of one sentence; memory stays below some 0.2 GB whatever the file says.
//!
//! Not here: nets; product corpora and their bits a note (`eval`).

mod adapt;
mod chords;
pub mod count;
pub mod feed;
mod frames;
pub mod learn;
#[cfg(test)]
mod net_tests;
pub mod nets;
pub mod read;
pub mod recipe;
pub mod report;
pub mod score;
pub mod steps;
#[cfg(test)]
mod tests;
mod voices;

pub use report::BenchmarkReport;

use super::ops::Pool;
use super::report::TrainError;
use count::{Baseline, KEYS, VOICES};
use feed::Feed;
use nets::{BenchNet, Means};
use read::Splits;
use recipe::ChordUse;
use report::{FileFacts, NetRow, Row, SplitFacts};
use score::Score;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use steps::{Keys, Step, Voices};

/// One benchmark.
#[derive(Debug)]
pub struct Benchmark {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it scores, and the file it reads.
    pub doc: &'static str,
    /// Names that its file may have, the usual one first.
    pub files: &'static [&'static str],
    is_voices: bool,
}

/// All benchmarks.
pub const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "jsb16",
        doc: "382 Bach chorales, four voices at sixteenths: nats a note (Jsb16thSeparated.json)",
        files: &["Jsb16thSeparated.json", "Jsb16.json"],
        is_voices: true,
    },
    Benchmark {
        name: "jsbq",
        doc: "the same chorales at quarters, 88 keys: nats a frame (jsb-chorales-quarter.json)",
        files: &["jsb-chorales-quarter.json", "JSB_Chorales.json"],
        is_voices: false,
    },
    Benchmark {
        name: "nott",
        doc: "folk tunes with chords, 88 keys: nats a frame (Nottingham.json)",
        files: &["Nottingham.json"],
        is_voices: false,
    },
    Benchmark {
        name: "muse",
        doc: "orchestral and piano music, 88 keys: nats a frame (MuseData.json)",
        files: &["MuseData.json"],
        is_voices: false,
    },
    Benchmark {
        name: "piano",
        doc: "classical piano, 88 keys: nats a frame (Piano_midi.json)",
        files: &["Piano_midi.json", "Piano-midi.de.json"],
        is_voices: false,
    },
];

/// Below a given folder the file is looked for in these too: the folder of the collection, and a folder that holds collections.
const FOLDERS: &[&str] = &["", "json", "jsb-chorales/json"];

/// The benchmark with this name.
pub fn named(name: &str) -> Option<&'static Benchmark> {
    BENCHMARKS.iter().find(|b| b.name == name)
}

/// The benchmark's file in the first of the folders that has it.
///
/// # Errors
/// One sentence when no folder has it.
pub fn find(benchmark: &Benchmark, folders: &[PathBuf]) -> Result<PathBuf, TrainError> {
    let below = folders.iter().flat_map(|f| FOLDERS.iter().map(move |sub| f.join(sub)));
    let mut paths = below.flat_map(|f| benchmark.files.iter().map(move |name| f.join(name)));
    paths.find(|p| p.is_file()).ok_or_else(|| {
        let folders: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        TrainError::Data(format!(
            "the benchmark {} has nothing to read: there is no {} in {} (nor in json or jsb-chorales/json below)",
            benchmark.name,
            benchmark.files[0],
            folders.join(", ")
        ))
    })
}

/// Counts the baselines on the train split and scores them on valid and test.
///
/// # Errors
/// One sentence: no file, a file that cannot be read, or one that is no benchmark file.
pub fn evaluate(benchmark: &Benchmark, folders: &[PathBuf], judged: &Judged) -> Result<BenchmarkReport, TrainError> {
    let path = find(benchmark, folders)?;
    let bytes = read::bytes(&path)?;
    let file = FileFacts::of(&path, &bytes);
    if benchmark.is_voices {
        let splits: Splits<Voices> = read::splits(&path, &bytes)?;
        let mut report = measure(benchmark, file, &splits, VOICES);
        report.repeats = report::repeats(&splits);
        report.nets = rows(benchmark, &splits, judged)?;
        Ok(report)
    } else {
        let splits: Splits<Keys> = read::splits(&path, &bytes)?;
        let mut report = measure(benchmark, file, &splits, KEYS);
        report.nets = rows(benchmark, &splits, judged)?;
        Ok(report)
    }
}

/// Rows of nets: each by itself, all together, and all together in all keys.
fn rows<S: Feed>(benchmark: &Benchmark, splits: &Splits<S>, judged: &Judged) -> Result<Vec<NetRow>, TrainError> {
    let pool = Pool::new(1).map_err(|e| TrainError::Setting(format!("no threads: {e}")))?;
    crate::train::memory::keep();
    let open = |path: &PathBuf| nets::open::<S>(path, benchmark.name, &pool);
    let opened = judged.nets.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let (nets, states): (Vec<BenchNet>, Vec<learn::State>) = opened.into_iter().unzip();
    let mut groups: Vec<(String, &[BenchNet], How)> = Vec::new();
    let orders = judged.orders.clamp(1, S::ORDERS);
    let mut add = |name: String, nets| {
        groups.push((name, nets, How::Still(Means::PLAIN)));
        if orders > 1 && nets.iter().all(|n: &BenchNet| n.recipe.orders) {
            groups.push((format!("  in {orders} orders"), nets, How::Still(Means { orders, ..Means::PLAIN })));
        }
    };
    for ((net, state), path) in nets.chunks(1).zip(&states).zip(&judged.nets) {
        add(NetRow::name(path, state, &net[0].net), net);
    }
    if nets.len() > 1 {
        add(format!("average of {} nets", nets.len()), &nets);
    }
    if judged.all_keys && !nets.is_empty() {
        let how = How::Still(Means { all_keys: true, orders });
        groups.push((format!("{} net(s) in all keys that fit", nets.len()), &nets, how));
    }
    if let Some(rate) = judged.adapt {
        let how = How::Learning(adapt::Pace { rate, ..S::PACE });
        groups.push((format!("{} net(s) that learn as they go", nets.len()), &nets, how));
    }
    let score = |nets: &[BenchNet], pieces: &[Vec<S>], how: &How| -> Result<report::NetScore, TrainError> {
        let told = match how {
            How::Still(means) => nets::by_step(nets, pieces, means)?,
            How::Learning(pace) => adapt::by_step(nets, pieces, orders, pace, &pool)?,
        };
        Ok(report::NetScore::of::<S>(&told, nets.iter().all(|n| n.recipe.chord == ChordUse::First)))
    };
    let row = |(name, nets, how): (String, &[BenchNet], How)| {
        let test = judged.test.then(|| score(nets, &splits.test, &how)).transpose()?;
        Ok(NetRow { name, valid: score(nets, &splits.valid, &how)?, test })
    };
    groups.into_iter().map(row).collect()
}

/// How nets are scored.
enum How {
    /// As they are.
    Still(Means),
    /// While they learn.
    Learning(adapt::Pace),
}

/// Trains a net on a benchmark; true when it was stopped.
///
/// # Errors
/// One sentence, as for [`learn::train`], or for a file that cannot be read.
pub fn train(
    benchmark: &Benchmark,
    config: &learn::Config,
    folders: &[PathBuf],
    out: &Path,
    say: &mut dyn FnMut(learn::News),
    stop: &AtomicBool,
) -> Result<bool, TrainError> {
    let path = find(benchmark, folders)?;
    if benchmark.is_voices {
        learn::train::<Voices>(benchmark.name, config, &load(&path)?, out, say, stop)
    } else {
        learn::train::<Keys>(benchmark.name, config, &load(&path)?, out, say, stop)
    }
}

/// Which nets are scored beside the baselines, and how.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Files of nets of this benchmark; several are averaged.
    pub nets: Vec<PathBuf>,
    /// In all keys that fit, too.
    pub all_keys: bool,
    /// All together while they learn from what they have guessed, too: at this rate.
    pub adapt: Option<f32>,
    /// Orders of listing a step that are averaged too, where the nets learned with any.
    pub orders: usize,
    /// The test split too, which no choice is made by.
    pub test: bool,
}

/// The splits read from one file, for models and tests.
///
/// # Errors
/// One sentence, as for [`evaluate`].
pub fn load<S: Step>(path: &Path) -> Result<Splits<S>, TrainError> {
    read::splits(path, &read::bytes(path)?)
}

fn measure<S: Step>(
    benchmark: &Benchmark,
    file: FileFacts,
    splits: &Splits<S>,
    baselines: &[Baseline],
) -> BenchmarkReport {
    let both = |name: &str, nats: &dyn Fn(usize, Option<&S>, &S) -> f64| Row {
        name: name.to_owned(),
        valid: Score::of(&splits.valid, nats),
        test: Score::of(&splits.test, nats),
    };
    let (slots, uniform) = (S::SLOTS as f64, (S::CLASSES as f64).ln());
    let mut rows = vec![both(&format!("uniform over {}", S::ALPHABET), &|_, _, _| slots * uniform)];
    for baseline in baselines {
        let table = baseline.fit(&splits.train);
        rows.push(both(baseline.name, &|t, before, now| table.nats(t, before, now)));
    }
    BenchmarkReport {
        benchmark: benchmark.name.to_owned(),
        what: benchmark.doc.to_owned(),
        unit: S::UNIT.to_owned(),
        file,
        splits: splits.named().map(|(name, pieces)| SplitFacts::of(name, pieces)).to_vec(),
        rows,
        repeats: Vec::new(),
        nets: Vec::new(),
    }
}
