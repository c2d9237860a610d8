//! The band LSTM through the plain candle net: the slow way, on any device that candle has.
//!
//! For comparing by ear and figure, and the path to a GPU. It allocates and is not promised to give the same bits on
//! two machines; the fused live step is what is played by default.

use super::net::{Oracle, OracleState};
use super::run::Run;
use super::{Weights, expected};
use crate::engine::{EngineError, EngineState};
use crate::music::Role;
use crate::token::Bag;
use candle_core::{Device, Tensor};
use std::sync::Arc;

/// A candle net and the names of its styles, shared by all parts.
pub struct CandleModel {
    oracle: Oracle,
    styles: Vec<String>,
}

/// The first CUDA device when `cuda` is true, else the CPU.
///
/// # Errors
/// When this build or this machine has no CUDA.
pub fn device(cuda: bool) -> Result<Device, EngineError> {
    let none = |why: &str| EngineError::Model(format!("no CUDA device can be used ({why}); choose --device cpu"));
    match (cuda, cfg!(feature = "cuda")) {
        (false, _) => Ok(Device::Cpu),
        (true, false) => Err(none("this build has none: it was made without the feature cuda")),
        // Candle adds a backtrace on lines of its own where one is asked for.
        (true, true) => {
            Device::new_cuda(0).map_err(|e| none(e.to_string().lines().next().unwrap_or("no reason given")))
        }
    }
}

/// A candle net from the bytes of a model file.
///
/// # Errors
/// A sentence that says why the bytes are no model that this build can play, or what the device lacks.
pub fn open_candle(bytes: &[u8], device: &Device) -> Result<Arc<CandleModel>, EngineError> {
    let unfit = |why| EngineError::Model(format!("the model cannot be played: {why}"));
    CandleModel::new(&Weights::parse(bytes, &expected()).map_err(unfit)?, device).map(Arc::new)
}

impl CandleModel {
    /// A candle net of these weights.
    ///
    /// # Errors
    /// What the device lacks.
    pub fn new(weights: &Weights, device: &Device) -> Result<CandleModel, EngineError> {
        Ok(CandleModel { oracle: Oracle::new(weights, device).map_err(failed)?, styles: weights.card.styles.clone() })
    }
}

fn failed(error: candle_core::Error) -> EngineError {
    EngineError::Model(format!("candle cannot run the model: {error}"))
}

/// One part's run through a candle net.
pub struct CandleRun {
    model: Arc<CandleModel>,
    state: Option<OracleState>,
    output: Option<Tensor>,
    /// Context rows that all decisions of the step share, and those of the decision at hand.
    shared: Bag,
    context: Bag,
    active: Option<Tensor>,
    detail: Option<Tensor>,
    logits: Vec<f32>,
}

impl CandleRun {
    /// A run from silence.
    pub fn new(model: Arc<CandleModel>) -> CandleRun {
        CandleRun {
            model,
            state: None,
            output: None,
            shared: Bag::new(),
            context: Bag::new(),
            active: None,
            detail: None,
            logits: Vec::new(),
        }
    }

    fn keep(&mut self, logits: candle_core::Result<Tensor>) -> Result<&mut [f32], EngineError> {
        self.logits = logits.and_then(|l| l.flatten_all()?.to_vec1()).map_err(failed)?;
        Ok(&mut self.logits)
    }
}

fn missing<T>(value: &Option<T>) -> Result<&T, EngineError> {
    value.as_ref().ok_or_else(|| EngineError::Other("a decision was asked before its step".into()))
}

fn one(bag: &Bag) -> impl Iterator<Item = (&[u32], &[f32])> {
    std::iter::once((&bag.ids[..], &bag.weights[..]))
}

impl Run for CandleRun {
    const NAME: &'static str = "candle";

    fn styles(&self) -> &[String] {
        &self.model.styles
    }

    fn step(&mut self, features: &Bag) -> Result<bool, EngineError> {
        let oracle = &self.model.oracle;
        let mut state = match self.state.take() {
            Some(state) => state,
            None => oracle.zeros(1).map_err(failed)?,
        };
        let x = oracle.bags("features", one(features)).map_err(failed)?;
        let output = oracle.step(&mut state, &x).map_err(failed)?;
        let numbers: Vec<f32> = output.flatten_all().and_then(|h| h.to_vec1()).map_err(failed)?;
        let sound = numbers.iter().all(|h| h.is_finite());
        (self.state, self.output) = if sound { (Some(state), Some(output)) } else { (None, None) };
        Ok(sound)
    }

    fn begin(&mut self, context: &Bag) -> Result<(), EngineError> {
        self.shared.copy_from(context);
        Ok(())
    }

    fn add_context(&mut self, row: u32) {
        self.shared.one(row);
    }

    fn decide(&mut self, role: Role, row: u32) -> Result<&mut [f32], EngineError> {
        let oracle = &self.model.oracle;
        self.context.copy_from(&self.shared);
        self.context.one(row);
        let rows = oracle.bags("decide.context", one(&self.context)).map_err(failed)?;
        let active = oracle.decide(missing(&self.output)?, &rows).map_err(failed)?;
        let logits = oracle.decision_logits(&active, role);
        self.active = Some(active);
        self.keep(logits)
    }

    fn begin_detail(&mut self, manner: &Bag) -> Result<(), EngineError> {
        let oracle = &self.model.oracle;
        let rows = oracle.bags("detail.context", one(manner)).map_err(failed)?;
        let detail = oracle.detail(missing(&self.active)?, &rows);
        self.detail = Some(detail.map_err(failed)?);
        Ok(())
    }

    fn durations(&mut self) -> Result<&mut [f32], EngineError> {
        let logits = self.model.oracle.duration_logits(missing(&self.detail)?);
        self.keep(logits)
    }

    fn velocities(&mut self, duration: usize) -> Result<&mut [f32], EngineError> {
        let logits = self.model.oracle.velocity_logits(missing(&self.detail)?, &[duration as u32]);
        self.keep(logits)
    }

    fn offsets(&mut self, velocity: usize) -> Result<&mut [f32], EngineError> {
        let logits = self.model.oracle.offset_logits(missing(&self.detail)?, &[velocity as u32]);
        self.keep(logits)
    }

    fn sibling(&self) -> CandleRun {
        CandleRun::new(self.model.clone())
    }

    fn save(&self, state: &mut EngineState) {
        state.0.clear();
        self.save_behind(state);
    }

    fn save_behind(&self, state: &mut EngineState) {
        if let Some(numbers) = self.state.as_ref().and_then(|s| s.to_numbers().ok()) {
            state.0.extend_from_slice(&numbers);
        }
    }

    fn restore(&mut self, state: &EngineState) {
        self.output = None;
        self.state = self.model.oracle.state_of(&state.0).ok();
    }

    fn reset(&mut self) {
        (self.state, self.output) = (None, None);
    }
}
