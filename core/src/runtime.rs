//! The workers on real sockets: threads, epoll, one acceptor.
//!
//! Nothing is shared: a connection belongs to one worker thread for its whole life. The acceptor gives each new
//! connection to the worker with the fewest. The control plane sends messages to bounded mailboxes and wakes
//! the workers.
mod acceptor;
mod beat;
mod descriptors;
mod epoll;
mod listen;
mod thread;

pub use acceptor::Acceptor;
pub use descriptors::raise_limit;
pub use epoll::{Epoll, Socket};
pub use listen::{Bound, bind};
pub use thread::{Mail, Post};

use crate::Env;
use crate::access_log::Batch as LogBatch;
use crate::asking::Answer;
use crate::control_plane::ControlPlane;
use crate::directory::{Change, Directory, EndpointId, ListenerId, Use};
use crate::heartbeat::Heartbeat;
use crate::session::Protocols;
use crate::worker::Report;
use descriptors::Descriptors;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// The environment of workers on real sockets.
pub struct Live<P>(PhantomData<fn() -> P>);

impl<P: Protocols> Env for Live<P> {
    type Protocols = P;
    type Reactor = Epoll;
}

/// All data threads of the process, and the acceptor.
pub struct Runtime {
    workers: Vec<thread::Handle>,
    acceptor: Acceptor,
    descriptors: Arc<Descriptors>,
}

/// The layout of the data plane. It does not change while the process runs.
#[derive(Clone)]
pub struct Layout {
    /// The number of data threads.
    pub workers: usize,
    /// Whether each thread is bound to one CPU.
    pub pin: bool,
    /// The number of descriptors that the process may open, see [`raise_limit`].
    pub descriptors: usize,
    /// Receives the records of the access log.
    pub log: SyncSender<LogBatch>,
    /// Receives what workers tell the control plane.
    pub control: Arc<dyn ControlPlane>,
}

impl Runtime {
    /// Starts the threads. Returns when all of them can take calls.
    ///
    /// # Errors
    /// The system refuses a thread or an epoll instance.
    pub fn start<P: Protocols>(layout: &Layout, directory: &Directory) -> io::Result<Runtime> {
        let first = Arc::new(directory.as_change());
        let (ready, started) = std::sync::mpsc::sync_channel(layout.workers);
        let start = |i| thread::spawn::<P>(i, layout, Arc::clone(&first), ready.clone());
        let workers = (0..layout.workers).map(start).collect::<io::Result<Vec<_>>>()?;
        for _ in &workers {
            // fails only if a thread has ended, which then shows elsewhere
            let _ = started.recv();
        }
        let posts = workers.iter().map(|w| Arc::clone(&w.post)).collect();
        let descriptors = Arc::new(Descriptors::new(layout.descriptors));
        descriptors.keep_for(directory.upstream_connections(), layout.workers);
        Ok(Runtime {
            workers,
            acceptor: Acceptor::spawn(posts, Arc::clone(&descriptors))?,
            descriptors,
        })
    }

    /// The number of data threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The number of downstream connections that there are descriptors for.
    #[must_use]
    pub fn room_for_downstreams(&self) -> usize {
        self.descriptors.downstreams()
    }

    /// Starts to accept connections on a socket.
    pub fn listen(&self, id: ListenerId, bound: Bound) {
        self.acceptor.add(id, bound);
    }

    /// Closes a listening socket. Its connections go on.
    pub fn unlisten(&self, id: ListenerId) {
        self.acceptor.remove(id);
    }

    /// Sends a change to all workers. `directory` contains it already.
    pub fn apply(&self, change: Change, directory: &Directory) {
        self.descriptors
            .keep_for(directory.upstream_connections(), self.workers.len());
        let change = Arc::new(change);
        self.tell_all(|| Mail::Change(Arc::clone(&change)));
    }

    /// Answers a question of the worker with this index. Changes that were sent before are applied before.
    pub fn answer(&self, worker: usize, answer: Answer) {
        if let Some(worker) = self.workers.get(worker) {
            worker.post.send(Mail::Answer(answer));
        }
    }

    /// Sends a heartbeat. An endpoint belongs to one worker, which keeps a connection for its heartbeats, and which uses
    /// it for calls, too, unless the directory has changed meanwhile. Returns false if that worker has too much mail; there
    /// is no outcome then.
    #[must_use]
    pub fn heartbeat(&self, heartbeat: Heartbeat, directory: &Directory) -> bool {
        let worker = directory.heartbeat_worker(heartbeat.endpoint, self.workers.len());
        let worker = &self.workers[worker];
        worker.post.try_send(Mail::Heartbeat(heartbeat))
    }

    /// Tells all workers whether an endpoint is sick: it then gets no calls while another one can take them.
    pub fn set_sick(&self, endpoint: EndpointId, is_sick: bool) {
        self.tell_all(|| Mail::Sick(endpoint, is_sick));
    }

    /// What the workers use of removed parts, and how much they call services of registries.
    #[must_use]
    pub fn uses(&self) -> Vec<Use> {
        self.workers.iter().map(|w| w.post.uses()).collect()
    }

    /// Starts the access log with this share of the successful calls, or stops it.
    pub fn set_log(&self, sample: Option<f64>) {
        self.tell_all(|| Mail::Log(sample));
    }

    /// Asks all workers for their reports. A worker that does not send one in time is left out.
    #[must_use]
    pub fn reports(&self, timeout: Duration) -> Vec<Report> {
        let (tx, rx) = std::sync::mpsc::sync_channel(self.workers.len());
        for worker in &self.workers {
            // a worker with a full mailbox is left out, too: waiting for it could take forever
            let _ = worker.post.try_send(Mail::Report(tx.clone()));
        }
        drop(tx);
        let until = Instant::now() + timeout;
        let next = || {
            rx.recv_timeout(until.saturating_duration_since(Instant::now()))
                .ok()
        };
        std::iter::from_fn(next).collect()
    }

    /// The index of a worker that has taken no turn for longer than the limit. It sends no message to the
    /// workers.
    #[must_use]
    pub fn stuck_worker(&self, limit: Duration) -> Option<usize> {
        self.workers.iter().position(|w| w.post.beat.age() > limit)
    }

    /// The number of access log records dropped because the writer was too slow.
    #[must_use]
    pub fn log_dropped(&self) -> u64 {
        self.workers.iter().map(|w| w.post.log_dropped()).sum()
    }

    /// Calls whose downstream waits, and downstream connections that have not taken all of their responses.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.workers.iter().map(|w| w.post.in_flight()).sum()
    }

    /// Stops accepting, and announces to downstream peers that the process is going away.
    pub fn announce_drain(&self) {
        self.acceptor.stop();
        self.tell_all(|| Mail::Drain);
    }

    /// Closes each downstream connection as soon as it has no call in flight.
    pub fn part_from_downstreams(&self) {
        self.tell_all(|| Mail::Part);
    }

    /// Refuses all calls that come from now on.
    pub fn refuse_calls(&self) {
        self.tell_all(|| Mail::Refuse);
    }

    /// The number of downstream connections.
    #[must_use]
    pub fn downstreams(&self) -> usize {
        self.workers.iter().map(|w| w.post.connections()).sum()
    }

    /// Stops all threads, and closes the remaining connections.
    pub fn stop(self) {
        self.acceptor.stop();
        self.tell_all(|| Mail::Stop);
        for worker in self.workers {
            worker.join();
        }
        self.acceptor.join();
    }

    fn tell_all(&self, mail: impl Fn() -> Mail) {
        for worker in &self.workers {
            worker.post.send(mail());
        }
    }
}
