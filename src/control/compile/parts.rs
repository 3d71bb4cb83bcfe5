//! Translates configuration and discovered endpoints to parts of the directory.
use super::ring::rank;
use rialto_config::{self as config, HessianGrammar, Labels, Protocol, SubsetFallback, Timeout};
use rialto_core::bridge::{AttachmentBridge, Bridge, ExceptionBridge, GroupRule};
use rialto_core::directory::{
    AttachmentMatch, Balance, Cluster, ConnectionScope, Destination, EndpointId, EndpointSet, Filters,
    Listener, MatchedFields, Mirror, Policy, RetryOn, RetryRule, Route, RouteId, RouteIndex, RouteMatch,
    Target, TextMatch, WeightedEndpoint,
};
use rialto_core::message::{Edits, ProtoId};
use rialto_core::metrics::{Bounds, Layout};
use rialto_core::session::Settings;
use rialto_core::value_rules::{DateFields, ValueRules};
use rialto_discovery::DiscoveredEndpoint;
use rialto_protocols::{BOLT, DUBBO, bolt};

/// The largest response in bytes. It only bounds memory, so it is not configurable.
const MAX_RESPONSE: usize = 64 << 20;

/// The largest number of connections of a worker to one endpoint, in clusters whose connections are per
/// downstream.
const RESERVED_MAX: u32 = 4096;

/// The source of a cluster.
#[derive(Clone, PartialEq)]
pub(super) struct ClusterSource {
    pub(super) config: config::Cluster,
    pub(super) found: Vec<DiscoveredEndpoint>,
    /// The metadata that routes ask for, without duplicates.
    pub(super) subsets: Vec<Labels>,
    /// It was found in a registry, and no configuration contains it.
    pub(super) on_demand: bool,
}

/// The source of a route.
#[derive(Clone, PartialEq)]
pub(super) struct RouteSource {
    pub(super) config: config::Route,
    /// `runtime.call_timeout` in milliseconds; `None` if it is off.
    pub(super) default_timeout_ms: Option<u64>,
    /// The targets with a weight, in the order of the configuration.
    pub(super) targets: Vec<TargetSource>,
    /// The destination of copies.
    pub(super) mirror: Option<TargetSource>,
}

/// The source of one target of a route.
#[derive(Clone, PartialEq)]
pub(super) struct TargetSource {
    pub(super) to: Destination,
    /// The protocol that calls leave in.
    pub(super) protocol: Protocol,
    /// Others that they may leave in.
    pub(super) other_protocols: Vec<Protocol>,
    pub(super) subset: u16,
    pub(super) weight: u32,
}

impl ClusterSource {
    /// Compiles the cluster. `ids` are the ids of the discovered endpoints, in their order.
    pub(super) fn compile(&self, ids: &[EndpointId], workers: usize) -> Cluster {
        let c = &self.config;
        let subsets: Box<[_]> = self.subsets.iter().map(|want| self.subset(ids, want)).collect();
        Cluster {
            name: c.name.as_str().into(),
            protocol: proto_of(c.protocol),
            settings: Settings {
                max_message: MAX_RESPONSE,
                max_sent: c.limits.max_message_bytes.map(|size| size.bytes() as usize),
                variant: variant_of(c),
            },
            endpoints: ids.into(),
            used_endpoints: used_endpoints(&subsets, workers).min(ids.len()) as u32,
            subsets,
            connect_ms: ms(c.connect_timeout.millis()),
            idle_ms: timeout_ms(c.idle_timeout),
            max_age_ms: timeout_ms(c.max_age),
            heartbeat_ms: timeout_ms(c.heartbeat_interval),
            connections: scope_of(c.connections),
            max_connections: c.limits.connections_per_endpoint.get(),
            max_per_endpoint: max_per_endpoint(c),
            max_per_connection: c.limits.in_flight_per_connection.get(),
            max_waiting: c.limits.waiting_calls,
            max_in_flight: c.limits.in_flight.map_or(u32::MAX, |n| n.get()),
            capacity: capacity(c, ids.len()),
            downstream_share: c.limits.downstream_share,
            crowded_at: crowded_at(c, ids.len()),
            on_demand: self.on_demand,
        }
    }

    /// The endpoints with the metadata asked for, or those of the configured fallback.
    fn subset(&self, ids: &[EndpointId], want: &Labels) -> EndpointSet {
        let c = &self.config;
        let balance = match c.balance {
            config::Balance::RoundRobin => Balance::RoundRobin,
            config::Balance::Random => Balance::Random,
            config::Balance::LeastRequest => Balance::LeastRequest,
        };
        let per_worker = c.limits.endpoints_per_worker;
        let having = |labels: &Labels| {
            let has = |e: &DiscoveredEndpoint| labels.iter().all(|(k, v)| e.metadata.get(k) == Some(v));
            let mut chosen: Vec<_> = self.found.iter().zip(ids).filter(|(e, _)| has(e)).collect();
            if chosen.len() > per_worker.get() as usize {
                chosen.sort_by_cached_key(|(e, _)| rank(&e.address));
            }
            let weighted = |(e, id): (&DiscoveredEndpoint, &EndpointId)| WeightedEndpoint {
                endpoint: *id,
                weight: e.weight,
            };
            EndpointSet::new(balance, chosen.into_iter().map(weighted)).divided(per_worker)
        };
        let exact = having(want);
        if !exact.endpoints.is_empty() || want.is_empty() {
            return exact;
        }
        match c.subsets.fallback {
            SubsetFallback::None => exact,
            SubsetFallback::Any => having(&Labels::new()),
            SubsetFallback::Default => having(&c.subsets.default),
        }
    }
}

