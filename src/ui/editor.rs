//! The editor's text: a text area of the library, with colours, faults, search and completion of our own.

use super::Catalogue;
use crate::script::complete::{Candidate, complete};
use crate::script::functions;
use crate::script::highlight::{Span, highlight};
use crate::steer::{CONTROLS, ScriptFault};
use ratatui::layout::Rect;
use ratatui_textarea::{CursorMove, TextArea};

/// Most lines and most characters in a line: the library counts both in 16 bits.
const LINES_MAX: usize = 20_000;
const COLUMNS_MAX: usize = 8_000;

/// A word that the hint line explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What is typed.
    pub name: String,
    /// How it is written, and what it does.
    pub hint: String,
}

/// A completion that goes on while Tab is pressed.
#[derive(Clone, Debug)]
struct Completing {
    candidates: Vec<Candidate>,
    index: usize,
    /// Row, first column and one past the last column of what was put in.
    row: usize,
    start: usize,
    end: usize,
}

/// The editor.
pub struct Editor {
    pub(super) area: TextArea<'static>,
    /// The text as it is in the file.
    saved: String,
    text: String,
    /// What each piece of each line is.
    pub(super) spans: Vec<Vec<Span>>,
    pub(super) fault: Option<ScriptFault>,
    pub(super) words: Vec<Word>,
    completing: Option<Completing>,
    /// What is searched for while its line is open.
    pub(super) finding: Option<String>,
    /// Where the text was drawn last.
    pub(super) rect: Rect,
}

/// True when the editor can hold this text.
pub fn fits(text: &str) -> bool {
    text.lines().count() < LINES_MAX && text.lines().all(|l| l.len() < COLUMNS_MAX)
}

impl Editor {
    /// An editor on a text that is in its file; a text that does not [`fits`] gives an empty one.
    pub fn new(text: &str, catalogue: &Catalogue) -> Editor {
        let word = |name: &str, how: &str, doc: &str| Word { name: name.into(), hint: format!("{how}  {doc}") };
        let mut words: Vec<Word> = functions()
            .map(|f| word(f.name, f.signature, f.doc))
            .chain(CONTROLS.iter().map(|c| word(c.name, c.example, c.doc)))
            .chain(catalogue.help.iter().map(|t| word(&t.name, &t.signature, &t.doc)))
            .filter(|w| !w.name.is_empty() && w.name.chars().all(is_word))
            .collect();
        words.sort_by(|a, b| a.name.cmp(&b.name));
        words.dedup_by(|a, b| a.name == b.name);
        let mut editor = Editor {
            area: TextArea::default(),
            saved: String::new(),
            text: String::new(),
            spans: Vec::new(),
            fault: None,
            words,
            completing: None,
            finding: None,
            rect: Rect::default(),
        };
        editor.load(text);
        editor
    }

    /// Takes a text that is in the file; the cursor stays where it was as far as there is text.
    pub fn load(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = if fits(&text) { text } else { String::new() };
        let cursor = self.area.cursor();
        let mut area = TextArea::new(text.split('\n').map(str::to_string).collect());
        area.set_max_histories(1000);
        area.set_tab_length(4);
        area.move_cursor(CursorMove::Jump(cursor.0 as u16, cursor.1 as u16));
        self.area = area;
        self.saved = text;
        self.changed();
    }

    /// The text.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// True when the text is this one.
    pub fn text_is(&self, other: Option<&str>) -> bool {
        other == Some(&self.text)
    }

    /// True when the text is not what is in the file.
    pub fn is_dirty(&self) -> bool {
        self.text != self.saved
    }

    /// The text is in the file now.
    pub fn mark_saved(&mut self, text: &str) {
        self.saved = text.to_string();
    }

    /// What is wrong with the text that was launched last.
    pub fn show_fault(&mut self, fault: Option<&ScriptFault>) {
        if self.fault.as_ref() != fault {
            self.fault = fault.cloned();
        }
    }

    /// To be called after every change of the text.
    pub fn changed(&mut self) {
        self.text = self.area.lines().join("\n");
        self.spans = highlight(&self.text);
    }

