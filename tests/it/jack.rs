//! The player against a real JACK server: which notes come, in which order, when, and that every end is silent.

use super::jack_child::{bench, offset, pitch, play, record};
use super::jack_rig::{Heard, PATIENCE, Part, ROLE, Server};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Not a test: what the children run.
#[test]
#[ignore = "started by the other tests of this file"]
fn child() {
    match std::env::var(ROLE).as_deref() {
        Ok("record") => record(),
        Ok("bench") => bench(),
        Ok("clicks") => super::clicks::clicks(),
        Ok("guardian") => ricercar::output::watch(std::io::stdin().lock()),
        Ok(mode) => play(mode),
        Err(_) => {}
    }
}

fn heard(recorder: &Part, patience: Duration) -> Option<Heard> {
    Heard::parse(&recorder.line("HEARD", patience)?)
}

#[test]
fn a_plan_is_heard_note_by_note_at_its_time() {
    let Some(server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    let player = server.child("exact");
    let (mut ons, mut offs) = (Vec::new(), 0);
    while ons.len() < 64 {
        let event = heard(&recorder, PATIENCE).expect("notes come");
        if event.is_on() {
            ons.push(event);
        } else if event.is_off() {
            offs += 1;
        }
    }
    player.end(libc::SIGTERM);
    assert!(offs >= 62, "short notes end: {offs}");
    for (i, on) in ons.iter().enumerate() {
        assert_eq!(on.bytes, [0x92, pitch(i as u64), 100]);
    }
    // At 300 bpm a tick is 208.33 us. What is left after the constant latency is jitter.
    let planned = |i: usize| (i as f64 * 240.0 + offset(i as u64) as f64) * 60e6 / (300.0 * 960.0);
    let mut late: Vec<f64> = ons.iter().enumerate().map(|(i, on)| on.usecs as f64 - planned(i)).collect();
    late.sort_by(f64::total_cmp);
    let median = late[late.len() / 2];
    let mut off: Vec<f64> = late.iter().map(|l| (l - median).abs()).collect();
    off.sort_by(f64::total_cmp);
    let at = |q: f64| off[((off.len() - 1) as f64 * q) as usize];
    println!("JACK jitter, period 512: p50 {:.0} us, p95 {:.0} us, max {:.0} us", at(0.5), at(0.95), at(1.0));
    // Without frame offsets the middle would be a quarter of a period, 2.7 ms.
    assert!(at(0.5) < 1000.0, "frame offsets are used");
}

/// What sounds after the events so far.
fn follow(sounding: &mut BTreeSet<u8>, event: &Heard) {
    if event.is_on() {
        sounding.insert(event.bytes[1]);
    } else if event.is_off() {
        sounding.remove(&event.bytes[1]);
    }
}

#[test]
fn every_end_is_silent() {
    let Some(server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    for (mode, signal) in [
        ("term", libc::SIGTERM),
        ("int", libc::SIGINT),
        ("hup", libc::SIGHUP),
        ("kill", libc::SIGKILL),
        ("stop", 0),
        ("panic", 0),
        ("quit", 0),
    ] {
        let player = server.child(mode);
        let mut sounding = BTreeSet::new();
        while sounding.len() < 4 {
            follow(&mut sounding, &heard(&recorder, PATIENCE).unwrap_or_else(|| panic!("{mode}: notes come")));
        }
        match mode {
            "stop" | "panic" => _ = player.must_say("DONE"),
            _ => player.end(signal),
        }
        let until = Instant::now() + PATIENCE;
        while !sounding.is_empty() && Instant::now() < until {
            if let Some(event) = heard(&recorder, Duration::from_millis(500)) {
                follow(&mut sounding, &event);
            }
        }
        assert!(sounding.is_empty(), "{mode}: {sounding:?} sound on");
        // Nothing begins after the end either.
        while let Some(event) = heard(&recorder, Duration::from_millis(100)) {
            follow(&mut sounding, &event);
        }
        assert!(sounding.is_empty(), "{mode}: {sounding:?} began after the end");
    }
}

#[test]
fn the_bench_gives_figures() {
    let Some(server) = Server::start(512) else { return };
    let bench = server.child("bench");
    println!("bench: {}", bench.must_say("BENCH"));
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let Some(mut server) = Server::start(512) else { return };
    let recorder = server.child("record");
    recorder.must_say("READY");
    let player = server.child("play on");
    heard(&recorder, PATIENCE).expect("notes come");
    server.kill();
    drop(recorder);
    server.restart();
    let recorder = server.child("record");
    recorder.must_say("READY");
    heard(&recorder, PATIENCE).expect("notes come again");
    player.end(libc::SIGTERM);
    let mut sounding = BTreeSet::new();
    while let Some(event) = heard(&recorder, Duration::from_millis(300)) {
        follow(&mut sounding, &event);
    }
    assert!(sounding.is_empty(), "{sounding:?}");
}
