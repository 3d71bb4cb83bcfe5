//! The watches of directories, which all file sources of a process share.
//!
//! A watcher has a thread and one of the few inotify instances that a user may have (128 by default), and every
//! watcher of a directory hears of every file in it. With a watcher for each of 10,000 files, most files were
//! not watched at all, and each change woke all threads.
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The watched directories. Copies share them.
#[derive(Clone, Default)]
pub struct Watches(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// It runs while a directory is watched. Its thread never takes this lock, because it has to serve those
    /// who hold it.
    watcher: Mutex<Option<RecommendedWatcher>>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The sources to wake, by directory and name of the file.
#[derive(Default)]
struct Waiting(HashMap<PathBuf, HashMap<OsString, Vec<Arc<Notify>>>>);

/// The watch of one file. It ends when this is dropped.
pub(super) struct Watch {
    watches: Watches,
    /// The real path of the directory. Two watches of one directory by different paths would be one to inotify.
    directory: PathBuf,
    name: OsString,
    changed: Arc<Notify>,
}

impl Watches {
    /// Wakes `changed` from now on when the file may have changed.
    pub(super) fn open(&self, path: &Path, changed: Arc<Notify>) -> notify::Result<Watch> {
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let watch = Watch {
            watches: self.clone(),
            directory: directory.canonicalize().map_err(notify::Error::io)?,
            name: path.file_name().unwrap_or_default().to_owned(),
            changed,
        };
        let mut watcher = lock(&self.0.watcher);
        // It is entered first, so that no change is missed once the directory is watched.
        let is_first = lock(&self.0.waiting).enter(&watch);
        let watched = match is_first {
            true => self.watch(&mut watcher, &watch.directory),
            false => Ok(()),
        };
        // Dropping the watch takes the lock.
        drop(watcher);
        watched.map(|()| watch)
    }

    fn watch(&self, watcher: &mut Option<RecommendedWatcher>, directory: &Path) -> notify::Result<()> {
        if watcher.is_none() {
            let waiting = Arc::clone(&self.0.waiting);
            *watcher = Some(notify::recommended_watcher(move |event| {
                lock(&waiting).wake(event);
            })?);
        }
        match watcher {
            Some(watcher) => watcher.watch(directory, RecursiveMode::NonRecursive),
            None => Ok(()),
        }
    }
}

impl Watch {
    /// Ends the watch, and watches the directory anew for others: the watch has missed a change, because another
    /// directory has taken its place.
    pub(super) fn end_stale(self) {
        let mut watcher = lock(&self.watches.0.watcher);
        if let Some(running) = watcher.as_mut() {
            // Either fails if the directory is gone. The others read their files from time to time anyway.
            let _ = running.unwatch(&self.directory);
            let _ = running.watch(&self.directory, RecursiveMode::NonRecursive);
        }
        drop(watcher);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watcher = lock(&self.watches.0.watcher);
        let mut waiting = lock(&self.watches.0.waiting);
        let was_last = waiting.leave(self);
        let is_idle = waiting.0.is_empty();
        drop(waiting);
        if is_idle {
            *watcher = None;
        } else if was_last && let Some(watcher) = watcher.as_mut() {
            // It fails if the directory is gone, or was never watched.
            let _ = watcher.unwatch(&self.directory);
        }
    }
}

impl Waiting {
    /// Adds a watch. Returns whether it is the first one of its directory.
    fn enter(&mut self, watch: &Watch) -> bool {
        let names = self.0.entry(watch.directory.clone()).or_default();
        let is_first = names.is_empty();
        let same = names.entry(watch.name.clone()).or_default();
        same.push(Arc::clone(&watch.changed));
        is_first
    }

    /// Removes a watch. Returns whether it was the last one of its directory.
    fn leave(&mut self, watch: &Watch) -> bool {
        let Some(names) = self.0.get_mut(&watch.directory) else {
            return false;
        };
        if let Some(same) = names.get_mut(&watch.name) {
            same.retain(|changed| !Arc::ptr_eq(changed, &watch.changed));
            if same.is_empty() {
                names.remove(&watch.name);
            }
        }
        let is_last = names.is_empty();
        if is_last {
            self.0.remove(&watch.directory);
        }
        is_last
    }

    /// Wakes those whose files may have changed. Reading a file causes events too, which must not cause another
    /// read.
    fn wake(&self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) if event.need_rescan() || event.paths.is_empty() => return self.wake_all(),
            Ok(event) => event,
            Err(_) => return self.wake_all(),
        };
        if !is_write(event.kind) {
            return;
        }
        for path in &event.paths {
            let names = path.parent().and_then(|directory| self.0.get(directory));
            let (Some(names), Some(name)) = (names, path.file_name()) else {
                continue;
            };
            if replaces_all(name) {
                wake(names.values().flatten());
            } else {
                wake(names.get(name).into_iter().flatten());
            }
        }
    }

    fn wake_all(&self) {
        wake(self.0.values().flat_map(HashMap::values).flatten());
    }
}

