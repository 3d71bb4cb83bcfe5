//! The process log: the messages of the process itself, on standard error.
mod queue;

use queue::Queue;
use rialto_config::{Log, LogFormat, LogLevel};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// How long a process that ends waits until its last lines are written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Controls the log of the running process.
#[derive(Clone)]
pub struct Level {
    filter: reload::Handle<LevelFilter, Registry>,
    queue: Queue,
}

/// Starts the log.
///
/// # Errors
/// Another part of this process has already started one.
pub fn start(log: &Log) -> anyhow::Result<Level> {
    let (level, filter) = reload::Layer::new(filter_of(log.level));
    let queue = Queue::start(std::io::stderr())?;
    let to = tracing_subscriber::fmt::layer()
        .with_writer(Arc::new(queue.clone()))
        .log_internal_errors(false)
        .with_target(false);
    let layer: Box<dyn Layer<_> + Send + Sync> = match log.format {
        LogFormat::Text => to.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => to.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(level)
        .with(layer)
        .try_init()?;
    Ok(Level { filter, queue })
}

impl Level {
    /// Sets the level from which on messages are logged.
    pub fn set(&self, level: LogLevel) {
        // fails only without the subscriber, which lives as long as the process
        let _ = self.filter.modify(|f| *f = filter_of(level));
    }

    /// The level from which on messages are logged.
    #[must_use]
    pub fn get(&self) -> String {
        self.filter.with_current(ToString::to_string).unwrap_or_default()
    }

    /// How many lines were lost because standard error did not take them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }

    /// Waits until the lines so far are written, but not longer than a second.
    pub fn flush(&self) {
        self.queue.flush(LAST_LINES);
    }
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
