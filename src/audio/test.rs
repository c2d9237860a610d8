//! Claims about the synth as a whole.

use super::*;

const RATE: u32 = 48_000;

fn on(at_frame: u64, slot: u8, pitch: u8, velocity: u8) -> TimedSynthEvent {
    TimedSynthEvent { at_frame, event: SynthEvent::NoteOn { slot, pitch, velocity } }
}
fn off(at_frame: u64, slot: u8, pitch: u8) -> TimedSynthEvent {
    TimedSynthEvent { at_frame, event: SynthEvent::NoteOff { slot, pitch } }
}
fn sound(slot: u8, name: &str) -> TimedSynthEvent {
    let sound = sound_named(name).unwrap_or_else(|| panic!("no sound {name}"));
    TimedSynthEvent { at_frame: 0, event: SynthEvent::Sound { slot, sound } }
}
fn global(param: GlobalParam, value: f32) -> TimedSynthEvent {
    TimedSynthEvent { at_frame: 0, event: SynthEvent::Global { param, value } }
}

/// Renders `frames` frames in blocks of `block`.
fn render(events: &[TimedSynthEvent], frames: usize, block: usize) -> Vec<f32> {
    let mut synth = Synth::new(RATE);
    for e in events {
        assert!(synth.schedule(*e));
    }
    let mut out = vec![0.0; 2 * frames];
    out.chunks_mut(2 * block).for_each(|b| synth.render(b));
    out
}

/// A busy bit of music on every sound.
fn band() -> Vec<TimedSynthEvent> {
    let mut events = Vec::new();
    for (i, s) in SOUNDS.iter().take(SLOTS).enumerate() {
        let (slot, at) = (i as u8, 17 + 61 * i as u64);
        events.push(sound(slot, s.name));
        let pitch = if i < 2 { 46 } else { 40 + 3 * i as u8 };
        events.push(on(at, slot, pitch, 100));
        events.push(on(at + 700, slot, 42, 60));
        events.push(off(at + 1100, slot, pitch));
    }
    let knob =
        |at_frame, param, value| TimedSynthEvent { at_frame, event: SynthEvent::Param { slot: 2, param, value } };
    events.push(knob(300, SlotParam::Tone, 2.0));
    events.push(knob(501, SlotParam::DelaySend, 0.5));
    events.push(global(GlobalParam::DelayTime, 0.013));
    events.sort_by_key(|e| e.at_frame);
    events
}

#[test]
fn block_sizes_do_not_change_a_sample() {
    let events = band();
    let whole = render(&events, 2000, 2000);
    for block in [1, 63, 512] {
        assert!(render(&events, 2000, block) == whole, "block size {block} sounds different");
    }
    assert!(whole.iter().any(|x| x.abs() > 0.1));
}

#[test]
fn an_onset_is_exact_to_the_sample() {
    for at in [0, 1, 31, 32, 777] {
        let out = render(&[sound(0, "kit"), on(at, 0, 36, 100)], 1000, 512);
        let first = out.chunks(2).position(|f| f[0] != 0.0);
        assert_eq!(first, Some(at as usize));
    }
}

/// Left and right added, from `from` on.
fn mono(out: &[f32], from: usize) -> Vec<f32> {
    out[2 * from..].chunks(2).map(|f| 0.5 * (f[0] + f[1])).collect()
}

fn rms(x: &[f32]) -> f32 {
    (x.iter().map(|v| v * v).sum::<f32>() / x.len().max(1) as f32).sqrt()
}

fn db(x: f32) -> f32 {
    20.0 * x.max(1e-9).log10()
}

/// Energy of `x` near `hz` (Goertzel over a Hann window).
fn tone(x: &[f32], hz: f64) -> f64 {
    let n = x.len() as f64;
    let (step, mut re, mut im) = (std::f64::consts::TAU * hz / f64::from(RATE), 0.0, 0.0);
    let (turn, window) = ((step.cos(), step.sin()), std::f64::consts::TAU / n);
    let (mut c, mut s) = (1.0, 0.0);
    let hann = (window.cos(), window.sin());
    let (mut wc, mut ws) = (1.0, 0.0);
    for &v in x {
        let v = f64::from(v) * (0.5 - 0.5 * wc);
        (re, im) = (re + v * c, im + v * s);
        (c, s) = (c * turn.0 - s * turn.1, c * turn.1 + s * turn.0);
        (wc, ws) = (wc * hann.0 - ws * hann.1, wc * hann.1 + ws * hann.0);
    }
    re * re + im * im
}

/// How far the strongest tone within a semitone of `pitch` is off, in cents.
fn cents_off(x: &[f32], pitch: u8) -> f64 {
    let hz = 440.0 * 2f64.powf((f64::from(pitch) - 69.0) / 12.0);
    let best = |center: i32, span: i32, step: i32| {
        (center - span..=center + span)
            .step_by(step as usize)
            .max_by(|a, b| {
                let at = |c: &i32| tone(x, hz * 2f64.powf(f64::from(*c) / 1200.0));
                at(a).total_cmp(&at(b))
            })
            .unwrap_or(0)
    };
    f64::from(best(best(0, 90, 15), 14, 2))
}

