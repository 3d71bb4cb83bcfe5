//! Stories of peers that misbehave: what one does costs its own calls, never a neighbour's.
use super::peer::{Found, Proto};
use super::scripted::{LISTENER, TWO_CLUSTERS, config};
use super::stage::Stage;

/// Clusters `one` at port 11 and `two` at port 12.
fn two_clusters() -> Stage {
    Stage::new(&format!("{}{TWO_CLUSTERS}", LISTENER.replace("[r]", "[r, s]")))
}

/// Calls the service once, so that the endpoint is connected.
fn connect(stage: &mut Stage, downstream: usize, service: &str) -> usize {
    stage.call(downstream, 1_000_000, service, b"connect");
    stage.pass(50);
    let [(upstream, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    assert_eq!(stage.serve(upstream), 1);
    assert_eq!(stage.answers(downstream), [(1_000_000, Ok(7))]);
    upstream
}

#[test]
fn an_endpoint_that_does_not_read_delays_no_call_to_another() {
    let mut stage = two_clusters();
    let downstream = stage.downstream();
    connect(&mut stage, downstream, "to.One");
    let two = connect(&mut stage, downstream, "to.Two");
    for id in 0..30 {
        stage.call(downstream, id, "to.One", &[b'x'; 100_000]);
    }
    stage.pass(300);
    stage.call(downstream, 100, "to.Two", b"small");
    stage.pass(50);
    assert_eq!(stage.serve(two), 1);
    assert_eq!(stage.answers(downstream), [(100, Ok(5))]);
}

#[test]
fn what_waits_for_an_endpoint_that_does_not_read_is_bounded_and_soon_given_up() {
    let mut stage = two_clusters();
    let downstream = stage.downstream();
    let one = connect(&mut stage, downstream, "to.One");
    for id in 0..300 {
        stage.call_within(downstream, id, "to.One", &[b'x'; 100_000], 60_000, false);
    }
    stage.pass(5000);
    let most = stage.worker.connections().iter().map(|(_, c)| c.pending()).max();
    assert!(most <= Some(17 << 20), "{most:?} bytes wait");
    let refused = stage.answers(downstream);
    assert!(!refused.is_empty() && refused.iter().all(|(_, answer)| answer.is_err()));
    stage.pass(8000);
    // The peer finds the end behind what was sent before it.
    let sent = stage.received(one).len();
    assert!(stage.is_closed(one) && sent < 300, "{sent} calls were sent");
    // those of which nothing was sent go to the next connection, and the calls end well
    let [(again, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("another dial")
    };
    let mut good = 0;
    for _ in 0..60 {
        stage.serve(again);
        good += stage
            .answers(downstream)
            .iter()
            .filter(|(_, answer)| answer.is_ok())
            .count();
    }
    assert!(good > 100, "{good} calls were sent elsewhere");
    assert_eq!(stage.worker.in_flight(), 0);
}

#[test]
fn what_waits_for_a_dial_is_bounded_and_delays_nobody() {
    let patient = TWO_CLUSTERS.replace("protocol: bolt,", "protocol: bolt, connect_timeout: 1h,");
    let mut stage = Stage::new(&format!("{}{patient}", LISTENER.replace("[r]", "[r, s]")));
    let downstream = stage.downstream();
    let two = connect(&mut stage, downstream, "to.Two");
    stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into()];
    for id in 0..300 {
        stage.call_within(downstream, id, "to.One", &[b'x'; 100_000], 60_000, false);
    }
    stage.pass(6000);
    assert!(
        stage.worker.in_flight() < 200,
        "{} calls are held",
        stage.worker.in_flight()
    );
    stage.call(downstream, 1000, "to.Two", b"small");
    stage.pass(50);
    assert_eq!(stage.serve(two), 1);
    let (good, refused): (Vec<_>, Vec<_>) = stage
        .answers(downstream)
        .into_iter()
        .partition(|(_, a)| a.is_ok());
    assert_eq!(good, [(1000, Ok(5))]);
    assert!(refused.len() > 100, "{} calls were refused", refused.len());
    stage.net.borrow_mut().answer_dials("127.0.0.1:11");
    stage.pass(500);
    let [(one, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    let mut good = 0;
    for _ in 0..60 {
        stage.serve(one);
        good += stage
            .answers(downstream)
            .iter()
            .filter(|(_, answer)| answer.is_ok())
            .count();
    }
    assert_eq!(good + refused.len(), 300);
}

#[test]
fn calls_of_the_turn_in_which_a_dial_fails_end_like_all_others() {
    for one_way in [false, true] {
        let mut stage = Stage::new(&config("", &[11, 12]));
        stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into(), "127.0.0.1:12".into()];
        let first = stage.downstream();
        for id in 0..14 {
            stage.call_within(first, id, "a.Service", &[b'x'; 100_000], 60_000, one_way);
        }
        stage.pass(100);
        let others: Vec<usize> = (0..20).map(|_| stage.downstream()).collect();
        stage.pass(10);
        stage.net.borrow_mut().silent.clear();
        stage.net.borrow_mut().refuse_dials("127.0.0.1:11");
        stage.net.borrow_mut().refuse_dials("127.0.0.1:12");
        for other in &others {
            stage.call_within(*other, 1, "a.Service", b"small", 60_000, one_way);
        }
        stage.pass(3000);
        let dialed = stage.dialed(Proto::Bolt);
        for _ in 0..10 {
            dialed.iter().for_each(|(upstream, _)| _ = stage.serve(*upstream));
            stage.pass(100);
        }
        assert_eq!(stage.worker.held_calls(), 0, "one way: {one_way}");
        for downstream in others.iter().filter(|_| !one_way) {
            assert_eq!(stage.answers(*downstream).len(), 1);
            // and it is read again
            stage.call(*downstream, 2, "a.Service", b"again");
        }
        stage.pass(50);
        let served: usize = dialed.iter().map(|(upstream, _)| stage.serve(*upstream)).sum();
        assert!(one_way || served == 20, "{served} of 20");
    }
}

/// A provider that hangs holds its own calls, not the budget of the cluster: its calls count until their downstreams give up.
#[test]
fn an_endpoint_that_hangs_does_not_use_up_the_limits_of_its_cluster() {
    let mut stage = Stage::new(&config(
        ", limits: { in_flight: 40, downstream_share: 100 }",
        &[11, 12],
    ));
    let downstream = stage.downstream();
    let mut upstreams = vec![];
    let (mut good, mut failed) = (0, vec![]);
    for id in 0..1200 {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(50);
        for (upstream, address) in stage.dialed(Proto::Bolt) {
            if address.ends_with(":11") {
                upstreams.push(upstream);
            }
        }
        upstreams.iter().for_each(|upstream| _ = stage.serve(*upstream));
        for (_, answer) in stage.answers(downstream) {
            match answer {
                Ok(_) => good += 1,
                Err(e) => failed.push(e),
            }
        }
    }
    let overload = failed
        .iter()
        .filter(|e| e.contains("too many") || e.contains("limit"))
        .count();
    assert_eq!(overload, 0, "{:?}", failed.first());
    assert!(good > 580, "{good} of 1200");
}

/// A provider that reads, and answers nothing, with calls of a short timeout.
#[test]
fn calls_that_timed_out_leave_room_for_others_on_their_connection() {
    let limits =
        ", limits: { in_flight_per_connection: 10, connections_per_endpoint: 1, downstream_share: 100 }";
    let mut stage = Stage::new(&config(limits, &[11]));
    let downstream = stage.downstream();
    let mut upstreams = vec![connect(&mut stage, downstream, "a.Service")];
    let mut served = 0;
    for round in 0..50 {
        stage.call_within(downstream, round * 2, "a.Service", b"hangs", 100, false);
        stage.call_within(downstream, round * 2 + 1, "a.Service", b"fast", 5000, false);
        stage.pass(20);
        upstreams.extend(
            stage
                .dialed(Proto::Bolt)
                .into_iter()
                .map(|(upstream, _)| upstream),
        );
        for upstream in &upstreams {
            for found in stage.received_in(5, *upstream) {
                let Found::Request { to, text, .. } = found else {
                    continue;
                };
                if text == b"fast" {
                    stage.answer(*upstream, to, &text);
                }
            }
        }
        stage.pass(200);
        served += stage
            .answers(downstream)
            .iter()
            .filter(|(_, a)| a.is_ok())
            .count();
    }
    assert_eq!(served, 50);
}

#[test]
fn a_process_without_descriptors_does_not_try_all_endpoints() {
    let ports: Vec<u16> = (1..=500).collect();
    let mut stage = Stage::new(&config("", &ports));
    let downstream = stage.downstream();
    stage.net.borrow_mut().exhausted = true;
    for id in 0..10 {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(20);
    }
    let answers = stage.answers(downstream);
    assert_eq!(answers.len(), 10);
    assert!(answers.iter().all(|(_, answer)| answer.is_err()));
    let tried = stage.net.borrow().tried;
    assert!(tried <= 10, "{tried} dials for 10 calls");
    // the endpoints are not to blame
    stage.net.borrow_mut().exhausted = false;
    stage.call(downstream, 10, "a.Service", b"hello");
    stage.pass(50);
    let dialed = stage.dialed(Proto::Bolt);
    assert_eq!(
        dialed
            .iter()
            .map(|(upstream, _)| stage.serve(*upstream))
            .sum::<usize>(),
        1
    );
    assert_eq!(stage.answers(downstream), [(10, Ok(5))]);
}

/// Case: responses of a megabyte each, and a downstream that takes a few kilobytes at a time.
#[test]
fn a_downstream_that_reads_slowly_gets_all_of_its_responses() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    let upstream = connect(&mut stage, downstream, "a.Service");
    let size = 1 << 20;
    for id in 0..24 {
        stage.call_within(downstream, id, "a.Service", b"large", 3_600_000, false);
    }
    stage.pass(50);
    for found in stage.received(upstream) {
        let Found::Request { to, .. } = found else {
            panic!("a response to a server")
        };
        stage.answer(upstream, to, &vec![b'x'; size]);
    }
    // the worker has all of them long before the downstream has taken the first
    stage.pass(20_000);
    let waiting = stage.worker.connections().iter().map(|(_, c)| c.pending()).max();
    assert!(waiting > Some(16 << 20), "{waiting:?} bytes wait");
    let mut good = vec![];
    for _ in 0..40 {
        good.extend(stage.answers(downstream));
    }
    assert_eq!(good.len(), 24);
    assert!(good.iter().all(|(_, answer)| *answer == Ok(size)));
}

#[test]
fn a_downstream_that_takes_nothing_is_closed_in_time() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    let upstream = connect(&mut stage, downstream, "a.Service");
    stage.net.borrow_mut().links[downstream].stalled = true;
    stage.call_within(downstream, 1, "a.Service", b"large", 3_600_000, false);
    stage.pass(50);
    let Some(Found::Request { to, .. }) = stage.received(upstream).pop() else {
        panic!("a call")
    };
    stage.answer(upstream, to, &[b'x'; 1 << 20]);
    stage.pass(29_000);
    assert_eq!(stage.worker.downstreams(), 1);
    stage.pass(2_000);
    assert_eq!(stage.worker.downstreams(), 0);
}

#[test]
fn the_downstream_for_which_the_most_waits_goes_first_when_memory_is_short() {
    let bounded = config("", &[11]).replace("call_timeout: off", "call_timeout: off, max_unsent_bytes: 5MiB");
    let mut stage = Stage::new(&bounded);
    let [modest, greedy] = [(); 2].map(|()| stage.downstream());
    let upstream = connect(&mut stage, modest, "a.Service");
    for (downstream, calls) in [(modest, 2), (greedy, 6)] {
        for id in 0..calls {
            stage.call_within(
                downstream,
                id,
                "a.Service",
                &vec![b'x'; 700_000],
                3_600_000,
                false,
            );
        }
    }
    stage.pass(100);
    for downstream in [modest, greedy] {
        stage.net.borrow_mut().links[downstream].stalled = true;
    }
    for _ in 0..20 {
        stage.serve(upstream);
    }
    stage.pass(500);
    assert_eq!(stage.worker.downstreams(), 1);
    stage.net.borrow_mut().links[modest].stalled = false;
    assert_eq!(stage.answers(modest).iter().filter(|(_, a)| a.is_ok()).count(), 2);
}

/// One of two providers closes its connection after each response, as providers do that limit the calls or the age of
/// a connection. It has broken nothing, and gets its half of the calls.
#[test]
fn an_endpoint_that_closes_in_order_keeps_its_share() {
    let mut stage = Stage::new(&config("", &[11, 12]));
    let downstream = stage.downstream();
    let (mut links, mut served) = (vec![], [0, 0]);
    for id in 0..100 {
        stage.call(downstream, id, "a.Service", b"x");
        stage.pass(20);
        links.extend(stage.dialed(Proto::Bolt));
        stage.pass(0);
        for (link, address) in links.clone() {
            let count = stage.serve(link);
            let closes = address.ends_with(":11");
            served[usize::from(!closes)] += count;
            if closes && count > 0 {
                stage.net.borrow_mut().peer_close(link);
                links.retain(|(other, _)| *other != link);
            }
        }
        stage.pass(20);
        assert!(matches!(stage.answers(downstream)[..], [(_, Ok(1))]), "call {id}");
    }
    assert!(served[0] >= 40, "{served:?}");
}

/// Peers that trickle hoard memory for long, although each of them holds less than a peer that takes its responses
/// as fast as they come.
#[test]
fn a_peer_that_trickles_goes_before_one_that_reads() {
    let bounded = config("", &[11]).replace("call_timeout: off", "call_timeout: off, max_unsent_bytes: 6MiB");
    let mut stage = Stage::new(&bounded);
    let reader = stage.downstream();
    let upstream = connect(&mut stage, reader, "a.Service");
    let tricklers = [(); 4].map(|()| stage.downstream());
    let big = vec![b'x'; 700_000];
    for downstream in tricklers {
        (0..2).for_each(|id| stage.call_within(downstream, id, "a.Service", &big, 3_600_000, false));
    }
    stage.pass(100);
    for downstream in tricklers {
        stage.net.borrow_mut().links[downstream].stalled = true;
    }
    (0..5).for_each(|_| _ = stage.serve(upstream));
    stage.pass(2000);
    // now the reader asks for more than any of them has
    (0..6).for_each(|id| stage.call_within(reader, id, "a.Service", &big, 3_600_000, false));
    let mut good = 0;
    for _ in 0..40 {
        stage.serve(upstream);
        good += stage
            .answers(reader)
            .iter()
            .filter(|(_, answer)| answer.is_ok())
            .count();
    }
    assert!(!stage.is_closed(reader), "the one that reads was closed");
    assert_eq!(good, 6);
}

/// Its kernel takes what is sent to it, so nothing but its silence tells.
#[test]
fn an_upstream_that_went_silent_is_asked_at_the_first_timeout() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    connect(&mut stage, downstream, "a.Service");
    stage.call(downstream, 1, "a.Service", b"lost");
    stage.pass(7000);
    assert!(matches!(stage.answers(downstream)[..], [(1, Err(_))]));
    stage.call(downstream, 2, "a.Service", b"again");
    stage.pass(50);
    let [(fresh, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("another connection")
    };
    assert_eq!(stage.serve(fresh), 1);
    assert_eq!(stage.answers(downstream), [(2, Ok(5))]);
}

/// It answers what it is asked, so its connection stays.
#[test]
fn an_upstream_with_one_slow_method_is_not_closed() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstream = stage.downstream();
    let upstream = connect(&mut stage, downstream, "a.Service");
    for id in 0..8 {
        stage.call(downstream, id, "a.Service", b"slow");
        stage.pass(1000);
        stage.received(upstream);
    }
    stage.answers(downstream);
    assert!(!stage.is_closed(upstream));
    assert_eq!(stage.dialed(Proto::Bolt), []);
}

