//! The cache gives what was put into it or nothing, and keeps up with a folder that changes.

use super::*;
use crate::corpus::piece::{Dropped, GridNote};
use crate::music::{Chord, Key, Role, StepNote};
use crate::time::Metre;
use proptest::prelude::*;

/// A cache file that is removed with its test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let folder = std::env::temp_dir().join(format!("ricercar-cache-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Place(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("corpus.bin")
    }

    /// Goes through a folder of `files`; gives which of them the cache knew.
    fn pass(&self, files: &[(Stamp, Outcome)]) -> Vec<bool> {
        let mut cache = Cache::open(&self.file());
        // Two are asked for before the first is put, as a reader on several cores does.
        let of_two = |two: &[(Stamp, Outcome)]| {
            let records: Vec<_> = two.iter().map(|f| cache.take(&f.0)).collect();
            two.iter().zip(&records).for_each(|((stamp, outcome), record)| {
                let known = record.as_ref().map(|r| r.outcome().unwrap());
                assert!(known.is_none_or(|known| known == *outcome), "{stamp:?}");
                cache.put(stamp, record.as_ref(), outcome);
            });
            records.iter().map(Option::is_some).collect::<Vec<_>>()
        };
        let known = files.chunks(2).flat_map(of_two).collect();
        cache.finish();
        let left: Vec<_> = std::fs::read_dir(&self.0).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(left.iter().all(|name| name == "corpus.bin"), "{left:?}");
        known
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn stamp(name: &str) -> Stamp {
    Stamp { path: name.into(), size: 12, changed: u64::MAX }
}

fn files() -> Vec<(Stamp, Outcome)> {
    let note = StepNote { offset_ticks: -7, ..StepNote::new(60, 99, 5) };
    let sheet = Sheet {
        steps: 32,
        bpm: 93.5,
        metres: vec![(0, Metre::FOUR_FOUR), (16, Metre::new(7, 16).unwrap())],
        has_velocity: true,
        is_performed: false,
        key: Key::parse("Bb minor"),
        chords: vec![(0, None), (16, Chord::parse("Dm7/G"))],
        notes: vec![GridNote { step: 3, role: Role::Chords, note }],
        dropped: Dropped { effects: 1, outside_kit: 2, doubled: 3 },
        is_metre_assumed: true,
    };
    let sheets = Ok(vec![sheet, Sheet::default()]);
    vec![(stamp("a.mid"), sheets), (stamp("b/c.mid"), Err("no notes".into())), (stamp("b.mid"), Ok(Vec::new()))]
}

#[test]
fn what_is_stored_comes_back_and_is_not_written_again() {
    let place = Place::new("back");
    assert_eq!(place.pass(&files()), [false; 3]);
    let (written, time) = (place.bytes(), std::fs::metadata(place.file()).unwrap().modified().unwrap());
    assert_eq!(place.pass(&files()), [true; 3]);
    assert_eq!((place.bytes(), std::fs::metadata(place.file()).unwrap().modified().unwrap()), (written, time));
}

#[test]
fn a_broken_record_is_no_record_and_what_stands_before_it_holds() {
    let place = Place::new("broken");
    place.pass(&files());
    let good = place.bytes();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        for bytes in [&bad[..], &good[..at]] {
            std::fs::write(place.file(), bytes).unwrap();
            // That it knows nothing wrong is held by `pass`.
            let known = place.pass(&files());
            assert!(known.is_sorted_by(|a, b| a >= b) && !known[2], "byte {at}: {known:?}");
            assert_eq!(place.bytes(), good, "byte {at}: it is whole again");
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_changes_nothing() {
    let place = Place::new("blocked");
    std::fs::write(place.0.join("corpus.bin"), b"a file where a folder should be").unwrap();
    let mut cache = Cache::open(&place.file().join("corpus.bin"));
    for (stamp, outcome) in files() {
        assert!(cache.take(&stamp).is_none());
        cache.put(&stamp, None, &outcome);
    }
    cache.finish();
    assert_eq!(place.bytes(), b"a file where a folder should be");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_keeps_up_with_a_folder_that_changes(
        before in prop::collection::btree_map("[abc]{1,2}", 0u64..2, 0..8),
        after in prop::collection::btree_map("[abc]{1,2}", 0u64..2, 0..8),
    ) {
        let files = |folder: &std::collections::BTreeMap<String, u64>| -> Vec<(Stamp, Outcome)> {
            let of = |(name, size): (&String, &u64)| (Stamp { size: *size, ..stamp(name) }, Err(format!("{name}{size}")));
            folder.iter().map(of).collect()
        };
        let (place, fresh) = (Place::new("keeps-up"), Place::new("fresh"));
        let _ = (std::fs::remove_file(place.file()), std::fs::remove_file(fresh.file()));
        place.pass(&files(&before));
        let expected: Vec<bool> = after.iter().map(|(name, size)| before.get(name) == Some(size)).collect();
        prop_assert_eq!(place.pass(&files(&after)), expected);
        fresh.pass(&files(&after));
        prop_assert!(after.is_empty() || place.bytes() == fresh.bytes());
    }

    #[test]
    fn a_record_with_a_right_checksum_and_wrong_content_never_panics(
        at in 0usize..200, with in any::<u8>(), length in 0usize..200
    ) {
        let (stamp, outcome) = &files()[0];
        let mut bytes = encode(stamp, outcome).unwrap();
        let end = bytes.len();
        bytes[at.clamp(SEAL_BYTES, end - 1)] = with;
        bytes.truncate(length.max(SEAL_BYTES));
        let (length, sum) = (bytes.len() - SEAL_BYTES, fnv(&bytes[SEAL_BYTES..]));
        bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        bytes[4..SEAL_BYTES].copy_from_slice(&sum.to_le_bytes());
        if let Some(record) = take_record(&mut &bytes[..], 0) {
            let _ = record.outcome();
        }
    }
}
