//! Tests of the end of the process.
use super::support::process::Process;
use super::support::upstream::Outgoing;
use super::support::{
    Answer, Bolt, Downstream, Dubbo, Reply, Rialto, Upstream, config, eventually, greet, idle_config, json,
};
use std::net::TcpStream;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

#[test]
fn shutdown_announces_itself_and_lets_calls_end() {
    let (up, held) = Upstream::<Dubbo>::holding("it");
    let mut rialto = Rialto::before(&up);
    let at = rialto.entry();
    let mut dubbo = Downstream::<Dubbo>::connect(at);
    let mut bolt = Downstream::<Bolt>::connect(at);
    let (a, b) = (dubbo.send(&greet("Ada")), bolt.send(&greet("Ada")));
    up.wait_seen(2);
    assert_eq!(rialto.admin.get("/ready").0, 200);
    rialto.signal("TERM");
    dubbo.wait_for_drain();
    assert_eq!(rialto.admin.get("/ready").0, 503, "load balancers see it");
    eventually("that nobody listens", || TcpStream::connect(at).err());
    for _ in 0..2 {
        held.next().reply(&Reply::value("last"));
    }
    assert_eq!(dubbo.response_to(a).answer, Ok(Answer::Value("last".into())));
    assert_eq!(bolt.response_to(b).answer, Ok(Answer::Value("last".into())));
    assert_eq!(rialto.ended().code(), Some(0));
}

/// A downstream that ignores the drain event is still served while others are waited for.
#[test]
fn late_calls_are_served_during_a_drain() {
    let (up, held) = Upstream::<Dubbo>::holding("it");
    let mut rialto = Rialto::before(&up);
    let mut bolt = Downstream::<Bolt>::connect(rialto.entry());
    bolt.send(&greet("Ada"));
    up.wait_seen(1);
    rialto.signal("TERM");
    rialto.stderr.wait("the drain", |l| l.contains("draining"));
    let name = super::support::Request::new(super::support::GREETER, "1.0", "name");
    assert_eq!(bolt.value(&name), "it");
    held.next().reply(&Reply::value("last"));
    assert_eq!(bolt.receive().1, Reply::value("last"));
    assert_eq!(rialto.ended().code(), Some(0));
}

#[test]
fn a_drain_ends_after_its_timeout() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["drain_timeout"] = json!("300ms");
    let mut rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.send(&greet("Ada").within(60_000));
    up.wait_seen(1);
    rialto.signal("TERM");
    assert_eq!(rialto.ended().code(), Some(0));
    rialto
        .stderr
        .wait("the loss", |l| l.contains("1 calls were still in flight"));
    downstream.wait_for_close();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let up = Upstream::<Dubbo>::silent();
    let mut rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.send(&greet("Ada").within(60_000));
    up.wait_seen(1);
    rialto.signal("TERM");
    downstream.wait_for_drain();
    rialto.signal("INT");
    assert_eq!(rialto.ended().code(), Some(1));
    rialto
        .stderr
        .wait("the warning", |l| l.contains("1 calls in flight are cut off"));
}

#[test]
fn a_signal_during_the_start_ends_it_gracefully() {
    let mut config = config::<Dubbo>(&[]);
    config["clusters"][0] = json!({"name": "up", "protocol": "dubbo", "endpoints_file": "to-come.yaml"});
    let mut rialto = Process::new(&config);
    // The process waits for endpoints before it is ready.
    rialto
        .stderr
        .wait("the missing endpoints", |l| l.contains("to-come.yaml"));
    rialto.signal("HUP");
    rialto.signal("TERM");
    assert_eq!(rialto.ended().code(), Some(0));
    rialto.stderr.wait("the reason", |l| {
        l.contains("the process was told to end before it was ready")
    });
}

#[test]
fn without_calls_it_ends_at_once() {
    let mut rialto = Rialto::start(&idle_config());
    let mut idle = Downstream::<Dubbo>::connect(rialto.entry());
    idle.write(&super::support::frames::dubbo(0xe2, 0, 1, b"N"));
    rialto.signal("INT");
    assert_eq!(rialto.ended().code(), Some(0));
}

/// An upstream that responds to a call when the next one has arrived, so it always has one while downstreams call. It does
/// not wait longer than this for the next one.
fn always_busy(longest: Duration) -> Upstream<Dubbo> {
    let (up, held) = Upstream::holding("it");
    std::thread::spawn(move || {
        let mut last: Option<Outgoing<Dubbo>> = None;
        loop {
            let next = held.next_within(longest);
            if let Some(last) = last.take() {
                last.reply(&Reply::value("it"));
            }
            match next {
                Ok(next) => last = Some(next),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    });
    up
}

/// Downstreams that never pause: each learns from a refused call that the process goes away, before its connection
/// is closed, and every call that reached the provider gets its response.
#[test]
fn under_load_connections_are_closed_between_calls() {
    let up = always_busy(Duration::from_millis(20));
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["drain_timeout"] = json!("3s");
    let mut rialto = Rialto::start(&config);
    let entry = rialto.entry();
    // How many calls each downstream keeps in flight.
    let downstreams = [1, 1, 1, 1, 1, 1, 4, 4].map(|at_once| {
        std::thread::spawn(move || {
            let mut downstream = Downstream::<Bolt>::connect(entry);
            for _ in 0..at_once {
                downstream.send(&greet("Ada"));
            }
            let (mut responded, mut refused) = (0, 0);
            while let Some((_, reply)) = downstream.receive_until_closed() {
                match reply.answer {
                    Ok(_) => responded += 1,
                    Err(e) => {
                        assert_eq!(e.kind, super::support::ErrorKind::Overload, "{e}");
                        refused += 1;
                    }
                }
                // If the connection has ended, responses sent before can still be read.
                downstream.try_send(&greet("Ada"));
            }
            (at_once, responded, refused)
        })
    });
    up.wait_seen(50);
    rialto.signal("TERM");
    assert_eq!(rialto.ended().code(), Some(0));
    rialto.stderr.wait("the end", |l| l.contains("drained"));
    let mut all = 0;
    for downstream in downstreams {
        let (at_once, responded, refused) = downstream.join().unwrap();
        assert!(
            (1..=4 * at_once).contains(&refused),
            "{refused} refused of {at_once} at once"
        );
        all += responded;
    }
    assert_eq!(
        all,
        up.seen().len(),
        "responses to calls that reached the provider"
    );
}

/// The configuration comes from a pipe that nothing was written to yet, so the process cannot have read it.
#[test]
fn a_request_to_reload_that_comes_early_does_not_end_it() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    let mut child = super::support::process::command()
        .args(["run", "-c", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    super::support::eventually("SIGHUP is caught", || {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|l| l.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught & 1 == 1).then_some(())
    });
    for signal in ["-HUP", "-USR1"] {
        let kill = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(idle_config().to_string().as_bytes()).unwrap();
    drop(pipe);
    let mut log = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(log.any(|l| l.contains("is ready")));
    child.kill().unwrap();
    child.wait().unwrap();
}
