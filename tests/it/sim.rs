//! The instrument under simulated time: random edits, good and broken scripts, failing engines, tempo jumps, a conductor
//! that is often too slow, messages that come late, devices that lose what they are sent and that are unplugged. Whatever
//! happens, nothing hangs, nothing goes back, time never waits.

use super::hall::Hall;
use super::whims::Whims;
use ricercar::conductor::render::{Rendered, render};
use ricercar::conductor::stage::{Score, Stage};
use ricercar::conductor::test_kit::{SeedLoader, likes_many, probes};
use ricercar::conductor::{Journal, Opener, Session};
use ricercar::limits::PLAYER_INBOX;
use ricercar::message::{Command, FromPlayer, ToPlayer};
use ricercar::music::Chance;
use ricercar::output::{OutEvent, Tape};
use ricercar::steer::{Edit, When};
use ricercar::time::Nanos;
use std::collections::VecDeque;

/// What a storm left.
struct Storm {
    /// What was meant to be played, by device.
    tapes: Vec<(String, Tape)>,
    journal: Journal,
    /// Late and silent steps.
    late: (u64, u64),
    /// See [`Hall::tally`].
    tally: (u64, u64, u64, u64),
}

/// Engines, and an ear for parts that have a taste.
fn listening() -> Opener {
    probes().with_ear(Some(likes_many()))
}

/// How much goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    /// The conductor is always in time.
    Fair,
    /// Messages take a while, the conductor stands still now and then.
    Rough,
    /// Rough, and devices disappear, come back, and lose messages without a word.
    Flaky,
}

struct Sim {
    whims: Whims,
    weather: Weather,
    stage: Stage<Hall>,
    loader: SeedLoader,
    /// Reports that the conductor has not read yet.
    reports: VecDeque<FromPlayer>,
    /// Messages on their way.
    wire: VecDeque<ToPlayer>,
    stalled_until: Nanos,
    filled_in: u64,
    /// All devices are there again, and at this moment it is tried whether they can be silenced.
    sound_check: Option<Nanos>,
}

impl Sim {
    fn new(seed: u64, weather: Weather) -> Sim {
        let mut stage = Stage::new(Session::with_opener(listening(), seed), Hall::default());
        stage.session.keep_pace();
        stage.start();
        let (reports, wire) = Default::default();
        let loader = SeedLoader;
        let (whims, stalled_until) = (Whims::new(seed), Nanos(0));
        Sim { whims, weather, stage, loader, reports, wire, stalled_until, filled_in: 0, sound_check: None }
    }

    /// The bar of the first step that is not handed over.
    fn bar(&self) -> u64 {
        let session = &self.stage.session;
        session.in_force().bars.place(session.handed()).bar
    }

    /// Some milliseconds of the instrument's life.
    fn turn(&mut self) {
        let ms =
            if self.weather != Weather::Fair && self.whims.below(200) == 0 { 300 } else { 1 + self.whims.below(40) };
        let target = self.stage.now.after_ms(ms);
        while self.stage.core.wake_at().is_some_and(|at| at <= target) {
            self.stage.wake();
            self.reports.extend(self.stage.sink.recorder.reports.drain(..));
            self.stage.sink.turn(self.stage.now);
            if self.weather == Weather::Fair {
                self.conduct(u64::MAX);
            }
        }
        self.stage.now = target;
        self.stage.core.advance(target, &mut self.stage.sink);
        self.reports.extend(self.stage.sink.recorder.reports.drain(..));
        self.stage.sink.turn(target);
        if self.weather == Weather::Flaky {
            self.flake();
        }
        if self.stage.now < self.stalled_until {
            return;
        }
        if self.weather != Weather::Fair && self.whims.below(60) == 0 {
            self.stalled_until = target.after_ms(self.whims.below(900));
        }
        let here = self.bar();
        let command = (self.whims.below(6) == 0).then(|| self.whims.command(here));
        if let Some(command) = command {
            self.hear();
            let mut left = 40;
            self.stage.session.obey(command, &mut self.loader, &mut || {
                left -= 1;
                left == 0
            });
        }
        let most = if self.weather == Weather::Fair { u64::MAX } else { self.whims.pick(&[0, 1, 3, 64, 64]) };
        self.conduct(most);
        self.check();
    }

    /// Something happens to a device, now and then; and now and then all must fall silent at a word.
    fn flake(&mut self) {
        if self.sound_check.is_some_and(|at| at <= self.stage.now) {
            self.sound_check = None;
            return self.silence(false);
        }
        let happens = self.whims.below(120);
        if self.sound_check.is_some() || happens > 6 {
            return;
        }
        let devices = self.stage.sink.devices();
        if devices.is_empty() {
            return;
        }
        let device = self.whims.pick(&devices);
        match happens {
            0 | 1 => device.plug(false),
            2 | 3 => device.plug(true),
            4 | 5 => device.lose_one_in(self.whims.pick(&[0, 2, 5, 20])),
            _ => self.bring_back(),
        }
    }

