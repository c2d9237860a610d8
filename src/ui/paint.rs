//! Painting into a buffer without leaving it.

use super::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

/// Paints text at column `x`, row `y` of `area`, cut at its right edge. Gives the column after it.
pub fn text(buf: &mut Buffer, area: Rect, x: u16, y: u16, words: &str, style: Style) -> u16 {
    let area = area.intersection(buf.area);
    if x >= area.width || y >= area.height {
        return x;
    }
    let (end, _) = buf.set_stringn(area.x + x, area.y + y, words, usize::from(area.width - x), style);
    end - area.x
}

/// Paints text that ends at the right edge; nothing when it would reach left of `from`.
pub fn text_right(buf: &mut Buffer, area: Rect, from: u16, y: u16, words: &str, style: Style) {
    let width = Span::raw(words).width() as u16;
    if let Some(x) = area.width.checked_sub(width).filter(|x| *x >= from) {
        text(buf, area, x, y, words, style);
    }
}

/// Paints styled pieces one after another. Gives the column after them.
pub fn spans<'a>(
    buf: &mut Buffer,
    area: Rect,
    x: u16,
    y: u16,
    pieces: impl IntoIterator<Item = (&'a str, Style)>,
) -> u16 {
    pieces.into_iter().fold(x, |x, (words, style)| text(buf, area, x, y, words, style))
}

/// Fills a rectangle with blanks of a style.
pub fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
            buf[(x, y)].set_style(style);
        }
    }
}

/// The top line of a pane with its title; gives what is left for its contents.
pub fn frame(buf: &mut Buffer, area: Rect, theme: &Theme, title: &str, note: &str, is_focused: bool) -> Rect {
    let area = area.intersection(buf.area);
    if area.height == 0 || area.width == 0 {
        return area;
    }
    let rule = if is_focused { theme.accent() } else { theme.grid() };
    text(buf, area, 0, 0, &"─".repeat(usize::from(area.width)), rule);
    let name = if is_focused { theme.accent().add_modifier(Modifier::BOLD) } else { theme.dim() };
    let x = text(buf, area, 1, 0, &format!(" {title} "), name);
    if !note.is_empty() {
        text_right(buf, area, x + 1, 0, &format!(" {note} "), theme.faint());
    }
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

/// Breaks text into lines of at most `width` cells, at blanks where there are some.
pub fn wrap(words: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let mut word = word.to_string();
        loop {
            let line = lines.last_mut().filter(|l| !l.is_empty());
            let used = line.as_ref().map_or(0, |l| Span::raw(l.as_str()).width() + 1);
            if used + Span::raw(word.as_str()).width() <= width {
                match line {
                    Some(line) => {
                        line.push(' ');
                        line.push_str(&word);
                    }
                    None => *lines.last_mut().unwrap_or(&mut String::new()) = word,
                }
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            // Longer than a line: cut it.
            let cut: String = word.chars().take(width).collect();
            word = word.chars().skip(width).collect();
            if let Some(line) = lines.last_mut() {
                *line = cut;
            }
            if word.is_empty() {
                break;
            }
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn text_is_wrapped_at_blanks_and_cut_where_there_are_none() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert!(wrap("音楽 音楽", 1).len() < 10);
    }

    #[test]
    fn nothing_is_painted_outside() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        text(&mut buf, Rect::new(0, 0, 4, 1), 2, 0, "long text", Style::new());
        text(&mut buf, Rect::new(0, 0, 9, 9), 8, 8, "x", Style::new());
        text(&mut buf, Rect::new(3, 3, 9, 9), 0, 0, "x", Style::new());
        assert_eq!(buf, Buffer::with_lines(["  lo"]));
    }
}
