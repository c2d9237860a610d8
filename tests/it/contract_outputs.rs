//! What every row of the table of outputs promises, and what the rack makes of it.

use crossbeam_channel::{Receiver, bounded};
use ricercar::audio::AudioOut;
use ricercar::limits::OUTPUT_RING;
use ricercar::message::{FromPlayer, Notice, ParamChange, Route};
use ricercar::midi::Message;
use ricercar::output::{Address, Due, OUTPUTS, Options, OutEvent, Rack, Sink, SynthOut, clock, device_of};
use ricercar::steer::{Control, OutSpec};
use std::path::PathBuf;
use std::time::{Duration, Instant};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("ricercar-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Scratch(path)
    }
    fn spec(&self) -> OutSpec {
        OutSpec::parse(&format!("raw:{}:3", self.0.display())).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn options() -> Options {
    let (audio, _) = AudioOut::start(Some("none"), clock::base());
    Options { synth: Some(Box::new(SynthOut::new(audio))), ..Options::default() }
}

fn due_in(ms: u64) -> Due {
    Due { at: clock::now().after_ms(ms), ..Due::default() }
}

fn on(pitch: u8) -> OutEvent {
    OutEvent::NoteOn { channel: 2, pitch, velocity: 100 }
}

fn off(pitch: u8) -> OutEvent {
    OutEvent::NoteOff { channel: 2, pitch }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The messages in a stream of bytes without running status.
fn messages(bytes: &[u8]) -> Vec<Message> {
    let starts = (0..bytes.len()).filter(|&i| bytes[i] >= 0x80);
    starts.map(|i| Message::parse(&bytes[i..]).expect("whole messages only")).collect()
}

#[test]
fn rows_say_what_they_are_and_their_addresses_lead_to_them() {
    for (i, row) in OUTPUTS.iter().enumerate() {
        assert!(row.doc.ends_with('.') && OUTPUTS[..i].iter().all(|r| r.name != row.name), "{}", row.name);
        let spec = OutSpec::parse(row.address).unwrap();
        let device = device_of(&spec, 0).0;
        assert_eq!(device.split(':').next(), Some(row.name));
    }
}

#[test]
fn every_output_takes_a_flood_without_blocking_and_falls_silent() {
    for row in OUTPUTS {
        let scratch = Scratch::new(&format!("flood-{}", row.name));
        let spec = if row.name == "raw" { scratch.spec() } else { OutSpec::parse(row.address).unwrap() };
        let mut output = match (row.open)(&spec, &mut options()) {
            Ok(output) => output,
            Err(text) => {
                assert!(row.feature.is_some() && text.contains("feature"), "{}: {text}", row.name);
                continue;
            }
        };
        wait_until("the first attempt ends", || output.is_ready());
        for i in 0..2 * OUTPUT_RING {
            let pitch = (i % 128) as u8;
            output.send(due_in(50_000), on(pitch));
            output.send(due_in(50_000), off(pitch));
            let change = ParamChange { slot: 0, control: Control::Pan, value: (i % 3) as f32 - 1.0 };
            output.send(due_in(50_000), OutEvent::Param { channel: 2, change });
        }
        for event in [OutEvent::Clock, OutEvent::Start, OutEvent::Continue, OutEvent::Stop, on(255), off(255)] {
            output.send(due_in(50_000), event);
        }
        output.silence(due_in(0), true);
        output.tend(clock::now());
        output.send(due_in(0), on(60));
        drop(output);
    }
}

#[test]
fn a_byte_stream_carries_each_note_in_order_and_ends_them_all() {
    let scratch = Scratch::new("stream");
    std::fs::write(&scratch.0, []).unwrap();
    let row = OUTPUTS.iter().find(|r| r.name == "raw").unwrap();
    let mut output = (row.open)(&scratch.spec(), &mut Options::default()).unwrap();
    for pitch in 0..100 {
        output.send(due_in(u64::from(pitch)), on(pitch));
        if pitch % 2 == 0 {
            output.send(due_in(u64::from(pitch)), off(pitch));
        }
    }
    wait_until("all notes are there", || {
        messages(&std::fs::read(&scratch.0).unwrap()).contains(&Message::NoteOn {
            channel: 2,
            pitch: 99,
            velocity: 100,
        })
    });
    // Far ahead, so it must not sound.
    output.send(due_in(60_000), on(120));
    output.silence(due_in(0), false);
    drop(output);
    let sent = messages(&std::fs::read(&scratch.0).unwrap());
    let pitches: Vec<u8> =
        sent.iter().filter_map(|m| if let Message::NoteOn { pitch, .. } = m { Some(*pitch) } else { None }).collect();
    assert_eq!(pitches, (0..100).collect::<Vec<u8>>());
    assert_eq!(sent.iter().filter(|m| matches!(m, Message::NoteOff { .. })).count(), 100);
    assert!(sent.contains(&Message::Control { channel: 2, controller: Message::ALL_NOTES_OFF, value: 0 }));
}

#[test]
fn a_missing_device_is_named_once_and_found_when_it_appears() {
    let scratch = Scratch::new("later");
    let row = OUTPUTS.iter().find(|r| r.name == "raw").unwrap();
    let mut output = (row.open)(&scratch.spec(), &mut Options::default()).unwrap();
    wait_until("the first attempt ends", || output.is_ready());
    let path = scratch.0.display().to_string();
    assert!(output.notice().is_some_and(|text| text.contains(&path) && text.contains("does not exist")));
    output.send(due_in(0), on(60));
    std::fs::write(&scratch.0, []).unwrap();
    wait_until("it is found", || output.notice().is_some_and(|text| text.contains("MIDI bytes go to")));
    output.send(due_in(0), on(61));
    wait_until("it plays", || !std::fs::read(&scratch.0).unwrap().is_empty());
    drop(output);
    let sent = messages(&std::fs::read(&scratch.0).unwrap());
    assert_eq!(sent[0], Message::NoteOn { channel: 2, pitch: 61, velocity: 100 }, "what was missed is not caught up");
}

fn rack(options: Options) -> (Rack, Receiver<FromPlayer>, Receiver<Notice>) {
    let reports = bounded(2);
    let (notices, said) = bounded(64);
    let told = reports.1.clone();
    (Rack::new(options, reports, notices), told, said)
}

fn routes(specs: &[&str]) -> Vec<Route> {
    specs.iter().map(|s| Route { part: (*s).into(), out: OutSpec::parse(s).unwrap() }).collect()
}

#[test]
fn the_rack_numbers_devices_once_and_parts_by_channel_or_slot() {
    let (mut rack, _, said) = rack(options());
    let first = rack.resolve(&routes(&["synth:pluck", "none", "synth:kit"]));
    let address = |out, channel, slot| Address { out, channel, slot };
    assert_eq!(first, [address(0, 0, 0), address(1, 1, 1), address(0, 2, 2)]);
    let again = rack.resolve(&routes(&["none", "synth:no such sound"]));
    assert_eq!(again, [address(1, 0, 0), address(0, 1, 1)]);
    rack.tend(clock::now());
    assert!(said.try_iter().any(|n| n.text.contains("no such sound")));
    assert_eq!(rack.outputs(), 2);
}

#[test]
fn a_part_whose_output_cannot_be_opened_plays_nowhere_and_says_so_once() {
    let (mut rack, _, said) = rack(Options::default());
    for _ in 0..3 {
        let to = rack.resolve(&routes(&["synth:pluck"]))[0];
        rack.send(to, due_in(0), on(60));
        rack.silence(due_in(0), false);
    }
    assert_eq!(said.try_iter().filter(|n| n.text.contains("synth")).count(), 1);
}

#[test]
fn nobody_reading_reports_keeps_the_newest() {
    let (mut rack, told, _) = rack(Options::default());
    for step in 0..5 {
        rack.report(FromPlayer::Handed { step: ricercar::time::StepIndex(step), epoch: None });
    }
    let kept: Vec<u64> = told.try_iter().map(|FromPlayer::Handed { step, .. }| step.0).collect();
    assert_eq!(kept, [3, 4]);
}
