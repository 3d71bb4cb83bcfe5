//! Tests of messages that cannot be forwarded as received.
use super::*;

/// A request after these edits, on a connection to an upstream of that variant.
fn edited(bytes: &[u8], variant: u32, edits: &Edits) -> Vec<u8> {
    let mut out = b"before".to_vec();
    codec(Role::Client, variant)
        .reframe(&mut out, 77, &message(bytes), None, edits)
        .unwrap();
    out.split_off(6)
}

fn rewrite(edit: impl FnOnce(&mut Edits)) -> Edits {
    let mut edits = Edits::default();
    edit(&mut edits);
    edits
}

/// All edits at once.
fn everything() -> Edits {
    rewrite(|e| {
        e.service = Some("com.acme.Other".into());
        e.version = Some("2.0".into());
        e.group = Some("red".into());
        e.method = Some("renamed".into());
        e.timeout_ms = Some(250);
        e.set("k1", "changed");
        e.set("new", "grün 😀");
        e.remove("x-user");
        e.remove("empty");
    })
}

fn property(bytes: &[u8], key: &str) -> Option<String> {
    sofa::property(Parts::of(bytes).content, key)
        .unwrap()
        .map(Cow::into_owned)
}

/// The same frame with a header that has only the service, which is all that SOFARPC 5.4 sends and reads.
fn headless(bytes: &[u8]) -> Vec<u8> {
    rebuilt(&Parts::of(bytes), b"", Parts::of(bytes).content)
}

#[test]
fn requests_of_all_versions_take_all_edits_in_header_and_content() {
    for (file, _) in PEERS {
        for case in load(file) {
            let request = &case.requests[0];
            if Parts::of(request).codec != HESSIAN {
                continue;
            }
            for variant in [ANY_GRAMMAR, FINAL, DRAFT] {
                let at = format!("{file} {} for {variant}", case.name);
                let bytes = edited(request, variant, &everything());
                for bytes in [&bytes, &headless(&bytes)] {
                    let head = head(bytes);
                    assert_eq!(head.service, b"com.acme.Other", "{at}");
                    assert_eq!(
                        (head.version, head.group, head.method),
                        (&b"2.0"[..], &b"red"[..], &b"renamed"[..])
                    );
                    assert_eq!(attachment(bytes, "k1").as_deref(), Some("changed"), "{at}");
                    assert_eq!(attachment(bytes, "new").as_deref(), Some("grün 😀"), "{at}");
                    assert_eq!(attachment(bytes, "empty"), None, "{at}");
                    assert_eq!(attachment(bytes, "x-user"), None, "{at}");
                    assert_eq!(head.application, b"zoo-consumer", "{at}");
                }
                let (before, after) = (call(request), call(&bytes));
                assert_eq!(tokens(&after.args), tokens(&before.args), "{at}");
                assert_eq!((after.types, after.trace), (before.types, before.trace), "{at}");
                let timeout = if before.one_way { -1 } else { 250 };
                assert_eq!(Parts::of(&bytes).timeout, timeout, "{at}");
                assert_eq!(message(&bytes).meta.one_way, before.one_way);
            }
        }
    }
}

