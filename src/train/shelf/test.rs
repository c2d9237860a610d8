//! Pieces come back from the shelf as they were, the same windows are drawn as from memory, and memory does not grow with notes.

use super::Shelf;
use crate::corpus::{Corpus, Piece, Split};
use crate::music::{Chance, Purpose};
use crate::time::Metre;
use crate::train::batch::{Cut, Prepared, WARM_STEPS};
use crate::train::data::{Sampler, prepare};
use crate::train::tests::{Folder, piece};
use std::collections::BTreeMap;

/// Pieces of three styles and all splits, of other lengths and metres, one without notes.
fn corpus() -> Corpus {
    let of = |i: u8| {
        let split = [Split::Train, Split::Train, Split::Valid, Split::Train, Split::Test][usize::from(i) % 5];
        let mut piece = Piece { style: format!("s{}", i % 3), ..piece(&format!("p{i}"), split, i % 7) };
        if i % 4 == 1 {
            piece.metres = vec![(0, Metre::FOUR_FOUR), (16, Metre::new(3, 4).unwrap())];
            piece.steps = 16 + 12 * u32::from(i);
            piece.notes.retain(|n| n.step < piece.steps);
        }
        if i == 6 {
            piece.notes.clear();
        }
        piece
    };
    Corpus { pieces: (0..40).map(of).collect(), ..Corpus::default() }
}

fn shelf(corpus: &Corpus, name: &str) -> Shelf {
    let folder = Folder::new(name);
    std::fs::create_dir_all(&folder.0).unwrap();
    let shelf = Shelf::of(corpus, &folder.0).unwrap();
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "nothing is left in the folder");
    shelf
}

#[test]
fn pieces_come_back_in_any_order_as_they_were() {
    let corpus = corpus();
    let mut shelf = shelf(&corpus, "shelf-back");
    let kept: Vec<&Piece> = corpus.pieces.iter().filter(|p| !p.notes.is_empty()).collect();
    assert_eq!((shelf.seen(), shelf.slots().len(), kept.len()), (40, 39, 39));
    for number in (0..39).rev().chain(0..39) {
        assert_eq!(shelf.piece(number).unwrap(), *kept[number as usize]);
    }
    assert!(shelf.piece(39).unwrap_err().to_string().contains("no piece 39"));
    assert_eq!((shelf.styles().collect::<Vec<_>>(), shelf.first_corpus()), (vec!["s0", "s1", "s2"], "fixture"));
    assert_eq!(shelf.corpora().collect::<Vec<_>>(), ["fixture"]);
}

/// The draw of a sampler that has every piece in memory: what windows from the shelf are held to.
fn resident_draw(pieces: &[Prepared], window: u32, chance: Chance, update: u64, slot: u64) -> (usize, u32, u32, i32) {
    let content = |p: &Prepared| p.piece.notes.len() as f64 + 0.25 * f64::from(p.piece.steps);
    let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
    pieces.iter().for_each(|p| *totals.entry(&p.piece.style).or_default() += content(p));
    let mut sum = 0.0;
    let sums: Vec<f64> = pieces
        .iter()
        .map(|p| {
            sum += content(p) * totals[p.piece.style.as_str()].powf(0.65 - 1.0);
            sum
        })
        .collect();
    let unit = |k: u64| f64::from(chance.unit(Purpose::Train, update, slot * 64 + k));
    let at = sums.partition_point(|s| *s <= unit(1) * sum).min(sums.len() - 1);
    let piece = &pieces[at];
    let starts: Vec<u32> = piece.bar_starts().filter(|s| *s == 0 || s + window / 2 <= piece.piece.steps).collect();
    let start =
        if unit(2) < 0.1 { 0 } else { starts[((unit(3) * starts.len() as f64) as usize).min(starts.len() - 1)] };
    let (low, high) = piece.transpositions();
    let shift = (low + (unit(4) * f64::from(high - low + 1)) as i32).min(high);
    (at, start, if start > 0 { WARM_STEPS.min(window / 4) } else { 0 }, shift)
}

