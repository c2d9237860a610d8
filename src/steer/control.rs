//! The table of controls: everything that takes a number or a signal.

/// A knob. The discriminant is its row in [`CONTROLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
#[allow(missing_docs)] // each variant is documented by its row
pub enum Control {
    Tempo,
    Swing,
    MasterDb,
    ReverbSize,
    DelayTime,
    DelayFeedback,
    Temperature,
    PitchTemperature,
    RhythmTemperature,
    VelocityTemperature,
    OffsetTemperature,
    TopP,
    MinP,
    Density,
    Register,
    InKey,
    InChord,
    Low,
    High,
    Polyphony,
    Syncopation,
    Repeat,
    Copy,
    CopyBars,
    Guidance,
    Taste,
    Velocity,
    Accent,
    Gate,
    Probability,
    Transpose,
    Humanize,
    LevelDb,
    Pan,
    Reverb,
    Delay,
    Cutoff,
}

/// What a control belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole set.
    Set,
    /// One part.
    Part,
}

/// One row of [`CONTROLS`].
#[derive(Clone, Copy, Debug)]
pub struct ControlInfo {
    /// The knob.
    pub control: Control,
    /// The word in scripts and on screen.
    pub name: &'static str,
    /// The whole set or one part.
    pub scope: Scope,
    /// Unit as printed; empty for a plain number.
    pub unit: &'static str,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Value when nobody sets it; `None` leaves it to the model (or to the role).
    pub default: Option<f32>,
    /// How far one key press turns it.
    pub nudge: f32,
    /// True when the model is asked anew; false when only the shape of what is played changes.
    pub is_ask: bool,
    /// What it does.
    pub doc: &'static str,
    /// A line of script.
    pub example: &'static str,
}

macro_rules! rows {
    ($($c:ident $name:literal $scope:ident $unit:literal $min:literal..$max:literal $default:expr, $nudge:literal $ask:literal $doc:literal $ex:literal;)*) => {
        &[$(ControlInfo { control: Control::$c, name: $name, scope: Scope::$scope, unit: $unit, min: $min, max: $max,
            default: $default, nudge: $nudge, is_ask: $ask, doc: $doc, example: $ex }),*]
    };
}

