//! Tests that the fast paths for plain messages give the same results as the full readers.
use super::*;
use body::Serialization::Hessian2;
use call::Facts;
use head::RequestPrefix;
use rialto_hessian::{Library, Plain};

const FILES: [&str; 3] = [V33, V32, V27];

#[test]
fn requests() {
    let mut plain = 0;
    for (name, _, request) in FILES.into_iter().flat_map(calls) {
        let msg = message(&request);
        let bytes = body::of(&msg);
        let Ok(prefix) = RequestPrefix::walk(bytes, Hessian2) else {
            assert!(
                RequestPrefix::plain(&mut Plain::new(bytes, 0, Library::Lite)).is_none(),
                "{name}"
            );
            continue;
        };
        let mut rest = Plain::new(bytes, 0, Library::Lite);
        assert_eq!(RequestPrefix::plain(&mut rest), Some(prefix), "{name}");
        let mut call = NeutralCall::default();
        let mut facts = Facts::of(&mut call);
        if let Ok(true) = facts.take_plain(&prefix, rest, bytes, None) {
            let mut call = NeutralCall::default();
            let walked = body::read(&bytes[prefix.end()..], Hessian2, |body| {
                Facts::walk(body, &prefix, bytes, Hessian2, &mut call)
            });
            assert_eq!(format!("{facts:?}"), format!("{:?}", walked.unwrap()), "{name}");
        }
        let hint = Hint::from_bits(msg.meta.hint);
        let mut head = Head::default();
        if head::plain(bytes, hint, &mut head) {
            let [mut known, mut unknown] = [NeutralCall::default(), NeutralCall::default()];
            let known_read = reader().read_call(&msg, Some(&head), &mut known);
            let unknown_read = reader().read_call(&msg, None, &mut unknown);
            assert_eq!(
                format!("{known_read:?} {known:?}"),
                format!("{unknown_read:?} {unknown:?}"),
                "{name}"
            );
            let walked = Head {
                plain: true,
                ..head::walked(bytes, Hessian2, hint).unwrap()
            };
            assert_eq!(format!("{head:?}"), format!("{walked:?}"), "{name}");
            plain += 1;
        }
    }
    assert!(plain > 100, "{plain} plain requests");
}

#[test]
fn responses() {
    let mut plain = 0;
    for case in FILES.into_iter().flat_map(cases) {
        for bytes in &case.responses {
            let msg = message(bytes);
            if Hint::from_bits(msg.meta.hint).serialization() != HESSIAN2
                || frame::status_byte(bytes) != frame::OK
            {
                continue;
            }
            let bytes = body::of(&msg);
            let mut response = NeutralResponse::default();
            if read_response::take_plain(bytes, Hessian2, &mut response) {
                let walked = read_response::walk(bytes, Hessian2).unwrap();
                assert_eq!(format!("{response:?}"), format!("{walked:?}"), "{}", case.name);
                plain += 1;
            }
        }
    }
    assert!(plain > 100, "{plain} plain responses");
}

/// A request built from cached pieces equals one that is built from scratch.
#[test]
fn requests_are_written_the_same_each_time() {
    let mut written = vec![];
    for _ in 0..2 {
        let mut all = vec![];
        for (name, _, bytes) in FILES.into_iter().flat_map(calls) {
            let Ok(call) = reader().call(&message(&bytes)) else {
                continue;
            };
            let write = || {
                let mut out = vec![];
                let written = codec(Role::Client).request(&mut out, 7, &call);
                written.map(|()| out).map_err(|e| e.to_string())
            };
            all.push(write());
            assert_eq!(all.last(), Some(&write()), "{name}");
        }
        written.push(all);
    }
    assert!(written[0].iter().flatten().count() > 100 && written[0] == written[1]);
}
