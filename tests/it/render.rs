//! The sets that come with the instrument, rendered; and what a rendered file must be.

use ricercar::conductor::render::{Rendered, journal_of, render};
use ricercar::conductor::{Opener, opener};
use ricercar::engine::lstm::{Packed, random};
use ricercar::engine::{Models, gan};
use ricercar::midi;
use ricercar::script::ScriptHost;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

fn engines() -> Opener {
    static MODELS: OnceLock<Models> = OnceLock::new();
    let models = MODELS.get_or_init(|| {
        let weights = random::random(16, 2, 7).unwrap();
        let gan = Arc::new(gan::Packed::new(&gan::file::random(16, 7)));
        let ear = Some(ricercar::wiring::models::ear(&gan));
        Models { lstm: Some(Arc::new(Packed::new(&weights).unwrap())), gan: Some(gan), ear, ..Models::default() }
    });
    opener(models.clone())
}

fn sets() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut sets: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    sets.retain(|p| p.extension().is_some_and(|e| e == "rhai"));
    sets.sort();
    sets
}

fn rendered(text: &str, bars: u64, seed: u64) -> Rendered {
    render(&journal_of("set", text, seed), engines(), &mut ScriptHost::new(), bars, |_| true).unwrap()
}

#[test]
fn every_set_renders_and_says_nothing_bad() {
    let sets = sets();
    assert!(sets.len() >= 6);
    for path in sets {
        let text = std::fs::read_to_string(&path).unwrap();
        let rendered = rendered(&text, 10, 1);
        let file = rendered.midi("set");
        let notes = file.parts.iter().map(|p| p.events.len()).sum::<usize>();
        assert!(notes > 50, "{}: hardly plays", path.display());
        assert_eq!(rendered.engine_faults, 0, "{}", path.display());
        let bad: Vec<_> = rendered.notices.iter().filter(|n| n.severity > ricercar::message::Severity::Info).collect();
        assert!(bad.is_empty(), "{}: {bad:?}", path.display());
        assert!(rendered.score.steps.len() >= 80, "{}", path.display());
        let read = midi::read(&midi::write(&file)).unwrap();
        assert!(!read.parts.is_empty() && read.length.0 <= rendered.end.0);
    }
}

#[test]
fn seeds_tell_takes_apart_and_nothing_else_does() {
    let text = std::fs::read_to_string(&sets()[0]).unwrap();
    let bytes = |seed| midi::write(&rendered(&text, 6, seed).midi("set"));
    assert_eq!(bytes(3), bytes(3));
    let plain = "let lead = part(\"lead\").role(\"lead\"); let bass = part(\"bass\").role(\"bass\");";
    let of = |seed| midi::write(&rendered(plain, 6, seed).midi("set"));
    assert_ne!(of(3), of(4));
}

#[test]
fn a_longer_render_begins_as_a_shorter_one() {
    let text = std::fs::read_to_string(&sets()[1]).unwrap();
    let (short, long) = (rendered(&text, 4, 1), rendered(&text, 8, 1));
    let count = short.score.events.iter().filter(|e| e.0.tick.0 + 240 < short.end.0).count();
    assert!(count > 10);
    assert_eq!(short.score.events[..count], long.score.events[..count]);
}

#[test]
fn a_wav_file_has_the_length_of_the_music_and_sound_in_it() {
    let text = "tempo(240); let d = part(\"drums\").role(\"drums\").engine(\"euclid\").out(\"synth:kit\");";
    let rendered = rendered(text, 2, 1);
    assert!((rendered.seconds() - 2.0).abs() < 1e-6);
    let path = std::env::temp_dir().join(format!("ricercar-render-{}.wav", std::process::id()));
    let stats = rendered.wav(&path, 48_000, 0.5, |_| true).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((stats.frames, stats.late_events), (120_000, 0));
    assert!(stats.peak > 0.05);
}

#[test]
fn a_set_may_name_the_model_file_of_a_part() {
    use ricercar::wiring::library::Library;
    let folder = std::env::temp_dir().join(format!("ricercar-render-model-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let model = folder.join("model.safetensors");
    random::random(16, 1, 9).unwrap().save(&model, ricercar::engine::lstm::Precision::F16).unwrap();
    let hash = ricercar::corpus::fnv(&std::fs::read(&model).unwrap());
    let play = |name: &str| {
        let models = Models { files: Some(Arc::new(Library::default()).opener()), ..Models::default() };
        let set = format!("let lead = part(\"lead\").role(\"lead\").engine(\"euclid\").engine({name:?});");
        render(&journal_of("set", &set, 1), opener(models), &mut ScriptHost::new(), 4, |_| true).unwrap()
    };
    let path = model.display();
    let (plain, hashed) = (play(&format!("lstm:{path}")), play(&format!("lstm:{path}#{hash:016x}")));
    let other = play(&format!("lstm:{path}#{:016x}", hash + 1));
    std::fs::remove_dir_all(&folder).unwrap();
    let bytes = |r: &Rendered| midi::write(&r.midi("set"));
    assert!(bytes(&plain) == bytes(&hashed) && plain.notices.is_empty() && plain.engine_faults == 0);
    assert!(bytes(&other) != bytes(&plain) && other.notes_on() > 0, "the part keeps the engine it had");
    assert!(other.notices.iter().any(|n| n.text.contains("not the one that was played")), "{:?}", other.notices);
}
