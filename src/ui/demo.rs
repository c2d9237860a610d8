//! A made-up moment of a set, for pictures, tests and benches: the same on every machine.

use super::{App, Catalogue, Depth, Meters, Pane, Sight, Theme};
use crate::message::{
    BarScore, LatentView, Notice, PartView, PendingView, Playhead, RollNote, ScriptStatus, Severity, Snapshot,
    TasteCounts, Training,
};
use crate::music::{Chance, Key, Progression, Projection, Purpose, Role, StepNote, StyleBlend};
use crate::steer::{Control, Edit, Half, Moment, Moving, PartSteering, ScriptFault, SectionNow, Signal, Steering};
use crate::steer::{Way, When, Where};
use crate::time::{BarMap, Bpm, Nanos, Place, StepIndex, Tick};
use std::sync::Arc;

/// The set that the demo shows.
pub const SCRIPT: &str = r#"// Modal funk: D dorian, four bars round and round.
tempo(112);
key("D dorian");
chords("Dm7 G7 Cmaj7 Am7");

let drums = part("drums").style("funk");
let bass  = part("bass");
let keys  = part("keys").role("chords").out("synth:keys");
let lead  = part("lead").out("synth:pluck");

bass.in_chord = 0.6;
keys.density = 0.35;
lead.temperature = sine(0.7, 1.2).bars(8);
lead.delay = 0.3;

section("intro", 8, || { drums.mute(); lead.density = 0.2; });
section("lift", 16, || { drums.unmute(); lead.temperature = 1.1; });
form("intro lift lift");

every(4).bars(|| lead.hold(2));
"#;

/// First and last bar that the demo knows.
const BARS: std::ops::Range<u64> = 8..16;

/// A snapshot: bar 13 of a set for four parts, two bars planned ahead.
pub fn snapshot() -> Snapshot {
    let map = BarMap::default();
    let steering = steering();
    let place = map.place(StepIndex(12 * 16 + 6));
    let moment = Moment { place, steps_in_section: 70, chance: Chance::new(steering.seed) };
    let parts = steering.parts.iter().map(|p| part_view(&steering, p, &moment)).collect();
    Snapshot {
        steering: Arc::new(steering),
        parts,
        bars: BARS.map(|bar| map.place(map.bar_start(bar))).collect::<Vec<Place>>(),
        planned: StepIndex(15 * 16),
        frozen: vec![14],
        pending: vec![PendingView { text: "drums.unmute".into(), when: When::NextBar, step: Some(StepIndex(208)) }],
        script: ScriptStatus { name: "demo.rhai".into(), generation: 3, error: None, active_lines: vec![20] },
        form: vec![("intro".into(), 8), ("lift".into(), 16), ("lift".into(), 16)],
        plan_us: (212, 640),
        engine_faults: 0,
        projection: Arc::new(Projection::default()),
        taste: TasteCounts { ranked: 11, unranked: 1 },
    }
}

/// The same with a script that failed.
pub fn snapshot_with_fault() -> Snapshot {
    let mut snapshot = snapshot();
    let text = "there is no control 'temprature': did you mean 'temperature'? The last good set plays on".to_string();
    snapshot.script.error = Some(ScriptFault { line: 13, column: 6, text });
    snapshot
}

fn steering() -> Steering {
    let mut bands = Vec::new();
    for (name, role) in [("drums", Role::Drums), ("bass", Role::Bass), ("keys", Role::Chords), ("lead", Role::Lead)] {
        bands.push(PartSteering::new(name, role));
    }
    let mut set = |part: usize, control: Control, value: Signal| bands[part].controls[control as usize] = Some(value);
    set(1, Control::InChord, Signal::Constant(0.6));
    set(2, Control::Density, Signal::Constant(0.35));
    set(3, Control::Temperature, Moving::Sine { low: 0.7, high: 1.2, period_steps: 128.0 }.into());
    set(3, Control::Delay, Signal::Constant(0.3));
    bands[0].style = StyleBlend::new(&[("funk", 1.0)]).into();
    let mut controls = vec![None; crate::steer::CONTROLS.len()];
    controls[Control::Tempo as usize] = Some(Signal::Constant(112.0));
    let mut steering = Steering {
        controls,
        parts: bands,
        key: Key::parse("D dorian"),
        chords: Arc::new(Progression::parse("Dm7 G7 Cmaj7 Am7", 16).unwrap_or_default()),
        section: Some(SectionNow { name: "lift".into(), index: 1, from: StepIndex(128), until: StepIndex(384) }),
        ..Steering::default()
    };
    latent_play(&mut steering);
    steering
}

