//! Tests of providers that fail, send nonsense, or go away.
use super::support::process::Folder;
use super::support::{
    Answer, Bolt, Downstream, Dubbo, ErrorKind, GREETER, PATIENCE, Reply, Request, Rialto, Upstream, config,
    eventually, frames, greet, json, nobody, upstream,
};
use rialto_core::framed::Codec;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

fn name() -> Request {
    Request::new(GREETER, "1.0", "name")
}

#[test]
fn a_call_goes_to_another_endpoint_if_one_cannot_be_reached() {
    let up = Upstream::<Dubbo>::greeting("alive");
    let rialto = Rialto::start(&config::<Dubbo>(&[nobody(), up.address]));
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    for _ in 0..10 {
        assert_eq!(downstream.value(&name()), "alive");
    }
    let dead = rialto.endpoint("up", 0);
    assert!(dead["connect_failures"].as_u64().unwrap() >= 1, "{dead}");
    assert!(rialto.metric("rialto_call_retries_total", &[]) >= 1.0);
}

#[test]
fn without_attempts_left_the_endpoint_is_named() {
    let dead = nobody();
    let mut config = config::<Dubbo>(&[dead]);
    config["routes"][0]["retry"] = json!({"attempts": 1});
    let rialto = Rialto::start(&config);
    let error = Downstream::<Bolt>::connect(rialto.entry()).error(&name());
    assert!(
        error.text.contains(&format!("endpoint {dead} cannot be reached")),
        "{error}"
    );
    let error = Downstream::<Dubbo>::connect(rialto.entry()).error(&name());
    assert_eq!(error.kind, ErrorKind::Upstream, "{error}");
}

#[test]
fn a_cluster_without_usable_endpoints_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path("hosts.json"), "[]").unwrap();
    let mut config = config::<Dubbo>(&[]);
    config["clusters"][0]["endpoints_file"] = json!("hosts.json");
    let rialto = Rialto::start_in(folder, &config);
    let error = Downstream::<Dubbo>::connect(rialto.entry()).error(&name());
    assert!(error.text.contains("no endpoint of cluster up"), "{error}");
}

/// The first connection is never read and dies while calls wait for it. The call that was partly sent fails;
/// the one of which nothing was sent goes over the next connection, once.
#[test]
fn an_unsent_call_survives_the_loss_of_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (die, dies) = channel::<()>();
    let seen = std::thread::spawn(move || {
        let (first, _) = listener.accept().unwrap();
        dies.recv().unwrap();
        drop(first);
        let (second, _) = listener.accept().unwrap();
        upstream::respond_to_all::<Dubbo>(second, "second life")
    });
    let rialto = Rialto::start(&config::<Dubbo>(&[address]));
    let big = "x".repeat(7 << 20);
    // More than the kernel accepts for a connection that is not read.
    let mut fat = [(); 2].map(|()| Downstream::<Dubbo>::connect(rialto.entry()));
    let first = fat[0].send(&greet(&big));
    rialto.wait_in_flight(1);
    fat[1].send(&greet(&big));
    rialto.wait_in_flight(2);
    let mut thin = Downstream::<Dubbo>::connect(rialto.entry());
    let waiting = thin.send(&name());
    rialto.wait_in_flight(3);
    die.send(()).unwrap();
    let reply = thin.response_to(waiting);
    assert_eq!(reply.answer, Ok(Answer::Value("second life".into())));
    let lost = fat[0].response_to(first).answer.unwrap_err();
    assert!(lost.text.contains("lost before it answered"), "{lost}");
    drop(rialto);
    let asked = seen.join().unwrap();
    assert_eq!(asked.iter().filter(|m| *m == "name").count(), 1, "{asked:?}");
}

