//! Errors as one sentence with the line and column of their cause.

use super::functions;
use super::host::{CALL_DEPTH_MAX, OPERATIONS_MAX};
use super::near::{did_you_mean, nearest};
use crate::limits::SCRIPT_DEADLINE_MS;
use crate::steer::{CONTROLS, ScriptFault, control_named};
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

/// A fault at a position.
pub(super) fn at(position: Position, text: impl Into<String>) -> ScriptFault {
    let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    ScriptFault { line: position.line().unwrap_or(0) as u32, column: position.position().unwrap_or(0) as u32, text }
}

/// A fault of ours.
pub(super) fn panicked(doing: &str) -> ScriptFault {
    at(Position::NONE, format!("{doing} failed inside the program; the set that played before plays on"))
}

/// A text that is no script.
pub(super) fn of_parse(error: &ParseError, text: &str) -> ScriptFault {
    let (lines, at_end) =
        (text.trim_end().lines().count(), matches!(error.err_type(), ParseErrorType::MissingToken(..)));
    let place = error.position();
    let is_last = place.line().is_some_and(|l| l > lines || (l == lines && is_past(text, l, place.position())));
    if at_end && is_last {
        return at(place, "the set ends in the middle: ) or } or ; is missing");
    }
    at(place, parse_sentence(error.err_type(), text))
}

/// True when nothing but white space stands in this line from this column on.
fn is_past(text: &str, line: usize, column: Option<usize>) -> bool {
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    rest.chars().skip(column.unwrap_or(1).saturating_sub(1)).all(char::is_whitespace)
}

fn parse_sentence(error: &ParseErrorType, text: &str) -> String {
    match error {
        ParseErrorType::UnexpectedEOF => "the set ends in the middle: a value, a bracket or a brace is missing".into(),
        ParseErrorType::VariableUndefined(name) => no_variable(name, text),
        ParseErrorType::Reserved(word) if word == "#" => "'#' cannot be used here: a comment begins with //".into(),
        ParseErrorType::Reserved(word) => format!("'{word}' cannot be used here: rhai keeps that word for itself"),
        ParseErrorType::ExprTooDeep => "this is nested too deeply: give the inner pieces names with let".into(),
        ParseErrorType::MissingToken(token, why) => format!("'{token}' is missing {why}"),
        ParseErrorType::AssignmentToInvalidLHS(_) => {
            "this cannot be assigned to: give it a name, as in let lead = part(\"lead\"); lead.density = 0.5;".into()
        }
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => "a text stands in double quotes, as in \"lead\"".into(),
        ParseErrorType::BadInput(error) => sentence(&error.to_string()),
        other => sentence(&other.to_string()),
    }
}

/// A script that failed while it ran: the innermost cause.
pub(super) fn of_run(error: &EvalAltResult, text: &str) -> ScriptFault {
    let (mut error, mut position) = (error, error.position());
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) = error {
        error = inner;
        if !error.position().is_none() {
            position = error.position();
        }
    }
    at(position, run_sentence(error, text))
}

fn run_sentence(error: &EvalAltResult, text: &str) -> String {
    use EvalAltResult as E;
    match error {
        E::ErrorParsing(error, _) => parse_sentence(error, text),
        E::ErrorVariableNotFound(name, _) => no_variable(name, text),
        E::ErrorFunctionNotFound(signature, _) => no_function(signature, text),
        E::ErrorDotExpr(message, _) => no_property(message),
        E::ErrorPropertyNotFound(name, _) => format!("this map has no '{name}'"),
        E::ErrorIndexNotFound(index, _) => format!("there is nothing at [{index}]"),
        E::ErrorRuntime(value, _) => value.to_string(),
        E::ErrorTooManyOperations(_) => {
            format!("this runs for more than {OPERATIONS_MAX} operations: is it an endless loop?")
        }
        E::ErrorTerminated(..) => format!("this runs for more than {SCRIPT_DEADLINE_MS} ms: is it an endless loop?"),
        E::ErrorStackOverflow(_) => format!("functions call each other more than {CALL_DEPTH_MAX} deep"),
        E::ErrorDataTooLarge(what, _) => format!("{} grows too large", sentence(what).to_lowercase()),
        E::ErrorTooManyVariables(_) => "this has more than 256 variables at once".into(),
        E::ErrorTooManyModules(_) => "a set is one file: import does nothing here".into(),
        E::ErrorArrayBounds(count, index, _) => format!("a list of {count} has no [{index}]"),
        E::ErrorMismatchDataType(wanted, got, _) | E::ErrorMismatchOutputType(wanted, got, _) => {
            format!("{} is wanted here, not {}", type_word(wanted), type_word(got))
        }
        E::ErrorFor(_) => "for wants a list or a range, as in for i in 0..4".into(),
        E::ErrorDataRace(..) => "this closure changes a variable that is in use".into(),
        E::ErrorArithmetic(message, _) => sentence(message),
        other => {
            let message = other.to_string();
            sentence(message.split(" (line ").next().unwrap_or(&message))
        }
    }
}

