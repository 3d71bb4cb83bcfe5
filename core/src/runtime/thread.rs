//! The thread and the mailbox of one worker.
use super::beat::Beat;
use super::epoll::{Epoll, Socket};
use super::{Layout, Live};
use crate::access_log::{AccessLogBuffer, Batch as LogBatch};
use crate::asking::Answer;
use crate::control_plane::ControlPlane;
use crate::directory::{Change, EndpointId, ListenerId, Seat, Use};
use crate::error::{CallError, ErrorKind, Limit};
use crate::heartbeat::Heartbeat;
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
/// The capacity of a mailbox. The acceptor and the control plane wait for a worker whose mailbox is full.
const MAILBOX: usize = 1024;
/// The longest time between two turns of a worker without calls, so that it checks its connections.
const IDLE_WAIT: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(TICK_MS);

/// A message to a worker.
pub enum Mail {
    /// A downstream connection to take over.
    Accepted {
        /// The connection.
        socket: Socket,
        /// The listener that accepted it.
        listener: ListenerId,
        /// The downstream's address.
        peer: Option<SocketAddr>,
    },
    /// A connection was closed by the acceptor and has to be counted.
    Refused(ListenerId),
    /// A change of the directory to apply.
    Change(Arc<Change>),
    /// The answer to a question of this worker.
    Answer(Answer),
    /// A heartbeat to send.
    Heartbeat(Heartbeat),
    /// An endpoint has fallen sick, or has recovered.
    Sick(EndpointId, bool),
    /// The share of successful calls to log; `None` turns the access log off.
    Log(Option<f64>),
    /// A report is to be sent on this channel.
    Report(SyncSender<Report>),
    /// Downstream peers are to be told that the process is going away.
    Drain,
    /// Downstream connections are to be closed between two calls.
    Part,
    /// New calls are to be refused.
    Refuse,
    /// The thread is to stop.
    Stop,
}

/// The sending end of a worker's mailbox, and the numbers that a worker publishes.
pub struct Post {
    mails: SyncSender<Mail>,
    waker: Waker,
    pub(super) beat: Beat,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    log_dropped: AtomicU64,
    /// What the worker uses of removed parts. Written at most twice a second, and only if it has changed.
    uses: Mutex<Use>,
}

/// A running worker thread.
pub(super) struct Handle {
    pub(super) post: Arc<Post>,
    thread: JoinHandle<()>,
}

impl Post {
    /// Sends a message, and waits while the mailbox is full.
    pub(super) fn send(&self, mail: Mail) {
        // fails only after the worker was told to stop
        let _ = self.mails.send(mail);
        let _ = self.waker.wake();
    }

    /// Sends a message, unless the mailbox is full or the worker was told to stop. Returns whether it did.
    pub(super) fn try_send(&self, mail: Mail) -> bool {
        let sent = self.mails.try_send(mail).is_ok();
        let _ = self.waker.wake();
        sent
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection in the mailbox, until the worker publishes its own number.
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

/// Starts a worker thread. It says on `ready` that it has applied its first change.
pub(super) fn spawn<P: Protocols>(
    index: usize,
    layout: &Layout,
    first: Arc<Change>,
    ready: SyncSender<()>,
) -> io::Result<Handle> {
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
    let control = Arc::clone(&layout.control);
    let pin = layout.pin;
    let seat = Seat {
        index: index as u32,
        workers: layout.workers as u32,
    };
    let thread = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            if pin {
                pin_to(index);
            }
            let worker = Worker::<Live<P>>::among(seat, Epoll::new(registry), &first, fastrand::u64(..));
            drop(first);
            // fails only if the control plane has given up
            let _ = ready.send(());
            drop(ready);
            Loop {
                index,
                poll,
                inbox,
                post: shown,
                log,
                control,
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
    control: Arc<dyn ControlPlane>,
    /// The names of series in dropped batches, which the log's writer still has to get.
    names: Vec<(SeriesId, Arc<SeriesKey>)>,
    /// Too many names were dropped, so the next batch has to contain all of them.
    names_lost: bool,
    worker: Worker<Live<P>>,
}

/// The largest number of names kept for a writer that is too slow.
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
            let now = start.elapsed();
            let clock = Now {
                us: now.as_micros() as u64,
            };
            if mail {
                // The clock stands at the last turn, which may be long ago.
                self.worker.set_clock(clock);
                if !self.read_mail() {
                    return;
                }
            }
            busy = self.worker.turn(&ready, clock);
            self.post.beat.note(now);
            self.show();
            if now >= show_uses_at {
                show_uses_at = now + IDLE_WAIT;
                self.show_uses();
            }
            self.ship_questions();
            for outcome in self.worker.take_outcomes() {
                self.control.ended(outcome);
            }
            self.ship_log();
        }
    }

    /// Handles the messages in the mailbox. Returns false when the thread is to stop.
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
                Mail::Answer(answer) => self.worker.answer(&answer),
                Mail::Heartbeat(heartbeat) => self.worker.heartbeat(heartbeat),
                Mail::Sick(endpoint, is_sick) => self.worker.set_sick(endpoint, is_sick),
                Mail::Log(sample) => self.worker.set_log(sample.map(AccessLogBuffer::new)),
                Mail::Report(to) => {
                    // the receiver may have given up
                    let _ = to.try_send(self.worker.report());
                }
                Mail::Drain => self.worker.announce_drain(),
                Mail::Part => self.worker.part_from_downstreams(),
                Mail::Refuse => self.worker.refuse_calls(),
                Mail::Stop => return false,
            }
        }
        true
    }

    /// Publishes the load. A value is written only if it has changed, so that readers keep their cache line.
    fn show(&self) {
        let put = |cell: &AtomicUsize, value: usize, order| {
            if cell.load(Ordering::Relaxed) != value {
                cell.store(value, order);
            }
        };
        put(
            &self.post.connections,
            self.worker.downstreams(),
            Ordering::Relaxed,
        );
        put(&self.post.in_flight, self.worker.unfinished(), Ordering::Release);
    }

    /// Publishes which removed parts are still used.
    fn show_uses(&mut self) {
        let uses = self.worker.uses();
        let mut shown = self.post.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != uses {
            *shown = uses;
        }
    }

    /// Sends the questions of this turn. The calls of those that find no room fail.
    fn ship_questions(&mut self) {
        for question in self.worker.take_questions() {
            let ticket = question.ticket;
            if !self.control.ask(self.index, question) {
                let text = "too many services are being looked up in registries";
                let error = CallError::new(ErrorKind::Overload, text).by(Limit::WaitingCalls);
                let result = Err(error);
                self.worker.answer(&Answer { ticket, result });
            }
        }
    }

    /// Sends the records of the access log. A writer that is too slow loses records, but no names.
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
