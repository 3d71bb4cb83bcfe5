//! What workers route by: listeners, routes, clusters and endpoints, each a part of its own.
//!
//! The control plane compiles parts ([`Compiler`]) and mails those that are new ([`Change`]) to the workers, each of which
//! has a [`Directory`] of them. So a change costs what its parts cost, whatever else is configured. A part is immutable.
//! Its id is its own until no worker uses it any more (`ids.rs`), so a worker's pools and counters are arrays by id.
mod change;
mod compile;
mod endpoint_set;
mod ids;
mod index;
mod matcher;
mod parts;
#[cfg(test)]
mod tests;

pub use change::{Change, PartId, Use};
pub use compile::{Compiler, World};
pub use endpoint_set::{Balance, EndpointSet, WeightedEndpoint};
pub use matcher::{RouteMatch, Unmet};
pub use parts::{VARIANT_DRAFT, VARIANT_FINAL};

use crate::bridge::Bridge;
use crate::config::ConnectionScope;
use crate::filter::FilterFactory;
use crate::message::{Edits, Head, Message, ProtoId};
use crate::metrics::Layout;
use crate::session::Settings;
use crate::slots::ConnKey;
use crate::transport::Address;
use index::Index;
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub struct $name(pub u32);
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
    /// Names a listener while it is configured, and for as long as a worker uses it.
    ListenerId;
    /// Names a route, likewise.
    RouteId;
    /// Names a cluster, likewise.
    ClusterId;
    /// Names an endpoint, which is an address of a cluster, likewise.
    EndpointId;
}

/// All parts that are in use, by id; `None` where a part was removed.
#[derive(Clone, Default)]
pub struct Directory {
    /// How many changes there were.
    pub version: u64,
    /// Bounds of a worker.
    pub limits: Limits,
    listeners: Vec<Option<Arc<Listener>>>,
    routes: Vec<Option<Arc<Route>>>,
    clusters: Vec<Option<Arc<Cluster>>>,
    endpoints: Vec<Option<Arc<Endpoint>>>,
    /// Connections that a worker may have to all endpoints together.
    upstream_connections: usize,
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
    /// How many routes it has.
    pub route_count: usize,
    /// What makes its filters, in order.
    pub filters: Filters,
    routes: Index,
}

/// What makes the filters of a listener or a route, in order. Each worker has filters of its own.
pub type Filters = Box<[Arc<dyn FilterFactory>]>;

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
    /// What makes its filters, in order.
    pub filters: Filters,
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
    /// Which of the cluster's [subsets](Cluster::subsets) takes the calls.
    pub subset: u16,
    /// Rules for calls that change the protocol on the way there.
    pub bridge: Bridge,
}

/// Endpoints of one service that speak one protocol.
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// What they speak.
    pub protocol: ProtoId,
    /// Bounds and variant of that.
    pub settings: Settings,
    /// All of its endpoints.
    pub endpoints: Box<[EndpointId]>,
    /// The endpoints that routes choose from. Routes that want the same metadata share a subset.
    pub subsets: Box<[EndpointSet]>,
    /// How long connecting may take.
    pub connect_ms: u32,
    /// A connection without traffic or calls is closed after this; 0 for never.
    pub idle_ms: u32,
    /// A connection takes no new calls after this; 0 for never.
    pub max_age_ms: u32,
    /// A silent connection is asked for a sign of life after this; 0 for never.
    pub heartbeat_ms: u32,
    /// Who may use a connection.
    pub connections: ConnectionScope,
    /// Connections of a worker to one endpoint; of one downstream, if each has its own.
    pub max_connections: u32,
    /// Connections of a worker to one endpoint, those of all downstreams together.
    pub max_per_endpoint: u32,
    /// Calls in flight on one connection.
    pub max_per_connection: u32,
    /// Calls in flight to the cluster.
    pub max_in_flight: u32,
    /// Calls that it can have in flight by all of its limits.
    pub capacity: u32,
    /// How much of that one downstream may take, in percent.
    pub downstream_share: u8,
    /// With fewer calls in flight no downstream can have more than its share.
    pub crowded_at: u32,
}

/// One process of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// Its address as configured: host names are not resolved. For people.
    pub name: Arc<str>,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Version of the change that gave it its id; before, the id may have been another's.
    pub since: u64,
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

