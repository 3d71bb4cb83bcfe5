//! Tests of compiling.
use super::*;
use rialto_core::directory::Seat;
use rialto_core::framed::Framed;
use rialto_core::metrics::Layout;
use rialto_core::session::{Protocols, Role, Settings};
use rialto_protocols::{All, DUBBO, dubbo::Dubbo};
use rialto_testkit::Request;

fn route(name: &str, json: &str) -> rialto_config::Route {
    let text = format!(r#"{{ "name": "{name}", "match": {json}, "to": [ {{ "cluster": "c" }} ] }}"#);
    serde_json::from_str(&text).unwrap()
}

fn found(e: &rialto_config::Endpoint) -> DiscoveredEndpoint {
    DiscoveredEndpoint {
        address: Address::Tcp(e.address.to_string().parse().unwrap()),
        name: e.address.to_string().into(),
        weight: e.weight,
        metadata: e.metadata.clone(),
        protocol: None,
    }
}

/// Everything that compiling needs, at a certain time and with certain uses of removed parts.
fn world(now: Instant, uses: &[Use]) -> World<'_> {
    World {
        endpoints: &|c| c.endpoints.iter().map(found).collect(),
        workers: 1,
        now,
        uses,
    }
}

fn compile(compiler: &mut Compiler, config: &Config) -> Directory {
    compiler.configure(config, &world(Instant::now(), &[]));
    compiler.directory().clone()
}

fn config(routes: Vec<rialto_config::Route>) -> Config {
    let names: Vec<_> = routes.iter().map(|r| r.name.clone()).collect();
    let listener = serde_json::json!({ "name": "in", "address": "127.0.0.1:1", "routes": names });
    Config {
        listeners: vec![serde_json::from_value(listener).unwrap()],
        clusters: vec![rialto_config::Cluster::new("c", rialto_config::Protocol::Dubbo)],
        routes,
        ..Config::default()
    }
}

