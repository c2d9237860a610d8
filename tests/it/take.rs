//! The program's files: renders, takes, journals and their replay.

use ricercar::midi::{MidiFile, read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Length of a take; the change in its middle must be in time for it, on a busy machine too.
const BARS: u64 = 4;

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
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
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

/// Rules, chance and closures; quick in every build, so that no step is late.
const SET: &str = "tempo(240);
seed(4);
swing(0.55);
let lead = part(\"lead\").role(\"lead\").engine(\"euclid\");
let drums = part(\"drums\").role(\"drums\").engine(\"euclid\").out(\"synth:kit\");
lead.density = walk(0.3, 0.8).bars(2);
drums.humanize = 6;
every(2).bars(|| lead.temperature = rnd(0.7, 1.2));
";

/// Part, place, pitch, velocity, length.
type Note = (String, u64, u8, u8, u64);

fn notes(file: &MidiFile) -> Vec<Note> {
    let of = |p: &ricercar::midi::MidiPart| {
        let name = p.name.clone();
        p.notes.iter().map(move |n| (name.clone(), n.tick.0, n.pitch, n.velocity, n.length_ticks)).collect::<Vec<_>>()
    };
    let mut notes: Vec<_> = file.parts.iter().flat_map(of).collect();
    notes.sort();
    notes
}

fn notes_in(path: &Path) -> Vec<Note> {
    notes(&read(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn two_renders_are_the_same_bytes() {
    let folder = Folder::new("renders");
    for ending in ["mid", "wav"] {
        let [one, two] = [1, 2].map(|i| folder.file(&format!("{i}.{ending}")));
        for out in [&one, &two] {
            run(&["render", "--bars", "1", "--seed", "5", "scripts/first.rhai"], &[("-o", out)]);
        }
        let (one, two) = (std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
        assert!(one.len() > 200, "{ending}: {} bytes", one.len());
        assert!(one == two, "{ending}: two renders differ");
    }
}

/// Plays some bars of a set, with a seed of the command line (the one that is also the default) and a change of the file on the
/// way: the notes of the take, and those of its replay. `how` is said to both.
fn take_and_replay(name: &str, text: &str, how: &[&str]) -> [Vec<Note>; 2] {
    let folder = Folder::new(name);
    let [set, take, journal, again] = ["set.rhai", "take.mid", "night.journal", "again.mid"].map(|f| folder.file(f));
    std::fs::write(&set, text).unwrap();
    let bars = BARS.to_string();
    let args = ["--no-tui", "--audio", "none", "--out", "none", "--seed", "1", "--bars", bars.as_str()];
    let mut playing =
        program(&[&args, how].concat(), &[("--record", &take), ("--journal", &journal), ("", &set)]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::write(&set, format!("{text}drums.mute();\nlead.register = 0.9;\n")).unwrap();
    assert!(playing.wait().unwrap().success());
    // A replay by other models says that it is other music.
    for (how, is_warned) in [(&["--precision", "bf16"][..], true), (how, false)] {
        let replay = run(&[&["replay"], how].concat(), &[("", &journal), ("-o", &again)]);
        assert_eq!(String::from_utf8_lossy(&replay.stderr).contains("played with other models"), is_warned);
    }
    let journal = std::fs::read_to_string(&journal).unwrap();
    println!("{} steps were late", journal.matches("missed").count());
    // The last notes of a take are cut when it ends, wherever the player was by then.
    let end = BARS * 16 * 240;
    let whole = |path| notes_in(path).into_iter().filter(|n| n.1 + 960 < end && n.1 + n.4 < end).collect();
    [whole(&take), whole(&again)]
}

#[test]
fn a_replay_gives_the_notes_of_the_take() {
    let [take, again] = take_and_replay("replay", SET, &[]);
    assert!(take.len() > 30, "{} notes", take.len());
    let missing: Vec<_> = take.iter().filter(|n| !again.contains(n)).take(8).collect();
    let added: Vec<_> = again.iter().filter(|n| !take.contains(n)).take(8).collect();
    assert!(take == again, "only played: {missing:?}; only replayed: {added:?}");
}

#[test]
fn a_take_in_eight_bits_is_replayed_in_eight_bits() {
    let text = SET.replace("role(\"lead\").engine(\"euclid\")", "role(\"lead\").engine(\"lstm\")");
    let [take, again] = take_and_replay("replay-int8", &text, &["--precision", "int8"]);
    assert!(take.iter().filter(|n| n.0.contains("lead")).count() > 3, "{take:?}");
    assert!(take == again, "played {take:?}; replayed {again:?}");
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_one_sentence() {
    for args in [
        &["--no-tui", "--audio", "none", "no such set.rhai"][..],
        &["render", "no such set.rhai", "-o", "x.mid"],
        &["replay", "no such journal", "-o", "x.mid"],
        &["render", "scripts/first.rhai", "-o", "x.mp3"],
        &["--no-tui", "--out", "gramophone", "scripts/first.rhai"],
        &["--no-tui", "--audio", "none", "--record", "no such folder/take.mid"],
        &["--no-tui", "--audio", "none", "--journal", "scripts"],
        &["corpus", "no such folder"],
    ] {
        let output = program(args, &[]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{args:?}: {said}");
        println!("{said}");
    }
}
