//! The library: model files that parts play beside the model of the performance, each loaded once and shared.
//!
//! A part names one as `engine("lstm:FILE")`, or `lstm:FILE#HASH` with the hash of its bytes: then another file of the same name
//! is refused, so that a replay plays what was played or says why it cannot.

use super::models;
use crate::corpus::fnv;
use crate::engine::lstm::{self, Packed, file};
use crate::engine::{EngineError, OF_FILE, OpenFile};
use crate::limits::MODELS_MAX;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Hexadecimal digits of a hash in a name.
const HASH_DIGITS: usize = 16;

/// Models by the hash of their file, newest last.
#[derive(Default)]
pub struct Library(Mutex<Vec<(u64, Arc<Packed>)>>);

impl Library {
    /// How engines reach it.
    pub fn opener(self: &Arc<Library>) -> OpenFile {
        let library = self.clone();
        Arc::new(move |name| library.open(name))
    }

    /// The model of a name `FILE` or `FILE#HASH`; read from the file unless one of this hash is loaded.
    ///
    /// # Errors
    /// A sentence: the file cannot be read, is no model, or is another one.
    pub fn open(&self, name: &str) -> Result<Arc<Packed>, EngineError> {
        let (path, hash) = split(name);
        if let Some(known) = hash.and_then(|hash| self.get(hash)) {
            return Ok(known);
        }
        let bytes = match models::built_in(Path::new(path)) {
            Some(model) => model.bytes.to_vec(),
            None => file::read_bounded(Path::new(path)).map_err(|e| EngineError::Model(e.to_string()))?,
        };
        let found = fnv(&bytes);
        if let Some(hash) = hash.filter(|hash| *hash != found) {
            return Err(EngineError::Model(format!(
                "the model {path} is not the one that was played: its hash is {found:016x}, and {hash:016x} is wanted"
            )));
        }
        self.take(&bytes).map_err(|e| EngineError::Model(format!("{path}: {e}")))
    }

    /// Takes the newest weights of a run in, keeps a copy of their file beside them under their hash, and gives the name of
    /// the engine that plays them.
    ///
    /// # Errors
    /// A sentence: there are no weights yet, they cannot be played or kept.
    pub fn take_in(&self, run: &Path) -> Result<String, String> {
        let path = run.join("model.safetensors");
        let bytes = file::read_bounded(&path).map_err(|e| format!("there are no weights to play yet: {e}"))?;
        self.take(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        let hash = fnv(&bytes);
        // The run writes over its model: the copy is what a replay of this performance will find.
        let kept = run.join(format!("played-{hash:016x}.safetensors"));
        let kept = std::path::absolute(&kept).unwrap_or(kept);
        if !kept.exists() {
            file::write_whole(&kept, &bytes)
                .map_err(|e| format!("the weights cannot be kept for a replay in {}: {e}", kept.display()))?;
        }
        Ok(format!("{OF_FILE}{}#{hash:016x}", kept.display()))
    }

    fn get(&self, hash: u64) -> Option<Arc<Packed>> {
        let loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.iter().find(|m| m.0 == hash).map(|m| m.1.clone())
    }

    fn take(&self, bytes: &[u8]) -> Result<Arc<Packed>, EngineError> {
        let hash = fnv(bytes);
        if let Some(known) = self.get(hash) {
            return Ok(known);
        }
        let packed = lstm::open(bytes)?;
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.push((hash, packed.clone()));
        let surplus = loaded.len().saturating_sub(MODELS_MAX);
        loaded.drain(..surplus);
        Ok(packed)
    }
}

/// Path and hash of a name.
fn split(name: &str) -> (&str, Option<u64>) {
    let hashed = name.rsplit_once('#').filter(|(_, hash)| hash.len() == HASH_DIGITS);
    match hashed.and_then(|(path, hash)| Some((path, u64::from_str_radix(hash, 16).ok()?))) {
        Some((path, hash)) => (path, Some(hash)),
        None => (name, None),
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::engine::lstm::{Precision, random};

    #[test]
    fn weights_are_kept_by_their_hash_and_others_are_refused() {
        let run = std::env::temp_dir().join(format!("ricercar-library-{}", std::process::id()));
        std::fs::create_dir_all(&run).unwrap();
        let library = Arc::new(Library::default());
        assert!(library.take_in(&run).unwrap_err().contains("no weights to play yet"));
        let model = run.join("model.safetensors");
        let put = |seed| random::random(16, 1, seed).unwrap().save(&model, Precision::F16).unwrap();
        put(1);
        let first = library.take_in(&run).unwrap();
        put(2);
        let second = library.take_in(&run).unwrap();
        assert_ne!(first, second);
        let open = library.opener();
        let name = |engine: &str| engine.strip_prefix(OF_FILE).unwrap().to_string();
        assert!(Arc::ptr_eq(&open(&name(&first)).unwrap(), &library.open(&name(&first)).unwrap()));
        // Another program finds both by their names, and a file that changed is not taken for what it was.
        let fresh = Library::default();
        assert!(fresh.open(&name(&first)).is_ok() && fresh.open(&model.display().to_string()).is_ok());
        let swapped = format!("{}#{}", model.display(), &first[first.len() - HASH_DIGITS..]);
        let said = Library::default().open(&swapped).err().unwrap().to_string();
        assert!(said.contains("not the one that was played"), "{said}");
        std::fs::remove_dir_all(&run).unwrap();
    }

    #[test]
    fn names_with_and_without_a_hash() {
        assert_eq!(split("a#b.safetensors"), ("a#b.safetensors", None));
        assert_eq!(split("a#b#00000000000000ff"), ("a#b", Some(255)));
    }
}
