//! The search for an endpoint and a connection that take a call.
use super::health::back_off;
use super::{Choice, Dial, Endpoints, Lease};
use crate::Env;
use crate::connections::{Connections, Owner};
use crate::directory::{Cluster, ClusterId, Directory, Endpoint, EndpointId, EndpointSet, WeightedEndpoint};
use crate::slots::ConnKey;
use crate::transport::is_process_wide;
use std::rc::Rc;

/// The number of times the load balancer is asked before all endpoints are tried in turn.
const PICKS: usize = 4;
/// The number of dials that may fail at once during one search.
const DIALS: usize = 3;

/// What an endpoint has to offer for a call.
enum Offer {
    /// A connection with room.
    Ready(ConnKey),
    /// A connection with many unsent bytes, or no connection below its limit of calls.
    Crowded(Option<ConnKey>),
    /// A dial under way.
    Dialing(ConnKey),
    /// No connection; a dial would be needed.
    Dial,
}

/// What a search has found so far.
#[derive(Default)]
struct Search {
    /// A connection that can take the call although many bytes wait for it.
    crowded: Option<(EndpointId, ConnKey)>,
    /// An endpoint was at its limit of connections and calls.
    is_full: bool,
    /// This process has no descriptor or port for another connection.
    is_exhausted: bool,
    failed_dials: usize,
}

/// The side that made a dial fail at once.
pub(super) enum DialFailed {
    /// This process or machine has no room for another connection.
    Here,
    /// The endpoint cannot be reached.
    There,
}

impl Search {
    fn may_dial(&self) -> bool {
        !self.is_exhausted && self.failed_dials < DIALS
    }

    /// The result of a search that found nothing, with the most telling reason.
    fn in_vain(&self) -> Lease {
        match self {
            Search {
                is_exhausted: true, ..
            } => Lease::Exhausted,
            Search { is_full: true, .. } => Lease::Full,
            _ => Lease::None,
        }
    }
}

