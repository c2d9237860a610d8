//! The screen: pictures at four sizes, any size without a panic, keys and mouse that become commands.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ricercar::message::{Command, Notice, Severity, Snapshot, ToPlayer};
use ricercar::steer::{Control, Edit, OutSpec, Signal, When};
use ricercar::ui::{Action, App, Catalogue, Depth, Effect, KEYS, PANES, Pane, Theme, demo};

pub(crate) fn draw(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend never fails");
    terminal.draw(|frame| app.draw(frame.area(), frame.buffer_mut())).expect("a test backend never fails");
    terminal
}

pub(crate) fn text(app: &mut App, width: u16, height: u16) -> String {
    draw(app, width, height).backend().to_string()
}

/// A key as the table writes it.
fn key(name: &str) -> Event {
    let mut modifiers = KeyModifiers::NONE;
    let mut rest = name;
    for (word, modifier) in
        [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT), ("Shift-", KeyModifiers::SHIFT)]
    {
        if let Some(r) = rest.strip_prefix(word).filter(|r| !r.is_empty()) {
            modifiers |= modifier;
            rest = r;
        }
    }
    let code = match rest {
        "Space" => KeyCode::Char(' '),
        "Tab" if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        "Tab" => KeyCode::Tab,
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Delete" => KeyCode::Delete,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "End" => KeyCode::End,
        _ => match (rest.strip_prefix('F').and_then(|n| n.parse().ok()), rest.chars().next()) {
            (Some(n), _) => KeyCode::F(n),
            (None, Some(c)) if !modifiers.is_empty() => KeyCode::Char(c.to_ascii_lowercase()),
            (None, Some(c)) => KeyCode::Char(c),
            (None, None) => panic!("no key in '{name}'"),
        },
    };
    Event::Key(KeyEvent::new(code, modifiers))
}

/// Presses keys one after another and gives what the screen wants done.
pub(crate) fn press(app: &mut App, names: &str) -> Vec<Effect> {
    for name in names.split_whitespace() {
        app.on_event(&key(name));
    }
    app.take_effects()
}

pub(crate) fn mouse(kind: MouseEventKind, x: u16, y: u16) -> Event {
    Event::Mouse(MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE })
}

fn commands(effects: &[Effect]) -> Vec<&Command> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Command(command) => Some(command),
            _ => None,
        })
        .collect()
}

pub(crate) fn edits(effects: &[Effect]) -> Vec<(Edit, When)> {
    let of = |c: &&Command| match c {
        Command::Edit(edit, when) => Some((edit.clone(), *when)),
        _ => None,
    };
    commands(effects).iter().filter_map(of).collect()
}

#[test]
fn the_screen_at_four_sizes() {
    for (width, height) in [(80, 24), (120, 36), (200, 60), (20, 5)] {
        let mut app = demo::app(Depth::True);
        insta::assert_snapshot!(format!("{width}x{height}"), draw(&mut app, width, height).backend());
    }
}

#[test]
fn panes_and_lists_as_pictures() {
    for (name, keys) in [("help", "F1 s w i n g"), ("parts", "F4 Down Down +"), ("roll", "F2 Right Right Enter")] {
        let mut app = demo::app(Depth::True);
        press(&mut app, keys);
        insta::assert_snapshot!(name, draw(&mut app, 80, 24).backend());
    }
    let mut app = demo::app(Depth::True);
    app.see(demo::sight(demo::snapshot_with_fault()));
    app.notice(Notice::new(Severity::Error, "script", "demo.rhai was not launched"));
    insta::assert_snapshot!("fault", draw(&mut app, 80, 24).backend());
}

#[test]
fn every_pane_draws_at_any_size() {
    let sizes: Vec<u16> = (1..28).chain([40, 79, 80, 99, 100, 131, 219, 220, 300]).collect();
    let heights: Vec<u16> = (1..14).chain([24, 27, 28, 36, 80]).collect();
    let states = [
        "",
        "F2 Right Enter",
        "F4 Down",
        "Ctrl-L",
        "F1 k",
        "F8",
        "Ctrl-F a",
        "F4 Enter 1",
        "F11",
        "F2 z",
        "Ctrl-E",
        "F2 l z",
    ];
    for (i, keys) in states.into_iter().enumerate() {
        let mut app = demo::app(if i % 2 == 0 { Depth::True } else { Depth::Mono });
        app.see(demo::sight(demo::snapshot_with_fault()));
        press(&mut app, keys);
        // Each state sees every fourth size; all states together see them all.
        for (j, (width, height)) in sizes.iter().flat_map(|w| heights.iter().map(move |h| (*w, *h))).enumerate() {
            if (i + j) % 4 == 0 || width < 4 || height < 3 {
                let area = Rect::new(0, 0, width, height);
                app.draw(area, &mut Buffer::empty(area));
            }
        }
    }
}

