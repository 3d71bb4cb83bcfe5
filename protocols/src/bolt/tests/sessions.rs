//! Tests of the codec inside the core's session.
use super::*;
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::framed::Framed;
use rialto_core::session::{Event, Response, Session, Step};
use rialto_core::slots::CallKey;

fn session(role: Role) -> Framed<Bolt> {
    Framed::new(
        role,
        &Settings {
            max_message: 4096,
            max_sent: None,
            variant: ANY_GRAMMAR,
        },
    )
}

#[test]
fn heartbeats_are_answered_in_both_roles() {
    for role in [Role::Server, Role::Client] {
        let mut out = OutBuf::default();
        let mut asked = vec![];
        frame::put_heartbeat(&mut asked, Framing::V1, 0xff);
        let mut scratch = vec![];
        let step = session(role).next(&asked, &mut scratch, &mut out).unwrap();
        assert!(matches!(
            step,
            Step {
                used: 22,
                event: Event::Handled
            }
        ));
        let mut want = vec![];
        frame::acknowledge(&asked, &mut want);
        assert_eq!(out.unsent(), want);
        // An acknowledgement needs no response.
        let mut scratch = vec![];
        let step = session(role).next(&want, &mut scratch, &mut out).unwrap();
        assert!(matches!(
            step,
            Step {
                used: 20,
                event: Event::Handled
            }
        ));
        assert_eq!(out.unsent(), want);
    }
}

#[test]
fn sent_heartbeats_are_in_the_version_of_the_connection() {
    let crc = case("provider", "v2-crc");
    let mut codec = codec(Role::Server, ANY_GRAMMAR);
    codec.decode(crc.request()).unwrap();
    let mut out = vec![];
    codec.heartbeat(&mut out);
    assert_eq!(
        (out.len(), Parts::of(&out).framing),
        (28, Parts::of(crc.request()).framing)
    );
    let mut out = vec![];
    self::codec(Role::Client, ANY_GRAMMAR).heartbeat(&mut out);
    assert_eq!(Parts::of(&out).framing, Framing::V1);
}

#[test]
fn goaway_drains_an_endpoint_and_is_never_sent() {
    let goaway = case("provider", "cmd-100-goaway");
    let mut out = OutBuf::default();
    let mut scratch = vec![];
    let step = session(Role::Client)
        .next(goaway.request(), &mut scratch, &mut out)
        .unwrap();
    assert!(matches!(step.event, Event::Drain(_)));
    session(Role::Server).drain(&mut out);
    assert!(out.is_empty());
}

#[test]
fn foreign_bytes_end_the_connection() {
    for name in ["proto-0d", "proto-ff", "dubbo-magic", "http-get", "v2-crc-bad"] {
        let case = case("provider", name);
        assert_eq!(case.note, "closed");
        let mut scratch = vec![];
        assert!(
            session(Role::Server)
                .next(case.request(), &mut scratch, &mut OutBuf::default())
                .is_err(),
            "{name}"
        );
    }
}

#[test]
fn too_large_calls_are_refused_and_skipped() {
    let big = case("sofa-5.13.2-hessian4", "string-first");
    let parts = Parts::of(big.request());
    let frame = rebuilt(&parts, parts.header, &[parts.content, &[b'x'; 5000]].concat());
    let next = case("sofa-5.13.2", "string-first");
    let mut server = session(Role::Server);
    let mut out = OutBuf::default();
    let content = frame.len() - 5000;
    let mut scratch = vec![];
    let Event::Refused {
        reply: Some(to),
        error,
    } = server
        .next(&frame[..content], &mut scratch, &mut out)
        .unwrap()
        .event
    else {
        panic!("not refused")
    };
    assert_eq!((to.id, error.kind), (5, ErrorKind::BadRequest));
    server
        .respond(&mut out, to, &Response::Error(error), &Bridge::default())
        .unwrap_err();
    assert_eq!(
        Library::sniff_sofa(Parts::of(out.unsent()).content),
        Some(Library::Sofa4)
    );
    let input = [&frame[..], next.request()].concat();
    let mut scratch = vec![];
    let Step {
        used,
        event: Event::Handled,
    } = server.next(&input, &mut scratch, &mut out).unwrap()
    else {
        panic!("not skipped")
    };
    let mut scratch = vec![];
    assert_eq!(used, frame.len());
    assert!(matches!(
        server.next(&input[used..], &mut scratch, &mut out).unwrap().event,
        Event::Request { .. }
    ));
}

#[test]
fn responses_carry_the_key_of_their_call() {
    let case = case("provider", "v2-crc");
    let key = CallKey::from_bits(0x0012_3456);
    let mut bytes = case.request().to_vec();
    session(Role::Client).set_id(&mut bytes, key.bits().into());
    assert_eq!(reader().view(&bytes).unwrap().bytes.len(), bytes.len());
    let mut response = case.response().to_vec();
    session(Role::Server).set_id(&mut response, key.bits().into());
    let mut out = OutBuf::default();
    let mut scratch = vec![];
    let Event::Response { call, .. } = session(Role::Client)
        .next(&response, &mut scratch, &mut out)
        .unwrap()
        .event
    else {
        panic!("no response")
    };
    assert_eq!(call, key);
}
