//! Tests of downstreams that send what no peer of a protocol sends.
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, PATIENCE, Rialto, Upstream, config, frames, greet, json,
};
use rialto_core::framed::Codec;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The bytes received after these first bytes, until the connection is closed.
fn bytes_until_closed(rialto: &Rialto, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(rialto.entry()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let (mut words, mut chunk) = (vec![], [0; 4096]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return words,
            Ok(n) => words.extend_from_slice(&chunk[..n]),
            // Bytes that were not read cause a reset.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return words,
            Err(e) => panic!("the connection stays open: {e}"),
        }
    }
}

#[test]
fn other_protocols_are_refused_in_their_own_form() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut witness = Downstream::<Bolt>::connect(rialto.entry());
    for (bytes, says) in [
        (&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &b"HTTP/1.1 421 "[..]),
        (b"POST /com.acme.Greeter/greet HTTP/1.1\r\n\r\n", b"HTTP/1.1 421 "),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 421 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03"),
        (b"ls\r\n", b"This port takes RPC calls;"),
        (b"\0\0\0\0", b""),
        (b"\x01\x07", b""),
        (b"\xff\xfe\xfd", b""),
    ] {
        let words = bytes_until_closed(&rialto, bytes);
        assert!(
            words.starts_with(says),
            "{:?} -> {:?}",
            bytes.escape_ascii(),
            words.escape_ascii().to_string()
        );
        assert_eq!(
            words.is_empty(),
            says.is_empty(),
            "{:?}",
            words.escape_ascii().to_string()
        );
        assert_eq!(witness.value(&greet("Ada")), "Hello, Ada");
    }
    assert_eq!(
        rialto.metric("rialto_peer_errors_total", &["kind=\"protocol\""]),
        8.0
    );
}

#[test]
fn a_listener_of_one_protocol_refuses_others_in_the_same_way() {
    let up = Upstream::<Dubbo>::greeting("it");
    for protocol in ["dubbo", "bolt"] {
        let mut config = config::<Dubbo>(&[up.address]);
        config["listeners"][0]["protocol"] = json!(protocol);
        let rialto = Rialto::start(&config);
        for (bytes, says) in [
            (&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &b"HTTP/1.1 421 "[..]),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03"),
            (b"ls\r\n", b"This port takes RPC calls;"),
            (b"\0\0\0\0", b""),
        ] {
            let words = bytes_until_closed(&rialto, bytes);
            assert!(words.starts_with(says), "{:?}", words.escape_ascii().to_string());
            assert_eq!(words.is_empty(), says.is_empty());
        }
    }
}

/// A text for people in the middle of a stream of frames would look like a broken frame.
#[test]
fn a_peer_that_got_a_response_gets_no_text() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["protocol"] = json!("dubbo");
    let rialto = Rialto::start(&config);
    let beat = frames::dubbo(0xe2, 0, 42, b"N");
    let words = bytes_until_closed(&rialto, &[&beat[..], b"ls\r\n"].concat());
    assert_eq!(
        words.len(),
        beat.len(),
        "the heartbeat's acknowledgement: {words:?}"
    );
}

#[test]
fn a_frame_that_breaks_the_stream_ends_its_connection_only() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut witness = Downstream::<Dubbo>::connect(rialto.entry());
    for bytes in [
        // Negative lengths.
        frames::dubbo_head(frames::DUBBO_REQUEST, 0, 1, -1),
        frames::dubbo_head(frames::DUBBO_REQUEST, 0, 1, i32::MIN),
        b"\x01\x01\0\x01\x01\0\0\0\x01\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xff".to_vec(),
        // More than a gigabyte.
        frames::dubbo_head(frames::DUBBO_REQUEST, 0, 1, i32::MAX),
        // An unknown command, with a length that would exceed the limit of a known one.
        b"\x01\x01\0\x07\x01\0\0\0\x01\x01\0\0\0\0\0\0\0\0\x10\0\0\0".to_vec(),
        // A valid frame, and then other bytes.
        [
            frames::dubbo(0xe2, 0, 1, b"N"),
            b"garbage, sixteen and more bytes".to_vec(),
        ]
        .concat(),
    ] {
        bytes_until_closed(&rialto, &bytes);
        assert_eq!(
            witness.value(&greet("Ada")),
            "Hello, Ada",
            "{:?}",
            bytes.escape_ascii().to_string()
        );
    }
}

