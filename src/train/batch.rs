//! From pieces to batches: windows with transposition, what the net is told, and what it has to guess.
//!
//! The features come from the same functions as in playing (`token`), over the same [`History`]; a transposed piece is
//! transposed whole, its key, chords and measured register too.

use super::net::Batch;
use super::ops::{Bags, DetailTargets, MixPlan, RoleTargets, Rows};
use crate::corpus::Piece;
use crate::engine::heard::{HeardNote, History, LOOKBACK_STEPS};
use crate::engine::{RoleAsk, lstm::shape::DURATIONS};
use crate::limits::NOTES_PER_STEP;
use crate::music::{Chord, Key, ROLES, Role, StepNote};
use crate::time::{BarMap, Place, StepIndex};
use crate::token::{self, Bag, Conditions, Scene, classes};
use std::borrow::Cow;
use std::sync::Arc;

/// Weight of a note's duration in the loss, beside 1 for a decision.
const DURATION_WEIGHT: f32 = 1.0;
/// Weight of a velocity, where the corpus has any.
const VELOCITY_WEIGHT: f32 = 0.4;
/// Weights of an offset: performed (human timing), and notated, where it says "on the grid" or "triplet".
const OFFSET_WEIGHTS: [f32; 2] = [0.4, 0.15];
/// Steps at the start of a window inside a piece that are heard but not scored.
pub const WARM_STEPS: u32 = 8;

/// A piece made ready: what does not change from window to window.
pub struct Prepared<'a> {
    /// The piece.
    pub piece: Cow<'a, Piece>,
    map: BarMap,
    /// Bar starts and ends in steps, with onsets and the sum of pitches of each role.
    bars: Vec<BarMeasure>,
    style_row: Option<u32>,
}

struct BarMeasure {
    start: u32,
    end: u32,
    notes: [u32; 4],
    onsets: [u32; 4],
    pitch_sum: [i32; 4],
}

impl<'a> Prepared<'a> {
    /// Measures a piece; `styles` are the names of the style rows.
    pub fn new(piece: Cow<'a, Piece>, styles: &[String]) -> Prepared<'a> {
        let map = piece.bar_map();
        let mut bars: Vec<BarMeasure> = Vec::new();
        let mut start = 0;
        while start < piece.steps {
            let end = map.place(StepIndex(u64::from(start))).next_bar().0 as u32;
            let mut bar = BarMeasure { start, end, notes: [0; 4], onsets: [0; 4], pitch_sum: [0; 4] };
            let mut last = None;
            for note in piece.notes_between(start, end) {
                let r = note.role.index();
                bar.notes[r] += 1;
                bar.pitch_sum[r] += i32::from(note.note.pitch);
                bar.onsets[r] += u32::from(last != Some((note.step, note.role)));
                last = Some((note.step, note.role));
            }
            bars.push(bar);
            start = end;
        }
        let style_row = styles.iter().position(|s| *s == piece.style).map(|row| row as u32);
        Prepared { piece, map, bars, style_row }
    }

    /// The same under another style row.
    pub fn styled(self, row: u32) -> Prepared<'a> {
        Prepared { style_row: Some(row), ..self }
    }

    /// Where a step stands in its bar.
    pub(super) fn place(&self, step: u32) -> Place {
        self.map.place(StepIndex(u64::from(step)))
    }

    /// Rows and weights of the style that a cut is told: the piece's own, blended with another where the cut says so.
    pub(super) fn style(&self, cut: &Cut) -> Vec<(u32, f32)> {
        let Some(own) = self.style_row.filter(|_| cut.told.style) else { return Vec::new() };
        match cut.blend.filter(|blend| blend.row != own) {
            Some(Blend { row, own_share }) => vec![(own, own_share), (row, 1.0 - own_share)],
            None => vec![(own, 1.0)],
        }
    }