    /// All devices are there and hear all; after a second and some the senders have found them.
    fn bring_back(&mut self) {
        for device in self.stage.sink.devices() {
            device.plug(true);
            device.lose_one_in(0);
        }
        self.sound_check = Some(self.stage.now.after_ms(1500));
    }

    /// A panic key, or a stop: nothing sounds anywhere. The music goes on unless it `is_over`.
    fn silence(&mut self, is_over: bool) {
        let word = if is_over || self.whims.below(2) == 0 { ToPlayer::Stop } else { ToPlayer::Panic };
        let now = self.stage.now;
        self.stage.core.tell(word, now, &mut self.stage.sink);
        self.stage.sink.turn(now);
        self.stage.sink.assert_silent();
        assert_eq!(self.stage.core.playhead(now).sounding, 0);
        if !is_over {
            self.stage.start();
        }
    }

    fn hear(&mut self) {
        while let Some(FromPlayer::Handed { step, epoch }) = self.reports.pop_front() {
            self.filled_in += u64::from(epoch.is_none());
            self.stage.session.note_handed(step, epoch);
        }
    }

    fn conduct(&mut self, most: u64) {
        self.hear();
        let mut planned = 0;
        while planned < most && self.stage.session.plan_next() {
            planned += 1;
        }
        let mut fresh = Vec::new();
        self.stage.session.drain(ricercar::time::StepIndex(u64::MAX), &mut fresh);
        self.wire.extend(fresh);
        let late = if self.weather != Weather::Fair { self.whims.below(5) as usize } else { 0 };
        while self.wire.len() > late {
            let Some(message) = self.wire.pop_front() else { break };
            self.stage.core.tell(message, self.stage.now, &mut self.stage.sink);
        }
    }

    fn check(&self) {
        let (session, head) = (&self.stage.session, self.stage.core.playhead(self.stage.now));
        assert!(session.handed() <= session.planned(), "the plan is behind what was handed over");
        assert!(session.handed() <= head.handed, "the conductor is ahead of the player");
        assert!(self.wire.len() <= PLAYER_INBOX && self.reports.len() <= PLAYER_INBOX, "queues grow");
        assert!(head.sounding <= 16 * 128);
        self.stage.sink.check(self.stage.now);
        assert!(self.filled_in <= head.late_steps + head.silent_steps, "a step was filled in and not counted");
    }

    /// Plays until this bar, stops, and gives what was heard.
    fn run(mut self, bars: u64) -> Storm {
        let load = Command::LoadScript { name: "set".into(), text: "1".into(), when: When::Now };
        self.stage.session.obey(load, &mut self.loader, &mut || false);
        self.conduct(u64::MAX);
        let mut turns = 0u64;
        while self.bar() < bars {
            self.turn();
            turns += 1;
            assert!(turns < bars * 4000, "time stands still");
        }
        self.bring_back();
        while self.weather == Weather::Flaky && self.sound_check.is_some() {
            self.turn();
        }
        self.silence(true);
        let head = self.stage.core.playhead(self.stage.now);
        let tapes = self.stage.sink.recorder.tapes();
        for (name, tape) in &tapes {
            assert!(tape.faults.is_empty(), "{name}: {:?}", &tape.faults[..tape.faults.len().min(3)]);
            assert!(tape.sounding.is_empty(), "{name}: notes hang");
            assert_eq!(tape.ons(), tape.offs(), "{name}");
        }
        let (journal, late) = (self.stage.session.journal().clone(), (head.late_steps, head.silent_steps));
        Storm { tapes, journal, late, tally: self.stage.sink.tally() }
    }
}

/// Runs the simulation and says which seed it was when something breaks.
fn simulate(seed: u64, weather: Weather, bars: u64) -> Storm {
    let run = std::panic::catch_unwind(|| Sim::new(seed, weather).run(bars));
    run.unwrap_or_else(|_| panic!("simulation with seed {seed} broke"))
}

/// Note-ons by tick, whatever the output.
pub fn onsets(events: impl Iterator<Item = (u64, OutEvent)>) -> Vec<(u64, u8, u8)> {
    let mut ons: Vec<_> = events
        .filter_map(|(tick, e)| match e {
            OutEvent::NoteOn { pitch, velocity, .. } => Some((tick, pitch, velocity)),
            _ => None,
        })
        .collect();
    ons.sort_unstable();
    ons
}

fn replayed(journal: &Journal, bars: u64) -> Rendered {
    render(journal, listening(), &mut SeedLoader, bars, |_| true).unwrap()
}

