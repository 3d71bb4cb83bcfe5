//! The thread that writes the access log, one line for each call.
mod line;

use crate::state::{AccessLogSignals, Names};
use line::Lines;
use rialto_config::{AccessLog, LogOutput};
use rialto_core::access_log::Batch;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

/// How many batches can wait for the writer. If there are more, workers drop their records instead of waiting.
pub const QUEUE: usize = 256;

/// The writer, which owns the output and runs on its own thread.
pub struct Writer {
    output: Output,
    names: Arc<Names>,
    lines: Lines,
    signals: Arc<AccessLogSignals>,
    /// The lines of one batch. It is a field so that its memory is used again.
    text: String,
    failures: WriteFailures,
}

enum Output {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(std::path::PathBuf, File),
    Off,
}

impl Writer {
    /// Opens the output that the configuration names.
    pub fn open(config: &AccessLog, names: Arc<Names>, signals: Arc<AccessLogSignals>) -> io::Result<Writer> {
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
            failures: WriteFailures::default(),
        })
    }

    /// Writes batches until all workers have ended.
    pub fn run(mut self, batches: &Receiver<Batch>) {
        loop {
            let batch = match batches.recv_timeout(Duration::from_secs(1)) {
                Ok(batch) => Some(batch),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.signals.take_reopen()
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
        let time = stamp(SystemTime::now());
        let (lines, text) = (&mut self.lines, &mut self.text);
        self.names
            .with(|names| lines.put(text, &time, batch.worker, &batch.records, names));
        let written = match &mut self.output {
            Output::Stdout(to) => put(&mut to.lock(), &mut self.failures.torn, text),
            Output::Stderr(to) => put(&mut to.lock(), &mut self.failures.torn, text),
            Output::File(_, to) => put(to, &mut self.failures.torn, text),
            Output::Off => Ok(()),
        };
        let lines = batch.records.len() as u64;
        if written.is_err() {
            self.signals.add_failed(lines);
        }
        match self.failures.note(&written, lines, Instant::now()) {
            Some(Notice::Failing(e)) => tracing::error!("the access log cannot be written: {e}"),
            Some(Notice::Works(lost)) => {
                tracing::warn!("the access log is written again; {lost} lines of it were lost");
            }
            None => {}
        }
        self.text.clear();
    }
}

/// After how long a failure that goes on is logged again.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// The state of a failure to write, to log it now and then and not for each batch.
#[derive(Default)]
struct WriteFailures {
    /// Whether only a part of the last line was written.
    torn: bool,
    /// How many lines were lost since writing last succeeded.
    lost: u64,
    /// When the failure was last logged.
    said: Option<Instant>,
}

/// What to log for the operator.
enum Notice<'a> {
    Failing(&'a io::Error),
    Works(u64),
}

impl WriteFailures {
    fn note<'a>(&mut self, written: &'a io::Result<()>, lines: u64, now: Instant) -> Option<Notice<'a>> {
        match written {
            Ok(()) if self.lost == 0 => None,
            Ok(()) => {
                self.said = None;
                Some(Notice::Works(std::mem::take(&mut self.lost)))
            }
            Err(e) => {
                self.lost += lines;
                let due = self
                    .said
                    .is_none_or(|said| now.duration_since(said) >= SAID_AGAIN);
                due.then(|| {
                    self.said = Some(now);
                    Notice::Failing(e)
                })
            }
        }
    }
}

/// Writes a text. If only a part of the previous line was written, begins a new line first.
fn put(to: &mut impl Write, torn: &mut bool, text: &str) -> io::Result<()> {
    if *torn {
        to.write_all(b"\n")?;
        *torn = false;
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                *torn = rest.len() < text.len();
                return Err(e);
            }
        }
    }
    to.flush()
}

/// The last second of the year 9999, which is the last that `humantime` can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// Writes a time. If the clock is so wrong that `humantime` cannot write it, uses the nearest time that it can.
fn stamp(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    humantime::format_rfc3339_millis(time.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

fn open(path: &std::path::Path) -> io::Result<File> {
    // Opening a pipe would wait for its reader.
    if std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo()) {
        return Err(io::Error::other("it is a pipe; write to stdout, or to a file"));
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_is_wrong_enough_to_stop_the_log() {
        let day = Duration::from_secs(24 * 3600);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(stamp(epoch + day), "1970-01-02T00:00:00.000Z");
        assert_eq!(stamp(epoch - day), "1970-01-01T00:00:00.000Z");
        assert_eq!(stamp(epoch + day * 365 * 10_000), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_full_disk_is_said_now_and_then_and_when_it_is_over() {
        let mut failures = WriteFailures::default();
        let full = Err(io::ErrorKind::StorageFull.into());
        let began = Instant::now();
        let mut at = |seconds, written: &io::Result<()>| match failures.note(
            written,
            2,
            began + Duration::from_secs(seconds),
        ) {
            Some(Notice::Failing(_)) => "failing".to_owned(),
            Some(Notice::Works(lost)) => format!("works, {lost} lost"),
            None => String::new(),
        };
        assert_eq!(at(0, &Ok(())), "");
        assert_eq!(
            [1, 2, 60, 61, 62].map(|s| at(s, &full)),
            ["failing", "", "", "failing", ""]
        );
        assert_eq!([63, 64].map(|s| at(s, &Ok(()))), ["works, 10 lost", ""]);
        assert_eq!(at(65, &full), "failing");
    }

    /// A disk whose free space in bytes is the second field.
    struct Disk(Vec<u8>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.1 - self.0.len());
            self.0.extend_from_slice(&bytes[..n]);
            if n == 0 {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(n)
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_follows_a_torn_line_begins_a_line() {
        let (mut disk, mut torn) = (Disk(vec![], 6), false);
        assert!(put(&mut disk, &mut torn, "one\ntwo\n").is_err());
        assert!(put(&mut disk, &mut torn, "three\n").is_err());
        disk.1 = 100;
        put(&mut disk, &mut torn, "four\n").unwrap();
        put(&mut disk, &mut torn, "five\n").unwrap();
        assert_eq!(disk.0, b"one\ntw\nfour\nfive\n");
    }
}
