//! From configuration and discovered endpoints to a snapshot. Runs in the control plane.
use super::ids::{EndpointIds, Key};
use super::index::Index;
use super::interned::Interned;
use super::{
    Balance, Chains, Cluster, ClusterId, Endpoint, EndpointSet, Listener, ListenerId, MatchedFields, Place,
    Policy, Route, RouteId, RouteMatch, Snapshot, Target, WeightedEndpoint,
};
use crate::bridge::{Bridge, GroupRule};
use crate::config::{self, Config, Protocol, SubsetFallback, Timeout};
use crate::discovery::DiscoveredEndpoint;
use crate::filter::FilterFactory;
use crate::message::{Edits, ProtoId};
use crate::metrics::Layout;
use crate::session::Settings;
use crate::value_rules::{DateFields, ValueRules};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// A snapshot and the filters that go with it.
pub struct Compiled {
    /// What all workers share.
    pub snapshot: Arc<Snapshot>,
    /// What each makes for itself.
    pub chains: Chains,
}

/// Gives out ids that stay the same from snapshot to snapshot: those of names for ever, those of endpoints for as long
/// as anybody can use them.
#[derive(Default)]
pub struct Compiler {
    version: u64,
    listeners: Interned,
    routes: Interned,
    clusters: Interned,
    endpoints: EndpointIds,
}

/// Makes a filter's factory of its configuration.
pub type FilterFactories<'a> = &'a dyn Fn(&config::Filter, usize) -> Arc<dyn FilterFactory>;

/// What the compiler must be told about the world outside the core.
pub struct Resolver<'a> {
    /// The protocols that there are.
    pub protocol: &'a dyn Fn(Protocol) -> ProtoId,
    /// The endpoints of a cluster, as last discovered.
    pub endpoints: &'a dyn Fn(&config::Cluster) -> Vec<DiscoveredEndpoint>,
    /// The filters that there are; the number of workers is passed for limits that they share.
    pub filters: FilterFactories<'a>,
    /// Number of workers.
    pub workers: usize,
    /// The time.
    pub now: Instant,
}

/// Variants of Bolt upstreams, as their sessions are told: which Hessian grammar they read. 0 says nothing:
/// bridged calls are written in the draft, and Bolt calls keep their caller's grammar.
pub const VARIANT_FINAL: u32 = 1;
/// The draft, whatever the caller writes.
pub const VARIANT_DRAFT: u32 = 2;

/// The most bytes an answer may have. Not an operator's business so far: it only bounds memory.
const MAX_ANSWER: usize = 64 << 20;

/// Names of a kind; one id stays free because counters take it for none.
const NAMES_MAX: usize = u16::MAX as usize;

impl Compiler {
    /// The id that a listener of this name has in all snapshots.
    pub fn listener_id(&mut self, name: &str) -> ListenerId {
        ListenerId(self.listeners.id(name) as u16)
    }

    /// Whether a configuration can be compiled: ids are 16 bits, and names keep theirs after they are gone.
    ///
    /// # Errors
    /// Which names have become too many.
    pub fn has_room_for(&self, config: &Config) -> Result<(), String> {
        let routes = config.routes.iter().map(|r| r.name.as_str());
        let clusters = config.clusters.iter().map(|c| c.name.as_str());
        let listeners = config.listeners.iter().map(|l| l.name.as_str());
        for (what, all) in [
            ("routes", self.routes.len_with(routes)),
            ("clusters", self.clusters.len_with(clusters)),
            ("listeners", self.listeners.len_with(listeners)),
        ] {
            if all > NAMES_MAX {
                return Err(format!(
                    "since its start this process has seen {all} names of {what}, and can tell {NAMES_MAX} apart: \
                     restart it, or use the same names again"
                ));
            }
        }
        Ok(())
    }

