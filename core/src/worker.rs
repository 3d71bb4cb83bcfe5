//! One turn of a data thread: reads the ready connections, handles their events and the timers that are due,
//! and writes each connection that has something to send once.
use crate::Env;
use crate::access_log::{AccessLogBuffer, Batch as LogBatch};
use crate::asking::{Answer, Question};
use crate::buf::ReadBuf;
use crate::calls::{Batch, Calls};
use crate::connections::{Connections, Filled, Owner, TransportOf};
use crate::directory::{Change, ClusterId, EndpointId, ListenerId, Seat, Use};
use crate::heartbeat::{Heartbeat, HeartbeatOutcome};
use crate::message::ProtoId;
use crate::metrics::{Layout, Refusal, Series, Traffic};
use crate::session::{Event, Step};
use crate::slots::ConnKey;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// The number of reads of one connection per turn. The limit keeps a fast peer from starving the others.
const READS_PER_TURN: usize = 2;
/// The number of ready connections that one turn handles. The rest comes in the next turn, so that timers, and
/// connections for which bytes wait, do not wait for all of them.
const READY_PER_TURN: usize = 256;
/// The memory for messages that sessions put together, as far as it is kept for long, in bytes.
const SCRATCH_KEPT: usize = 256 << 10;
/// The interval at which every connection is checked for age, idleness and silence, in milliseconds.
const SWEEP_MS: u64 = 500;

/// The whole state of one data thread. Threads share no calls and no connections.
pub struct Worker<E: Env> {
    connections: Connections<E>,
    calls: Calls,
    read_buf: ReadBuf,
    /// Memory for messages that sessions put together.
    scratch: Vec<u8>,
    /// What the reactor reported and no turn has handled yet.
    ready: VecDeque<Ready>,
    next_sweep_ms: u64,
}

/// The readiness of one connection, as the reactor reports it.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The connection that became ready.
    pub conn: ConnKey,
    /// The connection has bytes to read, or its peer has closed it.
    pub readable: bool,
    /// The connection accepts bytes again, or its dial ended.
    pub writable: bool,
    /// The peer will send nothing more. The reactor reports this once, so the connection remembers it until it
    /// has read the end of the stream.
    pub closed: bool,
}

/// The time at the start of a turn, counted from the start of the worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Microseconds.
    pub us: u64,
}

/// Counters and gauges of one worker, copied for the admin pages.
pub struct Report {
    /// The worker's calls by series.
    pub series: Vec<Series>,
    /// The labels that the series are distinguished by.
    pub layout: Arc<Layout>,
    /// The traffic of downstream connections and the number of calls in flight, by listener id.
    pub listeners: Vec<(Traffic, u32)>,
    /// The traffic, connections and health of each endpoint, by endpoint id.
    pub endpoints: Vec<EndpointReport>,
    /// Calls in flight by cluster id.
    pub clusters: Vec<u32>,
    /// Errors of peers, in the order of [`crate::peer_errors::PeerErrorKind::ALL`].
    pub faults: Vec<u64>,
    /// Calls that a limit refused.
    pub refusals: Vec<(Refusal, u64)>,
    /// Responses for which no call was waiting.
    pub late_responses: u64,
    /// Calls whose downstream still waits for a response.
    pub in_flight: usize,
    /// Calls that the downstream no longer waits for, and whose late response may still come.
    pub quarantined: u32,
    /// All connections, downstream and upstream.
    pub connections: usize,
    /// The version of the last directory change that this worker applied.
    pub version: u64,
}

/// One endpoint as one worker sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointReport {
    /// Connections opened and closed, and bytes.
    pub traffic: Traffic,
    /// Connections that are established.
    pub connections: usize,
    /// Calls that were given to it and are not over.
    pub in_flight: u32,
    /// The worker sends calls to other endpoints if it can.
    pub avoided: bool,
    /// The endpoint has announced that it is going away.
    pub read_only: bool,
    /// It fails its health checks.
    pub is_sick: bool,
}

impl<E: Env> Worker<E> {
    /// Creates a worker without connections. The seed determines its random choices. `first` contains all parts
    /// of the directory.
    pub fn new(reactor: E::Reactor, first: &Change, seed: u64) -> Self {
        Worker::among(Seat::default(), reactor, first, seed)
    }

    /// Creates one of several workers, which share large clusters out among them.
    pub fn among(seat: Seat, reactor: E::Reactor, first: &Change, seed: u64) -> Self {
        let mut worker = Worker {
            connections: Connections::new(reactor),
            calls: Calls::new(seed, seat),
            read_buf: ReadBuf::new(),
            scratch: vec![],
            ready: VecDeque::new(),
            next_sweep_ms: SWEEP_MS,
        };
        worker.apply(first);
        worker
    }

