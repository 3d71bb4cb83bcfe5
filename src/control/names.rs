//! Names for the ids that workers count and log by.
use rialto_core::message::ProtoId;
use rialto_core::session::Protocols;
use rialto_core::snapshot::{ClusterId, EndpointId, ListenerId, RouteId, Snapshot};
use rialto_protocols::All;
use std::sync::{Arc, RwLock};

/// Names by id. They outlive snapshots: an id is not given to another endpoint while lines of the former one may come.
pub struct Names(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    /// Grows with every change.
    version: u64,
    listeners: Vec<Arc<str>>,
    routes: Vec<Arc<str>>,
    clusters: Vec<Arc<str>>,
    endpoints: Vec<Arc<str>>,
}

/// The names at one time.
pub struct NamesView<'a>(&'a Tables);

impl Names {
    /// The names of a snapshot.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let names = Names(RwLock::default());
        names.learn(snapshot);
        names
    }

    /// Adds the names of a snapshot.
    pub fn learn(&self, s: &Snapshot) {
        let mut t = self.0.write().unwrap_or_else(|e| e.into_inner());
        t.version += 1;
        let some = |name: Option<&Arc<str>>| name.cloned();
        put(
            &mut t.listeners,
            s.listeners.iter().map(|l| some(l.as_ref().map(|l| &l.name))),
        );
        put(
            &mut t.routes,
            s.routes
                .iter()
                .map(|r| some(Some(&r.name).filter(|n| !n.is_empty()))),
        );
        put(
            &mut t.clusters,
            s.clusters.iter().map(|c| some(c.as_ref().map(|c| &c.name))),
        );
        put(
            &mut t.endpoints,
            s.endpoints.iter().map(|e| some(e.as_ref().map(|e| &e.name))),
        );
    }

    /// Looks names up.
    pub fn with<T>(&self, f: impl FnOnce(&NamesView<'_>) -> T) -> T {
        f(&NamesView(&self.0.read().unwrap_or_else(|e| e.into_inner())))
    }
}

fn put(to: &mut Vec<Arc<str>>, names: impl Iterator<Item = Option<Arc<str>>>) {
    for (i, name) in names.enumerate() {
        if to.len() <= i {
            to.push("".into());
        }
        if let Some(name) = name {
            to[i] = name;
        }
    }
}

impl<'a> NamesView<'a> {
    /// Another one for other names.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The listener's name.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> &'a str {
        name(&self.0.listeners, id.index())
    }

    /// The route's name.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &'a str {
        name(&self.0.routes, id.index())
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> &'a str {
        name(&self.0.clusters, id.index())
    }

    /// The endpoint's address as configured.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> &'a str {
        name(&self.0.endpoints, id.index())
    }
}

fn name(of: &[Arc<str>], at: usize) -> &str {
    of.get(at).map_or("", |name| name)
}

/// A protocol's name in configuration, metrics and logs.
#[must_use]
pub fn protocol_name(id: ProtoId) -> &'static str {
    All::dialect(id).map_or("unknown", |d| d.name())
}
