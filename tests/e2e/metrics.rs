//! Tests of the labels of the metrics, and of their formats.
use super::support::process::Folder;
use super::support::{
    Bolt, Downstream, Dubbo, GREETER, Request, Rialto, Upstream, config, eventually, greet, json,
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
