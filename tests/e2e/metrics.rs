//! Tests of the labels of the metrics, and of their formats.
use super::support::process::Folder;
use super::support::{
    Bolt, Downstream, Dubbo, GREETER, Request, Rialto, Upstream, config, eventually, greet, idle_config,
    json, nobody,
};
use std::io::Read;

#[test]
fn metrics_come_as_gzip_to_those_who_accept_it() {
    let up = Upstream::<Bolt>::greeting("it");
    let rialto = Rialto::before(&up);
    let (code, page) = rialto
        .admin
        .bytes("GET", "/metrics", "localhost", "accept-encoding: gzip\r\n");
    assert_eq!(code, 200);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*page)
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("rialto_ready{} 1\n"), "{text}");
    assert!(page.len() * 3 < text.len());
}

#[test]
fn buckets_and_labels_are_those_of_the_configuration() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["metrics"] = json!({"buckets": ["250us", "20s"], "labels": {"method": false}, "max_series": 16});
    config["access_log"] = json!({"path": "stdout", "format": "json"});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    downstream.call(&greet("Ada"));
    downstream.call(&Request::new(GREETER, "1.0", "throw"));
    let (_, text) = rialto.admin.get("/metrics");
    let bounds: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("rialto_call_duration_seconds_bucket"))
        .filter_map(|l| l.split("le=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(bounds, ["0.00025", "20.0", "+Inf"], "{text}");
    assert!(!text.contains("method="), "{text}");
    let of = |outcome: &str| rialto.metric("rialto_calls_total", &["service=\"com.acme.Greeter\"", outcome]);
    assert_eq!((of("outcome=\"ok\""), of("outcome=\"exception\"")), (1.0, 1.0));
    for method in ["greet", "throw"] {
        let wanted = format!("\"method\":\"{method}\"");
        rialto
            .stdout
            .wait("the log has the method", |l| l.contains(&wanted));
    }
}

#[test]
fn refused_calls_are_counted_by_limit() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 1}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let refused = || {
        let labels = ["limit=\"rate_limit\"", "listener=\"in\"", "cluster=\"up\""];
        rialto.metric("rialto_refused_calls_total", &labels)
    };
    assert_eq!(refused(), 0.0);
    eventually("a refused call", || {
        downstream.call(&greet("Ada"));
        (refused() >= 1.0).then_some(())
    });
}

#[test]
fn a_list_that_cannot_be_read_is_stale() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = Folder::new();
    let file = folder.path("endpoints.json");
    let good = json!([{"address": up.address.to_string()}]).to_string();
    std::fs::write(&file, &good).unwrap();
    let mut config = config::<Bolt>(&[up.address]);
    let cluster = &mut config["clusters"][0];
    cluster.as_object_mut().unwrap().remove("endpoints");
    cluster["endpoints_file"] = json!(file.to_str().unwrap());
    let rialto = Rialto::start_in(folder, &config);
    let of = |name: &str| rialto.metric(name, &["cluster=\"up\""]);
    eventually("a good list", || {
        (of("rialto_cluster_endpoints_stale") == 0.0).then_some(())
    });
    std::fs::write(&file, "[]").unwrap();
    eventually("an empty list is not believed", || {
        (of("rialto_cluster_endpoints_stale") == 1.0).then_some(())
    });
    std::fs::write(&file, "nonsense: [").unwrap();
    rialto
        .stderr
        .wait("the fault", |l| l.contains("endpoints.json:1"));
    assert_eq!(of("rialto_cluster_endpoints_stale"), 1.0);
    assert!(of("rialto_cluster_endpoints_age_seconds") > 0.0);
    std::fs::write(&file, &good).unwrap();
    eventually("a good list again", || {
        (of("rialto_cluster_endpoints_stale") == 0.0).then_some(())
    });
}

/// Calls that no endpoint got are no calls of zero seconds, or an overload would look like a fast service.
#[test]
fn refused_calls_have_no_latency() {
    let up = Upstream::<Bolt>::greeting("it");
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 1}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let mut calls = 0.0;
    eventually("a refused call", || {
        calls += 1.0;
        downstream.call(&greet("Ada")).answer.err()
    });
    assert_eq!(rialto.metric("rialto_calls_total", &[]), calls);
    let latencies = rialto.metric("rialto_call_duration_seconds_count", &[]);
    assert_eq!(latencies, calls - 1.0);
}

#[test]
fn endpoints_are_counted_by_state() {
    let (up, dead) = (Upstream::<Bolt>::greeting("it"), nobody());
    let rialto = Rialto::start(&config::<Bolt>(&[up.address, dead]));
    let of = |state: &str| rialto.metric("rialto_cluster_endpoints", &["cluster=\"up\"", state]);
    assert_eq!((of("state=\"usable\""), of("state=\"avoided\"")), (2.0, 0.0));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    (0..2).for_each(|_| assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada"));
    eventually("an endpoint that is avoided", || {
        ((of("state=\"usable\""), of("state=\"avoided\"")) == (1.0, 1.0)).then_some(())
    });
}

#[test]
fn the_build_and_the_process_have_metrics() {
    let rialto = Rialto::start(&idle_config());
    let of = |name: &str, labels: &[&str]| rialto.metric(name, labels);
    assert_eq!(of("rialto_build_info", &["version=\"0."]), 1.0);
    assert!(of("rialto_config_last_reload_success_timestamp_seconds", &[]) > 1e9);
    for name in [
        "process_open_fds",
        "process_max_fds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
    ] {
        assert!(of(name, &[]) > 1.0, "{name}");
    }
    let page = rialto.admin.get("/metrics").1;
    assert!(page.contains("\nprocess_cpu_seconds_total"), "{page}");
}

/// In the format of OpenMetrics, collectors that do not know it find neither type nor help of a counter.
#[test]
fn the_classic_format_is_sent_unless_the_client_accepts_openmetrics() {
    let rialto = Rialto::start(&idle_config());
    for accept in ["accept: text/plain;version=0.0.4", "accept: */*", "x: y"] {
        let (code, text) = rialto.admin.get_with("/metrics", accept);
        assert!(
            code == 200 && !text.contains("# EOF") && text.contains("# TYPE rialto_calls_total counter\n"),
            "{accept}: {text}"
        );
    }
    let open = "accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    let (code, text) = rialto.admin.get_with("/stats/prometheus", open);
    assert!(
        code == 200 && text.ends_with("# EOF\n") && text.contains("# TYPE rialto_calls counter\n"),
        "{text}"
    );
}
