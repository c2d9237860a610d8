//! Which bars a run learns from, and a batch of them as numbers.

use super::ends::Facts;
use super::net::Known;
use crate::corpus::{Corpus, Piece, Split};
use crate::engine::gan::planes::{Learnable, class_shifts, is_open, write_conditions, write_planes, write_steps};
use crate::engine::gan::shape::{CONDITIONS, Family};
use crate::engine::gan::{BarNotes, BarScene, Segment};
use crate::music::{Chance, Purpose, Role, StyleBlend};
use crate::train::gan_data;
use candle_core::{Device, Result, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Totals of a role's styles are raised to this power: 1 leaves the corpora's sizes, 0 makes all styles equal.
const BALANCE: f64 = 0.65;

/// One bar of one role.
#[derive(Clone, Copy, Debug)]
struct Bar {
    piece: u32,
    segment: Segment,
}

/// The bars of one split that have notes, grouped by role and style.
pub struct Bars<'a> {
    pieces: Vec<(&'a Piece, StyleBlend)>,
    groups: Vec<(Role, Vec<Bar>)>,
    /// Running sums of the groups' weights.
    sums: Vec<f64>,
}

/// A bar, ready to be learned from.
pub struct Example {
    /// What is asked.
    pub scene: BarScene,
    /// What was played.
    pub notes: BarNotes,
    /// What its corpus can teach.
    pub learnable: Learnable,
}

impl<'a> Bars<'a> {
    /// The bars of a family's roles.
    pub fn new(corpus: &'a Corpus, split: Split, family: Family) -> Bars<'a> {
        let pieces: Vec<_> = corpus.split(split).map(|(_, p)| (p, gan_data::style(p))).collect();
        let mut by: BTreeMap<(Role, &str), Vec<Bar>> = BTreeMap::new();
        for (i, (piece, _)) in pieces.iter().enumerate() {
            for segment in gan_data::bars(piece) {
                let first = segment.first.0 as u32;
                let notes = piece.notes_between(first, first + segment.steps);
                for role in family.roles().iter().filter(|role| notes.iter().any(|n| n.role == **role)) {
                    by.entry((*role, &piece.style)).or_default().push(Bar { piece: i as u32, segment });
                }
            }
        }
        let mut of_role: BTreeMap<Role, f64> = BTreeMap::new();
        let weight = |bars: &Vec<Bar>| (bars.len() as f64).powf(BALANCE);
        by.iter().for_each(|((role, _), bars)| *of_role.entry(*role).or_default() += weight(bars));
        let mut sum = 0.0;
        let mut sums = Vec::new();
        for ((role, _), bars) in &by {
            sum += weight(bars) / of_role[role];
            sums.push(sum);
        }
        Bars { pieces, groups: by.into_iter().map(|((role, _), bars)| (role, bars)).collect(), sums }
    }

    /// How many bars there are.
    pub fn count(&self) -> usize {
        self.groups.iter().map(|g| g.1.len()).sum()
    }

    /// The bar of place `slot` in update `update`, with what is told of it drawn at random: each control is left out of
    /// one bar in seven, all that was heard of one in five, everything of one in ten.
    pub fn draw(&self, chance: Chance, update: u64, slot: u64) -> Example {
        let unit = |k: u64| f64::from(chance.unit(Purpose::Train, update, slot * 32 + k));
        let total = self.sums.last().copied().unwrap_or(0.0);
        let group = self.sums.partition_point(|s| *s <= unit(0) * total).min(self.groups.len() - 1);
        let (role, bars) = &self.groups[group];
        let bar = bars[((unit(1) * bars.len() as f64) as usize).min(bars.len() - 1)];
        let (piece, style) = &self.pieces[bar.piece as usize];
        let mut scene = gan_data::scene(piece, *role, &bar.segment, style);
        let nothing = unit(2) < 0.1;
        let is_left_out = |k: u64, share: f64| nothing || unit(k) < share;
        if is_left_out(3, 0.15) {
            scene.density = None;
        }
        if is_left_out(4, 0.15) {
            scene.register = None;
        }
        if is_left_out(5, 0.15) {
            scene.style = StyleBlend::default();
        }
        if is_left_out(6, 0.1) {
            scene.chords = Default::default();
        }
        if is_left_out(7, 0.1) {
            scene.key = None;
        }
        if is_left_out(8, 0.2) {
            let bare = BarScene::silent(*role, bar.segment);
            (scene.before, scene.sounding) = (bare.before, bare.sounding);
            (scene.around, scene.around_classes) = (bare.around, bare.around_classes);
        }
        let learnable = Learnable { velocity: piece.has_velocity, offset: piece.is_performed };
        Example { notes: gan_data::notes(piece, *role, &bar.segment), scene, learnable }
    }
}

/// Bars as numbers: what is known, and the planes of what was played, (bars * slots, `planes`).
///
/// # Errors
/// Those of candle.
pub fn batch(family: Family, examples: &[Example], styles: &[String]) -> Result<(Known, Tensor)> {
    let (slots, bars) = (family.slots(), examples.len());
    let (inputs, width) = (slots * family.step_inputs(), slots * family.planes());
    let mut steps = vec![0.0; bars * inputs];
    let mut planes = vec![0.0; bars * width];
    let mut conditions = vec![0.0; bars * CONDITIONS];
    let mut facts = Facts::default();
    for (i, e) in examples.iter().enumerate() {
        write_steps(&e.scene, &mut steps[i * inputs..(i + 1) * inputs]);
        write_planes(&e.scene, &e.notes, e.learnable, &mut planes[i * width..(i + 1) * width]);
        write_conditions(&e.scene, styles, &mut conditions[i * CONDITIONS..(i + 1) * CONDITIONS]);
        facts.push(&e.scene, e.learnable, slots);
    }
    let known = Known {
        bars,
        steps: Arc::new(steps),
        conditions: Tensor::from_vec(conditions, (bars, CONDITIONS), &Device::Cpu)?,
        facts: Arc::new(facts),
    };
    Ok((known, Tensor::from_vec(planes, (bars * slots, family.planes()), &Device::Cpu)?))
}

impl Facts {
    /// Adds a bar.
    pub fn push(&mut self, scene: &BarScene, learnable: Learnable, slots: usize) {
        self.shifts.extend(class_shifts(scene));
        for slot in 0..slots {
            let open = if is_open(scene, slot) { 1.0 } else { 0.0 };
            self.open.push(open);
            self.sounds.push(if slot >= 16 { 1.0 } else { open });
            self.velocity.push(if learnable.velocity { open } else { 0.0 });
            self.offset.push(if learnable.offset { open } else { 0.0 });
        }
    }
}
