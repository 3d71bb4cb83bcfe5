//! The turn: ready connections, events, exchanges, timers, and one flush of each connection that has
//! something to say.
use crate::Env;
use crate::access_log::{AccessLogBuffer, Batch as LogBatch};
use crate::buf::ReadBuf;
use crate::calls::{Batch, Calls};
use crate::connections::{Connections, Filled, Owner, TransportOf};
use crate::directory::{Change, ClusterId, EndpointId, ListenerId, Use};
use crate::message::ProtoId;
use crate::metrics::{Layout, Refusal, Series, Traffic};
use crate::session::{Event, Step};
use crate::slots::ConnKey;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Reads of one connection per turn, so that a fast one cannot starve the others.
const READS_PER_TURN: usize = 2;
/// How often connections are looked at for age and silence.
const SWEEP_MS: u64 = 500;

/// One data thread's whole state.
pub struct Worker<E: Env> {
    connections: Connections<E>,
    calls: Calls,
    read_buf: ReadBuf,
    next_sweep_ms: u64,
}

/// What the reactor says of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Which.
    pub conn: ConnKey,
    /// There is something to read, or it was closed.
    pub readable: bool,
    /// It takes bytes again, or a dial ended.
    pub writable: bool,
    /// The peer will send nothing more. The reactor says so once, so it has to be remembered until the end of
    /// the stream was read.
    pub closed: bool,
}

/// The time at the start of a turn, since the worker's own beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// In microseconds.
    pub us: u64,
}

/// What a worker tells of itself when asked.
pub struct Report {
    /// Its calls by series.
    pub series: Vec<Series>,
    /// What these tell apart.
    pub layout: Arc<Layout>,
    /// Its callers' connections, by listener.
    pub listeners: Vec<(Traffic, u32)>,
    /// Its connections, by endpoint.
    pub endpoints: Vec<EndpointReport>,
    /// Calls in flight by cluster.
    pub clusters: Vec<u32>,
    /// PeerErrors of peers, in the order of [`crate::peer_errors::PeerErrorKind::ALL`].
    pub faults: Vec<u64>,
    /// Calls that limits refused.
    pub refusals: Vec<(Refusal, u64)>,
    /// Answers that came for nobody.
    pub late_responses: u64,
    /// Calls for which a caller waits.
    pub in_flight: usize,
    /// Calls that wait for a late answer.
    pub quarantined: u32,
    /// Connections of any kind.
    pub connections: usize,
    /// The last change of the directory that it has taken over.
    pub version: u64,
}

/// An endpoint as one worker knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointReport {
    /// Connections and bytes.
    pub traffic: Traffic,
    /// Connections that stand.
    pub connections: usize,
    /// Calls given to it and not over.
    pub in_flight: u32,
    /// Calls go elsewhere if they can.
    pub avoided: bool,
    /// It said that it is going away.
    pub read_only: bool,
}

impl<E: Env> Worker<E> {
    /// A worker without connections. Its random choices follow the seed. `first` has all parts that there are.
    pub fn new(reactor: E::Reactor, first: &Change, seed: u64) -> Self {
        let mut worker = Worker {
            connections: Connections::new(reactor),
            calls: Calls::new(seed),
            read_buf: ReadBuf::new(),
            next_sweep_ms: SWEEP_MS,
        };
        worker.apply(first);
        worker
    }

    /// Takes over parts that are new. Calls and connections of those that stay are not touched.
    pub fn apply(&mut self, change: &Change) {
        let anew = self.calls.endpoints.changed_hands(change);
        self.connections.begin_anew(anew.into_iter());
        self.connections.apply(change);
        self.calls.apply(change);
    }

    /// What this worker uses of the parts that were removed.
    pub fn uses(&mut self) -> Use {
        Use {
            version: self.calls.directory().version,
            removed: self.calls.removed_in_use(&self.connections),
        }
    }

    /// Takes over a caller's connection.
    pub fn accept(&mut self, transport: TransportOf<E>, listener: ListenerId, peer: Option<SocketAddr>) {
        let directory = Rc::clone(self.calls.directory());
        if let Some(l) = directory.listener(listener) {
            self.connections
                .accept(transport, listener, l, peer, directory.limits.connections);
        }
    }

    /// Counts a downstream connection that was closed before it came here.
    pub fn refused(&mut self, listener: ListenerId) {
        if let Some(traffic) = self.connections.listeners.get_mut(listener.index()) {
            traffic.failed += 1;
        }
    }

    /// Starts, changes or ends the access log.
    pub fn set_log(&mut self, log: Option<AccessLogBuffer>) {
        self.calls.set_log(log);
    }

    /// Tells callers that this process is going away.
    pub fn announce_drain(&mut self) {
        self.connections.announce_drain();
        self.connections.flush_dirty();
    }

    /// Closes each caller's connection as soon as no call is in flight on it.
    pub fn part_from_callers(&mut self) {
        self.connections.part_from_callers();
    }

    /// Refuses all calls that still come.
    pub fn refuse_calls(&mut self) {
        self.calls.refusing = true;
    }

