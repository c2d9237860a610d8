//! The program itself without a screen, heard over a JACK server of our own.

use super::jack_rig::{Heard, PATIENCE, Part, Server};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A quick set of two parts on channels 1 and 2.
const SET: &str = "tempo(200);
let lead = part(\"lead\").role(\"lead\").engine(\"euclid\").out(\"jack:1\");
let bass = part(\"bass\").role(\"bass\").engine(\"euclid\").out(\"jack:2\");
";

fn program(server: &Server, set: &Path, more: &[&str]) -> Part {
    let set = set.to_str().unwrap();
    server.program(&[&["--no-tui", "--audio", "none", "--connect", "test_in"], more, &[set]].concat())
}

fn first_set() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/first.rhai")
}

fn next(recorder: &Part) -> Heard {
    heard(recorder, PATIENCE).expect("notes come")
}

fn heard(recorder: &Part, patience: Duration) -> Option<Heard> {
    Heard::parse(&recorder.line("HEARD", patience)?)
}

#[derive(Default)]
struct Sounding(BTreeSet<(u8, u8)>);

impl Sounding {
    fn follow(&mut self, event: &Heard) {
        if event.is_on() {
            self.0.insert((event.bytes[0] & 15, event.bytes[1]));
        } else if event.is_off() {
            self.0.remove(&(event.bytes[0] & 15, event.bytes[1]));
        }
    }

    /// Listens until nothing has come for a while; nothing may sound then.
    fn falls_silent(mut self, recorder: &Part, why: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.0.is_empty() && Instant::now() < until {
            if let Some(event) = heard(recorder, Duration::from_millis(500)) {
                self.follow(&event);
            }
        }
        while let Some(event) = heard(recorder, Duration::from_millis(300)) {
            self.follow(&event);
        }
        assert!(self.0.is_empty(), "{why}: {:?} sound on", self.0);
    }
}

#[test]
fn the_program_is_heard_soon_and_every_end_is_silent() {
    let Some(server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    for (name, signal) in
        [("SIGINT", libc::SIGINT), ("SIGTERM", libc::SIGTERM), ("SIGHUP", libc::SIGHUP), ("SIGKILL", libc::SIGKILL)]
    {
        let began = Instant::now();
        let playing = program(&server, &first_set(), &["--out", "jack:1"]);
        let mut sounding = Sounding::default();
        let mut ons = 0;
        // Far enough that the guardian knows of the device, and in the middle of a chord.
        while ons < 12 || sounding.0.len() < 2 {
            let event = next(&recorder);
            if ons == 0 && event.is_on() {
                println!("{name}: first note {} ms after the program's start", began.elapsed().as_millis());
            }
            ons += usize::from(event.is_on());
            sounding.follow(&event);
        }
        playing.end(signal);
        sounding.falls_silent(&recorder, name);
    }
}

#[test]
fn a_saved_file_is_heard_and_a_broken_one_does_not_stop_the_music() {
    let Some(server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("edited-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let set = folder.join("set.rhai");
    std::fs::write(&set, SET).unwrap();
    let playing = program(&server, &set, &[]);
    let mut sounding = Sounding::default();
    let mut channels_until = |what: &str, is_so: &dyn Fn(&[u8]) -> bool| {
        let until = Instant::now() + PATIENCE;
        let mut last = Vec::new();
        while !is_so(&last) {
            assert!(Instant::now() < until, "{what}: {last:?}");
            let event = next(&recorder);
            sounding.follow(&event);
            if event.is_on() {
                last.push(event.bytes[0] & 15);
                last.drain(..last.len().saturating_sub(12));
            }
        }
    };
    channels_until("both parts play", &|last| last.contains(&0) && last.contains(&1));

    std::fs::write(&set, format!("{SET}lead.mute();\n")).unwrap();
    channels_until("the lead is silent", &|last| last.len() == 12 && last.iter().all(|c| *c == 1));

    // As editors save: a new file takes the old one's place.
    let new = folder.join("set.rhai.new");
    std::fs::write(&new, SET.replace("jack:2", "jack:5").replace("jack:1", "jack:3")).unwrap();
    std::fs::rename(&new, &set).unwrap();
    channels_until("other channels", &|last| last.contains(&2) && last.contains(&4) && !last.contains(&1));

    std::fs::write(&set, "tempo(200);\nlet lead = part(;\n").unwrap();
    let sentence = playing.must_say("script: error:");
    println!("a broken set: {sentence}");
    assert!(sentence.contains("line 2"), "{sentence}");
    // More than what was queued before the error.
    for _ in 0..3 {
        channels_until("the music goes on", &|last| last.len() == 12 && last.iter().all(|c| matches!(c, 2 | 4)));
    }
    playing.end(libc::SIGINT);
    sounding.falls_silent(&recorder, "an edited set");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_last_bar_ends_the_program() {
    let Some(server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    let set = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bars-{}.rhai", std::process::id()));
    std::fs::write(&set, SET).unwrap();
    let playing = program(&server, &set, &["--bars", "2"]);
    assert!(playing.ends_well(), "it ends by itself, without an error");
    Sounding::default().falls_silent(&recorder, "two bars");
    std::fs::remove_file(set).unwrap();
}
