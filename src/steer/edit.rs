//! Edits: the one language in which scripts, keys and controllers change the music.

use super::{Control, Half, HalfNumbers, LatentPath, OutSpec, Signal, StyleMix};
use crate::music::{Key, Progression, Role};
use crate::time::Metre;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When an edit takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum When {
    /// From the first step that is not yet handed over.
    #[default]
    Now,
    /// From the next beat.
    NextBeat,
    /// From the next bar line.
    NextBar,
    /// When the section changes (or at the next bar line when there is no form).
    NextSection,
}

/// One change of what the performer wants. A part is named; `None` means every part.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Sets a control; `None` gives it back to its default.
    Set {
        /// The part, for controls of a part.
        part: Option<Arc<str>>,
        /// Which knob.
        control: Control,
        /// Its value or signal.
        value: Option<Signal>,
    },
    /// Declares a part; a part of this name that exists keeps its state.
    Part {
        /// Its name.
        name: Arc<str>,
        /// Its role.
        role: Role,
    },
    /// Takes a part out of the band.
    Remove {
        /// Its name.
        part: Arc<str>,
    },
    /// Which engine plays the part.
    Engine {
        /// The part.
        part: Arc<str>,
        /// Name of a row of `engine::ENGINES`, or a model file's (`lstm:FILE`).
        engine: Arc<str>,
    },
    /// Where the part goes.
    Out {
        /// The part.
        part: Arc<str>,
        /// The output.
        out: OutSpec,
    },
    /// The style blend.
    Style {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// The blend, which may move; empty leaves it to the model.
        blend: StyleMix,
    },
    /// Silences a part (the model goes on).
    Mute {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// On or off.
        on: bool,
    },
    /// Silences all parts without it.
    Solo {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// On or off.
        on: bool,
    },
    /// Loops the last bars that were played.
    Hold {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// How many bars; 0 lets go.
        bars: u32,
    },
    /// Draws other numbers for what is planned.
    Reroll {
        /// The part, or all.
        part: Option<Arc<str>>,
    },
    /// A path through the latent space, from where the part is when it takes effect.
    Latent {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// The half of the numbers, or both.
        half: Option<Half>,
        /// Which way.
        path: LatentPath,
    },
    /// Moves the global half from where it is; it stays there.
    LatentMove {
        /// The part.
        part: Arc<str>,
        /// By how much.
        by: Arc<HalfNumbers>,
    },
    /// Keeps the place where the part is under a name.
    LatentStore {
        /// The part.
        part: Arc<str>,
        /// The name of the point.
        point: Arc<str>,
    },
    /// Chance gives another place in the latent space.
    LatentReroll {
        /// The part, or all.
        part: Option<Arc<str>>,
        /// The half of the numbers, or both.
        half: Option<Half>,
    },
    /// The key; `None` leaves it to the model.
    Key(Option<Key>),
    /// The chords, from the step at which the edit takes effect (bar line if `When::NextBar`).
    Chords(Arc<Progression>),
    /// The metre, from the next bar line.
    Metre(Metre),
    /// The seed of all chance.
    Seed(u64),
    /// Bars planned ahead, 1..=8.
    PlanBars(u32),
    /// Jump to a section of the form by name, at the next bar line.
    Section(Arc<str>),
    /// A sentence for the log.
    Say(String),
}

impl Edit {
    /// True when only the shape of what is played changes: no engine needs to be asked again.
    pub fn is_shape_only(&self) -> bool {
        match self {
            Edit::Set { control, .. } => !control.info().is_ask,
            Edit::Mute { .. } | Edit::Solo { .. } | Edit::Out { .. } | Edit::PlanBars(_) | Edit::Say(_) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Edit {
    /// In short, as the screen lists what is pending.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |part: &Option<Arc<str>>| part.as_deref().map_or("all".to_string(), str::to_string);
        match self {
            Edit::Set { part, control, value } => {
                let name = control.info().name;
                if let Some(part) = part {
                    write!(f, "{part}.")?;
                }
                match value {
                    Some(Signal::Constant(v)) => write!(f, "{name} {v}"),
                    Some(Signal::Moving(_)) => write!(f, "{name} moving"),
                    None => write!(f, "{name} default"),
                }
            }
            Edit::Part { name, role } => write!(f, "part {name} ({})", role.name()),
            Edit::Remove { part } => write!(f, "remove {part}"),
            Edit::Engine { part, engine } => write!(f, "{part}: engine {engine}"),
            Edit::Out { part, out } => write!(f, "{part} to {out}"),
            Edit::Style { part, blend } => {
                write!(f, "{}: style {}", of(part), blend.names().join(" + "))
            }
            Edit::Mute { part, on } => write!(f, "{} {}", if *on { "mute" } else { "unmute" }, of(part)),
            Edit::Solo { part, on } => write!(f, "{} {}", if *on { "solo" } else { "unsolo" }, of(part)),
            Edit::Hold { part, bars: 0 } => write!(f, "release {}", of(part)),
            Edit::Hold { part, bars } => write!(f, "hold {} for {bars} bars", of(part)),
            Edit::Reroll { part } => write!(f, "re-roll {}", of(part)),
            Edit::Latent { part, half, path } => write!(f, "{}: latent{} {path}", of(part), half_word(*half)),
            Edit::LatentMove { part, .. } => write!(f, "{part}: latent moved"),
            Edit::LatentStore { part, point } => write!(f, "{part}: store {point}"),
            Edit::LatentReroll { part, half } => write!(f, "{}: re-roll latent{}", of(part), half_word(*half)),
            Edit::Key(Some(key)) => write!(f, "key {key}"),
            Edit::Key(None) => write!(f, "key free"),
            Edit::Chords(chords) => write!(f, "{} chords", chords.spans.len()),
            Edit::Metre(metre) => write!(f, "metre {metre}"),
            Edit::Seed(seed) => write!(f, "seed {seed}"),
            Edit::PlanBars(bars) => write!(f, "plan {bars} bars"),
            Edit::Section(name) => write!(f, "section {name}"),
            Edit::Say(text) => write!(f, "say {text}"),
        }
    }
}

fn half_word(half: Option<Half>) -> &'static str {
    match half {
        Some(Half::Global) => " global",
        Some(Half::Bar) => " bar",
        None => "",
    }
}