    /// Compiles a validated configuration.
    pub fn compile(&mut self, config: &Config, world: &Resolver<'_>) -> Compiled {
        self.version += 1;
        self.endpoints.reclaim(world.now);
        let mut snapshot = Snapshot {
            version: self.version,
            ..Snapshot::default()
        };
        snapshot.limits.connections = config.runtime.max_connections.get() as usize;
        snapshot.limits.metrics = Arc::new(Layout::from(&config.metrics));
        snapshot.limits.unsent_bytes =
            config.runtime.max_unsent_bytes.bytes() as usize / world.workers.max(1);
        let instances: Vec<_> = config
            .clusters
            .iter()
            .map(|c| (c, (world.endpoints)(c)))
            .collect();
        let mut endpoints = Vec::new();
        for (cluster, found) in &instances {
            endpoints.push(self.cluster(&mut snapshot, cluster, found, world));
        }
        let mut sets = Vec::new();
        let targets = Targets {
            ids: &self.clusters,
            places: (config.clusters.iter().enumerate())
                .map(|(i, c)| (c.name.as_str(), i))
                .collect(),
            instances: &instances,
            endpoints: &endpoints,
        };
        for route in &config.routes {
            let id = self.routes.id(&route.name);
            let route = route_of(route, config, &targets, &mut sets, world);
            if snapshot.routes.len() <= id {
                snapshot.routes.resize_with(id + 1, Route::default); // no listener leads to the gaps
            }
            snapshot.routes[id] = route;
        }
        snapshot.endpoint_sets = sets;
        let mut chains = Chains::default();
        let routes = (config.routes.iter())
            .filter_map(|r| Some((r.name.as_str(), (RouteId(self.routes.find(&r.name)? as u16), r))))
            .collect();
        for listener in &config.listeners {
            let id = self.listener_id(&listener.name);
            let compiled = listener_of(listener, &routes, world, id, &mut chains);
            put(&mut snapshot.listeners, id.index(), compiled);
        }
        let snapshot = Arc::new(snapshot);
        self.endpoints.publish(&snapshot);
        Compiled { snapshot, chains }
    }

    /// Adds a cluster and its endpoints; returns the endpoints in the order of `found`.
    fn cluster(
        &mut self,
        snapshot: &mut Snapshot,
        c: &config::Cluster,
        found: &[DiscoveredEndpoint],
        world: &Resolver<'_>,
    ) -> Vec<WeightedEndpoint> {
        let id = ClusterId(self.clusters.id(&c.name) as u16);
        let protocol = (world.protocol)(c.protocol);
        let variant = match c.dialect {
            None => 0,
            Some(config::HessianGrammar::Final) => VARIANT_FINAL,
            Some(config::HessianGrammar::Draft) => VARIANT_DRAFT,
        };
        let mut endpoints = Vec::with_capacity(found.len());
        for instance in found {
            let key = Key {
                cluster: id,
                protocol,
                variant,
                address: instance.address.clone(),
            };
            let (endpoint, since) = self.endpoints.of(key, self.version, world.now);
            let name = Arc::clone(&instance.name);
            let address = instance.address.clone();
            put(
                &mut snapshot.endpoints,
                endpoint.index(),
                Endpoint {
                    address,
                    name,
                    cluster: id,
                    since,
                },
            );
            endpoints.push(WeightedEndpoint {
                endpoint,
                weight: instance.weight,
            });
        }
        let compiled = Cluster {
            name: self.clusters.name(id.index()).cloned().unwrap_or_default(),
            protocol,
            settings: Settings {
                max_message: MAX_ANSWER,
                max_sent: c.limits.max_message_bytes.map(|size| size.bytes() as usize),
                variant,
            },
            endpoints: endpoints.iter().map(|h| h.endpoint).collect(),
            connect_ms: ms(c.connect_timeout.millis()),
            idle_ms: timeout_ms(c.idle_timeout),
            max_age_ms: timeout_ms(c.max_age),
            heartbeat_ms: timeout_ms(c.heartbeat_interval),
            max_connections: c.limits.connections_per_endpoint.get(),
            max_per_connection: c.limits.in_flight_per_connection.get(),
            max_in_flight: c.limits.in_flight.map_or(u32::MAX, |n| n.get()),
            capacity: capacity(&c.limits, endpoints.len()),
            downstream_share: c.limits.downstream_share,
        };
        put(&mut snapshot.clusters, id.index(), compiled);
        endpoints
    }
}

pub(super) fn put<T>(list: &mut Vec<Option<T>>, at: usize, value: T) {
    if list.len() <= at {
        list.resize_with(at + 1, || None);
    }
    list[at] = Some(value);
}

/// How many calls a cluster of so many endpoints can have in flight.
fn capacity(limits: &config::ClusterLimits, endpoints: usize) -> u32 {
    let connections = limits
        .connections_per_endpoint
        .get()
        .saturating_mul(endpoints.max(1) as u32);
    let calls = limits.in_flight_per_connection.get().saturating_mul(connections);
    limits.in_flight.map_or(calls, |n| n.get().min(calls))
}

