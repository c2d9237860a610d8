//! Text grids for drums and piano rolls: one picture of steps for scripts, logs and golden files.
//!
//! ```text
//! kick  |x...|..o.|X...|....|        C4 |x---|....|
//! hat   |x.x.|x.x.|x.x.|x.xo|        E3 |..x-|--o.|
//! ```
//!
//! One character is one step: `o` soft, `x` normal, `X` accent, `.` nothing, `-` (rolls only) the note before is held. `|` and
//! spaces are cosmetic, `//` begins a comment. Velocities are kept as these three degrees; offsets are not written.

use super::key::{NOTE_NAMES, parse_note};
use super::kit::{ROWS, row_named, row_of};
use super::note::{StepNote, StepNotes};
use crate::limits::{BAR_STEPS_MAX, HISTORY_BARS, NOTES_PER_STEP};

/// Degrees of loudness: the character, the velocity it is read as, and the highest velocity that is written so.
const DEGREES: [(char, u8, u8); 3] = [('o', 52, 71), ('x', 88, 103), ('X', 116, 127)];
/// Longest grid that is read, in steps.
const STEPS_MAX: usize = (HISTORY_BARS * BAR_STEPS_MAX) as usize;

/// Reads a drum grid: rows by the names of the kit. All rows have the same length, which is the number of steps.
///
/// # Errors
/// A sentence with line and column: an unknown row, a row that is there twice, a strange character, rows of different length.
pub fn parse_drums(text: &str) -> Result<Vec<StepNotes>, String> {
    let row = |name: &str| {
        row_named(name).map(|row| ROWS[row].pitch).ok_or_else(|| {
            let names: Vec<&str> = ROWS.iter().map(|r| r.name).collect();
            format!("'{name}' is no row of the kit; the rows are {}", names.join(", "))
        })
    };
    parse(text, row, false)
}

/// Reads a piano roll: rows by note names such as `C4` (60) or `F#2`.
///
/// # Errors
/// As [`parse_drums`], and for a `-` that holds nothing.
pub fn parse_roll(text: &str) -> Result<Vec<StepNotes>, String> {
    let pitch = |name: &str| {
        parse_pitch(name).ok_or_else(|| format!("'{name}' is no note; write a name and an octave, as in C4 or F#2"))
    };
    parse(text, pitch, true)
}

/// Writes a drum grid: the rows that have notes, in the order of the kit (the kick's when there are none). Notes outside the kit are
/// not shown.
pub fn print_drums(steps: &[StepNotes]) -> String {
    let used = |row: &usize| steps.iter().flat_map(|s| s.iter()).any(|n| row_of(n.pitch) == Some(*row));
    let mut rows: Vec<usize> = (0..ROWS.len()).filter(used).collect();
    if rows.is_empty() {
        rows.push(0);
    }
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .map(|row| {
            let cell = |step: &StepNotes| step.iter().find(|n| row_of(n.pitch) == Some(row)).map_or('.', degree);
            (ROWS[row].name.to_string(), steps.iter().map(cell).collect())
        })
        .collect();
    print(&rows)
}

/// Writes a piano roll, highest note first. A note ends where its pitch is struck again and at the end of the grid.
pub fn print_roll(steps: &[StepNotes]) -> String {
    let mut pitches: Vec<u8> = steps.iter().flat_map(|s| s.iter().map(|n| n.pitch)).collect();
    pitches.sort_unstable_by(|a, b| b.cmp(a));
    pitches.dedup();
    if pitches.is_empty() {
        pitches.push(60);
    }
    let row = |pitch: u8| {
        let mut held = 0;
        let cell = |step: &StepNotes| match step.iter().find(|n| n.pitch == pitch) {
            Some(note) => {
                held = note.duration_steps.saturating_sub(1);
                degree(note)
            }
            None if held > 0 => {
                held -= 1;
                '-'
            }
            None => '.',
        };
        (pitch_name(pitch), steps.iter().map(cell).collect())
    };
    print(&pitches.into_iter().map(row).collect::<Vec<_>>())
}

/// The name of a pitch: 60 is `C4`, 0 is `C-1`.
pub fn pitch_name(pitch: u8) -> String {
    format!("{}{}", NOTE_NAMES[usize::from(pitch % 12)], i32::from(pitch / 12) - 1)
}

