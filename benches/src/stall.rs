//! Notices when a CPU is taken away: by the host of a virtual machine, which `/proc/stat` often does not
//! show, or by other work on this machine. Such time is charged to the process that was running, so figures
//! of that moment are meaningless.
//!
//! One thread per CPU sleeps to the next millisecond and measures how late it wakes. It has a higher priority
//! than the measured processes, so they cannot delay it, and it leaves the CPU to them in between, which a
//! spinning thread would not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec};

use crate::process::{make_real_time, now_ns, pin_to};

const PERIOD_NS: u64 = 1_000_000;
/// The priority of the watching threads, one above the measured processes.
const PRIORITY: u8 = 2;
/// The latest wake-up of a timer on an undisturbed CPU, in nanoseconds.
const LATE_NS: u64 = 300_000;
/// The same for a thread without real-time priority, which waits for its turn among others.
const LATE_UNRANKED_NS: u64 = 5_000_000;

/// Watches some CPUs until dropped.
#[derive(Debug)]
pub struct StallWatch {
    lost: Vec<Arc<AtomicU64>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl StallWatch {
    /// Starts watching each of `cpus`.
    pub fn start(cpus: &[usize]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut lost, mut threads) = (Vec::new(), Vec::new());
        for &cpu in cpus {
            let counter = Arc::new(AtomicU64::new(0));
            lost.push(Arc::clone(&counter));
            let stop = Arc::clone(&stop);
            threads.push(thread::spawn(move || watch(cpu, &counter, &stop)));
        }
        Self { lost, stop, threads }
    }

    /// Nanoseconds lost so far on the CPU that lost most.
    pub fn lost_ns(&self) -> u64 {
        self.lost
            .iter()
            .map(|lost| lost.load(Ordering::Relaxed))
            .max()
            .unwrap_or(0)
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A watcher that panicked has only lost its own count.
            let _ = thread.join();
        }
    }
}

fn watch(cpu: usize, lost: &AtomicU64, stop: &AtomicBool) {
    if pin_to(&[cpu]).is_err() {
        return;
    }
    let tolerated = if make_real_time(PRIORITY).is_ok() {
        LATE_NS
    } else {
        LATE_UNRANKED_NS
    };
    let mut due = now_ns();
    while !stop.load(Ordering::Relaxed) {
        due += PERIOD_NS;
        let wake = Timespec {
            tv_sec: (due / 1_000_000_000) as i64,
            tv_nsec: (due % 1_000_000_000) as i64,
        };
        // An interrupted sleep only looks early, which the next line tolerates.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &wake);
        let late = now_ns().saturating_sub(due);
        if late > tolerated {
            lost.fetch_add(late, Ordering::Relaxed);
            due += late;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::allowed_cpus;

    #[test]
    fn a_watch_stops_when_dropped_and_counts_no_more_than_passed() {
        let started = now_ns();
        let watch = StallWatch::start(&allowed_cpus().unwrap());
        while now_ns() - started < 20 * PERIOD_NS {
            thread::yield_now();
        }
        let lost = watch.lost_ns();
        drop(watch);
        assert!(lost <= now_ns() - started);
    }
}
