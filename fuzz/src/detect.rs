//! Detection of protocols by their first bytes.
use rialto_core::buf::OutBuf;
use rialto_core::framed::{Codec, Decoded, Kind};
use rialto_core::session::{DETECT_MAX, Detected, Event, Protocols, Role, Session, Settings};
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use rialto_protocols::{All, BOLT, DUBBO, detect};

/// A decision stays, comes soon enough, and names the protocol of the frame that follows.
pub fn tell(data: &[u8]) {
    let mut decided = Detected::More;
    for end in 0..=data.len().min(2 * DETECT_MAX) {
        let found = detect(&data[..end]);
        hears(&data[..end]);
        match (&decided, &found) {
            (Detected::More, Detected::More) => assert!(end < DETECT_MAX, "undecided after {end} bytes"),
            (Detected::More, _) => {
                greets(&data[..end], &found);
                decided = found;
            }
            (Detected::Is(_), _) => assert_eq!(decided, found, "another protocol after {end} bytes"),
            (_, Detected::Is(_) | Detected::More) => panic!("{decided:?} became {found:?} after {end} bytes"),
            // Text may turn out not to be text; it is not served in either case.
            _ => {}
        }
    }
    for (proto, is_call) in [(BOLT, is_call::<Bolt>(data)), (DUBBO, is_call::<Dubbo>(data))] {
        assert!(
            !is_call || decided == Detected::Is(proto),
            "a call of {proto:?} is {decided:?}"
        );
    }
}

/// The detecting session reports what detection finds, and consumes nothing.
fn hears(bytes: &[u8]) {
    let mut out = OutBuf::default();
    let mut scratch = vec![];
    let step = All::detecting().next(bytes, &mut scratch, &mut out);
    match (detect(&bytes[..bytes.len().min(DETECT_MAX)]), step) {
        (Detected::Is(proto), Ok(step)) => {
            assert!(step.used == 0 && matches!(step.event, Event::Detected(p) if p == proto));
        }
        (Detected::More, Ok(step)) => assert!(step.used == 0 && matches!(step.event, Event::More(0))),
        (Detected::Refused(answer, _), Err(_)) => assert_eq!(out.unsent(), answer),
        (Detected::Unknown, Err(_)) => assert!(out.is_empty()),
        (found, step) => panic!("{found:?}, but the session is fine: {}", step.is_ok()),
    }
}

/// The session of the protocol continues where detection ended.
fn greets(bytes: &[u8], found: &Detected) {
    let Detected::Is(proto) = found else { return };
    let session = All::open(*proto, Role::Server, &Settings::default());
    let mut session = session.unwrap_or_else(|| panic!("no session of {proto:?}"));
    let mut scratch = vec![];
    let step = session.next(bytes, &mut scratch, &mut OutBuf::default());
    assert!(
        step.is_ok_and(|s| matches!(s.event, Event::More(_))),
        "{proto:?} after {bytes:x?}"
    );
    assert_eq!(session.proto(), *proto);
}

fn is_call<C: Codec>(data: &[u8]) -> bool {
    let decoded = C::new(Role::Server, &Settings::default()).decode(data);
    matches!(decoded, Ok(Decoded::Frame(frame)) if frame.kind == Kind::Request)
}