#[test]
fn no_call_fails_while_a_healthy_endpoint_exists() {
    for balance in ["round_robin", "random", "least_request"] {
        let mut stage = Stage::new(
            &config(&format!(", balance: {balance}"), &[11, 12, 13]).replace("attempts: 3", "attempts: 1"),
        );
        stage.net.borrow_mut().refusing = vec!["127.0.0.1:12".into(), "127.0.0.1:13".into()];
        let downstream = stage.downstream();
        let mut upstreams = vec![];
        for id in 0..600 {
            stage.call(downstream, id, "a.Service", b"hello");
            stage.pass(70);
            upstreams.extend(
                stage
                    .dialed(Proto::Bolt)
                    .into_iter()
                    .map(|(upstream, _)| upstream),
            );
            upstreams.iter().for_each(|upstream| _ = stage.serve(*upstream));
            assert_eq!(stage.answers(downstream), [(id, Ok(5))], "{balance}");
        }
        assert_eq!(upstreams.len(), 1);
        // without a call in the meantime it is found out that one is back
        stage.net.borrow_mut().refusing.clear();
        stage.pass(31_000);
        assert_eq!(stage.dialed(Proto::Bolt).len(), 2);
    }
}

/// It is dialed in the background only, and no call waits for that.
#[test]
fn no_call_waits_for_an_endpoint_that_is_not_known_to_be_back() {
    let mut stage = Stage::new(&config("", &[11, 12]));
    stage.net.borrow_mut().silent = vec!["127.0.0.1:12".into()];
    let downstream = stage.downstream();
    let mut upstreams = vec![];
    let mut slow = 0;
    for id in 0..300 {
        stage.call_within(downstream, id, "a.Service", b"hello", 60_000, false);
        stage.pass(100);
        upstreams.extend(
            stage
                .dialed(Proto::Bolt)
                .into_iter()
                .map(|(upstream, _)| upstream),
        );
        upstreams.iter().for_each(|upstream| _ = stage.serve(*upstream));
        slow += usize::from(stage.answers(downstream).len() != 1);
    }
    // before its first dial has failed, nothing is known of it
    assert!(slow <= 10, "{slow} of 300 calls waited");
}

