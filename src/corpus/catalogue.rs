//! `metadata.csv` beside a corpus: one row per file, and the rules that follow from its columns.

use super::piece::Split;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest metadata file that is read.
const CATALOGUE_BYTES: u64 = 16 << 20;

/// One row, by column name.
pub type Row = BTreeMap<String, String>;

/// What is known about the files of one corpus folder.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    rows: BTreeMap<String, Row>,
}

impl Catalogue {
    /// Reads `metadata.csv` in `folder`; `None` when there is none, or none that names files.
    pub fn read(folder: &Path) -> Option<Catalogue> {
        let path = folder.join("metadata.csv");
        let size = std::fs::metadata(&path).ok().filter(|m| m.is_file())?.len();
        if size > CATALOGUE_BYTES {
            return None;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned();
        let mut records = records(&text).into_iter();
        let header = records.next()?;
        let file = header.iter().position(|h| h == "file")?;
        let mut rows = BTreeMap::new();
        for record in records {
            if let Some(name) = record.get(file) {
                let key = name.strip_suffix(".mid").unwrap_or(name).to_string();
                rows.insert(key, header.iter().cloned().zip(record).collect());
            }
        }
        Some(Catalogue { rows })
    }

    /// The row of a file, by its name without ending.
    pub fn row(&self, stem: &str) -> Option<&Row> {
        self.rows.get(stem)
    }
}

/// Why a piece must not be used, from its row: `None` when it may.
pub fn refusal(corpus: &str, row: &Row, split: Split) -> Option<&'static str> {
    let is = |column: &str, wanted: &str| row.get(column).is_some_and(|v| v == wanted);
    let starts = |column: &str, with: &str| row.get(column).is_some_and(|v| v.starts_with(with));
    if corpus == "openewld-pd" && !is("pd_us_le1930", "1") {
        return Some("not known to be in the public domain in the USA (pd_us_le1930 is not 1)");
    }
    if corpus == "openhymnal"
        && split == Split::Train
        && (starts("jsb_nearest", "valid") || starts("jsb_nearest", "test"))
    {
        return Some("its melody is in the held-out part of jsb-chorales");
    }
    None
}

/// Splits comma-separated text (RFC 4180: quoted cells, doubled quotes) into records.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if cell.is_empty() => is_quoted = true,
            ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            _ => cell.push(c),
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn quoted_cells_hold_commas_quotes_and_line_ends() {
        assert_eq!(
            records("a,b\n\"x, \"\"y\"\"\n\",2\r\n3,"),
            [vec!["a", "b"], vec!["x, \"y\"\n", "2"], vec!["3", ""]]
        );
        assert_eq!(records(""), Vec::<Vec<String>>::new());
    }
}
