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
mod train_args;
mod trial;

pub use train_args::{BenchmarkArgs, EvalArgs, GanArgs, TrainArgs, TrainKind};

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
    /// Model for engine "lstm": a file, or a built-in one (`band`, `small`) [default: band].
    #[arg(long, value_name = "FILE|NAME")]
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
        /// How models are computed: as they were when it was played, for the same notes.
        #[command(flatten)]
        model: ModelArgs,
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
        Some(Command::Replay { journal, bars, out, model }) => render::replay(&journal, bars, &out, &model),
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
