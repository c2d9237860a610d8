//! Completion: what could be meant by what is typed so far.

use super::{api, functions};
use crate::audio::SOUNDS;
use crate::engine::ENGINES;
use crate::music::{ROLES, SCALES, STYLES};
use crate::steer::{CONTROLS, Scope};

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What replaces the typed prefix.
    pub word: String,
    /// How it is used, in a line.
    pub hint: String,
}

/// What stands left of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// Inside quotes, after this function.
    Quoted { function: &'a str, prefix: &'a str },
    /// After a dot.
    Member { prefix: &'a str },
    /// Inside `#{ ... }` of a style.
    StyleName { prefix: &'a str },
    /// Anywhere else.
    Word { prefix: &'a str },
}

/// Proposals for the end of `line`, the text of a line up to the cursor: the chars that they replace, and at most 64 of
/// them in alphabetical order. `parts` are names of parts in force.
pub fn complete(line: &str, parts: &[&str]) -> (usize, Vec<Candidate>) {
    let place = place(line);
    let (prefix, mut found) = match place {
        Place::Quoted { function, prefix } => (prefix, quoted(function, parts)),
        Place::Member { prefix } => (prefix, members()),
        Place::StyleName { prefix } => (prefix, rows(STYLES.iter().map(|s| (s.name, s.doc)))),
        Place::Word { prefix } => (prefix, words()),
    };
    found.retain(|c| c.word.starts_with(prefix) && c.word != prefix);
    found.sort_by(|a, b| a.word.cmp(&b.word));
    found.truncate(64);
    (prefix.chars().count(), found)
}

fn place(line: &str) -> Place<'_> {
    let word = |text: &str| {
        text.rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))
    };
    if line.matches('"').count() % 2 == 1
        && let Some(quote) = line.rfind('"')
    {
        let before = line[..quote].trim_end_matches(['(', ' ', '[', ',']);
        let inside = &line[quote + 1..];
        let prefix = match &before[word(before)..] {
            "key" | "form" | "chords" => &inside[inside.rfind(' ').map_or(0, |at| at + 1)..],
            _ => inside,
        };
        return Place::Quoted { function: &before[word(before)..], prefix };
    }
    let prefix = &line[word(line)..];
    let before = &line[..line.len() - prefix.len()];
    if before.trim_end().ends_with('.') {
        return Place::Member { prefix };
    }
    let is_in_map = before.rfind("#{").is_some_and(|at| !before[at..].contains('}'));
    let is_name = before.trim_end().ends_with(['{', ',']);
    if is_in_map && is_name { Place::StyleName { prefix } } else { Place::Word { prefix } }
}

fn rows<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Candidate> {
    rows.map(|(word, hint)| Candidate { word: word.into(), hint: hint.into() }).collect()
}

fn quoted(function: &str, parts: &[&str]) -> Vec<Candidate> {
    match function {
        "part" => rows(parts.iter().map(|p| (*p, "a part"))),
        "role" => rows(ROLES.iter().map(|r| (r.name(), "a role"))),
        "engine" => rows(ENGINES.iter().map(|e| (e.name, e.doc))),
        "style" => rows(STYLES.iter().map(|s| (s.name, s.doc))),
        "key" => rows(SCALES.iter().map(|s| (s.name, s.doc))),
        "out" => {
            let sounds = SOUNDS.iter().map(|s| Candidate { word: format!("synth:{}", s.name), hint: s.doc.into() });
            let others =
                [("midi:", "a MIDI channel: midi:2"), ("jack:", "a JACK channel: jack:2"), ("none", "nowhere")];
            sounds.chain(rows(others.into_iter())).collect()
        }
        _ => Vec::new(),
    }
}

/// What may follow a dot.
fn members() -> Vec<Candidate> {
    let controls = CONTROLS.iter().filter(|c| c.scope == Scope::Part).map(|c| (c.name, c.doc));
    let methods = functions().filter(|f| f.signature.contains(&format!(".{}", f.name))).map(|f| (f.name, f.signature));
    rows(controls.chain(methods))
}

/// What may stand by itself.
fn words() -> Vec<Candidate> {
    let controls = CONTROLS.iter().filter(|c| c.scope == Scope::Set).map(|c| (c.name, c.doc));
    let free = api::functions().filter(|f| f.name.starts_with(char::is_alphabetic) && f.signature.starts_with(f.name));
    let keywords = ["let", "const", "if", "else", "for", "in", "while", "fn", "return", "true", "false"];
    rows(controls.chain(free.map(|f| (f.name, f.signature))).chain(keywords.map(|k| (k, "rhai"))))
}

#[cfg(test)]
mod test {
    use super::*;

    fn proposed(line: &str) -> Vec<String> {
        complete(line, &["lead", "low"]).1.into_iter().map(|c| c.word).collect()
    }

    #[test]
    fn proposals_follow_the_place() {
        assert_eq!(proposed("tem"), ["tempo"]);
        assert_eq!(proposed("lead.temp"), ["temperature"]);
        assert_eq!(proposed("lead.unm"), ["unmute"]);
        assert_eq!(proposed("part(\"l"), ["lead", "low"]);
        assert_eq!(proposed("x.role(\"ba"), ["bass"]);
        assert_eq!(proposed("key(\"D dor"), ["dorian"]);
        assert_eq!(proposed("lead.style(#{ rag"), ["ragtime"]);
        assert_eq!(proposed("lead.style(#{ ragtime: 0.5, chor"), ["chorale"]);
        assert_eq!(proposed("lead.out(\"synth:plu"), ["synth:pluck"]);
        assert_eq!(complete("lead.temp", &[]).0, 4);
        assert!(proposed("lead.").len() > 20);
    }

    #[test]
    fn any_line_is_answered() {
        for line in ["", "\"", "é", "é\"é", "x.é", "#{", "#{ é", ".", "((((\"", "\"a\"b\"ß"] {
            assert!(complete(line, &[]).1.len() <= 64, "{line}");
        }
    }
}
