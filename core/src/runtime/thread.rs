//! One worker's thread and mailbox.
use super::beat::Beat;
use super::epoll::{Epoll, Socket};
use super::{Layout, Live};
use crate::access_log::{AccessLogBuffer, Batch as LogBatch};
use crate::directory::{Change, ListenerId, Use};
use crate::metrics::{SeriesId, SeriesKey};
use crate::session::Protocols;
use crate::slots::ConnKey;
use crate::wheel::TICK_MS;
use crate::worker::{Now, Ready, Report, Worker};
use mio::{Events, Poll, Token, Waker};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const WAKE: Token = Token(usize::MAX);
/// Mails that may wait for a worker; the acceptor and control wait when it is that far behind.
const MAILBOX: usize = 1024;
/// A worker without calls looks after its connections this often.
const IDLE_WAIT: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(TICK_MS);

/// What control and the acceptor tell a worker.
pub enum Mail {
    /// A caller's connection.
    Accepted {
        /// The connection.
        socket: Socket,
        /// Where it was accepted.
        listener: ListenerId,
        /// The caller's address.
        peer: Option<SocketAddr>,
    },
    /// A connection that the acceptor closed at once.
    Refused(ListenerId),
    /// Parts of the directory that are new.
    Change(Arc<Change>),
    /// Log this share of the calls that succeed, or nothing.
    Log(Option<f64>),
    /// Tell of yourself.
    Report(SyncSender<Report>),
    /// Tell callers that the process is going away.
    Drain,
    /// Close callers' connections between two calls.
    Part,
    /// Refuse calls that still come.
    Refuse,
    /// End.
    Stop,
}

/// The sending end of a worker's mailbox, and what everybody may know of the worker.
pub struct Post {
    mails: SyncSender<Mail>,
    waker: Waker,
    pub(super) beat: Beat,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    log_dropped: AtomicU64,
    /// Written twice a second at most, and only where it differs.
    uses: Mutex<Use>,
}

/// A running worker.
pub(super) struct Handle {
    pub(super) post: Arc<Post>,
    thread: JoinHandle<()>,
}

impl Post {
    /// Puts a mail into the box, waiting if it is full.
    pub(super) fn send(&self, mail: Mail) {
        // fails only after the worker was told to stop
        let _ = self.mails.send(mail);
        let _ = self.waker.wake();
    }

    /// Puts a mail into the box unless it is full.
    pub(super) fn try_send(&self, mail: Mail) {
        // what does not fit, and what comes after the worker was told to stop, is lost
        let _ = self.mails.try_send(mail);
        let _ = self.waker.wake();
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that is in the mailbox still, until the worker says how many it has.
    pub(super) fn expect_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(super) fn uses(&self) -> Use {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn log_dropped(&self) -> u64 {
        self.log_dropped.load(Ordering::Relaxed)
    }
}

impl Handle {
    pub(super) fn join(self) {
        let _ = self.thread.join();
    }
}

pub(super) fn spawn<P: Protocols>(index: usize, layout: &Layout, first: Arc<Change>) -> io::Result<Handle> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let registry = poll.registry().try_clone()?;
    let (mails, inbox) = sync_channel(MAILBOX);
    let post = Arc::new(Post {
        mails,
        waker,
        beat: Beat::new(Instant::now()),
        connections: AtomicUsize::new(0),
        in_flight: AtomicUsize::new(0),
        log_dropped: AtomicU64::new(0),
        uses: Mutex::default(),
    });
    let shown = Arc::clone(&post);
    let log = layout.log.clone();
    let pin = layout.pin;
    let thread = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            if pin {
                pin_to(index);
            }
            let worker = Worker::<Live<P>>::new(Epoll::new(registry), &first, fastrand::u64(..));
            drop(first);
            Loop {
                index,
                poll,
                inbox,
                post: shown,
                log,
                names: vec![],
                names_lost: false,
                worker,
            }
            .run();
        })?;
    Ok(Handle { post, thread })
}

fn pin_to(index: usize) {
    let mut cpus = rustix::thread::CpuSet::new();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    cpus.set(index % count);
    if let Err(e) = rustix::thread::sched_setaffinity(None, &cpus) {
        tracing::warn!("worker {index} cannot be bound to a CPU: {e}");
    }
}