/// rhai's words with a small first letter, as the middle of our line has it.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let is_word = message.chars().nth(1).is_some_and(char::is_lowercase);
    match chars.next() {
        Some(first) if is_word => first.to_lowercase().chain(chars).collect(),
        _ => message.to_string(),
    }
}

fn no_variable(name: &str, text: &str) -> String {
    let known: Vec<&str> = declared(text, "let ").chain(declared(text, "const ")).collect();
    if known.contains(&name) {
        return format!("'{name}' cannot be seen here: fn sees only its arguments, so use a closure or pass it in");
    }
    if functions().any(|f| f.name == name) || control_named(name).is_some() {
        return format!("'{name}' is a function: write {}", usage(name));
    }
    match nearest(name, known) {
        Some(near) => format!("there is no variable '{name}'; did you mean '{near}'?"),
        None => format!("there is no variable '{name}': a new one begins with let, as in let {name} = ..."),
    }
}

/// Names that stand after a keyword. A rough look at the text is enough for a hint.
fn declared<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(keyword).skip(1).take(512).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

/// How a word of ours is written.
fn usage(name: &str) -> String {
    match (functions().find(|f| f.name == name), control_named(name)) {
        (Some(f), _) => f.signature.to_string(),
        (None, Some(control)) => control.example.trim_end_matches(';').to_string(),
        (None, None) => name.to_string(),
    }
}

/// rhai's `name (type, type)` in our words.
fn no_function(signature: &str, text: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types: Vec<String> = types.trim_end_matches(')').split(", ").filter(|t| !t.is_empty()).map(type_word).collect();
    if name.starts_with("anon$") {
        return "this closure is called without arguments: write || before it".into();
    }
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return match types.as_slice() {
            [a, b] => format!("'{name}' does not work between {a} and {b}"),
            [a] => format!("'{name}' does not work on {a}"),
            _ => format!("'{name}' does not work here"),
        };
    }
    if functions().any(|f| f.name == name) || control_named(name).is_some() {
        let got = if types.is_empty() { "nothing".to_string() } else { types.join(", ") };
        return format!("{name} is written {}; it was given {got}", usage(name));
    }
    let own: Vec<&str> = declared(text, "fn ").collect();
    if own.contains(&name) {
        return format!("fn {name} is called with {} arguments, and is written with another number", types.len());
    }
    if declared(text, "let ").any(|v| v == name) {
        return format!("'{name}' is a variable, not a function: write {name}.call() if it is a closure");
    }
    let ours = functions().map(|f| f.name).chain(CONTROLS.iter().map(|c| c.name));
    format!("there is no function '{name}'{}", did_you_mean(name, ours.chain(own)))
}

/// `Unknown property 'x' - ...` or `No writable property 'x' - ...` in our words.
fn no_property(message: &str) -> String {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let (Some(name), Some(of)) = (quoted.next(), quoted.next()) else { return sentence(message) };
    if of != "part" {
        return format!("{} has no '{name}'", type_word(of));
    }
    if functions().any(|f| f.name == name) {
        return format!("'{name}' is a function: write {}", usage(name));
    }
    if control_named(name).is_some() {
        return format!("'{name}' belongs to the whole set: write {}", usage(name));
    }
    let names = CONTROLS.iter().filter(|c| c.scope == crate::steer::Scope::Part).map(|c| c.name);
    match nearest(name, names.chain(functions().map(|f| f.name))) {
        Some(near) => format!("a part has no '{name}'; did you mean '{near}'?"),
        None => format!("a part has no '{name}'; F1 has the list of controls"),
    }
}

/// rhai's name of a type in our words.
fn type_word(name: &str) -> String {
    let name = name.trim();
    match name {
        "i64" | "f64" | "int" | "float" => "a number".into(),
        "bool" => "true or false".into(),
        "()" => "nothing".into(),
        "char" => "a character".into(),
        "array" => "a list".into(),
        "map" => "a map".into(),
        "Fn" => "a closure".into(),
        "every" => "every(n)".into(),
        _ if name.contains("String") || name.contains("str") => "a text".into(),
        _ => format!("a {name}"),
    }
}
