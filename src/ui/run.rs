//! The loop on the main thread.

use super::{Parting, UiLinks};

/// Runs.
pub fn run(_links: UiLinks) -> anyhow::Result<Parting> {
    Ok(Parting::default())
}
