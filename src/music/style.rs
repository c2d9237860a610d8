//! Styles by name, and blends of them.

use std::sync::Arc;

/// One style that the shipped corpora carry.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The word used in scripts.
    pub name: &'static str,
    /// What it sounds like, and where it was learned.
    pub doc: &'static str,
}

const fn style(name: &'static str, doc: &'static str) -> Style {
    Style { name, doc }
}

/// Styles of the shipped corpora. A model's file lists the ones it knows, which may include a user's own.
pub const STYLES: &[Style] = &[
    style("chorale", "four-part Bach chorales"),
    style("hymn", "four-part hymns of the 19th century"),
    style("artsong", "romantic songs: voice and piano"),
    style("quartet", "classical and romantic string quartets"),
    style("baroque", "keyboard music before 1750"),
    style("classical", "keyboard music of the classical age"),
    style("romantic", "keyboard music of the 19th century"),
    style("ragtime", "piano rags"),
    style("jazz", "early jazz standards as lead sheets, and jazz drumming"),
    style("song", "Tin Pan Alley and folk songs as lead sheets"),
    style("metal", "fast game music with guitars and drums"),
    style("game", "game and film music"),
    style("rock", "rock drumming and rock harmony"),
    style("funk", "funk drumming"),
    style("hiphop", "hip-hop drumming"),
    style("latin", "latin and afro-cuban drumming"),
    style("pop", "chord progressions of pop songs"),
];

/// Styles and their weights, which add up to 1. Empty: no style asked for. Cheap to clone and compare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StyleBlend(pub Arc<[(Arc<str>, f32)]>);

impl StyleBlend {
    /// A blend of at most eight styles; weights below zero count as zero, and the rest is scaled to add up to 1.
    pub fn new(parts: &[(&str, f32)]) -> StyleBlend {
        let kept: Vec<_> =
            parts.iter().filter(|p| p.1 > 0.0 && p.1.is_finite()).take(crate::limits::BLEND_MAX).copied().collect();
        let sum: f32 = kept.iter().map(|p| p.1).sum();
        StyleBlend(kept.into_iter().map(|(name, w)| (Arc::from(name), w / sum)).collect())
    }
}
