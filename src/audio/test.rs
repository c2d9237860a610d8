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