impl Directory {
    /// The listener, if it is still there.
    #[inline]
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<&Arc<Listener>> {
        self.listeners.get(id.index())?.as_ref()
    }

    /// The route, if it is still there.
    #[inline]
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&Arc<Route>> {
        self.routes.get(id.index())?.as_ref()
    }

    /// The cluster, if it is still there.
    #[inline]
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Arc<Cluster>> {
        self.clusters.get(id.index())?.as_ref()
    }

    /// The endpoint, if it is still there.
    #[inline]
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(id.index())?.as_ref()
    }

    /// All listeners.
    pub fn listeners(&self) -> impl Iterator<Item = (ListenerId, &Arc<Listener>)> {
        (0..).map(ListenerId).zip(&self.listeners).filter_map(there)
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, &Arc<Route>)> {
        (0..).map(RouteId).zip(&self.routes).filter_map(there)
    }

    /// All clusters.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterId, &Arc<Cluster>)> {
        (0..).map(ClusterId).zip(&self.clusters).filter_map(there)
    }

    /// All endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Arc<Endpoint>)> {
        (0..).map(EndpointId).zip(&self.endpoints).filter_map(there)
    }

    /// How many connections a worker may have to all endpoints together.
    #[must_use]
    pub fn upstream_connections(&self) -> usize {
        self.upstream_connections
    }

    /// A change that makes an empty directory this one.
    #[must_use]
    pub fn as_change(&self) -> Change {
        Change {
            version: self.version,
            limits: Some(self.limits.clone()),
            listeners: self
                .listeners()
                .map(|(id, l)| (id, Some(Arc::clone(l))))
                .collect(),
            routes: self.routes().map(|(id, r)| (id, Some(Arc::clone(r)))).collect(),
            clusters: self.clusters().map(|(id, c)| (id, Some(Arc::clone(c)))).collect(),
            endpoints: self
                .endpoints()
                .map(|(id, e)| (id, Some(Arc::clone(e))))
                .collect(),
        }
    }

    /// The first route of the listener that matches.
    #[inline]
    #[must_use]
    pub fn match_route(
        &self,
        at: &Listener,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> Option<(RouteId, &Arc<Route>)> {
        at.routes
            .candidates(head.service)
            .filter_map(|id| Some((id, self.route(id)?)))
            .find(|(_, route)| route.matches.matches(msg, head))
    }

    /// Takes over the parts that are new, and lets go of those that were removed.
    pub fn apply(&mut self, change: &Change) {
        self.version = change.version;
        if let Some(limits) = &change.limits {
            self.limits = limits.clone();
        }
        change
            .listeners
            .iter()
            .for_each(|(id, part)| put(&mut self.listeners, id.index(), part));
        change
            .routes
            .iter()
            .for_each(|(id, part)| put(&mut self.routes, id.index(), part));
        for (id, part) in &change.clusters {
            self.upstream_connections -= self.cluster(*id).map_or(0, |c| c.connections());
            self.upstream_connections += part.as_ref().map_or(0, |c| c.connections());
            put(&mut self.clusters, id.index(), part);
        }
        change
            .endpoints
            .iter()
            .for_each(|(id, part)| put(&mut self.endpoints, id.index(), part));
    }
}

fn there<Id, T>((id, part): (Id, &Option<Arc<T>>)) -> Option<(Id, &Arc<T>)> {
    Some((id, part.as_ref()?))
}

/// Puts a part at its index of a list, which grows as needed.
fn put<T>(list: &mut Vec<Option<Arc<T>>>, at: usize, part: &Option<Arc<T>>) {
    if list.len() <= at {
        list.resize_with(at + 1, || None);
    }
    list[at].clone_from(part);
}

impl Cluster {
    /// How many connections a worker may have to its endpoints.
    fn connections(&self) -> usize {
        self.endpoints.len() * self.max_per_endpoint as usize
    }

    /// The downstream for which its connections to this cluster are reserved, if they are.
    #[inline]
    #[must_use]
    pub fn reserves_for(&self, downstream: ConnKey) -> Option<ConnKey> {
        match self.connections {
            ConnectionScope::Shared => None,
            ConnectionScope::PerDownstream => Some(downstream),
        }
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
