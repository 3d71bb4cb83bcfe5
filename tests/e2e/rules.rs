//! Tests of the rules for bridged calls, and of calls that only some protocols have.
use super::support::{
    Answer, Bolt, Downstream, Dubbo, ErrorKind, GREETER, Json, Reply, Request, Rialto, STRING, Upstream,
    config, for_each_pair, frames, greet, json,
};
use rialto_core::framed::Codec;

/// The call that arrives under these rules.
fn arriving<From: Codec, To: Codec + 'static>(rules: &Json, call: &Request) -> Request {
    let up = Upstream::<To>::greeting("it");
    let mut config = config::<To>(&[up.address]);
    config["routes"][0]["bridge"] = rules.clone();
    let rialto = Rialto::start(&config);
    Downstream::<From>::connect(rialto.entry()).call(call);
    up.wait_seen(1)[0].request().clone()
}

#[test]
fn versions_are_mapped() {
    let rules = json!({"versions": [{"from": "1.0.0", "to": "1.0"}, {"from": "", "to": "1.0"}]});
    for (sent, received) in [("1.0.0", "1.0"), ("", "1.0"), ("2.0", "2.0")] {
        let call = Request {
            version: sent.into(),
            ..greet("Ada")
        };
        assert_eq!(
            arriving::<Dubbo, Bolt>(&rules, &call).version,
            received,
            "{sent:?}"
        );
        let same = Request {
            version: "1.0.0".into(),
            ..greet("Ada")
        };
        assert_eq!(
            arriving::<Dubbo, Dubbo>(&rules, &same).version,
            "1.0.0",
            "within a protocol nothing changes"
        );
    }
}

/// A provider that does not know what was asked for says so; the rule that changed the version is named as well.
#[test]
fn an_error_names_the_rule_that_changed_the_version() {
    fn check<From: Codec, To: Codec + 'static>() {
        // SOFARPC providers have no status for a service that they do not know, only this text.
        let text = "RPC-020100010: RPC cannot find service: [com.acme.Unknown:9]";
        let up = Upstream::<To>::start(move |_, out| {
            out.reply(&Reply::failed(ErrorKind::NoService, text));
        });
        let mut config = config::<To>(&[up.address]);
        let unknown = Request::new("com.acme.Unknown", "1.0", "x");
        config["routes"][0]["bridge"] = json!({"versions": [{"from": "1.0", "to": "9"}]});
        let rialto = Rialto::start(&config);
        let error = Downstream::<From>::connect(rialto.entry()).error(&unknown);
        let rule = "(route all: bridge.versions maps \"1.0\" to \"9\")";
        assert!(error.text.ends_with(rule), "{error}");
        config["routes"][0]["rewrite"] = json!({"version": "7"});
        let rialto = Rialto::start(&config);
        let error = Downstream::<From>::connect(rialto.entry()).error(&unknown);
        assert!(
            error.text.ends_with("(route all: rewrite.version is \"7\")"),
            "{error}"
        );
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
}

#[test]
fn a_unique_id_stands_for_a_group_or_a_version_or_nothing() {
    let grouped = Request {
        version: "1.0".into(),
        group: "gray".into(),
        ..greet("Ada")
    };
    for (rule, version, group) in [
        ("group", "1.0", "gray"),
        ("version", "gray", ""),
        ("ignore", "1.0", ""),
    ] {
        let got = arriving::<Bolt, Dubbo>(&json!({"unique_id": rule}), &grouped);
        assert_eq!((&*got.version, &*got.group), (version, group), "{rule} from Bolt");
    }
    let versioned = Request {
        version: "gray".into(),
        ..greet("Ada")
    };
    let got = arriving::<Dubbo, Bolt>(&json!({"unique_id": "version"}), &versioned);
    assert_eq!(got.group, "gray", "and back: the version becomes the unique id");
}

#[test]
fn attachments_are_bridged_as_configured() {
    let call = greet("Ada")
        .attach("x-a", "1")
        .attach("x-secret", "2")
        .attach("other", "3");
    let rules = json!({"attachments": {"allow": [{"prefix": "x-"}], "deny": ["x-secret"]}});
    for got in [
        arriving::<Dubbo, Bolt>(&rules, &call),
        arriving::<Bolt, Dubbo>(&rules, &call),
    ] {
        assert_eq!(
            ["x-a", "x-secret", "other"].map(|k| got.attachment(k)),
            [Some("1"), None, None]
        );
    }
}

#[test]
fn response_attachments_are_bridged() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::start(|_, out| {
            let attachments = vec![("served-by".into(), "it".into())];
            out.reply(&Reply {
                attachments,
                ..Reply::value("x")
            });
        });
        let rialto = Rialto::before(&up);
        let reply = Downstream::<From>::connect(rialto.entry()).call(&greet("Ada"));
        assert!(
            reply.attachments.contains(&("served-by".into(), "it".into())),
            "{reply:?}"
        );
    }
    for_each_pair!(check);
}

