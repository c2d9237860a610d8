//! The sets that teach: files of `scripts/`, carried in the binary so that it plays without a file beside it.

/// A set that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// File name without its ending.
    pub name: &'static str,
    /// The whole text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../scripts/", $name, ".rhai")) }),*]
    };
}

/// Every shipped set; the first one plays when no other is given.
pub const SETS: &[Shipped] = shipped![
    "first", "chorale", "ragtime", "funk", "arcade", "drift", "pulse", "answer", "trio", "wires", "odd", "latent",
    "both",
];

impl Shipped {
    /// What it teaches: the first line of its comment, as `Name: idea`.
    pub fn idea(&self) -> &'static str {
        self.text.lines().next().unwrap_or("").trim_start_matches('/').trim()
    }
}

/// The shipped set with this name, with or without `.rhai`.
pub fn set_named(name: &str) -> Option<&'static Shipped> {
    SETS.iter().find(|set| set.name == name.trim_end_matches(".rhai"))
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::script::ScriptHost;
    use crate::steer::{Call, Edit, Every, OutSpec, Program};
    use crate::time::{BarMap, StepIndex};

    /// Plays the closures of a set over 32 bars as they fall due, and counts what they ask for.
    fn play(set: &mut crate::script::Set) -> usize {
        let mut bars = BarMap::default();
        let mut asked = 0;
        let metre = |bars: &mut BarMap, edits: &[Edit], step| {
            for edit in edits {
                if let Edit::Metre(metre) = edit {
                    bars.set(step, *metre);
                }
            }
        };
        metre(&mut bars, set.edits(), StepIndex(0));
        for section in 0..set.sections().len() {
            asked += set.call(Call::Section(section), &bars.place(StepIndex(0))).unwrap().len();
        }
        let mut step = StepIndex(0);
        while bars.place(step).bar < 32 {
            for (index, job) in set.jobs().to_vec().into_iter().enumerate() {
                let place = bars.place(step);
                let is_due = match job.every {
                    Every::Steps(n) => step.0.is_multiple_of(u64::from(n)),
                    Every::Beats(n) => place.is_beat() && u64::from(place.step_in_bar).is_multiple_of(u64::from(n)),
                    Every::Bars(n) => place.is_bar_line() && place.bar.is_multiple_of(u64::from(n)),
                };
                if is_due {
                    let edits = set.call(Call::Job(index), &place).unwrap_or_else(|f| panic!("{}: {f:?}", set.name()));
                    asked += edits.len();
                    metre(&mut bars, &edits, step);
                }
            }
            step = step.after(1);
        }
        asked
    }

    #[test]
    fn every_set_loads_and_plays_thirty_two_bars_without_a_fault_or_a_complaint() {
        let host = ScriptHost::new();
        for shipped in SETS {
            let mut set = host.load(shipped.name, shipped.text).unwrap_or_else(|f| panic!("{}: {f:?}", shipped.name));
            let count = |edit: fn(&Edit) -> bool| set.edits().iter().filter(|e| edit(e)).count();
            assert!(count(|e| matches!(e, Edit::Part { .. })) >= 3, "{}", shipped.name);
            let outs = count(|e| matches!(e, Edit::Out { out, .. } if *out != OutSpec::Nowhere));
            assert!(outs >= 3, "{}: every part goes somewhere", shipped.name);
            assert_eq!(count(|e| matches!(e, Edit::Say(_))), 0, "{}: {:?}", shipped.name, set.edits());
            assert!(count(|e| matches!(e, Edit::Chords(_))) + set.sections().len() > 0, "{}", shipped.name);
            let asked = play(&mut set);
            assert!(asked > 0 || set.jobs().is_empty(), "{}", shipped.name);
        }
    }

    #[test]
    fn every_file_of_the_folder_is_shipped_and_explains_itself() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let mut names: Vec<&str> = SETS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
        for set in SETS {
            assert!(set.idea().to_lowercase().starts_with(&format!("{}: ", set.name)), "{}", set.idea());
            assert!(set.text.lines().take_while(|l| l.starts_with("//")).count() >= 4, "{}", set.name);
        }
        assert_eq!(set_named("funk.rhai").map(|s| s.name), Some("funk"));
    }
}
