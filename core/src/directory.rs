//! The directory that workers route calls by. Its parts are listeners, routes, clusters and endpoints.
//!
//! The control plane compiles parts from its configuration and sends the changed ones ([`Change`]) to the workers, each
//! of which has a [`Directory`] of its own. The cost of a change thus depends on the changed parts only. A part
//! is immutable. Its id is not reused while a worker still refers to it ([`Use`]), so a worker's connection
//! pools and counters are arrays indexed by id.
mod change;
mod condition;
mod endpoint_set;
mod index;
mod matcher;
mod ring;
mod route;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use change::{Change, PartId, Use};
pub use condition::{AttachmentMatch, TextMatch};
pub use endpoint_set::{Balance, EndpointSet, WeightedEndpoint};
pub use index::RouteIndex;
pub use matcher::{RouteMatch, Unmet};
pub use ring::Seat;
pub use route::{Destination, Mirror, Outcomes, Policy, RetryOn, RetryRule, Route, Target};

use crate::filter::FilterFactory;
use crate::message::{Head, Message, ProtoId};
use crate::metrics::Layout;
use crate::session::Settings;
use crate::slots::ConnKey;
use crate::transport::Address;
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// The id as an index of a list.
            #[inline(always)]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// Identifies a listener while it is configured or a worker uses it.
    ListenerId;
    /// Identifies a route while it is configured or a worker uses it.
    RouteId;
    /// Identifies a cluster while it is configured or a worker uses it.
    ClusterId;
    /// Identifies an endpoint, that is an address of a cluster, while it is configured or a worker uses it.
    EndpointId;
}

/// All parts that are in use, by id. Removed parts leave `None`.
#[derive(Clone, Default)]
pub struct Directory {
    /// The number of changes made so far.
    pub version: u64,
    /// The bounds of a worker.
    pub limits: Limits,
    listeners: Vec<Option<Arc<Listener>>>,
    routes: Vec<Option<Arc<Route>>>,
    clusters: Vec<Option<Arc<Cluster>>>,
    endpoints: Vec<Option<Arc<Endpoint>>>,
    /// The largest number of connections that a worker may have to all endpoints that it uses.
    upstream_connections: usize,
}

/// The bounds of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of downstream connections.
    pub connections: usize,
    /// Bytes of incomplete messages, over all connections.
    pub partial_bytes: usize,
    /// Bytes that peers do not take at the moment, over all connections.
    pub unsent_bytes: usize,
    /// The labels and buckets of the metrics of calls.
    pub metrics: Arc<Layout>,
}

/// An address on which calls come in.
pub struct Listener {
    /// The configured name.
    pub name: Arc<str>,
    /// The protocol; `None` if it is detected on each connection.
    pub protocol: Option<ProtoId>,
    /// The bounds of its connections' sessions.
    pub settings: Settings,
    /// Calls in flight in one worker over all connections.
    pub max_in_flight: u32,
    /// Calls in flight over one connection.
    pub max_per_connection: u32,
    /// The number of connections of one worker.
    pub max_connections: u32,
    /// The time after which an idle connection is closed, in milliseconds; 0 for never.
    pub idle_ms: u32,
    /// The time in which a connection must reveal its protocol, in milliseconds.
    pub detect_ms: u32,
    /// The fields that its routes match, apart from protocol, service and method.
    pub matched_fields: MatchedFields,
    /// The number of its routes.
    pub route_count: usize,
    /// The factories of its filters, in order.
    pub filters: Filters,
    /// Its routes, in order.
    pub routes: RouteIndex,
}

/// The factories of the filters of a listener or route, in order. Each worker has instances of its own.
pub type Filters = Box<[Arc<dyn FilterFactory>]>;

/// The fields of a call that routes may match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedFields {
    /// Whether a route matches the service version.
    pub version: bool,
    /// Whether a route matches the group.
    pub group: bool,
    /// Whether a route matches the calling application.
    pub application: bool,
    /// Whether a route matches any attachment.
    pub attachments: bool,
}

