//! Notices that a file may have changed.
//!
//! It watches the directory instead of the file: editors and Kubernetes replace the file by another one, and
//! a watch on the file would stay on the old one.
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsStr;
use std::path::Path;
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

/// A watch on the directory of a file.
#[derive(Default)]
pub(super) struct DirectoryWatch {
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// The watch could not be opened, and this was reported.
    reported: bool,
}

impl DirectoryWatch {
    /// Begins to watch unless it already does. Returns why it cannot, but only the first time.
    pub(super) fn open(&mut self, path: &Path) -> Option<String> {
        if self.watcher.is_some() {
            return None;
        }
        match watch(path, Arc::clone(&self.changed)) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.reported = false;
                None
            }
            Err(_) if self.reported => None,
            Err(error) => {
                self.reported = true;
                Some(format!(
                    "the directory of {} cannot be watched: {error}; changes are noticed within {} s instead of at \
                     once",
                    path.display(),
                    super::POLL.as_secs()
                ))
            }
        }
    }

    /// Ends the watch; the next [`DirectoryWatch::open`] begins a new one.
    pub(super) fn close(&mut self) {
        self.watcher = None;
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

fn watch(path: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().map(OsStr::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| !is_about(&event, name.as_deref())) {
            return;
        }
        changed.notify_one();
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether the event can mean that the file of this name has changed. Reading the file causes events too,
/// which must not cause another read.
fn is_about(event: &Event, name: Option<&OsStr>) -> bool {
    let is_write = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    // Kubernetes replaces a link named `..data`.
    let is_named = |path: &Path| {
        path.file_name()
            .is_none_or(|n| Some(n) == name || n.as_encoded_bytes().starts_with(b".."))
    };
    is_write && (event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|p| is_named(p)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{Flag, ModifyKind};

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(path.into())
    }

    #[test]
    fn only_changes_of_the_file_are_noticed() {
        let ours = |event: &Event| is_about(event, Some(OsStr::new("a.yaml")));
        let modified = EventKind::Modify(ModifyKind::Any);
        assert!(ours(&event(modified, "/d/a.yaml")));
        assert!(ours(&event(modified, "/d/..data")));
        assert!(!ours(&event(modified, "/d/b.yaml")));
        let closed = |mode| EventKind::Access(AccessKind::Close(mode));
        assert!(ours(&event(closed(AccessMode::Write), "/d/a.yaml")));
        assert!(!ours(&event(closed(AccessMode::Read), "/d/a.yaml")));
        assert!(!ours(&event(
            EventKind::Access(AccessKind::Open(AccessMode::Any)),
            "/d/a.yaml"
        )));
        assert!(ours(&event(EventKind::Other, "/d/b.yaml").set_flag(Flag::Rescan)));
    }
}
