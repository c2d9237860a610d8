//! What the children of the JACK tests do: record, or play.

use jack::{Client, ClientOptions, Control, MidiIn, Port, ProcessHandler, ProcessScope};
use ricercar::message::{PlannedNote, PlannedStep, Route, ToPlayer};
use ricercar::output::{Guardian, Options, Rack, SynthOut, clock};
use ricercar::player::{Player, guard};
use ricercar::steer::OutSpec;
use ricercar::time::{BarMap, Bpm, StepIndex};
use std::io::{Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Name of the recorder's port.
const PORT: &str = "test_in";

/// Writes a line past the test harness, at once.
pub fn say(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

struct Recorder {
    port: Port<MidiIn>,
    heard: Sender<(u32, u64, Vec<u8>)>,
}

impl ProcessHandler for Recorder {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let Ok(times) = scope.cycle_times() else { return Control::Continue };
        let span = times.next_usecs - times.current_usecs;
        for event in self.port.iter(scope) {
            let usecs = times.current_usecs + span * u64::from(event.time) / u64::from(scope.n_frames());
            let _ = self.heard.send((times.current_frames.wrapping_add(event.time), usecs, event.bytes.to_vec()));
        }
        Control::Continue
    }
}

/// Opens a client, waiting for the server to come up.
pub fn client(name: &str) -> Client {
    jack::set_logger(jack::LoggerType::None);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match Client::new(name, ClientOptions::NO_START_SERVER) {
            Ok((client, _)) => return client,
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => panic!("no server: {error}"),
        }
    }
}

/// Prints every message with its time until the parent closes our input.
pub fn record() {
    let client = client("recorder");
    let port = client.register_port(PORT, MidiIn::default()).unwrap();
    let (heard, told) = channel();
    let running = client.activate_async((), Recorder { port, heard }).unwrap();
    say(format_args!("READY"));
    std::thread::spawn(move || {
        for (frame, usecs, bytes) in told {
            let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            say(format_args!("HEARD {frame} {usecs} {}", hex.join(" ")));
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
    drop(running);
}

/// Runs the timing bench, with one busy thread, and prints what it says.
pub fn bench() {
    drop(client("waiting"));
    let notes = std::env::var("RICERCAR_BENCH_NOTES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let figures = ricercar::player::bench::jack(notes, 1, None).unwrap();
    say(format_args!("BENCH {figures:?}"));
}

/// Plays the plan of `mode` until it is told to end.
pub fn play(mode: &str) {
    let (quit, asked) = channel();
    let reports = crossbeam_channel::bounded(4096);
    let (notices, said) = crossbeam_channel::bounded(256);
    let mut options = Options { jack_connect: vec![PORT.into()], ..Options::default() };
    if mode == "kill" {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(super::jack_rig::CHILD_ARGS).env(super::jack_rig::ROLE, "guardian");
        options.guardian = Some(Guardian::start(command).unwrap());
    }
    if mode == "synth" {
        let (audio, line) = ricercar::audio::AudioOut::start(Some("jack"), clock::base());
        say(format_args!("AUDIO {line}"));
        options.synth = Some(Box::new(SynthOut::new(audio)));
    }
    let player = Player::start(Rack::new(options, reports.clone(), notices)).unwrap();
    guard::on_signals(player.silencer(), move |_| _ = quit.send(()), || {}).unwrap();
    guard::silence_on_panic(player.silencer());
    std::thread::spawn(move || said.iter().for_each(|n| say(format_args!("NOTICE {}", n.text))));

    let inbox = player.inbox();
    let out = if mode == "synth" { "synth:pluck" } else { "jack:3" };
    let route = Route { part: "test".into(), out: OutSpec::parse(out).unwrap() };
    inbox.send(ToPlayer::Routes([route].into())).unwrap();
    // The port has to be there and joined before the first note.
    std::thread::sleep(Duration::from_millis(600));
    inbox.send(ToPlayer::Start).unwrap();
    let (long, bpm) = if mode == "exact" { (false, 300.0) } else { (true, 120.0) };
    let mut next = 0;
    loop {
        while next < player.playhead().get().handed.0 + 32 {
            inbox.send(ToPlayer::Step(Box::new(step(next, long, bpm)))).unwrap();
            next += 1;
        }
        match asked.recv_timeout(Duration::from_millis(50)) {
            Ok(()) => break,
            Err(_) if player.playhead().get().handed.0 < 16 => continue,
            Err(_) => {}
        }
        match mode {
            "stop" => {
                inbox.send(ToPlayer::Stop).unwrap();
                std::thread::sleep(Duration::from_millis(300));
                say(format_args!("DONE"));
                let _ = asked.recv();
                break;
            }
            "panic" => {
                let _ = std::thread::spawn(|| panic!("a test's own panic")).join();
                std::thread::sleep(Duration::from_millis(40));
                inbox.send(ToPlayer::Stop).unwrap();
                std::thread::sleep(Duration::from_millis(300));
                say(format_args!("DONE"));
                let _ = asked.recv();
                break;
            }
            "quit" => break,
            _ => {}
        }
    }
    drop(player);
}

/// One step of the tests' plan: pitches count up, places are off the grid by some ticks.
pub fn step(index: u64, long: bool, bpm: f64) -> PlannedStep {
    let place = BarMap::default().place(StepIndex(index));
    let tick = place.step.tick().offset(offset(index));
    let duration_ticks = if long { 8000 } else { 100 };
    let notes = vec![PlannedNote { tick, duration_ticks, slot: 0, pitch: pitch(index), velocity: 100, cuts: false }];
    PlannedStep { step: place.step, place, epoch: 0, bpm: Bpm::new(bpm), notes, params: vec![] }
}

/// Pitch of a step's note.
pub fn pitch(index: u64) -> u8 {
    36 + (index % 48) as u8
}

/// Ticks by which a step's note is off the grid.
pub fn offset(index: u64) -> i64 {
    (index * 37 % 101) as i64
}
