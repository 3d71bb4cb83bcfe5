//! Tests of each check, by a small configuration that breaks one rule.

mod attempts;

use super::{Severity, validate};
use crate::*;

/// A valid configuration of one listener, one route and one cluster.
fn sound() -> Config {
    Config {
        listeners: vec![Listener {
            name: "in".into(),
            address: "127.0.0.1:20880".parse().unwrap(),
            protocol: ListenerProtocol::Auto,
            routes: vec!["greeter".into()],
            filters: Vec::new(),
            limits: ListenerLimits::default(),
        }],
        routes: vec![route("greeter", "sofa")],
        clusters: vec![cluster("sofa", Protocol::Bolt)],
        ..Config::default()
    }
}

fn route(name: &str, cluster: &str) -> Route {
    Route {
        name: name.into(),
        matches: RouteMatch {
            service: Some(TextMatch::Exact("com.acme.Greeter".into())),
            ..RouteMatch::default()
        },
        rewrite: Rewrite::default(),
        to: vec![RouteTarget {
            cluster: Some(cluster.into()),
            registry: None,
            weight: 1,
            subset: Labels::new(),
        }],
        timeout: None,
        methods: Default::default(),
        mirror: None,
        retry: Retry::default(),
        filters: Vec::new(),
        bridge: Bridge::default(),
    }
}

fn cluster(name: &str, protocol: Protocol) -> Cluster {
    let endpoint = Endpoint {
        address: "10.0.0.1:12200".parse().unwrap(),
        weight: 100,
        metadata: Labels::from([("zone".into(), "a".into())]),
    };
    Cluster {
        endpoints: vec![endpoint],
        ..Cluster::new(name, protocol)
    }
}

/// A protocol in which some attachments determine the destination, and one without any.
fn addresses(protocol: Protocol, name: &str) -> Option<&'static str> {
    match (protocol, name) {
        (Protocol::Dubbo, "path") => Some("service"),
        (Protocol::Dubbo, "group") => Some("group"),
        _ => None,
    }
}

/// Changes the valid configuration and expects exactly these problems.
#[track_caller]
fn expect(break_it: impl FnOnce(&mut Config), problems: &[&str]) {
    let mut config = sound();
    break_it(&mut config);
    let found: Vec<String> = validate(&config, &addresses)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, problems);
}

#[test]
fn a_sound_configuration_has_no_problems() {
    expect(|_| {}, &[]);
}

#[test]
fn an_empty_configuration_only_warns() {
    let problems = validate(&Config::default(), &addresses);
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].severity, problems[0].path.as_str()),
        (Severity::Warning, "listeners")
    );
}

#[test]
fn names_are_unique_and_references_exist() {
    expect(
        |config| {
            config.clusters.push(cluster("sofa", Protocol::Bolt));
            config.routes[0].to[0].cluster = Some("sofaa".into());
            config.listeners[0].routes.push("greter".into());
            config.routes[0].matches.listener = Some("in".into());
        },
        &[
            "error: listeners[0].routes[1]: there is no route named \"greter\" (did you mean \"greeter\"?)",
            "error: routes[0].to[0].cluster: there is no cluster named \"sofaa\" (did you mean \"sofa\"?)",
            "warning: clusters[0].name: no route leads to cluster \"sofa\" (name it under to of a route, or remove it)",
            "error: clusters[1].name: there is already a cluster named \"sofa\": clusters[0] (give each cluster its own name)",
            "warning: clusters[1].name: no route leads to cluster \"sofa\" (name it under to of a route, or remove it)",
        ],
    );
}

#[test]
fn an_unknown_name_without_a_similar_one_gets_the_known_ones() {
    expect(
        |config| {
            config.routes[0].to.push(RouteTarget {
                cluster: Some("x1".into()),
                registry: None,
                weight: 1,
                subset: Labels::new(),
            });
        },
        &["error: routes[0].to[1].cluster: there is no cluster named \"x1\" (known clusters: sofa)"],
    );
}

#[test]
fn a_name_is_short_and_has_no_white_space() {
    expect(
        |config| {
            config.listeners[0].name = String::new();
            config.clusters.push(cluster("a b", Protocol::Bolt));
            config.routes[0].to[0].cluster = Some("a b".into());
            config.clusters.remove(0);
        },
        &[
            "error: listeners[0].name: the name of a listener is empty",
            "error: clusters[0].name: the name \"a b\" holds white space or control characters (use letters, digits, -, _, ., : and /)",
        ],
    );
}

