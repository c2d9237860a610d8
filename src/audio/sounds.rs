//! The sounds: one row each. Adding a sound is adding a row; help, completion and the contract tests read the table.

use super::envelope::Adsr;

/// A sound that a part can play.
#[derive(Clone, Copy, Debug)]
pub struct Sound {
    /// Word used in scripts: `out("synth:NAME")`.
    pub name: &'static str,
    /// One sentence for the performer.
    pub doc: &'static str,
    /// How it is made.
    pub kind: Kind,
    /// Levels the sounds against each other, dB (measured, see the contract test).
    pub gain_db: f32,
    /// Reverb send until the performer sets one, 0..=1.
    pub reverb: f32,
    /// Chorus send until the performer sets one, 0..=1.
    pub chorus: f32,
}

impl Sound {
    /// True for drum kits: their pitches are drums.
    pub fn is_kit(&self) -> bool {
        matches!(self.kind, Kind::Kit(_))
    }
}

/// How a sound is made.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Band-limited oscillators through a filter.
    Analog(&'static Analog),
    /// Sines that bend the phase of sines (J. Chowning 1973).
    Fm(&'static Fm),
    /// Nine sines at drawbar pitches.
    Organ(&'static [f32; 9]),
    /// A plucked string (K. Karplus, A. Strong 1983; tuned as D. Jaffe, J. Smith 1983).
    String(&'static Pluck),
    /// The drum kit: one voice per hit, chosen by the pitch (rows of `music::kit`).
    Kit(&'static KitStyle),
}

/// Wave of an oscillator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wave {
    /// All harmonics.
    Saw,
    /// A pulse with this share of its period high.
    Pulse(f32),
    /// Odd harmonics, soft.
    Triangle,
    /// One harmonic.
    Sine,
}

/// One oscillator of an analog sound.
#[derive(Clone, Copy, Debug)]
pub struct Osc {
    /// Wave.
    pub wave: Wave,
    /// Loudness, 0 = unused.
    pub level: f32,
    /// Distance from the played pitch; fractions detune.
    pub semitones: f32,
    /// Place, -1..=1.
    pub pan: f32,
}

/// Parameters of a subtractive sound.
#[derive(Clone, Copy, Debug)]
pub struct Analog {
    /// Oscillators.
    pub oscs: [Osc; 4],
    /// White noise beside them.
    pub noise: f32,
    /// Filter corner at middle C with no envelope.
    pub cutoff_hz: f32,
    /// How far the corner follows the pitch, 0..=1.
    pub track: f32,
    /// Filter sharpness, 0..1.
    pub resonance: f32,
    /// 24 dB per octave instead of 12.
    pub is_steep: bool,
    /// Octaves that the filter envelope opens.
    pub env_octaves: f32,
    /// Octaves between the softest and the hardest note.
    pub velocity_octaves: f32,
    /// Saturation before the filter, 0 = none.
    pub drive: f32,
    /// Loudness.
    pub amp: Adsr,
    /// Filter.
    pub filter: Adsr,
    /// Depth of the vibrato that fades in on long notes, cents.
    pub vibrato_cents: f32,
}

/// One modulator into one carrier.
#[derive(Clone, Copy, Debug)]
pub struct FmPair {
    /// Carrier frequency over note frequency.
    pub carrier: f32,
    /// Modulator frequency over note frequency.
    pub modulator: f32,
    /// Modulation in radians / (2 pi) at full velocity.
    pub index: f32,
    /// Time in which the index falls by 60 dB; the index keeps a tenth as long as the key is held.
    pub index_decay_s: f32,
    /// Loudness.
    pub level: f32,
    /// Time in which the pair falls by 60 dB.
    pub decay_s: f32,
}

/// Parameters of a phase modulation sound.
#[derive(Clone, Copy, Debug)]
pub struct Fm {
    /// Pairs that sound together.
    pub pairs: [FmPair; 3],
    /// Loudness.
    pub amp: Adsr,
    /// How much velocity matters to the index, 0..=1.
    pub velocity: f32,
    /// Decays shorten by this many octaves per octave of pitch.
    pub decay_track: f32,
}

/// Parameters of a plucked string.
#[derive(Clone, Copy, Debug)]
pub struct Pluck {
    /// Time in which the string falls by 60 dB at middle C.
    pub decay_s: f32,
    /// Share of the loss filter, 0 (bright) ..= 0.5 (dark).
    pub damping: f32,
    /// Where it is plucked, as a share of its length.
    pub position: f32,
    /// Time to stop once the key is up.
    pub release_s: f32,
    /// Corner of the body's low pass.
    pub body_hz: f32,
}

/// How the kit is tuned.
#[derive(Clone, Copy, Debug)]
pub struct KitStyle {
    /// Frequencies of drums are multiplied by this.
    pub tune: f32,
    /// Decays are multiplied by this.
    pub decay: f32,
    /// The kick's decay is multiplied by this as well.
    pub boom: f32,
    /// Saturation, 1 = as the rows say.
    pub drive: f32,
}

const fn adsr(attack_s: f32, decay_s: f32, sustain: f32, release_s: f32) -> Adsr {
    Adsr { attack_s, decay_s, sustain, release_s }
}
const fn osc(wave: Wave, level: f32, semitones: f32, pan: f32) -> Osc {
    Osc { wave, level, semitones, pan }
}
const OFF: Osc = osc(Wave::Sine, 0.0, 0.0, 0.0);
const fn pair(carrier: f32, modulator: f32, index: f32, index_decay_s: f32, level: f32, decay_s: f32) -> FmPair {
    FmPair { carrier, modulator, index, index_decay_s, level, decay_s }
}
const fn sound(name: &'static str, doc: &'static str, kind: Kind, gain_db: f32, reverb: f32, chorus: f32) -> Sound {
    Sound { name, doc, kind, gain_db, reverb, chorus }
}

const BASS: Analog = Analog {
    oscs: [
        osc(Wave::Saw, 0.6, 0.03, 0.0),
        osc(Wave::Pulse(0.5), 0.35, -0.03, 0.0),
        osc(Wave::Sine, 0.55, 0.0, 0.0),
        osc(Wave::Sine, 0.25, -12.0, 0.0),
    ],
    noise: 0.0,
    cutoff_hz: 420.0,
    track: 0.45,
    resonance: 0.25,
    is_steep: true,
    env_octaves: 2.6,
    velocity_octaves: 1.8,
    drive: 0.9,
    amp: adsr(0.002, 2.5, 0.65, 0.12),
    filter: adsr(0.001, 0.6, 0.12, 0.15),
    vibrato_cents: 0.0,
};

const ACID: Analog = Analog {
    oscs: [osc(Wave::Saw, 1.0, 0.0, 0.0), OFF, OFF, OFF],
    noise: 0.0,
    cutoff_hz: 260.0,
    track: 0.3,
    resonance: 0.86,
    is_steep: true,
    env_octaves: 3.4,
    velocity_octaves: 2.2,
    drive: 1.6,
    amp: adsr(0.002, 3.0, 0.8, 0.05),
    filter: adsr(0.001, 0.75, 0.0, 0.1),
    vibrato_cents: 0.0,
};

const SUB: Analog = Analog {
    oscs: [osc(Wave::Sine, 1.0, 0.0, 0.0), osc(Wave::Triangle, 0.35, 0.0, 0.0), OFF, OFF],
    noise: 0.0,
    cutoff_hz: 1200.0,
    track: 0.5,
    resonance: 0.0,
    is_steep: false,
    env_octaves: 1.0,
    velocity_octaves: 1.5,
    drive: 0.8,
    amp: adsr(0.004, 3.0, 0.85, 0.15),
    filter: adsr(0.002, 0.4, 0.2, 0.2),
    vibrato_cents: 0.0,
};

const PAD: Analog = Analog {
    oscs: [
        osc(Wave::Saw, 0.5, 0.0, 0.0),
        osc(Wave::Saw, 0.3, -0.07, -0.9),
        osc(Wave::Saw, 0.3, 0.07, 0.9),
        osc(Wave::Triangle, 0.22, -12.0, 0.0),
    ],
    noise: 0.012,
    cutoff_hz: 900.0,
    track: 0.4,
    resonance: 0.15,
    is_steep: false,
    env_octaves: 1.3,
    velocity_octaves: 1.6,
    drive: 0.0,
    amp: adsr(0.22, 4.0, 0.85, 1.6),
    filter: adsr(0.7, 6.0, 0.5, 1.5),
    vibrato_cents: 0.0,
};

const STRINGS: Analog = Analog {
    oscs: [osc(Wave::Saw, 0.5, 0.0, 0.0), osc(Wave::Saw, 0.33, -0.09, -0.8), osc(Wave::Saw, 0.33, 0.09, 0.8), OFF],
    noise: 0.02,
    cutoff_hz: 2600.0,
    track: 0.5,
    resonance: 0.1,
    is_steep: false,
    env_octaves: 0.6,
    velocity_octaves: 1.5,
    drive: 0.0,
    amp: adsr(0.07, 3.0, 0.9, 0.5),
    filter: adsr(0.1, 3.0, 0.7, 0.5),
    vibrato_cents: 6.0,
};

const LEAD: Analog = Analog {
    oscs: [
        osc(Wave::Saw, 0.65, 0.0, 0.0),
        osc(Wave::Pulse(0.32), 0.17, 0.05, 0.35),
        osc(Wave::Saw, 0.28, -0.05, -0.35),
        osc(Wave::Pulse(0.5), 0.08, -12.0, 0.0),
    ],
    noise: 0.0,
    cutoff_hz: 1700.0,
    track: 0.6,
    resonance: 0.3,
    is_steep: true,
    env_octaves: 1.8,
    velocity_octaves: 1.8,
    drive: 0.7,
    amp: adsr(0.004, 2.0, 0.75, 0.22),
    filter: adsr(0.003, 0.9, 0.35, 0.25),
    vibrato_cents: 9.0,
};

const STAB: Analog = Analog {
    oscs: [
        osc(Wave::Saw, 0.5, 0.0, 0.0),
        osc(Wave::Saw, 0.32, 0.06, -0.6),
        osc(Wave::Pulse(0.4), 0.17, -0.06, 0.6),
        OFF,
    ],
    noise: 0.0,
    cutoff_hz: 700.0,
    track: 0.5,
    resonance: 0.3,
    is_steep: true,
    env_octaves: 3.2,
    velocity_octaves: 1.8,
    drive: 0.3,
    amp: adsr(0.001, 1.1, 0.0, 0.25),
    filter: adsr(0.001, 0.55, 0.0, 0.25),
    vibrato_cents: 0.0,
};

const BRASS: Analog = Analog {
    oscs: [osc(Wave::Saw, 0.6, 0.0, 0.0), osc(Wave::Saw, 0.4, 0.06, 0.5), osc(Wave::Saw, 0.4, -0.06, -0.5), OFF],
    noise: 0.01,
    cutoff_hz: 520.0,
    track: 0.6,
    resonance: 0.15,
    is_steep: true,
    env_octaves: 2.6,
    velocity_octaves: 2.0,
    drive: 0.5,
    amp: adsr(0.03, 2.0, 0.85, 0.18),
    filter: adsr(0.06, 1.6, 0.55, 0.2),
    vibrato_cents: 5.0,
};

const KEYS: Fm = Fm {
    pairs: [
        pair(1.0, 1.0, 0.19, 2.2, 1.0, 4.5),
        pair(1.0, 14.0, 0.05, 0.35, 0.5, 2.5),
        pair(2.0, 1.0, 0.06, 1.0, 0.12, 2.0),
    ],
    amp: adsr(0.001, 9.0, 0.0, 0.28),
    velocity: 0.75,
    decay_track: 0.45,
};

const BELL: Fm = Fm {
    pairs: [
        pair(1.0, 3.5, 0.2, 2.5, 1.0, 4.5),
        pair(2.76, 1.41, 0.12, 1.2, 0.35, 2.0),
        pair(5.4, 2.0, 0.05, 0.5, 0.16, 0.9),
    ],
    amp: adsr(0.001, 12.0, 0.0, 1.8),
    velocity: 0.6,
    decay_track: 0.3,
};

const MALLET: Fm = Fm {
    pairs: [
        pair(1.0, 1.0, 0.03, 0.25, 1.0, 1.3),
        pair(3.93, 1.0, 0.03, 0.1, 0.32, 0.3),
        pair(9.6, 3.0, 0.08, 0.06, 0.1, 0.11),
    ],
    amp: adsr(0.001, 4.0, 0.0, 0.5),
    velocity: 0.6,
    decay_track: 0.5,
};

const ORGAN: [f32; 9] = [0.6, 0.45, 1.0, 0.5, 0.12, 0.3, 0.05, 0.1, 0.14];

const PLUCK: Pluck = Pluck { decay_s: 3.2, damping: 0.2, position: 0.21, release_s: 0.18, body_hz: 5200.0 };
const GUITAR: Pluck = Pluck { decay_s: 4.5, damping: 0.36, position: 0.13, release_s: 0.12, body_hz: 3000.0 };

const KIT: KitStyle = KitStyle { tune: 1.0, decay: 1.0, boom: 1.0, drive: 1.0 };
const BOOM: KitStyle = KitStyle { tune: 0.88, decay: 0.85, boom: 2.6, drive: 1.5 };

/// Every sound.
pub const SOUNDS: [Sound; 17] = [
    sound(
        "kit",
        "Drum kit: punchy kick, snare, rim, clap, hats that choke, toms, crash, ride, percussion.",
        Kind::Kit(&KIT),
        4.0,
        0.06,
        0.0,
    ),
    sound(
        "boom",
        "Drum kit with a long low kick and a harder hit, for electronic music.",
        Kind::Kit(&BOOM),
        4.5,
        0.05,
        0.0,
    ),
    sound("bass", "Round analog bass with a filter bite on each note.", Kind::Analog(&BASS), -5.7, 0.02, 0.0),
    sound("sub", "Deep, nearly pure bass that leaves room for everything else.", Kind::Analog(&SUB), -4.0, 0.0, 0.0),
    sound("acid", "Squelching resonant saw bass; velocity opens it.", Kind::Analog(&ACID), -9.0, 0.06, 0.0),
    sound("pluck", "Plucked steel string, bright and short when let go.", Kind::String(&PLUCK), 1.0, 0.2, 0.0),
    sound("guitar", "Softer nylon-like string.", Kind::String(&GUITAR), 1.8, 0.18, 0.0),
    sound("keys", "Electric piano; hard notes bark.", Kind::Fm(&KEYS), -11.5, 0.18, 0.35),
    sound("organ", "Drawbar organ with a slow chorus.", Kind::Organ(&ORGAN), -14.0, 0.15, 0.5),
    sound("pad", "Wide, slow, warm pad.", Kind::Analog(&PAD), -8.0, 0.4, 0.5),
    sound("strings", "String machine ensemble.", Kind::Analog(&STRINGS), -9.0, 0.35, 0.6),
    sound("brass", "Synthetic brass section; velocity brightens it.", Kind::Analog(&BRASS), -8.5, 0.22, 0.2),
    sound("stab", "Short chord stab with a closing filter.", Kind::Analog(&STAB), -4.0, 0.22, 0.15),
    sound("lead", "Detuned solo voice with vibrato on long notes.", Kind::Analog(&LEAD), -6.0, 0.2, 0.15),
    sound("bell", "Metal bell that rings long.", Kind::Fm(&BELL), -12.4, 0.35, 0.1),
    sound("mallet", "Wooden bar struck with a mallet.", Kind::Fm(&MALLET), -8.3, 0.22, 0.0),
    sound("sine", "One clean tone, for tuning and tests of a hall.", Kind::Analog(&SINE), -11.0, 0.0, 0.0),
];

const SINE: Analog = Analog {
    oscs: [osc(Wave::Sine, 1.0, 0.0, 0.0), OFF, OFF, OFF],
    noise: 0.0,
    cutoff_hz: 16_000.0,
    track: 0.0,
    resonance: 0.0,
    is_steep: false,
    env_octaves: 0.0,
    velocity_octaves: 0.0,
    drive: 0.0,
    amp: adsr(0.003, 1.0, 1.0, 0.06),
    filter: adsr(0.001, 1.0, 1.0, 0.1),
    vibrato_cents: 0.0,
};

/// Index of the sound with this name.
pub fn sound_named(name: &str) -> Option<u16> {
    SOUNDS.iter().position(|s| s.name == name).map(|i| i as u16)
}

/// The sound that a role plays until the performer chooses one: an index into [`SOUNDS`].
pub fn default_sound(role: crate::music::Role) -> u16 {
    use crate::music::Role;
    let name = match role {
        Role::Drums => "kit",
        Role::Bass => "bass",
        Role::Chords => "keys",
        Role::Lead => "pluck",
    };
    sound_named(name).unwrap_or(0)
}