impl Endpoints {
    /// Leases a connection to an endpoint of a cluster's subset, in three passes: endpoints that the load balancer
    /// picks; any healthy endpoint, since random picks may miss it; and, if the choice allows it, any endpoint.
    /// The load balancer picks from what this worker uses of the subset. The other passes have all, and try these first.
    pub fn lease<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        directory: &Directory,
        (id, cluster): (ClusterId, &Cluster),
        subset: u16,
        choice: Choice,
    ) -> Lease {
        let Some(set) = cluster.subsets.get(usize::from(subset)) else {
            return Lease::None;
        };
        let n = set.endpoints.len();
        if n == 0 {
            return Lease::None;
        }
        let mut search = Search::default();
        for _ in 0..PICKS.min(n) {
            let id = self.pick(id, subset, set);
            if self.is_well(w, id, choice, n)
                && let Some(lease) = self.ask(w, directory, cluster, id, choice.downstream, &mut search)
            {
                return lease;
            }
        }
        // The passes start at a random endpoint, so that its neighbours do not get all the calls.
        let start = self.rng.usize(..n);
        let own = self.own(id, subset);
        let own = own.as_ref().map_or(&[][..], |own| &own.endpoints);
        let around = |all: &[WeightedEndpoint], i: usize| all[(start + i) % all.len()].endpoint;
        // What the worker uses are neighbours in the set, so the one after them would get most calls if they were not well.
        let strays = [(); PICKS].map(|()| if own.is_empty() { 0 } else { self.rng.usize(..n) });
        let strays = &strays[..PICKS.min(own.len())];
        let in_turn = || {
            let first = (0..own.len()).map(|i| around(own, i));
            let strays = strays.iter().map(|i| set.endpoints[*i].endpoint);
            let all = (0..n).map(|i| around(&set.endpoints, i));
            first.chain(strays).chain(all)
        };
        for id in in_turn() {
            if self.is_well(w, id, choice, n)
                && let Some(lease) = self.ask(w, directory, cluster, id, choice.downstream, &mut search)
            {
                return lease;
            }
        }
        // A crowded connection of a healthy endpoint is better than any of an avoided one.
        if let Some((id, conn)) = search.crowded {
            return Lease::Ready(id, conn);
        }
        if choice.or_any {
            for id in in_turn() {
                if let Some(lease) = self.ask(w, directory, cluster, id, choice.downstream, &mut search) {
                    return lease;
                }
            }
        }
        search.in_vain()
    }

    /// Leases a connection to this endpoint, whether it is well or not.
    pub fn lease_one<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        directory: &Directory,
        cluster: &Cluster,
        id: EndpointId,
        downstream: Option<ConnKey>,
    ) -> Lease {
        let mut search = Search::default();
        let lease = self.ask(w, directory, cluster, id, downstream, &mut search);
        lease.unwrap_or_else(|| match search.crowded {
            Some((id, conn)) => Lease::Ready(id, conn),
            None => search.in_vain(),
        })
    }

    fn is_well<E: Env>(&self, w: &Connections<E>, id: EndpointId, choice: Choice, n: usize) -> bool {
        !self.list[id.index()].is_avoided(w.now_ms) && (choice.not != Some(id) || n == 1)
    }

    /// Asks one endpoint for a connection; `None` means that the search goes on.
    #[inline]
    fn ask<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        directory: &Directory,
        cluster: &Cluster,
        id: EndpointId,
        downstream: Option<ConnKey>,
        search: &mut Search,
    ) -> Option<Lease> {
        match self.offer(w, cluster, id, downstream) {
            Offer::Ready(conn) => return Some(Lease::Ready(id, conn)),
            Offer::Dialing(conn) => return Some(Lease::Dialing(id, conn)),
            Offer::Crowded(conn) => {
                search.is_full = true;
                search.crowded = search.crowded.or(conn.map(|conn| (id, conn)));
            }
            Offer::Dial if search.may_dial() => {
                match self.dial(w, directory.endpoint(id)?, cluster, id, downstream) {
                    Ok(conn) => return Some(Lease::Dialing(id, conn)),
                    Err(DialFailed::Here) => search.is_exhausted = true,
                    Err(DialFailed::There) => search.failed_dials += 1,
                }
            }
            Offer::Dial => {}
        }
        None
    }

    /// The endpoint that the load balancer of a subset picks.
    #[inline]
    fn pick(&mut self, cluster: ClusterId, subset: u16, set: &EndpointSet) -> EndpointId {
        let balancer = &mut self.clusters[cluster.index()].balancers[usize::from(subset)];
        balancer.pick(set, &self.list, &mut self.rng)
    }

    /// What this worker uses of a subset; `None` if it uses all endpoints.
    fn own(&self, cluster: ClusterId, subset: u16) -> Option<Rc<EndpointSet>> {
        let balancer = &self.clusters[cluster.index()].balancers[usize::from(subset)];
        balancer.own().cloned()
    }

    /// What the endpoint offers: its least loaded connection, a dial under way, or a new connection.
    fn offer<E: Env>(
        &self,
        w: &Connections<E>,
        cluster: &Cluster,
        id: EndpointId,
        downstream: Option<ConnKey>,
    ) -> Offer {
        let e = &self.list[id.index()];
        let usable = |k: ConnKey| w.get(k).filter(|c| c.takes_calls());
        let best = (e.conns.of(downstream))
            .filter_map(|k| {
                usable(k)
                    .filter(|c| c.has_room(cluster.max_per_connection))
                    .map(|c| (c.awaited(), c.is_full(), k))
            })
            .min_by_key(|(calls, is_full, _)| (*is_full, *calls));
        if let Some((_, is_full, conn)) = best {
            return if is_full {
                Offer::Crowded(Some(conn))
            } else {
                Offer::Ready(conn)
            };
        }
        // One dial at a time is enough: all calls that come meanwhile wait for it.
        let mut dials = e.dials.iter().filter(|dial| dial.reserved_for == downstream);
        if let Some(dial) = dials.find(|dial| w.alive(dial.conn)) {
            return Offer::Dialing(dial.conn);
        }
        let live = e.conns.of(downstream).filter_map(usable).count() as u32;
        let all = e.conns.len() + e.dials.len();
        let is_full = downstream.is_some() && all >= cluster.max_per_endpoint as usize;
        if live >= cluster.max_connections || is_full {
            return Offer::Crowded(None);
        }
        // All connections drain. A new process may already listen at the address, so a dial makes sense. If
        // not, the old process still serves and would announce its end on each new connection, so dials are
        // spaced.
        let draining = |k: ConnKey| w.get(k).filter(|c| c.is_draining()).map(|c| (c.awaited(), k));
        let draining = e
            .conns
            .of(downstream)
            .filter_map(draining)
            .min_by_key(|(calls, _)| *calls);
        match draining {
            Some((calls, conn)) if w.now_ms < e.redial_at_ms => {
                if calls < cluster.max_per_connection {
                    Offer::Ready(conn)
                } else {
                    Offer::Crowded(None)
                }
            }
            _ => Offer::Dial,
        }
    }

    pub(super) fn dial<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        conf: &Endpoint,
        cluster: &Cluster,
        id: EndpointId,
        downstream: Option<ConnKey>,
    ) -> Result<ConnKey, DialFailed> {
        let e = &mut self.list[id.index()];
        let conns = || e.conns.of(downstream).filter_map(|k| w.get(k));
        if conns().any(|c| c.is_draining()) && !conns().any(|c| c.takes_calls()) {
            e.redials = e.redials.saturating_add(1);
            e.redial_at_ms = w.now_ms + back_off(e.redials);
        }
        match w.dial(&conf.address, cluster, Owner::Endpoint(id), downstream) {
            Ok(conn) => {
                e.dials.push(Dial {
                    conn,
                    reserved_for: downstream,
                    waiting: vec![],
                });
                Ok(conn)
            }
            Err(error) => {
                w.connect_fault(id, &error);
                if is_process_wide(&error) {
                    return Err(DialFailed::Here);
                }
                self.dial_failed(id, w.now_ms);
                Err(DialFailed::There)
            }
        }
    }
}
