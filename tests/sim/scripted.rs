//! Single stories about a worker, told step by step: what a random run meets too seldom, or cannot see.
use crate::sim::peer::{Found, Peer, Proto};
use crate::sim::stage::Stage;
use rialto_core::session::RespondTo;

pub(super) const LISTENER: &str = "runtime: { call_timeout: off }
listeners: [ { name: in, address: 127.0.0.1:1, routes: [r], limits: { idle_timeout: off } } ]
";

/// One route to one cluster with these settings; hosts 11, 12, ...
pub(super) fn config(settings: &str, ports: &[u16]) -> String {
    let hosts: Vec<String> = ports
        .iter()
        .map(|p| format!("{{ address: 127.0.0.1:{p} }}"))
        .collect();
    format!(
        "{LISTENER}routes: [ {{ name: r, to: [ {{ cluster: c }} ], retry: {{ attempts: 3 }} }} ]\n\
         clusters: [ {{ name: c, protocol: bolt, connect_timeout: 1s, endpoints: [ {} ]{settings} }} ]\n",
        hosts.join(", ")
    )
}

#[test]
fn a_call_that_waits_for_a_dial_outlives_a_change_of_the_configuration() {
    let two = format!(
        "{LISTENER}routes:\n  - {{ name: other, to: [ {{ cluster: c }} ] }}\n  - {{ name: r, to: [ {{ cluster: c }} ] }}\n\
         clusters: [ {{ name: c, protocol: bolt, connect_timeout: 1s, endpoints: [ {{ address: 127.0.0.1:11 }} ] }} ]\n"
    );
    let mut stage = Stage::new(&two);
    stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into()];
    let downstream = stage.downstream();
    stage.call_within(downstream, 1, "a.Service", b"hello", 60_000, false);
    stage.pass(100);
    // its set of hosts was the second one; now there is one only
    stage.configure(&config("", &[12]));
    stage.net.borrow_mut().silent.clear();
    stage.pass(1500);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    assert_eq!(stage.serve(host), 1);
    assert_eq!(stage.answers(downstream), [(1, Ok(5))]);
}

#[test]
fn a_host_that_is_down_gets_one_call_at_a_time_whatever_the_policy() {
    for balance in ["round_robin", "random", "least_request"] {
        let mut stage = Stage::new(&config(&format!(", balance: {balance}"), &[11, 12]));
        stage.net.borrow_mut().silent = vec!["127.0.0.1:12".into()];
        let downstreams: Vec<usize> = (0..20).map(|_| stage.downstream()).collect();
        // long enough that the dial of the silent host has failed
        for id in 0..20 {
            stage.call_within(downstreams[0], id, "a.Service", b"hello", 60_000, false);
            stage.pass(100);
        }
        let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
            panic!("one host answers")
        };
        stage.serve(host);
        stage.answers(downstreams[0]);
        // one read each, so that the policy is asked for each
        for (i, downstream) in downstreams.iter().enumerate() {
            stage.call_within(*downstream, 100 + i as u32, "a.Service", b"hello", 60_000, false);
            stage.pass(0);
        }
        let served = stage.serve(host);
        assert!(
            served >= 19,
            "{balance}: {served} of 20 calls reached the host that is up"
        );
    }
}

