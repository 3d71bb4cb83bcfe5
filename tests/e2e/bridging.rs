//! Tests of calls within one protocol and between protocols.
use super::support::{
    Answer, Bolt, Downstream, Dubbo, GREETER, Json, Request, Rialto, STRING, Upstream, config, frames, greet,
    json,
};
use rialto_core::framed::Codec;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn the_basics_work<From: Codec, To: Codec + 'static>() {
    let up = Upstream::<To>::start(|arrived, out| {
        let request = arrived.request();
        match request.method.as_str() {
            "echo" => out.reply(&super::support::Reply::value(request.args[0].clone())),
            "none" => out.reply(&Answer::Null.into()),
            _ => out.reply(&super::support::upstream::greeting("it", request)),
        }
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<From>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");

    for (class, value) in [
        ("int", json!(-7)),
        ("long", json!(1_i64 << 40)),
        ("double", json!(2.5)),
        ("boolean", json!(true)),
        (STRING, json!("中文 😀")),
        ("java.util.List", json!(["a", null, 3])),
        ("java.util.Map", json!({"k": {"n": 1}})),
        (
            "com.acme.Order",
            json!({"class": "com.acme.Order", "item": "tea", "next": null}),
        ),
    ] {
        let echo = Request::new(GREETER, "1.0", "echo").arg(class, value.clone());
        assert_eq!(downstream.value(&echo), value, "{class}");
        assert_eq!(up.seen().last().unwrap().request().types, [class]);
    }
    assert_eq!(
        downstream.call(&Request::new(GREETER, "1.0", "none")).answer,
        Ok(Answer::Null)
    );
    let thrown = Answer::Thrown {
        class: "com.acme.GreetingException".into(),
        message: "no greeting today".into(),
    };
    assert_eq!(
        downstream.call(&Request::new(GREETER, "1.0", "throw")).answer,
        Ok(thrown)
    );
    let tenant = Request::new(GREETER, "1.0", "attachment")
        .arg(STRING, "tenant")
        .attach("tenant", "gold");
    assert_eq!(downstream.value(&tenant), "gold");
    let error = downstream.error(&Request::new(GREETER, "1.0", "dance"));
    assert!(error.text.contains("no method dance"), "{error}");
}

#[test]
fn dubbo_calls_bolt() {
    the_basics_work::<Dubbo, Bolt>();
}

#[test]
fn bolt_calls_dubbo() {
    the_basics_work::<Bolt, Dubbo>();
}

#[test]
fn dubbo_calls_dubbo() {
    the_basics_work::<Dubbo, Dubbo>();
}

#[test]
fn bolt_calls_bolt() {
    the_basics_work::<Bolt, Bolt>();
}

/// Dubbo 3 names neither an unknown service nor the service that cannot read an argument.
#[test]
fn a_providers_error_is_completed_with_the_name_of_the_call() {
    const STOCK: &str =
        "Fail to decode request due to: RpcInvocation [methodName=greet, parameterTypes=null]";
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        let text = match arrived.request().method.as_str() {
            "greet" => STOCK,
            other => &format!("Service not found:{GREETER}, {other}"),
        };
        let body = [
            &[0x30 | (text.len() >> 8) as u8, text.len() as u8],
            text.as_bytes(),
        ]
        .concat();
        out.raw(&frames::dubbo(0x02, 40, frames::dubbo_id(&arrived.bytes), &body));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    let error = downstream.error(&greet("Ada"));
    assert!(error.text.contains(&format!("{GREETER}#greet: ")), "{error}");
    assert!(error.text.ends_with(STOCK), "{error}");
    let error = downstream.error(&Request::new(GREETER, "1.0", "dance"));
    assert_eq!(error.text.matches(GREETER).count(), 1, "{error}");
    assert_eq!(
        rialto.metric("rialto_calls_total", &["outcome=\"no_service\""]),
        2.0
    );
    // Within the protocol the provider's bytes are forwarded unchanged.
    let error = Downstream::<Dubbo>::connect(rialto.entry()).error(&greet("Ada"));
    assert!(!error.text.contains(GREETER), "{error}");
}

/// A SOFARPC consumer throws an exception even if it was returned, so it is written like one that was thrown.
#[test]
fn an_exception_returned_by_dubbo_is_thrown_in_sofarpc() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        let object = b"\x91C\x05a.Biz\x93\x05cause\x0ddetailMessage\x04code\x60Q\x90\x03why\x97";
        out.raw(&frames::dubbo(0x02, 20, frames::dubbo_id(&arrived.bytes), object));
    });
    let rialto = Rialto::before(&up);
    let thrown = Answer::Thrown {
        class: "a.Biz".into(),
        message: "why".into(),
    };
    assert_eq!(
        Downstream::<Bolt>::connect(rialto.entry())
            .call(&greet("Ada"))
            .answer,
        Ok(thrown)
    );
    // A Dubbo consumer receives it as the return value that it is.
    match Downstream::<Dubbo>::connect(rialto.entry())
        .call(&greet("Ada"))
        .answer
    {
        Ok(Answer::Value(value)) => assert_eq!(value["code"], 7),
        other => panic!("not a value: {other:?}"),
    }
}