fn ms(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}

/// 0 stands for never.
fn timeout_ms(t: Timeout) -> u32 {
    t.duration().map_or(0, |d| ms(d.as_millis() as u64).max(1))
}

/// What routes may lead to.
struct Targets<'a> {
    ids: &'a Interned,
    /// Where each cluster stands in the lists below.
    places: HashMap<&'a str, usize>,
    instances: &'a [(&'a config::Cluster, Vec<DiscoveredEndpoint>)],
    endpoints: &'a [Vec<WeightedEndpoint>],
}

fn route_of(
    r: &config::Route,
    config: &Config,
    clusters: &Targets<'_>,
    sets: &mut Vec<EndpointSet>,
    world: &Resolver<'_>,
) -> Route {
    let mut targets = Vec::new();
    for to in r.to.iter().filter(|t| t.weight > 0) {
        // validated: the cluster is there
        let name = to.cluster.as_str();
        let (Some(at), Some(id)) = (clusters.places.get(name).copied(), clusters.ids.find(name)) else {
            continue;
        };
        let (cluster, found) = &clusters.instances[at];
        targets.push(Target {
            cluster: ClusterId(id as u16),
            weight: to.weight,
            endpoints: sets.len(),
            bridge: bridge_of(&r.bridge, cluster.protocol),
        });
        sets.push(subset(cluster, found, &clusters.endpoints[at], &to.subset));
    }
    let default_timeout = config
        .runtime
        .call_timeout
        .duration()
        .map(|d| d.as_millis() as u64);
    let policy = |timeout: Option<config::Period>, retry: config::Retry| {
        let own = timeout.map(config::Period::millis);
        Policy {
            timeout_ms: own.or(default_timeout).map_or(u32::MAX, ms),
            attempts: retry.attempts.get(),
        }
    };
    let m = &r.matches;
    Route {
        name: r.name.as_str().into(),
        matches: RouteMatch {
            protocol: m.protocol.map(world.protocol),
            service: m.service.clone(),
            version: m.version.clone(),
            group: m.group.clone(),
            method: m.method.clone(),
            caller: m.caller.clone(),
            attachments: m
                .attachments
                .iter()
                .map(|(k, v)| (k.as_str().into(), v.clone()))
                .collect(),
        },
        total_weight: targets.iter().map(|t| u64::from(t.weight)).sum(),
        targets: targets.into(),
        rewrite: Some(rewrite_of(&r.rewrite)).filter(|edits| !edits.is_empty()),
        policy: policy(r.timeout, r.retry),
        methods: r
            .methods
            .keys()
            .map(|name| {
                (
                    name.as_bytes().into(),
                    policy(r.timeout_of(name), r.retry_of(name)),
                )
            })
            .collect(),
    }
}

fn rewrite_of(r: &config::Rewrite) -> Edits {
    let text = |t: &Option<String>| t.as_deref().map(Box::from);
    let mut edits = Edits {
        service: text(&r.service),
        version: text(&r.version),
        group: text(&r.group),
        method: text(&r.method),
        ..Edits::default()
    };
    r.attachments.remove.iter().for_each(|k| edits.remove(k));
    r.attachments.set.iter().for_each(|(k, v)| edits.set(k, v));
    edits
}

fn bridge_of(b: &config::Bridge, to: Protocol) -> Bridge {
    let group = match (b.unique_id, to) {
        (config::UniqueIdFrom::Group, _) => GroupRule::Keep,
        (config::UniqueIdFrom::Ignore, _) => GroupRule::Drop,
        (config::UniqueIdFrom::Version, Protocol::Bolt) => GroupRule::FromVersion,
        (config::UniqueIdFrom::Version, Protocol::Dubbo) => GroupRule::ToVersion,
    };
    Bridge {
        versions: b
            .versions
            .iter()
            .map(|v| (v.from.as_str().into(), v.to.as_str().into()))
            .collect(),
        group,
        attachments: b.attachments.clone(),
        exceptions: b.exceptions.clone(),
        values: value_rules(b),
    }
}

fn value_rules(b: &config::Bridge) -> ValueRules {
    let mut dates = DateFields::default();
    for (field, class) in &b.fields {
        if let Some((owner, name)) = field.rsplit_once('.') {
            dates.insert(owner, name, class.name());
        }
    }
    ValueRules {
        depth: b.max_depth,
        dates,
        // what is no offset is refused before
        utc_offset: b.utc_offset().flatten(),
    }
}