#[test]
fn answers_that_never_come_hold_nothing_for_ever() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.call(downstream, 0, "a.Service", b"hello");
    stage.pass(50);
    let [(lossy, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    // a host that drops requests without a word
    for id in 1..20 {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(1100);
        stage.received(lossy);
    }
    assert!(stage.worker.held_calls() >= 15, "late answers may still come");
    stage.pass(60_000);
    assert_eq!((stage.worker.held_calls(), stage.worker.in_flight()), (0, 0));
    stage.received(lossy);
    assert!(stage.is_closed(lossy));
    stage.answers(downstream);
    stage.call(downstream, 100, "a.Service", b"hello");
    stage.pass(50);
    let [(fresh, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("another connection")
    };
    assert_eq!(stage.serve(fresh), 1);
    assert_eq!(stage.answers(downstream), [(100, Ok(5))]);
}

pub(super) const TWO_CLUSTERS: &str = "
routes:
  - { name: r, match: { service: to.One }, to: [ { cluster: one } ] }
  - { name: s, match: { service: to.Two }, to: [ { cluster: two } ] }
clusters:
  - { name: one, protocol: bolt, endpoints: [ { address: 127.0.0.1:11 } ] }
  - { name: two, protocol: bolt, endpoints: [ { address: 127.0.0.1:12 } ] }
";

/// A call gives up waiting for a dial, and thousands of calls come and go before the dial ends.
#[test]
fn a_call_does_not_go_where_an_earlier_one_of_its_key_waited() {
    for is_reached in [true, false] {
        let nowhere = "
  - { name: n, match: { service: to.None }, to: [ { cluster: one, subset: { zone: none } } ] }
clusters:
  - { name: one, protocol: bolt, connect_timeout: 30s, subsets: { keys: [[zone]] }, endpoints: [ { address: 127.0.0.1:11 } ] }
  - { name: two, protocol: bolt, connect_timeout: 1h, endpoints: [ { address: 127.0.0.1:12 } ] }
";
        let routes = TWO_CLUSTERS.split("\nclusters").next().unwrap_or_default();
        let mut stage = Stage::new(&format!(
            "{}{routes}{nowhere}",
            LISTENER.replace("[r]", "[r, s, n]")
        ));
        stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into(), "127.0.0.1:12".into()];
        let downstream = stage.downstream();
        stage.call(downstream, 0, "to.One", b"impatient");
        stage.pass(2000);
        assert!(matches!(stage.answers(downstream)[..], [(0, Err(_))]));
        for id in 1..4096 {
            stage.call(downstream, id, "to.None", b"x");
            stage.pass(0);
            stage.received_in(2, downstream);
        }
        stage.answers(downstream);
        assert_eq!(stage.worker.held_calls(), 0);
        stage.call_within(downstream, 4096, "to.Two", b"for two", 3_600_000, false);
        stage.pass(50);
        if is_reached {
            stage.net.borrow_mut().answer_dials("127.0.0.1:11");
        } else {
            stage.pass(60_000);
        }
        stage.pass(50);
        for (one, _) in stage.dialed(Proto::Bolt) {
            assert!(stage.received(one).is_empty(), "it is not meant for that host");
        }
        assert_eq!(stage.answers(downstream), []);
        stage.net.borrow_mut().answer_dials("127.0.0.1:12");
        stage.pass(50);
        let [(two, _)] = stage.dialed(Proto::Bolt)[..] else {
            panic!("one dial")
        };
        assert_eq!(stage.serve(two), 1);
        assert_eq!(stage.answers(downstream), [(4096, Ok(7))]);
    }
}

/// Thousands of other connections come and go before the one-way call is over.
#[test]
fn a_one_way_call_outlives_its_downstream_and_counts_for_nobody_else() {
    let mut stage = Stage::new(&config("", &[11]).replace("connect_timeout: 1s", "connect_timeout: 1h"));
    stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into()];
    let first = stage.downstream();
    stage.call_within(first, 1, "a.Service", b"for good", 3_600_000, true);
    stage.pass(10);
    stage.net.borrow_mut().peer_close(first);
    stage.pass(10);
    for _ in 1..4096 {
        let other = stage.downstream();
        stage.net.borrow_mut().peer_close(other);
        stage.pass(0);
        stage.pass(0);
    }
    let last = stage.downstream();
    stage.pass(0);
    assert_eq!(stage.worker.in_flight(), 1);
    stage.net.borrow_mut().answer_dials("127.0.0.1:11");
    stage.pass(50);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    assert_eq!(stage.received(host).len(), 1, "it was sent");
    assert_eq!(stage.worker.in_flight(), 0);
    stage.call(last, 2, "a.Service", b"hello");
    stage.pass(10);
    assert_eq!(stage.serve(host), 1);
    assert_eq!(stage.answers(last), [(2, Ok(5))]);
}

#[test]
fn a_downstream_that_only_asks_for_signs_of_life_and_reads_none_is_cut() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.net.borrow_mut().links[downstream].stalled = true;
    for _ in 0..200 {
        stage.say(downstream, |peer| peer.heartbeat().repeat(5000));
        stage.pass(1000);
    }
    assert_eq!(stage.worker.downstreams(), 0);
}

