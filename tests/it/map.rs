//! The map of the latent space: its picture, and its keys and the mouse that become edits.

use crate::screen::{draw, edits, mouse, press, text};
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ricercar::message::Snapshot;
use ricercar::music::{Latent, Projection};
use ricercar::steer::{Edit, Half, Way, When};
use ricercar::ui::{App, Catalogue, Depth, Pane, Theme, arrange, demo};

fn latent(half: Option<Half>, way: Way) -> (Edit, When) {
    (Edit::Latent { part: Some("bass".into()), half, path: way.into() }, When::Now)
}

#[test]
fn the_map_as_pictures() {
    for (name, keys, width, height) in [("map", "Ctrl-E 2", 80, 24), ("map-drums", "F2 l .", 120, 36)] {
        let mut app = demo::app(Depth::True);
        press(&mut app, keys);
        insta::assert_snapshot!(name, draw(&mut app, width, height).backend());
    }
}

#[test]
fn the_map_keeps_the_roll_in_sight() {
    for (width, height) in [(80, 24), (120, 36), (240, 60)] {
        let plan = arrange(Rect::new(0, 0, width, height), Pane::Map, false);
        let (map, roll) = (plan.rect(Pane::Map), plan.rect(Pane::Roll));
        assert!(map.is_some_and(|r| r.height >= 12 && r.width >= 60) && roll.is_some(), "{width}x{height}");
    }
}

#[test]
fn keys_of_the_map_become_edits() {
    let point = |name: &str| Way::Point(name.into());
    let morph = |to: &str| Way::Morph { from: None, to: to.into(), bars: 4.0 };
    let orbit = |around: &str| Way::Orbit { around: around.into(), through: None, bars: 8.0 };
    let (global, bar) = (Some(Half::Global), Some(Half::Bar));
    for (keys, expected) in [
        ("Enter", latent(None, point("p1"))),
        (". Enter", latent(None, point("dusk"))),
        (", t", latent(global, morph("noon"))),
        ("o", latent(global, orbit("p1"))),
        ("w", latent(global, Way::Walk { points_per_bar: 0.5 })),
        ("k", latent(bar, Way::Here)),
        ("d", latent(None, Way::Drawn)),
        ("p", (Edit::LatentStore { part: "bass".into(), point: "p2".into() }, When::Now)),
        ("n", (Edit::LatentReroll { part: Some("bass".into()), half: global }, When::Now)),
        ("m", (Edit::Mute { part: Some("bass".into()), on: true }, When::Now)),
        ("r", (Edit::Reroll { part: Some("bass".into()) }, When::Now)),
    ] {
        let mut app = demo::app(Depth::True);
        press(&mut app, "Ctrl-E 2");
        assert_eq!(edits(&press(&mut app, keys)), [expected], "{keys}");
    }
    // The drums walk: the key lets them stay.
    let mut app = demo::app(Depth::True);
    press(&mut app, "Ctrl-E 1");
    let stay = Edit::Latent { part: Some("drums".into()), half: global, path: Way::Here.into() };
    assert_eq!(edits(&press(&mut app, "w")), [(stay, When::Now)]);
}

#[test]
fn arrows_move_the_part_along_the_axes_of_the_picture() {
    let picture = Projection::default();
    for (keys, by) in [("Right", [0.25, 0.0]), ("Down", [0.0, -0.25]), ("Shift-Up", [0.0, 0.05])] {
        let mut app = demo::app(Depth::True);
        press(&mut app, "Ctrl-E 2");
        let got = edits(&press(&mut app, keys));
        let [(Edit::LatentMove { part, by: numbers }, When::Now)] = &got[..] else { panic!("{keys}: {got:?}") };
        let (moved, spread) = (picture.at_global(numbers), picture.spread());
        let is_right = (0..2).all(|i| (moved[i] - by[i] * spread[i]).abs() < 1e-4);
        assert!(&**part == "bass" && is_right, "{keys}: {moved:?}");
    }
}

#[test]
fn the_mouse_puts_the_part_where_it_clicks_and_takes_it_along() {
    let mut app = demo::app(Depth::True);
    press(&mut app, "Ctrl-E 2");
    draw(&mut app, 80, 24);
    let map = arrange(Rect::new(0, 0, 80, 24), Pane::Map, false).rect(Pane::Map).expect("the map is seen");
    let left = MouseButton::Left;
    let mut places = Vec::new();
    for (kind, x, y) in [(MouseEventKind::Down(left), 10, 4), (MouseEventKind::Drag(left), 30, 8)] {
        app.on_event(&mouse(kind, map.x + x, map.y + y));
        let got = edits(&app.take_effects());
        let [(Edit::Latent { half: Some(Half::Global), path, .. }, _)] = &got[..] else { panic!("{got:?}") };
        let Way::At(numbers) = &path.way else { panic!("{path}") };
        places.push(Projection::default().at_global(numbers));
    }
    app.on_event(&mouse(MouseEventKind::Up(left), 0, 0));
    assert!(places[0][0] < 0.0 && places[0][1] > 0.0, "left and above the middle: {places:?}");
    assert!(places[1][0] > places[0][0] && places[1][1] < places[0][1], "{places:?}");
}

#[test]
fn a_map_without_parts_and_places_far_outside_draw() {
    let mut app = App::new(Theme::new(Depth::Mono), Catalogue::default(), demo::sight(Snapshot::default()), None, "");
    assert!(press(&mut app, "Ctrl-E Up p Enter w t").is_empty());
    assert!(text(&mut app, 80, 24).contains("no parts yet"));
    let mut snapshot = demo::snapshot();
    for (i, part) in snapshot.parts.iter_mut().enumerate() {
        part.latent.now = Latent { global: [[f32::NAN, 1e30, -1e30, 9.0][i]; 32], ..Latent::default() };
        part.latent.trail = [[f32::INFINITY, f32::NAN], [1e9, -1e9]].into();
        part.latent.target = Some([f32::NEG_INFINITY, 4.0]);
    }
    app.see(demo::sight(snapshot));
    for (part, (width, height)) in ["1", "2", "3", "4"].into_iter().zip([(80, 24), (33, 8), (57, 9), (300, 80)]) {
        press(&mut app, part);
        press(&mut app, "Left Right Shift-Up");
        let area = Rect::new(0, 0, width, height);
        app.draw(area, &mut Buffer::empty(area));
    }
}
