//! Who plays what: parts are weighed against each other by what their names say, register, polyphony and coverage.

use super::names::{Task, by_name, task};
use super::piece::Dropped;
use super::split_hands::{Hand, Wanted, split};
use crate::music::{Role, kit};

/// A note on the grid, before its role is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawNote {
    /// Step in which it starts.
    pub step: u32,
    /// Step in which it no longer sounds, at least `step + 1`.
    pub end: u32,
    /// MIDI note number.
    pub pitch: u8,
    /// 1..=127.
    pub velocity: u8,
    /// Distance from the step's grid place.
    pub offset_ticks: i16,
}

/// One part of the file on the grid; notes by (step, pitch).
#[derive(Clone, Debug, Default)]
pub struct RawPart {
    /// Track name.
    pub name: String,
    /// MIDI channel, 9 = drums.
    pub channel: u8,
    /// General MIDI program, when one is set.
    pub program: Option<u8>,
    /// The notes.
    pub notes: Vec<RawNote>,
}

/// Gives every note its role. Notes of effect parts and drums outside the kit are dropped and counted.
pub fn assign(parts: &[RawPart], beat_steps: u32, dropped: &mut Dropped) -> Vec<(Role, RawNote)> {
    let mut tasks: Vec<Task> = parts.iter().map(task).collect();
    settle_unknown(parts, &mut tasks);
    settle_lead(parts, &mut tasks);
    settle_bass(parts, &mut tasks);
    settle_hands(parts, &mut tasks);
    settle_without_lines(parts, &mut tasks);
    let has = |wanted: Task| tasks.contains(&wanted);
    let wanted = Wanted { lead: !has(Task::Lead), bass: !has(Task::Bass), beat_steps };
    let keyboards = tasks.iter().any(|t| matches!(t, Task::Keys(_)));
    let mut notes: Vec<(Role, RawNote)> = Vec::new();
    let mut leads: Vec<usize> = Vec::new();
    // Staves of one hand are looked at together, so that there is one melody and one bass.
    let mut hands: [Vec<RawNote>; 3] = Default::default();
    for (index, (part, task)) in parts.iter().zip(&tasks).enumerate() {
        match task {
            Task::Drums => {
                let before = notes.len();
                notes.extend(part.notes.iter().filter_map(drum).map(|n| (Role::Drums, n)));
                dropped.outside_kit += (before + part.notes.len() - notes.len()) as u32;
            }
            Task::Bass => notes.extend(part.notes.iter().map(|n| (Role::Bass, *n))),
            Task::Lead => leads.push(index),
            Task::Keys(hand) => hands[*hand as usize].extend_from_slice(&part.notes),
            Task::Chords | Task::Any | Task::LowLine | Task::Unknown if wanted.bass && !keyboards => {
                // Block chords over their own bass note, as in lead sheets.
                split(&part.notes, Hand::Block, Wanted { lead: false, ..wanted }, &mut notes);
            }
            Task::Chords | Task::Any | Task::LowLine | Task::Unknown => {
                notes.extend(part.notes.iter().map(|n| (Role::Chords, *n)));
            }
            Task::Effects => dropped.effects += part.notes.len() as u32,
        }
    }
    for (hand, mut played) in [Hand::Right, Hand::Left, Hand::Both].into_iter().zip(hands) {
        played.sort_by_key(|n| (n.step, n.pitch));
        split(&played, hand, wanted, &mut notes);
    }
    melodies(parts, leads, &mut notes);
    notes
}

/// The kit's own number for a drum note.
fn drum(note: &RawNote) -> Option<RawNote> {
    kit::row_of(note.pitch).map(|row| RawNote { pitch: kit::ROWS[row].pitch, end: note.step + 1, ..*note })
}

/// Several melodies: the foremost is the lead, the others are lead where it rests and chords where it sounds.
fn melodies(parts: &[RawPart], mut leads: Vec<usize>, notes: &mut Vec<(Role, RawNote)>) {
    leads.sort_by(|a, b| melody_score(&parts[*b]).total_cmp(&melody_score(&parts[*a])));
    let end = leads.iter().flat_map(|i| parts[*i].notes.iter().map(|n| n.end)).max().unwrap_or(0);
    let mut sounding = vec![false; end as usize];
    for index in leads {
        let taken = sounding.clone();
        for note in &parts[index].notes {
            let is_free = !taken[note.step as usize];
            notes.push((if is_free { Role::Lead } else { Role::Chords }, *note));
            if is_free {
                sounding[note.step as usize..note.end as usize].fill(true);
            }
        }
    }
}

/// Mean pitch; 60 for a part without notes.
fn register(part: &RawPart) -> f32 {
    match part.notes.len() {
        0 => 60.0,
        count => part.notes.iter().map(|n| f32::from(n.pitch)).sum::<f32>() / count as f32,
    }
}

/// Share of onset steps with a single onset and nothing else of the part sounding into them.
pub fn monophony(part: &RawPart) -> f32 {
    let (mut single, mut onsets, mut free_at) = (0u32, 0u32, 0);
    for group in part.notes.chunk_by(|a, b| a.step == b.step) {
        onsets += 1;
        single += u32::from(group.len() == 1 && group[0].step >= free_at);
        free_at = group.iter().map(|n| n.end).max().unwrap_or(0).max(free_at);
    }
    single as f32 / onsets.max(1) as f32
}

/// Stretches of sixteen steps in which the part starts a note.
fn coverage(part: &RawPart) -> f32 {
    part.notes.chunk_by(|a, b| a.step / 16 == b.step / 16).count() as f32
}

