//! Engine: anything that makes the next step of a part.
//!
//! Owns: the trait [`Engine`], what it is asked ([`Ask`]) and what it hears ([`Heard`]), the table [`ENGINES`], the nets.
//! Called from: the conductor thread (and `render`, tests, benches); one instance a part, never shared.
//! Units: steps are sixteenths; pitches MIDI; controls in the units of `steer::CONTROLS`.
//!
//! Invariants
//! - The same state, ask and heard give the same notes, on every machine.
//! - `save` then `restore` is the identity; a state is a small copy (some kB).
//! - `next_step` gives at most `NOTES_PER_STEP` notes, inside the asked range, drums only kit pitches, and never panics.
//! - Steps are asked in order; before the first one, and after a jump, the owner calls `restore` or `reset`.
//!
//! Not here: what is sent out (`conductor::shape`), training (`train`).

pub mod bench;
pub mod euclid;
pub mod fault;
pub mod gan;
pub mod heard;
pub mod lean;
pub mod lstm;
pub mod math;
pub mod sampling;

pub use heard::{Heard, HeardNote, History};

use crate::music::{Chance, Chord, Key, Latent, ROLES, Role, StepNotes, StyleBlend};
use crate::time::Place;
use std::sync::Arc;

/// Something that plays one part, a step at a time.
pub trait Engine: Send {
    /// Makes the notes that start in the asked step. `out` is cleared first.
    ///
    /// # Errors
    /// When no sound notes can be made (numbers that are none, a model that does not fit); `out` is then empty
    /// and the caller falls back.
    fn next_step(&mut self, ask: &Ask, heard: &Heard, out: &mut StepNotes) -> Result<(), EngineError>;

    /// Follows a step that somebody else decides (a held loop, a frozen step), so that the state stays true.
    ///
    /// # Errors
    /// As for [`Engine::next_step`].
    fn follow(&mut self, ask: &Ask, heard: &Heard) -> Result<(), EngineError>;

    /// Copies what is needed to go on from here into `state`, reusing its memory.
    fn save(&self, state: &mut EngineState);

    /// Goes on from `state`, made by `save` of the same kind of engine.
    fn restore(&mut self, state: &EngineState);

    /// Forgets everything.
    fn reset(&mut self);

    /// A sentence for the performer, at most once for each thing (an unknown style, a control without effect).
    fn notice(&mut self) -> Option<String> {
        None
    }
}

/// What an engine needs to go on: plain numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineState(pub Vec<f32>);

/// Why an engine made no notes.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum EngineError {
    /// The model's numbers went wrong.
    #[error(
        "the model of engine '{engine}' produced numbers that are none; load another model or lower the temperature"
    )]
    NotFinite {
        /// Which engine.
        engine: &'static str,
    },
    /// The model file cannot be used.
    #[error("{0}")]
    Model(String),
    /// Anything else, as a sentence.
    #[error("{0}")]
    Other(String),
}

/// Temperatures of the heads; 0 takes the most likely choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperatures {
    /// Which pitches.
    pub pitch: f32,
    /// Whether there is a note at all, and how long it is.
    pub rhythm: f32,
    /// How hard.
    pub velocity: f32,
    /// How far off the grid.
    pub offset: f32,
}

/// What is asked of one role, as every engine sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoleAsk {
    /// True when some part plays this role.
    pub present: bool,
    /// Onsets wanted, 0..=1; `None` leaves it to the model.
    pub density: Option<f32>,
    /// Where in the role's range, 0..=1; `None` leaves it to the model.
    pub register: Option<f32>,
}