#[test]
fn one_downstream_does_not_take_all_calls_of_a_cluster() {
    let mut stage = Stage::new(&config(", limits: { in_flight: 100 }", &[11]));
    let [greedy, modest] = [(); 2].map(|()| stage.downstream());
    let upstream = connect(&mut stage, modest, "a.Service");
    let crowd = |stage: &mut Stage, downstream, from: u32| {
        for id in from..from + 200 {
            stage.call_within(downstream, id, "a.Service", b"hangs", 600_000, false);
        }
        stage.pass(100);
        stage.answers(downstream).len()
    };
    assert_eq!(crowd(&mut stage, greedy, 0), 120, "80 of 100 are its share");
    stage.call_within(modest, 1, "a.Service", b"hello", 600_000, false);
    stage.pass(50);
    // a second one that wants everything gets a part of the rest
    let second = stage.downstream();
    assert_eq!(crowd(&mut stage, second, 0), 200 - 12);
    let third = stage.downstream();
    assert_eq!(crowd(&mut stage, third, 0), 200 - 2);
    // three that want everything leave the last few to others, one each
    let others = [(); 4].map(|()| stage.downstream());
    for other in others {
        stage.call_within(other, 1, "a.Service", b"hello", 600_000, false);
        stage.pass(50);
    }
    assert_eq!(stage.serve(upstream), 80 + 1 + 12 + 2 + 4);
    assert_eq!(stage.answers(modest), [(1, Ok(5))]);
    for other in others {
        assert_eq!(stage.answers(other), [(1, Ok(5))]);
    }
    // what has ended counts no longer
    stage.pass(100);
    stage.answers(greedy);
    assert_eq!(crowd(&mut stage, greedy, 1000), 120);
}

