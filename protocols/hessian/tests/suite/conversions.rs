//! Tests of what libraries spell differently, and of exceptions.
use rialto_hessian::throwable;
use rialto_hessian::{Copier, Library, ReadTables, Reader};
use rialto_values::{Class, ErrorKind, OwnedToken, Recorder, Token, ValueError};

use crate::support::{show, tokens, unhex, write};

/// Writes tokens as a library with this spelling would write them itself.
fn raw(tokens: &[Token<'_>], library: Library) -> Vec<u8> {
    let tokens: Vec<OwnedToken> = tokens.iter().map(|t| (*t).into()).collect();
    write(&tokens, library).unwrap()
}

fn text(s: &str) -> Token<'_> {
    Token::Text(rialto_values::Text::from_bmp(s).unwrap())
}

fn read(bytes: &[u8], library: Library) -> String {
    show(&tokens(bytes, library).unwrap_or_else(|e| panic!("{e}")))
}

const HALVES: &str = "java.util.UUID(mostSigBits leastSigBits| 4887742284515973L -8613303245920329199L)";

#[test]
fn a_uuid_is_text_for_dubbo_and_two_longs_for_sofa() {
    let class = Class::new("java.util.UUID", ["value"]);
    // SOFA's writer does not convert UUIDs, so it produces the bytes; both libraries of the final grammar
    // read them the same way.
    let lite = raw(
        &[
            Token::List {
                class: None,
                len: Some(2),
            },
            Token::Object(&class),
            text("00115d60-2e9f-4a85-8877-665544332211"),
            Token::End,
            Token::Ref(1),
            Token::End,
        ],
        Library::Sofa4,
    );
    let neutral = tokens(&lite, Library::Lite).unwrap();
    assert_eq!(show(&neutral), format!("[: {HALVES} @1]"));
    assert_eq!(write(&neutral, Library::Lite).unwrap(), lite);
    assert_eq!(
        read(&write(&neutral, Library::Sofa3).unwrap(), Library::Sofa3),
        format!("[: {HALVES} @1]")
    );
    let swapped = Class::new("java.util.UUID", ["leastSigBits", "mostSigBits"]);
    let sofa = raw(
        &[
            Token::List {
                class: None,
                len: Some(2),
            },
            Token::Object(&swapped),
            Token::Long(-8613303245920329199),
            Token::Long(4887742284515973),
            Token::End,
            Token::Ref(1),
            Token::End,
        ],
        Library::Sofa3,
    );
    assert_eq!(
        write(&tokens(&sofa, Library::Sofa3).unwrap(), Library::Lite).unwrap(),
        lite
    );
}

