//! Checks of `listeners`.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::clusters::check_max_message;
use super::names::Names;
use super::reach::Reach;
use super::routes::Edits;
use super::{Addresses, Problems, routes};
use crate::{Address, Cluster, Config, Listener, ListenerProtocol, Path, Protocol, Route, Size};

/// The largest frame that can be skipped.
const LARGEST_FRAME: Size = Size::from_bytes(1 << 30);
/// The memory of one worker for incomplete messages.
const LARGEST_REQUEST: Size = Size::from_bytes(256 << 20);

pub(super) fn check(config: &Config, addresses: Addresses<'_>, problems: &mut Problems) {
    let section = Path::root().key("listeners");
    let names = Names::new(
        "listeners",
        config.listeners.iter().map(|listener| listener.name.as_str()),
    );
    let routes = Names::new("routes", config.routes.iter().map(|route| route.name.as_str()));
    let clusters = Names::new("clusters", config.clusters.iter().map(|c| c.name.as_str()));
    if config.listeners.is_empty() {
        problems
            .warning(section.clone(), "no listener is defined, so no call can arrive")
            .hint("add one under listeners")
            .relational();
    }
    let protocols: HashMap<&str, Protocol> = (config.clusters.iter())
        .map(|c| (c.name.as_str(), c.protocol))
        .collect();
    for (index, listener) in config.listeners.iter().enumerate() {
        let path = section.index(index);
        names.check_own(index, &section, problems);
        check_address(config, index, &path, problems);
        check_routes(config, listener, &routes, &path, problems);
        check_max_message(listener.limits.max_message_bytes, &path, problems);
        let own = listener.routes.iter().filter_map(|name| routes.find(name));
        if check_size(listener, &path, problems) {
            let targets = own.clone().flat_map(|at| &config.routes[at].to);
            let clusters = targets.filter_map(|to| clusters.find(to.cluster.as_deref()?));
            check_sizes(listener, clusters.map(|at| &config.clusters[at]), &path, problems);
        }
        routes::check_filters(&listener.filters, &path, problems);
        Edits::of(&protocols, own.map(|at| &config.routes[at]), addresses).check_filters(
            &listener.filters,
            &path,
            problems,
        );
    }
}

/// Checks that the largest request can be received, and returns whether it can.
fn check_size(listener: &Listener, path: &Path, problems: &mut Problems) -> bool {
    let size = listener.limits.max_request_bytes;
    let entry = || path.key("limits").key("max_request_bytes");
    if size > LARGEST_FRAME {
        problems
            .error(
                entry(),
                format!(
                    "{size} is too much: a frame that announces more than {LARGEST_FRAME} ends its connection"
                ),
            )
            .hint("8MiB is what stock providers take");
    } else if size > LARGEST_REQUEST {
        problems
            .warning(
                entry(),
                format!("a request of more than {LARGEST_REQUEST} never arrives: a worker has no more memory for half-received ones"),
            )
            .hint("8MiB is what stock providers take");
    }
    size <= LARGEST_REQUEST
}

fn check_address(config: &Config, index: usize, path: &Path, problems: &mut Problems) {
    let address = &config.listeners[index].address;
    if let Address::Name { host, .. } = address
        && host != "localhost"
    {
        problems
            .error(
                path.key("address"),
                format!("cannot listen on the host name \"{host}\""),
            )
            .hint("write the IP address of an interface, or 0.0.0.0 for all");
    }
    let earlier = config.listeners[..index]
        .iter()
        .find(|other| overlap(&other.address, address));
    if let Some(other) = earlier {
        problems
            .error(
                path.key("address"),
                format!(
                    "{address} is already taken by listener \"{}\" ({})",
                    other.name, other.address
                ),
            )
            .hint("give each listener its own port");
    } else if config.admin.enabled && overlap(&config.admin.address, address) {
        problems
            .error(
                path.key("address"),
                format!(
                    "{address} is already taken by the administration interface ({})",
                    config.admin.address
                ),
            )
            .hint("give each its own port");
    }
}

