//! Tests with few file descriptors.
use super::support::{Downstream, Dubbo, PATIENCE, Rialto, Upstream, config, eventually, greet};
use std::io::Read;
use std::net::TcpStream;

/// Whether the peer has closed the connection. It does so at once or never.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(stream.read(&mut [0; 1]), Ok(0))
}

/// Downstreams take all descriptors meant for them; upstreams, probes and the configuration still have
/// theirs.
#[test]
fn downstreams_cannot_take_the_last_descriptors() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start_after("ulimit -n 256", &config);
    rialto.stderr.wait("the warning", |l| {
        l.contains("fewer than runtime.max_connections allows")
    });
    let entry = rialto.entry();
    let mut first = Downstream::<Dubbo>::connect(entry);
    first.write(&super::support::frames::dubbo(0xe2, 0, 1, b"N"));
    let crowd: Vec<_> = (0..300).map(|_| TcpStream::connect(entry).unwrap()).collect();
    eventually("refusals", || {
        let shown = rialto.admin.json("/listeners");
        let open = shown[0]["connections"].as_u64()?;
        (shown[0]["connections_refused"].as_u64()? + open == 301).then_some(())
    });
    let refused = rialto.admin.json("/listeners")[0]["connections_refused"]
        .as_u64()
        .unwrap();
    assert!((150..250).contains(&refused), "{refused} of 300");
    // No provider is connected yet, so this call needs a descriptor now.
    assert_eq!(first.value(&greet("Ada")), "Hello, Ada");
    assert_eq!(rialto.admin.get("/ready").0, 200);
    assert!(is_closed(&mut TcpStream::connect(entry).unwrap()));
    rialto
        .stderr
        .wait("the reason", |l| l.contains("connections are closed at once"));

    config["routes"][0]["timeout"] = super::support::json!("9s");
    rialto.reload(&config);
    assert_eq!(rialto.metric("rialto_config_last_reload_successful", &[]), 1.0);
    assert_eq!(rialto.reloads("refused"), 0);

    drop(crowd);
    eventually("room again", || {
        let mut downstream = TcpStream::connect(entry).unwrap();
        downstream
            .set_read_timeout(Some(std::time::Duration::from_millis(50)))
            .unwrap();
        // Nothing to read, but not closed either.
        downstream.read(&mut [0; 1]).err()
    });
    assert_eq!(
        Downstream::<Dubbo>::connect(entry).value(&greet("Ada")),
        "Hello, Ada"
    );
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::start_after("ulimit -Hn 1024; ulimit -Sn 64", &config::<Dubbo>(&[up.address]));
    let entry = rialto.entry();
    let _crowd: Vec<_> = (0..300).map(|_| TcpStream::connect(entry).unwrap()).collect();
    eventually("all downstreams", || {
        (rialto.admin.json("/listeners")[0]["connections"] == 300).then_some(())
    });
    assert_eq!(
        Downstream::<Dubbo>::connect(entry).value(&greet("Ada")),
        "Hello, Ada"
    );
}
