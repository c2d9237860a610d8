//! What a part needs of a net at play time; the fused live step and the plain candle net both give it.

use super::live::Live;
use crate::engine::{EngineError, EngineState};
use crate::music::Role;
use crate::token::Bag;

/// One part's run through a net. Order of calls: `step`; then for a role `begin`, and `decide` for each note, after which
/// `begin_detail`, `durations`, `velocities`, `offsets` and `add_context` concern the note that was chosen.
pub trait Run: Send {
    /// The engine's word, for errors.
    const NAME: &'static str;
    /// Another run through the same net, from silence.
    fn sibling(&self) -> Self
    where
        Self: Sized;
    /// Style names; the place in the list is the row.
    fn styles(&self) -> &[String];
    /// Takes one sixteenth's input rows; false when the state was no longer made of numbers (it is silence again).
    ///
    /// # Errors
    /// What the device could not do; likewise below.
    fn step(&mut self, features: &Bag) -> Result<bool, EngineError>;
    /// Opens a role's decisions with the rows that all of them share.
    fn begin(&mut self, context: &Bag) -> Result<(), EngineError>;
    /// Adds a row to all decisions to come in this step.
    fn add_context(&mut self, row: u32);
    /// Logits of the next note, END first, given one more row for this decision alone.
    fn decide(&mut self, role: Role, row: u32) -> Result<&mut [f32], EngineError>;
    /// Opens the detail of a chosen note with the rows that it sees.
    fn begin_detail(&mut self, manner: &Bag) -> Result<(), EngineError>;
    /// Logits of its duration class.
    fn durations(&mut self) -> Result<&mut [f32], EngineError>;
    /// Logits of its velocity class, given the duration class.
    fn velocities(&mut self, duration: usize) -> Result<&mut [f32], EngineError>;
    /// Logits of its offset class, given the velocity class.
    fn offsets(&mut self, velocity: usize) -> Result<&mut [f32], EngineError>;
    /// Copies the state.
    fn save(&self, state: &mut EngineState);
    /// Copies the state behind what `state` holds already.
    fn save_behind(&self, state: &mut EngineState);
    /// Goes on from a state; one that does not fit is silence.
    fn restore(&mut self, state: &EngineState);
    /// Silence.
    fn reset(&mut self);
}

impl Run for Live {
    const NAME: &'static str = "lstm";

    fn sibling(&self) -> Live {
        Live::sibling(self)
    }
    fn styles(&self) -> &[String] {
        &self.packed().styles
    }
    fn step(&mut self, features: &Bag) -> Result<bool, EngineError> {
        Ok(Live::step(self, features))
    }
    fn begin(&mut self, context: &Bag) -> Result<(), EngineError> {
        Live::begin(self, context);
        Ok(())
    }
    fn add_context(&mut self, row: u32) {
        Live::add_context(self, row, 1.0);
    }
    fn decide(&mut self, role: Role, row: u32) -> Result<&mut [f32], EngineError> {
        Ok(Live::decide(self, role, row))
    }
    fn begin_detail(&mut self, manner: &Bag) -> Result<(), EngineError> {
        Live::begin_detail(self, manner);
        Ok(())
    }
    fn durations(&mut self) -> Result<&mut [f32], EngineError> {
        Ok(Live::durations(self))
    }
    fn velocities(&mut self, duration: usize) -> Result<&mut [f32], EngineError> {
        Ok(Live::velocities(self, duration))
    }
    fn offsets(&mut self, velocity: usize) -> Result<&mut [f32], EngineError> {
        Ok(Live::offsets(self, velocity))
    }
    fn save(&self, state: &mut EngineState) {
        Live::save(self, state);
    }
    fn save_behind(&self, state: &mut EngineState) {
        Live::save_behind(self, state);
    }
    fn restore(&mut self, state: &EngineState) {
        Live::restore(self, state);
    }
    fn reset(&mut self) {
        Live::reset(self);
    }
}
