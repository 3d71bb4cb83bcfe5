//! Limits of calls and connections, and the filters.
use super::support::{
    Bolt, Caller, Dubbo, ErrorKind, GREETER, PATIENCE, Request, Rialto, STRING, Upstream, config, eventually,
    greet, json,
};
use rialto_core::framed::Codec;
use std::io::Read;
use std::net::TcpStream;

/// Three calls may run; the fourth is answered at once, in each protocol.
fn the_fourth_is_overload(limits: impl Fn(&mut super::support::Json), says: &str) {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    limits(&mut config);
    let rialto = Rialto::start(&config);
    fn check<C: Codec>(rialto: &Rialto, says: &str) {
        let mut caller = Caller::<C>::connect(rialto.entry());
        let running: Vec<_> = (0..3)
            .map(|_| caller.send(&greet("Ada").within(60_000)))
            .collect();
        let error = caller.error(&greet("Ada"));
        assert_eq!(error.kind, ErrorKind::Overload, "{error}");
        assert!(!running.is_empty());
        if C::PROTO == rialto_protocols::DUBBO {
            assert!(error.text.contains(says), "{error}");
        }
        drop(caller);
        rialto.wait_in_flight(0);
    }
    check::<Dubbo>(&rialto, says);
    check::<Bolt>(&rialto, says);
    assert_eq!(
        rialto.metric("rialto_calls_total", &["outcome=\"overload\""]),
        2.0
    );
}

#[test]
fn calls_in_flight_of_a_listener() {
    the_fourth_is_overload(
        |c| c["listeners"][0]["limits"] = json!({"in_flight": 3}),
        "too many calls in flight on this listener",
    );
}

#[test]
fn calls_in_flight_of_a_connection() {
    the_fourth_is_overload(
        |c| c["listeners"][0]["limits"] = json!({"in_flight_per_connection": 3}),
        "too many calls in flight on this connection",
    );
}

#[test]
fn calls_in_flight_to_a_cluster() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["clusters"][0]["limits"] = json!({"in_flight": 3});
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    for i in 1..=3 {
        caller.send(&greet("Ada").within(60_000));
        up.wait_seen(i);
    }
    let error = caller.error(&greet("Ada"));
    assert_eq!(error.kind, ErrorKind::Overload);
    assert!(
        error.text.contains("too many calls in flight to cluster up"),
        "{error}"
    );
}

/// Calls that wait for a connection count as well.
#[test]
fn calls_that_wait_for_a_connection_to_a_cluster_count() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["clusters"][0]["limits"] = json!({"in_flight": 3});
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    let mut burst = vec![];
    for _ in 0..10 {
        burst.extend(caller.frame(&greet("Ada").within(60_000)).1);
    }
    caller.write(&burst);
    for _ in 0..7 {
        let (_, reply) = caller.receive();
        assert_eq!(reply.answer.unwrap_err().kind, ErrorKind::Overload);
    }
    assert_eq!(up.wait_seen(3).len(), 3);
}

#[test]
fn a_flood_of_connections_stops_at_the_limit() {
    fn check(set: impl Fn(&mut super::support::Json)) {
        let up = Upstream::<Dubbo>::greeting("it");
        let mut config = config::<Dubbo>(&[up.address]);
        set(&mut config);
        let rialto = Rialto::start(&config);
        let mut inside: Vec<_> = (0..5).map(|_| Caller::<Dubbo>::connect(rialto.entry())).collect();
        inside
            .iter_mut()
            .for_each(|c| assert_eq!(c.value(&greet("Ada")), "Hello, Ada"));
        for _ in 0..200 {
            let mut outside = TcpStream::connect(rialto.entry()).unwrap();
            outside.set_read_timeout(Some(PATIENCE)).unwrap();
            assert!(matches!(outside.read(&mut [0; 1]), Ok(0) | Err(_)));
        }
        inside
            .iter_mut()
            .for_each(|c| assert_eq!(c.value(&greet("Ada")), "Hello, Ada"));
        let shown = rialto.admin.json("/listeners");
        assert_eq!(
            (&shown[0]["connections"], &shown[0]["connections_refused"]),
            (&json!(5), &json!(200))
        );
        inside.pop();
        eventually("room for another", || {
            let listeners = rialto.admin.json("/listeners");
            (listeners[0]["connections"] == 4).then_some(())
        });
        assert_eq!(
            Caller::<Bolt>::connect(rialto.entry()).value(&greet("Ada")),
            "Hello, Ada"
        );
    }
    check(|c| c["listeners"][0]["limits"] = json!({"connections": 5}));
    check(|c| c["runtime"]["max_connections"] = json!(5));
}

fn allowed(caller: &mut Caller<Dubbo>, request: &Request, calls: usize) -> usize {
    let answers = (0..calls).map(|_| caller.call(request).answer);
    answers
        .filter(|a| match a {
            Ok(_) => true,
            Err(e) => {
                assert_eq!(e.kind, ErrorKind::Overload, "{e}");
                assert!(e.text.contains("over the rate limit of 1 calls a second"), "{e}");
                false
            }
        })
        .count()
}

#[test]
fn a_rate_limit_lets_a_burst_through_and_refuses_the_rest() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 5}}]);
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    let began = std::time::Instant::now();
    let passed = allowed(&mut caller, &greet("Ada"), 50);
    let refilled = began.elapsed().as_secs() as usize + 1;
    assert!(
        (5..=5 + refilled).contains(&passed),
        "{passed} in {:?}",
        began.elapsed()
    );
    assert_eq!(up.seen().len(), passed);
    let error = Caller::<Bolt>::connect(rialto.entry()).error(&greet("Ada"));
    assert_eq!(error.kind, ErrorKind::Overload);
}

#[test]
fn a_rate_limit_may_count_each_application_by_itself() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 3, "per": "caller"}}]);
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    let of = |app: &str| Request {
        caller: app.into(),
        ..greet("Ada")
    };
    assert!(allowed(&mut caller, &of("noisy"), 30) < 30);
    assert_eq!(allowed(&mut caller, &of("quiet"), 3), 3);
}

#[test]
fn a_new_configuration_does_not_fill_a_rate_limit_up() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 1000}}]);
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    let began = std::time::Instant::now();
    let before = allowed(&mut caller, &greet("Ada"), 1000);
    config["routes"][0]["timeout"] = json!("9s");
    rialto.reload(&config);
    let after = allowed(&mut caller, &greet("Ada"), 200);
    let refilled = began.elapsed().as_secs() as usize + 1;
    assert!(before + after <= 1000 + refilled, "{before} + {after}");
}

#[test]
fn attachments_are_edited_by_filters_of_listener_and_route() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::greeting("it");
        let mut config = config::<To>(&[up.address]);
        config["listeners"][0]["filters"] =
            json!([{"attachments": {"set": {"zone": "a", "who": "listener"}, "remove": ["secret"]}}]);
        config["routes"][0]["filters"] = json!([{"attachments": {"set": {"who": "route"}}}]);
        let rialto = Rialto::start(&config);
        let mut caller = Caller::<From>::connect(rialto.entry());
        let call = Request::new(GREETER, "1.0", "attachment")
            .arg(STRING, "who")
            .attach("who", "caller")
            .attach("secret", "1")
            .attach("kept", "2");
        assert_eq!(caller.value(&call), "route");
        let seen = up.wait_seen(1);
        let got = seen[0].request();
        assert_eq!(
            ["zone", "secret", "kept"].map(|k| got.attachment(k)),
            [Some("a"), None, Some("2")]
        );
    }
    check::<Dubbo, Dubbo>();
    check::<Bolt, Bolt>();
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
}
