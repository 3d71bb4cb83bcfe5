//! A source that reads endpoints from a file.
mod directory_watch;
#[cfg(test)]
mod tests;

use crate::resolve::{REFRESH, Resolver, has_names};
use directory_watch::{DirectoryWatch, Seen};
use rialto_core::config::Endpoint;
use rialto_core::discovery::{Source, Standing, State, Updates, Watching};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Parses the text of an endpoints file, given its name for messages and its text. The error says what is
/// wrong and in which line.
pub type ParseEndpoints = fn(&str, &str) -> Result<Vec<Endpoint>, String>;

/// How often the file is read even without a notification, because not every file system sends them.
const POLL: Duration = Duration::from_secs(10);
/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// The endpoints of a file, read again whenever it changes. If the file is missing, empty or invalid, the
/// source reports an error, and the last good list stays in use. Host names are resolved again every 30 s.
pub struct FileSource {
    path: PathBuf,
    parse: ParseEndpoints,
    resolver: Resolver,
}

/// What was read last, and the endpoints parsed from it.
struct FileState {
    path: PathBuf,
    parse: ParseEndpoints,
    last: Option<Result<String, String>>,
    endpoints: Option<Vec<Endpoint>>,
    /// Whether they are what was read last.
    is_good: bool,
}

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
    pub fn new(path: PathBuf, parse: ParseEndpoints) -> Self {
        FileSource {
            path,
            parse,
            resolver: Resolver::system(),
        }
    }
}

impl Source for FileSource {
    fn describe(&self) -> String {
        format!("file {}", self.path.display())
    }

    fn watch(self: Box<Self>, updates: Arc<dyn Updates>) -> Watching {
        Box::pin(run(*self, updates))
    }
}

async fn run(source: FileSource, updates: Arc<dyn Updates>) {
    let mut resolver = source.resolver;
    let mut directory_watch = DirectoryWatch::default();
    let mut file_state = FileState {
        path: source.path,
        parse: source.parse,
        last: None,
        endpoints: None,
        is_good: false,
    };
    let mut published: Option<State> = None;
    let mut resolve_at = Instant::now();
    let mut unresolved = false;
    let mut seen = Seen::Change;
    loop {
        // The watch begins before the file is read, so that no change is missed in between.
        if let Some(fault) = directory_watch.open(&file_state.path) {
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
        if let Some(endpoints) = &file_state.endpoints {
            if resolve_at <= Instant::now() {
                let (state, faults) = resolver.resolve(endpoints).await;
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
        let path = self.path.clone();
        let text = match tokio::task::spawn_blocking(move || read(&path)).await {
            Ok(text) => text,
            Err(error) => Err(error.to_string()),
        };
        if self.last.as_ref() == Some(&text) {
            return Change::None;
        }
        let list = text
            .as_deref()
            .map_err(|reason| format!("endpoints file {} cannot be read: {reason}", self.path.display()));
        let list = list.and_then(|text| self.parsed(text));
        self.last = Some(text);
        self.is_good = list.is_ok();
        match list {
            Ok(list) => {
                self.endpoints = Some(list);
                Change::List
            }
            Err(reason) => Change::Fault(match &self.endpoints {
                Some(last) => format!("{reason}\nthe last good list of {} stays in use", last.len()),
                None => format!(
                    "{reason}\nno list was read from it yet: its cluster keeps the endpoints that it has, if any"
                ),
            }),
        }
    }

    fn parsed(&self, text: &str) -> Result<Vec<Endpoint>, String> {
        let name = self.path.display().to_string();
        if text.trim().is_empty() {
            return Err(format!(
                "{name}:1: the endpoints file is empty; write [] if there are no endpoints"
            ));
        }
        (self.parse)(&name, text)
    }
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
