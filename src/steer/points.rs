//! Points of the latent space by name.

use crate::limits::POINTS_MAX;
use crate::music::Latent;
use std::sync::Arc;

/// Places that were stored under a name, in the order in which they were stored first. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points(Arc<Vec<(Arc<str>, Latent)>>);

impl Points {
    /// The place of a name: the stored one, else the one that every set gives to the word.
    pub fn get(&self, name: &str) -> Latent {
        self.iter().find(|p| **p.0 == *name).map_or_else(|| Latent::named(name), |p| *p.1)
    }

    /// Stores a place, in the stead of one of the same name; false when there is no room for another.
    pub fn store(&mut self, name: &Arc<str>, place: Latent) -> bool {
        let at = self.0.iter().position(|p| p.0 == *name);
        if at.is_none() && self.0.len() >= POINTS_MAX {
            return false;
        }
        let points = Arc::make_mut(&mut self.0);
        match at {
            Some(at) => points[at].1 = place,
            None => points.push((name.clone(), place)),
        }
        true
    }

    /// All that were stored.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Latent)> {
        self.0.iter().map(|(name, place)| (name, place))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_stored_point_is_found_and_any_other_word_has_its_place() {
        let mut points = Points::default();
        assert!(points.store(&"a".into(), Latent::default()));
        assert_eq!(points.get("a"), Latent::default());
        assert_eq!(points.get("b"), Latent::named("b"));
        assert!(points.store(&"a".into(), Latent::named("c")) && points.iter().count() == 1);
        assert!((1..POINTS_MAX).all(|i| points.store(&i.to_string().into(), Latent::default())));
        assert!(!points.store(&"more".into(), Latent::default()) && points.store(&"a".into(), Latent::default()));
    }
}
