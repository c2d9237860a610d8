//! Taste on a stage that is often too slow for it: what the journal tells gives the same music again.

use ricercar::conductor::render::render;
use ricercar::conductor::stage::{Score, Stage};
use ricercar::conductor::test_kit::{SeedLoader, likes_many, probes};
use ricercar::conductor::{Journal, Opener, Session};
use ricercar::message::Command;
use ricercar::midi;
use ricercar::music::{Chance, Purpose};
use ricercar::output::{Due, OutEvent};
use ricercar::steer::{Control, Edit, Signal, When};
use ricercar::time::StepIndex;

fn open() -> Opener {
    probes().with_ear(Some(likes_many()))
}

/// Draws numbers, one after the other.
struct Dice(Chance, u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.1 += 1;
        self.0.below(Purpose::Script, self.1, 0, n)
    }

    fn edit(&mut self) -> Edit {
        let part = |i: u64| Some(["drums", "bass", "chords", "lead"][i as usize].into());
        let set = |part, control, value| Edit::Set { part, control, value: Some(Signal::Constant(value)) };
        match self.below(8) {
            0 => Edit::Reroll { part: part(self.below(4)) },
            1 => Edit::Hold { part: part(self.below(4)), bars: self.below(3) as u32 },
            2 => set(None, Control::Temperature, self.below(30) as f32 / 10.0),
            3 => set(None, Control::Gate, self.below(20) as f32 / 10.0),
            4 => Edit::PlanBars(1 + self.below(4) as u32),
            _ => set(part(self.below(4)), Control::Taste, self.below(17) as f32 - 8.0),
        }
    }

    fn command(&mut self, here: u64) -> Command {
        let when = [When::Now, When::NextBeat, When::NextBar, When::NextSection][self.below(4) as usize];
        let bar = here + self.below(3);
        match self.below(16) {
            0 => Command::LoadScript { name: "set".into(), text: self.below(50).to_string(), when },
            1 => Command::Veto { bar, part: None },
            2 => Command::Freeze { bar, on: self.below(3) > 0 },
            3 => Command::BackTo { bar: here.saturating_sub(1 + self.below(4)) },
            _ => Command::Edit(self.edit(), when),
        }
    }
}

/// Plays so many bars with little time for each step; gives the score, the journal, and how many bars were ranked and not.
fn perform(seed: u64, bars: u64) -> (Stage<Score>, Journal, (u64, u64)) {
    let mut dice = Dice(Chance::new(seed), 0);
    let mut stage = Stage::new(Session::with_opener(open(), seed), Score::default());
    let mut loader = SeedLoader;
    let everything = StepIndex(u64::MAX);
    let load = Command::LoadScript { name: "set".into(), text: "3".into(), when: When::Now };
    stage.session.obey(load, &mut loader, &mut || false);
    for part in ["bass", "lead"] {
        let value = Some(Signal::Constant(5.0));
        stage.session.edit(Edit::Set { part: Some(part.into()), control: Control::Taste, value }, When::Now);
    }
    stage.start();
    let here = |stage: &Stage<Score>| stage.session.in_force().bars.place(stage.session.handed()).bar;
    while here(&stage) < bars {
        if dice.below(6) == 0 {
            let command = dice.command(here(&stage));
            let mut left = 40;
            stage.session.obey(command, &mut loader, &mut || {
                left -= 1;
                left == 0
            });
        }
        // A bar is always there: no note is handed over before it is known where the next one of its line begins. What is left
        // of the time varies.
        while stage.session.planned() < stage.session.handed().after(16) && stage.session.plan_next() {}
        let mut left = [0, 2, 20, 200, 2000][dice.below(5) as usize];
        while left > 0 && stage.session.plan_next() {
            left -= 1;
        }
        stage.feed(everything);
        stage.wake();
        stage.hear();
    }
    let head = stage.core.playhead(stage.now);
    assert_eq!((head.late_steps, head.silent_steps), (0, 0));
    let counts = stage.session.snapshot((0, 0)).taste;
    let journal = stage.session.journal().clone();
    (stage, journal, (counts.ranked, counts.unranked))
}

/// Beginnings and ends of notes before a tick: slot, pitch, velocity (0 for an end).
fn notes(score: &Score, end: u64) -> Vec<(u64, u8, u8, u8)> {
    let of = |(due, event): &(Due, OutEvent)| match *event {
        OutEvent::NoteOn { channel, pitch, velocity } => Some((due.tick.0, channel, pitch, velocity)),
        OutEvent::NoteOff { channel, pitch } => Some((due.tick.0, channel, pitch, 0)),
        _ => None,
    };
    let mut notes: Vec<_> = score.events.iter().filter_map(of).filter(|n| n.0 < end).collect();
    // Events of one tick have no order.
    notes.sort_unstable();
    notes
}

#[test]
fn a_journal_gives_again_what_was_ranked_in_time_and_what_was_not() {
    let (mut ranked, mut unranked) = (0, 0);
    // Those beyond ten have found something.
    for seed in (1..10).chain([28, 62, 99]) {
        let (stage, journal, counts) = perform(seed, 40);
        ranked += counts.0;
        unranked += counts.1;
        let journal = Journal::from_text(&journal.to_text()).unwrap();
        let again = render(&journal, open(), &mut SeedLoader, 39, |_| true).unwrap();
        let end = again.end.0;
        let (live, again) = (notes(&stage.sink, end), notes(&again.score, end));
        let first = live.iter().zip(&again).position(|(a, b)| a != b);
        let what = first.map(|i| (i, live[i], again[i]));
        assert!(live == again, "seed {seed}: {what:?} of {} and {} differs", live.len(), again.len());
        assert!(live.len() > 300, "seed {seed}: hardly anything was played");
    }
    assert!(ranked > 50 && unranked > 20, "the weather must be neither fair nor hopeless: {ranked} {unranked}");
}

#[test]
fn a_render_ranks_everything_and_taste_is_heard() {
    let of = |taste: f32| {
        let text = ricercar::conductor::render::journal_of("set", "5", 9).to_text();
        let edit = format!("[0,[\"edit\",\"now\",[\"set\",\"bass\",\"taste\",{taste}]]]\n");
        let journal = Journal::from_text(&format!("{text}{edit}")).unwrap();
        midi::write(&render(&journal, open(), &mut SeedLoader, 16, |_| true).unwrap().midi("set"))
    };
    let four = of(4.0);
    assert!(four == of(4.0) && of(1.0) == of(0.0), "the same taste gives the same music");
    assert!(four != of(1.0) && four != of(-4.0) && four != of(5.0), "another taste gives other music");
}