/// One request: make the notes of one part for one step.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The step and where it stands.
    pub place: Place,
    /// What to play.
    pub role: Role,
    /// What every role is asked (index = `Role::index`).
    pub band: [RoleAsk; ROLES.len()],
    /// Chord now; `None` leaves the harmony to the model.
    pub chord: Option<Chord>,
    /// The chord after it.
    pub next_chord: Option<Chord>,
    /// Steps until then; 0 when unknown.
    pub steps_to_next_chord: u32,
    /// Chords at the steps of the segment in which `place` stands (`gan::Segment`), for engines that make whole bars.
    pub bar_chords: [Option<Chord>; gan::scene::SEGMENT_STEPS],
    /// Where in its latent space a generator is asked to play.
    pub latent: Latent,
    /// Key; `None` leaves it to the model.
    pub key: Option<Key>,
    /// Styles and weights; empty leaves it to the model.
    pub style: StyleBlend,
    /// Temperatures, 0..=4.
    pub temperature: Temperatures,
    /// Smallest set of choices with this mass is kept, 0..=1; 1 keeps all.
    pub top_p: f32,
    /// Choices less likely than this share of the best are dropped, 0..=1; 0 keeps all.
    pub min_p: f32,
    /// How strictly pitches keep to the key: 1 = never outside, 0 = free.
    pub in_key: f32,
    /// How strictly pitches keep to the chord: 1 = never outside, 0 = free.
    pub in_chord: f32,
    /// Lowest and highest pitch allowed.
    pub range: (u8, u8),
    /// Most notes at once in this part, 1..=`NOTES_PER_STEP`.
    pub polyphony: u8,
    /// True when about so many are wanted, too.
    pub is_polyphony_wanted: bool,
    /// Where onsets fall: 0 on the beats, 1 between them; `None` leaves it to the model.
    pub syncopation: Option<f32>,
    /// What was played at this place a bar ago: -1 avoids it, 1 insists on it.
    pub repeat: f32,
    /// Chance, 0..=1, that this step is the role's own of `copy_bars` bars ago.
    pub copy: f32,
    /// How many bars ago is copied, 1..=4.
    pub copy_bars: u8,
    /// How strongly conditions are followed: 1 as learned.
    pub guidance: f32,
    /// Bars until the section ends; `None` when there is no end in sight.
    pub bars_to_end: Option<u32>,
    /// Chance of this part (seed, part and re-rolls folded in); draw at `place.step`.
    pub chance: Chance,
}

impl Ask {
    /// A neutral request, as tests and benches start from.
    pub fn new(place: Place, role: Role, chance: Chance) -> Ask {
        let mut band = [RoleAsk::default(); ROLES.len()];
        band[role.index()].present = true;
        Ask {
            place,
            role,
            band,
            chord: None,
            next_chord: None,
            steps_to_next_chord: 0,
            bar_chords: [None; gan::scene::SEGMENT_STEPS],
            latent: Latent::default(),
            key: None,
            style: StyleBlend::default(),
            temperature: Temperatures { pitch: 1.0, rhythm: 1.0, velocity: 1.0, offset: 1.0 },
            top_p: 1.0,
            min_p: 0.0,
            in_key: 0.0,
            in_chord: 0.0,
            range: role.range(),
            polyphony: crate::limits::NOTES_PER_STEP as u8,
            is_polyphony_wanted: false,
            syncopation: None,
            repeat: 0.0,
            copy: 0.0,
            copy_bars: 1,
            guidance: 1.0,
            bars_to_end: None,
            chance,
        }
    }
    /// Density asked of this part's role.
    pub fn density(&self) -> Option<f32> {
        self.band[self.role.index()].density
    }
    /// Register asked of this part's role.
    pub fn register(&self) -> Option<f32> {
        self.band[self.role.index()].register
    }
}

/// One kind of engine.
pub struct EngineKind {
    /// The word used in scripts.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// A line of script that uses it.
    pub example: &'static str,
    /// Makes an instance; cheap, since weights are shared.
    pub open: fn(&Models) -> Result<Box<dyn Engine>, EngineError>,
}

