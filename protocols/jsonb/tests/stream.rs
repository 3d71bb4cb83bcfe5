//! Tests that read a document by hand, and several documents in one token stream.
#[path = "support/document.rs"]
mod common;

use common::read;
use rialto_jsonb::{Numbering, Reader, Writer, append_document, split_document};
use rialto_values::{Class, ErrorKind, Limits, OwnedToken, Recorder, Sink, Text, Token};

const LIMITS: Limits = Limits {
    depth: 128,
    tokens: 4_000_000,
    table: 1_000_000,
};

fn text(s: &str) -> Token<'_> {
    Token::Text(Text::from_bmp(s).expect("BMP"))
}

fn write(tokens: &[Token<'_>]) -> Vec<u8> {
    let mut writer = Writer::framed(Vec::new(), &LIMITS);
    tokens.iter().for_each(|t| writer.token(*t).expect("well-formed"));
    writer.finish().expect("well-formed")
}

fn read_body(mut body: &[u8]) -> Vec<OwnedToken> {
    let mut recorder = Recorder::default();
    let mut numbering = Numbering::new(&LIMITS);
    while !body.is_empty() {
        let document = split_document(&mut body).expect("well-formed");
        let mut reader = Reader::new(document, &LIMITS).expect("well-formed");
        reader
            .copy_value(&mut recorder, &mut numbering)
            .expect("well-formed");
        reader.finish().expect("well-formed");
    }
    recorder.tokens
}

#[test]
fn attachments_are_walked_by_key() {
    let attachments = [
        Token::Map { class: None },
        text("path"),
        text("com.acme.Shop"),
        text("pojo"),
        Token::Object(&Class::new("com.acme.Order", ["lines", "note"])),
        Token::List {
            class: None,
            len: Some(1),
        },
        Token::Int(5),
        Token::End,
        Token::Null,
        Token::End,
        Token::Int(7),
        text("under a number"),
        text("timeout"),
        Token::Int(300),
        text("group"),
        Token::Null,
        Token::End,
    ];
    let body = write(&attachments);
    let mut reader = Reader::new(&body[4..], &LIMITS).unwrap();
    assert!(reader.begin_object().unwrap());
    let (mut path, mut timeout, mut group, mut keys) = (None, 0, Some("unset".into()), vec![]);
    while let Some(key) = reader.next_key().unwrap() {
        keys.push(key.to_str().unwrap().into_owned());
        if key.is("path") {
            path = reader.string().unwrap();
        } else if key.is("timeout") {
            timeout = reader.int().unwrap();
        } else if key.is("group") {
            group = reader.string().unwrap();
        } else {
            reader.skip_value().unwrap();
        }
    }
    reader.finish().unwrap();
    assert_eq!(
        (path.as_deref(), timeout, group.as_deref()),
        (Some("com.acme.Shop"), 300, None)
    );
    assert_eq!(keys, ["path", "pojo", "timeout", "group"]);
}

#[test]
fn the_parts_of_a_response_are_read() {
    // Result type, value and attachments of a captured response.
    let int8 = Reader::new(&[0xbd, 4], &LIMITS).unwrap().int().unwrap();
    assert_eq!(int8, 4);
    assert_eq!(Reader::new(&[0xaf], &LIMITS).unwrap().string().unwrap(), None);
    assert!(!Reader::new(&[0xaf], &LIMITS).unwrap().begin_object().unwrap());
    for bad in [&[0x94][..], &[0x4a, b'x'], &[]] {
        assert!(Reader::new(bad, &LIMITS).unwrap().begin_object().is_err());
    }
    let mut reader = Reader::new(&[0x4a, b'x', 0], &LIMITS).unwrap();
    reader.skip_value().unwrap();
    assert_eq!(
        (reader.position(), reader.finish().unwrap_err().kind),
        (2, ErrorKind::Malformed)
    );
}

#[test]
fn documents_continue_the_numbering_of_containers() {
    let mut body = vec![];
    // A list that contains itself, twice.
    append_document(&[0x95, 0x93, 0x4a, b'$'], &mut body).unwrap();
    append_document(&[0x95, 0x93, 0x4b, b'.', b'.'], &mut body).unwrap();
    let list = OwnedToken::List {
        class: None,
        len: Some(1),
    };
    let expected = [
        list.clone(),
        OwnedToken::Ref(0),
        OwnedToken::End,
        list,
        OwnedToken::Ref(1),
        OwnedToken::End,
    ];
    assert_eq!(read_body(&body), expected);
}

#[test]
fn values_shared_between_documents_are_written_in_each() {
    let node = Class::new("com.acme.Node", ["next", "score"]);
    let decimal = Class::new("java.math.BigDecimal", ["value"]);
    let a_cycle = [
        Token::Object(&node),
        Token::Object(&node),
        Token::Ref(0),
        Token::Object(&decimal),
        text("1.5"),
        Token::End,
        Token::End,
        Token::Null,
        Token::End,
    ];
    // The second document is the inner node of the first one, the third contains both.
    let list = Token::List {
        class: None,
        len: Some(3),
    };
    let more = [
        Token::Ref(1),
        list,
        Token::Ref(0),
        Token::Ref(1),
        Token::Ref(2),
        Token::End,
    ];
    let body = write(&[&a_cycle[..], &more].concat());
    let again = read_body(&body);
    let outer = |at: u32| {
        [
            OwnedToken::Object(node.clone()),
            OwnedToken::Object(node.clone()),
            OwnedToken::Ref(at),
            OwnedToken::Object(decimal.clone()),
            OwnedToken::Text(b"1.5".to_vec()),
            OwnedToken::End,
            OwnedToken::End,
            OwnedToken::Null,
            OwnedToken::End,
        ]
    };
    assert_eq!(again[..9], outer(0));
    // 3: the inner node as a root, whose next (4) is the outer one.
    assert_eq!(
        again[9..18],
        [
            OwnedToken::Object(node.clone()),
            OwnedToken::Object(node.clone()),
            OwnedToken::Ref(3),
            OwnedToken::Null,
            OwnedToken::End,
            OwnedToken::Object(decimal.clone()),
            OwnedToken::Text(b"1.5".to_vec()),
            OwnedToken::End,
            OwnedToken::End,
        ]
    );
    assert_eq!(
        again[18],
        OwnedToken::List {
            class: None,
            len: Some(3)
        }
    );
    assert_eq!(again[19..28], outer(7));
    assert_eq!(again.last(), Some(&OwnedToken::End));
}

/// fastjson2 resolves references last, so they overwrite the null; and its readers merge a null after a
/// reference with the same field.
#[test]
fn a_repeated_field_is_not_written_as_a_reference() {
    let class = Class::new("com.acme.Derived", ["parts", "owner", "owner"]);
    let bean = Token::Object(&class);
    let list = Token::List {
        class: None,
        len: Some(0),
    };
    let again = read_body(&write(&[
        bean,
        list,
        Token::End,
        Token::Ref(1),
        Token::Null,
        Token::End,
    ]));
    let list = OwnedToken::List {
        class: None,
        len: Some(0),
    };
    let expected = [
        OwnedToken::Object(class.clone()),
        list.clone(),
        OwnedToken::End,
        list,
        OwnedToken::End,
        OwnedToken::Null,
        OwnedToken::End,
    ];
    assert_eq!(again, expected);
    let mut writer = Writer::bare(&LIMITS);
    let cycle = [bean, Token::Null, Token::Ref(0)];
    let error = cycle.iter().try_for_each(|t| writer.token(*t)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    let last = [bean, Token::Null, Token::Null, Token::Ref(0), Token::End];
    assert!(read_body(&write(&last)).contains(&OwnedToken::Ref(0)));
}

#[test]
fn declared_classes_decide_what_scalars_are() {
    let java8 = |name: &str| format!("com.caucho.hessian.io.java8.{name}Handle");
    let zoned = [
        0xaa, 7, 0xe7, 11, 14, 22, 13, 20, 5, 0x4f, b'+', b'0', b'2', b':', b'0', b'0',
    ];
    let uuid = [&[0x91, 16][..], &[7; 16]].concat();
    for (class, document, name, first) in [
        (
            "java.time.Duration",
            &b"\x4dPT5S"[..],
            java8("Duration"),
            OwnedToken::Long(5),
        ),
        (
            "java.time.Period",
            b"\x4cP2D",
            java8("Period"),
            OwnedToken::Int(0),
        ),
        (
            "java.time.ZoneOffset",
            b"\x4f+02:00",
            java8("ZoneOffset"),
            OwnedToken::Int(7200),
        ),
        (
            "java.util.UUID",
            &uuid,
            "java.util.UUID".to_owned(),
            OwnedToken::Long(0x0707_0707_0707_0707),
        ),
        (
            "java.util.Locale",
            b"\x4bde",
            "com.caucho.hessian.io.LocaleHandle".to_owned(),
            OwnedToken::Text(b"de".to_vec()),
        ),
        (
            "java.sql.Timestamp",
            &[0xac, 0, 0, 0, 1],
            "java.sql.Timestamp".to_owned(),
            OwnedToken::Date(1000),
        ),
        (
            "com.acme.Color",
            b"\x4cRED",
            "com.acme.Color".to_owned(),
            OwnedToken::Text(b"RED".to_vec()),
        ),
    ] {
        let mut recorder = Recorder::default();
        let mut reader = Reader::new(document, &LIMITS).unwrap();
        reader
            .copy_value_as(class, &mut recorder, &mut Numbering::new(&LIMITS))
            .unwrap();
        let OwnedToken::Object(class) = &recorder.tokens[0] else {
            panic!("{:?}", recorder.tokens)
        };
        assert_eq!((class.name(), &recorder.tokens[1]), (&*name, &first));
    }
    let mut recorder = Recorder::default();
    let mut reader = Reader::new(&zoned, &LIMITS).unwrap();
    reader
        .copy_value_as(
            "java.time.OffsetDateTime",
            &mut recorder,
            &mut Numbering::new(&LIMITS),
        )
        .unwrap();
    assert!(matches!(&recorder.tokens[0], OwnedToken::Object(c) if c.name() == java8("OffsetDateTime")));
    let mut bad = Reader::new(b"\x4cabc", &LIMITS).unwrap();
    assert!(
        bad.copy_value_as(
            "java.time.Duration",
            &mut Recorder::default(),
            &mut Numbering::new(&LIMITS)
        )
        .is_err()
    );
    let plain = OwnedToken::Text(b"abc".to_vec());
    assert_eq!(read(b"\x4cabc").unwrap().tokens, [plain]);
}

/// These values could mean something else (`tests/vectors/fastjson2.txt`).
#[test]
fn values_that_only_the_writer_understands_are_refused_by_their_declared_class() {
    let timestamp = b"\xa8\x07\xe7\x0b\x0e\x16\x0d\x14\x48\x07\x54\xd4\xc0";
    for (class, document) in [
        ("java.util.Optional", &b"\x4ax"[..]),
        ("java.util.Optional", b"\xaf"),
        ("java.util.Optional", b"\x94\x00"),
        ("java.util.OptionalInt", b"\x05"),
        ("[Ljava.util.Optional;", b"\x95\xaf"),
        ("java.sql.Timestamp", timestamp),
        ("java.sql.Time", b"\x5122:13:20"),
    ] {
        let mut reader = Reader::new(document, &LIMITS).unwrap();
        let said = reader.copy_value_as(class, &mut Recorder::default(), &mut Numbering::new(&LIMITS));
        let error = said.expect_err(class);
        assert_eq!(
            error.kind,
            rialto_values::ErrorKind::Unsupported,
            "{class}: {error}"
        );
        let name = class.trim_start_matches("[L").trim_end_matches(';');
        assert!(error.to_string().contains(name), "{error}");
    }
    // Without a declared class they are read as what they look like.
    assert!(
        matches!(&read(timestamp).unwrap().tokens[0], OwnedToken::Object(c) if c.name().ends_with("LocalDateTimeHandle"))
    );
    assert_eq!(read(b"\xaf").unwrap().tokens, [OwnedToken::Null]);
}

#[test]
fn no_object_has_a_class_with_an_empty_name() {
    let object = b"\xa6\x7f\x4aa\x01\x05\xa5";
    let array = [&b"\x92\x4a[\x00\x95"[..], object].concat();
    assert_eq!(
        read(&array).unwrap().tokens[1..3],
        [OwnedToken::Map { class: None }, OwnedToken::Text(b"a".to_vec())]
    );
    let mut recorder = Recorder::default();
    Reader::new(b"\xa6\x7f\x4aa\x00\x05\xa5", &LIMITS)
        .and_then(|mut reader| reader.copy_value_as("", &mut recorder, &mut Numbering::new(&LIMITS)))
        .unwrap();
    assert_eq!(recorder.tokens[0], OwnedToken::Map { class: None });
}

#[test]
fn values_without_a_form_are_refused_by_name() {
    let inet = Class::new("com.caucho.hessian.io.InetAddressHandle", ["hostName", "address"]);
    let key = Class::new("com.acme.Key", ["k", "self"]);
    let cycle_in_key = [
        Token::Map { class: None },
        Token::Object(&key),
        Token::Int(1),
        Token::Ref(1),
        Token::End,
        Token::Null,
        Token::End,
    ];
    let cycle_in_array = [
        Token::List {
            class: Some("[object"),
            len: Some(1),
        },
        Token::Ref(0),
        Token::End,
    ];
    for (tokens, word) in [
        (&[Token::Object(&inet)][..], "InetAddressHandle"),
        (&cycle_in_key, "cycle"),
        (&cycle_in_array, "cycle"),
    ] {
        let mut writer = Writer::bare(&LIMITS);
        let error = tokens.iter().try_for_each(|t| writer.token(*t)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.text.contains(word), "{error}");
    }
}

#[test]
fn streams_that_are_not_well_formed_are_refused() {
    let bean = Class::new("com.acme.Bean", ["a"]);
    let list = |len| Token::List {
        class: None,
        len: Some(len),
    };
    for tokens in [
        &[][..],
        &[Token::End],
        &[Token::Ref(0)],
        &[Token::Null, Token::Null],
        &[list(1), Token::End],
        &[list(0), Token::Null, Token::End],
        &[list(1), Token::Ref(1)],
        &[Token::Map { class: None }, Token::Int(1), Token::End],
        &[Token::Map { class: None }],
        &[Token::Object(&bean), Token::End],
        &[Token::Object(&bean), Token::Null, Token::Null],
    ] {
        let mut writer = Writer::bare(&LIMITS);
        let taken = tokens.iter().try_for_each(|t| writer.token(*t));
        assert!(
            taken.and_then(|()| writer.finish().map(drop)).is_err(),
            "{tokens:?}"
        );
    }
}
