//! Folders of MIDI files, written here and read back as pieces.

use insta::assert_snapshot;
use ricercar::corpus::{Corpus, Piece, Split, load_with_cache, report, windows};
use ricercar::midi::{self, KeySignature, MidiFile, MidiNote, MidiPart, TimeSignature};
use ricercar::music::{ROLES, Role};
use ricercar::time::{StepIndex, Tick};
use std::path::{Path, PathBuf};

/// A folder of its own for one test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ricercar-corpus-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    fn load(&self, cache: Option<&Path>) -> Corpus {
        load_with_cache(&[self.0.join("music")], cache, &mut |_| {}).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the system's temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A part from notes `(step, length in steps, pitch)`.
fn part(name: &str, channel: u8, notes: &[(u64, u64, u8)]) -> MidiPart {
    let note =
        |n: &(u64, u64, u8)| MidiNote { tick: Tick(n.0 * 240), length_ticks: n.1 * 240, pitch: n.2, velocity: 80 };
    MidiPart { name: name.into(), channel, notes: notes.iter().map(note).collect(), ..MidiPart::default() }
}

fn signature(beats: u8, unit_power: u8) -> TimeSignature {
    TimeSignature { beats, unit_power }
}

/// Two bars for a small band.
fn band() -> MidiFile {
    MidiFile {
        keys: vec![(Tick(0), KeySignature { fifths: 1, is_minor: false })],
        parts: vec![
            part("drums", 9, &[(0, 1, 35), (4, 1, 40), (8, 1, 36), (12, 1, 38), (12, 1, 127)]),
            part("bass 1", 0, &[(0, 8, 36), (16, 8, 43)]),
            part("strings 1", 1, &[(0, 16, 60), (0, 16, 64), (0, 16, 67), (16, 16, 59), (16, 16, 62), (16, 16, 67)]),
            part("synth lead 1", 2, &[(0, 4, 72), (4, 4, 76), (16, 4, 74), (20, 12, 71)]),
        ],
        ..MidiFile::default()
    }
}

/// Notes as `role step.pitch+duration`, in order.
fn listing(piece: &Piece) -> String {
    let line = |role: Role| {
        let notes = piece.notes.iter().filter(|n| n.role == role);
        let words: Vec<String> =
            notes.map(|n| format!("{}.{}+{}", n.step, n.note.pitch, n.note.duration_steps)).collect();
        format!("{}: {}\n", role.name(), words.join(" "))
    };
    let chords: Vec<String> =
        piece.chords.iter().map(|c| format!("{}:{}", c.0, c.1.map_or("-".into(), |c| c.to_string()))).collect();
    let metres: Vec<String> = piece.metres.iter().map(|m| format!("{}:{}", m.0, m.1)).collect();
    let key = piece.key.map_or("no key".into(), |k| k.to_string());
    let notes: String = ROLES.into_iter().filter(|r| piece.roles[r.index()]).map(line).collect();
    format!("{} steps, {key}, metres {}, chords {}\n{notes}", piece.steps, metres.join(" "), chords.join(" "))
}

