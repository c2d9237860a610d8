//! Which pane stands where, at every size.

use super::Pane;
use ratatui::layout::Rect;

/// Smallest screen on which panes are drawn; below it there is one line.
pub const SMALLEST: (u16, u16) = (32, 8);

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Panes that are seen, never overlapping.
    pub panes: Vec<(Pane, Rect)>,
    /// The line of hints at the bottom.
    pub status: Option<Rect>,
}

impl Plan {
    /// Where a pane stands, if it is seen.
    pub fn rect(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|p| p.0 == pane).map(|p| p.1)
    }
}

/// Lays the panes out. `focus` decides what a small screen shows; `zoom` gives the focused pane all the room.
pub fn arrange(area: Rect, focus: Pane, zoom: bool) -> Plan {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return Plan::default();
    }
    let (transport, rest) = cut_top(area, 2);
    let (body, status) = cut_bottom(rest, 1);
    let mut panes = vec![(Pane::Transport, transport)];
    if zoom && focus != Pane::Transport {
        panes.push((focus, body));
    } else if area.width >= 220 && area.height >= 30 {
        three_columns(body, focus, &mut panes);
    } else if area.width >= 100 && area.height >= 28 {
        two_columns(body, focus, &mut panes);
    } else {
        stacked(body, focus, &mut panes);
    }
    panes.retain(|p| p.1.width > 0 && p.1.height > 0);
    Plan { panes, status: Some(status) }
}

/// Roll above, one of the others below: what 80x24 has room for.
fn stacked(body: Rect, focus: Pane, panes: &mut Vec<(Pane, Rect)>) {
    let lower = match focus {
        Pane::Parts | Pane::Map | Pane::Training | Pane::Log | Pane::Meters => focus,
        _ => Pane::Editor,
    };
    let share = match focus {
        Pane::Roll => 62,
        Pane::Map | Pane::Training => 34,
        _ => 46,
    };
    let (roll, below) = cut_top(body, part(body.height, share));
    panes.push((Pane::Roll, roll));
    if lower == Pane::Log || lower == Pane::Meters {
        let (left, right) = cut_left(below, part(below.width, 58));
        panes.extend([(Pane::Log, left), (Pane::Meters, right)]);
    } else {
        panes.push((lower, below));
    }
}

fn two_columns(body: Rect, focus: Pane, panes: &mut Vec<(Pane, Rect)>) {
    let (left, right) = cut_left(body, part(body.width, if body.width < 160 { 54 } else { 58 }));
    let roll_share = match focus {
        Pane::Map | Pane::Training => 46,
        Pane::Parts => 54,
        _ if body.height < 40 => 58,
        _ => 54,
    };
    let (roll, parts) = cut_top(left, part(left.height, roll_share));
    let foot = (body.height / 4).clamp(6, 11);
    let (editor, below) = cut_bottom(right, foot);
    let (log, meters) = cut_left(below, part(below.width, 52));
    // The map takes the place of the knobs while it is played, and training while it is watched.
    let lower = if matches!(focus, Pane::Map | Pane::Training) { focus } else { Pane::Parts };
    panes.extend([(Pane::Roll, roll), (lower, parts), (Pane::Editor, editor)]);
    panes.extend([(Pane::Log, log), (Pane::Meters, meters)]);
}

fn three_columns(body: Rect, focus: Pane, panes: &mut Vec<(Pane, Rect)>) {
    let (mut roll, rest) = cut_left(body, part(body.width, 46));
    if matches!(focus, Pane::Map | Pane::Training) {
        let (above, map) = cut_top(roll, part(roll.height, 55));
        roll = above;
        panes.push((focus, map));
    }
    let (editor, side) = cut_left(rest, part(rest.width, 52));
    let (parts, below) = cut_top(side, part(side.height, 56));
    let (meters, log) = cut_top(below, 11.min(below.height / 2));
    panes.extend([(Pane::Roll, roll), (Pane::Editor, editor), (Pane::Parts, parts)]);
    panes.extend([(Pane::Meters, meters), (Pane::Log, log)]);
}

fn part(of: u16, percent: u32) -> u16 {
    (u32::from(of) * percent / 100) as u16
}

fn cut_top(r: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(r.height);
    (Rect { height: rows, ..r }, Rect { y: r.y + rows, height: r.height - rows, ..r })
}

fn cut_bottom(r: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(r.height);
    (Rect { height: r.height - rows, ..r }, Rect { y: r.y + r.height - rows, height: rows, ..r })
}

/// Cuts with a column between.
fn cut_left(r: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(r.width);
    let gap = 1.min(r.width - columns);
    let rest = r.width - columns - gap;
    (Rect { width: columns, ..r }, Rect { x: r.x + columns + gap, width: rest, ..r })
}

#[cfg(test)]
mod test {
    use super::super::PANES;
    use super::*;

    #[test]
    fn panes_fill_the_screen_without_overlap_at_every_size() {
        for width in (1..320).step_by(7) {
            for height in 1..90 {
                for info in PANES {
                    for zoom in [false, true] {
                        let area = Rect::new(0, 0, width, height);
                        let plan = arrange(area, info.pane, zoom);
                        let all: Vec<Rect> = plan.panes.iter().map(|p| p.1).chain(plan.status).collect();
                        for (i, a) in all.iter().enumerate() {
                            assert_eq!(a.intersection(area), *a, "{width}x{height}");
                            assert!(all[i + 1..].iter().all(|b| !a.intersects(*b)), "{width}x{height}");
                        }
                        assert!(plan.panes.is_empty() || plan.rect(info.pane).is_some(), "{:?}", info.pane);
                    }
                }
            }
        }
    }
}
