//! Which bars are judged: windows of two bars of one role, drawn from the works of a split.

use super::super::gan_data;
use super::roll::Roll;
use super::tonal::{self, Place};
use crate::corpus::{Corpus, Split};
use crate::engine::gan::{BarNotes, BarScene, Segment, scene::SEGMENT_STEPS};
use crate::music::{Chance, Purpose, Role};
use std::collections::BTreeMap;

/// What somebody played in a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Take {
    /// The notes of both bars. Durations may reach beyond a bar.
    pub bars: [BarNotes; 2],
    /// Notes from before that sound on into the first bar: pitch and steps left.
    pub sounding: Vec<(u8, u16)>,
}

/// Two neighbouring bars of one metre, of at most 16 steps each, and who is asked to play them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Index into the corpus's pieces.
    pub piece: usize,
    /// Who plays.
    pub role: Role,
    /// The bars.
    pub bars: [Segment; 2],
}

/// A window with what was really played in it, and what that is judged against.
#[derive(Clone, Debug)]
pub struct Case {
    /// The window.
    pub window: Window,
    /// What was really played.
    pub real: Take,
    /// Pitch classes of the chord at each step of both bars; 0 where none is known.
    pub chords: Vec<u16>,
    /// Root of the chord, else tonic of the key, at each step.
    pub roots: Vec<u8>,
    /// Where the partner really is in tonal space, beat by beat; `None` where it is silent. Lead and chords are partners.
    pub partner: Vec<Option<Place>>,
}

impl Case {
    /// Looks a window up in its piece.
    pub fn new(corpus: &Corpus, window: Window) -> Case {
        let piece = &corpus.pieces[window.piece];
        let played = |role: Role| {
            let mut scene = BarScene::silent(role, window.bars[0]);
            gan_data::hear(&mut scene, piece);
            Take { bars: window.bars.map(|bar| gan_data::notes(piece, role, &bar)), sounding: scene.sounding }
        };
        let partner = match window.role {
            Role::Lead => Some(Role::Chords),
            Role::Chords => Some(Role::Lead),
            Role::Drums | Role::Bass => None,
        };
        let partner = partner.filter(|role| piece.roles[role.index()]);
        let beat = window.bars[0].metre.beat_steps() as usize;
        let partner = partner.map_or(Vec::new(), |role| tonal::places(&Roll::new(role, &played(role)), beat));
        let steps = window.bars.iter().flat_map(|b| (0..b.steps).map(|s| b.first.0 as u32 + s));
        let chords: Vec<_> = steps.map(|step| piece.chord_at(step)).collect();
        let tonic = piece.key.map_or(0, |k| k.tonic);
        Case {
            window,
            real: played(window.role),
            roots: chords.iter().map(|c| c.map_or(tonic, |c| c.root)).collect(),
            chords: chords.iter().map(|c| c.map_or(0, |c| c.mask)).collect(),
            partner,
        }
    }

    /// Scene of the first bar, after what was really played before it.
    pub fn first(&self, corpus: &Corpus) -> BarScene {
        self.scene(corpus, 0)
    }

    /// Scene of the second bar, when the role played `own` in the first and the others what they really played.
    pub fn second(&self, corpus: &Corpus, own: &BarNotes) -> BarScene {
        let (piece, role) = (&corpus.pieces[self.window.piece], self.window.role);
        let mut scene = self.scene(corpus, 1);
        let line = self.window.bars[0].first.0;
        let from = scene.segment.first.0.saturating_sub(SEGMENT_STEPS as u64);
        let past = piece.notes_between(from as u32, scene.segment.first.0 as u32);
        scene.hear(|step| {
            let real = past.iter().filter(move |n| u64::from(n.step) == step.0 && (n.role != role || step.0 < line));
            let made = own.notes.iter().filter(move |(at, _)| line + u64::from(*at) == step.0);
            real.map(|n| (n.role, n.note)).chain(made.map(move |(_, note)| (role, *note)))
        });
        scene
    }

    /// Scene of a bar after what was really played.
    fn scene(&self, corpus: &Corpus, bar: usize) -> BarScene {
        let piece = &corpus.pieces[self.window.piece];
        gan_data::scene(piece, self.window.role, &self.window.bars[bar], &gan_data::style(piece))
    }
}

/// Windows that a role could be asked for in one split: any two neighbouring bars that fit, in pieces where it plays.
fn candidates(corpus: &Corpus, split: Split, role: Role) -> Vec<Window> {
    let mut windows = Vec::new();
    for (index, piece) in corpus.split(split).filter(|(_, p)| p.roles[role.index()]) {
        for pair in gan_data::bars(piece).windows(2) {
            let fits = |s: &Segment| s.index == 0 && s.metre.bar_steps() <= SEGMENT_STEPS as u32;
            if fits(&pair[0]) && fits(&pair[1]) && pair[0].metre == pair[1].metre {
                windows.push(Window { piece: index, role, bars: [pair[0], pair[1]] });
            }
        }
    }
    windows
}

/// How many windows a role has in a split.
pub fn count(corpus: &Corpus, split: Split, role: Role) -> usize {
    candidates(corpus, split, role).len()
}

