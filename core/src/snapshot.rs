//! What workers route by: one immutable snapshot for all of them, compiled by the control plane, and each
//! worker's own epoch of it.
//!
//! A call keeps the epoch that it began with. Ids of listeners, routes and clusters are given out once and never reused
//! for something else, those of endpoints only when nobody can use them any more (`ids.rs`), so a worker's pools and
//! counters are arrays that outlive snapshots.
mod compile;
mod endpoint_set;
mod ids;
mod index;
mod interned;
mod matcher;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, Compiler, FilterFactories, Resolver, VARIANT_DRAFT, VARIANT_FINAL};
pub use endpoint_set::{Balance, EndpointSet, WeightedEndpoint};
pub use matcher::{RouteMatch, Unmet};

use crate::bridge::Bridge;
use crate::filter::{Filter, FilterFactory};
use crate::message::{Edits, Head, Message, ProtoId};
use crate::metrics::Layout;
use crate::session::Settings;
use crate::transport::Address;
use index::Index;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($of:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub struct $name(pub $of);
        impl $name {
            /// As an index.
            #[inline(always)]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A listener, by its name, for the life of the process.
    ListenerId(u16);
    /// A route, by its name, for the life of the process.
    RouteId(u16);
    /// A cluster, by its name, for the life of the process.
    ClusterId(u16);
    /// An endpoint: an address of a cluster, for as long as a snapshot is held that has it.
    EndpointId(u32);
}

/// Everything that a worker needs to know, immutable.
#[derive(Default)]
pub struct Snapshot {
    /// Counts snapshots of this process.
    pub version: u64,
    /// By [`ListenerId`]; `None` where a listener was removed.
    pub listeners: Vec<Option<Listener>>,
    /// By [`RouteId`]; an empty route, which nothing leads to, where one was removed.
    pub routes: Vec<Route>,
    /// By [`ClusterId`]; `None` where a cluster was removed.
    pub clusters: Vec<Option<Cluster>>,
    /// By [`EndpointId`]; `None` where an endpoint is no longer there.
    pub endpoints: Vec<Option<Endpoint>>,
    /// Sets of endpoints to choose from: one for each target of a route.
    pub endpoint_sets: Vec<EndpointSet>,
    /// Bounds of the process.
    pub limits: Limits,
}

/// Bounds that hold for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of callers.
    pub connections: usize,
    /// Bytes of half-received messages of all connections together.
    pub partial_bytes: usize,
    /// Bytes that peers do not take at the moment, of all connections together.
    pub unsent_bytes: usize,
    /// What the metrics of calls tell apart.
    pub metrics: Arc<Layout>,
}

/// A place where calls come in.
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// The protocol, if it is not to be detected.
    pub protocol: Option<ProtoId>,
    /// Bounds of its connections.
    pub settings: Settings,
    /// Calls in flight at once over all connections of a worker ...
    pub max_in_flight: u32,
    /// ... and over one connection.
    pub max_per_connection: u32,
    /// Connections at once.
    pub max_connections: u32,
    /// A connection without traffic or calls is closed after this; 0 for never.
    pub idle_ms: u32,
    /// A connection must show its protocol within this.
    pub detect_ms: u32,
    /// What its routes look at, apart from protocol, service and method.
    pub matched_fields: MatchedFields,
    routes: Index,
}

/// Facts of a call that routes may look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedFields {
    /// The service version.
    pub version: bool,
    /// The group.
    pub group: bool,
    /// The calling application.
    pub caller: bool,
    /// Any attachment.
    pub attachments: bool,
}

/// What becomes of the calls that match.
#[derive(Default)]
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// Which calls match.
    pub matches: RouteMatch,
    /// Where they go, by weight.
    pub targets: Box<[Target]>,
    /// Sum of the weights.
    pub total_weight: u64,
    /// What is changed in them, if anything is.
    pub rewrite: Option<Edits>,
    /// Bounds of a call.
    pub policy: Policy,
    /// The bounds for single methods.
    pub methods: Box<[(Box<[u8]>, Policy)]>,
}

/// Bounds of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most time it may take, in milliseconds. Its caller may allow less, not more.
    pub timeout_ms: u32,
    /// How often it is given to endpoints that are not known to be well, as long as no byte of it was written.
    pub attempts: u8,
}

/// One of a route's clusters.
pub struct Target {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its share.
    pub weight: u32,
    /// Its endpoints, in [`Snapshot::endpoint_sets`].
    pub endpoints: usize,
    /// Rules for calls that change the protocol on the way there.
    pub bridge: Bridge,
}

