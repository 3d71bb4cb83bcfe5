//! Tests of the size of forwarded messages: never longer than the receiver accepts, and never out of
//! proportion.
use super::support::{
    Answer, Bolt, Downstream, Dubbo, ErrorKind, GREETER, Json, Reply, Request, Rialto, STRING, Upstream,
    config, frames, greet, json,
};
use rialto_core::framed::Codec;

/// Dubbo's default `payload`.
const PAYLOAD: usize = 8 << 20;

fn big() -> Request {
    Request::new(GREETER, "1.0", "big").arg(STRING, "").within(60_000)
}

fn responses_of<C: Codec + 'static>(len: usize) -> Upstream<C> {
    Upstream::start(move |arrived, out| match arrived.request().method.as_str() {
        "big" => out.reply(&Reply::value("x".repeat(len))),
        _ => out.reply(&Reply::value("small")),
    })
}

/// A Dubbo consumer does not skip a response beyond its limit: it reads the body as further responses.
#[test]
fn a_response_beyond_a_dubbo_consumers_limit_becomes_an_error() {
    fn check<C: Codec + 'static>() {
        let up = responses_of::<C>(PAYLOAD + 1);
        let mut config = config::<C>(&[up.address]);
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        let error = downstream.error(&big());
        assert_eq!(error.kind, ErrorKind::BadResponse, "{error}");
        for part in ["8388608", "83886", "limits.max_message_bytes of the listener"] {
            assert!(error.text.contains(part), "{error}");
        }
        assert_eq!(downstream.value(&greet("Ada")), "small", "the connection goes on");
        assert_eq!(
            rialto.metric("rialto_calls_total", &["outcome=\"bad_response\""]),
            1.0
        );
        // A listener whose consumers accept more can say so.
        config["listeners"][0]["limits"] = json!({"max_message_bytes": "12MiB"});
        let rialto = Rialto::start(&config);
        let value = Downstream::<Dubbo>::connect(rialto.entry()).value(&big());
        assert_eq!(value.as_str().unwrap().len(), PAYLOAD + 1);
    }
    check::<Bolt>();
    check::<Dubbo>();
}

#[test]
fn a_response_of_exactly_the_limit_is_forwarded() {
    // Result type, the string's chunks, and the attachment with the protocol version.
    let around = 1 + 3 * (PAYLOAD / 0x8000) + 2 + 6 + 6;
    let up = responses_of::<Dubbo>(PAYLOAD - around);
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let value = downstream.value(&big());
    assert_eq!(value.as_str().unwrap().len(), PAYLOAD - around);
}

/// Bolt has no such limit. A response that is translated arrives like one that is forwarded, and costs no connection.
#[test]
fn a_large_response_arrives_translated_or_not() {
    fn check<C: Codec + 'static>() {
        const LEN: usize = 20 << 20;
        let up = responses_of::<C>(LEN);
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
        for _ in 0..2 {
            let value = downstream.value(&big());
            assert_eq!(value.as_str().map(str::len), Some(LEN));
        }
        assert_eq!(downstream.value(&greet("Ada")), "small");
    }
    check::<Bolt>();
    check::<Dubbo>();
}

/// Providers read the body of a request beyond their limit as further requests, to services that no route has
/// checked.
#[test]
fn a_request_that_grows_beyond_the_providers_limit_is_refused() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    // Five bytes each in the draft grammar, nine in Dubbo's Hessian.
    let doubles = vec![2f64.powi(-13); 1_100_000];
    let request = Request::new(GREETER, "1.0", "greet").arg("java.util.List", doubles);
    let error = downstream.error(&request);
    assert_eq!(
        error.kind,
        ErrorKind::Upstream,
        "a SOFARPC error has a text only: {error}"
    );
    for part in ["more than the 8388608", "limits.max_message_bytes of the cluster"] {
        assert!(error.text.contains(part), "{error}");
    }
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    assert_eq!(
        (
            up.seen().len(),
            rialto.metric("rialto_calls_total", &["outcome=\"bad_request\""])
        ),
        (1, 1.0)
    );
}