#[test]
fn a_band_becomes_roles_on_the_grid() {
    let folder = Folder::new("band");
    folder.put("music/band.mid", &midi::write(&band()));
    let corpus = folder.load(None);
    assert_eq!(corpus.left_out, []);
    assert_eq!(corpus.dropped.outside_kit, 1);
    assert_snapshot!(listing(&corpus.pieces[0]), @"
    32 steps, G major, metres 0:4/4, chords 0:C 16:G
    drums: 0.36+1 4.38+1 8.36+1 12.38+1
    bass: 0.36+8 16.43+8
    chords: 0.60+16 0.64+16 0.67+16 16.59+16 16.62+16 16.67+16
    lead: 0.72+4 4.76+4 16.74+4 20.71+12
    ");
}

#[test]
fn an_upbeat_stands_at_the_end_of_a_full_bar() {
    let folder = Folder::new("upbeat");
    let file = MidiFile {
        metres: vec![(Tick(0), signature(1, 2)), (Tick(960), signature(3, 2))],
        parts: vec![part("melody", 0, &[(0, 4, 67), (4, 8, 72), (12, 4, 71)])],
        ..MidiFile::default()
    };
    folder.put("music/tune.mid", &midi::write(&file));
    let corpus = folder.load(None);
    let piece = &corpus.pieces[0];
    assert_snapshot!(listing(piece), @"
    24 steps, C major, metres 0:3/4, chords 0:C 20:B
    lead: 8.67+4 12.72+8 20.71+4
    ");
    assert!(piece.bar_map().place(StepIndex(12)).is_bar_line());
}

#[test]
fn human_timing_stays_as_offsets() {
    let folder = Folder::new("human");
    let mut drums = part("drums", 9, &[(0, 1, 36), (4, 1, 38), (8, 1, 36), (12, 1, 38)]);
    for (note, (late, velocity)) in drums.notes.iter_mut().zip([(7, 100), (19, 90), (103, 80), (-15, 70)]) {
        note.tick = note.tick.offset(late);
        note.velocity = velocity;
    }
    folder.put("music/a.mid", &midi::write(&MidiFile { parts: vec![drums], ..MidiFile::default() }));
    let corpus = folder.load(None);
    let piece = &corpus.pieces[0];
    let notes: Vec<_> = piece.notes.iter().map(|n| (n.step, n.note.offset_ticks, n.note.velocity)).collect();
    assert_eq!(notes, [(0, 7, 100), (4, 19, 90), (8, 103, 80), (12, -15, 70)]);
    assert!(piece.is_performed && piece.has_velocity && piece.key.is_none() && piece.chords.is_empty());
}

#[test]
fn folders_and_metadata_decide_split_style_and_use() {
    let folder = Folder::new("metadata");
    let bytes = midi::write(&band());
    for name in ["train/old", "valid/other", "test/third", "train/new"] {
        folder.put(&format!("music/openewld-pd/midi/{name}.mid"), &bytes);
    }
    let rows = "file,split,work_group,genre,pd_us_le1930\nold.mid,train,\"a, b\",Jazz,1\nnew.mid,train,c,Pop,0\n\
                other.mid,valid,d,Pop,1\nthird.mid,test,e,Pop,1\n";
    folder.put("music/openewld-pd/metadata.csv", rows.as_bytes());
    folder.put("music/my techno/midi/loop.mid", &bytes);
    folder.put("music/my techno/.hidden.mid", &bytes);
    folder.put("music/my techno/notes.txt", b"no music");
    let corpus = folder.load(None);
    let pieces: Vec<_> = corpus
        .pieces
        .iter()
        .map(|p| (p.corpus.as_str(), p.name.as_str(), p.work.as_str(), p.style.as_str(), p.split))
        .collect();
    assert_eq!(
        pieces,
        [
            ("music", "loop", "loop", "my techno", Split::Train),
            ("openewld-pd", "third", "e", "song", Split::Test),
            ("openewld-pd", "old", "a, b", "jazz", Split::Train),
            ("openewld-pd", "other", "d", "song", Split::Valid),
        ]
    );
    assert!(corpus.left_out.iter().all(|l| l.0.ends_with("train/new.mid") && l.1.contains("public domain")));
    assert_eq!(corpus.left_out.len(), 1);
}

#[test]
fn a_new_key_signature_begins_a_new_piece_of_the_same_work() {
    let folder = Folder::new("sections");
    let notes: Vec<(u64, u64, u8)> =
        (0..256).map(|i| (i * 2, 2, if i < 128 { 60 } else { 62 } + [0, 4, 7][i as usize % 3])).collect();
    let key = |fifths| KeySignature { fifths, is_minor: false };
    let file = MidiFile {
        keys: vec![(Tick(0), key(0)), (Tick(256 * 240), key(2))],
        parts: vec![part("melody", 0, &notes)],
        ..MidiFile::default()
    };
    folder.put("music/suite.mid", &midi::write(&file));
    let corpus = folder.load(None);
    let pieces: Vec<_> =
        corpus.pieces.iter().map(|p| (p.name.as_str(), p.steps, p.key.unwrap().to_string(), p.notes.len())).collect();
    assert_eq!(pieces, [("suite#1", 256, "C major".into(), 128), ("suite#2", 256, "D major".into(), 128)]);
    assert_eq!(corpus.pieces[0].split, corpus.pieces[1].split);
}

#[test]
fn the_cache_changes_nothing_and_a_broken_one_is_rebuilt() {
    let folder = Folder::new("cache");
    let cache = folder.0.join("cache");
    folder.put("music/a.mid", &midi::write(&band()));
    folder.put("music/b.mid", b"MThd and no more");
    let fresh = folder.load(None);
    let same = |corpus: &Corpus| {
        assert_eq!((&corpus.pieces, &corpus.left_out), (&fresh.pieces, &fresh.left_out));
        assert_eq!(corpus.dropped, fresh.dropped);
    };
    same(&folder.load(Some(&cache)));
    let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let written = std::fs::read(&file).unwrap();
    same(&folder.load(Some(&cache)));
    std::fs::write(&file, &written[..written.len() / 2]).unwrap();
    same(&folder.load(Some(&cache)));
    assert_eq!(std::fs::read(&file).unwrap(), written);
    // A file that is gone is gone from the pieces.
    std::fs::remove_file(folder.0.join("music/a.mid")).unwrap();
    assert_eq!(folder.load(Some(&cache)).pieces.len(), 0);
    // A cache that cannot be written is no error.
    folder.put("blocked", b"a file where a folder should be");
    assert_eq!(folder.load(Some(&folder.0.join("blocked"))).left_out.len(), 1);
}

#[test]
fn missing_folders_are_named_and_empty_ones_are_empty() {
    let folder = Folder::new("missing");
    let error = load_with_cache(&[folder.0.join("nowhere")], None, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(load_with_cache(std::slice::from_ref(&folder.0), None, &mut |_| {}).unwrap().pieces.len(), 0);
}

#[test]
fn progress_ends_with_every_file_done() {
    let folder = Folder::new("progress");
    for i in 0..70 {
        folder.put(&format!("music/{i}.mid"), b"");
    }
    let mut seen = Vec::new();
    load_with_cache(std::slice::from_ref(&folder.0), None, &mut |p| seen.push((p.done, p.total))).unwrap();
    assert_eq!(seen, [(64, 70), (70, 70)]);
}

#[test]
fn windows_begin_on_bar_lines_and_cover_every_note_once() {
    let folder = Folder::new("windows");
    let mut file = band();
    file.metres = vec![(Tick(0), signature(3, 2)), (Tick(12 * 240), signature(4, 2))];
    file.parts.push(part("choir 1", 4, &[(100, 400, 60)]));
    folder.put("music/a.mid", &midi::write(&file));
    let corpus = folder.load(None);
    let piece = &corpus.pieces[0];
    for length in [1, 7, 16, 33, 64, 1000] {
        let windows = windows(&corpus.pieces, length);
        assert!(windows.iter().all(|w| w.steps > 0 && w.steps <= length), "{length}");
        let notes: usize = windows.iter().map(|w| piece.notes_between(w.start, w.start + w.steps).len()).sum();
        assert_eq!(notes, piece.notes.len(), "{length}");
        if length >= 16 {
            assert!(windows.iter().all(|w| piece.bar_map().place(StepIndex(w.start.into())).is_bar_line()), "{length}");
        }
    }
}

#[test]
fn the_report_says_what_was_understood() {
    let folder = Folder::new("report");
    let bytes = midi::write(&band());
    folder.put("music/rock/train/one.mid", &bytes);
    folder.put("music/rock/test/two.mid", &bytes);
    folder.put("music/rock/test/cut.mid", &bytes[..bytes.len() - 10]);
    folder.put("music/rock/test/cut2.mid", &bytes[..bytes.len() - 20]);
    folder.put("music/rock/empty.mid", &midi::write(&MidiFile::default()));
    let report = report(&folder.load(None));
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_snapshot!(lines.join("\n"), @r"
    corpus                  works  pieces    bars    steps    drums     bass   chords     lead  on grid
      music                     2       2       4       64        8        4       12        8   100.0%
      all                       2       2       4       64        8        4       12        8   100.0%

    style                   works  pieces    bars    steps    drums     bass   chords     lead  on grid
      rock                      2       2       4       64        8        4       12        8   100.0%

    split                   works  pieces    bars    steps    drums     bass   chords     lead  on grid
      train                     1       1       2       32        4        2        6        4   100.0%
      test                      1       1       2       32        4        2        6        4   100.0%

    bars by metre: 4/4 4
    pieces with human timing 0, with dynamics 0, in minor 0; 1.00 chords a bar
    notes not used: 0 of effects, 2 outside the kit, 0 doubled in a step
    files that name no metre, read as 4/4: 2
    files left out: 3
         2  the MIDI file is cut off: track 4 announces 57 bytes and 47 are left (such as cut.mid)
         1  the file has no notes (such as empty.mid)
    ");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["splits"]["test"]["notes"][3], 4);
    assert_eq!(json["left_out"][0]["files"], 2);
}
