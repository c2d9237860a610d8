//! Checkpoints: everything that a run needs to go on, in one safetensors file that is replaced whole.
//!
//! Chance has addresses, so its position is the number of updates; nothing else is random.

use super::net::Net;
use super::optim::{Moments, Optimiser};
use crate::engine::lstm::Shape;
use crate::engine::lstm::file::{FILE_BYTES_MAX, write_whole};
use candle_core::Var;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

const KEY: &str = "ricercar.checkpoint";
const BEST: &str = "best";

/// The averaged weights that did best on valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Updates they had seen.
    pub update: u64,
    /// Their bits a note.
    pub bits_per_note: f64,
    /// Checks since then that were no better.
    pub checks_since: u64,
}

/// What a checkpoint says about its run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunState {
    /// Fingerprint of the feature tables.
    pub features: String,
    /// Style rows.
    pub styles: Vec<String>,
    /// Units of a layer.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Updates done.
    pub updates: u64,
    /// Seconds of wall clock so far, earlier runs included.
    pub seconds: f64,
    /// Valid figures so far: update and bits a note.
    pub curve: Vec<(u64, f64)>,
    /// Bits a note while learning, likewise, thinned.
    pub learning: Vec<(u64, f64)>,
    /// Bits and notes since the last of these points.
    pub since: (f64, u64),
    /// The best weights so far, when any were checked.
    pub best: Option<Best>,
    /// Hash of the model that the run began with, when it began with one.
    pub origin: Option<String>,
}

/// Numbers of all variables, in their order.
pub type Values = Vec<Vec<f32>>;

/// Variables and their optimiser, kept under a name of their own.
pub type Kept<'a> = (&'a [(String, Var)], &'a Optimiser);

/// Writes weights, averages, moments, the best weights so far and `state`.
///
/// # Errors
/// A sentence that names the file.
pub fn save(
    path: &Path,
    net: &Net,
    optimiser: &Optimiser,
    state: &RunState,
    best: Option<&Values>,
) -> Result<(), String> {
    let best = best.into_iter().flat_map(|values| net.vars().iter().zip(values));
    let best: Vec<_> = best.map(|((name, _), values)| (format!("{BEST}/{name}"), values.as_slice())).collect();
    write(path, &[(net.vars(), optimiser)], &best, state)
}

/// The best weights of a checkpoint that [`load`] has taken.
///
/// # Errors
/// A sentence that names the file.
pub fn load_best(path: &Path, net: &Net) -> Result<Values, String> {
    let broken = |e: &dyn std::fmt::Display| format!("the checkpoint {} cannot be used: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| broken(&e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(&e))?;
    let values = net.vars().iter().map(|(name, var)| numbers(&file, BEST, name, var.elem_count()));
    values.collect::<Result<_, _>>().map_err(|e| broken(&e))
}

/// Reads a checkpoint into `net` and gives the optimiser and the run's state.
///
/// # Errors
/// A sentence that names the file and what does not fit.
pub fn load(path: &Path, net: &Net) -> Result<(Optimiser, RunState), String> {
    let fits = |state: &RunState| check(state, &net.shape).map(|()| state.updates);
    let (mut optimisers, state) = read(path, &[net.vars()], fits)?;
    Ok((optimisers.remove(0), state))
}

/// Writes weights, averages and moments of all variables (whose names differ), `more` numbers by name, and `state`.
///
/// # Errors
/// A sentence that names the file.
pub fn write(path: &Path, kept: &[Kept], more: &[(String, &[f32])], state: &impl Serialize) -> Result<(), String> {
    let broken = |e: &dyn std::fmt::Display| {
        format!("the checkpoint {} cannot be written (one from before is as it was): {e}", path.display())
    };
    let to_bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for (vars, optimiser) in kept {
        for ((name, var), moments) in vars.iter().zip(&optimiser.moments) {
            let weights = var.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(|e| broken(&e))?;
            let Moments { first, second, average } = moments;
            for (kind, values) in [("weight", &weights), ("first", first), ("second", second), ("average", average)] {
                parts.push((format!("{kind}/{name}"), to_bytes(values)));
            }
        }
    }
    parts.extend(more.iter().map(|(name, values)| (name.clone(), to_bytes(values))));
    let info = serde_json::to_string(state).map_err(|e| broken(&e))?;
    let views: Result<Vec<_>, _> = parts
        .iter()
        .map(|(name, bytes)| Ok((name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>();
    let views = views.map_err(|e| broken(&e))?;
    let bytes = safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), info)]))).map_err(|e| broken(&e))?;
    write_whole(path, &bytes).map_err(|e| broken(&e))
}

