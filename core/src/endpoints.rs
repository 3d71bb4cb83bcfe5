//! The endpoints as one worker sees them: connections, load, health, and calls that wait for a dial. Lists are
//! indexed by id.
mod balancer;
mod health;
mod lease;
mod links;
mod pick;
mod unused;

use crate::Env;
use crate::calls::note;
use crate::connections::Connections;
use crate::directory::{Change, ClusterId, Directory, Endpoint, EndpointId, PartId, Seat};
use crate::slots::{CallKey, ConnKey};
use balancer::Balancer;
use health::Health;
use links::Links;
use std::sync::Arc;

/// The state of one endpoint in this worker.
#[derive(Default)]
pub struct EndpointState {
    /// The version of the change that gave the endpoint its id.
    since: u64,
    conns: Links,
    /// Dials under way: one, or one for each downstream with connections of its own. Also those that failed in
    /// this turn.
    dials: Vec<Dial>,
    /// Calls without a response yet, including those whose downstream no longer waits.
    pub in_flight: u32,
    health: Health,
    /// The endpoint has announced that it is going away.
    pub read_only: bool,
    /// The control plane has found that it does not respond.
    pub is_sick: bool,
    /// The number of dials made while all connections drain, and the earliest time of the next one.
    redials: u8,
    redial_at_ms: u64,
    /// Failed dials since the start.
    pub dial_failures: u64,
}

/// A dial under way.
struct Dial {
    conn: ConnKey,
    /// The only downstream that may use the connection; `None` for a shared one.
    reserved_for: Option<ConnKey>,
    /// The calls that wait for the dial.
    waiting: Vec<CallKey>,
}

/// The endpoints of all clusters.
#[derive(Default)]
pub struct Endpoints {
    list: Vec<EndpointState>,
    clusters: Vec<ClusterState>,
    /// Removed endpoints that still have connections or calls.
    removed: Vec<EndpointId>,
    /// Endpoints whose last dial failed. They are dialed again in the background.
    failing: Vec<EndpointId>,
    /// The place of this worker, which decides what it uses of large clusters.
    seat: Seat,
    /// When connections that nothing needs are looked for next.
    next_look_ms: u64,
    rng: fastrand::Rng,
}

/// The state of one cluster in this worker.
#[derive(Default)]
struct ClusterState {
    /// Calls whose downstream waits for a response.
    in_flight: u32,
    /// Calls so far. The number wraps, because only its changes count.
    calls: u32,
    /// The load balancers, by subset.
    balancers: Vec<Balancer>,
}

/// The result of looking for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This connection takes the call.
    Ready(EndpointId, ConnKey),
    /// The endpoint is being dialed, and the call has to wait for this connection.
    Dialing(EndpointId, ConnKey),
    /// No endpoint can be reached.
    None,
    /// All usable connections are at their limit of calls, and no more may be opened.
    Full,
    /// This process has no descriptor or port for another connection.
    Exhausted,
}

/// Which endpoints and connections a call may be given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The endpoint that has just failed the call. It is used only if it is the only one.
    pub not: Option<EndpointId>,
    /// The downstream whose own connections the call has to use; `None` for shared ones.
    pub downstream: Option<ConnKey>,
    /// Allows endpoints that are avoided, if no other can be used.
    pub or_any: bool,
}

impl Endpoints {
    /// Creates an empty state. The seed determines random choices.
    #[must_use]
    pub fn new(seed: u64, seat: Seat) -> Self {
        Endpoints {
            seat,
            rng: fastrand::Rng::with_seed(seed),
            ..Endpoints::default()
        }
    }

    /// Applies a change of the directory. Endpoints keep their state, and load balancers go on from theirs.
    /// `before` is the directory without the change.
    pub fn apply(&mut self, change: &Change, before: &Directory) {
        for (id, since) in self.changed_hands(change) {
            self.state(id, |state| {
                debug_assert_eq!(state.in_flight, 0, "an id is free when no call uses it");
                *state = EndpointState {
                    since,
                    ..EndpointState::default()
                };
            });
        }
        note(&mut self.removed, &change.endpoints);
        for (id, cluster) in &change.clusters {
            if self.clusters.len() <= id.index() {
                self.clusters.resize_with(id.index() + 1, ClusterState::default);
            }
            let old = before.cluster(*id).map_or(&[][..], |c| &c.subsets);
            let state = &mut self.clusters[id.index()];
            let mut balancers = std::mem::take(&mut state.balancers).into_iter();
            let subsets = cluster.as_ref().map_or(&[][..], |c| &c.subsets);
            for (i, set) in subsets.iter().enumerate() {
                let was = old.get(i).zip(balancers.next());
                let balancer = Balancer::following(was, set, self.seat, &mut self.rng);
                state.balancers.push(balancer);
            }
        }
    }

    /// Changes the state of an endpoint, and creates it if necessary.
    fn state(&mut self, id: EndpointId, change: impl FnOnce(&mut EndpointState)) {
        if self.list.len() <= id.index() {
            self.list.resize_with(id.index() + 1, EndpointState::default);
        }
        change(&mut self.list[id.index()]);
    }

    /// The ids in a change that now stand for another endpoint, and since which version.
    pub(crate) fn changed_hands(&self, change: &Change) -> Vec<(EndpointId, u64)> {
        let is_new = |(id, e): &(EndpointId, Option<Arc<Endpoint>>)| {
            let since = e.as_ref()?.since;
            let state = self.list.get(id.index());
            state
                .is_none_or(|state| state.since != since)
                .then_some((*id, since))
        };
        change.endpoints.iter().filter_map(is_new).collect()
    }

