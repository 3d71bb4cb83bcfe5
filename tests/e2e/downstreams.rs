//! Tests of downstreams with all kinds of legal behaviour.
use super::support::{
    Bolt, Downstream, Dubbo, GREETER, PATIENCE, Reply, Request, Rialto, STRING, Upstream, config, eventually,
    for_each_pair, frames, greet, json,
};
use rialto_core::framed::Codec;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::net::TcpStream;
use std::sync::Mutex;

#[test]
fn heartbeats_are_acknowledged_while_calls_run() {
    let up = Upstream::<Dubbo>::silent();
    let rialto = Rialto::before(&up);
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    dubbo.send(&greet("Ada"));
    dubbo.write(&frames::dubbo(0xe2, 0, 42, b"N"));
    let mut ack = [0; 17];
    dubbo.stream().read_exact(&mut ack).unwrap();
    assert_eq!(ack[..], frames::dubbo(0x22, 20, 42, b"N"));

    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    bolt.send(&greet("Ada"));
    bolt.write(&frames::bolt_heartbeat(43));
    let mut ack = [0; 20];
    bolt.stream().read_exact(&mut ack).unwrap();
    assert_eq!(ack[..], *b"\x01\0\0\0\x01\0\0\0\x2b\x01\0\0\0\0\0\0\0\0\0\0");
}

/// A heartbeat may even be the very first frame, from which the protocol is detected.
#[test]
fn a_connection_may_begin_with_a_heartbeat() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    dubbo.write(&frames::dubbo(0xe2, 0, 42, b"N"));
    assert_eq!(dubbo.value(&greet("Ada")), "Hello, Ada");
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    bolt.write(&frames::bolt_heartbeat(43));
    assert_eq!(bolt.value(&greet("Ada")), "Hello, Ada");
}

#[test]
fn bytes_may_come_one_at_a_time() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::greeting("it");
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        for name in ["Ada", "Grace"] {
            let (id, frame) = downstream.frame(&greet(name));
            for byte in frame {
                downstream.write(&[byte]);
            }
            let reply = downstream.response_to(id);
            assert_eq!(reply, Reply::value(format!("Hello, {name}")));
        }
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
}

/// At every position, the end of this frame and the start of the next one come in the same packet.
#[test]
fn frames_may_be_split_anywhere() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let (_, one) = downstream.frame(&greet("Ada"));
    let mut ids = vec![];
    for cut in 1..one.len() {
        let (a, mut bytes) = downstream.frame(&greet("Ada"));
        let (b, more) = downstream.frame(&greet("Eve"));
        bytes.extend_from_slice(&more);
        downstream.write(&bytes[..cut]);
        downstream.write(&bytes[cut..]);
        ids.extend([a, b]);
        let mut got = [downstream.receive().0, downstream.receive().0];
        got.sort_unstable();
        assert_eq!(got, [a, b], "cut at {cut}");
    }
}

/// Downstreams use the same ids; responses come in another order than the requests, and reach the right ones.
#[test]
fn responses_find_their_downstreams_in_any_order() {
    fn check<From: Codec, To: Codec + 'static>() {
        const CALLERS: usize = 4;
        const CALLS: usize = 50;
        let held = Mutex::new(vec![]);
        let up = Upstream::<To>::start(move |arrived, out| {
            let mut held = held.lock().unwrap();
            held.push((arrived.request().args[0].clone(), out.clone()));
            if held.len() == CALLERS * CALLS {
                for (text, out) in held.drain(..).rev() {
                    out.reply(&Reply::value(text));
                }
            }
        });
        let rialto = Rialto::before(&up);
        let mut downstreams: Vec<_> = (0..CALLERS)
            .map(|_| Downstream::<From>::connect(rialto.entry()))
            .collect();
        let mut sent = HashMap::new();
        for i in 0..CALLS {
            for (c, downstream) in downstreams.iter_mut().enumerate() {
                let text = format!("call {i} of downstream {c}");
                let echo = Request::new(GREETER, "1.0", "echo").arg(STRING, text.clone());
                sent.insert((c, downstream.send(&echo)), text);
            }
        }
        for (c, downstream) in downstreams.iter_mut().enumerate() {
            for _ in 0..CALLS {
                let (id, reply) = downstream.receive();
                assert_eq!(
                    reply,
                    Reply::value(sent.remove(&(c, id)).expect("one response per call"))
                );
            }
        }
        assert!(sent.is_empty());
    }
    for_each_pair!(check);
}

#[test]
fn large_calls_and_responses_are_forwarded_whole() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up =
            Upstream::<To>::start(|arrived, out| out.reply(&Reply::value(arrived.request().args[0].clone())));
        let rialto = Rialto::before(&up);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        // Around the size of the read buffer and its headroom, and far beyond.
        for len in [1, 65_000, 65_536, 131_072, 3_000_000] {
            let text: String = (0..len).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
            let echo = Request::new(GREETER, "1.0", "echo").arg(STRING, text.clone());
            assert!(downstream.value(&echo) == text, "{len} bytes came back different");
        }
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
    check::<Dubbo, Dubbo>();
}