    /// Steps on which bars begin.
    pub fn bar_starts(&self) -> impl Iterator<Item = u32> + '_ {
        self.bars.iter().map(|b| b.start)
    }

    /// The lowest and highest transposition in semitones, within -6..=5, that keeps every pitch within the 88.
    pub fn transpositions(&self) -> (i32, i32) {
        let pitches = self.piece.notes.iter().filter(|n| n.role.is_pitched()).map(|n| i32::from(n.note.pitch));
        let (low, high) = pitches.fold((127, 0), |(low, high), p| (low.min(p), high.max(p)));
        if low > high {
            return (0, 0);
        }
        ((21 - low).clamp(-6, 0), (108 - high).clamp(0, 5))
    }

    fn asked(&self, bar: usize, shift: i32, told: &Told) -> [RoleAsk; 4] {
        let mut asked = [RoleAsk::default(); 4];
        let Some(bar) = self.bars.get(bar) else { return asked };
        for role in ROLES {
            let r = role.index();
            let count = if role == Role::Bass || role == Role::Lead { bar.onsets[r] } else { bar.notes[r] };
            let present = self.piece.roles[r];
            let density = (present && told.density[r]).then(|| token::density(role, count, bar.end - bar.start));
            let pitch_sum = (bar.pitch_sum[r] + shift * bar.notes[r] as i32).max(0) as u32;
            let register =
                if present && told.register[r] { token::register(role, pitch_sum, bar.notes[r]) } else { None };
            asked[r] = RoleAsk { present, density, register };
        }
        asked
    }
}

/// Which controls the net is told in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The style.
    pub style: bool,
    /// The key.
    pub key: bool,
    /// Chord now and next.
    pub chord: bool,
    /// Density of each role.
    pub density: [bool; 4],
    /// Register of each role.
    pub register: [bool; 4],
    /// Bars to the end.
    pub end: bool,
}

impl Told {
    /// Only the style.
    pub const STYLE: Told =
        Told { style: true, key: false, chord: false, density: [false; 4], register: [false; 4], end: false };
    /// Style, key, chords, density and register.
    pub const ALL: Told =
        Told { style: true, key: true, chord: true, density: [true; 4], register: [true; 4], end: false };
}

/// Another style that is told beside a piece's own.
///
/// When each of two styles is told with share `s` in proportion to `s` of the windows, then `s` of the windows that are
/// told a blend are the one's: what the net learns to play under it is their mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// The other style's row.
    pub row: u32,
    /// Weight of the piece's own style, 0..=1; the rest is the other's.
    pub own_share: f32,
}

/// One window to be put into a batch.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// First step.
    pub start: u32,
    /// Steps that are heard but not scored.
    pub unscored: u32,
    /// Semitones up.
    pub shift: i32,
    /// What the net is told.
    pub told: Told,
    /// The style that is told beside the piece's own, if any.
    pub blend: Option<Blend>,
}

/// Who a decision belongs to, for reports: index of the window in the batch, and the role.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Of every decision.
    pub decisions: Vec<(u32, Role)>,
    /// Of every note.
    pub notes: Vec<(u32, Role)>,
}

/// Decisions and notes of one role, in order of appearance.
#[derive(Default)]
struct RoleLists {
    product_row: Vec<u32>,
    shared: Bags,
    group: Vec<u32>,
    own: Bags,
    classes: RoleTargets,
    owners: Vec<u32>,
    note_decision: Vec<u32>,
    manner: Bags,
    details: DetailTargets,
}

/// Builds batches and keeps its memory between them.
#[derive(Default)]
pub struct Builder {
    roles: [RoleLists; 4],
    step_bags: Vec<(Vec<u32>, Vec<f32>)>,
    bag: Bag,
    now: Vec<HeardNote>,
    own_rows: Vec<u32>,
}

const ONES: [f32; NOTES_PER_STEP + 2] = [1.0; NOTES_PER_STEP + 2];

impl Builder {
    /// A batch of windows of `rows.steps` steps, one window a piece; `None` leaves a place empty.
    pub fn build(&mut self, rows: Rows, cuts: &[Option<(&Prepared, Cut)>]) -> (Batch, Owners) {
        self.roles = Default::default();
        self.step_bags.iter_mut().for_each(|(ids, weights)| {
            ids.clear();
            weights.clear();
        });
        self.step_bags.resize_with(rows.total(), Default::default);
        for (window, cut) in cuts.iter().enumerate() {
            if let Some((prepared, cut)) = cut {
                self.window(rows, window, prepared, cut);
            }
        }
        self.merge(rows)
    }

