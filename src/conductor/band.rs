//! The band: one engine for each part, opened by name, saved and restored beside the steps of the plan.

use super::plan::EngineSlot;
use crate::engine::gan::EarOpener;
use crate::engine::{Ask, Engine, EngineError, EngineState, Heard, Models};
use crate::music::{StepNote, StepNotes};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Makes an engine of this name.
type OpenEngine = Arc<dyn Fn(&str) -> Result<Box<dyn Engine>, EngineError> + Send + Sync>;

/// Opens engines by their names, and an ear where there is one.
#[derive(Clone)]
pub struct Opener {
    engine: OpenEngine,
    ear: Option<EarOpener>,
}

impl Opener {
    /// Opens engines by `engine`, and no ear.
    pub fn new(engine: impl Fn(&str) -> Result<Box<dyn Engine>, EngineError> + Send + Sync + 'static) -> Opener {
        Opener { engine: Arc::new(engine), ear: None }
    }
    /// The same with an ear.
    pub fn with_ear(self, ear: Option<EarOpener>) -> Opener {
        Opener { ear, ..self }
    }
    /// How the ear is opened.
    pub fn ear(&self) -> Option<EarOpener> {
        self.ear.clone()
    }
}

/// Opens the engines of `engine::ENGINES`, and the ear of the models.
pub fn opener(models: Models) -> Opener {
    let ear = models.ear.clone();
    let engines = Opener::new(move |name| crate::engine::open(name, &models));
    engines.with_ear(ear)
}

struct Seat {
    id: u64,
    name: Arc<str>,
    engine: Box<dyn Engine>,
    /// False when the engine's state belongs to no planned step: it is reset before it is used again.
    is_live: bool,
}

/// The engines of all parts.
pub struct Band {
    open: Opener,
    seats: Vec<Seat>,
    /// Names that could not be opened, and why: tried once.
    broken: Vec<(Arc<str>, EngineError)>,
    /// Memory of states that are no longer needed.
    pool: Vec<EngineState>,
}

impl Band {
    /// An empty band.
    pub fn new(open: Opener) -> Band {
        Band { open, seats: Vec::new(), broken: Vec::new(), pool: Vec::new() }
    }

    /// How its engines are opened.
    pub fn opener(&self) -> Opener {
        self.open.clone()
    }

    /// Makes sure that the part has this engine, ready to go on (or fresh, when it did not play before).
    ///
    /// # Errors
    /// When the engine cannot be opened.
    pub fn seat(&mut self, id: u64, name: &Arc<str>) -> Result<(), EngineError> {
        if let Some(at) = self.position(id, name) {
            let seat = &mut self.seats[at];
            if !seat.is_live {
                seat.engine.reset();
                seat.is_live = true;
            }
            return Ok(());
        }
        let engine = self.open(name)?;
        self.seats.push(Seat { id, name: name.clone(), engine, is_live: true });
        Ok(())
    }

    fn open(&mut self, name: &Arc<str>) -> Result<Box<dyn Engine>, EngineError> {
        if let Some((_, why)) = self.broken.iter().find(|b| b.0 == *name) {
            return Err(why.clone());
        }
        let open = &self.open.engine;
        let opened = catch_unwind(AssertUnwindSafe(|| open(name)))
            .unwrap_or_else(|_| Err(EngineError::Other(format!("engine '{name}' broke down when it was opened"))));
        opened.inspect_err(|why| self.broken.push((name.clone(), why.clone())))
    }

    /// Whether an engine of this name can be opened.
    ///
    /// # Errors
    /// Why not.
    pub fn can_open(&mut self, name: &Arc<str>) -> Result<(), EngineError> {
        if self.seats.iter().any(|s| s.name == *name) {
            return Ok(());
        }
        self.open(name).map(|_| ())
    }

    fn position(&self, id: u64, name: &str) -> Option<usize> {
        self.seats.iter().position(|s| s.id == id && &*s.name == name)
    }

