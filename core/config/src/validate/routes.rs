//! Checks of `routes`, and of the filters that listeners have, too.

use std::collections::{HashMap, HashSet};

use super::names::Names;
use super::{Addresses, Problems};
use crate::{
    AttachmentEdit, Cluster, Config, Filter, Mirror, Path, Period, Protocol, Retry, RetryOn, Route,
    RouteTarget, TextMatch,
};

pub(super) fn check(config: &Config, addresses: Addresses<'_>, problems: &mut Problems) {
    let section = Path::root().key("routes");
    let names = Names::new("routes", config.routes.iter().map(|route| route.name.as_str()));
    let listeners = Names::new(
        "listeners",
        config.listeners.iter().map(|listener| listener.name.as_str()),
    );
    let clusters = Names::new(
        "clusters",
        config.clusters.iter().map(|cluster| cluster.name.as_str()),
    );
    let registries = Names::new(
        "registries",
        config.registries.iter().map(|registry| registry.name.as_str()),
    );
    let used: HashSet<&str> = config
        .listeners
        .iter()
        .flat_map(|listener| &listener.routes)
        .map(String::as_str)
        .collect();
    let protocols: HashMap<&str, Protocol> = (config.clusters.iter())
        .map(|c| (c.name.as_str(), c.protocol))
        .collect();
    for (index, route) in config.routes.iter().enumerate() {
        let path = section.index(index);
        names.check_own(index, &section, problems);
        if let Some(listener) = &route.matches.listener {
            listeners.resolve(listener, path.key("match").key("listener"), problems);
        }
        check_rewrite(route, &path, problems);
        check_targets(config, route, (&clusters, &registries), &path, problems);
        check_filters(&route.filters, &path, problems);
        let edits = Edits::of(&protocols, [route], addresses);
        edits.check(
            &route.rewrite.attachments,
            &path.key("rewrite").key("attachments"),
            problems,
        );
        edits.check_filters(&route.filters, &path, problems);
        check_bridge(route, &path, problems);
        check_retry(&route.retry, route.timeout, &path.key("retry"), problems);
        if let Some(mirror) = &route.mirror {
            check_mirror(config, (route, mirror), &clusters, &path.key("mirror"), problems);
        }
        check_methods(route, &path.key("methods"), problems);
        if !used.contains(route.name.as_str()) {
            problems
                .warning(
                    path.key("name"),
                    format!("no listener names route \"{}\", so it has no effect", route.name),
                )
                .hint("add it to the routes of a listener")
                .relational();
        }
    }
}

fn check_rewrite(route: &Route, path: &Path, problems: &mut Problems) {
    let rewrite = path.key("rewrite");
    // Without a service or method a call has no destination. Version and group may be removed.
    for (key, value) in [
        ("service", &route.rewrite.service),
        ("method", &route.rewrite.method),
    ] {
        if value.as_deref() == Some("") {
            problems
                .error(rewrite.key(key), format!("a call cannot be sent without a {key}"))
                .hint("leave the key out to keep what the downstream sent");
        }
    }
    check_edit(&route.rewrite.attachments, &rewrite.key("attachments"), problems);
}

fn check_edit(edit: &AttachmentEdit, path: &Path, problems: &mut Problems) {
    if edit.set.contains_key("") {
        problems.error(path.key("set").key(""), "an attachment needs a name");
    }
    for (index, name) in edit.remove.iter().enumerate() {
        if name.is_empty() {
            problems.error(path.key("remove").index(index), "an attachment needs a name");
        } else if edit.set.contains_key(name) {
            problems
                .warning(
                    path.key("remove").index(index),
                    format!("\"{name}\" is removed and then set again"),
                )
                .hint("setting replaces an attachment anyway");
        }
    }
}

/// Checks edits of attachments for the protocols that calls may leave in.
pub(super) struct Edits<'a> {
    protocols: Vec<Protocol>,
    addresses: Addresses<'a>,
}

impl<'a> Edits<'a> {
    /// The edits of calls that take one of these routes.
    pub(super) fn of<'r>(
        clusters: &HashMap<&str, Protocol>,
        routes: impl IntoIterator<Item = &'r Route>,
        addresses: Addresses<'a>,
    ) -> Self {
        let mut protocols = vec![];
        for target in routes.into_iter().flat_map(|route| &route.to) {
            let Some(cluster) = &target.cluster else {
                // Services of a registry may speak any protocol.
                protocols.extend([Protocol::Dubbo, Protocol::Bolt]);
                continue;
            };
            protocols.extend(clusters.get(cluster.as_str()));
        }
        protocols.sort_unstable();
        protocols.dedup();
        Edits { protocols, addresses }
    }

    pub(super) fn check_filters(&self, filters: &[Filter], path: &Path, problems: &mut Problems) {
        for (index, filter) in filters.iter().enumerate() {
            if let Filter::Attachments(edit) = filter {
                let path = path.key("filters").index(index).key("attachments");
                self.check(edit, &path, problems);
            }
        }
    }

    /// Checks for attachments that determine the service that is called, whatever the route has chosen.
    fn check(&self, edit: &AttachmentEdit, path: &Path, problems: &mut Problems) {
        let set = edit.set.keys().map(|name| (name, path.key("set").key(name)));
        let removed = edit.remove.iter().enumerate();
        let removed = removed.map(|(index, name)| (name, path.key("remove").index(index)));
        for (name, entry) in set.chain(removed) {
            let found = self
                .protocols
                .iter()
                .find_map(|protocol| Some((protocol, (self.addresses)(*protocol, name)?)));
            let Some((protocol, instead)) = found else {
                continue;
            };
            problems
                .error(
                    entry,
                    format!("\"{name}\" is no attachment in {protocol}: it says which service is called"),
                )
                .hint(format!("use rewrite.{instead} of the route"))
                .relational();
        }
    }
}