#[test]
fn malformed_uuids_are_refused() {
    let class = Class::new("java.util.UUID", ["value"]);
    let bytes = raw(
        &[Token::Object(&class), text("nonsense"), Token::End],
        Library::Sofa4,
    );
    assert_eq!(
        tokens(&bytes, Library::Lite).unwrap_err().kind,
        ErrorKind::Malformed
    );
    let class = Class::new("java.util.UUID", ["mostSigBits", "leastSigBits"]);
    let stream: [OwnedToken; 4] = [Token::Object(&class), text("a"), Token::Null, Token::End].map(Into::into);
    assert_eq!(
        write(&stream, Library::Lite).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn numbers_are_taken_out_of_their_handles() {
    let list = Token::List {
        class: None,
        len: Some(5),
    };
    let handle = |name: &str| Class::new(format!("com.caucho.hessian.io.{name}"), ["_value"]);
    let (byte, float) = (handle("ByteHandle"), handle("FloatHandle"));
    let bytes = raw(
        &[
            list,
            Token::Object(&byte),
            Token::Int(5),
            Token::End,
            Token::Object(&float),
            Token::Double(0.5),
            Token::End,
            Token::Ref(1),
            Token::List {
                class: None,
                len: Some(0),
            },
            Token::End,
            Token::Ref(3),
            Token::End,
        ],
        Library::Sofa4,
    );
    assert_eq!(read(&bytes, Library::Sofa4), "[: 5 0.5 5 [:] @1]");
    // A handle inside a handle is not a number, at any depth.
    let nested = raw(
        &[
            Token::Object(&byte),
            Token::Object(&byte),
            Token::Int(5),
            Token::End,
            Token::End,
        ],
        Library::Sofa4,
    );
    assert_eq!(
        tokens(&nested, Library::Sofa4).unwrap_err().kind,
        ErrorKind::Malformed
    );
}

#[test]
fn compact_dates_become_the_usual_handles() {
    let date = "com.caucho.hessian.io.java8.LocalDateHandle(year month day| 2024 2 29)";
    let time = "com.caucho.hessian.io.java8.LocalTimeHandle(hour minute second nano| 23 59 58 7)";
    let nanos = ((23 * 60 + 59) * 60 + 58) * 1_000_000_000 + 7;
    // A list of LocalDate{}, LocalTime{}, LocalDateTime{date, time}, a map, and references to the last two.
    let mut bytes = unhex(
        "7d 43 13 6a6176612e74696d652e4c6f63616c44617465 90 60 cd4d"
            .replace(' ', "")
            .as_str(),
    );
    bytes.truncate(bytes.len() - 2);
    let long = |bytes: &mut Vec<u8>, value: i64| {
        bytes.push(b'L');
        bytes.extend(value.to_be_bytes());
    };
    long(&mut bytes, 19_782);
    bytes.extend(unhex("43 13 6a6176612e74696d652e4c6f63616c54696d65 90 61"));
    long(&mut bytes, nanos);
    bytes.extend(unhex(
        "43 17 6a6176612e74696d652e4c6f63616c4461746554696d65 92 0464617465 0474696d65 62",
    ));
    long(&mut bytes, 19_782);
    long(&mut bytes, nanos);
    bytes.extend(unhex("48 5a 5194"));
    assert_eq!(
        read(&bytes, Library::Lite),
        format!(
            "[: {date} {time} com.caucho.hessian.io.java8.LocalDateTimeHandle(date time| {date} {time}) {{:}} @6]"
        )
    );
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    reader.skip_value().unwrap();
    assert!(reader.is_at_end());
}

#[test]
fn enum_constants_and_handles_are_renamed() {
    let color = Class::new("a.Color$1", ["name"]);
    let bytes = raw(&[Token::Object(&color), text("RED"), Token::End], Library::Sofa3);
    assert_eq!(read(&bytes, Library::Sofa3), "a.Color(name| 'RED')");
    let handle = Class::new("com.caucho.hessian.io.java8.YearHandle", ["year"]);
    let bytes = raw(
        &[Token::Object(&handle), Token::Int(2025), Token::End],
        Library::Lite,
    );
    assert!(bytes.windows(12).any(|w| w == b".alibaba.com"));
    assert_eq!(
        read(&bytes, Library::Lite),
        "com.caucho.hessian.io.java8.YearHandle(year| 2025)"
    );
}

#[test]
fn private_objects_of_the_jdk_are_refused() {
    for (class, library) in [
        ("java.util.Optional", Library::Sofa3),
        ("java.util.concurrent.CompletableFuture", Library::Sofa4),
        ("java.lang.StringBuilder", Library::Sofa3),
        ("java.util.CollSer", Library::Lite),
    ] {
        let class = Class::new(class, ["value"]);
        let bytes = raw(&[Token::Object(&class), Token::Null, Token::End], library);
        assert_eq!(
            tokens(&bytes, library).unwrap_err().kind,
            ErrorKind::Unsupported,
            "{class:?}"
        );
    }
    let bits = Class::new("com.caucho.hessian.io.BitSetHandle", ["words"]);
    let stream: [OwnedToken; 3] = [Token::Object(&bits), Token::Null, Token::End].map(Into::into);
    for library in [Library::Sofa3, Library::Sofa4] {
        assert_eq!(write(&stream, library).unwrap_err().kind, ErrorKind::Unsupported);
    }
    assert!(write(&stream, Library::Lite).is_ok());
}

#[test]
fn classes_that_dubbo_would_read_as_compact_dates_are_refused() {
    for (class, fields) in [
        ("java.time.LocalDate", &[][..]),
        ("java.time.LocalDateTime", &["date", "time"]),
    ] {
        let class = Class::new(class, fields.iter().copied());
        let mut stream: Vec<OwnedToken> = vec![Token::Object(&class).into()];
        stream.extend(fields.iter().map(|_| OwnedToken::Null));
        stream.push(OwnedToken::End);
        assert_eq!(
            write(&stream, Library::Lite).unwrap_err().kind,
            ErrorKind::Unsupported,
            "{class:?}"
        );
        assert!(write(&stream, Library::Sofa3).is_ok());
    }
}

#[test]
fn names_that_readers_would_refuse_are_not_written() {
    let long = "a".repeat(0x8001);
    let (class, field) = (Class::new(&*long, ["a"]), Class::new("a", [&*long]));
    for token in [
        Token::Object(&field),
        Token::Object(&class),
        Token::List {
            class: Some(&long),
            len: None,
        },
    ] {
        let e = write(&[token.into()], Library::Lite).unwrap_err();
        assert_eq!(e.kind, ErrorKind::TooLarge, "{e}");
    }
}

fn safe(stream: &[Token<'_>]) -> Result<String, ValueError> {
    let mut sink = Recorder::default();
    throwable::emit_safe(&mut sink, |sink| stream.iter().try_for_each(|t| sink.token(*t)))?;
    Ok(show(&sink.tokens))
}

const LIST: Token<'static> = Token::List {
    class: None,
    len: None,
};

#[test]
fn exceptions_lose_causes_and_stack_traces() {
    let class = Class::new(
        "a.Biz",
        [
            "suppressedExceptions",
            "stackTrace",
            "where",
            "cause",
            "detailMessage",
            "code",
        ],
    );
    let element = Class::new("java.lang.StackTraceElement", ["lineNumber"]);
    let stream = [
        LIST,
        Token::Object(&class), // 1
        LIST,                  // 2: dropped
        Token::End,
        LIST,                    // 3: dropped, an empty one in its place
        Token::Object(&element), // 4: dropped
        Token::Int(1),
        Token::End,
        Token::End,
        LIST, // 5: kept as 3
        Token::Ref(1),
        Token::Ref(3),
        Token::End,
        Token::Ref(1), // the cause that is the exception itself
        text("no"),
        Token::Int(7),
        Token::End,
        Token::Ref(5),
        Token::Ref(4),
        LIST, // 6: 4
        Token::Ref(6),
        Token::End,
        Token::End,
    ];
    assert_eq!(
        safe(&stream).unwrap(),
        "[: a.Biz(stackTrace where detailMessage code| [[java.lang.StackTraceElement:] \
         [: @1 [: java.lang.StackTraceElement(lineNumber| 1)]] 'no' 7) @3 @5 [: @6]]"
    );
    assert!(safe(&[Token::Ref(0)]).is_err());
}

#[test]
fn exceptions_inside_a_cause_are_dropped_with_it() {
    let class = Class::new("a.E", ["detailMessage", "cause", "stackTrace"]);
    let stream = [
        Token::Object(&class),
        text("outer"),
        Token::Object(&class),
        text("inner"),
        Token::Null,
        Token::Null,
        Token::End,
        Token::Null,
        Token::End,
    ];
    assert_eq!(
        safe(&stream).unwrap(),
        "a.E(detailMessage stackTrace| 'outer' [[java.lang.StackTraceElement:])"
    );
    // Objects that merely have a field `cause` are not exceptions.
    let order = Class::new("a.Order", ["cause"]);
    assert_eq!(
        safe(&[Token::Object(&order), text("x"), Token::End]).unwrap(),
        "a.Order(cause| 'x')"
    );
}

#[test]
fn exceptions_of_stock_peers_are_read_and_made_safe() {
    let mut seen = 0;
    for message in crate::support::corpus().filter(|m| m.case() == "throw-biz" && m.name.ends_with(".2")) {
        let mut tables = ReadTables::default();
        let mut reader = Reader::new(&message.bytes, message.library, &mut tables);
        if message.library == Library::Lite {
            reader.read_int().unwrap();
        } else {
            let response = reader.begin_object().unwrap();
            (0..response.field("appResponse").unwrap()).for_each(|_| reader.skip_value().unwrap());
        }
        let start = reader.mark();
        let head = throwable::read(&mut reader).unwrap().expect("an exception");
        let end = reader.mark();
        assert!(
            head.class.name().ends_with("BizException"),
            "{message}: {}",
            head.class.name()
        );
        assert!(head.message.is_some_and(|m| m.text().units() > 0));
        let own: Vec<_> = head
            .own
            .iter()
            .map(|(field, _)| &*head.class.fields()[*field])
            .collect();
        assert!(own.contains(&"code"), "{own:?}");
        reader.seek(start);
        let (mut sink, mut came) = (Recorder::default(), Recorder::default());
        Copier::default().copy(&mut reader, &mut came).unwrap();
        assert_eq!(reader.mark(), end);
        throwable::emit_safe(&mut sink, |sink| came.replay(sink)).unwrap();
        let shown = show(&sink.tokens);
        assert!(
            shown.contains("[[java.lang.StackTraceElement:]") && !shown.contains("cause"),
            "{shown}"
        );
        assert!(sink.tokens.len() < 30, "{shown}");
        seen += 1;
    }
    assert!(seen >= 2, "only {seen}");
}

#[test]
fn a_new_exception_has_a_message_and_an_empty_stack() {
    let mut sink = Recorder::default();
    throwable::write(&mut sink, "java.lang.RuntimeException", "a.Biz: no").unwrap();
    assert_eq!(
        show(&sink.tokens),
        "java.lang.RuntimeException(detailMessage stackTrace| 'a.Biz: no' [[java.lang.StackTraceElement:])"
    );
    let bytes = write(&sink.tokens, Library::Sofa3).unwrap();
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Sofa3, &mut tables);
    let head = throwable::read(&mut reader).unwrap().unwrap();
    assert!(head.message.unwrap().is("a.Biz: no") && head.own.is_empty());
    let mut reader = Reader::new(b"\x91H\x91\x91Z", Library::Lite, &mut tables);
    assert!(throwable::read(&mut reader).unwrap().is_none());
    assert!(throwable::read(&mut reader).unwrap().is_none());
    assert!(reader.is_at_end());
}
