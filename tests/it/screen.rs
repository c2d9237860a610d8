//! The screen: pictures at four sizes, any size without a panic, keys that become commands.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ricercar::ui::{App, Depth, demo};

fn draw(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend never fails");
    terminal.draw(|frame| app.draw(frame.area(), frame.buffer_mut())).expect("a test backend never fails");
    terminal
}

#[test]
fn the_screen_at_four_sizes() {
    for (width, height) in [(80, 24), (120, 36), (200, 60), (20, 5)] {
        let mut app = demo::app(Depth::True);
        let terminal = draw(&mut app, width, height);
        insta::assert_snapshot!(format!("{width}x{height}"), terminal.backend());
    }
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
