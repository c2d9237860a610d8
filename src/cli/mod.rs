//! Cli: the words on the command line, and what each run mode prints.
//!
//! Owns: the argument table below and everything that is printed to the terminal when no screen is up.
//! Called from: `main`, on the main thread.
//!
//! Invariants
//! - Every command has `--help` with an example; every error is one sentence on stderr and exit status 1 (2 for bad arguments).
//!
//! Not here: what the commands do (their rooms), the screen (`ui`), threads (`wiring`).

mod bench;
mod catalogue;
mod check;
mod learn;
mod list;
mod play;
mod probe;
mod quiet;
mod render;
mod speed;
mod trial;

use crate::train::jsb;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A terminal live-coding instrument whose voices are neural networks.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Examples:\n  ricercar                        play the first set\n  ricercar scripts/funk.rhai      play a set\n  \
                  ricercar render scripts/chorale.rhai --bars 16 -o out.mid\n  ricercar ports                  list where notes can go",
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; without a command, play.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to play.
    #[command(flatten)]
    pub play: PlayArgs,
}

/// Options of playing.
#[derive(Debug, Args, Clone)]
pub struct PlayArgs {
    /// The set to play (a rhai script); without it, the first set.
    pub script: Option<PathBuf>,
    /// Play without a screen: notices go to stderr, Ctrl-C ends.
    #[arg(long)]
    pub no_tui: bool,
    /// Seed of all chance, over the script's own.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Send every part to this output, whatever the script says (for example synth:pluck, midi:1, jack:1, none).
    #[arg(long, value_name = "OUT")]
    pub out: Option<String>,
    /// Audio host or device for the internal synth: jack, pulseaudio, alsa, none, or part of a device's name.
    #[arg(long, value_name = "NAME", env = "RICERCAR_AUDIO")]
    pub audio: Option<String>,
    /// Connect the JACK MIDI port to ports whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub connect: Option<String>,
    /// Send MIDI clock, start, stop and continue.
    #[arg(long)]
    pub clock: bool,
    /// Stop after this many bars (without a screen).
    #[arg(long, value_name = "BARS", requires = "no_tui")]
    pub bars: Option<u64>,
    /// Write what was played to a MIDI file at the end.
    #[arg(long, value_name = "FILE.mid")]
    pub record: Option<PathBuf>,
    /// Write the journal of edits (for `ricercar replay`) to this file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Learn from this folder of MIDI files while playing, in a process of its own at the lowest priority that begins with the model
    /// that plays; Ctrl-D shows how it goes and brings its weights into the band.
    #[arg(long, value_name = "DIR")]
    pub learn: Option<PathBuf>,
    /// Folder of the training run to show [default with --learn: my-model]; it may be one of `ricercar train lstm` elsewhere.
    #[arg(long, value_name = "DIR")]
    pub follow: Option<PathBuf>,
    /// How models are computed.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Which model, and how it is computed.
#[derive(Debug, Args, Clone, Default)]
pub struct ModelArgs {
    /// Model file for engine "lstm" in place of the built-in one.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: Option<PathBuf>,
    /// How the LSTM is computed: own fused kernel, or plain candle.
    #[arg(long, value_enum, default_value_t = EnginePath::Fused)]
    pub engine: EnginePath,
    /// Where candle computes.
    #[arg(long, value_enum, default_value_t = DeviceArg::Cpu)]
    pub device: DeviceArg,
    /// In which numbers the fused kernel multiplies the LSTM: fewer bits are faster and play other notes.
    #[arg(long, value_enum, default_value_t = PrecisionArg::F32)]
    pub precision: PrecisionArg,
}

/// How the LSTM is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum EnginePath {
    /// Own fused kernel on one CPU core.
    #[default]
    Fused,
    /// Plain candle: the oracle, and the way to CUDA.
    Candle,
}

/// In which numbers the fused kernel multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PrecisionArg {
    /// Weights as in the file.
    #[default]
    F32,
    /// Weights in 16 bits.
    Bf16,
    /// Weights and inputs in 8 bits.
    Int8,
}

