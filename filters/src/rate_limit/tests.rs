use super::RateLimit;
use crate::testing::{TestCall, is_passed, pass};
use rialto_config::{AttachmentEdit, RateLimitKey};
use rialto_core::ErrorKind;
use rialto_core::filter::{Filter, Verdict};
use std::num::NonZeroU32;
use std::rc::Rc;

fn config(rate: u32, burst: u32, per: RateLimitKey) -> rialto_config::Filter {
    let n = |n| NonZeroU32::new(n).unwrap();
    rialto_config::Filter::RateLimit(rialto_config::RateLimit {
        rate: n(rate),
        burst: Some(n(burst)),
        per,
        max_buckets: n(100),
    })
}

fn limit(rate: u32, burst: u32, per: RateLimitKey) -> Rc<dyn Filter> {
    crate::factory(&config(rate, burst, per), 1).make(None)
}

/// How many of `count` calls at one time pass.
fn passed(filter: &dyn Filter, call: &TestCall<'_>, now_ms: u32, count: u32) -> u32 {
    (0..count).fold(0, |n, _| n + u32::from(is_passed(&pass(filter, call, now_ms))))
}

fn call<'a>(service: &'a str, method: &'a str, application: &'a str) -> TestCall<'a> {
    TestCall {
        service,
        method,
        application,
    }
}

#[test]
fn a_burst_passes_and_then_the_rate() {
    let filter = limit(100, 10, RateLimitKey::Route);
    let any = TestCall::default();
    assert_eq!(passed(&*filter, &any, 5_000, 50), 10);
    assert_eq!(passed(&*filter, &any, 5_009, 50), 0);
    assert_eq!(passed(&*filter, &any, 5_010, 50), 1);
    assert_eq!(passed(&*filter, &any, 5_060, 50), 5);
    assert_eq!(passed(&*filter, &any, 65_000, 50), 10);
}

#[test]
fn the_error_names_the_limit() {
    for (per, words) in [
        (RateLimitKey::Route, "limit of 3 calls a second; "),
        (
            RateLimitKey::Service,
            "limit of 3 calls a second to this service; ",
        ),
        (RateLimitKey::Method, "limit of 3 calls a second of this method; "),
        (
            RateLimitKey::Application,
            "limit of 3 calls a second from this application; ",
        ),
    ] {
        let filter = limit(3, 1, per);
        assert!(is_passed(&pass(&*filter, &TestCall::default(), 0)));
        match pass(&*filter, &TestCall::default(), 0) {
            Verdict::Reject(error) => {
                assert_eq!(error.kind, ErrorKind::Overload);
                assert!(error.text.contains(words), "{}", error.text);
            }
            _ => panic!("{per:?}: the second call passed"),
        }
    }
}

#[test]
fn calls_share_a_bucket_by_their_key() {
    let calls = [
        call("S", "m", "x"),
        call("S", "n", "x"),
        call("S", "m", "y"),
        call("T", "m", "x"),
    ];
    for (per, expected) in [
        (RateLimitKey::Route, [1, 0, 0, 0]),
        (RateLimitKey::Service, [1, 0, 0, 1]),
        (RateLimitKey::Method, [1, 1, 0, 1]),
        (RateLimitKey::Application, [1, 0, 1, 0]),
    ] {
        let filter = limit(1, 1, per);
        assert_eq!(calls.map(|c| passed(&*filter, &c, 0, 2)), expected, "{per:?}");
    }
}

#[test]
fn workers_divide_the_limit() {
    let factory = crate::factory(&config(100, 10, RateLimitKey::Route), 4);
    let workers: Vec<_> = (0..4).map(|_| factory.make(None)).collect();
    let all = |now| {
        workers
            .iter()
            .map(|w| passed(&**w, &TestCall::default(), now, 50))
            .sum()
    };
    let (at_once, later): (u32, u32) = (all(0), (1..=1_000).map(all).sum());
    // 2.5 calls each are 2 at once, and the halves are not lost.
    assert_eq!(at_once, 8);
    assert_eq!(later, 100);
}

#[test]
fn a_new_snapshot_does_not_refill_the_buckets() {
    let first = limit(1, 5, RateLimitKey::Application);
    assert_eq!(passed(&*first, &call("S", "m", "x"), 0, 9), 5);
    let same = crate::factory(&config(1, 5, RateLimitKey::Application), 1).make(Some(&*first));
    assert_eq!(passed(&*same, &call("S", "m", "x"), 0, 9), 0);
    assert_eq!(passed(&*same, &call("S", "m", "y"), 0, 9), 5);
}

#[test]
fn another_rate_continues_with_the_same_levels() {
    let first = limit(1, 5, RateLimitKey::Route);
    assert_eq!(passed(&*first, &TestCall::default(), 0, 9), 5);
    let faster = crate::factory(&config(1_000, 7, RateLimitKey::Route), 1).make(Some(&*first));
    assert_eq!(passed(&*faster, &TestCall::default(), 0, 9), 0);
    assert_eq!(passed(&*faster, &TestCall::default(), 3, 9), 3);
    assert_eq!(passed(&*faster, &TestCall::default(), 100, 9), 7);
}

#[test]
fn other_keys_and_other_filters_start_with_full_buckets() {
    let first = limit(1, 1, RateLimitKey::Service);
    assert_eq!(passed(&*first, &TestCall::default(), 0, 2), 1);
    let by_application = crate::factory(&config(1, 1, RateLimitKey::Application), 1).make(Some(&*first));
    assert_eq!(passed(&*by_application, &TestCall::default(), 0, 2), 1);

    let edit = rialto_config::Filter::Attachments(AttachmentEdit::default());
    let other = crate::factory(&edit, 1).make(Some(&*first));
    assert!(other.as_any().downcast_ref::<RateLimit>().is_none());
    let limit = crate::factory(&config(1, 1, RateLimitKey::Application), 1).make(Some(&*other));
    assert_eq!(passed(&*limit, &TestCall::default(), 0, 2), 1);
}