/// A connection ends inside a response; the next call uses a new connection.
#[test]
fn a_connection_lost_inside_a_response_fails_only_its_calls() {
    fn check<C: Codec + 'static>() {
        let up = Upstream::<C>::start(|arrived, out| {
            let response = out.encoded(&upstream::greeting("it", arrived.request()));
            if arrived.connection == 0 {
                out.raw(&response[..response.len() / 2]);
                out.close();
            } else {
                out.raw(&response);
            }
        });
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let error = downstream.error(&greet("Ada"));
        assert!(
            matches!(error.kind, ErrorKind::UpstreamClosed | ErrorKind::Upstream),
            "{error}"
        );
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
        assert_eq!(up.seen().len(), 2, "what was sent is never sent twice");
    }
    check::<Dubbo>();
    check::<Bolt>();
}

#[test]
fn the_first_of_two_responses_to_one_call_counts() {
    fn check<C: Codec + 'static>() {
        let up = Upstream::<C>::start(|_, out| {
            out.reply(&Reply::value("first"));
            out.reply(&Reply::value("second"));
        });
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        for _ in 0..5 {
            assert_eq!(downstream.value(&greet("Ada")), "first");
        }
        eventually("the second answers", || {
            (rialto.metric("rialto_peer_errors_total", &["kind=\"late_response\""]) == 5.0).then_some(())
        });
        assert_eq!(up.connections(), 1, "that is no reason to hang up");
    }
    check::<Dubbo>();
    check::<Bolt>();
}

#[test]
fn responses_without_a_call_are_dropped() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        for id in [
            0,
            1,
            77,
            u64::from(u32::MAX),
            u64::MAX,
            frames::dubbo_id(&arrived.bytes) ^ (1 << 20),
        ] {
            if id != frames::dubbo_id(&arrived.bytes) {
                out.raw(&frames::dubbo(frames::DUBBO_RESPONSE, 20, id, b"\x91\x05wrong"));
            }
        }
        out.reply(&Reply::value("right"));
    });
    let rialto = Rialto::before(&up);
    let mut downstreams = [(); 3].map(|()| Downstream::<Dubbo>::connect(rialto.entry()));
    for _ in 0..5 {
        for downstream in &mut downstreams {
            assert_eq!(downstream.value(&greet("Ada")), "right");
        }
    }
}

/// A response on one upstream connection must not end a call on another.
#[test]
fn an_upstream_cannot_respond_for_another() {
    let (guess, guessed) = channel();
    let slow =
        Upstream::<Dubbo>::start(move |arrived, _| guess.send(frames::dubbo_id(&arrived.bytes)).unwrap());
    let liar = Upstream::<Dubbo>::greeting("liar");
    let mut config = config::<Dubbo>(&[slow.address]);
    config["clusters"].as_array_mut().unwrap().push(json!({
        "name": "liar", "protocol": "dubbo", "endpoints": [{"address": liar.address.to_string()}],
    }));
    config["listeners"][0]["routes"] = json!(["lies", "all"]);
    config["routes"].as_array_mut().unwrap().push(json!({
        "name": "lies", "match": {"method": "name"}, "to": [{"cluster": "liar"}],
    }));
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "liar");
    let waiting = downstream.send(&greet("Ada").within(400));
    let id = guessed.recv_timeout(PATIENCE).unwrap();
    liar.broadcast(&frames::dubbo(frames::DUBBO_RESPONSE, 20, id, b"\x91\x03lie"));
    let error = downstream.response_to(waiting).answer.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
}