    /// Applies a change of the directory. Calls and connections of unchanged parts stay as they are.
    pub fn apply(&mut self, change: &Change) {
        // The connections of a reused id go first, so that they cannot count for the new endpoint.
        let anew = self.calls.endpoints.changed_hands(change);
        self.connections.begin_anew(anew.into_iter().map(|(id, _)| id));
        self.connections.apply(change);
        self.calls.apply(change);
    }

    /// Reports the removed parts that this worker still uses, and how much the services of registries are
    /// called. The control plane keeps the ids of the former until no worker uses them, and removes the latter
    /// when they are called no more.
    pub fn uses(&mut self) -> Use {
        Use {
            version: self.calls.directory().version,
            removed: self.calls.removed_in_use(&self.connections),
            calls: self.calls.on_demand_calls(),
        }
    }

    /// Takes over a downstream connection that a listener accepted.
    pub fn accept(&mut self, transport: TransportOf<E>, listener: ListenerId, peer: Option<SocketAddr>) {
        let directory = Rc::clone(self.calls.directory());
        if let Some(l) = directory.listener(listener) {
            self.connections
                .accept(transport, listener, l, peer, directory.limits.connections);
        }
    }

    /// Counts a downstream connection that was closed before it reached a worker.
    pub fn refused(&mut self, listener: ListenerId) {
        if let Some(traffic) = self.connections.listeners.get_mut(listener.index()) {
            traffic.failed += 1;
        }
    }

    /// Starts, changes or stops the access log.
    pub fn set_log(&mut self, log: Option<AccessLogBuffer>) {
        self.calls.set_log(log);
    }

    /// Announces to downstream peers that this process is going away.
    pub fn announce_drain(&mut self) {
        self.connections.announce_drain();
        self.connections.flush_dirty();
    }

    /// Closes each downstream connection as soon as it has no call in flight.
    pub fn part_from_downstreams(&mut self) {
        self.connections.part_from_downstreams();
    }

    /// Refuses all calls that come from now on.
    pub fn refuse_calls(&mut self) {
        self.calls.refusing = true;
    }

