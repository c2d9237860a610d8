//! The program's files: renders, takes, journals and their replay.

use ricercar::midi::{MidiFile, read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program(args: &[&str], files: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ricercar"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (option, file) in files {
        if !option.is_empty() {
            command.arg(option);
        }
        command.arg(file);
    }
    command
}

fn run(args: &[&str], files: &[(&str, &Path)]) -> Output {
    let output = program(args, files).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A network and a rule, chance and closures; quick in every build.
const SET: &str = "tempo(200);
swing(0.55);
let lead = part(\"lead\").role(\"lead\");
let drums = part(\"drums\").role(\"drums\").engine(\"euclid\").out(\"synth:kit\");
lead.density = walk(0.3, 0.8).bars(2);
drums.humanize = 6;
every(2).bars(|| lead.temperature = rnd(0.7, 1.2));
";

/// Every note: part, place, pitch, velocity, length.
fn notes(file: &MidiFile) -> Vec<(String, u64, u8, u8, u64)> {
    let of = |p: &ricercar::midi::MidiPart| {
        let name = p.name.clone();
        p.notes.iter().map(move |n| (name.clone(), n.tick.0, n.pitch, n.velocity, n.length_ticks)).collect::<Vec<_>>()
    };
    let mut notes: Vec<_> = file.parts.iter().flat_map(of).collect();
    notes.sort();
    notes
}

fn notes_in(path: &Path) -> Vec<(String, u64, u8, u8, u64)> {
    notes(&read(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn two_renders_are_the_same_bytes() {
    let folder = Folder::new("renders");
    let set = folder.file("set.rhai");
    std::fs::write(&set, SET).unwrap();
    for ending in ["mid", "wav"] {
        let [one, two] = [1, 2].map(|i| folder.file(&format!("{i}.{ending}")));
        for out in [&one, &two] {
            run(&["render", "--bars", "4", "--seed", "5"], &[("", &set), ("-o", out)]);
        }
        let (one, two) = (std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
        assert!(one.len() > 200, "{ending}: {} bytes", one.len());
        assert!(one == two, "{ending}: two renders differ");
    }
}

/// Plays six bars with a change of the file on the way, and gives the take's notes and the replay's.
fn take_and_replay(name: &str, more: &[&str]) -> [Vec<(String, u64, u8, u8, u64)>; 2] {
    let folder = Folder::new(name);
    let [set, take, journal, again] = ["set.rhai", "take.mid", "night.journal", "again.mid"].map(|f| folder.file(f));
    std::fs::write(&set, SET).unwrap();
    let args = [&["--no-tui", "--audio", "none", "--bars", "6"], more].concat();
    let mut playing = program(&args, &[("--record", &take), ("--journal", &journal), ("", &set)]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::write(&set, format!("{SET}drums.mute();\nlead.register = 0.9;\n")).unwrap();
    assert!(playing.wait().unwrap().success());
    run(&["replay"], &[("", &journal), ("-o", &again)]);
    let journal = std::fs::read_to_string(&journal).unwrap();
    println!("{name}: {} steps were late", journal.matches("missed").count());
    [notes_in(&take), notes_in(&again)]
}

fn assert_same(name: &str, [take, again]: [Vec<(String, u64, u8, u8, u64)>; 2]) {
    assert!(take.len() > 30, "{name}: {} notes", take.len());
    let missing: Vec<_> = take.iter().filter(|n| !again.contains(n)).take(8).collect();
    let added: Vec<_> = again.iter().filter(|n| !take.contains(n)).take(8).collect();
    assert!(
        take == again,
        "{name}: {} and {} notes; only played: {missing:?}; only replayed: {added:?}",
        take.len(),
        again.len()
    );
}

#[test]
fn a_replay_gives_the_notes_of_the_take() {
    assert_same("plain", take_and_replay("replay-plain", &["--out", "none"]));
}

#[test]
fn a_seed_of_the_command_line_is_replayed() {
    assert_same("seed", take_and_replay("replay-seed", &["--out", "none", "--seed", "9"]));
}

#[test]
fn a_file_that_cannot_be_read_is_one_sentence() {
    for args in [
        &["--no-tui", "--audio", "none", "no such set.rhai"][..],
        &["render", "no such set.rhai", "-o", "x.mid"],
        &["replay", "no such journal", "-o", "x.mid"],
        &["render", "scripts/first.rhai", "-o", "x.mp3"],
        &["--no-tui", "--out", "gramophone", "scripts/first.rhai"],
    ] {
        let output = program(args, &[]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{args:?}: {said}");
        println!("{said}");
    }
}
