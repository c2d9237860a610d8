//! Svg: a buffer of cells as a picture, for the README and for looking at.
//!
//! Block elements and lines are drawn as shapes (as glyphs they leave gaps between rows), every glyph has its own x (fallback
//! fonts have other widths), and the sixteen colours of ANSI have a fixed palette.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// Size of a cell, in pixels.
const CELL: (f32, f32) = (8.4, 17.0);
/// Text's baseline below the top of its cell.
const BASELINE: f32 = 13.0;
const MARGIN: f32 = 10.0;
const BACK: (u8, u8, u8) = (16, 18, 23);
const TEXT: (u8, u8, u8) = (205, 209, 217);

/// Colours of ANSI, in the order of their numbers.
#[rustfmt::skip]
const ANSI: [(u8, u8, u8); 16] = [
    (28, 31, 38), (204, 82, 92), (110, 176, 130), (208, 168, 92), (92, 146, 214), (166, 130, 206), (86, 172, 182), (176, 182, 192),
    (92, 99, 112), (232, 116, 124), (126, 200, 160), (229, 192, 123), (138, 180, 248), (180, 157, 236), (120, 208, 216), (238, 240, 244),
];

/// The picture as an SVG document.
pub fn picture(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) =
        (f32::from(area.width) * CELL.0 + 2.0 * MARGIN, f32::from(area.height) * CELL.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        hex(BACK)
    );
    for y in 0..area.height {
        row(buffer, y, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// Foreground, background and emphasis of a cell.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    fore: (u8, u8, u8),
    back: (u8, u8, u8),
    is_bold: bool,
    is_italic: bool,
    is_underlined: bool,
}

fn look(cell: &Cell) -> Look {
    let (mut fore, mut back) = (rgb(cell.fg, TEXT), rgb(cell.bg, BACK));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fore, &mut back);
    }
    Look {
        fore,
        back,
        is_bold: cell.modifier.contains(Modifier::BOLD),
        is_italic: cell.modifier.contains(Modifier::ITALIC),
        is_underlined: cell.modifier.contains(Modifier::UNDERLINED),
    }
}

fn row(buffer: &Buffer, y: u16, out: &mut String) {
    let cells: Vec<(&Cell, Look)> = (0..buffer.area.width)
        .filter_map(|x| buffer.cell((buffer.area.x + x, buffer.area.y + y)))
        .map(|c| (c, look(c)))
        .collect();
    let top = MARGIN + f32::from(y) * CELL.1;
    let left = |x: usize| MARGIN + x as f32 * CELL.0;
    // Grounds first: a run at a time, so that no seam is seen.
    each_run(
        &cells,
        |a, b| a.1.back == b.1.back,
        |from, to, first| {
            if first.1.back != BACK {
                rect(out, (left(from), top, (to - from) as f32 * CELL.0, CELL.1), first.1.back);
            }
        },
    );
    // Shapes, then text.
    each_run(
        &cells,
        |a, b| a.1.fore == b.1.fore && a.0.symbol() == b.0.symbol(),
        |from, to, first| {
            shape(out, first.0.symbol(), (left(from), top), (to - from) as f32 * CELL.0, to - from, first.1.fore);
        },
    );
    each_run(
        &cells,
        |a, b| Look { back: b.1.back, ..a.1 } == b.1,
        |from, to, first| {
            text(out, &cells[from..to], (left(from), top + BASELINE), &first.1);
        },
    );
}

