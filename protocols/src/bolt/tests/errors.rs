//! Tests of Rialto's own errors, read back as consumers read them.
use super::*;

fn error_to(to: RespondTo, kind: ErrorKind) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Server, ANY_GRAMMAR).error(&mut out, to, &CallError::new(kind, "not \"today\", 中\n!"));
    out
}

#[test]
fn sofarpc_consumers_get_a_text_or_a_specific_status() {
    for (file, _) in PEERS {
        let to = respond_to(case(file, "string-first").request());
        for kind in ErrorKind::ALL {
            let bytes = error_to(to, kind);
            let parts = Parts::of(&bytes);
            let back = reader().outcome(&message(&bytes)).unwrap_err();
            let status = match kind {
                ErrorKind::Timeout => 7,
                ErrorKind::Overload => 4,
                ErrorKind::UpstreamClosed => 0x10,
                _ => 0,
            };
            assert_eq!((parts.status, parts.codec), (status, HESSIAN), "{file} {kind:?}");
            assert_eq!(message(&bytes).meta.status, Status::Failed, "{file} {kind:?}");
            if status == 0 {
                assert_eq!(
                    header::get(parts.header, keys::RESPONSE_ERROR),
                    Some(&b"true"[..])
                );
                assert_eq!(back.kind, ErrorKind::Upstream, "{file} {kind:?}");
                assert!(back.text.contains("not \"today\", 中"), "{back}");
            } else {
                assert_eq!(back.kind, kind, "{file}");
                assert!(
                    parts.class.is_empty() && parts.content.is_empty(),
                    "as stock providers say it"
                );
            }
        }
    }
}

/// Rialto's errors and those of stock providers are the same, byte for byte.
#[test]
fn errors_look_like_those_of_stock_providers() {
    let case = case("sofa-5.13.2", "no-such-method");
    let stock = Parts::of(case.response());
    let text = "RPC-020100011: Cannot find invoke method: [ghost], service: [lab.api.Zoo:1.0] ";
    let mut out = vec![];
    let error = CallError::new(ErrorKind::NoService, text);
    codec(Role::Server, ANY_GRAMMAR).error(&mut out, respond_to(case.request()), &error);
    let ours = Parts::of(&out);
    assert_eq!((ours.class, ours.header), (stock.class, stock.header));
    assert_eq!(ours.content, stock.content);
}

#[test]
fn consumers_with_json_get_a_json_text() {
    let to = respond_to(case("sofa-5.13.2", "json-person").request());
    let bytes = error_to(to, ErrorKind::NoRoute);
    let parts = Parts::of(&bytes);
    assert_eq!((parts.status, parts.codec), (0, 12));
    assert_eq!(
        header::get(parts.header, keys::RESPONSE_ERROR),
        Some(&b"true"[..])
    );
    assert_eq!(parts.content, "\"not \\\"today\\\", 中\\n!\"".as_bytes());
    assert_eq!(message(&bytes).meta.status, Status::Exception);
    assert_eq!(Parts::of(&error_to(to, ErrorKind::Timeout)).status, 7);
}

#[test]
fn consumers_with_other_serializations_get_a_status() {
    for (codec, kind, status, content) in [
        (11, ErrorKind::NoRoute, 0, "not \"today\", 中\n!"),
        (2, ErrorKind::NoRoute, 6, ""),
        (2, ErrorKind::NoEndpoint, 0x10, ""),
        (22, ErrorKind::BadRequest, 0x12, ""),
        (22, ErrorKind::Denied, 2, ""),
    ] {
        let bytes = error_to(
            RespondTo {
                id: 1,
                hint: Hint::new(Framing::V1, codec).bits(),
            },
            kind,
        );
        let parts = Parts::of(&bytes);
        assert_eq!(
            (parts.codec, parts.status, parts.content),
            (codec, status, content.as_bytes())
        );
    }
}

#[test]
fn bolt_clients_without_sofarpc_get_what_a_bolt_server_sends() {
    let to = respond_to(case("provider", "cls-unknown").request());
    let bytes = error_to(to, ErrorKind::NoRoute);
    let parts = Parts::of(&bytes);
    assert_eq!(
        (parts.status, parts.class),
        (2, keys::SERVER_EXCEPTION.as_bytes())
    );
    let back = reader().outcome(&message(&bytes)).unwrap_err();
    assert!(back.text.contains("not \"today\", 中"), "{back}");
}

#[test]
fn errors_are_in_the_framing_of_the_downstream() {
    for name in ["v2", "v2-crc"] {
        let to = respond_to(case("provider", name).request());
        for kind in [ErrorKind::NoRoute, ErrorKind::Timeout] {
            let bytes = error_to(to, kind);
            assert_eq!(
                Parts::of(&bytes).framing,
                Hint::from_bits(to.hint).framing(),
                "{name}"
            );
            assert_eq!(
                Hint::from_bits(message(&bytes).meta.hint).framing().has_crc(),
                name == "v2-crc"
            );
        }
    }
}
