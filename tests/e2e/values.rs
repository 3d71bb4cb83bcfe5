//! Tests of values that stock peers exchange directly, and that have to arrive through the proxy as well.
use super::support::{
    Answer, Bolt, Downstream, Dubbo, GREETER, Json, Reply, Request, Rialto, STRING, Upstream, config, frames,
    greet, json,
};
use std::io::Read;

const RESPONSE_CLASS: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";
/// The beginning of a SOFARPC response in Hessian's final grammar. The value follows, and then `N`.
const RESPONSE: &[u8] =
    b"C0\x2ecom.alipay.sofa.rpc.core.response.SofaResponse\x94\x07isError\x08errorMsg\x0bappResponse\x0dresponseProps\x60FN";

/// Makes a generic call of this method. Rialto's own codec never writes one, so its name is put in afterwards.
fn generic(downstream: &mut Downstream<Dubbo>, method: &str, types: &[&str], args: Json) -> Reply {
    let call = Request::new(GREETER, "1.0", "_invoke")
        .arg(STRING, method)
        .arg("[Ljava.lang.String;", json!(types))
        .arg("[Ljava.lang.Object;", args)
        .attach("generic", "true");
    let (id, mut frame) = downstream.frame(&call);
    let at = frame.windows(7).position(|name| name == b"_invoke").unwrap();
    frame[at] = b'$';
    downstream.write(&frame);
    downstream.response_to(id)
}

/// The status and the body of the next Dubbo response, and the serialization that its header names.
fn dubbo_response(downstream: &mut Downstream<Dubbo>) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 16];
    downstream.stream().read_exact(&mut head).unwrap();
    let mut body = vec![0; u32::from_be_bytes(head[12..].try_into().unwrap()) as usize];
    downstream.stream().read_exact(&mut body).unwrap();
    (head[2] & 0x1f, head[3], body)
}

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|w| w == what.as_bytes())
}

/// Gateways write JSON, so their generic calls have texts and numbers for most types. Stock Dubbo providers convert
/// them to the types that the call names.
#[test]
fn generic_arguments_become_values_of_the_named_types() {
    let up = Upstream::<Bolt>::start(|_, out| out.reply(&Reply::value("it")));
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["bridge"] = json!({"time_zone": "+08:00"});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let object = |class: &str, key: &str, value: Json| json!({"class": class, key: value});
    for (class, argument, arrives) in [
        (
            "java.math.BigDecimal",
            json!("1.50"),
            object("java.math.BigDecimal", "value", json!("1.50")),
        ),
        (
            "java.math.BigDecimal",
            json!(1.5),
            object("java.math.BigDecimal", "value", json!("1.5")),
        ),
        ("java.lang.Long", json!("5"), json!(5)),
        ("boolean", json!("true"), json!(true)),
        (
            "java.util.Date",
            json!("2026-01-02 03:04:05"),
            json!(1_767_294_245_000_u64),
        ),
        ("[Ljava.lang.Long;", json!(["5", "6"]), json!([5, 6])),
        (
            "java.lang.Class",
            json!(STRING),
            object("java.lang.Class", "name", json!(STRING)),
        ),
    ] {
        let reply = generic(&mut downstream, "set", &[class], json!([argument]));
        assert_eq!(reply.answer, Ok(Answer::Value("it".into())), "{class}");
        let seen = up.seen();
        assert_eq!(seen.last().unwrap().request().args[0], arrives, "{class}");
    }
}

