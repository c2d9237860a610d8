//! The reference, made from the tables: a page for the repository and topics for the screen.

use super::{FAMILIES, Function, SETS};
use crate::audio::SOUNDS;
use crate::engine::ENGINES;
use crate::music::{QUALITIES, ROLES, SCALES, STYLES, kit};
use crate::steer::{CONTROLS, ControlInfo, Scope};
use std::fmt::Write;

/// The ways to write an output, and what each means.
pub const OUTPUTS: &[(&str, &str)] = &[
    ("synth:pluck", "a sound of the internal synth"),
    ("midi:2", "channel 2 of the first MIDI port, or of our own port when nothing is plugged in"),
    ("midi:Port name:2", "channel 2 of the port whose name contains these words"),
    ("jack:2", "channel 2 of our own JACK MIDI port"),
    ("none", "nowhere, in time"),
];

/// A page of help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpTopic {
    /// Its name.
    pub title: String,
    /// Its lines, most of them below 100 columns.
    pub lines: Vec<String>,
}

/// What is said about a word when the cursor stands on it: how it is written, what it does, an example.
pub fn help_on(word: &str) -> Option<Vec<String>> {
    if let Some(f) = super::functions().find(|f| f.name == word) {
        return Some(function_lines(f));
    }
    CONTROLS.iter().find(|c| c.name == word).map(control_lines)
}

/// Every page of help, in the order in which one would learn.
pub fn help_topics() -> Vec<HelpTopic> {
    let mut topics = vec![HelpTopic {
        title: "sets".into(),
        lines: SETS.iter().map(|set| format!("{:<10} {}", set.name, after_name(set.idea()))).collect(),
    }];
    for family in FAMILIES {
        let mut lines = vec![family.doc.to_string()];
        for f in family.functions {
            lines.push(String::new());
            lines.extend(function_lines(f));
        }
        topics.push(HelpTopic { title: family.name.into(), lines });
    }
    for (title, scope) in [("controls of a part", Scope::Part), ("controls of the set", Scope::Set)] {
        let mut lines = vec!["Each takes a number or a signal; () gives it back to its default.".to_string()];
        for c in CONTROLS.iter().filter(|c| c.scope == scope) {
            lines.push(String::new());
            lines.extend(control_lines(c));
        }
        topics.push(HelpTopic { title: title.into(), lines });
    }
    for (title, rows) in word_lists() {
        let lines = rows.iter().map(|(word, doc)| format!("{word:<18} {doc}")).collect();
        topics.push(HelpTopic { title: title.into(), lines });
    }
    topics
}

/// The page `docs/script.md`.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for family in FAMILIES {
        let _ = writeln!(page, "\n## {}\n\n{}\n", capital(family.name), family.doc);
        page.push_str("| write | what it does | range | example |\n| --- | --- | --- | --- |\n");
        for f in family.functions {
            let range = [f.range, f.unit].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>().join("; ");
            row(&mut page, &[&code(f.signature), f.doc, &range, &code(f.example)]);
        }
    }
    for (title, scope) in [("Controls of a part", Scope::Part), ("Controls of the set", Scope::Set)] {
        let _ = writeln!(page, "\n## {title}\n\n{CONTROLS_NOTE}\n");
        page.push_str("| control | what it does | range | default | example |\n| --- | --- | --- | --- | --- |\n");
        for c in CONTROLS.iter().filter(|c| c.scope == scope) {
            row(&mut page, &[&code(c.name), c.doc, &range_of(c), &default_of(c), &code(c.example)]);
        }
    }
    for (title, rows) in word_lists() {
        let _ = writeln!(page, "\n## {}\n\n| word | what it is |\n| --- | --- |", capital(title));
        for (word, doc) in rows {
            row(&mut page, &[&code(&word), &doc]);
        }
    }
    page.push_str("\n## Sets that teach\n\n| set | idea |\n| --- | --- |\n");
    for set in SETS {
        row(&mut page, &[&format!("[{0}](../scripts/{0}.rhai)", set.name), after_name(set.idea())]);
    }
    page
}

const INTRODUCTION: &str = "\
# The script language

This page is made from the tables of the program; `UPDATE_DOCS=1 cargo test` writes it anew.

