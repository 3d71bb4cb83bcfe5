//! Tests that the access log and the metrics show calls that an attacker would like to hide.
use super::support::process::json_lines;
use super::support::{
    Downstream, Dubbo, GREETER, Json, Request, Rialto, STRING, Upstream, config, eventually, greet, json,
    nobody,
};

fn logging(up: &Upstream<Dubbo>) -> Json {
    let mut config = config::<Dubbo>(&[up.address]);
    config["access_log"] = json!({"path": "stdout", "format": "json"});
    config
}

/// Calls more invented services than a worker keeps series for. The route accepts every service, so any name
/// can be invented.
fn invent(downstream: &mut Downstream<Dubbo>, from: usize, count: usize) {
    for i in from..from + count {
        downstream.error(&Request::new("com.acme.Invented", "", &format!("method{i}")));
    }
}

#[test]
fn invented_names_hide_no_real_one() {
    let up = Upstream::<Dubbo>::greeting("it");
    let rialto = Rialto::start(&logging(&up));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    invent(&mut downstream, 0, 5000);
    let real = Request::new("com.att.Bolt", "2.0", "greet").arg(STRING, "Eve");
    assert_eq!(downstream.value(&real), "Hello, Eve");
    let of = |service: &str| {
        rialto.metric(
            "rialto_calls_total",
            &[&format!("service=\"{service}\""), "outcome=\"ok\""],
        )
    };
    assert_eq!((of(GREETER), of("com.att.Bolt")), (1.0, 1.0));
    let all = rialto.metric("rialto_calls_total", &[]);
    assert_eq!(all, 5002.0, "none is lost");

    let line = rialto
        .stdout
        .wait("the real call", |l| l.contains("com.att.Bolt"));
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["method"], &line["version"]),
        (&json!("greet"), &json!("2.0")),
        "{line}"
    );
    let named = |lines: &[String]| lines.iter().filter(|l| l.contains("\"method\":\"method")).count();
    // On a machine that is busy the writer may fall behind; lines that are lost are counted.
    eventually("a line for each invented call", || {
        let lost = rialto.metric("rialto_access_log_lost_lines_total", &[]);
        (named(&rialto.stdout.all()) as f64 + lost >= 5000.0).then_some(())
    });
    assert!(named(&rialto.stdout.all()) > 2500);
    assert!(!rialto.stdout.all().iter().any(|l| l.contains("_OTHER")));
}

/// Names without a route have no series, but they are in the log.
#[test]
fn calls_without_a_route_keep_their_names_in_the_log() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = logging(&up);
    config["routes"][0]["match"] = json!({"service": GREETER});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    invent(&mut downstream, 0, 1500);
    let line = rialto.stdout.wait("the last", |l| l.contains("method1499"));
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!(line["service"], "com.acme.Invented", "{line}");
    assert_eq!(
        (&line["outcome"], &line["upstream_protocol"]),
        (&json!("no_route"), &Json::Null),
        "{line}"
    );
    assert!(
        line["error"]
            .as_str()
            .unwrap()
            .contains("no route on listener in"),
        "{line}"
    );
}

#[test]
fn the_access_log_says_why_a_call_failed_and_whose_it_was() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = logging(&up);
    config["clusters"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "gone", "protocol": "dubbo", "endpoints": [{"address": nobody().to_string()}]}));
    config["routes"].as_array_mut().unwrap().insert(
        0,
        json!({"name": "gone", "match": {"service": "com.acme.Gone"}, "to": [{"cluster": "gone"}]}),
    );
    config["listeners"][0]["routes"] = json!(["gone", "all"]);
    config["listeners"][0]["filters"] = json!([{"rate_limit": {"rate": 1, "burst": 2}}]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let traced = greet("Ada").attach(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let traced = Request {
        group: "blue".into(),
        application: "shop".into(),
        ..traced
    };
    downstream.value(&traced);
    downstream.error(&Request::new("com.acme.Gone", "", "x"));
    downstream.error(&greet("Eve"));
    let last = |l: &str| l.contains("rate limit");
    rialto.stdout.wait("the refused call", last);
    let lines = json_lines(&rialto.stdout.all().join("\n"));
    let [ok, gone, over] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&ok["version"], &ok["trace_id"], &ok["error"]),
        (
            &json!("1.0"),
            &json!("4bf92f3577b34da6a3ce929d0e0e4736"),
            &Json::Null
        ),
        "{ok}"
    );
    assert_eq!(
        (&ok["group"], &ok["application"]),
        (&json!("blue"), &json!("shop")),
        "{ok}"
    );
    assert_eq!(gone["outcome"], "no_endpoint");
    assert!(
        gone["error"].as_str().unwrap().contains("cannot be reached"),
        "{gone}"
    );
    assert_eq!(over["outcome"], "overload");
    assert!(
        over["error"]
            .as_str()
            .unwrap()
            .contains("over the rate limit of 1"),
        "{over}"
    );
    // A call that was never sent to an endpoint has no latency.
    let count =
        |outcome: &str| rialto.metric("rialto_calls_total", &[outcome, "service=\"com.acme.Greeter\""]);
    assert_eq!(
        (count("outcome=\"ok\""), count("outcome=\"overload\"")),
        (1.0, 1.0)
    );
    let latencies = rialto.metric(
        "rialto_call_duration_seconds_count",
        &["service=\"com.acme.Greeter\""],
    );
    assert_eq!(latencies, 1.0);
}

/// Rialto itself responds to an echo call for another protocol, whatever its service is called.
#[test]
fn echo_calls_of_invented_services_hide_no_real_one() {
    let up = Upstream::<super::support::Bolt>::greeting("it");
    let rialto = Rialto::start(&config::<super::support::Bolt>(&[up.address]));
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for i in 0..5000 {
        let echo = Request::new(&format!("org.nope.S{i}"), "", "$echo").arg(STRING, "x");
        assert_eq!(downstream.value(&echo), "x");
    }
    assert_eq!(downstream.value(&greet("Ada")), "Hello, Ada");
    let named = format!("service=\"{GREETER}\"");
    assert_eq!(
        rialto.metric("rialto_calls_total", &[&named, "outcome=\"ok\""]),
        1.0
    );
}