    /// Whether a timer may become due, so that the thread must not sleep without a limit.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.calls.in_flight() > 0 || self.connections.waits_for_dials() || self.calls.waits_for_heartbeats()
    }

    /// Calls whose downstream still waits for a response.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.calls.in_flight()
    }

    /// Calls whose downstream waits, and downstream connections that have not taken all of their responses. A
    /// drain is complete when it is 0.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.calls.in_flight() + self.connections.clogged()
    }

    /// Entries of the table of calls, including those in quarantine.
    #[must_use]
    pub fn held_calls(&self) -> usize {
        self.calls.table.len()
    }

    /// Downstream connections that are open now.
    #[must_use]
    pub fn downstreams(&self) -> usize {
        self.connections.downstreams()
    }

    /// The connections, for simulations that check their state.
    pub fn connections(&self) -> &Connections<E> {
        &self.connections
    }

    /// The reactor, for the thread that waits on it.
    pub fn reactor_mut(&mut self) -> &mut E::Reactor {
        self.connections.reactor_mut()
    }

    /// Sets the clock, for what the worker is told between two turns.
    pub fn set_clock(&mut self, now: Now) {
        self.connections.now_ms = now.us / 1000;
        self.calls.now_us = now.us;
    }

    /// Runs one turn. Returns true when there is more to do at once.
    #[inline(never)]
    pub fn turn(&mut self, ready: &[Ready], now: Now) -> bool {
        self.set_clock(now);
        let now_ms = now.us / 1000;
        // Connections that reached their limit of reads in the last turn: the reactor does not report them
        // again.
        for key in self.connections.take_again() {
            self.read(key);
            self.connections.close_if_done(key);
        }
        self.take_ready(ready);
        // Timers run after reads: a response that has arrived counts, even if its deadline is over.
        self.calls.expire(&mut self.connections);
        self.calls.look_after_heartbeats(&mut self.connections);
        self.connections.sweep_dials();
        if now_ms >= self.next_sweep_ms {
            self.next_sweep_ms = now_ms + SWEEP_MS;
            let directory = Rc::clone(self.calls.directory());
            self.connections.sweep(&directory);
            drop(directory);
            self.calls.sweep(&mut self.connections);
            self.scratch.clear();
            self.scratch.shrink_to(SCRATCH_KEPT);
        }
        self.calls.send_queued(&mut self.connections);
        // Closing a connection moves its calls, which writes to other connections, which may close in turn.
        self.calls.reap(&mut self.connections);
        while self.connections.flush_dirty() {
            self.calls.reap(&mut self.connections);
        }
        // Only after the flush is it known whether the bytes of a one-way call have left.
        self.calls.finish_one_ways(&mut self.connections);
        !self.ready.is_empty() || self.connections.has_more()
    }

    /// Handles what the reactor reports, as far as it fits into a turn, behind what earlier turns left.
    fn take_ready(&mut self, reported: &[Ready]) {
        if self.ready.is_empty() && reported.len() <= READY_PER_TURN {
            return reported.iter().for_each(|r| self.on_ready(*r));
        }
        self.ready.extend(reported);
        for _ in 0..READY_PER_TURN {
            let Some(r) = self.ready.pop_front() else { return };
            self.on_ready(r);
        }
    }

    fn on_ready(&mut self, r: Ready) {
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

    fn read(&mut self, key: ConnKey) {
        let mut buf = std::mem::take(&mut self.read_buf);
        let mut batch = Batch::default();
        for i in 0.. {
            let (filled, more) = self.connections.fill(key, &mut buf);
            match filled {
                // The session may have kept bytes that can leave now.
                Filled::Nothing if self.connections.keeps_bytes(key) => self.decode(key, &mut [], &mut batch),
                Filled::Nothing => {}
                Filled::Failed => {
                    self.connections
                        .close_now(key, format_args!("the network closed it"));
                    break;
                }
                Filled::Ended => {
                    if self.connections.end_of_input(key) {
                        self.decode(key, &mut [], &mut batch);
                        self.connections.close(key, format_args!("its peer closed it"));
                    }
                    break;
                }
                Filled::Shared(range) => self.decode(key, &mut buf.bytes[range], &mut batch),
                Filled::Own(mut bytes) => self.decode(key, &mut bytes, &mut batch),
            }
            // The reactor reports changes only, so the connection has to be read again without a report.
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

    /// Decodes the input event by event. An event borrows the read buffer only, so that handling it can write
    /// to any connection. The bytes of an incomplete message are kept with the connection.
    fn decode(&mut self, key: ConnKey, input: &mut [u8], batch: &mut Batch) {
        let mut at = 0;
        let expected_len = loop {
            let Step { used, event } = match self.connections.next(key, &input[at..], &mut self.scratch) {
                Ok(step) => step,
                Err(fault) => {
                    // Frames before the broken one were valid, so they are forwarded before the connection
                    // closes.
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
                Event::Detected(proto) => detected(&mut self.connections, &self.calls, key, proto),
                event => {
                    self.calls.on_event(&mut self.connections, batch, key, event);
                    // The event no longer borrows the input: its frame can now be patched and forwarded.
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

    /// Takes the calls that ended since the last time, for the access log; `None` if there were none. With
    /// `all_names`, the batch carries the names of all series, for a log that has missed some.
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

    /// Takes the questions for the control plane that calls wait for.
    pub fn take_questions(&mut self) -> Vec<Question> {
        self.calls.take_questions()
    }

    /// Sends a heartbeat for the control plane.
    pub fn heartbeat(&mut self, heartbeat: Heartbeat) {
        self.calls.heartbeat(&mut self.connections, heartbeat);
    }

    /// Records that an endpoint has fallen sick, or has recovered.
    pub fn set_sick(&mut self, endpoint: EndpointId, is_sick: bool) {
        self.calls.endpoints.set_sick(endpoint, is_sick);
    }

    /// Takes the outcomes of heartbeats.
    pub fn take_outcomes(&mut self) -> Vec<HeartbeatOutcome> {
        self.calls.take_outcomes()
    }

    /// Goes on with the calls that wait for an answer of the control plane.
    pub fn answer(&mut self, answer: &Answer) {
        self.calls.answer(&mut self.connections, answer);
    }

    /// Copies counters and gauges.
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
                is_sick: state.is_some_and(|e| e.is_sick),
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

/// Goes on with the protocol that a downstream connection was found to speak.
fn detected<E: Env>(connections: &mut Connections<E>, calls: &Calls, key: ConnKey, proto: ProtoId) {
    let Some(Owner::Listener(id)) = connections.get(key).map(|c| c.owner) else {
        return;
    };
    let listener = calls.directory().listener(id);
    let settings = listener.map(|l| l.settings.clone()).unwrap_or_default();
    connections.detected(key, proto, &settings);
}