/// Reads a checkpoint into variables and gives an optimiser for each list of them, and the run's state. `fits` looks at the
/// state before anything is changed and says how many updates it has seen, or what does not fit.
///
/// # Errors
/// A sentence that names the file and what does not fit.
pub fn read<S: DeserializeOwned>(
    path: &Path,
    lists: &[&[(String, Var)]],
    fits: impl FnOnce(&S) -> Result<u64, String>,
) -> Result<(Vec<Optimiser>, S), String> {
    let broken = |e: &dyn std::fmt::Display| {
        format!(
            "the checkpoint {} cannot be used: {e}; begin anew without --resume, or in another folder",
            path.display()
        )
    };
    let size = std::fs::metadata(path).map_err(|e| broken(&e))?.len();
    if size > 4 * FILE_BYTES_MAX {
        return Err(broken(&format!("it has {size} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| broken(&e))?;
    let state: S = read_state(&bytes).map_err(|e| broken(&e))?;
    let updates = fits(&state).map_err(|e| broken(&e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(&e))?;
    let mut weights = Vec::new();
    let mut optimisers = Vec::new();
    for vars in lists {
        let mut moments = Vec::new();
        for (name, var) in vars.iter() {
            let get = |kind: &str| numbers(&file, kind, name, var.elem_count()).map_err(|e| broken(&e));
            weights.push(get("weight")?);
            moments.push(Moments { first: get("first")?, second: get("second")?, average: get("average")? });
        }
        optimisers.push(Optimiser { moments, updates });
    }
    for ((_, var), values) in lists.iter().copied().flatten().zip(weights) {
        let tensor = candle_core::Tensor::from_vec(values, var.dims(), var.device()).map_err(|e| broken(&e))?;
        var.set(&tensor).map_err(|e| broken(&e))?;
    }
    Ok((optimisers, state))
}

/// What a checkpoint of at most `bytes_max` bytes says about its run.
///
/// # Errors
/// A sentence that names the file.
pub fn state<S: DeserializeOwned>(path: &Path, bytes_max: u64) -> Result<S, String> {
    let broken = |e: &dyn std::fmt::Display| format!("{} is no net of ours: {e}", path.display());
    if std::fs::metadata(path).map_err(|e| broken(&e))?.len() > bytes_max {
        return Err(broken(&"it is too large"));
    }
    read_state(&std::fs::read(path).map_err(|e| broken(&e))?).map_err(|e| broken(&e))
}

fn numbers(file: &SafeTensors, kind: &str, name: &str, count: usize) -> Result<Vec<f32>, String> {
    let name = format!("{kind}/{name}");
    let view = file.tensor(&name).map_err(|_| format!("{name} is missing"))?;
    let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if view.dtype() != Dtype::F32 || values.len() != count {
        return Err(format!("{name} has another size"));
    }
    values.iter().all(|x| x.is_finite()).then_some(values).ok_or_else(|| format!("{name} holds numbers that are none"))
}

fn read_state<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| format!("it is damaged ({e})"))?;
    let text = header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or("it is no checkpoint")?;
    serde_json::from_str(text).map_err(|e| format!("its header cannot be read ({e})"))
}

fn check(state: &RunState, shape: &Shape) -> Result<(), String> {
    if state.features != crate::token::fingerprint() {
        return Err("it was made with other feature tables".into());
    }
    if (state.hidden, state.layers) != (shape.hidden, shape.layers) {
        return Err(format!(
            "it holds a net of {} x {}, asked for are {} x {}",
            state.layers, state.hidden, shape.layers, shape.hidden
        ));
    }
    Ok(())
}