struct Loop<P: Protocols> {
    index: usize,
    poll: Poll,
    inbox: Receiver<Mail>,
    post: Arc<Post>,
    log: SyncSender<LogBatch>,
    /// Names that a dropped batch should have brought to the log's writer.
    names: Vec<(SeriesId, Arc<SeriesKey>)>,
    /// They were too many to be kept: the next batch brings all that there are.
    names_lost: bool,
    worker: Worker<Live<P>>,
}

/// Names that wait for a log's writer that is behind.
const NAMES_MAX: usize = 16 << 10;

impl<P: Protocols> Loop<P> {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut ready = vec![];
        let start = self.post.beat.born();
        let mut busy = false;
        let mut show_uses_at = Duration::ZERO;
        loop {
            let wait = match busy {
                true => Duration::ZERO,
                false if self.worker.is_waiting() => TICK,
                false => IDLE_WAIT,
            };
            if let Err(e) = self.poll.poll(&mut events, Some(wait))
                && e.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!("worker {} cannot wait for its sockets: {e}", self.index);
                return;
            }
            ready.clear();
            let mut mail = false;
            for e in &events {
                if e.token() == WAKE {
                    mail = true;
                    continue;
                }
                ready.push(Ready {
                    conn: ConnKey::from_bits(e.token().0 as u32),
                    readable: e.is_readable() || e.is_read_closed() || e.is_error(),
                    writable: e.is_writable(),
                    closed: e.is_read_closed() || e.is_error(),
                });
            }
            if mail && !self.read_mail() {
                return;
            }
            let now = start.elapsed();
            busy = self.worker.turn(
                &ready,
                Now {
                    us: now.as_micros() as u64,
                },
            );
            self.post.beat.note(now);
            self.show();
            if now >= show_uses_at {
                show_uses_at = now + IDLE_WAIT;
                self.show_uses();
            }
            self.ship_log();
        }
    }

    /// False when the worker is to end.
    fn read_mail(&mut self) -> bool {
        while let Ok(mail) = self.inbox.try_recv() {
            match mail {
                Mail::Accepted {
                    socket,
                    listener,
                    peer,
                } => self.worker.accept(socket, listener, peer),
                Mail::Refused(listener) => self.worker.refused(listener),
                Mail::Change(change) => self.worker.apply(&change),
                Mail::Log(sample) => self.worker.set_log(sample.map(AccessLogBuffer::new)),
                Mail::Report(to) => {
                    // whoever asked may have given up
                    let _ = to.try_send(self.worker.report());
                }
                Mail::Drain => self.worker.announce_drain(),
                Mail::Part => self.worker.part_from_callers(),
                Mail::Refuse => self.worker.refuse_calls(),
                Mail::Stop => return false,
            }
        }
        true
    }

    /// Shows the load; a value that did not change is not written again, so readers keep their cache line.
    fn show(&self) {
        let put = |cell: &AtomicUsize, value: usize, order| {
            if cell.load(Ordering::Relaxed) != value {
                cell.store(value, order);
            }
        };
        put(&self.post.connections, self.worker.callers(), Ordering::Relaxed);
        put(&self.post.in_flight, self.worker.unfinished(), Ordering::Release);
    }

    /// Shows which removed parts are used still.
    fn show_uses(&mut self) {
        let uses = self.worker.uses();
        let mut shown = self.post.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != uses {
            *shown = uses;
        }
    }

    fn ship_log(&mut self) {
        let Some(mut batch) = self
            .worker
            .take_log(self.index, std::mem::take(&mut self.names_lost))
        else {
            return;
        };
        if !self.names.is_empty() {
            self.names.append(&mut batch.fresh);
            batch.fresh = std::mem::take(&mut self.names);
        }
        let mut dropped = batch.dropped;
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) = self.log.try_send(batch) {
            dropped += batch.records.len() as u64;
            self.names = batch.fresh;
            if self.names.len() > NAMES_MAX {
                self.names = vec![];
                self.names_lost = true;
            }
        }
        if dropped > 0 {
            self.post.log_dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}
