//! What can be said to the synth, and the table of its knobs.

/// The most slots: one part's sound each.
pub const SLOTS: usize = crate::limits::PARTS_MAX;

/// One thing that happens in the synth. Numbers out of range are clamped, unknown slots and sounds are ignored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SynthEvent {
    /// A key goes down; velocity 0 means up.
    NoteOn {
        /// Slot, 0..16.
        slot: u8,
        /// MIDI note number.
        pitch: u8,
        /// 1..=127.
        velocity: u8,
    },
    /// A key goes up. Drums ignore it: they ring as long as they ring.
    NoteOff {
        /// Slot, 0..16.
        slot: u8,
        /// MIDI note number.
        pitch: u8,
    },
    /// The slot plays this row of [`super::SOUNDS`] from its next note on.
    Sound {
        /// Slot, 0..16.
        slot: u8,
        /// Index into `SOUNDS`.
        sound: u16,
    },
    /// A knob of a slot moves.
    Param {
        /// Slot, 0..16.
        slot: u8,
        /// Which knob.
        param: SlotParam,
        /// Value in the knob's unit.
        value: f32,
    },
    /// A knob of the whole synth moves.
    Global {
        /// Which knob.
        param: GlobalParam,
        /// Value in the knob's unit.
        value: f32,
    },
    /// Every key of the slot goes up.
    AllOff {
        /// Slot, 0..16.
        slot: u8,
    },
    /// Every key of every slot goes up, and notes queued earlier that have not begun are forgotten; tails ring on.
    Silence,
    /// As `Silence`, and everything that sounds, tails included, fades to nothing within 120 ms.
    Panic,
}

/// An event and the frame, counted from the stream's start, at which it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedSynthEvent {
    /// Absolute frame.
    pub at_frame: u64,
    /// What happens.
    pub event: SynthEvent,
}

/// Knobs of one slot; rows in [`SLOT_PARAMS`] in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotParam {
    /// Loudness.
    LevelDb,
    /// Place between left and right.
    Pan,
    /// Share sent to the reverb.
    ReverbSend,
    /// Share sent to the delay.
    DelaySend,
    /// Brightness: the filter's shift.
    Tone,
    /// Extra sharpness of the filter.
    Resonance,
    /// Share sent to the chorus.
    ChorusSend,
}

/// Knobs of the whole synth; rows in [`GLOBAL_PARAMS`] in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalParam {
    /// Loudness of everything.
    MasterDb,
    /// Distance of the delay's repeats.
    DelayTime,
    /// How much of a repeat is repeated.
    DelayFeedback,
    /// Loudness of the repeats.
    DelayLevel,
    /// Time in which the reverb falls by 60 dB.
    ReverbTime,
    /// Loudness of the reverb.
    ReverbLevel,
    /// How much faster high tones die in the reverb.
    ReverbDamp,
}

/// One knob: what a script, a help page and a clamp need to know.
#[derive(Clone, Copy, Debug)]
pub struct ParamRow {
    /// Word used in scripts and on screen.
    pub name: &'static str,
    /// Unit shown behind the number.
    pub unit: &'static str,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Value at the start; for sends the sound's own value counts until one is set.
    pub default: f32,
    /// One sentence for the performer.
    pub doc: &'static str,
}

const fn knob(name: &'static str, unit: &'static str, min: f32, max: f32, default: f32, doc: &'static str) -> ParamRow {
    ParamRow { name, unit, min, max, default, doc }
}

/// The knobs of a slot.
pub const SLOT_PARAMS: [ParamRow; 7] = [
    knob("level", "dB", -60.0, 12.0, 0.0, "Loudness of the part; -60 is silence."),
    knob("pan", "", -1.0, 1.0, 0.0, "Place: -1 left, 0 middle, 1 right."),
    knob("reverb", "", 0.0, 1.0, 0.15, "How much of the part goes into the reverb."),
    knob("delay", "", 0.0, 1.0, 0.0, "How much of the part goes into the delay."),
    knob("tone", "octaves", -6.0, 6.0, 0.0, "Shifts the sound's filter: below 0 darker, above 0 brighter."),
    knob("resonance", "", 0.0, 1.0, 0.0, "Makes the filter ring at its corner."),
    knob("chorus", "", 0.0, 1.0, 0.0, "How much of the part goes into the chorus."),
];

/// The knobs of the whole synth.
pub const GLOBAL_PARAMS: [ParamRow; 7] = [
    knob("master", "dB", -60.0, 12.0, 0.0, "Loudness of everything, before the limiter."),
    knob("delay_time", "s", 0.01, 2.0, 0.375, "Time between the delay's repeats."),
    knob("delay_feedback", "", 0.0, 0.95, 0.4, "How much of each repeat is repeated."),
    knob("delay_level", "", 0.0, 1.0, 0.7, "Loudness of the repeats."),
    knob("reverb_time", "s", 0.2, 12.0, 1.8, "Time in which the reverb falls by 60 dB."),
    knob("reverb_level", "", 0.0, 1.0, 0.8, "Loudness of the reverb."),
    knob("reverb_damp", "", 0.0, 1.0, 0.4, "How much sooner the high tones of the reverb die."),
];

impl ParamRow {
    /// The value within the knob's range; a number that is none becomes the default.
    pub fn clamp(&self, value: f32) -> f32 {
        if value.is_finite() { value.clamp(self.min, self.max) } else { self.default }
    }
}

impl SlotParam {
    /// Every knob, in the order of [`SLOT_PARAMS`].
    pub const ALL: [SlotParam; 7] = [
        SlotParam::LevelDb,
        SlotParam::Pan,
        SlotParam::ReverbSend,
        SlotParam::DelaySend,
        SlotParam::Tone,
        SlotParam::Resonance,
        SlotParam::ChorusSend,
    ];
    /// The knob's row.
    pub fn row(self) -> &'static ParamRow {
        &SLOT_PARAMS[self as usize]
    }
    /// Finds a knob by its word.
    pub fn parse(name: &str) -> Option<SlotParam> {
        Self::ALL.into_iter().find(|p| p.row().name == name)
    }
}

impl GlobalParam {
    /// Every knob, in the order of [`GLOBAL_PARAMS`].
    pub const ALL: [GlobalParam; 7] = [
        GlobalParam::MasterDb,
        GlobalParam::DelayTime,
        GlobalParam::DelayFeedback,
        GlobalParam::DelayLevel,
        GlobalParam::ReverbTime,
        GlobalParam::ReverbLevel,
        GlobalParam::ReverbDamp,
    ];
    /// The knob's row.
    pub fn row(self) -> &'static ParamRow {
        &GLOBAL_PARAMS[self as usize]
    }
    /// Finds a knob by its word.
    pub fn parse(name: &str) -> Option<GlobalParam> {
        Self::ALL.into_iter().find(|p| p.row().name == name)
    }
}
