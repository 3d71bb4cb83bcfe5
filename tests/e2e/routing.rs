//! Tests of routing.
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, GREETER, Json, Request, Rialto, STRING, Upstream, config, endpoints,
    for_each_pair, json,
};
use std::collections::HashMap;

fn name() -> Request {
    Request::new(GREETER, "1.0", "name")
}

/// Two Dubbo clusters `a` and `b`, whose providers return these names, and routes between them.
fn fork(routes: &Json) -> (Rialto, [Upstream<Dubbo>; 2]) {
    let ups = [Upstream::<Dubbo>::greeting("a"), Upstream::<Dubbo>::greeting("b")];
    let mut config = config::<Dubbo>(&[]);
    let names: Vec<&str> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    config["listeners"][0]["routes"] = json!(names);
    config["routes"] = routes.clone();
    config["clusters"] = json!([
        {"name": "a", "protocol": "dubbo", "endpoints": endpoints(&[ups[0].address])},
        {"name": "b", "protocol": "dubbo", "endpoints": endpoints(&[ups[1].address])},
    ]);
    (Rialto::start(&config), ups)
}

/// A route to `a` for calls that match, then one to `b` for all others.
fn goes_to_a(condition: &Json) -> (Rialto, [Upstream<Dubbo>; 2]) {
    fork(&json!([
        {"name": "special", "match": condition, "to": [{"cluster": "a"}]},
        {"name": "rest", "to": [{"cluster": "b"}]},
    ]))
}

#[track_caller]
fn check(condition: &Json, matching: &[&Request], others: &[&Request]) {
    let (rialto, _ups) = goes_to_a(condition);
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    for (requests, want) in [(matching, "a"), (others, "b")] {
        for request in requests {
            assert_eq!(dubbo.value(request), want, "Dubbo: {request:?}");
            assert_eq!(bolt.value(request), want, "Bolt: {request:?}");
        }
    }
}

#[test]
fn by_service() {
    let other = Request {
        service: "com.acme.Other".into(),
        ..name()
    };
    check(&json!({"service": GREETER}), &[&name()], &[&other]);
    check(
        &json!({"service": {"prefix": "com.acme.G"}}),
        &[&name()],
        &[&other],
    );
    check(&json!({"service": {"suffix": "Other"}}), &[&other], &[&name()]);
    check(
        &json!({"service": {"regex": "com\\.acme\\.(Gr.*|X)"}}),
        &[&name()],
        &[&other],
    );
}

#[test]
fn by_version() {
    let two = Request {
        version: "2.0".into(),
        ..name()
    };
    check(&json!({"version": "2.0"}), &[&two], &[&name()]);
}

#[test]
fn by_group_or_unique_id() {
    let gray = Request {
        group: "gray".into(),
        ..name()
    };
    check(&json!({"group": "gray"}), &[&gray], &[&name()]);
    check(&json!({"group": ""}), &[&name()], &[&gray]);
}

#[test]
fn by_method() {
    let (rialto, ups) = goes_to_a(&json!({"method": {"regex": "att.*"}}));
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "b");
    let attachment = Request::new(GREETER, "1.0", "attachment")
        .arg(STRING, "k")
        .attach("k", "v");
    assert_eq!(downstream.value(&attachment), "v");
    assert_eq!((ups[0].seen().len(), ups[1].seen().len()), (1, 1));
}

#[test]
fn by_attachment() {
    let (gold, tin) = (name().attach("tenant", "gold"), name().attach("tenant", "tin"));
    check(
        &json!({"attachments": {"tenant": "gold"}}),
        &[&gold],
        &[&tin, &name()],
    );
    check(
        &json!({"attachments": {"tenant": {"present": true}}}),
        &[&gold, &tin],
        &[&name()],
    );
    check(
        &json!({"attachments": {"tenant": {"absent": true}}}),
        &[&name()],
        &[&gold],
    );
}

#[test]
fn by_calling_application() {
    let shop = Request {
        application: "shop".into(),
        ..name()
    };
    check(
        &json!({"application": "shop"}),
        &[&shop],
        &[
            &name(),
            &Request {
                application: "other".into(),
                ..name()
            },
        ],
    );
}

#[test]
fn by_protocol_and_listener() {
    let (rialto, _ups) = goes_to_a(&json!({"protocol": "bolt"}));
    assert_eq!(Downstream::<Bolt>::connect(rialto.entry()).value(&name()), "a");
    assert_eq!(Downstream::<Dubbo>::connect(rialto.entry()).value(&name()), "b");
}

#[test]
fn every_condition_must_hold_and_the_first_route_wins() {
    let both = json!({"service": GREETER, "attachments": {"tenant": "gold"}});
    check(&both, &[&name().attach("tenant", "gold")], &[&name()]);
    let (rialto, _ups) = fork(&json!([
        {"name": "first", "match": {"service": GREETER}, "to": [{"cluster": "a"}]},
        {"name": "second", "match": {"service": GREETER}, "to": [{"cluster": "b"}]},
    ]));
    assert_eq!(Downstream::<Dubbo>::connect(rialto.entry()).value(&name()), "a");
}

