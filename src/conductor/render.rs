//! Rendering: the same session and the same player core as on stage, driven by a simulated clock, into a score.
//!
//! A render is the replay of a journal; a script alone is a journal with one line. What is rendered depends on the
//! journal (texts, seed, edits), the models and the number of bars, on nothing else.

use super::band::Opener;
use super::journal::{Journal, What};
use super::session::Session;
use super::stage::{Score, ScoreEvent, Stage};
use crate::message::Notice;
use crate::midi::{MidiFile, MidiNote, MidiPart};
use crate::output::OutEvent;
use crate::steer::{OutSpec, ProgramLoader, ScriptFault, When};
use crate::time::{StepIndex, Tick};

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
    mut progress: impl FnMut(u64) -> bool,
) -> Result<Rendered, ScriptFault> {
    let mut stage = Stage::new(Session::with_opener(open, journal.seed()), Score::default());
    let mut entries = journal.entries().iter().peekable();
    let mut bar = 0;
    stage.start();
    let end = loop {
        // What was done before this step was handed over is done before it is handed over again.
        while let Some(entry) = entries.next_if(|e| e.handed <= stage.session.handed()) {
            redo(&mut stage.session, &entry.what, loader)?;
        }
        stage.session.plan_all();
        let until = entries.peek().map_or(StepIndex(u64::MAX), |e| e.handed);
        stage.feed(until);
        stage.wake();
        stage.hear();
        let handed = stage.session.handed();
        let place = stage.session.in_force().bars.place(handed);
        if place.bar > bar {
            bar = place.bar;
            if bar < bars && !progress(bar) {
                break place.bar_start();
            }
        }
        let end = stage.session.in_force().bars.bar_start(bars);
        // Two steps more, so that late notes of the last step are on the score.
        if handed > end.after(2) {
            break end;
        }
    };
    let mut score = std::mem::take(&mut stage.sink);
    score.events.retain(|e| e.due.tick < end.tick());
    score.steps.retain(|s| s.1.step < end);
    let mut notices = stage.session.take_notices();
    notices.dedup();
    Ok(Rendered { score, end: end.tick(), notices, engine_faults: stage.session.engine_faults() })
}

fn redo(session: &mut Session, what: &What, loader: &mut dyn ProgramLoader) -> Result<(), ScriptFault> {
    match what {
        What::Edit(edit, when) => session.edit(edit.clone(), *when),
        What::Launch { name, text, when } => session.launch(loader.load(name, text)?, text, *when),
        What::Freeze { bar, on } => session.freeze(*bar, *on),
        What::Veto { bar, part } => session.veto(*bar, part.as_deref()),
        What::Cancel => session.cancel_pending(),
        What::Back { bar } => session.back_to(*bar),
        What::Missed => session.mark_missed(),
    }
    Ok(())
}

impl Rendered {
    /// Length of the rendered music in seconds.
    pub fn seconds(&self) -> f64 {
        let Some(first) = self.score.steps.first() else { return 0.0 };
        let last = self.score.steps.last().unwrap_or(first);
        let step = last.2.nanos_per_tick() * crate::time::TICKS_PER_STEP as f64;
        (last.0.at.since(first.0.at) as f64 + step) / 1e9
    }

    /// The score as a MIDI file: one track for each part on each output.
    pub fn midi(&self, title: &str) -> MidiFile {
        let mut file = MidiFile { title: title.to_string(), length: self.end, ..MidiFile::default() };
        for (due, place, bpm) in &self.score.steps {
            let tick = due.tick;
            if file.tempos.last().is_none_or(|t| t.1 != *bpm) {
                file.tempos.push((tick, *bpm));
            }
            if file.metres.last().is_none_or(|m| m.1 != place.metre.into()) {
                file.metres.push((tick, place.metre.into()));
            }
        }
        let mut melodic = (0..16u8).filter(|c| *c != 9).cycle();
        for (index, voice) in self.score.voices.iter().enumerate() {
            let is_drums = matches!(&voice.out, OutSpec::Synth { sound } if &**sound == "kit");
            let channel = match &voice.out {
                OutSpec::Midi { channel, .. } | OutSpec::Jack { channel } => *channel,
                _ if is_drums => 9,
                _ => melodic.next().unwrap_or(0),
            };
            let notes = self.notes(index);
            if !notes.is_empty() {
                let name = voice.part.to_string();
                file.parts.push(MidiPart { name, channel, track: file.parts.len(), notes, ..MidiPart::default() });
            }
        }
        file
    }

    /// Notes of a voice; what still sounds at the end ends there.
    pub fn notes(&self, voice: usize) -> Vec<MidiNote> {
        let mut notes: Vec<MidiNote> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for ScoreEvent { due, event, .. } in self.score.events.iter().filter(|e| e.voice == Some(voice)) {
            match *event {
                OutEvent::NoteOn { pitch, velocity, .. } => {
                    open.push(notes.len());
                    notes.push(MidiNote { tick: due.tick, length_ticks: 0, pitch, velocity });
                }
                OutEvent::NoteOff { pitch, .. } => {
                    if let Some(at) = open.iter().position(|i| notes[*i].pitch == pitch) {
                        let note = &mut notes[open.remove(at)];
                        note.length_ticks = due.tick.0.saturating_sub(note.tick.0).max(1);
                    }
                }
                _ => {}
            }
        }
        for at in open {
            let note = &mut notes[at];
            note.length_ticks = self.end.0.saturating_sub(note.tick.0).max(1);
        }
        notes.sort_by_key(|n| (n.tick, n.pitch));
        notes
    }
}
