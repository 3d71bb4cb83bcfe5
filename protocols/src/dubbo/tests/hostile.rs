//! Tests with hostile bytes. None may panic, hang, or allocate more memory than the bytes justify.
use super::*;

/// Does everything with a message that the proxy can do with it.
fn exercise(bytes: &[u8]) {
    let Ok(Decoded::Frame(frame)) = codec(Role::Server).decode(bytes) else {
        return;
    };
    let msg = Message {
        meta: frame.meta,
        bytes: &bytes[..frame.len],
    };
    if let Ok(head) = reader().head(&msg) {
        let _ = reader().attachment(&msg, &head, "plain");
        let mut known = NeutralCall::default();
        let read = reader().read_call(&msg, Some(&head), &mut known);
        assert_eq!(
            format!("{:?}", read.map(|()| known)),
            format!("{:?}", reader().call(&msg))
        );
    }
    if let Ok(call) = reader().call(&msg) {
        let mut out = vec![];
        let _ = codec(Role::Client).request(&mut out, 1, &call);
        let _ = call.args.emit(&mut Recorder::default());
    }
    if let Ok(response) = reader().outcome(&msg) {
        for id in [HESSIAN2, FASTJSON2] {
            for generic in [Generic::No, Generic::Maps] {
                let _ = response_for(Hint::of_frame(id).with_generic(generic).bits(), &response);
            }
        }
    }
    let mut edits = Edits {
        service: Some("x".into()),
        method: Some("y".into()),
        ..Edits::default()
    };
    edits.set("plain", "z");
    let _ = codec(Role::Client).reframe(&mut vec![], 1, &msg, None, &edits);
}

fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = (bytes.len() - 16) as u32;
    bytes[12..16].copy_from_slice(&len.to_be_bytes());
    bytes
}

const VARIED: [(&str, &str); 7] = [
    (V33, "attachments"),
    (V33, "pojo"),
    (V33, "generic-true-pojo"),
    (V27, "node-shared"),
    (JSONB, "attachments"),
    (JSONB, "pojo"),
    (JSONB, "node-shared"),
];

fn varied() -> impl Iterator<Item = Vec<u8>> {
    VARIED.into_iter().flat_map(|(file, name)| {
        let case = case(file, name);
        case.requests.into_iter().chain(case.responses)
    })
}

#[test]
fn bodies_cut_anywhere_are_errors_or_values() {
    let mut seen = 0;
    for bytes in varied() {
        for end in 16..bytes.len() {
            exercise(&with_length(bytes[..end].to_vec()));
            seen += 1;
        }
    }
    assert!(seen > 2000, "{seen}");
}

