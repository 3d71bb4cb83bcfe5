//! A worker's own view of the hosts: connections, load, callers that wait for a dial. Indexed by interned ids.
mod pick;

use crate::Env;
use crate::slots::{CallKey, ConnKey};
use crate::snapshot::{ClusterId, EndpointId, Snapshot};
use crate::wires::{Owner, Wires};
use pick::Picker;

/// A host whose dial failed is left alone for this long, doubled with each further failure up to the maximum.
const BACKOFF_MS: u64 = 250;
const BACKOFF_MAX_MS: u64 = 30_000;
/// A host whose connection broke is not the first choice for this long.
const BROKEN_MS: u64 = 1000;
/// So often the policy is asked for a host before any that can be used is taken.
const PICKS: usize = 4;

/// One host as this worker knows it.
#[derive(Default)]
pub struct EndpointState {
    /// Version of the snapshot since which its id is its own.
    since: u64,
    conns: Vec<ConnKey>,
    dialing: Option<ConnKey>,
    waiting: Vec<CallKey>,
    /// Calls given to it and not over.
    pub in_flight: u32,
    /// It is not the first choice before this time.
    shunned_until_ms: u64,
    failures: u8,
    /// It said that it is going away.
    pub read_only: bool,
    /// Dials made although it still stands and says so, and when the next one may be.
    redials: u8,
    redial_at_ms: u64,
    /// Dials that failed.
    pub dial_failures: u64,
}

/// All hosts.
#[derive(Default)]
pub struct Endpoints {
    list: Vec<EndpointState>,
    /// Calls in flight by cluster.
    in_flight: Vec<u32>,
    /// By place in the host sets of the snapshot of this version.
    pickers: Vec<Picker>,
    version: u64,
    rng: fastrand::Rng,
}