A set is one [rhai](https://rhai.rs/book) file. Its top level says what the band is; closures say what happens later.

```rhai
tempo(112); key(\"D dorian\"); chords(\"Dm7 G7 Cmaj7 Am7\");
let lead = part(\"lead\").style(#{ ragtime: 0.7, chorale: 0.3 }).out(\"synth:pluck\");
lead.temperature = sine(0.7, 1.2).bars(8);
every(4).bars(|| lead.hold(2));
```

- `1` and `1.0` both work everywhere. A number that is out of range is brought into it, and the log says so.
- A signal (`sine`, `walk`, ...) can stand wherever a control takes a number. It is evaluated at every sixteenth.
- A closure (`|| ...`) sees the variables of the set; a function (`fn`) sees only its arguments.
- What a closure asks for takes effect at the bar, beat or step at which it was called.
- A set cannot read files, use the network, sleep or load other scripts, and each run of it is bounded in time and size.
- A set with an error changes nothing: what played before plays on, and the error has its line.
";

const CONTROLS_NOTE: &str = "A number or a signal; `()` gives the control back to its default.";

fn word_lists() -> Vec<(&'static str, Vec<(String, String)>)> {
    let rows = |rows: Vec<(&str, &str)>| rows.into_iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    let mut chords: Vec<(String, String)> = Vec::new();
    for (i, (suffix, mask)) in QUALITIES.iter().enumerate() {
        match QUALITIES[..i].iter().position(|q| q.1 == *mask) {
            Some(first) => chords[first].1.push_str(&format!(", also C{suffix}")),
            None => {
                let tones = (0..12).filter(|pc| mask >> pc & 1 == 1).map(|pc: i32| pc.to_string());
                chords.push((format!("C{suffix}"), format!("semitones {}", tones.collect::<Vec<_>>().join(" "))));
            }
        }
    }
    vec![
        ("roles", ROLES.iter().map(|r| (r.name().into(), role_doc(r.is_pitched(), r.range()))).collect()),
        ("styles", rows(STYLES.iter().map(|s| (s.name, s.doc)).collect())),
        ("scales", rows(SCALES.iter().map(|s| (s.name, s.doc)).collect())),
        ("chords by name", chords),
        ("engines", rows(ENGINES.iter().map(|e| (e.name, e.doc)).collect())),
        ("sounds", rows(SOUNDS.iter().map(|s| (s.name, s.doc)).collect())),
        ("outputs", rows(OUTPUTS.to_vec())),
        ("drum kit", kit::ROWS.iter().map(|r| (r.name.into(), format!("MIDI note {}", r.pitch))).collect()),
    ]
}

fn role_doc(is_pitched: bool, (low, high): (u8, u8)) -> String {
    if is_pitched { format!("pitches {low} to {high} unless low and high say otherwise") } else { "the kit".into() }
}

fn function_lines(f: &Function) -> Vec<String> {
    let mut lines = vec![f.signature.to_string(), format!("  {}", f.doc)];
    let range = [f.range, f.unit].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>().join("; ");
    if !range.is_empty() {
        lines.push(format!("  range: {range}"));
    }
    lines.push(format!("  {}", f.example));
    lines
}

fn control_lines(c: &ControlInfo) -> Vec<String> {
    vec![
        format!("{}  {}, default {}", c.name, range_of(c), default_of(c)),
        format!("  {}", c.doc),
        format!("  {}", c.example),
    ]
}

fn range_of(c: &ControlInfo) -> String {
    format!("{} to {} {}", c.min, c.max, c.unit).trim().to_string()
}

fn default_of(c: &ControlInfo) -> String {
    c.default.map_or("left to the model".into(), |d| d.to_string())
}

fn after_name(idea: &str) -> &str {
    idea.split_once(": ").map_or(idea, |(_, idea)| idea)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A row of a table; bars in the cells would end them.
fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_page_in_the_repository_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/script.md");
        let page = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == page, "docs/script.md is stale: UPDATE_DOCS=1 cargo test --lib docs writes it anew");
    }

    #[test]
    fn help_covers_every_row() {
        let all: String = help_topics().iter().flat_map(|t| t.lines.clone()).collect::<Vec<_>>().join("\n");
        let page = reference();
        let names = super::super::functions().map(|f| f.signature).chain(CONTROLS.iter().map(|c| c.name));
        for name in names.chain(STYLES.iter().map(|s| s.name)).chain(SCALES.iter().map(|s| s.name)) {
            assert!(all.contains(name) && page.contains(&name.replace('|', "\\|")), "{name}");
        }
        assert!(help_on("tempo").is_some() && help_on("hold").is_some() && help_on("xyzzy").is_none());
    }
}
