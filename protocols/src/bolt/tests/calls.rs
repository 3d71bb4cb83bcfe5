//! Tests that read requests, as heads and as neutral calls, and write them again.
use super::*;

/// Everything of a call that must survive.
fn facts(call: &NeutralCall<'_>) -> String {
    let NeutralCall {
        service,
        version,
        group,
        method,
        types,
        attachments,
        timeout_ms,
        application,
        trace,
        one_way,
        ..
    } = call;
    let mut attachments = attachments.to_vec();
    attachments.sort();
    format!(
        "{service} {version} {group} {method} {types:?} {attachments:?} {timeout_ms} {application} {trace:?} {one_way}"
    )
}

#[test]
fn heads_of_stock_consumers() {
    for (file, library) in PEERS {
        for case in load(file) {
            for request in &case.requests {
                let head = head(request);
                let at = format!("{file} {}", case.name);
                assert_eq!(head.service, b"lab.api.Zoo", "{at}");
                assert_eq!(
                    head.version,
                    if case.name == "no-such-version" {
                        b"2.0"
                    } else {
                        b"1.0"
                    },
                    "{at}"
                );
                let group: &[u8] = match case.name.as_str() {
                    "uniqueid" => b"blue",
                    "no-such-service" => b"nobody",
                    _ => b"",
                };
                assert_eq!(head.group, group, "{at}");
                assert_eq!(head.application, b"zoo-consumer", "{at}");
                assert!(!head.method.is_empty(), "{at}");
                assert!(!Hint::from_bits(head.hint).is_foreign(), "{at}");
                if Hint::from_bits(head.hint).codec() == HESSIAN {
                    assert_eq!(head.method, call(request).method.as_bytes(), "{at}");
                    assert_eq!(Hint::from_bits(head.hint).library(), library, "{at}");
                }
            }
        }
    }
}

