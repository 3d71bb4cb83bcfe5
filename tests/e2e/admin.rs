//! Tests of the admin pages and the access log.
use super::support::process::{Folder, json_lines};
use super::support::{
    Bolt, Downstream, Dubbo, GREETER, Json, Request, Rialto, Upstream, config, eventually, greet,
    idle_config, json, nobody,
};

/// Makes one call of each outcome.
fn some_calls(rialto: &Rialto) {
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    downstream.call(&Request::new(GREETER, "1.0", "throw"));
    downstream.error(&Request::new("com.acme.Nowhere", "", "x"));
}

fn logging_config(up: &Upstream<Bolt>, log: &Json) -> Json {
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["match"] = json!({"service": GREETER});
    config["access_log"] = log.clone();
    config
}

#[test]
fn the_access_log_has_a_json_line_for_each_call() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::start(&logging_config(&up, &json!({"path": "stdout", "format": "json"})));
    some_calls(&rialto);
    let last = rialto
        .stdout
        .wait("the refused call", |l| l.contains("com.acme.Nowhere"));
    let lines = json_lines(&rialto.stdout.all().join("\n"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    let ok = &lines[0];
    for (key, value) in [
        ("listener", "in"),
        ("protocol", "dubbo"),
        ("service", GREETER),
        ("method", "greet"),
        ("route", "all"),
        ("cluster", "up"),
        ("upstream_protocol", "bolt"),
        ("endpoint", &up.address.to_string()),
        ("outcome", "ok"),
    ] {
        assert_eq!(ok[key], value, "{key} of {ok}");
    }
    assert!(
        ok["downstream"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{ok}"
    );
    assert!(
        ok["request_bytes"].as_u64().unwrap() > 16 && ok["attempts"] == 1,
        "{ok}"
    );
    assert!(
        ok["duration_us"].as_u64().unwrap() > 0 && ok["time"].as_str().unwrap().ends_with('Z'),
        "{ok}"
    );
    assert_eq!(
        (&lines[1]["outcome"], &lines[2]["outcome"]),
        (&json!("exception"), &json!("no_route"))
    );
    assert!(last.contains("\"endpoint\":null"), "{last}");
}

/// The line of a call lists the endpoints that were tried in vain, and how long the last one took.
#[test]
fn the_access_log_tells_where_a_call_was_tried() {
    let (dead, up) = (nobody(), Upstream::<Bolt>::greeting("it"));
    let mut config = config::<Bolt>(&[dead, up.address]);
    config["access_log"] = json!({"path": "stdout", "format": "json"});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    // round robin begins at a random endpoint
    (0..2).for_each(|_| assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada"));
    rialto
        .stdout
        .wait("a second try", |l| l.contains("\"attempts\":2"));
    let lines = json_lines(&rialto.stdout.all().join("\n"));
    for line in lines {
        assert_eq!(line["endpoint"], json!(up.address.to_string()), "{line}");
        let is_second = line["attempts"] == 2;
        let failed = if is_second {
            json!([dead.to_string()])
        } else {
            Json::Null
        };
        assert_eq!(line["failed_endpoints"], failed, "{line}");
        let (upstream, all) = (line["upstream_us"].as_u64(), line["duration_us"].as_u64());
        assert!(upstream.is_some() && upstream <= all, "{line}");
    }
}

#[test]
fn the_access_log_as_text_in_a_file_that_is_moved_away() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = Folder::new();
    let (path, moved) = (folder.path("access.log"), folder.path("access.log.1"));
    let log = json!({"path": path.to_str().unwrap(), "format": "text"});
    let rialto = Rialto::start_in(folder, &logging_config(&up, &log));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let lines = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_default();
    downstream.call(&greet("Ada"));
    let text = eventually("a line", || Some(lines(&path)).filter(|t| t.ends_with('\n')));
    let want = format!(
        "dubbo->bolt service={GREETER} method=greet route=all cluster=up endpoint={} outcome=ok duration_us=",
        up.address
    );
    assert!(text.contains(&want), "{text}");
    std::fs::rename(&path, &moved).unwrap();
    rialto.signal("USR1");
    eventually("lines in a new file", || {
        downstream.call(&greet("Eve"));
        lines(&path).contains("method=greet").then_some(())
    });
    let count = |path| lines(path).lines().count();
    let calls = up.seen().len();
    eventually("a line for each call", || {
        (count(&path) + count(&moved) == calls).then_some(())
    });
}

/// Names come from downstreams, which must not be able to forge a line.
#[test]
fn names_in_the_access_log_are_quoted() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::start(&logging_config(&up, &json!({"path": "stdout"})));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.error(&Request::new("com.acme.X\noutcome=ok", "", "a b"));
    let line = rialto.stdout.wait("the call", |l| l.contains("com.acme.X"));
    assert!(
        line.contains("service=\"com.acme.X\\noutcome=ok\" method=\"a b\""),
        "{line}"
    );
}

#[test]
fn the_access_log_can_leave_successes_out() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::start(&logging_config(&up, &json!({"path": "stdout", "sample": 0.0})));
    some_calls(&rialto);
    let line = rialto.stdout.wait("the failed call", |l| l.contains("no_route"));
    assert!(
        !rialto.stdout.all().iter().any(|l| l.contains("outcome=ok")),
        "{line}"
    );
}