    /// Removed endpoints that still have connections or calls.
    pub(crate) fn removed_in_use(&mut self) -> Vec<PartId> {
        let list = &self.list;
        self.removed.retain(|id| {
            let state = list.get(id.index());
            state.is_some_and(|e| e.in_flight > 0 || !e.conns.is_empty() || !e.dials.is_empty())
        });
        self.removed.iter().map(|id| PartId::Endpoint(*id)).collect()
    }

    /// A random number of the worker's generator.
    #[inline]
    pub fn random(&mut self) -> u32 {
        self.rng.u32(..)
    }

    /// The state of an endpoint; `None` for an id that was never used.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&EndpointState> {
        self.list.get(id.index())
    }

    /// Calls to a cluster whose downstream waits.
    #[must_use]
    pub fn cluster_in_flight(&self, id: ClusterId) -> u32 {
        self.clusters.get(id.index()).map_or(0, |c| c.in_flight)
    }

    /// Calls that were given to a cluster so far. The number wraps.
    #[must_use]
    pub fn cluster_calls(&self, id: ClusterId) -> u32 {
        self.clusters.get(id.index()).map_or(0, |c| c.calls)
    }

    /// Counts a call that was given to an endpoint.
    #[inline]
    pub fn began(&mut self, endpoint: EndpointId, cluster: ClusterId) {
        self.list[endpoint.index()].in_flight += 1;
        let cluster = &mut self.clusters[cluster.index()];
        cluster.in_flight += 1;
        cluster.calls = cluster.calls.wrapping_add(1);
    }

    /// Stops counting a call for its cluster, because its downstream no longer waits.
    #[inline]
    pub fn gave_up(&mut self, cluster: ClusterId) {
        self.clusters[cluster.index()].in_flight -= 1;
    }

    /// Stops counting a call for its endpoint, because no response can come any more.
    #[inline]
    pub fn ended(&mut self, endpoint: EndpointId) {
        self.list[endpoint.index()].in_flight -= 1;
    }

    /// Adds a call to those that wait for a dial.
    pub fn wait(&mut self, endpoint: EndpointId, dial: ConnKey, call: CallKey) {
        let dials = &mut self.list[endpoint.index()].dials;
        if let Some(dial) = dials.iter_mut().find(|d| d.conn == dial) {
            dial.waiting.push(call);
        }
    }

    fn dial_failed(&mut self, id: EndpointId, now_ms: u64) {
        let e = &mut self.list[id.index()];
        e.dial_failures += 1;
        if !e.health.is_failing() {
            self.failing.push(id);
        }
        e.health.dial_failed(now_ms);
    }

    /// Dials endpoints whose last dial failed, so that no call has to find out whether they are back.
    pub fn probe<E: Env>(&mut self, w: &mut Connections<E>, directory: &Directory) {
        for id in std::mem::take(&mut self.failing) {
            let e = &self.list[id.index()];
            let conf = directory.endpoint(id).filter(|conf| conf.since == e.since);
            let Some((conf, cluster)) = conf.and_then(|c| Some((c, directory.cluster(c.cluster)?))) else {
                continue;
            };
            if !e.health.is_failing() {
                continue;
            }
            self.failing.push(id);
            if e.dials.is_empty() && e.health.may_dial(w.now_ms) {
                // the failure is counted and logged; in a cluster without shared connections the sweep closes
                // the connection again
                let _ = self.dial(w, conf, cluster, id, None);
            }
        }
    }

    /// Handles a dial that succeeded, and returns the calls that waited for it.
    pub fn connected(&mut self, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        e.health = Health::default();
        e.read_only = false;
        let dial = e.take_dial(conn);
        e.conns
            .insert(conn, dial.as_ref().and_then(|dial| dial.reserved_for));
        dial.map_or(vec![], |dial| dial.waiting)
    }

    /// Records that the endpoint is going away, or that it is back.
    pub fn set_read_only(&mut self, id: EndpointId, on: bool) {
        let e = &mut self.list[id.index()];
        e.read_only = on;
        if !on {
            (e.redials, e.redial_at_ms) = (0, 0);
        }
    }

    /// Records what the control plane has found out about an endpoint.
    pub fn set_sick(&mut self, id: EndpointId, is_sick: bool) {
        if let Some(e) = self.list.get_mut(id.index()) {
            e.is_sick = is_sick;
        }
    }

    /// Handles a closed connection. If it was a dial, returns the calls that waited for it.
    pub fn lost<E: Env>(&mut self, w: &mut Connections<E>, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        if e.conns.remove(conn) {
            if e.conns.is_empty() {
                e.read_only = false; // a new process may answer the next dial
                (e.redials, e.redial_at_ms) = (0, 0);
            }
            // A connection that ends between two calls has ended in order, as where providers limit its age.
            if w.get(conn).is_some_and(|c| c.broke()) {
                e.health.connection_broke(w.now_ms);
            }
        }
        let Some(dial) = e.take_dial(conn) else {
            return vec![];
        };
        self.dial_failed(id, w.now_ms);
        dial.waiting
    }
}

impl EndpointState {
    fn take_dial(&mut self, conn: ConnKey) -> Option<Dial> {
        let at = self.dials.iter().position(|dial| dial.conn == conn)?;
        Some(self.dials.swap_remove(at))
    }

    /// The number of established connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Whether calls go to other endpoints if possible.
    #[must_use]
    pub fn is_avoided(&self, now_ms: u64) -> bool {
        self.read_only || self.is_sick || self.health.is_avoided(now_ms)
    }
}
