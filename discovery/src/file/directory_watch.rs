//! Notices that a file may have changed.
//!
//! It watches the directory instead of the file: editors and Kubernetes replace the file by another one, and
//! a watch on the file would stay on the old one.
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
    changed: Arc<Notify>,
    watch: Watch,
    /// The watch could not be opened, and this was reported.
    reported: bool,
}

enum Watch {
    Own(Option<RecommendedWatcher>),
    /// One that many files of a directory share: systems have few watches.
    Shared(Arc<SharedWatch>),
}

/// One watch on a directory, for any number of its files.
pub(crate) struct SharedWatch {
    watcher: Mutex<Option<RecommendedWatcher>>,
    followers: Arc<Mutex<Followers>>,
}

/// What to notify when a file with this name changes.
type Followers = HashMap<OsString, Vec<Weak<Notify>>>;

impl SharedWatch {
    pub(crate) fn new() -> Self {
        SharedWatch {
            watcher: Mutex::new(None),
            followers: Arc::default(),
        }
    }

    fn follow(&self, names: Vec<OsString>, changed: &Arc<Notify>) {
        let mut followers = lock(&self.followers);
        for name in names {
            let of_name = followers.entry(name).or_default();
            of_name.retain(|follower| follower.strong_count() > 0);
            of_name.push(Arc::downgrade(changed));
        }
        if followers.len().is_power_of_two() {
            followers.retain(|_, of_name| of_name.iter().any(|f| f.strong_count() > 0));
        }
    }

    fn open(&self, directory: &Path) -> notify::Result<()> {
        let mut watcher = lock(&self.watcher);
        if watcher.is_none() {
            let followers = Arc::clone(&self.followers);
            *watcher = Some(watch(directory, move |event| tell(&lock(&followers), &event))?);
        }
        Ok(())
    }
}

/// Notifies those whose file may have changed.
fn tell(followers: &Followers, event: &notify::Result<Event>) {
    let all = || followers.iter().collect::<Vec<_>>();
    let told = match event {
        Ok(event) if !is_write(event) => return,
        Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
            let names = || event.paths.iter().filter_map(|path| path.file_name());
            // Kubernetes replaces a link named `..data`, which all files lead through.
            match names().any(|name| name.as_encoded_bytes().starts_with(b"..")) {
                true => all(),
                false => names().filter_map(|name| followers.get_key_value(name)).collect(),
            }
        }
        _ => all(),
    };
    let notifies = told
        .into_iter()
        .flat_map(|(_, of_name)| of_name)
        .filter_map(Weak::upgrade);
    notifies.for_each(|changed| changed.notify_one());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DirectoryWatch {
    /// A watch on the directory of these files, not opened yet. With `shared`, it is that of a registry.
    pub(super) fn new(paths: &[PathBuf], shared: Option<Arc<SharedWatch>>) -> Self {
        let changed = Arc::new(Notify::new());
        let watch = match shared {
            Some(shared) => {
                shared.follow(names(paths), &changed);
                Watch::Shared(shared)
            }
            None => Watch::Own(None),
        };
        DirectoryWatch {
            changed,
            watch,
            reported: false,
        }
    }

    /// Begins to watch unless it already does. Returns why it cannot, but only the first time.
    pub(super) fn open(&mut self, paths: &[PathBuf]) -> Option<String> {
        let path = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = parent.unwrap_or(Path::new("."));
        let opened = match &mut self.watch {
            Watch::Own(Some(_)) => Ok(()),
            Watch::Own(own) => {
                let (names, changed) = (names(paths), Arc::clone(&self.changed));
                let told = move |event: notify::Result<Event>| {
                    if event.is_ok_and(|event| !is_about(&event, &names)) {
                        return;
                    }
                    changed.notify_one();
                };
                watch(directory, told).map(|watcher| *own = Some(watcher))
            }
            Watch::Shared(shared) => shared.open(directory),
        };
        match opened {
            Ok(()) => {
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
        match &mut self.watch {
            Watch::Own(own) => *own = None,
            Watch::Shared(shared) => *lock(&shared.watcher) = None,
        }
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

fn names(paths: &[PathBuf]) -> Vec<OsString> {
    paths
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_owned()))
        .collect()
}

fn watch(
    directory: &Path,
    told: impl Fn(notify::Result<Event>) + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(told)?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether the event can mean that a file with one of these names has changed. Reading the file causes events too,
/// which must not cause another read.
fn is_about(event: &Event, names: &[OsString]) -> bool {
    // Kubernetes replaces a link named `..data`.
    let is_named = |path: &Path| {
        path.file_name()
            .is_none_or(|n| names.iter().any(|name| name == n) || n.as_encoded_bytes().starts_with(b".."))
    };
    is_write(event)
        && (event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|p| is_named(p)))
}

/// Whether an event is more than a read.
fn is_write(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
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
        let ours = |event: &Event| is_about(event, &["a.yaml".into()]);
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
