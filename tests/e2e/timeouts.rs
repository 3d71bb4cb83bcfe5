//! Calls end in time.
use super::support::{
    Bolt, Caller, Dubbo, ErrorKind, GREETER, Reply, Request, Rialto, Upstream, config, eventually, greet,
    json,
};
use rialto_core::framed::Codec;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Makes a call that times out; returns how long that took.
fn timed_out<C: Codec>(caller: &mut Caller<C>, request: &Request) -> Duration {
    let began = Instant::now();
    let error = caller.error(request);
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    began.elapsed()
}

const SHORT: Duration = Duration::from_millis(150);
/// Far more than any of the timeouts, far less than those of other places.
const SLACK: Duration = Duration::from_secs(8);

#[track_caller]
fn is_about(took: Duration) {
    assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
}

#[test]
fn a_route_s_timeout() {
    let up = Upstream::<Bolt>::silent();
    let mut config = config::<Bolt>(&[up.address]);
    config["routes"][0]["timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Caller::<Dubbo>::connect(rialto.entry()),
        &greet("Ada"),
    ));
    is_about(timed_out(
        &mut Caller::<Bolt>::connect(rialto.entry()),
        &greet("Ada"),
    ));
    assert_eq!(rialto.metric("rialto_calls_total", &["outcome=\"timeout\""]), 2.0);
}

#[test]
fn a_method_s_own_timeout() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["timeout"] = json!("10s");
    config["routes"][0]["methods"] = json!({"quick": {"timeout": "150ms"}});
    let rialto = Rialto::start(&config);
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    let other = caller.send(&greet("Ada"));
    is_about(timed_out(&mut caller, &Request::new(GREETER, "1.0", "quick")));
    rialto.wait_in_flight(1);
    assert!(other < 3, "the other call still runs");
}

#[test]
fn the_caller_s_deadline_counts_and_is_passed_on() {
    fn check<From: Codec, To: Codec + 'static>() {
        let up = Upstream::<To>::silent();
        let rialto = Rialto::start(&config::<To>(&[up.address]));
        is_about(timed_out(
            &mut Caller::<From>::connect(rialto.entry()),
            &greet("Ada").within(150),
        ));
        let passed = up.wait_seen(1)[0].request().timeout_ms;
        assert!((1..=150).contains(&passed), "{passed}");
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
    check::<Dubbo, Dubbo>();
    check::<Bolt, Bolt>();
}

#[test]
fn the_earlier_of_two_timeouts_wins() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["routes"][0]["timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Caller::<Bolt>::connect(rialto.entry()),
        &greet("Ada").within(60_000),
    ));
}

#[test]
fn the_last_resort_is_the_process_s_timeout() {
    let up = Upstream::<Dubbo>::silent();
    let mut config = config::<Dubbo>(&[up.address]);
    config["runtime"]["call_timeout"] = json!("150ms");
    let rialto = Rialto::start(&config);
    is_about(timed_out(
        &mut Caller::<Dubbo>::connect(rialto.entry()),
        &greet("Ada"),
    ));
}

/// The id of a call that timed out is not given away before its answer came, and the answer reaches nobody.
#[test]
fn a_late_answer_reaches_nobody() {
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
    let rialto = Rialto::start(&config::<Bolt>(&[up.address]));
    let mut caller = Caller::<Dubbo>::connect(rialto.entry());
    timed_out(&mut caller, &Request::new(GREETER, "1.0", "late").within(100));
    assert_eq!(rialto.metric("rialto_calls_quarantined", &[]), 1.0);
    assert_eq!(caller.value(&greet("Ada").within(10_000)), "in time");
    eventually("the end of the quarantine", || {
        (rialto.metric("rialto_calls_quarantined", &[]) == 0.0).then_some(())
    });
    assert_eq!(
        rialto.metric("rialto_peer_errors_total", &["kind=\"late_response\""]),
        1.0
    );
    assert_eq!(caller.value(&greet("Ada").within(10_000)), "in time");
}
