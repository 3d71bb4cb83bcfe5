//! Tests that read responses into the neutral form and write them again.
use super::*;

fn response_of(bytes: &[u8]) -> Result<NeutralResponse<'_>, CallError> {
    reader().outcome(&message(bytes))
}

/// Everything of a response that must survive; of exceptions only what [`rialto_hessian::throwable`] keeps.
fn facts(response: &NeutralResponse<'_>) -> String {
    match &response.reply {
        ReturnValue::Null => format!("null {:?}", response.attachments),
        ReturnValue::Value(value) => format!("{:?} {:?}", tokens(value), response.attachments),
        ReturnValue::Exception(thrown) => {
            let object = thrown.object.as_ref().unwrap();
            let OwnedToken::Object(class) = &tokens(object)[0] else {
                panic!("not an object")
            };
            assert_eq!(class.name(), thrown.class);
            format!("{} {:?} {:?}", thrown.class, thrown.message, response.attachments)
        }
    }
}

#[test]
fn stock_responses_survive_being_written_in_either_grammar() {
    let mut seen = 0;
    for (file, _) in PEERS {
        for case in load(file) {
            for bytes in &case.responses {
                let Ok(original) = response_of(bytes) else {
                    continue;
                };
                for (consumer, _) in PEERS {
                    let at = format!("{file} {} for {consumer}", case.name);
                    let to = respond_to(corpus::case(consumer, "string-first").request());
                    let mut out = vec![];
                    codec(Role::Server, ANY_GRAMMAR)
                        .outcome(&mut out, to, &original)
                        .unwrap();
                    assert_eq!(message(&out).meta.status, message(bytes).meta.status, "{at}");
                    assert_eq!(facts(&response_of(&out).unwrap()), facts(&original), "{at}");
                    let library = Library::sniff_sofa(Parts::of(&out).content);
                    assert_eq!(library, Some(Hint::from_bits(to.hint).library()), "{at}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 400, "only {seen} responses were seen");
}

#[test]
fn responses_are_written_byte_for_byte_like_stock_ones() {
    for (file, name) in [
        ("sofa-5.13.2", "baggage"),
        ("sofa-5.4.8", "baggage"),
        ("sofa-5.13.2", "string-first"),
    ] {
        let case = case(file, name);
        let mut out = vec![];
        let to = RespondTo {
            id: message_id(case.response()),
            ..respond_to(case.request())
        };
        codec(Role::Server, ANY_GRAMMAR)
            .outcome(&mut out, to, &response_of(case.response()).unwrap())
            .unwrap();
        assert_eq!(out, case.response(), "{file} {name}: byte for byte");
    }
}

fn message_id(bytes: &[u8]) -> u64 {
    u32::from_be_bytes(bytes[5..9].try_into().unwrap()).into()
}

#[test]
fn exceptions_are_distinguished_from_values_and_errors() {
    for (file, _) in PEERS {
        for (name, class, message) in [
            ("throw-biz", "lab.api.BizException", Some("biz!")),
            ("throw-npe", "java.lang.NullPointerException", None),
            ("throw-runtime", "java.lang.RuntimeException", Some("boom 中")),
        ] {
            let Some(case) = load(file).into_iter().find(|c| c.name == name) else {
                continue;
            };
            let msg = self::message(case.response());
            assert_eq!(msg.meta.status, Status::Exception, "{file} {name}");
            let Ok(NeutralResponse {
                reply: ReturnValue::Exception(thrown),
                ..
            }) = response_of(case.response())
            else {
                panic!("{file} {name} is no exception")
            };
            assert_eq!(
                (&*thrown.class, thrown.message.as_deref()),
                (class, message),
                "{file} {name}"
            );
        }
    }
}

#[test]
fn exceptions_are_written_without_cause_and_stack_trace() {
    let case = case("sofa-5.13.2", "throw-biz");
    let mut out = vec![];
    let original = response_of(case.response()).unwrap();
    codec(Role::Server, ANY_GRAMMAR)
        .outcome(&mut out, respond_to(case.request()), &original)
        .unwrap();
    assert_eq!(
        header::get(Parts::of(&out).header, keys::RESPONSE_ERROR),
        Some(&b"true"[..])
    );
    let ReturnValue::Exception(thrown) = response_of(&out).unwrap().reply else {
        panic!("no exception")
    };
    let all = tokens(&thrown.object.unwrap());
    let OwnedToken::Object(class) = &all[0] else {
        panic!("no object")
    };
    let fields: Vec<_> = class.fields().iter().map(|f| &**f).collect();
    assert_eq!(fields, ["code", "detail", "detailMessage", "stackTrace"]);
    let trace = OwnedToken::List {
        class: Some("[java.lang.StackTraceElement".into()),
        len: Some(0),
    };
    assert_eq!(all[4..], [trace, OwnedToken::End, OwnedToken::End]);
}

/// SOFARPC's consumers throw an exception even if it was returned, so it is written like one that was thrown.
#[test]
fn a_returned_exception_is_written_like_a_thrown_one() {
    struct Returned;
    impl rialto_core::call::ValueSource for Returned {
        fn emit(
            &self,
            _: &Values<'_>,
            sink: &mut dyn rialto_values::Sink,
        ) -> Result<(), rialto_values::ValueError> {
            use rialto_values::Token;
            let class = rialto_values::Class::new("a.E", ["cause", "code", "detailMessage", "stackTrace"]);
            sink.token(Token::Object(&class))?;
            sink.token(Token::Ref(0))?;
            sink.token(Token::Int(7))?;
            sink.token(Token::Null)?;
            sink.token(Token::Null)?;
            sink.token(Token::End)
        }
        fn is_throwable(&self, _: &Values<'_>) -> bool {
            true
        }
    }
    let value = Values {
        source: &Returned,
        stream: &[],
        at: 0,
        count: 1,
        tag: 0,
        rules: None,
    };
    for (file, _) in PEERS {
        let to = respond_to(corpus::case(file, "string-first").request());
        let original = NeutralResponse {
            reply: ReturnValue::Value(value),
            attachments: Default::default(),
        };
        let mut out = vec![];
        codec(Role::Server, ANY_GRAMMAR)
            .outcome(&mut out, to, &original)
            .unwrap();
        assert_eq!(message(&out).meta.status, Status::Exception, "{file}: flagged");
        let ReturnValue::Exception(thrown) = response_of(&out).unwrap().reply else {
            panic!("{file}: no exception")
        };
        let OwnedToken::Object(class) = &tokens(&thrown.object.unwrap())[0] else {
            panic!("{file}: no object")
        };
        assert_eq!(class.name(), "a.E");
        assert_eq!(class.field("cause"), None, "{file}");
    }
}

#[test]
fn exceptions_are_written_from_class_and_message_alone() {
    for (message, class) in [(Some("why"), "java.lang.RuntimeException"), (None, "a.B")] {
        let thrown = rialto_core::call::Exception {
            class: class.into(),
            message: message.map(Into::into),
            object: None,
        };
        let original = NeutralResponse {
            reply: ReturnValue::Exception(thrown),
            attachments: Default::default(),
        };
        let mut out = vec![];
        let to = respond_to(case("sofa-5.4.8", "string-first").request());
        codec(Role::Server, ANY_GRAMMAR)
            .outcome(&mut out, to, &original)
            .unwrap();
        assert_eq!(self::message(&out).meta.status, Status::Exception);
        let Ok(NeutralResponse {
            reply: ReturnValue::Exception(read),
            ..
        }) = response_of(&out)
        else {
            panic!("no exception")
        };
        assert_eq!((&*read.class, read.message.as_deref()), (class, message));
    }
}

/// A return value without a form becomes an error; an exception with such a field keeps class and message.
#[test]
fn values_without_a_form_become_errors_and_exceptions_keep_class_and_message() {
    struct Odd;
    impl rialto_core::call::ValueSource for Odd {
        fn emit(
            &self,
            _: &Values<'_>,
            sink: &mut dyn rialto_values::Sink,
        ) -> Result<(), rialto_values::ValueError> {
            let class = rialto_values::Class::new("java.util.Optional", ["value"]);
            sink.token(rialto_values::Token::Object(&class))?;
            Err(rialto_values::ValueError::unsupported("of no form"))
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
    for (file, _) in PEERS {
        let to = respond_to(corpus::case(file, "string-first").request());
        let written = |reply| {
            let response = NeutralResponse {
                reply,
                attachments: [("k".into(), "v".into())].into_iter().collect(),
            };
            let mut out = b"before".to_vec();
            let written = codec(Role::Server, ANY_GRAMMAR).outcome(&mut out, to, &response);
            written.map(|()| out.split_off(6))
        };
        let error = written(ReturnValue::Value(value)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse);
        assert!(error.text.ends_with("of no form"), "{error}");
        let thrown = rialto_core::call::Exception {
            class: "a.E".into(),
            message: Some("why".into()),
            object: Some(value),
        };
        let bytes = written(ReturnValue::Exception(thrown)).unwrap();
        let back = response_of(&bytes).unwrap();
        assert_eq!(facts(&back), r#"a.E Some("why") [("k", "v")]"#);
    }
}

/// Hand-made responses are read as a stock consumer read them.
#[test]
fn hand_made_responses_are_read_as_consumers_do() {
    let cases = load("consumer");
    let find = |name: &str| {
        cases
            .iter()
            .find(|c| c.name == name)
            .unwrap_or_else(|| panic!("no case {name}"))
    };
    for name in [
        "str ex-min-hdr",
        "str ex-typed-map",
        "str ex-cause",
        "str ex-all-lite-jdk17",
        "biz ex-biz-min",
    ] {
        let case = find(name);
        let Ok(NeutralResponse {
            reply: ReturnValue::Exception(thrown),
            ..
        }) = response_of(case.response())
        else {
            panic!("{name}")
        };
        let text = format!(
            "threw {}: {}",
            thrown.class,
            thrown.message.as_deref().unwrap_or("null")
        );
        assert!(case.note.starts_with(&text), "{name}: {text}");
    }
    for (name, kind) in [
        ("str fw-iserror", ErrorKind::Upstream),
        ("str fw-errmsg-only", ErrorKind::Upstream),
        // Stock consumers read this as success with null, which no provider means.
        ("str fw-iserror-nomsg", ErrorKind::Upstream),
        ("str ex-sofarpc", ErrorKind::Overload),
        ("str st-2-rse", ErrorKind::Upstream),
        ("str st-4-empty", ErrorKind::Overload),
        ("str st-7-empty", ErrorKind::Timeout),
        ("str st-16-empty", ErrorKind::UpstreamClosed),
        ("str st-18-rse", ErrorKind::BadRequest),
        ("str empty-content", ErrorKind::BadResponse),
        ("str garbage", ErrorKind::BadResponse),
        ("str codec-99", ErrorKind::BadResponse),
    ] {
        let Some(error) = find(name).responses.iter().find_map(|a| response_of(a).err()) else {
            panic!("{name} is no error")
        };
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
    // A stock consumer closes the connection on an unknown status; here only its call fails.
    let Ok(Decoded::Refused(unlisted)) =
        codec(Role::Client, ANY_GRAMMAR).decode(find("str st-77").response())
    else {
        panic!("taken")
    };
    assert_eq!(unlisted.error.kind, ErrorKind::Upstream);
    assert!(
        response_of(find("str st-2-rse").response())
            .unwrap_err()
            .text
            .ends_with(": srv msg")
    );
    for name in [
        "str plain",
        "str drop-props",
        "str bad-class",
        "str empty-class",
        "str v2-answer",
        "str resp-hdr",
    ] {
        let ReturnValue::Value(value) = response_of(find(name).response()).unwrap().reply else {
            panic!("{name}")
        };
        assert!(matches!(tokens(&value)[..], [OwnedToken::Text(_)]), "{name}");
    }
    assert!(matches!(
        response_of(find("str fw-hdr-only").response()).unwrap().reply,
        ReturnValue::Null
    ));
}

#[test]
fn errors_of_stock_providers_are_understood() {
    for (file, _) in PEERS {
        for (name, kind, text) in [
            ("no-such-service", ErrorKind::NoService, "cannot find service"),
            (
                "no-such-method",
                ErrorKind::NoService,
                "Cannot find invoke method",
            ),
            ("unknown-arg-class", ErrorKind::BadRequest, "status 18"),
            ("threadpool-busy", ErrorKind::Overload, "status 4"),
        ] {
            let Some(case) = load(file).into_iter().find(|c| c.name == name) else {
                continue;
            };
            let msg = self::message(case.response());
            assert_eq!(msg.meta.status, Status::Failed, "{file} {name}");
            let error = response_of(case.response()).unwrap_err();
            assert_eq!(error.kind, kind, "{file} {name}: {error}");
            assert!(error.text.contains(text), "{file} {name}: {error}");
        }
    }
    let case = case("sofa-5.13.2", "unknown-arg-class");
    let error = response_of(case.response()).unwrap_err();
    assert!(
        error.text.contains("ClassNotFoundException: lab.Consumer$Mine"),
        "{error}"
    );
}
