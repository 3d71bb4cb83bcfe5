//! Writes the access log: one line a call, in a thread of its own.
mod line;

use crate::state::{AccessLogSignals, Names};
use line::Lines;
use rialto_core::access_log::Batch;
use rialto_core::config::{AccessLog, LogOutput};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

/// Batches that may wait for the writer; workers drop records beyond that.
pub const QUEUE: usize = 256;

/// The thread's state.
pub struct Writer {
    output: Output,
    names: Arc<Names>,
    lines: Lines,
    signals: Arc<AccessLogSignals>,
    /// What is being written.
    text: String,
    trouble: Trouble,
}

enum Output {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(std::path::PathBuf, File),
    Off,
}

impl Writer {
    /// Opens the log.
    ///
    /// # Errors
    /// The file cannot be opened.
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
            trouble: Trouble::default(),
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
            Output::Stdout(to) => put(&mut to.lock(), &mut self.trouble.torn, text),
            Output::Stderr(to) => put(&mut to.lock(), &mut self.trouble.torn, text),
            Output::File(_, to) => put(to, &mut self.trouble.torn, text),
            Output::Off => Ok(()),
        };
        let lines = batch.records.len() as u64;
        if written.is_err() {
            self.signals.add_failed(lines);
        }
        match self.trouble.note(&written, lines, Instant::now()) {
            Some(Say::Failing(e)) => tracing::error!("the access log cannot be written: {e}"),
            Some(Say::Works(lost)) => {
                tracing::warn!("the access log is written again; {lost} lines of it were lost");
            }
            None => {}
        }
        self.text.clear();
    }
}

/// A disk that is full is said again after this.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// What goes wrong with writing.
#[derive(Default)]
struct Trouble {
    /// The last line was written in part only.
    torn: bool,
    /// Lines lost since it worked last.
    lost: u64,
    /// When it was said.
    said: Option<Instant>,
}

/// What an operator should know.
enum Say<'a> {
    Failing(&'a io::Error),
    Works(u64),
}

impl Trouble {
    fn note<'a>(&mut self, written: &'a io::Result<()>, lines: u64, now: Instant) -> Option<Say<'a>> {
        match written {
            Ok(()) if self.lost == 0 => None,
            Ok(()) => {
                self.said = None;
                Some(Say::Works(std::mem::take(&mut self.lost)))
            }
            Err(e) => {
                self.lost += lines;
                let due = self
                    .said
                    .is_none_or(|said| now.duration_since(said) >= SAID_AGAIN);
                due.then(|| {
                    self.said = Some(now);
                    Say::Failing(e)
                })
            }
        }
    }
}

/// Writes a text, on a line of its own if the one before was `torn`.
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

/// When the calendar of `humantime` ends, in seconds: the last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// A time as text. A clock that is far off is no reason to stop: such a time is written as the nearest that has a form.
fn stamp(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    humantime::format_rfc3339_millis(time.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

fn open(path: &std::path::Path) -> io::Result<File> {
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
        let mut trouble = Trouble::default();
        let full = Err(io::ErrorKind::StorageFull.into());
        let began = Instant::now();
        let mut at = |seconds, written: &io::Result<()>| match trouble.note(
            written,
            2,
            began + Duration::from_secs(seconds),
        ) {
            Some(Say::Failing(_)) => "failing".to_owned(),
            Some(Say::Works(lost)) => format!("works, {lost} lost"),
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

    /// A disk with room for some bytes more.
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
