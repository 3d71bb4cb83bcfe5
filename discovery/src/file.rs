//! A source that reads endpoints from a file.
mod directory_watch;
#[cfg(test)]
mod tests;
mod watches;

pub use watches::Watches;

use crate::resolve::{REFRESH, Resolver, has_names};
use crate::source::{Source, Standing, State, Updates, Watching};
use directory_watch::{DirectoryWatch, Seen};
use rialto_config::{Endpoint, Protocol};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Parses the text of a file, given its name for messages and its text. The error says what is wrong and in
/// which line.
pub type ParseFile = fn(&str, &str) -> Result<FileList, String>;

/// What a file contains.
#[derive(Clone, Debug, PartialEq)]
pub struct FileList {
    /// The protocol of the endpoints, if the file says it.
    pub protocol: Option<Protocol>,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// What it means that there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// A fault: a cluster needs its file.
    Fault,
    /// There are no endpoints: the registry does not have the service.
    Empty,
}

/// How often the file is read even without a notification, because not every file system sends them.
const POLL: Duration = Duration::from_secs(10);
/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// The endpoints of a file, read again whenever it changes. If the file is missing, empty or invalid, the
/// source reports an error, and the last good list stays in use. Host names are resolved again every 30 s.
pub struct FileSource {
    /// The possible files, in one directory. The first that exists counts.
    paths: Vec<PathBuf>,
    missing: Missing,
    parse: ParseFile,
    resolver: Resolver,
    watches: Watches,
}

/// What was read last, and the endpoints parsed from it.
struct FileState {
    paths: Vec<PathBuf>,
    missing: Missing,
    parse: ParseFile,
    last: Option<Result<Found, String>>,
    list: Option<FileList>,
    /// Whether they are what was read last.
    is_good: bool,
}

/// A file and its text; `None` if no file exists.
type Found = Option<(PathBuf, String)>;

/// The result of reading the file again.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    List,
    Fault(String),
}

impl FileSource {
    /// A source that reads this file.
    #[must_use]
    pub fn new(path: PathBuf, parse: ParseFile, watches: Watches) -> Self {
        FileSource {
            paths: vec![path],
            missing: Missing::Fault,
            parse,
            resolver: Resolver::system(),
            watches,
        }
    }

    /// A source that reads the first of these files that exists, all of one directory. Without any it
    /// publishes that there are no endpoints.
    #[must_use]
    pub(crate) fn any_of(paths: Vec<PathBuf>, parse: ParseFile, watches: Watches) -> Self {
        FileSource {
            paths,
            missing: Missing::Empty,
            parse,
            resolver: Resolver::system(),
            watches,
        }
    }
}

impl Source for FileSource {
    fn describe(&self) -> String {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        format!("file {}", paths.join(" or "))
    }

    fn watch(self: Box<Self>, updates: Arc<dyn Updates>) -> Watching {
        Box::pin(run(*self, updates))
    }
}

async fn run(source: FileSource, updates: Arc<dyn Updates>) {
    let mut resolver = source.resolver;
    let mut directory_watch = DirectoryWatch::new(source.watches);
    let mut file_state = FileState {
        paths: source.paths,
        missing: source.missing,
        parse: source.parse,
        last: None,
        list: None,
        is_good: false,
    };
    let mut published: Option<State> = None;
    let mut resolve_at = Instant::now();
    let mut unresolved = false;
    let mut seen = Seen::Change;
    loop {
        // The watch begins before the file is read, so that no change is missed in between.
        if let Some(fault) = directory_watch.open(&file_state.paths) {
            updates.fault(fault);
        }
        let change = file_state.read_again().await;
        let missed = change != Change::None && seen == Seen::Nothing;
        match change {
            Change::List => resolve_at = Instant::now(),
            Change::Fault(fault) => updates.fault(fault),
            Change::None => {}
        }
        let mut next = Instant::now() + POLL;
        let mut standing = file_state.standing();
        if let Some(FileList { protocol, endpoints }) = &file_state.list {
            if resolve_at <= Instant::now() {
                let (mut state, faults) = resolver.resolve(endpoints).await;
                state.iter_mut().for_each(|found| found.protocol = *protocol);
                unresolved = !faults.is_empty();
                faults.into_iter().for_each(|fault| updates.fault(fault));
                if published.as_ref() != Some(&state) {
                    updates.publish(state.clone());
                    published = Some(state);
                }
                resolve_at = Instant::now() + REFRESH;
            }
            if has_names(endpoints) {
                next = next.min(resolve_at);
            }
        }
        if unresolved {
            standing = Standing::Stale;
        }
        updates.stands(standing);
        if missed {
            // The watch missed the change, for example because the directory was replaced. Read again under a
            // new watch.
            directory_watch.close();
            seen = Seen::Change;
        } else {
            seen = directory_watch.wait(next).await;
        }
    }
}

impl FileState {
    /// Whether the last good list is what the file says.
    fn standing(&self) -> Standing {
        match self.is_good {
            true => Standing::Current,
            false => Standing::Stale,
        }
    }

    /// Reads the file again and compares it with the last text.
    async fn read_again(&mut self) -> Change {
        let paths = self.paths.clone();
        let text = match tokio::task::spawn_blocking(move || read_first(paths)).await {
            Ok(text) => text,
            Err(error) => Err(error.to_string()),
        };
        if self.last.as_ref() == Some(&text) {
            return Change::None;
        }
        let list = self.listed(&text);
        self.last = Some(text);
        self.is_good = list.is_ok();
        match list {
            Ok(list) => {
                self.list = Some(list);
                Change::List
            }
            Err(reason) => Change::Fault(match &self.list {
                Some(last) => format!(
                    "{reason}\nthe last good list of {} stays in use",
                    last.endpoints.len()
                ),
                None => format!(
                    "{reason}\nno list was read from it yet: its cluster keeps the endpoints that it has, if any"
                ),
            }),
        }
    }

    /// The list in what was read.
    fn listed(&self, read: &Result<Found, String>) -> Result<FileList, String> {
        match (read, self.missing) {
            (Ok(Some((path, text))), _) => self.parsed(&path.display().to_string(), text),
            (Ok(None), Missing::Empty) => Ok(FileList {
                protocol: None,
                endpoints: vec![],
            }),
            (Ok(None), Missing::Fault) => Err(self.unreadable("No such file or directory")),
            (Err(reason), _) => Err(self.unreadable(reason)),
        }
    }

    fn unreadable(&self, reason: &str) -> String {
        let path = self.paths.first().map(|path| path.display().to_string());
        format!(
            "endpoints file {} cannot be read: {reason}",
            path.unwrap_or_default()
        )
    }

    fn parsed(&self, name: &str, text: &str) -> Result<FileList, String> {
        if text.trim().is_empty() {
            return Err(format!(
                "{name}:1: the endpoints file is empty, which is taken for a mistake; a cluster that is to have no endpoints is removed from the configuration"
            ));
        }
        (self.parse)(name, text)
    }
}

/// Reads the first file that exists.
fn read_first(paths: Vec<PathBuf>) -> Result<Found, String> {
    for path in paths {
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            _ => return read(&path).map(|text| Some((path, text))),
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<String, String> {
    // Checked before opening, because opening a named pipe blocks until another process writes to it.
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 text: byte {at} does not begin a character")
    })
}
