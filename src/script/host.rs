//! The host: one rhai engine with our functions and nothing that reaches outside, and the loading of sets.

use super::desk::{self, At, Desk, Fallible, Known, States, fail};
use super::set::Set;
use super::{api, deadline, fault};
use crate::limits::{SCRIPT_BYTES, SCRIPT_DEADLINE_MS};
use crate::steer::{Call, Every, Program, ProgramLoader, ScriptFault};
use crate::time::{BarMap, StepIndex};
use rhai::module_resolvers::DummyModuleResolver;
use rhai::{AST, Dynamic, Engine};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Operations in one run: some milliseconds. The first net against endless loops, the same on every machine.
pub(super) const OPERATIONS_MAX: u64 = 200_000;
/// Functions that call functions.
pub(super) const CALL_DEPTH_MAX: usize = 12;
/// Bars over which a new set is tried out.
const DRY_RUN_BARS: u64 = 4;

/// States of a set that may be gone.
type WeakStates = Weak<Mutex<BTreeMap<String, Dynamic>>>;

/// Compiles sets. Keep one: it hands on the values that scripts declare with `state`.
pub struct ScriptHost {
    engine: Arc<Engine>,
    /// The values of the sets that were loaded, as long as those live, in the order of loading.
    alive: Mutex<Vec<WeakStates>>,
}

impl Default for ScriptHost {
    fn default() -> ScriptHost {
        ScriptHost::new()
    }
}

impl ScriptHost {
    /// A host with no states.
    pub fn new() -> ScriptHost {
        ScriptHost { engine: Arc::new(engine()), alive: Mutex::default() }
    }

    /// Compiles a text, runs its top level, tries its closures over some bars on a copy of the states, and gives the
    /// set with its closures unused. `name` is for messages.
    ///
    /// # Errors
    /// What is wrong and where; nothing has changed then.
    pub fn load(&self, name: &str, text: &str) -> Result<Set, ScriptFault> {
        if text.len() > SCRIPT_BYTES {
            let text = format!("{name} has {} bytes, and a set has at most {SCRIPT_BYTES}", text.len());
            return Err(ScriptFault { line: 0, column: 0, text });
        }
        let ast = catch_unwind(AssertUnwindSafe(|| self.engine.compile(text)))
            .map_err(|_| fault::panicked("compiling the set"))?
            .map_err(|error| fault::of_parse(&error, text))?;
        let (ast, text): (Arc<AST>, Arc<str>) = (Arc::new(ast), Arc::from(text));
        let carried = self.carried();
        dry_run(&mut self.run(name, &text, &ast, Arc::new(Mutex::new(carried.clone())))?)?;
        let states = Arc::new(Mutex::new(carried));
        let set = self.run(name, &text, &ast, states.clone())?;
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.retain(|states| states.strong_count() > 0);
        alive.push(Arc::downgrade(&states));
        Ok(set)
    }

