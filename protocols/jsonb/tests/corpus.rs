//! Tests on the bytes that stock fastjson2 wrote, and on those it was verified to read (see
//! `vectors/README.md`).
#[path = "support/document.rs"]
mod common;

use std::collections::BTreeMap;

use common::{read, rewrite};
use rialto_jsonb::{Reader, split_document};
use rialto_values::{Class, Limits, Recorder, Sink, Text, Token, text};

/// Lines of a name, a tab, and bytes in hex.
fn vectors(text: &'static str) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(name, hex)| {
            let digit = |d: u8| (d as char).to_digit(16).expect("hex") as u8;
            (
                name,
                hex.as_bytes()
                    .chunks(2)
                    .map(|d| digit(d[0]) << 4 | digit(d[1]))
                    .collect(),
            )
        })
}

fn fastjson2() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    // The generator lists values that fastjson2 cannot write without bytes.
    vectors(include_str!("vectors/fastjson2.txt")).filter(|(_, bytes)| !bytes.is_empty())
}

/// References that fastjson2 wrote in a form that no reader can resolve.
const UNRESOLVABLE: [&str; 1] = ["map shared key a😀"];

#[test]
fn every_value_of_fastjson2_is_read() {
    let mut n = 0;
    for (name, bytes) in fastjson2() {
        let value = read(&bytes);
        assert_eq!(value.is_err(), UNRESOLVABLE.contains(&name), "{name}: {value:?}");
        let mut reader = Reader::new(&bytes, &Limits::default()).unwrap();
        reader.skip_value().unwrap();
        reader.finish().unwrap_or_else(|e| panic!("{name}: {e}"));
        n += 1;
    }
    assert!(n > 270);
}

#[test]
fn every_captured_frame_is_read_to_the_last_byte() {
    let mut n = 0;
    for (name, frame) in vectors(include_str!("vectors/frames.txt")) {
        let mut body = &frame[16..];
        assert_eq!(
            body.len(),
            u32::from_be_bytes(frame[12..16].try_into().unwrap()) as usize
        );
        while !body.is_empty() {
            let document = split_document(&mut body).unwrap_or_else(|e| panic!("{name}: {e}"));
            read(document).unwrap_or_else(|e| panic!("{name}: {e}"));
            n += 1;
        }
    }
    assert!(n > 1000, "{n} documents");
}

/// fastjson2 2.0.56 wrote this for a node whose two fields refer to the same other node: the second field
/// occurs twice, as a reference and as null, and must be read as one.
#[test]
fn a_reference_in_a_field_survives_the_null_after_it() {
    let document = b"\x92\x5acom.acme.zoo.Node\x00\xa6\x7f\x4elabel\x01\x4aa\x7f\x4dleft\x02\xa6\x7f\x01\x4ac\x7f\x02\xaf\
        \x7f\x4eright\x03\xaf\xa5\x7f\x03\x93\x4f$.left\x7f\x03\xaf\xa5";
    let name = |text: &'static str| Token::Text(Text::from_checked(text.as_bytes(), text.len() as u32));
    let class = Class::new("com.acme.zoo.Node", ["label", "left", "right"]);
    let mut want = Recorder::default();
    for token in [
        Token::Object(&class),
        name("a"),
        Token::Map { class: None },
        name("label"),
        name("c"),
        name("left"),
        Token::Null,
        name("right"),
        Token::Null,
        Token::End,
        Token::Ref(1),
        Token::End,
    ] {
        want.token(token).unwrap();
    }
    assert_eq!(read(document).unwrap().tokens, want.tokens);
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    for (name, bytes) in fastjson2().filter(|(_, bytes)| bytes.len() < 1000) {
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "{name} cut at {len}");
            let mut reader = Reader::new(&bytes[..len], &Limits::default()).unwrap();
            assert!(reader.skip_value().is_err(), "{name} cut at {len}");
        }
    }
}

#[test]
fn documents_with_a_flipped_byte_do_no_harm() {
    for (_, bytes) in fastjson2().filter(|(_, bytes)| bytes.len() < 200) {
        for at in 0..bytes.len() {
            for mask in [0xff, 1, 0x0f] {
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                if let Ok(value) = read(&bytes) {
                    let _ = rewrite(&value);
                }
            }
        }
    }
}

