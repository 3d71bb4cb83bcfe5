//! Tests of requests with edits.
use super::*;
use rialto_hessian::{Library, WriteTables, Writer};
use rialto_values::Class;

fn edited(bytes: &[u8], edits: &Edits) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Client)
        .reframe(&mut out, 77, &message(bytes), None, edits)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((frame_of(&out).id, frame_of(&out).len), (77, out.len()));
    out
}

fn all() -> Edits {
    let mut edits = Edits {
        service: Some("new.Service".into()),
        version: Some("9.9".into()),
        group: Some("blue".into()),
        method: Some("renamed".into()),
        timeout_ms: Some(4321),
        ..Edits::default()
    };
    edits.set("plain", "changed");
    edits.set("added", "ü");
    edits.remove("camelCase");
    edits
}

#[test]
fn without_edits_only_the_id_changes() {
    for file in STOCK {
        for (name, _, bytes) in calls(file) {
            let mut want = bytes.clone();
            Dubbo::set_id(&mut want, 77);
            assert_eq!(edited(&bytes, &Edits::default()), want, "{name}");
        }
    }
}

#[test]
fn edits_change_only_what_they_name() {
    for file in STOCK {
        for (name, _, bytes) in calls(file) {
            let out = edited(&bytes, &all());
            let msg = message(&out);
            let found = reader().head(&msg).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(
                (found.service, found.version, found.group, found.method),
                (&b"new.Service"[..], &b"9.9"[..], &b"blue"[..], &b"renamed"[..]),
                "{name}"
            );
            let countdown = name == "timeout-countdown";
            assert_eq!(
                (found.timeout_ms, found.application),
                (4321, head(&bytes).application),
                "{name} {countdown}"
            );
            let attachment = |key| reader().attachment(&msg, &found, key);
            assert_eq!(attachment("plain").as_deref(), Some(&b"changed"[..]));
            assert_eq!(attachment("added").as_deref(), Some("ü".as_bytes()));
            assert_eq!(attachment("interface").as_deref(), Some(&b"new.Service"[..]));
            assert_eq!(attachment("camelCase"), None);
            assert_eq!(arguments(&out), arguments(&bytes), "{name}");
        }
    }
}

/// The body after the prefix, and the number of arguments it begins with; the method name of a generic call
/// is left out.
fn rest(bytes: &[u8]) -> (&[u8], usize, body::Serialization) {
    let msg = message(bytes);
    let serialization = body::Serialization::of_message(&msg).unwrap();
    let prefix = head::RequestPrefix::read(body::of(&msg), serialization).unwrap();
    let rest = &body::of(&msg)[prefix.end()..];
    if !prefix.is_generic() {
        return (rest, prefix.arguments().unwrap(), serialization);
    }
    let name = body::read(rest, serialization, |body| body.skip().map(|()| body.position())).unwrap();
    (&rest[name..], prefix.arguments().unwrap() - 1, serialization)
}

/// The bytes of the arguments, which must never change.
fn arguments(bytes: &[u8]) -> &[u8] {
    let (rest, count, serialization) = rest(bytes);
    body::read(rest, serialization, |body| {
        (0..count).for_each(|_| body.skip().unwrap());
        &rest[..body.position()]
    })
}

/// The attachments as tokens.
fn attachments(bytes: &[u8]) -> Vec<OwnedToken> {
    let (rest, count, serialization) = rest(bytes);
    let mut map = Recorder::default();
    body::read(rest, serialization, |body| {
        (0..count).for_each(|_| body.skip().unwrap());
        body.copy(&mut map).unwrap();
    });
    map.tokens
}

#[test]
fn attachments_that_are_not_strings_are_kept() {
    for file in [V33, JSONB] {
        let case = case(file, "attachments");
        let mut edits = Edits::default();
        edits.set("plain", "changed");
        let before = attachments(&case.requests[0]);
        let after = attachments(&edited(&case.requests[0], &edits));
        assert_eq!(before.len(), after.len());
        for token in before.iter().filter(|t| **t != text("v1")) {
            assert!(after.contains(token), "{token:?} is lost");
        }
    }
}

#[test]
fn empty_edits_of_version_and_group_remove_them() {
    let case = case(V33, "group-version");
    let edits = Edits {
        version: Some("".into()),
        group: Some("".into()),
        ..Edits::default()
    };
    let out = edited(&case.requests[0], &edits);
    let msg = message(&out);
    let head = head(&out);
    assert_eq!((head.version, head.group), (&b""[..], &b""[..]));
    assert_eq!(
        reader().attachment(&msg, &head, "version").as_deref(),
        Some(&b"0.0.0"[..])
    );
    assert_eq!(reader().attachment(&msg, &head, "group"), None);
}

#[test]
fn a_countdown_is_set_only_if_the_consumer_sent_one() {
    let case = case(V33, "timeout-countdown");
    let edits = Edits {
        timeout_ms: Some(42),
        ..Edits::default()
    };
    let out = edited(&case.requests[0], &edits);
    let (msg, head) = (message(&out), head(&out));
    assert_eq!(
        reader().attachment(&msg, &head, "_TO").as_deref(),
        Some(&b"42"[..])
    );
    assert_eq!(
        reader().attachment(&msg, &head, "timeout").as_deref(),
        Some(&b"42"[..])
    );
}

