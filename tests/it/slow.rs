//! Engines whose steps take simulated time: what is played when planning is slower than the music, and after it.

use super::sim::onsets;
use super::whims::Whims;
use ricercar::conductor::Session;
use ricercar::conductor::render::{Until, render_until};
use ricercar::conductor::stage::Stage;
use ricercar::conductor::test_kit::{SeedLoader, Toil, probes, toiling_probes};
use ricercar::limits::PLAYER_INBOX;
use ricercar::message::{Command, FromPlayer, ToPlayer};
use ricercar::output::{OutEvent, Recorder};
use ricercar::steer::{Control, Edit, Signal, When};
use ricercar::time::{Nanos, StepIndex};
use std::collections::VecDeque;

/// Time of a step at 120 to the minute.
const STEP_NS: u64 = 125_000_000;
/// Engines that a set of four parts asks for a step.
const PARTS: u64 = 4;
/// A bar of sixteen steps.
const BAR_NS: u64 = 16 * STEP_NS;
/// Time that the trial of a script may take.
const TRIAL_NS: u64 = 200_000_000;

/// How the player came by a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Plan,
    OlderPlan,
    Memory,
}

/// Session and player beside a conductor that is busy for as long as its engines toil.
struct Slow {
    stage: Stage<Recorder>,
    toil: Toil,
    loader: SeedLoader,
    commands: VecDeque<Command>,
    /// Reports that the conductor has not read yet.
    reports: VecDeque<FromPlayer>,
    /// Messages and when they are sent: the conductor's turn ends with them.
    wire: VecDeque<(Nanos, ToPlayer)>,
    free_at: Nanos,
    /// Every step handed over.
    played: Vec<By>,
    /// Those of them that did not come from the newest plan.
    late: u64,
}

impl Slow {
    fn new(seed: u64) -> Slow {
        let toil = Toil::default();
        let mut session = Session::with_opener(toiling_probes(toil.clone()), seed);
        session.keep_pace();
        let mut stage = Stage::new(session, Recorder::default());
        stage.start();
        let (commands, reports, wire, played) = Default::default();
        let (loader, free_at) = (SeedLoader, Nanos(0));
        let mut slow = Slow { stage, toil, loader, commands, reports, wire, free_at, played, late: 0 };
        slow.command(Command::LoadScript { name: "set".into(), text: "0".into(), when: When::Now });
        // The first plan is made before anything moves.
        while slow.stage.session.planned() < slow.stage.session.horizon() || !slow.commands.is_empty() {
            slow.conduct();
        }
        slow
    }

    /// A step of the whole band takes so many hundredths of its own time to plan.
    fn set_load(&mut self, percent: u64) {
        self.toil.set_cost(STEP_NS * percent / 100 / PARTS);
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn edit(&mut self, value: f32) {
        let value = Some(Signal::Constant(value));
        self.command(Command::Edit(Edit::Set { part: None, control: Control::TopP, value }, When::Now));
    }

    fn is_in_force(&self, value: f32) -> bool {
        let parts = &self.stage.session.in_force().steering.parts;
        parts.iter().all(|p| p.controls[Control::TopP as usize] == Some(Signal::Constant(value)))
    }

    /// Lets `ns` of the instrument's life go by, event by event.
    fn run(&mut self, ns: u64) {
        let until = Nanos(self.stage.now.0 + ns);
        loop {
            let session = &self.stage.session;
            let has_work =
                session.planned() < session.horizon() || !self.reports.is_empty() || !self.commands.is_empty();
            let sent = self.wire.front().map(|w| w.0);
            let next = [self.stage.core.wake_at(), sent, has_work.then_some(self.free_at)];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= until) else { break };
            self.stage.now = self.stage.now.max(at);
            self.play();
            if has_work && self.stage.now >= self.free_at {
                self.conduct();
            }
            self.check();
        }
        self.stage.now = until;
    }

    /// The player's side: messages that have come, steps that are due.
    fn play(&mut self) {
        let now = self.stage.now;
        while self.wire.front().is_some_and(|w| w.0 <= now) {
            let Some((_, message)) = self.wire.pop_front() else { break };
            self.stage.core.tell(message, now, &mut self.stage.sink);
        }
        self.stage.core.advance(now, &mut self.stage.sink);
        for report in self.stage.sink.reports.drain(..) {
            let FromPlayer::Handed { epoch, .. } = report;
            let head = self.stage.core.playhead(now);
            let is_late = head.late_steps + head.silent_steps > self.late;
            self.late += u64::from(is_late);
            self.played.push(match epoch {
                None => By::Memory,
                Some(_) if is_late => By::OlderPlan,
                Some(_) => By::Plan,
            });
            self.reports.push_back(report);
        }
    }