/// The output is pinned, because fastjson2 was seen to read it. After an intended change, write it again with
/// `JSONB_REWRITTEN=path cargo test -p rialto-jsonb --test corpus` and have it verified
/// (`vectors/README.md`).
#[test]
fn the_output_is_what_fastjson2_was_seen_to_read() {
    let mut written = BTreeMap::new();
    for (name, bytes) in fastjson2().filter(|(name, _)| !UNRESOLVABLE.contains(name)) {
        let value = read(&bytes).unwrap();
        written.insert(
            name.to_owned(),
            rewrite(&value).unwrap_or_else(|e| panic!("{name}: {e}")),
        );
    }
    for (name, value) in foreign() {
        written.insert(
            name.to_owned(),
            rewrite(&value).unwrap_or_else(|e| panic!("{name}: {e}")),
        );
    }
    if let Ok(path) = std::env::var("JSONB_REWRITTEN") {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let text: String = written
            .iter()
            .map(|(name, bytes)| format!("{name}\t{}\n", hex(bytes)))
            .collect();
        std::fs::write(path, text).unwrap();
        return;
    }
    let verified: BTreeMap<_, _> = vectors(include_str!("vectors/rewritten.txt"))
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        verified.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &written {
        assert_eq!(bytes, &verified[name], "{name}");
    }
}

#[test]
fn the_output_reads_back_as_the_same_tokens() {
    for (name, bytes) in vectors(include_str!("vectors/rewritten.txt")) {
        let value = read(&bytes).unwrap();
        let again = rewrite(&value).unwrap();
        // Compared as text, because NaN does not equal itself.
        assert_eq!(
            format!("{:?}", read(&again).unwrap()),
            format!("{value:?}"),
            "{name}"
        );
    }
}

/// Values as they come from Hessian peers, with the name of the Java value that they must equal.
fn foreign() -> Vec<(&'static str, Recorder)> {
    let mut out = Vec::new();
    let mut add = |name, build: &dyn Fn(&mut Build)| {
        let mut b = Build::default();
        build(&mut b);
        out.push((name, b.recorder));
    };
    add("person // hessian", &|b| {
        b.object("Vectors$Person", &PERSON)
            .text("Ada")
            .t(Token::Int(36))
            .t(Token::Long(1 << 40));
        b.t(Token::Date(1_700_000_000_123))
            .object("java.math.BigDecimal", &["value"])
            .text("12.340")
            .end();
        b.object("java.math.BigInteger", &["signum", "mag"])
            .t(Token::Int(1))
            .list("[int", 3);
        b.t(Token::Int(64)).t(Token::Int(0)).t(Token::Int(0)).end().end();
        b.enumeration("GREEN")
            .address("Zürich", 8001)
            .list("java.util.ArrayList", 2);
        b.address("Bern", 3000).address("北京", 100_000).end();
        b.t(Token::Map { class: None })
            .text("k")
            .text("v")
            .end()
            .t(Token::Long(7));
        b.t(Token::Int(-3))
            .t(Token::Int(300))
            .t(Token::Double(1.5))
            .t(Token::Double(2.25))
            .t(Token::Bool(true));
        b.text("中").t(Token::Binary(&[1, 2, 255]));
        b.list("[int", 3)
            .t(Token::Int(1))
            .t(Token::Int(-70_000))
            .t(Token::Int(i32::MAX))
            .end();
        b.list("[string", 3).text("a").t(Token::Null).text("b").end();
        b.local_date(2024, 2, 29)
            .object("java.util.UUID", &["mostSigBits", "leastSigBits"]);
        b.t(Token::Long(0x0011_2233_4455_6677))
            .t(Token::Long(0x8899_aabb_ccdd_eeff_u64 as i64))
            .end();
        b.list("java.util.HashSet", 1).text("one").end().end();
    });
    add("cycle // hessian", &|b| {
        b.node(1)
            .node(2)
            .t(Token::Ref(0))
            .t(Token::Null)
            .t(Token::Null)
            .end();
        b.t(Token::Null).t(Token::Null).end();
    });
    add("shared // hessian", &|b| {
        b.node(1)
            .node(2)
            .t(Token::Null)
            .t(Token::Null)
            .t(Token::Null)
            .end();
        b.t(Token::Ref(1)).t(Token::Null).end();
    });
    add("throwable // hessian", &|b| {
        let fields = ["detailMessage", "cause", "stackTrace", "suppressedExceptions"];
        b.object("java.lang.IllegalStateException", &fields)
            .text("boom")
            .t(Token::Ref(0))
            .trace();
        b.list("java.util.Collections$EmptyList", 0).end().end();
    });
    add("throwable biz // hessian", &|b| {
        let fields = [
            "suppressedExceptions",
            "stackTrace",
            "cause",
            "detailMessage",
            "code",
            "where",
        ];
        b.object("Vectors$BizException", &fields)
            .list("java.util.Collections$EmptyList", 0)
            .end()
            .trace();
        b.object("java.lang.IllegalArgumentException", &fields[..4])
            .t(Token::Ref(1))
            .trace();
        b.t(Token::Ref(5)).text("inner").end();
        b.text("biz").t(Token::Int(7)).address("Bern", 3000).end();
    });
    add("list shared // several values", &|b| {
        b.t(Token::List {
            class: None,
            len: None,
        })
        .address("A", 1)
        .t(Token::Ref(1))
        .address("B", 2)
        .t(Token::Ref(1))
        .end();
    });
    add("object array shared // hessian", &|b| {
        b.list("[object", 3)
            .t(Token::Int(1))
            .address("A", 1)
            .t(Token::Ref(1))
            .end();
    });
    add("slots // hessian", &slots);
    add("slot timestamp // hessian", &|b| {
        b.object("Vectors$Slots", &["timestamp"])
            .object("java.sql.Timestamp", &["value"]);
        b.t(Token::Date(1_700_000_000_123)).end().end();
    });
    add("slot calendar // hessian", &|b| {
        b.object("Vectors$Slots", &["calendar"])
            .object("com.caucho.hessian.io.CalendarHandle", &["type", "date"]);
        b.t(Token::Null).t(Token::Date(1_700_000_000_123)).end().end();
    });
    add("enum list // shared", &|b| {
        b.list("java.util.ArrayList", 3)
            .enumeration("RED")
            .enumeration("GREEN")
            .t(Token::Ref(1))
            .end();
    });
    out
}