#[test]
fn one_way_calls_arrive_and_get_no_response() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::greeting("it");
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        downstream.send(&Request {
            one_way: true,
            ..greet("nobody")
        });
        assert_eq!(
            downstream.value(&greet("Ada")),
            "Hello, Ada",
            "the first response is that of the second call"
        );
        let seen = up.wait_seen(2);
        assert_eq!(seen.iter().filter(|a| a.request().one_way).count(), 1);
        assert_eq!(rialto.metric("rialto_calls_total", &["outcome=\"one_way\""]), 1.0);
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
    check::<Dubbo, Dubbo>();
}

/// Within a protocol, request and response are forwarded byte for byte, apart from the id.
#[test]
fn a_dubbo_call_is_forwarded_byte_for_byte() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        // Type 1, "hi", and trailing bytes that no reader expects.
        out.raw(&frames::dubbo(
            0x02,
            20,
            frames::dubbo_id(&arrived.bytes),
            b"\x91\x02hi\xff\xfe",
        ));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let (_, mut sent) = downstream.frame(&greet("Ada").attach("tenant", "gold"));
    sent[4..12].copy_from_slice(&0x1234_5678_9abc_def0_u64.to_be_bytes());
    downstream.write(&sent);
    let mut got = vec![0; 16 + 6];
    std::io::Read::read_exact(downstream.stream(), &mut got).unwrap();
    assert_eq!(
        got,
        frames::dubbo(0x02, 20, 0x1234_5678_9abc_def0, b"\x91\x02hi\xff\xfe")
    );
    let mut arrived = up.wait_seen(1)[0].bytes.clone();
    arrived[4..12].copy_from_slice(&sent[4..12]);
    assert_eq!(arrived, sent);
}

#[test]
fn a_bolt_call_in_an_unknown_serialization_is_forwarded_byte_for_byte() {
    let content: Vec<u8> = (0..=255).collect();
    let response = content.clone();
    let up = Upstream::<Bolt>::start(move |arrived, out| {
        let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
        out.raw(&frames::bolt_response(
            frames::bolt_id(&arrived.bytes),
            77,
            0,
            class,
            &response,
        ));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    let class = "com.alipay.sofa.rpc.core.request.SofaRequest";
    let header = [
        ("service", "com.acme.Greeter:1.0"),
        ("sofa_head_method_name", "greet"),
    ];
    let sent = frames::bolt_request(0xdead_beef, 77, class, &header, &content);
    downstream.write(&sent);
    let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
    let want = frames::bolt_response(0xdead_beef, 77, 0, class, &content);
    let mut got = vec![0; want.len()];
    std::io::Read::read_exact(downstream.stream(), &mut got).unwrap();
    assert_eq!(got, want);
    let mut arrived = up.wait_seen(1)[0].bytes.clone();
    arrived[5..9].copy_from_slice(&sent[5..9]);
    assert_eq!(arrived, sent);
}

/// Both protocols use one port, side by side.
#[test]
fn a_listener_detects_the_protocol_of_each_downstream() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    for _ in 0..3 {
        assert_eq!(dubbo.value(&greet("D")), "Hello, D");
        assert_eq!(bolt.value(&greet("B")), "Hello, B");
    }
}

#[test]
fn a_listener_of_one_protocol_accepts_no_other() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["protocol"] = json!("dubbo");
    let rialto = Rialto::start(&config);
    assert_eq!(
        Downstream::<Dubbo>::connect(rialto.entry()).value(&greet("D")),
        "Hello, D"
    );
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    bolt.send(&greet("B"));
    bolt.wait_for_close();
    assert_eq!(up.seen().len(), 1);
}

