//! Counting baselines: what a table of the last four events predicts.
//!
//! Witten and Bell, "The zero-frequency problem" (1991): a context that was seen n times with t different followers
//! trusts itself n / (n + t) and leaves the rest to the context that is one event shorter, down to the uniform guess.

use super::batch::{Prepared, choices};
use super::score::{Bits, Tally};
use crate::engine::heard::HeardNote;
use crate::engine::lstm::shape::{DURATIONS, classes_of};
use crate::limits::NOTES_PER_STEP;
use crate::music::{ROLES, Role};
use crate::token::classes;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Events of a table: the one that is guessed and the four before it.
pub const ORDER: usize = 5;

/// One event: a choice (END included) or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who.
    pub role: Role,
    /// The class that comes.
    pub class: u16,
    /// True for a duration.
    pub is_duration: bool,
    /// Choices 1..=this cannot come.
    pub last: u16,
}

impl Event {
    fn alphabet(&self) -> usize {
        if self.is_duration { DURATIONS } else { classes_of(self.role) }
    }
    /// A number of its own in histories; 0 is "before the beginning".
    fn token(&self) -> u64 {
        1 + self.role.index() as u64 * 128 + if self.is_duration { 100 } else { 0 } + u64::from(self.class)
    }
    fn table(&self) -> usize {
        self.role.index() * 2 + usize::from(self.is_duration)
    }
}

/// The events of a piece in the order in which the net decides them.
pub fn events(prepared: &Prepared, each: &mut dyn FnMut(Event)) {
    let piece = &*prepared.piece;
    let mut notes = piece.notes.iter().peekable();
    let mut now: Vec<HeardNote> = Vec::new();
    for step in 0..piece.steps {
        now.clear();
        while let Some(note) = notes.next_if(|n| n.step == step) {
            now.push(HeardNote { role: note.role, note: note.note });
        }
        for role in ROLES.into_iter().filter(|r| piece.roles[r.index()]) {
            let chosen = choices(&now, role);
            let mut last = 0;
            for (class, note) in &chosen {
                each(Event { role, class: *class as u16, is_duration: false, last });
                last = *class as u16;
                if role.is_pitched() {
                    let class = classes::duration_class(note.duration_steps) as u16;
                    each(Event { role, class, is_duration: true, last: 0 });
                }
            }
            if chosen.len() < NOTES_PER_STEP {
                each(Event { role, class: classes::END as u16, is_duration: false, last });
            }
        }
    }
}

/// Which events a history holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Those of the role itself.
    Own,
    /// Those of the whole band.
    Band,
}

/// The last four events, the newest in the lowest bits.
#[derive(Clone, Copy, Default)]
struct Histories([u64; 4]);

impl Histories {
    fn of(&self, view: View, role: Role) -> u64 {
        self.0[if view == View::Own { role.index() } else { 0 }]
    }
    fn push(&mut self, view: View, event: &Event) {
        let slot = &mut self.0[if view == View::Own { event.role.index() } else { 0 }];
        *slot = *slot << 16 | event.token();
    }
}

/// Counts of one kind of event for contexts of every length.
#[derive(Default)]
struct Table {
    followers: [HashMap<(u64, u16), u32, Quick>; ORDER],
    contexts: [HashMap<u64, (u32, u32), Quick>; ORDER],
}

/// The newest `length` events of a history.
fn context(history: u64, length: usize) -> u64 {
    if length == 4 { history } else { history & ((1 << (16 * length)) - 1) }
}

impl Table {
    fn count(&mut self, history: u64, class: u16) {
        for length in 0..ORDER {
            let context = context(history, length);
            let seen = self.followers[length].entry((context, class)).or_insert(0);
            *seen += 1;
            let (total, kinds) = self.contexts[length].entry(context).or_insert((0, 0));
            *total += 1;
            *kinds += u32::from(*seen == 1);
        }
    }

    fn probability(&self, history: u64, class: u16, alphabet: usize, order: usize) -> f64 {
        let mut p = 1.0 / alphabet as f64;
        for length in 0..order {
            let context = context(history, length);
            let Some((total, kinds)) = self.contexts[length].get(&context) else { break };
            let seen = self.followers[length].get(&(context, class)).copied().unwrap_or(0);
            p = (f64::from(seen) + f64::from(*kinds) * p) / (f64::from(*total) + f64::from(*kinds));
        }
        p
    }
}

/// Tables for all roles, counted over some pieces.
pub struct NGram {
    view: View,
    tables: [Table; 8],
}

impl NGram {
    /// Counts every event of the pieces.
    pub fn fit(pieces: &[&Prepared], view: View) -> NGram {
        let mut tables: [Table; 8] = Default::default();
        for piece in pieces {
            let mut histories = Histories::default();
            events(piece, &mut |event| {
                tables[event.table()].count(histories.of(view, event.role), event.class);
                histories.push(view, &event);
            });
        }
        NGram { view, tables }
    }

    /// Bits of pieces, guessing each event from the `order` - 1 before it.
    pub fn score(&self, pieces: &[&Prepared], order: usize) -> Tally {
        let mut histories = Histories::default();
        tally(pieces, &mut |event, is_first| {
            if is_first {
                histories = Histories::default();
            }
            let history = histories.of(self.view, event.role);
            histories.push(self.view, event);
            self.tables[event.table()].probability(history, event.class, event.alphabet(), order.min(ORDER))
        })
    }
}

/// Bits when every event that can come is equally likely.
pub fn uniform(pieces: &[&Prepared]) -> Tally {
    tally(pieces, &mut |event, _| 1.0 / (event.alphabet() - usize::from(event.last)) as f64)
}

fn tally(pieces: &[&Prepared], probability: &mut dyn FnMut(&Event, bool) -> f64) -> Tally {
    let mut tally = Tally::default();
    for piece in pieces {
        let mut is_first = true;
        events(piece, &mut |event| {
            let bits = -probability(&event, is_first).log2();
            is_first = false;
            let role: &mut Bits = &mut tally.roles[event.role.index()];
            if event.is_duration {
                role.duration += bits;
            } else {
                role.choice += bits;
                role.notes += u64::from(usize::from(event.class) != classes::END);
                role.steps += u64::from(usize::from(event.last) == 0);
            }
        });
    }
    tally
}

/// A hash for numbers that are spread already by one multiplication; the order of the tables is never looked at.
#[derive(Default)]
struct Spread(u64);
type Quick = BuildHasherDefault<Spread>;

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = (self.0.rotate_left(23) ^ x).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    fn write_u16(&mut self, x: u16) {
        self.write_u64(u64::from(x));
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn probabilities_of_every_context_add_up_to_one() {
        let mut table = Table::default();
        let mut history = 0u64;
        for i in 0..500u64 {
            let class = (i * i % 7 % 5) as u16;
            table.count(history, class);
            history = history << 16 | (u64::from(class) + 1);
        }
        for history in [0, history, 1 << 16 | 3, 99, u64::MAX] {
            for order in 0..=ORDER {
                let sum: f64 = (0..9).map(|class| table.probability(history, class, 9, order)).sum();
                assert!((sum - 1.0).abs() < 1e-12, "{history} {order} {sum}");
            }
        }
    }
}
