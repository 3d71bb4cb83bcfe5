//! A change of the directory, as it is sent to the workers.
use super::{Cluster, ClusterId, Endpoint, EndpointId, Limits, Listener, ListenerId, Route, RouteId};
use std::sync::Arc;

/// The parts that are new or different, and, as `None`, those that were removed. All workers get the same
/// change.
#[derive(Clone, Default)]
pub struct Change {
    /// The number of changes so far in this process.
    pub version: u64,
    /// The bounds of a worker, if they differ.
    pub limits: Option<Limits>,
    /// The changed listeners.
    pub listeners: Vec<(ListenerId, Option<Arc<Listener>>)>,
    /// The changed routes.
    pub routes: Vec<(RouteId, Option<Arc<Route>>)>,
    /// The changed clusters.
    pub clusters: Vec<(ClusterId, Option<Arc<Cluster>>)>,
    /// The changed endpoints.
    pub endpoints: Vec<(EndpointId, Option<Arc<Endpoint>>)>,
}

/// The id of any kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartId {
    /// The id of a listener.
    Listener(ListenerId),
    /// The id of a route.
    Route(RouteId),
    /// The id of a cluster.
    Cluster(ClusterId),
    /// The id of an endpoint.
    Endpoint(EndpointId),
}

/// What one worker still uses of removed parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The last change that it has applied.
    pub version: u64,
    /// Removed parts that its calls or connections refer to.
    pub removed: Vec<PartId>,
    /// The number of calls so far to each cluster that a registry has for a service. The numbers wrap.
    pub calls: Vec<(ClusterId, u32)>,
}

impl Change {
    /// Whether no part is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_none()
            && self.listeners.is_empty()
            && self.routes.is_empty()
            && self.clusters.is_empty()
            && self.endpoints.is_empty()
    }
}
