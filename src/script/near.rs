//! "Did you mean": the nearest word of a list.

/// The candidate nearest to `word`, if it is near enough to be a slip of the hand.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(40).collect();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let best = candidates.into_iter().filter(|c| *c != word).map(|c| (distance(&word, c), c)).min()?;
    (best.0 <= allowed).then_some(best.1)
}

/// `"; did you mean 'tempo'?"`, or nothing.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
}

/// Insertions, deletions, substitutions and swaps of neighbours (Damerau's distance, restricted to one swap a pair).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().take(40).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let words = ["temperature", "tempo", "part", "chords", "density"];
        for (slip, meant) in [("temprature", "temperature"), ("trmpo", "tempo"), ("prat", "part"), ("chord", "chords")]
        {
            assert_eq!(nearest(slip, words), Some(meant));
        }
        assert_eq!(nearest("banana", words), None);
        assert_eq!(did_you_mean("banana", words), "");
    }
}
