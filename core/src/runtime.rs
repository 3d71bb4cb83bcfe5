//! The real world around workers: threads, epoll, sockets, one acceptor.
//!
//! Share-nothing: a worker thread owns its connections for their whole life. The acceptor hands each new one to
//! the worker with the fewest; control talks to workers by bounded mailboxes with a waker.
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
use crate::directory::{Change, Directory, ListenerId, Use};
use crate::session::Protocols;
use crate::worker::Report;
use descriptors::Descriptors;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Workers on real sockets.
pub struct Live<P>(PhantomData<fn() -> P>);

impl<P: Protocols> Env for Live<P> {
    type Protocols = P;
    type Reactor = Epoll;
}

/// All data threads of the process and the acceptor.
pub struct Runtime {
    workers: Vec<thread::Handle>,
    acceptor: Acceptor,
    descriptors: Arc<Descriptors>,
}

/// How the data plane is laid out; fixed for the life of the process.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Data threads.
    pub workers: usize,
    /// Bind each to one CPU.
    pub pin: bool,
    /// Descriptors that the process may open, see [`raise_limit`].
    pub descriptors: usize,
    /// Where finished calls go.
    pub log: SyncSender<LogBatch>,
}

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system refuses a thread or an epoll instance.
    pub fn start<P: Protocols>(layout: &Layout, directory: &Directory) -> io::Result<Runtime> {
        let first = Arc::new(directory.as_change());
        let start = |i| thread::spawn::<P>(i, layout, Arc::clone(&first));
        let workers = (0..layout.workers).map(start).collect::<io::Result<Vec<_>>>()?;
        let posts = workers.iter().map(|w| Arc::clone(&w.post)).collect();
        let descriptors = Arc::new(Descriptors::new(layout.descriptors));
        descriptors.keep_for(directory.upstream_connections(), layout.workers);
        Ok(Runtime {
            workers,
            acceptor: Acceptor::spawn(posts, Arc::clone(&descriptors))?,
            descriptors,
        })
    }

    /// Number of data threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Connections of callers that there are descriptors for.
    #[must_use]
    pub fn room_for_callers(&self) -> usize {
        self.descriptors.callers()
    }

    /// Accepts on a socket from now on.
    pub fn listen(&self, id: ListenerId, bound: Bound) {
        self.acceptor.add(id, bound);
    }

    /// Closes a listening socket; its connections go on.
    pub fn unlisten(&self, id: ListenerId) {
        self.acceptor.remove(id);
    }

    /// Mails a change to all workers. `directory` has it already.
    pub fn apply(&self, change: Change, directory: &Directory) {
        self.descriptors
            .keep_for(directory.upstream_connections(), self.workers.len());
        let change = Arc::new(change);
        self.tell_all(|| Mail::Change(Arc::clone(&change)));
    }

    /// What the workers use of parts that were removed.
    #[must_use]
    pub fn uses(&self) -> Vec<Use> {
        self.workers.iter().map(|w| w.post.uses()).collect()
    }

    /// Starts the access log with this share of the successful calls, or ends it.
    pub fn set_log(&self, sample: Option<f64>) {
        self.tell_all(|| Mail::Log(sample));
    }

    /// What the workers tell of themselves. A worker that does not answer in time is left out.
    #[must_use]
    pub fn reports(&self, timeout: Duration) -> Vec<Report> {
        let (tx, rx) = std::sync::mpsc::sync_channel(self.workers.len());
        for worker in &self.workers {
            // a worker whose mailbox is full is left out as well: waiting for it could take for ever
            worker.post.try_send(Mail::Report(tx.clone()));
        }
        drop(tx);
        let until = Instant::now() + timeout;
        let next = || {
            rx.recv_timeout(until.saturating_duration_since(Instant::now()))
                .ok()
        };
        std::iter::from_fn(next).collect()
    }

    /// A worker that has taken no turn for so long. Asks none of them.
    #[must_use]
    pub fn stuck_worker(&self, limit: Duration) -> Option<usize> {
        self.workers.iter().position(|w| w.post.beat.age() > limit)
    }

    /// Access log records that were dropped because the writer did not keep up.
    #[must_use]
    pub fn log_dropped(&self) -> u64 {
        self.workers.iter().map(|w| w.post.log_dropped()).sum()
    }

    /// Calls for which a caller waits, and callers that have not taken all of their answers.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.workers.iter().map(|w| w.post.in_flight()).sum()
    }

    /// Stops accepting and tells callers that the process is going away.
    pub fn announce_drain(&self) {
        self.acceptor.stop();
        self.tell_all(|| Mail::Drain);
    }

    /// Closes callers' connections, each as soon as no call is in flight on it.
    pub fn part_from_callers(&self) {
        self.tell_all(|| Mail::Part);
    }

    /// Refuses calls that still come.
    pub fn refuse_calls(&self) {
        self.tell_all(|| Mail::Refuse);
    }

    /// Connections of callers.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.workers.iter().map(|w| w.post.connections()).sum()
    }

    /// Ends all threads; connections that are still there are closed.
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
