//! What scripts may call, as tables: help, completion, the reference and the tests read the same rows.

mod args;
mod chance;
mod controls;
mod harmony;
mod latent;
mod parts;
mod signals;
mod structure;
mod transport;

pub(super) use parts::Part;

use rhai::Engine;

/// One function of the script language.
#[derive(Clone, Copy)]
pub struct Function {
    /// The word.
    pub name: &'static str,
    /// How it is written.
    pub signature: &'static str,
    /// Unit of its numbers; empty when they have none.
    pub unit: &'static str,
    /// What is allowed.
    pub range: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Lines that work as they stand in a set with parts `drums`, `bass`, `keys` and `lead`.
    pub example: &'static str,
    register: fn(&mut Engine),
}

/// Functions that belong together.
#[derive(Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its functions.
    pub functions: &'static [Function],
}

/// Every function, by family. Controls have rows of their own in `steer::CONTROLS`.
pub const FAMILIES: &[Family] = &[
    Family { name: "transport", doc: "Time, and what holds for the whole set.", functions: transport::FUNCTIONS },
    Family { name: "harmony", doc: "The key and the chords that the models hear.", functions: harmony::FUNCTIONS },
    Family { name: "parts", doc: "The lines of the band.", functions: parts::FUNCTIONS },
    Family { name: "signals", doc: "Numbers that move in musical time.", functions: signals::FUNCTIONS },
    Family {
        name: "latent",
        doc: "Where a generator plays: the latent space as an instrument.",
        functions: latent::FUNCTIONS,
    },
    Family { name: "structure", doc: "What happens when.", functions: structure::FUNCTIONS },
    Family { name: "chance", doc: "Random choices that come out the same each time.", functions: chance::FUNCTIONS },
];

/// Every function of every family.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|f| f.functions)
}

/// Teaches an engine all functions and controls.
pub(super) fn register(engine: &mut Engine) {
    for function in functions() {
        (function.register)(engine);
    }
    controls::register(engine);
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::script::ScriptHost;
    use crate::steer::{CONTROLS, Program};
    use std::collections::BTreeSet;

    const BAND: &str = "let drums = part(\"drums\"); let bass = part(\"bass\"); let keys = part(\"keys\").role(\"chords\"); \
                        let lead = part(\"lead\");\n";

    /// Edits, jobs and sections of a set.
    fn asked(host: &ScriptHost, text: &str) -> usize {
        let set = host.load("example", text).unwrap_or_else(|fault| panic!("{text}\n{fault:?}"));
        set.edits().len() + set.jobs().len() + set.sections().len()
    }

    #[test]
    fn every_example_of_the_tables_compiles_runs_and_asks_for_something() {
        let host = ScriptHost::new();
        let none = asked(&host, BAND);
        let examples = functions().map(|f| (f.name, f.example)).chain(CONTROLS.iter().map(|c| (c.name, c.example)));
        for (name, example) in examples {
            assert!(example.contains(name), "the example of {name} does not use it");
            assert!(asked(&host, &format!("{BAND}{example}")) > none, "{name}: {example}");
        }
    }

    #[test]
    fn names_are_unique_and_rows_are_complete() {
        let mut names = BTreeSet::new();
        for name in functions().map(|f| f.name).chain(CONTROLS.iter().map(|c| c.name)) {
            assert!(names.insert(name), "{name} stands in the tables twice");
        }
        for f in functions() {
            assert!(!f.doc.is_empty() && f.doc.ends_with('.') && f.signature.contains(f.name), "{}", f.name);
        }
    }

    #[test]
    fn whole_and_broken_numbers_work_everywhere() {
        let host = ScriptHost::new();
        for control in CONTROLS {
            let target = if control.scope == crate::steer::Scope::Part { "lead." } else { "" };
            for number in ["1", "1.0", "sine(0, 1)", "sine(0.0, 1) * 2 + 1.5", "()"] {
                let none = asked(&host, BAND);
                assert!(asked(&host, &format!("{BAND}{target}{}({number});", control.name)) > none, "{}", control.name);
            }
        }
    }

    #[test]
    fn every_path_is_taken_by_both_halves_with_whole_and_broken_numbers() {
        use crate::steer::{Edit, Half};
        let host = ScriptHost::new();
        let paths = ["point(\"a\")", "walk(1)", "walk(0.5)", "morph(\"a\", \"b\", 8)", "morph(\"b\", 2.5)"];
        let more = ["orbit(\"a\", 8)", "orbit(\"a\", \"b\", 8.0).by_bar()", "drawn()", "here()", "()"];
        for (name, half) in [("latent", None), ("latent_global", Some(Half::Global)), ("latent_bar", Some(Half::Bar))] {
            for path in paths.iter().chain(&more) {
                for text in [format!("lead.{name} = {path};"), format!("lead.{name}({path});")] {
                    let set =
                        host.load("example", &format!("{BAND}{text}")).unwrap_or_else(|f| panic!("{text}: {f:?}"));
                    let last = set.edits().last().cloned();
                    assert!(matches!(&last, Some(Edit::Latent { half: h, .. }) if *h == half), "{text}: {last:?}");
                }
            }
        }
    }
}