#[test]
fn exceptions_unknown_to_the_consumer_keep_their_text() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up =
            Upstream::<To>::start(|arrived, out| out.reply(&Reply::thrown(&arrived.request().method, "why")));
        let mut config = config::<To>(&[up.address]);
        config["routes"][0]["bridge"] = json!({"exceptions": {"forward": [{"prefix": "java.sql."}]}});
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        let mut thrown = |class: &str| match downstream.call(&Request::new(GREETER, "1.0", class)).answer {
            Ok(Answer::Thrown { class, message }) => (class, message),
            other => panic!("not an exception: {other:?}"),
        };
        for class in [
            "com.acme.Own",
            "java.lang.IllegalStateException",
            "java.sql.SQLException",
        ] {
            assert_eq!(thrown(class), (class.to_owned(), "why".to_owned()));
        }
        let (class, message) = thrown("java.io.IOException");
        assert_eq!(
            (&*class, &*message),
            ("java.lang.RuntimeException", "java.io.IOException: why")
        );
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
}

/// Only Dubbo has `$echo`, so for a Bolt provider the proxy itself responds.
#[test]
fn an_echo_gets_a_response_if_the_provider_has_none() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let echo = Request::new(GREETER, "1.0", "$echo").arg("java.lang.Object", "OK");
    assert_eq!(downstream.value(&echo), "OK");
    assert_eq!(up.seen().len(), 0);
}

#[test]
fn a_generic_call_becomes_a_plain_one() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let call = Request::new(GREETER, "1.0", "_invoke")
        .arg(STRING, "greet")
        .arg("[Ljava.lang.String;", json!([STRING]))
        .arg("[Ljava.lang.Object;", json!(["Ada"]));
    // Rialto itself never writes such a call.
    let (id, mut frame) = downstream.frame(&call);
    let at = frame.windows(7).position(|name| name == b"_invoke").unwrap();
    frame[at] = b'$';
    downstream.write(&frame);
    assert!(matches!(downstream.response_to(id).answer, Ok(Answer::Value(text)) if text == "Hello, Ada"));
    let seen = up.wait_seen(1);
    assert_eq!(
        (&*seen[0].request().method, &seen[0].request().types[..]),
        ("greet", &[STRING.to_owned()][..])
    );
}

/// A message that only Java can read is forwarded within its protocol, and refused where it would have to be
/// bridged.
#[test]
fn a_dubbo_call_in_an_unknown_serialization_is_forwarded_but_not_bridged() {
    let body: Vec<u8> = (0..=255).collect();
    let response = body.clone();
    let up = Upstream::<Dubbo>::start(move |arrived, out| {
        out.raw(&frames::dubbo(
            0x03,
            20,
            frames::dubbo_id(&arrived.bytes),
            &response,
        ));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let sent = frames::dubbo(0xc3, 0, 7, &body);
    downstream.write(&sent);
    let mut got = vec![0; 16 + body.len()];
    std::io::Read::read_exact(downstream.stream(), &mut got).unwrap();
    assert_eq!(got, frames::dubbo(0x03, 20, 7, &body));
    assert_eq!(up.wait_seen(1)[0].bytes[16..], body);

    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.write(&sent);
    let (id, reply) = downstream.receive();
    let error = reply.answer.unwrap_err();
    assert_eq!((id, error.kind), (7, ErrorKind::BadRequest), "{error}");
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
}

/// If the bridge cannot read a response, the call fails with an error in the consumer's protocol.
#[test]
fn an_unreadable_response_fails_only_its_call() {
    fn check<From: Codec, To: Codec + 'static>(broken: fn(&[u8]) -> Vec<u8>) {
        let up = Upstream::<To>::start(move |arrived, out| match arrived.request().method.as_str() {
            "name" => out.reply(&Reply::value("it")),
            _ => out.raw(&broken(&arrived.bytes)),
        });
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        let error = downstream.error(&greet("Ada"));
        assert!(!error.text.is_empty());
        assert_eq!(downstream.value(&Request::new(GREETER, "1.0", "name")), "it");
        assert_eq!(up.connections(), 1);
        assert_eq!(
            rialto.metric("rialto_calls_total", &["outcome=\"bad_response\""]),
            1.0
        );
    }
    check::<Bolt, Dubbo>(|request| {
        frames::dubbo(
            0x02,
            20,
            frames::dubbo_id(request),
            b"\x91\x58\x49\x7f\xff\xff\xff",
        )
    });
    check::<Bolt, Dubbo>(|request| frames::dubbo(0x02, 20, frames::dubbo_id(request), b""));
    check::<Dubbo, Bolt>(|request| {
        let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
        frames::bolt_response(frames::bolt_id(request), 1, 0, class, b"\x4f\xff\xff")
    });
}

/// If a provider requires a token, the route sets it, because SOFARPC consumers have no field for one.
#[test]
fn a_route_sets_attachments_that_consumers_cannot() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["rewrite"] = json!({"attachments": {"set": {"token": "secret", "tag": "gray"}}});
    let rialto = Rialto::start(&config);
    let call = greet("Ada").attach("token", "theirs").attach("id", "7");
    assert_eq!(
        Downstream::<Bolt>::connect(rialto.entry()).value(&call),
        "Hello, Ada"
    );
    let bytes = &up.wait_seen(1)[0].bytes;
    let count = |what: &[u8]| bytes.windows(what.len()).filter(|w| *w == what).count();
    assert_eq!(count(b"\x05token\x06secret"), 1);
    assert_eq!(count(b"\x03tag\x04gray"), 1);
    assert_eq!(count(b"theirs") + count(b"\x02id"), 0);
}
