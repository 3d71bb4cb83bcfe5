//! Tests of the protocol inside the core's session.
use super::*;
use rialto_core::buf::OutBuf;
use rialto_core::framed::Framed;
use rialto_core::session::{Event, Response, Session};
use rialto_core::slots::CallKey;

fn session(role: Role, max_message: usize) -> Framed<Dubbo> {
    Framed::new(
        role,
        &Settings {
            max_message,
            ..Settings::default()
        },
    )
}

#[test]
fn heartbeats_of_stock_peers_are_answered_as_stock_peers_do() {
    for (file, name) in [
        (V33, "heartbeat"),
        (V32, "heartbeat"),
        (V27, "heartbeat"),
        (JSONB, "heartbeat"),
    ] {
        let case = case(file, name);
        for (ask, response) in case
            .requests
            .iter()
            .zip(&case.responses)
            .filter(|(r, _)| frame_of(r).kind == Kind::Heartbeat)
        {
            let mut out = OutBuf::default();
            let mut server = session(Role::Server, 1 << 20);
            let mut scratch = vec![];
            let step = server.next(ask, &mut scratch, &mut out).unwrap();
            assert!(matches!(step.event, Event::Handled));
            assert_eq!((step.used, out.unsent()), (ask.len(), &response[..]));
        }
    }
}

#[test]
fn unusual_events_are_accepted_at_least_as_by_a_stock_provider() {
    for (name, answered) in [
        ("heartbeat", true),
        ("heartbeat-empty-body", true),
        ("heartbeat-ser23-json-null", true),
        ("heartbeat-oneway", false),
        ("heartbeat-long", false),
        ("event-R", false),
        ("event-R-twoway", false),
    ] {
        let case = case(HANDMADE_33, name);
        let mut out = OutBuf::default();
        let mut scratch = vec![];
        session(Role::Server, 1 << 20)
            .next(&case.requests[0], &mut scratch, &mut out)
            .unwrap();
        assert_eq!(!out.is_empty(), answered, "{name}");
    }
}

#[test]
fn sent_events_are_understood_by_the_other_side() {
    let mut out = OutBuf::default();
    session(Role::Server, 1 << 20).drain(&mut out);
    let bytes = out.unsent().to_vec();
    let mut scratch = vec![];
    assert!(matches!(
        session(Role::Client, 99)
            .next(&bytes, &mut scratch, &mut OutBuf::default())
            .unwrap()
            .event,
        Event::Drain(_)
    ));
    let mut out = OutBuf::default();
    session(Role::Client, 1 << 20).drain(&mut out);
    assert!(out.is_empty(), "consumers never send a drain event");
    session(Role::Client, 1 << 20).heartbeat(&mut out);
    let ask = out.unsent().to_vec();
    let mut ack = OutBuf::default();
    let mut scratch = vec![];
    session(Role::Server, 1 << 20)
        .next(&ask, &mut scratch, &mut ack)
        .unwrap();
    let mut scratch = vec![];
    let step = session(Role::Client, 1 << 20)
        .next(ack.unsent(), &mut scratch, &mut OutBuf::default())
        .map(|s| s.used);
    assert_eq!(step, Ok(17));
}

#[test]
fn read_only_and_writeable_of_stock_providers_drain_and_undrain() {
    let case = case(V33, "readonly-writeable");
    let kinds: Vec<_> = case
        .responses
        .iter()
        .map(|a| frame_of(a).kind)
        .filter(|k| *k != Kind::HeartbeatAck)
        .collect();
    assert!(
        kinds.contains(&Kind::Drain) && kinds.contains(&Kind::Undrain),
        "{kinds:?}"
    );
}

#[test]
fn requests_and_responses_may_arrive_byte_by_byte() {
    let case = case(V33, "string-ascii");
    let stream: Vec<u8> = case.requests[0]
        .iter()
        .chain(&case.requests[0])
        .copied()
        .collect();
    let (mut server, mut out, mut seen, mut at) = (session(Role::Server, 1 << 20), OutBuf::default(), 0, 0);
    for end in 0..=stream.len() {
        let mut scratch = vec![];
        match server.next(&stream[at..end], &mut scratch, &mut out).unwrap() {
            rialto_core::session::Step {
                used,
                event: Event::Request { id, msg },
            } => {
                assert_eq!(
                    (id, msg.bytes),
                    (frame_of(&case.requests[0]).id, &case.requests[0][..])
                );
                at += used;
                seen += 1;
            }
            step => assert!(matches!(step.event, Event::More(_)) && step.used == 0),
        }
    }
    assert_eq!((seen, at), (2, stream.len()));
    assert!(out.is_empty());
}

#[test]
fn oversized_requests_are_refused_and_the_next_one_is_served() {
    let case = case(V33, "string-ascii");
    let small = &case.requests[0];
    let mut big = small.clone();
    big.resize(16 + 4096, b'x');
    big[12..16].copy_from_slice(&4096_u32.to_be_bytes());
    big.extend_from_slice(small);
    let (mut server, mut out) = (session(Role::Server, 1024), OutBuf::default());
    let mut scratch = vec![];
    let step = server.next(&big[..16], &mut scratch, &mut out).unwrap();
    let Event::Refused {
        reply: Some(to),
        error,
    } = step.event
    else {
        panic!("not refused")
    };
    assert_eq!((to.id, to.hint & 31), (frame_of(small).id, 2));
    server
        .respond(
            &mut out,
            to,
            &Response::Error(error),
            &rialto_core::bridge::Bridge::default(),
        )
        .unwrap_err();
    assert_eq!(out.unsent()[3], 40);
    let mut at = 0;
    loop {
        let mut scratch = vec![];
        let step = server.next(&big[at..], &mut scratch, &mut out).unwrap();
        at += step.used;
        match step.event {
            Event::Handled => {}
            Event::Request { msg, .. } => break assert_eq!(msg.bytes, &small[..]),
            _ => panic!("lost the next request"),
        }
    }
}

#[test]
fn responses_find_their_call_and_foreign_ids_find_none() {
    let case = case(V33, "string-ascii");
    let mut response = case.responses[0].clone();
    let mut client = session(Role::Client, 1 << 20);
    for (id, key) in [(77, 77), (1 << 40, u32::MAX)] {
        Dubbo::set_id(&mut response, id);
        let mut scratch = vec![];
        let Event::Response { call, .. } = client
            .next(&response, &mut scratch, &mut OutBuf::default())
            .unwrap()
            .event
        else {
            panic!("no response")
        };
        assert!(call == CallKey::from_bits(key));
    }
}

#[test]
fn calls_against_the_direction_are_answered_with_an_error() {
    let case = case(V33, "string-ascii");
    let mut out = OutBuf::default();
    let mut scratch = vec![];
    let step = session(Role::Client, 1 << 20)
        .next(&case.requests[0], &mut scratch, &mut out)
        .unwrap();
    assert!(matches!(step.event, Event::Unexpected(_)));
    assert_eq!(
        (out.unsent()[3], frame_of(out.unsent()).id),
        (60, frame_of(&case.requests[0]).id)
    );
}
