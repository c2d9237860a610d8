//! Colours: one calm dark palette in four depths (24 bit, 256, 16 colours, none).

use crate::music::Role;
use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 24 bit.
    True,
    /// The 256 of xterm.
    Indexed,
    /// The 16 of ANSI.
    Ansi,
    /// None: `NO_COLOR` is set.
    Mono,
}

impl Depth {
    /// What the environment says: `NO_COLOR` (any value but empty), `COLORTERM`, then `TERM`.
    pub fn from_env() -> Depth {
        let get = |name: &str| std::env::var(name).unwrap_or_default();
        Depth::from_words(&get("NO_COLOR"), &get("COLORTERM"), &get("TERM"))
    }

    fn from_words(no_color: &str, color_term: &str, term: &str) -> Depth {
        if !no_color.is_empty() {
            Depth::Mono
        } else if color_term.contains("truecolor") || color_term.contains("24bit") || term.contains("direct") {
            Depth::True
        } else if term.contains("256") || term.contains("kitty") || term.contains("alacritty") {
            Depth::Indexed
        } else {
            Depth::Ansi
        }
    }
}

/// Place of something on the time axis of the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// Has been played.
    Past,
    /// Sounds.
    Now,
    /// Is planned.
    Future,
}

type Rgb = (u8, u8, u8);

const BACK: Rgb = (16, 18, 23);
const RAISED: Rgb = (24, 27, 35);
const TEXT: Rgb = (205, 209, 217);
const DIM: Rgb = (128, 136, 150);
const FAINT: Rgb = (70, 77, 90);
const GRID: Rgb = (38, 43, 54);
const ACCENT: Rgb = (138, 180, 248);
const GOOD: Rgb = (126, 200, 160);
const WARN: Rgb = (229, 192, 123);
const BAD: Rgb = (232, 116, 124);
const VIOLET: Rgb = (180, 157, 236);
/// Drums, bass, chords, lead.
const ROLE: [Rgb; 4] = [(233, 168, 108), (104, 170, 236), (180, 150, 236), (116, 208, 164)];

/// The palette at one depth.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// How many colours.
    pub depth: Depth,
}

impl Theme {
    /// A theme.
    pub fn new(depth: Depth) -> Theme {
        Theme { depth }
    }

    fn color(&self, rgb: Rgb, ansi: Color) -> Color {
        match self.depth {
            Depth::True => Color::Rgb(rgb.0, rgb.1, rgb.2),
            Depth::Indexed => Color::Indexed(nearest_256(rgb)),
            Depth::Ansi => ansi,
            Depth::Mono => Color::Reset,
        }
    }

    /// The screen's background.
    pub fn back(&self) -> Color {
        self.color(BACK, Color::Reset)
    }
    /// A slightly lighter background: the planned future, the cursor's line, overlays.
    pub fn raised(&self) -> Color {
        self.color(RAISED, Color::Reset)
    }
    /// Ground of the chosen bar in the roll.
    pub fn lit(&self) -> Color {
        self.color((36, 42, 58), Color::Reset)
    }
    /// Ground of frozen bars in the roll.
    pub fn frozen(&self) -> Color {
        self.color((22, 38, 50), Color::Reset)
    }
    /// Background of what is chosen.
    pub fn chosen(&self) -> Color {
        self.color((44, 54, 76), Color::Blue)
    }
    /// Plain text.
    pub fn text(&self) -> Style {
        Style::new().fg(self.color(TEXT, Color::Reset)).bg(self.back())
    }
    /// Text of second rank.
    pub fn dim(&self) -> Style {
        Style::new().fg(self.color(DIM, Color::Gray))
    }
    /// Text of third rank, borders.
    pub fn faint(&self) -> Style {
        Style::new().fg(self.color(FAINT, Color::DarkGray))
    }
    /// Lines behind the notes.
    pub fn grid(&self) -> Style {
        Style::new().fg(self.color(GRID, Color::DarkGray))
    }
    /// What matters now.
    pub fn accent(&self) -> Style {
        Style::new().fg(self.color(ACCENT, Color::LightBlue))
    }
    /// Running, sound.
    pub fn good(&self) -> Style {
        Style::new().fg(self.color(GOOD, Color::LightGreen))
    }
    /// Pending, warnings.
    pub fn warn(&self) -> Style {
        Style::new().fg(self.color(WARN, Color::LightYellow))
    }
    /// Errors.
    pub fn bad(&self) -> Style {
        Style::new().fg(self.color(BAD, Color::LightRed))
    }
    /// Errors on [`Theme::bad_back`].
    pub fn on_bad(&self) -> Style {
        Style::new().fg(self.color((244, 176, 180), Color::White))
    }
    /// How real a bar sounds: more likely than not, undecided, less.
    pub fn score(&self, score: f32) -> Style {
        if score >= 1.0 {
            self.good()
        } else if score > -1.0 {
            self.warn()
        } else {
            self.bad()
        }
    }
    /// Signals: numbers that move.
    pub fn moving(&self) -> Style {
        Style::new().fg(self.color(VIOLET, Color::LightMagenta))
    }
    /// Emphasis.
    pub fn strong(&self) -> Style {
        self.text().add_modifier(Modifier::BOLD)
    }
    /// Something chosen: colours where there are some, reversed where there are none.
    pub fn selected(&self) -> Style {
        match self.depth {
            Depth::Mono => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(self.chosen()),
        }
    }
    /// Background of the line that is wrong.
    pub fn bad_back(&self) -> Color {
        self.color((64, 28, 34), Color::Red)
    }