#[test]
fn stock_requests_survive_being_written_in_either_grammar() {
    let mut seen = 0;
    for (file, _) in PEERS {
        for case in load(file) {
            for request in case.requests.iter().filter(|r| Parts::of(r).codec == HESSIAN) {
                let original = call(request);
                for variant in [ANY_GRAMMAR, FINAL, DRAFT] {
                    let at = format!("{file} {} for {variant}", case.name);
                    if let Some(index) = original
                        .types
                        .iter()
                        .zip(top_level(&original))
                        .position(null_primitive)
                    {
                        let text = codec(Role::Client, variant)
                            .request(&mut vec![], 1, &original)
                            .unwrap_err()
                            .text;
                        assert!(
                            text.contains(&format!("argument {} is null", index + 1)),
                            "{at}: {text}"
                        );
                        continue;
                    }
                    let bytes = encoded(&original, variant);
                    let again = call(&bytes);
                    assert_eq!(facts(&again), facts(&original), "{at}");
                    assert_eq!(tokens(&again.args), tokens(&original.args), "{at}");
                    let library = if variant == FINAL {
                        Library::Sofa4
                    } else {
                        Library::Sofa3
                    };
                    assert_eq!(
                        Library::sniff_sofa(Parts::of(&bytes).content),
                        Some(library),
                        "{at}"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} calls were seen");
}

/// The first token of every argument.
fn top_level(call: &NeutralCall<'_>) -> Vec<OwnedToken> {
    let mut depth = 0;
    let mut first = vec![];
    for token in tokens(&call.args) {
        if token == OwnedToken::End {
            depth -= 1;
            continue;
        }
        let opens = token.as_token().opens();
        if depth == 0 {
            first.push(token);
        }
        depth += i32::from(opens);
    }
    first
}

fn null_primitive((name, token): (&Cow<'_, str>, OwnedToken)) -> bool {
    token == OwnedToken::Null && ["int", "long", "boolean", "double"].contains(&&**name)
}

#[test]
fn user_attachments_and_trace_are_found_in_every_version() {
    for (file, _) in PEERS {
        let bytes = case(file, "baggage").requests.remove(0);
        let call = call(&bytes);
        let mut attachments = call.attachments.to_vec();
        attachments.sort();
        assert_eq!(
            attachments,
            [("empty".into(), "".into()), ("k1".into(), "v1".into())],
            "{file}"
        );
        assert_eq!((&*call.trace.sofa_rpc_id, call.timeout_ms), ("0", 3000), "{file}");
        assert_eq!(call.trace.sofa_trace_id.len(), 29, "{file}");
        for (key, value) in [
            ("k1", Some("v1")),
            ("rpc_req_baggage.k1", Some("v1")),
            ("empty", Some("")),
            ("rpc_trace_context.sofaRpcId", Some("0")),
            ("app", Some("zoo-consumer")),
            ("k2", None),
        ] {
            assert_eq!(attachment(&bytes, key).as_deref(), value, "{file} {key}");
        }
    }
    let custom = case("sofa-5.13.2", "custom-header");
    assert_eq!(attachment(custom.request(), "x-user").as_deref(), Some("u1"));
    assert_eq!(
        call(custom.request()).attachments.to_vec(),
        [("x-user".into(), "u1".into())]
    );
}

#[test]
fn a_nearly_empty_header_is_completed_from_the_content() {
    let s4 = case("sofa-5.4.8", "string-first");
    assert_eq!(header::pairs(Parts::of(s4.request()).header).count(), 1);
    assert_eq!(head(s4.request()).method, b"echoString");
    // Without any header, the service is still found in the content.
    let bare = rebuilt(&Parts::of(s4.request()), b"", Parts::of(s4.request()).content);
    let head = head(&bare);
    assert_eq!(
        (head.service, head.version, head.method),
        (&b"lab.api.Zoo"[..], &b"1.0"[..], &b"echoString"[..])
    );
}

/// Baggage may have names that mean something to SOFARPC elsewhere.
#[test]
fn baggage_under_sofarpcs_own_keys_stays_baggage() {
    let mut call = NeutralCall {
        service: "a.B".into(),
        method: "m".into(),
        application: "me".into(),
        ..NeutralCall::default()
    };
    for key in [
        "app",
        "service",
        "type",
        "sofa_head_method_name",
        "rpc_trace_context",
    ] {
        call.attachments.push((key.into(), "x".into()));
    }
    let bytes = encoded(&call, DRAFT);
    for bytes in [
        &bytes,
        &rebuilt(&Parts::of(&bytes), b"", Parts::of(&bytes).content),
    ] {
        let again = self::call(bytes);
        assert_eq!(
            (&*again.service, &*again.method, &*again.application),
            ("a.B", "m", "me")
        );
        assert_eq!(
            format!("{:?}", again.attachments),
            format!("{:?}", call.attachments)
        );
    }
}

#[test]
fn one_way_calls_carry_no_timeout() {
    let case = case("sofa-5.13.2", "oneway");
    let call = call(case.request());
    assert!(call.one_way && call.timeout_ms == 0);
    let timed = NeutralCall {
        timeout_ms: 900,
        ..call
    };
    let bytes = encoded(&timed, DRAFT);
    assert_eq!((Parts::of(&bytes).one_way, Parts::of(&bytes).timeout), (true, -1));
    let two_way = encoded(
        &NeutralCall {
            one_way: false,
            ..timed
        },
        DRAFT,
    );
    assert_eq!(
        (Parts::of(&two_way).one_way, Parts::of(&two_way).timeout),
        (false, 900)
    );
}

#[test]
fn written_headers_are_those_of_a_stock_consumer() {
    let case = case("sofa-5.13.2", "baggage");
    let bytes = encoded(&call(case.request()), DRAFT);
    let sorted = |bytes: &[u8]| {
        let mut all: Vec<_> = header::pairs(Parts::of(bytes).header)
            .map(|(k, v)| (k.to_vec(), v.to_vec()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&bytes), sorted(case.request()));
}

#[test]
fn forms_that_providers_accept_are_accepted() {
    for name in [
        "base",
        "hdr-service-only",
        "hdr-service+null-pair",
        "hdr-sofa_head-differs",
        "props-null",
        "drop-props",
        "drop-app",
        "drop-app-props",
        "props-int-value",
        // Only the header names the method here; stock providers refuse that, Rialto accepts it.
        "drop-method",
        "extra-trailing-arg",
        "timeout-0",
        "timeout-neg",
        "v2",
        "v2-crc",
    ] {
        let case = case("provider", name);
        assert!(case.note.starts_with("status 0"), "{name}: {}", case.note);
        let call = call(case.request());
        assert_eq!((&*call.service, &*call.version), ("lab.api.Zoo", "1.0"), "{name}");
        assert_eq!(
            (&*call.method, call.types.to_vec()),
            ("echoString", vec!["java.lang.String".into()]),
            "{name}"
        );
        assert_eq!(tokens(&call.args), [OwnedToken::Text(b"bob".to_vec())], "{name}");
        assert_eq!(
            call.timeout_ms,
            if name.starts_with("timeout") { 0 } else { 3000 },
            "{name}"
        );
    }
    let empty = case("provider", "sigs-empty");
    assert_eq!(
        (
            call(empty.request()).types.len(),
            call(empty.request()).args.count
        ),
        (0, 0)
    );
}

#[test]
fn the_header_decides_the_service() {
    let case = case("provider", "hdr-service-overrides-body");
    assert_eq!(&*call(case.request()).service, "lab.api.Zoo");
    assert_eq!(head(case.request()).service, b"lab.api.Zoo");
}

#[test]
fn requests_that_cannot_be_bridged_are_refused_with_the_reason() {
    for (file, name, reason) in [
        (
            "sofa-5.13.2",
            "json-person",
            "serialization json (12) cannot be bridged",
        ),
        ("provider", "ver-codec-4", "serialization 4 is unknown"),
        (
            "provider",
            "cls-unknown",
            "class `com.x.Foo` is not a SOFARPC call",
        ),
        ("provider", "cls-empty", "class `` is not a SOFARPC call"),
        (
            "provider",
            "hdr-method-differs",
            "its header names the method `none`, its content `echoString`",
        ),
        ("provider", "drop-sigs", "names no list of parameter types"),
        ("provider", "sigs-null", "names no list of parameter types"),
        ("provider", "garbage", "cannot be read"),
    ] {
        let case = case(file, name);
        let error = refusal(case.request());
        assert_eq!(error.kind, ErrorKind::BadRequest, "{name}");
        assert!(error.text.contains(reason), "{name}: {error}");
    }
}

/// Providers do not notice a truncated string and run with the rest of it; Rialto does.
#[test]
fn truncated_arguments_are_refused() {
    for (name, reason) in [
        ("garbage-truncated", "ends inside"),
        ("too-few-args", "ends inside"),
        ("draft-req-final-str32", "starts no value"),
    ] {
        let case = case("provider", name);
        let call = call(case.request());
        let error = codec(Role::Client, DRAFT)
            .request(&mut vec![], 1, &call)
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest, "{name}");
        assert!(
            error.text.contains("lab.api.Zoo#") && error.text.contains(reason),
            "{name}: {error}"
        );
    }
}

#[test]
fn requests_of_other_classes_are_routed_by_their_header_alone() {
    let case = case("provider", "cls-unknown");
    let head = head(case.request());
    assert_eq!(head.service, b"lab.api.Zoo");
    assert!(Hint::from_bits(head.hint).is_foreign());
    let parts = Parts::of(case.request());
    let bare = rebuilt(&parts, b"", parts.content);
    let error = reader().head(&message(&bare)).unwrap_err();
    assert!(error.text.contains("class `com.x.Foo`"), "{error}");
}

#[test]
fn the_deadline_shortens_the_timeout() {
    let case = case("sofa-5.13.2", "string-first");
    let parts = Parts::of(case.request());
    for (left, want) in [
        ("1200", 1200),
        ("5000", 3000),
        ("0", 1),
        ("-7", 1),
        ("soon", 3000),
        ("", 3000),
    ] {
        let mut block = parts.header.to_vec();
        header::put(&mut block, keys::DEADLINE, left);
        let bytes = rebuilt(&parts, &block, parts.content);
        assert_eq!(
            (head(&bytes).timeout_ms, call(&bytes).timeout_ms),
            (want, want),
            "{left}"
        );
    }
}

#[test]
fn bridged_calls_get_what_sofarpc_needs() {
    let trace = rialto_core::call::Trace {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        ..Default::default()
    };
    let call = NeutralCall {
        service: "a.B".into(),
        method: "m".into(),
        trace,
        ..NeutralCall::default()
    };
    let bytes = encoded(&call, DRAFT);
    let block = Parts::of(&bytes).header;
    for (key, value) in [
        ("service", "a.B:1.0"),
        ("sofa_head_target_service", "a.B:1.0"),
        ("sofa_head_method_name", "m"),
        ("protocol", "bolt"),
        ("type", "sync"),
        (
            "rpc_trace_context.sofaTraceId",
            "0af7651916cd43dd8448eb211c80319c",
        ),
        ("rpc_trace_context.sofaRpcId", "0"),
        ("rpc_trace_context.samp", "true"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        assert_eq!(header::get(block, key), Some(value.as_bytes()), "{key}");
    }
    assert_eq!(header::get(block, "app"), None);
    let names = sofa::Names::read(Parts::of(&bytes).content, true).unwrap();
    assert_eq!((names.service, names.method), (&b"a.B:1.0"[..], &b"m"[..]));
    for bad in [
        NeutralCall::default(),
        NeutralCall {
            types: ["int".into()].into_iter().collect(),
            ..call.clone()
        },
    ] {
        let error = codec(Role::Client, DRAFT)
            .request(&mut vec![], 1, &bad)
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
    }
}

#[test]
fn a_header_too_long_for_bolt_is_refused() {
    let mut call = NeutralCall {
        service: "a.B".into(),
        method: "m".into(),
        ..NeutralCall::default()
    };
    call.attachments.push(("k".into(), "v".repeat(40_000).into()));
    let error = codec(Role::Client, DRAFT)
        .request(&mut vec![], 1, &call)
        .unwrap_err();
    assert!(
        error.text.contains("a.B#m") && error.text.contains("32767"),
        "{error}"
    );
}

#[test]
fn a_name_with_a_colon_is_refused() {
    let names = [("a.B:1.0", ""), ("a.B", "1.0:gold")];
    for (service, version) in names {
        let call = NeutralCall {
            service: service.into(),
            version: version.into(),
            method: "m".into(),
            ..NeutralCall::default()
        };
        let error = codec(Role::Client, ANY_GRAMMAR)
            .request(&mut vec![], 1, &call)
            .unwrap_err();
        assert!(error.text.contains("a colon in"), "{error}");
    }
}