impl RouteSource {
    pub(super) fn compile(&self, workers: usize) -> Route {
        let r = &self.config;
        let bridge = |to: &Protocol| (proto_of(*to), bridge_of(&r.bridge, *to));
        let target = |t: &TargetSource| Target {
            to: t.to.clone(),
            weight: t.weight,
            subset: t.subset,
            bridge: bridge_of(&r.bridge, t.protocol),
            other_bridges: t.other_protocols.iter().map(bridge).collect(),
        };
        let policy = |timeout: Option<config::Period>, retry: &config::Retry| {
            let own = timeout.map(config::Period::millis);
            Policy {
                timeout_ms: own.or(self.default_timeout_ms).map_or(u32::MAX, ms),
                is_default: own.is_none(),
                retry: RetryRule {
                    attempts: retry.attempts.get(),
                    on: retry.on.iter().copied().map(outcome_of).collect(),
                    attempt_ms: retry
                        .attempt_timeout
                        .map_or(0, |time| u16::try_from(time.millis()).unwrap_or(u16::MAX)),
                },
            }
        };
        let of_method = |name: &String| {
            let retry = r.retry_of(name);
            let may_repeat = retry.idempotent.iter().any(|method| method.matches(name));
            let policy = policy(r.timeout_of(name), retry).for_method(may_repeat);
            (name.as_bytes().into(), policy)
        };
        let mirror = r.mirror.as_ref().zip(self.mirror.as_ref());
        let m = &r.matches;
        Route {
            name: r.name.as_str().into(),
            matches: RouteMatch {
                protocol: m.protocol.map(proto_of),
                service: m.service.as_ref().map(text_of),
                version: m.version.as_ref().map(text_of),
                group: m.group.as_ref().map(text_of),
                method: m.method.as_ref().map(text_of),
                application: m.application.as_ref().map(text_of),
                attachments: (m.attachments.iter())
                    .map(|(k, v)| (k.as_str().into(), attachment_of(v)))
                    .collect(),
            },
            targets: self.targets.iter().map(target).collect(),
            total_weight: self.targets.iter().map(|t| u64::from(t.weight)).sum(),
            rewrite: Some(rewrite_of(&r.rewrite)).filter(|edits| !edits.is_empty()),
            policy: policy(r.timeout, &r.retry),
            idempotent: r.retry.idempotent.iter().map(text_of).collect(),
            mirror: mirror.map(|(config, to)| Mirror {
                target: target(to),
                share: (config.share * f64::from(u32::MAX)) as u32,
            }),
            methods: r.methods.keys().map(of_method).collect(),
            filters: filters_of(&r.filters, workers),
        }
    }
}