    /// One turn of the conductor's thread; what it tells leaves when its engines are done.
    fn conduct(&mut self) {
        self.hear();
        if let Some(command) = self.commands.pop_front() {
            let toil = self.toil.clone();
            let before = toil.spent_ns();
            let mut is_over = || toil.spent_ns() - before > TRIAL_NS;
            self.stage.session.obey(command, &mut self.loader, &mut is_over);
        }
        self.free_at = self.stage.now;
        self.tell();
        self.stage.session.plan_next();
        self.tell();
    }

    /// What the session has to tell leaves when the engines are done that were asked so far.
    fn tell(&mut self) {
        self.free_at = Nanos(self.free_at.0 + self.toil.take_ns());
        let mut fresh = Vec::new();
        self.stage.session.drain(StepIndex(u64::MAX), &mut fresh);
        self.wire.extend(fresh.into_iter().map(|message| (self.free_at, message)));
    }

    fn hear(&mut self) {
        while let Some(FromPlayer::Handed { step, epoch }) = self.reports.pop_front() {
            self.stage.session.note_handed(step, epoch);
        }
    }

    fn check(&self) {
        let (session, head) = (&self.stage.session, self.stage.core.playhead(self.stage.now));
        assert!(session.handed() <= session.planned(), "the plan is behind what was handed over");
        assert!(session.handed() <= head.handed, "the conductor is ahead of the player");
        assert!(self.wire.len() <= PLAYER_INBOX && self.reports.len() <= PLAYER_INBOX, "queues grow");
        // The playhead moves with the clock, whatever the conductor does: never more than a step is owed.
        let owed = self.stage.now.0.saturating_sub(self.stage.sink.steps.last().map_or(self.stage.now.0, |s| s.0.at.0));
        assert!(owed <= 2_000_000_000, "time waits for the plan");
    }

    /// Until the conductor is through with what it began while it was slow, and two bars more.
    fn calm_down(&mut self) {
        while !self.commands.is_empty() || self.stage.now.after_ms(500) < self.free_at {
            self.run(BAR_NS);
        }
        self.run(2 * BAR_NS);
    }

    /// How many of the last `n` steps came about like this.
    fn last(&self, n: usize, by: By) -> usize {
        self.played.iter().rev().take(n).filter(|p| **p == by).count()
    }

    /// Stops, and checks that nothing hangs and nothing went back.
    fn end(&mut self) {
        self.stage.core.tell(ToPlayer::Stop, self.stage.now, &mut self.stage.sink);
        assert_eq!(self.stage.core.playhead(self.stage.now).sounding, 0);
        for (name, tape) in self.stage.sink.tapes() {
            assert!(tape.faults.is_empty(), "{name}: {:?}", &tape.faults[..tape.faults.len().min(3)]);
            assert!(tape.sounding.is_empty(), "{name}: notes hang");
            assert_eq!(tape.ons(), tape.offs(), "{name}");
        }
    }

    /// The journal gives what was played again, the late steps as they were.
    fn assert_replays(mut self) {
        self.stage.session.close();
        let journal = self.stage.session.journal();
        let end = journal.end().unwrap();
        let replay = render_until(journal, probes(), &mut SeedLoader, Until::Step(end), |_| true).unwrap();
        let before = |(tick, _): &(u64, OutEvent)| *tick < end.tick().0.saturating_sub(480);
        let tapes = self.stage.sink.tapes();
        let live = tapes.iter().flat_map(|t| t.1.events.iter().map(|e| (e.0.tick.0, e.1)));
        let again = replay.score.events.iter().map(|e| (e.0.tick.0, e.1));
        let (live, again) = (onsets(live.filter(before)), onsets(again.filter(before)));
        let first = live.iter().zip(&again).position(|(a, b)| a != b).map(|i| (i, live[i], again[i]));
        assert!(live == again, "{first:?} of {} and {} differs", live.len(), again.len());
    }
}