/// The endpoints that have the metadata asked for, or what the cluster falls back to.
fn subset(
    c: &config::Cluster,
    found: &[DiscoveredEndpoint],
    endpoints: &[WeightedEndpoint],
    want: &config::Labels,
) -> EndpointSet {
    let balance = match c.balance {
        config::Balance::RoundRobin => Balance::RoundRobin,
        config::Balance::Random => Balance::Random,
        config::Balance::LeastRequest => Balance::LeastRequest,
    };
    let having = |labels: &config::Labels| {
        let has = |i: &DiscoveredEndpoint| labels.iter().all(|(k, v)| i.metadata.get(k) == Some(v));
        EndpointSet::new(
            balance,
            found
                .iter()
                .zip(endpoints)
                .filter(|(i, _)| has(i))
                .map(|(_, h)| *h),
        )
    };
    let exact = having(want);
    if !exact.endpoints.is_empty() || want.is_empty() {
        return exact;
    }
    match c.subsets.fallback {
        SubsetFallback::None => exact,
        SubsetFallback::Any => having(&config::Labels::new()),
        SubsetFallback::Default => having(&c.subsets.default),
    }
}

fn listener_of(
    l: &config::Listener,
    all: &HashMap<&str, (RouteId, &config::Route)>,
    world: &Resolver<'_>,
    id: ListenerId,
    chains: &mut Chains,
) -> Listener {
    let takes = |r: &config::Route| r.matches.listener.as_ref().is_none_or(|name| *name == l.name);
    let routes: Vec<(RouteId, &config::Route)> = l
        .routes
        .iter()
        .filter_map(|name| all.get(name.as_str()).copied())
        .filter(|(_, r)| takes(r))
        .collect();
    let own = chains.places(&l.filters, world, |i| Place::Listener(id, i));
    for (route, r) in &routes {
        let theirs = chains.places(&r.filters, world, |i| Place::Route(*route, i));
        let all: Vec<Place> = own.iter().chain(&theirs).copied().collect();
        if !all.is_empty() {
            chains.of.insert((id, *route), all);
        }
    }
    let limit = |n: Option<std::num::NonZeroU32>| n.map_or(u32::MAX, |n| n.get());
    Listener {
        name: l.name.as_str().into(),
        protocol: match l.protocol {
            config::ListenerProtocol::Auto => None,
            config::ListenerProtocol::Dubbo => Some((world.protocol)(Protocol::Dubbo)),
            config::ListenerProtocol::Bolt => Some((world.protocol)(Protocol::Bolt)),
        },
        settings: Settings {
            max_message: l.limits.max_request_bytes.bytes() as usize,
            max_sent: l.limits.max_message_bytes.map(|size| size.bytes() as usize),
            variant: 0,
        },
        max_in_flight: limit(l.limits.in_flight),
        max_per_connection: l.limits.in_flight_per_connection.get(),
        max_connections: limit(l.limits.connections),
        idle_ms: timeout_ms(l.limits.idle_timeout),
        detect_ms: ms(l.limits.detect_timeout.millis()),
        matched_fields: MatchedFields::of(&routes),
        routes: Index::new(&routes),
    }
}

impl Chains {
    /// The places of these filters. A route's are the same ones on every listener: a limit of the route counts all of
    /// its calls.
    fn places(
        &mut self,
        filters: &[config::Filter],
        world: &Resolver<'_>,
        place: impl Fn(usize) -> Place,
    ) -> Vec<Place> {
        let places: Vec<Place> = (0..filters.len()).map(place).collect();
        for (place, filter) in places.iter().zip(filters) {
            let made = self.factories.entry(*place);
            made.or_insert_with(|| (world.filters)(filter, world.workers));
        }
        places
    }
}

impl MatchedFields {
    fn of(routes: &[(RouteId, &config::Route)]) -> Self {
        let any = |of: fn(&config::RouteMatch) -> bool| routes.iter().any(|(_, r)| of(&r.matches));
        MatchedFields {
            version: any(|m| m.version.is_some()),
            group: any(|m| m.group.is_some()),
            caller: any(|m| m.caller.is_some()),
            attachments: any(|m| !m.attachments.is_empty()),
        }
    }
}
