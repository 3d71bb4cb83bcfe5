//! Tests that read responses into the neutral form and write them again.
use super::*;
use rialto_core::call::{Attachments, Exception};
use rialto_core::message::Status;
use rialto_values::Class;

/// Hints of consumers: with response attachments in both serializations, and old ones without.
fn hints() -> [(u32, bool); 4] {
    let new = |id| Hint::of_frame(id).with_version(b"2.0.2").bits();
    [
        (new(HESSIAN2), true),
        (new(FASTJSON2), true),
        (HESSIAN2.into(), false),
        (FASTJSON2.into(), false),
    ]
}

#[test]
fn stock_responses_are_read_and_written_again() {
    let (mut values, mut nulls, mut thrown, mut failed) = (0, 0, 0, 0);
    for file in STOCK {
        for case in cases(file) {
            for bytes in case
                .responses
                .iter()
                .filter(|a| frame_of(a).kind == Kind::Response)
            {
                let msg = message(bytes);
                let response = match reader().outcome(&msg) {
                    Ok(response) => response,
                    Err(e) => {
                        assert!(bytes[3] != 20 || case.name.contains("rpc"), "{}: {e}", case.name);
                        failed += 1;
                        continue;
                    }
                };
                assert_eq!(
                    msg.meta.status == Status::Exception,
                    matches!(response.reply, ReturnValue::Exception(_)),
                    "{}",
                    case.name
                );
                match &response.reply {
                    ReturnValue::Null => nulls += 1,
                    ReturnValue::Value(_) => values += 1,
                    ReturnValue::Exception(_) => thrown += 1,
                }
                if let ReturnValue::Value(value) = &response.reply {
                    let mut want = Recorder::default();
                    if value.emit(&mut want).is_err() {
                        continue;
                    }
                    let want: Vec<_> = want.tokens.into_iter().map(plain).collect();
                    let hint = Hint::of_frame(HESSIAN2).with_version(b"2.0.2").bits();
                    let again =
                        response_for(hint, &response).unwrap_or_else(|e| panic!("{}: {e}", case.name));
                    assert_eq!(value_of(&again), want, "{}", case.name);
                    let again = format!("{:?}", reader().outcome(&message(&again)).unwrap().attachments);
                    assert_eq!(again, format!("{:?}", response.attachments), "{}", case.name);
                }
            }
        }
    }
    assert!(
        values > 350 && nulls > 20 && thrown > 3 && failed > 20,
        "{values} {nulls} {thrown} {failed}"
    );
}

#[test]
fn a_stock_response_is_reproduced_byte_for_byte() {
    for (file, name) in [
        (V33, "string-ascii"),
        (V33, "void"),
        (V33, "string-null"),
        (JSONB, "void"),
        (JSONB, "string-ascii"),
    ] {
        let case = case(file, name);
        let (request, stock) = (&case.requests[0], &case.responses[0]);
        let response = reader().outcome(&message(stock)).unwrap();
        let mut again = response_for(head(request).hint, &response).unwrap();
        Dubbo::set_id(&mut again, frame_of(stock).id);
        assert_eq!(again, *stock, "{name}");
    }
}

#[test]
fn the_consumers_version_decides_on_the_result_type() {
    for (hint, attached) in hints() {
        for (reply, kind) in [
            (ReturnValue::Null, 2),
            (ReturnValue::Exception(thrown("a.E", Some("why"), None)), 0),
        ] {
            let bytes = response_for(
                hint,
                &NeutralResponse {
                    reply,
                    attachments: Attachments::new(),
                },
            )
            .unwrap();
            let found = if hint as u8 & 31 == HESSIAN2 {
                bytes[16] - 0x90
            } else {
                bytes[21]
            };
            assert_eq!(found, kind + if attached { 3 } else { 0 });
            assert_eq!((bytes[2], bytes[3]), (hint as u8 & 31, 20));
        }
    }
}