const PERSON: [&str; 23] = [
    "name", "age", "balance", "born", "score", "big", "color", "home", "past", "tags", "anything", "tiny",
    "small", "ratio", "weight", "good", "letter", "blob", "numbers", "words", "day", "id", "names",
];

#[derive(Default)]
struct Build {
    recorder: Recorder,
}

impl Build {
    fn t(&mut self, token: Token<'_>) -> &mut Self {
        self.recorder.token(token).expect("a recorder takes everything");
        self
    }

    fn end(&mut self) -> &mut Self {
        self.t(Token::End)
    }

    fn text(&mut self, s: &str) -> &mut Self {
        let mut cesu8 = vec![];
        let units = text::encode(s, &mut cesu8);
        self.t(Token::Text(Text::from_checked(&cesu8, units)))
    }

    fn object(&mut self, class: &str, fields: &[&str]) -> &mut Self {
        self.t(Token::Object(&Class::new(class, fields.iter().copied())))
    }

    fn list(&mut self, class: &str, len: u32) -> &mut Self {
        self.t(Token::List {
            class: Some(class),
            len: Some(len),
        })
    }

    fn enumeration(&mut self, name: &str) -> &mut Self {
        self.object("Vectors$Color", &["name"]).text(name).end()
    }

    fn address(&mut self, city: &str, zip: i32) -> &mut Self {
        self.object("Vectors$Address", &["zip", "city"])
            .t(Token::Int(zip))
            .text(city)
            .end()
    }

    fn local_date(&mut self, year: i32, month: i32, day: i32) -> &mut Self {
        self.object(
            "com.caucho.hessian.io.java8.LocalDateHandle",
            &["day", "month", "year"],
        );
        self.t(Token::Int(day))
            .t(Token::Int(month))
            .t(Token::Int(year))
            .end()
    }

    /// Opens a node up to its `id`.
    fn node(&mut self, id: i32) -> &mut Self {
        self.object("Vectors$Node", &["id", "next", "other", "any"])
            .t(Token::Int(id))
    }

    /// The stack trace that the generator gives its exceptions, as a JDK 17 peer sends it.
    fn trace(&mut self) -> &mut Self {
        let fields = [
            "format",
            "lineNumber",
            "fileName",
            "methodName",
            "declaringClass",
            "moduleName",
        ];
        self.list("[java.lang.StackTraceElement", 2);
        for (class, method, file, line) in [
            ("com.acme.Shop", "buy", Some("Shop.java"), 42),
            ("Main", "main", None, -2),
        ] {
            self.object("java.lang.StackTraceElement", &fields)
                .t(Token::Int(1))
                .t(Token::Int(line));
            match file {
                Some(file) => self.text(file),
                None => self.t(Token::Null),
            };
            self.text(method).text(class).t(Token::Null).end();
        }
        self.end()
    }
}

