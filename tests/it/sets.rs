//! The sets that teach, played by the conductor and the player core without a model: the euclidean engine stands in.

use ricercar::conductor::opener;
use ricercar::conductor::render::{Rendered, journal_of, render};
use ricercar::engine::Models;
use ricercar::message::Severity;
use ricercar::script::{SETS, ScriptHost, Shipped};
use std::collections::BTreeSet;

fn played(set: &Shipped, bars: u64) -> Rendered {
    let journal = journal_of(set.name, set.text, 1);
    render(&journal, opener(Models::default()), &mut ScriptHost::new(), bars, |_| true)
        .unwrap_or_else(|fault| panic!("{}: {fault:?}", set.name))
}

#[test]
fn every_part_of_every_set_is_heard_and_comes_out_the_same_again() {
    for set in SETS {
        let first = played(set, 12);
        let heard: BTreeSet<String> = (0..first.score.voices.len())
            .filter(|voice| !first.notes(*voice).is_empty())
            .map(|voice| first.score.voices[voice].part.to_string())
            .collect();
        let named: BTreeSet<String> =
            set.text.split("part(\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_string).collect();
        let silent: Vec<_> = named.difference(&heard).collect();
        assert!(silent.is_empty(), "{}: {silent:?} are never heard", set.name);
        let complaints: Vec<_> =
            first.notices.iter().filter(|n| n.source == "script" && n.severity > Severity::Info).collect();
        assert!(complaints.is_empty(), "{}: {complaints:?}", set.name);
        let again = played(set, 12);
        let notes = |r: &Rendered| (0..r.score.voices.len()).map(|v| r.notes(v)).collect::<Vec<_>>();
        assert_eq!(notes(&first), notes(&again), "{}", set.name);
    }
}