#[test]
fn windows_from_the_shelf_are_those_from_memory() {
    let corpus = corpus();
    let mut shelf = shelf(&corpus, "shelf-draws");
    let resident = prepare(&corpus, Split::Train, &[]);
    let numbers = shelf.split(Split::Train);
    for window in [16, 64] {
        let sampler = Sampler::new(&shelf, numbers.clone(), window, true, Chance::new(5));
        assert_eq!(sampler.pieces(), resident.len());
        for (update, slot) in (0..60).flat_map(|update| (0..8).map(move |slot| (update, slot))) {
            let (at, start, unscored, shift) = resident_draw(&resident, window, Chance::new(5), update, slot);
            let number = sampler.piece(update, slot);
            assert_eq!(number, numbers[at]);
            let piece = Prepared::new(std::borrow::Cow::Owned(shelf.piece(number).unwrap()), &[]);
            assert_eq!(piece.piece, resident[at].piece);
            let Cut { start: begin, unscored: heard, shift: up, .. } = sampler.cut(&piece, update, slot);
            assert_eq!((begin, heard, up), (start, unscored, shift), "update {update} slot {slot}");
        }
    }
}

#[test]
fn memory_grows_by_an_index_and_not_by_notes() {
    let folder = Folder::new("shelf-bounded");
    std::fs::create_dir_all(&folder.0).unwrap();
    let mut shelf = Shelf::new(&folder.0).unwrap();
    let mut long = piece("long", Split::Train, 0);
    let bars = long.notes.clone();
    for again in 1..20 {
        long.notes.extend(bars.iter().map(|n| crate::corpus::GridNote { step: n.step + again * 128, ..*n }));
    }
    long.steps = 20 * 128;
    for number in 0..1000 {
        long.work = format!("work {number}");
        shelf.put(&long).unwrap();
    }
    let of_notes = long.notes.len() * size_of::<crate::corpus::GridNote>();
    let of_index = shelf.resident_bytes() / 1000;
    assert!(of_index < 128 && of_notes > 100 * of_index, "{of_index} bytes a piece in memory, {of_notes} of notes");
    assert_eq!(shelf.piece(999).unwrap(), long);
}

#[test]
fn a_folder_that_takes_nothing_is_said() {
    let said = Shelf::new(std::path::Path::new("/nowhere/at/all")).err().unwrap().to_string();
    assert!(said.contains("pieces.part") && said.contains("cannot be written"), "{said}");
}

#[test]
fn a_blend_is_told_as_often_as_its_shares_say() {
    let corpus = corpus();
    let mut shelf = shelf(&corpus, "shelf-blends");
    let numbers = shelf.split(Split::Train);
    let rows = [0u32, 1];
    let sampler = Sampler::new(&shelf, numbers.clone(), 16, false, Chance::new(6)).blending(rows.to_vec());
    let piece = shelf.piece(numbers[0]).unwrap();
    let styled = rows.map(|row| Prepared::new(std::borrow::Cow::Borrowed(&piece), &[]).styled(row));
    // Windows of either style alike, told row 0 with a weight near 0.3: three of ten are row 0's own.
    let (mut blended, mut told, mut near, mut own) = (0, 0, 0, 0);
    for (update, row) in (0..40_000).flat_map(|update| rows.map(|row| (update, row))) {
        let styled = &styled[row as usize];
        let cut = sampler.cut(styled, update, u64::from(row));
        let style = styled.style(&cut);
        assert_eq!(cut.told.style, !style.is_empty());
        told += usize::from(cut.told.style);
        if let [(first, share), (second, rest)] = style[..] {
            blended += 1;
            assert!(first == row && second == 1 - row && (share + rest - 1.0).abs() < 1e-6);
            let weight = if row == 0 { share } else { rest };
            near += usize::from((weight - 0.3).abs() < 0.1);
            own += usize::from((weight - 0.3).abs() < 0.1 && row == 0);
        }
    }
    // Half of those drawn are drawn with their own style and stay unblended.
    let (of_told, of_near) = (f64::from(blended as u32) / told as f64, own as f64 / near as f64);
    assert!((of_told - 0.075).abs() < 0.005, "{of_told} of the windows are blended");
    assert!((of_near - 0.3).abs() < 0.03, "{of_near} of the windows near 0.3 are of that style");
}