#[test]
fn strings_are_patched_and_everything_else_is_copied() {
    let case = case("sofa-5.13.2", "shared-args");
    let edits = rewrite(|e| e.method = Some("oneWithALongerName".into()));
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    let (before, after) = (Parts::of(case.request()), Parts::of(&bytes));
    let want = replaced(before.content, b"\x03two", b"\x12oneWithALongerName");
    assert_eq!(after.content, want);
    assert_eq!(
        header::get(after.header, keys::METHOD),
        Some(&b"oneWithALongerName"[..])
    );
    assert_eq!(
        header::get(after.header, keys::SERVICE),
        header::get(before.header, keys::SERVICE)
    );
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// One more container before the arguments shifts their numbers: the reference `J 4` becomes `J 5`.
#[test]
fn references_are_renumbered_when_properties_get_a_container() {
    let case = case("sofa-5.13.2", "shared-args");
    let edits = rewrite(|e| e.set("gray", "1"));
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    assert!(Parts::of(case.request()).content.ends_with(b"J\x04"));
    assert!(Parts::of(&bytes).content.ends_with(b"J\x05"));
    assert_eq!(property(&bytes, "gray").as_deref(), Some("1"));
    assert_eq!(
        header::get(Parts::of(&bytes).header, "rpc_req_baggage.gray"),
        Some(&b"1"[..])
    );
    // If the request already has baggage, no container is added and the numbers stay.
    let with = self::case("sofa-5.13.2", "baggage");
    let edits = rewrite(|e| e.set("gray", "1"));
    let bytes = edited(with.request(), ANY_GRAMMAR, &edits);
    let want = replaced(
        Parts::of(with.request()).content,
        b"\x05empty\0z",
        b"\x05empty\0\x04gray\x011z",
    );
    assert_eq!(Parts::of(&bytes).content, want);
}

/// Only its own library can read an Optional, but a call that stays in that library must not fail for it.
#[test]
fn arguments_that_cannot_be_copied_keep_new_attachments_out_of_the_content() {
    let case = case("provider", "optional");
    let bytes = edited(case.request(), ANY_GRAMMAR, &everything());
    let (head, names) = (
        head(&bytes),
        sofa::Names::read(Parts::of(&bytes).content, false).unwrap(),
    );
    assert_eq!(
        (head.service, head.method),
        (&b"com.acme.Other"[..], &b"renamed"[..])
    );
    assert_eq!(
        (names.service, names.method),
        (&b"com.acme.Other:2.0:red"[..], &b"renamed"[..])
    );
    assert_eq!(attachment(&bytes, "new").as_deref(), Some("grün 😀"));
    assert_eq!(property(&bytes, "new"), None);
    let error = codec(Role::Client, FINAL)
        .reframe(&mut vec![], 1, &message(case.request()), None, &Edits::default())
        .unwrap_err();
    assert!(error.text.contains("Optional"), "{error}");
}

/// Copying the whole request at the reference would include fields that are yet to come, and turn the list of
/// types into a reference.
#[test]
fn a_request_that_refers_to_itself_keeps_new_attachments_out_of_the_content() {
    let case = case("sofa-5.13.2", "string-first");
    let mut block = vec![];
    header::put(&mut block, keys::SERVICE, "lab.api.Zoo:1.0");
    let content = [
        &b"O\xbccom.alipay.sofa.rpc.core.request.SofaRequest\x93"[..],
        b"\x0amethodName\x04self\x0dmethodArgSigs",
        b"o\x90\x03sayJ\0Vz",
    ]
    .concat();
    let request = rebuilt(&Parts::of(case.request()), &block, &content);
    let bytes = edited(&request, ANY_GRAMMAR, &everything());
    assert_eq!(
        Parts::of(&bytes).content,
        replaced(&content, b"\x03say", b"\x07renamed")
    );
    assert!(call(&bytes).types.is_empty());
    assert_eq!(attachment(&bytes, "new").as_deref(), Some("grün 😀"));
    let error = codec(Role::Client, FINAL)
        .reframe(&mut vec![], 1, &message(&request), None, &Edits::default())
        .unwrap_err();
    assert!(error.text.contains("the object around it"), "{error}");
}

#[test]
fn plain_headers_stay_plain() {
    let case = case("sofa-5.13.2", "custom-header");
    let edits = rewrite(|e| e.set("x-user", "u2"));
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    assert_eq!(header::get(Parts::of(&bytes).header, "x-user"), Some(&b"u2"[..]));
    assert_eq!(
        header::get(Parts::of(&bytes).header, "rpc_req_baggage.x-user"),
        None
    );
    assert_eq!(property(&bytes, "x-user").as_deref(), Some("u2"));
}

/// Trace facts are flat keys in the header, and a map of their own in the content.
#[test]
fn trace_facts_change_in_header_and_content() {
    for (file, library) in PEERS {
        let case = case(file, "string-first");
        let before = call(case.request()).trace;
        assert!(!before.sofa_trace_id.is_empty() && !before.sofa_rpc_id.is_empty());
        let edits = rewrite(|e| {
            e.set("rpc_trace_context.sofaTraceId", "mine");
            e.remove("rpc_trace_context.sofaRpcId");
        });
        for variant in [ANY_GRAMMAR, FINAL, DRAFT] {
            let bytes = edited(case.request(), variant, &edits);
            for bytes in [&bytes, &headless(&bytes)] {
                let after = call(bytes);
                assert_eq!(
                    (&*after.trace.sofa_trace_id, &*after.trace.sofa_rpc_id),
                    ("mine", ""),
                    "{file} {library:?} for {variant}"
                );
                assert_eq!(tokens(&after.args), tokens(&call(case.request()).args));
            }
        }
    }
}

#[test]
fn keys_of_the_address_cannot_be_edited_as_attachments() {
    let case = case("sofa-5.13.2", "string-first");
    let edits = rewrite(|e| {
        e.set("service", "evil.Service:1.0");
        e.remove("sofa_head_method_name");
    });
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    let (head, before) = (head(&bytes), self::head(case.request()));
    assert_eq!((head.service, head.method), (before.service, before.method));
    // A new service name does not replace an attachment that has the name of its key either.
    let edits = rewrite(|e| {
        e.version = Some("2.0".into());
        e.set("service", "mine");
    });
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    for bytes in [&bytes, &headless(&bytes)] {
        assert_eq!(self::head(bytes).version, b"2.0");
        let call = call(bytes);
        assert!(call.attachments.contains(&("service".into(), "mine".into())));
    }
}

#[test]
fn an_empty_version_or_group_removes_it() {
    let case = case("sofa-5.13.2", "uniqueid");
    let edits = rewrite(|e| e.group = Some("".into()));
    let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
    assert_eq!(
        header::get(Parts::of(&bytes).header, "service"),
        Some(&b"lab.api.Zoo:1.0"[..])
    );
    let names = sofa::Names::read(Parts::of(&bytes).content, false).unwrap();
    assert_eq!(names.service, b"lab.api.Zoo:1.0");
}

#[test]
fn an_empty_service_in_the_header_gives_way_to_the_target() {
    let case = case("sofa-5.13.2", "string-first");
    let mut block = vec![];
    header::put(&mut block, keys::SERVICE, "");
    header::put(&mut block, keys::TARGET_SERVICE, "lab.api.Zoo:1.0");
    let bytes = rebuilt(&Parts::of(case.request()), &block, b"unreadable");
    let edits = rewrite(|e| e.version = Some("2.0".into()));
    let mut out = vec![];
    header::put(&mut out, keys::SERVICE, "lab.api.Zoo:2.0");
    header::put(&mut out, keys::TARGET_SERVICE, "lab.api.Zoo:2.0");
    assert_eq!(Parts::of(&edited(&bytes, ANY_GRAMMAR, &edits)).header, out);
}

/// If the service occurs twice, the last one counts for routes and for providers, so the last one is edited.
#[test]
fn the_last_of_two_services_is_edited() {
    let case = case("sofa-5.13.2", "string-first");
    let parts = Parts::of(case.request());
    let mut block = vec![];
    for name in ["a.Private:1.0", "a.Public:1.0"] {
        header::put(&mut block, keys::SERVICE, name);
    }
    let bytes = rebuilt(&parts, &block, parts.content);
    assert_eq!(head(&bytes).service, b"a.Public");
    let edits = rewrite(|e| e.version = Some("2.0".into()));
    let bytes = edited(&bytes, ANY_GRAMMAR, &edits);
    let names = sofa::Names::read(Parts::of(&bytes).content, false).unwrap();
    for name in header::pairs(Parts::of(&bytes).header).map(|(_, name)| name) {
        assert_eq!(
            (name, names.service),
            (&b"a.Public:2.0"[..], &b"a.Public:2.0"[..])
        );
    }
}

#[test]
fn new_attachments_add_properties_to_requests_without_any() {
    for name in ["drop-app-props", "props-null", "hdr-service-only"] {
        let case = case("provider", name);
        let edits = rewrite(|e| e.set("gray", "1"));
        let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
        assert_eq!(property(&bytes, "gray").as_deref(), Some("1"), "{name}");
        assert_eq!(
            tokens(&call(&bytes).args),
            [OwnedToken::Text(b"bob".to_vec())],
            "{name}"
        );
        // Removing an attachment that is not there changes nothing.
        let edits = rewrite(|e| e.remove("gray"));
        let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
        assert_eq!(
            Parts::of(&bytes).content,
            Parts::of(case.request()).content,
            "{name}"
        );
    }
}

#[test]
fn json_requests_are_edited_in_their_header() {
    let case = case("sofa-5.13.2", "json-person");
    let bytes = edited(case.request(), FINAL, &everything());
    let head = head(&bytes);
    assert_eq!(
        (head.service, head.method),
        (&b"com.acme.Other"[..], &b"renamed"[..])
    );
    assert_eq!(Parts::of(&bytes).content, Parts::of(case.request()).content);
}

#[test]
fn edits_that_are_impossible_are_refused_with_the_reason() {
    let class = case("provider", "cls-unknown");
    let codec4 = case("provider", "ver-codec-4");
    for (bytes, text) in [
        (class.request(), "com.x.Foo"),
        (codec4.request(), "its method stands in a content"),
    ] {
        let edits = rewrite(|e| e.method = Some("m".into()));
        let error = codec(Role::Client, ANY_GRAMMAR)
            .reframe(&mut vec![], 1, &message(bytes), None, &edits)
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.text.contains(text), "{error}");
    }
    let edits = rewrite(|e| e.set("k", &"v".repeat(40_000)));
    let s13 = case("sofa-5.13.2", "string-first");
    let error =
        codec(Role::Client, ANY_GRAMMAR).reframe(&mut vec![], 1, &message(s13.request()), None, &edits);
    assert!(error.unwrap_err().text.contains("32767"));
}

