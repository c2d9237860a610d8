//! Where a part is in the latent space: paths that are a pure function of musical time.

use super::Points;
use super::signal::sine_of_turn;
use crate::music::{Chance, LATENT_BAR, LATENT_GLOBAL, Latent, normals, slerp};
use crate::time::Place;
use std::sync::Arc;

/// Numbers of one half of a latent vector.
pub type HalfNumbers = [f32; LATENT_GLOBAL];
// The two halves are as long as each other, so that one path serves both.
const _: () = assert!(LATENT_GLOBAL == LATENT_BAR);

/// Largest number of a place that is set by hand: far outside what training has drawn.
const NUMBER_MAX: f32 = 8.0;
/// An orbit around one point: its centre and its radius, as shares of the point's length. 0.8² + 0.6² = 1, so that
/// the circle is as far from the middle of the space as the point.
const CENTRE: f32 = 0.8;
const RADIUS: f32 = 0.6;

/// The halves of a latent vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What holds over bars.
    Global,
    /// What is drawn anew in each bar.
    Bar,
}

impl Half {
    /// Both, the global one first.
    pub const BOTH: [Half; 2] = [Half::Global, Half::Bar];

    /// The word in scripts.
    pub fn name(self) -> &'static str {
        match self {
            Half::Global => "global",
            Half::Bar => "bar",
        }
    }

    fn of(self, place: &Latent) -> HalfNumbers {
        match self {
            Half::Global => place.global,
            Half::Bar => place.bar,
        }
    }
}

/// The kinds of paths. Speeds and lengths are counted in bars of the metre.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// As chance has it: the global half once for the part, the bar half anew in each bar.
    Drawn,
    /// Stays where it was when the edit took effect.
    Here,
    /// Stays at these numbers.
    At(Arc<HalfNumbers>),
    /// Stays at a point by name.
    Point(Arc<str>),
    /// Wanders from where it was to one drawn point after another.
    Walk { points_per_bar: f32 },
    /// Turns from one point (or from where it was) to another and stays there.
    Morph { from: Option<Arc<str>>, to: Arc<str>, bars: f32 },
    /// Goes round: around a point, or through two points that lie opposite each other.
    Orbit { around: Arc<str>, through: Option<Arc<str>>, bars: f32 },
}

/// What scripts and keys ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentPath {
    /// Which way.
    pub way: Way,
    /// True when the place changes on bar lines only, false when it changes with every step.
    pub by_bar: bool,
}

impl From<Way> for LatentPath {
    fn from(way: Way) -> LatentPath {
        LatentPath { way, by_bar: false }
    }
}

impl LatentPath {
    /// True when its place depends on when it began.
    fn is_moving(&self) -> bool {
        matches!(self.way, Way::Walk { .. } | Way::Morph { .. } | Way::Orbit { .. })
    }

    /// True when it begins where the part was.
    fn begins_here(&self) -> bool {
        matches!(self.way, Way::Here | Way::Walk { .. } | Way::Morph { from: None, .. })
    }

    /// Bars from the start of the set, as this path counts them.
    fn bars_at(&self, place: &Place) -> f64 {
        let into = f64::from(place.step_in_bar) / f64::from(place.metre.bar_steps());
        place.bar as f64 + if self.by_bar { 0.0 } else { into }
    }

    /// Names of the points that it goes through.
    pub fn points(&self) -> impl Iterator<Item = &Arc<str>> {
        let (first, second) = match &self.way {
            Way::Point(name) => (Some(name), None),
            Way::Morph { from, to, .. } => (from.as_ref(), Some(to)),
            Way::Orbit { around, through, .. } => (Some(around), through.as_ref()),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}

impl std::fmt::Display for LatentPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.way {
            Way::Drawn => write!(f, "drawn"),
            Way::Here => write!(f, "here"),
            Way::At(_) => write!(f, "by hand"),
            Way::Point(name) => write!(f, "at {name}"),
            Way::Walk { points_per_bar } => write!(f, "walk {points_per_bar}"),
            Way::Morph { from: Some(from), to, bars } => write!(f, "morph {from} → {to}, {bars} bars"),
            Way::Morph { from: None, to, bars } => write!(f, "morph → {to}, {bars} bars"),
            Way::Orbit { around, through: None, bars } => write!(f, "orbit {around}, {bars} bars"),
            Way::Orbit { around, through: Some(other), bars } => write!(f, "orbit {around} and {other}, {bars} bars"),
        }
    }
}

/// What the places of a part depend on beside its paths.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The step.
    pub place: &'a Place,
    /// Points by name.
    pub points: &'a Points,
    /// Chance of the part whatever is re-rolled in the plan.
    pub own: Chance,
    /// Chance of the part in this bar.
    pub of_bar: Chance,
    /// True when this bar is to be another one (vetoed, or one of several candidates): its half of the numbers is
    /// drawn, whatever path it has.
    pub is_other: bool,
}

