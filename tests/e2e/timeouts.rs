//! Tests that calls end in time.
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, GREETER, Reply, Request, Rialto, Upstream, config, eventually,
    for_each_pair, greet, json,
};
use rialto_core::framed::Codec;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Makes a call that times out, and returns how long that took.
fn timed_out<C: Codec>(downstream: &mut Downstream<C>, request: &Request) -> Duration {
    let began = Instant::now();
    let error = downstream.error(request);
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    began.elapsed()
}

const SHORT: Duration = Duration::from_millis(150);
/// Far longer than the timeouts under test, far shorter than the others.
const SLACK: Duration = Duration::from_secs(8);

#[track_caller]
fn is_about(took: Duration) {
    assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
}

#[test]
fn the_timeout_of_a_route() {
    let up = Upstream::<Bolt>::silent();
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Downstream::<Dubbo>::connect(rialto.entry()),
        &greet("Ada"),
    ));
    is_about(timed_out(
        &mut Downstream::<Bolt>::connect(rialto.entry()),
        &greet("Ada"),
    ));
    assert_eq!(rialto.metric("rialto_calls_total", &["outcome=\"timeout\""]), 2.0);
}

#[test]
fn the_timeout_of_a_method() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["timeout"] = json!("10s");
    config["routes"][0]["methods"] = json!({"quick": {"timeout": "150ms"}});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let other = downstream.send(&greet("Ada"));
    is_about(timed_out(&mut downstream, &Request::new(GREETER, "1.0", "quick")));
    rialto.wait_in_flight(1);
    assert!(other < 3, "the other call still runs");
}

#[test]
fn the_consumers_deadline_counts_and_is_forwarded() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::silent();
        let rialto = Rialto::before(&up);
        is_about(timed_out(
            &mut Downstream::<From>::connect(rialto.entry()),
            &greet("Ada").within(150),
        ));
        let passed = up.wait_seen(1)[0].request().timeout_ms;
        assert!((1..=150).contains(&passed), "{passed}");
    }
    for_each_pair!(check);
}

#[test]
fn the_earlier_of_two_timeouts_wins() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Downstream::<Bolt>::connect(rialto.entry()),
        &greet("Ada").within(60_000),
    ));
}

/// The text of a timeout names the endpoint, how long the call had, and whose limit that was.
#[test]
fn the_error_names_the_deadline_and_whose_it_was() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["call_timeout"] = json!("160ms");
    config["routes"][0]["methods"] = json!({"quick": {"timeout": "150ms"}});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for (request, whose) in [
        (greet("Ada").within(140), "140 ms (the timeout of the request)"),
        (
            Request::new(GREETER, "1.0", "quick"),
            "150 ms (the timeout of route all)",
        ),
        (greet("Ada"), "160 ms (runtime.call_timeout)"),
    ] {
        let text = downstream.error(&request).text;
        let wanted = format!("endpoint {} did not answer within {whose}", up.address);
        assert!(text.contains(&wanted), "{text}");
    }
}

#[test]
fn without_other_timeouts_the_process_wide_one_applies() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["call_timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Downstream::<Dubbo>::connect(rialto.entry()),
        &greet("Ada"),
    ));
}

/// The id of a call that timed out is not reused before its response came, and the response is dropped.
#[test]
fn a_late_response_is_dropped() {
    let late = Mutex::new(None);
    let up = Upstream::<Bolt>::start(move |arrived, out| {
        if arrived.request().method == "late" {
            *late.lock().unwrap() = Some(out.clone());
            return;
        }
        if let Some(late) = late.lock().unwrap().take() {
            late.reply(&Reply::value("too late"));
        }
        out.reply(&Reply::value("in time"));
    });
    let rialto = Rialto::before(&up);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    timed_out(&mut downstream, &Request::new(GREETER, "1.0", "late").within(100));
    assert_eq!(rialto.metric("rialto_calls_quarantined", &[]), 1.0);
    assert_eq!(downstream.value(&greet("Ada").within(10_000)), "in time");
    eventually("the end of the quarantine", || {
        (rialto.metric("rialto_calls_quarantined", &[]) == 0.0).then_some(())
    });
    assert_eq!(
        rialto.metric("rialto_peer_errors_total", &["kind=\"late_response\""]),
        1.0
    );
    assert_eq!(downstream.value(&greet("Ada").within(10_000)), "in time");
}
