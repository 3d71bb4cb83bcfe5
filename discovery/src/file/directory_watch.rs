//! Notices that a file may have changed.
//!
//! Its directory is watched, not the file: editors and Kubernetes put another file in its place, and a watch on the
//! file would go on watching the old one.
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// A file that is being written is left alone until nothing happened for this long ...
const SETTLED: Duration = Duration::from_millis(50);
/// ... but not for longer than this.
const LONGEST: Duration = Duration::from_secs(1);

/// What waiting brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The time passed.
    Nothing,
    /// The file may be another one.
    Change,
}

/// A watch on the directory of a file.
#[derive(Default)]
pub(super) struct DirectoryWatch {
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// It could not be opened, and that was told.
    blind: bool,
}

impl DirectoryWatch {
    /// Begins to watch if it does not yet. Returns why it cannot, once.
    pub(super) fn open(&mut self, path: &Path) -> Option<String> {
        if self.watcher.is_some() {
            return None;
        }
        match watch(path, Arc::clone(&self.changed)) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.blind = false;
                None
            }
            Err(_) if self.blind => None,
            Err(error) => {
                self.blind = true;
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

    /// Waits for a change, and then until it is over.
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

/// Whether an event can mean that the file of this name is another one. Reading it tells events too, and those must
/// not make it be read.
fn is_about(event: &Event, name: Option<&OsStr>) -> bool {
    let is_write = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    // Kubernetes exchanges a link that is named ..data
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
    fn only_changes_of_the_file_count() {
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
