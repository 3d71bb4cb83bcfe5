//! Stories of clusters that give each downstream connection upstream connections of its own.
use super::peer::{Found, Proto};
use super::scripted::config;
use super::stage::Stage;

const OWN: &str = ", connections: per_downstream";

/// Each call as the upstream connections got them: the connection, and its text.
fn seen(stage: &mut Stage, upstreams: &[usize]) -> Vec<(usize, String)> {
    let mut seen = vec![];
    for upstream in upstreams {
        for found in stage.received_in(20, *upstream) {
            let Found::Request { to, text, one_way } = found else {
                panic!("a response to a server")
            };
            if !one_way {
                stage.answer(*upstream, to, &text);
            }
            seen.push((*upstream, String::from_utf8(text).unwrap()));
        }
    }
    stage.pass(0);
    seen
}

fn dialed(stage: &mut Stage) -> Vec<usize> {
    let links = stage.dialed(Proto::Bolt);
    links.into_iter().map(|(link, _)| link).collect()
}

fn hang_up(stage: &mut Stage, link: usize) {
    stage.net.borrow_mut().peer_close(link);
}

/// Calls once over each downstream, and tells the upstream connection that each got.
fn connect<const N: usize>(stage: &mut Stage, downstreams: [usize; N]) -> [usize; N] {
    downstreams.map(|downstream| {
        stage.call(downstream, 1, "a.Service", b"connect");
        stage.pass(50);
        let [upstream] = dialed(stage)[..] else {
            panic!("one dial for each downstream")
        };
        assert_eq!(seen(stage, &[upstream]).len(), 1);
        assert_eq!(stage.answers(downstream), [(1, Ok(7))]);
        upstream
    })
}

#[test]
fn two_downstreams_never_share_a_connection() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    let downstreams = [stage.downstream(), stage.downstream()];
    let upstreams = connect(&mut stage, downstreams);
    assert_ne!(upstreams[0], upstreams[1]);
    for id in 2..200 {
        for (downstream, text) in downstreams.into_iter().zip(["of a", "of b"]) {
            stage.call(downstream, id, "a.Service", text.as_bytes());
        }
        stage.pass(0);
    }
    let seen = seen(&mut stage, &upstreams);
    assert_eq!(seen.len(), 2 * 198);
    for (upstream, text) in seen {
        let whose = if text == "of a" {
            upstreams[0]
        } else {
            upstreams[1]
        };
        assert_eq!(upstream, whose, "{text}");
    }
    assert!(dialed(&mut stage).is_empty());
}

#[test]
fn calls_of_two_downstreams_in_one_turn_do_not_wait_for_one_dial() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    for (downstream, text) in [(stage.downstream(), "of a"), (stage.downstream(), "of b")] {
        stage.call(downstream, 1, "a.Service", text.as_bytes());
        stage.call(downstream, 2, "a.Service", text.as_bytes());
    }
    stage.pass(50);
    let upstreams = dialed(&mut stage);
    assert_eq!(upstreams.len(), 2);
    for upstream in upstreams {
        let texts = seen(&mut stage, &[upstream]);
        assert!(texts.len() == 2 && texts[0] == texts[1], "{texts:?}");
    }
}

#[test]
fn a_downstream_that_ends_takes_its_connections_along_and_no_other() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    let downstreams = [stage.downstream(), stage.downstream()];
    let upstreams = connect(&mut stage, downstreams);
    // what it still waits for is lost with it, as it would be without a proxy
    stage.call(downstreams[0], 2, "a.Service", b"hangs");
    stage.pass(10);
    assert_eq!(stage.received(upstreams[0]).len(), 1);
    hang_up(&mut stage, downstreams[0]);
    stage.pass(600);
    assert!(stage.is_closed(upstreams[0]));
    assert!(!stage.is_closed(upstreams[1]));
    assert_eq!(stage.worker.held_calls(), 0);
    stage.call(downstreams[1], 3, "a.Service", b"hello");
    stage.pass(10);
    assert_eq!(seen(&mut stage, &upstreams[1..]).len(), 1);
    assert_eq!(stage.answers(downstreams[1]), [(3, Ok(5))]);
}

#[test]
fn one_way_calls_leave_before_the_connection_of_a_downstream_that_ended_is_closed() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    let downstream = stage.downstream();
    let [upstream] = connect(&mut stage, [downstream]);
    for id in 2..12 {
        stage.call_within(downstream, id, "a.Service", &[b'x'; 50_000], 1000, true);
    }
    stage.pass(200);
    hang_up(&mut stage, downstream);
    stage.pass(1000);
    let mut got = 0;
    for _ in 0..40 {
        got += seen(&mut stage, &[upstream]).len();
    }
    stage.pass(1000);
    assert_eq!(got, 10);
    assert!(stage.is_closed(upstream));
    assert_eq!(stage.worker.held_calls(), 0);
}

#[test]
fn a_one_way_call_that_waits_for_a_dial_goes_though_its_downstream_ended() {
    let mut stage = Stage::new(&config(OWN, &[11]).replace("connect_timeout: 1s", "connect_timeout: 1h"));
    stage.net.borrow_mut().silent = vec!["127.0.0.1:11".into()];
    let downstream = stage.downstream();
    stage.call_within(downstream, 1, "a.Service", b"one way", 60_000, true);
    stage.pass(50);
    hang_up(&mut stage, downstream);
    stage.pass(2000);
    stage.net.borrow_mut().answer_dials("127.0.0.1:11");
    stage.pass(50);
    let upstreams = dialed(&mut stage);
    assert_eq!(seen(&mut stage, &upstreams).len(), 1);
    stage.pass(1000);
    assert!(upstreams.len() == 1 && stage.is_closed(upstreams[0]));
    assert_eq!(stage.worker.held_calls(), 0);
}

