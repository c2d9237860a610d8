//! Token: the band's steps as numbers for a net.
//!
//! Owns: [`Scene`] (what stands out in the history at a step), the input groups of a step ([`step_features`]) and of a
//! decision inside it ([`decision_features`]) and of a chosen note's detail ([`detail_features`]), the classes that are chosen ([`classes`]), the measures of density and
//! register, and the [`fingerprint`] of all these tables.
//! Called from: the conductor thread (through `engine::lstm`) and the trainer: the same functions, so that what was
//! trained is what is played.
//! Units: rows of an embedding table with weights; steps are sixteenths; pitches MIDI 21..=108 (others are folded in by octaves).
//!
//! Invariants
//! - The same history and conditions give the same rows in the same order, without allocation after warm-up.
//! - Every row is below the table's row count; no row appears twice in a bag.
//! - A change of any table or class changes the fingerprint, and files with another fingerprint are refused.
//!
//! Not here: the net (`engine::lstm`), files (`corpus`), what a performer wants (`steer`).

mod bag;
pub mod classes;
mod decisions;
mod features;
mod manner;
mod measure;
mod scene;

pub use bag::{Bag, Group, group, start_of, total};
pub use decisions::{
    DECISION_GROUPS, DECISION_ROWS, STYLE as DECISION_STYLE, count_row, decision_base, decision_features, note_row,
    own_notes_max,
};
pub use features::{
    Conditions, STEP_GROUPS, STEP_ROWS, STYLE as STEP_STYLE, STYLE_ROWS, scene_features, step_features,
};
pub use manner::{DETAIL_GROUPS, DETAIL_ROWS, detail_features};
pub use measure::{density, onsets, register};
pub use scene::Scene;

/// A number that changes whenever a table or a class changes: 16 hexadecimal digits (FNV-1a over names and row counts).
pub fn fingerprint() -> String {
    let mut text = String::new();
    for group in STEP_GROUPS.iter().chain(DECISION_GROUPS).chain(DETAIL_GROUPS) {
        text.push_str(&format!("{}:{};", group.name, group.rows));
    }
    text.push_str(&format!(
        "{:?}{:?}{}{}{}",
        classes::DURATIONS,
        crate::music::kit::ROWS.map(|r| r.name),
        classes::VELOCITY_CLASSES,
        classes::OFFSET_CLASSES,
        classes::PITCH_LOW,
    ));
    format!("{:016x}", crate::music::Chance::name(&text))
}

#[cfg(test)]
mod test {
    #[test]
    fn the_fingerprint_is_sixteen_digits_and_steady() {
        assert_eq!(super::fingerprint().len(), 16);
        assert_eq!(super::fingerprint(), super::fingerprint());
    }
}
