//! Rendering: the same session and the same player core as on stage, driven by a simulated clock, into a score.
//!
//! A render is the replay of a journal; a script alone is a journal with one line. What is rendered depends on the
//! journal (texts, seed, edits), the models and the number of bars, on nothing else.

use super::band::Opener;
use super::journal::{Journal, What};
use super::session::Session;
use super::stage::{Score, Stage};
use crate::audio::offline::{self, RenderError, RenderStats};
use crate::audio::{SynthEvent, TimedSynthEvent};
use crate::message::{Notice, ParamChange};
use crate::midi::MidiFile;
use crate::output::{Due, MidiFileOut, OutEvent, Output, SynthWords};
use crate::steer::{OutSpec, ProgramLoader, ScriptFault, When};
use crate::time::{StepIndex, Tick};
use std::path::Path;

/// The most deadlines of the player before a step that it has to make up.
const WAKES_MAX: usize = 10_000;

/// Everything that a rendered set played.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// What the player sent; events after `end` are left out.
    pub score: Score,
    /// First tick after the rendered bars.
    pub end: Tick,
    /// What the performer would have been told.
    pub notices: Vec<Notice>,
    /// Engine failures that were covered up.
    pub engine_faults: u64,
}

/// A journal that does nothing but launch a script at the start.
pub fn journal_of(name: &str, text: &str, seed: u64) -> Journal {
    let mut journal = Journal::new(seed);
    let what = What::Launch { name: name.to_string(), text: text.to_string(), when: When::Now };
    journal.push(StepIndex(0), what);
    journal
}

/// Plays `bars` bars of a journal under simulated time. `progress` is told the bar that begins; it returns false to
/// stop early (the score then ends there).
///
/// # Errors
/// When a script of the journal does not load.
pub fn render(
    journal: &Journal,
    open: Opener,
    loader: &mut dyn ProgramLoader,
    bars: u64,
    progress: impl FnMut(u64) -> bool,
) -> Result<Rendered, ScriptFault> {
    render_until(journal, open, loader, Until::Bars(bars), progress)
}

/// Where a render ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After so many bars.
    Bars(u64),
    /// Before this step, as [`Journal::end`] gives it.
    Step(StepIndex),
}

/// As [`render`], with any end.
///
/// # Errors
/// When a script of the journal does not load.
pub fn render_until(
    journal: &Journal,
    open: Opener,
    loader: &mut dyn ProgramLoader,
    until: Until,
    mut progress: impl FnMut(u64) -> bool,
) -> Result<Rendered, ScriptFault> {
    let mut stage = Stage::new(Session::with_opener(open, journal.seed()), Score::default());
    stage.session.taste.has_time = true;
    let mut entries = journal.entries().iter().peekable();
    let mut bar = 0;
    stage.start();
    let end = loop {
        // What was done before this step was handed over is done before it is handed over again.
        while let Some(entry) = entries.next_if(|e| e.handed <= stage.session.handed()) {
            if entry.what == What::Missed && fill_in(&mut stage) {
                continue;
            }
            redo(&mut stage.session, &entry.what, loader)?;
        }
        stage.session.plan_all();
        let limit = entries.peek().map_or(StepIndex(u64::MAX), |e| e.handed);
        stage.feed(limit);
        stage.wake();
        stage.hear();
        let handed = stage.session.handed();
        let place = stage.session.in_force().bars.place(handed);
        if place.bar > bar {
            bar = place.bar;
            if !progress(bar) {
                break place.bar_start();
            }
        }
        let end = match until {
            Until::Bars(bars) => stage.session.in_force().bars.bar_start(bars),
            Until::Step(step) => step,
        };
        // Two steps more, so that late notes of the last step are on the score.
        if handed > end.after(2) {
            break end;
        }
    };
    let mut score = std::mem::take(&mut stage.sink);
    // Routes come before the first event of their slot, so they may stay where they stand.
    let kept = score.events.iter().take_while(|e| e.0.tick < end.tick()).count();
    score.events.truncate(kept);
    score.steps.retain(|s| s.1.step < end);
    let mut notices = stage.session.take_notices();
    notices.dedup();
    Ok(Rendered { score, end: end.tick(), notices, engine_faults: stage.session.engine_faults() })
}

fn redo(session: &mut Session, what: &What, loader: &mut dyn ProgramLoader) -> Result<(), ScriptFault> {
    match what {
        What::Edit(edit, when) => session.edit(edit.clone(), *when),
        What::Launch { name, text, when } => session.launch(loader.load(name, text)?, text, *when),
        What::Freeze { bar, on } => {
            // What was frozen was seen: all choices that the journal does not deny had been made.
            session.plan_all();
            session.freeze(*bar, *on);
        }
        What::Veto { bar, part } => session.veto(*bar, part.as_deref()),
        What::Cancel => session.cancel_pending(),
        What::Back { bar } => session.back_to(*bar),
        What::Unranked { bar } => session.leave_unranked(*bar),
        What::Missed => session.mark_missed(),
        What::End => {}
    }
    Ok(())
}

