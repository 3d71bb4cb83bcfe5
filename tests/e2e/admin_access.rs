//! Tests of the access to the admin pages, and of clients that try to block others from them.
use super::support::process::Folder;
use super::support::{
    Downstream, Dubbo, PATIENCE, Request, Rialto, Upstream, config, eventually, idle_config, json, nobody,
};
use std::io::{Read, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// How often slow clients send a byte.
const BETWEEN_BYTES: Duration = Duration::from_millis(50);

/// A host name that an attacker points at this machine must not be accepted (DNS rebinding).
#[test]
fn pages_are_served_under_known_host_names_only() {
    let mut config = idle_config();
    config["admin"]["hosts"] = json!(["Rialto.Corp"]);
    let rialto = Rialto::start(&config);
    let pages = [
        "/",
        "/metrics",
        "/config_dump",
        "/clusters",
        "/listeners",
        "/logging",
        "/server_info",
    ];
    for page in pages {
        let (code, text) = rialto.admin.ask("GET", page, "evil.example", "");
        assert_eq!(code, 403, "{page}: {text}");
        assert!(
            text.contains("evil.example") && text.contains("admin.hosts"),
            "{text}"
        );
        for host in ["127.0.0.1:9901", "[::1]", "localhost:1", "rialto.corp:9901"] {
            assert_eq!(rialto.admin.ask("GET", page, host, "").0, 200, "{page} of {host}");
        }
    }
    let twice = rialto
        .admin
        .ask("GET", "/metrics", "localhost", "host: evil.example\r\n");
    assert_ne!(twice.0, 200);
    let absolute = rialto
        .admin
        .ask("GET", "http://evil.example/metrics", "localhost", "");
    assert_eq!(absolute.0, 403);
    for probe in ["/ready", "/healthz/ready", "/healthz/live"] {
        assert_eq!(rialto.admin.ask("GET", probe, "any.name", "").0, 200, "{probe}");
    }
}

/// A page of another site can make a browser send a POST, but its headers reveal it (CSRF).
#[test]
fn only_a_same_origin_post_changes_anything() {
    let rialto = Rialto::start(&idle_config());
    let post = |headers: &str| {
        let headers = format!("content-length: 0\r\n{headers}");
        rialto
            .admin
            .ask("POST", "/logging?level=debug", "localhost:9901", &headers)
    };
    for headers in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://localhost:80\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        let (code, text) = post(headers);
        assert_eq!(code, 403, "{headers}: {text}");
    }
    let (code, text) = rialto.admin.get("/logging?level=debug");
    assert!(code == 400 && text.contains("POST"), "{code} {text}");
    assert_eq!(rialto.admin.get("/logging"), (200, "info\n".into()));
    for headers in [
        "",
        "origin: http://localhost:9901\r\n",
        "sec-fetch-site: same-origin\r\n",
    ] {
        assert_eq!(post(headers), (200, "debug\n".into()), "{headers}");
    }
    let (code, text) = rialto.admin.get("/no-such-page");
    assert!(code == 404 && text.contains("/help"), "{text}");
    assert!(rialto.admin.get("/config_dump").1.ends_with("}\n"));
}