/// Every control, in the order of [`Control`].
#[rustfmt::skip]
pub const CONTROLS: &[ControlInfo] = rows! {
    Tempo "tempo" Set "bpm" 20.0..400.0 Some(120.0), 1.0 false "Quarter notes per minute." "tempo(112);";
    Swing "swing" Set "" 0.5..0.75 Some(0.5), 0.01 false "Place of the second sixteenth of each pair: 0.5 straight, 0.66 triplet feel." "swing(0.58);";
    MasterDb "master" Set "dB" -60.0..6.0 Some(0.0), 1.0 false "Loudness of the internal synth." "master(-3);";
    ReverbSize "reverb_size" Set "" 0.0..1.0 Some(0.5), 0.05 false "Size of the room." "reverb_size(0.7);";
    DelayTime "delay_time" Set "steps" 1.0..16.0 Some(3.0), 1.0 false "Time of the echo, in steps." "delay_time(3);";
    DelayFeedback "delay_feedback" Set "" 0.0..0.9 Some(0.35), 0.05 false "How much of the echo comes again." "delay_feedback(0.5);";
    Temperature "temperature" Part "" 0.0..4.0 Some(1.0), 0.05 true "How freely the model chooses: 0 always the likeliest, 1 as learned, above it wilder." "lead.temperature = 0.9;";
    PitchTemperature "pitch_temperature" Part "" 0.0..4.0 None, 0.05 true "Temperature of pitches alone." "lead.pitch_temperature = 0.7;";
    RhythmTemperature "rhythm_temperature" Part "" 0.0..4.0 None, 0.05 true "Temperature of onsets and lengths alone." "lead.rhythm_temperature = 1.2;";
    VelocityTemperature "velocity_temperature" Part "" 0.0..4.0 None, 0.05 true "Temperature of velocities alone." "drums.velocity_temperature = 0.8;";
    OffsetTemperature "offset_temperature" Part "" 0.0..4.0 None, 0.05 true "Temperature of micro-timing alone; 0 keeps the model's favourite feel." "drums.offset_temperature = 0.5;";
    TopP "top_p" Part "" 0.05..1.0 Some(0.97), 0.01 true "Keep the smallest set of choices with this probability." "lead.top_p = 0.9;";
    MinP "min_p" Part "" 0.0..0.5 Some(0.02), 0.01 true "Drop choices less likely than this share of the best." "lead.min_p = 0.05;";
    Density "density" Part "" 0.0..1.0 None, 0.05 true "How many notes: 0 sparse, 1 busy." "bass.density = sine(0.2, 0.7).bars(8);";
    Register "register" Part "" 0.0..1.0 None, 0.05 true "Where in its range the part plays: 0 low, 1 high." "lead.register = 0.7;";
    InKey "in_key" Part "" 0.0..1.0 Some(1.0), 0.1 true "How strictly pitches keep to the key: 1 never outside." "lead.in_key = 0.8;";
    InChord "in_chord" Part "" 0.0..1.0 Some(0.0), 0.1 true "How strictly pitches keep to the chord: 1 never outside." "bass.in_chord = 1;";
    Low "low" Part "" 0.0..127.0 None, 1.0 true "Lowest pitch." "lead.low = 60;";
    High "high" Part "" 0.0..127.0 None, 1.0 true "Highest pitch." "lead.high = 84;";
    Polyphony "polyphony" Part "notes" 1.0..16.0 None, 1.0 true "Notes started together: never more, and when it is set, about so many. By default at most: bass and lead 1, chords 6, drums 8." "keys.polyphony = 4;";
    Syncopation "syncopation" Part "" 0.0..1.0 None, 0.1 true "Where onsets fall: 0 on the beats, 1 between them." "lead.syncopation = 0.8;";
    Repeat "repeat" Part "" -1.0..1.0 Some(0.0), 0.1 true "What was played at this place a bar ago: -1 avoids it, 1 insists on it." "lead.repeat = 0.5;";
    Copy "copy" Part "" 0.0..1.0 Some(0.0), 0.1 true "Chance of each step to be the part's own of some bars ago, moved to the chord: 1 is a loop." "lead.copy = 0.8;";
    CopyBars "copy_bars" Part "bars" 1.0..4.0 Some(1.0), 1.0 true "How many bars ago is copied." "lead.copy_bars = 2;";
    Guidance "guidance" Part "" 0.0..4.0 Some(1.0), 0.25 true "How strongly the model follows style, key, chord, density and register: 1 as learned, 2 exaggerates, 0 forgets them." "lead.guidance = 2;";
    Taste "taste" Part "" -8.0..8.0 Some(1.0), 1.0 true "Candidates planned for each bar; the one that sounds most real is kept, of negative ones the least. 1 takes the first." "lead.taste = 4;";
    Velocity "velocity" Part "" 0.0..2.0 Some(1.0), 0.05 false "Scales how hard notes are played." "drums.velocity = 0.8;";
    Accent "accent" Part "" 0.0..1.0 Some(0.2), 0.05 false "How much beats stand out." "drums.accent = 0.4;";
    Gate "gate" Part "" 0.05..4.0 Some(0.95), 0.05 false "Length of notes, as a share of what the model wrote." "bass.gate = 0.5;";
    Probability "probability" Part "" 0.0..1.0 Some(1.0), 0.05 false "Chance that each note is played." "drums.probability = 0.9;";
    Transpose "transpose" Part "semitones" -48.0..48.0 Some(0.0), 12.0 false "Moves what is played, not what is heard by the others." "lead.transpose = 12;";
    Humanize "humanize" Part "ms" 0.0..30.0 Some(0.0), 1.0 false "Random, bounded timing." "lead.humanize = 6;";
    LevelDb "level" Part "dB" -60.0..12.0 Some(0.0), 1.0 false "Loudness in the internal synth; volume (CC 7) on MIDI." "bass.level = -4;";
    Pan "pan" Part "" -1.0..1.0 Some(0.0), 0.1 false "Left -1 to right 1." "lead.pan = sine(-0.5, 0.5).bars(4);";
    Reverb "reverb" Part "" 0.0..1.0 Some(0.15), 0.05 false "Send to the reverb." "lead.reverb = 0.4;";
    Delay "delay" Part "" 0.0..1.0 Some(0.0), 0.05 false "Send to the echo." "lead.delay = 0.3;";
    Cutoff "cutoff" Part "" 0.0..1.0 Some(0.5), 0.05 false "Brightness; CC 74 on MIDI." "bass.cutoff = sine(0.2, 0.8).bars(2);";
};

/// Number of controls.
pub const CONTROL_COUNT: usize = CONTROLS.len();

impl Control {
    /// Its row.
    pub fn info(self) -> &'static ControlInfo {
        &CONTROLS[self as usize]
    }
}

impl ControlInfo {
    /// The value brought into range; a number that is none becomes the default or the minimum.
    pub fn clamp(&self, value: f32) -> f32 {
        if value.is_finite() { value.clamp(self.min, self.max) } else { self.default.unwrap_or(self.min) }
    }
}

/// The control with this name.
pub fn control_named(name: &str) -> Option<&'static ControlInfo> {
    CONTROLS.iter().find(|c| c.name == name)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_enum_and_defaults_are_in_range() {
        for (i, row) in CONTROLS.iter().enumerate() {
            assert_eq!(row.control as usize, i, "{}", row.name);
            assert!(row.min < row.max && row.nudge > 0.0 && !row.doc.is_empty() && row.example.contains(row.name));
            assert_eq!(row.default.map(|d| row.clamp(d)), row.default, "{}", row.name);
        }
    }
}