#[test]
fn two_hundred_bars_of_rough_weather_keep_every_promise() {
    let storm = simulate(1, Weather::Rough, 200);
    assert!(storm.tapes.iter().map(|t| t.1.ons()).sum::<usize>() > 1000);
    assert!(storm.late.0 > 0, "the weather was not rough enough to test anything");
}

#[test]
fn devices_that_lose_messages_disappear_and_come_back_never_hang() {
    let mut sum = [0; 4];
    for seed in 60..66 {
        let (messages, lost, connects, left_out) = simulate(seed, Weather::Flaky, 50).tally;
        sum = [sum[0] + messages, sum[1] + lost, sum[2] + connects, sum[3] + left_out];
    }
    let [messages, lost, connects, left_out] = sum;
    let told = format!("{messages} messages, {lost} lost, {connects} connections, {left_out} notes left out");
    assert!(messages > 5000 && lost > 100 && connects > 40 && left_out > 100, "too little happened: {told}");
}

#[test]
fn many_short_storms_pass() {
    for seed in 2..8 {
        simulate(seed, Weather::Rough, 20);
    }
}

#[test]
fn the_same_seed_gives_the_same_storm() {
    for weather in [Weather::Fair, Weather::Rough, Weather::Flaky] {
        let (a, b) = (simulate(77, weather, 16), simulate(77, weather, 16));
        assert_eq!(a.tapes, b.tapes);
        assert_eq!(a.journal.to_text(), b.journal.to_text());
        assert_eq!(a.tally, b.tally);
    }
}

#[test]
fn a_journal_replays_what_was_played_live() {
    for seed in [20, 21, 22, 33, 37, 41, 43] {
        let Storm { tapes, journal, late, .. } = simulate(seed, Weather::Fair, 32);
        assert_eq!(late, (0, 0), "fair weather is not late (seed {seed})");
        let journal = Journal::from_text(&journal.to_text()).unwrap();
        let rendered = replayed(&journal, 31);
        let end = rendered.end.0 - 240;
        let before = |(tick, _): &(u64, OutEvent)| *tick < end;
        let live = tapes.iter().flat_map(|t| t.1.events.iter().map(|e| (e.0.tick.0, e.1)));
        let file = rendered.score.events.iter().map(|e| (e.0.tick.0, e.1));
        let (live, file) = (onsets(live.filter(before)), onsets(file.filter(before)));
        let first = live.iter().zip(&file).position(|(a, b)| a != b);
        assert!(live == file, "seed {seed}: {first:?} of {} and {} differs", live.len(), file.len());
    }
}

#[test]
fn a_render_is_the_same_every_time() {
    let journal = ricercar::conductor::render::journal_of("set", "5", 9);
    let bytes = || ricercar::midi::write(&replayed(&journal, 32).midi("set"));
    let first = bytes();
    assert!(first.len() > 2000);
    assert_eq!(first, bytes());
}

#[test]
fn an_edit_is_heard_within_the_horizon_and_one_step() {
    use ricercar::limits::HAND_OVER_MS;
    let mut stage = Stage::new(Session::with_opener(probes(), 3), Score::default());
    let script = Command::LoadScript { name: "set".into(), text: "1".into(), when: When::Now };
    stage.session.obey(script, &mut SeedLoader, &mut || false);
    stage.start();
    let everything = ricercar::time::StepIndex(u64::MAX);
    for round in 0..200u64 {
        // Run for a while to some moment within a step, then mute or unmute all, and see when it is heard.
        let target = Nanos(stage.now.0 + 700_000_000 + round * 7_654_321);
        while stage.core.wake_at().is_some_and(|at| at <= target) {
            stage.session.plan_all();
            stage.feed(everything);
            stage.wake();
            stage.hear();
        }
        stage.now = target;
        let on = round % 2 == 0;
        stage.session.edit(Edit::Mute { part: None, on }, When::Now);
        let reached = stage.session.handed();
        stage.session.plan_all();
        stage.feed(everything);
        let bpm = stage.session.plan().get(reached).map(|r| {
            r.entered.steering.value(
                ricercar::steer::Control::Tempo,
                &ricercar::steer::Moment { place: r.place, steps_in_section: 0, chance: Chance::new(1) },
            )
        });
        let step_ns = (60e9 / f64::from(bpm.unwrap()) / 4.0) as u64;
        let from = stage.sink.steps.len();
        while stage.sink.steps.len() == from {
            stage.wake();
        }
        let heard_at = stage.sink.steps[from].0.at;
        assert_eq!(stage.sink.steps[from].1.step, reached);
        let delay = heard_at.0 - target.0;
        // A step whose first note comes up to 10 ticks early is handed over as much earlier.
        let early_ns = step_ns * 10 / 240;
        assert!(
            delay <= HAND_OVER_MS * 1_000_000 + step_ns + early_ns + 1000,
            "round {round}: {} ms",
            delay / 1_000_000
        );
        stage.hear();
    }
}