#[test]
fn requests_without_attachments_get_some() {
    for name in ["att-null", "att-empty-map"] {
        let case = case(HANDMADE_33, name);
        let out = edited(&case.requests[0], &all());
        let head = head(&out);
        assert_eq!(
            (head.service, head.timeout_ms),
            (&b"new.Service"[..], 4321),
            "{name}"
        );
    }
}

/// A request whose attachments `a`, `b` and `c` share objects, the last also with the only argument.
fn sharing() -> Vec<u8> {
    let class = Class::new("a.P", ["x"]);
    let (mut out, mut tables) = (vec![], WriteTables::default());
    let open = frame::Open::request(&mut out, 1, HESSIAN2, false);
    let mut w = Writer::new(&mut out, Library::Lite, &mut tables);
    for s in ["2.0.2", "a.B", "0.0.0", "m", "Ljava/lang/Object;"] {
        w.write_str(s);
    }
    let point = |w: &mut Writer<'_>, x| {
        w.begin_object(&class).unwrap();
        w.write_int(x);
        w.end().unwrap();
    };
    point(&mut w, 1);
    w.begin_map(None).unwrap();
    w.write_str("a");
    point(&mut w, 2);
    w.write_str("b");
    w.begin_list(Some("java.util.LinkedList"), Some(2)).unwrap();
    w.write_ref(2);
    point(&mut w, 3);
    w.end().unwrap();
    w.write_str("c");
    w.write_ref(0);
    w.end().unwrap();
    w.finish().unwrap();
    open.close(&mut out);
    out
}

#[test]
fn attachments_that_share_objects_with_dropped_ones_are_renumbered() {
    let bytes = sharing();
    let mut edits = Edits::default();
    edits.set("a", "text");
    let out = edited(&bytes, &edits);
    let msg = message(&out);
    let mut seen = Recorder::default();
    body::read(rest(&out).0, body::Serialization::Hessian2, |body| {
        let body::Body::Hessian(reader) = body else {
            panic!("not Hessian")
        };
        let mut copier = rialto_hessian::Copier::default();
        copier.copy(reader, &mut seen).unwrap();
        copier.copy(reader, &mut seen).unwrap();
    });
    let point = |x| {
        [
            OwnedToken::Object(Class::new("a.P", ["x"])),
            OwnedToken::Int(x),
            OwnedToken::End,
        ]
    };
    let mut want = vec![];
    want.extend(point(1));
    want.extend([OwnedToken::Map { class: None }, text("b")]);
    want.push(OwnedToken::List {
        class: Some("java.util.LinkedList".into()),
        len: None,
    });
    want.extend(point(2));
    want.extend(point(3));
    want.extend([
        OwnedToken::End,
        text("c"),
        OwnedToken::Ref(0),
        text("a"),
        text("text"),
        OwnedToken::End,
    ]);
    assert_eq!(seen.tokens.into_iter().map(plain).collect::<Vec<_>>(), want);
    assert_eq!(
        reader().attachment(&msg, &head(&out), "a").as_deref(),
        Some(&b"text"[..])
    );
}

#[test]
fn requests_that_only_java_can_read_cannot_be_edited() {
    let case = case(HANDMADE_33, "ser-3-java");
    let mut out = vec![];
    let mut client = codec(Role::Client);
    let error = client
        .reframe(&mut out, 1, &message(&case.requests[0]), None, &all())
        .unwrap_err();
    assert!(error.text.contains("id 3"), "{error}");
    client
        .reframe(&mut out, 1, &message(&case.requests[0]), None, &Edits::default())
        .unwrap();
}

/// Peers of other protocols cannot set attachments under Dubbo's own names, but routes can, each once.
/// Neither can set the address as an attachment.
#[test]
fn attachments_set_by_a_route_are_written_under_any_name() {
    let mut call = NeutralCall {
        service: "a.B".into(),
        group: "g".into(),
        method: "say".into(),
        timeout_ms: 3000,
        application: "shop".into(),
        attachments: ["token", "id", "path", "timeout", "tag"]
            .map(|key| (key.into(), "theirs".into()))
            .into_iter()
            .collect(),
        ..NeutralCall::default()
    };
    let mut edits = Edits::default();
    for key in [
        "token",
        "async",
        "timeout",
        "remote.application",
        "path",
        "interface",
        "group",
    ] {
        edits.set(key, "ours");
    }
    call.apply(&edits);
    let bytes = request(&call);
    let mut found: Vec<(String, String)> = vec![];
    let (rest, _, serialization) = rest(&bytes);
    body::read(rest, serialization, |body| {
        body.attachments(|key, value| found.push((key.into_owned(), value.into_text().unwrap().into_owned())))
    })
    .unwrap();
    found.sort();
    let found: Vec<_> = found.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        found,
        [
            ("async", "ours"),
            ("group", "g"),
            ("interface", "a.B"),
            ("path", "a.B"),
            ("remote.application", "ours"),
            ("tag", "theirs"),
            ("timeout", "ours"),
            ("token", "ours"),
            ("version", "0.0.0"),
        ]
    );
}
