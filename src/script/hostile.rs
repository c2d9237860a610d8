//! Scripts that mean harm, or that a tired hand typed: every one ends soon, in a sentence.

use super::ScriptHost;
use crate::limits::SCRIPT_BYTES;
use crate::steer::{Call, Program};
use crate::time::{BarMap, StepIndex};
use proptest::prelude::*;

/// Loads a text and calls everything that it leaves behind.
fn run(host: &ScriptHost, text: &str) -> Result<usize, String> {
    let mut set = host.load("hostile", text).map_err(|fault| fault.text)?;
    let calls = (0..set.jobs().len()).map(Call::Job).chain((0..set.sections().len()).map(Call::Section));
    let mut edits = set.edits().len();
    for call in calls.collect::<Vec<_>>() {
        let place = BarMap::default().place(StepIndex(160));
        edits += set.call(call, &place).map_err(|fault| fault.text)?.len();
    }
    Ok(edits)
}

#[test]
fn endless_and_greedy_scripts_end_in_a_sentence() {
    let host = ScriptHost::new();
    for (text, words) in [
        ("loop {}", "endless"),
        ("let x = 0; while true { x += 1; }", "endless"),
        ("every(1).bars(|| { loop {} });", "endless"),
        ("section(\"a\", 4, || { loop {} });", "endless"),
        ("[1, 2, 3].map(|x| { loop {} });", "endless"),
        ("let s = \"x\"; loop { s += s; }", "too large"),
        ("let a = [1]; loop { a += a; }", "too large"),
        ("let a = []; loop { a.push([0, 0, 0, 0, 0, 0, 0, 0]); }", "too large"),
        ("let m = #{}; for i in 0..100000 { m[`k${i}`] = i; }", ""),
        ("let a = []; a.pad(1000000000, 0);", "too large"),
        ("let s = \"\"; s.pad(1000000000, 'x');", "too large"),
        ("let b = blob(1000000000);", "too large"),
        ("fn f(n) { f(n + 1) } f(0);", "deep"),
        ("fn f(n) { [f(n + 1), f(n + 1)] } f(0);", "deep"),
        ("let s = sine(0, 1); loop { s = s + s; }", "pieces"),
        ("let s = sine(0, 1); loop { s = s.clamp(0, 1); }", "pieces"),
        ("loop { say(\"hi\"); }", "changes at once"),
        ("for i in 0..100 { part(`p${i}`); }", "too many"),
        ("for i in 0..1000 { every(1).bars(|| 1); }", "closures"),
        ("for i in 0..1000 { section(`s${i}`, 1); }", "sections"),
        ("for i in 0..1000 { state(`s${i}`, 1); }", "states"),
        ("plan(99);", "1 to 8"),
        ("every(0).bars(|| 1);", "1 to 4096"),
        ("sine(0, 1).bars(0);", "period"),
        ("sine(0, 1).bars(-1);", "period"),
        ("tempo(0.0 / 0.0);", "number"),
        ("let x = 9223372036854775807 + 1;", "overflow"),
        ("throw \"stop\";", "stop"),
        ("let f = || 1; f.call(1, 2);", ""),
        ("state(\"n\", || 1);", "not a closure"),
        ("exit(3); tempo(1);", ""),
    ] {
        let outcome = run(&host, text);
        let is_right = match &outcome {
            Err(sentence) => sentence.contains(words) && !sentence.is_empty(),
            Ok(_) => text.starts_with("exit"),
        };
        assert!(is_right, "{text}\n{outcome:?}");
    }
}

#[test]
fn large_and_deep_texts_are_refused_or_read() {
    let host = ScriptHost::new();
    assert!(run(&host, &" ".repeat(SCRIPT_BYTES + 1)).unwrap_err().contains("bytes"));
    for open in [
        "(",
        "[",
        "{",
        "#{a:",
        "!",
        "-",
        "if true {",
        "|| ",
        "`${",
        "fn f() {",
        "1+(",
        "a.",
        "f(",
        "/*",
        "\"",
        "switch 1 { 1 => ",
    ] {
        for count in [40, 2_000, 100_000] {
            let text: String = open.repeat(count).chars().take(SCRIPT_BYTES).collect();
            // rhai takes an open comment, and reads two quotes inside quotes as one.
            assert!(run(&host, &text).is_err() || ["/*", "\""].contains(&open), "{open} {count}");
        }
    }
    let long: String = (0..SCRIPT_BYTES / 16).map(|i| format!("let a{} = 1;\n", i % 9)).collect();
    drop(run(&host, &long));
}

#[test]
fn the_deepest_nesting_that_is_allowed_fits_on_a_small_stack() {
    let host = ScriptHost::new();
    for (open, close) in [("(", ")"), ("[", "]"), ("if true {", "}"), ("[1].map(|x| ", ")"), ("f2(", ")")] {
        for depth in 1..40 {
            let body = format!("{}f(n + 1){}", open.repeat(depth), close.repeat(depth));
            drop(run(&host, &format!("fn f2(x) {{ x }} fn f(n) {{ {body} }} f(0);")));
        }
    }
}

#[test]
fn a_host_works_on_after_failures() {
    let host = ScriptHost::new();
    for bad in ["loop {}", "part(", "fn f() { f() } f();"] {
        assert!(host.load("bad", bad).is_err());
        assert_eq!(host.load("good", "tempo(100);").unwrap().edits().len(), 1);
    }
}

/// One host for all cases: making one takes longer than most cases.
fn host() -> &'static ScriptHost {
    static HOST: std::sync::OnceLock<ScriptHost> = std::sync::OnceLock::new();
    HOST.get_or_init(ScriptHost::new)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        drop(run(host(), &text));
    }

    #[test]
    fn no_heap_of_our_own_words_panics(words in proptest::collection::vec(0usize..40, 0..30)) {
        const WORDS: [&str; 40] = [
            "part(\"lead\")", ".", "(", ")", "|| ", "{", "}", ";", "every(2)", ".bars", "sine(0, 1)", "+", "1", "0.5", "lead",
            "let lead = ", "=", ".density", "tempo", "chords", "\"C G\"", "#{", ":", ",", "[", "]", "hold", "fn f", "f", "if ",
            "true", "form", "section", "\"a\"", "state", ".value", "pick", "walk", "-", "\n",
        ];
        let text: String = words.iter().map(|w| WORDS[*w]).collect();
        drop(run(host(), &text));
    }
}