#[test]
fn an_upstream_connection_keeps_the_version_of_its_first_call() {
    let v1 = case("sofa-5.13.2", "string-first");
    let crc = case("provider", "v2-crc");
    for (first, second) in [(&v1, &crc), (&crc, &v1)] {
        let mut upstream = codec(Role::Client, ANY_GRAMMAR);
        let mut out = vec![];
        assert!(
            !upstream.forwards_as_is(&message(first.request()), None),
            "the first one settles the version"
        );
        upstream
            .reframe(&mut out, 1, &message(first.request()), None, &Edits::default())
            .unwrap();
        assert_eq!(Parts::of(&out).framing, Parts::of(first.request()).framing);
        assert!(upstream.forwards_as_is(&message(first.request()), None));
        assert!(!upstream.forwards_as_is(&message(second.request()), None));
        out.clear();
        upstream
            .reframe(&mut out, 2, &message(second.request()), None, &Edits::default())
            .unwrap();
        let (before, after) = (Parts::of(second.request()), Parts::of(&out));
        assert_eq!(after.framing, Parts::of(first.request()).framing);
        assert_eq!(
            (after.header, after.content, after.timeout),
            (before.header, before.content, before.timeout)
        );
        // The response goes back in the framing of the request that it belongs to.
        let response = |case: &Case| case.response().to_vec();
        let (stock, to) = (response(first), respond_to(second.request()));
        let mut downstream = codec(Role::Server, ANY_GRAMMAR);
        assert!(!downstream.forwards_as_is(&message(&stock), Some(to)));
        out.clear();
        downstream
            .reframe(&mut out, 9, &message(&stock), Some(to), &Edits::default())
            .unwrap();
        assert_eq!(Parts::of(&out).framing, Parts::of(second.request()).framing);
        assert_eq!(Parts::of(&out).content, Parts::of(&stock).content);
        assert!(downstream.forwards_as_is(&message(&out), Some(to)));
    }
}

