//! Tests of the process log: it blocks nothing, and its lines name listener, peer and call.
use super::support::http::Http;
use super::support::process::{Folder, command};
use super::support::upstream::greeting;
use super::support::{Downstream, Dubbo, Request, Rialto, Upstream, config, eventually, greet, json};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

/// Any peer can cause lines in the log, so a log that nobody reads must not block the workers.
#[test]
fn an_unread_log_blocks_nothing() {
    let up = Upstream::<Dubbo>::greeting("it");
    let folder = Folder::new();
    let file = folder.path("rialto.json");
    std::fs::write(&file, config::<Dubbo>(&[up.address]).to_string()).unwrap();
    let mut child = command()
        .args(["run", "-c"])
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("is ready") {
        assert_ne!(log.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    let at = |mark: &str| {
        let rest = lines.split(mark).nth(1).unwrap();
        rest.lines().next().unwrap().parse().unwrap()
    };
    let (admin, entry) = (Http(at("admin on ")), at("listener in on "));
    let mut downstream = Downstream::<Dubbo>::connect(entry);
    // More than a pipe holds.
    for _ in 0..1500 {
        assert_eq!(admin.post("/logging?level=info").0, 200);
    }
    for _ in 0..20 {
        let mut stranger = Downstream::<Dubbo>::connect(entry);
        stranger.write(b"\xda\xbc");
        stranger.wait_for_close();
        assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    }
    assert_eq!(admin.get("/healthz/live").0, 200);
    let reader = std::thread::spawn(move || {
        let mut lines = log.lines().map_while(Result::ok);
        lines.any(|line| line.contains("kind=\"protocol\"") || line.contains("closed:"))
    });
    assert!(reader.join().unwrap(), "it goes on where it stopped");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reload_says_what_it_changed() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&config);
    config["listeners"][0]["address"] = json!("127.0.0.2:0");
    rialto.reload(&config);
    let line = rialto.stderr.wait("the reload", |l| l.contains("was taken over"));
    assert!(
        line.contains("listener in moved from 127.0.0.1:0 to 127.0.0.2:0"),
        "{line}"
    );
}

#[test]
fn lines_name_cluster_endpoint_and_listener() {
    let gone = super::support::nobody();
    let rialto = Rialto::start(&config::<Dubbo>(&[gone]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.error(&greet("Ada"));
    let line = rialto
        .stderr
        .wait("the connect", |l| l.contains("cannot be reached"));
    assert!(
        line.contains(&format!("cluster up: endpoint {gone} cannot be reached")),
        "{line}"
    );
    downstream.write(b"\xda\xbc");
    eventually("the close", || {
        let all = rialto.stderr.all();
        let line = all.iter().find(|l| l.contains("closed:"))?;
        assert!(line.contains("listener in: downstream 127.0.0.1:"), "{line}");
        Some(())
    });
}

/// Each endpoint has an allowance of its own, so all that are down are named.
#[test]
fn every_endpoint_that_cannot_be_reached_is_named() {
    let up = Upstream::<Dubbo>::greeting("it");
    let dead = [(); 2].map(|()| super::support::nobody());
    let rialto = Rialto::start(&config::<Dubbo>(&[dead[0], dead[1], up.address]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..10 {
        downstream.call(&greet("Ada"));
    }
    for endpoint in dead {
        rialto.stderr.wait("its line", |l| {
            l.contains(&endpoint.to_string()) && l.contains("cannot be reached")
        });
    }
}

/// Strangers at one address break the protocol all the time. The line about another one is still written.
#[test]
fn a_noisy_peer_does_not_hide_another_one() {
    let up = Upstream::<Dubbo>::greeting("it");
    let folder = Folder::new();
    let path = folder.path("quiet.sock");
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "quiet", "address": format!("unix:{}", path.display()), "routes": ["all"]}));
    let rialto = Rialto::start_in(folder, &config);
    for _ in 0..50 {
        let mut noisy = Downstream::<Dubbo>::connect(rialto.entry());
        noisy.write(b"\xda\xbc");
        noisy.wait_for_close();
    }
    let mut quiet = Downstream::<Dubbo, _>::over(UnixStream::connect(&path).unwrap());
    quiet.write(b"\xda\xbc");
    quiet.wait_for_close();
    rialto.stderr.wait("the line about the quiet one", |l| {
        l.contains("closed:") && !l.contains("127.0.0.1")
    });
    let lines = rialto.stderr.all();
    let noisy = lines
        .iter()
        .filter(|l| l.contains("closed:") && l.contains("127.0.0.1"));
    assert!((1..25).contains(&noisy.count()), "{lines:?}");
}

/// A disk that is full, has room again, and is full again.
#[test]
fn a_full_disk_is_said_each_time_and_when_it_is_over() {
    let up = Upstream::<Dubbo>::greeting("it");
    let folder = Folder::new();
    let [path, other] = ["calls.log", "other.log"].map(|name| folder.path(name));
    let link = |to: &Path| {
        let new = path.with_extension("new");
        std::os::unix::fs::symlink(to, &new).unwrap();
        std::fs::rename(new, &path).unwrap();
    };
    link(Path::new("/dev/full"));
    let mut config = config::<Dubbo>(&[up.address]);
    config["access_log"] = json!({"path": path.to_str().unwrap()});
    let rialto = Rialto::start_in(folder, &config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let said = |what: &str| rialto.stderr.all().iter().filter(|l| l.contains(what)).count();
    let mut until = |what: &str, is_so: &dyn Fn() -> bool| {
        eventually(what, || {
            assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
            is_so().then_some(())
        });
    };
    until("the failure", &|| said("cannot be written") == 1);
    link(&other);
    rialto.signal("USR1");
    until("lines", &|| {
        std::fs::read_to_string(&other).is_ok_and(|text| text.contains("greet"))
    });
    link(Path::new("/dev/full"));
    rialto.signal("USR1");
    until("the second failure", &|| said("cannot be written") == 2);
    assert_eq!(said("the access log is written again"), 1);
}

#[test]
fn debug_tells_of_connections_and_trace_of_calls() {
    let up = Upstream::<Dubbo>::start(|call, out| match &*call.request().method {
        "hang up" => out.close(),
        _ => out.reply(&greeting("it", call.request())),
    });
    let rialto = Rialto::before(&up);
    let set = |level: &str| assert_eq!(rialto.admin.post(&format!("/logging?level={level}")).0, 200);
    let has = |what: &str| rialto.stderr.all().iter().any(|l| l.contains(what));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.call(&greet("Ada"));
    assert!(!has("connected") && !has("outcome="), "at info");
    drop(downstream);

    set("debug");
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.call(&greet("Ada"));
    let line = rialto.stderr.wait("a connection", |l| l.contains(": connected"));
    assert!(
        line.contains("DEBUG listener in: downstream 127.0.0.1:"),
        "{line}"
    );
    downstream.error(&Request::new(super::support::GREETER, "1.0", "hang up"));
    drop(downstream);
    rialto.stderr.wait("its end", |l| {
        l.contains("listener in: downstream") && l.contains("closed with 0 calls in flight: its peer")
    });
    let endpoint = format!("cluster up: endpoint {}: ", up.address);
    rialto.stderr.wait("the provider's end", |l| {
        l.contains(&endpoint) && l.contains("closed with")
    });
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.call(&greet("Ada"));
    let made = format!("{endpoint}connected after");
    rialto.stderr.wait("a new one", |l| l.contains(&made));
    assert!(!has("outcome="), "at debug");

    set("trace");
    downstream.call(&greet("Ada"));
    let line = rialto.stderr.wait("the call", |l| l.contains("outcome="));
    for part in [
        "TRACE call listener=\"in\" downstream=127.0.0.1:",
        "service=\"com.acme.Greeter\" method=\"greet\"",
        "route=\"all\" cluster=\"up\"",
        &format!("endpoint=\"{}\" attempts=1", up.address),
        "outcome=\"ok\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    downstream.call(&Request::new("a.B\nforged", "", "x"));
    let line = rialto.stderr.wait("the refused call", |l| l.contains("forged"));
    assert!(line.contains("service=\"a.B\\nforged\" method=\"x\""), "{line}");
    set("info");
    let calls = |text: &[String]| text.iter().filter(|l| l.contains("outcome=")).count();
    let before = calls(&rialto.stderr.all());
    downstream.call(&greet("Ada"));
    assert_eq!(calls(&rialto.stderr.all()), before);
}
