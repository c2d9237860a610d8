//! The sender against a wire that remembers.

use super::*;
use crate::message::ParamChange;
use crate::midi::Message;
use crate::steer::Control;

#[derive(Clone, Default)]
struct Memo {
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    is_gone: Arc<AtomicBool>,
    connects: Arc<AtomicU32>,
}

impl Memo {
    fn sent(&self) -> Vec<Message> {
        self.sent.lock().unwrap().iter().filter_map(|b| Message::parse(b)).collect()
    }
    fn wait_for(&self, what: impl Fn(&[Message]) -> bool) {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while !what(&self.sent()) {
            assert!(std::time::Instant::now() < until, "{:?}", self.sent());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Wire for Memo {
    fn connect(&mut self) -> Result<String, String> {
        if self.is_gone.load(Ordering::Relaxed) {
            return Err("away".into());
        }
        self.connects.fetch_add(1, Ordering::Relaxed);
        Ok("there".into())
    }
    fn place(&self) -> Option<String> {
        None
    }
    fn send(&mut self, bytes: &[u8]) -> bool {
        let is_there = !self.is_gone.load(Ordering::Relaxed);
        if is_there {
            self.sent.lock().unwrap().push(bytes.to_vec());
        }
        is_there
    }
}

fn on(pitch: u8) -> OutEvent {
    OutEvent::NoteOn { channel: 1, pitch, velocity: 80 }
}
fn off(pitch: u8) -> OutEvent {
    OutEvent::NoteOff { channel: 1, pitch }
}
fn due(at: Nanos) -> Due {
    Due { at, ..Due::default() }
}

#[test]
fn events_leave_in_order_and_the_end_is_silent() {
    let memo = Memo::default();
    let mut sender = Sender::new("memo", memo.clone());
    let t = now();
    for i in 0..50 {
        sender.send(due(t.after_ms(i)), if i % 2 == 0 { on(60 + i as u8) } else { off(59 + i as u8) });
    }
    sender.send(due(t.after_ms(51)), on(40));
    sender.send(due(t.after_ms(3_600_000)), off(40));
    memo.wait_for(|sent| sent.contains(&Message::NoteOn { channel: 1, pitch: 40, velocity: 80 }));
    drop(sender);
    let sent = memo.sent();
    let notes: Vec<_> = sent.iter().filter(|m| !matches!(m, Message::Control { .. })).collect();
    assert_eq!(notes.len(), 52);
    assert_eq!(*notes[51], Message::NoteOff { channel: 1, pitch: 40, velocity: 64 });
    assert!(
        notes
            .chunks(2)
            .all(|two| matches!(two, [Message::NoteOn { pitch: a, .. }, Message::NoteOff { pitch: b, .. }] if a == b))
    );
}

#[test]
fn silence_drops_what_is_queued_but_not_what_comes_after() {
    let memo = Memo::default();
    let mut sender = Sender::new("memo", memo.clone());
    let t = now();
    sender.send(due(t), on(60));
    memo.wait_for(|sent| !sent.is_empty());
    sender.send(due(t.after_ms(200)), on(61));
    sender.silence(due(t), true);
    sender.send(due(t.after_ms(300)), on(62));
    memo.wait_for(|sent| sent.contains(&Message::NoteOn { channel: 1, pitch: 62, velocity: 80 }));
    drop(sender);
    let sent = memo.sent();
    assert!(!sent.contains(&Message::NoteOn { channel: 1, pitch: 61, velocity: 80 }));
    assert!(sent.contains(&Message::Control { channel: 1, controller: Message::ALL_SOUND_OFF, value: 0 }));
    let count = |is: fn(&Message) -> bool| sent.iter().filter(|m| is(m)).count();
    assert_eq!(count(|m| matches!(m, Message::NoteOn { .. })), count(|m| matches!(m, Message::NoteOff { .. })));
}

#[test]
fn a_full_queue_drops_ons_never_offs_and_never_blocks() {
    let memo = Memo::default();
    let mut sender = Sender::new("memo", memo.clone());
    let t = now();
    let far = t.after_ms(60_000);
    sender.send(due(t), on(60));
    memo.wait_for(|sent| !sent.is_empty());
    // The thread takes a ring's worth of its own; wait until it has.
    let mut lost_in_a_row = 0;
    while lost_in_a_row < 20 {
        let before = sender.lost();
        (0..OUTPUT_RING).for_each(|i| sender.send(due(far), on((i % 128) as u8)));
        std::thread::sleep(Duration::from_millis(2));
        lost_in_a_row = if sender.lost() == before + OUTPUT_RING as u64 { lost_in_a_row + 1 } else { 0 };
    }
    sender.send(due(far), off(60));
    assert_eq!(sender.kept.len(), 1, "kept, not lost");
    drop(sender);
    assert!(memo.sent().contains(&Message::NoteOff { channel: 1, pitch: 60, velocity: 64 }));
}

#[test]
fn a_device_that_comes_back_gets_its_offs_and_its_knobs() {
    let memo = Memo::default();
    let mut sender = Sender::new("memo", memo.clone());
    let change = ParamChange { slot: 0, control: Control::Pan, value: 1.0 };
    sender.send(due(now()), OutEvent::Param { channel: 1, change });
    sender.send(due(now()), on(60));
    memo.wait_for(|sent| sent.len() == 2);
    memo.is_gone.store(true, Ordering::Relaxed);
    // It ends while the device is away; the next event shows that it is.
    sender.send(due(now()), off(60));
    std::thread::sleep(Duration::from_millis(20));
    memo.sent.lock().unwrap().clear();
    memo.is_gone.store(false, Ordering::Relaxed);
    memo.wait_for(|sent| sent.contains(&Message::Control { channel: 1, controller: 10, value: 127 }));
    assert_eq!(memo.connects.load(Ordering::Relaxed), 2);
    assert!(sender.notice().is_some());
}