    /// A role's colour.
    pub fn role(&self, role: Role) -> Color {
        let ansi = [Color::LightYellow, Color::LightBlue, Color::LightMagenta, Color::LightGreen];
        self.color(ROLE[role.index()], ansi[role.index()])
    }

    /// Colour of a note: its role's, faded by tense and (in three levels, which keeps runs of colour long) velocity.
    pub fn note(&self, role: Role, tense: Tense, velocity: u8, is_onset: bool) -> Color {
        let rgb = ROLE[role.index()];
        let level = f32::from(velocity / 43) / 2.0; // 0, 0.5, 1
        let hold = if is_onset { 0.0 } else { 0.16 };
        let (to, share) = match tense {
            Tense::Now => ((255, 255, 255), 0.25 + 0.25 * level),
            Tense::Past => (BACK, 0.68 - 0.12 * level + hold * 0.5),
            Tense::Future => (BACK, 0.34 - 0.24 * level + hold),
        };
        let ansi = match tense {
            Tense::Now => Color::White,
            Tense::Past => Color::DarkGray,
            Tense::Future => self.role(role),
        };
        self.color(mix(rgb, to, share), ansi)
    }

    /// Background of a knob's filled share, in its part's colour.
    pub fn fill(&self, role: Option<Role>) -> Color {
        let rgb = role.map_or(ACCENT, |r| ROLE[r.index()]);
        self.color(mix(rgb, BACK, 0.72), Color::DarkGray)
    }
}

/// `a` on the way to `b`, `share` 0..=1.
fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    let one = |x: u8, y: u8| (f32::from(x) + (f32::from(y) - f32::from(x)) * share.clamp(0.0, 1.0)).round() as u8;
    (one(a.0, b.0), one(a.1, b.1), one(a.2, b.2))
}

/// The nearest of xterm's 6x6x6 cube and grey ramp.
fn nearest_256((r, g, b): Rgb) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let near = |v: u8| (0..6).min_by_key(|&i| LEVELS[i].abs_diff(v)).unwrap_or(0);
    let far = |x: Rgb| {
        let d = |p: u8, q: u8| u32::from(p.abs_diff(q)).pow(2);
        d(x.0, r) + d(x.1, g) + d(x.2, b)
    };
    let (i, j, k) = (near(r), near(g), near(b));
    let cube = (LEVELS[i], LEVELS[j], LEVELS[k]);
    let mean = (u32::from(r) + u32::from(g) + u32::from(b)) / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    let level = 8 + 10 * grey;
    if far((level, level, level)) < far(cube) { 232 + grey } else { (16 + 36 * i + 6 * j + k) as u8 }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_environment_chooses_the_depth() {
        for (no_color, color_term, term, expected) in [
            ("", "truecolor", "xterm-256color", Depth::True),
            ("", "", "screen-256color", Depth::Indexed),
            ("", "", "linux", Depth::Ansi),
            ("1", "truecolor", "xterm", Depth::Mono),
        ] {
            assert_eq!(Depth::from_words(no_color, color_term, term), expected);
        }
    }

    #[test]
    fn colours_fall_on_their_nearest_neighbour() {
        assert_eq!(nearest_256((0, 0, 0)), 16);
        assert_eq!(nearest_256((255, 255, 255)), 231);
        assert_eq!(nearest_256((128, 128, 128)), 244);
        assert_eq!(nearest_256((255, 0, 0)), 196);
    }

    #[test]
    fn without_colours_nothing_is_coloured() {
        let theme = Theme::new(Depth::Mono);
        assert_eq!(theme.note(Role::Lead, Tense::Now, 100, true), Color::Reset);
        assert_eq!(theme.selected().bg, None);
    }
}
