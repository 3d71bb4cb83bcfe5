//! All calls of a worker and what they need: routes, endpoints, deadlines, counters. It acts on connections
//! only through the commands of `Connections`, and sees neither sockets nor wire formats.
mod asking;
mod end;
mod errors;
mod filters;
mod forward;
mod heartbeats;
mod mirror;
mod plans;
mod queues;
mod request;
mod response;
mod retry;
mod route_cache;
mod shares;
mod streams;
mod trace;

use crate::Env;
use crate::access_log::{AccessLogBuffer, Note};
use crate::connections::{Connections, Owner};
use crate::directory::{Change, ClusterId, Directory, EndpointId, ListenerId, PartId, Seat};
use crate::endpoints::Endpoints;
use crate::exchange::Exchange;
use crate::metrics::WorkerMetrics;
use crate::peer_errors::PeerErrorKind;
use crate::session::{DrainScope, Event};
use crate::slots::{CallKey, CallTag, ConnKey, Slots};
use crate::wheel::Wheel;
use asking::Asking;
use filters::Decisions;
use heartbeats::Heartbeats;
use mirror::Copies;
use plans::{Plans, Removed};
use queues::Queues;
use retry::Retries;
use route_cache::RouteCache;
use shares::Shares;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use streams::Bodies;

pub(crate) use plans::{Plan, note};
pub use shares::Application;

/// The calls of a worker, and the state by which they are routed, limited and counted.
pub struct Calls {
    /// The calls in progress, including those in quarantine.
    pub(crate) table: Slots<CallTag, Exchange>,
    /// Connections, load and health of the endpoints, as this worker sees them.
    pub endpoints: Endpoints,
    /// Counters by series.
    pub metrics: WorkerMetrics,
    /// The buffer of the access log; `None` if it is off.
    pub log: Option<AccessLogBuffer>,
    /// Texts about calls in flight, for the access log and the log level `trace`. Empty when both are off.
    notes: HashMap<u32, Box<Note>>,
    /// Calls in flight by listener id.
    in_flight: Vec<u32>,
    /// Calls that the downstream no longer waits for, and whose late response may still come.
    quarantined: u32,
    /// One-way calls. They are over as soon as their bytes have left.
    one_ways: Vec<CallKey>,
    /// Calls in flight by downstream, for the clusters that are crowded.
    shares: Shares,
    /// The calls that wait for an answer of the control plane.
    asking: Asking,
    /// The calls that wait for room on connections.
    queues: Queues,
    /// The calls that wait for decisions about them.
    decisions: Decisions,
    /// The requests that are kept to be sent again, and the number of retries.
    retries: Retries,
    /// The copies for mirrors.
    copies: Copies,
    /// The messages that are put together for peers that take whole ones only.
    bodies: Bodies,
    /// The heartbeats that the control plane waits for.
    heartbeats: Heartbeats,
    wheel: Wheel,
    /// The directory that calls are routed by. Between two turns this is the only reference, so that a change
    /// is applied in place.
    directory: Rc<Directory>,
    plans: Plans,
    removed: Removed,
    /// The routes of recent calls, by their names.
    route_cache: RouteCache,
    pub(crate) now_us: u64,
    due: Vec<CallKey>,
    /// The process is going away, so new calls are refused.
    pub(crate) refusing: bool,
}

/// State that lasts for the events of one read: the endpoint that was chosen. Spreading the calls of one read
/// over many connections costs up to twice the CPU time, so the choice is made once per read.
#[derive(Default)]
pub struct Batch {
    used: Option<Used>,
}

/// The connection that a call of this read was sent on.
#[derive(Clone, Copy)]
struct Used {
    cluster: ClusterId,
    subset: u16,
    endpoint: EndpointId,
    conn: ConnKey,
}