/// A path that was begun, for one half.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// What was asked for.
    pub path: LatentPath,
    /// Where it began, in bars from the start of the set; 0 for paths that stand still.
    from_bars: f64,
    /// Where the part was then; kept for paths that begin there.
    here: Option<Arc<HalfNumbers>>,
    /// Counts re-rolls of this half.
    rerolls: u64,
}

impl Default for Track {
    fn default() -> Track {
        Track { path: Way::Drawn.into(), from_bars: 0.0, here: None, rerolls: 0 }
    }
}

impl Track {
    /// Begins a path at a place where the half is `now`.
    fn begin(&mut self, path: &LatentPath, now: &HalfNumbers, place: &Place) {
        self.from_bars = if path.is_moving() { path.bars_at(place) } else { 0.0 };
        self.here = path.begins_here().then(|| Arc::new(*now));
        self.path = path.clone();
    }

    fn numbers(&self, half: Half, s: &Surroundings) -> HalfNumbers {
        let of = |name: &Arc<str>| half.of(&s.points.get(name));
        match &self.path.way {
            Way::Drawn => self.drawn(half, s),
            Way::Here => self.here(),
            Way::At(numbers) => **numbers,
            Way::Point(name) => of(name),
            Way::Walk { points_per_bar } => self.walk(half, *points_per_bar, s),
            Way::Morph { from, to, bars } => {
                let from = from.as_ref().map_or_else(|| self.here(), of);
                slerp(&from, &of(to), self.bars_since(s.place) as f32 / bars)
            }
            Way::Orbit { around, through, bars } => {
                let turn = (self.bars_since(s.place) / f64::from(*bars)).fract() as f32;
                match through {
                    Some(other) => circle_through(&of(around), &of(other), Chance::name(other), turn),
                    None => circle_around(&of(around), Chance::name(around), turn),
                }
            }
        }
    }

    fn here(&self) -> HalfNumbers {
        self.here.as_deref().copied().unwrap_or([0.0; LATENT_GLOBAL])
    }

    fn bars_since(&self, place: &Place) -> f64 {
        (self.path.bars_at(place) - self.from_bars).max(0.0)
    }

    fn drawn(&self, half: Half, s: &Surroundings) -> HalfNumbers {
        match half {
            Half::Global => normals(s.own.fold(self.rerolls), u64::MAX),
            Half::Bar => normals(s.of_bar.fold(self.rerolls), s.place.bar),
        }
    }

    /// The point of a walk with this number, whoever begins it when.
    fn walk_point(&self, half: Half, number: u64, s: &Surroundings) -> HalfNumbers {
        normals(s.own.fold(self.rerolls).fold(0x57414C4B ^ half as u64), number)
    }

    /// The points of a walk lie on a grid of the set's time: a walk that begins between two goes to the next one.
    fn walk(&self, half: Half, points_per_bar: f32, s: &Surroundings) -> HalfNumbers {
        let speed = f64::from(points_per_bar);
        let (from, at) = (self.from_bars * speed, self.path.bars_at(s.place) * speed);
        let leg = at.max(from) as u64;
        let next = self.walk_point(half, leg + 1, s);
        if leg == from as u64 {
            slerp(&self.here(), &next, ((at - from) / ((leg + 1) as f64 - from)) as f32)
        } else {
            slerp(&self.walk_point(half, leg, s), &next, (at - leg as f64) as f32)
        }
    }

    /// Where the path leads to, if it leads to a place.
    fn target(&self, half: Half, s: &Surroundings) -> Option<HalfNumbers> {
        match &self.path.way {
            Way::Morph { to, bars, .. } if self.bars_since(s.place) < f64::from(*bars) => {
                Some(half.of(&s.points.get(to)))
            }
            Way::Walk { points_per_bar } if *points_per_bar > 0.0 => {
                let leg = (self.path.bars_at(s.place) * f64::from(*points_per_bar)) as u64;
                Some(self.walk_point(half, leg + 1, s))
            }
            _ => None,
        }
    }
}

/// Where one part is: a track for each half.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartLatent {
    /// The global half.
    pub global: Track,
    /// The half of the bar.
    pub bar: Track,
}

impl PartLatent {
    /// The track of a half.
    pub fn track(&self, half: Half) -> &Track {
        match half {
            Half::Global => &self.global,
            Half::Bar => &self.bar,
        }
    }

    fn track_mut(&mut self, half: Half) -> &mut Track {
        match half {
            Half::Global => &mut self.global,
            Half::Bar => &mut self.bar,
        }
    }

    /// Where the part is.
    pub fn at(&self, s: &Surroundings) -> Latent {
        let bar = if s.is_other { self.bar.drawn(Half::Bar, s) } else { self.bar.numbers(Half::Bar, s) };
        Latent { global: self.global.numbers(Half::Global, s), bar }
    }

    /// Where its global half is going, if it goes to a place.
    pub fn target(&self, s: &Surroundings) -> Option<HalfNumbers> {
        self.global.target(Half::Global, s)
    }

