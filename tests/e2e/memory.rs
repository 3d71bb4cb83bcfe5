//! Tests of the memory that peers can occupy by not reading.
use super::support::{
    Answer, Downstream, Dubbo, GREETER, PATIENCE, Reply, Request, Rialto, STRING, Upstream, config,
    eventually, greet,
};
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The most additional memory in kilobytes: 16 MB of unsent bytes, one message, and what the allocator keeps.
const MORE_KB: u64 = 64 << 10;
const MESSAGE: usize = 1 << 20;
const SMALLER: usize = 60_000;
const TOTAL: usize = 200 << 20;
/// How many requests of 100 kB are sent ahead of the provider.
const AHEAD: usize = 50;

fn responses_of(size: usize) -> Upstream<Dubbo> {
    // Encoded once, so that the speed of this side does not matter.
    let encoded = OnceLock::new();
    Upstream::start(move |arrived, out| match arrived.request().method.as_str() {
        "big" => {
            let mut response: Vec<u8> = encoded
                .get_or_init(|| out.encoded(&Reply::value("x".repeat(size))))
                .clone();
            response[4..12].copy_from_slice(&out.id().to_be_bytes());
            out.raw(&response);
        }
        _ => out.reply(&Reply::value("small")),
    })
}

/// All requests are sent at once, so all responses come. The downstream reads none, so it is disconnected.
#[test]
fn a_downstream_that_does_not_read_is_disconnected() {
    let up = responses_of(MESSAGE);
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["max_unsent_bytes"] = "16MiB".into();
    let rialto = Rialto::start(&config);
    let mut witness = Downstream::<Dubbo>::connect(rialto.entry());
    witness.call(&greet("Ada"));
    let before = rialto.memory_kb("VmRSS");
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let big = Request::new(GREETER, "1.0", "big")
        .arg(STRING, "")
        .within(600_000);
    let burst: Vec<u8> = (0..TOTAL / MESSAGE)
        .flat_map(|_| downstream.frame(&big).1)
        .collect();
    downstream.write(&burst);
    eventually("the cut", || {
        let growth = rialto.memory_kb("VmRSS").saturating_sub(before);
        assert!(growth < MORE_KB, "it holds {growth} kB");
        (rialto.metric("rialto_peer_errors_total", &["kind=\"limit\""]) == 1.0).then_some(())
    });
    assert_eq!(witness.value(&greet("Ada")), "small", "others go on");
    let peak = rialto.memory_kb("VmHWM").saturating_sub(before);
    assert!(peak < MORE_KB, "it held {peak} kB");
}

/// Requests are sent as fast as the provider receives them. While responses wait, the proxy stops reading the
/// downstream, which gets all of them in the end.
#[test]
fn a_downstream_that_reads_slowly_is_throttled_and_gets_everything() {
    let up = Arc::new(responses_of(SMALLER));
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.call(&greet("Ada"));
    let before = rialto.memory_kb("VmRSS");
    // Responses are smaller than requests, so what is in flight when the throttle closes stays below the
    // limit for disconnecting.
    let big = Request::new(GREETER, "1.0", "big")
        .arg(STRING, "y".repeat(100_000))
        .within(600_000);
    let count = 500_u32;
    let requests: Vec<Vec<u8>> = (0..count).map(|_| downstream.frame(&big).1).collect();
    let mut writer = downstream.stream().try_clone().unwrap();
    let provider = Arc::clone(&up);
    let sender = std::thread::spawn(move || {
        for (i, request) in requests.iter().enumerate() {
            // Beyond 16 MB ahead of the provider, requests would be refused.
            provider.wait_count(i.saturating_sub(AHEAD));
            writer.write_all(request).unwrap();
        }
    });
    // until the proxy stops reading
    let mut last = (0, 0);
    eventually("a standstill", || {
        let now = rialto.admin.json("/listeners")[0]["bytes_in"].as_u64().unwrap();
        last = if now == last.0 {
            (now, last.1 + 1)
        } else {
            (now, 0)
        };
        std::thread::sleep(Duration::from_millis(10));
        (last.1 > 20).then_some(())
    });
    assert!(last.0 < 100_000 * u64::from(count), "it took all requests");
    for _ in 0..count {
        match downstream.receive().1.answer {
            Ok(Answer::Value(value)) => assert_eq!(value.as_str().map(str::len), Some(SMALLER)),
            other => panic!("{other:?}"),
        }
    }
    sender.join().unwrap();
    let peak = rialto.memory_kb("VmHWM").saturating_sub(before);
    assert!(peak < MORE_KB, "it held {peak} kB");
}

/// The upstream does not read. Calls that do not fit into the buffer of its connection are refused one by
/// one.
#[test]
fn calls_to_an_upstream_that_does_not_read_are_refused_one_by_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rialto = Rialto::start(&config::<Dubbo>(&[listener.local_addr().unwrap()]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let before = rialto.memory_kb("VmRSS");
    let calls = TOTAL / MESSAGE;
    let mut writer = downstream.stream().try_clone().unwrap();
    let request = greet(&"x".repeat(MESSAGE)).within(600_000);
    let requests: Vec<Vec<u8>> = (0..calls).map(|_| downstream.frame(&request).1).collect();
    let sender = std::thread::spawn(move || requests.iter().for_each(|r| writer.write_all(r).unwrap()));
    let (_stream, _) = listener.accept().unwrap();
    // The buffers of the kernel and of Rialto take some of them.
    for _ in 0..calls - 40 {
        let error = downstream.receive().1.answer.unwrap_err();
        assert!(error.text.contains("does not read its requests"), "{error}");
    }
    sender.join().unwrap();
    let growth = rialto.memory_kb("VmRSS").saturating_sub(before);
    assert!(growth < MORE_KB, "it holds {growth} kB");
}

/// Many downstreams each leave half a frame.
#[test]
fn half_frames_of_many_downstreams_are_bounded() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let before = rialto.memory_kb("VmRSS");
    let mut half = vec![];
    for _ in 0..100 {
        let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
        // Announces 8 MB and sends none of it.
        downstream.write(&super::support::frames::dubbo_head(0xc2, 0, 1, 8 << 20));
        downstream.write(b"\x052.0.2");
        half.push(downstream);
    }
    let mut whole = Downstream::<Dubbo>::connect(rialto.entry());
    whole.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(whole.value(&greet("Ada")), "Hello, Ada");
    let growth = rialto.memory_kb("VmRSS").saturating_sub(before);
    assert!(growth < 16 << 10, "it holds {growth} kB for what did not come");
}

/// Strangers fill the memory for half-received messages. A downstream that sends a larger message than any of
/// theirs, without a pause, is not the one that is closed.
#[test]
fn half_messages_of_strangers_cost_no_other_its_connection() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::start(&config::<Dubbo>(&[up.address]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    let part = vec![b'x'; 1 << 20];
    let mut strangers = vec![];
    for _ in 0..260 {
        let mut stranger = Downstream::<Dubbo>::connect(rialto.entry());
        stranger.write(&super::support::frames::dubbo_head(0xc2, 0, 1, 8 << 20));
        // one that was closed for what it hoards takes no more
        let _ = stranger.stream().write_all(&part);
        strangers.push(stranger);
    }
    let name = "n".repeat(3 << 20);
    for _ in 0..5 {
        let answer = downstream.value(&greet(&name));
        assert_eq!(answer.as_str().map(str::len), Some("Hello, ".len() + name.len()));
    }
}