#[test]
fn a_unix_socket_serves_like_a_port_and_is_removed_at_the_end() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = super::support::process::Folder::new();
    let path = folder.path("in.sock");
    let mut config = config::<Bolt>(&[up.address]);
    config["listeners"][0]["address"] = json!(format!("unix:{}", path.display()));
    let mut rialto = Rialto::start_in(folder, &config);
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(super::support::PATIENCE)).unwrap();
    let mut downstream = Downstream::<Dubbo, _>::over(stream);
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    let shown: Json = rialto.admin.json("/listeners");
    assert_eq!(shown[0]["connections"], 1, "{shown}");
    drop(downstream);
    rialto.signal("TERM");
    assert_eq!(rialto.ended().code(), Some(0));
    assert!(!path.exists());
}

/// The content that a Bolt consumer receives for this body of a Dubbo response.
fn bolt_response_for(body: &'static [u8], bridge: Json) -> String {
    let up = Upstream::<Dubbo>::start(move |arrived, out| {
        out.raw(&frames::dubbo(0x02, 20, frames::dubbo_id(&arrived.bytes), body));
    });
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["bridge"] = bridge;
    let rialto = Rialto::start(&config);
    let mut stream = std::net::TcpStream::connect(rialto.entry()).unwrap();
    let (_, request) = Downstream::<Bolt, _>::over(stream.try_clone().unwrap()).frame(&greet("Ada"));
    stream.write_all(&request).unwrap();
    let mut head = [0; 20];
    stream.read_exact(&mut head).unwrap();
    let short = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let content = u32::from_be_bytes(head[16..].try_into().unwrap()) as usize;
    let mut rest = vec![0; short(12) + short(14) + content];
    stream.read_exact(&mut rest).unwrap();
    rest.escape_ascii().to_string()
}

/// Dubbo writes suppressed exceptions first; objects that they share with the exception itself are still
/// needed there.
#[test]
fn objects_shared_with_a_dropped_cause_are_kept() {
    let body =
        b"\x90C\x16com.acme.ShopException\x94\x14suppressedExceptions\x04code\x05cause\x0ddetailMessage`y\
        `NC\x0dcom.acme.Code\x91\x04namea\x02OKN\x05innerQ\x93N\x05outer";
    let response = bolt_response_for(body, json!({}));
    assert!(
        response.contains("com.acme.Code") && response.contains("\\x02OK"),
        "{response}"
    );
    assert!(!response.contains("inner"), "{response}");
}

/// Dubbo's Hessian writes a field of type `java.sql.Timestamp` as a date, SOFA's expects an object.
#[test]
fn dates_in_fields_get_the_class_that_the_route_names() {
    let body = b"\x91C\x0ecom.acme.Order\x92\x02at\x02id`J\x00\x00\x01\x8b\xcf\xe5k\xe7\x97";
    let fields = json!({"fields": {"com.acme.Order.at": "java.sql.Timestamp"}});
    let response = bolt_response_for(body, fields);
    assert!(
        response.contains("java.sql.Timestamp\\x91\\x05value"),
        "{response}"
    );
    assert!(!bolt_response_for(body, json!({})).contains("java.sql"));
}
