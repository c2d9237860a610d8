//! The drum kit: thirteen rows and the General MIDI numbers that belong to each.

/// One row of the kit.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Short name, as in text grids.
    pub name: &'static str,
    /// General MIDI number that is played.
    pub pitch: u8,
    /// Other numbers that are read as this row (General MIDI and Roland TD-11).
    pub aliases: &'static [u8],
}

const fn row(name: &'static str, pitch: u8, aliases: &'static [u8]) -> Row {
    Row { name, pitch, aliases }
}

/// The rows, low to high as models and grids list them.
pub const ROWS: [Row; 13] = [
    row("kick", 36, &[35]),
    row("snare", 38, &[40]),
    row("rim", 37, &[]),
    row("clap", 39, &[]),
    row("hat", 42, &[22]),
    row("pedal", 44, &[]),
    row("open", 46, &[26]),
    row("lotom", 43, &[41, 58]),
    row("midtom", 47, &[45]),
    row("hitom", 50, &[48]),
    row("crash", 49, &[52, 55, 57]),
    row("ride", 51, &[53, 59]),
    row("perc", 56, &[54, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 75, 76, 77, 80, 81, 82]),
];

/// Number of rows.
pub const ROW_COUNT: usize = ROWS.len();

/// The row that a drum pitch belongs to; `None` for numbers that are no drum of ours.
pub fn row_of(pitch: u8) -> Option<usize> {
    ROWS.iter().position(|r| r.pitch == pitch).or_else(|| ROWS.iter().position(|r| r.aliases.contains(&pitch)))
}

/// The row with this name.
pub fn row_named(name: &str) -> Option<usize> {
    ROWS.iter().position(|r| r.name == name)
}