/// The player is left without its next step, as it was on stage: it plays from its own memory, and says so. False when it
/// does not.
fn fill_in(stage: &mut Stage<Score>) -> bool {
    let step = stage.session.handed();
    // Events before the step come first, each in its time.
    for _ in 0..WAKES_MAX {
        if stage.core.wake_at().is_none() {
            break;
        }
        stage.wake();
        stage.hear();
        if stage.session.handed() > step {
            return true;
        }
    }
    false
}

impl Rendered {
    /// Length of the rendered music in seconds.
    pub fn seconds(&self) -> f64 {
        let Some(first) = self.score.steps.first() else { return 0.0 };
        let last = self.score.steps.last().unwrap_or(first);
        let step = last.2.nanos_per_tick() * crate::time::TICKS_PER_STEP as f64;
        (last.0.at.since(first.0.at) as f64 + step) / 1e9
    }

    /// Notes that begin.
    pub fn notes_on(&self) -> usize {
        self.score.events.iter().filter(|(_, event)| matches!(event, OutEvent::NoteOn { .. })).count()
    }

    /// The score as a MIDI file, by the same output that records a performance.
    pub fn midi(&self, title: &str) -> MidiFile {
        let mut out = MidiFileOut::new(title, None);
        self.steps_into(&mut out);
        let mut routes = self.score.routes.iter().peekable();
        for (at, (due, event)) in self.score.events.iter().enumerate() {
            while let Some((_, slot, route)) = routes.next_if(|r| r.0 <= at) {
                out.route(*slot, route);
            }
            out.send(*due, *event);
        }
        out.silence(Due { tick: self.end, ..Due::default() }, false);
        let file = out.file();
        MidiFile { length: self.end, ..file }
    }

    fn steps_into(&self, out: &mut MidiFileOut) {
        for (due, place, bpm) in &self.score.steps {
            out.step(*due, *place, *bpm);
        }
    }

    /// The events of the synth's parts, frame by frame, for `audio::offline`. What sounds at the end is let go there.
    pub fn synth_events(&self, sample_rate_hz: u32) -> Vec<TimedSynthEvent> {
        let start = self.score.steps.first().map_or(0, |s| s.0.at.0);
        let frame = |due: &Due| {
            let nanos = u128::from(due.at.0.saturating_sub(start));
            (nanos * u128::from(sample_rate_hz) / 1_000_000_000) as u64
        };
        let mut words = SynthWords::default();
        let mut synth_slots = [false; 256];
        let mut events = Vec::new();
        let mut routes = self.score.routes.iter().peekable();
        let mut steps = self.score.steps.iter().peekable();
        for (at, (due, event)) in self.score.events.iter().enumerate() {
            let at_frame = frame(due);
            while let Some((_, slot, route)) = routes.next_if(|r| r.0 <= at) {
                synth_slots[usize::from(*slot)] = matches!(route.out, OutSpec::Synth { .. });
                let sound = words.route(*slot, route).ok().flatten();
                events.extend(sound.map(|event| TimedSynthEvent { at_frame, event }));
            }
            while let Some((_, _, bpm)) = steps.next_if(|s| s.0.tick <= due.tick) {
                events.extend(words.tempo(*bpm).map(|event| TimedSynthEvent { at_frame, event }));
            }
            let slot = match event {
                OutEvent::NoteOn { channel, .. } | OutEvent::NoteOff { channel, .. } => *channel,
                OutEvent::Param { channel, .. } => *channel,
                _ => continue,
            };
            if slot == ParamChange::SET || synth_slots[usize::from(slot)] {
                events.extend(words.event(*event).map(|event| TimedSynthEvent { at_frame, event }));
            }
        }
        let at_frame = (self.seconds() * f64::from(sample_rate_hz)) as u64;
        events.retain(|e| e.at_frame < at_frame);
        events.push(TimedSynthEvent { at_frame, event: SynthEvent::Silence });
        events
    }

    /// Writes the synth's parts to a WAV file, with `tail_s` seconds for what rings on.
    ///
    /// # Errors
    /// When the file cannot be written, or `progress` asked for the end.
    pub fn wav(
        &self,
        path: &Path,
        sample_rate_hz: u32,
        tail_s: f64,
        progress: impl FnMut(u64) -> bool,
    ) -> Result<RenderStats, RenderError> {
        let frames = ((self.seconds() + tail_s) * f64::from(sample_rate_hz)) as u64;
        offline::render_wav(self.synth_events(sample_rate_hz).into_iter(), frames, sample_rate_hz, path, progress)
    }
}
