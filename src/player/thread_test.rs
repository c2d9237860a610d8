//! The thread with a recording output: real time, but no assertion about time.

use super::*;
use crate::message::{FromPlayer, Notice, PlannedNote, PlannedStep, Route};
use crate::output::{Due, Options, OutEvent, Output, Recording};
use crate::steer::OutSpec;
use crate::time::{BarMap, Bpm, StepIndex};

fn rack(output: Box<dyn Output>) -> (Rack, Receiver<FromPlayer>, Receiver<Notice>) {
    let reports = bounded(64);
    let (notices, said) = bounded(64);
    let told = reports.1.clone();
    (Rack::new(Options::default(), reports, notices).with_output("none", output), told, said)
}

fn feed(player: &Player, steps: u64) {
    let route = Route { part: "lead".into(), out: OutSpec::Nowhere };
    let inbox = player.inbox();
    inbox.send(ToPlayer::Routes(Arc::new([route]))).unwrap();
    for s in 0..steps {
        let place = BarMap::default().place(StepIndex(s));
        let notes = vec![PlannedNote {
            tick: place.step.tick(),
            duration_ticks: 2000,
            slot: 0,
            pitch: 60 + s as u8 % 12,
            velocity: 99,
            cuts: false,
        }];
        let step = PlannedStep { step: place.step, place, epoch: 0, bpm: Bpm::new(400.0), notes, params: vec![] };
        inbox.send(ToPlayer::Step(Box::new(step))).unwrap();
    }
    inbox.send(ToPlayer::Start).unwrap();
}

#[test]
fn the_thread_plays_a_plan_and_its_end_is_silent() {
    let recording = Recording::new("none");
    let (rack, told, _) = rack(Box::new(recording.clone()));
    let player = Player::start(rack).unwrap();
    feed(&player, 12);
    for s in 0..8 {
        let FromPlayer::Handed { step, epoch } = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!((step, epoch), (StepIndex(s), Some(0)));
    }
    assert!(player.playhead().get().handed >= StepIndex(1));
    drop(player);
    let tape = recording.tape();
    assert!(tape.faults.is_empty() && tape.sounding.is_empty() && tape.ons() == tape.offs() && tape.ons() > 0);
}

/// Panics on a certain pitch, once.
struct Broken {
    inside: Recording,
    at: Option<u8>,
}

impl Output for Broken {
    fn name(&self) -> String {
        "broken".into()
    }
    fn send(&mut self, due: Due, event: OutEvent) {
        if let OutEvent::NoteOn { pitch, .. } = event
            && self.at == Some(pitch)
        {
            self.at = None;
            panic!("a test's own panic");
        }
        self.inside.send(due, event);
    }
    fn silence(&mut self, due: Due, hard: bool) {
        self.inside.silence(due, hard);
    }
}

#[test]
fn a_panic_in_the_thread_ends_what_sounds_and_the_music_goes_on() {
    let recording = Recording::new("none");
    let (rack, told, said) = rack(Box::new(Broken { inside: recording.clone(), at: Some(64) }));
    let player = Player::start(rack).unwrap();
    feed(&player, 24);
    let mut last = StepIndex(0);
    while last < StepIndex(16) {
        let FromPlayer::Handed { step, .. } = told.recv_timeout(Duration::from_secs(20)).unwrap();
        last = step;
    }
    assert!(said.try_iter().any(|n| n.severity == Severity::Error));
    assert!(player.silencer().end(Duration::from_secs(20)));
    let tape = recording.tape();
    assert!(tape.sounding.is_empty() && tape.faults.is_empty(), "{:?}", tape.faults);
}

#[test]
fn a_full_inbox_does_not_stand_in_the_way_of_silence() {
    let recording = Recording::new("none");
    let (rack, _, _) = rack(Box::new(recording.clone()));
    let player = Player::start(rack).unwrap();
    feed(&player, 8);
    let (inbox, silencer) = (player.inbox(), player.silencer());
    for _ in 0..3 * PLAYER_INBOX {
        let _ = inbox.try_send(ToPlayer::Clock(false));
    }
    assert!(silencer.end(Duration::from_secs(20)));
    assert!(recording.tape().sounding.is_empty());
}