#[test]
fn metrics_count_calls_connections_and_bytes() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::start(&logging_config(&up, &json!({"path": "off"})));
    some_calls(&rialto);
    let of = |name: &str, labels: &[&str]| rialto.metric(name, labels);
    let greeting = [
        "service=\"com.acme.Greeter\"",
        "method=\"greet\"",
        "protocol=\"dubbo\"",
        "cluster=\"up\"",
    ];
    assert_eq!(of("rialto_calls_total", &greeting), 1.0);
    assert_eq!(of("rialto_calls_total", &["outcome=\"ok\""]), 1.0);
    assert_eq!(of("rialto_calls_total", &["outcome=\"exception\""]), 1.0);
    assert_eq!(of("rialto_calls_total", &["outcome=\"no_route\""]), 1.0);
    assert_eq!(of("rialto_call_duration_seconds_count", &greeting), 1.0);
    assert!(of("rialto_call_duration_seconds_sum", &greeting) > 0.0);
    assert_eq!(
        of(
            "rialto_call_duration_seconds_bucket",
            &[&greeting[..], &["le=\"+Inf\""]].concat()
        ),
        1.0
    );
    assert_eq!(
        of("rialto_listener_connections_opened_total", &["listener=\"in\""]),
        1.0
    );
    assert!(of("rialto_listener_received_bytes_total", &[]) > 100.0);
    assert!(of("rialto_endpoint_sent_bytes_total", &["cluster=\"up\""]) > 100.0);
    assert_eq!(of("rialto_endpoint_connections", &["cluster=\"up\""]), 1.0);
    assert_eq!((of("rialto_ready", &[]), of("rialto_workers", &[])), (1.0, 1.0));
}

#[test]
fn the_pages_show_listeners_routes_and_clusters() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::start(&logging_config(&up, &json!({"path": "off"})));
    some_calls(&rialto);
    let endpoint = rialto.endpoint("up", 0);
    assert_eq!(
        (&endpoint["connections"], &endpoint["in_flight"]),
        (&json!(1), &json!(0)),
        "{endpoint}"
    );
    assert_eq!(endpoint["address"], up.address.to_string());
    let info = rialto.admin.json("/server_info");
    assert_eq!(
        (&info["state"], &info["pid"]),
        (&json!("LIVE"), &json!(rialto.pid()))
    );
    for page in ["/", "/help", "/ready", "/healthz/ready", "/healthz/live"] {
        assert_eq!(rialto.admin.get(page).0, 200, "{page}");
    }
    assert_eq!(rialto.admin.get("/no-such-page").0, 404);
}

