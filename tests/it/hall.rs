//! A hall of devices behind real senders under simulated time: they can be unplugged and plugged in again, and they can
//! lose what they are sent without a word.

use ricercar::message::{FromPlayer, Route};
use ricercar::midi::Message;
use ricercar::music::{Chance, Purpose};
use ricercar::output::{Address, Due, OutEvent, Output, Recorder, Sender, Sink, Wire, Worker};
use ricercar::time::{Bpm, Nanos, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// No note of a set that plays is longer than this: six steps at a gate of 4 and 20 to the minute are 18 s, and some more for
/// notes that were written by euclid.
const LONGEST_NOTE_NS: u64 = 60_000_000_000;

/// What goes on inside a device.
#[derive(Debug, Default)]
struct Inside {
    now: Nanos,
    is_gone: bool,
    /// Of so many messages one is lost; 0: none.
    loses_one_in: u64,
    draws: u64,
    /// Channel and pitch of what sounds, and since when. A device that is unplugged sounds on.
    sounding: BTreeMap<(u8, u8), Nanos>,
    /// Notes whose end it lost: nobody can know that they hang.
    forgiven: BTreeSet<(u8, u8)>,
    messages: u64,
    lost: u64,
    connects: u64,
}

/// A device: clones share it.
#[derive(Clone, Default)]
pub struct Device(Arc<Mutex<Inside>>);

impl Device {
    fn with<R>(&self, act: impl FnOnce(&mut Inside) -> R) -> R {
        act(&mut self.0.lock().unwrap())
    }
    pub fn plug(&self, is_there: bool) {
        self.with(|d| d.is_gone = !is_there);
    }
    pub fn lose_one_in(&self, n: u64) {
        self.with(|d| d.loses_one_in = n);
    }
}

impl Inside {
    fn hear(&mut self, message: Message) {
        match message {
            Message::NoteOn { channel, pitch, .. } => {
                self.sounding.insert((channel, pitch), self.now);
                self.forgiven.remove(&(channel, pitch));
            }
            Message::NoteOff { channel, pitch, .. } => _ = self.sounding.remove(&(channel, pitch)),
            Message::Control { channel, controller, .. }
                if controller == Message::ALL_NOTES_OFF || controller == Message::ALL_SOUND_OFF =>
            {
                self.sounding.retain(|note, _| note.0 != channel);
            }
            _ => {}
        }
    }

    fn loses(&mut self, message: Message) -> bool {
        self.draws += 1;
        let n = self.loses_one_in;
        let is_lost = n > 0 && Chance::new(n).below(Purpose::Script, self.draws, 1, n) == 0;
        match message {
            Message::NoteOff { channel, pitch, .. } if is_lost => _ = self.forgiven.insert((channel, pitch)),
            _ => {}
        }
        is_lost
    }
}

impl Wire for Device {
    fn connect(&mut self) -> Result<String, String> {
        self.with(|d| {
            d.connects += u64::from(!d.is_gone);
            if d.is_gone { Err("it is not there".into()) } else { Ok("there".into()) }
        })
    }
    fn place(&self) -> Option<String> {
        None
    }
    fn is_there(&mut self) -> bool {
        self.with(|d| !d.is_gone)
    }
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.with(|d| {
            if d.is_gone {
                return false;
            }
            let message = Message::parse(bytes).expect("whole messages only");
            d.messages += 1;
            if d.loses(message) {
                d.lost += 1
            } else {
                d.hear(message)
            }
            true
        })
    }
}

struct Stand {
    device: Device,
    sender: Sender,
    worker: Worker<Device>,
}

/// A recorder of what was meant to be played, and beside it the devices, one for each of its tapes.
#[derive(Default)]
pub struct Hall {
    pub recorder: Recorder,
    stands: Vec<Stand>,
}

impl Hall {
    pub fn devices(&self) -> Vec<Device> {
        self.stands.iter().map(|s| s.device.clone()).collect()
    }

    /// Everything that is due by `now` reaches its device.
    pub fn turn(&mut self, now: Nanos) {
        for stand in &mut self.stands {
            stand.device.with(|d| d.now = now);
            stand.sender.tend(now);
            stand.worker.turn(now);
        }
    }

    /// On a device that is there no note sounds longer than any note is, unless it lost the end itself.
    pub fn check(&self, now: Nanos) {
        for stand in &self.stands {
            stand.device.with(|d| {
                let is_over = |since: Nanos| now.0.saturating_sub(since.0) > LONGEST_NOTE_NS;
                let hangs = d.sounding.iter().find(|(note, since)| !d.forgiven.contains(note) && is_over(**since));
                assert!(d.is_gone || hangs.is_none(), "{}: {hangs:?} hangs", stand.sender.name());
            });
        }
    }

    /// Nothing sounds on any device that is there and has been found.
    pub fn assert_silent(&self) {
        for stand in &self.stands {
            stand.device.with(|d| {
                assert!(d.is_gone || d.sounding.is_empty(), "{}: {:?}", stand.sender.name(), d.sounding);
            });
        }
    }

    /// Messages that came and messages that devices lost, connections, and notes that were left out for want of a device.
    pub fn tally(&self) -> (u64, u64, u64, u64) {
        self.stands.iter().fold((0, 0, 0, 0), |sum, stand| {
            let (messages, lost, connects) = stand.device.with(|d| (d.messages, d.lost, d.connects));
            (sum.0 + messages, sum.1 + lost, sum.2 + connects, sum.3 + stand.sender.lost())
        })
    }
}

impl Sink for Hall {
    fn outputs(&self) -> u8 {
        self.recorder.outputs()
    }

    fn resolve(&mut self, routes: &[Route]) -> Vec<Address> {
        let addresses = self.recorder.resolve(routes);
        while self.stands.len() < usize::from(self.recorder.outputs()) {
            let device = Device::default();
            let (sender, worker) = Sender::without_thread(format!("device {}", self.stands.len()), device.clone());
            self.stands.push(Stand { device, sender, worker });
        }
        addresses
    }

    fn send(&mut self, to: Address, due: Due, event: OutEvent) {
        self.recorder.send(to, due, event);
        if let Some(stand) = self.stands.get_mut(usize::from(to.out)) {
            stand.sender.send(due, event);
        }
    }

    fn step(&mut self, due: Due, place: Place, bpm: Bpm) {
        self.recorder.step(due, place, bpm);
    }

    fn silence(&mut self, due: Due, hard: bool) {
        self.recorder.silence(due, hard);
        self.stands.iter_mut().for_each(|s| s.sender.silence(due, hard));
    }

    fn report(&mut self, message: FromPlayer) {
        self.recorder.report(message);
    }
}