#[test]
fn a_request_that_its_edits_make_too_long_is_refused() {
    fn check(change: impl Fn(&mut Json, Json)) {
        let up = Upstream::<Dubbo>::greeting("it");
        let mut config = config::<Dubbo>(&[up.address]);
        change(&mut config, json!({"set": {"x-gateway": "y".repeat(5000)}}));
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        let error = downstream.error(&greet(&"x".repeat(PAYLOAD - 4000)));
        assert_eq!(error.kind, ErrorKind::BadRequest, "{error}");
        assert!(
            error.text.contains("limits.max_message_bytes of the cluster"),
            "{error}"
        );
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
        assert_eq!(up.seen().len(), 1);
    }
    check(|config, set| config["routes"][0]["rewrite"] = json!({"attachments": set}));
    check(|config, set| config["listeners"][0]["filters"] = json!([{"attachments": set}]));
}

/// Stock readers of Bolt take the lengths of class and header for signed numbers of 16 bits.
#[test]
fn a_header_beyond_what_bolt_can_say_is_refused() {
    fn check<C: Codec + 'static>(request: &Request, rewrite: Json) {
        let up = Upstream::<Bolt>::greeting("it");
        let mut config = config::<Bolt>(&[up.address]);
        let mut long = config["routes"][0].clone();
        long["name"] = json!("long");
        long["match"] = json!({"method": "greet"});
        long["rewrite"] = rewrite;
        config["routes"].as_array_mut().unwrap().push(long);
        config["listeners"][0]["routes"] = json!(["long", "all"]);
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let error = downstream.error(request);
        assert!(error.text.contains("32767"), "{error}");
        let name = Request::new(GREETER, "1.0", "name");
        assert_eq!(downstream.value(&name), "it", "the connection goes on");
        assert_eq!(up.seen().len(), 1);
    }
    let wide = "y".repeat(40_000);
    let set = json!({"attachments": {"set": {"x-gateway": wide}}});
    check::<Dubbo>(&greet("Ada").attach("x-tenant", &wide), json!({}));
    check::<Dubbo>(&greet("Ada"), set.clone());
    check::<Bolt>(&greet("Ada"), set);
}

/// Raising the limit of what consumers may send must not raise the limit of the providers.
#[test]
fn a_request_forwarded_as_is_keeps_the_limit_of_its_cluster() {
    fn check<C: Codec + 'static>(limit: Option<usize>, len: usize) {
        let up = Upstream::<C>::greeting("it");
        let mut config = config::<C>(&[up.address]);
        config["listeners"][0]["limits"] = json!({"max_request_bytes": "32MiB"});
        if let Some(limit) = limit {
            config["clusters"][0]["limits"] = json!({"max_message_bytes": format!("{limit}B")});
        }
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        // The first call waits for a connection, so its bytes are parked.
        for _ in 0..2 {
            let error = downstream.error(&greet(&"x".repeat(len)));
            let limit = limit.unwrap_or(PAYLOAD);
            assert!(error.text.contains(&format!("more than the {limit}")), "{error}");
        }
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
        assert_eq!((up.seen().len(), up.seen()[0].connection), (1, 0));
    }
    check::<Dubbo>(None, PAYLOAD + 1);
    // dubbo-go closes a shared connection when it receives this many bytes.
    check::<Dubbo>(Some(1_024_000), 1_024_000);
    check::<Bolt>(Some(1_024_000), 1_024_000);
}

// ---- small messages that would become huge

/// Kilobytes that such a message may cost: its rewritten form, and what the allocator keeps of it.
const MORE_KB: u64 = 48 << 10;

fn documents<'d>(all: impl IntoIterator<Item = &'d [u8]>) -> Vec<u8> {
    let mut body = vec![];
    for document in all {
        body.extend_from_slice(&(document.len() as u32).to_be_bytes());
        body.extend_from_slice(document);
    }
    body
}

/// A fastjson2 request of `method(Map)` with this argument.
fn jsonb_request(id: u64, method: &str, argument: &[u8]) -> Vec<u8> {
    let string = |s: &str| [&[0x79, 0x38, s.len() as u8], s.as_bytes()].concat();
    let front = ["2.0.2", GREETER, "1.0", method, "Ljava/util/Map;"].map(string);
    let all = front.iter().map(|s| &s[..]).chain([argument, &[0xa6, 0xa5]]);
    frames::dubbo(0xd7, 0, id, &documents(all))
}

