//! Fine-tuning: a model's weights, a row for the user's style, and what may move when.

use super::Config;
use crate::engine::lstm::{Weights, expected};
use crate::music::STYLES;
use crate::token::{DECISION_STYLE, STEP_STYLE, STYLE_ROWS};
use crate::train::data::style_rows;
use crate::train::net::Net;
use crate::train::ops::Pool;
use crate::train::optim::Reach;
use crate::train::report::TrainError;
use crate::train::shelf::Shelf;

/// Full rate over this is the rate of a whole pretrained net.
pub const GENTLER: f32 = 0.1;

/// The model that a run begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// As it was named.
    pub name: String,
    /// Hash of the file's bytes, 16 hexadecimal digits.
    pub hash: String,
    /// Its numbers.
    pub weights: Weights,
}

impl Origin {
    /// Reads a model file's bytes.
    ///
    /// # Errors
    /// A sentence that names the model: another kind, other feature tables, damaged.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Origin, TrainError> {
        let weights = Weights::parse(bytes, &expected())
            .map_err(|why| TrainError::Setting(format!("{name} cannot be trained further: {why}")))?;
        Ok(Origin { name: name.into(), hash: format!("{:016x}", crate::corpus::fnv(bytes)), weights })
    }
}

/// The style rows of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Styles {
    /// Names; the place is the row.
    pub names: Vec<String>,
    /// The row of all pieces, when they share one.
    pub row: Option<u32>,
    /// True when a model gets this row anew.
    pub is_new: bool,
}

/// Which style has which row: the shipped ones or the model's, then the user's.
///
/// # Errors
/// A sentence when the model has no row left.
pub fn styles(config: &Config, shelf: &Shelf) -> Result<Styles, TrainError> {
    let folder = shelf.first_corpus().to_string();
    let (mut names, style) = match (&config.from, &config.style) {
        (None, None) => return Ok(Styles { names: style_rows(shelf.styles()), row: None, is_new: false }),
        (Some(origin), _) if config.keep_styles => {
            return Ok(Styles { names: origin.weights.card.styles.clone(), row: None, is_new: false });
        }
        (None, Some(style)) => (STYLES.iter().map(|s| s.name.to_string()).collect(), style.clone()),
        (Some(origin), style) => (origin.weights.card.styles.clone(), style.clone().unwrap_or(folder)),
    };
    let style = style.trim().to_string();
    if let Some(row) = names.iter().position(|n| *n == style) {
        return Ok(Styles { names, row: Some(row as u32), is_new: false });
    }
    if names.len() >= STYLE_ROWS as usize {
        return Err(TrainError::Setting(format!(
            "all {STYLE_ROWS} style rows of the model are taken ({}); name one of them with --style to train it further",
            names.join(", ")
        )));
    }
    names.push(style);
    Ok(Styles { row: Some(names.len() as u32 - 1), names, is_new: true })
}

/// A net that begins as the model; a new style begins as the mean of the styles that the model knows.
///
/// # Errors
/// A sentence when the model's layers cannot be trained.
pub fn net(origin: &Origin, styles: &Styles, pool: &Pool) -> Result<Net, TrainError> {
    let unfit = |e: candle_core::Error| {
        TrainError::Setting(format!("{} cannot be trained further: {e}; begin anew without --from", origin.name))
    };
    let net = Net::from_weights(&origin.weights, pool).map_err(unfit)?;
    let known = origin.weights.card.styles.len();
    let (true, Some(row)) = (styles.is_new && known > 0, styles.row) else { return Ok(net) };
    let mut values = net.values()?;
    for ((name, var), values) in net.vars().iter().zip(&mut values) {
        let Some(first) = style_start(name) else { continue };
        let width = var.dims()[1];
        let at = |row: usize| (first + row) * width;
        for column in 0..width {
            let sum: f32 = (0..known).map(|row| values[at(row) + column]).sum();
            values[at(row as usize) + column] = sum / known as f32;
        }
    }
    Ok(Net::with_values(net.shape, values, pool)?)
}

/// First row of the styles in a table.
fn style_start(variable: &str) -> Option<usize> {
    match variable {
        "features.weight" => Some(STEP_STYLE as usize),
        "decide.context.weight" => Some(DECISION_STYLE as usize),
        _ => None,
    }
}

/// What the first updates may change: the style's row among the inputs, if there is one, and the heads; the LSTM and what it reads stay.
pub fn heads_only(net: &Net, row: Option<u32>) -> Vec<Reach> {
    let of = |name: &str| match name {
        "features.weight" => row.map_or(Reach::Nothing, |row| {
            let at = (STEP_STYLE + row) as usize;
            Reach::Rows(at..at + 1)
        }),
        name if name.starts_with("lstm.") => Reach::Nothing,
        _ => Reach::All,
    };
    net.vars().iter().map(|(name, _)| of(name)).collect()
}