#[test]
fn listeners_do_not_share_a_port() {
    let second = |address: &str| {
        let address = address.parse().unwrap();
        move |config: &mut Config| {
            let twin = Listener {
                name: "second".into(),
                address,
                ..config.listeners[0].clone()
            };
            config.listeners.push(twin);
        }
    };
    let taken = |address: &str| {
        format!(
            "error: listeners[1].address: {address} is already taken by listener \"in\" (127.0.0.1:20880) (give each listener its own port)"
        )
    };
    for address in [
        "127.0.0.1:20880",
        "0.0.0.0:20880",
        "[::]:20880",
        "localhost:20880",
    ] {
        expect(second(address), &[&taken(address)]);
    }
    for address in ["127.0.0.2:20880", "127.0.0.1:20881", "unix:/run/a", "[::1]:20880"] {
        expect(second(address), &[]);
    }
}

#[test]
fn a_listener_needs_an_interface_and_routes() {
    expect(
        |config| {
            config.listeners[0].address = "greeter.prod:20880".parse().unwrap();
            config.listeners[0].routes.clear();
            config.admin.address = "0.0.0.0:9901".parse().unwrap();
        },
        &[
            "warning: admin.address: everyone who reaches 0.0.0.0:9901 can control this process (listen on 127.0.0.1 or a Unix socket, or set admin.token)",
            "error: listeners[0].address: cannot listen on the host name \"greeter.prod\" (write the IP address of an interface, or 0.0.0.0 for all)",
            "error: listeners[0].routes: listener \"in\" has no routes, so it could only refuse calls (name at least one route)",
            "warning: routes[0].name: no listener names route \"greeter\", so it has no effect (add it to the routes of a listener)",
        ],
    );
    expect(
        |config| config.listeners[0].address = config.admin.address.clone(),
        &[
            "error: listeners[0].address: 127.0.0.1:9901 is already taken by the administration interface (127.0.0.1:9901) (give each its own port)",
        ],
    );
}

#[test]
fn an_unreachable_route_gets_a_warning() {
    expect(
        |config| {
            config.routes.insert(
                0,
                Route {
                    matches: RouteMatch::default(),
                    ..route("all", "sofa")
                },
            );
            config.listeners[0].routes.insert(0, "all".into());
        },
        &[
            "warning: listeners[0].routes[1]: route \"greeter\" is never reached: \"all\" before it takes all calls (move \"all\" to the end)",
        ],
    );
    expect(
        |config| {
            config.listeners[0].protocol = ListenerProtocol::Dubbo;
            config.routes[0].matches.protocol = Some(Protocol::Bolt);
        },
        &[
            "warning: listeners[0].routes[0]: route \"greeter\" never matches here: it asks for bolt, and this listener speaks dubbo (remove it from this listener, or change routes[0].match)",
        ],
    );
}

#[test]
fn targets_exist_and_have_a_weight() {
    expect(
        |config| config.routes[0].to[0].weight = 0,
        &[
            "error: routes[0].to: all weights are 0, so no destination would ever be chosen (give at least one a weight of 1 or more)",
        ],
    );
    expect(
        |config| config.routes[0].to.clear(),
        &[
            "error: routes[0].to: route \"greeter\" leads nowhere (name a cluster: to: [{cluster: …}])",
            "warning: clusters[0].name: no route leads to cluster \"sofa\" (name it under to of a route, or remove it)",
        ],
    );
    expect(
        |config| {
            let twin = config.routes[0].to[0].clone();
            config.routes[0].to.push(twin);
        },
        &[
            "warning: routes[0].to[1].cluster: the same destination as routes[0].to[0] (add up their weights in one entry)",
        ],
    );
}

#[test]
fn a_subset_uses_keys_of_the_cluster() {
    let zone = |zone: &str| Labels::from([("zone".to_owned(), zone.to_owned())]);
    expect(
        |config| config.routes[0].to[0].subset = zone("a"),
        &[
            "error: routes[0].to[0].subset: cluster \"sofa\" is not divided by [zone] (add [zone] to clusters[0].subsets.keys)",
        ],
    );
    expect(
        |config| {
            config.clusters[0].subsets.keys = vec![vec!["zone".into()], vec!["zome".into()]];
            config.routes[0].to[0].subset = zone("b");
        },
        &[
            "warning: routes[0].to[0].subset: no endpoint of cluster \"sofa\" is in this subset (set the metadata of clusters[0].endpoints)",
            "warning: clusters[0].subsets.keys[1]: no endpoint has \"zome\" in its metadata (check the spelling of the key)",
        ],
    );
    expect(
        |config| config.clusters[0].subsets.fallback = SubsetFallback::Default,
        &[
            "error: clusters[0].subsets.fallback: there is no default subset to fall back to (set default, for example default: {zone: a})",
        ],
    );
}

