//! The form: which section plays, and which comes next. A plain value that is rewound with the plan.

use crate::steer::{Program, SectionNow};
use crate::time::{BarMap, Place, StepIndex};

/// The section that plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Playing {
    /// Place in the form; kept while a section outside the form plays.
    pub index: usize,
    /// Row of `Program::sections`.
    pub section: usize,
    /// First step.
    pub from: StepIndex,
    /// First bar after it.
    pub until_bar: u64,
}

/// Where the form stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormState {
    /// The section that plays, if any.
    pub playing: Option<Playing>,
    /// Row of `Program::sections` that begins at the next bar line, because the performer jumps.
    pub jump: Option<usize>,
}

impl FormState {
    /// The section row that begins at `place`, if one does: a jump, the next of the form, or the first.
    pub fn due(&self, program: &dyn Program, place: &Place) -> Option<(usize, usize)> {
        let (sections, form) = (program.sections(), program.form());
        if !place.is_bar_line() && self.playing.is_some() {
            return None;
        }
        if let Some(section) = self.jump.filter(|s| *s < sections.len() && place.is_bar_line()) {
            let now = self.playing.map_or(0, |p| p.index);
            let ahead = (1..=form.len()).map(|i| (now + i) % form.len()).find(|i| form[*i] == section);
            return Some((ahead.unwrap_or(now), section));
        }
        match self.playing {
            Some(p) if place.bar < p.until_bar => None,
            // Without a form a section that was jumped to begins again.
            Some(p) if form.is_empty() => Some((p.index, p.section)),
            Some(p) => Some(((p.index + 1) % form.len(), form[(p.index + 1) % form.len()])),
            None => form.first().map(|s| (0, *s)),
        }
        .filter(|(_, section)| *section < sections.len())
    }

    /// Begins a section at `place` (in the bar that it begins with, if the set starts in mid-bar).
    pub fn begin(&mut self, program: &dyn Program, (index, section): (usize, usize), place: &Place, bars: &BarMap) {
        let length = program.sections().get(section).map_or(1, |s| u64::from(s.bars.max(1)));
        let from = bars.bar_start(place.bar);
        self.playing = Some(Playing { index, section, from, until_bar: place.bar + length });
        self.jump = None;
    }

    /// What the steering says about it.
    pub fn section_now(&self, program: &dyn Program, bars: &BarMap) -> Option<SectionNow> {
        let p = self.playing?;
        let name = program.sections().get(p.section)?.name.clone();
        Some(SectionNow { name, index: p.index, from: p.from, until: bars.bar_start(p.until_bar) })
    }

    /// The same place, `bars` bars and `steps` steps later: for going back to a bar line.
    pub fn shifted(&self, bars: u64, steps: u64) -> FormState {
        let playing = self.playing.map(|p| Playing { from: p.from.after(steps), until_bar: p.until_bar + bars, ..p });
        FormState { playing, jump: None }
    }
}

/// True when two programs have the same sections and the same form, so that a reload keeps its place.
pub fn same_form(a: &dyn Program, b: &dyn Program) -> bool {
    let named = |p: &dyn Program| p.sections().iter().map(|s| (s.name.clone(), s.bars)).collect::<Vec<_>>();
    a.form() == b.form() && named(a) == named(b)
}