#[test]
fn one_application_does_not_take_all_calls_of_a_cluster_over_many_connections() {
    let mut stage = Stage::new(&config(", limits: { in_flight: 100 }", &[11]));
    let modest = stage.downstream();
    connect(&mut stage, modest, "a.Service");
    let greedy: Vec<usize> = (0..20).map(|_| stage.downstream()).collect();
    let mut refused = 0;
    for downstream in &greedy {
        for id in 0..10 {
            stage.say(*downstream, |peer| {
                peer.request_by("greedy", id, "a.Service", b"hangs", 600_000, false)
            });
        }
        stage.pass(20);
        refused += stage.answers(*downstream).len();
    }
    assert_eq!(refused, 120);
    stage.call(modest, 1, "a.Service", b"hello");
    stage.pass(20);
    assert_eq!(stage.worker.in_flight(), 81);
}

#[test]
fn no_call_lasts_longer_than_its_route_allows() {
    let bounded = config("", &[11]).replace("call_timeout: off", "call_timeout: 2s");
    let mut stage = Stage::new(&bounded);
    let downstream = stage.downstream();
    connect(&mut stage, downstream, "a.Service");
    stage.call_within(downstream, 1, "a.Service", b"hangs", i32::MAX as u32, false);
    stage.pass(1900);
    assert_eq!(stage.answers(downstream), []);
    stage.pass(200);
    assert!(matches!(stage.answers(downstream)[..], [(1, Err(_))]));
}