/// Slower than the music by a quarter: four steps in five could be planned in time.
#[test]
fn an_engine_a_little_too_slow_plays_most_of_its_plan_and_recovers() {
    let mut slow = Slow::new(1);
    slow.set_load(125);
    slow.run(40 * BAR_NS);
    let planned = slow.last(480, By::Plan);
    assert!(planned >= 300, "{planned} of 480 steps came from the plan");
    slow.set_load(5);
    slow.calm_down();
    slow.run(4 * BAR_NS);
    assert_eq!(slow.last(64, By::Plan), 64, "back to the plan when the engine is fast again");
    slow.end();
    slow.assert_replays();
}

/// Two thirds of the time are planning: every edit makes the plan again, and must get through all the same.
#[test]
fn an_edit_gets_through_while_planning_takes_most_of_the_time() {
    let mut slow = Slow::new(2);
    slow.set_load(80);
    slow.run(8 * BAR_NS);
    assert_eq!(slow.last(96, By::Plan), 96);
    for round in 0..20 {
        let value = 0.5 + round as f32 / 100.0;
        slow.edit(value);
        let (began, mut waited) = (slow.played.len(), 0);
        while !slow.is_in_force(value) {
            slow.run(STEP_NS / 5);
            waited += 1;
            assert!(waited < 60, "round {round}: the edit does not get through");
        }
        let steps = slow.played.len() - began;
        assert!(steps <= 4, "round {round}: the edit took {steps} steps");
        slow.run(8 * BAR_NS);
        assert_eq!(slow.last(96, By::Plan), 96, "round {round}");
    }
    slow.end();
    slow.assert_replays();
}

/// The rungs of the ladder in their order, and back up again.
#[test]
fn a_very_slow_engine_takes_the_ladder_down_and_up_again() {
    let mut slow = Slow::new(3);
    slow.set_load(5);
    slow.run(6 * BAR_NS);
    assert_eq!(slow.last(80, By::Plan), 80);
    slow.set_load(5000);
    slow.edit(0.6);
    slow.run(16 * BAR_NS);
    let downs = slow.played[slow.played.len() - 256..].to_vec();
    let first = |by: By| downs.iter().position(|p| *p == by).unwrap_or_else(|| panic!("no step by {by:?}"));
    assert!(first(By::OlderPlan) < first(By::Memory), "{downs:?}");
    assert!(downs.iter().filter(|p| **p == By::OlderPlan).count() >= 16, "the older plan plays on first: {downs:?}");
    let head = slow.stage.core.playhead(slow.stage.now);
    assert!(head.silent_steps > 0, "memory is used up in the end");
    slow.set_load(10);
    slow.calm_down();
    slow.run(4 * BAR_NS);
    assert_eq!(slow.last(64, By::Plan), 64, "and all is well again");
    assert!(slow.is_in_force(0.6), "what was asked for meanwhile counts");
    slow.end();
}

/// Random speeds, random commands.
#[test]
fn storms_of_slowness_keep_every_promise() {
    let (mut late, mut kept) = (0, 0);
    for seed in 40..46 {
        let run = std::panic::catch_unwind(|| storm(seed));
        let steps = run.unwrap_or_else(|_| panic!("simulation with seed {seed} broke"));
        (late, kept) = (late + steps.0, kept + steps.1);
    }
    assert!(late > 500 && kept > 500, "too little happened: {late} late steps, {kept} in time");
}

/// Late steps, and those in time, while the engines were slow.
fn storm(seed: u64) -> (usize, usize) {
    let (mut slow, mut whims) = (Slow::new(seed), Whims::new(seed));
    let (mut late, mut kept) = (0, 0);
    for _ in 0..12 {
        let load = whims.pick(&[1, 20, 90, 110, 150, 400, 1000]);
        slow.set_load(load);
        let began = slow.played.len();
        for _ in 0..whims.below(60) {
            let session = &slow.stage.session;
            let here = session.in_force().bars.place(session.handed()).bar;
            if slow.commands.len() < 4 {
                slow.command(whims.command(here));
            }
            slow.run((1 + whims.below(8)) * STEP_NS / 4);
        }
        let stretch = &slow.played[began..];
        late += stretch.iter().filter(|by| **by != By::Plan).count();
        kept += stretch.iter().filter(|by| **by == By::Plan).count();
        // Whatever happened: a fast engine brings the plan back.
        slow.set_load(1);
        slow.calm_down();
        let session = &slow.stage.session;
        assert!(session.planned() >= session.horizon(), "the plan is whole again");
        assert_eq!(slow.last(16, By::Plan), 16, "the plan is played again");
    }
    slow.end();
    (late, kept)
}
