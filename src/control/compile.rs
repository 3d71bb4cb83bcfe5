//! Compiles the parts of the directory that a new configuration, or new endpoints of a cluster, change.
//!
//! The compiler remembers what each part was made of, and gives ids to parts (`ids.rs`). How a part is made is in
//! `parts.rs`.
mod ids;
mod parts;
mod ring;
#[cfg(test)]
mod tests;

use ids::{Ids, Tenure};
use parts::{ClusterSource, RouteSource, TargetSource, layout_of, listener_of, proto_of, variant_of};
use rialto_config::{Config, HealthCheck, Labels, Protocol, RouteTarget};
use rialto_core::directory::{
    Change, ClusterId, Destination, Directory, Endpoint, EndpointId, Limits, ListenerId, PartId, RouteId, Use,
};
use rialto_core::message::ProtoId;
use rialto_core::transport::Address;
use rialto_discovery::DiscoveredEndpoint;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// Compiles parts and remembers the source of each one. A part whose source is unchanged is not compiled again.
#[derive(Default)]
pub struct Compiler {
    listeners: Ids<String>,
    routes: Ids<String>,
    clusters: Ids<String>,
    endpoints: Ids<EndpointKey>,
    listener_sources: HashMap<ListenerId, ListenerSource>,
    route_sources: HashMap<RouteId, RouteSource>,
    cluster_sources: HashMap<ClusterId, ClusterSource>,
    directory: Directory,
}

/// What the compiler needs to know apart from the configuration.
pub struct World<'a> {
    /// The endpoints of a cluster, as discovered last.
    pub endpoints: &'a dyn Fn(&rialto_config::Cluster) -> Vec<DiscoveredEndpoint>,
    /// The number of workers. They share some limits.
    pub workers: usize,
    /// The current time.
    pub now: Instant,
    /// What the workers use of removed parts.
    pub uses: &'a [Use],
}

/// What makes two endpoints the same: a connection is never used for another protocol or variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct EndpointKey {
    cluster: ClusterId,
    protocol: ProtoId,
    variant: u32,
    address: Address,
}

/// The source of a listener, apart from its routes.
struct ListenerSource {
    config: rialto_config::Listener,
    routes: Vec<RouteId>,
}

