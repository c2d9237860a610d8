//! The shape of the code itself: front doors, sizes, arrows between rooms, words that have no place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file and function, in lines. Exceptions carry their reason.
const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Rooms in flow order with the rooms they may import. `limits` and `music`/`time` basics follow the same rule.
const ARROWS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("music", &["time"]),
    ("midi", &["time", "music"]),
    ("corpus", &["time", "music", "midi"]),
    ("engine", &["time", "music", "token"]),
    ("token", &["time", "music", "engine", "corpus"]),
    ("steer", &["time", "music", "engine"]),
    ("message", &["time", "music", "engine", "steer"]),
    ("audio", &["time", "music", "message", "steer"]),
    ("output", &["time", "music", "midi", "message", "steer", "audio", "player"]),
    ("player", &["time", "music", "message", "steer", "output"]),
    ("script", &["time", "music", "engine", "steer", "message", "audio", "output"]),
    ("train", &["time", "music", "corpus", "token", "engine", "message"]),
    ("conductor", &["time", "music", "midi", "engine", "steer", "message", "player", "output", "audio", "script"]),
    ("trial", &["time", "music", "corpus", "token", "engine", "output", "conductor", "train"]),
    ("ui", &["time", "music", "steer", "message", "script"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders =
        vec![PathBuf::from("src"), PathBuf::from("tests"), PathBuf::from("benches"), PathBuf::from("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the test must run in the repository's root");
    found
}

fn room(path: &Path) -> Option<String> {
    let rest = path.strip_prefix("src").ok()?;
    let first = rest.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_string())
}

/// The part of a file above its unit tests.
fn body(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

#[test]
fn every_file_has_a_front_door_and_a_bounded_size() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not open with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES {
            faults.push(format!("{}: {lines} lines, at most {FILE_LINES}", path.display()));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let mut open: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let trimmed = line.trim_start();
            let is_head = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "unsafe fn "]
                .iter()
                .any(|p| trimmed.starts_with(p));
            if open.is_none() && is_head && !trimmed.ends_with(';') && !trimmed.ends_with('}') {
                open = Some((number, indent, trimmed.to_string()));
            } else if let Some((start, at, head)) = &open
                && indent == *at
                && trimmed.starts_with('}')
            {
                let lines = number - start + 1;
                if lines > FUNCTION_LINES {
                    faults.push(format!("{}:{}: {lines} lines: {head}", path.display(), start + 1));
                }
                open = None;
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn rooms_import_only_what_flows_into_them() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let Some(room) = room(&path) else { continue };
        let Some(allowed) = arrows.get(room.as_str()) else { continue };
        for (number, line) in body(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            for part in code.split("crate::").skip(1) {
                let other: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_room = arrows.contains_key(other.as_str());
                if is_room && other != room && !allowed.contains(&other.as_str()) {
                    faults.push(format!("{}:{}: {room} may not import {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn words_stay_where_they_belong() {
    /// Words, and the path beginnings where they are allowed.
    const WORDS: &[(&str, &[&str])] = &[
        ("println!(", &["src/cli", "src/main.rs", "tests", "examples", "benches"]),
        ("dbg!(", &[]),
        ("todo!(", &[]),
        ("unimplemented!(", &[]),
        ("FIXME", &[]),
        ("TODO", &[]),
    ];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in body(&text).lines().enumerate() {
            for (word, allowed) in WORDS {
                let is_allowed = allowed.iter().any(|a| path.starts_with(a));
                if line.contains(word) && !is_allowed {
                    faults.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_repository_stands_alone() {
    let mut faults = Vec::new();
    let others = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Makefile", ".ci/run", "tools/setup", "NOTICE"];
    let texts = others.iter().filter_map(|p| Some((PathBuf::from(p), fs::read_to_string(p).ok()?)));
    for (path, text) in sources().into_iter().chain(texts) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if ["../shared", concat!("/", "work", "/"), "lab/rig"].iter().any(|w| line.contains(w)) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
