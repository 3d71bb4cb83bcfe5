//! Stories of filters in all phases of calls, and of one that asks somebody about each call.
use super::fleet::compile_toy;
use super::stream_stories::{ONE, Stand, config};
use rialto_core::asking::{Answer, Decided, Decider, Finding, Inquiry, Subject, Ticket};
use rialto_core::directory::{Change, Filters};
use rialto_core::filter::{Direction, Ended, Filter, FilterFactory, RequestCx, Verdict, Wants};
use rialto_core::message::{Message, Status};
use rialto_core::metrics::CallResult;
use rialto_core::stream::Part;
use rialto_core::{CallError, ErrorKind};
use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// What the filters of a test have seen, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// A filter that notes everything, asks about calls of the method `ask`, and refuses what contains `!`.
struct Witness {
    name: &'static str,
    seen: Seen,
    decider: Arc<dyn Decider>,
}

struct Witnesses(&'static str, Seen);

/// The test itself decides, by the questions of the worker.
struct Nobody;

impl Decider for Nobody {
    fn decide(&self, _: Box<[u8]>, _: Decided) {}
}

impl FilterFactory for Witnesses {
    fn make(&self, before: Option<&dyn Filter>) -> Rc<dyn Filter> {
        let is_successor = before.is_some_and(|b| b.as_any().is::<Witness>());
        let made = if is_successor { "made again" } else { "made" };
        self.1.lock().unwrap().push(format!("{} {made}", self.0));
        Rc::new(Witness {
            name: self.0,
            seen: Arc::clone(&self.1),
            decider: Arc::new(Nobody),
        })
    }
}

impl Witness {
    fn saw(&self, what: &str) {
        self.seen.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

fn refusal(bytes: &[u8]) -> Result<(), CallError> {
    match bytes.contains(&b'!') {
        true => Err(CallError::new(ErrorKind::Denied, "not this")),
        false => Ok(()),
    }
}

impl Filter for Witness {
    fn wants(&self) -> Wants {
        Wants {
            response: true,
            parts: true,
            end: true,
        }
    }

    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict {
        self.saw("request");
        match cx.head.method {
            b"ask" => Verdict::Ask(Inquiry {
                to: Arc::clone(&self.decider),
                facts: cx.head.service.into(),
            }),
            b"refuse" => Verdict::Reject(CallError::new(ErrorKind::Denied, "no")),
            _ => Verdict::Continue,
        }
    }

    fn on_resume(&self, _: &mut RequestCx<'_>, decision: Result<&[u8], &CallError>) -> Verdict {
        match decision {
            Ok(b"yes") => {
                self.saw("resume");
                Verdict::Continue
            }
            Ok(_) => {
                self.saw("denied");
                Verdict::Reject(CallError::new(ErrorKind::Denied, "denied"))
            }
            Err(error) => {
                self.saw("undecided");
                Verdict::Reject(error.clone())
            }
        }
    }

    fn on_response(&self, response: &Message<'_>) -> Result<(), CallError> {
        self.saw("response");
        refusal(response.bytes)
    }

    fn on_part(&self, of: Direction, part: &Part<'_>) -> Result<(), CallError> {
        if !part.data.is_empty() {
            self.saw(match of {
                Direction::Request => "part of a request",
                Direction::Response => "part of a response",
            });
        }
        refusal(part.data)
    }

    fn on_end(&self, ended: &Ended) {
        self.saw(match ended.result {
            CallResult::Responded(_) => "end",
            CallResult::Failed(ErrorKind::Cancelled) => "cancelled",
            CallResult::Failed(_) | CallResult::Sent => "failed",
        });
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A worker whose only route has these filters, behind one of its first listener.
struct Scene {
    stand: Stand,
    seen: Seen,
}

fn filters(seen: &Seen, names: &[&'static str]) -> Filters {
    let factory = |name: &&'static str| Arc::new(Witnesses(name, Arc::clone(seen))) as Arc<dyn FilterFactory>;
    names.iter().map(factory).collect()
}

fn filtered(change: &mut Change, seen: &Seen, of_listener: &[&'static str], of_route: &[&'static str]) {
    for (_, route) in &mut change.routes {
        let route = route.as_mut().and_then(Arc::get_mut).expect("a new part");
        route.filters = filters(seen, of_route);
    }
    let listener = change.listeners[0].1.as_mut().and_then(Arc::get_mut);
    listener.expect("a new part").filters = filters(seen, of_listener);
}

impl Scene {
    fn new(of_listener: &[&'static str], of_route: &[&'static str]) -> Self {
        let seen = Seen::default();
        let mut change = compile_toy(&config(ONE, "timeout: 2s"));
        filtered(&mut change, &seen, of_listener, of_route);
        Scene {
            stand: Stand::of(&change),
            seen,
        }
    }

    /// What was seen since the last time.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn call(&mut self, caller: usize, method: &str, body: &[u8], follows: bool) -> u32 {
        let key = self
            .stand
            .peer(caller)
            .call("a.Service", method, 1000, body, follows);
        self.stand.pass(20);
        key
    }

    /// The questions of the worker, which are all about decisions.
    fn asked(&mut self) -> Vec<Ticket> {
        let questions = self.stand.worker.take_questions();
        let ticket = |q: rialto_core::asking::Question| match q.about {
            Subject::Decision(inquiry) => {
                assert_eq!(&*inquiry.facts, b"a.Service");
                q.ticket
            }
            Subject::Service(_) => panic!("no registry is asked here"),
        };
        questions.into_iter().map(ticket).collect()
    }

    fn decide(&mut self, ticket: Ticket, decision: &[u8]) {
        let result = Ok(Finding::Decision(decision.into()));
        self.stand.worker.answer(&Answer { ticket, result });
        self.stand.pass(20);
    }

    fn text(&mut self, caller: usize, key: u32) -> String {
        let seen = &self.stand.peer(caller).streams[&key];
        assert!(seen.is_complete, "no response");
        String::from_utf8_lossy(&seen.received).into_owned()
    }

    fn is_at_rest(&self) -> bool {
        (self.stand.worker.held_calls(), self.stand.worker.in_flight()) == (0, 0)
    }
}

#[test]
fn filters_are_called_in_every_phase_that_they_want() {
    let mut scene = Scene::new(&["L"], &["R"]);
    let caller = scene.stand.caller();
    let key = scene.call(caller, "m", b"", true);
    let host = scene.stand.host();
    let at = scene.stand.only(host);
    scene.stand.peer(caller).send(key, b"question", true);
    scene.stand.pass(20);
    scene.stand.peer(host).respond(at, b"", true);
    scene.stand.pass(20);
    scene.stand.peer(host).send(at, b"answer", true);
    scene.stand.pass(20);
    assert_eq!(scene.text(caller, key), "answer");
    let seen = scene.seen();
    let wanted = [
        "L made",
        "R made",
        "L request",
        "R request",
        "L part of a request",
        "R part of a request",
        "R response",
        "L response",
        "L part of a response",
        "R part of a response",
        "L end",
        "R end",
    ];
    assert_eq!(seen, wanted);
    // One that refuses a request keeps the later ones from seeing it, and sees its end.
    let key = scene.call(caller, "refuse", b"", false);
    assert_eq!(scene.text(caller, key), "no");
    assert_eq!(scene.seen(), ["L request", "L failed"]);
    assert!(scene.is_at_rest());
}

#[test]
fn what_a_filter_refuses_goes_no_further() {
    let mut scene = Scene::new(&[], &["R"]);
    let caller = scene.stand.caller();
    let key = scene.call(caller, "m", b"", true);
    let host = scene.stand.host();
    let at = scene.stand.only(host);
    scene.stand.peer(caller).send(key, b"hush!", false);
    scene.stand.pass(20);
    assert_eq!(scene.text(caller, key), "not this");
    let seen = &scene.stand.peer(host).streams[&at];
    assert!(seen.received.is_empty() && seen.failed.is_some());
    scene.stand.peer(caller).reset(key);
    // A whole response, and a part of one.
    let key = scene.call(caller, "m", b"?", false);
    let at = *scene.stand.peer(host).streams.keys().last().expect("a call");
    scene.stand.peer(host).respond(at, b"shout!", false);
    scene.stand.pass(20);
    assert_eq!(scene.text(caller, key), "not this");
    let key = scene.call(caller, "m", b"?", false);
    let at = *scene.stand.peer(host).streams.keys().last().expect("a call");
    scene.stand.peer(host).respond(at, b"good", true);
    scene.stand.pass(20);
    scene.stand.peer(host).send(at, b"shout!", true);
    scene.stand.pass(20);
    let seen = &scene.stand.peer(caller).streams[&key];
    assert_eq!((seen.is_complete, &seen.received[..]), (false, &b"good"[..]));
    assert!(seen.failed.is_some());
    assert!(scene.is_at_rest());
    let ends = scene.seen().iter().filter(|s| *s == "R failed").count();
    assert_eq!(ends, 3);
}

#[test]
fn a_call_waits_until_somebody_has_decided_about_it() {
    let mut scene = Scene::new(&[], &["A", "B"]);
    let caller = scene.stand.caller();
    let key = scene.call(caller, "ask", b"", true);
    scene.stand.peer(caller).send(key, b"more", true);
    scene.stand.pass(20);
    assert_eq!(scene.stand.dialed(), [0; 0], "the call has not waited");
    let first = scene.asked();
    assert_eq!(first.len(), 1);
    scene.decide(first[0], b"yes");
    // The next filter asks, too.
    let second = scene.asked();
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
    // The first answer comes once more, and reaches nobody.
    scene.decide(first[0], b"no");
    assert_eq!(scene.stand.dialed(), [0; 0]);
    scene.decide(second[0], b"yes");
    let host = scene.stand.host();
    let at = scene.stand.only(host);
    assert_eq!(scene.stand.peer(host).streams[&at].received, b"more");
    scene.stand.peer(host).respond(at, b"fine", false);
    scene.stand.pass(20);
    assert_eq!(scene.text(caller, key), "fine");
    let wanted = [
        "A made",
        "B made",
        "A request",
        "A part of a request",
        "A resume",
        "B request",
        "B resume",
        "B response",
        "A response",
        "A end",
        "B end",
    ];
    assert_eq!(scene.seen(), wanted);
    assert!(scene.is_at_rest());
}

#[test]
fn decisions_that_deny_come_late_or_never_end_the_call_once() {
    let mut scene = Scene::new(&["L"], &[]);
    let caller = scene.stand.caller();
    let key = scene.call(caller, "ask", b"?", false);
    let asked = scene.asked();
    scene.decide(asked[0], b"no");
    assert_eq!(scene.text(caller, key), "denied");
    assert_eq!(scene.seen(), ["L made", "L request", "L denied", "L failed"]);
    // Its time is over before somebody decides.
    let key = scene.call(caller, "ask", b"?", false);
    let asked = scene.asked();
    scene.stand.pass(1100);
    let text = scene.text(caller, key);
    assert!(
        text.contains("nobody has decided about the call within 1000 ms"),
        "{text}"
    );
    scene.decide(asked[0], b"yes");
    assert_eq!(scene.seen(), ["L request", "L failed"]);
    // Its caller is gone.
    scene.call(caller, "ask", b"", true);
    let asked = scene.asked();
    scene.stand.net.borrow_mut().peer_close(caller);
    scene.stand.pass(20);
    scene.decide(asked[0], b"yes");
    assert_eq!(scene.seen(), ["L request", "L cancelled"]);
    assert_eq!(scene.stand.dialed(), [0; 0]);
    assert!(scene.is_at_rest());
}

#[test]
fn calls_that_wait_for_decisions_are_bounded_for_each_downstream() {
    let mut scene = Scene::new(&[], &["R"]);
    let callers: Vec<usize> = (0..2).map(|_| scene.stand.caller()).collect();
    let mut keys = vec![];
    for _ in 0..1100 {
        keys.push(
            scene
                .stand
                .peer(callers[0])
                .call("a.Service", "ask", 60_000, b"", false),
        );
    }
    scene.stand.pass(50);
    let refused = keys
        .iter()
        .filter(|key| scene.stand.peers[&callers[0]].streams[key].is_complete);
    assert_eq!(refused.count(), 1100 - 1024);
    // Another downstream is not refused for it.
    let other = scene.call(callers[1], "ask", b"", false);
    assert!(!scene.stand.peer(callers[1]).streams[&other].is_complete);
    scene.stand.pass(3000);
    assert!(scene.is_at_rest(), "their time is over");
}

#[test]
fn a_call_keeps_the_filters_that_it_began_with() {
    let mut scene = Scene::new(&[], &["old"]);
    let caller = scene.stand.caller();
    let key = scene.call(caller, "m", b"?", false);
    let host = scene.stand.host();
    let at = scene.stand.only(host);
    scene.seen();
    let mut change = compile_toy(&config(ONE, "timeout: 3s"));
    filtered(&mut change, &scene.seen, &[], &["new"]);
    (change.endpoints, change.clusters, change.limits) = (vec![], vec![], None);
    scene.stand.worker.apply(&change);
    scene.stand.peer(host).respond(at, b"fine", false);
    scene.stand.pass(20);
    assert_eq!(scene.text(caller, key), "fine");
    assert_eq!(scene.seen(), ["new made again", "old response", "old end"]);
    // A change of something else leaves the instance alone.
    change.routes = vec![];
    change.listeners = vec![];
    scene.stand.worker.apply(&change);
    scene.call(caller, "m", b"?", false);
    assert_eq!(scene.seen(), ["new request"]);
}

/// Decisions come in any order, late, twice or never, while callers come and go.
#[test]
fn every_call_ends_once_whatever_is_decided() {
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut scene = Scene::new(&["L"], &["R"]);
        let mut callers: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let (mut open, mut old, mut hosts): (Vec<Ticket>, Vec<Ticket>, Vec<usize>) = (vec![], vec![], vec![]);
        let mut made = 0;
        for step in 0..400 {
            if callers.len() < 3 {
                callers.insert(scene.stand.caller(), vec![]);
            }
            let caller = *callers.keys().nth(rng.usize(..callers.len())).expect("one");
            if step < 300 {
                let method = ["ask", "m", "refuse"][rng.usize(..3)];
                let key = scene
                    .stand
                    .peer(caller)
                    .call("a.Service", method, 500, b"?", false);
                callers.get_mut(&caller).expect("there").push(key);
                made += 1;
            }
            if rng.u8(..40) == 0 {
                scene.stand.net.borrow_mut().peer_close(caller);
                callers.remove(&caller);
            }
            scene.stand.pass(rng.u64(..30));
            open.extend(scene.asked());
            if !open.is_empty() && rng.u8(..4) > 0 {
                let ticket = open.swap_remove(rng.usize(..open.len()));
                let decision: &[u8] = if rng.bool() { b"yes" } else { b"no" };
                scene.decide(ticket, decision);
                old.push(ticket);
            }
            if !old.is_empty() && rng.u8(..5) == 0 {
                let again = old[rng.usize(..old.len())];
                scene.decide(again, b"yes");
            }
            hosts.extend(scene.stand.dialed());
            for host in &hosts {
                let keys: Vec<u32> = scene.stand.peer(*host).streams.keys().copied().collect();
                for key in keys {
                    scene.stand.peer(*host).respond(key, b"fine", false);
                    scene.stand.peer(*host).streams.remove(&key);
                }
            }
        }
        scene.stand.pass(12_000);
        for (caller, keys) in &callers {
            for key in keys {
                let seen = &scene.stand.peers[caller].streams[key];
                assert!(
                    seen.is_complete || seen.failed.is_some(),
                    "seed {seed}: call {key} has no end"
                );
                assert_ne!(seen.status, Some(Status::Exception));
            }
        }
        assert!(scene.is_at_rest(), "seed {seed}");
        let seen = scene.seen();
        let count = |what: &[&str]| seen.iter().filter(|s| what.contains(&s.as_str())).count();
        let begun = count(&["L request"]);
        assert!(begun > 250 && begun <= made, "{begun} of {made}");
        assert_eq!(count(&["L end", "L failed", "L cancelled"]), begun, "seed {seed}");
        assert_eq!(
            count(&["R end", "R failed", "R cancelled"]),
            count(&["R request"]),
            "seed {seed}"
        );
    }
}
