//! Tests that read requests, as heads and as neutral calls.
use super::*;

#[test]
fn heads_of_all_stock_requests_have_their_address() {
    let mut seen = 0;
    for file in STOCK {
        for (name, method, bytes) in calls(file) {
            let msg = message(&bytes);
            let head = reader().head(&msg).unwrap_or_else(|e| panic!("{name}: {e}"));
            if name != "no-service" && name != "callback" {
                assert_eq!(head.service, b"lab.zoo.api.Zoo", "{name}");
            }
            if !method.is_empty() {
                assert_eq!(std::str::from_utf8(head.method), Ok(method), "{name}");
            }
            assert_eq!(head.echo, name == "echo", "{name}");
            let (group, version): (&[u8], &[u8]) = match name {
                "group-version" => (b"g", b"1.0.0"),
                "wrong-group" => (head.group, head.version),
                "wrong-version" => (b"", head.version),
                _ => (b"", b""),
            };
            assert_eq!((head.group, head.version), (group, version), "{name}");
            assert!(Hint::from_bits(head.hint).takes_attachments(), "{name}");
            if name == "callback" && head.application != b"zoo-consumer" {
                continue; // the provider's own call in the other direction
            }
            assert_eq!(head.application, b"zoo-consumer", "{name}");
            if file != V27 && !name.contains("timeout") && name != "heartbeat" {
                assert!(head.timeout_ms >= 3000, "{name}: {}", head.timeout_ms);
            }
            seen += 1;
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn attachments_are_found_whatever_their_type_in_both_serializations() {
    for file in [V33, V27, JSONB] {
        let case = case(file, "attachments");
        let msg = message(&case.requests[0]);
        for head in [
            head(&case.requests[0]),
            Head {
                attachments: 0,
                ..head(&case.requests[0])
            },
        ] {
            let get = |key| {
                reader()
                    .attachment(&msg, &head, key)
                    .map(|v| String::from_utf8(v.into_owned()).unwrap())
            };
            assert_eq!(get("plain").as_deref(), Some("v1"));
            assert_eq!(get("camelCase").as_deref(), Some("v2"));
            assert_eq!(get("camelcase"), None);
            assert_eq!(get("utf8").as_deref(), Some("中é"));
            assert_eq!(get("an-int").as_deref(), Some("5"));
            assert_eq!(get("a-long").as_deref(), Some("6"));
            assert_eq!(get("a-bool").as_deref(), Some("true"));
            assert_eq!(get("a-map"), None);
            assert_eq!(get("missing"), None);
        }
    }
}

#[test]
fn the_countdown_overrides_the_timeout() {
    let case = case(V33, "timeout-countdown");
    assert_eq!(head(&case.requests[0]).timeout_ms, 300);
    let call = reader().call(&message(&case.requests[0])).map(|c| c.timeout_ms);
    assert_eq!(call, Ok(300));
}

/// Everything but the arguments.
fn facts(call: &NeutralCall<'_>) -> String {
    format!(
        "{:?}",
        NeutralCall {
            args: Values::default(),
            ..call.clone()
        }
    )
}

#[test]
fn calls_of_stock_consumers_survive_a_trip_through_the_neutral_call() {
    let mut seen = 0;
    for file in STOCK {
        for (name, method, bytes) in calls(file) {
            let call = match reader().call(&message(&bytes)) {
                Ok(call) => call,
                Err(e) if name.starts_with("generic-") || name == "callback" => {
                    assert!(!e.text.is_empty());
                    continue;
                }
                Err(e) => panic!("{name}: {e}"),
            };
            let mut args = Recorder::default();
            if let Err(e) = call.args.emit(&mut args) {
                assert!(e.text.contains("CollSer"), "{name}: {e}");
                continue;
            }
            let again = request(&call);
            let frame = frame_of(&again);
            assert_eq!(
                (frame.id, frame.len, frame.meta.one_way),
                (7, again.len(), name == "one-way"),
                "{name}"
            );
            let back = reader()
                .call(&message(&again))
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(
                tokens(&back.args),
                args.tokens.into_iter().map(plain).collect::<Vec<_>>(),
                "{name}"
            );
            assert_eq!(facts(&back), facts(&call), "{name}");
            if !method.is_empty() {
                assert_eq!(call.method, method, "{name}");
            }
            seen += 1;
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn types_are_those_of_the_interface() {
    for (name, types) in [
        ("string-ascii", &["java.lang.String"][..]),
        ("ints", &["[I"]),
        ("strings", &["[Ljava.lang.String;"]),
        ("person-array", &["[Llab.zoo.api.Person;"]),
        ("list-arraylist", &["java.util.List"]),
        ("no-args-null-result", &[]),
        ("overload-two", &["java.lang.String", "int"]),
    ] {
        let case = case(V33, name);
        let call = reader().call(&message(&case.requests[0])).unwrap();
        assert_eq!(call.types[..], *types, "{name}");
        assert_eq!(call.args.count as usize, types.len());
    }
}

#[test]
fn user_attachments_are_bridged_and_those_of_the_hop_are_not() {
    let case = case(V33, "attachments");
    let call = reader().call(&message(&case.requests[0])).unwrap();
    let mut keys: Vec<_> = call.attachments.iter().map(|(k, _)| &**k).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["a-bool", "a-long", "an-int", "camelCase", "plain", "sw8", "utf8"]
    );
}

#[test]
fn traces_survive_and_dubbos_own_keys_cannot_be_smuggled_in() {
    let mut call = NeutralCall {
        service: "a.B".into(),
        method: "m".into(),
        timeout_ms: 250,
        application: "app".into(),
        group: "g".into(),
        ..NeutralCall::default()
    };
    call.trace.traceparent = "00-1-2-01".into();
    call.trace.sofa_trace_id = "0a0b".into();
    call.trace.sofa_rpc_id = "0.1".into();
    call.trace.sofa_sampled = "true".into();
    for (key, value) in [
        ("user", "ü"),
        ("path", "evil.Service"),
        ("generic", "true"),
        ("_TO", "1"),
    ] {
        call.attachments.push((key.into(), value.into()));
    }
    let bytes = request(&call);
    let back = reader().call(&message(&bytes)).unwrap();
    assert_eq!(back.trace, call.trace);
    assert_eq!(back.attachments[..], [("user".into(), "ü".into())]);
    assert_eq!(
        (&*back.service, &*back.version, back.timeout_ms),
        ("a.B", "", 250)
    );
    let head = head(&bytes);
    assert_eq!(
        (head.service, head.group, head.application),
        (&b"a.B"[..], &b"g"[..], &b"app"[..])
    );
}

/// This also holds if the last value has no text: what a route or filter cannot see is not bridged.
#[test]
fn the_last_attachment_of_a_name_counts() {
    let with = |entries: &[(&str, &[u8])]| {
        let mut bytes = vec![];
        let open = frame::Open::request(&mut bytes, 1, HESSIAN2, false);
        bytes.extend_from_slice(b"\x052.0.2\x03a.B\x050.0.0\x01m\0H");
        for (key, value) in entries {
            rialto_hessian::raw::put_str(&mut bytes, rialto_hessian::Library::Lite, key);
            bytes.extend_from_slice(value);
        }
        bytes.push(b'Z');
        open.close(&mut bytes);
        bytes
    };
    for last in [&b"N"[..], b"HZ"] {
        let bytes = with(&[("tag", b"\x04gray"), ("k", b"\x01v"), ("tag", last)]);
        let (msg, head) = (message(&bytes), head(&bytes));
        assert_eq!(reader().attachment(&msg, &head, "tag"), None);
        let call = reader().call(&msg).unwrap();
        assert_eq!(call.attachments[..], [("k".into(), "v".into())]);
    }
    for (entries, application, timeout) in [
        (
            &[("application", &b"\x01a"[..]), ("application", b"\x01b")][..],
            "b",
            0,
        ),
        (&[("timeout", b"\x03250"), ("_TO", b"N")], "", 250),
        (&[("_TO", b"N"), ("timeout", b"\x03250"), ("_TO", b"\x90")], "", 1),
    ] {
        let bytes = with(entries);
        let (head, call) = (head(&bytes), reader().call(&message(&bytes)).unwrap());
        assert_eq!(
            (head.application, head.timeout_ms),
            (application.as_bytes(), timeout)
        );
        assert_eq!((&*call.application, call.timeout_ms), (application, timeout));
    }
}

#[test]
fn a_call_needs_as_many_types_as_arguments() {
    let call = NeutralCall {
        service: "a.B".into(),
        method: "m".into(),
        types: ["int".into()].into_iter().collect(),
        ..NeutralCall::default()
    };
    let mut out = vec![];
    let error = codec(Role::Client).request(&mut out, 1, &call).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
}

#[test]
fn requests_that_a_stock_provider_served_are_readable() {
    for file in [HANDMADE_33, HANDMADE_27] {
        let mut seen = 0;
        for case in cases(file) {
            let [request] = &case.requests[..] else { continue };
            let served = case.responses.iter().any(|a| a[3] == 20 && a[2] & 0x20 == 0);
            if !served || request[..2] != [0xda, 0xbb] {
                continue;
            }
            let call = reader().call(&message(request));
            let refused = matches!(case.name, "generic-null-types");
            assert_eq!(call.is_ok(), !refused, "{}: {:?}", case.name, call.err());
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}

#[test]
fn versions_and_attachments_count_as_at_a_stock_provider() {
    for (name, service, version) in [
        ("base", "lab.zoo.api.Zoo", ""),
        ("att-null", "lab.zoo.api.Zoo", ""),
        ("version-null", "lab.zoo.api.Zoo", ""),
        ("version-empty", "lab.zoo.api.Zoo", ""),
        ("version-1.0", "lab.zoo.api.Zoo", "1.0"),
        ("version-0.0.0-att-1.0.0", "lab.zoo.api.Zoo", "1.0.0"),
        ("att-path-wrong", "nope.Nope", ""),
        ("att-interface-wrong", "lab.zoo.api.Zoo", ""),
        ("group-ok-version-only-att", "lab.zoo.api.Zoo", "1.0.0"),
    ] {
        let case = case(HANDMADE_33, name);
        let head = head(&case.requests[0]);
        assert_eq!(
            (head.service, head.version),
            (service.as_bytes(), version.as_bytes()),
            "{name}"
        );
        let call = reader().call(&message(&case.requests[0])).unwrap();
        assert_eq!((&*call.service, &*call.version), (service, version), "{name}");
    }
}

#[test]
fn serializations_of_java_can_only_be_forwarded() {
    for name in ["ser-3-java", "ser-21", "ser-0"] {
        let case = case(HANDMADE_33, name);
        let head = head(&case.requests[0]);
        assert_eq!((head.service, head.method), (&b""[..], &b""[..]));
        let error = reader().call(&message(&case.requests[0])).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(codec(Role::Client).forwards_as_is(&message(&case.requests[0]), None));
    }
}
