//! All exchanges of a worker and what they need: routes, endpoints, deadlines, counters. Acts on connections only
//! through the commands of `Connections`; never sees a socket or a wire format.
mod end;
mod forward;
mod plans;
mod request;
mod response;
mod route_cache;
mod shares;
mod trace;

use crate::Env;
use crate::access_log::{AccessLogBuffer, Note};
use crate::connections::{Connections, Owner};
use crate::directory::{Change, Cluster, ClusterId, Directory, EndpointId, ListenerId, PartId};
use crate::endpoints::Endpoints;
use crate::error::{CallError, ErrorKind, Limit};
use crate::exchange::{Exchange, State};
use crate::metrics::WorkerMetrics;
use crate::peer_errors::PeerErrorKind;
use crate::session::Event;
use crate::slots::{CallKey, CallTag, ConnKey, Slots};
use crate::wheel::Wheel;
use plans::{Plans, Removed};
use route_cache::RouteCache;
use shares::{Excess, Holder, Shares};
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) use plans::{Plan, note};
pub use shares::Application;

/// The calls of a worker.
pub struct Calls {
    /// Those in progress.
    pub(crate) table: Slots<CallTag, Exchange>,
    /// The endpoints.
    pub endpoints: Endpoints,
    /// Counters.
    pub metrics: WorkerMetrics,
    /// The access log, if there is one.
    pub log: Option<AccessLogBuffer>,
    /// What it or the log level `trace` will say of calls in flight. Empty without both.
    notes: HashMap<u32, Box<Note>>,
    /// Calls in flight by listener.
    in_flight: Vec<u32>,
    /// Calls that wait for a late answer.
    quarantined: u32,
    /// One-way calls: over as soon as their bytes are out.
    one_ways: Vec<CallKey>,
    /// Who has how many of the calls to clusters that are crowded.
    shares: Shares,
    wheel: Wheel,
    /// What calls are routed by. Nobody else holds it between two turns.
    directory: Rc<Directory>,
    plans: Plans,
    removed: Removed,
    /// Routes that were found of late.
    route_cache: RouteCache,
    pub(crate) now_us: u64,
    due: Vec<CallKey>,
    /// The process is going away: calls that still come are refused.
    pub(crate) refusing: bool,
}

/// What holds for the events of one read only: the endpoint chosen for it. Spreading the calls of one read over
/// many connections costs up to twice the CPU time, so the choice is made per read.
#[derive(Default)]
pub struct Batch {
    leased: Option<Leased>,
}

#[derive(Clone, Copy)]
struct Leased {
    cluster: ClusterId,
    subset: u16,
    endpoint: EndpointId,
    conn: ConnKey,
}

impl Calls {
    /// No calls yet. Random choices follow the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Calls {
            table: Slots::default(),
            endpoints: Endpoints::new(seed),
            metrics: WorkerMetrics::default(),
            log: None,
            notes: HashMap::new(),
            in_flight: vec![],
            quarantined: 0,
            one_ways: vec![],
            shares: Shares::default(),
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

    /// Takes over parts that are new. Calls in progress keep the plans of their routes.
    pub fn apply(&mut self, change: &Change) {
        self.endpoints.apply(change, &self.directory);
        self.plans.apply(change);
        self.removed.apply(change);
        Rc::make_mut(&mut self.directory).apply(change);
        if let Some(limits) = &change.limits {
            self.metrics.set_layout(&limits.metrics);
        }
        if !change.routes.is_empty() || !change.listeners.is_empty() {
            let longest = self.directory.listeners().map(|(_, l)| l.route_count).max();
            self.route_cache.clear_for(longest.unwrap_or(0));
        }
        let listeners = change.listeners.iter().map(|(id, _)| id.index() + 1).max();
        if listeners.is_some_and(|n| n > self.in_flight.len()) {
            self.in_flight.resize(listeners.unwrap_or(0), 0);
        }
    }

