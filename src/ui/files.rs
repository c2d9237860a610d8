//! The set's file: read with a bound, written whole or not at all.

use crate::limits;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads a set.
///
/// # Errors
/// A sentence for the performer.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let fault = |what: String| format!("{} was not opened: {what}", path.display());
    let file = fs::File::open(path).map_err(|e| fault(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(limits::SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
    if bytes.len() > limits::SCRIPT_BYTES {
        return Err(fault(format!("it is longer than {} bytes", limits::SCRIPT_BYTES)));
    }
    String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8 text".to_string()))
}

/// Writes a set: a new file beside it takes its place, so that a full disk or a crash leaves the old one.
///
/// # Errors
/// A sentence for the performer; the old file is then as it was.
pub(super) fn save(path: &Path, text: &str) -> Result<(), String> {
    let fault = |e: std::io::Error| format!("{} was not saved: {e}; the text is still here", path.display());
    // The file that a link points to is replaced, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = target.file_name().map_or("set".into(), |n| n.to_string_lossy().into_owned());
    let beside = target.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let result = (|| {
        let mut file = fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if let Ok(old) = fs::metadata(&target) {
            fs::set_permissions(&beside, old.permissions())?;
        }
        fs::rename(&beside, &target)
    })();
    result.map_err(|e| {
        _ = fs::remove_file(&beside);
        fault(e)
    })
}

/// Writes text that was not saved beside its file, or into the folder for temporary files.
pub(super) fn recover(path: Option<&Path>, text: &str) -> Option<PathBuf> {
    let beside = path.map(|p| {
        let mut name = p.file_name().unwrap_or_default().to_os_string();
        name.push(".unsaved");
        p.with_file_name(name)
    });
    let elsewhere = std::env::temp_dir().join(format!("ricercar-{}.rhai.unsaved", std::process::id()));
    beside.into_iter().chain([elsewhere]).find(|p| save(p, text).is_ok())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_set_is_written_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("ricercar-files-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let path = folder.join("a.rhai");
        assert_eq!(save(&path, "one"), Ok(()));
        assert_eq!(save(&path, "two"), Ok(()));
        assert_eq!(read(&path).as_deref(), Ok("two"));
        assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 1, "nothing is left beside it");
        let nowhere = folder.join("none").join("a.rhai");
        assert!(save(&nowhere, "x").is_err_and(|e| e.contains("was not saved")));
        assert!(recover(Some(&nowhere), "x").is_some_and(|p| fs::remove_file(p).is_ok()), "it goes elsewhere");
        assert_eq!(recover(Some(&path), "x"), Some(folder.join("a.rhai.unsaved")));
        fs::write(&path, [0xff, 0xfe]).expect("the folder");
        assert!(read(&path).is_err_and(|e| e.contains("UTF-8")));
        fs::write(&path, vec![b' '; limits::SCRIPT_BYTES + 1]).expect("the folder");
        assert!(read(&path).is_err_and(|e| e.contains("longer")));
        assert!(read(&folder).is_err() && read(&nowhere).is_err());
        fs::remove_dir_all(&folder).expect("the folder");
    }
}
