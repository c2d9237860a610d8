//! Watches the set's file: another editor may save it.

use crate::ui::UiEvent;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use notify::{RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Saves come as several events (truncate, write, rename); this long after the last one the file is read.
const SETTLE: Duration = Duration::from_millis(50);

/// Tells the watcher which file to watch from now on.
#[derive(Clone, Debug)]
pub struct Watch(Sender<PathBuf>);

impl Watch {
    /// Starts the thread; `events` hears of changed texts. Dropping every `Watch` ends it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(events: Sender<UiEvent>) -> std::io::Result<Watch> {
        let (to, files) = bounded(8);
        std::thread::Builder::new().name("watch".into()).spawn(move || run(&files, &events))?;
        Ok(Watch(to))
    }

    /// Watches this file in place of the one before.
    pub fn set(&self, path: &Path) {
        // A full queue means that many sets were opened within a moment: the next one counts.
        let _ = self.0.try_send(path.to_path_buf());
    }
}

fn run(files: &Receiver<PathBuf>, events: &Sender<UiEvent>) {
    let (tell, changes) = bounded(256);
    // Without a watcher (no inotify left, say) sets are still launched from the screen.
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|e| !e.kind.is_access()) {
            let _ = tell.try_send(());
        }
    });
    let Ok(mut watcher) = watcher else { return };
    let mut watched: Option<(PathBuf, String)> = None;
    let mut is_dirty = false;
    loop {
        crossbeam_channel::select! {
            recv(files) -> file => match file {
                Ok(file) => {
                    // The folder is watched, not the file: editors replace files by renaming.
                    if let Some(folder) = watched.take().and_then(|(old, _)| folder_of(&old)) {
                        let _ = watcher.unwatch(&folder);
                    }
                    let is_watched = folder_of(&file).is_some_and(|f| watcher.watch(&f, RecursiveMode::NonRecursive).is_ok());
                    if is_watched {
                        let text = std::fs::read_to_string(&file).unwrap_or_default();
                        watched = Some((file, text));
                    }
                }
                Err(_) => return,
            },
            recv(changes) -> change => match change {
                Ok(()) => is_dirty = true,
                Err(_) => return,
            },
        }
        if std::mem::take(&mut is_dirty) && settled(&changes) {
            let Some((file, known)) = &mut watched else { continue };
            if let Ok(text) = super::sets::read(file)
                && text != *known
            {
                known.clone_from(&text);
                if events.send(UiEvent::FileChanged(text)).is_err() {
                    return;
                }
            }
        }
    }
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    let file = std::path::absolute(file).ok()?;
    file.parent().map(Path::to_path_buf)
}

/// Waits until nothing has changed for a moment.
fn settled(changes: &Receiver<()>) -> bool {
    loop {
        match changes.recv_timeout(SETTLE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
