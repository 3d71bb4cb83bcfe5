//! What is different in the directory.
use super::{Cluster, ClusterId, Endpoint, EndpointId, Limits, Listener, ListenerId, Route, RouteId};
use std::sync::Arc;

/// Parts that are new or different, and, as `None`, those that were removed. All workers get the same.
#[derive(Clone, Default)]
pub struct Change {
    /// Counts changes of this process.
    pub version: u64,
    /// Bounds of a worker, if they are different.
    pub limits: Option<Limits>,
    /// Listeners.
    pub listeners: Vec<(ListenerId, Option<Arc<Listener>>)>,
    /// Routes.
    pub routes: Vec<(RouteId, Option<Arc<Route>>)>,
    /// Clusters.
    pub clusters: Vec<(ClusterId, Option<Arc<Cluster>>)>,
    /// Endpoints.
    pub endpoints: Vec<(EndpointId, Option<Arc<Endpoint>>)>,
}

/// A part by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartId {
    /// A listener.
    Listener(ListenerId),
    /// A route.
    Route(RouteId),
    /// A cluster.
    Cluster(ClusterId),
    /// An endpoint.
    Endpoint(EndpointId),
}

/// What a worker uses of the parts that were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The last change that it has taken over.
    pub version: u64,
    /// Removed parts that calls or connections still refer to.
    pub removed: Vec<PartId>,
}

impl Change {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_none()
            && self.listeners.is_empty()
            && self.routes.is_empty()
            && self.clusters.is_empty()
            && self.endpoints.is_empty()
    }
}
