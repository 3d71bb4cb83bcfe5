//! Notices that a file may have changed.
//!
//! It watches the directory instead of the file: editors and Kubernetes replace the file by another one, and
//! a watch on the file would stay on the old one.
use super::watches::{Watch, Watches};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long no event must occur before the file is read, so that it is not read while it is being written.
const SETTLED: Duration = Duration::from_millis(50);
/// The longest delay that further events can cause.
const LONGEST: Duration = Duration::from_secs(1);

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The time passed without an event.
    Nothing,
    /// The file may have changed.
    Change,
}

/// A watch on the directory of some files.
pub(super) struct DirectoryWatch {
    watches: Watches,
    changed: Arc<Notify>,
    /// One for each file; empty while the directory is not watched.
    open: Vec<Watch>,
    /// The watch could not be opened, and this was reported.
    reported: bool,
}

impl DirectoryWatch {
    pub(super) fn new(watches: Watches) -> Self {
        DirectoryWatch {
            watches,
            changed: Arc::default(),
            open: vec![],
            reported: false,
        }
    }

    /// Begins to watch unless it already does. Returns why it cannot, but only the first time.
    pub(super) fn open(&mut self, paths: &[PathBuf]) -> Option<String> {
        if !self.open.is_empty() {
            return None;
        }
        let watch = |path: &PathBuf| self.watches.open(path, Arc::clone(&self.changed));
        let opened: Result<Vec<Watch>, _> = paths.iter().map(watch).collect();
        match opened {
            Ok(watches) => {
                self.open = watches;
                self.reported = false;
                None
            }
            Err(_) if self.reported => None,
            Err(error) => {
                self.reported = true;
                let path = paths.first().map_or(Path::new(""), PathBuf::as_path);
                Some(format!(
                    "the directory of {} cannot be watched: {error}; changes are noticed within {} s instead of at \
                     once",
                    path.display(),
                    super::POLL.as_secs()
                ))
            }
        }
    }

    /// Ends a watch that missed a change; the next [`DirectoryWatch::open`] begins a new one.
    pub(super) fn close(&mut self) {
        self.open.drain(..).for_each(Watch::end_stale);
    }

    /// Waits for a change, and then until the changes settle.
    pub(super) async fn wait(&self, until: Instant) -> Seen {
        if timeout_at(until, self.changed.notified()).await.is_err() {
            return Seen::Nothing;
        }
        let end = Instant::now() + LONGEST;
        loop {
            let quiet = (Instant::now() + SETTLED).min(end);
            if timeout_at(quiet, self.changed.notified()).await.is_err() || Instant::now() >= end {
                return Seen::Change;
            }
        }
    }
}