fn is_kit(sound: &Sound) -> bool {
    matches!(sound.kind, sounds::Kind::Kit(_))
}

#[test]
fn every_tonal_sound_is_in_tune_within_five_cents() {
    let mut faults = Vec::new();
    for s in SOUNDS.iter().filter(|s| !is_kit(s)) {
        for pitch in [40, 57, 69, 84] {
            // The whole detuned ensemble beats slowly: long enough a look for its middle, short enough for this test.
            let frames = if pitch < 50 { 24_000 } else { 20_000 };
            // A closing filter turns the phase of the tone, which would look like detuning: keep it open.
            let event = SynthEvent::Param { slot: 0, param: SlotParam::Tone, value: 4.0 };
            let open = TimedSynthEvent { at_frame: 0, event };
            let events = [sound(0, s.name), global(GlobalParam::ReverbLevel, 0.0), open, on(0, 0, pitch, 100)];
            let out = render(&events, frames, 512);
            let cents = cents_off(&mono(&out, 1500), pitch);
            if cents.abs() > 5.0 {
                faults.push(format!("{} at {pitch}: {cents} cents", s.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_sound_is_audible_balanced_and_named_once() {
    for (i, s) in SOUNDS.iter().enumerate() {
        assert_eq!(sound_named(s.name), Some(i as u16), "two sounds are called {}", s.name);
        assert!(s.doc.ends_with('.') && !s.name.contains(' '), "{}", s.name);
        let is_low = matches!(s.name, "bass" | "sub" | "acid");
        let pitch = if is_kit(s) || is_low { 36 } else { 60 };
        let out = render(&[sound(0, s.name), on(0, 0, pitch, 100)], 24_000, 512);
        let loud = db(mono(&out, 0).chunks(2400).map(rms).fold(0.0, f32::max));
        assert!((-27.0..=-8.0).contains(&loud), "{} has {loud} dB", s.name);
        let soft = render(&[sound(0, s.name), on(0, 0, pitch, 30)], 24_000, 512);
        let soft = db(mono(&soft, 0).chunks(2400).map(rms).fold(0.0, f32::max));
        assert!((6.0..=24.0).contains(&(loud - soft)), "{}: velocity 30 has {soft} dB, 100 has {loud} dB", s.name);
    }
    for role in crate::music::ROLES {
        assert!(usize::from(default_sound(role)) < SOUNDS.len());
    }
    assert!(is_kit(&SOUNDS[usize::from(default_sound(crate::music::Role::Drums))]));
}

#[test]
fn hard_notes_are_brighter_than_soft_ones() {
    /// Energy of the differences over the energy: rises with the share of high tones.
    fn bright(x: &[f32]) -> f32 {
        let steps: Vec<f32> = x.windows(2).map(|w| w[1] - w[0]).collect();
        rms(&steps) / rms(x)
    }
    for name in ["bass", "acid", "pluck", "keys", "pad", "brass", "lead", "stab", "strings", "bell"] {
        let play = |velocity| {
            render(&[sound(0, name), global(GlobalParam::ReverbLevel, 0.0), on(0, 0, 48, velocity)], 9600, 512)
        };
        let (soft, hard) = (bright(&mono(&play(40), 0)), bright(&mono(&play(120), 0)));
        assert!(hard > soft * 1.05, "{name}: {soft} {hard}");
    }
}

#[test]
fn every_drum_of_the_kit_sounds_and_differs() {
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for row in crate::music::kit::ROWS {
        for pitch in std::iter::once(row.pitch).chain(row.aliases.iter().copied()) {
            let out = render(&[on(0, 0, pitch, 110)], 2400, 512);
            let peak = out.iter().fold(0.0f32, |p, x| p.max(x.abs()));
            assert!((0.05..0.9).contains(&peak), "{} ({pitch}) peaks at {peak}", row.name);
        }
        let out = render(&[on(0, 0, row.pitch, 110)], 480, 512);
        assert!(!seen.contains(&out), "{} sounds like another drum", row.name);
        seen.push(out);
    }
}

#[test]
fn a_closed_hat_chokes_the_open_one() {
    let late = |choke: bool| {
        let mut events = vec![global(GlobalParam::ReverbLevel, 0.0), on(0, 0, 46, 110)];
        events.extend(choke.then(|| on(4800, 0, 42, 1)));
        rms(&mono(&render(&events, 9600, 512), 7000))
    };
    assert!(late(false) > 1e-3 && late(true) < late(false) * 0.05);
}

#[test]
fn released_notes_end_in_silence() {
    let mut events = vec![global(GlobalParam::ReverbTime, 0.2)];
    for (i, s) in SOUNDS.iter().enumerate().filter(|(_, s)| !is_kit(s)) {
        let slot = (i % SLOTS) as u8;
        let knob = |param| TimedSynthEvent { at_frame: 0, event: SynthEvent::Param { slot, param, value: 0.0 } };
        events.extend([knob(SlotParam::ReverbSend), knob(SlotParam::ChorusSend)]);
        events.extend([sound(slot, s.name), on(0, slot, 64, 100), off(1200, slot, 64)]);
    }
    let mut synth = Synth::new(8_000);
    events.iter().for_each(|e| assert!(synth.schedule(*e)));
    let mut out = vec![0.0; 2 * 8_000 * 3];
    synth.render(&mut out);
    assert_eq!(synth.voices_playing(), 0);
    assert!(out[2 * 8_000 * 3 - 2000..].iter().all(|x| x.abs() < 1e-5));
}

#[test]
fn panic_silences_everything_within_150_ms_and_what_was_queued_stays_silent() {
    let mut events = vec![global(GlobalParam::ReverbTime, 12.0), global(GlobalParam::DelayFeedback, 0.95)];
    for slot in 0..8u8 {
        let knob = |param| TimedSynthEvent { at_frame: 0, event: SynthEvent::Param { slot, param, value: 1.0 } };
        let name = ["pad", "bell", "kit", "organ", "strings", "pluck", "lead", "keys"][usize::from(slot)];
        events.extend([
            sound(slot, name),
            knob(SlotParam::DelaySend),
            knob(SlotParam::ReverbSend),
            on(slot.into(), slot, 49, 127),
        ]);
        events.push(on(6000, slot, 51, 127));
    }
    let panic = 3000;
    events.push(TimedSynthEvent { at_frame: panic, event: SynthEvent::Panic });
    // What is asked for after the panic plays.
    events.push(on(14_400, 0, 60, 100));
    let out = render(&events, 20_000, 512);
    assert!(rms(&mono(&out[..6000], 0)) > 0.01);
    let silent = (panic as usize + 7200) * 2..14_400 * 2;
    assert!(out[silent].iter().all(|x| *x == 0.0));
    assert!(out[2 * 14_400..].iter().any(|x| x.abs() > 0.001));
}

#[test]
fn two_hundred_notes_at_once_neither_clip_nor_break() {
    let mut events: Vec<_> = (0..16u8).map(|slot| sound(slot, SOUNDS[usize::from(slot)].name)).collect();
    for slot in 0..16u8 {
        let knob = |param, value| TimedSynthEvent { at_frame: 0, event: SynthEvent::Param { slot, param, value } };
        events.extend([
            knob(SlotParam::LevelDb, 12.0),
            knob(SlotParam::Resonance, 1.0),
            knob(SlotParam::DelaySend, 1.0),
        ]);
        events.extend([knob(SlotParam::Tone, 6.0), knob(SlotParam::ReverbSend, f32::NAN)]);
    }
    events.extend((0..200u8).map(|i| on(10 + u64::from(i / 100) * 700, i % 16, 20 + (i / 2) % 108, 127)));
    let mut synth = Synth::new(RATE);
    events.iter().for_each(|e| assert!(synth.schedule(*e)));
    let mut out = [0.0f32; 128];
    for _ in 0..60 {
        synth.render(&mut out);
        assert!(synth.voices_playing() <= crate::limits::SYNTH_VOICES);
        assert!(out.iter().all(|x| x.abs() <= effects::Limiter::CEILING));
    }
    assert_eq!(synth.voices_playing(), crate::limits::SYNTH_VOICES);
}

/// Held sines lose their voices to very low ones, whose own steps are tiny: what jumps would be a cut.
#[test]
fn a_stolen_voice_fades_instead_of_clicking() {
    let mut events = vec![sound(1, "sine"), global(GlobalParam::ReverbLevel, 0.0)];
    events.extend((0..24u8).map(|i| on(0, 1, 60 + i / 2 + 36 * (i % 2), 40)));
    events.extend((0..12u8).map(|i| on(9600 + u64::from(i) * 400, 1, 12 + i, 40)));
    let out = mono(&render(&events, 15_000, 512), 0);
    let jump = |x: &[f32]| x.windows(2).fold(0.0f32, |m, w| m.max((w[1] - w[0]).abs()));
    let (before, during) = (jump(&out[4800..9600]), jump(&out[9600..]));
    assert!(during < before * 1.1, "steps of {during} where there were {before}");
}

#[test]
fn nonsense_is_ignored_or_clamped() {
    let event = |event| TimedSynthEvent { at_frame: 0, event };
    let events = [
        event(SynthEvent::NoteOn { slot: 255, pitch: 255, velocity: 255 }),
        event(SynthEvent::NoteOn { slot: 0, pitch: 255, velocity: 255 }),
        event(SynthEvent::Sound { slot: 3, sound: u16::MAX }),
        event(SynthEvent::Sound { slot: 99, sound: 0 }),
        event(SynthEvent::Param { slot: 200, param: SlotParam::Pan, value: f32::INFINITY }),
        event(SynthEvent::Global { param: GlobalParam::DelayTime, value: -1e30 }),
        event(SynthEvent::Global { param: GlobalParam::ReverbTime, value: f32::NAN }),
        event(SynthEvent::AllOff { slot: 255 }),
    ];
    assert!(render(&events, 600, 512).iter().all(|x| x.abs() <= 1.0));
}
