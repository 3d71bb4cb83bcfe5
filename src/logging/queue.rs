//! A queue of log lines for standard error. Its own thread writes them, because a worker must not block on a pipe
//! that nobody reads. Lines that do not fit into the queue are dropped and counted.
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// How many lines can wait.
const LINES: usize = 4096;
/// How many bytes can wait. A report of many mistakes in a configuration is a single line, so lines alone are no
/// limit.
const BYTES: usize = 8 << 20;

/// The queue, to which any thread can add lines.
#[derive(Clone)]
pub(super) struct Queue {
    lines: SyncSender<Item>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The bytes of the waiting lines.
    bytes: AtomicUsize,
    /// How many lines were dropped or could not be written.
    lost: AtomicU64,
}

enum Item {
    Line(Vec<u8>),
    /// Asks for a message once all earlier lines are written or lost.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread that writes.
    pub(super) fn start(to: impl Write + Send + 'static) -> io::Result<Queue> {
        let (lines, inbox) = sync_channel(LINES);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&inbox, to, &shared))?;
        Ok(Queue { lines, state })
    }

    fn put(&self, line: &[u8]) {
        let before = self.state.bytes.fetch_add(line.len(), Ordering::Relaxed);
        let fits = before + line.len() <= BYTES;
        if !fits || self.lines.try_send(Item::Line(line.to_vec())).is_err() {
            self.state.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    /// Waits until all lines so far are written, but not longer than the limit.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, wait) = sync_channel(1);
        match self.lines.try_send(Item::Flush(done)) {
            Ok(()) => {
                // if standard error is stuck, the process ends without its last lines
                let _ = wait.recv_timeout(limit);
            }
            // a full queue means that standard error has been stuck for long
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(inbox: &Receiver<Item>, mut to: impl Write, state: &State) {
    let mut reported = 0;
    while let Ok(item) = inbox.recv() {
        match item {
            Item::Line(line) => {
                let written = to.write_all(&line).and_then(|()| to.flush());
                state.bytes.fetch_sub(line.len(), Ordering::Relaxed);
                if written.is_err() {
                    state.lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let lost = state.lost.load(Ordering::Relaxed);
                if lost > reported {
                    // this line joins the end of the queue, so it follows the lines that the loss interrupted
                    tracing::warn!(
                        "{} lines of this log were lost: standard error did not take them ({lost} since the start)",
                        lost - reported
                    );
                    reported = lost;
                }
            }
            Item::Flush(done) => {
                // `flush` may have stopped waiting
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A writer that takes one line for each message in `go`.
    struct Stuck {
        go: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go.recv().map_err(|_| io::ErrorKind::StorageFull)?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stopped_stops_nobody_and_what_it_missed_is_counted() {
        let (go, wait) = sync_channel(LINES * 2);
        let written = Arc::new(Mutex::new(vec![]));
        let stuck = Stuck {
            go: wait,
            written: Arc::clone(&written),
        };
        let queue = Queue::start(stuck).unwrap();
        for _ in 0..LINES * 2 {
            (&queue).write_all(b"line\n").unwrap();
        }
        let lost = queue.lost() as usize;
        assert!((LINES - 1..=LINES).contains(&lost), "{lost}");
        queue.flush(Duration::from_millis(1));
        (0..LINES * 2).for_each(|_| go.send(()).unwrap());
        queue.flush(Duration::from_secs(20));
        while written.lock().unwrap().len() < (LINES * 2 - lost) * 5 {
            queue.flush(Duration::from_secs(20));
        }
        drop(go);
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let (go, wait) = sync_channel(1);
        let queue = Queue::start(Stuck {
            go: wait,
            written: Arc::default(),
        })
        .unwrap();
        let report = vec![b'x'; BYTES / 2];
        for _ in 0..4 {
            (&queue).write_all(&report).unwrap();
        }
        assert_eq!(queue.lost(), 2);
        drop(go);
        queue.flush(Duration::from_secs(20));
        assert_eq!(queue.lost(), 4, "the disk is full");
    }
}