/// The weights that engines share, loaded once.
#[derive(Clone, Default)]
pub struct Models {
    /// The band LSTM; `None` when no model file is at hand.
    pub lstm: Option<Arc<lstm::Packed>>,
    /// The same net in plain candle; `None` unless it was asked for at the start.
    pub candle: Option<Arc<lstm::CandleModel>>,
    /// The GAN; `None` when no model file is at hand.
    pub gan: Option<Arc<gan::Packed>>,
    /// Opens LSTMs of other files by name, for engines [`OF_FILE`]; `None` where there are no files.
    pub files: Option<OpenFile>,
    /// What tells real bars from others; `None` when no critic is at hand.
    pub ear: Option<gan::EarOpener>,
    /// Which models these are and how they are computed, for the journal: the same words, the same music.
    pub said: String,
}

/// Every engine.
pub const ENGINES: &[EngineKind] = &[
    EngineKind {
        name: "lstm",
        doc: "The band LSTM: learned from corpora, hears every part, follows style, chords, key, density and register.",
        example: r#"let lead = part("lead").role("lead").engine("lstm");"#,
        open: |models| match (&models.lstm, &models.candle) {
            (Some(packed), _) => Ok(Box::new(lstm::LstmPart::new(packed.clone()))),
            // The whole performance was asked to compute with candle: then that is what "lstm" is.
            (None, Some(model)) => Ok(Box::new(lstm::LstmPart::over(lstm::CandleRun::new(model.clone())))),
            (None, None) => Err(EngineError::Model("no LSTM model is loaded; engine \"euclid\" needs none".into())),
        },
    },
    EngineKind {
        name: "candle",
        doc: "The band LSTM through plain candle: slower, for comparison and for other devices.",
        example: r#"let lead = part("lead").role("lead").engine("candle");"#,
        open: |models| match &models.candle {
            Some(model) => Ok(Box::new(lstm::LstmPart::over(lstm::CandleRun::new(model.clone())))),
            None => Err(EngineError::Model(
                "the candle net is not loaded: start with --engine candle; engine \"euclid\" needs no model".into(),
            )),
        },
    },
    EngineKind {
        name: "gan",
        doc: "The GAN: its generator turns a place in its latent space into bars; follows chords, key, style, density and register.",
        example: r#"let lead = part("lead").role("lead").engine("gan");"#,
        open: |models| match &models.gan {
            Some(packed) => Ok(Box::new(gan::GanPart::new(gan::Live::new(packed.clone(), lstm::kernel::Simd::best())))),
            None => Err(EngineError::Model("no GAN model is loaded; engine \"euclid\" needs none".into())),
        },
    },
    EngineKind {
        name: "euclid",
        doc: "No model: even rhythms, nearest voicings and a walk over the scale. Always there.",
        example: r#"let bass = part("bass").role("bass").engine("euclid");"#,
        open: |_| Ok(Box::new(euclid::Euclid::default())),
    },
];

/// Opens the model file of a name; the wiring decides what names mean.
pub type OpenFile = Arc<dyn Fn(&str) -> Result<Arc<lstm::Packed>, EngineError> + Send + Sync>;

/// What stands before the name of a model file where an engine is named: `lstm:mine/model.safetensors`.
pub const OF_FILE: &str = "lstm:";

/// Makes an engine: a row of [`ENGINES`], or the band LSTM of a model file.
///
/// # Errors
/// A sentence: no such engine, no such file, no model.
pub fn open(name: &str, models: &Models) -> Result<Box<dyn Engine>, EngineError> {
    if let Some(file) = name.strip_prefix(OF_FILE) {
        let files = models.files.as_ref();
        let open =
            files.ok_or_else(|| EngineError::Model(format!("no model files are at hand for engine '{name}'")))?;
        return Ok(Box::new(lstm::LstmPart::new(open(file)?)));
    }
    match engine_named(name) {
        Some(kind) => (kind.open)(models),
        None => {
            let known: Vec<_> = ENGINES.iter().map(|e| e.name).collect();
            Err(EngineError::Other(format!("there is no engine '{name}'; the engines are {}", known.join(", "))))
        }
    }
}

/// The engine kind with this name.
pub fn engine_named(name: &str) -> Option<&'static EngineKind> {
    ENGINES.iter().find(|e| e.name == name)
}