/// Hosts of one service that speak one protocol.
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// What they speak.
    pub protocol: ProtoId,
    /// Bounds and variant of that.
    pub settings: Settings,
    /// All of its endpoints, for the admin pages.
    pub endpoints: Box<[EndpointId]>,
    /// How long connecting may take.
    pub connect_ms: u32,
    /// A connection without traffic or calls is closed after this; 0 for never.
    pub idle_ms: u32,
    /// A connection takes no new calls after this; 0 for never.
    pub max_age_ms: u32,
    /// A silent connection is asked for a sign of life after this; 0 for never.
    pub heartbeat_ms: u32,
    /// Connections of a worker to one endpoint.
    pub max_connections: u32,
    /// Calls in flight on one connection.
    pub max_per_connection: u32,
    /// Calls in flight to the cluster.
    pub max_in_flight: u32,
    /// Calls that it can have in flight by all of its limits.
    pub capacity: u32,
    /// How much of that one downstream may take, in percent.
    pub downstream_share: u8,
}

/// A endpoint.
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// As configured (endpoint names unresolved), for people.
    pub name: Arc<str>,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Version of the snapshot since which the id is its own; before, it may have been another's.
    pub since: u64,
}

/// A worker's own copy of a snapshot: the shared part, and filters that are this worker's alone.
pub struct Epoch {
    /// The shared part.
    pub snapshot: Arc<Snapshot>,
    /// One chain for each pair of listener and route that has filters.
    chains: HashMap<(ListenerId, RouteId), Chain>,
    filtered: bool,
    /// The filters of all chains, for their successors.
    filters: HashMap<Place, Rc<dyn Filter>>,
}

/// Filters in order.
pub type Chain = Rc<[Rc<dyn Filter>]>;

/// The filters of a snapshot: made anew for each worker.
#[derive(Default)]
pub struct Chains {
    /// For each pair that has any: the listener's, then the route's.
    of: HashMap<(ListenerId, RouteId), Vec<Place>>,
    factories: HashMap<Place, Arc<dyn FilterFactory>>,
}

/// Whose filter it is, and the how manieth of his. A filter that stands in several chains is one filter, and has one
/// predecessor: two that took over the same counters would go on counting together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Listener(ListenerId, usize),
    Route(RouteId, usize),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 100_000,
            partial_bytes: 256 << 20,
            unsent_bytes: 256 << 20,
            metrics: Arc::default(),
        }
    }
}

impl Snapshot {
    /// The listener, if it is still there.
    #[inline]
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.get(id.index())?.as_ref()
    }

    /// The cluster, if it is still there.
    #[inline]
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.get(id.index())?.as_ref()
    }

    /// The endpoint, if it is still there.
    #[inline]
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(id.index())?.as_ref()
    }

    /// The first route of the listener that matches.
    #[inline]
    #[must_use]
    pub fn route(&self, at: &Listener, msg: &Message<'_>, head: &Head<'_>) -> Option<RouteId> {
        at.routes
            .candidates(head.service)
            .find(|r| self.routes[r.index()].matches.matches(msg, head))
    }
}

impl Cluster {
    /// With fewer calls in flight no downstream can have more than its share.
    #[inline]
    #[must_use]
    pub fn crowded_at(&self) -> u32 {
        (u64::from(self.capacity) * u64::from(self.downstream_share) / 100) as u32
    }
}

impl Route {
    /// The bounds of a method's calls.
    #[inline]
    #[must_use]
    pub fn policy_of(&self, method: &[u8]) -> Policy {
        self.methods
            .iter()
            .find(|(m, _)| **m == *method)
            .map_or(self.policy, |(_, p)| *p)
    }

    /// A target by weight, given a random number.
    #[inline]
    #[must_use]
    pub fn target(&self, random: u32) -> u16 {
        if self.targets.len() == 1 {
            return 0;
        }
        let mut at = ((u128::from(random) * u128::from(self.total_weight)) >> 32) as u64;
        for (i, t) in self.targets.iter().enumerate() {
            let weight = u64::from(t.weight);
            if at < weight {
                return i as u16;
            }
            at -= weight;
        }
        0
    }
}

impl Epoch {
    /// A worker's copy. Filters take over what their predecessors of the same place and kind had gathered.
    #[must_use]
    pub fn new(compiled: &Compiled, before: Option<&Epoch>) -> Self {
        let made = compiled.chains.factories.iter().map(|(place, factory)| {
            let old = before.and_then(|e| e.filters.get(place));
            (*place, factory.make(old.map(|old| &**old)))
        });
        let filters: HashMap<Place, Rc<dyn Filter>> = made.collect();
        let chain = |places: &Vec<Place>| -> Chain {
            let found = places.iter().filter_map(|place| filters.get(place));
            found.map(Rc::clone).collect()
        };
        let chains: HashMap<_, Chain> = (compiled.chains.of.iter())
            .map(|(at, places)| (*at, chain(places)))
            .collect();
        let filtered = !chains.is_empty();
        Epoch {
            snapshot: Arc::clone(&compiled.snapshot),
            chains,
            filtered,
            filters,
        }
    }

    /// The filters that a call passes.
    #[inline]
    #[must_use]
    pub fn chain(&self, listener: ListenerId, route: RouteId) -> Option<&Chain> {
        if !self.filtered {
            return None;
        }
        self.chains.get(&(listener, route))
    }
}
