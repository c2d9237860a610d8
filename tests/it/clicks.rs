//! The synth on a JACK server, heard sample by sample: every note begins at its frame.
//!
//! The server runs in freewheel meanwhile: it waits for its clients instead of for a clock, so a busy machine costs no period.

use super::jack_child::{client, say};
use super::jack_rig::Server;
use jack::{AudioIn, Client, Control, Port, PortFlags, ProcessHandler, ProcessScope};
use ricercar::audio::{AudioStream, SlotParam, Synth, SynthEvent, TimedSynthEvent, sound_named};
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

/// Says where sounds begin after a silence.
#[derive(Default)]
struct Onsets {
    frame: u64,
    quiet: u64,
    found: u64,
}

impl Onsets {
    fn listen(&mut self, word: &str, sample: f32) {
        if sample.abs() < 1e-3 {
            self.quiet += 1;
        } else {
            if self.quiet > APART / 4 {
                say(format_args!("{word} {}", self.frame));
                self.found += 1;
            }
            self.quiet = 0;
        }
        self.frame += 1;
    }
}

/// What the child does: plays clicks on the synth, listens to them, and says at which frames they began.
pub fn clicks() {
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
    let mut events: Vec<_> =
        [SynthEvent::Sound { slot: 0, sound: kit }, dry(SlotParam::ReverbSend), dry(SlotParam::DelaySend)]
            .map(|event| TimedSynthEvent { at_frame: 0, event })
            .into();
    for i in 0..CLICKS {
        let event = SynthEvent::NoteOn { slot: 0, pitch: RIM, velocity: 127 };
        events.push(TimedSynthEvent { at_frame: first + i * APART, event });
    }
    for event in &events {
        feed.send(*event).unwrap();
    }
    freewheel(ear.as_client(), true);
    let mut live = Onsets::default();
    let until = Instant::now() + Duration::from_secs(25);
    while live.found < CLICKS && Instant::now() < until {
        let Ok(block) = told.recv_timeout(Duration::from_secs(5)) else {
            let (callbacks, health) = (feed.callbacks(), stream.health());
            say(format_args!("STALL after {} frames, {callbacks} callbacks, {health:?}", live.frame));
            break;
        };
        block.into_iter().for_each(|sample| live.listen("HEARD", sample));
    }
    // The same events on a synth without a server: what must have been heard.
    let mut synth = Synth::new(feed.sample_rate_hz());
    events.into_iter().for_each(|event| _ = synth.schedule(event));
    let (mut offline, mut block) = (Onsets::default(), [0.0; 1024]);
    while offline.found < CLICKS && offline.frame < first + (CLICKS + 2) * APART {
        synth.render(&mut block);
        block.iter().step_by(2).for_each(|sample| offline.listen("RENDERED", *sample));
    }
    say(format_args!("END late {} xruns {}", feed.meters().late_events, feed.meters().xruns));
    freewheel(ear.as_client(), false);
    drop(ear);
    drop(stream);
}

#[test]
fn in_freewheel_every_note_of_the_synth_begins_at_its_frame() {
    let Some(server) = Server::start(512) else { return };
    let child = server.child("clicks");
    let onsets = |word| -> Vec<u64> {
        let lines = (0..CLICKS).map_while(|_| child.line(word, Duration::from_secs(30)));
        lines.map(|line| line.parse().unwrap()).collect()
    };
    let (live, offline) = (onsets("HEARD"), onsets("RENDERED"));
    assert_eq!((live.len(), offline.len()), (CLICKS as usize, CLICKS as usize), "{live:?}");
    let wrong: Vec<_> = live
        .iter()
        .zip(&offline)
        .map(|(at, expected)| (at - live[0]) as i64 - (expected - offline[0]) as i64)
        .collect();
    assert!(wrong.iter().all(|w| *w == 0), "{wrong:?}");
    println!("{CLICKS} of {CLICKS} notes begin at their frame");
    println!("{}", child.must_say("END"));
}