/// A provider that answers everything twice, the second time so many calls later. Ids that are made of a place and a
/// count of 12 bits come round after 4,096 calls.
#[test]
fn a_response_that_comes_twice_reaches_no_other_call() {
    for later in [1, 100, 4095, 4096, 4097] {
        let mut stage = Stage::new(&config("", &[11]));
        let downstream = stage.downstream();
        let upstream = connect(&mut stage, downstream, "a.Service");
        let mut again = std::collections::VecDeque::new();
        for id in 0..20_000 {
            let text = id.to_string();
            stage.call(downstream, id, "a.Service", text.as_bytes());
            stage.pass(0);
            for found in stage.received_in(2, upstream) {
                let Found::Request { to, text, .. } = found else {
                    continue;
                };
                // calls of other lengths would show by their text
                again.push_back((to, vec![b'!'; 20]));
                if again.len() > later
                    && let Some((to, text)) = again.pop_front()
                {
                    stage.answer(upstream, to, &text);
                }
                stage.answer(upstream, to, &text);
            }
            stage.pass(0);
            for found in stage.received_in(2, downstream) {
                let Found::Response { id, result } = found else {
                    continue;
                };
                assert_eq!(result.unwrap(), id.to_string().as_bytes(), "{later} calls later");
            }
        }
    }
}