#[test]
fn what_was_not_sent_goes_again_over_a_connection_of_the_same_downstream() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    let downstreams = [stage.downstream(), stage.downstream()];
    let upstreams = connect(&mut stage, downstreams);
    for id in 2..42 {
        stage.call_within(downstreams[0], id, "a.Service", &[b'x'; 50_000], 60_000, false);
    }
    stage.pass(200);
    hang_up(&mut stage, upstreams[0]);
    stage.pass(1500);
    let again = dialed(&mut stage);
    assert_eq!(again.len(), 1);
    let mut sent = 0;
    for _ in 0..60 {
        sent += seen(&mut stage, &again).len();
        stage.answers(downstreams[0]);
    }
    assert!(sent > 10, "{sent} calls were sent again");
    assert_eq!(
        seen(&mut stage, &upstreams[1..]),
        [],
        "none over the other's connection"
    );
    assert_eq!(stage.worker.in_flight(), 0);
}

#[test]
fn the_limit_of_connections_counts_for_each_downstream() {
    let limits =
        ", limits: { connections_per_endpoint: 2, in_flight_per_connection: 3, downstream_share: 100 }";
    let mut stage = Stage::new(&config(&format!("{OWN}{limits}"), &[11]));
    let downstreams = [stage.downstream(), stage.downstream(), stage.downstream()];
    connect(&mut stage, downstreams);
    for downstream in downstreams {
        for id in 2..12 {
            stage.call_within(downstream, id, "a.Service", b"hangs", 60_000, false);
            stage.pass(20);
        }
        assert_eq!(dialed(&mut stage).len(), 1, "a second one each");
        let refused = stage.answers(downstream);
        assert_eq!(refused.len(), 4);
        assert!(refused.iter().all(|(_, answer)| answer.is_err()), "{refused:?}");
    }
}

#[test]
fn an_endpoint_has_a_bound_of_connections_of_all_downstreams_together() {
    const BOUND: usize = 4096;
    let mut stage = Stage::new(&config(OWN, &[11]));
    let downstreams: Vec<usize> = (0..BOUND + 3).map(|_| stage.downstream()).collect();
    for downstream in &downstreams {
        stage.call_within(*downstream, 1, "a.Service", b"hello", 3_600_000, false);
    }
    stage.pass(100);
    assert_eq!(dialed(&mut stage).len(), BOUND);
    assert_eq!(stage.worker.in_flight(), BOUND);
    let end = downstreams
        .iter()
        .find(|downstream| stage.received_in(1, **downstream).is_empty());
    hang_up(&mut stage, *end.unwrap());
    stage.pass(600);
    let late = stage.downstream();
    stage.call(late, 1, "a.Service", b"hello");
    stage.pass(50);
    assert_eq!(dialed(&mut stage).len(), 1, "there is room again");
}

#[test]
fn a_reload_that_changes_the_key_moves_calls_to_connections_of_the_new_kind() {
    let mut stage = Stage::new(&config("", &[11]));
    let downstreams = [stage.downstream(), stage.downstream()];
    stage.call(downstreams[0], 1, "a.Service", b"hello");
    stage.call(downstreams[1], 1, "a.Service", b"hello");
    stage.pass(50);
    let [shared] = dialed(&mut stage)[..] else {
        panic!("one connection for both")
    };
    assert_eq!(seen(&mut stage, &[shared]).len(), 2);
    // one call is under way while the configuration changes
    stage.call_within(downstreams[0], 2, "a.Service", b"slow", 60_000, false);
    stage.pass(10);
    stage.configure(&config(OWN, &[11]));
    let own: Vec<usize> = downstreams
        .iter()
        .map(|downstream| {
            stage.call(*downstream, 3, "a.Service", b"hello");
            stage.pass(10);
            let [own] = dialed(&mut stage)[..] else {
                panic!("one connection for each")
            };
            assert_eq!(seen(&mut stage, &[own]).len(), 1);
            own
        })
        .collect();
    stage.pass(600);
    assert!(!stage.is_closed(shared), "a call is under way on it");
    assert_eq!(seen(&mut stage, &[shared]).len(), 1);
    stage.pass(600);
    assert!(stage.is_closed(shared));
    assert_eq!(stage.answers(downstreams[0]).len(), 3);
    // and back
    stage.configure(&config("", &[11]));
    for downstream in downstreams {
        stage.call(downstream, 4, "a.Service", b"hello");
    }
    stage.pass(600);
    let [shared] = dialed(&mut stage)[..] else {
        panic!("one connection for both")
    };
    assert_eq!(seen(&mut stage, &[shared]).len(), 2);
    assert!(own.iter().all(|own| stage.is_closed(*own)));
}

#[test]
fn a_dial_in_the_background_leaves_no_connection_that_nobody_may_use() {
    let mut stage = Stage::new(&config(OWN, &[11]));
    stage.net.borrow_mut().refusing = vec!["127.0.0.1:11".into()];
    let downstream = stage.downstream();
    stage.call(downstream, 1, "a.Service", b"hello");
    stage.pass(1000);
    dialed(&mut stage);
    stage.net.borrow_mut().refusing.clear();
    stage.pass(31_000);
    let found = dialed(&mut stage);
    assert!(
        found.len() == 1 && stage.is_closed(found[0]),
        "found to be back, and closed"
    );
    stage.answers(downstream);
    let [upstream] = connect(&mut stage, [downstream]);
    assert!(!stage.is_closed(upstream));
}
