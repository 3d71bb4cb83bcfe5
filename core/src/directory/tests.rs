//! Tests of routing.
use super::testing::{directory, route, target};
use super::*;
use crate::call::{NeutralCall, NeutralResponse};
use crate::error::CallError;
use crate::message::{MessageReader, Meta, Status};
use crate::stream::Body;
use std::borrow::Cow;

/// A protocol whose head is `service/version/group/method/downstream`, followed by attachments `k=v` after blanks.
struct Plain;

impl MessageReader for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn read_head<'a>(&self, msg: &Message<'a>, to: &mut Head<'a>) -> Result<(), CallError> {
        let head = msg.bytes.split(|b| *b == b' ').next().unwrap_or_default();
        let mut parts = head.split(|b| *b == b'/');
        let mut next = || parts.next().unwrap_or_default();
        let (service, version, group, method, application) = (next(), next(), next(), next(), next());
        *to = Head {
            service,
            version,
            group,
            method,
            application,
            ..Head::default()
        };
        Ok(())
    }
    fn attachment<'a>(&self, msg: &Message<'a>, _: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
        let pairs = msg.bytes.split(|b| *b == b' ').skip(1);
        pairs
            .filter_map(|p| p.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
            .next()
            .map(Cow::Borrowed)
    }
    fn view<'a>(&self, _: &'a [u8]) -> Option<Message<'a>> {
        None
    }
    fn read_call<'a>(
        &self,
        _: &Message<'a>,
        _: Option<&Head<'a>>,
        _: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        unreachable!("routing opens no payload")
    }
    fn read_response<'a>(&self, _: &Message<'a>, _: &mut NeutralResponse<'a>) -> Result<(), CallError> {
        unreachable!("routing opens no payload")
    }
}

fn message(bytes: &str) -> Message<'_> {
    let meta = Meta {
        proto: ProtoId(2),
        reader: &Plain,
        hint: 0,
        timeout_ms: 0,
        status: Status::Ok,
        one_way: false,
        body: Body::Framed,
    };
    Message {
        meta,
        bytes: bytes.as_bytes(),
    }
}

fn exact(text: &str) -> Option<TextMatch> {
    Some(TextMatch::Exact(text.into()))
}

fn taken(s: &Directory, call: &str) -> Option<String> {
    let msg = message(call);
    let head = msg.head().unwrap();
    let (_, route) = s.match_route(s.listener(ListenerId(0)).unwrap(), &msg, &head)?;
    Some(route.name.to_string())
}

#[test]
fn the_first_route_that_matches_wins() {
    let with = |name: &str, matches: RouteMatch| Route {
        matches,
        ..route(name, None)
    };
    let value = |text: &str| AttachmentMatch::Value(TextMatch::Exact(text.into()));
    let s = directory(vec![
        with(
            "gold",
            RouteMatch {
                service: exact("a.B"),
                attachments: vec![("tenant".into(), value("gold"))],
                ..RouteMatch::default()
            },
        ),
        with(
            "v2",
            RouteMatch {
                service: exact("a.B"),
                version: exact("2.0"),
                ..RouteMatch::default()
            },
        ),
        route("b", exact("a.B")),
        with(
            "gets",
            RouteMatch {
                service: Some(TextMatch::Prefix("a.".into())),
                method: Some(TextMatch::Prefix("get".into())),
                ..RouteMatch::default()
            },
        ),
        with(
            "app",
            RouteMatch {
                application: exact("shop"),
                attachments: vec![("debug".into(), AttachmentMatch::Absent)],
                ..RouteMatch::default()
            },
        ),
        with(
            "other",
            RouteMatch {
                protocol: Some(ProtoId(1)),
                ..RouteMatch::default()
            },
        ),
    ]);
    for (call, route) in [
        ("a.B///say/ tenant=gold", Some("gold")),
        ("a.B/2.0//say/ tenant=tin", Some("v2")),
        ("a.B/1.0//say/", Some("b")),
        ("a.C///getName/", Some("gets")),
        ("a.C///setName/", None),
        ("x.Y///m/shop", Some("app")),
        ("x.Y///m/shop debug=1", None),
    ] {
        assert_eq!(taken(&s, call).as_deref(), route, "{call}");
    }
}

#[test]
fn a_removed_route_takes_no_calls() {
    let mut s = directory(vec![route("a", None)]);
    assert_eq!(taken(&s, "x///m/").as_deref(), Some("a"));
    s.apply(&Change {
        version: 2,
        routes: vec![(RouteId(0), None)],
        ..Change::default()
    });
    assert_eq!(taken(&s, "x///m/"), None);
}

/// How many of 10,000 calls the second of two targets with these weights gets.
fn second_of(weights: [u32; 2]) -> usize {
    let route = Route {
        targets: weights.map(target).into(),
        total_weight: weights.into_iter().map(u64::from).sum(),
        ..route("split", None)
    };
    let mut rng = fastrand::Rng::with_seed(3);
    (0..10_000).filter(|_| route.target(rng.u32(..)) == 1).count()
}

#[test]
fn targets_are_chosen_by_weight() {
    let second = second_of([95, 5]);
    assert!((400..600).contains(&second), "{second}");
}

#[test]
fn the_sum_of_target_weights_may_exceed_32_bits() {
    let second = second_of([u32::MAX, u32::MAX]);
    assert!((4800..5200).contains(&second), "{second}");
}
