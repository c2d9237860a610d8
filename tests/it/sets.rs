//! The sets that teach, played by the conductor and the player core without a model: the euclidean engine stands in.

use ricercar::conductor::opener;
use ricercar::conductor::render::{journal_of, render};
use ricercar::engine::Models;
use ricercar::output::OutEvent;
use ricercar::script::{SETS, ScriptHost};
use std::collections::BTreeSet;

#[test]
fn every_part_of_every_set_is_heard_within_twelve_bars() {
    for set in SETS {
        let journal = journal_of(set.name, set.text, 1);
        let played = render(&journal, opener(Models::default()), &mut ScriptHost::new(), 12, |_| true)
            .unwrap_or_else(|fault| panic!("{}: {fault:?}", set.name));
        let slots: BTreeSet<u8> = played
            .score
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                OutEvent::NoteOn { channel, .. } => Some(*channel),
                _ => None,
            })
            .collect();
        let routes = played.score.routes.iter().filter(|(_, slot, _)| slots.contains(slot));
        let heard: BTreeSet<&str> = routes.map(|(_, _, route)| &*route.part).collect();
        let named: BTreeSet<&str> =
            set.text.split("part(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let silent: Vec<_> = named.difference(&heard).collect();
        assert!(silent.is_empty(), "{}: {silent:?} are never heard", set.name);
    }
}