    fn window(&mut self, rows: Rows, window: usize, prepared: &Prepared, cut: &Cut) {
        let piece = &*prepared.piece;
        let first = cut.start.saturating_sub(LOOKBACK_STEPS as u32);
        let mut history = History::new(StepIndex(u64::from(first)));
        let end = cut.start.saturating_add(rows.steps as u32).min(piece.steps);
        let mut notes = piece.notes_between(first, end).iter().peekable();
        let style = prepared.style(cut);
        for step in first..end {
            self.now.clear();
            while let Some(note) = notes.next_if(|n| n.step == step) {
                self.now.push(HeardNote { role: note.role, note: transposed(note.role, note.note, cut.shift) });
            }
            if step >= cut.start {
                let place = prepared.place(step);
                let scene = Scene::of(&history, &place);
                let conditions = conditions(prepared, cut, place, &style);
                let row = rows.row(window, (step - cut.start) as usize);
                token::scene_features(&scene, &conditions, &mut self.bag);
                self.step_bags[row].0.extend_from_slice(&self.bag.ids);
                self.step_bags[row].1.extend_from_slice(&self.bag.weights);
                if step >= cut.start + cut.unscored {
                    self.step(row as u32, window as u32, piece, &history, &scene, &conditions);
                }
            }
            history.push(&self.now);
        }
    }

    /// Decisions and details of every role that is present in the piece.
    fn step(
        &mut self,
        row: u32,
        window: u32,
        piece: &Piece,
        history: &History,
        scene: &Scene,
        conditions: &Conditions,
    ) {
        for role in ROLES.into_iter().filter(|r| piece.roles[r.index()]) {
            let others = &self.now[..self.now.partition_point(|h| h.role < role)];
            token::decision_base(scene, conditions, role, others, &mut self.bag);
            let lists = &mut self.roles[role.index()];
            let group = lists.product_row.len() as u32;
            lists.product_row.push(row);
            lists.shared.push(&self.bag.ids, &self.bag.weights);
            let chosen = choices(&self.now, role);
            self.own_rows.clear();
            let mut last = 0;
            for i in 0..=chosen.len().min(NOTES_PER_STEP - 1) {
                let class = chosen.get(i).map_or(classes::END, |c| c.0);
                self.own_rows.push(token::count_row(i));
                lists.group.push(group);
                lists.own.push(&self.own_rows, &ONES);
                self.own_rows.pop();
                lists.classes.class.push(class as u16);
                lists.classes.last.push(last as u16);
                lists.classes.weight.push(1.0);
                lists.owners.push(window);
                if let Some((class, note)) = chosen.get(i) {
                    let now = i.checked_sub(1).map(|i| &chosen[i].1).or(others.last().map(|h| &h.note));
                    token::detail_features(history, &conditions.place, role, *class, now, &mut self.bag);
                    lists.note(role, note, &self.bag, piece);
                    last = *class;
                    self.own_rows.extend(token::note_row(role, note.pitch));
                }
            }
        }
    }

    /// Puts the roles one behind the other, as the heads want them.
    fn merge(&mut self, rows: Rows) -> (Batch, Owners) {
        let (mut plan, mut targets, mut notes, mut details) =
            (MixPlan::default(), RoleTargets::default(), MixPlan::default(), DetailTargets::default());
        let (mut note_decision, mut owners) = (Vec::new(), Owners::default());
        for (r, lists) in self.roles.iter().enumerate() {
            let (groups, decisions) = (plan.product_row.len() as u32, plan.group.len() as u32);
            plan.product_row.extend_from_slice(&lists.product_row);
            plan.shared.append(&lists.shared);
            plan.group.extend(lists.group.iter().map(|g| g + groups));
            plan.own.append(&lists.own);
            targets.class.extend_from_slice(&lists.classes.class);
            targets.last.extend_from_slice(&lists.classes.last);
            targets.weight.extend_from_slice(&lists.classes.weight);
            targets.ends.push(targets.class.len());
            owners.decisions.extend(lists.owners.iter().map(|w| (*w, ROLES[r])));
            owners.notes.extend(lists.note_decision.iter().map(|d| (lists.owners[*d as usize], ROLES[r])));
            note_decision.extend(lists.note_decision.iter().map(|d| d + decisions));
            notes.own.append(&lists.manner);
            details.duration.extend_from_slice(&lists.details.duration);
            details.velocity.extend_from_slice(&lists.details.velocity);
            details.offset.extend_from_slice(&lists.details.offset);
            details.weight.extend_from_slice(&lists.details.weight);
        }
        notes.product_row = (0..note_decision.len() as u32).collect();
        notes.group = notes.product_row.clone();
        (0..note_decision.len()).for_each(|_| notes.shared.push(&[], &[]));
        let scale = 1.0 / targets.class.len().max(1) as f32;
        targets.weight.iter_mut().for_each(|w| *w *= scale);
        details.weight.iter_mut().flatten().for_each(|w| *w *= scale);
        let mut steps = Bags::default();
        self.step_bags.iter().for_each(|(ids, weights)| steps.push(ids, weights));
        let batch = Batch {
            rows: Some(rows),
            steps: Arc::new(steps),
            decisions: Arc::new(plan),
            classes: Arc::new(targets),
            note_decision: Arc::new(note_decision),
            notes: Arc::new(notes),
            details: Arc::new(details),
        };
        (batch, owners)
    }
}

