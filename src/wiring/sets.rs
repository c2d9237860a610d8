//! The sets at hand as files. Those inside the program are `script::SETS`.

use crate::limits::SCRIPT_BYTES;
use std::path::{Path, PathBuf};

/// Reads a set.
///
/// # Errors
/// One sentence when the file cannot be read, is too long or is no text.
pub fn read(path: &Path) -> Result<String, String> {
    let say = |why: &dyn std::fmt::Display| format!("the set {} cannot be read: {why}", path.display());
    let size = std::fs::metadata(path).map_err(|e| say(&e))?.len();
    if size > SCRIPT_BYTES as u64 {
        return Err(say(&format!("it has {size} bytes, and {SCRIPT_BYTES} are the most")));
    }
    std::fs::read_to_string(path).map_err(|e| say(&e))
}

/// Sets in `scripts/` below the current folder, or beside the program: path and first comment line.
pub fn list() -> Vec<(PathBuf, String)> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("scripts")));
    let folders = [Some(PathBuf::from("scripts")), beside];
    let folder = folders.into_iter().flatten().find(|f| f.is_dir());
    let Some(entries) = folder.and_then(|f| std::fs::read_dir(f).ok()) else { return Vec::new() };
    let mut sets: Vec<_> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "rhai"))
        .map(|p| {
            let text = read(&p).unwrap_or_default();
            let first = text.lines().next().unwrap_or("").trim_start_matches('/').trim().to_string();
            (p, first)
        })
        .collect();
    sets.sort();
    sets
}