#[test]
fn a_response_beyond_the_limit_becomes_an_error_and_is_skipped() {
    let up = Upstream::<Dubbo>::start(|arrived, out| {
        if arrived.request().method == "name" {
            return out.reply(&Reply::value("still there"));
        }
        let id = frames::dubbo_id(&arrived.bytes);
        let len = (64 << 20) + 1;
        out.raw(&frames::dubbo_head(frames::DUBBO_RESPONSE, 20, id, len));
        let chunk = vec![0x90; 1 << 20];
        for _ in 0..64 {
            out.raw(&chunk);
        }
        out.raw(&[0x90]);
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let error = downstream.error(&greet("Ada"));
    assert_eq!(error.kind, ErrorKind::BadResponse, "{error}");
    assert!(error.text.contains("67108881 bytes"), "{error}");
    assert_eq!(downstream.value(&name()), "still there");
    assert_eq!(up.connections(), 1);
    let peak = rialto.memory_kb("VmHWM");
    assert!(peak < 60_000, "it was read into memory: {peak} kB");
}

/// Bytes after which nothing can be trusted end the upstream connection, not the downstream's.
#[test]
fn an_upstream_that_sends_nonsense_is_disconnected() {
    fn check<C: Codec + 'static>(nonsense: &'static [u8]) {
        let up = Upstream::<C>::start(move |arrived, out| match arrived.connection {
            0 => out.raw(nonsense),
            _ => out.reply(&upstream::greeting("it", arrived.request())),
        });
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let error = downstream.error(&greet("Ada"));
        assert!(
            matches!(error.kind, ErrorKind::UpstreamClosed | ErrorKind::Upstream),
            "{error}"
        );
        up.wait_closed(0);
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
        assert_eq!(
            rialto.metric("rialto_peer_errors_total", &["kind=\"protocol\""]),
            1.0
        );
    }
    check::<Dubbo>(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    // a negative length
    check::<Dubbo>(b"\xda\xbb\x02\x14\0\0\0\0\0\0\0\0\xff\xff\xff\xff");
    // more than a gigabyte
    check::<Dubbo>(b"\xda\xbb\x02\x14\0\0\0\0\0\0\0\0\x7f\xff\xff\xff");
    check::<Bolt>(b"\xda\xbb\x02\x14");
    // an unknown type
    check::<Bolt>(b"\x01\x03\0\x02\x01\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0");
    // a negative length
    check::<Bolt>(b"\x01\0\0\x02\x01\0\0\0\0\x01\0\0\0\0\0\0\xff\xff\xff\xff\0\0");
}

#[test]
fn a_call_from_a_provider_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rialto = Rialto::start(&config::<Dubbo>(&[listener.local_addr().unwrap()]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let call = downstream.send(&greet("Ada"));
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = read_dubbo(&mut stream);
    stream
        .write_all(&frames::dubbo(frames::DUBBO_REQUEST, 0, 9, &request[16..]))
        .unwrap();
    let refusal = read_dubbo(&mut stream);
    assert_eq!((frames::dubbo_id(&refusal), refusal[3]), (9, 60));
    let id = frames::dubbo_id(&request);
    stream
        .write_all(&frames::dubbo(frames::DUBBO_RESPONSE, 20, id, b"\x91\x02hi"))
        .unwrap();
    assert_eq!(
        downstream.response_to(call).answer,
        Ok(Answer::Value("hi".into()))
    );
}

fn read_dubbo(stream: &mut impl Read) -> Vec<u8> {
    let mut frame = vec![0; 16];
    stream.read_exact(&mut frame).unwrap();
    let len = u32::from_be_bytes(frame[12..16].try_into().unwrap()) as usize;
    frame.resize(16 + len, 0);
    stream.read_exact(&mut frame[16..]).unwrap();
    frame
}

#[test]
fn a_draining_endpoint_gets_no_calls_until_it_is_back() {
    let ups = ["going", "staying"].map(Upstream::<Dubbo>::greeting);
    let rialto = Rialto::start(&config::<Dubbo>(&ups.each_ref().map(|u| u.address)));
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    let mut spread = || {
        let mut counts = HashMap::new();
        for _ in 0..10 {
            *counts
                .entry(downstream.value(&name()).as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        counts
    };
    assert_eq!(spread().len(), 2);
    let read_only = |want: bool| {
        eventually("the event", || {
            (rialto.endpoint("up", 0)["read_only"] == want).then_some(())
        });
    };
    ups[0].broadcast(&frames::dubbo(0xa2, 0, 1, b"\x01R"));
    read_only(true);
    assert_eq!(spread(), [("staying".to_owned(), 10)].into());
    ups[0].broadcast(&frames::dubbo(0xa2, 0, 2, b"\x01W"));
    read_only(false);
    assert_eq!(spread().len(), 2);
    assert_eq!(ups[0].connections(), 1, "its connection stood all the time");
}

#[test]
fn a_silent_upstream_gets_a_heartbeat_and_is_then_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config::<Dubbo>(&[listener.local_addr().unwrap()]);
    config["clusters"][0]["heartbeat_interval"] = json!("200ms");
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let call = downstream.send(&greet("Ada").within(60_000));
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    read_dubbo(&mut stream);
    for _ in 0..3 {
        let heartbeat = read_dubbo(&mut stream);
        assert_eq!((heartbeat[2], &heartbeat[16..]), (0xe2, &b"N"[..]));
    }
    let mut more = vec![];
    stream.read_to_end(&mut more).unwrap();
    assert!(more.is_empty(), "it hangs up, but says {more:?}");
    assert!(downstream.response_to(call).answer.is_err());
}

#[test]
fn a_silent_upstream_that_acknowledges_heartbeats_is_kept() {
    fn check<C: Codec + 'static>() {
        let (up, held) = Upstream::<C>::holding("it");
        let mut config = config::<C>(&[up.address]);
        config["clusters"][0]["heartbeat_interval"] = json!("200ms");
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        let call = downstream.send(&greet("Ada").within(60_000));
        let response = held.next();
        let received = || rialto.endpoint("up", 0)["bytes_in"].as_u64().unwrap();
        // An acknowledgement has 17 bytes in Dubbo and 20 in Bolt.
        let many = received() + 5 * 20;
        eventually("five heartbeats", || (received() >= many).then_some(()));
        response.reply(&Reply::value("at last"));
        let reply = downstream.response_to(call);
        assert_eq!(reply.answer, Ok(Answer::Value("at last".into())));
    }
    let dubbo = std::thread::spawn(check::<Dubbo>);
    check::<Bolt>();
    dubbo.join().unwrap();
}

#[test]
fn an_upstream_connection_without_calls_is_closed_in_time() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["clusters"][0]["idle_timeout"] = json!("100ms");
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "it");
    up.wait_closed(0);
    assert_eq!(downstream.value(&name()), "it");
    assert_eq!(up.connections(), 2);
}

/// When a connection reaches its limit of calls another one is opened, up to the limit of connections.
#[test]
fn more_connections_are_opened_as_calls_pile_up() {
    let responded = AtomicUsize::new(0);
    let up = Upstream::<Dubbo>::start(move |_, _| _ = responded.fetch_add(1, Ordering::Relaxed));
    let mut config = config::<Dubbo>(&[up.address]);
    config["clusters"][0]["limits"] =
        json!({"connections_per_endpoint": 2, "in_flight_per_connection": 3, "downstream_share": 100});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for i in 1..=6 {
        downstream.send(&name().within(60_000));
        up.wait_seen(i);
    }
    assert_eq!(up.connections(), 2);
    let error = downstream.error(&name());
    assert_eq!(error.kind, ErrorKind::Overload, "{error}");
}

/// Calls beyond that may wait until another one is over.
#[test]
fn a_call_waits_for_room_if_it_may() {
    let (up, held) = Upstream::<Dubbo>::holding("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["clusters"][0]["limits"] = json!({
        "connections_per_endpoint": 1, "in_flight_per_connection": 1, "waiting_calls": 1, "downstream_share": 100,
    });
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let slow = Request::new(GREETER, "1.0", "slow").within(60_000);
    let first = downstream.send(&slow);
    let at_work = held.next();
    let second = downstream.send(&slow);
    let error = downstream.error(&slow);
    assert_eq!(error.kind, ErrorKind::Overload, "{error}");
    assert!(
        error.text.contains("1 calls may wait (limits.waiting_calls)"),
        "{error}"
    );
    at_work.reply(&Reply::value("done"));
    assert_eq!(downstream.receive().0, first);
    held.next().reply(&Reply::value("done"));
    assert_eq!(downstream.receive().0, second);
}