    /// Begins a path, for one half or both.
    pub(super) fn begin(&mut self, half: Option<Half>, path: &LatentPath, now: &Latent, place: &Place) {
        for each in Half::BOTH.into_iter().filter(|h| half.is_none_or(|half| half == *h)) {
            let fair = match &path.way {
                Way::At(numbers) => LatentPath { way: Way::At(Arc::new(numbers.map(fair))), ..*path },
                _ => path.clone(),
            };
            self.track_mut(each).begin(&fair, &each.of(now), place);
        }
    }

    /// Moves the global half from where it is, and lets it stay there.
    pub(super) fn push(&mut self, by: &HalfNumbers, now: &Latent, place: &Place) {
        let moved = std::array::from_fn(|i| now.global[i] + by[i]);
        self.begin(Some(Half::Global), &Way::At(Arc::new(moved)).into(), now, place);
    }

    /// Chance gives another place: a walk turns towards another point, any other path ends and the half is drawn.
    pub(super) fn reroll(&mut self, half: Option<Half>, now: &Latent, place: &Place) {
        for each in Half::BOTH.into_iter().filter(|h| half.is_none_or(|half| half == *h)) {
            let track = self.track_mut(each);
            track.rerolls += 1;
            let is_walk = matches!(track.path.way, Way::Walk { .. });
            let path = if is_walk { track.path.clone() } else { Way::Drawn.into() };
            track.begin(&path, &each.of(now), place);
        }
    }

    /// Another script took over and asked for these paths: those that are as they were go on, those that begin where
    /// the part was begin at `now`, its place before.
    pub(super) fn go_on_from(&mut self, old: &PartLatent, now: &Latent) {
        for half in Half::BOTH {
            let (track, old) = (self.track_mut(half), old.track(half));
            if track.path == old.path {
                (track.from_bars, track.here) = (old.from_bars, old.here.clone());
            } else if track.here.is_some() {
                track.here = Some(Arc::new(half.of(now)));
            }
        }
    }

    /// Paths that were begun this many bars later.
    pub fn shift(&mut self, bars: u64) {
        for track in [&mut self.global, &mut self.bar].into_iter().filter(|t| t.path.is_moving()) {
            track.from_bars += bars as f64;
        }
    }
}

fn fair(number: f32) -> f32 {
    if number.is_finite() { number.clamp(-NUMBER_MAX, NUMBER_MAX) } else { 0.0 }
}

fn dot(a: &HalfNumbers, b: &HalfNumbers) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A fixed direction of length 1 that is square to all of `to`; zero when there is none.
fn square_to(to: &[HalfNumbers], address: u64) -> HalfNumbers {
    let mut basis: Vec<HalfNumbers> = Vec::with_capacity(to.len() + 1);
    for v in to.iter().copied().chain([normals(Chance::new(address), u64::MAX - 1)]) {
        let rest = basis.iter().fold(v, |rest, b| {
            let share = dot(&rest, b);
            std::array::from_fn(|i| rest[i] - share * b[i])
        });
        let size = dot(&rest, &rest).sqrt();
        basis.push(if size > 1e-4 { rest.map(|x| x / size) } else { [0.0; LATENT_GLOBAL] });
    }
    basis.last().copied().unwrap_or([0.0; LATENT_GLOBAL])
}

/// A place on a circle, `turn` 0..=1 from where it meets `centre + u`.
fn circle(centre: &HalfNumbers, u: &HalfNumbers, v: &HalfNumbers, turn: f32) -> HalfNumbers {
    let (sine, cosine) = (sine_of_turn(turn), sine_of_turn(turn + 0.25));
    std::array::from_fn(|i| centre[i] + cosine * u[i] + sine * v[i])
}

/// Around a point, as far from the middle of the space as the point.
fn circle_around(a: &HalfNumbers, address: u64, turn: f32) -> HalfNumbers {
    let radius = RADIUS * dot(a, a).sqrt();
    let u = square_to(&[*a], address);
    let v = square_to(&[*a, u], address.wrapping_add(1));
    circle(&a.map(|x| x * CENTRE), &u.map(|x| x * radius), &v.map(|x| x * radius), turn)
}

/// Through two points that lie opposite each other on it: at `a` for turn 0, at `b` for a half.
fn circle_through(a: &HalfNumbers, b: &HalfNumbers, address: u64, turn: f32) -> HalfNumbers {
    let centre: HalfNumbers = std::array::from_fn(|i| (a[i] + b[i]) * 0.5);
    let u: HalfNumbers = std::array::from_fn(|i| (a[i] - b[i]) * 0.5);
    let radius = dot(&u, &u).sqrt();
    let v = square_to(&[u, centre], address).map(|x| x * radius);
    circle(&centre, &u, &v, turn)
}

#[cfg(test)]
#[path = "latent_test.rs"]
mod test;