fn check_targets(
    config: &Config,
    route: &Route,
    (clusters, registries): (&Names<'_>, &Names<'_>),
    path: &Path,
    problems: &mut Problems,
) {
    let to = path.key("to");
    if route.to.is_empty() {
        problems
            .error(to.clone(), format!("route \"{}\" leads nowhere", route.name))
            .hint("name a cluster: to: [{cluster: …}]");
    } else if route.to.iter().all(|target| target.weight == 0) {
        problems
            .error(
                to.clone(),
                "all weights are 0, so no destination would ever be chosen",
            )
            .hint("give at least one a weight of 1 or more");
    }
    let mut seen = HashMap::new();
    for (index, target) in route.to.iter().enumerate() {
        let entry = to.index(index);
        let name = match (&target.cluster, &target.registry) {
            (Some(name), None) => name,
            (None, Some(registry)) => {
                registries.resolve(registry, entry.key("registry"), problems);
                if !target.subset.is_empty() {
                    problems
                        .error(entry.key("subset"), "services of a registry have no subsets")
                        .hint("leave it out");
                }
                continue;
            }
            (None, None) | (Some(_), Some(_)) => {
                problems
                    .error(entry, "a destination has either a cluster or a registry")
                    .hint("name one: to: [{cluster: …}] or to: [{registry: …}]");
                continue;
            }
        };
        let Some(found) = clusters.resolve(name, entry.key("cluster"), problems) else {
            continue;
        };
        let cluster = &config.clusters[found];
        check_subset(target, cluster, found, &entry, problems);
        let twin = *seen.entry((name, &target.subset)).or_insert(index);
        if twin != index {
            problems
                .warning(
                    entry.key("cluster"),
                    format!("the same destination as {}", to.index(twin)),
                )
                .hint("add up their weights in one entry");
        }
    }
}

fn check_subset(target: &RouteTarget, cluster: &Cluster, index: usize, path: &Path, problems: &mut Problems) {
    if target.subset.is_empty() {
        return;
    }
    let wanted: HashSet<&str> = target.subset.keys().map(String::as_str).collect();
    let known = |keys: &Vec<String>| keys.iter().map(String::as_str).collect::<HashSet<_>>() == wanted;
    let subset = path.key("subset");
    let list = target
        .subset
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if !cluster.subsets.keys.iter().any(known) {
        problems
            .error(
                subset,
                format!("cluster \"{}\" is not divided by [{list}]", cluster.name),
            )
            .hint(format!("add [{list}] to clusters[{index}].subsets.keys"))
            .relational();
    } else if cluster.endpoints_file.is_none()
        && !cluster.endpoints.iter().any(|endpoint| {
            target
                .subset
                .iter()
                .all(|(key, value)| endpoint.metadata.get(key) == Some(value))
        })
    {
        problems
            .warning(
                subset,
                format!("no endpoint of cluster \"{}\" is in this subset", cluster.name),
            )
            .hint(format!("set the metadata of clusters[{index}].endpoints"))
            .relational();
    }
}

pub(super) fn check_filters(filters: &[Filter], path: &Path, problems: &mut Problems) {
    for (index, filter) in filters.iter().enumerate() {
        let entry = path.key("filters").index(index);
        match filter {
            Filter::Attachments(edit) => {
                if edit.is_empty() {
                    problems
                        .warning(entry.key("attachments"), "this filter changes nothing")
                        .hint("give it set or remove, or delete it");
                }
                check_edit(edit, &entry.key("attachments"), problems);
            }
            // The types of a rate limit exclude all errors.
            Filter::RateLimit(_) => {}
        }
    }
}

fn check_methods(route: &Route, path: &Path, problems: &mut Problems) {
    for (name, policy) in &route.methods {
        let path = path.key(name);
        if name.contains('*') {
            problems
                .warning(
                    path.clone(),
                    "no method has a * in its name, so this never applies",
                )
                .hint("name each method");
        }
        let Some(retry) = &policy.retry else { continue };
        let path = path.key("retry");
        check_retry(retry, route.timeout_of(name), &path, problems);
        if !retry.idempotent.is_empty() && !retry.idempotent.iter().any(|m| m.matches(name)) {
            problems
                .warning(
                    path.key("idempotent"),
                    format!("this is the rule of method {name}, which is not among these"),
                )
                .hint(format!("write idempotent: [{name}]"));
        }
    }
}

