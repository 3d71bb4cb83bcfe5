//! Tests of the limits of calls and connections, and of the filters.
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, GREETER, PATIENCE, Request, Rialto, STRING, Upstream, config,
    eventually, for_each_pair, greet, json,
};
use rialto_core::framed::Codec;
use std::io::Read;
use std::net::TcpStream;

/// Three calls may run; the fourth is refused at once, in each protocol.
fn the_fourth_call_is_refused(limits: impl Fn(&mut super::support::Json), says: &str) {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    limits(&mut config);
    let rialto = Rialto::start(&config);
    fn check<C: Codec>(rialto: &Rialto, says: &str) {
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let running: Vec<_> = (0..3)
            .map(|_| downstream.send(&greet("Ada").within(60_000)))
            .collect();
        let error = downstream.error(&greet("Ada"));
        assert_eq!(error.kind, ErrorKind::Overload, "{error}");
        assert!(!running.is_empty());
        if C::PROTO == rialto_protocols::DUBBO {
            assert!(error.text.contains(says), "{error}");
        }
        drop(downstream);
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
    the_fourth_call_is_refused(
        |c| c["listeners"][0]["limits"] = json!({"in_flight": 3}),
        "too many calls in flight on this listener",
    );
}

#[test]
fn calls_in_flight_of_a_connection() {
    the_fourth_call_is_refused(
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
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for i in 1..=3 {
        downstream.send(&greet("Ada").within(60_000));
        up.wait_seen(i);
    }
    let error = downstream.error(&greet("Ada"));
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
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let mut burst = vec![];
    for _ in 0..10 {
        burst.extend(downstream.frame(&greet("Ada").within(60_000)).1);
    }
    downstream.write(&burst);
    for _ in 0..7 {
        let (_, reply) = downstream.receive();
        assert_eq!(reply.answer.unwrap_err().kind, ErrorKind::Overload);
    }
    assert_eq!(up.wait_seen(3).len(), 3);
}

#[test]
fn connections_beyond_the_limit_are_refused() {
    fn check(set: impl Fn(&mut super::support::Json)) {
        let up = Upstream::<Dubbo>::greeting("it");
        let mut config = config::<Dubbo>(&[up.address]);
        set(&mut config);
        let rialto = Rialto::start(&config);
        let mut inside: Vec<_> = (0..5)
            .map(|_| Downstream::<Dubbo>::connect(rialto.entry()))
            .collect();
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
            Downstream::<Bolt>::connect(rialto.entry()).value(&greet("Ada")),
            "Hello, Ada"
        );
    }
    check(|c| c["listeners"][0]["limits"] = json!({"connections": 5}));
    check(|c| c["runtime"]["max_connections"] = json!(5));
}

fn allowed(downstream: &mut Downstream<Dubbo>, request: &Request, calls: usize) -> usize {
    let responses = (0..calls).map(|_| downstream.call(request).answer);
    responses
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
fn a_rate_limit_passes_a_burst_and_refuses_the_rest() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 5}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let began = std::time::Instant::now();
    let passed = allowed(&mut downstream, &greet("Ada"), 50);
    let refilled = began.elapsed().as_secs() as usize + 1;
    assert!(
        (5..=5 + refilled).contains(&passed),
        "{passed} in {:?}",
        began.elapsed()
    );
    assert_eq!(up.seen().len(), passed);
    let error = Downstream::<Bolt>::connect(rialto.entry()).error(&greet("Ada"));
    assert_eq!(error.kind, ErrorKind::Overload);
}

#[test]
fn a_rate_limit_can_be_per_application() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["filters"] =
        json!([{"rate_limit": {"rate": 1, "burst": 3, "per": "application"}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let of = |app: &str| Request {
        application: app.into(),
        ..greet("Ada")
    };
    assert!(allowed(&mut downstream, &of("noisy"), 30) < 30);
    assert_eq!(allowed(&mut downstream, &of("quiet"), 3), 3);
}

#[test]
fn a_new_configuration_does_not_refill_a_rate_limit() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 1000}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let began = std::time::Instant::now();
    let before = allowed(&mut downstream, &greet("Ada"), 1000);
    config["routes"][0]["timeout"] = json!("9s");
    rialto.reload(&config);
    let after = allowed(&mut downstream, &greet("Ada"), 200);
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
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        let call = Request::new(GREETER, "1.0", "attachment")
            .arg(STRING, "who")
            .attach("who", "caller")
            .attach("secret", "1")
            .attach("kept", "2");
        assert_eq!(downstream.value(&call), "route");
        let seen = up.wait_seen(1);
        let got = seen[0].request();
        assert_eq!(
            ["zone", "secret", "kept"].map(|k| got.attachment(k)),
            [Some("a"), None, Some("2")]
        );
    }
    for_each_pair!(check);
}
