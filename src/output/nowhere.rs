//! The output for parts that are heard nowhere: keeps time like any other, and drops everything.

use super::{Due, OutEvent, Output};

/// Nowhere.
#[derive(Debug, Default)]
pub struct Nowhere;

impl Output for Nowhere {
    fn name(&self) -> String {
        "none".into()
    }
    fn send(&mut self, _due: Due, _event: OutEvent) {}
    fn silence(&mut self, _due: Due, _hard: bool) {}
}
