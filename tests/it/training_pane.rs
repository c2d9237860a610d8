//! The training pane: its picture, and its keys that ask for weights.

use crate::screen::{draw, press, text};
use ricercar::message::Training;
use ricercar::ui::{App, Depth, Effect, demo};
use std::sync::Arc;

fn on(training: Option<Training>) -> App {
    let mut app = demo::app(Depth::True);
    let sight = demo::sight(demo::snapshot());
    app.see(ricercar::ui::Sight { training: training.map(Arc::new), ..sight });
    app
}

fn asked(effects: &[Effect]) -> Vec<String> {
    let parts = effects.iter().filter_map(|e| match e {
        Effect::PlayWeights(parts) => Some(parts.join(" ")),
        _ => None,
    });
    parts.collect()
}

#[test]
fn training_as_pictures() {
    for (name, width, height) in [("training", 80, 24), ("training-wide", 120, 36)] {
        let mut app = demo::app(Depth::True);
        press(&mut app, "Ctrl-D 2");
        insta::assert_snapshot!(name, draw(&mut app, width, height).backend());
    }
}

#[test]
fn keys_ask_for_weights_in_the_part_or_in_all_that_an_lstm_plays() {
    let mut app = demo::app(Depth::True);
    assert_eq!(asked(&press(&mut app, "Ctrl-D 2 Enter")), ["bass"]);
    assert_eq!(asked(&press(&mut app, "Down Enter")), ["keys"]);
    let lstms: Vec<_> =
        demo::snapshot().steering.parts.iter().map(|p| (p.name.to_string(), p.engine.to_string())).collect();
    let expected: Vec<_> = lstms.iter().filter(|p| p.1.starts_with("lstm")).map(|p| p.0.as_str()).collect();
    assert_eq!(asked(&press(&mut app, "a")), [expected.join(" ")]);
    let mut app = on(None);
    assert!(asked(&press(&mut app, "Ctrl-D Enter a")).is_empty());
    assert!(text(&mut app, 80, 24).contains("no run is followed"));
}

#[test]
fn odd_runs_draw_at_any_size() {
    let curve = |y: f64| vec![(0, y), (u64::MAX, f64::NAN), (7, f64::INFINITY), (9, 1.0)];
    let odd =
        Training { learning: curve(-1e300), valid: curve(1e300), sample: "x\n".repeat(200), ..Training::default() };
    for run in [odd, Training::default()] {
        for (width, height) in [(80, 24), (32, 8), (57, 9), (300, 80), (120, 28)] {
            for zoom in ["", "z"] {
                let mut app = on(Some(run.clone()));
                press(&mut app, &format!("Ctrl-D {zoom}"));
                draw(&mut app, width, height);
            }
        }
    }
}