/// Generic consumers have no classes. They get dates as texts, as from stock providers.
#[test]
fn dates_and_times_in_generic_results_are_texts() {
    let up = Upstream::<Bolt>::start(|arrived, out| {
        out.reply(&Reply::value(match arrived.request().method.as_str() {
            "date" => {
                json!({"class": "com.caucho.hessian.io.java8.LocalDateHandle", "year": 2026, "month": 5, "day": 6})
            }
            _ => {
                json!({"class": "com.caucho.hessian.io.java8.LocalTimeHandle", "hour": 7, "minute": 8, "second": 9, "nano": 0})
            }
        }));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for (method, text) in [("date", "2026-05-06"), ("time", "07:08:09")] {
        let result = generic(&mut downstream, method, &[], json!([])).answer;
        assert_eq!(result, Ok(Answer::Value(text.into())), "{method}");
    }
}

/// What a generic consumer got for a constant, it can send back: alone, and in an array.
#[test]
fn constants_in_generic_results_can_be_sent_back() {
    for class in ["com.acme.Color", "java.util.concurrent.TimeUnit"] {
        let constant = json!({"class": class, "name": "DAYS"});
        let result = constant.clone();
        let up = Upstream::<Bolt>::start(move |_, out| out.reply(&Reply::value(result.clone())));
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        let Ok(Answer::Value(name)) = generic(&mut downstream, "get", &[], json!([])).answer else {
            panic!("no result")
        };
        for (class, argument, arrives) in [
            (class.to_owned(), json!(name), constant.clone()),
            (format!("[L{class};"), json!([name]), json!([constant])),
        ] {
            generic(&mut downstream, "set", &[&class], json!([argument]));
            let seen = up.seen();
            assert_eq!(seen.last().unwrap().request().args[0], arrives, "{class}: {name}");
        }
    }
}

/// Lists in lists, with nothing in the innermost one.
fn nested(levels: usize) -> Vec<u8> {
    [&vec![0x79; levels - 1][..], b"x"].concat()
}

/// Trees of objects with lists take two levels for each generation. Stock peers carry some 800 with the stack that
/// a thread has by default.
#[test]
fn values_may_be_as_deep_as_stock_peers_carry_them() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        let levels = if arrived.request().method == "deeper" {
            900
        } else {
            800
        };
        let body = [b"\x91", &nested(levels)[..]].concat();
        out.raw(&frames::dubbo(0x02, 20, frames::dubbo_id(&arrived.bytes), &body));
    });
    let mut config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&config);
    let content = || {
        let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
        let (_, request) = downstream.frame(&greet("Ada"));
        downstream.write(&request);
        let mut head = [0; 20];
        downstream.stream().read_exact(&mut head).unwrap();
        let short = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
        let content = u32::from_be_bytes(head[16..].try_into().unwrap()) as usize;
        let mut rest = vec![0; short(12) + short(14) + content];
        downstream.stream().read_exact(&mut rest).unwrap();
        rest
    };
    // each list has an end of its own in the draft grammar
    let whole = "z".repeat(800);
    let deep = content();
    assert!(contains(&deep, &whole), "{}", deep.escape_ascii());
    // a provider with a small stack is protected by the route
    config["routes"][0]["bridge"] = json!({"max_depth": 100});
    rialto.reload(&config);
    let refused = content();
    assert!(
        contains(&refused, "100") && !contains(&refused, &whole),
        "{}",
        refused.escape_ascii()
    );
}

/// `map.keySet()` and `map.values()` have private classes. Hessian's readers take the nearest public one, fastjson2
/// refuses their names.
#[test]
fn fastjson2_consumers_get_no_private_classes() {
    let types = [
        "java.util.LinkedHashMap$LinkedKeySet",
        "java.util.HashMap$Values",
        "java.util.concurrent.ConcurrentHashMap$KeySetView",
        "java.util.Collections$CopiesList",
    ];
    let up = Upstream::<Bolt>::start(move |arrived, out| {
        let class = types[arrived.request().method.parse::<usize>().unwrap()];
        let name = [&[0x30, class.len() as u8][..], class.as_bytes()].concat();
        let content = [RESPONSE, b"\x71", &name, b"\x03tea", b"N"].concat();
        let id = frames::bolt_id(&arrived.bytes);
        out.raw(&frames::bolt_response(id, 1, 0, RESPONSE_CLASS, &content));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for (index, class) in types.iter().enumerate() {
        let mut body = vec![];
        for text in ["2.0.2", GREETER, "1.0", &index.to_string(), ""] {
            body.extend_from_slice(&(text.len() as u32 + 3).to_be_bytes());
            body.extend_from_slice(&[0x79, 0x38, text.len() as u8]);
            body.extend_from_slice(text.as_bytes());
        }
        body.extend_from_slice(b"\0\0\0\x02\xa6\xa5");
        downstream.write(&frames::dubbo(0xd7, 0, 7, &body));
        let (serialization, status, body) = dubbo_response(&mut downstream);
        assert_eq!(
            (serialization, status),
            (23, 20),
            "{class}: {}",
            body.escape_ascii()
        );
        assert!(
            contains(&body, "tea") && !contains(&body, "$"),
            "{class}: {}",
            body.escape_ascii()
        );
    }
}

/// Consumers read an error by the serialization that its header names, so one that Rialto writes itself is in one
/// that it can write.
#[test]
fn errors_are_readable_whatever_the_serialization_of_the_call() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    // Java, fastjson, Kryo, FST, Protobuf, Gson, Fury and one that nobody has
    for id in [3, 4, 6, 7, 8, 9, 12, 16, 21, 22, 24, 31] {
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        downstream.write(&frames::dubbo(0xc0 | id, 0, 7, b"whatever it says"));
        let (serialization, status, body) = dubbo_response(&mut downstream);
        assert_eq!((serialization, status), (2, 40), "{id}");
        let len = usize::from(body[1]) | usize::from(body[0] & 3) << 8;
        assert!(
            (0x30..0x34).contains(&body[0]) && body.len() == 2 + len,
            "{id}: no text in Hessian 2: {}",
            body.escape_ascii()
        );
    }
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
}
