//! The journal: everything the performer did, with the place at which it took effect. Script, seed, model and journal
//! give the same music again.

use crate::steer::{Edit, OutSpec, When};
use crate::time::StepIndex;

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An edit.
    Edit(Edit, When),
    /// A script was launched.
    Launch {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
        /// When it was to take over.
        when: When,
    },
    /// A bar was frozen or let go.
    Freeze {
        /// The bar.
        bar: u64,
        /// On or off.
        on: bool,
    },
    /// A bar was drawn anew.
    Veto {
        /// The bar.
        bar: u64,
        /// The part, or all.
        part: Option<String>,
    },
    /// Pending edits were cancelled.
    Cancel,
    /// Back to a bar line.
    Back {
        /// The bar.
        bar: u64,
    },
    /// No choice among a bar's candidates came in time.
    Unranked {
        /// The bar.
        bar: u64,
    },
    /// The player filled a step in from memory.
    Missed,
    /// The performance ended: the step is the first that was not handed over.
    End,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// First step that was not handed over when it was done.
    pub handed: StepIndex,
    /// What.
    pub what: What,
    id: Option<u64>,
}

/// What the command line fixed for the whole performance: it stands over every script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// Every part goes here, whatever the script says.
    pub out: Option<OutSpec>,
    /// The seed, whatever the script says.
    pub seed: Option<u64>,
    /// The models that play, as `engine::Models::said` has them; `None` where nobody said.
    pub models: Option<String>,
}

/// Everything done since the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    seed: u64,
    fixed: Fixed,
    entries: Vec<Entry>,
}

impl Journal {
    /// An empty journal of a set with this seed.
    pub fn new(seed: u64) -> Journal {
        Journal { seed, fixed: Fixed::default(), entries: Vec::new() }
    }
    /// Says what was fixed.
    pub fn with_fixed(self, fixed: Fixed) -> Journal {
        Journal { fixed, ..self }
    }
    /// What was fixed.
    pub fn fixed(&self) -> &Fixed {
        &self.fixed
    }
    /// The seed that the set began with.
    pub fn seed(&self) -> u64 {
        self.seed
    }
    /// All entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// First step after the performance, when it came to its end.
    pub fn end(&self) -> Option<StepIndex> {
        self.entries.iter().rev().find(|e| e.what == What::End).map(|e| e.handed)
    }
    pub(super) fn push(&mut self, handed: StepIndex, what: What) {
        self.entries.push(Entry { handed, what, id: None });
    }
    /// From `from` on no choice was made for bar `bar`; that comes before a step is filled in there.
    pub(super) fn unranked(&mut self, from: StepIndex, bar: u64) {
        let is_after = |e: &Entry| e.handed > from || (e.handed == from && e.what == What::Missed);
        let at = self.entries.len() - self.entries.iter().rev().take_while(|e| is_after(e)).count();
        self.entries.insert(at, Entry { handed: from, what: What::Unranked { bar }, id: None });
    }
    /// The last entry is the event `id`.
    pub(super) fn name_last(&mut self, id: u64) {
        if let Some(last) = self.entries.last_mut() {
            last.id = Some(id);
        }
    }
    /// The event `id` came too late for its step: it and what was done after it count from `step` on.
    pub(super) fn postpone(&mut self, id: u64, step: StepIndex) {
        if let Some(at) = self.entries.iter().position(|e| e.id == Some(id)) {
            // It waited for its moment and missed it: now it is due at once, in a replay too.
            if let What::Edit(_, when) | What::Launch { when, .. } = &mut self.entries[at].what {
                *when = When::Now;
            }
            self.entries[at..].iter_mut().for_each(|e| e.handed = e.handed.max(step));
        }
    }
}
