//! The state of the process that more than one part of it uses. The control plane writes it; the admin pages and the access
//! log read it. It knows none of them, so they need not know each other.
mod access_log;
mod lists;
mod names;

pub use access_log::AccessLogSignals;
pub use lists::{ListReport, Lists};
pub use names::{Names, NamesView};

pub(crate) use lists::List;

use crate::config::Dump;
use crate::logging;
use rialto_config::LogLevel;
use rialto_core::directory::{Change, Directory};
use rialto_core::runtime::Runtime;
use rialto_core::worker::Report;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// How long a page waits for the reports of the workers. A worker reports at the end of its turn; one that takes longer than
/// this is missing on the page.
const REPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the admin pages show of the process, and what they can change.
pub struct Shared {
    runtime: Arc<Runtime>,
    /// The names of listeners, routes, clusters and endpoints, because reports of workers only have their ids.
    pub names: Arc<Names>,
    /// Whether the endpoint lists of the clusters are up to date.
    pub lists: Arc<Lists>,
    signals: Arc<AccessLogSignals>,
    level: logging::Level,
    ready: AtomicBool,
    started: Instant,
    view: Mutex<View>,
}

struct View {
    /// Changed in place, and copied only if a page is being made from it at that time.
    directory: Arc<Directory>,
    config: Dump,
    listening: Vec<(String, String)>,
    admin: Option<String>,
    reload: ReloadState,
}

/// The results of reloading the configuration so far.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReloadState {
    /// How many changed configurations were put in use.
    pub accepted: u64,
    /// How many changed configurations were refused.
    pub refused: u64,
    /// Why the last changed configuration was refused; `None` if it is in use.
    pub last_error: Option<String>,
    /// Since when the current configuration is in use, in seconds since the epoch.
    pub in_use_since: u64,
}

impl Shared {
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        directory: Directory,
        names: Arc<Names>,
        signals: Arc<AccessLogSignals>,
        level: logging::Level,
        lists: Arc<Lists>,
        config: Dump,
    ) -> Self {
        let reload = ReloadState {
            accepted: 0,
            refused: 0,
            last_error: None,
            in_use_since: epoch_seconds(),
        };
        let view = View {
            directory: Arc::new(directory),
            config,
            listening: vec![],
            admin: None,
            reload,
        };
        let (ready, started) = (AtomicBool::new(false), Instant::now());
        Shared {
            runtime,
            names,
            lists,
            signals,
            level,
            ready,
            started,
            view: Mutex::new(view),
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    pub(crate) fn set_listening(&self, listening: Vec<(String, String)>) {
        self.view().listening = listening;
    }

    pub(crate) fn set_admin(&self, address: String) {
        self.view().admin = Some(address);
    }

    pub(crate) fn published(&self, change: &Change) {
        self.names.learn(change);
        Arc::make_mut(&mut self.view().directory).apply(change);
    }

    pub(crate) fn accepted(&self, config: Dump) {
        let mut view = self.view();
        view.config = config;
        view.reload.accepted += 1;
        view.reload.last_error = None;
        view.reload.in_use_since = epoch_seconds();
    }

    pub(crate) fn refused(&self, why: &str) {
        let mut view = self.view();
        view.reload.refused += 1;
        view.reload.last_error = Some(why.to_owned());
    }

    pub(crate) fn reopen_logs(&self) {
        self.signals.reopen();
    }

    /// Whether the process serves calls: it has started, and does not drain.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Time since the start.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The listeners, routes, clusters and endpoints in use.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.view().directory)
    }

    /// The configuration in use, with the defaults of everything that it does not set.
    #[must_use]
    pub fn config(&self) -> Dump {
        self.view().config.clone()
    }

    /// The name of each listener and the address that it is bound to, where a configured port 0 is the real port.
    #[must_use]
    pub fn listening(&self) -> Vec<(String, String)> {
        self.view().listening.clone()
    }

    /// The address that the admin pages are bound to; `None` if they are off.
    #[must_use]
    pub fn admin(&self) -> Option<String> {
        self.view().admin.clone()
    }

    /// The results of reloading the configuration so far.
    #[must_use]
    pub fn reload_state(&self) -> ReloadState {
        self.view().reload.clone()
    }

    /// The counters of all workers. Blocks until they have reported, or two seconds are over.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.runtime.reports(REPORT_TIMEOUT)
    }

    /// The number of a worker that has taken no turn for longer than `limit`, if there is one.
    #[must_use]
    pub fn stuck_worker(&self, limit: Duration) -> Option<usize> {
        self.runtime.stuck_worker(limit)
    }

    /// How many access log lines are missing, by reason. First those that workers dropped, because the writer was behind or
    /// too many calls ended in one turn; then those that could not be written.
    #[must_use]
    pub fn log_losses(&self) -> (u64, u64) {
        (self.runtime.log_dropped(), self.signals.failed())
    }

    /// How many lines of the process's own log were lost because standard error did not take them.
    #[must_use]
    pub fn lost_log_lines(&self) -> u64 {
        self.level.lost()
    }

    pub(crate) fn flush_log(&self) {
        self.level.flush();
    }

    /// The number of worker threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.runtime.workers()
    }

    /// The level from which on the process logs its own messages.
    #[must_use]
    pub fn log_level(&self) -> String {
        self.level.get()
    }

    /// Changes that level, and logs the change.
    pub fn set_log_level(&self, level: LogLevel) {
        self.level.set(level);
        tracing::info!("log level is now {}", self.level.get());
    }
}

fn epoch_seconds() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