#[test]
fn options_of_a_cluster_are_consistent() {
    expect(
        |config| {
            config.clusters[0].protocol = Protocol::Dubbo;
            config.clusters[0].dialect = Some(HessianGrammar::Draft);
            config.clusters[0].endpoints_file = Some("endpoints.yaml".into());
        },
        &[
            "error: clusters[0].dialect: only Bolt clusters have a dialect; Dubbo always speaks the final one (remove dialect, or set protocol: bolt)",
            "error: clusters[0].endpoints: a cluster takes its endpoints from endpoints or from endpoints_file, not from both (remove one of them)",
        ],
    );
    expect(
        |config| config.clusters[0].endpoints.clear(),
        &[
            "error: clusters[0].endpoints: cluster \"sofa\" has no endpoints (list them under endpoints, or name an endpoints_file)",
        ],
    );
    expect(
        |config| {
            let twin = config.clusters[0].endpoints[0].clone();
            config.clusters[0].endpoints.push(twin);
            config.clusters[0].endpoints.push(Endpoint {
                address: "10.0.0.2:0".parse().unwrap(),
                weight: 0,
                metadata: Labels::new(),
            });
        },
        &[
            "error: clusters[0].endpoints[1].address: 10.0.0.1:12200 is listed twice (list it once and give it a higher weight)",
            "error: clusters[0].endpoints[2].address: nobody can connect to port 0 (write the port the provider listens on)",
        ],
    );
}

