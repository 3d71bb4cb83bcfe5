//! The names of listeners, routes, clusters and endpoints by their ids. Workers count and log by id only.
use rialto_core::directory::{Change, ClusterId, EndpointId, ListenerId, RouteId};
use std::sync::{Arc, RwLock};

/// The table of names. It keeps the name of a removed part, because log lines about the part may still come. The compiler gives
/// the id to a new part only after the workers have stopped using the old one.
pub struct Names(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    /// Grows with every change, so that a reader sees when texts that it has built from names are outdated.
    version: u64,
    listeners: Vec<Arc<str>>,
    routes: Vec<Arc<str>>,
    clusters: Vec<Arc<str>>,
    endpoints: Vec<Arc<str>>,
}

/// The table while it is locked for reading.
pub struct NamesView<'a>(&'a Tables);

impl Names {
    /// A table of the parts that the first change adds.
    #[must_use]
    pub fn new(first: &Change) -> Self {
        let names = Names(RwLock::default());
        names.learn(first);
        names
    }

    /// Adds the names of the parts that a change adds or replaces.
    pub fn learn(&self, change: &Change) {
        let mut t = self.0.write().unwrap_or_else(|e| e.into_inner());
        t.version += 1;
        put(&mut t.listeners, &change.listeners, ListenerId::index, |l| {
            &l.name
        });
        put(&mut t.routes, &change.routes, RouteId::index, |r| &r.name);
        put(&mut t.clusters, &change.clusters, ClusterId::index, |c| &c.name);
        put(&mut t.endpoints, &change.endpoints, EndpointId::index, |e| {
            &e.name
        });
    }

    /// Locks the table for reading while `f` looks names up.
    pub fn with<T>(&self, f: impl FnOnce(&NamesView<'_>) -> T) -> T {
        f(&NamesView(&self.0.read().unwrap_or_else(|e| e.into_inner())))
    }
}

fn put<Id: Copy, T>(
    to: &mut Vec<Arc<str>>,
    changed: &[(Id, Option<Arc<T>>)],
    index: impl Fn(Id) -> usize,
    name: impl Fn(&T) -> &Arc<str>,
) {
    for (id, part) in changed {
        let Some(part) = part else { continue };
        let at = index(*id);
        if to.len() <= at {
            to.resize_with(at + 1, || "".into());
        }
        to[at] = Arc::clone(name(part));
    }
}

impl<'a> NamesView<'a> {
    /// The version of the table; it is different after each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The name of a listener; empty if the id is not known.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> &'a str {
        name(&self.0.listeners, id.index())
    }

    /// The name of a route; empty if the id is not known.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &'a str {
        name(&self.0.routes, id.index())
    }

    /// The name of a cluster; empty if the id is not known.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> &'a str {
        name(&self.0.clusters, id.index())
    }

    /// The address of an endpoint as its source spells it; empty if the id is not known.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> &'a str {
        name(&self.0.endpoints, id.index())
    }
}

fn name(of: &[Arc<str>], at: usize) -> &str {
    of.get(at).map_or("", |name| name)
}
