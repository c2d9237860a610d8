//! Slots: the numbers by which planned notes name their route.
//!
//! A slot stands for one part on one output, so a part that changes its output gets another slot from that very step
//! on, and what sounds on the old one ends there.

use crate::message::Route;
use crate::steer::OutSpec;
use std::sync::Arc;

/// Slots at once; the synth has as many channels.
pub const SLOTS: usize = crate::limits::PARTS_MAX;

/// Which part and output each slot stands for.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    routes: Vec<(u64, Route)>,
    /// Number of the last step that used the slot.
    used: Vec<u64>,
    is_changed: bool,
}

impl Slots {
    /// The slot of a part on an output. Takes the slot that was unused longest when all are taken.
    pub fn slot(&mut self, id: u64, part: &Arc<str>, out: &OutSpec, step: u64) -> u8 {
        let known = self.routes.iter().position(|(of, r)| *of == id && r.out == *out);
        let at = known.unwrap_or_else(|| self.take(id, Route { part: part.clone(), out: out.clone() }));
        self.used[at] = step;
        at as u8
    }

    fn take(&mut self, id: u64, route: Route) -> usize {
        self.is_changed = true;
        if self.routes.len() < SLOTS {
            self.routes.push((id, route));
            self.used.push(0);
            return self.routes.len() - 1;
        }
        let oldest = (0..SLOTS).min_by_key(|i| self.used[*i]).unwrap_or(0);
        self.routes[oldest] = (id, route);
        oldest
    }

    /// The routes, if they changed since the last call.
    pub fn changed(&mut self) -> Option<Arc<[Route]>> {
        std::mem::take(&mut self.is_changed).then(|| self.routes())
    }

    /// The routes in force.
    pub fn routes(&self) -> Arc<[Route]> {
        self.routes.iter().map(|r| r.1.clone()).collect()
    }

    /// The part that a slot plays.
    pub fn part(&self, slot: u8) -> Option<u64> {
        self.routes.get(usize::from(slot)).map(|r| r.0)
    }
}
