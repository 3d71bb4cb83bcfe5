use super::*;
use crate::dubbo::body::{self, Serialization};
use rialto_hessian::{Library, WriteTables, Writer};
use rialto_values::Class;

mod converted;

/// The part of a body that `$invoke` sends. `args` writes the third argument.
fn invoke(types: Option<&[&str]>, args: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let (mut out, mut tables) = (vec![], WriteTables::default());
    let mut w = Writer::new(&mut out, Library::Lite, &mut tables);
    w.write_str("find");
    match types {
        None => w.write_null(),
        Some(types) => {
            w.begin_list(Some("[string"), Some(types.len() as u32)).unwrap();
            types.iter().for_each(|t| w.write_str(t));
            w.end().unwrap();
        }
    }
    args(&mut w);
    w.finish().unwrap();
    out
}

fn emitted(bytes: &[u8]) -> Result<Vec<OwnedToken>, ValueError> {
    let mut sink = Recorder::default();
    body::read(bytes, Serialization::Hessian2, |b| emit(b, None, &mut sink))?;
    Ok(sink.tokens)
}

fn read(bytes: &[u8]) -> Result<(Vec<u8>, Vec<String>, u32), ValueError> {
    body::read(bytes, Serialization::Hessian2, |b| {
        let found = Invoke::read(b)?;
        Ok((
            found.method.to_vec(),
            found.types.iter().map(|t| t.to_string()).collect(),
            found.count,
        ))
    })
}

fn text(s: &str) -> OwnedToken {
    OwnedToken::Text(s.as_bytes().to_vec())
}

#[test]
fn types_may_be_spelled_as_in_source() {
    let bytes = invoke(Some(&["int", "java.lang.String[]"]), |w| {
        w.begin_list(Some("[object"), Some(2)).unwrap();
        w.write_int(1);
        w.write_null();
        w.end().unwrap();
    });
    let (method, types, count) = read(&bytes).unwrap();
    assert_eq!((&method[..], count), (&b"find"[..], 2));
    assert_eq!(types, ["int", "[Ljava.lang.String;"]);
}

#[test]
fn missing_types_are_refused_unless_there_are_no_arguments() {
    let one = |w: &mut Writer<'_>| {
        w.begin_list(Some("[object"), Some(1)).unwrap();
        w.write_int(1);
        w.end().unwrap();
    };
    for types in [None, Some(&[][..]), Some(&["int", "int"][..])] {
        let error = read(&invoke(types, one)).unwrap_err();
        assert!(error.text.contains("name all types"), "{error}");
    }
    assert_eq!(read(&invoke(None, |w| w.write_null())).unwrap().2, 0);
}

#[test]
fn maps_become_maps_of_their_class_at_any_depth() {
    let bytes = invoke(Some(&["a.Order", "java.lang.Object"]), |w| {
        w.begin_list(Some("[object"), Some(2)).unwrap();
        w.begin_map(Some("java.util.LinkedHashMap")).unwrap();
        w.write_str("id");
        w.write_int(7);
        w.write_str("lines");
        w.begin_list(None, Some(1)).unwrap();
        w.begin_map(None).unwrap();
        w.write_str("class");
        w.write_str("a.Line");
        w.write_str("n");
        w.write_int(1);
        w.end().unwrap();
        w.end().unwrap();
        w.write_str("class");
        w.write_str("a.Order");
        w.end().unwrap();
        w.write_ref(2);
        w.end().unwrap();
    });
    let map = |class: &str| OwnedToken::Map {
        class: Some(class.into()),
    };
    assert_eq!(
        emitted(&bytes).unwrap(),
        [
            map("a.Order"),
            text("id"),
            OwnedToken::Int(7),
            text("lines"),
            OwnedToken::List {
                class: None,
                len: Some(1)
            },
            map("a.Line"),
            text("n"),
            OwnedToken::Int(1),
            OwnedToken::End,
            OwnedToken::End,
            OwnedToken::End,
            OwnedToken::Ref(0),
        ]
    );
}

#[test]
fn an_empty_class_is_an_entry_like_others() {
    let bytes = invoke(Some(&["java.lang.Object"]), |w| {
        w.begin_list(Some("[object"), Some(1)).unwrap();
        w.begin_map(None).unwrap();
        w.write_str("class");
        w.write_str("");
        w.end().unwrap();
        w.end().unwrap();
    });
    let map = OwnedToken::Map { class: None };
    assert_eq!(
        emitted(&bytes).unwrap(),
        [map, text("class"), text(""), OwnedToken::End]
    );
}

#[test]
fn strings_for_classes_of_an_application_are_enum_constants() {
    let bytes = invoke(
        Some(&["a.Color", "java.lang.String", "java.util.List", "java.util.List"]),
        |w| {
            w.begin_list(Some("[object"), Some(4)).unwrap();
            w.write_str("RED");
            w.write_str("RED");
            w.begin_list(None, Some(1)).unwrap();
            w.write_str("RED");
            w.end().unwrap();
            w.write_ref(2);
            w.end().unwrap();
        },
    );
    let want = [
        OwnedToken::Object(Class::new("a.Color", ["name"])),
        text("RED"),
        OwnedToken::End,
        text("RED"),
        OwnedToken::List {
            class: None,
            len: Some(1),
        },
        text("RED"),
        OwnedToken::End,
        OwnedToken::Ref(1),
    ];
    assert_eq!(emitted(&bytes).unwrap(), want);
}

