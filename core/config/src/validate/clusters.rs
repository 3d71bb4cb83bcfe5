//! Checks of `clusters`.

use std::collections::HashSet;

use super::Problems;
use super::names::Names;
use crate::{Cluster, Config, Path, Protocol, Size, SubsetFallback};

pub(super) fn check(config: &Config, problems: &mut Problems) {
    let section = Path::root().key("clusters");
    let names = Names::new(
        "clusters",
        config.clusters.iter().map(|cluster| cluster.name.as_str()),
    );
    let used: HashSet<&str> = config
        .routes
        .iter()
        .flat_map(|route| route.clusters())
        .map(|(cluster, _)| cluster)
        .collect();
    for (index, cluster) in config.clusters.iter().enumerate() {
        let path = section.index(index);
        names.check_own(index, &section, problems);
        if cluster.protocol == Protocol::Dubbo && cluster.dialect.is_some() {
            problems
                .error(
                    path.key("dialect"),
                    "only Bolt clusters have a dialect; Dubbo always speaks the final one",
                )
                .hint("remove dialect, or set protocol: bolt");
        }
        let share = cluster.limits.downstream_share;
        if !(1..=100).contains(&share) {
            problems
                .error(
                    path.key("limits").key("downstream_share"),
                    format!("{share} is not a share from 1 to 100 percent"),
                )
                .hint("80 leaves a fifth of the cluster's calls to others, 100 lifts the limit");
        }
        check_endpoints(cluster, &path, problems);
        check_subsets(cluster, &path.key("subsets"), problems);
        check_max_message(cluster.limits.max_message_bytes, &path, problems);
        if !used.contains(cluster.name.as_str()) {
            problems
                .warning(
                    path.key("name"),
                    format!("no route leads to cluster \"{}\"", cluster.name),
                )
                .hint("name it under to of a route, or remove it")
                .relational();
        }
    }
}

/// Checks that the largest message sent has room for an error, and that a frame can express its length.
pub(super) fn check_max_message(size: Option<Size>, path: &Path, problems: &mut Problems) {
    const RANGE: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;
    if let Some(size) = size
        && !RANGE.contains(&size.bytes())
    {
        problems
            .error(
                path.key("limits").key("max_message_bytes"),
                format!("{size} is not between 64KiB and 1GiB"),
            )
            .hint("write what the peers take; stock Dubbo peers take 8MiB");
    }
}

fn check_endpoints(cluster: &Cluster, path: &Path, problems: &mut Problems) {
    let endpoints = path.key("endpoints");
    if cluster.endpoints_file.is_some() {
        if !cluster.endpoints.is_empty() {
            problems
                .error(
                    endpoints,
                    "a cluster takes its endpoints from endpoints or from endpoints_file, not from both",
                )
                .hint("remove one of them");
            return;
        }
    } else if cluster.endpoints.is_empty() {
        problems
            .error(
                endpoints.clone(),
                format!("cluster \"{}\" has no endpoints", cluster.name),
            )
            .hint("list them under endpoints, or name an endpoints_file");
    } else if cluster.endpoints.iter().all(|endpoint| endpoint.weight == 0) {
        problems
            .error(
                endpoints.clone(),
                "all weights are 0, so no endpoint would ever be chosen",
            )
            .hint("give at least one endpoint a weight of 1 or more");
    }
    let mut seen = HashSet::new();
    for (index, endpoint) in cluster.endpoints.iter().enumerate() {
        let entry = endpoints.index(index).key("address");
        if endpoint.address.port() == Some(0) {
            problems
                .error(entry, "nobody can connect to port 0")
                .hint("write the port the provider listens on");
        } else if !seen.insert(&endpoint.address) {
            problems
                .error(entry, format!("{} is listed twice", endpoint.address))
                .hint("list it once and give it a higher weight");
        }
    }
}

fn check_subsets(cluster: &Cluster, path: &Path, problems: &mut Problems) {
    let subsets = &cluster.subsets;
    for (index, keys) in subsets.keys.iter().enumerate() {
        let entry = path.key("keys").index(index);
        let set: HashSet<&String> = keys.iter().collect();
        if keys.is_empty() {
            problems
                .error(entry, "a subset needs at least one metadata key")
                .hint("write it like [zone]");
        } else if set.len() != keys.len() {
            problems
                .error(entry, "a metadata key is named twice")
                .hint("name each once");
        } else if subsets.keys[..index]
            .iter()
            .any(|other| other.iter().collect::<HashSet<_>>() == set)
        {
            problems
                .warning(entry, "these keys are listed already")
                .hint("remove one of the lists");
        } else if let Some(key) = unknown_key(cluster, keys) {
            problems
                .warning(entry, format!("no endpoint has \"{key}\" in its metadata"))
                .hint("check the spelling of the key");
        }
    }
    match (subsets.fallback, subsets.default.is_empty()) {
        (SubsetFallback::Default, true) => {
            problems
                .error(path.key("fallback"), "there is no default subset to fall back to")
                .hint("set default, for example default: {zone: a}");
        }
        (SubsetFallback::None | SubsetFallback::Any, false) => {
            problems
                .warning(
                    path.key("default"),
                    format!(
                        "the default subset has no effect with fallback: {}",
                        fallback_name(subsets.fallback)
                    ),
                )
                .hint("set fallback: default");
        }
        _ => {}
    }
}

fn unknown_key<'a>(cluster: &Cluster, keys: &'a [String]) -> Option<&'a String> {
    if cluster.endpoints_file.is_some() || cluster.endpoints.is_empty() {
        return None;
    }
    keys.iter().find(|key| {
        !cluster
            .endpoints
            .iter()
            .any(|endpoint| endpoint.metadata.contains_key(*key))
    })
}

fn fallback_name(fallback: SubsetFallback) -> &'static str {
    match fallback {
        SubsetFallback::None => "none",
        SubsetFallback::Any => "any",
        SubsetFallback::Default => "default",
    }
}
