//! Tests of the conversion of scalars to the type of the parameter.
use super::*;

/// The result of converting one argument for a parameter of that type.
fn converted(declared: &str, value: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<OwnedToken>, ValueError> {
    let bytes = invoke(Some(&[declared]), |w| {
        w.begin_list(Some("[object"), Some(1)).unwrap();
        value(w);
        w.end().unwrap();
    });
    let rules = ValueRules {
        utc_offset: Some(8 * 3600),
        ..ValueRules::default()
    };
    let mut sink = Recorder::default();
    body::read(&bytes, Serialization::Hessian2, |b| {
        emit(b, Some(&rules), &mut sink)
    })?;
    Ok(sink.tokens)
}

#[test]
fn texts_become_values_of_the_parameter_type() {
    const MILLIS: i64 = 1_767_323_045_000 - 8 * 3_600_000;
    for (declared, value, want) in [
        ("java.lang.Long", "5", vec![OwnedToken::Long(5)]),
        ("int", "-5", vec![OwnedToken::Int(-5)]),
        ("byte", "127", vec![OwnedToken::Int(127)]),
        ("double", "1.5", vec![OwnedToken::Double(1.5)]),
        ("boolean", "TRUE", vec![OwnedToken::Bool(true)]),
        ("char", "x", vec![text("x")]),
        ("java.lang.String", "5", vec![text("5")]),
        (
            "java.math.BigDecimal",
            "1.50",
            object("java.math.BigDecimal", "value", text("1.50")),
        ),
        (
            "java.util.Date",
            "2026-01-02 03:04:05",
            vec![OwnedToken::Date(MILLIS)],
        ),
        (
            "java.sql.Timestamp",
            "2026-01-02 03:04:05",
            object("java.sql.Timestamp", "value", OwnedToken::Date(MILLIS)),
        ),
        (
            "java.lang.Class",
            "java.lang.String",
            object("java.lang.Class", "name", text("java.lang.String")),
        ),
        (
            "java.util.concurrent.TimeUnit",
            "DAYS",
            object("java.util.concurrent.TimeUnit", "name", text("DAYS")),
        ),
        ("java.util.List", "x", vec![text("x")]),
    ] {
        assert_eq!(
            converted(declared, |w| w.write_str(value)),
            Ok(want),
            "{declared}"
        );
    }
    for (declared, value) in [
        ("int", "x"),
        ("byte", "128"),
        ("java.lang.Long", "5.0"),
        ("char", "xy"),
        ("java.math.BigDecimal", "1,5"),
        ("java.math.BigInteger", "1.5"),
        ("java.util.Date", "tomorrow"),
        ("java.time.LocalDate", "2026-02-30"),
    ] {
        let error = converted(declared, |w| w.write_str(value)).unwrap_err();
        assert!(
            error.text.contains(declared) && error.text.contains(value),
            "{error}"
        );
    }
}

#[test]
fn numbers_become_values_of_the_parameter_type() {
    let big = |signum, mag: &[i32]| {
        let words = mag.iter().map(|w| OwnedToken::Int(*w));
        let list = OwnedToken::List {
            class: Some("[int".into()),
            len: Some(mag.len() as u32),
        };
        let class = OwnedToken::Object(Class::new("java.math.BigInteger", ["signum", "mag"]));
        [class, OwnedToken::Int(signum), list]
            .into_iter()
            .chain(words)
            .chain([OwnedToken::End, OwnedToken::End])
            .collect::<Vec<_>>()
    };
    let decimal = |s: &str| object("java.math.BigDecimal", "value", text(s));
    assert_eq!(
        converted("java.math.BigDecimal", |w| w.write_double(1.5)),
        Ok(decimal("1.5"))
    );
    assert_eq!(
        converted("java.math.BigDecimal", |w| w.write_int(7)),
        Ok(decimal("7"))
    );
    // more digits than a double has
    assert_eq!(
        converted("java.math.BigDecimal", |w| w.write_long((1 << 53) + 1)),
        Ok(decimal("9007199254740993"))
    );
    assert_eq!(
        converted("java.math.BigInteger", |w| w.write_long(-123)),
        Ok(big(-1, &[123]))
    );
    let text = "340282366920938463463374607431768211455";
    assert_eq!(
        converted("java.math.BigInteger", |w| w.write_str(text)),
        Ok(big(1, &[-1; 4]))
    );
    assert_eq!(
        converted("java.math.BigInteger", |w| w.write_str("0")),
        Ok(big(0, &[]))
    );
    assert_eq!(
        converted("java.lang.Long", |w| w.write_int(5)),
        Ok(vec![OwnedToken::Long(5)])
    );
    assert_eq!(
        converted("int", |w| w.write_long(1 << 32 | 5)),
        Ok(vec![OwnedToken::Int(5)])
    );
    assert_eq!(
        converted("double", |w| w.write_int(5)),
        Ok(vec![OwnedToken::Double(5.0)])
    );
    assert_eq!(
        converted("java.util.Date", |w| w.write_long(9)),
        Ok(vec![OwnedToken::Date(9)])
    );
    assert_eq!(
        converted("java.lang.String", |w| w.write_int(5)),
        Ok(vec![OwnedToken::Int(5)])
    );
}

#[test]
fn elements_of_arrays_become_values_of_the_element_type() {
    let list = |class: &str| OwnedToken::List {
        class: Some(class.into()),
        len: Some(2),
    };
    let color = |name: &str| object("a.Color", "name", text(name));
    let got = converted("a.Color[]", |w| {
        w.begin_list(Some("[string"), Some(2)).unwrap();
        w.write_str("RED");
        w.write_str("BLUE");
        w.end().unwrap();
    });
    let want = [
        vec![list("[a.Color")],
        color("RED"),
        color("BLUE"),
        vec![OwnedToken::End],
    ]
    .concat();
    assert_eq!(got, Ok(want));
    let got = converted("[[J", |w| {
        w.begin_list(None, Some(2)).unwrap();
        w.begin_list(None, Some(2)).unwrap();
        w.write_int(1);
        w.write_str("2");
        w.end().unwrap();
        w.write_null();
        w.end().unwrap();
    });
    let want = [
        list("[[long"),
        list("[long"),
        OwnedToken::Long(1),
        OwnedToken::Long(2),
        OwnedToken::End,
        OwnedToken::Null,
        OwnedToken::End,
    ];
    assert_eq!(got, Ok(want.to_vec()));
}

/// The provider may have sent a constant whose name is not written in capitals.
#[test]
fn a_map_of_a_class_and_a_name_is_an_object() {
    for class_first in [true, false] {
        let got = converted("java.lang.Object", |w| {
            w.begin_map(None).unwrap();
            if class_first {
                w.write_str("class");
                w.write_str("a.Color");
            }
            w.write_str("name");
            w.write_str("red");
            if !class_first {
                w.write_str("class");
                w.write_str("a.Color");
            }
            w.end().unwrap();
        });
        assert_eq!(got, Ok(object("a.Color", "name", text("red"))));
    }
}
