//! The synth on a JACK server, heard sample by sample: every note begins at its frame.
//!
//! The server runs in freewheel meanwhile: it waits for its clients instead of for a clock, so a busy machine costs no period.

use super::jack_child::{client, say};
use super::jack_rig::Server;
use jack::{AudioIn, Client, Control, Port, PortFlags, ProcessHandler, ProcessScope};
use ricercar::audio::{AudioStream, SlotParam, SynthEvent, TimedSynthEvent, sound_named};
use ricercar::output::clock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Number of clicks.
const CLICKS: u64 = 30;
/// Frames between two of them: no multiple of any period, and long enough for each to die away.
const APART: u64 = 24_013;
/// The kit's rim.
const RIM: u8 = 37;
/// Where the first one stands, in frames from now: after the server has changed its pace.
const AHEAD: u64 = 96_000;

struct Ear {
    port: Port<AudioIn>,
    heard: Sender<Vec<f32>>,
}

impl ProcessHandler for Ear {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let _ = self.heard.send(self.port.as_slice(scope).to_vec());
        Control::Continue
    }
}

fn freewheel(client: &Client, is_on: bool) {
    // SAFETY: the client lives; the server is asked from no callback.
    let failed = unsafe { jack::jack_sys::jack_set_freewheel(client.raw(), is_on.into()) };
    assert_eq!(failed, 0);
}

/// What the child does: plays clicks on the synth, listens to them, and says at which frames they began.
pub fn clicks(is_freewheel: bool) {
    drop(client("waiting"));
    let (stream, mut feed) = AudioStream::open(Some("jack"), clock::base()).unwrap();
    let client = client("ear");
    let port = client.register_port("ear", jack::AudioIn::default()).unwrap();
    let ear_name = port.name().unwrap();
    let (heard, told) = channel();
    let ear = client.activate_async((), Ear { port, heard }).unwrap();
    let ours = |name: &String| !name.starts_with("system:") && !name.starts_with("ear");
    let outs = ear.as_client().ports(None, Some("32 bit float mono audio"), PortFlags::IS_OUTPUT);
    let out = outs.into_iter().find(ours).unwrap();
    ear.as_client().connect_ports_by_name(&out, &ear_name).unwrap();

    let first = feed.frame_at(clock::now()) + AHEAD;
    let kit = sound_named("kit").unwrap();
    // Dry, so that each click is over before the next.
    let dry = |param| SynthEvent::Param { slot: 0, param, value: 0.0 };
    for event in [SynthEvent::Sound { slot: 0, sound: kit }, dry(SlotParam::ReverbSend), dry(SlotParam::DelaySend)] {
        feed.send(TimedSynthEvent { at_frame: 0, event }).unwrap();
    }
    for i in 0..CLICKS {
        let on = SynthEvent::NoteOn { slot: 0, pitch: RIM, velocity: 127 };
        feed.send(TimedSynthEvent { at_frame: first + i * APART, event: on }).unwrap();
        let off = SynthEvent::NoteOff { slot: 0, pitch: RIM };
        feed.send(TimedSynthEvent { at_frame: first + i * APART + 480, event: off }).unwrap();
    }
    if is_freewheel {
        freewheel(ear.as_client(), true);
    }
    let (mut frame, mut quiet, mut found) = (0u64, 0u64, 0);
    let until = Instant::now() + Duration::from_secs(25);
    while found < CLICKS && Instant::now() < until {
        let Ok(block) = told.recv_timeout(Duration::from_secs(5)) else {
            say(format_args!("STALL after {frame} frames, {} callbacks, {:?}", feed.callbacks(), stream.health()));
            break;
        };
        for sample in block {
            if sample.abs() > 1e-3 {
                if quiet > APART / 4 {
                    say(format_args!("ONSET {frame}"));
                    found += 1;
                }
                quiet = 0;
            } else {
                quiet += 1;
            }
            frame += 1;
        }
    }
    say(format_args!("END late {} xruns {}", feed.meters().late_events, feed.meters().xruns));
    if is_freewheel {
        freewheel(ear.as_client(), false);
    }
    drop(ear);
    drop(stream);
}

#[test]
fn in_freewheel_every_note_of_the_synth_begins_at_its_frame() {
    let Some(server) = Server::start(512) else { return };
    let child = server.child("clicks freewheel");
    let mut onsets: Vec<u64> = Vec::new();
    while onsets.len() < CLICKS as usize {
        let Some(line) = child.line("ONSET", Duration::from_secs(30)) else { break };
        onsets.push(line.parse().unwrap());
    }
    assert_eq!(onsets.len(), CLICKS as usize, "{onsets:?}");
    let wrong: Vec<i64> =
        (0..CLICKS).zip(&onsets).map(|(i, at)| (at - onsets[0]) as i64 - (i * APART) as i64).collect();
    assert!(wrong.iter().all(|w| *w == 0), "{wrong:?}");
    println!("{}", child.must_say("END"));
}