#[test]
fn truncated_requests_are_never_accepted() {
    for name in ["string-ascii", "pojo", "attachments"] {
        let bytes = case(V33, name).requests.remove(0);
        for end in 16..bytes.len() {
            let cut = with_length(bytes[..end].to_vec());
            assert!(reader().call(&message(&cut)).is_err(), "{name} cut at {end}");
            assert!(reader().head(&message(&cut)).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn replaced_bytes_do_no_harm() {
    for bytes in varied() {
        for at in 2..bytes.len() {
            for value in [0x51, 0x7f, 0x93, 0xff, bytes[at] ^ 1] {
                let mut changed = bytes.clone();
                changed[at] = value;
                exercise(&changed);
            }
        }
    }
}

#[test]
fn hand_made_requests_do_no_harm() {
    for file in [HANDMADE_33, HANDMADE_27] {
        for case in cases(file) {
            case.requests
                .iter()
                .chain(&case.responses)
                .for_each(|b| exercise(b));
        }
    }
}

#[test]
fn text_and_tls_on_the_port_end_the_connection() {
    for bytes in [
        &b"ls\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\0",
        b"PRI * HTTP/2.0",
    ] {
        assert!(codec(Role::Server).decode(bytes).is_err());
    }
    let case = case(HANDMADE_33, "len-negative");
    assert!(codec(Role::Server).decode(&case.requests[0]).is_err());
}

/// A provider goes by the attachment, so a route must not go by the string before the arguments.
#[test]
fn an_address_that_a_head_cannot_represent_is_refused() {
    let prefix = b"\x052.0.2\x03a.B\x050.0.0\x01m\0";
    for value in [&b"R\0\x01x\x02.Y"[..], b"\x97", b"T"] {
        for key in ["path", "group", "version", "other"] {
            let mut bytes = vec![];
            let open = frame::Open::request(&mut bytes, 1, HESSIAN2, false);
            bytes.extend_from_slice(prefix);
            bytes.extend_from_slice(&[b'H', key.len() as u8]);
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(value);
            bytes.push(b'Z');
            open.close(&mut bytes);
            let head = reader().head(&message(&bytes));
            match head {
                Err(e) => assert!(key != "other" && e.text.contains(key), "{key}: {e}"),
                Ok(head) => assert_eq!((key, head.service), ("other", &b"a.B"[..])),
            }
            assert!(
                reader().call(&message(&bytes)).is_ok(),
                "{key} is readable otherwise"
            );
        }
    }
}

#[test]
fn nesting_is_bounded() {
    for (id, open) in [(HESSIAN2, b'H'), (FASTJSON2, 0xa6)] {
        let mut bytes = vec![];
        let frame = frame::Open::response(&mut bytes, 1, id, frame::OK);
        match id {
            HESSIAN2 => bytes.push(0x91),
            _ => {
                bytes.extend_from_slice(b"\0\0\0\x02\xbd\x01");
                bytes.extend_from_slice(&200_000_u32.to_be_bytes());
            }
        }
        (0..100_000).for_each(|_| bytes.extend_from_slice(if open == b'H' { b"H\x01" } else { b"\xa6\x4a" }));
        frame.close(&mut bytes);
        exercise(&bytes);
        let refused = match reader().outcome(&message(&bytes)) {
            Err(_) => true,
            Ok(response) => response_for(HESSIAN2.into(), &response).is_err(),
        };
        assert!(refused, "{id}");
    }
}

/// One type of another protocol must not become two parameters in Dubbo, nor another class.
#[test]
fn invalid_type_names_are_refused() {
    let args = values::arguments(b"\x01a", body::Serialization::Hessian2, 0, 1);
    for bad in ["java.lang.String;I", "java/lang/String", "[Ljava.lang.String", ""] {
        let call = NeutralCall {
            service: "a.B".into(),
            method: "say".into(),
            types: [bad.into()].into_iter().collect(),
            args,
            ..NeutralCall::default()
        };
        let mut out = vec![];
        let error = codec(Role::Client).request(&mut out, 7, &call).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.text.contains(&format!("`{bad}`")), "{error}");
    }
}

/// Stock providers of all versions find version 1.0 of `a.B` by either of these.
#[test]
fn a_version_in_the_path_cannot_bypass_routes() {
    for (path, attached) in [("a.B:1.0", "a.B:1.0"), ("a.B", "a.B:1.0")] {
        for version in ["0.0.0", ""] {
            let mut bytes = vec![];
            let open = frame::Open::request(&mut bytes, 7, HESSIAN2, false);
            let mut tables = rialto_hessian::WriteTables::default();
            let mut w = rialto_hessian::Writer::new(&mut bytes, rialto_hessian::Library::Lite, &mut tables);
            for text in ["2.0.2", path, version, "say", ""] {
                w.write_str(text);
            }
            w.begin_map(None).unwrap();
            for text in ["path", attached, "version", version] {
                w.write_str(text);
            }
            w.end().unwrap();
            w.finish().unwrap();
            open.close(&mut bytes);
            let error = reader().head(&message(&bytes)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadRequest);
            assert!(error.text.contains("a.B:1.0"), "{error}");
        }
    }
}

/// A version hidden in the service name, as [`head`] refuses it, wherever the colon is and however long the
/// name.
#[test]
fn a_colon_in_a_path_cannot_bypass_a_rule() {
    let head_of = |path: String, version: &str| {
        let sent = request(&NeutralCall {
            service: path.into(),
            version: version.to_owned().into(),
            method: "say".into(),
            ..NeutralCall::default()
        });
        reader()
            .head(&message(&sent))
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    for len in 1..40 {
        let name = "a".repeat(len);
        assert_eq!(head_of(name.clone(), ""), Ok(()));
        for at in 0..len {
            let mut hidden = name.clone();
            hidden.replace_range(at..=at, ":");
            let refused = head_of(hidden.clone(), "").unwrap_err();
            assert!(refused.contains("a colon in the path"), "{refused}");
            assert_eq!(head_of(hidden, "1.0"), Ok(()));
        }
        for near in ["9", ";", "\u{1a}", "z"] {
            assert_eq!(head_of(format!("{near}{name}{near}"), ""), Ok(()));
        }
    }
}

/// A generic call has three arguments. With another number, route and bridge would read different maps of
/// attachments.
#[test]
fn a_generic_call_with_another_number_of_arguments_is_refused() {
    const STRING: &str = "Ljava/lang/String;";
    let frame_with = |descriptor: &str, values: &[&[u8]]| {
        let mut bytes = vec![];
        let open = frame::Open::request(&mut bytes, 7, HESSIAN2, false);
        for name in ["2.0.2", "a.Public", "0.0.0", "$invoke", descriptor] {
            rialto_hessian::raw::put_str(&mut bytes, rialto_hessian::Library::Lite, name);
        }
        values.iter().for_each(|value| bytes.extend_from_slice(value));
        open.close(&mut bytes);
        bytes
    };
    let other: &[u8] = b"H\x04path\x09a.PrivateZ";
    for (count, values) in [
        // These are method, types, the map that the route would read as attachments, and the map that the
        // bridge would.
        (2, &[&b"\x03say"[..], b"N", b"N", other][..]),
        (4, &[&b"\x03say"[..], b"N", b"N", other, b"HZ"]),
        (3, &[&b"\x03say"[..], b"N", b"N", b"HZ", other]),
    ] {
        let bytes = frame_with(&STRING.repeat(count), values);
        assert_eq!(head(&bytes).service, b"a.Public");
        match reader().call(&message(&bytes)) {
            Ok(call) => assert_eq!((call.service, count), ("a.Public".into(), 3)),
            Err(e) => assert!(count != 3 && e.text.contains("generic"), "{e}"),
        }
    }
}

/// A method of this name in another protocol would become a generic call here, of a method that no route has
/// seen.
#[test]
fn a_bridged_method_cannot_become_a_generic_call() {
    for method in ["$invoke", "$invokeAsync"] {
        let call = NeutralCall {
            service: "a.B".into(),
            method: method.into(),
            ..NeutralCall::default()
        };
        let error = codec(Role::Client).request(&mut vec![], 7, &call).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.text.contains(&format!("`{method}`")), "{error}");
    }
}

/// Each attachment without a text removes earlier ones of its name, so a great many of both would take long.
#[test]
fn calls_with_a_great_many_attachments_are_not_bridged() {
    let prefix = b"\x052.0.2\x03a.B\x050.0.0\x01m\0H";
    for (count, is_read) in [(1000_u32, true), (300_000, false)] {
        let mut bytes = vec![];
        let open = frame::Open::request(&mut bytes, 1, HESSIAN2, false);
        bytes.extend_from_slice(prefix);
        for n in 0..count {
            bytes.push(7);
            bytes.extend_from_slice(format!("{n:07}").as_bytes());
            bytes.extend_from_slice(if n % 2 == 0 { b"\x01v" } else { b"N" });
        }
        bytes.push(b'Z');
        open.close(&mut bytes);
        assert!(reader().head(&message(&bytes)).is_ok(), "it can be passed on");
        match reader().call(&message(&bytes)) {
            Ok(call) => assert_eq!((is_read, call.attachments.len()), (true, 500)),
            Err(e) => assert!(!is_read && e.text.contains("more than 1024 attachments"), "{e}"),
        }
    }
}