    /// A copy of the values of the newest set that still lives. A set that was only tried out is gone by then.
    fn carried(&self) -> BTreeMap<String, Dynamic> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = alive.iter().rev().find_map(Weak::upgrade);
        newest.map(|states| states.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Runs the top level.
    fn run(&self, name: &str, text: &Arc<str>, ast: &Arc<AST>, states: States) -> Result<Set, ScriptFault> {
        let desk = Desk::new(At::Top, Known::default(), states);
        let (result, desk) = desk::lay_out(desk, || {
            let _guard = deadline::start(SCRIPT_DEADLINE_MS);
            catch_unwind(AssertUnwindSafe(|| self.engine.run_ast(ast)))
        });
        match (result, desk) {
            (Ok(Ok(())), Some(desk)) => Set::new(name, text.clone(), self.engine.clone(), ast.clone(), desk),
            (Ok(Err(error)), _) => Err(fault::of_run(&error, text)),
            _ => Err(fault::panicked("running the set")),
        }
    }
}

impl ProgramLoader for ScriptHost {
    fn load(&mut self, name: &str, text: &str) -> Result<Box<dyn Program>, ScriptFault> {
        Ok(Box::new(ScriptHost::load(self, name, text)?))
    }
}

/// Calls every closure as the coming bars would, once for each section too.
fn dry_run(set: &mut Set) -> Result<(), ScriptFault> {
    let _guard = deadline::start(SCRIPT_DEADLINE_MS);
    let bars = BarMap::default();
    for section in 0..set.sections().len() {
        set.call(Call::Section(section), &bars.place(StepIndex(0)))?;
    }
    let jobs = set.jobs().to_vec();
    for step in 0..DRY_RUN_BARS * 16 {
        let place = bars.place(StepIndex(step));
        for (index, job) in jobs.iter().enumerate() {
            let is_due = match job.every {
                Every::Steps(n) => step.is_multiple_of(u64::from(n)),
                Every::Beats(n) => step.is_multiple_of(u64::from(n) * 4),
                Every::Bars(n) => place.is_bar_line() && place.bar.is_multiple_of(u64::from(n)),
            };
            if is_due {
                set.call(Call::Job(index), &place)?;
            }
        }
    }
    Ok(())
}

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_module_resolver(DummyModuleResolver::new());
    engine.set_max_modules(0);
    for word in ["eval", "import", "export"] {
        engine.disable_symbol(word);
    }
    engine
        .set_max_call_levels(CALL_DEPTH_MAX)
        .set_max_expr_depths(40, 20)
        .set_max_operations(OPERATIONS_MAX)
        .set_max_string_size(16 * 1024)
        .set_max_array_size(4096)
        .set_max_map_size(1024)
        .set_max_variables(256)
        .set_max_functions(512)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true);
    engine.on_progress(|operations| (operations % 64 == 0 && deadline::is_over()).then(|| "out of time".into()));
    // The built-in ones stop the thread, and read a clock that is not the music's.
    engine.register_fn("sleep", |_: i64| -> Fallible<()> { Err(fail(NO_SLEEP)) });
    engine.register_fn("sleep", |_: f64| -> Fallible<()> { Err(fail(NO_SLEEP)) });
    engine.register_fn("timestamp", || -> Fallible<()> { Err(fail(NO_CLOCK)) });
    engine.on_print(|text| drop(desk::with(|desk| desk.say(text))));
    engine.on_debug(|text, _, at| drop(desk::with(|desk| desk.say(&format!("line {}: {text}", desk::line(at))))));
    engine.register_type_with_name::<crate::steer::Signal>("signal");
    api::register(&mut engine);
    engine
}

const NO_SLEEP: &str = "a set never sleeps: write every(4).bars(|| ...) for what happens later";
const NO_CLOCK: &str = "a set has no clock but the music's: use bar() and step()";

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Role, StyleBlend};
    use crate::steer::{Control, Edit, OutSpec, Signal};

    fn load(text: &str) -> Set {
        ScriptHost::new().load("test", text).unwrap_or_else(|fault| panic!("{fault:?}\n{text}"))
    }

    fn call(set: &mut Set, call: Call, step: u64) -> Vec<Edit> {
        set.call(call, &BarMap::default().place(StepIndex(step))).unwrap()
    }

    /// The sketch of the design.
    const SKETCH: &str = r##"
