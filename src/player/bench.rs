//! Measures this machine's MIDI timing: a plan through the player and the JACK output, heard by a client of our own.

use super::Player;
use crate::message::{PlannedNote, PlannedStep, Route, ToPlayer};
use crate::output::{Options, Rack};
use crate::steer::OutSpec;
use crate::time::{BarMap, Bpm, StepIndex};
use crossbeam_channel::{Receiver, Sender, bounded};
use jack::{Client, ClientOptions, Control, MidiIn, Port, ProcessHandler, ProcessScope};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Part of the name of the port that hears.
const PORT: &str = "ricercar_bench_in";
/// Tempo of the plan; a tick is 208.33 us.
const BPM: f64 = 300.0;
/// Notes left out at the beginning, while clocks settle.
const WARM_UP: usize = 16;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JackFigures {
    /// Deviation of arrival from the plan, after the constant latency: p50, p95, p99 and the largest, in microseconds.
    pub jitter_us: [f64; 4],
    /// Notes planned and notes heard.
    pub notes: (usize, usize),
    /// Frames in a period of the server.
    pub period: u32,
    /// Late wake-ups of the player: p50 and p99 in microseconds.
    pub wake_us: (u32, u32),
    /// True when the player had real-time priority.
    pub is_real_time: bool,
}

struct Ear {
    port: Port<MidiIn>,
    heard: Sender<(u8, f64)>,
}

impl ProcessHandler for Ear {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let Ok(times) = scope.cycle_times() else { return Control::Continue };
        let (begin, span) = (times.current_usecs as f64, (times.next_usecs - times.current_usecs) as f64);
        for event in self.port.iter(scope) {
            if let [0x90..=0x9F, pitch, 1..=127] = *event.bytes {
                let at = begin + span * f64::from(event.time) / f64::from(scope.n_frames().max(1));
                let _ = self.heard.try_send((pitch, at));
            }
        }
        Control::Continue
    }
}

/// Plays `notes` notes, twenty a second, while `load` threads compute without a pause and, when given, `work` is called again and
/// again on one more thread (a model's step, say). Needs a running server.
///
/// # Errors
/// A sentence when no server answers or nothing is heard.
pub fn jack(notes: usize, load: usize, work: Option<Box<dyn FnMut() + Send>>) -> Result<JackFigures, String> {
    crate::output::jack_ports()?;
    let (client, _) = Client::new("ricercar-bench", ClientOptions::NO_START_SERVER)
        .map_err(|error| format!("no second JACK client can be opened ({error})"))?;
    let period = client.buffer_size();
    let (heard, told) = bounded(notes + 1024);
    let port =
        client.register_port(PORT, MidiIn::default()).map_err(|error| format!("JACK gives no port ({error})"))?;
    let ear =
        client.activate_async((), Ear { port, heard }).map_err(|error| format!("JACK does not start us ({error})"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let figures = std::thread::scope(|scope| {
        for _ in 0..load {
            let stop = stop.clone();
            scope.spawn(move || (0u64..).take_while(|_| !stop.load(Ordering::Relaxed)).fold(1u64, spin));
        }
        if let Some(mut work) = work {
            let stop = stop.clone();
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    work();
                }
            });
        }
        let figures = play(notes, period, &told);
        stop.store(true, Ordering::Relaxed);
        figures
    });
    let _ = ear.deactivate();
    figures
}

fn spin(x: u64, i: u64) -> u64 {
    std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i))
}

fn play(notes: usize, period: u32, told: &Receiver<(u8, f64)>) -> Result<JackFigures, String> {
    let options = Options { jack_connect: vec![PORT.into()], ..Options::default() };
    let (notices, _said) = bounded(64);
    let player =
        Player::start(Rack::new(options, bounded(64), notices)).map_err(|error| format!("no thread ({error})"))?;
    let (inbox, playhead) = (player.inbox(), player.playhead());
    let gone = |_| "the player has gone".to_string();
    let route = Route { part: "bench".into(), out: OutSpec::Jack { channel: 0 } };
    inbox.send(ToPlayer::Routes([route].into())).map_err(gone)?;
    // The port has to be joined before the first note.
    std::thread::sleep(Duration::from_millis(700));
    inbox.send(ToPlayer::Start).map_err(gone)?;
    let mut next = 0;
    while next < notes as u64 {
        if next < playhead.get().handed.0 + 32 {
            inbox.send(ToPlayer::Step(Box::new(step(next)))).map_err(gone)?;
            next += 1;
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let mut late = Vec::with_capacity(notes);
    let mut index = 0;
    while let Ok((heard, at)) = told.recv_timeout(Duration::from_millis(2000)) {
        // A lost note shows as a gap in the pitches.
        while index < notes as u64 && pitch(index) != heard {
            index += 1;
        }
        late.push(at - (index * 240 + offset(index)) as f64 * 60e6 / (BPM * 960.0));
        index += 1;
        if index >= notes as u64 {
            break;
        }
    }
    let playhead = playhead.get();
    drop(player);
    let count = late.len();
    let jitter_us =
        spread(late.into_iter().skip(WARM_UP).collect()).ok_or("no note was heard; is the server running?")?;
    Ok(JackFigures {
        jitter_us,
        notes: (notes, count),
        period,
        wake_us: playhead.lateness_us,
        is_real_time: playhead.is_real_time,
    })
}

fn step(index: u64) -> PlannedStep {
    let place = BarMap::default().place(StepIndex(index));
    let tick = place.step.tick().offset(offset(index) as i64);
    let notes =
        vec![PlannedNote { tick, duration_ticks: 100, slot: 0, pitch: pitch(index), velocity: 100, cuts: false }];
    PlannedStep { step: place.step, place, epoch: 0, bpm: Bpm::new(BPM), notes, params: Vec::new() }
}

fn pitch(index: u64) -> u8 {
    (index % 100) as u8 + 10
}

/// Off the grid, so that notes fall on all places of a period.
fn offset(index: u64) -> u64 {
    index * 37 % 101
}

/// p50, p95, p99 and largest distance from the median.
fn spread(mut values: Vec<f64>) -> Option<[f64; 4]> {
    values.sort_by(f64::total_cmp);
    let median = *values.get(values.len() / 2)?;
    let mut off: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    off.sort_by(f64::total_cmp);
    Some([0.5, 0.95, 0.99, 1.0].map(|q| off[((off.len() - 1) as f64 * q) as usize]))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_spread_forgets_the_latency_and_keeps_the_outlier() {
        let mut values = vec![5000.0; 99];
        values.push(5300.0);
        assert_eq!(spread(values), Some([0.0, 0.0, 0.0, 300.0]));
        assert_eq!(spread(vec![]), None);
    }
}
