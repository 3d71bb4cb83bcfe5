//! A worker's own view of the endpoints: connections, load, calls that wait for a dial. Indexed by interned ids.
mod health;
mod lease;
mod links;
mod pick;

use crate::Env;
use crate::calls::note;
use crate::connections::Connections;
use crate::directory::{Change, ClusterId, Directory, Endpoint, EndpointId, PartId};
use crate::slots::{CallKey, ConnKey};
use health::Health;
use links::Links;
use pick::Picker;
use std::sync::Arc;

/// One endpoint as this worker knows it.
#[derive(Default)]
pub struct EndpointState {
    /// Version of the change since which its id is its own.
    since: u64,
    conns: Links,
    /// Dials under way: one, or one for each downstream that has its own, and those that failed in this turn.
    dials: Vec<Dial>,
    /// Calls that it has not answered, those included for which nobody waits any more.
    pub in_flight: u32,
    health: Health,
    /// It said that it is going away.
    pub read_only: bool,
    /// Dials made although it still stands and says so, and when the next one may be.
    redials: u8,
    redial_at_ms: u64,
    /// Dials that failed.
    pub dial_failures: u64,
}

/// A dial under way.
struct Dial {
    conn: ConnKey,
    /// The downstream that it is for, if it is for one only.
    reserved_for: Option<ConnKey>,
    /// The calls that wait for it.
    waiting: Vec<CallKey>,
}

/// All endpoints.
#[derive(Default)]
pub struct Endpoints {
    list: Vec<EndpointState>,
    clusters: Vec<ClusterState>,
    /// Endpoints that were removed and have connections or calls still.
    removed: Vec<EndpointId>,
    /// Endpoints whose last dial failed: they are dialed again in the background.
    failing: Vec<EndpointId>,
    rng: fastrand::Rng,
}

/// A cluster as this worker knows it.
#[derive(Default)]
struct ClusterState {
    /// Calls for which somebody waits.
    in_flight: u32,
    /// What is remembered between two choices, by subset.
    pickers: Vec<Picker>,
}

/// What came of asking for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This connection takes the call.
    Ready(EndpointId, ConnKey),
    /// The endpoint is being dialed; the call has to wait for this connection.
    Dialing(EndpointId, ConnKey),
    /// Nothing can be used.
    None,
    /// A limit of connections and calls is reached.
    Full,
    /// This process has no room for another connection.
    Exhausted,
}

/// Which endpoints a call may be given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The one that it comes from: taken only if there is no other.
    pub not: Option<EndpointId>,
    /// The downstream whose own connections it has to use; `None` for shared ones.
    pub downstream: Option<ConnKey>,
    /// Also one that is not known to be well, if no other can be used.
    pub or_any: bool,
}

impl Endpoints {
    /// A view whose random choices follow a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Endpoints {
            rng: fastrand::Rng::with_seed(seed),
            ..Endpoints::default()
        }
    }

    /// Takes over clusters and endpoints that are new. Endpoints keep their state, and clusters go on choosing where they
    /// were. `before` is the directory without the change.
    pub fn apply(&mut self, change: &Change, before: &Directory) {
        for id in self.changed_hands(change) {
            let since = change.endpoints.iter().find(|(other, _)| *other == id);
            let since = since.and_then(|(_, e)| e.as_ref()).map_or(0, |e| e.since);
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
            let mut pickers = std::mem::take(&mut state.pickers).into_iter();
            let subsets = cluster.as_ref().map_or(&[][..], |c| &c.subsets);
            for (i, set) in subsets.iter().enumerate() {
                let was = old.get(i).zip(pickers.next());
                state.pickers.push(Picker::following(was, set, &mut self.rng));
            }
        }
    }

    /// Changes the state of an endpoint, which there may not have been yet.
    fn state(&mut self, id: EndpointId, change: impl FnOnce(&mut EndpointState)) {
        if self.list.len() <= id.index() {
            self.list.resize_with(id.index() + 1, EndpointState::default);
        }
        change(&mut self.list[id.index()]);
    }

    /// Ids that stand for another endpoint than so far.
    pub(crate) fn changed_hands(&self, change: &Change) -> Vec<EndpointId> {
        let is_new = |(id, e): &(EndpointId, Option<Arc<Endpoint>>)| {
            let since = e.as_ref()?.since;
            let state = self.list.get(id.index());
            state.is_none_or(|state| state.since != since).then_some(*id)
        };
        change.endpoints.iter().filter_map(is_new).collect()
    }

    /// Removed endpoints to which there are connections or calls still.
    pub(crate) fn removed_in_use(&mut self) -> Vec<PartId> {
        let list = &self.list;
        self.removed.retain(|id| {
            let state = list.get(id.index());
            state.is_some_and(|e| e.in_flight > 0 || !e.conns.is_empty() || !e.dials.is_empty())
        });
        self.removed.iter().map(|id| PartId::Endpoint(*id)).collect()
    }

    /// A random number.
    #[inline]
    pub fn random(&mut self) -> u32 {
        self.rng.u32(..)
    }

    /// The state of an endpoint.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&EndpointState> {
        self.list.get(id.index())
    }

    /// Calls to a cluster for which somebody waits.
    #[must_use]
    pub fn cluster_in_flight(&self, id: ClusterId) -> u32 {
        self.clusters.get(id.index()).map_or(0, |c| c.in_flight)
    }

    /// A call was given to an endpoint.
    #[inline]
    pub fn began(&mut self, endpoint: EndpointId, cluster: ClusterId) {
        self.list[endpoint.index()].in_flight += 1;
        self.clusters[cluster.index()].in_flight += 1;
    }

    /// Nobody waits for the call any more: it no longer counts against the cluster's limits.
    #[inline]
    pub fn gave_up(&mut self, cluster: ClusterId) {
        self.clusters[cluster.index()].in_flight -= 1;
    }

    /// The endpoint has nothing more to do with the call.
    #[inline]
    pub fn ended(&mut self, endpoint: EndpointId) {
        self.list[endpoint.index()].in_flight -= 1;
    }

    /// A call waits for the dial of an endpoint.
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

    /// Dials endpoints again whose last dial failed, so that no call has to find out whether they are back.
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
                // a failure was counted and logged; in a cluster without shared connections it is closed once it stands
                let _ = self.dial(w, conf, cluster, id, None);
            }
        }
    }

    /// A dial succeeded: the calls that waited for it.
    pub fn connected(&mut self, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        e.health = Health::default();
        e.read_only = false;
        let dial = e.take_dial(conn);
        e.conns
            .insert(conn, dial.as_ref().and_then(|dial| dial.reserved_for));
        dial.map_or(vec![], |dial| dial.waiting)
    }

    /// The endpoint said that it is going away, or that it is back.
    pub fn set_read_only(&mut self, id: EndpointId, on: bool) {
        let e = &mut self.list[id.index()];
        e.read_only = on;
        if !on {
            (e.redials, e.redial_at_ms) = (0, 0);
        }
    }

    /// A connection is gone; if it was a dial, the calls that wait for it have to look elsewhere.
    pub fn lost<E: Env>(&mut self, w: &mut Connections<E>, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        if e.conns.remove(conn) {
            if e.conns.is_empty() {
                e.read_only = false; // a new process may answer the next dial
                (e.redials, e.redial_at_ms) = (0, 0);
            }
            if w.get(conn).is_some_and(|c| !c.retired) {
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

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Whether calls go elsewhere if they can.
    #[must_use]
    pub fn is_avoided(&self, now_ms: u64) -> bool {
        self.read_only || self.health.is_avoided(now_ms)
    }
}
