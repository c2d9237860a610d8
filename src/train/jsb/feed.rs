//! How a benchmark's steps become the band net's batches: the same rows of tables, hidden layer and masked choices.

use super::adapt::Pace;
use super::recipe::Recipe;
use super::steps::Step;
use crate::engine::lstm::Shape;
use crate::engine::lstm::shape::Chooser;
use crate::music::{Chance, Purpose};
use crate::token::{Bag, classes};
use crate::train::net::Batch;
use crate::train::ops::{Bags, Known, MixPlan, RoleTargets, Rows};
use std::sync::Arc;

/// Known pitches beside a decision.
pub const KNOWN: usize = 4;

/// One choice inside a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choice {
    /// Who chooses: index into [`Feed::CHOOSERS`].
    pub chooser: usize,
    /// What is chosen.
    pub class: usize,
    /// Classes 1..=this cannot be chosen.
    pub last: usize,
    /// Classes of pitches that are known; 0 for none.
    pub known: [usize; KNOWN],
    /// Weight in the loss, beside 1 for a note.
    pub weight: f32,
}

/// What a kind of step tells the net.
pub trait Feed: Step {
    /// Who chooses, in the order of their output layers.
    const CHOOSERS: &'static [Chooser];
    /// Choosers from this one on choose no notes: their nats are counted apart.
    const NOTES: usize;
    /// Rows of the steps' table.
    const STEP_ROWS: u32;
    /// Rows of the decisions' table.
    const CONTEXT_ROWS: u32;
    /// Largest distance of two pitches that is told apart.
    const FARTHEST: usize;
    /// How a net learns from a piece while it is scored.
    const PACE: Pace;
    /// Orders in which the notes of a step can be listed; order 0 is the usual one.
    const ORDERS: usize;

    /// The step some semitones higher.
    fn moved(&self, shift: i32) -> Self;
    /// True when the moved step lies where such music is sung or played.
    fn fits(&self, shift: i32) -> bool;
    /// Rows of the step that follows `past`; `out` is cleared first.
    fn inputs(past: &[Self], recipe: &Recipe, out: &mut Bag);
    /// Calls `each` with every choice of `now`, listed in the order of this number, and the rows that it sees.
    fn choices(
        past: &[Self],
        now: &Self,
        order: usize,
        recipe: &Recipe,
        bag: &mut Bag,
        each: &mut dyn FnMut(Choice, &mut Bag),
    );
}

/// Lowest and highest shift within an octave downwards and upwards of which all steps fit; 0 always does.
pub fn shifts<S: Feed>(piece: &[S]) -> (i32, i32) {
    let fits = |shift: &i32| piece.iter().all(|step| step.fits(*shift));
    let low = (1..=12).take_while(|s| fits(&-s)).count() as i32;
    let high = (1..=12).take_while(fits).count() as i32;
    (-low, high)
}

/// The band net's shape for a kind of step.
pub fn shape<S: Feed>(recipe: &Recipe, hidden: usize, layers: usize, embed: usize, decide: usize) -> Shape {
    Shape {
        features: S::STEP_ROWS as usize,
        context: S::CONTEXT_ROWS as usize,
        embed,
        hidden,
        layers,
        decide,
        detail: 1,
        manner: classes::SOUND_ROWS,
        choosers: S::CHOOSERS,
        relative: if recipe.distance { KNOWN * (2 * S::FARTHEST + 1) } else { 0 },
    }
}

/// A window of a piece that is moved already.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a, S> {
    /// The whole piece.
    pub piece: &'a [S],
    /// First step.
    pub start: usize,
    /// Steps that are heard but not scored.
    pub unscored: usize,
}

/// Whose a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Index of the window in the batch.
    pub window: usize,
    /// Step of the piece.
    pub step: usize,
    /// In which order the step was listed.
    pub order: usize,
    /// False for what is counted apart.
    pub is_note: bool,
}

#[derive(Default)]
struct Lists {
    product_row: Vec<u32>,
    rows: Bags,
    class: Vec<u16>,
    last: Vec<u16>,
    weight: Vec<f32>,
    known: Vec<u16>,
    owners: Vec<Owner>,
}

impl Lists {
    fn add(&mut self, row: usize, choice: &Choice, bag: &Bag, owner: Owner) {
        self.product_row.push(row as u32);
        self.rows.push(&bag.ids, &bag.weights);
        self.class.push(choice.class as u16);
        self.last.push(choice.last as u16);
        self.weight.push(choice.weight);
        self.known.extend(choice.known.map(|k| k as u16));
        self.owners.push(owner);
    }
}

/// Dropout of whole rows: what a net is told is left out at random, so that it leans on no single thing.
#[derive(Clone, Copy, Debug)]
pub struct Thinning {
    /// Source of chance.
    pub chance: Chance,
    /// Address of the update.
    pub update: u64,
    /// Share of rows that are left out.
    pub share: f32,
}

