//! The table of keys.

use super::Pane;
use crate::steer::When;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// Everywhere, in the editor and over lists too.
    Everywhere,
    /// Everywhere but where text is typed.
    Screen,
    /// In roll, parts, map and training.
    Band,
    /// In one pane.
    In(Pane),
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // each variant is documented by its row
pub enum Action {
    Help,
    Focus(Pane),
    NextPane,
    PrevPane,
    Zoom,
    Back,
    Launch(When),
    LaunchDefault,
    LaunchTime,
    Save,
    Reload,
    OpenSet,
    Outputs,
    StartStop,
    Panic,
    CancelPending,
    Quit,
    PickPart(u8),
    PartStep(i8),
    Mute,
    Solo,
    Hold,
    Reroll,
    RerollAll,
    Level(i8),
    BarStep(i8),
    Freeze,
    Veto,
    VetoAll,
    BackToBar,
    Enlarge,
    ControlStep(i8),
    Nudge(i8),
    Reset,
    TypeValue,
    Undo,
    Redo,
    Cut,
    Copy,
    Paste,
    SelectAll,
    Find,
    FindNext,
    FindPrev,
    Comment,
    Complete,
    ScrollLog(i8),
    LogEnd,
    MapMove(i8, i8),
    MapFine(i8, i8),
    PointStep(i8),
    StorePoint,
    Recall,
    MorphThere,
    OrbitThere,
    Walk,
    KeepBar,
    NewPlace,
    LetDrift,
    PlayWeights,
    PlayWeightsAll,
}

/// One row of [`KEYS`].
#[derive(Clone, Copy, Debug)]
pub struct KeyRow {
    /// The keys, as they are printed; any of them will do.
    pub keys: &'static [&'static str],
    /// Where they work.
    pub scope: KeyScope,
    /// What they do.
    pub action: Action,
    /// The same in words.
    pub doc: &'static str,
    /// A word or two for the hint line; empty keeps it out.
    pub hint: &'static str,
}

macro_rules! rows {
    ($($scope:expr => $($keys:literal),+ ; $action:expr ; $doc:literal ; $hint:literal)*) => {
        &[$(KeyRow { keys: &[$($keys),+], scope: $scope, action: $action, doc: $doc, hint: $hint }),*]
    };
}

use Action::*;
use KeyScope::*;