#[test]
fn requests_beyond_the_limit_get_an_error_and_are_skipped() {
    fn check<C: Codec + 'static>() {
        let up = Upstream::<C>::greeting("it");
        let mut config = config::<C>(&[up.address]);
        config["listeners"][0]["limits"] = json!({"max_request_bytes": "64KiB"});
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let error = downstream.error(&greet(&"x".repeat(6 << 20)));
        assert!(
            error
                .text
                .contains("more than the 65536 that this listener takes (limits.max_request_bytes)"),
            "{error}"
        );
        let refused = rialto.metric("rialto_refused_calls_total", &["limit=\"max_request_bytes\""]);
        assert_eq!(refused, 1.0);
        assert_eq!(
            downstream.value(&greet("Ada")),
            "Hello, Ada",
            "the connection goes on"
        );
        assert_eq!(up.seen().len(), 1);
        let peak = rialto.memory_kb("VmHWM");
        assert!(peak < 40_000, "it was read into memory: {peak} kB");
        assert_eq!(
            rialto.metric("rialto_calls_total", &["outcome=\"bad_request\""]),
            1.0
        );
    }
    check::<Dubbo>();
    check::<Bolt>();
}

#[test]
fn an_unreadable_request_gets_an_error_and_the_connection_goes_on() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    for body in [&b""[..], b"N", b"\x052.0.2", b"\xff\xff\xff\xff", &[0x58; 400]] {
        dubbo.write(&frames::dubbo(frames::DUBBO_REQUEST, 0, 77, body));
        let (id, reply) = dubbo.receive();
        let error = reply.answer.unwrap_err();
        assert_eq!((id, error.kind), (77, ErrorKind::BadRequest), "{error}");
    }
    assert_eq!(dubbo.value(&greet("Ada")), "Hello, Ada");

    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    let class = "com.alipay.sofa.rpc.core.request.SofaRequest";
    for frame in [
        frames::bolt_request(77, 1, class, &[], b""),
        frames::bolt_request(77, 1, class, &[], b"\xff\xff"),
        frames::bolt_request(77, 1, "com.acme.Plain", &[], b"x"),
        // The names are in the header, so the call is routed; the content fails when it is bridged.
        frames::bolt_request(77, 1, class, &[("service", "com.acme.Greeter:1.0")], b"\x4f\xff"),
        frames::bolt_request(77, 2, class, &[("service", "com.acme.Greeter:1.0")], b"\xac\xed"),
    ] {
        bolt.write(&frame);
        let (id, reply) = bolt.receive();
        assert_eq!(id, 77);
        assert!(reply.answer.is_err(), "{reply:?}");
    }
    assert_eq!(bolt.value(&greet("Ada")), "Hello, Ada");
    assert_eq!(up.seen().len(), 2);
}

/// Lengths that Java could not have written, and unknown commands: the end of the frame is known
/// nevertheless.
#[test]
fn a_request_that_breaks_stock_readers_fails_only_its_call() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    let class = "com.alipay.sofa.rpc.core.request.SofaRequest";
    let wide = "x".repeat(40_000);
    let mut unknown = frames::bolt_request(77, 1, class, &[], b"O");
    unknown[3] = 7;
    for frame in [
        frames::bolt_request(77, 1, class, &[("k", &wide)], b"O"),
        frames::bolt_request(77, 1, class, &[("k", &wide)], b""),
        frames::bolt_request(77, 1, &wide, &[], b"C"),
        unknown,
    ] {
        downstream.write(&frame);
        let (id, reply) = downstream.receive();
        assert_eq!(id, 77);
        assert!(reply.answer.is_err(), "{reply:?}");
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    }
    assert_eq!(up.seen().len(), 4);
}

/// Deep and wide values fail at most their own call.
#[test]
fn hostile_values_do_no_harm() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let lead = b"\x052.0.2\x10com.acme.Greeter\x031.0\x05greet\x12Ljava/lang/String;";
    let deep = [0x79; 1 << 20];
    let wide = b"\x58\x49\x7f\xff\xff\xff";
    let endless_string = b"R\xff\xff";
    for value in [
        &deep[..],
        wide,
        endless_string,
        b"Q\x49\x7f\xff\xff\xff",
        b"C\x01x\x49\x7f\xff\xff\xff",
    ] {
        downstream.write(&frames::dubbo(
            frames::DUBBO_REQUEST,
            0,
            77,
            &[&lead[..], value].concat(),
        ));
        let (id, reply) = downstream.receive();
        assert_eq!(id, 77);
        assert!(reply.answer.is_err(), "{reply:?}");
    }
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
}

/// Responses and other frames that only providers send are skipped.
#[test]
fn frames_against_the_direction_are_skipped() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.write(&frames::dubbo(frames::DUBBO_RESPONSE, 20, 1, b"\x91\x02hi"));
    downstream.write(&frames::dubbo(0xa2, 0, 1, b"\x01R"));
    downstream.write(&frames::dubbo(0x22, 20, 1, b"N"));
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
    downstream.write(&frames::bolt_response(1, 1, 0, class, b""));
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
}