#[test]
fn every_row_of_the_panes_draws_alone_in_any_rectangle() {
    let mut app = demo::app(Depth::Indexed);
    for info in PANES {
        for (x, y, width, height) in
            [(0, 0, 0, 0), (0, 0, 1, 1), (3, 2, 7, 1), (0, 0, 1, 9), (5, 5, 90, 90), (200, 200, 5, 5)]
        {
            (info.draw)(&mut app, Rect::new(x, y, width, height), &mut Buffer::empty(Rect::new(0, 0, 60, 20)));
        }
        assert!(!info.doc.is_empty() && !info.name.is_empty());
    }
}

#[test]
fn an_empty_set_draws_and_takes_every_key() {
    let empty = || {
        let sight = demo::sight(Snapshot::default());
        App::new(Theme::new(Depth::True), Catalogue::default(), sight, None, "")
    };
    for row in KEYS {
        for name in row.keys {
            for focus in ["F2", "F3", "F4", "Ctrl-E", "Ctrl-L"] {
                let mut app = empty();
                press(&mut app, &format!("{focus} {name} {name}"));
                app.draw(Rect::new(0, 0, 80, 24), &mut Buffer::empty(Rect::new(0, 0, 80, 24)));
            }
        }
    }
}

#[test]
fn every_key_of_the_table_does_what_its_row_says() {
    // A key that its row names reaches an action in a pane where it works: the picture or the effects change, or the
    // key is one whose effect needs a state that the demo is not in.
    for row in KEYS {
        for name in row.keys {
            let Event::Key(event) = key(name) else { panic!("{name} is a key") };
            let panes = PANES.iter().map(|p| p.pane);
            let found =
                panes.filter_map(|p| ricercar::ui::find_key(&event, p, p == Pane::Editor)).any(|a| a == row.action);
            assert!(found, "{name}: {}", row.doc);
        }
    }
}

#[test]
fn launch_keys_send_the_text_with_its_moment() {
    for (keys, expected) in [
        ("F5", When::Now),
        ("Ctrl-Enter", When::Now),
        ("F6", When::NextBar),
        ("F7", When::NextSection),
        ("Alt-Enter", When::Now),
        ("Ctrl-T Ctrl-T Alt-Enter", When::NextBar),
        ("F2 F6", When::NextBar),
    ] {
        let mut app = demo::app(Depth::True);
        let effects = press(&mut app, keys);
        let Some(Command::LoadScript { name, text, when }) = commands(&effects).pop() else { panic!("{keys}") };
        assert_eq!((name.as_str(), text.as_str(), *when), ("demo.rhai", demo::SCRIPT, expected), "{keys}");
    }
}

#[test]
fn saving_writes_the_file_and_launches() {
    let mut app = demo::app(Depth::True);
    app.on_event(&Event::Paste("// new\r\n".into()));
    assert!(app.text().1, "the text is unsaved");
    let effects = press(&mut app, "Ctrl-S");
    assert!(matches!(&effects[0], Effect::Save { text, .. } if text.starts_with("// new\n//")));
    assert!(matches!(commands(&effects)[0], Command::LoadScript { .. }));
}

#[test]
fn typing_reaches_the_text_and_nothing_else() {
    let mut app = demo::app(Depth::True);
    let effects = press(&mut app, "m s h x + - 0 ? z [ Space");
    assert!(effects.is_empty());
    assert!(app.text().0.starts_with("mshx+-0?z[ //"), "{}", app.text().0);
    press(&mut app, "Ctrl-Z Ctrl-Z Ctrl-Z");
    assert!(app.text().0.starts_with("mshx+-0?//"));
}