/// Far more connections are ready than one turn handles. All of their calls are answered, and none waits for long.
#[test]
fn a_thousand_busy_connections_share_the_turns() {
    let mut stage = Stage::new(&config("", &[11]));
    let first = stage.downstream();
    let upstream = connect(&mut stage, first, "a.Service");
    let downstreams: Vec<usize> = (0..1000).map(|_| stage.downstream()).collect();
    for downstream in &downstreams {
        stage.call(*downstream, 1, "a.Service", b"hello");
    }
    stage.pass(10);
    let mut served = 0;
    for _ in 0..10 {
        served += stage.serve(upstream);
    }
    assert_eq!(served, 1000);
    for downstream in downstreams {
        assert_eq!(stage.answers(downstream), [(1, Ok(5))]);
    }
}

/// Endpoints change between any two calls, as where providers are deployed all day.
#[test]
fn shares_follow_the_weights_however_often_endpoints_change() {
    let endpoints = |flips: bool| {
        let third = if flips {
            ", { address: 127.0.0.1:13, weight: 1 }"
        } else {
            ""
        };
        config("", &[]).replace(
            "endpoints: [  ]",
            &format!("endpoints: [ {{ address: 127.0.0.1:11, weight: 60 }}, {{ address: 127.0.0.1:12, weight: 40 }}{third} ]"),
        )
    };
    let mut stage = Stage::new(&endpoints(false));
    let downstream = stage.downstream();
    let (mut upstreams, mut served) = (vec![], std::collections::BTreeMap::new());
    for id in 0..200 {
        stage.configure(&endpoints(id % 2 == 0));
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(20);
        upstreams.extend(stage.dialed(Proto::Bolt));
        for (upstream, address) in upstreams.clone() {
            *served.entry(address).or_insert(0) += stage.serve(upstream);
        }
        assert_eq!(stage.answers(downstream), [(id, Ok(5))]);
    }
    let first = served["127.0.0.1:11"];
    assert!((110..130).contains(&first), "{served:?}");
}

/// A call that lasts holds its own route, not the whole configuration of its time.
#[test]
fn a_long_call_holds_no_more_than_its_route() {
    let with = |ports: &[u16]| config(", heartbeat_interval: off", ports);
    let mut stage = Stage::new(&with(&[11]));
    let downstream = stage.downstream();
    let upstream = connect(&mut stage, downstream, "a.Service");
    stage.call_within(downstream, 1, "a.Service", b"long", 1_000_000_000, false);
    stage.pass(50);
    let Some(Found::Request { to, .. }) = stage.received(upstream).pop() else {
        panic!("a call")
    };
    for port in 100..600 {
        stage.configure(&with(&[11, port]));
        stage.pass(60_000);
    }
    let ids = stage.worker.report().endpoints.len();
    assert!(ids <= 4, "{ids} ids for two endpoints at a time");
    stage.answer(upstream, to, b"done");
    stage.pass(50);
    assert_eq!(stage.answers(downstream), [(1, Ok(4))]);
}
