//! Errors as callers see them, and failures of providers.
use super::*;
use rialto_core::message::Status;

fn told(hint: u32, error: &CallError) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Server).error(&mut out, RespondTo { id: 3, hint }, error);
    assert_eq!(
        (frame_of(&out).id, frame_of(&out).len, frame_of(&out).kind),
        (3, out.len(), Kind::Response)
    );
    out
}

#[test]
fn every_kind_reaches_callers_in_their_serialization_with_its_text() {
    for kind in ErrorKind::ALL {
        let error = CallError::new(kind, "no route for a.B 中 😀");
        for hint in [
            HESSIAN2.into(),
            FASTJSON2.into(),
            Hint::of_frame(HESSIAN2).with_version(b"2.0.2").bits(),
        ] {
            let bytes = told(hint, &error);
            assert_eq!(bytes[2], hint as u8 & 31);
            let heard = dialect().outcome(&message(&bytes)).unwrap_err();
            assert!(heard.text.contains("no route for a.B 中 😀"), "{kind:?}: {heard}");
        }
    }
}

/// Java's own (3), Kryo (8), protostuff (12), gson (16) and whatever else there is or will be.
#[test]
fn callers_in_any_other_serialization_read_errors_by_the_answers_header() {
    for id in (0..32).filter(|id| ![HESSIAN2, FASTJSON2].contains(id)) {
        for kind in ErrorKind::ALL {
            let error = CallError::new(kind, "no route for a.B 中 😀");
            for hint in [id.into(), Hint::of_frame(id).with_version(b"2.0.2").bits()] {
                let bytes = told(hint, &error);
                assert_eq!(
                    (bytes[2], bytes[3]),
                    (HESSIAN2, status::plain_status(kind)),
                    "{id} {kind:?}"
                );
                let heard = dialect().outcome(&message(&bytes)).unwrap_err();
                assert!(
                    heard.text.contains("no route for a.B 中 😀"),
                    "{id} {kind:?}: {heard}"
                );
            }
        }
    }
}

#[test]
fn statuses_are_those_of_the_table() {
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
            told(HESSIAN2.into(), &CallError::new(kind, "x"))[3],
            status,
            "{kind:?}"
        );
        assert_ne!(
            told(3, &CallError::new(kind, "x"))[3],
            20,
            "{kind:?} in Java's own serialization"
        );
    }
}

#[test]
fn what_must_not_be_repeated_is_thrown_in_the_form_of_the_callers_version() {
    let error = CallError::new(ErrorKind::Denied, "no");
    let new = told(Hint::of_frame(HESSIAN2).with_version(b"2.0.2").bits(), &error);
    let old = told(HESSIAN2.into(), &error);
    assert_eq!((new[16], old[16]), (0x93, 0x90));
    let names = |bytes: &[u8], class: &str| bytes.windows(class.len()).any(|w| w == class.as_bytes());
    assert!(names(&new, "org.apache.dubbo.rpc.RpcException"));
    assert!(names(&old, "com.alibaba.dubbo.rpc.RpcException"));
    for bytes in [new, old] {
        assert_eq!(
            dialect().outcome(&message(&bytes)).unwrap_err().kind,
            ErrorKind::Denied
        );
    }
}

#[test]
fn failures_of_stock_providers_are_understood() {
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
        // Indistinguishable from an unknown method, see `status::of_answer`.
        (HANDMADE_33, "enum-string", ErrorKind::NoService),
    ] {
        let case = case(file, name);
        let Some(answer) = case.answers.first() else {
            panic!("{name} has no answer")
        };
        let error = dialect().outcome(&message(answer)).unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(
            error.text.len() < 700 && !error.text.contains('\n'),
            "{name}: {error}"
        );
    }
}

#[test]
fn bad_texts_do_not_hide_the_status() {
    for (flags, body) in [
        (2, &b""[..]),
        (2, b"N"),
        (2, b"\xff"),
        (2, b"S\xff\xff"),
        (23, b"\0\0\0\x01\xaf"),
        (3, b"\xac\xed"),
    ] {
        let mut bytes = vec![];
        let open = frame::Open::answer(&mut bytes, 1, flags, 100);
        bytes.extend_from_slice(body);
        open.close(&mut bytes);
        assert_eq!(
            dialect().outcome(&message(&bytes)).unwrap_err().kind,
            ErrorKind::Overload
        );
    }
}

#[test]
fn exceptions_of_the_framework_are_its_failures_and_others_the_services() {
    let case_rpc = case(V33, "throw-rpc");
    let error = dialect().outcome(&message(&case_rpc.answers[0])).unwrap_err();
    assert!(error.text.contains("framework failed"), "{error}");
    let case_biz = case(V33, "throw-biz");
    let msg = message(&case_biz.answers[0]);
    assert_eq!(msg.meta.status, Status::Exception);
    let ReturnValue::Exception(thrown) = dialect().outcome(&msg).unwrap().reply else {
        panic!("not thrown")
    };
    assert_eq!(
        (&*thrown.class, thrown.message.as_deref()),
        ("lab.zoo.api.BizException", Some("biz failed"))
    );
}