    /// Lets the seats go that no part of the band uses: they begin anew if they come back.
    pub fn keep_only(&mut self, wanted: impl Fn(u64, &str) -> bool) {
        for seat in &mut self.seats {
            seat.is_live &= wanted(seat.id, &seat.name);
        }
        // Idle engines are kept for rewinds, but not without bound.
        let mut idle = self.seats.iter().filter(|s| !s.is_live).count();
        self.seats.retain(|s| {
            let drop = !s.is_live && idle > crate::limits::PARTS_MAX;
            idle -= usize::from(drop);
            !drop
        });
    }

    /// Copies the state of every engine that plays.
    pub fn save(&mut self) -> Vec<EngineSlot> {
        let pool = &mut self.pool;
        let live = self.seats.iter().filter(|s| s.is_live);
        live.map(|s| {
            let mut state = pool.pop().unwrap_or_default();
            s.engine.save(&mut state);
            EngineSlot { id: s.id, engine: s.name.clone(), state }
        })
        .collect()
    }

    /// Takes back states that nobody needs any more, for their memory.
    pub fn recycle(&mut self, slots: Vec<EngineSlot>) {
        if self.pool.len() < 1024 {
            self.pool.extend(slots.into_iter().map(|s| s.state));
        }
    }

    /// Goes on from saved states; engines that are not among them begin anew when they are next used.
    pub fn restore(&mut self, slots: &[EngineSlot]) {
        self.seats.iter_mut().for_each(|s| s.is_live = false);
        for slot in slots {
            if self.seat(slot.id, &slot.engine).is_ok()
                && let Some(at) = self.position(slot.id, &slot.engine)
            {
                self.seats[at].engine.restore(&slot.state);
            }
        }
    }

    /// Lets an engine make a step; a panic is an error like any other, after which a fresh instance goes on from the
    /// state before the step.
    ///
    /// # Errors
    /// When it made no sound notes; `out` is then empty.
    pub fn play(
        &mut self,
        id: u64,
        name: &Arc<str>,
        ask: &Ask,
        heard: &Heard,
        out: &mut StepNotes,
    ) -> Result<(), EngineError> {
        out.clear();
        self.guarded(id, name, |engine| engine.next_step(ask, heard, out))?;
        for note in out.as_mut_slice() {
            let fair = StepNote::new(note.pitch, note.velocity, note.duration_steps);
            *note = StepNote { offset_ticks: note.offset_ticks.clamp(-120, 120), ..fair };
        }
        Ok(())
    }

    /// Lets an engine follow a step that somebody else decided.
    ///
    /// # Errors
    /// As for [`Band::play`].
    pub fn follow(&mut self, id: u64, name: &Arc<str>, ask: &Ask, heard: &Heard) -> Result<(), EngineError> {
        self.guarded(id, name, |engine| engine.follow(ask, heard))
    }

    fn guarded(
        &mut self,
        id: u64,
        name: &Arc<str>,
        run: impl FnOnce(&mut dyn Engine) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.seat(id, name)?;
        let Some(at) = self.position(id, name) else {
            return Err(EngineError::Other(format!("engine '{name}' has no seat")));
        };
        let mut before = self.pool.pop().unwrap_or_default();
        self.seats[at].engine.save(&mut before);
        let engine = &mut self.seats[at].engine;
        let result = match catch_unwind(AssertUnwindSafe(|| run(engine.as_mut()))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => {
                self.seats[at].engine.restore(&before);
                Err(why)
            }
            Err(_) => {
                // What a panic left behind cannot be trusted.
                self.seats.swap_remove(at);
                self.seat(id, name)?;
                if let Some(at) = self.position(id, name) {
                    self.seats[at].engine.restore(&before);
                }
                Err(EngineError::Other(format!("engine '{name}' broke down in the middle of a step")))
            }
        };
        self.pool.push(before);
        result
    }

    /// Sentences of the engines for the performer.
    pub fn notices(&mut self) -> Vec<String> {
        self.seats.iter_mut().filter_map(|s| s.engine.notice()).collect()
    }
}
