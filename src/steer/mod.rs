//! Steer: what the performer wants, in one value.
//!
//! Owns: the table [`CONTROLS`], [`Signal`] (numbers that move in musical time), [`LatentPath`] (the same
//! for places of the latent space), [`Edit`], [`When`], [`Steering`].
//! Called from: the conductor (applies edits), the script host and the screen (make edits); plain values, no threads.
//! Units: those of each control's row; time in steps.
//!
//! Invariants
//! - Scripts, keys and controllers change the music only through an [`Edit`].
//! - A control's value is always inside its row's range when it is read.
//! - `Steering::apply` never fails: an edit that names an unknown part does nothing and says so.
//!
//! Not here: when an edit takes effect (`conductor`), what a script may say (`script`).

mod control;
mod edit;
mod latent;
mod out;
mod points;
mod program;
mod signal;
mod steering;
mod style;

pub use control::{CONTROLS, Control, ControlInfo, Scope, control_named};
pub use edit::{Edit, When};
pub use latent::{Half, HalfNumbers, LatentPath, PartLatent, Surroundings, Way};
pub use out::OutSpec;
pub use points::Points;
pub use program::{Call, Every, Job, Program, ProgramLoader, ScriptFault, Section};
pub use signal::{Moment, Moving, SIGNAL_PIECES_MAX, Signal};
pub use steering::{Anew, Hold, PartSteering, SectionNow, Steering, Where};
pub use style::StyleMix;