fn thrown(class: &str, message: Option<&str>, object: Option<Values<'static>>) -> Exception<'static> {
    Exception {
        class: class.to_owned().into(),
        message: message.map(|m| m.to_owned().into()),
        object,
    }
}

#[test]
fn exceptions_keep_class_and_message_in_both_serializations() {
    for (hint, _) in hints() {
        for message_text in [Some("why 中"), None] {
            let response = NeutralResponse {
                reply: ReturnValue::Exception(thrown("a.BizException", message_text, None)),
                attachments: Attachments::new(),
            };
            let bytes = response_for(hint, &response).unwrap();
            let msg = message(&bytes);
            assert_eq!(msg.meta.status, Status::Exception);
            let ReturnValue::Exception(back) = reader().outcome(&msg).unwrap().reply else {
                panic!("not thrown")
            };
            assert_eq!(
                (&*back.class, back.message.as_deref()),
                ("a.BizException", message_text)
            );
            assert!(matches!(
                tokens(&back.object.unwrap())[0],
                OwnedToken::Object(_) | OwnedToken::Map { .. }
            ));
        }
    }
}

#[test]
fn exception_objects_are_written_without_their_causes() {
    let class = Class::new("a.BizException", ["cause", "detailMessage", "code"]);
    let mut body = vec![];
    let mut tables = rialto_hessian::WriteTables::default();
    let mut w = rialto_hessian::Writer::new(&mut body, rialto_hessian::Library::Lite, &mut tables);
    w.write_int(0);
    w.begin_object(&class).unwrap();
    w.write_ref(0);
    w.write_str("why");
    w.write_int(42);
    w.end().unwrap();
    w.finish().unwrap();
    let mut bytes = vec![];
    let open = frame::Open::response(&mut bytes, 1, HESSIAN2, frame::OK);
    bytes.extend_from_slice(&body);
    open.close(&mut bytes);
    let response = reader().outcome(&message(&bytes)).unwrap();
    let ReturnValue::Exception(found) = &response.reply else {
        panic!("not thrown")
    };
    assert_eq!(
        (&*found.class, found.message.as_deref()),
        ("a.BizException", Some("why"))
    );
    let again = response_for(HESSIAN2.into(), &response).unwrap();
    let ReturnValue::Exception(back) = reader().outcome(&message(&again)).unwrap().reply else {
        panic!("not thrown")
    };
    assert_eq!(
        tokens(&back.object.unwrap()),
        [
            OwnedToken::Object(Class::new("a.BizException", ["detailMessage", "code"])),
            text("why"),
            OwnedToken::Int(42),
            OwnedToken::End,
        ]
    );
}

#[test]
fn values_without_a_form_become_errors_that_name_them() {
    struct Odd;
    impl rialto_core::call::ValueSource for Odd {
        fn emit(
            &self,
            _: &Values<'_>,
            sink: &mut dyn rialto_values::Sink,
        ) -> Result<(), rialto_values::ValueError> {
            sink.token(rialto_values::Token::End)
        }
    }
    let value = Values {
        source: &Odd,
        stream: &[],
        at: 0,
        count: 1,
        tag: 0,
        rules: None,
    };
    for (hint, _) in hints() {
        let response = NeutralResponse {
            reply: ReturnValue::Value(value),
            attachments: Attachments::new(),
        };
        let error = response_for(hint, &response).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse);
        let response = NeutralResponse {
            reply: ReturnValue::Exception(thrown("a.E", Some("why"), Some(value))),
            attachments: Attachments::new(),
        };
        let bytes = response_for(hint, &response).unwrap();
        let ReturnValue::Exception(back) = reader().outcome(&message(&bytes)).unwrap().reply else {
            panic!("not thrown")
        };
        assert_eq!((&*back.class, back.message.as_deref()), ("a.E", Some("why")));
    }
    let java = NeutralResponse {
        reply: ReturnValue::Null,
        attachments: Attachments::new(),
    };
    assert_eq!(response_for(3, &java).unwrap_err().kind, ErrorKind::BadResponse);
}

#[test]
fn a_response_in_another_serialization_is_rewritten() {
    let original = case(V33, "string-ascii").responses.remove(0);
    let msg = message(&original);
    let to = RespondTo {
        id: 5,
        hint: Hint::of_frame(FASTJSON2).with_version(b"2.0.2").bits(),
    };
    let mut server = codec(Role::Server);
    assert!(!server.forwards_as_is(&msg, Some(to)));
    let mut out = vec![];
    server
        .reframe(&mut out, to.id, &msg, Some(to), &Edits::default())
        .unwrap();
    assert_eq!((out[2], frame_of(&out).id), (FASTJSON2, 5));
    assert_eq!(value_of(&out), value_of(&original));
    let same = RespondTo {
        hint: HESSIAN2.into(),
        ..to
    };
    assert!(server.forwards_as_is(&msg, Some(same)));
}

#[test]
fn a_returned_exception_is_known_as_throwable() {
    let mut seen = 0;
    for file in [V33, V32, V27] {
        for case in cases(file) {
            for bytes in &case.responses {
                let msg = message(bytes);
                if frame_of(bytes).kind != Kind::Response {
                    continue;
                }
                let Ok(response) = reader().outcome(&msg) else {
                    continue;
                };
                match response.reply {
                    ReturnValue::Value(value) => assert!(!value.is_throwable(), "{}", case.name),
                    // The same object after the byte of its result type.
                    ReturnValue::Exception(thrown) => {
                        assert!(thrown.object.unwrap().is_throwable(), "{}", case.name);
                        seen += 1;
                    }
                    ReturnValue::Null => {}
                }
            }
        }
    }
    assert!(seen > 3, "only {seen} exceptions");
}