#[test]
fn connections_are_not_used_for_another_protocol() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.call(downstream, 1, "a.Service", b"hello");
    stage.pass(50);
    let [(bolt, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.serve(bolt);
    // the host at the same address is another program now
    stage.configure(&config("", &[11]).replace("protocol: bolt", "protocol: dubbo"));
    stage.call(downstream, 2, "a.Service", b"hello");
    stage.pass(50);
    let [(dubbo, _)] = stage.dialed(Proto::Dubbo)[..] else {
        panic!("another dial")
    };
    stage.serve(dubbo);
    assert_eq!(stage.answers(downstream), [(1, Ok(5)), (2, Ok(5))]);
    stage.pass(1000);
    assert!(stage.is_closed(bolt));
}

#[test]
fn downstreams_of_a_removed_listener_get_their_last_answer_and_go() {
    let mut stage = Stage::new(&config("", &[11]));
    let (idle, busy) = (stage.downstream(), stage.downstream());
    stage.call_within(busy, 1, "a.Service", b"hello", 60_000, false);
    stage.pass(50);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.configure(&config("", &[11]).replace("name: in,", "name: another,"));
    stage.pass(1000);
    assert!(stage.is_closed(idle) && !stage.is_closed(busy));
    stage.serve(host);
    assert_eq!(stage.answers(busy), [(1, Ok(5))]);
    stage.pass(1000);
    assert!(stage.is_closed(busy));
}

/// The only call that a host got.
fn only_call(stage: &mut Stage, host: usize) -> (RespondTo, Vec<u8>) {
    match stage.received_in(5, host).pop() {
        Some(Found::Request { to, text, .. }) => (to, text),
        _ => panic!("a call"),
    }
}

#[test]
fn a_host_cannot_answer_for_another() {
    let mut stage = Stage::new(&format!("{}{TWO_CLUSTERS}", LISTENER.replace("[r]", "[r, s]")));
    let downstream = stage.downstream();
    stage.call(downstream, 1, "to.One", b"first");
    stage.call(downstream, 2, "to.Two", b"second");
    stage.pass(50);
    let [(one, _), (two, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("two dials")
    };
    let (to_one, _) = only_call(&mut stage, one);
    stage.answer(two, to_one, b"a lie");
    stage.pass(50);
    assert_eq!(stage.answers(downstream), []);
    stage.answer(one, to_one, b"first");
    stage.pass(50);
    assert_eq!(stage.answers(downstream), [(1, Ok(5))]);
}

#[test]
fn the_id_of_a_call_that_timed_out_is_not_given_to_another() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.call(downstream, 0, "a.Service", b"late");
    stage.pass(50);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    let (late, _) = only_call(&mut stage, host);
    stage.pass(2000);
    assert!(matches!(stage.answers(downstream)[..], [(0, Err(_))]));
    for id in 1..5000 {
        stage.call(downstream, id, "a.Service", b"x");
        stage.pass(0);
        let (to, text) = only_call(&mut stage, host);
        assert_ne!(to.id, late.id, "call {id}");
        stage.answer(host, to, &text);
        stage.pass(0);
        stage.received_in(2, downstream);
    }
    stage.answer(host, late, b"late");
    stage.pass(50);
    assert_eq!(stage.answers(downstream), []);
    assert_eq!(stage.worker.held_calls(), 0);
}

#[test]
fn edited_and_unedited_calls_of_one_read_arrive_whole_and_in_order() {
    let rewriting = "routes:
  - { name: r, match: { service: as.It.Is }, to: [ { cluster: c } ] }
  - { name: s, match: { service: to.Edit }, to: [ { cluster: c } ], rewrite: { method: other } }
clusters: [ { name: c, protocol: bolt, endpoints: [ { address: 127.0.0.1:11 } ] } ]
";
    let mut stage = Stage::new(&format!("{}{rewriting}", LISTENER.replace("[r]", "[r, s]")));
    let downstream = stage.downstream();
    stage.call(downstream, 0, "as.It.Is", b"0");
    stage.pass(50);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.serve(host);
    for id in 1..60 {
        // runs of unedited calls, each cut by an edited one
        let service = if id % 4 == 0 { "to.Edit" } else { "as.It.Is" };
        stage.call(downstream, id, service, id.to_string().as_bytes());
    }
    stage.pass(50);
    let texts: Vec<String> = (stage.received(host).into_iter())
        .map(|found| match found {
            Found::Request { text, .. } => String::from_utf8(text).expect("digits"),
            Found::Response { .. } => panic!("an answer to a host"),
        })
        .collect();
    assert_eq!(texts, (1..60).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_a_host_may_have_got_is_not_sent_again_and_the_rest_is() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.call_within(downstream, 0, "a.Service", b"0", 60_000, false);
    stage.pass(50);
    let [(first, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.serve(first);
    // the link takes some of these; what it takes may be executed
    for id in 1..200 {
        stage.call_within(
            downstream,
            id,
            "a.Service",
            format!("{id}:{}", "x".repeat(500)).as_bytes(),
            60_000,
            false,
        );
    }
    stage.pass(50);
    let got = stage.received_in(1, first).len();
    stage.net.borrow_mut().peer_close(first);
    stage.pass(50);
    let others = stage.dialed(Proto::Bolt);
    let again: usize = others.iter().map(|(host, _)| stage.serve(*host)).sum();
    let answers = stage.answers(downstream);
    let failed = answers.iter().filter(|(_, answer)| answer.is_err()).count();
    assert!(got > 0 && again > 0, "{got} {again}");
    assert!(
        got <= failed && failed + again == 199,
        "{got} read, {failed} failed, {again} sent again"
    );
}

/// It goes away for long, as nobody else is there, and says so on each new connection.
#[test]
fn a_host_that_goes_away_is_not_dialed_for_each_call() {
    let mut stage = Stage::new(&config("", &[11]).replace("protocol: bolt", "protocol: dubbo"));
    let downstream = stage.downstream();
    let mut hosts = vec![];
    let calls = 400;
    for id in 0..calls {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(20);
        for (host, _) in stage.dialed(Proto::Dubbo) {
            stage.say(host, Peer::goodbye);
            hosts.push(host);
        }
        stage.pass(20);
        let served: usize = hosts.iter().map(|host| stage.serve(*host)).sum();
        assert_eq!(served, 1);
        assert_eq!(stage.answers(downstream), [(id, Ok(5))]);
    }
    // in 16 s: at once, then after 0.25, 0.5, 1, 2, 4, 8 s
    assert_eq!(hosts.len(), 8, "{} dials for {calls} calls", hosts.len());
    // the process ends; whoever is at its address now is another one
    for host in hosts {
        stage.net.borrow_mut().peer_close(host);
    }
    stage.pass(20);
    stage.call(downstream, calls, "a.Service", b"hello");
    stage.pass(20);
    let [(fresh, _)] = stage.dialed(Proto::Dubbo)[..] else {
        panic!("a dial")
    };
    assert_eq!(stage.serve(fresh), 1);
}

/// One host after the other, as where pods are replaced all day; one of them never answers its dial, which is still under
/// way when its id is another's.
#[test]
fn hosts_that_come_take_the_ids_of_those_that_went_and_nothing_else_of_them() {
    let config = |port: u16| config("", &[port]).replace("connect_timeout: 1s", "connect_timeout: 1h");
    let mut stage = Stage::new(&config(11));
    stage.net.borrow_mut().silent = vec!["127.0.0.1:12".into()];
    let downstream = stage.downstream();
    for port in 11..30 {
        stage.configure(&config(port));
        stage.call(downstream, port.into(), "a.Service", b"hello");
        stage.pass(50);
        match stage.dialed(Proto::Bolt)[..] {
            [] => assert_eq!(port, 12),
            [(host, ref address)] => {
                assert_eq!(*address, format!("127.0.0.1:{port}"));
                assert_eq!(stage.serve(host), 1);
                assert_eq!(stage.answers(downstream), [(port.into(), Ok(5))]);
            }
            ref more => panic!("{more:?}"),
        }
        stage.pass(61_000);
        stage.answers(downstream);
    }
    let report = stage.worker.report();
    let ids = &report.endpoints;
    assert!(ids.len() <= 3, "{} ids for one host at a time", ids.len());
    let now: Vec<_> = ids.iter().filter(|e| e.connections > 0).collect();
    assert_eq!(now.len(), 1);
    let traffic = now[0].traffic;
    assert_eq!((traffic.opened, traffic.closed, traffic.failed), (1, 0, 0));
    assert_eq!(report.connections, 2, "the downstream's, and one to the host");
}

#[test]
fn an_answer_that_its_downstream_has_not_taken_is_unfinished() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    stage.call_within(downstream, 1, "a.Service", &[b'x'; 300_000], 60_000, false);
    stage.pass(50);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.net.borrow_mut().links[downstream].stalled = true;
    assert_eq!(stage.serve(host), 1);
    stage.pass(500);
    assert_eq!((stage.worker.in_flight(), stage.worker.unfinished()), (0, 1));
    stage.net.borrow_mut().links[downstream].stalled = false;
    assert_eq!(stage.answers(downstream), [(1, Ok(300_000))]);
    assert_eq!(stage.worker.unfinished(), 0);
    // A response that its downstream never takes counts as unfinished until the downstream is closed.
    stage.call_within(downstream, 2, "a.Service", &[b'x'; 300_000], 60_000, false);
    stage.pass(50);
    stage.net.borrow_mut().links[downstream].stalled = true;
    assert_eq!(stage.serve(host), 1);
    stage.pass(500);
    assert_eq!(stage.worker.unfinished(), 1);
    stage.net.borrow_mut().peer_close(downstream);
    stage.pass(50);
    assert_eq!((stage.worker.unfinished(), stage.worker.downstreams()), (0, 0));
}

/// One host that takes two calls at once, and three calls that may wait.
const NARROW: &str = "
listeners: [ { name: in, address: 127.0.0.1:1, protocol: bolt, routes: [r], limits: { idle_timeout: off } } ]
routes: [ { name: r, to: [ { cluster: c } ] } ]
clusters: [ { name: c, protocol: bolt, endpoints: [ { address: 127.0.0.1:11 } ],
  limits: { connections_per_endpoint: 1, in_flight_per_connection: 2, waiting_calls: 4, downstream_share: 100 } } ]
";

#[test]
fn calls_wait_for_room_in_their_order_and_within_bounds() {
    let mut stage = Stage::new(NARROW);
    let downstream = stage.downstream();
    stage.call(downstream, 0, "a.Service", b"0");
    stage.pass(10);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.pass(10);
    for id in 1..8 {
        stage.call(downstream, id, "a.Service", id.to_string().as_bytes());
    }
    stage.pass(10);
    // Two are at the host, four wait, and two are refused.
    let refused = stage.answers(downstream);
    let why = |(id, result): (u32, Result<usize, String>)| (id, result.unwrap_err());
    let refused: Vec<(u32, String)> = refused.into_iter().map(why).collect();
    assert_eq!(
        refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [6, 7],
        "{refused:?}"
    );
    let mut order = vec![];
    for _ in 0..20 {
        let found = stage.received_in(2, host);
        assert!(found.len() <= 2, "more than the host takes at once");
        for found in found {
            let Found::Request { to, text, .. } = found else {
                panic!("a response to a host")
            };
            order.push(String::from_utf8(text.clone()).unwrap());
            stage.answer(host, to, &text);
        }
        stage.pass(0);
    }
    assert_eq!(order, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(stage.answers(downstream).len(), 6);
    assert_eq!((stage.worker.held_calls(), stage.worker.in_flight()), (0, 0));
}

#[test]
fn calls_that_wait_for_room_end_in_time_and_leave_their_places() {
    let mut stage = Stage::new(NARROW);
    let (greedy, other) = (stage.downstream(), stage.downstream());
    (0..6).for_each(|id| stage.call(greedy, id, "a.Service", b"?"));
    stage.pass(10);
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    stage.pass(10);
    assert_eq!(stage.received(host).len(), 2);
    stage.pass(1100);
    let ended = stage.answers(greedy);
    assert_eq!(ended.len(), 6);
    // Their places are free again, and one that goes away leaves its own.
    for id in 10..14 {
        stage.call_within(greedy, id, "a.Service", b"?", 60_000, false);
    }
    stage.pass(10);
    assert_eq!(stage.answers(greedy), []);
    stage.net.borrow_mut().peer_close(greedy);
    stage.pass(10);
    for id in 0..4 {
        stage.call_within(other, id, "a.Service", b"?", 60_000, false);
    }
    stage.pass(10);
    assert_eq!(stage.answers(other), []);
    assert_eq!(stage.worker.in_flight(), 4);
}

#[test]
fn one_downstream_leaves_half_of_the_waiting_places_to_others() {
    let mut stage = Stage::new(NARROW);
    let (greedy, other) = (stage.downstream(), stage.downstream());
    (0..2).for_each(|id| stage.call(greedy, id, "a.Service", b"?"));
    stage.pass(10);
    stage.dialed(Proto::Bolt);
    stage.pass(10);
    stage.call(other, 0, "a.Service", b"?");
    stage.pass(10);
    (2..6).for_each(|id| stage.call(greedy, id, "a.Service", b"?"));
    stage.pass(10);
    assert_eq!(stage.answers(greedy).len(), 2, "it has two places");
    stage.call(other, 1, "a.Service", b"?");
    stage.pass(10);
    assert_eq!(stage.answers(other), []);
}