/// Every key. The first key of a row is the one that hints show; each command has one that plain terminals can send.
#[rustfmt::skip]
pub const KEYS: &[KeyRow] = rows! {
    Everywhere => "F1"; Help; "Help: keys, controls, functions, with search."; "help"
    Everywhere => "F2"; Focus(Pane::Roll); "To the piano roll."; "roll"
    Everywhere => "F3"; Focus(Pane::Editor); "To the editor."; "editor"
    Everywhere => "F4"; Focus(Pane::Parts); "To the parts and their knobs."; "parts"
    Everywhere => "Ctrl-E"; Focus(Pane::Map); "To the map of the latent space."; ""
    Everywhere => "Ctrl-D"; Focus(Pane::Training); "To the training run that is followed."; ""
    Everywhere => "Ctrl-L"; Focus(Pane::Log); "To the log."; ""
    Everywhere => "F5", "Ctrl-Enter"; Launch(When::Now); "Launch the text now: from the next step that has not been handed over."; "launch now"
    Everywhere => "F6"; Launch(When::NextBar); "Launch the text at the next bar line."; "at bar"
    Everywhere => "F7"; Launch(When::NextSection); "Launch the text when the section changes."; "at section"
    Everywhere => "Alt-Enter"; LaunchDefault; "Launch the text at the chosen moment (Ctrl-T chooses)."; ""
    Everywhere => "Ctrl-T"; LaunchTime; "Choose when saved text and knobs take effect: now, beat, bar, section."; ""
    Everywhere => "F8"; Outputs; "Choose the output of the focused part."; "output"
    Everywhere => "F9"; StartStop; "Start or stop."; "start/stop"
    Everywhere => "F12", "Ctrl-P"; Panic; "Panic: every note off, at once; the music goes on."; "panic"
    Everywhere => "F10", "Ctrl-Q"; Quit; "Quit. Unsaved text goes to a recovery file."; "quit"
    Everywhere => "F11"; Zoom; "The focused pane over the whole screen, and back."; ""
    Everywhere => "Shift-Tab"; PrevPane; "To the pane before."; ""
    Everywhere => "Ctrl-S"; Save; "Save the text to its file and launch it at the chosen moment."; ""
    Everywhere => "Ctrl-O"; OpenSet; "Open another set."; ""
    Everywhere => "Ctrl-R"; Reload; "Read the file again and drop what was typed since."; ""
    Everywhere => "Ctrl-G"; CancelPending; "Forget the edits that wait for their moment."; ""
    Everywhere => "Esc"; Back; "Back: close what is open, let go of what is chosen, leave the editor."; ""
    Screen => "Tab"; NextPane; "To the next pane."; ""
    Screen => "Space"; StartStop; "Start or stop."; ""
    Screen => "?"; Help; "Help."; ""
    Screen => "z"; Zoom; "The focused pane over the whole screen, and back."; ""
    Band => "1"; PickPart(0); "To the first part (2, 3, ... to the others)."; ""
    Band => "2"; PickPart(1); "To part 2."; ""
    Band => "3"; PickPart(2); "To part 3."; ""
    Band => "4"; PickPart(3); "To part 4."; ""
    Band => "5"; PickPart(4); "To part 5."; ""
    Band => "6"; PickPart(5); "To part 6."; ""
    Band => "7"; PickPart(6); "To part 7."; ""
    Band => "8"; PickPart(7); "To part 8."; ""
    Band => "9"; PickPart(8); "To part 9."; ""
    Band => "m"; Mute; "Mute the part, or let it be heard."; "mute"
    Band => "s"; Solo; "Solo the part, or not."; "solo"
    Band => "h"; Hold; "Loop the part's last two bars, or let go."; "hold"
    Band => "r"; Reroll; "Draw the part's planned bars anew."; "re-roll"
    Band => "R"; RerollAll; "Draw the whole band's planned bars anew."; ""
    Band => "l"; Focus(Pane::Map); "To the map of the latent space, where a generator is asked to play."; ""
    Band => "["; Level(-1); "The part softer."; ""
    Band => "]"; Level(1); "The part louder."; ""
    In(Pane::Roll) => "Up"; PartStep(-1); "To the part above."; ""
    In(Pane::Roll) => "Down"; PartStep(1); "To the part below."; ""
    In(Pane::Roll) => "Left"; BarStep(-1); "Choose the bar before."; ""
    In(Pane::Roll) => "Right"; BarStep(1); "Choose the next bar; the first press chooses the next one to come."; "bars"
    In(Pane::Roll) => "f"; Freeze; "Freeze the chosen bar: no edit changes it; again lets go."; "freeze"
    In(Pane::Roll) => "x", "Delete"; Veto; "Veto the chosen bar of the part: it is drawn anew."; "veto"
    In(Pane::Roll) => "X"; VetoAll; "Veto the chosen bar of the whole band."; ""
    In(Pane::Roll) => "b"; BackToBar; "Back to the chosen bar: script, states, chance and mutes as they were there."; "back to"
    In(Pane::Roll) => "Enter"; Enlarge; "The part alone in the roll, large; again shows all."; "enlarge"
    In(Pane::Parts) => "Up"; ControlStep(-1); "To the knob above."; ""
    In(Pane::Parts) => "Down"; ControlStep(1); "To the knob below."; ""
    In(Pane::Parts) => "Left"; PartStep(-1); "To the part on the left."; ""
    In(Pane::Parts) => "Right"; PartStep(1); "To the part on the right."; ""
    In(Pane::Parts) => "+", "="; Nudge(1); "Turn the knob up."; "turn"
    In(Pane::Parts) => "-"; Nudge(-1); "Turn the knob down."; ""
    In(Pane::Parts) => "PageUp"; Nudge(10); "Turn the knob up by ten."; ""
    In(Pane::Parts) => "PageDown"; Nudge(-10); "Turn the knob down by ten."; ""
    In(Pane::Parts) => "0", "Backspace", "Delete"; Reset; "Give the knob back to its default, or to the model."; "reset"
    In(Pane::Parts) => "Enter"; TypeValue; "Type a value."; "type"
    In(Pane::Map) => "Up"; MapMove(0, 1); "Move the part up on the map."; ""
    In(Pane::Map) => "Down"; MapMove(0, -1); "Move the part down on the map."; ""
    In(Pane::Map) => "Left"; MapMove(-1, 0); "Move the part to the left on the map."; "move"
    In(Pane::Map) => "Right"; MapMove(1, 0); "Move the part to the right on the map. A click puts it anywhere, a drag takes it along."; ""
    In(Pane::Map) => "Shift-Up"; MapFine(0, 1); "Move up a little."; ""
    In(Pane::Map) => "Shift-Down"; MapFine(0, -1); "Move down a little."; ""
    In(Pane::Map) => "Shift-Left"; MapFine(-1, 0); "Move to the left a little."; ""
    In(Pane::Map) => "Shift-Right"; MapFine(1, 0); "Move to the right a little."; ""
    In(Pane::Map) => "p"; StorePoint; "Make the place where the part is a point: p1, p2, ..."; "point"
    In(Pane::Map) => ","; PointStep(-1); "Choose the point before."; ""
    In(Pane::Map) => "."; PointStep(1); "Choose the next point."; "choose"
    In(Pane::Map) => "Enter"; Recall; "Jump to the chosen point, with its bar."; "go there"
    In(Pane::Map) => "t"; MorphThere; "Morph to the chosen point in four bars; bars go on being drawn."; "morph"
    In(Pane::Map) => "o"; OrbitThere; "Orbit around the chosen point in eight bars."; ""
    In(Pane::Map) => "w"; Walk; "Walk at random, a point every two bars; again stays."; "walk"
    In(Pane::Map) => "n"; NewPlace; "A new place by chance."; "new"
    In(Pane::Map) => "k"; KeepBar; "Keep the riff of this bar; again lets each bar be drawn."; "keep bar"
    In(Pane::Map) => "d", "Backspace"; LetDrift; "Give the place back to chance, as a new part has it."; ""
    In(Pane::Training) => "Up"; PartStep(-1); "To the part above."; ""
    In(Pane::Training) => "Down"; PartStep(1); "To the part below."; ""
    In(Pane::Training) => "Enter"; PlayWeights; "Let the part play the run's newest weights from the next bar line on."; "play weights"
    In(Pane::Training) => "a"; PlayWeightsAll; "Let every part that an LSTM plays have them."; "all parts"
    In(Pane::Editor) => "Ctrl-Z"; Undo; "Undo."; ""
    In(Pane::Editor) => "Ctrl-Y"; Redo; "Redo."; ""
    In(Pane::Editor) => "Ctrl-X"; Cut; "Cut what is chosen."; ""
    In(Pane::Editor) => "Ctrl-C"; Copy; "Copy what is chosen."; ""
    In(Pane::Editor) => "Ctrl-V"; Paste; "Paste what was cut or copied here."; ""
    In(Pane::Editor) => "Ctrl-A"; SelectAll; "Choose the whole text."; ""
    In(Pane::Editor) => "Ctrl-F"; Find; "Find a word."; "find"
    In(Pane::Editor) => "Ctrl-N"; FindNext; "To the next place found."; ""
    In(Pane::Editor) => "Ctrl-B"; FindPrev; "To the place found before."; ""
    In(Pane::Editor) => "Ctrl-K", "Ctrl-/"; Comment; "Comment the line out, or in again."; "comment"
    In(Pane::Editor) => "Tab"; Complete; "Complete the word; indent where there is none."; "complete"
    In(Pane::Log) => "Up"; ScrollLog(-1); "Older lines."; ""
    In(Pane::Log) => "Down"; ScrollLog(1); "Newer lines."; ""
    In(Pane::Log) => "PageUp"; ScrollLog(-10); "Much older lines."; "older"
    In(Pane::Log) => "PageDown"; ScrollLog(10); "Much newer lines."; "newer"
    In(Pane::Log) => "End"; LogEnd; "The newest line."; ""
};