/// The longest time that an attempt may have.
const ATTEMPT_MAX: Period = Period::from_secs(60);

/// `timeout` is the time limit of the calls, if their route or method sets one.
fn check_retry(retry: &Retry, timeout: Option<Period>, path: &Path, problems: &mut Problems) {
    for (index, method) in retry.idempotent.iter().enumerate() {
        if let TextMatch::Exact(name) = method
            && let Some(prefix) = name.strip_suffix('*')
        {
            problems
                .warning(
                    path.key("idempotent").index(index),
                    "no method has a * in its name, so this matches none",
                )
                .hint(format!("write {{prefix: {prefix}}}"));
        }
    }
    if let (Some(attempt), Some(all)) = (retry.attempt_timeout, timeout)
        && attempt >= all
    {
        problems
            .warning(
                path.key("attempt_timeout"),
                "the whole call has no more time than this, so no attempt is ever given up",
            )
            .hint("make it shorter than timeout");
    }
    if retry.attempts.get() == 1 && !retry.on.is_empty() {
        problems
            .warning(
                path.key("on"),
                "a call with a single attempt is never tried again",
            )
            .hint("raise attempts, or leave on out");
    }
    for (index, outcome) in retry.on.iter().enumerate() {
        if outcome.may_have_executed() && retry.idempotent.is_empty() {
            problems
                .error(
                    path.key("on").index(index),
                    "after this outcome the provider may have executed the call, and no method is known to bear that twice",
                )
                .hint("name the methods: idempotent: [{prefix: get}]");
        }
    }
    if retry.attempt_timeout.is_some() && !retry.on.contains(&RetryOn::Timeout) {
        problems
            .error(
                path.key("attempt_timeout"),
                "no call is tried again when the time of an attempt is over",
            )
            .hint("add timeout to on, or leave attempt_timeout out");
    }
    if retry.attempt_timeout.is_some_and(|time| time > ATTEMPT_MAX) {
        problems
            .error(
                path.key("attempt_timeout"),
                "an attempt cannot have more than 60 s",
            )
            .hint("leave it out, so that an attempt has all the time of its call");
    }
    if !retry.idempotent.is_empty() && !retry.on.iter().any(|outcome| outcome.may_have_executed()) {
        problems
            .warning(
                path.key("idempotent"),
                "calls are tried again only where the provider has not executed them, so this has no effect",
            )
            .hint("add no_service, timeout, connection_lost or server_error to on");
    }
}

fn check_mirror(
    config: &Config,
    (route, mirror): (&Route, &Mirror),
    clusters: &Names<'_>,
    path: &Path,
    problems: &mut Problems,
) {
    if let Some(found) = clusters.resolve(&mirror.cluster, path.key("cluster"), problems) {
        check_subset(&mirror.target(), &config.clusters[found], found, path, problems);
    }
    if route
        .to
        .iter()
        .any(|target| target.cluster.as_ref() == Some(&mirror.cluster))
    {
        problems
            .warning(
                path.key("cluster"),
                format!(
                    "calls of this route go to cluster \"{}\", too, so its endpoints execute them twice",
                    mirror.cluster
                ),
            )
            .hint("name another cluster");
    }
    if !(0.0..=1.0).contains(&mirror.share) {
        problems
            .error(
                path.key("share"),
                format!("{} is not a share from 0 to 1", mirror.share),
            )
            .hint("write 0.1 for one call in ten");
    }
}

fn check_bridge(route: &Route, path: &Path, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (index, rule) in route.bridge.versions.iter().enumerate() {
        if !seen.insert(rule.from.as_str()) {
            problems
                .warning(
                    path.key("bridge").key("versions").index(index).key("from"),
                    format!(
                        "version \"{}\" has a rule before; this one is never applied",
                        rule.from
                    ),
                )
                .hint("remove one of them");
        }
    }
    for field in route.bridge.fields.keys() {
        let parts: Vec<_> = field.split('.').collect();
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
            problems
                .error(
                    path.key("bridge").key("fields").key(field),
                    format!("\"{field}\" is no class and field"),
                )
                .hint("write the whole name of the class, a dot and the field: com.shop.Order.createTime");
        }
    }
    if let (None, Some(zone)) = (route.bridge.utc_offset(), &route.bridge.time_zone) {
        problems
            .error(
                path.key("bridge").key("time_zone"),
                format!("\"{zone}\" is no offset from UTC"),
            )
            .hint("write it like +08:00, -03:30 or Z");
    }
    if !(16..=4096).contains(&route.bridge.max_depth) {
        problems
            .error(
                path.key("bridge").key("max_depth"),
                format!("{} levels are not between 16 and 4096", route.bridge.max_depth),
            )
            .hint("leave it out for 1024");
    }
    if route.rewrite.version.is_some() && !route.bridge.versions.is_empty() {
        problems
            .warning(
                path.key("bridge").key("versions"),
                "rewrite.version replaces every version, so these rules have no effect",
            )
            .hint("keep one of the two");
    }
}
