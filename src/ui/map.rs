//! Playing the map of the latent space: what its keys and the mouse ask for.

use super::app::Hit;
use super::{Action, App};
use crate::message::{LatentView, Severity};
use crate::steer::{Edit, Half, HalfNumbers, LatentPath, Way};
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// The map reaches so many standard deviations of drawn places from the middle of the space, on both axes.
const REACH: f32 = 2.75;
/// What one press of an arrow moves, plain and with Shift, in standard deviations.
const STEP: f32 = 0.25;
const FINE: f32 = 0.05;
/// Bars in which a key morphs and orbits; points a bar of the key that walks.
const MORPH_BARS: f32 = 4.0;
const ORBIT_BARS: f32 = 8.0;
const WALK_SPEED: f32 = 0.5;

/// A point on the map: its name and where it lies in the picture.
pub(super) type MapPoint = (Arc<str>, [f32; 2]);

/// A stretch of the screen that shows the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its cells.
    pub rect: Rect,
    /// What it shows: from minus to plus this on each axis.
    pub reach: [f32; 2],
}

impl App {
    /// What the keys of the map do.
    pub(super) fn act_on_map(&mut self, action: Action) {
        let Some(part) = self.part_name() else { return self.say(Severity::Info, "there is no part yet") };
        let latent = |half, way: Way| Edit::Latent { part: Some(part.clone()), half, path: way.into() };
        let way_of = |app: &App, half| app.path_of(half).map(|path| path.way.clone());
        match action {
            Action::MapMove(x, y) => self.push(part, [f32::from(x) * STEP, f32::from(y) * STEP]),
            Action::MapFine(x, y) => self.push(part, [f32::from(x) * FINE, f32::from(y) * FINE]),
            Action::PointStep(by) => self.step_point(by),
            Action::StorePoint => {
                let point = self.free_name();
                self.say(Severity::Info, format!("this place of {part} is point {point} now"));
                self.edit(Edit::LatentStore { part, point });
            }
            Action::Recall => self.with_point(|point| latent(None, Way::Point(point))),
            Action::MorphThere => self.with_point(|to| {
                let way = Way::Morph { from: None, to, bars: MORPH_BARS };
                latent(Some(Half::Global), way)
            }),
            Action::OrbitThere => self.with_point(|around| {
                let way = Way::Orbit { around, through: None, bars: ORBIT_BARS };
                latent(Some(Half::Global), way)
            }),
            Action::Walk => {
                let walks = matches!(way_of(self, Half::Global), Some(Way::Walk { .. }));
                let way = if walks { Way::Here } else { Way::Walk { points_per_bar: WALK_SPEED } };
                self.edit(latent(Some(Half::Global), way));
            }
            Action::KeepBar => {
                let drawn = matches!(way_of(self, Half::Bar), Some(Way::Drawn));
                self.edit(latent(Some(Half::Bar), if drawn { Way::Here } else { Way::Drawn }));
            }
            Action::NewPlace => self.edit(Edit::LatentReroll { part: Some(part), half: Some(Half::Global) }),
            Action::LetDrift => self.edit(latent(None, Way::Drawn)),
            _ => {}
        }
    }

    /// Where the focused part is.
    pub(super) fn latent_view(&self) -> Option<&LatentView> {
        self.sight.snapshot.parts.get(self.part).map(|p| &p.latent)
    }

    /// The path of the focused part.
    pub(super) fn path_of(&self, half: Half) -> Option<&LatentPath> {
        self.steering(self.part).map(|p| &p.latent.track(half).path)
    }