impl Calls {
    /// Creates a table without calls. The seed determines random choices.
    #[must_use]
    pub fn new(seed: u64, seat: Seat) -> Self {
        Calls {
            table: Slots::default(),
            endpoints: Endpoints::new(seed, seat),
            metrics: WorkerMetrics::default(),
            log: None,
            notes: HashMap::new(),
            in_flight: vec![],
            quarantined: 0,
            one_ways: vec![],
            shares: Shares::default(),
            asking: Asking::default(),
            queues: Queues::default(),
            decisions: Decisions::default(),
            retries: Retries::default(),
            copies: Copies::default(),
            bodies: Bodies::default(),
            heartbeats: Heartbeats::default(),
            wheel: Wheel::default(),
            directory: Rc::default(),
            plans: Plans::default(),
            removed: Removed::default(),
            route_cache: RouteCache::default(),
            now_us: 0,
            due: vec![],
            refusing: false,
        }
    }

    /// Applies a change of the directory. Calls in progress keep the plans of their routes.
    pub fn apply(&mut self, change: &Change) {
        self.endpoints.apply(change, &self.directory);
        self.plans.apply(change);
        self.removed.apply(change);
        Rc::make_mut(&mut self.directory).apply(change);
        if let Some(limits) = &change.limits {
            self.metrics.set_layout(&limits.metrics);
        }
        self.asking.apply(change);
        self.retries.apply(change);
        let removes_clusters = change.clusters.iter().any(|(_, cluster)| cluster.is_none());
        if !change.routes.is_empty() || !change.listeners.is_empty() || removes_clusters {
            let longest = self.directory.listeners().map(|(_, l)| l.route_count).max();
            self.route_cache
                .clear_for(longest.unwrap_or(0).max(self.asking.known()));
        }
        let listeners = change.listeners.iter().map(|(id, _)| id.index() + 1).max();
        if listeners.is_some_and(|n| n > self.in_flight.len()) {
            self.in_flight.resize(listeners.unwrap_or(0), 0);
        }
    }

    /// Lists the removed parts that are still in use, and deletes the series of the others.
    pub fn removed_in_use<E: Env>(&mut self, w: &Connections<E>) -> Vec<PartId> {
        self.plans.let_go();
        let (plans, metrics) = (&self.plans, &mut self.metrics);
        let mut used = self.endpoints.removed_in_use();
        self.removed.routes.retain(|id| {
            let stays = plans.uses_route(*id);
            if !stays {
                metrics.forget(|key| key.route == Some(*id));
            }
            stays
        });
        // A call to a service of a registry refers to its cluster, and no plan does.
        let called: HashSet<ClusterId> = match self.removed.clusters.is_empty() {
            true => HashSet::new(),
            false => self
                .table
                .iter()
                .filter_map(|(_, ex)| ex.target.cluster)
                .collect(),
        };
        self.removed.clusters.retain(|id| {
            let stays = plans.uses_cluster(*id) || called.contains(id);
            if !stays {
                metrics.forget(|key| key.cluster == Some(*id));
            }
            stays
        });
        let in_flight = &self.in_flight;
        self.removed.listeners.retain(|id| {
            let calls = in_flight.get(id.index()).copied().unwrap_or(0);
            let stays = calls > 0 || w.listeners.get(id.index()).is_some_and(|t| t.opened > t.closed);
            if !stays {
                metrics.forget(|key| key.listener == *id);
            }
            stays
        });
        used.extend(self.removed.routes.iter().map(|id| PartId::Route(*id)));
        used.extend(self.removed.clusters.iter().map(|id| PartId::Cluster(*id)));
        used.extend(self.removed.listeners.iter().map(|id| PartId::Listener(*id)));
        used
    }

    /// The number of calls so far to each cluster that a registry has for a service.
    pub fn on_demand_calls(&self) -> Vec<(ClusterId, u32)> {
        let clusters = self.directory.clusters().filter(|(_, c)| c.on_demand);
        clusters
            .map(|(id, _)| (id, self.endpoints.cluster_calls(id)))
            .collect()
    }

