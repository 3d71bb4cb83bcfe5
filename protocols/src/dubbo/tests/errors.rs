//! Tests of errors as consumers see them, and of errors of providers.
use super::*;
use rialto_core::message::Status;

fn error_for(hint: u32, error: &CallError) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Server).error(&mut out, RespondTo { id: 3, hint }, error);
    assert_eq!(
        (frame_of(&out).id, frame_of(&out).len, frame_of(&out).kind),
        (3, out.len(), Kind::Response)
    );
    out
}

#[test]
fn every_error_kind_reaches_consumers_with_its_text() {
    for kind in ErrorKind::ALL {
        let error = CallError::new(kind, "no route for a.B 中 😀");
        for hint in [
            HESSIAN2.into(),
            FASTJSON2.into(),
            Hint::of_frame(HESSIAN2).with_version(b"2.0.2").bits(),
        ] {
            let bytes = error_for(hint, &error);
            assert_eq!(bytes[2], hint as u8 & 31);
            let back = reader().outcome(&message(&bytes)).unwrap_err();
            assert!(back.text.contains("no route for a.B 中 😀"), "{kind:?}: {back}");
        }
    }
}

/// These serializations include Java's own (3), Kryo (8), protostuff (12) and gson (16).
#[test]
fn consumers_with_other_serializations_read_errors_by_the_header_of_the_response() {
    for id in (0..32).filter(|id| ![HESSIAN2, FASTJSON2].contains(id)) {
        for kind in ErrorKind::ALL {
            let error = CallError::new(kind, "no route for a.B 中 😀");
            for hint in [id.into(), Hint::of_frame(id).with_version(b"2.0.2").bits()] {
                let bytes = error_for(hint, &error);
                assert_eq!(
                    (bytes[2], bytes[3]),
                    (HESSIAN2, status::plain_status(kind)),
                    "{id} {kind:?}"
                );
                let back = reader().outcome(&message(&bytes)).unwrap_err();
                assert!(
                    back.text.contains("no route for a.B 中 😀"),
                    "{id} {kind:?}: {back}"
                );
            }
        }
    }
}

#[test]
fn error_kinds_have_their_documented_statuses() {
    for (kind, status) in [
        (ErrorKind::NoRoute, 60),
        (ErrorKind::NoService, 60),
        (ErrorKind::NoEndpoint, 80),
        (ErrorKind::Timeout, 31),
        (ErrorKind::Overload, 100),
        (ErrorKind::Denied, 20),
        (ErrorKind::BadRequest, 40),
        (ErrorKind::BadResponse, 20),
        (ErrorKind::UpstreamClosed, 80),
        (ErrorKind::Upstream, 80),
        (ErrorKind::Cancelled, 80),
    ] {
        assert_eq!(
            error_for(HESSIAN2.into(), &CallError::new(kind, "x"))[3],
            status,
            "{kind:?}"
        );
        assert_ne!(
            error_for(3, &CallError::new(kind, "x"))[3],
            20,
            "{kind:?} in Java's own serialization"
        );
    }
}

#[test]
fn errors_that_must_not_be_retried_are_thrown() {
    let error = CallError::new(ErrorKind::Denied, "no");
    let new = error_for(Hint::of_frame(HESSIAN2).with_version(b"2.0.2").bits(), &error);
    let old = error_for(HESSIAN2.into(), &error);
    assert_eq!((new[16], old[16]), (0x93, 0x90));
    let names = |bytes: &[u8], class: &str| bytes.windows(class.len()).any(|w| w == class.as_bytes());
    assert!(names(&new, "org.apache.dubbo.rpc.RpcException"));
    assert!(names(&old, "com.alibaba.dubbo.rpc.RpcException"));
    for bytes in [new, old] {
        assert_eq!(
            reader().outcome(&message(&bytes)).unwrap_err().kind,
            ErrorKind::Denied
        );
    }
}

#[test]
fn errors_of_stock_providers_are_understood() {
    for (file, name, kind) in [
        (V33, "no-method", ErrorKind::NoService),
        (V33, "no-service", ErrorKind::NoService),
        (V33, "wrong-group", ErrorKind::NoService),
        (V33, "wrong-version", ErrorKind::NoService),
        (V27, "no-method", ErrorKind::NoService),
        (V27, "wrong-group", ErrorKind::NoService),
        (V32, "wrong-group", ErrorKind::NoService),
        (HANDMADE_33, "desc-dotted", ErrorKind::NoService),
        (HANDMADE_33, "body-path-wrong", ErrorKind::NoService),
        // This text is the same as for an unknown method; `status::of_response` explains it.
        (HANDMADE_33, "enum-string", ErrorKind::NoService),
    ] {
        let case = case(file, name);
        let Some(bytes) = case.responses.first() else {
            panic!("{name} has no response")
        };
        let error = reader().outcome(&message(bytes)).unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(
            error.text.len() < 700 && !error.text.contains('\n'),
            "{name}: {error}"
        );
    }
}

#[test]
fn unreadable_texts_do_not_hide_the_status() {
    for (flags, body) in [
        (2, &b""[..]),
        (2, b"N"),
        (2, b"\xff"),
        (2, b"S\xff\xff"),
        (23, b"\0\0\0\x01\xaf"),
        (3, b"\xac\xed"),
    ] {
        let mut bytes = vec![];
        let open = frame::Open::response(&mut bytes, 1, flags, 100);
        bytes.extend_from_slice(body);
        open.close(&mut bytes);
        assert_eq!(
            reader().outcome(&message(&bytes)).unwrap_err().kind,
            ErrorKind::Overload
        );
    }
}

#[test]
fn framework_exceptions_are_errors_and_others_exceptions() {
    let case_rpc = case(V33, "throw-rpc");
    let error = reader().outcome(&message(&case_rpc.responses[0])).unwrap_err();
    assert!(error.text.contains("framework failed"), "{error}");
    let case_biz = case(V33, "throw-biz");
    let msg = message(&case_biz.responses[0]);
    assert_eq!(msg.meta.status, Status::Exception);
    let ReturnValue::Exception(thrown) = reader().outcome(&msg).unwrap().reply else {
        panic!("not thrown")
    };
    assert_eq!(
        (&*thrown.class, thrown.message.as_deref()),
        ("lab.zoo.api.BizException", Some("biz failed"))
    );
}
