//! Compiling and routing.
use super::*;
use crate::call::{NeutralCall, NeutralResponse};
use crate::config::{self, Config};
use crate::discovery::DiscoveredEndpoint;
use crate::error::CallError;
use crate::filter::{RequestCx, Verdict};
use crate::message::{MessageReader, Meta, Status};
use std::any::Any;
use std::borrow::Cow;

/// Messages whose head is `service/version/group/method/caller` and whose attachments are `k=v` after a blank.
struct Plain;

impl MessageReader for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn read_head<'a>(&self, msg: &Message<'a>, to: &mut Head<'a>) -> Result<(), CallError> {
        let head = msg.bytes.split(|b| *b == b' ').next().unwrap_or_default();
        let mut parts = head.split(|b| *b == b'/');
        let mut next = || parts.next().unwrap_or_default();
        let (service, version, group, method, caller) = (next(), next(), next(), next(), next());
        *to = Head {
            service,
            version,
            group,
            method,
            caller,
            ..Head::default()
        };
        Ok(())
    }
    fn attachment<'a>(&self, msg: &Message<'a>, _: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
        let pairs = msg.bytes.split(|b| *b == b' ').skip(1);
        pairs
            .filter_map(|p| p.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
            .next()
            .map(Cow::Borrowed)
    }
    fn view<'a>(&self, _: &'a [u8]) -> Option<Message<'a>> {
        None
    }
    fn read_call<'a>(
        &self,
        _: &Message<'a>,
        _: Option<&Head<'a>>,
        _: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        unreachable!("routing opens no payload")
    }
    fn read_response<'a>(&self, _: &Message<'a>, _: &mut NeutralResponse<'a>) -> Result<(), CallError> {
        unreachable!("routing opens no payload")
    }
}

fn message(bytes: &str) -> Message<'_> {
    let meta = Meta {
        proto: ProtoId(2),
        dialect: &Plain,
        hint: 0,
        timeout_ms: 0,
        status: Status::Ok,
        one_way: false,
    };
    Message {
        meta,
        bytes: bytes.as_bytes(),
    }
}

fn route(name: &str, json: &str) -> config::Route {
    let text = format!(r#"{{ "name": "{name}", "match": {json}, "to": [ {{ "cluster": "c" }} ] }}"#);
    serde_json::from_str(&text).unwrap()
}

fn compile(compiler: &mut Compiler, config: &Config) -> Arc<Snapshot> {
    compile_with(compiler, config, &|_, _| unreachable!("no filters here")).snapshot
}

fn compile_with(compiler: &mut Compiler, config: &Config, filters: FilterFactories<'_>) -> Compiled {
    let instance = |e: &config::Endpoint| DiscoveredEndpoint {
        address: Address::Tcp(e.address.to_string().parse().unwrap()),
        name: e.address.to_string().into(),
        weight: e.weight,
        metadata: e.metadata.clone(),
    };
    compiler.compile(
        config,
        &Resolver {
            protocol: &|p| ProtoId(if p == config::Protocol::Bolt { 1 } else { 2 }),
            endpoints: &|c| c.endpoints.iter().map(instance).collect(),
            filters,
            workers: 1,
            now: std::time::Instant::now(),
        },
    )
}

fn config(routes: Vec<config::Route>) -> Config {
    let names: Vec<_> = routes.iter().map(|r| r.name.clone()).collect();
    let listener = serde_json::json!({ "name": "in", "address": "127.0.0.1:1", "routes": names });
    Config {
        listeners: vec![serde_json::from_value(listener).unwrap()],
        clusters: vec![config::Cluster::new("c", config::Protocol::Dubbo)],
        routes,
        ..Config::default()
    }
}

fn taken(s: &Snapshot, call: &str) -> Option<String> {
    let msg = message(call);
    let head = msg.head().unwrap();
    let id = s.route(s.listener(ListenerId(0)).unwrap(), &msg, &head)?;
    Some(s.routes[id.index()].name.to_string())
}

#[test]
fn the_first_route_that_matches_wins() {
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
            r#"{ "caller": "shop", "attachments": { "debug": { "absent": true } } }"#,
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
    assert_eq!((first.routes.len(), second.routes.len()), (2, 2));
    assert_eq!(&*second.routes[1].name, "b");
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
        let endpoints = |route: usize| -> Vec<u32> {
            s.endpoint_sets[s.routes[route].targets[0].endpoints]
                .endpoints
                .iter()
                .map(|h| h.endpoint.0)
                .collect()
        };
        assert_eq!(endpoints(0), [0, 1]);
        assert_eq!(endpoints(1), expected, "{fallback}");
    }
}

