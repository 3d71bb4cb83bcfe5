use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use super::*;
use crate::backend::Backend;
use crate::net::listen_on;
use crate::relay::Relay;

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A backend on a thread that lives as long as the test process.
fn backend() -> SocketAddr {
    let listener = listen_on(loopback(), false).unwrap();
    let address = listener.local_addr().unwrap();
    let mut backend = Backend::new(listener).unwrap();
    thread::spawn(move || while backend.turn().is_ok() {});
    address
}

fn relay(upstream: SocketAddr) -> SocketAddr {
    let listener = listen_on(loopback(), false).unwrap();
    let address = listener.local_addr().unwrap();
    let mut relay = Relay::new(listener, upstream).unwrap();
    thread::spawn(move || while relay.turn().is_ok() {});
    address
}

fn options(target: SocketAddr, protocol: Protocol, load: &str) -> Options {
    Options {
        target,
        protocol,
        load: load.parse().unwrap(),
        argument_len: 1024,
        warm: Duration::ZERO,
        measure: Duration::from_secs(30),
        calls: Some(2_000),
        window: Duration::from_millis(50),
        processes: vec![("backend".into(), std::process::id())],
        watched_cpus: vec![],
    }
}

#[test]
fn exactly_the_requested_number_of_calls_is_made() {
    let target = relay(backend());
    for protocol in [Protocol::Bolt, Protocol::Dubbo] {
        for load in ["1x1", "8x32", "4@50000", "4@50000p"] {
            let report = run(&options(target, protocol, load)).unwrap();
            assert_eq!(
                (report.answered, report.failed),
                (2_000, 0),
                "{protocol} {load} {:?}",
                report.errors
            );
            assert!(report.cpu_us["backend"].median > 0.0);
            assert!(report.latency_us.p50 > 0.0 && report.latency_us.p50 <= report.latency_us.max);
        }
    }
}

#[test]
fn large_arguments_are_echoed() {
    let target = relay(backend());
    let large = Options {
        argument_len: 200_000,
        calls: Some(100),
        ..options(target, Protocol::Bolt, "4x8")
    };
    assert_eq!(run(&large).unwrap().answered, 100);
}

/// A server that sends back the request's own bytes as a response.
#[test]
fn a_wrong_response_is_an_error() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 4096];
        while let Ok(len) = stream.read(&mut buffer)
            && len > 0
        {
            // The response type and the status of a timeout replace the request's flags.
            buffer[3] = 30;
            buffer[2] &= 0x7f;
            stream.write_all(&buffer[..len]).unwrap();
        }
    });
    let one = Options {
        calls: Some(1),
        ..options(target, Protocol::Dubbo, "1x1")
    };
    let report = run(&one).unwrap();
    assert_eq!((report.answered, report.failed), (1, 1));
    assert!(
        report.errors[0].contains("Dubbo2 status 30"),
        "{:?}",
        report.errors
    );
}

#[test]
fn a_closing_server_ends_the_run_with_an_error() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || drop(listener.accept().unwrap()));
    let error = run(&options(target, Protocol::Bolt, "1x1"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("closed by the other side") || error.contains("reset"),
        "{error}"
    );
}

#[test]
fn options_survive_conversion_to_flags() {
    let sent = Options {
        watched_cpus: vec![0, 1],
        ..options(loopback(), Protocol::Dubbo, "64@20000p")
    };
    let mut flags = Flags::new(sent.to_flags());
    let got = Options::from_flags(&mut flags).unwrap();
    flags.finish().unwrap();
    assert_eq!(format!("{got:?}"), format!("{sent:?}"));
}

#[test]
fn loads_are_parsed_and_mistakes_named() {
    for text in ["1x1", "64x32", "64@20000", "8@5000p"] {
        assert_eq!(text.parse::<Load>().unwrap().to_string(), text);
    }
    for text in ["", "8", "8x", "0x1", "8@0", "8x0", "x1", "8@1q"] {
        assert!(text.parse::<Load>().is_err(), "{text}");
    }
}
