//! Stories of calls with several attempts, of copies for a mirror, and of heartbeats.
use super::peer::{Found, Proto};
use super::scripted::LISTENER;
use super::stage::Stage;
use rialto_core::directory::EndpointId;
use rialto_core::heartbeat::{Heartbeat, HeartbeatTicket};
use rialto_core::session::RespondTo;
use rialto_core::{CallError, ErrorKind};

/// One route to two hosts, with this rule.
fn stage(retry: &str) -> Stage {
    stage_of(&format!("retry: {retry}"), &[11, 12])
}

fn stage_of(route: &str, ports: &[u16]) -> Stage {
    let hosts: Vec<String> = ports
        .iter()
        .map(|p| format!("{{ address: 127.0.0.1:{p} }}"))
        .collect();
    Stage::new(&format!(
        "{LISTENER}routes: [ {{ name: r, to: [ {{ cluster: c }} ], {route} }} ]\n\
         clusters:\n\
         - {{ name: c, protocol: bolt, endpoints: [ {} ] }}\n\
         - {{ name: m, protocol: bolt, endpoints: [ {{ address: 127.0.0.1:20 }} ] }}\n",
        hosts.join(", ")
    ))
}

const REPEAT: &str = "idempotent: [ echo ]";

/// The host that was dialed last.
fn host(stage: &mut Stage) -> usize {
    let [(host, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    host
}

/// The only call that a host got since.
fn call(stage: &mut Stage, host: usize) -> RespondTo {
    let mut calls = stage.received(host);
    assert_eq!(calls.len(), 1);
    let Some(Found::Request { to, .. }) = calls.pop() else {
        panic!("a response to a host")
    };
    to
}

#[test]
fn an_attempt_that_takes_too_long_goes_on_at_another_host() {
    let mut stage = stage(&format!(
        "{{ attempts: 2, on: [timeout], attempt_timeout: 200ms, {REPEAT} }}"
    ));
    let downstream = stage.downstream();
    stage.call(downstream, 1, "a.Service", b"hello");
    stage.pass(50);
    let slow = host(&mut stage);
    let first = call(&mut stage, slow);
    stage.pass(100);
    assert_eq!(stage.dialed(Proto::Bolt), []);
    stage.pass(150);
    let other = host(&mut stage);
    let second = call(&mut stage, other);
    assert_ne!(first.id, second.id, "the slow host still knows the first id");
    // The response of the attempt that was given up reaches nobody.
    stage.answer(slow, first, b"too late");
    stage.pass(0);
    assert_eq!(stage.answers(downstream), []);
    stage.answer(other, second, b"good");
    stage.pass(0);
    assert_eq!(stage.answers(downstream), [(1, Ok(4))]);
    assert_eq!((stage.worker.held_calls(), stage.worker.in_flight()), (0, 0));
}

#[test]
fn the_last_attempt_has_all_the_time_that_is_left() {
    for rule in [
        format!("{{ attempts: 2, on: [timeout], attempt_timeout: 100ms, {REPEAT} }}"),
        // The method may not be executed twice.
        "{ attempts: 2, on: [timeout], attempt_timeout: 100ms, idempotent: [ other ] }".to_owned(),
    ] {
        let mut stage = stage(&rule);
        let downstream = stage.downstream();
        stage.call(downstream, 1, "a.Service", b"hello");
        stage.pass(900);
        let mut hosts = stage.dialed(Proto::Bolt);
        assert_eq!(hosts.len(), if rule.contains("echo") { 2 } else { 1 });
        let (last, _) = hosts.pop().unwrap();
        let to = call(&mut stage, last);
        stage.answer(last, to, b"good");
        stage.pass(0);
        assert_eq!(stage.answers(downstream), [(1, Ok(4))]);
        // What the first host has is quarantined until its connection is replaced.
        stage.pass(40_000);
        assert_eq!(stage.worker.held_calls(), 0);
    }
}

#[test]
fn without_another_host_an_attempt_is_not_given_up() {
    let mut stage = stage_of(
        &format!("retry: {{ attempts: 3, on: [timeout], attempt_timeout: 100ms, {REPEAT} }}"),
        &[11],
    );
    let downstream = stage.downstream();
    stage.call(downstream, 1, "a.Service", b"hello");
    stage.pass(800);
    let only = host(&mut stage);
    let to = call(&mut stage, only);
    stage.answer(only, to, b"good");
    stage.pass(0);
    assert_eq!(stage.answers(downstream), [(1, Ok(4))]);
}

#[test]
fn a_call_is_tried_again_after_the_outcomes_that_its_rule_names() {
    use ErrorKind::{NoService, Overload, Timeout, Upstream};
    for (kind, rule, again) in [
        (Overload, "on: [overload]", true),
        (NoService, "on: [no_service], idempotent: [ echo ]", true),
        (NoService, "on: [overload]", false),
        (Timeout, "on: [timeout], idempotent: [ echo ]", true),
        (Upstream, "on: [server_error], idempotent: [ echo ]", true),
        (Upstream, "on: [server_error], idempotent: [ other ]", false),
        (Overload, "attempts: 1, on: [overload]", false),
        (Overload, "attempts: 3", false),
    ] {
        let mut stage = stage(&format!("{{ {rule} }}"));
        let downstream = stage.downstream();
        stage.call(downstream, 1, "a.Service", b"hello");
        stage.pass(50);
        let first = host(&mut stage);
        let to = call(&mut stage, first);
        // The code by which stock SOFARPC says that it does not have the service.
        let text = if kind == NoService {
            "RPC-020100010: not here"
        } else {
            "not me"
        };
        stage.say(first, |peer| peer.refuse(to, &CallError::new(kind, text)));
        stage.pass(50);
        if again {
            let dialed = stage.dialed(Proto::Bolt);
            assert_eq!(
                dialed.len(),
                1,
                "{kind:?} {rule}: {:?}",
                stage.answers(downstream)
            );
            assert_eq!(stage.serve(dialed[0].0), 1, "{kind:?} {rule}");
            assert_eq!(stage.answers(downstream), [(1, Ok(5))], "{kind:?} {rule}");
        } else {
            assert_eq!(stage.dialed(Proto::Bolt), [], "{kind:?} {rule}");
            assert!(
                matches!(stage.answers(downstream)[..], [(1, Err(_))]),
                "{kind:?} {rule}"
            );
        }
        assert_eq!(stage.worker.held_calls(), 0);
    }
}

#[test]
fn a_lost_connection_is_a_reason_for_idempotent_methods_only() {
    for (rule, again) in [
        ("on: [connection_lost], idempotent: [ echo ]", true),
        ("on: [connection_lost], idempotent: [ other ]", false),
    ] {
        let mut stage = stage(&format!("{{ {rule} }}"));
        let downstream = stage.downstream();
        stage.call(downstream, 1, "a.Service", b"hello");
        stage.pass(50);
        let first = host(&mut stage);
        call(&mut stage, first);
        stage.net.borrow_mut().peer_close(first);
        stage.pass(50);
        if again {
            let other = host(&mut stage);
            assert_eq!(stage.serve(other), 1);
        }
        let answers = stage.answers(downstream);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].1.is_ok(), again, "{rule}: {answers:?}");
        assert_eq!(stage.worker.held_calls(), 0);
    }
}

