//! Tests of generic calls of stock consumers, bridged to other protocols and back.
use super::*;
use rialto_core::call::{Attachments, Exception};
use rialto_values::Class;

#[test]
fn generic_calls_become_the_calls_they_stand_for() {
    for (file, name, method, ty) in [
        (V33, "generic-true-pojo", "echoPerson", "lab.zoo.api.Person"),
        (V33, "generic-raw-return-pojo", "echoPerson", "lab.zoo.api.Person"),
        (V27, "generic-true-string", "echoString", "java.lang.String"),
        (HANDMADE_33, "generic-no-attachment", "echoInt", "int"),
        (
            HANDMADE_33,
            "generic-untyped-lists",
            "echoPerson",
            "lab.zoo.api.Person",
        ),
    ] {
        let case = case(file, name);
        let call = reader()
            .call(&message(&case.requests[0]))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(call.method, method, "{name}");
        assert_eq!(call.types[..], [ty], "{name}");
        assert!(call.attachments.iter().all(|(k, _)| k != "generic"));
        let args = tokens(&call.args);
        match name {
            "generic-true-string" => assert_eq!(args, [text("x")]),
            "generic-no-attachment" => assert_eq!(args, [OwnedToken::Int(5)]),
            // This map names no class; readers fill the declared one by field names.
            "generic-untyped-lists" => assert_eq!(args[0], OwnedToken::Map { class: None }),
            _ => assert_eq!(
                args[0],
                OwnedToken::Map {
                    class: Some("lab.zoo.api.Person".into())
                },
                "{name}"
            ),
        }
        assert!(!args.contains(&text("class")), "{name}");
        let again = request(&call);
        assert_eq!(
            tokens(&reader().call(&message(&again)).unwrap().args),
            args,
            "{name}"
        );
    }
}

#[test]
fn the_head_names_the_method_and_the_form() {
    for (name, generic) in [
        ("generic-true-pojo", Generic::Maps),
        ("generic-raw-return-pojo", Generic::Raw),
        ("generic-gson-pojo", Generic::Other),
        ("string-ascii", Generic::No),
    ] {
        let case = case(V33, name);
        let head = head(&case.requests[0]);
        assert_eq!(Hint::from_bits(head.hint).generic(), generic, "{name}");
        assert_ne!(head.method, b"$invoke");
    }
}

#[test]
fn forms_that_need_java_are_refused_with_the_reason() {
    let case = case(V33, "generic-gson-pojo");
    let error = reader().call(&message(&case.requests[0])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert!(error.text.contains("gson"), "{error}");
    let case = super::case(HANDMADE_33, "generic-null-types");
    let error = reader().call(&message(&case.requests[0])).unwrap_err();
    assert!(error.text.contains("name all types"), "{error}");
}

#[test]
fn callbacks_are_refused_with_the_reason() {
    let case = case(V27, "callback");
    let error = reader().call(&message(&case.requests[0])).unwrap_err();
    assert!(
        error.text.contains("callback") && error.text.contains("sys_callback_arg-1"),
        "{error}"
    );
}

/// A return value `Person{name, color}` in Hessian.
fn person() -> Vec<u8> {
    let mut out = vec![];
    let mut tables = rialto_hessian::WriteTables::default();
    let mut w = rialto_hessian::Writer::new(&mut out, rialto_hessian::Library::Lite, &mut tables);
    w.begin_object(&Class::new("a.Person", ["name", "color"]))
        .unwrap();
    w.write_str("Gen");
    w.begin_object(&Class::new("a.Color", ["name"])).unwrap();
    w.write_str("RED");
    w.end().unwrap();
    w.end().unwrap();
    w.finish().unwrap();
    out
}

#[test]
fn return_values_have_the_requested_form() {
    let bytes = person();
    let response = NeutralResponse {
        reply: ReturnValue::Value(values::return_value(&bytes, body::Serialization::Hessian2, 0)),
        attachments: Attachments::new(),
    };
    for id in [HESSIAN2, FASTJSON2] {
        let hint = Hint::of_frame(id).with_version(b"2.0.2");
        let maps = response_for(hint.with_generic(Generic::Maps).bits(), &response).unwrap();
        let want = [
            OwnedToken::Map { class: None },
            text("class"),
            text("a.Person"),
            text("name"),
            text("Gen"),
            text("color"),
            text("RED"),
            OwnedToken::End,
        ];
        assert_eq!(value_of(&maps), want);
    }
    let raw = Hint::of_frame(HESSIAN2).with_generic(Generic::Raw).bits();
    assert!(
        matches!(&value_of(&response_for(raw, &response).unwrap())[0], OwnedToken::Object(c) if c.name() == "a.Person")
    );
}

#[test]
fn unreadable_arguments_are_explained_to_generic_consumers() {
    let error = CallError::new(
        ErrorKind::BadRequest,
        "status 18 (the provider could not read the request)",
    );
    for (generic, explained) in [(Generic::No, false), (Generic::Maps, true), (Generic::Raw, true)] {
        for id in [HESSIAN2, FASTJSON2] {
            let to = RespondTo {
                id: 1,
                hint: Hint::of_frame(id).with_generic(generic).bits(),
            };
            let mut bytes = vec![];
            codec(Role::Server).error(&mut bytes, to, &error);
            let back = reader().outcome(&message(&bytes)).unwrap_err();
            assert_eq!(back.text.contains("types of their fields"), explained, "{back}");
        }
    }
}

#[test]
fn exceptions_arrive_as_generic_exceptions() {
    let thrown = Exception {
        class: "a.BizException".into(),
        message: Some("why".into()),
        object: None,
    };
    let response = NeutralResponse {
        reply: ReturnValue::Exception(thrown),
        attachments: Attachments::new(),
    };
    let hint = Hint::of_frame(HESSIAN2)
        .with_version(b"2.0.2")
        .with_generic(Generic::Maps)
        .bits();
    let bytes = response_for(hint, &response).unwrap();
    let ReturnValue::Exception(back) = reader().outcome(&message(&bytes)).unwrap().reply else {
        panic!("not thrown")
    };
    assert_eq!(&*back.class, "com.alibaba.dubbo.rpc.service.GenericException");
    assert_eq!(back.message.as_deref(), Some("a.BizException: why"));
    let fields = tokens(&back.object.unwrap());
    assert_eq!(
        fields[1..4],
        [text("a.BizException: why"), text("why"), text("a.BizException")]
    );
}