/// A stock reader closes its connection on such a response; behind a proxy that would be the connection to
/// all providers.
#[test]
fn a_response_that_breaks_stock_readers_fails_only_its_call() {
    fn response(odd: &str, id: u32) -> Vec<u8> {
        let class = "com.alipay.sofa.rpc.core.response.SofaResponse";
        let mut frame = frames::bolt_response(id, 1, 0, class, b"O\x90");
        match odd {
            "status" => frame[10..12].copy_from_slice(&77u16.to_be_bytes()),
            "command" => frame[3] = 9,
            "request command" => frame[3] = 1,
            "class" => frame = frames::bolt_response(id, 1, 0, &"x".repeat(40_000), b"O\x90"),
            other => panic!("{other}"),
        }
        frame
    }
    let held = std::sync::Mutex::new(None);
    let up = Upstream::<Bolt>::start(move |arrived, out| {
        let request = arrived.request();
        if request.method == "name" {
            *held.lock().unwrap() = Some(out.clone());
            return;
        }
        let odd = request.args[0].as_str().unwrap();
        out.raw(&response(odd, frames::bolt_id(&arrived.bytes)));
        if let Some(first) = held.lock().unwrap().take() {
            first.reply(&Reply::value("still here"));
        }
    });
    let rialto = Rialto::before(&up);
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    let mut count = 0;
    for odd in ["status", "command", "request command", "class"] {
        let waiting = bolt.send(&name());
        count += 1;
        up.wait_seen(count);
        let failing = bolt.send(&greet(odd));
        let error = bolt.response_to(failing).answer.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Upstream), "{odd}: {error}");
        let reply = bolt.response_to(waiting);
        assert_eq!(reply.answer, Ok(Answer::Value("still here".into())), "{odd}");
        dubbo.error(&greet(odd));
        count += 2;
    }
    assert_eq!(up.connections(), 1);
    assert_eq!(
        rialto.metric("rialto_listener_connections_opened_total", &[]),
        2.0
    );
}