#[test]
fn a_downstream_that_goes_between_two_attempts_leaves_nothing() {
    let mut stage = stage(&format!(
        "{{ attempts: 2, on: [timeout], attempt_timeout: 100ms, {REPEAT} }}"
    ));
    let downstream = stage.downstream();
    (0..5).for_each(|id| stage.call(downstream, id, "a.Service", b"hello"));
    stage.pass(300);
    assert_eq!(stage.dialed(Proto::Bolt).len(), 2);
    stage.net.borrow_mut().peer_close(downstream);
    stage.pass(10);
    assert_eq!(stage.worker.in_flight(), 0);
    stage.pass(60_000);
    assert_eq!(stage.worker.held_calls(), 0);
}

/// The mirror gets what the host gets, and nothing that it does has an effect.
#[test]
fn a_mirror_gets_copies_and_reaches_nobody() {
    let mut stage = stage_of("mirror: { cluster: m }", &[11]);
    let downstream = stage.downstream();
    stage.call(downstream, 1, "a.Service", b"hello");
    stage.pass(50);
    let dialed = stage.dialed(Proto::Bolt);
    let (mirror, real) = match &dialed[..] {
        [(mirror, name), (real, _)] if name.ends_with(":20") => (*mirror, *real),
        other => panic!("{other:?}"),
    };
    for round in 0..20 {
        if round > 0 {
            stage.call(downstream, 1 + round, "a.Service", b"hello");
            stage.pass(0);
        }
        let copy = call(&mut stage, mirror);
        if round % 2 == 0 {
            stage.answer(mirror, copy, b"the word of the mirror");
        }
        assert_eq!(stage.serve(real), 1);
        assert_eq!(stage.answers(downstream), [(1 + round, Ok(5))]);
    }
    // Copies without a response are given up like calls.
    stage.pass(60_000);
    assert_eq!(stage.worker.held_calls(), 0);
    // A mirror that is gone costs nothing.
    stage.net.borrow_mut().peer_close(mirror);
    stage.net.borrow_mut().refusing = vec!["127.0.0.1:20".into()];
    stage.pass(100);
    for id in 100..110 {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(20);
        let again: Vec<_> = stage
            .dialed(Proto::Bolt)
            .into_iter()
            .map(|(link, _)| link)
            .collect();
        let host = *again.first().unwrap_or(&real);
        assert_eq!(stage.serve(host), 1);
        assert_eq!(stage.answers(downstream), [(id, Ok(5))]);
    }
    assert_eq!(stage.worker.held_calls(), 0);
}