/// What a key does in a pane; `in_text` where letters are typed (editor, search lines).
pub fn find(key: &KeyEvent, focus: Pane, in_text: bool) -> Option<Action> {
    let name = name_of(key)?;
    let works = |scope: KeyScope| match scope {
        Everywhere => true,
        Screen => !in_text,
        Band => !in_text && matches!(focus, Pane::Roll | Pane::Parts | Pane::Map | Pane::Training),
        In(pane) => pane == focus && (!in_text || pane == Pane::Editor),
    };
    KEYS.iter().find(|row| works(row.scope) && row.keys.contains(&name.as_str())).map(|row| row.action)
}

/// A key as the table writes it.
pub fn name_of(key: &KeyEvent) -> Option<String> {
    let mut shift = key.modifiers.contains(KeyModifiers::SHIFT);
    let (ctrl, alt) = (key.modifiers.contains(KeyModifiers::CONTROL), key.modifiers.contains(KeyModifiers::ALT));
    let base = match key.code {
        KeyCode::Char(' ') => "Space".to_string(),
        // Terminals without the kitty protocol send Ctrl-/ as Ctrl-7 or Ctrl-_.
        KeyCode::Char('_' | '7') if ctrl => "/".to_string(),
        KeyCode::Char(c) if ctrl => c.to_uppercase().to_string(),
        KeyCode::Char(c) => {
            // The letter itself says that Shift was held; some terminals report both.
            let c = if shift && c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c };
            shift = false;
            c.to_string()
        }
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::BackTab => {
            shift = true;
            "Tab".to_string()
        }
        KeyCode::Esc => "Esc".to_string(),
        KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace | KeyCode::Delete | KeyCode::Insert => {
            format!("{:?}", key.code)
        }
        KeyCode::Up | KeyCode::Down | KeyCode::Left | KeyCode::Right => format!("{:?}", key.code),
        KeyCode::Home | KeyCode::End | KeyCode::PageUp | KeyCode::PageDown => format!("{:?}", key.code),
        _ => return None,
    };
    let prefix = |on: bool, word: &'static str| if on { word } else { "" };
    Some(format!("{}{}{}{base}", prefix(ctrl, "Ctrl-"), prefix(alt, "Alt-"), prefix(shift, "Shift-")))
}

