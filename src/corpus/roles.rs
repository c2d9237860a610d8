//! Who plays what: from track names, channels, General MIDI programs, register and polyphony to roles.

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

/// What a part is taken for, before parts are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The kit.
    Drums,
    /// The low line.
    Bass,
    /// The low line if nothing is more of a bass (cello, tuba).
    LowLine,
    /// Accompaniment for certain.
    Chords,
    /// A melody.
    Lead,
    /// Accompaniment, or the melody when there is no other (violins, winds, guitars, strings).
    Any,
    /// A keyboard's hand.
    Keys(Hand),
    /// Effects: not music for a role.
    Effects,
    /// Nothing is known.
    Unknown,
}

/// Gives every note its role. Notes of effect parts and drums outside the kit are dropped.
pub fn assign(parts: &[RawPart], beat_steps: u32) -> Vec<(Role, RawNote)> {
    let mut tasks: Vec<Task> = parts.iter().map(task).collect();
    settle_unknown(parts, &mut tasks);
    settle_lead(parts, &mut tasks);
    settle_bass(parts, &mut tasks);
    settle_hands(parts, &mut tasks);
    let has = |wanted: Task| tasks.contains(&wanted);
    let wanted = Wanted { lead: !has(Task::Lead), bass: !has(Task::Bass), beat_steps };
    let keyboards = tasks.iter().any(|t| matches!(t, Task::Keys(_)));
    let mut notes: Vec<(Role, RawNote)> = Vec::new();
    let mut leads: Vec<usize> = Vec::new();
    for (index, (part, task)) in parts.iter().zip(&tasks).enumerate() {
        match task {
            Task::Drums => notes.extend(part.notes.iter().filter_map(drum).map(|n| (Role::Drums, n))),
            Task::Bass => notes.extend(part.notes.iter().map(|n| (Role::Bass, *n))),
            Task::Lead => leads.push(index),
            Task::Keys(hand) => split(&part.notes, *hand, wanted, &mut notes),
            Task::Chords | Task::Any | Task::LowLine | Task::Unknown if wanted.bass && !keyboards => {
                // Block chords over their own bass note, as in lead sheets.
                split(&part.notes, Hand::Block, Wanted { lead: false, ..wanted }, &mut notes);
            }
            Task::Chords | Task::Any | Task::LowLine | Task::Unknown => {
                notes.extend(part.notes.iter().map(|n| (Role::Chords, *n)));
            }
            Task::Effects => {}
        }
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

/// First guess for one part: channel, then words of the name, then the program.
pub fn task(part: &RawPart) -> Task {
    let name = part.name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
    let number = name.split(|c: char| !c.is_ascii_digit()).find(|d| !d.is_empty()).and_then(|d| d.parse::<u32>().ok());
    let has = |list: &[&str]| words.iter().any(|w| list.contains(w));
    let drum_words = ["drum", "drums", "drumkit", "kit", "percussion", "kick", "snare", "hihat", "schlagzeug"];
    if part.channel == 9 || (has(&drum_words) && mostly_kit(part)) {
        return Task::Drums;
    }
    if has(&["fx", "sfx", "percussive", "effects"]) {
        return if has(&["synth"]) { Task::Any } else { Task::Effects };
    }
    let hand = if has(&["rh", "right", "upper", "manual", "treble"]) {
        Some(Hand::Right)
    } else if has(&["lh", "left", "lower", "pedal"]) {
        Some(Hand::Left)
    } else {
        None
    };
    let keyboard = [
        "piano",
        "pianoforte",
        "klavier",
        "organ",
        "harpsichord",
        "clavichord",
        "keyboard",
        "keys",
        "cembalo",
        "staff",
    ];
    match () {
        () if has(&[
            "melody", "voice", "vocal", "vocals", "vox", "singer", "lead", "soprano", "melodie", "tune", "bridge",
        ]) =>
        {
            Task::Lead
        }
        () if has(&["bass", "basses", "basso", "bassline", "contrabass", "kontrabass"])
            && !has(&["drum", "clarinet"]) =>
        {
            Task::Bass
        }
        () if has(&["cello", "violoncello", "tuba", "bassoon", "fagott"]) => Task::LowLine,
        () if has(&["violin", "violino", "violine"]) && number == Some(1) => Task::Lead,
        () if has(&[
            "alto", "tenor", "viola", "violin", "violino", "violine", "chords", "chord", "comp", "pad", "harmony",
        ]) =>
        {
            Task::Chords
        }
        () if has(&["accompaniment", "accomp", "rhythm"]) => Task::Chords,
        () if has(&keyboard) || hand.is_some() => Task::Keys(hand.unwrap_or(Hand::Both)),
        () if has(&["guitar", "guitars", "strings", "ensemble", "brass", "choir", "harp", "lute", "vihuela"]) => {
            Task::Any
        }
        () => part.program.map_or(Task::Unknown, by_program),
    }
}

/// What a General MIDI program is usually for.
fn by_program(program: u8) -> Task {
    match program {
        0..=7 | 16..=23 => Task::Keys(Hand::Both),
        32..=39 => Task::Bass,
        42 | 43 | 58 => Task::LowLine,
        80..=87 => Task::Lead,
        88..=95 => Task::Chords,
        112..=127 => Task::Effects,
        _ => Task::Any,
    }
}

/// Do the pitches look like a kit's?
fn mostly_kit(part: &RawPart) -> bool {
    part.notes.iter().filter(|n| kit::row_of(n.pitch).is_some()).count() * 10 >= part.notes.len() * 8
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

/// How much of a melody a part is: one note at a time, in a singing register, for much of the piece.
fn melody_score(part: &RawPart) -> f32 {
    let sings = if (57.0..=86.0).contains(&register(part)) { 1.0 } else { 0.5 };
    let bars = part.notes.chunk_by(|a, b| a.step / 16 == b.step / 16).count() as f32;
    monophony(part) * sings * bars.sqrt()
}

/// Parts of which nothing is known: by register when the file has several, as solo playing when it has one.
fn settle_unknown(parts: &[RawPart], tasks: &mut [Task]) {
    let pitched: Vec<usize> = (0..parts.len()).filter(|i| !matches!(tasks[*i], Task::Drums | Task::Effects)).collect();
    // A file that gives every part the same program (often the first) says nothing by it.
    let all_keys = pitched.iter().all(|i| tasks[*i] == Task::Keys(Hand::Both));
    let is_flat =
        pitched.len() > 2 && all_keys && pitched.iter().all(|i| parts[*i].program == parts[pitched[0]].program);
    if is_flat {
        pitched.iter().for_each(|i| tasks[*i] = Task::Unknown);
    }
    let mut unknown: Vec<usize> = pitched.iter().copied().filter(|i| tasks[*i] == Task::Unknown).collect();
    unknown.sort_by(|a, b| register(&parts[*a]).total_cmp(&register(&parts[*b])));
    for index in &unknown {
        tasks[*index] = Task::Any;
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
    let best = (0..parts.len())
        .filter(|i| tasks[*i] == Task::Any && monophony(&parts[*i]) >= 0.7 && register(&parts[*i]) >= 52.0)
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
    let lowest = (0..parts.len())
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