/// The route that a Dubbo consumer's call takes. The call is `service/version/group/method/application`, followed by
/// attachments `k=v` after blanks.
fn taken(s: &Directory, call: &str) -> Option<String> {
    let mut words = call.split(' ');
    let mut parts = words.next().unwrap().split('/');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let request = Request {
        service: next(),
        version: next(),
        group: next(),
        method: next(),
        application: next(),
        attachments: words
            .filter_map(|word| word.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
        ..Request::new("", "", "")
    };
    let mut bytes = vec![];
    let mut session = Framed::<Dubbo>::new(Role::Client, &Settings::default());
    request.encode(session.codec_mut(), 1, &mut bytes).unwrap();
    let msg = All::reader(DUBBO).unwrap().view(&bytes).unwrap();
    let head = msg.head().unwrap();
    let (_, route) = s.match_route(s.listener(ListenerId(0)).unwrap(), &msg, &head)?;
    Some(route.name.to_string())
}

#[test]
fn routes_match_as_configured() {
    let routes = vec![
        route(
            "gold",
            r#"{ "service": "a.B", "attachments": { "tenant": "gold" } }"#,
        ),
        route("v2", r#"{ "service": "a.B", "version": "2.0" }"#),
        route("b", r#"{ "service": "a.B" }"#),
        route(
            "prefix",
            r#"{ "service": { "prefix": "a." }, "method": { "regex": "get.*|is.*" } }"#,
        ),
        route("suffix", r#"{ "service": { "suffix": "Facade" }, "group": "g" }"#),
        route(
            "app",
            r#"{ "application": "shop", "attachments": { "debug": { "absent": true } } }"#,
        ),
        route("bolt", r#"{ "protocol": "bolt" }"#),
    ];
    let s = compile(&mut Compiler::default(), &config(routes));
    for (call, route) in [
        ("a.B///say/ tenant=gold", Some("gold")),
        ("a.B/2.0//say/ tenant=tin", Some("v2")),
        ("a.B/1.0//say/", Some("b")),
        ("a.C///getName/", Some("prefix")),
        ("a.C///setName/", None),
        ("x.YFacade//g/m/", Some("suffix")),
        ("x.YFacade///m/", None),
        ("x.Y///m/shop", Some("app")),
        ("x.Y///m/shop debug=1", None),
    ] {
        assert_eq!(taken(&s, call).as_deref(), route, "{call}");
    }
}

#[test]
fn ids_stay_when_others_come_and_go() {
    let mut compiler = Compiler::default();
    let first = compile(
        &mut compiler,
        &config(vec![route("a", "{}"), route("b", r#"{ "service": "x" }"#)]),
    );
    let second = compile(&mut compiler, &config(vec![route("b", r#"{ "service": "x" }"#)]));
    let id = |d: &Directory, name: &str| d.routes().find(|(_, r)| *r.name == *name).map(|(id, _)| id.0);
    assert_eq!((id(&first, "a"), id(&first, "b")), (Some(0), Some(1)));
    assert_eq!((id(&second, "a"), id(&second, "b")), (None, Some(1)));
    assert_eq!(taken(&second, "x///m/").as_deref(), Some("b"));
    assert_eq!(
        taken(&second, "y///m/"),
        None,
        "nothing leads to the removed route"
    );
}

#[test]
fn a_subset_falls_back_as_the_cluster_says() {
    for (fallback, expected) in [("none", vec![]), ("any", vec![0, 1, 2]), ("default", vec![2])] {
        let mut c = config(vec![]);
        c.clusters[0] = serde_json::from_value(serde_json::json!({
            "name": "c", "protocol": "bolt",
            "endpoints": [
                { "address": "127.0.0.1:1", "metadata": { "zone": "a" } },
                { "address": "127.0.0.1:2", "metadata": { "zone": "a", "version": "2" } },
                { "address": "127.0.0.1:3", "metadata": { "zone": "b" } },
            ],
            "subsets": { "keys": [["zone"]], "fallback": fallback, "default": { "zone": "b" } },
        }))
        .unwrap();
        let to = |zone: &str| serde_json::json!([{ "cluster": "c", "subset": { "zone": zone } }]);
        for (name, zone) in [("there", "a"), ("missing", "z")] {
            let r = serde_json::json!({ "name": name, "to": to(zone) });
            c.routes.push(serde_json::from_value(r).unwrap());
        }
        let s = compile(&mut Compiler::default(), &c);
        let endpoints = |route: u32| -> Vec<u32> {
            let target = &s.route(RouteId(route)).unwrap().targets[0];
            let Destination::Cluster(cluster) = target.to else {
                unreachable!("no registries here")
            };
            let set = &s.cluster(cluster).unwrap().subsets[usize::from(target.subset)];
            set.endpoints.iter().map(|e| e.endpoint.0).collect()
        };
        assert_eq!(endpoints(0), [0, 1]);
        assert_eq!(endpoints(1), expected, "{fallback}");
    }
}

fn clusters(ports: &[(&str, u16)]) -> Config {
    let mut c = config(vec![]);
    let cluster = |(name, port): &(&str, u16)| {
        let address = format!("127.0.0.1:{port}");
        let json = serde_json::json!({
            "name": name, "protocol": "bolt", "endpoints": [{ "address": address }],
        });
        serde_json::from_value(json).unwrap()
    };
    c.clusters = ports.iter().map(cluster).collect();
    for (name, _) in ports {
        let r =
            serde_json::json!({ "name": name, "match": { "service": name }, "to": [{ "cluster": name }] });
        c.routes.push(serde_json::from_value(r).unwrap());
        c.listeners[0].routes.push((*name).to_owned());
    }
    c
}

#[test]
fn a_change_contains_the_changed_parts_only() {
    let now = Instant::now();
    let mut compiler = Compiler::default();
    let mut change = |c: &Config| compiler.configure(c, &world(now, &[]));
    let all = change(&clusters(&[("a", 1), ("b", 2)]));
    let counts = |c: &Change| {
        (
            c.listeners.len(),
            c.routes.len(),
            c.clusters.len(),
            c.endpoints.len(),
        )
    };
    assert_eq!(counts(&all), (1, 2, 2, 2));
    assert!(change(&clusters(&[("a", 1), ("b", 2)])).is_empty());
    // another endpoint of b: one is added, one is removed
    let moved = change(&clusters(&[("a", 1), ("b", 3)]));
    assert_eq!(counts(&moved), (0, 0, 1, 2));
    assert_eq!(moved.clusters[0].0, ClusterId(1));
    let gone = change(&clusters(&[("a", 1)]));
    assert_eq!(counts(&gone), (1, 1, 1, 1));
    assert!(gone.clusters[0].1.is_none() && gone.endpoints[0].1.is_none());
    let mut slower = clusters(&[("a", 1)]);
    slower.runtime.call_timeout = rialto_config::Timeout::Off;
    assert_eq!(counts(&change(&slower)), (1, 1, 0, 0));
}

#[test]
fn endpoints_of_one_cluster_change_that_cluster_only() {
    let now = Instant::now();
    let mut compiler = Compiler::default();
    let config = clusters(&[("a", 1), ("b", 2)]);
    compiler.configure(&config, &world(now, &[]));
    let endpoints: Vec<_> = config
        .clusters
        .iter()
        .flat_map(|c| &c.endpoints)
        .map(found)
        .collect();
    let change = compiler.set_endpoints("a", endpoints.clone(), &world(now, &[]));
    assert_eq!((change.clusters.len(), change.endpoints.len()), (1, 1));
    assert!(change.routes.is_empty() && change.listeners.is_empty());
    let sets: Vec<usize> = (compiler.directory().clusters())
        .map(|(_, c)| c.subsets[0].endpoints.len())
        .collect();
    assert_eq!(sets, [2, 1]);
    assert!(
        compiler
            .set_endpoints("a", endpoints, &world(now, &[]))
            .is_empty()
    );
    assert!(
        compiler
            .set_endpoints("none", vec![], &world(now, &[]))
            .is_empty()
    );
}

/// Clusters and routes with new names may be added and removed without end, and the lists stay short.
#[test]
fn ids_are_reused_where_many_parts_are_added_and_removed() {
    let mut now = Instant::now();
    let mut compiler = Compiler::default();
    let (mut worker, mut greatest) = (Directory::default(), 0);
    for i in 0..20_000_u32 {
        let name = format!("service-{i}");
        let uses = Use {
            version: worker.version,
            ..Use::default()
        };
        let change = compiler.configure(
            &clusters(&[("stays", 1), (&name, 2 + (i % 1000) as u16)]),
            &world(now, std::slice::from_ref(&uses)),
        );
        worker.apply(&change);
        let routes = change.routes.iter().map(|(id, _)| id.0);
        let clusters = change.clusters.iter().map(|(id, _)| id.0);
        let endpoints = change.endpoints.iter().map(|(id, _)| id.0);
        greatest = routes.chain(clusters).chain(endpoints).fold(greatest, u32::max);
        now += std::time::Duration::from_secs(20);
    }
    assert_eq!((worker.routes().count(), worker.clusters().count()), (2, 2));
    assert!(greatest < 9, "{greatest}");
}

/// A worker has the default layout until its first change.
#[test]
fn a_configuration_without_metrics_has_the_default_layout() {
    assert_eq!(layout_of(&rialto_config::Metrics::default()), Layout::default());
}

/// The endpoints of a label are divided on their own, and only if they are too many.
#[test]
fn large_subsets_are_divided_and_small_ones_are_not() {
    let endpoint = |port: u16| {
        let zone = if port.is_multiple_of(4) { "small" } else { "large" };
        serde_json::json!({ "address": format!("127.0.0.1:{port}"), "metadata": { "zone": zone } })
    };
    let cluster = |ports: &mut dyn Iterator<Item = u16>| {
        let mut c = config(vec![]);
        c.clusters[0] = serde_json::from_value(serde_json::json!({
            "name": "c", "protocol": "bolt", "subsets": { "keys": [["zone"]] },
            "limits": { "endpoints_per_worker": 10 },
            "endpoints": ports.map(endpoint).collect::<Vec<_>>(),
        }))
        .unwrap();
        for zone in ["small", "large"] {
            let to = serde_json::json!([{ "cluster": "c", "subset": { "zone": zone } }]);
            c.routes
                .push(serde_json::from_value(serde_json::json!({ "name": zone, "to": to })).unwrap());
        }
        let s = compile(&mut Compiler::default(), &c);
        let cluster = Arc::clone(s.cluster(ClusterId(0)).unwrap());
        // addresses instead of ids, which depend on the order
        let address = |id: EndpointId| s.endpoint(id).unwrap().address.to_string();
        let part = |index| cluster.subsets[1].part_of(Seat { index, workers: 4 }).unwrap();
        let parts: Vec<Vec<String>> = (0..4)
            .map(|i| part(i).endpoints.iter().map(|e| address(e.endpoint)).collect())
            .collect();
        (cluster, parts)
    };
    let (c, parts) = cluster(&mut (1..=40));
    assert!(c.subsets[0].part_of(Seat { index: 0, workers: 4 }).is_none());
    assert_eq!(
        (c.subsets[0].endpoints.len(), c.subsets[1].endpoints.len()),
        (10, 30)
    );
    assert_eq!(
        (c.endpoints.len(), c.used_endpoints),
        (40, 40),
        "one worker uses all"
    );
    assert_eq!(parts, cluster(&mut (1..=40).rev()).1, "in another order");
}
