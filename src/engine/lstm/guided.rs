//! Guidance: the same net once more, told nothing; what it was told counts by how far the two differ.
//!
//! `l = free + g (told - free)` on the logits of decisions: 1 is the net as learned, above it conditions are exaggerated, 0 forgets
//! them. Sanchez et al., "Stay on topic with classifier-free guidance" (2024). Training leaves conditions out at random, so the net
//! knows both sides.

use super::run::Run;
use crate::engine::{Ask, EngineError, EngineState, RoleAsk};
use crate::token::{self, Bag, Conditions, Scene};

/// The run that is told nothing. It exists always and steps only while guidance is other than 1.
pub(super) struct Free<R: Run> {
    run: R,
    is_on: bool,
    bag: Bag,
    /// The told run's state before the step; the free run starts from it when guidance is turned on.
    before: EngineState,
    half: EngineState,
}

/// What is left of the conditions when nothing is told: the place, and who plays.
fn bare(conditions: &Conditions<'_>) -> Conditions<'static> {
    let present = |role: RoleAsk| RoleAsk { density: None, register: None, ..role };
    Conditions {
        place: conditions.place,
        chord: None,
        next_chord: None,
        steps_to_next_chord: 0,
        key: None,
        style: &[],
        roles: conditions.roles.map(present),
        bars_to_end: None,
    }
}

/// The asked strength; what is no number is 1.
fn strength(ask: &Ask) -> f32 {
    if ask.guidance.is_finite() { ask.guidance.clamp(0.0, 4.0) } else { 1.0 }
}

impl<R: Run> Free<R> {
    pub fn new(run: R) -> Free<R> {
        // Both have their size from the start, so that a step never allocates.
        let mut half = EngineState::default();
        run.save(&mut half);
        Free { run, is_on: false, bag: Bag::new(), before: half.clone(), half }
    }

    /// Takes the step beside the told run, which has not taken it yet. False when the state was no longer made of numbers.
    ///
    /// # Errors
    /// Those of the run.
    pub fn step(&mut self, told: &R, ask: &Ask, scene: &Scene, conditions: &Conditions) -> Result<bool, EngineError> {
        if strength(ask) == 1.0 {
            self.is_on = false;
            return Ok(true);
        }
        if !self.is_on {
            told.save(&mut self.before);
            self.run.restore(&self.before);
            self.is_on = true;
        }
        token::scene_features(scene, &bare(conditions), &mut self.bag);
        self.run.step(&self.bag)
    }

    /// Opens a role's decisions.
    ///
    /// # Errors
    /// Those of the run.
    pub fn begin(
        &mut self,
        ask: &Ask,
        scene: &Scene,
        conditions: &Conditions,
        others: &[crate::engine::HeardNote],
    ) -> Result<(), EngineError> {
        if !self.is_on {
            return Ok(());
        }
        token::decision_base(scene, &bare(conditions), ask.role, others, &mut self.bag);
        self.run.begin(&self.bag)
    }

    /// Adds a row to all decisions to come in this step.
    pub fn add_context(&mut self, row: u32) {
        if self.is_on {
            self.run.add_context(row);
        }
    }

    /// Moves the told run's logits away from those of this one, or towards them.
    ///
    /// # Errors
    /// Those of the run.
    pub fn guide(&mut self, ask: &Ask, row: u32, told: &mut [f32]) -> Result<(), EngineError> {
        if self.is_on {
            let strength = strength(ask);
            for (told, free) in told.iter_mut().zip(self.run.decide(ask.role, row)?.iter()) {
                *told = free + strength * (*told - free);
            }
        }
        Ok(())
    }

    /// Adds its state behind the told run's.
    pub fn save(&self, state: &mut EngineState) {
        if self.is_on {
            self.run.save_behind(state);
        }
    }

    /// Takes its half of a state, if there is one; gives the told run's half.
    pub fn restore<'a>(&'a mut self, told: &R, state: &'a EngineState) -> &'a EngineState {
        told.save(&mut self.half);
        let one = self.half.0.len();
        self.is_on = one > 0 && state.0.len() == 2 * one;
        if !self.is_on {
            return state;
        }
        self.half.0.clear();
        self.half.0.extend_from_slice(&state.0[one..]);
        self.run.restore(&self.half);
        self.half.0.clear();
        self.half.0.extend_from_slice(&state.0[..one]);
        &self.half
    }

    pub fn reset(&mut self) {
        self.is_on = false;
    }
}