/// A long key, whose number is then repeated.
fn keys(len: usize, count: usize) -> Vec<u8> {
    let key = [
        &[0x7f, 0x79, 0x48][..],
        &(len as u32).to_be_bytes(),
        &vec![b'k'; len],
        &[0, 1],
    ]
    .concat();
    [&b"\xa6\x4aa\x01"[..], &key, &[0x7f, 0, 1].repeat(count), &[0xa5]].concat()
}

fn costs_little(rialto: &Rialto, before: u64) {
    let more = rialto.memory_kb("VmHWM").saturating_sub(before);
    assert!(more < MORE_KB, "it took {more} kB");
}

#[test]
fn a_request_that_would_become_gigabytes_fails_alone() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut witness = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(witness.value(&greet("Ada")), "Hello, Ada");
    let before = rialto.memory_kb("VmRSS");
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for (len, count) in [(4000, 48_000), (73_000, 25_000), (146_000, 50_000)] {
        downstream.write(&jsonb_request(5, "greet", &keys(len, count)));
        let error = downstream.receive().1.answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest, "{error}");
    }
    assert_eq!(
        downstream.value(&greet("Ada")),
        "Hello, Ada",
        "the connection goes on"
    );
    assert_eq!(witness.value(&greet("Ada")), "Hello, Ada");
    assert_eq!(up.seen().len(), 3);
    costs_little(&rialto, before);
}

/// A string in Hessian's final grammar.
fn hessian_string(len: usize) -> Vec<u8> {
    [&[b'S'][..], &(len as u16).to_be_bytes(), &vec![b'k'; len]].concat()
}

/// An untyped list with a first element and then `count` times the same element.
fn hessian_list(first: &[u8], element: &[u8], count: usize) -> Vec<u8> {
    let len = (count as u32 + 1).to_be_bytes();
    [b"XI", &len[..], first, &element.repeat(count)].concat()
}

/// Hessian refers to a container by its number, fastjson2 by a path of up to four thousand characters.
#[test]
fn a_response_that_would_become_gigabytes_of_references_is_an_error() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        let level = [&b"H"[..], &hessian_string(990)].concat();
        let target = [level.repeat(4), b"H".to_vec(), b"Z".repeat(5)].concat();
        let value = hessian_list(&target, b"Q\x95", 200_000);
        out.raw(&frames::dubbo(
            frames::DUBBO_RESPONSE,
            20,
            frames::dubbo_id(&arrived.bytes),
            &[b"\x91", &value[..]].concat(),
        ));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let before = rialto.memory_kb("VmRSS");
    for _ in 0..3 {
        downstream.write(&jsonb_request(5, "greet", &[0xa6, 0xa5]));
        let error = downstream.receive().1.answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse, "{error}");
    }
    costs_little(&rialto, before);
}

/// A generic consumer has no classes, so each object names its class and its fields.
#[test]
fn a_response_that_would_become_gigabytes_of_class_names_is_an_error() {
    const RESPONSE: &[u8] = b"C0\x2ecom.alipay.sofa.rpc.core.response.SofaResponse\x94\x07isError\x08errorMsg\x0bappResponse\x0dresponseProps\x60FN";
    let up = Upstream::<Bolt>::start(|arrived, out| {
        let definition = [&b"C"[..], &hessian_string(3000), b"\x90"].concat();
        let value = hessian_list(&[&definition[..], b"\x61"].concat(), b"\x61", 170_000);
        let content = [RESPONSE, &value, b"N"].concat();
        let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
        out.raw(&frames::bolt_response(
            frames::bolt_id(&arrived.bytes),
            1,
            0,
            class,
            &content,
        ));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let before = rialto.memory_kb("VmRSS");
    let invoke = [
        &b"\x052.0.2\x10com.acme.Greeter\x031.0\x07$invoke0\x38Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"[..],
        b"\x05greet\x71\x07[string\x10java.lang.String\x71\x07[object\x03AdaH\x07generic\x04trueZ",
    ]
    .concat();
    for _ in 0..3 {
        downstream.write(&frames::dubbo(frames::DUBBO_REQUEST, 0, 5, &invoke));
        let reply = downstream.receive().1;
        let error = reply.answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse, "{error}");
        assert!(error.text.contains("response"), "{error}");
    }
    costs_little(&rialto, before);
    assert_ne!(
        downstream.call(&greet("Ada")).answer,
        Ok(Answer::Null),
        "the connection goes on"
    );
}
