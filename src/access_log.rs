//! Writes the access log: one line a call, in a thread of its own.
use crate::control::Names;
use rialto_core::access_log::{Batch, Record};
use rialto_core::config::{AccessLog, LogFormat, LogOutput};
use rialto_core::metrics::{Ended, SeriesId, SeriesKey};
use std::collections::HashMap;
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
    format: LogFormat,
    output: Output,
    names: Arc<Names>,
    series: HashMap<(usize, SeriesId), Arc<SeriesKey>>,
    signals: Arc<Signals>,
    line: String,
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
        let line = String::new();
        Ok(Writer {
            format: config.format,
            output,
            names,
            series: HashMap::new(),
            signals,
            line,
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
        for (id, key) in batch.fresh {
            self.series.insert((batch.worker, id), key);
        }
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let mut lines = std::mem::take(&mut self.line);
        for record in &batch.records {
            let Some(key) = self.series.get(&(batch.worker, record.series)) else {
                continue;
            };
            let line = self.names.with(|names| Line::new(&time, key, record, names));
            match self.format {
                LogFormat::Text => line.text(&mut lines),
                LogFormat::Json => line.json(&mut lines),
            }
        }
        let written = match &mut self.output {
            Output::Stdout(to) => to.lock().write_all(lines.as_bytes()),
            Output::Stderr(to) => to.lock().write_all(lines.as_bytes()),
            Output::File(_, to) => to.write_all(lines.as_bytes()).and_then(|()| to.flush()),
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
        lines.clear();
        self.line = lines;
    }
}

fn open(path: &std::path::Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(
        OpenOptions::new().create(true).append(true).open(path)?,
    ))
}

/// The fields of a line, in their order.
#[derive(serde::Serialize)]
struct Line<'a> {
    time: &'a str,
    listener: String,
    caller: Option<String>,
    protocol: &'static str,
    service: &'a str,
    method: &'a str,
    route: String,
    cluster: String,
    upstream_protocol: &'static str,
    endpoint: Option<String>,
    outcome: &'static str,
    duration_us: u64,
    request_bytes: u32,
    attempts: u8,
}

impl<'a> Line<'a> {
    fn new(time: &'a str, key: &'a SeriesKey, r: &Record, names: &crate::control::NamesView<'_>) -> Self {
        Line {
            time,
            listener: names.listener(key.listener),
            caller: r.caller.map(|a| a.to_string()),
            protocol: crate::control::protocol_name(key.down),
            service: &key.service,
            method: &key.method,
            route: key.route.map_or_else(String::new, |id| names.route(id)),
            cluster: key.cluster.map_or_else(String::new, |id| names.cluster(id)),
            upstream_protocol: crate::control::protocol_name(key.up),
            endpoint: r.endpoint.map(|id| names.endpoint(id)),
            outcome: Ended::name(r.ended.index()),
            duration_us: r.latency_us,
            request_bytes: r.bytes_in,
            attempts: r.attempts,
        }
    }

    /// `key=value` pairs; values that callers choose are quoted where they could be misread.
    fn text(&self, out: &mut String) {
        use std::fmt::Write as _;
        let dash = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".into());
        // writing to a string cannot fail
        let _ = writeln!(
            out,
            "{} {} {} {}->{} service={} method={} route={} cluster={} endpoint={} outcome={} \
             duration_us={} request_bytes={} attempts={}",
            self.time,
            quoted(&self.listener),
            dash(&self.caller),
            self.protocol,
            self.upstream_protocol,
            quoted(self.service),
            quoted(self.method),
            quoted(&self.route),
            quoted(&self.cluster),
            dash(&self.endpoint),
            self.outcome,
            self.duration_us,
            self.request_bytes,
            self.attempts,
        );
    }

    fn json(&self, out: &mut String) {
        if let Ok(line) = serde_json::to_string(self) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

fn quoted(s: &str) -> std::borrow::Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "._-:$/<>*".contains(c);
    if s.is_empty() {
        "-".into()
    } else if s.chars().all(plain) {
        s.into()
    } else {
        format!("{s:?}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_callers_cannot_forge_lines() {
        assert_eq!(quoted("com.acme.Greeter"), "com.acme.Greeter");
        assert_eq!(quoted("x\n2026 forged"), "\"x\\n2026 forged\"");
        assert_eq!(quoted(""), "-");
    }
}
