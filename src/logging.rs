//! The process's own messages, to standard error.
use rialto_core::config::{Log, LogFormat, LogLevel};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// Changes the level of a running process.
#[derive(Clone)]
pub struct Level(reload::Handle<LevelFilter, Registry>);

/// Begins to log.
///
/// # Errors
/// Something else in this process logs already.
pub fn start(log: &Log) -> anyhow::Result<Level> {
    let (level, handle) = reload::Layer::new(filter_of(log.level));
    let to = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let layer: Box<dyn Layer<_> + Send + Sync> = match log.format {
        LogFormat::Text => to.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => to.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(level)
        .with(layer)
        .try_init()?;
    Ok(Level(handle))
}

impl Level {
    /// Logs from this level on.
    pub fn set(&self, level: LogLevel) {
        // fails only when the subscriber is gone, which lives as long as the process
        let _ = self.0.modify(|f| *f = filter_of(level));
    }

    /// The least important level that is logged.
    #[must_use]
    pub fn get(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
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