/// Reads a note with its octave: `C4` is 60. `None` when it is none, or outside 0..=127.
pub fn parse_pitch(name: &str) -> Option<u8> {
    let (class, octave) = parse_note(name)?;
    let octave: i32 = octave.parse().ok().filter(|o| (-2..=10).contains(o))?;
    let letter = i32::from(parse_note(name.get(..1)?)?.0);
    // Accidentals may lead over the octave's border: Cb4 is B3.
    let shift = (i32::from(class) - letter + 6).rem_euclid(12) - 6;
    u8::try_from(12 * (octave + 1) + letter + shift).ok().filter(|p| *p < 128)
}

fn degree(note: &StepNote) -> char {
    DEGREES.iter().find(|d| note.velocity <= d.2).map_or('X', |d| d.0)
}

fn print(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|r| r.0.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, cells) in rows {
        text.push_str(&format!("{name:width$} |"));
        for (at, cell) in cells.chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                text.push('|');
            }
            text.push(cell);
        }
        text.push_str("|\n");
    }
    text
}

/// Reads rows; `pitch` gives the pitch that a row's name stands for, `holds` allows `-`.
fn parse(text: &str, pitch: impl Fn(&str) -> Result<u8, String>, holds: bool) -> Result<Vec<StepNotes>, String> {
    let mut rows: Vec<(u8, Vec<Cell>)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        let line = line.split("//").next().unwrap_or_default();
        let Some(name) = line.split(|c: char| c.is_whitespace() || c == '|').find(|w| !w.is_empty()) else {
            match line.find('|') {
                Some(_) => return Err(format!("line {at}: the row has no name in front of its cells")),
                None => continue,
            }
        };
        let start = line.find(name).unwrap_or(0);
        let column = line[..start].chars().count() + 1;
        let here = |error: String| format!("line {at}, column {column}: {error}");
        let pitch = pitch(name).map_err(here)?;
        if rows.iter().any(|r| r.0 == pitch) {
            return Err(here(format!("the row {name} is there twice")));
        }
        let cells = parse_cells(&line[start + name.len()..], column + name.chars().count(), holds)
            .map_err(|(column, error)| format!("line {at}, column {column}: {error}"))?;
        if let Some((_, first)) = rows.first()
            && first.len() != cells.len()
        {
            return Err(here(format!("the row {name} has {} steps, the rows before it {}", cells.len(), first.len())));
        }
        rows.push((pitch, cells));
    }
    assemble(rows)
}

/// A cell of a row.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Rest,
    Held,
    /// A note and its velocity.
    Onset(u8),
}

/// Reads the cells that follow a row's name, which begin at a column.
fn parse_cells(text: &str, column: usize, holds: bool) -> Result<Vec<Cell>, (usize, String)> {
    let mut cells: Vec<Cell> = Vec::new();
    for (at, c) in text.chars().enumerate() {
        let error = |text: String| Err((column + at, text));
        let cell = match c {
            '|' => continue,
            c if c.is_whitespace() => continue,
            '.' => Cell::Rest,
            '-' if !holds => return error("'-' holds a note, and drums are not held; write '.'".into()),
            '-' if matches!(cells.last(), None | Some(Cell::Rest)) => {
                return error("'-' holds the note before it, and there is none".into());
            }
            '-' => Cell::Held,
            c => match DEGREES.iter().find(|d| d.0 == c) {
                Some(degree) => Cell::Onset(degree.1),
                None => {
                    return error(format!("'{c}' is no step; write x, o, X, . or {}", if holds { "-" } else { "|" }));
                }
            },
        };
        if cells.len() == STEPS_MAX {
            return error(format!("a grid has at most {STEPS_MAX} steps"));
        }
        cells.push(cell);
    }
    Ok(cells)
}