/// The drums walk, the bass has stored its place and morphs to another.
fn latent_play(steering: &mut Steering) {
    let latent = |part: &str, way| Edit::Latent { part: Some(part.into()), half: Some(Half::Global), path: way };
    let morph = Way::Morph { from: Some("dusk".into()), to: "noon".into(), bars: 6.0 };
    for (step, edit) in [
        (128, latent("drums", Way::Walk { points_per_bar: 1.0 }.into())),
        (128, Edit::LatentStore { part: "bass".into(), point: "p1".into() }),
        (144, latent("bass", morph.into())),
    ] {
        let place = BarMap::default().place(StepIndex(step));
        steering.apply(&edit, &Where { place, back: &|_| StepIndex(0), anew: &|_| Default::default() });
    }
}

fn latent_view(steering: &Steering, part: &PartSteering, place: &Place) -> LatentView {
    let picture = Projection::default();
    let at = |place: &Place| steering.latent(part, place, steering.chance(part, Default::default()));
    let steps = (place.step.0 - 48..place.step.0).map(|step| BarMap::default().place(StepIndex(step)));
    LatentView {
        now: at(place),
        trail: steps.map(|place| picture.at_global(&at(&place).global)).collect(),
        target: steering.latent_target(part, place).map(|global| picture.at_global(&global)),
    }
}

fn part_view(steering: &Steering, part: &PartSteering, moment: &Moment) -> PartView {
    let values = crate::steer::CONTROLS.iter().map(|c| part.value(c.control, moment)).collect();
    let notes: Vec<RollNote> = (BARS.start * 16..15 * 16).flat_map(|step| notes(steering, part.role, step)).collect();
    PartView {
        name: part.name.clone(),
        role: part.role,
        values,
        is_heard: steering.is_heard(part),
        notes: notes.into(),
        latent: latent_view(steering, part, &moment.place),
        scores: (11..15).map(|bar| BarScore { line: StepIndex(bar * 16), score: score(part.role, bar) }).collect(),
    }
}

/// What an ear might think of a bar, -3..=4.
fn score(role: Role, bar: u64) -> f32 {
    Chance::new(5).fold(role.index() as u64).unit(Purpose::Pattern, bar, 0) * 7.0 - 3.0
}

