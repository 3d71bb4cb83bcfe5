//! Parts for tests.
use super::{
    Change, ClusterId, Destination, Directory, Listener, ListenerId, MatchedFields, Policy, Route, RouteId,
    RouteIndex, RouteMatch, Target, TextMatch,
};
use crate::bridge::Bridge;
use crate::session::Settings;
use std::sync::Arc;

/// A route to the first cluster, with a condition on the service if there is one.
pub(crate) fn route(name: &str, service: Option<TextMatch>) -> Route {
    Route {
        name: name.into(),
        matches: RouteMatch {
            service,
            ..RouteMatch::default()
        },
        targets: [target(1)].into(),
        total_weight: 1,
        rewrite: None,
        policy: Policy::default(),
        idempotent: Box::default(),
        methods: Box::default(),
        filters: Box::default(),
        mirror: None,
    }
}

/// A way to the first cluster.
pub(crate) fn target(weight: u32) -> Target {
    Target {
        to: Destination::Cluster(ClusterId(0)),
        weight,
        subset: 0,
        bridge: Bridge::default(),
        other_bridges: Box::default(),
    }
}

/// A listener with these routes, in this order.
pub(crate) fn listener(routes: &[(RouteId, &Route)]) -> Listener {
    let exact = |(id, route): &(RouteId, &Route)| match &route.matches.service {
        Some(TextMatch::Exact(name)) => (*id, Some(name.to_string())),
        _ => (*id, None),
    };
    let named: Vec<_> = routes.iter().map(exact).collect();
    Listener {
        name: "in".into(),
        protocol: None,
        settings: Settings::default(),
        max_in_flight: u32::MAX,
        max_per_connection: u32::MAX,
        max_connections: u32::MAX,
        idle_ms: 0,
        detect_ms: 0,
        matched_fields: MatchedFields::default(),
        route_count: routes.len(),
        filters: Box::default(),
        routes: RouteIndex::new(named.iter().map(|(id, name)| (*id, name.as_deref()))),
    }
}

/// A directory with one listener, which has these routes in this order.
pub(crate) fn directory(routes: Vec<Route>) -> Directory {
    let ids = (0..).map(RouteId);
    let listed: Vec<_> = ids.clone().zip(&routes).collect();
    let listener = listener(&listed);
    let mut directory = Directory::default();
    directory.apply(&Change {
        version: 1,
        listeners: vec![(ListenerId(0), Some(Arc::new(listener)))],
        routes: ids.zip(routes.into_iter().map(|r| Some(Arc::new(r)))).collect(),
        ..Change::default()
    });
    directory
}