fn assemble(mut rows: Vec<(u8, Vec<Cell>)>) -> Result<Vec<StepNotes>, String> {
    rows.sort_by_key(|r| r.0);
    let length = rows.first().map_or(0, |r| r.1.len());
    let mut steps = vec![StepNotes::EMPTY; length];
    for (pitch, cells) in &rows {
        for (at, cell) in cells.iter().enumerate() {
            let Cell::Onset(velocity) = cell else { continue };
            let held = cells[at + 1..].iter().take_while(|c| **c == Cell::Held).count();
            if !steps[at].push(StepNote::new(*pitch, *velocity, held as u16 + 1)) {
                return Err(format!("step {} has more than {NOTES_PER_STEP} notes", at + 1));
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn drum_grids_print_as_they_are_written() {
        let text = "kick  |x...|..o.|X...|....|\nsnare |....|x...|....|x..o|\nhat   |x.x.|x.x.|x.x.|x.xx|\n";
        let steps = parse_drums(text).unwrap();
        assert_eq!(steps.len(), 16);
        assert_eq!(steps[0].iter().map(|n| (n.pitch, n.velocity)).collect::<Vec<_>>(), [(36, 88), (42, 88)]);
        assert_eq!(print_drums(&steps), text);
        assert_eq!(parse_drums("// a bar\n\n  hat x.x. o.X. // swung\n").unwrap().len(), 8);
        assert_eq!(print_drums(&parse_drums("ride |....|..|").unwrap()), "kick |....|..|\n");
    }

    #[test]
    fn rolls_hold_notes_across_cosmetic_bars() {
        let text = "C5  |....|..x-|\nF#3 |x---|--o.|\n";
        let steps = parse_roll(text).unwrap();
        assert_eq!(steps[0].to_vec(), [StepNote::new(54, 88, 6)]);
        assert_eq!(steps[6].to_vec(), [StepNote::new(54, 52, 1), StepNote::new(72, 88, 2)]);
        assert_eq!(print_roll(&steps), text);
        assert_eq!(print_roll(&parse_roll("Bb2 |x-|\nCb4 |.x|").unwrap()), "B3  |.x|\nA#2 |x-|\n");
    }

    #[test]
    fn errors_name_line_and_column() {
        let names = "kick, snare, rim, clap, hat, pedal, open, lotom, midtom, hitom, crash, ride, perc";
        for (text, error) in [
            (
                "kick |x..|\nsnore |x..|",
                format!("line 2, column 1: 'snore' is no row of the kit; the rows are {names}"),
            ),
            ("kick |x.y.|", "line 1, column 9: 'y' is no step; write x, o, X, . or |".into()),
            ("kick |x.|\n hat |x..|", "line 2, column 2: the row hat has 3 steps, the rows before it 2".into()),
            ("kick |x.|\nkick |x.|", "line 2, column 1: the row kick is there twice".into()),
            ("kick |x-|", "line 1, column 8: '-' holds a note, and drums are not held; write '.'".into()),
            (" || ", "line 1: the row has no name in front of its cells".into()),
        ] {
            assert_eq!(parse_drums(text), Err(error), "{text}");
        }
        for (text, error) in [
            ("C4 |.-|", "line 1, column 6: '-' holds the note before it, and there is none"),
            ("C |x|", "line 1, column 1: 'C' is no note; write a name and an octave, as in C4 or F#2"),
            ("C#4 |x|\nDb4 |x|", "line 2, column 1: the row Db4 is there twice"),
        ] {
            assert_eq!(parse_roll(text), Err(error.into()), "{text}");
        }
        assert!(parse_roll(&format!("C4 {}", "x".repeat(STEPS_MAX + 1))).is_err());
    }

    #[test]
    fn every_pitch_has_a_name_that_reads_back() {
        for pitch in 0..128 {
            assert_eq!(parse_pitch(&pitch_name(pitch)), Some(pitch));
        }
        for (name, pitch) in [("C4", Some(60)), ("B#3", Some(60)), ("Cb4", Some(59)), ("G#9", None), ("Cb-1", None)] {
            assert_eq!(parse_pitch(name), pitch, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_steps_or_an_error(text in "(kick|hat|C4|G#2|é| |\\||x|o|X|-|\\.|\n|/){0,40}") {
            let _ = parse_drums(&text);
            let _ = parse_roll(&text);
        }

        #[test]
        fn rolls_survive_printing(cells in proptest::collection::vec((40u8..52, 1u16..6, 0usize..3), 1..40)) {
            let steps: Vec<StepNotes> = cells
                .iter()
                .map(|(pitch, duration, degree)| [StepNote::new(*pitch, DEGREES[*degree].1, *duration)].into_iter().collect())
                .collect();
            let text = print_roll(&steps);
            prop_assert_eq!(print_roll(&parse_roll(&text).unwrap()), text);
        }
    }
}
