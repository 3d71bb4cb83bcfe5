//! Properties that hold for any value.
use proptest::collection::vec;
use proptest::prelude::*;
use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{Class, Limits, OwnedToken, Recorder, text};

use crate::support::{tokens, write};

/// A value as a tree. Shared values are inserted when it is turned into tokens.
#[derive(Clone, Debug)]
enum Value {
    Scalar(OwnedToken),
    List(Option<&'static str>, Vec<Value>),
    Map(Option<&'static str>, Vec<(Value, Value)>),
    Object(usize, Vec<Value>),
    /// A reference to one of the containers before it, if there is one.
    Ref(prop::sample::Index),
}

const TYPES: [Option<&str>; 5] = [
    None,
    Some("[int"),
    Some("[[string"),
    Some("java.util.TreeSet"),
    Some("a.Ünïcode中"),
];
const CLASSES: [(&str, &[&str]); 5] = [
    ("a.Empty", &[]),
    ("a.One", &["value"]),
    ("a.Two", &["left", "right"]),
    ("a.One", &["other"]),
    ("com.caucho.hessian.io.java8.InstantHandle", &["seconds", "nanos"]),
];

fn string() -> impl Strategy<Value = OwnedToken> {
    let short = vec(any::<char>(), 0..40);
    let long = (vec(any::<char>(), 1..20), 1..4000usize).prop_map(|(piece, times)| piece.repeat(times));
    // A lone surrogate at the end is legal in Java.
    (
        prop_oneof![20 => short, 1 => long],
        prop::option::weighted(0.1, 0xd800..0xe000u16),
    )
        .prop_map(|(chars, lone)| {
            let mut bytes = vec![];
            text::encode(&chars.iter().collect::<String>(), &mut bytes);
            lone.iter().for_each(|unit| text::push_unit(*unit, &mut bytes));
            OwnedToken::Text(bytes)
        })
}

fn scalar() -> impl Strategy<Value = OwnedToken> {
    let near = |bits: u32| (any::<i64>(), 0..bits).prop_map(|(n, shift)| n >> shift);
    prop_oneof![
        Just(OwnedToken::Null),
        any::<bool>().prop_map(OwnedToken::Bool),
        near(64).prop_map(|n| OwnedToken::Int(n as i32)),
        near(64).prop_map(OwnedToken::Long),
        any::<f64>().prop_map(OwnedToken::Double),
        near(64).prop_map(|n| OwnedToken::Double(n as i32 as f64)),
        near(64).prop_map(|n| OwnedToken::Double(f64::from(n as i32) * 0.001)),
        any::<f32>().prop_map(|n| OwnedToken::Double(n.into())),
        near(64).prop_map(OwnedToken::Date),
        near(40).prop_map(|n| OwnedToken::Date(n.wrapping_mul(60_000))),
        string(),
        vec(any::<u8>(), 0..40).prop_map(OwnedToken::Binary),
        (any::<u8>(), 1000..70_000usize).prop_map(|(byte, len)| OwnedToken::Binary(vec![byte; len])),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![6 => scalar().prop_map(Value::Scalar), 1 => any::<prop::sample::Index>().prop_map(Value::Ref)];
    leaf.prop_recursive(6, 60, 10, |inner| {
        prop_oneof![
            (0..TYPES.len(), vec(inner.clone(), 0..12)).prop_map(|(t, items)| Value::List(TYPES[t], items)),
            (0..TYPES.len(), vec((inner.clone(), inner.clone()), 0..6))
                .prop_map(|(t, items)| Value::Map(TYPES[t], items)),
            (0..CLASSES.len(), vec(inner, 2)).prop_map(|(class, fields)| Value::Object(class, fields)),
        ]
    })
}

/// Turns a value into tokens.
fn lay_out(value: &Value, numbered: &mut u32, out: &mut Vec<OwnedToken>) {
    if !matches!(value, Value::Scalar(_) | Value::Ref(_)) {
        *numbered += 1;
    }
    match value {
        Value::Scalar(token) => return out.push(token.clone()),
        Value::Ref(_) if *numbered == 0 => return out.push(OwnedToken::Null),
        Value::Ref(index) => return out.push(OwnedToken::Ref(index.index(*numbered as usize) as u32)),
        Value::List(class, items) => {
            out.push(OwnedToken::List {
                class: class.map(Into::into),
                len: Some(items.len() as u32),
            });
            items.iter().for_each(|item| lay_out(item, numbered, out));
        }
        Value::Map(class, items) => {
            // A first key `true` in the draft grammar has a test of its own.
            let is_true = |v: &Value| matches!(v, Value::Scalar(OwnedToken::Bool(true)));
            let hazard = items.first().is_some_and(|(key, _)| is_true(key)) && class.is_none();
            let class = if hazard { Some("java.util.HashMap") } else { *class };
            out.push(OwnedToken::Map {
                class: class.map(Into::into),
            });
            for (key, value) in items {
                lay_out(key, numbered, out);
                lay_out(value, numbered, out);
            }
        }
        Value::Object(class, values) => {
            let (name, fields) = CLASSES[*class];
            out.push(OwnedToken::Object(Class::new(name, fields.iter().copied())));
            values
                .iter()
                .take(fields.len())
                .for_each(|value| lay_out(value, numbered, out));
        }
    }
    out.push(OwnedToken::End);
}

fn stream() -> impl Strategy<Value = Vec<OwnedToken>> {
    vec(value(), 1..5).prop_map(|values| {
        let (mut numbered, mut out) = (0, vec![]);
        values
            .iter()
            .for_each(|value| lay_out(value, &mut numbered, &mut out));
        out
    })
}

/// Tokens as text, in which NaN equals itself.
fn debug(tokens: &[OwnedToken]) -> String {
    format!("{tokens:?}")
}

const LIBRARIES: [Library; 3] = [Library::Lite, Library::Sofa3, Library::Sofa4];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_values_are_read_back(stream in stream()) {
        for library in LIBRARIES {
            let bytes = write(&stream, library).unwrap();
            prop_assert_eq!(debug(&tokens(&bytes, library).unwrap()), debug(&stream));
        }
    }

    #[test]
    fn grammars_convert_there_and_back(stream in stream()) {
        for (here, there) in [(Library::Lite, Library::Sofa3), (Library::Sofa3, Library::Sofa4), (Library::Sofa4, Library::Lite)] {
            let first = write(&stream, here).unwrap();
            let between = write(&tokens(&first, here).unwrap(), there).unwrap();
            let back = write(&tokens(&between, there).unwrap(), here).unwrap();
            prop_assert_eq!(first, back);
        }
    }

    #[test]
    fn skipping_the_first_values_and_copying_the_rest_keeps_the_rest(stream in stream(), skip in 0..4usize) {
        for library in LIBRARIES {
            let bytes = write(&stream, library).unwrap();
            let mut tables = ReadTables::default();
            let mut reader = Reader::new(&bytes, library, &mut tables);
            for _ in 0..skip {
                if !reader.is_at_end() {
                    reader.skip_value().unwrap();
                }
            }
            // Copied with one copier each, references inside a value stay, others are written out, and none
            // dangles.
            while !reader.is_at_end() {
                let (mut out, mut shapes) = (vec![], WriteTables::default());
                let mut writer = Writer::new(&mut out, Library::Lite, &mut shapes);
                Copier::default().copy(&mut reader, &mut writer).unwrap();
                writer.finish().unwrap();
                tokens(&out, Library::Lite).unwrap();
            }
        }
    }

    #[test]
    fn a_truncated_stream_is_never_accepted(stream in stream(), at in any::<prop::sample::Index>()) {
        for library in LIBRARIES {
            let bytes = write(&stream, library).unwrap();
            let cut = at.index(bytes.len());
            if let Ok(fewer) = tokens(&bytes[..cut], library) {
                prop_assert!(fewer.len() < stream.len());
                prop_assert_eq!(debug(&fewer), debug(&stream[..fewer.len()]));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let limits = Limits { depth: 20, tokens: 5000, table: 500 };
        for library in LIBRARIES {
            let mut tables = ReadTables::default();
            let mut reader = Reader::new(&bytes, library, &mut tables).with_limits(limits);
            let (mut copier, mut sink) = (Copier::default(), Recorder::default());
            while !reader.is_at_end() && copier.copy(&mut reader, &mut sink).is_ok() {}
            prop_assert!(sink.tokens.len() <= 5000);
            let mut reader = Reader::new(&bytes, library, &mut tables).with_limits(limits);
            while !reader.is_at_end() && reader.skip_value().is_ok() {}
        }
    }
}