#[test]
fn targets_are_taken_by_weight() {
    let target = |weight| Target {
        cluster: ClusterId(0),
        weight,
        endpoints: 0,
        bridge: Bridge::default(),
    };
    let route = Route {
        targets: [target(95), target(5)].into(),
        total_weight: 100,
        ..Route::default()
    };
    let mut rng = fastrand::Rng::with_seed(3);
    let second = (0..10_000).filter(|_| route.target(rng.u32(..)) == 1).count();
    assert!((400..600).contains(&second), "{second}");
}

#[test]
fn weights_of_targets_may_add_up_to_more_than_any_of_them_can_be() {
    let mut heavy = route("heavy", "{}");
    let target = |weight| config::RouteTarget {
        weight,
        ..heavy.to[0].clone()
    };
    heavy.to = vec![target(u32::MAX), target(u32::MAX)];
    let snapshot = compile(&mut Compiler::default(), &config(vec![heavy]));
    let route = &snapshot.routes[0];
    let mut rng = fastrand::Rng::with_seed(3);
    let second = (0..10_000).filter(|_| route.target(rng.u32(..)) == 1).count();
    assert!((4800..5200).contains(&second), "{second}");
}

#[test]
fn more_names_than_ids_are_refused() {
    let mut compiler = Compiler::default();
    let gone = route("gone", "{}");
    compile(&mut compiler, &config(vec![gone]));
    let mut routes: Vec<_> = (0..u16::MAX)
        .map(|i| config::Route {
            name: format!("r{i}"),
            ..route("r", "{}")
        })
        .collect();
    let why = compiler.has_room_for(&config(routes.clone())).unwrap_err();
    assert!(why.contains("65536 names of routes"), "{why}");
    routes.pop();
    compiler.has_room_for(&config(routes)).unwrap();
}

/// A filter that counts where its predecessor counted.
struct Heir(Rc<()>);

impl Filter for Heir {
    fn on_request(&self, _: &mut RequestCx<'_>) -> Verdict {
        Verdict::Continue
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Heirs;

impl FilterFactory for Heirs {
    fn make(&self, before: Option<&dyn Filter>) -> Rc<dyn Filter> {
        let before = before.and_then(|f| f.as_any().downcast_ref::<Heir>());
        Rc::new(Heir(before.map_or_else(Rc::default, |heir| Rc::clone(&heir.0))))
    }
}

#[test]
fn a_filter_that_is_put_before_others_counts_for_itself() {
    let limit: config::Filter =
        serde_json::from_value(serde_json::json!({ "rate_limit": { "rate": 5 } })).unwrap();
    let mut c = config(vec![route("r", "{}")]);
    c.routes[0].filters = vec![limit.clone()];
    c.listeners.push(config::Listener {
        name: "other".into(),
        ..c.listeners[0].clone()
    });
    let mut compiler = Compiler::default();
    let mut epoch = |c: &Config, before: Option<&Epoch>| {
        let compiled = compile_with(&mut compiler, c, &|_, _| Arc::new(Heirs));
        Epoch::new(&compiled, before)
    };
    let old = epoch(&c, None);
    c.listeners[0].filters = vec![limit];
    let new = epoch(&c, Some(&old));
    let counted = |e: &Epoch, listener: u16, at: usize| {
        let chain = e.chain(ListenerId(listener), RouteId(0)).unwrap();
        Rc::clone(&chain[at].as_any().downcast_ref::<Heir>().unwrap().0)
    };
    let [of_listener, of_route, on_other] = [(0, 0), (0, 1), (1, 0)].map(|(l, at)| counted(&new, l, at));
    assert!(!Rc::ptr_eq(&of_listener, &of_route) && !Rc::ptr_eq(&of_listener, &on_other));
    assert!(Rc::ptr_eq(&of_route, &on_other), "one filter on both listeners");
    assert!(Rc::ptr_eq(&of_route, &counted(&old, 1, 0)), "it goes on counting");
}