/// `slots` with the classes that a Hessian peer sends.
fn slots(b: &mut Build) {
    const JAVA8: &str = "com.caucho.hessian.io.java8.";
    let handle = |name: &str| format!("{JAVA8}{name}Handle");
    let fields = [
        "id",
        "duration",
        "instant",
        "zoned",
        "offset",
        "locale",
        "builder",
        "type",
        "color",
        "colors",
        "palette",
        "letter",
        "boxed",
        "ratio",
        "tiny",
        "tinyBoxed",
        "small",
        "big",
        "numbers",
        "longs",
        "words",
        "objects",
        "addresses",
        "list",
        "map",
        "byNumber",
        "set",
        "counter",
        "money",
        "total",
        "any",
    ];
    b.object("Vectors$Slots", &fields); // 0
    b.object("java.util.UUID", &["mostSigBits", "leastSigBits"])
        .t(Token::Long(1))
        .t(Token::Long(2))
        .end(); // 1
    b.object(&handle("Duration"), &["seconds", "nanos"])
        .t(Token::Long(-2))
        .t(Token::Int(500_000_000))
        .end(); // 2
    b.object(&handle("Instant"), &["seconds", "nanos"])
        .t(Token::Long(1_700_000_000))
        .t(Token::Int(5))
        .end(); // 3
    b.object(&handle("ZonedDateTime"), &["offset", "dateTime", "zoneId"]); // 4
    b.object(&handle("ZoneOffset"), &["seconds"])
        .t(Token::Int(3600))
        .end(); // 5
    b.object(&handle("LocalDateTime"), &["time", "date"])
        .object(&handle("LocalTime"), &["nano", "second", "minute", "hour"]);
    b.t(Token::Int(5))
        .t(Token::Int(20))
        .t(Token::Int(13))
        .t(Token::Int(22))
        .end(); // 6, 7
    b.local_date(2023, 11, 14).end().text("Europe/Zurich").end(); // 8
    b.object(&handle("OffsetDateTime"), &["dateTime", "offset"])
        .t(Token::Ref(6)); // 9
    b.object(&handle("ZoneOffset"), &["seconds"])
        .t(Token::Int(7200))
        .end()
        .end(); // 10
    b.object("com.caucho.hessian.io.LocaleHandle", &["value"])
        .text("zh_CN")
        .end()
        .text("b"); // 11
    b.object("java.lang.Class", &["name"])
        .text("java.lang.String")
        .end()
        .enumeration("GREEN"); // 12, 13
    b.list("[Vectors$Color", 2)
        .enumeration("RED")
        .t(Token::Ref(13))
        .end(); // 14, 15
    b.list("java.util.ArrayList", 2)
        .t(Token::Ref(15))
        .t(Token::Ref(13))
        .end(); // 16
    b.text("中")
        .text("c")
        .t(Token::Double(0.1))
        .t(Token::Int(-3))
        .t(Token::Int(4))
        .t(Token::Int(300))
        .t(Token::Long(5));
    b.list("[int", 2).t(Token::Int(1)).t(Token::Int(-70_000)).end(); // 17
    b.list("[long", 2).t(Token::Long(1)).t(Token::Long(1 << 40)).end(); // 18
    b.list("[string", 2).text("a").t(Token::Null).end(); // 19
    b.list("[object", 3)
        .t(Token::Int(1))
        .text("a")
        .address("X", 9)
        .end(); // 20, 21
    b.list("[Vectors$Address", 2)
        .address("A", 1)
        .address("B", 2)
        .end(); // 22, 23, 24
    b.list("java.util.ArrayList", 2)
        .t(Token::Ref(23))
        .t(Token::Ref(23))
        .end(); // 25
    b.t(Token::Map { class: None }).text("k").t(Token::Ref(23)).end(); // 26
    b.t(Token::Map { class: None })
        .t(Token::Int(7))
        .address("C", 3)
        .end(); // 27, 28
    b.list("java.util.HashSet", 1).address("D", 4).end(); // 29, 30
    b.object("java.util.concurrent.atomic.AtomicInteger", &["value"])
        .t(Token::Int(3))
        .end(); // 31
    b.object("java.util.Currency", &["currencyCode"])
        .text("CHF")
        .end();
    b.object("java.util.concurrent.atomic.AtomicLong", &["value"])
        .t(Token::Long(1 << 40))
        .end();
    b.t(Token::Map {
        class: Some("java.util.LinkedHashMap"),
    })
    .text("x")
    .t(Token::Ref(23))
    .end()
    .end(); // 32
}
