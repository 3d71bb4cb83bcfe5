//! Answers: the neutral outcome, and back again.
use super::*;

fn outcome(bytes: &[u8]) -> Result<NeutralResponse<'_>, CallError> {
    dialect().outcome(&message(bytes))
}

/// Everything of an outcome that must survive; of exceptions only what [`rialto_hessian::throwable`] keeps.
fn facts(outcome: &NeutralResponse<'_>) -> String {
    match &outcome.reply {
        ReturnValue::Null => format!("null {:?}", outcome.attachments),
        ReturnValue::Value(value) => format!("{:?} {:?}", tokens(value), outcome.attachments),
        ReturnValue::Exception(thrown) => {
            let object = thrown.object.as_ref().unwrap();
            let OwnedToken::Object(class) = &tokens(object)[0] else {
                panic!("not an object")
            };
            assert_eq!(class.name(), thrown.class);
            format!("{} {:?} {:?}", thrown.class, thrown.message, outcome.attachments)
        }
    }
}

#[test]
fn answers_of_stock_providers_survive_being_written_for_either_hessian() {
    let mut seen = 0;
    for (file, _) in PEERS {
        for case in load(file) {
            for bytes in &case.answers {
                let Ok(original) = outcome(bytes) else { continue };
                for (asker, _) in PEERS {
                    let at = format!("{file} {} for {asker}", case.name);
                    let to = respond_to(corpus::case(asker, "string-first").request());
                    let mut out = vec![];
                    codec(Role::Server, UNTOLD)
                        .outcome(&mut out, to, &original)
                        .unwrap();
                    assert_eq!(message(&out).meta.status, message(bytes).meta.status, "{at}");
                    assert_eq!(facts(&outcome(&out).unwrap()), facts(&original), "{at}");
                    let library = Library::sniff_sofa(Parts::of(&out).content);
                    assert_eq!(library, Some(Hint::from_bits(to.hint).library()), "{at}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 400, "only {seen} answers were seen");
}

#[test]
fn stock_answers_are_flagged_and_shaped_as_ours() {
    for (file, name) in [
        ("sofa-5.13.2", "baggage"),
        ("sofa-5.4.8", "baggage"),
        ("sofa-5.13.2", "string-first"),
    ] {
        let case = case(file, name);
        let mut out = vec![];
        let to = RespondTo {
            id: message_id(case.answer()),
            ..respond_to(case.request())
        };
        codec(Role::Server, UNTOLD)
            .outcome(&mut out, to, &outcome(case.answer()).unwrap())
            .unwrap();
        assert_eq!(out, case.answer(), "{file} {name}: byte for byte");
    }
}

fn message_id(bytes: &[u8]) -> u64 {
    u32::from_be_bytes(bytes[5..9].try_into().unwrap()).into()
}

#[test]
fn exceptions_are_told_from_values_and_errors() {
    for (file, _) in PEERS {
        for (name, class, message) in [
            ("throw-biz", "lab.api.BizException", Some("biz!")),
            ("throw-npe", "java.lang.NullPointerException", None),
            ("throw-runtime", "java.lang.RuntimeException", Some("boom 中")),
        ] {
            let Some(case) = load(file).into_iter().find(|c| c.name == name) else {
                continue;
            };
            let msg = self::message(case.answer());
            assert_eq!(msg.meta.status, Status::Exception, "{file} {name}");
            let Ok(NeutralResponse {
                reply: ReturnValue::Exception(thrown),
                ..
            }) = outcome(case.answer())
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
fn exceptions_are_written_without_what_readers_stumble_over() {
    let case = case("sofa-5.13.2", "throw-biz");
    let mut out = vec![];
    let original = outcome(case.answer()).unwrap();
    codec(Role::Server, UNTOLD)
        .outcome(&mut out, respond_to(case.request()), &original)
        .unwrap();
    assert_eq!(
        header::get(Parts::of(&out).header, keys::RESPONSE_ERROR),
        Some(&b"true"[..])
    );
    let ReturnValue::Exception(thrown) = outcome(&out).unwrap().reply else {
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

/// SOFARPC's consumers throw an exception that comes as a result, so it comes in the form of one that was thrown.
#[test]
fn an_exception_that_was_returned_is_written_as_one_that_was_thrown() {
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
        codec(Role::Server, UNTOLD)
            .outcome(&mut out, to, &original)
            .unwrap();
        assert_eq!(message(&out).meta.status, Status::Exception, "{file}: flagged");
        let ReturnValue::Exception(thrown) = outcome(&out).unwrap().reply else {
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
fn exceptions_of_class_and_message_alone_are_enough() {
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
        codec(Role::Server, UNTOLD)
            .outcome(&mut out, to, &original)
            .unwrap();
        assert_eq!(self::message(&out).meta.status, Status::Exception);
        let Ok(NeutralResponse {
            reply: ReturnValue::Exception(read),
            ..
        }) = outcome(&out)
        else {
            panic!("no exception")
        };
        assert_eq!((&*read.class, read.message.as_deref()), (class, message));
    }
}

/// Results that have no form are errors; exceptions with such fields still tell what was thrown.
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
        let told = |reply| {
            let outcome = NeutralResponse {
                reply,
                attachments: [("k".into(), "v".into())].into_iter().collect(),
            };
            let mut out = b"before".to_vec();
            let told = codec(Role::Server, UNTOLD).outcome(&mut out, to, &outcome);
            told.map(|()| out.split_off(6))
        };
        let error = told(ReturnValue::Value(value)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse);
        assert!(error.text.ends_with("of no form"), "{error}");
        let thrown = rialto_core::call::Exception {
            class: "a.E".into(),
            message: Some("why".into()),
            object: Some(value),
        };
        let bytes = told(ReturnValue::Exception(thrown)).unwrap();
        let heard = outcome(&bytes).unwrap();
        assert_eq!(facts(&heard), r#"a.E Some("why") [("k", "v")]"#);
    }
}

/// What a stock consumer made of hand-made answers, and what we make of them.
#[test]
fn hand_made_answers_are_understood_as_consumers_do() {
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
        }) = outcome(case.answer())
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
        // A success with null at stock consumers; no provider means that.
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
        let Some(error) = find(name).answers.iter().find_map(|a| outcome(a).err()) else {
            panic!("{name} is no error")
        };
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
    // On a status that they do not know they close the connection; here it costs its call.
    let Ok(Decoded::Refused(unlisted)) = codec(Role::Client, UNTOLD).decode(find("str st-77").answer())
    else {
        panic!("taken")
    };
    assert_eq!(unlisted.error.kind, ErrorKind::Upstream);
    assert!(
        outcome(find("str st-2-rse").answer())
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
        let ReturnValue::Value(value) = outcome(find(name).answer()).unwrap().reply else {
            panic!("{name}")
        };
        assert!(matches!(tokens(&value)[..], [OwnedToken::Text(_)]), "{name}");
    }
    assert!(matches!(
        outcome(find("str fw-hdr-only").answer()).unwrap().reply,
        ReturnValue::Null
    ));
}

#[test]
fn failures_of_stock_providers_are_understood() {
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
            let msg = self::message(case.answer());
            assert_eq!(msg.meta.status, Status::Failed, "{file} {name}");
            let error = outcome(case.answer()).unwrap_err();
            assert_eq!(error.kind, kind, "{file} {name}: {error}");
            assert!(error.text.contains(text), "{file} {name}: {error}");
        }
    }
    let case = case("sofa-5.13.2", "unknown-arg-class");
    let error = outcome(case.answer()).unwrap_err();
    assert!(
        error.text.contains("ClassNotFoundException: lab.Consumer$Mine"),
        "{error}"
    );
}