#[test]
fn knobs_are_turned_reset_and_typed() {
    let set = |value: Option<f32>| {
        (
            Edit::Set { part: Some("drums".into()), control: Control::Temperature, value: value.map(Signal::Constant) },
            When::Now,
        )
    };
    for (keys, expected) in [
        ("F4 +", vec![Some(1.05)]),
        ("F4 - -", vec![Some(0.95), Some(0.9)]),
        ("F4 PageUp", vec![Some(1.5)]),
        ("F4 0", vec![None]),
        ("F4 Enter 9 9 Enter", vec![Some(4.0)]),
        ("F4 Enter x Enter", vec![]),
    ] {
        let mut app = demo::app(Depth::True);
        let effects = press(&mut app, keys);
        let got = edits(&effects);
        assert_eq!(got.len(), expected.len(), "{keys}");
        for (got, value) in got.iter().zip(expected) {
            match (got, set(value)) {
                (
                    (Edit::Set { part, control, value: Some(Signal::Constant(v)) }, when),
                    (Edit::Set { part: p, control: c, value: Some(Signal::Constant(w)) }, at),
                ) => {
                    assert_eq!((part, control, when), (&p, &c, &at));
                    assert!((v - w).abs() < 1e-6, "{keys}: {v} {w}");
                }
                (got, expected) => assert_eq!(*got, expected, "{keys}"),
            }
        }
    }
}

#[test]
fn parts_are_muted_soloed_held_and_rerolled() {
    let bass = || Some("bass".into());
    for (keys, expected) in [
        ("F2 2 m", Edit::Mute { part: bass(), on: true }),
        ("F4 2 s", Edit::Solo { part: bass(), on: true }),
        ("F2 Down h", Edit::Hold { part: bass(), bars: 2 }),
        ("F4 Right r", Edit::Reroll { part: bass() }),
        ("F2 R", Edit::Reroll { part: None }),
    ] {
        let mut app = demo::app(Depth::True);
        assert_eq!(edits(&press(&mut app, keys)), [(expected, When::Now)], "{keys}");
    }
}

#[test]
fn bars_are_frozen_vetoed_and_gone_back_to() {
    for (keys, expected) in [
        // Nothing chosen: the next bar to come (14th, counted from 0 here).
        ("F2 f", "Freeze { bar: 13, on: true }"),
        ("F2 Right Right f", "Freeze { bar: 14, on: false }"),
        ("F2 Right x", "Veto { bar: 13, part: Some(\"drums\") }"),
        ("F2 Right X", "Veto { bar: 13, part: None }"),
        ("F2 Left Left Left b", "BackTo { bar: 11 }"),
        ("Ctrl-G", "CancelPending"),
    ] {
        let mut app = demo::app(Depth::True);
        let effects = press(&mut app, keys);
        let got: Vec<String> = commands(&effects).iter().map(|c| format!("{c:?}")).collect();
        assert_eq!(got, [expected], "{keys}");
    }
    let mut app = demo::app(Depth::True);
    assert!(press(&mut app, "F2 Right b").is_empty(), "a bar that was not played cannot be gone back to");
}

#[test]
fn panic_stop_and_quit_work_everywhere() {
    for place in ["F2", "F3", "F4", "Ctrl-L", "F1", "F8", "Ctrl-F", "F4 Enter"] {
        let mut app = demo::app(Depth::True);
        press(&mut app, place);
        let effects = press(&mut app, "F12 Ctrl-P F9 F10");
        assert!(
            matches!(effects[..], [Effect::Panic, Effect::Panic, Effect::Player(ToPlayer::Stop), Effect::Quit]),
            "{place}"
        );
    }
}

#[test]
fn escape_leads_back_to_the_roll() {
    let mut app = demo::app(Depth::True);
    press(&mut app, "F3 F1 Esc Ctrl-F a Esc Esc");
    assert_eq!(edits(&press(&mut app, "m")).len(), 1, "letters are keys again");
}

#[test]
fn the_help_finds_keys_controls_and_functions() {
    for (words, expected) in
        [("p a n i c", "every note off"), ("t o p _ p", "smallest set of choices"), ("e u c l i d", "euclid")]
    {
        let mut app = demo::app(Depth::True);
        press(&mut app, &format!("F1 {words}"));
        let picture = text(&mut app, 120, 36);
        assert!(picture.contains(expected), "{words}: {picture}");
    }
}

