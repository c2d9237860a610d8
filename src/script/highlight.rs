//! Colours for the editor, from rhai's own lexer: what is painted as a number is a number.

use super::functions;
use crate::steer::control_named;
use rhai::{MultiInputsStream, Position, Token, TokenizeState, get_next_token};

/// What a stretch of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A word of the language: `let`, `if`, `fn`.
    Keyword,
    /// A function of ours.
    Function,
    /// A control.
    Control,
    /// Any other name.
    Name,
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// A comment.
    Comment,
    /// An operator, a bracket, a comma.
    Symbol,
    /// Something that is none of these.
    Error,
}

/// A stretch of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First column, in chars from 0.
    pub start: usize,
    /// One past the last column.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
}

/// The spans of every line (lines as `split('\n')` gives them), in order and without overlap; what lies between them is
/// white space. Never fails: an unfinished text is coloured up to its end.
pub fn highlight(text: &str) -> Vec<Vec<Span>> {
    let widths: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let mut lines = vec![Vec::new(); widths.len()];
    let mut lexer = Lexer::new(text);
    while let Some((kind, start, end)) = lexer.next_piece() {
        for (line, spans) in lines.iter_mut().enumerate().take(end.0 + 1).skip(start.0) {
            let floor = spans.last().map_or(0, |s: &Span| s.end);
            let first = if line == start.0 { start.1 } else { 0 };
            // At the end of the text the lexer's column runs past it.
            let last = if line == end.0 { end.1.min(widths[line]) } else { widths[line] };
            if last > first.max(floor) {
                spans.push(Span { start: first.max(floor), end: last, kind });
            }
        }
    }
    lines
}

/// Line and column, from 0.
type Spot = (usize, usize);

struct Lexer<'a> {
    input: MultiInputsStream<'a>,
    state: TokenizeState,
    position: Position,
    /// Open braces inside each `${ ... }` that we are in. rhai's parser tells its lexer when a back-tick text goes on;
    /// without the parser we count.
    interpolations: Vec<u32>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Lexer<'a> {
        Lexer {
            input: MultiInputsStream {
                buf: [None, None],
                index: 0,
                streams: [text.chars().peekable()].into_iter().collect(),
            },
            state: TokenizeState { include_comments: true, ..Default::default() },
            position: Position::new(1, 0),
            interpolations: Vec::new(),
        }
    }

    /// The next token with its first place and the place past its end, as (line, column) from 0; `None` at the end.
    fn next_piece(&mut self) -> Option<(Kind, Spot, Spot)> {
        // Inside an open text or comment the lexer never says that the input is over: it must not be asked then.
        let is_left = self.input.buf.iter().any(Option::is_some)
            || self.input.streams.iter_mut().any(|stream| stream.peek().is_some());
        if !is_left {
            return None;
        }
        let before = self.position;
        let (token, start) = get_next_token(&mut self.input, &mut self.state, &mut self.position);
        self.follow_interpolation(&token);
        let kind = kind_of(&token)?;
        let start = if start.is_none() { before } else { start };
        let line = |p: Position| p.line().unwrap_or(1).max(1) - 1;
        let first = start.position().unwrap_or(1).max(1) - 1;
        Some((kind, (line(start), first), (line(self.position), self.position.position().unwrap_or(0))))
    }

    fn follow_interpolation(&mut self, token: &Token) {
        match token {
            Token::InterpolatedString(_) => self.interpolations.push(0),
            Token::LeftBrace | Token::MapStart => {
                if let Some(open) = self.interpolations.last_mut() {
                    *open += 1;
                }
            }
            Token::RightBrace => {
                if let Some(open) = self.interpolations.last_mut() {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        self.interpolations.pop();
                        self.state.is_within_text_terminated_by = Some("`".into());
                    }
                }
            }
            _ => {}
        }
    }
}

/// `None` at the end of the input.
fn kind_of(token: &Token) -> Option<Kind> {
    Some(match token {
        Token::EOF => return None,
        Token::IntegerConstant(_) | Token::FloatConstant(_) => Kind::Number,
        Token::StringConstant(_) | Token::CharConstant(_) | Token::InterpolatedString(_) => Kind::Text,
        Token::Comment(_) => Kind::Comment,
        Token::LexError(_) => Kind::Error,
        Token::Identifier(name) if functions().any(|f| f.name == name.as_str()) => Kind::Function,
        Token::Identifier(name) if control_named(name).is_some() => Kind::Control,
        Token::Identifier(_) => Kind::Name,
        token if token.is_standard_keyword() => Kind::Keyword,
        _ => Kind::Symbol,
    })
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    /// A line of letters, one for each column.
    fn painted(text: &str) -> Vec<String> {
        let letter = |kind| match kind {
            Kind::Keyword => 'k',
            Kind::Function => 'f',
            Kind::Control => 'c',
            Kind::Name => 'n',
            Kind::Number => '1',
            Kind::Text => 't',
            Kind::Comment => '/',
            Kind::Symbol => '.',
            Kind::Error => '!',
        };
        let lines = text.split('\n').zip(highlight(text));
        lines
            .map(|(line, spans)| {
                let mut row = vec![' '; line.chars().count()];
                for span in spans {
                    row[span.start..span.end].fill(letter(span.kind));
                }
                row.into_iter().collect()
            })
            .collect()
    }

    #[test]
    fn words_numbers_texts_and_comments_are_told_apart() {
        for (text, paint) in [
            ("let a = part(\"x\"); // hi", "kkk n . ffff.ttt.. /////"),
            ("a.density = 0.5;", "n.ccccccc . 111."),
            ("every(4).bars(|| f());", "fffff.1..ffff... n...."),
            ("`a${b}c`", "ttt.n.tt"),
            ("`a${ #{ x: 1 } }c`", "ttt. .. n. 1 . .tt"),
            ("\"open", "!!!!!"),
            ("", ""),
            ("   ", "   "),
        ] {
            let got = painted(text).join("\n");
            assert_eq!(got, paint, "{text}");
        }
        assert_eq!(painted("/* a\nb */ 1"), ["////", "//// 1"]);
        assert_eq!(painted("`a\n${1}\nb`;"), ["tt", "t.1.", "tt."]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_painted_inside_its_lines(text in "[a-z0-9`\"'${}/*\\n\\r\\t #\\\\éß.|]{0,60}") {
            let lines = highlight(&text);
            prop_assert_eq!(lines.len(), text.split('\n').count());
            for (line, spans) in text.split('\n').zip(lines) {
                let mut from = 0;
                for span in spans {
                    prop_assert!(from <= span.start && span.start < span.end && span.end <= line.chars().count());
                    from = span.end;
                }
            }
        }

        #[test]
        fn any_unicode_is_painted(text in "\\PC{0,60}") {
            drop(highlight(&text));
        }
    }
}