    /// Whether anything has to happen at a certain time.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.calls.in_flight() > 0 || self.connections.waits_for_dials()
    }

    /// Calls for which a caller waits.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.calls.in_flight()
    }

    /// Calls for which a caller waits, and callers that have not taken all of their answers.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.calls.in_flight() + self.connections.clogged()
    }

    /// Calls with a slot of the table, those in quarantine included.
    #[must_use]
    pub fn held_calls(&self) -> usize {
        self.calls.table.len()
    }

    /// Callers connected now.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.connections.callers()
    }

    /// The connections, for simulations that look into them.
    pub fn connections(&self) -> &Connections<E> {
        &self.connections
    }

    /// The reactor.
    pub fn reactor_mut(&mut self) -> &mut E::Reactor {
        self.connections.reactor_mut()
    }

    /// One turn. True when there is more to do at once.
    #[inline(never)]
    pub fn turn(&mut self, ready: &[Ready], now: Now) -> bool {
        let now_ms = now.us / 1000;
        self.connections.now_ms = now_ms;
        self.calls.now_us = now.us;
        for key in self.connections.take_again() {
            self.read(key);
            self.connections.close_if_done(key);
        }
        for r in ready {
            if r.writable && self.connections.writable(r.conn) {
                self.calls.connected(&mut self.connections, r.conn);
            }
            if r.closed {
                self.connections.hung_up(r.conn);
            }
            if r.readable {
                self.read(r.conn);
            }
        }
        self.calls.expire(&mut self.connections);
        self.connections.sweep_dials();
        if now_ms >= self.next_sweep_ms {
            self.next_sweep_ms = now_ms + SWEEP_MS;
            let directory = Rc::clone(self.calls.directory());
            self.connections.sweep(&directory);
            drop(directory);
            self.calls.sweep(&mut self.connections);
        }
        self.calls.reap(&mut self.connections);
        while self.connections.flush_dirty() {
            self.calls.reap(&mut self.connections);
        }
        self.calls.finish_one_ways(&mut self.connections);
        self.connections.has_more()
    }

    fn read(&mut self, key: ConnKey) {
        let mut buf = std::mem::take(&mut self.read_buf);
        let mut batch = Batch::default();
        for i in 0.. {
            let (filled, more) = self.connections.fill(key, &mut buf);
            match filled {
                Filled::Nothing => {}
                Filled::Closed => {
                    self.connections
                        .close_now(key, format_args!("its peer or the network closed it"));
                    break;
                }
                Filled::Shared(range) => self.decode(key, &mut buf.bytes[range], &mut batch),
                Filled::Own(mut bytes) => self.decode(key, &mut bytes, &mut batch),
            }
            if !more {
                break;
            }
            if i + 1 == READS_PER_TURN {
                self.connections.read_again(key);
                break;
            }
        }
        self.read_buf = buf;
    }

    /// Pulls event after event; nothing is borrowed between two of them but the read buffer. What is left over
    /// goes to the connection's tail.
    fn decode(&mut self, key: ConnKey, input: &mut [u8], batch: &mut Batch) {
        let mut at = 0;
        let expected_len = loop {
            let Step { used, event } = match self.connections.next(key, &input[at..]) {
                Ok(step) => step,
                Err(fault) => {
                    self.connections.end_run(input);
                    self.connections.refuse_stranger(key, &input[at..]);
                    return self.connections.fault(key, fault.0);
                }
            };
            match event {
                Event::More(expected_len) => {
                    at += used;
                    break expected_len;
                }
                Event::Detected(proto) => self.detected(key, proto),
                event => {
                    self.calls.on_event(&mut self.connections, batch, key, event);
                    self.connections.settle(input, at..at + used);
                    at += used;
                }
            }
        };
        self.connections.end_run(input);
        if at < input.len() {
            self.connections.keep_partial(key, &input[at..], expected_len);
        }
    }

    fn detected(&mut self, key: ConnKey, proto: ProtoId) {
        let Some(Owner::Listener(id)) = self.connections.get(key).map(|c| c.owner) else {
            return;
        };
        let directory = self.calls.directory();
        let settings = directory
            .listener(id)
            .map(|l| l.settings.clone())
            .unwrap_or_default();
        self.connections.detected(key, proto, &settings);
    }

    /// The calls that ended since, for the access log; `None` if there were none.
    /// With `all_names`, the names of all series go along, for a log that has missed some.
    pub fn take_log(&mut self, worker: usize, all_names: bool) -> Option<LogBatch> {
        let log = self.calls.log.as_mut()?;
        if log.is_empty() {
            return None;
        }
        let (records, dropped) = log.take();
        Some(LogBatch {
            worker,
            fresh: self.calls.metrics.take_fresh(all_names),
            records,
            dropped,
        })
    }

    /// Counters and gauges, copied.
    #[must_use]
    pub fn report(&self) -> Report {
        let directory = self.calls.directory();
        let now_ms = self.connections.now_ms;
        let listener = |(i, t): (usize, &Traffic)| (*t, self.calls.listener_in_flight(ListenerId(i as u32)));
        let endpoint = |(i, t): (usize, &Traffic)| {
            let state = self.calls.endpoints.get(EndpointId(i as u32));
            EndpointReport {
                traffic: *t,
                connections: state.map_or(0, |e| e.connections()),
                in_flight: state.map_or(0, |e| e.in_flight),
                avoided: state.is_some_and(|e| e.is_avoided(now_ms)),
                read_only: state.is_some_and(|e| e.read_only),
            }
        };
        let clusters = directory.clusters().map(|(id, _)| id.0 + 1).max().unwrap_or(0);
        Report {
            series: self.calls.metrics.all().cloned().collect(),
            layout: Arc::clone(self.calls.metrics.layout()),
            listeners: self
                .connections
                .listeners
                .iter()
                .enumerate()
                .map(listener)
                .collect(),
            endpoints: self
                .connections
                .endpoints
                .iter()
                .enumerate()
                .map(endpoint)
                .collect(),
            clusters: (0..clusters)
                .map(|i| self.calls.endpoints.cluster_in_flight(ClusterId(i)))
                .collect(),
            faults: self.connections.peer_errors.totals().to_vec(),
            refusals: self.calls.metrics.refusals().collect(),
            late_responses: self.calls.metrics.late_responses,
            in_flight: self.calls.in_flight(),
            quarantined: self.calls.quarantined(),
            connections: self.connections.count(),
            version: directory.version,
        }
    }
}