/// Checks that the providers accept every request that the listener accepts.
fn check_sizes<'a>(
    listener: &Listener,
    clusters: impl Iterator<Item = &'a Cluster>,
    path: &Path,
    problems: &mut Problems,
) {
    let taken = listener.limits.max_request_bytes;
    let least = clusters.min_by_key(|cluster| cluster.max_message_bytes());
    // The default takes 8 MiB of each protocol, and stock Dubbo providers take that.
    if let Some(cluster) = least
        && cluster.max_message_bytes() < taken.bytes()
    {
        problems
            .warning(
                path.key("limits").key("max_request_bytes"),
                format!(
                    "requests of up to {taken} are taken, but cluster \"{}\" takes none above {}",
                    cluster.name,
                    Size::from_bytes(cluster.max_message_bytes())
                ),
            )
            .hint("raise limits.max_message_bytes of the cluster, if its providers take more")
            .relational();
    }
}

/// Whether the system would refuse to listen on both. Port 0 means "any free port" and never conflicts.
fn overlap(a: &Address, b: &Address) -> bool {
    if let (Address::Unix(a), Address::Unix(b)) = (a, b) {
        return a == b;
    }
    let (Some(port), Some(other)) = (a.port(), b.port()) else {
        return false;
    };
    if port != other || port == 0 {
        return false;
    }
    match (numeric(a), numeric(b)) {
        // A socket on [::] also accepts IPv4.
        (Some(a), Some(b)) => {
            a == b
                || (a.is_unspecified() && (a.is_ipv6() || b.is_ipv4()))
                || (b.is_unspecified() && (b.is_ipv6() || a.is_ipv4()))
        }
        _ => a == b,
    }
}

fn numeric(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Socket(address) => Some(address.ip()),
        Address::Name { host, .. } if host == "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        _ => None,
    }
}

fn check_routes(
    config: &Config,
    listener: &Listener,
    routes: &Names<'_>,
    path: &Path,
    problems: &mut Problems,
) {
    if listener.routes.is_empty() {
        problems
            .error(
                path.key("routes"),
                format!(
                    "listener \"{}\" has no routes, so it could only refuse calls",
                    listener.name
                ),
            )
            .hint("name at least one route");
    }
    let mut seen = HashSet::new();
    let mut reach = Reach::new(listener);
    for (position, name) in listener.routes.iter().enumerate() {
        let entry = path.key("routes").index(position);
        let Some(index) = routes.resolve(name, entry.clone(), problems) else {
            continue;
        };
        let route = &config.routes[index];
        if !seen.insert(name) {
            problems
                .warning(entry, format!("route \"{name}\" is named twice"))
                .hint("remove one of them");
        } else if let Some(reason) = never_matches(listener, route) {
            problems
                .warning(entry, format!("route \"{name}\" never matches here: {reason}"))
                .hint(format!(
                    "remove it from this listener, or change routes[{index}].match"
                ))
                .relational();
        } else if let Some(earlier) = reach.covered_by(route) {
            let (what, to) = if takes_everything(listener, earlier) {
                ("all calls", "to the end".to_owned())
            } else {
                ("all of its calls", format!("behind \"{name}\""))
            };
            let earlier = &earlier.name;
            problems
                .warning(
                    entry,
                    format!("route \"{name}\" is never reached: \"{earlier}\" before it takes {what}"),
                )
                .hint(format!("move \"{earlier}\" {to}"))
                .relational();
        } else {
            reach.add(route);
        }
    }
}

/// The reason why no call of this listener can match the route; `None` if one can.
fn never_matches(listener: &Listener, route: &Route) -> Option<String> {
    if let Some(wanted) = route.matches.listener.as_deref()
        && wanted != listener.name
    {
        return Some(format!("it asks for listener \"{wanted}\""));
    }
    match (listener.protocol, route.matches.protocol) {
        (ListenerProtocol::Dubbo, Some(Protocol::Bolt)) => {
            Some("it asks for bolt, and this listener speaks dubbo".into())
        }
        (ListenerProtocol::Bolt, Some(Protocol::Dubbo)) => {
            Some("it asks for dubbo, and this listener speaks bolt".into())
        }
        _ => None,
    }
}

/// Whether every call of this listener matches the route.
fn takes_everything(listener: &Listener, route: &Route) -> bool {
    let matches = &route.matches;
    let protocol_fits = match matches.protocol {
        None => true,
        Some(Protocol::Dubbo) => listener.protocol == ListenerProtocol::Dubbo,
        Some(Protocol::Bolt) => listener.protocol == ListenerProtocol::Bolt,
    };
    protocol_fits
        && matches.service.is_none()
        && matches.version.is_none()
        && matches.group.is_none()
        && matches.method.is_none()
        && matches.application.is_none()
        && matches.attachments.is_empty()
}