fn object(class: &str, field: &'static str, value: OwnedToken) -> Vec<OwnedToken> {
    vec![
        OwnedToken::Object(Class::new(class, [field])),
        value,
        OwnedToken::End,
    ]
}

#[test]
fn an_argument_that_contains_the_argument_list_is_refused() {
    let bytes = invoke(Some(&["java.lang.Object"]), |w| {
        w.begin_list(Some("[object"), Some(1)).unwrap();
        w.write_ref(1);
        w.end().unwrap();
    });
    assert!(emitted(&bytes).is_err());
}

fn generalized(tokens: Vec<OwnedToken>) -> Vec<OwnedToken> {
    let mut out = Recorder::default();
    Recorder::from(tokens)
        .replay(&mut Generalize::new(&mut out))
        .unwrap();
    out.tokens
}

#[test]
fn objects_become_maps_and_constants_become_names() {
    let color = OwnedToken::Object(Class::new("a.Color", ["name"]));
    let tag = OwnedToken::Object(Class::new("a.Tag", ["name"]));
    let order = OwnedToken::Object(Class::new("a.Order", ["color", "other", "tag", "total", "self"]));
    let decimal = OwnedToken::Object(Class::new("java.math.BigDecimal", ["value"]));
    let out = generalized(vec![
        order,
        color,
        text("RED"),
        OwnedToken::End,
        OwnedToken::Ref(1),
        tag,
        text("Gen"),
        OwnedToken::End,
        decimal.clone(),
        text("1.5"),
        OwnedToken::End,
        OwnedToken::Ref(0),
        OwnedToken::End,
    ]);
    let plain = OwnedToken::Map { class: None };
    assert_eq!(
        out,
        [
            plain.clone(),
            text("class"),
            text("a.Order"),
            text("color"),
            text("RED"),
            text("other"),
            text("RED"),
            text("tag"),
            plain,
            text("class"),
            text("a.Tag"),
            text("name"),
            text("Gen"),
            OwnedToken::End,
            text("total"),
            decimal,
            text("1.5"),
            OwnedToken::End,
            text("self"),
            OwnedToken::Ref(0),
            OwnedToken::End,
        ]
    );
}

#[test]
fn lists_lose_foreign_classes_and_references_keep_their_targets() {
    let list = |class: Option<&str>| OwnedToken::List {
        class: class.map(Into::into),
        len: Some(1),
    };
    let color = OwnedToken::Object(Class::new("a.Color", ["name"]));
    let out = generalized(vec![
        list(Some("[a.Color")),
        color,
        text("RED"),
        OwnedToken::End,
        OwnedToken::End,
    ]);
    assert_eq!(out, [list(Some("[object")), text("RED"), OwnedToken::End]);
    let out = generalized(vec![
        list(None),
        OwnedToken::Object(Class::new("a.Color", ["name"])),
        text("RED"),
        OwnedToken::End,
        list(Some("[int")),
        OwnedToken::Int(1),
        OwnedToken::End,
        OwnedToken::Ref(2),
        OwnedToken::End,
    ]);
    assert_eq!(
        out,
        [
            list(None),
            text("RED"),
            list(Some("[int")),
            OwnedToken::Int(1),
            OwnedToken::End,
            OwnedToken::Ref(1),
            OwnedToken::End,
        ]
    );
}

/// Stock providers have written them as texts since 2.7.
#[test]
fn local_dates_and_times_become_texts() {
    let handle = |name: &str, fields: &[&'static str]| {
        let name = format!("{}java8.{name}Handle", rialto_values::handle::PACKAGE);
        OwnedToken::Object(Class::new(name, fields.iter().copied()))
    };
    let date = [handle("LocalDate", &["year", "month", "day"])]
        .into_iter()
        .chain([2026, 5, 6].map(OwnedToken::Int))
        .chain([OwnedToken::End]);
    let time = [handle("LocalTime", &["hour", "minute", "second", "nano"])]
        .into_iter()
        .chain([7, 8, 0, 0].map(OwnedToken::Int))
        .chain([OwnedToken::End]);
    let unit = object("java.util.concurrent.TimeUnit", "name", text("DAYS"));
    let list = OwnedToken::List {
        class: None,
        len: None,
    };
    let mut stream = vec![list.clone()]; // 0
    stream.extend(date.clone()); // 1
    stream.push(handle("LocalDateTime", &["date", "time"])); // 2
    stream.extend(date); // 3
    stream.extend(time); // 4
    stream.push(OwnedToken::End);
    stream.extend(unit); // 5
    stream.push(list.clone()); // 6
    stream.push(OwnedToken::End);
    stream.extend([1, 2, 5, 6].map(OwnedToken::Ref));
    stream.push(OwnedToken::End);
    let want = [
        list.clone(),
        text("2026-05-06"),
        text("2026-05-06T07:08"),
        text("DAYS"),
        list,
        OwnedToken::End,
        text("2026-05-06"),
        text("2026-05-06T07:08"),
        text("DAYS"),
        OwnedToken::Ref(1),
        OwnedToken::End,
    ];
    assert_eq!(generalized(stream), want);
}
