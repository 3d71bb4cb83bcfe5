//! Writes the access log: one line a call, in a thread of its own.
mod line;

use crate::control::Names;
use line::Lines;
use rialto_core::access_log::Batch;
use rialto_core::config::{AccessLog, LogOutput};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

/// Batches that may wait for the writer; workers drop records beyond that.
pub const QUEUE: usize = 256;

/// What the rest of the process may tell and ask the writer.
#[derive(Default)]
pub struct Signals {
    /// Open the file anew: it was moved away.
    reopen: AtomicBool,
    /// Lines that could not be written.
    failed: AtomicU64,
}

/// The thread's state.
pub struct Writer {
    output: Output,
    names: Arc<Names>,
    lines: Lines,
    signals: Arc<Signals>,
    /// What is being written.
    text: String,
}

enum Output {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(std::path::PathBuf, BufWriter<File>),
    Off,
}

impl Signals {
    /// Opens the file anew before the next line.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }

    /// Lines that could not be written.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Opens the log.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(config: &AccessLog, names: Arc<Names>, signals: Arc<Signals>) -> io::Result<Writer> {
        let output = match &config.path {
            LogOutput::Stdout => Output::Stdout(io::stdout()),
            LogOutput::Stderr => Output::Stderr(io::stderr()),
            LogOutput::Off => Output::Off,
            LogOutput::File(path) => Output::File(path.clone(), open(path)?),
        };
        Ok(Writer {
            output,
            names,
            lines: Lines::new(config.format),
            signals,
            text: String::new(),
        })
    }

    /// Writes until the last worker has ended.
    pub fn run(mut self, batches: &Receiver<Batch>) {
        loop {
            let batch = match batches.recv_timeout(Duration::from_secs(1)) {
                Ok(batch) => Some(batch),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.signals.reopen.swap(false, Ordering::AcqRel)
                && let Output::File(path, file) = &mut self.output
            {
                match open(path) {
                    Ok(new) => *file = new,
                    Err(e) => {
                        tracing::error!("the access log {} cannot be opened again: {e}", path.display());
                    }
                }
            }
            if let Some(batch) = batch {
                self.write(batch);
            }
        }
    }

    fn write(&mut self, batch: Batch) {
        self.lines.learn(batch.worker, batch.fresh);
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let (lines, text) = (&mut self.lines, &mut self.text);
        self.names
            .with(|names| lines.put(text, &time, batch.worker, &batch.records, names));
        let written = match &mut self.output {
            Output::Stdout(to) => to.lock().write_all(text.as_bytes()),
            Output::Stderr(to) => to.lock().write_all(text.as_bytes()),
            Output::File(_, to) => to.write_all(text.as_bytes()).and_then(|()| to.flush()),
            Output::Off => Ok(()),
        };
        if let Err(e) = written {
            let before = self
                .signals
                .failed
                .fetch_add(batch.records.len() as u64, Ordering::Relaxed);
            if before == 0 {
                tracing::error!("the access log cannot be written: {e}");
            }
        }
        self.text.clear();
    }
}

fn open(path: &std::path::Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(
        OpenOptions::new().create(true).append(true).open(path)?,
    ))
}