impl RoleLists {
    fn note(&mut self, role: Role, note: &StepNote, manner: &Bag, piece: &Piece) {
        let duration = if role.is_pitched() { classes::duration_class(note.duration_steps) } else { DURATIONS };
        self.note_decision.push(self.classes.class.len() as u32 - 1);
        self.manner.push(&manner.ids, &manner.weights);
        self.details.duration.push(duration as u8);
        self.details.velocity.push(classes::velocity_class(note.velocity) as u8);
        self.details.offset.push(classes::offset_class(note.offset_ticks) as u8);
        self.details.weight.push([
            if role.is_pitched() { DURATION_WEIGHT } else { 0.0 },
            if piece.has_velocity { VELOCITY_WEIGHT } else { 0.0 },
            OFFSET_WEIGHTS[usize::from(!piece.is_performed)],
        ]);
    }
}

/// What a role chooses in a step: classes upwards, each once, at most `NOTES_PER_STEP`.
pub fn choices(now: &[HeardNote], role: Role) -> Vec<(usize, StepNote)> {
    let own = now.iter().filter(|h| h.role == role);
    let mut chosen: Vec<_> = own.filter_map(|h| Some((classes::class_of(role, h.note.pitch)?, h.note))).collect();
    chosen.sort_by_key(|c| c.0);
    chosen.dedup_by_key(|c| c.0);
    chosen.truncate(NOTES_PER_STEP);
    chosen
}

/// What the net is told at a place of a cut.
pub(super) fn conditions<'s>(prepared: &Prepared, cut: &Cut, place: Place, style: &'s [(u32, f32)]) -> Conditions<'s> {
    let (piece, told) = (&*prepared.piece, &cut.told);
    let step = place.step.0 as u32;
    let next = piece.chords.partition_point(|c| c.0 <= step);
    let chord = |index: Option<usize>| {
        let chord = index.and_then(|i| piece.chords.get(i)).and_then(|c| c.1);
        chord.filter(|_| told.chord).map(|c| transposed_chord(c, cut.shift))
    };
    let bars_left = (prepared.bars.len() as u64).saturating_sub(place.bar + 1) as u32;
    Conditions {
        place,
        chord: chord(next.checked_sub(1)),
        next_chord: chord(Some(next)),
        steps_to_next_chord: piece.chords.get(next).filter(|_| told.chord).map_or(0, |c| c.0 - step),
        key: piece.key.filter(|_| told.key).map(|k| transposed_key(k, cut.shift)),
        style,
        roles: prepared.asked(place.bar as usize, cut.shift, told),
        bars_to_end: told.end.then_some(bars_left),
    }
}

fn transposed(role: Role, note: StepNote, shift: i32) -> StepNote {
    let pitch = if role.is_pitched() { (i32::from(note.pitch) + shift).clamp(0, 127) as u8 } else { note.pitch };
    StepNote { pitch, ..note }
}

fn transposed_key(key: Key, shift: i32) -> Key {
    Key { tonic: (i32::from(key.tonic) + shift).rem_euclid(12) as u8, ..key }
}

fn transposed_chord(chord: Chord, shift: i32) -> Chord {
    let up = |pc: u8| (i32::from(pc) + shift).rem_euclid(12) as u8;
    let mask = (0..12u8).filter(|pc| chord.mask >> pc & 1 == 1).fold(0, |mask, pc| mask | 1 << up(pc));
    Chord { root: up(chord.root), mask, bass: up(chord.bass) }
}
