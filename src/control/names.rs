//! Names for the ids that workers count and log by.
use rialto_core::directory::{Change, ClusterId, EndpointId, ListenerId, RouteId};
use rialto_core::message::ProtoId;
use rialto_core::session::Protocols;
use rialto_protocols::All;
use std::sync::{Arc, RwLock};

/// Names by id. They outlive their parts: an id is not given to another one while lines of the former may come.
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
    /// The names of these parts.
    #[must_use]
    pub fn new(first: &Change) -> Self {
        let names = Names(RwLock::default());
        names.learn(first);
        names
    }

    /// Adds the names of parts that are new.
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

    /// Looks names up.
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