type RoutesByName<'a> = HashMap<&'a str, (RouteId, &'a rialto_config::Route)>;

impl Compiler {
    /// All parts in their current state.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How the control plane finds out which endpoints of a cluster respond; `None` if it does not.
    pub(super) fn health_check(&self, cluster: ClusterId) -> Option<&HealthCheck> {
        self.cluster_sources.get(&cluster)?.config.health_check.as_ref()
    }

    /// The id of the listener with this name, from the next change on.
    pub fn listener_id(&mut self, name: &str) -> ListenerId {
        let version = self.directory.version + 1;
        ListenerId(self.listeners.take(&name.to_owned(), version).id)
    }

    /// Applies a validated configuration, and returns what it changes.
    pub fn configure(&mut self, config: &Config, world: &World<'_>) -> Change {
        let mut change = self.begin(world);
        let limits = Limits {
            connections: config.runtime.max_connections.get() as usize,
            unsent_bytes: config.runtime.max_unsent_bytes.bytes() as usize / world.workers.max(1),
            metrics: Arc::new(layout_of(&config.metrics)),
            ..Limits::default()
        };
        change.limits = (limits != self.directory.limits || change.version == 1).then_some(limits);
        let subsets = wanted_subsets(config);
        self.compile_clusters(config, &subsets, world, &mut change);
        let changed = self.compile_routes(config, &subsets, world, &mut change);
        self.compile_listeners(config, &changed, world, &mut change);
        self.directory.apply(&change);
        change
    }

    /// Applies the endpoints of one cluster. No other part is compiled.
    pub fn set_endpoints(
        &mut self,
        cluster: &str,
        found: Vec<DiscoveredEndpoint>,
        world: &World<'_>,
    ) -> Change {
        let mut change = self.begin(world);
        if let Some(id) = self.clusters.find(cluster).map(ClusterId)
            && let Some(mut source) = self.cluster_sources.remove(&id)
        {
            if source.found != found {
                source.found = found;
                self.compile_cluster(id, &source, world, &mut change);
            }
            self.cluster_sources.insert(id, source);
        }
        self.directory.apply(&change);
        change
    }

    /// Adds or changes a cluster that a registry has for a service. Configurations leave it alone.
    pub fn set_on_demand(
        &mut self,
        config: rialto_config::Cluster,
        found: Vec<DiscoveredEndpoint>,
        world: &World<'_>,
    ) -> (ClusterId, Change) {
        let mut change = self.begin(world);
        let id = ClusterId(self.clusters.take(&config.name, change.version).id);
        let source = ClusterSource {
            config,
            found,
            subsets: vec![Labels::new()],
            on_demand: true,
        };
        if self.cluster_sources.get(&id) != Some(&source) {
            self.compile_cluster(id, &source, world, &mut change);
            self.cluster_sources.insert(id, source);
        }
        self.directory.apply(&change);
        (id, change)
    }

    /// Removes clusters that a registry had for services.
    pub fn remove_on_demand(&mut self, ids: &[ClusterId], world: &World<'_>) -> Change {
        let mut change = self.begin(world);
        for id in ids {
            if self
                .cluster_sources
                .get(id)
                .is_some_and(|source| source.on_demand)
            {
                self.drop_cluster(*id, world, &mut change);
            }
        }
        self.directory.apply(&change);
        change
    }

    /// Starts a change, and frees the ids that no worker uses any more.
    fn begin(&mut self, world: &World<'_>) -> Change {
        let (now, uses) = (world.now, world.uses);
        self.listeners
            .reclaim(now, uses, |id| PartId::Listener(ListenerId(id)));
        self.routes.reclaim(now, uses, |id| PartId::Route(RouteId(id)));
        self.clusters
            .reclaim(now, uses, |id| PartId::Cluster(ClusterId(id)));
        self.endpoints
            .reclaim(now, uses, |id| PartId::Endpoint(EndpointId(id)));
        Change {
            version: self.directory.version + 1,
            ..Change::default()
        }
    }

    fn compile_clusters(
        &mut self,
        config: &Config,
        subsets: &HashMap<&str, Vec<&Labels>>,
        world: &World<'_>,
        change: &mut Change,
    ) {
        let mut seen = HashSet::new();
        for c in &config.clusters {
            let id = ClusterId(self.clusters.take(&c.name, change.version).id);
            seen.insert(id);
            let wanted = subsets.get(c.name.as_str());
            let source = ClusterSource {
                config: c.clone(),
                found: (world.endpoints)(c),
                subsets: wanted.map_or(vec![], |all| all.iter().map(|labels| (*labels).clone()).collect()),
                on_demand: false,
            };
            if self.cluster_sources.get(&id) != Some(&source) {
                self.compile_cluster(id, &source, world, change);
                self.cluster_sources.insert(id, source);
            }
        }
        let gone: Vec<ClusterId> = (self.cluster_sources.iter())
            .filter(|(id, source)| !source.on_demand && !seen.contains(id))
            .map(|(id, _)| *id)
            .collect();
        gone.into_iter()
            .for_each(|id| self.drop_cluster(id, world, change));
    }

    fn drop_cluster(&mut self, id: ClusterId, world: &World<'_>, change: &mut Change) {
        if let Some(source) = self.cluster_sources.remove(&id) {
            self.remove_endpoints(id, &HashSet::new(), world, change);
            self.clusters
                .remove(&source.config.name, change.version, world.now);
            change.clusters.push((id, None));
        }
    }

    fn compile_cluster(
        &mut self,
        id: ClusterId,
        source: &ClusterSource,
        world: &World<'_>,
        change: &mut Change,
    ) {
        let protocol = proto_of(source.config.protocol);
        let mut ids = Vec::with_capacity(source.found.len());
        for found in &source.found {
            let key = EndpointKey {
                cluster: id,
                protocol,
                variant: variant_of(&source.config),
                address: found.address.clone(),
            };
            let Tenure { id: own, since, .. } = self.endpoints.take(&key, change.version);
            let own = EndpointId(own);
            ids.push(own);
            let endpoint = Endpoint {
                address: key.address,
                name: Arc::clone(&found.name),
                cluster: id,
                since,
            };
            if self
                .directory
                .endpoint(own)
                .is_none_or(|before| **before != endpoint)
            {
                change.endpoints.push((own, Some(Arc::new(endpoint))));
            }
        }
        let stay: HashSet<EndpointId> = ids.iter().copied().collect();
        self.remove_endpoints(id, &stay, world, change);
        let cluster = Arc::new(source.compile(&ids, world.workers));
        change.clusters.push((id, Some(cluster)));
    }

    /// Removes the former endpoints of the cluster, except for those that stay.
    fn remove_endpoints(
        &mut self,
        id: ClusterId,
        stay: &HashSet<EndpointId>,
        world: &World<'_>,
        change: &mut Change,
    ) {
        let Some(cluster) = self.directory.cluster(id) else {
            return;
        };
        for gone in cluster.endpoints.iter().filter(|e| !stay.contains(e)) {
            let Some(endpoint) = self.directory.endpoint(*gone) else {
                continue;
            };
            let key = EndpointKey {
                cluster: id,
                protocol: cluster.protocol,
                variant: cluster.settings.variant,
                address: endpoint.address.clone(),
            };
            self.endpoints.remove(&key, change.version, world.now);
            change.endpoints.push((*gone, None));
        }
    }

    /// Compiles the routes, and returns those that are new or different.
    fn compile_routes(
        &mut self,
        config: &Config,
        subsets: &HashMap<&str, Vec<&Labels>>,
        world: &World<'_>,
        change: &mut Change,
    ) -> HashSet<RouteId> {
        let protocols: HashMap<&str, Protocol> = (config.clusters.iter())
            .map(|c| (c.name.as_str(), c.protocol))
            .collect();
        let timeout = config.runtime.call_timeout.duration();
        let default_timeout_ms = timeout.map(|d| d.as_millis() as u64);
        let mut seen = HashSet::new();
        for r in &config.routes {
            let id = RouteId(self.routes.take(&r.name, change.version).id);
            seen.insert(id);
            let target = |t: &RouteTarget| {
                if let Some(registry) = &t.registry {
                    return Some(TargetSource {
                        to: Destination::Registry(registry.as_str().into()),
                        protocol: Protocol::Dubbo,
                        other_protocols: vec![Protocol::Bolt],
                        subset: 0,
                        weight: t.weight,
                    });
                }
                // the configuration is valid, so the cluster exists
                let name = t.cluster.as_deref()?;
                let wanted = subsets.get(name)?;
                Some(TargetSource {
                    to: Destination::Cluster(ClusterId(self.clusters.find(name)?)),
                    protocol: *protocols.get(name)?,
                    other_protocols: vec![],
                    subset: wanted.iter().position(|labels| **labels == t.subset)? as u16,
                    weight: t.weight,
                })
            };
            let source = RouteSource {
                config: r.clone(),
                default_timeout_ms,
                targets: r.to.iter().filter(|t| t.weight > 0).filter_map(target).collect(),
                mirror: r.mirror.as_ref().and_then(|mirror| target(&mirror.target())),
            };
            if self.route_sources.get(&id) != Some(&source) {
                change
                    .routes
                    .push((id, Some(Arc::new(source.compile(world.workers)))));
                self.route_sources.insert(id, source);
            }
        }
        let changed: HashSet<RouteId> = change.routes.iter().map(|(id, _)| *id).collect();
        let gone: Vec<RouteId> = (self.route_sources.keys().copied())
            .filter(|id| !seen.contains(id))
            .collect();
        for id in gone {
            if let Some(source) = self.route_sources.remove(&id) {
                self.routes.remove(&source.config.name, change.version, world.now);
                change.routes.push((id, None));
            }
        }
        changed
    }

    fn compile_listeners(
        &mut self,
        config: &Config,
        changed: &HashSet<RouteId>,
        world: &World<'_>,
        change: &mut Change,
    ) {
        let routes: RoutesByName<'_> = (config.routes.iter())
            .filter_map(|r| Some((r.name.as_str(), (RouteId(self.routes.find(&r.name)?), r))))
            .collect();
        let mut seen = HashSet::new();
        for l in &config.listeners {
            let id = ListenerId(self.listeners.take(&l.name, change.version).id);
            seen.insert(id);
            let takes =
                |r: &rialto_config::Route| r.matches.listener.as_ref().is_none_or(|name| *name == l.name);
            let own: Vec<(RouteId, &rialto_config::Route)> = (l.routes.iter())
                .filter_map(|name| routes.get(name.as_str()).copied())
                .filter(|(_, r)| takes(r))
                .collect();
            let ids: Vec<RouteId> = own.iter().map(|(id, _)| *id).collect();
            let is_same = self.listener_sources.get(&id).is_some_and(|before| {
                before.config == *l && before.routes == ids && !ids.iter().any(|id| changed.contains(id))
            });
            if !is_same {
                change
                    .listeners
                    .push((id, Some(Arc::new(listener_of(l, &own, world.workers)))));
                let config = l.clone();
                self.listener_sources
                    .insert(id, ListenerSource { config, routes: ids });
            }
        }
        let gone: Vec<ListenerId> = (self.listener_sources.keys().copied())
            .filter(|id| !seen.contains(id))
            .collect();
        for id in gone {
            if let Some(source) = self.listener_sources.remove(&id) {
                self.listeners
                    .remove(&source.config.name, change.version, world.now);
                change.listeners.push((id, None));
            }
        }
    }
}

/// The metadata that routes ask for, by cluster and without duplicates.
fn wanted_subsets(config: &Config) -> HashMap<&str, Vec<&Labels>> {
    let mut wanted: HashMap<&str, Vec<&Labels>> = HashMap::new();
    for (cluster, subset) in config.routes.iter().flat_map(|r| r.clusters()) {
        let all = wanted.entry(cluster).or_default();
        if !all.contains(&subset) {
            all.push(subset);
        }
    }
    wanted
}