tempo(112); key("D dorian"); chords("Dm7 G7 Cmaj7 Am7");
let lead = part("lead").role("lead").style(#{ ragtime: 0.7, chorale: 0.3 }).out("synth:pluck");
lead.temperature = sine(0.7, 1.2).bars(8);
let bass = part("bass").role("bass").out("midi:2");
let drums = part("drums").role("drums").style("funk");
section("intro", 8, || { drums.mute(); lead.density = 0.2; });
section("lift", 16, || { drums.unmute(); lead.temperature = 1.1; });
form("intro lift lift");
every(4).bars(|| lead.hold(2));
"##;

    #[test]
    fn the_sketch_becomes_edits_sections_and_jobs() {
        let mut set = load(SKETCH);
        assert!(
            matches!(&set.edits()[0], Edit::Set { control: Control::Tempo, value: Some(Signal::Constant(v)), .. } if *v == 112.0)
        );
        assert!(set.edits().contains(&Edit::Part { name: "drums".into(), role: Role::Drums }));
        assert!(
            set.edits().contains(&Edit::Out { part: "bass".into(), out: OutSpec::Midi { port: None, channel: 1 } })
        );
        let blend = StyleBlend::new(&[("chorale", 0.3), ("ragtime", 0.7)]).into();
        assert!(set.edits().contains(&Edit::Style { part: Some("lead".into()), blend }));
        assert_eq!(set.form(), [0, 1, 1]);
        assert_eq!((set.jobs()[0].every, set.jobs()[0].line), (Every::Bars(4), 10));
        assert_eq!(set.sections()[1].bars, 16);
        assert_eq!(call(&mut set, Call::Job(0), 64), [Edit::Hold { part: Some("lead".into()), bars: 2 }]);
        let intro = call(&mut set, Call::Section(0), 0);
        assert_eq!(intro[0], Edit::Mute { part: Some("drums".into()), on: true });
        assert_eq!(intro.len(), 2);
    }

    #[test]
    fn variables_of_closures_go_on_from_call_to_call() {
        let mut set = load("let lead = part(\"lead\"); let n = 0; every(1).bars(|| { n += 1; lead.low = 40 + n; });");
        let low = |edits: Vec<Edit>| match &edits[..] {
            [Edit::Set { value: Some(Signal::Constant(v)), .. }] => *v,
            other => panic!("{other:?}"),
        };
        let counts: Vec<f32> = [0, 16, 32].map(|step| low(call(&mut set, Call::Job(0), step))).into();
        assert_eq!(counts, [41.0, 42.0, 43.0]);
    }

    #[test]
    fn a_set_that_is_replaced_keeps_its_own_closures() {
        let host = ScriptHost::new();
        let mut first = host.load("a", "let a = part(\"a\"); fn f() { 3 } every(1).bars(|| a.low = f());").unwrap();
        let mut second = host.load("b", "let b = part(\"b\"); every(1).bars(|| b.mute());").unwrap();
        assert_eq!(call(&mut first, Call::Job(0), 0).len(), 1);
        assert_eq!(call(&mut second, Call::Job(0), 0), [Edit::Mute { part: Some("b".into()), on: true }]);
    }

    #[test]
    fn states_outlive_a_set_and_a_trial_does_not_touch_them() {
        let host = ScriptHost::new();
        let text = "let n = state(\"n\", 0); every(1).bars(|| { n.value += 1; tempo(100 + n.value); });";
        let tempo = |set: &mut Set, step| match &call(set, Call::Job(0), step)[..] {
            [Edit::Set { value: Some(Signal::Constant(v)), .. }] => *v,
            other => panic!("{other:?}"),
        };
        let mut set = host.load("a", text).unwrap();
        assert_eq!((tempo(&mut set, 0), tempo(&mut set, 16)), (101.0, 102.0));
        drop(host.load("a trial", text).map(|mut set| tempo(&mut set, 0)));
        let mut again = host.load("a", text).unwrap();
        assert_eq!(tempo(&mut again, 32), 103.0);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_another_for_another() {
        let text = |seed: u32| format!("seed({seed}); every(1).bars(|| tempo(rnd(60, 200)));");
        let run = |seed| call(&mut load(&text(seed)), Call::Job(0), 16);
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn a_metre_written_late_still_counts_for_the_chords() {
        let set = load("chords(\"C G\"); metre(\"3/4\");");
        assert!(set.edits().iter().any(|e| matches!(e, Edit::Chords(p) if p.length_steps() == 24)));
    }

    #[test]
    fn errors_are_sentences_with_the_place_of_the_cause() {
        let mut wrong = Vec::new();
        for (text, line, column, words) in [
            ("tempo(112;", 1, 10, "missing"),
            ("tempo(112", 1, 0, "ends in the middle"),
            ("let lead = part(\"lead\");\nevery(4).bars(|| { lead.mute() ", 2, 0, "ends in the middle"),
            ("lead = part(\"lead\");", 1, 1, "begins with let"),
            ("part('lead');", 1, 6, "double quotes"),
            ("# comment", 1, 1, "begins with //"),
            ("let a = part(\"a\"); a.tempo = 1;", 1, 22, "whole set: write tempo(112)"),
            ("let a = sine(0, 1) > 0.5;", 1, 0, "cannot be compared"),
            ("let a = 1;\ntempoo(112);", 2, 1, "there is no function 'tempoo'; did you mean 'tempo'?"),
            ("let lead = part(\"lead\");\nlead.temprature = 1;", 2, 6, "did you mean 'temperature'?"),
            ("let lead = part(\"lead\");\nled.mute();", 2, 1, "did you mean 'lead'?"),
            ("part(\"lead\").density = 1;", 1, 0, "let lead ="),
            ("let a = part(\"a\");\na.density = \"much\";", 2, 0, "density wants a number or a signal, not a text"),
            ("tempo(\"fast\");", 1, 1, "tempo wants a number or a signal, not a text"),
            ("let a = part(\"a\"); a.latent = 0.5;", 1, 0, "latent wants a path, as in point(\"a\")"),
            ("let a = part(\"a\"); a.latent = walk(0, 1);", 1, 0, "or morph(\"a\", \"b\", 8), not a signal"),
            ("let a = part(\"a\"); a.density = walk(1);", 1, 0, "not a path of the latent space"),
            ("let a = part(\"a\"); a.latent = walk(99);", 1, 0, "0 to 16 points a bar, not 99"),
            ("let a = part(\"a\"); a.latent = morph(\"x\", \"y\", 0);", 1, 0, "above 0 and up to 4096 bars, not 0"),
            ("let a = part(\"a\"); a.latent = orbit(\"x y\", 8);", 1, 0, "without spaces"),
            ("let a = part(\"a\"); let b = a.latent;", 1, 0, "can only be set"),
            ("let a = part(\"a\"); a.latnt = 1;", 1, 0, "did you mean 'latent'?"),
            ("band().store(\"x\");", 1, 0, "for one part"),
            ("let a = part(\"a\"); a.reroll_latent(\"all\");", 1, 0, "\"global\" or \"bar\""),
            ("tempo(1, 2);", 1, 1, "tempo is written tempo(112)"),
            ("fn f() {\n  key(\"Q\");\n}\nf();", 2, 3, "is no key"),
            ("every(4).bars(|| part(\"x\").hold(99));", 1, 0, "hold wants a whole number from 1 to 16, not 99"),
            ("every(4).bars(|x| x);", 1, 0, "without arguments"),
            ("every(4).bars(lead);", 1, 15, "there is no variable 'lead'"),
            ("every(1).bars(|| {\n\n  jump(\"x\"); });", 3, 3, "there is no section \"x\""),
            ("section(\"verse\", 8); form(\"verse verze\");", 1, 0, "did you mean 'verse'?"),
            ("key(\"D doria\");", 1, 1, "did you mean 'dorian'?"),
            ("chords(\"Dm7 H17\");", 1, 1, "'H17' is no chord"),
            ("part(\"p\").out(\"synt:x\");", 1, 0, "is no output"),
            ("part(\"p\").out(\"synth:pluk\");", 1, 0, "did you mean 'pluck'?"),
            ("part(\"p\").role(\"drum\");", 1, 0, "did you mean 'drums'?"),
            ("let go = 1;", 1, 5, "keeps that word"),
            ("let x = [1, 2]; x[7];", 1, 0, "a list of 2 has no [7]"),
            ("let x = 1 / 0;", 1, 0, "zero"),
            ("let x = part(\"a\") + 1;", 1, 0, "'+' does not work between a part and a number"),
            ("sleep(1);", 1, 1, "never sleeps"),
            ("timestamp();", 1, 1, "no clock"),
            ("eval(\"1\");", 1, 1, "eval"),
            ("import \"x\" as y;", 1, 1, "import"),
            ("every(1).bars(|| every(2).bars(|| 1));", 1, 0, "top level"),
        ] {
            let fault = ScriptHost::new().load("test", text).expect_err(text);
            let is_right = fault.text.contains(words)
                && fault.line == line
                && (column == 0 || fault.column == column)
                && !["i64", "ImmutableString", "anon$"].iter().any(|w| fault.text.contains(w));
            if !is_right {
                wrong.push(format!("{text}\n    {fault:?}\n    wanted {line}:{column} {words}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
