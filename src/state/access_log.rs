//! What the thread that writes the access log shares with the rest of the process.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A request to that thread and a count from it. Both are atomics, because the control thread must not wait for a slow disk.
#[derive(Default)]
pub struct AccessLogSignals {
    reopen: AtomicBool,
    failed: AtomicU64,
}

impl AccessLogSignals {
    /// Asks the writer to open the log file again, because the old file was moved away.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }

    /// Whether [`reopen`](Self::reopen) was called since the last time the writer looked.
    pub(crate) fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::AcqRel)
    }

    /// Counts lines that could not be written.
    pub(crate) fn add_failed(&self, lines: u64) {
        self.failed.fetch_add(lines, Ordering::Relaxed);
    }

    /// How many lines could not be written so far.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