impl Thinning {
    /// Leaves rows out of a bag and raises the weights of those that stay; `place` is the bag's address.
    fn thin(&self, place: u64, bag: &mut Bag) {
        let below = (self.share.clamp(0.0, 0.9) * 256.0) as u8;
        if below == 0 {
            return;
        }
        let (raise, mut kept, mut bytes) = (256.0 / (256.0 - f32::from(below)), 0, [0u8; 8]);
        for i in 0..bag.ids.len() {
            if i % 8 == 0 {
                bytes = self.chance.bits(Purpose::Dropout, self.update, place * 16 + i as u64 / 8).to_le_bytes();
            }
            if bytes[i % 8] >= below {
                (bag.ids[kept], bag.weights[kept]) = (bag.ids[i], bag.weights[i] * raise);
                kept += 1;
            }
        }
        bag.ids.truncate(kept);
        bag.weights.truncate(kept);
    }
}

/// In which orders steps are listed.
#[derive(Clone, Copy, Debug)]
pub enum Listing {
    /// Every step in each of the first orders, as many as this.
    First(usize),
    /// Every step in one order that is drawn; the number is the update's.
    Drawn(Chance, u64),
}

impl Listing {
    /// The orders of a step; `row` is its address.
    fn of<S: Feed>(self, row: usize) -> std::ops::Range<usize> {
        match self {
            Listing::First(count) => 0..count.clamp(1, S::ORDERS),
            Listing::Drawn(chance, update) => {
                let order = chance.below(Purpose::Train, update, row as u64, S::ORDERS as u64) as usize;
                order..order + 1
            }
        }
    }
}

/// A batch of windows, and whose its decisions are. Weights of the loss are divided by the number of steps.
pub fn batch<S: Feed>(
    rows: Rows,
    windows: &[Option<Window<S>>],
    recipe: &Recipe,
    listing: Listing,
    thinning: Option<&Thinning>,
) -> (Batch, Vec<Owner>) {
    let mut steps: Vec<Option<Bag>> = vec![None; rows.total()];
    let mut lists: Vec<Lists> = S::CHOOSERS.iter().map(|_| Lists::default()).collect();
    let mut bag = Bag::new();
    let mut scored = 0usize;
    for (index, window) in windows.iter().enumerate() {
        let Some(window) = window else { continue };
        let end = (window.start + rows.steps).min(window.piece.len());
        for step in window.start..end {
            let row = rows.row(index, step - window.start);
            let past = &window.piece[..step];
            S::inputs(past, recipe, &mut bag);
            thinning.iter().for_each(|t| t.thin(row as u64 * 32, &mut bag));
            steps[row] = Some(bag.clone());
            if step < window.start + window.unscored {
                continue;
            }
            scored += 1;
            let mut place = row as u64 * 32;
            for order in listing.of::<S>(row) {
                S::choices(past, &window.piece[step], order, recipe, &mut bag, &mut |choice, bag| {
                    place += 1;
                    thinning.iter().for_each(|t| t.thin(place, bag));
                    let is_note = choice.chooser < S::NOTES;
                    lists[choice.chooser].add(row, &choice, bag, Owner { window: index, step, order, is_note });
                });
            }
        }
    }
    merge(rows, &steps, lists, scored, recipe, S::FARTHEST)
}

fn merge(
    rows: Rows,
    steps: &[Option<Bag>],
    lists: Vec<Lists>,
    scored: usize,
    recipe: &Recipe,
    farthest: usize,
) -> (Batch, Vec<Owner>) {
    let (mut plan, mut targets, mut owners) = (MixPlan::default(), RoleTargets::default(), Vec::new());
    targets.known = Known { tables: if recipe.distance { KNOWN } else { 0 }, farthest, class: Vec::new() };
    let scale = 1.0 / scored.max(1) as f32;
    for list in lists {
        plan.product_row.extend(list.product_row);
        plan.shared.append(&list.rows);
        targets.class.extend(list.class);
        targets.last.extend(list.last);
        targets.weight.extend(list.weight.iter().map(|w| w * scale));
        targets.ends.push(targets.class.len());
        if recipe.distance {
            targets.known.class.extend(list.known);
        }
        owners.extend(list.owners);
    }
    plan.group = (0..plan.product_row.len() as u32).collect();
    plan.group.iter().for_each(|_| plan.own.push(&[], &[]));
    let mut bags = Bags::default();
    for bag in steps {
        match bag {
            Some(bag) => bags.push(&bag.ids, &bag.weights),
            None => bags.push(&[], &[]),
        }
    }
    let batch = Batch {
        rows: Some(rows),
        steps: Arc::new(bags),
        decisions: Arc::new(plan),
        classes: Arc::new(targets),
        ..Batch::default()
    };
    (batch, owners)
}