/// How much of a melody a part is: one note at a time, in a singing register (rather high than low), for much of the piece.
fn melody_score(part: &RawPart) -> f32 {
    let pitch = register(part);
    let sings = if (57.0..=86.0).contains(&pitch) { 1.0 + (pitch - 57.0) / 60.0 } else { 0.5 };
    monophony(part) * sings * coverage(part).sqrt()
}

/// Parts of which nothing is known: by register when the file has several, as solo playing when it has one.
fn settle_unknown(parts: &[RawPart], tasks: &mut [Task]) {
    let pitched: Vec<usize> = (0..parts.len()).filter(|i| !matches!(tasks[*i], Task::Drums | Task::Effects)).collect();
    // A file that gives every part the same program (often the first) says nothing by it.
    let says_nothing = |i: &usize| by_name(&parts[*i]).is_none() && parts[*i].program == parts[pitched[0]].program;
    let is_flat = pitched.len() > 2 && pitched.iter().all(says_nothing);
    if is_flat {
        pitched.iter().for_each(|i| tasks[*i] = Task::Unknown);
    }
    for task in tasks.iter_mut().filter(|t| **t == Task::Unknown) {
        *task = Task::Any;
    }
    if let [only] = pitched.as_slice()
        && matches!(tasks[*only], Task::Any)
    {
        tasks[*only] = match (monophony(&parts[*only]) >= 0.9, register(&parts[*only]) < 48.0) {
            (true, true) => Task::Bass,
            (true, false) => Task::Lead,
            (false, _) => Task::Keys(Hand::Both),
        };
    }
}

/// When nobody has the melody: the best single line of the parts that may have it.
fn settle_lead(parts: &[RawPart], tasks: &mut [Task]) {
    if tasks.contains(&Task::Lead) {
        return;
    }
    let whole = parts.iter().map(coverage).fold(0.0, f32::max);
    let best = (0..parts.len())
        .filter(|i| tasks[*i] == Task::Any && coverage(&parts[*i]) * 5.0 >= whole)
        .filter(|i| monophony(&parts[*i]) >= 0.7 && register(&parts[*i]) >= 52.0)
        .max_by(|a, b| melody_score(&parts[*a]).total_cmp(&melody_score(&parts[*b])));
    if let Some(best) = best {
        tasks[best] = Task::Lead;
    }
}

/// When nobody has the bass: the lowest single line of the parts that may have it.
fn settle_bass(parts: &[RawPart], tasks: &mut [Task]) {
    if tasks.contains(&Task::Bass) {
        return;
    }
    let whole = parts.iter().map(coverage).fold(0.0, f32::max);
    let lowest = (0..parts.len())
        .filter(|i| coverage(&parts[*i]) * 5.0 >= whole)
        .filter(|i| match tasks[*i] {
            Task::LowLine => true,
            Task::Any => monophony(&parts[*i]) >= 0.6 && register(&parts[*i]) < 52.0,
            _ => false,
        })
        .min_by(|a, b| register(&parts[*a]).total_cmp(&register(&parts[*b])));
    if let Some(lowest) = lowest {
        tasks[lowest] = Task::Bass;
    }
}

/// Keyboard parts without a named hand: the upper half of them is the right hand, the rest the left.
fn settle_hands(parts: &[RawPart], tasks: &mut [Task]) {
    let mut keys: Vec<usize> = (0..parts.len()).filter(|i| matches!(tasks[*i], Task::Keys(_))).collect();
    keys.sort_by(|a, b| register(&parts[*b]).total_cmp(&register(&parts[*a])));
    match keys.as_slice() {
        [] => {}
        [only] => tasks[*only] = Task::Keys(Hand::Both),
        several => {
            let open = several.iter().filter(|i| tasks[**i] == Task::Keys(Hand::Both)).count();
            let upper = several.len().div_ceil(2);
            for (place, index) in several.iter().enumerate() {
                // One unnamed part among named hands plays with both of its own; its notes are split by pitch.
                if tasks[*index] == Task::Keys(Hand::Both) && open > 1 {
                    tasks[*index] = Task::Keys(if place < upper { Hand::Right } else { Hand::Left });
                }
            }
        }
    }
}

/// When no part is a single line: the melody is the top of the best part that may have it, the bass the bottom of the lowest.
fn settle_without_lines(parts: &[RawPart], tasks: &mut [Task]) {
    let whole = parts.iter().map(coverage).fold(0.0, f32::max);
    let may = |tasks: &[Task], i: usize| tasks[i] == Task::Any && coverage(&parts[i]) * 5.0 >= whole;
    let has = |tasks: &[Task], task: Task, hand: Hand| {
        tasks.contains(&task) || tasks.contains(&Task::Keys(hand)) || tasks.contains(&Task::Keys(Hand::Both))
    };
    // A lone part of certain chords has no melody in it.
    if !has(tasks, Task::Lead, Hand::Right) {
        let best = (0..parts.len())
            .filter(|i| may(tasks, *i) && register(&parts[*i]) >= 57.0)
            .max_by(|a, b| coverage(&parts[*a]).total_cmp(&coverage(&parts[*b])));
        if let Some(best) = best {
            tasks[best] = Task::Keys(Hand::Right);
        }
    }
    if !has(tasks, Task::Bass, Hand::Left) {
        let lowest = (0..parts.len())
            .filter(|i| may(tasks, *i) && register(&parts[*i]) < 52.0)
            .min_by(|a, b| register(&parts[*a]).total_cmp(&register(&parts[*b])));
        if let Some(lowest) = lowest {
            tasks[lowest] = Task::Keys(Hand::Left);
        }
    }
}