    /// Starts, changes or stops the access log.
    pub fn set_log(&mut self, log: Option<AccessLogBuffer>) {
        self.log = log;
        if self.log.is_none() {
            self.notes = HashMap::new();
        }
    }

    /// Whether the access log or the log level `trace` needs the texts of single calls.
    #[inline]
    fn takes_notes(&self) -> bool {
        self.log.is_some() || trace::is_on()
    }

    /// The directory that calls are routed by.
    #[must_use]
    pub fn directory(&self) -> &Rc<Directory> {
        &self.directory
    }

    /// Calls whose downstream still waits for a response.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.table.len() - self.quarantined as usize
    }

    /// Whether the control plane waits for a heartbeat.
    #[must_use]
    pub fn waits_for_heartbeats(&self) -> bool {
        !self.heartbeats.is_empty()
    }

    /// Calls that the downstream no longer waits for, and whose late response may still come.
    #[must_use]
    pub fn quarantined(&self) -> u32 {
        self.quarantined
    }

    /// Calls in flight that came through a listener.
    #[must_use]
    pub fn listener_in_flight(&self, id: ListenerId) -> u32 {
        self.in_flight.get(id.index()).copied().unwrap_or(0)
    }

    /// Handles one event of a session. All calls and responses come in here.
    #[inline]
    pub fn on_event<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: &mut Batch,
        from: ConnKey,
        event: Event<'_>,
    ) {
        match event {
            Event::Request { id, msg } => self.on_request(w, batch, from, id, &msg),
            Event::Response { call, response } => self.on_response(w, from, call, &response),
            Event::Refused { reply, error } => self.on_refused(w, from, reply, &error),
            Event::Stream(call, event) => self.on_stream(w, from, call, &event),
            Event::Drain(scope) => self.on_drain(w, from, scope),
            Event::Undrain => self.on_undrain(w, from),
            Event::Unexpected(what) => {
                let who = w.get(from).map(|c| c.who());
                if let Some(who) = who {
                    w.peer_errors
                        .report(PeerErrorKind::Unexpected, who, w.now_ms, format_args!(": {what}"));
                }
            }
            Event::More(_) | Event::Handled | Event::Detected(_) => {}
        }
    }

    fn on_drain<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey, scope: DrainScope) {
        match (scope, w.get(from).map(|c| c.owner)) {
            (DrainScope::Endpoint, Some(Owner::Endpoint(id))) => {
                w.set_draining(from, true);
                self.endpoints.set_read_only(id, true);
            }
            (DrainScope::Connection, Some(Owner::Endpoint(_))) => {
                w.retire_because(from, "its peer is going to close it");
            }
            // A downstream that makes no more calls needs nothing.
            _ => {}
        }
    }

    fn on_undrain<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey) {
        w.set_draining(from, false);
        if let Some(Owner::Endpoint(id)) = w.get(from).map(|c| c.owner) {
            self.endpoints.set_read_only(id, false);
        }
    }

    /// Does the periodic work: releases memory of the table and probes endpoints that failed.
    pub fn sweep<E: Env>(&mut self, w: &mut Connections<E>) {
        self.table.shrink();
        if self.table.is_empty() {
            debug_assert!(self.bodies.is_empty() && self.retries.is_empty() && self.asking.has_no_calls());
        }
        self.give_up_asking(w);
        self.give_up_decisions(w);
        self.endpoints.probe(w, &self.directory);
        self.endpoints.let_go_of_unused(w, &self.directory);
    }

    /// Sends the calls that waited for a dial which has succeeded.
    pub fn connected<E: Env>(&mut self, w: &mut Connections<E>, conn: ConnKey) {
        let Some(Owner::Endpoint(id)) = w.get(conn).map(|c| c.owner) else {
            return;
        };
        for key in self.endpoints.connected(id, conn) {
            self.send_dialed(w, key, id, conn);
        }
    }
}
