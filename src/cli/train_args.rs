//! Arguments of `train` and `eval`.

use super::DeviceArg;
use crate::train::jsb;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Kinds of models.
#[derive(Debug, Subcommand)]
pub enum TrainKind {
    /// The band LSTM.
    #[command(after_help = "Examples:\n  ricercar train lstm --data ~/midi --minutes 30 -o mine\n  \
                          ricercar train lstm --data ~/midi --from band --style mine --minutes 20 -o mine\n\n\
                          The run's folder holds model.safetensors (the averaged weights that did best on valid), the checkpoint, and\n\
                          progress.jsonl, a line for every report.")]
    Lstm(TrainArgs),
    /// The GAN: generators and critics of drums and of pitches.
    #[command(after_help = "Example:\n  ricercar train gan --data ~/midi --minutes 60 -o mine")]
    Gan(GanArgs),
    /// The band's net on a public likelihood benchmark, to compare it with what is published.
    #[command(after_help = "Example:\n  ricercar train benchmark jsb16 --data ~/jsb-chorales -o run")]
    Benchmark(BenchmarkArgs),
}

/// Options of `train benchmark`.
#[derive(Debug, Args)]
pub struct BenchmarkArgs {
    /// Which benchmark.
    #[arg(value_parser = benchmarks())]
    pub name: String,
    /// Folders that may have the benchmark's file.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// Folder of the run: the checkpoint, and `best.safetensors`, the best net by the valid split.
    #[arg(short, long, default_value = "my-benchmark", value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from the checkpoint in the folder of the run.
    #[arg(long)]
    pub resume: bool,
    /// Stop after this many updates.
    #[arg(long, value_name = "COUNT", default_value_t = 8000)]
    pub updates: u64,
    /// Updates between figures on the valid split.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub check_every: u64,
    /// Ingredients to leave out, to see what each is worth.
    #[arg(long, num_args = 1.., value_name = "NAME", value_parser = ingredients())]
    pub without: Vec<String>,
    /// What is done with the chord of a step: nothing, guessed beside the notes, or chosen before them.
    #[arg(long, default_value = "none", value_parser = ["none", "aside", "first"])]
    pub chord: String,
    /// Units of a layer, a multiple of 16.
    #[arg(long, default_value_t = 256)]
    pub hidden: usize,
    /// Width of the decisions' hidden layer.
    #[arg(long, default_value_t = 256)]
    pub decide: usize,
    /// Sequences in a batch.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Steps in a window.
    #[arg(long, default_value_t = 160)]
    pub window: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    pub rate: f64,
    /// Share that is dropped between layers.
    #[arg(long, default_value_t = 0.5)]
    pub dropout: f64,
    /// Share of rows that are left out of what the net is told.
    #[arg(long, default_value_t = 0.2)]
    pub thinning: f64,
    /// Nets of this benchmark that are distilled into the new one: it learns their average beside the pieces.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub teachers: Vec<PathBuf>,
    /// Share of the recurrent weights that is left out.
    #[arg(long, default_value_t = 0.0)]
    pub weight_drop: f64,
    /// Share of a weight that is taken off at a learning rate of 1.
    #[arg(long, default_value_t = 0.2)]
    pub decay: f64,
    /// Seed of initial weights and data order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn ingredients() -> clap::builder::PossibleValuesParser {
    let row = |i: &jsb::recipe::Ingredient| clap::builder::PossibleValue::new(i.name).help(i.doc);
    clap::builder::PossibleValuesParser::new(jsb::recipe::INGREDIENTS.iter().map(row))
}

/// Folder of a training run that is given no other.
pub(super) const RUN_FOLDER: &str = "my-model";

/// Options of `train lstm`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Folders of MIDI files; sub-folders train, valid and test are used as they are, else works are drawn by hash.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// Folder of the run: the checkpoint and `model.safetensors`.
    #[arg(short, long, default_value = RUN_FOLDER, value_name = "DIR")]
    pub out: PathBuf,
    /// Begin with this model file in place of random weights (`band` is the built-in one): fine-tuning.
    #[arg(long, value_name = "MODEL")]
    pub from: Option<PathBuf>,
    /// Style of all pieces, as scripts will call it [default when fine-tuning: the name of the folder].
    #[arg(long, value_name = "NAME")]
    pub style: Option<String>,
    /// When fine-tuning: pieces keep the styles of their folders, as far as the model knows them.
    #[arg(long, requires = "from", conflicts_with = "style")]
    pub keep_styles: bool,
    /// When fine-tuning: first updates, which change only the style's row and the heads; later ones change everything at a tenth
    /// of the rate.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub heads: u64,
    /// End when so many checks on valid in a row bring nothing better; 0 never does.
    #[arg(long, default_value_t = 8, value_name = "CHECKS")]
    pub patience: u64,
    /// Go on from the checkpoint in the folder of the run.
    #[arg(long)]
    pub resume: bool,
    /// Stop after this many minutes.
    #[arg(long, value_name = "MINUTES")]
    pub minutes: Option<f64>,
    /// Stop after this many updates.
    #[arg(long, value_name = "COUNT")]
    pub updates: Option<u64>,
    /// Units of a layer, a multiple of 16 [default: 256, or the model's].
    #[arg(long)]
    pub hidden: Option<usize>,
    /// Sequences in a batch.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Steps in a window.
    #[arg(long, default_value_t = 128)]
    pub window: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    pub rate: f64,
    /// Where the net computes.
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu)]
    pub device: DeviceArg,
    /// Share dropped between layers, on the output and in the heads: more for a wide net or a small folder.
    #[arg(long, default_value_t = 0.15)]
    pub dropout: f64,
    /// Seed of initial weights and data order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