/// Compiles a listener with these of its routes, in its order.
pub(super) fn listener_of(
    l: &config::Listener,
    routes: &[(RouteId, &config::Route)],
    workers: usize,
) -> Listener {
    let limit = |n: Option<std::num::NonZeroU32>| n.map_or(u32::MAX, |n| n.get());
    Listener {
        name: l.name.as_str().into(),
        protocol: match l.protocol {
            config::ListenerProtocol::Auto => None,
            config::ListenerProtocol::Dubbo => Some(DUBBO),
            config::ListenerProtocol::Bolt => Some(BOLT),
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
        matched_fields: matched_fields(routes),
        route_count: routes.len(),
        filters: filters_of(&l.filters, workers),
        routes: RouteIndex::new(routes.iter().map(|(id, route)| (*id, only_service(route)))),
    }
}

fn filters_of(filters: &[config::Filter], workers: usize) -> Filters {
    let factory = |f| rialto_filters::factory(f, workers);
    filters.iter().map(factory).collect()
}

/// The only service that a route takes calls of; `None` if it may take calls of several.
fn only_service(route: &config::Route) -> Option<&str> {
    match &route.matches.service {
        Some(config::TextMatch::Exact(name)) => Some(name),
        _ => None,
    }
}

fn matched_fields(routes: &[(RouteId, &config::Route)]) -> MatchedFields {
    let any = |of: fn(&config::RouteMatch) -> bool| routes.iter().any(|(_, r)| of(&r.matches));
    // A registry is asked for the service with its version and group.
    let asks = routes
        .iter()
        .any(|(_, r)| r.to.iter().any(|t| t.registry.is_some()));
    MatchedFields {
        version: asks || any(|m| m.version.is_some()),
        group: asks || any(|m| m.group.is_some()),
        application: any(|m| m.application.is_some()),
        attachments: any(|m| !m.attachments.is_empty()),
    }
}

/// The labels and buckets of the metrics of calls.
pub(super) fn layout_of(metrics: &config::Metrics) -> Layout {
    Layout {
        series: metrics.max_series.get() as usize,
        by_method: metrics.labels.method,
        bounds: Bounds::new(metrics.buckets.iter().map(|bound| bound.micros())),
    }
}

/// The number of a configured protocol.
pub(super) fn proto_of(protocol: Protocol) -> ProtoId {
    match protocol {
        Protocol::Bolt => BOLT,
        Protocol::Dubbo => DUBBO,
    }
}

/// The variant of its protocol that the endpoints of a cluster speak, see [`Settings::variant`].
pub(super) fn variant_of(cluster: &config::Cluster) -> u32 {
    match cluster.dialect {
        None => bolt::ANY_GRAMMAR,
        Some(HessianGrammar::Final) => bolt::FINAL,
        Some(HessianGrammar::Draft) => bolt::DRAFT,
    }
}

fn scope_of(connections: config::ConnectionScope) -> ConnectionScope {
    match connections {
        config::ConnectionScope::Shared => ConnectionScope::Shared,
        config::ConnectionScope::PerDownstream => ConnectionScope::PerDownstream,
    }
}

fn outcome_of(outcome: config::RetryOn) -> RetryOn {
    match outcome {
        config::RetryOn::Overload => RetryOn::Overload,
        config::RetryOn::NoService => RetryOn::NoService,
        config::RetryOn::Timeout => RetryOn::Timeout,
        config::RetryOn::ConnectionLost => RetryOn::ConnectionLost,
        config::RetryOn::ServerError => RetryOn::ServerError,
    }
}

fn text_of(condition: &config::TextMatch) -> TextMatch {
    match condition {
        config::TextMatch::Exact(text) => TextMatch::Exact(text.as_str().into()),
        config::TextMatch::Prefix(text) => TextMatch::Prefix(text.as_str().into()),
        config::TextMatch::Suffix(text) => TextMatch::Suffix(text.as_str().into()),
        config::TextMatch::Regex(pattern) => TextMatch::Regex(pattern.regex().clone()),
    }
}

fn texts_of(conditions: &[config::TextMatch]) -> Vec<TextMatch> {
    conditions.iter().map(text_of).collect()
}

fn attachment_of(condition: &config::AttachmentMatch) -> AttachmentMatch {
    match condition {
        config::AttachmentMatch::Value(value) => AttachmentMatch::Value(text_of(value)),
        config::AttachmentMatch::Present => AttachmentMatch::Present,
        config::AttachmentMatch::Absent => AttachmentMatch::Absent,
    }
}

/// The largest number of connections of a worker to one endpoint, for all downstream connections together.
fn max_per_endpoint(cluster: &config::Cluster) -> u32 {
    match cluster.connections {
        config::ConnectionScope::Shared => cluster.limits.connections_per_endpoint.get(),
        config::ConnectionScope::PerDownstream => RESERVED_MAX,
    }
}

/// The number of endpoints that a worker uses of all sets together.
fn used_endpoints(sets: &[EndpointSet], workers: usize) -> usize {
    let used = |set: &EndpointSet| {
        let all = set.endpoints.len();
        let wanted = set.per_worker.map_or(all, |n| n.get() as usize);
        // both ends of its part may lie within an endpoint
        all.min(wanted.max(all.div_ceil(workers.max(1))) + 1)
    };
    sets.iter().map(used).sum()
}

/// The number of calls that a cluster with this number of endpoints can have in flight.
fn capacity(cluster: &config::Cluster, endpoints: usize) -> u32 {
    let limits = &cluster.limits;
    let connections = max_per_endpoint(cluster).saturating_mul(endpoints.max(1) as u32);
    let calls = limits.in_flight_per_connection.get().saturating_mul(connections);
    limits.in_flight.map_or(calls, |n| n.get().min(calls))
}

/// The number of calls in flight below which no downstream can exceed its share.
fn crowded_at(cluster: &config::Cluster, endpoints: usize) -> u32 {
    let all = u64::from(capacity(cluster, endpoints));
    (all * u64::from(cluster.limits.downstream_share) / 100) as u32
}

fn ms(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}

/// A timeout in milliseconds; 0 stands for never.
fn timeout_ms(t: Timeout) -> u32 {
    t.duration().map_or(0, |d| ms(d.as_millis() as u64).max(1))
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
        attachments: AttachmentBridge {
            allow: texts_of(&b.attachments.allow),
            deny: texts_of(&b.attachments.deny),
        },
        exceptions: ExceptionBridge {
            forward: texts_of(&b.exceptions.forward),
            substitute: texts_of(&b.exceptions.substitute),
        },
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
        // validation has refused everything that is no offset
        utc_offset: b.utc_offset().flatten(),
    }
}