#[test]
fn a_call_without_a_route_gets_an_error_with_its_names() {
    let (rialto, ups) = fork(&json!([
        {"name": "only", "match": {"service": "com.acme.Other"}, "to": [{"cluster": "a"}, {"cluster": "b"}]},
    ]));
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    let lost = Request {
        version: "3.0".into(),
        group: "gray".into(),
        ..name()
    };
    let error = dubbo.error(&lost);
    assert_eq!(error.kind, ErrorKind::NoService, "{error}");
    let want = "no route on listener in for service com.acme.Greeter, version 3.0, group gray, method name";
    assert!(error.text.contains(want), "{error}");
    let error = Downstream::<Bolt>::connect(rialto.entry()).error(&lost);
    assert!(error.text.contains(want), "{error}");
    let there = Request {
        service: "com.acme.Other".into(),
        ..name()
    };
    assert!(
        ["a", "b"].contains(&dubbo.value(&there).as_str().unwrap()),
        "the connection goes on"
    );
    assert_eq!(ups[0].seen().len() + ups[1].seen().len(), 1);
}

#[test]
fn weights_are_approximated() {
    let (rialto, ups) = fork(&json!([
        {"name": "split", "to": [{"cluster": "a", "weight": 95}, {"cluster": "b", "weight": 5}]},
    ]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..2000 {
        downstream.call(&name());
    }
    let b = ups[1].seen().len();
    // 100 are expected with a standard deviation of 10, so this fails once in a billion runs.
    assert!((40..=160).contains(&b), "{b} of 2000 went to the share of 5 %");
    assert_eq!(ups[0].seen().len() + b, 2000);
}

#[test]
fn a_target_of_weight_zero_gets_no_calls() {
    let (rialto, ups) = fork(&json!([
        {"name": "split", "to": [{"cluster": "a", "weight": 0}, {"cluster": "b"}]},
    ]));
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    (0..50).for_each(|_| assert_eq!(downstream.value(&name()), "b"));
    assert_eq!(ups[0].seen().len(), 0);
}

#[test]
fn a_rewritten_call_arrives_under_its_new_names() {
    fn check<From: rialto_core::framed::Codec, To: rialto_core::framed::Codec + 'static>() {
        let up = Upstream::<To>::greeting("it");
        let mut config = config::<To>(&[up.address]);
        config["routes"][0]["rewrite"] = json!({
            "service": "com.acme.v2.Greeter", "version": "2.0", "group": "blue", "method": "name",
            "attachments": {"set": {"x-gateway": "rialto"}, "remove": ["x-debug"]},
        });
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        let call = Request::new(GREETER, "1.0", "old")
            .attach("x-debug", "1")
            .attach("tenant", "gold");
        assert_eq!(downstream.value(&call), "it");
        let seen = up.wait_seen(1);
        let got = seen[0].request();
        assert_eq!(
            (&*got.service, &*got.version, &*got.group, &*got.method),
            ("com.acme.v2.Greeter", "2.0", "blue", "name")
        );
        assert_eq!(got.attachment("x-gateway"), Some("rialto"));
        assert_eq!(got.attachment("x-debug"), None);
        assert_eq!(got.attachment("tenant"), Some("gold"));
    }
    for_each_pair!(check);
}

fn spread(downstream: &mut Downstream<Dubbo>, calls: usize) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for _ in 0..calls {
        *counts
            .entry(downstream.value(&name()).as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    counts
}

#[test]
fn round_robin_is_even() {
    let ups = ["x", "y", "z"].map(Upstream::<Bolt>::greeting);
    let rialto = Rialto::start(&config::<Bolt>(&ups.each_ref().map(|u| u.address)));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let counts = spread(&mut downstream, 30);
    assert_eq!(counts, ["x", "y", "z"].map(|n| (n.to_owned(), 10)).into());
}

#[test]
fn subsets_are_kept_and_fall_back_as_configured() {
    let ups = ["stable", "canary"].map(Upstream::<Dubbo>::greeting);
    let at = |i: usize, release: &str| json!({"address": ups[i].address.to_string(), "metadata": {"release": release}});
    let mut config = config::<Dubbo>(&[]);
    config["clusters"][0]["endpoints"] = json!([at(0, "stable"), at(1, "canary")]);
    config["clusters"][0]["subsets"] = json!({"keys": [["release"]]});
    config["routes"][0]["to"][0]["subset"] = json!({"release": "canary"});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(spread(&mut downstream, 10), [("canary".to_owned(), 10)].into());

    config["routes"][0]["to"][0]["subset"] = json!({"release": "next"});
    rialto.reload(&config);
    let error = downstream.error(&name());
    assert!(error.text.contains("no endpoint of cluster up"), "{error}");

    config["clusters"][0]["subsets"] = json!({"keys": [["release"]], "fallback": "any"});
    rialto.reload(&config);
    assert_eq!(spread(&mut downstream, 10).len(), 2);

    config["clusters"][0]["subsets"] =
        json!({"keys": [["release"]], "fallback": "default", "default": {"release": "stable"}});
    rialto.reload(&config);
    assert_eq!(spread(&mut downstream, 10), [("stable".to_owned(), 10)].into());
}