/// What a downstream leaves behind is cleaned up: the call, and its response when it comes.
#[test]
fn a_downstream_may_close_before_its_response() {
    let (up, held) = Upstream::<Dubbo>::holding("here");
    let rialto = Rialto::before(&up);
    let mut leaving = Downstream::<Dubbo>::connect(rialto.entry());
    leaving.send(&greet("Ada"));
    up.wait_seen(1);
    drop(leaving);
    eventually("the end of the call", || {
        (rialto.metric("rialto_calls_total", &["outcome=\"cancelled\""]) == 1.0).then_some(())
    });
    rialto.wait_in_flight(0);
    held.next().reply(&Reply::value("nobody is here"));
    let mut next = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(next.value(&Request::new(GREETER, "1.0", "name")), "here");
    eventually("the end of the quarantine", || {
        (rialto.metric("rialto_calls_quarantined", &[]) == 0.0).then_some(())
    });
}

/// Downstreams come and go while calls run over shared upstream connections.
#[test]
fn many_downstreams_share_few_upstream_connections() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let at = rialto.entry();
    let threads: Vec<_> = (0..8)
        .map(|t| {
            std::thread::spawn(move || {
                for round in 0..5 {
                    let mut downstream = Downstream::<Dubbo>::connect(at);
                    for call in 0..20 {
                        let name = format!("{t}.{round}.{call}");
                        assert_eq!(downstream.value(&greet(&name)), format!("Hello, {name}"));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(up.connections(), 1);
    let names: HashSet<String> = up
        .seen()
        .iter()
        .map(|a| a.request().args[0].to_string())
        .collect();
    assert_eq!(names.len(), 800, "each call arrived, once");
}

#[test]
fn a_silent_connection_is_closed_in_time_and_one_with_a_call_is_not() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["limits"] = super::support::json!({"idle_timeout": "300ms"});
    let rialto = Rialto::start(&config);
    let mut busy = Downstream::<Dubbo>::connect(rialto.entry());
    let call = busy.send(&greet("Ada").within(3000));
    let mut idle = Downstream::<Dubbo>::connect(rialto.entry());
    idle.write(&frames::dubbo(0xe2, 0, 42, b"N"));
    idle.wait_for_close();
    let mut mute = TcpStream::connect(rialto.entry()).unwrap();
    mute.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = vec![];
    mute.read_to_end(&mut received).unwrap();
    assert!(received.is_empty(), "{received:?}");
    assert!(
        busy.response_to(call)
            .answer
            .unwrap_err()
            .text
            .contains("did not answer within 3000 ms (the timeout of the request)")
    );
}

/// Dubbo and SOFARPC consumers connect when they start, and send nothing before their first call or
/// heartbeat.
#[test]
fn a_connection_may_stay_silent_but_a_frame_must_be_completed() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"][0]["limits"] = super::support::json!({"detect_timeout": "1ms"});
    let rialto = Rialto::start(&config);
    let mut silent = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..2 {
        let mut begun = Downstream::<Dubbo>::connect(rialto.entry());
        begun.write(&[0xda]);
        begun.wait_for_close();
    }
    assert_eq!(silent.value(&greet("Ada")), "Hello, Ada");
    assert_eq!(
        rialto.metric("rialto_peer_errors_total", &["kind=\"limit\""]),
        2.0
    );
}

/// The end of the stream comes with the last bytes, so no event follows them.
#[test]
fn a_request_and_the_end_of_its_connection_may_come_together() {
    let up = Upstream::<Dubbo>::silent();
    let rialto = Rialto::before(&up);
    let count = 50;
    for _ in 0..count {
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        downstream.send(&greet("Ada").within(600_000));
    }
    eventually("the end of all connections", || {
        let shown = rialto.admin.json("/listeners");
        (shown[0]["connections_total"] == count && shown[0]["connections"] == 0).then_some(())
    });
    rialto.wait_in_flight(0);
}

#[test]
fn several_workers_serve_like_one() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["runtime"]["workers"] = super::support::json!(4);
    let rialto = Rialto::start(&config);
    let mut downstreams: Vec<_> = (0..12)
        .map(|_| Downstream::<Dubbo>::connect(rialto.entry()))
        .collect();
    for round in 0..10 {
        for (c, downstream) in downstreams.iter_mut().enumerate() {
            let name = format!("{c}.{round}");
            assert_eq!(downstream.value(&greet(&name)), format!("Hello, {name}"));
        }
    }
    assert_eq!(
        up.connections(),
        4,
        "each worker has its own, so connections were spread evenly"
    );
    assert_eq!(
        rialto.metric("rialto_calls_total", &["outcome=\"ok\""]),
        120.0,
        "pages sum up the workers"
    );
}

/// Some providers remember for a connection how its first message spelled a class, so downstreams must not share one.
#[test]
fn each_downstream_has_a_connection_of_its_own_where_the_cluster_says_so() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["clusters"][0]["connections"] = json!("per_downstream");
    config["runtime"] = json!({ "workers": 1 });
    let rialto = Rialto::start(&config);
    let name = Request::new(GREETER, "1.0", "name");
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    let mut dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..10 {
        assert_eq!(bolt.value(&name), "it");
        assert_eq!(dubbo.value(&name), "it");
    }
    assert_eq!(up.connections(), 2);
    // the end of the first downstream ends only its own connection
    drop(bolt);
    up.wait_closed(0);
    assert_eq!(dubbo.value(&name), "it");
    assert_eq!(up.connections(), 2);
    // shared again: the connection that belonged to the other downstream is closed as well
    config["clusters"][0]["connections"] = json!("shared");
    rialto.reload(&config);
    assert_eq!(dubbo.value(&name), "it");
    assert_eq!(Downstream::<Bolt>::connect(rialto.entry()).value(&name), "it");
    assert_eq!(up.connections(), 3);
    up.wait_closed(1);
}