#[test]
fn responses_without_a_checksum_are_forwarded_to_v2_downstreams() {
    let case = case("provider", "v2-crc-garbage");
    let to = respond_to(self::case("provider", "v2-crc").request());
    assert!(Hint::from_bits(to.hint).framing().has_crc());
    assert!(!Parts::of(case.response()).framing.has_crc());
    assert!(codec(Role::Server, ANY_GRAMMAR).forwards_as_is(&message(case.response()), Some(to)));
}

#[test]
fn calls_cross_between_the_two_grammars() {
    let names = [
        "person",
        "shared-args",
        "cycle-two",
        "wide-full",
        "many-args",
        "typed-maps",
    ];
    let both = [
        ("sofa-5.13.2", FINAL, "sofa-5.13.2-hessian4"),
        ("sofa-5.13.2-hessian4", DRAFT, "sofa-5.13.2"),
    ];
    for (consumer, variant, provider) in both {
        for name in names {
            let at = format!("{name} from {consumer}");
            let (request, response) = (case(consumer, name), case(provider, name));
            let mut upstream = codec(Role::Client, variant);
            upstream.framing = Some(Framing::V1);
            assert!(
                !upstream.forwards_as_is(&message(request.request()), None),
                "{at}"
            );
            let bytes = edited(request.request(), variant, &Edits::default());
            assert!(upstream.forwards_as_is(&message(&bytes), None), "{at}");
            assert_eq!(
                tokens(&call(&bytes).args),
                tokens(&call(request.request()).args),
                "{at}"
            );
            assert_eq!(
                Parts::of(&bytes).header,
                Parts::of(request.request()).header,
                "{at}"
            );

            let to = respond_to(request.request());
            let mut down = codec(Role::Server, ANY_GRAMMAR);
            assert!(
                !down.forwards_as_is(&message(response.response()), Some(to)),
                "{at}"
            );
            let mut out = vec![];
            down.reframe(
                &mut out,
                9,
                &message(response.response()),
                Some(to),
                &Edits::default(),
            )
            .unwrap();
            assert!(down.forwards_as_is(&message(&out), Some(to)), "{at}");
            let value = |bytes| match reader().outcome(&message(bytes)).unwrap().reply {
                ReturnValue::Value(value) => tokens(&value),
                other => panic!("{at}: {other:?}"),
            };
            assert_eq!(value(&out), value(response.response()), "{at}");
        }
    }
    // An upstream of unknown grammar gets the grammar that the consumer wrote.
    let h4 = case("sofa-5.13.2-hessian4", "person");
    assert_eq!(
        Parts::of(&edited(h4.request(), ANY_GRAMMAR, &Edits::default())).content,
        Parts::of(h4.request()).content
    );
}

