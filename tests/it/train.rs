//! Training as people run it: the program itself, on folders good and bad, killed and resumed, on a disk that is full.

use ricercar::engine::lstm::{Weights, expected};
use ricercar::midi::{self, MidiFile, MidiNote, MidiPart};
use ricercar::time::Tick;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder of its own for one test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("train-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Files of eight bars each: a drum beat, and a riff where there is a bass.
    fn music(&self, files: u64, has_bass: bool) -> PathBuf {
        let data = self.0.join("music");
        std::fs::create_dir_all(&data).unwrap();
        for file in 0..files {
            std::fs::write(data.join(format!("song {file}.mid")), midi::write(&song(file, has_bass))).unwrap();
        }
        data
    }

    fn train(&self, data: &Path, out: &str, more: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ricercar"));
        command
            .args(["train", "lstm", "--data"])
            .arg(data)
            .arg("-o")
            .arg(self.0.join(out))
            .args(more.split_whitespace());
        command.env("RICERCAR_CACHE", self.0.join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn trained(&self, data: &Path, out: &str, more: &str) -> String {
        let (status, said, error) = ended(self.train(data, out, more).output().unwrap());
        assert_eq!((status, error.as_str()), (Some(0), ""), "{said}");
        said
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn song(number: u64, has_bass: bool) -> MidiFile {
    let note = |step: u64, steps: u64, pitch: u8| MidiNote {
        tick: Tick(step * 240),
        length_ticks: steps * 240,
        pitch,
        velocity: 80,
    };
    let drums = (0..128).step_by(4).map(|s| note(s, 1, if s % 8 == 0 { 36 } else { 38 }));
    let bass = (0..128).step_by(8).map(|s| note(s, 6, 36 + ((s / 8 + number) % 5) as u8));
    let part = |name: &str, channel, notes| MidiPart { name: name.into(), channel, notes, ..MidiPart::default() };
    let mut parts = vec![part("drums", 9, drums.collect())];
    if has_bass {
        parts.push(part("bass", 1, bass.collect()));
    }
    MidiFile { parts, ..MidiFile::default() }
}

/// A small net on short windows, checked and kept at every second update.
const SMALL: &str = "--hidden 16 --batch 2 --window 32 --updates 40 --patience 0";

fn weights(folder: &Folder, out: &str) -> Weights {
    Weights::load(&folder.0.join(out).join("model.safetensors"), &expected()).unwrap()
}

/// Updates and figures of the metrics file, as written.
fn curve(folder: &Folder, out: &str) -> Vec<(String, u64, f64)> {
    let text = std::fs::read_to_string(folder.0.join(out).join("progress.jsonl")).unwrap();
    let lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    let of = |v: serde_json::Value| Some((v["kind"].as_str()?.to_string(), v["update"].as_u64()?, v["bits"].as_f64()?));
    lines.filter_map(of).collect()
}

#[test]
fn a_run_that_is_killed_and_resumed_is_the_run_that_was_not() {
    let folder = Folder::new("killed");
    let data = folder.music(9, true);
    folder.trained(&data, "whole", SMALL);
    let mut running = folder.train(&data, "killed", SMALL).spawn().unwrap();
    let checkpoint = folder.0.join("killed/checkpoint.safetensors");
    let until = Instant::now() + Duration::from_secs(60);
    while !checkpoint.exists() {
        assert!(Instant::now() < until && running.try_wait().unwrap().is_none(), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let before = curve(&folder, "killed");
    assert!(before.iter().all(|p| p.1 < 40), "it was killed on the way: {before:?}");
    folder.trained(&data, "killed", &format!("{SMALL} --resume"));
    let (whole, killed) = (curve(&folder, "whole"), curve(&folder, "killed"));
    assert!(whole.len() > 30 && whole.iter().any(|p| p.0 == "valid"), "{whole:?}");
    assert_eq!(whole, killed);
    let (a, b) = (weights(&folder, "whole"), weights(&folder, "killed"));
    for (name, _) in a.shape.tensors() {
        assert_eq!(a.get(&name), b.get(&name), "{name}");
    }
}

/// A limit on the size of files stands for the full disk: writes fail in their middle.
#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_the_last_checkpoint_is_whole() {
    let folder = Folder::new("full");
    let data = folder.music(9, true);
    folder.trained(&data, "out", &SMALL.replace("40", "4"));
    let files = ["checkpoint.safetensors", "model.safetensors"].map(|f| folder.0.join("out").join(f));
    let before = files.clone().map(|f| std::fs::read(f).unwrap());
    let inner = folder.train(&data, "out", &format!("{SMALL} --resume"));
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args());
    limited.env("RICERCAR_CACHE", folder.0.join("cache")).stdin(Stdio::null());
    let (status, _, error) = ended(limited.output().unwrap());
    assert_eq!((status, error.trim_end().lines().count()), (Some(1), 1), "{error}");
    assert!(
        error.contains("checkpoint.safetensors cannot be written") && error.contains("one from before is as it was"),
        "{error}"
    );
    assert!(files.map(|f| std::fs::read(f).unwrap()) == before, "the files are as they were");
    let left: Vec<_> = std::fs::read_dir(folder.0.join("out")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|f| !f.to_string_lossy().ends_with(".part")), "{left:?}");
    folder.trained(&data, "out", &format!("{SMALL} --resume"));
}

#[test]
fn bad_folders_and_models_give_one_sentence() {
    let folder = Folder::new("bad");
    let (empty, texts, broken) = (folder.0.join("empty"), folder.0.join("texts"), folder.0.join("broken"));
    for (dir, file) in [(&empty, None), (&texts, Some("song.txt")), (&broken, Some("song.mid"))] {
        std::fs::create_dir_all(dir).unwrap();
        file.iter().for_each(|f| std::fs::write(dir.join(f), b"MThd, no more").unwrap());
    }
    let data = folder.music(1, true);
    let gan = concat!(env!("CARGO_MANIFEST_DIR"), "/models/gan.safetensors");
    for (data, more, words) in [
        (&empty, "", "no MIDI file"),
        (&texts, "", "no MIDI file"),
        (&broken, "", "1 MIDI files were found and none can be used"),
        (&folder.0.join("nowhere"), "", "cannot be read"),
        (&data, "--from nowhere.safetensors", "built in are: band, small"),
        (&data, &format!("--from {gan}"), "its kind is 'gan'"),
        (&data, "--from band --hidden 64", "leave --hidden out"),
        (&data, "--hidden 17", "hidden units"),
        (&data, "--resume", "checkpoint"),
    ] {
        let (status, said, error) = ended(folder.train(data, "out", more).output().unwrap());
        assert_eq!((status, error.trim_end().lines().count()), (Some(1), 1), "{more}: {said}{error}");
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn one_file_of_drums_without_a_metre_trains_and_says_so() {
    let folder = Folder::new("one");
    let data = folder.music(1, false);
    let said = folder.trained(&data, "out", "--hidden 16 --batch 1 --window 16 --updates 2");
    for words in
        ["there is one work only", "only drums has notes", "1 files name no metre", "weights of update 2", "kick"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn the_built_in_model_is_tuned_to_a_folder_and_knows_its_name() {
    let folder = Folder::new("tuned");
    let data = folder.music(2, true);
    let said = folder.trained(&data, "out", "--from band --batch 1 --window 16 --updates 2 --heads 1");
    assert!(said.contains("from band; style 'music'"), "{said}");
    let tuned = weights(&folder, "out");
    assert_eq!(tuned.card.styles.last().map(String::as_str), Some("music"));
    assert!(
        tuned.card.corpora.len() > 1 && tuned.card.corpora.iter().any(|c| c == "music"),
        "{:?}",
        tuned.card.corpora
    );
}