/// Calls `with` for every longest stretch of cells that belong together.
fn each_run<'a>(
    cells: &[(&'a Cell, Look)],
    belong: impl Fn(&(&'a Cell, Look), &(&'a Cell, Look)) -> bool,
    mut with: impl FnMut(usize, usize, &(&'a Cell, Look)),
) {
    let mut from = 0;
    for to in 1..=cells.len() {
        if to == cells.len() || !belong(&cells[from], &cells[to]) {
            with(from, to, &cells[from]);
            from = to;
        }
    }
}

fn rect(out: &mut String, (x, y, w, h): (f32, f32, f32, f32), fill: (u8, u8, u8)) {
    _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"{}\"/>", hex(fill));
}

/// Block elements as shares of the cell from left, top, width, height; `None` for what is drawn as text.
fn block(symbol: &str) -> Option<(f32, f32, f32, f32)> {
    let c = symbol.chars().next()?;
    Some(match c {
        '▀' => (0.0, 0.0, 1.0, 0.5),
        '▁'..='█' => {
            let share = (c as u32 - '▁' as u32 + 1) as f32 / 8.0;
            (0.0, 1.0 - share, 1.0, share)
        }
        '▉'..='▏' => (0.0, 0.0, ('▏' as u32 - c as u32 + 1) as f32 / 8.0, 1.0),
        '─' | '┄' => (0.0, 0.47, 1.0, 0.07),
        _ => return None,
    })
}

/// Lines from top to bottom: the share of the cell where they begin, and how far a line goes across.
fn upright(symbol: &str) -> Option<(f32, f32)> {
    match symbol {
        "│" | "╎" | "┊" => Some((0.0, 0.0)),
        "┬" => Some((0.47, 1.0)),
        "┤" => Some((0.0, 0.5)),
        _ => None,
    }
}

fn shape(out: &mut String, symbol: &str, (x, y): (f32, f32), width: f32, count: usize, fill: (u8, u8, u8)) {
    if let Some((dx, dy, w, h)) = block(symbol) {
        if w >= 1.0 {
            return rect(out, (x, y + dy * CELL.1, width, h * CELL.1), fill);
        }
        for i in 0..count {
            rect(out, (x + (i as f32 + dx) * CELL.0, y, w * CELL.0, CELL.1), fill);
        }
    } else if let Some((from, across)) = upright(symbol) {
        for i in 0..count {
            let middle = x + (i as f32 + 0.5) * CELL.0 - 0.6;
            if matches!(symbol, "╎" | "┊") {
                for part in [0.08, 0.58] {
                    rect(out, (middle, y + part * CELL.1, 1.2, CELL.1 * 0.34), fill);
                }
            } else {
                rect(out, (middle, y + from * CELL.1, 1.2, CELL.1 * (1.0 - from)), fill);
            }
            if across > 0.0 {
                rect(out, (x + i as f32 * CELL.0, y + 0.47 * CELL.1, CELL.0 * across, 1.2), fill);
            }
        }
    }
}

/// Text a word at a time: some renderers know one x only, and within a word a monospace font keeps its columns.
fn text(out: &mut String, cells: &[(&Cell, Look)], (x, y): (f32, f32), look: &Look) {
    let bold = if look.is_bold { " font-weight=\"bold\"" } else { "" };
    let italic = if look.is_italic { " font-style=\"italic\"" } else { "" };
    let under = if look.is_underlined { " text-decoration=\"underline\"" } else { "" };
    let fill = hex(look.fore);
    let is_text = |symbol: &str| !symbol.trim().is_empty() && block(symbol).is_none() && upright(symbol).is_none();
    let mut at = 0;
    for word in cells.split(|c| !is_text(c.0.symbol())) {
        let (mut xs, mut glyphs) = (String::new(), String::new());
        for (i, (cell, _)) in word.iter().enumerate() {
            _ = write!(xs, "{:.1} ", x + (at + i) as f32 * CELL.0);
            cell.symbol().chars().for_each(|c| match c {
                '&' => glyphs.push_str("&amp;"),
                '<' => glyphs.push_str("&lt;"),
                '>' => glyphs.push_str("&gt;"),
                c if c.is_control() => {}
                c => glyphs.push(c),
            });
        }
        at += word.len() + 1;
        if !glyphs.is_empty() {
            let xs = xs.trim_end();
            _ = writeln!(out, "<text x=\"{xs}\" y=\"{y:.1}\" fill=\"{fill}\"{bold}{italic}{under}>{glyphs}</text>");
        }
    }
}

fn hex((r, g, b): (u8, u8, u8)) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn rgb(color: Color, reset: (u8, u8, u8)) -> (u8, u8, u8) {
    let named = |i: usize| ANSI[i];
    match color {
        Color::Reset => reset,
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Indexed(i) => indexed(i),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
    }
}

/// The 256 colours of xterm.
fn indexed(i: u8) -> (u8, u8, u8) {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match i {
        0..=15 => ANSI[usize::from(i)],
        16..=231 => {
            let n = usize::from(i - 16);
            (LEVELS[n / 36], LEVELS[n / 6 % 6], LEVELS[n % 6])
        }
        _ => {
            let level = 8 + 10 * (i - 232);
            (level, level, level)
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn cells_become_shapes_and_escaped_text() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer.set_string(0, 0, "<▀▀&", Style::new().fg(Color::Indexed(196)));
        let svg = picture(&buffer);
        assert!(svg.contains("&lt;") && svg.contains("&amp;") && svg.contains("#ff0000"));
        assert_eq!(svg.matches("<rect").count(), 2, "ground, and one shape for both halves");
        assert_eq!(svg.matches("<text").count(), 2);
        assert!(svg.contains("x=\"10.0\"") && svg.contains("x=\"35.2\""), "a glyph each at its own place: {svg}");
    }
}
