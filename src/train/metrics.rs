//! The metrics file of a run: `progress.jsonl` in its folder, a JSON object a line, appended as the run goes on.
//!
//! Lines are whole whenever they are read, except perhaps the last one. A run that is resumed forgets what came after its
//! checkpoint: the file is that of a run without a break.

use super::report::Report;
use crate::message::Training;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Largest metrics file that is read: a line is about 150 bytes, a sample a kilobyte; weeks of training are below.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The metrics file in a run's folder.
pub fn file_in(out: &Path) -> PathBuf {
    out.join("progress.jsonl")
}

/// Writes the file; a disk that takes no more is said once, and training goes on until its checkpoint is refused.
pub struct Metrics {
    file: Option<File>,
    lost: Option<String>,
}

impl Metrics {
    /// Begins the file anew, or keeps its lines up to the checkpoint of `updates` updates.
    pub fn open(out: &Path, updates: u64) -> Metrics {
        let path = file_in(out);
        let is_kept =
            |line: &&str| parse(line).is_some_and(|v| updates > 0 && update_of(&v) <= updates && v["kind"] != "end");
        let text = if updates > 0 { read_bounded(&path) } else { String::new() };
        let kept: String = text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect();
        let opened = crate::engine::lstm::file::write_whole(&path, kept.as_bytes())
            .and_then(|()| OpenOptions::new().append(true).open(&path));
        let lost = opened.as_ref().err().map(|e| lost(&e.to_string()));
        Metrics { file: opened.ok(), lost }
    }

    /// Adds a line for a report that belongs there; a sentence when it could not, the first time.
    pub fn add(&mut self, report: &Report) -> Option<String> {
        if let (Some(line), Some(file)) = (line(report), &mut self.file)
            && let Err(e) = file.write_all(format!("{line}\n").as_bytes())
        {
            self.file = None;
            self.lost = Some(lost(&e.to_string()));
        }
        self.lost.take()
    }
}

fn lost(why: &str) -> String {
    format!("the metrics file progress.jsonl is not written any more: {why}")
}

fn read_bounded(path: &Path) -> String {
    let is_sane = std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= FILE_BYTES_MAX);
    if is_sane { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() }
}

fn parse(line: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
}

fn update_of(v: &Value) -> u64 {
    v["update"].as_u64().unwrap_or(0)
}

fn line(report: &Report) -> Option<Value> {
    Some(match report {
        Report::Loading { .. } | Report::Warning(_) => return None,
        Report::Start { train, valid, parameters, updates, style, from } => json!({
            "kind": "start", "update": updates, "train": train, "valid": valid, "parameters": parameters,
            "style": style, "from": from,
        }),
        Report::Progress { update, of, bits_per_note, rate, steps_per_s, decisions_per_s, seconds_left } => json!({
            "kind": "progress", "update": update, "of": of, "bits": bits_per_note, "rate": rate, "steps_per_s": steps_per_s,
            "tokens_per_s": decisions_per_s, "seconds_left": seconds_left,
        }),
        Report::Valid { update, tally, is_best, .. } => {
            json!({ "kind": "valid", "update": update, "bits": tally.all().per_note(), "is_best": is_best })
        }
        Report::Picture { update, sample, .. } => json!({ "kind": "sample", "update": update, "text": sample }),
        Report::Saved { updates, .. } => json!({ "kind": "saved", "update": updates }),
        Report::End(o) => json!({
            "kind": "end", "update": o.updates, "kept": o.kept, "valid": o.valid, "stopped": o.stopped, "early": o.is_early,
        }),
    })
}

/// What the metrics file of a run's folder says; empty when there is none.
pub fn read(out: &Path) -> Training {
    let mut run = Training { folder: out.display().to_string(), ..Training::default() };
    read_bounded(&file_in(out)).lines().filter_map(parse).for_each(|line| take(&mut run, &line));
    run
}

fn take(run: &mut Training, line: &Value) {
    let (update, bits) = (update_of(line), line["bits"].as_f64());
    run.update = run.update.max(update);
    match line["kind"].as_str() {
        Some("start") => {
            run.end = None;
            run.style = line["style"].as_str().map(str::to_string);
        }
        Some("progress") => {
            run.learning.extend(bits.map(|b| (update, b)));
            run.of = line["of"].as_u64();
            run.tokens_per_s = line["tokens_per_s"].as_f64().unwrap_or(0.0);
            run.seconds_left = line["seconds_left"].as_f64();
        }
        Some("valid") => {
            run.valid.extend(bits.map(|b| (update, b)));
            if line["is_best"].as_bool() == Some(true) {
                run.best = bits.map(|b| (update, b));
            }
        }
        Some("sample") => run.sample = line["text"].as_str().unwrap_or_default().chars().take(4000).collect(),
        Some("saved") => run.saved += 1,
        Some("end") => {
            let how = |key: &str| line[key].as_bool() == Some(true);
            let words = match (how("stopped"), how("early")) {
                (true, _) => "stopped",
                (_, true) => "ended early: valid no longer improved",
                _ => "done",
            };
            run.end = Some(words.to_string());
        }
        _ => {}
    }
}