#[test]
fn an_output_is_chosen_from_what_is_at_hand() {
    let mut app = demo::app(Depth::True);
    assert!(matches!(press(&mut app, "F4 2 F8")[..], [Effect::ListOutputs]));
    app.offer_outputs(
        ["none", "synth:pluck", "midi:Rack:3"]
            .map(|spec| ricercar::ui::OutputChoice { spec: spec.into(), doc: String::new() })
            .to_vec(),
    );
    assert!(text(&mut app, 80, 24).contains("output of bass"));
    let expected = OutSpec::Midi { port: Some("Rack".into()), channel: 2 };
    let got = edits(&press(&mut app, "r a c k Enter"));
    assert_eq!(got, [(Edit::Out { part: "bass".into(), out: expected }, When::Now)]);
}

#[test]
fn a_file_that_changes_outside_is_taken_unless_text_would_be_lost() {
    let mut app = demo::app(Depth::True);
    app.file_changed("tempo(90);\n");
    assert_eq!(app.text(), ("tempo(90);\n".to_string(), false));
    assert!(matches!(commands(&app.take_effects())[..], [Command::LoadScript { .. }]));
    app.on_event(&Event::Paste("// mine\n".into()));
    app.file_changed("tempo(91);\n");
    assert!(app.text().0.starts_with("// mine"));
    assert!(app.take_effects().is_empty());
    assert!(text(&mut app, 100, 24).contains("changed outside"));
}

#[test]
fn the_mouse_focuses_turns_and_chooses() {
    let mut app = demo::app(Depth::True);
    draw(&mut app, 120, 36);
    let click = MouseEventKind::Down(MouseButton::Left);
    // A bar of the future in the roll: then it can be vetoed.
    app.on_event(&mouse(click, 44, 8));
    let effects = press(&mut app, "x");
    assert!(matches!(commands(&effects)[..], [Command::Veto { bar: 13, .. }]), "{effects:?}");
    // The density of the keys, dragged four cells to the right.
    let picture = text(&mut app, 120, 36);
    let row = picture.lines().position(|l| l.contains(" density")).expect("a row of the knobs") as u16;
    let column = picture.lines().nth(usize::from(row)).and_then(|l| l.find("0.35")).expect("its value") as u16;
    // The picture quotes its lines: a column less.
    app.on_event(&mouse(click, column - 1, row));
    app.on_event(&mouse(MouseEventKind::Drag(MouseButton::Left), column + 3, row));
    app.on_event(&mouse(MouseEventKind::Up(MouseButton::Left), column + 3, row));
    let effects = app.take_effects();
    let [(Edit::Set { part: Some(part), control: Control::Density, value: Some(Signal::Constant(v)) }, _)] =
        &edits(&effects)[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(&**part, "keys");
    assert!((v - 0.55).abs() < 1e-5);
    for kind in [MouseEventKind::ScrollDown, MouseEventKind::ScrollUp, click, MouseEventKind::Moved] {
        for (x, y) in (0..130).step_by(3).flat_map(|x| (0..40).map(move |y| (x, y))) {
            app.on_event(&mouse(kind, x, y));
        }
    }
}

#[test]
fn hints_name_keys_that_exist() {
    let hinted: Vec<_> = KEYS.iter().filter(|r| !r.hint.is_empty()).collect();
    assert!(
        hinted.iter().any(|r| r.action == Action::Help) && hinted.iter().any(|r| r.action == Action::Launch(When::Now))
    );
}

#[test]
fn a_frame_costs_are_measured() {
    let costs = ricercar::ui::bench::frames(80, 24, 20);
    assert_eq!(costs.iter().map(|c| (c.backend, c.frames)).collect::<Vec<_>>(), [("cells", 20), ("escapes", 20)]);
    assert!(costs[1].bytes > 0);
}

/// Writes the README's picture: `cargo test --test it picture -- --ignored`.
#[test]
#[ignore = "writes docs/screen.svg"]
fn the_readmes_picture() {
    let mut app = demo::app(Depth::True);
    let terminal = draw(&mut app, 132, 42);
    let svg = ricercar::ui::svg::picture(terminal.backend().buffer());
    std::fs::create_dir_all("docs").and_then(|()| std::fs::write("docs/screen.svg", svg)).expect("docs can be written");
}