/// What came of asking for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This connection takes the call.
    Ready(EndpointId, ConnKey),
    /// The host is being dialed; the call has to wait for this connection.
    Dialing(EndpointId, ConnKey),
    /// Nothing can be used.
    None,
    /// A limit is reached.
    Full,
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

    /// Follows a new snapshot. Hosts keep their state; choices begin anew.
    pub fn configure(&mut self, s: &Snapshot) {
        let hosts = s.endpoints.len().max(self.list.len());
        self.list.resize_with(hosts, EndpointState::default);
        for (id, since) in self.changed_hands(s) {
            let state = &mut self.list[id.index()];
            debug_assert_eq!(state.in_flight, 0, "calls hold the snapshot that they began with");
            *state = EndpointState {
                since,
                ..EndpointState::default()
            };
        }
        self.in_flight
            .resize(s.clusters.len().max(self.in_flight.len()), 0);
        self.pickers = s
            .host_sets
            .iter()
            .map(|set| Picker::new(set, &mut self.rng))
            .collect();
        self.version = s.version;
    }

    /// Ids that stand for another host in the snapshot than so far, each with the version since which it does.
    pub(crate) fn changed_hands(&self, s: &Snapshot) -> Vec<(EndpointId, u64)> {
        let hosts = (0..).zip(self.list.iter().zip(&s.endpoints));
        let anew = hosts.filter_map(|(id, (state, endpoint))| {
            let since = endpoint.as_ref()?.since;
            (since != state.since).then_some((EndpointId(id), since))
        });
        anew.collect()
    }

    /// A random number.
    #[inline]
    pub fn random(&mut self) -> u32 {
        self.rng.u32(..)
    }

    /// The state of a host.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&EndpointState> {
        self.list.get(id.index())
    }

    /// Calls in flight to a cluster.
    #[must_use]
    pub fn cluster_in_flight(&self, id: ClusterId) -> u32 {
        self.in_flight.get(id.index()).copied().unwrap_or(0)
    }

    /// A call was given to a host ...
    #[inline]
    pub fn began(&mut self, endpoint: EndpointId, cluster: ClusterId) {
        self.list[endpoint.index()].in_flight += 1;
        self.in_flight[cluster.index()] += 1;
    }

    /// ... and is over.
    #[inline]
    pub fn ended(&mut self, endpoint: EndpointId, cluster: ClusterId) {
        self.list[endpoint.index()].in_flight -= 1;
        self.in_flight[cluster.index()] -= 1;
    }

    /// A call waits for the dial of a host.
    pub fn wait(&mut self, endpoint: EndpointId, call: CallKey) {
        self.list[endpoint.index()].waiting.push(call);
    }

    /// A host of the set and a connection to it. `not` is the host that a retry comes from.
    pub fn lease<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        s: &Snapshot,
        set: usize,
        not: Option<EndpointId>,
    ) -> Lease {
        let hosts = &s.host_sets[set];
        let n = hosts.hosts.len();
        let mut worst = Lease::None;
        // whom the policy picks; then whoever can be used, for chance may miss him, and the least loaded of two
        // is the one that is down; then anybody
        let (mut start, mut strict) = (0, true);
        for i in 0..PICKS.min(n) + 2 * n {
            let id = match i.checked_sub(PICKS.min(n)) {
                None => self.pick(s, set),
                Some(i) => {
                    if i == 0 {
                        start = self.rng.usize(..n);
                    }
                    strict = i < n;
                    hosts.hosts[(start + i) % n].endpoint
                }
            };
            if strict && (self.list[id.index()].is_avoided(w.now_ms) || (not == Some(id) && n > 1)) {
                continue;
            }
            match self.connection(w, s, id) {
                Lease::None => {}
                Lease::Full => worst = Lease::Full,
                lease => return lease,
            }
        }
        worst
    }

    /// Whom the set's policy picks. A call of an older snapshot has sets of its own, for which nothing was
    /// remembered.
    #[inline]
    fn pick(&mut self, s: &Snapshot, set: usize) -> EndpointId {
        let mut anew = Picker::None;
        let picker = if s.version == self.version {
            &mut self.pickers[set]
        } else {
            &mut anew
        };
        picker.pick(&s.host_sets[set], &self.list, &mut self.rng)
    }

    /// A connection to the host: the least loaded one, a new one past the limit of calls on it.
    fn connection<E: Env>(&mut self, w: &mut Wires<E>, s: &Snapshot, id: EndpointId) -> Lease {
        let Some(conf) = s.endpoint(id) else {
            return Lease::None;
        };
        let Some(cluster) = s.cluster(conf.cluster) else {
            return Lease::None;
        };
        let e = &mut self.list[id.index()];
        let usable = |k: &ConnKey| w.get(*k).filter(|c| c.takes_calls()).map(|c| (c.calls, *k));
        let best = e.conns.iter().filter_map(usable).min_by_key(|(calls, _)| *calls);
        if let Some((calls, conn)) = best
            && calls < cluster.max_per_connection
        {
            return Lease::Ready(id, conn);
        }
        if let Some(conn) = e.dialing {
            return Lease::Dialing(id, conn);
        }
        let live = e.conns.iter().filter_map(usable).count() as u32;
        if live >= cluster.max_connections {
            return Lease::Full;
        }
        // Behind its address there may be a new process already. If there is not, the one that goes away still serves,
        // and would say so again on each connection.
        let going = |k: &ConnKey| w.get(*k).filter(|c| c.is_draining()).map(|c| (c.calls, *k));
        let going = e.conns.iter().filter_map(going).min_by_key(|(calls, _)| *calls);
        if let Some((calls, conn)) = going {
            if w.now_ms < e.redial_at_ms {
                return if calls < cluster.max_per_connection {
                    Lease::Ready(id, conn)
                } else {
                    Lease::Full
                };
            }
            e.redials = e.redials.saturating_add(1);
            e.redial_at_ms = w.now_ms + back_off(e.redials);
        }
        match w.dial(&conf.address, cluster, Owner::Endpoint(id)) {
            Ok(conn) => {
                e.dialing = Some(conn);
                Lease::Dialing(id, conn)
            }
            Err(error) => {
                w.connect_fault(id, &error);
                self.dial_failed(id, w.now_ms);
                Lease::None
            }
        }
    }

    fn dial_failed(&mut self, id: EndpointId, now_ms: u64) {
        let e = &mut self.list[id.index()];
        e.failures = e.failures.saturating_add(1);
        e.dial_failures += 1;
        e.shunned_until_ms = now_ms + back_off(e.failures);
    }

    /// A dial succeeded: the calls that waited for it.
    pub fn connected(&mut self, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        e.dialing = e.dialing.filter(|d| *d != conn);
        e.conns.push(conn);
        e.failures = 0;
        e.shunned_until_ms = 0;
        e.read_only = false;
        std::mem::take(&mut e.waiting)
    }

    /// The host said that it is going away, or that it is back.
    pub fn set_read_only(&mut self, id: EndpointId, on: bool) {
        let e = &mut self.list[id.index()];
        e.read_only = on;
        if !on {
            (e.redials, e.redial_at_ms) = (0, 0);
        }
    }

    /// A connection is gone; if it was a dial, its callers have to look elsewhere.
    pub fn lost<E: Env>(&mut self, w: &mut Wires<E>, id: EndpointId, conn: ConnKey) -> Vec<CallKey> {
        let e = &mut self.list[id.index()];
        let had = e.conns.len();
        e.conns.retain(|c| *c != conn);
        if e.conns.len() < had {
            if e.conns.is_empty() {
                e.read_only = false; // whoever answers the next dial may be a new process
                (e.redials, e.redial_at_ms) = (0, 0);
            }
            if w.get(conn).is_some_and(|c| !c.retired) {
                e.shunned_until_ms = w.now_ms + BROKEN_MS;
            }
        }
        if e.dialing != Some(conn) {
            return vec![];
        }
        e.dialing = None;
        let waiting = std::mem::take(&mut e.waiting);
        self.dial_failed(id, w.now_ms);
        waiting
    }
}

/// How long a host is left alone after so many failures in a row.
fn back_off(failures: u8) -> u64 {
    (BACKOFF_MS << u32::from(failures.saturating_sub(1)).min(10)).min(BACKOFF_MAX_MS)
}

impl EndpointState {
    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Whether it is the choice of last resort at this time.
    #[must_use]
    pub fn is_shunned(&self, now_ms: u64) -> bool {
        self.read_only || self.shunned_until_ms > now_ms
    }

    /// Whether calls go elsewhere if they can: it is shunned, or it failed and one call is finding out whether it
    /// is back, which may take as long as connecting may.
    fn is_avoided(&self, now_ms: u64) -> bool {
        self.is_shunned(now_ms) || (self.failures > 0 && self.dialing.is_some())
    }
}