    /// Points that were stored, then those that paths name.
    pub(super) fn map_points(&self) -> Vec<MapPoint> {
        let (steering, picture) = (&self.sight.snapshot.steering, &self.sight.snapshot.projection);
        let mut names: Vec<Arc<str>> = steering.points.iter().map(|(name, _)| name.clone()).collect();
        for part in &steering.parts {
            for name in Half::BOTH.into_iter().flat_map(|half| part.latent.track(half).path.points()) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names.into_iter().map(|name| (name.clone(), picture.at_global(&steering.points.get(&name).global))).collect()
    }

    /// The map on these cells.
    pub(super) fn field(&self, rect: Rect) -> Field {
        Field { rect, reach: self.sight.snapshot.projection.spread().map(|x| x * REACH) }
    }

    fn push(&mut self, part: Arc<str>, by: [f32; 2]) {
        let picture = self.sight.snapshot.projection.clone();
        let Some(view) = self.latent_view() else { return };
        let (at, spread) = (picture.at_global(&view.now.global), picture.spread());
        let is_out = |i: usize| (at[i] + by[i] * spread[i]).abs() > at[i].abs().max(REACH * spread[i]);
        if is_out(0) || is_out(1) {
            return self.say(Severity::Info, "this is as far as the map goes");
        }
        let by = picture.global_by([by[0] * spread[0], by[1] * spread[1]]);
        self.edit(Edit::LatentMove { part, by: Arc::new(by) });
    }

    /// Puts the focused part where the mouse is on the map.
    pub(super) fn place_by_mouse(&mut self, at: Position) {
        let Some(field) = self.hits.iter().find(|h| h.1 == Hit::Map).map(|h| h.0) else { return };
        let (Some(part), Some(view)) = (self.part_name(), self.latent_view()) else { return };
        let (picture, global) = (&self.sight.snapshot.projection, view.now.global);
        let (from, to) = (picture.at_global(&global), self.field(field).place_of(at));
        let by = picture.global_by([to[0] - from[0], to[1] - from[1]]);
        let numbers: HalfNumbers = std::array::from_fn(|i| global[i] + by[i]);
        self.edit(Edit::Latent { part: Some(part), half: Some(Half::Global), path: Way::At(Arc::new(numbers)).into() });
    }

    fn step_point(&mut self, by: i8) {
        match self.map_points().len() {
            0 => self.say(Severity::Info, "there is no point yet: p makes this place one"),
            count => self.point = (self.point as isize + isize::from(by)).rem_euclid(count as isize) as usize,
        }
    }

    fn with_point(&mut self, edit: impl FnOnce(Arc<str>) -> Edit) {
        let points = self.map_points();
        match points.get(self.point.min(points.len().saturating_sub(1))) {
            Some((name, _)) => self.edit(edit(name.clone())),
            None => self.say(Severity::Info, "there is no point yet: p makes this place one"),
        }
    }

    /// The first of p1, p2, ... that is no point yet.
    fn free_name(&self) -> Arc<str> {
        let points = self.map_points();
        let mut names = (1..).map(|i| format!("p{i}"));
        names.find(|name| points.iter().all(|p| *p.0 != **name)).unwrap_or_default().into()
    }
}

impl Field {
    /// The cell of a place, in dots a cell of `dots` (columns, rows); places outside lie on the edge.
    pub(super) fn cell_of(&self, place: [f32; 2], dots: (u16, u16)) -> (u16, u16) {
        let share = |i: usize| {
            let share = (place[i] / self.reach[i] + 1.0) / 2.0;
            if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
        };
        let cell = |share: f32, cells: u16| ((share * f32::from(cells)) as u16).min(cells.saturating_sub(1));
        (cell(share(0), self.rect.width * dots.0), cell(1.0 - share(1), self.rect.height * dots.1))
    }

    /// The place in the middle of a cell of the screen; cells outside count as those on the edge.
    fn place_of(&self, at: Position) -> [f32; 2] {
        let share = |cell: u16, first: u16, cells: u16| {
            let cell = cell.saturating_sub(first).min(cells.saturating_sub(1));
            (f32::from(cell) + 0.5) / f32::from(cells.max(1))
        };
        let (x, y) = (share(at.x, self.rect.x, self.rect.width), share(at.y, self.rect.y, self.rect.height));
        [(2.0 * x - 1.0) * self.reach[0], (1.0 - 2.0 * y) * self.reach[1]]
    }
}