/// Options of `train gan`.
#[derive(Debug, Args)]
pub struct GanArgs {
    /// Folders of MIDI files; sub-folders train, valid and test are used as they are, else works are drawn by hash.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// Folder of the run: checkpoints and `model.safetensors`.
    #[arg(short, long, default_value = "my-gan", value_name = "DIR")]
    pub out: PathBuf,
    /// What to train: the kit's nets, the pitches' nets, or both.
    #[arg(long, default_value = "all", value_parser = ["all", "drums", "pitched"])]
    pub family: String,
    /// Go on from the checkpoints in the folder of the run.
    #[arg(long)]
    pub resume: bool,
    /// Stop each family after this many minutes of its own time.
    #[arg(long, value_name = "MINUTES")]
    pub minutes: Option<f64>,
    /// Stop each family after this many updates.
    #[arg(long, value_name = "COUNT")]
    pub updates: Option<u64>,
    /// Channels of a slot; the width inside a block is twice as much.
    #[arg(long, default_value_t = 160)]
    pub channels: usize,
    /// Bars in a batch.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Highest learning rate of both nets.
    #[arg(long, default_value_t = 4e-4)]
    pub rate: f64,
    /// Weight of the penalty on the critic's steepness: more slows the critic down.
    #[arg(long, default_value_t = 0.4)]
    pub penalty: f64,
    /// Weight of the term that keeps latents from giving the same bar.
    #[arg(long, default_value_t = 1.0)]
    pub modes: f64,
    /// Weight of the term that brings mean counts (onsets a step, lengths, classes) to those of real bars.
    #[arg(long, default_value_t = 4.0)]
    pub counts: f64,
    /// Seed of initial weights, noise and data order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads: with two, drums and pitches train at once.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
}

/// Options of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The model file.
    #[arg(required_unless_present = "benchmark", conflicts_with = "benchmark")]
    pub model: Option<PathBuf>,
    /// In place of a model: what counting alone reaches on a public benchmark, on its own valid and test splits.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bars", "windows", "list", "live", "steps"], value_parser = benchmarks())]
    pub benchmark: Option<String>,
    /// Nets of that benchmark to be scored beside, on its valid split; with `--split test` on both.
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "benchmark", conflicts_with = "model")]
    pub nets: Vec<PathBuf>,
    /// Those nets in all keys that fit, too: averaged.
    #[arg(long, requires = "nets")]
    pub all_keys: bool,
    /// Those nets while they learn from what they have guessed, too: steps of this rate after each stretch of a piece.
    #[arg(long, requires = "nets", value_name = "RATE", num_args = 0..=1, default_missing_value = "0.00012")]
    pub adapt: Option<f64>,
    /// Orders of listing a step that are averaged, for nets that learned with any order.
    #[arg(long, requires = "nets", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=24))]
    pub orders: u64,
    /// Folders of MIDI files, or of a benchmark's file.
    #[arg(long, required_unless_present = "controls", num_args = 1.., value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// What the model does when it is asked, control by control, played through the whole instrument; needs no data.
    #[arg(long, conflicts_with_all = ["benchmark", "bars", "split", "windows", "list", "data", "live", "steps"])]
    pub controls: bool,
    /// Whether styles that are asked for come out, and blends lie between them: by a classifier fitted to the train split.
    #[arg(long, conflicts_with_all = ["benchmark", "bars", "split", "windows", "list", "live", "steps"])]
    pub styles: bool,
    /// Which works are scored.
    #[arg(long, default_value = "valid", value_parser = ["train", "valid", "test"])]
    pub split: String,
    /// The bars that an LSTM makes, measured as those of a GAN are, in place of its bits a note.
    #[arg(long)]
    pub bars: bool,
    /// Windows of two bars that are asked of each role, where bars are measured.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub windows: usize,
    /// Which list of windows: 2 asks what 1 did not, while a corpus has such windows. For one last look after choices were made.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub list: u64,
    /// Bits a note of the live step in f32, bf16 and int8, told the style, and the time that a step of the band takes.
    #[arg(long, conflicts_with = "bars")]
    pub live: bool,
    /// How hard drummers strike and how far off the grid: the model's errors on performed drums beside what counting reaches.
    #[arg(long, conflicts_with_all = ["benchmark", "bars", "windows", "list", "controls", "styles", "live", "steps"])]
    pub drums: bool,
    /// About how many steps of the split the live step is scored on.
    #[arg(long, value_name = "COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    /// Where the net computes, for bits a note.
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu, conflicts_with_all = ["bars", "live", "drums", "controls", "styles", "benchmark"])]
    pub device: DeviceArg,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

fn benchmarks() -> clap::builder::PossibleValuesParser {
    let row = |b: &jsb::Benchmark| clap::builder::PossibleValue::new(b.name).help(b.doc);
    clap::builder::PossibleValuesParser::new(jsb::BENCHMARKS.iter().map(row))
}