#[test]
fn errors_in_the_other_grammar_are_written_anew() {
    let response = case("sofa-5.13.2-hessian4", "unknown-arg-class");
    let to = respond_to(case("sofa-5.13.2", "unknown-arg-class").request());
    let mut down = codec(Role::Server, ANY_GRAMMAR);
    assert!(!down.forwards_as_is(&message(response.response()), Some(to)));
    let error = down
        .reframe(
            &mut vec![],
            9,
            &message(response.response()),
            Some(to),
            &Edits::default(),
        )
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert!(error.text.contains("lab.Consumer$Mine"), "{error}");
    // A status without content has no grammar.
    let busy = case("sofa-5.13.2", "threadpool-busy");
    let to = respond_to(case("sofa-5.13.2-hessian4", "string-first").request());
    let mut out = vec![];
    down.reframe(
        &mut out,
        9,
        &message(&busy.responses[0]),
        Some(to),
        &Edits::default(),
    )
    .unwrap();
    assert_eq!(Parts::of(&out).status, 4);
}

/// A route may set attachments of any name: SOFARPC's own keys keep their values, and the attachment becomes
/// baggage.
#[test]
fn attachments_set_by_a_route_never_replace_the_address() {
    let names = ["service", "type", "protocol", "sofa_head_method_name"];
    let edits = rewrite(|e| names.iter().for_each(|name| e.set(name, "ours")));
    for (file, _) in PEERS {
        let case = case(file, "string-first");
        let bytes = edited(case.request(), ANY_GRAMMAR, &edits);
        let (before, after) = (head(case.request()), head(&bytes));
        assert_eq!((before.service, before.method), (after.service, after.method));
        let (before, after) = (call(case.request()), call(&bytes));
        assert_eq!((&before.service, &before.method), (&after.service, &after.method));
        for name in names {
            let header = Parts::of(&bytes).header;
            assert_eq!(
                header::get(header, name),
                header::get(Parts::of(case.request()).header, name),
                "{file} {name}"
            );
            assert_eq!(
                header::get(header, &format!("rpc_req_baggage.{name}")),
                Some(&b"ours"[..])
            );
            let mut baggage = after.attachments.iter().filter(|(k, _)| k == name);
            assert_eq!(baggage.next().map(|(_, v)| &**v), Some("ours"), "{file} {name}");
        }
        let content = rebuilt(
            &Parts::of(&bytes),
            Parts::of(case.request()).header,
            Parts::of(&bytes).content,
        );
        let in_content = call(&content).attachments;
        assert!(
            names
                .iter()
                .all(|n| in_content.iter().any(|(k, v)| k == n && v == "ours"))
        );
    }
}
