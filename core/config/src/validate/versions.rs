//! Bridged routes that leave versions as they are. The two worlds count differently, so calls would find no service.

use std::collections::{HashMap, HashSet};

use super::Problems;
use crate::{Cluster, Config, ListenerProtocol, Path, Protocol, Route, UniqueIdFrom};

pub(super) fn check(config: &Config, problems: &mut Problems) {
    let clusters: HashMap<&str, &Cluster> = config.clusters.iter().map(|c| (c.name.as_str(), c)).collect();
    // what downstreams of each route speak for sure
    let mut spoken: HashMap<&str, Vec<Protocol>> = HashMap::new();
    for listener in &config.listeners {
        let protocol = match listener.protocol {
            ListenerProtocol::Auto => continue,
            ListenerProtocol::Dubbo => Protocol::Dubbo,
            ListenerProtocol::Bolt => Protocol::Bolt,
        };
        for route in &listener.routes {
            spoken.entry(route).or_default().push(protocol);
        }
    }
    for (index, route) in config.routes.iter().enumerate() {
        let by_listener = spoken.get(route.name.as_str()).map_or(&[][..], Vec::as_slice);
        let own = route.matches.protocol.as_slice();
        let from = if own.is_empty() { by_listener } else { own };
        let bridged = route.to.iter().find_map(|target| {
            let to = clusters.get(target.cluster.as_deref()?)?.protocol;
            from.iter().find(|from| **from != to).map(|from| (*from, to))
        });
        if let Some((from, to)) = bridged.filter(|_| leaves_versions(route)) {
            problems
                .warning(
                    Path::root().key("routes").index(index).key("name"),
                    format!(
                        "calls from {from} to {to} keep their version, and the two write versions differently"
                    ),
                )
                .hint(advice(to))
                .relational();
        }
    }
}

/// Notes the first route by which calls would be bridged if their downstreams spoke the other protocol. Where a
/// listener detects the protocol, only its calls show whether any does.
pub(super) fn note(config: &Config, problems: &mut Problems) {
    let clusters: HashMap<&str, &Cluster> = config.clusters.iter().map(|c| (c.name.as_str(), c)).collect();
    let detecting = config
        .listeners
        .iter()
        .filter(|l| l.protocol == ListenerProtocol::Auto);
    let detected: HashSet<&str> = detecting
        .flat_map(|l| l.routes.iter().map(String::as_str))
        .collect();
    let leads_to = |route: &Route| {
        let clusters = route
            .to
            .iter()
            .filter_map(|t| clusters.get(t.cluster.as_deref()?));
        clusters.map(|c| c.protocol).next()
    };
    let mut found = (config.routes.iter().enumerate())
        .filter(|(_, route)| detected.contains(route.name.as_str()))
        .filter(|(_, route)| route.matches.protocol.is_none() && leaves_versions(route))
        .filter_map(|(index, route)| Some((index, leads_to(route)?)));
    let Some((index, to)) = found.next() else {
        return;
    };
    let from = match to {
        Protocol::Bolt => Protocol::Dubbo,
        Protocol::Dubbo => Protocol::Bolt,
    };
    let more = match found.count() {
        0 => String::new(),
        more => format!("; the same holds for {more} more routes"),
    };
    problems
        .note(
            Path::root().key("routes").index(index).key("name"),
            format!(
                "if {from} consumers call this route, their calls keep their version on the way to {to}, and the two \
                 write versions differently{more}"
            ),
        )
        .hint(format!(
            "for {from} consumers {}; if there are none, say so with match.protocol: {to}",
            advice(to)
        ))
        .relational();
}

fn advice(to: Protocol) -> String {
    let example = match to {
        Protocol::Bolt => "{ from: 1.0.0, to: \"1.0\" } and { from: \"\", to: \"1.0\" }",
        Protocol::Dubbo => "{ from: \"1.0\", to: 1.0.0 }, or to: \"\" for a service without version",
    };
    format!("add bridge.versions, such as {example}; a rule from a version to itself says that it is meant")
}

fn leaves_versions(route: &Route) -> bool {
    route.bridge.versions.is_empty()
        && route.rewrite.version.is_none()
        && route.bridge.unique_id != UniqueIdFrom::Version
}