#[test]
fn attachments_that_address_a_dubbo_call_cannot_be_edited() {
    let edit = AttachmentEdit {
        set: [("path", "x"), ("token", "t")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        remove: vec!["group".into(), "timeout".into()],
    };
    let edits = |config: &mut Config| {
        config.routes[0].rewrite.attachments = edit.clone();
        config.routes[0].filters.push(Filter::Attachments(edit.clone()));
        config.listeners[0]
            .filters
            .push(Filter::Attachments(edit.clone()));
    };
    // SOFARPC carries attachments with these names as baggage and does not interpret them.
    expect(edits, &[]);
    expect(
        |config| {
            edits(config);
            config.clusters[0].protocol = Protocol::Dubbo;
        },
        &[
            "error: listeners[0].filters[0].attachments.set.path: \"path\" is no attachment in dubbo: it says which service is called (use rewrite.service of the route)",
            "error: listeners[0].filters[0].attachments.remove[0]: \"group\" is no attachment in dubbo: it says which service is called (use rewrite.group of the route)",
            "error: routes[0].rewrite.attachments.set.path: \"path\" is no attachment in dubbo: it says which service is called (use rewrite.service of the route)",
            "error: routes[0].rewrite.attachments.remove[0]: \"group\" is no attachment in dubbo: it says which service is called (use rewrite.group of the route)",
            "error: routes[0].filters[0].attachments.set.path: \"path\" is no attachment in dubbo: it says which service is called (use rewrite.service of the route)",
            "error: routes[0].filters[0].attachments.remove[0]: \"group\" is no attachment in dubbo: it says which service is called (use rewrite.group of the route)",
        ],
    );
}

#[test]
fn filters_rewrites_and_bridge_rules_are_checked() {
    expect(
        |config| {
            let route = &mut config.routes[0];
            route.filters.push(Filter::Attachments(AttachmentEdit::default()));
            route.rewrite.method = Some(String::new());
            route.rewrite.version = Some("1.0".into());
            let rule = VersionRule {
                from: "1.0.0".into(),
                to: "1.0".into(),
            };
            route.bridge.versions = vec![rule.clone(), rule];
            config.access_log.sample = 2.0;
        },
        &[
            "error: access_log.sample: 2 is not a share from 0 to 1 (0.01 writes one successful call in a hundred)",
            "error: routes[0].rewrite.method: a call cannot be sent without a method (leave the key out to keep what the downstream sent)",
            "warning: routes[0].filters[0].attachments: this filter changes nothing (give it set or remove, or delete it)",
            "warning: routes[0].bridge.versions[1].from: version \"1.0.0\" has a rule before; this one is never applied (remove one of them)",
            "warning: routes[0].bridge.versions: rewrite.version replaces every version, so these rules have no effect (keep one of the two)",
        ],
    );
}

#[test]
fn a_route_behind_a_wider_one_gets_a_warning() {
    expect(
        |config| {
            let mut canary = route("canary", "sofa");
            canary.matches.method = Some(TextMatch::Exact("hello".into()));
            config.routes.push(canary);
            config.listeners[0].routes.push("canary".into());
        },
        &[
            "warning: listeners[0].routes[1]: route \"canary\" is never reached: \"greeter\" before it takes all of its calls (move \"greeter\" behind \"canary\")",
        ],
    );
}

#[test]
fn missing_version_rules_get_a_warning() {
    let dubbo = |config: &mut Config| config.listeners[0].protocol = ListenerProtocol::Dubbo;
    expect(
        dubbo,
        &[
            "warning: routes[0].name: calls from dubbo to bolt keep their version, and the two write versions differently (add bridge.versions, such as { from: 1.0.0, to: \"1.0\" } and { from: \"\", to: \"1.0\" }; a rule from a version to itself says that it is meant)",
        ],
    );
    expect(
        |config| {
            dubbo(config);
            let rule = VersionRule {
                from: "1.0".into(),
                to: "1.0".into(),
            };
            config.routes[0].bridge.versions.push(rule);
        },
        &[],
    );
    expect(
        |config| {
            dubbo(config);
            config.routes[0].bridge.unique_id = UniqueIdFrom::Version;
        },
        &[],
    );
}

#[test]
fn the_largest_request_can_be_received() {
    expect(
        |config| config.listeners[0].limits.max_request_bytes = Size::from_bytes(9_999_999_999_999_999_999),
        &[
            "error: listeners[0].limits.max_request_bytes: 9999999999999999999B is too much: a frame that announces more than 1GiB ends its connection (8MiB is what stock providers take)",
        ],
    );
    expect(
        |config| config.listeners[0].limits.max_request_bytes = Size::from_bytes(1 << 30),
        &[
            "warning: listeners[0].limits.max_request_bytes: a request of more than 256MiB never arrives: a worker has no more memory for half-received ones (8MiB is what stock providers take)",
        ],
    );
}

#[test]
fn the_largest_message_is_in_range() {
    for (bytes, shown) in [(1000, "1000B"), (2 << 30, "2GiB")] {
        // A cluster that takes less than its listener gets a warning of its own.
        let smaller = format!(
            "warning: listeners[0].limits.max_request_bytes: requests of up to 8MiB are taken, but cluster \"sofa\" takes none above {shown} (raise limits.max_message_bytes of the cluster, if its providers take more)"
        );
        let problem = format!(
            "error: clusters[0].limits.max_message_bytes: {shown} is not between 64KiB and 1GiB (write what the peers take; stock Dubbo peers take 8MiB)"
        );
        let both = [&*smaller, &*problem];
        expect(
            |c| c.clusters[0].limits.max_message_bytes = Some(Size::from_bytes(bytes)),
            &both[usize::from(bytes > 8 << 20)..],
        );
        let problem = problem.replace("clusters", "listeners");
        expect(
            |c| c.listeners[0].limits.max_message_bytes = Some(Size::from_bytes(bytes)),
            &[&problem],
        );
    }
}

#[test]
fn a_listener_should_accept_no_more_than_its_providers() {
    let raise = |c: &mut Config| {
        c.clusters[0].protocol = Protocol::Dubbo;
        c.listeners[0].limits.max_request_bytes = Size::from_bytes(16 << 20);
    };
    expect(
        raise,
        &[
            "warning: listeners[0].limits.max_request_bytes: requests of up to 16MiB are taken, but cluster \"sofa\" takes none above 8MiB (raise limits.max_message_bytes of the cluster, if its providers take more)",
        ],
    );
    expect(
        |c| {
            raise(c);
            c.clusters[0].limits.max_message_bytes = Some(Size::from_bytes(16 << 20));
        },
        &[],
    );
}

#[test]
fn buckets_are_in_rising_order() {
    let ms = |n: u64| Latency::from_micros(n * 1000);
    expect(
        |config| {
            config.metrics.buckets = vec![ms(1), ms(5), ms(5)];
            config.metrics.max_series = std::num::NonZeroU32::MAX;
        },
        &[
            "error: metrics.buckets[2]: 5ms comes after 5ms, but is not longer (write the bounds of buckets from the shortest to the longest, each once)",
            "error: metrics.max_series: 4294967295 is more than 65536 (each worker keeps so many, and each scrape transfers them; metrics.labels.method: false needs fewer)",
        ],
    );
    expect(
        |config| config.metrics.buckets = vec![],
        &[
            "error: metrics.buckets: 0 buckets cannot be counted: write 1 to 32 (buckets: [1ms, 5ms, 20ms, 100ms, 500ms, 2s])",
        ],
    );
}