/// Connections that send a byte now and then until this is dropped.
struct SlowClients {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SlowClients {
    fn start(rialto: &Rialto, count: usize) -> SlowClients {
        let admin = rialto.admin;
        let (stop, stopped) = channel();
        let open = move || admin.send("GET /");
        let mut all: Vec<_> = (0..count).map(|_| open()).collect();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(BETWEEN_BYTES) == Err(RecvTimeoutError::Timeout) {
                for stream in &mut all {
                    if stream.write_all(b"x").is_err() {
                        *stream = open();
                    }
                }
            }
        });
        SlowClients {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for SlowClients {
    fn drop(&mut self) {
        self.stop = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// An orchestrator kills a process whose probe gets no response.
#[test]
fn slow_clients_do_not_block_probes() {
    let rialto = Rialto::start(&idle_config());
    // These occupy all slots for pages and do not read the responses.
    let _unread = [(); 4].map(|()| rialto.admin.send(SCRAPE));
    let _drips = SlowClients::start(&rialto, 100);
    for probe in ["/healthz/live", "/ready"].repeat(10) {
        let began = Instant::now();
        assert_eq!(rialto.admin.get(probe).0, 200, "{probe}");
        assert!(
            began.elapsed() < PATIENCE / 4,
            "{probe} took {:?}",
            began.elapsed()
        );
    }
}

/// The page of many clusters is larger than the socket buffers, so its client decides how long sending takes.
#[test]
fn unread_pages_delay_others_only_briefly() {
    let mut config = config::<Dubbo>(&[nobody()]);
    let many = (0..4000).map(|i| {
        json!({"name": format!("cluster-number-{i}-of-many"), "protocol": "bolt",
            "endpoints": [{"address": format!("127.0.0.1:{}", 20_000 + i)}]})
    });
    config["clusters"].as_array_mut().unwrap().extend(many);
    let rialto = Rialto::start(&config);
    let unread = [(); 8].map(|()| rialto.admin.send(SCRAPE));
    let (_, refused) = eventually("a scrape too many", || {
        let response = rialto.admin.ask("GET", "/metrics", "localhost", "");
        (response.0 == 503).then_some(response)
    });
    assert!(refused.contains("too many such pages"), "{refused}");
    assert_eq!(rialto.admin.get("/healthz/live").0, 200);
    assert!(
        rialto.memory_kb("VmHWM") < 80_000,
        "{} kB",
        rialto.memory_kb("VmHWM")
    );
    drop(unread);
    eventually("a scrape", || {
        (rialto.admin.get("/metrics").0 == 200).then_some(())
    });
}

/// A page of all series has tens of megabytes. It is sent while it is made, so it costs less memory than its length.
#[test]
fn a_page_of_many_series_costs_less_than_its_length() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for i in 0..4000 {
        let call = Request::new(&format!("com.acme.warehouse.inventory.Service{i}"), "1.0", "name");
        assert_eq!(downstream.value(&call), "it");
    }
    let before = rialto.memory_kb("VmRSS");
    let (_, page) = rialto.admin.get("/metrics");
    assert!(
        page.contains("Service3999") && page.len() > 10 << 20,
        "{}",
        page.len()
    );
    let growth = rialto.memory_kb("VmHWM").saturating_sub(before) << 10;
    assert!(
        growth < page.len() as u64,
        "{growth} bytes more for a page of {}",
        page.len()
    );
}

#[test]
fn values_from_the_environment_are_not_shown() {
    let folder = Folder::new();
    let file = folder.path("rialto.yaml");
    std::fs::write(
        &file,
        "admin: { address: '127.0.0.1:0' }\n\
         routes: [{ name: r, to: [{ cluster: c }], rewrite: { attachments: { set: { key: \"${RIALTO_TEST_SECRET}\" } } } }]\n\
         clusters: [{ name: c, protocol: bolt, endpoints: [{ address: '127.0.0.1:1' }] }]\n",
    )
    .unwrap();
    let run = |what: &str| {
        let mut command = super::support::process::command();
        command
            .args([what, "-c"])
            .arg(&file)
            .env("RIALTO_TEST_SECRET", "hunter2-of-the-day");
        command
    };
    let out = run("check").output().unwrap();
    let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success() && !text.contains("hunter2"), "{text}");
    std::fs::write(
        &file,
        "routes: [{ name: r, to: [{ cluster: c }], timeout: \"${RIALTO_TEST_SECRET}\" }]",
    )
    .unwrap();
    for what in ["check", "run"] {
        let out = run(what).output().unwrap();
        let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert_eq!(out.status.code(), Some(78), "{text}");
        assert!(
            text.contains("is no duration") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

/// The page of the configuration in use, and what is said of a changed file that is refused, show the variable.
#[test]
fn the_page_of_the_configuration_shows_no_value_from_the_environment() {
    let mut config = idle_config();
    config["routes"][0]["rewrite"] = json!({"attachments": {"set": {"key": "${RIALTO_TEST_SECRET}"}}});
    let rialto = Rialto::start_after("export RIALTO_TEST_SECRET=hunter2-of-the-day", &config);
    let (code, dump) = rialto.admin.get("/config_dump");
    assert!(
        code == 200 && dump.contains("${RIALTO_TEST_SECRET}") && !dump.contains("hunter2"),
        "{dump}"
    );
    config["routes"][0]["timeout"] = json!("${RIALTO_TEST_SECRET}");
    rialto.write(&config.to_string());
    rialto.signal("HUP");
    eventually("the refusal", || (rialto.reloads("refused") >= 1).then_some(()));
    let (_, dump) = rialto.admin.get("/config_dump");
    assert!(
        dump.contains("is no duration") && !dump.contains("hunter2"),
        "{dump}"
    );
    rialto.stderr.wait("the reason", |l| l.contains("is no duration"));
    let log = rialto.stderr.all().join("\n");
    assert!(!log.contains("hunter2"), "{log}");
}

/// A client that sends its request byte by byte is disconnected.
#[test]
fn a_request_that_never_ends_is_cut_off() {
    let rialto = Rialto::start(&idle_config());
    let mut stream = rialto.admin.send("GET /metrics HTTP/1.1\r\nx: ");
    let mut end = vec![];
    let _ = stream.read_to_end(&mut end);
    assert!(!String::from_utf8_lossy(&end).contains("200 OK"));
}