/// Notes that a role starts in a step: simple patterns over the chords, varied by chance.
fn notes(steering: &Steering, role: Role, step: u64) -> Vec<RollNote> {
    let chance = Chance::new(11).fold(role.index() as u64);
    let unit = |index: u64| chance.unit(Purpose::Pattern, step, index);
    let (chord, _, _) = steering.chords.at(step);
    let Some(chord) = chord else { return Vec::new() };
    let at = step % 16;
    let tones: Vec<u8> = (0..12).map(|i| (chord.root + i) % 12).filter(|pc| chord.mask >> pc & 1 == 1).collect();
    let tone = |share: f32| tones[(share * tones.len() as f32) as usize % tones.len()];
    let note = |pitch: u8, velocity: f32, length: u16| RollNote {
        step: StepIndex(step),
        note: StepNote::new(pitch, velocity as u8, length),
    };
    match role {
        Role::Drums => [
            (36, matches!(at, 0 | 3 | 10) || at == 6 && unit(0) < 0.3, 112.0),
            (38, at % 8 == 4, 118.0),
            (38, matches!(at, 7 | 9) && unit(1) < 0.4, 38.0),
            (42, at != 14 && (at.is_multiple_of(2) || unit(2) < 0.35), if at.is_multiple_of(4) { 96.0 } else { 52.0 }),
            (46, at == 14 && unit(3) < 0.7, 84.0),
            (51, step.is_multiple_of(64), 100.0),
        ]
        .iter()
        .filter(|hit| hit.1)
        .map(|hit| note(hit.0, hit.2, 1))
        .collect(),
        Role::Bass => match at {
            0 => vec![note(36 + chord.root, 108.0, 3)],
            6 | 10 | 13 if unit(0) < 0.8 => vec![note(36 + tone(unit(1)), 60.0 + 50.0 * unit(2), 2)],
            _ => Vec::new(),
        },
        Role::Chords => match at {
            0 | 7 => tones.iter().map(|pc| note(55 + (pc + 5) % 12, 72.0, if at == 0 { 6 } else { 4 })).collect(),
            12 if unit(0) < 0.5 => tones.iter().map(|pc| note(55 + (pc + 5) % 12, 50.0, 2)).collect(),
            _ => Vec::new(),
        },
        Role::Lead => {
            let plays = at.is_multiple_of(2) && unit(0) < 0.62 || unit(0) < 0.12;
            let pitch = 67 + (tone(unit(1)) + 5) % 12 + if unit(2) < 0.3 { 12 } else { 0 };
            if plays { vec![note(pitch, 60.0 + 66.0 * unit(3), 1 + (unit(4) * 3.0) as u16)] } else { Vec::new() }
        }
    }
}

/// What one frame sees: the clock stands still, the music runs.
pub fn sight(snapshot: Snapshot) -> Sight {
    let tick = Tick(198 * 240 + 60);
    Sight {
        snapshot: Arc::new(snapshot),
        playhead: Playhead {
            tick,
            handed: StepIndex(200),
            is_running: true,
            bpm: Bpm::new(112.0),
            late_steps: 0,
            silent_steps: 0,
            notes_on: 1234,
            sounding: 5,
            lateness_us: (38, 121),
            lateness_whole_us: [0; 3],
            at: Nanos(1_000_000_000),
            is_real_time: true,
        },
        meters: Meters {
            dsp_load: Some(0.085),
            peak_db: Some((-7.5, -8.9)),
            voices: Some(24),
            xruns: 0,
            late_events: 0,
            dropped_notices: 0,
        },
        training: Some(Arc::new(training())),
        now: Nanos(1_000_000_000),
    }
}

/// A run in its middle.
fn training() -> Training {
    let bits = |update: u64| 3.1 + 5.0 * (-(update as f64) / 300.0).exp();
    let wobble = |update: u64| f64::from(Chance::new(2).unit(Purpose::Pattern, update, 0)) * 0.3;
    Training {
        folder: "my-model".into(),
        style: Some("mine".into()),
        learning: (1..=40).map(|i| (i * 50, bits(i * 50) + wobble(i))).collect(),
        valid: (1..=8).map(|i| (i * 250, bits(i * 250) + 0.4 + 0.02 * i as f64)).collect(),
        update: 2000,
        of: Some(5000),
        tokens_per_s: 14_310.0,
        seconds_left: Some(2533.0),
        best: Some((1750, 3.654)),
        saved: 8,
        sample: "drums:\nkick     |x...|..x.|x...|..x.|\nhat      |x.x.|x.x.|x.x.|x.x.|\nbass:\nC2       |x-..|....|x-..|....|".into(),
        end: None,
    }
}

/// A screen on the demo.
pub fn app(depth: Depth) -> App {
    let mut app =
        App::new(Theme::new(depth), Catalogue::default(), sight(snapshot()), Some("demo.rhai".into()), SCRIPT);
    app.notice(Notice::new(Severity::Info, "output", "synth at 48000 Hz, 256 frames"));
    app.notice(Notice::new(Severity::Info, "engine", "band-small: 2 x 256, 17 styles"));
    app.notice(Notice::new(Severity::Info, "script", "demo.rhai launched at bar 9"));
    app.focus_on(Pane::Editor);
    app
}