/// Where candle computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DeviceArg {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU (needs a build with the feature `cuda`).
    Cuda,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Render a set to a MIDI or WAV file, faster than real time and always the same.
    #[command(after_help = "Example:\n  ricercar render scripts/first.rhai --bars 32 --seed 7 -o take.wav")]
    Render(RenderArgs),
    /// Train a model on folders of MIDI files.
    #[command(after_help = "Example:\n  ricercar train lstm --data ~/midi --minutes 30 -o mine")]
    Train {
        /// Which kind of model.
        #[command(subcommand)]
        kind: TrainKind,
    },
    /// Measure a model on held-out works, beside counting baselines.
    #[command(after_help = "Examples:\n  ricercar eval models/band.safetensors --data ~/midi --json\n  \
                          ricercar eval models/band.safetensors --data ~/midi --live\n  \
                          ricercar eval --benchmark jsb16 --data ~/jsb-chorales\n\n\
                          A benchmark's file is JSON: {\"train\": [..], \"valid\": [..], \"test\": [..]}, lists of pieces; a piece is a list of\n\
                          steps; a step lists MIDI note numbers (jsb16: soprano, alto, tenor, bass; -1 is a rest). It is looked for in\n\
                          DIR, DIR/json and DIR/jsb-chorales/json.")]
    Eval(EvalArgs),
    /// Say what was understood of a folder of MIDI files.
    #[command(after_help = "Example:\n  ricercar corpus ~/midi")]
    Corpus {
        /// The folders.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// List outputs: MIDI ports, JACK, audio devices, sounds of the internal synth.
    #[command(after_help = "Example:\n  ricercar ports")]
    Ports,
    /// List models with their cards: what they learned from, what they know, how good they are.
    #[command(after_help = "Example:\n  ricercar models mine.safetensors")]
    Models {
        /// Files to look at beside the built-in ones.
        files: Vec<PathBuf>,
    },
    /// Check before the show: script, model, outputs, audio, clock.
    #[command(after_help = "Example:\n  ricercar check scripts/first.rhai")]
    Check {
        /// The set; without it, the first set.
        script: Option<PathBuf>,
    },
    /// Measure speed and memory on this machine.
    #[command(after_help = "Example:\n  ricercar bench\n  ricercar bench step plan")]
    Bench {
        /// Which benches (step, net, parity, load, gan, plan, taste, edit, render, audio, screen, train, jack, memory); all by default.
        which: Vec<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Render again what was played live, from the journal that `--journal` wrote.
    #[command(after_help = "Example:\n  ricercar replay night.journal -o night.mid")]
    Replay {
        /// The journal.
        journal: PathBuf,
        /// How many bars; without it, as many as were played.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        bars: Option<u64>,
        /// Where to write: .mid or .wav.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print a model's probabilities on made-up steps as JSON, for comparison with the same net in another framework.
    #[command(hide = true, after_help = "Example:\n  ricercar probe mine/model.safetensors --steps 200")]
    Probe {
        /// The model file.
        model: PathBuf,
        /// How many steps.
        #[arg(long, default_value_t = 200, value_name = "COUNT")]
        steps: u64,
    },
    /// Waits beside a performance and silences its devices when it is killed. Started by the program itself.
    #[command(hide = true, name = crate::wiring::GUARDIAN_COMMAND)]
    Guardian,
    /// Print the reference of the script language.
    #[command(after_help = "Example:\n  ricercar docs > script.md")]
    Docs,
}

/// Options of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The set.
    pub script: PathBuf,
    /// How many bars.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub bars: u64,
    /// Seed of all chance, over the script's own.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Where to write: .mid or .wav.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// How models are computed.
    #[command(flatten)]
    pub model: ModelArgs,
}

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
const RUN_FOLDER: &str = "my-model";

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
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "benchmark")]
    pub nets: Vec<PathBuf>,
    /// Those nets in all keys that fit, too: averaged.
    #[arg(long, requires = "nets")]
    pub all_keys: bool,
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
    /// Bits a note of the live step in f32, bf16 and int8, told the style, in place of the training net's.
    #[arg(long, conflicts_with = "bars")]
    pub live: bool,
    /// About how many steps of the split the live step is scored on.
    #[arg(long, value_name = "COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

fn benchmarks() -> clap::builder::PossibleValuesParser {
    let row = |b: &jsb::Benchmark| clap::builder::PossibleValue::new(b.name).help(b.doc);
    clap::builder::PossibleValuesParser::new(jsb::BENCHMARKS.iter().map(row))
}

/// Runs what the command line asks for.
///
/// # Errors
/// One sentence for stderr.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    if !matches!(cli.command, None | Some(Command::Guardian)) {
        end_with_the_pipe();
    }
    if matches!(cli.command, Some(Command::Train { .. } | Command::Bench { .. } | Command::Eval(_))) {
        one_thread_of_candle();
    }
    match cli.command {
        Some(Command::Corpus { dirs, json }) => learn::corpus(&dirs, json),
        Some(Command::Train { kind: TrainKind::Lstm(args) }) => learn::train_lstm(&args),
        Some(Command::Train { kind: TrainKind::Gan(args) }) => learn::train_gan(&args),
        Some(Command::Train { kind: TrainKind::Benchmark(args) }) => learn::train_benchmark(&args),
        Some(Command::Ports) => list::ports(),
        Some(Command::Models { files }) => list::models(&files),
        None => play::play(&cli.play),
        Some(Command::Eval(args)) => learn::eval(&args),
        Some(Command::Render(args)) => render::run(&args),
        Some(Command::Replay { journal, bars, out }) => render::replay(&journal, bars, &out),
        Some(Command::Check { script }) => check::run(script.as_deref()),
        Some(Command::Bench { which, json }) => bench::run(&which, json),
        Some(Command::Probe { model, steps }) => probe::run(&model, steps),
        Some(Command::Guardian) => {
            crate::output::watch(std::io::stdin().lock());
            Ok(())
        }
        Some(Command::Docs) => {
            print!("{}", crate::script::docs::reference());
            Ok(())
        }
    }
}

/// candle's own workers spin between sums that are too small for them: they took 45 % of a run's processor time and gave
/// nothing back. Our ops have threads of their own. Whoever sets the variable has it as set.
fn one_thread_of_candle() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: the process has one thread so far, and nothing reads its environment meanwhile.
        unsafe { std::env::set_var(THREADS, "1") };
    }
}

/// A list that is cut off by `head` ends the command in silence, as people expect. Not while playing: there a broken pipe is an
/// error like any other.
fn end_with_the_pipe() {
    #[cfg(unix)]
    // SAFETY: sets a signal's disposition to the system's default, before any other thread runs.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