/// Calls and heartbeats of a worker go to the same endpoints.
#[test]
fn workers_connect_to_different_parts_of_a_large_cluster() {
    let ups: Vec<_> = (0..12).map(|_| Upstream::<Dubbo>::greeting("it")).collect();
    let addresses: Vec<_> = ups.iter().map(|up| up.address).collect();
    let mut config = config::<Dubbo>(&addresses);
    config["runtime"]["workers"] = json!(4);
    config["clusters"][0]["limits"] = json!({"endpoints_per_worker": 3});
    config["clusters"][0]["health_check"] = json!({"interval": "50ms"});
    let rialto = Rialto::start(&config);
    let opened = |i| rialto.endpoint("up", i)["connections_total"].as_u64().unwrap();
    eventually("heartbeats to all", || {
        (0..12).all(|i| opened(i) > 0).then_some(())
    });
    // one for each worker
    let mut downstreams = [(); 4].map(|()| Downstream::<Dubbo>::connect(rialto.entry()));
    for downstream in &mut downstreams {
        (0..30).for_each(|_| assert_eq!(downstream.value(&name()), "it"));
    }
    let calls: Vec<usize> = ups.iter().map(|up| up.seen().len()).collect();
    assert_eq!((0..12).map(opened).collect::<Vec<_>>(), [1; 12], "{calls:?}");
    assert_eq!(calls, [10; 12]);
    assert_eq!(rialto.admin.json("/clusters")[0]["endpoints_per_worker"], 4);
}