#[test]
fn the_config_dump_shows_defaults_and_no_secret() {
    let folder = Folder::new();
    let token = folder.path("token");
    std::fs::write(&token, "s3cret-of-the-day\n").unwrap();
    let mut config = idle_config();
    config["admin"]["token"] = json!({"file": token.to_str().unwrap()});
    let rialto = Rialto::start_in(folder, &config);
    for page in [
        "/config_dump",
        "/clusters",
        "/listeners",
        "/logging",
        "/server_info",
    ] {
        assert_eq!(rialto.admin.get(page).0, 401, "{page}");
        assert_eq!(
            rialto.admin.get_with(page, "authorization: Bearer wrong").0,
            401,
            "{page}"
        );
        for wrong in ["Bearer s3cret-of-the-da", "Basic s3cret-of-the-day", "Bearer", ""] {
            let header = format!("authorization: {wrong}");
            assert_eq!(rialto.admin.get_with(page, &header).0, 401, "{page} {wrong}");
        }
    }
    for page in ["/ready", "/healthz/live", "/metrics"] {
        assert_eq!(rialto.admin.get(page).0, 200, "probes stay open");
    }
    let (code, dump) = rialto
        .admin
        .get_with("/config_dump", "authorization: bearer s3cret-of-the-day");
    assert_eq!(code, 200, "schemes are in any case");
    assert!(!dump.contains("s3cret"), "{dump}");
    let dump: Json = serde_json::from_str(&dump).unwrap();
    assert_eq!(dump["config"]["runtime"]["call_timeout"], "1m", "a default");
    assert_eq!(dump["config"]["admin"]["token"]["file"], token.to_str().unwrap());
}

#[test]
fn the_log_level_can_be_changed_while_it_runs() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    assert_eq!(rialto.admin.get("/logging"), (200, "info\n".into()));
    assert_eq!(rialto.admin.post("/logging?level=error"), (200, "error\n".into()));
    assert_eq!(rialto.admin.get("/logging").1, "error\n");
    let (code, text) = rialto.admin.post("/logging?level=loud");
    assert_eq!(code, 400);
    assert!(text.contains("error, warn, info, debug, trace"), "{text}");
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.write(b"\xda\xbc");
    downstream.wait_for_close();
    assert!(
        !rialto.stderr.all().iter().any(|l| l.contains("closed:")),
        "a warning, below the level"
    );
    assert_eq!(rialto.admin.post("/logging?level=debug").0, 200);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    eventually("the log", || {
        downstream = Downstream::<Dubbo>::connect(rialto.entry());
        downstream.write(b"\xda\xbc");
        downstream.wait_for_close();
        rialto
            .stderr
            .all()
            .iter()
            .any(|l| l.contains("closed:"))
            .then_some(())
    });
}

#[test]
fn messages_can_be_json() {
    let mut config = idle_config();
    config["log"] = json!({"format": "json"});
    let rialto = Rialto::start(&config);
    let line = rialto.stderr.wait("readiness", |l| l.contains("is ready"));
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["level"], &line["workers"]),
        (&json!("INFO"), &json!(1)),
        "{line}"
    );
}

#[test]
fn the_admin_pages_may_be_on_a_unix_socket() {
    use std::io::{Read, Write};
    let folder = Folder::new();
    let path = folder.path("admin.sock");
    let file = folder.path("rialto.json");
    let mut config = idle_config();
    config["admin"]["address"] = json!(format!("unix:{}", path.display()));
    std::fs::write(&file, config.to_string()).unwrap();
    let mut child = super::support::process::command()
        .args(["run", "-c"])
        .arg(&file)
        .spawn()
        .unwrap();
    let mut stream = eventually("the socket", || {
        std::os::unix::net::UnixStream::connect(&path).ok()
    });
    stream
        .write_all(b"GET /healthz/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let pid = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-s", "TERM", &pid])
        .status();
    assert!(kill.unwrap().success() && child.wait().unwrap().success());
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(!path.exists(), "the socket is left behind");
}
