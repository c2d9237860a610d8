//! Bench: what a full frame costs.