#[cfg(test)]
mod test {
    use super::super::PANES;
    use super::*;

    fn overlap(a: KeyScope, b: KeyScope) -> bool {
        let panes = |s| match s {
            Everywhere | Screen => PANES.iter().map(|p| p.pane).filter(|p| *p != Pane::Transport).collect(),
            Band => vec![Pane::Roll, Pane::Parts, Pane::Map, Pane::Training],
            In(pane) => vec![pane],
        };
        let in_text = |s| matches!(s, Everywhere | In(Pane::Editor));
        let typed = in_text(a) && in_text(b);
        panes(a).iter().any(|p| panes(b).contains(p) && (*p != Pane::Editor || typed))
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for (i, a) in KEYS.iter().enumerate() {
            assert!(!a.doc.is_empty() && !a.keys.is_empty());
            for b in &KEYS[i + 1..] {
                let shared = a.keys.iter().find(|k| b.keys.contains(k));
                assert!(shared.is_none() || !overlap(a.scope, b.scope), "{shared:?}: {} / {}", a.doc, b.doc);
            }
        }
    }

    #[test]
    fn keys_are_named_as_the_table_writes_them() {
        for (code, modifiers, expected) in [
            (KeyCode::Char('s'), KeyModifiers::CONTROL, "Ctrl-S"),
            (KeyCode::Char('X'), KeyModifiers::SHIFT, "X"),
            (KeyCode::Char('x'), KeyModifiers::SHIFT, "X"),
            (KeyCode::Char(' '), KeyModifiers::NONE, "Space"),
            (KeyCode::BackTab, KeyModifiers::SHIFT, "Shift-Tab"),
            (KeyCode::Enter, KeyModifiers::ALT, "Alt-Enter"),
            (KeyCode::F(5), KeyModifiers::NONE, "F5"),
            (KeyCode::PageUp, KeyModifiers::NONE, "PageUp"),
        ] {
            assert_eq!(name_of(&KeyEvent::new(code, modifiers)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn letters_reach_the_text_while_it_is_typed() {
        for c in (' '..='~').chain(['é', '♯']) {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            assert_eq!(find(&key, Pane::Editor, true), None, "{c}");
        }
    }
}