    /// Which of the removed parts are used still. Series of those that are not are gone from here on.
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
        self.removed.clusters.retain(|id| {
            let stays = plans.uses_cluster(*id);
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

    /// Starts, changes or ends the access log.
    pub fn set_log(&mut self, log: Option<AccessLogBuffer>) {
        self.log = log;
        if self.log.is_none() {
            self.notes = HashMap::new();
        }
    }

    /// Whether anybody wants to know of single calls.
    #[inline]
    fn takes_notes(&self) -> bool {
        self.log.is_some() || trace::is_on()
    }

    /// What calls are routed by.
    #[must_use]
    pub fn directory(&self) -> &Rc<Directory> {
        &self.directory
    }

    /// Calls for which a caller waits.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.table.len() - self.quarantined as usize
    }

    /// Calls that wait for a late answer.
    #[must_use]
    pub fn quarantined(&self) -> u32 {
        self.quarantined
    }

    /// Calls in flight of a listener.
    #[must_use]
    pub fn listener_in_flight(&self, id: ListenerId) -> u32 {
        self.in_flight.get(id.index()).copied().unwrap_or(0)
    }

    /// Nobody waits any more for a call that was given to an endpoint.
    #[inline]
    fn gave_up_upstream(&mut self, id: ClusterId, holder: Option<Holder>) {
        self.endpoints.gave_up(id);
        if self.shares.is_empty() {
            return;
        }
        if let Some(holder) = holder {
            self.shares.ended(id, holder);
        }
        let cluster = self.directory.cluster(id);
        if cluster.is_none_or(|c| self.endpoints.cluster_in_flight(id) < c.crowded_at / 2) {
            self.shares.close(id);
        }
    }

    /// Why the cluster takes no further call from this downstream.
    #[inline]
    fn over_budget<E: Env>(
        &mut self,
        w: &Connections<E>,
        ex: CallKey,
        id: ClusterId,
        c: &Cluster,
    ) -> Option<CallError> {
        let in_flight = self.endpoints.cluster_in_flight(id);
        if in_flight < c.crowded_at {
            return None;
        }
        if in_flight >= c.max_in_flight {
            let text = format!(
                "too many calls in flight to cluster {} (limits.in_flight: {})",
                c.name, c.max_in_flight
            );
            return Some(CallError::new(ErrorKind::Overload, text).by(Limit::ClusterCalls));
        }
        self.over_share(w, ex, id, c)
    }

    #[cold]
    fn over_share<E: Env>(
        &mut self,
        w: &Connections<E>,
        key: CallKey,
        id: ClusterId,
        c: &Cluster,
    ) -> Option<CallError> {
        if !self.shares.has(id) {
            let counts = |ex: &&Exchange| ex.state == State::Sent && ex.target.cluster == id;
            let calls = self.table.iter().map(|(_, ex)| ex).filter(counts);
            self.shares.open(id, calls.filter_map(|ex| Holder::of(w, ex)));
        }
        let holder = Holder::of(w, self.table.get(key)?)?;
        let excess = self
            .shares
            .excess(id, c, self.endpoints.cluster_in_flight(id), holder)?;
        let whose = match excess {
            Excess::Connection => "this connection",
            Excess::Application => "the calling application",
        };
        let text = format!(
            "cluster {} is crowded, and {whose} has its share of the calls in flight to it (limits.downstream_share: {})",
            c.name, c.downstream_share
        );
        Some(CallError::new(ErrorKind::Overload, text).by(Limit::DownstreamShare))
    }

    /// The one entry from the wire.
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
            Event::Response { call, answer } => self.on_response(w, from, call, &answer),
            Event::Refused { reply, error } => self.on_refused(w, from, reply, error),
            Event::Drain => self.on_drain(w, from, true),
            Event::Undrain => self.on_drain(w, from, false),
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

    fn on_drain<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey, on: bool) {
        w.set_draining(from, on);
        if let Some(Owner::Endpoint(id)) = w.get(from).map(|c| c.owner) {
            self.endpoints.set_read_only(id, on);
        }
    }

    /// What is to be done now and then.
    pub fn sweep<E: Env>(&mut self, w: &mut Connections<E>) {
        self.table.shrink();
        self.endpoints.probe(w, &self.directory);
    }

    /// A dial succeeded: the calls that waited for it go.
    pub fn connected<E: Env>(&mut self, w: &mut Connections<E>, conn: ConnKey) {
        let Some(Owner::Endpoint(id)) = w.get(conn).map(|c| c.owner) else {
            return;
        };
        for key in self.endpoints.connected(id, conn) {
            self.send_dialed(w, key, id, conn);
        }
    }
}
