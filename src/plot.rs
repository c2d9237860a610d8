//! Plot: curves as braille dots, two by four to a cell, for the terminal's lines and for a pane.

/// Bits of a braille cell, by row and column.
const BITS: [[u8; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
/// What stands between a lowest and a highest value that are the same.
const FLAT: f64 = 1e-9;

/// A curve and some single points over the same axes: x in updates, y in any unit.
#[derive(Clone, Copy, Debug)]
pub struct Curves<'a> {
    /// Drawn as a line of dots.
    pub line: &'a [(u64, f64)],
    /// Each drawn as a mark.
    pub marks: &'a [(u64, f64)],
}

/// A plot in cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Lowest and highest value.
    pub range: (f64, f64),
    /// First and last x.
    pub span: (u64, u64),
    /// Cells from the top left on, row by row: the braille sign, or [`MARK`], or a blank.
    pub rows: Vec<String>,
}

/// How a single point is drawn.
pub const MARK: char = '◆';

impl Curves<'_> {
    /// Draws into `width` x `height` cells; `None` when there is no number to draw or no room.
    pub fn plot(&self, width: usize, height: usize) -> Option<Plot> {
        let sound = || self.line.iter().chain(self.marks).filter(|p| p.1.is_finite());
        let first = sound().map(|p| p.0).min()?;
        let last = sound().map(|p| p.0).max()?;
        let low = sound().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let high = sound().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        if width == 0 || height == 0 {
            return None;
        }
        let place = |(x, y): (u64, f64), columns: usize, rows: usize| {
            let across = (x - first) as f64 / ((last - first) as f64).max(1.0);
            let down = (high - y) / (high - low).max(FLAT);
            let at = |share: f64, count: usize| ((share * (count - 1) as f64).round() as usize).min(count - 1);
            (at(across, columns), at(down, rows))
        };
        let mut cells = vec![vec![0u8; width]; height];
        let mut before = None;
        for point in self.line.iter().filter(|p| p.1.is_finite()) {
            let (x, y) = place(*point, 2 * width, 4 * height);
            // Columns and rows that no point falls into are filled on the way, so that a line stays one.
            let (from_x, from_y) = before.unwrap_or((x, y));
            let mut last = from_y;
            for column in from_x..=x {
                let share = (column - from_x) as f64 / ((x - from_x) as f64).max(1.0);
                let row = (from_y as f64 + share * (y as f64 - from_y as f64)).round() as usize;
                for row in row.min(last + 1)..=row.max(last.saturating_sub(1)) {
                    cells[row / 4][column / 2] |= 1 << BITS[row % 4][column % 2];
                }
                last = row;
            }
            before = Some((x, y));
        }
        let sign = |bits: u8| if bits == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(bits)).unwrap_or('.') };
        let mut rows: Vec<Vec<char>> = cells.iter().map(|row| row.iter().map(|bits| sign(*bits)).collect()).collect();
        for point in self.marks.iter().filter(|p| p.1.is_finite()) {
            let (x, y) = place(*point, width, height);
            rows[y][x] = MARK;
        }
        let rows = rows.into_iter().map(|row| row.into_iter().collect()).collect();
        Some(Plot { range: (low, high), span: (first, last), rows })
    }
}

impl std::fmt::Display for Plot {
    /// With the values at the left and the updates below.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.rows.len() - 1;
        for (at, row) in self.rows.iter().enumerate() {
            match at {
                0 => write!(f, "{:>8.3} ┤", self.range.1)?,
                _ if at == last => write!(f, "{:>8.3} ┤", self.range.0)?,
                _ => write!(f, "{:>8} │", "")?,
            }
            writeln!(f, "{}", row.trim_end())?;
        }
        write!(f, "{:>8} └ updates {} to {}; dots: learning, {MARK}: valid", "", self.span.0, self.span.1)
    }
}

/// Keeps a curve below `most` points: every second one goes when there are too many, the newest stays.
pub fn thin(curve: &mut Vec<(u64, f64)>, most: usize) {
    if curve.len() > most.max(2) {
        let newest = curve.len() - 1;
        let mut at = 0;
        curve.retain(|_| {
            at += 1;
            (newest + 1 - at).is_multiple_of(2)
        });
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_falling_curve_falls() {
        let line: Vec<(u64, f64)> = (0..=20).map(|i| (i * 10, 5.0 - i as f64 * 0.2)).collect();
        let plot = Curves { line: &line, marks: &[(200, 3.0)] }.plot(11, 3).unwrap();
        assert_eq!((plot.range, plot.span), ((1.0, 5.0), (0, 200)));
        assert_eq!(plot.rows, ["⠑⠢⢄⡀       ", "   ⠈⠑⠤⢄⡀  ◆", "       ⠈⠑⠢⢄"].map(String::from), "{plot}");
        assert!(plot.to_string().starts_with("   5.000 ┤⠑⠢⢄⡀\n"));
    }

    #[test]
    fn nothing_and_nonsense_draw() {
        let nothing = Curves { line: &[], marks: &[(1, f64::NAN)] };
        assert_eq!(nothing.plot(10, 2), None);
        let flat = Curves { line: &[(7, 2.0)], marks: &[] };
        assert_eq!(flat.plot(0, 2), None);
        assert_eq!(flat.plot(1, 1).unwrap().rows, ["⠁"]);
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_newest_point() {
        let mut curve: Vec<(u64, f64)> = (0..101).map(|i| (i, 0.0)).collect();
        thin(&mut curve, 100);
        assert_eq!((curve.len(), curve.last().map(|p| p.0)), (51, Some(100)));
        thin(&mut curve, 100);
        assert_eq!(curve.len(), 51);
    }
}
