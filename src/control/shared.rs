//! What the admin pages may see and do.
use super::{Lists, Names};
use crate::{access_log, logging};
use rialto_core::config::LogLevel;
use rialto_core::directory::{Change, Directory};
use rialto_core::runtime::Runtime;
use rialto_core::worker::Report;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// Workers answer within a turn; one that takes longer is left out of a page.
const REPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// The control plane's state, shown.
pub struct Shared {
    runtime: Arc<Runtime>,
    /// Names for the ids in reports.
    pub names: Arc<Names>,
    /// How the endpoint lists of clusters stand.
    pub lists: Arc<Lists>,
    signals: Arc<access_log::Signals>,
    level: logging::Level,
    ready: AtomicBool,
    started: Instant,
    view: Mutex<View>,
}

struct View {
    /// Pages hold it while they are made; it is changed in place otherwise.
    directory: Arc<Directory>,
    config: Arc<serde_json::Value>,
    listening: Vec<(String, String)>,
    admin: Option<String>,
    reload: ReloadState,
}

/// How reloading has gone.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReloadState {
    /// Changed configurations that were taken over.
    pub accepted: u64,
    /// Changed configurations that were refused.
    pub refused: u64,
    /// Why the last one was refused; absent if it was taken over.
    pub last_error: Option<String>,
    /// When the configuration in use was taken over, in seconds since the epoch.
    pub in_use_since: u64,
}

impl Shared {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        directory: Directory,
        names: Arc<Names>,
        signals: Arc<access_log::Signals>,
        level: logging::Level,
        lists: Arc<Lists>,
        config: serde_json::Value,
    ) -> Self {
        let reload = ReloadState {
            accepted: 0,
            refused: 0,
            last_error: None,
            in_use_since: epoch_seconds(),
        };
        let view = View {
            directory: Arc::new(directory),
            config: Arc::new(config),
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

    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    pub(super) fn set_listening(&self, listening: Vec<(String, String)>) {
        self.view().listening = listening;
    }

    pub(super) fn set_admin(&self, address: String) {
        self.view().admin = Some(address);
    }

    pub(super) fn published(&self, change: &Change) {
        self.names.learn(change);
        Arc::make_mut(&mut self.view().directory).apply(change);
    }

    pub(super) fn accepted(&self, config: serde_json::Value) {
        let mut view = self.view();
        view.config = Arc::new(config);
        view.reload.accepted += 1;
        view.reload.last_error = None;
        view.reload.in_use_since = epoch_seconds();
    }

    pub(super) fn refused(&self, why: &str) {
        let mut view = self.view();
        view.reload.refused += 1;
        view.reload.last_error = Some(why.to_owned());
    }

    pub(super) fn reopen_logs(&self) {
        self.signals.reopen();
    }

    /// Whether calls are welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Time since the start.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// What calls are routed by.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.view().directory)
    }

    /// The configuration in use, every default visible.
    #[must_use]
    pub fn config(&self) -> Arc<serde_json::Value> {
        Arc::clone(&self.view().config)
    }

    /// Listeners and where they listen really.
    #[must_use]
    pub fn listening(&self) -> Vec<(String, String)> {
        self.view().listening.clone()
    }

    /// Where the admin pages are served really; `None` if they are not.
    #[must_use]
    pub fn admin(&self) -> Option<String> {
        self.view().admin.clone()
    }

    /// How reloading has gone.
    #[must_use]
    pub fn reload_state(&self) -> ReloadState {
        self.view().reload.clone()
    }

    /// What the workers tell of themselves. Blocks until they have.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.runtime.reports(REPORT_TIMEOUT)
    }

    /// A worker that has taken no turn for so long.
    #[must_use]
    pub fn stuck_worker(&self, limit: Duration) -> Option<usize> {
        self.runtime.stuck_worker(limit)
    }

    /// Access log lines that are missing: dropped by workers because the writer was behind or a turn ended too many
    /// calls, and not written.
    #[must_use]
    pub fn log_losses(&self) -> (u64, u64) {
        (self.runtime.log_dropped(), self.signals.failed())
    }

    /// Lines of the process's own log that standard error did not take.
    #[must_use]
    pub fn lost_log_lines(&self) -> u64 {
        self.level.lost()
    }

    pub(super) fn flush_log(&self) {
        self.level.flush();
    }

    /// Number of data threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.runtime.workers()
    }

    /// The process's own log level.
    #[must_use]
    pub fn log_level(&self) -> String {
        self.level.get()
    }

    /// Changes it.
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