/// How many windows each corpus has of a role in the train split: the mixture in which all splits are drawn, so that their
/// differences are those of the music and not of how many works of a kind fell into a split.
pub fn mixture(corpus: &Corpus, role: Role) -> BTreeMap<&str, usize> {
    let mut shares = BTreeMap::new();
    for window in candidates(corpus, Split::Train, role) {
        *shares.entry(corpus.pieces[window.piece].corpus.as_str()).or_default() += 1;
    }
    shares
}

/// About `count` windows of a role in the mixture of the train split. A corpus that has too few in this split gives each of them
/// several times; one that has none is missing. Any beginning of the list has about the same mixture.
pub fn draw(
    corpus: &Corpus,
    split: Split,
    role: Role,
    mixture: &BTreeMap<&str, usize>,
    count: usize,
    chance: Chance,
) -> Vec<Window> {
    let mut kinds: BTreeMap<&str, Vec<(u64, Window)>> = BTreeMap::new();
    for window in candidates(corpus, split, role) {
        let bits = chance.bits(Purpose::Train, name(corpus, &window), window.bars[0].first.0);
        kinds.entry(corpus.pieces[window.piece].corpus.as_str()).or_default().push((bits, window));
    }
    // Without train windows of any of these corpora, each counts by its own size.
    let known: usize = kinds.keys().filter_map(|kind| mixture.get(kind)).sum();
    let share = |kind: &str, own: usize| if known > 0 { mixture.get(kind).copied().unwrap_or(0) } else { own };
    let total = kinds.iter().map(|(kind, own)| share(kind, own.len())).sum::<usize>().max(1);
    let mut drawn: Vec<(u64, Window)> = Vec::with_capacity(count + kinds.len());
    for (kind, mut own) in kinds {
        own.sort_by_key(|d| d.0);
        let wanted = (share(kind, own.len()) * count).div_ceil(total);
        let turn = |n: usize| {
            let (bits, window) = own[n % own.len()];
            (Chance::new(bits).bits(Purpose::Train, (n / own.len()) as u64, 0), window)
        };
        drawn.extend((0..wanted).map(turn));
    }
    drawn.sort_by_key(|d| d.0);
    drawn.truncate(count);
    drawn.into_iter().map(|d| d.1).collect()
}

fn name(corpus: &Corpus, window: &Window) -> u64 {
    let piece = &corpus.pieces[window.piece];
    Chance::name(&format!("{}/{}/{}", piece.corpus, piece.name, window.role.name()))
}

/// A number that changes with any window of a list: 16 hexadecimal digits.
pub fn fingerprint<'a>(corpus: &Corpus, windows: impl Iterator<Item = &'a Window>) -> String {
    let line = |w: &Window| format!("{:016x} {};", name(corpus, w), w.bars[0].first.0);
    format!("{:016x}", Chance::name(&windows.map(line).collect::<String>()))
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::corpus::Piece;
    use crate::train::gan_data::test::piece;

    fn corpus() -> Corpus {
        let lead: Vec<_> = (0..12).map(|i| (i * 8, Role::Lead, 60 + (i * 5 % 7) as u8, 9)).collect();
        let chords = (0..6).flat_map(|i| [(i * 16, Role::Chords, 48, 20), (i * 16 + 3, Role::Chords, 55, 4)]);
        let notes: Vec<_> = lead.into_iter().chain(chords).collect();
        let train = Piece { split: Split::Train, ..piece("b", "4/4", 4, &notes[..8]) };
        Corpus {
            pieces: vec![piece("a", "4/4", 6, &notes), train, piece("long", "5/4", 6, &notes)],
            ..Corpus::default()
        }
    }

    #[test]
    fn the_second_scene_after_what_was_played_is_the_real_one() {
        let corpus = corpus();
        for role in [Role::Chords, Role::Lead] {
            for window in candidates(&corpus, Split::Valid, role) {
                let case = Case::new(&corpus, window);
                assert_eq!(case.second(&corpus, &case.real.bars[0]), case.scene(&corpus, 1), "{window:?}");
                let silent = case.second(&corpus, &BarNotes::silent(16));
                assert!(silent.before.notes.is_empty() && silent.sounding.is_empty());
                assert_eq!(silent.around[Role::Lead.index()] == 0, role == Role::Lead);
            }
        }
    }

    #[test]
    fn windows_are_pairs_of_short_bars_and_drawn_the_same_each_time() {
        let corpus = corpus();
        let mixture = mixture(&corpus, Role::Lead);
        let all = draw(&corpus, Split::Valid, Role::Lead, &mixture, 20, Chance::new(1));
        let distinct: std::collections::BTreeSet<u64> = all.iter().map(|w| w.bars[0].first.0).collect();
        assert_eq!((all.len(), distinct.len()), (20, 5), "each of five in turn, none of the long bars");
        assert_eq!(all, draw(&corpus, Split::Valid, Role::Lead, &mixture, 20, Chance::new(1)));
        assert_ne!(fingerprint(&corpus, all.iter()), fingerprint(&corpus, all[..4].iter()));
        assert!(draw(&corpus, Split::Valid, Role::Drums, &mixture, 9, Chance::new(1)).is_empty());
    }
}