    /// Types a character, or several at once.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        let here = self.area.lines().get(self.area.cursor().0).map_or(0, String::len);
        let lines = self.area.lines().len() + text.matches('\n').count();
        if lines < LINES_MAX && longest + here < COLUMNS_MAX {
            self.area.insert_str(&text);
            self.changed();
        }
    }

    /// A new line, indented as the one before, deeper after an open bracket.
    pub fn newline(&mut self) {
        let (row, column) = self.area.cursor().into_pair();
        let line: String = self.area.lines().get(row).map_or(String::new(), |l| l.chars().take(column).collect());
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let deeper = if line.trim_end().ends_with(['{', '(', '[']) { "    " } else { "" };
        self.insert(&format!("\n{indent}{deeper}"));
    }

    /// Comments the cursor's line out, or in again.
    pub fn toggle_comment(&mut self) {
        let (row, column) = self.area.cursor().into_pair();
        let Some(line) = self.area.lines().get(row).cloned() else { return };
        self.area.cancel_selection();
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        let rest: String = line.chars().skip(indent).collect();
        self.area.move_cursor(CursorMove::Jump(row as u16, indent as u16));
        let column = if rest.starts_with("//") {
            let count = if rest.starts_with("// ") { 3 } else { 2 };
            self.area.delete_str(count);
            column.saturating_sub(count)
        } else {
            self.area.insert_str("// ");
            column + 3
        };
        self.area.move_cursor(CursorMove::Jump(row as u16, column as u16));
        self.changed();
    }

    /// Completes what stands before the cursor, or goes to the next candidate; indents where there is nothing to complete.
    /// `parts` are the names of the parts in force.
    pub fn complete(&mut self, parts: &[&str]) {
        let (row, column) = self.area.cursor().into_pair();
        let next = match self.completing.take().filter(|c| (c.row, c.end) == (row, column)) {
            Some(c) => Some(Completing { index: (c.index + 1) % c.candidates.len(), ..c }),
            None => self.candidates(row, column, parts),
        };
        let Some(mut next) = next else {
            self.area.insert_tab();
            return self.changed();
        };
        self.area.move_cursor(CursorMove::Jump(row as u16, next.start as u16));
        self.area.delete_str(column - next.start);
        self.area.insert_str(&next.candidates[next.index].word);
        next.end = self.area.cursor().1;
        self.completing = Some(next);
        self.changed();
    }

    fn candidates(&self, row: usize, column: usize, parts: &[&str]) -> Option<Completing> {
        let line: String = self.area.lines().get(row)?.chars().take(column).collect();
        if line.trim().is_empty() {
            return None;
        }
        let (length, candidates) = complete(&line, parts);
        let start = column.checked_sub(length)?;
        (!candidates.is_empty()).then_some(Completing { candidates, index: 0, row, start, end: column })
    }

    /// A word about the word under the cursor, or the candidates of a completion.
    pub fn hint(&self) -> Option<String> {
        let at = self.area.cursor().into_pair();
        if let Some(c) = self.completing.as_ref().filter(|c| (c.row, c.end) == at && c.candidates.len() > 1) {
            let from = c.index.saturating_sub(2);
            let names: Vec<_> = c.candidates[from..].iter().map(|c| c.word.as_str()).collect();
            return Some(format!("Tab {} of {}: {}", c.index + 1, c.candidates.len(), names.join("  ")));
        }
        let line: Vec<char> = self.area.lines().get(at.0)?.chars().collect();
        let column = at.1.min(line.len());
        let start = line[..column].iter().rposition(|c| !is_word(*c)).map_or(0, |i| i + 1);
        let name: String = line[start..].iter().take_while(|c| is_word(**c)).collect();
        let found = self.words.binary_search_by(|w| w.name.as_str().cmp(&name)).ok()?;
        Some(self.words[found].hint.clone())
    }

    /// Searches for what is typed in the search line; empty forgets it.
    pub fn search(&mut self) {
        let words = self.finding.clone().unwrap_or_default();
        let escaped: String = words.chars().flat_map(|c| if is_word(c) { vec![c] } else { vec!['\\', c] }).collect();
        let escaped = escaped.replace("\\ ", " ");
        if self.area.set_search_pattern(escaped).is_ok() && !words.is_empty() {
            self.area.search_forward(true);
        }
    }
}

/// Row and column of the library's cursor.
pub(super) trait Pair {
    fn into_pair(self) -> (usize, usize);
}

impl Pair for ratatui_textarea::DataCursor {
    fn into_pair(self) -> (usize, usize) {
        (self.0, self.1)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod test {
    use super::*;

    fn editor(text: &str) -> Editor {
        Editor::new(text, &Catalogue::default())
    }

    #[test]
    fn the_text_comes_out_as_it_went_in() {
        for text in ["", "a", "a\n", "a\n\nb\n", "\n"] {
            let e = editor(text);
            assert_eq!((e.text().as_str(), e.is_dirty()), (text, false));
        }
        assert_eq!(editor("a\r\nb\r").text(), "a\nb\n");
    }

    #[test]
    fn words_are_completed_in_turn() {
        let mut e = editor("");
        e.insert("lead.tem");
        e.complete(&[]);
        assert_eq!(e.text(), "lead.temperature");
        assert!(e.hint().is_some_and(|h| h.contains("freely")));
        e.insert("\n");
        e.insert("re");
        e.complete(&[]);
        let first = e.text();
        e.complete(&[]);
        assert_ne!(e.text(), first);
        e.insert("\n");
        e.complete(&[]);
        assert!(e.text().ends_with("    "), "nothing to complete: indents");
    }

    #[test]
    fn comments_come_and_go_and_new_lines_are_indented() {
        let mut e = editor("  a {");
        e.toggle_comment();
        assert_eq!(e.text(), "  // a {");
        e.toggle_comment();
        assert_eq!(e.text(), "  a {");
        e.area.move_cursor(CursorMove::End);
        e.newline();
        assert_eq!(e.text(), "  a {\n      ");
    }

    #[test]
    fn texts_too_large_for_the_library_are_refused() {
        let mut e = editor(&"x\n".repeat(70_000));
        assert_eq!(e.text(), "");
        e.insert(&"y".repeat(70_000));
        assert_eq!(e.text(), "");
    }

    #[test]
    fn search_takes_its_words_literally() {
        let mut e = editor("a\nb(c)\nd");
        e.finding = Some("(c)".into());
        e.search();
        assert_eq!(e.area.cursor().into_pair(), (1, 1));
        e.finding = Some("é[".into());
        e.search();
    }
}