/// The endpoints of one service that speak one protocol.
pub struct Cluster {
    /// The configured name.
    pub name: Arc<str>,
    /// The protocol that its endpoints speak.
    pub protocol: ProtoId,
    /// The bounds and the variant of the protocol.
    pub settings: Settings,
    /// All endpoints of the cluster.
    pub endpoints: Box<[EndpointId]>,
    /// The endpoints that routes choose from. Routes that ask for the same metadata share a subset.
    pub subsets: Box<[EndpointSet]>,
    /// The time limit of a dial, in milliseconds.
    pub connect_ms: u32,
    /// The time after which an idle connection is closed, in milliseconds; 0 for never.
    pub idle_ms: u32,
    /// The time after which a connection takes no new calls, in milliseconds; 0 for never.
    pub max_age_ms: u32,
    /// The time after which a silent connection gets a heartbeat, in milliseconds; 0 for never.
    pub heartbeat_ms: u32,
    /// Whether downstream connections share the upstream ones.
    pub connections: ConnectionScope,
    /// Connections of a worker to one endpoint; for one downstream, if each has its own.
    pub max_connections: u32,
    /// Connections of a worker to one endpoint, for all downstream connections together.
    pub max_per_endpoint: u32,
    /// The number of endpoints that a worker connects to while these are well.
    pub used_endpoints: u32,
    /// Calls in flight on one connection.
    pub max_per_connection: u32,
    /// Calls of a worker that wait while all connections are at their limit; 0 if none does.
    pub max_waiting: u32,
    /// Calls in flight to the cluster.
    pub max_in_flight: u32,
    /// The number of calls that it can have in flight under all of its limits.
    pub capacity: u32,
    /// The part of the capacity that one downstream may use, in percent.
    pub downstream_share: u8,
    /// The number of calls in flight below which no downstream can exceed its share.
    pub crowded_at: u32,
    /// It was found in a registry when it was first called, and is removed when it is called no more.
    pub on_demand: bool,
}

/// Whether downstream connections share the connections to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionScope {
    /// Calls of all downstream connections may use the same connection.
    Shared,
    /// Each downstream connection has connections of its own.
    PerDownstream,
}

/// One provider process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address to connect to.
    pub address: Address,
    /// The configured address, with host names not resolved, for people.
    pub name: Arc<str>,
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// The version of the change that gave it its id. Before it, the id may have belonged to another endpoint.
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
    /// The listener; `None` if it was removed.
    #[inline]
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<&Arc<Listener>> {
        self.listeners.get(id.index())?.as_ref()
    }

    /// The route; `None` if it was removed.
    #[inline]
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&Arc<Route>> {
        self.routes.get(id.index())?.as_ref()
    }

    /// The cluster; `None` if it was removed.
    #[inline]
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Arc<Cluster>> {
        self.clusters.get(id.index())?.as_ref()
    }

    /// The endpoint; `None` if it was removed.
    #[inline]
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(id.index())?.as_ref()
    }

    /// All listeners with their ids.
    pub fn listeners(&self) -> impl Iterator<Item = (ListenerId, &Arc<Listener>)> {
        (0..).map(ListenerId).zip(&self.listeners).filter_map(there)
    }

    /// All routes with their ids.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, &Arc<Route>)> {
        (0..).map(RouteId).zip(&self.routes).filter_map(there)
    }

    /// All clusters with their ids.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterId, &Arc<Cluster>)> {
        (0..).map(ClusterId).zip(&self.clusters).filter_map(there)
    }

    /// All endpoints with their ids.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Arc<Endpoint>)> {
        (0..).map(EndpointId).zip(&self.endpoints).filter_map(there)
    }

    /// The largest number of connections that a worker may have to all endpoints that it uses.
    #[must_use]
    pub(crate) fn upstream_connections(&self) -> usize {
        self.upstream_connections
    }

    /// The worker that sends heartbeats to an endpoint: one that uses it, if not all do.
    #[must_use]
    pub(crate) fn heartbeat_worker(&self, id: EndpointId, workers: usize) -> usize {
        let cluster = self.endpoint(id).and_then(|e| self.cluster(e.cluster));
        let user = cluster.and_then(|c| c.subsets.iter().find_map(|set| set.worker_of(id, workers as u32)));
        user.unwrap_or(id.index() % workers)
    }

    /// The change that turns an empty directory into this one.
    #[must_use]
    pub(crate) fn as_change(&self) -> Change {
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

    /// The first route of the listener that matches the call.
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

    /// Adds the parts that are new and drops those that were removed.
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

/// Sets a part at its index, and extends the list if necessary.
fn put<T>(list: &mut Vec<Option<Arc<T>>>, at: usize, part: &Option<Arc<T>>) {
    if list.len() <= at {
        list.resize_with(at + 1, || None);
    }
    list[at].clone_from(part);
}

impl Cluster {
    /// The largest number of connections that a worker may have to the endpoints that it uses.
    fn connections(&self) -> usize {
        self.used_endpoints as usize * self.max_per_endpoint as usize
    }

    /// The downstream that upstream connections to this cluster are reserved for; `None` if they are shared.
    #[inline]
    #[must_use]
    pub(crate) fn reserves_for(&self, downstream: ConnKey) -> Option<ConnKey> {
        match self.connections {
            ConnectionScope::Shared => None,
            ConnectionScope::PerDownstream => Some(downstream),
        }
    }
}