#[test]
fn copies_that_nobody_answers_leave_room_for_calls() {
    let mut stage = stage_of("mirror: { cluster: m }", &[11]);
    let downstream = stage.downstream();
    stage.call(downstream, 0, "a.Service", b"x");
    stage.pass(20);
    let dialed = stage.dialed(Proto::Bolt);
    let (mirror, real) = (dialed[0].0, dialed[1].0);
    stage.serve(real);
    stage.answers(downstream);
    for round in 0..200 {
        (0..100).for_each(|i| stage.call(downstream, 1 + round * 100 + i, "a.Service", b"x"));
        stage.pass(0);
        stage.received(mirror);
        assert_eq!(stage.serve(real), 100);
        assert_eq!(stage.answers(downstream).len(), 100);
    }
    assert!(
        stage.worker.held_calls() <= 16 << 10,
        "{}",
        stage.worker.held_calls()
    );
}

#[test]
fn a_share_of_the_calls_is_copied() {
    for (share, expected) in [("0", 0..=0), ("0.25", 180..=320), ("1", 1000..=1000)] {
        let mut stage = stage_of(&format!("mirror: {{ cluster: m, share: {share} }}"), &[11]);
        let downstream = stage.downstream();
        let mut copies = 0;
        let mut links = vec![];
        for id in 0..1000 {
            stage.call(downstream, id, "a.Service", b"x");
            stage.pass(0);
            stage.pass(10);
            links.extend(stage.dialed(Proto::Bolt));
            for (link, name) in links.clone() {
                let calls = stage.received_in(1, link);
                if name.ends_with(":20") {
                    copies += calls.len();
                    continue;
                }
                for call in calls {
                    let Found::Request { to, .. } = call else { panic!() };
                    stage.answer(link, to, b"x");
                }
            }
        }
        assert!(expected.contains(&copies), "{share}: {copies}");
    }
}

fn heartbeat(ticket: u64, endpoint: u32) -> Heartbeat {
    Heartbeat {
        ticket: HeartbeatTicket(ticket),
        endpoint: EndpointId(endpoint),
        timeout_ms: 500,
    }
}

/// The outcomes since the last time: ticket, and the kind of error if there is one.
fn outcomes(stage: &mut Stage) -> Vec<(u64, Result<(), ErrorKind>)> {
    let all = stage.worker.take_outcomes();
    all.into_iter()
        .map(|o| (o.ticket.0, o.result.map_err(|e| e.kind)))
        .collect()
}

#[test]
fn each_heartbeat_of_the_control_plane_has_one_outcome() {
    let mut stage = stage_of("timeout: 1s", &[11, 12]);
    stage.net.borrow_mut().refusing = vec!["127.0.0.1:12".into()];
    for (ticket, endpoint) in [(1, 0), (2, 1), (3, 99)] {
        stage.worker.heartbeat(heartbeat(ticket, endpoint));
    }
    stage.pass(50);
    let first = host(&mut stage);
    // The peer acknowledges heartbeats by itself.
    assert!(stage.received(first).is_empty());
    stage.pass(20);
    let mut ended = outcomes(&mut stage);
    ended.sort_by_key(|(ticket, _)| *ticket);
    let no_endpoint = Err(ErrorKind::NoEndpoint);
    assert_eq!(ended, [(1, Ok(())), (2, no_endpoint), (3, no_endpoint)]);
    // A host that is silent, and one whose connection is lost.
    stage.worker.heartbeat(heartbeat(4, 0));
    stage.pass(600);
    assert_eq!(outcomes(&mut stage), [(4, Err(ErrorKind::Timeout))]);
    stage.worker.heartbeat(heartbeat(5, 0));
    stage.pass(0);
    stage.net.borrow_mut().peer_close(first);
    stage.pass(50);
    assert_eq!(outcomes(&mut stage), [(5, Err(ErrorKind::UpstreamClosed))]);
    assert_eq!((stage.worker.held_calls(), stage.worker.in_flight()), (0, 0));
    stage.pass(60_000);
    assert_eq!(outcomes(&mut stage), []);
}

#[test]
fn a_sick_host_gets_calls_only_if_no_other_can_take_them() {
    let mut stage = stage_of("timeout: 1s", &[11, 12]);
    let downstream = stage.downstream();
    stage.worker.set_sick(EndpointId(0), true);
    for id in 0..6 {
        stage.call(downstream, id, "a.Service", b"hello");
        stage.pass(20);
    }
    let [(well, name)] = &stage.dialed(Proto::Bolt)[..] else {
        panic!("one host")
    };
    assert!(name.ends_with(":12"), "{name}");
    assert_eq!(stage.serve(*well), 6);
    stage.worker.set_sick(EndpointId(1), true);
    stage.call(downstream, 10, "a.Service", b"hello");
    stage.pass(20);
    let late: usize = stage
        .dialed(Proto::Bolt)
        .iter()
        .map(|(link, _)| *link)
        .next()
        .unwrap_or(*well);
    assert_eq!(stage.serve(late), 1, "a call is better tried than refused");
}
