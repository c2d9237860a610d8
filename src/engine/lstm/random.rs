//! Weights at random: for tests and measurements while, or where, no trained model is at hand.

use super::file::{Card, Expected, VERSION, Weights};
use super::shape::Shape;
use crate::music::{Chance, Purpose, STYLES};
use crate::token;

/// What this build's tables demand of a model file.
pub fn expected() -> Expected {
    Expected {
        features: token::STEP_ROWS as usize,
        context: token::DECISION_ROWS as usize,
        manner: token::DETAIL_ROWS as usize,
        fingerprint: token::fingerprint(),
    }
}

/// A net of the usual widths around an LSTM of `layers` x `hidden`.
///
/// # Errors
/// A sentence when the sizes fit no net.
pub fn random(hidden: usize, layers: usize, seed: u64) -> Result<Weights, String> {
    random_of(Shape::band(hidden, layers), seed)
}

/// A narrow net, for tests that are about something else than its width.
///
/// # Errors
/// A sentence when the sizes fit no net.
pub fn small(seed: u64) -> Result<Weights, String> {
    random_of(Shape { embed: 24, decide: 40, detail: 24, ..Shape::band(32, 2) }, seed)
}

/// A net of a shape with weights uniform in +-1/sqrt(inputs), the same for the same seed.
fn random_of(shape: Shape, seed: u64) -> Result<Weights, String> {
    let card = Card {
        kind: "lstm".into(),
        version: VERSION,
        hidden: shape.hidden,
        layers: shape.layers,
        embed: shape.embed,
        decide: shape.decide,
        detail: shape.detail,
        styles: STYLES.iter().map(|s| s.name.to_owned()).collect(),
        features: token::fingerprint(),
        ..Card::default()
    };
    let tensors = shape.tensors().into_iter().zip(0u64..).map(|((name, dims), at)| {
        let bound = match name.as_str() {
            "features.weight" | "decide.context.weight" | "detail.context.weight" => 0.5,
            _ => 1.0 / (*dims.last().unwrap_or(&1) as f32).sqrt(),
        };
        let chance = Chance::new(seed).fold(at);
        let value = |i| (chance.unit(Purpose::Train, i, 0) * 2.0 - 1.0) * bound;
        (name, (0..dims.iter().product::<usize>() as u64).map(value).collect())
    });
    Weights::new(card, shape, tensors.collect())
}