fn wake<'a>(waiting: impl Iterator<Item = &'a Arc<Notify>>) {
    waiting.for_each(|changed| changed.notify_one());
}

fn is_write(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Whether all files of a directory change with the one of this name: Kubernetes replaces a link named `..data`.
fn replaces_all(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"..")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{Flag, ModifyKind};
    use std::fs;
    use std::time::Duration;
    use tokio::time::timeout;

    const MODIFIED: EventKind = EventKind::Modify(ModifyKind::Any);

    /// A watch that no watcher stands behind.
    fn entered(waiting: &mut Waiting, directory: &str, name: &str) -> Arc<Notify> {
        let changed = Arc::new(Notify::new());
        let names = waiting.0.entry(directory.into()).or_default();
        names.entry(name.into()).or_default().push(Arc::clone(&changed));
        changed
    }

    fn is_woken(changed: &Notify) -> bool {
        let mut woken = std::pin::pin!(changed.notified());
        woken.as_mut().enable()
    }

    #[test]
    fn only_sources_whose_file_may_have_changed_are_woken() {
        let mut waiting = Waiting::default();
        let all = [("/d", "a.yaml"), ("/d", "b.yaml"), ("/e", "a.yaml")]
            .map(|(directory, name)| entered(&mut waiting, directory, name));
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let closed = |mode| EventKind::Access(AccessKind::Close(mode));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        for (event, woken) in [
            (event(MODIFIED, "/d/a.yaml"), [true, false, false]),
            (event(MODIFIED, "/d/..data"), [true, true, false]),
            (event(MODIFIED, "/d/c.yaml"), [false; 3]),
            (event(MODIFIED, "/d"), [false; 3]),
            (
                event(closed(AccessMode::Write), "/e/a.yaml"),
                [false, false, true],
            ),
            (event(closed(AccessMode::Read), "/e/a.yaml"), [false; 3]),
            (event(opened, "/e/a.yaml"), [false; 3]),
            (
                event(EventKind::Other, "/d/c.yaml").set_flag(Flag::Rescan),
                [true; 3],
            ),
        ] {
            waiting.wake(Ok(event.clone()));
            assert_eq!([0, 1, 2].map(|i| is_woken(&all[i])), woken, "{event:?}");
        }
        waiting.wake(Err(notify::Error::generic("?")));
        assert!(all.iter().all(|changed| is_woken(changed)));
    }

    #[tokio::test]
    async fn files_of_a_directory_share_its_watch() {
        let directory = tempfile::tempdir().unwrap();
        let watches = Watches::default();
        let changed = [(); 2].map(|()| Arc::new(Notify::new()));
        let open = |i: usize, path: &str| {
            let watch = watches.open(&directory.path().join(path), Arc::clone(&changed[i]));
            watch.unwrap()
        };
        fs::create_dir(directory.path().join("x")).unwrap();
        let (a, b) = (open(0, "a"), open(1, "x/../b"));
        assert_eq!(lock(&watches.0.waiting).0.len(), 1);
        let woken = |i: usize| timeout(Duration::from_secs(60), changed[i].notified());
        fs::write(directory.path().join("a"), "1").unwrap();
        woken(0).await.unwrap();
        // The watch of the other one goes on when this one ends.
        for stale in [false, true] {
            match stale {
                false => drop(open(0, "c")),
                true => open(0, "c").end_stale(),
            }
            fs::write(directory.path().join("b"), "1").unwrap();
            woken(1).await.unwrap();
        }
        drop((a, b));
        assert!(lock(&watches.0.waiting).0.is_empty() && lock(&watches.0.watcher).is_none());
    }

    #[test]
    fn a_directory_that_is_not_there_leaves_nothing() {
        let watches = Watches::default();
        assert!(watches.open(Path::new("/nowhere/list"), Arc::default()).is_err());
        assert!(lock(&watches.0.waiting).0.is_empty());
    }
}
